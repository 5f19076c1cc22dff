#include "spool/file/line_reader.h"
#include "base/io.h"
#include "spool/file/gzip.h"

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

static void drop_inflater(struct hs_line_reader *l)
{
	if (l->inflater != NULL)
		inflateEnd(&l->inflater->z);
	free(l->inflater);
	l->inflater = NULL;
}

static ssize_t read_raw(struct hs_line_reader *l, char *to, size_t n, uint64_t at)
{
	return l->stream ? hs_io_read(l->fd, to, n) : hs_io_read_at(l->fd, to, n, at);
}

/* Zeros behind a member pad the blocks of a tape; no member begins with one. */
static void pass_padding(const struct hs_line_reader *l, struct hs_inflater *i)
{
	while (l->outside && i->z.avail_in > 0 && *i->z.next_in == 0) {
		i->z.next_in++;
		i->z.avail_in--;
	}
}

/* Like read(2), of what is inside the file. */
static ssize_t inflate_some(struct hs_line_reader *l, char *to, size_t n)
{
	struct hs_inflater *i = l->inflater;

	i->z.next_out = (unsigned char *)to;
	i->z.avail_out = (unsigned)n;
	while (i->z.avail_out == n && !i->done) {
		int r;

		if (i->z.avail_in == 0) {
			ssize_t got = read_raw(l, (char *)i->in, sizeof i->in, i->at);

			if (got < 0)
				return -1;
			i->z.next_in = i->in;
			i->z.avail_in = (unsigned)got;
			i->at += (uint64_t)got;
			i->done = got == 0 && i->ended;
		}
		if (i->ended)
			pass_padding(l, i);
		if (i->done || (i->ended && i->z.avail_in == 0)) /* a cut member is for inflate to tell */
			continue;
		if (i->ended) /* RFC 1952, 2.2: members follow one another */
			inflateReset(&i->z);
		r = inflate(&i->z, Z_NO_FLUSH);
		i->ended = r == Z_STREAM_END;
		if (r != Z_OK && !i->ended) { /* damaged, or cut: Z_BUF_ERROR */
			if (i->z.avail_out < n)
				break; /* what stands before the damage; the next call says the same */
			errno = r == Z_MEM_ERROR ? ENOMEM : EILSEQ;
			return -1;
		}
	}
	return (ssize_t)(n - i->z.avail_out);
}

static bool add_inflater(struct hs_line_reader *l)
{
	l->inflater = calloc(1, sizeof *l->inflater);
	if (l->inflater != NULL && inflateInit2(&l->inflater->z, GZIP_WINDOW) == Z_OK)
		return true;
	free(l->inflater);
	l->inflater = NULL;
	errno = ENOMEM;
	return false;
}

/* To the line that begins at the offset, or to the end: damage is for who reads on. */
static void skip_to(struct hs_line_reader *l, uint64_t at)
{
	struct hs_slice line;
	int more = 1;

	while (l->at < at && (more == 1 || more == 3))
		more = hs_line_reader_next(l, &line);
}

/* Passes the members before the offset by their heads alone; none that the file does not hold whole. */
static void skip_members(struct hs_line_reader *l, uint64_t at)
{
	struct hs_inflater *i = l->inflater;
	char head[HS_GZIP_HEAD];
	uint32_t member, plain;
	struct stat st;

	if (at == 0 || hs_io_fstat(l->fd, &st) < 0)
		return;
	while (hs_io_read_at(l->fd, head, sizeof head, i->at) == (ssize_t)sizeof head &&
	       hs_gzip_head(hs_slice(head, sizeof head), &member, &plain) && l->at + plain <= at &&
	       i->at + member <= (uint64_t)st.st_size) {
		i->at += member;
		i->ended = true;
		l->at += plain;
		l->loaded += plain;
	}
}

bool hs_line_reader_start_gzip(struct hs_line_reader *l, int fd, uint64_t at)
{
	hs_line_reader_start(l, fd, 0, UINT64_MAX);
	if (!add_inflater(l))
		return false;
	skip_members(l, at);
	skip_to(l, at);
	return true;
}

/* The first bytes of the file, which tell what it is, into the inflater's room. */
static bool read_head(struct hs_line_reader *l)
{
	struct hs_inflater *i = l->inflater;
	ssize_t got = 1;

	while (got > 0 && i->at < 2) {
		got = read_raw(l, (char *)i->in + i->at, sizeof i->in - (size_t)i->at, i->at);
		i->at += got > 0 ? (uint64_t)got : 0;
	}
	i->z.next_in = i->in;
	i->z.avail_in = (unsigned)i->at;
	return got >= 0;
}

bool hs_line_reader_start_outside(struct hs_line_reader *l, int fd, bool stream, size_t longest, uint64_t at)
{
	struct hs_inflater *i;
	bool gzip;

	hs_line_reader_start(l, fd, 0, UINT64_MAX);
	l->stream = stream;
	l->outside = true;
	l->longest = longest;
	if (!add_inflater(l) || !read_head(l))
		return false;
	i = l->inflater;
	gzip = i->at >= 2 && i->in[0] == 0x1F && i->in[1] == 0x8B; /* RFC 1952, 2.3.1 */
	if (gzip || stream) {
		if (!gzip) {
			hs_buf_put(&l->buf, (const char *)i->in, (size_t)i->at);
			l->loaded = i->at;
			drop_inflater(l);
		}
		skip_to(l, at);
		if (l->at > at)
			hs_line_reader_back(l, (size_t)(l->at - at));
	} else {
		drop_inflater(l);
		l->at = l->loaded = at;
	}
	errno = ENOMEM;
	return hs_buf_ok(&l->buf);
}

uint64_t hs_line_reader_read(const struct hs_line_reader *l)
{
	return l->inflater != NULL ? l->inflater->at - l->inflater->z.avail_in : l->loaded;
}

/* --- lines ------------------------------------------------------------------ */

void hs_line_reader_start(struct hs_line_reader *l, int fd, uint64_t at, uint64_t end)
{
	drop_inflater(l);
	l->stream = false;
	l->outside = false;
	l->longest = 0;
	l->fd = fd;
	l->at = l->loaded = at;
	l->end = end;
	l->used = 0;
	hs_buf_reset(&l->buf);
}

void hs_line_reader_free(struct hs_line_reader *l)
{
	drop_inflater(l);
	hs_buf_free(&l->buf);
}

enum hs_result hs_line_reader_start_file(struct hs_line_reader *l, int fd, bool gzip, uint64_t at, uint64_t end)
{
	if (gzip)
		return hs_line_reader_start_gzip(l, fd, at) ? HS_OK : HS_E_MEMORY;
	hs_line_reader_start(l, fd, at, end);
	return HS_OK;
}

int hs_line_reader_open(struct hs_line_reader *l, int dir, const char *name, bool gzip)
{
	int fd = hs_io_open_plain(dir, name);

	if (fd < 0 || hs_line_reader_start_file(l, fd, gzip, 0, UINT64_MAX) == HS_OK)
		return fd;
	hs_io_close(fd);
	errno = ENOMEM;
	return -1;
}

/* Loads one more chunk behind what is not used yet. 1, 0 at the end, -1. */
static int load(struct hs_line_reader *l)
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
	got = l->inflater != NULL ? inflate_some(l, to, want) : read_raw(l, to, want, l->loaded);
	if (got <= 0)
		return (int)got;
	l->buf.n += (size_t)got;
	l->loaded += (uint64_t)got;
	return 1;
}

static int hand_out(struct hs_line_reader *l, size_t n, size_t behind, int what, struct hs_slice *line)
{
	*line = hs_slice(l->buf.p + l->used, n);
	l->used += n + behind;
	l->at += n + behind;
	return what;
}

int hs_line_reader_next(struct hs_line_reader *l, struct hs_slice *line)
{
	size_t searched = 0;
	int more = 1;

	*line = HS_SLICE_NONE;
	while (more > 0) {
		const char *p = l->buf.p + l->used;
		size_t n = l->buf.n - l->used;
		const char *newline = n == searched ? NULL : memchr(p + searched, '\n', n - searched);

		if (l->longest > 0 && (newline != NULL ? (size_t)(newline - p) : n) > l->longest)
			return hand_out(l, l->longest, 0, 3, line);
		if (newline != NULL)
			return hand_out(l, (size_t)(newline - p), 1, 1, line);
		searched = n;
		more = load(l);
	}
	if (more < 0)
		return -1;
	return hand_out(l, l->buf.n - l->used, 0, l->buf.n > l->used ? 2 : 0, line);
}

void hs_line_reader_back(struct hs_line_reader *l, size_t n)
{
	l->used -= n;
	l->at -= n;
}

enum hs_result hs_line_check(struct hs_json *json, struct hs_slice line)
{
	enum hs_result r = hs_json_document(json, line);

	if (r == HS_OK && json->tok[0].kind != HS_JSON_OBJECT)
		r = HS_E_JSON_SYNTAX;
	return r;
}

static enum hs_result compare(struct hs_line_reader *plain, struct hs_line_reader *gz, bool *same)
{
	struct hs_slice a, b;
	int more, there;

	do {
		more = hs_line_reader_next(plain, &a);
		if (more < 0)
			return HS_E_IO;
		there = hs_line_reader_next(gz, &b);
		if (there < 0)
			return errno == EILSEQ ? HS_OK : hs_io_result(errno);
		if (there != more || (more > 0 && !hs_slice_eq(a, b)))
			return HS_OK;
	} while (more > 0);
	*same = true;
	return HS_OK;
}

static enum hs_result compare_files(const int fd[2], const struct stat st[2], bool *same)
{
	struct hs_line_reader plain = { 0 }, gz = { 0 };
	enum hs_result r = HS_E_MEMORY;

	hs_line_reader_start(&plain, fd[0], 0, (uint64_t)st[0].st_size);
	if (hs_line_reader_start_gzip(&gz, fd[1], 0))
		r = compare(&plain, &gz, same);
	hs_line_reader_free(&plain);
	hs_line_reader_free(&gz);
	return r;
}

enum hs_result hs_line_reader_pair(int dir, const char *plain, const char *gz, struct hs_pair *pair)
{
	const char *const name[] = { plain, gz };
	enum hs_result r = HS_OK;
	struct stat st[2];
	int fd[2];

	*pair = (struct hs_pair){ .both = true };
	for (int i = 0; i < 2; i++) {
		fd[i] = hs_io_open_read(dir, name[i]);
		pair->both = pair->both && fd[i] >= 0;
		if (fd[i] >= 0 ? hs_io_fstat(fd[i], &st[i]) < 0 : errno != ENOENT)
			r = HS_E_IO;
	}
	if (r == HS_OK && pair->both) {
		pair->inode[0] = st[0].st_ino;
		pair->inode[1] = st[1].st_ino;
		r = compare_files(fd, st, &pair->same);
	}
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			hs_io_close(fd[i]);
	return r;
}
