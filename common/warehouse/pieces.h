/*
 * pieces: a text that is made while it is written, so that a long one is never in memory as a whole. Pure.
 */
#ifndef HS_PIECES_H
#define HS_PIECES_H

#include "base/buf.h"

/* Where the text is written: its maker appends to `buf`, and calls hs_piece_out_pass() after at most about a piece. */
struct hs_piece_out {
	struct hs_buf buf;
	/* Takes a piece, which is valid during the call; false: enough. */
	bool (*take)(void *context, struct hs_slice piece);
	void *context;
	size_t n; /* bytes that were taken */
};

/* The first member of the maker's own struct. */
struct hs_pieces {
	/* Writes the text, the same one each time. False: take() was, or out of memory. */
	bool (*put)(const struct hs_pieces *pieces, struct hs_piece_out *out);
};

enum { HS_PIECE_BYTES = 64 * 1024 };

/* Hands what is in `buf` to take(), if it is a piece. False: take() was, or out of memory. */
bool hs_piece_out_pass(struct hs_piece_out *out);

/* Appends a text that may be long. False: take() was, or out of memory. */
bool hs_piece_out_put(struct hs_piece_out *out, struct hs_slice text);

/* Writes the text to take(). False: take() was, or out of memory. */
bool hs_pieces_each(const struct hs_pieces *pieces, bool (*take)(void *context, struct hs_slice piece), void *context);

/* Counts the bytes of the text. False: out of memory. */
bool hs_pieces_count(const struct hs_pieces *pieces, size_t *n);

/* Appends the text. False: out of memory. */
bool hs_pieces_put(const struct hs_pieces *pieces, struct hs_buf *out);

#endif
