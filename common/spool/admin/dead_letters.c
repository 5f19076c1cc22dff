#include "spool/admin/dead_letters.h"
#include "base/file_replace.h"
#include "base/hash.h"
#include "base/timestamp.h"
#include "event/record_fields.h"
#include "spool/file/line_reader.h"
#include "spool/shared/clock.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

enum { LOCK_MS = 10000, POLL_MS = 2, COPY_AT_ONCE = 1 << 18, LOOK_BYTES = 1 << 20 };
static const char NAME[] = "failed.jsonl", COPY[] = "failed-copy.jsonl", LOCK[] = "failed.lock";

bool hs_dead_letters_is_name(const char *name)
{
	size_t n = strlen(name), gz = n > 3 && strcmp(name + n - 3, ".gz") == 0 ? 3 : 0;

	return strncmp(name, "failed", 6) == 0 && n - gz >= 12 && memcmp(name + n - gz - 6, ".jsonl", 6) == 0;
}

enum hs_result hs_dead_letters_lock(const struct hs_spool_dir *dir, int *lock)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = HS_OK;

	*lock = hs_io_open_or_make(dir->run_dir, LOCK, 0600);
	if (*lock < 0)
		return hs_io_result(errno);
	while (r == HS_OK && hs_io_lock(*lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			r = HS_E_IO;
		else if (hs_io_now_monotonic() > deadline)
			r = HS_E_LOCKED;
		else
			hs_io_pause(POLL_MS);
	}
	if (r != HS_OK) {
		hs_io_close(*lock);
		*lock = -1;
	}
	return r;
}

/* Ends the fragment that a kill in mid-write leaves. *size: of the file then. */
static enum hs_result end_fragment(int fd, uint64_t *size)
{
	struct stat st;
	char last;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	*size = (uint64_t)st.st_size;
	if (*size == 0)
		return HS_OK;
	if (hs_io_read_at(fd, &last, 1, *size - 1) != 1)
		return HS_E_IO;
	if (last == '\n')
		return HS_OK;
	return hs_io_write_at(fd, "\n", 1, (*size)++) < 0 ? hs_io_result(errno) : HS_OK;
}

static enum hs_result append_locked(const struct hs_spool_dir *dir, struct hs_slice line, uint64_t most)
{
	int fd = hs_io_open_or_make(dir->fd, NAME, (mode_t)dir->settings->spool_mode);
	enum hs_result r;
	uint64_t size;

	if (fd < 0)
		return hs_modes_result(NAME, errno);
	r = end_fragment(fd, &size);
	if (r == HS_OK && size > 0 && (size > most || line.n > most - size))
		r = HS_E_FAILED_MAX;
	if (r == HS_OK) {
		if (hs_io_write_at(fd, line.p, line.n, size) < 0)
			r = hs_io_result(errno);
		else if (hs_io_sync_data(fd) < 0)
			r = HS_E_SYNC;
		if (r != HS_OK)
			hs_io_truncate(fd, size);
	}
	if (r == HS_OK && size == 0 && hs_io_sync_dir(dir->fd) < 0)
		r = hs_io_result(errno);
	hs_io_close(fd);
	return r;
}

enum hs_result hs_dead_letters_append(const struct hs_spool_dir *dir, struct hs_slice line, uint64_t most,
                                      struct hs_dead_letters_origin *from)
{
	int lock;
	enum hs_result r = hs_dead_letters_lock(dir, &lock);

	if (r != HS_OK)
		return r;
	if (from != NULL)
		r = from->look(from->context, &from->gone);
	if (r == HS_OK && (from == NULL || !from->gone))
		r = append_locked(dir, line, most);
	hs_io_close(lock);
	return r;
}

/* --- removing lines ---------------------------------------------------------------- */

uint64_t hs_dead_letters_hash(struct hs_slice line, uint64_t seed)
{
	return hs_hash(line.p, line.n, seed) | 1;
}

static int by_hash(const void *a, const void *b)
{
	const struct hs_dead_letters_line *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

struct dropping {
	struct hs_dead_letters_line *lines; /* NULL: drop by time */
	size_t count;
	uint64_t seed;
	int64_t before_ms;
	uint64_t gone;
	struct hs_buf kept; /* not written yet */
	uint64_t written;
};

/* The later one of failed_at and the record's spooled_at; 0: there is no failed_at. */
static int64_t time_of(struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	int64_t failed_ms, spooled_ms;

	if (!hs_record_field_next(&walk, &field) || !hs_slice_eq(field.name, HS_SLICE("failed_at")) ||
	    !hs_timestamp_parse(field.value, &failed_ms) || failed_ms <= 0)
		return 0;
	walk = hs_record_fields_of(hs_dead_letters_record(line));
	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at")))
			return hs_timestamp_parse(field.value, &spooled_ms) && spooled_ms > failed_ms ? spooled_ms
			                                                                              : failed_ms;
	return failed_ms;
}

static bool is_old(const struct dropping *d, struct hs_slice line)
{
	int64_t ms = time_of(line);

	return ms > 0 && ms < d->before_ms;
}

static bool is_listed(struct dropping *d, struct hs_slice line)
{
	struct hs_dead_letters_line key = { .hash = hs_dead_letters_hash(line, d->seed) };
	struct hs_dead_letters_line *l = bsearch(&key, d->lines, d->count, sizeof key, by_hash);

	if (l == NULL)
		return false;
	while (l > d->lines && l[-1].hash == key.hash)
		l--;
	for (; l < d->lines + d->count && l->hash == key.hash; l++)
		if (!l->gone) {
			l->gone = true;
			return true;
		}
	return false;
}

static enum hs_result write_kept(struct dropping *d, int to)
{
	if (!hs_buf_ok(&d->kept))
		return HS_E_MEMORY;
	if (d->kept.n > 0 && hs_io_write_at(to, d->kept.p, d->kept.n, d->written) < 0)
		return hs_io_result(errno);
	d->written += d->kept.n;
	hs_buf_reset(&d->kept);
	return HS_OK;
}

static enum hs_result copy_kept(struct dropping *d, int from, int to)
{
	struct hs_line_reader lines = { .fd = -1 };
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 0;

	hs_line_reader_start(&lines, from, 0, UINT64_MAX);
	while (r == HS_OK && (more = hs_line_reader_next(&lines, &line)) > 0) {
		if (d->lines == NULL ? is_old(d, line) : is_listed(d, line)) {
			d->gone++;
			continue;
		}
		hs_buf_put_slice(&d->kept, line);
		hs_buf_putc(&d->kept, '\n');
		if (d->kept.n >= COPY_AT_ONCE)
			r = write_kept(d, to);
	}
	if (r == HS_OK)
		r = more < 0 ? hs_io_result(errno) : write_kept(d, to);
	hs_line_reader_free(&lines);
	return r;
}

/* Removes the copy of a killed run. */
static enum hs_result drop_unfinished(int dir)
{
	return hs_io_unlink(dir, COPY) < 0 && errno != ENOENT ? hs_io_result(errno) : HS_OK;
}

/* Puts the copy in place; if it is empty, removes the file. */
static enum hs_result put_in_place(struct hs_file_replace *f, enum hs_result r, bool is_empty)
{
	if (r != HS_OK || !is_empty)
		return hs_file_replace_end(f, r);
	hs_file_replace_cancel(f);
	return hs_io_unlink(f->dir, NAME) < 0 || hs_io_sync_dir(f->dir) < 0 ? hs_io_result(errno) : HS_OK;
}

static enum hs_result drop_locked(const struct hs_spool_dir *dir, struct dropping *d)
{
	struct hs_file_replace f = { dir->fd, NAME, dir->fd, COPY, (mode_t)dir->settings->spool_mode, false, -1 };
	int from = hs_io_open_read(dir->fd, NAME);
	enum hs_result r;

	if (from < 0 && errno == ENOENT) /* no dead letters */
		return drop_unfinished(dir->fd);
	if (from < 0)
		return hs_modes_result(NAME, errno);
	r = hs_file_replace_begin(&f);
	if (r == HS_OK)
		r = copy_kept(d, from, f.fd);
	r = put_in_place(&f, r, d->written == 0);
	hs_io_close(from);
	return r;
}

enum hs_result hs_dead_letters_drop(const struct hs_spool_dir *dir, struct hs_dead_letters_line *lines, size_t count,
                                    uint64_t seed)
{
	struct dropping d = { .lines = lines, .count = count, .seed = seed };
	int lock;
	enum hs_result r = hs_dead_letters_lock(dir, &lock);

	if (r != HS_OK)
		return r;
	qsort(lines, count, sizeof *lines, by_hash);
	r = drop_locked(dir, &d);
	hs_io_close(lock);
	hs_buf_free(&d.kept);
	return r;
}

/*
 * *ms: the earliest time of the lines that begin in the first LOOK_BYTES, or that of the first one after them which has
 * one; 0: none has. A time from the future is none: a clock was ahead. *bytes: size of the file.
 */
static enum hs_result find_oldest(int dir, int64_t now_ms, int64_t *ms, uint64_t *bytes)
{
	int fd = hs_io_open_read(dir, NAME), more = 0;
	struct hs_line_reader lines = { .fd = -1 };
	struct hs_slice line;
	struct stat st;
	enum hs_result r = HS_OK;

	*ms = 0;
	*bytes = 0;
	if (fd < 0)
		return errno == ENOENT ? HS_OK : hs_modes_result(NAME, errno);
	hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
	while ((*ms == 0 || lines.at < LOOK_BYTES) && (more = hs_line_reader_next(&lines, &line)) == 1) {
		int64_t one = time_of(line);

		if (one > 0 && !hs_clock_is_ahead(one, now_ms) && (*ms == 0 || one < *ms))
			*ms = one;
	}
	if (more < 0 || hs_io_fstat(fd, &st) < 0)
		r = hs_io_result(errno);
	else
		*bytes = (uint64_t)st.st_size;
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return r;
}

enum hs_result hs_dead_letters_look(int dir, int64_t now_ms, struct hs_dead_letters_size *size)
{
	return find_oldest(dir, now_ms, &size->oldest_ms, &size->bytes);
}

/* Called with the lock held. Makes a copy, for which appends wait, only if a line goes. */
static enum hs_result expire_locked(const struct hs_spool_dir *dir, int64_t now_ms, struct dropping *d)
{
	uint64_t bytes;
	int64_t oldest_ms;
	enum hs_result r = find_oldest(dir->fd, now_ms, &oldest_ms, &bytes);

	if (r != HS_OK)
		return r;
	if (oldest_ms > 0 && oldest_ms < d->before_ms)
		return drop_locked(dir, d);
	return drop_unfinished(dir->fd);
}

enum hs_result hs_dead_letters_expire(const struct hs_spool_dir *dir, int64_t now_ms, int64_t before_ms, uint64_t *gone)
{
	struct dropping d = { .before_ms = before_ms };
	struct stat st;
	int lock;
	enum hs_result r;

	*gone = 0;
	if (hs_io_stat(dir->fd, NAME, &st) < 0 && (errno != ENOENT || hs_io_stat(dir->fd, COPY, &st) < 0))
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	r = hs_dead_letters_lock(dir, &lock);
	if (r != HS_OK)
		return r;
	r = expire_locked(dir, now_ms, &d);
	hs_io_close(lock);
	hs_buf_free(&d.kept);
	*gone = r == HS_OK ? d.gone : 0;
	return r;
}

/* "record" is the last member; strings before it have no bare quotes, so the first match is it. */
struct hs_slice hs_dead_letters_record(struct hs_slice line)
{
	static const char begin[] = ",\"record\":{";
	const char *p = line.n == 0 ? NULL : memmem(line.p, line.n, begin, sizeof begin - 1);

	if (p == NULL || line.p[line.n - 1] != '}')
		return HS_SLICE_NONE;
	p += sizeof begin - 2;
	return hs_slice(p, (size_t)(line.p + line.n - 1 - p));
}
