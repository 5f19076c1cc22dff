/*
 * summary_file: summaries on disk, .hookspool/run/summary. See summary.h.
 *
 * A process that rewrites or compresses a segment writes its summary for the new file before the new
 * file gets its name, so a summary fits at every moment, but for a kill between the two; then maintenance
 * rebuilds it.
 */
#ifndef HS_SUMMARY_FILE_H
#define HS_SUMMARY_FILE_H

#include "event/data_subject.h"
#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"
#include "spool/summary/summary_builder.h"

#define HS_SUMMARY_DIR "summary" /* in .hookspool/run */

/* The temporary files there, one for each lock under which summaries are written. */
#define HS_SUMMARY_BY_MAINTENANCE "maintain-new"
#define HS_SUMMARY_BY_REWRITER "rewrite-new"

/* An open summary that fits its segment. */
struct hs_summary_reader {
	int fd;                        /* -1: there is none */
	int run_dir;                   /* the spool's */
	uint64_t asked_from, asked_to; /* segments that were asked about; to < from: none */
	struct hs_summary head;
	struct hs_summary_file file; /* the summary's own, as it was when it was opened */
	struct hs_buf part;
};

#define HS_SUMMARY_READER_NONE \
	{ \
		.fd = -1, .asked_from = UINT64_MAX \
	}

/*
 * Opens the summary of the segment whose file is `segment`. False, and fd is -1: there is none, or it
 * is not to be believed. That is logged the first time; what is damaged or of another spool is removed
 * if we may, so that maintenance rebuilds it. Opening another one closes the first.
 */
bool hs_summary_open(struct hs_summary_reader *r, const struct hs_spool_dir *dir, bool rejected, uint64_t number,
                     const struct stat *segment);
/* hs_clock_is_before for the events: by the summary, which it opens, if that vouches for every line. */
bool hs_summary_is_before(struct hs_summary_reader *r, const struct hs_spool_dir *dir, const struct hs_sealed *list,
                          size_t count, size_t i, int64_t ms);
void hs_summary_close(struct hs_summary_reader *r); /* frees everything */

/*
 * True if the segment whose file is `segment` has a summary that fits. Then the segment is on stable storage, for it
 * is synced before its summary is written. Logs and removes nothing.
 */
bool hs_summary_is_there(const struct hs_spool_dir *dir, bool rejected, uint64_t number, const struct stat *segment);

/* Removes a summary that was found to be damaged, and logs that. */
void hs_summary_discard(const struct hs_spool_dir *dir, bool rejected, uint64_t number);

/* Reads a part; valid until the next call. p is NULL: there is none, or no memory, or damage (as above). */
struct hs_slice hs_summary_read(struct hs_summary_reader *r, enum hs_summary_kind kind);

/* False only if no line has the id of one of them as user_id, anonymous_id, previous_id or group_id. */
bool hs_summary_may_name(struct hs_summary_reader *r, const struct hs_subjects *people);

/* False only if no line has this name in the field that is counted as TYPES, EVENTS … */
bool hs_summary_may_have(struct hs_summary_reader *r, enum hs_summary_kind kind, struct hs_slice name);

/*
 * Writes what the builder has made. The segment's file will be `file`; if it is a .gz, `plain` is the
 * plain one that it replaces, or NULL. `writer` is one of the names above. HS_OK, also if the builder has none; or
 * results of hs_file_replace.
 */
enum hs_result hs_summary_write(const struct hs_spool_dir *dir, struct hs_summary_builder *b, const struct stat *file,
                                bool gzip, const struct stat *plain, const char *writer);

/*
 * Compares the summary of the segment whose file is `segment` with what the builder made of its lines.
 * False: it fits the file, but is damaged or says something else. A missing one, or one of another file,
 * is true: no reader uses it.
 */
bool hs_summary_agrees(const struct hs_spool_dir *dir, struct hs_summary_builder *b, bool rejected, uint64_t number,
                       const struct stat *segment);

/*
 * Removes a segment's summary, so that none names what the segment is about to lose. HS_OK, or as
 * hs_io_result.
 */
enum hs_result hs_summary_remove(const struct hs_spool_dir *dir, bool rejected, uint64_t number);

/* A segment and its summary, which fitted it. */
struct hs_summary_pair {
	uint64_t number;
	struct hs_summary_file segment, summary;
};

/* The pairs that a pass over a stream found, by ascending number. Zeroed: none; free(3) frees `pair`. */
struct hs_summary_seen {
	char spool[HS_HISTORY_ID]; /* they are this spool's */
	struct hs_summary_pair *pair;
	size_t count, room;
};

/*
 * Makes the summaries that are missing or do not fit, from the segments below `open_number`, and removes
 * those of segments that are gone. `stop` is asked now and then (NULL: never). Under the lock of
 * maintenance. A segment that cannot be read is passed over: verify reports it. HS_OK, HS_E_IO,
 * HS_E_FULL, HS_E_SYNC or HS_E_MEMORY.
 *
 * `seen` spares the next pass from opening what has not changed: it compares the status of the two files
 * with what the pass before found to fit.
 */
struct hs_summary_maker {
	const struct hs_spool_dir *dir;
	bool (*stop)(void *context);
	void *context;
	int64_t since_ms;             /* only of segments that were sealed then or later, by their names */
	uint64_t *made;               /* counted as they are made */
	struct hs_summary_seen *seen; /* the stream's, which this pass brings up to date; NULL: opens all */
};
enum hs_result hs_summary_make_missing(struct hs_summary_maker *m, bool rejected, uint64_t open_number);

#endif
