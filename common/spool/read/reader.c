#include "spool/read/reader.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	ATTEMPTS = 16,     /* at a segment that is compressed, edited or sealed just now */
	POLL_MS = 25,      /* without inotify */
	SETTLE_MS = 50,    /* after the loss of the state, before it is opened again */
	NEWS_MS = 20,      /* a directory whose ctime is older gets another one when it changes */
	SOON_FIRST_MS = 1, /* until an acknowledgement that is on its way, doubled … */
	SOON_MOST_MS = 32, /* … up to this, for nobody knows whether it comes */
};

/* --- opening and closing -------------------------------------------------- */

static void tell_strange(void *context, const char *name)
{
	(void)context;
	hs_log(HS_LOG_WARN, "%s is no plain file and is passed over: move it out of the spool", name);
}

enum hs_result hs_reader_open(const struct hs_settings *settings, struct hs_reader **reader)
{
	struct hs_reader *r = calloc(1, sizeof *r);
	enum hs_result result;

	*reader = NULL;
	if (r == NULL)
		return HS_E_MEMORY;
	r->fd = r->watch = -1;
	r->summary = (struct hs_summary_reader)HS_SUMMARY_READER_NONE;
	result = hs_spool_dir_open_to_read(&r->opened, settings);
	if (result == HS_OK) {
		hs_segment_init(&r->events, &r->opened.dir, HS_EVENTS);
		hs_sealed_strange(r->opened.dir.fd, "events", tell_strange, NULL);
		result = hs_rewrite_log_open(&r->opened.dir, &r->rewrites);
		if (result != HS_OK)
			hs_spool_dir_close(&r->opened);
	}
	if (result != HS_OK) {
		free(r);
		return result;
	}
	*reader = r;
	return HS_OK;
}

void hs_reader_let_go(struct hs_reader *r)
{
	if (r->fd >= 0)
		hs_io_close(r->fd);
	r->fd = -1;
	r->kind = NOTHING;
}

void hs_reader_close(struct hs_reader *r)
{
	if (r == NULL)
		return;
	hs_reader_let_go(r);
	if (r->watch >= 0)
		hs_io_close(r->watch);
	free(r->list);
	hs_line_reader_free(&r->lines);
	hs_summary_close(&r->summary);
	hs_digest_free(r->digest);
	hs_rewrite_log_close(r->rewrites);
	hs_segment_close(&r->events);
	hs_spool_dir_close(&r->opened);
	free(r);
}

const struct hs_spool_dir *hs_reader_place(const struct hs_reader *r)
{
	return &r->opened.dir;
}

void hs_reader_start(struct hs_reader *r, struct hs_position position)
{
	hs_reader_let_go(r);
	r->at = position;
}

struct hs_position hs_reader_position(const struct hs_reader *r)
{
	return r->at;
}

enum hs_result hs_reader_result(const struct hs_reader *r)
{
	return r->result;
}

void hs_reader_gap(const struct hs_reader *r, uint64_t *first, uint64_t *last)
{
	*first = r->gap_first;
	*last = r->gap_last;
}

static enum hs_read fail(struct hs_reader *r, enum hs_result result)
{
	r->result = result;
	/* a folder that is being removed fails in many ways, and only in the end in this one */
	if (r->watched && result != HS_E_SPOOL_DIR) {
		hs_io_pause(SETTLE_MS);
		if (hs_reader_is_moved(r))
			r->result = HS_E_SPOOL_DIR;
	}
	return HS_READ_FAILED;
}

/* --- sealed segments ------------------------------------------------------ */

/* Segments that came since the last glance may yet get other numbers (foreign_segments.h). */
enum hs_result hs_reader_list_again(struct hs_reader *r)
{
	enum hs_result result;

	free(r->list);
	r->list = NULL;
	result = hs_sealed_list(r->opened.dir.fd, "events", &r->list, &r->count);
	while (r->below > 0 && r->count > 0 && r->list[r->count - 1].number >= r->below)
		r->count--;
	return result;
}

/* The first one of this number or a higher one, of two forms the plain one. NULL: none. */
const struct hs_sealed *hs_reader_find(const struct hs_reader *r, uint64_t number)
{
	size_t low = 0, high = r->list == NULL ? 0 : r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->list[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return r->list != NULL && low < r->count ? &r->list[low] : NULL;
}

/* At the position, which is of this segment. *there is false if the name has gone. */
enum hs_result hs_reader_open_sealed(struct hs_reader *r, const struct hs_sealed *sealed, bool *there)
{
	enum hs_result result = hs_rewrite_log_share(r->rewrites);
	char name[HS_SEALED_NAME];
	struct stat st;

	*there = false;
	if (result != HS_OK)
		return result;
	hs_sealed_print("events", sealed, name);
	r->fd = hs_io_open_plain(r->opened.dir.fd, name);
	if (r->fd < 0) /* not plain any more: it is not in the next list */
		result = errno == ENOENT || errno == HS_IO_NOT_PLAIN ? HS_OK : hs_io_result(errno);
	else
		result = hs_rewrite_log_translate(r->rewrites, &r->at);
	if (r->fd >= 0)
		r->at.edit = hs_rewrite_log_number(r->rewrites, sealed->number);
	hs_rewrite_log_release(r->rewrites);
	if (result != HS_OK || r->fd < 0) {
		hs_reader_let_go(r);
		return result;
	}
	r->kind = SEALED;
	*there = true;
	if (hs_io_fstat(r->fd, &st) < 0)
		return HS_E_IO;
	return hs_line_reader_start_file(&r->lines, r->fd, sealed->gzip, r->at.offset,
	                                 (uint64_t)st.st_size > r->at.offset ? (uint64_t)st.st_size : r->at.offset);
}

/* --- finding the segment of a position ------------------------------------ */

static enum hs_read skip_to(struct hs_reader *r, uint64_t number)
{
	r->gap_first = r->at.number;
	r->gap_last = number - 1;
	r->at = (struct hs_position){ .number = number };
	return HS_READ_GAP;
}

/*
 * Opens what the position is of. HS_READ_LINE: there may be lines. Segments go from open
 * to sealed and from there to nothing; so one that was not listed is looked for among the
 * open first, then in a new list, and is gone only if it is in neither.
 */
static enum hs_read find_segment(struct hs_reader *r, bool *there)
{
	const struct hs_sealed *sealed = hs_reader_find(r, r->at.number);
	struct hs_glance g = { .fd = -1 };
	enum hs_result glanced = HS_OK, result;
	enum hs_read what = HS_READ_LINE;

	*there = true;
	if (sealed == NULL || sealed->number != r->at.number) {
		glanced = hs_reader_glance(r, &g);
		result = hs_reader_list_again(r);
		if (result != HS_OK) {
			if (g.fd >= 0)
				hs_io_close(g.fd);
			return fail(r, result);
		}
		sealed = hs_reader_find(r, r->at.number);
	}
	if (sealed == NULL && glanced == HS_OK && (g.number == r->at.number || r->at.number == 0)) {
		hs_reader_read_open(r, &g);
		return HS_READ_LINE;
	}
	if (sealed == NULL)
		what = glanced != HS_OK          ? fail(r, glanced)
		       : g.number > r->at.number ? skip_to(r, g.number)
		                                 : HS_READ_AHEAD;
	else if (sealed->number != r->at.number && r->at.number != 0)
		what = skip_to(r, sealed->number);
	else {
		r->at.number = sealed->number;
		result = hs_reader_open_sealed(r, sealed, there);
		if (result != HS_OK)
			what = fail(r, result);
	}
	if (g.fd >= 0)
		hs_io_close(g.fd);
	return what;
}

static enum hs_read open_segment(struct hs_reader *r)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		bool there;
		enum hs_read what = find_segment(r, &there);

		if (what != HS_READ_LINE || there)
			return what;
		if (hs_reader_list_again(r) != HS_OK) /* it has another form by now, or is gone */
			break;
	}
	return fail(r, HS_E_IO);
}

int hs_reader_open_at(struct hs_reader *r)
{
	return (int)open_segment(r);
}

/* --- passing segments over -------------------------------------------------- */

void hs_reader_choose(struct hs_reader *r, bool (*may_match)(void *context, struct hs_summary_reader *summary),
                      void *context)
{
	r->may_match = may_match;
	r->context = context;
}

uint64_t hs_reader_skipped(const struct hs_reader *r)
{
	return r->skipped;
}

bool hs_reader_may_skip(struct hs_reader *r)
{
	struct stat st;

	if (r->may_match == NULL || r->kind != SEALED || r->at.offset > 0 || hs_io_fstat(r->fd, &st) < 0)
		return false;
	if (!hs_summary_open(&r->summary, &r->opened.dir, false, r->at.number, &st))
		return false;
	return r->summary.head.odd == 0 && !r->may_match(r->context, &r->summary);
}

/* --- reading -------------------------------------------------------------- */

/* The segment is read to its end. */
static void step(struct hs_reader *r, uint64_t number)
{
	hs_reader_let_go(r);
	r->at = (struct hs_position){ .number = number, .before = r->at.before };
}

/* Passes over the segment, whose summary is open. */
static void skip(struct hs_reader *r)
{
	r->skipped = r->summary.head.lines;
	if (r->digest != NULL && r->skipped > 0)
		r->at.before = r->summary.head.last_line;
	step(r, r->at.number + 1);
}

static enum hs_read open_or_skip(struct hs_reader *r)
{
	enum hs_read what = open_segment(r);

	if (what != HS_READ_LINE || !hs_reader_may_skip(r))
		return what;
	skip(r);
	return HS_READ_SKIPPED;
}

/* What to do at the end of what could be read of the open segment; false: nothing. */
static bool go_on(struct hs_reader *r)
{
	bool ended, known;
	uint64_t limit = hs_reader_limit(r, r->generation, &ended, &known);

	if (!known) {
		hs_reader_let_go(r); /* it lies among the sealed by now */
	} else if (limit > r->lines.end) {
		r->lines.end = limit;
		r->soon_ms = SOON_FIRST_MS;
	} else if (ended) {
		/* one of which nothing was kept gives its number to the next */
		step(r, limit > 0 ? r->at.number + 1 : r->at.number);
	} else {
		return false;
	}
	return true;
}

enum hs_result hs_reader_why_failed(const struct hs_reader *r)
{
	enum hs_result result = errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;

	if (errno == EILSEQ)
		hs_log(HS_LOG_ERROR, "segment %" PRIu64 " is damaged; hookspool repair keeps what is whole of it",
		       r->at.number);
	return result;
}

static enum hs_read reading_failed(struct hs_reader *r)
{
	enum hs_result result = hs_reader_why_failed(r);

	hs_reader_let_go(r);
	return fail(r, result);
}

static enum hs_read at_end(struct hs_reader *r)
{
	return r->watched && hs_reader_is_moved(r) ? fail(r, HS_E_SPOOL_DIR) : HS_READ_END;
}

/* The directory's ctime; 0 if it may change again without another ctime. */
static int64_t settled_ns(const struct hs_reader *r)
{
	struct stat st;
	int64_t age;

	if (hs_io_fstat(r->opened.dir.fd, &st) < 0)
		return 0;
	age = hs_io_now() - ((int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000);
	return age > -NEWS_MS && age < NEWS_MS ? 0 : st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
}

/* At the end of the open segment: has somebody put others there, which come before the next? */
static enum hs_result look_for_news(struct hs_reader *r, bool *news)
{
	int64_t ns = settled_ns(r);
	enum hs_result result;
	struct hs_glance g;

	*news = false;
	if (ns != 0 && ns == r->looked_ns)
		return HS_OK;
	result = hs_reader_glance(r, &g);
	if (result != HS_OK)
		return result;
	hs_io_close(g.fd);
	r->looked_ns = r->events.stream->looked_ns == 0 ? 0 : ns;
	*news = g.generation != r->generation;
	return HS_OK;
}

enum hs_read hs_reader_next(struct hs_reader *r, struct hs_slice *line)
{
	for (;;) {
		bool news;
		int got;

		if (r->kind == NOTHING) {
			enum hs_read what = open_or_skip(r);

			if (what != HS_READ_LINE)
				return what;
		}
		got = hs_line_reader_next(&r->lines, line);
		if (got == 1) {
			r->at.offset = r->lines.at;
			if (r->digest != NULL && !hs_history_hash(r->digest, *line, &r->at.before))
				return fail(r, HS_E_MEMORY);
			return HS_READ_LINE;
		}
		if (got < 0)
			return reading_failed(r);
		if (got == 2 && r->kind == SEALED)
			hs_log(HS_LOG_WARN, "segment %" PRIu64 " ends in mid-line: see hookspool verify", r->at.number);
		if (r->kind == SEALED)
			step(r, r->at.number + 1);
		else if (hs_reader_is_lost(r))
			hs_reader_let_go(r); /* nothing that it says counts */
		else if (!go_on(r)) {
			enum hs_read what = at_end(r);

			if (what != HS_READ_END)
				return what;
			r->result = look_for_news(r, &news);
			if (r->result != HS_OK || !news)
				return r->result == HS_OK ? what : HS_READ_FAILED;
		}
	}
}

enum hs_result hs_reader_end(struct hs_reader *r, struct hs_position *end)
{
	struct hs_glance g;
	enum hs_result result = hs_reader_glance(r, &g);
	bool ended, known;

	if (result != HS_OK)
		return result;
	*end = (struct hs_position){ .number = g.number };
	end->offset = hs_reader_limit(r, g.generation, &ended, &known);
	if (!known) /* it was sealed since; all of it is before the end, which is good enough */
		*end = (struct hs_position){ .number = g.number + 1 };
	hs_io_close(g.fd);
	return HS_OK;
}

bool hs_reader_has_passed(const struct hs_reader *r, struct hs_position end)
{
	return r->at.number > end.number || (r->at.number == end.number && r->at.offset >= end.offset);
}

/* --- following ------------------------------------------------------------ */

int hs_reader_watch(struct hs_reader *r)
{
	const struct hs_settings *settings = r->opened.dir.settings;

	if (!r->watched && hs_io_is_network(r->opened.dir.fd) == 0)
		r->watch = hs_io_watch(settings->spool_dir);
	if (!r->watched)
		hs_reader_watch_state(r);
	r->watched = true;
	return r->watch;
}

/* Is anything in the open segment's file that is not acknowledged yet? */
static bool is_pending(const struct hs_reader *r)
{
	struct stat st;

	return r->kind == OPEN && hs_io_fstat(r->fd, &st) == 0 && (uint64_t)st.st_size > r->lines.end;
}

int64_t hs_reader_patience(struct hs_reader *r)
{
	int64_t soon = r->soon_ms;

	if (!r->watched) { /* what came before it is not told */
		hs_reader_watch(r);
		return 0;
	}
	if (!is_pending(r) && r->kind == OPEN)
		return r->looked_ns == 0 ? NEWS_MS : hs_reader_watch(r) < 0 ? POLL_MS : -1;
	r->soon_ms = soon * 2 < SOON_MOST_MS ? soon * 2 : SOON_MOST_MS;
	return soon > 0 ? soon : SOON_MOST_MS;
}

void hs_reader_look(struct hs_reader *r)
{
	if (r->watch >= 0)
		hs_io_drain(r->watch);
}

void hs_reader_wait(struct hs_reader *r, int64_t most_ms)
{
	int64_t ms = hs_reader_patience(r);

	if (ms < 0 || (most_ms >= 0 && most_ms < ms))
		ms = most_ms;
	hs_io_wait_readable(hs_reader_watch(r), ms);
	hs_reader_look(r);
}
