/*
 * links: the ids that identify and alias records of a user lead to. Whatever records a sender
 * makes up, they reach no other person's.
 */
#include "event/links.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static struct hs_subjects subjects;
static struct hs_links links;

static void ask(enum hs_subject_kind kind, const char *id, const char *tenant)
{
	struct hs_subject who = { .kind = kind,
		                  .id = (char *)(uintptr_t)id,
		                  .n = strlen(id),
		                  .tenant = (char *)(uintptr_t)tenant,
		                  .before = { UINT64_MAX, 0 },
		                  .until_ms = INT64_MAX };

	assert_true(hs_subjects_add(&subjects, &who, NULL));
}

FIXTURE(setup)
{
	hs_subjects_init(&subjects, 7);
	hs_links_init(&links, &subjects, 7);
	return 0;
}

FIXTURE(teardown)
{
	hs_links_free(&links);
	hs_subjects_free(&subjects);
	return 0;
}

/*
 * Makes a record of each word "TYPE:user:anonymous:previous[:tenant]"; - for a field that it lacks.
 * The type is one letter: i, a, t.
 */
static void look(const char *words, bool checking)
{
	static const char *const names[] = { "user_id", "anonymous_id", "previous_id", "tenant" };
	uint64_t offset = 0;

	for (const char *p = words; *p != '\0'; p += strspn(p, " ")) {
		const char *type = *p == 'i' ? "identify" : *p == 'a' ? "alias" : "track";
		char line[400];
		int n = snprintf(line, sizeof line, "{\"type\":\"%s\"", type);

		p++;
		for (int field = 0; *p == ':'; field++) {
			int length = (int)strcspn(++p, ": ");

			if (*p != '-')
				n += snprintf(line + n, sizeof line - (size_t)n, ",\"%s\":\"%.*s\"", names[field],
				              length, p);
			p += length;
		}
		n += snprintf(line + n, sizeof line - (size_t)n, ",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}");
		assert_true(checking
		                ? hs_links_check(&links, hs_slice(line, (size_t)n))
		                : hs_links_find(&links, hs_slice(line, (size_t)n), (struct hs_mark){ 1, offset++ }));
	}
}

/* Runs both passes; returns each id that was found, as "kind/id=verdict". */
static const char *found(const char *records)
{
	static const char *const verdicts[] = { "yes", "placeholder", "user", "shared", "many" };
	static char text[1000];
	size_t n = 0;

	look(records, false);
	look(records, true);
	assert_true(hs_links_settle(&links));
	text[0] = '\0';
	for (size_t i = 0; i < links.ids.count; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%c/%s=%s", i > 0 ? " " : "",
		                      links.list[i].id->kind == HS_SUBJECT_USER ? 'u' : 'a', links.list[i].id->id,
		                      verdicts[links.list[i].verdict]);
	return text;
}

static const struct {
	const char *records, *found;
	const char *about;
} cases[] = {
	/* u1 is asked for in all of these */
	{ "i:u1:d1:- t:-:d1:-", "a/d1=yes", "identify leads to the device" },
	{ "a:u1:-:d1 t:-:d1:-", "a/d1=yes", "alias leads to the former visitor" },
	{ "i:u1:d1:- a:u1:-:d1 i:u1:d2:-", "a/d1=yes a/d2=yes", "each once" },
	{ "t:u1:d1:-", "", "a track is no link" },
	{ "a:u1:d1:-", "", "nor is the device from which an alias was sent" },
	{ "i:u1:u1:- t:u1:-:-", "a/u1=yes", "the same text in both fields" },
	{ "a:u1:-:u1", "a/u1=yes", "an alias of oneself" },
	{ "i:u1:-:- a:u1:-:-", "", "no other id" },
	{ "i:u1::- a:u1:-:", "", "an empty one" },
	/* a stream tablet */
	{ "i:u1:d1:- i:u2:d1:-", "a/d1=shared", "two identify" },
	{ "a:u1:-:d1 a:u2:-:d1", "a/d1=shared", "two alias" },
	{ "i:u1:d1:- t:u2:d1:-", "a/d1=shared", "any record of another user counts" },
	{ "t:u2:d1:- i:u1:d1:-", "a/d1=shared", "before or after" },
	/* no link leads to a user id, in either direction */
	{ "a:u1:-:u2 t:u2:-:-", "a/u2=user", "an alias of a victim" },
	{ "a:u2:-:u1 t:u2:-:-", "u/u2=user", "an alias by a victim" },
	{ "a:u10:-:u1 t:u10:-:-", "u/u10=user", "whose id is longer" },
	{ "i:u1:d1:- i:u10:d1:-", "a/d1=shared", "which shares a device" },
	{ "a:u1:-:u2 a:u2:-:u1 t:u2:-:-", "a/u2=user u/u2=user", "both" },
	{ "i:u1:u2:- t:u2:-:-", "a/u2=user", "as a device" },
	{ "a:u1:-:d1 i:u3:d1:- a:u3:-:u1", "a/d1=shared u/u3=user", "nor by two steps" },
	{ "i:u1:d1:- a:d1:-:d2", "a/d1=user", "a device that is said to have aliased another" },
	/* placeholders */
	{ "i:u1:undefined:- a:u1:-:NULL", "a/undefined=placeholder a/NULL=placeholder", "" },
	{ "i:u1:00000000-0000-0000-0000-000000000000:-", "a/00000000-0000-0000-0000-000000000000=placeholder", "" },
	/* tenants */
	{ "i:u1:d1:-:acme i:u2:d1:-:globex", "a/d1=yes", "another tenant's device is another one" },
	{ "i:u1:d1:-:acme i:u2:d1:-:acme i:u1:d1:-:globex", "a/d1=shared a/d1=yes", "each by itself" },
};

TEST_WITH(which_ids_are_reached, NULL, teardown)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got;

		setup(state);
		ask(HS_SUBJECT_USER, "u1", NULL);
		got = found(cases[i].records);
		if (strcmp(got, cases[i].found) != 0)
			fail_msg("%s (%s): %s, not %s", cases[i].records, cases[i].about, got, cases[i].found);
		teardown(state);
	}
	setup(state);
}

TEST(what_is_added)
{
	const struct hs_subject *dev;

	ask(HS_SUBJECT_USER, "u1", "acme");
	assert_string_equal(found("i:u1:d1:-:acme i:u1:d2:-:globex i:u2:d3:-:acme"), "a/d1=yes");
	assert_int_equal(subjects.count, 2);
	dev = subjects.list[1];
	assert_string_equal(dev->id, "d1");
	assert_string_equal(dev->tenant, "acme");
	assert_true(dev->derived);
	assert_true(dev->before.number == UINT64_MAX && dev->until_ms == INT64_MAX);
	assert_slice_equal(links.list[0].type, HS_SLICE("identify"));
	assert_slice_equal(links.list[0].field, HS_SLICE("anonymous_id"));
	assert_true(links.list[0].spooled_ms == 1795428900123);
}

/* A link after a delete event is new data; evidence against one counts wherever it is. */
TEST(limits)
{
	struct hs_subject who = { .id = (char[]){ "u1" }, .n = 2, .before = { 1, 2 }, .until_ms = 5 };

	assert_true(hs_subjects_add(&subjects, &who, NULL));
	assert_string_equal(found("i:u1:d1:- i:u1:d2:- i:u1:d3:- t:u2:d2:-"), "a/d1=yes a/d2=shared");
	assert_int_equal(subjects.count, 2);
	assert_int_equal(subjects.list[1]->before.offset, 2);
	assert_int_equal(subjects.list[1]->until_ms, 5);
}

/* Somebody is asked for in one tenant and in all: the ids that are found get the later limit. */
TEST(the_later_limit_counts)
{
	static const struct {
		struct hs_mark of_any, of_acme, later;
	} limits_of[] = {
		{ { 2, 5 }, { 3, 0 }, { 3, 0 } },
		{ { 3, 0 }, { 2, 5 }, { 3, 0 } },
		{ { 2, 5 }, { 2, 6 }, { 2, 6 } },
		{ { 2, 6 }, { 2, 5 }, { 2, 6 } },
	};

	for (size_t i = 0; i < sizeof limits_of / sizeof *limits_of; i++) {
		struct hs_subject who = {
			.id = (char[]){ "u1" }, .n = 2, .before = limits_of[i].of_any, .until_ms = 5
		};

		assert_true(hs_subjects_add(&subjects, &who, NULL));
		who.tenant = (char[]){ "acme" };
		who.before = limits_of[i].of_acme;
		assert_true(hs_subjects_add(&subjects, &who, NULL));
		assert_string_equal(found("i:u1:d1:-:acme"), "a/d1=yes");
		assert_int_equal(subjects.count, 3);
		assert_true(subjects.list[2]->before.number == limits_of[i].later.number);
		assert_true(subjects.list[2]->before.offset == limits_of[i].later.offset);
		teardown(state);
		setup(state);
	}
}

TEST(lines_that_are_no_records_link_nothing)
{
	static const char *const lines[] = { "", "{}", "{\"type\":\"alias\"",
		                             "{\"type\":\"identify\",\"user_id\":\"u1\"" };

	ask(HS_SUBJECT_USER, "u1", NULL);
	look("i:u1:d1:-", false);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_true(hs_links_find(&links, hs_slice_str(lines[i]), (struct hs_mark){ 1, 1 }));
		assert_true(hs_links_check(&links, hs_slice_str(lines[i])));
	}
	assert_int_equal(links.ids.count, 1);
	assert_int_equal(links.list[0].verdict, HS_LINK_FOLLOWED);
}

TEST(placeholder_users)
{
	ask(HS_SUBJECT_USER, "undefined", NULL);
	ask(HS_SUBJECT_USER, "u2", NULL);
	assert_string_equal(found("i:undefined:d1:- i:undefined:d2:- i:u2:d2:-"), "a/d1=placeholder a/d2=placeholder");
	assert_int_equal(subjects.count, 2);
}

/* Two people at once, who share a device, which a third may use, too. */
TEST(both_at_once)
{
	ask(HS_SUBJECT_USER, "u1", NULL);
	ask(HS_SUBJECT_USER, "u2", NULL);
	assert_string_equal(found("i:u1:d1:- i:u2:d1:- i:u2:d2:-"), "a/d1=shared a/d2=yes");
}

TEST(anonymous_asked_for)
{
	ask(HS_SUBJECT_ANONYMOUS, "d1", NULL);
	assert_string_equal(found("i:u1:d1:- t:u1:-:- i:u1:d2:-"), "u/u1=user");
	assert_int_equal(subjects.count, 1);
}

TEST(too_many)
{
	char word[40];

	ask(HS_SUBJECT_USER, "u1", NULL);
	ask(HS_SUBJECT_USER, "u2", NULL);
	look("i:u2:d:-", false);
	for (int i = 0; i < 3 * HS_LINKS_MAX; i++) { /* a user that claims everybody's devices */
		snprintf(word, sizeof word, "i:u1:visitor-%d:-", i);
		look(word, false);
	}
	assert_true(hs_links_settle(&links));
	assert_int_equal(subjects.count, 3);
	assert_string_equal(subjects.list[2]->id, "d");
	assert_int_equal(links.ids.count, HS_LINKS_MAX + 2);
}

static const char *const placeholder[] = {
	"",
	" ",
	"\x7F\t0\x7F",
	"undefined",
	"Undefined",
	" NULL ",
	"none",
	"anonymous",
	"Anonymous",
	"0",
	"00",
	"-0",
	"0.0",
	"0e5",
	"0E-7",
	"+0",
	"+0e5",
	"0.e5",
	".0e5",
	".0",
	"-1",
	"-1.0",
	"-1.",
	"-01",
	"-1e0",
	"-1.00E+0",
	"0x0",
	"-",
	"---",
	"?",
	"n/a",
	"NaN",
	"(not set)",
	"00000000-0000-0000-0000-000000000000",
	"{}",
	"000000",
	"[object Object]",
	"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
	"xxxxxxxx-xxxx-xxxx",
	"9774d56d682e549c",
};

static const char *const other[] = {
	"1",
	"10",
	"100",
	"0.5",
	"-10",
	"-1.5",
	"1e0",
	"u-0",
	"00000001",
	"f",
	"x",
	"ff",
	"a",
	"\xC3\xA4",
	"nullo",
	"undefined1",
	"anonymous7",
	"1111",
	"-1e1",
	"0e5x",
	"0.x",
	"-1e",
	"-1e0x",
	".5",
	"+1",
	"11111111",
	"00000000-0000-0000-0000-000000000001",
	"none@example.com",
};

TEST_WITH(placeholders, NULL, NULL)
{
	for (size_t i = 0; i < sizeof placeholder / sizeof *placeholder; i++)
		if (!hs_is_placeholder(hs_slice_str(placeholder[i])))
			fail_msg("\"%s\" is a placeholder", placeholder[i]);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (hs_is_placeholder(hs_slice_str(other[i])))
			fail_msg("\"%s\" is no placeholder", other[i]);
}

TESTS("links", setup, teardown)
