#include "spool/file/segment_list.h"
#include "base/array.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/file/gzip.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hs_sealed_print(const char *stream, const struct hs_sealed *sealed, char out[static HS_SEALED_NAME])
{
	char stamp[HS_TIMESTAMP_STAMP + 1];

	hs_timestamp_compact(sealed->sealed_ms, stamp);
	snprintf(out, HS_SEALED_NAME, "%s-%s-%06" PRIu64 ".jsonl%s", stream, stamp,
	         sealed->moved ? sealed->named : sealed->number, sealed->gzip ? ".gz" : "");
}

/* 20261123T101500.123Z as the text that hs_timestamp_parse reads. */
static bool parse_stamp(const char *p, int64_t *ms)
{
	char text[HS_TIMESTAMP_TEXT + 1];

	if (strlen(p) < HS_TIMESTAMP_STAMP)
		return false;
	snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.5s", p, p + 4, p + 6, p + 9, p + 11, p + 13,
	         p + 15);
	return hs_timestamp_parse(hs_slice_str(text), ms);
}

bool hs_sealed_parse(const char *stream, const char *name, struct hs_sealed *sealed)
{
	size_t prefix = strlen(stream), n = strlen(name);
	char again[HS_SEALED_NAME];
	const char *p = name + prefix + 1;

	memset(sealed, 0, sizeof *sealed);
	if (strncmp(name, stream, prefix) != 0 || name[prefix] != '-' || !parse_stamp(p, &sealed->sealed_ms) ||
	    sscanf(p + HS_TIMESTAMP_STAMP, "-%" SCNu64 ".jsonl", &sealed->number) != 1 ||
	    sealed->number > HS_SEALED_NUMBER_MOST)
		return false;
	sealed->gzip = strcmp(name + n - 3, ".gz") == 0;
	hs_sealed_print(stream, sealed, again);
	return strcmp(name, again) == 0;
}

/* --- numbers that differ from those in the names ------------------------------ */

enum { ENTRY_MAX = 160 /* bytes of a line */ };
static const char NUMBERS[] = "numbers", NUMBERS_FROM_ABOVE[] = ".hookspool/numbers";

/* The segments of a stream that are read under another number: `number` in place of `named`. */
struct numbers {
	const char *stream;
	struct hs_sealed *map;
	size_t count, cap;
	struct hs_sealed *last; /* of the line before; NULL: it was another one … */
	uint32_t check;         /* … and its check sum */
};

static struct hs_sealed *find_number(const struct numbers *n, uint64_t named, int64_t sealed_ms)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->map[i].named == named && n->map[i].sealed_ms == sealed_ms)
			return &n->map[i];
	return NULL;
}

/* If the line before does not fit its check sum, its number is not known: the segment gets one above all others. */
static bool take_check(struct numbers *n, const char *text)
{
	uint32_t check;
	int end = 0;

	if (sscanf(text, "{\"check\":\"%8" SCNx32 "\"}%n", &check, &end) != 1 || end == 0)
		return false;
	if (n->last != NULL && n->check != check)
		n->last->number = HS_SEALED_LATER;
	n->last = NULL;
	return true;
}

static bool take_line(struct numbers *n, struct hs_slice line)
{
	char text[ENTRY_MAX], file[HS_SEALED_NAME];
	struct hs_sealed sealed, *known;
	uint64_t number;
	int end = 0;

	snprintf(text, sizeof text, "%.*s", (int)(line.n < sizeof text ? line.n : sizeof text - 1), line.p);
	if (take_check(n, text))
		return true;
	n->last = NULL;
	if (sscanf(text, "{\"file\":\"%79[^\"]\",\"number\":%" SCNu64 "}%n", file, &number, &end) != 2 || end == 0 ||
	    !hs_sealed_parse(n->stream, file, &sealed))
		return true; /* another stream's, or a fragment that a kill has left */
	known = find_number(n, sealed.number, sealed.sealed_ms);
	if (known == NULL && !HS_ARRAY_ROOM(&n->map, n->count, &n->cap))
		return false;
	if (known == NULL)
		known = &n->map[n->count++];
	*known = (struct hs_sealed){ number, sealed.sealed_ms, false, true, sealed.number };
	n->last = known;
	n->check = hs_crc32(0, line);
	return true;
}

static enum hs_result read_numbers(int dir, struct numbers *n)
{
	int fd = hs_io_open_read(dir, NUMBERS_FROM_ABOVE), more;
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	enum hs_result result = HS_OK;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
	while (result == HS_OK && (more = hs_line_reader_next(&lines, &line)) > 0)
		if (more == 1 && !take_line(n, line))
			result = HS_E_MEMORY;
	if (result == HS_OK && more < 0)
		result = HS_E_IO;
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return result;
}

enum hs_result hs_sealed_renumber(int private_dir, const char *stream, const struct hs_sealed *sealed, uint64_t number,
                                  mode_t mode)
{
	struct hs_sealed plain = *sealed;
	char file[HS_SEALED_NAME], line[ENTRY_MAX], text[ENTRY_MAX + sizeof "\n\n{\"check\":\"12345678\"}\n"];
	int fd = hs_io_open_or_make(private_dir, NUMBERS, mode);
	enum hs_result result = HS_OK;
	struct stat st;

	if (fd < 0)
		return hs_io_result(errno);
	plain.gzip = false;
	hs_sealed_print(stream, &plain, file);
	/* the newline in front ends a fragment that a kill may have left */
	snprintf(line, sizeof line, "{\"file\":\"%s\",\"number\":%" PRIu64 "}", file, number);
	snprintf(text, sizeof text, "\n%s\n{\"check\":\"%08" PRIx32 "\"}\n", line, hs_crc32(0, hs_slice_str(line)));
	if (hs_io_fstat(fd, &st) < 0)
		result = HS_E_IO;
	else if (hs_io_write_at(fd, text, strlen(text), (uint64_t)st.st_size) < 0)
		result = hs_io_result(errno);
	else if (hs_io_sync_data(fd) < 0)
		result = HS_E_SYNC;
	if (result != HS_OK && result != HS_E_IO)
		hs_io_truncate(fd, (uint64_t)st.st_size);
	hs_io_close(fd);
	return result == HS_OK && hs_io_sync_dir(private_dir) < 0 ? HS_E_IO : result;
}

/* --- listing ---------------------------------------------------------------- */

struct collect {
	const char *stream;
	const struct numbers *numbers;
	struct hs_sealed *list;
	size_t count, cap;
	bool failed;
};

static void renumber(const struct numbers *n, struct hs_sealed *sealed)
{
	const struct hs_sealed *other = find_number(n, sealed->number, sealed->sealed_ms);

	if (other == NULL || other->number == sealed->number)
		return;
	sealed->moved = true;
	sealed->named = sealed->number;
	sealed->number = other->number;
}

static bool collect(void *context, const char *name, bool plain)
{
	struct collect *c = context;
	struct hs_sealed sealed;

	if (!plain || !hs_sealed_parse(c->stream, name, &sealed))
		return true;
	renumber(c->numbers, &sealed);
	c->failed = !HS_ARRAY_ROOM(&c->list, c->count, &c->cap);
	if (!c->failed)
		c->list[c->count++] = sealed;
	return !c->failed;
}

static int by_number(const void *a, const void *b)
{
	const struct hs_sealed *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->sealed_ms != y->sealed_ms)
		return x->sealed_ms < y->sealed_ms ? -1 : 1;
	if (x->named != y->named)
		return x->named < y->named ? -1 : 1;
	if (x->moved != y->moved)
		return (int)x->moved - (int)y->moved;
	return (int)x->gzip - (int)y->gzip;
}

bool hs_sealed_same(const struct hs_sealed *a, const struct hs_sealed *b)
{
	return a->number == b->number && a->sealed_ms == b->sealed_ms && a->named == b->named && a->moved == b->moved;
}

static void drop_same(struct collect *c)
{
	size_t kept = 1;

	for (size_t i = 1; i < c->count; i++)
		if (by_number(&c->list[i], &c->list[kept - 1]) != 0)
			c->list[kept++] = c->list[i];
	c->count = kept;
}

/* True if the plain file was written to after its .gz: gunzip is at work, or was killed, and the .gz is whole. */
static bool is_being_unpacked(int dir, const char *stream, const struct hs_sealed *plain, const struct hs_sealed *gz)
{
	char name[HS_SEALED_NAME];
	struct stat of_plain, of_gz;

	hs_sealed_print(stream, plain, name);
	if (hs_io_stat(dir, name, &of_plain) < 0)
		return false;
	hs_sealed_print(stream, gz, name);
	if (hs_io_stat(dir, name, &of_gz) < 0)
		return false;
	return of_plain.st_mtim.tv_sec != of_gz.st_mtim.tv_sec ? of_plain.st_mtim.tv_sec > of_gz.st_mtim.tv_sec
	                                                       : of_plain.st_mtim.tv_nsec > of_gz.st_mtim.tv_nsec;
}

static void drop_unpacked(int dir, struct collect *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++)
		if (i + 1 == c->count || !hs_sealed_same(&c->list[i], &c->list[i + 1]) ||
		    !is_being_unpacked(dir, c->stream, &c->list[i], &c->list[i + 1]))
			c->list[kept++] = c->list[i];
	c->count = kept;
}

static enum hs_result list_names(int dir, struct collect *c)
{
	/*
	 * Lists twice: a reader of a large directory may pass the place of a .gz before that is made,
	 * and reach the place of the plain file after that is gone (readdir(3)). The second time it
	 * finds one of them.
	 */
	if (hs_io_list_kinds(dir, collect, c) < 0 || hs_io_list_kinds(dir, collect, c) < 0)
		return HS_E_IO;
	return c->failed ? HS_E_MEMORY : HS_OK;
}

enum hs_result hs_sealed_list_all(int dir, const char *stream, struct hs_sealed **list, size_t *count)
{
	struct numbers numbers = { .stream = stream };
	struct collect c = { .stream = stream, .numbers = &numbers };
	enum hs_result result = read_numbers(dir, &numbers);

	if (result == HS_OK)
		result = list_names(dir, &c);
	if (result != HS_OK) {
		free(c.list);
		c.list = NULL;
		c.count = 0;
	} else if (c.count > 0) {
		qsort(c.list, c.count, sizeof *c.list, by_number);
		drop_same(&c);
		drop_unpacked(dir, &c);
	}
	free(numbers.map);
	*list = c.list;
	*count = c.count;
	return result;
}

enum hs_result hs_sealed_list(int dir, const char *stream, struct hs_sealed **list, size_t *count)
{
	enum hs_result result = hs_sealed_list_all(dir, stream, list, count);

	while (*count > 0 && (*list)[*count - 1].number == HS_SEALED_LATER)
		--*count;
	return result;
}

struct strange {
	const char *stream;
	void (*each)(void *context, const char *name);
	void *context;
};

static bool look_for_strange(void *context, const char *name, bool plain)
{
	struct strange *s = context;
	struct hs_sealed sealed;

	if (!plain && hs_sealed_parse(s->stream, name, &sealed))
		s->each(s->context, name);
	return true;
}

enum hs_result hs_sealed_strange(int dir, const char *stream, void (*each)(void *context, const char *name),
                                 void *context)
{
	struct strange s = { stream, each, context };

	return hs_io_list_kinds(dir, look_for_strange, &s) < 0 ? HS_E_IO : HS_OK;
}

/* --- reading ---------------------------------------------------------------- */

/* The name of the other form of the segment, which becomes its form: a person may have compressed or unpacked it. */
static void turn(const char *stream, struct hs_sealed *sealed, char name[static HS_SEALED_NAME])
{
	sealed->gzip = !sealed->gzip;
	hs_sealed_print(stream, sealed, name);
}

int hs_sealed_open(int dir, const char *stream, struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];
	int fd;

	hs_sealed_print(stream, sealed, name);
	fd = hs_io_open_plain(dir, name);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	turn(stream, sealed, name);
	return hs_io_open_plain(dir, name);
}

int hs_sealed_stat(int dir, const char *stream, struct hs_sealed *sealed, struct stat *st)
{
	char name[HS_SEALED_NAME];
	int found;

	hs_sealed_print(stream, sealed, name);
	found = hs_io_stat(dir, name, st);
	if (found < 0 && errno == ENOENT) {
		turn(stream, sealed, name);
		found = hs_io_stat(dir, name, st);
	}
	if (found < 0 || S_ISREG(st->st_mode))
		return found;
	errno = HS_IO_NOT_PLAIN;
	return -1;
}

bool hs_sealed_is_unchanged(const struct stat *read, const struct stat *now)
{
	return now->st_ino == read->st_ino && now->st_size == read->st_size &&
	       now->st_mtim.tv_sec == read->st_mtim.tv_sec && now->st_mtim.tv_nsec == read->st_mtim.tv_nsec;
}

int hs_sealed_lines(struct hs_line_reader *reader, int dir, const char *stream, struct hs_sealed *sealed)
{
	int fd = hs_sealed_open(dir, stream, sealed);

	if (fd < 0 || hs_line_reader_start_file(reader, fd, sealed->gzip, 0, UINT64_MAX) == HS_OK)
		return fd;
	hs_io_close(fd);
	errno = ENOMEM;
	return -1;
}

/* --- deleting --------------------------------------------------------------- */

uint64_t hs_sealed_bytes(int dir, const char *stream, const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(stream, sealed, name);
	return hs_io_stat(dir, name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

enum hs_result hs_sealed_delete(int dir, const char *stream, const struct hs_sealed *sealed, uint64_t *deleted)
{
	char name[HS_SEALED_NAME];

	hs_sealed_print(stream, sealed, name);
	if (hs_io_unlink(dir, name) < 0 && errno != ENOENT)
		return hs_io_result(errno);
	++*deleted;
	return HS_OK;
}

enum hs_result hs_sealed_cap(int dir, const char *stream, uint64_t open_bytes, uint64_t most, uint64_t keep,
                             uint64_t *deleted)
{
	struct hs_sealed *list;
	size_t count;
	uint64_t sum = open_bytes;
	enum hs_result result = hs_sealed_list(dir, stream, &list, &count);

	for (size_t i = 0; i < count; i++)
		sum += hs_sealed_bytes(dir, stream, &list[i]);
	for (size_t i = 0; i < count && result == HS_OK && sum > most && list[i].number < keep; i++) {
		sum -= hs_sealed_bytes(dir, stream, &list[i]);
		result = hs_sealed_delete(dir, stream, &list[i], deleted);
	}
	free(list);
	return result;
}
