/* response_verdict: colour, message and remedy; a stranger's text does no harm. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/probe/response_verdict.h"

#include <errno.h>

static struct hs_response_verdict read(int status, const char *body)
{
	struct hs_response_verdict a;

	assert_true(hs_response_verdict_read(&a, status, hs_slice_str(body)));
	return a;
}

TEST(colours_are_those_of_the_console)
{
	assert_int_equal(read(200, "").colour, HS_GREEN);
	assert_int_equal(read(204, "").colour, HS_GREEN);
	assert_int_equal(read(501, "").colour, HS_YELLOW);
	assert_int_equal(read(301, "").colour, HS_RED);
	assert_int_equal(read(400, "").colour, HS_RED);
	assert_int_equal(read(503, "").colour, HS_RED);
	assert_int_equal(read(0, "").colour, HS_RED);
}

TEST(counts_become_words)
{
	struct hs_response_verdict a = read(200, "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}");

	assert_true(a.counted);
	assert_string_equal(a.message, "accepted");
	a = read(200, "{\"accepted\":0,\"duplicate\":1,\"rejected\":0}");
	assert_string_equal(a.message, "duplicate");
	a = read(200, "{\"accepted\":998,\"duplicate\":1,\"rejected\":1,\"message\":\"event 17: "
	              "type required\"}");
	assert_string_equal(a.message, "998 accepted, 1 duplicate, 1 rejected; event 17: type required");
	a = read(200, "{\"accepted\":-1,\"duplicate\":1.5,\"rejected\":\"2\"}");
	assert_false(a.counted);
}

TEST(a_message_of_ours_has_a_remedy)
{
	struct hs_response_verdict a = read(401, "{\"message\":\"X-Signature does not match\"}");

	assert_string_equal(a.message, "X-Signature does not match");
	assert_string_equal(a.remedy, hs_result_info(HS_E_SIGNATURE)->remedy);
	assert_string_equal(read(400, "{\"message\":\"JSON ends too early, at byte 7\"}").remedy,
	                    hs_result_info(HS_E_JSON_END)->remedy);
	assert_string_equal(read(400, "{\"message\":\"something else\"}").remedy, "");
	assert_string_equal(read(400, "{\"message\":7}").message, "");
}

TEST(an_answer_that_is_not_json_is_the_web_servers)
{
	struct hs_response_verdict a = read(413, "<html><title>413</title></html>");

	assert_false(a.json);
	assert_non_null(strstr(a.message, "413"));
	assert_false(read(200, "[1]").json);
}

TEST(no_answer_controls_the_terminal)
{
	char body[1024] = "{\"message\":\"";

	assert_string_equal(read(400, "{\"message\":\"a\\u001b[2Jb\\nc\\u007f\\u009bd\\u202e\"}").message,
	                    "a?[2Jb?c??d?");
	/* cut between characters: 255 bytes hold 127 of two bytes */
	for (int i = 0; i < 200; i++)
		strcat(body, "\xC3\xBC");
	strcat(body, "\"}");
	assert_int_equal(strlen(read(400, body).message), 254);
}

/* Without its message an answer has no remedy, or another one's. */
TEST(an_answer_that_finds_no_memory_is_not_judged)
{
	struct hs_response_verdict a;
	unsigned nth = 0;
	bool read;

	do {
		wrap_reset();
		wrap_fail(WRAP_REALLOC, ++nth, 1, ENOMEM);
		read = hs_response_verdict_read(&a, 400, HS_SLICE("{\"message\":\"m\",\"code\":\"c\"}"));
		assert_true(read == (wrap_count(WRAP_REALLOC) < nth));
	} while (!read);
	wrap_reset();
	assert_true(nth > 2);
	assert_string_equal(a.message, "m");
	assert_string_equal(a.code, "c");
}

TESTS("response_verdict", NULL, NULL)
