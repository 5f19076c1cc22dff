/*
 * inventory: the ids of the events in a spool, found by reading its files alone: for a user who may
 * not write there, or for a spool that has no index yet.
 */
#ifndef HS_INVENTORY_H
#define HS_INVENTORY_H

#include "config/settings.h"
#include "event/dedup_key.h"

struct hs_inventory {
	struct hs_dedup_key *id; /* sorted: 16 bytes for each event of the dedup_window */
	size_t count, cap;
};

/*
 * True if the spool has no shared state, or this user may not write to it: opening the spool would
 * change it, or fail. Otherwise its index is faster and more complete.
 */
bool hs_inventory_is_needed(const struct hs_settings *settings);

/*
 * Fills a zeroed struct from the spool of the settings; a missing spool has no events, and with
 * dedup_window = 0 none is read. HS_OK, HS_E_SPOOL_DIR (this user may not read it), HS_E_IO or
 * HS_E_MEMORY; call hs_inventory_free in any case.
 */
enum hs_result hs_inventory_take(struct hs_inventory *inv, const struct hs_settings *settings);
void hs_inventory_free(struct hs_inventory *inv);

bool hs_inventory_has(const struct hs_inventory *inv, const struct hs_dedup_key *id);

#endif
