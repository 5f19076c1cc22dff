/*
 * loss: what is kept in .hookspool, cannot be made anew, and is gone all the same. That it
 * was there the receipts tell (erased.jsonl, beside the events), and the spool's own id.
 *
 * Whoever accepts a loss (`hookspool adopt --accept-loss`) begins anew with an empty file in
 * its place; so only a file that is missing, or is not what it should be, is lost.
 */
#ifndef HS_LOSS_H
#define HS_LOSS_H

#include "spool/shared/spool_dir.h"

enum {
	HS_LOSS_SALT = 1,       /* receipts and the list of suppressed people cannot be told */
	HS_LOSS_SUPPRESSED = 2, /* the list: events of people on it would be kept again */
	HS_LOSS_ERASED = 4,     /* the ids of erased events: their retries would come back */
	HS_LOSS_HISTORY = 8,    /* the spool's id, and so perhaps cursors and imports */
	HS_LOSSES = 4
};

/* The file of one of these, as people know it: ".hookspool/salt". */
const char *hs_loss_name(unsigned loss);

/* Tells what is lost, as a sum of the above; 0: nothing. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_loss_find(const struct hs_spool_dir *dir, unsigned *lost);

/*
 * The same for the list of suppressed people alone, where there is no file of it. It costs
 * nothing while erased.jsonl has not grown since anybody asked: the shared state remembers.
 */
enum hs_result hs_loss_suppressed(const struct hs_spool_dir *dir, bool *lost);

/* Are there receipts, or a list, that need the salt? HS_OK or HS_E_IO. */
enum hs_result hs_loss_needs_salt(const struct hs_spool_dir *dir, bool *needed);

#endif
