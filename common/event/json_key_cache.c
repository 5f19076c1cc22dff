#include "event/json_key_cache.h"
#include "base/hash.h"

#include <stdlib.h>

enum {
	FIRST = 64,
	KEEP = 1 << 12, /* keys that survive a text … */
	MOST = 1 << 15, /* … and keys that one text may add: two megabytes */
};

void hs_json_key_cache_free(struct hs_json_key_cache *k)
{
	free(k->key);
	free(k->slot);
	memset(k, 0, sizeof *k);
}

void hs_json_key_cache_shrink(struct hs_json_key_cache *k)
{
	uint64_t objects = k->objects;

	if (k->cap > KEEP) {
		hs_json_key_cache_free(k);
		k->objects = objects;
	}
}

static uint32_t first_slot(uint32_t hash, uint32_t under, uint32_t mask)
{
	return (hash ^ under * UINT32_C(0x9E3779B1)) & mask;
}

static void fill(struct hs_json_key_cache *k, uint32_t index)
{
	const struct hs_json_key *key = &k->key[index];
	uint32_t mask = 2 * k->cap - 1, at = first_slot(key->hash, key->under, mask);

	while (k->slot[at] != 0)
		at = (at + 1) & mask;
	k->slot[at] = index;
}

static bool grow(struct hs_json_key_cache *k)
{
	uint32_t cap = k->cap == 0 ? FIRST : 2 * k->cap;
	uint32_t *slot = calloc(2 * (size_t)cap, sizeof *slot);
	struct hs_json_key *key = slot == NULL ? NULL : realloc(k->key, cap * sizeof *key);

	if (key == NULL) {
		free(slot);
		return false;
	}
	free(k->slot);
	k->key = key;
	k->slot = slot;
	k->cap = cap;
	for (uint32_t i = 1; i < k->n; i++)
		fill(k, i);
	return true;
}

bool hs_json_key_cache_start(struct hs_json_key_cache *k)
{
	if (k->n > 0 && k->n <= KEEP)
		return true;
	if (k->cap == 0 && !grow(k))
		return false;
	memset(k->slot, 0, 2 * (size_t)k->cap * sizeof *k->slot);
	memset(k->key, 0, sizeof *k->key);
	k->n = 1;
	return true;
}

uint32_t hs_json_key_cache_find(struct hs_json_key_cache *k, uint32_t under, struct hs_slice text, uint64_t seed)
{
	uint32_t hash = (uint32_t)hs_hash(text.p, text.n, seed);
	uint32_t mask = 2 * k->cap - 1, at = first_slot(hash, under, mask);
	struct hs_json_key *key;

	if (text.n > HS_JSON_KEY_TEXT)
		return 0;
	for (; k->slot[at] != 0; at = (at + 1) & mask) {
		key = &k->key[k->slot[at]];
		if (key->hash == hash && key->under == under && hs_slice_eq(hs_slice(key->text, key->n), text))
			return k->slot[at];
	}
	if (k->n == MOST || (k->n == k->cap && !grow(k)))
		return 0;
	key = &k->key[k->n];
	*key = (struct hs_json_key){ .n = (uint8_t)text.n, .hash = hash, .under = under };
	memcpy(key->text, text.p, text.n);
	fill(k, k->n);
	return k->n++;
}
