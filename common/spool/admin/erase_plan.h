/*
 * erase_plan: the people whom an erase has decided to remove: .hookspool/erase-plan-N.
 *
 * Alias, identify and delete events say whom an erase is about, and go with the people themselves. So
 * an erase writes the people down before it removes the first line; if it is interrupted, the next
 * erase finds the plan and finishes it. A plan is written under another name, synced and renamed,
 * so it is whole or not there. It is removed, synced, after the last receipt. Its ids of people are
 * in hexadecimal, for an id need not be UTF-8; its mode is 0600.
 *
 *	{"plan":1,"name":"c0ffee0123456789","spool":"5f0c0f6b…","by":"delete","suppress":false,
 *	 "planned_at":"…","next":43,"sealed_ms":1795428900100,"people":2}
 *	{"kind":"user","id":"752d31","tenant":"acme","derived":false,"deleted":true,
 *	 "segment":42,"offset":700,"edit":1,"until_ms":1795428900123}
 *	…
 *	{"check":"9f86d081884c7d65"}
 *
 * "check" is a hash of the lines before it, for a plan that is damaged would erase another person. A copy
 * of the plan tells each database (erase_requests.h): the events before segment "next" were spooled up to
 * "sealed_ms", unless a clock was ahead. "name" is random.
 *
 * Without "tenant" a person is meant in all tenants. Segment, offset and edit are a position as a
 * cursor has it (rewrite_log.h). Events before it go, and other lines spooled up to "until_ms"; later
 * ones are new data, however late a plan is finished.
 */
#ifndef HS_ERASE_PLAN_H
#define HS_ERASE_PLAN_H

#include "event/data_subject.h"
#include "spool/position/rewrite_log.h"

#define HS_ERASE_PLAN_PREFIX "erase-plan" /* of the names of plans, also of one being written */

enum { HS_ERASE_PLAN_NAME = 40, HS_ERASE_PLAN_ID = 16 };

struct hs_erase_plan {
	char name[HS_ERASE_PLAN_NAME]; /* of its file; "": not written yet */
	char id[HS_ERASE_PLAN_ID + 1]; /* no other plan has it */
	char spool[33];                /* id of the spool's history */
	bool from_deletes, suppress;
	uint64_t next;              /* number of the first segment of new data */
	int64_t sealed_ms;          /* when the segment before it was sealed */
	struct hs_subjects *people; /* the caller's */
};

/* Callers hold the lock of hs_rewriter_lock, and not the one of the rewrite log. */

/*
 * Writes the plan, durably, and sets its name, id and spool. People without limits get them, unless
 * they are suppressed: events before segment plan->next, and other lines spooled until now. HS_OK;
 * HS_E_SYNC, HS_E_LOCKED, or as hs_io_result: there is no such plan.
 */
enum hs_result hs_erase_plan_write(const struct hs_spool_dir *dir, struct hs_rewrite_log *rewrites,
                                   struct hs_erase_plan *plan);

/*
 * True if a person's `newest_ms` is later than the limit that the plan gives to rows: a clock was set back, or other
 * events overtook a delete.
 */
bool hs_erase_plan_is_late(const struct hs_erase_plan *plan, const struct hs_subject *who);

/*
 * Appends a plan, under an id of its own, of those people of a plan for whom that is so; the limit of their rows is
 * newest_ms. False: out of memory.
 */
bool hs_erase_plan_put_late(const struct hs_erase_plan *plan, struct hs_erase_plan *late, struct hs_buf *out);

/*
 * Reads the plan `name`, and adds its people to plan->people. HS_OK, HS_E_IO (also if the plan is
 * damaged, which is logged), HS_E_LOCKED or HS_E_MEMORY.
 */
enum hs_result hs_erase_plan_read(const struct hs_spool_dir *dir, struct hs_rewrite_log *rewrites, const char *name,
                                  struct hs_erase_plan *plan);

/*
 * Reads a copy of a plan in another directory, without locks. The people's positions are as they were
 * when it was written. HS_OK, HS_E_MEMORY or HS_E_IO: it cannot be read, or is damaged (errno is EILSEQ).
 */
enum hs_result hs_erase_plan_read_copy(int folder, const char *name, struct hs_erase_plan *plan);

/* Removes a plan, durably. HS_OK or HS_E_IO. */
enum hs_result hs_erase_plan_remove(int private_dir, const char *name);

/* Removes the unfinished file of a killed hs_erase_plan_write. HS_OK or HS_E_IO. */
enum hs_result hs_erase_plan_drop_unwritten(int private_dir);

/*
 * Calls each(context, name) for every plan, the oldest first, then for an unfinished one. HS_OK,
 * HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_erase_plan_list(int private_dir, void (*each)(void *context, const char *name), void *context);

#endif
