/*
 * tombstones: the ids of erased events, in .hookspool/erased-ids.
 *
 * A retry of an erased event must not bring it back, so its id (a hash, which tells nothing of the
 * event) stays known after its line is gone. An index that is rebuilt reads these ids, too.
 *
 * An entry has HS_TOMBSTONES_ENTRY bytes: the id, and the second since 1970 at which the event was
 * spooled, little-endian. It is appended and synced before the line goes. A partial entry at the
 * end, left by a kill, is ignored.
 *
 * The receipt that ends an erasure has the number of entries and their check sum, by which loss.h finds a file that is
 * damaged, or older than the receipts.
 *
 * No entry is ever removed. The index needs it for dedup_window, which can be set to ten years at
 * any time, and verify reports by it an erased event that came back with a segment from a
 * backup or a mirror. A million entries are 20 MB: on a machine of 2026 they take a second when
 * the index is rebuilt. verify notes them as it does lines. Intake does not read them.
 */
#ifndef HS_TOMBSTONES_H
#define HS_TOMBSTONES_H

#include "event/dedup_key.h"
#include "spool/shared/private_files.h"

enum { HS_TOMBSTONES_ENTRY = HS_DEDUP_KEY_BYTES + 4 };

struct hs_tombstone {
	struct hs_dedup_key id;
	uint32_t spooled_s;
};

/*
 * Makes the file, durably, if there is none: once something was erased, a missing file means
 * loss. HS_OK, or as hs_io_result.
 */
enum hs_result hs_tombstones_make(int private_dir);

/* Appends entries, durably. HS_OK, HS_E_SYNC, HS_E_MEMORY, or as hs_io_result. */
enum hs_result hs_tombstones_put(int private_dir, const struct hs_tombstone *ids, size_t count);

/*
 * Calls each(context, id) for the entries after the first *known bytes, until it returns false;
 * moves *known to the end of the last one. HS_OK, also if it was stopped or there is no file;
 * HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_tombstones_each(int private_dir, uint64_t *known,
                                  bool (*each)(void *context, const struct hs_tombstone *id), void *context);

/* As the receipts of erasures (erased.jsonl) have it. */
struct hs_tombstones_sum {
	uint64_t count; /* entries, the first ones of the file */
	uint32_t check; /* their CRC-32 */
};

/* Sums up the first `most` entries, or all if there are fewer. HS_OK, also without a file; HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_tombstones_sum(int private_dir, uint64_t most, struct hs_tombstones_sum *sum);

/* Bytes of whole entries; 0 if there is no file. HS_OK or HS_E_IO. */
enum hs_result hs_tombstones_size(int private_dir, uint64_t *size);

#endif
