/* dead_letter_source: the dead letters of one cursor, while others erase and append; and when calls fail. */
#include "spool/spool.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/dead_letter_source.h"

#include <errno.h>

#define LETTER(cursor, tries, event) \
	"{\"failed_at\":\"2026-11-28T10:15:00.000Z\",\"cursor\":\"" cursor "\",\"tries\":" tries \
	",\"record\":{\"event\":\"" event "\"}}\n"

#define TORN "damaged\n{\"cursor\":\"mine\",\"tries\":1,\"record\":{\"torn\n"

static const char letters[] =
    LETTER("mine", "3", "a") LETTER("yours", "1", "b") TORN LETTER("mine", "12", "c") LETTER("mine", "4", "d");

static struct scene {
	struct spooldir d;
	struct hs_opened_spool o;
	struct hs_dead_letter_source l;
	struct hs_ack_tracker open;
} s;

FIXTURE(make)
{
	spooldir_make(&s.d, "");
	if (hs_spool_dir_open(&s.o, s.d.settings, true) != HS_OK)
		return -1;
	spooldir_write(&s.d, "failed.jsonl", hs_slice_str(letters));
	return 0;
}

FIXTURE(finish)
{
	fail_each_tell();
	wrap_reset();
	hs_ack_tracker_free(&s.open);
	s.open = (struct hs_ack_tracker){ .open = 0 };
	hs_spool_dir_close(&s.o);
	spooldir_remove(&s.d);
	return 0;
}

static void open_letters(void)
{
	assert_result(hs_dead_letter_source_open(&s.l, &s.o.dir, "mine", 7), HS_OK);
}

/* Takes the next letter; NULL: there is none. */
static struct hs_item *take(const char *expected, unsigned expected_tries)
{
	struct hs_slice record;
	struct hs_item *item;
	unsigned tries;

	assert_result(hs_dead_letter_source_next(&s.l, &record, &tries), HS_OK);
	assert_slice_equal(record, hs_slice_str(expected));
	if (record.n == 0)
		return NULL;
	assert_int_equal(tries, expected_tries);
	item = hs_ack_tracker_add(&s.open, record, hs_dead_letter_source_take(&s.l));
	assert_non_null(item);
	return item;
}

static void assert_text(const char *expected)
{
	struct hs_buf text = spooldir_read(&s.d, "failed.jsonl");

	assert_slice_equal(hs_buf_slice(&text), hs_slice_str(expected));
	hs_buf_free(&text);
}

static bool is_gone(const struct hs_item *item)
{
	bool gone;

	assert_result(hs_dead_letter_source_is_gone(&s.l, item->before, &gone), HS_OK);
	return gone;
}

/* A damaged line stays, and those of others. */
TEST(what_is_settled_is_removed)
{
	struct hs_item *a, *c, *d;

	open_letters();
	a = take("{\"event\":\"a\"}", 3);
	c = take("{\"event\":\"c\"}", 12);
	hs_ack_tracker_done(&s.open, c);
	assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
	assert_text(LETTER("mine", "3", "a") LETTER("yours", "1", "b") TORN LETTER("mine", "4", "d"));
	d = take("{\"event\":\"d\"}", 4);
	assert_null(take("", 0));
	assert_null(take("", 0));
	hs_ack_tracker_done(&s.open, a);
	hs_ack_tracker_done(&s.open, d);
	spooldir_add(&s.d, "failed.jsonl", HS_SLICE(LETTER("mine", "12", "c"))); /* another one, which reads the same */
	assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
	assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
	assert_text(LETTER("yours", "1", "b") TORN LETTER("mine", "12", "c"));
	hs_dead_letter_source_close(&s.l);
}

/* The tries of a damaged line may have any number of digits. */
TEST(what_is_settled_before_an_open_one_is_removed)
{
	struct hs_item *a, *c;

	spooldir_write(&s.d, "failed.jsonl", HS_SLICE(LETTER("mine", "1", "a") LETTER("mine", "123456789", "c")));
	open_letters();
	a = take("{\"event\":\"a\"}", 1);
	c = take("{\"event\":\"c\"}", 12345678);
	hs_ack_tracker_done(&s.open, a);
	for (int i = 0; i < 2; i++) {
		assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
		assert_text(LETTER("mine", "123456789", "c"));
	}
	hs_ack_tracker_done(&s.open, c);
	assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
	hs_dead_letter_source_close(&s.l);
}

/* There was no memory for its item. */
TEST(what_is_put_back_is_not_settled)
{
	struct hs_slice record;
	struct hs_item *a;
	unsigned tries;

	open_letters();
	a = take("{\"event\":\"a\"}", 3);
	assert_result(hs_dead_letter_source_next(&s.l, &record, &tries), HS_OK);
	hs_dead_letter_source_take(&s.l);
	hs_dead_letter_source_put_back(&s.l);
	hs_ack_tracker_done(&s.open, a);
	assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
	assert_text(LETTER("yours", "1", "b") TORN LETTER("mine", "12", "c") LETTER("mine", "4", "d"));
	hs_dead_letter_source_close(&s.l);
}

/* As often as somebody removes lines; the file may be gone, too, and there again. */
TEST(what_others_remove_is_gone)
{
	static const char without_a[] = LETTER("mine", "12", "c") LETTER("mine", "4", "d");
	struct hs_item *a, *c;

	open_letters();
	a = take("{\"event\":\"a\"}", 3);
	c = take("{\"event\":\"c\"}", 12);
	assert_false(is_gone(a));
	spooldir_write(&s.d, "new", hs_slice_str(without_a));
	spooldir_rename(&s.d, "new", "failed.jsonl");
	assert_false(is_gone(a)); /* as at the last look */
	hs_dead_letter_source_look_again(&s.l);
	assert_true(is_gone(a) && !is_gone(c));
	hs_dead_letter_source_look_again(&s.l); /* the same file */
	assert_true(is_gone(a) && !is_gone(c));
	spooldir_unlink(&s.d, "failed.jsonl");
	hs_dead_letter_source_look_again(&s.l);
	assert_true(is_gone(a) && is_gone(c));
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("other\n"));
	hs_dead_letter_source_look_again(&s.l);
	assert_true(is_gone(a) && is_gone(c));
	hs_dead_letter_source_close(&s.l);
}

TEST(two_do_not_try_them_at_once)
{
	struct hs_dead_letter_source other;

	open_letters();
	assert_result(hs_dead_letter_source_open(&other, &s.o.dir, "yours", 7), HS_E_LOCKED);
	hs_dead_letter_source_close(&other);
	hs_dead_letter_source_close(&s.l);
	open_letters();
	hs_dead_letter_source_close(&s.l);
}

TEST(without_a_file_there_are_none)
{
	spooldir_unlink(&s.d, "failed.jsonl");
	open_letters();
	assert_null(take("", 0));
	assert_result(hs_dead_letter_source_save(&s.l, &s.open), HS_OK);
	hs_dead_letter_source_close(&s.l);
}

/* --- faults ---------------------------------------------------------------------------------------- */

static void prepare(void)
{
	spooldir_write(&s.d, "failed.jsonl", hs_slice_str(letters));
}

/* Tries all letters, of which the second one is erased meanwhile, and saves. Each is done at once. */
static enum hs_result run_through(void)
{
	enum hs_result result;
	struct hs_slice record;
	unsigned tries, n = 0;
	bool gone;

	while ((result = hs_dead_letter_source_next(&s.l, &record, &tries)) == HS_OK && record.n > 0) {
		struct hs_position at = hs_dead_letter_source_take(&s.l);

		if (n++ == 1) {
			spooldir_write(&s.d, "new", HS_SLICE(LETTER("mine", "3", "a") LETTER("mine", "4", "d")));
			spooldir_rename(&s.d, "new", "failed.jsonl");
		}
		hs_dead_letter_source_look_again(&s.l);
		result = hs_dead_letter_source_is_gone(&s.l, at, &gone);
		if (result != HS_OK)
			return result;
		assert_int_equal(gone, n == 2);
	}
	return result != HS_OK ? result : hs_dead_letter_source_save(&s.l, &s.open);
}

static enum hs_result run(void)
{
	enum hs_result result;

	prepare();
	result = hs_dead_letter_source_open(&s.l, &s.o.dir, "mine", 7);
	if (result == HS_OK)
		result = run_through();
	hs_dead_letter_source_close(&s.l);
	return result;
}

static void is_done(void)
{
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
}

TEST(a_letter_is_never_called_gone_because_a_call_failed)
{
	fail_each(&(struct job){ prepare, run, is_done, 60 });
}

TESTS("dead_letter_source", make, finish)
