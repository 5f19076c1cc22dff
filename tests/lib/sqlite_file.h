/*
 * sqlite_file: a spool without events, and a file of SQLite beside it that others have tables in, as a target of the
 * loader's commands. One call of the target can be made to fail.
 *
 *	sqlite_file_make("CREATE TABLE t (id TEXT PRIMARY KEY, n)");
 *	assert_int_equal(hs_retype(file.target, file.config, "t.n=number"), 0);
 *	assert_asked("SELECT n FROM t", "7\n");
 */
#ifndef HS_TEST_SQLITE_FILE_H
#define HS_TEST_SQLITE_FILE_H

#include "tests/lib/said.h"
#include "tests/lib/spooldir.h"
#include "tools/load/target.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static struct sqlite_file {
	struct spooldir d;
	char config[PATH_MAX], url[PATH_MAX], path[PATH_MAX];
	struct hs_target *target;
	struct hs_target_ops ops;         /* the target's, of which a test may replace some … */
	const struct hs_target_ops *real; /* … by calls of its own, which call these */
} file;

/* Runs statements in the file; returns what they select, "a|b" a line, without a limit; NULL is -. To be freed. */
static inline char *sqlite_file_ask(const char *sql)
{
	struct hs_buf rows = { 0 };
	sqlite3_stmt *statement;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file.path, &db), SQLITE_OK);
	for (int code = SQLITE_DONE; *sql != '\0'; assert_int_equal(code, SQLITE_DONE)) {
		if (sqlite3_prepare_v2(db, sql, -1, &statement, &sql) != SQLITE_OK)
			fail_msg("%s", sqlite3_errmsg(db));
		while ((code = sqlite3_step(statement)) == SQLITE_ROW)
			for (int i = 0, n = sqlite3_column_count(statement); i < n; i++) {
				const char *text = (const char *)sqlite3_column_text(statement, i);

				hs_buf_put_slice(&rows, hs_slice_str(text != NULL ? text : "-"));
				hs_buf_putc(&rows, i + 1 < n ? '|' : '\n');
			}
		sqlite3_finalize(statement);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	hs_buf_putc(&rows, '\0');
	assert_true(hs_buf_ok(&rows));
	return rows.p;
}

static inline void sqlite_file_run(const char *sql)
{
	free(sqlite_file_ask(sql));
}

#define assert_asked(sql, expected) \
	do { \
		char *got = sqlite_file_ask(sql); \
\
		assert_string_equal(got, expected); \
		free(got); \
	} while (0)

/* Puts a file with these tables in the place of the one that is there, and makes a target of it. */
static inline void sqlite_file_renew(const char *sql)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	const char *why;

	hs_target_free(file.target);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char path[PATH_MAX + 8];

		snprintf(path, sizeof path, "%s%s", file.path, ends[i]);
		unlink(path);
	}
	sqlite_file_run(sql);
	file.target = hs_target_new(file.url, &why);
	assert_non_null(file.target);
	file.target->name = "load";
	file.target->schema = file.target->prefix = "";
	file.real = file.target->ops;
	file.ops = *file.real;
	file.target->ops = &file.ops;
}

static inline int sqlite_file_begin(void **state)
{
	int fd;

	(void)state;
	memset(&file, 0, sizeof file);
	spooldir_make(&file.d, "");
	fd = spooldir_open(&file.d);
	assert_true(fd >= 0);
	close(fd);
	snprintf(file.path, sizeof file.path, "%s/w", file.d.above);
	snprintf(file.url, sizeof file.url, "sqlite:%s/w", file.d.above);
	spooldir_configure(&file.d, file.config, sizeof file.config);
	return 0;
}

static inline int sqlite_file_end(void **state)
{
	(void)state;
	hs_target_free(file.target);
	spooldir_remove(&file.d);
	return 0;
}

#endif
