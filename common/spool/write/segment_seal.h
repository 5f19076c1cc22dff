/*
 * segment_seal: ends the open segment: when it is due, and how it gets its sealed name.
 *
 * All functions need the stream's append lock.
 */
#ifndef HS_SEGMENT_SEAL_H
#define HS_SEGMENT_SEAL_H

#include "spool/write/segment_file.h"

/* True if the last rotation is less than rotate_min_gap ago: GNU tail -F loses lines if rotations follow closely. */
bool hs_segment_is_too_soon(const struct hs_segment *s);

/* True if the open segment is to be sealed, by size or age, before n more bytes are appended. */
bool hs_segment_is_due(struct hs_segment *s, uint64_t n);

/*
 * Ends the generation: syncs what was written, if that is still possible, and tells the waiters
 * what of it is safe. Then the file can be renamed. HS_OK, also if the sync fails; HS_E_TIMEOUT or HS_E_IO.
 */
enum hs_result hs_segment_end_generation(struct hs_segment *s, int64_t deadline_ms);

/*
 * Seals the open segment and opens a new one, of the next number. Results of hs_segment_establish,
 * hs_segment_end_generation and hs_segment_save_number.
 */
enum hs_result hs_segment_seal(struct hs_segment *s, int64_t deadline_ms);

/*
 * Puts the open segment's number on stable storage: after a power cut it must be told from a sealed
 * segment that others have put there, so nothing is appended to it before. A new spool has no others.
 * HS_OK or HS_E_IO.
 */
enum hs_result hs_segment_save_number(struct hs_segment *s);

#endif
