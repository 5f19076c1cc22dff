/* sqlite_catalogue: tables and columns of a file of SQLite, as anybody may have declared them. */
#include "tools/load/sql_text.h"
#include "tools/load/sqlite_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the catalogue ------------------------------------------------------------------ */

static const char *const type_names[] = {
	[HS_COLUMN_NONE] = "TEXT",      [HS_COLUMN_BOOLEAN] = "BOOLEAN",
	[HS_COLUMN_NUMBER] = "NUMERIC", [HS_COLUMN_TIMESTAMP] = "TIMESTAMP TEXT",
	[HS_COLUMN_TEXT] = "TEXT",
};

/*
 * The type of a column as it was declared, perhaps by somebody else. As for SQLite itself (datatype3.html, 3.1), INT
 * goes before the words for texts, and these before the others; a column of doubles makes one of each whole number.
 */
static struct hs_target_column type_of(const char *declared)
{
	static const struct {
		const char *word;
		enum hs_column_type type;
		enum hs_number_range numbers;
	} words[] = {
		{ "TIME", HS_COLUMN_TIMESTAMP, 0 },
		{ "BOOL", HS_COLUMN_BOOLEAN, 0 },
		{ "INT", HS_COLUMN_NUMBER, 0 },
		{ "CHAR", HS_COLUMN_TEXT, 0 },
		{ "CLOB", HS_COLUMN_TEXT, 0 },
		{ "TEXT", HS_COLUMN_TEXT, 0 },
		{ "REAL", HS_COLUMN_NUMBER, HS_NUMBER_DOUBLE },
		{ "FLOA", HS_COLUMN_NUMBER, HS_NUMBER_DOUBLE },
		{ "DOUB", HS_COLUMN_NUMBER, HS_NUMBER_DOUBLE },
		{ "NUM", HS_COLUMN_NUMBER, 0 },
		{ "DEC", HS_COLUMN_NUMBER, 0 },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(declared, words[i].word) != NULL)
			return (struct hs_target_column){ .type = words[i].type, .numbers = words[i].numbers };
	return (struct hs_target_column){ .type = HS_COLUMN_FOREIGN };
}

static bool add_column(struct hs_target_table *table, sqlite3_stmt *statement)
{
	struct hs_target_column column = type_of(hs_sqlite_text(statement, 2));

	if (sqlite3_column_int(statement, 6) != 0)
		column.type = HS_COLUMN_FOREIGN;
	if (!hs_target_add_column(table, hs_slice_str(hs_sqlite_text(statement, 1)), column.type))
		return false;
	table->column[table->columns - 1].numbers = column.numbers;
	return true;
}

/* Fills in the columns; those that are generated (hidden, in table_xinfo) are left alone. */
static enum hs_target_result read_columns(struct hs_sqlite *s, struct hs_target_table *table)
{
	sqlite3_stmt *statement;
	enum hs_target_result result;
	int code;

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("PRAGMA table_xinfo("));
	hs_sql_put_name(&s->sql, hs_slice_str(table->name), '"');
	hs_buf_putc(&s->sql, ')');
	result = hs_sqlite_prepare(s, &statement);
	if (result != HS_TARGET_OK)
		return result;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		if (!add_column(table, statement))
			break;
	result = code == SQLITE_ROW ? hs_sqlite_out_of_memory(s) : hs_sqlite_result(s, code);
	sqlite3_finalize(statement);
	return result;
}

/* Whether the index is on `id` and nothing else, and compares bytes: another one takes Msg-1 and msg-1 for one id. */
static enum hs_target_result look_at_index(struct hs_sqlite *s, const char *index, bool *on_id)
{
	sqlite3_stmt *statement;
	enum hs_target_result result;
	int code = SQLITE_DONE, columns = 0;

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("PRAGMA index_xinfo("));
	hs_sql_put_name(&s->sql, hs_slice_str(index), '"');
	hs_buf_putc(&s->sql, ')');
	result = hs_sqlite_prepare(s, &statement);
	while (result == HS_TARGET_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		if (sqlite3_column_int(statement, 5) == 0)
			continue; /* it is no part of the key */
		columns++;
		*on_id = columns == 1 && strcmp(hs_sqlite_text(statement, 2), "id") == 0 &&
		         strcasecmp(hs_sqlite_text(statement, 4), "BINARY") == 0;
	}
	if (result == HS_TARGET_OK)
		result = hs_sqlite_result(s, code);
	sqlite3_finalize(statement);
	return result;
}

static enum hs_target_result read_indexes(struct hs_sqlite *s, struct hs_target_table *table)
{
	sqlite3_stmt *statement;
	enum hs_target_result result;
	int code = SQLITE_DONE;

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("PRAGMA index_list("));
	hs_sql_put_name(&s->sql, hs_slice_str(table->name), '"');
	hs_buf_putc(&s->sql, ')');
	result = hs_sqlite_prepare(s, &statement);
	while (result == HS_TARGET_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		bool on_id = false, is_partial = sqlite3_column_int(statement, 4) != 0;

		if (sqlite3_column_int(statement, 2) == 0)
			continue;
		if (!is_partial)
			result = look_at_index(s, hs_sqlite_text(statement, 1), &on_id);
		table->unique_id = table->unique_id || on_id; /* and it is for every row */
		table->other_unique = table->other_unique || !on_id;
	}
	if (result == HS_TARGET_OK)
		result = hs_sqlite_result(s, code);
	sqlite3_finalize(statement);
	return result;
}

static enum hs_target_result read_table(struct hs_sqlite *s, const char *name,
                                        bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	struct hs_target_table table = { .name = strdup(name) };
	enum hs_target_result result = table.name == NULL ? hs_sqlite_out_of_memory(s) : read_columns(s, &table);

	if (result == HS_TARGET_OK)
		result = read_indexes(s, &table);
	if (result == HS_TARGET_OK && !each(context, &table))
		result = hs_sqlite_out_of_memory(s);
	hs_target_table_free(&table);
	return result;
}

/* A name as the loader writes it, since SQLite takes Daily and daily for one: after the prefix without capitals. */
static char *name_of(const char *found, const char *prefix)
{
	size_t n = strlen(prefix);
	char *name = strdup(found);

	if (name == NULL)
		return NULL;
	memcpy(name, prefix, n);
	for (char *c = name + n; *c != '\0'; c++)
		*c = hs_lower(*c);
	return name;
}

static enum hs_target_result pass_on(struct hs_sqlite *s, sqlite3_stmt *statement,
                                     bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	char *name = name_of(hs_sqlite_text(statement, 0), s->target.prefix);
	enum hs_target_result result = HS_TARGET_OK;
	bool is_table = sqlite3_column_int(statement, 1) == 1, is_virtual = sqlite3_column_int(statement, 2) == 1;

	if (name == NULL)
		return hs_sqlite_out_of_memory(s);
	if (is_table)
		result = read_table(s, name, each, context);
	/* a virtual table of an extension that is not here cannot be looked at, and holds no rows of ours */
	if (is_virtual && result == HS_TARGET_BROKEN) {
		is_table = false;
		result = HS_TARGET_OK;
	}
	if (!is_table && !each(context, &(struct hs_target_table){ .name = name, .taken = true }))
		result = hs_sqlite_out_of_memory(s);
	free(name);
	return result;
}

enum hs_target_result hs_sqlite_tables(struct hs_target *t,
                                       bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result;
	size_t prefix = strlen(t->prefix);
	int code = SQLITE_DONE;

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(
	    &s->sql, HS_SLICE("SELECT name, type = 'table', type = 'table' AND rootpage = 0 FROM sqlite_schema "
	                      "WHERE type IN ('table', 'view', 'index') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"));
	result = hs_sqlite_prepare(s, &statement);
	while (result == HS_TARGET_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		if (strncasecmp(hs_sqlite_text(statement, 0), t->prefix, prefix) == 0)
			result = pass_on(s, statement, each, context);
	if (result == HS_TARGET_OK)
		result = hs_sqlite_result(s, code);
	sqlite3_finalize(statement);
	return result;
}

/* Any change of the schema counts it up, so it is of the whole. */
enum hs_target_result hs_sqlite_stamp(struct hs_target *t, bool whole, uint64_t *stamp)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result;

	(void)whole;
	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("PRAGMA schema_version"));
	result = hs_sqlite_prepare(s, &statement);
	if (result == HS_TARGET_OK) {
		result = hs_sqlite_result(s, sqlite3_step(statement));
		*stamp = (uint64_t)sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return result;
}

/* --- new tables and columns ------------------------------------------------------------ */

enum hs_target_result hs_sqlite_make_table(struct hs_target *t, struct hs_target_table *table)
{
	struct hs_sqlite *s = hs_sqlite_of(t);

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("CREATE TABLE "));
	hs_sql_put_name(&s->sql, hs_slice_str(table->name), '"');
	for (size_t i = 0; i < table->columns; i++) {
		hs_buf_put_slice(&s->sql, i == 0 ? HS_SLICE(" (") : HS_SLICE(", "));
		hs_sql_put_name(&s->sql, hs_slice_str(table->column[i].name), '"');
		hs_buf_printf(&s->sql, " %s%s", type_names[table->column[i].type],
		              strcmp(table->column[i].name, "id") == 0 ? " NOT NULL PRIMARY KEY" : "");
	}
	hs_buf_putc(&s->sql, ')');
	hs_sql_put_user_index(&s->sql, t->prefix, table, '"');
	return hs_buf_ok(&s->sql) ? hs_sqlite_run(s, hs_sql_string(&s->sql)) : hs_sqlite_out_of_memory(s);
}

/* A name that is there, and not by these bytes, is another column's: Zip is zip for SQLite. */
static enum hs_target_result settle_name(struct hs_sqlite *s, const char *table, struct hs_target_column *column)
{
	struct hs_target_table there = { .name = strdup(table) };
	enum hs_target_result result = there.name == NULL ? hs_sqlite_out_of_memory(s) : read_columns(s, &there);

	for (size_t i = 0; i < there.columns && result == HS_TARGET_OK; i++)
		if (strcmp(there.column[i].name, column->name) == 0)
			result = HS_TARGET_CATALOGUE; /* another loader was first, perhaps with another type */
	hs_target_table_free(&there);
	if (result == HS_TARGET_OK)
		column->type = HS_COLUMN_FOREIGN;
	return result;
}

static enum hs_target_result refuse_strict(struct hs_sqlite *s, const char *table)
{
	snprintf(
	    s->target.message, sizeof s->target.message,
	    "table %s is STRICT, so that it takes no columns of the types that the loader uses: make it anew without "
	    "that, or choose another --prefix",
	    table);
	return HS_TARGET_UNFIT;
}

enum hs_target_result hs_sqlite_add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                            size_t columns)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t i = 0; i < columns && result == HS_TARGET_OK; i++) {
		hs_buf_reset(&s->sql);
		hs_buf_put_slice(&s->sql, HS_SLICE("ALTER TABLE "));
		hs_sql_put_name(&s->sql, hs_slice_str(table), '"');
		hs_buf_put_slice(&s->sql, HS_SLICE(" ADD COLUMN "));
		hs_sql_put_name(&s->sql, hs_slice_str(column[i].name), '"');
		hs_buf_printf(&s->sql, " %s", type_names[column[i].type]);
		result = hs_buf_ok(&s->sql) ? hs_sqlite_run(s, hs_sql_string(&s->sql)) : hs_sqlite_out_of_memory(s);
		if (result == HS_TARGET_BROKEN && strstr(t->message, "duplicate column name") != NULL)
			result = settle_name(s, table, &column[i]);
		else if (result == HS_TARGET_BROKEN && strstr(t->message, "unknown datatype") != NULL)
			result = refuse_strict(s, table);
	}
	return result;
}

enum hs_target_result hs_sqlite_note_name(struct hs_target *t, const char *table, const char *name,
                                          struct hs_slice path)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	struct hs_slice value[] = { hs_slice_str(table), hs_slice_str(name), path };
	sqlite3_stmt *statement;
	enum hs_target_result result;

	hs_buf_reset(&s->sql);
	hs_buf_printf(&s->sql, "INSERT OR IGNORE INTO \"%shookspool_names\" VALUES (?, ?, ?)", t->prefix);
	result = hs_sqlite_prepare(s, &statement);
	if (result != HS_TARGET_OK)
		return result;
	for (int i = 0; i < 3; i++)
		sqlite3_bind_text64(statement, i + 1, value[i].p, value[i].n, SQLITE_STATIC, SQLITE_UTF8);
	result = hs_sqlite_result(s, sqlite3_step(statement));
	sqlite3_finalize(statement);
	return result;
}

/* --- another type ------------------------------------------------------------------------ */

enum hs_target_result hs_sqlite_retype_begin(struct hs_target *t, const char *table, struct hs_target_column *column,
                                             bool there)
{
	enum hs_target_result result = hs_sqlite_run(hs_sqlite_of(t), "BEGIN IMMEDIATE");

	return result == HS_TARGET_OK && !there ? hs_sqlite_add_columns(t, table, column, 1) : result;
}

/* SQLite cannot alter the type of a column. One that an index or a view uses is not dropped: an error. */
enum hs_target_result hs_sqlite_retype_end(struct hs_target *t, const char *table,
                                           const struct hs_target_column *column)
{
	struct hs_sqlite *s = hs_sqlite_of(t);

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("ALTER TABLE "));
	hs_sql_put_name(&s->sql, hs_slice_str(table), '"');
	hs_buf_put_slice(&s->sql, HS_SLICE(" DROP COLUMN "));
	hs_sql_put_name(&s->sql, hs_slice_str(column->name), '"');
	hs_buf_put_slice(&s->sql, HS_SLICE("; ALTER TABLE "));
	hs_sql_put_name(&s->sql, hs_slice_str(table), '"');
	hs_buf_put_slice(&s->sql, HS_SLICE(" RENAME COLUMN \"_retype\" TO "));
	hs_sql_put_name(&s->sql, hs_slice_str(column->name), '"');
	hs_buf_put_slice(&s->sql, HS_SLICE("; COMMIT"));
	return hs_buf_ok(&s->sql) ? hs_sqlite_run(s, hs_sql_string(&s->sql)) : hs_sqlite_out_of_memory(s);
}
