/*
 * ini: splits the text of a settings file into sections, names and values.
 *
 *	file     = *( line ( LF / CRLF ) ), a byte order mark before it is skipped
 *	line     = blanks / comment / "[" section "]" blanks [ comment ] / name "=" value
 *	comment  = ( ";" / "#" ) anything
 *
 * Blanks around a name and a value are no part of them; a blank and ";" begin a comment
 * there, too. Other readers of INI guess at the rest; here it is an error, because a settings
 * file holds secrets and nothing in it may be ignored silently: a line that begins with a blank
 * (others append it to the value above), a colon before the "=" (others split there), text
 * after the "]", a NUL byte, a line of more than HS_INI_LINE_MAX bytes.
 *
 * No library, because Debian's inih reads 200 bytes of a line; the tests compare with it.
 */
#ifndef HS_INI_H
#define HS_INI_H

#include "base/slice.h"

enum { HS_INI_LINE_MAX = 4096 }; /* bytes, without the line's end */

struct hs_ini {
	struct hs_slice rest;     /* not yet read */
	struct hs_slice raw;      /* the line at hand as written, without its end */
	struct hs_slice section;  /* n == 0: above the first */
	int line;                 /* its number, from 1 */
	const char *error;        /* what is wrong with it, and the remedy, a literal; NULL: nothing */
	const char *name, *value; /* in `text`: until the next call */
	char text[HS_INI_LINE_MAX + 1];
};

/* Points into `text`, which must stay as it is while it is read. */
void hs_ini_start(struct hs_ini *ini, struct hs_slice text);

/* True: the next name and value. False: the end, or an error. */
bool hs_ini_next(struct hs_ini *ini);

/* Wipes the copy of the last line, for it may hold a secret. */
void hs_ini_end(struct hs_ini *ini);

#endif
