/* modes: which files have another mode than spool_mode says, and that they are mended. */
#include "spool/shared/modes.h"
#include "tests/lib/processes.h"
#include "tests/lib/segment_view.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct hs_modes left;

static void look(uint64_t count, const char *first)
{
	assert_result(hs_modes_look(&s.view.dir, &left), HS_OK);
	assert_int_equal(left.count, count);
	assert_string_equal(left.first, first);
	assert_false(left.group);
	assert_false(left.owner);
}

static void set(const char *name, mode_t mode)
{
	assert_int_equal(chmod(spooldir_path(&s.d, name), mode), 0);
}

TEST(all_is_right)
{
	assert_result(put(&s.view, "a"), HS_OK);
	memset(&left, 0xFF, sizeof left);
	look(0, "");
}

TEST(what_others_may_read_is_found_and_mended)
{
	static const char *const names[] = { "events.jsonl", ".hookspool/run/state", ".hookspool/edits" };

	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_write(&s.d, ".hookspool/edits", HS_SLICE(""));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		set(names[i], 0644);
		look(1, names[i]);
		set(names[i], 0600);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		set(names[i], 0640);
	look(3, "events.jsonl");
	assert_result(hs_modes_follow(&s.view.dir, true), HS_OK);
	look(0, "");
	set("events.jsonl", 0644); /* since then, by hand */
	assert_result(hs_modes_follow(&s.view.dir, false), HS_OK);
	look(1, "events.jsonl");
	assert_result(hs_modes_follow(&s.view.dir, true), HS_OK);
	look(0, "");
	set(".hookspool/run/state", 0640);
	spooldir_write(&s.d, "notes.txt", HS_SLICE("")); /* not ours */
	set("notes.txt", 0666);
	look(1, ".hookspool/run/state");
}

/* A file that cannot be opened cannot be right; nobody knows. Its owner cannot mend that. */
TEST(a_file_without_access)
{
	unsigned noted = 0, private = 0;
	bool ended = false;

	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_write(&s.d, ".hookspool/salt", HS_SLICE(""));
	for (unsigned nth = 1; !ended; nth++) {
		enum hs_result result;

		wrap_reset();
		wrap_fail(WRAP_OPENAT, nth, 1, EACCES);
		result = hs_modes_look(&s.view.dir, &left);
		ended = wrap_count(WRAP_OPENAT) < nth;
		if (result != HS_OK || left.count != 1)
			continue;
		assert_true(left.owner);
		noted += strcmp(left.first, "events.jsonl") == 0;
		private += strcmp(left.first, ".hookspool/salt") == 0;
	}
	assert_int_equal(noted, 1);
	assert_int_equal(private, 1);
	wrap_reset();
	look(0, "");
}

TESTS("modes", begin, finish)
