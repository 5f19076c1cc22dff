/*
 * transport: reads a request from FastCGI or plain CGI, and writes its answer there.
 *
 * A transport has one request at a time, which may move from thread to thread. Its strings
 * are valid until finish(). Calls for one request do not overlap, but that params() may be called
 * while another thread is in write() or close_answer().
 */
#ifndef HS_TRANSPORT_H
#define HS_TRANSPORT_H

#include "base/buf.h"
#include "base/result.h"

#include <stdint.h>

struct hs_transport {
	/* The request's NAME=VALUE strings, NULL-terminated (RFC 3875, 4.1). */
	char *const *(*params)(struct hs_transport *transport);

	/*
	 * Reads up to n bytes of the body, and returns their number; 0 at its end, -1 if the peer is
	 * gone or broke the protocol, -2 if `deadline_ms` (hs_io_now_monotonic's clock) has passed.
	 */
	long (*read)(struct hs_transport *transport, char *to, size_t n, int64_t deadline_ms);

	/* Writes head and body of the answer; false if the peer is gone. */
	bool (*write)(struct hs_transport *transport, struct hs_slice head, struct hs_slice body);

	/*
	 * Shows the peer the end of the answer, and keeps the strings: another thread may still read them.
	 * Call finish() when it is done. Not needed otherwise.
	 */
	void (*close_answer)(struct hs_transport *transport);

	/* Ends the request. The answer is sent by the time it returns. */
	void (*finish)(struct hs_transport *transport);

	void (*free)(struct hs_transport *transport);

	/*
	 * The body, if it has been read already; else NULL, and read() reads it. The handler may
	 * exchange its memory for other memory.
	 */
	struct hs_buf *body;

	/* If it is not HS_OK, the request gets this answer, unless its head gets another. */
	enum hs_result verdict;

	/* Whether bytes after CONTENT_LENGTH may be read (RFC 3875, 4.2 forbids it to CGI). */
	bool reads_past_length;
};

/* Plain CGI: environ, descriptor 0, descriptor 1; one request. NULL: out of memory. */
struct hs_transport *hs_transport_cgi_new(void);

/* FastCGI. NULL: out of memory. */
struct hs_transport *hs_transport_fcgi_new(void);

/*
 * True if the connection holds a whole request that is small and keeps to the protocol: then
 * serving it never waits for the peer.
 */
bool hs_transport_fcgi_is_whole(int fd);

/*
 * Takes over a connection for which hs_transport_fcgi_is_whole is true. The poller gets a large answer, so that
 * no thread waits for a slow peer. False: it was closed.
 */
struct hs_partial_poller;
bool hs_transport_fcgi_open(struct hs_transport *transport, int fd, struct hs_partial_poller *poller);

/* Call once, after the signal handlers are set and before threads start. False: it failed. */
bool hs_transport_fcgi_init(void);

#endif
