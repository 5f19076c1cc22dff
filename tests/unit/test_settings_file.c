/* settings_file: which file is read, and which is refused. */
#include "config/settings_file.h"
#include "tests/lib/deny_call.h"
#include "tests/lib/processes.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct scene {
	struct spooldir d;
	char path[PATH_MAX + 16], variable[PATH_MAX + 64], used[PATH_MAX];
	struct hs_settings_error error;
} s;

static char own[PATH_MAX]; /* where the program is said to lie; "": where it does */

static void set(const char *text, mode_t mode)
{
	spooldir_remove(&s.d);
	spooldir_make(&s.d, "");
	spooldir_mkdir(&s.d, "");
	snprintf(s.path, sizeof s.path, "%s", spooldir_path(&s.d, "x.conf"));
	snprintf(s.variable, sizeof s.variable, "HOOKSPOOL_CONF=%s", s.path);
	spooldir_write(&s.d, "x.conf", hs_slice_str(text));
	assert_int_equal(chmod(s.path, mode), 0);
}

FIXTURE(finish)
{
	own[0] = '\0';
	spooldir_remove(&s.d);
	return 0;
}

static struct hs_settings *load(const char *path, char *const *environ)
{
	static char *none[] = { NULL };

	return hs_settings_load(path, environ != NULL ? environ : none, s.used, sizeof s.used, &s.error);
}

static void expect_dir(struct hs_settings *settings, const char *dir)
{
	if (settings == NULL)
		fail_msg("%s", s.error.text);
	assert_string_equal(settings->spool_dir, dir);
	hs_settings_free(settings);
}

static void expect_refusal(struct hs_settings *settings, const char *why)
{
	assert_null(settings);
	if (strstr(s.error.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", s.error.text, why);
}

TEST(a_file_by_its_path)
{
	set("spool_dir = /a\nauth = none\n", 0644);
	expect_dir(load(s.path, NULL), "/a");
	assert_string_equal(s.used, s.path);
}

TEST(a_file_by_the_environment)
{
	set("spool_dir = /a\nauth = none\n", 0644);
	expect_dir(load(NULL, (char *[]){ "X=y", s.variable, NULL }), "/a");
	assert_string_equal(s.used, s.path);
	/* a setting in the environment overrides the file */
	expect_dir(load(NULL, (char *[]){ "HOOKSPOOL_SPOOL_DIR=/b", s.variable, NULL }), "/b");
	/* the given path overrides the environment's */
	expect_dir(load(s.path, (char *[]){ "HOOKSPOOL_CONF=/nowhere", NULL }), "/a");
}

TEST(no_file_at_all)
{
	set("", 0644);
	if (access("/etc/hookspool/hookspool.conf", F_OK) == 0)
		skip();
	expect_dir(load(NULL, (char *[]){ "HOOKSPOOL_SPOOL_DIR=/b", "HOOKSPOOL_AUTH=none", NULL }), "/b");
	assert_string_equal(s.used, "");
}

/* For people who must not see the text of the error. */
TEST(the_fault_without_a_name)
{
	static const struct {
		const char *text, *variable;
		mode_t mode;
		enum hs_settings_fault fault;
		int line;
	} cases[] = {
		{ "spool_dir = /a\nsecret = x\n", "X=y", 0644, HS_FAULT_EXPOSED, 0 },
		{ "spool_dir = /a\nauth = none\n", "X=y", 0666, HS_FAULT_WRITABLE, 0 },
		{ "spool_dir = /a\n\nsecert = x\n", "X=y", 0600, HS_FAULT_LINE, 3 },
		{ "spool_dir = /a\nsecert\n", "X=y", 0600, HS_FAULT_LINE, 2 },
		{ "spool_dir = /a\nsecret = x\n", "HOOKSPOOL_AUTH=x", 0600, HS_FAULT_ENVIRONMENT, 0 },
		{ "secret = x\n", "X=y", 0600, HS_FAULT_SPOOL_DIR, 0 },
		{ "spool_dir = /a\n", "X=y", 0600, HS_FAULT_ACCESS, 0 },
		{ "spool_dir = /a\nauth = key\n", "X=y", 0600, HS_FAULT_ACCESS, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		set(cases[i].text, cases[i].mode);
		assert_null(load(s.path, (char *[]){ (char *)cases[i].variable, NULL }));
		assert_int_equal(s.error.fault, cases[i].fault);
		assert_int_equal(s.error.line, cases[i].line);
	}
	set("", 0644);
	assert_null(load("/nowhere/x.conf", NULL));
	assert_int_equal(s.error.fault, HS_FAULT_UNREADABLE);
	assert_null(load(s.d.path, NULL)); /* a directory */
	assert_int_equal(s.error.fault, HS_FAULT_FORM);
	if (access("/etc/hookspool/hookspool.conf", F_OK) != 0) {
		assert_null(load(NULL, NULL));
		assert_int_equal(s.error.fault, HS_FAULT_ABSENT);
	}
}

TEST(a_file_that_is_missing)
{
	char below[sizeof s.path + 16];

	set("", 0644);
	expect_refusal(load("/nowhere/x.conf", NULL), "/nowhere/x.conf: No such file");
	expect_refusal(load("/nowhere/x.conf", NULL), "hookspool docs sample");
	snprintf(below, sizeof below, "%s/x.conf", s.path); /* a file where a folder should be */
	expect_refusal(load(below, NULL), "hookspool docs sample");
}

/* Permissions would mend none of these. */
TEST(what_is_no_plain_file)
{
	set("", 0600);
	expect_refusal(load(s.d.path, NULL), "no plain file: put the file");
	assert_int_equal(unlink(s.path), 0);
	assert_int_equal(mkfifo(s.path, 0600), 0);
	expect_refusal(load(s.path, NULL), "no plain file: put the file");
}

TEST(an_empty_file_is_a_file)
{
	set("", 0600);
	expect_dir(load(s.path, (char *[]){ "HOOKSPOOL_SPOOL_DIR=/b", "HOOKSPOOL_AUTH=none", NULL }), "/b");
	expect_refusal(load(s.path, NULL), "spool_dir");
}

TEST(a_link_is_followed)
{
	const char *link;

	set("spool_dir = /a\nauth = none\n", 0600);
	link = spooldir_path(&s.d, "link");
	assert_int_equal(symlink(s.path, link), 0);
	expect_dir(load(link, NULL), "/a");
}

/* 1 MiB is taken, a byte more is not. */
TEST(a_huge_file_is_refused)
{
	struct hs_buf text = { 0 };

	set("", 0600);
	hs_buf_put_slice(&text, HS_SLICE("spool_dir = /a\nauth = none\n"));
	while (text.n < 1 << 20)
		hs_buf_putc(&text, '\n');
	spooldir_write(&s.d, "x.conf", hs_buf_slice(&text));
	expect_dir(load(s.path, NULL), "/a");
	spooldir_add(&s.d, "x.conf", HS_SLICE("\n"));
	expect_refusal(load(s.path, NULL), "more than 1 MB: shorten it");
	hs_buf_free(&text);
}

TEST(secrets_that_everybody_may_read)
{
	set("spool_dir = /a\nsecret = xyzzy\n", 0644);
	expect_refusal(load(s.path, NULL), "chmod 640");
	assert_null(strstr(s.error.text, "xyzzy"));
	assert_int_equal(chmod(s.path, 0640), 0);
	expect_dir(load(s.path, NULL), "/a");
	spooldir_write(&s.d, "x.conf",
	               HS_SLICE("spool_dir = /a\n[keys]\nacme = sha256:"
	                        "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n"));
	expect_dir(load(s.path, NULL), "/a");
	assert_int_equal(chmod(s.path, 0604), 0);
	expect_refusal(load(s.path, NULL), "chmod 640");
	spooldir_write(&s.d, "x.conf", HS_SLICE("spool_dir = /a\nauth = none\n[load]\na = sqlite:/a.db\n"));
	expect_dir(load(s.path, NULL), "/a");
	spooldir_write(&s.d, "x.conf", HS_SLICE("spool_dir = /a\nauth = none\n[load]\na = sqlite:/a.db password=p\n"));
	expect_refusal(load(s.path, NULL), "chmod 640");
}

/* Whatever the secret is. */
TEST(every_kind_of_secret_must_not_be_read_by_everybody)
{
	static const char *const secrets[] = {
		"secret = x\n",
		"[secrets]\nacme = x\n",
		"[keys]\nacme = x\n",
		"[sources]\nshop = x\n",
		"auth = none\nhash_key = 0123456789abcdef0123456789abcdef\n",
		"auth = none\nmetrics_token = 0123456789abcdef\n",
		("auth = none\nconsole_password = scrypt:15:8:1:00112233445566778899aabbccddeeff:"
		 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"),
		"auth = none\n[load]\na = sqlite:/a.db password=p\n",
	};

	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		char text[400];

		snprintf(text, sizeof text, "spool_dir = /a\n%s", secrets[i]);
		set(text, 0604);
		assert_null(load(s.path, NULL));
		if (s.error.fault != HS_FAULT_EXPOSED)
			fail_msg("%s: %s", secrets[i], s.error.text);
		assert_int_equal(chmod(s.path, 0640), 0);
		expect_dir(load(s.path, NULL), "/a");
	}
}

/*
 * A user who can change the file decides who may send and where events go, whether it holds secrets or not. Its group
 * may change it: on many hosts each user has a group of their own, and a umask of 002.
 */
TEST(settings_that_everybody_may_write)
{
	static const char *const texts[] = { "spool_dir = /a\nauth = none\n", "spool_dir = /a\nsecret = x\n" };
	static const mode_t open_modes[] = { 0602, 0622, 0666, 0777 };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		for (size_t k = 0; k < sizeof open_modes / sizeof *open_modes; k++) {
			set(texts[i], open_modes[k]);
			expect_refusal(load(s.path, NULL), "everybody may write to it: chmod 640");
			assert_int_equal(s.error.fault, HS_FAULT_WRITABLE);
		}
		set(texts[i], 0660);
		expect_dir(load(s.path, NULL), "/a");
	}
	set(texts[0], 0664);
	expect_dir(load(s.path, NULL), "/a");
	expect_dir(load("/dev/null", (char *[]){ "HOOKSPOOL_SPOOL_DIR=/b", "HOOKSPOOL_SECRET=x", NULL }), "/b");
}

/* A variable whose name only begins alike is a mistake, which is told; an empty one is as none. */
TEST(a_file_that_no_variable_names)
{
	set("spool_dir = /a\nauth = none\n", 0644);
	if (access("/etc/hookspool/hookspool.conf", F_OK) == 0)
		skip();
	snprintf(s.variable, sizeof s.variable, "HOOKSPOOL_CONFIG=%s", s.path);
	expect_refusal(load(NULL, (char *[]){ s.variable, NULL }), "HOOKSPOOL_CONFIG");
	assert_int_equal(s.error.fault, HS_FAULT_ENVIRONMENT);
	assert_null(load(NULL, (char *[]){ (char[]){ "HOOKSPOOL_CONF=" }, NULL }));
	assert_int_equal(s.error.fault, HS_FAULT_ABSENT);
}

/* --- beside the program ------------------------------------------------------------ */

int __real_hs_io_own_path(char *path, size_t n);
int __wrap_hs_io_own_path(char *path, size_t n);

int __wrap_hs_io_own_path(char *path, size_t n)
{
	if (own[0] == '\0')
		return __real_hs_io_own_path(path, n);
	snprintf(path, n, "%s", own);
	return 0;
}

/* The file in the program's own folder is taken before that of the folder beside it. */
TEST(a_file_near_the_program)
{
	static const char *const files[] = { "hookspool/hookspool.conf", "bin/hookspool.conf" };
	char dir[16];

	set("", 0644);
	spooldir_mkdir(&s.d, "bin");
	spooldir_mkdir(&s.d, "hookspool");
	snprintf(own, sizeof own, "%s", spooldir_path(&s.d, "bin/program"));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char text[64];

		snprintf(dir, sizeof dir, "/%zu", i);
		snprintf(text, sizeof text, "spool_dir = %s\nauth = none\n", dir);
		spooldir_write(&s.d, files[i], hs_slice_str(text));
		expect_dir(load(NULL, NULL), dir);
		assert_string_equal(s.used, spooldir_path(&s.d, files[i]));
	}
}

/* Without /proc the program does not know where it lies, and finds no settings beside it. */
static int load_without_proc(void *context)
{
	struct hs_settings *settings;

	(void)context;
#ifdef SYS_readlink
	if (!deny_call(SYS_readlink, EACCES))
		return 2;
#endif
	if (!deny_call(SYS_readlinkat, EACCES))
		return 2;
	settings =
	    load(NULL, (char *[]){ (char[]){ "HOOKSPOOL_SPOOL_DIR=/b" }, (char[]){ "HOOKSPOOL_AUTH=none" }, NULL });
	return settings == NULL ? 1 : s.used[0] != '\0' ? 3 : 0;
}

TEST(a_program_that_does_not_know_where_it_lies)
{
	if (access("/etc/hookspool/hookspool.conf", F_OK) == 0)
		skip();
	assert_int_equal(child_run(load_without_proc, NULL), 0);
}

TESTS("settings_file", NULL, finish)
