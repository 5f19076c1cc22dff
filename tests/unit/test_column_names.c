/* column_names: a long name is cut at a character, and one with characters that MariaDB does not take loses them. */
#include "base/utf8.h"
#include "tests/lib/unit.h"
#include "warehouse/column_names.h"

#include <string.h>

static struct hs_buf out;

static struct hs_slice bounded(const char *name)
{
	hs_buf_reset(&out);
	hs_buf_printf(&out, "table.%s", name); /* what is before `start` stays */
	hs_column_names_bound(&out, 6);
	assert_true(hs_buf_ok(&out));
	return hs_slice(out.p + 6, out.n - 6);
}

static bool is_utf8(struct hs_slice s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.n && n > 0; i += n)
		n = hs_utf8_length(s.p + i, s.n - i);
	return n > 0;
}

/* With characters of one to three bytes, and so that the cut falls onto each of their bytes. */
TEST(a_long_name_is_cut_at_a_character)
{
	static const char *const characters[] = { "x", "\xc3\xa9", "\xe2\x82\xac" };

	for (size_t c = 0; c < 3; c++)
		for (size_t before = 0; before < 3; before++) {
			char name[128] = "";
			size_t size = strlen(characters[c]);
			struct hs_slice got;

			strcat(name, &"ab"[2 - before]);
			while (strlen(name) <= HS_WAREHOUSE_NAME)
				strcat(name, characters[c]);
			got = bounded(name);
			assert_true(is_utf8(got));
			assert_in_range(got.n, 54 - size + 1 + 9, HS_WAREHOUSE_NAME);
			assert_memory_equal(got.p, name, got.n - 9);
			assert_int_equal(got.p[got.n - 9], '_');
		}
	assert_int_equal(memcmp(out.p, "table.", 6), 0);
}

/* A damaged record may have a name of such bytes alone. */
TEST(a_long_name_without_a_character_is_cut)
{
	char name[65];

	memset(name, '\x80', 64);
	name[64] = '\0';
	assert_int_equal(bounded(name).n, 9);
	assert_int_equal(out.p[6], '_');
}

TEST(a_name_of_63_bytes_stays)
{
	char name[65];

	memset(name, 'x', 64);
	name[63] = '\0';
	assert_slice_equal(bounded(name), hs_slice(name, 63));
	memcpy(name + 63, "x", 2);
	assert_int_equal(bounded(name).n, 63);
	assert_int_equal(out.p[6 + 54], '_');
}

/* Three names that are "ab" without characters that go: each has digits of its own in place of them. */
static void stay_three(const char *const name[3])
{
	char seen[3][32];

	for (size_t i = 0; i < 3; i++) {
		struct hs_slice got = bounded(name[i]);

		assert_int_equal(got.n, 2 + 9);
		assert_memory_equal(got.p, "ab_", 3);
		memcpy(seen[i], got.p, got.n);
		for (size_t k = 0; k < i; k++)
			assert_true(memcmp(seen[k], seen[i], got.n) != 0);
	}
}

/* Wherever they are. */
TEST(characters_beyond_the_basic_plane_go)
{
	static const char *const with[] = { "\xf0\x9f\x98\x80"
		                            "ab",
		                            "a\xf0\x9f\x98\x80"
		                            "b",
		                            "ab\xf0\x9f\x98\x80" };

	stay_three(with);
	assert_slice_equal(bounded("ab"), HS_SLICE("ab"));
	hs_buf_free(&out);
}

/* JSON has them by escapes; decoded they are no UTF-8, which no name may be. */
TEST(halves_of_surrogate_pairs_go)
{
	static const char *const with[] = { "ab\xed\xa0\x80", "ab\xed\xa0\xbd",
		                            "\xed\xbf\xbf"
		                            "ab" };
	struct hs_buf whole = { 0 };

	stay_three(with);
	for (size_t i = 0; i < 3; i++) {
		hs_buf_reset(&whole);
		hs_column_names_put_whole(&whole, hs_slice_str(with[i]));
		assert_slice_equal(hs_buf_slice(&whole), i < 2 ? HS_SLICE("ab\xef\xbf\xbd")
		                                               : HS_SLICE("\xef\xbf\xbd"
		                                                          "ab"));
	}
	assert_slice_equal(bounded("\xed\x9f\xbf"), HS_SLICE("\xed\x9f\xbf"));
	assert_slice_equal(bounded("torn\xed"), HS_SLICE("torn\xed"));
	hs_buf_free(&whole);
	hs_buf_free(&out);
}

TEST(separators_of_verbatim_names_become_one_underscore)
{
	static const char *const fields[] = { "properties.a b", "properties a.b", "properties-a b", "properties_a-b",
		                              "properties_aB" };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		hs_buf_reset(&out);
		hs_column_names_put_snake(&out, hs_slice_str(fields[i]));
		assert_slice_equal(hs_buf_slice(&out), HS_SLICE("properties_a_b"));
	}
	hs_buf_free(&out);
}

/* Each capital, as the only one of a name without separators. */
TEST(every_capital_becomes_small)
{
	for (char c = 'A'; c <= 'Z'; c++) {
		const char field[] = { 'x', '_', 'y', c, '\0' },
			   want[] = { 'x', '_', 'y', '_', (char)(c + 'a' - 'A'), '\0' };

		hs_buf_reset(&out);
		hs_column_names_put_snake(&out, hs_slice_str(field));
		assert_slice_equal(hs_buf_slice(&out), hs_slice_str(want));
	}
	hs_buf_free(&out);
}

TEST(a_name_without_memory_stays_none)
{
	hs_buf_reset(&out);
	hs_buf_put_slice(&out, HS_SLICE("x"));
	out.failed = true;
	hs_column_names_bound(&out, 0);
	assert_false(hs_buf_ok(&out));
	hs_buf_free(&out);
}

TESTS("column_names", NULL, NULL)
