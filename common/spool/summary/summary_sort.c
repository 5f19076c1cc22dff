#include "spool/summary/summary_sort.h"

#include <stdlib.h>
#include <string.h>

enum {
	BUCKET_ITEMS = 2, /* on average */
	BUCKET_BITS = 20,
	INSERTED = 32, /* most items that are sorted by insertion */
};

static int by_key(const void *a, const void *b)
{
	const struct hs_summary_id *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->second != y->second)
		return x->second < y->second ? -1 : 1;
	return x->spooled_s < y->spooled_s ? -1 : x->spooled_s > y->spooled_s;
}

static int by_hash(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* An item is a hash, or an id, which begins with one. Where the functions below are inlined, this is constant. */
struct sort {
	size_t size; /* of an item */
	int (*order)(const void *a, const void *b);
};

/* Sorts the few items of a bucket. */
static inline void sort_bucket(struct sort sort, char *item, size_t n)
{
	char moved[sizeof(struct hs_summary_id)] __attribute__((aligned(8)));

	if (n > INSERTED) /* never by chance: a sender has chosen these ids */
		qsort(item, n, sort.size, sort.order);
	for (size_t i = 1; i < n && n <= INSERTED; i++) {
		size_t at = i;

		memcpy(moved, item + i * sort.size, sort.size);
		for (; at > 0 && sort.order(moved, item + (at - 1) * sort.size) < 0; at--)
			memcpy(item + at * sort.size, item + (at - 1) * sort.size, sort.size);
		memcpy(item + at * sort.size, moved, sort.size);
	}
}

/* The first bits of hashes spread them evenly over buckets. `end` has a zero for each bucket, and one more. */
static inline void sort_by_buckets(struct sort sort, const char *from, size_t n, char *to, uint32_t *end, unsigned bits)
{
	size_t buckets = (size_t)1 << bits;

#define BUCKET(i) (*(const uint64_t *)(const void *)(from + (i)*sort.size) >> (64 - bits))
	for (size_t i = 0; i < n; i++)
		end[BUCKET(i) + 1]++;
	for (size_t i = 1; i < buckets; i++)
		end[i] += end[i - 1];
	for (size_t i = 0; i < n; i++) /* end[…] moves from the bucket's start to its end */
		memcpy(to + end[BUCKET(i)]++ * sort.size, from + i * sort.size, sort.size);
#undef BUCKET
	for (size_t i = 0, start = 0; i < buckets; start = end[i++])
		sort_bucket(sort, to + start * sort.size, end[i] - start);
}

/* Sorts the items into `sorted`. Returns their number; 0, and *failed, if memory ran out. */
static inline size_t sort_items(struct sort sort, const struct hs_buf *items, struct hs_buf *sorted, bool *failed)
{
	size_t n = items->n / sort.size;
	unsigned bits = 1;
	uint32_t *end;
	char *to;

	while (bits < BUCKET_BITS && (n >> bits) > BUCKET_ITEMS)
		bits++;
	end = calloc(((size_t)1 << bits) + 1, sizeof *end);
	hs_buf_reset(sorted);
	to = hs_buf_reserve(sorted, items->n);
	*failed = end == NULL || to == NULL || !hs_buf_ok(items);
	if (!*failed && n > 0)
		sort_by_buckets(sort, items->p, n, to, end, bits);
	free(end);
	return *failed ? 0 : n;
}

bool hs_summary_sort_ids(const struct hs_buf *items, struct hs_buf *sorted, size_t *n)
{
	bool failed;
	size_t all = sort_items((struct sort){ sizeof(struct hs_summary_id), by_key }, items, sorted, &failed);
	struct hs_summary_id *id = (struct hs_summary_id *)(void *)sorted->p;

	*n = 0;
	for (size_t i = 0; i < all; i++)
		if (i + 1 == all || id[i].first != id[i + 1].first || id[i].second != id[i + 1].second)
			id[(*n)++] = id[i];
	return !failed;
}

bool hs_summary_sort_hashes(const struct hs_buf *items, struct hs_buf *sorted, size_t *n)
{
	bool failed;
	size_t all = sort_items((struct sort){ sizeof(uint64_t), by_hash }, items, sorted, &failed);
	uint64_t *hash = (uint64_t *)(void *)sorted->p;

	*n = 0;
	for (size_t i = 0; i < all; i++)
		if (i + 1 == all || hash[i] != hash[i + 1])
			hash[(*n)++] = hash[i];
	return !failed;
}
