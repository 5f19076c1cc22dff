/* walk_back: what the stream had of this receiver before a sequence, and has after it, read message by message. */
#ifndef HS_WALK_BACK_H
#define HS_WALK_BACK_H

#include "tools/ship/engine.h"

/*
 * Replaces any, done and set of *asked, and clears its id: done is that of the receiver's last message that can be
 * trusted, and the set has all its messages after done.stored_at. If *before is not 0, that message is before this
 * sequence. If it is 0, the stream went back unnoticed, and it is not known where: then a message for a record
 * before `passed` is preferred, since such a record was not sent afterwards, and *before becomes the sequence after
 * the message. 0, or failure->code; then *asked is as it was. The end of the stream is read first, and more of it only
 * if needed.
 */
int hs_walk_back(struct hs_engine *engine, const struct hs_place *passed, uint64_t *before,
                 struct hs_engine_asked *asked, struct hs_engine_failure *failure);

#endif
