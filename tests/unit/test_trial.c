/* trial: what hookspool check says of a database, and that what mends it is of that database. */
#include "tests/lib/memory_target.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/unit.h"
#include "tools/load/trial.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct memory_target *m;
static const struct hs_target_ops *real;
static struct hs_target_ops ops;
static char said[2000];

/* The exit code of a trial; what it says is in `said`. */
static int try(void)
{
	FILE *file = tmpfile();
	int saved, code;
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	code = hs_trial(&m->target, "load");
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	n = fread(said, 1, sizeof said - 1, file);
	said[n] = '\0';
	fclose(file);
	return code;
}

/* A database of this kind, with a table in which rows can be tried. */
static void renew(const char *kind, const char *url)
{
	if (m != NULL)
		memory_target_free(m);
	m = memory_target_new();
	real = m->target.ops;
	ops = *real;
	ops.name = kind;
	m->target.ops = &ops;
	m->target.url = url;
	m->target.schema = "shop";
	memory_target_make_table(m, "tracks", (const char *const[]){ "id", "user_id", "_rest", NULL });
}

FIXTURE(begin)
{
	m = NULL;
	return temp_dir_begin(state);
}

FIXTURE(end)
{
	memory_target_free(m);
	return temp_dir_end(state);
}

TEST(connection_over_a_network_without_a_check_of_the_certificate_is_warned_of)
{
	static const struct {
		const char *kind, *url, *remedy; /* NULL: there is no warning */
	} cases[] = {
		{ "postgresql", "postgresql://bob@db.example/w", "add ?sslmode=verify-full to the URL" },
		{ "postgresql", "postgres://db.example:5432/w?sslmode=require", "add ?sslmode=verify-full to the URL" },
		{ "postgresql", "postgresql://bob@db.example/w?sslmode=verify-full", NULL },
		{ "postgresql", "postgresql://localhost/w", NULL },
		{ "postgresql", "postgresql://bob@127.0.0.1/w", NULL },
		{ "postgresql", "postgresql://bob@[::1]/w", NULL },
		{ "postgresql", "postgresql://bob@[::1]:5432/w", NULL },
		{ "postgresql", "postgresql://bob@[2001:db8::1]/w", "add ?sslmode=verify-full to the URL" },
		{ "postgresql", "postgresql://Localhost:5432/w", NULL },
		{ "postgresql", "postgresql://localhost.example/w", "add ?sslmode=verify-full to the URL" },
		{ "postgresql", "postgresql://localhost:1,db.example/w", "add ?sslmode=verify-full to the URL" },
		{ "postgresql", "postgresql://127.example/w", "add ?sslmode=verify-full to the URL" },
		{ "postgresql", "postgresql:///w", NULL },
		{ "postgresql", "postgresql://bob@db.example/w?host=/run", NULL },
		{ "postgresql", "postgresql://x/w?service=shop", NULL },
		{ "mysql", "mysql://db.example/w?@", "add ?tls=verify to the URL" },
		{ "mysql", "mysql://bob@db.example/w?tls=verify", NULL },
		{ "mysql", "mysql://bob@db.example/w?socket=/run/my", NULL },
		{ "memory", "memory:", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		renew(cases[i].kind, cases[i].url);
		assert_int_equal(try(), 0);
		if (cases[i].remedy != NULL && strstr(said, cases[i].remedy) == NULL)
			fail_msg("%s: %s", cases[i].url, said);
		if (cases[i].remedy == NULL && strstr(said, "warn") != NULL)
			fail_msg("%s: %s", cases[i].url, said);
		assert_non_null(strstr(said, "ok\tload: can write rows; 1 tables\t\n"));
	}
}

TEST(right_that_is_missing_is_named_in_a_statement_of_that_database)
{
	static const struct {
		enum memory_call call;
		const char *kind, *url, *said;
	} cases[] = {
		{ MEMORY_BEGIN, "postgresql", "postgresql://bob@localhost/w",
		  "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA \"shop\" TO \"bob\"\n" },
		{ MEMORY_INSERT, "postgresql", "postgresql://localhost/w",
		  "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"shop\" TO \"USER\"\n" },
		{ MEMORY_SET_POSITION, "postgresql", "postgresql:", "ON ALL TABLES IN SCHEMA \"shop\" TO \"USER\"\n" },
		{ MEMORY_TABLES, "postgresql", "postgresql://bob@localhost/w",
		  "GRANT USAGE ON SCHEMA \"shop\" TO \"bob\"\n" },
		{ MEMORY_UPSERT, "mysql", "mysql://bob@localhost/w",
		  "GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON DATABASE.* TO 'bob'\n" },
		{ MEMORY_ERASE, "sqlite", "sqlite:/none/w", "chown the file and its folder" },
		{ MEMORY_CONNECT, "postgresql", "postgresql://bob@localhost/w", "made to fail\t\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		renew(cases[i].kind, cases[i].url);
		m->fail = cases[i].call;
		m->fail_in = 1;
		m->fail_with = HS_TARGET_DENIED;
		assert_int_equal(try(), 1);
		if (strncmp(said, "fail\tload: ", 11) != 0 || strstr(said, cases[i].said) == NULL)
			fail_msg("%s: %s", cases[i].url, said);
	}
}

TEST(server_that_is_away_and_a_lock_are_told)
{
	renew("mysql", "mysql://bob@localhost/w");
	m->fail = MEMORY_CONNECT;
	m->fail_in = 1;
	m->fail_with = HS_TARGET_AWAY;
	assert_int_equal(try(), 1);
	assert_non_null(strstr(said, "\tstart the server, or correct the URL in [load]\n"));
	renew("mysql", "mysql://bob@localhost/w");
	m->fail = MEMORY_BEGIN;
	m->fail_in = 1;
	m->fail_with = HS_TARGET_AGAIN;
	assert_int_equal(try(), 1);
	assert_non_null(
	    strstr(said, "warn\tload: the position: not tried, because a loader or somebody else holds the lock"));
	renew("mysql", "mysql://bob@localhost/w");
	m->fail = MEMORY_BEGIN;
	m->fail_in = 1;
	m->fail_with = HS_TARGET_BROKEN;
	assert_int_equal(try(), 1);
	assert_non_null(strstr(said, "made to fail\t\n"));
}

static enum hs_target_result erase_nothing(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                           struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone)
{
	(void)t, (void)table, (void)key, (void)value, (void)limits, (void)gone;
	return HS_TARGET_OK;
}

static enum hs_target_result connect_loudly(struct hs_target *t)
{
	snprintf(t->message, sizeof t->message, "two\nlines\t\x7F");
	return HS_TARGET_BROKEN;
}

TEST(row_that_does_not_stay_fails_and_a_message_is_one_line)
{
	renew("mysql", "mysql://bob@localhost/w");
	ops.erase = erase_nothing;
	assert_int_equal(try(), 1);
	assert_non_null(strstr(said, "a row that was written was not there"));
	renew("mysql", "mysql://bob@localhost/w");
	ops.connect = connect_loudly;
	assert_int_equal(try(), 1);
	assert_non_null(strstr(said, "two lines  \t\n"));
}

/* Where tables cannot be undone, only one that is there and can take the row is tried. */
TEST(rows_are_tried_where_they_harm_nobody)
{
	renew("mysql", "mysql://bob@localhost/w");
	m->table[0].other_unique = true;
	assert_int_equal(try(), 0);
	assert_non_null(strstr(said, "ok\tload: connected; 1 tables\t\n"));
	assert_int_equal(m->inserts, 0);
	memory_target_make_table(m, "numbers", (const char *const[]){ "id", NULL });
	memory_target_make_table(m, "names", (const char *const[]){ "user_id", NULL });
	memory_target_make_table(m, "keyless", (const char *const[]){ "id", "user_id", NULL });
	m->table[3].unique_id = false;
	memory_target_make_table(m, "seen", (const char *const[]){ "id", "user_id", NULL });
	m->table[4].taken = true;
	assert_int_equal(try(), 0);
	assert_int_equal(m->inserts, 0);
	memory_target_make_table(m, "fine", (const char *const[]){ "id", "user_id", NULL });
	memory_target_make_table(m, "finer", (const char *const[]){ "id", "user_id", NULL });
	assert_int_equal(try(), 0);
	assert_non_null(strstr(said, "ok\tload: can write rows; 6 tables\t\n"));
	assert_int_equal(m->inserts, 1);
	assert_int_equal(memory_target_rows(m, "fine"), 0);
	ops.ddl_rolls_back = true;
	assert_int_equal(try(), 0);
	assert_non_null(strstr(said, "ok\tload: can make tables and write rows; 6 tables\t\n"));
	m->fail = MEMORY_MAKE_TABLE;
	m->fail_in = 1;
	m->fail_with = HS_TARGET_DENIED;
	assert_int_equal(try(), 1);
	assert_non_null(strstr(said, "fail\tload: a new table: "));
}

TEST(table_of_ours_that_the_loader_cannot_use_is_told_and_those_of_others_are_not)
{
	renew("mysql", "mysql://bob@localhost/w");
	memory_target_make_table(m, "theirs", (const char *const[]){ "n", NULL });
	m->table[1].unique_id = false;
	assert_int_equal(try(), 0);
	memory_target_make_table(m, "users", (const char *const[]){ "id", NULL });
	m->table[2].taken = true;
	memory_target_make_table(m, "pages", (const char *const[]){ "id", NULL });
	m->table[3].unique_id = false; /* the first lack is told */
	assert_int_equal(try(), 1);
	assert_string_equal(said, "fail\tload: users is there, but is no table\trename it; or another prefix=\n");
	m->table[2].taken = false;
	ops.has_schemas = true;
	m->table[3].unique_id = true;
	m->table[0].column[1].type = HS_COLUMN_NUMBER;
	assert_int_equal(try(), 1);
	assert_string_equal(said,
	                    "fail\tload: tracks.user_id must be a text, or the rows of a person would not be found\t"
	                    "run: hookspool load with --retype tracks.user_id=text; or another schema= or prefix=\n");
}

TEST(file_that_everybody_can_read_is_warned_of)
{
	static const struct {
		mode_t folder, file;
		bool is_open;
	} modes[] = { { 0755, 0644, true }, { 0755, 0602, true }, { 0755, 0640, false }, { 0750, 0644, false } };
	char url[PATH_MAX + 16];

	snprintf(url, sizeof url, "sqlite:%s/w", temp.d.path);
	renew("sqlite", url);
	assert_int_equal(try(), 0); /* there is none */
	assert_null(strstr(said, "warn"));
	close(openat(temp.fd, "w", O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(fchmod(temp.fd, modes[i].folder), 0);
		assert_int_equal(fchmodat(temp.fd, "w", modes[i].file, 0), 0);
		assert_int_equal(try(), 0);
		assert_int_equal(strstr(said, "every user of this machine can read it") != NULL, modes[i].is_open);
		assert_int_equal(strstr(said, "\tchmod o-rw ") != NULL, modes[i].is_open);
	}
	assert_int_equal(fchmod(temp.fd, 0700), 0);
	m->target.url = "sqlite:there-is-no-such-file";
	assert_int_equal(try(), 0);
	assert_null(strstr(said, "warn"));
}

TESTS("trial", begin, end)
