/* console: what the handlers of the console share. */
#ifndef HS_CONSOLE_H
#define HS_CONSOLE_H

#include "cgi/http/console/session.h"

/* The query of the request. */
struct hs_slice hs_console_query(const struct hs_exchange *exchange);

/*
 * From now on the request may take long: its answer has a time limit, as the disk may hang, and another thread
 * serves new requests. Empties page_text.
 */
void hs_console_hand_over(struct hs_exchange *exchange);

/*
 * The same with HS_CONSOLE_LOGIN_MS: comparing a password takes a second of a processor, and a busy machine may need
 * longer for it than a sender of events would wait.
 */
enum { HS_CONSOLE_LOGIN_MS = 20000 };
void hs_console_hand_over_login(struct hs_exchange *exchange);

/*
 * Begins a request for data, with hs_console_hand_over.
 * HS_OK if the request may see what is in the spool, else as hs_session_check.
 */
enum hs_result hs_console_begin(struct hs_exchange *exchange, struct hs_session *session);

/* Makes page_text the answer for HS_OK, with the headers of all answers. */
struct hs_response *hs_console_page(struct hs_exchange *exchange, int status, struct hs_slice media_type, bool lasting);

/* Answers with page_text, as JSON, if the result is HS_OK and memory sufficed. */
void hs_console_answer(struct hs_exchange *exchange, enum hs_result result);

#endif
