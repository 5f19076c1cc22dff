#include "tools/schema/diff.h"
#include "event/json.h"

/* --- reading --------------------------------------------------------------------------- */

/* The value of a member of object `object`; 0: there is none. */
static uint32_t member(const struct hs_json *j, uint32_t object, const char *name)
{
	if (j->tok[object].kind != HS_JSON_OBJECT)
		return 0;
	for (uint32_t i = object + 1; i < j->tok[object].next; i = j->tok[i + 1].next)
		if (hs_slice_eq(hs_json_inner(j, i), hs_slice_str(name)))
			return i + 1;
	return 0;
}

/* Appends the text of a string member. False: it is none, or no memory. */
static bool put_text(const struct hs_json *j, uint32_t object, const char *name, struct hs_buf *out)
{
	uint32_t value = member(j, object, name);

	if (value == 0 || j->tok[value].kind != HS_JSON_STRING)
		return false;
	hs_json_unescape(hs_json_inner(j, value), out);
	return hs_buf_ok(out);
}

/* The bits of an array of type names; 0: it is none. */
static uint8_t read_types(const struct hs_json *j, uint32_t array)
{
	uint8_t types = 0;

	if (array == 0 || j->tok[array].kind != HS_JSON_ARRAY)
		return 0;
	for (uint32_t i = array + 1; i < j->tok[array].next; i = j->tok[i].next)
		for (int bit = 0; bit < HS_SCHEMA_TYPES; bit++)
			if (j->tok[i].kind == HS_JSON_STRING &&
			    hs_slice_eq(hs_json_inner(j, i), hs_slice_str(hs_schema_type_name(bit))))
				types |= (uint8_t)(1 << bit);
	return types;
}

static bool read_field(const struct hs_json *j, uint32_t object, struct hs_schema_table *t, struct hs_buf *name)
{
	struct hs_schema_field *f;

	hs_buf_reset(name);
	if (!put_text(j, object, "name", name))
		return false;
	f = hs_schema_table_put_field(t, hs_buf_slice(name));
	if (f == NULL)
		return false;
	f->types = read_types(j, member(j, object, "types"));
	return f->types != 0;
}

static bool read_event(const struct hs_json *j, uint32_t object, struct hs_schema_table *t, struct hs_buf *name)
{
	uint32_t fields = member(j, object, "fields"), event = member(j, object, "event");
	bool ok;

	hs_buf_reset(name);
	ok = put_text(j, object, "type", name) && event > 0 && fields > 0 && j->tok[fields].kind == HS_JSON_ARRAY;
	if (ok && j->tok[event].kind != HS_JSON_NULL) {
		hs_buf_putc(name, '\0');
		ok = put_text(j, object, "event", name);
	}
	ok = ok && hs_schema_table_put_event(t, hs_buf_slice(name)) != NULL;
	for (uint32_t i = fields + 1; ok && i < j->tok[fields].next; i = j->tok[i].next)
		ok = read_field(j, i, t, name);
	return ok;
}

enum hs_result hs_schema_read_json(struct hs_slice text, struct hs_schema_table *t)
{
	struct hs_json j = { 0 };
	struct hs_buf name = { 0 };
	enum hs_result r = hs_json_document(&j, text);
	uint32_t events = r == HS_OK ? member(&j, 0, "events") : 0;
	bool ok = events > 0 && j.tok[events].kind == HS_JSON_ARRAY;

	for (uint32_t i = events + 1; ok && i < j.tok[events].next; i = j.tok[i].next)
		ok = read_event(&j, i, t, &name);
	if (r == HS_OK && !ok)
		r = t->no_memory || !hs_buf_ok(&name) ? HS_E_MEMORY : HS_E_NOT_AN_EVENT;
	hs_buf_free(&name);
	hs_json_free(&j);
	return r;
}

/* --- comparing ------------------------------------------------------------------------- */

struct comparison {
	const struct hs_schema_table *before, *now;
	const struct hs_schema_view *view;
	struct hs_buf *out;
};

/* Begins a line: `what`, the event, and the field unless it is NULL. */
static void put_subject(struct hs_buf *out, const char *what, const struct hs_schema_event *e,
                        const struct hs_schema_field *f)
{
	hs_buf_put_slice(out, hs_slice_str(what));
	hs_buf_put_slice(out, hs_schema_event_type(e));
	if (hs_schema_event_name(e).p != NULL) {
		hs_buf_putc(out, ' ');
		hs_buf_put_json(out, hs_schema_event_name(e));
	}
	if (f != NULL) {
		hs_buf_put_slice(out, HS_SLICE(": "));
		hs_buf_put_json(out, hs_slice(f->name.p, f->name.n));
	}
}

static void put_types(struct hs_buf *out, const char *before, uint8_t types)
{
	hs_buf_put_slice(out, hs_slice_str(before));
	for (int i = 0; i < HS_SCHEMA_TYPES; i++) {
		if (!(types & 1 << i))
			continue;
		if (types & ((1 << i) - 1))
			hs_buf_putc(out, '|');
		hs_buf_put_slice(out, hs_slice_str(hs_schema_type_name(i)));
	}
}

static const struct hs_schema_event *find_event(const struct hs_schema_table *t, const struct hs_schema_event *like)
{
	uint32_t i = hs_schema_table_find(t, HS_SCHEMA_NONE, hs_slice(like->name.p, like->name.n));

	return i == HS_SCHEMA_NONE ? NULL : &t->event[i];
}

static const struct hs_schema_field *find_field(const struct hs_schema_table *t, const struct hs_schema_event *e,
                                                const struct hs_schema_field *like)
{
	uint32_t i = hs_schema_table_find(t, (uint32_t)(e - t->event), hs_slice(like->name.p, like->name.n));

	return i == HS_SCHEMA_NONE ? NULL : &t->field[i];
}

/* The fields that were there before: gone, or with other types. */
static void compare_old(const struct comparison *c, const struct hs_schema_event *old,
                        const struct hs_schema_event *new)
{
	for (uint32_t i = old->first; i != HS_SCHEMA_NONE; i = c->before->field[i].next) {
		const struct hs_schema_field *f = &c->before->field[i], *now = find_field(c->now, new, f);

		if (now == NULL || !hs_schema_shows_field(c->view, now)) {
			put_subject(c->out, "gone field: ", old, f);
		} else if (now->types != f->types) {
			put_subject(c->out, "other types: ", old, f);
			put_types(c->out, ": ", f->types);
			put_types(c->out, ", now ", now->types);
		} else {
			continue;
		}
		hs_buf_putc(c->out, '\n');
	}
}

static void compare_new(const struct comparison *c, const struct hs_schema_event *old,
                        const struct hs_schema_event *new)
{
	for (uint32_t i = new->first; i != HS_SCHEMA_NONE; i = c->now->field[i].next) {
		const struct hs_schema_field *f = &c->now->field[i];

		if (!hs_schema_shows_field(c->view, f) || find_field(c->before, old, f) != NULL)
			continue;
		put_subject(c->out, "new field: ", new, f);
		hs_buf_putc(c->out, '\n');
	}
}

bool hs_schema_diff(const struct hs_schema_table *before, const struct hs_schema_table *now,
                    const struct hs_schema_view *view, struct hs_buf *out)
{
	struct comparison c = { before, now, view, out };
	struct hs_schema_view ever = { .event = view->event };
	size_t start = out->n;

	for (size_t i = 0; i < before->count; i++) {
		const struct hs_schema_event *old = &before->event[i], *new = find_event(now, old);

		if (!hs_schema_shows_event(&ever, old))
			continue;
		if (new != NULL && hs_schema_shows_event(view, new)) {
			compare_old(&c, old, new);
			compare_new(&c, old, new);
			continue;
		}
		put_subject(out, "gone event: ", old, NULL);
		hs_buf_putc(out, '\n');
	}
	for (size_t i = 0; i < now->count; i++) {
		if (!hs_schema_shows_event(view, &now->event[i]) || find_event(before, &now->event[i]) != NULL)
			continue;
		put_subject(out, "new event: ", &now->event[i], NULL);
		hs_buf_putc(out, '\n');
	}
	return out->n > start;
}
