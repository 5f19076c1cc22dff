/* response: heads and bodies, byte for byte, and what all answers have in common. */
#include "cgi/http/outcome.h"
#include "cgi/http/routes.h"
#include "cgi/http/setup_page.h"
#include "tests/lib/unit.h"

#include <json-c/json.h>
#include <stdio.h>

static void respond(const struct hs_outcome *o, bool without_body, struct hs_buf *head, struct hs_buf *body)
{
	struct hs_response response = { .body = body };

	hs_outcome_respond(o, &response);
	hs_response_print(&response, without_body, head);
}

static void expect_answer(const struct hs_outcome *o, const char *head, const char *body)
{
	struct hs_buf got_head = { 0 }, got_body = { 0 };
	char expected[512];

	respond(o, false, &got_head, &got_body);
	snprintf(expected, sizeof expected, head, strlen(body));
	assert_slice_equal(hs_buf_slice(&got_body), hs_slice_str(body));
	assert_slice_equal(hs_buf_slice(&got_head), hs_slice_str(expected));

	respond(o, true, &got_head, &got_body); /* HEAD: the same head, no body */
	assert_slice_equal(hs_buf_slice(&got_head), hs_slice_str(expected));
	assert_int_equal(got_body.n, 0);
	hs_buf_free(&got_head);
	hs_buf_free(&got_body);
}

#define COMMON "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"

TEST(accepted)
{
	struct hs_outcome o = { .has_counts = true, .accepted = 1 };

	expect_answer(&o, "Status: 200 OK" COMMON "\r\n", "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n");
	o.not_synced = true;
	expect_answer(&o, "Status: 202 Accepted" COMMON "\r\n", "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n");
}

/* 202 would mean that work is left to do. */
TEST(nothing_new_is_200_even_unsynced)
{
	struct hs_outcome o = { .has_counts = true, .duplicate = 1, .not_synced = true };

	assert_int_equal(hs_outcome_status(&o), 200);
	o.duplicate = 0;
	o.in_batch = true; /* an empty array */
	expect_answer(&o, "Status: 200 OK" COMMON "\r\n", "{\"accepted\":0,\"duplicate\":0,\"rejected\":0}\n");
}

TEST(a_batch_with_one_bad_event)
{
	struct hs_outcome o = { .has_counts = true,
		                .in_batch = true,
		                .accepted = 998,
		                .duplicate = 1,
		                .rejected = 1,
		                .first_rejected = 16,
		                .why = HS_E_IDENTITY };

	expect_answer(&o, "Status: 200 OK" COMMON "\r\n",
	              "{\"accepted\":998,\"duplicate\":1,\"rejected\":1,"
	              "\"message\":\"event 17: userId or anonymousId required\"}\n");
}

TEST(a_batch_with_nothing_good)
{
	struct hs_outcome o = { .has_counts = true, .in_batch = true, .rejected = 2, .why = HS_E_IDENTITY };

	expect_answer(&o, "Status: 400 Bad Request" COMMON "\r\n",
	              "{\"accepted\":0,\"duplicate\":0,\"rejected\":2,"
	              "\"message\":\"event 1: userId or anonymousId required\"}\n");
	o.why = HS_E_TYPE;
	assert_int_equal(hs_outcome_status(&o), 501);
	o.duplicate = 1; /* kept already, which is success */
	assert_int_equal(hs_outcome_status(&o), 200);
	o.duplicate = 0;
	o.dropped = 1; /* as its rule says */
	assert_int_equal(hs_outcome_status(&o), 200);
}

TEST(a_single_bad_event)
{
	struct hs_outcome o = { .has_counts = true, .rejected = 1, .why = HS_E_IDENTITY };

	expect_answer(&o, "Status: 400 Bad Request" COMMON "\r\n",
	              "{\"message\":\"userId or anonymousId required\"}\n");
	o.why = HS_E_TYPE;
	expect_answer(&o, "Status: 501 Not Implemented" COMMON "\r\n", "{\"message\":\"type not supported\"}\n");
}

TEST(broken_json_is_located)
{
	struct hs_outcome o = { .result = HS_E_JSON_TWICE, .has_offset = true, .offset = 4711 };

	expect_answer(&o, "Status: 400 Bad Request" COMMON "\r\n",
	              "{\"message\":\"the same key twice in one object, at byte 4711\"}\n");
	o = (struct hs_outcome){ .result = HS_E_JSON_SYNTAX, .has_offset = true, .offset = 0 };
	expect_answer(&o, "Status: 400 Bad Request" COMMON "\r\n", "{\"message\":\"not JSON, at byte 0\"}\n");
}

TEST(which_credentials_are_asked_for)
{
	struct hs_outcome o = { .result = HS_E_SIGNATURE };

	expect_answer(&o, "Status: 401 Unauthorized" COMMON "WWW-Authenticate: Basic realm=\"hookspool\"\r\n\r\n",
	              "{\"message\":\"X-Signature does not match\"}\n");
	o.result = HS_E_KEY_REVOKED;
	expect_answer(&o, "Status: 403 Forbidden" COMMON "\r\n", "{\"message\":\"API key revoked\"}\n");
}

TEST(which_methods_are_allowed)
{
	struct hs_outcome o = { .result = HS_E_METHOD, .allow = hs_route_find(HS_SLICE("/"))->allow };

	expect_answer(&o, "Status: 405 Method Not Allowed" COMMON "Allow: POST, PUT, PATCH\r\n\r\n",
	              "{\"message\":\"method not allowed\"}\n");
	o.allow = hs_route_find(HS_SLICE("/health"))->allow;
	expect_answer(&o, "Status: 405 Method Not Allowed" COMMON "Allow: GET, HEAD\r\n\r\n",
	              "{\"message\":\"method not allowed\"}\n");
}

TEST(our_failures_are_to_be_retried)
{
	struct hs_outcome o = { .result = HS_E_FULL, .accepted = 5 };

	expect_answer(&o, "Status: 503 Service Unavailable" COMMON "Retry-After: 5\r\n\r\n",
	              "{\"message\":\"storage is full, try again\"}\n");
	o.is_healthy = true;
	assert_int_equal(hs_outcome_status(&o), 503);
}

TEST(health)
{
	struct hs_outcome o = { .is_healthy = true, .not_synced = true };

	expect_answer(&o, "Status: 200 OK" COMMON "\r\n", "{\"status\":\"ok\"}\n");
}

/* Every result gives one JSON object with a message, and a CGI head. */
TEST(every_result_has_an_answer)
{
	struct hs_buf head = { 0 }, body = { 0 };

	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);
		struct hs_outcome o = { .result = (enum hs_result)r };
		struct json_object *object, *message = NULL;
		char status[32];

		respond(&o, false, &head, &body);
		assert_true(hs_buf_ok(&head) && hs_buf_ok(&body));
		hs_buf_putc(&head, '\0');
		hs_buf_putc(&body, '\0');
		snprintf(status, sizeof status, "Status: %d ", info->status);
		if (strncmp(head.p, status, strlen(status)) != 0 || strstr(head.p, "Error") != NULL)
			fail_msg("%s: %s", info->name, head.p);
		assert_string_equal(head.p + head.n - 5, "\r\n\r\n");
		assert_ptr_equal(strstr(head.p, "\r\n\r\n"), head.p + head.n - 5);
		object = json_tokener_parse(body.p);
		assert_true(json_object_object_get_ex(object, "message", &message));
		assert_string_equal(json_object_get_string(message), info->message);
		json_object_put(object);
	}
	hs_buf_free(&head);
	hs_buf_free(&body);
}

TEST(a_status_that_has_no_name)
{
	struct hs_buf head = { 0 }, body = { 0 };
	struct hs_response response = { .status = 299, .media_type = HS_SLICE("text/plain"), .body = &body };

	hs_response_print(&response, false, &head);
	assert_slice_equal(hs_buf_slice(&head),
	                   HS_SLICE("Status: 299 Error\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"));
	hs_buf_free(&head);
}

TEST(the_message_alone)
{
	struct hs_outcome o = { .result = HS_E_JSON_END, .has_offset = true, .offset = 9 };
	struct hs_buf b = { 0 };

	hs_outcome_message(&o, &b);
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("JSON ends too early, at byte 9"));
	hs_buf_free(&b);
}

TEST(a_page_for_every_fault_of_the_settings)
{
	struct hs_buf head = { 0 }, body = { 0 }, last = { 0 };

	for (int fault = HS_FAULT_OTHER; fault <= HS_FAULT_ACCESS; fault++) {
		struct hs_settings_error e = { "/home/you/x.conf: secret = s3cret", (enum hs_settings_fault)fault,
			                       4711 };
		struct hs_response response = { .body = &body };
		char length[64];

		hs_setup_page(&e, &response);
		hs_response_print(&response, false, &head);
		snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", body.n);
		assert_non_null(memmem(head.p, head.n, length, strlen(length)));
		assert_non_null(memmem(head.p, head.n, "Status: 503 ", 12));
		assert_non_null(memmem(head.p, head.n, "text/plain", 10));
		assert_null(memmem(body.p, body.n, "s3cret", 6));
		assert_null(memmem(body.p, body.n, "/home", 5));
		assert_true((memmem(body.p, body.n, " line 4711.", 11) != NULL) == (fault == HS_FAULT_LINE));
		assert_false(hs_slice_eq(hs_buf_slice(&body), hs_buf_slice(&last)));
		hs_buf_reset(&last);
		hs_buf_put_slice(&last, hs_buf_slice(&body));
	}
	hs_buf_free(&head);
	hs_buf_free(&body);
	hs_buf_free(&last);
}

TESTS("response", NULL, NULL)
