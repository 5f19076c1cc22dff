#include "warehouse/row_choice.h"
#include "warehouse/column_names.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static bool matches(const char *const *globs, struct hs_slice table, struct hs_slice column)
{
	char name[2 * HS_WAREHOUSE_NAME + 2];

	if (globs == NULL)
		return false;
	snprintf(name, sizeof name, "%.*s%s%.*s", (int)table.n, table.p, column.n > 0 ? "." : "", (int)column.n,
	         column.n > 0 ? column.p : "");
	for (; *globs != NULL; globs++)
		if ((strchr(*globs, '.') != NULL) == (column.n > 0) && fnmatch(*globs, name, 0) == 0)
			return true;
	return false;
}

static bool has_table_glob(const char *const *globs)
{
	for (; globs != NULL && *globs != NULL; globs++)
		if (strchr(*globs, '.') == NULL)
			return true;
	return false;
}

bool hs_row_options_choose(const struct hs_row_options *o)
{
	return o->include != NULL || o->exclude != NULL;
}

bool hs_row_wants_table(const struct hs_row_options *o, struct hs_slice table)
{
	if (has_table_glob(o->include) && !matches(o->include, table, HS_SLICE_NONE))
		return false;
	return !matches(o->exclude, table, HS_SLICE_NONE);
}

bool hs_row_wants_column(const struct hs_row_options *o, struct hs_slice table, struct hs_slice column, bool left_out)
{
	if (left_out && !matches(o->include, table, column))
		return false;
	return !matches(o->exclude, table, column) || hs_table_needs(hs_table_kind_of(table), column);
}
