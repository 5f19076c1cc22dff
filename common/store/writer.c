#include "store/writer.h"
#include "store/io.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum { AT_ONCE = 1 << 18, LEVEL = 6, GZIP_WINDOW = 15 + 16 /* zlib.h: gzip, not zlib */ };

struct hs_deflater {
	z_stream z;
	unsigned char out[AT_ONCE];
};

enum hs_result hs_writer_start(struct hs_writer *w, int fd, bool gzip)
{
	memset(w, 0, sizeof *w);
	w->fd = fd;
	if (!gzip)
		return HS_OK;
	w->deflater = calloc(1, sizeof *w->deflater);
	if (w->deflater != NULL && deflateInit2(&w->deflater->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
						Z_DEFAULT_STRATEGY) == Z_OK)
		return HS_OK;
	free(w->deflater);
	w->deflater = NULL;
	return HS_E_MEMORY;
}

void hs_writer_free(struct hs_writer *w)
{
	if (w->deflater != NULL)
		deflateEnd(&w->deflater->z);
	free(w->deflater);
	hs_buf_free(&w->waiting);
	memset(w, 0, sizeof *w);
}

static enum hs_result write_out(struct hs_writer *w, const char *p, size_t n)
{
	if (n > 0 && hs_io_write_at(w->fd, p, n, w->bytes) < 0)
		return hs_io_result(errno);
	w->bytes += n;
	return HS_OK;
}

static enum hs_result squeeze(struct hs_writer *w, int flush)
{
	struct hs_deflater *d = w->deflater;
	enum hs_result r = HS_OK;

	d->z.next_in = (unsigned char *)w->waiting.p;
	d->z.avail_in = (unsigned)w->waiting.n;
	do {
		d->z.next_out = d->out;
		d->z.avail_out = sizeof d->out;
		deflate(&d->z, flush); /* fails only if it is misused */
		r = write_out(w, (const char *)d->out, sizeof d->out - d->z.avail_out);
	} while (r == HS_OK && d->z.avail_out == 0);
	return r;
}

static enum hs_result let_go(struct hs_writer *w, int flush)
{
	enum hs_result r;

	if (!hs_buf_ok(&w->waiting))
		return HS_E_MEMORY;
	r = w->deflater != NULL ? squeeze(w, flush) : write_out(w, w->waiting.p, w->waiting.n);
	hs_buf_shrink(&w->waiting, 2 * AT_ONCE);
	return r;
}

enum hs_result hs_writer_put(struct hs_writer *w, struct hs_slice bytes)
{
	hs_buf_put_slice(&w->waiting, bytes);
	return w->waiting.n < AT_ONCE && hs_buf_ok(&w->waiting) ? HS_OK : let_go(w, Z_NO_FLUSH);
}

enum hs_result hs_writer_end(struct hs_writer *w)
{
	enum hs_result r = let_go(w, Z_FINISH);

	return r == HS_OK && hs_io_sync_data(w->fd) < 0 ? HS_E_SYNC : r;
}
