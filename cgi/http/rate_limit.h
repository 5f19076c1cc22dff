/*
 * rate_limit: limits what senders of direct intake may send, by the settings and the numbers of rates.h. An
 * address is asked before the body is read, a source once its key is known; both are charged for what
 * they have sent. HS_OK where there is no limit, no address, or no file of rates.
 */
#ifndef HS_RATE_LIMIT_H
#define HS_RATE_LIMIT_H

#include "cgi/http/exchange.h"

/*
 * Asks the sender's address, IPv6 by /64, and charges it one request. HS_OK or HS_E_RATE_ADDRESS; then
 * outcome.retry_after is set.
 */
enum hs_result hs_rate_limit_address(struct hs_exchange *exchange);

/*
 * Charges the address one request for each 16 KB of scratch->body, which was inflated with this result;
 * the most that it could be, if its gzip was refused.
 */
void hs_rate_limit_inflated(struct hs_exchange *exchange, enum hs_result result);

/* Asks exchange->source. HS_OK, HS_E_RATE_SOURCE or HS_E_DAILY_SOURCE; then outcome.retry_after is set. */
enum hs_result hs_rate_limit_source(struct hs_exchange *exchange);

/*
 * Charges exchange->source the events that were taken or rejected, at least one, and the bytes of the body; what
 * stands beside a batch counts once for each event that was taken, because each record has it.
 */
void hs_rate_limit_taken(struct hs_exchange *exchange);

/* Takes that charge back, once: the sender is told to send the same again. */
void hs_rate_limit_give_back(struct hs_exchange *exchange);

#endif
