/*
 * feed: the handler of /console/feed: records of the spool, newest first.
 *
 *	after=POSITION     only what came since, else the newest
 *	before=POSITION    what is older
 *	type, event, user, tenant, text     filters; see feed_filter.h
 *
 * The answer is one line {"newest":POSITION,"oldest":POSITION,"more":…,"gap":…}, then the records as they are in
 * the spool. A request reads at most READ_MOST bytes of text, and for READ_MS: then `more` is true, and the page goes
 * on before `oldest`. Segments in which the filters find nothing, as their summaries say, are not read. With `after`,
 * `gap` is true if there is more between the two than was read.
 */
#include "base/io.h"
#include "base/json_writer.h"
#include "cgi/http/console/console.h"
#include "cgi/http/console/feed_filter.h"
#include "cgi/http/handlers.h"
#include "spool/read/reader.h"

#include <stdlib.h>

enum {
	READ_MOST = 8 << 20,
	READ_MS = 150,         /* for many segments; the page asks again */
	WINDOW = 128 << 10,    /* of the first read, which without a filter has all that the answer needs; … */
	WINDOW_MOST = 1 << 20, /* … with a filter, larger reads cost less */
	LINES_MOST = 100,
	TEXT_MOST = 4 << 20, /* of the records of an answer, but one is always sent */
};

struct line {
	size_t at, n; /* in struct feed's text */
	struct hs_position start;
};

struct feed {
	struct hs_reader *reader;
	struct hs_feed_filter filter;
	struct hs_position newest, oldest, floor;
	bool has_floor, more;
	uint64_t read;
	int64_t until_ms;   /* on hs_io_now_monotonic's clock */
	size_t taken;       /* lines in `out` */
	struct hs_buf text; /* lines of the window that pass … */
	struct line *line;  /* … the last LINES_MOST of them, a ring */
	size_t lines;       /* how many there were */
	struct hs_buf out;  /* lines for the answer */
};

/* --- windows ---------------------------------------------------------------------- */

static void keep(struct feed *feed, struct hs_slice line, struct hs_position start)
{
	feed->line[feed->lines++ % LINES_MOST] = (struct line){ feed->text.n, line.n, start };
	hs_buf_put_slice(&feed->text, line);
}

static bool may_pass(void *context, struct hs_summary_reader *summary)
{
	const struct hs_feed_filter *filter = context;

	return hs_feed_filter_may_pass(filter, summary);
}

/* Reads from the reader's position to `stop`, unless nothing is wanted there. */
static enum hs_result read_window(struct feed *feed, struct hs_position stop)
{
	struct hs_position at = hs_reader_position(feed->reader);
	struct hs_slice line;

	hs_buf_reset(&feed->text);
	feed->lines = 0;
	if (hs_reader_skipped(feed->reader) > 0)
		return HS_OK;
	while (!hs_reader_has_passed(feed->reader, stop)) {
		enum hs_read what = hs_reader_next(feed->reader, &line);

		if (what == HS_READ_FAILED)
			return hs_reader_result(feed->reader);
		if (what != HS_READ_LINE)
			break;
		feed->read += line.n + 1;
		if (hs_feed_filter_passes(&feed->filter, line))
			keep(feed, line, at);
		at = hs_reader_position(feed->reader);
	}
	return hs_buf_ok(&feed->text) ? HS_OK : HS_E_MEMORY;
}

/* Takes the window's lines, the newest first. False: the answer is full; `oldest` is where the rest begins. */
static bool take_lines(struct feed *feed, struct hs_position start)
{
	size_t there = feed->lines < LINES_MOST ? feed->lines : LINES_MOST;

	for (size_t i = 0; i < there; i++) {
		const struct line *line = &feed->line[(feed->lines - 1 - i) % LINES_MOST];

		if (feed->taken == LINES_MOST || (feed->taken > 0 && feed->out.n + line->n > TEXT_MOST))
			return false;
		hs_buf_put(&feed->out, feed->text.p + line->at, line->n);
		hs_buf_putc(&feed->out, '\n');
		feed->oldest = line->start;
		feed->taken++;
	}
	if (feed->lines > there)
		return false;
	feed->oldest = start;
	return feed->taken < LINES_MOST;
}

static bool is_before(struct hs_position a, struct hs_position b)
{
	return a.number < b.number || (a.number == b.number && a.offset < b.offset);
}

/* An erase has rewritten the segment since. */
static enum hs_result renew_floor(struct feed *feed, uint64_t edit)
{
	enum hs_result result = hs_reader_renew(feed->reader, &feed->floor);

	feed->floor.edit = edit;
	return result;
}

/* Goes back from `oldest`. *more is false at the start of the spool, and where `after` begins. */
static enum hs_result go_back(struct feed *feed)
{
	for (uint64_t window = WINDOW;; window = window < WINDOW_MOST ? 2 * window : WINDOW_MOST) {
		struct hs_position stop = feed->oldest, start;
		enum hs_result result = hs_reader_back(feed->reader, &stop, window, &start);

		if (result == HS_OK && feed->has_floor && start.number == feed->floor.number &&
		    start.edit != feed->floor.edit)
			result = renew_floor(feed, start.edit);
		feed->more = false;
		if (result != HS_OK || !is_before(start, stop) || (feed->has_floor && !is_before(feed->floor, stop)))
			return result;
		if (feed->has_floor && is_before(start, feed->floor)) {
			start = feed->floor;
			hs_reader_start(feed->reader, start);
		}
		result = read_window(feed, stop);
		feed->more = true;
		if (result != HS_OK || !take_lines(feed, start) || feed->read >= READ_MOST ||
		    hs_io_now_monotonic() >= feed->until_ms)
			return result;
	}
}

/* --- the request -------------------------------------------------------------------- */

static enum hs_result read_query(struct hs_slice query, struct feed *feed)
{
	struct hs_position before;
	bool has_before;
	bool ok = hs_query_position(query, "after", &feed->floor, &feed->has_floor) &&
	          hs_query_position(query, "before", &before, &has_before) && !(feed->has_floor && has_before);

	if (ok && has_before)
		feed->oldest = before;
	return ok ? hs_feed_filter_read(&feed->filter, query) : HS_E_QUERY;
}

static void put_position(struct hs_json_writer *w, const char *name, const struct hs_position *position)
{
	char text[HS_QUERY_POSITION];

	hs_query_print_position(position, text);
	hs_json_writer_text(w, name, hs_slice_str(text));
}

static void put_answer(const struct feed *feed, struct hs_buf *out)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_object(&w, NULL);
	put_position(&w, "newest", &feed->newest);
	put_position(&w, "oldest", &feed->oldest);
	hs_json_writer_bool(&w, "more", feed->more);
	hs_json_writer_bool(&w, "gap", feed->has_floor && feed->more);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
	hs_buf_put_slice(out, hs_buf_slice(&feed->out));
}

static enum hs_result read_feed(struct feed *feed, const struct hs_settings *settings)
{
	enum hs_result result = hs_reader_open_quietly(settings, &feed->reader);

	feed->until_ms = hs_io_now_monotonic() + READ_MS;
	if (result != HS_OK)
		return result;
	hs_reader_choose(feed->reader, may_pass, &feed->filter);
	result = hs_reader_end(feed->reader, &feed->newest);
	if (result == HS_OK && feed->has_floor && is_before(feed->newest, feed->floor))
		feed->has_floor = false; /* of another spool, or of what a power cut took back */
	if (result == HS_OK && feed->oldest.number == 0)
		feed->oldest = feed->newest;
	if (result == HS_OK && (!feed->has_floor || is_before(feed->floor, feed->newest)))
		result = go_back(feed);
	hs_reader_close(feed->reader);
	return result == HS_OK && !hs_buf_ok(&feed->out) ? HS_E_MEMORY : result;
}

static enum hs_result make_answer(struct hs_exchange *exchange, struct feed *feed)
{
	enum hs_result result = read_query(hs_console_query(exchange), feed);

	if (result != HS_OK)
		return result;
	feed->line = calloc(LINES_MOST, sizeof *feed->line);
	result = feed->line != NULL ? read_feed(feed, exchange->settings) : HS_E_MEMORY;
	if (result == HS_OK)
		put_answer(feed, &exchange->page_text);
	free(feed->line);
	hs_buf_free(&feed->text);
	hs_buf_free(&feed->out);
	hs_buf_free(&feed->filter.scratch);
	return result;
}

void hs_handle_console_feed(struct hs_exchange *exchange)
{
	enum hs_result result = hs_console_begin(exchange, NULL);
	struct feed *feed = result == HS_OK ? calloc(1, sizeof *feed) : NULL;

	if (result == HS_OK)
		result = feed != NULL ? make_answer(exchange, feed) : HS_E_MEMORY;
	free(feed);
	hs_console_answer(exchange, result);
}
