#include "cgi/server/accept.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STOP_MS = 1000,    /* mod_fcgid kills 3 s after it has asked to stop */
	BACK_OFF_MS = 100, /* when descriptors or memory have run out */
};

struct hs_acceptor {
	int listen_fd, epoll_fd;
	const _Atomic bool *stopping;
	int64_t stop_by_ms; /* 0: not asked to stop yet */
};

static bool add(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

struct hs_acceptor *hs_acceptor_new(int listen_fd, int stop_fd, int ready_fd, const _Atomic bool *stopping)
{
	struct hs_acceptor *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	a->listen_fd = listen_fd;
	a->stopping = stopping;
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* exclusive: a connection wakes one thread, not all (epoll_ctl(2)) */
	if (a->epoll_fd < 0 || !add(a->epoll_fd, listen_fd, EPOLLIN | EPOLLEXCLUSIVE) ||
	    !add(a->epoll_fd, stop_fd, EPOLLIN) || !add(a->epoll_fd, ready_fd, EPOLLIN | EPOLLEXCLUSIVE)) {
		hs_acceptor_free(a);
		return NULL;
	}
	return a;
}

void hs_acceptor_free(struct hs_acceptor *a)
{
	if (a == NULL)
		return;
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	free(a);
}

static bool is_time_up(struct hs_acceptor *a)
{
	int64_t now = hs_io_now_monotonic();

	if (a->stop_by_ms == 0)
		a->stop_by_ms = now + STOP_MS;
	return now > a->stop_by_ms;
}

/* Tried before waiting: under load a connection is always there, and epoll_wait(2) is saved. */
static int accept_one(struct hs_acceptor *a)
{
	int fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		hs_log(HS_LOG_WARN, "accept: %s: raise the limit on open files", strerror(errno));
		hs_io_pause(BACK_OFF_MS);
	}
	return fd;
}

int hs_acceptor_next(struct hs_acceptor *a, int idle_ms)
{
	struct epoll_event events[3];
	bool stopping = atomic_load(a->stopping);
	int fd, ready;

	if (stopping && is_time_up(a))
		return HS_ACCEPT_STOP;
	fd = accept_one(a);
	if (fd >= 0)
		return fd;
	if (stopping)
		return HS_ACCEPT_STOP;
	ready = epoll_wait(a->epoll_fd, events, 3, idle_ms > 0 ? idle_ms : -1);
	if (ready == 0)
		return HS_ACCEPT_IDLE;
	fd = accept_one(a);
	return fd >= 0 ? fd : HS_ACCEPT_AGAIN;
}
