#include "spool/shared/recent_ids.h"

/* Keeps the compiler from moving stores: a process may be killed between any two instructions. */
static void in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* True if the last append that was noted ended at `to`. */
static bool ends_at(const struct hs_recent_ids *r, uint64_t generation, uint64_t to)
{
	uint64_t first = atomic_load(&r->first), next = atomic_load(&r->next);

	if (r->generation != generation || atomic_load(&r->to) != to)
		return false;
	if (next - first > HS_RECENT_IDS) /* an append that failed had noted more than fits */
		return false;
	return next == first || hs_recent_ids_at(r, next - 1)->end <= to;
}

void hs_recent_ids_begin(struct hs_recent_ids *r, uint64_t generation, uint64_t at)
{
	if (ends_at(r, generation, at))
		return;
	atomic_store(&r->to, UINT64_MAX); /* no segment ends there: the ring is invalid until all fields are set */
	in_order();
	r->generation = generation;
	atomic_store(&r->first, atomic_load(&r->next));
	atomic_store(&r->from, at);
	in_order();
	atomic_store(&r->to, at);
}

void hs_recent_ids_note(struct hs_recent_ids *r, uint64_t noted, struct hs_unflushed_id id)
{
	uint64_t number = atomic_load(&r->next) + noted, first = atomic_load(&r->first);
	struct hs_unflushed_id *slot = &r->id[number % HS_RECENT_IDS];

	if (number - first >= HS_RECENT_IDS) {
		atomic_store(&r->from, slot->end);
		atomic_store(&r->first, number - HS_RECENT_IDS + 1);
		in_order();
	}
	*slot = id;
}

void hs_recent_ids_end(struct hs_recent_ids *r, uint64_t noted, uint64_t end)
{
	in_order();
	atomic_fetch_add(&r->next, noted);
	in_order();
	atomic_store(&r->to, end);
}

bool hs_recent_ids_between(const struct hs_recent_ids *r, uint64_t generation, uint64_t from, uint64_t to,
                           uint64_t *first, uint64_t *next)
{
	uint64_t oldest = atomic_load(&r->first);

	*first = *next = atomic_load(&r->next);
	if (!ends_at(r, generation, to) || atomic_load(&r->from) > from)
		return false;
	while (*first > oldest && hs_recent_ids_at(r, *first - 1)->end > from)
		--*first;
	return true;
}

const struct hs_unflushed_id *hs_recent_ids_at(const struct hs_recent_ids *r, uint64_t number)
{
	return &r->id[number % HS_RECENT_IDS];
}
