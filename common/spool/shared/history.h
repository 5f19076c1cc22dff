/*
 * history: the id of a spool, and of the history that its segments belong to: .hookspool/spool.
 *
 *	{"id":"5f0c0f6b…","epoch":2,"settled":true,"begun_at":"2026-11-28T10:15:00.123Z"}
 *
 * The id is random and made with the spool; a mirror and a restored backup have it, too. `hookspool
 * adopt` raises the epoch: events appended from then on are another history than the one with which
 * the original went on. Each saved position carries both, and a hash of the line before it, so that a
 * position of another history is reported and never followed silently.
 *
 * The file is on stable storage before the spool's first event. If it is missing although there are
 * segments, .hookspool was lost: the spool gets a new id that is not settled, and serves on until
 * somebody runs adopt.
 */
#ifndef HS_HISTORY_H
#define HS_HISTORY_H

#include "base/result.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HS_HISTORY_ID = 32 }; /* hex digits */
#define HS_HISTORY_FILE "spool"
#define HS_HISTORY_BACKUP "backup"    /* a backup's, see backup.h; settled: the backup is whole */
#define HS_HISTORY_TEMPORARY "spool-" /* how the names of both begin before they are whole */

struct hs_history {
	char id[HS_HISTORY_ID + 1];
	uint64_t epoch;
	bool settled;
};

struct hs_shared_state;

/* The open directories, and the state that remembers the history. */
struct hs_history_at {
	int spool_dir, private_dir, run_dir;
	struct hs_shared_state *state;
};

/*
 * Reads the history, or makes one; if the file alone was lost the state still knows it. HS_OK;
 * HS_E_CURSOR: another process has just made a damaged one; HS_E_SYNC, or as hs_io_result.
 */
enum hs_result hs_history_open(const struct hs_history_at *at, struct hs_history *h);

/* Reads one of the two files. HS_OK; HS_E_CURSOR: it is damaged; HS_E_IO, with errno ENOENT if there is none. */
enum hs_result hs_history_read(int private_dir, const char *name, struct hs_history *h);

/*
 * Replaces one of them, durably; `temporary_dir` is for the new file on its way. HS_OK, HS_E_SYNC, or as
 * hs_io_result.
 */
enum hs_result hs_history_put(int private_dir, int temporary_dir, const char *name, const struct hs_history *h);

/* Hashes a line: the first eight bytes of its SHA-256; never 0. False: memory is out. */
struct hs_digest;
bool hs_history_hash(struct hs_digest *d, struct hs_slice line, uint64_t *hash);

#endif
