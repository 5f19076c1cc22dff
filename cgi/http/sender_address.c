#include "cgi/http/sender_address.h"

bool hs_sender_is_proxy(const struct hs_settings *s, const struct hs_ip_address *address)
{
	for (unsigned i = 0; i < s->proxies; i++)
		if (hs_ip_range_has(&s->trusted_proxies[i], address))
			return true;
	return false;
}

/* Takes the last element off a list with commas (RFC 9110, 5.6.1). */
static struct hs_slice take_last(struct hs_slice *list)
{
	size_t at = list->n;
	struct hs_slice last;

	while (at > 0 && list->p[at - 1] != ',')
		at--;
	last = hs_slice_trim(hs_slice(list->p + at, list->n - at));
	list->n = at > 0 ? at - 1 : 0;
	return last;
}

/* Goes back through a list, as long as proxies named what is in it. False: it ends with a text that is no address. */
static bool go_back(const struct hs_settings *s, struct hs_slice list, struct hs_ip_address *sender)
{
	struct hs_ip_address next;

	while (list.n > 0 && hs_sender_is_proxy(s, sender)) {
		if (!hs_ip_address_read(take_last(&list), &next))
			return false;
		*sender = next;
	}
	return true;
}

bool hs_sender_address(const struct hs_settings *s, struct hs_slice peer, char *const *params,
                       struct hs_ip_address *sender)
{
	static const char name[] = "HTTP_X_FORWARDED_FOR=";
	size_t n = 0;
	bool more = true;

	if (peer.n == 0 || !hs_ip_address_read(peer, sender))
		return false;
	while (params[n] != NULL) /* the peer's address is among them */
		n++;
	while (n-- > 0 && more && hs_sender_is_proxy(s, sender))
		if (strncmp(params[n], name, sizeof name - 1) == 0)
			more = go_back(s, hs_slice_str(params[n] + sizeof name - 1), sender);
	return true;
}

struct hs_slice hs_sender_address_shown(const struct hs_settings *s, const struct hs_ip_address *sender,
                                        char text[static HS_IP_TEXT_MAX])
{
	struct hs_ip_address address = *sender;

	if (s->ip == HS_IP_DROP)
		return HS_SLICE_NONE;
	if (s->ip == HS_IP_CUT)
		hs_ip_address_cut(&address);
	return hs_slice(text, hs_ip_address_print(&address, text));
}
