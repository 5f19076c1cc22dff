#include "spool/write/segment.h"
#include "base/defect.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"
#include "spool/position/cursor.h"
#include "spool/shared/clock.h"
#include "spool/write/foreign_segments.h"
#include "spool/write/recovery.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	RESERVE_BYTES = 1 << 20, /* blocks taken ahead of the writes */
	INODES_MIN = 16,         /* below this many free inodes the disk counts as full */
	ROOM_BYTES = 256 << 20,  /* so much free beyond min_free is much */
	ROOM_INODES = 4096,
	ROOM_MS = 20,
	ATTEMPTS = 8, /* to bring the open segment into order */
	GAP_POLL_MS = 5,
	LOCK_LOOK_MS = 250, /* so often those who wait for a lock see whether it is still one */
};

struct hs_file {
	int fd;
	uint64_t generation;
	uint64_t blind; /* its length when it was opened; see group_commit.h */
	_Atomic int users;
};

/* --- names ------------------------------------------------------------------ */

static void open_name(const struct hs_segment *s, char out[static HS_SEALED_NAME])
{
	snprintf(out, HS_SEALED_NAME, "%s.jsonl", s->name);
}

/* --- descriptors ------------------------------------------------------------ */

static struct hs_file *use_file(struct hs_file *file)
{
	atomic_fetch_add(&file->users, 1);
	return file;
}

static void drop_file(struct hs_file *file)
{
	if (file != NULL && atomic_fetch_sub(&file->users, 1) == 1) {
		hs_io_close(file->fd);
		free(file);
	}
}

/*
 * Takes the descriptor over, for the generation that is open now, of a file that had this
 * size when it was opened. Without durability nobody syncs, and nothing is promised.
 */
static enum hs_result hold_file(struct hs_segment *s, int fd, uint64_t size)
{
	struct hs_file *file = malloc(sizeof *file);

	if (file == NULL) {
		hs_io_close(fd);
		return HS_E_MEMORY;
	}
	if (s->dir->settings->durability != HS_DURABILITY_FSYNC)
		size = 0;
	*file = (struct hs_file){ .fd = fd, .generation = s->stream->generation, .blind = size, .users = 1 };
	drop_file(s->file);
	s->file = file;
	return HS_OK;
}

void hs_segment_init(struct hs_segment *s, const struct hs_spool_dir *dir, int stream)
{
	uint64_t size = (uint64_t)dir->settings->rotate_size;
	uint64_t most = (uint64_t)dir->settings->rejected_max / 4;

	*s = (struct hs_segment){
		.dir = dir,
		.stream = &dir->state->state->stream[stream],
		.name = stream == HS_EVENTS ? "events" : "rejected",
		/* the rejected files are dropped one by one, so there must be several */
		.rotate_size = stream == HS_REJECTED && most < size ? most : size,
	};
}

void hs_segment_close(struct hs_segment *s)
{
	drop_file(s->file);
	s->file = NULL;
}

enum hs_result hs_segment_lock(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result r;
	int64_t now;
	bool died; /* in the middle of anything: prepare looks at everything anew */

	if (HS_DEFECT == HS_DEFECT_NO_LOCK)
		return HS_OK;
	r = hs_shared_state_try_lock(&s->stream->append, &died);
	while (r == HS_E_TIMEOUT && hs_stream_is_intact(s->stream) && (now = hs_io_now_monotonic()) < deadline_ms) {
		int64_t soon = now + LOCK_LOOK_MS;

		r = hs_shared_state_lock(&s->stream->append, soon < deadline_ms ? soon : deadline_ms, &died);
	}
	return hs_stream_is_intact(s->stream) ? r : HS_E_SPOOL_STATE;
}

void hs_segment_unlock(struct hs_segment *s)
{
	if (HS_DEFECT == HS_DEFECT_NO_LOCK)
		return;
	hs_stream_unlock(s->stream, &s->stream->append);
}

/* --- opening ---------------------------------------------------------------- */

/* Is this a file that we may append to? */
static enum hs_result check_file(int fd, struct stat *st)
{
	if (hs_io_fstat(fd, st) < 0)
		return HS_E_IO;
	if (!S_ISREG(st->st_mode))
		return HS_E_SPOOL_FILE;
	return st->st_uid == geteuid() ? HS_OK : HS_E_SPOOL_OWNER;
}

static enum hs_result open_failed(int error)
{
	return error == ELOOP || error == EISDIR || error == ENXIO ? HS_E_SPOOL_FILE
	       : error == EACCES                                   ? HS_E_SPOOL_OWNER
	                                                           : hs_io_result(error);
}

/* When the open segment got its first line, in believed time: every line tells. */
static int64_t first_spooled(const struct hs_segment *s)
{
	int64_t now = hs_clock_now(s->dir), ms;
	char name[HS_SEALED_NAME];

	open_name(s, name);
	ms = hs_clock_of_first(s->dir->fd, name, false);
	return ms > 0 && ms < now ? ms : now; /* one from the future would never be due */
}

/* A generation begins with this file, `size` bytes of which are safe. */
static enum hs_result begin(struct hs_segment *s, int fd, const struct stat *st, uint64_t size)
{
	struct hs_stream *f = s->stream;

	hs_commit_begin(f, size);
	f->inode = (uint64_t)st->st_ino;
	f->opened_ms = size == 0 ? 0 : first_spooled(s);
	f->known = 1;
	f->trusted = 0;
	return hold_file(s, fd, size);
}

/* Nothing is told to be durable before the file's name is. */
static enum hs_result create(struct hs_segment *s, const char *name)
{
	int fd = hs_io_make(s->dir->fd, name, (mode_t)s->dir->settings->spool_mode);
	struct stat st;

	if (fd < 0)
		return open_failed(errno);
	if (hs_io_fstat(fd, &st) < 0 || hs_io_sync_dir(s->dir->fd) < 0) {
		enum hs_result r = hs_io_result(errno);

		hs_io_unlink(s->dir->fd, name);
		hs_io_close(fd);
		return r;
	}
	return begin(s, fd, &st, 0);
}

/* Is the open segment's name still that of the file which the state speaks of? And its size. */
static enum hs_result look_up(struct hs_segment *s, bool *ours, uint64_t *size)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	*ours = false;
	open_name(s, name);
	if (hs_io_stat(s->dir->fd, name, &st) < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	*ours = (uint64_t)st.st_ino == s->stream->inode;
	*size = (uint64_t)st.st_size;
	return HS_OK;
}

/* A stamp that sorts behind every earlier one, even if the clock was set back: see clock.h. */
static int64_t next_stamp(struct hs_segment *s)
{
	struct hs_stream *f = s->stream;
	int64_t now = hs_clock_now(s->dir);

	f->sealed_ms = now > f->sealed_ms ? now : f->sealed_ms + 1;
	f->rotated_ms = hs_io_now_monotonic();
	return f->sealed_ms;
}

/*
 * Renames the segment aside; its first `synced` bytes are to be kept. If that fails, or
 * we are killed, the poison stays, and whoever comes next tries again: a poisoned file is
 * never opened as a good one, for its next sync would find nothing wrong.
 */
static enum hs_result move_aside(struct hs_segment *s)
{
	struct hs_stream *f = s->stream;
	struct hs_aside aside = { f->number, atomic_load(&f->synced), next_stamp(s), false };
	char from[HS_SEALED_NAME], to[HS_SEALED_NAME];
	uint64_t size;
	bool ours;
	enum hs_result r = look_up(s, &ours, &size);

	if (r != HS_OK)
		return r;
	open_name(s, from);
	hs_recovery_name(s->name, &aside, to);
	if (!hs_stream_is_intact(f))
		return HS_E_SPOOL_STATE; /* what is to be kept was read of it */
	if (ours && hs_io_rename(s->dir->fd, from, s->dir->private_dir, to) < 0)
		return hs_io_result(errno);
	f->known = 0;
	atomic_store(&f->poisoned, 0);
	return HS_OK;
}

/*
 * Opens events.jsonl as it is found, by nobody's word: it must consist of whole lines,
 * and is synced, data and name, before any byte of it counts. Until that has succeeded it
 * is marked as poisoned: a torn one, or one whose sync fails, is copied line by line to a
 * new file with a sync of its own. If it may have been written in this boot it is written
 * anew, too: an error of it may have been told to somebody who is dead.
 */
static enum hs_result adopt(struct hs_segment *s, const char *name)
{
	struct hs_stream *f = s->stream;
	int fd = hs_io_open(s->dir->fd, name);
	uint64_t size, whole;
	struct stat st;
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT ? create(s, name) : open_failed(errno);
	r = check_file(fd, &st);
	size = r == HS_OK ? (uint64_t)st.st_size : 0;
	if (r == HS_OK)
		r = hs_recovery_scan(fd, 0, size, &whole);
	if (r != HS_OK) {
		hs_io_close(fd);
		return r;
	}
	f->inode = (uint64_t)st.st_ino;
	atomic_store(&f->synced, size);
	atomic_store(&f->poisoned, 1);
	if (!hs_stream_is_intact(f)) {
		hs_io_close(fd);
		return HS_E_SPOOL_STATE;
	}
	if (whole == size && (f->trusted || hs_commit_renew(fd, 0, size) == HS_OK) && hs_io_sync_data(fd) == 0 &&
	    hs_io_sync_dir(s->dir->fd) == 0)
		return begin(s, fd, &st, size);
	hs_io_close(fd);
	return move_aside(s);
}

/*
 * What will be written must not be behind a consumer. The state may be lost, and all that was
 * sealed be deleted: then the numbers go on where a cursor stands. Or lines that it has passed
 * are gone, by a power cut without durability: then their number goes with them.
 */
static enum hs_result pass_cursors(struct hs_segment *s)
{
	struct hs_stream *f = s->stream;
	struct hs_position reached = { 0 };
	uint64_t size = 0;
	bool ours;
	enum hs_result r = look_up(s, &ours, &size);

	if (r != HS_OK || f != &s->dir->state->state->stream[HS_EVENTS])
		return r;
	(void)hs_cursor_newest(s->dir, &reached); /* if that fails: as if there were none */
	if (f->number < reached.number)
		f->number = reached.number;
	if (f->number == reached.number && size < reached.offset)
		f->number++;
	return HS_OK;
}

/*
 * Raises the open segment's number above those of all sealed ones: unless it has lines, for
 * readers know them under its number; then prepare seals it first.
 */
static enum hs_result pass_sealed(struct hs_segment *s, bool may_keep)
{
	struct hs_stream *f = s->stream;
	uint64_t size = 0, highest;
	bool ours;
	enum hs_result r = look_up(s, &ours, &size);
	bool keep = may_keep && f->number != 0 && size > 0;

	if (r == HS_OK)
		r = hs_foreign_segments_take_in(s->dir, s->name, f, keep, &highest);
	if (r == HS_OK && !keep && f->number <= highest)
		f->number = highest + 1;
	return r;
}

/* What is whole in a segment that was set aside goes among the sealed ones. */
static enum hs_result finish_aside(struct hs_segment *s, const struct hs_aside *aside)
{
	struct hs_stream *f = s->stream;
	enum hs_result r;
	bool used;

	if (f->number < aside->number)
		f->number = aside->number;
	if (f->sealed_ms < aside->sealed_ms)
		f->sealed_ms = aside->sealed_ms;
	hs_foreign_segments_note(f, aside->number, aside->sealed_ms);
	r = hs_recovery_finish(s->dir, s->name, aside, &used);
	if (r == HS_OK && used && f->number == aside->number)
		f->number++;
	return r;
}

/* Finds out from the disk what the state does not know. */
static enum hs_result find_out(struct hs_segment *s)
{
	struct hs_stream *f = s->stream;
	char name[HS_SEALED_NAME];
	struct hs_found found = { 0 };
	enum hs_result r = hs_recovery_look(s->dir, s->name, &found);

	if (r != HS_OK)
		return r;
	if (f->sealed_ms < found.sealed_ms)
		f->sealed_ms = found.sealed_ms;
	r = pass_sealed(s, found.aside.number == 0);
	if (r == HS_OK && found.aside.number != 0)
		return finish_aside(s, &found.aside); /* there may be another one: prepare comes back */
	if (r == HS_OK)
		r = pass_cursors(s);
	open_name(s, name);
	return r == HS_OK ? adopt(s, name) : r;
}

/* --- trouble ---------------------------------------------------------------- */

/* Ends the generation as good as it can be; then its file, if it is still there, can go. */
static enum hs_result end_generation(struct hs_segment *s, int64_t deadline_ms)
{
	struct hs_stream *f = s->stream;
	enum hs_result r = hs_commit_quiesce(f, deadline_ms);

	if (r != HS_OK)
		return r;
	if (s->file != NULL && s->file->generation == f->generation)
		hs_commit_all(f, s->file->fd, s->file->blind); /* at failure only what was synced before counts */
	hs_commit_end(f, atomic_load(&f->synced));
	hs_commit_resume(f);
	return HS_OK;
}

/* The open segment is not what it should be: keep what is safe of it, begin a new one. */
static enum hs_result set_aside(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result r = end_generation(s, deadline_ms);

	return r == HS_OK ? move_aside(s) : r;
}

/* events.jsonl is gone, or another file: somebody moved it. Ours is over. */
static enum hs_result lose(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result r = end_generation(s, deadline_ms);

	hs_log(HS_LOG_WARN, "%s.jsonl was moved or replaced by somebody else: a new one is begun", s->name);
	if (r == HS_OK) {
		s->stream->known = 0;
		s->stream->number++; /* the index has read of it under the old number */
	}
	return r;
}

/*
 * The file is longer than the state says: its last writer was killed between two steps,
 * or in mid-write. Whole lines stay, for a retry of theirs is then a duplicate; with a
 * fragment at the end the segment is set aside.
 */
static enum hs_result take_stock(struct hs_segment *s, uint64_t size, int64_t deadline_ms)
{
	struct hs_stream *f = s->stream;
	uint64_t whole;
	enum hs_result r = hs_recovery_scan(s->file->fd, atomic_load(&f->written), size, &whole);

	if (r != HS_OK)
		return r;
	atomic_store(&f->written, whole);
	return whole == size ? HS_OK : set_aside(s, deadline_ms);
}

/* Holds a descriptor of the open segment; *ours is false if the path leads elsewhere. */
static enum hs_result reopen(struct hs_segment *s, bool *ours, uint64_t *size)
{
	struct hs_stream *f = s->stream;
	enum hs_result r = look_up(s, ours, size);
	char name[HS_SEALED_NAME];
	struct stat st;
	int fd;

	if (r != HS_OK || !*ours || (s->file != NULL && s->file->generation == f->generation))
		return r;
	open_name(s, name);
	fd = hs_io_open(s->dir->fd, name);
	if (fd < 0)
		return open_failed(errno);
	r = check_file(fd, &st);
	*ours = r == HS_OK && (uint64_t)st.st_ino == f->inode;
	if (*ours)
		return hold_file(s, fd, (uint64_t)st.st_size);
	hs_io_close(fd);
	return r;
}

/* --- rotation --------------------------------------------------------------- */

/* GNU tail -F loses lines when rotations come back to back. */
static bool is_too_soon(const struct hs_segment *s)
{
	return s->stream->rotated_ms != 0 &&
	       hs_io_now_monotonic() - s->stream->rotated_ms < s->dir->settings->rotate_min_gap;
}

uint64_t hs_segment_most(const struct hs_segment *s)
{
	return s->rotate_size + s->rotate_size / 2;
}

static bool is_due(struct hs_segment *s, uint64_t n)
{
	const struct hs_settings *settings = s->dir->settings;
	struct hs_stream *f = s->stream;
	uint64_t written = atomic_load(&f->written);
	int64_t now;

	if (written == 0)
		return false;
	if (f == &s->dir->state->state->stream[HS_REJECTED] && written + n > hs_segment_most(s))
		return true; /* the sum of them is bounded, whatever tail -F may miss of a flood */
	if (is_too_soon(s))
		return false;
	if (written + n > s->rotate_size)
		return true;
	if (settings->rotate_age == 0 || f->opened_ms == 0)
		return false;
	now = hs_io_now();
	if (f->opened_ms <= now && now - f->opened_ms < settings->rotate_age)
		return false; /* nor by believed time, which is never ahead of the clock's */
	now = hs_clock_now(s->dir);
	if (f->opened_ms > now) /* the clock was set back: its age is counted anew */
		f->opened_ms = now;
	return now - f->opened_ms >= settings->rotate_age;
}

/*
 * Gives the open segment its sealed name, which nobody else's file has: so none is replaced.
 * Another segment of its number gets a free one first.
 */
static enum hs_result rename_sealed(struct hs_segment *s)
{
	struct hs_stream *f = s->stream;
	struct hs_sealed sealed = { .number = f->number };
	char from[HS_SEALED_NAME], to[HS_SEALED_NAME];
	uint64_t highest;
	struct stat st;
	enum hs_result r = hs_foreign_segments_take_in(s->dir, s->name, f, true, &highest);

	if (r != HS_OK)
		return r;
	do {
		sealed.sealed_ms = next_stamp(s);
		hs_sealed_print(s->name, &sealed, to);
	} while (hs_io_stat(s->dir->fd, to, &st) == 0);
	open_name(s, from);
	if (!hs_stream_is_intact(f))
		return HS_E_SPOOL_STATE;
	hs_foreign_segments_note(f, sealed.number, sealed.sealed_ms);
	return hs_io_rename(s->dir->fd, from, s->dir->fd, to) < 0 ? hs_io_result(errno) : HS_OK;
}

/* HS_OK with the generation ended and the file sealed; its successor is not there yet. */
static enum hs_result seal(struct hs_segment *s, int64_t deadline_ms)
{
	struct hs_stream *f = s->stream;
	struct stat st;
	enum hs_result r = end_generation(s, deadline_ms);

	if (r != HS_OK)
		return r;
	if (atomic_load(&f->poisoned) != 0)
		return move_aside(s);
	f->known = 0;
	r = rename_sealed(s);
	if (r != HS_OK)
		return r;
	f->number++;
	if (s->file != NULL && hs_io_fstat(s->file->fd, &st) == 0)
		hs_io_truncate(s->file->fd, (uint64_t)st.st_size); /* gives back the blocks behind the end */
	return HS_OK;
}

/*
 * After a power cut the open segment must be told from a sealed one that others have put there,
 * so nothing is appended to it before its number is on stable storage. A new spool has no others.
 */
static enum hs_result save_number(struct hs_segment *s)
{
	struct hs_stream *f = s->stream;
	uint64_t was = f->saved;
	enum hs_result r;

	f->saved = f->number;
	if (was == 0 && f->number == 1)
		return HS_OK;
	r = hs_shared_state_sync(s->dir->state);
	if (r != HS_OK)
		f->saved = was;
	return r;
}

static enum hs_result seal_and_open(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result r = seal(s, deadline_ms);

	if (r != HS_OK)
		return r;
	s->sealed = true;
	r = find_out(s);
	return r == HS_OK ? save_number(s) : r;
}

/* --- what others put there --------------------------------------------------- */

enum hs_result hs_segment_has_news(struct hs_segment *s, bool *news)
{
	*news = false;
	if (!hs_foreign_segments_may_differ(s->dir, s->stream, true))
		return HS_OK;
	return hs_foreign_segments_look(s->dir, s->name, s->stream, news);
}

/* The open segment must come after the news: without lines it only gets another number. */
static enum hs_result take_in(struct hs_segment *s, int64_t deadline_ms)
{
	struct hs_stream *f = s->stream;
	enum hs_result r;

	if (atomic_load(&f->written) == 0) {
		r = end_generation(s, deadline_ms);
		if (r == HS_OK)
			f->known = 0;
		return r;
	}
	for (; is_too_soon(s); hs_io_pause(GAP_POLL_MS))
		if (hs_io_now_monotonic() >= deadline_ms)
			return HS_E_ROTATE_GAP;
	return seal_and_open(s, deadline_ms);
}

enum hs_result hs_segment_settle(struct hs_segment *s, int64_t deadline_ms)
{
	s->stream->looked_ns = 0;
	return hs_segment_prepare(s, 0, deadline_ms);
}

/* --- the way to an append ---------------------------------------------------- */

/* The open segment itself is in order: is it to be sealed, or to get another number? */
static enum hs_result mend_number(struct hs_segment *s, uint64_t n, int64_t deadline_ms, bool *fit)
{
	struct hs_stream *f = s->stream;
	enum hs_result r = HS_OK;
	bool news = false;

	if (hs_foreign_segments_may_differ(s->dir, f, n == 0))
		r = hs_foreign_segments_look(s->dir, s->name, f, &news);
	if (r == HS_OK && news)
		return take_in(s, deadline_ms);
	if (r == HS_OK && f->saved != f->number)
		return save_number(s);
	if (r == HS_OK && is_due(s, n))
		return seal_and_open(s, deadline_ms);
	*fit = r == HS_OK;
	return r;
}

/* One look at the segment: *fit if it is in order, otherwise one thing was mended. */
static enum hs_result mend(struct hs_segment *s, uint64_t n, int64_t deadline_ms, bool *fit)
{
	struct hs_stream *f = s->stream;
	uint64_t size;
	enum hs_result r;
	bool ours;

	*fit = false;
	if (!hs_stream_is_intact(f))
		return HS_E_SPOOL_STATE;
	/* the second: a process was killed when it had ended the generation, and no more */
	if (f->known == 0 || atomic_load(&f->current) != f->generation)
		return atomic_load(&f->poisoned) != 0 ? move_aside(s) : find_out(s);
	r = reopen(s, &ours, &size);
	if (r != HS_OK)
		return r;
	if (!ours)
		return lose(s, deadline_ms);
	hs_commit_notice(f);
	if (atomic_load(&f->poisoned) != 0)
		return set_aside(s, deadline_ms);
	if (size < atomic_load(&f->written)) {
		hs_log(HS_LOG_ERROR, "%s.jsonl was cut by somebody else: it is set aside", s->name);
		atomic_store(&f->poisoned, 1); /* a sync of what is left proves nothing */
		r = set_aside(s, deadline_ms);
		f->number += r == HS_OK; /* readers have been in it; perhaps nothing is left of it */
		return r;
	}
	if (size > atomic_load(&f->written))
		return take_stock(s, size, deadline_ms);
	s->end = size;
	return mend_number(s, n, deadline_ms, fit);
}

/*
 * Blocks for n bytes more, so that a write cannot fail half way on a full disk. Taken a
 * megabyte ahead, for a file system has much to do for each.
 */
static enum hs_result reserve(struct hs_segment *s, uint64_t n)
{
	struct hs_stream *f = s->stream;
	uint64_t written = atomic_load(&f->written), ahead = n + RESERVE_BYTES;

	if (n == 0 || written + n <= f->reserved)
		return HS_OK;
	if (hs_io_reserve(s->file->fd, written, ahead) == 0) {
		f->reserved = written + ahead;
		return HS_OK;
	}
	if (errno == EOPNOTSUPP || errno == ENOSYS) {
		f->reserved = UINT64_MAX; /* this file system cannot: write, and roll back */
		return HS_OK;
	}
	if (hs_io_reserve(s->file->fd, written, n) < 0)
		return hs_io_result(errno);
	f->reserved = written + n;
	return HS_OK;
}

/* A disk that has much room is asked now and then only. */
static enum hs_result check_space(struct hs_segment *s, uint64_t n)
{
	uint64_t min_free = (uint64_t)s->dir->settings->min_free;
	struct hs_stream *f = s->stream;
	int64_t now = hs_io_now_monotonic();
	struct hs_space space;

	if (n > 0 && f->room > n && now < f->room_until_ms) {
		f->room -= n;
		return HS_OK;
	}
	f->room = 0;
	if (hs_io_space(s->dir->fd, &space) < 0)
		return HS_E_IO;
	if (space.bytes < min_free + n || space.inodes < INODES_MIN)
		return HS_E_FULL;
	if (space.bytes - min_free > ROOM_BYTES && space.inodes > ROOM_INODES) {
		f->room = ROOM_BYTES / 2; /* nobody else fills the other half so soon */
		f->room_until_ms = now + ROOM_MS;
	}
	return HS_OK;
}

enum hs_result hs_segment_prepare(struct hs_segment *s, uint64_t n, int64_t deadline_ms)
{
	enum hs_result r = hs_timestamp_is_possible(hs_io_now()) ? check_space(s, n) : HS_E_CLOCK;
	bool fit = false;

	for (int i = 0; r == HS_OK && !fit; i++)
		r = i < ATTEMPTS ? mend(s, n, deadline_ms, &fit) : HS_E_IO;
	return r == HS_OK ? reserve(s, n) : r;
}

enum hs_result hs_segment_begin(struct hs_segment *s, uint64_t n, int64_t deadline_ms)
{
	enum hs_result r = hs_segment_lock(s, deadline_ms);

	if (r != HS_OK)
		return r;
	r = hs_segment_prepare(s, n, deadline_ms);
	if (r != HS_OK)
		hs_segment_unlock(s);
	return r;
}

void hs_segment_end(struct hs_segment *s)
{
	hs_segment_unlock(s);
}

enum hs_result hs_segment_write(struct hs_segment *s, struct hs_slice lines, struct hs_unsynced *pending)
{
	struct hs_stream *f = s->stream;
	uint64_t at = s->end;

	/* a state that reads as zeros must not lead us to the file's beginning */
	if (atomic_load(&f->written) != at || s->file->generation != f->generation || !hs_stream_is_intact(f))
		return HS_E_SPOOL_STATE;
	assert(lines.n > 0 && lines.p[lines.n - 1] == '\n');
	if (hs_io_write_at(s->file->fd, lines.p, lines.n, at) < 0) {
		enum hs_result r = hs_io_result(errno);

		/* at worst a fragment stays; the next prepare will find it */
		if (hs_io_truncate(s->file->fd, at) < 0)
			hs_log_result(HS_E_IO, "roll back %s.jsonl: %s", s->name, strerror(errno));
		f->reserved = 0;
		return r;
	}
	if (f->opened_ms == 0)
		f->opened_ms = hs_clock_now(s->dir);
	s->end = at + lines.n;
	pending->file = use_file(s->file);
	hs_commit_note(f, s->file->fd, s->file->blind, at + lines.n, &pending->ticket);
	return HS_OK;
}

int hs_segment_fd(const struct hs_segment *s)
{
	return s->file->fd;
}

enum hs_result hs_segment_sync(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result r = hs_commit_quiesce(s->stream, deadline_ms);

	if (r != HS_OK)
		return r;
	r = hs_commit_all(s->stream, s->file->fd, s->file->blind);
	hs_commit_resume(s->stream);
	return r;
}

void hs_segment_join(struct hs_segment *s, struct hs_unsynced *pending)
{
	pending->file = use_file(s->file);
	hs_commit_note(s->stream, s->file->fd, s->file->blind, atomic_load(&s->stream->written), &pending->ticket);
}

enum hs_result hs_segment_wait(struct hs_segment *s, struct hs_unsynced *pending, int64_t deadline_ms)
{
	enum hs_result r = hs_commit_wait(s->stream, &pending->ticket, deadline_ms);

	hs_segment_forget(pending);
	return r;
}

void hs_segment_forget(struct hs_unsynced *pending)
{
	drop_file(pending->file);
	pending->file = NULL;
}

enum hs_result hs_segment_rotate(struct hs_segment *s, int64_t deadline_ms)
{
	if (atomic_load(&s->stream->written) == 0)
		return HS_OK;
	return is_too_soon(s) ? HS_E_ROTATE_GAP : seal_and_open(s, deadline_ms);
}
