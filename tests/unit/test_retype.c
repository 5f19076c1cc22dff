/*
 * retype: values that others wrote into _rest; what an earlier run left; pages; failures of the database and of memory:
 * no value is lost.
 */
#include "tests/lib/every_fault.h"
#include "tests/lib/sqlite_file.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/load/retype.h"

#include <sysexits.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

static const char *said; /* by the last run */

static int retype(const char *what)
{
	int code;

	said_begin(HS_LOG_WARN);
	code = hs_retype(file.target, file.config, what);
	said = said_end();
	return code;
}

/* --- values ---------------------------------------------------------------------------- */

/* A table with a column n has one row: its values before and after. */
static void expect(const char *type, const char *value, const char *rest, const char *what, const char *after)
{
	char sql[400];

	snprintf(sql, sizeof sql,
	         "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n %s, _rest TEXT); INSERT INTO t VALUES ('m', %s, %s)",
	         type, value, rest);
	sqlite_file_renew(sql);
	assert_int_equal(retype(what), 0);
	assert_asked("SELECT typeof(n), n, _rest FROM t", after);
}

TEST(value_of_the_column_comes_home_from_a_rest_that_others_wrote)
{
	expect("TEXT", "NULL", "'{\"n\":\"5\",\"k\":7}'", "t.n=number", "integer|5|{\"k\":7}\n");
	expect("TEXT", "NULL", "'{\"k\":7,\"n\":\"\\\"a\\\\tb\\\"\"}'", "t.n=text", "text|a\tb|{\"k\":7}\n");
	expect("TEXT", "NULL", "'{\"n\":\"5\",\"a\":\"b\",\"k\":7}'", "t.n=number",
	       "integer|5|{\"a\":\"b\",\"k\":7}\n");
	/* no value as a loader writes it: it stays */
	expect("TEXT", "NULL", "'{\"n\":5}'", "t.n=number", "null|-|{\"n\":5}\n");
	expect("TEXT", "NULL", "'{\"n\":\"\\\"\",\"k\":[]}'", "t.n=number", "null|-|{\"n\":\"\\\"\",\"k\":[]}\n");
}

TEST(value_that_the_new_type_does_not_take_goes_to_rest_as_it_was_sent)
{
	expect("NUMERIC", "5", "NULL", "t.n=boolean", "null|-|{\"n\":\"5\"}\n");
	expect("TEXT", "'5'", "NULL", "t.n=boolean", "null|-|{\"n\":\"\\\"5\\\"\"}\n");
	expect("BOOLEAN", "1", "'{\"k\":7}'", "t.n=number", "null|-|{\"k\":7,\"n\":\"true\"}\n");
}

TEST(rest_that_is_no_object_stays_where_no_value_has_to_go_into_it)
{
	expect("TEXT", "NULL", "'[1]'", "t.n=number", "null|-|[1]\n");
	expect("TEXT", "NULL", "'{\"n'", "t.n=number", "null|-|{\"n\n");
	sqlite_file_renew("CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n TEXT, _rest TEXT);"
	                  "INSERT INTO t VALUES ('m', '5', '[1]')");
	assert_int_equal(retype("t.n=number"), EX_IOERR);
	assert_non_null(strstr(said, "the _rest of the row with the id m cannot be read"));
	assert_asked("SELECT typeof(n), n, _rest FROM t", "text|5|[1]\n");
}

/* A database whose statements commit by themselves leaves rows that have their new value, and no old one any more. */
TEST(rows_that_an_earlier_run_has_changed_stay_as_they_are)
{
	sqlite_file_renew(
	    "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n TEXT, _rest TEXT, _retype NUMERIC);"
	    "INSERT INTO t VALUES ('a', '1', NULL, 1), ('b', NULL, '{\"k\":\"1\"}', 2), ('c', '3', NULL, NULL),"
	    " ('d', 'x', '{\"n\":\"\\\"x\\\"\"}', NULL), ('e', NULL, NULL, NULL)");
	assert_int_equal(retype("t.n=text"), 2);
	assert_non_null(strstr(said, "finish that one first"));
	assert_int_equal(retype("t.n=number"), 0);
	assert_asked("SELECT id, n, _rest FROM t ORDER BY id",
	             "a|1|-\nb|2|{\"k\":\"1\"}\nc|3|-\nd|-|{\"n\":\"\\\"x\\\"\"}\ne|-|-\n");
}

TEST(all_rows_are_changed_whatever_their_number_and_length)
{
	sqlite_file_renew(
	    "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n TEXT);"
	    "WITH RECURSIVE i (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 2000)"
	    "INSERT INTO t SELECT printf('%04d', i), CASE WHEN i < 4 THEN printf('%.2500000c', 'x') ELSE i END FROM i");
	assert_int_equal(retype("t.n=number"), 0);
	assert_asked("SELECT count(*), count(n), sum(n), sum(length(_rest)) FROM t", "2000|1997|2000994|7500036\n");
	assert_int_equal(retype("t.n=text"), 0);
	assert_asked("SELECT count(*), sum(length(n)), count(_rest) FROM t", "2000|7506890|0\n");
}

TEST(columns_that_the_loader_needs_and_tables_without_an_id_are_refused)
{
	static const char *const refused[][2] = {
		{ "none.n=text", "there is no such table" },
		{ "t.none=text", "the table has no such column, or no id" },
		{ "without.n=text", "the table has no such column, or no id" },
		{ "t.id=number", "the loader needs this column as it is" },
		{ "t._retype=text", "the loader needs this column as it is" },
		{ "t.user_id=number", "the loader needs this column as it is" },
		{ "t.blob=text", "change it by SQL" },
	};

	sqlite_file_renew(
	    "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n TEXT, user_id TEXT, blob BLOB, _retype TEXT);"
	    "CREATE TABLE without (n TEXT, m TEXT)");
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(retype(refused[i][0]), 2);
		assert_non_null(strstr(said, refused[i][1]));
	}
	assert_asked("SELECT count(*) FROM pragma_table_info('t')", "5\n");
}

/* --- failures ------------------------------------------------------------------------------ */

static enum hs_target_result fails_with; /* … a call, if it is to fail … */
static unsigned fail_in;                 /* … the n-th time */

static bool fails(void)
{
	return fail_in > 0 && --fail_in == 0;
}

static enum hs_target_result failed(struct hs_target *t)
{
	snprintf(t->message, sizeof t->message, "made to fail");
	return fails_with;
}

static enum hs_target_result connect_to(struct hs_target *t)
{
	return fails() ? failed(t) : file.real->connect(t);
}

static enum hs_target_result tables(struct hs_target *t, bool (*each)(void *, const struct hs_target_table *),
                                    void *context)
{
	return fails() ? failed(t) : file.real->tables(t, each, context);
}

static enum hs_target_result add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                         size_t columns)
{
	return fails() ? failed(t) : file.real->add_columns(t, table, column, columns);
}

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	return fails() ? failed(t) : file.real->begin(t, at);
}

static enum hs_target_result scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                  size_t columns, struct hs_slice after, size_t rows,
                                  bool (*each)(void *, const struct hs_slice *), void *context)
{
	return fails() ? failed(t) : file.real->scan(t, table, column, columns, after, rows, each, context);
}

static enum hs_target_result update(struct hs_target *t, const struct hs_target_rows *row)
{
	return fails() ? failed(t) : file.real->update(t, row);
}

static const char failing[] = "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n TEXT);"
			      "INSERT INTO t VALUES ('a', '1'), ('b', 'x'), ('c', NULL)";

/* The n-th of these calls fails: what the table has stays, and another run does the rest. */
static void expect_failure(unsigned nth, enum hs_target_result with, int code)
{
	fails_with = with;
	fail_in = nth;
	assert_int_equal(retype("t.n=number"), code);
	assert_non_null(strstr(said, "made to fail"));
	if (code != 0)
		assert_asked("SELECT n FROM t ORDER BY id", "1\nx\n-\n");
	assert_int_equal(retype("t.n=number"), 0);
	assert_asked("SELECT typeof(n), _rest FROM t ORDER BY id", "integer|-\nnull|{\"n\":\"\\\"x\\\"\"}\nnull|-\n");
}

TEST(failure_of_any_call_leaves_the_table_as_it_is_and_is_told_by_the_exit_code)
{
	sqlite_file_renew(failing);
	file.ops.connect = connect_to;
	expect_failure(1, HS_TARGET_AWAY, EX_UNAVAILABLE);
	sqlite_file_renew(failing);
	file.ops.tables = tables;
	expect_failure(1, HS_TARGET_DENIED, EX_NOPERM);
	sqlite_file_renew(failing);
	file.ops.tables = tables; /* after _rest was added */
	expect_failure(2, HS_TARGET_FULL, EX_IOERR);
	sqlite_file_renew(failing);
	file.ops.add_columns = add_columns;
	expect_failure(1, HS_TARGET_DENIED, EX_NOPERM);
	sqlite_file_renew(failing);
	file.ops.begin = begin;
	expect_failure(1, HS_TARGET_AWAY, EX_UNAVAILABLE);
	sqlite_file_renew(failing);
	file.ops.scan = scan; /* in the transaction */
	expect_failure(2, HS_TARGET_AWAY, EX_UNAVAILABLE);
	sqlite_file_renew(failing);
	file.ops.update = update;
	expect_failure(1, HS_TARGET_FULL, EX_IOERR);
}

TEST(lock_that_somebody_else_holds_for_a_moment_is_waited_for)
{
	sqlite_file_renew(failing);
	file.ops.update = update;
	expect_failure(1, HS_TARGET_AGAIN, 0);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void make_rows(void)
{
	sqlite_file_renew("CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n TEXT, _rest TEXT);"
	                  "INSERT INTO t VALUES ('a', '1', NULL), ('b', printf('x%.300c', 'x'), '{\"k\":\"1\"}'), "
	                  "('c', NULL, '{\"n\":\"1234\",\"k\":7}'), ('d', printf('x%.3000c', 'x'), NULL)");
}

static enum hs_result run_without_memory(void)
{
	return retype("t.n=number") == 0 ? HS_OK : HS_E_MEMORY;
}

static void rows_are_whole(void)
{
	assert_asked("SELECT id, n, length(_rest), substr(_rest, 1, 12) FROM t ORDER BY id",
	             "a|1|-|-\nb|-|321|{\"k\":\"1\",\"n\"\nc|1234|7|{\"k\":7}\nd|-|3013|{\"n\":\"\\\"xxxx\n");
}

TEST(without_memory_for_a_moment_no_value_is_lost)
{
	const struct job job = {
		.prepare = make_rows, .run = run_without_memory, .is_done = rows_are_whole, .each = 8
	};

	fail_each_of(FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC), &job);
}

/* No copy of long values, in a column and in _rest, can be made, while there is memory for all that is short. */
TEST(without_memory_for_long_values_none_is_lost)
{
	enum { LONG = 100000 };

	sqlite_file_renew(
	    "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n NUMERIC, m TEXT, _rest TEXT); INSERT INTO t VALUES "
	    "('a', NULL, printf('%.100000c', 'x'), NULL), ('b', NULL, NULL, '{\"n\":\"\\\"' || "
	    "printf('%.100000c', 'x') || '\\\"\"}')");
	for (size_t most = 1000; most < 3 * LONG; most += most / 2) {
		wrap_memory(most);
		if (retype("t.n=text") == EX_IOERR)
			assert_non_null(strstr(said, "out of memory"));
		if (retype("t.m=number") == EX_IOERR)
			assert_non_null(strstr(said, "out of memory"));
		wrap_reset();
		assert_asked("SELECT sum(coalesce(length(n), 0) + coalesce(length(m), 0) + coalesce(length(_rest), 0)) "
		             "> 200000 FROM t",
		             "1\n");
	}
	assert_int_equal(retype("t.n=text"), 0);
	assert_int_equal(retype("t.m=number"), 0);
	assert_asked("SELECT id, length(n), length(m), length(_rest) FROM t", "a|-|-|100012\nb|100000|-|-\n");
}

FIXTURE(end)
{
	fail_each_tell();
	wrap_reset();
	return sqlite_file_end(state);
}

TESTS("retype", sqlite_file_begin, end)
