#include "spool/read/reader.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/read/reader_private.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	ATTEMPTS = 16,          /* at a segment that is being compressed, rewritten or sealed */
	POLL_MS = 25,           /* without inotify */
	SETTLE_MS = 50,         /* after a failure, before it is looked whether the spool is there … */
	SETTLE_MOST_MS = 1000,  /* … again and again for this long */
	NEWS_MS = 20,           /* a ctime at least this old differs after the next change */
	SOON_FIRST_MS = 1,      /* first wait for an acknowledgement on its way, doubled … */
	SOON_MOST_MS = 32,      /* … up to this, since it may never come */
	KEPT_BYTES = 64 * 1024, /* of a line that is copied; a longer one is hashed, whether that is asked for or not */
};

/* --- opening and closing -------------------------------------------------- */

static void log_strange(void *context, const char *name)
{
	(void)context;
	hs_log(HS_LOG_WARN, "%s is no plain file and is passed over: move it out of the spool", name);
}

enum hs_result hs_reader_open_quietly(const struct hs_settings *settings, struct hs_reader **opened)
{
	struct hs_reader *reader = calloc(1, sizeof *reader);
	enum hs_result result;

	*opened = NULL;
	if (reader == NULL)
		return HS_E_MEMORY;
	reader->fd = reader->watch = -1;
	reader->summary = (struct hs_summary_reader)HS_SUMMARY_READER_NONE;
	result = hs_spool_dir_open_to_read(&reader->opened, settings);
	if (result == HS_OK) {
		hs_segment_init(&reader->events, &reader->opened.dir, HS_EVENTS);
		result = hs_rewrite_log_open(&reader->opened.dir, &reader->rewrites);
		if (result != HS_OK)
			hs_spool_dir_close(&reader->opened);
	}
	if (result != HS_OK) {
		free(reader);
		return result;
	}
	*opened = reader;
	return HS_OK;
}

enum hs_result hs_reader_open(const struct hs_settings *settings, struct hs_reader **opened)
{
	enum hs_result result = hs_reader_open_quietly(settings, opened);

	if (result == HS_OK)
		hs_sealed_strange((*opened)->opened.dir.fd, "events", log_strange, NULL);
	return result;
}

void hs_reader_let_go(struct hs_reader *reader)
{
	if (reader->fd >= 0)
		hs_io_close(reader->fd);
	reader->fd = -1;
	reader->kind = NOTHING;
}

void hs_reader_close(struct hs_reader *reader)
{
	if (reader == NULL)
		return;
	hs_reader_let_go(reader);
	if (reader->watch >= 0)
		hs_io_close(reader->watch);
	free(reader->list);
	hs_line_reader_free(&reader->lines);
	hs_summary_close(&reader->summary);
	hs_digest_free(reader->digest);
	hs_buf_free(&reader->kept);
	hs_rewrite_log_close(reader->rewrites);
	hs_segment_close(&reader->events);
	hs_spool_dir_close(&reader->opened);
	free(reader);
}

const struct hs_spool_dir *hs_reader_dir(const struct hs_reader *reader)
{
	return &reader->opened.dir;
}

struct hs_rewrite_log *hs_reader_rewrites(const struct hs_reader *reader)
{
	return reader->rewrites;
}

void hs_reader_start(struct hs_reader *reader, struct hs_position position)
{
	hs_reader_let_go(reader);
	reader->unhashed = HS_SLICE_NONE;
	/* An offset in no segment, as a damaged cursor may have it, would be one in the oldest. */
	reader->at = position.number != 0 ? position : (struct hs_position){ 0 };
}

void hs_reader_settle_hash(struct hs_reader *reader)
{
	if (reader->unhashed.p != NULL && !hs_history_hash(reader->digest, reader->unhashed, &reader->at.before))
		reader->at.before = 0;
	reader->unhashed = HS_SLICE_NONE;
}

/*
 * Copies the last line, which the next one overwrites, in case it is the one whose hash is asked for; but no long
 * one.
 */
static bool keep_unhashed(struct hs_reader *reader)
{
	if (reader->unhashed.n > KEPT_BYTES)
		hs_reader_settle_hash(reader);
	if (reader->unhashed.p == NULL)
		return true;
	hs_buf_reset(&reader->kept);
	hs_buf_put_slice(&reader->kept, reader->unhashed);
	reader->unhashed = hs_buf_slice(&reader->kept);
	return hs_buf_ok(&reader->kept);
}

struct hs_position hs_reader_position(struct hs_reader *reader)
{
	hs_reader_settle_hash(reader);
	return reader->at;
}

struct hs_position hs_reader_place(const struct hs_reader *reader)
{
	struct hs_position at = reader->at;

	at.before = 0;
	return at;
}

enum hs_result hs_reader_result(const struct hs_reader *reader)
{
	return reader->result;
}

void hs_reader_gap(const struct hs_reader *reader, uint64_t *first, uint64_t *last)
{
	*first = reader->gap_first;
	*last = reader->gap_last;
}

static enum hs_read fail(struct hs_reader *reader, enum hs_result result)
{
	reader->result = result;
	/* while a directory is being removed other errors come first, and a busy machine takes its time */
	for (int waited = 0; reader->watched && reader->result != HS_E_SPOOL_DIR && waited < SETTLE_MOST_MS;
	     waited += SETTLE_MS) {
		hs_io_pause(SETTLE_MS);
		if (hs_reader_is_moved(reader))
			reader->result = HS_E_SPOOL_DIR;
	}
	return HS_READ_FAILED;
}

/* --- sealed segments ------------------------------------------------------ */

/* Leaves out segments that came since the last glance: their numbers may change (foreign_segments.h). */
enum hs_result hs_reader_list_again(struct hs_reader *reader)
{
	enum hs_result result;

	free(reader->list);
	reader->list = NULL;
	result = hs_sealed_list(reader->opened.dir.fd, "events", &reader->list, &reader->count);
	while (reader->below > 0 && reader->count > 0 && reader->list[reader->count - 1].number >= reader->below)
		reader->count--;
	return result;
}

const struct hs_sealed *hs_reader_find(const struct hs_reader *reader, uint64_t number)
{
	size_t low = 0, high = reader->list == NULL ? 0 : reader->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (reader->list[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return reader->list != NULL && low < reader->count ? &reader->list[low] : NULL;
}

enum hs_result hs_reader_open_sealed(struct hs_reader *reader, const struct hs_sealed *sealed, bool *there)
{
	enum hs_result result = hs_rewrite_log_share(reader->rewrites);
	char name[HS_SEALED_NAME];
	struct stat st;

	*there = false;
	if (result != HS_OK)
		return result;
	hs_sealed_print("events", sealed, name);
	reader->fd = hs_io_open_plain(reader->opened.dir.fd, name);
	if (reader->fd < 0) /* the next list does not have it */
		result = errno == ENOENT || errno == HS_IO_NOT_PLAIN ? HS_OK : hs_modes_result(name, errno);
	else
		result = hs_rewrite_log_translate(reader->rewrites, &reader->at);
	if (reader->fd >= 0)
		reader->at.edit = hs_rewrite_log_number(reader->rewrites, sealed->number);
	hs_rewrite_log_release(reader->rewrites);
	if (result != HS_OK || reader->fd < 0) {
		hs_reader_let_go(reader);
		return result;
	}
	reader->kind = SEALED;
	*there = true;
	result = hs_io_fstat(reader->fd, &st) < 0
	             ? HS_E_IO
	             : hs_line_reader_start_file(&reader->lines, reader->fd, sealed->gzip, reader->at.offset,
	                                         (uint64_t)st.st_size > reader->at.offset ? (uint64_t)st.st_size
	                                                                                  : reader->at.offset);
	if (result != HS_OK)
		hs_reader_let_go(reader); /* the next call opens it again */
	return result;
}

void hs_reader_leave_replaced(struct hs_reader *reader)
{
	bool replaced = true;

	if (reader->kind == NOTHING)
		return;
	if (hs_rewrite_log_share(reader->rewrites) == HS_OK) {
		replaced = hs_rewrite_log_number(reader->rewrites, reader->at.number) != reader->at.edit;
		hs_rewrite_log_release(reader->rewrites);
	} /* else opening it again tells why */
	if (replaced)
		hs_reader_let_go(reader);
}

/* --- finding the segment of a position ------------------------------------ */

static enum hs_read skip_to(struct hs_reader *reader, uint64_t number)
{
	reader->gap_first = reader->at.number;
	reader->gap_last = number - 1;
	reader->unhashed = HS_SLICE_NONE;
	reader->at = (struct hs_position){ .number = number };
	return HS_READ_GAP;
}

/*
 * Opens the segment of the position, unless *there is false. HS_READ_LINE: there may be lines. A
 * segment goes from open to sealed to deleted. One that is not listed is therefore looked for first
 * as the open segment, then in a new list; it is gone only if it is in neither.
 */
static enum hs_read find_segment(struct hs_reader *reader, bool *there)
{
	const struct hs_sealed *sealed = hs_reader_find(reader, reader->at.number);
	struct hs_glance glance = { .fd = -1 };
	enum hs_result glanced = HS_OK, result;
	enum hs_read what = HS_READ_LINE;

	*there = true;
	if (sealed == NULL || sealed->number != reader->at.number) {
		bool open;

		glanced = hs_reader_glance(reader, &glance);
		open = glanced == HS_OK && glance.number == reader->at.number; /* then no list has it */
		result = open ? HS_OK : hs_reader_list_again(reader);
		if (result != HS_OK) {
			if (glance.fd >= 0)
				hs_io_close(glance.fd);
			return fail(reader, result);
		}
		sealed = open ? NULL : hs_reader_find(reader, reader->at.number);
	}
	if (sealed == NULL && glanced == HS_OK && (glance.number == reader->at.number || reader->at.number == 0)) {
		hs_reader_read_open(reader, &glance);
		return HS_READ_LINE;
	}
	if (sealed == NULL)
		what = glanced != HS_OK                    ? fail(reader, glanced)
		       : glance.number > reader->at.number ? skip_to(reader, glance.number)
		                                           : HS_READ_AHEAD;
	else if (sealed->number != reader->at.number && reader->at.number != 0)
		what = skip_to(reader, sealed->number);
	else {
		reader->at.number = sealed->number;
		result = hs_reader_open_sealed(reader, sealed, there);
		if (result != HS_OK)
			what = fail(reader, result);
	}
	if (glance.fd >= 0)
		hs_io_close(glance.fd);
	return what;
}

static enum hs_read open_segment(struct hs_reader *reader)
{
	hs_reader_settle_hash(reader); /* a rewrite may take the line out of the position */
	for (int i = 0; i < ATTEMPTS; i++) {
		bool there;
		enum hs_read what = find_segment(reader, &there);

		if (what != HS_READ_LINE || there)
			return what;
		if (hs_reader_list_again(reader) != HS_OK) /* it is compressed by now, or gone */
			break;
	}
	return fail(reader, HS_E_IO);
}

int hs_reader_open_at(struct hs_reader *reader)
{
	return (int)open_segment(reader);
}

/* --- passing segments over -------------------------------------------------- */

void hs_reader_choose(struct hs_reader *reader, bool (*may_match)(void *context, struct hs_summary_reader *summary),
                      void *context)
{
	reader->may_match = may_match;
	reader->context = context;
}

uint64_t hs_reader_skipped(const struct hs_reader *reader)
{
	return reader->skipped;
}

bool hs_reader_may_skip(struct hs_reader *reader)
{
	struct stat st;

	if (reader->may_match == NULL || reader->kind != SEALED || reader->at.offset > 0 ||
	    hs_io_fstat(reader->fd, &st) < 0)
		return false;
	if (!hs_summary_open(&reader->summary, &reader->opened.dir, false, reader->at.number, &st))
		return false;
	return reader->summary.head.odd == 0 && !reader->may_match(reader->context, &reader->summary);
}

/* --- reading -------------------------------------------------------------- */

/* Goes on to the start of a segment. */
static void step_to(struct hs_reader *reader, uint64_t number)
{
	hs_reader_let_go(reader);
	reader->at = (struct hs_position){ .number = number, .before = reader->at.before };
}

/* After the last line that could be read of the open segment: false if there is none yet. */
static bool go_on(struct hs_reader *reader)
{
	bool ended, known;
	uint64_t limit = hs_reader_limit(reader, reader->generation, &ended, &known);

	if (!known) {
		hs_reader_let_go(reader); /* it is sealed by now */
	} else if (limit > reader->lines.end) {
		reader->lines.end = limit;
		reader->soon_ms = SOON_FIRST_MS;
	} else if (ended) {
		/* an empty segment gives its number to the next one */
		step_to(reader, limit > 0 ? reader->at.number + 1 : reader->at.number);
	} else {
		return false;
	}
	return true;
}

enum hs_result hs_reader_why_failed(const struct hs_reader *reader)
{
	enum hs_result result = hs_io_result(errno);

	if (errno == EILSEQ)
		hs_log(HS_LOG_ERROR, "segment %" PRIu64 " is damaged; hookspool repair keeps what is whole of it",
		       reader->at.number);
	return result;
}

static enum hs_read reading_failed(struct hs_reader *reader)
{
	enum hs_result result = hs_reader_why_failed(reader);

	hs_reader_let_go(reader);
	return fail(reader, result);
}

static enum hs_read at_end(struct hs_reader *reader)
{
	return reader->watched && hs_reader_is_moved(reader) ? fail(reader, HS_E_SPOOL_DIR) : HS_READ_END;
}

/* The ctime of the directory; 0 if a change could leave it as it is. */
static int64_t settled_ns(const struct hs_reader *reader)
{
	struct stat st;
	int64_t age;

	if (hs_io_fstat(reader->opened.dir.fd, &st) < 0)
		return 0;
	age = hs_io_now() - ((int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000);
	return age > -NEWS_MS && age < NEWS_MS ? 0 : st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
}

/* At the end of the open segment: *news if it is not the open one any more, since segments were copied in. */
static enum hs_result look_for_news(struct hs_reader *reader, bool *news)
{
	int64_t ns = settled_ns(reader);
	enum hs_result result;
	struct hs_glance glance;

	*news = false;
	if (ns != 0 && ns == reader->looked_ns)
		return HS_OK;
	result = hs_reader_glance(reader, &glance);
	if (result != HS_OK)
		return result;
	hs_io_close(glance.fd);
	reader->looked_ns = reader->events.stream->looked_ns == 0 ? 0 : ns;
	*news = glance.generation != reader->generation;
	return HS_OK;
}

/* Passes over the segment, whose summary is open. */
static void skip(struct hs_reader *reader)
{
	reader->skipped = reader->summary.head.lines;
	if (reader->digest != NULL && reader->skipped > 0)
		reader->at.before = reader->summary.head.last_line;
	step_to(reader, reader->at.number + 1);
}

static enum hs_read open_or_skip(struct hs_reader *reader)
{
	enum hs_read what = open_segment(reader);

	if (what != HS_READ_LINE || !hs_reader_may_skip(reader))
		return what;
	skip(reader);
	return HS_READ_SKIPPED;
}

static enum hs_read read_line(struct hs_reader *reader, struct hs_slice *line)
{
	for (;;) {
		bool news;
		int got;

		if (reader->kind == NOTHING) {
			enum hs_read what = open_or_skip(reader);

			if (what != HS_READ_LINE)
				return what;
		}
		got = hs_line_reader_next(&reader->lines, line);
		if (got == 1) {
			reader->at.offset = reader->lines.at;
			return HS_READ_LINE;
		}
		if (got < 0)
			return reading_failed(reader);
		if (got == 2 && reader->kind == SEALED)
			hs_log(HS_LOG_WARN, "segment %" PRIu64 " ends in mid-line: see hookspool verify",
			       reader->at.number);
		if (reader->kind == SEALED)
			step_to(reader, reader->at.number + 1);
		else if (hs_reader_is_lost(reader))
			hs_reader_let_go(reader); /* its marks do not count */
		else if (!go_on(reader)) {
			enum hs_read what = at_end(reader);

			if (what != HS_READ_END)
				return what;
			reader->result = look_for_news(reader, &news);
			if (reader->result != HS_OK)
				return fail(reader, reader->result);
			if (!news)
				return what;
		}
	}
}

enum hs_read hs_reader_next(struct hs_reader *reader, struct hs_slice *line)
{
	enum hs_read what = keep_unhashed(reader) ? read_line(reader, line) : fail(reader, HS_E_MEMORY);

	if (what == HS_READ_LINE && reader->digest != NULL)
		reader->unhashed = *line;
	return what;
}

enum hs_result hs_reader_end(struct hs_reader *reader, struct hs_position *end)
{
	struct hs_glance glance;
	enum hs_result result = hs_reader_glance(reader, &glance);
	bool ended, known;

	if (result != HS_OK)
		return result;
	*end = (struct hs_position){ .number = glance.number };
	end->offset = hs_reader_limit(reader, glance.generation, &ended, &known);
	if (!known) /* sealed since then: take all of it */
		*end = (struct hs_position){ .number = glance.number + 1 };
	hs_io_close(glance.fd);
	return HS_OK;
}

bool hs_reader_has_passed(const struct hs_reader *reader, struct hs_position end)
{
	return reader->at.number > end.number || (reader->at.number == end.number && reader->at.offset >= end.offset);
}

/* --- following ------------------------------------------------------------ */

int hs_reader_watch(struct hs_reader *reader)
{
	const struct hs_settings *settings = reader->opened.dir.settings;

	if (!reader->watched && hs_io_is_network(reader->opened.dir.fd) == 0)
		reader->watch = hs_io_watch(settings->spool_dir);
	if (!reader->watched)
		hs_reader_watch_state(reader);
	reader->watched = true;
	return reader->watch;
}

/* True if the open segment has bytes that are not acknowledged yet. */
static bool is_pending(const struct hs_reader *reader)
{
	struct stat st;

	return reader->kind == OPEN && hs_io_fstat(reader->fd, &st) == 0 && (uint64_t)st.st_size > reader->lines.end;
}

int64_t hs_reader_patience(struct hs_reader *reader)
{
	int64_t soon = reader->soon_ms;

	if (!reader->watched) { /* earlier changes are not reported */
		hs_reader_watch(reader);
		return 0;
	}
	if (!is_pending(reader) && reader->kind == OPEN)
		return reader->looked_ns == 0 ? NEWS_MS : hs_reader_watch(reader) < 0 ? POLL_MS : -1;
	reader->soon_ms = soon * 2 < SOON_MOST_MS ? soon * 2 : SOON_MOST_MS;
	return soon > 0 ? soon : SOON_MOST_MS;
}

void hs_reader_look(struct hs_reader *reader)
{
	if (reader->watch >= 0)
		hs_io_drain(reader->watch);
}

void hs_reader_wait(struct hs_reader *reader, int64_t most_ms)
{
	int64_t ms = hs_reader_patience(reader);

	if (ms < 0 || (most_ms >= 0 && most_ms < ms))
		ms = most_ms;
	hs_io_wait_readable(hs_reader_watch(reader), ms);
	hs_reader_look(reader);
}
