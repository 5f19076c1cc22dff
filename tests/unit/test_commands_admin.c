/*
 * commands_admin: what erase, maintain, verify, backup, adopt and others print and how they end, where that takes a
 * damaged spool, a failing call, or a signal.
 */
#include "tests/lib/command_in_child.h"

/* --- erase ------------------------------------------------------------------------------------ */

TEST(ids_in_the_spelling_of_a_number)
{
	expect("erase --user 7.0 --dry-run", EX_IOERR, NULL, "/spool is not there: ");
	make_empty();
	spooldir_write(&s.d, SEALED, HS_SLICE("{\"type\":\"page\",\"user_id\":7.0,\"message_id\":\"1\"}\n"));
	expect("erase --user 7.0 --user x --dry-run", 0, "would erase 1 events", "");
	fail_each_call("erase --user 7.0 --user x --dry-run");
}

TEST(people_of_delete_events)
{
	configure("[keys]\nacme = k\n");
	write_beside("acme", "{\"type\":\"identify\",\"userId\":\"ben\",\"anonymousId\":\"v\"}\n"
	                     "{\"type\":\"delete\",\"userId\":\"ben\"}\n");
	write_beside("none", "{\"type\":\"delete\",\"userId\":\"cy\"}\n");
	expect("import --tenant acme @acme", 0, "2 accepted", NULL);
	expect("import --tenant - @none", 0, "1 accepted", NULL);
	expect("erase --from-deletes --aliases --dry-run --json", 0,
	       "\"deleted\":[{\"id\":\"ben\",\"tenant\":\"acme\"},{\"id\":\"cy\"}],\"links\":[{\"kind\":\"anonymous\","
	       "\"id\":\"v\"",
	       NULL);
	expect("erase --from-deletes --aliases --dry-run", 0,
	       "user \"ben\" of tenant acme: of a delete record\nuser \"cy\": of a delete record\nanonymous \"v\"",
	       NULL);
}

/* A stopped erase says that the next one finishes it, and a look says so, too. */
TEST(a_stopped_erase_is_finished_by_the_next)
{
	bool told = false;

	failing.call = WRAP_OPENAT;
	for (failing.nth = 20; failing.nth < 200 && !told; failing.nth += 2) {
		make("rotate_min_gap = 0\n");
		configure("");
		seal("anna@a b");
		seal("anna@c d");
		put("anna@e");
		run.fault = stop_at;
		assert_int_equal(command("erase --user anna"), SIGNALLED);
		run.fault = NULL;
		told = strstr(run.out, "stopped: the next erase finishes it\n") != NULL;
		if (told)
			expect("erase --user nobody --dry-run", 0, "an interrupted erase is not finished: ", NULL);
		expect("erase --user anna", 0, "erased ", NULL);
		assert_once(&s.d, "b d");
		assert_int_equal(spooldir_lines(&s.d), 2);
	}
	assert_true(told);
}

TEST(a_search_for_people_that_is_stopped)
{
	put_lines();
	stop_anywhere("erase --user u --aliases --dry-run", WRAP_PREAD, "stopped, before anything was removed\n");
}

TEST(files_that_are_damaged_keep_their_lines)
{
	seal("anna@a");
	maintain();
	spooldir_cut(&s.d, spooldir_name(&s.d, "events-", 0), 30);
	spooldir_unlink(&s.d, ".hookspool/run/summary/events-1");
	expect("erase --user anna", 1, "erased 0 events", "1 files are damaged and stay as they are: ");
	expect("rules --dry-run 5", EX_IOERR, NULL, "hookspool rules: ");
}

/* A database that keeps the rows of deleted people is told, when something is erased. */
TEST(databases_that_ignore_deletes)
{
	static const char told[] = "the database of [load] shop keeps the rows of users of delete events";

	put("a");
	configure("[load]\nshop = sqlite:/nowhere/shop.db on_delete=ignore\ncrm = sqlite:/nowhere/crm.db\n");
	expect("erase --from-deletes", 0, "erased 0 events", told);
	assert_null(strstr(run.err, "crm"));
	expect("erase --from-deletes --dry-run", 0, "would erase 0 events", NULL);
	expect("erase --user u --tenant *", 0, "erased 0 events", NULL);
}

/* --- maintain, verify ------------------------------------------------------------------------ */

TEST(maintenance_that_another_process_does)
{
	bool told = false;

	seal("a");
	run.fault = cannot_lock;
	for (failing.nth = 1; failing.nth < 10 && !told; failing.nth++) {
		seal("!a");
		told = command("maintain") == 0 && strcmp(run.out, "another process is doing it: nothing done\n") == 0;
	}
	assert_true(told);
}

static void fail_forever(void)
{
	wrap_fail(failing.call, failing.nth, WRAP_FOREVER, wrap_error(failing.call));
}

TEST(a_clock_that_cannot_be_trusted)
{
	put("a");
	failing.call = WRAP_OPENAT;
	run.fault = fail_forever;
	for (failing.nth = 1; command("maintain --trust-clock") != 0; failing.nth++)
		assert_true(run.err[0] != '\0');
	assert_true(failing.nth > 3);
}

TEST(old_dead_letters_go)
{
	configure("retain_days = 1\n");
	put("a");
	spooldir_write(
	    &s.d, "failed.jsonl",
	    HS_SLICE(
		"{\"failed_at\":\"2020-01-01T00:00:00.000Z\",\"handler\":\"h\",\"record\":{\"type\":\"page\"}}\n"));
	expect("maintain", 0, "1 old dead letters removed from failed.jsonl\n", NULL);
}

TEST(problems_of_files_and_of_lines)
{
	seal("a");
	seal("b");
	maintain();
	spooldir_cut(&s.d, spooldir_name(&s.d, "events-", 0), 30);
	seal("c");
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 2), HS_SLICE("{\"a\":}\n"));
	expect("verify --json", 1, ",\"line\":2,\"problem\":", NULL);
	assert_non_null(strstr(run.out, ",\"line\":null,\"problem\":"));
	expect("verify", 1, ".jsonl:2: ", NULL);
}

/* --- backup, adopt --------------------------------------------------------------------------- */

static int failing_error;

static void fail_with_error(void)
{
	wrap_fail(failing.call, failing.nth, WRAP_FOREVER, failing_error);
}

/* True if the backup says it for a call that fails so. */
static bool backup_says(enum wrap_call call, int error, const char *says)
{
	char words[64];

	failing.call = call;
	failing_error = error;
	run.fault = fail_with_error;
	for (failing.nth = 1; failing.nth < 12; failing.nth++) {
		snprintf(words, sizeof words, "backup @copy-%d-%u", error, failing.nth);
		if (command(words) == EX_IOERR && strstr(run.err, says) != NULL)
			return true;
	}
	return false;
}

TEST(places_where_no_backup_can_be)
{
	char link[PATH_MAX];

	seal("a");
	put("b");
	write_beside("file", "");
	snprintf(link, sizeof link, "%.*s/link", PATH_MAX / 2, s.d.above);
	assert_int_equal(symlink("link", link), 0);
	expect("backup @file", EX_CANTCREAT, NULL, "/file: name a directory, and not a symbolic link to it\n");
	expect("backup @link", EX_CANTCREAT, NULL, "/link: name a directory, and not a symbolic link to it\n");
	expect("backup @link/copy", EX_CANTCREAT, NULL,
	       "/link/copy: name a directory, and not a symbolic link to it\n");
	expect("backup /proc/self/copy", EX_CANTCREAT, NULL,
	       "name another directory, or make it for the spool's owner");
	assert_true(
	    backup_says(WRAP_PWRITE, ENOSPC, ": no room: free space, inodes or quota there; then run it again\n"));
	assert_true(
	    backup_says(WRAP_RENAMEAT, EROFS, ": read-only: remount it for writing, or name another directory"));
	assert_true(backup_says(WRAP_PWRITE, EIO, "/spool: "));
	run.fault = NULL;
	stop_anywhere("backup @copy", WRAP_OPENAT, "stopped: run it again to finish\n");
	expect("backup @copy", 0, ": whole\n", NULL);
}

TEST(cursors_that_cannot_be_adopted)
{
	put("a");
	stop();
	save_cursor("bad", position_after(1));
	spooldir_write(&s.d, ".hookspool/cursors/bad", HS_SLICE("nothing\n"));
	expect("adopt", 1, "cursor bad\n  damaged\n", NULL);
	expect("adopt --from 1h", 0, "cursor bad\n  did not fit: set to", NULL);
	expect("adopt --from soon", 2, NULL, "--from soon: expected ");
}

TEST(a_cursor_that_is_in_use_is_not_adopted)
{
	struct hs_opened_spool o;
	struct hs_cursor *cursor;
	int64_t holder;
	bool fresh;

	put("a");
	stop();
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_cursor_open(&o.dir, "held", &cursor, &fresh, &holder), HS_OK);
	assert_result(hs_cursor_save(cursor, (struct hs_position){ .number = 1 }), HS_OK);
	hs_spool_dir_close(&o); /* as a consumer that has not opened it again yet */
	expect("adopt", 1, "cursor held\n  in use: stop its consumer\n", NULL);
	hs_cursor_close(cursor);
}

TEST(adoption_without_memory)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_CALLOC, WRAP_REALLOC };
	int code;

	seal("a");
	stop();
	for (size_t i = 0; i < 3; i++) {
		failing.call = calls[i];
		run.fault = fail_one;
		for (failing.nth = 1; failing.nth < 40; failing.nth++) {
			code = command("adopt");
			assert_true(code == 0 || ((code == EX_OSERR || code == EX_CONFIG) && run.err[0] != '\0'));
		}
	}
}

/* --- passwd, docs, help ------------------------------------------------------------------------ */

/* A peer that ends its connection before it has read all. */
TEST(a_password_that_is_cut_is_not_taken)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[0], "unread", 6), 6);
	assert_int_equal(write(pair[1], "correct horse battery", 21), 21);
	close(pair[1]);
	run.input = pair[0];
	expect("passwd", EX_DATAERR, NULL, "there is no password on standard input\n");
	close(pair[0]);
}

TEST(tables_are_printed_for_manuals_and_for_bash)
{
	expect("docs options probe", 0,
	       ".It Fl i , Fl -in Ar DIR\n\\&.a \\e leads\n.It Fl -one Ar a|b\n\\&'quoted'\n.El\n", NULL);
	expect("docs options docs", 2, NULL, "usage: hookspool docs ");
	expect("docs options nothing", 2, NULL, "usage: hookspool docs ");
	expect("docs options", 2, NULL, "usage: hookspool docs ");
	expect("docs other probe", 2, NULL, "usage: hookspool docs ");
	expect("docs completion", 0, "\t'probe --in' | 'probe -i') kind=-d ;;\n\t'probe --one') words='a|b' ;;\n",
	       NULL);
	expect("docs results", 0, ".It 400 ", NULL);
	expect("help probe", 0, "usage: hookspool probe [--in DIR] [--one a|b]\n\n  -i, --in DIR", NULL);
}

TESTS("commands_admin", start, finish)
