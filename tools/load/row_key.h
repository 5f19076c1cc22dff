/* row_key: what tells which of two rows of a person comes later, by strcmp(3). Pure. */
#ifndef HS_ROW_KEY_H
#define HS_ROW_KEY_H

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

/* The key of a row: the lesser of its times, a blank, its id. It is made in `scratch`. NULL: out of memory. */
struct hs_row_key *hs_row_key_make(struct hs_slice timestamp, struct hs_slice received_at, struct hs_slice id,
                                   struct hs_buf *scratch);

#endif
