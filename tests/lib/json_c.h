/*
 * json_c: json-c's strict verdict on a text, the same from version 0.16 to 0.18.
 *
 * json-c does not hold all that RFC 8259 lets a string say: a lone surrogate becomes U+FFFD, so
 * that two names become one, and a NUL ends a name. It also takes UTF-8 that is none. Those three
 * are decided here, by the rules and without our own decoder (json_c_settle, json_c_is_utf8);
 * everything else is json-c's verdict.
 *
 * JSON_TOKENER_STRICT of 0.18 also refuses what RFC 8259 allows: bytes above 0x7F in a value
 * (it takes them for negative characters), integers beyond 64 bits. And it refuses control
 * characters, which earlier versions take. So the strict reader gets a copy in which such
 * bytes are letters and long numbers are short; the settled text goes to the tolerant one,
 * which makes the tree.
 */
#ifndef HS_TEST_JSON_C_H
#define HS_TEST_JSON_C_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_C_DIGITS = 15 /* that every version can hold */ };

/* RFC 3629, 3 and 4: the bytes that a character begins with `c` needs, or 0. */
static inline size_t json_c_utf8_bytes(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xC0 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF8 ? 4 : 0;
}

/* True if each character is in its shortest form, no surrogate, and not above U+10FFFF. */
static inline bool json_c_is_utf8(const char *text, size_t n)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	for (size_t i = 0, bytes; i < n; i += bytes) {
		unsigned char first = (unsigned char)text[i];
		unsigned long character = first;

		bytes = json_c_utf8_bytes(first);
		if (bytes == 0 || bytes > n - i)
			return false;
		if (bytes > 1)
			character = first & (0x7FU >> bytes);
		for (size_t k = 1; k < bytes; k++) {
			if (((unsigned char)text[i + k] & 0xC0) != 0x80)
				return false;
			character = character << 6 | ((unsigned char)text[i + k] & 0x3F);
		}
		if (character < least[bytes] || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
			return false;
	}
	return true;
}

/* The code unit of an escape \uXXXX at `text`, or -1 if there is none. */
static inline long json_c_unit(const char *text, size_t n)
{
	long unit = 0;

	if (n < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = memchr(digits, text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i], 16);

		if (digit == NULL)
			return -1;
		unit = unit * 16 + (digit - digits);
	}
	return unit;
}

/*
 * Writes a copy of the text that json-c can hold to `to`, at most n bytes; returns its length. An
 * escaped pair of surrogates is the character (RFC 8259, 7); an escaped surrogate without its
 * other half, which 8.2 allows, is the three bytes that our header promises for it, and those
 * occur in no text that passed json_c_is_utf8; \u0000 is C0 80, for the same reason.
 */
static inline size_t json_c_settle(const char *text, size_t n, char *to)
{
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		long high = json_c_unit(text + i, n - i), low = -1;

		if (high >= 0xD800 && high <= 0xDBFF)
			low = json_c_unit(text + i + 6, n - i - 6);
		if (low >= 0xDC00 && low <= 0xDFFF) {
			long character = 0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00);

			to[out++] = (char)(0xF0 | character >> 18);
			to[out++] = (char)(0x80 | (character >> 12 & 0x3F));
			to[out++] = (char)(0x80 | (character >> 6 & 0x3F));
			to[out++] = (char)(0x80 | (character & 0x3F));
			i += 12;
		} else if (high >= 0xD800 && high <= 0xDFFF) {
			to[out++] = (char)0xED;
			to[out++] = (char)(0x80 | (high >> 6 & 0x3F));
			to[out++] = (char)(0x80 | (high & 0x3F));
			i += 6;
		} else if (high == 0) {
			to[out++] = (char)0xC0;
			to[out++] = (char)0x80;
			i += 6;
		} else {
			size_t taken = text[i] == '\\' && i + 1 < n ? 2 : 1; /* the second may be a backslash */

			memcpy(to + out, text + i, taken);
			out += taken;
			i += taken;
		}
	}
	return out;
}

/* The length includes a NUL after the text, so that json-c sees where a number ends. */
static inline bool json_c_parse(const char *text, size_t n, int depth, int flags, struct json_object **tree)
{
	struct json_tokener *tokener = json_tokener_new_ex(depth);
	bool accepts;

	if (tokener == NULL)
		abort();
	json_tokener_set_flags(tokener, flags);
	*tree = json_tokener_parse_ex(tokener, text, (int)n + 1);
	accepts = json_tokener_get_error(tokener) == json_tokener_success && json_tokener_get_parse_end(tokener) >= n;
	json_tokener_free(tokener);
	return accepts;
}

/* Writes the copy for the strict reader to `to`, at most n bytes; returns its length. */
static inline size_t json_c_simplify(const char *text, size_t n, char *to)
{
	size_t out = 0, digits = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		bool escapes = quoted && c == '\\' && i + 1 < n;

		digits = c >= '0' && c <= '9' ? digits + 1 : 0;
		if (digits > JSON_C_DIGITS)
			continue;
		if (c == '"')
			quoted = !quoted;
		to[out++] = c >= 0x80 || (quoted && c > 0 && c < 0x20) ? 'x' : (char)c;
		if (escapes && (text[i + 1] == '"' || text[i + 1] == '\\'))
			to[out++] = text[++i];
	}
	return out;
}

/*
 * True if json-c takes the text, of at most `depth` levels, for JSON. *tree is the caller's,
 * for json_object_put(); NULL is the JSON null, or no JSON. Its strings are as json_c_settle
 * writes them: an escaped NUL is C0 80, a lone surrogate three bytes.
 */
static inline bool json_c_reads(const char *text, size_t n, int depth, struct json_object **tree)
{
	char *settled = malloc(n + 1), *simple = malloc(n + 1);
	size_t length, simple_length;
	bool accepts;

	if (settled == NULL || simple == NULL)
		abort();
	length = json_c_settle(text, n, settled);
	settled[length] = '\0';
	simple_length = json_c_simplify(settled, length, simple);
	simple[simple_length] = '\0';
	accepts = json_c_parse(simple, simple_length, depth, JSON_TOKENER_STRICT, tree);
	json_object_put(*tree);
	*tree = NULL;
	accepts = accepts && json_c_is_utf8(text, n) &&
	          json_c_parse(settled, length, depth, JSON_TOKENER_VALIDATE_UTF8, tree);
	if (!accepts) {
		json_object_put(*tree);
		*tree = NULL;
	}
	free(settled);
	free(simple);
	return accepts;
}

#endif
