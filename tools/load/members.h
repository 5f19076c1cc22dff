/*
 * members: the names in a _rest, each with the JSON text of its value, and the key of the row that the value is of.
 * They are found by a hash, and sorted when they are written.
 */
#ifndef HS_MEMBERS_H
#define HS_MEMBERS_H

#include "base/buf.h"

/* The key of a row, as fold.h says, which several values share. */
struct hs_row_key {
	size_t holders;
	char text[];
};

struct hs_row_key *hs_row_key_new(struct hs_slice text); /* NULL: out of memory */
static inline struct hs_row_key *hs_row_key_hold(struct hs_row_key *key)
{
	key->holders++;
	return key;
}
void hs_row_key_drop(struct hs_row_key *key); /* NULL is fine */

struct hs_members { /* all zero: none; stays where it is while it has members */
	struct hs_member {
		struct hs_slice name;   /* a copy */
		struct hs_slice value;  /* a copy, unless it is lent */
		struct hs_row_key *key; /* NULL: none */
		bool is_lent;
		bool is_overruled; /* the caller's */
	} * member;
	size_t count, cap;
	uint32_t *slot; /* 1 + index of a member, by hash; 0: free; `slots` is a power of two */
	size_t slots;
};

void hs_members_forget(struct hs_members *m); /* keeps the room, unless it is large */
void hs_members_free(struct hs_members *m);

/* Valid until the next call that adds or writes members. NULL: there is no such name. */
struct hs_member *hs_members_find(const struct hs_members *m, struct hs_slice name);

/* Sets the value of a name, JSON text, which it copies, and its key, or NULL. False: out of memory. */
bool hs_members_set(struct hs_members *m, struct hs_slice name, struct hs_slice value, struct hs_row_key *key);

/* Sets it without a copy, so the value must stay as it is. It has no key then. */
bool hs_members_lend(struct hs_members *m, struct hs_slice name, struct hs_slice value);

/* Appends them as a JSON object, in the order of the bytes of their names; nothing if there are none. Errors are the buffer's. */
void hs_members_put(struct hs_members *m, struct hs_buf *out);

#endif
