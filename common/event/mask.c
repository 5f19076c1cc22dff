#include "event/mask.h"
#include "base/byte_scan.h"
#include "base/hex.h"

static const struct {
	const char *word;
	enum hs_mask_kind kind;
	uint32_t most; /* highest N; 0: the mask has none */
} masks[] = {
	{ "keep", HS_MASK_KEEP, 0 },         { "drop", HS_MASK_DROP, 0 },
	{ "hash", HS_MASK_HASH, 0 },         { "last", HS_MASK_LAST, HS_MASK_LAST_MAX },
	{ "no query", HS_MASK_NO_QUERY, 0 }, { "cut", HS_MASK_CUT, HS_MASK_CUT_MAX },
};

enum { MASKS = sizeof masks / sizeof *masks };

/* Reads " 4": blanks, then a number from 1 to `most`. */
static bool read_count(struct hs_slice text, uint32_t most, uint32_t *n)
{
	struct hs_slice digits = hs_slice_trim(text);

	*n = 0;
	if (digits.n == 0 || digits.n == text.n)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (!hs_is_digit(digits.p[i]) || *n > most)
			return false;
		*n = *n * 10 + (uint32_t)(digits.p[i] - '0');
	}
	return *n >= 1 && *n <= most;
}

bool hs_mask_read(struct hs_slice text, struct hs_mask *mask)
{
	for (size_t i = 0; i < MASKS; i++) {
		size_t n = strlen(masks[i].word);

		if (text.n < n || memcmp(text.p, masks[i].word, n) != 0)
			continue;
		*mask = (struct hs_mask){ masks[i].kind, 0 };
		return masks[i].most == 0 ? text.n == n
		                          : read_count(hs_slice(text.p + n, text.n - n), masks[i].most, &mask->n);
	}
	return false;
}

void hs_mask_print(const struct hs_mask *mask, struct hs_buf *out)
{
	for (size_t i = 0; i < MASKS; i++) {
		if (masks[i].kind != mask->kind)
			continue;
		hs_buf_put_slice(out, hs_slice_str(masks[i].word));
		if (masks[i].most > 0)
			hs_buf_printf(out, " %u", (unsigned)mask->n);
	}
}

struct hs_record_field hs_mask_field(struct hs_slice value)
{
	struct hs_record_field field = { .value = value };

	field.is_string = value.n >= 2 && value.p[0] == '"';
	if (field.is_string)
		field.value = hs_slice(value.p + 1, value.n - 2);
	field.value_escaped = field.is_string && memchr(field.value.p, '\\', field.value.n) != NULL;
	return field;
}

/* --- texts ----------------------------------------------------------------------- */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

static void put_string(struct hs_slice text, struct hs_buf *out)
{
	hs_buf_putc(out, '"');
	hs_buf_put_slice(out, text);
	hs_buf_putc(out, '"');
}

static void put_unchanged(const struct hs_record_field *value, struct hs_buf *out)
{
	if (value->is_string)
		put_string(value->value, out);
	else
		hs_buf_put_slice(out, value->value);
}

/* Changes `text`, as put_last does. */
static void put_hash(const struct hs_hmac256 *key, struct hs_buf *text, struct hs_buf *out)
{
	struct hs_slice trimmed = hs_slice_trim(hs_buf_slice(text));
	uint8_t mac[HS_SHA256_BYTES];
	char hex[2 * HS_SHA256_BYTES];

	for (char *p = text->p; p < text->p + text->n; p++)
		*p = hs_lower(*p);
	if (!hs_hmac256(key, trimmed, mac)) {
		out->failed = true;
		return;
	}
	hs_hex_encode(mac, sizeof mac, hex);
	put_string(hs_slice(hex, sizeof hex), out);
}

/* A text of at most `shown` characters is hidden wholly, because all of it would be shown otherwise. */
static void put_last(uint32_t shown, struct hs_buf *text, struct hs_buf *out)
{
	size_t characters = 0, at = text->n, hidden, stars;

	for (size_t i = 0; i < text->n; i++)
		characters += !is_continuation(text->p[i]);
	hidden = characters > shown ? characters - shown : characters;
	for (size_t left = characters - hidden; left > 0; left--) {
		at--;
		while (at > 0 && is_continuation(text->p[at]))
			at--;
	}
	stars = hidden < HS_MASK_STARS ? hidden : HS_MASK_STARS;
	at -= stars; /* a hidden character has at least a byte */
	if (stars > 0)
		memset(text->p + at, '*', stars);
	hs_buf_put_json(out, hs_slice(text->p + at, text->n - at));
}

static size_t before_query(struct hs_slice text)
{
	const char *query = text.n == 0 ? NULL : memchr(text.p, '?', text.n);
	size_t n = query == NULL ? text.n : (size_t)(query - text.p);
	const char *fragment = n == 0 ? NULL : memchr(text.p, '#', n);

	return fragment == NULL ? n : (size_t)(fragment - text.p);
}

static size_t before_cut(struct hs_slice text, size_t n)
{
	if (n >= text.n)
		return text.n;
	while (n > 0 && is_continuation(text.p[n]))
		n--;
	return n;
}

/* True if there is a ?, a # or a backslash, which may stand for one. */
static bool may_have_query(struct hs_slice value)
{
	size_t at = 0;

	for (; at + 16 <= value.n; at += 16)
		if (hs_scan16_brackets(value.p + at, '?', '#') != 0)
			return true;
	if (value.n >= 16) /* the last block overlaps the one before */
		return hs_scan16_brackets(value.p + value.n - 16, '?', '#') != 0;
	for (; at < value.n; at++)
		if (value.p[at] == '?' || value.p[at] == '#' || value.p[at] == '\\')
			return true;
	return false;
}

bool hs_mask_may_change(const struct hs_mask *mask, struct hs_slice value)
{
	switch (mask->kind) {
	case HS_MASK_KEEP: return false;
	case HS_MASK_NO_QUERY: return may_have_query(value);
	case HS_MASK_CUT: return value.n > mask->n; /* decoded, a text is shorter */
	default: return true;
	}
}

enum hs_result hs_mask_put(const struct hs_mask *mask, const struct hs_hmac256 *key,
                           const struct hs_record_field *value, struct hs_buf *text, struct hs_buf *out)
{
	bool in_place = mask->kind == HS_MASK_HASH || mask->kind == HS_MASK_LAST;
	struct hs_slice decoded = value->value;
	size_t n;

	if (mask->kind == HS_MASK_DROP)
		return HS_OK;
	if (mask->kind == HS_MASK_KEEP || hs_record_field_is_null(value)) {
		put_unchanged(value, out);
		return hs_buf_ok(out) ? HS_OK : HS_E_MEMORY;
	}
	if (in_place || value->value_escaped) {
		hs_buf_reset(text);
		hs_record_field_put(value, text);
		if (!hs_buf_ok(text))
			return HS_E_MEMORY;
		decoded = hs_buf_slice(text);
	}
	n = mask->kind == HS_MASK_CUT ? before_cut(decoded, mask->n) : before_query(decoded);
	if (mask->kind == HS_MASK_HASH)
		put_hash(key, text, out);
	else if (mask->kind == HS_MASK_LAST)
		put_last(mask->n, text, out);
	else if (n < decoded.n)
		hs_buf_put_json(out, hs_slice(decoded.p, n));
	else
		put_unchanged(value, out);
	return hs_buf_ok(out) ? HS_OK : HS_E_MEMORY;
}
