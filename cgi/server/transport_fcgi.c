/*
 * FastCGI by libfcgi, of which this file knows what the rest need not:
 *
 * - Connections are accepted by accept.h, not by the library: its accept cannot be told to
 *   stop without a race.
 * - It has no time limits at all, and believes the lengths that a peer claims. So it gets no
 *   request but those that have arrived whole and tell no lie; partial_request.h reads the others.
 * - A connection serves one request. Keeping it (FCGI_KEEP_CONN) is the application's
 *   choice, and an idle one would hold a thread.
 */
#include "base/io.h"
#include "cgi/http/transport.h"
#include "cgi/server/fcgi_records.h"

#include <fcgiapp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WHOLE_BYTES = 16 << 10,
	MOMENT_MS = 1,
};

struct fcgi_transport {
	struct hs_transport base; /* first: the two have one address */
	FCGX_Request request;
};

static struct fcgi_transport *self(struct hs_transport *transport)
{
	return (struct fcgi_transport *)transport;
}

/* --- the next request ------------------------------------------------------- */

/* It may come a moment behind the connection. */
bool hs_transport_fcgi_is_whole(int fd)
{
	unsigned char bytes[WHOLE_BYTES];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0) {
		hs_io_wait_readable(fd, MOMENT_MS);
		n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	}
	return n > 0 && hs_fcgi_records_whole(bytes, (size_t)n);
}

bool hs_transport_fcgi_open(struct hs_transport *transport, int fd)
{
	struct fcgi_transport *fcgi = self(transport);

	/*
	 * Hand the connection over as one that was kept from an earlier request: then the
	 * library reads from it instead of accepting (FCGX_Accept_r, FCGX_Finish_r). If the
	 * request is broken it closes it and tries to accept on -1, which fails at once.
	 */
	fcgi->request.ipcFd = fd;
	fcgi->request.keepConnection = 1;
	if (FCGX_Accept_r(&fcgi->request) < 0)
		return false;
	/*
	 * Variables that end too early are to the library an end like any other: what is there
	 * looks like a request that lacks the rest (405, 411), and that would be final for the
	 * sender. Closed without an answer it is the server's 5xx.
	 */
	if (FCGX_GetError(fcgi->request.in) != 0) {
		FCGX_Free(&fcgi->request, 1);
		return false;
	}
	fcgi->request.keepConnection = 0;
	return true;
}

/* --- one request ------------------------------------------------------------ */

static char *const *fcgi_params(struct hs_transport *transport)
{
	return self(transport)->request.envp;
}

static long fcgi_read(struct hs_transport *transport, char *to, size_t n, int64_t deadline_ms)
{
	struct fcgi_transport *fcgi = self(transport);
	int got = FCGX_GetStr(to, n > INT_MAX ? INT_MAX : (int)n, fcgi->request.in);

	(void)deadline_ms; /* it is there */
	if (got > 0)
		return got;
	return FCGX_GetError(fcgi->request.in) != 0 ? -1 : 0;
}

static bool fcgi_write(struct hs_transport *transport, struct hs_slice head, struct hs_slice body)
{
	FCGX_Stream *out = self(transport)->request.out;

	return FCGX_PutStr(head.p, (int)head.n, out) == (int)head.n &&
	       FCGX_PutStr(body.p, (int)body.n, out) == (int)body.n;
}

/* What was refused by its head has a body that nobody has read. */
static void read_rest(struct fcgi_transport *fcgi)
{
	char dropped[512];

	while (FCGX_GetStr(dropped, sizeof dropped, fcgi->request.in) > 0)
		;
}

static void fcgi_finish(struct hs_transport *transport)
{
	struct fcgi_transport *fcgi = self(transport);

	read_rest(fcgi);
	/* with nothing left to read, no need to linger for a peer that still sends */
	if (FCGX_HasSeenEOF(fcgi->request.in) != 0)
		FCGX_Detach(&fcgi->request);
	FCGX_Finish_r(&fcgi->request);
}

static void fcgi_free(struct hs_transport *transport)
{
	free(self(transport));
}

/* --- setting up ------------------------------------------------------------- */

bool hs_transport_fcgi_init(void)
{
	return FCGX_Init() == 0;
}

struct hs_transport *hs_transport_fcgi_new(void)
{
	struct fcgi_transport *fcgi = calloc(1, sizeof *fcgi);

	if (fcgi == NULL)
		return NULL;
	fcgi->base = (struct hs_transport){ .params = fcgi_params,
		                            .read = fcgi_read,
		                            .write = fcgi_write,
		                            .finish = fcgi_finish,
		                            .free = fcgi_free,
		                            .reads_past_length = true };
	if (FCGX_InitRequest(&fcgi->request, -1, 0) != 0) {
		fcgi_free(&fcgi->base);
		return NULL;
	}
	return &fcgi->base;
}
