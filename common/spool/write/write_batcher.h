/*
 * write_batcher: one thread does the work of many, and no other thread sleeps until it is done.
 *
 * Work goes in cycles, one at a time. A thread that joins while no other leads becomes the leader: it
 * does all work that is waiting by then, tells each of the members, and goes on until no work is
 * waiting. The other threads return to their own tasks. So a cycle that takes long (a sync) serves
 * many members, and no thread pays for a sleep and a wake-up.
 *
 * Under load, cycles begin at least HS_WRITE_BATCHER_PACE_US apart, and what comes in the meantime
 * shares the next one: fewer syncs leave more of disk and processor to everybody. Without load a
 * cycle begins at once.
 */
#ifndef HS_WRITE_BATCHER_H
#define HS_WRITE_BATCHER_H

#include "base/result.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HS_WRITE_BATCHER_MOST = 64,  /* members of one cycle */
	HS_WRITE_BATCHER_CROWD = 16, /* a cycle with this many members is load: the next one waits for more */
	HS_WRITE_BATCHER_PACE_US = 1000,
};

/* A piece of work. It must not move, and belongs to the batcher until it is done. */
struct hs_member {
	const void *work;    /* for `run` */
	int64_t deadline_ms; /* on hs_io_now_monotonic's clock, see hs_write_batcher_expire */
	/* Called once, by any thread, without a lock; the batcher no longer knows the member then. */
	void (*done)(struct hs_member *member, enum hs_result result);
	struct hs_member *next;
};

struct hs_write_batcher;

/*
 * Does the work of all members of a cycle, a list, and returns the result for each of them. It calls
 * hs_write_batcher_release once it does not need the list and their work again: from then on a member
 * whose deadline has passed may leave.
 */
typedef enum hs_result hs_write_batcher_run(void *context, struct hs_write_batcher *batcher,
                                            const struct hs_member *first);
void hs_write_batcher_release(struct hs_write_batcher *batcher);

struct hs_write_batcher {
	hs_write_batcher_run *run;
	void *context;
	pthread_mutex_t lock; /* protects the rest */
	struct hs_member *waiting, **end, *working;
	bool led;         /* a thread leads */
	bool released;    /* it does not need the members of its cycle any more */
	bool crowded;     /* the last cycle had HS_WRITE_BATCHER_CROWD members */
	int64_t begun_us; /* when that cycle began */
};

/* False: the lock cannot be made, and nothing must be destroyed. */
bool hs_write_batcher_init(struct hs_write_batcher *batcher, hs_write_batcher_run *run, void *context);
void hs_write_batcher_destroy(struct hs_write_batcher *batcher);

/*
 * Hands the member's work in. True: this thread must call hs_write_batcher_lead, soon. The member's
 * done() may be called before this returns.
 */
bool hs_write_batcher_join(struct hs_write_batcher *batcher, struct hs_member *member);

/* Returns when no work is waiting, or another thread leads: under load that may be much later. */
void hs_write_batcher_lead(struct hs_write_batcher *batcher);

/*
 * Ends members whose deadline has passed with HS_E_TIMEOUT, also if their work is under way and was
 * released. To be called now and then by a thread that does not do the work.
 */
void hs_write_batcher_expire(struct hs_write_batcher *batcher, int64_t now_ms);

#endif
