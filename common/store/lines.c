#include "store/lines.h"
#include "store/io.h"

#include <errno.h>

enum { CHUNK = 1 << 18 };

void hs_lines_start(struct hs_lines *l, int fd, uint64_t at, uint64_t end)
{
	l->fd = fd;
	l->at = l->loaded = at;
	l->end = end;
	l->used = 0;
	hs_buf_reset(&l->buf);
}

void hs_lines_free(struct hs_lines *l)
{
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
	got = hs_io_read_at(l->fd, to, want, l->loaded);
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
