#include "core/json.h"
#include "core/hash.h"
#include "core/hex.h"
#include "core/utf8.h"

#include <assert.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	TOKENS_FIRST = 512,
	TOKENS_KEEP = 1 << 16,  /* a megabyte of tokens survives hs_json_shrink */
	KEYS_COMPARED_EACH = 16 /* up to so many keys are compared as they come */
};

void hs_json_init(struct hs_json *j, uint64_t seed)
{
	memset(j, 0, sizeof *j);
	j->seed = seed;
}

void hs_json_free(struct hs_json *j)
{
	free(j->tok);
	free(j->table);
	hs_buf_free(&j->key_a);
	hs_buf_free(&j->key_b);
	hs_json_init(j, j->seed);
}

void hs_json_shrink(struct hs_json *j)
{
	if (j->cap > TOKENS_KEEP) {
		free(j->tok);
		j->tok = NULL;
		j->n = j->cap = 0;
	}
	if (j->table_cap > TOKENS_KEEP) {
		free(j->table);
		j->table = NULL;
		j->table_cap = 0;
	}
	hs_buf_shrink(&j->key_a, TOKENS_KEEP);
	hs_buf_shrink(&j->key_b, TOKENS_KEEP);
}

void hs_json_start(struct hs_json *j, struct hs_slice text)
{
	assert(text.n < UINT32_MAX);
	j->text = text;
	j->pos = 0;
	j->n = 0;
	j->inside = false;
}

/* --- bytes ------------------------------------------------------------------ */

static bool at_end(const struct hs_json *j)
{
	return j->pos == j->text.n;
}

/* RFC 8259, 2: the four blanks. Returns whether there was one. */
static bool skip_blanks(struct hs_json *j)
{
	const char *p = j->text.p + j->pos, *end = j->text.p + j->text.n, *from = p;

	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	j->pos = (size_t)(p - j->text.p);
	return p != from;
}

/* What stands at pos cannot stand there; or nothing does. */
static enum hs_result unexpected(const struct hs_json *j)
{
	return at_end(j) ? HS_E_JSON_END : HS_E_JSON_SYNTAX;
}

static bool take(struct hs_json *j, char c)
{
	if (at_end(j) || j->text.p[j->pos] != c)
		return false;
	j->pos++;
	return true;
}

/*
 * First byte at or behind p that a string cannot simply contain: a quote, a backslash,
 * a control character, or one that is not ASCII.
 */
static const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
	const __m128i blank = _mm_set1_epi8(' ');

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* as signed bytes, what is not ASCII lies below the blank as well */
		__m128i odd = _mm_or_si128(_mm_cmplt_epi8(v, blank),
		                           _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
		int mask = _mm_movemask_epi8(odd);

		if (mask != 0)
			return p + __builtin_ctz((unsigned)mask);
	}
#endif
	while (p < end && (unsigned char)*p >= ' ' && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* --- scalars ---------------------------------------------------------------- */

/* pos is at the first of four hex digits. */
static enum hs_result read_hex4(struct hs_json *j, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, j->pos++) {
		int digit = at_end(j) ? -1 : hs_hex_digit(j->text.p[j->pos]);

		if (digit < 0)
			return at_end(j) ? HS_E_JSON_END : HS_E_JSON_ESCAPE;
		*code = *code << 4 | (uint32_t)digit;
	}
	return HS_OK;
}

/* pos is at a backslash (RFC 8259, 7). */
static enum hs_result read_escape(struct hs_json *j, bool is_key)
{
	size_t backslash = j->pos++;
	uint32_t code;
	enum hs_result r;

	if (at_end(j))
		return HS_E_JSON_END;
	switch (j->text.p[j->pos]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		j->pos++;
		return HS_OK;
	case 'u':
		j->pos++;
		r = read_hex4(j, &code);
		if (r == HS_OK && code == 0 && is_key) {
			j->pos = backslash;
			return HS_E_JSON_NUL_KEY;
		}
		return r;
	default:
		return HS_E_JSON_ESCAPE;
	}
}

/* pos is at the opening quote; afterwards behind the closing one. */
static enum hs_result read_string(struct hs_json *j, bool is_key, bool *escaped)
{
	const char *text = j->text.p, *end = text + j->text.n;

	*escaped = false;
	j->pos++;
	for (;;) {
		const char *p = skip_plain(text + j->pos, end);
		enum hs_result r;
		size_t length;

		j->pos = (size_t)(p - text);
		if (p == end)
			return HS_E_JSON_END;
		if (*p == '"') {
			j->pos++;
			return HS_OK;
		}
		if (*p == '\\') {
			*escaped = true;
			r = read_escape(j, is_key);
			if (r != HS_OK)
				return r;
			continue;
		}
		if ((unsigned char)*p < ' ')
			return HS_E_JSON_CONTROL;
		length = hs_utf8_length(p, (size_t)(end - p));
		if (length == 0)
			return HS_E_JSON_UTF8;
		j->pos += length;
	}
}

static bool at_digit(const struct hs_json *j)
{
	return !at_end(j) && j->text.p[j->pos] >= '0' && j->text.p[j->pos] <= '9';
}

/* One digit or more. */
static enum hs_result read_digits(struct hs_json *j)
{
	if (!at_digit(j))
		return at_end(j) ? HS_E_JSON_END : HS_E_JSON_NUMBER;
	while (at_digit(j))
		j->pos++;
	return HS_OK;
}

/* RFC 8259, 6. pos is at a minus or a digit. */
static enum hs_result read_number(struct hs_json *j)
{
	enum hs_result r = HS_OK;

	take(j, '-');
	if (take(j, '0')) {
		if (at_digit(j))
			return HS_E_JSON_NUMBER; /* a leading zero */
	} else {
		r = read_digits(j);
	}
	if (r == HS_OK && take(j, '.'))
		r = read_digits(j);
	if (r == HS_OK && (take(j, 'e') || take(j, 'E'))) {
		if (!take(j, '+'))
			take(j, '-');
		r = read_digits(j);
	}
	return r;
}

static enum hs_result read_literal(struct hs_json *j, struct hs_slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!take(j, word.p[i]))
			return unexpected(j);
	return HS_OK;
}

/* --- tokens ----------------------------------------------------------------- */

static enum hs_result grow_tokens(struct hs_json *j)
{
	uint32_t cap = j->cap == 0 ? TOKENS_FIRST : j->cap * 2;
	struct hs_json_token *tok;

	if (j->n == HS_JSON_TOKENS_MAX)
		return HS_E_JSON_LARGE;
	tok = realloc(j->tok, cap * sizeof *tok);
	if (tok == NULL)
		return HS_E_MEMORY;
	j->tok = tok;
	j->cap = cap;
	return HS_OK;
}

static enum hs_result push_token(struct hs_json *j, enum hs_json_kind kind, uint32_t *index)
{
	enum hs_result r = j->n < j->cap ? HS_OK : grow_tokens(j);

	if (r != HS_OK)
		return r;
	*index = j->n++;
	j->tok[*index] = (struct hs_json_token){
		.start = (uint32_t)j->pos, .next = *index + 1, .kind = (uint8_t)kind
	};
	return HS_OK;
}

static enum hs_result read_scalar(struct hs_json *j, enum hs_json_kind kind)
{
	uint32_t index;
	bool escaped = false;
	enum hs_result r = push_token(j, kind, &index);

	if (r != HS_OK)
		return r;
	switch (kind) {
	case HS_JSON_STRING: r = read_string(j, false, &escaped); break;
	case HS_JSON_NUMBER: r = read_number(j); break;
	case HS_JSON_TRUE: r = read_literal(j, HS_SLICE("true")); break;
	case HS_JSON_FALSE: r = read_literal(j, HS_SLICE("false")); break;
	default: r = read_literal(j, HS_SLICE("null")); break;
	}
	j->tok[index].end = (uint32_t)j->pos;
	j->tok[index].escaped = escaped;
	return r;
}

/* --- doubled keys ----------------------------------------------------------- */

/* The key as it compares: its bytes, or, if it has escapes, decoded into buf. */
static struct hs_slice key_text(const struct hs_json *j, uint32_t key, struct hs_buf *buf)
{
	struct hs_slice inner = hs_json_inner(j, key);

	if (!j->tok[key].escaped)
		return inner;
	hs_buf_reset(buf);
	hs_json_unescape(inner, buf);
	return hs_buf_slice(buf);
}

/* Is `name`, the text of the newest key, the same as an earlier key of the object? */
static bool seen_before(struct hs_json *j, uint32_t object, uint32_t key, struct hs_slice name)
{
	for (uint32_t i = object + 1; i < key; i = j->tok[i + 1].next)
		if (hs_slice_eq(key_text(j, i, &j->key_b), name))
			return true;
	return false;
}

static enum hs_result check_new_key(struct hs_json *j, struct hs_json_frame *f, uint32_t key)
{
	struct hs_slice name;
	uint64_t bit;

	if (++f->keys > KEYS_COMPARED_EACH)
		return HS_OK; /* check_many_keys will look, once, when the object ends */
	name = key_text(j, key, &j->key_a);
	if (!hs_buf_ok(&j->key_a))
		return HS_E_MEMORY;
	bit = UINT64_C(1) << (hs_hash(name.p, name.n, j->seed) & 63);
	if ((f->seen & bit) != 0 && seen_before(j, f->token, key, name)) {
		j->pos = j->tok[key].start;
		return HS_E_JSON_TWICE;
	}
	f->seen |= bit;
	return hs_buf_ok(&j->key_b) ? HS_OK : HS_E_MEMORY;
}

/* An empty open-addressing table for so many keys, at most half full. */
static enum hs_result clear_table(struct hs_json *j, uint32_t keys)
{
	uint32_t cap = j->table_cap == 0 ? 64 : j->table_cap;

	while (cap < 2 * keys)
		cap *= 2;
	if (cap != j->table_cap) {
		free(j->table);
		j->table = malloc(cap * sizeof *j->table);
		j->table_cap = j->table == NULL ? 0 : cap;
		if (j->table == NULL)
			return HS_E_MEMORY;
	}
	memset(j->table, 0, cap * sizeof *j->table);
	return HS_OK;
}

static enum hs_result check_many_keys(struct hs_json *j, const struct hs_json_frame *f)
{
	enum hs_result r = clear_table(j, f->keys);

	for (uint32_t key = f->token + 1; r == HS_OK && key < j->n; key = j->tok[key + 1].next) {
		struct hs_slice name = key_text(j, key, &j->key_a);
		uint32_t mask = j->table_cap - 1;
		uint32_t at = (uint32_t)hs_hash(name.p, name.n, j->seed) & mask;

		for (; j->table[at] != 0 && r == HS_OK; at = (at + 1) & mask)
			if (hs_slice_eq(key_text(j, j->table[at], &j->key_b), name)) {
				j->pos = j->tok[key].start;
				r = HS_E_JSON_TWICE;
			}
		j->table[at] = key; /* never 0: a key stands behind its object */
		if (!hs_buf_ok(&j->key_a) || !hs_buf_ok(&j->key_b))
			r = HS_E_MEMORY;
	}
	return r;
}

/* --- containers ------------------------------------------------------------- */

/* pos is at '{' or '['. */
static enum hs_result open_container(struct hs_json *j, unsigned open, unsigned depth)
{
	enum hs_json_kind kind = j->text.p[j->pos] == '{' ? HS_JSON_OBJECT : HS_JSON_ARRAY;
	struct hs_json_frame *f;
	uint32_t index;
	enum hs_result r;

	if (open + depth >= HS_JSON_DEPTH_MAX)
		return HS_E_JSON_DEPTH;
	r = push_token(j, kind, &index);
	if (r != HS_OK)
		return r;
	f = &j->frame[open];
	*f = (struct hs_json_frame){ .token = index };
	j->pos++;
	f->spaced = skip_blanks(j);
	return HS_OK;
}

/* pos is at the closing bracket of frame[open - 1]. */
static enum hs_result close_container(struct hs_json *j, unsigned open)
{
	struct hs_json_frame *f = &j->frame[open - 1];
	struct hs_json_token *t = &j->tok[f->token];

	if (f->keys > KEYS_COMPARED_EACH) {
		enum hs_result r = check_many_keys(j, f);

		if (r != HS_OK)
			return r;
	}
	j->pos++;
	t->end = (uint32_t)j->pos;
	t->next = j->n;
	t->spaced = f->spaced;
	if (open > 1)
		j->frame[open - 2].spaced |= f->spaced;
	return HS_OK;
}

/* A key and its colon, with the blanks around them. */
static enum hs_result read_key(struct hs_json *j, struct hs_json_frame *f)
{
	uint32_t key;
	bool escaped;
	enum hs_result r;

	if (at_end(j) || j->text.p[j->pos] != '"')
		return unexpected(j);
	r = push_token(j, HS_JSON_STRING, &key);
	if (r == HS_OK)
		r = read_string(j, true, &escaped);
	if (r != HS_OK)
		return r;
	j->tok[key].end = (uint32_t)j->pos;
	j->tok[key].escaped = escaped;
	r = check_new_key(j, f, key);
	if (r != HS_OK)
		return r;
	f->spaced |= skip_blanks(j);
	if (!take(j, ':'))
		return unexpected(j);
	f->spaced |= skip_blanks(j);
	return HS_OK;
}

/*
 * Behind a value: closes every container that ends here, until a comma announces the
 * next value (*more) or none is open.
 */
static enum hs_result after_value(struct hs_json *j, unsigned *open, bool *more)
{
	enum hs_result r = HS_OK;

	*more = false;
	while (*open > 0 && !*more && r == HS_OK) {
		struct hs_json_frame *f = &j->frame[*open - 1];
		bool object = j->tok[f->token].kind == HS_JSON_OBJECT;

		f->spaced |= skip_blanks(j);
		if (take(j, ',')) {
			f->spaced |= skip_blanks(j);
			*more = true;
			r = object ? read_key(j, f) : HS_OK;
		} else if (!at_end(j) && j->text.p[j->pos] == (object ? '}' : ']')) {
			r = close_container(j, (*open)--);
		} else {
			r = unexpected(j);
		}
	}
	return r;
}

/* Opens a container at pos. *more: a value follows; otherwise it was empty and is closed. */
static enum hs_result enter(struct hs_json *j, unsigned *open, unsigned depth, bool *more)
{
	bool object = j->text.p[j->pos] == '{';
	enum hs_result r = open_container(j, *open, depth);

	if (r != HS_OK)
		return r;
	++*open;
	*more = at_end(j) || j->text.p[j->pos] != (object ? '}' : ']');
	if (!*more)
		return close_container(j, (*open)--);
	return object ? read_key(j, &j->frame[*open - 1]) : HS_OK;
}

enum hs_result hs_json_value(struct hs_json *j, unsigned depth)
{
	unsigned open = 0;
	bool more = true;
	enum hs_result r = HS_OK;

	j->n = 0;
	skip_blanks(j);
	while (more && r == HS_OK) {
		bool entered = false;

		if (at_end(j))
			return HS_E_JSON_END;
		switch (j->text.p[j->pos]) {
		case '{': case '[':
			r = enter(j, &open, depth, &entered);
			break;
		case '"': r = read_scalar(j, HS_JSON_STRING); break;
		case 't': r = read_scalar(j, HS_JSON_TRUE); break;
		case 'f': r = read_scalar(j, HS_JSON_FALSE); break;
		case 'n': r = read_scalar(j, HS_JSON_NULL); break;
		case '-': case '0': case '1': case '2': case '3': case '4':
		case '5': case '6': case '7': case '8': case '9':
			r = read_scalar(j, HS_JSON_NUMBER);
			break;
		default: return HS_E_JSON_SYNTAX;
		}
		if (r == HS_OK && !entered)
			r = after_value(j, &open, &more);
	}
	return r;
}

enum hs_result hs_json_end(struct hs_json *j)
{
	skip_blanks(j);
	return at_end(j) ? HS_OK : HS_E_JSON_TRAILING;
}

enum hs_result hs_json_document(struct hs_json *j, struct hs_slice text)
{
	enum hs_result r;

	hs_json_start(j, text);
	skip_blanks(j);
	if (at_end(j))
		return HS_E_JSON_EMPTY;
	r = hs_json_value(j, 0);
	return r == HS_OK ? hs_json_end(j) : r;
}

bool hs_json_is_array(struct hs_json *j)
{
	skip_blanks(j);
	return !at_end(j) && j->text.p[j->pos] == '[';
}

enum hs_result hs_json_element(struct hs_json *j, bool *more)
{
	bool first = !j->inside;
	enum hs_result r;

	*more = false;
	skip_blanks(j);
	if (first) {
		if (!take(j, '['))
			return unexpected(j);
		j->inside = true;
		skip_blanks(j);
	}
	if (take(j, ']'))
		return hs_json_end(j);
	if (!first && !take(j, ','))
		return unexpected(j);
	r = hs_json_value(j, 1);
	*more = r == HS_OK;
	return r;
}

/* --- decoded text ----------------------------------------------------------- */

static uint32_t hex4(const char *p)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)hs_hex_digit(p[i]);
	return code;
}

/* p is at the u of an escape; returns the code point and the bytes read behind the u. */
static uint32_t unescape_unicode(const char *p, const char *end, size_t *used)
{
	uint32_t high = hex4(p + 1), low;

	*used = 4;
	if (high < 0xD800 || high > 0xDBFF || end - p < 11 || p[5] != '\\' || p[6] != 'u')
		return high;
	low = hex4(p + 7);
	if (low < 0xDC00 || low > 0xDFFF)
		return high;
	*used = 10;
	return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

void hs_json_unescape(struct hs_slice inner, struct hs_buf *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *p = inner.p, *end = inner.p + inner.n;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		const char *simple;
		char encoded[4];
		size_t used = 0;

		if (slash == NULL) {
			hs_buf_put(out, p, (size_t)(end - p));
			return;
		}
		hs_buf_put(out, p, (size_t)(slash - p));
		p = slash + 1;
		if (*p == 'u') {
			uint32_t code = unescape_unicode(p, end, &used);

			hs_buf_put(out, encoded, hs_utf8_put(encoded, code));
		} else {
			simple = memchr(from, *p, sizeof from - 1);
			hs_buf_putc(out, simple != NULL ? to[simple - from] : *p);
		}
		p += 1 + used;
	}
}
