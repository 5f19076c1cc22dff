/* fold: breaks text for people at the edge of their terminal, between words. */
#ifndef HS_FOLD_H
#define HS_FOLD_H

#include "base/buf.h"

/*
 * Breaks each line from offset `from` on that is wider than `columns` at blanks, and goes on `indent` columns to the
 * right, or 4 if that leaves less than half of the line. A word that is wider than the line stays whole. Columns 0, for
 * what is no terminal: nothing is broken. Out of memory: the buffer has failed.
 */
void hs_fold(struct hs_buf *text, size_t from, size_t columns, size_t indent);

#endif
