#include "event/direct.h"

enum { DAY_MS = 86400000 };

/* --- libraries -------------------------------------------------------------------- */

struct library {
	struct hs_slice name; /* as events have it in their context */
	bool makes_sent_at;   /* anew for each attempt */
	bool is_client;       /* although the path may say server */
	bool has_weak_ids;
};

#define TEXT(literal) \
	{ \
		(literal), sizeof(literal) - 1 \
	}

/*
 * Other libraries make sentAt once: Go, PHP and Java before all attempts, Kotlin, Swift and C# when they
 * close a file that may lie on the device for days.
 */
static const struct library libraries[] = {
	{ TEXT("analytics.js"), true, true, false },
	{ TEXT("@segment/analytics-node"), true, false, false },
	{ TEXT("analytics-python"), true, false, false },
	{ TEXT("analytics-ruby"), true, false, false },
	{ TEXT("analytics-android"), true, true, false },
	{ TEXT("analytics-ios"), true, true, false },
	{ TEXT("@segment/analytics-react-native"), true, true, false },
	{ TEXT("analytics-react-native"), true, true, false },
	{ TEXT("analytics-php"), false, false, true },
};

/* The value of a member; 0: it is absent, or the token is not an object. */
static uint32_t find_member(const struct hs_json *j, uint32_t object, struct hs_slice name)
{
	if (j->tok[object].kind != HS_JSON_OBJECT)
		return 0;
	for (uint32_t key = object + 1; key < j->tok[object].next; key = j->tok[key + 1].next)
		if (hs_json_inner_is(hs_json_inner(j, key), name))
			return key + 1;
	return 0;
}

/* The name of the library in a context; n == 0: it is not there. */
static struct hs_slice library_name(const struct hs_json *j, uint32_t context)
{
	uint32_t library = find_member(j, context, HS_SLICE("library"));
	uint32_t name = library == 0 ? 0 : find_member(j, library, HS_SLICE("name"));

	return name != 0 && j->tok[name].kind == HS_JSON_STRING ? hs_json_inner(j, name) : HS_SLICE_NONE;
}

/* NULL: the library is not in the table. */
static const struct library *find_library(const struct hs_direct *direct, const struct hs_event *e)
{
	uint32_t context = e->field[HS_FIELD_CONTEXT];
	struct hs_slice name = context == 0 ? HS_SLICE_NONE : library_name(e->json, context);

	if (name.n == 0 && direct->context != NULL)
		name = library_name(direct->context, 0);
	for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
		if (hs_slice_eq(name, libraries[i].name))
			return &libraries[i];
	return NULL;
}

bool hs_direct_has_weak_ids(const struct hs_direct *direct, const struct hs_event *e)
{
	const struct library *library = find_library(direct, e);

	return library != NULL && library->has_weak_ids;
}

/* --- times ------------------------------------------------------------------------ */

/* True for 2026-11-28T10:15:27.029:Z, as old versions of analytics-swift write it. */
static bool is_odd(struct hs_slice raw)
{
	return raw.n > 4 && memcmp(raw.p + raw.n - 3, ":Z\"", 3) == 0;
}

/* Reads a string of JSON. */
static bool parse_time(struct hs_slice raw, int64_t *ms)
{
	size_t tail = is_odd(raw) ? 3 : 1; /* no zone is UTC */

	return raw.n > 2 && raw.p[0] == '"' && hs_event_parse_time(hs_slice(raw.p + 1, raw.n - 1 - tail), ms);
}

static void decide_timestamp(struct hs_direct_record *record, struct hs_slice sent, int64_t received_ms,
                             bool is_sent_at_new)
{
	struct hs_direct_value *timestamp = &record->field[HS_FIELD_TIMESTAMP];
	int64_t ms, sent_at_ms;
	bool parses = parse_time(sent, &ms);
	bool as_sent = parses && !is_odd(sent);

	if (!parses)
		ms = received_ms;
	else if (parse_time(record->field[HS_FIELD_SENT_AT].text, &sent_at_ms) &&
	         (is_sent_at_new || sent_at_ms > received_ms)) {
		ms += received_ms - sent_at_ms;
		as_sent = as_sent && sent_at_ms == received_ms;
	}
	if (ms > received_ms + DAY_MS) {
		ms = received_ms;
		as_sent = false;
	}
	hs_timestamp_text(ms, record->timestamp);
	*timestamp = as_sent ? (struct hs_direct_value){ sent, true }
	                     : (struct hs_direct_value){ hs_slice(record->timestamp, HS_TIMESTAMP_TEXT), false };
}

/* --- the record ------------------------------------------------------------------- */

static bool is_scalar(struct hs_slice raw)
{
	return raw.n > 0 && raw.n <= HS_SENT_AT_MAX && raw.p[0] != '{' && raw.p[0] != '[' && raw.p[0] != 'n';
}

static void take_fields(struct hs_direct_record *record, const struct hs_direct *direct, const struct hs_event *e)
{
	struct hs_direct_value *field = record->field;

	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		if (e->field[f] != 0)
			field[f] = (struct hs_direct_value){ hs_json_raw(e->json, e->field[f]), true };
	if (e->path_type.n > 0)
		field[HS_FIELD_TYPE] = (struct hs_direct_value){ e->path_type, false };
	if (is_scalar(direct->sent_at))
		field[HS_FIELD_SENT_AT] = (struct hs_direct_value){ direct->sent_at, true };
	if (field[HS_FIELD_TIMESTAMP].text.p != NULL)
		field[HS_FIELD_ORIGINAL_TIMESTAMP] = field[HS_FIELD_TIMESTAMP];
	hs_timestamp_text(direct->received_ms, record->received_at);
	field[HS_FIELD_RECEIVED_AT] =
	    (struct hs_direct_value){ hs_slice(record->received_at, HS_TIMESTAMP_TEXT), false };
	field[HS_FIELD_CHANNEL] = (struct hs_direct_value){ direct->channel, false };
}

/*
 * Segment fills in the address of clients, and of servers that set context.direct. A stranger who has a public
 * key could use a server's path to name another address.
 */
static bool is_client(const struct hs_direct *direct, const struct hs_event *e, const struct library *library)
{
	uint32_t context = e->field[HS_FIELD_CONTEXT];
	uint32_t flag = context == 0 ? 0 : find_member(e->json, context, HS_SLICE("direct"));

	return direct->is_public || hs_slice_eq(direct->channel, HS_SLICE("client")) ||
	       (library != NULL && library->is_client) || (flag != 0 && e->json->tok[flag].kind == HS_JSON_TRUE);
}

/* Inserts a token in ascending order; 0 is ignored. */
static void skip(uint32_t *skipped, uint32_t token)
{
	size_t n = 0;

	if (token == 0)
		return;
	while (skipped[n] != 0)
		n++;
	skipped[n + 1] = 0;
	for (; n > 0 && skipped[n - 1] > token; n--)
		skipped[n] = skipped[n - 1];
	skipped[n] = token;
}

static void decide_ip(struct hs_direct_record *record, const struct hs_direct *direct, const struct hs_event *e)
{
	uint32_t context = e->field[HS_FIELD_CONTEXT];

	record->decides_ip = true;
	record->ip = direct->ip;
	if (context != 0)
		skip(record->skipped, find_member(e->json, context, HS_SLICE("ip")));
	if (direct->context != NULL)
		skip(record->skipped_beside, find_member(direct->context, 0, HS_SLICE("ip")));
}

void hs_direct_decide(struct hs_direct_record *record, const struct hs_direct *direct, const struct hs_event *e)
{
	const struct library *library = find_library(direct, e);
	struct hs_slice sent;

	*record = (struct hs_direct_record){ .decides_ip = false };
	memcpy(record->skipped, e->flat, sizeof e->flat);
	skip(record->skipped, find_member(e->json, e->root, HS_SLICE("writeKey")));
	skip(record->skipped, find_member(e->json, e->root, HS_SLICE("_metadata")));
	take_fields(record, direct, e);
	sent = record->field[HS_FIELD_TIMESTAMP].text;
	decide_timestamp(record, sent, direct->received_ms, library != NULL && library->makes_sent_at);
	if (is_client(direct, e, library))
		decide_ip(record, direct, e);
}
