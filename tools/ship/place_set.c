#include "tools/ship/place_set.h"
#include "spool/position/record_check.h"

#include <stdlib.h>

enum hs_result hs_place_translate(struct hs_rewrite_log *rewrites, struct hs_place *place, bool *erased)
{
	struct hs_position begin = { .number = place->number, .offset = place->offset, .edit = place->edit };
	enum hs_result result = hs_record_translate(rewrites, &begin, erased);

	if (result == HS_OK)
		*place = (struct hs_place){ begin.number, begin.offset, begin.edit };
	return result;
}

static int by_place(const void *a, const void *b)
{
	return hs_place_cmp(a, b);
}

/* Keeps the places of records that are there. */
static enum hs_result translate_all(struct hs_place_set *set, struct hs_rewrite_log *rewrites)
{
	enum hs_result result = hs_rewrite_log_share(rewrites);
	size_t kept = 0;

	if (result != HS_OK)
		return result;
	for (size_t i = 0; i < set->count && result == HS_OK; i++) {
		struct hs_place place = set->place[i];
		bool erased = false;

		result = hs_place_translate(rewrites, &place, &erased);
		if (result == HS_OK && !erased)
			set->place[kept++] = place;
	}
	hs_rewrite_log_release(rewrites);
	set->count = kept;
	return result;
}

enum hs_result hs_place_set_make(struct hs_place_set *set, struct hs_place *list, size_t count,
                                 struct hs_rewrite_log *rewrites)
{
	enum hs_result result = HS_OK;

	*set = (struct hs_place_set){ list, count };
	if (rewrites != NULL && count > 0)
		result = translate_all(set, rewrites);
	if (result != HS_OK)
		hs_place_set_free(set);
	else if (set->count > 0)
		qsort(set->place, set->count, sizeof *set->place, by_place);
	return result;
}

void hs_place_set_free(struct hs_place_set *set)
{
	free(set->place);
	*set = (struct hs_place_set){ 0 };
}

bool hs_place_set_has(const struct hs_place_set *set, const struct hs_place *place)
{
	return set->count > 0 && bsearch(place, set->place, set->count, sizeof *set->place, by_place) != NULL;
}

bool hs_place_set_reaches(const struct hs_place_set *set, const struct hs_place *place)
{
	return set->count > 0 && hs_place_cmp(&set->place[set->count - 1], place) >= 0;
}

uint64_t hs_place_set_edition(const struct hs_place_set *set, uint64_t number)
{
	for (size_t i = 0; i < set->count && set->place[i].number <= number; i++)
		if (set->place[i].number == number)
			return set->place[i].edit;
	return UINT64_MAX;
}
