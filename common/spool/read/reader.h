/*
 * reader: reads the events of a spool in use: sealed segments, plain and .gz, by number, then
 * the open one. Memory does not grow with the spool.
 *
 *	result = hs_reader_open(settings, &reader);
 *	hs_reader_start(reader, position);       // zeroed: the oldest event
 *	while ((what = hs_reader_next(reader, &line)) == HS_READ_LINE)
 *		…
 *
 * A reader returns only whole lines that are acknowledged: before the state's `synced` mark (with
 * durability = none: `written`). A position stays valid through rotation, compression and
 * rewrites.
 *
 * A reader holds the state's lock shared, as a handler does. After a crash or a reboot it prepares
 * the open segment, as a writer would; otherwise it takes the append lock once for each segment,
 * to look at it. A reader that may not write takes neither (spool_dir.h). One thread uses a reader.
 */
#ifndef HS_READER_H
#define HS_READER_H

#include "spool/position/rewrite_log.h"
#include "spool/summary/summary_file.h"

struct hs_reader;

/*
 * Opens a reader; the settings must outlive it. It is at the oldest event. HS_OK, HS_E_SPOOL_DIR if
 * there is no spool (none is made), HS_E_MEMORY, or as hs_spool_dir_open_to_read.
 */
enum hs_result hs_reader_open(const struct hs_settings *settings, struct hs_reader **opened);
/*
 * Like hs_reader_open, without a look at each name in the folder for segments that are no plain files: maintenance logs
 * those once. For maintenance itself, and for consoles and monitors, which open a reader every second.
 */
enum hs_result hs_reader_open_quietly(const struct hs_settings *settings, struct hs_reader **opened);
void hs_reader_close(struct hs_reader *reader); /* NULL is fine */

/* The open spool, for a cursor say; valid until the reader is closed. */
const struct hs_spool_dir *hs_reader_dir(const struct hs_reader *reader);

/* Its rewrite log, for the positions that the caller holds; not locked, valid until the reader is closed. */
struct hs_rewrite_log *hs_reader_rewrites(const struct hs_reader *reader);

/* The next line will be the one at this position; zeroed: the oldest. */
void hs_reader_start(struct hs_reader *reader, struct hs_position position);

/*
 * Makes positions carry the hash of the line before them from now on, and the present one if that
 * line is there. HS_OK, HS_E_MEMORY or as hs_reader_result.
 */
enum hs_result hs_reader_remember(struct hs_reader *reader);

/* Whether a saved position belongs to this spool: the line before it tells. */
enum hs_fit {
	HS_FIT,
	HS_FIT_UNKNOWN, /* that line was erased or deleted, or the position has no hash */
	HS_FIT_NOT,     /* another line is there, or none */
};

/* Sets *fit, and starts at the position. HS_OK, HS_E_MEMORY or as hs_reader_result. */
enum hs_result hs_reader_fit(struct hs_reader *reader, struct hs_position position, enum hs_fit *fit);

/* Starts at the first event that was spooled at `ms` (since 1970) or later. Results as above. */
enum hs_result hs_reader_since(struct hs_reader *reader, int64_t ms);

/*
 * From now on, at the start of a sealed segment that has a summary, the reader asks
 * may_match(context, summary). If that is false, no line of the segment is wanted: hs_reader_next passes
 * over it (HS_READ_SKIPPED), and so do hs_reader_last and hs_reader_back. Only summaries that vouch for every line are
 * asked about (`odd` is 0).
 */
void hs_reader_choose(struct hs_reader *reader, bool (*may_match)(void *context, struct hs_summary_reader *summary),
                      void *context);
/* After HS_READ_SKIPPED and hs_reader_back: the lines that were passed over. */
uint64_t hs_reader_skipped(const struct hs_reader *reader);

enum hs_read {
	HS_READ_LINE,    /* *line is the next line, without its '\n'; valid until the next call */
	HS_READ_END,     /* there is no line at present */
	HS_READ_SKIPPED, /* a segment was passed over, see hs_reader_choose: call again */
	HS_READ_GAP,     /* segments are missing: see hs_reader_gap. Reading goes on after them */
	HS_READ_AHEAD,   /* the position is after the end: it belongs to another spool */
	HS_READ_FAILED,  /* see hs_reader_result; the next call tries again. HS_E_SPOOL_DIR while
	                   following: the directory was moved, removed or replaced; open a new reader */
};

enum hs_read hs_reader_next(struct hs_reader *reader, struct hs_slice *line);

/* The position after the last line: what a cursor saves once that line is dealt with. Makes its hash. */
struct hs_position hs_reader_position(struct hs_reader *reader);
/* As hs_reader_position, without the hash, which costs more than reading the line does: before is 0. */
struct hs_position hs_reader_place(const struct hs_reader *reader);

/* After HS_READ_FAILED: why. Logged if the remedy does not say enough. */
enum hs_result hs_reader_result(const struct hs_reader *reader);

/* After HS_READ_GAP: the first and last missing number. */
void hs_reader_gap(const struct hs_reader *reader, uint64_t *first, uint64_t *last);

/* Sets *end to the present end, to stop there. HS_OK, or as hs_segment_begin. */
enum hs_result hs_reader_end(struct hs_reader *reader, struct hs_position *end);

/* True if every line before `end` was returned. */
bool hs_reader_has_passed(const struct hs_reader *reader, struct hs_position end);

/*
 * Starts before the last n lines for which is_wanted is true (NULL: any line), or before all if
 * there are fewer. Reads backwards, no further than needed. n is at most HS_READER_LAST_MAX. HS_OK,
 * HS_E_MEMORY or as hs_reader_result.
 */
enum { HS_READER_LAST_MAX = 1 << 20 };
enum hs_result hs_reader_last(struct hs_reader *reader, size_t n,
                              bool (*is_wanted)(void *context, struct hs_slice line), void *context);

/*
 * For going back through the spool by windows. Starts at *start, the first line that begins in the `most`
 * bytes of text before *stop, or in more where a line is longer. At the start of a segment *stop becomes the
 * end of the one before. *start is *stop if nothing is before it. If hs_reader_skipped is above 0 afterwards, the
 * window is a whole segment, and no line of it is wanted. HS_OK, HS_E_MEMORY or as hs_reader_result.
 */
enum hs_result hs_reader_back(struct hs_reader *reader, struct hs_position *stop, uint64_t most,
                              struct hs_position *start);

/*
 * A reader goes on in a segment that it has open, also once erase or repair has replaced the file. This leaves such a
 * segment: the next line comes from the present file. So it does if the rewrite log cannot be read, or the next call
 * says why not.
 */
void hs_reader_leave_replaced(struct hs_reader *reader);

/* Translates a position to the present files. HS_OK, or as hs_rewrite_log_share and hs_rewrite_log_translate. */
enum hs_result hs_reader_renew(struct hs_reader *reader, struct hs_position *position);

/*
 * Following. After HS_READ_END: sleep until the descriptor is readable (poll(2)) or
 * hs_reader_patience() milliseconds have passed (-1: no limit), call hs_reader_look, then
 * hs_reader_next again. An idle reader costs nothing: inotify(7) reports each write, and the loss
 * of the shared state, which no process can replace while a reader holds it. A write is
 * acknowledged a moment later; meanwhile the patience is short. Without inotify the descriptor
 * is -1, which poll ignores, and the patience is 25 ms.
 */
int hs_reader_watch(struct hs_reader *reader);
int64_t hs_reader_patience(struct hs_reader *reader);
void hs_reader_look(struct hs_reader *reader);

/* Does all three: sleeps until there may be a line, a signal comes, or most_ms (-1: no limit) pass. */
void hs_reader_wait(struct hs_reader *reader, int64_t most_ms);

#endif
