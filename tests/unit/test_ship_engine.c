/*
 * The engine of ship against a real nats-server, which is started, killed and started again, and against the scripted
 * one of tests/lib/fake_nats.py. Skipped without nats-server.
 */
#include "base/io.h"
#include "tests/lib/nats_server.h"
#include "tools/ship/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* --- an engine ------------------------------------------------------------------------------------------ */

static struct hs_engine_options options_of(int port)
{
	static char servers[64];

	snprintf(servers, sizeof servers, "nats://127.0.0.1:%d", port);
	return (struct hs_engine_options){ .servers = servers,
		                           .stream = "events",
		                           .receiver = "kodabuzi",
		                           .ack_wait_ms = 20000,
		                           .connect_ms = 20000 };
}

static struct hs_engine *open_at(int port)
{
	struct hs_engine_options options = options_of(port);
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;

	if (hs_engine_open(&options, &e, &failure) != 0)
		fail_msg("%d: %s", failure.code, failure.why);
	return e;
}

static struct hs_engine *open_fake(const char *arguments)
{
	nats_fake_start(arguments);
	return open_at(nats.fake_port);
}

static void make_stream(struct hs_engine *e)
{
	struct hs_engine_create create = { .replicas = 1, .window_ms = 120000, .subjects = "hookspool.>" };
	struct hs_engine_failure failure;

	if (hs_engine_make(e, &create, &failure) != 0)
		fail_msg("%d: %s", failure.code, failure.why);
}

/* Sends record n of segment 1; all before `stored` is said to be stored, at sequence `stored_at`. */
static enum hs_send send_placed(struct hs_engine *e, uint64_t n, const char *id, uint64_t stored, uint64_t stored_at)
{
	struct hs_places places = { .own = { 1, n, 0 }, .stored = { 1, stored, 0 }, .stored_at = stored_at };
	struct hs_buf place = { 0 };
	struct hs_message message = { .tag = n,
		                      .subject = HS_SLICE("hookspool.kodabuzi.acme.track"),
		                      .id = hs_slice_str(id) };
	enum hs_send sent;

	hs_places_put(&place, &places);
	message.place = hs_buf_slice(&place);
	message.data = HS_SLICE("{\"a\":1}");
	sent = hs_engine_send(e, &message);
	hs_buf_free(&place);
	return sent;
}

static enum hs_send send_with(struct hs_engine *e, uint64_t n, const char *id, uint64_t stored_at)
{
	return send_placed(e, n, id, 0, stored_at);
}

static enum hs_send send_one(struct hs_engine *e, uint64_t n)
{
	char id[32];

	snprintf(id, sizeof id, "acme/%" PRIu64, n);
	return send_with(e, n, id, 0);
}

static void wait_for_more(struct hs_engine *e, int64_t until_ms)
{
	assert_true(hs_io_now_monotonic() < until_ms);
	hs_io_wait_readable(hs_engine_fd(e), 1000);
	hs_engine_woken(e);
}

static struct hs_answer answer(struct hs_engine *e)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_answer a;

	while (!hs_engine_answer(e, &a))
		wait_for_more(e, until_ms);
	return a;
}

static struct hs_answer send_and_answer(struct hs_engine *e, uint64_t n)
{
	struct hs_answer a;

	assert_int_equal(send_one(e, n), HS_SENT);
	a = answer(e);
	assert_int_equal(a.tag, n);
	return a;
}

static struct hs_engine_asked ask(struct hs_engine *e)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine_asked asked = { 0 };

	hs_engine_ask(e);
	while (!hs_engine_asked(e, &asked))
		wait_for_more(e, until_ms);
	return asked;
}

static struct hs_engine_link link_when(struct hs_engine *e, enum hs_link state, uint64_t generation)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine_link link;

	for (;;) {
		hs_engine_link(e, &link);
		if (link.state == state && link.generation >= generation)
			return link;
		wait_for_more(e, until_ms);
	}
}

static bool has(const struct hs_engine_asked *asked, uint64_t offset)
{
	for (size_t i = 0; i < asked->count; i++)
		if (asked->set[i].number == 1 && asked->set[i].offset == offset)
			return true;
	return false;
}

/* --- a real server --------------------------------------------------------------------------------------- */

NATS_TEST(messages_are_stored_once_and_asked_for)
{
	struct hs_engine_asked asked;
	struct hs_engine_link link;
	struct hs_engine *e;
	struct hs_answer a;

	nats_start("");
	e = open_at(nats.port);
	hs_engine_link(e, &link);
	assert_int_equal(link.state, HS_LINK_UP);
	assert_int_equal(link.generation, 1);
	assert_non_null(strstr(link.server, " 2."));
	assert_int_equal(hs_engine_payload_max(e), 1048576);
	asked = ask(e);
	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_NOINPUT);
	make_stream(e);
	asked = ask(e);
	assert_false(asked.failed);
	assert_false(asked.any);
	assert_int_equal(asked.stream.last, 1); /* the mark */
	assert_true(asked.stream.discard_new && asked.stream.limits_retention && asked.stream.file_storage);
	assert_int_equal(asked.stream.window_ms, 120000);
	hs_engine_asked_free(&asked);
	a = send_and_answer(e, 10);
	assert_int_equal(a.kind, HS_ANSWER_STORED);
	assert_int_equal(a.sequence, 2);
	a = send_and_answer(e, 10);
	assert_true(a.kind == HS_ANSWER_STORED && a.duplicate && a.sequence == 2);
	for (uint64_t n = 11; n <= 600; n++)
		assert_int_equal(send_one(e, n), HS_SENT);
	for (uint64_t n = 11; n <= 600; n++)
		assert_int_equal(answer(e).kind, HS_ANSWER_STORED);
	asked = ask(e);
	assert_false(asked.failed);
	assert_true(asked.any);
	assert_int_equal(asked.done.own.offset, 600);
	assert_int_equal(asked.count, 591);
	for (uint64_t n = 10; n <= 600; n++)
		assert_true(has(&asked, n));
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_TEST(the_set_begins_after_the_sequence_that_the_last_message_names)
{
	struct hs_engine_asked asked;
	struct hs_engine *e;

	nats_start("");
	e = open_at(nats.port);
	make_stream(e);
	for (uint64_t n = 1; n <= 5; n++)
		send_and_answer(e, n);
	assert_int_equal(send_with(e, 6, "acme/6", 3), HS_SENT);
	assert_int_equal(answer(e).sequence, 6);
	asked = ask(e);
	assert_int_equal(asked.done.stored_at, 3);
	assert_int_equal(asked.sequence, 6);
	assert_int_equal(asked.count, 3);
	assert_true(has(&asked, 4) && has(&asked, 5) && has(&asked, 6));
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_TEST(a_server_that_dies_is_found_again)
{
	struct hs_engine_asked asked;
	struct hs_engine_link link;
	struct hs_engine *e;

	nats_start("");
	e = open_at(nats.port);
	make_stream(e);
	send_and_answer(e, 1);
	nats_kill();
	link = link_when(e, HS_LINK_DOWN, 1);
	assert_true(link.why[0] != '\0');
	assert_int_equal(send_one(e, 2), HS_SEND_DOWN);
	hs_engine_ask(e); /* waits for the connection */
	nats_start(NULL);
	link = link_when(e, HS_LINK_UP, 2);
	asked = ask(e);
	assert_false(asked.failed);
	assert_int_equal(asked.sequence, 1);
	assert_int_equal(asked.count, 1);
	hs_engine_asked_free(&asked);
	assert_int_equal(send_and_answer(e, 2).kind, HS_ANSWER_STORED);
	hs_engine_close(e);
}

NATS_TEST(a_header_name_in_an_id_hides_no_header)
{
	struct hs_engine_options options;
	struct hs_engine_failure failure;
	struct hs_engine *e;

	nats_start("");
	e = open_at(nats.port);
	make_stream(e);
	hs_engine_close(e);
	options = options_of(nats.port);
	options.stream = "others";
	assert_int_equal(hs_engine_open(&options, &e, &failure), 0);
	assert_int_equal(send_with(e, 1, "acme/Nats-Expected-Stream: events", 0), HS_SENT);
	assert_int_equal(answer(e).kind, HS_ANSWER_SETUP);
	assert_int_equal(send_with(e, 1, "acme/\r\nNats-Expected-Stream: events", 0), HS_SEND_ILLEGAL);
	hs_engine_close(e);
}

/* --- a small ship: sends each record once, through kills of the server -------------------------------------- */

enum { WINDOW = 512, RECORDS = 10000 };

static struct ship {
	struct hs_engine *e;
	uint64_t count, sent, base; /* records 1 … count; the next to send; the first without an answer */
	uint64_t high, *high_at;    /* the highest sequence answered; the same when a record was sent first */
	bool *answered;
	uint64_t generation;
} s;

static void answered(uint64_t n)
{
	assert_in_range(n, 1, s.count);
	s.answered[n] = true;
	while (s.base <= s.count && s.answered[s.base])
		s.base++;
}

static void take_answers(void)
{
	struct hs_answer a;

	while (hs_engine_answer(s.e, &a)) {
		if (a.kind == HS_ANSWER_STORED) {
			s.high = a.sequence > s.high ? a.sequence : s.high;
			answered(a.tag);
		}
	}
}

/* After another connection: what is in the stream is answered, the rest is sent again. */
static void settle(void)
{
	struct hs_engine_asked asked;

	for (;;) {
		s.generation = link_when(s.e, HS_LINK_UP, s.generation).generation;
		asked = ask(s.e);
		if (!asked.failed)
			break;
		hs_engine_asked_free(&asked);
	}
	take_answers();
	for (size_t i = 0; i < asked.count; i++)
		answered(asked.set[i].offset);
	for (uint64_t n = s.base; asked.any && n < asked.done.stored.offset; n++)
		answered(n);
	hs_engine_asked_free(&asked);
	s.sent = s.base;
}

static bool send_record(uint64_t n)
{
	char id[32];

	if (s.answered[n])
		return true;
	if (s.high_at[n] == UINT64_MAX)
		s.high_at[n] = s.high;
	snprintf(id, sizeof id, "acme/%" PRIu64, n);
	return send_placed(s.e, n, id, s.base, s.high_at[s.base]) == HS_SENT;
}

static void send_more(void)
{
	while (s.sent <= s.count && s.sent < s.base + WINDOW && send_record(s.sent))
		s.sent++;
	hs_engine_flush(s.e);
}

static void ship_until(uint64_t n)
{
	int64_t until_ms = hs_io_now_monotonic() + 5 * PATIENCE_MS;
	struct hs_engine_link link;

	while (s.base <= n) {
		send_more();
		wait_for_more(s.e, until_ms);
		take_answers();
		hs_engine_link(s.e, &link);
		if (link.generation != s.generation || link.state != HS_LINK_UP)
			settle();
	}
}

static bool count_once(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	unsigned *times = context;

	(void)sequence;
	(void)id;
	assert_in_range(places->own.offset, 1, s.count);
	times[places->own.offset]++;
	return true;
}

static void ship_begin(void)
{
	const char *count = getenv("RECORDS");

	s = (struct ship){ .count = count != NULL ? strtoull(count, NULL, 10) : RECORDS, .sent = 1, .base = 1 };
	s.answered = calloc(s.count + 2, sizeof *s.answered);
	s.high_at = malloc((s.count + 2) * sizeof *s.high_at);
	assert_non_null(s.answered);
	assert_non_null(s.high_at);
	memset(s.high_at, 0xff, (s.count + 2) * sizeof *s.high_at);
}

NATS_TEST(each_record_is_stored_once_through_kills_of_the_server)
{
	struct hs_engine_failure failure;
	unsigned *times;

	nats_start("");
	ship_begin();
	s.e = open_at(nats.port);
	make_stream(s.e);
	for (uint64_t kill = 1; kill <= 3; kill++) {
		ship_until(s.count * kill / 4);
		send_more();
		nats_kill();
		nats_start(NULL);
	}
	ship_until(s.count);
	settle(); /* the last kill may have come after the last record */
	times = calloc(s.count + 1, sizeof *times);
	assert_non_null(times);
	assert_int_equal(hs_engine_walk(s.e, HS_WALK_OWN, 1, 0, count_once, times, &failure), 0);
	for (uint64_t n = 1; n <= s.count; n++)
		assert_int_equal(times[n], 1);
	assert_true(s.generation >= 4);
	hs_engine_close(s.e);
	free(times);
	free(s.answered);
	free(s.high_at);
}

static bool each_place(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	uint64_t *last = context;
	char expected[32];

	assert_true(sequence > *last);
	*last = sequence;
	snprintf(expected, sizeof expected, "acme/%" PRIu64, places->own.offset);
	assert_slice_equal(id, hs_slice_str(expected));
	return places->own.offset != 290;
}

NATS_TEST(a_walk_tells_each_message_in_order_and_no_mark)
{
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;
	struct hs_engine_asked asked;
	struct hs_engine *e;
	uint64_t last = 0;

	nats_start("");
	e = open_at(nats.port);
	assert_int_equal(hs_engine_look(e, &stream, &failure), EX_NOINPUT);
	make_stream(e);
	make_stream(e);
	assert_int_equal(hs_engine_walk(e, HS_WALK_OWN, 1, 0, each_place, &last, &failure), 0);
	assert_int_equal(last, 0);
	for (uint64_t n = 1; n <= 300; n++) {
		if (n % 100 == 50) {
			asked = ask(e);
			hs_engine_asked_free(&asked);
		}
		assert_int_equal(send_one(e, n), HS_SENT);
	}
	for (uint64_t n = 1; n <= 300; n++)
		answer(e);
	assert_int_equal(hs_engine_walk(e, HS_WALK_OWN, 200, 0, each_place, &last, &failure), 0);
	assert_int_equal(last, 293);
	last = 0;
	assert_int_equal(hs_engine_walk(e, HS_WALK_OWN, 1, hs_io_now() + 3600000, each_place, &last, &failure), 0);
	assert_int_equal(last, 0);
	assert_int_equal(hs_engine_walk(e, HS_WALK_OWN, 1, hs_io_now() - 3600000, each_place, &last, &failure), 0);
	assert_int_equal(last, 293);
	assert_int_equal(hs_engine_look(e, &stream, &failure), 0);
	assert_int_equal(stream.messages, 303);
	assert_int_equal(stream.replicas, 1);
	hs_engine_close(e);
}

/* --- a scripted server ------------------------------------------------------------------------------------ */

static void expect(struct hs_engine *e, uint64_t n, enum hs_answer_kind kind, int error)
{
	struct hs_answer a = send_and_answer(e, n);

	assert_int_equal(a.kind, kind);
	assert_int_equal(a.error, error);
}

NATS_FAKE_TEST(each_answer_reaches_the_caller)
{
	struct hs_engine *e = open_fake("seq0 10158 10077 10023 10047 10054 10060 10008 10009 10063 503 half garbage");

	expect(e, 1, HS_ANSWER_UNDER_WAY, 0);
	expect(e, 2, HS_ANSWER_UNDER_WAY, 10158);
	expect(e, 3, HS_ANSWER_FULL, 10077);
	expect(e, 4, HS_ANSWER_FULL, 10023);
	expect(e, 5, HS_ANSWER_FULL, 10047);
	expect(e, 6, HS_ANSWER_OVERSIZE, 10054);
	expect(e, 7, HS_ANSWER_SETUP, 10060);
	expect(e, 8, HS_ANSWER_MOMENT, 10008);
	expect(e, 9, HS_ANSWER_MOMENT, 10009);
	expect(e, 10, HS_ANSWER_MOMENT, 10063);
	expect(e, 11, HS_ANSWER_NOBODY, 0);
	expect(e, 12, HS_ANSWER_MOMENT, 0);
	expect(e, 13, HS_ANSWER_MOMENT, 0);
	expect(e, 14, HS_ANSWER_STORED, 0);
	hs_engine_close(e);
}

NATS_FAKE_TEST(answers_come_late_twice_or_never)
{
	struct hs_engine *e = open_fake("late none silent twice");

	for (uint64_t n = 1; n <= 4; n++)
		assert_int_equal(send_one(e, n), HS_SENT);
	assert_int_equal(answer(e).tag, 1);
	assert_int_equal(answer(e).tag, 4);
	assert_int_equal(answer(e).tag, 4);
	expect(e, 5, HS_ANSWER_STORED, 0);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_connection_that_the_server_closes_is_made_again)
{
	struct hs_engine *e = open_fake("close err cut7 cut40");

	for (uint64_t n = 1; n <= 4; n++) {
		link_when(e, HS_LINK_UP, n);
		assert_int_equal(send_one(e, n), HS_SENT);
		link_when(e, HS_LINK_UP, n + 1);
	}
	expect(e, 5, HS_ANSWER_STORED, 0);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_message_above_max_payload_is_not_sent)
{
	struct hs_engine *e = open_fake("--max-payload 100"); /* 93 of headers and 7 of data */
	struct hs_engine_link link;

	assert_int_equal(hs_engine_payload_max(e), 100);
	assert_int_equal(send_one(e, 10), HS_SEND_OVERSIZE);
	expect(e, 1, HS_ANSWER_STORED, 0);
	hs_engine_link(e, &link);
	assert_int_equal(link.state, HS_LINK_UP);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_missing_right_is_told_with_the_servers_words)
{
	struct hs_engine *e = open_fake("refuse");
	struct hs_engine_asked asked;
	struct hs_engine_link link;

	assert_int_equal(send_one(e, 1), HS_SENT);
	link = link_when(e, HS_LINK_REFUSED, 1);
	assert_non_null(strstr(link.why, "Permissions Violation for Publish to \"hookspool.kodabuzi.acme.track\""));
	asked = ask(e);
	assert_false(asked.failed);
	hs_engine_asked_free(&asked);
	link_when(e, HS_LINK_UP, 1);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_mark_that_is_not_stored_is_sent_again)
{
	struct hs_engine *e = open_fake("--marks seq0,503");
	struct hs_engine_asked asked;

	expect(e, 1, HS_ANSWER_STORED, 0);
	asked = ask(e);
	assert_string_equal(asked.failure.why, "");
	assert_int_equal(asked.stream.last, 2);
	assert_int_equal(asked.sequence, 1);
	assert_string_equal(asked.stream.server_version, "2.10.27");
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_mark_that_is_refused_or_unanswered_ends_the_ask)
{
	struct hs_engine *e = open_fake("--marks 10060,close");
	struct hs_engine_asked asked = ask(e);

	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_CONFIG);
	assert_non_null(strstr(asked.failure.why, "expected stream does not match"));
	asked = ask(e);
	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_TEMPFAIL);
	link_when(e, HS_LINK_UP, 2);
	asked = ask(e);
	assert_false(asked.failed);
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(the_state_of_a_former_leader_is_not_trusted)
{
	struct hs_engine *e = open_fake("--behind 1");
	struct hs_engine_asked asked;

	expect(e, 1, HS_ANSWER_STORED, 0);
	asked = ask(e);
	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_TEMPFAIL);
	asked = ask(e);
	assert_false(asked.failed);
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

/* As after a change of leaders, when both answer. */
NATS_FAKE_TEST(a_reply_that_comes_twice_counts_once)
{
	struct hs_engine *e = open_fake("--replies-twice");
	struct hs_engine_asked asked;

	for (uint64_t n = 1; n <= 5; n++)
		expect(e, n, HS_ANSWER_STORED, 0);
	asked = ask(e);
	assert_string_equal(asked.failure.why, "");
	assert_int_equal(asked.count, 5);
	for (uint64_t n = 1; n <= 5; n++)
		assert_true(has(&asked, n));
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_server_that_goes_back_is_not_asked_for_ever)
{
	struct hs_engine *e = open_fake("--goes-back");
	struct hs_engine_asked asked;

	expect(e, 1, HS_ANSWER_STORED, 0);
	expect(e, 2, HS_ANSWER_STORED, 0);
	asked = ask(e);
	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_TEMPFAIL);
	assert_non_null(strstr(asked.failure.why, "answers with message 1 when asked for 2"));
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_message_that_says_more_than_there_is_has_none_after_it)
{
	struct hs_engine *e = open_fake("");
	struct hs_engine_asked asked;

	assert_int_equal(send_with(e, 1, "acme/1", UINT64_MAX), HS_SENT);
	answer(e);
	asked = ask(e);
	assert_string_equal(asked.failure.why, "");
	assert_true(asked.any && asked.done.stored_at == UINT64_MAX);
	assert_int_equal(asked.count, 0);
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_connection_without_any_answer_is_given_up)
{
	int64_t begin_ms = hs_io_now_monotonic();
	struct hs_engine_options options;
	struct hs_engine_failure failure;
	struct hs_engine_asked asked;
	struct hs_engine *e;

	nats_fake_start("stuck");
	options = options_of(nats.fake_port);
	options.ack_wait_ms = 500;
	assert_int_equal(hs_engine_open(&options, &e, &failure), 0);
	assert_int_equal(send_one(e, 1), HS_SENT);
	asked = ask(e);
	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_TEMPFAIL);
	link_when(e, HS_LINK_UP, 2);
	assert_true(hs_io_now_monotonic() < begin_ms + 60000); /* libnats gives up by itself after 90 s */
	hs_engine_close(e);
}

NATS_FAKE_TEST(closing_does_not_wait_for_an_answer)
{
	int64_t begin_ms = hs_io_now_monotonic();
	struct hs_engine_options options;
	struct hs_engine_failure failure;
	struct hs_engine *e;

	nats_fake_start("--marks none none");
	options = options_of(nats.fake_port);
	options.ack_wait_ms = 2 * PATIENCE_MS;
	assert_int_equal(hs_engine_open(&options, &e, &failure), 0);
	assert_int_equal(send_one(e, 1), HS_SENT);
	hs_engine_ask(e);
	hs_engine_close(e);
	assert_true(hs_io_now_monotonic() < begin_ms + PATIENCE_MS);
}

NATS_FAKE_TEST(closing_does_not_wait_for_a_server)
{
	struct hs_engine *e = open_fake("");

	nats_fake_end();
	link_when(e, HS_LINK_DOWN, 1);
	hs_engine_ask(e);
	hs_engine_close(e);
	hs_engine_close(NULL);
}

/* It may be new: the connection that asks for it fails, or memory runs out. */
NATS_FAKE_TEST(a_server_without_a_version_is_not_looked_at_unless_any_will_do)
{
	struct hs_engine *e = open_fake("--version=");
	struct hs_engine_options any = options_of(nats.fake_port);
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;

	assert_int_equal(hs_engine_look(e, &stream, &failure), EX_TEMPFAIL);
	assert_non_null(strstr(failure.why, "version"));
	hs_engine_close(e);
	any.any_version = true;
	assert_int_equal(hs_engine_open(&any, &e, &failure), 0);
	assert_int_equal(hs_engine_look(e, &stream, &failure), 0);
	assert_string_equal(stream.server_version, "");
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_receiver_s_subject_with_a_foreign_message_is_no_answer)
{
	struct hs_message foreign = { .subject = HS_SLICE("hookspool.kodabuzi.acme.track"),
		                      .data = HS_SLICE("{}"),
		                      .place = HS_SLICE("no place") };
	struct hs_engine *e = open_fake("");
	struct hs_engine_asked asked;

	assert_int_equal(hs_engine_send(e, &foreign), HS_SENT);
	asked = ask(e);
	assert_true(asked.failed);
	assert_int_equal(asked.failure.code, EX_CONFIG);
	assert_non_null(strstr(asked.failure.why, "another program writes"));
	hs_engine_close(e);
}

TESTS("ship_engine", NULL, NULL)
