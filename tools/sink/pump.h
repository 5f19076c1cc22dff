/*
 * pump: moves records from the spool into a sink (sink.h), until the end or a signal.
 *
 *	pump = hs_pump_new(&options, sink);
 *	code = hs_pump_open(pump);          // the spool, the cursor, where to begin
 *	if (code == 0)
 *		code = hs_pump_run(pump);   // until the end, a signal, or an error
 *	signal = hs_pump_ended_by(pump);
 *	code = hs_pump_close(pump, code);
 *
 * Signals: with catch_signals, SIGINT, SIGTERM and SIGHUP end the run in good order: nothing more
 * is read, the sink is drained, the position is saved. A second one, or drain_ms, cuts the drain
 * short. Without it they act as they do by default.
 *
 * Erasing: what hookspool erase has removed by the time that a record is offered, or becomes a dead letter, is settled
 * instead. What was offered to a sink by record before that is in its hands. A sink in order looks itself.
 *
 * Saving: a position is saved at most once a second while much is done, and 100 ms after the last
 * record otherwise; and at the end. It never passes a record that is not acknowledged.
 */
#ifndef HS_PUMP_H
#define HS_PUMP_H

#include "tools/sink/pump_input.h"

struct hs_pump_counts {
	uint64_t done, dead, again; /* records; again: how often one was put off */
	uint64_t gone;              /* not offered, or not again: erased since they were read */
	uint64_t passed;            /* not chosen */
};

struct hs_pump;

/*
 * Copies the options; what they point to must outlive the pump. The sink is the pump's. NULL: out of memory, or the
 * sink is NULL; and it is closed.
 */
struct hs_pump *hs_pump_new(const struct hs_pump_options *options, struct hs_sink *sink);

/* 0, or an exit code after a message to standard error. hs_pump_close after both. */
int hs_pump_open(struct hs_pump *p);

/* Once open: what is read and, without follow, where it ends, for a look ahead of the run. */
const struct hs_pump_input *hs_pump_reads(const struct hs_pump *p);

/* 0, or an exit code after a message. */
int hs_pump_run(struct hs_pump *p);

struct hs_pump_counts hs_pump_counts(const struct hs_pump *p);

/* The signal that ended the run, SIGPIPE for a closed standard output; 0: none (stop_signals.h). */
int hs_pump_ended_by(const struct hs_pump *p);

/* Frees it and its sink; returns the code. NULL is fine. */
int hs_pump_close(struct hs_pump *p, int code);

/* --- for sinks ---------------------------------------------------------------- */

/* True if a signal asks the run to end: for a sink that waits inside a call. */
bool hs_pump_is_asked_to_stop(struct hs_pump *p);

/* --- for sinks, inside collect ------------------------------------------------ */

/* Settles a record, by its outcome. The item may be gone afterwards. */
void hs_pump_ack(struct hs_pump *p, const struct hs_ack *ack);

/* In order: everything before this position, an hs_offered's `after`, is done. */
void hs_pump_ack_to(struct hs_pump *p, struct hs_position position);

#endif
