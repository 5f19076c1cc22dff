/*
 * summary: what is written about a segment is what its lines say, by a second opinion; and a damaged
 * head, or one of another file, says nothing.
 */
#include "base/io.h"
#include "base/timestamp.h"
#include "event/dedup_key.h"
#include "event/top_counts.h"
#include "spool/file/gzip.h"
#include "spool/summary/summary_builder.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINES = 700, ROWS = 400 };

static const char spool_id[] = "0123456789abcdef0123456789abcdef";

/* --- names -------------------------------------------------------------------------- */

TEST(names_are_spelled_in_one_way)
{
	static const char *const bad[] = { "",
		                           "events",
		                           "events-",
		                           "events-01",
		                           "events-+1",
		                           "events- 1",
		                           "events-1x",
		                           "event-1",
		                           "Events-1",
		                           "rejected-",
		                           "rejected--1",
		                           "events-18446744073709551616",
		                           "maintain-new",
		                           "rewrite-new" };
	static const uint64_t numbers[] = { 0, 1, 42, UINT64_MAX };
	char name[HS_SUMMARY_NAME];
	uint64_t number;
	bool rejected;

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		for (int of = 0; of < 2; of++) {
			hs_summary_name(of == 1, numbers[i], name);
			assert_true(hs_summary_name_parse(name, &rejected, &number));
			assert_int_equal(rejected, of);
			assert_true(number == numbers[i]);
		}
	assert_string_equal((hs_summary_name(false, 42, name), name), "events-42");
	assert_string_equal((hs_summary_name(true, 7, name), name), "rejected-7");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (hs_summary_name_parse(bad[i], &rejected, &number))
			fail_msg("%s passes for a name", bad[i]);
}

/* --- making one ------------------------------------------------------------------------ */

/* A summary as it would be in its file. */
struct made {
	struct hs_summary head;
	struct hs_buf file;
};

static void take(struct hs_summary_builder *b, struct made *m)
{
	struct hs_slice parts;
	struct hs_summary *head = hs_summary_builder_end(b, &parts);

	memset(m, 0, sizeof *m);
	assert_non_null(head);
	head->plain = (struct hs_summary_file){ 11, 12, 13 };
	head->gzip = (struct hs_summary_file){ 21, 22, 23 };
	hs_summary_seal(head);
	m->head = *head;
	hs_buf_put(&m->file, (const char *)head, head->head_bytes);
	hs_buf_put_slice(&m->file, parts);
	hs_summary_builder_free(b);
}

static struct made make_of_text(struct hs_slice text, bool rejected)
{
	struct hs_summary_builder *b = hs_summary_builder_new(spool_id, rejected, 42);
	struct made m;

	hs_summary_builder_text(b, text);
	hs_summary_builder_crc(b, hs_crc32(0, text));
	take(b, &m);
	return m;
}

static struct made make_of_lines(struct hs_slice text, bool rejected)
{
	struct hs_summary_builder *b = hs_summary_builder_new(spool_id, rejected, 42);
	struct made m;

	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end == NULL ? text.n : (size_t)(end - text.p);

		hs_summary_builder_line(b, hs_slice(text.p, n), end != NULL);
		n += end != NULL;
		text = hs_slice(text.p + n, text.n - n);
	}
	take(b, &m);
	return m;
}

static struct made make_of_pieces(struct hs_slice text, struct random_source *r)
{
	struct hs_summary_builder *b = hs_summary_builder_new(spool_id, false, 42);
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
	take(b, &m);
	return m;
}

static struct hs_slice part_of(const struct made *m, enum hs_summary_kind kind)
{
	const struct hs_summary_part *part = hs_summary_find(&m->head, kind);

	assert_non_null(part);
	assert_true(part->offset + part->bytes <= m->file.n);
	return hs_slice(m->file.p + part->offset, part->bytes);
}

/* --- lines, and what they say -------------------------------------------------------------- */

struct spelled {
	const char *json, *text; /* NULL: it counts for nothing */
};

static const struct spelled types[] = {
	{ "\"track\"", "track" }, { "\"page\"", "page" }, { "\"tr\\u0061ck\"", "track" },
	{ "null", NULL },         { "\"\"", "" },         { NULL, NULL }
};
static const struct spelled events[] = { { "\"Order Completed\"", "Order Completed" },
	                                 { "\"Order \\u0043ompleted\"", "Order Completed" },
	                                 { "\"\\ud800!\"", "\xEF\xBF\xBD!" },
	                                 { "7.0", "7.0" },
	                                 { "\"null\"", "null" },
	                                 { "null", NULL },
	                                 { "true", "true" },
	                                 { NULL, NULL } };
static const struct spelled tenants[] = { { "\"acme\"", "acme" }, { "\"globex\"", "globex" }, { NULL, NULL } };
static const struct spelled times[] = { { "\"2026-11-20T23:59:59.999Z\"", "2026-11-20" },
	                                { "\"2026-11-21T01:00:00+02:00\"", "2026-11-20" },
	                                { "\"1969-12-31T23:00:00.000Z\"", "1969-12-31" },
	                                { "\"2027-01-01\"", "2027-01-01" },
	                                { "\"yesterday\"", NULL },
	                                { "null", NULL },
	                                { NULL, NULL } };
static const struct spelled ids[] = { { "7.0", "7" },
	                              { "\"7.0\"", "7.0" },
	                              { "1.2345e4", "12345" },
	                              { "-0", "0" },
	                              { "9007199254740993", "9007199254740993" },
	                              { "1e400", "1e400" },
	                              { "\"\\u00e9\"", "\xC3\xA9" },
	                              { "\"\xC3\xA9\"", "\xC3\xA9" },
	                              { "\"a\\\"\\\\b\"", "a\"\\b" },
	                              { "\"\\ud800\"", "\xED\xA0\x80" },
	                              { "\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80" },
	                              { "\"\"", "" },
	                              { "true", "true" },
	                              { "null", NULL },
	                              { NULL, NULL } };

#define PICK(r, of) (&(of)[random_below((r), sizeof(of) / sizeof *(of))])

struct row {
	char name[512];
	uint64_t records, bytes;
};

struct said {
	struct row row[HS_SUMMARY_KINDS][ROWS];
	size_t rows[HS_SUMMARY_KINDS];
	const char *id[64]; /* that some line has */
	char own[5 * LINES][32];
	size_t ids, owns;
	int64_t first_time, last_time, first_spooled, last_spooled;
	uint64_t timed;
	struct hs_buf text;
};

static void say(struct said *s, enum hs_summary_kind kind, const char *name, uint64_t bytes)
{
	size_t i = 0;

	while (i < s->rows[kind] && strcmp(s->row[kind][i].name, name) != 0)
		i++;
	if (i == s->rows[kind])
		snprintf(s->row[kind][s->rows[kind]++].name, sizeof s->row[kind][i].name, "%s", name);
	s->row[kind][i].records++;
	s->row[kind][i].bytes += bytes;
}

static void put_field(struct hs_buf *out, const char *name, const char *json)
{
	if (json == NULL)
		return;
	hs_buf_putc(out, out->p[out->n - 1] == '{' ? '"' : ',');
	if (out->p[out->n - 1] == ',')
		hs_buf_putc(out, '"');
	hs_buf_put_slice(out, hs_slice_str(name));
	hs_buf_put_slice(out, HS_SLICE("\":"));
	hs_buf_put_slice(out, hs_slice_str(json));
}

/* An id of one of the kinds: a strange one, or one that no other line has. */
static void put_id(struct said *s, struct random_source *r, const char *name)
{
	char json[64];

	if (random_below(r, 2) == 0) {
		const struct spelled *id = PICK(r, ids);

		put_field(&s->text, name, id->json);
		if (id->text != NULL && s->ids < 64)
			s->id[s->ids++] = id->text;
	} else {
		snprintf(s->own[s->owns], sizeof s->own[0], "%c%u", name[0], random_below(r, 1000000));
		snprintf(json, sizeof json, "\"%s\"", s->own[s->owns++]);
		put_field(&s->text, name, json);
	}
}

static void say_time(struct said *s, const char *json, int64_t spooled, const char *day, uint64_t bytes)
{
	int64_t ms = spooled;
	char text[HS_TIMESTAMP_TEXT + 1];

	if (day != NULL)
		assert_true(hs_timestamp_parse(hs_slice(json + 1, strlen(json) - 2), &ms));
	if (day == NULL) {
		hs_timestamp_text(spooled, text);
		text[10] = '\0';
		day = text;
	}
	s->first_time = s->timed == 0 || ms < s->first_time ? ms : s->first_time;
	s->last_time = s->timed == 0 || ms > s->last_time ? ms : s->last_time;
	s->timed++;
	say(s, HS_SUMMARY_DAYS, day, bytes);
}

static void add_line(struct said *s, struct random_source *r)
{
	const struct spelled *type = PICK(r, types), *event = PICK(r, events), *tenant = PICK(r, tenants),
			     *time = PICK(r, times);
	int64_t spooled = INT64_C(1795688100000) + random_below(r, 900000000);
	size_t start = s->text.n;
	char at[HS_TIMESTAMP_TEXT + 3];
	uint64_t bytes;

	at[0] = at[HS_TIMESTAMP_TEXT + 1] = '"';
	hs_timestamp_text(spooled, at + 1);
	at[HS_TIMESTAMP_TEXT + 1] = '"';
	at[HS_TIMESTAMP_TEXT + 2] = '\0';
	hs_buf_putc(&s->text, '{');
	put_field(&s->text, "type", type->json);
	put_field(&s->text, "event", event->json);
	put_field(&s->text, "timestamp", time->json);
	put_id(s, r, "user_id");
	put_id(s, r, "anonymous_id");
	put_id(s, r, "message_id");
	put_id(s, r, "group_id");
	put_id(s, r, "previous_id");
	put_field(&s->text, "name", random_below(r, 2) == 0 ? NULL : "\"n\"");
	put_field(&s->text, "project_id", random_below(r, 2) == 0 ? NULL : "5");
	put_field(&s->text, "tenant", tenant->json);
	put_field(&s->text, "settings_a", random_below(r, 2) == 0 ? NULL : "1");
	put_field(&s->text, "settings_b", random_below(r, 2) == 0 ? NULL : "\"x\"");
	put_field(&s->text, "spooled_at", at);
	put_field(&s->text, "properties_user_id", random_below(r, 2) == 0 ? NULL : "\"hidden\"");
	hs_buf_put_slice(&s->text, HS_SLICE("}\n"));
	bytes = s->text.n - start;
	if (type->text != NULL)
		say(s, HS_SUMMARY_TYPES, type->text, bytes);
	if (event->text != NULL)
		say(s, HS_SUMMARY_EVENTS, event->text, bytes);
	if (tenant->text != NULL)
		say(s, HS_SUMMARY_TENANTS, tenant->text, bytes);
	say_time(s, time->json, spooled, time->text, bytes);
	s->first_spooled = s->first_spooled == 0 || spooled < s->first_spooled ? spooled : s->first_spooled;
	s->last_spooled = spooled > s->last_spooled ? spooled : s->last_spooled;
}

static struct said *speak(int lines)
{
	struct random_source r = random_new(random_seed());
	struct said *s = calloc(1, sizeof *s);

	assert_non_null(s);
	for (int i = 0; i < lines; i++)
		add_line(s, &r);
	return s;
}

static void forget(struct said *s)
{
	hs_buf_free(&s->text);
	free(s);
}

TEST(any_pieces_give_the_same_bytes)
{
	struct said *s = speak(LINES);
	struct random_source r = random_new(random_seed());

	for (int tail = 0; tail < 2; tail++) { /* with a newline at the end, and without */
		struct hs_slice text = hs_slice(s->text.p, s->text.n - (size_t)tail);
		struct made whole = make_of_text(text, false), lines = make_of_lines(text, false);

		assert_int_equal(whole.head.odd, tail);
		assert_int_equal(whole.head.lines, LINES);
		assert_int_equal(whole.head.text_bytes, text.n);
		assert_slice_equal(hs_buf_slice(&lines.file), hs_buf_slice(&whole.file));
		for (int i = 0; i < 12; i++) {
			struct made pieces = make_of_pieces(text, &r);

			assert_slice_equal(hs_buf_slice(&pieces.file), hs_buf_slice(&whole.file));
			hs_buf_free(&pieces.file);
		}
		hs_buf_free(&whole.file);
		hs_buf_free(&lines.file);
	}
	forget(s);
}

static void compare_counts(const struct said *s, const struct made *m, enum hs_summary_kind kind)
{
	struct hs_summary_counts counts;
	uint64_t records, bytes;
	struct hs_slice name;
	size_t rows = 0;
	int got;

	assert_true(hs_summary_counts_start(&counts, part_of(m, kind)));
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
	struct hs_slice bloom = part_of(m, HS_SUMMARY_BLOOM);
	size_t others = 0;

	assert_true(s->ids > 20 && s->owns > LINES);
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
	struct hs_slice sums = part_of(m, HS_SUMMARY_SUMS);
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
	static struct known known[LINES];
	size_t n = keys_of(hs_buf_slice(&s->text), known);
	struct hs_slice part = part_of(m, HS_SUMMARY_IDS);

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
	struct said *s = speak(LINES);
	struct made m = make_of_text(hs_buf_slice(&s->text), false);
	struct hs_summary decoded;

	assert_true(hs_summary_decode(hs_buf_slice(&m.file), m.file.n, &decoded));
	assert_memory_equal(decoded.spool, spool_id, HS_HISTORY_ID);
	assert_int_equal(decoded.number, 42);
	assert_int_equal(decoded.rejected, 0);
	assert_int_equal(decoded.odd, 0);
	assert_int_equal(decoded.lines, LINES);
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
	forget(s);
}

/* --- lines that are none ---------------------------------------------------------------------- */

#define AT "\"spooled_at\":\"2026-11-23T10:15:00.123Z\""

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
			m = lines ? make_of_lines(hs_slice_str(text), false) : make_of_text(hs_slice_str(text), false);
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
		m = make_of_text(hs_slice_str(text), false);
		if (m.head.odd != (i < count))
			fail_msg("%s is taken wrongly", unit_show(hs_slice_str(text)));
		hs_buf_free(&m.file);
	}
}

TEST(an_empty_segment_has_all_parts)
{
	struct made m = make_of_text(HS_SLICE(""), false);
	struct hs_slice bloom = part_of(&m, HS_SUMMARY_BLOOM);

	assert_int_equal(m.head.odd, 0);
	assert_int_equal(m.head.lines, 0);
	assert_int_equal(m.head.timed, 0);
	assert_int_equal(m.head.last_line, 0);
	assert_int_equal(part_of(&m, HS_SUMMARY_IDS).n, 0);
	assert_false(hs_summary_bloom_may_have(bloom, hs_summary_hash(HS_SLICE("a"))));
	hs_buf_free(&m.file);
}

TEST(a_damaged_segment_is_odd)
{
	struct hs_summary_builder *b = hs_summary_builder_new(spool_id, false, 42);
	struct made m;
	struct hs_slice parts;

	hs_summary_builder_line(b, HS_SLICE("{\"type\":\"track\"," AT "}"), true);
	hs_summary_builder_damage(b);
	take(b, &m);
	assert_int_equal(m.head.odd, 1);
	assert_int_equal(m.head.parts, 0);
	hs_buf_free(&m.file);
	b = hs_summary_builder_new(spool_id, false, 42);
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
	m = make_of_text(hs_buf_slice(&text), false);
	part = part_of(&m, HS_SUMMARY_IDS);
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

/* --- limits ------------------------------------------------------------------------------------- */

TEST(more_names_than_are_counted)
{
	enum { MORE = 100 };
	struct hs_buf text = { 0 };
	struct hs_summary_counts counts;
	struct hs_slice name;
	uint64_t records, bytes, rows = 0;
	struct made m;
	char line[128];

	for (int i = 0; i < HS_TOP_COUNTS_NAMES + MORE; i++)
		hs_buf_put(&text, line,
		           (size_t)snprintf(line, sizeof line, "{\"type\":\"t\",\"event\":\"e%d\"," AT "}\n", i));
	m = make_of_text(hs_buf_slice(&text), false);
	assert_int_equal(m.head.odd, 0);
	assert_true(hs_summary_counts_start(&counts, part_of(&m, HS_SUMMARY_EVENTS)));
	assert_int_equal(counts.more_records, MORE);
	assert_true(counts.more_bytes > MORE * 50);
	while (hs_summary_counts_next(&counts, &name, &records, &bytes) > 0)
		rows++;
	assert_int_equal(rows, HS_TOP_COUNTS_NAMES);
	hs_buf_free(&text);
	hs_buf_free(&m.file);
}

/* At the limit there are ids; beyond it only counts, of all lines. */
TEST(more_events_than_have_room)
{
	static const char text[] = "{\"message_id\":\"m\"," AT "}";
	const struct hs_slice line = HS_SLICE(text);
	struct hs_summary_builder *b = hs_summary_builder_new(spool_id, false, 42);
	struct hs_summary_counts counts;
	struct hs_slice name;
	uint64_t records, bytes;
	struct made m;

	for (int i = 0; i <= HS_SUMMARY_EVENTS_MAX; i++)
		hs_summary_builder_line(b, line, true);
	take(b, &m);
	assert_int_equal(m.head.lines, HS_SUMMARY_EVENTS_MAX + 1);
	assert_null(hs_summary_find(&m.head, HS_SUMMARY_IDS));
	assert_null(hs_summary_find(&m.head, HS_SUMMARY_BLOOM));
	assert_true(hs_summary_counts_start(&counts, part_of(&m, HS_SUMMARY_DAYS)));
	assert_int_equal(hs_summary_counts_next(&counts, &name, &records, &bytes), 1);
	assert_int_equal(records, HS_SUMMARY_EVENTS_MAX + 1);
	hs_buf_free(&m.file);
}

/* Wherever memory ends there is no summary, or the same one. */
TEST(without_memory_there_is_none)
{
	struct said *s = speak(30);
	struct made whole = make_of_text(hs_buf_slice(&s->text), false);
	unsigned none = 0;

	for (int call = WRAP_CALLOC; call <= WRAP_REALLOC; call++)
		for (unsigned nth = 1; nth <= 40; nth++) {
			struct hs_summary_builder *b;
			struct hs_summary *head;
			struct hs_slice parts;

			wrap_fail((enum wrap_call)call, nth, 1, ENOMEM);
			b = hs_summary_builder_new(spool_id, false, 42);
			hs_summary_builder_text(b, hs_buf_slice(&s->text));
			head = hs_summary_builder_end(b, &parts);
			wrap_reset();
			none += head == NULL;
			if (head != NULL)
				assert_slice_equal(parts, hs_slice(whole.file.p + whole.head.head_bytes,
				                                   whole.file.n - whole.head.head_bytes));
			hs_summary_builder_free(b);
		}
	assert_true(none > 10);
	hs_buf_free(&whole.file);
	forget(s);
}

/* --- the head ------------------------------------------------------------------------------------- */

TEST(a_head_with_any_other_byte_is_refused)
{
	struct said *s = speak(20);
	struct made m = make_of_text(hs_buf_slice(&s->text), false);
	struct hs_summary decoded;

	for (size_t i = 0; i < m.head.head_bytes; i++)
		for (int bit = 0; bit < 8; bit++) {
			m.file.p[i] ^= (char)(1 << bit);
			if (hs_summary_decode(hs_buf_slice(&m.file), m.file.n, &decoded))
				fail_msg("bit %d of byte %zu may be another", bit, i);
			m.file.p[i] ^= (char)(1 << bit);
		}
	for (size_t n = 0; n < m.file.n; n++) {
		char *cut = unit_exact_copy(hs_slice(m.file.p, n));

		if (hs_summary_decode(hs_slice(cut, n), n, &decoded))
			for (uint64_t i = 0; i < decoded.parts; i++) /* only padding may be missing */
				assert_true(decoded.part[i].offset + decoded.part[i].bytes <= n);
		free(cut);
	}
	assert_false(hs_summary_decode(hs_slice(m.file.p, m.head.head_bytes), m.file.n - 8, &decoded));
	assert_true(hs_summary_decode(hs_slice(m.file.p, m.head.head_bytes), m.file.n, &decoded));
	hs_buf_free(&m.file);
	forget(s);
}

TEST(of_another_file)
{
	struct made m = make_of_text(HS_SLICE(""), false);
	struct stat st = { .st_ino = 11, .st_size = 12 }, zero = { 0 };

	st.st_mtim.tv_nsec = 13;
	assert_true(hs_summary_fits(&m.head, &st));
	st.st_ino++;
	assert_false(hs_summary_fits(&m.head, &st));
	st.st_ino--;
	st.st_size++;
	assert_false(hs_summary_fits(&m.head, &st));
	st.st_size--;
	st.st_mtim.tv_nsec++;
	assert_false(hs_summary_fits(&m.head, &st));
	st.st_mtim.tv_nsec--;
	st.st_mtim.tv_sec++;
	assert_false(hs_summary_fits(&m.head, &st));
	st = (struct stat){ .st_ino = 21, .st_size = 22 };
	st.st_mtim.tv_nsec = 23;
	assert_true(hs_summary_fits(&m.head, &st));
	st.st_ino = 11; /* a mixture of the two */
	assert_false(hs_summary_fits(&m.head, &st));
	assert_false(hs_summary_fits(&m.head, &zero));
	hs_buf_free(&m.file);
}

/* --- what was rejected -------------------------------------------------------------------------- */

TEST(what_was_rejected)
{
	static const char text[] =
	    "{\"spooled_at\":\"2026-11-23T10:15:00.123Z\",\"message\":\"event 2: no type\",\"body\":\"x\"}\n"
	    "{\"spooled_at\":\"2026-11-24T10:15:00.123Z\",\"tenant\":\"acme\",\"message\":\"no "
	    "type\",\"body\":\"x\"}\n";
	static const char *const odd[] = { "{\"message\":\"cut\n", "\n", "{\"message\":\"no newline\"}" };
	struct made m = make_of_text(hs_slice_str(text), true);
	struct hs_summary_counts counts;
	struct hs_slice name;
	uint64_t records, bytes, sum = 0;

	assert_int_equal(m.head.rejected, 1);
	assert_int_equal(m.head.odd, 0);
	assert_int_equal(m.head.lines, 2);
	assert_int_equal(m.head.timed, 2);
	assert_null(hs_summary_find(&m.head, HS_SUMMARY_IDS));
	assert_true(hs_summary_counts_start(&counts, part_of(&m, HS_SUMMARY_REASONS)));
	while (hs_summary_counts_next(&counts, &name, &records, &bytes) > 0)
		sum += records;
	assert_int_equal(sum, 2);
	assert_true(hs_summary_counts_start(&counts, part_of(&m, HS_SUMMARY_TENANTS)));
	assert_int_equal(hs_summary_counts_next(&counts, &name, &records, &bytes), 1);
	assert_slice_equal(name, HS_SLICE("acme"));
	assert_int_equal(records, 1);
	hs_buf_free(&m.file);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		m = make_of_text(hs_slice_str(odd[i]), true);
		assert_int_equal(m.head.odd, 1);
		assert_int_equal(m.head.parts, 0);
		hs_buf_free(&m.file);
	}
}

/* --- parts that are none ---------------------------------------------------------------------------- */

TEST(rows_that_are_none)
{
	struct said *s = speak(30);
	struct made m = make_of_text(hs_buf_slice(&s->text), false);
	struct hs_slice part = part_of(&m, HS_SUMMARY_EVENTS);

	for (size_t n = 0; n < part.n; n++) {
		char *cut = unit_exact_copy(hs_slice(part.p, n));
		struct hs_summary_counts counts;
		uint64_t records, bytes;
		struct hs_slice name;
		int got = 1;

		if (hs_summary_counts_start(&counts, hs_slice(cut, n)))
			while (got > 0)
				got = hs_summary_counts_next(&counts, &name, &records, &bytes);
		else
			assert_true(n < 16);
		free(cut);
	}
	assert_true(hs_summary_bloom_may_have(HS_SLICE(""), 5)); /* nothing is known */
	assert_true(hs_summary_bloom_may_have(HS_SLICE("123"), 5));
	hs_buf_free(&m.file);
	forget(s);
}

TESTS("summary", NULL, NULL)
