/*
 * modes: who may read the spool: its owner alone (spool_mode = 0600) or a group, too (0640).
 *
 *                                           0600   0640
 *	spool_dir, .hookspool, run, cursors,  0700   0750   (of spool_dir: the group's bits alone)
	run/summary
 *	events, rejected, failed              0600   0640
 *	.hookspool/edits, numbers             0600   0640   so that no reader takes what erase and
 *	.hookspool/run/state, edits.lock      0600   0640   numbers have replaced for what is there
 *	.hookspool/run/metrics                0600   0640   stats prints them
 *	.hookspool/cursors/...                0600   0640   stats lists them
	.hookspool/run/summary/...            0600   0640   so that readers open few segments
 *	all else: receipts, the salt, suppressed and erased ids, the index, checkpoints:   0600
 *
 * With 0640 all of these get the group of spool_dir, as far as the kernel lets their owner do that;
 * directories have the set-group-id bit where files would get another group without it.
 *
 * Files are made with their mode. When spool_mode or the group of spool_dir changes, existing files
 * follow within two seconds of a FastCGI handler's start or reload, in a thread of its own, or with
 * `hookspool maintain`: never during a request, and so under plain CGI only with that command. The
 * shared state remembers the last mode and group, so that a spool is walked through once.
 */
#ifndef HS_MODES_H
#define HS_MODES_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* The files and directories whose mode or group is not as it should be. */
struct hs_modes {
	uint64_t count;
	bool group;  /* only root, or a member of the group, can mend some of them: the group or its bit is wrong */
	bool closed; /* some may not be opened by this user: only root can mend these, if they are another user's */
	char first[HS_SEALED_NAME + 32]; /* one of them, below spool_dir */
};

/* Walks through the spool and finds them, changing nothing. HS_OK or HS_E_IO. */
enum hs_result hs_modes_look(const struct hs_spool_dir *dir, struct hs_modes *left);

/*
 * Mends them, and logs what cannot be mended. Costs one fstat(2) if it was done before for this group.
 * `anew`: does it again if it was done for another spool_mode. Each process asks for that only once, so
 * that two with different settings do not undo each other's work for ever. HS_OK, or as hs_io_result.
 */
enum hs_result hs_modes_follow(const struct hs_spool_dir *dir, bool anew);

/*
 * The result of a file of the spool that could not be opened. If that is for want of rights the disk is well:
 * HS_E_SPOOL_OWNER, after a line in the log with the name and the remedy. Else as hs_io_result.
 */
enum hs_result hs_modes_result(const char *name, int error);

#endif
