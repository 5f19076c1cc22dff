#include "core/block.h"

#include <assert.h>

static_assert(sizeof(struct hs_block_entry) == HS_IDENTITY_BYTES + 4, "packed: no padding");

/* They may lie at any address. */
static struct hs_block_entry entry_at(struct hs_slice packed, size_t i)
{
	struct hs_block_entry e;

	memcpy(&e, packed.p + i * sizeof e, sizeof e);
	return e;
}

static const char *id_at(struct hs_slice packed, size_t i)
{
	return packed.p + i * sizeof(struct hs_block_entry);
}

/* Its first 64 bits, as a number that orders as the bytes do. */
static uint64_t prefix(const void *id)
{
	const uint8_t *p = id;
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

/* About where it should be, from where the first and the last one are. n > 0. */
static size_t guess(struct hs_slice packed, size_t n, uint64_t want)
{
	uint64_t first = prefix(id_at(packed, 0)), last = prefix(id_at(packed, n - 1));
	uint64_t step = (last - first) / n + 1;

	return want <= first ? 0 : want >= last ? n - 1 : (size_t)((want - first) / step);
}

bool hs_block_find(struct hs_slice packed, const struct hs_identity *id, uint32_t *spooled_s)
{
	size_t n = packed.n / sizeof(struct hs_block_entry), i;
	uint64_t want = prefix(id);

	if (n == 0)
		return false;
	i = guess(packed, n, want);
	while (i > 0 && prefix(id_at(packed, i)) >= want)
		i--;
	while (i < n && prefix(id_at(packed, i)) < want)
		i++;
	for (; i < n && prefix(id_at(packed, i)) == want; i++)
		if (memcmp(id_at(packed, i), id, sizeof *id) == 0) {
			*spooled_s = entry_at(packed, i).spooled_s;
			return true;
		}
	return false;
}

void hs_block_merge(struct hs_block *to, struct hs_slice packed, uint32_t since_s,
                    const struct hs_block_entry *added, size_t count)
{
	size_t old = packed.n / sizeof(struct hs_block_entry), i = 0, k = 0;

	assert(old <= HS_BLOCK_ENTRIES && count <= HS_BLOCK_ENTRIES);
	to->n = 0;
	while (i < old || k < count) {
		int order = i == old ? 1 : k == count ? -1 : memcmp(id_at(packed, i), &added[k].id, sizeof added->id);

		if (order >= 0) {
			to->entry[to->n++] = added[k++];
			i += order == 0;
		} else {
			struct hs_block_entry e = entry_at(packed, i++);

			if (e.spooled_s >= since_s)
				to->entry[to->n++] = e;
		}
	}
}
