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
	NUMBER_MAX = 1 + 10,    /* _N after a name */
};

_Static_assert(LABEL_GROWS *(HS_NAME_MAX + NUMBER_MAX) + 4 <= UINT16_MAX, "a label's length has 16 bits");

static const uint32_t NO_STEP = UINT32_MAX;

void hs_name_cache_free(struct hs_name_cache *cache)
{
	uint32_t forgotten = cache->forgotten + 1;

	hs_buf_free(&cache->text);
	hs_buf_free(&cache->path);
	free(cache->name);
	free(cache->step);
	free(cache->name_slot);
	free(cache->step_slot);
	*cache = (struct hs_name_cache){ .forgotten = forgotten };
}

static bool is_too_much(const struct hs_name_cache *cache)
{
	return cache->names_n > ENTRIES_KEEP || cache->steps > ENTRIES_KEEP || cache->text.n > TEXT_KEEP;
}

static void forget(struct hs_name_cache *cache)
{
	if (cache->names_n > 0)
		memset(cache->name_slot, 0, 2 * cache->name_cap * sizeof *cache->name_slot);
	if (cache->steps > 0)
		memset(cache->step_slot, 0, 2 * cache->step_cap * sizeof *cache->step_slot);
	cache->names_n = cache->steps = 0;
	cache->forgotten++;
	hs_buf_reset(&cache->text);
}

void hs_name_cache_shrink(struct hs_name_cache *cache)
{
	if (is_too_much(cache) || cache->name_cap > ENTRIES_KEEP || cache->step_cap > ENTRIES_KEEP)
		hs_name_cache_free(cache);
	hs_buf_shrink(&cache->path, TEXT_KEEP);
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

static bool grow_names(struct hs_name_cache *cache)
{
	void *entry = cache->name;

	if (!grow(&entry, sizeof *cache->name, &cache->name_slot, &cache->name_cap))
		return false;
	cache->name = entry;
	for (uint32_t i = 0; i < cache->names_n; i++)
		fill(cache->name_slot, cache->name_cap, cache->name[i].hash, i + 1);
	return true;
}

static bool grow_steps(struct hs_name_cache *cache)
{
	void *entry = cache->step;

	if (!grow(&entry, sizeof *cache->step, &cache->step_slot, &cache->step_cap))
		return false;
	cache->step = entry;
	for (uint32_t i = 1; i < cache->steps; i++)
		fill(cache->step_slot, cache->step_cap, step_hash(cache->step[i].parent, cache->step[i].hash), i);
	return true;
}

bool hs_name_cache_next(struct hs_name_cache *cache, enum hs_names names)
{
	if (names != cache->names || is_too_much(cache) || ++cache->era == 0) {
		forget(cache);
		cache->names = names;
		cache->era = 1;
	}
	cache->last = 0;
	cache->text.failed = false;
	hs_buf_reset(&cache->path);
	if (cache->steps == 0) {
		if (cache->step_cap == 0 && !grow_steps(cache))
			return false;
		cache->step[cache->steps++] = (struct hs_step){ .parent = NO_STEP };
	}
	cache->guess = cache->step[0].next;
	return true;
}

static struct hs_slice text_at(const struct hs_name_cache *cache, uint32_t at, uint32_t length)
{
	return hs_slice(cache->text.p + at, length);
}

/* --- names ------------------------------------------------------------------- */

/*
 * Reserves the fixed names and those that hookspool adds, even where they are absent. Otherwise
 * {"message":{"id":…}} could pose as a message_id, and an event could bring its own tenant or source.
 */
static bool is_reserved(struct hs_slice name)
{
	return hs_field_named(name) != HS_FIELD_COUNT || hs_slice_eq(name, HS_SLICE("tenant")) ||
	       hs_slice_eq(name, HS_SLICE("source")) || hs_slice_eq(name, HS_SLICE("spooled_at"));
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
static enum hs_result make_room(struct hs_name_cache *cache, size_t n)
{
	n += HS_LABEL_SLACK;
	if (n > UINT32_MAX - cache->text.n)
		return HS_E_RECORD_LARGE;
	return hs_buf_reserve(&cache->text, n) != NULL ? HS_OK : HS_E_MEMORY;
}

/* Adds a name, followed by its label. */
static enum hs_result add_name(struct hs_name_cache *cache, struct hs_slice name, uint32_t hash, uint32_t *index)
{
	enum hs_result r = make_room(cache, name.n * (1 + LABEL_GROWS) + 4);
	size_t at = cache->text.n, label = at + name.n;

	if (r != HS_OK)
		return r;
	if (cache->names_n == cache->name_cap && !grow_names(cache))
		return HS_E_MEMORY;
	hs_buf_put_slice(&cache->text, name);
	hs_buf_put(&cache->text, ",\"", 2);
	put_escaped(&cache->text, name);
	hs_buf_put(&cache->text, "\":", 2);
	*index = cache->names_n++;
	cache->name[*index] = (struct hs_name){ .at = (uint32_t)at,
		                                .n = (uint16_t)name.n,
		                                .hash = hash,
		                                .label = (uint32_t)label,
		                                .label_n = (uint16_t)(cache->text.n - label),
		                                .passed_by = is_reserved(name) ? HS_NAME_RESERVED : 0 };
	fill(cache->name_slot, cache->name_cap, hash, *index + 1);
	return HS_OK;
}

/* The name in p->path, added if it is new. */
static enum hs_result enter_name(struct hs_name_cache *cache, uint32_t *index)
{
	struct hs_slice name = hs_buf_slice(&cache->path);
	uint32_t hash = (uint32_t)hs_hash(name.p, name.n, (uint64_t)(uintptr_t)cache);
	uint32_t mask = 2 * cache->name_cap - 1, at = hash & mask;

	if (!hs_buf_ok(&cache->path))
		return HS_E_MEMORY;
	for (; cache->name_cap > 0 && cache->name_slot[at] != 0; at = (at + 1) & mask) {
		const struct hs_name *known = &cache->name[cache->name_slot[at] - 1];

		if (known->hash == hash && hs_slice_eq(text_at(cache, known->at, known->n), name)) {
			*index = cache->name_slot[at] - 1;
			return HS_OK;
		}
	}
	return add_name(cache, name, hash, index);
}

/* Claims the name; false if this record has it already. */
static bool take_name(struct hs_name_cache *cache, uint32_t index)
{
	struct hs_name *name = &cache->name[index];

	if (name->era == cache->era) {
		if (name->suffix == 0)
			name->suffix = 2;
		return false;
	}
	name->era = cache->era;
	name->suffix = name->passed_by == HS_NAME_RESERVED ? 2 : 0;
	return name->suffix == 0;
}

/* Tries each number once per name, so a thousand equal names cost a thousand tries. */
static enum hs_result take_suffixed(struct hs_name_cache *cache, uint32_t base, uint32_t *index)
{
	enum hs_result r;

	do {
		hs_buf_reset(&cache->path);
		hs_buf_put_slice(&cache->path, text_at(cache, cache->name[base].at, cache->name[base].n));
		hs_buf_putc(&cache->path, '_');
		hs_buf_put_uint(&cache->path, cache->name[base].suffix++);
		r = enter_name(cache, index);
	} while (r == HS_OK && !take_name(cache, *index));
	return r;
}

/* --- steps ------------------------------------------------------------------- */

/* Appends a key to p->path as a component of a name. */
static void put_component(struct hs_name_cache *cache, struct hs_slice key)
{
	char *to = hs_buf_reserve(&cache->path, HS_SNAKE_MAX(key.n));

	if (to == NULL)
		return;
	if (cache->names == HS_NAMES_VERBATIM)
		hs_buf_put_slice(&cache->path, key);
	else
		cache->path.n += hs_snake(key, to);
}

static enum hs_result add_step(struct hs_name_cache *cache, uint32_t parent, struct hs_slice key, uint32_t hash,
                               uint32_t *step)
{
	size_t path_n = parent == HS_PATH_TOP ? 0 : cache->step[parent].path_n + 1;
	enum hs_result r;

	hs_buf_reset(&cache->path);
	put_component(cache, key);
	path_n += cache->path.n;
	if (!hs_buf_ok(&cache->path) || (cache->steps == cache->step_cap && !grow_steps(cache)))
		return HS_E_MEMORY;
	if (path_n > HS_NAME_MAX)
		return HS_E_NAME_LONG;
	r = make_room(cache, key.n);
	if (r != HS_OK)
		return r;
	cache->step[cache->steps] = (struct hs_step){ .parent = parent,
		                                      .hash = hash,
		                                      .at = (uint32_t)cache->text.n,
		                                      .n = (uint32_t)key.n,
		                                      .path_n = (uint32_t)path_n };
	hs_buf_put_slice(&cache->text, key);
	fill(cache->step_slot, cache->step_cap, step_hash(parent, hash), cache->steps);
	*step = cache->steps++;
	return HS_OK;
}

/* Predicts this step after the previous one from now on. */
static void remember(struct hs_name_cache *cache, uint32_t step)
{
	cache->step[cache->last].next = step;
	cache->last = step;
	cache->guess = cache->step[step].next;
}

enum hs_result hs_name_cache_find_step(struct hs_name_cache *cache, uint32_t parent, struct hs_slice key,
                                       uint32_t *step)
{
	uint32_t hash = (uint32_t)hs_hash(key.p, key.n, (uint64_t)(uintptr_t)cache);
	uint32_t mask = 2 * cache->step_cap - 1, at = step_hash(parent, hash) & mask;
	enum hs_result r;

	assert(parent < cache->steps);
	*step = 0;
	for (; cache->step_slot[at] != 0 && *step == 0; at = (at + 1) & mask) {
		const struct hs_step *s = &cache->step[cache->step_slot[at]];

		if (s->hash == hash && s->parent == parent && hs_slice_eq(text_at(cache, s->at, s->n), key))
			*step = cache->step_slot[at];
	}
	r = *step != 0 ? HS_OK : add_step(cache, parent, key, hash, step);
	if (r == HS_OK)
		remember(cache, *step);
	return r;
}

/* Makes the name of a path, from the root down, when it has a value for the first time. */
static enum hs_result name_step(struct hs_name_cache *cache, uint32_t step)
{
	uint32_t way[HS_JSON_DEPTH_MAX + 1] = { 0 }, index = 0; /* one more for the settings header */
	unsigned depth = 0;
	enum hs_result r;

	for (uint32_t s = step; s != HS_PATH_TOP; s = cache->step[s].parent) {
		assert(depth < sizeof way / sizeof way[0]);
		way[depth++] = s;
	}
	hs_buf_reset(&cache->path);
	while (depth-- > 0) {
		const struct hs_step *s = &cache->step[way[depth]];

		put_component(cache, text_at(cache, s->at, s->n));
		if (depth > 0)
			hs_buf_putc(&cache->path, cache->names == HS_NAMES_VERBATIM ? '.' : '_');
	}
	r = enter_name(cache, &index);
	if (r == HS_OK)
		cache->step[step].name = index + 1;
	return r;
}

enum hs_result hs_name_cache_is_taken(struct hs_name_cache *cache, uint32_t step, bool *taken)
{
	enum hs_result r = cache->step[step].name == 0 ? name_step(cache, step) : HS_OK;

	if (r == HS_OK)
		*taken = cache->name[cache->step[step].name - 1].era == cache->era;
	return r;
}

enum hs_result hs_name_cache_make_claim(struct hs_name_cache *cache, uint32_t step, uint32_t *name)
{
	enum hs_result r = HS_OK;

	if (cache->step[step].name == 0)
		r = name_step(cache, step);
	if (r != HS_OK)
		return r;
	*name = cache->step[step].name - 1;
	return take_name(cache, *name) ? HS_OK : take_suffixed(cache, *name, name);
}
