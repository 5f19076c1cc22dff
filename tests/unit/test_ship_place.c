/*
 * place, place_set, lacking, kept_place: texts of places, sets of them through edits, and the place that retention
 * keeps.
 */
#include "base/io.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"
#include "tools/ship/kept_place.h"
#include "tools/ship/lacking.h"
#include "tools/ship/place_set.h"

#include <stdio.h>
#include <stdlib.h>

/* --- texts --------------------------------------------------------------------------------- */

TEST(a_header_is_read_as_it_was_written)
{
	static const struct hs_places cases[] = {
		{ { 42, 1234, 0 }, { 42, 1000, 0 }, 998877 },
		{ { 0 }, { 0 }, 0 },
		{ { UINT64_MAX, UINT64_MAX, UINT64_MAX }, { UINT64_MAX, UINT64_MAX, UINT64_MAX }, UINT64_MAX },
		{ { 1, 0, 3 }, { 1, 0, 2 }, 1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_buf text = { 0 };
		struct hs_places got;
		char *copy;

		hs_places_put(&text, &cases[i]);
		assert_true(hs_buf_ok(&text));
		copy = unit_exact_copy(hs_buf_slice(&text));
		assert_true(hs_places_read(hs_slice(copy, text.n), &got));
		assert_memory_equal(&got, &cases[i], sizeof got);
		for (size_t n = 0; n + 1 < text.n; n++) /* cut, it is no header, unless a digit of the end is missing */
			assert_true(!hs_places_read(hs_slice(copy, n), &got) || memchr(copy, '@', n) != NULL);
		free(copy);
		hs_buf_free(&text);
	}
}

TEST(texts_that_are_no_header)
{
	static const char *const cases[] = {
		"",
		"1:2:3",
		"1:2:3 4:5:6",
		"1:2:3 4:5:6@",
		"1:2:3 4:5:6@7 ",
		" 1:2:3 4:5:6@7",
		"1:2:3  4:5:6@7",
		"1:2:3 4:5:6 @7",
		"1:2 4:5:6@7",
		"1:2:3 4:5@7",
		"1:2:3:4 4:5:6@7",
		"01:2:3 4:5:6@7",
		"1:2:3 4:5:6@007",
		"+1:2:3 4:5:6@7",
		"-1:2:3 4:5:6@7",
		"1:2:3 4:5:6@0x7",
		"1:2:a 4:5:6@7",
		"18446744073709551616:2:3 4:5:6@7",
		"1:2:3 4:5:6@184467440737095516150",
		"1:2:3 4:5:6@7\r\nX: y",
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_places got;

		if (hs_places_read(hs_slice_str(cases[i]), &got))
			fail_msg("%s", cases[i]);
	}
}

TEST(places_are_ordered_by_segment_and_offset)
{
	static const struct {
		struct hs_place a, b;
		int order;
	} cases[] = {
		{ { 1, 5, 0 }, { 1, 5, 0 }, 0 },           { { 1, 5, 0 }, { 1, 5, 9 }, 0 },
		{ { 1, 5, 0 }, { 1, 6, 0 }, -1 },          { { 1, UINT64_MAX, 0 }, { 2, 0, 0 }, -1 },
		{ { 0, 0, 0 }, { UINT64_MAX, 0, 0 }, -1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(hs_place_cmp(&cases[i].a, &cases[i].b), cases[i].order);
		assert_int_equal(hs_place_cmp(&cases[i].b, &cases[i].a), -cases[i].order);
	}
}

/* --- sets ------------------------------------------------------------------------------------ */

/* A list on the heap, for hs_place_set_make. */
static struct hs_place *list_of(const struct hs_place *places, size_t n)
{
	struct hs_place *list = calloc(n, sizeof *list);

	memcpy(list, places, n * sizeof *list);
	return list;
}

TEST(a_set_in_any_order)
{
	struct random_source dice = random_new(random_seed());
	struct hs_place all[200], outside;
	struct hs_place_set set;

	for (uint64_t i = 0; i < 200; i++)
		all[i] = (struct hs_place){ 1 + i / 50, (i % 50) * 100, i / 50 };
	for (size_t i = 199; i > 0; i--) {
		size_t j = random_below(&dice, (uint32_t)i + 1);
		struct hs_place swap = all[i];

		all[i] = all[j];
		all[j] = swap;
	}
	assert_result(hs_place_set_make(&set, list_of(all, 200), 200, NULL), HS_OK);
	for (size_t i = 0; i < 200; i++) {
		assert_true(hs_place_set_has(&set, &all[i]));
		assert_true(hs_place_set_reaches(&set, &all[i]));
		outside = (struct hs_place){ all[i].number, all[i].offset + 1, all[i].edit };
		assert_false(hs_place_set_has(&set, &outside));
		assert_int_equal(hs_place_set_edition(&set, all[i].number), all[i].number - 1);
	}
	outside = (struct hs_place){ 4, 4901, 0 };
	assert_false(hs_place_set_reaches(&set, &outside));
	assert_true(hs_place_set_edition(&set, 5) == UINT64_MAX);
	assert_true(hs_place_set_edition(&set, 0) == UINT64_MAX);
	hs_place_set_free(&set);
}

TEST(an_empty_set)
{
	const struct hs_place place = { 1, 0, 0 };
	struct hs_place_set set;

	assert_result(hs_place_set_make(&set, NULL, 0, NULL), HS_OK);
	assert_false(hs_place_set_has(&set, &place));
	assert_false(hs_place_set_reaches(&set, &place));
	assert_true(hs_place_set_edition(&set, 1) == UINT64_MAX);
	hs_place_set_free(&set);
}

/* --- through edits ----------------------------------------------------------------------------- */

static struct edits {
	struct hs_opened_spool o;
	struct hs_rewrite_log *log;
	uint64_t at[8]; /* where each line of the sealed segment began */
} e;

/* Where the nth line of the segment begins now. */
static uint64_t line_at(unsigned nth)
{
	struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));
	uint64_t at = 0;

	while (nth-- > 0)
		at += (uint64_t)((char *)memchr(text.p + at, '\n', text.n - at) - (text.p + at)) + 1;
	hs_buf_free(&text);
	return at;
}

/* A spool with one sealed segment of the words a to g. */
static void edits_begin(void)
{
	make("");
	seal("a b c d e f g");
	assert_result(hs_spool_dir_open(&e.o, s.d.settings, false), HS_OK);
	assert_result(hs_rewrite_log_open(&e.o.dir, &e.log), HS_OK);
	for (unsigned i = 0; i < 7; i++)
		e.at[i] = line_at(i);
}

static void edits_end(void)
{
	hs_rewrite_log_close(e.log);
	hs_spool_dir_close(&e.o);
}

/* Removes the nth line that is there now, as erase does. */
static void erase_line(unsigned nth)
{
	const char *name = spooldir_name(&s.d, "events-", 0);
	struct hs_range removed = { line_at(nth), line_at(nth + 1) - line_at(nth) };
	struct hs_buf text = spooldir_read(&s.d, name), rest = { 0 };
	struct hs_rewrite edit = { .stream = "events",
		                   .copy = "erase-copy",
		                   .removed = &removed,
		                   .count = 1,
		                   .read = spooldir_stat(&s.d, name) };

	assert_true(hs_sealed_parse("events", name, &edit.sealed));
	hs_buf_put(&rest, text.p, removed.offset);
	hs_buf_put(&rest, text.p + removed.offset + removed.bytes, text.n - removed.offset - removed.bytes);
	spooldir_write(&s.d, ".hookspool/run/erase-copy", hs_buf_slice(&rest));
	assert_result(hs_rewrite_log_replace(e.log, &edit), HS_OK);
	hs_buf_free(&text);
	hs_buf_free(&rest);
}

/* Translates the place of the nth line (of the first edition); UINT64_MAX: it was erased. */
static uint64_t now_at(unsigned nth)
{
	struct hs_place place = { 1, e.at[nth], 0 };
	bool erased = false;

	assert_result(hs_rewrite_log_share(e.log), HS_OK);
	assert_result(hs_place_translate(e.log, &place, &erased), HS_OK);
	assert_int_equal(place.edit, hs_rewrite_log_number(e.log, 1));
	hs_rewrite_log_release(e.log);
	return erased ? UINT64_MAX : place.offset;
}

TEST(a_place_moves_with_its_record_and_ends_with_it)
{
	edits_begin();
	assert_int_equal(now_at(3), e.at[3]);
	erase_line(1); /* b */
	assert_int_equal(now_at(0), 0);
	assert_true(now_at(1) == UINT64_MAX);
	assert_int_equal(now_at(2), line_at(1));
	erase_line(0); /* a */
	erase_line(1); /* d */
	erase_line(3); /* g, the last one */
	assert_true(now_at(0) == UINT64_MAX && now_at(1) == UINT64_MAX && now_at(3) == UINT64_MAX &&
	            now_at(6) == UINT64_MAX);
	assert_int_equal(now_at(2), line_at(0));
	assert_int_equal(now_at(4), line_at(1));
	assert_int_equal(now_at(5), line_at(2));
	edits_end();
}

TEST(a_set_leaves_out_what_was_erased)
{
	const struct hs_place next = { 1, 0, 2 };
	struct hs_place_set set;
	struct hs_place place;

	edits_begin();
	erase_line(0); /* a: its place becomes that of b, which the stream does not have */
	erase_line(2); /* d */
	assert_result(hs_place_set_make(&set,
	                                list_of((const struct hs_place[]){ { 1, e.at[4], 0 },
	                                                                   { 1, e.at[0], 0 },
	                                                                   { 1, e.at[3], 0 },
	                                                                   { 1, e.at[2], 0 } },
	                                        4),
	                                4, e.log),
	              HS_OK);
	assert_int_equal(set.count, 2);
	assert_false(hs_place_set_has(&set, &next));
	place = (struct hs_place){ 1, line_at(1), 2 }; /* c */
	assert_true(hs_place_set_has(&set, &place));
	place.offset = line_at(2); /* e */
	assert_true(hs_place_set_has(&set, &place));
	assert_int_equal(hs_place_set_edition(&set, 1), 2);
	hs_place_set_free(&set);
	edits_end();
}

/* A place may have been noted in any edition. */
TEST(a_set_of_places_of_several_editions)
{
	struct hs_place_set set;
	struct hs_place place;

	edits_begin();
	erase_line(0); /* a */
	assert_result(
	    hs_place_set_make(&set, list_of((const struct hs_place[]){ { 1, e.at[2], 0 }, { 1, line_at(2), 1 } }, 2), 2,
	                      e.log),
	    HS_OK);
	erase_line(1); /* c */
	assert_result(hs_place_set_make(&set, set.place, set.count, e.log), HS_OK);
	assert_int_equal(set.count, 1);
	place = (struct hs_place){ 1, line_at(1), 2 }; /* d */
	assert_true(hs_place_set_has(&set, &place));
	hs_place_set_free(&set);
	edits_end();
}

/* --- lacking --------------------------------------------------------------------------------- */

/* Leaves out the segment 9, and moves the others by one byte. */
static bool keep(void *context, struct hs_place *place)
{
	unsigned *calls = context;

	++*calls;
	place->offset++;
	return place->number != 9;
}

TEST(lacking_records)
{
	static const struct {
		struct hs_place place;
		const char *id;
	} added[] = {
		{ { 2, 5, 0 }, "acme/b" }, { { 1, 7, 3 }, "acme/a" }, { { 9, 9, 0 }, "acme/a" },
		{ { 1, 3, 3 }, "" },       { { 3, 0, 0 }, "acme/b" }, { { 4, 0, 0 }, "acme" },
	};
	struct hs_lacking l = { 0 };
	struct hs_lacking_record *found;
	unsigned calls = 0;

	for (size_t i = 0; i < sizeof added / sizeof added[0]; i++)
		assert_true(hs_lacking_add(&l, &added[i].place, hs_slice_str(added[i].id)));
	assert_true(hs_lacking_settle(&l, keep, &calls));
	assert_int_equal(calls, 6);
	assert_int_equal(l.count, 5);
	assert_int_equal(l.named, 4);
	assert_int_equal(l.record[0].place.offset, 4);
	hs_lacking_note(&l, HS_SLICE("acme/b"), 17);
	hs_lacking_note(&l, HS_SLICE("acme/c"), 18);
	hs_lacking_note(&l, HS_SLICE("acme/"), 19);
	hs_lacking_note(&l, HS_SLICE(""), 20);
	hs_lacking_note(&l, HS_SLICE("zzz"), 21);
	found = hs_lacking_find(&l, &(struct hs_place){ 2, 6, 0 });
	assert_non_null(found);
	assert_int_equal(found->elsewhere, 17);
	assert_slice_equal(found->id, HS_SLICE("acme/b"));
	assert_int_equal(hs_lacking_find(&l, &(struct hs_place){ 3, 1, 0 })->elsewhere, 17);
	assert_int_equal(hs_lacking_find(&l, &(struct hs_place){ 1, 8, 3 })->elsewhere, 0);
	assert_int_equal(hs_lacking_find(&l, &(struct hs_place){ 1, 4, 3 })->elsewhere, 0);
	assert_int_equal(hs_lacking_find(&l, &(struct hs_place){ 4, 1, 0 })->elsewhere, 0);
	assert_null(hs_lacking_find(&l, &(struct hs_place){ 1, 8, 4 })); /* another edition */
	assert_null(hs_lacking_find(&l, &(struct hs_place){ 9, 10, 0 }));
	hs_lacking_free(&l);
	assert_null(hs_lacking_find(&l, &(struct hs_place){ 1, 8, 3 }));
	assert_true(hs_lacking_settle(&l, keep, &calls));
	hs_lacking_note(&l, HS_SLICE("acme/b"), 17);
	hs_lacking_free(&l);
}

/* --- the kept place --------------------------------------------------------------------------- */

static struct hs_position at(uint64_t number)
{
	return (struct hs_position){ .number = number, .offset = 10 * number };
}

TEST(the_kept_place_follows_after_the_time)
{
	struct hs_kept_place k;

	hs_kept_place_begin(&k, 1600, (struct hs_position){ 0 }, at(1), 0);
	assert_int_equal(k.kept.number, 1);
	assert_int_equal(hs_kept_place_due(&k, 0), 1600);
	hs_kept_place_note(&k, at(2), 500);
	hs_kept_place_note(&k, at(3), 550); /* less than a sixteenth later */
	assert_int_equal(k.count, 2);
	hs_kept_place_note(&k, at(4), 1599);
	assert_int_equal(k.kept.number, 1);
	assert_int_equal(hs_kept_place_due(&k, 1599), 1);
	hs_kept_place_note(&k, at(4), 1600);
	assert_int_equal(k.kept.number, 1);
	assert_int_equal(hs_kept_place_due(&k, 1600), 500);
	hs_kept_place_note(&k, at(4), 2100);
	assert_int_equal(k.kept.number, 2);
	hs_kept_place_note(&k, at(4), 5000);
	assert_int_equal(k.kept.number, 4);
	assert_int_equal(hs_kept_place_due(&k, 5000), -1); /* the cursor rests */
	hs_kept_place_note(&k, (struct hs_position){ .number = 4, .offset = 41 }, 6000);
	hs_kept_place_note(&k, (struct hs_position){ .number = 4, .offset = 41 }, 6900);
	assert_int_equal(k.count, 1);
	hs_kept_place_note(&k, (struct hs_position){ .number = 4, .offset = 41, .edit = 1 }, 6900);
	assert_int_equal(k.count, 2);
}

TEST(a_short_time_has_no_more_places_than_there_is_room_for)
{
	struct hs_kept_place k;

	hs_kept_place_begin(&k, 31, (struct hs_position){ 0 }, at(1), 0);
	for (int64_t ms = 1; ms < 31; ms++)
		hs_kept_place_note(&k, at(1 + (uint64_t)ms), ms);
	assert_int_equal(k.count, HS_KEPT_PLACES);
	assert_int_equal(k.kept.number, 1);
	hs_kept_place_note(&k, at(32), 48);
	assert_int_equal(k.kept.number, HS_KEPT_PLACES); /* the last one there was room for */
}

TEST(an_earlier_runs_kept_place_stays_for_the_time)
{
	struct hs_kept_place k;

	hs_kept_place_begin(&k, 1000, at(5), at(9), 100);
	assert_int_equal(k.kept.number, 5);
	hs_kept_place_note(&k, at(9), 1099);
	assert_int_equal(k.kept.number, 5);
	hs_kept_place_note(&k, at(9), 1100);
	assert_int_equal(k.kept.number, 9);
}

/* As of hookspool ship --once by a timer: each run is shorter than the time. */
TEST(short_runs_let_go_too)
{
	struct hs_kept_place k;

	hs_kept_place_begin(&k, 1000, at(1), at(5), 100);
	hs_kept_place_recall(&k, at(3), -500); /* before the machine was started */
	hs_kept_place_note(&k, at(5), 110);
	assert_int_equal(k.kept.number, 1);
	assert_int_equal(k.seen[0].position.number, 3);
	assert_int_equal(hs_kept_place_due(&k, 110), 390);
	hs_kept_place_begin(&k, 1000, at(1), at(6), 700);
	hs_kept_place_recall(&k, at(3), -500);
	hs_kept_place_note(&k, at(6), 710);
	assert_int_equal(k.kept.number, 3);
	assert_int_equal(k.seen[0].position.number, 6);
}

TEST(what_is_not_known_or_of_the_future_is_not_recalled)
{
	static const struct {
		struct hs_position was;
		int64_t ms;
	} cases[] = { { .was = { 0 }, .ms = 0 },
		      { .was = { .number = 6, .offset = 60 }, .ms = 0 }, /* ship went back since */
		      { .was = { .number = 3, .offset = 30 }, .ms = 101 } };
	struct hs_kept_place k;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		hs_kept_place_begin(&k, 1000, at(1), at(5), 100);
		hs_kept_place_recall(&k, cases[i].was, cases[i].ms);
		assert_int_equal(k.count, 1);
		assert_int_equal(k.seen[0].position.number, 5);
	}
	hs_kept_place_begin(&k, 1000, at(9), at(5), 100); /* it went back: what is sent again is kept as long */
	assert_int_equal(k.kept.number, 5);
}

/* At any moment the kept place is one where the cursor was at least `hold` ago, and at most a sixteenth more. */
TEST(what_is_kept_is_never_too_young)
{
	enum { HOLD = 160, STEPS = 20000 };
	static int64_t was_there_ms[STEPS + 2];
	struct random_source dice = random_new(random_seed());
	struct hs_kept_place k;
	uint64_t number = 1;
	int64_t now = 0;

	hs_kept_place_begin(&k, HOLD, (struct hs_position){ 0 }, at(1), 0);
	for (int i = 0; i < STEPS; i++) {
		now += random_below(&dice, random_below(&dice, 50) == 0 ? 3 * HOLD : 8);
		if (random_below(&dice, 4) > 0)
			was_there_ms[++number] = now; /* where the cursor came at this time */
		hs_kept_place_note(&k, at(number), now);
		assert_true(k.count <= HS_KEPT_PLACES);
		assert_true(now - was_there_ms[k.kept.number] >= HOLD || k.kept.number == 1);
	}
	assert_true(k.kept.number > 1);
}

TESTS("ship_place", begin, finish)
