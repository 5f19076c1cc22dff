#include "event/json.h"
#include "base/byte_scan.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>

enum {
	TOKENS_FIRST = 512,
	TOKENS_KEEP = 1 << 16,  /* hs_json_shrink keeps a megabyte of tokens */
	KEYS_COMPARED_EACH = 16 /* up to this many keys are compared one by one */
};

/* The parent of keys below a key that is not in the cache: they cannot be in it, either. */
static const uint32_t NO_KEY = UINT32_MAX;

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
	hs_json_key_cache_free(&j->keys);
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
	hs_json_key_cache_shrink(&j->keys);
}

void hs_json_start(struct hs_json *j, struct hs_slice text)
{
	assert(text.n < UINT32_MAX);
	j->text = text;
	j->end = text.p + text.n;
	j->block_end = text.n < 16 ? text.p : j->end - 15;
	j->pos = 0;
	j->blanks = 0;
	j->n = 0;
	j->inside = false;
}

/*
 * The functions below read at p and return the position after what they read; or NULL, after
 * recording the error and its position.
 */

/* --- bytes ------------------------------------------------------------------ */

static const char *fail(struct hs_json *j, const char *p, enum hs_result result)
{
	j->pos = (size_t)(p - j->text.p);
	j->failure = result;
	return NULL;
}

/* Records that the byte at p is wrong, or that the text ends there. */
static const char *unexpected(struct hs_json *j, const char *p)
{
	return fail(j, p, p == j->end ? HS_E_JSON_END : HS_E_JSON_SYNTAX);
}

static bool is_at(const struct hs_json *j, const char *p, char c)
{
	return p < j->end && *p == c;
}

static const char *skip_blanks(struct hs_json *j, const char *p)
{
	const char *from = p;

	while (p < j->end && hs_json_is_blank(*p))
		p++;
	j->blanks += p != from;
	return p;
}

/*
 * Skips blanks (RFC 8259, 2: four characters; mostly there are none) and returns the byte at p;
 * '\0' at the end of the text.
 */
static inline char peek(struct hs_json *j, const char **p)
{
	if (HS_MOSTLY(*p < j->end && (unsigned char)**p > ' '))
		return **p;
	*p = skip_blanks(j, *p);
	return *p < j->end ? **p : '\0';
}

/* Returns the first byte from p on that is not a plain byte of a string (hs_scan16_odd). */
static inline const char *skip_plain(const struct hs_json *j, const char *p)
{
	for (; p < j->block_end; p += 16) {
		unsigned odd = hs_scan16_odd(p);

		if (odd != 0)
			return p + hs_scan16_first(odd);
	}
	while (p < j->end && (unsigned char)*p >= ' ' && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* --- scalars ---------------------------------------------------------------- */

/* p is at the first of four hex digits. */
static const char *read_hex4(struct hs_json *j, const char *p)
{
	for (int i = 0; i < 4; i++, p++)
		if (p == j->end || hs_hex_digit(*p) < 0)
			return fail(j, p, p == j->end ? HS_E_JSON_END : HS_E_JSON_ESCAPE);
	return p;
}

/* p is at a backslash (RFC 8259, 7). */
static const char *read_escape(struct hs_json *j, const char *p)
{
	if (++p == j->end)
		return fail(j, p, HS_E_JSON_END);
	switch (*p) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': return p + 1;
	case 'u': return read_hex4(j, p + 1);
	default: return fail(j, p, HS_E_JSON_ESCAPE);
	}
}

/* Reads characters beyond ASCII, which come mostly in words. */
static const char *read_utf8(struct hs_json *j, const char *p)
{
	do {
		size_t length = hs_utf8_length(p, (size_t)(j->end - p));

		if (length == 0)
			return fail(j, p, HS_E_JSON_UTF8);
		p += length;
	} while (p < j->end && (unsigned char)*p >= 0x80);
	return p;
}

/* Reads an escape or characters beyond ASCII, or reports a control character. */
static const char *read_odd(struct hs_json *j, const char *p, bool *escaped)
{
	if (*p == '\\') {
		*escaped = true;
		return read_escape(j, p);
	}
	return (unsigned char)*p < ' ' ? fail(j, p, HS_E_JSON_CONTROL) : read_utf8(j, p);
}

/* Reads the rest of a string from its first byte that is not plain; returns after the closing quote. */
static const char *read_odd_string(struct hs_json *j, const char *p, bool *escaped)
{
	while (p != NULL && !is_at(j, p, '"')) {
		if (p == j->end)
			return fail(j, p, HS_E_JSON_END);
		p = read_odd(j, p, escaped);
		if (p != NULL)
			p = skip_plain(j, p);
	}
	return p == NULL ? NULL : p + 1;
}

/* p is at the opening quote; returns after the closing one. */
static inline const char *read_string(struct hs_json *j, const char *p, bool *escaped)
{
	*escaped = false;
	p = skip_plain(j, p + 1);
	return HS_MOSTLY(is_at(j, p, '"')) ? p + 1 : read_odd_string(j, p, escaped);
}

/* Returns the first byte from p on that is not a digit. */
static inline const char *skip_digits(const struct hs_json *j, const char *p)
{
	for (; p < j->block_end; p += 16) {
		unsigned others = hs_scan16_digits(p) ^ 0xFFFF;

		if (others != 0)
			return p + hs_scan16_first(others);
	}
	while (p < j->end && hs_is_digit(*p))
		p++;
	return p;
}

/* Reads one or more digits. */
static inline const char *read_digits(struct hs_json *j, const char *p)
{
	const char *after = skip_digits(j, p);

	return after > p ? after : fail(j, p, p == j->end ? HS_E_JSON_END : HS_E_JSON_NUMBER);
}

/* RFC 8259, 6. p is at a minus or a digit. */
static inline const char *read_number(struct hs_json *j, const char *p)
{
	const char *first = p + (*p == '-');

	p = read_digits(j, first);
	if (p != NULL && *first == '0' && p > first + 1) /* a leading zero */
		return fail(j, first + 1, HS_E_JSON_NUMBER);
	if (p != NULL && is_at(j, p, '.'))
		p = read_digits(j, p + 1);
	if (p != NULL && p < j->end && (*p | 0x20) == 'e') {
		p++;
		p += is_at(j, p, '+') || is_at(j, p, '-');
		p = read_digits(j, p);
	}
	return p;
}

static const char *read_literal(struct hs_json *j, const char *p, struct hs_slice word)
{
	for (size_t i = 0; i < word.n; i++, p++)
		if (!is_at(j, p, word.p[i]))
			return unexpected(j, p);
	return p;
}

/* --- tokens ----------------------------------------------------------------- */

static bool grow_tokens(struct hs_json *j, const char *p)
{
	uint32_t cap = j->cap == 0 ? TOKENS_FIRST : j->cap * 2;
	struct hs_json_token *tok;

	if (j->n == HS_JSON_TOKENS_MAX) {
		fail(j, p, HS_E_JSON_LARGE);
		return false;
	}
	tok = realloc(j->tok, cap * sizeof *tok);
	if (tok == NULL) {
		fail(j, p, HS_E_MEMORY);
		return false;
	}
	j->tok = tok;
	j->cap = cap;
	return true;
}

/* Makes room for one token. False: records the error at p. */
static inline bool has_room(struct hs_json *j, const char *p)
{
	return HS_MOSTLY(j->n < j->cap) || grow_tokens(j, p);
}

/* Needs room for the token. */
static inline struct hs_json_token *put_token(struct hs_json *j, enum hs_json_kind kind, const char *from,
                                              const char *to)
{
	struct hs_json_token *t = &j->tok[j->n++];

	t->start = (uint32_t)(from - j->text.p);
	t->end = (uint32_t)(to - j->text.p);
	t->next = j->n;
	t->kind = (uint8_t)kind;
	t->escaped = t->spaced = false;
	return t;
}

/* Reads a number or a literal; anything else is an error. */
static const char *read_bare(struct hs_json *j, const char *p, char first, enum hs_json_kind *kind)
{
	switch (first) {
	case 't': *kind = HS_JSON_TRUE; return read_literal(j, p, HS_SLICE("true"));
	case 'f': *kind = HS_JSON_FALSE; return read_literal(j, p, HS_SLICE("false"));
	case 'n': *kind = HS_JSON_NULL; return read_literal(j, p, HS_SLICE("null"));
	default:
		*kind = HS_JSON_NUMBER;
		return hs_is_digit(first) || first == '-' ? read_number(j, p) : unexpected(j, p);
	}
}

/* Reads a value that is not a container; `first` is its first byte. */
static inline const char *read_scalar(struct hs_json *j, const char *p, char first)
{
	enum hs_json_kind kind = HS_JSON_STRING;
	const char *from = p;
	bool escaped = false;

	if (!has_room(j, p))
		return NULL;
	p = HS_MOSTLY(first == '"') ? read_string(j, p, &escaped) : read_bare(j, p, first, &kind);
	if (p != NULL)
		put_token(j, kind, from, p)->escaped = escaped;
	return p;
}

/* --- repeated keys ----------------------------------------------------------- */

/* The bytes to compare: the key itself, or decoded into buf if it has escapes. */
static inline struct hs_slice key_text(const struct hs_json *j, uint32_t key, struct hs_buf *buf)
{
	struct hs_slice inner = hs_json_inner(j, key);

	if (!j->tok[key].escaped)
		return inner;
	hs_buf_reset(buf);
	hs_json_unescape(inner, buf);
	return hs_buf_slice(buf);
}

/* True if two keys are equal. Out of memory: false, and a buffer has failed. */
static bool is_same_key(struct hs_json *j, uint32_t a, uint32_t b)
{
	return hs_slice_eq(key_text(j, a, &j->key_a), key_text(j, b, &j->key_b));
}

/* True if a key could not be decoded; to be asked before the next one is. The next text may have memory again. */
static bool ran_out(struct hs_json *j)
{
	if (hs_buf_ok(&j->key_a) && hs_buf_ok(&j->key_b))
		return false;
	hs_buf_reset(&j->key_a);
	hs_buf_reset(&j->key_b);
	return true;
}

/* Compares the newest key with the earlier ones of the object. */
static enum hs_result compare_with_each(struct hs_json *j, uint32_t object, uint32_t key)
{
	for (uint32_t i = object + 1; i < key; i = j->tok[i + 1].next) {
		if (is_same_key(j, i, key))
			return HS_E_JSON_TWICE;
		if (ran_out(j))
			return HS_E_MEMORY;
	}
	return HS_OK;
}

/* The number of keys in the object so far. */
static uint32_t count_keys(const struct hs_json *j, uint32_t object)
{
	uint32_t keys = 0;

	for (uint32_t i = object + 1; i < j->n; i = i + 1 < j->n ? j->tok[i + 1].next : j->n)
		keys++;
	return keys;
}

/*
 * Checks a key of an object that has a key outside the cache: each key is compared with all the
 * others from now on.
 */
static enum hs_result check_strange_key(struct hs_json *j, struct hs_json_frame *f, uint32_t key)
{
	f->keys = f->strange ? f->keys + 1 : count_keys(j, f->token);
	f->strange = true;
	if (f->keys > KEYS_COMPARED_EACH)
		return HS_OK; /* check_many_keys compares them once, at the end of the object */
	return compare_with_each(j, f->token, key);
}

/* Checks the newest key; `known` is its index in j->keys, or 0. */
static enum hs_result check_new_key(struct hs_json *j, struct hs_json_frame *f, uint32_t key, uint32_t known)
{
	struct hs_json_key *k = &j->keys.key[known];

	if (known == 0 || f->strange)
		return check_strange_key(j, f, key);
	if (k->object == f->object)
		return HS_E_JSON_TWICE;
	k->object = f->object;
	return HS_OK;
}

/*
 * Prepares an empty open-addressing table for `keys` keys, at most half full. Returns the number of
 * slots; 0: out of memory. Clears only the slots that these keys need, since thousands of small
 * objects may follow a large one.
 */
static uint32_t clear_table(struct hs_json *j, uint32_t keys)
{
	uint32_t slots = 64;

	while (slots < 2 * keys)
		slots *= 2;
	if (slots > j->table_cap) {
		free(j->table);
		j->table = malloc(slots * sizeof *j->table);
		j->table_cap = j->table == NULL ? 0 : slots;
		if (j->table == NULL)
			return 0;
	}
	memset(j->table, 0, slots * sizeof *j->table);
	return slots;
}

/* At the end p of an object of many keys: returns p if no key is repeated. */
static const char *check_many_keys(struct hs_json *j, const struct hs_json_frame *f, const char *p)
{
	uint32_t slots = clear_table(j, f->keys);

	if (slots == 0)
		return fail(j, p, HS_E_MEMORY);
	for (uint32_t key = f->token + 1; key < j->n; key = j->tok[key + 1].next) {
		struct hs_slice name = key_text(j, key, &j->key_a);
		uint32_t hash = (uint32_t)hs_hash(name.p, name.n, j->seed);
		uint32_t mask = slots - 1, at = hash & mask;

		if (ran_out(j))
			return fail(j, p, HS_E_MEMORY);
		for (; j->table[at] != 0; at = (at + 1) & mask) {
			if (is_same_key(j, j->table[at], key))
				return fail(j, j->text.p + j->tok[key].start, HS_E_JSON_TWICE);
			if (ran_out(j))
				return fail(j, p, HS_E_MEMORY);
		}
		j->table[at] = key; /* never 0: a key comes after its object */
	}
	return p;
}

/* --- containers ------------------------------------------------------------- */

/* Corrects the prediction to the newest key. A strange object has no predictions. */
static void remember(struct hs_json *j, struct hs_json_frame *f, uint32_t known)
{
	struct hs_json_key *key = j->keys.key;

	if (!f->strange && f->key != 0)
		key[f->key].next = known;
	else if (!f->strange)
		key[f->under].first = known;
	f->key = known != 0 ? known : NO_KEY;
	f->guess = f->strange ? 0 : key[known].next;
}

/* Reads a key that was not predicted, and its colon. */
static const char *read_new_key(struct hs_json *j, const char *p, struct hs_json_frame *f)
{
	uint32_t key = j->n, known = 0;
	bool escaped = false;
	enum hs_result result;
	const char *from;

	if (!is_at(j, p, '"'))
		return unexpected(j, p);
	if (!has_room(j, p))
		return NULL;
	from = p;
	p = read_string(j, p, &escaped);
	if (p == NULL)
		return NULL;
	put_token(j, HS_JSON_KEY, from, p)->escaped = escaped;
	if (!escaped && f->under != NO_KEY && is_at(j, p, ':'))
		known = hs_json_key_cache_find(&j->keys, f->under, hs_slice(from, (size_t)(p + 1 - from)), j->seed);
	j->tok[key].key = known;
	result = check_new_key(j, f, key, known);
	if (result != HS_OK)
		return fail(j, result == HS_E_JSON_TWICE ? from : p, result);
	remember(j, f, known);
	return peek(j, &p) == ':' ? p + 1 : unexpected(j, p);
}

/* Reads a key and its colon, with blanks between. */
static inline const char *read_key(struct hs_json *j, const char *p, struct hs_json_frame *f)
{
	uint32_t guess = f->guess;
	struct hs_json_key *k = &j->keys.key[guess];

	if (HS_MOSTLY(guess != 0 && p < j->block_end && hs_json_key_begins(k, p, j->end) && k->object != f->object &&
	              j->n < j->cap)) {
		k->object = f->object;
		f->key = guess;
		f->guess = k->next;
		put_token(j, HS_JSON_KEY, p, p + k->n - 1)->key = guess;
		return p + k->n;
	}
	return read_new_key(j, p, f);
}

/* p is at an opening bracket; returns after it. `f` is the container's frame. */
static inline const char *open_container(struct hs_json *j, const char *p, struct hs_json_frame *f)
{
	bool is_object = *p == '{';

	if (!has_room(j, p))
		return NULL;
	f->token = j->n;
	f->blanks = j->blanks;
	f->under = f[-1].key;
	f->strange = is_object && f->under == NO_KEY;
	f->keys = 0;
	f->key = is_object ? 0 : f->under; /* keys in an array have the array's key as parent */
	f->guess = is_object && !f->strange ? j->keys.key[f->under].first : 0;
	f->object = ++j->keys.objects;
	f->close = is_object ? '}' : ']';
	put_token(j, is_object ? HS_JSON_OBJECT : HS_JSON_ARRAY, p, p);
	return p + 1;
}

/* p is at the closing bracket; returns after it. */
static inline const char *close_container(struct hs_json *j, const char *p, const struct hs_json_frame *f)
{
	struct hs_json_token *t = &j->tok[f->token];

	t->end = (uint32_t)(p + 1 - j->text.p);
	t->next = j->n;
	t->spaced = f->blanks != j->blanks;
	if (f->strange && f->keys > KEYS_COMPARED_EACH && check_many_keys(j, f, p) == NULL)
		return NULL;
	return p + 1;
}

/*
 * After a value: closes the containers that end here, up to a comma or until none is open.
 * *innermost is the container of the next value.
 */
static inline const char *after_value(struct hs_json *j, const char *p, struct hs_json_frame **innermost)
{
	struct hs_json_frame *f = *innermost;

	while (p != NULL && f->close != '\0') {
		char c = peek(j, &p);

		if (HS_MOSTLY(c == ',')) {
			p++;
			if (HS_MOSTLY(f->close == '}')) {
				peek(j, &p);
				p = read_key(j, p, f);
			}
			break;
		}
		p = c == f->close ? close_container(j, p, f--) : unexpected(j, p);
	}
	*innermost = f;
	return p;
}

enum hs_result hs_json_value(struct hs_json *j, unsigned depth)
{
	struct hs_json_frame *outside = j->frame, *f = outside;
	const struct hs_json_frame *deepest = outside + HS_JSON_DEPTH_MAX - depth;
	const char *p = j->text.p + j->pos;

	j->n = 0;
	*outside = (struct hs_json_frame){ .key = HS_JSON_KEY_TOP };
	if (!hs_json_key_cache_start(&j->keys))
		return HS_E_MEMORY;
	if (j->seed == 0) /* no seed was given: outsiders do not know addresses, either */
		j->seed = (uint64_t)(uintptr_t)j->keys.key;
	do {
		char c = peek(j, &p);

		if (c == '{' || c == '[') {
			p = f == deepest ? fail(j, p, HS_E_JSON_DEPTH) : open_container(j, p, ++f);
			if (p != NULL && peek(j, &p) != f->close) {
				p = c == '{' ? read_key(j, p, f) : p;
				continue;
			}
		} else {
			p = read_scalar(j, p, c);
		}
		p = after_value(j, p, &f);
	} while (p != NULL && f != outside);
	if (p == NULL)
		return j->failure;
	j->pos = (size_t)(p - j->text.p);
	return HS_OK;
}
