#include "store/lines.h"
#include "store/io.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum { CHUNK = 1 << 18, GZIP_CHUNK = 1 << 16, GZIP_WINDOW = 15 + 16 /* zlib.h: gzip, not zlib */ };

/* --- gzip ------------------------------------------------------------------- */

struct hs_inflater {
	z_stream z;
	uint64_t at; /* in the file */
	bool ended;  /* a member has ended, its check sum was right */
	bool done;   /* … and nothing is behind it */
	unsigned char in[GZIP_CHUNK];
};

static void drop_inflater(struct hs_lines *l)
{
	if (l->inflater != NULL)
		inflateEnd(&l->inflater->z);
	free(l->inflater);
	l->inflater = NULL;
}

/* Like read(2), of what is inside the file. */
static ssize_t inflate_some(struct hs_lines *l, char *to, size_t n)
{
	struct hs_inflater *i = l->inflater;

	i->z.next_out = (unsigned char *)to;
	i->z.avail_out = (unsigned)n;
	while (i->z.avail_out == n && !i->done) {
		int r;

		if (i->z.avail_in == 0) {
			ssize_t got = hs_io_read_at(l->fd, (char *)i->in, sizeof i->in, i->at);

			if (got < 0)
				return -1;
			i->z.next_in = i->in;
			i->z.avail_in = (unsigned)got;
			i->at += (uint64_t)got;
			i->done = got == 0 && i->ended;
		}
		if (i->done)
			break;
		if (i->ended) /* RFC 1952, 2.2: members follow one another */
			inflateReset(&i->z);
		r = inflate(&i->z, Z_NO_FLUSH);
		i->ended = r == Z_STREAM_END;
		if (r != Z_OK && !i->ended) { /* damaged, or cut: Z_BUF_ERROR */
			errno = r == Z_MEM_ERROR ? ENOMEM : EILSEQ;
			return -1;
		}
	}
	return (ssize_t)(n - i->z.avail_out);
}

bool hs_lines_start_gzip(struct hs_lines *l, int fd, uint64_t at)
{
	struct hs_slice line;

	hs_lines_start(l, fd, 0, UINT64_MAX);
	l->inflater = calloc(1, sizeof *l->inflater);
	if (l->inflater == NULL || inflateInit2(&l->inflater->z, GZIP_WINDOW) != Z_OK) {
		free(l->inflater);
		l->inflater = NULL;
		return false;
	}
	while (l->at < at && hs_lines_next(l, &line) == 1)
		continue;
	return true;
}

/* --- lines ------------------------------------------------------------------ */

void hs_lines_start(struct hs_lines *l, int fd, uint64_t at, uint64_t end)
{
	drop_inflater(l);
	l->fd = fd;
	l->at = l->loaded = at;
	l->end = end;
	l->used = 0;
	hs_buf_reset(&l->buf);
}

void hs_lines_free(struct hs_lines *l)
{
	drop_inflater(l);
	hs_buf_free(&l->buf);
}

/* Loads one more chunk behind what is not used yet. 1, 0 at the end, -1. */
static int load(struct hs_lines *l)
{
	uint64_t left = l->end - l->loaded;
	size_t want = left < CHUNK ? (size_t)left : CHUNK;
	ssize_t got;
	char *to;

	if (l->used > 0) {
		l->buf.n -= l->used;
		memmove(l->buf.p, l->buf.p + l->used, l->buf.n);
		l->used = 0;
	}
	if (want == 0)
		return 0;
	to = hs_buf_reserve(&l->buf, want);
	if (to == NULL) {
		errno = ENOMEM;
		return -1;
	}
	got = l->inflater != NULL ? inflate_some(l, to, want) : hs_io_read_at(l->fd, to, want, l->loaded);
	if (got <= 0)
		return (int)got;
	l->buf.n += (size_t)got;
	l->loaded += (uint64_t)got;
	return 1;
}

int hs_lines_next(struct hs_lines *l, struct hs_slice *line)
{
	size_t searched = 0;
	int more = 1;

	while (more > 0) {
		const char *p = l->buf.p + l->used;
		size_t n = l->buf.n - l->used;
		const char *newline =
		    n == searched ? NULL : memchr(p + searched, '\n', n - searched);

		if (newline != NULL) {
			*line = hs_slice(p, (size_t)(newline - p));
			l->used += line->n + 1;
			l->at += line->n + 1;
			return 1;
		}
		searched = n;
		more = load(l);
	}
	if (more < 0)
		return -1;
	*line = hs_slice(l->buf.p + l->used, l->buf.n - l->used);
	l->used = l->buf.n;
	l->at += line->n;
	return line->n > 0 ? 2 : 0;
}

enum hs_result hs_line_check(struct hs_json *json, struct hs_slice line)
{
	enum hs_result r = hs_json_document(json, line);

	if (r == HS_OK && json->tok[0].kind != HS_JSON_OBJECT)
		r = HS_E_JSON_SYNTAX;
	return r;
}
