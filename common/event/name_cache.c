#include "event/name_cache.h"
#include "base/hash.h"
#include "event/event.h"
#include "event/json.h"
#include "event/snake.h"

#include <assert.h>
#include <stdlib.h>

enum {
	ENTRIES_FIRST = 256,
	ENTRIES_KEEP = 1 << 12, /* limit of names, and of steps */
	TEXT_KEEP = 1 << 19,    /* limit of their bytes */
	LABEL_GROWS = 6,        /* longest escape of a byte: \u0001 */
};

static const uint32_t NO_STEP = UINT32_MAX;

void hs_name_cache_free(struct hs_name_cache *p)
{
	hs_buf_free(&p->text);
	hs_buf_free(&p->path);
	free(p->name);
	free(p->step);
	free(p->name_slot);
	free(p->step_slot);
	memset(p, 0, sizeof *p);
}

static bool is_too_much(const struct hs_name_cache *p)
{
	return p->names_n > ENTRIES_KEEP || p->steps > ENTRIES_KEEP || p->text.n > TEXT_KEEP;
}

static void forget(struct hs_name_cache *p)
{
	if (p->names_n > 0)
		memset(p->name_slot, 0, 2 * p->name_cap * sizeof *p->name_slot);
	if (p->steps > 0)
		memset(p->step_slot, 0, 2 * p->step_cap * sizeof *p->step_slot);
	p->names_n = p->steps = 0;
	hs_buf_reset(&p->text);
}

void hs_name_cache_shrink(struct hs_name_cache *p)
{
	if (is_too_much(p) || p->name_cap > ENTRIES_KEEP || p->step_cap > ENTRIES_KEEP)
		hs_name_cache_free(p);
	hs_buf_shrink(&p->path, TEXT_KEEP);
}

/* --- tables ------------------------------------------------------------------ */

/* Grows an array of entries and its table, twice as large; the caller fills the table. */
static bool grow(void **entry, size_t size, uint32_t **slot, uint32_t *cap)
{
	uint32_t larger = *cap == 0 ? ENTRIES_FIRST : *cap * 2;
	uint32_t *slots = calloc(2 * (size_t)larger, sizeof *slots);
	void *entries = slots == NULL ? NULL : realloc(*entry, larger * size);

	if (entries == NULL) {
		free(slots);
		return false;
	}
	free(*slot);
	*entry = entries;
	*slot = slots;
	*cap = larger;
	return true;
}

static uint32_t step_hash(uint32_t parent, uint32_t key_hash)
{
	return key_hash ^ (parent + 1) * UINT32_C(0x9E3779B1);
}

static void fill(uint32_t *slot, uint32_t cap, uint32_t hash, uint32_t entry)
{
	uint32_t mask = 2 * cap - 1, at = hash & mask;

	while (slot[at] != 0)
		at = (at + 1) & mask;
	slot[at] = entry;
}

static bool grow_names(struct hs_name_cache *p)
{
	void *entry = p->name;

	if (!grow(&entry, sizeof *p->name, &p->name_slot, &p->name_cap))
		return false;
	p->name = entry;
	for (uint32_t i = 0; i < p->names_n; i++)
		fill(p->name_slot, p->name_cap, p->name[i].hash, i + 1);
	return true;
}

static bool grow_steps(struct hs_name_cache *p)
{
	void *entry = p->step;

	if (!grow(&entry, sizeof *p->step, &p->step_slot, &p->step_cap))
		return false;
	p->step = entry;
	for (uint32_t i = 1; i < p->steps; i++)
		fill(p->step_slot, p->step_cap, step_hash(p->step[i].parent, p->step[i].hash), i);
	return true;
}

bool hs_name_cache_next(struct hs_name_cache *p, enum hs_names names)
{
	if (names != p->names || is_too_much(p) || ++p->era == 0) {
		forget(p);
		p->names = names;
		p->era = 1;
	}
	p->last = 0;
	p->text.failed = false;
	hs_buf_reset(&p->path);
	if (p->steps == 0) {
		if (p->step_cap == 0 && !grow_steps(p))
			return false;
		p->step[p->steps++] = (struct hs_step){ .parent = NO_STEP };
	}
	p->guess = p->step[0].next;
	return true;
}

static struct hs_slice text_at(const struct hs_name_cache *p, uint32_t at, uint32_t length)
{
	return hs_slice(p->text.p + at, length);
}

/* --- names ------------------------------------------------------------------- */

/*
 * Reserves the fixed names and those that hookspool adds, even where they are absent. Otherwise
 * {"message":{"id":…}} could pose as a message_id, and an event could bring its own tenant.
 */
static bool is_reserved(struct hs_slice name)
{
	return hs_field_named(name) != HS_FIELD_COUNT || hs_slice_eq(name, HS_SLICE("tenant")) ||
	       hs_slice_eq(name, HS_SLICE("spooled_at"));
}

/* Appends a name as the inside of a JSON string. Lone surrogates are three bytes in it (json.h). */
static void put_escaped(struct hs_buf *out, struct hs_slice name)
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
			hs_buf_put(out,
			           (char[]){ '\\', 'u', hex[code >> 12], hex[code >> 8 & 15], hex[code >> 4 & 15],
			                     hex[code & 15] },
			           6);
		}
		i += c == 0xED ? 2 : 0;
		from = i + 1;
	}
	hs_buf_put(out, name.p + from, name.n - from);
}

/* Offsets have 32 bits; a larger record is rejected anyway. */
static enum hs_result make_room(struct hs_name_cache *p, size_t n)
{
	n += HS_LABEL_SLACK;
	if (n > UINT32_MAX - p->text.n)
		return HS_E_RECORD_LARGE;
	return hs_buf_reserve(&p->text, n) != NULL ? HS_OK : HS_E_MEMORY;
}

/* Adds a name, followed by its label. */
static enum hs_result add_name(struct hs_name_cache *p, struct hs_slice name, uint32_t hash, uint32_t *index)
{
	enum hs_result r = make_room(p, name.n * (1 + LABEL_GROWS) + 4);
	size_t at = p->text.n, label = at + name.n;

	if (r != HS_OK)
		return r;
	if (p->names_n == p->name_cap && !grow_names(p))
		return HS_E_MEMORY;
	hs_buf_put_slice(&p->text, name);
	hs_buf_put(&p->text, ",\"", 2);
	put_escaped(&p->text, name);
	hs_buf_put(&p->text, "\":", 2);
	*index = p->names_n++;
	p->name[*index] = (struct hs_name){ .at = (uint32_t)at,
		                            .n = (uint32_t)name.n,
		                            .hash = hash,
		                            .label = (uint32_t)label,
		                            .label_n = (uint32_t)(p->text.n - label),
		                            .reserved = is_reserved(name) };
	fill(p->name_slot, p->name_cap, hash, *index + 1);
	return HS_OK;
}

/* The name in p->path, added if it is new. */
static enum hs_result enter_name(struct hs_name_cache *p, uint32_t *index)
{
	struct hs_slice name = hs_buf_slice(&p->path);
	uint32_t hash = (uint32_t)hs_hash(name.p, name.n, (uint64_t)(uintptr_t)p);
	uint32_t mask = 2 * p->name_cap - 1, at = hash & mask;

	if (!hs_buf_ok(&p->path))
		return HS_E_MEMORY;
	for (; p->name_cap > 0 && p->name_slot[at] != 0; at = (at + 1) & mask) {
		const struct hs_name *known = &p->name[p->name_slot[at] - 1];

		if (known->hash == hash && hs_slice_eq(text_at(p, known->at, known->n), name)) {
			*index = p->name_slot[at] - 1;
			return HS_OK;
		}
	}
	return add_name(p, name, hash, index);
}

/* Claims the name; false if this record has it already. */
static bool take_name(struct hs_name_cache *p, uint32_t index)
{
	struct hs_name *name = &p->name[index];

	if (name->era == p->era) {
		if (name->suffix == 0)
			name->suffix = 2;
		return false;
	}
	name->era = p->era;
	name->suffix = name->reserved ? 2 : 0;
	return !name->reserved;
}

/* Tries each number once per name, so a thousand equal names cost a thousand tries. */
static enum hs_result take_suffixed(struct hs_name_cache *p, uint32_t base, uint32_t *index)
{
	enum hs_result r;

	do {
		hs_buf_reset(&p->path);
		hs_buf_put_slice(&p->path, text_at(p, p->name[base].at, p->name[base].n));
		hs_buf_putc(&p->path, '_');
		hs_buf_put_uint(&p->path, p->name[base].suffix++);
		r = enter_name(p, index);
	} while (r == HS_OK && !take_name(p, *index));
	return r;
}

/* --- steps ------------------------------------------------------------------- */

/* Appends a key to p->path as a component of a name. */
static void put_component(struct hs_name_cache *p, struct hs_slice key)
{
	char *to = hs_buf_reserve(&p->path, HS_SNAKE_MAX(key.n));

	if (to == NULL)
		return;
	if (p->names == HS_NAMES_VERBATIM)
		hs_buf_put_slice(&p->path, key);
	else
		p->path.n += hs_snake(key, to);
}

static enum hs_result add_step(struct hs_name_cache *p, uint32_t parent, struct hs_slice key, uint32_t hash,
                               uint32_t *step)
{
	size_t path_n = parent == HS_PATH_TOP ? 0 : p->step[parent].path_n + 1;
	enum hs_result r;

	hs_buf_reset(&p->path);
	put_component(p, key);
	path_n += p->path.n;
	if (!hs_buf_ok(&p->path) || (p->steps == p->step_cap && !grow_steps(p)))
		return HS_E_MEMORY;
	if (path_n > HS_NAME_MAX)
		return HS_E_NAME_LONG;
	r = make_room(p, key.n);
	if (r != HS_OK)
		return r;
	p->step[p->steps] = (struct hs_step){ .parent = parent,
		                              .hash = hash,
		                              .at = (uint32_t)p->text.n,
		                              .n = (uint32_t)key.n,
		                              .path_n = (uint32_t)path_n };
	hs_buf_put_slice(&p->text, key);
	fill(p->step_slot, p->step_cap, step_hash(parent, hash), p->steps);
	*step = p->steps++;
	return HS_OK;
}

/* Predicts this step after the previous one from now on. */
static void remember(struct hs_name_cache *p, uint32_t step)
{
	p->step[p->last].next = step;
	p->last = step;
	p->guess = p->step[step].next;
}

enum hs_result hs_name_cache_find_step(struct hs_name_cache *p, uint32_t parent, struct hs_slice key, uint32_t *step)
{
	uint32_t hash = (uint32_t)hs_hash(key.p, key.n, (uint64_t)(uintptr_t)p);
	uint32_t mask = 2 * p->step_cap - 1, at = step_hash(parent, hash) & mask;
	enum hs_result r;

	assert(parent < p->steps);
	*step = 0;
	for (; p->step_slot[at] != 0 && *step == 0; at = (at + 1) & mask) {
		const struct hs_step *s = &p->step[p->step_slot[at]];

		if (s->hash == hash && s->parent == parent && hs_slice_eq(text_at(p, s->at, s->n), key))
			*step = p->step_slot[at];
	}
	r = *step != 0 ? HS_OK : add_step(p, parent, key, hash, step);
	if (r == HS_OK)
		remember(p, *step);
	return r;
}

/* Makes the name of a path, from the root down, when it has a value for the first time. */
static enum hs_result name_step(struct hs_name_cache *p, uint32_t step)
{
	uint32_t way[HS_JSON_DEPTH_MAX + 1] = { 0 }, index = 0; /* one more for the settings header */
	unsigned depth = 0;
	enum hs_result r;

	for (uint32_t s = step; s != HS_PATH_TOP; s = p->step[s].parent) {
		assert(depth < sizeof way / sizeof way[0]);
		way[depth++] = s;
	}
	hs_buf_reset(&p->path);
	while (depth-- > 0) {
		const struct hs_step *s = &p->step[way[depth]];

		put_component(p, text_at(p, s->at, s->n));
		if (depth > 0)
			hs_buf_putc(&p->path, p->names == HS_NAMES_VERBATIM ? '.' : '_');
	}
	r = enter_name(p, &index);
	if (r == HS_OK)
		p->step[step].name = index + 1;
	return r;
}

enum hs_result hs_name_cache_make_claim(struct hs_name_cache *p, uint32_t step, struct hs_slice *label)
{
	const struct hs_name *name;
	enum hs_result r = HS_OK;
	uint32_t index;

	if (p->step[step].name == 0)
		r = name_step(p, step);
	if (r != HS_OK)
		return r;
	index = p->step[step].name - 1;
	if (!take_name(p, index))
		r = take_suffixed(p, index, &index);
	if (r != HS_OK)
		return r;
	name = &p->name[index];
	*label = text_at(p, name->label, name->label_n);
	return HS_OK;
}
