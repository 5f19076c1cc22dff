#include "warehouse/tables.h"

static const char *const names[HS_TABLE_KINDS] = {
	[HS_TABLE_TRACKS] = "tracks",   [HS_TABLE_EVENT] = "",          [HS_TABLE_IDENTIFIES] = "identifies",
	[HS_TABLE_PAGES] = "pages",     [HS_TABLE_SCREENS] = "screens", [HS_TABLE_GROUPS] = "groups",
	[HS_TABLE_ALIASES] = "aliases", [HS_TABLE_USERS] = "users",     [HS_TABLE_ACCOUNTS] = "accounts",
};

struct hs_slice hs_table_name(enum hs_table_kind kind)
{
	return hs_slice_str(names[kind]);
}

enum hs_table_kind hs_table_kind_of(struct hs_slice table)
{
	for (int kind = 0; kind < HS_TABLE_KINDS; kind++)
		if (kind != HS_TABLE_EVENT && hs_slice_eq(table, hs_slice_str(names[kind])))
			return (enum hs_table_kind)kind;
	return HS_TABLE_EVENT;
}

/* Rows of kinds: 1 << enum hs_table_kind, for each that is made with the column. */
#define KIND(name) (1U << HS_TABLE_##name)
#define ALL ((1U << HS_TABLE_KINDS) - 1)
#define LATEST (KIND(USERS) | KIND(ACCOUNTS))

static const struct {
	struct hs_required_column column;
	unsigned kinds;
} required[] = {
	{ { "id", HS_COLUMN_TEXT }, ALL },
	{ { "received_at", HS_COLUMN_TIMESTAMP }, ALL },
	{ { "uuid_ts", HS_COLUMN_TIMESTAMP }, ALL },
	{ { "timestamp", HS_COLUMN_TIMESTAMP }, ALL },
	{ { "sent_at", HS_COLUMN_TIMESTAMP }, ALL },
	{ { "original_timestamp", HS_COLUMN_TIMESTAMP }, ALL },
	{ { "anonymous_id", HS_COLUMN_TEXT }, ALL & ~LATEST },
	{ { "user_id", HS_COLUMN_TEXT }, ALL & ~LATEST },
	{ { "tenant", HS_COLUMN_TEXT }, ALL },
	{ { "event", HS_COLUMN_TEXT }, KIND(TRACKS) | KIND(EVENT) },
	{ { "event_text", HS_COLUMN_TEXT }, KIND(TRACKS) | KIND(EVENT) },
	{ { "name", HS_COLUMN_TEXT }, KIND(PAGES) | KIND(SCREENS) },
	{ { "category", HS_COLUMN_TEXT }, KIND(PAGES) | KIND(SCREENS) },
	{ { "group_id", HS_COLUMN_TEXT }, KIND(GROUPS) },
	{ { "previous_id", HS_COLUMN_TEXT }, KIND(ALIASES) },
	{ { "_as_of", HS_COLUMN_TEXT }, LATEST },
	/* what dbt's package for Segment selects from pages; Segment itself makes a column at its first value */
	{ { "url", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "path", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "title", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "search", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "referrer", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_ip", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_user_agent", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_campaign_source", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_campaign_medium", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_campaign_name", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_campaign_term", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "context_campaign_content", HS_COLUMN_TEXT }, KIND(PAGES) },
	{ { "_rest", HS_COLUMN_TEXT }, ALL },
};

size_t hs_required_columns(enum hs_table_kind kind, bool tenant,
                           struct hs_required_column column[static HS_REQUIRED_COLUMNS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof required / sizeof *required; i++)
		if ((required[i].kinds >> kind & 1) != 0 && (tenant || strcmp(required[i].column.name, "tenant") != 0))
			column[n++] = required[i].column;
	return n;
}

bool hs_table_needs(enum hs_table_kind kind, struct hs_slice column)
{
	static const char *const needed[] = { "id",           "received_at", "uuid_ts", "timestamp",
		                              "anonymous_id", "user_id",     "tenant",  "group_id",
		                              "previous_id",  "_as_of",      "_rest" };
	bool is_needed = false;

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		is_needed = is_needed || hs_slice_eq(column, hs_slice_str(needed[i]));
	for (size_t i = 0; is_needed && i < sizeof required / sizeof *required; i++)
		if ((required[i].kinds >> kind & 1) != 0 && hs_slice_eq(column, hs_slice_str(required[i].column.name)))
			return true;
	return false;
}
