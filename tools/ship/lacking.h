/*
 * lacking: the records of the spool whose place no message of this receiver has. Some of them are in the stream
 * nevertheless, in a message of another receiver with the same id: the stream refused this receiver's as a
 * duplicate, and sending it again after the duplicate window would store the event twice.
 */
#ifndef HS_LACKING_H
#define HS_LACKING_H

#include "base/buf.h"
#include "tools/ship/place.h"

#include <stddef.h>

struct hs_lacking_record {
	struct hs_place place;
	struct hs_slice id; /* n 0: an id of its own, which no other record can have */
	uint64_t elsewhere; /* the sequence of a message with its id; 0: there is none as far as is known */
	size_t at;          /* of the id in the list's text */
};

/* Zeroed: empty. */
struct hs_lacking {
	struct hs_lacking_record *record, **by_id; /* `count` and `named` of them */
	size_t count, room, named;
	struct hs_buf ids;
};

/* Adds a record, and copies its id (n 0: see above). False: out of memory. */
bool hs_lacking_add(struct hs_lacking *lacking, const struct hs_place *place, struct hs_slice id);

/*
 * Keeps the records for which keeps(context, place), which may change the place, is true, and sorts them. False: out of
 * memory.
 */
bool hs_lacking_settle(struct hs_lacking *lacking, bool (*keeps)(void *context, struct hs_place *place), void *context);

/* The two functions below are for a settled list. */

/* Notes that the message with this sequence has this id. */
void hs_lacking_note(struct hs_lacking *lacking, struct hs_slice id, uint64_t sequence);

/* The record at this place, in the same edit of its segment; NULL: it is not in the list. */
struct hs_lacking_record *hs_lacking_find(const struct hs_lacking *lacking, const struct hs_place *place);

void hs_lacking_free(struct hs_lacking *lacking);

#endif
