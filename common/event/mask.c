#include "event/mask.h"
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
	hs_buf_putc(out, '"');
	hs_buf_put(out, hex, sizeof hex);
	hs_buf_putc(out, '"');
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

/* Appends the text up to `end`, or the value as it is if that is all of it. */
static void put_first(const struct hs_record_field *value, size_t end, struct hs_buf *text, struct hs_buf *out)
{
	if (end < text->n) {
		hs_buf_put_json(out, hs_slice(text->p, end));
		return;
	}
	if (value->is_string)
		hs_buf_putc(out, '"');
	hs_buf_put_slice(out, value->value);
	if (value->is_string)
		hs_buf_putc(out, '"');
}

bool hs_mask_may_change(const struct hs_mask *mask, struct hs_slice value)
{
	if (mask->kind == HS_MASK_CUT)
		return value.n > mask->n; /* decoded, a text is shorter */
	return mask->kind != HS_MASK_NO_QUERY || memchr(value.p, '?', value.n) != NULL ||
	       memchr(value.p, '#', value.n) != NULL || memchr(value.p, '\\', value.n) != NULL;
}

static size_t before_query(const struct hs_buf *text)
{
	size_t n = 0;

	while (n < text->n && text->p[n] != '?' && text->p[n] != '#')
		n++;
	return n;
}

static size_t before_cut(const struct hs_buf *text, size_t n)
{
	if (n >= text->n)
		return text->n;
	while (n > 0 && is_continuation(text->p[n]))
		n--;
	return n;
}

enum hs_result hs_mask_put(const struct hs_mask *mask, const struct hs_hmac256 *key,
                           const struct hs_record_field *value, struct hs_buf *text, struct hs_buf *out)
{
	hs_buf_reset(text);
	hs_record_field_put(value, text);
	if (!hs_buf_ok(text))
		return HS_E_MEMORY;
	if (mask->kind == HS_MASK_DROP)
		return HS_OK;
	if (mask->kind == HS_MASK_KEEP || hs_record_field_is_null(value))
		put_first(value, text->n, text, out);
	else if (mask->kind == HS_MASK_HASH)
		put_hash(key, text, out);
	else if (mask->kind == HS_MASK_LAST)
		put_last(mask->n, text, out);
	else
		put_first(value, mask->kind == HS_MASK_CUT ? before_cut(text, mask->n) : before_query(text), text, out);
	return hs_buf_ok(out) ? HS_OK : HS_E_MEMORY;
}
