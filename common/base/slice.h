/*
 * slice: bytes with another owner.
 *
 * A slice points into a request body, a header or a literal. It owns nothing and is
 * not NUL-terminated; it is valid for as long as what it points into.
 */
#ifndef HS_SLICE_H
#define HS_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* For hot paths: tells the compiler that the condition is nearly always true. */
#define HS_MOSTLY(condition) __builtin_expect((condition), true)

struct hs_slice {
	const char *p; /* may be NULL: "absent", as opposed to empty */
	size_t n;      /* bytes */
};

#define HS_SLICE(literal) ((struct hs_slice){ (literal), sizeof(literal) - 1 })
#define HS_SLICE_NONE ((struct hs_slice){ NULL, 0 })

static inline struct hs_slice hs_slice(const char *p, size_t n)
{
	return (struct hs_slice){ p, n };
}

static inline struct hs_slice hs_slice_str(const char *s)
{
	return (struct hs_slice){ s, s ? strlen(s) : 0 };
}

/* True if the eight (or four) bytes at two places differ. */
static inline bool hs_differ_8(const char *a, const char *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x != y;
}

static inline bool hs_differ_4(const char *a, const char *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x != y;
}

/*
 * True if n bytes are equal. Calls memcmp only for long texts, because names are short and many. The
 * last word that it compares may overlap the one before.
 */
static inline bool hs_bytes_eq(const char *a, const char *b, size_t n)
{
	if (n > 32)
		return memcmp(a, b, n) == 0;
	if (n >= 8) {
		for (size_t i = 0; i + 8 < n; i += 8)
			if (hs_differ_8(a + i, b + i))
				return false;
		return !hs_differ_8(a + n - 8, b + n - 8);
	}
	if (n >= 4)
		return !hs_differ_4(a, b) && !hs_differ_4(a + n - 4, b + n - 4);
	return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

static inline bool hs_slice_eq(struct hs_slice a, struct hs_slice b)
{
	return a.n == b.n && hs_bytes_eq(a.p, b.p, a.n);
}

/* ASCII only, in every locale. */
static inline bool hs_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char hs_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Compares ASCII letters without case. */
bool hs_slice_eq_nocase(struct hs_slice a, struct hs_slice b);

/* Without the blanks and tabs at both ends (the OWS of RFC 9110, 5.6.3). */
struct hs_slice hs_slice_trim(struct hs_slice s);

#endif
