/*
 * record_faults: when memory or a hash fails on the way from an event to its record, however the event came and
 * whatever rules there are, it is refused as a whole; and its record is right when there is memory again.
 */
#include "config/settings.h"
#include "event/record_batch.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum { EVENTS_MAX = 8, LONG = 400 };

/* How events come: the settings, their names, and whether a library sends them. */
static const struct way {
	const char *conf;
	enum hs_names names;
	bool direct;
} library = { "spool_dir = /s\n"
	      "hash_key = 0123456789abcdef0123456789abcdef\n"
	      "[keys]\nacme = k1\n"
	      "[events]\n"
	      "drop = properties_tags:*secret*\n"
	      "drop = properties_email:*@spam.example\n"
	      "acme: sample = 1% type:page\n" /* in which are u170 and v90 */
	      "[fields]\n"
	      "context_ip = last 3\n"
	      "properties_email = hash\n"
	      "properties_a_longer_name_* = hash\n"
	      "properties_tags = cut 5\n"
	      "properties_url = no query\n",
	      HS_NAMES_WAREHOUSE, true },
  marked = { "spool_dir = /s\n"
	     "auth = none\n"
	     "names = verbatim\n"
	     "[events]\n"
	     "unplanned = flag\n"
	     "keep = event:Planned\n",
	     HS_NAMES_VERBATIM, false },
  masked = { "spool_dir = /s\n"
	     "[keys]\nacme = k1\n"
	     "[fields]\n"
	     "acme: properties_* = cut 5\n",
	     HS_NAMES_WAREHOUSE, false };

static const struct way *way;
static struct hs_settings *settings;
static struct hs_buf event[EVENTS_MAX], right, out;
static size_t events;

/* --- the events --------------------------------------------------------------------------------- */

static struct hs_buf *next_event(void)
{
	assert_true(events < EVENTS_MAX);
	return &event[events++];
}

static void put_long(struct hs_buf *to, const char *part)
{
	size_t end = to->n + LONG;

	while (to->n < end)
		hs_buf_put_slice(to, hs_slice_str(part));
}

/* Values that are masked, one of them with escapes; an id that analytics-php may have given to another event, too. */
static void put_masked(struct hs_buf *e)
{
	hs_buf_printf(e, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"m\",\"timestamp\":"
	                 "\"2026-11-23T10:15:00Z\",\"context\":{\"library\":{\"name\":\"analytics-php\"}},"
	                 "\"properties\":{\"email\":\"\\u0041");
	put_long(e, "nn\\u0065");
	put_long(e, "nn\\u0065");
	hs_buf_printf(e, "@example.org\",\"tags\":[\"a\",{\"b\":\"");
	put_long(e, "tag ");
	hs_buf_printf(e, "\"}],\"url\":\"https://shop.example/?q=1\"}}");
}

/* Has no id, so that its bytes make one; its names are long. */
static void put_nameless(struct hs_buf *e)
{
	hs_buf_printf(e,
	              "{\"type\":\"page\",\"anonymousId\":\"v90\",\"timestamp\":\"2026-11-23T10:15:01Z\",\"properties\""
	              ":{\"n\\u0061me\":\"x\",\"email\":null,\"a longer name than a label has room to spare\":null,\"");
	put_long(e, "Long");
	hs_buf_printf(e, "\":{\"\\u0061");
	put_long(e, "Deep");
	hs_buf_printf(e, "\":1}}}");
}

/* More keys than are compared one by one, and more tokens than there is room for at first. */
static void put_many(struct hs_buf *e)
{
	hs_buf_printf(e, "{\"type\":\"page\",\"userId\":\"u170\",\"messageId\":\"m2\",\"properties\":{\"list\":[1],");
	for (int i = 0; i < 300; i++)
		hs_buf_printf(e, "\"%sey %d\":%d,", i % 2 == 0 ? "k" : "\\u006b", i, i);
	hs_buf_printf(e, "\"\\u0061");
	put_long(e, "key");
	hs_buf_printf(e, "\":2}}");
}

static void begin_settings(const struct way *w)
{
	struct hs_settings_error error;

	way = w;
	settings = hs_settings_new("test.conf", hs_slice_str(w->conf), NULL, &error);
	if (settings == NULL)
		fail_msg("%s", error.text);
}

static void begin_way(const struct way *w)
{
	begin_settings(w);
	put_masked(next_event());
	put_nameless(next_event());
	put_many(next_event());
}

FIXTURE(end)
{
	fail_each_tell();
	wrap_reset();
	for (size_t i = 0; i < events; i++)
		hs_buf_free(&event[i]);
	events = 0;
	hs_buf_free(&right);
	hs_buf_free(&out);
	hs_settings_free(settings);
	settings = NULL;
	return 0;
}

/* --- their records ----------------------------------------------------------------------------------- */

/* A request as it is read: an event at a time, and what is beside the batch. */
struct request {
	struct hs_json event, context, integrations;
	struct hs_direct direct;
	struct hs_stamp stamp;
};

static enum hs_result open_request(struct request *r)
{
	enum hs_result result;

	*r = (struct request){ .direct = { .source = HS_SLICE("shop"),
		                           .channel = HS_SLICE("client"),
		                           .ip = HS_SLICE("192.0.2.77"),
		                           .context = &r->context,
		                           .integrations = &r->integrations,
		                           .received_ms = 1795428900123 },
		               .stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z"),
		                          .rules = settings->rules,
		                          .tenant = HS_SLICE("acme") } };
	hs_json_init(&r->event, 5);
	hs_json_init(&r->context, 5);
	hs_json_init(&r->integrations, 5);
	if (!way->direct)
		return HS_OK;
	r->stamp.direct = &r->direct;
	result = hs_json_document(&r->context, HS_SLICE("{\"app\":{\"n\\u0061me\":\"y\"}}"));
	return result == HS_OK ? hs_json_document(&r->integrations, HS_SLICE("{\"All\":true}")) : result;
}

static void close_request(struct request *r)
{
	hs_json_free(&r->event);
	hs_json_free(&r->context);
	hs_json_free(&r->integrations);
}

static enum hs_result read_event(struct request *r, const struct hs_buf *text, struct hs_event *e)
{
	enum hs_result result = hs_json_document(&r->event, hs_buf_slice(text));

	if (result != HS_OK)
		return result;
	return way->direct ? hs_event_read_direct(e, &r->event, 0, HS_VALIDATE_SPEC, HS_SLICE_NONE)
	                   : hs_event_read(e, &r->event, 0, HS_VALIDATE_SPEC);
}

static enum hs_result put_all(struct hs_record_maker *maker, struct request *r)
{
	enum hs_result result = HS_OK;
	struct hs_event e;

	for (size_t i = 0; i < events && result == HS_OK; i++) {
		result = read_event(r, &event[i], &e);
		if (result == HS_OK)
			result = hs_record_maker_put(maker, &e, &r->stamp, way->names);
	}
	return result;
}

static void nothing(void)
{
}

static enum hs_result make_records(void)
{
	struct request request;
	struct hs_record_maker maker;
	enum hs_result result = open_request(&request);

	hs_buf_reset(&out);
	if (!hs_record_maker_init(&maker))
		result = HS_E_MEMORY;
	if (result == HS_OK) {
		hs_record_maker_seed(&maker, 1);
		hs_record_maker_reset(&maker, 0);
		result = put_all(&maker, &request);
	}
	assert_true(result == HS_OK || result == HS_E_MEMORY);
	if (result == HS_OK) {
		assert_int_equal(maker.batch.count, events);
		hs_buf_put_slice(&out, hs_buf_slice(&maker.batch.lines));
	}
	hs_record_maker_free(&maker);
	close_request(&request);
	return result;
}

static void are_right(void)
{
	assert_true(hs_buf_ok(&out) && out.n > 0);
	if (right.n == 0)
		hs_buf_put_slice(&right, hs_buf_slice(&out));
	assert_slice_equal(hs_buf_slice(&out), hs_buf_slice(&right));
}

static void make_each_fail(const struct way *w)
{
	begin_way(w);
	assert_non_null(hs_buf_reserve(&out, 1 << 16)); /* so that no planned failure hits it */
	fail_each(&(struct job){ nothing, make_records, are_right, UINT_MAX });
}

static bool says(const char *text)
{
	return memmem(right.p, right.n, text, strlen(text)) != NULL;
}

TEST(records_of_libraries)
{
	make_each_fail(&library);
	assert_true(says("\"context_ip\":\"*******.77\"") && says("\"context_app_name\":\"y\""));
	assert_true(says("\"properties_tags\":\"[\\\"a\\\"") && says("\"original_message_id\":\"m\""));
	assert_false(says("@example.org") || says("?q=1"));
}

TEST(records_with_a_mark)
{
	make_each_fail(&marked);
	assert_true(says("\"_unplanned\":true"));
}

TEST(records_of_a_tenant_with_masks)
{
	make_each_fail(&masked);
	assert_true(says("\"properties_url\":\"https\"") && says("\"tenant\":\"acme\""));
}

/* --- a record that has no room ---------------------------------------------------------------------------- */

/* Flattens into at most `most` bytes after one that is there. */
static enum hs_result flatten_into(struct hs_flattener *f, struct request *r, const struct hs_event *e, size_t most)
{
	enum hs_result result;

	hs_buf_free(&out);
	out.max = most;
	hs_buf_putc(&out, '!');
	result = hs_flatten(f, e, &r->stamp, &out);
	out.max = 0;
	assert_true(hs_buf_ok(&out));
	if (result == HS_OK)
		assert_slice_equal(hs_slice(out.p + 1, out.n - 1), hs_buf_slice(&right));
	else
		assert_slice_equal(hs_buf_slice(&out), HS_SLICE("!"));
	return result;
}

/* Wherever in the record memory ends, nothing of it stays. */
static void end_everywhere(const struct way *w)
{
	struct request request;
	struct hs_event e;

	begin_way(w);
	assert_result(open_request(&request), HS_OK);
	for (size_t i = 0; i < events; i++) {
		struct hs_flattener f;
		size_t most = 1;

		hs_flattener_init(&f, w->names);
		assert_result(read_event(&request, &event[i], &e), HS_OK);
		hs_buf_reset(&right);
		assert_result(hs_flatten(&f, &e, &request.stamp, &right), HS_OK);
		while (flatten_into(&f, &request, &e, most) == HS_E_MEMORY)
			most++;
		assert_in_range(most, right.n + 1, 8 * right.n);
		hs_flattener_free(&f);
	}
	close_request(&request);
}

TEST(a_record_without_room_leaves_nothing)
{
	end_everywhere(&library);
}

TEST(a_marked_record_without_room_leaves_nothing)
{
	end_everywhere(&marked);
}

TEST(a_masked_record_without_room_leaves_nothing)
{
	end_everywhere(&masked);
}

/* Lets each call of that kind fail in turn. Returns how many there are. */
static unsigned flatten_with_each_fault(enum wrap_call call, const struct hs_stamp *stamp, const struct hs_event *e)
{
	enum hs_result result;
	unsigned nth = 0;

	hs_buf_reset(&right);
	assert_non_null(hs_buf_reserve(&right, 1 << 16));
	do {
		struct hs_flattener f;

		hs_flattener_init(&f, way->names);
		right.n = 0;
		wrap_fail(call, ++nth, 1, ENOMEM);
		result = hs_flatten(&f, e, stamp, &right);
		wrap_reset();
		assert_int_equal(right.n > 0, result == HS_OK);
		hs_flattener_free(&f);
	} while (result == HS_E_MEMORY);
	assert_result(result, HS_OK);
	return nth - 1;
}

/* The room for names ends with one of them, which may be the mark's. */
TEST(a_mark_whose_name_has_no_room_leaves_nothing)
{
	struct request request;

	begin_settings(&marked);
	assert_result(open_request(&request), HS_OK);
	for (int fields = 50; fields < 70; fields++) {
		struct hs_buf *text = next_event();
		struct hs_event e;

		hs_buf_printf(text, "{\"type\":\"page\",\"userId\":\"u\"");
		for (int i = 0; i < fields; i++)
			hs_buf_printf(text, ",\"f%d\":%d", i, i);
		hs_buf_putc(text, '}');
		assert_result(read_event(&request, text, &e), HS_OK);
		assert_true(flatten_with_each_fault(WRAP_REALLOC, &request.stamp, &e) > 1);
		assert_true(says("\"_unplanned\":true"));
		hs_buf_free(text);
		events--;
	}
	close_request(&request);
}

/* Keys that have the same name in a record: "a b", "a  b", "a   b" … */
static void put_alike(struct hs_buf *text, int count)
{
	hs_buf_printf(text, "{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"c\":0");
	for (int i = 1; i <= count; i++)
		hs_buf_printf(text, ",\"a%*sb\":%d", i, "", i);
	hs_buf_printf(text, "}}");
}

/* The room ends with a name that has a number, with a leaf beside the event, and with the object that holds those. */
TEST(names_beyond_the_room_at_first_are_there_or_no_record_is)
{
	struct hs_json beside = { 0 };
	struct hs_buf context = { 0 };
	struct hs_direct direct = { .source = HS_SLICE("shop"), .channel = HS_SLICE("server"), .context = &beside };
	struct request request;

	begin_settings(&masked);
	assert_result(open_request(&request), HS_OK);
	request.stamp.direct = &direct;
	hs_buf_printf(&context, "{\"library\":0");
	for (int i = 0; i < 300; i++)
		hs_buf_printf(&context, ",\"f%d\":%d", i, i);
	hs_buf_putc(&context, '}');
	hs_json_init(&beside, 5);
	assert_result(hs_json_document(&beside, hs_buf_slice(&context)), HS_OK);
	for (int count = 248; count < 262; count++) {
		struct hs_buf *text = next_event();
		struct hs_event e;

		put_alike(text, count);
		assert_result(read_event(&request, text, &e), HS_OK);
		assert_true(flatten_with_each_fault(WRAP_CALLOC, &request.stamp, &e) > 3);
		assert_true(flatten_with_each_fault(WRAP_REALLOC, &request.stamp, &e) > 3);
		assert_true(says("\"properties_a_b_248\":248") && says("\"context_f299\":299}"));
		hs_buf_free(text);
		events--;
	}
	hs_buf_free(&context);
	hs_json_free(&beside);
	close_request(&request);
}

/* --- a record of too many fields ------------------------------------------------------------------------- */

static void flatten_last(struct hs_flattener *f)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T") };
	struct hs_json json = { 0 };
	struct hs_event e;

	assert_result(hs_json_document(&json, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"last\":0}")), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	assert_result(hs_flatten(f, &e, &stamp, &out), HS_OK);
	hs_json_free(&json);
}

/* The record before it stays. */
TEST(a_record_has_a_number_of_fields_at_most)
{
	struct hs_buf *text = next_event();
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T") };
	struct hs_json json = { 0 };
	struct hs_flattener f;
	struct hs_event e;

	hs_buf_put_slice(text, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\""));
	for (unsigned i = 0; i < HS_RECORD_FIELDS_MAX; i++) {
		hs_buf_put_slice(text, HS_SLICE(",\"f"));
		hs_buf_put_uint(text, i);
		hs_buf_put_slice(text, HS_SLICE("\":0"));
	}
	hs_buf_put_slice(text, HS_SLICE(",\"last\":0}"));
	hs_json_init(&json, 5);
	assert_result(hs_json_document(&json, hs_buf_slice(text)), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int known = 0; known < 2; known++) { /* the name of the last */
		hs_buf_reset(&out);
		hs_buf_put_slice(&out, HS_SLICE("before\n"));
		assert_result(hs_flatten(&f, &e, &stamp, &out), HS_E_RECORD_LARGE);
		assert_slice_equal(hs_buf_slice(&out), HS_SLICE("before\n"));
		flatten_last(&f);
	}
	hs_flattener_free(&f);
	hs_json_free(&json);
}

/* Leaves of one long path, each of which repeats it. */
static enum hs_result flatten_leaves(struct hs_flattener *f, int from, int to)
{
	struct hs_buf *text = next_event();
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T") };
	struct hs_json json = { 0 };
	struct hs_event e;
	enum hs_result result;

	hs_buf_printf(text, "{\"type\":\"page\",\"userId\":\"u\",\"");
	for (int i = 0; i < 2000; i++)
		hs_buf_putc(text, 'a');
	hs_buf_printf(text, "\":{\"x\":0");
	for (int i = from; i < to; i++)
		hs_buf_printf(text, ",\"f%d\":0", i);
	hs_buf_printf(text, "}}");
	hs_json_init(&json, 5);
	assert_result(hs_json_document(&json, hs_buf_slice(text)), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	hs_buf_reset(&out);
	result = hs_flatten(f, &e, &stamp, &out);
	assert_int_equal(out.n > 0, result == HS_OK);
	hs_json_free(&json);
	hs_buf_free(text);
	events--;
	return result;
}

/* Whether its names are new or known. */
TEST(a_record_that_is_far_longer_than_its_event_is_refused)
{
	struct hs_flattener f;

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	assert_result(flatten_leaves(&f, 0, 30), HS_OK);
	assert_result(flatten_leaves(&f, 30, 60), HS_OK);
	assert_result(flatten_leaves(&f, 0, 60), HS_E_RECORD_LARGE);
	assert_result(flatten_leaves(&f, 60, 120), HS_E_RECORD_LARGE);
	hs_flattener_free(&f);
}

/* --- keys that are repeated --------------------------------------------------------------------------------- */

/* A long key among others, and again at the end, in another spelling: either begins so. */
static void put_repeated(struct hs_buf *text, int others, const char *first, const char *last)
{
	hs_buf_printf(text, "{\"%s", first);
	put_long(text, "ey");
	hs_buf_printf(text, "\":1,\"\\u0061\":0");
	for (int i = 0; i < others; i++)
		hs_buf_printf(text, ",\"k%d\":%d", i, i);
	hs_buf_printf(text, ",\"%s", last);
	put_long(text, "ey");
	hs_buf_printf(text, "\":2}");
}

/* It is not overlooked for want of memory, and the next text, whose long key needs none, is not refused for that. */
static void repeat_key(int others, const char *first, const char *last)
{
	struct hs_buf *repeated = next_event(), *alone = next_event();
	enum hs_result result = HS_E_MEMORY;

	put_repeated(repeated, others, first, last);
	hs_buf_printf(alone, "{\"k");
	put_long(alone, "ey");
	hs_buf_printf(alone, "\":1,\"a\":2}");
	for (unsigned nth = 1; result == HS_E_MEMORY; nth++) {
		struct hs_json json = { 0 };

		hs_json_init(&json, 5);
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		result = hs_json_document(&json, hs_buf_slice(repeated));
		wrap_reset();
		assert_result(hs_json_document(&json, hs_buf_slice(alone)), HS_OK);
		hs_json_free(&json);
		assert_in_range(nth, 1, 20);
	}
	assert_result(result, HS_E_JSON_TWICE);
	while (events > 0)
		hs_buf_free(&event[--events]);
}

TEST(a_repeated_key_is_not_taken_without_memory)
{
	static const int others[] = { 3, 40, 400 };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		repeat_key(others[i], "\\u006b", "k");
		repeat_key(others[i], "k", "\\u006b");
		repeat_key(others[i], "\\u006b", "\\u006B");
	}
}

TESTS("record_faults", NULL, end)
