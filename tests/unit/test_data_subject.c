/* data_subject: which people a record is about; the cheap match never misses what the strict one finds. */
#include "event/data_subject.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static const struct hs_mark nowhere = { UINT64_MAX, UINT64_MAX };
static struct hs_json json;

static void add(struct hs_subjects *s, enum hs_subject_kind kind, const char *id, const char *tenant)
{
	struct hs_subject who = { .kind = kind,
		                  .id = (char *)(uintptr_t)id,
		                  .n = strlen(id),
		                  .tenant = (char *)(uintptr_t)tenant,
		                  .before = nowhere,
		                  .until_ms = INT64_MAX };

	assert_true(hs_subjects_add(s, &who, NULL));
}

static void count(void *context, struct hs_subject *who)
{
	(void)context;
	who->pending++;
}

static int match_at(struct hs_subjects *s, const char *record, const struct hs_mark *at)
{
	struct hs_named named;

	assert_int_equal(hs_json_document(&json, hs_slice_str(record)), HS_OK);
	hs_named_in_record(&named, &json, 0);
	return hs_subjects_match(s, &named, at, count, NULL);
}

static int match(struct hs_subjects *s, const char *record)
{
	static const struct hs_mark start = { 1, 0 };
	int found = match_at(s, record, &start);

	if (found > 0)
		assert_true(hs_subjects_may_match(s, hs_slice_str(record)));
	return found;
}

#define STAMP "\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}"

TEST(which_people_a_record_is_about)
{
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "anna", NULL);
	add(&s, HS_SUBJECT_ANONYMOUS, "dev", NULL);
	add(&s, HS_SUBJECT_USER, "7", NULL);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":\"anna\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":\"\\u0061nna\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":7," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":\"7\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"alias\",\"user_id\":\"b\",\"previous_id\":\"anna\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"alias\",\"user_id\":\"b\",\"previous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"track\",\"event\":\"say \\\"x\\\\\",\"user_id\":\"anna\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":\"annabel\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":\"dev\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"anonymous_id\":\"anna\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"user_id\":null," STAMP), 0);
	assert_int_equal(match(&s, "{\"type\":\"page\",\"name\":\"anna\"," STAMP), 0);
	hs_subjects_free(&s);
}

/* Common records are excluded cheaply. */
TEST(the_cheap_match_excludes_common_records)
{
	static const char *const records[] = {
		"{\"type\":\"page\",\"user_id\":\"bert\",\"anonymous_id\":\"x\",\"version\":"
		"2," STAMP,
		"{\"type\":\"track\",\"event\":\"a \\\"b\\\" \\\\\",\"user_id\":\"bert\"," STAMP,
		"{\"type\":\"page\",\"user_id\":12.5,\"message_id\":\"anna\"," STAMP,
	};
	static const char *const odd[] = { "",
		                           "{",
		                           "{}",
		                           "{\"a",
		                           "{\"a\"",
		                           "{\"a\":",
		                           "{\"a\":\"",
		                           "{\"a\":1",
		                           "{\"a\":\"\\",
		                           "{\"a\":\"\\\"",
		                           "{\"user_id\":\"\\u0062\",",
		                           "[1]" };
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "anna", NULL);
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		assert_false(hs_subjects_may_match(&s, hs_slice_str(records[i])));
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) { /* at the very end of memory */
		size_t n = strlen(odd[i]);
		char *copy = malloc(n + 1);

		memcpy(copy, odd[i], n);
		assert_true(hs_subjects_may_match(&s, hs_slice(copy, n)));
		free(copy);
	}
	hs_subjects_free(&s);
}

TEST(tenants)
{
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "u", "acme");
	assert_int_equal(match(&s, "{\"user_id\":\"u\",\"tenant\":\"acme\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":\"u\",\"tenant\":\"globex\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"user_id\":\"u\"," STAMP), 0);
	add(&s, HS_SUBJECT_USER, "u", "");
	assert_int_equal(match(&s, "{\"user_id\":\"u\"," STAMP), 1);
	add(&s, HS_SUBJECT_USER, "u", NULL);
	assert_int_equal(match(&s, "{\"user_id\":\"u\",\"tenant\":\"globex\"," STAMP), 1);
	assert_int_equal(s.count, 3);
	hs_subjects_free(&s);
}

TEST(limits)
{
	struct hs_subject who = { .id = (char[]){ "u" }, .n = 1, .before = { 3, 100 }, .until_ms = 1795428900123 };
	static const char record[] = "{\"user_id\":\"u\"," STAMP;
	bool added;
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	assert_true(hs_subjects_add(&s, &who, &added));
	assert_true(added);
	assert_int_equal(match_at(&s, record, &(struct hs_mark){ 2, 900 }), 1);
	assert_int_equal(match_at(&s, record, &(struct hs_mark){ 3, 99 }), 1);
	assert_int_equal(match_at(&s, record, &(struct hs_mark){ 3, 100 }), 0);
	assert_int_equal(match_at(&s, record, &(struct hs_mark){ 4, 0 }), 0);
	assert_int_equal(match_at(&s, record, NULL), 1);
	assert_int_equal(match_at(&s, "{\"user_id\":\"u\",\"spooled_at\":\"2026-11-23T10:15:00.124Z\"}", NULL), 0);
	who.before.number = 4;
	assert_true(hs_subjects_add(&s, &who, &added)); /* the later mark counts */
	assert_true(added);
	assert_true(hs_subjects_add(&s, &who, &added));
	assert_false(added);
	assert_int_equal(match_at(&s, record, &(struct hs_mark){ 4, 0 }), 1);
	hs_subjects_free(&s);
}

static void add_derived(struct hs_subjects *s, const char *id)
{
	struct hs_subject who = { .kind = HS_SUBJECT_ANONYMOUS,
		                  .derived = true,
		                  .id = (char *)(uintptr_t)id,
		                  .n = strlen(id),
		                  .before = nowhere,
		                  .until_ms = INT64_MAX };

	assert_true(hs_subjects_add(s, &who, NULL));
}

/* A device found through a link: what another user did on it is not the person's. */
TEST(on_a_derived_device)
{
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "u1", NULL);
	add_derived(&s, "dev");
	assert_int_equal(match(&s, "{\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":\"\",\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":null,\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":\"u1\",\"anonymous_id\":\"dev\"," STAMP), 2);
	assert_int_equal(match(&s, "{\"user_id\":\"u2\",\"anonymous_id\":\"dev\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"user_id\":\"u2\",\"previous_id\":\"dev\"," STAMP), 0);
	hs_subjects_free(&s);
}

static int in_text(struct hs_subjects *s, const char *text)
{
	struct hs_named named = { .spooled_ms = INT64_MIN };

	return hs_subjects_match_text(s, hs_slice_str(text), &named, count, NULL);
}

TEST(texts)
{
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "u-1", NULL);
	assert_int_equal(in_text(&s, "u-1"), 1);
	assert_int_equal(in_text(&s, "{\"userId\":\"u-1\""), 1);
	assert_int_equal(in_text(&s, "u-12 u-1"), 1);
	assert_int_equal(in_text(&s, "u-12, xu-1, _u-1, u-1-a, u-1\xC3\xA4"), 0);
	add_derived(&s, "track");
	assert_int_equal(in_text(&s, "{\"type\":\"track\",\"userId\":\"somebody"), 0);
	hs_subjects_free(&s);
}

/* The cheap match must not miss a number in another form: match() asks it, too. */
TEST(numbers)
{
	static const struct {
		const char *id;
		int found;
	} cases[] = {
		{ "12345", 1 },
		{ "12345.0", 1 },
		{ "1.2345e4", 1 },
		{ "1234500E-2", 1 },
		{ "\"12345\"", 1 },
		{ "12345.1", 0 },
		{ "-12345", 0 },
		{ "123450", 0 },
		{ "\"12345.0\"", 0 },
		{ "\"012345\"", 0 },
		{ "null", 0 },
		{ "9007199254740993", 1 },
		{ "9007199254740992", 0 },
		{ "0.9007199254740993e16", 1 },
	};
	struct hs_subjects s;
	char text[120];

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "12345", NULL);
	add(&s, HS_SUBJECT_USER, "9007199254740993", NULL);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "{\"type\":\"page\",\"user_id\":%s," STAMP, cases[i].id);
		assert_int_equal(match(&s, text), cases[i].found);
	}
	hs_subjects_free(&s);
}

TEST(many)
{
	struct hs_subjects s;
	char text[80];

	hs_subjects_init(&s, 7);
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof text, "u-%d", i);
		add(&s, HS_SUBJECT_USER, text, NULL);
	}
	for (int i = 0; i < 6000; i++) {
		snprintf(text, sizeof text, "{\"user_id\":\"u-%d\"," STAMP, i);
		assert_int_equal(match(&s, text), i < 5000);
	}
	hs_subjects_free(&s);
}

FIXTURE(free_json)
{
	hs_json_free(&json);
	return 0;
}

TESTS("data_subject", NULL, free_json)
