#include "event/record_fields.h"
#include "base/byte_scan.h"
#include "base/hex.h"
#include "event/id_text.h"
#include "event/json.h"

struct hs_record_fields hs_record_fields_of(struct hs_slice line)
{
	if (line.n < 2 || line.p[0] != '{')
		return (struct hs_record_fields){ line.p, line.p }; /* which may be NULL */
	return (struct hs_record_fields){ line.p, line.p + line.n };
}

/* p is after a backslash: true if the escape is complete, as hs_json_unescape needs it. */
static bool is_escape(const char *p, const char *end)
{
	if (p == end || *p != 'u')
		return p < end;
	for (int i = 1; i <= 4; i++)
		if (end - p <= i || hs_hex_digit(p[i]) < 0)
			return false;
	return true;
}

/* The first quote or backslash from p on, or the end. */
static const char *find_quote(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		unsigned quotes = hs_scan16_quotes(p);

		if (quotes != 0)
			return p + hs_scan16_first(quotes);
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Reads a string from its opening quote and moves after it. */
static bool take_string(struct hs_record_fields *walk, struct hs_slice *inner, bool *escaped)
{
	const char *start = walk->p + 1, *p = start;

	*escaped = false;
	if (walk->p >= walk->end || *walk->p != '"')
		return false;
	while ((p = find_quote(p, walk->end)) < walk->end && *p == '\\') {
		*escaped = true;
		if (!is_escape(++p, walk->end))
			return false;
		p++;
	}
	if (p >= walk->end)
		return false;
	*inner = hs_slice(start, (size_t)(p - start));
	walk->p = p + 1;
	return true;
}

static bool take_literal(struct hs_record_fields *walk, struct hs_slice *value)
{
	const char *start = walk->p;

	while (walk->p < walk->end && *walk->p != ',' && *walk->p != '}')
		walk->p++;
	*value = hs_slice(start, (size_t)(walk->p - start));
	return value->n > 0;
}

bool hs_record_field_next(struct hs_record_fields *walk, struct hs_record_field *field)
{
	field->value_escaped = false;
	if (walk->p >= walk->end || (*walk->p != '{' && *walk->p != ','))
		return false;
	walk->p++;
	if (!take_string(walk, &field->name, &field->name_escaped) || walk->p >= walk->end || *walk->p != ':')
		return false;
	walk->p++;
	field->is_string = walk->p < walk->end && *walk->p == '"';
	return field->is_string ? take_string(walk, &field->value, &field->value_escaped)
	                        : take_literal(walk, &field->value);
}

static bool equals(struct hs_slice inner, bool escaped, struct hs_slice text, struct hs_buf *scratch)
{
	if (!escaped)
		return hs_slice_eq(inner, text);
	hs_buf_reset(scratch);
	hs_json_unescape(inner, scratch);
	return hs_buf_ok(scratch) && hs_slice_eq(hs_buf_slice(scratch), text);
}

bool hs_record_field_is_named(const struct hs_record_field *field, struct hs_slice name, struct hs_buf *scratch)
{
	return equals(field->name, field->name_escaped, name, scratch);
}

struct hs_slice hs_record_field_decoded(const struct hs_record_field *field, struct hs_buf *scratch)
{
	if (!field->value_escaped)
		return field->value;
	hs_buf_reset(scratch);
	hs_json_unescape(field->value, scratch);
	return hs_buf_ok(scratch) ? hs_buf_slice(scratch) : HS_SLICE_NONE;
}

bool hs_record_field_is_null(const struct hs_record_field *field)
{
	return !field->is_string && field->value.p[0] == 'n';
}

bool hs_record_field_is(const struct hs_record_field *field, struct hs_slice text, struct hs_buf *scratch)
{
	return !hs_record_field_is_null(field) && equals(field->value, field->value_escaped, text, scratch);
}

/* A lone surrogate is three bytes (json.h) that no UTF-8 text may contain. */
static void replace_surrogates(char *p, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++)
		if ((unsigned char)p[i] == 0xED && (unsigned char)p[i + 1] >= 0xA0)
			memcpy(p + i, "\xef\xbf\xbd", 3);
}

void hs_record_field_put(const struct hs_record_field *field, struct hs_buf *out)
{
	size_t start = out->n;

	if (hs_record_field_is_null(field))
		return;
	if (!field->value_escaped) {
		hs_buf_put_slice(out, field->value);
		return;
	}
	hs_json_unescape(field->value, out);
	if (hs_buf_ok(out))
		replace_surrogates(out->p + start, out->n - start);
}

/* True for a number whose literal is not its text as an id. */
static bool is_odd_number(const struct hs_record_field *field)
{
	return !field->is_string && !hs_record_field_is_null(field) && !hs_id_is_plain(field->value);
}

bool hs_record_field_is_id(const struct hs_record_field *field, struct hs_slice id, struct hs_buf *scratch)
{
	if (!is_odd_number(field))
		return hs_record_field_is(field, id, scratch);
	hs_buf_reset(scratch);
	if (hs_slice_eq(field->value, id))
		return true;
	hs_id_put_number(scratch, field->value);
	return hs_buf_ok(scratch) && hs_slice_eq(hs_buf_slice(scratch), id);
}

void hs_record_field_put_id(const struct hs_record_field *field, struct hs_buf *out)
{
	if (is_odd_number(field))
		hs_id_put_number(out, field->value);
	else
		hs_record_field_put(field, out);
}
