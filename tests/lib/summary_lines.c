#include "tests/lib/summary_lines.h"
#include "base/timestamp.h"
#include "event/json.h"
#include "spool/file/gzip.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char made_spool[] = "0123456789abcdef0123456789abcdef";

void made_take(struct hs_summary_builder *b, struct made *m)
{
	struct hs_slice parts;
	struct hs_summary *head = hs_summary_builder_end(b, &parts);

	memset(m, 0, sizeof *m);
	assert_non_null(head);
	head->plain = (struct hs_summary_file){ 11, 12, 13 };
	head->gzip = (struct hs_summary_file){ 21, 22, 23 };
	hs_summary_seal(head);
	m->head = *head;
	hs_buf_put(&m->file, (const char *)head, head->head_bytes);
	hs_buf_put_slice(&m->file, parts);
	hs_summary_builder_free(b);
}

struct made made_of_text(struct hs_slice text, bool rejected)
{
	struct hs_summary_builder *b = hs_summary_builder_new(made_spool, rejected, 42);
	struct made m;

	hs_summary_builder_text(b, text);
	hs_summary_builder_crc(b, hs_crc32(0, text));
	made_take(b, &m);
	return m;
}

struct hs_slice made_part(const struct made *m, enum hs_summary_kind kind)
{
	const struct hs_summary_part *part = hs_summary_find(&m->head, kind);

	assert_non_null(part);
	assert_true(part->offset + part->bytes <= m->file.n);
	return hs_slice(m->file.p + part->offset, part->bytes);
}

/* --- what lines say ------------------------------------------------------------------------ */

struct spelled {
	const char *json, *text; /* NULL: it counts for nothing */
};

static const struct spelled types[] = {
	{ "\"track\"", "track" }, { "\"page\"", "page" }, { "\"tr\\u0061ck\"", "track" },
	{ "null", NULL },         { "\"\"", "" },         { NULL, NULL }
};
static const struct spelled events[] = { { "\"Order Completed\"", "Order Completed" },
	                                 { "\"Order \\u0043ompleted\"", "Order Completed" },
	                                 { "\"\\ud800!\"", "\xEF\xBF\xBD!" },
	                                 { "7.0", "7.0" },
	                                 { "\"null\"", "null" },
	                                 { "null", NULL },
	                                 { "true", "true" },
	                                 { NULL, NULL } };
static const struct spelled tenants[] = { { "\"acme\"", "acme" }, { "\"globex\"", "globex" }, { NULL, NULL } };
static const struct spelled times[] = { { "\"2026-11-20T23:59:59.999Z\"", "2026-11-20" },
	                                { "\"2026-11-21T01:00:00+02:00\"", "2026-11-20" },
	                                { "\"1969-12-31T23:00:00.000Z\"", "1969-12-31" },
	                                { "\"2027-01-01\"", "2027-01-01" },
	                                { "\"2019-06-01T01:00:00\\u002B02:00\"", "2019-05-31" },
	                                { "\"2028-06-01T12:00:00.000\\u005a\"", "2028-06-01" },
	                                { "\"yesterday\"", NULL },
	                                { "null", NULL },
	                                { NULL, NULL } };
static const struct spelled ids[] = { { "7.0", "7" },
	                              { "\"7.0\"", "7.0" },
	                              { "1.2345e4", "12345" },
	                              { "-0", "0" },
	                              { "9007199254740993", "9007199254740993" },
	                              { "1e400", "1e400" },
	                              { "\"\\u00e9\"", "\xC3\xA9" },
	                              { "\"\xC3\xA9\"", "\xC3\xA9" },
	                              { "\"a\\\"\\\\b\"", "a\"\\b" },
	                              { "\"\\ud800\"", "\xED\xA0\x80" },
	                              { "\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80" },
	                              { "\"\"", "" },
	                              { "true", "true" },
	                              { "null", NULL },
	                              { NULL, NULL } };

#define PICK(r, of) (&(of)[random_below((r), sizeof(of) / sizeof *(of))])

static void say(struct said *s, enum hs_summary_kind kind, const char *name, uint64_t bytes)
{
	size_t i = 0;

	while (i < s->rows[kind] && strcmp(s->row[kind][i].name, name) != 0)
		i++;
	if (i == s->rows[kind])
		snprintf(s->row[kind][s->rows[kind]++].name, sizeof s->row[kind][i].name, "%s", name);
	s->row[kind][i].records++;
	s->row[kind][i].bytes += bytes;
}

static void put_field(struct hs_buf *out, const char *name, const char *json)
{
	if (json == NULL)
		return;
	hs_buf_putc(out, out->p[out->n - 1] == '{' ? '"' : ',');
	if (out->p[out->n - 1] == ',')
		hs_buf_putc(out, '"');
	hs_buf_put_slice(out, hs_slice_str(name));
	hs_buf_put_slice(out, HS_SLICE("\":"));
	hs_buf_put_slice(out, hs_slice_str(json));
}

/* An id of one of the kinds: a strange one, or one that no other line has. */
static void put_id(struct said *s, struct random_source *r, const char *name)
{
	char json[64];

	if (random_below(r, 2) == 0) {
		const struct spelled *id = PICK(r, ids);

		put_field(&s->text, name, id->json);
		if (id->text != NULL && s->ids < 64)
			s->id[s->ids++] = id->text;
	} else {
		snprintf(s->own[s->owns], sizeof s->own[0], "%c%u", name[0], random_below(r, 1000000));
		snprintf(json, sizeof json, "\"%s\"", s->own[s->owns++]);
		put_field(&s->text, name, json);
	}
}

static void say_time(struct said *s, const char *json, int64_t spooled, const char *day, uint64_t bytes)
{
	int64_t ms = spooled;
	char text[HS_TIMESTAMP_TEXT + 1];
	struct hs_buf decoded = { 0 };

	if (day != NULL) {
		hs_json_unescape(hs_slice(json + 1, strlen(json) - 2), &decoded);
		assert_true(hs_timestamp_parse(hs_buf_slice(&decoded), &ms));
		hs_buf_free(&decoded);
	}
	if (day == NULL) {
		hs_timestamp_text(spooled, text);
		text[10] = '\0';
		day = text;
	}
	s->first_time = s->timed == 0 || ms < s->first_time ? ms : s->first_time;
	s->last_time = s->timed == 0 || ms > s->last_time ? ms : s->last_time;
	s->timed++;
	say(s, HS_SUMMARY_DAYS, day, bytes);
}

static void add_line(struct said *s, struct random_source *r)
{
	const struct spelled *type = PICK(r, types), *event = PICK(r, events), *tenant = PICK(r, tenants),
			     *time = PICK(r, times);
	int64_t spooled = INT64_C(1795688100000) + random_below(r, 900000000);
	size_t start = s->text.n;
	char at[HS_TIMESTAMP_TEXT + 3];
	uint64_t bytes;

	at[0] = at[HS_TIMESTAMP_TEXT + 1] = '"';
	hs_timestamp_text(spooled, at + 1);
	at[HS_TIMESTAMP_TEXT + 1] = '"';
	at[HS_TIMESTAMP_TEXT + 2] = '\0';
	hs_buf_putc(&s->text, '{');
	put_field(&s->text, "type", type->json);
	put_field(&s->text, "event", event->json);
	put_field(&s->text, "timestamp", time->json);
	put_id(s, r, "user_id");
	put_id(s, r, "anonymous_id");
	put_id(s, r, "message_id");
	put_id(s, r, "group_id");
	put_id(s, r, "previous_id");
	put_field(&s->text, "name", random_below(r, 2) == 0 ? NULL : "\"n\"");
	put_field(&s->text, "project_id", random_below(r, 2) == 0 ? NULL : "5");
	put_field(&s->text, "tenant", tenant->json);
	put_field(&s->text, "settings_a", random_below(r, 2) == 0 ? NULL : "1");
	put_field(&s->text, "settings_b", random_below(r, 2) == 0 ? NULL : "\"x\"");
	put_field(&s->text, "spooled_at", at);
	put_field(&s->text, "properties_user_id", random_below(r, 2) == 0 ? NULL : "\"hidden\"");
	hs_buf_put_slice(&s->text, HS_SLICE("}\n"));
	bytes = s->text.n - start;
	if (type->text != NULL)
		say(s, HS_SUMMARY_TYPES, type->text, bytes);
	if (event->text != NULL)
		say(s, HS_SUMMARY_EVENTS, event->text, bytes);
	if (tenant->text != NULL)
		say(s, HS_SUMMARY_TENANTS, tenant->text, bytes);
	say_time(s, time->json, spooled, time->text, bytes);
	s->first_spooled = s->first_spooled == 0 || spooled < s->first_spooled ? spooled : s->first_spooled;
	s->last_spooled = spooled > s->last_spooled ? spooled : s->last_spooled;
}

struct said *said_new(int lines)
{
	struct random_source r = random_new(random_seed());
	struct said *s = calloc(1, sizeof *s);

	assert_non_null(s);
	for (int i = 0; i < lines; i++)
		add_line(s, &r);
	return s;
}

void said_free(struct said *s)
{
	hs_buf_free(&s->text);
	free(s);
}
