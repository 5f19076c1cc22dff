/* import_checkpoint: a saved place is read again; a torn line counts as nothing. */
#include "base/io.h"
#include "spool/admin/import_checkpoint.h"
#include "tests/lib/no_cut.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>

#define KEY "00112233445566778899aabbccddeeff"
#define NAME "imports/" KEY

static void open_again(struct hs_import_checkpoint *b)
{
	hs_import_checkpoint_close(b);
	assert_int_equal(hs_import_checkpoint_open(temp.fd, KEY, b), HS_OK);
}

TEST(places_are_kept)
{
	struct hs_try try = { .to = { 900, 9, 3, true },
		              .after = 41,
		              .rejected_after = 7,
		              .spooled_at = "2026-11-24T10:15:00.123Z",
		              .name = "a \"b\".jsonl\xff",
		              .name_n = 12 };
	struct hs_import_checkpoint b;

	assert_int_equal(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_OK);
	assert_int_equal(b.spot.at, 0);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 500, 5, 0, false }, 2, false), HS_OK);
	assert_int_equal(hs_import_checkpoint_try(&b, &try), HS_OK);
	open_again(&b);
	assert_int_equal(b.spot.at, 500);
	assert_true(b.try.open);
	assert_int_equal(b.try.to.at + b.try.to.line + b.try.to.event, 900 + 9 + 3);
	assert_true(b.try.to.array);
	assert_int_equal(b.try.after + b.try.rejected_after, 41 + 7);
	assert_memory_equal(b.try.name, try.name, try.name_n);
	assert_int_equal(b.try.name_n, try.name_n);
	assert_string_equal(b.try.spooled_at, try.spooled_at);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 900, 9, 0, false }, 0, true), HS_OK);
	assert_false(b.try.open);
	open_again(&b);
	assert_false(b.try.open || b.done);
	assert_int_equal(hs_import_checkpoint_done(&b, &(struct hs_spot){ 950, 10, 0, false }), HS_OK);
	open_again(&b);
	assert_true(b.done);
	assert_int_equal(b.spot.line, 10);
	assert_int_equal(b.rejected, 2);
	hs_import_checkpoint_close(&b);
}

TEST(torn_lines_count_as_nothing)
{
	struct hs_import_checkpoint b;

	assert_int_equal(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_OK);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 500, 5, 0, false }, 0, true), HS_OK);
	spooldir_add(&temp.d, NAME,
	             HS_SLICE("{\"at\":777,\"line\":7,\"event\":0,\"array\":0,\"x\":1}\n{\"at\":99999,\"li"));
	open_again(&b);
	assert_int_equal(b.spot.at, 500);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 600, 6, 0, false }, 0, true), HS_OK);
	open_again(&b);
	assert_int_equal(b.spot.at, 600);
	hs_import_checkpoint_close(&b);
}

static int hold_it(void *context)
{
	struct hs_import_checkpoint b;

	(void)context;
	return hs_import_checkpoint_open(temp.fd, KEY, &b) == HS_E_LOCKED ? 0 : 1;
}

TEST(one_at_a_time)
{
	struct hs_import_checkpoint b;

	assert_int_equal(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_OK);
	assert_int_equal(child_run(hold_it, NULL), 0);
	hs_import_checkpoint_close(&b);
	open_again(&b);
	hs_import_checkpoint_close(&b);
}

/* Closing what did not open then closes no other file. */
TEST(a_place_that_cannot_be_opened)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_FSYNC };
	struct hs_import_checkpoint b;

	for (unsigned nth = 1; nth < 3; nth++)
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
			temp_dir_end(NULL);
			temp_dir_begin(NULL);
			b.fd = 0;
			wrap_fail(calls[i], nth, 1, EIO);
			assert_result(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_E_IO);
			wrap_reset();
			assert_int_equal(b.fd, -1);
		}
}

TEST(a_write_fails)
{
	struct hs_import_checkpoint b;

	assert_int_equal(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_OK);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 500, 5, 0, false }, 0, true), HS_OK);
	wrap_fail(WRAP_PWRITE, 1, 1, ENOSPC);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 600, 6, 0, false }, 0, true), HS_E_FULL);
	wrap_reset();
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 700, 7, 0, false }, 0, true), HS_E_SYNC);
	wrap_reset();
	hs_import_checkpoint_close(&b);
}

/* A fragment stays behind the place up to which all is whole, and counts as nothing. */
TEST(a_fragment_that_cannot_be_cut_off)
{
	struct hs_import_checkpoint b;

	assert_int_equal(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_OK);
	assert_int_equal(hs_import_checkpoint_move(&b, &(struct hs_spot){ 500, 5, 0, false }, 0, true), HS_OK);
	no_cut = true;
	wrap_fail(WRAP_PWRITE, 1, 1, ENOSPC);
	assert_result(hs_import_checkpoint_move(&b, &(struct hs_spot){ 600, 6, 0, false }, 0, true), HS_E_IO);
	wrap_reset();
	hs_import_checkpoint_close(&b);
	spooldir_add(&temp.d, NAME, HS_SLICE("{\"at\":99999,\"li"));
	assert_result(hs_import_checkpoint_open(temp.fd, KEY, &b), HS_E_IO);
	no_cut = false;
	open_again(&b);
	assert_int_equal(b.spot.at, 500);
	hs_import_checkpoint_close(&b);
}

TESTS("import_checkpoint", temp_dir_begin, temp_dir_end)
