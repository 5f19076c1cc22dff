/*
 * keyed_scheduler: records on their way through handlers, in parallel, but in order for each user.
 *
 * A user belongs to one of `jobs` lanes. A lane works off its records one after the other:
 * a process for each (or for each batch), or with `stream` a long-lived process for each
 * rule, which is given records ahead of its answers, but never two of one user at once. A
 * record that is to be tried again is parked; its user's later ones wait behind it, other
 * users' pass. What waits, and why, is said on standard error, once for each rule. A record that
 * would be set aside while failed.jsonl has reached failed_max is tried again, too.
 */
#ifndef HS_SCHEDULER_H
#define HS_SCHEDULER_H

#include "tools/sink/ack_tracker.h"
#include "tools/sink/routing_rules.h"

#include <poll.h>

enum { HS_SCHEDULER_MAX = 64, HS_HANDLER_BATCH_MAX = 10000 };

struct hs_scheduler_options {
	const char *command, *cursor; /* for messages and for failed.jsonl */
	const struct hs_spool_dir *dir;
	struct hs_routing_rules *rules;
	unsigned jobs, batch;
	bool stream;
	int64_t retry_for_ms; /* since the first failure; then it is set aside */
	bool letters; /* they stand in failed.jsonl already: what fails again may exceed failed_max */
	struct hs_ack_tracker *acks; /* is told of each record that is done or set aside */
};

struct hs_scheduler_counts {
	uint64_t done, aside, again;
};

struct hs_scheduler;

/* The options are copied; what they point to must outlive the lanes. NULL: out of memory. */
struct hs_scheduler *hs_scheduler_new(const struct hs_scheduler_options *options);
/* Processes that still run are left alone, their pipes closed. */
void hs_scheduler_free(struct hs_scheduler *l);

void hs_scheduler_put(struct hs_scheduler *l, struct hs_item *item);

/* Everything that can be done now without waiting. */
void hs_scheduler_work(struct hs_scheduler *l);

/* What to wait for: how many of p (of hs_scheduler_fds()) were filled. */
size_t hs_scheduler_fds(const struct hs_scheduler *l);
size_t hs_scheduler_poll(const struct hs_scheduler *l, struct pollfd *p);
/* ms until a parked record is due, or a handler has been silent for long; -1: neither. */
int64_t hs_scheduler_due(const struct hs_scheduler *l);

/* Nothing more is begun; long-lived handlers are told the end. */
void hs_scheduler_stop(struct hs_scheduler *l);
bool hs_scheduler_running(const struct hs_scheduler *l);
void hs_scheduler_kill(const struct hs_scheduler *l, int signal);

/* Not 0: an exit code; it has been said why, and nothing more is begun. */
int hs_scheduler_code(const struct hs_scheduler *l);
struct hs_scheduler_counts hs_scheduler_counts(const struct hs_scheduler *l);

#endif
