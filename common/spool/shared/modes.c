#include "spool/shared/modes.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GROUP_BITS = S_IRWXG, FILE_BITS = 0777 };

struct walk {
	const struct hs_spool_dir *spool_dir;
	struct hs_modes *left;
	bool mend;
	gid_t group;
	int dir;          /* the directory that is listed */
	const char *path; /* its path below spool_dir, with a slash at the end; "": spool_dir */
	bool (*is_shared)(const char *name);
};

static bool is_for_group(const struct walk *w)
{
	return w->spool_dir->settings->spool_mode == 0640;
}

static void note(struct walk *w, const char *name, bool group)
{
	if (w->left->count++ == 0)
		snprintf(w->left->first, sizeof w->left->first, "%s%s", w->path, name);
	w->left->group |= group;
}

/* --- one of them ------------------------------------------------------------- */

static bool is_right(int fd, mode_t bits, mode_t mode, struct stat *st)
{
	return hs_io_fstat(fd, st) == 0 && (st->st_mode & bits) == (mode & bits);
}

/*
 * True if a change of mode would clear the set-group-id bit: the kernel does so unless the process is
 * in the directory's group. Then root has to change the mode.
 */
static bool would_lose_bit(mode_t mode, const struct stat *st)
{
	return (mode & st->st_mode & S_ISGID) != 0 && !hs_io_is_in_group(st->st_gid);
}

/* Sets the group first, since that clears bits of the mode. */
static void give(struct walk *w, int fd, const char *name, mode_t bits, mode_t mode)
{
	bool group = is_for_group(w), right;
	struct stat st;

	if (hs_io_fstat(fd, &st) < 0) { /* its other bits, which must stay, are not known */
		note(w, name, false);
		return;
	}
	right = (st.st_mode & bits) == (mode & bits);
	if (w->mend && group && st.st_gid != w->group && hs_io_set_group(fd, w->group) == 0)
		right = is_right(fd, bits, mode, &st);
	if (w->mend && !right && !would_lose_bit(mode, &st) &&
	    hs_io_set_mode(fd, (mode & bits) | (st.st_mode & (07777 & ~bits))) == 0)
		right = is_right(fd, bits, mode, &st);
	if (!right || (group && st.st_gid != w->group))
		note(w, name, group && (st.st_gid != w->group || (mode & S_ISGID) != 0));
}

static void give_file(struct walk *w, const char *name, mode_t mode)
{
	int fd = hs_io_open_plain(w->dir, name);

	if (fd < 0) { /* gone meanwhile, or not a plain file, which is reported elsewhere */
		if (errno == EACCES) {
			note(w, name, false);
			w->left->closed = true;
		}
		return;
	}
	give(w, fd, name, FILE_BITS, mode);
	hs_io_close(fd);
}

/* A file gets its maker's group, or that of its directory if this has the set-group-id bit. */
static void give_dir(struct walk *w, int fd, const char *name)
{
	mode_t bit = is_for_group(w) && w->group != getegid() ? S_ISGID : 0;

	give(w, fd, name, GROUP_BITS | bit, hs_spool_dir_mode(w->spool_dir->settings) | bit);
}

/* --- all of them ------------------------------------------------------------- */

static bool is_segment(const char *name)
{
	struct hs_sealed sealed;

	return strcmp(name, "events.jsonl") == 0 || strcmp(name, "rejected.jsonl") == 0 ||
	       strcmp(name, "failed.jsonl") == 0 || hs_sealed_parse("events", name, &sealed) ||
	       hs_sealed_parse("rejected", name, &sealed) || hs_sealed_parse("failed", name, &sealed);
}

static bool is_journal(const char *name)
{
	return strcmp(name, "edits") == 0 || strcmp(name, "numbers") == 0;
}

static bool is_running(const char *name)
{
	return strcmp(name, "state") == 0 || strcmp(name, "metrics") == 0 || strcmp(name, "edits.lock") == 0;
}

static bool is_any(const char *name)
{
	(void)name;
	return true;
}

/* Receipts are about people: only the owner reads them, even where a group reads the events. */
static bool is_receipts(const struct walk *w, const char *name)
{
	return w->path[0] == '\0' && strcmp(name, "erased.jsonl") == 0;
}

static bool walk_name(void *context, const char *name, bool plain)
{
	struct walk *w = context;

	if (plain && w->is_shared(name))
		give_file(w, name, (mode_t)w->spool_dir->settings->spool_mode);
	else if (plain && is_receipts(w, name))
		give_file(w, name, 0600);
	return true;
}

static enum hs_result walk_dir(struct walk *w, int dir, const char *path, bool (*is_shared)(const char *name))
{
	w->dir = dir;
	w->path = path;
	w->is_shared = is_shared;
	give_dir(w, dir, ".");
	return hs_io_list_kinds(dir, walk_name, w) < 0 ? HS_E_IO : HS_OK;
}

/* A folder all of whose files are shared; it need not be there. `path` is below spool_dir. */
static enum hs_result walk_shared(struct walk *w, int parent, const char *name, const char *path)
{
	int dir = hs_io_open_dir(parent, name);
	enum hs_result result;

	if (dir < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	result = walk_dir(w, dir, path, is_any);
	hs_io_close(dir);
	return result;
}

/* A reader makes no file, so the lock that it needs must be there. */
static enum hs_result make_lock(const struct walk *w)
{
	int fd = -1;

	if (w->mend && is_for_group(w)) {
		fd = hs_io_open_or_make(w->spool_dir->run_dir, "edits.lock", 0640);
		if (fd < 0)
			return hs_io_result(errno);
		hs_io_close(fd);
	}
	return HS_OK;
}

static enum hs_result walk_all(const struct hs_spool_dir *spool_dir, bool mend, struct hs_modes *left)
{
	struct walk w = { .spool_dir = spool_dir, .left = left, .mend = mend };
	struct stat st;
	enum hs_result result = hs_io_fstat(spool_dir->fd, &st) < 0 ? HS_E_IO : make_lock(&w);

	memset(left, 0, sizeof *left);
	w.group = st.st_gid;
	if (result == HS_OK)
		result = walk_dir(&w, spool_dir->fd, "", is_segment);
	if (result == HS_OK)
		result = walk_dir(&w, spool_dir->private_dir, ".hookspool/", is_journal);
	if (result == HS_OK)
		result = walk_dir(&w, spool_dir->run_dir, ".hookspool/run/", is_running);
	if (result == HS_OK)
		result = walk_shared(&w, spool_dir->run_dir, "summary", ".hookspool/run/summary/");
	return result == HS_OK ? walk_shared(&w, spool_dir->private_dir, "cursors", ".hookspool/cursors/") : result;
}

enum hs_result hs_modes_look(const struct hs_spool_dir *spool_dir, struct hs_modes *left)
{
	return walk_all(spool_dir, false, left);
}

enum hs_result hs_modes_follow(const struct hs_spool_dir *spool_dir, bool anew)
{
	_Atomic uint64_t *done = &spool_dir->state->state->modes;
	struct hs_modes left;
	struct stat st;
	uint64_t wanted, was;
	enum hs_result result;

	if (hs_io_fstat(spool_dir->fd, &st) < 0)
		return HS_E_IO;
	wanted = (uint64_t)st.st_gid << 16 | (uint64_t)spool_dir->settings->spool_mode;
	was = atomic_load(done);
	if (was == wanted || (!anew && was != 0 && was >> 16 == wanted >> 16))
		return HS_OK;
	result = walk_all(spool_dir, true, &left);
	if (result != HS_OK)
		return result;
	atomic_store(done, wanted);
	if (left.count > 0)
		hs_log(HS_LOG_WARN,
		       "spool_mode = %04o: %s and %llu more have another mode or group: hookspool check "
		       "says what to do",
		       (unsigned)spool_dir->settings->spool_mode, left.first, (unsigned long long)left.count - 1);
	return HS_OK;
}

enum hs_result hs_modes_result(const char *name, int error)
{
	if (error != EACCES && error != EPERM)
		return hs_io_result(error);
	hs_log(HS_LOG_ERROR,
	       "%s: this user may not open it: chown it to the owner of the spool, and chmod it to spool_mode", name);
	return HS_E_SPOOL_OWNER;
}
