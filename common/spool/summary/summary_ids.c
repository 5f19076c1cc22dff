#include "spool/summary/summary_ids.h"

#include <stdlib.h>

enum {
	BUCKET_IDS = 4, /* on average */
	BUCKET_BITS = 20,
	INSERTED = 32, /* most ids that are sorted by insertion */
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

/* Sorts the few ids of a bucket. */
static void sort_bucket(struct hs_summary_id *id, size_t n)
{
	if (n > INSERTED) /* by chance never: somebody has chosen these ids */
		qsort(id, n, sizeof *id, by_key);
	for (size_t i = 1; i < n && n <= INSERTED; i++) {
		struct hs_summary_id moved = id[i];
		size_t at = i;

		for (; at > 0 && by_key(&moved, &id[at - 1]) < 0; at--)
			id[at] = id[at - 1];
		id[at] = moved;
	}
}

/* Sorts `count` ids into `to`. Keys are hashes, so their first bits spread them evenly over buckets, whose ends go to `end`. */
static void sort_to(struct hs_summary_id *to, const struct hs_summary_id *id, size_t count, size_t *end, unsigned bits)
{
	size_t buckets = (size_t)1 << bits;

	for (size_t i = 0; i < count; i++)
		end[(id[i].first >> (64 - bits)) + 1]++;
	for (size_t i = 1; i < buckets; i++)
		end[i] += end[i - 1];
	for (size_t i = 0; i < count; i++) /* end[i] moves from the bucket's start to its end */
		to[end[id[i].first >> (64 - bits)]++] = id[i];
	for (size_t i = 0, start = 0; i < buckets; start = end[i++])
		sort_bucket(to + start, end[i] - start);
}

static size_t drop_repeated(struct hs_summary_id *id, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || id[i].first != id[i + 1].first || id[i].second != id[i + 1].second)
			id[kept++] = id[i];
	return kept;
}

bool hs_summary_ids_sort(struct hs_summary_id **id, size_t *count, size_t *room)
{
	struct hs_summary_id *to = malloc((*count + 1) * sizeof *to);
	unsigned bits = 1;
	size_t *end;

	while (bits < BUCKET_BITS && (*count >> bits) > BUCKET_IDS)
		bits++;
	end = calloc(((size_t)1 << bits) + 1, sizeof *end);
	if (to == NULL || end == NULL) {
		free(to);
		free(end);
		return false;
	}
	sort_to(to, *id, *count, end, bits);
	free(end);
	free(*id);
	*id = to;
	*room = *count + 1;
	*count = drop_repeated(to, *count);
	return true;
}
