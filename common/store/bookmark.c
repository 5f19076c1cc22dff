#include "store/bookmark.h"
#include "store/io.h"
#include "store/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

enum { LINE_MAX_BYTES = 160 };
static const char FOLDER[] = "imports";

static void print_try(const struct hs_try *t, char out[static LINE_MAX_BYTES])
{
	snprintf(out, LINE_MAX_BYTES,
		 "{\"try\":%" PRIu64 ",\"line\":%" PRIu64
		 ",\"spooled_at\":\"%s\",\"after\":%" PRIu64 "}\n",
		 t->to, t->line, t->spooled_at, t->after);
}

static void print_place(const char *label, uint64_t at, uint64_t line,
			uint64_t rejected, char out[static LINE_MAX_BYTES])
{
	snprintf(out, LINE_MAX_BYTES, "{\"%s\":%" PRIu64 ",\"line\":%" PRIu64 ",\"rejected\":%" PRIu64 "}\n",
		 label, at, line, rejected);
}

/* Takes a line in; what is not ours, to the letter, counts as nothing. */
static void read_line(struct hs_bookmark *b, struct hs_slice line)
{
	char text[LINE_MAX_BYTES], again[LINE_MAX_BYTES];
	struct hs_try t = { .open = true };
	uint64_t at, number, rejected;

	snprintf(text, sizeof text, "%.*s\n", line.n < sizeof text ? (int)line.n : 0, line.p);
	if (sscanf(text,
		   "{\"try\":%" SCNu64 ",\"line\":%" SCNu64
		   ",\"spooled_at\":\"%24[^\"]\",\"after\":%" SCNu64,
		   &t.to, &t.line, t.spooled_at, &t.after) == 4) {
		print_try(&t, again);
		if (strcmp(text, again) == 0)
			b->try = t;
		return;
	}
	for (int done = 0; done < 2; done++) {
		if (sscanf(text,
			   done ? "{\"done\":%" SCNu64 ",\"line\":%" SCNu64 ",\"rejected\":%" SCNu64
				: "{\"at\":%" SCNu64 ",\"line\":%" SCNu64 ",\"rejected\":%" SCNu64,
			   &at, &number, &rejected) != 3)
			continue;
		print_place(done ? "done" : "at", at, number, rejected, again);
		if (strcmp(text, again) != 0)
			continue;
		b->at = at;
		b->line = number;
		b->rejected = rejected;
		b->done = done != 0;
		b->try.open = false;
	}
}

static enum hs_result read_all(struct hs_bookmark *b)
{
	struct hs_lines lines = { 0 };
	struct hs_slice line;
	int more;

	hs_lines_start(&lines, b->fd, 0, UINT64_MAX);
	while ((more = hs_lines_next(&lines, &line)) == 1) {
		read_line(b, line);
		b->size = lines.at;
	}
	hs_lines_free(&lines);
	if (more < 0)
		return HS_E_IO;
	return more == 2 && hs_io_truncate(b->fd, b->size) < 0 ? HS_E_IO
							       : HS_OK; /* torn by a kill */
}

static int open_file(int folder, const char *key)
{
	int fd = hs_io_open_or_make(folder, key, 0600);

	if (fd >= 0 && hs_io_sync_dir(folder) < 0) {
		hs_io_close(fd);
		return -1;
	}
	return fd;
}

enum hs_result hs_bookmark_open(int private_dir, const char *key, struct hs_bookmark *b)
{
	enum hs_result r;
	int folder;

	memset(b, 0, sizeof *b);
	b->fd = -1;
	if (hs_io_make_dir(private_dir, FOLDER, 0700) == 0) {
		if (hs_io_sync_dir(private_dir) < 0)
			return HS_E_IO;
	} else if (errno != EEXIST) {
		return hs_io_result(errno);
	}
	folder = hs_io_open_dir(private_dir, FOLDER);
	if (folder < 0)
		return hs_io_result(errno);
	b->fd = open_file(folder, key);
	r = b->fd < 0 ? hs_io_result(errno) : HS_OK;
	hs_io_close(folder);
	if (r == HS_OK && hs_io_lock(b->fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? HS_E_BUSY : HS_E_IO;
	if (r == HS_OK)
		r = read_all(b);
	if (r != HS_OK)
		hs_bookmark_close(b);
	return r;
}

void hs_bookmark_close(struct hs_bookmark *b)
{
	if (b->fd >= 0)
		hs_io_close(b->fd);
	b->fd = -1;
}

static enum hs_result put(struct hs_bookmark *b, const char *line, bool durable)
{
	size_t n = strlen(line);

	if (hs_io_write_at(b->fd, line, n, b->size) < 0) {
		enum hs_result r = hs_io_result(errno);

		return hs_io_truncate(b->fd, b->size) < 0 ? HS_E_IO : r;
	}
	b->size += n;
	return durable && hs_io_sync_data(b->fd) < 0 ? HS_E_SYNC : HS_OK;
}

enum hs_result hs_bookmark_try(struct hs_bookmark *b, const struct hs_try *try)
{
	char line[LINE_MAX_BYTES];

	b->try = *try;
	b->try.open = true;
	print_try(try, line);
	return put(b, line, true);
}

static enum hs_result settle(struct hs_bookmark *b, uint64_t at, uint64_t line, bool done,
			     bool durable)
{
	char text[LINE_MAX_BYTES];

	b->at = at;
	b->line = line;
	b->done = done;
	b->try.open = false;
	print_place(done ? "done" : "at", at, line, b->rejected, text);
	return put(b, text, durable);
}

enum hs_result hs_bookmark_move(struct hs_bookmark *b, uint64_t at, uint64_t line, uint64_t rejected,
				bool durable)
{
	b->rejected += rejected;
	return settle(b, at, line, false, durable);
}

enum hs_result hs_bookmark_done(struct hs_bookmark *b, uint64_t at, uint64_t line)
{
	return settle(b, at, line, true, true);
}

void hs_bookmark_forget(struct hs_bookmark *b)
{
	b->at = b->line = b->rejected = 0;
	b->done = b->try.open = false;
}
