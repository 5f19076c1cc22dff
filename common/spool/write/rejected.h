/*
 * rejected: lines of rejected.jsonl, for what an authenticated sender sent and intake rejected.
 */
#ifndef HS_REJECTED_H
#define HS_REJECTED_H

#include "base/buf.h"
#include "config/settings.h"

struct hs_rejection {
	struct hs_slice spooled_at;
	int status;
	struct hs_slice message;
	struct hs_slice tenant;             /* n == 0: none */
	struct hs_slice source;             /* label of a source; n == 0: it came by webhook */
	struct hs_slice remote_addr;        /* n == 0: unknown */
	struct hs_slice body;               /* raw text of the event, or of the whole body */
	const struct hs_settings *settings; /* the limits; NULL: none. Not NULL if keeps_no_body */
	bool keeps_no_body;                 /* no erase could find people in it, or it may hold what must not be kept */
};

/*
 * Appends one line; if memory is out hs_buf_ok tells. The line has the body as a JSON string. In a
 * body that is not UTF-8 the invalid bytes become \ufffd there, and body_base64 has the whole body.
 *
 * The body is cut to the smaller of rejected_body and a sixteenth of rejected_max, at the end of a
 * character. Then body_bytes is its length, body_sha256 its hash (unless rejected_body is none), and
 * body_cut is true if anything was kept: the id of the person whom it is about may have been cut
 * off, so an erase within the tenant takes the line. With keeps_no_body only length and hash are kept.
 *
 * `out` has the lines of one request. Once it is longer than a sixteenth of rejected_max no body is
 * kept, and once it is longer than an eighth no line.
 */
void hs_rejected_put(struct hs_buf *out, const struct hs_rejection *r);

/*
 * Returns the message without what belongs to one event or body alone ("event 17: ", ", at byte 8",
 * the file and line of an import), so that equal reasons can be counted together: one of the messages
 * of result.h, or the whole if it has none of them.
 */
struct hs_slice hs_rejected_reason(struct hs_slice message);

#endif
