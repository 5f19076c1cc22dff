/* id_text: one number, one text; two numbers, two texts. */
#include "event/id_text.h"
#include "tests/lib/unit.h"

#define ZEROS_60 "000000000000000000000000000000000000000000000000000000000000"

static const struct {
	const char *literal, *text;
} cases[] = {
	{ "12345", "12345" },
	{ "12345.0", "12345" },
	{ "1.2345e4", "12345" },
	{ "1.2345E+04", "12345" },
	{ "1234500e-2", "12345" },
	{ "-12345.000", "-12345" },
	{ "0", "0" },
	{ "-0", "0" },
	{ "-0.00e17", "0" },
	{ "0e99999999999999999999", "0e99999999999999999999" },
	{ "9007199254740993", "9007199254740993" },
	{ "900719925474099.3e1", "9007199254740993" },
	{ "123456789012345678901234567890", "123456789012345678901234567890" },
	{ "1.50", "1.5" },
	{ "15e-1", "1.5" },
	{ "0.001", "0.001" },
	{ "1e-3", "0.001" },
	{ "100", "100" },
	{ "1e2", "100" },
	{ "1000" ZEROS_60, "1000" ZEROS_60 },
	{ "1e63", "1000" ZEROS_60 },
	{ "1e64", "1e64" },
	{ "10000" ZEROS_60, "1e64" },
	{ "1e400", "1e400" },
	{ "10e399", "1e400" },
	{ "0.1e401", "1e400" },
	{ "-12e400", "-12e400" },
	{ "1.50e-99", "15e-100" },
	{ "1e999999999999999", "1e999999999999999" },
	{ "1e0000000000000000001", "10" },
	{ "1e9999999999999999", "1e9999999999999999" },
	{ "10e999999999999998", "1e999999999999999" },
	{ "10e1000000000000000", "10e1000000000000000" },
	{ "true", "true" },
	{ "", "" },
	{ "1.", "1." },
	{ "1e", "1e" },
	{ "1e+", "1e+" },
	{ "1e5x", "1e5x" },
	{ "12x", "12x" },
	{ "-", "-" },
};

TEST(one_number_one_text)
{
	struct hs_buf out = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hs_buf_reset(&out);
		hs_id_put_number(&out, hs_slice_str(cases[i].literal));
		hs_buf_putc(&out, '\0');
		assert_true(hs_buf_ok(&out));
		assert_string_equal(out.p, cases[i].text);
		if (hs_id_is_plain(hs_slice_str(cases[i].literal)))
			assert_string_equal(cases[i].literal, cases[i].text);
	}
	hs_buf_free(&out);
}

TEST(a_text_that_is_a_number_in_another_spelling)
{
	static const char *const spelled[][2] = { { "7.0", "7" }, { "70e-1", "7" }, { "-0", "0" }, { "1E2", "100" } };
	static const char *const others[] = { "7", "007", "07.0", "7.5", "-1", "x", "", "1e5x", "0x10", ".5", "5." };
	struct hs_buf out = { 0 };

	for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
		hs_buf_reset(&out);
		assert_true(hs_id_is_spelled(hs_slice_str(spelled[i][0]), &out));
		assert_slice_equal(hs_buf_slice(&out), hs_slice_str(spelled[i][1]));
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(hs_id_is_spelled(hs_slice_str(others[i]), &out));
	hs_buf_free(&out);
	out.max = 1; /* as without memory */
	assert_false(hs_id_is_spelled(HS_SLICE("1E2"), &out));
	assert_false(hs_buf_ok(&out));
	hs_buf_free(&out);
}

TESTS("id_text", NULL, NULL)
