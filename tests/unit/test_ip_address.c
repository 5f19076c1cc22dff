/* ip_address: what proxies write, what is no address, printing, cutting, and ranges of every prefix. */
#include "base/ip_address.h"
#include "tests/lib/unit.h"

#include <stdio.h>

TEST(addresses_are_read_and_printed_in_one_form)
{
	static const char *const cases[][2] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1:80", "10.0.0.1" },
		{ "10.0.0.1:0", "10.0.0.1" },
		{ "10.0.0.1:65535", "10.0.0.1" },
		{ "::1", "::1" },
		{ "::", "::" },
		{ "[::1]", "::1" },
		{ "[::1]:80", "::1" },
		{ "fe80::1%eth0", "fe80::1" },
		{ "[fe80::1%eth0.5]:443", "fe80::1" },
		{ "fe80::1%br-lan_2", "fe80::1" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "::ffff:10.0.0.1", "10.0.0.1" },
		{ "[::ffff:10.0.0.1]:80", "10.0.0.1" },
		{ "::ffff:a00:1", "10.0.0.1" },
		{ "0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_ip_address address;
		char text[HS_IP_TEXT_MAX];

		if (!hs_ip_address_read(hs_slice_str(cases[i][0]), &address))
			fail_msg("%s is not read", cases[i][0]);
		assert_int_equal(hs_ip_address_print(&address, text), strlen(cases[i][1]));
		assert_string_equal(text, cases[i][1]);
	}
}

TEST(what_is_no_address)
{
	static const char *const cases[] = {
		"",
		" ",
		"a",
		"a, b",
		"10.0.0.1, 10.0.0.2",
		"::1, ::2",
		" 10.0.0.1",
		"10.0.0.1 ",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.01",
		"10.0.0.1.2",
		"10.0.0.1:",
		"10.0.0.1:65536",
		"10.0.0.1:080",
		"10.0.0.1:-1",
		"10.0.0.1:8a",
		"10.0.0.1%eth0",
		"[10.0.0.1]",
		"[10.0.0.1]:80",
		"[::1",
		"::1]",
		"[]",
		"[]:80",
		"[::1]80",
		"[::1]:",
		"[::1]:65536",
		"[::1]::80",
		"[[::1]]",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"g::1",
		"fe80::1%",
		"fe80::1%a b",
		"fe80::1%{a}",
		"fe80::zz%eth0",
		"%eth0",
		"::ffff:10.0.0.256",
		"10.0.0.1/8",
		"unknown",
		"_hidden",
		":80",
		"0x7f.1",
		"1111:1111:1111:1111:1111:1111:255.255.255.2551",
	};
	struct hs_ip_address address;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (hs_ip_address_read(hs_slice_str(cases[i]), &address))
			fail_msg("'%s' is read", cases[i]);
	assert_false(hs_ip_address_read(hs_slice("10.0.0.1\0", 9), &address));
	assert_false(hs_ip_address_read(HS_SLICE_NONE, &address));
}

TEST(the_part_of_the_host_is_cut)
{
	static const char *const cases[][2] = {
		{ "10.1.2.3", "10.1.2.0" },
		{ "::ffff:10.1.2.3", "10.1.2.0" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1::" },
		{ "::1", "::" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_ip_address address;
		char text[HS_IP_TEXT_MAX];

		assert_true(hs_ip_address_read(hs_slice_str(cases[i][0]), &address));
		hs_ip_address_cut(&address);
		hs_ip_address_print(&address, text);
		assert_string_equal(text, cases[i][1]);
	}
}

static struct hs_ip_range range_of(const char *text)
{
	struct hs_ip_range range;

	if (!hs_ip_range_read(hs_slice_str(text), &range))
		fail_msg("%s is not read", text);
	return range;
}

static bool has(const char *range, const char *address)
{
	struct hs_ip_range r = range_of(range);
	struct hs_ip_address a;

	assert_true(hs_ip_address_read(hs_slice_str(address), &a));
	return hs_ip_range_has(&r, &a);
}

/* With n bits, an address that differs in bit n - 1 is outside and one that differs in bit n is inside. */
TEST(ranges_of_every_prefix)
{
	for (unsigned prefix = 0; prefix <= 128; prefix++)
		for (unsigned bit = 0; bit < 128; bit++) {
			struct hs_ip_range range;
			struct hs_ip_address address;
			char text[64];

			snprintf(text, sizeof text, "2001:db8:1:2:3:4:5:6/%u", prefix);
			range = range_of(text);
			address = range.address;
			assert_int_equal(range.prefix, prefix);
			assert_true(hs_ip_range_has(&range, &address));
			address.byte[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(hs_ip_range_has(&range, &address), bit >= prefix);
		}
	for (unsigned prefix = 0; prefix <= 32; prefix++) {
		char text[32];

		snprintf(text, sizeof text, "10.1.2.3/%u", prefix);
		assert_int_equal(range_of(text).prefix, 96 + prefix);
	}
}

TEST(ranges_of_both_families)
{
	assert_true(has("10.0.0.0/8", "10.255.0.1"));
	assert_false(has("10.0.0.0/8", "11.0.0.1"));
	assert_true(has("10.0.0.0/8", "::ffff:10.0.0.1"));
	assert_true(has("::ffff:10.0.0.0/104", "10.0.0.1"));
	assert_true(has("10.0.0.1", "10.0.0.1:80"));
	assert_false(has("10.0.0.1", "10.0.0.2"));
	assert_true(has("0.0.0.0/0", "255.1.1.1"));
	assert_false(has("0.0.0.0/0", "::1"));
	assert_true(has("::/0", "10.0.0.1"));
	assert_false(has("2001:db8::/32", "2001:db9::1"));
}

TEST(what_is_no_range)
{
	static const char *const cases[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/08",
		"10.0.0.0/8/8",
		"10.0.0.0/8 ",
		"10.0.0/8",
		"::/129",
		"::/a",
		"[::1]/64",
		"10.0.0.1:80",
		"fe80::1%eth0/64",
		"a, b",
		"localhost",
		"*",
		"10.0.0.0/4294967304",
	};
	struct hs_ip_range range;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (hs_ip_range_read(hs_slice_str(cases[i]), &range))
			fail_msg("'%s' is read", cases[i]);
}

TESTS("ip_address", NULL, NULL)
