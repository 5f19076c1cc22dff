/*
 * transport_fcgi: FastCGI by libfcgi. Only this file knows its peculiarities:
 *
 * - accept.h accepts connections, because the library's accept cannot be stopped without a race.
 * - It has no time limits, and trusts the lengths that a peer claims. So it gets only requests that
 *   have arrived whole and have been checked; partial_request.h reads the others, and writes large answers.
 * - A connection serves one request. Keeping it (FCGI_KEEP_CONN) is the application's
 *   choice, and an idle connection would hold a thread.
 */
#include "base/io.h"
#include "cgi/http/transport.h"
#include "cgi/server/fcgi_records.h"
#include "cgi/server/partial_poller.h"

#include <fcgiapp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WHOLE_BYTES = 16 << 10,
	MOMENT_MS = 1,
	SMALL_ANSWER = 16 << 10, /* fits into any send buffer */
};

struct fcgi_transport {
	struct hs_transport base; /* first: both have one address */
	FCGX_Request request;
	struct hs_partial_poller *poller;
	bool given_away;          /* the poller has the connection */
	struct Params *variables; /* the library's, taken from it by close_answer; else NULL */
};

static struct fcgi_transport *self(struct hs_transport *transport)
{
	return (struct fcgi_transport *)transport;
}

/* --- the next request ------------------------------------------------------- */

/* The request may arrive a moment after the connection. */
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

bool hs_transport_fcgi_open(struct hs_transport *transport, int fd, struct hs_partial_poller *poller)
{
	struct fcgi_transport *fcgi = self(transport);

	fcgi->poller = poller;
	fcgi->given_away = false;
	/*
	 * Pass the connection off as one that was kept from an earlier request: then the
	 * library reads from it instead of accepting (FCGX_Accept_r, FCGX_Finish_r). If the
	 * request is broken the library closes it and tries to accept on -1, which fails at once.
	 */
	fcgi->request.ipcFd = fd;
	fcgi->request.keepConnection = 1;
	if (FCGX_Accept_r(&fcgi->request) < 0)
		return false;
	/*
	 * The library takes variables that end too early for complete ones. Such a request would
	 * seem to lack headers (405, 411), which would be final for the sender. Closed without an
	 * answer, it becomes the web server's 5xx.
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

	(void)deadline_ms; /* the body has arrived */
	if (got > 0)
		return got;
	return FCGX_GetError(fcgi->request.in) != 0 ? -1 : 0;
}

/* The body of a request that its head has refused was not read. */
static void read_rest(struct fcgi_transport *fcgi)
{
	char dropped[512];

	while (FCGX_GetStr(dropped, sizeof dropped, fcgi->request.in) > 0)
		;
}

/* The library would wait for the peer without a limit. */
static bool give_away(struct fcgi_transport *fcgi, struct hs_slice head, struct hs_slice body)
{
	int fd = fcgi->request.ipcFd;

	read_rest(fcgi);
	fcgi->request.ipcFd = -1;
	fcgi->given_away = true;
	return hs_partial_poller_send(fcgi->poller, fd, (unsigned)fcgi->request.requestId, head, body);
}

static bool fcgi_write(struct hs_transport *transport, struct hs_slice head, struct hs_slice body)
{
	struct fcgi_transport *fcgi = self(transport);
	FCGX_Stream *out = fcgi->request.out;

	if (head.n + body.n > SMALL_ANSWER)
		return give_away(fcgi, head, body);
	return FCGX_PutStr(head.p, (int)head.n, out) == (int)head.n &&
	       FCGX_PutStr(body.p, (int)body.n, out) == (int)body.n;
}

static void fcgi_finish(struct hs_transport *transport)
{
	struct fcgi_transport *fcgi = self(transport);

	if (fcgi->variables != NULL) {
		fcgi->request.paramsPtr = fcgi->variables;
		fcgi->variables = NULL;
		FCGX_Free(&fcgi->request, 0);
		return;
	}
	if (fcgi->given_away) {
		FCGX_Free(&fcgi->request, 0);
		return;
	}
	read_rest(fcgi);
	/* with nothing left to read, no need to linger for a peer that still sends */
	if (FCGX_HasSeenEOF(fcgi->request.in) != 0)
		FCGX_Detach(&fcgi->request);
	FCGX_Finish_r(&fcgi->request);
}

/* The library ends a request and frees its variables in one call. What is not there it does not free. */
static void fcgi_close_answer(struct hs_transport *transport)
{
	struct fcgi_transport *fcgi = self(transport);
	struct Params *variables = fcgi->request.paramsPtr;

	fcgi->request.paramsPtr = NULL;
	fcgi_finish(transport);
	fcgi->variables = variables;
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
		                            .close_answer = fcgi_close_answer,
		                            .finish = fcgi_finish,
		                            .free = fcgi_free,
		                            .reads_past_length = true };
	if (FCGX_InitRequest(&fcgi->request, -1, 0) != 0) {
		fcgi_free(&fcgi->base);
		return NULL;
	}
	return &fcgi->base;
}
