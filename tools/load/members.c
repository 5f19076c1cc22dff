#include "tools/load/members.h"
#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 16, KEPT_SLOTS = 4096 /* more are freed when they are forgotten */ };

struct hs_row_key *hs_row_key_new(struct hs_slice text)
{
	struct hs_row_key *key = malloc(sizeof *key + text.n + 1);

	if (key == NULL)
		return NULL;
	key->holders = 1;
	memcpy(key->text, text.p, text.n);
	key->text[text.n] = '\0';
	return key;
}

void hs_row_key_drop(struct hs_row_key *key)
{
	if (key != NULL && --key->holders == 0)
		free(key);
}

static void forget_value(struct hs_member *member)
{
	if (!member->is_lent)
		free((char *)(uintptr_t)member->value.p);
	hs_row_key_drop(member->key);
	member->value = HS_SLICE_NONE;
	member->key = NULL;
}

void hs_members_forget(struct hs_members *m)
{
	for (; m->count > 0; m->count--) {
		free((char *)(uintptr_t)m->member[m->count - 1].name.p);
		forget_value(&m->member[m->count - 1]);
	}
	if (m->slots > KEPT_SLOTS) {
		free(m->member);
		free(m->slot);
		*m = (struct hs_members){ 0 };
	}
	if (m->slots > 0)
		memset(m->slot, 0, m->slots * sizeof *m->slot);
}

void hs_members_free(struct hs_members *m)
{
	hs_members_forget(m);
	free(m->member);
	free(m->slot);
	*m = (struct hs_members){ 0 };
}

/* The slot of a name, or the free one where it would be; there are slots. */
static size_t slot_of(const struct hs_members *m, struct hs_slice name)
{
	size_t at = (size_t)hs_hash(name.p, name.n, (uint64_t)(uintptr_t)m) & (m->slots - 1);

	while (m->slot[at] != 0 && !hs_slice_eq(m->member[m->slot[at] - 1].name, name))
		at = (at + 1) & (m->slots - 1);
	return at;
}

static void fill_slots(struct hs_members *m)
{
	memset(m->slot, 0, m->slots * sizeof *m->slot);
	for (size_t i = 0; i < m->count; i++)
		m->slot[slot_of(m, m->member[i].name)] = (uint32_t)i + 1;
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

struct hs_member *hs_members_find(const struct hs_members *m, struct hs_slice name)
{
	size_t at = m->count == 0 ? 0 : slot_of(m, name);

	return m->count == 0 || m->slot[at] == 0 ? NULL : &m->member[m->slot[at] - 1];
}

static char *copy_of(struct hs_slice text)
{
	char *copy = malloc(text.n + 1);

	if (copy != NULL)
		hs_bytes_copy(copy, text.p, text.n);
	return copy;
}

/* The member of this name, made if it is missing. NULL: out of memory. */
static struct hs_member *make_member(struct hs_members *m, struct hs_slice name)
{
	struct hs_member *there = hs_members_find(m, name);
	char *copy;

	if (there != NULL)
		return there;
	copy = copy_of(name);
	if (copy == NULL || !make_slots(m) || !HS_ARRAY_ROOM(&m->member, m->count, &m->cap)) {
		free(copy);
		return NULL;
	}
	m->slot[slot_of(m, name)] = (uint32_t)m->count + 1;
	m->member[m->count] = (struct hs_member){ .name = hs_slice(copy, name.n) };
	return &m->member[m->count++];
}

bool hs_members_set(struct hs_members *m, struct hs_slice name, struct hs_slice value, struct hs_row_key *key)
{
	struct hs_member *member = make_member(m, name);

	if (member == NULL)
		return false;
	forget_value(member);
	member->is_lent = false;
	member->value = hs_slice(copy_of(value), value.n);
	member->key = key == NULL ? NULL : hs_row_key_hold(key);
	return member->value.p != NULL;
}

bool hs_members_lend(struct hs_members *m, struct hs_slice name, struct hs_slice value)
{
	struct hs_member *member = make_member(m, name);

	if (member == NULL)
		return false;
	forget_value(member);
	member->is_lent = true;
	member->value = value;
	return true;
}

static int by_name(const void *a, const void *b)
{
	struct hs_slice x = ((const struct hs_member *)a)->name, y = ((const struct hs_member *)b)->name;
	int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

void hs_members_put(struct hs_members *m, struct hs_buf *out)
{
	if (m->count > 1) {
		qsort(m->member, m->count, sizeof *m->member, by_name);
		fill_slots(m);
	}
	for (size_t i = 0; i < m->count; i++) {
		hs_buf_putc(out, i == 0 ? '{' : ',');
		hs_buf_put_json(out, m->member[i].name);
		hs_buf_putc(out, ':');
		hs_buf_put_slice(out, m->member[i].value);
	}
	if (m->count > 0)
		hs_buf_putc(out, '}');
}
