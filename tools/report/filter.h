/*
 * filter: chooses records by the options --type, --event, --user, --tenant, --since, --until and
 * --no-test. Each of the first four may be repeated: one of its values must match.
 */
#ifndef HS_FILTER_H
#define HS_FILTER_H

#include "event/record_fields.h"
#include "spool/summary/summary_file.h"

#include <stdint.h>

enum { HS_FILTER_VALUES_MAX = 64 /* of one option */ };

/* The fields that options compare with. */
enum hs_filter_by { HS_BY_TYPE, HS_BY_EVENT, HS_BY_USER, HS_BY_TENANT, HS_BYS };

/* Zeroed: everything passes. Change it by the functions below; hs_filter_free frees its scratch. */
struct hs_filter {
	struct {
		struct hs_slice value[HS_FILTER_VALUES_MAX];
		unsigned count;
	} by[HS_BYS];
	unsigned asked; /* bits of enum hs_filter_by that have values, and one for the time */
	bool since_given, until_given;
	bool without_tenant;        /* records of no tenant pass, too: - or * is among the values */
	bool no_test;               /* not the events that hookspool send makes up (record_head.h) */
	int64_t since_ms, until_ms; /* since_ms <= time < until_ms */
	struct hs_buf scratch;
};

/* Rows for a command's table of options (command.h). */
enum { HS_FILTER_OPTION = 0x200, HS_FILTER_SINCE = HS_FILTER_OPTION + HS_BYS, HS_FILTER_UNTIL, HS_FILTER_NO_TEST };
#define HS_FILTER_OPTIONS \
	{ "type", "TYPE", HS_FILTER_OPTION + HS_BY_TYPE, "records of this type; each filter may be repeated" }, \
	    { "event", "NAME", HS_FILTER_OPTION + HS_BY_EVENT, "of this event" }, \
	    { "user", "ID", HS_FILTER_OPTION + HS_BY_USER, "of this user_id or anonymous_id" }, \
	    { "tenant", "LABEL", HS_FILTER_OPTION + HS_BY_TENANT, "of this tenant; - for none, '*' for any" }, \
	    { "since", "WHEN", HS_FILTER_SINCE, "not before this: 2026-11-23, 2026-11-23T10:15:00Z, 2h, 7d (ago)" }, \
	    { "until", "WHEN", HS_FILTER_UNTIL, "before this" }, \
	{ \
		"no-test", NULL, HS_FILTER_NO_TEST, "without the events that hookspool send makes up" \
	}

/*
 * Adds one option; the argument must outlive the filter. False after a message to standard error,
 * in the name of `command`.
 */
bool hs_filter_option(struct hs_filter *f, const char *command, int option, const char *argument);

/* 1: it passes; 0: it does not; -1: out of memory, so that nobody knows: the record must not be passed by. */
int hs_filter_passes(struct hs_filter *f, struct hs_slice line);
/* Whether the tenant of a record or of a rejected line is asked for; name.p NULL: it has none. False: or no memory. */
bool hs_filter_takes_tenant(struct hs_filter *f, const struct hs_record_field *tenant);
/* False only if no line of the summary's segment passes; the summary is of the events, and `odd` is 0. */
bool hs_filter_may_pass(const struct hs_filter *f, struct hs_summary_reader *summary);
bool hs_filter_is_empty(const struct hs_filter *f); /* true: everything passes */
/* True only if every line of the summary's segment passes: with --no-test alone, no line names the test user. */
bool hs_filter_all_pass(const struct hs_filter *f, struct hs_summary_reader *summary);
void hs_filter_clear(struct hs_filter *f, enum hs_filter_by by); /* forgets these values */
void hs_filter_free(struct hs_filter *f);

/*
 * Reads a point in time, as ms since 1970: a date or date-time as in ISO 8601 (UTC unless it says
 * otherwise), or an age: 90s, 15m, 2h, 7d. False if it is neither.
 */
bool hs_filter_when(const char *text, int64_t now_ms, int64_t *ms);

#endif
