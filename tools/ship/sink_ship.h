/*
 * sink_ship: the sink that sends each record to a replicated log (engine.h) exactly once: through kills of ship, of
 * servers and of their majority, through acknowledgements of what is not stored, and through a stream that loses its
 * end. The spool is the write-ahead log; the stream itself tells what it has.
 *
 *	read ── ring (in_flight.h) ── sent ── answered ── leaves at the front ── cursor
 *	                                │
 *	                              doubt: no answer in time, sequence 0, connection lost
 *	                                │
 *	                               ask: what the stream has counts as answered, the rest is sent again, in order
 *
 * Invariants:
 *
 * 1. The cursor passes a record only when it, and all before it, have an answer with a sequence above 0, are in what
 *    the stream has told, or were erased. A duplicate with sequence 0 is no answer.
 * 2. A record that is perhaps stored is not sent again before an ask that began afterwards has ended. An ask begins
 *    with a barrier: what was sent before it is stored by then, or never will be.
 * 3. Each message says (D, S): every record before place D was stored, and every message of this receiver for a
 *    record at D or after has a sequence above S. So an ask reads the last message of the receiver, and then the
 *    places of those after S: at most what was in flight.
 *
 *    D is the place of the first record R in the ring without an answer, and S is R's floor. The floor of a record
 *    is the highest sequence known to be in the stream when the record is sent for the first time; a message stored
 *    later gets a greater one. Records are sent for the first time in the order of the spool, and the highest known
 *    sequence never falls, so floors never fall along the ring, and all records from R on, of this run, are above
 *    R's floor. Messages of an earlier run at D or after are in the set that the first ask returned, so they are
 *    above the S' of that ask; up to the last place of the set, the floor of every record is S'. Messages of an
 *    earlier run that are not in the set are not in the stream: that is the barrier. Sending again does not change a
 *    floor. An answer whose sequence is not above the highest one that was known when its message was sent proves that
 *    the stream went back: then it is asked, and the run begins anew.
 * 4. A stream that forgot its end has lost the messages after some sequence, all of them. The last message of this
 *    receiver that is left was sent when everything before its D was acknowledged, and those messages are before it:
 *    they are there. So the cursor goes back to D, is saved there, and what the set has is not sent again.
 *
 * When a stream goes back while ship runs, the run ends with HS_SHIP_RESTART: the next one asks and begins right. If
 * the connection did not show it, the messages sent between the loss and the answer that shows it say more than is
 * true (3). They show that themselves if S is not below their own sequence; and the cursor's file has the highest
 * sequences that were seen. So a run that begins reads the stream itself, for the last message of this receiver whose
 * word can be trusted (walk_back.h), and the cursor's file says where that ends ("back") until a later message is
 * stored: a kill before that changes nothing.
 *
 * Two cases remain in which ship loses records, both with a loss that the connection does not show. In the first, at
 * least as many messages were stored afterwards as were lost, by others, or by a ship that was killed before an answer
 * showed the loss. In the second, there are several such losses, with kills between them.
 *
 * Another mark in the cursor's file does not close them. It already has the stream's stamp, the highest sequences that
 * were seen, and where the stream went back. Sequences are given out again, so only the identity of a message shows
 * that it is still the one which was acknowledged, and it shows that for messages up to its own: a loss behind the last
 * one in the file, of records that were answered after the file was saved, stays hidden; and when others fill the
 * stream while ship runs, the next saved mark is a message from after the loss. Each message would have to be looked
 * at again after the next one is stored, or the stream to refuse what does not follow the receiver's last message,
 * whose sequence is not known before its answer: one message in flight. ship --verify finds what is lacking.
 */
#ifndef HS_SINK_SHIP_H
#define HS_SINK_SHIP_H

#include "spool/figures/ship_figures.h"
#include "tools/ship/engine.h"
#include "tools/sink/sink.h"

enum { HS_SHIP_RESTART = -1 /* the run's code: open a new pump, with a new sink */ };

struct hs_sink_ship_options {
	const char *subject, *receiver;  /* subject.h */
	size_t records, bytes;           /* in flight */
	int64_t ack_wait_ms, hold_ms;    /* hold: how long segments are kept after the cursor has passed them */
	bool once;                       /* end with an error where it would wait for long */
	bool aside;                      /* a record that is too long is a dead letter; otherwise it ends the run */
	bool from_start, from_now;       /* what to do with a stream that was recreated, or lost everything */
	bool quiet;                      /* errors alone */
	struct hs_ship_figures *figures; /* of all runs */
};

/* Copies the options; what they point to, and the engine, must outlive it. NULL: out of memory. */
struct hs_sink *hs_sink_ship_new(const struct hs_sink_ship_options *options, struct hs_engine *engine);

/* The pump that drives the sink; before hs_pump_open. */
void hs_sink_ship_pump(struct hs_sink *sink, struct hs_pump *pump);

#endif
