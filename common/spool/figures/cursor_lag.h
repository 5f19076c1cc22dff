/* cursor_lag: how far cursors are behind, by segments' sizes and summaries. */
#ifndef HS_CURSOR_LAG_H
#define HS_CURSOR_LAG_H

#include "spool/figures/figures.h"

/*
 * Completes figures->cursor, whose positions are translated. `list` has the sealed segments, each once;
 * `end` is the end of the open one. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_cursor_lag_find(const struct hs_spool_dir *dir, struct hs_sealed *list, size_t count,
                                  struct hs_position end, struct hs_figures *figures);

#endif
