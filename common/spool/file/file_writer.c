#include "spool/file/file_writer.h"
#include "base/io.h"
#include "spool/file/gzip_queue.h"

#include <errno.h>
#include <string.h>

enum {
	AT_ONCE = 1 << 18, /* bytes of a write */
	STEP = 1 << 20,    /* bytes handed to the disk at a time, so that a sync of intake waits for no more */
};

enum hs_result hs_file_writer_start(struct hs_file_writer *w, int fd, enum hs_file_writer_form form)
{
	static const enum hs_gzip_queue_form forms[] = {
		[HS_FILE_WRITER_GZIP] = HS_GZIP_QUEUE_HERE,
		[HS_FILE_WRITER_GZIP_BACKGROUND] = HS_GZIP_QUEUE_BACKGROUND,
		[HS_FILE_WRITER_GZIP_SHARED] = HS_GZIP_QUEUE_SHARED,
	};

	memset(w, 0, sizeof *w);
	w->fd = fd;
	if (form == HS_FILE_WRITER_PLAIN)
		return HS_OK;
	w->gzip = hs_gzip_queue_new(forms[form]);
	return w->gzip != NULL ? HS_OK : HS_E_MEMORY;
}

void hs_file_writer_free(struct hs_file_writer *w)
{
	hs_gzip_queue_free(w->gzip);
	hs_buf_free(&w->waiting);
	memset(w, 0, sizeof *w);
}

static enum hs_result write_out(struct hs_file_writer *w, struct hs_slice bytes)
{
	if (bytes.n > 0 && hs_io_write_at(w->fd, bytes.p, bytes.n, w->bytes) < 0)
		return hs_io_result(errno);
	w->bytes += bytes.n;
	for (; w->bytes - w->handed >= STEP; w->handed += STEP)
		if (hs_io_write_out(w->fd, w->handed, STEP) < 0)
			return HS_E_SYNC;
	return HS_OK;
}

/* How many bytes go into the next member: whole lines, if one fits. */
static size_t member_of(struct hs_slice bytes)
{
	size_t n = bytes.n < HS_GZIP_MEMBER ? bytes.n : HS_GZIP_MEMBER;
	const char *newline = n < bytes.n ? memrchr(bytes.p, '\n', n) : NULL;

	return newline != NULL ? (size_t)(newline - bytes.p) + 1 : n;
}

/* Takes one member from the queue and writes it. */
static enum hs_result write_next(struct hs_file_writer *w)
{
	size_t plain;
	struct hs_slice member = hs_gzip_queue_next(w->gzip, &plain);

	w->text_crc = hs_gzip_crc_with(w->text_crc, member, plain);
	return write_out(w, member);
}

static enum hs_result make_room(struct hs_file_writer *w)
{
	enum hs_result result = HS_OK;

	while (result == HS_OK && hs_gzip_queue_is_full(w->gzip))
		result = write_next(w);
	return result;
}

/* Compresses until fewer than `most` bytes are waiting, or none; these move to the front. */
static enum hs_result compress(struct hs_file_writer *w, size_t most)
{
	struct hs_slice left = hs_buf_slice(&w->waiting);
	enum hs_result result = HS_OK;

	while (result == HS_OK && left.n > 0 && left.n >= most) {
		size_t n = member_of(left);

		hs_gzip_queue_put(w->gzip, hs_slice(left.p, n));
		result = make_room(w);
		left = hs_slice(left.p + n, left.n - n);
	}
	if (left.n > 0)
		memmove(w->waiting.p, left.p, left.n);
	w->waiting.n = left.n;
	return result;
}

enum hs_result hs_file_writer_cut(struct hs_file_writer *w)
{
	return hs_buf_ok(&w->waiting) ? compress(w, 0) : HS_E_MEMORY;
}

enum hs_result hs_file_writer_member(struct hs_file_writer *w, struct hs_slice member)
{
	uint32_t bytes, plain;

	if (!hs_gzip_head(member, &bytes, &plain) || bytes != member.n || plain != w->waiting.n ||
	    bytes > HS_GZIP_MEMBER)
		return hs_file_writer_cut(w);
	hs_gzip_queue_put_member(w->gzip, member, plain);
	hs_buf_reset(&w->waiting);
	return make_room(w);
}

/* Compresses all that waits, and writes all members. */
static enum hs_result write_members(struct hs_file_writer *w)
{
	enum hs_result result = compress(w, 0);

	while (result == HS_OK && !hs_gzip_queue_is_empty(w->gzip))
		result = write_next(w);
	if (result != HS_OK || w->bytes > 0)
		return result;
	hs_gzip_queue_put(w->gzip, HS_SLICE_NONE); /* an empty file is not a gzip file */
	return write_next(w);
}

static enum hs_result write_plain(struct hs_file_writer *w)
{
	enum hs_result result = write_out(w, hs_buf_slice(&w->waiting));

	hs_buf_shrink(&w->waiting, 2 * AT_ONCE);
	return result;
}

enum hs_result hs_file_writer_put(struct hs_file_writer *w, struct hs_slice bytes)
{
	hs_buf_put_slice(&w->waiting, bytes);
	if (!hs_buf_ok(&w->waiting))
		return HS_E_MEMORY;
	if (w->gzip != NULL)
		return w->waiting.n <= HS_GZIP_MEMBER ? HS_OK : compress(w, HS_GZIP_MEMBER);
	return w->waiting.n < AT_ONCE ? HS_OK : write_plain(w);
}

enum hs_result hs_file_writer_end(struct hs_file_writer *w)
{
	enum hs_result result;

	if (!hs_buf_ok(&w->waiting))
		return HS_E_MEMORY;
	result = w->gzip != NULL ? write_members(w) : write_plain(w);
	return result == HS_OK && hs_io_sync_data(w->fd) < 0 ? HS_E_SYNC : result;
}
