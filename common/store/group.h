/*
 * group: what several threads of a process want done at the same time is done by one of
 * them for all.
 *
 * Work goes in cycles, one at a time. Whoever comes while no cycle runs leads the next one,
 * for all who wait by then; those who come in the meantime wait for the one after it. So a
 * cycle that takes long (a sync) serves many, and nobody waits for company.
 */
#ifndef HS_GROUP_H
#define HS_GROUP_H

#include "core/result.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { HS_GROUP_MOST = 64 }; /* members of one cycle */

/* One thread's part; it lives as long as hs_group_do. */
struct hs_member {
	const void *work; /* what it wants; for the leader to know */
	struct hs_member *next;
	bool taken;       /* it belongs to the cycle that runs */
	enum hs_result result;
	_Atomic bool done; /* set last: then nobody else looks at the member again */
};

struct hs_group {
	pthread_mutex_t lock;
	struct hs_member *waiting, *working;
	bool running;         /* a cycle */
	bool released;        /* its leader looks at nobody's work any more */
	uint32_t cycle;       /* the last that began */
	_Atomic uint32_t wake[2]; /* futexes: of even, of odd cycles */
};

bool hs_group_init(struct hs_group *g);
void hs_group_destroy(struct hs_group *g);

/*
 * What a leader does with all members of its cycle, a list; the result is everybody's. It
 * calls hs_group_release when it will not look at the list and at their work again: from
 * then on a member whose time is up may leave.
 */
typedef enum hs_result hs_group_run(void *context, struct hs_group *g, const struct hs_member *first);
void hs_group_release(struct hs_group *g);

/*
 * Returns when a cycle with this work has ended: its result; or HS_E_BUSY at `deadline_ms`
 * (hs_io_now_monotonic's clock), whether the work is under way or not.
 */
enum hs_result hs_group_do(struct hs_group *g, const void *work, int64_t deadline_ms,
                           hs_group_run *run, void *context);

#endif
