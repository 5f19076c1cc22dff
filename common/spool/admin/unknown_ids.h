/*
 * unknown_ids: finds the events of a file that the index does not know.
 *
 * The ids of a file are collected and sorted before the index is asked, so that it reads each of its blocks
 * once for all ids in it, not once an id. The append lock is held for some hundred look-ups at a time.
 */
#ifndef HS_UNKNOWN_IDS_H
#define HS_UNKNOWN_IDS_H

#include "spool/dedup/index.h"

struct hs_unknown_id {
	struct hs_dedup_key id;
	uint64_t line;
	uint32_t spooled_s;
};

/* Zeroed: empty. */
struct hs_unknown_ids {
	struct hs_unknown_id *event; /* at most 262,144: 8 MB */
	size_t count, room;
};

void hs_unknown_ids_free(struct hs_unknown_ids *u);

/* Adds an event. *full: the index must be asked before the next call. HS_OK or HS_E_MEMORY. */
enum hs_result hs_unknown_ids_add(struct hs_unknown_ids *u, const struct hs_unknown_id *event, bool *full);

/*
 * Asks the index, waiting `lock_ms` for the append lock at most, each time; then there are no events. Those that
 * are within the window and that the index does not know are reported in the order of their lines. HS_OK, or as
 * hs_index_begin and hs_index_look.
 */
enum hs_result hs_unknown_ids_ask(struct hs_unknown_ids *u, struct hs_index *ix, struct hs_segment *events,
                                  int64_t lock_ms, void (*report)(void *context, uint64_t line), void *context);

#endif
