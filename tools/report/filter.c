#include "tools/report/filter.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "tools/report/record_head.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIME = 1 << HS_BYS, TENANT = 1 << HS_BY_TENANT /* bits of hs_filter.asked */ };
static const char ANY[] = "*"; /* no label has it */

bool hs_filter_when(const char *text, int64_t now_ms, int64_t *ms)
{
	int64_t age_ms;

	if (hs_duration_parse(text, &age_ms)) {
		*ms = now_ms - age_ms;
		return true;
	}
	return hs_timestamp_parse(hs_slice_str(text), ms);
}

static bool read_time(struct hs_filter *f, const char *command, const char *name, const char *argument, int64_t *ms)
{
	if (hs_filter_when(argument, hs_io_now(), ms)) {
		f->asked |= TIME;
		return true;
	}
	fprintf(stderr,
	        "hookspool %s: --%s %s: expected a date (2026-11-23, 2026-11-23T10:15:00Z) or an age "
	        "(90s, 15m, 2h, 7d)\n",
	        command, name, argument);
	return false;
}

bool hs_filter_option(struct hs_filter *f, const char *command, int option, const char *argument)
{
	int by = option - HS_FILTER_OPTION;

	if (option == HS_FILTER_SINCE)
		return f->since_given = read_time(f, command, "since", argument, &f->since_ms);
	if (option == HS_FILTER_UNTIL)
		return f->until_given = read_time(f, command, "until", argument, &f->until_ms);
	if (option == HS_FILTER_NO_TEST) {
		f->no_test = true;
		return true;
	}
	if (f->by[by].count == HS_FILTER_VALUES_MAX) {
		fprintf(stderr, "hookspool %s: one option may be given %d times at most\n", command,
		        HS_FILTER_VALUES_MAX);
		return false;
	}
	f->without_tenant |= by == HS_BY_TENANT && (strcmp(argument, "-") == 0 || strcmp(argument, ANY) == 0);
	f->by[by].value[f->by[by].count++] = hs_slice_str(argument);
	f->asked |= 1u << by;
	return true;
}

bool hs_filter_is_empty(const struct hs_filter *f)
{
	return f->asked == 0 && !f->no_test;
}

void hs_filter_clear(struct hs_filter *f, enum hs_filter_by by)
{
	f->by[by].count = 0;
	f->asked &= ~(1u << by);
	f->without_tenant = f->without_tenant && by != HS_BY_TENANT;
}

void hs_filter_free(struct hs_filter *f)
{
	hs_buf_free(&f->scratch);
}

/* False also if memory is out: then the scratch has failed, and nothing more is compared. */
static bool is_one_of(struct hs_filter *f, enum hs_filter_by by, const struct hs_record_field *field)
{
	for (unsigned i = 0; i < f->by[by].count && hs_buf_ok(&f->scratch); i++)
		if (by == HS_BY_USER ? hs_record_field_is_id(field, f->by[by].value[i], &f->scratch)
		                     : hs_record_field_is(field, f->by[by].value[i], &f->scratch))
			return true;
	return false;
}

bool hs_filter_takes_tenant(struct hs_filter *f, const struct hs_record_field *tenant)
{
	if (f->by[HS_BY_TENANT].count == 0)
		return true;
	if (tenant->name.p == NULL)
		return f->without_tenant;
	for (unsigned i = 0; i < f->by[HS_BY_TENANT].count; i++)
		if (hs_slice_eq(f->by[HS_BY_TENANT].value[i], hs_slice_str(ANY)))
			return true;
	return is_one_of(f, HS_BY_TENANT, tenant);
}

static bool is_in_time(const struct hs_filter *f, int64_t ms)
{
	return (!f->since_given || ms >= f->since_ms) && (!f->until_given || ms < f->until_ms);
}

#define NAMED(field, literal) hs_slice_eq((field)->name, HS_SLICE(literal))

/* The filter that compares this field, whose name is as hookspool itself writes it; HS_BYS: none. */
static enum hs_filter_by kind_of(struct hs_slice name)
{
	switch (name.n) {
	case 4: return hs_slice_eq(name, HS_SLICE("type")) ? HS_BY_TYPE : HS_BYS;
	case 5: return hs_slice_eq(name, HS_SLICE("event")) ? HS_BY_EVENT : HS_BYS;
	case 6: return hs_slice_eq(name, HS_SLICE("tenant")) ? HS_BY_TENANT : HS_BYS;
	case 7: return hs_slice_eq(name, HS_SLICE("user_id")) ? HS_BY_USER : HS_BYS;
	case 12: return hs_slice_eq(name, HS_SLICE("anonymous_id")) ? HS_BY_USER : HS_BYS;
	default: return HS_BYS;
	}
}

/* Returns what is missing after this field; *fails: no later field can help. */
static unsigned look_at(struct hs_filter *f, const struct hs_record_field *field, unsigned missing, bool *fails)
{
	enum hs_filter_by by = kind_of(field->name);
	unsigned bit = 1u << by;
	int64_t ms;

	if (by < HS_BYS && (missing & bit) != 0) {
		if (by == HS_BY_TENANT ? hs_filter_takes_tenant(f, field) : is_one_of(f, by, field))
			return missing & ~bit;
		*fails = by != HS_BY_USER; /* a record has two fields of users */
	} else if (by == HS_BYS && (missing & TIME) != 0 && (NAMED(field, "timestamp") || NAMED(field, "spooled_at")) &&
	           hs_timestamp_parse(hs_record_field_text(field, &f->scratch), &ms)) {
		*fails = !is_in_time(f, ms);
		return missing & ~(unsigned)TIME;
	}
	return missing;
}

static bool is_test(struct hs_filter *f, struct hs_slice line)
{
	struct hs_record_head head;

	hs_record_head_read(&head, line);
	return hs_record_head_is_test(&head, &f->scratch);
}

int hs_filter_passes(struct hs_filter *f, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	unsigned missing = f->asked;
	struct hs_record_field field;
	bool fails = false, whole = false;

	hs_buf_reset(&f->scratch);
	if (f->no_test && is_test(f, line))
		return 0;
	while (missing != 0 && !fails && hs_buf_ok(&f->scratch) && hs_record_field_next(&walk, &field)) {
		missing = look_at(f, &field, missing, &fails);
		whole = NAMED(&field, "spooled_at"); /* the last of the fixed names */
		if (whole)
			break;
	}
	if (f->without_tenant && whole && !fails) /* there is none, for one that is not asked for fails */
		missing &= ~(unsigned)TENANT;
	return !hs_buf_ok(&f->scratch) ? -1 : missing == 0 && !fails;
}

/* --- summaries ------------------------------------------------------------------------ */

static bool may_be_in_time(const struct hs_filter *f, const struct hs_summary *s)
{
	return s->timed > 0 && (!f->since_given || s->last_time >= f->since_ms) &&
	       (!f->until_given || s->first_time < f->until_ms);
}

static bool may_have_name(const struct hs_filter *f, enum hs_filter_by by, struct hs_summary_reader *summary,
                          enum hs_summary_kind kind)
{
	for (unsigned i = 0; i < f->by[by].count; i++)
		if (hs_summary_may_have(summary, kind, f->by[by].value[i]))
			return true;
	return false;
}

static bool may_have_user(const struct hs_filter *f, struct hs_summary_reader *summary)
{
	struct hs_slice part = hs_summary_read(summary, HS_SUMMARY_BLOOM);

	if (part.p == NULL)
		return true;
	for (unsigned i = 0; i < f->by[HS_BY_USER].count; i++)
		if (hs_summary_bloom_may_name(part, f->by[HS_BY_USER].value[i]))
			return true;
	return false;
}

bool hs_filter_all_pass(const struct hs_filter *f, struct hs_summary_reader *summary)
{
	struct hs_slice part = HS_SLICE_NONE;

	if (hs_filter_is_empty(f))
		return true;
	if (f->asked == 0)
		part = hs_summary_read(summary, HS_SUMMARY_BLOOM);
	return part.p != NULL && !hs_summary_bloom_may_have(part, hs_summary_hash(HS_SLICE(HS_TEST_USER)));
}

bool hs_filter_may_pass(const struct hs_filter *f, struct hs_summary_reader *summary)
{
	static const enum hs_summary_kind kinds[] = {
		[HS_BY_TYPE] = HS_SUMMARY_TYPES, [HS_BY_EVENT] = HS_SUMMARY_EVENTS, [HS_BY_TENANT] = HS_SUMMARY_TENANTS
	};

	if ((f->asked & TIME) != 0 && !may_be_in_time(f, &summary->head))
		return false;
	for (enum hs_filter_by by = 0; by < HS_BYS; by++)
		if ((f->asked & 1u << by) != 0 && !(by == HS_BY_TENANT && f->without_tenant) &&
		    !(by == HS_BY_USER ? may_have_user(f, summary) : may_have_name(f, by, summary, kinds[by])))
			return false;
	return true;
}
