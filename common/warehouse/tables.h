/*
 * tables: the tables of the warehouse schema, and the columns that each is made with. Pure.
 */
#ifndef HS_TABLES_H
#define HS_TABLES_H

#include "warehouse/value.h"

enum hs_table_kind {
	HS_TABLE_TRACKS,
	HS_TABLE_EVENT, /* one for each name of a track */
	HS_TABLE_IDENTIFIES,
	HS_TABLE_PAGES,
	HS_TABLE_SCREENS,
	HS_TABLE_GROUPS,
	HS_TABLE_ALIASES,
	HS_TABLE_USERS,
	HS_TABLE_ACCOUNTS,
	HS_TABLE_KINDS,
};

/* The name of a table of this kind; of HS_TABLE_EVENT "". */
struct hs_slice hs_table_name(enum hs_table_kind kind);

/* A column that a table is made with, even while it has no value. */
struct hs_required_column {
	const char *name;
	enum hs_column_type type;
};

/* Fills `column` with those of a kind; returns their number. */
enum { HS_REQUIRED_COLUMNS_MAX = 32 };
size_t hs_required_columns(enum hs_table_kind kind, bool tenant,
                           struct hs_required_column column[static HS_REQUIRED_COLUMNS_MAX]);

/*
 * True for those of these columns that the loader cannot do without: they tell rows apart, put them in order, and are
 * what the rows of a person are found by.
 */
bool hs_table_needs(enum hs_table_kind kind, struct hs_slice column);

/* The kind of a table with this name. */
enum hs_table_kind hs_table_kind_of(struct hs_slice table);

#endif
