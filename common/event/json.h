/*
 * json: one strict pass over a JSON text. No tree: tokens that point into the text.
 *
 * Accepts exactly RFC 8259 in well-formed UTF-8, with one exception: it rejects an object that has
 * the same key twice, because the second could hide an id from a reader of the first. Keys are
 * compared decoded: "a" and "\u0061" are equal, "a" and "a\u0000" are not. Lone surrogate escapes
 * and \u0000 are legal and pass. A byte order mark is an error (RFC 8259, 8.1).
 *
 * The reader owns the tokens and its scratch memory; hs_json_free() frees them. The text belongs to
 * the caller and must outlive the tokens. A text must be shorter than 4 GiB. The reader allocates
 * when the token array grows and for keys that are new to it, never for a value. No function
 * recurses.
 *
 * Each reading function returns HS_OK or an HS_E_JSON_ result; after an error `pos` is the offset
 * of the first byte that is wrong. (If an object has more than 16 keys and one of them does not fit
 * the key cache, a repeated key may be found only at the end of the object.)
 */
#ifndef HS_JSON_H
#define HS_JSON_H

#include "base/buf.h"
#include "base/result.h"
#include "event/json_key_cache.h"

enum {
	HS_JSON_DEPTH_MAX = 64,       /* nested objects and arrays */
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
	HS_JSON_KEY, /* not a value: the name of the value that follows */
};

/*
 * A value or key. The tokens of a container follow it: of an array its elements, of an object
 * key, value, key, value. `next` skips a container, so the children of token i are i + 1,
 * tok[i + 1].next, … as long as they are below tok[i].next.
 */
struct hs_json_token {
	uint32_t start; /* offset of the first byte; a string's quotes are included */
	uint32_t end;   /* offset after the last byte */
	union {
		uint32_t next; /* index of the token after this value and its contents */
		uint32_t key;  /* for a key: its index in hs_json.keys, or 0 */
	};
	uint8_t kind; /* enum hs_json_kind */
	bool escaped; /* a string or key with a backslash */
	bool spaced;  /* an object or array with blanks between any of its tokens */
};

struct hs_json_frame {
	uint32_t token;  /* the container's */
	uint32_t blanks; /* hs_json.blanks at the opening bracket */
	uint32_t under;  /* parent of its keys in the cache (json_key_cache.h) */
	uint32_t key;    /* parent of the keys in the next value */
	uint32_t guess;  /* predicted next key; 0: none */
	uint32_t keys;   /* number of keys of the object, counted once it is strange */
	uint64_t object; /* number of the object */
	bool strange;    /* the object has a key that is not in the cache */
	char close;      /* closing bracket; '\0' outside every container */
};

struct hs_json {
	struct hs_slice text;
	const char *end;       /* of text */
	const char *block_end; /* 16 bytes are readable at each byte before this one */
	size_t pos;
	bool inside;     /* hs_json_element or hs_json_piece is past the opening bracket */
	uint32_t blanks; /* number of runs of blanks between tokens so far */
	enum hs_result failure;
	struct hs_json_token *tok;
	uint32_t n, cap;
	uint64_t seed; /* for hashes of keys, random, set once; 0: not set */
	struct hs_json_key_cache keys;
	uint32_t *table;
	uint32_t table_cap;
	struct hs_buf key_a, key_b;                        /* scratch for two decoded keys */
	struct hs_json_frame frame[1 + HS_JSON_DEPTH_MAX]; /* frame[0] is outside the value */
};

/*
 * The seed keeps outsiders from constructing hash collisions. A zeroed struct works, too, and
 * derives a seed from the address of its key cache.
 */
void hs_json_init(struct hs_json *j, uint64_t seed);
void hs_json_free(struct hs_json *j);

/* Frees token memory above a working size; call it between requests. */
void hs_json_shrink(struct hs_json *j);

/* Sets the text. Reads nothing yet. */
void hs_json_start(struct hs_json *j, struct hs_slice text);

/* RFC 8259, 2. */
static inline bool hs_json_is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/*
 * Skips blanks and reads one value into tok[0] to tok[n - 1]; tok[0] is the value. `depth` is the
 * number of containers already open around it.
 */
enum hs_result hs_json_value(struct hs_json *j, unsigned depth);

/* HS_OK if only blanks remain. */
enum hs_result hs_json_end(struct hs_json *j);

/* Reads a whole text: start, value, end. HS_E_JSON_EMPTY if it is only blanks. */
enum hs_result hs_json_document(struct hs_json *j, struct hs_slice text);

/*
 * Reads a top-level array one element at a time, so that the tokens of one event are in memory and
 * not those of thousands:
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
 * hs_json_is_array skips blanks and looks at one byte. hs_json_element reads the bracket or comma
 * before the element; *more is false after the closing bracket, and then the text is at its end.
 */
bool hs_json_is_array(struct hs_json *j);
enum hs_result hs_json_element(struct hs_json *j, bool *more);

/*
 * Reads a sequence of objects and arrays, with or without blanks between them: one object, or one
 * element of an array, at a time.
 *
 *	hs_json_start(j, line);
 *	for (;;) {
 *		r = hs_json_piece(j, &more);
 *		if (r != HS_OK || !more)
 *			break;
 *		… tok[0] is the value …
 *	}
 *
 * Returns HS_OK only if what follows the value is valid there: another value, a comma or bracket
 * of the array, or the end. *more is false at the end of the text. To continue from `pos` in
 * another text, set `inside` again after hs_json_start.
 */
enum hs_result hs_json_piece(struct hs_json *j, bool *more);

/* The bytes of token i, including a string's quotes. */
static inline struct hs_slice hs_json_raw(const struct hs_json *j, uint32_t i)
{
	return hs_slice(j->text.p + j->tok[i].start, j->tok[i].end - j->tok[i].start);
}

/* The bytes between the quotes of string or key i, escapes undecoded. */
static inline struct hs_slice hs_json_inner(const struct hs_json *j, uint32_t i)
{
	return hs_slice(j->text.p + j->tok[i].start + 1, j->tok[i].end - j->tok[i].start - 2);
}

/*
 * Appends a string's inner bytes with escapes decoded. A lone surrogate becomes three bytes
 * (ED A0 80 to ED BF BF) that never occur in UTF-8, so no two strings become equal. `inner` must
 * come from a token. Check hs_buf_ok() after.
 */
void hs_json_unescape(struct hs_slice inner, struct hs_buf *out);

/* For inner bytes that come from no token: true if hs_json_unescape may have them. */
bool hs_json_can_unescape(struct hs_slice inner);

/* Decodes \u escapes; see hs_json_inner_is. */
bool hs_json_inner_decodes_to(struct hs_slice inner, struct hs_slice name);

/*
 * True if a string's inner bytes, decoded, are that name, which has only letters and underscores.
 * Takes any bytes.
 */
static inline bool hs_json_inner_is(struct hs_slice inner, struct hs_slice name)
{
	/* An escape is five bytes longer than its letter: mostly the length alone tells. */
	if (inner.n == name.n)
		return memcmp(inner.p, name.p, name.n) == 0;
	return inner.n >= name.n + 5 && hs_json_inner_decodes_to(inner, name);
}

#endif
