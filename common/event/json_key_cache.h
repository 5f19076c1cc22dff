/*
 * json_key_cache: the keys that a reader has met, and which of them followed which.
 *
 * A customer's events have the same few hundred keys for years, nearly always in the same
 * order. So which key comes next is guessed; and if the text goes on with just those bytes,
 * that is one comparison instead of a string to be judged, hashed and looked for among the
 * others of its object. A wrong guess costs that comparison: nothing is ever believed.
 *
 * A key is remembered by what it stands under, the key of the value around it, so that the
 * `name` of a page and the `name` of a product have followers of their own.
 */
#ifndef HS_JSON_KEY_CACHE_H
#define HS_JSON_KEY_CACHE_H

#include "base/slice.h"

enum {
	HS_JSON_KEY_TEXT = 32, /* longer ones are not remembered */
	HS_JSON_KEY_TOP = 0,   /* what the keys of the outermost object stand under */
};

struct hs_json_key {
	char text[HS_JSON_KEY_TEXT]; /* with quotes and colon; zeros behind it */
	uint8_t n;                   /* of its bytes */
	uint8_t note;                /* for who reads the tokens; 0 at first */
	uint32_t hash;
	uint32_t under;       /* another key, or HS_JSON_KEY_TOP */
	uint32_t first, next; /* guesses: the first key in its value, the key behind it; 0: none */
	uint64_t object;      /* the one that it stood in last */
};

/* A zeroed struct is empty. key[HS_JSON_KEY_TOP] has guesses, but no text. */
struct hs_json_key_cache {
	struct hs_json_key *key;
	uint32_t *slot; /* index of a key; 0: empty; twice as many as keys */
	uint32_t n, cap;
	uint64_t objects; /* so many have been read: their numbers */
};

void hs_json_key_cache_free(struct hs_json_key_cache *k);

/* Returns memory above a working size; forgets all keys then. */
void hs_json_key_cache_shrink(struct hs_json_key_cache *k);

/* Before a text: forgets all keys if they are too many. False: out of memory. */
bool hs_json_key_cache_start(struct hs_json_key_cache *k);

/*
 * The index of a key, remembered now if it was not before: `text` as in struct hs_json_key.
 * 0: it cannot be remembered. Moves k->key. `seed` is always the same.
 */
uint32_t hs_json_key_cache_find(struct hs_json_key_cache *k, uint32_t under, struct hs_slice text,
			   uint64_t seed);

/* Are the first n bytes, up to 16, of two times sixteen bytes the same? No jump. */
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

/* Does the text at p, which has sixteen bytes at least, begin with this key? */
static inline bool hs_json_key_begins(const struct hs_json_key *key, const char *p, const char *end)
{
	if (HS_MOSTLY(key->n <= 16))
		return hs_json_key_same(key->text, p, key->n);
	return end - p >= 32 && hs_json_key_same(key->text, p, 16) &&
	       hs_json_key_same(key->text + 16, p + 16, key->n - 16);
}

#endif
