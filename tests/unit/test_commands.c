/*
 * commands: what commands of hookspool print and how they end, where that takes a damaged spool, a failing call, or a
 * signal. Each runs in a child.
 */
#include "tests/lib/command_in_child.h"

/* --- rules -------------------------------------------------------------------------------- */

#define HASH_KEY "hash_key = 0123456789abcdef0123456789abcdef\n"

TEST(rules_of_each_kind_are_told)
{
	put("a");
	configure("[keys]\nacme = k\n[fields]\nacme: traits_* = drop\n");
	expect("rules", 0, "\n     8  acme: traits_* = drop\n", NULL);
	assert_null(strstr(run.out, "[events]"));
	expect("rules --json", 0,
	       "{\"events\":[],\"unplanned\":\"keep\",\"fields\":[{\"line\":8,\"rule\":\"acme: traits_* = drop\"}]}",
	       NULL);
	configure("[events]\nunplanned = flag\n");
	expect("rules", 0, "        unplanned = flag\n", NULL);
	assert_null(strstr(run.out, "no rules"));
	expect("rules --dry-run 5", 0, "records 1: kept 1, dropped 0, rejected 0, flagged 1\n", NULL);
	configure("[fields]\ntraits_a = drop\n");
	write_beside("events", "{\"type\":\"page\",\"userId\":\"u\",\"traits\":{\"a\":1}}\n");
	expect("rules --events @events --json", 0, "\"before\":\"1\",\"after\":null}", NULL);
}

TEST(rules_are_tried_on_what_can_be_read)
{
	configure("[events]\ndrop = type:track\n");
	make_empty();
	expect("rules --dry-run 5", 0, "records 0: ", NULL);
	expect("rules --events /proc/self/mem", EX_NOINPUT, NULL, "/proc/self/mem: ");
	write_beside("events", "[{\"type\":\"page\",\"userId\":\"u\"},]");
	expect("rules --events @events", EX_DATAERR, NULL, ", at byte 30\n");
}

/* --- calls that fail ------------------------------------------------------------ */

/* Two sealed segments with summaries, an open one; refused lines; an archive; a cursor. */
static void make_spool(void)
{
	write_beside("first", "{\"type\":\"track\",\"event\":\"Caf\\u00e9\",\"userId\":\"anna\",\"messageId\":\"1\"}\n"
	                      "{\"type\":\"identify\",\"userId\":\"ben\",\"anonymousId\":\"v\",\"messageId\":\"2\"}\n"
	                      "{\"type\":\"page\",\"userId\":\"gone\",\"messageId\":\"0\"}\n");
	write_beside("second", "{\"type\":\"delete\",\"userId\":\"ben\",\"messageId\":\"3\"}\n");
	configure("[keys]\nacme = k\n[events]\ndrop = traits_a:\"x*\"\n[fields]\nuser_name = drop\n");
	expect("import --tenant acme @first", 0, "3 accepted", NULL);
	rotate();
	expect("import --tenant - @second", 0, "1 accepted", NULL);
	rotate();
	maintain();
	put("e");
	save_cursor("crm", (struct hs_position){ .number = 3 });
	save_cursor("old", (struct hs_position){ .number = 1 });
	save_cursor("older", (struct hs_position){ .number = 1 });
	expect("erase --user gone --tenant *", 0, "erased 1 events", NULL); /* both of these have to be translated */
	spooldir_write(&s.d, "rejected.jsonl",
	               HS_SLICE("{\"spooled_at\":\"2026-11-24T00:00:00.000Z\",\"message\":\"not \\u0061\",\"tenant\":"
	                        "\"\\u0061cme\",\"body\":\"1\"}\n"
	                        "{\"tenant\":\"acme\"}\n"
	                        "{\"tenant\":\"acme\",\"body\":\"hookspool-suite\"}\n"));
	write_beside("events", "{\"type\":\"page\",\"userId\":\"\\u0075\",\"traits\":{\"a\":1}}\n");
}

TEST(without_memory_or_a_file_no_answer_is_cut)
{
	static const char *const commands[] = {
		"stats",
		"stats --no-test --tenant acme --json",
		"schema --typescript",
		"rules --dry-run 10 --json",
		"rules --events @events --tenant -",
		"erase --user anna --dry-run --tenant *",
		"verify --json",
		"import --dry-run --tenant - @events",
	};

	make_spool();
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fail_each_call(commands[i]);
}

/* --- stats -------------------------------------------------------------------------------- */

/* Records of another program, whose times cannot be read. */
TEST(stats_of_records_without_times)
{
	make_empty();
	spooldir_write(&s.d, SEALED,
	               HS_SLICE("{\"type\":\"page\",\"spooled_at\":\"now\"}\n"
	                        "{\"type\":\"page\",\"timestamp\":\"soon\"}\n"));
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("no letter\n"));
	save_cursor("a", (struct hs_position){ .number = 1 });
	save_cursor("b", (struct hs_position){ .number = 1, .offset = 35 });
	expect("stats", 0, "2 records, 70 B\n0 rejected", NULL);
	assert_non_null(strstr(run.out, "10 B in failed.jsonl\n"));
	assert_non_null(strstr(run.out, "\na                2        70 B  \n"));
	expect("stats --since 2000-01-01", 0, "0 records", NULL);
	maintain();
	expect("stats --since 2000-01-01", 0, "0 records", NULL);
	expect("stats --until 2100-01-01", 0, "0 records", NULL);
	expect("stats --json", 0, "\"first\":null,\"last\":null,", NULL);
}

/* As from a program with a broken clock; the summary knows no time, and nothing else is strange. */
TEST(stats_of_a_summary_without_times)
{
	make_empty();
	spooldir_write(
	    &s.d, SEALED,
	    HS_SLICE("{\"type\":\"page\",\"message_id\":\"1\",\"spooled_at\":\"2026-99-24T00:00:00.000Z\"}\n"));
	maintain();
	expect("stats", 0, "1 records, 73 B\n", NULL);
	expect("stats --since 2000-01-01", 0, "0 records", NULL);
}

TEST(stats_by_time_and_without_test_events)
{
	make_spool();
	expect("stats --since 2000-01-01 --until 2100-01-01", 0, "4 records", NULL);
	expect("stats --since 2100-01-01", 0, "0 records", NULL);
	expect("stats --until 2000-01-01", 0, "0 records", NULL);
	expect("stats", 0, "\n3 rejected", NULL);
	expect("stats --no-test", 0, "\n2 rejected", NULL);
	expect("stats --top 1 --type track", 0, "records, ", NULL);
	expect("stats --top x", 2, NULL, "--top x: expected a number from 1 to ");
}

TEST(stats_tell_who_reads)
{
	struct hs_opened_spool o;
	struct hs_cursor *cursor;
	int64_t holder;
	bool fresh;

	put("a");
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_cursor_open(&o.dir, "crm", &cursor, &fresh, &holder), HS_OK);
	assert_result(hs_cursor_save(cursor, (struct hs_position){ .number = 1 }), HS_OK);
	expect("stats", 0, "Z in use\n", NULL);
	hs_cursor_close(cursor);
	hs_spool_dir_close(&o);
}

/* --- signals ------------------------------------------------------------ */

TEST(signals_end_what_reads)
{
	put_lines();
	stop_anywhere("stats --top 1", WRAP_PREAD, "");
	stop_anywhere("stats --tenant none", WRAP_PREAD, "");
	stop_anywhere("schema --json", WRAP_PREAD, "");
}

TEST(more_names_than_a_summary_has_are_counted)
{
	put_lines();
	expect("stats --top 1", 0, "\n(others)       10000", NULL);
	maintain();
	expect("stats --top 1", 0, "\n(others)       10000", NULL);
}

/* --- schema --------------------------------------------------------------------------------- */

TEST(schemas_are_asked_for_one_by_one)
{
	put("a");
	expect("schema --json --json", 0, "\"type\":\"track\"", NULL);
	expect("schema --json --typescript", 2, NULL, "one of --json, --typescript, --json-schema and --diff");
	expect("schema --since 1h", 0, "1 record, 1 event", NULL);
	expect("schema --since 2100-01-01 --typescript", 0, "HookspoolRecord = never;", NULL);
	expect("schema --since soon", 2, NULL, "--since soon: expected a time");
}

TEST(a_catalogue_that_is_too_large_is_not_compared)
{
	struct hs_buf text = { 0 };

	hs_buf_put_slice(&text, HS_SLICE("{\"events\":["));
	for (int i = 0; i < HS_JSON_TOKENS_MAX; i++)
		hs_buf_put_slice(&text, HS_SLICE("1,"));
	hs_buf_put(&text, "1]}", 4); /* with a NUL */
	put("a");
	write_beside("before", text.p);
	hs_buf_free(&text);
	expect("schema --diff @before", EX_DATAERR, NULL, "make it with --no-examples, or for one --event\n");
}

/* A catalogue that is cut would look like one from which events have gone. */
TEST(an_answer_that_cannot_be_written)
{
	put_lines();
	run.output = open("/dev/full", O_WRONLY | O_CLOEXEC);
	expect("schema --json", EX_IOERR, NULL, "standard output: No space left on device: not all of it was written");
	expect("stats --json", EX_IOERR, NULL, "not all of it was written: make room");
	close(run.output);
}

/* --- import --------------------------------------------------------------------------------- */

#define PAGE(id, more) "{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"" id "\"" more "}\n"

/* The archive alone is held by another import, or the whole spool by something else. */
TEST(an_archive_that_another_process_imports)
{
	bool told = false;

	write_beside("archive", PAGE("1", ""));
	make_empty();
	run.fault = cannot_lock;
	for (failing.nth = 1; failing.nth < 10 && !told; failing.nth++) {
		command("import --again @archive");
		told = strstr(run.err, "/archive: another process imports it: wait for it\n") != NULL;
	}
	assert_true(told);
	assert_non_null(strstr(run.out, "0 lines: 0 accepted"));
	run.fault = NULL;
	expect("import --again @archive", 0, "1 lines: ", NULL);
}

TEST(what_is_left_out_of_archives_is_told)
{
	write_beside("archive", PAGE("1", ",\"timestamp\":\"2026-01-01\"")
	                            PAGE("2", ",\"timestamp\":\"soon\"") "{\"type\":\"bogus\"}\n");
	expect("import --since 2020-01-01 --dry-run @archive @archive", 1,
	       " 2 rejected, 2 left out\n2 of those left out have a timestamp that cannot be read, such as line 2: ",
	       NULL);
	assert_null(strstr(run.out, "rejected.jsonl"));
	expect("import @archive", 1, "\nwhat was rejected, and why, is in rejected.jsonl\n", NULL);
	expect("import @archive", 1, "\n1 lines were rejected by an earlier run\nwhat was rejected", NULL);
	expect("import --since 2020 @archive", 2, NULL, "--since 2020: expected a time such as ");
	expect("import /proc/self/mem @archive", EX_IOERR, " of 2 archives were done before",
	       "/proc/self/mem: Input/output error\n");
}

static void interrupt_open(void)
{
	wrap_fail(WRAP_OPENAT, failing.nth, 2, EINTR);
}

static void stop_open(void)
{
	failing.call = WRAP_OPENAT;
	interrupt_open();
	stop_at();
}

/* A signal that asks for nothing, as SIGWINCH, may interrupt the open of a pipe. */
TEST(an_interrupted_open_is_tried_again)
{
	write_beside("archive", PAGE("1", ""));
	put("a");
	run.fault = interrupt_open;
	for (failing.nth = 1; failing.nth < 8; failing.nth++)
		expect("import --dry-run @archive", 0, "1 lines: 1 accepted", NULL);
	run.fault = stop_open;
	for (failing.nth = 1; strstr(run.out, "stopped: run it again to continue\n") == NULL; failing.nth++)
		assert_int_equal(command("import --dry-run @archive"), SIGNALLED);
}

TEST(a_dry_run_that_cannot_read_the_spool)
{
	make_empty();
	spooldir_write(
	    &s.d, SEALED,
	    HS_SLICE("{\"type\":\"page\",\"message_id\":\"1\",\"spooled_at\":\"2026-01-01T00:00:00.000Z\"}\n"));
	spooldir_unlink(&s.d, ".hookspool/run/state");
	write_beside("archive", PAGE("1", ""));
	fail_each_call("import --dry-run @archive");
}

static int open_terminal(int *other)
{
	char name[64];
	int fd;

	*other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*other >= 0 && grantpt(*other) == 0 && unlockpt(*other) == 0);
	assert_int_equal(ptsname_r(*other, name, sizeof name), 0);
	fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

TEST(nobody_types_an_archive)
{
	int other;

	run.input = open_terminal(&other);
	expect("import", 2, NULL, "usage: hookspool import ");
	close(run.input);
	close(other);
	run.input = -1;
	expect("import", 0, "0 lines: ", NULL);
}

/* The second file is not begun when the first has met an error of the spool. */
TEST(an_error_of_the_spool_ends_an_import)
{
	write_beside("archive", PAGE("1", ""));
	write_beside("other", PAGE("2", ""));
	spooldir_mkdir(&s.d, "");
	spooldir_write(&s.d, ".hookspool", HS_SLICE(""));
	expect("import --json @archive @other", EX_IOERR, "{\"files\":1,", "/archive: ");
}

TEST(a_stopped_import_says_so)
{
	write_beside("archive", PAGE("1", "") PAGE("2", ""));
	stop_anywhere("import --dry-run @archive", WRAP_PREAD, "stopped: run it again to continue\n");
}

TESTS("commands", start, finish)
