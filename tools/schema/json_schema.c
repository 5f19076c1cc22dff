/* The catalogue as JSON Schema. */
#include "tools/schema/forms.h"

/* Appends a comma and "name": the constants come first. */
static void put_member(struct hs_buf *out, struct hs_slice name)
{
	hs_buf_putc(out, ',');
	hs_buf_put_json(out, name);
	hs_buf_putc(out, ':');
}

static void put_types(struct hs_buf *out, const struct hs_schema_field *f)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_array(&w, "type");
	for (int i = 0; i < HS_SCHEMA_TYPES; i++)
		if (f->types & 1 << i)
			hs_json_writer_text(&w, NULL, hs_slice_str(hs_schema_type_name(i)));
	hs_json_writer_end(&w, ']');
}

/* Appends an example, if it is known of which type it is, and whole. */
static void put_example(struct hs_buf *out, const struct hs_schema_field *f)
{
	const struct hs_schema_value *value = f->value;
	unsigned types = f->types & ~(unsigned)HS_SCHEMA_NULL;
	struct hs_json_writer w = { .out = out, .comma = true };
	struct hs_slice text;

	if (f->value_count == 0 || (types & (types - 1)) != 0 || value->n >= HS_SCHEMA_VALUE) /* it may be cut */
		return;
	text = hs_slice(value->text, value->n);
	hs_json_writer_array(&w, "examples");
	if (types == HS_SCHEMA_STRING)
		hs_json_writer_text(&w, NULL, text);
	else
		hs_json_writer_raw(&w, NULL, text);
	hs_json_writer_end(&w, ']');
}

static void put_field(const struct hs_schema_form *form, const struct hs_schema_field *f)
{
	put_member(form->out, hs_slice(f->name.p, f->name.n));
	hs_buf_putc(form->out, '{');
	put_types(form->out, f);
	if (!form->view->no_examples)
		put_example(form->out, f);
	hs_buf_putc(form->out, '}');
}

/* Appends what tells the event from others. */
static void put_constants(struct hs_buf *out, const struct hs_schema_event *e)
{
	struct hs_json_writer w = { .out = out };
	struct hs_slice name = hs_schema_event_name(e);

	hs_json_writer_object(&w, "type");
	hs_json_writer_text(&w, "const", hs_schema_event_type(e));
	hs_json_writer_end(&w, '}');
	if (name.p == NULL || name.n >= HS_SCHEMA_EVENT_NAME - 4) /* it may be cut */
		return;
	hs_json_writer_object(&w, "event");
	hs_json_writer_text(&w, "const", name);
	hs_json_writer_end(&w, '}');
}

static bool is_constant(const struct hs_schema_event *e, const struct hs_schema_field *f)
{
	struct hs_slice name = hs_slice(f->name.p, f->name.n), event = hs_schema_event_name(e);

	return hs_slice_eq(name, HS_SLICE("type")) ||
	       (hs_slice_eq(name, HS_SLICE("event")) && event.p != NULL && event.n < HS_SCHEMA_EVENT_NAME - 4);
}

static void put_event(const struct hs_schema_form *form, const struct hs_schema_event *e)
{
	const struct hs_schema_field *field = form->schema->table.field;
	struct hs_json_writer w = { .out = form->out };

	hs_buf_put_slice(form->out, HS_SLICE("{\"type\":\"object\",\"properties\":{"));
	put_constants(form->out, e);
	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = field[i].next)
		if (hs_schema_shows_field(form->view, &field[i]) && !is_constant(e, &field[i]))
			put_field(form, &field[i]);
	hs_buf_put_slice(form->out, HS_SLICE("},"));
	hs_json_writer_array(&w, "required");
	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = field[i].next)
		if (hs_schema_shows_field(form->view, &field[i]) && field[i].count == e->count)
			hs_json_writer_text(&w, NULL, hs_slice(field[i].name.p, field[i].name.n));
	hs_json_writer_end(&w, ']');
	hs_buf_putc(form->out, '}');
}

void hs_schema_put_json_schema(const struct hs_schema_form *form)
{
	const struct hs_schema_table *t = &form->schema->table;
	bool more = false;

	hs_buf_put_slice(form->out,
	                 HS_SLICE("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"anyOf\":["));
	for (size_t i = 0; i < t->count; i++) {
		if (!hs_schema_shows_event(form->view, &t->event[i]))
			continue;
		hs_buf_put_slice(form->out, more ? HS_SLICE(",\n") : HS_SLICE("\n"));
		more = true;
		put_event(form, &t->event[i]);
		if (form->flush != NULL && !form->flush(form->context))
			return;
	}
	hs_buf_put_slice(form->out, more ? HS_SLICE("]}\n") : HS_SLICE("false]}\n"));
}
