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

enum { LOCK_MS = 10000, HEAD_MAX = 384 /* of a line, before the ranges */ };
static const char JOURNAL[] = "edits", COPY[] = "edits.new", LOCK[] = "edits.lock", REWRITER[] = "erase";

/* An edit that happened. */
struct entry {
	uint64_t segment, edit;
	uint64_t at, end; /* its line in the journal, without the newline */
};

/* An edit's line, without the ranges. */
struct head {
	uint64_t segment, edit;
	char file[HS_SEALED_NAME];
	uint64_t inode[2], size[2]; /* of the old file, of the new one */
	int ranges;                 /* offset of the ranges in the line */
};

struct hs_rewrite_log {
	const struct hs_spool_dir *dir;
	int lock_fd;
	int fd;               /* of the journal; -1: there is none */
	uint64_t inode;       /* the journal's */
	uint64_t settled_end; /* the journal was read up to here, and does not change before it */
	size_t settled;       /* entries before settled_end */
	size_t count, cap;    /* count is settled, or one more for an edit that is not settled */
	struct entry *list;
	struct hs_line_reader lines;
};

/* --- lines of the journal ------------------------------------------------- */

static bool parse_head(struct hs_slice line, struct head *head)
{
	char text[HEAD_MAX];

	snprintf(text, sizeof text, "%.*s", (int)(line.n < HEAD_MAX ? line.n : HEAD_MAX - 1), line.p);
	head->ranges = 0;
	return sscanf(text,
	              "{\"segment\":%" SCNu64 ",\"edit\":%" SCNu64 ",\"file\":\"%79[^\"]\",\"inode\":[%" SCNu64
	              ",%" SCNu64 "],\"size\":[%" SCNu64 ",%" SCNu64 "],\"removed\":[%n",
	              &head->segment, &head->edit, head->file, &head->inode[0], &head->inode[1], &head->size[0],
	              &head->size[1], &head->ranges) == 7 &&
	       head->ranges > 0;
}

static void print_done(char out[static HEAD_MAX], const struct entry *rewrites)
{
	snprintf(out, HEAD_MAX, "{\"segment\":%" PRIu64 ",\"edit\":%" PRIu64 ",\"done\":true}\n", rewrites->segment,
	         rewrites->edit);
}

static bool is_done(struct hs_slice line, const struct entry *rewrites)
{
	char text[HEAD_MAX];

	print_done(text, rewrites);
	return line.n == strlen(text) - 1 && memcmp(line.p, text, line.n) == 0;
}

static void print_edit(struct hs_buf *out, const struct head *head, const struct hs_rewrite *edit)
{
	char text[HEAD_MAX];

	snprintf(text, sizeof text,
	         "{\"segment\":%" PRIu64 ",\"edit\":%" PRIu64 ",\"file\":\"%s\",\"inode\":[%" PRIu64 ",%" PRIu64
	         "],\"size\":[%" PRIu64 ",%" PRIu64 "],\"removed\":[",
	         head->segment, head->edit, head->file, head->inode[0], head->inode[1], head->size[0], head->size[1]);
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

static void forget(struct hs_rewrite_log *rewrites)
{
	if (rewrites->fd >= 0)
		hs_io_close(rewrites->fd);
	rewrites->fd = -1;
	rewrites->settled_end = 0;
	rewrites->settled = rewrites->count = 0;
}

/* Opens the journal that is there now, unless that is open; *size is its size, 0 if there is none. */
static enum hs_result reopen(struct hs_rewrite_log *rewrites, uint64_t *size)
{
	struct stat st;

	*size = 0;
	if (hs_io_stat(rewrites->dir->private_dir, JOURNAL, &st) < 0) {
		forget(rewrites);
		return errno == ENOENT ? HS_OK : HS_E_IO;
	}
	*size = (uint64_t)st.st_size;
	if (rewrites->fd >= 0 && rewrites->inode == (uint64_t)st.st_ino && *size >= rewrites->settled_end)
		return HS_OK;
	forget(rewrites);
	rewrites->fd = rewrites->dir->read_only ? hs_io_open_read(rewrites->dir->private_dir, JOURNAL)
	                                        : hs_io_open(rewrites->dir->private_dir, JOURNAL);
	rewrites->inode = (uint64_t)st.st_ino;
	return rewrites->fd < 0 ? hs_io_result(errno) : HS_OK;
}

static bool put_entry(struct hs_rewrite_log *rewrites, struct entry entry)
{
	if (!HS_ARRAY_ROOM(&rewrites->list, rewrites->count, &rewrites->cap))
		return false;
	rewrites->list[rewrites->count++] = entry;
	return true;
}

/*
 * Whether the rename of the last edit happened. The inode tells: the segment cannot have got a third
 * one, since every exclusive holder of the lock settles the edit first. The size is for a spool that
 * was copied with all its files.
 */
static enum hs_result look_whether_happened(const struct hs_rewrite_log *rewrites, const struct head *head, bool *so)
{
	struct stat st;

	*so = true; /* if the segment is gone its edits do not matter */
	if (hs_io_stat(rewrites->dir->fd, head->file, &st) < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if ((uint64_t)st.st_ino == head->inode[0])
		*so = false;
	else
		*so = (uint64_t)st.st_ino == head->inode[1] || (uint64_t)st.st_size != head->size[0];
	return HS_OK;
}

static enum hs_result damaged(uint64_t at)
{
	hs_log(HS_LOG_ERROR, "edits: the line at byte %" PRIu64 " is damaged", at);
	errno = EIO;
	return HS_E_IO;
}

/*
 * Reads what was appended to the journal. An edit is settled once its second line is there; without it
 * another process may still drop it, so it is read again each time.
 */
static enum hs_result refresh(struct hs_rewrite_log *rewrites)
{
	struct entry open = { 0 };
	struct head head = { 0 }, of_open = { 0 };
	uint64_t size, at;
	struct hs_slice line;
	enum hs_result result = reopen(rewrites, &size);
	bool happened = false;
	int more;

	if (result != HS_OK || rewrites->fd < 0)
		return result;
	rewrites->count = rewrites->settled;
	at = rewrites->settled_end;
	hs_line_reader_start(&rewrites->lines, rewrites->fd, at, size);
	for (; (more = hs_line_reader_next(&rewrites->lines, &line)) == 1; at = rewrites->lines.at) {
		if (open.edit > 0 && is_done(line, &open)) {
			if (!put_entry(rewrites, open))
				return HS_E_MEMORY;
			open.edit = 0;
			rewrites->settled = rewrites->count;
			rewrites->settled_end = rewrites->lines.at;
		} else if (parse_head(line, &head)) {
			open = (struct entry){ head.segment, head.edit, at, at + line.n };
			of_open = head;
		} else {
			damaged(at);
		}
	}
	if (more < 0)
		return hs_io_result(errno);
	if (open.edit > 0)
		result = look_whether_happened(rewrites, &of_open, &happened);
	if (result != HS_OK || !happened)
		return result;
	/* the killed process may not have synced the rename, and a power cut must not undo it */
	if (hs_io_sync_dir(rewrites->dir->fd) < 0)
		return hs_io_result(errno);
	return put_entry(rewrites, open) ? HS_OK : HS_E_MEMORY;
}

/* --- the lock ------------------------------------------------------------- */

enum hs_result hs_rewrite_log_open(const struct hs_spool_dir *dir, struct hs_rewrite_log **rewrites)
{
	struct hs_rewrite_log *made = calloc(1, sizeof *made);

	*rewrites = NULL;
	if (made == NULL)
		return HS_E_MEMORY;
	made->dir = dir;
	made->fd = -1;
	made->lock_fd = dir->read_only ? hs_io_open_read(dir->run_dir, LOCK)
	                               : hs_io_open_or_make(dir->run_dir, LOCK, (mode_t)dir->settings->spool_mode);
	if (made->lock_fd < 0) {
		/* a reader that may not write cannot make the lock */
		enum hs_result result = dir->read_only && errno == ENOENT ? HS_E_SPOOL_ASLEEP : hs_io_result(errno);

		free(made);
		return result;
	}
	*rewrites = made;
	return HS_OK;
}

void hs_rewrite_log_close(struct hs_rewrite_log *rewrites)
{
	if (rewrites == NULL)
		return;
	forget(rewrites);
	hs_io_close(rewrites->lock_fd);
	hs_line_reader_free(&rewrites->lines);
	free(rewrites->list);
	free(rewrites);
}

static enum hs_result lock(struct hs_rewrite_log *rewrites, int operation)
{
	enum hs_result result;

	if (hs_io_lock_within(rewrites->lock_fd, operation, LOCK_MS) < 0)
		return errno == EWOULDBLOCK ? HS_E_LOCKED : HS_E_IO;
	result = refresh(rewrites);
	if (result != HS_OK)
		hs_rewrite_log_release(rewrites);
	return result;
}

void hs_rewrite_log_release(struct hs_rewrite_log *rewrites)
{
	hs_io_lock(rewrites->lock_fd, LOCK_UN);
}

enum hs_result hs_rewrite_log_share(struct hs_rewrite_log *rewrites)
{
	return lock(rewrites, LOCK_SH);
}

/* Appends to the journal, durably. At an error it is as it was, at worst with a fragment at its end. */
static enum hs_result append(struct hs_rewrite_log *rewrites, uint64_t at, struct hs_slice line)
{
	enum hs_result result = HS_OK;

	if (hs_io_write_at(rewrites->fd, line.p, line.n, at) < 0)
		result = hs_io_result(errno);
	else if (hs_io_sync_data(rewrites->fd) < 0)
		result = HS_E_SYNC;
	if (result != HS_OK)
		hs_io_truncate(rewrites->fd, at); /* if that fails the next exclusive holder does it */
	return result;
}

/* Appends the second line of the last entry. */
static enum hs_result finish(struct hs_rewrite_log *rewrites)
{
	const struct entry *last = &rewrites->list[rewrites->count - 1];
	char text[HEAD_MAX];
	enum hs_result result;

	print_done(text, last);
	result = append(rewrites, last->end + 1, hs_slice_str(text));
	if (result == HS_OK) {
		rewrites->settled = rewrites->count;
		rewrites->settled_end = last->end + 1 + strlen(text);
	}
	return result;
}

/*
 * Settles the journal before a change: gives the last edit its second line if it happened, otherwise
 * removes its line, and removes a fragment. Then settled_end is the journal's end.
 */
static enum hs_result settle(struct hs_rewrite_log *rewrites)
{
	uint64_t end = rewrites->settled_end;
	struct stat st;

	if (rewrites->fd < 0)
		return HS_OK;
	if (rewrites->count > rewrites->settled)
		end = rewrites->list[rewrites->count - 1].end + 1;
	if (hs_io_fstat(rewrites->fd, &st) < 0)
		return HS_E_IO;
	if ((uint64_t)st.st_size > end && hs_io_truncate(rewrites->fd, end) < 0)
		return hs_io_result(errno);
	return rewrites->count > rewrites->settled ? finish(rewrites) : HS_OK;
}

enum hs_result hs_rewrite_log_claim(struct hs_rewrite_log *rewrites)
{
	enum hs_result result = lock(rewrites, LOCK_EX);

	if (result != HS_OK)
		return result;
	result = settle(rewrites);
	if (result != HS_OK)
		hs_rewrite_log_release(rewrites);
	return result;
}

/* --- asking --------------------------------------------------------------- */

uint64_t hs_rewrite_log_number(const struct hs_rewrite_log *rewrites, uint64_t segment)
{
	for (size_t i = rewrites->count; i > 0; i--)
		if (rewrites->list[i - 1].segment == segment)
			return rewrites->list[i - 1].edit;
	return 0;
}

/* Reads the number at *p, and passes over the comma or bracket after it. False: it is none, or too large. */
static bool read_number(const char **p, const char *end, uint64_t *number)
{
	const char *at = *p;

	for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
			return false;
	if (at == *p || at == end || (*at != ',' && *at != ']'))
		return false;
	*p = at + 1;
	return true;
}

/*
 * Translates an offset of the old file to the new one; `p` to `end`: "100,200,400,100]}". False: the
 * ranges do not ascend, so the line is damaged.
 */
static bool move(uint64_t offset, const char *p, const char *end, uint64_t *to)
{
	uint64_t gone = 0, last = 0;

	*to = offset;
	while (end - p > 1 && *p != ']') {
		struct hs_range range;

		if (!read_number(&p, end, &range.offset) || !read_number(&p, end, &range.bytes) ||
		    range.offset < last || __builtin_add_overflow(range.offset, range.bytes, &last))
			return false;
		if (range.offset >= offset)
			break;
		if (offset - range.offset < range.bytes) {
			*to = range.offset - gone; /* in the range: the text after it starts here */
			return true;
		}
		gone += range.bytes;
	}
	*to = offset - gone;
	return true;
}

static enum hs_result apply(struct hs_rewrite_log *rewrites, const struct entry *entry, struct hs_position *position)
{
	struct hs_slice line;
	struct head head;
	uint64_t to, before;
	int got;

	hs_line_reader_start(&rewrites->lines, rewrites->fd, entry->at, entry->end);
	got = hs_line_reader_next(&rewrites->lines, &line);
	if (got < 0)
		return hs_io_result(errno);
	if (got == 0 || !parse_head(line, &head))
		return damaged(entry->at);
	if ((position->offset > 0 && !move(position->offset - 1, line.p + head.ranges, line.p + line.n, &before)) ||
	    !move(position->offset, line.p + head.ranges, line.p + line.n, &to))
		return damaged(entry->at);
	if (position->offset > 0 && before + 1 != to)
		position->before = 0;
	position->offset = to;
	position->edit = entry->edit;
	return HS_OK;
}

enum hs_result hs_rewrite_log_translate(struct hs_rewrite_log *rewrites, struct hs_position *position)
{
	enum hs_result result = HS_OK;

	for (size_t i = 0; i < rewrites->count && result == HS_OK; i++)
		if (rewrites->list[i].segment == position->number && rewrites->list[i].edit > position->edit)
			result = apply(rewrites, &rewrites->list[i], position);
	return result;
}

/* --- replacing ------------------------------------------------------------ */

/* Checks that the segment's file is the one that was read, and removes its compressed form beside it. */
static enum hs_result check_segment(struct hs_rewrite_log *rewrites, const struct hs_rewrite *edit, struct head *head)
{
	struct hs_sealed other = edit->sealed;
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(edit->stream, &edit->sealed, head->file);
	if (hs_io_stat(rewrites->dir->fd, head->file, &st) < 0)
		return errno == ENOENT ? HS_E_REWRITTEN : HS_E_IO;
	if (!hs_sealed_is_unchanged(&edit->read, &st))
		return HS_E_REWRITTEN;
	head->inode[0] = (uint64_t)st.st_ino;
	head->size[0] = (uint64_t)st.st_size;
	if (hs_io_stat(rewrites->dir->run_dir, edit->copy, &st) < 0)
		return HS_E_IO;
	head->inode[1] = (uint64_t)st.st_ino;
	head->size[1] = (uint64_t)st.st_size;
	other.gzip = !other.gzip;
	hs_sealed_print(edit->stream, &other, name);
	if (hs_io_stat(rewrites->dir->fd, name, &st) < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (edit->sealed.gzip)
		return HS_E_REWRITTEN; /* the plain one counts */
	return hs_io_unlink(rewrites->dir->fd, name) < 0 || hs_io_sync_dir(rewrites->dir->fd) < 0 ? hs_io_result(errno)
	                                                                                          : HS_OK;
}

static enum hs_result make_journal(struct hs_rewrite_log *rewrites)
{
	struct stat st;

	if (rewrites->fd >= 0)
		return HS_OK;
	rewrites->fd =
	    hs_io_open_or_make(rewrites->dir->private_dir, JOURNAL, (mode_t)rewrites->dir->settings->spool_mode);
	if (rewrites->fd < 0)
		return hs_io_result(errno);
	if (hs_io_fstat(rewrites->fd, &st) < 0 || hs_io_sync_dir(rewrites->dir->private_dir) < 0)
		return hs_io_result(errno);
	rewrites->inode = (uint64_t)st.st_ino;
	return HS_OK;
}

/* Appends the first line of an edit, whose entry is then the last of the list, not settled. */
static enum hs_result announce(struct hs_rewrite_log *rewrites, const struct hs_rewrite *edit, struct head *head)
{
	uint64_t at = rewrites->settled_end;
	struct hs_buf line = { 0 };
	enum hs_result result = make_journal(rewrites);

	head->segment = edit->sealed.number;
	head->edit = hs_rewrite_log_number(rewrites, head->segment) + 1;
	print_edit(&line, head, edit);
	if (result == HS_OK && (!hs_buf_ok(&line) ||
	                        !put_entry(rewrites, (struct entry){ head->segment, head->edit, at, at + line.n - 1 })))
		result = HS_E_MEMORY;
	if (result == HS_OK) {
		result = append(rewrites, at, hs_buf_slice(&line));
		rewrites->count -= result != HS_OK;
	}
	hs_buf_free(&line);
	return result;
}

static enum hs_result put_in_place(struct hs_rewrite_log *rewrites, const struct hs_rewrite *edit,
                                   const struct head *head, bool journaled)
{
	enum hs_result result = HS_OK;
	struct stat now;

	/* a copy into the spool may have gone on while the journal was synced */
	if (hs_io_stat(rewrites->dir->fd, head->file, &now) == 0 && !hs_sealed_is_unchanged(&edit->read, &now))
		result = HS_E_REWRITTEN;
	else if (hs_io_rename(rewrites->dir->run_dir, edit->copy, rewrites->dir->fd, head->file) < 0)
		result = hs_io_result(errno);
	if (result != HS_OK) {
		if (journaled && hs_io_truncate(rewrites->fd, rewrites->settled_end) == 0)
			rewrites->count = rewrites->settled;
		return result;
	}
	if (hs_io_sync_dir(rewrites->dir->fd) < 0)
		return hs_io_result(errno);
	if (journaled && finish(rewrites) != HS_OK)
		hs_log(HS_LOG_WARN, "edits: the end of an edit could not be noted; the next command finds it out");
	return HS_OK;
}

enum hs_result hs_rewrite_log_replace(struct hs_rewrite_log *rewrites, const struct hs_rewrite *edit)
{
	bool journaled = strcmp(edit->stream, "events") == 0;
	struct head head = { 0 };
	enum hs_result result = hs_rewrite_log_claim(rewrites);

	if (result != HS_OK)
		return result;
	result = check_segment(rewrites, edit, &head);
	if (result == HS_OK && journaled)
		result = announce(rewrites, edit, &head);
	if (result == HS_OK)
		result = put_in_place(rewrites, edit, &head, journaled);
	hs_rewrite_log_release(rewrites);
	return result;
}

/* --- trimming ------------------------------------------------------------- */

/* Copies the entries of segments from `oldest` on. */
static enum hs_result copy_lines(struct hs_rewrite_log *rewrites, uint64_t oldest, int to)
{
	uint64_t written = 0;
	char done[HEAD_MAX];

	for (size_t i = 0; i < rewrites->count; i++) {
		const struct entry *entry = &rewrites->list[i];
		struct hs_slice line;

		if (entry->segment < oldest)
			continue;
		hs_line_reader_start(&rewrites->lines, rewrites->fd, entry->at, entry->end + 1);
		if (hs_line_reader_next(&rewrites->lines, &line) != 1)
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

static enum hs_result write_again(struct hs_rewrite_log *rewrites, uint64_t oldest)
{
	int dir = rewrites->dir->private_dir;
	struct hs_file_replace f = { dir, JOURNAL, dir, COPY, (mode_t)rewrites->dir->settings->spool_mode, false, -1 };
	enum hs_result result = hs_file_replace_begin(&f);

	if (result == HS_OK)
		result = copy_lines(rewrites, oldest, f.fd);
	result = hs_file_replace_end(&f, result);
	forget(rewrites);
	return result;
}

/* Finds the oldest segment's number; UINT64_MAX if there are none, so that no entry is needed. */
static enum hs_result oldest_there(const struct hs_rewrite_log *rewrites, uint64_t *oldest)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result result = hs_sealed_list(rewrites->dir->fd, "events", &list, &count);

	*oldest = result != HS_OK ? 0 : count > 0 ? list[0].number : UINT64_MAX;
	free(list);
	return result;
}

enum hs_result hs_rewrite_log_trim(struct hs_rewrite_log *rewrites, uint64_t most)
{
	enum hs_result result = hs_rewrite_log_claim(rewrites);
	bool useless = false;
	uint64_t oldest = 0;

	if (result != HS_OK)
		return result;
	if (rewrites->settled_end > most)
		result = oldest_there(rewrites, &oldest);
	for (size_t i = 0; i < rewrites->count && !useless; i++)
		useless = rewrites->list[i].segment < oldest;
	if (useless)
		result = write_again(rewrites, oldest);
	hs_rewrite_log_release(rewrites);
	return result;
}

/* --- one rewriter at a time --------------------------------------------------- */

enum hs_result hs_rewriter_lock(int run_dir, int *lock)
{
	enum hs_result result = HS_OK;

	*lock = hs_io_open_or_make(run_dir, REWRITER, 0600);
	if (*lock < 0)
		return hs_io_result(errno);
	if (hs_io_lock(*lock, LOCK_EX | LOCK_NB) < 0) {
		result = errno == EWOULDBLOCK ? HS_E_LOCKED : HS_E_IO;
		hs_io_close(*lock);
		*lock = -1;
	}
	return result;
}
