/*
 * top_counts: how many records and bytes by name, for a bounded number of names.
 *
 * A name that comes when there is no more room for new ones is counted among the others;
 * so memory does not grow with what senders think up. Names are decoded, and compared by
 * their first HS_TOP_COUNTS_NAME bytes.
 */
#ifndef HS_TOP_COUNTS_H
#define HS_TOP_COUNTS_H

#include "event/record_fields.h"

#include <stdint.h>

enum { HS_TOP_COUNTS_NAMES = 10000, HS_TOP_COUNTS_NAME = 256 /* bytes */ };

struct hs_top_counts_row {
	uint64_t records, bytes;
	uint64_t hash;
	char *name; /* NUL-terminated, but it may hold NULs of its own: see n */
	size_t n;
};

/* Zeroed but for `seed`, which no sender may know: empty. */
struct hs_top_counts {
	uint64_t seed;
	struct hs_top_counts_row *row;
	size_t count, room;
	uint32_t *slot; /* a power of two of them, 1 + index in row; 0: free */
	size_t slots;
	struct hs_top_counts_row others; /* without a name */
	struct hs_buf scratch;
};

/* One record of so many bytes. False: out of memory. */
bool hs_top_counts_add(struct hs_top_counts *t, struct hs_slice name, uint64_t bytes);
/* The same, the name being the leaf's value; a leaf that is not there (p NULL) is not counted. */
bool hs_top_counts_add_field(struct hs_top_counts *t, const struct hs_record_field *leaf, uint64_t bytes);
void hs_top_counts_free(struct hs_top_counts *t);

/* The most records first; or by name, the last one first. Nothing can be added after. */
void hs_top_counts_sort(struct hs_top_counts *t, bool by_name);

/* The others, and all rows but the first `top`. */
struct hs_top_counts_row hs_top_counts_rest(const struct hs_top_counts *t, size_t top);

#endif
