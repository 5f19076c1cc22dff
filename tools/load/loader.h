/*
 * loader: gathers records in a batch, and writes the batch into a database: rows and position in one
 * transaction, so that each record is there exactly once, through any kill of either side.
 *
 *	add … add → flush:  new tables and columns, in transactions of their own
 *	                    BEGIN, and read the position: it must be where the batch begins
 *	                    rows of each table; users and accounts; the position where the batch ends
 *	                    COMMIT
 *
 * If the answer to COMMIT is lost, the position tells after the next BEGIN: where the batch ends, so it is
 * in; or where it begins, so it is not. Anything else is another loader's work, and ends this one.
 *
 * A value that its column does not take goes to _rest; a row that is too wide takes everything but the
 * common columns there; a row that the database refuses even so is found by halving, becomes a dead letter, and
 * is passed over.
 */
#ifndef HS_LOADER_H
#define HS_LOADER_H

#include "spool/position/rewrite_log.h"
#include "tools/load/misfits.h"
#include "tools/load/patience.h"
#include "tools/load/people.h"

enum {
	/* text of a batch; beside it are two copies of people's ids, and the row of one of them */
	HS_LOADER_BYTES = 4 << 20,
	HS_LOADER_REFUSED = 100, /* more refused rows than this, one after another, are no row's fault */
	HS_LOADER_STOPPED = HS_PATIENCE_STOPPED, /* in place of an exit code: `stop` ended a wait for the database */
};

struct hs_loader_options {
	struct hs_catalogue_options catalogue;
	struct hs_row_options rows;
	size_t batch;        /* records of a transaction, at most */
	bool watch;          /* tells on standard error of new tables and columns, and of the first misfits */
	bool once;           /* gives up after a while, instead of waiting for ever */
	bool ignore_deletes; /* on_delete = ignore */
	int64_t wait_ms;     /* before a batch is tried again; 0: half a second, a minute if only a person can help */
	const char *spool;   /* id of the spool's history */
	const char *command; /* for messages */
	/*
	 * A record that the database refused, with its reason: writes the dead letter. Unless it returns HS_OK the
	 * batch waits, or the run ends if it is for once.
	 */
	enum hs_result (*refused)(void *context, struct hs_slice line, struct hs_position after, const char *why);
	/* True if a signal asks to end: then no call waits after a failure; it returns HS_LOADER_STOPPED. */
	bool (*stop)(void *context);
	void *context;
};

struct hs_loader_counts {
	uint64_t records, rows, rest, refused, erased;
	uint64_t tables, columns; /* new ones */
	uint64_t gone, damaged;   /* segments that were missing; lines that are no records */
};

struct hs_loader;

/* The options and the target must outlive it. NULL: out of memory. */
struct hs_loader *hs_loader_new(const struct hs_loader_options *options, struct hs_target *target);
void hs_loader_free(struct hs_loader *loader); /* NULL is fine; drops what was added */

/*
 * Connects, reads tables and position. 0 and *at (found: false for a new name), or an exit code after a
 * message to standard error.
 */
int hs_loader_open(struct hs_loader *loader, struct hs_target_position *at);

/* The position where the next record begins. */
void hs_loader_begin_at(struct hs_loader *loader, const struct hs_target_position *at);

/* Segments that are missing before the next record: they count with its batch. */
void hs_loader_note_gone(struct hs_loader *loader, uint64_t segments);

/*
 * Adds a record; `after` is its end, whose hash the loader makes. True: taken. False: the batch is full, call
 * hs_loader_flush and add it again; or *code is an exit code, after a message. If hs_loader_must_flush() then,
 * hs_loader_flush comes before the line changes.
 */
bool hs_loader_add(struct hs_loader *loader, struct hs_slice line, struct hs_position after, int *code);

/* The end of the last record that is in the database, with the hash of its line. */
struct hs_position hs_loader_position(const struct hs_loader *loader);

/* True if the last line that was added is so long that there is no copy of it. */
bool hs_loader_must_flush(const struct hs_loader *loader);

/* Records added and not yet written. */
size_t hs_loader_waiting(const struct hs_loader *loader);

/*
 * Writes the batch. 0, and everything before the last `after` is in the database; or an exit code after a
 * message: EXIT_FAILURE if more than HS_LOADER_REFUSED rows were refused in a row, of which none becomes a dead letter.
 */
int hs_loader_flush(struct hs_loader *loader);

/*
 * Deletes a person's rows, in a transaction of its own; nothing may wait. 0, and they are gone; or an exit code after
 * a message.
 */
int hs_loader_erase(struct hs_loader *loader, const struct hs_person *person);

struct hs_loader_counts hs_loader_counts(const struct hs_loader *loader);

/* The columns with values that did not fit. */
struct hs_misfits *hs_loader_misfits(struct hs_loader *loader);

/* The last record that was added and not yet written; p == NULL: none. */
struct hs_slice hs_loader_last(const struct hs_loader *loader);

#endif
