#include "spool/admin/rejected_quota.h"
#include "base/array.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/file/line_reader.h"
#include "spool/position/rewrite_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_MS = 60000 /* no sender waits for it */ };
static const char STREAM[] = "rejected", COPY[] = "share-copy";

struct tenant {
	char name[sizeof "source\":\"" + HS_TENANT_MAX];
	uint64_t bytes, excess; /* excess: bytes that it must still lose */
};

struct share {
	const struct hs_spool_dir *dir;
	struct hs_sealed *list;
	size_t count;
	struct tenant *tenant;
	size_t tenants, cap, last;
	uint64_t *deleted;
	struct hs_line_reader lines;
	struct hs_rewrite_copy copy;
};

/* The label behind a name like ,"tenant":" at p, from `skipped` bytes of the name on; n == 0: it is not there. */
static struct hs_slice label_at(const char *p, const char *end, struct hs_slice name, size_t skipped)
{
	const char *label, *quote;

	if ((size_t)(end - p) <= name.n || memcmp(p, name.p, name.n) != 0)
		return HS_SLICE_NONE;
	label = p + name.n;
	quote = memchr(label, '"', (size_t)(end - label));
	return quote == NULL || quote - label > HS_TENANT_MAX ? HS_SLICE_NONE
	                                                      : hs_slice(p + skipped, (size_t)(quote - p) - skipped);
}

/* hs_rejected_put writes {"spooled_at":"…","status":400,"tenant":"…","source":"…" */
struct hs_slice hs_rejected_quota_tenant(struct hs_slice line)
{
	static const char begin[] = "{\"spooled_at\":\"", status[] = "\",\"status\":";
	const struct hs_slice tenant = HS_SLICE(",\"tenant\":\""), source = HS_SLICE(",\"source\":\"");
	const char *end = line.p + line.n, *p = line.p;
	struct hs_slice label;

	if (line.n < sizeof begin || memcmp(p, begin, sizeof begin - 1) != 0)
		return HS_SLICE_NONE;
	p = memchr(p + sizeof begin - 1, '"', line.n - (sizeof begin - 1));
	if (p == NULL || (size_t)(end - p) < sizeof status || memcmp(p, status, sizeof status - 1) != 0)
		return HS_SLICE_NONE;
	for (p += sizeof status - 1; p < end && *p >= '0' && *p <= '9'; p++)
		continue;
	label = label_at(p, end, tenant, tenant.n);
	return label.n > 0 ? label : label_at(p, end, source, 2 /* ,": the rest has quotes, and no label has */);
}

/* --- the bytes of each tenant ---------------------------------------------------------- */

static struct tenant *add_tenant(struct share *s, struct hs_slice name)
{
	if (!HS_ARRAY_ROOM(&s->tenant, s->tenants, &s->cap))
		return NULL;
	s->last = s->tenants++;
	memset(&s->tenant[s->last], 0, sizeof *s->tenant);
	memcpy(s->tenant[s->last].name, name.p != NULL ? name.p : "", name.n);
	return &s->tenant[s->last];
}

/* NULL: out of memory. Tries the last tenant first: lines of one mostly follow one another. */
static struct tenant *find_tenant(struct share *s, struct hs_slice name)
{
	if (s->last < s->tenants && hs_slice_eq(hs_slice_str(s->tenant[s->last].name), name))
		return &s->tenant[s->last];
	for (s->last = 0; s->last < s->tenants; s->last++)
		if (hs_slice_eq(hs_slice_str(s->tenant[s->last].name), name))
			return &s->tenant[s->last];
	return add_tenant(s, name);
}

static struct tenant *tenant_of(struct share *s, const struct hs_sealed *sealed, struct hs_slice line)
{
	return find_tenant(s, sealed->gzip ? HS_SLICE(".gz") /* no label begins so */ : hs_rejected_quota_tenant(line));
}

typedef enum hs_result visit_line(struct share *s, struct tenant *t, struct hs_slice line);

static enum hs_result each_line(struct share *s, const struct hs_sealed *sealed, int fd, visit_line *visit)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more;

	hs_line_reader_start(&s->lines, fd, 0, UINT64_MAX);
	while (r == HS_OK && (more = hs_line_reader_next(&s->lines, &line)) > 0) {
		struct tenant *t = tenant_of(s, sealed, line);

		r = t == NULL ? HS_E_MEMORY : visit(s, t, line);
	}
	return r == HS_OK && more < 0 ? hs_io_result(errno) : r;
}

static enum hs_result count_line(struct share *s, struct tenant *t, struct hs_slice line)
{
	(void)s;
	t->bytes += line.n + 1;
	return HS_OK;
}

/* Opens a segment; -1 if it is gone or cannot be read: then it counts for no tenant. */
static int open_segment(const struct share *s, const struct hs_sealed *sealed, struct stat *st)
{
	char name[HS_SEALED_NAME];
	int fd;

	hs_sealed_print(STREAM, sealed, name);
	fd = hs_io_open_plain(s->dir->fd, name);
	if (fd >= 0 && hs_io_fstat(fd, st) < 0) {
		hs_io_close(fd);
		return -1;
	}
	return fd;
}

static enum hs_result count_all(struct share *s)
{
	enum hs_result r = HS_OK;

	for (size_t i = 0; i < s->count && r == HS_OK; i++) {
		struct tenant *t;
		struct stat st;
		int fd = open_segment(s, &s->list[i], &st);

		if (fd < 0)
			continue;
		if (s->list[i].gzip) {
			t = tenant_of(s, &s->list[i], HS_SLICE_NONE);
			if (t != NULL)
				t->bytes += (uint64_t)st.st_size;
			r = t == NULL ? HS_E_MEMORY : HS_OK;
		} else {
			r = each_line(s, &s->list[i], fd, count_line);
		}
		hs_io_close(fd);
	}
	return r;
}

/* --- the excess of each tenant ------------------------------------------------------ */

static int by_bytes(const void *a, const void *b)
{
	const struct tenant *x = a, *y = b;

	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* Divides `room`: from the smallest tenant up, each gets an even part of what is left. */
static void divide(struct share *s, uint64_t room)
{
	if (s->tenants > 0)
		qsort(s->tenant, s->tenants, sizeof *s->tenant, by_bytes);
	for (size_t i = 0; i < s->tenants; i++) {
		uint64_t even = room / (s->tenants - i);
		struct tenant *t = &s->tenant[i];

		t->excess = t->bytes > even ? t->bytes - even : 0;
		room -= t->bytes - t->excess;
	}
	s->last = 0;
}

/* --- removing lines --------------------------------------------------------- */

static enum hs_result drop_segment(const struct share *s, const struct hs_sealed *sealed)
{
	return hs_sealed_delete(s->dir->fd, STREAM, sealed, s->deleted);
}

static enum hs_result keep_line(struct share *s, struct tenant *t, struct hs_slice line)
{
	if (t->excess > 0) {
		t->excess -= t->excess < line.n + 1 ? t->excess : line.n + 1;
		return HS_OK;
	}
	return hs_rewrite_copy_keep(&s->copy, line, true);
}

static enum hs_result put_in_place(struct share *s, const struct hs_sealed *sealed, const struct stat *st)
{
	struct hs_rewrite_log *rewrites = NULL;
	enum hs_result r = hs_rewrite_log_open(s->dir, &rewrites);

	if (r == HS_OK)
		r = hs_rewrite_copy_replace(&s->copy, rewrites, STREAM, sealed, st);
	hs_rewrite_log_close(rewrites);
	return r;
}

/* Replaces a segment by a copy of the lines that stay. */
static enum hs_result thin_out(struct share *s, const struct hs_sealed *sealed, int from, const struct stat *st)
{
	enum hs_result r = hs_rewrite_copy_begin(&s->copy, s->dir, COPY, HS_FILE_WRITER_PLAIN);

	if (r == HS_OK)
		r = each_line(s, sealed, from, keep_line);
	if (r == HS_OK)
		r = hs_file_writer_end(&s->copy.writer);
	if (r == HS_OK && s->copy.writer.bytes == 0)
		r = drop_segment(s, sealed);
	else if (r == HS_OK)
		r = put_in_place(s, sealed, st);
	hs_rewrite_copy_drop(&s->copy);
	return r;
}

static bool anybody_has_excess(const struct share *s)
{
	for (size_t i = 0; i < s->tenants; i++)
		if (s->tenant[i].excess > 0)
			return true;
	return false;
}

/* Removes what is in excess from a segment; a compressed one goes as a whole. */
static enum hs_result cut_segment(struct share *s, const struct hs_sealed *sealed)
{
	struct tenant *t;
	struct stat st;
	enum hs_result r = HS_OK;
	int fd = open_segment(s, sealed, &st);

	if (fd < 0)
		return HS_OK;
	if (!sealed->gzip) {
		r = thin_out(s, sealed, fd, &st);
	} else if ((t = tenant_of(s, sealed, HS_SLICE_NONE)) != NULL && t->excess > 0) {
		t->excess -= t->excess < (uint64_t)st.st_size ? t->excess : (uint64_t)st.st_size;
		r = drop_segment(s, sealed);
	}
	hs_io_close(fd);
	return hs_result_is(r, HS_CLASS_BUSY) ? HS_OK : r; /* erase was faster: leave it for the next time */
}

/* --- all of it ------------------------------------------------------------------- */

static uint64_t sum_of(const struct share *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->count; i++)
		sum += hs_sealed_bytes(s->dir->fd, STREAM, &s->list[i]);
	return sum;
}

enum hs_result hs_rejected_quota_cap(const struct hs_spool_dir *dir, uint64_t open_bytes, uint64_t most,
                                     uint64_t *deleted)
{
	struct share s = { .dir = dir, .deleted = deleted, .copy = HS_REWRITE_COPY_NONE };
	uint64_t room = most > open_bytes ? most - open_bytes : 0;
	enum hs_result r = hs_sealed_list(dir->fd, STREAM, &s.list, &s.count);

	if (r == HS_OK && sum_of(&s) > room) {
		uint64_t target = room > most / 16 ? room - most / 16 : 0;

		r = count_all(&s);
		if (r == HS_OK)
			divide(&s, target);
		for (size_t i = 0; i < s.count && r == HS_OK && anybody_has_excess(&s); i++)
			r = cut_segment(&s, &s.list[i]);
		if (r != HS_OK)
			hs_log_result(r, "rejected_max: the oldest segments go, whoever's they are");
		/* keeps the limit also if that failed, or the files have changed */
		r = hs_sealed_cap(dir->fd, STREAM, open_bytes, most, UINT64_MAX, deleted);
	}
	hs_line_reader_free(&s.lines);
	free(s.tenant);
	free(s.list);
	return r;
}

enum hs_result hs_rejected_quota_drop_copy(const struct hs_spool_dir *dir)
{
	pthread_mutex_t *append = &dir->state->state->stream[HS_REJECTED].append;
	bool died; /* unused: the next writer prepares the segment anyway */
	enum hs_result r = hs_shared_state_lock(append, hs_io_now_monotonic() + LOCK_MS, &died);

	if (r != HS_OK)
		return r;
	if (hs_io_unlink(dir->run_dir, COPY) < 0 && errno != ENOENT)
		r = HS_E_IO;
	hs_shared_state_unlock(append);
	return r;
}
