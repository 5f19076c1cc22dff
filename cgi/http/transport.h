/*
 * transport: where a request comes from and its answer goes to, FastCGI or plain CGI.
 *
 * A transport has one request at a time, which may move from thread to thread. Its strings
 * are valid until finish().
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
	 * Up to n bytes of the body. 0 at its end, -1 if the peer went away or broke the
	 * protocol, -2 if `deadline_ms` (hs_io_now_monotonic's clock) passed.
	 */
	long (*read)(struct hs_transport *transport, char *to, size_t n, int64_t deadline_ms);

	/* Writes head and body of the answer; false if the peer is gone. */
	bool (*write)(struct hs_transport *transport, struct hs_slice head, struct hs_slice body);

	/* Ends the request; the answer is on its way when it returns. */
	void (*finish)(struct hs_transport *transport);

	void (*free)(struct hs_transport *transport);

	/*
	 * The body, if it was read before the request came to a thread; else NULL, and read()
	 * reads it. Its memory may be swapped for other memory.
	 */
	struct hs_buf *body;

	/* Not HS_OK: the answer, unless the head is refused already. */
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

/* Takes over a connection of which hs_transport_fcgi_is_whole is true; false: it is closed. */
bool hs_transport_fcgi_open(struct hs_transport *transport, int fd);

/* Once, before the threads start, after the signal handlers. */
bool hs_transport_fcgi_init(void);

#endif
