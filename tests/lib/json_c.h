/*
 * json_c: json-c's strict verdict on a text, the same from version 0.16 to 0.18.
 *
 * JSON_TOKENER_STRICT of 0.18 also refuses what RFC 8259 allows: bytes above 0x7F in a value
 * (it takes them for negative characters), integers beyond 64 bits. And it refuses control
 * characters, which earlier versions take. So the strict reader gets a copy in which such
 * bytes are letters and long numbers are short; the text itself goes to the tolerant one,
 * which checks its UTF-8 and makes the tree.
 */
#ifndef HS_TEST_JSON_C_H
#define HS_TEST_JSON_C_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_C_DIGITS = 15 /* that every version can hold */ };

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
 * for json_object_put(); NULL is the JSON null, or no JSON.
 */
static inline bool json_c_reads(const char *text, size_t n, int depth, struct json_object **tree)
{
	char *copy = malloc(n + 1), *simple = malloc(n + 1);
	size_t length;
	bool accepts;

	if (copy == NULL || simple == NULL)
		abort();
	length = json_c_simplify(text, n, simple);
	simple[length] = '\0';
	accepts = json_c_parse(simple, length, depth, JSON_TOKENER_STRICT, tree);
	json_object_put(*tree);
	*tree = NULL;
	if (n > 0)
		memcpy(copy, text, n);
	copy[n] = '\0';
	accepts = accepts && json_c_parse(copy, n, depth, JSON_TOKENER_VALIDATE_UTF8, tree);
	if (!accepts) {
		json_object_put(*tree);
		*tree = NULL;
	}
	free(copy);
	free(simple);
	return accepts;
}

#endif
