#include "tools/report/bar_table.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS = 80, BAR_MOST = 40, NUMBERS = 26 /* columns of the two counts */ };

unsigned hs_bar_table_columns(int fd)
{
	struct winsize size;

	if (isatty(fd) != 1)
		return 0;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

void hs_bar_table_bytes(uint64_t n, char out[static HS_BAR_TABLE_BYTES])
{
	static const char unit[] = "KMGTPE";
	double value = (double)n / 1024;
	int i = 0;

	if (n < 1024) {
		snprintf(out, HS_BAR_TABLE_BYTES, "%u B", (unsigned)n);
		return;
	}
	for (; value >= 1023.95; i++) /* what %.1f would round to 1024.0 */
		value /= 1024;
	snprintf(out, HS_BAR_TABLE_BYTES, "%.1f %cB", value, unit[i]);
}

/* --- names ------------------------------------------------------------------------ */

/* The columns of the first character; *length is its bytes. */
static size_t columns_of(struct hs_slice name, bool *printable, size_t *length)
{
	*printable = !hs_utf8_unprintable(name.p, name.n, length);
	return *printable ? hs_utf8_columns(name.p, *length) : 1;
}

size_t hs_bar_table_width(struct hs_slice name)
{
	size_t width = 0, length;
	bool printable;

	for (; name.n > 0; name = hs_slice(name.p + length, name.n - length))
		width += columns_of(name, &printable, &length);
	return width;
}

void hs_bar_table_put_name(struct hs_slice name, size_t most, size_t width, struct hs_buf *out)
{
	bool cut = most > 0 && hs_bar_table_width(name) > most, printable;
	size_t used = 0, length;

	for (; name.n > 0; name = hs_slice(name.p + length, name.n - length)) {
		size_t columns = columns_of(name, &printable, &length);

		if (cut && used + columns >= most)
			break;
		if (printable)
			hs_buf_put(out, name.p, length);
		else
			hs_buf_putc(out, '?');
		used += columns;
	}
	if (cut) {
		hs_buf_put_slice(out, HS_SLICE("…"));
		used++;
	}
	for (; used < width; used++)
		hs_buf_putc(out, ' ');
}

/* --- rows ------------------------------------------------------------------------- */

struct layout {
	size_t name, most; /* columns of the names, and their limit; 0: no limit */
	size_t bar;        /* columns of the longest bar; 0: no bars */
	uint64_t largest;  /* count of a named row; (others) has no bar */
};

static const struct hs_slice others = { "(others)", 8 };

static struct layout lay_out(const struct hs_bar_table *c, const char *title, const struct hs_top_counts *t, size_t top)
{
	struct layout l = { .name = strlen(title), .most = c->columns / 2 };
	struct hs_top_counts_row rest = hs_top_counts_rest(t, top);

	if (rest.records > 0 && l.name < others.n)
		l.name = others.n;
	for (size_t i = 0; i < t->count && i < top; i++) {
		size_t width = hs_bar_table_width(hs_slice(t->row[i].name, t->row[i].n));

		if (width > l.name)
			l.name = width;
		if (t->row[i].records > l.largest)
			l.largest = t->row[i].records;
	}
	if (l.most > 0 && l.name > l.most)
		l.name = l.most;
	if (c->columns > l.name + NUMBERS)
		l.bar = c->columns - l.name - NUMBERS;
	if (l.bar > BAR_MOST)
		l.bar = BAR_MOST;
	return l;
}

static void put_bar(const struct hs_bar_table *c, const struct layout *l, uint64_t records, struct hs_buf *out)
{
	size_t n = (size_t)((double)records / (double)l->largest * (double)l->bar + 0.5);

	if (n == 0)
		return;
	hs_buf_put_slice(out, HS_SLICE("  "));
	if (c->colours)
		hs_buf_put_slice(out, HS_SLICE("\033[36m"));
	while (n-- > 0)
		hs_buf_put_slice(out, HS_SLICE("█"));
	if (c->colours)
		hs_buf_put_slice(out, HS_SLICE("\033[0m"));
}

static void put_row(const struct hs_bar_table *c, const struct layout *l, struct hs_slice name,
                    const struct hs_top_counts_row *row, struct hs_buf *out)
{
	char bytes[HS_BAR_TABLE_BYTES], numbers[64];

	hs_bar_table_bytes(row->bytes, bytes);
	snprintf(numbers, sizeof numbers, "%12" PRIu64 "%12s", row->records, bytes);
	hs_bar_table_put_name(name, l->most, l->name, out);
	hs_buf_put_slice(out, hs_slice_str(numbers));
	if (l->bar > 0 && row->name != NULL)
		put_bar(c, l, row->records, out);
	hs_buf_putc(out, '\n');
}

void hs_bar_table_put(const struct hs_bar_table *c, const char *title, const struct hs_top_counts *t, size_t top,
                      struct hs_buf *out)
{
	struct layout l = lay_out(c, title, t, top);
	struct hs_top_counts_row rest = hs_top_counts_rest(t, top);

	if (t->count == 0)
		return;
	hs_buf_putc(out, '\n');
	hs_bar_table_put_name(hs_slice_str(title), 0, l.name, out);
	hs_buf_put_slice(out, HS_SLICE("     records       bytes\n"));
	for (size_t i = 0; i < t->count && i < top; i++)
		put_row(c, &l, hs_slice(t->row[i].name, t->row[i].n), &t->row[i], out);
	if (rest.records > 0)
		put_row(c, &l, others, &rest, out);
}
