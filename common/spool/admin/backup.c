#include "spool/admin/backup.h"
#include "base/array.h"
#include "base/file_replace.h"
#include "base/log.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_requests.h"
#include "spool/admin/retention.h"
#include "spool/position/cursor.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/history.h"
#include "spool/shared/modes.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum { COPY_BYTES = 1 << 18, LOCK_MS = 10000 };
static const char COPY[] = "backup-new"; /* an unfinished copy, in the backup's .hookspool */
static const char *const FIRST[] = { "cursors", "imports", HS_LOADS_FOLDER };
enum { FOLDERS = sizeof FIRST / sizeof FIRST[0] };

struct names {
	char (*list)[NAME_MAX + 1];
	size_t count, cap;
	bool failed;
};

struct backup {
	const struct hs_backup_how *how;
	struct hs_backup *done;
	struct hs_opened_spool opened;
	const struct hs_spool_dir *spool_dir;
	struct hs_segment segment[HS_STREAMS];
	int erase_lock, maintain_lock;
	int dir, private_dir; /* of the backup */
	uint64_t at, all;     /* segments, for go_on */
	char *room;           /* COPY_BYTES */
};

/* --- names ------------------------------------------------------------------ */

static bool add_name(void *context, const char *name)
{
	struct names *n = context;

	n->failed = !HS_ARRAY_ROOM(&n->list, n->count, &n->cap);
	if (!n->failed)
		snprintf(n->list[n->count++], sizeof *n->list, "%s", name);
	return !n->failed;
}

static enum hs_result add_names(int dir, struct names *n)
{
	if (hs_io_list(dir, add_name, n) < 0)
		return HS_E_IO;
	return n->failed ? HS_E_MEMORY : HS_OK;
}

static enum hs_result list_names(int dir, struct names *n)
{
	*n = (struct names){ NULL, 0, 0, false };
	return add_names(dir, n);
}

static bool ends(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* True for the unfinished copy of a file with a name that a person chose: no such name begins or ends so. */
static bool is_unfinished(const char *name)
{
	return name[0] == '.' || ends(name, "~");
}

/* True for an unfinished file of .hookspool itself, whose name is hookspool's own. */
static bool is_temporary(const char *name)
{
	return is_unfinished(name) || ends(name, "-new") || ends(name, ".new");
}

/* --- one file ---------------------------------------------------------------- */

/* Copies `size` bytes, or all if there are fewer. */
static enum hs_result copy_bytes(struct backup *b, int from, int to, uint64_t size)
{
	ssize_t got;

	for (uint64_t at = 0; at < size; at += (uint64_t)got) {
		size_t n = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;

		got = hs_io_read_at(from, b->room, n, at);
		if (got < 0)
			return HS_E_IO;
		if (got == 0)
			break;
		if (hs_io_write_at(to, b->room, (size_t)got, at) < 0)
			return hs_io_result(errno);
	}
	return HS_OK;
}

/* Copies `size` bytes to a file of the backup, which is whole and synced before it gets its name. */
static enum hs_result copy_file(struct backup *b, int from, uint64_t size, int to_dir, const char *name)
{
	struct hs_file_replace f = { to_dir, name, b->private_dir, COPY, 0, true, -1 };
	struct stat st;
	enum hs_result r;

	if (hs_io_fstat(from, &st) < 0)
		return HS_E_IO;
	f.mode = st.st_mode & 0777;
	r = hs_file_replace_begin(&f);
	if (r == HS_OK)
		r = copy_bytes(b, from, f.fd, size);
	if (r == HS_OK && hs_io_set_changed(f.fd, &st) < 0)
		r = HS_E_IO;
	return hs_file_replace_end(&f, r);
}

/* Copies a file. HS_OK also if it is gone, or is no plain file. */
static enum hs_result copy_named(struct backup *b, int from_dir, int to_dir, const char *name)
{
	int from = hs_io_open_read(from_dir, name);
	struct stat st;
	enum hs_result r = HS_OK;

	if (from < 0)
		return errno == ENOENT ? HS_OK : hs_modes_result(name, errno);
	if (hs_io_fstat(from, &st) < 0)
		r = HS_E_IO;
	else if (S_ISREG(st.st_mode))
		r = copy_file(b, from, (uint64_t)st.st_size, to_dir, name);
	hs_io_close(from);
	return r;
}

/* --- folders of small files ---------------------------------------------------- */

static bool has_name(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->list[i], name) == 0)
			return true;
	return false;
}

/* Removes a file of the backup; folders stay. */
static enum hs_result drop_file(int dir, const char *name)
{
	struct stat st;

	if (hs_io_stat(dir, name, &st) < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	return S_ISREG(st.st_mode) && hs_io_unlink(dir, name) < 0 && errno != ENOENT ? HS_E_IO : HS_OK;
}

/* Removes files that the spool no longer has. */
static enum hs_result drop_others(int dir, const struct names *kept)
{
	struct names there;
	enum hs_result r = list_names(dir, &there);

	for (size_t i = 0; i < there.count && r == HS_OK; i++)
		if (!has_name(kept, there.list[i]))
			r = drop_file(dir, there.list[i]);
	free(there.list);
	return r;
}

static enum hs_result copy_folder(struct backup *b, const char *name)
{
	int from = hs_io_open_dir(b->spool_dir->private_dir, name), to;
	struct names names;
	enum hs_result r;

	if (from < 0 && errno != ENOENT)
		r = HS_E_IO;
	else if (hs_io_make_dir(b->private_dir, name, 0700) < 0 && errno != EEXIST)
		r = hs_io_result(errno);
	else
		r = hs_io_sync_dir(b->private_dir) < 0 ? HS_E_IO : HS_OK;
	to = r == HS_OK ? hs_io_open_dir(b->private_dir, name) : -1;
	names = (struct names){ NULL, 0, 0, false };
	if (r == HS_OK && to < 0)
		r = HS_E_IO;
	if (r == HS_OK && from >= 0)
		r = list_names(from, &names);
	for (size_t i = 0; i < names.count && r == HS_OK; i++)
		if (!is_unfinished(names.list[i]))
			r = copy_named(b, from, to, names.list[i]);
	if (r == HS_OK)
		r = drop_others(to, &names);
	if (r == HS_OK && hs_io_sync_dir(to) < 0)
		r = HS_E_IO;
	free(names.list);
	if (from >= 0)
		hs_io_close(from);
	if (to >= 0)
		hs_io_close(to);
	return r;
}

/* False for a segment in trouble, too: its lines have been copied as those of the open segment, or of a sealed one. */
static bool is_private_file(const char *name)
{
	return !is_temporary(name) && strncmp(name, "aside-", 6) != 0 && strcmp(name, HS_HISTORY_FILE) != 0 &&
	       strcmp(name, HS_HISTORY_BACKUP) != 0;
}

/* Copies the files of .hookspool: suppressed people, tombstones, the salt and so on. The backup's mark stays. */
static enum hs_result copy_private(struct backup *b)
{
	struct names names = { NULL, 0, 0, false };
	enum hs_result r =
	    add_name(&names, HS_HISTORY_BACKUP) ? add_names(b->spool_dir->private_dir, &names) : HS_E_MEMORY;

	for (size_t i = 0; i < names.count && r == HS_OK; i++)
		if (is_private_file(names.list[i]))
			r = copy_named(b, b->spool_dir->private_dir, b->private_dir, names.list[i]);
	if (r == HS_OK)
		r = drop_others(b->private_dir, &names);
	free(names.list);
	return r == HS_OK && hs_io_sync_dir(b->private_dir) < 0 ? HS_E_IO : r;
}

/* --- segments ------------------------------------------------------------------- */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return (a->st_dev == b->st_dev && a->st_ino == b->st_ino) ||
	       (a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	        a->st_mtim.tv_nsec == b->st_mtim.tv_nsec);
}

/*
 * Links or copies a segment, in place of one that the spool has replaced: its inode or size differs. `name` is then
 * that of its form by now: a person may have compressed it since it was listed.
 */
static enum hs_result take_sealed(struct backup *b, const char *stream, struct hs_sealed *sealed,
                                  char name[static HS_SEALED_NAME])
{
	struct stat st, there;
	int found = hs_sealed_stat(b->spool_dir->fd, stream, sealed, &st), error = errno;
	enum hs_result r;

	hs_sealed_print(stream, sealed, name);
	if (found < 0) /* rejected segments may be deleted meanwhile */
		return error == ENOENT || error == HS_IO_NOT_PLAIN ? HS_OK : HS_E_IO;
	if (hs_io_stat(b->dir, name, &there) == 0) {
		if (is_same(&st, &there)) {
			b->done->kept++;
			return HS_OK;
		}
		if (hs_io_unlink(b->dir, name) < 0)
			return HS_E_IO;
	}
	if (hs_io_link(b->spool_dir->fd, name, b->dir, name) == 0) {
		b->done->linked++;
		return HS_OK;
	}
	r = copy_named(b, b->spool_dir->fd, b->dir, name);
	b->done->copied += r == HS_OK;
	return r;
}

static bool go_on(struct backup *b)
{
	b->done->stopped = b->how->go_on != NULL && !b->how->go_on(b->how->context, b->at, b->all);
	return !b->done->stopped;
}

/* Takes the segments below `number`, then removes others that an earlier backup has left. */
static enum hs_result take_all_sealed(struct backup *b, const char *stream, uint64_t number)
{
	struct hs_sealed *list = NULL, *there = NULL;
	struct names kept = { NULL, 0, 0, false };
	size_t count = 0, there_count = 0;
	char name[HS_SEALED_NAME];
	enum hs_result r = hs_sealed_list(b->spool_dir->fd, stream, &list, &count);

	b->all += count;
	for (size_t i = 0; i < count && r == HS_OK && go_on(b); i++, b->at++) {
		if (list[i].number >= number)
			continue;
		r = take_sealed(b, stream, &list[i], name);
		if (r == HS_OK && !add_name(&kept, name))
			r = HS_E_MEMORY;
	}
	if (r == HS_OK && hs_io_sync_dir(b->dir) < 0) /* the new ones are there before the old ones go */
		r = HS_E_IO;
	if (r == HS_OK && !b->done->stopped)
		r = hs_sealed_list(b->dir, stream, &there, &there_count);
	for (size_t i = 0; i < there_count && r == HS_OK; i++) {
		hs_sealed_print(stream, &there[i], name);
		if (has_name(&kept, name))
			continue;
		if (hs_io_unlink(b->dir, name) < 0 && errno != ENOENT)
			r = HS_E_IO;
		b->done->removed++;
	}
	free(list);
	free(there);
	free(kept.list);
	return r;
}

/* Syncs the open segment. *size: synced bytes; *fd stays the segment's. */
static enum hs_result glance(struct hs_segment *s, int *fd, uint64_t *size, uint64_t *number)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = hs_segment_begin(s, 0, deadline);

	if (r != HS_OK)
		return r;
	r = hs_segment_sync(s, deadline);
	if (r == HS_OK) {
		*fd = hs_segment_fd(s);
		*size = atomic_load(&s->stream->written);
		*number = s->stream->number;
	}
	hs_segment_end(s);
	return r;
}

/* Looks at the open segment first: all segments with a lower number are sealed then. */
static enum hs_result take_stream(struct backup *b, int stream)
{
	struct hs_segment *s = &b->segment[stream];
	uint64_t size = 0, number = 0;
	int fd = -1;
	enum hs_result r = glance(s, &fd, &size, &number);

	if (r == HS_OK)
		r = take_all_sealed(b, s->name, number);
	if (r != HS_OK || b->done->stopped)
		return r;
	b->done->bytes += size;
	return copy_file(b, fd, size, b->dir, s->file_name);
}

/* --- the files beside them ------------------------------------------------------- */

static bool is_beside(const char *name)
{
	return strcmp(name, "erased.jsonl") == 0 || hs_dead_letters_is_name(name);
}

static enum hs_result take_beside(struct backup *b)
{
	struct names names, there;
	int lock;
	enum hs_result r = hs_dead_letters_lock(b->spool_dir, &lock);

	if (r != HS_OK)
		return r;
	r = list_names(b->spool_dir->fd, &names);
	for (size_t i = 0; i < names.count && r == HS_OK; i++)
		if (is_beside(names.list[i]))
			r = copy_named(b, b->spool_dir->fd, b->dir, names.list[i]);
	hs_io_close(lock);
	if (r == HS_OK)
		r = list_names(b->dir, &there);
	else
		there = (struct names){ NULL, 0, 0, false };
	for (size_t i = 0; i < there.count && r == HS_OK; i++)
		if (is_beside(there.list[i]) && !has_name(&names, there.list[i]) &&
		    hs_io_unlink(b->dir, there.list[i]) < 0)
			r = HS_E_IO;
	free(names.list);
	free(there.list);
	return r == HS_OK && hs_io_sync_dir(b->dir) < 0 ? HS_E_IO : r;
}

/* --- where it goes ----------------------------------------------------------------- */

/* The directory is not one to write to; otherwise the disk failed. */
static enum hs_result place_failed(struct backup *b)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG: b->done->place = errno; return HS_OK;
	default: return hs_io_result(errno);
	}
}

static bool any_other_name(void *context, const char *name)
{
	*(bool *)context |= strcmp(name, ".hookspool") != 0;
	return true;
}

/* A backup that is killed leaves the temporary file of its mark. */
static bool any_private_name(void *context, const char *name)
{
	*(bool *)context |= strncmp(name, HS_HISTORY_TEMPORARY, strlen(HS_HISTORY_TEMPORARY)) != 0;
	return true;
}

/* Looks at the directory and at all above it, up to the root, which is above itself. */
static enum hs_result is_inside(const struct backup *b, bool *inside)
{
	char path[PATH_MAX] = ".";
	struct stat spool, here, below = { 0 };

	if (hs_io_fstat(b->spool_dir->fd, &spool) < 0 || hs_io_fstat(b->dir, &here) < 0)
		return HS_E_IO;
	for (size_t n = 1; !*inside && (here.st_ino != below.st_ino || here.st_dev != below.st_dev); n += 3) {
		*inside = here.st_ino == spool.st_ino && here.st_dev == spool.st_dev;
		below = here;
		if (n + 4 > sizeof path) {
			b->done->place = ENAMETOOLONG;
			return HS_OK;
		}
		memcpy(path + n, "/..", 4);
		if (hs_io_stat(b->dir, path, &here) < 0)
			return errno == EACCES ? HS_OK : HS_E_IO; /* this user can search the spool, and all below it */
	}
	return HS_OK;
}

/* Refuses the .hookspool of another spool, or of no backup; a backup that failed at once has left it empty. */
static enum hs_result look_at_mark(struct backup *b, bool used)
{
	struct hs_history whose;
	enum hs_result r = hs_history_read(b->private_dir, HS_HISTORY_BACKUP, &whose);

	if (r == HS_E_IO && errno != ENOENT)
		return HS_E_IO;
	if (r == HS_E_IO && hs_io_list(b->private_dir, any_private_name, &used) < 0)
		return HS_E_IO;
	b->done->refused = r == HS_OK ? strcmp(whose.id, b->spool_dir->history.id) != 0 : used || r != HS_E_IO;
	return HS_OK;
}

static enum hs_result open_folder(struct backup *b)
{
	bool used = false;
	enum hs_result r = is_inside(b, &b->done->inside);

	if (r != HS_OK || b->done->inside || b->done->place != 0)
		return r;
	if (hs_io_list(b->dir, any_other_name, &used) < 0)
		return HS_E_IO;
	b->private_dir = hs_io_open_dir(b->dir, ".hookspool");
	if (b->private_dir >= 0)
		return look_at_mark(b, used);
	b->done->refused = errno == ENOTDIR || errno == ELOOP || (used && (errno == ENOENT || errno == EACCES));
	if (b->done->refused)
		return HS_OK;
	if (errno != ENOENT || hs_io_make_dir(b->dir, ".hookspool", 0700) < 0)
		return place_failed(b);
	if (hs_io_sync_dir(b->dir) < 0)
		return hs_io_result(errno);
	b->private_dir = hs_io_open_dir(b->dir, ".hookspool");
	return b->private_dir < 0 ? HS_E_IO : HS_OK;
}

static enum hs_result open_target(struct backup *b)
{
	char above[PATH_MAX];
	int fd;

	if (hs_io_make_dir(AT_FDCWD, b->how->to, 0700) < 0 && errno != EEXIST)
		return place_failed(b);
	b->dir = hs_io_open_dir(AT_FDCWD, b->how->to);
	if (b->dir < 0)
		return place_failed(b);
	snprintf(above, sizeof above, "%s/..", b->how->to);
	fd = hs_io_open_dir(AT_FDCWD, above);
	if (fd >= 0) {
		if (hs_io_sync_dir(fd) < 0)
			hs_log(HS_LOG_WARN, "the folder above %s could not be synced", b->how->to);
		hs_io_close(fd);
	}
	return open_folder(b);
}

/* --- all of it ----------------------------------------------------------------------- */

static enum hs_result mark(struct backup *b, bool whole)
{
	struct hs_history h = b->spool_dir->history;

	h.settled = whole;
	return hs_history_put(b->private_dir, b->private_dir, HS_HISTORY_BACKUP, &h);
}

static enum hs_result take_everything(struct backup *b)
{
	enum hs_result r = mark(b, false);

	for (int i = 0; i < FOLDERS && r == HS_OK; i++)
		r = copy_folder(b, FIRST[i]);
	for (int i = 0; i < HS_STREAMS && r == HS_OK && !b->done->stopped; i++)
		r = take_stream(b, i);
	if (r != HS_OK || b->done->stopped)
		return r;
	r = take_beside(b);
	if (r == HS_OK)
		r = copy_private(b);
	if (r == HS_OK)
		r = copy_named(b, b->spool_dir->private_dir, b->private_dir, HS_HISTORY_FILE);
	return r == HS_OK ? mark(b, true) : r;
}

/* Locks erase, repair, adopt and maintenance out. */
static enum hs_result lock_others_out(struct backup *b)
{
	enum hs_result r = hs_rewriter_lock(b->spool_dir->run_dir, &b->erase_lock);

	b->done->busy = r == HS_E_LOCKED;
	if (r != HS_OK)
		return b->done->busy ? HS_OK : r;
	b->maintain_lock = hs_io_open_or_make(b->spool_dir->run_dir, HS_RETENTION_LOCK, 0600);
	if (b->maintain_lock < 0)
		return hs_io_result(errno);
	if (hs_io_lock(b->maintain_lock, LOCK_EX | LOCK_NB) == 0)
		return HS_OK;
	b->done->busy = errno == EWOULDBLOCK;
	return b->done->busy ? HS_OK : HS_E_IO;
}

static enum hs_result work(struct backup *b)
{
	enum hs_result r = lock_others_out(b);

	b->done->begun = r == HS_OK && !b->done->busy;
	if (b->done->begun)
		r = open_target(b);
	if (r != HS_OK || b->done->busy || b->done->refused || b->done->inside || b->done->place != 0)
		return r;
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_init(&b->segment[i], b->spool_dir, i);
	r = take_everything(b);
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_close(&b->segment[i]);
	return r;
}

enum hs_result hs_backup(const struct hs_settings *settings, const struct hs_backup_how *how, struct hs_backup *done)
{
	struct backup b = {
		.how = how, .done = done, .erase_lock = -1, .maintain_lock = -1, .dir = -1, .private_dir = -1
	};
	const int *const fds[] = { &b.private_dir, &b.dir, &b.maintain_lock, &b.erase_lock };
	enum hs_result r;

	memset(done, 0, sizeof *done);
	b.room = malloc(COPY_BYTES);
	r = b.room == NULL ? HS_E_MEMORY : hs_spool_dir_open(&b.opened, settings, false);
	if (r == HS_OK) {
		b.spool_dir = &b.opened.dir;
		r = work(&b);
		for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
			if (*fds[i] >= 0)
				hs_io_close(*fds[i]);
		hs_spool_dir_close(&b.opened);
	}
	free(b.room);
	return r;
}
