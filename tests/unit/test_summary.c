/*
 * summary: names, limits and heads of summaries. A damaged head, or one of another file, says nothing.
 */
#include "base/bloom.h"
#include "base/io.h"
#include "event/top_counts.h"
#include "spool/summary/summary_builder.h"
#include "spool/summary/summary_sort.h"
#include "tests/lib/summary_lines.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* --- limits ------------------------------------------------------------------------------------- */

/* Records have 7 in one spelling; who asks for 7.0 means the same person. */
TEST(an_id_that_is_asked_for_in_another_spelling)
{
	uint32_t filter[HS_BLOOM_BLOCK / sizeof(uint32_t)] = { 0 };
	struct hs_slice part = hs_slice((const char *)filter, sizeof filter);

	hs_bloom_add(filter, sizeof filter, hs_summary_hash(HS_SLICE("7")));
	assert_true(hs_summary_bloom_may_name(part, HS_SLICE("7")));
	assert_true(hs_summary_bloom_may_name(part, HS_SLICE("7.0")));
	assert_false(hs_summary_bloom_may_name(part, HS_SLICE("8.0")));
	assert_false(hs_summary_bloom_may_name(part, HS_SLICE("8")));
}

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
	m = made_of_text(hs_buf_slice(&text), false);
	assert_int_equal(m.head.odd, 0);
	assert_true(hs_summary_counts_start(&counts, made_part(&m, HS_SUMMARY_EVENTS)));
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
	struct hs_summary_builder *b = hs_summary_builder_new(made_spool, false, 42);
	struct hs_summary_counts counts;
	struct hs_slice name;
	uint64_t records, bytes;
	struct made m;

	for (int i = 0; i <= HS_SUMMARY_EVENTS_MAX; i++)
		hs_summary_builder_line(b, line, true);
	made_take(b, &m);
	assert_int_equal(m.head.lines, HS_SUMMARY_EVENTS_MAX + 1);
	assert_null(hs_summary_find(&m.head, HS_SUMMARY_IDS));
	assert_null(hs_summary_find(&m.head, HS_SUMMARY_BLOOM));
	assert_true(hs_summary_counts_start(&counts, made_part(&m, HS_SUMMARY_DAYS)));
	assert_int_equal(hs_summary_counts_next(&counts, &name, &records, &bytes), 1);
	assert_int_equal(records, HS_SUMMARY_EVENTS_MAX + 1);
	hs_buf_free(&m.file);
}

/* Wherever memory ends there is no summary, or the same one. */
TEST(without_memory_there_is_none)
{
	static const int lines[] = { 1, 30, 200, SAID_LINES };
	unsigned none = 0;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct said *s = said_new(lines[i]);
		struct made whole = made_of_text(hs_buf_slice(&s->text), false);

		for (int call = WRAP_CALLOC; call <= WRAP_REALLOC; call++)
			for (unsigned nth = 1, all = 1; nth <= all; nth++) {
				struct hs_summary_builder *b;
				struct hs_summary *head;
				struct hs_slice parts;

				wrap_reset();
				wrap_fail((enum wrap_call)call, nth, 1, ENOMEM);
				b = hs_summary_builder_new(made_spool, false, 42);
				hs_summary_builder_text(b, hs_buf_slice(&s->text));
				head = hs_summary_builder_end(b, &parts);
				all = wrap_count((enum wrap_call)call);
				wrap_reset();
				none += head == NULL;
				if (head != NULL)
					assert_slice_equal(parts, hs_slice(whole.file.p + whole.head.head_bytes,
					                                   whole.file.n - whole.head.head_bytes));
				hs_summary_builder_free(b);
			}
		hs_buf_free(&whole.file);
		said_free(s);
	}
	assert_true(none > 40);
	hs_summary_builder_fail(NULL); /* as one for which there was no memory */
}

/* --- sorting --------------------------------------------------------------------------------------- */

/* Ids that differ in their second halves alone, as somebody may choose them; of equal ones the latest stays. */
TEST(ids_that_begin_alike)
{
	enum { SOME = 40, AGAIN = 3 };
	struct hs_buf items = { 0 }, sorted = { 0 };
	const struct hs_summary_id *id;
	size_t n;

	for (uint32_t i = 0; i < SOME * AGAIN; i++) {
		struct hs_summary_id one = { 7, i * 7 % SOME, 1000 + i };

		hs_buf_put(&items, (const char *)&one, sizeof one);
	}
	for (size_t count = SOME / 2; count <= SOME * AGAIN; count *= 2) { /* by insertion, and by qsort */
		struct hs_buf some = { .p = items.p, .n = count * sizeof *id, .cap = items.cap };

		assert_true(hs_summary_sort_ids(&some, &sorted, &n));
		id = (const struct hs_summary_id *)(const void *)sorted.p;
		assert_int_equal(n, count < SOME ? count : SOME);
		for (size_t i = 1; i < n; i++)
			assert_true(id[i].second > id[i - 1].second);
		for (size_t i = 0; i < n; i++)
			assert_true(id[i].spooled_s >= 1000 + count - SOME || count < SOME);
	}
	hs_buf_free(&items);
	hs_buf_free(&sorted);
}

/* More than there are buckets for. */
TEST(many_hashes)
{
	enum { MANY = 1600000 };
	struct hs_buf items = { 0 }, sorted = { 0 };
	uint64_t *hash = (uint64_t *)(void *)hs_buf_reserve(&items, MANY * sizeof *hash);
	size_t n;

	assert_non_null(hash);
	for (uint64_t i = 0; i < MANY; i++)
		hash[i] = i * 11400714819323198485U;
	items.n = MANY * sizeof *hash;
	assert_true(hs_summary_sort_hashes(&items, &sorted, &n));
	assert_int_equal(n, MANY);
	hash = (uint64_t *)(void *)sorted.p;
	for (size_t i = 1; i < n; i++)
		if (hash[i] <= hash[i - 1])
			fail_msg("%zu", i);
	hs_buf_free(&items);
	hs_buf_free(&sorted);
}

/* --- the head ------------------------------------------------------------------------------------- */

TEST(a_head_with_any_other_byte_is_refused)
{
	struct said *s = said_new(20);
	struct made m = made_of_text(hs_buf_slice(&s->text), false);
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
	said_free(s);
}

/* The head is as it was written, and what it says of a part cannot be: before it, or not where parts begin. */
TEST(parts_that_are_nowhere)
{
	struct said *s = said_new(20);
	struct made m = made_of_text(hs_buf_slice(&s->text), false);
	struct hs_summary changed, decoded;

	for (int what = 0; what < 5; what++) {
		memset(&changed, 0, sizeof changed);
		memcpy(&changed, m.file.p, m.head.head_bytes);
		switch (what) {
		case 0: changed.part[1].offset += 4; break;
		case 1: changed.part[1].offset = 8; break;
		case 2: changed.part[1].offset = m.file.n + 8; break;
		case 3: changed.part[1].bytes = m.file.n; break;
		default: break; /* nothing: it is the right one */
		}
		hs_summary_seal(&changed);
		if (hs_summary_decode(hs_slice((const char *)&changed, m.head.head_bytes), m.file.n, &decoded) !=
		    (what == 4))
			fail_msg("change %d", what);
	}
	hs_buf_free(&m.file);
	said_free(s);
}

TEST(of_another_file)
{
	struct made m = made_of_text(HS_SLICE(""), false);
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
	    "type\",\"body\":\"x\"}\n"
	    "{\"spooled_at\":\"yesterday\",\"message\":\"no type\",\"body\":\"x\"}\n";
	static const char *const odd[] = { "{\"message\":\"cut\n", "\n", "{\"message\":\"no newline\"}" };
	struct made m = made_of_text(hs_slice_str(text), true);
	struct hs_summary_counts counts;
	struct hs_slice name;
	uint64_t records, bytes, sum = 0;

	assert_int_equal(m.head.rejected, 1);
	assert_int_equal(m.head.odd, 0);
	assert_int_equal(m.head.lines, 3);
	assert_int_equal(m.head.timed, 2); /* whose time can be read */
	assert_null(hs_summary_find(&m.head, HS_SUMMARY_IDS));
	assert_true(hs_summary_counts_start(&counts, made_part(&m, HS_SUMMARY_REASONS)));
	while (hs_summary_counts_next(&counts, &name, &records, &bytes) > 0)
		sum += records;
	assert_int_equal(sum, 3);
	assert_true(hs_summary_counts_start(&counts, made_part(&m, HS_SUMMARY_TENANTS)));
	assert_int_equal(hs_summary_counts_next(&counts, &name, &records, &bytes), 1);
	assert_slice_equal(name, HS_SLICE("acme"));
	assert_int_equal(records, 1);
	hs_buf_free(&m.file);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		m = made_of_text(hs_slice_str(odd[i]), true);
		assert_int_equal(m.head.odd, 1);
		assert_int_equal(m.head.parts, 0);
		hs_buf_free(&m.file);
	}
}

/* --- parts that are none ---------------------------------------------------------------------------- */

TEST(rows_that_are_none)
{
	struct said *s = said_new(30);
	struct made m = made_of_text(hs_buf_slice(&s->text), false);
	struct hs_slice part = made_part(&m, HS_SUMMARY_EVENTS);

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
	said_free(s);
}

TESTS("summary", NULL, NULL)
