#include "spool/admin/open_copy.h"
#include "base/array.h"
#include "base/digest.h"
#include "base/io.h"
#include "event/dedup_key.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/suppression_list.h"
#include "spool/admin/verify.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/line_reader.h"
#include "spool/position/rewrite_copy.h"
#include "spool/shared/clock.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	AT_ONCE = 1 << 19,                 /* lines that are compared with the sealed segments together */
	BEFORE_MS = HS_CLOCK_OFF_S * 1000, /* a sealed segment's stamp and a line's time may differ by this */
};

struct line_id {
	struct hs_dedup_key key;
	int64_t ms; /* when it was spooled; 0: not known */
};

struct entry {
	struct line_id id;
	uint64_t line; /* of the open copy, from 0 */
};

struct look {
	const struct hs_spool_dir *dir;
	struct hs_open_copy *copy;
	bool events;               /* the lines are events, or … */
	bool letters;              /* … have one as their record */
	char name[HS_SEALED_NAME]; /* of the open segment */
	int64_t window_ms;
	struct entry *list; /* lines of the open copy, by key */
	size_t count, cap, bit_cap;
	int64_t first_ms;                       /* the least time among them; INT64_MAX: none */
	uint64_t same_to;                       /* every line before this one is in a sealed segment, or was; 0: none */
	int64_t same_ms;                        /* the greatest time in those segments */
	bool same;                              /* the current sealed segment is one of them */
	struct hs_suppression_list *suppressed; /* NULL: nobody */
	struct hs_line_reader lines, sealed_lines;
	struct hs_dedup_key_maker key_maker;
	struct hs_json json;
};

/* --- lines ------------------------------------------------------------------------------- */

static bool must_go(const struct hs_open_copy *c, uint64_t line)
{
	return (c->bit[line / 8] >> line % 8 & 1) != 0;
}

static void mark(struct hs_open_copy *c, uint64_t line)
{
	c->gone += !must_go(c, line);
	c->bit[line / 8] |= (uint8_t)(1U << line % 8);
}

/* The id of a line, if it has one, and its time. HS_OK or HS_E_MEMORY. */
static enum hs_result identify(struct look *l, struct hs_slice line, struct line_id *id, bool *known)
{
	uint8_t hash[HS_SHA256_BYTES];
	enum hs_result r;

	*known = false;
	id->ms = 0;
	if (l->events || l->letters) {
		r = hs_dedup_key_of_line(&l->key_maker, &l->json, line, known, &id->key, &id->ms);
		return r == HS_E_MEMORY ? r : HS_OK;
	}
	if (!hs_sha256(line, hash))
		return HS_E_MEMORY;
	memcpy(id->key.bytes, hash, sizeof id->key.bytes);
	*known = true;
	return HS_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *p = a, *q = b;

	return memcmp(p->id.key.bytes, q->id.key.bytes, HS_DEDUP_KEY_BYTES);
}

/* The first line with this key, or NULL. */
static const struct entry *find(const struct look *l, const struct hs_dedup_key *key)
{
	size_t from = 0, to = l->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (memcmp(l->list[middle].id.key.bytes, key->bytes, HS_DEDUP_KEY_BYTES) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < l->count && memcmp(l->list[from].id.key.bytes, key->bytes, HS_DEDUP_KEY_BYTES) == 0
	           ? &l->list[from]
	           : NULL;
}

static const struct entry *next(const struct look *l, const struct entry *e)
{
	const struct entry *after = e + 1;

	return after < l->list + l->count && by_key(after, e) == 0 ? after : NULL;
}

/* --- the open copy -------------------------------------------------------------------------- */

static enum hs_result look_at_person(struct look *l, struct hs_slice line, uint64_t number)
{
	bool found = false;
	enum hs_result r = l->suppressed != NULL ? hs_suppression_list_find(l->suppressed, line, &found) : HS_OK;

	if (r == HS_OK && found)
		mark(l->copy, number);
	return r;
}

static enum hs_result add_line(struct look *l, struct hs_slice line)
{
	struct hs_open_copy *c = l->copy;
	struct entry e = { .line = c->lines };
	bool known = false;
	enum hs_result r = HS_OK;

	line = l->letters ? hs_dead_letters_record(line) : line;
	if (!HS_ARRAY_ROOM(&c->bit, (size_t)(c->lines / 8), &l->bit_cap) || !HS_ARRAY_ROOM(&l->list, l->count, &l->cap))
		return HS_E_MEMORY;
	if (c->lines % 8 == 0)
		c->bit[c->lines / 8] = 0;
	if (line.n > 0)
		r = identify(l, line, &e.id, &known);
	if (r == HS_OK && line.n > 0)
		r = look_at_person(l, line, c->lines);
	if (known && e.id.ms < l->first_ms)
		l->first_ms = e.id.ms;
	if (known)
		l->list[l->count++] = e;
	c->lines++;
	return r;
}

/* Reads the next lines of the open copy, at most AT_ONCE; sorts them by key. */
static enum hs_result read_some(struct look *l)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 1;

	l->count = 0;
	l->first_ms = INT64_MAX;
	while (r == HS_OK && l->count < AT_ONCE && (more = hs_line_reader_next(&l->lines, &line)) == 1)
		r = add_line(l, line);
	if (r == HS_OK && more < 0)
		r = hs_io_result(errno);
	if (r == HS_OK && l->count > 0)
		qsort(l->list, l->count, sizeof *l->list, by_key);
	return r;
}

/* --- the sealed segments ---------------------------------------------------------------------- */

static enum hs_result compare_line(struct look *l, struct hs_slice line, int64_t *ms)
{
	struct line_id id;
	bool known;
	enum hs_result r = identify(l, line, &id, &known);

	*ms = id.ms;
	if (r != HS_OK || !known)
		return r;
	for (const struct entry *e = find(l, &id.key); e != NULL; e = next(l, e)) {
		bool same = id.ms == e->id.ms && (id.ms > 0 || !l->events);

		if (same || llabs(id.ms - e->id.ms) <= l->window_ms)
			mark(l->copy, e->line);
		if (same && e->line >= l->same_to)
			l->same_to = e->line + 1;
		l->same |= same;
	}
	return HS_OK;
}

static enum hs_result compare_segment(struct look *l, struct hs_sealed *sealed)
{
	int fd = hs_sealed_lines(&l->sealed_lines, l->dir->fd, l->copy->stream, sealed), more = 0;
	struct hs_slice line;
	int64_t ms, last_ms = 0;
	enum hs_result r = HS_OK;

	if (fd < 0)
		return errno == ENOENT || errno == HS_IO_NOT_PLAIN ? HS_OK : hs_io_result(errno);
	l->same = false;
	while (r == HS_OK && (more = hs_line_reader_next(&l->sealed_lines, &line)) > 0) {
		r = compare_line(l, line, &ms);
		if (ms > last_ms)
			last_ms = ms;
	}
	if (r == HS_OK && more < 0 && errno != EILSEQ)
		r = hs_io_result(errno);
	hs_io_close(fd);
	if (l->same && last_ms > l->same_ms)
		l->same_ms = last_ms;
	return r;
}

/* Compares the lines that were read with all segments that may have them. */
static enum hs_result compare_segments(struct look *l)
{
	struct hs_sealed *list;
	size_t count;
	struct hs_ages ages;
	int64_t before = l->first_ms - BEFORE_MS;
	enum hs_result r = hs_sealed_list_all(l->dir->fd, l->copy->stream, &list, &count);

	if (r != HS_OK)
		return r;
	r = hs_ages_init(&ages, l->dir, l->copy->stream, list, count);
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (hs_ages_sealed_ms(&ages, i, before) >= before)
			r = compare_segment(l, &list[i]);
	hs_ages_free(&ages);
	free(list);
	return r;
}

/* A dead letter is of the very event that was erased, or of a later one with its id. */
static bool compare_erased(void *context, const struct hs_tombstone *erased)
{
	struct look *l = context;
	int64_t erased_ms = (int64_t)erased->spooled_s * 1000;

	for (const struct entry *e = find(l, &erased->id); e != NULL; e = next(l, e)) {
		int64_t ms = e->id.ms - e->id.ms % 1000;

		if (l->letters ? erased_ms == ms : erased_ms >= ms - l->window_ms)
			mark(l->copy, e->line);
	}
	return true;
}

static enum hs_result compare(struct look *l)
{
	uint64_t known = 0;
	enum hs_result r = l->letters ? HS_OK : compare_segments(l);

	if (r == HS_OK && (l->events || l->letters))
		r = hs_tombstones_each(l->dir->private_dir, &known, compare_erased, l);
	return r;
}

/* --- all of it ---------------------------------------------------------------------------------- */

/* Decides about lines that are neither in a sealed segment nor known to be erased, if one has others of them. */
static enum hs_result judge_rest(struct look *l, int fd)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;

	for (uint64_t i = 0; i < l->same_to; i++)
		mark(l->copy, i);
	hs_line_reader_start(&l->lines, fd, 0, UINT64_MAX);
	for (uint64_t i = 0; i < l->copy->lines && r == HS_OK && l->same_to > 0; i++) {
		struct line_id id;
		bool known;

		if (hs_line_reader_next(&l->lines, &line) != 1)
			return HS_E_IO;
		if (must_go(l->copy, i))
			continue;
		r = identify(l, line, &id, &known);
		l->copy->doubtful += r == HS_OK && id.ms > 0 && id.ms <= l->same_ms;
	}
	return r;
}

static enum hs_result look(struct look *l)
{
	int fd = hs_line_reader_open(&l->lines, l->dir->fd, l->name, false);
	enum hs_result r = HS_OK;

	if (fd < 0) /* others report what is no plain file */
		return errno == ENOENT || errno == HS_IO_NOT_PLAIN ? HS_OK : hs_modes_result(l->name, errno);
	do {
		r = read_some(l);
		if (r == HS_OK && l->count > 0)
			r = compare(l);
	} while (r == HS_OK && l->count == AT_ONCE);
	if (r == HS_OK)
		r = judge_rest(l, fd);
	hs_io_close(fd);
	return r;
}

/* Reads the list of suppressed people. A lost one is reported elsewhere. */
static enum hs_result begin_people(struct look *l, struct hs_suppression_list *list)
{
	bool active = false;
	enum hs_result r = list == NULL ? HS_E_MEMORY : HS_OK;

	if (r == HS_OK && (l->events || l->letters))
		r = hs_suppression_list_follow(list, &active);
	if (r == HS_E_SUPPRESSED || r == HS_E_SALT || r == HS_E_SPOOL_VERSION)
		r = HS_OK;
	l->suppressed = r == HS_OK && active ? list : NULL;
	return r;
}

static void print_name(const char *stream, char name[static HS_SEALED_NAME])
{
	snprintf(name, HS_SEALED_NAME, "%s.jsonl", stream);
}

enum hs_result hs_open_copy_look(const struct hs_spool_dir *dir, const char *stream, struct hs_open_copy *c)
{
	struct look l = { .dir = dir, .copy = c, .window_ms = dir->settings->dedup_window };
	struct hs_suppression_list *list = hs_suppression_list_new(dir);
	enum hs_result r;

	*c = (struct hs_open_copy){ .stream = stream };
	l.events = strcmp(stream, "events") == 0;
	l.letters = strcmp(stream, "failed") == 0;
	print_name(stream, l.name);
	r = begin_people(&l, list);
	if (r == HS_OK && !hs_dedup_key_maker_init(&l.key_maker))
		r = HS_E_MEMORY;
	if (r == HS_OK)
		r = look(&l);
	hs_dedup_key_maker_free(&l.key_maker);
	hs_json_free(&l.json);
	hs_line_reader_free(&l.lines);
	hs_line_reader_free(&l.sealed_lines);
	hs_suppression_list_free(list);
	free(l.list);
	return r;
}

void hs_open_copy_free(struct hs_open_copy *c)
{
	free(c->bit);
	*c = (struct hs_open_copy){ 0 };
}

/* --- the clean copy ------------------------------------------------------------------------------ */

static enum hs_result keep_lines(const struct hs_open_copy *c, struct hs_line_reader *lines,
                                 struct hs_rewrite_copy *clean)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 1;

	for (uint64_t i = 0; r == HS_OK && (more = hs_line_reader_next(lines, &line)) > 0; i++)
		if (i >= c->lines || !must_go(c, i))
			r = hs_rewrite_copy_keep(clean, line, more == 1);
	if (r == HS_OK && more < 0)
		r = hs_io_result(errno);
	return r == HS_OK ? hs_file_writer_end(&clean->writer) : r;
}

static enum hs_result put_clean(const struct hs_spool_dir *dir, const struct hs_open_copy *c, const char *name)
{
	struct hs_rewrite_copy clean = HS_REWRITE_COPY_NONE;
	struct hs_line_reader lines = { 0 };
	int fd = hs_line_reader_open(&lines, dir->fd, name, false);
	enum hs_result r = fd < 0 ? hs_io_result(errno) : HS_OK;

	if (r == HS_OK) /* a repair's name, which erase removes, too: all of them hold one lock */
		r = hs_rewrite_copy_begin(&clean, dir, HS_VERIFY_COPY, HS_FILE_WRITER_PLAIN);
	if (r == HS_OK)
		r = keep_lines(c, &lines, &clean);
	if (r == HS_OK)
		r = hs_rewrite_copy_publish(&clean, dir->fd, name);
	hs_rewrite_copy_drop(&clean);
	hs_line_reader_free(&lines);
	if (fd >= 0)
		hs_io_close(fd);
	return r;
}

enum hs_result hs_open_copy_clean(const struct hs_spool_dir *dir, const struct hs_open_copy *c)
{
	char name[HS_SEALED_NAME];

	if (c->gone == 0)
		return HS_OK;
	print_name(c->stream, name);
	if (c->gone < c->lines)
		return put_clean(dir, c, name);
	return hs_io_unlink(dir->fd, name) < 0 || hs_io_sync_dir(dir->fd) < 0 ? hs_io_result(errno) : HS_OK;
}
