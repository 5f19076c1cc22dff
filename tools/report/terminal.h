/*
 * terminal: text of others on the way to a person's terminal.
 *
 * A sender chooses what stands in a record, a receiver what it answers. On a terminal an
 * escape sequence in it would move the cursor, change the title or the clipboard, and a
 * bidirectional mark would show another order than is there. There each such character is
 * written as its escape in JSON, \u001b, so that a JSON line is still the same JSON. In a
 * pipe or a file every byte stays as it is.
 */
#ifndef HS_TERMINAL_H
#define HS_TERMINAL_H

#include "base/buf.h"

#include <stdio.h>

/*
 * Appends the text, and \uXXXX for each character that a terminal must not get (see
 * hs_utf8_unprintable); \xNN for a byte that is no UTF-8. Tabs and newlines stay.
 */
void hs_terminal_put(struct hs_buf *out, struct hs_slice text);

/* The same to what stands in `b` from offset `from` on. Without memory `b` has failed. */
void hs_terminal_clean(struct hs_buf *b, size_t from);

/*
 * fwrite(3) and printf(3), of text that holds what others have sent: cleaned if `out` is a
 * terminal. Our own colours are printed apart from it. False: not all was written.
 */
bool hs_terminal_write(FILE *out, struct hs_slice text);
__attribute__((format(printf, 2, 3)))
bool hs_terminal_printf(FILE *out, const char *format, ...);

#endif
