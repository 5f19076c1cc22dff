#include "tools/sink/id_spelling.h"
#include "event/id_text.h"
#include "event/record_fields.h"
#include "tools/report/terminal.h"

#include <stdio.h>
#include <sysexits.h>

struct search {
	struct hs_slice id, other; /* as it was given, and as the number is called */
	const char *tenant;
	struct hs_buf scratch;
};

static bool may_name(void *context, struct hs_summary_reader *summary)
{
	const struct search *s = context;
	struct hs_slice bloom = hs_summary_read(summary, HS_SUMMARY_BLOOM);

	return bloom.p == NULL || hs_summary_bloom_may_have(bloom, hs_summary_hash(s->other));
}

static bool is_id(struct hs_slice name)
{
	return hs_slice_eq(name, HS_SLICE("user_id")) || hs_slice_eq(name, HS_SLICE("anonymous_id")) ||
	       hs_slice_eq(name, HS_SLICE("previous_id"));
}

/* True if an id of the record is the number in this spelling, and the record is of the tenant. */
static bool has_number(struct search *s, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	bool has = false, is_ours = s->tenant == NULL || s->tenant[0] == '\0';

	while (hs_record_field_next(&walk, &field)) {
		has = has || (!field.is_string && is_id(field.name) && hs_slice_eq(field.value, s->id));
		if (s->tenant != NULL && hs_slice_eq(field.name, HS_SLICE("tenant")))
			is_ours = hs_record_field_is(&field, hs_slice_str(s->tenant), &s->scratch);
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at"))) /* the last of the fixed names */
			break;
	}
	return has && is_ours;
}

/* 0 or an exit code. */
static int look(struct search *s, const struct hs_event_source *source, struct hs_position end, bool *found)
{
	struct hs_slice line;
	int code = 0;

	hs_reader_choose(source->reader, may_name, s);
	hs_reader_start(source->reader, (struct hs_position){ 0 });
	while (code == 0 && !*found && !hs_reader_has_passed(source->reader, end)) {
		enum hs_read what = hs_reader_next(source->reader, &line);

		if (what == HS_READ_END)
			break;
		if (what == HS_READ_LINE)
			*found = has_number(s, line);
		else if (what != HS_READ_SKIPPED)
			code = hs_event_source_trouble(source, what);
		if (!hs_buf_ok(&s->scratch))
			code = EX_OSERR;
	}
	return code;
}

int hs_id_spelling_add(struct hs_subjects *people, enum hs_subject_kind kind, struct hs_slice id, const char *tenant,
                       const struct hs_event_source *source, struct hs_position end)
{
	struct search s = { .id = id, .tenant = tenant };
	struct hs_buf other = { 0 };
	bool found = false;
	int code = hs_subjects_add_id(people, kind, id, tenant) ? 0 : EX_OSERR;

	if (code == 0 && hs_id_is_spelled(id, &other)) {
		s.other = hs_buf_slice(&other);
		code = look(&s, source, end, &found);
	}
	if (!hs_buf_ok(&other))
		code = EX_OSERR;
	if (code == 0 && found && !hs_subjects_add_id(people, kind, s.other, tenant))
		code = EX_OSERR;
	if (code == 0 && found)
		hs_terminal_printf(stderr,
		                   "hookspool %s: events have the number %.*s as an id, which is the person %.*s: that "
		                   "one is meant, too\n",
		                   source->command, (int)id.n, id.p, (int)s.other.n, s.other.p);
	hs_buf_free(&other);
	hs_buf_free(&s.scratch);
	return code;
}
