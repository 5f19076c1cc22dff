/*
 * oracle: authentication, implemented a second time and differently: the spans are
 * found by counting brackets, the MAC is OpenSSL's one-shot HMAC, the comparison is memcmp.
 * It shares no code with the program but the JSON reader's verdict.
 */
#ifndef HS_FUZZ_ORACLE_H
#define HS_FUZZ_ORACLE_H

#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <strings.h>

enum { ORACLE_SPANS = 3, ORACLE_MAC_TEXT = 2 * 20 };

enum oracle_key { ORACLE_NO_HEADER, ORACLE_UNKNOWN, ORACLE_REVOKED, ORACLE_KNOWN };

/* A key in the settings under test. */
struct oracle_entry {
	const char *key;
	const char *tenant; /* NULL: revoked */
};

static inline bool oracle_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline struct hs_slice oracle_trim(struct hs_slice s)
{
	for (; s.n > 0 && oracle_is_blank(*s.p); s.p++)
		s.n--;
	while (s.n > 0 && oracle_is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/*
 * The value at the start of s: up to the bracket or quote that matches its first byte, or,
 * of a number or word, up to what cannot belong to one. What follows is not looked at.
 */
static inline struct hs_slice oracle_value(struct hs_slice s)
{
	bool quoted = false, scalar = s.n > 0 && strchr("{[\"", s.p[0]) == NULL;
	size_t depth = 0, i;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (scalar && (oracle_is_blank(c) || strchr(",]}", c) != NULL))
			return hs_slice(s.p, i);
		if (quoted && c == '\\') {
			i++;
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && depth > 0 && (c == '}' || c == ']'))
			depth--;
		if (!scalar && !quoted && depth == 0)
			return hs_slice(s.p, i + 1);
	}
	return s;
}

/* Takes `word` and the blanks before it off the front. */
static inline bool oracle_take(struct hs_slice *s, const char *word)
{
	size_t n = strlen(word);

	*s = oracle_trim(*s);
	if (s->n < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

/* {"json": value} and nothing else: the value. Otherwise p == NULL. */
static inline struct hs_slice oracle_inner(struct hs_slice element)
{
	struct hs_slice rest = element, value;

	if (!oracle_take(&rest, "{") || !oracle_take(&rest, "\"json\"") || !oracle_take(&rest, ":"))
		return HS_SLICE_NONE;
	value = oracle_value(oracle_trim(rest));
	rest = hs_slice(value.p + value.n, (size_t)(element.p + element.n - (value.p + value.n)));
	return oracle_take(&rest, "}") && rest.n == 0 ? value : HS_SLICE_NONE;
}

/* The spans that may be signed: body, first element, its inner value. p == NULL: there is none. */
static inline void oracle_spans(struct hs_slice body, struct hs_slice span[static ORACLE_SPANS])
{
	struct hs_json json = { 0 };
	struct hs_slice rest = body, element;

	span[0] = body;
	span[1] = span[2] = HS_SLICE_NONE;
	if (!oracle_take(&rest, "["))
		return;
	element = oracle_value(oracle_trim(rest));
	hs_json_start(&json, element);
	/* an element that is not JSON is not looked at; what follows it does not count */
	if (element.n > 0 && hs_json_value(&json, 1) == HS_OK && hs_json_end(&json) == HS_OK) {
		span[1] = element;
		span[2] = oracle_inner(element);
	}
	hs_json_free(&json);
}

static inline void oracle_mac(const char *secret, struct hs_slice span, char text[static ORACLE_MAC_TEXT + 1])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	MUST(HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)span.p, span.n, mac, &n) != NULL &&
	     n == 20);
	for (unsigned i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", mac[i]);
}

/* True if it is the MAC of any span under any of the secrets (NULL-terminated). */
static inline bool oracle_signed(struct hs_slice signature, struct hs_slice body, const char *const *secrets)
{
	struct hs_slice span[ORACLE_SPANS];
	char text[ORACLE_MAC_TEXT + 1];

	while (signature.n > 0 && (*signature.p == ' ' || *signature.p == '\t'))
		signature = hs_slice(signature.p + 1, signature.n - 1);
	while (signature.n > 0 && strchr(" \t", signature.p[signature.n - 1]) != NULL)
		signature.n--;
	oracle_spans(body, span);
	for (; *secrets != NULL; secrets++)
		for (int i = 0; i < ORACLE_SPANS; i++) {
			if (span[i].p == NULL)
				continue;
			oracle_mac(*secrets, span[i], text);
			if (signature.n == ORACLE_MAC_TEXT && strncasecmp(signature.p, text, ORACLE_MAC_TEXT) == 0)
				return true;
		}
	return false;
}

/* True if one of these headers carries the key. Checked in reverse: the header is written again. */
static inline bool oracle_carries(const char *header, const char *key)
{
	const char *end = header + strlen(header), *rest;
	unsigned char decoded[4096];
	char again[4096 * 4 / 3 + 8];
	size_t n = strlen(key), length;
	int bytes;

	for (; *header == ' ' || *header == '\t'; header++)
		;
	rest = strchr(header, ' ');
	if (rest == NULL)
		return false;
	length = (size_t)(rest - header);
	for (; *rest == ' ' || *rest == '\t'; rest++)
		;
	while (end > rest && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (length == 6 && strncasecmp(header, "Bearer", 6) == 0)
		return (size_t)(end - rest) == n && memcmp(rest, key, n) == 0;
	length = length == 5 && strncasecmp(header, "Basic", 5) == 0 ? (size_t)(end - rest) : 0;
	if (length == 0 || length % 4 != 0 || length > sizeof decoded)
		return false;
	bytes = EVP_DecodeBlock(decoded, (const unsigned char *)rest, (int)length);
	if (bytes < 0)
		return false;
	bytes -= (end[-1] == '=') + (end[-2] == '=');
	EVP_EncodeBlock((unsigned char *)again, decoded, bytes);
	return strlen(again) == length && memcmp(again, rest, length) == 0 && /* the canonical spelling */
	       (size_t)bytes > n && memcmp(decoded, key, n) == 0 && decoded[n] == ':';
}

/* header == NULL: not sent. *tenant is set where the key is known. */
static inline enum oracle_key oracle_find_key(const char *header, const struct oracle_entry *entry, const char **tenant)
{
	*tenant = "";
	if (header == NULL)
		return ORACLE_NO_HEADER;
	for (; entry->key != NULL; entry++)
		if (oracle_carries(header, entry->key)) {
			if (entry->tenant == NULL)
				return ORACLE_REVOKED;
			*tenant = entry->tenant;
			return ORACLE_KNOWN;
		}
	return ORACLE_UNKNOWN;
}

#endif
