/*
 * sender_address: which address a request came from, and what of it may be shown. Pure.
 */
#ifndef HS_SENDER_ADDRESS_H
#define HS_SENDER_ADDRESS_H

#include "base/ip_address.h"
#include "config/settings.h"

/*
 * Finds the sender: the peer; or, if the peer is one of trusted_proxies, the last address of
 * X-Forwarded-For that is not one of them. The sender may have made up all addresses before that.
 * If all addresses are those of proxies, the first one counts; a text that is no address ends the
 * search. `params` are the variables of the request: nginx passes repeated headers as one variable
 * each, in their order, and some proxies append a header instead of an address. False: the peer has no
 * address, as on a socket of this machine.
 */
bool hs_sender_address(const struct hs_settings *s, struct hs_slice peer, char *const *params,
                       struct hs_ip_address *sender);

/* Writes what the setting `ip` leaves of the address; n == 0: nothing. The slice is `text`. */
struct hs_slice hs_sender_address_shown(const struct hs_settings *s, const struct hs_ip_address *sender,
                                        char text[static HS_IP_TEXT_MAX]);

/* True if it is one of trusted_proxies. */
bool hs_sender_is_proxy(const struct hs_settings *s, const struct hs_ip_address *address);

#endif
