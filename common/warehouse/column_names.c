#include "warehouse/column_names.h"
#include "base/digest.h"
#include "base/hex.h"
#include "event/snake.h"

#include <string.h>

enum {
	CUT_BYTES = 54,    /* of a long name that are kept */
	HASH_BYTES = 4,    /* of its SHA-256 that follow, in hex */
	FOUR_BYTES = 0xF0, /* first byte of a character beyond U+FFFF */
	HALF = 0xED,       /* first byte of half a surrogate pair, if the second one is at least … */
	HALF_SECOND = 0xA0,
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

/* Half a surrogate pair, which hs_json_unescape() decodes to three bytes that are no UTF-8. */
static bool is_half(struct hs_slice name, size_t i)
{
	return (unsigned char)name.p[i] == HALF && i + 1 < name.n && (unsigned char)name.p[i + 1] >= HALF_SECOND;
}

/* True if a character begins there that not every database takes in a name. */
static bool is_strange(struct hs_slice name, size_t i)
{
	return (unsigned char)name.p[i] >= FOUR_BYTES || is_half(name, i);
}

/* Copies the beginning of a name, at most `most` bytes, without the strange characters; returns how many. */
static size_t copy_plain(struct hs_slice name, char *to, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < most;) {
		if (is_strange(name, i)) {
			for (i++; i < name.n && ((unsigned char)name.p[i] & 0xC0) == 0x80; i++)
				;
			continue;
		}
		to[n++] = name.p[i++];
	}
	return n;
}

static bool has_strange(struct hs_slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (is_strange(name, i))
			return true;
	return false;
}

void hs_column_names_put_whole(struct hs_buf *out, struct hs_slice name)
{
	size_t start = out->n;

	hs_buf_put_slice(out, name);
	for (size_t i = start; hs_buf_ok(out) && i + 2 < out->n; i++)
		if (is_half(hs_buf_slice(out), i))
			memcpy(out->p + i, "\xEF\xBF\xBD", 3); /* U+FFFD */
}

void hs_column_names_put_bounded(struct hs_buf *out, struct hs_slice name)
{
	uint8_t sha256[HS_SHA256_BYTES];
	char digits[2 * HASH_BYTES], start[CUT_BYTES + 1];
	size_t n;

	if (name.n <= HS_WAREHOUSE_NAME && !has_strange(name)) {
		hs_buf_put_slice(out, name);
		return;
	}
	if (!hs_sha256(name, sha256)) {
		out->failed = true;
		return;
	}
	n = copy_plain(name, start, sizeof start);
	if (n > CUT_BYTES)
		for (n = CUT_BYTES; n > 0 && ((unsigned char)start[n] & 0xC0) == 0x80; n--)
			;
	hs_buf_put(out, start, n);
	hs_hex_encode(sha256, HASH_BYTES, digits);
	hs_buf_putc(out, '_');
	hs_buf_put(out, digits, sizeof digits);
}

void hs_column_names_bound(struct hs_buf *out, size_t start)
{
	char text[HS_WAREHOUSE_NAME + 2];
	struct hs_buf bounded = { .p = text, .cap = sizeof text, .max = sizeof text };
	struct hs_slice name = hs_slice(out->p + start, out->n - start);

	if (!hs_buf_ok(out) || (name.n <= HS_WAREHOUSE_NAME && !has_strange(name)))
		return;
	hs_column_names_put_bounded(&bounded, name);
	out->failed = !hs_buf_ok(&bounded);
	out->n = start;
	hs_buf_put_slice(out, hs_buf_slice(&bounded));
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

void hs_column_names_put_table(struct hs_buf *out, struct hs_slice slug)
{
	if (!hs_column_names_is_table(slug)) {
		hs_column_names_put_bounded(out, slug);
		return;
	}
	hs_buf_putc(out, '_');
	hs_buf_put_slice(out, slug);
}
