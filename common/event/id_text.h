/*
 * id_text: the canonical text of an id, so that two spellings of a number are one person.
 *
 * A string id is its decoded text, unchanged: "007", "1e5" and "12345.0" stay as they are. A number
 * is its value, by exact decimal arithmetic on the digits, never a double: 12345, 12345.0, 1.2345e4
 * and the string "12345" all have the text 12345; -0 is 0; 9007199254740993 keeps its digits. A
 * number with more than HS_ID_TEXT_ZEROS digits before the point, or that many zeros after it, is
 * written as digits, 'e' and exponent: 1e400 and 10e399 are 1e400, 1.50e-99 is 15e-100. A number
 * whose exponent has more than 15 digits keeps its literal.
 */
#ifndef HS_ID_TEXT_H
#define HS_ID_TEXT_H

#include "base/buf.h"

enum { HS_ID_TEXT_ZEROS = 64 };

/* True if the literal is certainly its own text. False: ask hs_id_put_number. */
bool hs_id_is_plain(struct hs_slice number);

/* Appends the text of a number's literal, or any other text unchanged. Check hs_buf_ok() after. */
void hs_id_put_number(struct hs_buf *out, struct hs_slice number);

/*
 * True if the text could be the literal of a number whose text as an id, which is appended, is another: "7.0", "1e2".
 * Check hs_buf_ok() after.
 */
bool hs_id_is_spelled(struct hs_slice text, struct hs_buf *id);

#endif
