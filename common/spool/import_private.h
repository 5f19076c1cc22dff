/* import_private: what the parts of import share. */
#ifndef HS_IMPORT_PRIVATE_H
#define HS_IMPORT_PRIVATE_H

#include "base/hash.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/admin/import_checkpoint.h"
#include "spool/file/line_reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/rejected.h"

#include <pthread.h>

enum {
	COMMIT_EVENTS = 4000,
	COMMIT_MS = 70000, /* longer than rotate_min_gap; no sender waits for it */
};

/*
 * A line of a commit that has no id, or was rejected: only the checkpoint prevents it from being
 * appended twice.
 */
struct trace {
	uint64_t hash;     /* the first member, see hs_array_from */
	size_t at, n, row; /* bytes in the buffer, and number of the line, from 0 */
	size_t people;     /* of a rejected line: bytes of the next record in commit.people; 0: none */
	bool landed;       /* it is in the spool already */
	bool suppressed;   /* it is a rejected line about a suppressed person */
};

/* The traces of one stream. */
struct traces {
	const struct hs_buf *lines; /* the buffer */
	struct trace *trace;        /* room for COMMIT_EVENTS */
	size_t count;
};

/* Some thousand events of the archive, to be appended at once. */
struct commit {
	struct hs_record_maker maker;
	struct hs_buf rejected;
	struct hs_buf people;        /* records of hs_named_put_record, of rejected events */
	struct traces weak, refused; /* of maker's lines, of rejected */
	char spooled_at[HS_TIMESTAMP_TEXT + 1];

	uint64_t first_line, read;
	struct hs_spot to;       /* after its last event */
	uint64_t texts, objects; /* values where an event should be; JSON objects among them */
	uint64_t rejections, left_out, duplicate, suppressed, dropped, already;
	uint64_t kept_out;              /* rejected events of suppressed people */
	uint64_t undated, undated_line; /* of left_out */
};

/* How far the archive has been read. */
struct reading {
	struct hs_line_reader lines;
	struct hs_json json; /* of the current text: a line, or part of a long one */
	uint64_t base;       /* offset of that text */
	bool open;           /* there is a text */
	bool cut;            /* its line goes on after it */
	struct hs_spot spot; /* of the next value; `event` counts rejected ones, too */
};

/* The thread that appends; all but `thread` under the lock. */
struct appender {
	pthread_t thread;
	pthread_mutex_t lock; /* also of run.done's counts */
	pthread_cond_t changed;
	struct commit *handed_over; /* NULL: nothing to do */
	enum hs_result result;      /* of the last append */
	bool ending;
};

/* The state from which a later run resumes. */
struct resume {
	bool on; /* false: no checkpoint */
	struct hs_import_checkpoint checkpoint;
	struct hs_opened_spool opened;
	uint64_t newest[HS_STREAMS]; /* numbers of the newest sealed segments at the start */
};

/* The import of one archive. */
struct run {
	struct hs_spool *spool;
	const struct hs_settings *settings;
	const struct hs_importer *how;
	struct hs_imported *done;
	struct hs_slice name; /* for lines of the rejected file */
	uint64_t seed;
	uint64_t garbage; /* lines and values since the last JSON object */
	struct reading in;
	struct hs_buf message;
	struct commit commit[2]; /* one is filled while the other is appended */
	struct appender appender;
	struct resume resume;
};

/* Empties the commit. */
void hs_import_empty(struct run *x, struct commit *c);

/*
 * Reads events into the commit, up to offset `to` at most. *more: the archive goes on. HS_OK, also if
 * reading failed (run.done), or HS_E_MEMORY.
 */
enum hs_result hs_import_fill(struct run *x, struct commit *c, uint64_t to, bool *more);

/* Removes the rejected lines that have landed, or are of suppressed people. Sorts their traces by row. */
void hs_import_drop_refused(struct commit *c);

/*
 * A rejected line may hold the whole event, so that of a suppressed person must not become one. Asks the spool about
 * them, and removes such lines. Results of hs_spool_suppresses.
 */
enum hs_result hs_import_drop_suppressed(struct run *x, struct commit *c);

/* Appends the commit, and moves the checkpoint. Results of hs_spool_append or of the checkpoint. */
enum hs_result hs_import_append(struct run *x, struct commit *c);

/* Adds the commit's counts to run.done. */
void hs_import_count(struct run *x, const struct commit *c);

/* Opens the next line, or the next part of a long one. *more: there is one. */
void hs_import_open_text(struct run *x, bool *more);

/* Reads the next value of the current text into the commit. *more is false if reading failed. */
enum hs_result hs_import_take_piece(struct run *x, struct commit *c, bool *more);

/* Repeats the unfinished commit of an earlier run, without the lines that are in the spool. */
enum hs_result hs_import_finish_try(struct run *x, struct commit *c, bool *more);

#endif
