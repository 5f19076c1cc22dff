/*
 * keyed_scheduler: which record a sink is offered next, so that the records of one user keep
 * their order while others pass.
 *
 * A user, whose records have one key, belongs to one of the partitions. A record that failed is parked until it
 * is due; its user's later records wait for it. With one_per_key they also wait for a record that was given and is
 * not answered yet.
 *
 *	put ──> ready ──next──> given ──answered──> (settled by the caller, and forgotten)
 *	          ^  \                    │
 *	          │   waiting <──────┐    │ failed
 *	          └──────┴── let go ─┴─ parked
 *
 * For one user, in the order of the spool: parked or given, then waiting, then ready.
 */
#ifndef HS_KEYED_SCHEDULER_H
#define HS_KEYED_SCHEDULER_H

#include "tools/sink/ack_tracker.h"

struct hs_keyed_scheduler;

/* NULL: out of memory. */
struct hs_keyed_scheduler *hs_keyed_scheduler_new(unsigned partitions, bool one_per_key);
/* Frees no items. NULL is fine. */
void hs_keyed_scheduler_free(struct hs_keyed_scheduler *s);

/* A new record, later than all that were put before. False: out of memory, and it is not here. */
bool hs_keyed_scheduler_put(struct hs_keyed_scheduler *s, struct hs_item *item);

/* A record that was answered, and is neither parked nor returned, is settled: to be called before it is freed. */
void hs_keyed_scheduler_forget(struct hs_keyed_scheduler *s, struct hs_item *item);

/*
 * Takes out the record that the partition is to be given next; NULL: none at present. rule: -1, or
 * only a record of this rule that need not be alone. ready_first: one that is parked only if no other is ready. Then
 * call _given or _put_back.
 */
struct hs_item *hs_keyed_scheduler_next(struct hs_keyed_scheduler *s, unsigned partition, int rule, bool ready_first,
                                        int64_t now_ms);
void hs_keyed_scheduler_given(struct hs_keyed_scheduler *s, struct hs_item *item);
void hs_keyed_scheduler_put_back(struct hs_keyed_scheduler *s, struct hs_item *item);

/* The sink is through with the record, whatever the outcome. */
void hs_keyed_scheduler_answered(struct hs_keyed_scheduler *s, struct hs_item *item);

/* After that: holds the record, and later ones of its user, until item->retry_ms. */
void hs_keyed_scheduler_park(struct hs_keyed_scheduler *s, struct hs_item *item);

/* Or: it was not tried. It is next once _returned_all is called, in the order of the calls. */
void hs_keyed_scheduler_return(struct hs_keyed_scheduler *s, struct hs_item *item);
void hs_keyed_scheduler_returned_all(struct hs_keyed_scheduler *s);

/* Milliseconds until a record that was not due at seen_ms is; -1: there is none. */
int64_t hs_keyed_scheduler_due(const struct hs_keyed_scheduler *s, int64_t seen_ms, int64_t now_ms);

/* True if nothing was given and nothing can be: all records are parked, or wait for those that are. */
bool hs_keyed_scheduler_is_stuck(const struct hs_keyed_scheduler *s);

#endif
