/*
 * base64: RFC 4648, 4, to the letter.
 *
 * Strict: padding demanded, the bits that padding leaves over must be zero, nothing
 * outside the alphabet. So two texts never stand for the same credentials.
 */
#ifndef HS_BASE64_H
#define HS_BASE64_H

#include "base/buf.h"

/*
 * Appends the decoded bytes. False if the text is not base64 (what was appended so far
 * is taken back) or the buffer failed.
 */
bool hs_base64_decode(struct hs_slice text, struct hs_buf *out);

/* Appends the encoding, padded, in one line. */
void hs_base64_encode(struct hs_slice bytes, struct hs_buf *out);

#endif
