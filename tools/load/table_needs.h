/*
 * table_needs: what a table must have that somebody else has made, so that each row is there once and the rows of a
 * person are found.
 */
#ifndef HS_TABLE_NEEDS_H
#define HS_TABLE_NEEDS_H

#include "tools/load/target.h"

/* A reason why the loader cannot use a table, and what mends it: "run: ALTER TABLE …". Both may be cut. */
struct hs_table_lack {
	char what[208], remedy[300];
};

/* True if the loader can use the table; else fills `lack`. A column that is missing is none of the reasons. */
bool hs_table_is_fit(const struct hs_target *target, const struct hs_target_table *table, struct hs_table_lack *lack);

/* The part of it that a delete needs: columns that take each id of a person, and the time of a row. */
bool hs_table_has_person(const struct hs_target *target, const struct hs_target_table *table,
                         struct hs_table_lack *lack);

/* True for columns by which the rows of a person are found. */
bool hs_table_is_of_person(const char *column);

#endif
