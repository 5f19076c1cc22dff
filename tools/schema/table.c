/* The catalogue as tables for people. */
#include "base/timestamp.h"
#include "tools/report/bar_table.h"
#include "tools/schema/forms.h"

#include <inttypes.h>

enum {
	SHARE = 6,       /* columns of "  100%" */
	TYPES = 13,      /* at least; more where names are short */
	TYPES_MOST = 26, /* string|number|boolean|null */
	EXAMPLE = 12,
	NAME = 8,
};

/* Columns of a table; 0: not cut. */
struct layout {
	size_t name, types, example;
};

static void put_number(struct hs_buf *out, uint64_t n, const char *noun)
{
	hs_buf_printf(out, "%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
}

static void put_types(const struct hs_schema_field *f, struct hs_buf *out)
{
	bool more = false;

	for (int i = 0; i < HS_SCHEMA_TYPES; i++) {
		if (!(f->types & 1 << i))
			continue;
		if (more)
			hs_buf_putc(out, '|');
		hs_buf_put_slice(out, hs_slice_str(hs_schema_type_name(i)));
		more = true;
	}
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static struct layout lay_out(const struct hs_schema_form *form, const struct hs_schema_event *e)
{
	const struct hs_schema_field *field = form->schema->table.field;
	struct layout l = { NAME, TYPES, 0 };
	struct hs_buf types = { 0 };
	size_t room = form->columns > 2 + SHARE + 4 ? form->columns - 2 - SHARE - 4 : 0;

	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = field[i].next) {
		if (!hs_schema_shows_field(form->view, &field[i]))
			continue;
		hs_buf_reset(&types);
		put_types(&field[i], &types);
		form->out->failed |= !hs_buf_ok(&types);
		l.name = larger(l.name, hs_bar_table_width(hs_slice(field[i].name.p, field[i].name.n)));
		l.types = larger(l.types, types.n);
	}
	hs_buf_free(&types);
	if (form->columns == 0)
		return l;
	if (l.name + l.types + EXAMPLE > room)
		l.types = TYPES;
	if (l.name + l.types + EXAMPLE > room)
		l.name = larger(NAME, room > TYPES + EXAMPLE ? room - TYPES - EXAMPLE : 0);
	l.example = larger(NAME, room > l.name + l.types ? room - l.name - l.types : 0);
	return l;
}

/* The values, or an example, as one text. */
static void put_values(const struct hs_schema_field *f, struct hs_buf *out)
{
	for (unsigned i = 0; i < f->value_count; i++) {
		if (i > 0)
			hs_buf_put_slice(out, HS_SLICE(", "));
		hs_buf_put(out, f->value[i].text, f->value[i].n);
	}
}

static void put_field(const struct hs_schema_form *form, const struct layout *l, const struct hs_schema_event *e,
                      const struct hs_schema_field *f, struct hs_buf *text)
{
	uint64_t permille = e->count == 0 ? 0 : f->count * 1000 / e->count;

	hs_buf_put_slice(form->out, HS_SLICE("  "));
	hs_bar_table_put_name(hs_slice(f->name.p, f->name.n), form->columns > 0 ? l->name : 0, l->name, form->out);
	hs_buf_put_slice(form->out, HS_SLICE("  "));
	hs_buf_reset(text);
	put_types(f, text);
	form->out->failed |= !hs_buf_ok(text);
	hs_bar_table_put_name(hs_buf_slice(text), l->types, l->types, form->out);
	if (permille > 0 && permille < 10)
		hs_buf_put_slice(form->out, HS_SLICE("   <1%"));
	else
		hs_buf_printf(form->out, "%5" PRIu64 "%%", permille / 10);
	hs_buf_reset(text);
	if (!form->view->no_examples)
		put_values(f, text);
	form->out->failed |= !hs_buf_ok(text);
	if (text->n > 0) {
		hs_buf_put_slice(form->out, HS_SLICE("  "));
		hs_bar_table_put_name(hs_buf_slice(text), l->example, 0, form->out);
	}
	hs_buf_putc(form->out, '\n');
}

static void put_title(const struct hs_schema_form *form, const struct hs_schema_event *e)
{
	struct hs_slice name = hs_schema_event_name(e);
	char first[HS_TIMESTAMP_TEXT + 1], last[HS_TIMESTAMP_TEXT + 1];
	size_t type = hs_bar_table_width(hs_schema_event_type(e));

	hs_buf_putc(form->out, '\n');
	hs_bar_table_put_name(hs_schema_event_type(e), form->columns, 0, form->out);
	if (name.p != NULL) {
		hs_buf_put_slice(form->out, HS_SLICE("  "));
		hs_bar_table_put_name(name, form->columns > type + 2 + NAME ? form->columns - type - 2 : 0, 0,
		                      form->out);
	}
	hs_timestamp_text(e->first_ms, first);
	hs_timestamp_text(e->last_ms, last);
	hs_buf_putc(form->out, '\n');
	put_number(form->out, e->count, "record");
	if (e->last_ms > 0) /* 51 columns with 20 digits of records */
		hs_buf_printf(form->out, ", %.16s to %.16s UTC", first, last);
	hs_buf_putc(form->out, '\n');
}

static void put_event(const struct hs_schema_form *form, const struct hs_schema_event *e)
{
	const struct hs_schema_field *field = form->schema->table.field;
	struct layout l = lay_out(form, e);
	struct hs_buf text = { 0 };

	put_title(form, e);
	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = field[i].next)
		if (hs_schema_shows_field(form->view, &field[i]))
			put_field(form, &l, e, &field[i], &text);
	if (e->other > 0)
		hs_buf_printf(form->out, "  %" PRIu64 " values of further fields: %d names at most\n", e->other,
		              HS_SCHEMA_FIELDS);
	hs_buf_free(&text);
}

void hs_schema_put_table(const struct hs_schema_form *form)
{
	const struct hs_schema_table *t = &form->schema->table;

	put_number(form->out, t->records, "record");
	hs_buf_put_slice(form->out, HS_SLICE(", "));
	put_number(form->out, t->count, "event");
	hs_buf_putc(form->out, '\n');
	if (t->other > 0)
		hs_buf_printf(form->out, "%" PRIu64 " records of further events: at most %d names, %d MB\n", t->other,
		              HS_SCHEMA_EVENTS, HS_SCHEMA_BYTES >> 20);
	for (size_t i = 0; i < t->count; i++) {
		if (!hs_schema_shows_event(form->view, &t->event[i]))
			continue;
		put_event(form, &t->event[i]);
		if (form->flush != NULL && !form->flush(form->context))
			return;
	}
}
