/*
 * response: an outcome to the bytes of an answer. Pure.
 *
 * The head is in CGI form (RFC 3875, 6.2): "Status: 200 OK", CRLF, headers, empty line.
 */
#ifndef HS_RESPONSE_H
#define HS_RESPONSE_H

#include "base/buf.h"
#include "cgi/http/request.h"
#include "config/settings.h"

struct hs_outcome {
	enum hs_result result;
	bool has_counts; /* a request that was judged event by event */
	bool is_health;
	bool not_synced; /* durability = none: 202 instead of 200 */
	uint64_t accepted, duplicate, rejected;
	uint64_t first_rejected;           /* index in the batch of the event that `why` is about */
	bool in_batch;                     /* say "event 17: " before the message */
	enum hs_result why;                /* of the first rejected event; HS_OK: none */
	bool has_offset;                   /* a JSON error: say where */
	uint64_t offset;
};

/* Fills head and body. `without_body` (HEAD) leaves the body empty but counts it. */
void hs_response(const struct hs_outcome *o, bool without_body, struct hs_buf *head,
                struct hs_buf *body);

/*
 * Instead, for a person in front of a browser: 503 and a page of plain text that says what is
 * missing. Anybody can read it: there is no name, value or path of the settings in it.
 */
void hs_response_unconfigured(const struct hs_settings_error *error, struct hs_buf *head,
                             struct hs_buf *body);

/* The status an outcome is answered with. */
int hs_response_status(const struct hs_outcome *o);

/* Appends the outcome's message as plain text, as it stands in body and log. */
void hs_response_message(const struct hs_outcome *o, struct hs_buf *out);

#endif
