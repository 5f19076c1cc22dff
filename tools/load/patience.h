/* patience: how long a loader waits for its database after a failure, and what it says meanwhile. */
#ifndef HS_PATIENCE_H
#define HS_PATIENCE_H

#include "tools/load/target.h"

enum { HS_PATIENCE_STOPPED = -1 /* in place of an exit code: `stop` ended the wait */ };

/* A wait, over all tries of one piece of work. The first five members are the caller's, the others begin as 0. */
struct hs_patience {
	const char *command;         /* for messages */
	bool once;                   /* gives up after a minute, and at once if only a person can help */
	int64_t wait_ms;             /* before the second try; 0: half a second, a minute if only a person can help */
	bool (*stop)(void *context); /* true ends a wait; NULL: nothing does */
	void *context;
	int64_t begun_ms, next_ms, noted_ms;
	enum hs_target_result noted;
	unsigned catalogue; /* tries after the catalogue was read anew */
};

/*
 * Waits after a try that failed. 0: try again; else an exit code, after a message to standard error, or
 * HS_PATIENCE_STOPPED.
 */
int hs_patience_wait(struct hs_patience *patience, const struct hs_target *target, enum hs_target_result result);

/* After a success: says for how long it waited, if the wait began with a message. */
void hs_patience_end(const struct hs_patience *patience);

#endif
