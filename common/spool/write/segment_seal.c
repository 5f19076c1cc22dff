#include "spool/write/segment_seal.h"
#include "spool/shared/clock.h"
#include "spool/write/foreign_segments.h"
#include "spool/write/group_commit.h"
#include "spool/write/segment_open.h"

#include <errno.h>

/* --- when ----------------------------------------------------------------------- */

bool hs_segment_is_too_soon(const struct hs_segment *s)
{
	int64_t now = hs_io_now_monotonic(), rotated = s->stream->rotated_ms;

	return rotated > 0 && rotated <= now && now - rotated < s->dir->settings->rotate_min_gap;
}

/* True if the open segment's first line is at least rotate_age old, in believed time. */
static bool is_old(struct hs_segment *s)
{
	int64_t most_ms = s->dir->settings->rotate_age, now = hs_io_now();
	struct hs_stream *stream = s->stream;

	if (most_ms == 0 || stream->opened_ms <= 0)
		return false;
	if (stream->opened_ms <= now && now - stream->opened_ms < most_ms)
		return false; /* nor by believed time, which is never ahead of the clock's */
	now = hs_clock_now(s->dir);
	if (stream->opened_ms > now) /* the clock was set back: the age is counted anew */
		stream->opened_ms = now;
	return now - stream->opened_ms >= most_ms;
}

bool hs_segment_is_due(struct hs_segment *s, uint64_t n)
{
	struct hs_stream *stream = s->stream;
	uint64_t written = atomic_load(&stream->written);

	if (written == 0)
		return false;
	if (stream == &s->dir->state->state->stream[HS_REJECTED] && written + n > hs_segment_most(s))
		return true; /* the stream's sum is limited, whatever tail -F may miss of a flood */
	return !hs_segment_is_too_soon(s) && (written + n > s->rotate_size || is_old(s));
}

/* --- how ------------------------------------------------------------------------ */

enum hs_result hs_segment_end_generation(struct hs_segment *s, int64_t deadline_ms)
{
	struct hs_stream *stream = s->stream;
	enum hs_result result = hs_commit_quiesce(stream, deadline_ms);

	if (result != HS_OK)
		return result;
	if (s->file != NULL && s->file->generation == stream->generation)
		hs_commit_all(stream, s->file->fd, s->file->blind,
		              s->dir->metrics); /* if it fails only what was synced before counts */
	hs_commit_end(stream, atomic_load(&stream->synced));
	hs_commit_resume(stream);
	return HS_OK;
}

/*
 * Gives the open segment its sealed name. No other file has that name, so none is replaced; another
 * segment of its number gets a free number first, unless the directory is known to have none.
 */
static enum hs_result rename_sealed(struct hs_segment *s, bool looked)
{
	struct hs_stream *stream = s->stream;
	struct hs_sealed sealed = { .number = stream->number };
	char to[HS_SEALED_NAME];
	uint64_t highest;
	struct stat st;
	enum hs_result result = looked ? HS_OK : hs_foreign_segments_take_in(s, true, &highest);

	if (result != HS_OK)
		return result;
	do {
		sealed.sealed_ms = hs_segment_next_stamp(s);
		hs_sealed_print(s->name, &sealed, to);
	} while (hs_io_stat(s->dir->fd, to, &st) == 0);
	if (!hs_stream_is_intact(stream))
		return HS_E_SPOOL_STATE;
	hs_foreign_segments_note(stream, sealed.number, sealed.sealed_ms);
	return hs_io_rename(s->dir->fd, s->file_name, s->dir->fd, to) < 0 ? hs_io_result(errno) : HS_OK;
}

/* Seals the file, and opens no successor. */
static enum hs_result seal(struct hs_segment *s, bool looked)
{
	struct hs_stream *stream = s->stream;
	struct stat st;
	enum hs_result result;

	stream->known = 0;
	result = rename_sealed(s, looked);
	if (result != HS_OK)
		return result;
	stream->number++;
	if (s->file != NULL && hs_io_fstat(s->file->fd, &st) == 0)
		hs_io_truncate(s->file->fd, (uint64_t)st.st_size); /* frees the blocks after the end */
	return HS_OK;
}

/* `saved` changes after the sync: a kill in between must leave the number to be saved by the next process. */
enum hs_result hs_segment_save_number(struct hs_segment *s)
{
	struct hs_stream *stream = s->stream;
	bool is_first = stream->saved == 0 && stream->number == 1;
	enum hs_result result = is_first ? HS_OK : hs_shared_state_sync(s->dir->state);

	if (result == HS_OK)
		stream->saved = stream->number;
	return result;
}

enum hs_result hs_segment_seal(struct hs_segment *s, int64_t deadline_ms)
{
	struct hs_stream *stream = s->stream;
	enum hs_result result = hs_segment_end_generation(s, deadline_ms);
	bool poisoned = atomic_load(&stream->poisoned) != 0, looked;

	if (result != HS_OK)
		return result;
	looked = !poisoned && !hs_foreign_segments_may_differ(s, true);
	result = poisoned ? hs_segment_move_aside(s) : seal(s, looked);
	if (result != HS_OK)
		return result;
	s->sealed = true;
	result = looked ? hs_segment_open_next(s) : hs_segment_establish(s);
	if (looked)
		hs_foreign_segments_look_later(s);
	return result == HS_OK ? hs_segment_save_number(s) : result;
}
