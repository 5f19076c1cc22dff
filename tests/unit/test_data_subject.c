/* data_subject: which people a record is about; the cheap match never misses what the strict one finds. */
#include "event/data_subject.h"
#include "tests/lib/same_hash.h"
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
		"{\"context\":\"anna\",\"original_id\":\"anna\",\"anonymous_ID\":\"anna\"," STAMP,
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
		                           "{\"user_id\":7}",
		                           "{\"a\"x1",
		                           "{\"a\":1,",
		                           "{\"a\":1,2",
		                           "{\"a\":\"b\"",
		                           "{\"a\":\"b\"}",
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

static void add_derived(struct hs_subjects *s, enum hs_subject_kind kind, const char *id)
{
	struct hs_subject who = { .kind = kind,
		                  .derived = true,
		                  .id = (char *)(uintptr_t)id,
		                  .n = strlen(id),
		                  .before = nowhere,
		                  .until_ms = INT64_MAX };

	assert_true(hs_subjects_add(s, &who, NULL));
}

/* A line that does not say when it was written may be of any time. */
TEST(a_time_that_cannot_be_read_limits_nothing)
{
	struct hs_subject who = { .id = (char[]){ "u" }, .n = 1, .before = { 3, 100 }, .until_ms = 5 };
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	assert_true(hs_subjects_add(&s, &who, NULL));
	assert_int_equal(match_at(&s, "{\"user_id\":\"u\"," STAMP, NULL), 0);
	assert_int_equal(match_at(&s, "{\"user_id\":\"u\",\"spooled_at\":\"today\"}", NULL), 1);
	hs_subjects_free(&s);
}

/* However often a person is asked for, the widest limits count, and the strongest reason. */
TEST(a_person_who_is_asked_for_again)
{
	struct hs_subject who = {
		.id = (char[]){ "u" }, .n = 1, .derived = true, .deleted = true, .before = { 3, 100 }, .until_ms = 50
	};
	struct hs_subjects s;
	bool added;

	hs_subjects_init(&s, 7);
	assert_true(hs_subjects_add(&s, &who, &added) && added);
	who.before.offset = 99;
	who.until_ms = 49;
	assert_true(hs_subjects_add(&s, &who, &added) && !added);
	assert_int_equal(s.list[0]->before.offset, 100);
	assert_int_equal(s.list[0]->until_ms, 50);
	assert_true(s.list[0]->derived && s.list[0]->deleted);
	who.before = (struct hs_mark){ 2, 900 };
	assert_true(hs_subjects_add(&s, &who, &added) && !added);
	who.before = (struct hs_mark){ 3, 101 };
	assert_true(hs_subjects_add(&s, &who, &added) && added);
	assert_int_equal(s.list[0]->before.offset, 101);
	who.until_ms = 51;
	assert_true(hs_subjects_add(&s, &who, &added) && added);
	assert_int_equal(s.list[0]->until_ms, 51);
	who.derived = who.deleted = false;
	assert_true(hs_subjects_add(&s, &who, &added) && !added);
	assert_false(s.list[0]->derived || s.list[0]->deleted);
	who.derived = true; /* whoever is asked for by name stays so */
	assert_true(hs_subjects_add(&s, &who, &added) && !added);
	assert_false(s.list[0]->derived);
	assert_int_equal(s.count, 1);
	hs_subjects_free(&s);
}

/* A table cannot mistake one person for another. */
TEST(people_whose_ids_have_the_same_hash)
{
	static const char *const beginning[] = { "a", "b", "cc", "ccc", "dc" };
	enum { PEOPLE = sizeof beginning / sizeof *beginning };
	struct hs_named named = { .spooled_ms = INT64_MIN };
	char room[SAME_HASH_MAX];
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	for (int again = 0; again < 4; again++)
		for (size_t i = 0; i < PEOPLE; i++)
			assert_true(hs_subjects_add_id(&s, HS_SUBJECT_USER, same_hash(room, beginning[i]),
			                               again % 2 == 0 ? NULL : "acme"));
	assert_int_equal(s.count, 2 * PEOPLE); /* the same id in two tenants means two people */
	for (size_t i = 0; i < PEOPLE; i++) {
		struct hs_slice id = same_hash(room, beginning[i]);

		assert_slice_equal(hs_slice(s.list[i]->id, s.list[i]->n), id);
		assert_int_equal(hs_subjects_match_text(&s, id, &named, count, NULL), 1);
		assert_int_equal(s.list[i]->pending, 1);
	}
	hs_subjects_free(&s);
}

static void derive(struct hs_subjects *s, const char *tenant, bool is_new)
{
	struct hs_subject who = { .kind = HS_SUBJECT_ANONYMOUS,
		                  .derived = true,
		                  .id = (char[]){ "dev" },
		                  .n = 3,
		                  .tenant = (char *)(uintptr_t)tenant };
	size_t before = s->count;

	assert_true(hs_subjects_add(s, &who, NULL));
	assert_int_equal(s->count, before + is_new);
}

/* A person who was asked for in all tenants is there in each. */
TEST(an_id_that_a_link_has_found_may_be_there)
{
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	derive(&s, "acme", true);
	derive(&s, "globex", true);
	derive(&s, "acme", false);
	add(&s, HS_SUBJECT_ANONYMOUS, "dev", NULL);
	derive(&s, "initech", false);
	add(&s, HS_SUBJECT_ANONYMOUS, "dev", "initech");
	assert_int_equal(s.count, 4);
	hs_subjects_free(&s);
}

/* A device found through a link: what another user did on it is not the person's. */
TEST(on_a_derived_device)
{
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "u1", NULL);
	add_derived(&s, HS_SUBJECT_ANONYMOUS, "dev");
	assert_int_equal(match(&s, "{\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":\"\",\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":null,\"anonymous_id\":\"dev\"," STAMP), 1);
	assert_int_equal(match(&s, "{\"user_id\":\"u1\",\"anonymous_id\":\"dev\"," STAMP), 2);
	assert_int_equal(match(&s, "{\"user_id\":\"u2\",\"anonymous_id\":\"dev\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"user_id\":\"u2\",\"previous_id\":\"dev\"," STAMP), 0);
	/* the user of another tenant, and a visitor with the id of a user, are other people */
	add(&s, HS_SUBJECT_USER, "u3", "acme");
	add(&s, HS_SUBJECT_ANONYMOUS, "u4", NULL);
	assert_int_equal(match(&s, "{\"user_id\":\"u3\",\"tenant\":\"acme\",\"anonymous_id\":\"dev\"," STAMP), 2);
	assert_int_equal(match(&s, "{\"user_id\":\"u3\",\"tenant\":\"globex\",\"anonymous_id\":\"dev\"," STAMP), 0);
	assert_int_equal(match(&s, "{\"user_id\":\"u4\",\"anonymous_id\":\"dev\"," STAMP), 0);
	add_derived(&s, HS_SUBJECT_USER, "u5"); /* no device: whose id an alias replaces is that user */
	assert_int_equal(match(&s, "{\"type\":\"alias\",\"user_id\":\"u2\",\"previous_id\":\"u5\"," STAMP), 1);
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
	assert_int_equal(in_text(&s, "u-12, xu-1, _u-1, u-1-a, u-1\xC3\xA4, Zu-1, u-1A, u-1z, u-1a, u-10, u-19"), 0);
	assert_int_equal(in_text(&s, "\xC3\x80u-1, \xC3\xBFu-1"),
	                 0);                                  /* the last bytes of letters, the least and the largest */
	for (const char *p = "/:@[`{\x7f"; *p != '\0'; p++) { /* next to what an id may have */
		assert_int_equal(in_text(&s, (char[]){ 'u', '-', '1', *p, '\0' }), 1);
		assert_int_equal(in_text(&s, (char[]){ *p, 'u', '-', '1', '\0' }), 1);
	}
	assert_int_equal(in_text(&s, "[u-1]"), 1);
	assert_int_equal(in_text(&s, "{u-1}"), 1);
	add_derived(&s, HS_SUBJECT_ANONYMOUS, "track");
	assert_int_equal(in_text(&s, "{\"type\":\"track\",\"userId\":\"somebody"), 0);
	add(&s, HS_SUBJECT_USER, "", NULL); /* an empty id would stand in every text */
	assert_int_equal(in_text(&s, "nobody"), 0);
	hs_subjects_free(&s);
}

static int in_text_of(struct hs_subjects *s, const struct hs_named *named)
{
	return hs_subjects_match_text(s, HS_SLICE("u"), named, count, NULL);
}

TEST(texts_of_a_tenant_and_a_time)
{
	struct hs_subject who = {
		.id = (char[]){ "u" }, .n = 1, .tenant = (char[]){ "acme" }, .before = nowhere, .until_ms = 50
	};
	struct hs_named of_acme = { .tenant = HS_SLICE("acme"), .spooled_ms = 50 };
	struct hs_named of_globex = { .tenant = HS_SLICE("globex"), .spooled_ms = 50 };
	struct hs_named of_any = { .any_tenant = true, .spooled_ms = 50 };
	struct hs_named late = { .tenant = HS_SLICE("acme"), .spooled_ms = 51 };
	struct hs_subjects s;

	hs_subjects_init(&s, 7);
	assert_true(hs_subjects_add(&s, &who, NULL));
	assert_int_equal(in_text_of(&s, &of_acme), 1);
	assert_int_equal(in_text_of(&s, &of_globex), 0);
	assert_int_equal(in_text_of(&s, &of_any), 1);
	assert_int_equal(in_text_of(&s, &late), 0);
	/* a truncated text may name anybody of its tenant and time */
	assert_int_equal(hs_subjects_match_tenant(&s, &of_acme, count, NULL), 1);
	assert_int_equal(hs_subjects_match_tenant(&s, &of_globex, count, NULL), 0);
	assert_int_equal(hs_subjects_match_tenant(&s, &late, count, NULL), 0);
	hs_subjects_free(&s);
}

TEST(which_events_tell_whose_they_are)
{
	static const struct {
		const char *event;
		bool tells;
		const char *record; /* of its people alone; NULL: none */
	} cases[] = {
		{ "{\"type\":\"page\",\"userId\":\"u\"}", true, "{\"tenant\":\"t\",\"user_id\":\"u\"}" },
		{ "{\"type\":\"page\",\"anonymousId\":7}", true, "{\"tenant\":\"t\",\"anonymous_id\":7}" },
		{ "{\"type\":\"alias\",\"previousId\":\"p\"}", true, "{\"tenant\":\"t\",\"previous_id\":\"p\"}" },
		{ "{\"type\":\"page\",\"userId\":true}", true, NULL },
		{ "{\"type\":\"page\",\"userId\":{\"id\":\"u\"}}", false, NULL },
		{ "{\"type\":\"page\",\"userId\":\"u\",\"user_id\":\"v\"}", false, "" },
		{ "{\"type\":\"page\"}", false, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_buf out = { 0 };

		assert_result(hs_json_document(&json, hs_slice_str(cases[i].event)), HS_OK);
		assert_int_equal(hs_named_tells_whose(&json, 0), cases[i].tells);
		assert_int_equal(hs_named_put_record(&json, 0, HS_SLICE("t"), &out), cases[i].record != NULL);
		assert_false(hs_named_put_record(&json, 0, HS_SLICE("t"), &(struct hs_buf){ .failed = true }));
		if (cases[i].record != NULL && cases[i].record[0] != '\0')
			assert_slice_equal(hs_buf_slice(&out), hs_slice_str(cases[i].record));
		hs_buf_free(&out);
	}
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
	char text[400], many[200] = "0.";

	hs_subjects_init(&s, 7);
	add(&s, HS_SUBJECT_USER, "12345", NULL);
	add(&s, HS_SUBJECT_USER, "9007199254740993", NULL);
	memset(many + 2, '7', sizeof many - 3);
	add(&s, HS_SUBJECT_USER, many, NULL);
	snprintf(text, sizeof text, "{\"type\":\"page\",\"user_id\":%s0," STAMP, many);
	assert_int_equal(match(&s, text), 1); /* more digits than the cheap match reads */
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
		assert_true(s.slots >= s.count &&
		            (s.slots & (s.slots - 1)) == 0); /* a power of two: each slot is reached */
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
