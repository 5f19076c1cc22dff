/*
 * reader: walks the events of a spool while it lives: sealed segments, plain and .gz, by
 * their numbers, then the open one, in memory that does not grow with them.
 *
 *	r = hs_reader_open(settings, &reader);
 *	hs_reader_start(reader, position);       // zeroed: the oldest event
 *	while ((what = hs_reader_next(reader, &line)) == HS_READ_LINE)
 *		…
 *
 * Only whole lines are delivered, and only what is acknowledged: below the state's
 * `synced` mark (with durability = none: below `written`). What lies there never changes
 * its place, so a position stays good through rotation, compression and edits.
 *
 * The reader is a user of the spool: it holds the state's lock shared, as the handler
 * does, and if nobody knows what is in the open segment (after a crash, after a reboot) it
 * does what any next opener does: it brings it into order. Otherwise it takes the append
 * lock once a segment, for a glance. One thread uses a reader.
 */
#ifndef HS_READER_H
#define HS_READER_H

#include "spool/position/rewrite_log.h"
#include "spool/summary/summary_file.h"

struct hs_reader;

/*
 * The settings must outlive it. HS_E_SPOOL_DIR if there is no spool (none is made), and
 * the other results of hs_spool_dir_open.
 */
enum hs_result hs_reader_open(const struct hs_settings *settings, struct hs_reader **reader);
void hs_reader_close(struct hs_reader *reader); /* NULL is fine */

/* For a cursor of the same spool. */
const struct hs_spool_dir *hs_reader_place(const struct hs_reader *reader);

/* The next line will be the one at this position. */
void hs_reader_start(struct hs_reader *reader, struct hs_position position);

/*
 * From now on positions carry the hash of the line before them; so does the present one, if
 * it can be had. HS_OK, HS_E_MEMORY or a result of reading.
 */
enum hs_result hs_reader_remember(struct hs_reader *reader);

/* Is a saved position one of this history: does the line before it stand there? */
enum hs_fit {
	HS_FIT,
	HS_FIT_UNKNOWN, /* nobody can tell: that line was erased, deleted, or not noted */
	HS_FIT_NOT,     /* another line stands there, or none */
};

/* Then starts there, as hs_reader_start. HS_OK, HS_E_MEMORY or a result of reading. */
enum hs_result hs_reader_fit(struct hs_reader *reader, struct hs_position position, enum hs_fit *fit);

/* Starts at the first event that was spooled at this time or later. HS_OK or as above. */
enum hs_result hs_reader_since(struct hs_reader *reader, int64_t ms);

/*
 * From now on, at the start of a sealed segment that has a summary, the reader asks
 * may_match(context, summary). If that is false, no line of the segment is wanted: hs_reader_next passes
 * over it (HS_READ_SKIPPED), and so does hs_reader_last. Only summaries that vouch for every line are
 * asked about (`odd` is 0).
 */
void hs_reader_choose(struct hs_reader *reader, bool (*may_match)(void *context, struct hs_summary_reader *summary),
                      void *context);
/* After HS_READ_SKIPPED: the lines that were passed over. */
uint64_t hs_reader_skipped(const struct hs_reader *reader);

enum hs_read {
	HS_READ_LINE,    /* *line is the next line, without its '\n', until the next call */
	HS_READ_END,     /* there is none at present */
	HS_READ_SKIPPED, /* a segment was passed over, see hs_reader_choose: call again */
	HS_READ_GAP,     /* segments are gone: see hs_reader_gap. Reading goes on behind them */
	HS_READ_AHEAD,   /* the position lies behind the end: it is of another spool */
	HS_READ_FAILED,  /* see hs_reader_result; the next call tries again. HS_E_SPOOL_DIR, while
	                   following: the folder was moved, removed or replaced: open it anew */
};

enum hs_read hs_reader_next(struct hs_reader *reader, struct hs_slice *line);

/* Behind the line that was delivered last: what a cursor is to say once it is done. */
struct hs_position hs_reader_position(const struct hs_reader *reader);

/* After HS_READ_FAILED: why. It is logged when the remedy alone would not tell. */
enum hs_result hs_reader_result(const struct hs_reader *reader);

/* After HS_READ_GAP: the first and last number that are gone. */
void hs_reader_gap(const struct hs_reader *reader, uint64_t *first, uint64_t *last);

/* The present end, to stop there. HS_OK or the results of hs_segment_prepare. */
enum hs_result hs_reader_end(struct hs_reader *reader, struct hs_position *end);

/* Has everything before `end` been delivered? */
bool hs_reader_has_passed(const struct hs_reader *reader, struct hs_position end);

/*
 * Starts so that the last n lines for which is_wanted (NULL: any) holds are still to come;
 * fewer if there are fewer. Looks at no more of the spool than that takes. n is at most
 * HS_READER_LAST_MAX. HS_OK or a result of reading.
 */
enum { HS_READER_LAST_MAX = 1 << 20 };
enum hs_result hs_reader_last(struct hs_reader *reader, size_t n,
                              bool (*is_wanted)(void *context, struct hs_slice line), void *context);

/*
 * Following. After HS_READ_END: sleep until the descriptor is readable (poll(2)) or
 * hs_reader_patience() milliseconds have passed (-1: no limit), call hs_reader_look, and
 * then hs_reader_next again. Idle, this costs nothing: inotify(7) tells of each write, and of
 * the loss of the shared state, which nobody can set up before we let it go. The
 * acknowledgement comes a moment after the write; from the one to the other the reader
 * asks to be called again soon. Where inotify is not to be had (-1, ignored by poll) it
 * asks for that always, every 25 ms.
 */
int hs_reader_watch(struct hs_reader *reader);
int64_t hs_reader_patience(struct hs_reader *reader);
void hs_reader_look(struct hs_reader *reader);

/* All three: sleeps until there may be something to see, a signal came, or at most so long. */
void hs_reader_wait(struct hs_reader *reader, int64_t most_ms);

#endif
