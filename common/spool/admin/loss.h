/*
 * loss: finds files of .hookspool that are missing and cannot be rebuilt. The receipts
 * (erased.jsonl, beside the events) and the spool's own id tell that they existed.
 *
 * `hookspool adopt --accept-loss` puts an empty file in place of a lost one, so an empty file is not
 * a loss; a missing or damaged one is. Of erased ids the receipts tell how many there are, and their check sum.
 */
#ifndef HS_LOSS_H
#define HS_LOSS_H

#include "spool/shared/spool_dir.h"

enum {
	HS_LOSS_SALT = 1,       /* receipts and suppressed people cannot be matched to ids */
	HS_LOSS_SUPPRESSED = 2, /* events of suppressed people would be kept again */
	HS_LOSS_ERASED = 4,     /* ids of erased events, or some of them: their retries would be kept */
	HS_LOSS_HISTORY = 8,    /* the spool's id, and so perhaps cursors and checkpoints */
	HS_LOSSES = 4
};

/* The file of one of these, such as ".hookspool/salt". */
const char *hs_loss_name(unsigned loss);

/* Sets *lost to a sum of the above; 0: nothing is lost. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_loss_find(const struct hs_spool_dir *dir, unsigned *lost);

/*
 * Says whether the list of suppressed people is lost, if its file is missing. Costs one stat(2) while
 * erased.jsonl has not grown since a process last asked: the shared state remembers. Results as above.
 */
enum hs_result hs_loss_suppressed(const struct hs_spool_dir *dir, bool *lost);

enum hs_loss_backup { HS_LOSS_NO_BACKUP, HS_LOSS_WHOLE_BACKUP, HS_LOSS_PART_OF_BACKUP };

/*
 * Says whether this is a backup that nobody has adopted; one that was interrupted, or whose mark is damaged, is a
 * part of one, and may lack events. HS_OK or HS_E_IO.
 */
enum hs_result hs_loss_backup(const struct hs_spool_dir *dir, enum hs_loss_backup *backup);

/* Says whether there are receipts or suppressed people, which need the salt. HS_OK or HS_E_IO. */
enum hs_result hs_loss_needs_salt(const struct hs_spool_dir *dir, bool *needed);

#endif
