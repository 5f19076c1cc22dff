/*
 * utf8: the one place that knows which byte sequences are UTF-8.
 *
 * RFC 3629, 4, the grammar UTF8-octets: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef HS_UTF8_H
#define HS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes (1 to 4) of the well-formed sequence that starts at p, or 0 if there
 * is none. Reads at most n bytes; n must be at least 1.
 */
size_t hs_utf8_length(const char *p, size_t n);

/*
 * Writes a code point in 1 to 4 bytes, and returns their number. A surrogate takes three bytes
 * like its neighbours, so that a lone \ud800 in a key differs from every other key (see
 * hs_json_unescape).
 */
size_t hs_utf8_put(char out[static 4], uint32_t code_point);

/*
 * True if a terminal or a log must not get the character at p as it is: a control
 * character (C0, DEL, C1), a mark that reorders the text around it (Unicode's
 * Bidi_Control), a separator of lines or paragraphs (U+2028, U+2029), a format character
 * that shows nothing (U+2060 to U+206F, U+FEFF, U+FFF9 to U+FFFB), or a byte that is not
 * UTF-8. Joiners and variation selectors may pass: scripts and emoji need them.
 * *length is the length of the character in bytes. Reads at most n bytes; n must be at least 1.
 */
bool hs_utf8_unprintable(const char *p, size_t n, size_t *length);

/*
 * How many columns of a terminal the well-formed character at p takes, of `length` bytes: 2 if it is
 * wide (Unicode's East_Asian_Width W or F), 0 if it is a mark on the one before it or joins two,
 * else 1. In doubt it is the larger number, so that a text is never wider than its sum.
 */
unsigned hs_utf8_columns(const char *p, size_t length);

#endif
