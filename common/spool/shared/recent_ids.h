/*
 * recent_ids: the identities of the open segment's last lines, in the shared state: whoever
 * appends notes them there, so that the other processes need not read its lines back and
 * hash their ids again.
 *
 * It speaks of the bytes `from` … `to` of one generation, and has an identity for every
 * line in them that has one. If it does not reach to the segment's end (a writer was
 * killed, or keeps no index), it begins anew there: the lines before are read back as ever.
 *
 * All of it happens under the events' append lock, by processes that may be killed at any
 * step. So what will be overwritten is given up first, and what is noted counts once the
 * append has happened.
 */
#ifndef HS_RECENT_IDS_H
#define HS_RECENT_IDS_H

#include "event/dedup_key.h"

#include <stdatomic.h>

/* An id that is in the open segment and not yet in the index. */
struct hs_unflushed_id {
	struct hs_dedup_key id;
	uint64_t end;       /* offset behind its line; 0: the slot is free */
	uint32_t spooled_s; /* seconds since 1970 */
};

enum { HS_RECENT_IDS = 8192 }; /* a batch of each of eight senders; 256 KB */

struct hs_recent_ids {
	uint64_t generation;
	_Atomic uint64_t from, to;    /* offsets */
	_Atomic uint64_t first, next; /* numbers of the identities in between; next - first of them */
	struct hs_unflushed_id id[HS_RECENT_IDS]; /* [number % HS_RECENT_IDS] */
};

/* Before an append, whose first line will begin at `at`. */
void hs_recent_ids_begin(struct hs_recent_ids *r, uint64_t generation, uint64_t at);

/* Notes that a line with this identity will end at id.end; `noted` were noted since begin. */
void hs_recent_ids_note(struct hs_recent_ids *r, uint64_t noted, struct hs_unflushed_id id);

/* The append has happened: it ends at `end`, and so many were noted. */
void hs_recent_ids_end(struct hs_recent_ids *r, uint64_t noted, uint64_t end);

/*
 * The numbers *first … *next - 1 of the identities of the lines that end in (from, to].
 * False: it does not speak of all of these.
 */
bool hs_recent_ids_between(const struct hs_recent_ids *r, uint64_t generation, uint64_t from, uint64_t to,
                       uint64_t *first, uint64_t *next);

/* One of them. */
const struct hs_unflushed_id *hs_recent_ids_at(const struct hs_recent_ids *r, uint64_t number);

#endif
