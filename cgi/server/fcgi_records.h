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
 * libfcgi reads a request that has arrived whole, after hs_fcgi_records_whole has seen that it
 * tells no lie: the library believes lengths, and some of them end the process. All other
 * requests, and whatever is odd, are read here, a piece at a time.
 */
#ifndef HS_FCGI_RECORDS_H
#define HS_FCGI_RECORDS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Do the bytes hold a request from begin to end, as every web server writes it: BEGIN_REQUEST
 * for a responder, PARAMS …, an empty one, STDIN …, an empty one, all of one version and one
 * number (FastCGI specification 1.0, 3.3, 5.1, 5.2, 5.3 and 6.2), and pairs that end where the
 * PARAMS end (3.4)? What libfcgi reads otherwise or might wait in for more is none: number 0,
 * padding behind BEGIN_REQUEST.
 */
bool hs_fcgi_records_whole(const unsigned char *p, size_t n);

enum {
	HS_FCGI_HEAD_MAX = 256 << 10, /* bytes of PARAMS; no web server passes on so much */
	HS_FCGI_REPLY_MAX = 4096,     /* bytes of replies that wait to be sent */
	HS_FCGI_VALUES_MAX = 256,     /* bytes of one GET_VALUES */
	HS_FCGI_END_BYTES = 24,       /* of hs_fcgi_put_end */
	HS_FCGI_HEADER_BYTES = 8,
};

enum hs_fcgi_state {
	HS_FCGI_HEAD, /* not all of its variables are there */
	HS_FCGI_BODY, /* not all of its body is there */
	HS_FCGI_WHOLE,
	HS_FCGI_BROKEN, /* against the protocol, aborted, too large a head or out of memory: to be closed */
};

/* One request as it comes in. A zeroed struct is one of which nothing has come. */
struct hs_fcgi_request {
	enum hs_fcgi_state state;
	struct hs_buf head;  /* content of the PARAMS */
	struct hs_buf body;  /* content of the STDIN; set body.max to bound it: BROKEN beyond */
	struct hs_buf reply; /* to be sent to the peer, then reset by the caller */
	unsigned number;
	bool begun, aborted;

	/* fcgi_records.c's: the record that is being read */
	unsigned char header[HS_FCGI_HEADER_BYTES];
	size_t header_n, content, padding; /* bytes of it that are there; that are to come */
	struct hs_buf small;               /* content of a BEGIN_REQUEST or a GET_VALUES */
};

void hs_fcgi_request_free(struct hs_fcgi_request *request);

/*
 * Reads on. In state WHOLE or BROKEN bytes are ignored. When the state goes to BODY the pairs
 * in `head` have been checked.
 */
void hs_fcgi_feed(struct hs_fcgi_request *request, const unsigned char *p, size_t n);

/*
 * The pairs as NAME=VALUE strings in `text`, each with its zero, in `count` pieces; a zero in a name or
 * a value ends it. False: out of memory. The pairs must have been checked.
 */
bool hs_fcgi_variables(struct hs_slice pairs, struct hs_buf *text, size_t *count);

/* The header of a record of STDOUT, of so many bytes, up to 65535, without padding. */
void hs_fcgi_put_stdout(unsigned char to[static HS_FCGI_HEADER_BYTES], unsigned number, size_t n);
/* STDOUT's end and END_REQUEST: the request is complete. */
void hs_fcgi_put_end(unsigned char to[static HS_FCGI_END_BYTES], unsigned number);

#endif
