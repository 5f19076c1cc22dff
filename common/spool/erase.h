/*
 * erase: removes every line of chosen people from the spool: sealed segments, plain and
 * .gz, of the events and of what was rejected; what `hookspool each` set aside (failed*.jsonl);
 * and what was kept of broken files in .hookspool.
 *
 * The steps, in an order in which a kill, a power cut or a full disk anywhere leaves each line
 * whole, there or gone, and something from which the next run of any erase finishes:
 *
 *	1. The open segment is sealed; what comes later is new data. Plans that interrupted runs
 *have left (erase_plan.h) are finished: steps 3 to 5.
 *	2. Whom this run is about is found out (with `aliases`: by the rule of links.h) and written
 *	   down, synced, as a plan.
 *	3. Suppression (suppression_list.h) and the receipts that say "begun" (erasure_log.h).
 *	4. Each file with a line of theirs is replaced by a clean copy (rewrite_log.h, so cursors stay
 *	   good), the events last and in their order. Before a file goes the ids of its events are
 *	   kept (tombstones.h).
 *	5. The receipts that say "done", and only then the plan is removed, which is synced.
 *
 * If a damaged file had to be left as it is, 5 waits until a later run finds it whole or gone.
 */
#ifndef HS_ERASE_H
#define HS_ERASE_H

#include "config/settings.h"
#include "event/links.h"

struct hs_spool;

enum {
	HS_ERASE_SUBJECTS_MAX = 1 << 20, /* people in one run */
};

struct hs_erasure {
	uint64_t events, rejected, others;  /* lines */
	uint64_t files;                     /* replaced; with look_only: that would be */
	uint64_t deletes, waiting;          /* carried out; left because a cursor has not passed them */
	uint64_t placeholders;              /* delete events of nobody in particular: left, see links.h */
	uint64_t damaged;                   /* files that could not be read to their end: untouched */
	uint64_t plans;                     /* of interrupted runs, found; with look_only: that wait */
	uint64_t plans_people, plans_lines; /* of those that were finished first */
	bool busy;                          /* another erase, or a repair, is at work: nothing was done */
	bool too_many;                      /* more than the limit above: nothing of this run was done */
	bool stopped;                       /* go_on said so: the next run finishes it */
	bool unfinished;                    /* a plan is still there, of this run or an earlier one */
};

struct hs_eraser {
	struct hs_subjects *subjects; /* whom; those who are found are added */
	bool from_deletes;            /* whose delete events stand in the spool, each up to that event */
	const char *tenant;           /* of the delete events: this one's ("": nobody's); NULL: all */
	bool aliases;                 /* and the ids to which alias and identify records lead: links.h */
	bool suppress;                /* and keep no event of theirs from now on, see suppression_list.h */
	bool look_only;               /* count, write nothing */
	void *context;
	/* Now and then: bytes done, of how many. False: stop. May be NULL. */
	bool (*go_on)(void *context, uint64_t done, uint64_t all);
	/* With `aliases`: each link that was found, followed or not. May be NULL. */
	void (*tell_link)(void *context, const struct hs_link *link);
};

/*
 * The spool must be one of these settings. HS_OK, or HS_E_IO, HS_E_FULL, HS_E_SYNC,
 * one of class busy, HS_E_MEMORY, one of HS_E_SPOOL_: run it again.
 */
enum hs_result hs_erase(struct hs_spool *spool, const struct hs_settings *settings, const struct hs_eraser *eraser,
                        struct hs_erasure *done);

#endif
