/*
 * erase: removes every line about chosen people from the spool: from sealed segments of the events
 * and of rejected requests, plain and .gz; from dead letters (failed*.jsonl); and from copies of
 * broken files in .hookspool.
 *
 * A kill, a power cut or a full disk at any step leaves each line whole, in place or gone, and a
 * plan from which the next erase finishes. The steps:
 *
 *	1. Suppress those who are given by name, if asked for (suppression_list.h), so that nothing of theirs comes
 *	   from here on. Seal the open segment; what comes later is new data. Finish the plans of interrupted runs
 *	   (erase_plan.h): steps 3 to 5.
 *	2. Find the people of this run (with `aliases`: by the rules of links.h), and up to when lines of theirs
 *	   that are no events go, and write them down as a plan, synced.
 *	3. Suppress the others, too, whom delete events name, if asked for, log that the erasure has begun
 *	   (erasure_log.h), and leave a request for each database of `hookspool load` (erase_requests.h).
 *	4. Replace each file that has lines about them by a clean copy (rewrite_log.h, so that cursors
 *	   stay valid): the events in their order, and after them the dead letters, since one may be written
 *	   until its event is gone (dead_letters.h). Store the ids of the removed events
 *	   (tombstones.h) before each file is replaced, and leave one more request if some of them are
 *	   later than the plan. Then drop the values that the catalogue of events has kept (schema_file.h),
 *	   even if their records had been deleted before.
 *	5. Log that it is done, and only then remove the plan, synced.
 *
 * If a damaged file had to stay, step 5 waits for a later run that finds it whole or gone.
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
	uint64_t events, rejected, others;  /* lines that were removed; with look_only: that would be */
	uint64_t files;                     /* files that were replaced; with look_only: that would be */
	uint64_t deletes, waiting;          /* delete events followed; left, as a cursor has not passed them */
	uint64_t placeholders;              /* delete events without a real id, see links.h: not followed */
	uint64_t damaged;                   /* files that cannot be read to their end: left as they are */
	uint64_t plans;                     /* plans of interrupted runs that were found */
	uint64_t plans_people, plans_lines; /* people and removed lines of those plans */
	bool busy;                          /* an erase, repair, backup or adopt is at work: nothing done */
	bool too_many;                      /* HS_ERASE_SUBJECTS_MAX exceeded: only old plans were finished */
	bool stopped;                       /* go_on returned false: the next run finishes */
	bool unfinished;                    /* a plan is left, of this run or an earlier one */
};

/* The people to erase, and how. All of it stays the caller's. */
struct hs_eraser {
	struct hs_subjects *subjects; /* the people; those that are found are added */
	bool from_deletes;            /* add the user of each delete event, for the events before it */
	const char *tenant;           /* only delete events of this tenant; "": of none; NULL: of all */
	bool aliases;                 /* add the ids to which alias and identify records lead: links.h */
	bool suppress;                /* also drop their later events, see suppression_list.h */
	bool look_only;               /* count, write nothing */
	void *context;
	/* Called now and then with bytes done and in all. False: stop. May be NULL. */
	bool (*go_on)(void *context, uint64_t done, uint64_t all);
	/* With `aliases`: called for each link that was found, followed or not. May be NULL. */
	void (*tell_link)(void *context, const struct hs_link *link);
	/* Called for each database that a request was left for; again for each plan. May be NULL. */
	void (*tell_database)(void *context, const char *database);
};

/*
 * Erases; the spool must have these settings. HS_OK (see `done`); HS_E_IO, HS_E_FULL, HS_E_SYNC, one
 * of class busy, HS_E_CLOCK, HS_E_MEMORY, HS_E_SALT, HS_E_SUPPRESSED or one of HS_E_SPOOL_: run it
 * again.
 */
enum hs_result hs_erase(struct hs_spool *spool, const struct hs_settings *settings, const struct hs_eraser *eraser,
                        struct hs_erasure *done);

#endif
