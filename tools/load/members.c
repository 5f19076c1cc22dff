#include "tools/load/members.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void hs_members_forget(struct hs_members *m)
{
	for (; m->count > 0; m->count--) {
		free((char *)(uintptr_t)m->member[m->count - 1].name.p);
		free(m->member[m->count - 1].value);
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

bool hs_members_add(struct hs_members *m, struct hs_slice name)
{
	size_t place = place_of(m, name);
	char *copy;

	if (is_at(m, place, name))
		return true;
	copy = malloc(name.n + 1);
	if (copy == NULL || !HS_ARRAY_ROOM(&m->member, m->count, &m->cap)) {
		free(copy);
		return false;
	}
	memcpy(copy, name.p, name.n);
	memmove(m->member + place + 1, m->member + place, (m->count - place) * sizeof *m->member);
	m->member[place] = (struct hs_member){ hs_slice(copy, name.n), NULL };
	m->count++;
	return true;
}

bool hs_members_set(struct hs_members *m, struct hs_slice name, const struct hs_slice *value)
{
	struct hs_member *member;
	size_t place = place_of(m, name);

	if (value == NULL && !is_at(m, place, name))
		return true;
	if (!hs_members_add(m, name))
		return false;
	member = &m->member[place];
	free(member->value);
	member->value = value == NULL ? NULL : strndup(value->p, value->n);
	return value == NULL || member->value != NULL;
}

void hs_members_put(const struct hs_members *m, struct hs_buf *out)
{
	bool first = true;

	for (size_t i = 0; i < m->count; i++) {
		if (m->member[i].value == NULL)
			continue;
		hs_buf_putc(out, first ? '{' : ',');
		hs_buf_put_json(out, m->member[i].name);
		hs_buf_putc(out, ':');
		hs_buf_put_slice(out, hs_slice_str(m->member[i].value));
		first = false;
	}
	if (!first)
		hs_buf_putc(out, '}');
}
