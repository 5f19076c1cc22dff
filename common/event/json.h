/*
 * json: one strict pass over a JSON text. No tree: tokens that point into the text.
 *
 * RFC 8259 to the letter, UTF-8 well formed, plus one refusal, because a doubled name can
 * hide an identity: the same key twice in one object (compared decoded, so "a" and "\u0061"
 * are the same, and "a" and "a\u0000" are two). A lone surrogate escape or a \u0000 in a
 * string or key is legal and passes. A byte order mark is not JSON here (RFC 8259, 8.1).
 *
 * The reader owns the token array and its scratch; hs_json_free() returns them. The
 * text stays the caller's and must outlive the tokens. Texts are shorter than 4 GiB.
 * Memory is taken when the array grows, or for a key it has not met, never for a value.
 * Nothing recurses.
 *
 * Every function that reads returns HS_OK or one of the HS_E_JSON_ results; at an
 * error `pos` is the offset, in bytes, of the first byte that cannot stand. (In an
 * object of more than 16 keys, one of which cannot be remembered, a doubled key may be
 * looked for when the object ends only.)
 */
#ifndef HS_JSON_H
#define HS_JSON_H

#include "base/buf.h"
#include "base/result.h"
#include "event/json_key_cache.h"

enum {
	HS_JSON_DEPTH_MAX = 64,       /* objects and arrays inside one another */
	HS_JSON_TOKENS_MAX = 1 << 20, /* values and keys in one event */
};

enum hs_json_kind {
	HS_JSON_OBJECT,
	HS_JSON_ARRAY,
	HS_JSON_STRING,
	HS_JSON_NUMBER,
	HS_JSON_TRUE,
	HS_JSON_FALSE,
	HS_JSON_NULL,
	HS_JSON_KEY, /* no value: a string that names the one behind it */
};

/*
 * One value or key. A container is followed by what it holds: an array by its
 * elements, an object by key, value, key, value. `next` skips a whole container, so
 * the children of token i are i + 1, tok[i + 1].next, … while below tok[i].next.
 */
struct hs_json_token {
	uint32_t start;  /* first byte of the value; a string's quote is part of it */
	uint32_t end;    /* one past its last byte */
	union {
		uint32_t next; /* index of the token behind this value and all it holds */
		uint32_t key;  /* of a key: its index among hs_json.keys, or 0 */
	};
	uint8_t kind;    /* enum hs_json_kind */
	bool escaped;    /* a string or key that contains a backslash */
	bool spaced;     /* an object or array with blanks between its tokens, or in what it holds */
};

struct hs_json_frame {
	uint32_t token;  /* of the container */
	uint32_t blanks; /* hs_json.blanks when it opened */
	uint32_t under;  /* what its keys stand under (json_key_cache.h) */
	uint32_t key;    /* what the next value stands under */
	uint32_t guess;  /* the key that is expected next; 0: none */
	uint32_t keys;   /* in this object, since there was a strange one */
	uint64_t object; /* its number, if it is one */
	bool strange;    /* a key in it could not be remembered */
	char close;      /* the bracket that ends it; '\0': there is nothing to end */
};

struct hs_json {
	struct hs_slice text;
	const char *end;       /* of the text */
	const char *block_end; /* sixteen bytes can be read from each byte before this one */
	size_t pos;
	bool inside;     /* hs_json_element or hs_json_piece has read the opening bracket */
	uint32_t blanks; /* runs of them between tokens, so far */
	enum hs_result failure;
	struct hs_json_token *tok;
	uint32_t n, cap;
	uint64_t seed; /* for the hashes of keys: set once, from a random source; 0: not yet */
	struct hs_json_key_cache keys;
	uint32_t *table;
	uint32_t table_cap;
	struct hs_buf key_a, key_b; /* decoded keys, while two are compared */
	struct hs_json_frame frame[1 + HS_JSON_DEPTH_MAX]; /* the first is around the value */
};

/*
 * The seed keeps outsiders from choosing collisions. A zeroed struct is ready, too: it
 * takes one from where its memory lies.
 */
void hs_json_init(struct hs_json *j, uint64_t seed);
void hs_json_free(struct hs_json *j);

/* Returns token memory above a working size; for use between requests. */
void hs_json_shrink(struct hs_json *j);

/* Points the reader at a text. No token is read yet. */
void hs_json_start(struct hs_json *j, struct hs_slice text);

/*
 * Reads one value, with the blanks before it, into tok[0] to tok[n - 1]; tok[0] is the
 * value. `depth` is how many containers are already open around it.
 */
enum hs_result hs_json_value(struct hs_json *j, unsigned depth);

/* HS_OK if nothing but blanks is left. */
enum hs_result hs_json_end(struct hs_json *j);

/* A whole text: start, value, end. HS_E_JSON_EMPTY if it holds nothing but blanks. */
enum hs_result hs_json_document(struct hs_json *j, struct hs_slice text);

/*
 * An array at the top, an element at a time, so that tokens are kept for one event and
 * not for four thousand:
 *
 *	hs_json_start(j, body);
 *	if (hs_json_is_array(j))
 *		for (;;) {
 *			r = hs_json_element(j, &more);
 *			if (r != HS_OK || !more)
 *				break;
 *			… tok[0] is the element …
 *		}
 *
 * hs_json_is_array skips blanks and looks at one byte. hs_json_element reads the
 * bracket or comma before the element; *more is false once the closing bracket and
 * hs_json_end() were read.
 */
bool hs_json_is_array(struct hs_json *j);
enum hs_result hs_json_element(struct hs_json *j, bool *more);

/*
 * Objects, and arrays of values, one behind the other, with blanks between them or without: a
 * value at a time, an array's by elements.
 *
 *	hs_json_start(j, line);
 *	for (;;) {
 *		r = hs_json_piece(j, &more);
 *		if (r != HS_OK || !more)
 *			break;
 *		… tok[0] is the value …
 *	}
 *
 * HS_OK is said only once what follows the value is seen to be fit for that place: the next value,
 * an array's comma or bracket, or the end. *more is false at the end of the text.
 * A text can be read on from `pos` in another one, if `inside` is set again after hs_json_start.
 */
enum hs_result hs_json_piece(struct hs_json *j, bool *more);

/* The bytes of token i, a string's quotes included. */
static inline struct hs_slice hs_json_raw(const struct hs_json *j, uint32_t i)
{
	return hs_slice(j->text.p + j->tok[i].start, j->tok[i].end - j->tok[i].start);
}

/* The bytes between the quotes of string or key i, escapes as they were sent. */
static inline struct hs_slice hs_json_inner(const struct hs_json *j, uint32_t i)
{
	return hs_slice(j->text.p + j->tok[i].start + 1, j->tok[i].end - j->tok[i].start - 2);
}

/*
 * Appends a string's inner bytes with the escapes decoded. A lone surrogate becomes
 * three bytes (ED A0 80 to ED BF BF) that no UTF-8 text contains, so nothing is lost.
 * `inner` must come from a token. Look at hs_buf_ok() afterwards.
 */
void hs_json_unescape(struct hs_slice inner, struct hs_buf *out);

#endif
