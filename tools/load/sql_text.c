#include "tools/load/sql_text.h"

#include <stdio.h>

const char *hs_sql_string(struct hs_buf *sql)
{
	char *end = hs_buf_reserve(sql, 1);

	if (end == NULL)
		return "";
	*end = '\0';
	return sql->p;
}

static void put_quoted(struct hs_buf *sql, struct hs_slice text, char quote)
{
	hs_buf_putc(sql, quote);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == quote)
			hs_buf_putc(sql, quote);
		hs_buf_putc(sql, text.p[i]);
	}
	hs_buf_putc(sql, quote);
}

void hs_sql_put_name(struct hs_buf *sql, struct hs_slice name, char quote)
{
	put_quoted(sql, name, quote);
}

void hs_sql_put_text(struct hs_buf *sql, struct hs_slice text)
{
	put_quoted(sql, text, '\'');
}

static void put_column(struct hs_buf *sql, const struct hs_target_table *table, size_t column, char quote)
{
	hs_sql_put_name(sql, hs_slice_str(table->column[column].name), quote);
}

void hs_sql_put_insert(struct hs_buf *sql, const struct hs_target_rows *rows, char quote)
{
	hs_buf_put_slice(sql, HS_SLICE("INSERT INTO "));
	hs_sql_put_name(sql, hs_slice_str(rows->table->name), quote);
	for (size_t i = 0; i < rows->columns; i++) {
		hs_buf_put_slice(sql, i == 0 ? HS_SLICE(" (") : HS_SLICE(", "));
		put_column(sql, rows->table, rows->column[i], quote);
	}
	hs_buf_putc(sql, ')');
}

void hs_sql_put_update(struct hs_buf *sql, const struct hs_target_rows *rows, const char *from, char quote)
{
	bool first = true;

	hs_buf_put_slice(sql, HS_SLICE("UPDATE SET "));
	for (size_t i = 0; i < rows->columns; i++) {
		if (strcmp(rows->table->column[rows->column[i]].name, "id") == 0)
			continue;
		hs_buf_put_slice(sql, first ? HS_SLICE("") : HS_SLICE(", "));
		first = false;
		put_column(sql, rows->table, rows->column[i], quote);
		hs_buf_printf(sql, rows->nulls ? " = %s." : " = coalesce(%s.", from);
		put_column(sql, rows->table, rows->column[i], quote);
		if (rows->nulls)
			continue;
		hs_buf_put_slice(sql, HS_SLICE(", "));
		hs_sql_put_name(sql, hs_slice_str(rows->table->name), quote);
		hs_buf_putc(sql, '.');
		put_column(sql, rows->table, rows->column[i], quote);
		hs_buf_putc(sql, ')');
	}
}

/* SQLite's length() counts the characters of a text, and its octet_length() is of 2023. */
static void put_length(struct hs_buf *sql, const struct hs_target_table *table, size_t column, char quote)
{
	hs_buf_put_slice(sql, quote == '"' ? HS_SLICE("length(CAST(") : HS_SLICE("octet_length("));
	put_column(sql, table, column, quote);
	hs_buf_put_slice(sql, quote == '"' ? HS_SLICE(" AS BLOB))") : HS_SLICE(")"));
}

void hs_sql_put_select(struct hs_buf *sql, const struct hs_target_table *table, const size_t *column, size_t columns,
                       size_t lengths_from, char quote)
{
	hs_buf_put_slice(sql, HS_SLICE("SELECT "));
	for (size_t i = 0; i < columns; i++) {
		hs_buf_put_slice(sql, i == 0 ? HS_SLICE("") : HS_SLICE(", "));
		if (hs_target_is_length(table, column[i], i, lengths_from))
			put_length(sql, table, column[i], quote);
		else
			put_column(sql, table, column[i], quote);
	}
	hs_buf_put_slice(sql, HS_SLICE(" FROM "));
	hs_sql_put_name(sql, hs_slice_str(table->name), quote);
}

void hs_sql_put_where(struct hs_buf *sql, const char *key, char quote)
{
	hs_buf_put_slice(sql, HS_SLICE(" WHERE "));
	hs_sql_put_name(sql, hs_slice_str(key), quote);
	hs_buf_put_slice(sql, HS_SLICE(" IN ("));
}

void hs_sql_put_where_null(struct hs_buf *sql, const char *key, char quote)
{
	hs_buf_put_slice(sql, HS_SLICE(" WHERE "));
	hs_sql_put_name(sql, hs_slice_str(key), quote);
	hs_buf_put_slice(sql, HS_SLICE(" IS NULL"));
}

const char *hs_sql_person_column(const char *prefix, const struct hs_target_table *table)
{
	enum hs_table_kind kind = hs_table_kind_of(hs_slice_str(table->name + strlen(prefix)));

	return kind == HS_TABLE_IDENTIFIES ? "user_id" : kind == HS_TABLE_GROUPS ? "group_id" : NULL;
}

void hs_sql_put_user_index(struct hs_buf *sql, const char *prefix, const struct hs_target_table *table, char quote)
{
	const char *column = hs_sql_person_column(prefix, table);
	char name[2 * HS_WAREHOUSE_NAME + 16];

	if (column == NULL)
		return;
	snprintf(name, sizeof name, "%s %s", table->name, column); /* the space keeps it from names of events' tables */
	hs_buf_put_slice(sql, HS_SLICE("; CREATE INDEX IF NOT EXISTS "));
	hs_sql_put_name(sql, hs_slice_str(name), quote);
	hs_buf_put_slice(sql, HS_SLICE(" ON "));
	hs_sql_put_name(sql, hs_slice_str(table->name), quote);
	hs_buf_put_slice(sql, HS_SLICE(" ("));
	hs_sql_put_name(sql, hs_slice_str(column), quote);
	hs_buf_putc(sql, ')');
}

void hs_sql_put_scan(struct hs_buf *sql, const struct hs_target_table *table, const size_t *column, size_t columns,
                     bool after, const char *collate, char quote)
{
	hs_buf_put_slice(sql, columns == 1 ? HS_SLICE("SELECT DISTINCT ") : HS_SLICE("SELECT "));
	for (size_t i = 0; i < columns; i++) {
		hs_buf_put_slice(sql, i == 0 ? HS_SLICE("") : HS_SLICE(", "));
		put_column(sql, table, column[i], quote);
		hs_buf_put_slice(sql, i == 0 ? hs_slice_str(collate) : HS_SLICE(""));
	}
	hs_buf_put_slice(sql, HS_SLICE(" FROM "));
	hs_sql_put_name(sql, hs_slice_str(table->name), quote);
	hs_buf_put_slice(sql, HS_SLICE(" WHERE "));
	put_column(sql, table, column[0], quote);
	hs_buf_put_slice(sql, hs_slice_str(collate));
	hs_buf_put_slice(sql, after ? HS_SLICE(" > ") : HS_SLICE(" IS NOT NULL"));
}

void hs_sql_put_scan_end(struct hs_buf *sql, const char *first, size_t rows, const char *collate, char quote)
{
	hs_buf_put_slice(sql, HS_SLICE(" ORDER BY "));
	hs_sql_put_name(sql, hs_slice_str(first), quote);
	hs_buf_printf(sql, "%s LIMIT %zu", collate, rows);
}
