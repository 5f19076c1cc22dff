/* value: the types of columns, and what fits. */
#include "event/json.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "warehouse/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

/* A value as a record has it: with quotes it is a string. */
static struct hs_value value_of(const char *json)
{
	struct hs_slice text = hs_slice_str(json);
	bool is_string = text.n >= 2 && text.p[0] == '"';

	if (is_string)
		text = hs_slice(text.p + 1, text.n - 2);
	return (struct hs_value){ text, is_string, is_string && text.n > 0 && memchr(text.p, '\\', text.n) != NULL };
}

TEST(types)
{
	static const struct {
		const char *json;
		enum hs_column_type type;
	} cases[] = {
		{ "null", HS_COLUMN_NONE },
		{ "true", HS_COLUMN_BOOLEAN },
		{ "0", HS_COLUMN_NUMBER },
		{ "-1.5e-7", HS_COLUMN_NUMBER },
		{ "\"null\"", HS_COLUMN_TEXT },
		{ "\"39.95\"", HS_COLUMN_TEXT },
		{ "\"true\"", HS_COLUMN_TEXT },
		{ "\"\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00Z\"", HS_COLUMN_TIMESTAMP },
		{ "\"2026-11-23t10:15:00z\"", HS_COLUMN_TIMESTAMP },
		{ "\"2026-11-23 10:15:00.123456789+05:30\"", HS_COLUMN_TIMESTAMP },
		{ "\"2024-02-29T00:00:00-00:00\"", HS_COLUMN_TIMESTAMP },
		{ "\"2023-02-29T00:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"1900-02-29T00:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"2000-02-29T00:00:00Z\"", HS_COLUMN_TIMESTAMP },
		{ "\"2026-11-23\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:60Z\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T24:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"2026-13-01T00:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"0000-01-01T00:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"2026-00-01T00:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"2026-01-00T00:00:00Z\"", HS_COLUMN_TEXT },
		{ "\"2026-01-01T00:60:00Z\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00.Z\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00+0100\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00Zx\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00+23:59\"", HS_COLUMN_TIMESTAMP },
		{ "\"2026-11-23T10:15:00+24:00\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00x05:30\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00+05x30\"", HS_COLUMN_TEXT },
		{ "\"2026-11-23T10:15:00-01:60\"", HS_COLUMN_TEXT },
		{ "\"1763892900\"", HS_COLUMN_TEXT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_value value = value_of(cases[i].json);

		if (hs_value_type(&value) != cases[i].type)
			fail_msg("%s is %d", cases[i].json, (int)hs_value_type(&value));
	}
}

TEST(the_day_after_the_last_of_a_month_is_text)
{
	static const int last[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	for (int month = 1; month <= 12; month++)
		for (int day = last[month - 1]; day <= last[month - 1] + 1; day++) {
			char text[32];
			struct hs_value value = { .is_string = true };

			snprintf(text, sizeof text, "2026-%02d-%02dT10:15:00Z", month, day);
			value.text = hs_slice_str(text);
			if (hs_value_type(&value) != (day == last[month - 1] ? HS_COLUMN_TIMESTAMP : HS_COLUMN_TEXT))
				fail_msg("%s", text);
		}
}

/* A number in the place of a mark, a letter in the place of a digit, an end anywhere. */
TEST(a_time_with_anything_else_in_any_place_is_text)
{
	static const char *const times[] = { "2026-11-23T10:15:00.123+05:30", "2026-11-23T10:15:00Z",
		                             "2026-11-23t10:15:00.5-00:00" };

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		char text[40];
		struct hs_value value = { .text = hs_slice_str(times[i]), .is_string = true };

		assert_int_equal(hs_value_type(&value), HS_COLUMN_TIMESTAMP);
		for (size_t at = 0; at < strlen(times[i]); at++) {
			snprintf(text, sizeof text, "%s", times[i]);
			text[at] = hs_is_digit(text[at]) ? 'x' : '0';
			value.text = hs_slice_str(text);
			if (hs_value_type(&value) != HS_COLUMN_TEXT)
				fail_msg("%s", text);
			value.text = hs_slice(times[i], at);
			if (hs_value_type(&value) != HS_COLUMN_TEXT)
				fail_msg("%.*s", (int)at, times[i]);
		}
	}
}

TEST(unlike_types_become_text)
{
	assert_int_equal(hs_column_type_join(HS_COLUMN_NONE, HS_COLUMN_NUMBER), HS_COLUMN_NUMBER);
	assert_int_equal(hs_column_type_join(HS_COLUMN_NUMBER, HS_COLUMN_NONE), HS_COLUMN_NUMBER);
	assert_int_equal(hs_column_type_join(HS_COLUMN_NUMBER, HS_COLUMN_NUMBER), HS_COLUMN_NUMBER);
	assert_int_equal(hs_column_type_join(HS_COLUMN_NUMBER, HS_COLUMN_BOOLEAN), HS_COLUMN_TEXT);
	assert_int_equal(hs_column_type_join(HS_COLUMN_TIMESTAMP, HS_COLUMN_TEXT), HS_COLUMN_TEXT);
}

/* E, D, S: PostgreSQL's numeric, a double, SQLite. NULL: it does not fit. */
struct fit {
	const char *json;
	enum hs_column_type type;
	const char *exact, *real, *sqlite;
};

static void check_fit(const struct fit *fit, enum hs_number_range range, const char *expected)
{
	struct hs_value value = value_of(fit->json);
	struct hs_buf out = { 0 };
	bool fits = hs_value_fits(&value, fit->type, range, &out);

	if (fits != (expected != NULL))
		fail_msg("%s in a column of type %d, range %d: %s", fit->json, (int)fit->type, (int)range,
		         fits ? "it fits" : "it does not fit");
	if (fits)
		assert_slice_equal(hs_buf_slice(&out), hs_slice_str(expected));
	hs_buf_free(&out);
}

#define ALIKE(text) text, text, text
#define NEVER NULL, NULL, NULL

TEST(what_fits)
{
	static const struct fit cases[] = {
		{ "39.950", HS_COLUMN_NUMBER, ALIKE("39.950") },
		{ "\"39.95\"", HS_COLUMN_NUMBER, ALIKE("39.95") },
		{ "\"007\"", HS_COLUMN_NUMBER, NEVER },
		{ "\"+1\"", HS_COLUMN_NUMBER, NEVER },
		{ "\" 1\"", HS_COLUMN_NUMBER, NEVER },
		{ "\"1.\"", HS_COLUMN_NUMBER, NEVER },
		{ "\"1e\"", HS_COLUMN_NUMBER, NEVER },
		{ "\"1E+\"", HS_COLUMN_NUMBER, NEVER },
		{ "\"1e-x\"", HS_COLUMN_NUMBER, NEVER },
		{ "\"1e5 \"", HS_COLUMN_NUMBER, NEVER },
		{ "1E+5", HS_COLUMN_NUMBER, ALIKE("1E+5") },
		{ "\"free\"", HS_COLUMN_NUMBER, NEVER },
		{ "true", HS_COLUMN_NUMBER, NEVER },
		{ "-0", HS_COLUMN_NUMBER, ALIKE("-0") },
		{ "9007199254740993", HS_COLUMN_NUMBER, "9007199254740993", NULL, "9007199254740993" },
		{ "9223372036854775807", HS_COLUMN_NUMBER, "9223372036854775807", NULL, "9223372036854775807" },
		{ "-9223372036854775808", HS_COLUMN_NUMBER, "-9223372036854775808", NULL, "-9223372036854775808" },
		{ "9223372036854775809", HS_COLUMN_NUMBER, "9223372036854775809", NULL, NULL },
		{ "12345678901234567890123", HS_COLUMN_NUMBER, "12345678901234567890123", NULL, NULL },
		{ "0.1", HS_COLUMN_NUMBER, ALIKE("0.1") },
		{ "0.10000000000000001", HS_COLUMN_NUMBER, "0.10000000000000001", NULL, NULL },
		{ "1e400", HS_COLUMN_NUMBER, "1e400", NULL, NULL },
		{ "1e22", HS_COLUMN_NUMBER, ALIKE("1e22") },
		{ "1e-400", HS_COLUMN_NUMBER, "1e-400", NULL, NULL },
		{ "1e99999", HS_COLUMN_NUMBER, NEVER },
		{ "1e-99999", HS_COLUMN_NUMBER, NEVER },
		{ "1e99999999999999999999", HS_COLUMN_NUMBER, NEVER },
		{ "true", HS_COLUMN_BOOLEAN, ALIKE("true") },
		{ "\"false\"", HS_COLUMN_BOOLEAN, ALIKE("false") },
		{ "1", HS_COLUMN_BOOLEAN, NEVER },
		{ "\"TRUE\"", HS_COLUMN_BOOLEAN, NEVER },
		{ "\"a\\u00e9\\n\"", HS_COLUMN_TEXT, ALIKE("a\xC3\xA9\n") },
		{ "1.50", HS_COLUMN_TEXT, ALIKE("1.50") },
		{ "true", HS_COLUMN_TEXT, ALIKE("true") },
		{ "\"a\\u0000b\"", HS_COLUMN_TEXT, NEVER },
		{ "\"\\ud800\"", HS_COLUMN_TEXT, NEVER },
		{ "\"\\ud83d\\ude00\"", HS_COLUMN_TEXT, ALIKE("\xF0\x9F\x98\x80") },
		{ "\"\xED\x9F\xBF\"", HS_COLUMN_TEXT, ALIKE("\xED\x9F\xBF") },
		{ "\"\xED\x9F\xBF\xED\x9F\xBF\\ud800\"", HS_COLUMN_TEXT, NEVER },
		{ "\"torn \xED\"", HS_COLUMN_TEXT, NEVER },
		{ "\"jalape\xC3\xB1o\"", HS_COLUMN_TEXT, ALIKE("jalape\xC3\xB1o") },
		{ "\"2026-11-23t10:15:00.123Z\"", HS_COLUMN_TIMESTAMP, ALIKE("2026-11-23T10:15:00.123Z") },
		{ "\"2026-11-23 10:15:00.123Z\"", HS_COLUMN_TIMESTAMP, ALIKE("2026-11-23T10:15:00.123Z") },
		{ "\"2026-11-23T10:15:00.123z\"", HS_COLUMN_TIMESTAMP, ALIKE("2026-11-23T10:15:00.123Z") },
		{ "\"2026-11-23T10:15:00.123Z\"", HS_COLUMN_TIMESTAMP, ALIKE("2026-11-23T10:15:00.123Z") },
		{ "\"2026-11-23T10:15:00Z\"", HS_COLUMN_TIMESTAMP, ALIKE("2026-11-23T10:15:00.000Z") },
		{ "\"2026-11-23T10:15:00.1239999+05:30\"", HS_COLUMN_TIMESTAMP, ALIKE("2026-11-23T04:45:00.123999Z") },
		{ "\"2026-01-01T00:30:00+01:00\"", HS_COLUMN_TIMESTAMP, ALIKE("2025-12-31T23:30:00.000Z") },
		{ "\"2023-12-31T23:30:00-01:00\"", HS_COLUMN_TIMESTAMP, ALIKE("2024-01-01T00:30:00.000Z") },
		{ "\"2024-02-29T23:59:59.5-00:01\"", HS_COLUMN_TIMESTAMP, ALIKE("2024-03-01T00:00:59.500Z") },
		{ "\"0001-01-01T00:30:00+01:00\"", HS_COLUMN_TIMESTAMP, NEVER },
		{ "\"9999-12-31T23:30:00-01:00\"", HS_COLUMN_TIMESTAMP, NEVER },
		{ "\"1970-01-01T00:00:00Z\"", HS_COLUMN_TIMESTAMP, ALIKE("1970-01-01T00:00:00.000Z") },
		{ "1763892900", HS_COLUMN_TIMESTAMP, NEVER },
		{ "\"2026-11-23\"", HS_COLUMN_TIMESTAMP, NEVER },
		{ "1", HS_COLUMN_FOREIGN, NEVER },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		check_fit(&cases[i], HS_NUMBER_EXACT, cases[i].exact);
		check_fit(&cases[i], HS_NUMBER_DOUBLE, cases[i].real);
		check_fit(&cases[i], HS_NUMBER_SQLITE, cases[i].sqlite);
	}
}

TEST(columns_of_integers_take_what_they_return)
{
	static const struct {
		const char *json;
		bool fits[3]; /* 16, 32, 64 bits */
	} cases[] = {
		{ "0", { true, true, true } },
		{ "32767", { true, true, true } },
		{ "-32768", { true, true, true } },
		{ "32768", { false, true, true } },
		{ "2147483647", { false, true, true } },
		{ "-2147483649", { false, false, true } },
		{ "9223372036854775807", { false, false, true } },
		{ "9223372036854775808", { false, false, false } },
		{ "39.95", { false, false, false } },
		{ "1e2", { false, false, false } },
		{ "\"12\"", { true, true, true } },
		{ "\"free\"", { false, false, false } },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int range = HS_NUMBER_INTEGER_16; range <= HS_NUMBER_INTEGER_64; range++) {
			struct hs_value value = value_of(cases[i].json);
			struct hs_buf out = { 0 };

			if (hs_value_fits(&value, HS_COLUMN_NUMBER, (enum hs_number_range)range, &out) !=
			    cases[i].fits[range - HS_NUMBER_INTEGER_16])
				fail_msg("%s in range %d", cases[i].json, range);
			hs_buf_free(&out);
		}
}

TEST(a_double_reads_back_from_its_text)
{
	char text[HS_DOUBLE_TEXT];

	hs_value_double_text(0.1, text);
	assert_string_equal(text, "0.1");
	hs_value_double_text(9.95, text); /* 9.949999999999999 to 16 digits */
	assert_string_equal(text, "9.95");
	hs_value_double_text(0.27339475080101683, text);
	assert_string_equal(text, "0.27339475080101683");
	hs_value_double_text(NAN, text); /* which is unlike itself */
	assert_non_null(strstr(text, "nan"));
}

TEST(the_rest_is_the_text_that_was_sent)
{
	static const struct {
		const char *json, *rest;
	} cases[] = {
		{ "\"free\"", "\"\\\"free\\\"\"" },
		{ "12345678901234567890123", "\"12345678901234567890123\"" },
		{ "\"a\\u0000\\\"\"", "\"\\\"a\\\\u0000\\\\\\\"\\\"\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_value value = value_of(cases[i].json);
		struct hs_buf out = { 0 };

		hs_value_put_rest(&value, &out);
		assert_slice_equal(hs_buf_slice(&out), hs_slice_str(cases[i].rest));
		hs_buf_free(&out);
	}
}

/* An exact column takes thousands of digits, a double only what surely returns as it was. */
TEST(a_long_number_is_no_double)
{
	char digits[1100] = "0.";

	for (size_t n = 2; n + 1 < sizeof digits; n++)
		digits[n] = n == 3 ? '1' : '0';
	check_fit(&(struct fit){ digits, HS_COLUMN_NUMBER, NEVER }, HS_NUMBER_EXACT, digits);
	check_fit(&(struct fit){ digits, HS_COLUMN_NUMBER, NEVER }, HS_NUMBER_DOUBLE, NULL);
	digits[1000] = '\0';
	check_fit(&(struct fit){ digits, HS_COLUMN_NUMBER, NEVER }, HS_NUMBER_DOUBLE, digits);
}

TEST(a_number_has_a_length_at_most)
{
	static char digits[16002];

	memset(digits, '1', 16001);
	check_fit(&(struct fit){ digits, HS_COLUMN_NUMBER, NEVER }, HS_NUMBER_EXACT, NULL);
	digits[16000] = '\0';
	check_fit(&(struct fit){ digits, HS_COLUMN_NUMBER, NEVER }, HS_NUMBER_EXACT, digits);
}

/* A value that lacks memory is no misfit: the value would be in _rest of one row, and in its column of the next. */
TEST(without_memory_no_value_is_called_a_misfit)
{
	static const struct {
		const char *json;
		enum hs_column_type type;
	} cases[] = {
		{ "\"a\\u00e9\"", HS_COLUMN_TEXT },
		{ "\"\\u0031\"", HS_COLUMN_NUMBER },
		{ "1.2345678901234e22", HS_COLUMN_NUMBER },
		{ "\"2026-11-23t10:15:00z\"", HS_COLUMN_TIMESTAMP },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_value value = value_of(cases[i].json);
		unsigned faults = 0;
		bool fits = false;

		for (; !fits; faults++) {
			struct hs_buf out = { 0 };

			wrap_fail(WRAP_REALLOC, faults + 1, 1, ENOMEM);
			fits = hs_value_fits(&value, cases[i].type, HS_NUMBER_DOUBLE, &out);
			wrap_reset();
			if (hs_buf_ok(&out) != fits)
				fail_msg("%s, without memory at %u: %d", cases[i].json, faults + 1, fits);
			hs_buf_free(&out);
		}
		assert_true(faults > 1);
	}
}

/* --- long values ---------------------------------------------------------------------------------- */

/* A text with a character outside the BMP wherever a piece may end, as JSON and decoded. */
static void put_long(struct hs_buf *json, struct hs_buf *decoded, int shift)
{
	hs_buf_reset(json);
	hs_buf_reset(decoded);
	for (int i = 0; i < shift; i++) {
		hs_buf_putc(json, 'a');
		hs_buf_putc(decoded, 'a');
	}
	while (json->n < 3 * HS_PIECE_BYTES) {
		hs_buf_put_slice(json, HS_SLICE("\\ud83d\\ude00\\n\\u00e9\\udead\xC3\xA9"));
		hs_buf_put_slice(decoded, HS_SLICE("\xF0\x9F\x98\x80\n\xC3\xA9\xED\xBA\xAD\xC3\xA9"));
	}
}

TEST(a_long_value_is_hashed_in_pieces_as_if_it_were_one)
{
	struct hs_digest *digest = hs_digest_new();
	struct hs_buf json = { 0 }, decoded = { 0 }, scratch = { 0 };

	assert_non_null(digest);
	for (int shift = 0; shift < 24; shift++) {
		uint8_t got[2][HS_SHA256_BYTES], expected[HS_SHA256_BYTES];
		struct hs_value value, plain;

		put_long(&json, &decoded, shift);
		value = (struct hs_value){ hs_buf_slice(&json), true, true };
		plain = (struct hs_value){ hs_buf_slice(&decoded), true, false };
		assert_true(hs_sha256(hs_buf_slice(&decoded), expected));
		assert_true(hs_value_hash(&value, digest, &scratch, got[0]));
		assert_true(hs_value_hash(&plain, digest, &scratch, got[1]));
		assert_memory_equal(got[0], expected, sizeof expected);
		assert_memory_equal(got[1], expected, sizeof expected);
		assert_true(scratch.cap <= 2 * HS_PIECE_BYTES);
	}
	hs_digest_free(digest);
	hs_buf_free(&json);
	hs_buf_free(&decoded);
	hs_buf_free(&scratch);
}

/* No piece ends within an escape, or between the halves of a pair. */
TEST(escapes_at_the_end_of_a_piece_stay_whole)
{
	static const char *const ends[] = {
		"\\u00e9",        "\\n",
		"\\ud83d\\ude00", "\\uD83D\\uDE00",
		"\\ud83d",        "\\ud83dab",
		"\\ud83dabcdefg", "\\ud83d\\nabcd",
		"\\udead\\ude00", "\\uc83d\\ude00",
		"\\n\\ud83d",     "\xC3\xA9\xC3\xA9",
	};
	struct hs_buf json = { 0 }, decoded = { 0 }, scratch = { 0 };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		for (size_t before = HS_PIECE_BYTES - 12; before < HS_PIECE_BYTES; before++) {
			struct hs_value value;
			size_t at = 0;

			hs_buf_reset(&json);
			hs_buf_reset(&decoded);
			while (json.n < before)
				hs_buf_putc(&json, 'a');
			hs_buf_put_slice(&json, hs_slice_str(ends[i]));
			value = (struct hs_value){ hs_buf_slice(&json), true, true };
			for (size_t end; at < json.n; at = end) {
				end = hs_value_part(&value, at);
				hs_buf_put_slice(&decoded, hs_value_decode(&value, at, end, &scratch));
			}
			assert_int_equal(at, json.n);
			hs_buf_reset(&scratch);
			hs_json_unescape(hs_buf_slice(&json), &scratch);
			assert_slice_equal(hs_buf_slice(&decoded), hs_buf_slice(&scratch));
		}
	hs_buf_free(&json);
	hs_buf_free(&decoded);
	hs_buf_free(&scratch);
}

static bool take_some(void *context, struct hs_slice piece)
{
	assert_in_range(piece.n, 1, 3 * HS_PIECE_BYTES);
	return --*(int *)context > 0;
}

TEST(the_rest_of_a_long_value_ends_where_nobody_takes_it)
{
	struct hs_buf json = { 0 }, decoded = { 0 };

	put_long(&json, &decoded, 0);
	for (int most = 1; most <= 2; most++) {
		struct hs_value value = { hs_buf_slice(&json), true, true };
		int left = most;
		struct hs_piece_out out = { .take = take_some, .context = &left };

		assert_false(hs_value_put_rest_pieces(&value, &out));
		assert_int_equal(left, 0);
		hs_buf_free(&out.buf);
	}
	hs_buf_free(&json);
	hs_buf_free(&decoded);
}

static bool take_all(void *context, struct hs_slice piece)
{
	*(size_t *)context += piece.n;
	return true;
}

/* It is all quotes, the last of which make a piece longer than its text. */
TEST(the_rest_of_a_long_value_without_memory)
{
	struct hs_buf json = { 0 };
	struct hs_value value;
	unsigned nth = 0;
	size_t taken;
	bool done;

	while (json.n < HS_PIECE_BYTES)
		hs_buf_put_slice(&json, HS_SLICE("\\\""));
	value = (struct hs_value){ hs_buf_slice(&json), true, true };
	do {
		struct hs_piece_out out = { .take = take_all, .context = &taken };

		taken = 0;
		wrap_fail(WRAP_REALLOC, ++nth, 1, ENOMEM);
		done = hs_value_put_rest_pieces(&value, &out) && hs_buf_ok(&out.buf);
		taken += out.buf.n;
		wrap_reset();
		hs_buf_free(&out.buf);
	} while (!done);
	assert_true(nth > 2);
	assert_int_equal(taken, 2 * json.n + strlen("\"\\\"\\\"\""));
	hs_buf_free(&json);
}

TESTS("value", NULL, NULL)
