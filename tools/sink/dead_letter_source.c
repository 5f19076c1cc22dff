#include "tools/sink/dead_letter_source.h"
#include "base/array.h"
#include "base/io.h"
#include "event/record_fields.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

enum hs_result hs_dead_letter_source_open(struct hs_dead_letter_source *l, const struct hs_spool_dir *dir,
                                          const char *cursor, uint64_t seed)
{
	struct stat st;

	*l = (struct hs_dead_letter_source){ .dir = dir, .cursor = cursor, .seed = seed, .fd = -1, .now = -1 };
	l->lock = hs_io_open_or_make(dir->run_dir, "failed.retry", 0600);
	if (l->lock < 0)
		return hs_io_result(errno);
	if (hs_io_lock(l->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? HS_E_LOCKED : HS_E_IO;
	l->fd = hs_io_open_read(dir->fd, "failed.jsonl");
	l->now = l->fd;
	l->at_end = l->fd < 0;
	if (l->fd < 0)
		return errno == ENOENT ? HS_OK : hs_modes_result("failed.jsonl", errno);
	if (hs_io_fstat(l->fd, &st) < 0)
		return HS_E_IO;
	hs_line_reader_start(&l->lines, l->fd, 0, (uint64_t)st.st_size);
	return HS_OK;
}

/* `now` becomes this one. */
static void keep(struct hs_dead_letter_source *l, int fd)
{
	if (l->now >= 0 && l->now != l->fd)
		hs_io_close(l->now);
	l->now = fd;
}

void hs_dead_letter_source_close(struct hs_dead_letter_source *l)
{
	keep(l, l->fd);
	if (l->fd >= 0)
		hs_line_reader_free(&l->lines);
	if (l->fd >= 0)
		hs_io_close(l->fd);
	free(l->there);
	if (l->lock >= 0)
		hs_io_close(l->lock);
	hs_buf_free(&l->scratch);
	free(l->hash);
}

/* Reads what precedes the record in its line: the cursor and the tries. */
static bool is_ours(struct hs_dead_letter_source *l, struct hs_slice line, unsigned *tries)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	bool ours = false;

	*tries = 0;
	while (hs_record_field_next(&walk, &field) && !hs_slice_eq(field.name, HS_SLICE("record")))
		if (hs_slice_eq(field.name, HS_SLICE("cursor")))
			ours = hs_record_field_is(&field, hs_slice_str(l->cursor), &l->scratch);
		else if (hs_slice_eq(field.name, HS_SLICE("tries")))
			for (size_t i = 0; i < field.value.n && i < 8; i++)
				*tries = *tries * 10 + (unsigned)(field.value.p[i] - '0') % 10;
	return ours;
}

/* A damaged line stays in the file, for a person to look at. */
enum hs_result hs_dead_letter_source_next(struct hs_dead_letter_source *l, struct hs_slice *record, unsigned *tries)
{
	struct hs_slice line;
	int more = 0;

	*record = HS_SLICE_NONE;
	while (!l->at_end && (more = hs_line_reader_next(&l->lines, &line)) == 1) {
		if (!is_ours(l, line, tries))
			continue;
		*record = hs_dead_letters_record(line);
		if (record->n == 0)
			continue;
		if (!HS_ARRAY_ROOM(&l->hash, l->count, &l->cap))
			return HS_E_MEMORY;
		l->hash[l->count] = hs_dead_letters_hash(line, l->seed);
		return HS_OK;
	}
	l->at_end = true;
	return more < 0 ? HS_E_IO : HS_OK;
}

struct hs_position hs_dead_letter_source_take(struct hs_dead_letter_source *l)
{
	return (struct hs_position){ .number = 1, .offset = l->count++ };
}

void hs_dead_letter_source_put_back(struct hs_dead_letter_source *l)
{
	l->count--;
}

/* --- what others have removed ------------------------------------------------------- */

void hs_dead_letter_source_look_again(struct hs_dead_letter_source *l)
{
	l->looked = false;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static enum hs_result read_hashes(struct hs_dead_letter_source *l, int fd)
{
	struct hs_line_reader lines = { .fd = -1 };
	struct hs_slice line;
	enum hs_result result = HS_OK;
	int more = 0;

	l->there_count = 0;
	hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
	while (result == HS_OK && (more = hs_line_reader_next(&lines, &line)) == 1)
		if (HS_ARRAY_ROOM(&l->there, l->there_count, &l->there_cap))
			l->there[l->there_count++] = hs_dead_letters_hash(line, l->seed);
		else
			result = HS_E_MEMORY;
	hs_line_reader_free(&lines);
	if (l->there_count > 0)
		qsort(l->there, l->there_count, sizeof *l->there, ascending);
	return more < 0 ? HS_E_IO : result;
}

/* Lines are removed by a new file in the old one's place; those that are appended are no concern of ours. */
static enum hs_result look(struct hs_dead_letter_source *l)
{
	int fd = hs_io_open_read(l->dir->fd, "failed.jsonl");
	struct stat st, known;
	enum hs_result result;

	if (fd < 0 && errno != ENOENT)
		return hs_modes_result("failed.jsonl", errno);
	if (fd < 0) {
		l->there_count = 0;
		keep(l, -1);
		return HS_OK;
	}
	result = hs_io_fstat(fd, &st) < 0 || (l->now >= 0 && hs_io_fstat(l->now, &known) < 0) ? HS_E_IO : HS_OK;
	if (result == HS_OK && l->now >= 0 && st.st_ino == known.st_ino) {
		hs_io_close(fd);
		return HS_OK;
	}
	if (result == HS_OK)
		result = read_hashes(l, fd);
	if (result == HS_OK)
		keep(l, fd);
	else
		hs_io_close(fd);
	return result;
}

enum hs_result hs_dead_letter_source_is_gone(struct hs_dead_letter_source *l, struct hs_position position, bool *gone)
{
	uint64_t hash = l->hash[position.offset];
	enum hs_result result = l->looked ? HS_OK : look(l);
	size_t i;

	*gone = false;
	l->looked = result == HS_OK;
	if (result != HS_OK || (l->now >= 0 && l->now == l->fd))
		return result;
	i = hs_array_from(l->there, l->there_count, sizeof *l->there, hash);
	*gone = i == l->there_count || l->there[i] != hash;
	return HS_OK;
}

/* --- what is settled ---------------------------------------------------------------- */

/* Lists the settled lines. Open items are in the order in which they were taken. */
static size_t find_settled(struct hs_dead_letter_source *l, const struct hs_ack_tracker *open,
                           struct hs_dead_letters_line *lines)
{
	const struct hs_item *item = open->first;
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (item != NULL && item->before.offset == i)
			item = item->later;
		else if (l->hash[i] != 0)
			lines[count++].hash = l->hash[i];
	}
	return count;
}

static void forget(struct hs_dead_letter_source *l, const struct hs_ack_tracker *open)
{
	const struct hs_item *item = open->first;

	for (size_t i = 0; i < l->count; i++) {
		if (item != NULL && item->before.offset == i)
			item = item->later;
		else
			l->hash[i] = 0;
	}
}

enum hs_result hs_dead_letter_source_save(struct hs_dead_letter_source *l, const struct hs_ack_tracker *open)
{
	struct hs_dead_letters_line *lines = calloc(l->count + 1, sizeof *lines);
	enum hs_result result = HS_OK;
	size_t count;

	if (lines == NULL)
		return HS_E_MEMORY;
	count = find_settled(l, open, lines);
	if (count > 0)
		result = hs_dead_letters_drop(l->dir, lines, count, l->seed);
	if (result == HS_OK)
		forget(l, open);
	free(lines);
	return result;
}
