/*
 * ini: splits the text of a settings file into sections, names and values. Pure.
 *
 *	file     = *( line ( LF / CRLF ) ), a byte order mark before it is skipped
 *	line     = blanks / comment / "[" section "]" blanks [ comment ] / name "=" value
 *	comment  = ( ";" / "#" ) anything
 *
 * Blanks around a name and a value are not part of them; a blank and ";" begin a comment after a
 * value, too. Everything else is an error, because a settings file holds secrets and nothing in it
 * may be ignored silently: a line that begins with a blank (other readers append it to the value
 * above), a colon before the "=" (other readers split there; in [events] and [fields] it follows a
 * tenant), text after the "]", a NUL byte, a
 * line of more than HS_INI_LINE_MAX bytes.
 *
 * Not a library, because Debian's inih reads only 200 bytes of a line; the tests compare with it.
 */
#ifndef HS_INI_H
#define HS_INI_H

#include "base/slice.h"

enum { HS_INI_LINE_MAX = 4096 }; /* bytes, without the line's end */

struct hs_ini {
	struct hs_slice rest;     /* what is still to be read */
	struct hs_slice raw;      /* the current line as written, without its end */
	struct hs_slice section;  /* n == 0: before the first section */
	int line;                 /* its number, from 1 */
	const char *error;        /* error and remedy, a literal; NULL: none */
	const char *name, *value; /* in `text`; valid until the next call */
	char text[HS_INI_LINE_MAX + 1];
};

/* Begins to read `text`, which must not change meanwhile. */
void hs_ini_start(struct hs_ini *ini, struct hs_slice text);

/* Reads the next name and value. False: the end of the text, or an error. */
bool hs_ini_next(struct hs_ini *ini);

/* Wipes the copy of the last line, which may hold a secret. */
void hs_ini_end(struct hs_ini *ini);

#endif
