#include "spool/dedup/id_block.h"

#include <assert.h>

enum { FEW = 24 }; /* sorted one by one */

static_assert(HS_DEDUP_KEY_BYTES == 16, "two halves of 8 bytes");

static uint64_t half(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

struct hs_id_block_entry hs_id_block_entry(const struct hs_dedup_key *id, uint32_t spooled_s)
{
	return (struct hs_id_block_entry){ half(id->bytes), half(id->bytes + 8), spooled_s };
}

struct hs_dedup_key hs_id_block_key(uint64_t high, uint64_t low)
{
	struct hs_dedup_key id;

	for (int i = 8; i-- > 0; high >>= 8, low >>= 8) {
		id.bytes[i] = (uint8_t)high;
		id.bytes[8 + i] = (uint8_t)low;
	}
	return id;
}

static bool is_before(const struct hs_id_block_entry *a, const struct hs_id_block_entry *b)
{
	return a->high < b->high || (a->high == b->high && a->low < b->low);
}

/* --- sorting --------------------------------------------------------------------- */

static void sort_few(struct hs_id_block_entry *e, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct hs_id_block_entry moved = e[i];
		size_t to = i;

		for (; to > 0 && is_before(&moved, &e[to - 1]); to--)
			e[to] = e[to - 1];
		e[to] = moved;
	}
}

static uint8_t byte_of(const struct hs_id_block_entry *e, unsigned shift)
{
	return (uint8_t)(e->high >> shift);
}

/* Orders the entries by one byte, in place. */
static void part_by_byte(struct hs_id_block_entry *e, size_t n, unsigned shift, size_t end[256])
{
	size_t at[256] = { 0 }, sum = 0;

	for (size_t i = 0; i < n; i++)
		at[byte_of(&e[i], shift)]++;
	for (size_t b = 0; b < 256; b++) {
		end[b] = sum + at[b];
		at[b] = sum;
		sum = end[b];
	}
	for (size_t b = 0; b < 256; b++)
		while (at[b] < end[b]) {
			struct hs_id_block_entry moved = e[at[b]];
			uint8_t to;

			while ((to = byte_of(&moved, shift)) != b) {
				struct hs_id_block_entry next = e[at[to]];

				e[at[to]++] = moved;
				moved = next;
			}
			e[at[b]++] = moved;
		}
}

static void sort_from(struct hs_id_block_entry *e, size_t n, unsigned shift)
{
	size_t end[256], from = 0;

	part_by_byte(e, n, shift, end);
	for (size_t b = 0; b < 256; from = end[b++])
		if (end[b] - from <= FEW || shift == 0)
			sort_few(&e[from], end[b] - from);
		else
			sort_from(&e[from], end[b] - from, shift - 8);
}

/* Sorts by bytes, from the first one on: hashes spread evenly, so few passes are needed. */
void hs_id_block_sort(struct hs_id_block_entry *e, size_t n)
{
	if (n <= FEW)
		sort_few(e, n);
	else
		sort_from(e, n, 56);
}

/* --- packed: at any address ---------------------------------------------------- */

static size_t entries(struct hs_slice packed)
{
	return packed.n / HS_ID_BLOCK_ENTRY;
}

static uint64_t high_at(struct hs_slice packed, size_t i)
{
	uint64_t high;

	memcpy(&high, packed.p + i * sizeof high, sizeof high);
	return high;
}

struct hs_id_block_entry hs_id_block_at(struct hs_slice packed, size_t i)
{
	size_t n = entries(packed);
	struct hs_id_block_entry e = { .high = high_at(packed, i) };

	memcpy(&e.low, packed.p + (n + i) * sizeof e.low, sizeof e.low);
	memcpy(&e.spooled_s, packed.p + 2 * n * sizeof e.low + i * sizeof e.spooled_s, sizeof e.spooled_s);
	return e;
}

/* Avoids a division of 64 bits by 64, which would take as long as all the rest. */
size_t hs_id_block_guess(struct hs_slice packed, uint64_t low, uint64_t top, uint64_t high)
{
	size_t n = entries(packed);
	uint64_t range = top - low;
	unsigned cut = 0;

	if (n == 0 || high <= low)
		return 0;
	if (high >= top)
		return n - 1;
	if (range >> 32 != 0)
		cut = 32U - (unsigned)__builtin_clzll(range);
	return (size_t)(((high - low) >> cut) * n / ((range >> cut) + 1));
}

/*
 * Two cache lines: the guess may be off by half a dozen. As numbers, since they may lie outside the block, or there
 * is none.
 */
void hs_id_block_prefetch(struct hs_slice packed, size_t near)
{
	enum { OFF = 4 };
	uintptr_t first = (uintptr_t)packed.p;

	__builtin_prefetch((const void *)(first + (near > OFF ? near - OFF : 0) * sizeof(uint64_t)));
	__builtin_prefetch((const void *)(first + (near + OFF) * sizeof(uint64_t)));
}

bool hs_id_block_find(struct hs_slice packed, size_t near, const struct hs_id_block_entry *want, uint32_t *spooled_s)
{
	size_t n = entries(packed), i = near < n ? near : n;

	while (i > 0 && high_at(packed, i - 1) >= want->high)
		i--;
	while (i < n && high_at(packed, i) < want->high)
		i++;
	for (; i < n && high_at(packed, i) == want->high; i++) {
		struct hs_id_block_entry e = hs_id_block_at(packed, i);

		if (e.low == want->low) {
			*spooled_s = e.spooled_s;
			return true;
		}
	}
	return false;
}

size_t hs_id_block_unpack(struct hs_slice packed, struct hs_id_block_entry *to)
{
	size_t n = entries(packed);

	for (size_t i = 0; i < n; i++)
		to[i] = hs_id_block_at(packed, i);
	return n;
}

/* --- making one ------------------------------------------------------------------ */

static void put(struct hs_id_block *b, const struct hs_id_block_entry *e, uint32_t since_s)
{
	size_t n = b->n;

	if (e->spooled_s < since_s)
		return;
	if (n > 0 && b->high[n - 1] == e->high && b->low[n - 1] == e->low) {
		if (b->spooled_s[n - 1] < e->spooled_s)
			b->spooled_s[n - 1] = e->spooled_s;
		return;
	}
	b->high[n] = e->high;
	b->low[n] = e->low;
	b->spooled_s[n] = e->spooled_s;
	b->n++;
}

void hs_id_block_merge(struct hs_id_block *to, struct hs_slice packed, uint32_t since_s,
                       const struct hs_id_block_entry *added, size_t count)
{
	size_t old = entries(packed), i = 0;

	assert(old <= HS_ID_BLOCK_ENTRIES && count <= HS_ID_BLOCK_ADDED);
	to->n = 0;
	for (size_t k = 0; k <= count; k++) {
		for (; i < old; i++) {
			struct hs_id_block_entry e = hs_id_block_at(packed, i);

			if (k < count && !is_before(&e, &added[k]))
				break;
			put(to, &e, since_s);
		}
		if (k < count)
			put(to, &added[k], since_s);
	}
}

void hs_id_block_pack(const struct hs_id_block *b, size_t from, size_t count, char *to)
{
	memcpy(to, &b->high[from], count * sizeof b->high[0]);
	to += count * sizeof b->high[0];
	memcpy(to, &b->low[from], count * sizeof b->low[0]);
	to += count * sizeof b->low[0];
	memcpy(to, &b->spooled_s[from], count * sizeof b->spooled_s[0]);
}
