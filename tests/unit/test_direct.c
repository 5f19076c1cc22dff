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

TESTS_AND_CASES("direct", "direct.txt", run_direct_case)
