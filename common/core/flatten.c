#include "core/flatten.h"
#include "core/hash.h"
#include "core/snake.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 256, SLOTS_KEEP = 1 << 12, WORK_KEEP = 1 << 16 };

void hs_flattener_init(struct hs_flattener *f, enum hs_names names)
{
	memset(f, 0, sizeof *f);
	f->names = names;
}

void hs_flattener_free(struct hs_flattener *f)
{
	hs_buf_free(&f->path);
	hs_buf_free(&f->taken);
	hs_buf_free(&f->key);
	free(f->slot);
	hs_flattener_init(f, f->names);
}

void hs_flattener_shrink(struct hs_flattener *f)
{
	if (f->slots > SLOTS_KEEP) {
		free(f->slot);
		f->slot = NULL;
		f->slots = 0;
	}
	hs_buf_shrink(&f->taken, WORK_KEEP);
	hs_buf_shrink(&f->path, WORK_KEEP);
	hs_buf_shrink(&f->key, WORK_KEEP);
}

/* --- names: each once in a record ------------------------------------------- */

/*
 * The fixed names, and what hookspool adds, are taken whether they are present or not.
 * Otherwise {"message":{"id":…}} could pose as a message_id, and an event could bring
 * its own tenant.
 */
static bool is_reserved(struct hs_slice name)
{
	return hs_field_named(name) != HS_FIELD_COUNT || hs_slice_eq(name, HS_SLICE("tenant")) ||
	       hs_slice_eq(name, HS_SLICE("spooled_at"));
}

/* The slot that holds the name, or the empty one where it belongs. */
static struct hs_name_slot *find_slot(struct hs_flattener *f, struct hs_slice name, uint32_t hash)
{
	uint32_t mask = f->slots - 1, at = hash & mask;

	for (;; at = (at + 1) & mask) {
		struct hs_name_slot *s = &f->slot[at];

		if (s->era != f->era)
			return s;
		if (s->hash == hash && hs_slice_eq(hs_slice(f->taken.p + s->at, s->n), name))
			return s;
	}
}

static bool grow_slots(struct hs_flattener *f)
{
	uint32_t old_slots = f->slots;
	struct hs_name_slot *old = f->slot;

	f->slots = old_slots == 0 ? SLOTS_FIRST : old_slots * 2;
	f->slot = calloc(f->slots, sizeof *f->slot);
	if (f->slot == NULL) {
		f->slot = old;
		f->slots = old_slots;
		return false;
	}
	for (uint32_t i = 0; i < old_slots; i++)
		if (old[i].era == f->era)
			*find_slot(f, hs_slice(f->taken.p + old[i].at, old[i].n), old[i].hash) = old[i];
	free(old);
	return true;
}

/*
 * Enters the name. The slot's suffix is 0 if the name was free; otherwise it is the
 * next number to try behind it. NULL: out of memory.
 */
static struct hs_name_slot *enter_name(struct hs_flattener *f, struct hs_slice name)
{
	uint32_t hash;
	struct hs_name_slot *s;

	if (2 * (f->used + 1) > f->slots && !grow_slots(f))
		return NULL;
	hash = (uint32_t)hs_hash(name.p, name.n, (uint64_t)(uintptr_t)f);
	s = find_slot(f, name, hash);
	if (s->era == f->era) {
		if (s->suffix == 0)
			s->suffix = 2;
		return s;
	}
	*s = (struct hs_name_slot){ f->era, hash, (uint32_t)f->taken.n, (uint32_t)name.n, 0 };
	hs_buf_put_slice(&f->taken, name);
	f->used++;
	if (is_reserved(name))
		s->suffix = 2;
	return hs_buf_ok(&f->taken) ? s : NULL;
}

/*
 * Makes the name in f->path unique by _2, _3, … Each number is tried once a name, so
 * a thousand equal names cost a thousand steps and not a million.
 */
static enum hs_result claim_name(struct hs_flattener *f)
{
	size_t base = f->path.n;
	struct hs_name_slot *s = enter_name(f, hs_buf_slice(&f->path));

	while (s != NULL && s->suffix != 0) {
		uint32_t hash = s->hash, number = s->suffix++;

		f->path.n = base;
		hs_buf_putc(&f->path, '_');
		hs_buf_put_uint(&f->path, number);
		s = enter_name(f, hs_buf_slice(&f->path));
		if (s == NULL || s->suffix == 0)
			break;
		s = find_slot(f, hs_slice(f->path.p, base), hash); /* it may have moved */
	}
	return s != NULL && hs_buf_ok(&f->path) ? HS_OK : HS_E_MEMORY;
}

/* --- output ----------------------------------------------------------------- */

/* A name as the inside of a JSON string. Surrogates were kept in three bytes (json.h). */
static void put_name(struct hs_buf *out, struct hs_slice name)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		uint32_t code = c;

		if (c >= ' ' && c != '"' && c != '\\' && c != 0xED)
			continue;
		if (c == 0xED) {
			if ((unsigned char)name.p[i + 1] < 0xA0)
				continue;
			code = 0xD000 | (uint32_t)(name.p[i + 1] & 0x3F) << 6 | (name.p[i + 2] & 0x3F);
		}
		hs_buf_put(out, name.p + from, i - from);
		if (c == '"' || c == '\\') {
			hs_buf_put(out, (char[]){ '\\', (char)c }, 2);
		} else {
			hs_buf_put(out, (char[]){ '\\', 'u', hex[code >> 12], hex[code >> 8 & 15],
			                          hex[code >> 4 & 15], hex[code & 15] }, 6);
		}
		i += c == 0xED ? 2 : 0;
		from = i + 1;
	}
	hs_buf_put(out, name.p + from, name.n - from);
}

/* Copies text into a string under way, with quotes and backslashes escaped. */
static void put_quoted(struct hs_buf *out, struct hs_slice text)
{
	char *to = hs_buf_reserve(out, 2 * text.n);

	if (to == NULL)
		return;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			*to++ = '\\';
		*to++ = text.p[i];
	}
	out->n = (size_t)(to - out->p);
}

/* An array as a string that holds its JSON text without the blanks between tokens. */
static void put_array(struct hs_buf *out, const struct hs_json *j, uint32_t array)
{
	struct hs_slice text = hs_json_raw(j, array);
	bool in_string = false;

	hs_buf_putc(out, '"');
	if (!j->tok[array].spaced) {
		put_quoted(out, text);
	} else {
		for (size_t i = 0; i < text.n; i++) {
			char c = text.p[i];

			if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
				continue;
			put_quoted(out, hs_slice(&text.p[i], 1));
			if (c == '"')
				in_string = !in_string;
			else if (c == '\\' && in_string)
				put_quoted(out, hs_slice(&text.p[++i], 1));
		}
	}
	hs_buf_putc(out, '"');
}

static void put_value(struct hs_buf *out, const struct hs_json *j, uint32_t value)
{
	if (j->tok[value].kind == HS_JSON_ARRAY)
		put_array(out, j, value);
	else
		hs_buf_put_slice(out, hs_json_raw(j, value));
}

/* ,"name": — the comma also stands before the first; the record's brace replaces it. */
static void put_label(struct hs_buf *out, struct hs_slice name)
{
	hs_buf_put(out, ",\"", 2);
	put_name(out, name);
	hs_buf_put(out, "\":", 2);
}

/* --- the walk --------------------------------------------------------------- */

/* Appends a component to f->path, with the separator if it is not the first. */
static enum hs_result push_component(struct hs_flattener *f, bool first, const struct hs_json *j,
                                     uint32_t key)
{
	struct hs_slice name = hs_json_inner(j, key);
	char *to;

	if (name.n > HS_NAME_MAX * 6) /* no escape is longer than six bytes */
		return HS_E_NAME_LONG;
	if (j->tok[key].escaped) {
		hs_buf_reset(&f->key);
		hs_json_unescape(name, &f->key);
		name = hs_buf_slice(&f->key);
	}
	if (!first)
		hs_buf_putc(&f->path, f->names == HS_NAMES_VERBATIM ? '.' : '_');
	to = hs_buf_reserve(&f->path, HS_SNAKE_MAX(name.n));
	if (to == NULL || !hs_buf_ok(&f->key))
		return HS_E_MEMORY;
	if (f->names == HS_NAMES_VERBATIM)
		hs_buf_put_slice(&f->path, name);
	else
		f->path.n += hs_snake(name, to);
	return f->path.n > HS_NAME_MAX ? HS_E_NAME_LONG : HS_OK;
}

struct walk {
	const struct hs_json *json;
	const struct hs_event *event; /* its flat fields are skipped at the top; or NULL */
	struct hs_buf *out;
	size_t limit; /* of out->n */
};

static bool is_flat_field(const struct hs_event *e, uint32_t value)
{
	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		if (e->field[f] == value)
			return true;
	return false;
}

static enum hs_result put_leaf(struct hs_flattener *f, const struct walk *w, uint32_t value)
{
	enum hs_result r = claim_name(f);

	if (r != HS_OK)
		return r;
	if (++f->leaves > HS_LEAVES_MAX)
		return HS_E_RECORD_LARGE;
	put_label(w->out, hs_buf_slice(&f->path));
	put_value(w->out, w->json, value);
	if (!hs_buf_ok(w->out))
		return HS_E_MEMORY;
	return w->out->n > w->limit ? HS_E_RECORD_LARGE : HS_OK;
}

/*
 * Every leaf of the object, depth first, in the order of the text. The names of the
 * objects around a leaf stand in f->path; `level` remembers how to take them off.
 */
static enum hs_result put_leaves(struct hs_flattener *f, const struct walk *w, uint32_t object)
{
	struct {
		uint32_t end;
		size_t path;
	} level[HS_JSON_DEPTH_MAX] = { { w->json->tok[object].next, f->path.n } };
	bool bare = f->path.n == 0; /* no prefix above the top */
	unsigned depth = 0;
	uint32_t key = object + 1;
	enum hs_result r = HS_OK;

	while (r == HS_OK) {
		const struct hs_json_token *value;

		if (key == level[depth].end) { /* the object is done; so may be the one around it */
			if (depth-- == 0)
				break;
			continue;
		}
		value = &w->json->tok[key + 1];
		f->path.n = level[depth].path;
		if (depth == 0 && w->event != NULL && is_flat_field(w->event, key + 1)) {
			key = value->next;
			continue;
		}
		r = push_component(f, bare && depth == 0, w->json, key);
		if (r == HS_OK && value->kind == HS_JSON_OBJECT) {
			depth++;
			level[depth].end = value->next;
			level[depth].path = f->path.n;
			key += 2;
		} else if (r == HS_OK) {
			r = put_leaf(f, w, key + 1);
			key = value->next;
		}
	}
	return r;
}

static void put_fixed(const struct hs_event *e, struct hs_buf *out)
{
	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		if (e->field[f] != 0) {
			put_label(out, hs_field_name((enum hs_field)f));
			put_value(out, e->json, e->field[f]);
		}
}

static enum hs_result put_stamp(struct hs_flattener *f, const struct hs_stamp *stamp,
                                struct hs_buf *out, size_t limit)
{
	enum hs_result r = HS_OK;

	if (stamp->tenant.n > 0) {
		put_label(out, HS_SLICE("tenant"));
		hs_buf_put_json(out, stamp->tenant);
	}
	if (stamp->settings != NULL) {
		struct walk w = { stamp->settings, NULL, out, limit };

		hs_buf_reset(&f->path);
		hs_buf_put_slice(&f->path, HS_SLICE("settings"));
		r = put_leaves(f, &w, 0);
	}
	put_label(out, HS_SLICE("spooled_at"));
	hs_buf_put_json(out, stamp->spooled_at);
	return r;
}

/* Forgets the names of the record before: slots of another era count as empty. */
static void next_era(struct hs_flattener *f)
{
	if (++f->era == 0) { /* after four thousand million records: slots may look new again */
		for (uint32_t i = 0; i < f->slots; i++)
			f->slot[i].era = 0;
		f->era = 1;
	}
	f->used = f->leaves = 0;
	hs_buf_reset(&f->taken);
	hs_buf_reset(&f->path);
	hs_buf_reset(&f->key);
}

enum hs_result hs_flatten(struct hs_flattener *f, const struct hs_event *e,
                          const struct hs_stamp *stamp, struct hs_buf *out)
{
	size_t start = out->n;
	size_t event_bytes = hs_json_raw(e->json, e->root).n;
	size_t limit = start + HS_RECORD_BASE + HS_RECORD_FACTOR * event_bytes;
	struct walk w = { e->json, e, out, limit };
	enum hs_result r;

	next_era(f);
	put_fixed(e, out);
	r = put_stamp(f, stamp, out, limit);
	hs_buf_reset(&f->path);
	if (r == HS_OK)
		r = put_leaves(f, &w, e->root);
	hs_buf_put(out, "}\n", 2);
	if (r == HS_OK && !hs_buf_ok(out))
		r = HS_E_MEMORY;
	if (r != HS_OK) {
		out->n = start;
		out->failed = false;
		return r;
	}
	out->p[start] = '{'; /* instead of the first comma */
	return HS_OK;
}
