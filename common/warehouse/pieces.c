#include "warehouse/pieces.h"

static bool flush(struct hs_piece_out *out)
{
	bool taken = hs_buf_ok(&out->buf) && (out->buf.n == 0 || out->take(out->context, hs_buf_slice(&out->buf)));

	out->n += out->buf.n;
	out->buf.n = 0;
	return taken;
}

bool hs_piece_out_pass(struct hs_piece_out *out)
{
	return out->buf.n < HS_PIECE_BYTES ? hs_buf_ok(&out->buf) : flush(out);
}

bool hs_piece_out_put(struct hs_piece_out *out, struct hs_slice text)
{
	bool taken = true;

	for (size_t n; text.n > 0 && taken; text = hs_slice(text.p + n, text.n - n)) {
		n = text.n < HS_PIECE_BYTES ? text.n : HS_PIECE_BYTES;
		hs_buf_put(&out->buf, text.p, n);
		taken = hs_piece_out_pass(out);
	}
	return taken;
}

static bool each(const struct hs_pieces *pieces, struct hs_piece_out *out)
{
	bool done = pieces->put(pieces, out) && flush(out);

	hs_buf_free(&out->buf);
	return done;
}

bool hs_pieces_each(const struct hs_pieces *pieces, bool (*take)(void *context, struct hs_slice piece), void *context)
{
	return each(pieces, &(struct hs_piece_out){ .take = take, .context = context });
}

static bool take_any(void *context, struct hs_slice piece)
{
	(void)context;
	return piece.n > 0;
}

bool hs_pieces_count(const struct hs_pieces *pieces, size_t *n)
{
	struct hs_piece_out out = { .take = take_any };
	bool done = each(pieces, &out);

	*n = out.n;
	return done;
}

static bool append(void *context, struct hs_slice piece)
{
	struct hs_buf *out = context;

	hs_buf_put_slice(out, piece);
	return hs_buf_ok(out);
}

bool hs_pieces_put(const struct hs_pieces *pieces, struct hs_buf *out)
{
	return hs_pieces_each(pieces, append, out);
}
