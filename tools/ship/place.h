/*
 * place: where a record is in the spool, as the header Hookspool-Pos of its message says it.
 *
 *	Hookspool-Pos: 42:1234:0 42:1000:0@998877
 *
 * First the record's own place: segment, offset of its start in the uncompressed text, and the number of edits of
 * the file that the offset is in (rewrite_log.h). Then the place before which every record was stored when this one
 * was sent, and the stream's sequence at that time: what the stream has of the records after that place lies behind
 * that sequence.
 */
#ifndef HS_PLACE_H
#define HS_PLACE_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct hs_place {
	uint64_t number, offset, edit;
};

struct hs_places {
	struct hs_place own;    /* number 0: a mark, which is no record */
	struct hs_place stored; /* all before it was stored */
	uint64_t stored_at;     /* the stream's sequence then; 0: the stream's begin */
};

/* Appends the header's text. */
void hs_places_put(struct hs_buf *out, const struct hs_places *places);

/* Reads exactly such a text; false: it is another. */
bool hs_places_read(struct hs_slice text, struct hs_places *places);

/* By number, edit is ignored, offset: -1, 0, 1. Both must be in the same edit of the file (translate first). */
int hs_place_cmp(const struct hs_place *a, const struct hs_place *b);

#endif
