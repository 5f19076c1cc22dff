/* ingest: whole requests, from the first byte to the answer. */
#include "tests/lib/stage.h"

/* --- the good story ---------------------------------------------------------------- */

TEST(an_event_is_read_kept_and_answered)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	assert_int_equal(serve(s), 200);
	expect(s, "story", "RPWFE");
	expect(s, "records", PAGE_LINE);
	expect(s, "rejected", "");
	expect(s, "answer", "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n");
	free_stage(s);
}

TEST(a_signed_event)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(" " PAGE "\n"));

	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(bytes_may_come_one_by_one)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));

	s->step = 1;
	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(all_three_methods)
{
	static const char *const methods[] = { "PUT", "PATCH" };

	for (size_t i = 0; i < 2; i++) {
		struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

		snprintf(s->param[1], sizeof s->param[1], "REQUEST_METHOD=%s", methods[i]);
		assert_int_equal(serve(s), 200);
		expect(s, "records", PAGE_LINE);
		free_stage(s);
	}
}

TEST(the_tenant_is_in_the_record)
{
	struct stage *s = new_stage(CONF "[keys]\nacme = k3y\n", HS_SLICE(PAGE));

	param(s, "HTTP_AUTHORIZATION", "Basic azN5Og==");
	assert_int_equal(serve(s), 200);
	expect(s, "records",
	       "{\"type\":\"page\",\"user_id\":\"u\",\"message_id\":\"m\",\"tenant\":\"acme\",\"spooled_at\":\"" AT
	       "\"}\n");
	free_stage(s);
}

TEST(the_settings_decide)
{
	struct stage *s = new_stage(OPEN "durability = none\nnames = verbatim\nvalidate = lenient\n",
	                            HS_SLICE("{\"type\":\"custom\",\"messageId\":1,\"a\":{\"bC\":1}}"));

	assert_int_equal(serve(s), 202);
	expect(s, "records", "{\"type\":\"custom\",\"message_id\":1,\"spooled_at\":\"" AT "\",\"a.bC\":1}\n");
	free_stage(s);
}

TEST(odd_time_stamps_are_counted)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[" PAGE ",{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"x\"},"
	                                           "{\"type\":\"page\",\"userId\":\"u\",\"sentAt\":1},"
	                                           "{\"type\":\"page\",\"sentAt\":1}]"));

	assert_int_equal(serve(s), 200);
	assert_int_equal(s->unparsed, 2);
	free_stage(s);
}

/* --- the settings header -------------------------------------------------------------- */

TEST(the_settings_header_is_in_the_record)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	param(s, "HTTP_X_SEGMENT_SETTINGS", " eyJhcGlLZXkiOiJ4In0= "); /* {"apiKey":"x"} */
	assert_int_equal(serve(s), 200);
	expect(s, "records",
	       "{\"type\":\"page\",\"user_id\":\"u\",\"message_id\":\"m\",\"settings_api_key\":\"x\","
	       "\"spooled_at\":\"" AT "\"}\n");

	next_request(s, HS_SLICE(PAGE)); /* it is forgotten with the request */
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(an_invalid_settings_header)
{
	static const char *const headers[] = {
		"",
		"!",
		"e30",
		"W10=" /* [] */,
		"MQ==" /* 1 */,
		"ew==" /* { */,
		"eyJhIjoxLCJhIjoyfQ==" /* {"a":1,"a":2} */,
		"e317fQ==" /* {}{} */,
	};

	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct stage *s = new_stage(OPEN, HS_SLICE("[" PAGE "]"));

		param(s, "HTTP_X_SEGMENT_SETTINGS", headers[i]);
		if (serve(s) != 400)
			fail_msg("'%s' was taken", headers[i]);
		expect(s, "records", "");
		expect(s, "answer", "{\"message\":\"X-Segment-Settings is not base64 of a JSON object\"}\n");
		assert_true(contains(&s->rejected, "\"body\":\"[{\\\"type\\\":"));
		free_stage(s);
	}
}

/* --- the head: refused before a byte of the body is read --------------------------------- */

static void expect_refused_by_head(const char *name, const char *value, int status)
{
	struct stage *s = new_stage(SIGNED "max_body = 1K\n", HS_SLICE(PAGE));
	size_t n = strlen(name);

	for (size_t i = 0; i < s->param_count; i++) /* replaces the one that is there */
		if (strncmp(s->param[i], name, n) == 0 && s->param[i][n] == '=')
			strcpy(s->param[i], "X=");
	param(s, name, value);
	assert_int_equal(serve(s), status);
	expect(s, "story", "WFE");
	free_stage(s);
}

TEST(refused_by_the_head)
{
	expect_refused_by_head("PATH_INFO", "/x", 404);
	expect_refused_by_head("REQUEST_METHOD", "GET", 405);
	expect_refused_by_head("CONTENT_TYPE", "text/plain", 415);
	expect_refused_by_head("CONTENT_LENGTH", "", 411);
	expect_refused_by_head("CONTENT_LENGTH", "x", 400);
	expect_refused_by_head("CONTENT_LENGTH", "1025", 413);
	expect_refused_by_head("HTTP_CONTENT_ENCODING", "gzip", 415);
}

TEST(a_body_of_exactly_max_body)
{
	struct stage *s = new_stage(OPEN "max_body = 1K\n", HS_SLICE(PAGE));
	char body[1024];

	memset(body, ' ', sizeof body);
	memcpy(body, PAGE, sizeof PAGE - 1);
	next_request(s, hs_slice(body, sizeof body));
	assert_int_equal(serve(s), 200);
	free_stage(s);
}

/* --- whole --------------------------------------------------------------------------------- */

static void expect_body_fault(long then, size_t cut, int status, const char *answer)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));

	sign(s, s->body);
	s->body.n -= cut; /* CONTENT_LENGTH says more */
	s->then = then;
	s->step = 5;
	assert_int_equal(serve(s), status);
	expect(s, "story", "RWFE");
	expect(s, "answer", answer);
	free_stage(s);
}

TEST(incomplete_bodies)
{
	expect_body_fault(AT_THE_END, 1, 400, "{\"message\":\"body shorter than Content-Length\"}\n");
	expect_body_fault(AT_THE_END, sizeof PAGE - 1, 400, "{\"message\":\"body shorter than Content-Length\"}\n");
	expect_body_fault(PEER_GONE, 1, 400, "{\"message\":\"body shorter than Content-Length\"}\n");
	expect_body_fault(TOO_SLOW, 1, 503, "{\"message\":\"body did not arrive in time\"}\n");
	expect_body_fault(TOO_SLOW, sizeof PAGE - 1, 503, "{\"message\":\"body did not arrive in time\"}\n");
}

TEST(a_body_longer_than_announced)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->body = HS_SLICE(PAGE "x");
	assert_int_equal(serve(s), 400);
	expect(s, "story", "RWFE");
	expect(s, "answer", "{\"message\":\"body longer than Content-Length\"}\n");
	free_stage(s);
}

/* RFC 3875, 4.2: a CGI script must not read past CONTENT_LENGTH. */
TEST(plain_cgi_reads_no_further)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->body = HS_SLICE(PAGE "x");
	s->transport.reads_past_length = false;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->asked, sizeof PAGE - 1);
	free_stage(s);
}

TEST(an_empty_body)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(""));

	assert_int_equal(serve(s), 400);
	expect(s, "answer", "{\"message\":\"body is empty, at byte 0\"}\n");
	expect(s, "records", "");
	free_stage(s);
}

/* The body has its own time; Segment's 5 s begin when it is complete. */
TEST(deadlines)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	size_t large = 5u << 20;
	char *body = malloc(large);
	int64_t start = monotonic_ms;

	s->step = 10;
	s->read_ms = 100;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->body_deadline, start + 10000);
	assert_int_equal(s->append_deadline, monotonic_ms + 4000);

	memset(body, ' ', large);
	memcpy(body, PAGE, sizeof PAGE - 1);
	next_request(s, hs_slice(body, large));
	s->step = 0;
	s->read_ms = 0;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->body_deadline, monotonic_ms + 10000 + 5000);

	/* bytes that are announced but do not come add no time */
	next_request(s, hs_slice(body, large));
	s->body.n = 1;
	s->then = TOO_SLOW;
	assert_int_equal(serve(s), 503);
	assert_int_equal(s->body_deadline, monotonic_ms + 10000 + 1000);
	free(body);
	free_stage(s);
}

/* --- valid --------------------------------------------------------------------------------- */

TEST(an_invalid_event_is_kept_as_rejected)
{
	struct stage *s = new_stage(CONF "[keys]\nacme = k3y\n", HS_SLICE(" {\"type\":\"page\"}\n"));

	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	assert_int_equal(serve(s), 400);
	expect(s, "story", "RAWFE");
	expect(s, "records", "");
	expect(s, "rejected",
	       "{\"spooled_at\":\"" AT "\",\"status\":400,\"tenant\":\"acme\",\"message\":\"userId or anonymousId "
	       "required\",\"remote_addr\":\"192.0.2.1\",\"body\":\"{\\\"type\\\":"
	       "\\\"page\\\"}\"}\n");
	expect(s, "answer", "{\"message\":\"userId or anonymousId required\"}\n");
	free_stage(s);
}

TEST(an_unknown_type_is_501)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("{\"type\":\"x\",\"userId\":\"u\"}"));

	assert_int_equal(serve(s), 501);
	assert_true(contains(&s->rejected, "\"status\":501,\"message\":\"type not supported\""));
	expect(s, "records", "");
	free_stage(s);
}

TEST(a_value_that_is_not_an_event_is_refused)
{
	static const char *const bodies[] = { "1", "\"x\"", "null", "true", "{}" };

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct stage *s = new_stage(OPEN, hs_slice_str(bodies[i]));

		assert_int_equal(serve(s), 400);
		expect(s, "records", "");
		assert_true(s->rejected.n > 0);
		free_stage(s);
	}
}

TEST(broken_json_is_kept_whole_and_nothing_of_it_spooled)
{
	static const struct {
		const char *body, *answer;
	} table[] = {
		{ "{\"type\":}", "{\"message\":\"not JSON, at byte 8\"}\n" },
		{ "[" PAGE "," PAGE "," PAGE "x]", "{\"message\":\"not JSON, at byte 135\"}\n" },
		{ "[" PAGE "," PAGE, "{\"message\":\"JSON ends too early, at byte 90\"}\n" },
		{ "[" PAGE "]]", "{\"message\":\"text after the JSON, at byte 46\"}\n" },
		{ PAGE " " PAGE, "{\"message\":\"text after the JSON, at byte 45\"}\n" },
		{ "[{\"type\":\"page\"},{\"a\":1,\"a\":2}]",
		  "{\"message\":\"the same key twice in one object, at byte 24\"}\n" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct stage *s = new_stage(OPEN, hs_slice_str(table[i].body));

		assert_int_equal(serve(s), 400);
		expect(s, "answer", table[i].answer);
		expect(s, "records", "");
		assert_int_equal(s->rejected.n > 0 ? s->rejected.p[s->rejected.n - 1] : 0, '\n');
		assert_ptr_equal(memchr(s->rejected.p, '\n', s->rejected.n),
		                 s->rejected.p + s->rejected.n - 1); /* one line for all of it */
		free_stage(s);
	}
}

TEST(bytes_that_are_not_utf8_are_kept_in_base64)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("\"\xFF\""));

	assert_int_equal(serve(s), 400);
	expect(s, "answer", "{\"message\":\"not UTF-8, at byte 1\"}\n");
	assert_true(contains(&s->rejected, "\"body\":\"\\\"\\ufffd\\\"\",\"body_base64\":\"Iv8i\"}\n"));
	free_stage(s);
}

TEST(a_name_too_long_is_refused_like_any_event)
{
	struct hs_buf body = { 0 };
	struct stage *s;

	hs_buf_put_slice(&body, HS_SLICE("[" PAGE ",{\"type\":\"page\",\"userId\":\"u\",\""));
	for (int i = 0; i < 5000; i++)
		hs_buf_putc(&body, 'x');
	hs_buf_put_slice(&body, HS_SLICE("\":1}]"));
	s = new_stage(OPEN, hs_buf_slice(&body));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	expect(s, "answer",
	       "{\"accepted\":1,\"duplicate\":0,\"rejected\":1,\"message\":\"event 2: a name "
	       "is longer than 4096 bytes when flattened\"}\n");
	hs_buf_free(&body);
	free_stage(s);
}

TESTS("ingest", NULL, NULL)
