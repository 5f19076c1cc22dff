/*
 * in_flight: a ring of the records that were read and have no final answer, or wait for the answer of one before
 * them, in the order of the spool. Answers come in any order; records leave at the front alone, so what has left is
 * stored without a gap.
 *
 *	NEW        not sent yet
 *	SENT       waits for its answer, since `since_ms`
 *	DOUBT      perhaps stored: the stream must be asked, from `since_ms` on
 *	AGAIN      certainly not stored: to be sent again
 *	ANSWERED   stored, or dealt with otherwise
 */
#ifndef HS_IN_FLIGHT_H
#define HS_IN_FLIGHT_H

#include "base/slice.h"
#include "spool/position/rewrite_log.h"
#include "tools/ship/place.h"

#include <stdbool.h>
#include <stddef.h>

enum hs_flight {
	HS_FLIGHT_NEW,
	HS_FLIGHT_SENT,
	HS_FLIGHT_DOUBT,
	HS_FLIGHT_AGAIN,
	HS_FLIGHT_ANSWERED,
};

struct hs_in_flight_record {
	struct hs_place place;
	uint64_t seen;            /* the edit of its segment in which it was seen last (record_check.h) */
	struct hs_position after; /* the record's end */
	uint64_t floor;           /* its message has a greater sequence than this … */
	bool has_floor;           /* … once that is known */
	uint64_t known;           /* the highest sequence that was known when it was sent last */
	enum hs_flight state;
	unsigned sends;                    /* how often it was sent */
	unsigned refused;                  /* how often since the last good sign: for growing delays */
	int64_t since_ms, first_ms;        /* first: when it was first sent */
	struct hs_slice subject, id, line; /* copies; the line is without its '\n' */
	char *bytes;                       /* … in this memory */
};

struct hs_in_flight;

/* A ring for so many records, and bytes, which a single record may exceed. NULL: out of memory. */
struct hs_in_flight *hs_in_flight_new(size_t records, size_t bytes);
void hs_in_flight_free(struct hs_in_flight *ring); /* NULL is fine */

/* True if a record of this many bytes fits; any record fits into an empty ring. */
bool hs_in_flight_has_room(const struct hs_in_flight *ring, size_t bytes);

/* Appends a record, with copies of the three texts; it is NEW and zeroed otherwise. NULL: out of memory. */
struct hs_in_flight_record *hs_in_flight_add(struct hs_in_flight *ring, struct hs_slice subject, struct hs_slice id,
                                             struct hs_slice line);

size_t hs_in_flight_count(const struct hs_in_flight *ring);

/* The record at an index below the count, from the front. */
struct hs_in_flight_record *hs_in_flight_at(const struct hs_in_flight *ring, size_t i);

/* The first record that is not ANSWERED; NULL: there is none. */
struct hs_in_flight_record *hs_in_flight_first(const struct hs_in_flight *ring);

/* A tag for the message that is sent next: it names the record and the attempt. */
uint64_t hs_in_flight_tag(const struct hs_in_flight *ring, const struct hs_in_flight_record *record);

/* The record with a tag; NULL: it has left, or the tag is no one's. *latest: the tag is that of the last attempt. */
struct hs_in_flight_record *hs_in_flight_find(const struct hs_in_flight *ring, uint64_t tag, bool *latest);

/* Removes the ANSWERED records at the front; false if there were none. */
bool hs_in_flight_leave(struct hs_in_flight *ring);

/* The last record that has left, valid until the next one leaves; zeroed if none has. */
const struct hs_in_flight_record *hs_in_flight_last(const struct hs_in_flight *ring);

#endif
