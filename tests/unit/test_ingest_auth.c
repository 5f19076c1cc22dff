/* ingest_auth: nothing is kept before it is known who sends, and strangers cost little. */
#include "tests/lib/stage.h"

/* --- who: nothing is kept before it is known -------------------------------------------- */

TEST(strangers_leave_only_a_log_line)
{
	static const char *const bodies[] = { PAGE, "[" PAGE "]", "broken", "{\"type\":1}", "", "[1]" };

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct stage *s = new_stage(SIGNED, hs_slice_str(bodies[i]));

		param(s, "HTTP_X_SIGNATURE", "00112233445566778899aabbccddeeff00112233");
		param(s, "HTTP_X_SEGMENT_SETTINGS", "!"); /* comes later in the order */
		assert_int_equal(serve(s), 401);
		assert_null(strchr(s->story, 'A'));
		expect(s, "answer", "{\"message\":\"X-Signature does not match\"}\n");
		assert_true(contains(&s->log, "192.0.2.1"));
		assert_false(contains(&s->log, "00112233"));
		free_stage(s);
	}
}

TEST(revoked_and_missing_keys)
{
	struct stage *s = new_stage(CONF "[keys]\nacme = revoked:k3y\n", HS_SLICE(PAGE));

	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	assert_int_equal(serve(s), 403);
	assert_null(strchr(s->story, 'A'));
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 401);
	assert_true(contains(&s->head, "WWW-Authenticate: Basic realm=\"hookspool\"\r\n"));
	assert_null(strchr(s->story, 'A'));
	free_stage(s);
}

static void expect_credential(struct stage *s, int status, const char *key, unsigned secret)
{
	assert_int_equal(serve(s), status);
	assert_slice_equal(s->counted.key, hs_slice_str(key));
	assert_int_equal(s->counted.secret, secret);
	if (key[0] != '\0' || secret > 0)
		assert_int_equal(s->counted.arrived_ms, wall_ms);
}

/* Only a request that is authenticated uses a credential, whether its body is good or not. */
TEST(the_credential_that_let_a_request_in)
{
	struct stage *s =
	    new_stage(CONF "auth = either\nsecret = other\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE(PAGE));

	expect_credential(s, 401, "", 0);
	next_request(s, HS_SLICE(PAGE));
	sign(s, s->body);
	expect_credential(s, 200, "", 2);
	next_request(s, HS_SLICE("broken"));
	sign(s, s->body);
	expect_credential(s, 400, "", 2);
	next_request(s, HS_SLICE(PAGE));
	sign(s, HS_SLICE("another body"));
	expect_credential(s, 401, "", 0);
	next_request(s, HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	expect_credential(s, 200, "acme", 0);
	next_request(s, HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer wrong");
	expect_credential(s, 401, "", 0);
	free_stage(s);

	s = new_stage(CONF "auth = both\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	sign(s, HS_SLICE("another body"));
	expect_credential(s, 401, "", 0);
	next_request(s, HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	sign(s, s->body);
	expect_credential(s, 200, "acme", 1);
	free_stage(s);
}

/* --- strangers ------------------------------------------------------------------------ */

/* The body is not read if the head decides. */
TEST(refused_by_the_head_alone)
{
	static const struct {
		const char *conf, *name, *value;
		int status;
	} heads[] = {
		{ SIGNED, "HTTP_ACCEPT", "text/html", 401 },
		{ SIGNED, "HTTP_X_SIGNATURE", "0123", 401 },
		{ SIGNED, "HTTP_X_SIGNATURE", "00,11", 401 },
		{ CONF "[keys]\nacme = k3y\n", "HTTP_ACCEPT", "text/html", 401 },
		{ CONF "[keys]\nacme = k3y\n", "HTTP_AUTHORIZATION", "Bearer other", 401 },
		{ CONF "[keys]\nacme = revoked:k3y\n", "HTTP_AUTHORIZATION", "Bearer k3y", 403 },
		{ OPEN, "CONTENT_TYPE", "text/plain", 415 },
		{ OPEN, "PATH_INFO", "/elsewhere", 404 },
		{ OPEN "max_body = 1K\n", "HTTP_CONTENT_ENCODING", "gzip", 415 },
	};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct stage *s = new_stage(heads[i].conf, HS_SLICE(PAGE));

		param(s, heads[i].name, heads[i].value);
		assert_int_equal(serve(s), heads[i].status);
		expect(s, "story", "WFE");
		free_stage(s);
	}
}

/* A body that was read elsewhere is taken as it is, by exchanging buffers. */
TEST(a_body_that_was_read)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));
	struct hs_buf body = { 0 };

	sign(s, s->body);
	hs_buf_put_slice(&body, s->body);
	s->transport.body = &body;
	assert_int_equal(serve(s), 200);
	expect(s, "story", "PWFE");
	expect(s, "records", PAGE_LINE);

	next_request(s, HS_SLICE(PAGE));
	sign(s, s->body);
	hs_buf_reset(&body);
	hs_buf_put_slice(&body, hs_slice(s->body.p, s->body.n - 1));
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "shorter"));

	next_request(s, HS_SLICE(PAGE));
	sign(s, s->body);
	hs_buf_reset(&body);
	hs_buf_put_slice(&body, s->body);
	hs_buf_putc(&body, ' ');
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "longer"));
	hs_buf_free(&body);
	free_stage(s);
}

/* A verdict of the transport comes after what the head decides. */
TEST(a_verdict)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));

	sign(s, s->body);
	s->transport.verdict = HS_E_CROWDED;
	assert_int_equal(serve(s), 503);
	assert_true(contains(&s->head, "Retry-After"));
	expect(s, "story", "WFE");
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 401);
	next_request(s, HS_SLICE(""));
	snprintf(s->param[1], sizeof s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	assert_int_equal(serve(s), 200);
	free_stage(s);
}

static int serve_large(struct stage *s, struct hs_slice body, struct hs_slice is_signed)
{
	next_request(s, body);
	sign(s, is_signed);
	return serve(s);
}

/* Large bodies of strangers use up a budget; small ones, and senders known by a short text, are served. */
TEST(large_bodies_with_wrong_signatures)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));
	struct hs_buf large = { 0 }, batch = { 0 };
	int refused = 0, status;

	hs_buf_put_slice(&large, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"x\":\""));
	for (int i = 0; i < 16 << 20; i += 16)
		hs_buf_put(&large, "xxxxxxxxxxxxxxxx", 16);
	hs_buf_put_slice(&large, HS_SLICE("\"}"));
	put_batch(&batch, PAGE, 9000);
	for (int i = 0; i < 14; i++) {
		status = serve_large(s, hs_buf_slice(&large), HS_SLICE("other"));
		assert_true(status == 401 || status == 503);
		refused += status == 401;
	}
	assert_in_range(refused, 1, 12); /* one second's budget and one body more */
	assert_int_equal(status, 503);
	assert_true(contains(&s->answer, "busy with large bodies"));
	assert_int_equal(serve_large(s, HS_SLICE(PAGE), HS_SLICE(PAGE)), 200);
	assert_int_equal(serve_large(s, hs_buf_slice(&batch), HS_SLICE(PAGE)), 200);
	/* an honest sender gets no 401: it is told to retry, and is served then */
	assert_int_equal(serve_large(s, hs_buf_slice(&large), hs_buf_slice(&large)), 503);
	assert_true(contains(&s->head, "Retry-After"));
	monotonic_ms += 5000;
	for (int i = 0; i < 2; i++)
		assert_int_equal(serve_large(s, hs_buf_slice(&large), hs_buf_slice(&large)), 200);
	hs_buf_free(&large);
	hs_buf_free(&batch);
	free_stage(s);
}

TESTS("ingest_auth", NULL, NULL)
