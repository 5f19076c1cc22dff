/*
 * filter: which records a command is about: --type, --event, --user, --tenant, --since and
 * --until, and --no-test. Each of the first four may be given several times: any of its values will do.
 */
#ifndef HS_FILTER_H
#define HS_FILTER_H

#include "event/record_fields.h"

#include <stdint.h>

enum { HS_FILTER_VALUES_MAX = 64 /* of one option */ };

/* What an option compares with: fields of the record. */
enum hs_filter_by { HS_BY_TYPE, HS_BY_EVENT, HS_BY_USER, HS_BY_TENANT, HS_BYS };

/* Zeroed: everything passes. hs_filter_free returns its scratch. */
struct hs_filter {
	struct {
		struct hs_slice value[HS_FILTER_VALUES_MAX];
		unsigned count;
	} by[HS_BYS];
	bool since_given, until_given;
	bool no_test;               /* not what hookspool send has made up, see routing_rules.h */
	int64_t since_ms, until_ms; /* since_ms <= time < until_ms */
	struct hs_buf scratch;
};

/* Rows for a command's table of options (command.h). */
enum { HS_FILTER_OPTION = 0x200, HS_FILTER_SINCE = HS_FILTER_OPTION + HS_BYS, HS_FILTER_UNTIL, HS_FILTER_NO_TEST };
#define HS_FILTER_OPTIONS \
	{ "type", "TYPE", HS_FILTER_OPTION + HS_BY_TYPE, "records of this type; each filter may be repeated" }, \
	{ "event", "NAME", HS_FILTER_OPTION + HS_BY_EVENT, "of this event" }, \
	{ "user", "ID", HS_FILTER_OPTION + HS_BY_USER, "of this user_id or anonymous_id" }, \
	{ "tenant", "LABEL", HS_FILTER_OPTION + HS_BY_TENANT, "that came with this key" }, \
	{ "since", "WHEN", HS_FILTER_SINCE, "not before this: 2026-11-23, 2026-11-23T10:15:00Z, 2h, 7d (ago)" }, \
	{ "until", "WHEN", HS_FILTER_UNTIL, "before this" }, \
	{ "no-test", NULL, HS_FILTER_NO_TEST, "without the events that hookspool send makes up" }

/*
 * Takes one option; the argument must outlive the filter. False after a message to
 * standard error, in the name of `command`.
 */
bool hs_filter_option(struct hs_filter *f, const char *command, int option, const char *argument);

bool hs_filter_passes(struct hs_filter *f, struct hs_slice line);
bool hs_filter_is_empty(const struct hs_filter *f); /* everything passes */
void hs_filter_free(struct hs_filter *f);

/*
 * A point in time, in ms since 1970: a date or date-time as in ISO 8601 (UTC unless it
 * says otherwise), or how long ago: 90s, 15m, 2h, 7d. False if it is neither.
 */
bool hs_filter_when(const char *text, int64_t now_ms, int64_t *ms);

#endif
