#include "event/event.h"
#include "base/timestamp.h"
#include "event/snake.h"

enum {
	FIELD_NAME_MAX = 18, /* original_timestamp */
	KEY_MAX = 64,        /* decoded; no spelling of a field is longer */
	ESCAPE = 6,          /* bytes of \u0061 */
};

static const struct hs_slice names[HS_FIELD_COUNT] = {
#define HS_FIELD_NAME(name, text, camel) [HS_FIELD_##name] = { text, sizeof(text) - 1 },
	HS_FIELDS(HS_FIELD_NAME)
#undef HS_FIELD_NAME
};

uint32_t hs_event_unwrap(const struct hs_json *j)
{
	bool one_member = j->tok[0].kind == HS_JSON_OBJECT && j->n > 2 && j->tok[2].next == j->n;

	return one_member && hs_slice_eq(hs_json_inner(j, 1), HS_SLICE("json")) ? 2 : 0;
}

struct hs_slice hs_field_name(enum hs_field f)
{
	return names[f];
}

enum hs_field hs_field_named(struct hs_slice name)
{
	if (name.n > FIELD_NAME_MAX)
		return HS_FIELD_COUNT;
	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		if (hs_slice_eq(names[f], name))
			return (enum hs_field)f;
	return HS_FIELD_COUNT;
}

/* True if `snake` is the name, with or without its underscores (userid, USERID). */
static bool spells(struct hs_slice snake, struct hs_slice name)
{
	size_t at = 0;

	if (hs_slice_eq(snake, name))
		return true;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '_' && (at >= snake.n || snake.p[at++] != name.p[i]))
			return false;
	return at == snake.n;
}

/* The spellings of Segment's libraries, which most keys have. */
static enum hs_field field_in_camel_case(struct hs_slice key)
{
	static const struct hs_slice camel[HS_FIELD_COUNT] = {
#define HS_FIELD_CAMEL(name, snake, text) [HS_FIELD_##name] = { text, sizeof(text) - 1 },
		HS_FIELDS(HS_FIELD_CAMEL)
#undef HS_FIELD_CAMEL
	};

	for (int f = 0; f < HS_FIELD_COUNT; f++)
		if (hs_slice_eq(key, camel[f]))
			return (enum hs_field)f;
	return HS_FIELD_COUNT;
}

/* A key in snake case; n == 0: too long for any field. */
static struct hs_slice snake_of_key(const struct hs_json *j, uint32_t key, char snaked[static HS_SNAKE_MAX(KEY_MAX)])
{
	struct hs_slice inner = hs_json_inner(j, key);
	char decoded[KEY_MAX];
	struct hs_buf buf = { .p = decoded, .cap = sizeof decoded, .max = sizeof decoded };
	size_t n;

	if (j->tok[key].escaped && inner.n <= KEY_MAX * ESCAPE) {
		hs_json_unescape(inner, &buf);
		if (!hs_buf_ok(&buf))
			return HS_SLICE_NONE;
		inner = hs_buf_slice(&buf);
	}
	if (inner.n > KEY_MAX)
		return HS_SLICE_NONE;
	n = hs_snake(inner, snaked);
	return n > FIELD_NAME_MAX ? HS_SLICE_NONE : hs_slice(snaked, n);
}

/* The Spec field that a key names, or HS_FIELD_COUNT. */
static enum hs_field find_field_of_key(const struct hs_json *j, uint32_t key)
{
	char snaked[HS_SNAKE_MAX(KEY_MAX)];
	enum hs_field field = field_in_camel_case(hs_json_inner(j, key));
	struct hs_slice snake;

	if (field != HS_FIELD_COUNT)
		return field;
	snake = snake_of_key(j, key, snaked);
	if (snake.n == 0)
		return HS_FIELD_COUNT;
	for (int f = 0; f < HS_FIELD_COUNT; f++)
		if (snake.p[0] == names[f].p[0] && spells(snake, names[f]))
			return (enum hs_field)f;
	return HS_FIELD_COUNT;
}

/* Stores the result with the cached key, for its next use. */
enum hs_field hs_event_field_of_key(const struct hs_json *j, uint32_t key)
{
	struct hs_json_key *k = &j->keys.key[j->tok[key].key];

	if (k == j->keys.key)
		return find_field_of_key(j, key); /* not in the cache */
	if (k->note == 0)
		k->note = (uint8_t)(find_field_of_key(j, key) + 1);
	return (enum hs_field)(k->note - 1);
}

bool hs_event_is_address(const struct hs_json *j, uint32_t key)
{
	char snaked[HS_SNAKE_MAX(KEY_MAX)];
	struct hs_slice snake = snake_of_key(j, key, snaked);

	return spells(snake, HS_SLICE("ip")) || spells(snake, HS_SLICE("request_ip"));
}

static bool is_nested(const struct hs_json *j, uint32_t value)
{
	return j->tok[value].kind == HS_JSON_OBJECT || j->tok[value].kind == HS_JSON_ARRAY;
}

/* Finds every Spec field of the event. */
static enum hs_result find_fields(struct hs_event *e, bool lenient)
{
	const struct hs_json *j = e->json;
	unsigned flat = 0;

	for (uint32_t key = e->root + 1; key < j->tok[e->root].next; key = j->tok[key + 1].next) {
		enum hs_field f = hs_event_field_of_key(j, key);

		if (f == HS_FIELD_COUNT)
			continue;
		if (f < HS_FIELD_FLAT_COUNT && is_nested(j, key + 1)) {
			if (!lenient)
				return HS_E_FIELD_NESTED;
			continue;
		}
		if (e->field[f] != 0 && !lenient)
			return HS_E_FIELD_TWICE;
		if (e->field[f] != 0)
			continue;
		e->field[f] = key + 1;
		if (f < HS_FIELD_FLAT_COUNT)
			e->flat[flat++] = key + 1;
	}
	e->flat[flat] = 0;
	return HS_OK;
}

static bool is_string(const struct hs_event *e, enum hs_field f)
{
	return e->field[f] != 0 && e->json->tok[e->field[f]].kind == HS_JSON_STRING;
}

static bool has_text(const struct hs_event *e, enum hs_field f)
{
	return is_string(e, f) && hs_json_inner(e->json, e->field[f]).n > 0;
}

/* True for an id: a non-empty string, or a number. */
static bool has_id(const struct hs_event *e, enum hs_field f)
{
	return has_text(e, f) || (e->field[f] != 0 && e->json->tok[e->field[f]].kind == HS_JSON_NUMBER);
}

static bool is_object_or_void(const struct hs_json *j, uint32_t value)
{
	const struct hs_json_token *t = &j->tok[value];

	return t->kind == HS_JSON_OBJECT || t->kind == HS_JSON_NULL ||
	       (t->kind == HS_JSON_ARRAY && t->next == value + 1);
}

#define TEXT(literal) \
	{ \
		(literal), sizeof(literal) - 1 \
	}

/* The Spec's demands on each type, beyond what it demands of every event. */
static enum hs_result check_type(struct hs_event *e, struct hs_slice type)
{
	static const struct {
		struct hs_slice name;
		enum hs_event_type type;
		struct {
			enum hs_field field;
			enum hs_result missing; /* HS_OK: no further demand */
		} need[2];
	} rules[] = {
		{ TEXT("track"), HS_EVENT_TYPE_TRACK, { { HS_FIELD_EVENT, HS_E_EVENT_NAME } } },
		{ TEXT("identify"), HS_EVENT_TYPE_IDENTIFY, { { 0 } } },
		{ TEXT("page"), HS_EVENT_TYPE_PAGE, { { 0 } } },
		{ TEXT("screen"), HS_EVENT_TYPE_SCREEN, { { 0 } } },
		{ TEXT("group"), HS_EVENT_TYPE_GROUP, { { HS_FIELD_GROUP_ID, HS_E_GROUP_ID } } },
		{ TEXT("alias"),
		  HS_EVENT_TYPE_ALIAS,
		  { { HS_FIELD_PREVIOUS_ID, HS_E_PREVIOUS_ID }, { HS_FIELD_USER_ID, HS_E_USER_ID } } },
		{ TEXT("delete"), HS_EVENT_TYPE_DELETE, { { HS_FIELD_USER_ID, HS_E_USER_ID } } },
	};

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (!hs_slice_eq(rules[i].name, type))
			continue;
		e->type = rules[i].type;
		if (!has_id(e, HS_FIELD_USER_ID) && !has_id(e, HS_FIELD_ANONYMOUS_ID))
			return HS_E_IDENTITY;
		for (int k = 0; k < 2 && rules[i].need[k].missing != HS_OK; k++) {
			enum hs_field f = rules[i].need[k].field;

			if (f == HS_FIELD_EVENT ? !has_text(e, f) : !has_id(e, f))
				return rules[i].need[k].missing;
		}
		return HS_OK;
	}
	return HS_E_TYPE;
}

struct hs_slice hs_event_time_text(struct hs_slice inner, char room[static HS_EVENT_TIME])
{
	struct hs_buf text = { .p = room, .cap = HS_EVENT_TIME, .max = HS_EVENT_TIME };

	if (inner.n > HS_EVENT_TIME * ESCAPE || memchr(inner.p, '\\', inner.n) == NULL)
		return inner;
	hs_json_unescape(inner, &text);
	return hs_buf_ok(&text) ? hs_buf_slice(&text) : inner;
}

bool hs_event_parse_time(struct hs_slice inner, int64_t *ms)
{
	char room[HS_EVENT_TIME];

	return hs_timestamp_parse(inner, ms) || hs_timestamp_parse(hs_event_time_text(inner, room), ms);
}

static bool timestamps_parse(const struct hs_event *e)
{
	static const enum hs_field stamps[] = { HS_FIELD_TIMESTAMP, HS_FIELD_RECEIVED_AT, HS_FIELD_SENT_AT,
		                                HS_FIELD_ORIGINAL_TIMESTAMP };

	for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
		uint32_t t = e->field[stamps[i]];

		if (t == 0 || e->json->tok[t].kind == HS_JSON_NULL)
			continue;
		if (e->json->tok[t].kind != HS_JSON_STRING || !hs_event_parse_time(hs_json_inner(e->json, t), NULL))
			return false;
	}
	return true;
}

/* Finds the fields; HS_OK, or the event is none. */
static enum hs_result begin(struct hs_event *e, const struct hs_json *json, uint32_t root, bool lenient)
{
	e->json = json;
	e->root = root;
	memset(e->field, 0, sizeof e->field);
	e->flat[0] = 0;
	e->path_type = HS_SLICE_NONE;
	e->type = HS_EVENT_TYPE_OTHER;
	e->timestamps_parse = false;
	return json->tok[root].kind == HS_JSON_OBJECT ? find_fields(e, lenient) : HS_E_NOT_AN_EVENT;
}

/* Checks an event of this type against the Spec. */
static enum hs_result check(struct hs_event *e, bool lenient, struct hs_slice type)
{
	enum hs_result r;

	e->timestamps_parse = timestamps_parse(e);
	if (lenient) {
		e->type = hs_event_type_of(type);
		return HS_OK;
	}
	r = check_type(e, type);
	for (int f = HS_FIELD_CONTEXT; r == HS_OK && f <= HS_FIELD_INTEGRATIONS; f++)
		if (e->field[f] != 0 && !is_object_or_void(e->json, e->field[f]))
			r = HS_E_FIELD_FLAT;
	return r;
}

enum hs_result hs_event_read(struct hs_event *e, const struct hs_json *json, uint32_t root, enum hs_validate validate)
{
	bool lenient = validate == HS_VALIDATE_LENIENT;
	enum hs_result r = begin(e, json, root, lenient);

	if (r != HS_OK)
		return r;
	if (lenient ? !is_string(e, HS_FIELD_TYPE) : !has_text(e, HS_FIELD_TYPE))
		return HS_E_NO_TYPE;
	return check(e, lenient, hs_json_inner(json, e->field[HS_FIELD_TYPE]));
}

/* --- direct intake -------------------------------------------------------------- */

/* Libraries write null for ids that they do not have. */
static void drop_nulls(struct hs_event *e)
{
	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		if (e->field[f] != 0 && e->json->tok[e->field[f]].kind == HS_JSON_NULL)
			e->field[f] = 0;
}

/* The event's own type, or else that of the path. */
static enum hs_result find_type(struct hs_event *e, bool lenient, struct hs_slice path_type, struct hs_slice *type)
{
	uint32_t own = e->field[HS_FIELD_TYPE];

	if (own == 0)
		e->path_type = path_type;
	if (own == 0 ? path_type.n == 0 : lenient ? !is_string(e, HS_FIELD_TYPE) : !has_text(e, HS_FIELD_TYPE))
		return HS_E_NO_TYPE;
	*type = own == 0 ? path_type : hs_json_inner(e->json, own);
	if (hs_json_inner_is(*type, HS_SLICE("delete")))
		return HS_E_DELETE_DIRECT;
	return path_type.n == 0 || hs_slice_eq(*type, path_type) ? HS_OK : HS_E_TYPE_PATH;
}

enum hs_result hs_event_read_direct(struct hs_event *e, const struct hs_json *json, uint32_t root,
                                    enum hs_validate validate, struct hs_slice path_type)
{
	bool lenient = validate == HS_VALIDATE_LENIENT;
	struct hs_slice type;
	enum hs_result r = begin(e, json, root, lenient);

	if (r != HS_OK)
		return r;
	drop_nulls(e);
	r = find_type(e, lenient, path_type, &type);
	return r == HS_OK ? check(e, lenient, type) : r;
}
