#include "spool/write/segment_open.h"
#include "base/digest.h"
#include "spool/position/cursor.h"
#include "spool/position/line_before.h"
#include "spool/shared/clock.h"
#include "spool/write/foreign_segments.h"
#include "spool/write/group_commit.h"
#include "spool/write/recovery.h"

#include <errno.h>

/* --- opening ------------------------------------------------------------------ */

/* When the open segment got its first line, in believed time, as that line says. */
static int64_t first_spooled(const struct hs_segment *s)
{
	int64_t now = hs_clock_now(s->dir), ms;

	ms = hs_clock_of_first(s->dir->fd, s->file_name, false);
	return ms > 0 && ms < now ? ms : now; /* a time from the future would never be due */
}

/* Begins a generation with this file, `size` bytes of which are safe. */
static enum hs_result begin(struct hs_segment *s, int fd, const struct stat *st, uint64_t size)
{
	struct hs_stream *stream = s->stream;

	hs_commit_begin(stream, size);
	stream->inode = (uint64_t)st->st_ino;
	stream->opened_ms = size == 0 ? 0 : first_spooled(s);
	stream->known = 1;
	stream->trusted = 0;
	return hs_segment_file_hold(s, fd, size);
}

static enum hs_result begin_empty(struct hs_segment *s)
{
	struct stat st;
	int fd;
	enum hs_result result = hs_segment_file_make(s, &fd, &st);

	return result == HS_OK ? begin(s, fd, &st, 0) : result;
}

/*
 * True once the file's whole contents, and its name, are on stable storage. If it may have been
 * written in this boot its lines are written again: an error of an earlier write may have been
 * reported to a process that is dead.
 */
static bool is_made_durable(const struct hs_segment *s, int fd, uint64_t size)
{
	return (s->stream->trusted || hs_commit_renew(fd, 0, size) == HS_OK) && hs_io_sync_data(fd) == 0 &&
	       hs_io_sync_dir(s->dir->fd) == 0;
}

/*
 * Opens the open segment as it is found, trusting nothing that the state says: it must consist of
 * whole lines, and is synced, data and name, before any byte of it counts. Until that has succeeded
 * it is marked as poisoned: a torn file, or one whose sync fails, is set aside, and its lines are
 * copied to a new file with a sync of its own.
 */
static enum hs_result adopt(struct hs_segment *s)
{
	struct hs_stream *stream = s->stream;
	uint64_t size, whole;
	struct stat st;
	int fd;
	enum hs_result result = hs_segment_file_open(s, &fd, &st);

	if (result != HS_OK)
		return result;
	if (fd < 0)
		return begin_empty(s);
	size = (uint64_t)st.st_size;
	result = hs_recovery_scan(fd, 0, size, &whole);
	if (result == HS_OK) {
		stream->inode = (uint64_t)st.st_ino;
		atomic_store(&stream->synced, size);
		atomic_store(&stream->poisoned, 1);
		result = hs_stream_is_intact(stream) ? HS_OK : HS_E_SPOOL_STATE;
	}
	if (result == HS_OK && whole == size && is_made_durable(s, fd, size))
		return begin(s, fd, &st, size);
	hs_io_close(fd);
	return result == HS_OK ? hs_segment_move_aside(s) : result;
}

/* --- setting aside -------------------------------------------------------------- */

int64_t hs_segment_next_stamp(struct hs_segment *s)
{
	struct hs_stream *stream = s->stream;
	int64_t now = hs_clock_now(s->dir);

	stream->sealed_ms = now > stream->sealed_ms ? now : stream->sealed_ms + 1;
	stream->rotated_ms = hs_io_now_monotonic();
	return stream->sealed_ms;
}

/* Up to where lines may have been acknowledged. Without durability they need not have been synced. */
static uint64_t acknowledged(const struct hs_segment *s)
{
	uint64_t written = atomic_load(&s->stream->written), synced = atomic_load(&s->stream->synced);

	return s->dir->settings->durability == HS_DURABILITY_FSYNC || written < synced ? synced : written;
}

enum hs_result hs_segment_move_aside(struct hs_segment *s)
{
	struct hs_stream *stream = s->stream;
	struct hs_aside aside = { stream->number, acknowledged(s), hs_segment_next_stamp(s), false };
	char to[HS_SEALED_NAME];
	uint64_t size;
	bool ours;
	enum hs_result result = hs_segment_file_look_up(s, &ours, &size);

	if (result != HS_OK)
		return result;
	hs_recovery_name(s->name, &aside, to);
	if (!hs_stream_is_intact(stream))
		return HS_E_SPOOL_STATE; /* the number of bytes to keep was read from it */
	if (ours && hs_io_rename(s->dir->fd, s->file_name, s->dir->private_dir, to) < 0)
		return hs_io_result(errno);
	hs_metrics_add_one(s->dir->metrics, HS_METRIC_SEGMENTS_POISONED);
	stream->known = 0;
	atomic_store(&stream->poisoned, 0);
	return HS_OK;
}

/* Copies the whole lines of a segment that was set aside to a sealed one. */
static enum hs_result finish_aside(struct hs_segment *s, const struct hs_aside *aside)
{
	struct hs_stream *stream = s->stream;
	enum hs_result result;
	bool used;

	if (stream->number < aside->number)
		stream->number = aside->number;
	if (stream->sealed_ms < aside->sealed_ms)
		stream->sealed_ms = aside->sealed_ms;
	hs_foreign_segments_note(stream, aside->number, aside->sealed_ms);
	result = hs_recovery_finish(s->dir, s->name, aside, &used);
	if (result == HS_OK && used && stream->number == aside->number)
		stream->number++;
	return result;
}

/* --- the number ------------------------------------------------------------------- */

static bool is_of_events(const struct hs_segment *s)
{
	return s->stream == &s->dir->state->state->stream[HS_EVENTS];
}

/*
 * Raises the open segment's number above what every cursor has passed, since consumers would miss
 * what is written before a cursor. The state may be lost and all sealed segments deleted: then the
 * numbers go on where a cursor is. Or a power cut without durability took lines that a cursor has
 * passed: then their number is not used again.
 */
static enum hs_result pass_cursors(struct hs_segment *s)
{
	struct hs_stream *stream = s->stream;
	struct hs_position reached = { 0 };
	uint64_t size = 0;
	bool ours;
	enum hs_result result = hs_segment_file_look_up(s, &ours, &size);

	if (result != HS_OK || !is_of_events(s))
		return result;
	(void)hs_cursor_newest(s->dir, &reached); /* if that fails: as if there were none */
	if (stream->number < reached.number)
		stream->number = reached.number;
	if (stream->number == reached.number && size < reached.offset)
		stream->number++;
	return HS_OK;
}

/* A search for the number by which cursors know the lines of the open segment. */
struct known_number {
	int fd;
	uint64_t size, number; /* number 0: none knows any */
	struct hs_digest *digest;
	struct hs_line_reader lines;
};

/* A cursor that has passed a line of this file shows by the hash of that line which number the file had. */
static bool look_at_cursor(void *context, const struct hs_cursor_info *info)
{
	const struct hs_position *at = &info->position;
	struct known_number *known = context;
	struct hs_slice line;
	uint64_t hash;

	if (!info->damaged && at->before != 0 && at->edit == 0 && at->offset <= known->size &&
	    at->number > known->number && hs_line_before(&known->lines, known->fd, at->offset, &line) == 1 &&
	    hs_history_hash(known->digest, line, &hash) && hash == at->before)
		known->number = at->number;
	return true;
}

/*
 * The number that the open segment had before the state was lost, as far as a consumer depends on it: under another
 * one its lines would be delivered again, or none. 0: none does. If this fails, it is as if there were no cursors.
 */
static uint64_t number_of_cursors(const struct hs_segment *s, uint64_t size)
{
	struct known_number known = { .size = size, .digest = hs_digest_new() };

	known.fd = hs_io_open_plain(s->dir->fd, s->file_name);
	if (known.fd >= 0 && known.digest != NULL)
		(void)hs_cursor_list(s->dir->private_dir, look_at_cursor, &known);
	if (known.fd >= 0)
		hs_io_close(known.fd);
	hs_line_reader_free(&known.lines);
	hs_digest_free(known.digest);
	return known.number;
}

/*
 * Raises the open segment's number above those of all sealed ones, unless it has lines: readers know
 * them by its number, so prepare seals it first.
 */
static enum hs_result pass_sealed(struct hs_segment *s, bool may_keep)
{
	struct hs_stream *stream = s->stream;
	uint64_t size = 0, highest;
	bool ours;
	enum hs_result result = hs_segment_file_look_up(s, &ours, &size);
	bool keep;

	if (result == HS_OK && may_keep && stream->number == 0 && size > 0 && is_of_events(s))
		stream->number = number_of_cursors(s, size);
	keep = may_keep && stream->number != 0 && size > 0;
	if (result == HS_OK)
		result = hs_foreign_segments_take_in(s, keep, &highest);
	if (result == HS_OK && !keep && stream->number <= highest)
		stream->number = highest + 1;
	return result;
}

enum hs_result hs_segment_establish(struct hs_segment *s)
{
	struct hs_stream *stream = s->stream;
	struct hs_found found = { 0 };
	enum hs_result result = hs_recovery_look(s->dir, s->name, &found);

	if (result != HS_OK)
		return result;
	if (stream->sealed_ms < found.sealed_ms)
		stream->sealed_ms = found.sealed_ms;
	result = pass_sealed(s, found.aside.number == 0);
	if (result == HS_OK && found.aside.number != 0)
		return finish_aside(s, &found.aside); /* there may be another one: prepare calls again */
	if (result == HS_OK)
		result = pass_cursors(s);
	return result == HS_OK ? adopt(s) : result;
}

enum hs_result hs_segment_open_next(struct hs_segment *s)
{
	return adopt(s);
}
