#include "schema/schema_json.h"

static const char *const type_name[HS_SCHEMA_TYPES] = { "string", "number", "boolean", "null" };

const char *hs_schema_type_name(int i)
{
	return type_name[i];
}

bool hs_schema_shows_event(const struct hs_schema_view *view, const struct hs_schema_event *e)
{
	struct hs_slice name = hs_schema_event_name(e);

	return e->last_ms >= view->since_ms &&
	       (view->event.p == NULL || (name.p != NULL && hs_slice_eq(name, view->event)));
}

bool hs_schema_shows_field(const struct hs_schema_view *view, const struct hs_schema_field *f)
{
	return f->last_ms >= view->since_ms;
}

static void put_time(struct hs_json_writer *w, const char *name, int64_t ms)
{
	if (ms > 0)
		hs_json_writer_time(w, name, ms);
	else
		hs_json_writer_null(w, name);
}

static void put_values(struct hs_json_writer *w, const struct hs_schema_field *f)
{
	const struct hs_schema_value *example = f->value_count > 0 ? &f->value[0] : NULL;

	hs_json_writer_text_or_null(w, "example",
	                            example != NULL ? hs_slice(example->text, example->n) : HS_SLICE_NONE);
	hs_json_writer_array(w, "values");
	for (unsigned i = 0; i < f->value_count && !f->many; i++)
		hs_json_writer_text(w, NULL, hs_slice(f->value[i].text, f->value[i].n));
	hs_json_writer_end(w, ']');
}

static void put_field(struct hs_json_writer *w, const struct hs_schema_field *f, const struct hs_schema_view *view)
{
	hs_json_writer_object(w, NULL);
	hs_json_writer_text(w, "name", hs_slice(f->name.p, f->name.n));
	hs_json_writer_array(w, "types");
	for (int i = 0; i < HS_SCHEMA_TYPES; i++)
		if (f->types & 1 << i)
			hs_json_writer_text(w, NULL, hs_slice_str(type_name[i]));
	hs_json_writer_end(w, ']');
	hs_json_writer_uint(w, "count", f->count);
	put_time(w, "last_seen", f->last_ms);
	if (!view->no_examples)
		put_values(w, f);
	hs_json_writer_end(w, '}');
}

static void put_event(struct hs_json_writer *w, const struct hs_schema_table *t, const struct hs_schema_event *e,
                      const struct hs_schema_view *view)
{
	hs_json_writer_line(w);
	hs_json_writer_object(w, NULL);
	hs_json_writer_text(w, "type", hs_schema_event_type(e));
	hs_json_writer_text_or_null(w, "event", hs_schema_event_name(e));
	hs_json_writer_uint(w, "count", e->count);
	put_time(w, "first_seen", e->first_ms);
	put_time(w, "last_seen", e->last_ms);
	hs_json_writer_uint(w, "other_fields", e->other);
	hs_json_writer_array(w, "fields");
	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = t->field[i].next)
		if (hs_schema_shows_field(view, &t->field[i]))
			put_field(w, &t->field[i], view);
	hs_json_writer_end(w, ']');
	hs_json_writer_end(w, '}');
}

void hs_schema_put_json(const struct hs_schema *s, const struct hs_schema_view *view, struct hs_buf *out,
                        bool (*flush)(void *context), void *context)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_uint(&w, "records", s->table.records);
	put_time(&w, "as_of", s->saved_ms);
	hs_json_writer_uint(&w, "other", s->table.other);
	hs_json_writer_array(&w, "events");
	for (size_t i = 0; i < s->table.count; i++) {
		if (!hs_schema_shows_event(view, &s->table.event[i]))
			continue;
		put_event(&w, &s->table, &s->table.event[i], view);
		if (flush != NULL && !flush(context))
			return;
	}
	hs_json_writer_end(&w, ']');
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
}
