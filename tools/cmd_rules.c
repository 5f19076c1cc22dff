/* hookspool rules: explains [events] and [fields], and tries them on records or events. Writes nothing. */
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "event/record_batch.h"
#include "tools/command.h"
#include "tools/probe/event_input.h"
#include "tools/report/rules_trial.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { OPT_DRY_RUN = HS_OPT_OWN, OPT_EVENTS, OPT_TENANT };
enum { MANY = HS_READER_LAST_MAX };

static const struct hs_option rules_options[] = {
	{ "dry-run", "N", OPT_DRY_RUN, "try the lines on the last N records of the spool" },
	{ "events", "FILE", OPT_EVENTS, "try them on the events of a file, JSON lines or an array; -: standard input" },
	{ "tenant", "LABEL", OPT_TENANT, "with --events: whose they are; - for none" },
	HS_OPTION_JSON,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};

struct run {
	struct hs_rules_trial trial;
	const char *config, *events, *tenant;
	struct hs_settings *settings; /* owned, with events or alone; else the source's */
	uint64_t last, invalid;       /* events that the Spec does not allow */
	bool json;
	bool lost; /* a line of the answer: there was no memory */
};

/* --- records of the spool ------------------------------------------------------------- */

static int read_records(struct run *r, struct hs_event_source *source)
{
	struct hs_position end;
	enum hs_result result = hs_reader_end(source->reader, &end);
	int code = 0;

	if (result == HS_OK)
		result = hs_reader_last(source->reader, (size_t)r->last, NULL, NULL);
	while (result == HS_OK && code == 0 && !hs_reader_has_passed(source->reader, end)) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(source->reader, &line);

		if (what == HS_READ_END)
			break;
		if (what == HS_READ_LINE)
			result = hs_rules_trial_record(&r->trial, line);
		else
			code = hs_event_source_trouble(source, what);
	}
	return result == HS_OK ? code : hs_event_source_result(source, result);
}

/* --- events of a file --------------------------------------------------------------------- */

struct events {
	struct hs_event_input input;
	struct hs_record_maker maker;
	struct hs_json json;
	char now[HS_TIMESTAMP_TEXT + 1];
};

/* Makes a record of the event without the rules, which are tried on that. */
static enum hs_result try_event(struct run *r, struct events *e, struct hs_slice text, const char *tenant)
{
	struct hs_stamp stamp = { .tenant = hs_slice_str(tenant), .spooled_at = hs_slice_str(e->now) };
	struct hs_event event;
	enum hs_result result = hs_json_document(&e->json, text);

	hs_record_maker_reset(&e->maker, 0);
	if (result == HS_OK)
		result = hs_event_read(&event, &e->json, 0, (enum hs_validate)r->settings->validate);
	if (result == HS_OK)
		result = hs_record_maker_put(&e->maker, &event, &stamp, (enum hs_names)r->settings->names);
	if (result == HS_E_MEMORY)
		return result;
	if (result != HS_OK) {
		r->invalid++;
		return HS_OK;
	}
	return hs_rules_trial_record(&r->trial, hs_slice(e->maker.batch.lines.p, e->maker.batch.lines.n - 1));
}

static int read_events(struct run *r, struct events *e, const char *tenant)
{
	struct hs_slice text;
	int more;

	while ((more = hs_event_input_next(&e->input, &text)) > 0)
		if (try_event(r, e, text, tenant) != HS_OK)
			return EX_OSERR;
	return more < 0 ? EX_DATAERR : 0;
}

static int try_events(struct run *r)
{
	struct events *e = calloc(1, sizeof *e);
	const char *tenant = "";
	int code = hs_command_tenant(r->settings, "rules", r->tenant, &tenant);

	if (e == NULL || !hs_record_maker_init(&e->maker)) {
		free(e);
		return EX_OSERR;
	}
	hs_record_maker_seed(&e->maker, 1);
	hs_timestamp_text(0, e->now);
	if (code == 0 && !hs_event_input_open(&e->input, r->events, ""))
		code = EX_NOINPUT;
	if (code == 0)
		code = read_events(r, e, tenant);
	hs_event_input_close(&e->input);
	hs_record_maker_free(&e->maker);
	hs_json_free(&e->json);
	free(e);
	return code;
}

/* --- the answer as JSON -------------------------------------------------------------------- */

static bool is_trial(const struct run *r)
{
	return r->last > 0 || r->events != NULL;
}

static struct hs_slice text_of(const struct hs_buf *value)
{
	return hs_slice(value->p, value->n < HS_RULES_EXAMPLE_MAX ? value->n : HS_RULES_EXAMPLE_MAX);
}

static void put_json_event(const struct run *r, unsigned i, struct hs_json_writer *w)
{
	const struct hs_event_rule *rule = &r->trial.rules->event[i];

	hs_json_writer_object(w, NULL);
	hs_json_writer_uint(w, "line", (uint64_t)rule->line);
	hs_json_writer_text(w, "rule", hs_slice_str(rule->text));
	hs_json_writer_bool(w, "drops_deletes", hs_rules_drop_deletes(r->trial.rules, i));
	if (is_trial(r)) {
		hs_json_writer_uint(w, "matched", r->trial.event[i].matched);
		hs_json_writer_uint(w, "dropped", r->trial.event[i].dropped);
	}
	hs_json_writer_end(w, '}');
}

static void put_rule(const struct hs_field_rule *rule, struct hs_buf *out)
{
	hs_buf_printf(out, "%s%s%s%s = ", rule->tenant == NULL ? "" : rule->tenant, rule->tenant == NULL ? "" : ": ",
	              rule->name, rule->is_prefix ? "*" : "");
	hs_mask_print(&rule->mask, out);
}

static void put_json_field(const struct run *r, unsigned i, struct hs_json_writer *w)
{
	const struct hs_rules_field_trial *trial = &r->trial.field[i];
	struct hs_buf text = { 0 };

	put_rule(&r->trial.rules->field[i], &text);
	hs_json_writer_object(w, NULL);
	hs_json_writer_uint(w, "line", (uint64_t)r->trial.rules->field[i].line);
	hs_json_writer_text(w, "rule", hs_buf_slice(&text));
	w->out->failed |= !hs_buf_ok(&text);
	if (is_trial(r)) {
		hs_json_writer_uint(w, "values", trial->values);
		hs_json_writer_uint(w, "changed", trial->changed);
	}
	if (trial->changed > 0) {
		hs_json_writer_text(w, "field", hs_buf_slice(&trial->name));
		hs_json_writer_text(w, "before", text_of(&trial->before));
		hs_json_writer_text_or_null(w, "after", trial->after.n == 0 ? HS_SLICE_NONE : text_of(&trial->after));
	}
	hs_json_writer_end(w, '}');
	hs_buf_free(&text);
}

static const char *unplanned_word(const struct hs_rules *rules)
{
	static const char *const words[] = { "keep", "drop", "reject", "flag" };

	return words[rules->unplanned];
}

static void print_json(const struct run *r)
{
	const struct hs_rules *rules = r->trial.rules;
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_array(&w, "events");
	for (unsigned i = 0; i < rules->events; i++)
		put_json_event(r, i, &w);
	hs_json_writer_end(&w, ']');
	hs_json_writer_text(&w, "unplanned", hs_slice_str(unplanned_word(rules)));
	hs_json_writer_array(&w, "fields");
	for (unsigned i = 0; i < rules->fields; i++)
		put_json_field(r, i, &w);
	hs_json_writer_end(&w, ']');
	if (is_trial(r)) {
		hs_json_writer_uint(&w, "records", r->trial.records);
		hs_json_writer_uint(&w, "kept", r->trial.kept + r->trial.flagged);
		hs_json_writer_uint(&w, "dropped", r->trial.dropped);
		hs_json_writer_uint(&w, "rejected", r->trial.rejected);
		hs_json_writer_uint(&w, "flagged", r->trial.flagged);
		hs_json_writer_uint(&w, "invalid", r->invalid);
	}
	hs_json_writer_end(&w, '}');
	hs_terminal_print_json(&text);
}

/* --- the answer for people -------------------------------------------------------------------- */

static void print_line(int line, struct hs_slice rule)
{
	hs_terminal_printf(stdout, "%6d  %.*s\n", line, (int)rule.n, rule.p);
}

static void print_event(const struct run *r, unsigned i)
{
	const struct hs_event_rule *rule = &r->trial.rules->event[i];

	print_line(rule->line, hs_slice_str(rule->text));
	if (hs_rules_drop_deletes(r->trial.rules, i))
		puts("        drops delete events, too: erase --from-deletes misses them");
	if (is_trial(r))
		printf("        matched %" PRIu64 ", dropped %" PRIu64 "\n", r->trial.event[i].matched,
		       r->trial.event[i].dropped);
}

static void print_example(const char *word, const struct hs_buf *value)
{
	struct hs_slice shown = text_of(value);

	hs_terminal_printf(stdout, "        %s  %.*s%s\n", word, (int)shown.n, shown.p, shown.n < value->n ? "…" : "");
}

static void print_field(struct run *r, unsigned i)
{
	const struct hs_rules_field_trial *trial = &r->trial.field[i];
	struct hs_buf text = { 0 };

	put_rule(&r->trial.rules->field[i], &text);
	r->lost |= !hs_buf_ok(&text);
	print_line(r->trial.rules->field[i].line, hs_buf_slice(&text));
	hs_buf_free(&text);
	if (is_trial(r))
		printf("        values %" PRIu64 ", changed %" PRIu64 "\n", trial->values, trial->changed);
	if (trial->changed == 0)
		return;
	hs_terminal_printf(stdout, "        %.*s\n", (int)trial->name.n, trial->name.p);
	print_example("before", &trial->before);
	if (trial->after.n > 0)
		print_example("after ", &trial->after);
	else
		puts("        after   (left out)");
}

static void print_sum(const struct run *r)
{
	const struct hs_rules_trial *t = &r->trial;

	printf("records %" PRIu64 ": kept %" PRIu64 ", dropped %" PRIu64 ", rejected %" PRIu64 ", flagged %" PRIu64
	       "\n",
	       t->records, t->kept + t->flagged, t->dropped, t->rejected, t->flagged);
	if (r->invalid > 0)
		printf("events against the Spec, which are rejected before any rule: %" PRIu64 "\n", r->invalid);
}

static void print(struct run *r)
{
	const struct hs_rules *rules = r->trial.rules;

	if (r->json) {
		print_json(r);
		return;
	}
	if (rules->events > 0 || rules->unplanned != HS_UNPLANNED_KEEP)
		puts("line    [events]: the first line that matches decides");
	for (unsigned i = 0; i < rules->events; i++)
		print_event(r, i);
	if (rules->events > 0 || rules->unplanned != HS_UNPLANNED_KEEP)
		printf("        unplanned = %s\n"
		       "        delete events are kept, unless a drop line names their type\n",
		       unplanned_word(rules));
	if (rules->fields > 0)
		puts("line    [fields]: the most exact name comes first, and decides");
	for (unsigned i = 0; i < rules->fields; i++)
		print_field(r, i);
	if (is_trial(r))
		print_sum(r);
	if (rules->events + rules->fields == 0 && rules->unplanned == HS_UNPLANNED_KEEP)
		puts("no rules: everything valid is kept as it comes; see hookspool.conf(5), [events] and [fields]");
}

/* --- the command ------------------------------------------------------------------------------- */

static int try_records(struct run *r)
{
	struct hs_event_source source = { 0 };
	int code = hs_event_source_open(&source, "rules", r->config, NULL, NULL);

	if (code != 0)
		return code;
	return hs_event_source_close(&source, read_records(r, &source));
}

static int run(struct run *r)
{
	static const struct hs_rules none = { 0 };
	int code = 0;

	r->settings = hs_command_settings(r->config);
	if (r->settings == NULL)
		return EX_CONFIG;
	r->trial.rules = r->settings->rules != NULL ? r->settings->rules : &none;
	if (r->events != NULL)
		code = try_events(r);
	else if (r->last > 0)
		code = try_records(r);
	if (code == 0)
		print(r);
	if (r->lost)
		code = EX_OSERR;
	hs_rules_trial_free(&r->trial);
	hs_settings_free(r->settings);
	return code;
}

static int cmd_rules(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof *r);
	int option, code;

	if (r == NULL)
		return EX_OSERR;
	while ((option = hs_option(argc, argv)) != -1) {
		bool ok = true;

		switch (option) {
		case HS_OPT_CONFIG: r->config = optarg; break;
		case HS_OPT_JSON: r->json = true; break;
		case OPT_EVENTS: r->events = optarg; break;
		case OPT_TENANT: r->tenant = optarg; break;
		case OPT_DRY_RUN: ok = hs_option_number("dry-run", optarg, 1, MANY, &r->last); break;
		default: ok = hs_usage(argv[0]) == 0; break;
		}
		if (!ok) {
			free(r);
			return 2;
		}
	}
	code = optind < argc                      ? hs_usage_surplus(argv[0], argv)
	       : r->events != NULL && r->last > 0 ? hs_usage_why(argv[0], "--events and --dry-run exclude each other")
	       : r->tenant != NULL && !r->events  ? hs_usage_why(argv[0], "--tenant is for --events")
	                                          : run(r);
	free(r);
	return code;
}

const struct hs_command hs_command_rules = {
	.name = "rules",
	.run = cmd_rules,
	.options = rules_options,
	.help = "explain which events and fields the settings keep, and try that",
};
