/*
 * erase: removes every line of chosen people from the spool: sealed segments, plain and
 * .gz, of the events and of what was rejected; what `hookspool each` set aside (failed*.jsonl);
 * and what was kept of broken files in .hookspool.
 *
 * The open segment is sealed first; what comes later is new data. Each file with such a
 * line is replaced by a clean copy (see edits.h, so cursors stay good), the events last and
 * in their order. So a run that ends anywhere leaves every line whole, there or not there,
 * and the next run finishes: a delete event that is still there has not been carried out.
 * The ids of erased events stay known (erased.h), and receipts are written (receipt.h).
 */
#ifndef HS_ERASE_H
#define HS_ERASE_H

#include "core/settings.h"
#include "core/subject.h"

struct hs_spool;

enum {
	HS_ERASE_SUBJECTS_MAX = 1 << 20, /* people in one run */
	HS_ERASE_ALIASES_MAX = 10000,    /* ids found out by aliases in one run */
};

struct hs_erasure {
	uint64_t events, rejected, others; /* lines */
	uint64_t files;                    /* replaced; with look_only: that would be */
	uint64_t deletes, waiting; /* carried out; left because a cursor has not passed them */
	uint64_t damaged;          /* files that could not be read to their end: untouched */
	bool busy;                 /* another erase, or a repair, is at work: nothing was done */
	bool too_many;             /* more than the limits above: nothing was done */
	bool stopped;              /* go_on said so: run it again */
};

struct hs_eraser {
	struct hs_subjects *subjects; /* whom; those who are found out are added */
	bool from_deletes;  /* whose delete events stand in the spool, each up to that event */
	const char *tenant; /* of the delete events: this one's ("": nobody's); NULL: all */
	bool aliases;       /* and whom alias and identify records reveal */
	bool suppress;      /* and keep no event of theirs from now on, see suppress.h */
	bool look_only;     /* count, write nothing */
	void *context;
	/* Now and then: bytes done, of how many. False: stop. May be NULL. */
	bool (*go_on)(void *context, uint64_t done, uint64_t all);
};

/*
 * Erase and repair both put copies in the place of segments: one of them at a time. Takes
 * their lock, for as long as *lock stays open. HS_OK, HS_E_BUSY (it is taken; *lock is -1),
 * HS_E_FULL, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_erase_lock(int run_dir, int *lock);

/*
 * The spool must be one of these settings. HS_OK, or HS_E_IO, HS_E_FULL, HS_E_SYNC,
 * HS_E_BUSY, HS_E_MEMORY, one of HS_E_SPOOL_: run it again.
 */
enum hs_result hs_erase(struct hs_spool *spool, const struct hs_settings *settings,
			const struct hs_eraser *eraser, struct hs_erasure *done);

#endif
