#include "spool/summary/summary_line.h"
#include "base/byte_scan.h"
#include "base/utf8.h"
#include "event/id_text.h"
#include "spool/file/line_reader.h"

enum { BLOCK = 16, TENANT = HS_FIELD_COUNT, SOURCE, SETTINGS, SPOOLED, PLACES };
_Static_assert((int)PLACES == (int)HS_SUMMARY_PLACES, "a layout has a number for each place");

#define NAME(field, text, camel) [HS_FIELD_##field] = { text, sizeof(text) - 1 },
static const struct hs_slice names[PLACES] = {
	HS_FIELDS(NAME)[TENANT] = { "tenant", 6 }, [SOURCE] = { "source", 6 }, [SPOOLED] = { "spooled_at", 10 }
};
#undef NAME

/* How a field begins whose value is a string. */
struct beginning {
	char text[24];
	uint8_t bytes;   /* 0: more than two words would have to be compared; the layout does not expect this field */
	uint16_t offset; /* of the field in a struct hs_summary_line */
};

#define BYTES(text) (sizeof(text) + 3 <= BLOCK ? sizeof(text) + 3 : 0)
#define OFFSET(id) \
	((int)HS_FIELD_##id < (int)HS_SUMMARY_FIELDS \
	     ? offsetof(struct hs_summary_line, field) + HS_FIELD_##id * sizeof(struct hs_record_field) \
	     : offsetof(struct hs_summary_line, other))
#define BEGINNING(id, text, camel) [HS_FIELD_##id] = { "\"" text "\":\"", BYTES(text), OFFSET(id) },
static const struct beginning beginnings[PLACES] = {
	HS_FIELDS(BEGINNING)[TENANT] = { "\"tenant\":\"", 10, offsetof(struct hs_summary_line, tenant) },
	[SOURCE] = { "\"source\":\"", 10, offsetof(struct hs_summary_line, source) },
	[SPOOLED] = { "\"spooled_at\":\"", 14, offsetof(struct hs_summary_line, spooled_at) },
};
#undef BEGINNING
#undef OFFSET
#undef BYTES

/*
 * The place of a name in a record: those of the fixed fields, then TENANT, SOURCE, SETTINGS. `after` is the place of
 * the field before it. -1: no record has it there.
 */
static int place_of(struct hs_slice name, int after)
{
	for (int f = after + 1; f < HS_FIELD_FLAT_COUNT; f++)
		if (hs_slice_eq(names[f], name))
			return f;
	if (after < TENANT && hs_slice_eq(name, names[TENANT]))
		return TENANT;
	if (after < SOURCE && hs_slice_eq(name, names[SOURCE]))
		return SOURCE;
	return name.n > 8 && memcmp(name.p, "settings", 8) == 0 ? SETTINGS : -1;
}

/* Copies member by member: a load of eight bytes that were stored one by one would wait for them. */
static inline void put(struct hs_record_field *to, const struct hs_record_field *from)
{
	to->name = from->name;
	to->value = from->value;
	to->is_string = from->is_string;
	to->name_escaped = from->name_escaped;
	to->value_escaped = from->value_escaped;
}

/* Not memset: gcc makes a string instruction of it, which is slow to begin. */
static void clear(struct hs_summary_line *line)
{
	static const struct hs_record_field absent;

	for (int f = 0; f < HS_SUMMARY_FIELDS; f++)
		line->field[f] = absent;
	line->tenant = line->source = line->spooled_at = line->other = absent;
}

static struct hs_record_field *field_of(struct hs_summary_line *line, int place)
{
	switch (place) {
	case TENANT: return &line->tenant;
	case SOURCE: return &line->source;
	case SPOOLED: return &line->spooled_at;
	default: return place < HS_SUMMARY_FIELDS ? &line->field[place] : &line->other;
	}
}

/* Takes the field after the one whose place is *place. False: no record has it there. */
static bool take(struct hs_summary_line *line, const struct hs_record_field *field, int *place)
{
	*place = hs_slice_eq(field->name, names[SPOOLED]) ? SPOOLED : place_of(field->name, *place);
	if (*place < 0)
		return false;
	put(field_of(line, *place), field);
	return *place != SPOOLED || field->is_string;
}

/* --- of the usual form ---------------------------------------------------------------- */

/* True if the bytes that `odd` marks in the block at p are of UTF-8 characters; *after: where the last one ends. */
static bool are_utf8(const char *p, uint64_t odd, const char *end, const char **after)
{
	for (; odd != 0; odd &= odd - 1) {
		const char *at = p + __builtin_ctzll(odd);
		size_t n;

		if (at < *after)
			continue;
		n = hs_utf8_length(at, (size_t)(end - at));
		if (n < 2)
			return false;
		*after = at + n;
	}
	return true;
}

/* The bits below the lowest one of `bits`, which must not be 0. */
static uint64_t below(uint64_t bits)
{
	return (bits & -bits) - 1;
}

const char *hs_summary_line_end(struct hs_slice text, bool *sound)
{
	const char *p = text.p, *end = text.p + text.n, *after = p, *newline = NULL;
	unsigned before = 0;
	uint64_t quotes = 0;

	*sound = text.n >= HS_SCAN64;
	if (!*sound)
		return text.n > 0 ? memchr(p, '\n', text.n) : NULL;
	p = hs_scan_plain_best(p, end, &before);
	while (newline == NULL && p < end) {
		size_t seen = end - p < HS_SCAN64 ? (size_t)(HS_SCAN64 - (end - p)) : 0; /* of the last block */
		uint64_t todo = UINT64_MAX << seen, odd, newlines;

		p -= seen;
		odd = hs_scan64_strange(p) & todo;
		newlines = odd != 0 ? hs_scan64_equal(p, '\n') & todo : 0;
		if (newlines != 0) {
			newline = p + __builtin_ctzll(newlines);
			todo &= below(newlines);
		}
		quotes ^= hs_scan64_equal(p, '"') & todo;
		*sound = are_utf8(p, odd & todo, newline != NULL ? newline : end, &after) && *sound;
		p += HS_SCAN64;
	}
	/*
	 * a short line is read strictly wherever it stands, so that what is known of it does not depend on what
	 * follows
	 */
	*sound = *sound && __builtin_parityll(quotes ^ (before & 0xFFFF)) == 0 &&
	         (newline == NULL || newline - text.p >= HS_SCAN64);
	return newline;
}

/* Leaves a number with a fraction, and everything that is no value, to the strict reader. */
static bool is_literal(struct hs_slice value)
{
	return hs_id_is_plain(value) || hs_slice_eq(value, HS_SLICE("null")) || hs_slice_eq(value, HS_SLICE("true")) ||
	       hs_slice_eq(value, HS_SLICE("false"));
}

/*
 * True if this, which is not empty, may follow spooled_at: fields of the event's objects, none of which has a fixed
 * field's name.
 */
static bool is_rest(struct hs_slice text)
{
	static const struct hs_slice objects[] = {
		{ ",\"context_", 10 }, { ",\"properties_", 13 }, { ",\"traits_", 9 }, { ",\"integrations_", 15 }
	};

	if (text.p[text.n - 1] != '}')
		return false;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		if (text.n > objects[i].n && hs_bytes_eq(text.p, objects[i].p, objects[i].n))
			return true;
	return text.n == 1;
}

/* The first quote or backslash from p on, or the end. */
static inline const char *find_quote(const char *p, const char *end)
{
	const char *last = end - BLOCK; /* the line is longer */

	for (; p <= last; p += BLOCK) {
		unsigned quotes = hs_scan16_quotes(p);

		if (quotes != 0)
			return p + hs_scan16_first(quotes);
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Reads a string without escapes whose opening quote is before p, and returns where it ends; NULL: there is none. */
static inline const char *read_string(const char *p, const char *end, struct hs_slice *text)
{
	const char *close = find_quote(p, end);

	*text = hs_slice(p, (size_t)(close - p));
	return close < end && *close == '"' ? close + 1 : NULL;
}

/* Reads the field at p, and returns where it ends; NULL: only the strict reader can tell. */
static inline const char *read_field(const char *p, const char *end, struct hs_record_field *field)
{
	const char *value;

	if (p == end || *p != '"')
		return NULL;
	p = read_string(p + 1, end, &field->name);
	if (p == NULL || end - p < 2 || *p != ':')
		return NULL;
	value = ++p;
	field->is_string = *p == '"';
	if (field->is_string)
		return read_string(p + 1, end, &field->value);
	while (p < end && *p != ',' && *p != '}')
		p++;
	field->value = hs_slice(value, (size_t)(p - value));
	return is_literal(field->value) ? p : NULL;
}

/*
 * Takes the field at p, if it is the one that the layout expects after the one whose place is *place, and has a
 * string, and returns where it ends. NULL: it is another one.
 */
static inline const char *take_expected(struct hs_summary_line *line, const struct hs_summary_layout *layout,
                                        const char *p, const char *end, int *place)
{
	int expected = layout->next[*place + 1] - 1;
	const struct beginning *b;
	struct hs_record_field *to;

	if (expected < 0 || end - p < BLOCK)
		return NULL;
	b = &beginnings[expected];
	if (hs_differ_8(p, b->text) || hs_differ_8(p + b->bytes - 8, b->text + b->bytes - 8))
		return NULL;
	*place = expected;
	to = (struct hs_record_field *)(void *)((char *)line + b->offset);
	to->name = names[expected];
	to->is_string = true;
	return read_string(p + b->bytes, end, &to->value);
}

static inline const char *take_any(struct hs_summary_line *line, struct hs_summary_layout *layout, const char *p,
                                   const char *end, int *place)
{
	struct hs_record_field field = { .name = HS_SLICE_NONE };
	int before = *place;

	p = read_field(p, end, &field);
	if (p == NULL || !take(line, &field, place))
		return NULL;
	if (beginnings[*place].bytes > 0)
		layout->next[before + 1] = (uint8_t)(*place + 1);
	return p;
}

/* False: only the strict reader can tell. */
static bool read_usual(struct hs_summary_line *line, struct hs_summary_layout *layout, struct hs_slice text)
{
	const char *p = text.p, *end = text.p + text.n;
	int place = -1;

	clear(line);
	if (p == end || *p != '{')
		return false;
	while (place != SPOOLED) {
		const char *after = take_expected(line, layout, p + 1, end, &place);

		p = after != NULL ? after : take_any(line, layout, p + 1, end, &place);
		if (p == NULL || p == end || (*p != ',' && place != SPOOLED))
			return false;
	}
	return is_rest(hs_slice(p, (size_t)(end - p)));
}

/* --- of any form ------------------------------------------------------------------------ */

static struct hs_record_field field_at(const struct hs_json *j, uint32_t key)
{
	const struct hs_json_token *value = &j->tok[key + 1];
	bool is_string = value->kind == HS_JSON_STRING;

	return (struct hs_record_field){ hs_json_inner(j, key),
		                         is_string ? hs_json_inner(j, key + 1) : hs_json_raw(j, key + 1), is_string,
		                         j->tok[key].escaped, is_string && value->escaped };
}

enum hs_result hs_summary_line_read(struct hs_summary_line *line, struct hs_summary_layout *layout,
                                    struct hs_json *json, struct hs_slice text, bool sound)
{
	enum hs_result r;
	int place = -1;

	if (sound && read_usual(line, layout, text))
		return HS_OK;
	clear(line);
	r = hs_line_check(json, text);
	if (r != HS_OK)
		return r;
	for (uint32_t key = 1; key < json->tok[0].next; key = json->tok[key + 1].next) {
		struct hs_record_field field = field_at(json, key);

		if (!take(line, &field, &place))
			break;
		if (line->spooled_at.name.p != NULL)
			return HS_OK;
	}
	return HS_E_JSON_SYNTAX;
}
