#include "store/maintain.h"
#include "store/cursor.h"
#include "store/edits.h"
#include "store/io.h"
#include "store/lines.h"
#include "store/log.h"
#include "store/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum { EDITS_MOST = 1 << 16, CHUNK = 1 << 17 };
static const char LOCK[] = HS_MAINTAIN_LOCK, COPY[] = HS_MAINTAIN_COPY;
#define DAY_MS INT64_C(86400000)

struct work {
	const struct hs_place *place;
	struct hs_edits *edits;
	enum hs_writer_form form; /* of what is compressed */
	bool (*stop)(void *context);
	void *context;
	struct hs_maintained *done;
};

static bool must_stop(const struct work *w)
{
	return w->stop != NULL && w->stop(w->context);
}

static uint64_t size_of(const struct hs_place *place, const char *family,
                        const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(family, sealed, name);
	return hs_io_stat(place->dir, name, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/* --- compressing ------------------------------------------------------------ */

/* Copies the segment into a .gz. *whole is false if it was asked to stop. */
static enum hs_result compress_into(const struct work *w, int from, struct hs_writer *to, bool *whole)
{
	char *chunk = malloc(CHUNK);
	enum hs_result r = chunk != NULL ? HS_OK : HS_E_MEMORY;
	uint64_t at = 0;
	ssize_t got = 1;

	while (got > 0 && r == HS_OK && !must_stop(w)) {
		got = hs_io_read_at(from, chunk, CHUNK, at);
		at += got > 0 ? (uint64_t)got : 0;
		r = got < 0 ? HS_E_IO : hs_writer_put(to, hs_slice(chunk, (size_t)got));
	}
	*whole = r == HS_OK && got == 0;
	if (*whole)
		r = hs_writer_end(to);
	free(chunk);
	return r;
}

/* The copy is whole: name, sync the name; only then the plain one may go. */
static enum hs_result rename_copy(const struct hs_place *place, const char *plain, const char *gz)
{
	if (hs_io_rename(place->run_dir, COPY, place->dir, gz) < 0 ||
	    hs_io_sync_dir(place->dir) < 0 || hs_io_unlink(place->dir, plain) < 0)
		return HS_E_IO;
	return HS_OK;
}

/*
 * While nobody edits a segment: one that was edited since it was read must not come back.
 * *fresh is false then, and the copy is of no use.
 */
static enum hs_result replace(const struct work *w, int from, const char *plain, const char *gz, bool *fresh)
{
	struct stat read, now;
	enum hs_result r = hs_edits_claim(w->edits);

	*fresh = false;
	if (r != HS_OK)
		return r;
	if (hs_io_fstat(from, &read) < 0) {
		r = HS_E_IO;
	} else if (hs_io_stat(w->place->dir, plain, &now) < 0) {
		r = errno == ENOENT ? HS_OK : HS_E_IO; /* retention was faster */
	} else if (now.st_ino == read.st_ino) {
		r = rename_copy(w->place, plain, gz);
		*fresh = true;
	}
	hs_edits_release(w->edits);
	return r;
}

static enum hs_result compress_file(const struct work *w, int from, const char *plain, const char *gz)
{
	struct hs_writer copy = { 0 };
	bool whole = false;
	int to = hs_io_make(w->place->run_dir, COPY, (mode_t)w->place->settings->spool_mode);
	enum hs_result r = to < 0 ? hs_io_result(errno) : hs_writer_start(&copy, to, w->form);

	if (r == HS_OK)
		r = compress_into(w, from, &copy, &whole);
	if (r == HS_OK && whole)
		r = replace(w, from, plain, gz, &whole);
	if (r == HS_OK && whole)
		w->done->compressed++;
	else
		hs_io_unlink(w->place->run_dir, COPY);
	hs_writer_free(&copy);
	if (to >= 0)
		hs_io_close(to);
	return r;
}

static enum hs_result compress_one(const struct work *w, const char *family,
                                   const struct hs_sealed *sealed)
{
	struct hs_sealed compressed = { sealed->number, sealed->sealed_ms, true };
	char plain[HS_SEALED_NAME], gz[HS_SEALED_NAME];
	struct hs_space space;
	struct stat st;
	enum hs_result r;
	int fd;

	hs_sealed_print(family, sealed, plain);
	hs_sealed_print(family, &compressed, gz);
	fd = hs_io_open_read(w->place->dir, plain);
	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (hs_io_fstat(fd, &st) < 0 || hs_io_space(w->place->dir, &space) < 0)
		r = HS_E_IO;
	else if (space.bytes < (uint64_t)st.st_size + (uint64_t)w->place->settings->min_free)
		r = HS_OK; /* the room is needed for events; the next time, perhaps */
	else
		r = compress_file(w, fd, plain, gz);
	hs_io_close(fd);
	return r;
}

static bool is_still(int dir, const char *name, ino_t inode)
{
	struct stat st;

	return hs_io_stat(dir, name, &st) == 0 && st.st_ino == inode;
}

/*
 * Killed between the two last steps: the copy has its name, so it is whole. Or somebody else
 * compresses it by hand, and is not done: then both stay. Unless it is gone again, for an
 * edit of the plain one removes it.
 */
static enum hs_result drop_plain(const struct work *w, const char *plain, const char *gz)
{
	int dir = w->place->dir;
	struct hs_pair pair;
	enum hs_result r = hs_lines_pair(dir, plain, gz, &pair);

	if (r != HS_OK || !pair.same)
		return r;
	r = hs_edits_claim(w->edits);
	if (r != HS_OK)
		return r;
	if (is_still(dir, plain, pair.inode[0]) && is_still(dir, gz, pair.inode[1]) &&
	    (hs_io_sync_dir(dir) < 0 || (hs_io_unlink(dir, plain) < 0 && errno != ENOENT)))
		r = HS_E_IO;
	hs_edits_release(w->edits);
	return r;
}

/*
 * Compressing must not take time from intake, unless what waits for it is about to fill the
 * disk: when it exceeds half of what is free.
 */
static enum hs_writer_form form_for(const struct hs_place *place, const char *family,
                                    const struct hs_sealed *list, size_t count)
{
	struct hs_space space = { 0 };
	uint64_t waiting = 0;

	for (size_t i = 0; i < count; i++)
		if (!list[i].gzip)
			waiting += size_of(place, family, &list[i]);
	return hs_io_space(place->dir, &space) == 0 && waiting < space.bytes / 2 ? HS_WRITER_GZIP_BACKGROUND
	                                                                         : HS_WRITER_GZIP;
}

static enum hs_result compress_all(struct work *w, const char *family)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(w->place->dir, family, &list, &count);

	w->form = form_for(w->place, family, list, count);
	for (size_t i = 0; i < count && r == HS_OK && !must_stop(w); i++) {
		bool twice = i + 1 < count && list[i + 1].number == list[i].number;
		char name[HS_SEALED_NAME], gz[HS_SEALED_NAME];

		if (list[i].gzip)
			continue;
		if (!twice) {
			r = compress_one(w, family, &list[i]);
			continue;
		}
		hs_sealed_print(family, &list[i], name);
		hs_sealed_print(family, &list[i + 1], gz);
		r = drop_plain(w, name, gz);
	}
	free(list);
	return r;
}

/* --- deleting --------------------------------------------------------------- */

static enum hs_result delete_one(const struct hs_place *place, const char *family,
                                 const struct hs_sealed *sealed, uint64_t *deleted)
{
	char name[HS_SEALED_NAME];

	hs_sealed_print(family, sealed, name);
	if (hs_io_unlink(place->dir, name) < 0 && errno != ENOENT)
		return HS_E_IO;
	++*deleted;
	return HS_OK;
}

enum hs_result hs_maintain_cap(const struct hs_place *place, const char *family, uint64_t open_bytes,
                               uint64_t most, uint64_t keep, uint64_t *deleted)
{
	struct hs_sealed *list;
	size_t count;
	uint64_t sum = open_bytes;
	enum hs_result r = hs_sealed_list(place->dir, family, &list, &count);

	for (size_t i = 0; i < count; i++)
		sum += size_of(place, family, &list[i]);
	for (size_t i = 0; i < count && r == HS_OK && sum > most && list[i].number < keep; i++) {
		sum -= size_of(place, family, &list[i]);
		r = delete_one(place, family, &list[i], deleted);
	}
	free(list);
	return r;
}

static enum hs_result delete_old(const struct work *w, const char *family, int64_t days, uint64_t keep)
{
	int64_t before = hs_io_now() - days * DAY_MS;
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(w->place->dir, family, &list, &count);

	for (size_t i = 0; i < count && r == HS_OK && list[i].sealed_ms < before && list[i].number < keep; i++)
		r = delete_one(w->place, family, &list[i], &w->done->deleted);
	free(list);
	return r;
}

/* What was noted of segments that are gone is of no use to anybody. */
static enum hs_result trim_edits(const struct work *w, const char *family)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(w->place->dir, family, &list, &count);

	if (r == HS_OK && count > 0)
		r = hs_edits_trim(w->edits, list[0].number, EDITS_MOST);
	free(list);
	return r;
}

/* --- all of it -------------------------------------------------------------- */

static enum hs_result maintain_family(struct work *w, int family)
{
	const struct hs_settings *s = w->place->settings;
	const struct hs_family *f = &w->place->state->state->family[family];
	const char *name = family == HS_EVENTS ? "events" : "rejected";
	uint64_t most = (uint64_t)(family == HS_EVENTS ? s->retain_bytes : s->rejected_max);
	uint64_t keep = UINT64_MAX;
	enum hs_result r = HS_OK;

	if (family == HS_EVENTS && !s->retain_force)
		r = hs_cursor_oldest(w->place->private_dir, &keep);
	if (r == HS_OK && s->retain_days > 0)
		r = delete_old(w, name, s->retain_days, keep);
	if (r == HS_OK && most > 0)
		r = hs_maintain_cap(w->place, name, family == HS_REJECTED ? atomic_load(&f->written) : 0, most,
		                    keep, &w->done->deleted);
	if (r == HS_OK && family == HS_EVENTS && w->done->deleted > 0)
		r = trim_edits(w, name);
	if (r == HS_OK && s->compress == HS_COMPRESS_GZIP)
		r = compress_all(w, name);
	return r;
}

enum hs_result hs_maintain(const struct hs_place *place, bool (*stop)(void *context),
                           void *context, struct hs_maintained *done)
{
	struct work w = { place, NULL, HS_WRITER_GZIP_BACKGROUND, stop, context, done };
	enum hs_result r = HS_OK;
	int lock = hs_io_open_or_make(place->run_dir, LOCK, 0600);

	memset(done, 0, sizeof *done);
	if (lock < 0)
		return hs_io_result(errno);
	done->busy = hs_io_lock(lock, LOCK_EX | LOCK_NB) < 0;
	if (!done->busy) {
		r = hs_edits_open(place, &w.edits);
		if (hs_io_unlink(place->run_dir, COPY) < 0 && errno != ENOENT) /* of a killed one */
			r = HS_E_IO;
		for (int i = 0; i < HS_FAMILIES && r == HS_OK && !must_stop(&w); i++)
			r = maintain_family(&w, i);
	}
	hs_edits_close(w.edits);
	hs_io_close(lock);
	if (r != HS_OK)
		hs_log_result(r, "maintain");
	return r;
}
