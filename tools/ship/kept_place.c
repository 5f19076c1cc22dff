#include "tools/ship/kept_place.h"

#include <string.h>

enum { PARTS = 16 };

static void add(struct hs_kept_place *k, struct hs_position position, int64_t ms)
{
	k->seen[k->count].position = position;
	k->seen[k->count++].ms = ms;
}

static bool is_after(const struct hs_position *a, const struct hs_position *b)
{
	return a->number > b->number || (a->number == b->number && a->offset > b->offset);
}

void hs_kept_place_begin(struct hs_kept_place *k, int64_t hold_ms, struct hs_position kept, struct hs_position now,
                         int64_t ms)
{
	*k = (struct hs_kept_place){ .hold_ms = hold_ms,
		                     .kept = kept.number > 0 && !is_after(&kept, &now) ? kept : now };
	add(k, now, ms);
}

void hs_kept_place_recall(struct hs_kept_place *k, struct hs_position was, int64_t ms)
{
	struct hs_position now = k->seen[0].position;
	int64_t now_ms = k->seen[0].ms;

	if (was.number == 0 || is_after(&was, &now) || ms > now_ms)
		return;
	k->count = 0;
	add(k, was, ms);
	add(k, now, now_ms);
}

/* Takes what is old enough. */
static void take(struct hs_kept_place *k, int64_t ms)
{
	unsigned old = 0;

	while (old < k->count && ms - k->seen[old].ms >= k->hold_ms)
		k->kept = k->seen[old++].position;
	memmove(k->seen, k->seen + old, (k->count - old) * sizeof *k->seen);
	k->count -= old;
}

void hs_kept_place_note(struct hs_kept_place *k, struct hs_position now, int64_t ms)
{
	const struct hs_position *last;

	take(k, ms);
	last = k->count > 0 ? &k->seen[k->count - 1].position : &k->kept;
	if (now.number == last->number && now.offset == last->offset && now.edit == last->edit)
		return;
	if (k->count == 0 || (k->count < HS_KEPT_PLACES && ms - k->seen[k->count - 1].ms >= k->hold_ms / PARTS))
		add(k, now, ms);
}

int64_t hs_kept_place_due(const struct hs_kept_place *k, int64_t ms)
{
	int64_t left;

	if (k->count == 0)
		return -1;
	left = k->seen[0].ms + k->hold_ms - ms;
	return left > 0 ? left : 0;
}
