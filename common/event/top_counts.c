#include "event/top_counts.h"
#include "base/hash.h"

#include <stdlib.h>

enum { FIRST_ROOM = 64 };

/* The slot of the name, or the free one for it. */
static uint32_t *find_slot(const struct hs_top_counts *t, struct hs_slice name, uint64_t hash)
{
	for (size_t i = (size_t)hash & (t->slots - 1);; i = (i + 1) & (t->slots - 1)) {
		const struct hs_top_counts_row *row = &t->row[t->slot[i] - (t->slot[i] > 0)];

		if (t->slot[i] == 0 || (row->hash == hash && hs_slice_eq(hs_slice(row->name, row->n), name)))
			return &t->slot[i];
	}
}

/* Doubles the rows. There are two slots a row, so a search always ends at a free one. */
static bool grow(struct hs_top_counts *t)
{
	size_t room = t->room > 0 ? 2 * t->room : FIRST_ROOM;
	struct hs_top_counts_row *row = realloc(t->row, room * sizeof *row);
	uint32_t *slot;

	if (row == NULL)
		return false;
	t->row = row;
	slot = calloc(2 * room, sizeof *slot);
	if (slot == NULL)
		return false;
	free(t->slot);
	t->slot = slot;
	t->slots = 2 * room;
	t->room = room;
	for (size_t i = 0; i < t->count; i++)
		*find_slot(t, hs_slice(row[i].name, row[i].n), row[i].hash) = (uint32_t)i + 1;
	return true;
}

static bool add_row(struct hs_top_counts *t, struct hs_slice name, uint64_t hash, uint64_t records, uint64_t bytes)
{
	struct hs_top_counts_row new = { .records = records, .bytes = bytes, .hash = hash, .n = name.n };

	new.name = malloc(name.n + 1);
	if (new.name == NULL || (t->count == t->room && !grow(t))) {
		free(new.name);
		return false;
	}
	if (name.n > 0)
		memcpy(new.name, name.p, name.n);
	new.name[name.n] = '\0';
	t->row[t->count++] = new;
	*find_slot(t, name, hash) = (uint32_t)t->count;
	return true;
}

static void count_in(struct hs_top_counts_row *row, uint64_t records, uint64_t bytes)
{
	row->records += records;
	row->bytes += bytes;
}

struct hs_slice hs_top_counts_name(struct hs_slice name)
{
	if (name.n <= HS_TOP_COUNTS_NAME)
		return name;
	name.n = HS_TOP_COUNTS_NAME;
	while (name.n > 0 && ((unsigned char)name.p[name.n] & 0xC0) == 0x80)
		name.n--;
	return name;
}

bool hs_top_counts_add_many(struct hs_top_counts *t, struct hs_slice name, uint64_t records, uint64_t bytes)
{
	struct hs_top_counts_row *last = t->last < t->count ? &t->row[t->last] : NULL;
	uint32_t *slot;
	uint64_t hash;

	name = hs_top_counts_name(name);
	if (last != NULL && hs_slice_eq(hs_slice(last->name, last->n), name)) {
		count_in(last, records, bytes);
		return true;
	}
	hash = hs_hash(name.p, name.n, t->seed);
	slot = t->slots > 0 ? find_slot(t, name, hash) : NULL;
	if (slot != NULL && *slot > 0)
		count_in(&t->row[t->last = *slot - 1], records, bytes);
	else if (t->count == HS_TOP_COUNTS_NAMES)
		count_in(&t->others, records, bytes);
	else
		return add_row(t, name, hash, records, bytes);
	return true;
}

bool hs_top_counts_add(struct hs_top_counts *t, struct hs_slice name, uint64_t bytes)
{
	return hs_top_counts_add_many(t, name, 1, bytes);
}

bool hs_top_counts_add_field(struct hs_top_counts *t, const struct hs_record_field *field, uint64_t bytes)
{
	if (field->name.p == NULL || (!field->is_string && hs_slice_eq(field->value, HS_SLICE("null"))))
		return true;
	if (!field->value_escaped && field->is_string)
		return hs_top_counts_add(t, field->value, bytes);
	hs_buf_reset(&t->scratch);
	hs_record_field_put(field, &t->scratch);
	return hs_buf_ok(&t->scratch) && hs_top_counts_add(t, hs_buf_slice(&t->scratch), bytes);
}

void hs_top_counts_free(struct hs_top_counts *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->row[i].name);
	free(t->row);
	free(t->slot);
	hs_buf_free(&t->scratch);
	*t = (struct hs_top_counts){ .seed = t->seed };
}

static int by_name_order(const void *a, const void *b)
{
	const struct hs_top_counts_row *x = a, *y = b;
	int order = memcmp(x->name, y->name, x->n < y->n ? x->n : y->n);

	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static int last_name_first(const void *a, const void *b)
{
	return by_name_order(b, a);
}

static int most_first(const void *a, const void *b)
{
	const struct hs_top_counts_row *x = a, *y = b;
	int order = (x->records < y->records) - (x->records > y->records);

	return order != 0 ? order : by_name_order(a, b);
}

void hs_top_counts_sort(struct hs_top_counts *t, bool by_name)
{
	if (t->count > 0)
		qsort(t->row, t->count, sizeof *t->row, by_name ? last_name_first : most_first);
}

struct hs_top_counts_row hs_top_counts_rest(const struct hs_top_counts *t, size_t top)
{
	struct hs_top_counts_row rest = t->others;

	for (size_t i = top; i < t->count; i++)
		count_in(&rest, t->row[i].records, t->row[i].bytes);
	return rest;
}
