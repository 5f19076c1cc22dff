/* sink_ship_private: the sink's state, for sink_ship*.c alone. Times are of the monotonic clock. */
#ifndef HS_SINK_SHIP_PRIVATE_H
#define HS_SINK_SHIP_PRIVATE_H

#include "base/buf.h"
#include "base/digest.h"
#include "spool/position/record_check.h"
#include "tools/ship/in_flight.h"
#include "tools/ship/kept_place.h"
#include "tools/ship/place_set.h"
#include "tools/ship/sink_ship.h"
#include "tools/ship/stream_memory.h"
#include "tools/sink/pump.h"

/* Messages that are printed once a minute at most. */
enum ship_topic { SHIP_LINK, SHIP_ASK, SHIP_NOBODY, SHIP_FULL, SHIP_MOMENT, SHIP_GONE, SHIP_TOPICS };

struct ship_asking {
	bool needed, under_way;
	int64_t begun_ms, next_ms; /* next: not before */
	unsigned failures;         /* since one succeeded */
	uint64_t generation;       /* of the link when it began */
};

/* A pause after refusals. */
struct ship_pace {
	int64_t until_ms;
	unsigned refusals; /* pauses since a record was stored */
	int64_t good_ms;   /* when something was stored, or ship had nothing to wait for */
};

/* The messages of this receiver in the stream when the run began. */
struct ship_found {
	struct hs_place_set set;
	uint64_t floor; /* all in the set have a sequence above it */
};

struct ship {
	struct hs_sink sink; /* first: both have one address */
	struct hs_sink_ship_options options;
	struct hs_engine *engine;
	struct hs_pump *pump;
	struct hs_rewrite_log *rewrites;
	struct hs_record_check check; /* by the same log */
	struct hs_in_flight *ring;
	struct ship_found found;
	struct hs_stream_memory memory;
	struct hs_kept_place kept;
	struct ship_asking asking;
	struct ship_pace pace;
	uint64_t first;                        /* the sequence of the stream's first message */
	uint64_t generation;                   /* of the link whose messages may still be answered */
	bool up, refused, unflushed, stopping; /* refused: HS_LINK_REFUSED after a record was stored, so it waits */
	int64_t said_ms[SHIP_TOPICS];
	int64_t figures_ms; /* when the figures were written; 0: not in this run */
	uint64_t counted;   /* records stored by then */
	struct hs_digest *digest;
	struct hs_buf text; /* scratch */
};

static inline struct ship *ship_of(struct hs_sink *sink)
{
	return (struct ship *)sink;
}

/* Prints "hookspool ship: " and the text, unless the topic was said within a minute. */
__attribute__((format(printf, 3, 4))) void ship_say(struct ship *s, enum ship_topic topic, const char *format, ...);

/* Prints it at once. */
__attribute__((format(printf, 2, 3))) void ship_tell(struct ship *s, const char *format, ...);

/* Exit code for a result, after a message; 0 for HS_OK. */
int ship_result(struct ship *s, enum hs_result result);

/* --- sink_ship_start.c ------------------------------------------------------------------- */

int ship_open(struct hs_sink *sink, struct hs_sink_start *start);

/* Saves the cursor with what is known of the stream. */
enum hs_result ship_save(struct hs_sink *sink, struct hs_position position, const struct hs_ahead *ahead);

/* --- sink_ship_ask.c ---------------------------------------------------------------------- */

/* Notices that the connection went or came. */
void ship_look_at_link(struct ship *s);

/* Begins to ask if that is due, and takes what an ask has found. */
void ship_ask(struct ship *s);

/* The record is perhaps stored: asks from that time on. */
void ship_doubt(struct ship *s, struct hs_in_flight_record *record, int64_t ms);

/* Notes the stream's leader in the figures, and its first message. */
void ship_note_stream(struct ship *s, const struct hs_engine_asked *asked);

/* Counts the answer if it is a duplicate, and says so if the stream has no more what it is one of. */
void ship_note_duplicate(struct ship *s, const struct hs_answer *answer);

/* Milliseconds between tries: `first`, doubled each time, up to `most`. */
int64_t ship_delay(unsigned tries, int64_t first, int64_t most);

#endif
