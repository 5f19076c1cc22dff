/* subject_match: which people the lines of each file are about. */
#include "event/subject_match.h"
#include "tests/lib/unit.h"

static struct hs_subjects subjects;
static struct hs_subject_matcher matcher;

FIXTURE(begin)
{
	struct hs_subject who = {
		.id = (char[]){ "anna" }, .n = 4, .before = { 5, 0 }, .until_ms = 1795428900123
	}; /* 2026-11-23T10:15:00.123Z */

	hs_subjects_init(&subjects, 7);
	matcher.subjects = &subjects;
	return !hs_subjects_add(&subjects, &who, NULL);
}

FIXTURE(finish)
{
	hs_subject_matcher_free(&matcher);
	memset(&matcher, 0, sizeof matcher);
	hs_subjects_free(&subjects);
	return 0;
}

static int other(const char *line)
{
	return hs_subject_match_other(&matcher, hs_slice_str(line));
}

TEST(bodies)
{
	assert_int_equal(other("{\"body\":\"{\\\"User ID\\\":\\\"anna\\\"}\"}"), 1);
	assert_int_equal(other("{\"body\":\"{\\\"user_id\\\":\\\"annabel\\\",\\\"x\\\":\\\"anna\\\"}\"}"), 0);
	assert_int_equal(other("{\"body\":\"[{\\\"userId\\\":\\\"b\\\"},{\\\"userId\\\":\\\"anna\\\"}]\"}"), 1);
	assert_int_equal(other("{\"body\":\"[{\\\"json\\\":{\\\"userId\\\":\\\"anna\\\"}}]\"}"), 1);
	assert_int_equal(other("{\"body\":\"{\\\"json\\\":{\\\"userId\\\":\\\"anna\\\"}}\"}"), 1);
	assert_int_equal(other("{\"body\":\"{\\\"userId\\\":\\\"b\\\",\\\"user_id\\\":\\\"anna\\\"}\"}"), 1);
	assert_int_equal(other("{\"body\":\"[{\\\"userId\\\":\\\"b\\\",\\\"user_id\\\":\\\"anna\\\"}]\"}"), 1);
	assert_int_equal(other("{\"body\":\"[{\\\"userId\\\":\\\"b\\\"}]\"}"), 0);
	assert_int_equal(other("{\"body\":\"[{\\\"userId\\\":\\\"b\\\"}, broken anna\"}"), 1);
	assert_int_equal(other("{\"body\":\"[{\\\"userId\\\":\\\"anna\\\"}, broken\"}"), 1);
	assert_int_equal(other("{\"body\":\"broken annabel\"}"), 0);
	assert_int_equal(other("{\"body\":\"\"}"), 0);
	assert_int_equal(other("{\"body\":\"\\ufffd\",\"body_base64\":\"eyJ1c2VySWQiOiJhbm5hIiwi/w==\"}"), 1);
	assert_int_equal(other("{\"body\":7,\"body_base64\":\"?\"}"), 0);
	assert_int_equal(other("anna, and no JSON"), 1);
	/* a cut body may have named anybody of the tenant */
	assert_int_equal(other("{\"body_cut\":true,\"body_bytes\":99,\"body\":\"{\\\"email\\\":\\\"a\"}"), 1);
	assert_int_equal(other("{\"body_bytes\":99,\"body_sha256\":\"00\",\"body\":\"\"}"), 0);
	assert_int_equal(other("[\"annabel\"]"), 0);
}

/* If an event was refused for its id fields, its text decides. */
TEST(refused_fields)
{
	assert_int_equal(other("{\"body\":\"{\\\"userId\\\":\\\"\\\",\\\"user_id\\\":\\\"anna\\\"}\"}"), 1);
	assert_int_equal(other("{\"body\":\"{\\\"userId\\\":{\\\"id\\\":\\\"anna\\\"}}\"}"), 1);
	assert_int_equal(other("{\"body\":\"{\\\"batch\\\":[{\\\"userId\\\":\\\"anna\\\"}]}\"}"), 1);
	assert_int_equal(other("{\"body\":\"{\\\"json\\\":{\\\"userId\\\":\\\"annabel\\\"}}\"}"), 0);
}

/* Even text that is not JSON may have an id with escapes. */
TEST(escapes)
{
	struct hs_subject who = { .id = (char[]){ "j\xC3\xB6rg\"" }, .n = 6, .until_ms = INT64_MAX };
	struct hs_subject smile = { .id = (char[]){ "\xF0\x9F\x98\x80" }, .n = 4, .until_ms = INT64_MAX };

	assert_true(hs_subjects_add(&subjects, &who, NULL));
	assert_true(hs_subjects_add(&subjects, &smile, NULL));
	assert_int_equal(other("{\"user_id\":\"\\u0061nna\", broken"), 1);
	assert_int_equal(other("{\"user_id\":\"\\u0061nnabel\", broken"), 0);
	assert_int_equal(other("{\"user_id\":\"j\\u00f6rg\\\"\", broken"), 1);
	assert_int_equal(other("{\"user_id\":\"\\ud83d\\ude00\", broken"), 1);
	assert_int_equal(other("{\"user_id\":\"\\ud83d\\u"), 0);
	assert_int_equal(other("{\"user_id\":\"\\u0061nna\\n"), 1); /* cut after the escape */
	assert_int_equal(other("\\u0061nna\\u00zz, broken"), 1);    /* with an escape that is none */
	assert_int_equal(other("\\u0061\\n\\u0061nna, broken"), 1);
	assert_int_equal(other("\\ud83d\\uzzzz anna, broken"), 1);
	assert_int_equal(other("\\u0061\\uzzzz annabel, broken"), 0);
	assert_int_equal(other("\\u00e4nna, \\u0061-anna, broken"), 0);
	assert_int_equal(other(""), 0);
	assert_int_equal(other("\\"), 0);
	assert_int_equal(other("\\u"), 0);
	assert_int_equal(other("\\u006"), 0);
}

TEST(records)
{
	assert_int_equal(other("{\"on\":\"track\",\"record\":{\"user_id\":\"anna\"}}"), 1);
	assert_int_equal(other("{\"on\":\"track\",\"record\":{\"user_id\":\"b\"}}"), 0);
	assert_int_equal(other("{\"record\":7}"), 0);
	assert_int_equal(other("{\"user_id\":\"anna\"}"), 1);
}

/* Looks for bo of this tenant alone. */
static void begin_with(char *tenant)
{
	struct hs_subject bo = {
		.id = (char[]){ "bo" }, .n = 2, .tenant = tenant, .before = { 5, 0 }, .until_ms = INT64_MAX
	};

	finish(NULL);
	begin(NULL);
	assert_true(hs_subjects_add(&subjects, &bo, NULL));
}

/* A damaged line may still say its tenant, and is then about a person of that one alone. */
TEST(damaged_lines_of_tenants)
{
	static const struct {
		const char *line;
		int of_acme, of_none;
	} is[] = {
		{ "{\"user_id\":\"bo\",\"tenant\":\"acme\",\"x", 1, 0 },
		{ "{\"user_id\":\"bo\",\"tenant\":\"globex\",\"x", 0, 0 },
		{ "{\"user_id\":\"bo\",\"tenant\":\"glo", 1, 1 },
		{ "{\"user_id\":\"bo\",\"tenant\":\"", 1, 1 },
		{ "{\"user_id\":\"bo\",\"message_id\":\"\\\"tenant\\\":\\\"globex\\\"\",\"x", 1, 1 },
		{ "{\"user_id\":\"bob\",\"x", 0, 0 },
		{ "\"bo\"", 1, 1 },
	};
	const struct hs_mark at = { 4, 0 };

	for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
		begin_with((char[]){ "acme" });
		assert_int_equal(other(is[i].line), is[i].of_acme);
		assert_int_equal(hs_subject_match_event(&matcher, hs_slice_str(is[i].line), &at), is[i].of_acme);
		begin_with((char[]){ "" });
		assert_int_equal(other(is[i].line), is[i].of_none);
	}
}

TEST(times)
{
	static const char early[] = "{\"user_id\":\"anna\",\"spooled_at\":\"2026-11-23T10:15:00.000Z\"}";
	static const char late[] = "{\"user_id\":\"anna\",\"spooled_at\":\"2026-11-23T10:15:01.000Z\"}";

	assert_int_equal(other(early), 1);
	assert_int_equal(other(late), 0);
	assert_int_equal(other("{\"record\":{\"user_id\":\"anna\",\"spooled_at\":\"2026-11-23T10:15:01.000Z\"}}"), 0);
	assert_int_equal(other("{\"spooled_at\":\"2026-11-23T10:15:01.000Z\",\"body\":\"{"
	                       "\\\"userId\\\":\\\"anna\\\"}\"}"),
	                 0);
	assert_int_equal(hs_subject_match_event(&matcher, hs_slice_str(late), &(struct hs_mark){ 4, 9 }), 1);
	assert_int_equal(hs_subject_match_event(&matcher, hs_slice_str(early), &(struct hs_mark){ 5, 0 }), 0);
	assert_int_equal(hs_subject_match_event(&matcher, HS_SLICE("anna, torn"), &(struct hs_mark){ 4, 0 }), 1);
}

TESTS("subject_match", begin, finish)
