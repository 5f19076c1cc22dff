/*
 * ingest: what both intakes, that of webhooks and that of Segment's libraries, do with a body: its
 * events are validated and made records, and these are kept. The handlers decide before that whether
 * the sender is let in.
 */
#ifndef HS_INGEST_H
#define HS_INGEST_H

#include "cgi/http/exchange.h"

/* Notes when the events of a sender that is let in have arrived. */
void hs_ingest_let_in(struct hs_exchange *exchange);

/*
 * Makes records of the events that scratch->events reads; rejects those that are not valid, or, unless
 * `result` is HS_OK or the JSON is good to its end, the whole body. HS_OK: there is something to keep, or
 * nothing. HS_E_MEMORY, HS_E_LARGE_BODIES or what the spool says: nothing is to be kept.
 */
enum hs_result hs_ingest_take(struct hs_exchange *exchange, enum hs_result result);

/* Keeps what was taken, and answers, perhaps later from another thread. */
void hs_ingest_keep(struct hs_exchange *exchange);

#endif
