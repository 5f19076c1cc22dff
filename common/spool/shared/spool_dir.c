#include "spool/shared/spool_dir.h"
#include "base/io.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSWD_MOST = 1 << 20 };
static const char PRIVATE[] = ".hookspool", RUN[] = "run";

static enum hs_result dir_failed(const char *what, int error)
{
	enum hs_result result = hs_io_result(error);

	if (result != HS_E_FULL && result != HS_E_READ_ONLY)
		result = HS_E_SPOOL_DIR;
	hs_log_result(result, "%s: %s", what, strerror(error));
	return result;
}

/* Syncs the directory above: this one's name must survive a power cut, too. */
static void sync_parent(const char *path)
{
	char *copy = strdup(path), *slash = copy == NULL ? NULL : strrchr(copy, '/');
	int fd;

	if (slash != NULL) {
		slash[slash == copy ? 1 : 0] = '\0';
		fd = hs_io_open_dir(AT_FDCWD, copy);
		if (fd < 0 || hs_io_sync_dir(fd) < 0)
			hs_log(HS_LOG_WARN, "the folder above spool_dir could not be synced: %s", strerror(errno));
		if (fd >= 0)
			hs_io_close(fd);
	}
	free(copy);
}

/* In sudo(8)'s form. Without getpwuid(3), which may load libraries: a static program cannot. */
void hs_spool_dir_user(uid_t user, char out[static HS_SPOOL_DIR_USER])
{
	struct hs_buf text = { 0 };
	struct stat st;
	char *line, *rest;

	snprintf(out, HS_SPOOL_DIR_USER, "'#%lu'", (unsigned long)user);
	if (hs_io_read_file("/etc/passwd", PASSWD_MOST, &text, &st) == 0) {
		hs_buf_putc(&text, '\0');
		assert(hs_buf_ok(&text)); /* hs_io_read_file leaves room */
		for (line = strtok_r(text.p, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
			char name[HS_SPOOL_DIR_USER - 1];
			unsigned long number;

			if (sscanf(line, "%33[^:]:%*[^:]:%lu", name, &number) == 2 && number == user)
				snprintf(out, HS_SPOOL_DIR_USER, "%s", name);
		}
	}
	hs_buf_free(&text);
}

/* Logs a remedy that does not take the spool from its owner. */
static enum hs_result tell_owner(const char *path, const struct stat *st)
{
	char name[HS_SPOOL_DIR_USER];

	hs_spool_dir_user(st->st_uid, name);
	hs_log(HS_LOG_ERROR,
	       "%s belongs to %s: sudo -u %s hookspool ...; where spool_mode = 0640 its group may use cat, "
	       "tail and stats",
	       path, name, name);
	return HS_E_SPOOL_OWNER;
}

static enum hs_result check_dir(int fd, const struct hs_settings *settings, struct stat *st)
{
	if (hs_io_fstat(fd, st) < 0)
		return HS_E_IO;
	if (st->st_uid != geteuid())
		return HS_E_SPOOL_OWNER;
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return HS_E_SPOOL_DIR;
	return !settings->allow_nfs && hs_io_is_network(fd) == 1 ? HS_E_SPOOL_NFS : HS_OK;
}

mode_t hs_spool_dir_mode(const struct hs_settings *settings)
{
	return settings->spool_mode == 0640 ? 0750 : 0700;
}

static enum hs_result open_spool_dir(struct hs_spool_dir *spool_dir, bool make)
{
	const struct hs_settings *settings = spool_dir->settings;
	mode_t mode = hs_spool_dir_mode(settings);
	const char *path = settings->spool_dir;
	struct stat st;
	enum hs_result result;

	spool_dir->fd = hs_io_open_dir(AT_FDCWD, path);
	if (spool_dir->fd < 0 && errno == ENOENT && make) {
		if (hs_io_make_dir(AT_FDCWD, path, mode) == 0)
			sync_parent(path);
		else if (errno != EEXIST)
			return dir_failed("spool_dir", errno);
		spool_dir->fd = hs_io_open_dir(AT_FDCWD, path);
	}
	if (spool_dir->fd < 0 && errno == EACCES && hs_io_stat(AT_FDCWD, path, &st) == 0 && st.st_uid != geteuid())
		return tell_owner(path, &st);
	if (spool_dir->fd < 0)
		return dir_failed("spool_dir", errno);
	result = check_dir(spool_dir->fd, settings, &st);
	return result == HS_E_SPOOL_OWNER ? tell_owner(path, &st) : result;
}

/*
 * Opens a directory of this user below `at`, and makes it if it is missing. Its name is on stable
 * storage before anything is put into it, so that a power cut leaves either all of it or nothing.
 */
static enum hs_result open_own_dir(const struct hs_spool_dir *spool_dir, int at, const char *name, int *dir)
{
	struct stat st;

	*dir = hs_io_open_dir(at, name);
	if (*dir < 0 && errno == ENOENT) {
		if (hs_io_make_dir(at, name, hs_spool_dir_mode(spool_dir->settings)) == 0 && hs_io_sync_dir(at) < 0)
			return HS_E_IO;
		*dir = hs_io_open_dir(at, name);
	}
	if (*dir < 0)
		return errno == ENOENT ? dir_failed(name, EACCES) : HS_E_SPOOL_FILE;
	if (hs_io_fstat(*dir, &st) < 0)
		return HS_E_IO;
	return st.st_uid == geteuid() ? HS_OK : HS_E_SPOOL_OWNER;
}

/* Opens all but the state. */
static enum hs_result open_dirs(struct hs_opened_spool *o, const struct hs_settings *settings, bool make)
{
	enum hs_result result;

	*o = (struct hs_opened_spool){
		.dir = { .fd = -1, .private_dir = -1, .run_dir = -1, .settings = settings, .state = &o->state }
	};
	result = open_spool_dir(&o->dir, make);
	if (result == HS_OK)
		result = open_own_dir(&o->dir, o->dir.fd, PRIVATE, &o->dir.private_dir);
	if (result == HS_OK)
		result = open_own_dir(&o->dir, o->dir.private_dir, RUN, &o->dir.run_dir);
	return result;
}

bool hs_spool_dir_make(const struct hs_settings *settings)
{
	struct hs_spool_dir dir = { .fd = -1, .settings = settings };
	struct stat st;

	if (hs_io_stat(AT_FDCWD, settings->spool_dir, &st) == 0)
		return true;
	(void)open_spool_dir(&dir, true); /* whether it can be used is found out when it is opened to be used */
	if (dir.fd < 0)
		return false;
	hs_io_close(dir.fd);
	return true;
}

int hs_spool_dir_open_run(const char *spool_dir)
{
	const char *const name[] = { spool_dir, PRIVATE, RUN };
	int dir = AT_FDCWD;
	struct stat st;

	for (size_t i = 0; i < sizeof name / sizeof name[0] && (i == 0 || dir >= 0); i++) {
		int next = hs_io_open_dir(dir, name[i]);

		if (dir >= 0)
			hs_io_close(dir);
		dir = next;
	}
	if (dir >= 0 && (hs_io_fstat(dir, &st) < 0 || st.st_uid != geteuid())) {
		hs_io_close(dir);
		dir = -1;
	}
	return dir;
}

enum hs_result hs_spool_dir_distrust(const struct hs_settings *settings)
{
	struct hs_opened_spool o;
	enum hs_result result = open_dirs(&o, settings, false);

	if (result == HS_OK)
		result = hs_shared_state_distrust(o.dir.fd, o.dir.run_dir);
	if (result != HS_OK && result != HS_E_SPOOL_IN_USE)
		hs_log_result(result, "open %s", settings->spool_dir);
	hs_spool_dir_close(&o);
	return result;
}

static enum hs_result open_history(struct hs_spool_dir *dir)
{
	struct hs_history_at at = { dir->fd, dir->private_dir, dir->run_dir, dir->state->state };

	return hs_history_open(&at, &dir->history);
}

enum hs_result hs_spool_dir_open(struct hs_opened_spool *o, const struct hs_settings *settings, bool make)
{
	enum hs_result result = open_dirs(o, settings, make);

	if (result == HS_OK)
		result = hs_shared_state_open(o->dir.fd, o->dir.run_dir, &o->state);
	if (result == HS_OK)
		result = open_history(&o->dir);
	if (result != HS_OK) {
		hs_log_result(result, "open %s", settings->spool_dir);
		hs_spool_dir_close(o);
	}
	return result;
}

/* --- opening to read only ------------------------------------------------------ */

static enum hs_result open_theirs(int at, const char *name, uid_t owner, int *dir)
{
	struct stat st;

	*dir = hs_io_open_dir(at, name);
	if (*dir < 0)
		return errno == ENOENT ? HS_E_SPOOL_ASLEEP : errno == EACCES ? HS_E_SPOOL_OWNER : HS_E_SPOOL_FILE;
	if (hs_io_fstat(*dir, &st) < 0)
		return HS_E_IO;
	return st.st_uid == owner && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? HS_OK : HS_E_SPOOL_DIR;
}

static enum hs_result open_run_to_read(struct hs_opened_spool *o)
{
	struct stat st;
	enum hs_result result;

	if (hs_io_fstat(o->dir.private_dir, &st) < 0)
		return HS_E_IO;
	result = open_theirs(o->dir.private_dir, RUN, st.st_uid, &o->dir.run_dir);
	if (result == HS_OK)
		result = hs_shared_state_open_to_read(o->dir.run_dir, &o->state);
	if (result == HS_OK) {
		memcpy(o->dir.history.id, o->state.state->spool_id, HS_HISTORY_ID);
		o->dir.history.epoch = o->state.state->spool_epoch;
		o->dir.history.settled = true;
	}
	return result;
}

/* Opens the rest of a spool that another user owns. */
static enum hs_result open_all_to_read(struct hs_opened_spool *o, const struct stat *st)
{
	const struct hs_settings *settings = o->dir.settings;
	enum hs_result result = HS_OK;

	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		result = HS_E_SPOOL_DIR;
	else if (!settings->allow_nfs && hs_io_is_network(o->dir.fd) == 1)
		result = HS_E_SPOOL_NFS;
	if (result == HS_OK)
		result = open_theirs(o->dir.fd, PRIVATE, st->st_uid, &o->dir.private_dir);
	if (result == HS_OK)
		result = open_run_to_read(o);
	return result == HS_E_SPOOL_OWNER ? tell_owner(settings->spool_dir, st) : result;
}

enum hs_result hs_spool_dir_open_to_read(struct hs_opened_spool *o, const struct hs_settings *settings)
{
	int dir = hs_io_open_dir(AT_FDCWD, settings->spool_dir);
	struct stat st;
	enum hs_result result;

	if (dir < 0 || hs_io_fstat(dir, &st) < 0 || st.st_uid == geteuid()) {
		if (dir >= 0)
			hs_io_close(dir);
		return hs_spool_dir_open(o, settings, false); /* which also logs why that cannot be opened */
	}
	*o = (struct hs_opened_spool){ .dir = { .fd = dir,
		                                .private_dir = -1,
		                                .run_dir = -1,
		                                .settings = settings,
		                                .state = &o->state,
		                                .read_only = true } };
	result = open_all_to_read(o, &st);
	if (result != HS_OK) {
		hs_log_result(result, "open %s", settings->spool_dir);
		hs_spool_dir_close(o);
	}
	return result;
}

/* --- opening again, closing ----------------------------------------------------- */

enum hs_result hs_spool_dir_open_state_again(struct hs_opened_spool *o)
{
	enum hs_result result;

	if (o->state.state != NULL)
		hs_shared_state_close(&o->state);
	if (o->dir.run_dir >= 0)
		hs_io_close(o->dir.run_dir);
	o->dir.run_dir = -1;
	if (o->dir.read_only)
		result = open_run_to_read(o);
	else
		result = open_own_dir(&o->dir, o->dir.private_dir, RUN, &o->dir.run_dir);
	if (result == HS_OK && !o->dir.read_only)
		result = hs_shared_state_open(o->dir.fd, o->dir.run_dir, &o->state);
	if (result != HS_OK && result != HS_E_SPOOL_ASLEEP) /* the caller waits until it is set up */
		hs_log_result(result, "open %s", o->dir.settings->spool_dir);
	return result;
}

void hs_spool_dir_close(struct hs_opened_spool *o)
{
	if (o->state.state != NULL)
		hs_shared_state_close(&o->state);
	if (o->dir.run_dir >= 0)
		hs_io_close(o->dir.run_dir);
	if (o->dir.private_dir >= 0)
		hs_io_close(o->dir.private_dir);
	if (o->dir.fd >= 0)
		hs_io_close(o->dir.fd);
	o->dir.run_dir = o->dir.private_dir = o->dir.fd = -1;
}
