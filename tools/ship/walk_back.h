/* walk_back: what the stream had of this receiver before a sequence, and has after it, read message by message. */
#ifndef HS_WALK_BACK_H
#define HS_WALK_BACK_H

#include "tools/ship/engine.h"

/*
 * Replaces any, done, sequence and set of *asked, and clears its id: done and sequence are those of the receiver's last message before
 * this sequence, and the set is of all its messages after done.stored_at. 0, or failure->code; then *asked is as it
 * was. The end of the stream is read first, and more of it only if needed.
 */
int hs_walk_back(struct hs_engine *engine, uint64_t before, struct hs_engine_asked *asked,
                 struct hs_engine_failure *failure);

#endif
