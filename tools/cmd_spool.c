/* hookspool rotate, maintain, verify, repair: maintenance of the spool. */
#include "base/io.h"
#include "base/json_writer.h"
#include "schema/schema.h"
#include "spool/spool.h"
#include "tools/command.h"
#include "tools/report/erase_waiting.h"
#include "tools/report/progress.h"
#include "tools/report/terminal.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

enum { OPT_TRUST_CLOCK = HS_OPT_OWN };

static const struct hs_option rotate_options[] = { HS_OPTION_CONFIG, HS_OPTIONS_END };
static const struct hs_option verify_options[] = { HS_OPTION_JSON, HS_OPTION_CONFIG, HS_OPTIONS_END };

static const struct hs_option maintain_options[] = {
	HS_OPTION_CONFIG,
	{ "trust-clock", NULL, OPT_TRUST_CLOCK, "the clock is right, though it has jumped ahead" },
	HS_OPTION_JSON,
	HS_OPTIONS_END,
};

enum { ROTATE_MS = 70000 }; /* longer than the longest rotate_min_gap */

/* The spool of --config FILE. */
struct opened {
	struct hs_settings *settings;
	struct hs_spool *spool;
	bool trust_clock; /* maintain */
	bool json;
};

/* 0, or the exit code. */
static int open_spool(int argc, char **argv, struct opened *o)
{
	const char *path = NULL;
	int option;

	o->trust_clock = o->json = false;
	while ((option = hs_option(argc, argv)) != -1) {
		if (option == OPT_TRUST_CLOCK)
			o->trust_clock = true;
		else if (option == HS_OPT_JSON)
			o->json = true;
		else if (option == HS_OPT_CONFIG)
			path = optarg;
		else
			return hs_usage(argv[0]);
	}
	if (optind != argc)
		return hs_usage_surplus(argv[0], argv);
	o->settings = hs_command_settings(path);
	if (o->settings == NULL)
		return EX_CONFIG;
	o->spool = hs_spool_new(o->settings);
	if (o->spool == NULL) {
		hs_settings_free(o->settings);
		return EX_OSERR;
	}
	return 0;
}

/* Closes the spool, prints the error, returns the exit code. */
static int close_spool(struct opened *o, const char *command, enum hs_result r)
{
	int code = hs_command_result(command, o->settings->spool_dir, r);

	hs_spool_free(o->spool);
	hs_settings_free(o->settings);
	return code;
}

static int cmd_rotate(int argc, char **argv)
{
	struct opened o;
	int code = open_spool(argc, argv, &o);

	if (code != 0)
		return code;
	return close_spool(&o, argv[0], hs_spool_rotate(o.spool, hs_io_now_monotonic() + ROTATE_MS));
}

static void print_maintained(const struct hs_retention_counts *done)
{
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_bool(&w, "busy", done->busy);
	hs_json_writer_uint(&w, "compressed", done->compressed);
	hs_json_writer_uint(&w, "deleted", done->deleted);
	hs_json_writer_uint(&w, "letters", done->letters);
	hs_json_writer_uint(&w, "summaries", done->summaries);
	hs_json_writer_end(&w, '}');
	hs_terminal_print_json(&text);
}

struct maintaining {
	struct hs_retention_counts done;
	struct hs_progress progress;
};

/* Shows how far it is; true if a signal asks to end. */
static bool stop_maintaining(void *context)
{
	struct maintaining *m = context;

	if (m->done.bytes < m->done.all_bytes)
		hs_progress_part(&m->progress, m->done.bytes, m->done.all_bytes, " compressed");
	else
		hs_progress_show(&m->progress, "reading segments that have no summary: %" PRIu64 " done",
		                 m->done.summaries);
	return hs_stop_asked();
}

static bool stop_counting(void *context)
{
	struct maintaining *m = context;

	hs_progress_show(&m->progress, "counting events for hookspool schema");
	return hs_stop_asked();
}

static enum hs_result maintain(struct hs_spool *spool, const struct hs_settings *settings, struct maintaining *m)
{
	struct hs_schema_work work = { .stop = stop_counting, .context = m };
	enum hs_result r;

	hs_stop_catch();
	hs_progress_begin(&m->progress);
	r = hs_spool_maintain(spool, stop_maintaining, m, &m->done);
	if (r == HS_OK)
		hs_schema_maintain(settings, &work, 0);
	hs_progress_clear(&m->progress);
	return r;
}

static int cmd_maintain(int argc, char **argv)
{
	struct maintaining m = { 0 };
	const struct hs_retention_counts *done = &m.done;
	struct opened o;
	enum hs_result r;
	int code = open_spool(argc, argv, &o);

	if (code != 0)
		return code;
	r = o.trust_clock ? hs_spool_trust_clock(o.spool) : HS_OK;
	if (r != HS_OK)
		return close_spool(&o, argv[0], r);
	r = maintain(o.spool, o.settings, &m);
	if (r == HS_OK && o.json)
		print_maintained(done);
	else if (r == HS_OK && done->busy)
		puts("another process is doing it: nothing done");
	else if (done->compressed > 0 || done->deleted > 0)
		printf("%" PRIu64 " compressed, %" PRIu64 " deleted\n", done->compressed, done->deleted);
	if (r == HS_OK && !o.json && done->letters > 0)
		printf("%" PRIu64 " old dead letters removed from failed.jsonl\n", done->letters);
	code = close_spool(&o, argv[0], r);
	hs_stop_finish();
	return code;
}

/* --- verify, repair ----------------------------------------------------------- */

enum { REPORTS_MAX = 100 }; /* findings printed; the sums at the end count all */

struct show {
	uint64_t reports;
	struct hs_progress progress;
	bool json;
	struct hs_buf found; /* json: an object for each problem */
	struct hs_erase_waiting waiting;
};

static void report_json(struct show *s, enum hs_problem p, const char *file, uint64_t line)
{
	struct hs_json_writer w = { .out = &s->found, .comma = s->found.n > 0, .line = s->found.n > 0 };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "file", hs_slice_str(file));
	if (line > 0)
		hs_json_writer_uint(&w, "line", line);
	else
		hs_json_writer_null(&w, "line");
	hs_json_writer_text(&w, "problem", hs_slice_str(hs_problem_text(p)));
	hs_json_writer_bool(&w, "fault", hs_problem_is_fault(p));
	hs_json_writer_end(&w, '}');
}

static void report(void *context, enum hs_problem p, const char *file, uint64_t line)
{
	struct show *s = context;

	hs_progress_clear(&s->progress);
	if (s->json) {
		if (++s->reports <= REPORTS_MAX)
			report_json(s, p, file, line);
		return;
	}
	if (++s->reports == REPORTS_MAX + 1)
		puts("…");
	if (s->reports > REPORTS_MAX)
		return;
	if (line > 0)
		hs_terminal_printf(stdout, "%s:%" PRIu64 ": %s\n", file, line, hs_problem_text(p));
	else
		hs_terminal_printf(stdout, "%s: %s\n", file, hs_problem_text(p));
}

static void progress(void *context, uint64_t done, uint64_t all)
{
	struct show *s = context;

	if (all > 0)
		hs_progress_part(&s->progress, done, all, "");
}

static void print_sum(const struct hs_verified *found, uint64_t problems, bool mend)
{
	printf("%" PRIu64 " sealed segments, %" PRIu64 " lines, %" PRIu64 " problems", found->segments, found->lines,
	       problems);
	if (found->problem[HS_PROBLEM_FUTURE] > 0)
		printf(", %" PRIu64 " stamps from the future", found->problem[HS_PROBLEM_FUTURE]);
	if (mend)
		printf(", %" PRIu64 " segments repaired, index rebuilt", found->mended);
	putchar('\n');
}

/* The sums count all findings, not only those printed. */
static enum hs_result print_json(const struct show *s, const struct hs_verified *found, uint64_t problems, bool mend)
{
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };
	bool ok;

	hs_json_writer_object(&w, NULL);
	hs_json_writer_uint(&w, "segments", found->segments);
	hs_json_writer_uint(&w, "lines", found->lines);
	hs_json_writer_uint(&w, "problems", problems);
	hs_json_writer_uint(&w, "future", found->problem[HS_PROBLEM_FUTURE]);
	if (mend)
		hs_json_writer_uint(&w, "mended", found->mended);
	hs_json_writer_bool(&w, "more", s->reports > REPORTS_MAX);
	hs_json_writer_line(&w);
	hs_json_writer_array(&w, "found");
	hs_buf_put_slice(&text, hs_buf_slice(&s->found));
	hs_json_writer_end(&w, ']');
	hs_erase_waiting_json(&s->waiting, &w);
	hs_json_writer_end(&w, '}');
	text.failed |= s->found.failed;
	ok = hs_buf_ok(&text);
	hs_terminal_print_json(&text);
	return ok ? HS_OK : HS_E_MEMORY;
}

/* Databases that still have rows of erased people are no fault of the spool, but its owner must know of them. */
static enum hs_result read_waiting(const struct hs_settings *settings, struct hs_erase_waiting *waiting)
{
	struct hs_opened_spool o;
	enum hs_result r = hs_spool_dir_open_to_read(&o, settings);

	if (r != HS_OK)
		return r;
	r = hs_erase_waiting_read(waiting, &o.dir);
	hs_spool_dir_close(&o);
	return r;
}

static enum hs_result print_waiting(const struct hs_erase_waiting *waiting)
{
	struct hs_buf text = { 0 };
	bool ok;

	hs_erase_waiting_put(waiting, &text);
	ok = hs_buf_ok(&text);
	if (ok)
		hs_terminal_write(stdout, hs_buf_slice(&text));
	hs_buf_free(&text);
	return ok ? HS_OK : HS_E_MEMORY;
}

static int examine(int argc, char **argv, bool mend)
{
	struct show show = { 0 };
	struct hs_verifier examiner = { &show, report, progress, mend };
	struct hs_verified found;
	struct opened o;
	enum hs_result r;
	uint64_t problems = 0;
	int code = open_spool(argc, argv, &o);

	if (code != 0)
		return code;
	show.json = o.json;
	hs_progress_begin(&show.progress);
	r = hs_spool_verify(o.spool, &examiner, &found);
	hs_progress_clear(&show.progress);
	if (r == HS_OK)
		r = read_waiting(o.settings, &show.waiting);
	for (int p = 0; p < HS_PROBLEMS; p++)
		problems += hs_problem_is_fault((enum hs_problem)p) ? found.problem[p] : 0;
	if (r == HS_OK && show.json) {
		r = print_json(&show, &found, problems, mend);
	} else if (r == HS_OK) {
		r = print_waiting(&show.waiting);
		print_sum(&found, problems, mend);
	}
	hs_erase_waiting_free(&show.waiting);
	hs_buf_free(&show.found);
	code = close_spool(&o, argv[0], r);
	return code == 0 && problems > 0 ? 1 : code;
}

static int cmd_verify(int argc, char **argv)
{
	return examine(argc, argv, false);
}

static int cmd_repair(int argc, char **argv)
{
	return examine(argc, argv, true);
}

const struct hs_command hs_command_rotate = {
	.name = "rotate",
	.run = cmd_rotate,
	.options = rotate_options,
	.help = "seal the open segments now",
};

const struct hs_command hs_command_maintain = {
	.name = "maintain",
	.run = cmd_maintain,
	.options = maintain_options,
	.help = "seal by age, compress, delete what is too old; for cron under plain CGI",
};

const struct hs_command hs_command_verify = {
	.name = "verify",
	.run = cmd_verify,
	.options = verify_options,
	.help = "read the whole spool, and say what is wrong",
};

const struct hs_command hs_command_repair = {
	.name = "repair",
	.run = cmd_repair,
	.options = verify_options,
	.help = "verify, and repair: set broken segments aside, rebuild the index",
};
