/*
 * fcgi_records: FastCGI's frames (specification 1.0). Pure.
 *
 *	connection = record …
 *	record     = version, type, request number (2), content length (2), padding length, 0,
 *	             content, padding
 *	request    = BEGIN_REQUEST, PARAMS …, empty PARAMS, STDIN …, empty STDIN
 *	PARAMS     = a stream of pairs: length of the name, of the value (1 byte, or 4 with the
 *	             highest bit set), name, value; a pair may go across records
 *
 * libfcgi reads a request that has arrived whole, after hs_fcgi_records_whole has checked it: the
 * library trusts lengths, and wrong ones can end the process. This module reads all other
 * requests, a piece at a time.
 */
#ifndef HS_FCGI_RECORDS_H
#define HS_FCGI_RECORDS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * True if the bytes hold a request from begin to end, as every web server writes it: BEGIN_REQUEST
 * for a responder, PARAMS …, an empty one, STDIN …, an empty one, all of one version and one
 * number (FastCGI specification 1.0, 3.3, 5.1, 5.2, 5.3 and 6.2), and pairs that end where the
 * PARAMS end (3.4). False for what libfcgi reads otherwise or may wait in for more: number 0,
 * padding after BEGIN_REQUEST.
 */
bool hs_fcgi_records_whole(const unsigned char *p, size_t n);

enum {
	HS_FCGI_HEAD_MAX = 256 << 10, /* bytes of PARAMS; more than any web server passes on */
	HS_FCGI_REPLY_MAX = 4096,     /* bytes of replies that wait to be sent */
	HS_FCGI_VALUES_MAX = 256,     /* bytes of one GET_VALUES */
	HS_FCGI_END_BYTES = 24,       /* of hs_fcgi_put_end */
	HS_FCGI_HEADER_BYTES = 8,
};

enum hs_fcgi_state {
	HS_FCGI_HEAD, /* its variables have not all arrived */
	HS_FCGI_BODY, /* its body has not all arrived */
	HS_FCGI_WHOLE,
	HS_FCGI_BROKEN, /* protocol error, aborted, too large a head, or out of memory: close the connection */
};

/* A request as it arrives. A zeroed struct is ready for its first byte. */
struct hs_fcgi_request {
	enum hs_fcgi_state state;
	struct hs_buf head;  /* content of the PARAMS */
	struct hs_buf body;  /* content of the STDIN; set body.max to bound it: BROKEN beyond */
	struct hs_buf reply; /* the caller sends it to the peer, then resets it */
	unsigned number;
	bool begun, aborted;

	/* private: the record that is being read */
	unsigned char header[HS_FCGI_HEADER_BYTES];
	size_t header_n;         /* bytes of the header that have arrived */
	size_t content, padding; /* bytes that are still to come */
	struct hs_buf small;     /* content of a BEGIN_REQUEST or a GET_VALUES */
};

void hs_fcgi_request_free(struct hs_fcgi_request *request);

/*
 * Reads the next n bytes; ignores them in state WHOLE or BROKEN. When the state becomes BODY the pairs
 * in `head` have been checked.
 */
void hs_fcgi_feed(struct hs_fcgi_request *request, const unsigned char *p, size_t n);

/*
 * Appends the pairs to `text` as *count strings NAME=VALUE, each with its NUL. A NUL in a name or a value
 * ends it. False: out of memory. The pairs must have been checked.
 */
bool hs_fcgi_variables(struct hs_slice pairs, struct hs_buf *text, size_t *count);

/* Writes the header of a STDOUT record of n bytes, at most 65535, without padding. */
void hs_fcgi_put_stdout(unsigned char to[static HS_FCGI_HEADER_BYTES], unsigned number, size_t n);
/* Writes the end of STDOUT and END_REQUEST: the request is complete. */
void hs_fcgi_put_end(unsigned char to[static HS_FCGI_END_BYTES], unsigned number);

#endif
