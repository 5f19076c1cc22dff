/*
 * page_answer: the answers of the console. Pure.
 *
 * An error is {"message":…,"remedy":…}: who reads it is the operator.
 */
#ifndef HS_PAGE_ANSWER_H
#define HS_PAGE_ANSWER_H

#include "cgi/http/outcome.h"

/*
 * Adds the four headers that every answer has: the browser loads nothing from elsewhere and runs nothing that is in
 * the page, guesses no types, tells no other site the address, and keeps no copy; `lasting`: it keeps one for good.
 */
void hs_page_headers(struct hs_response *response, bool lasting);

/* As hs_outcome_status and hs_outcome_respond. */
int hs_page_answer_status(const struct hs_outcome *o);
void hs_page_answer_respond(const struct hs_outcome *o, struct hs_response *response);

#endif
