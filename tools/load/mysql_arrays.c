/*
 * One statement inserts all rows of a call: INSERT … VALUES (?, …) ON DUPLICATE KEY UPDATE `id` = `id`, with an array
 * of values for each ?. A value that all rows share, such as their uuid_ts, is in the text of the statement, so that
 * neither side handles it row by row.
 */
#include "tools/load/mysql_arrays.h"
#include "tools/load/sql_text.h"

#include <stdlib.h>
#include <string.h>

enum {
	SHARED_BYTES = 256, /* of a value that all rows share, to be in the text of the statement */
	TIME_MICROS = 27    /* length of a time with microseconds */
};

static enum hs_column_type type_at(const struct hs_target_rows *rows, size_t i)
{
	return rows->table->column[rows->column[i]].type;
}

/* The arrays of a statement: `rows` of each, one column after another, but for columns whose value all rows share. */
struct arrays {
	bool *shared; /* by columns of the rows */
	size_t bound; /* columns that are not shared */
	MYSQL_BIND *bind;
	const void **value;
	unsigned long *length;
	char *indicator;
	MYSQL_TIME *time; /* what the values of columns of times point to */
};

static void free_arrays(struct arrays *a)
{
	free(a->shared);
	free(a->bind);
	free((void *)a->value);
	free(a->length);
	free(a->indicator);
	free(a->time);
}

static unsigned digits(const char *p, int n)
{
	unsigned value = 0;

	while (n-- > 0)
		value = value * 10 + (unsigned)(*p++ - '0');
	return value;
}

/* A time of hs_value_text, with three digits of a second or with six. */
static MYSQL_TIME to_time(struct hs_slice text)
{
	bool has_micros = text.n == TIME_MICROS;
	const char *p = text.p;

	return (MYSQL_TIME){ .year = digits(p, 4),
		             .month = digits(p + 5, 2),
		             .day = digits(p + 8, 2),
		             .hour = digits(p + 11, 2),
		             .minute = digits(p + 14, 2),
		             .second = digits(p + 17, 2),
		             .second_part = has_micros ? digits(p + 20, 6) : digits(p + 20, 3) * 1000,
		             .time_type = MYSQL_TIMESTAMP_DATETIME };
}

/* A value that is the same in all rows. Never the id, so that an array is left. */
static bool is_shared(const struct hs_target_rows *rows, size_t c)
{
	const struct hs_slice *value = rows->value + c;

	if (rows->rows == 1 || value->n > SHARED_BYTES || strcmp(rows->table->column[rows->column[c]].name, "id") == 0)
		return false;
	for (size_t row = 1; row < rows->rows; row++) {
		const struct hs_slice *other = value + row * rows->columns;

		if ((other->p == NULL) != (value->p == NULL) || !hs_slice_eq(*other, *value))
			return false;
	}
	return true;
}

static size_t times_of(const struct hs_target_rows *rows)
{
	size_t n = 0;

	for (size_t c = 0; c < rows->columns; c++)
		n += type_at(rows, c) == HS_COLUMN_TIMESTAMP;
	return n * rows->rows;
}

/* The values of column c, the next to be bound; those of times at `time`. */
static void fill_column(struct arrays *a, const struct hs_target_rows *rows, size_t c, MYSQL_TIME *time)
{
	enum hs_column_type type = type_at(rows, c);

	for (size_t row = 0; row < rows->rows; row++) {
		struct hs_slice value = rows->value[row * rows->columns + c];
		size_t i = a->bound * rows->rows + row;

		a->indicator[i] = value.p == NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
		if (type == HS_COLUMN_TIMESTAMP && value.p != NULL) {
			time[row] = to_time(value);
			a->value[i] = &time[row];
			continue;
		}
		value = hs_mysql_to_column(type, value);
		a->value[i] = value.p;
		a->length[i] = value.n;
	}
}

/*
 * Times go as times, which the server need not parse, and all else as bytes, which it need not count the characters of:
 * a text has those of its column, and the others are ASCII.
 */
static bool make_arrays(struct arrays *a, const struct hs_target_rows *rows)
{
	size_t n = rows->rows * rows->columns, times = 0;

	*a = (struct arrays){ .shared = calloc(rows->columns, sizeof *a->shared),
		              .bind = calloc(rows->columns, sizeof *a->bind),
		              .value = calloc(n, sizeof *a->value),
		              .length = calloc(n, sizeof *a->length),
		              .indicator = calloc(n, 1),
		              .time = calloc(times_of(rows) + 1, sizeof *a->time) };
	if (a->shared == NULL || a->bind == NULL || a->value == NULL || a->length == NULL || a->indicator == NULL ||
	    a->time == NULL)
		return false;
	for (size_t c = 0; c < rows->columns; c++) {
		bool is_time = type_at(rows, c) == HS_COLUMN_TIMESTAMP;
		size_t first = a->bound * rows->rows;

		a->shared[c] = is_shared(rows, c);
		if (a->shared[c])
			continue;
		fill_column(a, rows, c, a->time + times);
		times += is_time ? rows->rows : 0;
		a->bind[a->bound++] = (MYSQL_BIND){ .buffer_type = is_time ? MYSQL_TYPE_DATETIME : MYSQL_TYPE_BLOB,
			                            .buffer = (void *)&a->value[first],
			                            .length = &a->length[first],
			                            .u.indicator = &a->indicator[first] };
	}
	return true;
}

static enum hs_target_result statement_error(struct hs_mysql *m, MYSQL_STMT *statement)
{
	return hs_mysql_error(m, mysql_stmt_errno(statement), mysql_stmt_error(statement));
}

static void put_shared(struct hs_mysql *m, enum hs_column_type type, struct hs_slice value)
{
	if (value.p == NULL) {
		hs_buf_put_slice(&m->sql, HS_SLICE("NULL"));
		return;
	}
	if (type == HS_COLUMN_TIMESTAMP) /* which the server parses once */
		hs_buf_put_slice(&m->sql, HS_SLICE("TIMESTAMP"));
	hs_mysql_put_text(m, hs_mysql_to_column(type, value));
}

/* INSERT … VALUES (?, 'shared', TIMESTAMP'shared', …). False: out of memory. */
static bool put_statement(struct hs_mysql *m, const struct hs_target_rows *rows, const struct arrays *a)
{
	hs_buf_reset(&m->sql);
	hs_sql_put_insert(&m->sql, rows, '`');
	for (size_t c = 0; c < rows->columns; c++) {
		hs_buf_put_slice(&m->sql, c == 0 ? HS_SLICE(" VALUES (") : HS_SLICE(", "));
		if (a->shared[c])
			put_shared(m, type_at(rows, c), rows->value[c]);
		else
			hs_buf_putc(&m->sql, '?');
	}
	hs_buf_put_slice(&m->sql, HS_SLICE(") ON DUPLICATE KEY UPDATE `id` = `id`"));
	return hs_buf_ok(&m->sql);
}

enum hs_target_result hs_mysql_insert_arrays(struct hs_mysql *m, const struct hs_target_rows *rows)
{
	MYSQL_STMT *statement = mysql_stmt_init(m->my);
	unsigned n = (unsigned)rows->rows;
	enum hs_target_result result = HS_TARGET_OK;
	struct arrays arrays = { 0 };

	if (statement == NULL || !make_arrays(&arrays, rows) || !put_statement(m, rows, &arrays))
		result = hs_mysql_no_memory(m);
	else if (mysql_stmt_prepare(statement, m->sql.p, m->sql.n) != 0 ||
	         mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &n) != 0 ||
	         mysql_stmt_bind_param(statement, arrays.bind) != 0 || mysql_stmt_execute(statement) != 0)
		result = statement_error(m, statement);
	else
		m->target.inserted = mysql_stmt_affected_rows(statement);
	if (statement != NULL)
		mysql_stmt_close(statement);
	free_arrays(&arrays);
	return result;
}
