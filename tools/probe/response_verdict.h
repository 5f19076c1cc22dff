/*
 * response_verdict: judges a receiver's answer as Segment does and puts it into words. Pure. The
 * body is not trusted: no byte of it reaches a terminal unfiltered.
 */
#ifndef HS_RESPONSE_VERDICT_H
#define HS_RESPONSE_VERDICT_H

#include "base/slice.h"

#include <stdint.h>

/* The colours of the partner console: 2xx, 501 (unsupported type), the rest. */
enum hs_colour { HS_GREEN, HS_YELLOW, HS_RED };

struct hs_response_verdict {
	enum hs_colour colour;
	bool json;     /* the body is a JSON object */
	bool counted;  /* it has the three counts of hookspool */
	bool success;  /* … the member "success":true, as answers of direct intake */
	bool error;    /* … the member "error" */
	char code[48]; /* … the member "code"; as `message` */
	uint64_t accepted, duplicate, rejected;
	char message[256];  /* one line, UTF-8, no control characters; "" if there is none */
	const char *remedy; /* for a message of hookspool; "": unknown */
};

/*
 * Reads an answer. `message` comes from the body, or else from counts and status. False: out of
 * memory.
 */
bool hs_response_verdict_read(struct hs_response_verdict *a, int status, struct hs_slice body);

#endif
