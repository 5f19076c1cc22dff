/*
 * outcome: the outcome of a request, and the response that reports it. Pure.
 */
#ifndef HS_OUTCOME_H
#define HS_OUTCOME_H

#include "base/result.h"
#include "cgi/http/response.h"

struct hs_outcome {
	enum hs_result result;
	bool has_counts;                /* each event was validated by itself */
	bool is_healthy;                /* HS_OK means that the service is healthy, and the body says so */
	bool is_catching_up;            /* … and that the index of event ids is being rebuilt */
	bool is_preflight;              /* HS_OK is an answer to OPTIONS: 204 without a body */
	const struct hs_response *page; /* HS_OK is answered with this; NULL: with the counts */
	char retry_after[8];            /* seconds, for 429; "": not known */
	struct hs_slice allow;          /* the methods of the route, for 405 */
	bool not_synced;                /* durability = none: 202 instead of 200 */
	uint64_t accepted, duplicate, rejected;
	uint64_t dropped;        /* by the rules; not kept, and not to be sent again */
	bool is_kept;            /* the spool has what was not dropped */
	uint64_t first_rejected; /* index in the batch of the event that `why` is about */
	bool in_batch;           /* the message begins with "event 17: " */
	enum hs_result why;      /* why the event was rejected; HS_OK: none was */
	bool has_offset;         /* a JSON error: the message ends with the offset */
	uint64_t offset;
};

/* Fills the response, its body included. */
void hs_outcome_respond(const struct hs_outcome *o, struct hs_response *response);

/* The status of that response. */
int hs_outcome_status(const struct hs_outcome *o);

/* Appends the message as plain text, as it is in the body, in the log and in rejected.jsonl. */
void hs_outcome_message(const struct hs_outcome *o, struct hs_buf *out);

#endif
