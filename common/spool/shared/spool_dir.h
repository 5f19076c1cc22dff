/*
 * spool_dir: opens a spool's directories and its shared state, with the checks that come before any
 * use of a spool.
 */
#ifndef HS_SPOOL_DIR_H
#define HS_SPOOL_DIR_H

#include "config/settings.h"
#include "spool/shared/history.h"
#include "spool/shared/shared_state.h"

#include <sys/types.h>

/* The directories of an open spool, which its streams share. */
struct hs_spool_dir {
	int fd;          /* of spool_dir */
	int private_dir; /* .hookspool: files that cannot be made again from the segments */
	int run_dir;     /* .hookspool/run: files that can; no backup needs them */
	const struct hs_settings *settings;
	struct hs_shared_state_handle *state;
	struct hs_history history;
	struct hs_metrics *metrics; /* where syncs are counted; NULL: they are not */
	bool read_only;             /* this process may read and no more */
};

/* An open spool. It must not be moved, since `dir` points to the state beside it. */
struct hs_opened_spool {
	struct hs_spool_dir dir;
	struct hs_shared_state_handle state;
};

/*
 * Opens the spool of the settings, which must outlive it; `make`: makes spool_dir if it is missing.
 * HS_OK; HS_E_SPOOL_DIR, HS_E_SPOOL_OWNER, HS_E_SPOOL_FILE, HS_E_SPOOL_NFS, results of
 * hs_shared_state_open and hs_history_open: the error is logged, and nothing is open.
 */
enum hs_result hs_spool_dir_open(struct hs_opened_spool *o, const struct hs_settings *settings, bool make);

/*
 * Opens the spool for a member of its group, where spool_mode is 0640 (modes.h): sets dir.read_only.
 * For the owner it is hs_spool_dir_open, without `make`.
 *
 * A reader makes and writes nothing, and takes no lock but a shared one on edits.lock. It reads the
 * state's marks without a lock, see reader.c. The id and the epoch of `history` are those in the
 * state. Results of hs_spool_dir_open and hs_shared_state_open_to_read.
 */
enum hs_result hs_spool_dir_open_to_read(struct hs_opened_spool *o, const struct hs_settings *settings);

/* The mode of a directory of the spool, by spool_mode: 0700 or 0750. */
mode_t hs_spool_dir_mode(const struct hs_settings *settings);

/* Makes spool_dir if nothing has that name. False: it cannot be made; the error is logged. */
bool hs_spool_dir_make(const struct hs_settings *settings);

/* Opens .hookspool/run of a spool that this user owns; hs_io_close closes it. -1: there is none. */
int hs_spool_dir_open_run(const char *spool_dir);

/* Prints the user's name for a command line, or '#1000' if /etc/passwd does not have it. */
enum { HS_SPOOL_DIR_USER = 36 /* bytes, the NUL included */ };
void hs_spool_dir_user(uid_t user, char out[static HS_SPOOL_DIR_USER]);

/*
 * Makes the next process that opens the spool find out everything from the disk, as after a reboot.
 * HS_OK; HS_E_SPOOL_IN_USE: another process uses it; results of hs_spool_dir_open, logged as there.
 */
enum hs_result hs_spool_dir_distrust(const struct hs_settings *settings);

/*
 * Closes a state that was cut or replaced, and opens the one that is there. Pointers into the old one
 * are invalid then, struct hs_segment's among them. At an error, which is logged unless it is
 * HS_E_SPOOL_ASLEEP, no state is open: try again, or hs_spool_dir_close. Results of
 * hs_shared_state_open or hs_shared_state_open_to_read, HS_E_SPOOL_DIR, HS_E_SPOOL_OWNER.
 */
enum hs_result hs_spool_dir_open_state_again(struct hs_opened_spool *o);

/* Closes what is open, also after an error. */
void hs_spool_dir_close(struct hs_opened_spool *o);

#endif
