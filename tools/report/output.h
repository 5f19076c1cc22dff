/*
 * output: lines on their way to standard output, and how far they have got.
 *
 * Plain, it writes as cat(1) does, and waits as long as that takes. A careful output never waits,
 * and knows the position after the last line that was written whole, for a cursor. On a terminal
 * the lines are shown without the control characters that a sender may have put there.
 */
#ifndef HS_OUTPUT_H
#define HS_OUTPUT_H

#include "base/buf.h"
#include "spool/position/rewrite_log.h"
#include "tools/report/progress.h"

enum { HS_OUTPUT_MARKS = 2048 };

struct hs_output {
	struct hs_buf buf; /* whole lines: append one here, then call hs_output_line */
	bool careful, terminal;
	size_t cleaned; /* bytes of buf without control characters */
	size_t written; /* bytes of buf */
	struct {
		size_t end; /* in buf */
		struct hs_position position;
	} mark[HS_OUTPUT_MARKS]; /* of the lines in buf, if careful */
	size_t marks;
	struct hs_position confirmed; /* after the last line that was written whole */
	struct hs_progress *progress; /* NULL: none */
};

void hs_output_start(struct hs_output *o, bool careful, struct hs_position from);
void hs_output_free(struct hs_output *o);

/*
 * Ends the progress before the first byte is written, unless standard output is a plain file: there
 * nobody sees the lines. The progress must outlive the output.
 */
void hs_output_ends(struct hs_output *o, struct hs_progress *progress);

/*
 * A line was appended; `position` (NULL unless careful) is its end. Writes if there is enough.
 * False with errno: nothing more can be written.
 */
bool hs_output_line(struct hs_output *o, const struct hs_position *position);

/* Writes everything; a careful output: what can be written at once. False with errno. */
bool hs_output_flush(struct hs_output *o);

/* Careful: no line must be appended before a flush has made room. */
bool hs_output_is_full(const struct hs_output *o);

#endif
