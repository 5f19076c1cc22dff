#include "cgi/server/partial_request.h"
#include "base/log.h"
#include "cgi/http/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PART_BYTES = 16 << 10,
	RECORD_MOST = 65535,
	SMALL_ANSWER = 16 << 10,
	LARGE_BYTES = 1 << 20, /* a body of which this much has arrived gets all of its memory at once */
};

static struct hs_partial_request *self(struct hs_transport *transport)
{
	return (struct hs_partial_request *)transport;
}

/* --- memory ----------------------------------------------------------------- */

static _Atomic size_t *share_of(struct hs_partial_request *partial)
{
	return partial->known ? &partial->room->known : &partial->room->unknown;
}

/* Counts what it holds now; of a large body only the bytes written, since other pages have no memory. */
static void count(struct hs_partial_request *partial)
{
	size_t now = partial->request.head.cap + partial->request.body.n + partial->text.cap;

	if (now > partial->held)
		atomic_fetch_add(share_of(partial), now - partial->held);
	else if (now < partial->held)
		atomic_fetch_sub(share_of(partial), partial->held - now);
	partial->held = now;
}

static void let_go(struct hs_partial_request *partial)
{
	hs_fcgi_request_free(&partial->request);
	hs_buf_free(&partial->text);
	free(partial->params);
	partial->params = NULL;
	if (partial->held > 0)
		atomic_fetch_sub(share_of(partial), partial->held);
	partial->held = 0;
}

static void free_unsent(struct hs_partial_request *partial)
{
	atomic_fetch_sub(&partial->room->unsent, partial->unsent.cap);
	hs_buf_free(&partial->unsent);
	partial->sent = 0;
}

void hs_partial_request_free(struct hs_partial_request *partial)
{
	let_go(partial);
	free_unsent(partial);
	close(partial->fd);
	free(partial);
}

/* --- as a transport --------------------------------------------------------- */

static char *const *partial_params(struct hs_transport *transport)
{
	return self(transport)->params;
}

static bool has_unsent(const struct hs_partial_request *partial)
{
	return partial->sent < partial->unsent.n;
}

/* Sends what the socket takes, without waiting. False: the peer is gone. */
static bool send_unsent(struct hs_partial_request *partial)
{
	while (has_unsent(partial)) {
		ssize_t n = send(partial->fd, partial->unsent.p + partial->sent, partial->unsent.n - partial->sent,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		partial->sent += n > 0 ? (size_t)n : 0;
	}
	free_unsent(partial);
	return true;
}

static void put_stdout(struct hs_buf *to, unsigned number, struct hs_slice content)
{
	unsigned char header[HS_FCGI_HEADER_BYTES];

	while (content.n > 0) {
		size_t n = content.n < RECORD_MOST ? content.n : RECORD_MOST;

		hs_fcgi_put_stdout(header, number, n);
		hs_buf_put(to, (char *)header, sizeof header);
		hs_buf_put(to, content.p, n);
		content = hs_slice(content.p + n, content.n - n);
	}
}

/* An answer of more than one record: its bytes are copied, since the poller may have to send the rest. */
static bool write_large(struct hs_partial_request *partial, struct hs_slice head, struct hs_slice body)
{
	struct hs_buf *to = &partial->unsent;
	unsigned char end[HS_FCGI_END_BYTES];
	size_t n = head.n + body.n, records = body.n / RECORD_MOST + 2;

	if (atomic_load(&partial->room->unsent) + n > HS_UNSENT_BYTES ||
	    hs_buf_reserve(to, n + records * HS_FCGI_HEADER_BYTES + sizeof end) == NULL)
		return false;
	put_stdout(to, partial->request.number, head);
	put_stdout(to, partial->request.number, body);
	hs_fcgi_put_end(end, partial->request.number);
	hs_buf_put(to, (char *)end, sizeof end);
	atomic_fetch_add(&partial->room->unsent, to->cap);
	if (send_unsent(partial))
		return true;
	free_unsent(partial);
	return false;
}

/* Never waits: a small answer fits into any send buffer, and only replies can precede it there. */
static bool partial_write(struct hs_transport *transport, struct hs_slice head, struct hs_slice body)
{
	struct hs_partial_request *partial = self(transport);
	unsigned char begin[HS_FCGI_HEADER_BYTES], end[HS_FCGI_END_BYTES];
	struct iovec part[] = { { begin, sizeof begin },
		                { (char *)(uintptr_t)head.p, head.n },
		                { (char *)(uintptr_t)body.p, body.n },
		                { end, sizeof end } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = sizeof part / sizeof *part };
	size_t n = head.n + body.n;

	if (n > SMALL_ANSWER)
		return write_large(partial, head, body);
	if (n == 0)
		return false;
	hs_fcgi_put_stdout(begin, partial->request.number, n);
	hs_fcgi_put_end(end, partial->request.number);
	return sendmsg(partial->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(sizeof begin + n + sizeof end);
}

/* nginx passes an answer on only when it sees the end of the stream. A late answer has been sent whole. */
static void partial_close_answer(struct hs_transport *transport)
{
	shutdown(self(transport)->fd, SHUT_WR);
}

/*
 * A web server that is still sending a body takes a closed connection for a failure, and the sender
 * never sees why it was refused. So the rest is read and dropped. nginx passes an answer on only when
 * it sees the end of the stream, which must not wait for the rest.
 */
static void partial_finish(struct hs_transport *transport)
{
	struct hs_partial_request *partial = self(transport);

	if (partial->request.state != HS_FCGI_BODY && !has_unsent(partial)) {
		hs_partial_request_free(partial);
		return;
	}
	let_go(partial);
	partial->answered = true;
	if (!has_unsent(partial))
		shutdown(partial->fd, SHUT_WR);
	partial->leave_rest(partial->context, partial);
}

static void partial_free(struct hs_transport *transport)
{
	hs_partial_request_free(self(transport));
}

struct hs_partial_request *hs_partial_request_new(int fd, struct hs_room *room, int64_t now_ms)
{
	struct hs_partial_request *partial = calloc(1, sizeof *partial);

	if (partial == NULL)
		return NULL;
	partial->transport = (struct hs_transport){ .params = partial_params,
		                                    .write = partial_write,
		                                    .close_answer = partial_close_answer,
		                                    .finish = partial_finish,
		                                    .free = partial_free,
		                                    .body = &partial->request.body,
		                                    .reads_past_length = true };
	partial->fd = fd;
	partial->room = room;
	partial->begun_ms = now_ms;
	partial->deadline_ms = now_ms + HS_HEAD_MS;
	return partial;
}

/* --- the head ---------------------------------------------------------------- */

/* Makes the variables that the transport returns. */
static bool make_params(struct hs_partial_request *partial)
{
	size_t n;
	char *p;

	if (!hs_fcgi_variables(hs_buf_slice(&partial->request.head), &partial->text, &n))
		return false;
	partial->params = calloc(n + 1, sizeof *partial->params);
	if (partial->params == NULL)
		return false;
	p = partial->text.p;
	for (size_t i = 0; i < n; i++) {
		partial->params[i] = p;
		p += strlen(p) + 1;
	}
	hs_buf_free(&partial->request.head);
	return true;
}

/* Decides what the head alone can decide, before the body is read. */
static void check_head(struct hs_partial_request *partial, const struct hs_settings *settings, int64_t now_ms)
{
	struct hs_buf key = { 0 };
	struct hs_head head;
	enum hs_result result = HS_E_MEMORY;

	if (make_params(partial))
		result = hs_head_read(&head, settings, partial->params, &key);
	hs_buf_free(&key);
	partial->begun_ms = now_ms;
	if (result != HS_OK) {
		partial->transport.verdict = result;
		return;
	}
	partial->length = head.request.content_length;
	/* count() adds it again, to the share that is now known */
	atomic_fetch_sub(share_of(partial), partial->held);
	partial->held = 0;
	partial->known = head.request.route->for_senders && !head.needs_signature;
}

/* --- reading ----------------------------------------------------------------- */

/* Sends replies to the peer's questions. False: the peer does not read them, and is not waited for. */
static bool send_replies(struct hs_partial_request *partial)
{
	struct hs_buf *reply = &partial->request.reply;
	size_t n = reply->n;

	if (n > 0 && send(partial->fd, reply->p, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	hs_buf_reset(reply);
	return true;
}

static enum hs_partial_request_state state_of(const struct hs_partial_request *partial)
{
	const struct hs_fcgi_request *f = &partial->request;

	if (f->state == HS_FCGI_BROKEN || (f->state != HS_FCGI_HEAD && partial->params == NULL))
		return HS_PARTIAL_REQUEST_GONE;
	if (f->state == HS_FCGI_HEAD)
		return HS_PARTIAL_REQUEST_OPEN;
	return f->state == HS_FCGI_WHOLE || partial->transport.verdict != HS_OK || f->body.n > partial->length
	           ? HS_PARTIAL_REQUEST_READY
	           : HS_PARTIAL_REQUEST_OPEN;
}

/*
 * Growing step by step would copy the body, and leave holes as large as itself. Memory that is not
 * written to costs nothing, so it does not matter that the rest may never arrive.
 */
static void reserve_large(struct hs_partial_request *partial)
{
	struct hs_buf *body = &partial->request.body;

	if (body->n > LARGE_BYTES && body->n < partial->length && body->cap < partial->length)
		hs_buf_reserve(body, (size_t)partial->length + PART_BYTES - body->n);
}

static enum hs_partial_request_state feed(struct hs_partial_request *partial, const unsigned char *p, size_t n,
                                          const struct hs_settings *settings, int64_t now_ms)
{
	hs_fcgi_feed(&partial->request, p, n);
	if (!send_replies(partial))
		return HS_PARTIAL_REQUEST_GONE;
	if (partial->request.state == HS_FCGI_BROKEN && !partial->request.aborted)
		hs_log(HS_LOG_INFO,
		       "connection closed: its records break FastCGI's rules; find out what connects to the socket");
	if ((partial->request.state == HS_FCGI_BODY || partial->request.state == HS_FCGI_WHOLE) &&
	    partial->params == NULL)
		check_head(partial, settings, now_ms);
	if (partial->request.state == HS_FCGI_BODY)
		partial->deadline_ms = hs_body_deadline(partial->begun_ms, partial->request.body.n);
	reserve_large(partial);
	count(partial);
	return state_of(partial);
}

/* The peer has closed its side. */
static enum hs_partial_request_state hung_up(struct hs_partial_request *partial)
{
	return hs_partial_request_end(partial, HS_E_SHORT_BODY);
}

enum hs_partial_request_state hs_partial_request_read(struct hs_partial_request *partial, size_t most,
                                                      const struct hs_settings *settings, int64_t now_ms)
{
	unsigned char part[PART_BYTES];
	enum hs_partial_request_state state = HS_PARTIAL_REQUEST_OPEN;

	for (size_t all = 0; all < most && state == HS_PARTIAL_REQUEST_OPEN;) {
		ssize_t got = recv(partial->fd, part, sizeof part, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? HS_PARTIAL_REQUEST_OPEN : HS_PARTIAL_REQUEST_GONE;
		if (got == 0)
			return hung_up(partial);
		all += (size_t)got;
		state = feed(partial, part, (size_t)got, settings, now_ms);
	}
	return state;
}

/*
 * Frees a body that will not be served, so that others get its room. Returns its pages to the system
 * explicitly, because malloc keeps what is freed (heap.h).
 */
static void drop_body(struct hs_partial_request *partial)
{
	struct hs_buf *body = &partial->request.body;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from, to;

	if (body->cap > LARGE_BYTES) {
		from = ((uintptr_t)body->p + page - 1) / page * page;
		to = ((uintptr_t)body->p + body->cap) / page * page;
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	hs_buf_free(body);
}

enum hs_partial_request_state hs_partial_request_end(struct hs_partial_request *partial, enum hs_result verdict)
{
	if (partial->params == NULL)
		return HS_PARTIAL_REQUEST_GONE;
	if (partial->transport.verdict == HS_OK)
		partial->transport.verdict = verdict;
	drop_body(partial);
	count(partial);
	return HS_PARTIAL_REQUEST_READY;
}

uint32_t hs_partial_request_events(const struct hs_partial_request *partial)
{
	/* a request that has arrived whole has only the peer's closing to be told, which sending tells */
	if (has_unsent(partial))
		return partial->request.state == HS_FCGI_BODY ? EPOLLIN | EPOLLOUT : EPOLLOUT;
	return EPOLLIN;
}

static enum hs_partial_request_state drop_rest(struct hs_partial_request *partial)
{
	char part[PART_BYTES];
	ssize_t got = recv(partial->fd, part, sizeof part, MSG_DONTWAIT);

	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return HS_PARTIAL_REQUEST_OPEN;
	return HS_PARTIAL_REQUEST_GONE;
}

enum hs_partial_request_state hs_partial_request_drop(struct hs_partial_request *partial)
{
	if (has_unsent(partial)) {
		if (!send_unsent(partial))
			return HS_PARTIAL_REQUEST_GONE;
		if (!has_unsent(partial))
			shutdown(partial->fd, SHUT_WR);
	}
	if (partial->request.state == HS_FCGI_BODY)
		return drop_rest(partial);
	return has_unsent(partial) ? HS_PARTIAL_REQUEST_OPEN : HS_PARTIAL_REQUEST_GONE;
}
