#include "cgi/server/partial_request.h"
#include "base/log.h"
#include "cgi/http/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PART_BYTES = 16 << 10,
	RECORD_MOST = 65535,
	LARGE_BYTES = 1 << 20, /* a body that has come so far gets all of its memory at once */
};

static struct hs_partial_request *self(struct hs_transport *g)
{
	return (struct hs_partial_request *)g;
}

/* --- memory ----------------------------------------------------------------- */

static _Atomic size_t *share_of(struct hs_partial_request *a)
{
	return a->known ? &a->room->known : &a->room->unknown;
}

/* Counts what the arrival holds now. Of a large body only the pages that have been written are there. */
static void count(struct hs_partial_request *a)
{
	size_t now = a->request.head.cap + a->request.body.n + a->text.cap;

	if (now > a->batch)
		atomic_fetch_add(share_of(a), now - a->batch);
	else if (now < a->batch)
		atomic_fetch_sub(share_of(a), a->batch - now);
	a->batch = now;
}

static void let_go(struct hs_partial_request *a)
{
	hs_fcgi_request_free(&a->request);
	hs_buf_free(&a->text);
	free(a->params);
	a->params = NULL;
	if (a->batch > 0)
		atomic_fetch_sub(share_of(a), a->batch);
	a->batch = 0;
}

void hs_partial_request_free(struct hs_partial_request *a)
{
	let_go(a);
	close(a->fd);
	free(a);
}

/* --- as a transport --------------------------------------------------------- */

static char *const *arrival_params(struct hs_transport *g)
{
	return self(g)->params;
}

/* An answer is smaller than any send buffer, and nothing but replies is before it there. */
static bool arrival_write(struct hs_transport *g, struct hs_slice head, struct hs_slice body)
{
	struct hs_partial_request *a = self(g);
	unsigned char begin[HS_FCGI_HEADER_BYTES], end[HS_FCGI_END_BYTES];
	struct iovec part[] = { { begin, sizeof begin },
		                { (char *)(uintptr_t)head.p, head.n },
		                { (char *)(uintptr_t)body.p, body.n },
		                { end, sizeof end } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = sizeof part / sizeof *part };
	size_t n = head.n + body.n;

	if (n == 0 || n > RECORD_MOST)
		return false;
	hs_fcgi_put_stdout(begin, a->request.number, n);
	hs_fcgi_put_end(end, a->request.number);
	return sendmsg(a->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(sizeof begin + n + sizeof end);
}

/*
 * A server that is still sending a body takes a closed connection for a failure, and the sender
 * never sees why it was refused. So the rest is read, and dropped. nginx passes the end of an answer on
 * only when it sees the end of the stream, which must not wait for the rest.
 */
static void arrival_finish(struct hs_transport *g)
{
	struct hs_partial_request *a = self(g);

	if (a->request.state != HS_FCGI_BODY) {
		hs_partial_request_free(a);
		return;
	}
	let_go(a);
	a->answered = true;
	shutdown(a->fd, SHUT_WR);
	a->leave_rest(a->context, a);
}

static void arrival_free(struct hs_transport *g)
{
	hs_partial_request_free(self(g));
}

struct hs_partial_request *hs_partial_request_new(int fd, struct hs_room *room, int64_t now_ms)
{
	struct hs_partial_request *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	a->transport = (struct hs_transport){ .params = arrival_params,
		                              .write = arrival_write,
		                              .finish = arrival_finish,
		                              .free = arrival_free,
		                              .body = &a->request.body,
		                              .reads_past_length = true };
	a->fd = fd;
	a->room = room;
	a->begun_ms = now_ms;
	a->deadline_ms = now_ms + HS_HEAD_MS;
	return a;
}

/* --- the head ---------------------------------------------------------------- */

/* The variables as a transport returns them. */
static bool make_params(struct hs_partial_request *a)
{
	size_t n;
	char *p;

	if (!hs_fcgi_variables(hs_buf_slice(&a->request.head), &a->text, &n))
		return false;
	a->params = calloc(n + 1, sizeof *a->params);
	if (a->params == NULL)
		return false;
	p = a->text.p;
	for (size_t i = 0; i < n; i++) {
		a->params[i] = p;
		p += strlen(p) + 1;
	}
	hs_buf_free(&a->request.head);
	return true;
}

/* What can be refused by the head alone is, before the body is read. */
static void check_head(struct hs_partial_request *a, const struct hs_settings *settings, int64_t now_ms)
{
	struct hs_buf key = { 0 };
	struct hs_head head;
	enum hs_result r = HS_E_MEMORY;

	if (make_params(a))
		r = hs_head_read(&head, settings, a->params, &key);
	hs_buf_free(&key);
	a->begun_ms = now_ms;
	if (r != HS_OK) {
		a->transport.verdict = r;
		return;
	}
	a->length = head.request.content_length;
	/* what was counted so far is counted again, in its own share */
	atomic_fetch_sub(share_of(a), a->batch);
	a->batch = 0;
	a->known = !head.needs_signature;
}

/* --- reading ----------------------------------------------------------------- */

/* Replies are for peers that ask. Who reads none is not waited for. */
static bool send_replies(struct hs_partial_request *a)
{
	struct hs_buf *reply = &a->request.reply;
	size_t n = reply->n;

	if (n > 0 && send(a->fd, reply->p, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	hs_buf_reset(reply);
	return true;
}

static enum hs_partial_request_state state_of(const struct hs_partial_request *a)
{
	const struct hs_fcgi_request *f = &a->request;

	if (f->state == HS_FCGI_BROKEN || (f->state != HS_FCGI_HEAD && a->params == NULL))
		return HS_PARTIAL_REQUEST_GONE;
	if (f->state == HS_FCGI_HEAD)
		return HS_PARTIAL_REQUEST_OPEN;
	return f->state == HS_FCGI_WHOLE || a->transport.verdict != HS_OK || f->body.n > a->length
	           ? HS_PARTIAL_REQUEST_READY
	           : HS_PARTIAL_REQUEST_OPEN;
}

/*
 * To grow step by step would copy it, and leave holes as large as itself. Memory that is not
 * written to costs nothing, so it is no matter that the rest may never come.
 */
static void reserve_large(struct hs_partial_request *a)
{
	struct hs_buf *body = &a->request.body;

	if (body->n > LARGE_BYTES && body->n < a->length && body->cap < a->length)
		hs_buf_reserve(body, (size_t)a->length + PART_BYTES - body->n);
}

static enum hs_partial_request_state feed(struct hs_partial_request *a, const unsigned char *p, size_t n,
                                          const struct hs_settings *settings, int64_t now_ms)
{
	hs_fcgi_feed(&a->request, p, n);
	if (!send_replies(a))
		return HS_PARTIAL_REQUEST_GONE;
	if (a->request.state == HS_FCGI_BROKEN && !a->request.aborted)
		hs_log(HS_LOG_INFO,
		       "connection closed: its records break FastCGI's rules; see what connects to the socket");
	if ((a->request.state == HS_FCGI_BODY || a->request.state == HS_FCGI_WHOLE) && a->params == NULL)
		check_head(a, settings, now_ms);
	if (a->request.state == HS_FCGI_BODY)
		a->deadline_ms = hs_body_deadline(a->begun_ms, a->request.body.n);
	reserve_large(a);
	count(a);
	return state_of(a);
}

/* The peer has sent all that it will. */
static enum hs_partial_request_state hung_up(struct hs_partial_request *a)
{
	return hs_partial_request_end(a, HS_E_SHORT_BODY);
}

enum hs_partial_request_state hs_partial_request_read(struct hs_partial_request *a, size_t most,
                                                      const struct hs_settings *settings, int64_t now_ms)
{
	unsigned char part[PART_BYTES];
	enum hs_partial_request_state state = HS_PARTIAL_REQUEST_OPEN;

	for (size_t all = 0; all < most && state == HS_PARTIAL_REQUEST_OPEN;) {
		ssize_t got = recv(a->fd, part, sizeof part, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? HS_PARTIAL_REQUEST_OPEN : HS_PARTIAL_REQUEST_GONE;
		if (got == 0)
			return hung_up(a);
		all += (size_t)got;
		state = feed(a, part, (size_t)got, settings, now_ms);
	}
	return state;
}

/*
 * It will not be read: others can have the room now. Its pages go back to the system by themselves, for
 * malloc keeps what is freed (subprocess.c has told it to).
 */
static void drop_body(struct hs_partial_request *a)
{
	struct hs_buf *body = &a->request.body;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from, to;

	if (body->cap > LARGE_BYTES) {
		from = ((uintptr_t)body->p + page - 1) / page * page;
		to = ((uintptr_t)body->p + body->cap) / page * page;
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	hs_buf_free(body);
}

enum hs_partial_request_state hs_partial_request_end(struct hs_partial_request *a, enum hs_result verdict)
{
	if (a->params == NULL)
		return HS_PARTIAL_REQUEST_GONE;
	if (a->transport.verdict == HS_OK)
		a->transport.verdict = verdict;
	drop_body(a);
	count(a);
	return HS_PARTIAL_REQUEST_READY;
}

enum hs_partial_request_state hs_partial_request_drop(struct hs_partial_request *a)
{
	char part[PART_BYTES];
	ssize_t got = recv(a->fd, part, sizeof part, MSG_DONTWAIT);

	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return HS_PARTIAL_REQUEST_OPEN;
	return HS_PARTIAL_REQUEST_GONE;
}
