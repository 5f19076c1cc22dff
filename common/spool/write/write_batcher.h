/*
 * write_batcher: what many want done at the same time is done by one for all, and nobody sleeps
 * until it is done.
 *
 * Work goes in cycles, one at a time. Whoever joins while nobody leads becomes the leader:
 * it does what is waiting by then, tells each of the members, and goes on until nothing is
 * waiting. The others go back to what they have to do. So a cycle that takes long (a sync)
 * serves many, and costs no thread a sleep and a waking.
 *
 * Where much comes at once, cycles begin at least HS_WRITE_BATCHER_PACE_US apart: what comes in the
 * meantime shares the next one. Fewer syncs leave more of disk and processor to all; where
 * little comes nobody waits for company.
 */
#ifndef HS_WRITE_BATCHER_H
#define HS_WRITE_BATCHER_H

#include "base/result.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HS_WRITE_BATCHER_MOST = 64,  /* members of one cycle */
	HS_WRITE_BATCHER_CROWD = 16, /* so many members are much */
	HS_WRITE_BATCHER_PACE_US = 1000,
};

/* One piece of work; it stays where it is, and belongs to the group until it is done. */
struct hs_member {
	const void *work;    /* what it wants; for the leader to know */
	int64_t deadline_ms; /* on hs_io_now_monotonic's clock, see hs_write_batcher_expire */
	/* Called once, by any thread, without a lock; then the group knows the member no more. */
	void (*done)(struct hs_member *member, enum hs_result result);
	struct hs_member *next;
};

struct hs_write_batcher;

/*
 * What a leader does with all members of its cycle, a list; the result is everybody's. It
 * calls hs_write_batcher_release when it will not look at the list and at their work again: from
 * then on a member whose time is up may leave.
 */
typedef enum hs_result hs_write_batcher_run(void *context, struct hs_write_batcher *batcher,
                                            const struct hs_member *first);
void hs_write_batcher_release(struct hs_write_batcher *batcher);

struct hs_write_batcher {
	hs_write_batcher_run *run;
	void *context;
	pthread_mutex_t lock; /* of what follows */
	struct hs_member *waiting, **end, *working;
	bool led;         /* somebody leads */
	bool released;    /* it looks at nobody's work any more */
	bool crowded;     /* much came in the last cycle */
	int64_t begun_us; /* when that cycle began */
};

bool hs_write_batcher_init(struct hs_write_batcher *batcher, hs_write_batcher_run *run, void *context);
void hs_write_batcher_destroy(struct hs_write_batcher *batcher);

/*
 * Has the member's work done, by this thread or another. True: by this one; it must call
 * hs_write_batcher_lead, as soon as it likes to. The member's done() may be called before this returns.
 */
bool hs_write_batcher_join(struct hs_write_batcher *batcher, struct hs_member *member);

/* Returns when nothing is left to do, which under load may be much later. */
void hs_write_batcher_lead(struct hs_write_batcher *batcher);

/*
 * Now and then, from a thread that is not held up by any of the work: members whose time is
 * up are done with HS_E_TIMEOUT, whether their work is under way or not.
 */
void hs_write_batcher_expire(struct hs_write_batcher *batcher, int64_t now_ms);

#endif
