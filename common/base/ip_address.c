#include "base/ip_address.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
	IPV4_BYTES = 4,
	MAPPED = HS_IP_BYTES - IPV4_BYTES, /* bytes before an IPv4 address */
	CUT_IPV6 = 10,
	PORT_MAX = 65535,
};

static const uint8_t mapped[MAPPED] = { [MAPPED - 2] = 0xFF, [MAPPED - 1] = 0xFF };

static bool is_ipv4(const struct hs_ip_address *address)
{
	return memcmp(address->byte, mapped, MAPPED) == 0;
}

/* Reads a decimal number from 0 to `most`, without a sign or a leading zero. */
static bool read_decimal(struct hs_slice text, unsigned most, unsigned *value)
{
	if (text.n == 0 || (text.n > 1 && text.p[0] == '0'))
		return false;
	*value = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (!hs_is_digit(text.p[i]))
			return false;
		*value = *value * 10 + (unsigned)(text.p[i] - '0');
		if (*value > most)
			return false;
	}
	return true;
}

/* Reads an address of one family, with nothing around it. */
static bool read_plain(int family, struct hs_slice text, struct hs_ip_address *address)
{
	char copy[HS_IP_TEXT_MAX];

	if (text.n >= sizeof copy || text.n == 0 || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (family == AF_INET6)
		return inet_pton(AF_INET6, copy, address->byte) == 1;
	memcpy(address->byte, mapped, MAPPED);
	return inet_pton(AF_INET, copy, address->byte + MAPPED) == 1;
}

static const char *find_byte(struct hs_slice text, char c)
{
	return text.n == 0 ? NULL : memchr(text.p, c, text.n);
}

/* Divides the text at the first `c`. False: there is none. */
static bool divide(struct hs_slice text, char c, struct hs_slice *before, struct hs_slice *after)
{
	const char *at = find_byte(text, c);

	if (at == NULL)
		return false;
	*before = hs_slice(text.p, (size_t)(at - text.p));
	*after = hs_slice(at + 1, text.n - before->n - 1);
	return true;
}

static bool is_zone(struct hs_slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = hs_lower(text.p[i]);

		if (!hs_is_digit(c) && (c < 'a' || c > 'z') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return text.n > 0;
}

/* Reads IPv6 and its zone, if it has one. */
static bool read_ipv6(struct hs_slice text, struct hs_ip_address *address)
{
	struct hs_slice before, zone;

	if (!divide(text, '%', &before, &zone))
		return read_plain(AF_INET6, text, address);
	return is_zone(zone) && read_plain(AF_INET6, before, address);
}

static bool is_port(struct hs_slice text)
{
	unsigned port;

	return read_decimal(text, PORT_MAX, &port);
}

bool hs_ip_address_read(struct hs_slice text, struct hs_ip_address *address)
{
	struct hs_slice before, after;

	if (text.n > 0 && text.p[0] == '[') {
		if (!divide(hs_slice(text.p + 1, text.n - 1), ']', &before, &after))
			return false;
		if (after.n > 0 && (after.p[0] != ':' || !is_port(hs_slice(after.p + 1, after.n - 1))))
			return false;
		return read_ipv6(before, address);
	}
	if (!divide(text, ':', &before, &after))
		return read_plain(AF_INET, text, address);
	if (find_byte(after, ':') != NULL)
		return read_ipv6(text, address);
	return is_port(after) && read_plain(AF_INET, before, address);
}

size_t hs_ip_address_print(const struct hs_ip_address *address, char to[static HS_IP_TEXT_MAX])
{
	if (is_ipv4(address))
		inet_ntop(AF_INET, address->byte + MAPPED, to, HS_IP_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address->byte, to, HS_IP_TEXT_MAX);
	return strlen(to);
}

void hs_ip_address_cut(struct hs_ip_address *address)
{
	size_t n = is_ipv4(address) ? 1 : CUT_IPV6;

	memset(address->byte + HS_IP_BYTES - n, 0, n);
}

bool hs_ip_range_read(struct hs_slice text, struct hs_ip_range *range)
{
	struct hs_slice base = text, digits;
	bool has_prefix = divide(text, '/', &base, &digits), ipv6;
	unsigned bits;

	if (!has_prefix)
		base = text;
	ipv6 = find_byte(base, ':') != NULL;
	bits = ipv6 ? 8 * HS_IP_BYTES : 8 * IPV4_BYTES;
	range->prefix = bits;
	if (has_prefix && !read_decimal(digits, bits, &range->prefix))
		return false;
	range->prefix += ipv6 ? 0 : 8 * MAPPED;
	return read_plain(ipv6 ? AF_INET6 : AF_INET, base, &range->address);
}

bool hs_ip_range_has(const struct hs_ip_range *range, const struct hs_ip_address *address)
{
	const uint8_t *a = range->address.byte, *b = address->byte;
	unsigned whole = range->prefix / 8, rest = range->prefix % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}
