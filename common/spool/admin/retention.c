#include "spool/admin/retention.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/rejected_quota.h"
#include "spool/file/line_reader.h"
#include "spool/position/cursor.h"
#include "spool/position/rewrite_copy.h"
#include "spool/shared/clock.h"
#include "spool/write/foreign_segments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	LOCK_MS = 10000,
	EDITS_MOST = 1 << 16,
	CHUNK = 1 << 16, /* small enough to be in a near cache when the summary reads what was copied */
	AT_A_TIME = 32   /* dead letters of a 32nd of retain_days go at once */
};
static const char LOCK[] = HS_RETENTION_LOCK, COPY[] = HS_RETENTION_COPY;
#define DAY_MS INT64_C(86400000)

struct work {
	const struct hs_spool_dir *dir;
	struct hs_rewrite_log *rewrites;
	enum hs_file_writer_form form; /* of compressed copies */
	bool (*stop)(void *context);
	void *context;
	struct hs_retention_counts *done;
	struct hs_summary_seen *seen;       /* of each stream; NULL: nothing is remembered */
	struct hs_summary_builder *summary; /* NULL: not needed yet, or out of memory */
};

static bool must_stop(const struct work *w)
{
	return w->stop != NULL && w->stop(w->context);
}

/* --- compressing ------------------------------------------------------------ */

/* Copies a segment to a .gz, and its lines to the summary. *whole is false if `stop` said so. */
static enum hs_result compress_into(const struct work *w, int from, struct hs_file_writer *to, bool *whole)
{
	char *chunk = malloc(CHUNK);
	enum hs_result r = chunk != NULL ? HS_OK : HS_E_MEMORY;
	uint64_t at = 0;
	ssize_t got = 1;

	while (got > 0 && r == HS_OK && !must_stop(w)) {
		got = hs_io_read_at(from, chunk, CHUNK, at);
		at += got > 0 ? (uint64_t)got : 0;
		w->done->bytes += got > 0 ? (uint64_t)got : 0;
		r = got < 0 ? HS_E_IO : hs_file_writer_put(to, hs_slice(chunk, (size_t)got));
		if (r == HS_OK)
			hs_summary_builder_text(w->summary, hs_slice(chunk, (size_t)got));
	}
	*whole = r == HS_OK && got == 0;
	if (*whole)
		r = hs_file_writer_end(to);
	hs_summary_builder_crc(w->summary, to->text_crc);
	free(chunk);
	return r;
}

/*
 * Replaces the plain segment by the copy, with rewrites locked out. *fresh is false if the segment is not as it was
 * before it was read, `read`: it was rewritten, and the copy has lines that were removed; or it has grown, and the
 * copy lacks lines.
 */
static enum hs_result replace(const struct work *w, struct hs_rewrite_copy *copy, const struct stat *read,
                              const char *plain, const char *gz, bool *fresh)
{
	struct stat now;
	enum hs_result r = hs_rewrite_log_claim(w->rewrites);

	*fresh = false;
	if (r != HS_OK)
		return r;
	if (hs_io_stat(w->dir->fd, plain, &now) < 0) {
		r = errno == ENOENT ? HS_OK : HS_E_IO; /* deleted meanwhile */
	} else if (hs_sealed_is_unchanged(read, &now)) {
		r = hs_rewrite_copy_publish(copy, w->dir->fd, gz);
		if (r == HS_OK && hs_io_unlink(w->dir->fd, plain) < 0)
			r = hs_io_result(errno);
		*fresh = true;
	}
	hs_rewrite_log_release(w->rewrites);
	return r;
}

/*
 * Writes the summary, which fits the plain file and the .gz that is about to take its place. A
 * summary that cannot be written costs time and no data: maintenance tries again.
 */
static void write_summary(const struct work *w, int plain, int gz)
{
	struct stat of_plain, of_gz;
	enum hs_result r = HS_E_IO;

	if (hs_io_fstat(plain, &of_plain) == 0 && hs_io_fstat(gz, &of_gz) == 0)
		r = hs_summary_write(w->dir, w->summary, &of_gz, true, &of_plain, HS_SUMMARY_BY_MAINTENANCE);
	if (r != HS_OK)
		hs_log_result(r, "maintain: write a summary");
}

static void begin_summary(struct work *w, bool rejected, uint64_t number)
{
	if (w->summary != NULL)
		hs_summary_builder_again(w->summary, rejected, number);
	else
		w->summary = hs_summary_builder_new(w->dir->history.id, rejected, number);
}

/* `read`: of the plain file, before it is read. */
static enum hs_result compress_file(struct work *w, int from, const struct stat *read, const char *stream,
                                    const struct hs_sealed *sealed)
{
	struct hs_sealed compressed = *sealed;
	char plain[HS_SEALED_NAME], gz[HS_SEALED_NAME];
	bool rejected = strcmp(stream, "events") != 0, whole = false;
	struct hs_rewrite_copy copy;
	enum hs_result r = hs_rewrite_copy_begin(&copy, w->dir, COPY, w->form);

	begin_summary(w, rejected, sealed->number);
	compressed.gzip = true;
	hs_sealed_print(stream, sealed, plain);
	hs_sealed_print(stream, &compressed, gz);
	if (r == HS_OK)
		r = compress_into(w, from, &copy.writer, &whole);
	if (r == HS_OK && whole) {
		write_summary(w, from, copy.file.fd);
		r = replace(w, &copy, read, plain, gz, &whole);
		if (!whole) /* it was changed: the summary may name what is gone by now */
			hs_summary_remove(w->dir, rejected, sealed->number);
	}
	w->done->compressed += r == HS_OK && whole;
	hs_rewrite_copy_drop(&copy);
	return r;
}

static enum hs_result compress_one(struct work *w, const char *stream, const struct hs_sealed *sealed)
{
	char plain[HS_SEALED_NAME];
	struct hs_space space;
	struct stat st;
	enum hs_result r;
	int fd;

	hs_sealed_print(stream, sealed, plain);
	fd = hs_io_open_read(w->dir->fd, plain);
	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (hs_io_fstat(fd, &st) < 0 || hs_io_space(w->dir->fd, &space) < 0)
		r = hs_io_result(errno);
	else if (space.bytes < (uint64_t)st.st_size + (uint64_t)w->dir->settings->min_free)
		r = HS_OK; /* events need the room: perhaps the next time */
	else
		r = compress_file(w, fd, &st, stream, sealed);
	hs_io_close(fd);
	return r;
}

static bool is_still(int dir, const char *name, ino_t inode)
{
	struct stat st;

	return hs_io_stat(dir, name, &st) == 0 && st.st_ino == inode;
}

/*
 * Deletes a plain segment that a .gz repeats: a run was killed between its last two steps. If they
 * differ, a person may be compressing by hand, and both stay. Checks with rewrites locked out that
 * both files are still those that were compared: a rewrite of the plain one removes the .gz.
 */
static enum hs_result drop_plain(const struct work *w, const char *plain, const char *gz)
{
	int dir = w->dir->fd;
	struct hs_pair pair;
	enum hs_result r = hs_line_reader_pair(dir, plain, gz, &pair);

	if (r != HS_OK || !pair.same)
		return r;
	r = hs_rewrite_log_claim(w->rewrites);
	if (r != HS_OK)
		return r;
	if (is_still(dir, plain, pair.inode[0]) && is_still(dir, gz, pair.inode[1]) &&
	    (hs_io_sync_dir(dir) < 0 || (hs_io_unlink(dir, plain) < 0 && errno != ENOENT)))
		r = hs_io_result(errno);
	hs_rewrite_log_release(w->rewrites);
	return r;
}

/*
 * Compression runs at low priority so as not to slow intake, unless the segments that wait for it
 * exceed half of the free space.
 */
static enum hs_file_writer_form form_for(const struct hs_spool_dir *dir, uint64_t waiting)
{
	struct hs_space space = { 0 };

	return hs_io_space(dir->fd, &space) == 0 && waiting < space.bytes / 2 ? HS_FILE_WRITER_GZIP_BACKGROUND
	                                                                      : HS_FILE_WRITER_GZIP;
}

static uint64_t bytes_to_compress(const struct hs_spool_dir *dir, const char *stream, const struct hs_sealed *list,
                                  size_t count)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		if (!list[i].gzip)
			bytes += hs_sealed_bytes(dir->fd, stream, &list[i]);
	return bytes;
}

/*
 * Compresses plain segments below the open one's number that are not still being copied in; later ones may be
 * (foreign_segments.h). Goes on after a segment that cannot be read, not when the disk is full.
 */
static enum hs_result compress_all(struct work *w, const char *stream, uint64_t open_number)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(w->dir->fd, stream, &list, &count);

	w->done->all_bytes = bytes_to_compress(w->dir, stream, list, count);
	w->form = form_for(w->dir, w->done->all_bytes);
	for (size_t i = 0; i < count && (r == HS_OK || r == HS_E_IO) && !must_stop(w) && list[i].number < open_number;
	     i++) {
		bool twice = i + 1 < count && hs_sealed_same(&list[i + 1], &list[i]);
		char name[HS_SEALED_NAME], gz[HS_SEALED_NAME];
		enum hs_result one;

		if (list[i].gzip || hs_foreign_segments_is_growing(w->dir->fd, stream, &list[i]))
			continue;
		hs_sealed_print(stream, &list[i], name);
		if (twice) {
			hs_sealed_print(stream, &list[i + 1], gz);
			one = drop_plain(w, name, gz);
		} else {
			one = compress_one(w, stream, &list[i]);
		}
		if (one == HS_E_IO)
			hs_log_result(one, "maintain: %s: %s", name, strerror(errno));
		r = one == HS_OK ? r : one;
	}
	hs_summary_builder_free(w->summary);
	w->summary = NULL;
	free(list);
	return r;
}

/* --- deleting --------------------------------------------------------------- */

static enum hs_result delete_old(const struct work *w, const char *stream, int64_t days, uint64_t keep)
{
	struct hs_ages ages = { 0 };
	struct hs_sealed *list;
	int64_t before;
	size_t count;
	enum hs_result r = hs_sealed_list(w->dir->fd, stream, &list, &count);

	if (r == HS_OK)
		r = hs_ages_init(&ages, w->dir, stream, list, count);
	before = ages.now_ms - days * DAY_MS;
	for (size_t i = 0; i < count && r == HS_OK && list[i].number < keep; i++) {
		if (hs_ages_sealed_ms(&ages, i, before) >= before)
			break;
		r = hs_sealed_delete(w->dir->fd, stream, &list[i], &w->done->deleted);
	}
	hs_ages_free(&ages);
	free(list);
	return r;
}

/* --- all of it -------------------------------------------------------------- */

struct strange {
	uint64_t hash; /* of all names */
	bool log;
};

static void note_strange(void *context, const char *name)
{
	struct strange *t = context;

	t->hash += hs_hash(name, strlen(name), 0) | 1;
	if (t->log)
		hs_log(HS_LOG_WARN, "%s is no plain file and is passed over: move it out of the spool", name);
}

/* Logs files that have a segment's name and are none, once for all processes. */
static enum hs_result log_strange(const struct work *w)
{
	static const char *const stream[] = { "events", "rejected" };
	_Atomic uint64_t *told = &w->dir->state->state->strange;
	struct strange t = { 0 };
	enum hs_result r = HS_OK;

	for (int i = 0; i < HS_STREAMS && r == HS_OK; i++)
		r = hs_sealed_strange(w->dir->fd, stream[i], note_strange, &t);
	if (r != HS_OK || atomic_exchange(told, t.hash) == t.hash)
		return r;
	t.log = true;
	for (int i = 0; i < HS_STREAMS && r == HS_OK; i++)
		r = hs_sealed_strange(w->dir->fd, stream[i], note_strange, &t);
	if (r != HS_OK)
		atomic_store(told, 0); /* the next run tells it */
	return r;
}

/* A step that fails does not prevent the next ones; the first failure is the result. */
static void note_failure(enum hs_result *first, enum hs_result r)
{
	if (*first == HS_OK)
		*first = r;
}

static enum hs_result cap_rejected(const struct work *w, uint64_t most)
{
	struct hs_stream *f = &w->dir->state->state->stream[HS_REJECTED];
	bool died; /* unused: the next writer prepares the segment anyway */
	enum hs_result r = hs_shared_state_lock(&f->append, hs_io_now_monotonic() + LOCK_MS, &died);

	if (r != HS_OK)
		return r == HS_E_TIMEOUT ? HS_OK : r; /* its writers cap it, too */
	r = hs_rejected_quota_cap(w->dir, atomic_load(&f->written), most, &w->done->deleted);
	hs_shared_state_unlock(&f->append);
	return r;
}

/* Without one all answers are right, if slow: that it cannot be written is no failure of maintenance. */
static void make_summaries(const struct work *w, int stream, int64_t since_ms)
{
	struct hs_summary_maker m = {
		w->dir, w->stop, w->context, since_ms, &w->done->summaries, w->seen == NULL ? NULL : &w->seen[stream]
	};
	enum hs_result r =
	    hs_summary_make_missing(&m, stream == HS_REJECTED, w->dir->state->state->stream[stream].number);

	if (r != HS_OK)
		hs_log_result(r, "maintain: write a summary");
}

static enum hs_result maintain_stream(struct work *w, int stream)
{
	const struct hs_settings *s = w->dir->settings;
	const char *name = stream == HS_EVENTS ? "events" : "rejected";
	uint64_t most = (uint64_t)(stream == HS_EVENTS ? s->retain_bytes : s->rejected_max);
	uint64_t keep = UINT64_MAX;
	enum hs_result r = HS_OK;

	if (stream == HS_EVENTS && !s->retain_force)
		r = hs_cursor_oldest(w->dir->private_dir, &keep);
	if (r == HS_OK && s->retain_days > 0)
		note_failure(&r, delete_old(w, name, s->retain_days, keep));
	if (r == HS_OK && stream == HS_REJECTED)
		note_failure(&r, cap_rejected(w, most));
	else if (r == HS_OK && most > 0)
		note_failure(&r, hs_sealed_cap(w->dir->fd, name, 0, most, keep, &w->done->deleted));
	if (r == HS_OK && stream == HS_EVENTS && w->done->deleted > 0)
		r = hs_rewrite_log_trim(w->rewrites, EDITS_MOST);
	if (stream == HS_EVENTS && s->compress == HS_COMPRESS_GZIP && !must_stop(w))
		note_failure(&r, compress_all(w, name, w->dir->state->state->stream[stream].number));
	if (!must_stop(w))
		make_summaries(w, stream, 0);
	return r;
}

/* Sets *ms to when the first event of a file was spooled, if that is earlier; 0: unknown. Skips an empty file. */
static void note_first(const struct hs_spool_dir *dir, const char *name, bool gzip, int64_t *ms)
{
	struct stat st;
	int64_t first;

	if (hs_io_stat(dir->fd, name, &st) < 0 || st.st_size == 0)
		return;
	first = hs_clock_of_first(dir->fd, name, gzip);
	if (first < *ms)
		*ms = first;
}

/*
 * Sets *ms to when the oldest event was spooled, if that is earlier. Reads the first sealed segment,
 * and all that may have begun before *ms, since one that was copied in has a late number.
 */
static enum hs_result oldest_event(const struct hs_spool_dir *dir, int64_t *ms)
{
	int64_t sealed_most = *ms + dir->settings->rotate_age + DAY_MS;
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(dir->fd, "events", &list, &count);

	for (size_t i = 0; i < count && r == HS_OK; i++) {
		char name[HS_SEALED_NAME];

		hs_sealed_print("events", &list[i], name);
		if (i == 0 || list[i].sealed_ms < sealed_most)
			note_first(dir, name, list[i].gzip, ms);
	}
	if (r == HS_OK)
		note_first(dir, "events.jsonl", false, ms);
	free(list);
	return r;
}

/*
 * Finds the time before which dead letters go: they stay as long as their records would. *before is 0
 * if none goes now. Many go at once, since the whole file is written anew.
 */
static enum hs_result find_letters_age(const struct hs_spool_dir *dir, int64_t now_ms, int64_t *before)
{
	int64_t keep = dir->settings->retain_days * DAY_MS;
	struct hs_dead_letters_size size;
	enum hs_result r = hs_dead_letters_look(dir->fd, now_ms, &size);

	*before = now_ms - keep;
	if (r == HS_OK && keep > 0 && size.oldest_ms > 0 && size.oldest_ms < *before - keep / AT_A_TIME)
		return oldest_event(dir, before);
	*before = 0;
	return r;
}

static enum hs_result drop_old_letters(const struct work *w)
{
	int64_t now_ms = hs_clock_now(w->dir), before;
	enum hs_result r = find_letters_age(w->dir, now_ms, &before);

	if (r == HS_OK)
		r = hs_dead_letters_expire(w->dir, now_ms, before, &w->done->letters);
	if (w->done->letters > 0)
		hs_log(HS_LOG_INFO,
		       "maintain: %" PRIu64 " dead letters older than retain_days were taken out of "
		       "failed.jsonl",
		       w->done->letters);
	return r == HS_E_LOCKED ? HS_OK : r; /* `each` is at work: the next time */
}

/* Called with the lock held. */
static enum hs_result maintain_all(struct work *w)
{
	enum hs_result r = hs_rewrite_log_open(w->dir, &w->rewrites);

	if (r != HS_OK)
		return r;
	if (hs_io_unlink(w->dir->run_dir, COPY) < 0 && errno != ENOENT) /* left by a killed run */
		return hs_io_result(errno);
	r = log_strange(w);
	for (int i = 0; i < HS_STREAMS && !must_stop(w); i++)
		note_failure(&r, maintain_stream(w, i));
	if (!must_stop(w))
		note_failure(&r, drop_old_letters(w));
	return r;
}

enum hs_result hs_retention_run(const struct hs_spool_dir *dir, bool (*stop)(void *context), void *context,
                                struct hs_summary_seen seen[static HS_STREAMS], struct hs_retention_counts *done)
{
	struct work w = { .dir = dir, .stop = stop, .context = context, .done = done, .seen = seen };
	enum hs_result r = HS_OK;
	int lock = hs_io_open_or_make(dir->run_dir, LOCK, 0600);

	memset(done, 0, sizeof *done);
	if (lock < 0)
		return hs_io_result(errno);
	if (hs_io_lock(lock, LOCK_EX | LOCK_NB) == 0)
		r = maintain_all(&w);
	else if (errno == EWOULDBLOCK)
		done->busy = true;
	else
		r = HS_E_IO;
	hs_rewrite_log_close(w.rewrites);
	hs_io_close(lock);
	if (r != HS_OK)
		hs_log_result(r, "maintain");
	return r;
}

void hs_retention_summarize(const struct hs_spool_dir *dir, int64_t since_ms, bool (*stop)(void *context),
                            void *context)
{
	struct hs_retention_counts done = { 0 };
	struct work w = { .dir = dir, .stop = stop, .context = context, .done = &done };
	int lock = hs_io_open_or_make(dir->run_dir, LOCK, 0600);

	if (lock < 0)
		return;
	if (hs_io_lock(lock, LOCK_EX | LOCK_NB) == 0)
		for (int i = 0; i < HS_STREAMS && !must_stop(&w); i++)
			make_summaries(&w, i, since_ms);
	hs_io_close(lock);
}
