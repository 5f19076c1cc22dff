/*
 * rejected: the handler of /console/rejected: what intake has rejected, by reason.
 *
 * {"more":…,"reasons":[{"reason":…,"remedy":…,"count":…,"first":…,"last":…}]}; with reason=TEXT one more member,
 * "lines", has its newest lines, each cut after LINE_MOST bytes. A request reads at most READ_MOST bytes, the newest files first: then `more` is true.
 */
#include "spool/write/rejected.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "cgi/http/console/console.h"
#include "cgi/http/console/query.h"
#include "cgi/http/handlers.h"
#include "event/record_fields.h"
#include "spool/file/line_reader.h"
#include "spool/file/segment_list.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	READ_MOST = 8 << 20,
	REASONS_MOST = 100,
	REASON_TEXT = 200, /* bytes; the messages of result.h are shorter */
	LINES_MOST = 20,
	LINE_MOST = 128 << 10,
	LOOKS_MOST = 100,
};

static const char OPEN[] = "rejected.jsonl";

struct reason {
	char text[REASON_TEXT];
	size_t n;
	uint64_t count;
	char first[HS_TIMESTAMP_TEXT + 1], last[HS_TIMESTAMP_TEXT + 1];
};

struct rejects {
	struct reason reason[REASONS_MOST];
	size_t reasons;
	struct hs_query_value wanted;
	/* of the wanted reason: `kept` lines of newer files, the newest first; then a ring for `lines` of this file */
	struct hs_buf line[LINES_MOST];
	size_t kept, lines;
	uint64_t read;
	bool more;
	struct hs_buf scratch;
};

static struct reason *reason_of(struct rejects *x, struct hs_slice text)
{
	struct reason *reason;

	if (text.n > REASON_TEXT)
		text.n = REASON_TEXT;
	for (size_t i = 0; i < x->reasons; i++)
		if (hs_slice_eq(hs_slice(x->reason[i].text, x->reason[i].n), text))
			return &x->reason[i];
	if (x->reasons == REASONS_MOST)
		return NULL;
	reason = &x->reason[x->reasons++];
	memcpy(reason->text, text.p, text.n);
	reason->n = text.n;
	return reason;
}

static void note_time(struct reason *reason, struct hs_slice at)
{
	if (at.n != HS_TIMESTAMP_TEXT)
		return;
	if (reason->first[0] == '\0' || memcmp(at.p, reason->first, at.n) < 0)
		memcpy(reason->first, at.p, at.n);
	if (reason->last[0] == '\0' || memcmp(at.p, reason->last, at.n) > 0)
		memcpy(reason->last, at.p, at.n);
}

/* At most LINE_MOST bytes, and no part of a character. */
static struct hs_slice head_of(struct hs_slice line)
{
	if (line.n <= LINE_MOST)
		return line;
	for (line.n = LINE_MOST; line.n > 0 && ((unsigned char)line.p[line.n] & 0xC0) == 0x80; line.n--)
		;
	return line;
}

/* A body that is no text, such as gzip, makes a line that is six times as long. */
static void keep_line(struct rejects *x, struct hs_slice line)
{
	struct hs_buf *to;

	if (x->kept == LINES_MOST)
		return;
	to = &x->line[x->kept + x->lines++ % (LINES_MOST - x->kept)];
	hs_buf_reset(to);
	hs_buf_put_slice(to, head_of(line));
	if (line.n > LINE_MOST)
		hs_buf_printf(to, "… (cut: hookspool cat --rejected prints all %zu bytes)", line.n);
}

/* Turns the ring into kept lines, for the next file is older. */
static void keep_ring(struct rejects *x)
{
	struct hs_buf *ring = x->line + x->kept, ordered[LINES_MOST] = { 0 };
	size_t room = LINES_MOST - x->kept, n = x->lines < room ? x->lines : room;

	for (size_t i = 0; i < n; i++)
		ordered[i] = ring[(x->lines - 1 - i) % room];
	memcpy(ring, ordered, n * sizeof *ring);
	x->kept += n;
	x->lines = 0;
}

static void take(struct rejects *x, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_slice at = HS_SLICE_NONE;
	struct hs_record_field field;
	struct reason *reason;

	hs_buf_reset(&x->scratch);
	while (hs_record_field_next(&walk, &field) && !hs_slice_eq(field.name, HS_SLICE("body")))
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at")))
			at = field.value;
		else if (hs_slice_eq(field.name, HS_SLICE("message")))
			hs_record_field_put(&field, &x->scratch);
	reason = reason_of(x, hs_rejected_reason(hs_buf_slice(&x->scratch)));
	if (reason == NULL)
		return;
	reason->count++;
	note_time(reason, at);
	if (x->wanted.n > 0 && hs_slice_eq(hs_slice(reason->text, reason->n), hs_slice(x->wanted.text, x->wanted.n)))
		keep_line(x, line);
}

/* A missing file was deleted after it was listed. */
static enum hs_result read_file(struct rejects *x, struct hs_line_reader *lines, int fd)
{
	enum hs_result result = HS_OK;
	struct hs_slice line;
	int got = 0;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	while (x->read < READ_MOST && (got = hs_line_reader_next(lines, &line)) == 1) {
		x->read += line.n + 1;
		take(x, line);
	}
	x->more = x->more || x->read >= READ_MOST;
	keep_ring(x);
	if (got < 0)
		result = hs_io_result(errno);
	hs_io_close(fd);
	return result;
}

/* Only the end of a long file is read. */
static enum hs_result read_open(struct rejects *x, struct hs_line_reader *lines, int fd)
{
	struct hs_slice line;
	struct stat st;

	if (hs_io_fstat(fd, &st) == 0 && st.st_size > READ_MOST) {
		hs_line_reader_start(lines, fd, (uint64_t)st.st_size - READ_MOST, UINT64_MAX);
		hs_line_reader_next(lines, &line); /* the rest of a line */
		x->more = true;
	}
	return read_file(x, lines, fd);
}

/* True if the name leads to the file that is open; fd < 0: if there still is none. */
static bool is_still(int dir, int fd)
{
	struct stat open, named;

	if (hs_io_stat(dir, OPEN, &named) < 0)
		return fd < 0;
	return fd >= 0 && hs_io_fstat(fd, &open) == 0 && open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/* Opens the open file and lists the sealed ones, so that a file which is sealed meanwhile is not both. */
static enum hs_result look(struct hs_line_reader *lines, int dir, int *fd, struct hs_sealed **list, size_t *count)
{
	enum hs_result result = HS_OK;

	for (int i = 0; i < LOOKS_MOST && result == HS_OK; i++) {
		*fd = hs_line_reader_open(lines, dir, OPEN, false);
		if (*fd < 0 && errno != ENOENT)
			return hs_io_result(errno);
		result = hs_sealed_list(dir, "rejected", list, count);
		if (result == HS_OK && is_still(dir, *fd))
			return HS_OK;
		if (*fd >= 0)
			hs_io_close(*fd);
		free(*list);
		*list = NULL;
	}
	return result != HS_OK ? result : HS_E_REWRITTEN;
}

static enum hs_result read_all(struct rejects *x, const char *spool_dir)
{
	int dir = hs_io_open_dir(AT_FDCWD, spool_dir), fd;
	struct hs_line_reader lines = { 0 };
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result result;

	if (dir < 0)
		return HS_E_SPOOL_DIR;
	result = look(&lines, dir, &fd, &list, &count);
	if (result == HS_OK && fd >= 0)
		result = read_open(x, &lines, fd);
	while (result == HS_OK && count-- > 0 && x->read < READ_MOST)
		if (count == 0 || !hs_sealed_same(&list[count], &list[count - 1])) /* not the .gz beside a plain one */
			result = read_file(x, &lines, hs_sealed_lines(&lines, dir, "rejected", &list[count]));
	free(list);
	hs_line_reader_free(&lines);
	hs_io_close(dir);
	return result;
}

/* --- the answer ------------------------------------------------------------------- */

static const char *remedy_of(const struct reason *reason)
{
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);

		if (hs_slice_eq(hs_slice_str(info->message), hs_slice(reason->text, reason->n)))
			return info->remedy;
	}
	return "";
}

static void put_reason(struct hs_json_writer *w, const struct reason *reason)
{
	hs_json_writer_object(w, NULL);
	hs_json_writer_text(w, "reason", hs_slice(reason->text, reason->n));
	hs_json_writer_text(w, "remedy", hs_slice_str(remedy_of(reason)));
	hs_json_writer_uint(w, "count", reason->count);
	hs_json_writer_text(w, "first", hs_slice_str(reason->first));
	hs_json_writer_text(w, "last", hs_slice_str(reason->last));
	hs_json_writer_end(w, '}');
}

/* The lines as texts, so that the page shows them as they are. */
static void put_lines(struct hs_json_writer *w, const struct rejects *x)
{
	hs_json_writer_array(w, "lines");
	for (size_t i = 0; i < x->kept; i++)
		hs_json_writer_text(w, NULL, hs_buf_slice(&x->line[i]));
	hs_json_writer_end(w, ']');
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = ((const struct reason *)a)->count, y = ((const struct reason *)b)->count;

	return x > y ? -1 : x < y;
}

static void put_answer(struct rejects *x, struct hs_buf *out)
{
	struct hs_json_writer w = { .out = out };

	qsort(x->reason, x->reasons, sizeof *x->reason, by_count);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_bool(&w, "more", x->more);
	hs_json_writer_array(&w, "reasons");
	for (size_t i = 0; i < x->reasons; i++)
		put_reason(&w, &x->reason[i]);
	hs_json_writer_end(&w, ']');
	if (x->wanted.n > 0)
		put_lines(&w, x);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
}

static enum hs_result make_answer(struct hs_exchange *exchange, struct rejects *x)
{
	enum hs_result result = hs_query_value(hs_console_query(exchange), "reason", &x->wanted) ? HS_OK : HS_E_QUERY;

	if (result == HS_OK)
		result = read_all(x, exchange->settings->spool_dir);
	if (result == HS_OK)
		put_answer(x, &exchange->page_text);
	for (size_t i = 0; i < LINES_MOST; i++)
		hs_buf_free(&x->line[i]);
	hs_buf_free(&x->scratch);
	return result;
}

void hs_handle_console_rejected(struct hs_exchange *exchange)
{
	enum hs_result result = hs_console_begin(exchange, NULL);
	struct rejects *x = result == HS_OK ? calloc(1, sizeof *x) : NULL;

	if (result == HS_OK)
		result = x != NULL ? make_answer(exchange, x) : HS_E_MEMORY;
	free(x);
	hs_console_answer(exchange, result);
}
