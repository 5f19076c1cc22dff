#include "spool/file/line_reader.h"
#include "base/gunzip.h"
#include "base/io.h"
#include "spool/file/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum {
	CHUNK = 1 << 18,
	GZIP_CHUNK = 1 << 16,
	GZIP_WINDOW = 15 + 16, /* zlib.h: gzip, not zlib */
	MEMBER_MOST = 2 * HS_GZIP_MEMBER,
	KEPT_BYTES = 2 << 20, /* of a buffer that a long line has made larger */
};

/* --- gzip ------------------------------------------------------------------- */

struct hs_inflater {
	z_stream z;
	uint64_t at; /* offset in the file of the next byte to load */
	bool ended;  /* a member has ended, and its checksum was right */
	bool done;   /* … and the file ends there */
	unsigned char in[GZIP_CHUNK];
	struct hs_gunzip *gunzip;  /* for whole members, which zlib would inflate at half the speed */
	struct hs_buf whole, text; /* a member, and what is in it */
};

static void drop_inflater(struct hs_line_reader *reader)
{
	struct hs_inflater *i = reader->inflater;

	if (i != NULL) {
		inflateEnd(&i->z);
		hs_gunzip_free(i->gunzip);
		hs_buf_free(&i->whole);
		hs_buf_free(&i->text);
	}
	free(i);
	reader->inflater = NULL;
}

static ssize_t read_raw(struct hs_line_reader *reader, char *to, size_t n, uint64_t at)
{
	return reader->stream ? hs_io_read(reader->fd, to, n) : hs_io_read_at(reader->fd, to, n, at);
}

/* Passes zeros after a member, which pad the blocks of a tape; no member begins with one. */
static void pass_padding(const struct hs_line_reader *reader, struct hs_inflater *i)
{
	while (reader->outside && i->z.avail_in > 0 && *i->z.next_in == 0) {
		i->z.next_in++;
		i->z.avail_in--;
	}
}

/* Like read(2), but returns the text inside the file. */
static ssize_t inflate_some(struct hs_line_reader *reader, char *to, size_t n)
{
	struct hs_inflater *i = reader->inflater;

	i->z.next_out = (unsigned char *)to;
	i->z.avail_out = (unsigned)n;
	while (i->z.avail_out == n && !i->done) {
		int r;

		if (i->z.avail_in == 0) {
			ssize_t got = read_raw(reader, (char *)i->in, sizeof i->in, i->at);

			if (got < 0)
				return -1;
			i->z.next_in = i->in;
			i->z.avail_in = (unsigned)got;
			i->at += (uint64_t)got;
			i->done = got == 0 && i->ended;
		}
		if (i->ended)
			pass_padding(reader, i);
		if (i->done || (i->ended && i->z.avail_in == 0)) /* inflate reports a cut member */
			continue;
		if (i->ended) /* RFC 1952, 2.2: members follow one another */
			inflateReset(&i->z);
		r = inflate(&i->z, Z_NO_FLUSH);
		i->ended = r == Z_STREAM_END;
		if (r != Z_OK && !i->ended) { /* damaged, or cut: Z_BUF_ERROR */
			if (i->z.avail_out < n)
				break; /* return the text before the damage; the next call fails again */
			errno = r == Z_MEM_ERROR ? ENOMEM : EILSEQ;
			return -1;
		}
	}
	return (ssize_t)(n - i->z.avail_out);
}

/* After a member that zlib has read: gives back what it has not, if a member as in gzip.h follows. */
static void leave_zlib(struct hs_inflater *i)
{
	struct hs_slice unread = hs_slice((const char *)i->z.next_in, i->z.avail_in);
	uint32_t bytes, plain;

	if (!i->ended || !hs_gzip_head(unread, &bytes, &plain))
		return;
	i->at -= unread.n;
	i->z.avail_in = 0;
}

/* True where a member begins of which zlib has read nothing. */
static bool between_members(const struct hs_line_reader *reader)
{
	const struct hs_inflater *i = reader->inflater;

	return !reader->outside && i->z.avail_in == 0 && (i->at == 0 || i->ended);
}

/* Reads that many bytes of the file, fewer only at its end, from the next member on. -1: it failed (errno). */
static ssize_t read_whole(const struct hs_line_reader *reader, size_t bytes)
{
	struct hs_inflater *i = reader->inflater;
	ssize_t got = -1;
	char *to;

	hs_buf_reset(&i->whole);
	to = hs_buf_reserve(&i->whole, bytes);
	errno = ENOMEM;
	if (to != NULL)
		got = hs_io_read_at(reader->fd, to, bytes, i->at);
	i->whole.n = got > 0 ? (size_t)got : 0;
	return got;
}

/*
 * Reads the next member as it is in the file. 1; 2: the file does not hold it as its head says; 0: there is none
 * here as in gzip.h, or zlib has begun to read it; -1: reading failed (errno).
 */
static int read_member(const struct hs_line_reader *reader, uint32_t *plain)
{
	struct hs_inflater *i = reader->inflater;
	char head[HS_GZIP_HEAD];
	uint32_t bytes;
	ssize_t got;

	if (!reader->outside)
		leave_zlib(i);
	if (!between_members(reader))
		return 0;
	got = hs_io_read_at(reader->fd, head, sizeof head, i->at);
	if (got < (ssize_t)sizeof head)
		return got < 0 ? -1 : 0;
	if (!hs_gzip_head(hs_slice(head, sizeof head), &bytes, plain) || *plain == 0)
		return 0;
	if (bytes > MEMBER_MOST)
		return 2;
	got = read_whole(reader, bytes);
	return got < 0 ? -1 : got == (ssize_t)bytes ? 1 : 2;
}

/* Appends the member's text, or makes it the buffer if that is empty. False: out of memory. */
static bool take_text(struct hs_line_reader *reader)
{
	struct hs_inflater *i = reader->inflater;
	struct hs_buf before = reader->buf;
	bool alone = before.n == 0;

	if (alone) {
		reader->buf = i->text;
		i->text = before;
	} else {
		hs_buf_put_slice(&reader->buf, hs_buf_slice(&i->text));
	}
	if (alone && reader->buf.p[reader->buf.n - 1] == '\n')
		reader->member =
		    (struct hs_line_member){ hs_buf_slice(&i->whole), reader->at, reader->at + reader->buf.n };
	errno = ENOMEM;
	return hs_buf_ok(&reader->buf);
}

/*
 * Loads a member that is not as its head says, if its check sum is right: then the text is. Otherwise nothing of it
 * is returned, unless the file does not hold it as its head says: zlib reads it up to where it is cut. As load_member.
 */
static int load_unlike_head(struct hs_line_reader *reader, bool held)
{
	struct hs_inflater *i = reader->inflater;
	enum hs_result result;
	struct hs_slice in;

	if (read_whole(reader, MEMBER_MOST) < 0)
		return -1;
	in = hs_buf_slice(&i->whole);
	result = hs_gunzip_first(&i->gunzip, &in, HS_GZIP_MEMBER, &i->text);
	errno = result == HS_E_MEMORY ? ENOMEM : EILSEQ;
	if (result == HS_E_MEMORY)
		return -1;
	if (result != HS_OK || i->text.n == 0)
		return held ? -1 : 0;
	i->at += i->whole.n - in.n;
	i->ended = true;
	reader->loaded += i->text.n;
	if (!take_text(reader))
		return -1;
	reader->member.bytes = HS_SLICE_NONE;
	return 1;
}

/*
 * Loads the text of the next member whole. 1; 0: zlib has to read it, which returns text before it comes to the check
 * sum; -1: reading failed (errno), with EILSEQ if the member is damaged, and the next call fails again.
 */
static int load_member(struct hs_line_reader *reader)
{
	struct hs_inflater *i = reader->inflater;
	uint32_t plain;
	int more = read_member(reader, &plain);
	enum hs_result result;

	if (more <= 0)
		return more;
	result = more == 1 ? hs_gunzip(&i->gunzip, hs_buf_slice(&i->whole), plain, &i->text) : HS_E_GZIP;
	errno = ENOMEM;
	if (result == HS_E_MEMORY)
		return -1;
	if (result != HS_OK || i->text.n != plain)
		return load_unlike_head(reader, more == 1);
	i->at += i->whole.n;
	i->ended = true;
	reader->loaded += plain;
	return take_text(reader) ? 1 : -1;
}

static bool add_inflater(struct hs_line_reader *reader)
{
	reader->inflater = calloc(1, sizeof *reader->inflater);
	if (reader->inflater != NULL && inflateInit2(&reader->inflater->z, GZIP_WINDOW) == Z_OK)
		return true;
	free(reader->inflater);
	reader->inflater = NULL;
	errno = ENOMEM;
	return false;
}

/*
 * Reads up to the line that begins at the offset, or to the end. False: reading failed (errno). The next read
 * reports damage.
 */
static bool skip_to(struct hs_line_reader *reader, uint64_t at)
{
	struct hs_slice line;
	int more = 1;

	while (reader->at < at && (more == 1 || more == 3))
		more = hs_line_reader_next(reader, &line);
	return more >= 0 || errno == EILSEQ;
}

static bool head_at(const struct hs_line_reader *reader, uint64_t at, uint32_t *member, uint32_t *plain)
{
	char head[HS_GZIP_HEAD];

	return hs_io_read_at(reader->fd, head, sizeof head, at) == (ssize_t)sizeof head &&
	       hs_gzip_head(hs_slice(head, sizeof head), member, plain);
}

bool hs_line_reader_pass_damage(struct hs_line_reader *reader)
{
	struct hs_inflater *i = reader->inflater;
	uint32_t member, plain, next, unused;
	uint64_t size, end;
	struct stat st;

	if (i == NULL || !between_members(reader) || hs_io_fstat(reader->fd, &st) < 0 ||
	    !head_at(reader, i->at, &member, &plain))
		return false;
	size = (uint64_t)st.st_size;
	end = i->at + member;
	if (end > size || (end < size && (!head_at(reader, end, &next, &unused) || next > size - end)))
		return false;
	i->at = end;
	i->ended = true;
	reader->loaded += plain;
	reader->at = reader->loaded;
	reader->used = 0;
	hs_buf_reset(&reader->buf);
	reader->member.bytes = HS_SLICE_NONE;
	return true;
}

/*
 * Passes the members before the offset, reading only their heads; stops at one that the file does not hold whole.
 * True if it has passed the whole file.
 */
static bool skip_members(struct hs_line_reader *reader, uint64_t at)
{
	struct hs_inflater *i = reader->inflater;
	uint32_t member, plain;
	struct stat st;

	if (at == 0 || hs_io_fstat(reader->fd, &st) < 0)
		return false;
	while (head_at(reader, i->at, &member, &plain) && reader->at + plain <= at &&
	       i->at + member <= (uint64_t)st.st_size) {
		i->at += member;
		i->ended = true;
		reader->at += plain;
		reader->loaded += plain;
	}
	return i->at == (uint64_t)st.st_size;
}

bool hs_line_reader_gzip_size(struct hs_line_reader *reader, int fd, uint64_t *bytes)
{
	hs_line_reader_start(reader, fd, 0, UINT64_MAX);
	if (!add_inflater(reader) || !skip_members(reader, UINT64_MAX))
		return false;
	*bytes = reader->at;
	return true;
}

bool hs_line_reader_start_gzip(struct hs_line_reader *reader, int fd, uint64_t at)
{
	hs_line_reader_start(reader, fd, 0, UINT64_MAX);
	if (!add_inflater(reader))
		return false;
	skip_members(reader, at);
	return skip_to(reader, at);
}

/* Reads the first bytes of the file, which tell its kind, into the inflater's buffer. */
static bool read_head(struct hs_line_reader *reader)
{
	struct hs_inflater *i = reader->inflater;
	ssize_t got = 1;

	while (got > 0 && i->at < 2) {
		got = read_raw(reader, (char *)i->in + i->at, sizeof i->in - (size_t)i->at, i->at);
		i->at += got > 0 ? (uint64_t)got : 0;
	}
	i->z.next_in = i->in;
	i->z.avail_in = (unsigned)i->at;
	return got >= 0;
}

bool hs_line_reader_start_outside(struct hs_line_reader *reader, int fd, bool stream, size_t longest, uint64_t at)
{
	struct hs_inflater *i;
	bool gzip;

	hs_line_reader_start(reader, fd, 0, UINT64_MAX);
	reader->stream = stream;
	reader->outside = true;
	reader->longest = longest;
	if (!add_inflater(reader) || !read_head(reader))
		return false;
	i = reader->inflater;
	gzip = i->at >= 2 && i->in[0] == 0x1F && i->in[1] == 0x8B; /* RFC 1952, 2.3.1 */
	if (gzip || stream) {
		if (!gzip) {
			hs_buf_put(&reader->buf, (const char *)i->in, (size_t)i->at);
			reader->loaded = i->at;
			drop_inflater(reader);
		}
		if (!skip_to(reader, at))
			return false;
		if (reader->at > at)
			hs_line_reader_back(reader, (size_t)(reader->at - at));
	} else {
		drop_inflater(reader);
		reader->at = reader->loaded = at;
	}
	errno = ENOMEM;
	return hs_buf_ok(&reader->buf);
}

uint64_t hs_line_reader_read(const struct hs_line_reader *reader)
{
	return reader->inflater != NULL ? reader->inflater->at - reader->inflater->z.avail_in : reader->loaded;
}

/* --- lines ------------------------------------------------------------------ */

void hs_line_reader_start(struct hs_line_reader *reader, int fd, uint64_t at, uint64_t end)
{
	drop_inflater(reader);
	reader->stream = false;
	reader->outside = false;
	reader->longest = 0;
	reader->fd = fd;
	reader->at = reader->loaded = at;
	reader->end = end;
	reader->used = 0;
	reader->member.bytes = HS_SLICE_NONE;
	hs_buf_reset(&reader->buf);
}

void hs_line_reader_free(struct hs_line_reader *reader)
{
	drop_inflater(reader);
	hs_buf_free(&reader->buf);
}

enum hs_result hs_line_reader_start_file(struct hs_line_reader *reader, int fd, bool gzip, uint64_t at, uint64_t end)
{
	if (gzip)
		return hs_line_reader_start_gzip(reader, fd, at) ? HS_OK : hs_io_result(errno);
	hs_line_reader_start(reader, fd, at, end);
	return HS_OK;
}

int hs_line_reader_open(struct hs_line_reader *reader, int dir, const char *name, bool gzip)
{
	int fd = hs_io_open_plain(dir, name), saved;

	if (fd < 0 || hs_line_reader_start_file(reader, fd, gzip, 0, UINT64_MAX) == HS_OK)
		return fd;
	saved = errno;
	hs_io_close(fd);
	errno = saved;
	return -1;
}

/* Gives back the room of a long line that was returned. */
static void shrink(struct hs_buf *buf)
{
	char *p;

	if (buf->cap <= KEPT_BYTES || buf->n > KEPT_BYTES)
		return;
	p = realloc(buf->p, KEPT_BYTES);
	if (p == NULL)
		return;
	buf->p = p;
	buf->cap = KEPT_BYTES;
}

/* Loads one more chunk after the bytes that are not used yet. 1; 0 at the end; -1: reading failed (errno). */
static int load(struct hs_line_reader *reader)
{
	uint64_t left = reader->end - reader->loaded;
	size_t want = left < CHUNK ? (size_t)left : CHUNK;
	ssize_t got;
	char *to;

	if (reader->used > 0) {
		reader->buf.n -= reader->used;
		memmove(reader->buf.p, reader->buf.p + reader->used, reader->buf.n);
		reader->used = 0;
		shrink(&reader->buf);
	}
	if (want == 0)
		return 0;
	reader->member.bytes = HS_SLICE_NONE;
	got = reader->inflater != NULL ? load_member(reader) : 0;
	if (got != 0)
		return (int)got;
	to = hs_buf_reserve(&reader->buf, want);
	if (to == NULL) {
		errno = ENOMEM;
		return -1;
	}
	got = reader->inflater != NULL ? inflate_some(reader, to, want) : read_raw(reader, to, want, reader->loaded);
	if (got <= 0)
		return (int)got;
	reader->buf.n += (size_t)got;
	reader->loaded += (uint64_t)got;
	return 1;
}

/* Before the first load there is no buffer, and a null pointer takes no offset (C11, 6.5.6). */
static const char *unread(const struct hs_line_reader *reader)
{
	return reader->buf.p != NULL ? reader->buf.p + reader->used : NULL;
}

static int hand_out(struct hs_line_reader *reader, size_t n, size_t behind, int what, struct hs_slice *line)
{
	*line = hs_slice(unread(reader), n);
	reader->used += n + behind;
	reader->at += n + behind;
	return what;
}

int hs_line_reader_next(struct hs_line_reader *reader, struct hs_slice *line)
{
	size_t searched = 0;
	int more = 1;

	*line = HS_SLICE_NONE;
	while (more > 0) {
		const char *p = unread(reader);
		size_t n = reader->buf.n - reader->used;
		const char *newline = n == searched ? NULL : memchr(p + searched, '\n', n - searched);

		if (reader->longest > 0 && (newline != NULL ? (size_t)(newline - p) : n) > reader->longest)
			return hand_out(reader, reader->longest, 0, 3, line);
		if (newline != NULL)
			return hand_out(reader, (size_t)(newline - p), 1, 1, line);
		searched = n;
		more = load(reader);
	}
	if (more < 0)
		return -1;
	return hand_out(reader, reader->buf.n - reader->used, 0, reader->buf.n > reader->used ? 2 : 0, line);
}

void hs_line_reader_back(struct hs_line_reader *reader, size_t n)
{
	reader->used -= n;
	reader->at -= n;
}

enum hs_result hs_line_check(struct hs_json *json, struct hs_slice line)
{
	enum hs_result result = hs_json_document(json, line);

	if (result == HS_OK && json->tok[0].kind != HS_JSON_OBJECT)
		result = HS_E_JSON_SYNTAX;
	return result;
}

static enum hs_result compare(struct hs_line_reader *plain, struct hs_line_reader *gz, bool *same)
{
	struct hs_slice a, b;
	int more, there;

	do {
		more = hs_line_reader_next(plain, &a);
		if (more < 0)
			return hs_io_result(errno);
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
	enum hs_result result = HS_E_MEMORY;

	hs_line_reader_start(&plain, fd[0], 0, (uint64_t)st[0].st_size);
	if (hs_line_reader_start_gzip(&gz, fd[1], 0))
		result = compare(&plain, &gz, same);
	hs_line_reader_free(&plain);
	hs_line_reader_free(&gz);
	return result;
}

enum hs_result hs_line_reader_pair(int dir, const char *plain, const char *gz, struct hs_pair *pair)
{
	const char *const name[] = { plain, gz };
	enum hs_result result = HS_OK;
	struct stat st[2];
	int fd[2];

	*pair = (struct hs_pair){ .both = true };
	for (int i = 0; i < 2; i++) {
		fd[i] = hs_io_open_read(dir, name[i]);
		pair->both = pair->both && fd[i] >= 0;
		if (fd[i] >= 0 ? hs_io_fstat(fd[i], &st[i]) < 0 : errno != ENOENT)
			result = HS_E_IO;
	}
	if (result == HS_OK && pair->both) {
		pair->inode[0] = st[0].st_ino;
		pair->inode[1] = st[1].st_ino;
		result = compare_files(fd, st, &pair->same);
	}
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			hs_io_close(fd[i]);
	return result;
}
