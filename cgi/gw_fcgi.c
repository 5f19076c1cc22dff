/*
 * FastCGI by libfcgi, of which this file knows what the rest need not:
 *
 * - Connections are accepted here, not by the library: its accept cannot be told to stop
 *   without a race, and gives no chance to set a time limit before it reads.
 * - It has no time limits at all. Each connection is watched through a duplicate of its
 *   descriptor (the library may close its own at any moment), and expire() shuts it.
 *   Answers need no limit: they are smaller than any send buffer, and never wait.
 * - A connection serves one request. Keeping it (FCGI_KEEP_CONN) is the application's
 *   choice, and an idle one would hold a thread.
 */
#include "cgi/gateway.h"
#include "store/io.h"
#include "store/log.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEAD_MS = 5000,    /* for the request's variables to arrive */
	STOP_MS = 1000,    /* mod_fcgid kills 3 s after it has asked to stop */
	BACK_OFF_MS = 100, /* when descriptors or memory have run out */
};

struct gw_fcgi {
	struct hs_gateway base; /* first: the two have one address */
	FCGX_Request request;
	int listen_fd, epoll_fd;
	int64_t stop_by_ms; /* 0: not asked to stop yet */

	pthread_mutex_t lock; /* of what follows: expire() comes from another thread */
	int watched;          /* duplicate of the connection's descriptor, or -1 */
	int64_t deadline_ms;
	bool expired;
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
	f->expired = false;
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

/* Reading ends; an answer can still be sent. */
static void fcgi_expire(struct hs_gateway *g, int64_t now_ms)
{
	struct gw_fcgi *f = self(g);

	pthread_mutex_lock(&f->lock);
	if (f->watched >= 0 && now_ms > f->deadline_ms && !f->expired) {
		f->expired = true;
		shutdown(f->watched, SHUT_RD);
	}
	pthread_mutex_unlock(&f->lock);
}

/* --- the next request ------------------------------------------------------- */

/*
 * Those who are connected already when we are asked to stop are served, if that does not
 * take long: closed connections are 500 to their senders.
 */
static bool is_time_up(struct gw_fcgi *f)
{
	int64_t now = hs_io_now_monotonic();

	if (f->stop_by_ms == 0)
		f->stop_by_ms = now + STOP_MS;
	return now > f->stop_by_ms;
}

/* A connection; -1: none, try again (or idle); -2: asked to stop. */
static int accept_one(struct gw_fcgi *f)
{
	struct epoll_event events[2];
	int n = epoll_wait(f->epoll_fd, events, 2, f->base.idle_ms > 0 ? f->base.idle_ms : -1), fd;
	bool stopping = false;

	for (int i = 0; i < n; i++)
		stopping |= events[i].data.fd != f->listen_fd;
	if (n <= 0)
		return -1;
	if (stopping && is_time_up(f))
		return -2;
	fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		hs_log(HS_LOG_WARN, "accept: %s: raise the limit of descriptors", strerror(errno));
		hs_io_pause(BACK_OFF_MS);
	}
	return fd < 0 && stopping ? -2 : fd;
}

static bool prepare_connection(struct gw_fcgi *f, int fd)
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

static int fcgi_next(struct hs_gateway *g)
{
	struct gw_fcgi *f = self(g);
	int fd = accept_one(f);

	if (fd < 0)
		return fd == -2 ? 0 : -1;
	if (!prepare_connection(f, fd))
		return -1;
	/*
	 * Hand the connection over as one that was kept from an earlier request: then the
	 * library reads from it instead of accepting (FCGX_Accept_r, FCGX_Finish_r). If the
	 * request is broken it closes it and tries to accept on -1, which fails at once.
	 */
	f->request.ipcFd = fd;
	f->request.keepConnection = 1;
	if (FCGX_Accept_r(&f->request) < 0) {
		unwatch(f);
		return -1;
	}
	f->request.keepConnection = 0;
	return 1;
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

	set_deadline(f, deadline_ms);
	got = FCGX_GetStr(to, n > INT_MAX ? INT_MAX : (int)n, f->request.in);
	if (got > 0)
		return got;
	if (has_expired(f))
		return -2;
	return FCGX_GetError(f->request.in) != 0 ? -1 : 0;
}

static bool fcgi_write(struct hs_gateway *g, struct hs_slice head, struct hs_slice body)
{
	FCGX_Stream *out = self(g)->request.out;

	return FCGX_PutStr(head.p, (int)head.n, out) == (int)head.n &&
	       FCGX_PutStr(body.p, (int)body.n, out) == (int)body.n;
}

static void fcgi_finish(struct hs_gateway *g)
{
	struct gw_fcgi *f = self(g);

	unwatch(f);
	/* with nothing left to read, no need to linger for a peer that still sends */
	if (FCGX_HasSeenEOF(f->request.in) != 0)
		FCGX_Detach(&f->request);
	FCGX_Finish_r(&f->request);
}

static void fcgi_free(struct hs_gateway *g)
{
	struct gw_fcgi *f = self(g);

	if (f->epoll_fd >= 0)
		close(f->epoll_fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* --- setting up ------------------------------------------------------------- */

bool hs_gw_fcgi_init(void)
{
	return FCGX_Init() == 0;
}

static bool add(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

struct hs_gateway *hs_gw_fcgi_new(int listen_fd, int stop_fd)
{
	struct gw_fcgi *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->base = (struct hs_gateway){ .next = fcgi_next, .params = fcgi_params, .read = fcgi_read,
		                       .write = fcgi_write, .finish = fcgi_finish, .free = fcgi_free,
		                       .expire = fcgi_expire, .reads_past_length = true };
	f->listen_fd = listen_fd;
	f->watched = -1;
	pthread_mutex_init(&f->lock, NULL);
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* exclusive: one connection wakes one thread, not all of them (epoll_ctl(2)) */
	if (f->epoll_fd < 0 || FCGX_InitRequest(&f->request, -1, 0) != 0 ||
	    !add(f->epoll_fd, listen_fd, EPOLLIN | EPOLLEXCLUSIVE) || !add(f->epoll_fd, stop_fd, EPOLLIN)) {
		fcgi_free(&f->base);
		return NULL;
	}
	return &f->base;
}
