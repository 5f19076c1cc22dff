/*
 * backup: copies a spool to a directory while handlers write to it. `hookspool adopt` makes the copy a
 * spool again.
 *
 * Cursors and checkpoints of imports are copied first, then segments, then the rest, so no position
 * in a backup is ahead of its events. Sealed segments are linked, or copied to another file system;
 * of the open ones, all that is on stable storage is copied. Erase, repair and maintenance are locked
 * out meanwhile, so the files that an erase writes beside the events match the events.
 *
 * A later backup to the same directory adds what is new, and removes what the spool no longer has:
 * segments that were deleted, compressed, or replaced by an erase. Each file is whole and synced
 * when it gets its name; .hookspool/backup says of which spool the backup is, and whether it is
 * whole.
 */
#ifndef HS_BACKUP_H
#define HS_BACKUP_H

#include "base/result.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct hs_backup {
	uint64_t linked, copied, kept, removed; /* sealed segments; kept: there from an earlier backup */
	uint64_t bytes;                         /* of the open segments */
	bool busy;    /* erase, repair, adopt, maintenance or a backup is at work: nothing was done */
	bool refused; /* the directory is neither empty nor a backup of this spool: nothing was done */
	bool inside;  /* the directory is the spool, or below it: nothing was done */
	int place;    /* errno: the directory cannot be made, opened or written to: nothing was done; or 0 */
	bool begun;   /* the spool is open: HS_E_FULL and HS_E_READ_ONLY are of the directory */
	bool stopped; /* go_on returned false: run it again */
};

struct hs_backup_how {
	const char *to; /* the directory; made if it is missing */
	void *context;
	/* Called with the sealed segments done, and all known so far. False: stop. May be NULL. */
	bool (*go_on)(void *context, uint64_t done, uint64_t all);
};

/*
 * Backs up the spool of the settings. HS_OK, also if `done` says that it was not done; HS_E_SPOOL_DIR:
 * there is no spool (logged); HS_E_FULL, HS_E_READ_ONLY, HS_E_SYNC, HS_E_IO, HS_E_CLOCK, HS_E_MEMORY, one
 * of class busy or of HS_E_SPOOL_.
 */
enum hs_result hs_backup(const struct hs_settings *settings, const struct hs_backup_how *how, struct hs_backup *done);

#endif
