/* modes: which files have another mode than spool_mode says, and that they are mended. */
#include "spool/shared/modes.h"
#include "tests/lib/processes.h"
#include "tests/lib/said.h"
#include "tests/lib/segment_view.h"

#include <errno.h>
#include <grp.h>
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
	static const char *const names[] = { "events.jsonl",
		                             ".hookspool/run/state",
		                             ".hookspool/edits",
		                             "rejected.jsonl",
		                             "failed.jsonl",
		                             "rejected-20261123T101500.123Z-000001.jsonl",
		                             "failed-20261123T101500.123Z-000001.jsonl" };

	assert_result(put(&s.view, "a"), HS_OK);
	for (size_t i = 2; i < sizeof names / sizeof *names; i++)
		spooldir_write(&s.d, names[i], HS_SLICE(""));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		set(names[i], 0644);
		look(1, names[i]);
		set(names[i], 0600);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		set(names[i], 0640);
	assert_result(hs_modes_look(&s.view.dir, &left), HS_OK);
	assert_int_equal(left.count, sizeof names / sizeof *names);
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

static mode_t mode_of(const char *name)
{
	return spooldir_stat(&s.d, name).st_mode & 07777;
}

/* As if no process had asked for the files yet. */
static void forget(void)
{
	atomic_store(&s.view.state.state->modes, 0);
}

/* A file that others may read: whichever call fails, it is mended, or that is said, and the next attempt succeeds. */
static void mend_without(enum wrap_call call, mode_t wanted)
{
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		enum hs_result result;
		bool told;

		forget();
		set("events.jsonl", 0644);
		said_begin(HS_LOG_WARN);
		wrap_reset();
		wrap_fail(call, nth, 1, EIO);
		result = hs_modes_follow(&s.view.dir, true);
		ended = wrap_count(call) < nth;
		wrap_reset();
		told = strstr(said_end(), "have another mode, group or owner") != NULL;
		assert_true(result == HS_E_IO || (result == HS_OK && (told || mode_of("events.jsonl") == wanted)));
		forget();
		assert_result(hs_modes_follow(&s.view.dir, true), HS_OK);
		look(0, "");
	}
}

/* Files of which one cannot be looked at are not all right. */
static void look_without(enum wrap_call call)
{
	set("events.jsonl", 0644);
	for (unsigned nth = 1;; nth++) {
		enum hs_result result;

		wrap_reset();
		wrap_fail(call, nth, 1, EIO);
		result = hs_modes_look(&s.view.dir, &left);
		assert_true(result == HS_E_IO || left.count > 0);
		if (wrap_count(call) < nth)
			break;
	}
	wrap_reset();
}

TEST(what_cannot_be_mended_is_said)
{
	static const enum wrap_call calls[] = { WRAP_FSTAT, WRAP_FCHMOD, WRAP_OPENAT };

	assert_result(put(&s.view, "a"), HS_OK);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		look_without(calls[i]);
		mend_without(calls[i], 0600);
	}
	again("spool_mode = 0640\n");
	assert_result(put(&s.view, "a"), HS_OK);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		mend_without(calls[i], 0640);
}

/* A file that goes meanwhile or becomes a link, and a folder with its name, have no mode that could be wrong. */
TEST(what_is_no_file_is_no_fault)
{
	unsigned nth = 1;

	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_mkdir(&s.d, "rejected-20261123T101500.123Z-000001.jsonl");
	spooldir_mkdir(&s.d, "failed.jsonl");
	spooldir_mkdir(&s.d, ".hookspool/salt");
	look(0, "");
	do {
		static const int errors[] = { ENOENT, ELOOP };

		for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
			wrap_reset();
			wrap_fail(WRAP_OPENAT, nth, 1, errors[i]);
			if (hs_modes_look(&s.view.dir, &left) == HS_OK)
				assert_int_equal(left.count, 0);
		}
	} while (wrap_count(WRAP_OPENAT) >= nth++);
	wrap_reset();
}

/* If the owner can mend neither, the first is named. */
TEST(files_of_another_user)
{
	static const char *const names[] = { "rejected-20261123T101500.123Z-000001.jsonl",
		                             "rejected-20261123T101500.123Z-000002.jsonl" };
	unsigned both = 0;

	assert_result(put(&s.view, "a"), HS_OK);
	for (size_t i = 0; i < 2; i++)
		spooldir_write(&s.d, names[i], HS_SLICE(""));
	for (unsigned nth = 1; nth == 1 || wrap_count(WRAP_OPENAT) >= nth - 1; nth++) {
		wrap_reset();
		wrap_fail(WRAP_OPENAT, nth, 2, EACCES);
		if (hs_modes_look(&s.view.dir, &left) == HS_OK && left.count == 2) {
			assert_true(left.owner && left.first[0] != '\0');
			both++;
		}
	}
	wrap_reset();
	assert_true(both > 0);
	assert_result(hs_modes_result("events.jsonl", EPERM), HS_E_SPOOL_OWNER);
	assert_result(hs_modes_result("events.jsonl", EACCES), HS_E_SPOOL_OWNER);
	assert_result(hs_modes_result("events.jsonl", EIO), HS_E_IO);
}

/* Two processes with different settings must not undo each other's work for ever. */
TEST(the_last_process_to_begin_decides)
{
	struct hs_settings other = *s.d.settings;

	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(hs_modes_follow(&s.view.dir, true), HS_OK);
	other.spool_mode = 0640;
	s.view.dir.settings = &other;
	assert_result(hs_modes_follow(&s.view.dir, false), HS_OK);
	assert_int_equal(mode_of("events.jsonl"), 0600);
	assert_result(hs_modes_follow(&s.view.dir, true), HS_OK);
	assert_int_equal(mode_of("events.jsonl"), 0640);
	s.view.dir.settings = s.d.settings;
	assert_result(hs_modes_follow(&s.view.dir, false), HS_OK);
	assert_int_equal(mode_of("events.jsonl"), 0640);
}

/* --- the group ------------------------------------------------------------------------------------ */

enum { GROUP = 12345, USER = 65534 };

static void give_to(uid_t user)
{
	static const char *const names[] = { "", ".hookspool", ".hookspool/run", ".hookspool/run/edits.lock",
		                             "events.jsonl" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(chown(spooldir_path(&s.d, names[i]), user, i == 0 ? GROUP : 0), 0);
}

static void follow_anew(uint64_t count, bool group)
{
	forget();
	assert_result(hs_modes_follow(&s.view.dir, false), HS_OK);
	assert_result(hs_modes_look(&s.view.dir, &left), HS_OK);
	assert_int_equal(left.count, count);
	assert_int_equal(left.group, group);
}

static void join_group(gid_t group)
{
	assert_int_equal(setgroups(1, &group), 0);
}

/* The files get the group of the directory; whoever may not do that says that root has to. */
TEST(the_group_of_the_directory)
{
	if (geteuid() != 0)
		skip();
	again("spool_mode = 0640\n");
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(hs_modes_follow(&s.view.dir, true), HS_OK);
	give_to(0);
	assert_result(hs_modes_follow(&s.view.dir, false), HS_OK); /* another group is no other process's setting */
	assert_int_equal(spooldir_stat(&s.d, "events.jsonl").st_gid, GROUP);
	assert_int_equal(mode_of(""), 02750);
	follow_anew(0, false);
	set("", 02700); /* to change it would clear the bit, unless one is in the group */
	follow_anew(1, true);
	join_group(GROUP);
	follow_anew(0, false);
	assert_int_equal(mode_of(""), 02750);
	join_group(0);
	give_to(USER);
	assert_int_equal(seteuid(USER), 0);
	follow_anew(5, true); /* the folders below, and the three files */
	assert_int_equal(seteuid(0), 0);
	give_to(0);
	follow_anew(0, false);
}

TESTS("modes", begin, finish)
