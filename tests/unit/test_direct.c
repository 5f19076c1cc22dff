/*
 * direct: tests/cases/direct.txt: events of Segment's libraries and their lines; the recorded
 * requests of tests/cases/sdk.
 */
#include "event/dialect.h"
#include "event/record_batch.h"
#include "tests/lib/cases.h"

#include <stdio.h>
#include <stdlib.h>

#define SPOOLED_AT "2026-11-23T10:15:00.123Z"

struct bench {
	struct hs_json event, context, integrations;
	struct hs_record_maker maker;
	struct hs_direct direct;
	struct hs_stamp stamp;
};

static void set_up(struct bench *b)
{
	memset(b, 0, sizeof *b);
	assert_true(hs_record_maker_init(&b->maker));
	hs_record_maker_seed(&b->maker, 1);
	b->direct.source = HS_SLICE("web");
	b->direct.channel = HS_SLICE("server");
	assert_true(hs_timestamp_parse(HS_SLICE("2026-11-28T10:00:00.000Z"), &b->direct.received_ms));
	b->stamp.spooled_at = HS_SLICE(SPOOLED_AT);
	b->stamp.direct = &b->direct;
}

static void tear_down(struct bench *b)
{
	hs_json_free(&b->event);
	hs_json_free(&b->context);
	hs_json_free(&b->integrations);
	hs_record_maker_free(&b->maker);
}

/* The line without its newline; or the result. */
static enum hs_result make(struct bench *b, struct hs_slice event, enum hs_validate validate, enum hs_names names,
                           struct hs_slice *line)
{
	struct hs_event e;
	enum hs_result r;

	assert_result(hs_json_document(&b->event, event), HS_OK);
	r = hs_event_read_direct(&e, &b->event, 0, validate, b->direct.type);
	hs_record_maker_reset(&b->maker, 0);
	if (r == HS_OK)
		r = hs_record_maker_put(&b->maker, &e, &b->stamp, names);
	if (r == HS_OK)
		*line = hs_slice(b->maker.batch.lines.p, b->maker.batch.lines.n - 1);
	return r;
}

/* --- the case file ------------------------------------------------------------ */

static const struct hs_json *object_of(struct test_case *c, const char *key, struct hs_json *json)
{
	struct hs_slice text;

	if (!case_find(c, key, &text))
		return NULL;
	case_result(c, hs_json_document(json, text), HS_OK);
	return json;
}

static void put_member(struct hs_buf *event, const char *name, struct hs_slice value)
{
	if (!hs_slice_eq(value, HS_SLICE("-")))
		hs_buf_printf(event, ",\"%s\":%.*s", name, (int)value.n, value.p);
}

static void run_time_case(struct test_case *c, struct hs_slice times)
{
	struct hs_slice library, line = HS_SLICE_NONE, want = case_get(c, "at");
	struct hs_buf event = { 0 };
	struct bench b;

	if (!case_find(c, "library", &library))
		library = HS_SLICE("analytics-go");
	hs_buf_printf(&event, "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"library\":{\"name\":\"%.*s\"}}",
	              (int)library.n, library.p);
	put_member(&event, "timestamp", case_word(&times));
	put_member(&event, "sentAt", case_word(&times));
	hs_buf_putc(&event, '}');
	set_up(&b);
	case_result(c, make(&b, hs_buf_slice(&event), HS_VALIDATE_SPEC, HS_NAMES_WAREHOUSE, &line), HS_OK);
	assert_true(line.n > 30 + want.n);
	case_same(c, "the time", hs_slice(line.p + strlen("{\"type\":\"page\",\"timestamp\":"), want.n), want);
	tear_down(&b);
	hs_buf_free(&event);
}

static void run_direct_case(struct test_case *c)
{
	struct hs_slice names, nothing, err, line = HS_SLICE_NONE;
	bool lenient = case_find(c, "lenient", &nothing), refused = case_find(c, "err", &err);
	struct hs_slice times;
	struct bench b;
	enum hs_result r;

	if (case_find(c, "time", &times)) {
		run_time_case(c, times);
		return;
	}
	set_up(&b);
	case_find(c, "tenant", &b.stamp.tenant);
	case_find(c, "path", &b.direct.type);
	if (!case_find(c, "channel", &b.direct.channel))
		b.direct.channel = HS_SLICE("server");
	case_find(c, "ip", &b.direct.ip);
	b.direct.is_public = case_find(c, "public", &nothing);
	case_find(c, "sent_at", &b.direct.sent_at);
	b.direct.context = object_of(c, "context", &b.context);
	b.direct.integrations = object_of(c, "integrations", &b.integrations);
	r = make(&b, case_get(c, "in"), lenient ? HS_VALIDATE_LENIENT : HS_VALIDATE_SPEC,
	         case_find(c, "names", &names) ? HS_NAMES_VERBATIM : HS_NAMES_WAREHOUSE, &line);
	case_result(c, r, refused ? case_verdict(c).result : HS_OK);
	if (!refused)
		case_same(c, "the line", line, case_get(c, "out"));
	tear_down(&b);
}

/* --- recorded requests ----------------------------------------------------------- */

/* The requests of a file of tests/cases/sdk. */
static struct hs_slice read_requests(const char *name)
{
	const char *folder = getenv("HS_CASES");
	struct hs_buf text = { 0 };
	char path[512], *to;
	FILE *file;

	snprintf(path, sizeof path, "%s/sdk/%s", folder == NULL ? "tests/cases" : folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	to = hs_buf_reserve(&text, 1 << 16);
	text.n = fread(to, 1, 1 << 16, file);
	assert_true(text.n > 0 && text.n < 1 << 16);
	fclose(file);
	hs_buf_putc(&text, '\0');
	return hs_slice(text.p, text.n - 1);
}

/* The type that the path of a request gives, as the routes have it. */
static struct hs_slice type_of_path(const char *path)
{
	static const char *const types[] = { "track", "identify", "page", "screen", "group", "alias" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (path[0] == types[i][0] && path[1] == ' ')
			return hs_slice_str(types[i]);
	return HS_SLICE_NONE;
}

/* Expects that a record says this and not that. */
static void check_record(struct hs_slice line)
{
	static const char *const has[] = { "\"received_at\":",         "\"sent_at\":\"",   "\"original_timestamp\":",
		                           "\"message_id\":",          "\"timestamp\":\"", "\"source\":\"web\"",
		                           "\"context_library_name\":" };
	static const char *const has_not[] = { "WRITEKEY", "metadata", "_id\":null" };
	char text[1 << 13];

	assert_true(line.n < sizeof text);
	snprintf(text, sizeof text, "%.*s", (int)line.n, line.p);
	for (size_t i = 0; i < sizeof has / sizeof has[0]; i++)
		assert_non_null(strstr(text, has[i]));
	for (size_t i = 0; i < sizeof has_not / sizeof has_not[0]; i++)
		assert_null(strstr(text, has_not[i]));
}

/* Returns the number of events in a body, each of which became a record. */
static unsigned take_body(struct bench *b, struct hs_slice body)
{
	struct hs_batch_frame frame = { 0 };
	struct hs_body_reader r;
	struct hs_envelope envelope;
	unsigned events = 0;
	struct hs_event e;
	uint32_t root;
	bool more;

	hs_envelope_find(&envelope, body);
	hs_body_open_direct(&r, &b->event, body, &envelope, &frame);
	b->direct.sent_at = envelope.sent_at;
	hs_record_maker_reset(&b->maker, body.n);
	for (;; events++) {
		size_t from = b->maker.batch.lines.n;

		assert_result(hs_body_next(&r, &more, &root), HS_OK);
		if (!more)
			break;
		assert_result(hs_event_read_direct(&e, &b->event, root, HS_VALIDATE_SPEC, b->direct.type), HS_OK);
		assert_result(hs_record_maker_put(&b->maker, &e, &b->stamp, HS_NAMES_WAREHOUSE), HS_OK);
		check_record(hs_slice(b->maker.batch.lines.p + from, b->maker.batch.lines.n - from));
	}
	hs_batch_frame_free(&frame);
	return events;
}

TEST(the_recorded_requests_of_the_libraries)
{
	static const struct {
		const char *file;
		unsigned events;
	} recorded[] = {
		{ "browser-batch.txt", 4 },
		{ "browser-sent-twice.txt", 2 },
		{ "browser-single-1.83.txt", 1 },
		{ "browser-single.txt", 6 },
		{ "browser-snippet-same-origin.txt", 2 },
		{ "node-batch.txt", 6 },
		{ "node-retry-503.txt", 3 },
		{ "php-batch.txt", 6 },
		{ "python-batch.txt", 6 },
	};

	for (size_t i = 0; i < sizeof recorded / sizeof recorded[0]; i++) {
		struct hs_slice text = read_requests(recorded[i].file);
		unsigned events = 0;
		struct bench b;

		set_up(&b);
		for (const char *p = strstr(text.p, "POST /"); p != NULL; p = strstr(p, "POST /")) {
			const char *path = strstr(p, "/v1/"), *body = strstr(p, "\n{");

			assert_true(path != NULL && body != NULL);
			b.direct.type = type_of_path(path + 4);
			p = strchr(body + 1, '\n');
			assert_non_null(p);
			events += take_body(&b, hs_slice(body + 1, (size_t)(p - body - 1)));
		}
		if (events != recorded[i].events)
			fail_msg("%s has %u events, not %u", recorded[i].file, events, recorded[i].events);
		tear_down(&b);
		free((void *)(uintptr_t)text.p);
	}
}

TESTS_AND_CASES("direct", "direct.txt", run_direct_case)
