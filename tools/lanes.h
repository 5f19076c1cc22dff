/*
 * lanes: records on their way through handlers, in parallel, but in order for each user.
 *
 * A user belongs to one of `jobs` lanes. A lane works off its records one after the other:
 * a process for each (or for each batch), or with `stream` a long-lived process for each
 * rule, which is given records ahead of its answers, but never two of one user at once. A
 * record that is to be tried again is parked; its user's later ones wait behind it, other
 * users' pass. What waits, and why, is said on standard error, once for each rule. A record that
 * would be set aside while failed.jsonl has reached failed_max is tried again, too.
 */
#ifndef HS_LANES_H
#define HS_LANES_H

#include "tools/acks.h"
#include "tools/rules.h"

#include <poll.h>

enum { HS_LANES_MAX = 64, HS_HANDLER_BATCH_MAX = 10000 };

struct hs_lanes_options {
	const char *command, *cursor; /* for messages and for failed.jsonl */
	const struct hs_place *place;
	struct hs_rules *rules;
	unsigned jobs, batch;
	bool stream;
	int64_t retry_for_ms; /* since the first failure; then it is set aside */
	bool letters; /* they stand in failed.jsonl already: what fails again may exceed failed_max */
	struct hs_acks *acks; /* is told of each record that is done or set aside */
};

struct hs_lanes_counts {
	uint64_t done, aside, again;
};

struct hs_lanes;

/* The options are copied; what they point to must outlive the lanes. NULL: out of memory. */
struct hs_lanes *hs_lanes_new(const struct hs_lanes_options *options);
/* Processes that still run are left alone, their pipes closed. */
void hs_lanes_free(struct hs_lanes *l);

void hs_lanes_put(struct hs_lanes *l, struct hs_item *item);

/* Everything that can be done now without waiting. */
void hs_lanes_work(struct hs_lanes *l);

/* What to wait for: how many of p (of hs_lanes_fds()) were filled. */
size_t hs_lanes_fds(const struct hs_lanes *l);
size_t hs_lanes_poll(const struct hs_lanes *l, struct pollfd *p);
/* ms until a parked record is due, or a handler has been silent for long; -1: neither. */
int64_t hs_lanes_due(const struct hs_lanes *l);

/* Nothing more is begun; long-lived handlers are told the end. */
void hs_lanes_stop(struct hs_lanes *l);
bool hs_lanes_running(const struct hs_lanes *l);
void hs_lanes_kill(const struct hs_lanes *l, int signal);

/* Not 0: an exit code; it has been said why, and nothing more is begun. */
int hs_lanes_code(const struct hs_lanes *l);
struct hs_lanes_counts hs_lanes_counts(const struct hs_lanes *l);

#endif
