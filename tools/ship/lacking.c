#include "tools/ship/lacking.h"
#include "base/array.h"

#include <stdlib.h>

bool hs_lacking_add(struct hs_lacking *l, const struct hs_place *place, struct hs_slice id)
{
	if (!HS_ARRAY_ROOM(&l->record, l->count, &l->room))
		return false;
	l->record[l->count++] =
	    (struct hs_lacking_record){ .place = *place, .id = hs_slice(NULL, id.n), .at = l->ids.n };
	hs_buf_put_slice(&l->ids, id);
	return hs_buf_ok(&l->ids);
}

static int by_place(const void *a, const void *b)
{
	const struct hs_lacking_record *x = a, *y = b;

	return hs_place_cmp(&x->place, &y->place);
}

static int compare_ids(struct hs_slice a, struct hs_slice b)
{
	int order = a.n == 0 || b.n == 0 ? 0 : memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_id(const void *a, const void *b)
{
	struct hs_lacking_record *const *x = a, *const *y = b;

	return compare_ids((*x)->id, (*y)->id);
}

bool hs_lacking_settle(struct hs_lacking *l, bool (*keeps)(void *context, struct hs_place *place), void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++)
		if (keeps(context, &l->record[i].place))
			l->record[kept++] = l->record[i];
	l->count = kept;
	l->named = 0;
	free(l->by_id);
	l->by_id = calloc(l->count + 1, sizeof *l->by_id);
	if (l->by_id == NULL)
		return false;
	if (l->count > 0)
		qsort(l->record, l->count, sizeof *l->record, by_place);
	for (size_t i = 0; i < l->count; i++) {
		struct hs_lacking_record *record = &l->record[i];

		record->id.p = l->ids.p + record->at;
		if (record->id.n > 0)
			l->by_id[l->named++] = record;
	}
	qsort(l->by_id, l->named, sizeof *l->by_id, by_id);
	return true;
}

void hs_lacking_note(struct hs_lacking *l, struct hs_slice id, uint64_t sequence)
{
	size_t low = 0, high = l->named;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_ids(l->by_id[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < l->named && hs_slice_eq(l->by_id[low]->id, id); low++)
		l->by_id[low]->elsewhere = sequence;
}

struct hs_lacking_record *hs_lacking_find(const struct hs_lacking *l, const struct hs_place *place)
{
	struct hs_lacking_record key = { .place = *place }, *found;

	found = l->count == 0 ? NULL : bsearch(&key, l->record, l->count, sizeof *l->record, by_place);
	return found != NULL && found->place.edit == place->edit ? found : NULL;
}

void hs_lacking_free(struct hs_lacking *l)
{
	free(l->record);
	free(l->by_id);
	hs_buf_free(&l->ids);
	*l = (struct hs_lacking){ 0 };
}
