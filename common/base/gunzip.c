#include "base/gunzip.h"

#include <libdeflate.h>
#include <stdlib.h>

enum {
	SMALLEST = 18, /* bytes of a member: its header and trailer */
	RATIO = 1032,  /* the most bytes that deflate makes of one */
	FIRST_ROOM = 1024,
};

struct hs_gunzip {
	struct libdeflate_decompressor *decompressor;
};

static struct hs_gunzip *make(void)
{
	struct hs_gunzip *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->decompressor = libdeflate_alloc_decompressor();
	if (g->decompressor == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ISIZE of the trailer (RFC 1952, 2.3.1). */
size_t hs_gunzip_announced(struct hs_slice in)
{
	const unsigned char *p;
	size_t size;

	if (in.n < SMALLEST)
		return 0;
	p = (const unsigned char *)in.p + in.n - 4;
	size = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	return in.n < SIZE_MAX / RATIO ? smaller(size, in.n * RATIO) : size;
}

/* Inflates the member at the start of *in, and moves *in to its end. */
static enum hs_result member(struct hs_gunzip *g, struct hs_slice *in, size_t most, struct hs_buf *out)
{
	size_t room = hs_gunzip_announced(*in), read, written;

	if (room < FIRST_ROOM)
		room = FIRST_ROOM;
	if (room < out->cap - out->n)
		room = out->cap - out->n;
	for (;; room *= 4) {
		enum libdeflate_result result;
		char *to;

		room = smaller(room, most - out->n);
		to = hs_buf_reserve(out, room);
		if (to == NULL)
			return HS_E_MEMORY;
		result = libdeflate_gzip_decompress_ex(g->decompressor, in->p, in->n, to, room, &read, &written);
		if (result == LIBDEFLATE_SUCCESS)
			break;
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			return HS_E_GZIP;
		if (room == most - out->n)
			return HS_E_INFLATED;
	}
	out->n += written;
	*in = hs_slice(in->p + read, in->n - read);
	return HS_OK;
}

/* Inflates the members at the start of *in, all or the first one, and moves *in to their end. */
static enum hs_result members(struct hs_gunzip **gunzip, struct hs_slice *in, bool all, size_t most, struct hs_buf *out)
{
	size_t bound = out->max;
	enum hs_result result;

	hs_buf_reset(out);
	if (*gunzip == NULL)
		*gunzip = make();
	if (*gunzip == NULL)
		return HS_E_MEMORY;
	out->max = most + 1; /* so that it does not grow by half beyond that */
	do
		result = in->n >= SMALLEST ? member(*gunzip, in, most, out) : HS_E_GZIP;
	while (result == HS_OK && all && in->n > 0);
	out->max = bound;
	return result;
}

enum hs_result hs_gunzip(struct hs_gunzip **gunzip, struct hs_slice in, size_t most, struct hs_buf *out)
{
	return members(gunzip, &in, true, most, out);
}

enum hs_result hs_gunzip_first(struct hs_gunzip **gunzip, struct hs_slice *in, size_t most, struct hs_buf *out)
{
	return members(gunzip, in, false, most, out);
}

void hs_gunzip_free(struct hs_gunzip *gunzip)
{
	if (gunzip == NULL)
		return;
	libdeflate_free_decompressor(gunzip->decompressor);
	free(gunzip);
}
