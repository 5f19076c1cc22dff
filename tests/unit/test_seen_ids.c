/*
 * seen_ids: ids that are there twice within dedup_window are found, however many there are, and
 * whether they are in memory or in the file.
 */
#include "spool/admin/seen_ids.h"
#include "spool/dedup/tombstones.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	MANY = 600000,   /* ids of one part: more than are compared at a time */
	EVERY = 100000,  /* the first of so many comes again */
	WINDOW_S = 3600, /* dedup_window */
	FOUND_MOST = 16,
};

static struct hs_opened_spool opened = SPOOLDIR_CLOSED;

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

static struct hs_seen_ids seen;
static struct {
	enum hs_id_fault fault;
	uint32_t file;
	uint64_t line;
} found[FOUND_MOST];
static size_t count;

static void keep(void *context, enum hs_id_fault fault, uint32_t file, uint64_t line)
{
	assert_ptr_equal(context, &seen);
	assert_true(count < FOUND_MOST);
	found[count].fault = fault;
	found[count].file = file;
	found[count++].line = line;
}

static void start(void)
{
	count = 0;
	make("dedup_window = 1h\n");
	assert_int_equal(hs_spool_dir_open(&opened, s.d.settings, true), HS_OK);
}

static void open_seen(void)
{
	assert_int_equal(hs_seen_ids_open(&seen, &opened.dir), HS_OK);
}

static void note(uint64_t high, uint64_t low, uint32_t spooled_s, uint32_t file, uint64_t line)
{
	struct hs_id_block_entry id = { high, low, spooled_s };

	assert_int_equal(hs_seen_ids_note(&seen, &id, file, line), HS_OK);
}

static void compare_with(enum hs_result (*ask)(void *, const struct hs_seen_id *, size_t, bool *))
{
	struct hs_seen_check check = { &seen, ask, keep };

	assert_int_equal(hs_seen_ids_check(&seen, &check), HS_OK);
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

static void compare(void)
{
	compare_with(NULL);
}

static void assert_found(size_t nth, enum hs_id_fault fault, uint32_t file, uint64_t line)
{
	assert_true(nth < count);
	assert_int_equal(found[nth].fault, fault);
	assert_int_equal(found[nth].file, file);
	assert_int_equal(found[nth].line, line);
}

TEST(a_line_that_comes_again)
{
	start();
	open_seen();
	note(1, 1, 5000, 1, 1);
	note(1, 2, 5000, 1, 2); /* another id */
	note(2, 1, 5000, 1, 3); /* another one */
	note(UINT64_MAX, 7, 5000, 1, 4);
	note(1, 1, 5000, 1, 5);
	note(UINT64_MAX, 7, 5000, 3, 1);
	note(2, 1, 5000, 2, 9);
	compare();
	assert_int_equal(count, 3);
	assert_found(0, HS_ID_TWICE, 1, 5);
	assert_found(1, HS_ID_TWICE, 2, 9);
	assert_found(2, HS_ID_TWICE, 3, 1);
}

TEST(a_line_that_comes_again_after_the_window)
{
	start();
	open_seen();
	note(1, 1, 5000, 1, 1);
	note(1, 1, 5000 + WINDOW_S + 1, 1, 2);
	note(1, 1, 5000 + 2 * WINDOW_S + 1, 1, 3); /* within the window of the second */
	note(1, 1, 5000, 1, 4);                    /* clocks may jump */
	compare();
	assert_int_equal(count, 2);
	assert_found(0, HS_ID_TWICE, 1, 3);
	assert_found(1, HS_ID_TWICE, 1, 4);
}

TEST(an_erased_line)
{
	struct hs_tombstone t[3] = { { .spooled_s = 5000 }, { .spooled_s = 5000 }, { .spooled_s = 5000 } };

	start();
	memset(t[0].id.bytes, 0, sizeof t[0].id.bytes);
	t[0].id.bytes[15] = 1;
	memset(t[1].id.bytes, 0xFF, sizeof t[1].id.bytes);
	memset(t[2].id.bytes, 0, sizeof t[2].id.bytes);
	t[2].id.bytes[15] = 2;
	assert_int_equal(hs_tombstones_put(opened.dir.private_dir, t, 3), HS_OK);
	open_seen();
	note(0, 1, 5000 + WINDOW_S, 1, 1);
	note(0, 1, 5000 + WINDOW_S, 1, 2); /* twice, too, which is said instead */
	note(UINT64_MAX, UINT64_MAX, 5000 + WINDOW_S + 1, 1, 3);
	note(0, 2, 5000, 1, 4);
	compare();
	assert_int_equal(count, 3);
	assert_found(0, HS_ID_ERASED, 1, 1);
	assert_found(1, HS_ID_TWICE, 1, 2);
	assert_found(2, HS_ID_ERASED, 1, 4);
}

TEST(more_than_are_compared_at_a_time)
{
	start();
	open_seen();
	for (uint64_t i = 0; i < MANY; i++)
		note(i * 2654435761 & 0xFFFFFFFFFFFFFF, i, 5000, 1, i + 1);
	for (uint64_t i = 0; i < MANY; i += EVERY)
		note(i * 2654435761 & 0xFFFFFFFFFFFFFF, i, 5000, 2, i + 1);
	assert_true(seen.fd >= 0);
	assert_int_equal(spooldir_names(&s.d, ".hookspool/run", "verify"), 0); /* a kill leaves no file */
	compare();
	assert_int_equal(count, MANY / EVERY);
	for (size_t i = 0; i < count; i++)
		assert_found(i, HS_ID_TWICE, 2, i * EVERY + 1);
}

static uint64_t asked, asked_last; /* the first half of the last id */

/* Knows ids whose second half is even. */
static enum hs_result ask_even(void *context, const struct hs_seen_id *id, size_t n, bool *known)
{
	assert_ptr_equal(context, &seen);
	assert_in_range(n, 1, HS_SEEN_ASKED);
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(id[i].file, 0);
		assert_true(id[i].high >= asked_last);
		asked_last = id[i].high;
		known[i] = id[i].low % 2 == 0;
	}
	asked += n;
	return HS_OK;
}

/* It is asked for each line once, in the order of ids over all files, and so need not be read more than once. */
TEST(an_index_is_asked_in_its_order)
{
	struct hs_tombstone t = { .spooled_s = 5000 };

	start();
	memset(t.id.bytes, 7, sizeof t.id.bytes);
	assert_int_equal(hs_tombstones_put(opened.dir.private_dir, &t, 1), HS_OK);
	open_seen();
	for (uint64_t i = 0; i < MANY; i++)
		note(i * 11400714819323198485U, 2 * i + (i % EVERY == 5), 5000, 1 + (uint32_t)(i / EVERY), i + 1);
	assert_true(seen.fd >= 0);
	asked = asked_last = 0;
	compare_with(ask_even);
	assert_int_equal(asked, MANY);
	assert_int_equal(count, MANY / EVERY);
	for (size_t i = 0; i < count; i++)
		assert_found(i, HS_ID_UNKNOWN, 1 + (uint32_t)i, i * EVERY + 6);
}

static enum hs_result refuse(void *context, const struct hs_seen_id *id, size_t n, bool *known)
{
	(void)context, (void)id, (void)n, (void)known;
	return HS_E_LOCKED;
}

static enum hs_result know_none(void *context, const struct hs_seen_id *id, size_t n, bool *known)
{
	(void)context, (void)id;
	memset(known, 0, n);
	return HS_OK;
}

/* A line may be there twice and be unknown to the index: both are told. Erased ids are not asked for. */
TEST(two_faults_of_a_line)
{
	struct hs_tombstone t = { .spooled_s = 5000 };

	start();
	memset(t.id.bytes, 7, sizeof t.id.bytes);
	assert_int_equal(hs_tombstones_put(opened.dir.private_dir, &t, 1), HS_OK);
	open_seen();
	compare_with(refuse); /* there are only erased ones */
	assert_int_equal(count, 0);
	assert_int_equal(hs_spool_dir_open(&opened, s.d.settings, true), HS_OK);
	open_seen();
	note(1, 1, 5000, 1, 1);
	note(1, 1, 5000, 1, 2);
	compare_with(know_none);
	assert_int_equal(count, 3);
	assert_found(0, HS_ID_UNKNOWN, 1, 1);
	assert_int_equal(found[1].line, 2);
	assert_int_equal(found[2].line, 2);
	assert_true(found[1].fault < found[2].fault);
}

/* An index that fails is asked no more. */
TEST(an_index_that_fails_after_a_while)
{
	struct hs_seen_check check = { &seen, refuse, keep };

	start();
	open_seen();
	for (uint64_t i = 0; i < 2 * HS_SEEN_ASKED; i++)
		note(1, i, 5000, 1, i + 1);
	assert_int_equal(hs_seen_ids_check(&seen, &check), HS_E_LOCKED);
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

TEST(an_index_that_cannot_be_asked)
{
	struct hs_seen_check check = { &seen, refuse, keep };

	start();
	open_seen();
	note(1, 1, 5000, 1, 1);
	assert_int_equal(hs_seen_ids_check(&seen, &check), HS_E_LOCKED);
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

TEST(a_file_that_cannot_be_written)
{
	struct hs_id_block_entry id = { 0, 0, 5000 };
	enum hs_result r = HS_OK;

	start();
	open_seen();
	wrap_fail(WRAP_PWRITE, 1, 1, ENOSPC);
	for (uint64_t i = 0; i < 5000 && r == HS_OK; i++) {
		id.low = i;
		r = hs_seen_ids_note(&seen, &id, 1, i + 1);
	}
	wrap_reset();
	assert_int_equal(r, HS_E_FULL);
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

/* Somebody has cut the file: what is missing is not taken for well. */
TEST(a_file_that_is_cut)
{
	struct hs_seen_check check = { &seen, NULL, keep };

	start();
	open_seen();
	for (uint64_t i = 0; i < MANY; i++)
		note(i * 2654435761 & 0xFFFFFFFFFFFFFF, i, 5000, 1, i + 1);
	assert_int_equal(ftruncate(seen.fd, 5000), 0);
	assert_result(hs_seen_ids_check(&seen, &check), HS_E_IO);
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

/* --- faults ------------------------------------------------------------------------------- */

enum { FILLED = 3000 }; /* ids of one part: some are in the file, some in memory */

static void nothing_seen(void)
{
	hs_seen_ids_close(&seen);
	count = 0;
}

static enum hs_result run_all(void)
{
	struct hs_seen_check check = { &seen, NULL, keep };
	enum hs_result r;

	nothing_seen();
	r = hs_seen_ids_open(&seen, &opened.dir);
	for (uint64_t i = 0; i < FILLED && r == HS_OK; i++) {
		struct hs_id_block_entry id = { i == FILLED - 1 ? 0 : i, 0, 5000 };

		r = hs_seen_ids_note(&seen, &id, 1, i + 1);
	}
	return r == HS_OK ? hs_seen_ids_check(&seen, &check) : r;
}

static void is_found(void)
{
	assert_int_equal(count, 1);
	assert_found(0, HS_ID_TWICE, 1, FILLED);
}

/* A run that says that all is well has found what there is. */
TEST_WITH(each_call_may_fail, NULL, tell_and_finish)
{
	start();
	fail_each(&(struct job){ nothing_seen, run_all, is_found, 0 });
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

static struct {
	uint64_t faults, last;
	bool in_order;
} told;

static void tell_in_order(void *context, enum hs_id_fault fault, uint32_t file, uint64_t line)
{
	(void)context;
	told.in_order = told.in_order && fault == HS_ID_TWICE && file == 1 && line > told.last;
	told.last = line;
	told.faults++;
}

TEST_WITH(more_faults_than_are_kept_at_a_time, NULL, tell_and_finish)
{
	enum { AGAIN = 70000 };
	struct hs_seen_check check = { &seen, NULL, tell_in_order };

	start();
	open_seen();
	for (uint64_t i = 0; i <= AGAIN; i++)
		note(1, 1, 5000, 1, i + 1);
	told.faults = told.last = 0;
	told.in_order = true;
	assert_result(hs_seen_ids_check(&seen, &check), HS_OK);
	assert_int_equal(told.faults, AGAIN);
	assert_true(told.in_order);
	hs_seen_ids_close(&seen);
	hs_spool_dir_close(&opened);
}

TESTS("seen_ids", begin, finish)
