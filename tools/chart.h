/*
 * chart: a table of counts, with a bar behind each row on a terminal.
 *
 *	type          records       bytes
 *	track             812    301.4 KB  ██████████████████████
 *	identify          406     99.0 KB  ███████████
 *
 * Names come from senders: what would command a terminal (C0 and C1 controls, DEL) is
 * printed as '?'.
 */
#ifndef HS_CHART_H
#define HS_CHART_H

#include "tools/tally.h"

struct hs_chart {
	unsigned columns; /* of the terminal; 0: it goes elsewhere, no bars, names in full */
	bool colours;     /* of the bars */
};

/* The terminal's if `fd` is one (80 if it does not say), else 0. */
unsigned hs_chart_columns(int fd);

/*
 * Appends the first `top` rows of a sorted tally, with "(others)" for the rest; nothing
 * if it is empty. Look at hs_buf_ok().
 */
void hs_chart_put(const struct hs_chart *c, const char *title, const struct hs_tally *t,
		  size_t top, struct hs_buf *out);

/*
 * Appends a name as it is fit for a terminal, of at most `most` characters (0: all), and
 * blanks up to `width`.
 */
void hs_chart_put_name(struct hs_slice name, size_t most, size_t width, struct hs_buf *out);

enum { HS_CHART_BYTES = 16 };
/*
 * 812 B, 1.2 KB, 3.4 MB …: each is 1024 of the one before, as in hookspool.conf(5). Every size that
 * a command shows to people is printed by this; JSON and figures for monitors are in bytes.
 */
void hs_chart_bytes(uint64_t n, char out[static HS_CHART_BYTES]);

#endif
