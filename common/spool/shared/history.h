/*
 * history: which spool this is, and which of its lives: .hookspool/spool.
 *
 *	{"id":"5f0c0f6b…","epoch":2,"settled":true,"begun_at":"2026-11-28T10:15:00.123Z"}
 *
 * The id is random and made with the spool; a mirror and a restored backup have it, too.
 * `hookspool adopt` raises the epoch: what is appended from then on is another history than
 * the one that the original went on with. Each saved position carries both, and a hash of
 * the line before it, so that one of another history is told and never followed silently.
 *
 * It is on stable storage before the spool's first event. Where it is missing beside
 * segments .hookspool was lost: service goes on under a new id that is not settled, until
 * somebody has run adopt.
 */
#ifndef HS_HISTORY_H
#define HS_HISTORY_H

#include "base/result.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HS_HISTORY_ID = 32 }; /* hex digits */
#define HS_HISTORY_FILE "spool"
#define HS_HISTORY_BACKUP "backup" /* the same of a backup, see backup.h; settled: it is whole */

struct hs_history {
	char id[HS_HISTORY_ID + 1];
	uint64_t epoch;
	bool settled;
};

struct hs_shared_state;

/* Where it is: the open directories, and the state that remembers it. */
struct hs_history_at {
	int spool_dir, private_dir, run_dir;
	struct hs_shared_state *state;
};

/*
 * Reads it, or makes it, for hs_spool_dir_open: the state is open. If the file alone was lost
 * the state still knows. HS_OK, HS_E_FULL, HS_E_SYNC, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_history_open(const struct hs_history_at *at, struct hs_history *h);

/* One of the two files. HS_OK; HS_E_CURSOR: it is damaged; HS_E_IO, and errno is ENOENT if it is not there. */
enum hs_result hs_history_read(int private_dir, const char *name, struct hs_history *h);

/* Replaces it, durably; on its way it is a file in `temporary_dir`. Results of hs_history_open. */
enum hs_result hs_history_put(int private_dir, int temporary_dir, const char *name, const struct hs_history *h);

/* Hashes a line: the first eight bytes of its SHA-256; never 0. False: out of memory. */
struct hs_digest;
bool hs_history_hash(struct hs_digest *d, struct hs_slice line, uint64_t *hash);

#endif
