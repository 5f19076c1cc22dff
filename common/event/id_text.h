/*
 * id_text: the text by which an id is known, so that one person is one person however a sender
 * writes a number.
 *
 * A string is its decoded text, and nothing is made of it: "007", "1e5" and "12345.0" are what
 * they are. A JSON number is its value, in exact decimal arithmetic on its digits, never as a
 * double: 12345, 12345.0, 1.2345e4 and the string "12345" have the text 12345; -0 is 0;
 * 9007199254740993 keeps its digits. A number with more than HS_ID_TEXT_ZEROS digits before the point,
 * or with so many zeros behind it, is written as digits, 'e' and exponent: 1e400 and 10e399 are 1e400,
 * 1.50e-99 is 15e-100. One whose exponent has more than 15 digits is known by its literal.
 */
#ifndef HS_ID_TEXT_H
#define HS_ID_TEXT_H

#include "base/buf.h"

enum { HS_ID_TEXT_ZEROS = 64 };

/* Is the number's literal its own text? A quick look: yes is certain, no means ask below. */
bool hs_id_is_plain(struct hs_slice number);

/* Appends the text of a JSON number's literal (of anything else: as it stands). See hs_buf_ok(). */
void hs_id_put_number(struct hs_buf *out, struct hs_slice number);

#endif
