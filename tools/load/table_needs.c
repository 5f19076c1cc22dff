#include "tools/load/table_needs.h"

#include <stdio.h>
#include <string.h>

bool hs_table_is_of_person(const char *column)
{
	return strcmp(column, "user_id") == 0 || strcmp(column, "anonymous_id") == 0 ||
	       strcmp(column, "previous_id") == 0 || strcmp(column, "group_id") == 0;
}

static const struct hs_target_column *find(const struct hs_target_table *table, const char *name)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->column[i].name, name) == 0)
			return &table->column[i];
	return NULL;
}

static bool is_text(const struct hs_target_table *table, const char *name)
{
	const struct hs_target_column *column = find(table, name);

	return column == NULL || column->type == HS_COLUMN_TEXT;
}

/* SQLite has no type for times: their texts have the order of the times. */
static bool is_time(const struct hs_target *target, const struct hs_target_column *column)
{
	return column->type == HS_COLUMN_TIMESTAMP ||
	       (column->type == HS_COLUMN_TEXT && strcmp(target->ops->name, "sqlite") == 0);
}

static void refuse_column(const struct hs_target *target, const struct hs_target_table *table,
                          const struct hs_target_column *column, const char *type, struct hs_table_lack *lack)
{
	const char *name = table->name + strlen(target->prefix);

	snprintf(lack->what, sizeof lack->what, "%s.%s must be a %s, or the rows of a person would not be found",
	         table->name, column->name, type);
	if (column->type == HS_COLUMN_FOREIGN)
		snprintf(lack->remedy, sizeof lack->remedy, "change its type by SQL");
	else
		snprintf(lack->remedy, sizeof lack->remedy, "run: hookspool load with --retype %s.%s=%s", name,
		         column->name, type);
}

/* By these columns a delete and an erase find the rows: what a column does not take would be in _rest. */
bool hs_table_has_person(const struct hs_target *target, const struct hs_target_table *table,
                         struct hs_table_lack *lack)
{
	struct hs_required_column required[HS_REQUIRED_COLUMNS_MAX];
	enum hs_table_kind kind = hs_table_kind_of(hs_slice_str(table->name + strlen(target->prefix)));
	size_t n = hs_required_columns(kind, false, required);

	for (size_t i = 0; i < n; i++) {
		const struct hs_target_column *column = find(table, required[i].name);
		bool is_person = hs_table_is_of_person(required[i].name);
		bool is_uuid_ts =
		    strcmp(required[i].name, "uuid_ts") == 0 && kind != HS_TABLE_USERS && kind != HS_TABLE_ACCOUNTS;

		if (column == NULL ||
		    !(is_person ? column->type != HS_COLUMN_TEXT : is_uuid_ts && !is_time(target, column)))
			continue;
		refuse_column(target, table, column, is_person ? "text" : "timestamp", lack);
		return false;
	}
	return true;
}

bool hs_table_is_fit(const struct hs_target *target, const struct hs_target_table *table, struct hs_table_lack *lack)
{
	const char *const *mend = target->ops->mend_id;
	bool has_schema = strcmp(target->ops->name, "postgresql") == 0;

	if (!table->unique_id) {
		snprintf(lack->what, sizeof lack->what,
		         "%s has no unique index on id that compares bytes, so a row could be there twice",
		         table->name);
		snprintf(lack->remedy, sizeof lack->remedy, "run: %s%s%s%s%s%s%s", mend[0],
		         has_schema ? target->schema : "", has_schema ? "\".\"" : "", table->name, mend[1],
		         mend[2] != NULL ? table->name : "", mend[2] != NULL ? mend[2] : "");
		return false;
	}
	if (!is_text(table, "id") || !is_text(table, "_rest")) {
		snprintf(lack->what, sizeof lack->what, "%s: id and _rest must be text, and not generated",
		         table->name);
		snprintf(lack->remedy, sizeof lack->remedy, "rename what is there");
		return false;
	}
	return hs_table_has_person(target, table, lack);
}
