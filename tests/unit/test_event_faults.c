/*
 * event_faults: when memory ends on an event's way from its JSON to a record and to the catalogue, or in the search for
 * people, the event is refused as a whole or its outcome is right; and it is right when there is memory again.
 */
#include "config/settings.h"
#include "event/links.h"
#include "event/record_batch.h"
#include "event/subject_match.h"
#include "event/top_counts.h"
#include "schema/schema_file.h"
#include "schema/schema_json.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The outcome of the first run, which had no fault. */
static struct hs_buf right, out;

static struct hs_settings *settings;

FIXTURE(tell)
{
	fail_each_tell();
	wrap_reset();
	hs_buf_free(&right);
	hs_buf_free(&out);
	hs_settings_free(settings);
	settings = NULL;
	return 0;
}

static void nothing(void)
{
}

/* A text of n letters with an escape at either end, in the notation of JSON; valid until the next call. */
static const char *long_text(size_t n)
{
	static char text[1024];

	assert_true(n + 13 < sizeof text);
	memcpy(text, "\\u0041", 6);
	memset(text + 6, 'b', n);
	memcpy(text + 6 + n, "\\u0043", 7);
	return text;
}

static void is_right(void)
{
	assert_true(out.n > 0);
	if (right.n == 0)
		hs_buf_put_slice(&right, hs_buf_slice(&out));
	assert_slice_equal(hs_buf_slice(&out), hs_buf_slice(&right));
}

/* --- records ---------------------------------------------------------------------------------- */

/* An id of its own, none, and one that is no id; names with escapes, in capitals, nested; values that are masked. */
static const char *const events[] = {
	"{\"type\":\"track\",\"event\":\"Order \\u0043ompleted\",\"userId\":\"u\",\"messageId\":\"m1\","
	"\"timestamp\":\"2026-11-23T10:15:00Z\",\"properties\":{\"someTotal\":39.950,\"n\\u0061me\":\"x\",\"a\":[{"
	"\"b\":1}]},"
	"\"context\":{\"ip\":\"192.0.2.77\",\"email\":\"someone@example.org\"}}",
	"{\"type\":\"identify\",\"anonymousId\":\"v\",\"messageId\":\"\",\"traits\":{\"EMail\":\"s\\u006f@example."
	"org\","
	"\"phone\":\"123456\",\"plan\":7}}",
	"{\"type\":\"page\",\"userId\":7.0,\"properties\":{\"url\":\"https://shop.example/?q=1\"}}",
	"{\"type\":\"track\",\"event\":\"Mouse Moved\",\"userId\":\"u\",\"messageId\":\"m2\"}",
};

static const char conf[] = "spool_dir = /s\n"
			   "hash_key = 0123456789abcdef0123456789abcdef\n"
			   "[keys]\nacme = k1\n"
			   "[events]\ndrop = event:\"Mouse *\" type:track\nacme: sample = 100% type:page\n"
			   "[fields]\ncontext_ip = drop\ntraits_email = hash\nacme: traits_phone = drop\n"
			   "context_email = last 3\nproperties_url = no query\n";

static enum hs_result put_all(struct hs_record_maker *maker, struct hs_json *json)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z"),
		                  .rules = settings->rules,
		                  .tenant = HS_SLICE("acme") };

	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		struct hs_event e;
		enum hs_result result = hs_json_document(json, hs_slice_str(events[i]));

		if (result == HS_OK)
			result = hs_event_read(&e, json, 0, HS_VALIDATE_SPEC);
		if (result == HS_OK)
			result = hs_record_maker_put(maker, &e, &stamp, HS_NAMES_WAREHOUSE);
		if (result != (i == 3 ? HS_E_DROPPED : HS_OK))
			return result;
	}
	return HS_OK;
}

static enum hs_result make_records(void)
{
	struct hs_json json = { 0 };
	struct hs_record_maker maker;
	enum hs_result result = hs_record_maker_init(&maker) ? HS_OK : HS_E_MEMORY;

	hs_buf_free(&out);
	if (result == HS_OK) {
		hs_json_init(&json, 5);
		hs_record_maker_seed(&maker, 1);
		hs_record_maker_reset(&maker, 1000);
		result = put_all(&maker, &json);
	}
	if (result == HS_OK) {
		assert_int_equal(maker.batch.count, 3);
		hs_buf_put_slice(&out, hs_buf_slice(&maker.batch.lines));
	}
	hs_record_maker_free(&maker);
	hs_json_free(&json);
	return result == HS_OK && !hs_buf_ok(&out) ? HS_E_MEMORY : result;
}

TEST(records)
{
	struct hs_settings_error error;

	settings = hs_settings_new("test.conf", HS_SLICE(conf), NULL, &error);
	if (settings == NULL)
		fail_msg("%s", error.text);
	fail_each(&(struct job){ nothing, make_records, is_right, UINT_MAX });
	assert_non_null(memmem(right.p, right.n, "\"properties_some_total\":39.950", 29));
	assert_null(memmem(right.p, right.n, "192.0.2.77", 10));
}

/* --- the catalogue ------------------------------------------------------------------------------- */

static const char *const lines[] = {
	"{\"type\":\"track\",\"event\":\"\\u0041\",\"properties_a\":1,\"properties_\\u0062\":\"x\\u0079\"}",
	"{\"type\":\"track\",\"event\":\"A\",\"properties_a\":2,\"properties_a_1\":null}",
	"{\"type\":\"page\",\"spooled_at\":\"2026-11-23T10:15:00.123Z\",\"properties_url\":true}",
};

static char long_line[1024];

/* Counts the records, writes the catalogue, reads it, and prints it. */
static enum hs_result make_catalogue(void)
{
	struct hs_schema made = { 0 }, read = { 0 };
	struct hs_buf bytes = { 0 };
	enum hs_result result = HS_OK;

	hs_buf_free(&out);
	made.table.seed = read.table.seed = 1;
	for (size_t i = 0; i < sizeof lines / sizeof *lines && result == HS_OK; i++)
		if (!hs_schema_table_add(&made.table, hs_slice_str(lines[i]), 1, true))
			result = HS_E_MEMORY;
	if (result == HS_OK && !hs_schema_table_add(&made.table, hs_slice_str(long_line), 1, true))
		result = HS_E_MEMORY;
	hs_schema_encode(&made, &bytes);
	if (result == HS_OK && !hs_buf_ok(&bytes))
		result = HS_E_MEMORY;
	if (result == HS_OK)
		result = hs_schema_decode(&read, hs_buf_slice(&bytes));
	if (result == HS_OK)
		hs_schema_put_json(&read, &(struct hs_schema_view){ 0 }, &out, NULL, NULL);
	hs_schema_free(&made);
	hs_schema_free(&read);
	hs_buf_free(&bytes);
	return result == HS_OK && !hs_buf_ok(&out) ? HS_E_MEMORY : result;
}

TEST(the_catalogue)
{
	snprintf(long_line, sizeof long_line, "{\"type\":\"page\",\"properties_%s\":1}", long_text(300));
	fail_each(&(struct job){ nothing, make_catalogue, is_right, UINT_MAX });
	assert_non_null(memmem(right.p, right.n, "\"records\":4", 11));
	assert_non_null(memmem(right.p, right.n, "\"xy\"", 4));
}

/* --- people ------------------------------------------------------------------------------------------ */

static char long_previous[400], long_user[600], long_track[8000];

/* A user is to be erased; an alias and a shared id are found, and the records about each are matched. */
static const char *const about[] = {
	"{\"type\":\"identify\",\"user_id\":\"\\u0061nna\",\"anonymous_id\":\"dev\",\"message_id\":\"1\"}",
	"{\"type\":\"alias\",\"user_id\":\"anna\",\"previous_id\":\"old\\u0031\",\"message_id\":\"2\"}",
	"{\"type\":\"identify\",\"user_id\":\"anna\",\"anonymous_id\":\"shared\",\"message_id\":\"3\"}",
	"{\"type\":\"identify\",\"user_id\":\"b\\u006fb\",\"anonymous_id\":\"shared\",\"message_id\":\"4\"}",
	long_previous, /* each needs more room than those before it */
	long_user,
	long_track,
};
enum { ABOUT = sizeof about / sizeof *about };

static enum hs_result find_links(struct hs_subjects *people)
{
	struct hs_links links;
	bool ok = true;

	hs_links_init(&links, people, 3);
	for (size_t i = 0; i < ABOUT && ok; i++)
		ok = hs_links_find(&links, hs_slice_str(about[i]), (struct hs_mark){ 1, i });
	for (size_t i = 0; i < ABOUT && ok; i++)
		ok = hs_links_check(&links, hs_slice_str(about[i]));
	ok = ok && hs_links_settle(&links);
	hs_links_free(&links);
	return ok ? HS_OK : HS_E_MEMORY;
}

static void ignore(void *context, struct hs_subject *who)
{
	(void)context;
	(void)who;
}

static enum hs_result match_all(struct hs_subjects *people, struct hs_json *json)
{
	for (size_t i = 0; i < ABOUT; i++) {
		struct hs_named named;
		enum hs_result result = hs_json_document(json, hs_slice_str(about[i]));
		int found;

		if (result != HS_OK)
			return result;
		hs_named_in_record(&named, json, 0);
		found = hs_subjects_match(people, &named, NULL, ignore, NULL);
		if (found < 0)
			return HS_E_MEMORY;
		hs_buf_put_uint(&out, (uint64_t)found);
		found = hs_subjects_match_text(people, HS_SLICE("of anna, dev and old1"), &named, ignore, NULL);
		if (found < 0)
			return HS_E_MEMORY;
		hs_buf_put_uint(&out, (uint64_t)found);
	}
	return HS_OK;
}

static enum hs_result match_people(void)
{
	struct hs_subject anna = { .id = (char[]){ "anna" },
		                   .n = 4,
		                   .tenant = (char[]){ "" },
		                   .before = { UINT64_MAX, 0 },
		                   .until_ms = INT64_MAX };
	struct hs_subjects people;
	struct hs_json json = { 0 };
	enum hs_result result;

	hs_buf_free(&out);
	hs_subjects_init(&people, 1);
	hs_json_init(&json, 5);
	result = hs_subjects_add(&people, &anna, NULL) ? find_links(&people) : HS_E_MEMORY;
	if (result == HS_OK)
		result = match_all(&people, &json);
	if (result == HS_OK)
		hs_buf_put_uint(&out, people.count);
	hs_subjects_free(&people);
	hs_json_free(&json);
	return result == HS_OK && !hs_buf_ok(&out) ? HS_E_MEMORY : result;
}

static void fill_long_records(void)
{
	int n;

	snprintf(long_previous, sizeof long_previous,
	         "{\"type\":\"alias\",\"user_id\":\"anna\",\"previous_id\":\"%s\"}", long_text(300));
	snprintf(long_user, sizeof long_user, "{\"type\":\"alias\",\"user_id\":\"%s\",\"previous_id\":\"anna\"}",
	         long_text(450));
	n = snprintf(long_track, sizeof long_track, "{\"type\":\"track\",\"user_id\":\"%s\",\"anonymous_id\":\"dev\"",
	             long_text(900));
	for (int i = 0; i < 300; i++)
		n += snprintf(long_track + n, sizeof long_track - (size_t)n, ",\"f%d\":%d", i, i);
	long_track[n] = '}';
}

TEST(people)
{
	fill_long_records();
	fail_each(&(struct job){ nothing, match_people, is_right, UINT_MAX });
	/* anna, old1, the long one; an id that is shared with another user is no one person's */
	assert_int_equal(right.p[right.n - 1], '3');
}

/* --- rejected events, and what handlers could not take ---------------------------------------------------- */

static char long_body[1000];

static const char *const others[] = {
	"{\"body_base64\":\"eyJ1c2VySWQiOiJhbm5hIiwi/w==\"}",
	"{\"body\":\"[{\\\"userId\\\":\\\"b\\\"},{\\\"userId\\\":\\\"\\\\u0061nna\\\"}]\"}",
	"{\"body\":\"\\ufffd\",\"body_base64\":\"eyJ1c2VySWQiOiJhbm5hIiwi/w==\"}",
	"{\"on\":\"track\",\"record\":{\"user_id\":\"\\u0061nna\"}}",
	"{\"user_id\":\"\\u0061nna\", broken",
	long_body,
};

static enum hs_result match_others(void)
{
	struct hs_subject anna = { .id = (char[]){ "anna" }, .n = 4, .before = { 5, 0 }, .until_ms = INT64_MAX };
	struct hs_subjects people;
	struct hs_subject_matcher matcher = { .subjects = &people };
	int found = 0;

	hs_buf_reset(&out);
	hs_subjects_init(&people, 7);
	if (!hs_subjects_add(&people, &anna, NULL))
		found = -1;
	for (size_t i = 0; i < sizeof others / sizeof *others && found >= 0; i++) {
		found = hs_subject_match_other(&matcher, hs_slice_str(others[i]));
		hs_buf_printf(&out, "%d ", found);
	}
	hs_subject_matcher_free(&matcher);
	hs_subjects_free(&people);
	return found >= 0 ? HS_OK : HS_E_MEMORY;
}

TEST(lines_beside_the_records)
{
	assert_non_null(hs_buf_reserve(&out, 1000));
	snprintf(long_body, sizeof long_body, "{\"body\":\"[{\\\"userId\\\":\\\"anna\\\"}%900s]\"}", "");
	fail_each(&(struct job){ nothing, match_others, is_right, UINT_MAX });
	assert_slice_equal(hs_buf_slice(&right), HS_SLICE("1 1 1 1 1 1 "));
}

/* --- counts by name ------------------------------------------------------------------------------------- */

static enum hs_result count_names(void)
{
	struct hs_top_counts counts = { .seed = 1 };
	bool ok = true;
	char name[16];

	hs_buf_free(&out);
	for (int i = 0; i < 200 && ok; i++) {
		snprintf(name, sizeof name, "n%d", i % 100);
		ok = hs_top_counts_add(&counts, hs_slice_str(name), 1);
	}
	if (ok) {
		hs_top_counts_sort(&counts, true);
		for (size_t i = 0; i < counts.count; i++) {
			hs_buf_put(&out, counts.row[i].name, counts.row[i].n);
			hs_buf_put_uint(&out, counts.row[i].records);
		}
	}
	hs_top_counts_free(&counts);
	return ok && hs_buf_ok(&out) ? HS_OK : HS_E_MEMORY;
}

TEST(counts_by_name)
{
	fail_each(&(struct job){ nothing, count_names, is_right, UINT_MAX });
}

TESTS("event_faults", NULL, tell)
