#include "store/place.h"
#include "store/io.h"
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char PRIVATE[] = ".hookspool", RUN[] = "run";

static enum hs_result dir_failed(const char *what, int error)
{
	enum hs_result r = hs_io_result(error);

	if (r != HS_E_FULL && r != HS_E_READ_ONLY)
		r = HS_E_SPOOL_DIR;
	hs_log_result(r, "%s: %s", what, strerror(error));
	return r;
}

/* The directory's own name must survive a power cut, too. */
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

static enum hs_result open_spool_dir(struct hs_place *place, bool make)
{
	const struct hs_settings *settings = place->settings;
	mode_t mode = settings->spool_mode == 0640 ? 0750 : 0700;
	const char *path = settings->spool_dir;
	struct stat st;

	place->dir = hs_io_open_dir(AT_FDCWD, path);
	if (place->dir < 0 && errno == ENOENT && make) {
		if (hs_io_make_dir(AT_FDCWD, path, mode) == 0)
			sync_parent(path);
		else if (errno != EEXIST)
			return dir_failed("spool_dir", errno);
		place->dir = hs_io_open_dir(AT_FDCWD, path);
	}
	if (place->dir < 0)
		return dir_failed("spool_dir", errno);
	return check_dir(place->dir, settings, &st);
}

/*
 * A folder of our own below `at`, made if it is missing. Its name is on stable storage before
 * anything is put into it, so a power cut leaves no part of what lies below.
 */
static enum hs_result open_own_dir(int at, const char *name, int *dir)
{
	struct stat st;

	*dir = hs_io_open_dir(at, name);
	if (*dir < 0 && errno == ENOENT) {
		if (hs_io_make_dir(at, name, 0700) == 0 && hs_io_sync_dir(at) < 0)
			return HS_E_IO;
		*dir = hs_io_open_dir(at, name);
	}
	if (*dir < 0)
		return errno == ENOENT ? dir_failed(name, EACCES) : HS_E_SPOOL_FILE;
	if (hs_io_fstat(*dir, &st) < 0)
		return HS_E_IO;
	return st.st_uid == geteuid() ? HS_OK : HS_E_SPOOL_OWNER;
}

/* All of it but the state. */
static enum hs_result open_dirs(struct hs_opened *o, const struct hs_settings *settings, bool make)
{
	enum hs_result r;

	*o = (struct hs_opened){ .place = { -1, -1, -1, settings, &o->state, { .epoch = 0 } } };
	r = open_spool_dir(&o->place, make);
	if (r == HS_OK)
		r = open_own_dir(o->place.dir, PRIVATE, &o->place.private_dir);
	if (r == HS_OK)
		r = open_own_dir(o->place.private_dir, RUN, &o->place.run_dir);
	return r;
}

enum hs_result hs_place_distrust(const struct hs_settings *settings)
{
	struct hs_opened o;
	enum hs_result r = open_dirs(&o, settings, false);

	if (r == HS_OK)
		r = hs_state_distrust(o.place.dir, o.place.run_dir);
	if (r != HS_OK && r != HS_E_BUSY)
		hs_log_result(r, "open %s", settings->spool_dir);
	hs_place_close(&o);
	return r;
}

enum hs_result hs_place_open(struct hs_opened *o, const struct hs_settings *settings, bool make)
{
	enum hs_result r = open_dirs(o, settings, make);

	if (r == HS_OK)
		r = hs_state_open(o->place.dir, o->place.run_dir, &o->state);
	if (r == HS_OK)
		r = hs_history_open(&o->place, &o->place.history);
	if (r != HS_OK) {
		hs_log_result(r, "open %s", settings->spool_dir);
		hs_place_close(o);
	}
	return r;
}

enum hs_result hs_place_open_state_again(struct hs_opened *o)
{
	enum hs_result r;

	if (o->state.state != NULL)
		hs_state_close(&o->state);
	if (o->place.run_dir >= 0)
		hs_io_close(o->place.run_dir);
	r = open_own_dir(o->place.private_dir, RUN, &o->place.run_dir);
	if (r == HS_OK)
		r = hs_state_open(o->place.dir, o->place.run_dir, &o->state);
	if (r != HS_OK)
		hs_log_result(r, "open %s", o->place.settings->spool_dir);
	return r;
}

void hs_place_close(struct hs_opened *o)
{
	if (o->state.state != NULL)
		hs_state_close(&o->state);
	if (o->place.run_dir >= 0)
		hs_io_close(o->place.run_dir);
	if (o->place.private_dir >= 0)
		hs_io_close(o->place.private_dir);
	if (o->place.dir >= 0)
		hs_io_close(o->place.dir);
	o->place.run_dir = o->place.private_dir = o->place.dir = -1;
}
