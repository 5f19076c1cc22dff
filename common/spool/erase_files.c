/* Lists and reads the files that an erase goes through. */
#include "spool/erase.h"
#include "spool/erase_private.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	GO_ON_LINES = 8192,
};

/* --- the list of files ----------------------- */

static enum hs_result add_file(struct erase *x, const struct file *f)
{
	if (!HS_ARRAY_ROOM(&x->files.list, x->files.count, &x->files.cap))
		return HS_E_MEMORY;
	x->files.list[x->files.count++] = *f;
	return HS_OK;
}

const char *hs_erase_stream_of(enum sort sort)
{
	return sort == REJECTED ? "rejected" : "events";
}

/* Lists the sealed segments of a stream; *newest is the number of the last one, 0 without any. */
static enum hs_result add_sealed(struct erase *x, enum sort sort, uint64_t *newest)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(x->dir->fd, hs_erase_stream_of(sort), &list, &count);

	*newest = count > 0 ? list[count - 1].number : 0;
	for (size_t i = 0; i < count && r == HS_OK; i++) {
		struct file f = { .sort = sort, .held = -1, .sealed = list[i] };

		if (i > 0 && hs_sealed_same(&list[i], &list[i - 1]))
			continue; /* the .gz beside a plain segment, which counts */
		hs_sealed_print(hs_erase_stream_of(sort), &list[i], f.name);
		r = add_file(x, &f);
	}
	free(list);
	return r;
}

/* The open segment's number as the spool knows it, since all that was sealed may be deleted by now. */
static uint64_t number_of_open(const struct erase *x, enum sort sort, uint64_t newest)
{
	const struct hs_stream *stream = &x->dir->state->state->stream[sort == EVENTS ? HS_EVENTS : HS_REJECTED];

	return stream->number > newest ? stream->number : newest + 1;
}

/*
 * Adds the open segment of a stream, whose sealed ones were listed from files.list[from] on. It is opened before they
 * are listed once more: if one is new by then, that may be this file, and both are done again.
 */
static enum hs_result add_open(struct erase *x, enum sort sort, size_t from, uint64_t newest)
{
	struct file open = { .sort = sort, .open = true, .held = -1 };
	uint64_t before;
	enum hs_result r;

	snprintf(open.name, sizeof open.name, "%s.jsonl", hs_erase_stream_of(sort));
	do {
		if (open.held >= 0)
			hs_io_close(open.held);
		open.held = hs_io_open_plain(x->dir->fd, open.name);
		x->files.count = from;
		before = newest;
		r = add_sealed(x, sort, &newest);
	} while (r == HS_OK && newest != before);
	open.sealed.number = number_of_open(x, sort, newest);
	if (r == HS_OK)
		r = add_file(x, &open);
	if (r != HS_OK && open.held >= 0)
		hs_io_close(open.held);
	return r;
}

static enum hs_result add_stream(struct erase *x, enum sort sort)
{
	size_t from = x->files.count;
	uint64_t newest;
	enum hs_result r = add_sealed(x, sort, &newest);

	if (sort == EVENTS)
		x->files.next = newest + 1;
	return r == HS_OK && x->how->look_only ? add_open(x, sort, from, newest) : r;
}

void hs_erase_close_files(struct erase *x)
{
	for (size_t i = 0; i < x->files.count; i++)
		if (x->files.list[i].held >= 0)
			hs_io_close(x->files.list[i].held);
	free(x->files.list);
}

struct listing {
	struct erase *x;
	enum sort sort;
	enum hs_result result;
};

static bool add_named(void *context, const char *name)
{
	struct listing *l = context;
	struct file f = { .sort = l->sort, .held = -1 };
	size_t n = strlen(name);
	bool ours = l->sort == FAILED ? hs_dead_letters_is_name(name)
	                              : strncmp(name, "broken-", 7) == 0 || strcmp(name, "torn") == 0;

	if (!ours)
		return true;
	snprintf(f.name, sizeof f.name, "%s", name);
	f.sealed.gzip = strcmp(name + n - 3, ".gz") == 0; /* each has four bytes or more */
	l->result = add_file(l->x, &f);
	return l->result == HS_OK;
}

int hs_erase_dir_of(const struct erase *x, const struct file *f)
{
	return f->sort == PRIVATE ? x->dir->private_dir : x->dir->fd;
}

static enum hs_result add_names(struct erase *x, int dir, enum sort sort)
{
	struct listing l = { x, sort, HS_OK };

	return hs_io_list(dir, add_named, &l) < 0 ? HS_E_IO : l.result;
}

enum hs_result hs_erase_list_letters(struct erase *x)
{
	x->files.count = x->files.letters;
	return add_names(x, x->dir->fd, FAILED);
}

enum hs_result hs_erase_list_files(struct erase *x)
{
	enum hs_result r = add_stream(x, REJECTED);
	struct stat st;

	if (r == HS_OK)
		r = add_names(x, x->dir->private_dir, PRIVATE);
	if (r == HS_OK)
		r = add_stream(x, EVENTS);
	x->files.letters = x->files.count;
	if (r == HS_OK)
		r = hs_erase_list_letters(x);
	for (size_t i = 0; i < x->files.count; i++)
		if (hs_io_stat(hs_erase_dir_of(x, &x->files.list[i]), x->files.list[i].name, &st) == 0)
			x->progress.all += (uint64_t)st.st_size;
	return r;
}

/* --- reading a file ----------------------------------------------------------- */

static int open_to_read(const struct erase *x, struct file *f)
{
	int fd;

	if (f->held >= 0)
		return f->held;
	if (f->sort > REJECTED || f->open)
		return hs_io_open_plain(hs_erase_dir_of(x, f), f->name);
	fd = hs_sealed_open(x->dir->fd, hs_erase_stream_of(f->sort), &f->sealed);
	hs_sealed_print(hs_erase_stream_of(f->sort), &f->sealed, f->name);
	return fd;
}

enum hs_result hs_erase_open_file(struct erase *x, struct file *f)
{
	x->current.file = f;
	x->current.fd = open_to_read(x, f);
	if (x->current.fd < 0 && errno == HS_IO_NOT_PLAIN) {
		hs_log(HS_LOG_WARN, "%s is no plain file and is passed over: move it out of the spool", f->name);
		return HS_OK;
	}
	if (x->current.fd < 0)
		return errno == ENOENT ? HS_OK : hs_modes_result(f->name, errno);
	if (hs_io_fstat(x->current.fd, &x->current.st) < 0)
		return HS_E_IO;
	return hs_line_reader_start_file(&x->current.lines, x->current.fd, f->sealed.gzip, 0, UINT64_MAX);
}

void hs_erase_close_file(struct erase *x)
{
	if (x->current.fd >= 0 && x->current.fd != x->current.file->held)
		hs_io_close(x->current.fd);
	x->current.fd = -1;
}

enum hs_result hs_erase_each_line(struct erase *x, visit_line *visit, bool *damaged)
{
	uint64_t before = x->progress.done, count = 0;
	enum hs_result r = HS_OK;
	int more = 0;

	while (r == HS_OK && !x->done->stopped) {
		struct hs_mark at = { x->current.file->sealed.number, x->current.lines.at };
		struct hs_slice line;

		more = hs_line_reader_next(&x->current.lines, &line);
		if (more <= 0 || (more == 2 && x->current.file->open)) /* still being written */
			break;
		r = visit(x, line, at, more == 1);
		if (++count % GO_ON_LINES == 0) {
			x->progress.done = before + hs_line_reader_read(&x->current.lines);
			hs_erase_must_stop(x);
		}
	}
	x->progress.done = before;
	*damaged = r == HS_OK && more < 0 && errno == EILSEQ;
	return r == HS_OK && more < 0 && errno != EILSEQ ? hs_io_result(errno) : r;
}

/* Opens the summary of the current segment. False: there is none, or it does not vouch for every line. */
static bool open_summary(struct erase *x)
{
	const struct file *f = x->current.file;

	return f->sort == EVENTS && !f->open &&
	       hs_summary_open(&x->current.summary, x->dir, false, f->sealed.number, &x->current.st) &&
	       x->current.summary.head.odd == 0;
}

bool hs_erase_may_name(struct erase *x, const struct hs_subjects *people)
{
	return !open_summary(x) || hs_summary_may_name(&x->current.summary, people);
}

bool hs_erase_may_be_later(struct erase *x, const struct hs_subjects *people, int64_t than_ms)
{
	const struct hs_summary_reader *summary = &x->current.summary;

	return !open_summary(x) ||
	       (summary->head.last_spooled > than_ms && hs_summary_may_name(&x->current.summary, people));
}

bool hs_erase_may_delete(struct erase *x)
{
	return !open_summary(x) || hs_summary_may_have(&x->current.summary, HS_SUMMARY_TYPES, HS_SLICE("delete"));
}

enum hs_result hs_erase_each_event(struct erase *x, ask_segment *may_matter, visit_line *visit)
{
	enum hs_result r = HS_OK;
	bool damaged;

	for (size_t i = 0; i < x->files.count && r == HS_OK && !x->done->stopped; i++) {
		if (x->files.list[i].sort != EVENTS)
			continue;
		r = hs_erase_open_file(x, &x->files.list[i]);
		if (r == HS_OK && x->current.fd >= 0 && may_matter(x))
			r = hs_erase_each_line(x, visit, &damaged);
		hs_erase_close_file(x);
	}
	return r;
}
