/*
 * response_verdict: what a receiver's answer to an event means to Segment, and to a person. Pure.
 * The body is a stranger's: nothing of it reaches a terminal unfiltered.
 */
#ifndef HS_RESPONSE_VERDICT_H
#define HS_RESPONSE_VERDICT_H

#include "base/slice.h"

#include <stdint.h>

/* As the partner console shows them: 2xx, 501 (a type that is not supported), the rest. */
enum hs_colour { HS_GREEN, HS_YELLOW, HS_RED };

struct hs_response_verdict {
	enum hs_colour colour;
	bool json;    /* the body is a JSON object */
	bool counted; /* it has the three counts, as hookspool's has */
	uint64_t accepted, duplicate, rejected;
	char message[256];  /* one line, UTF-8, no control characters; "" if there is none */
	const char *remedy; /* for a message of hookspool's own; "" if none is known */
};

/*
 * Reads an answer. `message` is that of the body, or else told from counts and status.
 * False: out of memory.
 */
bool hs_response_verdict_read(struct hs_response_verdict *a, int status, struct hs_slice body);

#endif
