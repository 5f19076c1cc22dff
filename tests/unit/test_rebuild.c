/* rebuild: rows are made anew, however many they are, whatever others have made of the tables; and failures. */
#include "tests/lib/every_fault.h"
#include "tests/lib/sqlite_file.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/load/rebuild.h"

#include <sysexits.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

static const char *said; /* by the last run */

static int rebuild(const char *table)
{
	static const struct hs_catalogue_options options = { .prefix = "", .columns_max = 180, .tables_max = 500 };
	int code;

	said_begin(HS_LOG_WARN);
	code = hs_rebuild(file.target, file.config, &options, table);
	said = said_end();
	return code;
}

#define IDENTIFIES \
	"CREATE TABLE identifies (id TEXT NOT NULL PRIMARY KEY, user_id TEXT, received_at TIMESTAMP TEXT, email " \
	"TEXT, " \
	"_rest TEXT);"
#define USERS "CREATE TABLE users (id TEXT NOT NULL PRIMARY KEY, email TEXT, _rest TEXT, _as_of TEXT);"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* --- tables --------------------------------------------------------------------------- */

TEST(database_without_identifies_has_no_rows_to_make)
{
	sqlite_file_renew("");
	assert_int_equal(rebuild("users"), 0);
	assert_non_null(strstr(said, "0 rows of users were made anew"));
	assert_int_equal(rebuild("accounts"), 0);
	assert_non_null(strstr(said, "0 rows of accounts were made anew"));
	assert_asked("SELECT count(*) FROM sqlite_schema WHERE name IN ('users', 'accounts')", "0\n");
}

TEST(rows_stay_where_no_table_or_column_tells_what_they_were_made_of)
{
	sqlite_file_renew(USERS "INSERT INTO users VALUES ('u', 'e', NULL, NULL)");
	assert_int_equal(rebuild("users"), 0);
	assert_asked("SELECT id, email FROM users", "u|e\n");
}

TEST(row_of_nobody_goes_and_that_of_a_hashed_id_stays)
{
	sqlite_file_renew(IDENTIFIES USERS
	                  "INSERT INTO identifies VALUES ('m', 'u', '2026-01-02T00:00:00.000Z', 'new', NULL);"
	                  "INSERT INTO users VALUES ('u', 'old', NULL, NULL), ('nobody', 'x', NULL, NULL), "
	                  "('sha256-" HASH "', 'y', NULL, NULL), ('shb256-" HASH "', 'z', NULL, NULL)");
	assert_int_equal(rebuild("users"), 0);
	assert_non_null(strstr(said, "1 rows of users were made anew"));
	assert_asked("SELECT id, email FROM users ORDER BY id", "sha256-" HASH "|y\nu|new\n");
}

TEST(everyone_is_found_a_page_after_the_other)
{
	sqlite_file_renew(IDENTIFIES USERS
	                  "WITH RECURSIVE i (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1000)"
	                  "INSERT INTO identifies SELECT 'm' || i, 'u' || i, '2026-01-02T00:00:00.000Z', "
	                  "'e' || i, NULL FROM i;"
	                  "INSERT INTO users SELECT 'x' || user_id, email, NULL, NULL FROM identifies");
	assert_int_equal(rebuild("users"), 0);
	assert_non_null(strstr(said, "1000 rows of users were made anew"));
	assert_asked("SELECT count(*), count(DISTINCT email), min(id) FROM users", "1000|1000|u1\n");
}

/* --- failures ----------------------------------------------------------------------------- */

static enum hs_target_result fails_with; /* … a call, if it is to fail … */
static unsigned fail_in;                 /* … the n-th time */

static bool fails(struct hs_target *t)
{
	if (fail_in == 0 || --fail_in > 0)
		return false;
	snprintf(t->message, sizeof t->message, "made to fail");
	return true;
}

static enum hs_target_result connect_to(struct hs_target *t)
{
	return fails(t) ? fails_with : file.real->connect(t);
}

static enum hs_target_result tables(struct hs_target *t, bool (*each)(void *, const struct hs_target_table *),
                                    void *context)
{
	return fails(t) ? fails_with : file.real->tables(t, each, context);
}

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	return fails(t) ? fails_with : file.real->begin(t, at);
}

static enum hs_target_result insert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return fails(t) ? fails_with : file.real->insert(t, rows);
}

static enum hs_target_result select_rows(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, const struct hs_target_where *where,
                                         bool (*each)(void *, const struct hs_slice *), void *context)
{
	return fails(t) ? fails_with : file.real->select(t, table, column, columns, where, each, context);
}

static enum hs_target_result scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                  size_t columns, struct hs_slice after, size_t rows,
                                  bool (*each)(void *, const struct hs_slice *), void *context)
{
	return fails(t) ? fails_with : file.real->scan(t, table, column, columns, after, rows, each, context);
}

static enum hs_target_result commit(struct hs_target *t)
{
	return fails(t) ? fails_with : file.real->commit(t);
}

/* Somebody else adds a column to users within the transaction, which is the first time. */
static enum hs_target_result change_and_begin(struct hs_target *t, struct hs_target_position *at)
{
	if (fail_in > 0 && --fail_in == 0)
		sqlite_file_run("ALTER TABLE users ADD COLUMN theirs TEXT");
	return file.real->begin(t, at);
}

static void two_people(void)
{
	sqlite_file_renew(IDENTIFIES USERS
	                  "INSERT INTO identifies VALUES ('m', 'u', '2026-01-02T00:00:00.000Z', 'e', NULL),"
	                  " ('n', 'v', '2026-01-02T00:00:00.000Z', NULL, '{\"email\":\"1\",\"k\":7}');"
	                  "INSERT INTO users VALUES ('nobody', 'x', NULL, NULL)");
}

static void they_have_rows(void)
{
	assert_asked("SELECT id, email, _rest FROM users ORDER BY id", "u|e|-\nv|-|{\"email\":\"1\",\"k\":7}\n");
}

/* The n-th of the calls that were replaced fails; another run makes the rows. */
static void expect_failure(unsigned nth, enum hs_target_result with, int code)
{
	fails_with = with;
	fail_in = nth;
	assert_int_equal(rebuild("users"), code);
	assert_int_equal(fail_in, 0);
	assert_true(code == 0 || strstr(said, "made to fail") != NULL);
	if (code != 0)
		assert_int_equal(rebuild("users"), 0);
	they_have_rows();
}

TEST(failure_of_any_call_is_told_by_the_exit_code)
{
	two_people();
	file.ops.connect = connect_to;
	expect_failure(1, HS_TARGET_AWAY, EX_UNAVAILABLE);
	two_people();
	file.ops.tables = tables;
	expect_failure(1, HS_TARGET_FULL, EX_IOERR);
	two_people();
	file.ops.scan = scan;
	expect_failure(1, HS_TARGET_DENIED, EX_NOPERM);
	two_people();
	file.ops.begin = begin;
	expect_failure(1, HS_TARGET_AWAY, EX_UNAVAILABLE);
	two_people();
	file.ops.insert = insert; /* the second one in the page */
	expect_failure(2, HS_TARGET_AWAY, EX_UNAVAILABLE);
	two_people();
	file.ops.commit = commit;
	expect_failure(1, HS_TARGET_FULL, EX_IOERR);
	two_people();
	file.ops.begin = begin; /* for those who may have no rows */
	expect_failure(2, HS_TARGET_DENIED, EX_NOPERM);
}

TEST(look_for_the_rows_of_somebody_that_fails_removes_nobody)
{
	for (unsigned nth = 1; nth < 40; nth++) {
		two_people();
		file.ops.select = select_rows;
		fails_with = HS_TARGET_FULL;
		fail_in = nth;
		if (rebuild("users") == 0)
			break;
		fail_in = 0;
		assert_asked("SELECT count(*) FROM identifies, users WHERE users.id = 'nobody'", "2\n");
		assert_int_equal(rebuild("users"), 0);
		they_have_rows();
	}
	assert_true(fail_in > 0);
}

TEST(lock_or_change_by_somebody_else_is_waited_for_and_looked_at)
{
	two_people();
	file.ops.commit = commit;
	expect_failure(1, HS_TARGET_AGAIN, 0);
	two_people();
	file.ops.begin = begin;
	expect_failure(1, HS_TARGET_CATALOGUE, 0);
	two_people();
	file.ops.tables = tables;
	expect_failure(1, HS_TARGET_CATALOGUE, 0);
	two_people();
	file.ops.begin = change_and_begin;
	expect_failure(1, HS_TARGET_OK, 0);
}

static enum hs_result run_without_memory(void)
{
	return rebuild("users") == 0 ? HS_OK : HS_E_MEMORY;
}

TEST(without_memory_everyone_has_their_row_in_the_end)
{
	const struct job job = {
		.prepare = two_people, .run = run_without_memory, .is_done = they_have_rows, .each = 8
	};

	fail_each_of(FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC), &job);
}

FIXTURE(end)
{
	fail_each_tell();
	wrap_reset();
	return sqlite_file_end(state);
}

TESTS("rebuild", sqlite_file_begin, end)
