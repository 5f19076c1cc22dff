/*
 * FastCGI by libfcgi, of which this file knows what the rest need not:
 *
 * - Connections are accepted by accept.h, not by the library: its accept cannot be told to
 *   stop without a race, and gives no chance to set a time limit before it reads.
 * - It has no time limits at all. A connection whose request has not arrived yet is watched
 *   through a duplicate of its descriptor (the library may close its own at any moment), and
 *   expire() shuts it: for reading first, so that an answer can be sent. Answers are smaller
 *   than any send buffer; but a peer that asks for values and does not read the replies fills
 *   that, and one that goes on sending keeps FCGX_Finish_r waiting: both directions are next.
 * - A connection serves one request. Keeping it (FCGI_KEEP_CONN) is the application's
 *   choice, and an idle one would hold a thread.
 */
#include "cgi/gateway.h"
#include "cgi/fcgi_records.h"
#include "store/io.h"
#include "store/log.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEAD_MS = 5000,    /* for the request's variables to arrive */
	WHOLE_BYTES = 16 << 10,
	MOMENT_MS = 1,
	END_MS = 3000,     /* for the answer to leave, and the peer to hang up */
	BACK_OFF_MS = 100, /* when descriptors or memory have run out */
};

struct gw_fcgi {
	struct hs_gateway base; /* first: the two have one address */
	FCGX_Request request;
	bool whole; /* all of it was there when it began: it needs no watching */

	pthread_mutex_t lock; /* of what follows: expire() comes from another thread */
	int watched;          /* duplicate of the connection's descriptor, or -1 */
	int64_t deadline_ms;
	bool expired;
	bool ending; /* reading has ended, or need not go on: what is limited now is the rest */
};

static struct gw_fcgi *self(struct hs_gateway *g)
{
	return (struct gw_fcgi *)g;
}

/* --- time limits ------------------------------------------------------------ */

static void watch(struct gw_fcgi *f, int fd, int64_t deadline_ms)
{
	pthread_mutex_lock(&f->lock);
	f->watched = fd;
	f->deadline_ms = deadline_ms;
	f->expired = f->ending = false;
	pthread_mutex_unlock(&f->lock);
}

static void set_deadline(struct gw_fcgi *f, int64_t deadline_ms)
{
	pthread_mutex_lock(&f->lock);
	f->deadline_ms = deadline_ms;
	pthread_mutex_unlock(&f->lock);
}

static bool has_expired(struct gw_fcgi *f)
{
	bool expired;

	pthread_mutex_lock(&f->lock);
	expired = f->expired;
	pthread_mutex_unlock(&f->lock);
	return expired;
}

static void unwatch(struct gw_fcgi *f)
{
	pthread_mutex_lock(&f->lock);
	if (f->watched >= 0)
		close(f->watched);
	f->watched = -1;
	pthread_mutex_unlock(&f->lock);
}

/* Under the lock: END_MS from now it is shut in both directions. */
static void limit_end(struct gw_fcgi *f, int64_t now_ms)
{
	f->ending = true;
	f->deadline_ms = now_ms + END_MS;
}

/* Reading ends; an answer can still be sent, but not for ever. */
static void fcgi_expire(struct hs_gateway *g, int64_t now_ms)
{
	struct gw_fcgi *f = self(g);

	pthread_mutex_lock(&f->lock);
	if (f->watched >= 0 && now_ms > f->deadline_ms) {
		f->expired = true;
		shutdown(f->watched, f->ending ? SHUT_RDWR : SHUT_RD);
		limit_end(f, now_ms);
	}
	pthread_mutex_unlock(&f->lock);
}

/* --- the next request ------------------------------------------------------- */

/* It may come a moment behind the connection. */
bool hs_gw_fcgi_is_whole(int fd)
{
	unsigned char bytes[WHOLE_BYTES];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0) {
		hs_io_wait_readable(fd, MOMENT_MS);
		n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	}
	return n > 0 && hs_fcgi_records_whole(bytes, (size_t)n);
}

static bool watch_connection(struct gw_fcgi *f, int fd)
{
	int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (duplicate < 0) {
		hs_log(HS_LOG_WARN, "connection dropped: %s", strerror(errno));
		close(fd);
		hs_io_pause(BACK_OFF_MS);
		return false;
	}
	watch(f, duplicate, hs_io_now_monotonic() + HEAD_MS);
	return true;
}

bool hs_gw_fcgi_open(struct hs_gateway *g, int fd, bool whole)
{
	struct gw_fcgi *f = self(g);

	f->whole = whole;
	if (!whole && !watch_connection(f, fd))
		return false;
	/*
	 * Hand the connection over as one that was kept from an earlier request: then the
	 * library reads from it instead of accepting (FCGX_Accept_r, FCGX_Finish_r). If the
	 * request is broken it closes it and tries to accept on -1, which fails at once.
	 */
	f->request.ipcFd = fd;
	f->request.keepConnection = 1;
	if (FCGX_Accept_r(&f->request) < 0) {
		unwatch(f);
		return false;
	}
	/*
	 * Variables that end too early (time limit, EOF, ABORT_REQUEST) are to the library an end
	 * like any other: what is there looks like a request that lacks the rest (405, 411), and
	 * that would be final for the sender. Closed without an answer it is the server's 5xx.
	 */
	if (FCGX_GetError(f->request.in) != 0) {
		if (!whole && has_expired(f))
			hs_log(HS_LOG_WARN, "connection closed: no whole request head in %d s", HEAD_MS / 1000);
		FCGX_Free(&f->request, 1);
		unwatch(f);
		return false;
	}
	f->request.keepConnection = 0;
	return true;
}

/* --- one request ------------------------------------------------------------ */

static char *const *fcgi_params(struct hs_gateway *g)
{
	return self(g)->request.envp;
}

static long fcgi_read(struct hs_gateway *g, char *to, size_t n, int64_t deadline_ms)
{
	struct gw_fcgi *f = self(g);
	int got;

	if (!f->whole)
		set_deadline(f, deadline_ms);
	got = FCGX_GetStr(to, n > INT_MAX ? INT_MAX : (int)n, f->request.in);
	if (got > 0)
		return got;
	if (!f->whole && has_expired(f))
		return -2;
	return FCGX_GetError(f->request.in) != 0 ? -1 : 0;
}

static bool fcgi_write(struct hs_gateway *g, struct hs_slice head, struct hs_slice body)
{
	FCGX_Stream *out = self(g)->request.out;

	return FCGX_PutStr(head.p, (int)head.n, out) == (int)head.n &&
	       FCGX_PutStr(body.p, (int)body.n, out) == (int)body.n;
}

/* What was refused by its head has a body that nobody has read. */
static void read_rest(struct gw_fcgi *f)
{
	char dropped[512];

	while (FCGX_GetStr(dropped, sizeof dropped, f->request.in) > 0)
		;
}

static void fcgi_finish(struct hs_gateway *g)
{
	struct gw_fcgi *f = self(g);

	if (f->whole) {
		read_rest(f);
	} else {
		pthread_mutex_lock(&f->lock);
		limit_end(f, hs_io_now_monotonic());
		pthread_mutex_unlock(&f->lock);
	}
	/* with nothing left to read, no need to linger for a peer that still sends */
	if (FCGX_HasSeenEOF(f->request.in) != 0)
		FCGX_Detach(&f->request);
	FCGX_Finish_r(&f->request);
	if (!f->whole)
		unwatch(f);
}

static void fcgi_free(struct hs_gateway *g)
{
	struct gw_fcgi *f = self(g);

	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* --- setting up ------------------------------------------------------------- */

bool hs_gw_fcgi_init(void)
{
	return FCGX_Init() == 0;
}

struct hs_gateway *hs_gw_fcgi_new(void)
{
	struct gw_fcgi *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->base = (struct hs_gateway){ .params = fcgi_params, .read = fcgi_read,
		                       .write = fcgi_write, .finish = fcgi_finish, .free = fcgi_free,
		                       .expire = fcgi_expire, .reads_past_length = true };
	f->watched = -1;
	pthread_mutex_init(&f->lock, NULL);
	if (FCGX_InitRequest(&f->request, -1, 0) != 0) {
		fcgi_free(&f->base);
		return NULL;
	}
	return &f->base;
}
