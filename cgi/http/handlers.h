/*
 * handlers: what serves the routes of routes.c. A handler is called after the head was read and
 * the sender let in as far as the head can tell. It answers the exchange exactly once, now or,
 * from another thread, later.
 */
#ifndef HS_HANDLERS_H
#define HS_HANDLERS_H

struct hs_exchange;

void hs_handle_events(struct hs_exchange *exchange); /* ingest.c */
void hs_handle_health(struct hs_exchange *exchange); /* health.c */

#endif
