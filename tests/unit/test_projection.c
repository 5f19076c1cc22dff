/* projection: each record is one line and each field one column, whatever they hold. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/projection.h"

#include <errno.h>

static void expect(const char *list, bool raw, struct hs_slice line, struct hs_slice want)
{
	struct hs_projection c = { .raw = raw };
	struct hs_buf out = { 0 };

	assert_true(hs_projection_set(&c, "test", list));
	hs_projection_put(&c, HS_SLICE("{\"a\":\"of the record before\"}"), &out);
	hs_buf_reset(&out);
	hs_projection_put(&c, line, &out);
	if (!hs_slice_eq(hs_buf_slice(&out), want))
		fail_msg("got %.*s", (int)out.n, out.p);
	hs_buf_free(&out);
	hs_projection_free(&c);
}

TEST(values)
{
	struct hs_slice line = HS_SLICE("{\"s\":\"x\",\"n\":39.950,\"t\":true,\"z\":null,\"e\":\"\",\"x\\\"y\":1}");

	expect("n,s", false, line, HS_SLICE("39.950\tx\n"));
	expect("s,s,none,t", false, line, HS_SLICE("x\tx\t\ttrue\n"));
	expect("z,e,a", false, line, HS_SLICE("\t\t\n"));
	expect("x\"y", false, line, HS_SLICE("1\n"));
}

TEST(escapes)
{
	struct hs_slice line = HS_SLICE("{\"a\":\"t\\tn\\nr\\rb\\\\u\\u0000\\u00e9\\/\"}");

	expect("a", false, line, HS_SLICE("t\\tn\\nr\\rb\\\\u\xef\xbf\xbd\xc3\xa9/\n"));
	expect("a", true, line, HS_SLICE("t\tn\nr\rb\\u\0\xc3\xa9/\n"));
}

/* The column would be empty. */
TEST(a_name_that_cannot_be_decoded_is_an_error)
{
	struct hs_projection c = { .count = 0 };
	struct hs_buf out = { 0 };

	assert_true(hs_projection_set(&c, "test", "x\"y,z"));
	hs_buf_put_slice(&out, HS_SLICE("room for the line"));
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	hs_projection_put(&c, HS_SLICE("{\"x\\\"y\":1,\"z\":2}"), &out);
	wrap_reset();
	assert_false(hs_buf_ok(&out));
	hs_buf_free(&out);
	hs_projection_free(&c);
}

TEST(lists)
{
	char many[2 * HS_PROJECTION_MAX + 2];
	struct hs_projection c = { .raw = false };

	assert_false(hs_projection_set(&c, "test", ""));
	c.count = 0;
	assert_false(hs_projection_set(&c, "test", "a,,b"));
	c.count = 0;
	assert_false(hs_projection_set(&c, "test", "a,"));
	for (size_t i = 0; i <= HS_PROJECTION_MAX; i++)
		memcpy(many + 2 * i, "a,", 2);
	many[2 * HS_PROJECTION_MAX - 1] = '\0';
	c.count = 0;
	assert_true(hs_projection_set(&c, "test", many));
	many[2 * HS_PROJECTION_MAX - 1] = ',';
	many[2 * HS_PROJECTION_MAX + 1] = '\0';
	c.count = 0;
	assert_false(hs_projection_set(&c, "test", many));
}

TESTS("projection", NULL, NULL)
