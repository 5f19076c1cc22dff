/*
 * base64: RFC 4648, 4.
 *
 * Strict: padding is required, the bits that it leaves over must be zero, and no other characters
 * are allowed. So two texts never decode to the same credentials.
 */
#ifndef HS_BASE64_H
#define HS_BASE64_H

#include "base/buf.h"

/*
 * Appends the decoded bytes. False, and nothing is appended, if the text is not base64 or the buffer
 * has failed.
 */
bool hs_base64_decode(struct hs_slice text, struct hs_buf *out);

/* Appends the encoding, with padding and without line breaks. */
void hs_base64_encode(struct hs_slice bytes, struct hs_buf *out);

#endif
