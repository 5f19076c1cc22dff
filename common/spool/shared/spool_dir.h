/*
 * spool_dir: opens a spool's directories and its shared state, with the checks that every
 * user of a spool makes first.
 */
#ifndef HS_SPOOL_DIR_H
#define HS_SPOOL_DIR_H

#include "config/settings.h"
#include "spool/shared/history.h"
#include "spool/shared/shared_state.h"

#include <sys/types.h>

/* Where the files lie; shared by the streams of one open spool. */
struct hs_spool_dir {
	int fd;          /* of spool_dir */
	int private_dir; /* .hookspool: what is not in the segments and cannot be made anew */
	int run_dir;     /* .hookspool/run: what can be: no backup needs it */
	const struct hs_settings *settings;
	struct hs_shared_state_handle *state;
	struct hs_history history;
	bool read_only; /* for who may read and no more */
};

/* What hs_spool_dir_open opens. `dir` points to the state beside it: it must not be moved. */
struct hs_opened_spool {
	struct hs_spool_dir dir;
	struct hs_shared_state_handle state;
};

/*
 * Opens the spool of the settings, which must outlive it. `make`: a directory that is
 * missing is made. HS_OK, or HS_E_SPOOL_DIR, HS_E_SPOOL_OWNER, HS_E_SPOOL_FILE,
 * HS_E_SPOOL_NFS, HS_E_SPOOL_FS, HS_E_SPOOL_VERSION, HS_E_SETTING_UP, HS_E_FULL, HS_E_IO or
 * HS_E_MEMORY: it is logged, and nothing is open.
 */
enum hs_result hs_spool_dir_open(struct hs_opened_spool *o, const struct hs_settings *settings, bool make);

/*
 * The same for those who may read the spool and no more: of its group, where spool_mode is 0640
 * (modes.h). dir.read_only is set then. For the owner it is hs_spool_dir_open; for root, too, who
 * should rather become the owner first.
 *
 * A reader takes no lock of the state and no lock but a shared one (edits.lock), makes nothing
 * and writes nothing. Its marks it reads without a lock, see reader.c. The id and the epoch of
 * `history` are those that the state remembers. Results of hs_spool_dir_open, and HS_E_SPOOL_ASLEEP.
 */
enum hs_result hs_spool_dir_open_to_read(struct hs_opened_spool *o, const struct hs_settings *settings);

/* .hookspool/run of a spool of our own, to be closed by hs_io_close. -1: it is not there. */
int hs_spool_dir_open_run(const char *spool_dir);

/* The name of a user for a command line, or '#1000' if /etc/passwd has none. */
enum { HS_SPOOL_DIR_USER = 36 };
void hs_spool_dir_user(uid_t user, char out[static HS_SPOOL_DIR_USER]);

/*
 * Makes whoever opens it next find out everything anew, as after a reboot. HS_OK, HS_E_SPOOL_IN_USE
 * (somebody uses it) or the results of opening; logged as there.
 */
enum hs_result hs_spool_dir_distrust(const struct hs_settings *settings);

/*
 * The state was cut or replaced: closes it and opens the one that is there. At failure none is
 * open; try again, or hs_spool_dir_close. Families of the old one must not be used any more.
 */
enum hs_result hs_spool_dir_open_state_again(struct hs_opened_spool *o);

void hs_spool_dir_close(struct hs_opened_spool *o);

#endif
