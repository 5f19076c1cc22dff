/* walk_back: what the stream had of this receiver before a sequence, and has after it, read message by message. */
#ifndef HS_WALK_BACK_H
#define HS_WALK_BACK_H

#include "tools/ship/engine.h"

/*
 * Replaces any, done and set of *asked: done is that of the receiver's last message whose word can be trusted, and
 * the set is of all its messages after done.stored_at. With *before, that message is before this sequence. If it is
 * 0, the stream went back unnoticed, and it is not known where: then the message is for a record before `passed`,
 * which was not sent afterwards, if there is one, and *before becomes the sequence after it. 0, or failure->code;
 * then *asked is as it was. The end of the stream is read first, and more of it only if needed.
 */
int hs_walk_back(struct hs_engine *engine, const struct hs_place *passed, uint64_t *before,
                 struct hs_engine_asked *asked, struct hs_engine_failure *failure);

#endif
