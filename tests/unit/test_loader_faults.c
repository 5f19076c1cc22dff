/*
 * loader_faults: when there is no memory for a moment, wherever that is, the loader tells so, and tries again or ends;
 * in the end each row is in the database once, and people's rows are those of a run without a fault.
 */
#include "base/buf.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/memory_target.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/load/batch.h"
#include "tools/load/loader.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MEMORY = FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC),
	EVERY = 100000,
	SOME = 40,
	FEW = 10
};

static const char *const types[] = { "*.n=number", NULL };

/* --- records -------------------------------------------------------------------------------- */

struct given {
	const char *type, *more;
};

/* Own tables and columns, more than there may be; values that do not fit; people, in order and late; an erasure. */
static const struct given ordinary[] = {
	{ "track", "\"event\":\"Bought\",\"user_id\":\"u1\",\"properties_a\":\"\\u0041b\",\"properties_n\":\"x\"" },
	{ "track", "\"event\":\"Bought\",\"properties_n\":7,\"properties_a\":{\"b\":[1]},\"properties_\\u00e9 x\":1" },
	{ "track", "\"event\":\"Other\",\"properties_orderId\":\"1\",\"properties_order_id\":\"2\"" },
	{ "track", "\"event\":\"Third\",\"properties_a\":1" },
	{ "track", "\"event\":\"bad\",\"properties_a\":\"refused\"" },
	{ "identify", "\"user_id\":\"u1\",\"timestamp\":\"2025-01-03T00:00:00Z\",\"traits_a\":1,\"traits_n\":2" },
	{ "identify", "\"user_id\":\"u2\",\"timestamp\":\"2025-01-03T00:00:00Z\",\"traits_a\":1" },
	{ "identify", "\"user_id\":\"u1\",\"timestamp\":\"2025-01-04T00:00:00Z\",\"traits_n\":\"x\\\"\\\\\"" },
	{ "identify", "\"user_id\":\"u1\",\"timestamp\":\"2025-01-02T00:00:00Z\",\"traits_b\":\"late\"" },
	{ "group", "\"group_id\":\"g1\",\"user_id\":\"u2\",\"traits_n\":\"x\"" },
	{ "identify", "\"user_id\":\"u2\",\"timestamp\":\"2025-01-05T00:00:00Z\",\"traits_c\":true" },
	{ "delete", "\"user_id\":\"u3\"" },
	{ "delete", "\"user_id\":\"u2\"" },
	{ "identify", "\"user_id\":\"u2\",\"timestamp\":\"2025-01-01T00:00:00Z\",\"traits_d\":\"after\"" },
};

static void put_record(struct hs_buf *line, const struct given *g, unsigned i)
{
	hs_buf_reset(line);
	hs_buf_printf(line, "{\"type\":\"%s\",\"message_id\":\"m%u\",\"spooled_at\":\"2026-01-02T00:00:00.%03uZ\",%s",
	              g->type, i, i, g->more);
	hs_buf_putc(line, '}');
	assert_true(hs_buf_ok(line));
}

enum { RECORDS_MAX = 200, MANY = 84 /* more than HS_KNOWN_ROWS */ };

static struct hs_buf record[RECORDS_MAX];
static unsigned records;

static void take(const struct given *given, unsigned n)
{
	for (records = 0; records < n; records++)
		put_record(&record[records], &given[records], records + 1);
}

/* Identifies of one user, so many that the loader notes which row each value is of. */
static void take_many(void)
{
	char more[160];

	for (records = 0; records < MANY; records++) {
		unsigned second = records * 37 % 60;

		snprintf(more, sizeof more,
		         "\"user_id\":\"u1\",\"timestamp\":\"2025-01-01T00:%02u:%02uZ\",\"traits_t%u\":%u",
		         59 - records / 2, second, records % 3, records);
		put_record(&record[records], &(struct given){ "identify", more }, records + 1);
	}
}

/* --- a run ----------------------------------------------------------------------------------- */

static struct memory_target *m;
static struct hs_target *target; /* of `m`, or a file of SQLite */
static char *right;              /* what a run without a fault has made */
static unsigned letters;
static size_t batch;

static enum hs_result refused(void *context, struct hs_slice line, struct hs_position after, const char *why)
{
	(void)context, (void)after;
	assert_true(line.n > 0);
	assert_string_equal(why, "row refused");
	letters++;
	return HS_OK;
}

static void make_target(void)
{
	if (m != NULL)
		memory_target_free(m);
	m = memory_target_new();
	m->refuse = "refused";
	target = &m->target;
	letters = 0;
}

/* Adds the record, after writing the batch if that is full. 0 or an exit code. */
static int add(struct hs_loader *l, uint64_t i)
{
	struct hs_position after = { .number = 1, .offset = i + 1 };
	int code = 0;

	while (!hs_loader_add(l, hs_buf_slice(&record[i]), after, &code)) {
		if (code == 0)
			code = hs_loader_flush(l);
		if (code != 0)
			return code;
	}
	return hs_loader_must_flush(l) ? hs_loader_flush(l) : 0;
}

/* Looks at the message of a wait: it is of this failure, or none, which patience.c tells as a want of memory. */
static bool told(void *context)
{
	(void)context;
	if (target->message[0] != '\0')
		assert_string_equal(target->message, "out of memory");
	return false;
}

static enum hs_result load(void)
{
	struct hs_loader_options options = {
		.catalogue = { .prefix = "", .columns_max = 16, .tables_max = 10, .types = types },
		.batch = batch,
		.wait_ms = 1,
		.spool = "s",
		.command = "test",
		.refused = refused,
		.stop = told,
	};
	struct hs_loader *l = hs_loader_new(&options, target);
	struct hs_target_position at;
	int code = l == NULL ? -1 : hs_loader_open(l, &at);

	if (code == 0)
		hs_loader_begin_at(l, &at);
	for (uint64_t i = at.offset; i < records && code == 0; i++)
		code = add(l, i);
	if (code == 0)
		code = hs_loader_flush(l);
	hs_loader_free(l);
	target->ops->disconnect(target); /* the next loader connects it anew */
	return code == 0 ? HS_OK : HS_E_MEMORY;
}

static void is_right(void)
{
	char *dump = memory_target_dump(m);

	assert_string_equal(dump, right);
	assert_int_equal(m->committed.at.offset, records);
	assert_int_equal(m->committed.at.records, records);
	free(dump);
}

static void fail_at_each(size_t records_of_batch, unsigned each)
{
	const struct job job = { .prepare = make_target, .run = load, .is_done = is_right, .each = each };

	batch = records_of_batch;
	make_target();
	assert_result(load(), HS_OK);
	right = memory_target_dump(m);
	assert_true(strlen(right) > 0);
	fail_each_of(MEMORY, &job);
}

FIXTURE(tidy)
{
	(void)state;
	fail_each_tell();
	wrap_reset();
	if (m != NULL)
		memory_target_free(m);
	m = NULL;
	free(right);
	right = NULL;
	for (unsigned i = 0; i < RECORDS_MAX; i++)
		hs_buf_free(&record[i]);
	return 0;
}

FIXTURE(nothing)
{
	(void)state;
	return 0;
}

TEST_WITH(without_memory_no_row_is_lost_or_doubled, nothing, tidy)
{
	take(ordinary, sizeof ordinary / sizeof *ordinary);
	fail_at_each(3, EVERY);
}

TEST_WITH(without_memory_late_identifies_of_a_known_person_are_not_mistaken, nothing, tidy)
{
	take_many();
	fail_at_each(20, SOME);
}

/* A line that is not copied, whose _rest is made in pieces: a number that is none, and columns beyond the limit. */
TEST_WITH(without_memory_a_long_record_has_its_row_once, nothing, tidy)
{
	enum { LONG = 3 << 20 };
	char *more = malloc(LONG + 200);
	struct given given = { "track", more };
	size_t n;

	assert_non_null(more);
	n = (size_t)snprintf(more, 200,
	                     "\"event\":\"Bought\",\"properties_a\":1,\"properties_b\":2,\"properties_c\":3,"
	                     "\"properties_d\":\"\\u0041\",\"properties_e\":[1],\"properties_n\":\"");
	memset(more + n, 'x', LONG);
	strcpy(more + n + LONG, "\"");
	take(&given, 1);
	free(more);
	fail_at_each(1, SOME);
}

/* --- a file of SQLite --------------------------------------------------------------------------- */

static char url[PATH_MAX + 16];

static void make_file(void)
{
	const char *why;

	hs_target_free(target);
	for (const char *const *name = (const char *const[]){ "w", "w-wal", "w-shm", NULL }; *name != NULL; name++)
		unlinkat(temp.fd, *name, 0);
	target = hs_target_new(url, &why);
	assert_non_null(target);
	target->name = "load";
	target->schema = target->prefix = "";
}

static bool count(void *context, const struct hs_slice *value)
{
	(void)value;
	++*(unsigned *)context;
	return true;
}

static unsigned rows_of(char *table)
{
	struct hs_target_column id = { .name = (char[]){ "id" }, .type = HS_COLUMN_TEXT };
	const struct hs_target_table of = { .name = table, .column = &id, .columns = 1 };
	unsigned rows = 0;

	assert_int_equal(target->ops->scan(target, &of, (const size_t[]){ 0 }, 1, HS_SLICE_NONE, 100, count, &rows), 0);
	return rows;
}

static void is_in_file(void)
{
	struct hs_target_position at;

	assert_int_equal(target->ops->connect(target), 0);
	assert_int_equal(target->ops->begin(target, &at), 0);
	assert_int_equal(at.offset, records);
	assert_int_equal(at.records, records);
	assert_int_equal(rows_of((char[]){ "tracks" }), 2);
	assert_int_equal(rows_of((char[]){ "bought" }), 2);
	assert_int_equal(rows_of((char[]){ "identifies" }), 2);
	assert_int_equal(rows_of((char[]){ "users" }), 1);
	target->ops->rollback(target);
	target->ops->disconnect(target);
}

TEST_WITH(without_memory_a_file_of_sqlite_has_each_row_once, temp_dir_begin, temp_dir_end)
{
	const struct given some[] = { ordinary[0], ordinary[1], ordinary[5], ordinary[8] };
	const struct job job = { .prepare = make_file, .run = load, .is_done = is_in_file, .each = FEW };

	(void)state;
	target = NULL;
	snprintf(url, sizeof url, "sqlite:%s/w", temp.d.path);
	take(some, sizeof some / sizeof *some);
	batch = 2;
	fail_each_of(MEMORY, &job);
	hs_target_free(target);
	target = NULL;
	tidy(NULL);
}

TESTS("loader_faults", NULL, NULL)
