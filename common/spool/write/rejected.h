/*
 * rejected: lines of rejected.jsonl: what an authenticated sender sent and we refused.
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
	struct hs_slice remote_addr;        /* n == 0: unknown */
	struct hs_slice body;               /* raw text of the event, or of the whole body */
	const struct hs_settings *settings; /* the limits; NULL: none */
};

/*
 * Appends one line. The body stands in it as a JSON string; if it is not UTF-8, the odd
 * bytes are \ufffd there and the whole is repeated as body_base64. Look at hs_buf_ok().
 *
 * At most rejected_body bytes of the body are kept, and a sixteenth of rejected_max, up to the
 * end of a character. If that is not all, body_bytes tells its length, body_sha256 its hash,
 * unless rejected_body is none, and body_cut is true if anything was kept: it may be part of a
 * record of somebody whose id was cut off, so an erase within the tenant takes the line.
 *
 * `out` holds the lines of one request. Above a sixteenth of rejected_max no body is kept, and
 * above an eighth no line.
 */
void hs_rejected_put(struct hs_buf *out, const struct hs_rejection *r);

/*
 * The message without what is of this one event or body alone ("event 17: ", ", at byte
 * 8", the file and line of an import), so that like can be counted with like: one of the
 * messages of result.h, or if it has none of them the whole.
 */
struct hs_slice hs_rejected_reason(struct hs_slice message);

#endif
