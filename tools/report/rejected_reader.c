#include "tools/report/rejected_reader.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"
#include "spool/file/segment_list.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct walk {
	const struct hs_spool_dir *dir;
	const char *stream;
	bool (*take)(void *context, struct hs_slice line);
	void *context;
	bool stopped;
	uint64_t next; /* the sealed files with smaller numbers are done */
};

/* A missing file was deleted by retention after the listing. */
static enum hs_result walk_lines(struct walk *w, struct hs_line_reader *lines, int fd, const char *name)
{
	struct hs_slice line;
	enum hs_result r;
	int more = 0;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : hs_modes_result(name, errno);
	while (!w->stopped && (more = hs_line_reader_next(lines, &line)) == 1)
		w->stopped = !w->take(w->context, line);
	r = more < 0 ? hs_io_result(errno) : HS_OK;
	hs_io_close(fd);
	return r;
}

/* Walks the sealed files from w->next on, and moves that after them. */
static enum hs_result walk_sealed(struct walk *w)
{
	struct hs_line_reader lines = { 0 };
	char name[HS_SEALED_NAME];
	struct hs_sealed *list;
	size_t count;
	int fd;
	enum hs_result r = hs_sealed_list(w->dir->fd, w->stream, &list, &count);

	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (list[i].number >= w->next) { /* not the .gz beside a plain one */
			w->next = list[i].number + 1;
			fd = hs_sealed_lines(&lines, w->dir->fd, w->stream, &list[i]);
			hs_sealed_print(w->stream, &list[i], name);
			r = walk_lines(w, &lines, fd, name);
		}
	free(list);
	hs_line_reader_free(&lines);
	return r;
}

/*
 * Walks the sealed files, then the open one, which is opened first: if the listing has new files (*sealed), it may
 * be among them by now, and is left to the next call.
 */
static enum hs_result walk_files(struct walk *w, bool *sealed)
{
	struct hs_line_reader lines = { 0 };
	char name[HS_SEALED_NAME];
	uint64_t next = w->next;
	enum hs_result r;
	int fd, error;

	snprintf(name, sizeof name, "%s.jsonl", w->stream);
	fd = hs_line_reader_open(&lines, w->dir->fd, name, false);
	error = errno;
	r = walk_sealed(w);
	*sealed = w->next != next;
	errno = error;
	if (r == HS_OK && !*sealed)
		r = walk_lines(w, &lines, fd, name);
	else if (fd >= 0)
		hs_io_close(fd);
	hs_line_reader_free(&lines);
	return r;
}

enum hs_result hs_rejected_reader_walk_stream(const struct hs_spool_dir *dir, const char *stream,
                                              bool (*take)(void *context, struct hs_slice line), void *context)
{
	struct walk w = { .dir = dir, .stream = stream, .take = take, .context = context };
	enum hs_result r = HS_OK;
	bool sealed = true;

	while (r == HS_OK && sealed && !w.stopped)
		r = walk_files(&w, &sealed);
	return r;
}

enum hs_result hs_rejected_reader_walk(const struct hs_spool_dir *dir,
                                       bool (*take)(void *context, struct hs_slice line), void *context)
{
	return hs_rejected_reader_walk_stream(dir, "rejected", take, context);
}

void hs_rejected_line_read(struct hs_rejected_line *r, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field leaf;

	memset(r, 0, sizeof *r);
	while (hs_record_field_next(&walk, &leaf) && !hs_slice_eq(leaf.name, HS_SLICE("body")))
		if (hs_slice_eq(leaf.name, HS_SLICE("spooled_at")))
			r->spooled_at = leaf;
		else if (hs_slice_eq(leaf.name, HS_SLICE("message")))
			r->message = leaf;
		else if (hs_slice_eq(leaf.name, HS_SLICE("tenant")))
			r->tenant = leaf;
}

int hs_rejected_line_passes(const struct hs_rejected_line *r, struct hs_filter *f)
{
	bool ours;
	int64_t ms;

	hs_buf_reset(&f->scratch);
	ours = hs_filter_takes_tenant(f, &r->tenant);
	if (f->without_tenant && r->spooled_at.name.p == NULL) /* a fragment may be anybody's */
		ours = false;
	if (!hs_buf_ok(&f->scratch))
		return -1;
	if (!ours || (!f->since_given && !f->until_given))
		return ours;
	return r->spooled_at.name.p != NULL && hs_timestamp_parse(r->spooled_at.value, &ms) &&
	       (!f->since_given || ms >= f->since_ms) && (!f->until_given || ms < f->until_ms);
}
