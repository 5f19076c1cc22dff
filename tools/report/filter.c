#include "tools/report/filter.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "tools/report/record_head.h"

#include <stdio.h>
#include <stdlib.h>

bool hs_filter_when(const char *text, int64_t now_ms, int64_t *ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits <= 9 && text[digits] != '\0' && text[digits + 1] == '\0')
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (text[digits] == units[i].unit) {
				*ms = now_ms - strtoll(text, NULL, 10) * units[i].ms;
				return true;
			}
	return hs_timestamp_parse(hs_slice_str(text), ms);
}

static bool take_time(const char *command, const char *name, const char *argument, bool *given,
		      int64_t *ms)
{
	*given = hs_filter_when(argument, hs_io_now(), ms);
	if (!*given)
		fprintf(stderr,
			"hookspool %s: --%s %s: expected a date (2026-11-23, 2026-11-23T10:15:00Z) "
			"or an age "
			"(90s, 15m, 2h, 7d)\n",
			command, name, argument);
	return *given;
}

bool hs_filter_option(struct hs_filter *f, const char *command, int option, const char *argument)
{
	int by = option - HS_FILTER_OPTION;

	if (option == HS_FILTER_SINCE)
		return take_time(command, "since", argument, &f->since_given, &f->since_ms);
	if (option == HS_FILTER_NO_TEST) {
		f->no_test = true;
		return true;
	}
	if (option == HS_FILTER_UNTIL)
		return take_time(command, "until", argument, &f->until_given, &f->until_ms);
	if (f->by[by].count == HS_FILTER_VALUES_MAX) {
		fprintf(stderr, "hookspool %s: one option may be given %d times at most\n", command,
			HS_FILTER_VALUES_MAX);
		return false;
	}
	f->by[by].value[f->by[by].count++] = hs_slice_str(argument);
	return true;
}

void hs_filter_free(struct hs_filter *f)
{
	hs_buf_free(&f->scratch);
}

bool hs_filter_is_empty(const struct hs_filter *f)
{
	for (int by = 0; by < HS_BYS; by++)
		if (f->by[by].count > 0)
			return false;
	return !f->since_given && !f->until_given && !f->no_test;
}

static bool is_one_of(struct hs_filter *f, enum hs_filter_by by, const struct hs_record_field *leaf)
{
	for (unsigned i = 0; i < f->by[by].count; i++)
		if (by == HS_BY_USER ? hs_record_field_is_id(leaf, f->by[by].value[i], &f->scratch)
				     : hs_record_field_is(leaf, f->by[by].value[i], &f->scratch))
			return true;
	return false;
}

static bool is_in_time(const struct hs_filter *f, int64_t ms)
{
	return (!f->since_given || ms >= f->since_ms) && (!f->until_given || ms < f->until_ms);
}

/* The questions of a filter, as a walk along the left edge of a line answers them. */
struct answers {
	bool missing[HS_BYS]; /* asked, and not found yet */
	bool timed;           /* asked, and known to be in time */
};

#define NAMED(leaf, literal) hs_slice_eq((leaf)->name, HS_SLICE(literal))

/* The fixed names stand in lines as they are here: hookspool itself writes them. */
static bool look_at(struct hs_filter *f, const struct hs_record_field *leaf, struct answers *a)
{
	int64_t ms;

	if (NAMED(leaf, "type")) {
		a->missing[HS_BY_TYPE] = a->missing[HS_BY_TYPE] && !is_one_of(f, HS_BY_TYPE, leaf);
		return !a->missing[HS_BY_TYPE];
	}
	if (NAMED(leaf, "event")) {
		a->missing[HS_BY_EVENT] =
		    a->missing[HS_BY_EVENT] && !is_one_of(f, HS_BY_EVENT, leaf);
		return !a->missing[HS_BY_EVENT];
	}
	if (NAMED(leaf, "user_id") || NAMED(leaf, "anonymous_id")) {
		a->missing[HS_BY_USER] = a->missing[HS_BY_USER] && !is_one_of(f, HS_BY_USER, leaf);
	} else if (NAMED(leaf, "tenant")) {
		a->missing[HS_BY_TENANT] =
		    a->missing[HS_BY_TENANT] && !is_one_of(f, HS_BY_TENANT, leaf);
		return !a->missing[HS_BY_TENANT];
	} else if (!a->timed && (NAMED(leaf, "timestamp") || NAMED(leaf, "spooled_at")) &&
		   hs_timestamp_parse(leaf->value, &ms)) {
		a->timed = true;
		return is_in_time(f, ms);
	}
	return true;
}

static bool is_test(struct hs_filter *f, struct hs_slice line)
{
	struct hs_record_head m;

	hs_record_head_read(&m, line);
	return hs_record_head_is_test(&m, &f->scratch);
}

bool hs_filter_passes(struct hs_filter *f, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct answers a = { .timed = !f->since_given && !f->until_given };
	struct hs_record_field leaf;
	bool open = !a.timed;

	for (int by = 0; by < HS_BYS; by++)
		open |= a.missing[by] = f->by[by].count > 0;
	if (f->no_test && is_test(f, line))
		return false;
	while (open && hs_record_field_next(&walk, &leaf)) {
		bool last = NAMED(&leaf, "spooled_at"); /* of the fixed names */

		if (!look_at(f, &leaf, &a))
			return false;
		open = !a.timed;
		for (int by = 0; by < HS_BYS; by++)
			open |= a.missing[by];
		if (last)
			break;
	}
	return !open;
}
