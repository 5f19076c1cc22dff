#include "spool/summary/summary.h"
#include "base/bloom.h"
#include "base/hash.h"
#include "event/id_text.h"
#include "spool/file/gzip.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNCHECKED = 16 /* bytes before those that the head's check sum is of */ };

static_assert(sizeof(struct hs_summary) == 48 + 2 * 8 + 2 * 24 + 4 * 8 + 7 * 8 + HS_SUMMARY_PARTS_MAX * 24,
              "the head has no padding");

/* --- names ---------------------------------------------------------------------- */

void hs_summary_name(bool rejected, uint64_t number, char out[static HS_SUMMARY_NAME])
{
	snprintf(out, HS_SUMMARY_NAME, "%s-%" PRIu64, rejected ? "rejected" : "events", number);
}

bool hs_summary_name_parse(const char *name, bool *rejected, uint64_t *number)
{
	const char *digits = strchr(name, '-');
	char again[HS_SUMMARY_NAME];

	if (digits == NULL)
		return false;
	*rejected = name[0] == 'r';
	*number = strtoull(digits + 1, NULL, 10);
	hs_summary_name(*rejected, *number, again);
	return strcmp(name, again) == 0;
}

/* --- the head --------------------------------------------------------------------- */

size_t hs_summary_head_bytes(uint64_t parts)
{
	return offsetof(struct hs_summary, part) + (size_t)parts * sizeof(struct hs_summary_part);
}

void hs_summary_seal(struct hs_summary *s)
{
	s->magic = HS_SUMMARY_MAGIC;
	s->head_bytes = (uint32_t)hs_summary_head_bytes(s->parts);
	s->crc = hs_crc32(0, hs_slice((const char *)s + UNCHECKED, s->head_bytes - UNCHECKED));
}

static bool parts_fit(const struct hs_summary *s, uint64_t file_bytes)
{
	for (uint64_t i = 0; i < s->parts; i++) {
		const struct hs_summary_part *p = &s->part[i];

		if (p->offset % 8 != 0 || p->offset < s->head_bytes || p->offset > file_bytes ||
		    p->bytes > file_bytes - p->offset)
			return false;
	}
	return true;
}

bool hs_summary_decode(struct hs_slice head, uint64_t file_bytes, struct hs_summary *s)
{
	memset(s, 0, sizeof *s);
	memcpy(s, head.p, head.n < sizeof *s ? head.n : sizeof *s);
	if (head.n < hs_summary_head_bytes(0) || s->magic != HS_SUMMARY_MAGIC || s->parts > HS_SUMMARY_PARTS_MAX ||
	    s->head_bytes != hs_summary_head_bytes(s->parts) || s->head_bytes > head.n)
		return false;
	return hs_crc32(0, hs_slice(head.p + UNCHECKED, s->head_bytes - UNCHECKED)) == s->crc &&
	       parts_fit(s, file_bytes);
}

struct hs_summary_file hs_summary_file_of(const struct stat *st)
{
	return (struct hs_summary_file){ (uint64_t)st->st_ino, (uint64_t)st->st_size,
		                         st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec };
}

static bool is_same(const struct hs_summary_file *a, const struct hs_summary_file *b)
{
	return a->inode == b->inode && a->bytes == b->bytes && a->changed_ns == b->changed_ns;
}

bool hs_summary_fits(const struct hs_summary *s, const struct stat *st)
{
	struct hs_summary_file file = hs_summary_file_of(st);

	return is_same(&file, &s->plain) || is_same(&file, &s->gzip);
}

const struct hs_summary_part *hs_summary_find(const struct hs_summary *s, enum hs_summary_kind kind)
{
	for (uint64_t i = 0; i < s->parts; i++)
		if (s->part[i].kind == kind)
			return &s->part[i];
	return NULL;
}

/* --- parts -------------------------------------------------------------------------- */

static bool take_number(struct hs_slice *from, uint64_t *n)
{
	if (from->n < sizeof *n)
		return false;
	memcpy(n, from->p, sizeof *n);
	*from = hs_slice(from->p + sizeof *n, from->n - sizeof *n);
	return true;
}

static void put_number(struct hs_buf *out, uint64_t n)
{
	hs_buf_put(out, (const char *)&n, sizeof n);
}

void hs_summary_counts_put(const struct hs_top_counts *t, struct hs_buf *out)
{
	put_number(out, t->others.records);
	put_number(out, t->others.bytes);
	for (size_t i = 0; i < t->count; i++) {
		put_number(out, t->row[i].records);
		put_number(out, t->row[i].bytes);
		put_number(out, t->row[i].n);
		hs_buf_put(out, t->row[i].name, t->row[i].n);
	}
}

bool hs_summary_counts_start(struct hs_summary_counts *c, struct hs_slice part)
{
	c->rest = part;
	return take_number(&c->rest, &c->more_records) && take_number(&c->rest, &c->more_bytes);
}

int hs_summary_counts_next(struct hs_summary_counts *c, struct hs_slice *name, uint64_t *records, uint64_t *bytes)
{
	uint64_t n;

	if (c->rest.n == 0)
		return 0;
	if (!take_number(&c->rest, records) || !take_number(&c->rest, bytes) || !take_number(&c->rest, &n) ||
	    n > c->rest.n)
		return -1;
	*name = hs_slice(c->rest.p, (size_t)n);
	c->rest = hs_slice(c->rest.p + n, c->rest.n - (size_t)n);
	return 1;
}

void hs_summary_sums(struct hs_slice ids, char *to)
{
	for (size_t at = 0; at < ids.n; at += HS_SUMMARY_CHUNK, to += sizeof(uint32_t)) {
		size_t left = ids.n - at;
		uint32_t crc = hs_crc32(0, hs_slice(ids.p + at, left < HS_SUMMARY_CHUNK ? left : HS_SUMMARY_CHUNK));

		memcpy(to, &crc, sizeof crc);
	}
}

uint64_t hs_summary_hash(struct hs_slice id)
{
	return hs_hash(id.p, id.n, HS_SUMMARY_MAGIC);
}

bool hs_summary_bloom_may_have(struct hs_slice part, uint64_t hash)
{
	if (part.n == 0 || part.n % HS_BLOOM_BLOCK != 0)
		return true;
	return hs_bloom_may_have((const uint32_t *)(const void *)part.p, part.n, hash);
}

bool hs_summary_bloom_may_name(struct hs_slice part, struct hs_slice id)
{
	char room[4 * HS_ID_TEXT_ZEROS];
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };
	bool is_spelled = hs_id_is_spelled(id, &text);

	return hs_summary_bloom_may_have(part, hs_summary_hash(id)) || !hs_buf_ok(&text) ||
	       (is_spelled && hs_summary_bloom_may_have(part, hs_summary_hash(hs_buf_slice(&text))));
}
