/* line_before: the line that ends at an offset of a plain segment, by which a saved position is known. */
#ifndef HS_LINE_BEFORE_H
#define HS_LINE_BEFORE_H

#include "spool/file/line_reader.h"

/*
 * Reads the line that ends at `end`, in bytes, backwards from there. 1: *line is it, valid until the next call of the
 * reader; 0: no line ends there; -1: reading failed (errno).
 */
int hs_line_before(struct hs_line_reader *lines, int fd, uint64_t end, struct hs_slice *line);

#endif
