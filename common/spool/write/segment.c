#include "spool/write/segment.h"
#include "base/defect.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/shared/clock.h"
#include "spool/write/foreign_segments.h"
#include "spool/write/recovery.h"
#include "spool/write/segment_open.h"
#include "spool/write/segment_seal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	RESERVE_BYTES = 1 << 20, /* blocks taken ahead of the writes */
	INODES_MIN = 16,         /* below this many free inodes the disk counts as full */
	ROOM_BYTES = 256 << 20,  /* a disk with this much free beyond min_free is asked less often */
	ROOM_INODES = 4096,
	ROOM_MS = 20,
	ATTEMPTS = 8, /* to bring the open segment into order */
	GAP_POLL_MS = 5,
	LOOK_LOCK_MS = 1000, /* to note what a look without the lock has found */
	LOCK_LOOK_MS = 250,  /* how often a waiter checks that the state with its lock still exists */
};

void hs_segment_init(struct hs_segment *s, const struct hs_spool_dir *dir, int stream)
{
	uint64_t size = (uint64_t)dir->settings->rotate_size;
	uint64_t most = (uint64_t)dir->settings->rejected_max / 4;

	*s = (struct hs_segment){
		.dir = dir,
		.stream = &dir->state->state->stream[stream],
		.name = stream == HS_EVENTS ? "events" : "rejected",
		.file_name = stream == HS_EVENTS ? "events.jsonl" : "rejected.jsonl",
		/* rejected segments are deleted one by one, so there must be several */
		.rotate_size = stream == HS_REJECTED && most < size ? most : size,
	};
}

void hs_segment_close(struct hs_segment *s)
{
	hs_segment_file_drop(s->file);
	s->file = NULL;
}

enum hs_result hs_segment_lock(struct hs_segment *s, int64_t deadline_ms)
{
	int64_t now;
	bool died; /* perhaps in the middle of a step: prepare checks everything in any case */
	enum hs_result result =
	    HS_DEFECT == HS_DEFECT_NO_LOCK ? HS_OK : hs_shared_state_try_lock(&s->stream->append, &died);

	while (result == HS_E_TIMEOUT && hs_stream_is_intact(s->stream) &&
	       (now = hs_io_now_monotonic()) < deadline_ms) {
		int64_t soon = now + LOCK_LOOK_MS;

		result = hs_shared_state_lock(&s->stream->append, soon < deadline_ms ? soon : deadline_ms, &died);
	}
	return hs_stream_is_intact(s->stream) ? result : HS_E_SPOOL_STATE;
}

void hs_segment_unlock(struct hs_segment *s)
{
	if (HS_DEFECT != HS_DEFECT_NO_LOCK)
		hs_stream_unlock(s->stream, &s->stream->append);
}

/* --- trouble ---------------------------------------------------------------- */

/* Keeps what is safe of an open segment that is not as it should be. */
static enum hs_result set_aside(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result result = hs_segment_end_generation(s, deadline_ms);

	return result == HS_OK ? hs_segment_move_aside(s) : result;
}

/* Ends the generation of an open segment that another program has moved or replaced. */
static enum hs_result lose(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result result = hs_segment_end_generation(s, deadline_ms);

	hs_log(HS_LOG_WARN, "%s was moved or replaced by somebody else: a new one is begun", s->file_name);
	if (result == HS_OK) {
		s->stream->known = 0;
		s->stream->number++; /* the index has ids of it under the old number */
	}
	return result;
}

/*
 * Accounts for a file that is longer than the state says: its last writer was killed between two
 * steps, or in mid-write. Whole lines stay, so that their retry is a duplicate; with a fragment at
 * the end the segment is set aside.
 */
static enum hs_result take_stock(struct hs_segment *s, uint64_t size, int64_t deadline_ms)
{
	struct hs_stream *stream = s->stream;
	uint64_t whole;
	enum hs_result result = hs_recovery_scan(s->file->fd, atomic_load(&stream->written), size, &whole);

	if (result != HS_OK)
		return result;
	atomic_store(&stream->written, whole);
	return whole == size ? HS_OK : set_aside(s, deadline_ms);
}

/* --- segments of other programs ----------------------------------------------- */

enum hs_result hs_segment_has_news(struct hs_segment *s, bool *news)
{
	*news = false;
	if (!hs_foreign_segments_may_differ(s, true))
		return HS_OK;
	return hs_foreign_segments_look(s, news);
}

/* Takes in other programs' segments. The open one must come after them: it gets another number, or is sealed first. */
static enum hs_result take_in(struct hs_segment *s, int64_t deadline_ms)
{
	struct hs_stream *stream = s->stream;
	enum hs_result result;

	if (atomic_load(&stream->written) == 0) {
		result = hs_segment_end_generation(s, deadline_ms);
		if (result == HS_OK)
			stream->known = 0;
		return result;
	}
	for (; hs_segment_is_too_soon(s); hs_io_pause(GAP_POLL_MS))
		if (hs_io_now_monotonic() >= deadline_ms)
			return HS_E_ROTATE_GAP;
	return hs_segment_seal(s, deadline_ms);
}

enum hs_result hs_segment_settle(struct hs_segment *s, int64_t deadline_ms)
{
	s->stream->looked_ns = 0;
	return hs_segment_prepare(s, 0, deadline_ms);
}

/* --- the way to an append ---------------------------------------------------- */

/* Seals or renumbers an open segment whose file is in order; *fit if neither is needed. */
static enum hs_result mend_number(struct hs_segment *s, uint64_t n, int64_t deadline_ms, bool *fit)
{
	struct hs_stream *stream = s->stream;
	enum hs_result result = HS_OK;
	bool news = false;

	if (hs_foreign_segments_may_differ(s, n == 0))
		result = hs_foreign_segments_look(s, &news);
	if (result == HS_OK && news)
		return take_in(s, deadline_ms);
	if (result == HS_OK && stream->saved != stream->number)
		return hs_segment_save_number(s);
	if (result == HS_OK && hs_segment_is_due(s, n))
		return hs_segment_seal(s, deadline_ms);
	*fit = result == HS_OK;
	return result;
}

/* Checks the open segment: *fit if it is in order; otherwise mends one thing, and must be called again. */
static enum hs_result mend(struct hs_segment *s, uint64_t n, int64_t deadline_ms, bool *fit)
{
	struct hs_stream *stream = s->stream;
	uint64_t size;
	enum hs_result result;
	bool ours;

	*fit = false;
	if (!hs_stream_is_intact(stream))
		return HS_E_SPOOL_STATE;
	/* the two generations differ if a process was killed just after it had ended one */
	if (stream->known == 0 || atomic_load(&stream->current) != stream->generation)
		return atomic_load(&stream->poisoned) != 0 ? hs_segment_move_aside(s) : hs_segment_establish(s);
	result = hs_segment_file_reopen(s, &ours, &size);
	if (result != HS_OK)
		return result;
	if (!ours)
		return lose(s, deadline_ms);
	hs_commit_notice(stream);
	if (atomic_load(&stream->poisoned) != 0)
		return set_aside(s, deadline_ms);
	if (size < atomic_load(&stream->written)) {
		hs_log(HS_LOG_ERROR, "%s was cut by somebody else: it is set aside", s->file_name);
		atomic_store(&stream->poisoned, 1); /* a sync of what is left proves nothing */
		result = set_aside(s, deadline_ms);
		stream->number += result == HS_OK; /* readers have read of it; perhaps nothing is left */
		return result;
	}
	if (size > atomic_load(&stream->written))
		return take_stock(s, size, deadline_ms);
	s->end = size;
	return mend_number(s, n, deadline_ms, fit);
}

/*
 * Reserves blocks for n bytes more, so that a write cannot fail half way on a full disk. Takes a
 * megabyte at once, since each reservation is much work for a file system.
 */
static enum hs_result reserve(struct hs_segment *s, uint64_t n)
{
	struct hs_stream *stream = s->stream;
	uint64_t written = atomic_load(&stream->written), ahead = n + RESERVE_BYTES;

	if (n == 0 || written + n <= stream->reserved)
		return HS_OK;
	if (hs_io_reserve(s->file->fd, written, ahead) == 0) {
		stream->reserved = written + ahead;
		return HS_OK;
	}
	if (errno == EOPNOTSUPP || errno == ENOSYS) {
		stream->reserved = UINT64_MAX; /* this file system cannot: a write that fails is rolled back */
		return HS_OK;
	}
	if (hs_io_reserve(s->file->fd, written, n) < 0)
		return hs_io_result(errno);
	stream->reserved = written + n;
	return HS_OK;
}

/* Checks the free space; while there is much of it, asks the disk only now and then. */
static enum hs_result check_space(struct hs_segment *s, uint64_t n)
{
	uint64_t min_free = (uint64_t)s->dir->settings->min_free;
	struct hs_stream *stream = s->stream;
	int64_t now = hs_io_now_monotonic();
	struct hs_space space;

	if (n > 0 && stream->room > n && now < stream->room_until_ms) {
		stream->room -= n;
		return HS_OK;
	}
	stream->room = 0;
	if (hs_io_space(s->dir->fd, &space) < 0)
		return HS_E_IO;
	if (space.bytes < min_free + n || space.inodes < INODES_MIN)
		return HS_E_FULL;
	if (space.bytes - min_free > ROOM_BYTES && space.inodes > ROOM_INODES) {
		stream->room = ROOM_BYTES / 2; /* other programs do not fill the other half so soon */
		stream->room_until_ms = now + ROOM_MS;
	}
	return HS_OK;
}

enum hs_result hs_segment_prepare(struct hs_segment *s, uint64_t n, int64_t deadline_ms)
{
	enum hs_result result = hs_timestamp_is_possible(hs_io_now()) ? check_space(s, n) : HS_E_CLOCK;
	bool fit = false;

	for (int i = 0; result == HS_OK && !fit; i++)
		result = i < ATTEMPTS ? mend(s, n, deadline_ms, &fit) : HS_E_IO;
	return result == HS_OK ? reserve(s, n) : result;
}

enum hs_result hs_segment_begin(struct hs_segment *s, uint64_t n, int64_t deadline_ms)
{
	enum hs_result result = hs_segment_lock(s, deadline_ms);

	if (result != HS_OK)
		return result;
	result = hs_segment_prepare(s, n, deadline_ms);
	if (result != HS_OK)
		hs_segment_unlock(s);
	return result;
}

void hs_segment_end(struct hs_segment *s)
{
	hs_segment_unlock(s);
}

enum hs_result hs_segment_write(struct hs_segment *s, struct hs_slice lines, uint64_t events,
                                struct hs_unsynced *pending)
{
	struct hs_stream *stream = s->stream;
	uint64_t at = s->end;

	/* a state that reads as zeros must not lead to the file's beginning */
	if (atomic_load(&stream->written) != at || s->file->generation != stream->generation ||
	    !hs_stream_is_intact(stream))
		return HS_E_SPOOL_STATE;
	assert(lines.n > 0 && lines.p[lines.n - 1] == '\n');
	if (hs_io_write_at(s->file->fd, lines.p, lines.n, at) < 0) {
		enum hs_result result = hs_io_result(errno);

		/* at worst a fragment stays, and the next prepare finds it */
		if (hs_io_truncate(s->file->fd, at) < 0)
			hs_log_result(HS_E_IO, "roll back %s: %s", s->file_name, strerror(errno));
		stream->reserved = 0;
		return result;
	}
	if (stream->opened_ms == 0)
		stream->opened_ms = hs_clock_now(s->dir);
	s->end = at + lines.n;
	pending->file = hs_segment_file_use(s);
	if (events > 0)
		atomic_fetch_add_explicit(&stream->events, events, memory_order_relaxed);
	hs_commit_note(stream, s->file->fd, s->file->blind, at + lines.n, &pending->ticket);
	pending->ticket.metrics = s->dir->metrics;
	return HS_OK;
}

int hs_segment_fd(const struct hs_segment *s)
{
	return s->file->fd;
}

enum hs_result hs_segment_sync(struct hs_segment *s, int64_t deadline_ms)
{
	enum hs_result result = hs_commit_quiesce(s->stream, deadline_ms);

	if (result != HS_OK)
		return result;
	result = hs_commit_all(s->stream, s->file->fd, s->file->blind, s->dir->metrics);
	hs_commit_resume(s->stream);
	return result;
}

void hs_segment_join(struct hs_segment *s, struct hs_unsynced *pending)
{
	pending->file = hs_segment_file_use(s);
	hs_commit_note(s->stream, s->file->fd, s->file->blind, atomic_load(&s->stream->written), &pending->ticket);
	pending->ticket.metrics = s->dir->metrics;
}

enum hs_result hs_segment_wait(struct hs_segment *s, struct hs_unsynced *pending, int64_t deadline_ms)
{
	enum hs_result result = hs_commit_wait(s->stream, &pending->ticket, deadline_ms);

	hs_segment_forget(pending);
	return result;
}

void hs_segment_forget(struct hs_unsynced *pending)
{
	hs_segment_file_drop(pending->file);
	pending->file = NULL;
}

void hs_segment_look_around(struct hs_segment *s)
{
	struct hs_unlocked_look look;

	if (!hs_foreign_segments_list(s, &look))
		return;
	if (hs_segment_lock(s, hs_io_now_monotonic() + LOOK_LOCK_MS) == HS_OK) {
		hs_foreign_segments_note_list(s, &look);
		hs_segment_unlock(s);
	}
	free(look.list);
}

enum hs_result hs_segment_rotate(struct hs_segment *s, int64_t deadline_ms)
{
	if (atomic_load(&s->stream->written) == 0)
		return HS_OK;
	return hs_segment_is_too_soon(s) ? HS_E_ROTATE_GAP : hs_segment_seal(s, deadline_ms);
}
