/*
 * direct_answer: the response to Segment's libraries that reports an outcome. Pure.
 *
 * A success is 200 and an object, whatever happened to each event, since some libraries repeat anything
 * else for ever. A final refusal is 400 with code, message and error: some libraries repeat statuses that are
 * final for a webhook (401, 413, 501), and others any error without these members.
 */
#ifndef HS_DIRECT_ANSWER_H
#define HS_DIRECT_ANSWER_H

#include "cgi/http/outcome.h"

/* As hs_outcome_status and hs_outcome_respond. */
int hs_direct_answer_status(const struct hs_outcome *o);
void hs_direct_answer_respond(const struct hs_outcome *o, struct hs_response *response);

#endif
