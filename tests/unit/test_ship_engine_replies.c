/* The engine of ship and a server whose replies are wrong, late, strange or from another time (fake_nats.py). */
#include "base/io.h"
#include "tests/lib/nats_server.h"
#include "tests/lib/wrap.h"
#include "tools/ship/engine.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>

#define NO_MESSAGE "{\"error\":{\"code\":404,\"err_code\":10037,\"description\":\"no message found\"}}"
#define NO_STREAM "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}"
#define NAME_TAKEN "{\"error\":{\"code\":400,\"err_code\":10058,\"description\":\"stream name already in use\"}}"
#define ERROR(code, number) "{\"error\":{\"code\":" code ",\"err_code\":" number ",\"description\":\"so it is\"}}"

static char arguments[8000];

/* Adds n replies of that text to the arguments. */
static void reply(const char *text, unsigned n)
{
	size_t at = strlen(arguments);

	for (; n > 0; n--)
		at += (size_t)snprintf(arguments + at, sizeof arguments - at, " --reply '%s'", text);
	assert_true(at < sizeof arguments);
}

static struct hs_engine *open_within(int64_t ack_wait_ms)
{
	static char servers[64];
	struct hs_engine_options options = { .servers = servers,
		                             .stream = "events",
		                             .receiver = "kodabuzi",
		                             .ack_wait_ms = ack_wait_ms,
		                             .connect_ms = 20000 };
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;

	nats_fake_start(arguments);
	arguments[0] = '\0';
	snprintf(servers, sizeof servers, "nats://127.0.0.1:%d", nats.fake_port);
	if (hs_engine_open(&options, &e, &failure) != 0)
		fail_msg("%d: %s", failure.code, failure.why);
	return e;
}

static struct hs_engine *open_fake(const char *more)
{
	strcat(arguments, " ");
	strcat(arguments, more);
	return open_within(20000);
}

static void wait_for_more(struct hs_engine *e, int64_t until_ms)
{
	assert_true(hs_io_now_monotonic() < until_ms);
	hs_io_wait_readable(hs_engine_fd(e), 1000);
	hs_engine_woken(e);
}

static void link_until(struct hs_engine *e, enum hs_link state, uint64_t generation)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine_link link;

	for (hs_engine_link(e, &link); link.state != state || link.generation < generation; hs_engine_link(e, &link))
		wait_for_more(e, until_ms);
}

static enum hs_send send_id(struct hs_engine *e, uint64_t n, const char *id)
{
	struct hs_places places = { .own = { 1, n, 0 } };
	struct hs_buf place = { 0 };
	struct hs_message message = { .tag = n,
		                      .subject = HS_SLICE("hookspool.kodabuzi.acme.track"),
		                      .id = hs_slice_str(id),
		                      .data = HS_SLICE("{}") };
	enum hs_send sent;

	hs_places_put(&place, &places);
	message.place = hs_buf_slice(&place);
	sent = hs_engine_send(e, &message);
	hs_buf_free(&place);
	return sent;
}

static struct hs_answer answer(struct hs_engine *e)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_answer a;

	while (!hs_engine_answer(e, &a))
		wait_for_more(e, until_ms);
	return a;
}

/* Stores records 1 to n. */
static void store(struct hs_engine *e, uint64_t n)
{
	char id[32];

	for (uint64_t i = 1; i <= n; i++) {
		snprintf(id, sizeof id, "acme/%" PRIu64, i);
		assert_int_equal(send_id(e, i, id), HS_SENT);
		assert_int_equal(answer(e).kind, HS_ANSWER_STORED);
	}
}

/* The caller frees it. */
static struct hs_engine_asked ask(struct hs_engine *e)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine_asked asked;

	hs_engine_ask(e);
	while (!hs_engine_asked(e, &asked))
		wait_for_more(e, until_ms);
	return asked;
}

static void expect(const char *what, int code, const struct hs_engine_failure *failure, int expected, const char *words)
{
	if (code != expected || (code != 0 && strstr(failure->why, words) == NULL))
		fail_msg("%s: %d %s; expected %d %s", what, code, failure->why, expected, words);
}

/* --- what the stream is --------------------------------------------------------------------------------- */

NATS_FAKE_TEST(replies_about_the_stream)
{
	static const struct {
		const char *reply;
		int code;
		const char *words;
	} cases[] = {
		{ "503", EX_TEMPFAIL, "the server has no JetStream, or the stream has no leader" },
		{ "+OK", EX_TEMPFAIL, "a reply that is no JSON object" },
		{ "[1]", EX_TEMPFAIL, "a reply that is no JSON object" },
		{ "{}", EX_TEMPFAIL, "a reply without the stream" },
		{ "{\"config\":{}}", EX_TEMPFAIL, "a reply without the stream" },
		{ "{\"state\":{}}", EX_TEMPFAIL, "a reply without the stream" },
		{ NO_STREAM, EX_NOINPUT, "there is no stream events: --create makes it" },
		{ ERROR("400", "10003"), EX_CONFIG, "so it is (10003)" },
		{ ERROR("400", "10005"), EX_TEMPFAIL, "so it is (10005)" }, /* a cluster that begins */
		{ ERROR("429", "10167"), EX_TEMPFAIL, "so it is (10167)" },
		{ ERROR("500", "10051"), EX_TEMPFAIL, "so it is (10051)" },
		{ ERROR("300", "10051"), EX_TEMPFAIL, "so it is (10051)" },
		{ "{\"config\":{},\"state\":{}}", 0, "" },
	};
	struct hs_engine *e;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		reply(cases[i].reply, 1);
	e = open_fake("");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_failure failure;
		struct hs_engine_stream stream;
		int code = hs_engine_look(e, &stream, &failure);

		expect(cases[i].reply, code, &failure, cases[i].code, cases[i].words);
	}
	hs_engine_close(e);
}

#define STREAM(created, messages, first, more) \
	"{\"created\":\"" created "\",\"config\":{\"max_age\":" messages "},\"state\":{\"messages\":" messages \
	",\"first_ts\":\"" first "\"}" more "}"

NATS_FAKE_TEST(the_age_of_a_stream)
{
	static const struct {
		const char *reply;
		int64_t max_age_ms;
		bool older; /* its first message than its own stamp */
	} cases[] = {
		{ STREAM("2026-11-29T04:00:00Z", "1", "2026-11-28T04:00:00Z", ""), 1, true },
		{ STREAM("2026-11-29T04:00:00Z", "7000000", "2026-11-28T04:00:00Z", ",\"cluster\":{\"leader\":\"a\"}"),
		  7, true },
		{ STREAM("2026-11-29T04:00:00Z", "7", "2026-11-28T04:00:00Z", ",\"cluster\":{\"name\":\"c\"}"), 1,
		  false },
		{ STREAM("2026-11-29T04:00:00Z", "0", "2026-11-28T04:00:00Z", ""), 0, false },
		{ STREAM("2026-11-29T04:00:00Z", "1", "2026-11-29T04:00:00Z", ""), 1, false },
		{ STREAM("2026-11-29T04:00:00Z", "1", "yesterday", ""), 1, false },
		{ STREAM("today", "1", "2026-11-28T04:00:00Z", ""), 1, false },
	};
	struct hs_engine *e;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		reply(cases[i].reply, 1);
	e = open_fake("");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_failure failure;
		struct hs_engine_stream stream;

		assert_int_equal(hs_engine_look(e, &stream, &failure), 0);
		if (stream.is_older != cases[i].older || stream.max_age_ms != cases[i].max_age_ms)
			fail_msg("%s: %d, %" PRId64 " ms", cases[i].reply, stream.is_older, stream.max_age_ms);
	}
	hs_engine_close(e);
}

NATS_FAKE_TEST(replies_when_a_stream_is_made)
{
	struct hs_engine_create create = { .replicas = 1, .window_ms = 120000, .subjects = "hookspool.>" };
	static const struct {
		const char *look, *make;
		int code;
		const char *words;
	} cases[] = {
		{ NO_STREAM, NAME_TAKEN, 0, "" }, /* another process made it meanwhile */
		{ NO_STREAM, ERROR("500", "10047"), EX_TEMPFAIL, "so it is (10047)" },
		{ NO_STREAM, ERROR("400", "10052"), EX_CONFIG, "so it is (10052)" },
		{ ERROR("500", "10047"), NULL, EX_TEMPFAIL, "so it is (10047)" },
	};
	struct hs_engine *e;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		reply(cases[i].look, 1);
		reply(cases[i].make, cases[i].make != NULL);
	}
	e = open_fake("");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_failure failure;
		int code = hs_engine_make(e, &create, &failure);

		expect(cases[i].look, code, &failure, cases[i].code, cases[i].words);
	}
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_question_without_a_reply)
{
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;
	struct hs_engine *e;

	reply("none", 1);
	e = open_within(300);
	assert_int_equal(hs_engine_look(e, &stream, &failure), EX_TEMPFAIL);
	assert_non_null(strstr(failure.why, "does not answer"));
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_question_without_a_connection)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine *e = open_fake("");
	struct hs_engine_failure failure = { 0 };
	struct hs_engine_stream stream;

	nats_fake_end();
	while (strcmp(failure.why, "there is no connection") != 0) {
		assert_true(hs_io_now_monotonic() < until_ms);
		assert_int_equal(hs_engine_look(e, &stream, &failure), EX_TEMPFAIL);
	}
	hs_engine_close(e);
}

/* --- its messages ----------------------------------------------------------------------------------------- */

/* A message with these headers, as the API has it; in one of four buffers in turn. */
static const char *message(uint64_t sequence, const char *time, const char *headers)
{
	static char text[4][2048];
	static int turn;
	unsigned char base64[1024];

	turn = (turn + 1) % 4;
	EVP_EncodeBlock(base64, (const unsigned char *)headers, (int)strlen(headers));
	snprintf(text[turn], sizeof text[turn], "{\"message\":{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"hdrs\":\"%s\"}}",
	         sequence, time, base64);
	return text[turn];
}

#define TIME "2026-11-29T04:00:00.5Z"
#define PLACE "Hookspool-Pos: 1:5:0 1:5:0@1"

NATS_FAKE_TEST(headers_of_the_last_message)
{
	static const struct {
		const char *headers;
		bool ours;
		const char *id;
	} cases[] = {
		{ "NATS/1.0\r\n" PLACE "\r\nNats-Msg-Id: acme/5\r\n\r\n", true, "acme/5" },
		{ "NATS/1.0\r\n" PLACE "\r\n\r\n", true, "" },
		{ "NATS/1.0\r\nNats-Msg-Id: acme/5\r\n\r\n", false, "" },
		{ "NATS/1.0\r\n" PLACE, false, "" }, /* without an end */
		{ "NATS/1.0\r\nHookspool-Pos1 1:5:0 1:5:0@1\r\n\r\n", false, "" },
		{ "NATS/1.0\r\nHookspool-Pos\r\n\r\n", false, "" },
		{ "NATS/1.0\r\nHookspool-Pos: 0:0:0 0:0:0@0\r\n\r\n", false, "" }, /* a mark's place */
		{ "", false, "" },
	};
	struct hs_engine *e;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		reply("ok", 1);
		reply(message(1, TIME, cases[i].headers), 1);
	}
	e = open_fake("");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_asked asked = ask(e);

		expect(cases[i].headers, asked.failed ? asked.failure.code : 0, &asked.failure,
		       cases[i].ours ? 0 : EX_CONFIG, "another program writes to hookspool.kodabuzi");
		if (cases[i].ours) {
			assert_true(asked.any && asked.sequence == 1 && asked.done.own.offset == 5);
			assert_string_equal(asked.id, cases[i].id);
		}
		hs_engine_asked_free(&asked);
	}
	hs_engine_close(e);
}

NATS_FAKE_TEST(replies_that_have_no_message)
{
	static const struct {
		const char *reply, *words;
	} cases[] = {
		{ "{\"message\":{}}", "a reply without a message" },
		{ "{\"seq\":1}", "a reply without a message" },
		{ "{\"message\":{\"seq\":1,\"hdrs\":\"***\"}}", "message 1 has headers that are not base64" },
		{ "{", "a reply that is no JSON object" },
		{ ERROR("503", "10008"), "so it is (10008)" },
	};
	size_t n = sizeof cases / sizeof cases[0];
	struct hs_engine *e;

	reply("ok", 2); /* what the state is, and the last message; then the headers of the set come */
	reply(cases[0].reply, 1);
	for (size_t i = 0; i < n; i++) {
		reply("ok", 1);
		reply(cases[i].reply, 1);
	}
	e = open_fake("");
	store(e, 1);
	for (size_t i = 0; i < n + 1; i++) {
		struct hs_engine_asked asked = ask(e);

		assert_true(asked.failed);
		expect(cases[i > 0 ? i - 1 : 0].reply, asked.failure.code, &asked.failure, EX_TEMPFAIL,
		       cases[i > 0 ? i - 1 : 0].words);
		hs_engine_asked_free(&asked);
	}
	hs_engine_close(e);
}

/* A message of three is deleted while the headers of all are asked for. */
static void delete_one(const char *more)
{
	struct hs_engine_asked asked;
	struct hs_engine *e;

	reply("ok", 3);
	reply(NO_MESSAGE, 1);
	e = open_fake(more);
	store(e, 3);
	asked = ask(e);
	expect(more, asked.failed ? asked.failure.code : 0, &asked.failure, 0, "");
	assert_int_equal(asked.sequence, 3);
	assert_int_equal(asked.count, 2);
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_message_that_is_deleted_meanwhile)
{
	delete_one("");
	delete_one("--replies-twice");
}

/* nats-server 2.9 does so. The nth question of the search has no good reply. */
NATS_FAKE_TEST(a_last_message_that_is_not_found_at_once_is_searched_for)
{
	enum { QUESTIONS = 9 };
	struct hs_engine_asked asked;
	struct hs_engine *e;
	unsigned n = 0;

	for (unsigned nth = 0; nth < QUESTIONS; nth++) {
		reply("ok", 1);
		reply(NO_MESSAGE, 1);
		reply("ok", nth);
		reply(nth < QUESTIONS - 1 ? ERROR("503", "10008") : "ok", 1);
	}
	e = open_fake("");
	store(e, 3);
	for (asked = ask(e); asked.failed; asked = ask(e), n++) {
		assert_int_equal(asked.failure.code, EX_TEMPFAIL);
		assert_true(n < QUESTIONS);
	}
	hs_engine_asked_free(&asked);
	assert_in_range(n, 5, QUESTIONS - 1);
	hs_engine_close(e);
	reply("ok", 1);
	reply(NO_MESSAGE, 1);
	e = open_fake("");
	store(e, 3);
	asked = ask(e);
	assert_true(!asked.failed && asked.any && asked.sequence == 3 && asked.count == 3);
	assert_string_equal(asked.id, "acme/3");
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

/* --- walks -------------------------------------------------------------------------------------------------- */

static bool count(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	(void)sequence;
	(void)places;
	(void)id;
	++*(unsigned *)context;
	return true;
}

NATS_FAKE_TEST(a_walk_that_fails_at_any_question_is_not_taken_for_the_whole)
{
	enum { QUESTIONS = 9 };
	struct hs_engine_failure failure;
	unsigned n = 0, seen = 0;
	struct hs_engine *e;
	int code;

	for (unsigned nth = 0; nth < QUESTIONS; nth++) {
		reply("ok", nth);
		reply(ERROR("503", "10008"), 1);
	}
	e = open_fake("");
	store(e, 3);
	while ((code = hs_engine_walk(e, HS_WALK_OWN, 0, hs_io_now() - 3600000, count, &seen, &failure)) != 0) {
		expect("a walk", code, &failure, EX_TEMPFAIL, "so it is (10008)");
		assert_true(n++ < QUESTIONS);
	}
	assert_int_equal(n, 6); /* for the last message, two steps of the search for the first, and three messages */
	assert_int_equal(seen, 3);
	hs_engine_close(e);
}

/* The server's clock went back, or a reply tells no time; a message is deleted during the search. */
NATS_FAKE_TEST(messages_that_are_older_than_asked_for)
{
	struct hs_engine_failure failure;
	struct hs_engine *e;
	unsigned seen = 0;

	reply("ok", 1);
	reply(NO_MESSAGE, 1);
	reply("ok", 1);
	for (uint64_t i = 1; i <= 3; i++)
		reply(message(i, i == 2 ? "2001-01-01T00:00:00Z" : "no time", "NATS/1.0\r\n" PLACE "\r\n\r\n"), 1);
	e = open_fake("");
	store(e, 3);
	assert_int_equal(hs_engine_walk(e, HS_WALK_OWN, 1, hs_io_now() - 3600000, count, &seen, &failure), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(hs_engine_walk(e, HS_WALK_OWN, 1, hs_io_now() - 3600000, count, &seen, &failure), 0);
	assert_int_equal(seen, 3);
	hs_engine_close(e);
}

/* --- answers, and what is sent --------------------------------------------------------------------------------- */

NATS_FAKE_TEST(answers_to_subjects_without_a_number_are_dropped)
{
	struct hs_engine *e = open_fake("stray");
	struct hs_answer a;

	assert_int_equal(send_id(e, 1, "acme/1"), HS_SENT);
	a = answer(e);
	assert_true(a.tag == 1 && a.kind == HS_ANSWER_STORED);
	assert_false(hs_engine_answer(e, &a));
	hs_engine_close(e);
}

NATS_FAKE_TEST(messages_that_are_not_sent)
{
	struct hs_message message = { .subject = HS_SLICE("hookspool.kodabuzi.acme.track"),
		                      .data = hs_slice("", INT32_MAX),
		                      .place = HS_SLICE("1:5:0 1:5:0@1") };
	struct hs_engine *e = open_fake("");
	struct hs_engine_link link;

	assert_int_equal(hs_engine_send(e, &message), HS_SEND_OVERSIZE);
	message.data = HS_SLICE("{}");
	hs_engine_link(e, &link);
	message.generation = link.generation + 1;
	assert_int_equal(hs_engine_send(e, &message), HS_SEND_DOWN);
	assert_int_equal(send_id(e, 1, "acme/\x7f"), HS_SEND_ILLEGAL);
	message.generation = link.generation;
	message.tag = 7;
	assert_int_equal(hs_engine_send(e, &message), HS_SENT);
	assert_int_equal(answer(e).tag, 7);
	hs_engine_close(e);
}

NATS_FAKE_TEST(an_id_of_another_program_may_be_of_any_length)
{
	struct hs_engine_asked asked;
	char id[600];
	struct hs_engine *e = open_fake("");

	memset(id, 'x', sizeof id);
	id[sizeof id - 1] = '\0';
	assert_int_equal(send_id(e, 1, id), HS_SENT);
	assert_int_equal(answer(e).kind, HS_ANSWER_STORED);
	assert_int_equal(send_id(e, 1, id), HS_SENT);
	assert_true(answer(e).duplicate);
	asked = ask(e);
	assert_true(!asked.failed && asked.any && asked.count == 1);
	assert_string_equal(asked.id, "");
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

/* --- connections ------------------------------------------------------------------------------------------------ */

/* It waits for a moment before it sends the mark again, and the connection ends meanwhile. */
NATS_FAKE_TEST(a_connection_that_ends_before_a_mark_is_stored)
{
	struct hs_engine *e = open_fake("--marks seq0close");
	struct hs_engine_asked asked = ask(e);

	assert_true(asked.failed);
	expect("ask", asked.failure.code, &asked.failure, EX_TEMPFAIL, "");
	hs_engine_asked_free(&asked);
	link_until(e, HS_LINK_UP, 2);
	asked = ask(e);
	assert_false(asked.failed);
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_mark_that_is_too_long_is_never_stored)
{
	struct hs_engine *e = open_fake("--marks 10054");
	struct hs_engine_asked asked = ask(e);

	assert_true(asked.failed);
	expect("ask", asked.failure.code, &asked.failure, EX_CONFIG, "the stream takes no mark");
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

/* The pauses, which grow, are over at once. */
NATS_FAKE_TEST(a_server_that_is_away_is_tried_again_and_again)
{
	struct hs_engine *e = open_fake("");
	struct hs_engine_link link;
	int64_t until_ms;

	wrap_clock(0, -3600 * 1000);
	until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	nats_fake_end();
	link_until(e, HS_LINK_DOWN, 1);
	for (int i = 0; i < 10; i++)
		wait_for_more(e, until_ms);
	hs_engine_link(e, &link);
	assert_int_equal(link.state, HS_LINK_DOWN);
	assert_non_null(strstr(link.why, "no server answers"));
	hs_engine_close(e);
	wrap_reset();
}

NATS_FAKE_TEST(no_descriptors_are_left)
{
	struct rlimit before, none;
	struct hs_engine_options options = { .servers = "nats://127.0.0.1:1",
		                             .stream = "events",
		                             .receiver = "kodabuzi" };
	struct hs_engine_failure failure;
	struct hs_engine *e;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(hs_engine_open(&options, &e, &failure), EX_OSERR);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(failure.why, "out of memory or descriptors");
	assert_null(e);
}

TESTS("ship_engine_replies", NULL, NULL)
