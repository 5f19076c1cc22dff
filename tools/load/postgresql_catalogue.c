/* postgresql_catalogue: tables and columns of a schema of PostgreSQL, as anybody may have made them. */
#include "tools/load/postgresql_link.h"
#include "tools/load/postgresql_types.h"

#include <stdlib.h>
#include <string.h>

/* Columns of the answer below. */
enum { TABLE, COLUMN, DROPPED, TYPE, MODIFIER, GENERATED, UNIQUE_ID, OTHER_UNIQUE, TRIGGERS, LOOSE };

/*
 * A unique index that guards `id` alone: valid, for every row, checked at once. With none that is loose, whose
 * collation may take different bytes for one id: ON CONFLICT ("id") goes by all of them.
 */
static const char catalogue_sql[] =
    "SELECT relname, attname, attisdropped, atttypid, atttypmod, attgenerated <> '' OR attidentity = 'a', "
    "coalesce(unique_id, false), coalesce(other_unique, false), "
    "EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal), "
    "EXISTS (SELECT FROM pg_catalog.pg_collation k WHERE k.oid = attcollation AND NOT collisdeterministic) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace "
    "JOIN pg_catalog.pg_attribute a ON attrelid = c.oid AND attnum > 0 "
    "LEFT JOIN LATERAL (SELECT bool_or(on_id) AND NOT bool_or(on_id AND loose) AS unique_id, "
    "bool_or(NOT on_id) AS other_unique FROM (SELECT EXISTS (SELECT FROM pg_catalog.pg_collation k "
    "WHERE k.oid = indcollation[0] AND NOT collisdeterministic) AS loose, indisvalid AND indimmediate AND indpred IS "
    "NULL AND indnkeyatts = 1 AND indkey[0] = ("
    "SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attname = 'id' AND NOT attisdropped) "
    "IS TRUE AS on_id FROM pg_catalog.pg_index WHERE indrelid = c.oid AND indisunique) i) u ON true "
    "WHERE nspname = $1 AND relkind IN ('r', 'p') AND left(relname::text, length($2)) = $2 ORDER BY c.oid, attnum";

/* Names that no table can have: those of views, indexes and so on, and of types, since each table makes a type. */
static const char taken_sql[] =
    "SELECT relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace "
    "WHERE nspname = $1 AND relkind NOT IN ('r', 'p') AND left(relname::text, length($2)) = $2 "
    "UNION SELECT typname FROM pg_catalog.pg_type JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace "
    "WHERE nspname = $1 AND typrelid = 0 AND typelem = 0 AND left(typname::text, length($2)) = $2";

/*
 * Each version of a row of the catalogue has the number of the transaction that wrote it. A new table, index, type or
 * column has changed a row of pg_class; a column that is renamed, that of pg_attribute alone.
 */
static const char stamp_sql[] =
    "SELECT count(*) + coalesce(sum(c.xmin::text::bigint), 0) + CASE WHEN $2 = '' THEN 0 ELSE (SELECT count(*) + "
    "coalesce(sum(a.xmin::text::bigint), 0) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class r ON r.oid = "
    "attrelid JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace WHERE m.nspname = $1 AND attnum > 0) END "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE n.nspname = $1";

static bool is_true(const PGresult *answer, int row, int column)
{
	return PQgetvalue(answer, row, column)[0] == 't';
}

static struct hs_target_column type_of(const PGresult *answer, int row)
{
	const struct hs_postgresql_type *type = hs_postgresql_type(strtoul(PQgetvalue(answer, row, TYPE), NULL, 10));
	bool modified = strcmp(PQgetvalue(answer, row, MODIFIER), "-1") != 0;

	if (is_true(answer, row, GENERATED) || type == NULL || (modified && !type->any_modifier) ||
	    (type->only_rest && strcmp(PQgetvalue(answer, row, COLUMN), "_rest") != 0))
		return (struct hs_target_column){ .type = HS_COLUMN_FOREIGN };
	return (struct hs_target_column){ .type = type->column, .numbers = type->numbers };
}

/* Fills in the table whose first column is in `row`; returns the row after its last one. -1: out of memory. */
static int read_table(const PGresult *answer, int row, struct hs_target_table *table)
{
	const char *name = PQgetvalue(answer, row, TABLE);

	table->name = strdup(name);
	table->unique_id = is_true(answer, row, UNIQUE_ID);
	table->other_unique = is_true(answer, row, OTHER_UNIQUE);
	table->triggers = is_true(answer, row, TRIGGERS);
	for (; row < PQntuples(answer) && strcmp(PQgetvalue(answer, row, TABLE), name) == 0; row++) {
		struct hs_target_column column = type_of(answer, row);

		if (is_true(answer, row, DROPPED)) {
			table->dropped++;
			continue;
		}
		if (!hs_target_add_column(table, hs_slice_str(PQgetvalue(answer, row, COLUMN)), column.type))
			return -1;
		table->column[table->columns - 1].numbers = column.numbers;
		table->column[table->columns - 1].loose = is_true(answer, row, LOOSE);
	}
	return table->name == NULL ? -1 : row;
}

static enum hs_target_result pass_taken(struct hs_postgresql *s, const struct hs_slice *value,
                                        bool (*each)(void *context, const struct hs_target_table *table), void *context)
{
	PGresult *answer;
	enum hs_target_result result;

	hs_postgresql_begin_sql(s, taken_sql);
	result = hs_postgresql_ask(s, value, 2, &answer);
	for (int row = 0; result == HS_TARGET_OK && row < PQntuples(answer); row++)
		if (!each(context, &(struct hs_target_table){ .name = PQgetvalue(answer, row, 0), .taken = true }))
			result = hs_postgresql_no_memory(s);
	PQclear(answer);
	return result;
}

enum hs_target_result hs_postgresql_stamp(struct hs_target *t, bool whole, uint64_t *stamp)
{
	struct hs_postgresql *s = (struct hs_postgresql *)t;
	struct hs_slice value[] = { hs_slice_str(t->schema), whole ? HS_SLICE("whole") : HS_SLICE("") };
	PGresult *answer;
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, stamp_sql);
	result = hs_postgresql_ask(s, value, 2, &answer);
	if (result == HS_TARGET_OK)
		*stamp = strtoull(PQgetvalue(answer, 0, 0), NULL, 10);
	PQclear(answer);
	return result;
}

enum hs_target_result hs_postgresql_tables(struct hs_target *t,
                                           bool (*each)(void *context, const struct hs_target_table *table),
                                           void *context)
{
	struct hs_postgresql *s = (struct hs_postgresql *)t;
	struct hs_slice value[] = { hs_slice_str(t->schema), hs_slice_str(t->prefix) };
	PGresult *answer;
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, catalogue_sql);
	result = hs_postgresql_ask(s, value, 2, &answer);
	for (int row = 0; result == HS_TARGET_OK && row < PQntuples(answer);) {
		struct hs_target_table table = { .name = NULL };

		row = read_table(answer, row, &table);
		if (row < 0 || !each(context, &table))
			result = hs_postgresql_no_memory(s);
		hs_target_table_free(&table);
	}
	PQclear(answer);
	return result == HS_TARGET_OK ? pass_taken(s, value, each, context) : result;
}
