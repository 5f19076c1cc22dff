/*
 * stream_memory: what is known of the stream, to notice that it was made anew or that it forgot its end: servers
 * acknowledge before they sync, and a cluster that loses power comes back with what was synced.
 */
#ifndef HS_STREAM_MEMORY_H
#define HS_STREAM_MEMORY_H

#include "tools/ship/engine.h"

struct hs_stream_memory {
	char created[40];  /* "": nothing is known */
	uint64_t sequence; /* the highest that was seen of any message … */
	uint64_t own;      /* … and of one of this receiver */
	uint64_t back;     /* this receiver's messages from this sequence on claim too much: they were sent after the
	                      stream went back, and before that was noticed. 0 once a later one is stored */
};

enum hs_stream_change {
	HS_STREAM_SAME,
	HS_STREAM_FORGOT,  /* messages that it had acknowledged are gone from its end, or were, and `back` is not 0 */
	HS_STREAM_ANOTHER, /* it was deleted and recreated */
};

/*
 * Compares. Messages of others may have filled the end again, so a stream has also forgotten when this receiver's
 * last message is before one that it had, unless the stream's limits have deleted everything up to that one.
 */
enum hs_stream_change hs_stream_memory_judge(const struct hs_stream_memory *memory,
                                             const struct hs_engine_asked *asked);

/*
 * True if this receiver's last message names a sequence that is not before its own: it was sent when the stream had
 * gone back, and that was not known.
 */
bool hs_stream_says_too_much(const struct hs_engine_asked *asked);

/* Replaces what is known, but not `back`, unless it is of another stream. */
void hs_stream_memory_take(struct hs_stream_memory *memory, const struct hs_engine_asked *asked);

/* Notes an answer. A duplicate is perhaps the message of another receiver. */
void hs_stream_memory_note(struct hs_stream_memory *memory, uint64_t sequence, bool duplicate);

#endif
