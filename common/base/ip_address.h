/*
 * ip_address: IPv4 and IPv6 addresses as text (RFC 5952), and ranges of them (RFC 4632). Pure.
 */
#ifndef HS_IP_ADDRESS_H
#define HS_IP_ADDRESS_H

#include "base/slice.h"

enum {
	HS_IP_BYTES = 16,
	HS_IP_TEXT_MAX = 46, /* with its NUL */
};

/* IPv4 is kept as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that both kinds compare alike. */
struct hs_ip_address {
	uint8_t byte[HS_IP_BYTES];
};

struct hs_ip_range {
	struct hs_ip_address address;
	unsigned prefix; /* bits that count, of 128 */
};

/*
 * Reads an address. Allows what proxies write: a port after it ("10.0.0.1:80", "[::1]:80"), brackets,
 * and a zone ("fe80::1%eth0", which is dropped). False: it is none.
 */
bool hs_ip_address_read(struct hs_slice text, struct hs_ip_address *address);

/* Writes the address without port and zone; IPv4 in its own form. Returns the length. */
size_t hs_ip_address_print(const struct hs_ip_address *address, char to[static HS_IP_TEXT_MAX]);

/* Sets the host's part to zero: the last byte of IPv4, the last ten of IPv6 (a /24 and a /48 are left). */
void hs_ip_address_cut(struct hs_ip_address *address);

/* Reads "10.0.0.0/8", "::1" or "2001:db8::/32". False: it is neither an address nor a range. */
bool hs_ip_range_read(struct hs_slice text, struct hs_ip_range *range);

bool hs_ip_range_has(const struct hs_ip_range *range, const struct hs_ip_address *address);

#endif
