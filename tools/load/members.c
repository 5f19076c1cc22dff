#include "tools/load/members.h"
#include "base/array.h"
#include "base/hash.h"
#include "event/json.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_SLOTS = 16,
	KEPT_SLOTS = 4096,      /* more are freed when they are forgotten */
	KEPT_BYTES = 64 * 1024, /* of their texts, likewise */
};

static void free_room(struct hs_members *m)
{
	free(m->member);
	free(m->slot);
	free(m->key);
	hs_buf_free(&m->text);
	*m = (struct hs_members){ 0 };
}

void hs_members_forget(struct hs_members *m)
{
	while (m->keys > 0)
		hs_row_key_drop(m->key[--m->keys].key);
	if (m->slots > KEPT_SLOTS)
		free_room(m);
	if (m->slots > 0)
		memset(m->slot, 0, m->slots * sizeof *m->slot);
	hs_buf_shrink(&m->text, KEPT_BYTES);
	m->count = m->dead = 0;
	m->last_key = m->free_key = 0;
	m->is_sorted = false;
}

void hs_members_free(struct hs_members *m)
{
	hs_members_forget(m);
	free_room(m);
}

struct hs_slice hs_members_name(const struct hs_members *m, size_t member)
{
	return hs_slice(m->text.p + m->member[member].at, m->member[member].name_n);
}

struct hs_slice hs_members_value(const struct hs_members *m, size_t member)
{
	const struct hs_rest_member *at = &m->member[member];

	return hs_slice(m->text.p + at->at + at->name_n, at->value_n);
}

struct hs_row_key *hs_members_key(const struct hs_members *m, size_t member)
{
	uint32_t key = m->member[member].key;

	return key == 0 ? NULL : m->key[key - 1].key;
}

/* --- slots ------------------------------------------------------------------------- */

/* The slot of a name, or the free one where it would be; there are slots. */
static size_t slot_of(const struct hs_members *m, struct hs_slice name)
{
	size_t at = (size_t)hs_hash(name.p, name.n, (uint64_t)(uintptr_t)m) & (m->slots - 1);

	while (m->slot[at] != 0 && !hs_slice_eq(hs_members_name(m, m->slot[at] - 1), name))
		at = (at + 1) & (m->slots - 1);
	return at;
}

static void fill_slots(struct hs_members *m)
{
	memset(m->slot, 0, m->slots * sizeof *m->slot);
	for (size_t i = 0; i < m->count; i++)
		m->slot[slot_of(m, hs_members_name(m, i))] = (uint32_t)i + 1;
	m->is_sorted = false;
}

/* Room for one more name, at most half of the slots taken. */
static bool make_slots(struct hs_members *m)
{
	size_t slots = m->slots == 0 ? FIRST_SLOTS : 2 * m->slots;
	uint32_t *slot;

	if (2 * (m->count + 1) <= m->slots)
		return true;
	slot = realloc(m->slot, slots * sizeof *slot);
	if (slot == NULL)
		return false;
	m->slot = slot;
	m->slots = slots;
	fill_slots(m);
	return true;
}

ptrdiff_t hs_members_find(struct hs_members *m, struct hs_slice name)
{
	if (m->count == 0)
		return -1;
	if (m->is_sorted)
		fill_slots(m);
	return (ptrdiff_t)m->slot[slot_of(m, name)] - 1;
}

/* --- setting ------------------------------------------------------------------------ */

/* 1 + the index of the key, which is mostly that of the member before. 0: out of memory. */
static uint32_t find_key(struct hs_members *m, struct hs_row_key *key)
{
	uint32_t at = m->free_key;

	if (m->last_key != 0 && m->key[m->last_key - 1].key == key)
		return m->last_key;
	if (at != 0)
		m->free_key = (uint32_t)m->key[at - 1].members;
	else if (HS_ARRAY_ROOM(&m->key, m->keys, &m->keys_cap))
		at = (uint32_t)++m->keys;
	else
		return 0;
	m->key[at - 1] = (struct hs_member_key){ hs_row_key_hold(key), 0 };
	m->last_key = at;
	return at;
}

static void drop_key(struct hs_members *m, uint32_t at)
{
	if (at == 0 || --m->key[at - 1].members > 0)
		return;
	hs_row_key_drop(m->key[at - 1].key);
	m->key[at - 1] = (struct hs_member_key){ NULL, m->free_key };
	m->free_key = at;
	if (m->last_key == at)
		m->last_key = 0;
}

/* Copies the texts together, once most of them are of values that were overwritten. */
static bool drop_dead(struct hs_members *m)
{
	struct hs_buf text = { 0 };

	if (m->dead <= KEPT_BYTES || m->dead <= m->text.n / 2)
		return true;
	for (size_t i = 0; i < m->count; i++) {
		struct hs_rest_member *member = &m->member[i];
		size_t at = text.n;

		hs_buf_put(&text, m->text.p + member->at, member->name_n + member->value_n);
		member->at = (uint32_t)at;
	}
	hs_buf_free(&m->text);
	m->text = text;
	m->dead = 0;
	return hs_buf_ok(&text);
}

static bool put_texts(struct hs_members *m, struct hs_rest_member *member, struct hs_slice name, struct hs_slice value)
{
	member->at = (uint32_t)m->text.n;
	member->name_n = (uint32_t)name.n;
	member->value_n = (uint32_t)value.n;
	hs_buf_put_slice(&m->text, name);
	hs_buf_put_slice(&m->text, value);
	return hs_buf_ok(&m->text) && m->text.n <= UINT32_MAX;
}

/* Room for a name that is not there; its member, without texts. NULL: out of memory. */
static struct hs_rest_member *make_member(struct hs_members *m, struct hs_slice name)
{
	if (!make_slots(m) || !HS_ARRAY_ROOM(&m->member, m->count, &m->cap))
		return NULL;
	if (m->is_sorted)
		fill_slots(m);
	m->slot[slot_of(m, name)] = (uint32_t)m->count + 1;
	m->member[m->count] = (struct hs_rest_member){ 0 };
	return &m->member[m->count++];
}

bool hs_members_set(struct hs_members *m, struct hs_slice name, struct hs_slice value, struct hs_row_key *key)
{
	ptrdiff_t there = hs_members_find(m, name);
	struct hs_rest_member *member = there >= 0 ? &m->member[there] : make_member(m, name);
	uint32_t at = key == NULL ? 0 : find_key(m, key);

	if (member == NULL || (key != NULL && at == 0))
		return false;
	if (at != 0)
		m->key[at - 1].members++;
	drop_key(m, member->key);
	member->key = at & INT32_MAX;
	m->dead += member->name_n + member->value_n;
	member->is_overruled = 0;
	return put_texts(m, member, name, value) && drop_dead(m);
}

/* --- the order ------------------------------------------------------------------------ */

int hs_names_compare(struct hs_slice a, struct hs_slice b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_name(const void *a, const void *b, void *members)
{
	struct hs_slice x = hs_members_name(members, *(const uint32_t *)a),
			y = hs_members_name(members, *(const uint32_t *)b);

	return hs_names_compare(x, y);
}

void hs_members_sort(struct hs_members *m)
{
	if (m->is_sorted || m->count == 0)
		return;
	for (size_t i = 0; i < m->count; i++)
		m->slot[i] = (uint32_t)i;
	qsort_r(m->slot, m->count, sizeof *m->slot, by_name, m);
	m->is_sorted = true;
}

/* --- the text of a _rest --------------------------------------------------------------- */

static void skip_blanks(struct hs_rest_reader *r)
{
	while (r->p < r->end && hs_json_is_blank(*r->p))
		r->p++;
}

static bool skip(struct hs_rest_reader *r, char c)
{
	skip_blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* A string, between its quotes. */
static bool read_string(struct hs_rest_reader *r, struct hs_slice *inner)
{
	const char *start;
	bool escaped = false;

	if (!skip(r, '"'))
		return false;
	for (start = r->p; r->p < r->end && *r->p != '"'; r->p++) {
		if ((unsigned char)*r->p < ' ')
			return false;
		if (*r->p != '\\')
			continue;
		escaped = true;
		if (++r->p == r->end)
			return false;
	}
	if (r->p >= r->end)
		return false;
	*inner = hs_slice(start, (size_t)(r->p++ - start));
	return !escaped || hs_json_can_unescape(*inner);
}

enum hs_rest_read hs_rest_read(struct hs_rest_reader *r, struct hs_slice *name, struct hs_slice *value)
{
	bool is_first = !r->is_begun;

	if (is_first && !skip(r, '{'))
		return HS_REST_STRANGE;
	r->is_begun = true;
	if (skip(r, '}')) {
		skip_blanks(r);
		return r->p == r->end ? HS_REST_END : HS_REST_STRANGE;
	}
	if (!is_first && !skip(r, ','))
		return HS_REST_STRANGE;
	if (!read_string(r, name) || !skip(r, ':') || !read_string(r, value))
		return HS_REST_STRANGE;
	*value = hs_slice(value->p - 1, value->n + 2);
	return HS_REST_MEMBER;
}

bool hs_rest_is_usual(struct hs_slice rest)
{
	struct hs_rest_reader reader = { rest.p, rest.p + rest.n, false };
	struct hs_slice name, value;
	enum hs_rest_read read;

	while ((read = hs_rest_read(&reader, &name, &value)) == HS_REST_MEMBER)
		;
	return read == HS_REST_END;
}
