#include "tools/sink/pump_input.h"
#include "base/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static int result_code(const struct hs_pump_input *in, enum hs_result result)
{
	return hs_event_source_result(&in->source, result);
}

/* 1: the record is wanted; 0: it is not; -1: out of memory. */
static int choose(const struct hs_pump_input *in, struct hs_slice line, struct hs_choice *choice)
{
	return in->options->choose == NULL ? 1 : in->options->choose(in->options->context, line, choice);
}

/* --- opening ---------------------------------------------------------------- */

static int open_letters(struct hs_pump_input *in)
{
	const struct hs_pump_options *o = in->options;
	enum hs_result result =
	    hs_dead_letter_source_open(&in->letters, hs_reader_dir(in->source.reader), o->cursor, hs_io_random());

	if (result != HS_E_LOCKED)
		return result_code(in, result);
	fprintf(stderr, "hookspool %s: another %s --failed is running: wait for it, or stop it first\n", o->command,
	        o->command);
	return EX_TEMPFAIL;
}

int hs_pump_input_open(struct hs_pump_input *in, const struct hs_pump_options *options)
{
	const char *cursor = options->letters ? NULL : options->cursor;
	int code;

	in->options = options;
	code = hs_event_source_open(&in->source, options->command, options->config, cursor, options->from);
	if (code == 0 && options->letters)
		code = hs_event_source_owned(&in->source, "--failed");
	if (code == 0 && options->letters)
		code = open_letters(in);
	if (code == 0)
		in->check.rewrites = hs_reader_rewrites(in->source.reader);
	return code;
}

int hs_pump_input_close(struct hs_pump_input *in, int code)
{
	if (in->options != NULL && in->options->letters)
		hs_dead_letter_source_close(&in->letters);
	return hs_event_source_close(&in->source, code);
}

/* --- where to begin and to end ------------------------------------------------- */

static void show(struct hs_pump_input *in)
{
	hs_event_source_show(&in->source, &in->progress, in->end, in->bytes);
}

static bool may_match(void *context, struct hs_summary_reader *summary)
{
	struct hs_pump_input *in = context;

	show(in);
	return in->options->may_match(in->options->context, summary);
}

/* For a line on the way back from the end. */
static bool is_wanted(void *context, struct hs_slice line)
{
	struct hs_pump_input *in = context;
	struct hs_choice choice;
	int wanted = choose(in, line, &choice);

	in->bytes += line.n + 1;
	if (++in->passed % HS_EVENT_SOURCE_LINES == 0)
		show(in);
	in->unsure = in->unsure || wanted < 0;
	return wanted > 0;
}

/* Moves what an earlier run has done after the cursor through the rewrites since then. */
static enum hs_result translate(const struct hs_spool_dir *dir, struct hs_ahead *a)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result result = hs_rewrite_log_open(dir, &rewrites);

	if (result != HS_OK)
		return result;
	result = hs_rewrite_log_share(rewrites);
	if (result == HS_OK) {
		result = hs_rewrite_log_translate(rewrites, &a->to);
		for (size_t i = 0; result == HS_OK && i < a->count; i++)
			result = hs_rewrite_log_translate(rewrites, &a->held[i].from);
		hs_rewrite_log_release(rewrites);
	}
	hs_rewrite_log_close(rewrites);
	return result;
}

static enum hs_result recall(struct hs_pump_input *in, const struct hs_sink_start *start)
{
	if (start->given)
		in->before = start->ahead;
	else if (in->source.cursor != NULL && !hs_cursor_is_foreign(in->source.cursor))
		in->before = *hs_cursor_ahead(in->source.cursor);
	hs_ahead_sort(&in->before);
	return in->before.to.number == 0 ? HS_OK : translate(hs_reader_dir(in->source.reader), &in->before);
}

/* Begins where the sink says, unless that is a position of another history. */
static enum hs_result start_at(struct hs_pump_input *in, struct hs_position position)
{
	enum hs_fit fit = HS_FIT;
	enum hs_result result = hs_reader_fit(in->source.reader, position, &fit);

	if (result == HS_OK && fit == HS_FIT_NOT)
		return HS_E_HISTORY;
	return result == HS_OK ? hs_reader_remember(in->source.reader) : result;
}

static enum hs_result look_back(struct hs_pump_input *in)
{
	enum hs_result result;

	hs_progress_begin(&in->progress);
	result = hs_reader_last(in->source.reader, in->options->last, is_wanted, in);
	hs_progress_end(&in->progress);
	in->bytes = in->passed = 0;
	return result == HS_OK && in->unsure ? HS_E_MEMORY : result;
}

static enum hs_result find_start(struct hs_pump_input *in, const struct hs_sink_start *start, bool last)
{
	const struct hs_pump_options *o = in->options;
	enum hs_result result = HS_OK;

	if (start->given)
		result = start_at(in, start->position);
	if (result == HS_OK && !o->follow)
		result = hs_reader_end(in->source.reader, &in->end);
	if (result == HS_E_FULL && o->skip_full && !last) {
		in->end.number = UINT64_MAX;
		result = HS_OK;
	}
	if (result == HS_OK && last)
		result = look_back(in);
	return result;
}

static void tell_if_empty(const struct hs_pump_input *in)
{
	char *text = hs_event_source_empty(&in->source, in->end);

	if (text != NULL)
		fprintf(stderr, "hookspool %s: %s\n", in->options->command, text);
	free(text);
}

int hs_pump_input_begin(struct hs_pump_input *in, const struct hs_sink_start *start)
{
	const struct hs_pump_options *o = in->options;
	bool last = o->from_last && !start->given && (in->source.cursor == NULL || in->source.fresh);
	const char *option = o->from != NULL || last ? NULL : o->from_option != NULL ? o->from_option : "from";
	enum hs_result result;
	int code;

	if (o->letters)
		return 0;
	hs_reader_choose(in->source.reader, o->may_match == NULL ? NULL : may_match, in);
	result = find_start(in, start, last);
	if (result != HS_OK)
		return result_code(in, result);
	if (o->tell_empty && !o->follow)
		tell_if_empty(in);
	code = start->given ? 0 : hs_event_source_begun(&in->source, option);
	if (code != 0)
		return code;
	in->read = hs_reader_position(in->source.reader);
	result = recall(in, start);
	if (result == HS_OK && in->source.fresh) /* from now on retention must keep what is needed */
		result = hs_cursor_save(in->source.cursor, in->read);
	return result_code(in, result);
}

/* --- reading ------------------------------------------------------------------- */

bool hs_pump_input_is_through(const struct hs_pump_input *in)
{
	if (in->options->letters)
		return in->letters.at_end;
	return !in->options->follow && (in->at_end || hs_reader_has_passed(in->source.reader, in->end));
}

void hs_pump_input_go_on(struct hs_pump_input *in)
{
	in->at_end = false;
	hs_reader_leave_replaced(in->source.reader);
}

static void note_gap(struct hs_pump_input *in)
{
	uint64_t first, last;

	hs_reader_gap(in->source.reader, &first, &last);
	in->gone += last - first + 1;
}

int hs_pump_input_no_line(struct hs_pump_input *in, enum hs_read what)
{
	in->at_end = what == HS_READ_END;
	if (in->at_end)
		return 0;
	if (what == HS_READ_GAP)
		note_gap(in);
	if (what == HS_READ_SKIPPED) {
		in->passed += hs_reader_skipped(in->source.reader);
		in->read = hs_reader_position(in->source.reader);
		return 0;
	}
	hs_progress_clear(&in->progress);
	return hs_event_source_trouble(&in->source, what);
}

static bool read_letter(struct hs_pump_input *in, struct hs_pump_record *record, int *code)
{
	enum hs_result result = hs_dead_letter_source_next(&in->letters, &record->line, &record->tries);
	int wanted = 0;

	if (result == HS_OK && record->line.n > 0)
		wanted = choose(in, record->line, &record->choice);
	if (wanted > 0)
		record->before = record->begin = hs_dead_letter_source_take(&in->letters);
	else if (wanted == 0 && record->line.n > 0)
		in->passed++;
	*code = wanted < 0 ? EX_OSERR : result_code(in, result);
	return wanted > 0;
}

static bool read_event(struct hs_pump_input *in, struct hs_pump_record *record, int *code)
{
	int wanted;

	if (!hs_pump_input_line(in, &record->line, code))
		return false;
	record->before = in->read;
	wanted = choose(in, record->line, &record->choice);
	if (wanted < 0) {
		*code = EX_OSERR;
		return false;
	}
	in->read = hs_reader_position(in->source.reader);
	record->begin = in->read;
	record->begin.offset -= record->line.n + 1;
	if (hs_ahead_has_done(&in->before, in->read, record->choice.key))
		return false;
	in->passed += wanted == 0;
	return wanted > 0;
}

bool hs_pump_input_record(struct hs_pump_input *in, struct hs_pump_record *record, int *code)
{
	record->tries = 0;
	record->choice = (struct hs_choice){ 0 };
	return in->options->letters ? read_letter(in, record, code) : read_event(in, record, code);
}

void hs_pump_input_put_back(struct hs_pump_input *in, const struct hs_pump_record *record)
{
	if (in->options->letters)
		hs_dead_letter_source_put_back(&in->letters);
	else
		in->read = record->before;
}

/* --- what was erased since it was read ----------------------------------------- */

void hs_pump_input_look_again(struct hs_pump_input *in)
{
	hs_record_check_again(&in->check);
	hs_dead_letter_source_look_again(&in->letters);
}

enum hs_result hs_pump_input_is_gone(struct hs_pump_input *in, struct hs_item *item, bool *gone)
{
	if (in->options->letters)
		return hs_dead_letter_source_is_gone(&in->letters, item->before, gone);
	return hs_record_check(&in->check, item->begin, &item->seen, gone);
}
