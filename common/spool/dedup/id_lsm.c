#include "spool/dedup/id_lsm.h"

#include <endian.h>
#include <string.h>

enum {
	LEVEL_BITS = 4, /* of a key; the others are the first bits of the id */
	AT_ONCE = 32,   /* ids looked up together */
	SHARE = 16,     /* a level holds this part of the next one, … */
	MOVE = 512,     /* ids moved at a time, and up to a block more */
	TEND = 2,       /* ids moved for each id put, at most */
	DENSE = 16,     /* this many ids of one block of the last level go there at once */
};

/* … or this many ids, if that is more: an empty next level costs no look-up. */
static const uint64_t room_least[HS_ID_LSM - 1] = { 1 << 13, 1 << 17 };

static uint64_t key_of(int level, uint64_t high)
{
	return (uint64_t)level << (64 - LEVEL_BITS) | high >> LEVEL_BITS;
}

/* Turns a key into its stored form, and back. */
static uint64_t stored(uint64_t key)
{
	return HS_ID_LSM_FLAGS == MDB_INTEGERKEY ? key : htobe64(key);
}

struct place {
	uint64_t key; /* of the block */
	bool there;
	struct hs_slice packed; /* until the next change */
};

/* Finds the block that an id belongs to: see index.h, invariant 4. */
static int find_place(MDB_cursor *c, int level, uint64_t high, struct place *p)
{
	uint64_t want = stored(key_of(level, high));
	MDB_val key = { sizeof want, &want }, packed;
	int code = mdb_cursor_get(c, &key, &packed, MDB_SET_RANGE);

	*p = (struct place){ .key = key_of(level, UINT64_MAX) };
	if (code != 0)
		return code == MDB_NOTFOUND ? 0 : code;
	if (key.mv_size != sizeof want)
		return MDB_CORRUPTED;
	memcpy(&want, key.mv_data, sizeof want);
	want = stored(want);
	if (want > p->key)
		return 0;
	if (packed.mv_size > HS_ID_BLOCK_ENTRIES * HS_ID_BLOCK_ENTRY || packed.mv_size % HS_ID_BLOCK_ENTRY != 0)
		return MDB_CORRUPTED;
	*p = (struct place){ want, true, hs_slice(packed.mv_data, packed.mv_size) };
	return 0;
}

/* --- finding ------------------------------------------------------------------ */

/* The block of a level that was read last, and the range of first halves that belong to it. */
struct range {
	uint64_t low, top; /* low > top: none */
	struct hs_slice packed;
};

/* Where an id is, if it is in a level. */
struct spot {
	struct hs_slice packed;
	size_t near;
};

/* The first half that follows a block's range; 0 after the last block of a level. */
static uint64_t first_after(uint64_t key)
{
	return (key + 1) << LEVEL_BITS;
}

static int find_range(MDB_cursor *c, int level, uint64_t high, struct range *r)
{
	struct place p;
	MDB_val before, packed;
	uint64_t key;
	int code = find_place(c, level, high, &p);

	*r = (struct range){ high, first_after(p.key) - 1, p.packed };
	if (code != 0 || !p.there)
		return code;
	/* it begins where the block before it ends, which the search has just passed */
	r->low = 0;
	code = mdb_cursor_get(c, &before, &packed, MDB_PREV);
	if (code == 0 && before.mv_size == sizeof key) {
		memcpy(&key, before.mv_data, sizeof key);
		key = stored(key);
		if (key >= key_of(level, 0))
			r->low = first_after(key);
	}
	return code == MDB_NOTFOUND ? 0 : code;
}

/* `r` is the range of the id before: for sorted ids it often serves again. */
static int find_spot(MDB_cursor *c, int level, uint64_t high, struct range *r, struct spot *s)
{
	int code = high < r->low || high > r->top ? find_range(c, level, high, r) : 0;

	*s = (struct spot){ r->packed, hs_id_block_guess(r->packed, r->low, r->top, high) };
	hs_id_block_prefetch(s->packed, s->near);
	return code;
}

static bool is_there(const struct spot *s, const struct hs_id_block_entry *e, uint32_t since_s)
{
	uint32_t spooled_s;

	return hs_id_block_find(s->packed, s->near, e, &spooled_s) && spooled_s >= since_s;
}

static int find_few(MDB_cursor *c, struct range range[HS_ID_LSM], const struct hs_id_block_entry *e, size_t n,
                    uint32_t since_s, bool *found)
{
	struct spot spot[HS_ID_LSM][AT_ONCE];
	int code = 0;

	for (int level = 0; level < HS_ID_LSM; level++)
		for (size_t i = 0; i < n && code == 0; i++)
			code = find_spot(c, level, e[i].high, &range[level], &spot[level][i]);
	for (size_t i = 0; i < n && code == 0; i++) {
		found[i] = false;
		for (int level = 0; level < HS_ID_LSM && !found[i]; level++)
			found[i] = is_there(&spot[level][i], &e[i], since_s);
	}
	return code;
}

int hs_id_lsm_find(MDB_cursor *c, const struct hs_id_block_entry *e, size_t n, uint32_t since_s, bool *found)
{
	struct range range[HS_ID_LSM];
	int code = 0;

	for (int level = 0; level < HS_ID_LSM; level++)
		range[level] = (struct range){ .low = 1 };
	for (size_t i = 0; i < n && code == 0; i += AT_ONCE)
		code = find_few(c, range, &e[i], n - i < AT_ONCE ? n - i : AT_ONCE, since_s, &found[i]);
	return code;
}

/* --- putting ------------------------------------------------------------------ */

static int put_part(MDB_cursor *c, uint64_t key, const struct hs_id_block *b, size_t from, size_t count)
{
	uint64_t as_stored = stored(key);
	MDB_val k = { sizeof as_stored, &as_stored }, packed = { count * HS_ID_BLOCK_ENTRY, NULL };
	int code = mdb_cursor_put(c, &k, &packed, MDB_RESERVE);

	if (code == 0)
		hs_id_block_pack(b, from, count, packed.mv_data);
	return code;
}

/*
 * Where to divide a block that is too large: near its middle, between two ids whose keys differ. A
 * hundred hashes with the same first 60 bits do not occur.
 */
static size_t middle(int level, const struct hs_id_block *b)
{
	size_t at = b->n / 2;

	while (at < HS_ID_BLOCK_ENTRIES && key_of(level, b->high[at - 1]) == key_of(level, b->high[at]))
		at++;
	return at;
}

/* Stores a merged block, as two if it is too large. */
static int put_block(MDB_cursor *c, int level, uint64_t key, const struct hs_id_block *b)
{
	size_t low = b->n > HS_ID_BLOCK_ENTRIES ? middle(level, b) : 0;
	int code = put_part(c, key, b, low, b->n - low);

	if (code == 0 && low > 0)
		code = put_part(c, key_of(level, b->high[low - 1]), b, 0, low);
	return code;
}

/* Finds the block of the first id, and how many ids belong to it. */
static int find_batch(MDB_cursor *c, int level, const struct hs_id_block_entry *e, size_t n, struct place *p,
                      size_t *batch)
{
	int code = find_place(c, level, e->high, p);

	*batch = 0;
	while (code == 0 && *batch < n && *batch < HS_ID_BLOCK_ADDED && key_of(level, e[*batch].high) <= p->key)
		++*batch;
	return code;
}

static int put_batch(MDB_cursor *c, struct hs_id_lsm *l, int level, uint32_t since_s, const struct place *p,
                     const struct hs_id_block_entry *e, size_t batch)
{
	struct hs_id_block block;

	hs_id_block_merge(&block, p->packed, since_s, e, batch);
	l->count[level] += block.n - p->packed.n / HS_ID_BLOCK_ENTRY;
	return put_block(c, level, p->key, &block);
}

static int put(MDB_cursor *c, struct hs_id_lsm *l, int level, uint32_t since_s, const struct hs_id_block_entry *e,
               size_t n)
{
	size_t batch;
	int code = 0;

	for (; n > 0 && code == 0; e += batch, n -= batch) {
		struct place p;

		code = find_batch(c, level, e, n, &p, &batch);
		if (code == 0)
			code = put_batch(c, l, level, since_s, &p, e, batch);
	}
	return code;
}

/* --- moving on ---------------------------------------------------------------- */

/* Takes whole blocks from the hand on, to the end of the level at most. */
static int take(MDB_cursor *c, struct hs_id_lsm *l, int level, struct hs_id_block_entry *e, size_t *n)
{
	int code = 0;

	for (*n = 0; code == 0 && *n < MOVE;) {
		struct place p;

		code = find_place(c, level, l->hand[level], &p);
		if (code != 0)
			return code;
		l->hand[level] = first_after(p.key);
		if (p.there) {
			*n += hs_id_block_unpack(p.packed, &e[*n]);
			l->count[level] -= p.packed.n / HS_ID_BLOCK_ENTRY;
			code = mdb_cursor_del(c, 0);
		}
		if (l->hand[level] == 0)
			break;
	}
	return code;
}

static int move(MDB_cursor *c, struct hs_id_lsm *l, int level, uint32_t since_s, size_t *moved)
{
	struct hs_id_block_entry e[MOVE + HS_ID_BLOCK_ENTRIES];
	int code = take(c, l, level, e, moved);

	return code == 0 ? put(c, l, level + 1, since_s, e, *moved) : code;
}

static bool is_full(const struct hs_id_lsm *l, int level)
{
	return l->count[level] > room_least[level] && l->count[level] > l->count[level + 1] / SHARE;
}

int hs_id_lsm_put(MDB_cursor *c, struct hs_id_lsm *l, uint32_t since_s, const struct hs_id_block_entry *e, size_t n)
{
	int code = put(c, l, 0, since_s, e, n);

	for (int level = 0; code == 0 && level + 1 < HS_ID_LSM; level++) {
		size_t turns = TEND * n / MOVE + 1;

		n = 0;
		for (; code == 0 && turns > 0 && is_full(l, level); turns--) {
			size_t moved = 0;

			code = move(c, l, level, since_s, &moved);
			n += moved;
		}
	}
	return code;
}

int hs_id_lsm_put_many(MDB_cursor *c, struct hs_id_lsm *l, uint32_t since_s, struct hs_id_block_entry *e, size_t n)
{
	const int last = HS_ID_LSM - 1;
	size_t batch, left = 0;
	int code = 0;

	for (size_t i = 0; i < n && code == 0; i += batch) {
		struct place p;

		code = find_batch(c, last, &e[i], n - i, &p, &batch);
		if (code == 0 && batch >= DENSE) {
			code = put_batch(c, l, last, since_s, &p, &e[i], batch);
		} else if (code == 0) {
			memmove(&e[left], &e[i], batch * sizeof *e);
			left += batch;
		}
	}
	return code == 0 ? hs_id_lsm_put(c, l, since_s, e, left) : code;
}
