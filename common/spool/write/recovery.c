#include "spool/write/recovery.h"
#include "base/log.h"
#include "spool/file/line_reader.h"
#include "spool/position/rewrite_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TORN_MAX = 1 << 20 };
static const char COPY[] = "copy-"; /* prefix: a copy that is not complete */

/* --- names ------------------------------------------------------------------ */

void hs_recovery_name(const char *stream, const struct hs_aside *aside, char out[static HS_SEALED_NAME])
{
	snprintf(out, HS_SEALED_NAME, "aside-%s-%" PRIu64 "-%" PRIu64 "-%" PRId64, stream, aside->number, aside->keep,
	         aside->sealed_ms);
}

/* False leaves *aside as it is: the name may be that of the other stream. */
static bool parse_aside(const char *stream, const char *name, struct hs_aside *aside)
{
	char again[HS_SEALED_NAME];
	const char *p = name + strlen("aside-") + strlen(stream);
	struct hs_aside read = { 0 };

	if (strlen(name) >= HS_SEALED_NAME || strlen(name) <= (size_t)(p - name) ||
	    sscanf(p, "-%" SCNu64 "-%" SCNu64 "-%" SCNd64, &read.number, &read.keep, &read.sealed_ms) != 3)
		return false;
	hs_recovery_name(stream, &read, again); /* spelled otherwise it is not ours */
	if (strcmp(name, again) != 0 || read.number == 0)
		return false;
	*aside = read;
	return true;
}

static void copy_name(const char *stream, char out[static HS_SEALED_NAME])
{
	snprintf(out, HS_SEALED_NAME, "%s%s", COPY, stream);
}

/* --- looking ---------------------------------------------------------------- */

struct look {
	const char *stream;
	struct hs_found *found;
};

static bool look_at_sealed(void *context, const char *name)
{
	struct look *l = context;
	struct hs_sealed sealed;

	if (hs_sealed_parse(l->stream, name, &sealed)) {
		if (sealed.sealed_ms > l->found->sealed_ms)
			l->found->sealed_ms = sealed.sealed_ms;
		/* the stamp, too: another program may have put a segment of this number there */
		if (sealed.number == l->found->aside.number && sealed.sealed_ms == l->found->aside.sealed_ms)
			l->found->aside.sealed = true;
	}
	return true;
}

static bool look_at_aside(void *context, const char *name)
{
	struct look *l = context;

	return !parse_aside(l->stream, name, &l->found->aside);
}

enum hs_result hs_recovery_look(const struct hs_spool_dir *dir, const char *stream, struct hs_found *found)
{
	struct look l = { stream, found };
	char copy[HS_SEALED_NAME];

	memset(found, 0, sizeof *found);
	copy_name(stream, copy);
	if (hs_io_unlink(dir->run_dir, copy) < 0 && errno != ENOENT)
		return hs_io_result(errno);
	if (hs_io_list(dir->private_dir, look_at_aside, &l) < 0)
		return HS_E_IO;
	if (found->aside.number != 0 && found->aside.keep == 0)
		found->aside.sealed = false;
	/* twice: see hs_sealed_list */
	return hs_io_list(dir->fd, look_at_sealed, &l) < 0 || hs_io_list(dir->fd, look_at_sealed, &l) < 0 ? HS_E_IO
	                                                                                                  : HS_OK;
}

/* --- copying ---------------------------------------------------------------- */

struct copy {
	struct hs_rewrite_copy kept;
	struct hs_buf torn;
	struct hs_json json;
};

static void put_torn(struct copy *c, struct hs_slice line)
{
	if (c->torn.n + line.n < TORN_MAX) {
		hs_buf_put_slice(&c->torn, line);
		hs_buf_putc(&c->torn, '\n');
	}
}

static enum hs_result copy_lines(struct copy *c, struct hs_line_reader *lines)
{
	enum hs_result result = HS_OK;
	struct hs_slice line;
	int more = 1;

	while (result == HS_OK && (more = hs_line_reader_next(lines, &line)) > 0) {
		result = hs_line_check(&c->json, line);
		if (result == HS_OK && more == 1) {
			result = hs_rewrite_copy_keep(&c->kept, line, true);
		} else if (result != HS_E_MEMORY) {
			put_torn(c, line);
			result = HS_OK;
		}
	}
	if (result != HS_OK)
		return result;
	return more < 0 ? HS_E_IO : hs_file_writer_end(&c->kept.writer);
}

/* Collects what comes after the part to be kept: a fragment, or lines that were never acknowledged. */
static void collect_rest(struct copy *c, struct hs_line_reader *lines, const struct hs_aside *aside)
{
	struct hs_slice line;

	hs_line_reader_start(lines, lines->fd, aside->keep, aside->keep + TORN_MAX);
	while (hs_line_reader_next(lines, &line) > 0)
		put_torn(c, line);
}

/* Keeps the torn text for a person to look at. It was never acknowledged, so a failure is only logged. */
static void keep_torn(const struct hs_spool_dir *dir, const struct hs_buf *torn)
{
	int fd;

	if (torn->n == 0)
		return;
	hs_io_unlink(dir->private_dir, "torn");
	fd = hs_io_make(dir->private_dir, "torn", 0600);
	if (fd < 0 || hs_io_write_at(fd, torn->p, torn->n, 0) < 0)
		hs_log(HS_LOG_WARN, "torn text could not be kept: %s", strerror(errno));
	if (fd >= 0)
		hs_io_close(fd);
}

/* Copies the lines from the open reader, and publishes the copy unless it is empty. */
static enum hs_result copy_opened(const struct hs_spool_dir *dir, const struct hs_aside *aside,
                                  struct hs_line_reader *lines, const char *name, struct copy *c)
{
	enum hs_result result = copy_lines(c, lines);
	uint64_t bytes = c->kept.writer.bytes;

	if (result == HS_OK && bytes > 0)
		result = hs_rewrite_copy_publish(&c->kept, dir->fd, name);
	if (result != HS_OK)
		return result;
	if (bytes > 0)
		hs_log(HS_LOG_WARN, "a segment was set aside; %" PRIu64 " bytes of whole lines are in %s", bytes, name);
	collect_rest(c, lines, aside);
	keep_torn(dir, &c->torn);
	return HS_OK;
}

static enum hs_result copy_aside(const struct hs_spool_dir *dir, const char *stream, const struct hs_aside *aside,
                                 int from, bool *sealed)
{
	struct hs_sealed to = { .number = aside->number, .sealed_ms = aside->sealed_ms };
	char name[HS_SEALED_NAME], temporary[HS_SEALED_NAME];
	struct hs_line_reader lines = { 0 };
	struct copy c = { 0 };
	enum hs_result result;

	copy_name(stream, temporary);
	hs_sealed_print(stream, &to, name);
	result = hs_rewrite_copy_begin(&c.kept, dir, temporary, HS_FILE_WRITER_PLAIN);
	hs_line_reader_start(&lines, from, 0, aside->keep);
	if (result == HS_OK)
		result = copy_opened(dir, aside, &lines, name, &c);
	*sealed = result == HS_OK && c.kept.writer.bytes > 0;
	hs_line_reader_free(&lines);
	hs_rewrite_copy_drop(&c.kept);
	hs_buf_free(&c.torn);
	hs_json_free(&c.json);
	return result;
}

enum hs_result hs_recovery_finish(const struct hs_spool_dir *dir, const char *stream, const struct hs_aside *aside,
                                  bool *sealed)
{
	char name[HS_SEALED_NAME];
	enum hs_result result = HS_OK;
	int fd;

	hs_recovery_name(stream, aside, name);
	*sealed = aside->sealed;
	if (!aside->sealed) {
		fd = hs_io_open_read(dir->private_dir, name);
		if (fd < 0)
			return hs_io_result(errno);
		result = copy_aside(dir, stream, aside, fd, sealed);
		hs_io_close(fd);
	} else if (hs_io_sync_dir(dir->fd) < 0) { /* the copy's name, before the original goes */
		result = hs_io_result(errno);
	}
	if (result == HS_OK && hs_io_unlink(dir->private_dir, name) < 0)
		result = hs_io_result(errno);
	return result;
}

enum hs_result hs_recovery_scan(int fd, uint64_t from, uint64_t to, uint64_t *whole)
{
	struct hs_line_reader lines = { 0 };
	struct hs_json json = { 0 };
	struct hs_slice line;
	enum hs_result result = HS_OK;
	int more;

	*whole = from;
	hs_line_reader_start(&lines, fd, from, to);
	while ((more = hs_line_reader_next(&lines, &line)) == 1) {
		result = hs_line_check(&json, line);
		if (result != HS_OK)
			break;
		*whole = lines.at;
	}
	hs_line_reader_free(&lines);
	hs_json_free(&json);
	if (more < 0)
		return HS_E_IO;
	return result == HS_E_MEMORY ? result : HS_OK;
}
