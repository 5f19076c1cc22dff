/*
 * rejected_quota: the sum of the rejected files, and a fair share of it for each tenant.
 *
 * Above the sum something must go, and it must not be what others sent because one tenant
 * floods. So the room is dealt out evenly: whoever has less than an even share keeps all, and
 * what they leave is dealt out among the rest. The tenants above their share lose their oldest
 * lines. A segment that then holds nothing is deleted, another is replaced by a copy of the
 * lines that stay, under its name.
 *
 * For that every line of the stream is read, so its segments are not compressed: what a flood
 * sends compresses a thousandfold, and would take as long to read. One that somebody else
 * compressed is counted as a tenant of its own, and goes as a whole.
 */
#ifndef HS_REJECTED_QUOTA_H
#define HS_REJECTED_QUOTA_H

#include "spool/shared/spool_dir.h"

/*
 * Under the rejected's append lock. If the sealed segments and `open_bytes` are more than `most`
 * bytes together, takes from them until a sixteenth of `most` is free. If a copy cannot be
 * written, the oldest segments go, whoever's they are. *deleted counts segments. HS_OK, HS_E_IO
 * or HS_E_MEMORY.
 */
enum hs_result hs_rejected_quota_cap(const struct hs_spool_dir *dir, uint64_t open_bytes, uint64_t most,
                                     uint64_t *deleted);

/* The tenant of a line of rejected.jsonl; n == 0: none, or the line is none of ours. */
struct hs_slice hs_rejected_quota_tenant(struct hs_slice line);

#endif
