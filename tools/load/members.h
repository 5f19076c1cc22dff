/*
 * members: the names in a _rest, each with the JSON text of its value, and the key of the row that the value is of.
 * They are found by a hash, and sorted when they are written. A member takes some 25 bytes beside its text.
 */
#ifndef HS_MEMBERS_H
#define HS_MEMBERS_H

#include "tools/load/row_key.h"

struct hs_members { /* all zero: none; stays where it is while it has members */
	struct hs_rest_member {
		uint32_t at; /* of name and value in `text` */
		uint32_t name_n, value_n;
		uint32_t key : 31; /* 1 + index in `key`; 0: none */
		uint32_t is_overruled : 1;
	} * member;
	size_t count, cap;
	struct hs_buf text;
	size_t dead; /* bytes of it, of values that were overwritten */
	struct hs_member_key {
		struct hs_row_key *key;
		size_t members; /* that have it; of a free one, 1 + the index of the next free one, or 0 */
	} * key;
	size_t keys, keys_cap;
	uint32_t last_key, free_key; /* 1 + the index of the key that was set last, and of a free one; 0: none */
	uint32_t *slot;              /* 1 + index of a member, by hash; 0: free; `slots` is a power of two */
	size_t slots;
	bool is_sorted; /* the first `count` slots are the members in the order of their names */
};

void hs_members_forget(struct hs_members *m); /* keeps the room, unless it is large */
void hs_members_free(struct hs_members *m);

/* The index of a name; -1: there is no such name. */
ptrdiff_t hs_members_find(struct hs_members *m, struct hs_slice name);

/* Valid until the next call that sets one. */
struct hs_slice hs_members_name(const struct hs_members *m, size_t member);
struct hs_slice hs_members_value(const struct hs_members *m, size_t member);
struct hs_row_key *hs_members_key(const struct hs_members *m, size_t member); /* NULL: none */

/* Sets the value of a name, JSON text, and its key, or NULL. Copies both texts. False: out of memory. */
bool hs_members_set(struct hs_members *m, struct hs_slice name, struct hs_slice value, struct hs_row_key *key);

/* Sorts them by the bytes of their names, until the next find or set. Then the index of each in that order. */
void hs_members_sort(struct hs_members *m);
static inline size_t hs_members_sorted(const struct hs_members *m, size_t i)
{
	return m->slot[i];
}

/* The order of their bytes, as strcmp(3) tells it. */
int hs_names_compare(struct hs_slice a, struct hs_slice b);

/* Reads the members of a _rest, an object whose values are strings. */
struct hs_rest_reader {
	const char *p, *end;
	bool is_begun;
};

enum hs_rest_read {
	HS_REST_MEMBER,  /* name: between the quotes; value: with them */
	HS_REST_END,     /* of the text */
	HS_REST_STRANGE, /* it is of another form, or no JSON: only a reader of JSON can tell */
};

enum hs_rest_read hs_rest_read(struct hs_rest_reader *reader, struct hs_slice *name, struct hs_slice *value);

/* Whether all of it is of that form, as a loader writes it. */
bool hs_rest_is_usual(struct hs_slice rest);

#endif
