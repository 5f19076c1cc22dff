/* summary_ids: the ids of a summary's IDS, sorted. */
#ifndef HS_SUMMARY_IDS_H
#define HS_SUMMARY_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its halves are numbers that order as the id's bytes do. */
struct hs_summary_id {
	uint64_t first, second;
	uint32_t spooled_s;
};

/*
 * Sorts the *count ids of an array from malloc(3), which has room for *room and may move; of an id that is there twice
 * the latest time counts. False: out of memory, and nothing has changed.
 */
bool hs_summary_ids_sort(struct hs_summary_id **id, size_t *count, size_t *room);

#endif
