/* cursor_lag: how far cursors are behind, by the sizes and summaries of segments. */
#ifndef HS_CURSOR_LAG_H
#define HS_CURSOR_LAG_H

#include "spool/position/cursor.h"

enum { HS_CURSOR_LAG_READ = 8 << 20 /* bytes of lines, for all cursors together */ };

struct hs_cursor_lag {
	char name[HS_CURSOR_NAME_MAX + 1];
	struct hs_position at; /* in the segment as it is now, after rewrites */
	bool usable;           /* false: damaged, or of another spool; then the rest is 0 */
	/* The records after it. Their number is exact as far as HS_CURSOR_LAG_READ reaches, then estimated. */
	uint64_t records, bytes;
	int64_t age_ms; /* of the oldest of them; 0: there is none */
};

/*
 * Completes the cursors, of which name, position and `usable` are set. `list` has the sealed segments, each
 * once; `end` is the end of the open one. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_cursor_lag_find(const struct hs_spool_dir *dir, struct hs_sealed *list, size_t count,
                                  struct hs_position end, int64_t now_ms, struct hs_cursor_lag *cursor, size_t cursors);

#endif
