/*
 * backup: a copy of a spool, in a directory, while a server writes: what `hookspool adopt`
 * makes a spool of again.
 *
 * First the cursors and how far archives were imported, then the segments, then the rest:
 * so no position in the backup is ahead of its events. Sealed segments are linked, or on
 * another file system copied; of the open ones what is on stable storage is copied. Erase,
 * repair and maintenance wait meanwhile, so nobody's erased lines are in it, and nothing
 * that an erase keeps beside the events is older or newer than the events.
 *
 * A later backup into the same directory brings what is new, and takes away what the spool
 * no longer has: segments that were deleted, compressed, or replaced by an erase. Each file
 * is whole and synced when it gets its name; .hookspool/backup says whose backup it is, and
 * whether it is whole.
 */
#ifndef HS_BACKUP_H
#define HS_BACKUP_H

#include "base/result.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct hs_backup {
	uint64_t linked, copied, kept, removed; /* sealed segments; kept: they were there */
	uint64_t bytes;                         /* of the open segments */
	bool busy;    /* erase, repair, maintenance or another backup is at work: nothing was done */
	bool refused; /* the directory is not empty, and no backup of this spool */
	bool inside;  /* it is the spool, or lies in it */
	bool stopped; /* go_on said so: run it again */
};

struct hs_backup_how {
	const char *to; /* the directory; made if it is missing */
	void *context;
	bool (*go_on)(void *context, uint64_t done, uint64_t all); /* segments; false: stop */
};

/*
 * HS_OK, also when `done` says that it was not done; HS_E_SPOOL_DIR: the directory cannot be
 * made or opened (logged); HS_E_FULL, HS_E_SYNC, HS_E_IO, one of class busy, HS_E_MEMORY or what
 * opening the spool says.
 */
enum hs_result hs_backup(const struct hs_settings *settings, const struct hs_backup_how *how, struct hs_backup *done);

#endif
