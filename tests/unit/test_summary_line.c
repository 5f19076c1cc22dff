/*
 * summary_line: a summary says what the lines say, by a second opinion; of lines that are no records it says
 * only that.
 */
#include "event/dedup_key.h"
#include "spool/file/gzip.h"
#include "tests/lib/random.h"
#include "tests/lib/summary_lines.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- pieces of a text ----------------------------------------------------------------------------- */

static struct made made_of_lines(struct hs_slice text, bool rejected)
{
	struct hs_summary_builder *b = hs_summary_builder_new(made_spool, rejected, 42);
	struct made m;

	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end == NULL ? text.n : (size_t)(end - text.p);

		hs_summary_builder_line(b, hs_slice(text.p, n), end != NULL);
		n += end != NULL;
		text = hs_slice(text.p + n, text.n - n);
	}
	made_take(b, &m);
	return m;
}

static struct made made_of_pieces(struct hs_slice text, struct random_source *r)
{
	struct hs_summary_builder *b = hs_summary_builder_new(made_spool, false, 42);
	static const uint32_t sizes[] = { 1, 3, 50, 5000 };
	uint32_t most = sizes[random_below(r, 4)], crc = hs_crc32(0, text);
	struct made m;

	while (text.n > 0) {
		size_t n = random_below(r, most + 1);
		char *piece;

		n = n < text.n ? n : text.n;
		piece = unit_exact_copy(hs_slice(text.p, n));
		hs_summary_builder_text(b, hs_slice(piece, n));
		free(piece);
		text = hs_slice(text.p + n, text.n - n);
	}
	hs_summary_builder_crc(b, crc);
	made_take(b, &m);
	return m;
}

TEST(any_pieces_give_the_same_bytes)
{
	struct said *s = said_new(SAID_LINES);
	struct random_source r = random_new(random_seed());

	for (int tail = 0; tail < 2; tail++) { /* with a newline at the end, and without */
		struct hs_slice text = hs_slice(s->text.p, s->text.n - (size_t)tail);
		struct made whole = made_of_text(text, false), lines = made_of_lines(text, false);

		assert_int_equal(whole.head.odd, tail);
		assert_int_equal(whole.head.lines, SAID_LINES);
		assert_int_equal(whole.head.text_bytes, text.n);
		assert_slice_equal(hs_buf_slice(&lines.file), hs_buf_slice(&whole.file));
		for (int i = 0; i < 12; i++) {
			struct made pieces = made_of_pieces(text, &r);

			assert_slice_equal(hs_buf_slice(&pieces.file), hs_buf_slice(&whole.file));
			hs_buf_free(&pieces.file);
		}
		hs_buf_free(&whole.file);
		hs_buf_free(&lines.file);
	}
	said_free(s);
}

/* A line too short for the quick way is read strictly even if more text follows it. */
TEST(a_short_damaged_line_is_odd_wherever_it_stands)
{
	static const char damaged[] = "{\"settings_a\":0,\"spooled_at\":\"\",\"properties_\"a1}\n";
	struct said *s = said_new(2);
	struct hs_buf text = { 0 };
	struct made whole, lines;

	hs_buf_put(&text, damaged, sizeof damaged - 1);
	hs_buf_put_slice(&text, hs_buf_slice(&s->text));
	whole = made_of_text(hs_buf_slice(&text), false);
	lines = made_of_lines(hs_buf_slice(&text), false);
	assert_int_equal(whole.head.odd, 1);
	assert_int_equal(lines.head.odd, 1);
	hs_buf_free(&whole.file);
	hs_buf_free(&lines.file);
	hs_buf_free(&text);
	said_free(s);
}

/* Whatever it had before: another stream, more lines, an end without a newline, damage, or a failure. */
TEST(a_used_builder_makes_the_same)
{
	struct said *s = said_new(60), *before = said_new(SAID_LINES);
	struct made whole = made_of_text(hs_buf_slice(&s->text), false), again;

	for (int use = 0; use < 5; use++) {
		struct hs_summary_builder *b = hs_summary_builder_new(made_spool, use == 0, 7);
		struct hs_slice parts;

		hs_summary_builder_text(b, hs_slice(before->text.p, before->text.n - (size_t)use));
		if (use == 3)
			hs_summary_builder_damage(b);
		if (use == 4)
			hs_summary_builder_fail(b);
		assert_true((hs_summary_builder_end(b, &parts) == NULL) == (use == 4));
		hs_summary_builder_again(b, false, 42);
		hs_summary_builder_text(b, hs_buf_slice(&s->text));
		hs_summary_builder_crc(b, hs_crc32(0, hs_buf_slice(&s->text)));
		made_take(b, &again);
		assert_slice_equal(hs_buf_slice(&again.file), hs_buf_slice(&whole.file));
		hs_buf_free(&again.file);
	}
	hs_buf_free(&whole.file);
	said_free(before);
	said_free(s);
}

static void compare_counts(const struct said *s, const struct made *m, enum hs_summary_kind kind)
{
	struct hs_summary_counts counts;
	uint64_t records, bytes;
	struct hs_slice name;
	size_t rows = 0;
	int got;

	assert_true(hs_summary_counts_start(&counts, made_part(m, kind)));
	assert_int_equal(counts.more_records, 0);
	while ((got = hs_summary_counts_next(&counts, &name, &records, &bytes)) > 0) {
		size_t i = 0;

		while (i < s->rows[kind] && !hs_slice_eq(hs_slice_str(s->row[kind][i].name), name))
			i++;
		if (i == s->rows[kind])
			fail_msg("kind %d: no line has %s", kind, unit_show(name));
		assert_int_equal(records, s->row[kind][i].records);
		assert_int_equal(bytes, s->row[kind][i].bytes);
		rows++;
	}
	assert_int_equal(got, 0);
	assert_int_equal(rows, s->rows[kind]);
}

static void compare_names(const struct said *s, const struct made *m)
{
	struct hs_slice bloom = made_part(m, HS_SUMMARY_BLOOM);
	size_t others = 0;

	assert_true(s->ids > 20 && s->owns > SAID_LINES);
	for (size_t i = 0; i < s->ids; i++)
		if (!hs_summary_bloom_may_have(bloom, hs_summary_hash(hs_slice_str(s->id[i]))))
			fail_msg("%s is not found", unit_show(hs_slice_str(s->id[i])));
	for (size_t i = 0; i < s->owns; i++)
		assert_true(hs_summary_bloom_may_have(bloom, hs_summary_hash(hs_slice_str(s->own[i]))));
	for (int i = 0; i < 10000; i++) {
		char other[32];

		snprintf(other, sizeof other, "other%d", i);
		others += hs_summary_bloom_may_have(bloom, hs_summary_hash(hs_slice_str(other)));
	}
	assert_true(others < 300); /* one in a hundred is meant */
}

struct known {
	uint8_t key[HS_DEDUP_KEY_BYTES];
	uint32_t spooled_s;
};

static int by_key_and_time(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int order = memcmp(x->key, y->key, sizeof x->key);

	return order != 0 ? order : (x->spooled_s > y->spooled_s) - (x->spooled_s < y->spooled_s);
}

static uint64_t half_of(const uint8_t *bytes)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

/* The keys of all lines as the index makes them from lines, sorted; of each the latest. */
static size_t keys_of(struct hs_slice text, struct known *known)
{
	struct hs_dedup_key_maker maker;
	struct hs_json json = { 0 };
	size_t n = 0, kept = 0;

	assert_true(hs_dedup_key_maker_init(&maker));
	while (text.n > 0) {
		size_t length = (size_t)((const char *)memchr(text.p, '\n', text.n) - text.p);
		struct hs_dedup_key key;
		int64_t ms;
		bool is_known;

		assert_result(hs_dedup_key_of_line(&maker, &json, hs_slice(text.p, length), &is_known, &key, &ms),
		              HS_OK);
		if (is_known) {
			memcpy(known[n].key, key.bytes, sizeof key.bytes);
			known[n++].spooled_s = (uint32_t)(ms / 1000);
		}
		text = hs_slice(text.p + length + 1, text.n - length - 1);
	}
	hs_json_free(&json);
	hs_dedup_key_maker_free(&maker);
	qsort(known, n, sizeof *known, by_key_and_time);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || memcmp(known[i].key, known[i + 1].key, sizeof known[i].key) != 0)
			known[kept++] = known[i];
	return kept;
}

static void compare_sums(const struct made *m, struct hs_slice part)
{
	struct hs_slice sums = made_part(m, HS_SUMMARY_SUMS);
	size_t chunks = 0;

	for (size_t at = 0; at < part.n; at += HS_SUMMARY_CHUNK, chunks++) {
		size_t n = part.n - at < HS_SUMMARY_CHUNK ? part.n - at : HS_SUMMARY_CHUNK;
		uint32_t sum;

		memcpy(&sum, sums.p + chunks * sizeof sum, sizeof sum);
		assert_int_equal(sum, hs_crc32(0, hs_slice(part.p + at, n)));
	}
	assert_int_equal(sums.n, chunks * sizeof(uint32_t));
	if (chunks > 1)
		assert_int_equal(hs_summary_find(&m->head, HS_SUMMARY_IDS)->offset % HS_SUMMARY_CHUNK, 0);
}

static void compare_ids(const struct said *s, const struct made *m)
{
	static struct known known[SAID_LINES];
	size_t n = keys_of(hs_buf_slice(&s->text), known);
	struct hs_slice part = made_part(m, HS_SUMMARY_IDS);

	assert_int_equal(part.n, n * 20);
	compare_sums(m, part);
	for (size_t i = 0; i < n; i++) {
		uint64_t first, second;
		uint32_t at;

		memcpy(&first, part.p + 8 * i, 8);
		memcpy(&second, part.p + 8 * n + 8 * i, 8);
		memcpy(&at, part.p + 16 * n + 4 * i, 4);
		assert_true(first == half_of(known[i].key));
		assert_true(second == half_of(known[i].key + 8));
		assert_int_equal(at, known[i].spooled_s);
	}
}

TEST(parts_say_what_lines_say)
{
	struct said *s = said_new(SAID_LINES);
	struct made m = made_of_text(hs_buf_slice(&s->text), false);
	struct hs_summary decoded;

	assert_true(hs_summary_decode(hs_buf_slice(&m.file), m.file.n, &decoded));
	assert_memory_equal(decoded.spool, made_spool, HS_HISTORY_ID);
	assert_int_equal(decoded.number, 42);
	assert_int_equal(decoded.rejected, 0);
	assert_int_equal(decoded.odd, 0);
	assert_int_equal(decoded.lines, SAID_LINES);
	assert_int_equal(decoded.text_bytes, s->text.n);
	assert_int_equal(decoded.timed, s->timed);
	assert_int_equal(decoded.first_time, s->first_time);
	assert_int_equal(decoded.last_time, s->last_time);
	assert_int_equal(decoded.first_spooled, s->first_spooled);
	assert_int_equal(decoded.last_spooled, s->last_spooled);
	for (int kind = HS_SUMMARY_TYPES; kind <= HS_SUMMARY_DAYS; kind++)
		compare_counts(s, &m, (enum hs_summary_kind)kind);
	compare_names(s, &m);
	compare_ids(s, &m);
	hs_buf_free(&m.file);
	said_free(s);
}

/* --- lines that are none ---------------------------------------------------------------------- */

TEST(odd_lines_leave_only_a_head)
{
	static const char *const odd[] = {
		"{\"message_id\":\"a\",\"type\":\"track\"," AT "}\n", /* out of order */
		"{\"type\":\"track\",\"type\":\"page\"," AT "}\n",    /* a name twice */
		"{\"tenant\":\"a\",\"type\":\"track\"," AT "}\n",
		"{\"settings_a\":1,\"tenant\":\"a\"," AT "}\n",
		"{\"tenant\":\"a\",\"tenant\":\"b\"," AT "}\n",
		"{\"properties_a\":1," AT "}\n", /* before spooled_at */
		"{\"us\\u0065r_id\":\"a\"," AT "}\n",
		"{\"type\":\"track\",\"message_id\":\"a\"}\n", /* no spooled_at */
		"{\"spooled_at\":5}\n",
		"{\"user_id\":1," AT ",\"user_id\":2}\n",
		"{\"type\":\"track\"," AT "\n",
		"{\"type\":\"track\"{\"event\":\"e\"," AT "}\n",
		"{\"type\":\"track\",\"user_id\":07," AT "}\n",
		"{\"type\":\"track\",\"event\":\"\\q\"," AT "}\n",
		",\"type\":\"track\"," AT "}\n",
		"{\"type\":\"track\"," AT "}x\n",
		"{\"type\":\"track\"," AT "}", /* no newline */
		"not JSON\n",
		"[]\n",
		"\n",
		"\xFF\n",
	};
	static const char good[] = "{\"type\":\"track\",\"message_id\":\"g\"," AT "}\n";
	char text[512];

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
		for (int lines = 0; lines < 2; lines++) {
			struct made m;

			snprintf(text, sizeof text, "%s%s", good, odd[i]);
			m = lines ? made_of_lines(hs_slice_str(text), false) : made_of_text(hs_slice_str(text), false);
			if (m.head.odd == 0)
				fail_msg("%s passes for a record", unit_show(hs_slice_str(odd[i])));
			assert_int_equal(m.head.parts, 0);
			assert_int_equal(m.head.lines, 2);
			assert_int_equal(m.head.text_bytes, strlen(text));
			assert_int_equal(m.file.n, m.head.head_bytes);
			hs_buf_free(&m.file);
		}
}

/* Damage after spooled_at, in a line whose beginning is of the usual form. */
TEST(a_rest_that_is_none_is_odd)
{
	static const char *const rests[] = {
		",\"properties_a\":\"b}\n",  /* a quote is missing */
		",\"properties_a\":\"b\"\n", /* the end is missing */
		",\"properties_a\":\"b\"} \"\n",
		",\"properties_a\":\"b\x01\"}\n",
		",\"properties_a\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\x1F\"}\n",
		",\"properties_a\":\"0123456789abcdef0123456789abcdef0123456789abcdef\xC3\"}\n",
		",\"properties_a\":\"\xC0\xAF\"}\n",
		",\"properties_a\":\"\xED\xA0\x80\"}\n",
		",\"user_id\":\"b\"}\n", /* a fixed name again */
		",\"a\":tru}\n",
		",}\n",
		"}}\n",
	};
	static const char *const fine[] = {
		"}\n",
		",\"properties_a\":\"b\"}\n",
		",\"context_a\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 0123456789abcdef\xC3\xA9\"}\n",
		",\"properties_a\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\xC3\xA9\"}\n",
		",\"properties_a\":\"5\\\" wide\",\"properties_b\":-1.5e3,\"properties_c\":null}\n",
		",\"mine\":\"b\",\"traits_b\":true}\n",
	};
	static const char begin[] = "{\"type\":\"track\",\"user_id\":7,\"message_id\":\"g\"," AT;
	size_t count = sizeof rests / sizeof rests[0];
	char text[512];

	for (size_t i = 0; i < count + sizeof fine / sizeof fine[0]; i++) {
		struct made m;

		snprintf(text, sizeof text, "%s%s", begin, i < count ? rests[i] : fine[i - count]);
		m = made_of_text(hs_slice_str(text), false);
		if (m.head.odd != (i < count))
			fail_msg("%s is taken wrongly", unit_show(hs_slice_str(text)));
		hs_buf_free(&m.file);
	}
}

/* In lines of all lengths, with all numbers of quotes in their last bytes, and in the first ones of the next line. */
TEST(a_missing_quote_is_found_everywhere)
{
	static const char form[] = "{\"message_id\":\"%.*s\"," AT ",\"properties_a\":\"%.*s%s}\n"
				   "{\"type\":\"track\",\"message_id\":\"h\"," AT "}\n";
	static const char pad[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char text[512];

	for (int id = 1; id <= 64; id++)
		for (int value = 0; value <= 64; value += 3)
			for (int missing = 0; missing < 2; missing++) {
				struct made m;

				snprintf(text, sizeof text, form, id, pad, value, pad, missing ? "" : "\"");
				m = made_of_text(hs_slice_str(text), false);
				if (m.head.odd != (uint64_t)missing)
					fail_msg("%s is taken wrongly", unit_show(hs_slice_str(text)));
				hs_buf_free(&m.file);
			}
}

/* After a line whose names are taken for those of the next one. */
TEST(a_name_that_begins_like_the_expected_one_is_odd)
{
	static const char *const names[] = { "message_xy\":\"", "message\":\"   ", "message_id_\":\"" };
	char text[512];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct made m;

		snprintf(text, sizeof text,
		         "{\"type\":\"track\",\"message_id\":\"g\"," AT "}\n{\"type\":\"track\",\"%sg\"," AT "}\n",
		         names[i]);
		m = made_of_text(hs_slice_str(text), false);
		if (m.head.odd != 1)
			fail_msg("%s passes for a record", unit_show(hs_slice_str(text)));
		hs_buf_free(&m.file);
	}
}

/* A line that begins like the one before it, and is long enough for the quick way. */
TEST(a_long_line_that_is_none_is_odd)
{
	static const char begin[] =
	    "{\"type\":\"track\",\"event\":\"0123456789abcdef0123456789abcdef0123456789abcdef\"";
	static const char *const ends[] = {
		"",
		",",
		",x}",
		",\"user_id\"",
		",\"a\\\\\":\"b\"",
		",\"user_id\"x\"a\"}",
		",\"us\\\\er_id\":\"a\"," AT "}",
		",\"user_id\":\"a\\\"," AT "}",
		",\"user_id\":7",
		",\"user_id\":7}",
		",\"user_id\":\"a\"",
		",\"user_id\":\"a\";" AT "}",
		"," AT,
		"," AT "}\xFF 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	};
	static const char *const fine[] = { ",\"user_id\":false," AT "}", ",\"user_id\":\"a\\\"\"," AT "}" };
	size_t count = sizeof ends / sizeof *ends;
	char text[512];

	for (size_t i = 0; i < count + sizeof fine / sizeof *fine; i++) {
		struct made m;

		snprintf(text, sizeof text, "%s,\"user_id\":\"a\"," AT "}\n%s%s\n", begin, begin,
		         i < count ? ends[i] : fine[i - count]);
		m = made_of_text(hs_slice_str(text), false);
		if (m.head.odd != (i < count))
			fail_msg("%s is taken wrongly", unit_show(hs_slice_str(text)));
		hs_buf_free(&m.file);
	}
}

/* Whatever is no record is one odd line, and the summary has nothing but its head. */
TEST(lines_that_are_no_records)
{
	static const char *const lines[] = { "{x}",
		                             "{\"type\"}",
		                             "{\"type\"x\"page\"}",
		                             "{\"type\":",
		                             "{\"type",
		                             "{",
		                             "{\"type\":\"page\",}",
		                             "{\"type\":\"page\",x}",
		                             "{\"other\":1,x",
		                             "{\"other\":1,\"b\"}",
		                             "{\"other\":1,\"b\"x1}",
		                             "{\"type\":\"page\"," };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct hs_buf text = { 0 };
		struct made m;

		hs_buf_printf(&text, "%s\n", lines[i]);
		m = made_of_text(hs_buf_slice(&text), false);
		if (m.head.odd != 1 || m.head.lines != 1)
			fail_msg("%s", lines[i]);
		hs_buf_free(&m.file);
		hs_buf_free(&text);
	}
}

/* A time that is none is not the first or the last one. */
TEST(an_event_of_no_time)
{
	struct made m =
	    made_of_text(HS_SLICE("{\"type\":\"page\",\"message_id\":\"a\",\"spooled_at\":\"2026-13-23T10:15:00."
	                          "123Z\"}\n"),
	                 false);

	assert_int_equal(m.head.lines, 1);
	assert_true(m.head.first_spooled == 0 && m.head.last_spooled == 0);
	hs_buf_free(&m.file);
}

TEST(an_empty_segment_has_all_parts)
{
	struct made m = made_of_text(HS_SLICE(""), false);
	struct hs_slice bloom = made_part(&m, HS_SUMMARY_BLOOM);

	assert_int_equal(m.head.odd, 0);
	assert_int_equal(m.head.lines, 0);
	assert_int_equal(m.head.timed, 0);
	assert_int_equal(m.head.last_line, 0);
	assert_int_equal(made_part(&m, HS_SUMMARY_IDS).n, 0);
	assert_false(hs_summary_bloom_may_have(bloom, hs_summary_hash(HS_SLICE("a"))));
	hs_buf_free(&m.file);
}

TEST(a_damaged_segment_is_odd)
{
	struct hs_summary_builder *b = hs_summary_builder_new(made_spool, false, 42);
	struct made m;
	struct hs_slice parts;

	hs_summary_builder_line(b, HS_SLICE("{\"type\":\"track\"," AT "}"), true);
	hs_summary_builder_damage(b);
	made_take(b, &m);
	assert_int_equal(m.head.odd, 1);
	assert_int_equal(m.head.parts, 0);
	hs_buf_free(&m.file);
	b = hs_summary_builder_new(made_spool, false, 42);
	hs_summary_builder_fail(b);
	assert_null(hs_summary_builder_end(b, &parts));
	hs_summary_builder_free(b);
}

/* More ids than a bucket has on average, some of them twice: they ascend, and the latest time counts. */
TEST(ids_ascend)
{
	enum { IDS = 5000 };
	struct hs_buf text = { 0 };
	struct made m;
	struct hs_slice part;
	char line[160];

	for (int i = 0; i < 2 * IDS; i++)
		hs_buf_put(&text, line,
		           (size_t)snprintf(line, sizeof line,
		                            "{\"message_id\":\"m%d\",\"spooled_at\":\"2026-11-23T10:15:%02d.000Z\"}\n",
		                            i % IDS, i < IDS ? 7 : 5));
	m = made_of_text(hs_buf_slice(&text), false);
	part = made_part(&m, HS_SUMMARY_IDS);
	assert_int_equal(part.n, IDS * 20);
	for (size_t i = 0; i < IDS; i++) {
		uint64_t first[2];
		uint32_t at;

		memcpy(&at, part.p + IDS * 16 + i * sizeof at, sizeof at);
		assert_int_equal(at % 60, 7);
		memcpy(first, part.p + i * sizeof *first, i + 1 < IDS ? sizeof first : sizeof *first);
		assert_true(i + 1 == IDS || first[0] < first[1]);
	}
	hs_buf_free(&text);
	hs_buf_free(&m.file);
}

TESTS("summary_line", NULL, NULL)
