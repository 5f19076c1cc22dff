/*
 * target_sqlite: tables as anybody may have made them; what its errors mean; numbers; and that a catalogue that could
 * not be read whole is an error, whatever memory fails.
 */
#include "tests/lib/every_fault.h"
#include "tests/lib/sqlite_file.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/load/sqlite_session.h"

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

/* --- SQLite's own memory ----------------------------------------------------------------- */

static sqlite3_mem_methods memory;
static unsigned fail_in; /* the n-th time that SQLite asks for memory it gets none, counted down; 0: it does */

static bool fails(void)
{
	return fail_in > 0 && --fail_in == 0;
}

static void *give(int n)
{
	return fails() ? NULL : memory.xMalloc(n);
}

static void *give_more(void *p, int n)
{
	return fails() ? NULL : memory.xRealloc(p, n);
}

FIXTURE(take_over_memory)
{
	sqlite3_mem_methods own;

	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), SQLITE_OK);
	own = memory;
	own.xMalloc = give;
	own.xRealloc = give_more;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &own), SQLITE_OK);
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
	return 0;
}

TEST_WITH(before_all_others_memory_is_taken_over, take_over_memory, NULL)
{
}

/* --- the catalogue ------------------------------------------------------------------------- */

static const char strange[] =
    "CREATE TABLE tracks (id TEXT PRIMARY KEY, at TIMESTAMP, ok BOOL, n BIGINT, d DOUBLE, c VARCHAR(9), b BLOB,"
    " g TEXT GENERATED ALWAYS AS (c || 'x') VIRTUAL);"
    "CREATE TABLE nocase (id TEXT COLLATE NOCASE PRIMARY KEY);"
    "CREATE TABLE two (id TEXT, n INT, UNIQUE (id, n), UNIQUE (n));"
    "CREATE TABLE pair (n INT, id TEXT, UNIQUE (n, id));"
    "CREATE TABLE some (id TEXT, n INT); CREATE UNIQUE INDEX a ON some (id) WHERE n > 0;"
    "CREATE TABLE sum (id TEXT); CREATE UNIQUE INDEX e ON sum (id || 'x');"
    "CREATE TABLE Late (id TEXT, n INT); CREATE INDEX s ON Late (n); CREATE UNIQUE INDEX u ON Late (id);"
    "CREATE VIEW seen AS SELECT * FROM tracks;";

static const char seen[] =
    "tracks: unique id, id text, at timestamp, ok boolean, n number, d double, c text, b -, g -\n"
    "nocase: other, id text\n"
    "two: other, id text, n number\n"
    "pair: other, n number, id text\n"
    "some: other, id text, n number\n"
    "a is taken\n"
    "sum: other, id text\n"
    "e is taken\n"
    "late: unique id, id text, n number\n"
    "s is taken\n"
    "u is taken\n"
    "seen is taken\n";

static struct hs_buf found;

static const char *word(const struct hs_target_column *column)
{
	static const char *const words[] = {
		[HS_COLUMN_BOOLEAN] = "boolean", [HS_COLUMN_NUMBER] = "number", [HS_COLUMN_TIMESTAMP] = "timestamp",
		[HS_COLUMN_TEXT] = "text",       [HS_COLUMN_FOREIGN] = "-",
	};

	return column->numbers == HS_NUMBER_DOUBLE ? "double" : words[column->type];
}

static bool note(void *context, const struct hs_target_table *table)
{
	(void)context;
	if (strncmp(table->name, "hookspool_", 10) == 0)
		return true;
	hs_buf_printf(&found, "%s%s", table->name, table->taken ? " is taken\n" : ":");
	if (table->taken)
		return true;
	hs_buf_printf(&found, "%s%s", table->unique_id ? " unique id" : "", table->other_unique ? " other" : "");
	for (size_t i = 0; i < table->columns; i++)
		hs_buf_printf(&found, ", %s %s", table->column[i].name, word(&table->column[i]));
	hs_buf_putc(&found, '\n');
	return hs_buf_ok(&found);
}

static enum hs_target_result read_all(void)
{
	enum hs_target_result result = file.target->ops->connect(file.target);

	hs_buf_reset(&found);
	if (result == HS_TARGET_OK)
		result = file.target->ops->tables(file.target, note, NULL);
	file.target->ops->disconnect(file.target);
	return result;
}

static void is_whole(void)
{
	assert_slice_equal(hs_buf_slice(&found), hs_slice_str(seen));
}

TEST(tables_of_others_are_seen_as_they_are)
{
	sqlite_file_renew(strange);
	assert_int_equal(read_all(), HS_TARGET_OK);
	is_whole();
}

static void renew(void)
{
	sqlite_file_renew(strange);
	file.target->look_only = true; /* so that nothing is written, which would take longer than all the rest */
}

static enum hs_result read_told(void)
{
	enum hs_target_result result = read_all();

	if (result == HS_TARGET_OK)
		return HS_OK;
	assert_int_equal(result, HS_TARGET_FULL);
	assert_string_equal(file.target->message, "out of memory");
	return HS_E_MEMORY;
}

/* A column or table that was passed over would keep a person's rows from an erase. */
TEST(catalogue_is_whole_or_an_error_when_memory_is_short)
{
	const struct job job = { .prepare = renew, .run = read_told, .is_done = is_whole, .each = 20 };

	hs_buf_reserve(&found, 4096);
	fail_each_of(FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC), &job);
}

TEST(catalogue_is_whole_or_an_error_when_sqlite_has_no_memory)
{
	bool is_reached = true;

	renew();
	for (unsigned nth = 1; is_reached; nth++) {
		enum hs_target_result result;

		assert_int_equal(file.target->ops->connect(file.target), HS_TARGET_OK);
		hs_buf_reset(&found);
		fail_in = nth;
		result = file.target->ops->tables(file.target, note, NULL);
		is_reached = fail_in == 0;
		fail_in = 0;
		if (result == HS_TARGET_OK)
			is_whole();
		else
			assert_int_equal(result, HS_TARGET_FULL);
		file.target->ops->disconnect(file.target);
	}
}

/* --- errors ---------------------------------------------------------------------------------- */

TEST(errors_mean_what_can_be_done_about_them)
{
	static const struct {
		const char *sql;
		enum hs_target_result result;
	} cases[] = {
		{ "SELECT 1", HS_TARGET_OK },
		{ "SELECT * FROM none", HS_TARGET_CATALOGUE },
		{ "SELECT none FROM t", HS_TARGET_CATALOGUE },
		{ "INSERT INTO t (none) VALUES (1)", HS_TARGET_CATALOGUE },
		{ "CREATE TABLE t (id)", HS_TARGET_CATALOGUE },
		{ "INSERT INTO t VALUES ('a', 1)", HS_TARGET_ROW },
		{ "INSERT INTO t VALUES ('b', 'x')", HS_TARGET_ROW },
		{ "INSERT INTO i VALUES ('x')", HS_TARGET_ROW },
		{ "SELECT zeroblob(2000000000)", HS_TARGET_ROW },
		{ "SELEKT", HS_TARGET_BROKEN },
	};
	static const struct {
		int code;
		enum hs_target_result result;
	} codes[] = {
		{ SQLITE_BUSY_SNAPSHOT, HS_TARGET_AGAIN }, { SQLITE_LOCKED, HS_TARGET_AGAIN },
		{ SQLITE_FULL, HS_TARGET_FULL },           { SQLITE_IOERR_WRITE, HS_TARGET_FULL },
		{ SQLITE_SCHEMA, HS_TARGET_CATALOGUE },    { SQLITE_PERM, HS_TARGET_DENIED },
		{ SQLITE_AUTH, HS_TARGET_DENIED },         { SQLITE_READONLY_DBMOVED, HS_TARGET_DENIED },
		{ SQLITE_CANTOPEN, HS_TARGET_DENIED },     { SQLITE_CORRUPT, HS_TARGET_UNFIT },
		{ SQLITE_MISUSE, HS_TARGET_BROKEN },
	};
	struct hs_sqlite *s;

	sqlite_file_renew("CREATE TABLE t (id TEXT PRIMARY KEY, n INT CHECK (typeof(n) = 'integer'));"
	                  "CREATE TABLE i (id INTEGER PRIMARY KEY); INSERT INTO t VALUES ('a', 1)");
	s = hs_sqlite_of(file.target);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		assert_int_equal(hs_sqlite_result(s, codes[i].code), codes[i].result); /* while nothing is open */
		assert_int_equal(strtol(file.target->state, NULL, 10), codes[i].code & 0xFF);
	}
	assert_int_equal(file.target->ops->connect(file.target), HS_TARGET_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (hs_sqlite_run(s, cases[i].sql) != cases[i].result)
			fail_msg("%s: %s", cases[i].sql, file.target->message);
}

/* --- numbers ----------------------------------------------------------------------------------- */

TEST(numbers_come_back_as_they_were_sent)
{
	static const char *const texts[] = { "0",
		                             "-0",
		                             "7",
		                             "-7.5",
		                             "0.1",
		                             "1234567890.1234",
		                             "9223372036854775807",
		                             "1e5",
		                             "-1.5e3",
		                             "1.5",
		                             "12345678901234567890",
		                             "123456789012345.5" };
	struct hs_target_column columns[] = { { .name = (char[]){ "id" }, .type = HS_COLUMN_TEXT },
		                              { .name = (char[]){ "n" }, .type = HS_COLUMN_NUMBER } };
	struct hs_target_table table = { .name = (char[]){ "t" }, .column = columns, .columns = 2 };
	char sql[100];

	sqlite_file_renew("CREATE TABLE t (id TEXT PRIMARY KEY, n NUMERIC)");
	assert_int_equal(file.target->ops->connect(file.target), HS_TARGET_OK);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct hs_slice value[] = { hs_slice_str(texts[i]), hs_slice_str(texts[i]) };
		struct hs_target_rows row = {
			.table = &table, .column = (const size_t[]){ 0, 1 }, .columns = 2, .rows = 1, .value = value
		};

		assert_int_equal(file.target->ops->insert(file.target, &row), HS_TARGET_OK);
		snprintf(sql, sizeof sql, "SELECT n = %s, typeof(n) FROM t WHERE id = '%s'", texts[i], texts[i]);
		assert_asked(sql, strpbrk(texts[i], ".") != NULL && strpbrk(texts[i], "e") == NULL ? "1|real\n"
		                  : strlen(texts[i]) == 20                                         ? "1|real\n"
		                                                                                   : "1|integer\n");
	}
}

FIXTURE(end)
{
	fail_each_tell();
	wrap_reset();
	hs_buf_free(&found);
	return sqlite_file_end(state);
}

TESTS("target_sqlite", sqlite_file_begin, end)
