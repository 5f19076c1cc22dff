/*
 * members: the names in a _rest, in the order of their bytes, each with the JSON text of its value, if it has one.
 */
#ifndef HS_MEMBERS_H
#define HS_MEMBERS_H

#include "base/buf.h"

struct hs_members { /* all zero: none */
	struct hs_member {
		struct hs_slice name; /* a copy, as the value is */
		char *value;          /* NULL: none */
	} * member;
	size_t count, cap;
};

void hs_members_forget(struct hs_members *m); /* keeps the room */
void hs_members_free(struct hs_members *m);

/* Notes the name, without a value; one that is there stays. False: out of memory. */
bool hs_members_add(struct hs_members *m, struct hs_slice name);

/* Sets the value of a name, JSON text, which it copies; NULL removes the value. False: out of memory. */
bool hs_members_set(struct hs_members *m, struct hs_slice name, const struct hs_slice *value);

/* Appends those that have a value as a JSON object; nothing if there are none. Errors are the buffer's. */
void hs_members_put(const struct hs_members *m, struct hs_buf *out);

#endif
