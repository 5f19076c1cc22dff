#include "spool/write/group_commit.h"
#include "base/defect.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/*
 * Sleepers look up this often even if they are not woken: a leader that is killed wakes no other,
 * and a process that is killed may have swallowed a wake-up that was meant for another.
 */
enum { LOOK_UP_MS = 20, WRITE_BYTES = 1 << 18 };

void hs_commit_note(struct hs_stream *stream, int fd, uint64_t blind, uint64_t end, struct hs_ticket *ticket)
{
	atomic_store(&stream->written, end);
	/*
	 * Read after the store: a leader adds to the epoch before it reads `written`, so the
	 * sync that turns this number into the next one sees this end.
	 */
	*ticket = (struct hs_ticket){ stream->generation, end, atomic_load(&stream->epoch), fd, blind, NULL };
}

/* --- the outcome ------------------------------------------------------------ */

bool hs_commit_past(const struct hs_stream *stream, uint64_t generation, uint64_t *synced)
{
	const struct hs_past *past = &stream->past[generation % HS_PAST];
	bool before = atomic_load(&past->generation) == generation;

	*synced = atomic_load(&past->synced);
	/* read again: the slot may just have been given to a later generation */
	return before && atomic_load(&past->generation) == generation;
}

/* How many bytes of a generation that has ended are safe; 0 if that is forgotten. */
static uint64_t past_synced(const struct hs_stream *stream, uint64_t generation)
{
	uint64_t synced;

	return hs_commit_past(stream, generation, &synced) ? synced : 0;
}

/* True if the ticket's outcome is known, which is *result then. */
static bool is_decided(const struct hs_stream *stream, const struct hs_ticket *ticket, enum hs_result *result)
{
	while (atomic_load(&stream->current) == ticket->generation) {
		uint64_t synced = atomic_load(&stream->synced);
		/* read after the mark: a mark that came before the poison proves nothing */
		bool poisoned = atomic_load(&stream->poisoned) != 0;

		if (atomic_load(&stream->current) != ticket->generation)
			break; /* the values that were read may belong to the next segment */
		*result = poisoned || !hs_stream_is_intact(stream) ? HS_E_SYNC : HS_OK;
		return *result != HS_OK || synced >= ticket->target;
	}
	*result = past_synced(stream, ticket->generation) >= ticket->target && hs_stream_is_intact(stream) ? HS_OK
	                                                                                                   : HS_E_SYNC;
	return true;
}

/* --- waking ----------------------------------------------------------------- */

static void wake(struct hs_stream *stream, uint32_t epoch, int sleepers)
{
	atomic_fetch_add(&stream->wake[epoch & 1], 1);
	hs_io_wake(&stream->wake[epoch & 1], sleepers);
}

static void wake_everybody(struct hs_stream *stream)
{
	wake(stream, 0, INT_MAX);
	wake(stream, 1, INT_MAX);
}

/*
 * Wakes another waiter of the ticket's epoch if no sync has begun for it: this one leaves without
 * having led, and may be the one that was woken to lead.
 */
static void pass_on(struct hs_stream *stream, const struct hs_ticket *ticket)
{
	if (atomic_load(&stream->epoch) == ticket->epoch)
		wake(stream, ticket->epoch, 1);
}

/* --- writing again -------------------------------------------------------------- */

/* Lines that are collected, and where they begin in the file. */
struct renewal {
	int fd;
	uint64_t at;
	struct hs_buf text;
};

static enum hs_result put_back(struct renewal *renewal, size_t at_least)
{
	if (!hs_buf_ok(&renewal->text))
		return HS_E_MEMORY;
	if (renewal->text.n < at_least || renewal->text.n == 0)
		return HS_OK;
	if (hs_io_write_at(renewal->fd, renewal->text.p, renewal->text.n, renewal->at) < 0)
		return HS_E_IO;
	renewal->at += renewal->text.n;
	hs_buf_reset(&renewal->text);
	return HS_OK;
}

/* Writes the bytes that were checked, not those that another read would return. */
static enum hs_result renew_lines(struct renewal *renewal, struct hs_line_reader *lines, struct hs_json *json)
{
	enum hs_result result = HS_OK;
	struct hs_slice line;
	int more;

	while (result == HS_OK && (more = hs_line_reader_next(lines, &line)) != 0) {
		result = more == 1 ? hs_line_check(json, line) : HS_E_IO;
		if (result != HS_OK)
			return result;
		hs_buf_put_slice(&renewal->text, line);
		hs_buf_putc(&renewal->text, '\n');
		result = put_back(renewal, WRITE_BYTES);
	}
	return result == HS_OK ? put_back(renewal, 0) : result;
}

enum hs_result hs_commit_renew(int fd, uint64_t from, uint64_t to)
{
	struct renewal renewal = { .fd = fd, .at = from };
	struct hs_line_reader lines = { 0 };
	struct hs_json json = { 0 };
	enum hs_result result;

	hs_line_reader_start(&lines, fd, from, to);
	result = renew_lines(&renewal, &lines, &json);
	hs_line_reader_free(&lines);
	hs_json_free(&json);
	hs_buf_free(&renewal.text);
	return result == HS_OK && renewal.at == to ? HS_OK : HS_E_SYNC;
}

/* --- leading ---------------------------------------------------------------- */

/* Under the sync lock: makes sure that a sync through this descriptor proves all bytes up to `end`. */
static bool is_seeing(struct hs_stream *stream, int fd, uint64_t blind, uint64_t end)
{
	uint64_t from = atomic_load(&stream->synced), to = blind < end ? blind : end;

	if (HS_DEFECT == HS_DEFECT_BLIND_SYNC || from >= to || hs_commit_renew(fd, from, to) == HS_OK)
		return true;
	hs_log(HS_LOG_WARN, "a process ended before it synced what it wrote, and that is no longer whole: "
	                    "its segment is set aside");
	return false;
}

/* Syncs the file, and counts how long that took, and how many events it served. */
static bool sync_counted(struct hs_stream *stream, int fd, struct hs_metrics *metrics)
{
	uint64_t events = atomic_load(&stream->events), served = atomic_exchange(&stream->served, events);
	int64_t begun_us = hs_io_now_us();
	bool good = hs_io_sync_data(fd) == 0;
	int error = errno;

	hs_metrics_add_to(metrics, HS_METRIC_SYNC_US, hs_io_now_us() - begun_us);
	if (events > served)
		hs_metrics_add_to(metrics, HS_METRIC_COMMIT_EVENTS, (int64_t)(events - served));
	if (!good)
		hs_metrics_add_one(metrics, HS_METRIC_SYNC_FAILURES);
	errno = error;
	return good;
}

/* Syncs up to `end`, under the sync lock. If the process is killed its mark stays, to tell of that. */
static enum hs_result sync_marked(struct hs_stream *stream, int fd, uint64_t blind, uint64_t end,
                                  struct hs_metrics *metrics)
{
	bool good;

	if (!is_seeing(stream, fd, blind, end)) {
		atomic_store(&stream->poisoned, 1);
		return HS_E_SYNC;
	}
	atomic_store(&stream->in_flight, end);
	good = sync_counted(stream, fd, metrics);
	if (good) {
		atomic_store(&stream->synced, end);
	} else {
		int error = errno;

		if (HS_DEFECT != HS_DEFECT_IGNORE_POISON)
			atomic_store(&stream->poisoned, 1);
		hs_log_result(HS_E_SYNC, "sync: %s", strerror(error));
	}
	atomic_store(&stream->in_flight, 0);
	return good ? HS_OK : HS_E_SYNC;
}

/* Under the sync lock, whose last holder died: poisons the segment if that was during a sync. */
static void bury_leader(struct hs_stream *stream)
{
	if (atomic_load(&stream->in_flight) == 0)
		return;
	hs_log(HS_LOG_WARN, "a process died while it synced the spool: its segment is set aside");
	atomic_store(&stream->poisoned, 1);
	atomic_store(&stream->in_flight, 0);
	wake_everybody(stream);
}

/* Under the sync lock, which it releases: syncs for all waiters. */
static void lead(struct hs_stream *stream, const struct hs_ticket *ticket)
{
	uint32_t epoch = atomic_fetch_add(&stream->epoch, 1);

	sync_marked(stream, ticket->fd, ticket->blind, atomic_load(&stream->written), ticket->metrics);
	hs_stream_unlock(stream, &stream->sync);
	wake(stream, epoch, INT_MAX);
	wake(stream, epoch + 1, 1);
}

/* Releases the sync lock without having led, and wakes one that may have gone to sleep because it was taken. */
static void step_down(struct hs_stream *stream)
{
	hs_stream_unlock(stream, &stream->sync);
	wake(stream, atomic_load(&stream->epoch), 1);
}

/* Sleeps until the next wake-up, for at most LOOK_UP_MS. */
static void sleep_on(struct hs_stream *stream, const struct hs_ticket *ticket, uint32_t seen, int64_t left_ms)
{
	hs_io_wait(&stream->wake[ticket->epoch & 1], seen, left_ms < LOOK_UP_MS ? left_ms : LOOK_UP_MS);
}

enum hs_result hs_commit_wait(struct hs_stream *stream, const struct hs_ticket *ticket, int64_t deadline_ms)
{
	for (;;) {
		uint32_t seen = atomic_load(&stream->wake[ticket->epoch & 1]);
		int64_t left_ms;
		enum hs_result result, locked;
		bool died;

		if (is_decided(stream, ticket, &result)) {
			pass_on(stream, ticket);
			return result;
		}
		locked = hs_shared_state_try_lock(&stream->sync, &died);
		if (locked == HS_OK) {
			if (died)
				bury_leader(stream);
			if (is_decided(stream, ticket, &result))
				step_down(stream);
			else
				lead(stream, ticket);
			continue;
		}
		left_ms = deadline_ms - hs_io_now_monotonic();
		if (locked != HS_E_TIMEOUT || left_ms <= 0) {
			pass_on(stream, ticket);
			return locked;
		}
		sleep_on(stream, ticket, seen, left_ms);
	}
}

void hs_commit_notice(struct hs_stream *stream)
{
	bool died;

	if (atomic_load(&stream->in_flight) == 0 || hs_shared_state_try_lock(&stream->sync, &died) != HS_OK)
		return;
	if (died)
		bury_leader(stream);
	step_down(stream);
}

/* --- between two segments ---------------------------------------------------- */

enum hs_result hs_commit_quiesce(struct hs_stream *stream, int64_t deadline_ms)
{
	bool died;
	enum hs_result result = hs_shared_state_lock(&stream->sync, deadline_ms, &died);

	if (result == HS_OK && died)
		bury_leader(stream);
	return result;
}

void hs_commit_resume(struct hs_stream *stream)
{
	hs_stream_unlock(stream, &stream->sync);
	wake_everybody(stream);
}

enum hs_result hs_commit_all(struct hs_stream *stream, int fd, uint64_t blind, struct hs_metrics *metrics)
{
	uint64_t end = atomic_load(&stream->written);

	if (atomic_load(&stream->poisoned) != 0)
		return HS_E_SYNC;
	return atomic_load(&stream->synced) >= end ? HS_OK : sync_marked(stream, fd, blind, end, metrics);
}

void hs_commit_end(struct hs_stream *stream, uint64_t synced)
{
	struct hs_past *past = &stream->past[stream->generation % HS_PAST];

	atomic_store(&past->generation, 0);
	atomic_store(&past->synced, synced);
	atomic_store(&past->generation, stream->generation);
	atomic_store(&stream->current, 0);
}

void hs_commit_begin(struct hs_stream *stream, uint64_t size)
{
	stream->generation++;
	stream->reserved = 0;
	stream->opened_ms = 0;
	atomic_store(&stream->written, size);
	atomic_store(&stream->synced, size);
	atomic_store(&stream->poisoned, 0);
	atomic_store(&stream->current, stream->generation);
}
