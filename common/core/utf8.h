/*
 * utf8: the one place that knows which byte sequences are UTF-8.
 *
 * RFC 3629, 4, the grammar UTF8-octets: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef HS_UTF8_H
#define HS_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes (1 to 4) of the well-formed sequence that starts at p, or 0 if there
 * is none. Reads at most n bytes; n must be at least 1.
 */
size_t hs_utf8_length(const char *p, size_t n);

/*
 * Writes a code point, 1 to 4 bytes, and returns how many. A surrogate is written in
 * three bytes like any other number: that is how a lone \ud800 in a key stays apart
 * from every other key (see hs_json_unescape).
 */
size_t hs_utf8_put(char out[static 4], uint32_t code_point);

#endif
