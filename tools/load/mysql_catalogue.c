/*
 * Tables and columns of MariaDB: information_schema, CREATE TABLE and ALTER TABLE.
 *
 * A column is of a type that we know only if it returns what it took: DOUBLE, TINYINT(1), DATETIME(6), signed
 * integers for whole numbers, and text in utf8mb4. Any other one (DECIMAL rounds, CHAR drops blanks, a generated column
 * takes nothing) is FOREIGN.
 */
#include "base/hash.h"
#include "tools/load/mysql_session.h"
#include "tools/load/sql_text.h"

#include <mariadb/mysqld_error.h>
#include <stdlib.h>
#include <string.h>

/* --- what is there ----------------------------------------------------------------------- */

static bool is(struct hs_slice text, const char *word)
{
	return hs_slice_eq(text, hs_slice_str(word));
}

static bool ends_in(struct hs_slice text, const char *end)
{
	size_t n = strlen(end);

	return text.n >= n && memcmp(text.p + text.n - n, end, n) == 0;
}

/* The order of the values in the query of columns. */
enum { NAME, DATA_TYPE, COLUMN_TYPE, COLLATION, LENGTH, PRECISION, GENERATED };

/* The range of an integer column, which would round any other number; AS_DATABASE: it is none. */
static enum hs_number_range integers_of(const struct hs_slice *value)
{
	if (ends_in(value[COLUMN_TYPE], "unsigned") || ends_in(value[COLUMN_TYPE], "zerofill"))
		return HS_NUMBER_AS_DATABASE;
	if (is(value[DATA_TYPE], "bigint"))
		return HS_NUMBER_INTEGER_64;
	if (is(value[DATA_TYPE], "int"))
		return HS_NUMBER_INTEGER_32;
	if (is(value[DATA_TYPE], "mediumint") || is(value[DATA_TYPE], "smallint"))
		return HS_NUMBER_INTEGER_16;
	return HS_NUMBER_AS_DATABASE;
}

static enum hs_column_type type_of(const struct hs_slice *value)
{
	if (is(value[GENERATED], "1"))
		return HS_COLUMN_FOREIGN;
	if (is(value[COLUMN_TYPE], "double") || integers_of(value) != HS_NUMBER_AS_DATABASE)
		return HS_COLUMN_NUMBER;
	if (is(value[COLUMN_TYPE], "tinyint(1)"))
		return HS_COLUMN_BOOLEAN;
	if (is(value[DATA_TYPE], "datetime") && is(value[PRECISION], "6"))
		return HS_COLUMN_TIMESTAMP;
	if ((is(value[DATA_TYPE], "varchar") || ends_in(value[DATA_TYPE], "text")) && value[COLLATION].n > 8 &&
	    memcmp(value[COLLATION].p, "utf8mb4_", 8) == 0)
		return HS_COLUMN_TEXT;
	return HS_COLUMN_FOREIGN;
}

/* Whether a key with this collation compares bytes, blanks at the end included. */
static bool compares_bytes(struct hs_slice collation)
{
	return ends_in(collation, "_nopad_bin") || ends_in(collation, "_0900_bin");
}

struct table_read {
	struct hs_target_table table;
	bool exact_id; /* its id compares bytes */
};

static bool note_column(void *context, const struct hs_slice *value)
{
	struct table_read *read = context;
	enum hs_column_type type = type_of(value);
	size_t length = value[LENGTH].p != NULL ? (size_t)strtoull(value[LENGTH].p, NULL, 10) : 0;
	struct hs_target_column *column;

	if (!hs_target_add_column(&read->table, value[NAME], type))
		return false;
	column = &read->table.column[read->table.columns - 1];
	column->numbers = integers_of(value);
	if (type == HS_COLUMN_TEXT && length < UINT32_MAX)
		column->max = length;
	column->loose = type == HS_COLUMN_TEXT && !compares_bytes(value[COLLATION]);
	if (is(value[NAME], "id"))
		read->exact_id = type == HS_COLUMN_TEXT && compares_bytes(value[COLLATION]);
	return true;
}

static bool note_index(void *context, const struct hs_slice *value)
{
	struct table_read *read = context;

	if (is(value[0], "1"))
		read->table.unique_id = read->exact_id;
	else
		read->table.other_unique = true;
	return true;
}

static bool note_trigger(void *context, const struct hs_slice *value)
{
	((struct table_read *)context)->table.triggers = value[0].p != NULL;
	return true;
}

/* AND … = the table, compared by bytes: the names of information_schema ignore case and accents. */
static void put_of_table(struct hs_mysql *m, const char *schema, const char *column, const char *table)
{
	hs_buf_printf(&m->sql, " WHERE %s = DATABASE() AND %s = ", schema, column);
	hs_mysql_put_text(m, hs_slice_str(table));
	hs_buf_printf(&m->sql, " AND BINARY %s = ", column);
	hs_mysql_put_text(m, hs_slice_str(table));
}

static enum hs_target_result read_columns(struct hs_mysql *m, struct table_read *read)
{
	hs_mysql_say(m,
	             "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COLLATION_NAME, CHARACTER_MAXIMUM_LENGTH, "
	             "DATETIME_PRECISION, COALESCE(GENERATION_EXPRESSION, '') <> '' FROM information_schema.COLUMNS");
	put_of_table(m, "TABLE_SCHEMA", "TABLE_NAME", read->table.name);
	hs_buf_put_slice(&m->sql, HS_SLICE(" ORDER BY ORDINAL_POSITION"));
	return hs_mysql_rows(m, note_column, read);
}

static enum hs_target_result read_indexes(struct hs_mysql *m, struct table_read *read)
{
	enum hs_target_result result;

	hs_mysql_say(m, "SELECT COUNT(*) = 1 AND MAX(COLUMN_NAME = 'id') AND MAX(SUB_PART IS NULL) FROM "
	                "information_schema.STATISTICS");
	put_of_table(m, "TABLE_SCHEMA", "TABLE_NAME", read->table.name);
	hs_buf_put_slice(&m->sql, HS_SLICE(" AND NON_UNIQUE = 0 GROUP BY INDEX_NAME"));
	result = hs_mysql_rows(m, note_index, read);
	if (result != HS_TARGET_OK)
		return result;
	hs_mysql_say(m, "SELECT 1 FROM information_schema.TRIGGERS");
	put_of_table(m, "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", read->table.name);
	return hs_mysql_rows(m, note_trigger, read);
}

/* A hash of columns and keys, up to what SHOW CREATE TABLE says of the rows: AUTO_INCREMENT=17. */
static bool note_stamp(void *context, const struct hs_slice *value)
{
	static const char options[] = "\n) ENGINE=";
	const char *end = memmem(value[1].p, value[1].n, options, sizeof options - 1);

	*(uint64_t *)context = hs_hash(value[1].p, end == NULL ? value[1].n : (size_t)(end - value[1].p), 1);
	return true;
}

/* The server tells it in a tenth of the time that information_schema takes. */
static enum hs_target_result read_stamp(struct hs_mysql *m, const char *table, uint64_t *stamp)
{
	hs_mysql_say(m, "SHOW CREATE TABLE ");
	hs_mysql_put_name(m, table);
	return hs_mysql_rows(m, note_stamp, stamp);
}

static enum hs_target_result read_table(struct hs_mysql *m, const char *name, struct table_read *read)
{
	enum hs_target_result result;

	*read = (struct table_read){ .table = { .name = strdup(name) } };
	result = read->table.name == NULL ? hs_mysql_no_memory(m) : read_stamp(m, name, &read->table.stamp);
	if (result == HS_TARGET_OK)
		result = read_columns(m, read);
	return result == HS_TARGET_OK ? read_indexes(m, read) : result;
}

/* The names are kept as columns of a table: a growing list. FOREIGN is what is no table of rows. */
static bool note_table(void *context, const struct hs_slice *value)
{
	bool has_rows = is(value[1], "BASE TABLE") || is(value[1], "SYSTEM VERSIONED");

	return hs_target_add_column(context, value[0], has_rows ? HS_COLUMN_NONE : HS_COLUMN_FOREIGN);
}

enum hs_target_result hs_mysql_tables(struct hs_target *t,
                                      bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	struct hs_mysql *m = hs_mysql_of(t);
	struct hs_target_table names = { 0 };
	size_t prefix = strlen(t->prefix);
	enum hs_target_result result;

	hs_mysql_say(m, "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()");
	result = hs_mysql_rows(m, note_table, &names);
	for (size_t i = 0; i < names.columns && result == HS_TARGET_OK; i++) {
		struct table_read read = { .table = { .taken = true } };

		if (strncmp(names.column[i].name, t->prefix, prefix) != 0)
			continue;
		if (names.column[i].type == HS_COLUMN_FOREIGN)
			read.table.name = strdup(names.column[i].name);
		else
			result = read_table(m, names.column[i].name, &read);
		if (result == HS_TARGET_OK && (read.table.name == NULL || !each(context, &read.table)))
			result = hs_mysql_no_memory(m);
		hs_target_table_free(&read.table);
	}
	hs_target_table_free(&names);
	return result;
}

enum hs_target_result hs_mysql_check_table(struct hs_target *t, struct hs_target_table *table)
{
	struct hs_mysql *m = hs_mysql_of(t);
	uint64_t stamp = 0;
	enum hs_target_result result = read_stamp(m, table->name, &stamp);

	if (result == HS_TARGET_OK && table->stamp != 0 && table->stamp != stamp)
		return HS_TARGET_CATALOGUE;
	if (result == HS_TARGET_OK)
		table->stamp = stamp;
	return result;
}

static bool add_up(void *context, const struct hs_slice *value)
{
	*(uint64_t *)context += value[0].p == NULL ? 0 : strtoull(value[0].p, NULL, 10);
	return true;
}

/* The server opens each table whose columns are asked for. */
enum hs_target_result hs_mysql_stamp(struct hs_target *t, bool whole, uint64_t *stamp)
{
	struct hs_mysql *m = hs_mysql_of(t);

	*stamp = 0;
	hs_mysql_say(m, "SELECT SUM(CRC32(TABLE_NAME)) + COUNT(*) FROM information_schema.TABLES "
	                "WHERE TABLE_SCHEMA = DATABASE()");
	if (whole)
		hs_buf_put_slice(
		    &m->sql,
		    HS_SLICE(" UNION ALL SELECT SUM(CRC32(CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, "
		             "COLUMN_TYPE))) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"));
	return hs_mysql_rows(m, add_up, stamp);
}

/* --- what is new --------------------------------------------------------------------------- */

static void put_column(struct hs_mysql *m, const struct hs_target_column *column)
{
	hs_mysql_put_name(m, column->name);
	if (strcmp(column->name, "id") == 0)
		hs_buf_printf(&m->sql, " VARCHAR(200) CHARACTER SET utf8mb4 COLLATE %s NOT NULL PRIMARY KEY",
		              m->collation);
	else if (column->type == HS_COLUMN_NUMBER)
		hs_buf_put_slice(&m->sql, HS_SLICE(" DOUBLE"));
	else if (column->type == HS_COLUMN_BOOLEAN)
		hs_buf_put_slice(&m->sql, HS_SLICE(" TINYINT(1)"));
	else if (column->type == HS_COLUMN_TIMESTAMP)
		hs_buf_put_slice(&m->sql, HS_SLICE(" DATETIME(6)"));
	else
		hs_buf_printf(&m->sql, " LONGTEXT CHARACTER SET utf8mb4 COLLATE %s", m->collation);
}

/* For identifies and groups: the index by which people are looked up, of the first characters. */
static void put_user_index(struct hs_mysql *m, const char *table)
{
	enum hs_table_kind kind = hs_table_kind_of(hs_slice_str(table + strlen(m->target.prefix)));

	if (kind == HS_TABLE_IDENTIFIES)
		hs_buf_put_slice(&m->sql, HS_SLICE(", KEY (`user_id`(200))"));
	else if (kind == HS_TABLE_GROUPS)
		hs_buf_put_slice(&m->sql, HS_SLICE(", KEY (`group_id`(200)), KEY (`user_id`(200))"));
}

static enum hs_target_result create(struct hs_mysql *m, const struct hs_target_table *table, size_t columns)
{
	hs_mysql_say(m, "CREATE TABLE ");
	hs_mysql_put_name(m, table->name);
	for (size_t i = 0; i < columns; i++) {
		hs_buf_put_slice(&m->sql, i == 0 ? HS_SLICE(" (") : HS_SLICE(", "));
		put_column(m, &table->column[i]);
	}
	put_user_index(m, table->name);
	hs_buf_printf(&m->sql, ") ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE %s", m->collation);
	return hs_mysql_run(m);
}

static enum hs_target_result alter(struct hs_mysql *m, const char *table, const struct hs_target_column *column,
                                   size_t columns)
{
	hs_mysql_say(m, "ALTER TABLE ");
	hs_mysql_put_name(m, table);
	for (size_t i = 0; i < columns; i++) {
		hs_buf_put_slice(&m->sql, i == 0 ? HS_SLICE(" ADD COLUMN ") : HS_SLICE(", ADD COLUMN "));
		put_column(m, &column[i]);
	}
	return hs_mysql_run(m);
}

/* True if the error is that of a column: too many, too wide, or a name that is taken for another. */
static bool is_of_column(struct hs_mysql *m, enum hs_target_result result)
{
	unsigned code = result == HS_TARGET_OK ? 0 : mysql_errno(m->my);

	return result == HS_TARGET_WIDE || code == ER_DUP_FIELDNAME || code == ER_WRONG_COLUMN_NAME ||
	       code == ER_TOO_LONG_IDENT || code == ER_INVALID_CHARACTER_STRING;
}

/* Adds one column. A name that is there, and not by these bytes, is another column's: É is é for the server. */
static enum hs_target_result add_column(struct hs_mysql *m, const char *table, struct hs_target_column *column)
{
	enum hs_target_result result = alter(m, table, column, 1);
	struct table_read read;

	if (!is_of_column(m, result))
		return result;
	if (mysql_errno(m->my) == ER_DUP_FIELDNAME) {
		result = read_table(m, table, &read);
		for (size_t i = 0; i < read.table.columns && result == HS_TARGET_OK; i++)
			if (strcmp(read.table.column[i].name, column->name) == 0)
				result = HS_TARGET_CATALOGUE; /* another loader was first */
		hs_target_table_free(&read.table);
		if (result != HS_TARGET_OK)
			return result;
	}
	column->type = HS_COLUMN_FOREIGN;
	return HS_TARGET_OK;
}

enum hs_target_result hs_mysql_add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                           size_t columns)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result = columns > 0 ? alter(m, table, column, columns) : HS_TARGET_OK;

	if (!is_of_column(m, result))
		return result;
	result = HS_TARGET_OK;
	for (size_t i = 0; i < columns && result == HS_TARGET_OK; i++)
		result = add_column(m, table, &column[i]);
	return result;
}

/* How many columns, the first ones, are those that every table of its kind has. */
static size_t required(const struct hs_mysql *m, const struct hs_target_table *table)
{
	struct hs_required_column column[HS_REQUIRED_COLUMNS_MAX];
	enum hs_table_kind kind = hs_table_kind_of(hs_slice_str(table->name + strlen(m->target.prefix)));
	size_t n = hs_required_columns(kind, true, column), count = 0;

	for (size_t i = 0; i < n && count < table->columns; i++)
		count += strcmp(column[i].name, table->column[count].name) == 0;
	return count;
}

enum hs_target_result hs_mysql_make_table(struct hs_target *t, struct hs_target_table *table)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result = create(m, table, table->columns);
	size_t n;

	if (!is_of_column(m, result))
		return result;
	n = required(m, table);
	result = create(m, table, n);
	if (result == HS_TARGET_OK)
		result = hs_mysql_add_columns(t, table->name, table->column + n, table->columns - n);
	return result;
}

/* --- another type --------------------------------------------------------------------------- */

/* The new column is there at once, since every ALTER commits: after a kill the next --retype finds it. */
enum hs_target_result hs_mysql_retype_begin(struct hs_target *t, const char *table, struct hs_target_column *column,
                                            bool there)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result = there ? HS_TARGET_OK : alter(m, table, column, 1);

	if (result != HS_TARGET_OK)
		return result;
	hs_mysql_say(m, "START TRANSACTION");
	return hs_mysql_run(m);
}

enum hs_target_result hs_mysql_retype_end(struct hs_target *t, const char *table, const struct hs_target_column *column)
{
	struct hs_mysql *m = hs_mysql_of(t);

	hs_mysql_say(m, "COMMIT");
	if (hs_mysql_run(m) != HS_TARGET_OK)
		return HS_TARGET_AGAIN;
	hs_mysql_say(m, "ALTER TABLE ");
	hs_mysql_put_name(m, table);
	hs_buf_put_slice(&m->sql, HS_SLICE(" DROP COLUMN "));
	hs_mysql_put_name(m, column->name);
	hs_buf_put_slice(&m->sql, HS_SLICE(", CHANGE COLUMN `_retype` "));
	put_column(m, column);
	return hs_mysql_run(m);
}
