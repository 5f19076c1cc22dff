#include "warehouse/column_names.h"
#include "base/digest.h"
#include "base/hex.h"
#include "event/snake.h"

enum {
	CUT_BYTES = 54,    /* of a long name that are kept */
	HASH_BYTES = 4,    /* of its SHA-256 that follow, in hex */
	FOUR_BYTES = 0xF0, /* first byte of a character beyond U+FFFF */
};

/* --- snake case ----------------------------------------------------------------- */

static bool is_snake(struct hs_slice field)
{
	for (size_t i = 0; i < field.n; i++)
		if (field.p[i] == '.' || field.p[i] == ' ' || field.p[i] == '-' ||
		    (field.p[i] >= 'A' && field.p[i] <= 'Z'))
			return false;
	return true;
}

void hs_column_names_put_snake_key(struct hs_buf *out, struct hs_slice key)
{
	char *to = hs_buf_reserve(out, HS_SNAKE_MAX(key.n));

	if (to != NULL)
		out->n += hs_snake(key, to);
}

void hs_column_names_put_snake(struct hs_buf *out, struct hs_slice field)
{
	const char *dot;

	if (is_snake(field)) {
		hs_buf_put_slice(out, field);
		return;
	}
	while ((dot = memchr(field.p, '.', field.n)) != NULL) {
		size_t n = (size_t)(dot - field.p);

		hs_column_names_put_snake_key(out, hs_slice(field.p, n));
		hs_buf_putc(out, '_');
		field = hs_slice(dot + 1, field.n - n - 1);
	}
	hs_column_names_put_snake_key(out, field);
}

/* --- the bound ------------------------------------------------------------------ */

/* Removes the characters beyond U+FFFF; returns how many bytes are left. */
static size_t drop_wide(char *name, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n;) {
		if ((unsigned char)name[i] >= FOUR_BYTES) {
			for (i++; i < n && ((unsigned char)name[i] & 0xC0) == 0x80; i++)
				;
			continue;
		}
		name[to++] = name[i++];
	}
	return to;
}

static bool has_wide(struct hs_slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] >= FOUR_BYTES)
			return true;
	return false;
}

void hs_column_names_bound(struct hs_buf *out, size_t start)
{
	uint8_t sha256[HS_SHA256_BYTES];
	char digits[2 * HASH_BYTES];
	size_t n = out->n - start;
	char *name = out->p + start;

	if (!hs_buf_ok(out) || (n <= HS_WAREHOUSE_NAME && !has_wide(hs_slice(name, n))))
		return;
	if (!hs_sha256(hs_slice(name, n), sha256)) {
		out->failed = true;
		return;
	}
	n = drop_wide(name, n);
	if (n > CUT_BYTES)
		for (n = CUT_BYTES; n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80; n--)
			;
	out->n = start + n;
	hs_hex_encode(sha256, HASH_BYTES, digits);
	hs_buf_putc(out, '_');
	hs_buf_put(out, digits, sizeof digits);
}

/* --- tables --------------------------------------------------------------------- */

bool hs_column_names_is_table(struct hs_slice name)
{
	static const char *const tables[] = { "tracks", "identifies", "users",   "pages",          "screens",
		                              "groups", "accounts",   "aliases", "hookspool_load", "hookspool_names" };

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (hs_slice_eq(name, hs_slice_str(tables[i])))
			return true;
	return false;
}

void hs_column_names_put_table(struct hs_buf *out, struct hs_slice event)
{
	size_t start = out->n;

	hs_buf_putc(out, '_');
	hs_column_names_put_snake_key(out, event);
	if (!hs_buf_ok(out))
		return;
	if (!hs_column_names_is_table(hs_slice(out->p + start + 1, out->n - start - 1))) {
		memmove(out->p + start, out->p + start + 1, out->n - start - 1);
		out->n--;
	}
	hs_column_names_bound(out, start);
}
