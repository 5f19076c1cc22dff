#include "tools/load/target.h"
#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char in_pieces[1];

struct hs_slice hs_target_pieces(size_t n)
{
	return hs_slice(in_pieces, n);
}

bool hs_target_is_pieces(struct hs_slice value)
{
	return value.p == in_pieces;
}

size_t hs_target_length(struct hs_slice value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++)
		n = 10 * n + (size_t)(value.p[i] - '0');
	return n;
}

bool hs_target_add_column(struct hs_target_table *table, struct hs_slice name, enum hs_column_type type)
{
	char *copy;

	if (!HS_ARRAY_ROOM(&table->column, table->columns, &table->cap))
		return false;
	copy = strndup(name.p, name.n);
	if (copy == NULL)
		return false;
	table->column[table->columns++] = (struct hs_target_column){ .name = copy, .type = type };
	return true;
}

void hs_target_table_free(struct hs_target_table *table)
{
	for (size_t i = 0; i < table->columns; i++) {
		free(table->column[i].name);
		free(table->column[i].path);
	}
	free(table->column);
	free(table->name);
	*table = (struct hs_target_table){ 0 };
}

enum hs_target_result hs_target_add_counts(struct hs_target *t,
                                           enum hs_target_result (*look)(struct hs_target *t, const char *column),
                                           enum hs_target_result (*add)(struct hs_target *t, const char *column))
{
	static const char *const columns[] = { "segments_gone", "lines_damaged", "newest_ms" };
	enum hs_target_result result = HS_TARGET_OK;
	size_t n = 0;

	for (size_t i = 0; i < sizeof columns / sizeof *columns && result == HS_TARGET_OK; i++) {
		bool there;

		result = look(t, columns[i]);
		there = result == HS_TARGET_OK || !t->look_only;
		if (result == HS_TARGET_CATALOGUE)
			result = t->look_only ? HS_TARGET_OK : add(t, columns[i]);
		n += (size_t)snprintf(t->counts + n, sizeof t->counts - n, "%s%s", i > 0 ? ", " : "",
		                      there ? columns[i] : "0");
	}
	return result;
}

const char *hs_target_meaning(enum hs_target_result result)
{
	static const char *const meanings[] = {
		[HS_TARGET_OK] = "fine",
		[HS_TARGET_AWAY] = "the database is away",
		[HS_TARGET_AGAIN] = "a lock is taken",
		[HS_TARGET_FULL] = "the database has no room",
		[HS_TARGET_CATALOGUE] = "its tables have changed",
		[HS_TARGET_WIDE] = "a row is too wide",
		[HS_TARGET_ROW] = "a row was refused",
		[HS_TARGET_UNTOLD] = "a dead letter cannot be written",
		[HS_TARGET_DENIED] = "permission denied",
		[HS_TARGET_UNFIT] = "the database cannot be loaded into",
		[HS_TARGET_BROKEN] = "an error",
	};

	return meanings[result];
}

/* A scheme of URLs. A target that is not built in has no function. */
static const struct {
	const char *scheme;
	struct hs_target *(*make)(void);
} targets[] = {
#ifdef HS_LOAD_SQLITE
	{ "sqlite:", hs_target_sqlite_new },
#else
	{ "sqlite:", NULL },
#endif
#ifdef HS_LOAD_POSTGRESQL
	{ "postgresql:", hs_target_postgresql_new }, { "postgres:", hs_target_postgresql_new },
#else
	{ "postgresql:", NULL }, { "postgres:", NULL },
#endif
#ifdef HS_LOAD_MARIADB
	{ "mysql:", hs_target_mysql_new },           { "mariadb:", hs_target_mysql_new },
#else
	{ "mysql:", NULL },      { "mariadb:", NULL },
#endif
};

struct hs_target *hs_target_new(const char *url, const char **why)
{
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		struct hs_target *target;

		if (strncmp(url, targets[i].scheme, strlen(targets[i].scheme)) != 0)
			continue;
		*why = "this build has no such database: make LOAD=\"sqlite postgresql mariadb\"";
		if (targets[i].make == NULL)
			return NULL;
		*why = "out of memory";
		target = targets[i].make();
		if (target == NULL)
			return NULL;
		target->url = url;
		if (target->ops->parse == NULL || target->ops->parse(target, why))
			return target;
		hs_target_free(target);
		return NULL;
	}
	*why = "expected sqlite:/PATH, postgresql://… or mysql://…";
	return NULL;
}

void hs_target_free(struct hs_target *t)
{
	if (t != NULL)
		t->ops->free(t);
}
