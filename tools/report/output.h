/*
 * output: lines on their way to standard output, and how far they have got.
 *
 * Plain, it behaves as cat(1) does: signals and a closed pipe end the process. With a
 * cursor it must know which lines were written before it ends. Then SIGINT, SIGTERM, SIGHUP
 * and a closed pipe only set `ended_by`, the position behind the last line that was written
 * whole can be asked for, and at the very end hs_output_die lets the signal do its work.
 * On a terminal the lines are shown without what would control it.
 */
#ifndef HS_OUTPUT_H
#define HS_OUTPUT_H

#include "base/buf.h"
#include "spool/position/rewrite_log.h"

enum { HS_OUTPUT_MARKS = 2048 };

struct hs_output {
	struct hs_buf buf; /* whole lines: put one here, then call hs_output_line */
	bool careful, terminal; /* to a terminal what others sent is cleaned: terminal.h */
	size_t cleaned;         /* bytes of buf that are */
	int signals;  /* signalfd(2); -1: signals act by themselves */
	int ended_by; /* a signal's number; 0: none */
	struct {
		size_t end; /* in buf */
		struct hs_position position;
	} mark[HS_OUTPUT_MARKS]; /* of the lines in buf, if careful */
	size_t marks;
	struct hs_position confirmed; /* behind the last line that was written */
};

/* False: out of descriptors (errno). */
bool hs_output_start(struct hs_output *o, bool careful, struct hs_position from);
void hs_output_free(struct hs_output *o);

/*
 * A line was put; `position` is behind it. Writes when there is enough. False if nothing
 * more can be written: ended_by tells, or if that is 0, errno.
 */
bool hs_output_line(struct hs_output *o, struct hs_position position);

/* Writes what there is; `position` is behind everything that was read, shown or not. */
bool hs_output_flush(struct hs_output *o, struct hs_position position);

/* Has a signal come? */
bool hs_output_stopped(struct hs_output *o);

/*
 * Sleeps until `fd` (-1: none) is readable, a signal came, nobody reads standard output
 * any more, or ms have passed (-1: no limit). False as above.
 */
bool hs_output_wait(struct hs_output *o, int fd, int64_t ms);

/* Ends the process by the signal that ended the output, if one did. */
void hs_output_die(const struct hs_output *o);

#endif
