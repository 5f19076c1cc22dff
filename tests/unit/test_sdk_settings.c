/* sdk_settings: where Segment's libraries are told to send, and which keys are told nothing. */
#include "tests/lib/stage.h"
#include "tests/lib/wrap.h"

#include <errno.h>

#define URL "public_url = https://events.example/hookspool\n"
#define SOURCES \
	"[sources]\napi = SERVER-KEY-1\nshop = BROWSER-KEY-1 browser origin=https://shop.example\n" \
	"old = revoked:BROWSER-KEY-2 browser origin=https://shop.example\n"

static const struct {
	const char *conf, *key;
	int status;
	const char *host, *protocol; /* NULL: none is told */
} cases[] = {
	{ OPEN URL SOURCES, "BROWSER-KEY-1", 200, "events.example/hookspool/v1", "https" },
	{ OPEN "public_url = http://10.0.0.1:8080\n" SOURCES, "BROWSER-KEY-1", 200, "10.0.0.1:8080/v1", "http" },
	{ OPEN SOURCES, "BROWSER-KEY-1", 404, NULL, NULL },
	{ OPEN URL SOURCES, "SERVER-KEY-1", 404, NULL, NULL },
	{ OPEN URL SOURCES, "BROWSER-KEY-2", 404, NULL, NULL },
	{ OPEN URL SOURCES, "UNKNOWN", 404, NULL, NULL },
};

/* Like serve, for a question, which is not counted. */
static int status_of(struct stage *s)
{
	int status;

	serve_and_read_log(s);
	hs_buf_putc(&s->head, '\0');
	assert_int_equal(sscanf(s->head.p, "Status: %d", &status), 1);
	return status;
}

static void check_told(const struct stage *s, size_t i)
{
	char expected[200];

	snprintf(expected, sizeof expected, "\"apiKey\":\"%s\",\"apiHost\":\"%s\",\"protocol\":\"%s\"", cases[i].key,
	         cases[i].host, cases[i].protocol);
	if (!contains(&s->answer, expected))
		fail_msg("case %zu: %.*s", i, (int)s->answer.n, s->answer.p);
}

TEST(what_a_key_is_told)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stage *s = new_stage(cases[i].conf, HS_SLICE(""));
		char path[100];

		snprintf(path, sizeof path, "/v1/projects/%s/settings", cases[i].key);
		s->param_count = 0;
		param(s, "REQUEST_METHOD", "GET");
		param(s, "REMOTE_ADDR", "192.0.2.1");
		param(s, "PATH_INFO", path);
		assert_int_equal(status_of(s), cases[i].status);
		if (cases[i].host != NULL)
			check_told(s, i);
		else
			assert_false(contains(&s->answer, "apiHost"));
		free_stage(s);
	}
}

/* Each part of a path is hashed and compared with all keys, so of a long path only the beginning is looked at. */
TEST(a_long_path_that_is_not_there_is_cut)
{
	struct stage *s = new_stage(OPEN SOURCES, HS_SLICE("{}"));
	char path[284] = "/v1/SERVER-KEY-1";

	while (strlen(path) + 2 < sizeof path)
		strcat(path, "/x");
	param(s, "PATH_INFO", path);
	assert_int_equal(serve(s), 404);
	assert_in_range(s->exchange->logged.n, 128, 129); /* to the end of the part that reaches the limit */
	assert_true(contains(&s->log, "\"/v1/KEY/x/x"));
	free_stage(s);
}

/* A webhook's key in the path of a library is a key, too. */
TEST(no_key_of_any_kind_is_logged)
{
	struct stage *s = new_stage(OPEN SOURCES "[keys]\nacme = a-webhooks-key\n", HS_SLICE("{}"));

	param(s, "PATH_INFO", "/v1/a-webhooks-key/SERVER-KEY-1/other");
	assert_int_equal(serve(s), 404);
	assert_true(contains(&s->log, "\"/v1/KEY/KEY/other\""));
	free_stage(s);
}

/* A log must not have a key because it could not be told whether it is one. */
TEST(without_memory_no_part_of_a_path_is_logged)
{
	struct stage *s = new_stage(OPEN SOURCES, HS_SLICE("{}"));

	param(s, "PATH_INFO", "/v1/SERVER-KEY-1/other");
	wrap_fail(WRAP_SHA256, 1, WRAP_FOREVER, ENOMEM);
	assert_int_equal(serve(s), 404);
	wrap_reset();
	assert_true(contains(&s->log, "\"/KEY/KEY/KEY\""));
	free_stage(s);
	s = new_stage(OPEN SOURCES, HS_SLICE("{}"));
	param(s, "PATH_INFO", "/v1/SERVER-KEY-1/other");
	assert_non_null(hs_buf_reserve(&s->exchange->answer, 1000));
	assert_non_null(hs_buf_reserve(&s->exchange->head, 1000));
	assert_non_null(hs_buf_reserve(&s->head, 1000));
	assert_non_null(hs_buf_reserve(&s->answer, 1000));
	assert_non_null(hs_buf_reserve(&s->log, 4000));
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_int_equal(serve(s), 404);
	wrap_reset();
	assert_false(contains(&s->log, "SERVER"));
	assert_int_equal(s->exchange->logged.n, 0);
	free_stage(s);
}

TESTS("sdk_settings", NULL, NULL)
