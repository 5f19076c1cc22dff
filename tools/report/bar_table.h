/*
 * bar_table: a table of counts, with a bar behind each row on a terminal.
 *
 *	type          records       bytes
 *	track             812    301.4 KB  ██████████████████████
 *	identify          406     99.0 KB  ███████████
 *
 * Names come from senders: what would command a terminal (C0 and C1 controls, DEL) is
 * printed as '?'.
 */
#ifndef HS_BAR_TABLE_H
#define HS_BAR_TABLE_H

#include "tools/report/top_counts.h"

struct hs_bar_table {
	unsigned columns; /* of the terminal; 0: it goes elsewhere, no bars, names in full */
	bool colours;     /* of the bars */
};

/* The terminal's if `fd` is one (80 if it does not say), else 0. */
unsigned hs_bar_table_columns(int fd);

/*
 * Appends the first `top` rows of a sorted tally, with "(others)" for the rest; nothing
 * if it is empty. Look at hs_buf_ok().
 */
void hs_bar_table_put(const struct hs_bar_table *c, const char *title, const struct hs_top_counts *t,
		  size_t top, struct hs_buf *out);

/*
 * Appends a name as it is fit for a terminal, of at most `most` characters (0: all), and
 * blanks up to `width`.
 */
void hs_bar_table_put_name(struct hs_slice name, size_t most, size_t width, struct hs_buf *out);

enum { HS_BAR_TABLE_BYTES = 16 };
/*
 * 812 B, 1.2 KB, 3.4 MB …: each is 1024 of the one before, as in hookspool.conf(5). Every size that
 * a command shows to people is printed by this; JSON and figures for monitors are in bytes.
 */
void hs_bar_table_bytes(uint64_t n, char out[static HS_BAR_TABLE_BYTES]);

#endif
