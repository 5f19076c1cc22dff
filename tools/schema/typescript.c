/* The catalogue as TypeScript. */
#include "base/hash.h"
#include "tools/schema/forms.h"

#include <inttypes.h>
#include <stdlib.h>

/* Appends the ASCII letters and digits, each word with a capital: "Order Completed" as OrderCompleted. */
static void put_words(struct hs_slice name, struct hs_buf *out)
{
	bool begins = true;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = hs_lower(c) >= 'a' && hs_lower(c) <= 'z';

		if (letter || hs_is_digit(c))
			hs_buf_putc(out, begins && letter && c >= 'a' ? (char)(c - ('a' - 'A')) : c);
		begins = !letter;
	}
}

/* The names of the interfaces, by hash, to number those that would be the same. */
struct names {
	uint64_t *hash;
	size_t count;
};

/* Appends the name of an event's interface: letters and digits, and _N where earlier ones have them, too. */
static void put_identifier(const struct hs_schema_event *e, struct names *names, struct hs_buf *out)
{
	struct hs_slice type = hs_schema_event_type(e);
	size_t start = out->n, equal = 1;
	uint64_t hash;

	if (type.n == 0 || hs_lower(type.p[0]) < 'a' || hs_lower(type.p[0]) > 'z')
		hs_buf_put_slice(out, HS_SLICE("Event"));
	put_words(type, out);
	put_words(hs_schema_event_name(e), out);
	hash = hs_buf_ok(out) ? hs_hash(out->p + start, out->n - start, 0) : 0;
	for (size_t i = 0; i < names->count; i++)
		equal += names->hash[i] == hash;
	names->hash[names->count++] = hash;
	if (equal > 1)
		hs_buf_printf(out, "_%zu", equal);
}

/* Appends a string as a literal that ends no comment: with "*\/" for the two characters that would. */
static void put_literal(struct hs_slice text, struct hs_buf *out)
{
	struct hs_buf literal = { 0 };

	hs_buf_put_json(&literal, text);
	for (size_t i = 0; i < literal.n; i++) {
		if (i > 0 && literal.p[i - 1] == '*' && literal.p[i] == '/')
			hs_buf_putc(out, '\\');
		hs_buf_putc(out, literal.p[i]);
	}
	out->failed |= literal.failed;
	hs_buf_free(&literal);
}

static void put_types(const struct hs_schema_field *f, struct hs_buf *out)
{
	bool more = false;

	for (int i = 0; i < HS_SCHEMA_TYPES; i++) {
		if (!(f->types & 1 << i))
			continue;
		if (more)
			hs_buf_put_slice(out, HS_SLICE(" | "));
		hs_buf_put_slice(out, hs_slice_str(hs_schema_type_name(i)));
		more = true;
	}
}

/* The only value that the field has in records of the event, as far as its name is known; p is NULL: none. */
static struct hs_slice fixed_value(const struct hs_schema_event *e, const struct hs_schema_field *f)
{
	struct hs_slice name = hs_slice(f->name.p, f->name.n), event = hs_schema_event_name(e);

	if (f->types == HS_SCHEMA_STRING && hs_slice_eq(name, HS_SLICE("type")))
		return hs_schema_event_type(e);
	if (f->types == HS_SCHEMA_STRING && hs_slice_eq(name, HS_SLICE("event")) && event.n < HS_SCHEMA_EVENT_NAME - 4)
		return event; /* a longer one may be cut */
	return HS_SLICE_NONE;
}

static void put_field(const struct hs_schema_form *form, const struct hs_schema_event *e,
                      const struct hs_schema_field *f)
{
	struct hs_slice fixed = fixed_value(e, f);
	struct hs_buf *out = form->out;

	if (f->value_count > 0 && fixed.p == NULL && !form->view->no_examples) {
		hs_buf_put_slice(out, HS_SLICE("  /** for example "));
		put_literal(hs_slice(f->value[0].text, f->value[0].n), out);
		hs_buf_put_slice(out, HS_SLICE(" */\n"));
	}
	hs_buf_put_slice(out, HS_SLICE("  "));
	hs_buf_put_json(out, hs_slice(f->name.p, f->name.n));
	hs_buf_put_slice(out, f->count < e->count ? HS_SLICE("?: ") : HS_SLICE(": "));
	if (fixed.p != NULL)
		hs_buf_put_json(out, fixed);
	else
		put_types(f, out);
	hs_buf_put_slice(out, HS_SLICE(";\n"));
}

static void put_event(const struct hs_schema_form *form, const struct hs_schema_event *e, struct names *names,
                      struct hs_buf *all)
{
	const struct hs_schema_field *field = form->schema->table.field;
	struct hs_buf *out = form->out;
	size_t start;

	hs_buf_put_slice(out, HS_SLICE("\nexport interface "));
	start = out->n;
	put_identifier(e, names, out);
	hs_buf_put_slice(all, HS_SLICE("\n  | "));
	if (hs_buf_ok(out))
		hs_buf_put(all, out->p + start, out->n - start);
	hs_buf_put_slice(out, HS_SLICE(" {\n"));
	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = field[i].next)
		if (hs_schema_shows_field(form->view, &field[i]))
			put_field(form, e, &field[i]);
	hs_buf_put_slice(out, HS_SLICE("}\n"));
}

void hs_schema_put_typescript(const struct hs_schema_form *form)
{
	const struct hs_schema_table *t = &form->schema->table;
	struct names names = { calloc(t->count + 1, sizeof *names.hash), 0 };
	struct hs_buf all = { 0 };
	bool go_on = names.hash != NULL;

	hs_buf_put_slice(form->out, HS_SLICE("// The records of the spool, by hookspool schema --typescript.\n"));
	for (size_t i = 0; i < t->count && go_on; i++) {
		if (!hs_schema_shows_event(form->view, &t->event[i]))
			continue;
		put_event(form, &t->event[i], &names, &all);
		go_on = form->flush == NULL || form->flush(form->context);
	}
	hs_buf_put_slice(form->out, HS_SLICE("\nexport type HookspoolRecord ="));
	hs_buf_put_slice(form->out, all.n > 0 ? hs_buf_slice(&all) : HS_SLICE(" never"));
	hs_buf_put_slice(form->out, HS_SLICE(";\n"));
	if (names.hash == NULL || !hs_buf_ok(&all))
		form->out->failed = true;
	free(names.hash);
	hs_buf_free(&all);
}
