/*
 * pump: any sink can be plugged in. Two small ones show what the seam allows: one takes three
 * records at a time, settles them out of order, lets some fail and keeps its own position; one
 * stores records and position in one transaction.
 */
#include "base/io.h"
#include "spool/spool.h"
#include "tests/lib/events.h"
#include "tests/lib/processes.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tools/command.h"
#include "tools/sink/pump.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

enum { MOST = 64, AT_ONCE = 3 };

/* Survives a run, as a database would. */
struct database {
	char rows[1024]; /* "a1 b1": in the order in which they were stored */
	bool has_position;
	struct hs_position position;
	struct hs_ahead ahead;
};

static struct scene {
	struct spooldir d;
	struct hs_spool *spool;
	char config[PATH_MAX];
	struct database db;
	struct hs_pump_counts counts;
	int ended_by;
} s;

static void make(const char *words)
{

	memset(&s, 0, sizeof s);
	spooldir_make(&s.d, "");
	s.spool = hs_spool_new(s.d.settings);
	assert_result(events_append(s.spool, words, NULL), HS_OK);
	spooldir_configure(&s.d, s.config, sizeof s.config);
}

static void finish(void)
{
	hs_spool_free(s.spool);
	spooldir_remove(&s.d);
}

static int by_first_letter(void *context, struct hs_slice line, struct hs_choice *choice)
{
	(void)context;
	choice->key = (uint64_t)(unsigned char)word_of(line).p[0];
	return word_of(line).p[0] != 'x'; /* x is routed to no handler */
}

static void store(struct hs_slice line)
{
	struct hs_slice word = word_of(line);
	size_t n = strlen(s.db.rows);

	snprintf(s.db.rows + n, sizeof s.db.rows - n, "%s%.*s", n > 0 ? " " : "", (int)word.n, word.p);
}

/* --- three at a time ------------------------------------------------------------ */

struct three {
	struct hs_sink sink;
	struct hs_item *held[AT_ONCE];
	unsigned count, most; /* most: the highest count */
	bool flushed;
	const char *retried, *refused, *stuck; /* words; a retried one fails twice */
	const char *erased;                    /* a user, erased once a record is held */
	int kill;                              /* a signal that comes once a record is held */
	bool deaf;                             /* signals were blocked when it was opened */
	unsigned drains, drains_now;
};

static bool has(const char *words, const struct hs_item *item)
{
	struct hs_slice word = word_of(hs_slice(item->line, item->n));

	return words != NULL && memmem(words, strlen(words), word.p, word.n) != NULL;
}

static int three_open(struct hs_sink *sink, struct hs_sink_start *start)
{
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	((struct three *)sink)->deaf = sigismember(&blocked, SIGTERM) == 1;
	start->given = s.db.has_position;
	start->position = s.db.position;
	start->ahead = s.db.ahead;
	return 0;
}

static bool three_offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct three *t = (struct three *)sink;

	if (t->count == AT_ONCE)
		return false;
	assert_int_equal(record->partition, 0);
	t->held[t->count++] = record->item;
	t->most = t->count > t->most ? t->count : t->most;
	t->flushed = false;
	return true;
}

static void three_flush(struct hs_sink *sink, unsigned partition)
{
	(void)partition;
	((struct three *)sink)->flushed = true;
}

static unsigned open_ones(const struct three *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->count; i++)
		n += !has(t->stuck, t->held[i]);
	return n;
}

static int64_t three_due(const struct hs_sink *sink)
{
	const struct three *t = (const struct three *)sink;

	return open_ones(t) > 0 ? 0 : -1;
}

static void settle(struct three *t, struct hs_pump *pump, struct hs_item *item)
{
	struct hs_ack ack = { .item = item, .on = HS_SLICE("three"), .noise = HS_SLICE("too big") };

	if (has(t->refused, item)) {
		ack.outcome = HS_OUTCOME_REFUSED;
		ack.status = EX_DATAERR;
	} else if (has(t->retried, item) && item->tries < 2) {
		ack.outcome = HS_OUTCOME_RETRY;
		ack.status = 503;
		ack.retry_after_ms = 20;
	} else {
		store(hs_slice(item->line, item->n - 1));
	}
	hs_pump_ack(pump, &ack);
}

/* Settles the last record first. */
static void three_collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct three *t = (struct three *)sink;
	struct hs_item *stuck[AT_ONCE];
	unsigned n = 0;

	if (t->kill != 0 && t->count > 0) {
		kill(getpid(), t->kill);
		t->kill = 0;
	}
	if (t->erased != NULL && t->count > 0) {
		assert_in_range(events_erase(s.spool, &s.d, t->erased), 1, MOST);
		t->erased = NULL;
	}
	if (t->count < AT_ONCE && !t->flushed)
		return;
	while (t->count > 0) {
		struct hs_item *item = t->held[--t->count];

		if (has(t->stuck, item))
			stuck[n++] = item;
		else
			settle(t, pump, item);
	}
	while (n > 0)
		t->held[t->count++] = stuck[--n];
}

static enum hs_result three_save(struct hs_sink *sink, struct hs_position position, const struct hs_ahead *ahead)
{
	(void)sink;
	s.db.has_position = true;
	s.db.position = position;
	s.db.ahead = *ahead;
	return HS_OK;
}

static bool three_drain(struct hs_sink *sink, int64_t ms)
{
	struct three *t = (struct three *)sink;

	t->drains++;
	t->drains_now += ms == 0;
	return ms == 0 || t->count == 0;
}

static const struct hs_sink_ops three_ops = { .open = three_open,
	                                      .offer = three_offer,
	                                      .flush = three_flush,
	                                      .due = three_due,
	                                      .collect = three_collect,
	                                      .save = three_save,
	                                      .drain = three_drain };

static int run(struct hs_sink *sink, const struct hs_pump_options *more)
{
	struct hs_pump_options options = *more;
	struct hs_pump *pump;
	int code;

	options.command = "test";
	options.config = s.config;
	options.choose = by_first_letter;
	pump = hs_pump_new(&options, sink);
	assert_non_null(pump);
	code = hs_pump_open(pump);
	if (code == 0)
		code = hs_pump_run(pump);
	s.counts = hs_pump_counts(pump);
	s.ended_by = hs_pump_ended_by(pump);
	return hs_pump_close(pump, code);
}

static int run_three(struct three *t, const struct hs_pump_options *options)
{
	t->sink = (struct hs_sink){
		.ops = &three_ops, .partitions = 1, .one_per_key = true, .noun = "sink", .failed = "it answered"
	};
	return run(&t->sink, options);
}

static const struct hs_pump_options once = { .cursor = NULL, .retry_for_ms = 60000, .drain_ms = -1 };

static void assert_rows(const char *rows)
{
	assert_string_equal(s.db.rows, rows);
}

TEST(test_out_of_order)
{
	struct three t = { .retried = "a1" };

	make("a1 b1 a2 c1 x1 b2 c2 a3 d1");
	assert_int_equal(run_three(&t, &once), 0);
	assert_int_equal(t.most, AT_ONCE);
	assert_int_equal(s.counts.done, 8);
	assert_int_equal(s.counts.again, 2);
	assert_int_equal(s.counts.passed, 1);
	/* a1 comes back after others, before its user's later records */
	assert_rows("c1 b1 d1 c2 b2 a1 a2 a3");

	t = (struct three){ .retried = NULL };
	assert_int_equal(run_three(&t, &once), 0);
	assert_int_equal(s.counts.done, 0);
	assert_result(events_append(s.spool, "e1", NULL), HS_OK);
	assert_int_equal(run_three(&t, &once), 0);
	assert_rows("c1 b1 d1 c2 b2 a1 a2 a3 e1");
	finish();
}

TEST(test_dead_letter)
{
	struct hs_pump_options options = once;
	struct three t = { .refused = "b1", .retried = "c1" };
	struct hs_buf letters;

	make("a1 b1 c1 b2");
	options.cursor = "load";
	options.retry_for_ms = 0;
	assert_int_equal(run_three(&t, &options), 0);
	assert_rows("a1 b2");
	assert_int_equal(s.counts.dead, 2);
	letters = spooldir_read(&s.d, "failed.jsonl");
	hs_buf_putc(&letters, '\0');
	assert_non_null(strstr(letters.p,
	                       "\"cursor\":\"load\",\"on\":\"three\",\"status\":65,\"tries\":1,"
	                       "\"stderr\":\"too big\",\"record\":{\"type\":\"track\",\"message_id\":\"b1\""));
	assert_non_null(strstr(letters.p, "\"status\":503"));
	hs_buf_free(&letters);
	finish();
}

/* --- records that are erased while the pump has them -------------------------------------- */

/* The window has all of them when anna is erased; the first three are in the sink's hands. */
TEST(test_erased_records_are_not_offered)
{
	struct three t = { .erased = "anna" };

	make("anna@a1 anna@a2 b1 anna@a3 c1 anna@a4 b2 a5 anna@a6");
	assert_int_equal(run_three(&t, &once), 0);
	assert_rows("c1 b1 a1 b2 a5");
	assert_int_equal(s.counts.done, 5);
	assert_int_equal(s.counts.gone, 4);
	finish();
}

TEST(test_an_erased_record_is_not_tried_again)
{
	struct three t = { .retried = "a1", .erased = "anna" };

	make("anna@a1 b1 a2");
	assert_int_equal(run_three(&t, &once), 0);
	assert_rows("b1 a2");
	assert_int_equal(s.counts.again, 1);
	assert_int_equal(s.counts.gone, 1);
	finish();
}

/* Its position in the spool is that of the end of the segment before, in which the line before it is erased. */
TEST(test_the_first_record_of_a_segment)
{
	for (int first = 0; first < 2; first++) {
		struct three t = { .retried = "a1 b1", .erased = "anna" };

		make(first ? "b1" : "anna@a1");
		assert_result(hs_spool_rotate(s.spool, soon()), HS_OK);
		assert_result(events_append(s.spool, first ? "anna@a1 c1" : "b1 c1", NULL), HS_OK);
		assert_int_equal(run_three(&t, &once), 0);
		assert_rows("c1 b1");
		assert_int_equal(s.counts.gone, 1);
		finish();
	}
}

TEST(test_an_erased_record_becomes_no_dead_letter)
{
	struct hs_pump_options options = once;
	struct three t = { .refused = "a1 b1", .erased = "anna" };
	struct hs_buf letters;

	make("anna@a1 b1");
	options.cursor = "load";
	assert_int_equal(run_three(&t, &options), 0);
	assert_int_equal(s.counts.dead, 1);
	assert_int_equal(s.counts.gone, 1);
	letters = spooldir_read(&s.d, "failed.jsonl");
	assert_non_null(memmem(letters.p, letters.n, "b1", 2));
	assert_null(memmem(letters.p, letters.n, "anna", 4));
	hs_buf_free(&letters);
	finish();
}

/* The first is in the hands of the sink, and becomes no new letter; the second is not offered. */
TEST(test_dead_letters_that_are_erased_while_they_are_tried_again)
{
	struct hs_pump_options options = once;
	struct three t = { .refused = "a1 a2 b1" };
	struct hs_buf letters;

	make("anna@a1 b1 anna@a2");
	options.cursor = "load";
	assert_int_equal(run_three(&t, &options), 0);
	assert_int_equal(s.counts.dead, 3);
	options.cursor = "load";
	options.letters = true;
	t = (struct three){ .refused = "a1 b1", .erased = "anna" };
	assert_int_equal(run_three(&t, &options), 0);
	assert_int_equal(s.counts.dead, 1);
	assert_int_equal(s.counts.gone, 2);
	assert_rows("");
	letters = spooldir_read(&s.d, "failed.jsonl");
	assert_non_null(memmem(letters.p, letters.n, "\"tries\":2", 9));
	assert_null(memmem(letters.p, letters.n, "\"tries\":1", 9));
	assert_null(memmem(letters.p, letters.n, "anna", 4));
	hs_buf_free(&letters);
	finish();
}

/* After a signal the sink has some time to finish; only what it could not is offered again. */
TEST(test_drain)
{
	struct hs_pump_options options = once;
	struct three t = { .stuck = "b1", .kill = SIGTERM };

	make("a1 b1 c1 a2 b2 c2");
	options.follow = options.catch_signals = true;
	options.drain_ms = 50;
	assert_int_equal(run_three(&t, &options), 0);
	assert_int_equal(s.ended_by, SIGTERM);
	assert_true(t.drains > 1);
	assert_int_equal(t.drains_now, 1);
	assert_rows("c1 a1 c2 a2"); /* the second pair was in hand when the signal was heard */

	t = (struct three){ .stuck = NULL };
	assert_int_equal(run_three(&t, &once), 0);
	assert_rows("c1 a1 c2 a2 b1 b2");
	finish();
}

/* nohup(1) ignores it. */
TEST(test_a_hangup_that_is_ignored_ends_nothing)
{
	struct hs_pump_options options = once;
	struct three t = { .kill = SIGHUP };

	make("a1 b1 c1 a2");
	options.catch_signals = true;
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(run_three(&t, &options), 0);
	signal(SIGHUP, SIG_DFL);
	assert_int_equal(s.ended_by, 0);
	assert_rows("c1 b1 a1 a2");
	finish();

	make("a1 b1 c1 a2");
	t.kill = SIGHUP;
	assert_int_equal(run_three(&t, &options), 0);
	assert_int_equal(s.ended_by, SIGHUP);
	finish();
}

/* A sink that waits for its server in `open` can be stopped, also when it is opened again. */
TEST(test_signals_act_while_a_sink_opens)
{
	struct hs_pump_options options = once;
	struct three t = { .deaf = true };

	make("a1");
	options.catch_signals = true;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run_three(&t, &options), 0);
		assert_false(t.deaf);
	}
	finish();
}

/* --- position and records in one transaction --------------------------------------- */

struct transaction {
	struct hs_sink sink;
	struct hs_buf lines; /* of this transaction */
	unsigned count, commits_left;
	struct hs_position after;
};

static bool transaction_offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct transaction *t = (struct transaction *)sink;

	if (t->count == AT_ONCE)
		return false;
	hs_buf_put_slice(&t->lines, record->line);
	hs_buf_putc(&t->lines, '\n');
	t->after = record->after;
	t->count++;
	return true;
}

static void commit(struct hs_sink *sink, unsigned partition)
{
	struct transaction *t = (struct transaction *)sink;
	const char *p = t->lines.p;

	(void)partition;
	if (t->count == 0)
		return;
	if (t->commits_left-- == 0) {
		sink->code = EX_UNAVAILABLE; /* the connection is lost, and the transaction with it */
		return;
	}
	for (; t->count > 0; t->count--) {
		const char *end = strchrnul(p, '\n');

		store(hs_slice(p, (size_t)(end - p)));
		p = end + 1;
	}
	hs_buf_reset(&t->lines);
	s.db.has_position = true;
	s.db.position = t->after;
}

static void transaction_collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct transaction *t = (struct transaction *)sink;

	if (t->count == AT_ONCE && sink->code == 0)
		commit(sink, 0);
	if (t->count == 0 && s.db.has_position)
		hs_pump_ack_to(pump, s.db.position);
}

static int64_t transaction_due(const struct hs_sink *sink)
{
	return ((const struct transaction *)sink)->count == AT_ONCE ? 0 : -1;
}

static bool transaction_drain(struct hs_sink *sink, int64_t ms)
{
	(void)ms;
	hs_buf_free(&((struct transaction *)sink)->lines);
	return true;
}

static int run_transactions(unsigned commits)
{
	static const struct hs_sink_ops ops = { .open = three_open,
		                                .offer = transaction_offer,
		                                .flush = commit,
		                                .due = transaction_due,
		                                .collect = transaction_collect,
		                                .drain = transaction_drain };
	struct transaction t = { .commits_left = commits };

	t.sink = (struct hs_sink){ .ops = &ops, .in_order = true, .wants_positions = true, .no_save = true };
	return run(&t.sink, &once);
}

TEST(test_transaction)
{
	make("a1 a2 a3 b1 b2 x1 b3 c1");
	assert_int_equal(run_transactions(1), EX_UNAVAILABLE);
	assert_rows("a1 a2 a3");
	assert_int_equal(run_transactions(MOST), 0);
	assert_rows("a1 a2 a3 b1 b2 b3 c1");
	assert_int_equal(run_transactions(MOST), 0);
	assert_rows("a1 a2 a3 b1 b2 b3 c1");
	finish();
}

TESTS("pump", NULL, NULL)
