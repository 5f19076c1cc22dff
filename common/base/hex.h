/* hex: base 16 (RFC 4648, 8). */
#ifndef HS_HEX_H
#define HS_HEX_H

#include "base/slice.h"

#include <stdint.h>

/*
 * Decodes exactly 2 * n digits, of either case, into n bytes. False, and out undefined,
 * if the text has another length or another character.
 */
bool hs_hex_decode(struct hs_slice text, uint8_t *out, size_t n);

/* Writes 2 * n lower-case digits, no NUL. */
void hs_hex_encode(const uint8_t *bytes, size_t n, char *out);

/* Value of one digit, or -1. */
int hs_hex_digit(char c);

#endif
