/*
 * sink: the place that records go to: standard output, handlers, a database, a stream.
 *
 * A sink is one file with a struct hs_sink_ops, and a command that hands it to the pump (pump.h),
 * which does all that is the same for every sink: reading, the cursor, signals, saving, retries,
 * order by key, dead letters, progress. The pump calls the functions from one thread, and none of
 * them may wait for the outside: what cannot be done now is done by a later collect, after poll(2)
 * or due said so.
 *
 * There are two ways to acknowledge:
 *
 *	in order   offer's line is valid during the call only, so the sink copies it. It
 *	           acknowledges with hs_pump_ack_to, which covers everything up to a position.
 *	           Nothing is retried by the pump.
 *	by record  the pump keeps a copy of each record until hs_pump_ack settles it, in any
 *	           order. A record may fail: then the pump offers it again later and holds back the
 *	           records of the same key, or writes a dead letter.
 *
 * A sink that stores its position together with the records (in one transaction) returns that
 * position from open, and has the pump call `save` instead of moving a cursor, or sets no_save
 * and stores each record's `after` by itself.
 */
#ifndef HS_SINK_H
#define HS_SINK_H

#include "tools/sink/ack_tracker.h"

#include <poll.h>

struct hs_pump;
struct hs_sink;

enum { HS_SINK_GROUPS = 64 /* numbers of groups are below */ };

/* Where a sink that keeps its own position wants to begin. */
struct hs_sink_start {
	bool given; /* false: where the cursor is, or as for a new cursor */
	struct hs_position position;
	struct hs_ahead ahead; /* what is done after it; ahead.to.number == 0: nothing */
};

struct hs_offered {
	struct hs_slice line;     /* without its '\n' */
	struct hs_item *item;     /* the record to acknowledge; NULL for a sink in order */
	struct hs_position after; /* its end; set for a sink in order with wants_positions */
	unsigned partition;       /* below the sink's partitions */
};

enum hs_outcome {
	HS_OUTCOME_DONE,
	HS_OUTCOME_RETRY,    /* not now: again later, until retry_for is over, then a dead letter */
	HS_OUTCOME_REFUSED,  /* never: a dead letter */
	HS_OUTCOME_ALONE,    /* its batch was refused: offer it again, by itself (item->alone) */
	HS_OUTCOME_RETURNED, /* not tried: offer it again at once, before what came after it */
};

/* The outcome of one record. Its slices need to be valid during hs_pump_ack only. */
struct hs_ack {
	struct hs_item *item;
	enum hs_outcome outcome;
	int status;             /* of RETRY and REFUSED: an exit code, an HTTP status */
	int64_t retry_after_ms; /* of RETRY: not before, if retry_for lasts that long; 0: as the pump likes */
	struct hs_slice on;     /* a name for the record's group, in messages and dead letters */
	struct hs_slice message;
	struct hs_slice noise; /* the dead letter's "stderr" */
};

/* A function is never NULL unless its comment says so. */
struct hs_sink_ops {
	/* May be NULL. 0, or an exit code after a message to standard error. `start` is zeroed. */
	int (*open)(struct hs_sink *sink, struct hs_sink_start *start);

	/* Takes the record: true. Full, or sink->code was set: false; it is offered again. */
	bool (*offer)(struct hs_sink *sink, const struct hs_offered *record);

	/* May be NULL. False: do not look for a record for this partition. */
	bool (*has_room)(const struct hs_sink *sink, unsigned partition);

	/* May be NULL. No more records come for this partition at present: send what was gathered. */
	void (*flush)(struct hs_sink *sink, unsigned partition);

	/* May be NULL. Fills at most sink->fds entries with what to wait for; returns how many. */
	size_t (*poll)(const struct hs_sink *sink, struct pollfd *p);

	/* May be NULL. Milliseconds until collect has something to do; -1: only poll tells. */
	int64_t (*due)(const struct hs_sink *sink);

	/* Does what can be done without waiting; reports outcomes by hs_pump_ack, hs_pump_ack_to. */
	void (*collect)(struct hs_sink *sink, struct hs_pump *pump);

	/*
	 * May be NULL: then the pump saves the cursor, if it has one. Stores the position and what
	 * is done after it. Returns HS_OK or a result that is shown and ends the run.
	 */
	enum hs_result (*save)(struct hs_sink *sink, struct hs_position position, const struct hs_ahead *ahead);

	/*
	 * The end: nothing more is offered. Finishes what the sink has in hand; true once that is
	 * done or given up. Called after each collect until then. ms: how long it may take, -1: as
	 * long as it needs, 0: give it up (said once).
	 */
	bool (*drain)(struct hs_sink *sink, int64_t ms);

	/* May be NULL. Called once, also if open failed. Open items are not the sink's to free. */
	void (*close)(struct hs_sink *sink);
};

/* The first member of each sink's own struct. */
struct hs_sink {
	const struct hs_sink_ops *ops;
	bool in_order;        /* see above */
	bool wants_positions; /* in order: fill in hs_offered.after */
	bool hashes;     /* in order: it acknowledges positions with a hash that it makes itself; offer them without */
	int64_t save_ms; /* a position is saved no more often than this; 0: as the pump likes */
	bool no_save;    /* the sink stores positions by itself: neither cursor nor save */
	bool open_hears_signals; /* `open` asks hs_pump_is_asked_to_stop; else signals act by default until it ends */

	/* By record. A key belongs to one of `partitions` (at least 1); each partition is offered in order. */
	unsigned partitions;
	bool one_per_key; /* offer no record while one of its key is in hand */
	bool ready_first; /* may change: just now, offer a record that failed before only if there is no other */
	bool by_group;    /* between two flushes offer a partition records of one group only */
	size_t window;    /* most records that are read and not settled; 0: the pump's default */
	const char *noun, *failed; /* for messages: "handler of", "it ended with" */

	size_t fds;  /* most entries that poll fills */
	bool prints; /* it ends, as if by SIGPIPE, when nobody reads standard output any more */

	struct hs_progress *progress; /* of the pump, which sets it */

	/* Set by the sink when it cannot go on: an exit code, after a message; a signal's number. */
	int code, ended_by;
};

/* NULL: none. */
static inline void hs_sink_close(struct hs_sink *sink)
{
	if (sink != NULL && sink->ops->close != NULL)
		sink->ops->close(sink);
}

#endif
