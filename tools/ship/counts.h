/*
 * counts: what ship did since it was started, for stats, metrics and people: .hookspool/ship, written once a minute
 * and at the end.
 */
#ifndef HS_SHIP_COUNTS_H
#define HS_SHIP_COUNTS_H

#include "base/result.h"
#include "spool/shared/spool_dir.h"

struct hs_ship_counts {
	uint64_t stored;     /* answers with a sequence, and records that the stream had already */
	uint64_t duplicates; /* … of them that the stream did not store twice */
	uint64_t zero;       /* answers with sequence 0, "in process": not stored yet, perhaps never */
	uint64_t timeouts;   /* messages without an answer in time */
	uint64_t doubts;     /* records that were perhaps stored, so that the stream was asked */
	uint64_t asks, rewinds, set_aside;
	uint64_t in_flight, oldest_ms; /* now; the age of the oldest unanswered message */
	char server[128];
};

/* Writes the file. HS_OK, or as hs_file_replace_text. */
enum hs_result hs_ship_counts_save(const struct hs_ship_counts *counts, const struct hs_spool_dir *dir);

#endif
