/*
 * erasure_log: receipts of erasures, without the ids of people: erased.jsonl in the spool.
 *
 *	{"erased_at":"…","state":"done","kind":"user","id":"9f86…","tenant":"acme",
 *	 "events":17,"others":1,"by":"delete","suppressed":false,"erased_ids":17,"erased_check":"1c291ca3"}
 *
 * "id" is the SHA-256 of the salt in .hookspool/salt, the kind, a colon and the id. With an id and
 * the salt one can find its receipts; from a receipt one cannot find the id:
 *
 *	printf %s "$(cat .hookspool/salt)user:u-1" | sha256sum
 *
 * An erasure has two receipts: "begun" before the first line goes, "done" after the last. A killed
 * run leaves "begun" alone until another run finishes. The last receipt of an id counts. "erased_ids" and
 * "erased_check", in those that say "done", are of .hookspool/erased-ids (tombstones.h); a line with the state
 * "given up" has nothing else: the file is taken as it is since then.
 */
#ifndef HS_ERASURE_LOG_H
#define HS_ERASURE_LOG_H

#include "event/data_subject.h"
#include "spool/dedup/tombstones.h"
#include "spool/shared/spool_dir.h"

struct hs_erasure_entry {
	const char *state; /* "begun", "done" */
	const char *by;    /* "command", "delete" */
	bool suppressed;
	const struct hs_tombstones_sum *ids; /* NULL: nothing is said of them */
};

/* Appends a receipt for each subject, durably. HS_OK, HS_E_SALT, HS_E_SYNC, or as hs_io_result. */
enum hs_result hs_erasure_log_put(const struct hs_spool_dir *dir, const struct hs_subjects *subjects,
                                  const struct hs_erasure_entry *receipt);

/* Notes durably that the erased ids are taken as they are. HS_OK, HS_E_SYNC, HS_E_MEMORY, or as hs_io_result. */
enum hs_result hs_erasure_log_give_up(const struct hs_spool_dir *dir);

/*
 * Calls report with the line (from 1) of each "begun" that is the last receipt of its kind, id and
 * tenant. The caller holds the lock of hs_rewriter_lock. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_erasure_log_unfinished(const struct hs_spool_dir *dir, void (*report)(void *context, uint64_t line),
                                         void *context);

#endif
