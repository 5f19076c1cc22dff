/* transport_cgi: plain CGI (RFC 3875): one request in each process. */
#include "base/io.h"
#include "cgi/http/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

extern char **environ;

enum {
	WRITE_MS = 10000,
	DRAIN_MS = 10000,  /* for the rest of a refused body … */
	SILENCE_MS = 1000, /* … as long as it keeps coming */
};

struct cgi_transport {
	struct hs_transport base; /* first: both have one address */
	bool ended;               /* the body has been read to its end */
	bool closed;              /* standard output is */
	uint64_t bytes;           /* bytes of the body that were read */
};

static char *const *cgi_params(struct hs_transport *transport)
{
	(void)transport;
	return environ;
}

/* 1: ready; 0: the deadline passed; -1: error. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		int64_t left = deadline_ms - hs_io_now_monotonic();

		r = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	return r;
}

static long cgi_read(struct hs_transport *transport, char *to, size_t n, int64_t deadline_ms)
{
	struct cgi_transport *self = (struct cgi_transport *)transport;
	int ready = wait_for(STDIN_FILENO, POLLIN, deadline_ms);
	ssize_t got;

	if (ready <= 0)
		return ready == 0 ? -2 : -1;
	do {
		got = read(STDIN_FILENO, to, n);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		self->ended = true;
	else
		self->bytes += (uint64_t)got;
	return got;
}

/* Removes n bytes from the front of the two parts. */
static void take_off(struct iovec part[2], size_t n)
{
	for (int i = 0; i < 2; i++) {
		size_t part_n = n < part[i].iov_len ? n : part[i].iov_len;

		part[i].iov_base = (char *)part[i].iov_base + part_n;
		part[i].iov_len -= part_n;
		n -= part_n;
	}
}

/* Usually one call: a server that got the head alone would wake up twice. */
static bool cgi_write(struct hs_transport *transport, struct hs_slice head, struct hs_slice body)
{
	struct iovec part[2] = { { (char *)(uintptr_t)head.p, head.n }, { (char *)(uintptr_t)body.p, body.n } };
	int64_t deadline = hs_io_now_monotonic() + WRITE_MS;

	(void)transport;
	while (part[0].iov_len + part[1].iov_len > 0) {
		ssize_t n;

		if (wait_for(STDOUT_FILENO, POLLOUT, deadline) <= 0)
			return false;
		n = writev(STDOUT_FILENO, part, 2);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		take_off(part, (size_t)n);
	}
	return true;
}

/*
 * A server that cannot send the rest of a body takes that for a failure, and the sender never
 * sees why it was refused (Apache: AH02651). So the rest is read and dropped, but not beyond
 * CONTENT_LENGTH, because the end of file may never come (RFC 3875, 4.2).
 */
static void cgi_close_answer(struct hs_transport *transport)
{
	struct cgi_transport *self = (struct cgi_transport *)transport;
	const char *length = getenv("CONTENT_LENGTH");
	uint64_t all = length != NULL && length[0] != '\0' ? strtoull(length, NULL, 10) : UINT64_MAX;
	int64_t end = hs_io_now_monotonic() + DRAIN_MS;
	char dropped[16384];

	while (!self->ended && self->bytes < all && hs_io_now_monotonic() < end)
		if (cgi_read(transport, dropped, sizeof dropped, hs_io_now_monotonic() + SILENCE_MS) <= 0)
			break;
	/* the end of the answer: the server need not wait until the process has ended */
	close(STDOUT_FILENO);
	self->closed = true;
}

/* The number of a closed descriptor may be a file's by now. */
static void cgi_finish(struct hs_transport *transport)
{
	if (!((struct cgi_transport *)transport)->closed)
		cgi_close_answer(transport);
}

static void cgi_free(struct hs_transport *transport)
{
	free(transport);
}

struct hs_transport *hs_transport_cgi_new(void)
{
	struct cgi_transport *self = calloc(1, sizeof *self);

	if (self == NULL)
		return NULL;
	self->base = (struct hs_transport){ .params = cgi_params,
		                            .read = cgi_read,
		                            .write = cgi_write,
		                            .close_answer = cgi_close_answer,
		                            .finish = cgi_finish,
		                            .free = cgi_free,
		                            .reads_past_length = false };
	return &self->base;
}
