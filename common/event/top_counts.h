/*
 * top_counts: counts records and bytes by name.
 *
 * Memory is bounded, whatever names senders choose: after HS_TOP_COUNTS_NAMES different names,
 * records with further names are counted together. Names are decoded, and compared by their
 * first HS_TOP_COUNTS_NAME bytes.
 */
#ifndef HS_TOP_COUNTS_H
#define HS_TOP_COUNTS_H

#include "event/record_fields.h"

#include <stdint.h>

enum { HS_TOP_COUNTS_NAMES = 10000, HS_TOP_COUNTS_NAME = 256 /* bytes */ };

struct hs_top_counts_row {
	uint64_t records, bytes;
	uint64_t hash;
	char *name; /* n bytes, which may contain NUL, and a NUL */
	size_t n;
};

/* Set `seed` to a random number, so that no sender can choose names that collide; zero the rest. */
struct hs_top_counts {
	uint64_t seed;
	struct hs_top_counts_row *row;
	size_t count, room;
	size_t last;                     /* index in row of the name counted last: often the next one, too */
	uint32_t *slot;                  /* hash table: 1 + index in row; 0: free */
	size_t slots;                    /* a power of two */
	struct hs_top_counts_row others; /* of further names; its name is NULL */
	struct hs_buf scratch;
};

/* The name as it is counted: its first bytes, up to the end of a character. */
struct hs_slice hs_top_counts_name(struct hs_slice name);

/* Counts a record of this many bytes. False: out of memory. */
bool hs_top_counts_add(struct hs_top_counts *t, struct hs_slice name, uint64_t bytes);
/* Counts so many records at once. */
bool hs_top_counts_add_many(struct hs_top_counts *t, struct hs_slice name, uint64_t records, uint64_t bytes);
/* Counts by the field's value. An absent field (name.p is NULL) or null is not counted. */
bool hs_top_counts_add_field(struct hs_top_counts *t, const struct hs_record_field *field, uint64_t bytes);
void hs_top_counts_free(struct hs_top_counts *t);

/* Sorts by records, or by name, in descending order. Nothing can be added after that. */
void hs_top_counts_sort(struct hs_top_counts *t, bool by_name);

/* The sum of the rows after the first `top` and of the further names. */
struct hs_top_counts_row hs_top_counts_rest(const struct hs_top_counts *t, size_t top);

#endif
