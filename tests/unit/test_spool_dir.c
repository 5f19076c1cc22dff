/* spool_dir: where a spool may be, whose it must be, and what is said of the others. */
#include "spool/shared/spool_dir.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NFS = 0x6969, OTHER = 12345 };

static struct hs_opened_spool o = SPOOLDIR_CLOSED;

static enum hs_result open_it(bool make)
{
	enum hs_result result = hs_spool_dir_open(&o, s.d.settings, make);

	if (result == HS_OK)
		hs_spool_dir_close(&o);
	return result;
}

/* Locks do not work everywhere there, and a sync may prove nothing: only an operator who knows may allow it. */
TEST(a_directory_of_a_network)
{
	static const char *const settings[] = { "", "allow_nfs = yes\n" };

	for (size_t i = 0; i < 2; i++) {
		make(settings[i]);
		put("a");
		stop();
		wrap_file_system(NFS);
		assert_result(open_it(false), i == 0 ? HS_E_SPOOL_NFS : HS_OK);
	}
}

static void make_directory(void *unused)
{
	(void)unused;
	assert_int_equal(mkdir(s.d.path, 0700), 0);
}

TEST(two_processes_make_it_at_once)
{
	make("");
	wrap_reset();
	wrap_before(WRAP_MKDIRAT, 1, make_directory, NULL);
	assert_result(open_it(true), HS_OK);
}

TEST(a_file_system_that_is_read_only)
{
	make("");
	wrap_fail(WRAP_MKDIRAT, 1, 1, EROFS);
	assert_result(open_it(true), HS_E_READ_ONLY);
	wrap_reset();
	assert_result(open_it(true), HS_OK);
}

/* The owner is told to others, and nothing of another owner to the owner. */
TEST(a_directory_without_access)
{
	make("");
	put("a");
	for (int i = 0; i < 3; i++) {
		const char *said;

		if (i == 2 && geteuid() != 0)
			skip();
		if (i == 2)
			assert_int_equal(chown(s.d.path, OTHER, -1U), 0);
		said_begin(HS_LOG_ERROR);
		wrap_fail(WRAP_OPENAT, 1, 1, EACCES);
		if (i == 1)
			wrap_fail(WRAP_FSTATAT, 1, 1, EACCES);
		assert_result(open_it(false), i == 2 ? HS_E_SPOOL_OWNER : HS_E_SPOOL_DIR);
		said = said_end();
		assert_non_null(strstr(said, i == 2 ? " belongs to '#12345': " : "spool_dir: Permission denied"));
		wrap_reset();
	}
	assert_int_equal(chown(s.d.path, 0, -1U), 0);
}

/* --- in a root directory of its own --------------------------------------------------------------- */

static const char USERS[] = "# no user\nroot:x:0:0:root:/root:/bin/sh\n"
			    "keeper:x:12345:12345::/home/keeper:/bin/sh\n";

static int look_for_users(void *context)
{
	char name[HS_SPOOL_DIR_USER];
	struct hs_settings settings = *s.d.settings;

	(void)context;
	if (chroot(s.d.above) < 0)
		return 1;
	hs_spool_dir_user(12345, name);
	if (strcmp(name, "keeper") != 0)
		return 2;
	hs_spool_dir_user(54321, name);
	if (strcmp(name, "'#54321'") != 0)
		return 3;
	settings.spool_dir = "/of-the-root";
	return hs_spool_dir_make(&settings) && wrap_count(WRAP_FSYNC) == 1 ? 0 : 4;
}

TEST(users_and_a_directory_of_the_root)
{
	char path[PATH_MAX];
	struct stat st;
	FILE *file;

	if (geteuid() != 0)
		skip();
	make("");
	wrap_reset();
	snprintf(path, sizeof path, "%s/etc", s.d.above);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/etc/passwd", s.d.above);
	file = fopen(path, "w");
	assert_true(fputs(USERS, file) >= 0);
	fclose(file);
	assert_int_equal(child_run(look_for_users, NULL), 0);
	snprintf(path, sizeof path, "%s/of-the-root", s.d.above);
	assert_int_equal(stat(path, &st), 0);
}

/* A user's number is enough where there is no memory for the names. */
TEST(users_without_memory)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_CALLOC, WRAP_REALLOC };
	char name[HS_SPOOL_DIR_USER];

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (unsigned nth = 1; nth <= 8; nth++) {
			wrap_reset();
			wrap_fail(calls[i], nth, 1, ENOMEM);
			hs_spool_dir_user(0, name);
			assert_true(strcmp(name, "root") == 0 || strcmp(name, "'#0'") == 0);
		}
}

/* --- another user's -------------------------------------------------------------------------------- */

static void give(const char *name, uid_t owner)
{
	assert_int_equal(lchown(spooldir_path(&s.d, name), owner, -1U), 0);
}

static void give_all(uid_t owner)
{
	give("", owner);
	give(".hookspool", owner);
	give(".hookspool/run", owner);
	give(".hookspool/run/state", owner);
}

static void set(const char *name, mode_t mode)
{
	assert_int_equal(chmod(spooldir_path(&s.d, name), mode), 0);
}

static enum hs_result look(void)
{
	enum hs_result result = hs_spool_dir_open_to_read(&o, s.d.settings);

	if (result == HS_OK)
		hs_spool_dir_close(&o);
	return result;
}

/* The set-up: a spool of another user; only root can make one. */
static bool begin_other(const char *settings)
{
	if (geteuid() != 0)
		return false;
	make(settings);
	put("a");
	hs_spool_look(s.spool);
	stop();
	give_all(OTHER);
	return true;
}

/* Folders that others than the spool's owner may write to are no evidence. */
TEST(folders_of_a_spool_of_another_user)
{
	static const char *const names[] = { ".hookspool", ".hookspool/run" };

	if (!begin_other("spool_mode = 0640\n"))
		skip();
	for (size_t i = 0; i < 2; i++) {
		assert_result(look(), HS_OK);
		set(names[i], 0770);
		assert_result(look(), HS_E_SPOOL_DIR);
		set(names[i], 0750);
	}
	give(".hookspool/run", OTHER + 1);
	assert_result(look(), HS_E_SPOOL_DIR);
	give(".hookspool/run", OTHER);
	wrap_file_system(NFS);
	assert_result(look(), HS_E_SPOOL_NFS);
	s.d.settings->allow_nfs = true;
	assert_result(look(), HS_OK);
}

/* Not set up yet, not for this user, or something else. */
TEST(an_obstacle_in_a_spool_of_another_user)
{
	if (!begin_other("spool_mode = 0640\n"))
		skip();
	spooldir_rename(&s.d, ".hookspool/run", ".hookspool/away");
	assert_result(look(), HS_E_SPOOL_ASLEEP);
	spooldir_write(&s.d, ".hookspool/run", HS_SLICE("a file"));
	assert_result(look(), HS_E_SPOOL_FILE);
	spooldir_unlink(&s.d, ".hookspool/run");
	spooldir_rename(&s.d, ".hookspool/away", ".hookspool/run");
	said_begin(HS_LOG_ERROR);
	wrap_fail(WRAP_OPENAT, 3, 1, EACCES);
	assert_result(look(), HS_E_SPOOL_OWNER);
	assert_non_null(strstr(said_end(), " belongs to '#12345': sudo -u '#12345' hookspool ..."));
	wrap_reset();
	assert_result(look(), HS_OK);
}

TEST(a_reader_waits_until_the_state_is_there_again)
{
	if (!begin_other("spool_mode = 0640\n"))
		skip();
	assert_result(hs_spool_dir_open_to_read(&o, s.d.settings), HS_OK);
	spooldir_rename(&s.d, ".hookspool/run", ".hookspool/away");
	said_begin(HS_LOG_ERROR);
	assert_result(hs_spool_dir_open_state_again(&o), HS_E_SPOOL_ASLEEP);
	assert_result(hs_spool_dir_open_state_again(&o), HS_E_SPOOL_ASLEEP);
	assert_string_equal(said_end(), ""); /* it is no error yet */
	spooldir_rename(&s.d, ".hookspool/away", ".hookspool/run");
	assert_result(hs_spool_dir_open_state_again(&o), HS_OK);
	hs_spool_dir_close(&o);
}

/* --- the state, again ------------------------------------------------------------------------------- */

TEST(the_state_is_opened_again)
{
	make("");
	put("a");
	stop();
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	spooldir_rename(&s.d, ".hookspool/run", ".hookspool/away");
	spooldir_write(&s.d, ".hookspool/run", HS_SLICE("a file"));
	said_begin(HS_LOG_ERROR);
	assert_result(hs_spool_dir_open_state_again(&o), HS_E_SPOOL_FILE);
	assert_result(hs_spool_dir_open_state_again(&o), HS_E_SPOOL_FILE);
	assert_non_null(strstr(said_end(), s.d.settings->spool_dir));
	spooldir_unlink(&s.d, ".hookspool/run");
	spooldir_rename(&s.d, ".hookspool/away", ".hookspool/run");
	assert_result(hs_spool_dir_open_state_again(&o), HS_OK);
	hs_spool_dir_close(&o);
}

/* Figures are kept in this user's folder alone. */
TEST(the_run_folder_of_another_user)
{
	int fd;

	make("");
	assert_int_equal(hs_spool_dir_open_run(s.d.path), -1);
	put("a");
	wrap_fail(WRAP_FSTAT, 1, 1, EIO);
	assert_int_equal(hs_spool_dir_open_run(s.d.path), -1);
	wrap_reset();
	fd = hs_spool_dir_open_run(s.d.path);
	assert_true(fd >= 0);
	close(fd);
	if (geteuid() != 0)
		skip();
	give(".hookspool/run", OTHER);
	assert_int_equal(hs_spool_dir_open_run(s.d.path), -1);
	give(".hookspool/run", 0);
}

TESTS("spool_dir", NULL, finish)
