/*
 * row_choice: what --include and --exclude choose of tables and columns. Pure.
 */
#ifndef HS_ROW_CHOICE_H
#define HS_ROW_CHOICE_H

#include "warehouse/tables.h"

/* Choices beyond the rules of rows.h. Zeroed: nothing. The lists are NULL-terminated; NULL: empty. */
struct hs_row_options {
	const char *const
	    *include; /* GLOBs "TABLE": no other table; "TABLE.COLUMN": a field that is left out, as "_NAME" */
	const char *const *exclude; /* GLOBs "TABLE", "TABLE.COLUMN"; what hs_table_needs stays */
	bool tenant;                /* tables have a column `tenant` */
};

/* True if there is a list. */
bool hs_row_options_choose(const struct hs_row_options *options);

bool hs_row_wants_table(const struct hs_row_options *options, struct hs_slice table);

/* `left_out`: only --include takes the column. */
bool hs_row_wants_column(const struct hs_row_options *options, struct hs_slice table, struct hs_slice column,
                         bool left_out);

#endif
