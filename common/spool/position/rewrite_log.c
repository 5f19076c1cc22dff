#include "spool/position/rewrite_log.h"
#include "base/array.h"
#include "base/file_replace.h"
#include "base/log.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum { LOCK_MS = 10000, POLL_MS = 1, HEAD_MAX = 384 /* of a line, before the ranges */ };
static const char JOURNAL[] = "edits", COPY[] = "edits.new", LOCK[] = "edits.lock", REWRITER[] = "erase";

/* One edit that happened. */
struct entry {
	uint64_t segment, edit;
	uint64_t at, end; /* its line in the journal, without the newline */
};

/* What its line says, aside from the ranges. */
struct head {
	uint64_t segment, edit;
	char file[HS_SEALED_NAME];
	uint64_t inode[2], size[2]; /* before, after */
	int ranges;                 /* where in the line they begin */
};

struct hs_rewrite_log {
	const struct hs_spool_dir *dir;
	int lock_fd;
	int fd;               /* of the journal; -1: there is none */
	uint64_t inode;       /* of it */
	uint64_t settled_end; /* the journal has been read up to here, and that will not change */
	size_t settled;       /* so many entries are from there */
	size_t count, cap;    /* one more may be of an edit that is not settled */
	struct entry *list;
	struct hs_line_reader lines;
};

/* --- lines of the journal ------------------------------------------------- */

static bool parse_head(struct hs_slice line, struct head *h)
{
	char text[HEAD_MAX];

	snprintf(text, sizeof text, "%.*s", (int)(line.n < HEAD_MAX ? line.n : HEAD_MAX - 1), line.p);
	h->ranges = 0;
	return sscanf(text,
	              "{\"segment\":%" SCNu64 ",\"edit\":%" SCNu64 ",\"file\":\"%79[^\"]\",\"inode\":[%" SCNu64
	              ",%" SCNu64 "],\"size\":[%" SCNu64 ",%" SCNu64 "],\"removed\":[%n",
	              &h->segment, &h->edit, h->file, &h->inode[0], &h->inode[1], &h->size[0], &h->size[1],
	              &h->ranges) == 7 &&
	       h->ranges > 0;
}

static void print_done(char out[static HEAD_MAX], const struct entry *e)
{
	snprintf(out, HEAD_MAX, "{\"segment\":%" PRIu64 ",\"edit\":%" PRIu64 ",\"done\":true}\n", e->segment, e->edit);
}

static bool is_done(struct hs_slice line, const struct entry *e)
{
	char text[HEAD_MAX];

	print_done(text, e);
	return line.n == strlen(text) - 1 && memcmp(line.p, text, line.n) == 0;
}

static void print_edit(struct hs_buf *out, const struct head *h, const struct hs_rewrite *edit)
{
	char text[HEAD_MAX];

	snprintf(text, sizeof text,
	         "{\"segment\":%" PRIu64 ",\"edit\":%" PRIu64 ",\"file\":\"%s\",\"inode\":[%" PRIu64 ",%" PRIu64
	         "],\"size\":[%" PRIu64 ",%" PRIu64 "],\"removed\":[",
	         h->segment, h->edit, h->file, h->inode[0], h->inode[1], h->size[0], h->size[1]);
	hs_buf_put_slice(out, hs_slice_str(text));
	for (size_t i = 0; i < edit->count; i++) {
		if (i > 0)
			hs_buf_putc(out, ',');
		hs_buf_put_uint(out, edit->removed[i].offset);
		hs_buf_putc(out, ',');
		hs_buf_put_uint(out, edit->removed[i].bytes);
	}
	hs_buf_put(out, "]}\n", 3);
}

/* --- reading the journal -------------------------------------------------- */

static void forget(struct hs_rewrite_log *e)
{
	if (e->fd >= 0)
		hs_io_close(e->fd);
	e->fd = -1;
	e->settled_end = 0;
	e->settled = e->count = 0;
}

/* Holds the journal that is there now. */
static enum hs_result reopen(struct hs_rewrite_log *e, uint64_t *size)
{
	struct stat st;

	*size = 0;
	if (hs_io_stat(e->dir->private_dir, JOURNAL, &st) < 0) {
		forget(e);
		return errno == ENOENT ? HS_OK : HS_E_IO;
	}
	*size = (uint64_t)st.st_size;
	if (e->fd >= 0 && e->inode == (uint64_t)st.st_ino && *size >= e->settled_end)
		return HS_OK;
	forget(e);
	e->fd = e->dir->read_only ? hs_io_open_read(e->dir->private_dir, JOURNAL)
	                          : hs_io_open(e->dir->private_dir, JOURNAL);
	e->inode = (uint64_t)st.st_ino;
	return e->fd < 0 ? hs_io_result(errno) : HS_OK;
}

static bool put_entry(struct hs_rewrite_log *e, struct entry entry)
{
	if (!HS_ARRAY_ROOM(&e->list, e->count, &e->cap))
		return false;
	e->list[e->count++] = entry;
	return true;
}

/*
 * Did the rename of the last edit happen? The inode tells, as long as nobody gave the
 * segment a third one, which every exclusive holder settles first; the size is for a
 * spool that was copied with all its files.
 */
static bool happened(const struct hs_rewrite_log *e, const struct head *h)
{
	struct stat st;

	if (hs_io_stat(e->dir->fd, h->file, &st) < 0)
		return true; /* the segment is gone, and its edits with it */
	if ((uint64_t)st.st_ino == h->inode[0])
		return false;
	return (uint64_t)st.st_ino == h->inode[1] || (uint64_t)st.st_size != h->size[0];
}

/*
 * Reads what was appended. An edit counts from its second line on; one without may still
 * be dropped by others, so it is read again each time.
 */
static enum hs_result refresh(struct hs_rewrite_log *e)
{
	struct entry open = { 0 };
	struct head head = { 0 }, of_open = { 0 };
	uint64_t size, at;
	struct hs_slice line;
	enum hs_result r = reopen(e, &size);
	int more;

	if (r != HS_OK || e->fd < 0)
		return r;
	e->count = e->settled;
	at = e->settled_end;
	hs_line_reader_start(&e->lines, e->fd, at, size);
	for (; (more = hs_line_reader_next(&e->lines, &line)) == 1; at = e->lines.at) {
		if (open.edit > 0 && is_done(line, &open)) {
			if (!put_entry(e, open))
				return HS_E_MEMORY;
			open.edit = 0;
			e->settled = e->count;
			e->settled_end = e->lines.at;
		} else if (parse_head(line, &head)) {
			open = (struct entry){ head.segment, head.edit, at, at + line.n };
			of_open = head;
		} else {
			hs_log(HS_LOG_ERROR, "edits: the line at byte %" PRIu64 " is damaged", at);
		}
	}
	if (more < 0)
		return HS_E_IO;
	if (open.edit == 0 || !happened(e, &of_open))
		return HS_OK;
	/* what a kill may have left out: a power cut must not take the new name back */
	if (hs_io_sync_dir(e->dir->fd) < 0)
		return hs_io_result(errno);
	return put_entry(e, open) ? HS_OK : HS_E_MEMORY;
}

/* --- the lock ------------------------------------------------------------- */

enum hs_result hs_rewrite_log_open(const struct hs_spool_dir *dir, struct hs_rewrite_log **rewrites)
{
	struct hs_rewrite_log *e = calloc(1, sizeof *e);

	*rewrites = NULL;
	if (e == NULL)
		return HS_E_MEMORY;
	e->dir = dir;
	e->fd = -1;
	e->lock_fd = dir->read_only ? hs_io_open_read(dir->run_dir, LOCK)
	                            : hs_io_open_or_make(dir->run_dir, LOCK, (mode_t)dir->settings->spool_mode);
	if (e->lock_fd < 0) {
		enum hs_result r = hs_io_result(errno);

		free(e);
		return r;
	}
	*rewrites = e;
	return HS_OK;
}

void hs_rewrite_log_close(struct hs_rewrite_log *e)
{
	if (e == NULL)
		return;
	forget(e);
	hs_io_close(e->lock_fd);
	hs_line_reader_free(&e->lines);
	free(e->list);
	free(e);
}

static enum hs_result lock(struct hs_rewrite_log *e, int operation)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r;

	while (hs_io_lock(e->lock_fd, operation | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return HS_E_IO;
		if (hs_io_now_monotonic() > deadline)
			return HS_E_LOCKED;
		hs_io_pause(POLL_MS);
	}
	r = refresh(e);
	if (r != HS_OK)
		hs_rewrite_log_release(e);
	return r;
}

void hs_rewrite_log_release(struct hs_rewrite_log *e)
{
	hs_io_lock(e->lock_fd, LOCK_UN);
}

enum hs_result hs_rewrite_log_share(struct hs_rewrite_log *e)
{
	return lock(e, LOCK_SH);
}

/* Appends to the journal, for good. At an error it is as it was, at worst with a fragment. */
static enum hs_result append(struct hs_rewrite_log *e, uint64_t at, struct hs_slice line)
{
	enum hs_result r = HS_OK;

	if (hs_io_write_at(e->fd, line.p, line.n, at) < 0)
		r = hs_io_result(errno);
	else if (hs_io_sync_data(e->fd) < 0)
		r = HS_E_SYNC;
	if (r != HS_OK)
		hs_io_truncate(e->fd, at); /* if not, the next one who claims the lock drops it */
	return r;
}

/* The second line of the last entry. */
static enum hs_result finish(struct hs_rewrite_log *e)
{
	const struct entry *last = &e->list[e->count - 1];
	char text[HEAD_MAX];
	enum hs_result r;

	print_done(text, last);
	r = append(e, last->end + 1, hs_slice_str(text));
	if (r == HS_OK) {
		e->settled = e->count;
		e->settled_end = last->end + 1 + strlen(text);
	}
	return r;
}

/*
 * Before anything changes: the last edit gets its second line if it happened; if it did
 * not its line goes, and so does a fragment. From here on settled_end is the end.
 */
static enum hs_result settle(struct hs_rewrite_log *e)
{
	uint64_t end = e->settled_end;
	struct stat st;

	if (e->fd < 0)
		return HS_OK;
	if (e->count > e->settled)
		end = e->list[e->count - 1].end + 1;
	if (hs_io_fstat(e->fd, &st) < 0)
		return HS_E_IO;
	if ((uint64_t)st.st_size > end && hs_io_truncate(e->fd, end) < 0)
		return hs_io_result(errno);
	return e->count > e->settled ? finish(e) : HS_OK;
}

enum hs_result hs_rewrite_log_claim(struct hs_rewrite_log *e)
{
	enum hs_result r = lock(e, LOCK_EX);

	if (r != HS_OK)
		return r;
	r = settle(e);
	if (r != HS_OK)
		hs_rewrite_log_release(e);
	return r;
}

/* --- asking --------------------------------------------------------------- */

uint64_t hs_rewrite_log_number(const struct hs_rewrite_log *e, uint64_t segment)
{
	for (size_t i = e->count; i > 0; i--)
		if (e->list[i - 1].segment == segment)
			return e->list[i - 1].edit;
	return 0;
}

/* Where an offset of the file before is in the file after; `p` to `end`: "100,200,400,100]}". */
static uint64_t move(uint64_t offset, const char *p, const char *end)
{
	uint64_t gone = 0, number[2];

	for (int i = 0; p < end; i = !i) {
		number[i] = 0;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			number[i] = number[i] * 10 + (uint64_t)(*p - '0');
		p++; /* the comma, or the bracket */
		if (i == 0)
			continue;
		if (number[0] >= offset)
			break;
		if (offset - number[0] < number[1])
			return number[0] - gone; /* in the range: what came behind it starts here */
		gone += number[1];
		if (p < end && *p == '}')
			break;
	}
	return offset - gone;
}

static enum hs_result apply(struct hs_rewrite_log *e, const struct entry *entry, struct hs_position *position)
{
	struct hs_slice line;
	struct head head;
	uint64_t to;
	int got;

	hs_line_reader_start(&e->lines, e->fd, entry->at, entry->end);
	got = hs_line_reader_next(&e->lines, &line);
	if (got < 0)
		return errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;
	if (got == 0 || !parse_head(line, &head))
		return HS_E_IO;
	to = move(position->offset, line.p + head.ranges, line.p + line.n);
	if (position->offset > 0 && move(position->offset - 1, line.p + head.ranges, line.p + line.n) + 1 != to)
		position->before = 0;
	position->offset = to;
	position->edit = entry->edit;
	return HS_OK;
}

enum hs_result hs_rewrite_log_translate(struct hs_rewrite_log *e, struct hs_position *position)
{
	enum hs_result r = HS_OK;

	for (size_t i = 0; i < e->count && r == HS_OK; i++)
		if (e->list[i].segment == position->number && e->list[i].edit > position->edit)
			r = apply(e, &e->list[i], position);
	return r;
}

/* --- replacing ------------------------------------------------------------ */

/* Is the segment's file the one that was read? Its other form, of the same lines, goes. */
static enum hs_result check_segment(struct hs_rewrite_log *e, const struct hs_rewrite *edit, struct head *h)
{
	struct hs_sealed other = edit->sealed;
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(edit->stream, &edit->sealed, h->file);
	if (hs_io_stat(e->dir->fd, h->file, &st) < 0)
		return errno == ENOENT ? HS_E_REWRITTEN : HS_E_IO;
	if ((uint64_t)st.st_ino != edit->inode)
		return HS_E_REWRITTEN;
	h->inode[0] = (uint64_t)st.st_ino;
	h->size[0] = (uint64_t)st.st_size;
	if (hs_io_stat(e->dir->run_dir, edit->copy, &st) < 0)
		return HS_E_IO;
	h->inode[1] = (uint64_t)st.st_ino;
	h->size[1] = (uint64_t)st.st_size;
	other.gzip = !other.gzip;
	hs_sealed_print(edit->stream, &other, name);
	if (hs_io_stat(e->dir->fd, name, &st) < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (edit->sealed.gzip)
		return HS_E_REWRITTEN; /* the plain one counts */
	return hs_io_unlink(e->dir->fd, name) < 0 || hs_io_sync_dir(e->dir->fd) < 0 ? hs_io_result(errno) : HS_OK;
}

static enum hs_result make_journal(struct hs_rewrite_log *e)
{
	struct stat st;

	if (e->fd >= 0)
		return HS_OK;
	e->fd = hs_io_open_or_make(e->dir->private_dir, JOURNAL, (mode_t)e->dir->settings->spool_mode);
	if (e->fd < 0)
		return hs_io_result(errno);
	if (hs_io_fstat(e->fd, &st) < 0 || hs_io_sync_dir(e->dir->private_dir) < 0)
		return hs_io_result(errno);
	e->inode = (uint64_t)st.st_ino;
	return HS_OK;
}

/* The first line; the entry is the last of the list then, not settled. */
static enum hs_result announce(struct hs_rewrite_log *e, const struct hs_rewrite *edit, struct head *h)
{
	uint64_t at = e->settled_end;
	struct hs_buf line = { 0 };
	enum hs_result r = make_journal(e);

	h->segment = edit->sealed.number;
	h->edit = hs_rewrite_log_number(e, h->segment) + 1;
	print_edit(&line, h, edit);
	if (r == HS_OK &&
	    (!hs_buf_ok(&line) || !put_entry(e, (struct entry){ h->segment, h->edit, at, at + line.n - 1 })))
		r = HS_E_MEMORY;
	if (r == HS_OK) {
		r = append(e, at, hs_buf_slice(&line));
		e->count -= r != HS_OK;
	}
	hs_buf_free(&line);
	return r;
}

static enum hs_result put_in_place(struct hs_rewrite_log *e, const struct hs_rewrite *edit, const struct head *h,
                                   bool journaled)
{
	if (hs_io_rename(e->dir->run_dir, edit->copy, e->dir->fd, h->file) < 0) {
		enum hs_result r = hs_io_result(errno);

		if (journaled && hs_io_truncate(e->fd, e->settled_end) == 0)
			e->count = e->settled;
		return r;
	}
	if (hs_io_sync_dir(e->dir->fd) < 0)
		return hs_io_result(errno);
	if (journaled && finish(e) != HS_OK)
		hs_log(HS_LOG_WARN, "edits: the end of an edit could not be noted; it will be found out");
	return HS_OK;
}

enum hs_result hs_rewrite_log_replace(struct hs_rewrite_log *e, const struct hs_rewrite *edit)
{
	bool journaled = strcmp(edit->stream, "events") == 0;
	struct head h = { 0 };
	enum hs_result r = hs_rewrite_log_claim(e);

	if (r != HS_OK)
		return r;
	r = check_segment(e, edit, &h);
	if (r == HS_OK && journaled)
		r = announce(e, edit, &h);
	if (r == HS_OK)
		r = put_in_place(e, edit, &h, journaled);
	hs_rewrite_log_release(e);
	return r;
}

/* --- trimming ------------------------------------------------------------- */

/* The lines of the edits that are still of use. */
static enum hs_result copy_lines(struct hs_rewrite_log *e, uint64_t oldest, int to)
{
	uint64_t written = 0;
	char done[HEAD_MAX];

	for (size_t i = 0; i < e->count; i++) {
		const struct entry *entry = &e->list[i];
		struct hs_slice line;

		if (entry->segment < oldest)
			continue;
		hs_line_reader_start(&e->lines, e->fd, entry->at, entry->end + 1);
		if (hs_line_reader_next(&e->lines, &line) != 1)
			return HS_E_IO;
		print_done(done, entry);
		if (hs_io_write_at(to, line.p, line.n, written) < 0 ||
		    hs_io_write_at(to, "\n", 1, written + line.n) < 0 ||
		    hs_io_write_at(to, done, strlen(done), written + line.n + 1) < 0)
			return hs_io_result(errno);
		written += line.n + 1 + strlen(done);
	}
	return HS_OK;
}

static enum hs_result write_again(struct hs_rewrite_log *e, uint64_t oldest)
{
	int dir = e->dir->private_dir;
	struct hs_file_replace f = { dir, JOURNAL, dir, COPY, (mode_t)e->dir->settings->spool_mode, false, -1 };
	enum hs_result r = hs_file_replace_begin(&f);

	if (r == HS_OK)
		r = copy_lines(e, oldest, f.fd);
	r = hs_file_replace_end(&f, r);
	forget(e);
	return r;
}

/* Under the lock no segment is edited that is not there; if none is there, none of the journal is of use. */
static enum hs_result oldest_there(const struct hs_rewrite_log *e, uint64_t *oldest)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(e->dir->fd, "events", &list, &count);

	*oldest = r != HS_OK ? 0 : count > 0 ? list[0].number : UINT64_MAX;
	free(list);
	return r;
}

enum hs_result hs_rewrite_log_trim(struct hs_rewrite_log *e, uint64_t most)
{
	enum hs_result r = hs_rewrite_log_claim(e);
	bool useless = false;
	uint64_t oldest = 0;

	if (r != HS_OK)
		return r;
	if (e->settled_end > most)
		r = oldest_there(e, &oldest);
	for (size_t i = 0; i < e->count && !useless; i++)
		useless = e->list[i].segment < oldest;
	if (useless)
		r = write_again(e, oldest);
	hs_rewrite_log_release(e);
	return r;
}

/* --- one rewriter at a time --------------------------------------------------- */

enum hs_result hs_rewriter_lock(int run_dir, int *lock)
{
	enum hs_result r = HS_OK;

	*lock = hs_io_open_or_make(run_dir, REWRITER, 0600);
	if (*lock < 0)
		return hs_io_result(errno);
	if (hs_io_lock(*lock, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? HS_E_LOCKED : HS_E_IO;
		hs_io_close(*lock);
		*lock = -1;
	}
	return r;
}
