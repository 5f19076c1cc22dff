/* pump: what a run does when calls fail, a filter lacks memory, or the spool is another one: no record is passed by. */
#include "base/io.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"
#include "tools/command.h"
#include "tools/sink/pump.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

enum { IN_HAND = 8 };

static bool no_signalfd;

int __real_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags)
{
	errno = EMFILE;
	return no_signalfd ? -1 : __real_signalfd(fd, set, flags);
}

/* Each record is done at once, but for those that a test names. */
struct simple {
	struct hs_sink sink;
	struct hs_item *held[IN_HAND];
	unsigned count, tries;
	const char *refused, *stuck, *ends; /* words; ends: in order, with which the sink ends … */
	int code, ended_by;                 /* … so */
	unsigned flushes;
	int64_t due; /* of what is stuck */
	int kill;    /* a signal that comes with the first record */
	struct hs_sink_start start;
	struct hs_position after; /* in order: of the last record */
};

static struct run {
	struct simple simple;
	struct hs_pump_options options;
	char config[PATH_MAX];
	char rows[256];     /* the words that were done */
	const char *unsure; /* a word of which the filter does not know for want of memory */
	const char *said;
	const char *unwanted; /* a word */
	struct hs_pump_counts counts;
} r;

static bool has(const char *words, struct hs_slice line)
{
	struct hs_slice word = word_of(line);

	return words != NULL && memmem(words, strlen(words), word.p, word.n) != NULL;
}

static int choose(void *context, struct hs_slice line, struct hs_choice *choice)
{
	(void)context;
	choice->key = (uint64_t)(unsigned char)word_of(line).p[0];
	return has(r.unsure, line) ? -1 : (word_of(line).p[0] != 'x' && !has(r.unwanted, line));
}

static void store(struct hs_slice line)
{
	size_t n = strlen(r.rows);

	snprintf(r.rows + n, sizeof r.rows - n, "%s%.*s", n > 0 ? " " : "", (int)word_of(line).n, word_of(line).p);
}

static int simple_open(struct hs_sink *sink, struct hs_sink_start *start)
{
	*start = ((struct simple *)sink)->start;
	return 0;
}

static bool simple_offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct simple *simple = (struct simple *)sink;

	if (sink->in_order && has(simple->ends, record->line)) {
		sink->code = simple->code;
		sink->ended_by = simple->ended_by;
		wrap_clock(0, 2000); /* the position is due to be saved */
		return false;
	}
	if (sink->in_order) {
		store(record->line);
		simple->after = record->after;
		return true;
	}
	if (simple->count == IN_HAND)
		return false;
	simple->held[simple->count++] = record->item;
	if (simple->kill != 0)
		kill(getpid(), simple->kill);
	simple->kill = 0;
	return true;
}

static void simple_flush(struct hs_sink *sink, unsigned partition)
{
	(void)partition;
	((struct simple *)sink)->flushes++;
}

static void simple_collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct simple *simple = (struct simple *)sink;
	unsigned n = simple->count, kept = 0;

	if (simple->after.number > 0)
		hs_pump_ack_to(pump, simple->after);
	for (unsigned i = 0; i < n; i++) {
		struct hs_ack ack = { .item = simple->held[i], .on = HS_SLICE("simple") };
		struct hs_slice line = hs_slice(ack.item->line, ack.item->n - 1);

		if (has(simple->stuck, line)) {
			simple->held[kept++] = ack.item;
			continue;
		}
		ack.outcome = has(simple->refused, line)        ? HS_OUTCOME_REFUSED
		              : ack.item->tries < simple->tries ? HS_OUTCOME_RETRY
		                                                : HS_OUTCOME_DONE;
		ack.status = EX_DATAERR;
		if (ack.outcome == HS_OUTCOME_DONE)
			store(line);
		hs_pump_ack(pump, &ack);
	}
	simple->count = kept;
}

static int64_t simple_due(const struct hs_sink *sink)
{
	const struct simple *simple = (const struct simple *)sink;

	return simple->count == 0 ? -1 : simple->stuck != NULL ? simple->due : 0;
}

static bool simple_drain(struct hs_sink *sink, int64_t ms)
{
	(void)sink;
	(void)ms;
	return true;
}

static const struct hs_sink_ops simple_ops = { .open = simple_open,
	                                       .offer = simple_offer,
	                                       .flush = simple_flush,
	                                       .due = simple_due,
	                                       .collect = simple_collect,
	                                       .drain = simple_drain };

/* The code of a run with r.options and r.simple; what it says is in r.said. */
static int run_code(void)
{
	struct hs_pump *pump;
	int code;

	r.options.command = "test";
	r.options.config = r.config;
	r.options.choose = choose;
	r.options.drain_ms = -1;
	r.simple.count = 0;
	r.simple.after = (struct hs_position){ 0 };
	r.simple.sink.ops = &simple_ops;
	r.simple.sink.partitions = 1;
	r.simple.sink.noun = "sink";
	r.simple.sink.failed = "it answered";
	r.simple.sink.code = r.simple.sink.ended_by = 0;
	said_begin((enum hs_level) - 1); /* what the command says, without the log */
	pump = hs_pump_new(&r.options, &r.simple.sink);
	code = pump == NULL ? EX_OSERR : hs_pump_open(pump);
	if (code == 0)
		code = hs_pump_run(pump);
	if (pump != NULL)
		r.counts = hs_pump_counts(pump);
	code = hs_pump_close(pump, code);
	r.said = said_end();
	return code;
}

static void make_events(const char *words)
{

	make("");
	memset(&r, 0, sizeof r);
	spooldir_configure(&s.d, r.config, sizeof r.config);
	put(words);
}

FIXTURE(tear_down)
{
	fail_each_tell();
	wrap_reset();
	no_signalfd = false;
	return finish(state);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void make_three(void)
{
	make_events("a1 b1 x1 c1");
	r.options.cursor = "load";
	r.simple.refused = "b1";
}

static enum hs_result run_once(void)
{
	int code = run_code();

	if (code != 0 && code != EX_OSERR && r.said[0] == '\0')
		fail_msg("exit code %d, and nothing was said", code);
	return code == 0 ? HS_OK : code == EX_OSERR ? HS_E_MEMORY : HS_E_IO;
}

/* A record that was done may come again if its cursor could not be saved. */
static void is_done(void)
{
	struct hs_buf letters = spooldir_read(&s.d, "failed.jsonl");

	assert_true(strstr(r.rows, "a1") != NULL && strstr(r.rows, "c1") != NULL && strstr(r.rows, "x1") == NULL);
	assert_non_null(memmem(letters.p, letters.n, "\"b1\"", 4));
	hs_buf_free(&letters);
}

enum { READING = FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_CALLOC) };

TEST(each_call_fails_once_and_the_next_run_does_what_is_left)
{
	fail_each(&(struct job){ make_three, run_once, is_done, 2 });
	fail_each_of(READING, &(struct job){ make_three, run_once, is_done, 60 });
}

static void make_letter(void)
{
	make_three();
	assert_int_equal(run_code(), 0);
	r.options.letters = true;
	r.simple.refused = NULL;
}

static void letter_is_done(void)
{
	assert_non_null(strstr(r.rows, "a1 c1 b1"));
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
}

TEST(each_call_fails_once_while_a_dead_letter_is_tried_again)
{
	fail_each_of(READING, &(struct job){ make_letter, run_once, letter_is_done, 60 });
}

static void make_given(void)
{
	make_events("a1 b1");
	r.simple.start.given = true;
	r.simple.start.position = position_after(1);
}

static void make_last(void)
{
	make_events("a1 b1");
	r.options.from_last = true;
	r.options.last = 1;
}

static void last_is_done(void)
{
	assert_true(strstr(r.rows, "b1") != NULL && strstr(r.rows, "a1") == NULL);
}

TEST(each_call_fails_once_where_a_run_begins_within_the_spool)
{
	fail_each_of(READING, &(struct job){ make_given, run_once, last_is_done, 60 });
	fail_each_of(READING, &(struct job){ make_last, run_once, last_is_done, 60 });
}

/* A cursor that is new, of a spool that was rewritten since records after it were done. */
static void make_ahead(void)
{
	make_events("a1 b1 anna@c1 d1 b2");
	r.options.cursor = "load";
	r.options.catch_signals = true;
	r.simple.stuck = "b1";
	r.simple.kill = SIGTERM;
	assert_int_equal(run_code(), 0);
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
	r.simple.stuck = NULL;
	r.rows[0] = '\0';
}

static void rest_is_done(void)
{
	assert_non_null(strstr(r.rows, "b1 b2"));
	assert_null(strstr(r.rows, "c1"));
}

TEST(what_was_done_after_the_cursor_is_found_again_after_an_erase)
{
	make_ahead();
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "b1 b2");
	fail_each_of(READING | FAIL_CALL(WRAP_OPENAT), &(struct job){ make_ahead, run_once, rest_is_done, 60 });
}

TEST(a_dead_letter_that_cannot_be_written_ends_the_run_before_its_record)
{
	make_three();
	spooldir_mkdir(&s.d, "failed.jsonl");
	assert_int_not_equal(run_code(), 0);
	assert_non_null(strstr(r.said, "failed.jsonl"));
	assert_int_equal(rmdir(spooldir_path(&s.d, "failed.jsonl")), 0);
	assert_int_equal(run_code(), 0);
	is_done();
}

TEST(without_a_descriptor_for_signals_it_does_not_begin)
{
	make_events("a1");
	r.options.catch_signals = true;
	no_signalfd = true;
	assert_int_equal(run_code(), EX_OSERR);
	assert_string_equal(r.rows, "");
	no_signalfd = false;
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "a1");
}

/* After a crash the open segment must be prepared, for which there is no room: what is sealed can be shown. */
TEST(on_a_full_disk_what_is_sealed_can_be_shown)
{
	make_events("a1");
	rotate();
	put("b1");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	wrap_inodes(0);
	assert_int_equal(run_code(), hs_command_exit(HS_E_FULL));
	assert_string_equal(r.rows, "");
	r.options.skip_full = true;
	r.simple.sink.in_order = r.simple.sink.wants_positions = true;
	assert_int_equal(run_code(), hs_command_exit(HS_E_FULL)); /* which comes after it */
	assert_string_equal(r.rows, "a1");
}

/* --- a filter without memory --------------------------------------------------------------------- */

TEST(a_record_of_which_the_filter_is_not_sure_ends_the_run_before_it)
{
	for (int in_order = 0; in_order < 2; in_order++) {
		make_events("a1 x1 b1 c1");
		r.options.cursor = "load";
		r.simple.sink.in_order = r.simple.sink.wants_positions = in_order;
		r.unsure = "b1";
		assert_int_equal(run_code(), EX_OSERR);
		r.unsure = NULL;
		assert_int_equal(run_code(), 0);
		assert_non_null(strstr(r.rows, "b1 c1"));
		finish(NULL);
	}
}

TEST(a_dead_letter_of_which_the_filter_is_not_sure_stays)
{
	make_letter();
	r.unsure = "b1";
	assert_int_equal(run_code(), EX_OSERR);
	is_done();
	r.unsure = NULL;
	r.unwanted = "b1";
	assert_int_equal(run_code(), 0);
	assert_int_equal(r.counts.passed, 1);
	is_done();
	r.unwanted = NULL;
	assert_int_equal(run_code(), 0);
	letter_is_done();
}

TEST(a_line_of_which_the_filter_is_not_sure_ends_the_way_back)
{
	make_events("a1 b1 c1 d1");
	r.options.from_last = true;
	r.options.last = 3;
	r.unsure = "c1";
	assert_int_equal(run_code(), EX_OSERR);
	assert_string_equal(r.rows, "");
	r.unsure = NULL;
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "b1 c1 d1");
}

/* --- places ----------------------------------------------------------------------------------------- */

TEST(a_sink_s_position_of_another_spool_is_refused)
{
	make_given();
	r.options.from_last = true; /* is for those that do not say where they begin */
	r.options.last = 2;
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "b1");
	r.simple.start.position.before++;
	assert_int_equal(run_code(), hs_command_exit(HS_E_HISTORY));
	assert_string_equal(r.rows, "b1");
}

/* Such a sink does not acknowledge, so that its next run begins anew. */
TEST(a_sink_in_order_that_wants_no_positions_moves_no_cursor)
{
	make_events("a1 b1");
	r.options.cursor = "load";
	r.simple.sink.in_order = true;
	assert_int_equal(run_code(), 0);
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "a1 b1 a1 b1");
}

TEST(the_last_events_are_for_a_cursor_that_is_new)
{
	make_last();
	r.options.cursor = "tail";
	r.options.last = 2;
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "a1 b1");
	put("c1");
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "a1 b1 c1");
}

TEST(a_pump_that_was_not_opened_can_be_closed)
{
	make_events("a1");
	r.simple.sink.ops = &simple_ops;
	assert_int_equal(hs_pump_close(hs_pump_new(&r.options, &r.simple.sink), EX_USAGE), EX_USAGE);
}

/* --- waiting ------------------------------------------------------------------------------------------ */

TEST(a_window_that_is_full_of_a_user_that_failed_is_told)
{
	make_events("a1 a2 a3");
	r.options.retry_for_ms = 20; /* no pause is longer */
	r.simple.tries = 1;
	r.simple.sink.window = 2;
	r.simple.sink.one_per_key = true;
	assert_int_equal(run_code(), 0);
	assert_non_null(strstr(r.said, "2 records wait for earlier ones of their users"));
	assert_string_equal(r.rows, "a1 a2 a3");
}

/* Also one that is longer than poll(2) can wait. */
TEST(a_wait_without_end_is_ended_by_a_signal)
{
	static const int64_t due[] = { -1, INT64_MAX };

	make_events("a1");
	r.options.catch_signals = true;
	r.simple.stuck = "a1";
	for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
		r.simple.due = due[i];
		r.simple.kill = SIGTERM;
		assert_int_equal(run_code(), 0);
		assert_string_equal(r.rows, "");
	}
}

/* Nor is what it was offered taken for done. */
TEST(nothing_is_flushed_to_a_sink_that_has_ended)
{
	for (int code = 0; code < 2; code++) {
		make_events("a1 b1");
		r.options.cursor = "tail";
		r.simple.sink.in_order = r.simple.sink.wants_positions = true;
		r.simple.ends = "b1";
		r.simple.code = code ? EX_IOERR : 0;
		r.simple.ended_by = code ? 0 : SIGPIPE;
		assert_int_equal(run_code(), r.simple.code);
		assert_int_equal(r.simple.flushes, 0);
		r.simple.ends = NULL;
		wrap_reset();
		assert_int_equal(run_code(), 0);
		assert_string_equal(r.rows, "a1 b1");
		assert_true(r.simple.flushes > 0);
		finish(NULL);
	}
}

TEST(more_records_than_are_read_at_once)
{
	make_events("a1");
	put(many("x", 0, 4000));
	put(many("x", 4000, 4200));
	put("b1");
	assert_int_equal(run_code(), 0);
	assert_string_equal(r.rows, "a1 b1");
}

TESTS("pump_faults", NULL, tear_down)
