/* summary_sort: sorts the ids and hashes of a summary. */
#ifndef HS_SUMMARY_SORT_H
#define HS_SUMMARY_SORT_H

#include "base/buf.h"

/* An id of IDS (summary.h); its halves are numbers that order as its bytes do. */
struct hs_summary_id {
	uint64_t first, second;
	uint32_t spooled_s;
};

/*
 * Sorts items, which are hs_summary_id or hashes of 8 bytes, into `sorted`, whose memory is used again. An id that is
 * there twice stays with its latest time, a hash stays once; *n is the number of those that stay. False: memory ran
 * out, now or when the items were put.
 */
bool hs_summary_sort_ids(const struct hs_buf *items, struct hs_buf *sorted, size_t *n);
bool hs_summary_sort_hashes(const struct hs_buf *items, struct hs_buf *sorted, size_t *n);

#endif
