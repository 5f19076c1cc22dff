/* ingest_batch: requests with many events, and what is acknowledged of them. */
#include "tests/lib/stage.h"

/* --- batches ------------------------------------------------------------------------------- */

#define NO_SUCH "{\"type\":\"x\",\"userId\":\"u\"}"

static const struct {
	const char *body;
	int status;
	const char *answer, *records;
	unsigned rejected; /* lines */
} batch_cases[] = {
	{ "[]", 200, "{\"accepted\":0,\"duplicate\":0,\"rejected\":0}\n", "", 0 },
	{ " [ ] ", 200, "{\"accepted\":0,\"duplicate\":0,\"rejected\":0}\n", "", 0 },
	{ "[" PAGE "]", 200, "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n", PAGE_LINE, 0 },
	{ "[" PAGE ", " PAGE "]", 200, "{\"accepted\":2,\"duplicate\":0,\"rejected\":0}\n", PAGE_LINE PAGE_LINE, 0 },
	{ "[" PAGE "," NO_ID "," PAGE "]", 200,
	  "{\"accepted\":2,\"duplicate\":0,\"rejected\":1,"
	  "\"message\":\"event 2: userId or anonymousId required\"}\n",
	  PAGE_LINE PAGE_LINE, 1 },
	{ "[" NO_ID "," NO_ID "," PAGE "]", 200,
	  "{\"accepted\":1,\"duplicate\":0,\"rejected\":2,"
	  "\"message\":\"event 1: userId or anonymousId required\"}\n",
	  PAGE_LINE, 2 },
	{ "[" PAGE ",1,null,[],\"x\"]", 200,
	  "{\"accepted\":1,\"duplicate\":0,\"rejected\":4,"
	  "\"message\":\"event 2: an event is a JSON object or an array of them\"}\n",
	  PAGE_LINE, 4 },
	{ "[" NO_ID "]", 400,
	  "{\"accepted\":0,\"duplicate\":0,\"rejected\":1,"
	  "\"message\":\"event 1: userId or anonymousId required\"}\n",
	  "", 1 },
	{ "[" NO_SUCH "," NO_SUCH "]", 501,
	  "{\"accepted\":0,\"duplicate\":0,\"rejected\":2,"
	  "\"message\":\"event 1: type not supported\"}\n",
	  "", 2 },
	/* not every one has an unknown type: 400, whatever the order */
	{ "[" NO_SUCH "," NO_ID "]", 400, NULL, "", 2 },
	{ "[" NO_ID "," NO_SUCH "]", 400, NULL, "", 2 },
	{ "[" NO_SUCH "," NO_ID "," NO_SUCH "]", 400, NULL, "", 3 },
	{ "[" NO_SUCH "," PAGE "]", 200, NULL, PAGE_LINE, 1 },
	/* wrapped, mixed, and an array inside an array is no batch */
	{ "[{\"json\":" PAGE "},{\"json\":" PAGE "}]", 200, "{\"accepted\":2,\"duplicate\":0,\"rejected\":0}\n",
	  PAGE_LINE PAGE_LINE, 0 },
	{ "[" PAGE ",{\"json\":" PAGE "}]", 200, "{\"accepted\":2,\"duplicate\":0,\"rejected\":0}\n",
	  PAGE_LINE PAGE_LINE, 0 },
	{ "[{\"json\":" NO_ID "}]", 400, NULL, "", 1 },
	{ "[{\"json\":[" PAGE "]}]", 400, NULL, "", 1 },
	{ "[{\"json\":1}]", 400, NULL, "", 1 },
	{ "[[" PAGE "]]", 400, NULL, "", 1 },
};

TEST(batches)
{
	for (size_t i = 0; i < sizeof batch_cases / sizeof *batch_cases; i++) {
		struct stage *s = new_stage(OPEN, hs_slice_str(batch_cases[i].body));
		unsigned lines = 0;

		if (serve(s) != batch_cases[i].status)
			fail_msg("%s: %.20s", batch_cases[i].body, s->head.p);
		if (batch_cases[i].answer != NULL)
			expect(s, "answer", batch_cases[i].answer);
		expect(s, "records", batch_cases[i].records);
		for (size_t k = 0; k < s->rejected.n; k++)
			lines += s->rejected.p[k] == '\n';
		if (lines != batch_cases[i].rejected)
			fail_msg("%s: %u lines of rejected events", batch_cases[i].body, lines);
		free_stage(s);
	}
}

/* All of these are 400 to a library, so the first one is named, of whatever kind it is. */
TEST(a_library_is_told_the_first_that_is_wrong)
{
	struct stage *s = new_stage(OPEN "[sources]\nshop = KEY\n",
	                            HS_SLICE("{\"writeKey\":\"KEY\",\"batch\":[" NO_SUCH "," NO_ID "]}"));

	param(s, "PATH_INFO", "/v1/batch");
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "event 1: type not supported"));
	free_stage(s);
}

TEST(batches_may_be_forbidden)
{
	static const char *const forbidden[] = { "[]", "[" PAGE "]", " [" PAGE "," PAGE "]" };
	struct stage *s;

	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		s = new_stage(OPEN "batches = no\n", hs_slice_str(forbidden[i]));
		assert_int_equal(serve(s), 400);
		expect(s, "records", "");
		assert_non_null(memmem(s->answer.p, s->answer.n, "batches are not accepted here", 29));
		free_stage(s);
	}
	s = new_stage(OPEN "batches = no\n", HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(nothing_to_keep_is_not_appended)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[]"));

	s->append_result = HS_E_FULL; /* the store is not asked */
	assert_int_equal(serve(s), 200);
	expect(s, "story", "RWFE");
	free_stage(s);
}

TEST(a_rejected_event_of_a_batch_says_which)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[" PAGE ", " NO_ID " ," NO_SUCH "]"));

	assert_int_equal(serve(s), 200);
	expect(s, "rejected",
	       "{\"spooled_at\":\"" AT "\",\"status\":400,\"message\":\"event 2: userId or anonymousId "
	       "required\",\"remote_addr\":\"192.0.2.1\",\"body\":\"{\\\"type\\\":\\\"page\\\"}\"}\n"
	       "{\"spooled_at\":\"" AT "\",\"status\":501,\"message\":\"event 3: type not supported\","
	       "\"remote_addr\":\"192.0.2.1\",\"body\":\"{\\\"type\\\":\\\"x\\\",\\\"userId\\\":"
	       "\\\"u\\\"}\"}\n");
	free_stage(s);
}

/* The events of such a body were not read, so it may be about anybody. */
TEST(where_people_are_suppressed_no_refused_body_is_kept)
{
	static const char *const bodies[] = { "[" PAGE "]", "[" PAGE ",", PAGE "{" };

	for (size_t i = 0; i < 2 * sizeof bodies / sizeof *bodies; i++) {
		struct stage *s = new_stage(OPEN "batches = no\n", hs_slice_str(bodies[i / 2]));

		s->suppresses = i % 2 == 1;
		assert_int_equal(serve(s), 400);
		assert_true(contains(&s->rejected, "\"status\":400"));
		assert_int_equal(contains(&s->rejected, "userId"), !s->suppresses);
		free_stage(s);
	}
}

TEST(batches_signed_by_their_first_element)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE("[" PAGE "," NO_ID "," PAGE "]"));

	sign(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE PAGE_LINE);
	next_request(s, HS_SLICE("[{\"json\":" PAGE "},{\"json\":" PAGE "}]"));
	sign(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE PAGE_LINE);
	free_stage(s);
}

TEST(a_limited_number_of_events)
{
	struct hs_buf body = { 0 };
	struct stage *s;

	put_batch(&body, NO_ID, HS_BATCH_MAX);
	s = new_stage(OPEN, hs_buf_slice(&body));
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "\"rejected\":65536"));
	hs_buf_reset(&body);
	put_batch(&body, NO_ID, HS_BATCH_MAX + 1);
	next_request(s, hs_buf_slice(&body));
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "too many events"));
	expect(s, "records", "");
	hs_buf_free(&body);
	free_stage(s);
}

/* --- large lines of small events ------------------------------------------------------------- */

#define LIBRARY CONF "[sources]\nweb = WEB-KEY-1\n"

/* A batch of a library, whose last event is PATIENT, with a context of about so many bytes beside it. */
#define PATIENT "{\"type\":\"track\",\"event\":\"Patient Seen\",\"userId\":\"u\"}"
static void put_beside(struct hs_buf *body, unsigned events, unsigned context)
{
	hs_buf_put_slice(body, HS_SLICE("{\"writeKey\":\"WEB-KEY-1\",\"context\":{\"a\":\""));
	for (unsigned i = 0; i < context; i++)
		hs_buf_putc(body, 'x');
	hs_buf_put_slice(body, HS_SLICE("\"},\"batch\":"));
	put_batch(body, PAGE, events - 1);
	body->n--;
	hs_buf_put_slice(body, HS_SLICE("," PATIENT "]}"));
}

static int serve_batch(struct stage *s)
{
	param(s, "PATH_INFO", "/v1/batch");
	return serve(s);
}

TEST(a_context_beside_a_batch_has_room)
{
	struct hs_buf body = { 0 };
	struct stage *s;

	put_beside(&body, 2500, 2000);
	s = new_stage(LIBRARY, hs_buf_slice(&body));
	assert_int_equal(serve_batch(s), 200);
	expect(s, "answer", "{\"success\":true}\n");
	assert_int_equal(s->count, 2500);
	expect(s, "rejected", "");
	hs_buf_free(&body);
	free_stage(s);
}

/* An answer of 200 makes the library forget all events, and the body may hold what the rules drop. */
TEST(a_batch_that_grows_too_large_is_refused_as_a_whole)
{
	struct hs_buf body = { 0 };
	struct stage *s;

	put_beside(&body, 2500, 30000);
	s = new_stage(LIBRARY "[events]\ndrop = event:\"Patient *\"\n", hs_buf_slice(&body));
	assert_int_equal(serve_batch(s), 400);
	assert_true(contains(&s->answer, "\"code\":\"records_large\""));
	assert_true(contains(&s->log, "send fewer events at once"));
	expect(s, "records", "");
	assert_true(contains(&s->rejected, "grow too large together"));
	assert_false(contains(&s->rejected, "Patient"));
	hs_buf_reset(&body);
	put_beside(&body, 2, HS_BESIDE_MAX);
	next_request(s, hs_buf_slice(&body));
	assert_int_equal(serve_batch(s), 400);
	assert_true(contains(&s->answer, "\"code\":\"beside_large\""));
	assert_true(contains(&s->rejected, "beside the batch too large"));
	assert_false(contains(&s->rejected, "Patient"));
	hs_buf_free(&body);
	free_stage(s);
}

TEST(large_lines_wait_like_a_large_body)
{
	struct hs_semaphore *nobody = hs_semaphore_new(0);
	struct hs_buf body = { 0 };
	struct stage *s;

	put_beside(&body, 1000, 20000);
	assert_true(body.n < HS_LARGE_BYTES);
	s = new_stage(LIBRARY, hs_buf_slice(&body));
	s->store.large = nobody;
	assert_int_equal(serve_batch(s), 503);
	expect(s, "story", "RWFE"); /* nothing is kept */
	assert_true(s->scratch->maker.batch.lines.n < 4 << 20);
	s->store.large = NULL;
	next_request(s, hs_buf_slice(&body));
	assert_int_equal(serve_batch(s), 200);
	assert_int_equal(s->count, 1000);
	hs_semaphore_free(nobody);
	hs_buf_free(&body);
	free_stage(s);
}

TEST(an_event_without_room_is_not_rejected_if_its_person_is_suppressed)
{
	struct hs_buf event = { 0 }, body = { 0 };
	struct stage *s;

	hs_buf_put_slice(&event, HS_SLICE("{\"type\":\"page\",\"userId\":\"ann\",\""));
	for (int i = 0; i < 700; i++)
		hs_buf_putc(&event, 'k');
	hs_buf_put_slice(&event, HS_SLICE("\":{\"a\":1"));
	for (uint64_t i = 0; i < 60; i++) {
		hs_buf_put_slice(&event, HS_SLICE(",\"b"));
		hs_buf_put_uint(&event, i);
		hs_buf_put_slice(&event, HS_SLICE("\":1"));
	}
	hs_buf_put(&event, "}}", 3);
	put_batch(&body, event.p, 100);
	s = new_stage(OPEN, hs_buf_slice(&body));
	s->suppresses = true;
	assert_int_equal(serve(s), 200);
	assert_in_range(s->count, 10, 90);
	assert_true(contains(&s->answer, "\"rejected\":0,\"dropped\":"));
	expect(s, "rejected", "");
	hs_buf_free(&event);
	hs_buf_free(&body);
	free_stage(s);
}

TEST(an_invalid_event_is_not_rejected_if_its_person_is_suppressed)
{
	struct stage *s = new_stage(OPEN "rejected_body = 1\n",
	                            HS_SLICE("[" PAGE ",{\"type\":\"track\",\"userId\":\"ann\"}," PAGE "]"));

	s->suppresses = true;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->count, 2);
	assert_true(contains(&s->answer, "\"rejected\":0,\"dropped\":1"));
	expect(s, "rejected", "");
	next_request(s, HS_SLICE("[" PAGE "," NO_ID "]")); /* which names nobody */
	assert_int_equal(serve(s), 200);
	assert_true(contains(&s->answer, "\"rejected\":1"));
	free_stage(s);
}

/* The handler reads neither the second spelling nor the object, and either may hold the id of a suppressed person. */
TEST(where_people_are_suppressed_no_body_is_kept_that_does_not_tell_whose_it_is)
{
	static const struct {
		const char *body;
		bool tells;
	} is[] = {
		{ "{\"type\":\"track\",\"userId\":\"ann\"}", true },
		{ "{\"type\":\"track\",\"anonymousId\":\"ann\"}", true },
		{ "{\"type\":\"page\",\"userId\":\"bob\",\"user_id\":\"ann\"}", false },
		{ "{\"type\":\"page\",\"userId\":{\"id\":\"ann\"},\"anonymousId\":\"b\"}", false },
		{ "{\"type\":\"page\",\"userId\":[\"ann\"]}", false },
		{ "{\"json\":{\"type\":\"page\",\"userId\":\"ann\"}}", false },
		{ "{\"type\":\"page\",\"traits\":{\"id\":\"ann\"}}", false },
		{ "[\"ann\"]", false },
	};

	for (size_t i = 0; i < 2 * sizeof is / sizeof *is; i++) {
		struct stage *s = new_stage(OPEN "rejected_body = 64K\n", hs_slice_str(is[i / 2].body));

		s->suppresses_others = i % 2 == 1;
		assert_int_equal(serve(s), 400);
		assert_true(contains(&s->rejected, "\"status\":400"));
		assert_int_equal(contains(&s->rejected, "ann"), is[i / 2].tells || !s->suppresses_others);
		free_stage(s);
	}
}

/* The sender tries again, and a line of each attempt would name the person. */
TEST(nothing_is_rejected_if_the_spool_cannot_be_asked)
{
	struct stage *s = new_stage(OPEN "[events]\nunplanned = reject\n", HS_SLICE("[" PAGE "]"));

	s->suppresses_result = HS_E_SUPPRESSED;
	assert_int_equal(serve(s), 503);
	expect(s, "rejected", "");
	free_stage(s);
	s = new_stage(OPEN "rejected_body = 64K\n", HS_SLICE("broken"));
	s->suppresses_result = HS_E_SUPPRESSED;
	assert_int_equal(serve(s), 503);
	expect(s, "rejected", "");
	free_stage(s);
}

/* --- kept ---------------------------------------------------------------------------------- */

TEST(only_kept_events_are_acknowledged)
{
	static const enum hs_result failures[] = { HS_E_FULL,    HS_E_IO,     HS_E_SYNC,
		                                   HS_E_TIMEOUT, HS_E_MEMORY, HS_E_SPOOL_DIR };
	static const char *const bodies[] = { PAGE, NO_ID, "broken", "[" PAGE "," NO_ID "]" };

	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
		for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
			struct stage *s = new_stage(OPEN, hs_slice_str(bodies[k]));
			char answer[200];

			s->append_result = failures[i];
			assert_int_equal(serve(s), 503);
			snprintf(answer, sizeof answer, "{\"message\":\"%s\"}\n", hs_result_info(failures[i])->message);
			expect(s, "answer", answer);
			assert_true(contains(&s->head, "Retry-After: "));
			free_stage(s);
		}
}

TEST(duplicates_are_counted_apart)
{
	struct stage *s = new_stage(OPEN "durability = none\n", HS_SLICE("[" PAGE "," NO_ID "," PAGE "]"));

	s->duplicate = 1;
	assert_int_equal(serve(s), 202);
	assert_int_equal(s->count, 2);
	expect(s, "answer",
	       "{\"accepted\":1,\"duplicate\":1,\"rejected\":1,"
	       "\"message\":\"event 2: userId or anonymousId required\"}\n");
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200); /* nothing is left to do for it */
	expect(s, "answer", "{\"accepted\":0,\"duplicate\":1,\"rejected\":0}\n");
	free_stage(s);
}

/* The key that makes an event a duplicate comes with it (dedup_key.h). */
TEST(events_come_with_their_keys)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[{\"type\":\"page\",\"userId\":\"u\"},{\"type\":\"page\","
	                                           "\"userId\":\"u\",\"timestamp\":\"2026-11-23\"},"
	                                           "{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m-1\"}]"));
	struct hs_dedup_key first;

	assert_int_equal(serve(s), 200);
	assert_int_equal(s->count, 3);
	assert_int_equal(s->random, 1);
	first = s->last_id;
	next_request(s, HS_SLICE("{\"type\":\"screen\",\"userId\":\"v\",\"message_id\":\"m-1\"}"));
	assert_int_equal(serve(s), 200);
	assert_memory_equal(&first, &s->last_id, sizeof first);
	next_request(s, HS_SLICE("{\"type\":\"screen\",\"userId\":\"v\",\"message_id\":\"m-2\"}"));
	assert_int_equal(serve(s), 200);
	assert_memory_not_equal(&first, &s->last_id, sizeof first);
	free_stage(s);
}

TEST(a_peer_that_is_gone_does_no_harm)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->peer_gone = true;
	assert_int_equal(serve(s), 200);
	expect(s, "story", "RPWFE");
	free_stage(s);
}

TESTS("ingest_batch", NULL, NULL)
