#include "spool/write/foreign_segments.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	SETTLED_MS = 20,   /* a directory's ctime this old changes with the next change */
	GROWING_MS = 2000, /* without a write, and a copy is as complete as it will be */
	SHARE = 10,        /* looks take this part of the time … */
	AGAIN_US = 10000,  /* … but are never so far apart */
};

static int64_t changed_ns(const struct hs_spool_dir *dir)
{
	struct stat st;

	if (hs_io_fstat(dir->fd, &st) < 0)
		return -1;
	return st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
}

bool hs_foreign_segments_may_differ(const struct hs_spool_dir *dir, struct hs_stream *f, bool urgent)
{
	int64_t now_us = hs_io_now_us();

	if (!urgent && now_us < f->look_again_us)
		return false;
	if (changed_ns(dir) != f->looked_ns)
		return true;
	f->look_again_us = now_us + AGAIN_US; /* a busy spool asks the kernel a hundred times a second */
	return false;
}

/* --- one segment ------------------------------------------------------------ */

static int open_it(const struct hs_spool_dir *dir, const char *stream, const struct hs_sealed *sealed, struct stat *st)
{
	char name[HS_SEALED_NAME];
	int fd;

	hs_sealed_print(stream, sealed, name);
	if (hs_io_stat(dir->fd, name, st) < 0 || !S_ISREG(st->st_mode))
		return -1;
	fd = hs_io_open_read(dir->fd, name);
	if (fd >= 0 && hs_io_fstat(fd, st) == 0)
		return fd;
	if (fd >= 0)
		hs_io_close(fd);
	return -1;
}

static bool ends_whole(int fd, bool gzip, uint64_t size)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	char last = 0;
	int more;

	if (!gzip)
		return size > 0 && hs_io_read_at(fd, &last, 1, size - 1) == 1 && last == '\n';
	if (!hs_line_reader_start_gzip(&lines, fd, 0))
		return false;
	while ((more = hs_line_reader_next(&lines, &line)) == 1)
		;
	hs_line_reader_free(&lines);
	return more == 0;
}

/* Is it still being copied? What cannot be read at all is not waited for. */
static bool is_growing(const struct hs_spool_dir *dir, const char *stream, const struct hs_sealed *sealed)
{
	struct stat st;
	int fd = open_it(dir, stream, sealed, &st);
	int64_t age;
	bool growing;

	if (fd < 0)
		return false;
	age = hs_io_now() - ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000);
	growing = age > -GROWING_MS && age < GROWING_MS && !ends_whole(fd, sealed->gzip, (uint64_t)st.st_size);
	hs_io_close(fd);
	return growing;
}

/* A line must be on stable storage before another counts as its duplicate. */
static enum hs_result sync_it(const struct hs_spool_dir *dir, const char *stream, const struct hs_sealed *sealed)
{
	struct stat st;
	int fd = open_it(dir, stream, sealed, &st);
	enum hs_result r = HS_OK;

	if (fd < 0) /* gone, or not for us to read: whoever reads it will say so */
		return HS_OK;
	if (hs_io_sync_data(fd) < 0)
		r = HS_E_SYNC;
	hs_io_close(fd);
	return r;
}

/* --- whose number it is ----------------------------------------------------- */

void hs_foreign_segments_note(struct hs_stream *f, uint64_t number, int64_t sealed_ms)
{
	f->own[number % HS_OWN] = (struct hs_own){ number, sealed_ms };
}

static bool is_own(const struct hs_stream *f, const struct hs_sealed *sealed)
{
	const struct hs_own *own = &f->own[sealed->number % HS_OWN];

	return !sealed->moved && own->number == sealed->number && own->sealed_ms == sealed->sealed_ms;
}

static int64_t arrived_ns(const struct hs_spool_dir *dir, const char *stream, const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(stream, sealed, name);
	if (hs_io_stat(dir->fd, name, &st) < 0)
		return INT64_MAX;
	return st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
}

/* Chooses which of list[from] to list[to - 1], which share a number, keeps it. */
static size_t store(const struct hs_spool_dir *dir, const char *stream, const struct hs_stream *f,
                    const struct hs_sealed *list, size_t from, size_t to)
{
	int64_t oldest = INT64_MAX;
	size_t best = from;

	for (size_t i = from; i < to; i++) {
		int64_t ns = is_own(f, &list[i]) ? INT64_MIN : arrived_ns(dir, stream, &list[i]);

		if (ns < oldest) {
			oldest = ns;
			best = i;
		}
	}
	return best;
}

/* --- all of them ------------------------------------------------------------ */

/* Segments of one number. */
struct group {
	size_t from, to;
	bool several; /* and not one, plain and compressed */
};

static struct group group_at(const struct hs_sealed *list, size_t count, size_t from)
{
	struct group g = { from, from + 1, false };

	for (; g.to < count && list[g.to].number == list[from].number; g.to++)
		g.several |= !hs_sealed_same(&list[g.to], &list[from]);
	return g;
}

static bool is_new(const struct hs_stream *f, const struct hs_sealed *list, const struct group *g)
{
	return g->several || list[g->from].number >= f->number;
}

static enum hs_result list_all(const struct hs_spool_dir *dir, const char *stream, struct hs_sealed **list,
                               size_t *count)
{
	return hs_sealed_list_all(dir->fd, stream, list, count);
}

struct news {
	bool any;
	bool now;     /* something can be done about it */
	bool growing; /* above what is settled: that has to wait */
};

static struct news find_news(const struct hs_spool_dir *dir, const char *stream, const struct hs_stream *f,
                             const struct hs_sealed *list, size_t count)
{
	bool whole = false, collision = false;
	struct news n = { 0 };
	struct group g;

	for (size_t i = 0; i < count; i = g.to) {
		g = group_at(list, count, i);
		if (!is_new(f, list, &g))
			continue;
		n.any = true;
		collision |= list[i].number < f->number; /* if it grows it is put off, at once */
		for (size_t k = g.from; k < g.to && list[i].number >= f->number; k++) {
			bool growing = is_growing(dir, stream, &list[k]);

			whole |= !growing;
			n.growing |= growing && list[i].number != HS_SEALED_LATER;
		}
	}
	n.now = collision || (whole && !n.growing);
	return n;
}

/* Until the directory changes nothing needs to be looked at: unless this was too soon, or vain. */
static void note_look(struct hs_stream *f, int64_t ns, int64_t began_us, bool again)
{
	int64_t now_us = hs_io_now_us(), age_ms = hs_io_now() - ns / 1000000;
	int64_t pause_us = (now_us - began_us) * SHARE;

	f->looked_ns = again || (age_ms > -SETTLED_MS && age_ms < SETTLED_MS) ? 0 : ns;
	f->look_again_us = now_us + (pause_us < AGAIN_US ? pause_us : AGAIN_US);
}

enum hs_result hs_foreign_segments_look(const struct hs_spool_dir *dir, const char *stream, struct hs_stream *f,
                                        bool *news)
{
	int64_t began_us = hs_io_now_us(), ns = changed_ns(dir);
	struct hs_sealed *list;
	size_t count;
	struct news n;
	enum hs_result r = list_all(dir, stream, &list, &count);

	*news = false;
	if (r != HS_OK)
		return r;
	n = find_news(dir, stream, f, list, count);
	free(list);
	note_look(f, ns, began_us, n.any);
	*news = n.now;
	return HS_OK;
}

/* --- taking in -------------------------------------------------------------- */

struct maker {
	const struct hs_spool_dir *dir;
	const char *stream;
	struct hs_stream *f;
	struct hs_sealed *list;
	size_t count;
	uint64_t highest;
};

/* list[i] is read under a free number from now on; later, if it is growing. */
static enum hs_result move(struct maker *in, size_t i)
{
	struct hs_sealed *s = &in->list[i];
	bool growing = is_growing(in->dir, in->stream, s);
	uint64_t number = growing ? HS_SEALED_LATER : in->highest + 1;
	char name[HS_SEALED_NAME];
	enum hs_result r = HS_OK;

	if (s->number == number)
		return HS_OK;
	hs_sealed_print(in->stream, s, name);
	if (!growing)
		r = sync_it(in->dir, in->stream, s);
	if (r == HS_OK)
		r = hs_sealed_renumber(in->dir->private_dir, in->stream, s, number,
		                       (mode_t)in->dir->settings->spool_mode);
	if (r != HS_OK || growing)
		return r;
	in->highest = number;
	hs_log(HS_LOG_WARN, "%s: another segment has its number: it is read as number %" PRIu64, name, number);
	return HS_OK;
}

/* All of a number but the one that keeps it, which may have two forms. */
static enum hs_result part(struct maker *in, const struct group *g, bool batch)
{
	size_t keeps = batch ? g->to : store(in->dir, in->stream, in->f, in->list, g->from, g->to);
	enum hs_result r = HS_OK;

	for (size_t i = g->from; i < g->to && r == HS_OK; i++) {
		bool again = i > g->from && hs_sealed_same(&in->list[i], &in->list[i - 1]);

		if (!again && (batch || !hs_sealed_same(&in->list[i], &in->list[keeps])))
			r = move(in, i);
	}
	return r;
}

static enum hs_result take_group(struct maker *in, const struct group *g, bool keep)
{
	uint64_t number = in->list[g->from].number;
	bool batch = number == HS_SEALED_LATER || (keep && number == in->f->number);
	enum hs_result r = HS_OK;

	if (batch || g->several)
		r = part(in, g, batch);
	for (size_t i = g->from; i < g->to && r == HS_OK && number >= in->f->number && !batch; i++)
		r = sync_it(in->dir, in->stream, &in->list[i]);
	return r;
}

static enum hs_result take_all(struct maker *in, bool keep)
{
	enum hs_result r = HS_OK;
	struct news n = find_news(in->dir, in->stream, in->f, in->list, in->count);
	struct group g;

	for (size_t i = 0; i < in->count && in->list[i].number != HS_SEALED_LATER; i++)
		in->highest = in->list[i].number;
	if (in->highest < in->f->number)
		in->highest = in->f->number - !keep;
	for (size_t i = 0; i < in->count && r == HS_OK && n.any; i = g.to) {
		g = group_at(in->list, in->count, i);
		r = take_group(in, &g, keep);
	}
	if (r == HS_OK && n.any && hs_io_sync_dir(in->dir->fd) < 0)
		r = HS_E_IO;
	if (n.growing && !keep && in->f->number != 0) /* above it all waits, until that is whole */
		in->highest = in->f->number - 1;
	return r;
}

enum hs_result hs_foreign_segments_take_in(const struct hs_spool_dir *dir, const char *stream, struct hs_stream *f,
                                           bool keep, uint64_t *highest)
{
	struct maker in = { .dir = dir, .stream = stream, .f = f };
	enum hs_result r = list_all(dir, stream, &in.list, &in.count);

	if (r == HS_OK)
		r = take_all(&in, keep);
	free(in.list);
	*highest = in.highest;
	f->looked_ns = 0; /* once more, when all is done */
	f->look_again_us = 0;
	return r;
}
