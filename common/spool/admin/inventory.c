#include "spool/admin/inventory.h"
#include "base/array.h"
#include "base/io.h"
#include "spool/file/line_reader.h"
#include "spool/file/segment_list.h"
#include "spool/shared/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char EVENTS[] = "events", OPEN[] = "events.jsonl";

struct taking {
	struct hs_inventory *inv;
	struct hs_dedup_key_maker identifier;
	struct hs_json json;
	struct hs_line_reader lines;
	int dir;
	int64_t since_ms;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hs_dedup_key));
}

static enum hs_result add(struct hs_inventory *inv, const struct hs_dedup_key *id)
{
	if (!HS_ARRAY_ROOM(&inv->id, inv->count, &inv->cap))
		return HS_E_MEMORY;
	inv->id[inv->count++] = *id;
	return HS_OK;
}

/* Adds the id of a line, if it is a record within the window. */
static enum hs_result take_line(struct taking *t, struct hs_slice line)
{
	struct hs_dedup_key id;
	int64_t spooled_ms;
	bool known;
	enum hs_result r = hs_dedup_key_of_line(&t->identifier, &t->json, line, &known, &id, &spooled_ms);

	if (r == HS_E_MEMORY)
		return r;
	return r == HS_OK && known && spooled_ms >= t->since_ms ? add(t->inv, &id) : HS_OK;
}

/* Adds the ids of a file, up to damage if there is any. A missing file has none. */
static enum hs_result take_lines(struct taking *t, int fd)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 1;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : errno == EACCES ? HS_E_SPOOL_DIR : hs_io_result(errno);
	while (r == HS_OK && (more = hs_line_reader_next(&t->lines, &line)) == 1)
		r = take_line(t, line);
	if (r == HS_OK && more < 0 && errno != EILSEQ)
		r = hs_io_result(errno);
	hs_io_close(fd);
	return r;
}

/* Reads the open segment first: if it is sealed meanwhile it is read twice, not missed. */
static enum hs_result take_all(struct taking *t)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = take_lines(t, hs_line_reader_open(&t->lines, t->dir, OPEN, false));

	if (r == HS_OK)
		r = hs_sealed_list(t->dir, EVENTS, &list, &count);
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (!hs_clock_is_before(t->dir, EVENTS, list, count, i, t->since_ms))
			r = take_lines(t, hs_sealed_lines(&t->lines, t->dir, EVENTS, &list[i]));
	free(list);
	return r;
}

bool hs_inventory_is_needed(const struct hs_settings *settings)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof path, "%s/.hookspool/run/state", settings->spool_dir);
	fd = hs_io_open(AT_FDCWD, path);
	if (fd >= 0)
		hs_io_close(fd);
	return fd < 0;
}

enum hs_result hs_inventory_take(struct hs_inventory *inv, const struct hs_settings *settings)
{
	struct taking t = { .inv = inv, .since_ms = hs_io_now() - settings->dedup_window };
	enum hs_result r = HS_E_MEMORY;

	if (settings->dedup_window == 0)
		return HS_OK;
	t.dir = hs_io_open_dir(AT_FDCWD, settings->spool_dir);
	if (t.dir < 0)
		return errno == ENOENT ? HS_OK : HS_E_SPOOL_DIR;
	hs_json_init(&t.json, hs_io_random());
	if (hs_dedup_key_maker_init(&t.identifier))
		r = take_all(&t);
	if (inv->count > 0)
		qsort(inv->id, inv->count, sizeof *inv->id, compare);
	hs_dedup_key_maker_free(&t.identifier);
	hs_json_free(&t.json);
	hs_line_reader_free(&t.lines);
	hs_io_close(t.dir);
	return r;
}

void hs_inventory_free(struct hs_inventory *inv)
{
	free(inv->id);
	*inv = (struct hs_inventory){ NULL, 0, 0 };
}

bool hs_inventory_has(const struct hs_inventory *inv, const struct hs_dedup_key *id)
{
	return inv->count > 0 && bsearch(id, inv->id, inv->count, sizeof *id, compare) != NULL;
}
