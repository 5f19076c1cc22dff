/*
 * inventory: which events a spool holds, found out by reading it and nothing else: for those who
 * may not write there, or where the index is not made yet.
 */
#ifndef HS_INVENTORY_H
#define HS_INVENTORY_H

#include "config/settings.h"
#include "event/dedup_key.h"

struct hs_inventory {
	struct hs_dedup_key *id; /* sorted; so much memory for each event of the dedup_window */
	size_t count, cap;
};

/*
 * Is nobody at work in the spool, or is it not ours to write to? Then it would be changed by being
 * opened, or could not be; otherwise its index knows more, and sooner.
 */
bool hs_inventory_is_needed(const struct hs_settings *settings);

/*
 * Reads the spool of the settings; one that is not there holds nothing. A zeroed struct is ready
 * for it. HS_OK, HS_E_SPOOL_DIR (it may not be read), HS_E_IO or HS_E_MEMORY; it is to be freed
 * in any case.
 */
enum hs_result hs_inventory_take(struct hs_inventory *inv, const struct hs_settings *settings);
void hs_inventory_free(struct hs_inventory *inv);

bool hs_inventory_has(const struct hs_inventory *inv, const struct hs_dedup_key *id);

#endif
