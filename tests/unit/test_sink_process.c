/* sink_process over processes that answer and end as a test says: what becomes of their records, and what is told. */
#include "base/io.h"
#include "tests/lib/said.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/sink/pump.h"
#include "tools/sink/sink_process.h"
#include "tools/sink/subprocess.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

enum { PROCESSES = 4, RUNS = -1, NONE = -1 };

#define CODE(code) ((code) << 8)

/* --- the processes; the pid of the first is 1 --------------------------------------------- */

static struct process {
	const char *answers; /* lines that it has written and nobody has read */
	int status;          /* of wait(2); RUNS: it has not ended */
	int cut, signal;
} process[PROCESSES + 1];

static struct scene {
	struct hs_routing_rules rules;
	struct hs_sink_process_options options;
	struct hs_sink *sink;
	struct hs_ack_tracker acks;
	unsigned started, told;
	int start_error;
	int outcome[8], code[8]; /* of the acknowledgements */
	unsigned outcomes;
	char message[64]; /* of the last one */
} s;

bool hs_subprocess_start(struct hs_subprocess *w, const char *command, char **environment, bool answers)
{
	assert_non_null(environment);
	assert_string_equal(command, "handle");
	assert_int_equal(answers, s.options.stream);
	errno = s.start_error;
	if (s.start_error != 0)
		return false;
	assert_in_range(++s.started, 1, PROCESSES);
	w->pid = (pid_t)s.started;
	w->cut = 0;
	return true;
}

void hs_subprocess_give(struct hs_subprocess *w, struct hs_slice line)
{
	hs_buf_put_slice(&w->to_write, line);
}

void hs_subprocess_give_last(struct hs_subprocess *w)
{
	w->last = true;
}

void hs_subprocess_write(struct hs_subprocess *w)
{
	(void)w; /* it reads nothing */
}

void hs_subprocess_pump(struct hs_subprocess *w)
{
	w->cut = process[w->pid].cut;
}

bool hs_subprocess_answer(struct hs_subprocess *w, struct hs_slice *line)
{
	const char *text = process[w->pid].answers, *end = text == NULL ? NULL : strchr(text, '\n');

	if (end == NULL)
		return false;
	*line = hs_slice(text, (size_t)(end - text));
	process[w->pid].answers = end + 1;
	return true;
}

bool hs_subprocess_has_said_more(const struct hs_subprocess *w)
{
	return process[w->pid].answers != NULL && process[w->pid].answers[0] != '\0';
}

bool hs_subprocess_ended(struct hs_subprocess *w, int *status)
{
	*status = process[w->pid].status;
	if (*status == RUNS)
		return false;
	w->pid = 0;
	return true;
}

void hs_subprocess_poll(const struct hs_subprocess *w, struct pollfd p[static HS_SUBPROCESS_FDS])
{
	(void)w;
	(void)p;
}

void hs_subprocess_put_noise(const struct hs_subprocess *w, struct hs_buf *out)
{
	(void)w;
	(void)out;
}

void hs_subprocess_forget_noise(struct hs_subprocess *w)
{
	(void)w;
}

void hs_subprocess_kill(const struct hs_subprocess *w, int signal)
{
	process[w->pid].signal = signal;
}

void hs_subprocess_free(struct hs_subprocess *w)
{
	hs_buf_free(&w->to_write);
}

void hs_command_told(void)
{
	s.told++;
}

/* --- the pump ----------------------------------------------------------------------------- */

void hs_pump_ack(struct hs_pump *pump, const struct hs_ack *ack)
{
	assert_null(pump);
	assert_in_range(s.outcomes, 0, 7);
	s.outcome[s.outcomes] = (int)ack->outcome;
	s.code[s.outcomes++] = ack->status;
	snprintf(s.message, sizeof s.message, "%.*s", (int)ack->message.n, ack->message.p);
	hs_ack_tracker_done(&s.acks, ack->item);
}

static void open_sink(bool stream, unsigned jobs, unsigned batch)
{
	memset(&s, 0, sizeof s);
	memset(process, 0, sizeof process);
	for (int i = 0; i <= PROCESSES; i++)
		process[i].status = RUNS;
	assert_true(hs_routing_rules_add(&s.rules, "each", "track=handle"));
	s.options = (struct hs_sink_process_options){
		.command = "each", .rules = &s.rules, .jobs = jobs, .batch = batch, .stream = stream
	};
	s.sink = hs_sink_process_new(&s.options);
	assert_non_null(s.sink);
}

FIXTURE(finish)
{
	wrap_reset();
	hs_sink_close(s.sink);
	hs_ack_tracker_free(&s.acks);
	hs_routing_rules_free(&s.rules);
	s.sink = NULL;
	return 0;
}

static void open_anew(bool stream, unsigned jobs, unsigned batch)
{
	if (s.sink != NULL)
		finish(NULL);
	open_sink(stream, jobs, batch);
}

static bool offer_line(unsigned partition, struct hs_slice line)
{
	struct hs_offered record = { .line = line, .partition = partition };

	record.item = hs_ack_tracker_add(&s.acks, line, (struct hs_position){ .number = 1 });
	assert_non_null(record.item);
	if (s.sink->ops->offer(s.sink, &record))
		return true;
	hs_ack_tracker_done(&s.acks, record.item);
	return false;
}

static bool offer(unsigned partition)
{
	return offer_line(partition, HS_SLICE("{}"));
}

static void collect(void)
{
	s.sink->ops->collect(s.sink, NULL);
}

static void ends(unsigned pid, int code)
{
	process[pid].status = CODE(code);
}

/* --- answers -------------------------------------------------------------------------------- */

#define NO_CODE "an answer is not 0, 65, 75 or 78; stopped"

/* Lines of a stream. `why`: what is said when all stops; NULL: it goes on. */
static const struct {
	const char *lines;
	int outcome; /* NONE: none is acknowledged */
	const char *message, *why;
} answers[] = {
	{ "0\n", HS_OUTCOME_DONE, "", NULL },
	{ "0 fine\n", HS_OUTCOME_DONE, "fine", NULL },
	{ "0000\n", HS_OUTCOME_DONE, "", NULL },
	{ "65\n", HS_OUTCOME_REFUSED, "", NULL },
	{ "65 no such user \n", HS_OUTCOME_REFUSED, "no such user", NULL },
	{ "75\r\n", HS_OUTCOME_RETRY, "", NULL },
	{ "65 why\r\n", HS_OUTCOME_REFUSED, "why", NULL },
	{ "0075\n", HS_OUTCOME_RETRY, "", NULL },
	{ "78\n", NONE, "", "it answered 78; stopped" },
	{ "00065\n", NONE, "", NO_CODE },
	{ "1\n", NONE, "", NO_CODE },
	{ "65\rx\n", NONE, "", NO_CODE },
	{ "65x\n", NONE, "", NO_CODE },
	{ "6:5\n", NONE, "", NO_CODE },
	{ "/0\n", NONE, "", NO_CODE },
	{ "ok\n", NONE, "", NO_CODE },
	{ " 0\n", NONE, "", NO_CODE },
	{ "\n", NONE, "", NO_CODE },
	{ "0\n0\n", HS_OUTCOME_DONE, "", "it wrote an answer that no record asked for; stopped" },
};

TEST(an_answer_is_a_code_and_a_message)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		const char *said;

		open_anew(true, 1, 1);
		assert_true(offer(0));
		process[1].answers = answers[i].lines;
		said_begin(HS_LOG_INFO);
		collect();
		said = said_end();
		assert_int_equal(s.outcomes, answers[i].outcome != NONE);
		if (s.outcomes > 0)
			assert_int_equal(s.outcome[0], answers[i].outcome);
		assert_string_equal(s.message, answers[i].message);
		assert_int_equal(s.sink->code, answers[i].why == NULL ? 0 : EX_CONFIG);
		assert_int_equal(process[1].signal, answers[i].why == NULL ? 0 : SIGTERM);
		if (answers[i].why != NULL)
			assert_non_null(strstr(said, answers[i].why));
	}
}

/* --- ends ------------------------------------------------------------------------------------- */

/* It had two records. `stream`: the code is about the first one, and the other has not been tried. */
static const struct {
	bool stream;
	int status, cut, outcome, second, sink_code;
} ended[] = {
	{ false, CODE(0), 0, HS_OUTCOME_DONE, HS_OUTCOME_DONE, 0 },
	{ false, CODE(65), 0, HS_OUTCOME_ALONE, HS_OUTCOME_ALONE, 0 },
	{ false, CODE(1), 0, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY, 0 },
	{ false, SIGKILL, 0, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY, 0 },
	{ false, CODE(0), EIO, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY, 0 }, /* it may have seen a part of its input */
	{ false, CODE(78), 0, NONE, NONE, EX_CONFIG },
	{ false, CODE(126), 0, NONE, NONE, EX_CONFIG },
	{ false, CODE(127), 0, NONE, NONE, EX_CONFIG },
	{ true, CODE(0), 0, HS_OUTCOME_RETRY, HS_OUTCOME_RETURNED, 0 },
	{ true, CODE(65), 0, HS_OUTCOME_REFUSED, HS_OUTCOME_RETURNED, 0 },
	{ true, SIGKILL, 0, HS_OUTCOME_RETRY, HS_OUTCOME_RETURNED, 0 },
	{ true, SIGKILL, ENOMEM, HS_OUTCOME_RETRY, HS_OUTCOME_RETURNED, 0 },
	{ true, CODE(127), 0, HS_OUTCOME_RETURNED, HS_OUTCOME_RETURNED, EX_CONFIG },
};

TEST(the_end_of_a_process_decides_about_its_records)
{
	for (size_t i = 0; i < sizeof ended / sizeof *ended; i++) {
		open_anew(ended[i].stream, 1, ended[i].stream ? 1 : 2);
		assert_true(offer(0) && offer(0));
		process[1].status = ended[i].status;
		process[1].cut = ended[i].cut;
		said_begin(HS_LOG_INFO);
		collect();
		assert_int_equal(strstr(said_end(), "gets its records again") != NULL, ended[i].cut != 0);
		assert_int_equal(s.outcomes, ended[i].outcome == NONE ? 0 : 2);
		if (s.outcomes > 0) {
			assert_int_equal(s.outcome[0], ended[i].outcome);
			assert_int_equal(s.outcome[1], ended[i].second);
		}
		assert_int_equal(s.sink->code, ended[i].sink_code);
		assert_true(s.sink->ops->drain(s.sink, -1));
	}
}

/* Two handlers that are missing; and two of a stream that end too soon, which is said once. */
TEST(what_concerns_a_rule_stops_it_or_is_said_once)
{
	const char *said, *first;

	open_anew(false, 2, 1);
	assert_true(offer(0) && offer(1));
	ends(1, 127);
	ends(2, 127);
	said_begin(HS_LOG_INFO);
	collect();
	said_end();
	assert_int_equal(s.sink->code, EX_CONFIG);
	assert_int_equal(s.outcomes, 0);

	open_anew(true, 2, 1);
	assert_true(offer(0) && offer(1));
	ends(1, 75);
	ends(2, 75);
	said_begin(HS_LOG_INFO);
	collect();
	said = said_end();
	first = strstr(said, "handler of track: it ended with 75 and left 1 records without an answer");
	assert_non_null(first);
	assert_null(strstr(first + 1, "handler of track: it ended"));
	assert_int_equal(s.outcomes, 2);
}

/* --- starts ------------------------------------------------------------------------------------ */

TEST(a_process_that_cannot_be_started_is_told_with_a_remedy)
{
	static const struct {
		int error;
		const char *remedy; /* NULL: what runs out of memory is told at the end of the command */
	} cases[] = {
		{ EMFILE, "Too many open files: lower --jobs, or raise ulimit -n" },
		{ EAGAIN, "Resource temporarily unavailable: lower --jobs, or raise ulimit -u" },
		{ E2BIG, "Argument list too long: give --stream" },
		{ ENOMEM, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *said;

		open_anew(false, 1, 1);
		s.start_error = cases[i].error;
		said_begin(HS_LOG_INFO);
		assert_false(offer(0));
		said = said_end();
		assert_true(cases[i].remedy == NULL ? said[0] == '\0' : strstr(said, cases[i].remedy) != NULL);
		assert_int_equal(s.told, cases[i].remedy != NULL);
		assert_int_equal(s.sink->code, EX_OSERR);
		s.sink->code = EX_CONFIG; /* a reason to stop that was there before stays */
		said_begin(HS_LOG_INFO);
		assert_false(offer(0));
		said_end();
		assert_int_equal(s.sink->code, EX_CONFIG);
	}
	open_anew(false, 1, 1);
	wrap_fail(WRAP_CALLOC, 2, 1, ENOMEM); /* after the record's own: the list of variables */
	assert_false(offer(0));
	wrap_reset();
	assert_int_equal(s.sink->code, EX_OSERR);
	assert_true(offer(0));
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_sink_process_new(&s.options));
}

/* --- room -------------------------------------------------------------------------------------- */

TEST(a_process_gets_no_more_than_its_batch)
{
	open_anew(false, 2, 2);
	assert_true(offer(0));
	assert_true(s.sink->ops->has_room(s.sink, 0));
	assert_true(offer(0));
	assert_false(s.sink->ops->has_room(s.sink, 0));
	assert_false(offer(0));
	assert_true(offer(1));
	s.sink->ops->flush(s.sink, 1); /* no more is to come */
	assert_false(offer(1));
	assert_int_equal(s.started, 2);
	assert_int_equal(s.sink->window, 16384);
	open_anew(false, 64, 10000);
	assert_int_equal(s.sink->window, 2 * 64 * 10000);
}

/* It reads nothing for now. A record that is longer than that goes alone. */
TEST(a_stream_gets_so_many_records_ahead_and_so_many_bytes)
{
	struct hs_buf line = { 0 };
	unsigned n = 0;

	open_anew(true, 1, 1);
	while (offer(0))
		n++;
	assert_int_equal(n, 512);
	open_anew(true, 1, 1);
	hs_buf_reserve(&line, 1 << 18);
	memset(line.p, ' ', line.n = 1 << 18);
	assert_true(offer_line(0, hs_buf_slice(&line)));
	assert_false(offer(0));
	hs_buf_free(&line);
}

/* --- a handler that is slow --------------------------------------------------------------------- */

TEST(a_slow_handler_is_told_once)
{
	static const char *const texts[] = {
		"it has been running for 10 s: later records wait; --jobs runs more at once",
		"no answer for 10 s: it must write a line for each one"
	};

	for (int stream = 0; stream < 2; stream++) {
		open_anew(stream, 1, 1);
		assert_int_equal(s.sink->ops->due(s.sink), -1);
		assert_true(offer(0));
		assert_in_range(s.sink->ops->due(s.sink), 1, 10000);
		wrap_clock(0, 20000);
		assert_int_equal(s.sink->ops->due(s.sink), 0);
		said_begin(HS_LOG_INFO);
		collect();
		assert_non_null(strstr(said_end(), texts[stream]));
		assert_int_equal(s.sink->ops->due(s.sink), -1);
		said_begin(HS_LOG_INFO);
		collect();
		assert_string_equal(said_end(), "");
		wrap_reset();
	}
}

TESTS("sink_process", NULL, finish)
