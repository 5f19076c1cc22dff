#include "tools/report/projection.h"

#include <stdio.h>

bool hs_projection_set(struct hs_projection *c, const char *command, const char *list)
{
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ",");

		if (n == 0 || c->count == HS_PROJECTION_MAX) {
			fprintf(stderr,
			        "hookspool %s: --fields: expected 1 to %d names with commas "
			        "between them\n",
			        command, HS_PROJECTION_MAX);
			return false;
		}
		c->name[c->count++] = hs_slice(p, n);
		p += n;
		if (*p == '\0')
			return true;
	}
}

void hs_projection_free(struct hs_projection *c)
{
	hs_buf_free(&c->scratch);
}

/* Finds the wanted fields; stops as soon as it has all. */
static void find_fields(struct hs_projection *c, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	unsigned missing = c->count;
	struct hs_record_field field;

	c->now++;
	hs_buf_reset(&c->scratch);
	while (missing > 0 && hs_record_field_next(&walk, &field))
		for (unsigned i = 0; i < c->count && hs_buf_ok(&c->scratch); i++)
			if (c->era[i] != c->now && hs_record_field_is_named(&field, c->name[i], &c->scratch)) {
				c->field[i] = field;
				c->era[i] = c->now;
				missing--;
			}
}

/*
 * Escapes as PostgreSQL's COPY expects. Its texts cannot hold a NUL, so that becomes U+FFFD, as a
 * lone surrogate does.
 */
static void put_escaped(struct hs_buf *out, struct hs_slice text)
{
	static const char special[] = "\t\n\r\\", letter[] = "tnr\\";
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *found = strchr(special, text.p[i]); /* finds the terminator for a NUL */

		if (found == NULL)
			continue;
		hs_buf_put(out, text.p + from, i - from);
		if (*found == '\0')
			hs_buf_put_slice(out, HS_SLICE("\xef\xbf\xbd"));
		else
			hs_buf_put(out, (char[]){ '\\', letter[found - special] }, 2);
		from = i + 1;
	}
	hs_buf_put(out, text.p + from, text.n - from);
}

static void put_column(struct hs_projection *c, const struct hs_record_field *field, struct hs_buf *out)
{
	if (c->raw || !field->value_escaped) { /* a character that must be escaped was escaped in the record, too */
		hs_record_field_put(field, out);
		return;
	}
	hs_buf_reset(&c->scratch);
	hs_record_field_put(field, &c->scratch);
	put_escaped(out, hs_buf_slice(&c->scratch));
	out->failed |= !hs_buf_ok(&c->scratch);
}

void hs_projection_put(struct hs_projection *c, struct hs_slice line, struct hs_buf *out)
{
	find_fields(c, line);
	out->failed |= !hs_buf_ok(&c->scratch);
	for (unsigned i = 0; i < c->count; i++) {
		if (i > 0)
			hs_buf_putc(out, '\t');
		if (c->era[i] == c->now)
			put_column(c, &c->field[i], out);
	}
	hs_buf_putc(out, '\n');
}
