/*
 * snake: turns a key into the snake case of Segment's warehouses.
 *
 * The algorithm of https://segment.com/docs/connections/storage/warehouses/schema/ (see
 * github.com/segmentio/go-snakecase), byte-wise on ASCII, with two changes so that nothing is lost:
 * bytes from 0x80 up count as lower-case letters and are copied, and a key of which nothing
 * remains becomes "_".
 */
#ifndef HS_SNAKE_H
#define HS_SNAKE_H

#include "base/slice.h"

/* Longest result for a key of n bytes. */
#define HS_SNAKE_MAX(n) (2 * (n) + 1)

/* Writes to out, which has room for HS_SNAKE_MAX(key.n) bytes; returns the length. */
size_t hs_snake(struct hs_slice key, char *out);

#endif
