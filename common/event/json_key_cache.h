/*
 * json_key_cache: the keys that a reader has seen, and which key followed which.
 *
 * A customer's events have the same few hundred keys for years, nearly always in the same order.
 * So the reader predicts the next key. If the text goes on with exactly its bytes, one comparison
 * replaces validating, hashing and finding duplicates of the string. A wrong prediction costs that
 * comparison; no prediction is trusted.
 *
 * The cache distinguishes keys by their parent, the key of the enclosing value, so that the `name`
 * of a page and the `name` of a product have separate successors.
 */
#ifndef HS_JSON_KEY_CACHE_H
#define HS_JSON_KEY_CACHE_H

#include "base/slice.h"

enum {
	HS_JSON_KEY_TEXT = 32, /* longer keys are not cached */
	HS_JSON_KEY_TOP = 0,   /* parent of the keys of the outermost object */
};

struct hs_json_key {
	char text[HS_JSON_KEY_TEXT]; /* with quotes and colon, then zeros */
	uint8_t n;                   /* length */
	uint8_t note;                /* for the user of the tokens; 0 at first */
	uint32_t hash;
	uint32_t under;       /* parent: another key, or HS_JSON_KEY_TOP */
	uint32_t first, next; /* predictions: first key in its value, key after it; 0: none */
	uint64_t object;      /* number of the last object that had it */
};

/* A zeroed struct is empty. key[HS_JSON_KEY_TOP] has predictions but no text. */
struct hs_json_key_cache {
	struct hs_json_key *key;
	uint32_t *slot; /* index of a key; 0: empty; twice as many as keys */
	uint32_t n, cap;
	uint64_t objects; /* number of objects read so far */
};

void hs_json_key_cache_free(struct hs_json_key_cache *k);

/* Frees memory above a working size; if it does, drops all keys. */
void hs_json_key_cache_shrink(struct hs_json_key_cache *k);

/* Call before each text: drops all keys if there are too many. False: out of memory. */
bool hs_json_key_cache_start(struct hs_json_key_cache *k);

/*
 * The index of a key, which is added if it is new; `text` is as in struct hs_json_key. 0: it
 * cannot be cached. May move k->key. `seed` must always be the same.
 */
uint32_t hs_json_key_cache_find(struct hs_json_key_cache *k, uint32_t under, struct hs_slice text, uint64_t seed);

/* True if the first n of 16 bytes are equal, n at most 16. Branch-free; reads all 16. */
static inline bool hs_json_key_same(const char *a, const char *b, size_t n)
{
	static const uint8_t compare[32] = { 255, 255, 255, 255, 255, 255, 255, 255,
		                             255, 255, 255, 255, 255, 255, 255, 255 };
	uint64_t x[2], y[2], mask[2];

	memcpy(x, a, sizeof x);
	memcpy(y, b, sizeof y);
	memcpy(mask, compare + sizeof mask - n, sizeof mask);
	return (((x[0] ^ y[0]) & mask[0]) | ((x[1] ^ y[1]) & mask[1])) == 0;
}

/* True if the text at p, of at least 16 bytes, begins with this key. */
static inline bool hs_json_key_begins(const struct hs_json_key *key, const char *p, const char *end)
{
	if (HS_MOSTLY(key->n <= 16))
		return hs_json_key_same(key->text, p, key->n);
	return end - p >= 32 && hs_json_key_same(key->text, p, 16) &&
	       hs_json_key_same(key->text + 16, p + 16, key->n - 16);
}

#endif
