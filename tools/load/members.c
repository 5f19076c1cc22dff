#include "tools/load/members.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

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
}

void hs_members_free(struct hs_members *m)
{
	hs_members_forget(m);
	free(m->member);
	*m = (struct hs_members){ 0 };
}

static int compare(struct hs_slice a, struct hs_slice b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* The index of the first name that is not before this one. */
static size_t place_of(const struct hs_members *m, struct hs_slice name)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(m->member[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct hs_members *m, size_t place, struct hs_slice name)
{
	return place < m->count && hs_slice_eq(m->member[place].name, name);
}

const struct hs_member *hs_members_find(const struct hs_members *m, struct hs_slice name)
{
	size_t place = place_of(m, name);

	return is_at(m, place, name) ? &m->member[place] : NULL;
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
	size_t place = place_of(m, name);
	char *copy;

	if (is_at(m, place, name))
		return &m->member[place];
	copy = copy_of(name);
	if (copy == NULL || !HS_ARRAY_ROOM(&m->member, m->count, &m->cap)) {
		free(copy);
		return NULL;
	}
	memmove(m->member + place + 1, m->member + place, (m->count - place) * sizeof *m->member);
	m->member[place] = (struct hs_member){ .name = hs_slice(copy, name.n) };
	m->count++;
	return &m->member[place];
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

void hs_members_put(const struct hs_members *m, struct hs_buf *out)
{
	for (size_t i = 0; i < m->count; i++) {
		hs_buf_putc(out, i == 0 ? '{' : ',');
		hs_buf_put_json(out, m->member[i].name);
		hs_buf_putc(out, ':');
		hs_buf_put_slice(out, m->member[i].value);
	}
	if (m->count > 0)
		hs_buf_putc(out, '}');
}
