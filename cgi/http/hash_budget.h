/*
 * hash_budget: limits the hashing of large bodies that match no secret. Until a body is hashed
 * nothing is known of its sender, so this is the work that strangers can cause.
 *
 * A token bucket of HS_HASH_BUDGET_RATE bytes a second. Spending more makes a debt, and nothing
 * is allowed until time has paid it. Lock-free; all threads share one.
 */
#ifndef HS_HASH_BUDGET_H
#define HS_HASH_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HS_HASH_BUDGET_RATE = 128 << 20, /* bytes a second: a third of a core */
	HS_HASH_BUDGET_BURST_MS = 1000,  /* this much may be spent ahead */
};

/* Zeroed: nothing is owed. */
struct hs_hash_budget {
	_Atomic int64_t paid_ms; /* when all spending is paid off (hs_io_now_monotonic's clock) */
	_Atomic unsigned hint;   /* index of the secret that matched last */
};

/* In all functions NULL means no limit and no hint. */

/* False: nothing more may be hashed now. */
bool hs_hash_budget_allows(struct hs_hash_budget *b, int64_t now_ms);
/* Charges bytes that were hashed. */
void hs_hash_budget_charge(struct hs_hash_budget *b, uint64_t bytes, int64_t now_ms);

/* The index of the secret that matched last, to be tried first. */
unsigned hs_hash_budget_hint(struct hs_hash_budget *b);
void hs_hash_budget_set_hint(struct hs_hash_budget *b, unsigned index);

#endif
