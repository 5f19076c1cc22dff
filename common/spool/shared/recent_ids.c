#include "spool/shared/recent_ids.h"

/*
 * Keeps the compiler from moving a plain store before the atomic ones above it: a process may be killed between any
 * two instructions. Atomic stores keep their own order, and plain ones above them.
 */
static void in_order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* True if the last append that was noted ended at `to`. */
static bool ends_at(const struct hs_recent_ids *ring, uint64_t generation, uint64_t to)
{
	uint64_t first = atomic_load(&ring->first), next = atomic_load(&ring->next);

	if (ring->generation != generation || atomic_load(&ring->to) != to)
		return false;
	if (next - first > HS_RECENT_IDS) /* an append that failed had noted more than fits */
		return false;
	return next == first || hs_recent_ids_at(ring, next - 1)->end <= to;
}

void hs_recent_ids_begin(struct hs_recent_ids *ring, uint64_t generation, uint64_t at)
{
	if (ends_at(ring, generation, at))
		return;
	atomic_store(&ring->to, UINT64_MAX); /* no segment ends there: the ring is invalid until all fields are set */
	in_order();
	ring->generation = generation;
	atomic_store(&ring->first, atomic_load(&ring->next));
	atomic_store(&ring->from, at);
	atomic_store(&ring->to, at);
}

void hs_recent_ids_note(struct hs_recent_ids *ring, uint64_t noted, struct hs_unflushed_id id)
{
	uint64_t number = atomic_load(&ring->next) + noted, first = atomic_load(&ring->first);
	struct hs_unflushed_id *slot = &ring->id[number % HS_RECENT_IDS];

	if (number - first >= HS_RECENT_IDS) {
		atomic_store(&ring->from, slot->end);
		atomic_store(&ring->first, number - HS_RECENT_IDS + 1);
		in_order();
	}
	*slot = id;
}

void hs_recent_ids_end(struct hs_recent_ids *ring, uint64_t noted, uint64_t end)
{
	atomic_fetch_add(&ring->next, noted);
	atomic_store(&ring->to, end);
}

bool hs_recent_ids_between(const struct hs_recent_ids *ring, uint64_t generation, uint64_t from, uint64_t to,
                           uint64_t *first, uint64_t *next)
{
	uint64_t oldest = atomic_load(&ring->first);

	*first = *next = atomic_load(&ring->next);
	if (!ends_at(ring, generation, to) || atomic_load(&ring->from) > from)
		return false;
	while (*first > oldest && hs_recent_ids_at(ring, *first - 1)->end > from)
		--*first;
	return true;
}

const struct hs_unflushed_id *hs_recent_ids_at(const struct hs_recent_ids *ring, uint64_t number)
{
	return &ring->id[number % HS_RECENT_IDS];
}
