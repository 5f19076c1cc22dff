/*
 * fcgi_peer: a poller of requests, and the web server at the other end of its connections.
 *
 *	TESTS("…", peer_begin, peer_end)
 */
#ifndef HS_TEST_FCGI_PEER_H
#define HS_TEST_FCGI_PEER_H

#include "base/io.h"
#include "cgi/http/exchange.h"
#include "cgi/server/partial_poller.h"
#include "tests/lib/unit.h"

#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHAPED "0123456789abcdef0123456789abcdef01234567"

enum { MOST = 16, SOON_MS = 60000, BIG = 1 << 20, LARGE = 3 << 20 };

static struct scene {
	struct hs_runtime service;
	struct hs_partial_poller *arrivals;
} s;

/* While it is held, the polling thread waits with a request of which a part has just arrived. */
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_t tester;
static _Atomic bool waits;

static inline struct hs_runtime *use(void *context)
{
	(void)context;
	if (!pthread_equal(pthread_self(), tester)) {
		atomic_store(&waits, true);
		pthread_mutex_lock(&held);
		pthread_mutex_unlock(&held);
	}
	return hs_runtime_share(&s.service);
}

FIXTURE(peer_begin)
{
	struct hs_settings_error error;

	memset(&s, 0, sizeof s);
	tester = pthread_self();
	s.service.settings =
	    hs_settings_new("test.conf", HS_SLICE("spool_dir = /nowhere\nsecret = s3cret\n"), NULL, &error);
	s.service.users = 1; /* the count never reaches 0 */
	s.arrivals = hs_partial_poller_new(MOST, 2, use, NULL);
	return s.service.settings != NULL && s.arrivals != NULL ? 0 : -1;
}

FIXTURE(peer_end)
{
	hs_partial_poller_free(s.arrivals);
	hs_settings_free(s.service.settings);
	return 0;
}

/* --- the peer -------------------------------------------------------------------- */

static inline void put_record(struct hs_buf *b, int type, struct hs_slice content)
{
	const char header[8] = { 1, (char)type, 0, 1, (char)(content.n >> 8), (char)content.n, 0, 0 };

	hs_buf_put(b, header, sizeof header);
	hs_buf_put_slice(b, content);
}

static inline void put_pair(struct hs_buf *b, const char *name, const char *value)
{
	hs_buf_putc(b, (char)strlen(name));
	hs_buf_putc(b, (char)strlen(value));
	hs_buf_put_slice(b, hs_slice_str(name));
	hs_buf_put_slice(b, hs_slice_str(value));
}

static inline void put_head(struct hs_buf *b, const char *length, const char *signature)
{
	struct hs_buf pairs = { 0 };

	put_record(b, 1, hs_slice("\0\1\0\0\0\0\0", 8));
	put_pair(&pairs, "REQUEST_METHOD", "POST");
	put_pair(&pairs, "CONTENT_LENGTH", length);
	if (signature != NULL)
		put_pair(&pairs, "HTTP_X_SIGNATURE", signature);
	put_record(b, 4, hs_buf_slice(&pairs));
	put_record(b, 4, HS_SLICE(""));
	hs_buf_free(&pairs);
}

static inline void say(int fd, struct hs_slice bytes)
{
	assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
}

static inline void say_head(int fd, const char *length, const char *signature)
{
	struct hs_buf b = { 0 };

	put_head(&b, length, signature);
	say(fd, hs_buf_slice(&b));
	hs_buf_free(&b);
}

static inline void say_body(int fd, const char *text)
{
	struct hs_buf b = { 0 };

	put_record(&b, 5, hs_slice_str(text));
	say(fd, hs_buf_slice(&b));
	hs_buf_free(&b);
}

/* Waits until the poller has read all that was said. */
static inline void taken_in(int fd)
{
	int left = 1;

	for (int i = 0; i < SOON_MS / 10 && left > 0; i++) {
		assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
		hs_io_pause(10);
	}
	assert_int_equal(left, 0);
}

/* Reads up to the end of the connection. */
static inline struct hs_buf heard(int fd)
{
	struct hs_buf b = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char part[4096];
	ssize_t n;

	while (poll(&p, 1, SOON_MS) == 1 && (n = recv(fd, part, sizeof part, 0)) > 0)
		hs_buf_put(&b, part, (size_t)n);
	return b;
}

/* Makes a connection and enters its other end; *ready is what that returned. */
static inline int connected(struct hs_partial_request **ready, const char *length, const char *signature)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	if (length != NULL)
		say_head(ends[0], length, signature);
	*ready = hs_partial_poller_enter(s.arrivals, ends[1]);
	return ends[0];
}

/* A connection whose request is there at once; *fd is the peer's end. */
static inline struct hs_partial_request *whole(int *fd)
{
	struct hs_buf b = { 0 };
	struct hs_partial_request *a;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	put_head(&b, "2", SHAPED);
	put_record(&b, 5, HS_SLICE("{}"));
	put_record(&b, 5, HS_SLICE(""));
	say(ends[0], hs_buf_slice(&b));
	hs_buf_free(&b);
	a = hs_partial_poller_enter(s.arrivals, ends[1]);
	assert_non_null(a);
	*fd = ends[0];
	return a;
}

static inline struct hs_partial_request *next_ready(void)
{
	struct pollfd p = { .fd = hs_partial_poller_fd(s.arrivals), .events = POLLIN };
	struct hs_partial_request *a;

	assert_int_equal(poll(&p, 1, 3 * SOON_MS), 1);
	a = hs_partial_poller_next(s.arrivals);
	assert_non_null(a);
	return a;
}

static inline void answer(struct hs_partial_request *a)
{
	struct hs_transport *g = &a->transport;

	assert_true(g->write(g, HS_SLICE("Status: 200 OK\r\n\r\n"), HS_SLICE("{}")));
	g->finish(g);
}

static inline void check_answer(int fd)
{
	struct hs_buf b = heard(fd);

	assert_slice_equal(hs_buf_slice(&b), hs_slice("\1\6\0\1\0\24\0\0Status: 200 OK\r\n\r\n{}"
	                                              "\1\6\0\1\0\0\0\0\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0",
	                                              52));
	hs_buf_free(&b);
	close(fd);
}

static const char large[LARGE];

/* False: there is no room for another large answer. */
static inline bool answer_large(int *fd)
{
	struct hs_partial_request *a = whole(fd);
	bool sent = a->transport.write(&a->transport, HS_SLICE("Status: 200 OK\r\n\r\n"), hs_slice(large, LARGE));

	a->transport.finish(&a->transport);
	return sent;
}

static inline size_t heard_bytes(int fd)
{
	struct hs_buf b = heard(fd);
	size_t n = b.n;

	hs_buf_free(&b);
	close(fd);
	return n;
}

static inline bool is_closed(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, wait_ms) == 1 && (p.revents & POLLHUP) != 0;
}

#endif
