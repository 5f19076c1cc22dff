#include "spool/admin/import_checkpoint.h"
#include "base/hex.h"
#include "base/io.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

enum { LINE_MAX_BYTES = 768, NAME_DIGITS = 2 * HS_IMPORT_CHECKPOINT_NAME };
static const char FOLDER[] = "imports";

#define SPOT_PRINT "\":%" PRIu64 ",\"line\":%" PRIu64 ",\"event\":%" PRIu64 ",\"array\":%u"
#define SPOT_SCAN "\":%" SCNu64 ",\"line\":%" SCNu64 ",\"event\":%" SCNu64 ",\"array\":%u"

static void print_try(const struct hs_try *t, char out[static LINE_MAX_BYTES])
{
	char name[NAME_DIGITS + 1];

	hs_hex_encode((const uint8_t *)t->name, t->name_n, name);
	name[2 * t->name_n] = '\0';
	snprintf(out, LINE_MAX_BYTES,
	         "{\"try" SPOT_PRINT ",\"spooled_at\":\"%s\",\"after\":%" PRIu64 ",\"rejected_after\":%" PRIu64
	         ",\"name\":\"%s\"}\n",
	         t->to.at, t->to.line, t->to.event, t->to.array, t->spooled_at, t->after, t->rejected_after, name);
}

static void print_place(const char *label, const struct hs_spot *to, uint64_t rejected, char out[static LINE_MAX_BYTES])
{
	snprintf(out, LINE_MAX_BYTES, "{\"%s" SPOT_PRINT ",\"rejected\":%" PRIu64 "}\n", label, to->at, to->line,
	         to->event, to->array, rejected);
}

/* Accepts only what print_try would print. */
static bool read_try(const char *text, struct hs_try *t)
{
	char again[LINE_MAX_BYTES], name[NAME_DIGITS + 1] = "";
	unsigned array;

	*t = (struct hs_try){ .open = true };
	if (sscanf(text,
	           "{\"try" SPOT_SCAN ",\"spooled_at\":\"%24[^\"]\",\"after\":%" SCNu64 ",\"rejected_after\":%" SCNu64
	           ",\"name\":\"%400[0-9a-f]",
	           &t->to.at, &t->to.line, &t->to.event, &array, t->spooled_at, &t->after, &t->rejected_after,
	           name) != 8)
		return false;
	t->to.array = array == 1;
	t->name_n = strlen(name) / 2;
	hs_hex_decode(hs_slice(name, 2 * t->name_n), (uint8_t *)t->name, t->name_n); /* they are digits */
	print_try(t, again);
	return strcmp(text, again) == 0;
}

static bool read_place(const char *text, bool done, struct hs_spot *spot, uint64_t *rejected)
{
	char again[LINE_MAX_BYTES];
	unsigned array;

	if (sscanf(text,
	           done ? "{\"done" SPOT_SCAN ",\"rejected\":%" SCNu64 : "{\"at" SPOT_SCAN ",\"rejected\":%" SCNu64,
	           &spot->at, &spot->line, &spot->event, &array, rejected) != 5)
		return false;
	spot->array = array == 1;
	print_place(done ? "done" : "at", spot, *rejected, again);
	return strcmp(text, again) == 0;
}

/* Reads a line, and ignores one that this module would not print. */
static void read_line(struct hs_import_checkpoint *checkpoint, struct hs_slice line)
{
	char text[LINE_MAX_BYTES];
	struct hs_spot spot;
	struct hs_try t;
	uint64_t rejected;

	snprintf(text, sizeof text, "%.*s\n", line.n + 1 < sizeof text ? (int)line.n : 0, line.p);
	if (read_try(text, &t))
		checkpoint->try = t;
	for (int done = 0; done < 2; done++) {
		if (!read_place(text, done != 0, &spot, &rejected))
			continue;
		checkpoint->spot = spot;
		checkpoint->rejected = rejected;
		checkpoint->done = done != 0;
		checkpoint->try.open = false;
	}
}

static enum hs_result read_all(struct hs_import_checkpoint *checkpoint)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	int more;

	hs_line_reader_start(&lines, checkpoint->fd, 0, UINT64_MAX);
	while ((more = hs_line_reader_next(&lines, &line)) == 1) {
		read_line(checkpoint, line);
		checkpoint->size = lines.at;
	}
	hs_line_reader_free(&lines);
	if (more < 0)
		return HS_E_IO;
	return more == 2 && hs_io_truncate(checkpoint->fd, checkpoint->size) < 0
	           ? HS_E_IO
	           : HS_OK; /* part of a line, left by a kill */
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

enum hs_result hs_import_checkpoint_open(int private_dir, const char *key, struct hs_import_checkpoint *checkpoint)
{
	enum hs_result r;
	int folder;

	memset(checkpoint, 0, sizeof *checkpoint);
	checkpoint->fd = -1;
	if (hs_io_make_dir(private_dir, FOLDER, 0700) == 0) {
		if (hs_io_sync_dir(private_dir) < 0)
			return HS_E_IO;
	} else if (errno != EEXIST) {
		return hs_io_result(errno);
	}
	folder = hs_io_open_dir(private_dir, FOLDER);
	if (folder < 0)
		return hs_io_result(errno);
	checkpoint->fd = open_file(folder, key);
	r = checkpoint->fd < 0 ? hs_io_result(errno) : HS_OK;
	hs_io_close(folder);
	if (r == HS_OK && hs_io_lock(checkpoint->fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? HS_E_LOCKED : HS_E_IO;
	if (r == HS_OK)
		r = read_all(checkpoint);
	if (r != HS_OK)
		hs_import_checkpoint_close(checkpoint);
	return r;
}

void hs_import_checkpoint_close(struct hs_import_checkpoint *checkpoint)
{
	if (checkpoint->fd >= 0)
		hs_io_close(checkpoint->fd);
	checkpoint->fd = -1;
}

static enum hs_result put(struct hs_import_checkpoint *checkpoint, const char *line, bool durable)
{
	size_t n = strlen(line);

	if (hs_io_write_at(checkpoint->fd, line, n, checkpoint->size) < 0) {
		enum hs_result r = hs_io_result(errno);

		return hs_io_truncate(checkpoint->fd, checkpoint->size) < 0 ? HS_E_IO : r;
	}
	checkpoint->size += n;
	return durable && hs_io_sync_data(checkpoint->fd) < 0 ? HS_E_SYNC : HS_OK;
}

enum hs_result hs_import_checkpoint_try(struct hs_import_checkpoint *checkpoint, const struct hs_try *try)
{
	char line[LINE_MAX_BYTES];

	checkpoint->try = *try;
	checkpoint->try.open = true;
	print_try(try, line);
	return put(checkpoint, line, true);
}

static enum hs_result end_try(struct hs_import_checkpoint *checkpoint, const struct hs_spot *to, bool done,
                              bool durable)
{
	char text[LINE_MAX_BYTES];

	checkpoint->spot = *to;
	checkpoint->done = done;
	checkpoint->try.open = false;
	print_place(done ? "done" : "at", to, checkpoint->rejected, text);
	return put(checkpoint, text, durable);
}

enum hs_result hs_import_checkpoint_move(struct hs_import_checkpoint *checkpoint, const struct hs_spot *to,
                                         uint64_t rejected, bool durable)
{
	checkpoint->rejected += rejected;
	return end_try(checkpoint, to, false, durable);
}

enum hs_result hs_import_checkpoint_done(struct hs_import_checkpoint *checkpoint, const struct hs_spot *to)
{
	return end_try(checkpoint, to, true, true);
}

void hs_import_checkpoint_forget(struct hs_import_checkpoint *checkpoint)
{
	checkpoint->spot = (struct hs_spot){ .at = 0 };
	checkpoint->rejected = 0;
	checkpoint->done = checkpoint->try.open = false;
}
