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
 * With 0640 all of these are given the group of spool_dir, as far as the kernel lets their owner
 * do so; folders bear the set-group-id bit where files would get another group without it.
 *
 * Files are made with their mode. Those that are there when spool_mode or the group of spool_dir
 * changes follow when a FastCGI handler next looks after its spool (a thread of its own does so,
 * within two seconds of its start or reload), and with `hookspool maintain`: never on the way of a
 * request, as in plain CGI everything is but that command.
 * The shared state remembers what was done, so that a spool is walked through once.
 */
#ifndef HS_MODES_H
#define HS_MODES_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* What does not have the mode, or the group, that it should have. */
struct hs_modes {
	uint64_t count;
	bool group; /* it takes root, or a member of the group: of some it is the group, or its bit */
	char first[HS_SEALED_NAME + 32]; /* below spool_dir */
};

/* Walks through the spool and tells, changing nothing. HS_OK, HS_E_SPOOL_DIR or HS_E_IO. */
enum hs_result hs_modes_look(const struct hs_spool_dir *dir, struct hs_modes *left);

/*
 * Sets right what is to be, unless that is done; then it costs one fstat(2). `anew`: it is not
 * done either if it was done for another spool_mode. A process asks so once, that two with
 * different settings do not undo each other's work for ever. What cannot be set right is logged.
 * HS_OK, HS_E_SPOOL_DIR, HS_E_FULL or HS_E_IO.
 */
enum hs_result hs_modes_follow(const struct hs_spool_dir *dir, bool anew);

#endif
