#include "tools/sink/segment_shape.h"
#include "event/event.h"
#include "event/record_fields.h"

static const struct hs_slice camel[HS_FIELD_COUNT] = {
#define CAMEL(NAME, name, text) [HS_FIELD_##NAME] = { text, sizeof(text) - 1 },
	HS_FIELDS(CAMEL)
#undef CAMEL
};

/* Some libraries send an empty object as []. Where the Spec wants an object, a string would be refused. */
static bool is_empty_object(const struct hs_record_field *field, struct hs_slice name)
{
	for (int f = HS_FIELD_FLAT_COUNT; f < HS_FIELD_COUNT; f++)
		if (hs_slice_eq(name, camel[f]))
			return hs_slice_eq(field->value, HS_SLICE("[]"));
	return false;
}

static void put_member(const struct hs_record_field *field, struct hs_slice name, bool *comma, struct hs_buf *out)
{
	bool quoted = field->is_string && !is_empty_object(field, name);

	if (*comma)
		hs_buf_putc(out, ',');
	*comma = true;
	hs_buf_putc(out, '"');
	hs_buf_put_slice(out, name);
	hs_buf_put(out, "\":", 2);
	if (quoted)
		hs_buf_putc(out, '"');
	hs_buf_put_slice(out, field->value);
	if (quoted)
		hs_buf_putc(out, '"');
}

/* Cuts "properties_" off. False: the name does not begin so. */
static bool is_below(struct hs_slice *name, struct hs_slice object)
{
	if (name->n <= object.n + 1 || memcmp(name->p, object.p, object.n) != 0 ||
	    (name->p[object.n] != '_' && name->p[object.n] != '.'))
		return false;
	*name = hs_slice(name->p + object.n + 1, name->n - object.n - 1);
	return true;
}

/* The object that the field is a member of; HS_FIELD_COUNT: none. Cuts it off the name. */
static enum hs_field object_of(struct hs_slice *name)
{
	for (int f = HS_FIELD_FLAT_COUNT; f < HS_FIELD_COUNT; f++)
		if (is_below(name, camel[f]))
			return (enum hs_field)f;
	return HS_FIELD_COUNT;
}

/* `before`: spooled_at is yet to come. After it settings_x is a member that the sender called settings. */
static bool is_added(struct hs_slice name, bool before)
{
	return hs_slice_eq(name, HS_SLICE("tenant")) || hs_slice_eq(name, HS_SLICE("source")) ||
	       hs_slice_eq(name, HS_SLICE("spooled_at")) || (before && is_below(&name, HS_SLICE("settings")));
}

static void put_object(struct hs_slice line, enum hs_field object, bool *comma, struct hs_buf *out)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	bool inside = false;
	size_t start = out->n;

	if (*comma)
		hs_buf_putc(out, ',');
	hs_buf_printf(out, "\"%s\":{", camel[object].p);
	while (hs_record_field_next(&walk, &field)) {
		struct hs_slice name = field.name;

		if (object_of(&name) == object)
			put_member(&field, name, &inside, out);
	}
	hs_buf_putc(out, '}');
	if (!inside)
		out->n = start; /* no member */
	*comma = *comma || inside;
}

void hs_segment_shape_put(struct hs_slice line, struct hs_buf *out)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	bool comma = false, before = true;

	hs_buf_putc(out, '{');
	while (hs_record_field_next(&walk, &field)) {
		struct hs_slice name = field.name;
		enum hs_field flat = hs_field_named(name);

		if (!is_added(name, before) && object_of(&name) == HS_FIELD_COUNT)
			put_member(&field, flat != HS_FIELD_COUNT ? camel[flat] : name, &comma, out);
		before = before && !hs_slice_eq(field.name, HS_SLICE("spooled_at"));
	}
	for (int f = HS_FIELD_FLAT_COUNT; f < HS_FIELD_COUNT; f++)
		put_object(line, (enum hs_field)f, &comma, out);
	hs_buf_putc(out, '}');
}
