/*
 * failed: what is set aside is there for good, a line each, whoever writes at the same time
 * and whatever a kill left.
 */
#include "store/failed.h"
#include "store/io.h"
#include "store/place.h"
#include "tests/lib/cases.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/wrap.h"

#include <errno.h>

struct scene {
	struct spooldir d;
	struct hs_opened o;
};

static struct scene s;

static int make(void **state)
{
	(void)state;
	wrap_reset();
	spooldir_make(&s.d, "");
	return hs_place_open(&s.o, s.d.settings, true) == HS_OK ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	wrap_reset();
	hs_place_close(&s.o);
	spooldir_remove(&s.d);
	return 0;
}

static void assert_text(const char *want)
{
	struct hs_buf text = spooldir_read(&s.d, "failed.jsonl");

	assert_true(hs_slice_eq(hs_buf_slice(&text), hs_slice_str(want)));
	hs_buf_free(&text);
}

static void lines_follow_one_another(void **state)
{
	(void)state;
	assert_int_equal(hs_failed_append(&s.o.place, HS_SLICE("{\"a\":1}\n")), HS_OK);
	assert_int_equal(hs_failed_append(&s.o.place, HS_SLICE("{\"b\":2}\n")), HS_OK);
	assert_true(wrap_count(WRAP_FDATASYNC) >= 2 && wrap_count(WRAP_FSYNC) >= 1);
	assert_text("{\"a\":1}\n{\"b\":2}\n");
}

static void a_fragment_gets_a_line_of_its_own(void **state)
{
	(void)state;
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"a\":1}\n{\"torn"));
	assert_int_equal(hs_failed_append(&s.o.place, HS_SLICE("{\"b\":2}\n")), HS_OK);
	assert_text("{\"a\":1}\n{\"torn\n{\"b\":2}\n");
}

static void a_failure_leaves_it_as_it_was(void **state)
{
	static const enum wrap_call calls[] = { WRAP_PWRITE, WRAP_FDATASYNC, WRAP_PREAD };

	(void)state;
	assert_int_equal(hs_failed_append(&s.o.place, HS_SLICE("{\"a\":1}\n")), HS_OK);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		wrap_fail(calls[i], 1, 1, calls[i] == WRAP_PWRITE ? ENOSPC : EIO);
		assert_int_not_equal(hs_failed_append(&s.o.place, HS_SLICE("{\"b\":2}\n")), HS_OK);
		wrap_reset();
		assert_text("{\"a\":1}\n");
	}
	wrap_short_write(1, ENOSPC);
	assert_int_equal(hs_failed_append(&s.o.place, HS_SLICE("{\"b\":2}\n")), HS_E_FULL);
	wrap_reset();
	assert_text("{\"a\":1}\n");
}

static int append_some(void *context)
{
	(void)context;
	for (int i = 0; i < 50; i++)
		if (hs_failed_append(&s.o.place, HS_SLICE("{\"from\":\"one of several\"}\n")) !=
		    HS_OK)
			return 1;
	return 0;
}

static void several_at_once(void **state)
{
	pid_t pid[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pid[i] = child_start(append_some, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(child_wait(pid[i]), 0);
	assert_int_equal(spooldir_size(&s.d, "failed.jsonl"), 200 * 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_follow_one_another, make, finish),
		cmocka_unit_test_setup_teardown(a_fragment_gets_a_line_of_its_own, make, finish),
		cmocka_unit_test_setup_teardown(a_failure_leaves_it_as_it_was, make, finish),
		cmocka_unit_test_setup_teardown(several_at_once, make, finish),
	};

	return cmocka_run_group_tests_name("failed", tests, NULL, NULL);
}
