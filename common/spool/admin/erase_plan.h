/*
 * erase_plan: whom an erase has settled to remove: .hookspool/erase-plan-N.
 *
 * What tells who belongs to whom, alias and identify records and delete events, goes with the
 * people themselves. So an erase writes down whom it is about before it removes the first line,
 * and whatever ends it, the next erase finds the plan and finishes it. A plan is written beside its
 * name, synced and renamed, so it is whole or not there; it goes, and that is synced, behind the
 * last receipt. It holds ids of people, in hexadecimal, for an id need not be UTF-8; mode 0600.
 *
 *	{"plan":1,"by":"delete","suppress":false,"planned_at":"…","people":2}
 *	{"kind":"user","id":"752d31","tenant":"acme","derived":false,
 *	 "segment":42,"offset":700,"edit":1,"until_ms":1795428900123}
 *	…
 *
 * Without "tenant" it is whatever tenant. Segment, offset and edit are a position as a cursor has
 * it (rewrite_log.h): events before it go; other lines go that were spooled up to "until_ms". What comes
 * behind these is new data, however late a plan is finished.
 */
#ifndef HS_ERASE_PLAN_H
#define HS_ERASE_PLAN_H

#include "event/data_subject.h"
#include "spool/position/rewrite_log.h"

#define HS_ERASE_PLAN_PREFIX "erase-plan" /* of its name, also of one that is being written */

enum { HS_ERASE_PLAN_NAME = 40 };

struct hs_erase_plan {
	char name[HS_ERASE_PLAN_NAME]; /* "": not written yet */
	bool from_deletes, suppress;
	struct hs_subjects *people; /* the caller's */
};

/* The caller of all of these holds the erase lock, and no lock of `edits`. */

/*
 * Writes the plan, for good, and gives it a name. People without a limit get one, unless they are
 * suppressed: events before segment `next`, and what was spooled until now. HS_OK, HS_E_IO, HS_E_FULL, HS_E_SYNC,
 * HS_E_LOCKED or HS_E_MEMORY: no plan is there.
 */
enum hs_result hs_erase_plan_write(const struct hs_spool_dir *dir, struct hs_rewrite_log *rewrites, uint64_t next,
                                   struct hs_erase_plan *plan);

/*
 * Reads the plan of that name; its people are added to plan->people. HS_OK, HS_E_IO (also if it
 * is damaged: it is logged), HS_E_LOCKED or HS_E_MEMORY.
 */
enum hs_result hs_erase_plan_read(const struct hs_spool_dir *dir, struct hs_rewrite_log *rewrites, const char *name,
                                  struct hs_erase_plan *plan);

/* Removes it, for good. HS_OK or HS_E_IO. */
enum hs_result hs_erase_plan_remove(int private_dir, const char *name);

/* Removes what a kill left of one that was being written. HS_OK or HS_E_IO. */
enum hs_result hs_erase_plan_drop_unwritten(int private_dir);

/*
 * Calls each(context, name) for every plan, the oldest first, and for one that is being written
 * last. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_erase_plan_list(int private_dir, void (*each)(void *context, const char *name), void *context);

#endif
