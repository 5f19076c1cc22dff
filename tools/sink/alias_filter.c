#include "tools/sink/alias_filter.h"
#include "base/io.h"
#include "tools/command.h"
#include "tools/report/link_text.h"
#include "tools/report/terminal.h"
#include "tools/sink/id_spelling.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Adds the users of --user, of the tenant that is given (NULL: none is). 0 or an exit code. */
static int add_people(struct hs_alias_filter *a, const struct hs_filter *f, const struct hs_event_source *source,
                      const char *given, struct hs_position end)
{
	const char *tenant = NULL;
	int code = 0;

	if (given == NULL ? hs_settings_have_tenants(source->settings) : strcmp(given, "*") != 0)
		code = hs_command_tenant(source->settings, source->command, given, &tenant);
	for (unsigned i = 0; code == 0 && i < f->by[HS_BY_USER].count; i++)
		code = hs_id_spelling_add(&a->people, HS_SUBJECT_USER, f->by[HS_BY_USER].value[i], tenant, source, end);
	return code;
}

/* Moves the users of --user, of each --tenant, out of the filter. 0 or an exit code. */
static int move_people(struct hs_alias_filter *a, struct hs_filter *f, const struct hs_event_source *source,
                       struct hs_position end)
{
	unsigned tenants = f->by[HS_BY_TENANT].count;
	int code = tenants == 0 ? add_people(a, f, source, NULL, end) : 0;

	for (unsigned i = 0; code == 0 && i < tenants; i++)
		code = add_people(a, f, source, f->by[HS_BY_TENANT].value[i].p, end);
	hs_filter_clear(f, HS_BY_USER);
	hs_filter_clear(f, HS_BY_TENANT);
	return code;
}

static int no_line(const struct hs_event_source *source, struct hs_progress *progress, enum hs_read what)
{
	hs_progress_clear(progress);
	return hs_event_source_trouble(source, what);
}

static bool may_name(void *people, struct hs_summary_reader *summary)
{
	return hs_summary_may_name(summary, people);
}

/*
 * Reads the events up to the end that may name these people: finds links, or checks those found. 0 or an
 * exit code.
 */
static int look_through(struct hs_alias_filter *a, const struct hs_event_source *source, struct hs_position end,
                        struct hs_subjects *people)
{
	struct hs_reader *reader = source->reader;
	struct hs_progress progress;
	struct hs_slice line;
	uint64_t bytes = 0;
	int code = 0;

	hs_progress_begin(&progress);
	hs_reader_choose(reader, may_name, people);
	hs_reader_start(reader, (struct hs_position){ 0 });
	for (unsigned n = 1; code == 0 && !hs_reader_has_passed(reader, end); n++) {
		struct hs_position p = hs_reader_position(reader);
		enum hs_read what = hs_reader_next(reader, &line);
		bool ok = true;

		if (what == HS_READ_END)
			break;
		if (n % HS_EVENT_SOURCE_LINES == 0)
			hs_event_source_show(source, &progress, end, bytes);
		bytes += what == HS_READ_LINE ? line.n + 1 : 0;
		if (what == HS_READ_SKIPPED)
			continue;
		if (what != HS_READ_LINE)
			code = no_line(source, &progress, what);
		else if (people == &a->links.ids)
			ok = hs_links_check(&a->links, line);
		else
			ok = hs_links_find(&a->links, line, (struct hs_mark){ p.number, p.offset });
		if (!ok)
			code = EX_OSERR;
	}
	hs_progress_end(&progress);
	return code;
}

static bool may_pass(void *context, struct hs_summary_reader *summary)
{
	const struct hs_alias_filter *a = context;

	return hs_filter_may_pass(a->filter, summary) && hs_summary_may_name(summary, &a->people);
}

int hs_alias_filter_find(struct hs_alias_filter *a, struct hs_filter *filter, const struct hs_event_source *source,
                         struct hs_position end)
{
	struct hs_buf text = { 0 };
	int code = move_people(a, filter, source, end);

	hs_links_init(&a->links, &a->people, hs_io_random());
	a->matcher.subjects = &a->people;
	if (code == 0)
		code = look_through(a, source, end, &a->people);
	if (code == 0 && a->links.ids.count > 0)
		code = look_through(a, source, end, &a->links.ids);
	if (code != 0)
		return code;
	if (!hs_links_settle(&a->links))
		return EX_OSERR;
	for (size_t i = 0; i < a->links.ids.count; i++)
		hs_link_text_put(&text, &a->links.list[i]);
	if (text.n > 0)
		hs_terminal_write(stderr, hs_buf_slice(&text));
	hs_buf_free(&text);
	a->filter = filter;
	hs_reader_choose(source->reader, may_pass, a);
	hs_reader_start(source->reader, (struct hs_position){ 0 });
	return 0;
}

int hs_alias_filter_passes(struct hs_alias_filter *a, struct hs_slice line)
{
	static const struct hs_mark anywhere = { 0, 0 };

	return hs_subject_match_event(&a->matcher, line, &anywhere);
}

void hs_alias_filter_free(struct hs_alias_filter *a)
{
	hs_links_free(&a->links);
	hs_subject_matcher_free(&a->matcher);
	hs_subjects_free(&a->people);
}
