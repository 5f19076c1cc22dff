/*
 * bar_table: prints a table of counts, with a bar after each row on a terminal.
 *
 *	type          records       bytes
 *	track             812    301.4 KB  ██████████████████████
 *	identify          406     99.0 KB  ███████████
 *
 * Senders choose names, so control characters (C0, C1, DEL), which a terminal would obey, are
 * printed as '?'.
 */
#ifndef HS_BAR_TABLE_H
#define HS_BAR_TABLE_H

#include "event/top_counts.h"

struct hs_bar_table {
	unsigned columns; /* of the terminal; 0: not a terminal, so no bars and names in full */
	bool colours;     /* for the bars */
};

/* The width of the terminal `fd`, or 80 if it is not known; 0 if fd is not a terminal. */
unsigned hs_bar_table_columns(int fd);

/*
 * Appends the first `top` rows of sorted counts, and "(others)" for the rest; nothing if there
 * are no rows. The caller checks hs_buf_ok().
 */
void hs_bar_table_put(const struct hs_bar_table *c, const char *title, const struct hs_top_counts *t, size_t top,
                      struct hs_buf *out);

/*
 * Appends a name that is safe for a terminal, cut to `most` columns (0: not cut) and padded
 * with blanks to `width` columns.
 */
void hs_bar_table_put_name(struct hs_slice name, size_t most, size_t width, struct hs_buf *out);

/* How many columns it takes when it is not cut. */
size_t hs_bar_table_width(struct hs_slice name);

enum { HS_BAR_TABLE_BYTES = 16 };
/*
 * Formats a size: 812 B, 1.2 KB, 3.4 MB, with units of 1024 as in hookspool.conf(5). All sizes that
 * commands show to people are formatted here; JSON has bytes.
 */
void hs_bar_table_bytes(uint64_t n, char out[static HS_BAR_TABLE_BYTES]);

#endif
