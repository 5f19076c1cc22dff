#include "tools/report/rejected_reader.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"
#include "spool/file/segment_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct walk {
	const struct hs_spool_dir *dir;
	const char *stream;
	bool (*take)(void *context, struct hs_slice line);
	void *context;
	bool stopped;
};

static enum hs_result walk_lines(struct walk *w, int fd, bool gzip)
{
	struct hs_line_reader lines = { .fd = -1 };
	struct hs_slice line;
	enum hs_result r;
	int more = 0;

	if (!gzip)
		hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
	else if (!hs_line_reader_start_gzip(&lines, fd, 0))
		return HS_E_MEMORY;
	while (!w->stopped && (more = hs_line_reader_next(&lines, &line)) == 1)
		w->stopped = !w->take(w->context, line);
	r = more < 0 ? hs_io_result(errno) : HS_OK;
	hs_line_reader_free(&lines);
	return r;
}

/* A missing file was deleted by retention after the listing. */
static enum hs_result walk_file(struct walk *w, const char *name, bool gzip)
{
	int fd = hs_io_open_read(w->dir->fd, name);
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	r = walk_lines(w, fd, gzip);
	hs_io_close(fd);
	return r;
}

/* It may have been compressed meanwhile. */
static enum hs_result walk_sealed(struct walk *w, struct hs_sealed sealed)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(w->stream, &sealed, name);
	if (!sealed.gzip && hs_io_stat(w->dir->fd, name, &st) < 0 && errno == ENOENT) {
		sealed.gzip = true;
		hs_sealed_print(w->stream, &sealed, name);
	}
	return walk_file(w, name, sealed.gzip);
}

enum hs_result hs_rejected_reader_walk_stream(const struct hs_spool_dir *dir, const char *stream,
				      bool (*take)(void *context, struct hs_slice line), void *context)
{
	struct walk w = { dir, stream, take, context, false };
	char open[HS_SEALED_NAME];
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(dir->fd, stream, &list, &count);

	if (r != HS_OK)
		return r;
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (i == 0 || list[i].number != list[i - 1].number) /* skip the .gz of the same segment */
			r = walk_sealed(&w, list[i]);
	free(list);
	snprintf(open, sizeof open, "%s.jsonl", stream);
	return r == HS_OK ? walk_file(&w, open, false) : r;
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

bool hs_rejected_line_passes(const struct hs_rejected_line *r, struct hs_filter *f)
{
	bool ours = f->by[HS_BY_TENANT].count == 0;
	int64_t ms;

	for (unsigned i = 0; i < f->by[HS_BY_TENANT].count && r->tenant.name.p != NULL; i++)
		ours |= hs_record_field_is(&r->tenant, f->by[HS_BY_TENANT].value[i], &f->scratch);
	if (!ours || (!f->since_given && !f->until_given))
		return ours;
	return r->spooled_at.name.p != NULL && hs_timestamp_parse(r->spooled_at.value, &ms) &&
	       (!f->since_given || ms >= f->since_ms) && (!f->until_given || ms < f->until_ms);
}
