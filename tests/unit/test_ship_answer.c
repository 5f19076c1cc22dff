/* hs_answer_read: what each answer of a server means, with the texts that nats-server sends. */
#include "tests/lib/unit.h"
#include "tools/ship/engine.h"

#include <stdio.h>
#include <stdlib.h>

static struct hs_answer read(const char *body)
{
	char *copy = unit_exact_copy(hs_slice_str(body));
	struct hs_answer answer = { .tag = 7, .sequence = 99, .error = 99 };

	hs_answer_read(hs_slice(copy, strlen(body)), 0, &answer);
	free(copy);
	assert_int_equal(answer.tag, 7);
	return answer;
}

static struct hs_answer read_error(int code, int err_code, const char *words)
{
	char body[512];

	snprintf(body, sizeof body,
	         "{\"error\":{\"code\":%d,\"err_code\":%d,\"description\":\"%s\"},\"stream\":\"events\",\"seq\":0}",
	         code, err_code, words);
	return read(body);
}

TEST(a_sequence_above_0_is_stored)
{
	struct hs_answer a = read("{\"stream\":\"events\", \"seq\":12}");

	assert_int_equal(a.kind, HS_ANSWER_STORED);
	assert_int_equal(a.sequence, 12);
	assert_false(a.duplicate);
	assert_int_equal(a.error, 0);
	assert_string_equal(a.text, "");
	assert_int_equal(read("{\"error\":null,\"stream\":\"events\",\"seq\":12}").kind, HS_ANSWER_STORED);
	a = read("{\"stream\":\"events\",\"domain\":\"hub\",\"seq\":18446744073709551615,\"duplicate\": true}");
	assert_int_equal(a.kind, HS_ANSWER_STORED);
	assert_int_equal(a.sequence, UINT64_MAX);
	assert_true(a.duplicate);
}

TEST(sequence_0_is_no_acknowledgement)
{
	struct hs_answer a = read("{\"stream\":\"events\",\"seq\":0,\"duplicate\":true}");

	assert_int_equal(a.kind, HS_ANSWER_UNDER_WAY);
	assert_true(a.duplicate);
	assert_int_equal(a.sequence, 0);
	assert_int_equal(read("{\"stream\":\"events\",\"seq\":0}").kind, HS_ANSWER_UNDER_WAY);
	assert_int_equal(read("{\"stream\":\"events\"}").kind, HS_ANSWER_UNDER_WAY);
	assert_int_equal(read_error(409, 10158, "duplicate message id is in process").kind, HS_ANSWER_UNDER_WAY);
}

TEST(a_sequence_that_is_no_number_is_no_acknowledgement)
{
	assert_int_equal(read("{\"stream\":\"events\",\"seq\":\"12\"}").kind, HS_ANSWER_UNDER_WAY);
	assert_int_equal(read("{\"stream\":\"events\",\"seq\":-12}").kind, HS_ANSWER_UNDER_WAY);
	assert_int_equal(read("{\"stream\":\"events\",\"seq\":1e3}").kind, HS_ANSWER_UNDER_WAY);
	assert_int_equal(read("{\"stream\":\"events\",\"seq\":18446744073709551616}").kind, HS_ANSWER_UNDER_WAY);
}

TEST(a_full_stream_takes_it_later)
{
	struct hs_answer a = read_error(503, 10077, "maximum bytes exceeded");

	assert_int_equal(a.kind, HS_ANSWER_FULL);
	assert_int_equal(a.error, 10077);
	assert_string_equal(a.text, "maximum bytes exceeded");
	assert_int_equal(read_error(503, 10077, "maximum messages exceeded").kind, HS_ANSWER_FULL);
	assert_int_equal(read_error(503, 10023, "insufficient resources").kind, HS_ANSWER_FULL);
	assert_int_equal(read_error(500, 10047, "insufficient storage resources available").kind, HS_ANSWER_FULL);
	assert_int_equal(read_error(500, 10028, "insufficient memory resources available").kind, HS_ANSWER_FULL);
	assert_int_equal(read_error(429, 10167, "too many requests").kind, HS_ANSWER_FULL);
	assert_int_equal(read_error(400, 10002, "resource limits exceeded for account").kind, HS_ANSWER_FULL);
}

TEST(a_passing_failure_leaves_doubt)
{
	assert_int_equal(read_error(503, 10008, "JetStream system temporarily unavailable").kind, HS_ANSWER_MOMENT);
	assert_int_equal(read_error(500, 10009, "JetStream cluster can not handle request").kind, HS_ANSWER_MOMENT);
	assert_int_equal(read_error(503, 10063, "expected stream sequence does not match").kind, HS_ANSWER_MOMENT);
	assert_int_equal(read_error(500, 10051, "general stream failure").kind, HS_ANSWER_MOMENT);
	assert_int_equal(read("{\"error\":{},\"seq\":5}").kind, HS_ANSWER_MOMENT);
}

TEST(a_message_that_is_too_large_never_fits)
{
	assert_int_equal(read_error(400, 10054, "message size exceeds maximum allowed").kind, HS_ANSWER_OVERSIZE);
	assert_int_equal(read_error(400, 10097, "header size exceeds maximum allowed of 64k").kind, HS_ANSWER_OVERSIZE);
}

TEST(a_stream_that_is_set_up_wrongly)
{
	assert_int_equal(read_error(400, 10060, "expected stream does not match").kind, HS_ANSWER_SETUP);
	assert_int_equal(read_error(403, 10109, "stream is sealed").kind, HS_ANSWER_SETUP);
	assert_int_equal(read_error(400, 10003, "bad request").kind, HS_ANSWER_SETUP);
}

TEST(an_error_with_a_sequence_is_an_error)
{
	struct hs_answer a = read("{\"stream\":\"events\",\"seq\":12,\"error\":{\"code\":500,\"err_code\":10051}}");

	assert_int_equal(a.kind, HS_ANSWER_MOMENT);
	assert_int_equal(a.sequence, 0);
}

TEST(no_responders)
{
	struct hs_answer a = { .tag = 7 };

	hs_answer_read(HS_SLICE(""), 503, &a);
	assert_int_equal(a.kind, HS_ANSWER_NOBODY);
	assert_int_equal(a.tag, 7);
}

TEST(what_is_no_answer_leaves_doubt)
{
	static const char *const texts[] = {
		"",
		"+OK",
		"{",
		"{\"stream\":\"events\",\"seq\":1",
		"[{\"seq\":1}]",
		"null",
		"{}",
		"{\"seq\":0}",
		"{\"stream\":\"events\",\"seq\":0,\"seq\":12}",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct hs_answer a = read(texts[i]);

		assert_int_equal(a.kind, HS_ANSWER_MOMENT);
		assert_true(a.text[0] != '\0');
	}
}

TEST(the_servers_words_are_printable_and_cut)
{
	struct hs_answer a = read_error(500, 10051, "a\\u001b[31m\\nb");
	char longer[301];

	assert_string_equal(a.text, "a?[31m?b");
	memset(longer, 'x', 300);
	longer[300] = '\0';
	assert_int_equal(strlen(read_error(500, 10051, longer).text), sizeof a.text - 1);
}

TESTS("ship_answer", NULL, NULL)
