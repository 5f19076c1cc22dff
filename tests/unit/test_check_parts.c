/* The parts of check: sandbox, rules, companions, the handler's file, cursors, dead letters, silence. */
#include "base/io.h"
#include "base/landlock.h"
#include "tests/lib/found.h"
#include "tests/lib/temp_spool.h"
#include "tools/probe/check_consumers.h"
#include "tools/probe/check_loads.h"
#include "tools/probe/check_program.h"
#include "tools/probe/check_rules.h"
#include "tools/probe/check_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DAY_MS = 86400000 };

/* Answers of the machine; a zeroed one changes nothing. */
static struct plan {
	const char *missing; /* a path that is not there */
	const char *own;     /* the program's path; "": unknown */
	int landlock;        /* its version + 1 */
} plan;

int __real_hs_io_stat_outside(const char *path, struct stat *st);
int __real_hs_io_own_path(char *path, size_t n);
int __real_hs_landlock_version(void);
int __wrap_hs_io_stat_outside(const char *path, struct stat *st);
int __wrap_hs_io_own_path(char *path, size_t n);
int __wrap_hs_landlock_version(void);

int __wrap_hs_io_stat_outside(const char *path, struct stat *st)
{
	if (plan.missing == NULL || strcmp(path, plan.missing) != 0)
		return __real_hs_io_stat_outside(path, st);
	errno = ENOENT;
	return -1;
}

int __wrap_hs_io_own_path(char *path, size_t n)
{
	if (plan.own == NULL)
		return __real_hs_io_own_path(path, n);
	snprintf(path, n, "%s", plan.own);
	return plan.own[0] == '\0' ? -1 : 0;
}

int __wrap_hs_landlock_version(void)
{
	return plan.landlock > 0 ? plan.landlock - 1 : __real_hs_landlock_version();
}

static char out[32768];

FIXTURE(begin_part)
{
	plan = (struct plan){ .missing = NULL };
	return begin(state);
}

static void finds(const char *name, const char *verdict, const char *text, const char *remedy)
{
	found_in(out, name, verdict, text, remedy);
}

static struct hs_findings report;

/* Settings besides those of temp_spool.h; the findings of this part are in `out` after parts_end. */
static struct hs_settings *part_begin(const char *settings)
{
	struct hs_settings_error error = { .text = "" };
	char text[PATH_MAX + 1024];
	struct hs_settings *made;

	snprintf(text, sizeof text, "spool_dir = %s\nauth = none\nmin_free = 0\n%s", s.d.path, settings);
	made = hs_settings_new("test", hs_slice_str(text), NULL, &error);
	if (made == NULL)
		fail_msg("%s", error.text);
	report = (struct hs_findings){ .json = true };
	return made;
}

static void part_end(struct hs_settings *settings)
{
	snprintf(out, sizeof out, "%.*s", (int)report.text.n, report.text.n > 0 ? report.text.p : "");
	hs_buf_free(&report.text);
	hs_settings_free(settings);
}

TEST(what_the_sandbox_needs)
{
	static const struct {
		const char *settings;
		int version;
		const char *verdict, *begin;
	} rows[] = {
		{ "sandbox = off\n", 0, "ok", "off" },
		{ "sandbox = auto\n", 1, "ok", "auto: no Landlock, " },
		{ "sandbox = auto\n", 2, "ok", "auto: Landlock 2, " },
		{ "sandbox = strict\n", 1, "fail", "strict, but there is no Landlock, " },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hs_settings *settings = part_begin(rows[i].settings);

		plan.landlock = rows[i].version + 1;
		hs_check_sandbox(&report, settings);
		part_end(settings);
		finds("sandbox", rows[i].verdict, rows[i].begin, rows[i].verdict[0] == 'f' ? "set sandbox = auto" : "");
	}
}

#define HASH_KEY "hash_key = 00112233445566778899aabbccddeeff\n"

TEST(what_rules_are_told_of)
{
	static const struct {
		const char *settings;
		unsigned ok, warn;
		const char *verdict, *begin;
	} rows[] = {
		{ "", 0, 0, NULL, "" },
		{ "[events]\nkeep = type:track\n", 1, 0, "ok", "1 lines in [events], 0 in [fields]" },
		{ "[events]\ndrop = event:x\n", 2, 0, "ok",
		  "what is refused is not kept in rejected.jsonl, because [events] drops" },
		{ HASH_KEY "[fields]\ntraits_a = drop\n", 2, 0, "ok",
		  "what is refused is not kept in rejected.jsonl, because [fields] masks values\"" },
		{ HASH_KEY "[events]\ndrop = event:x\n[fields]\ntraits_a = drop\n", 2, 0, "ok",
		  "what is refused is not kept in rejected.jsonl, because [fields] masks values, and [events] drops" },
		{ "[fields]\ntraits_a = drop\n", 2, 1, "warn",
		  "an event without a messageId gets a hash of all its values" },
		{ "rejected_body = 1K\n[events]\ndrop = event:x\n", 1, 1, "warn",
		  "[events] drops events, but what is refused is kept" },
		{ "[events]\ndrop = type:*\n", 2, 1, "warn", "line 5 drops delete events" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hs_settings *settings = part_begin(rows[i].settings);

		hs_check_rules(&report, settings);
		assert_int_equal(report.count[HS_CHECK_OK], rows[i].ok);
		assert_int_equal(report.count[HS_CHECK_WARN], rows[i].warn);
		part_end(settings);
		finds("rules", rows[i].verdict, rows[i].begin, "");
	}
}

/* Runs hs_check_loads or hs_check_ship. */
static void try_companion(void (*look)(struct hs_findings *, const struct hs_settings *, const char *),
                          const char *lines)
{
	struct hs_settings *settings = part_begin(lines);

	look(&report, settings, "conf");
	part_end(settings);
}

TEST(databases_and_a_stream_are_tried_by_their_programs)
{
	static const char load[] = "[load]\na = sqlite:/a\n",
			  ship[] = "[ship]\nto = nats://n1\nstream = e\nsubject = e\n";
	char own[PATH_MAX];
	struct rlimit limit, none;

	assert_int_equal(mkdir(spooldir_beside(&s.d, "bin"), 0755), 0);
	snprintf(own, sizeof own, "%s", spooldir_beside(&s.d, "bin/hookspool"));
	plan.own = own;
	try_companion(hs_check_loads, "");
	finds("load", NULL, "", "");
	try_companion(hs_check_ship, "");
	finds("ship", NULL, "", "");
	plan.missing = HS_LIBEXECDIR "/hookspool-load";
	try_companion(hs_check_loads, load);
	finds("load", "fail", "hookspool-load is not installed", "");
	plan.missing = HS_LIBEXECDIR "/hookspool-ship";
	try_companion(hs_check_ship, ship);
	finds("ship", "fail", "hookspool-ship is not installed", "");
	plan.own = ""; /* unknown: the place of the installation is left */
	try_companion(hs_check_ship, ship);
	finds("ship", "fail", "hookspool-ship is not installed", "");
	plan.own = own;
	spooldir_write_beside(
	    &s.d, "bin/hookspool-load", 0755,
	    "#!/bin/sh\nprintf "
	    "'noise\\nno\\tremedy\\nok\\t%s\\tx\\nwarn\\tslow\\thurry\\nfail\\tgone\\tcome\\n' \"$*\"\n");
	try_companion(hs_check_loads, load);
	finds("load", "ok", "--check --config conf a\"", "");
	finds("load", "warn", "slow", "hurry");
	finds("load", "fail", "gone", "come");
	spooldir_write_beside(&s.d, "bin/hookspool-ship", 0755, "#!/bin/sh\necho noise\n");
	try_companion(hs_check_ship, ship);
	finds("ship", "fail", "it could not be tried", "ship --check says why");
	spooldir_write_beside(&s.d, "bin/hookspool-ship", 0755, "#!/bin/sh\nprintf 'ok\\tfine\\t\\n'\n");
	try_companion(hs_check_ship, ship);
	finds("ship", "ok", "fine", "");
	spooldir_write_beside(&s.d, "bin/hookspool-load", 0755, "#!/nowhere/sh\n");
	try_companion(hs_check_loads, load);
	finds("load", "fail", "a: it could not be tried", "load --check LABEL says why");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	try_companion(hs_check_loads, load); /* no pipe */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	finds("load", "fail", "a: it could not be tried", "load --check LABEL says why");
}

static void try_program(const char *own, const char *verdict, const char *begin)
{
	struct hs_settings *settings = part_begin("");

	plan.own = own;
	hs_check_program(&report);
	part_end(settings);
	finds("program", verdict, begin, "");
}

TEST(the_handler_beside_the_programs_folder)
{
	char own[PATH_MAX], handler[PATH_MAX], folder[PATH_MAX];

	snprintf(own, sizeof own, "%s", spooldir_beside(&s.d, "bin/hookspool"));
	snprintf(handler, sizeof handler, "%s", spooldir_beside(&s.d, "www/hookspool.cgi"));
	snprintf(folder, sizeof folder, "%s", spooldir_beside(&s.d, "www"));
	assert_int_equal(mkdir(folder, 0755) + mkdir(spooldir_beside(&s.d, ".hidden"), 0755), 0);
	try_program(own, NULL, "");
	spooldir_write_beside(&s.d, ".hidden/hookspool.cgi", 0777, "");
	try_program(own, NULL, "");
	spooldir_write_beside(&s.d, "www/hookspool.cgi", 0755, "");
	try_program(own, "ok", handler);
	assert_int_equal(chmod(handler, 0777), 0);
	try_program(own, "fail", "every user may write to ");
	plan.missing = folder; /* removed meanwhile */
	try_program(own, NULL, "");
	plan.missing = handler;
	try_program(own, NULL, "");
	plan.missing = NULL;
	assert_int_equal(remove(handler) + mkdir(handler, 0777), 0);
	try_program(own, NULL, "");
	try_program("", NULL, "");
	try_program("hookspool", NULL, "");
	try_program("/nowhere/bin/hookspool", NULL, "");
	try_program("/nowhere-at-all/hookspool", NULL, ""); /* the folder above is the root */
}

/* --- consumers and senders -------------------------------------------------------- */

static void look_at_cursors(const char *lines)
{
	struct hs_settings *settings = part_begin(lines);
	struct hs_opened_spool o;

	assert_result(hs_spool_dir_open(&o, settings, false), HS_OK);
	hs_check_cursors(&report, settings, &o.dir);
	hs_spool_dir_close(&o);
	part_end(settings);
}

TEST(a_cursor_that_holds_segments_back)
{
	char copy[300];
	struct hs_buf text;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	seal("c d");
	seal("e");
	save_cursor("mine", position_after(3));
	save_cursor("other", position_after(4));
	stop();
	look_at_cursors("");
	finds("cursor", NULL, "", "");
	wrap_clock(4 * (int64_t)DAY_MS, 0);
	look_at_cursors("");
	finds("cursor", "warn", "mine has not moved for 4 days: 2 segments, ", "wait for it, and retention does not");
	finds("cursor", "warn", "other has not moved for 4 days: 1 segments, ", "cursors remove other");
	look_at_cursors("retain_force = yes\n");
	finds("cursor", "warn", "mine has not moved for 4 days: 2 segments, ", "until retention deletes them unread");
	/* while a segment is compressed it is there twice */
	snprintf(copy, sizeof copy, "%s.gz", spooldir_name(&s.d, "events-", 2));
	text = spooldir_read_raw(&s.d, spooldir_name(&s.d, "events-", 2));
	spooldir_write(&s.d, copy, hs_buf_slice(&text));
	hs_buf_free(&text);
	look_at_cursors("");
	finds("cursor", "warn", "mine has not moved for 4 days: 2 segments, ", "");
	wrap_clock(0, 0);
	spooldir_write(&s.d, ".hookspool/cursors/broken", HS_SLICE("damaged\n"));
	look_at_cursors("");
	finds("cursor", "warn", "broken is damaged: no segment is deleted", "hookspool cursors reset broken --from");
}

TEST(dead_letters)
{
	static const struct {
		size_t bytes;
		const char *verdict, *end;
	} rows[] = { { 100, "ok", "hookspool cat --failed" },
		     { 600000, "warn", "more than half of failed_max" },
		     { 1040000, "fail", "its user waits" } };
	char *text = malloc(1 << 20);
	struct hs_settings *settings;

	put("a");
	assert_non_null(text);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int dir = hs_io_open_dir(AT_FDCWD, s.d.path);

		memset(text, ' ', rows[i].bytes);
		memcpy(text, "{}", 2);
		text[rows[i].bytes - 1] = '\n';
		spooldir_write(&s.d, "failed.jsonl", hs_slice(text, rows[i].bytes));
		settings = part_begin("failed_max = 1M\n");
		hs_check_failed(&report, settings, dir);
		part_end(settings);
		close(dir);
		finds("failed", rows[i].verdict, "", rows[i].end);
		assert_non_null(strstr(out, "of dead letters since an unknown time"));
	}
	free(text);
}

static void look_for_quiet(const char *limit, const char *verdict, const char *begin)
{
	struct hs_settings *settings = part_begin("");

	hs_check_quiet(&report, settings, limit);
	part_end(settings);
	finds("quiet", verdict, begin, "");
}

TEST(a_sender_that_has_gone_quiet)
{
	look_for_quiet(NULL, NULL, "");
	put("a");
	look_for_quiet("1h", "ok", "the last event came at ");
	wrap_clock(2 * 3600000, 0);
	look_for_quiet("1h", "warn", "no event has come for 1h: the last one at ");
	wrap_clock(-3600000, 0); /* the clock was set back since */
	look_for_quiet("1h", "ok", "the last event came at ");
	wrap_clock(0, 0);
	stop();
	spooldir_write(&s.d, "events.jsonl", HS_SLICE("{\"message_id\":\"a\"}\n"));
	look_for_quiet("1h", "warn", "no event has come yet");
	spooldir_write(&s.d, "events.jsonl", HS_SLICE("{\"spooled_at\":\"yesterday\"}\n"));
	look_for_quiet("1h", "warn", "no event has come yet");
	spooldir_write(&s.d, "events.jsonl", HS_SLICE(""));
	look_for_quiet("1h", "warn", "no event has come yet");
}

TESTS("check_parts", begin_part, finish)
