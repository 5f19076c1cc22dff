#include "cgi/http/hash_budget.h"

#include <stddef.h>

bool hs_hash_budget_allows(struct hs_hash_budget *b, int64_t now_ms)
{
	return b == NULL || atomic_load(&b->paid_ms) <= now_ms + HS_HASH_BUDGET_BURST_MS;
}

void hs_hash_budget_charge(struct hs_hash_budget *b, uint64_t bytes, int64_t now_ms)
{
	int64_t ms = (int64_t)(bytes / (HS_HASH_BUDGET_RATE / 1000)), paid, next;

	if (b == NULL || bytes == 0)
		return;
	paid = atomic_load(&b->paid_ms);
	do {
		next = (paid > now_ms ? paid : now_ms) + ms + 1;
	} while (!atomic_compare_exchange_weak(&b->paid_ms, &paid, next));
}

unsigned hs_hash_budget_hint(struct hs_hash_budget *b)
{
	return b == NULL ? 0 : atomic_load(&b->hint);
}

void hs_hash_budget_set_hint(struct hs_hash_budget *b, unsigned index)
{
	if (b != NULL && atomic_load(&b->hint) != index)
		atomic_store(&b->hint, index);
}
