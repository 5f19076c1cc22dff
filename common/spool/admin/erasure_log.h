/*
 * erasure_log: what was erased, without saying whose it was: erased.jsonl in the spool.
 *
 *	{"erased_at":"…","state":"done","kind":"user","id":"9f86…","tenant":"acme",
 *	 "events":17,"others":1,"by":"delete","suppressed":false}
 *
 * "id" is the SHA-256 of the salt in .hookspool/salt, the kind, a colon and the id; so
 * whoever knows an id can find its receipts, and nobody else can tell whom they are about:
 *
 *	printf %s "$(cat .hookspool/salt)user:u-1" | sha256sum
 *
 * A receipt is written twice: "begun" before the first line goes, "done" behind the last.
 * A run that was killed leaves a "begun" alone, until somebody runs it again: the last
 * receipt of an id is what counts.
 */
#ifndef HS_ERASURE_LOG_H
#define HS_ERASURE_LOG_H

#include "event/data_subject.h"
#include "spool/shared/spool_dir.h"

struct hs_erasure_entry {
	const char *state; /* "begun", "done" */
	const char *by;    /* "command", "delete" */
	bool suppressed;
};

/*
 * One line for each of them, durably. HS_OK, HS_E_SALT, HS_E_IO, HS_E_FULL, HS_E_SYNC or
 * HS_E_MEMORY.
 */
enum hs_result hs_erasure_log_put(const struct hs_spool_dir *dir, const struct hs_subjects *subjects,
                                  const struct hs_erasure_entry *receipt);

/*
 * Reports the line (from 1) of each last receipt of an id, for a tenant, that is a "begun".
 * The caller keeps others from erasing meanwhile. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_erasure_log_unfinished(const struct hs_spool_dir *dir, void (*report)(void *context, uint64_t line),
                                         void *context);

#endif
