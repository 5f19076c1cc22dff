/*
 * tombstones: the ids of events that were erased: .hookspool/erased-ids.
 *
 * A retry of an erased event must not bring it back, so its identity (see dedup_key.h: a
 * hash, it tells nothing of the event) stays known when its line is gone. The index has
 * it, but is made anew from the spool whenever it is lost; then it takes these in, too.
 *
 * Entries of HS_TOMBSTONES_ENTRY bytes: the identity, and the seconds since 1970 at which the
 * event was spooled, least byte first. Appended and synced before the line goes; a part of
 * an entry at the end, left by a kill, counts as nothing.
 *
 * No entry is ever taken out. The index needs it for dedup_window after the event was spooled, and
 * that can be set to ten years at any time; and `verify` tells by it, however old it is, of an
 * erased event that came back with a segment from a backup or a mirror. A million entries are
 * 20 MB; on a machine of 2026 they take a second when the index is made anew, and three more in
 * verify. What intake does for an event does not depend on them.
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
 * Makes the file if it is not there, durably: where something was erased one that is missing
 * is lost. HS_OK, HS_E_IO or HS_E_FULL.
 */
enum hs_result hs_tombstones_make(int private_dir);

/* Appends them, durably. HS_OK, HS_E_IO, HS_E_FULL, HS_E_SYNC or HS_E_MEMORY. */
enum hs_result hs_tombstones_put(int private_dir, const struct hs_tombstone *ids, size_t count);

/*
 * Calls each(context, id) for those behind the first `*known` bytes of the file, until it
 * returns false; *known becomes where they ended. No file: none. HS_OK, also if it was
 * stopped, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_tombstones_each(int private_dir, uint64_t *known,
			      bool (*each)(void *context, const struct hs_tombstone *id),
			      void *context);

/* Bytes of whole entries; 0: none. HS_OK or HS_E_IO. */
enum hs_result hs_tombstones_size(int private_dir, uint64_t *size);

#endif
