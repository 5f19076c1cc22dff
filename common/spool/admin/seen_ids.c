#include "spool/admin/seen_ids.h"
#include "base/array.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/dedup/tombstones.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK = 1024, /* ids */
	CHUNK_BYTES = CHUNK * sizeof(struct hs_seen_id),
	STEP_CHUNKS = 16,      /* handed to the disk at a time */
	AT_ONCE = 1 << 18,     /* ids in memory at the end, about */
	FAULTS_MOST = 1 << 16, /* sorted together */
};

static enum hs_result scratch_result(int code, int error)
{
	if (code >= 0)
		return HS_OK;
	hs_log(HS_LOG_ERROR, "verify: scratch file: %s", strerror(error));
	return hs_io_result(error);
}

/* --- noting ------------------------------------------------------------------------------ */

static int open_file(struct hs_seen_ids *s)
{
	char name[32];

	snprintf(name, sizeof name, "verify-%ld", (long)getpid()); /* another verify may be running */
	hs_io_unlink(s->dir->run_dir, name);
	s->fd = hs_io_make(s->dir->run_dir, name, 0600);
	return s->fd < 0 ? -1 : hs_io_unlink(s->dir->run_dir, name); /* a kill leaves no file */
}

/* Appends a full chunk of a part to the file. */
static enum hs_result store(struct hs_seen_ids *s, size_t number)
{
	struct hs_seen_part *part = &s->part[number];
	const uint64_t at = (uint64_t)s->chunks * CHUNK_BYTES, step = (uint64_t)STEP_CHUNKS * CHUNK_BYTES;
	int code = 0;

	if (!HS_ARRAY_ROOM(&s->chunk, s->chunks, &s->chunk_cap))
		return HS_E_MEMORY;
	if (s->fd < 0)
		code = open_file(s);
	if (code >= 0)
		code = hs_io_write_at(s->fd, (const char *)part->waiting, CHUNK_BYTES, at);
	s->chunk[s->chunks++] = (uint8_t)number;
	if (code >= 0 && s->chunks % STEP_CHUNKS == 0)
		code = hs_io_write_out(s->fd, at + CHUNK_BYTES - step, step);
	part->stored += part->count;
	part->count = 0;
	return scratch_result(code, errno);
}

static enum hs_result note(struct hs_seen_ids *s, const struct hs_seen_id *id)
{
	size_t number = (size_t)(id->high >> 56);
	struct hs_seen_part *part = &s->part[number];

	if (part->waiting == NULL)
		part->waiting = malloc(CHUNK_BYTES);
	if (part->waiting == NULL)
		return HS_E_MEMORY;
	part->waiting[part->count++] = *id;
	return part->count == CHUNK ? store(s, number) : HS_OK;
}

enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_id_block_entry *id, uint32_t file, uint64_t line)
{
	return note(s, &(struct hs_seen_id){ id->high, id->low, line, file, id->spooled_s });
}

static bool note_erased(void *context, const struct hs_tombstone *e)
{
	struct hs_seen_ids *s = context;
	struct hs_id_block_entry id = hs_id_block_entry(&e->id, e->spooled_s);

	s->result = hs_seen_ids_note(s, &id, 0, 0);
	return s->result == HS_OK;
}

enum hs_result hs_seen_ids_open(struct hs_seen_ids *s, const struct hs_spool_dir *dir)
{
	uint64_t known = 0;
	enum hs_result result;

	s->dir = dir;
	s->fd = -1;
	s->window_s = dir->settings->dedup_window / 1000;
	result = hs_tombstones_each(dir->private_dir, &known, note_erased, s);
	return result == HS_OK ? s->result : result;
}

void hs_seen_ids_close(struct hs_seen_ids *s)
{
	for (size_t i = 0; i < HS_SEEN_PARTS; i++)
		free(s->part[i].waiting);
	free(s->chunk);
	if (s->dir != NULL && s->fd >= 0)
		hs_io_close(s->fd);
	memset(s, 0, sizeof *s);
}

/* --- comparing --------------------------------------------------------------------------- */

struct fault {
	uint64_t line;
	uint32_t file;
	enum hs_id_fault fault;
};

/* Ids that are compared together, and what was found. */
struct comparison {
	struct hs_seen_id *id;
	size_t count, cap;
	unsigned round, rounds; /* ids of a part are divided by their bits after the first byte */
	struct fault *fault;
	size_t faults, fault_cap;
	int64_t window_s;
	const struct hs_seen_check *check;
};

static int in_order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_faults(const void *a, const void *b)
{
	const struct fault *p = a, *q = b;
	int c = in_order(p->file, q->file);

	if (c == 0)
		c = in_order(p->line, q->line);
	return c != 0 ? c : in_order(p->fault, q->fault);
}

/* By id, and in the order of the spool; tombstones come first. */
static int compare_ids(const void *a, const void *b)
{
	const struct hs_seen_id *p = a, *q = b;
	int c = in_order(p->high, q->high);

	if (c == 0)
		c = in_order(p->low, q->low);
	if (c == 0)
		c = in_order(p->file, q->file);
	return c != 0 ? c : in_order(p->line, q->line);
}

static void tell(struct comparison *c)
{
	if (c->faults > 0)
		qsort(c->fault, c->faults, sizeof *c->fault, compare_faults);
	for (size_t i = 0; i < c->faults; i++)
		c->check->tell(c->check->context, c->fault[i].fault, c->fault[i].file, c->fault[i].line);
	c->faults = 0;
}

static enum hs_result keep_fault(struct comparison *c, const struct hs_seen_id *id, enum hs_id_fault fault)
{
	if (c->faults == FAULTS_MOST)
		tell(c);
	if (!HS_ARRAY_ROOM(&c->fault, c->faults, &c->fault_cap))
		return HS_E_MEMORY;
	c->fault[c->faults++] = (struct fault){ id->line, id->file, fault };
	return HS_OK;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Looks for ids that are there twice or were erased, and sorts them. */
static enum hs_result compare(struct comparison *c)
{
	int64_t line_s = -1, erased_s = -1; /* latest so far; -1: none */
	enum hs_result r = HS_OK;

	if (c->count > 0)
		qsort(c->id, c->count, sizeof *c->id, compare_ids);
	for (size_t i = 0; i < c->count && r == HS_OK; i++) {
		const struct hs_seen_id *id = &c->id[i];
		int64_t since = later(id->spooled_s - c->window_s, 0);

		if (i == 0 || id->high != id[-1].high || id->low != id[-1].low)
			line_s = erased_s = -1;
		if (id->file == 0)
			erased_s = later(erased_s, id->spooled_s);
		else if (line_s >= since || erased_s >= since)
			r = keep_fault(c, id, line_s < since ? HS_ID_ERASED : HS_ID_TWICE);
		if (id->file > 0)
			line_s = later(line_s, id->spooled_s);
	}
	return r;
}

/* Asks for lines' ids among the next ones; *at moves on. */
static enum hs_result ask_some(struct comparison *c, size_t *at)
{
	struct hs_seen_id id[HS_SEEN_ASKED];
	bool known[HS_SEEN_ASKED];
	size_t n = 0;
	enum hs_result r;

	for (; *at < c->count && n < HS_SEEN_ASKED; ++*at)
		if (c->id[*at].file > 0)
			id[n++] = c->id[*at];
	r = n > 0 ? c->check->ask(c->check->context, id, n, known) : HS_OK;
	for (size_t i = 0; i < n && r == HS_OK; i++)
		if (!known[i])
			r = keep_fault(c, &id[i], HS_ID_UNKNOWN);
	return r;
}

/* Asks for all lines' ids; they are sorted. */
static enum hs_result ask(struct comparison *c)
{
	enum hs_result r = HS_OK;

	for (size_t at = 0; c->check->ask != NULL && at < c->count && r == HS_OK;)
		r = ask_some(c, &at);
	return r;
}

/* Collects those ids of a chunk that belong to this round. */
static enum hs_result collect(struct comparison *c, const struct hs_seen_id *id, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((id[i].high >> 32 & (c->rounds - 1)) != c->round)
			continue;
		if (!HS_ARRAY_ROOM(&c->id, c->count, &c->cap))
			return HS_E_MEMORY;
		c->id[c->count++] = id[i];
	}
	return HS_OK;
}

static enum hs_result collect_part(struct hs_seen_ids *s, size_t number, struct comparison *c)
{
	struct hs_seen_part *part = &s->part[number];
	enum hs_result r = collect(c, part->waiting, part->count);
	struct hs_seen_id *chunk = part->stored > 0 ? malloc(CHUNK_BYTES) : NULL;

	if (part->stored > 0 && chunk == NULL)
		return HS_E_MEMORY;
	for (size_t i = 0; i < s->chunks && r == HS_OK; i++) {
		ssize_t n;

		if (s->chunk[i] != number)
			continue;
		n = hs_io_read_at(s->fd, (char *)chunk, CHUNK_BYTES, (uint64_t)i * CHUNK_BYTES);
		r = n == CHUNK_BYTES ? collect(c, chunk, CHUNK) : scratch_result(-1, n < 0 ? errno : EIO);
	}
	free(chunk);
	return r;
}

/* The ids of a part. */
static uint64_t part_count(const struct hs_seen_ids *s, size_t number)
{
	return number < HS_SEEN_PARTS ? s->part[number].stored + s->part[number].count : UINT64_MAX;
}

/* Checks the ids that were collected. */
static enum hs_result check_collected(struct comparison *c)
{
	enum hs_result r = compare(c);

	if (r == HS_OK)
		r = ask(c);
	c->count = 0;
	return r;
}

/* Checks a part, in several rounds if it is large; `more`: keeps its ids, to be checked with those of the next part. */
static enum hs_result check_part(struct hs_seen_ids *s, size_t number, bool more, struct comparison *c)
{
	enum hs_result r = HS_OK;

	for (c->rounds = 1; part_count(s, number) / c->rounds > AT_ONCE;)
		c->rounds *= 2;
	for (c->round = 0; c->round < c->rounds && r == HS_OK; c->round++) {
		r = collect_part(s, number, c);
		if (r == HS_OK && !more)
			r = check_collected(c);
	}
	return r;
}

enum hs_result hs_seen_ids_check(struct hs_seen_ids *s, const struct hs_seen_check *check)
{
	struct comparison c = { .window_s = s->window_s, .check = check };
	enum hs_result r = HS_OK;

	for (size_t i = 0; i < HS_SEEN_PARTS && r == HS_OK; i++) {
		uint64_t next = part_count(s, i + 1);

		r = check_part(s, i, next <= AT_ONCE && c.count + part_count(s, i) <= AT_ONCE - next, &c);
	}
	tell(&c);
	free(c.id);
	free(c.fault);
	return r;
}
