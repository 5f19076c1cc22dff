/*
 * buf: a growing buffer of bytes.
 *
 * It is reset between requests, not freed, so a busy thread stops allocating after its
 * first few requests.
 *
 * Failure is sticky: once an allocation fails, or `max` would be passed, every later
 * put does nothing and hs_buf_ok() is false. Callers append a whole record and check once.
 *
 * The buffer owns its memory; hs_buf_free() frees it. A zeroed struct is an empty
 * buffer without an upper bound.
 */
#ifndef HS_BUF_H
#define HS_BUF_H

#include "base/slice.h"

#include <stdint.h>

struct hs_buf {
	char *p;
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* never grow past this many bytes; 0: no bound */
	bool failed;
};

static inline bool hs_buf_ok(const struct hs_buf *b)
{
	return !b->failed;
}

static inline struct hs_slice hs_buf_slice(const struct hs_buf *b)
{
	return (struct hs_slice){ b->p, b->n };
}

/* Returns room for n more bytes after the ones in use; or NULL, and the buffer has failed. */
char *hs_buf_grow(struct hs_buf *b, size_t n);

static inline char *hs_buf_reserve(struct hs_buf *b, size_t n)
{
	return HS_MOSTLY(!b->failed && b->cap - b->n > n) ? b->p + b->n : hs_buf_grow(b, n);
}

/* Copies n bytes, without a call for short strings, as names and values are. */
static inline void hs_bytes_copy(char *to, const char *from, size_t n)
{
	if (n > 32) {
		memcpy(to, from, n);
	} else if (n >= 16) { /* two halves that may overlap */
		memcpy(to, from, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else if (n > 0) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}

static inline void hs_buf_put(struct hs_buf *b, const char *p, size_t n)
{
	char *to = hs_buf_reserve(b, n);

	if (to != NULL) {
		hs_bytes_copy(to, p, n);
		b->n += n;
	}
}

static inline void hs_buf_put_slice(struct hs_buf *b, struct hs_slice s)
{
	hs_buf_put(b, s.p, s.n);
}

static inline void hs_buf_putc(struct hs_buf *b, char c)
{
	hs_buf_put(b, &c, 1);
}

/* Appends the number in decimal. */
void hs_buf_put_uint(struct hs_buf *b, uint64_t v);

/* Appends what printf(3) would write. */
__attribute__((format(printf, 2, 3))) void hs_buf_printf(struct hs_buf *b, const char *format, ...);

/*
 * Appends the bytes as a JSON string, with quotes (RFC 8259, 7). Each byte that is not UTF-8
 * becomes \ufffd; false if there was one.
 */
bool hs_buf_put_json(struct hs_buf *b, struct hs_slice s);

/* Empties the buffer and forgets a failure; keeps the memory. */
void hs_buf_reset(struct hs_buf *b);

/* Resets the buffer, and frees its memory if that is more than `keep` bytes. */
void hs_buf_shrink(struct hs_buf *b, size_t keep);

void hs_buf_free(struct hs_buf *b);

/* Overwrites the memory before it frees it. */
void hs_buf_wipe(struct hs_buf *b);

#endif
