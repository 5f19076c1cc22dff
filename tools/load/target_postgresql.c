/*
 * target_postgresql: a database of PostgreSQL 12 or later, by libpq: postgresql://loader@db.example.org/analytics.
 *
 * A time is read as text in UTC, with three or six digits.
 */
#include "tools/load/postgresql_rows.h"
#include "tools/load/sql_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hs_postgresql *of(struct hs_target *t)
{
	return (struct hs_postgresql *)t;
}

static void rollback(struct hs_target *t)
{
	if (of(t)->db != NULL && PQtransactionStatus(of(t)->db) != PQTRANS_IDLE)
		PQclear(PQexec(of(t)->db, "ROLLBACK"));
}

/* --- changing a table ------------------------------------------------------------- */

/* Replaces "canceling statement due to lock timeout" by a message that names the holder of the lock. */
static void name_holder(struct hs_postgresql *s, const char *table)
{
	struct hs_slice value[] = { hs_slice_str(s->target.schema), hs_slice_str(table) };
	PGresult *answer;

	hs_postgresql_begin_sql(
	    s, "SELECT l.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), '?'), "
	       "coalesce(extract(epoch FROM now() - a.xact_start)::bigint, 0) "
	       "FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation "
	       "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	       "JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
	       "WHERE nspname = $1 AND relname = $2 AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() "
	       "ORDER BY a.xact_start LIMIT 1");
	if (hs_postgresql_ask(s, value, 2, &answer) == HS_TARGET_OK && PQntuples(answer) == 1)
		snprintf(s->target.message, sizeof s->target.message,
		         "table \"%s\" has to wait for process %s of the server (user %s, application %s), whose "
		         "transaction began %s s ago",
		         table, PQgetvalue(answer, 0, 0), PQgetvalue(answer, 0, 1), PQgetvalue(answer, 0, 2),
		         PQgetvalue(answer, 0, 3));
	PQclear(answer);
}

/* Runs s->sql, which changes a table, in a transaction that has begun in it. */
static enum hs_target_result change(struct hs_postgresql *s, const char *table, enum hs_postgresql_step step)
{
	enum hs_target_result result;
	bool taken;

	s->step = step;
	s->table = table;
	hs_postgresql_put(s, "; COMMIT");
	result = hs_postgresql_run_sql(s);
	if (result == HS_TARGET_OK || result == HS_TARGET_AWAY)
		return result;
	rollback(&s->target);
	taken = strcmp(s->target.state, "55P03") == 0;
	if (taken)
		name_holder(s, table);
	if (strcmp(s->target.state, "23505") == 0) /* in pg_type: somebody else made the table just now */
		return HS_TARGET_CATALOGUE;
	return result == HS_TARGET_AWAY || !taken ? result : HS_TARGET_AGAIN;
}

/* --- connection ---------------------------------------------------------------------- */

/* Runs s->sql, which is a query of one number. */
static enum hs_target_result ask_number(struct hs_postgresql *s, const struct hs_slice *value, int values, long *number)
{
	PGresult *answer;
	enum hs_target_result result = hs_postgresql_ask(s, value, values, &answer);

	if (result == HS_TARGET_OK)
		*number = PQntuples(answer) == 1 ? strtol(PQgetvalue(answer, 0, 0), NULL, 10) : 0;
	PQclear(answer);
	return result;
}

/* Runs s->sql, which makes a schema or a table; if somebody else makes it just now, that is fine. */
static enum hs_target_result make(struct hs_postgresql *s)
{
	enum hs_target_result result = hs_postgresql_run_sql(s);
	const char *state = s->target.state;
	bool there = strcmp(state, "23505") == 0 || strcmp(state, "42P06") == 0 || strcmp(state, "42P07") == 0 ||
	             strcmp(state, "42710") == 0;

	return result != HS_TARGET_OK && there ? HS_TARGET_OK : result;
}

/* CREATE SCHEMA IF NOT EXISTS wants the right to make one even if it is there. */
static enum hs_target_result make_schema(struct hs_postgresql *s)
{
	struct hs_slice schema = hs_slice_str(s->target.schema);
	enum hs_target_result result;
	long there = 0;

	s->step = HS_POSTGRESQL_SCHEMA;
	hs_postgresql_begin_sql(s, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1");
	result = ask_number(s, &schema, 1, &there);
	if (result != HS_TARGET_OK || there > 0)
		return result;
	hs_postgresql_begin_sql(s, "CREATE SCHEMA ");
	hs_postgresql_put_name(s, s->target.schema);
	return make(s);
}

static enum hs_target_result make_own_table(struct hs_postgresql *s, const char *name, const char *columns)
{
	struct hs_slice value[] = { hs_slice_str(s->target.schema), hs_slice_str(s->target.prefix),
		                    hs_slice_str(name) };
	enum hs_target_result result;
	long there = 0;

	s->step = HS_POSTGRESQL_TABLE;
	hs_postgresql_begin_sql(
	    s, "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace "
	       "WHERE nspname = $1 AND relname = $2 || $3");
	result = ask_number(s, value, 3, &there);
	if (result != HS_TARGET_OK || there > 0)
		return result;
	hs_postgresql_begin_sql(s, "CREATE TABLE ");
	hs_postgresql_put_own_table(s, name);
	hs_postgresql_put(s, columns);
	return make(s);
}

static enum hs_target_result make_own_tables(struct hs_postgresql *s)
{
	enum hs_target_result result = make_schema(s);

	if (result == HS_TARGET_OK)
		result = make_own_table(
		    s, "hookspool_load",
		    " (name text PRIMARY KEY, spool text, number bigint, \"offset\" bigint, edit bigint, "
		    "before text, records bigint, rest bigint, saved_at timestamptz, segments_gone bigint, "
		    "lines_damaged bigint, newest_ms bigint)");
	if (result == HS_TARGET_OK)
		result = make_own_table(s, "hookspool_names",
		                        " (table_name text, name text, path text, PRIMARY KEY (table_name, name))");
	return result;
}

static enum hs_target_result look_for_count(struct hs_target *t, const char *column)
{
	struct hs_postgresql *s = of(t);
	struct hs_slice value[] = { hs_slice_str(t->schema), hs_slice_str(t->prefix), hs_slice_str(column) };
	enum hs_target_result result;
	long there = 0;

	hs_postgresql_begin_sql(
	    s, "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace "
	       "JOIN pg_catalog.pg_attribute a ON attrelid = c.oid "
	       "WHERE nspname = $1 AND relname = $2 || 'hookspool_load' AND attname = $3 AND NOT attisdropped");
	result = ask_number(s, value, 3, &there);
	return result == HS_TARGET_OK && there == 0 ? HS_TARGET_CATALOGUE : result;
}

static enum hs_target_result add_count(struct hs_target *t, const char *column)
{
	struct hs_postgresql *s = of(t);
	char table[HS_POSTGRESQL_OWN_TABLE];
	enum hs_target_result result;

	snprintf(table, sizeof table, "%shookspool_load", t->prefix);
	hs_postgresql_begin_sql(s, HS_POSTGRESQL_BEGIN "; ALTER TABLE ");
	hs_postgresql_put_table(s, table);
	hs_buf_printf(&s->sql, " ADD COLUMN IF NOT EXISTS %s bigint", column);
	result = change(s, table, HS_POSTGRESQL_COLUMNS);
	s->table = NULL;
	return result;
}

static void disconnect(struct hs_target *t)
{
	hs_postgresql_close(of(t));
}

static enum hs_target_result connect_to(struct hs_target *t)
{
	struct hs_postgresql *s = of(t);
	enum hs_target_result result = hs_postgresql_open(s);

	if (result != HS_TARGET_OK)
		return result;
	if (!t->look_only)
		result = make_own_tables(s);
	if (result == HS_TARGET_OK)
		result = hs_target_add_counts(t, look_for_count, add_count);
	if (result != HS_TARGET_OK)
		disconnect(t);
	return result;
}

/* --- new tables and columns ---------------------------------------------------------------- */

static const char *type_name(const struct hs_target_column *column)
{
	static const char *const names[] = {
		[HS_COLUMN_NONE] = "text",      [HS_COLUMN_BOOLEAN] = "boolean",
		[HS_COLUMN_NUMBER] = "numeric", [HS_COLUMN_TIMESTAMP] = "timestamptz",
		[HS_COLUMN_TEXT] = "text",
	};

	return strcmp(column->name, "_rest") == 0 ? "jsonb" : names[column->type];
}

/* The names of system columns, which no other column can have (the manual, 5.5): makes such columns FOREIGN. */
static void leave_system_columns(struct hs_target_column *column, size_t columns)
{
	static const char *const names[] = { "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid" };

	for (size_t i = 0; i < columns; i++)
		for (size_t n = 0; n < sizeof names / sizeof *names; n++)
			if (strcmp(column[i].name, names[n]) == 0)
				column[i].type = HS_COLUMN_FOREIGN;
}

static enum hs_target_result make_table(struct hs_target *t, struct hs_target_table *table)
{
	struct hs_postgresql *s = of(t);
	const char *person = hs_sql_person_column(t->prefix, table);

	leave_system_columns(table->column, table->columns);
	hs_postgresql_begin_sql(s, HS_POSTGRESQL_BEGIN "; CREATE TABLE ");
	hs_postgresql_put_table(s, table->name);
	for (size_t i = 0; i < table->columns; i++) {
		if (table->column[i].type == HS_COLUMN_FOREIGN)
			continue;
		hs_postgresql_put(s, i == 0 ? " (" : ", "); /* the first is `id` */
		hs_postgresql_put_name(s, table->column[i].name);
		hs_buf_printf(&s->sql, " %s%s", type_name(&table->column[i]),
		              strcmp(table->column[i].name, "id") == 0 ? " PRIMARY KEY" : "");
	}
	hs_postgresql_put(s, ")");
	if (person != NULL) {
		hs_postgresql_put(s, "; CREATE INDEX ON "); /* PostgreSQL chooses the name */
		hs_postgresql_put_table(s, table->name);
		hs_buf_printf(&s->sql, " (\"%s\")", person);
	}
	return change(s, table->name, HS_POSTGRESQL_TABLE);
}

static enum hs_target_result add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                         size_t columns)
{
	struct hs_postgresql *s = of(t);
	size_t added = 0;

	leave_system_columns(column, columns);
	hs_postgresql_begin_sql(s, HS_POSTGRESQL_BEGIN "; ALTER TABLE ");
	hs_postgresql_put_table(s, table);
	for (size_t i = 0; i < columns; i++) {
		if (column[i].type == HS_COLUMN_FOREIGN)
			continue;
		hs_postgresql_put(s, added++ == 0 ? " ADD COLUMN " : ", ADD COLUMN ");
		hs_postgresql_put_name(s, column[i].name);
		hs_buf_printf(&s->sql, " %s", type_name(&column[i]));
	}
	if (added == 0)
		return HS_TARGET_OK;
	return change(s, table, HS_POSTGRESQL_COLUMNS);
}

/* --- another type ------------------------------------------------------------------------------ */

static enum hs_target_result retype_begin(struct hs_target *t, const char *table, struct hs_target_column *column,
                                          bool there)
{
	struct hs_postgresql *s = of(t);
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_COLUMNS;
	s->table = table;
	hs_postgresql_begin_sql(s, HS_POSTGRESQL_BEGIN "; LOCK TABLE ");
	hs_postgresql_put_table(s, table);
	hs_postgresql_put(s, " IN ACCESS EXCLUSIVE MODE");
	if (!there) {
		hs_postgresql_put(s, "; ALTER TABLE ");
		hs_postgresql_put_table(s, table);
		hs_buf_printf(&s->sql, " ADD COLUMN \"%s\" %s", column->name, type_name(column));
	}
	result = hs_postgresql_run_sql(s);
	if (result != HS_TARGET_AGAIN)
		return result;
	rollback(t);
	name_holder(s, table);
	return result;
}

static enum hs_target_result update(struct hs_target *t, const struct hs_target_rows *row)
{
	struct hs_postgresql *s = of(t);
	PGresult *answer;
	enum hs_target_result result;

	hs_postgresql_begin_sql(s, "UPDATE ");
	hs_postgresql_put_table(s, row->table->name);
	for (size_t i = 1; i < row->columns; i++) {
		const struct hs_target_column *column = &row->table->column[row->column[i]];

		hs_postgresql_put(s, i == 1 ? " SET " : ", ");
		hs_postgresql_put_name(s, column->name);
		hs_buf_printf(&s->sql, " = $%zu::%s", i + 1, type_name(column));
	}
	hs_postgresql_put(s, " WHERE \"id\" = $1 AND \"id\" COLLATE \"C\" = $1");
	result = hs_postgresql_ask(s, row->value, (int)row->columns, &answer);
	PQclear(answer);
	return result;
}

/* The column stays where it is, with its indexes and rights. PostgreSQL refuses it while a view uses it. */
static enum hs_target_result retype_end(struct hs_target *t, const char *table, const struct hs_target_column *column)
{
	struct hs_postgresql *s = of(t);

	hs_postgresql_begin_sql(s, "ALTER TABLE ");
	hs_postgresql_put_table(s, table);
	hs_postgresql_put(s, " ALTER COLUMN ");
	hs_postgresql_put_name(s, column->name);
	hs_buf_printf(&s->sql, " TYPE %s USING \"_retype\"; ALTER TABLE ", type_name(column));
	hs_postgresql_put_table(s, table);
	hs_postgresql_put(s, " DROP COLUMN \"_retype\"; COMMIT");
	return hs_postgresql_run_sql(s);
}

static enum hs_target_result note_name(struct hs_target *t, const char *table, const char *name, struct hs_slice path)
{
	struct hs_postgresql *s = of(t);
	struct hs_slice value[] = { hs_slice_str(table), hs_slice_str(name), path };
	PGresult *answer;
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, "INSERT INTO ");
	hs_postgresql_put_own_table(s, "hookspool_names");
	hs_postgresql_put(s, " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
	result = hs_postgresql_ask(s, value, 3, &answer);
	PQclear(answer);
	return result;
}

/* --- transactions ------------------------------------------------------------------------------ */

static uint64_t number_at(const PGresult *answer, int column, int base)
{
	return strtoull(PQgetvalue(answer, 0, column), NULL, base);
}

static void read_position(const PGresult *answer, struct hs_target_position *at)
{
	at->found = PQntuples(answer) == 1;
	if (!at->found)
		return;
	snprintf(at->spool, sizeof at->spool, "%s", PQgetvalue(answer, 0, 0));
	at->number = number_at(answer, 1, 10);
	at->offset = number_at(answer, 2, 10);
	at->edit = number_at(answer, 3, 10);
	at->before = number_at(answer, 4, 16);
	at->records = number_at(answer, 5, 10);
	at->rest = number_at(answer, 6, 10);
	at->gone = number_at(answer, 7, 10);
	at->damaged = number_at(answer, 8, 10);
	at->newest_ms = number_at(answer, 9, 10);
}

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	struct hs_postgresql *s = of(t);
	struct hs_slice name = hs_slice_str(t->name);
	PGresult *answer;
	enum hs_target_result result = hs_postgresql_begin(s);

	*at = (struct hs_target_position){ .found = false };
	if (result != HS_TARGET_OK) {
		rollback(t);
		return result;
	}
	hs_postgresql_begin_sql(s, "SELECT spool, number, \"offset\", edit, before, records, rest, ");
	hs_postgresql_put(s, t->counts);
	hs_postgresql_put(s, " FROM ");
	hs_postgresql_put_own_table(s, "hookspool_load");
	hs_postgresql_put(s, t->look_only ? " WHERE name = $1" : " WHERE name = $1 FOR UPDATE");
	result = hs_postgresql_ask(s, &name, 1, &answer);
	if (result == HS_TARGET_OK)
		read_position(answer, at);
	else
		rollback(t);
	PQclear(answer);
	s->at = *at;
	if (result == HS_TARGET_CATALOGUE && t->look_only)
		return HS_TARGET_OK;
	return result;
}

/*
 * A constraint that is deferred refuses the whole transaction at its end: the next one checks at each statement, so
 * that the row is found; then it is deferred again.
 */
static enum hs_target_result commit(struct hs_target *t)
{
	struct hs_postgresql *s = of(t);
	PGresult *answer = PQexec(s->db, "COMMIT");
	enum hs_target_result result = hs_postgresql_result(s, answer);

	if (result == HS_TARGET_OK && strcmp(PQcmdStatus(answer), "COMMIT") != 0) {
		snprintf(t->message, sizeof t->message, "the server has rolled back instead of committing");
		result = HS_TARGET_AGAIN;
	}
	PQclear(answer);
	if (result == HS_TARGET_ROW && !s->checks_at_once) {
		s->checks_at_once = true;
		return HS_TARGET_CATALOGUE; /* a table of the batch is not as we believed */
	}
	s->checks_at_once = s->checks_at_once && result != HS_TARGET_OK;
	return result;
}

static enum hs_target_result is_alone(struct hs_target *t, bool *alone)
{
	struct hs_postgresql *s = of(t);
	struct hs_slice name = hs_slice_str(t->name);
	enum hs_target_result result;
	long others = 0;

	hs_postgresql_begin_sql(s, "SELECT count(*) FROM ");
	hs_postgresql_put_own_table(s, "hookspool_load");
	hs_postgresql_put(s, " WHERE name <> $1");
	result = ask_number(s, &name, 1, &others);
	*alone = others == 0;
	return result;
}

static enum hs_target_result set_position(struct hs_target *t, const struct hs_target_position *at)
{
	typedef unsigned long long ull;
	struct hs_postgresql *s = of(t);
	struct hs_slice value[] = { hs_slice_str(t->name), hs_slice_str(at->spool) };
	PGresult *answer;
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, s->at.found ? "UPDATE " : "INSERT INTO ");
	hs_postgresql_put_own_table(s, "hookspool_load");
	hs_postgresql_put(s, s->at.found ? " SET (" : " (name, ");
	hs_postgresql_put(s, "spool, number, \"offset\", edit, before, records, rest, " HS_TARGET_COUNTS ", saved_at)");
	hs_postgresql_put(s, s->at.found ? " = ($2" : " VALUES ($1, $2");
	hs_buf_printf(&s->sql, ", %llu, %llu, %llu, '%016llx', %llu, %llu, %llu, %llu, %llu, now())%s", (ull)at->number,
	              (ull)at->offset, (ull)at->edit, (ull)at->before, (ull)at->records, (ull)at->rest, (ull)at->gone,
	              (ull)at->damaged, (ull)at->newest_ms, s->at.found ? "" : " ON CONFLICT DO NOTHING");
	if (s->at.found)
		hs_buf_printf(&s->sql, " WHERE name = $1 AND number = %llu AND \"offset\" = %llu AND edit = %llu",
		              (ull)s->at.number, (ull)s->at.offset, (ull)s->at.edit);
	result = hs_postgresql_ask(s, value, 2, &answer);
	if (result == HS_TARGET_OK && strcmp(PQcmdTuples(answer), "1") != 0) {
		snprintf(t->message, sizeof t->message, "somebody else has moved the position");
		result = HS_TARGET_AGAIN;
	}
	PQclear(answer);
	return result;
}

static void free_target(struct hs_target *t)
{
	disconnect(t);
	hs_buf_free(&of(t)->sql);
	hs_buf_free(&of(t)->data);
	free(t);
}

/* --- the target -------------------------------------------------------------------------------------- */

static const struct hs_target_ops ops = {
	.name = "postgresql",
	.numbers = HS_NUMBER_EXACT,
	.columns_max = 1600,
	.has_schemas = true,
	.mend_id = { "ALTER TABLE \"", "\" ALTER id TYPE text COLLATE \"C\", ADD UNIQUE (id)" },
	.connect = connect_to,
	.disconnect = disconnect,
	.tables = hs_postgresql_tables,
	.stamp = hs_postgresql_stamp,
	.make_table = make_table,
	.add_columns = add_columns,
	.note_name = note_name,
	.begin = begin,
	.insert = hs_postgresql_insert,
	.upsert = hs_postgresql_upsert,
	.select = hs_postgresql_select,
	.keep_row = hs_postgresql_keep_row,
	.free_row = hs_postgresql_free_row,
	.scan = hs_postgresql_scan,
	.erase = hs_postgresql_erase,
	.retype_begin = retype_begin,
	.update = update,
	.retype_end = retype_end,
	.is_alone = is_alone,
	.set_position = set_position,
	.commit = commit,
	.rollback = rollback,
	.free = free_target,
};

struct hs_target *hs_target_postgresql_new(void)
{
	struct hs_postgresql *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->target.ops = &ops;
	return &s->target;
}
