/*
 * router: reads a request's head, refuses what the head alone can decide, and calls the handler of its
 * route.
 */
#ifndef HS_ROUTER_H
#define HS_ROUTER_H

#include "cgi/http/exchange.h"

struct hs_head {
	struct hs_request request; /* points into the variables */
	struct hs_slice tenant;    /* points into the settings */
	bool needs_signature;      /* the body decides whether the sender is let in */
};

/*
 * Decides what the head alone can decide, before the body is read: HS_OK, or a result of
 * hs_request_read, or of hs_auth_head if the route is for senders; HS_E_NO_SOURCES if it is for
 * libraries, and there is none. `key` is scratch, which is wiped.
 */
enum hs_result hs_head_read(struct hs_head *h, const struct hs_settings *settings, char *const *params,
                            struct hs_buf *key);

/*
 * Serves the request of the exchange's transport: it is answered, by this thread or a later one, and then
 * the exchange has ended; see hs_exchange_new.
 */
void hs_serve(struct hs_scratch *scratch, struct hs_exchange *exchange, const struct hs_settings *settings);

#endif
