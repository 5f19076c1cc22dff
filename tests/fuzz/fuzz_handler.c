/*
 * What a handler of `each --stream` writes. The first byte is how many records it has been given, the second its
 * exit code, the third the size of the pieces in which its output arrives; the rest is its output.
 *
 * The records are settled in the order in which they were given, one by each whole line, as the model below says,
 * whatever the pieces. After a line that is no answer, or 78, no record is settled by a later line; nor after a byte
 * that follows the last answer. What is left at its end goes back, but the first of it, which the exit code is about.
 * No record is settled twice.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/sink/sink_process.c"

#include <fcntl.h>
#include <unistd.h>

enum { RECORDS_MOST = 64, SIZE_MOST = 1 << 15 /* of an output: less than a pipe holds */ };

/* --- what sink_process.c calls ------------------------------------------------------------------- */

static struct acked {
	const struct hs_item *item;
	enum hs_outcome outcome;
	struct hs_buf message;
} acked[RECORDS_MOST];
static size_t acked_count;

void hs_pump_ack(struct hs_pump *pump, const struct hs_ack *ack)
{
	(void)pump;
	MUST(acked_count < RECORDS_MOST);
	acked[acked_count] = (struct acked){ .item = ack->item, .outcome = ack->outcome };
	hs_buf_put_slice(&acked[acked_count++].message, ack->message);
}

bool hs_terminal_printf(FILE *out, const char *format, ...)
{
	(void)out;
	(void)format;
	return true;
}

bool hs_terminal_write(FILE *out, struct hs_slice text)
{
	(void)out;
	(void)text;
	return true;
}

char **hs_handler_environment(struct hs_buf *memory, const struct hs_item *item)
{
	(void)memory;
	(void)item;
	return NULL;
}

/* --- the model -------------------------------------------------------------------------------------- */

struct expected {
	enum hs_outcome outcome[RECORDS_MOST];
	struct hs_slice message[RECORDS_MOST];
	size_t given, settled; /* a record that was answered 78 is given, and not settled */
	bool broken;
};

/* -1: the line is no answer. */
static int code_in(struct hs_slice line, struct hs_slice *message)
{
	static const int codes[] = { 0, 65, 75, 78 };
	char word[8] = "";
	size_t n = 0;

	while (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	while (n < line.n && line.p[n] != ' ')
		n++;
	*message = hs_slice_trim(hs_slice(line.p + n, line.n - n));
	if (n == 0 || n > 4)
		return -1;
	memcpy(word, line.p, n);
	if (strspn(word, "0123456789") != n)
		return -1;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (atoi(word) == codes[i])
			return codes[i];
	return -1;
}

static void expect_one(struct expected *e, enum hs_outcome outcome, struct hs_slice message)
{
	e->outcome[e->settled] = outcome;
	e->message[e->settled++] = message;
}

static struct expected expect(struct hs_slice text, size_t records)
{
	struct expected e = { .given = 0 };
	const char *end;

	while (text.n > 0 && e.given < records && !e.broken && (end = memchr(text.p, '\n', text.n)) != NULL) {
		struct hs_slice line = hs_slice(text.p, (size_t)(end - text.p)), message;
		int code;

		text = hs_slice(end + 1, text.n - line.n - 1);
		if (line.n > HS_SUBPROCESS_ANSWER)
			line.n = HS_SUBPROCESS_ANSWER;
		code = code_in(line, &message);
		e.broken = code < 0 || code == 78;
		e.given += code >= 0;
		if (!e.broken)
			expect_one(&e,
			           code == 0    ? HS_OUTCOME_DONE
			           : code == 65 ? HS_OUTCOME_REFUSED
			                        : HS_OUTCOME_RETRY,
			           message);
	}
	e.broken = e.broken || (e.given == records && text.n > 0);
	return e;
}

/* The process has ended. */
static void expect_end(struct expected *e, size_t records, int code)
{
	if (e->given < records && !e->broken && code != 78) {
		expect_one(e, code == 65 ? HS_OUTCOME_REFUSED : HS_OUTCOME_RETRY,
		           HS_SLICE("it ended without an answer"));
		e->given++;
	}
	for (; e->given < records; e->given++)
		expect_one(e, HS_OUTCOME_RETURNED, HS_SLICE_NONE);
}

/* --- the sink --------------------------------------------------------------------------------------- */

static struct process_sink *new_sink(const struct hs_routing_rules *rules, struct hs_ack_tracker *records, size_t n)
{
	struct hs_sink_process_options options = {
		.command = "fuzz", .rules = rules, .jobs = 1, .batch = 1, .stream = true
	};
	struct process_sink *s = (struct process_sink *)hs_sink_process_new(&options);

	MUST(s != NULL);
	s->said[0].ended = s->said[0].silent = true;
	s->slot[0].worker = (struct hs_subprocess){ .in = -1, .out = -1, .err = -1 };
	for (size_t i = 0; i < n; i++) {
		hs_item_queue_push(&s->slot[0].given,
		                   hs_ack_tracker_add(records, HS_SLICE("{}"), (struct hs_position){ .number = i }));
		s->slot[0].count++;
	}
	return s;
}

static void feed(struct process_sink *s, struct hs_slice text, size_t piece)
{
	struct slot *slot = &s->slot[0];
	int fds[2];

	MUST(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	slot->worker.out = fds[0];
	for (size_t n; text.n > 0; text = hs_slice(text.p + n, text.n - n)) {
		n = piece < text.n ? piece : text.n;
		MUST(write(fds[1], text.p, n) == (ssize_t)n);
		hs_subprocess_pump(&slot->worker);
		read_answers(s, NULL, slot);
	}
	close(fds[1]);
	while (slot->worker.out >= 0) {
		hs_subprocess_pump(&slot->worker);
		read_answers(s, NULL, slot);
	}
}

/* As collect_slot does it. */
static void end(struct process_sink *s, int code)
{
	if (code == EX_CONFIG)
		stop(s, &s->slot[0], "it ended with 78");
	stream_ended(s, NULL, &s->slot[0], code);
}

static void check(const struct expected *e)
{
	MUST(acked_count == e->settled);
	for (size_t i = 0; i < acked_count; i++) {
		MUST(i == 0 || acked[i].item->before.number > acked[i - 1].item->before.number);
		MUST(acked[i].outcome == e->outcome[i]);
		MUST(hs_slice_eq(hs_buf_slice(&acked[i].message), e->message[i]));
		hs_buf_free(&acked[i].message);
	}
	acked_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int codes[] = { 0, 65, 75, 78, 1, 137 };
	struct hs_routing_rules rules = { .count = 1, .rule[0].on = HS_SLICE("*") };
	struct hs_ack_tracker tracker = { 0 };
	struct process_sink *s;
	struct expected e;
	struct hs_slice text;
	size_t records;
	int code;

	if (size < 3 || size > SIZE_MOST)
		return 0;
	records = data[0] % (RECORDS_MOST + 1);
	code = codes[data[1] % (sizeof codes / sizeof *codes)];
	text = fuzz_copy(data + 3, size - 3);
	s = new_sink(&rules, &tracker, records);
	feed(s, text, 1 + data[2]);
	e = expect(text, records);
	MUST(s->slot[0].broken == e.broken && (s->sink.code == EX_CONFIG) == e.broken);
	end(s, code);
	expect_end(&e, records, code);
	check(&e);
	close_sink(&s->sink);
	hs_ack_tracker_free(&tracker);
	free((char *)(uintptr_t)text.p);
	return 0;
}
