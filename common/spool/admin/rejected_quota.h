/*
 * rejected_quota: a limit for the size of all rejected files, with a fair share for each tenant.
 *
 * Above the limit lines must go, and a tenant that floods must not displace the lines of others. So
 * the room is divided evenly: a tenant with less than an even share keeps all, and what it leaves is
 * divided among the rest. Tenants above their share lose their oldest lines. A segment that has no
 * lines left is deleted; another is replaced by a copy of the lines that stay. A source that has no tenant counts as
 * one, because its key may be public: a stranger must not displace the lines of webhooks.
 *
 * This reads every line of the stream, so its segments are not compressed: a flood compresses a
 * thousandfold, and would take as long to read as if it were not. A segment that another program has
 * compressed counts as a tenant of its own, and goes as a whole.
 */
#ifndef HS_REJECTED_QUOTA_H
#define HS_REJECTED_QUOTA_H

#include "spool/shared/spool_dir.h"

/*
 * Called with the append lock of HS_REJECTED held. If the sealed segments and `open_bytes` exceed
 * `most` bytes, removes lines until a sixteenth of `most` is free. If that fails, which is logged,
 * deletes the oldest segments. Adds the deleted segments to *deleted. HS_OK, or as hs_io_result.
 */
enum hs_result hs_rejected_quota_cap(const struct hs_spool_dir *dir, uint64_t open_bytes, uint64_t most,
                                     uint64_t *deleted);

/*
 * For erase: removes the copy of a process that was killed meanwhile. Takes the append lock of HS_REJECTED. HS_OK,
 * HS_E_IO, or as hs_shared_state_lock.
 */
enum hs_result hs_rejected_quota_drop_copy(const struct hs_spool_dir *dir);

/*
 * The tenant of a line of rejected.jsonl, or else its source, as source":"LABEL; n == 0: neither, or another program
 * wrote the line.
 */
struct hs_slice hs_rejected_quota_tenant(struct hs_slice line);

#endif
