/*
 * consumer: what each and forward share: the options of a consumer with a cursor, and its run from the first record
 * to the sums on standard error.
 */
#ifndef HS_CONSUMER_H
#define HS_CONSUMER_H

#include "tools/command.h"
#include "tools/sink/pump.h"

struct hs_consumer {
	const char *config, *cursor, *from;
	uint64_t jobs, batch;
	bool once, failed, retry_for_given;
	int64_t retry_for_ms;
};

/* A single job, no batches, and tries for four hours, as long as Segment itself tries. */
#define HS_CONSUMER_INIT \
	{ \
		.jobs = 1, .batch = 1, .retry_for_ms = INT64_C(4) * 3600000 \
	}

/* Options of the command's table, by these numbers; those of the command itself begin at HS_CONSUMER_OWN. */
enum {
	HS_CONSUMER_CURSOR = HS_OPT_OWN,
	HS_CONSUMER_FROM,
	HS_CONSUMER_ONCE,
	HS_CONSUMER_FAILED,
	HS_CONSUMER_RETRY_FOR,
	HS_CONSUMER_OWN
};
#define HS_CONSUMER_OPTION_FAILED \
	{ \
		"failed", NULL, HS_CONSUMER_FAILED, "try this cursor's dead letters again: failed.jsonl" \
	}
#define HS_CONSUMER_OPTION_RETRY_FOR \
	{ \
		"retry-for", "TIME", HS_CONSUMER_RETRY_FOR, "try again for this long (30s, 15m, 4h, 2d); 4h" \
	}

/* Takes one of them, or --config. False: a wrong argument or another option, after a message. */
bool hs_consumer_option(struct hs_consumer *consumer, const char *command, int option, const char *argument);

/* To be called after the last option. False: they exclude each other, after a message. */
bool hs_consumer_is_complete(struct hs_consumer *consumer, const char *command);

/* The options of its pump; the caller adds choose, may_match and context. */
struct hs_pump_options hs_consumer_pump(const struct hs_consumer *consumer, const char *command);

/*
 * Runs the pump, whose sink may be NULL (out of memory, or a message was printed), and prints the sums; `passed` is
 * what they call the records that were not chosen. Returns the exit code, or ends by SIGINT or SIGPIPE.
 */
int hs_consumer_run(const struct hs_pump_options *options, struct hs_sink *sink, const char *passed);

#endif
