#include "tools/report/fold.h"
#include "tools/report/bar_table.h"

#include <string.h>

enum { INDENT_LEAST = 4 };

static size_t blanks_of(struct hs_slice line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] == ' ')
		n++;
	return n;
}

static size_t word_of(struct hs_slice line, size_t from)
{
	const char *blank = memchr(line.p + from, ' ', line.n - from);

	return blank == NULL ? line.n - from : (size_t)(blank - line.p) - from;
}

static void put_line(struct hs_buf *out, struct hs_slice line, size_t columns, size_t indent)
{
	size_t column = 0;
	bool is_first = true;

	while (line.n > 0) {
		size_t blanks = blanks_of(line), word = word_of(line, blanks);
		size_t width = hs_bar_table_width(hs_slice(line.p + blanks, word));

		if (!is_first && word > 0 && column + blanks + width > columns) {
			hs_buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			line = hs_slice(line.p + blanks, line.n - blanks);
			blanks = 0;
		}
		hs_buf_put(out, line.p, blanks + word);
		column += blanks + width;
		line = hs_slice(line.p + blanks + word, line.n - blanks - word);
		is_first = false;
	}
}

void hs_fold(struct hs_buf *text, size_t from, size_t columns, size_t indent)
{
	struct hs_buf out = { 0 };

	if (columns == 0 || !hs_buf_ok(text))
		return;
	for (size_t at = from; at < text->n;) {
		const char *line = text->p + at, *end = memchr(line, '\n', text->n - at);
		size_t n = end == NULL ? text->n - at : (size_t)(end - line);

		put_line(&out, hs_slice(line, n), columns, 2 * indent <= columns ? indent : INDENT_LEAST);
		if (end != NULL)
			hs_buf_putc(&out, '\n');
		at += n + (end != NULL);
	}
	text->n = from;
	hs_buf_put_slice(text, hs_buf_slice(&out));
	text->failed |= !hs_buf_ok(&out);
	hs_buf_free(&out);
}
