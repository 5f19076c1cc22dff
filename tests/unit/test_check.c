/* check: what it finds of the machine and of the spool's files, and that no failing call is taken for good news. */
#include "base/io.h"
#include "tests/lib/command_in_process.h"
#include "tests/lib/fake_http.h"
#include "tests/lib/found.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sysexits.h>

extern const struct hs_command hs_command_check;
const struct hs_command *const hs_commands[] = { &hs_command_check, NULL };

static void fake_http_answer(const struct hs_http_request *request, struct fake_answer *answer)
{
	(void)request;
	answer->result = HS_HTTP_CUT;
}

/* Answers of the machine; a zeroed one changes nothing. */
static struct plan {
	const char *missing;    /* a path that is not there */
	bool unknown_kind;      /* of the file system */
	enum hs_result health;  /* of the spool */
	struct hs_known *known; /* by the index */
} plan;

int __real_hs_io_stat_outside(const char *path, struct stat *st);
int __real_hs_io_is_network(int fd);
enum hs_result __real_hs_spool_health(struct hs_spool *spool, bool *catching_up);
enum hs_result __real_hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known);
int __wrap_hs_io_stat_outside(const char *path, struct stat *st);
int __wrap_hs_io_is_network(int fd);
int __wrap_hs_io_own_path(char *path, size_t n);
enum hs_result __wrap_hs_spool_health(struct hs_spool *spool, bool *catching_up);
enum hs_result __wrap_hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known);

int __wrap_hs_io_stat_outside(const char *path, struct stat *st)
{
	if (plan.missing == NULL || strcmp(path, plan.missing) != 0)
		return __real_hs_io_stat_outside(path, st);
	errno = ENOENT;
	return -1;
}

/* No handler is looked for beside the test. */
int __wrap_hs_io_own_path(char *path, size_t n)
{
	(void)path;
	(void)n;
	return -1;
}

int __wrap_hs_io_is_network(int fd)
{
	errno = EIO;
	return plan.unknown_kind ? -1 : __real_hs_io_is_network(fd);
}

enum hs_result __wrap_hs_spool_health(struct hs_spool *spool, bool *catching_up)
{
	return plan.health != HS_OK ? plan.health : __real_hs_spool_health(spool, catching_up);
}

enum hs_result __wrap_hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known)
{
	if (plan.known == NULL)
		return __real_hs_spool_known(spool, deadline_ms, known);
	*known = *plan.known;
	return HS_OK;
}

/* --- the command ------------------------------------------------------------------ */

static char conf[PATH_MAX];
static bool asks_for_silence; /* with --quiet-for */

FIXTURE(begin_check)
{
	plan = (struct plan){ .missing = NULL };
	asks_for_silence = false;
	unsetenv("HOOKSPOOL_CONF");
	return begin(state);
}

FIXTURE(finish_check)
{
	unsetenv("HOOKSPOOL_SPOOL_DIR");
	return finish(state);
}

static int run_into(const char *to, int argc, char **argv)
{
	return run_command(&hs_command_check, to, argc, argv);
}

/* check --json, with settings besides those of temp_spool.h. */
static int check(const char *settings)
{
	char name[] = "check", config[] = "--config", json[] = "--json", quiet[] = "--quiet-for", limit[] = "1h";
	char *argv[] = { name, config, conf, json, quiet, limit, NULL }, text[PATH_MAX + 1024];

	stop();
	snprintf(text, sizeof text, "spool_dir = %s\n%s%s", s.d.path,
	         strstr(settings, "auth") == NULL ? "auth = none\nmin_free = 0\n" : "min_free = 0\n", settings);
	snprintf(conf, sizeof conf, "%s", spooldir_beside(&s.d, "conf"));
	spooldir_write_beside(&s.d, "conf", 0600, text);
	return run_into(NULL, asks_for_silence ? 6 : 4, argv);
}

static void finds(const char *name, const char *verdict, const char *begin, const char *remedy)
{
	found_in(run.out, name, verdict, begin, remedy);
}

TEST(a_sound_spool)
{
	put("a b");
	assert_int_equal(check(""), 0);
	finds("file system", "ok", "is local", "");
	finds("quota", "ok", "has room", "");
	finds("index", "ok", "knows 2 events", "");
}

TEST(a_file_system_that_promises_nothing)
{
	wrap_file_system(NFS_SUPER_MAGIC);
	assert_int_equal(check(""), 1);
	finds("file system", "fail", "is on a network: every event is answered 503", "allow_nfs");
	assert_int_equal(check("allow_nfs = yes\n"), 0);
	finds("file system", "warn", "is on a network, which allow_nfs = yes permits",
	      "move spool_dir to a local disk");
	wrap_reset();
	plan.unknown_kind = true;
	check("");
	finds("file system", "warn", "cannot be determined: ", "");
}

TEST(room_that_runs_short)
{
	static const struct {
		long long bytes, inodes;
		int error; /* of fallocate */
		const char *name, *verdict, *begin, *remedy;
	} rows[] = {
		{ 1 << 20, -1, 0, "space", "warn", "1.0 MB and ", "retain_days" },
		{ 1LL << 40, 999, 0, "space", "warn", "1.0 TB and 999 inodes free", "retain_days" },
		{ 1LL << 40, -2, 0, "space", "ok", "1.0 TB free", "" },
		{ -1, -1, EOPNOTSUPP, "quota", "warn", "room cannot be reserved (fallocate)", "ext4" },
		{ -1, -1, ENOSYS, "quota", "warn", "room cannot be reserved (fallocate)", "ext4" },
		{ -1, -1, EDQUOT, "quota", "fail", "no room for a megabyte: ", "quota" },
	};

	assert_int_equal(check(""), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wrap_reset();
		wrap_space(rows[i].bytes);
		wrap_inodes(rows[i].inodes);
		if (rows[i].error != 0)
			wrap_fail(WRAP_FALLOCATE, 1, WRAP_FOREVER, rows[i].error);
		check("");
		finds(rows[i].name, rows[i].verdict, rows[i].begin, rows[i].remedy);
		assert_false(spooldir_exists(&s.d, ".hookspool/run/probe"));
	}
	wrap_reset();
	wrap_fail(WRAP_FSTATVFS, 1, WRAP_FOREVER, EIO);
	assert_int_equal(check(""), 1);
	finds("space", "fail", "Input/output error", "");
}

TEST(a_spool_that_cannot_be_opened)
{
	static const enum hs_result results[] = { HS_E_READ_ONLY, HS_E_SPOOL_DIR, HS_E_SPOOL_OWNER };

	put("a");
	for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
		plan.health = results[i];
		assert_int_equal(check(""), 1);
		finds("spool", "fail", s.d.path, "");
		finds("clock", NULL, "", "");
		finds("quota", NULL, "", "");
	}
}

TEST(an_index_that_is_behind)
{
	static struct hs_known rows[] = {
		{ .behind = true, .ids = 7 },
		{ .behind = true, .ids = 7, .permille = 250, .took_ms = 10000 },
		{ .behind = true, .ids = 7, .permille = 1000, .took_ms = 10000 },
	};
	static const char *const begin[] = {
		"is catching up, 0 % done, 7 events so far; summaries",
		"is catching up, 25 % done, 7 events so far, about 30 s to go",
		"is catching up, 100 % done, 7 events so far; summaries",
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		plan.known = &rows[i];
		assert_int_equal(check(""), 0);
		finds("index", "ok", begin[i], "");
	}
}

TEST(sources)
{
	assert_int_equal(check("public_url = https://h.example/m\n[sources]\n"
	                       "a = A browser origin=https://a.example origin=https://b.example\n"
	                       "b = revoked:B browser origin=*\nc = C browser origin=*\n"),
	                 0);
	finds("source", "ok", "a: browser, from https://a.example https://b.example", "");
	finds("source", "ok", "b: browser, from any page, 1000 events/s, 10.0 GB a day, revoked", "");
	finds("source", "warn", "c: browser, from any page", "origin=*");
	assert_int_equal(check("[sources]\na = revoked:A browser origin=*\nb = B\n"), 0);
	finds("public_url", NULL, "", ""); /* no page sends */
}

TEST(settings_that_vanish_and_settings_of_the_environment)
{
	char name[] = "check", config[] = "--config", none[] = "", json[] = "--json";
	char *argv[] = { name, config, none, json, NULL };

	plan.missing = conf;
	assert_int_equal(check(""), 1);
	finds("permissions", "fail", conf, "");
	setenv("HOOKSPOOL_SPOOL_DIR", s.d.path, 1);
	setenv("HOOKSPOOL_AUTH", "none", 1);
	assert_int_equal(run_into(NULL, 4, argv), 0);
	unsetenv("HOOKSPOOL_AUTH");
	finds("settings", "ok", "the environment's alone", "");
	finds("permissions", NULL, "", "");
}

/* A monitor takes an empty line for OK. */
TEST(a_monitor_whose_line_is_lost)
{
	char name[] = "check", config[] = "--config", nagios[] = "--nagios", json[] = "--json";
	char *argv[] = { name, config, conf, nagios, json, NULL };

	assert_int_equal(check(""), 0);
	assert_int_equal(run_into(NULL, 4, argv), 1); /* auth = none is a warning */
	assert_int_equal(strncmp(run.out, "HOOKSPOOL WARNING: ", 19), 0);
	assert_int_equal(run_into("/dev/full", 4, argv), 3);
	assert_int_equal(run_into(NULL, 4, argv), 3); /* the stream has lost something before */
	clearerr(stdout);
	assert_int_equal(run_into(NULL, 5, argv), 3);
	assert_string_equal(run.out, "HOOKSPOOL UNKNOWN: nothing was checked\n");
}

/* --- failing calls ---------------------------------------------------------------- */

static unsigned findings(const char *verdict)
{
	char text[32];
	unsigned n = 0;

	snprintf(text, sizeof text, "\"verdict\":\"%s", verdict);
	for (const char *p = run.out; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* A thing that cannot be looked at is not said to be in order: a finding is added, or the command ends as failed. */
TEST(no_failing_call_is_good_news)
{
	static const struct {
		enum wrap_call call;
		int error;
	} calls[] = {
		{ WRAP_FSTATVFS, EIO },  { WRAP_FALLOCATE, EIO }, { WRAP_PREAD, EIO },   { WRAP_OPENAT, EIO },
		{ WRAP_OPENAT, EACCES }, { WRAP_FSTAT, EIO },     { WRAP_FSTATAT, EIO }, { WRAP_FDOPENDIR, EIO }
	};
	unsigned all, good;

	seal("a b");
	put("c");
	save_cursor("c", position_after(1));
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{}\n"));
	asks_for_silence = true;
	assert_int_equal(check(""), 0);
	all = findings("");
	good = findings("ok");
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (unsigned nth = 1;; nth++) {
			unsigned made;
			int code;

			wrap_reset();
			wrap_fail(calls[i].call, nth, 1, calls[i].error);
			code = check("");
			made = wrap_count(calls[i].call);
			if (code == 0 && findings("") < all && findings("") - findings("ok") <= all - good)
				fail_msg("call %d, %u: %s", (int)calls[i].call, nth, run.out);
			if (made < nth)
				break;
		}
	wrap_reset();
	assert_int_equal(check(""), 0);
	asks_for_silence = false;
}

/* The settings are read a second time for the keys in clear. */
TEST(credentials_that_cannot_be_read)
{
	char name[] = "check", config[] = "--config", json[] = "--json", url[] = "--url", there[] = "http://h/m";
	char *argv[] = { name, config, conf, json, url, there, NULL, NULL, NULL };
	char option[] = "--key", key[] = "k";

	assert_int_equal(check(""), 0);
	for (int argc = 6; argc <= 8; argc += 2) { /* with a key given, only those of sources are read */
		unsigned nth = 0, failed = 0;

		argv[6] = option;
		argv[7] = key;
		assert_int_equal(run_into(NULL, argc, argv), 1); /* no answer */
		do {
			int code;

			wrap_reset();
			wrap_fail(WRAP_OPENAT, ++nth, 1, EIO);
			code = run_into(NULL, argc, argv);
			failed += code == EX_OSERR;
			assert_int_not_equal(code, 0);
		} while (wrap_count(WRAP_OPENAT) >= nth);
		wrap_reset();
		assert_true(failed > 0);
	}
}

TESTS("check", begin_check, finish_check)
