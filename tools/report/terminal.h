/*
 * terminal: makes untrusted text safe for a terminal.
 *
 * A sender chooses the text in a record, and a receiver the text of its answer. On a terminal, an
 * escape sequence in it could move the cursor or change title and clipboard, and a bidirectional
 * mark could show text in a false order. On a terminal, each such character is therefore printed
 * as its JSON escape, \u001b, which leaves a JSON line the same JSON. Pipes and files get every
 * byte unchanged.
 */
#ifndef HS_TERMINAL_H
#define HS_TERMINAL_H

#include "base/buf.h"

#include <stdio.h>

/*
 * Appends the text with \uXXXX for each unprintable character (hs_utf8_unprintable) and \xNN for
 * each byte that is not UTF-8. Keeps tabs and newlines.
 */
void hs_terminal_put(struct hs_buf *out, struct hs_slice text);

/* Does the same to the contents of `b` from offset `from` on. Out of memory: `b` has failed. */
void hs_terminal_clean(struct hs_buf *b, size_t from);

/*
 * fwrite(3) and printf(3) for untrusted text: cleaned if `out` is a terminal. Print our own colours
 * separately. False: a write failed, or no memory.
 */
bool hs_terminal_write(FILE *out, struct hs_slice text);
__attribute__((format(printf, 2, 3))) bool hs_terminal_printf(FILE *out, const char *format, ...);

/* Prints the JSON in the buffer as a line of standard output, cleaned on a terminal, and frees it. */
void hs_terminal_print_json(struct hs_buf *json);

/* True if any text was not printed, for want of memory. */
bool hs_terminal_has_lost(void);

#endif
