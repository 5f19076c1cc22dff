#include "spool/dedup/index_catch_up.h"
#include "base/array.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/segment_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CATCH_UP_IDS = 20000, /* lines of sealed segments read in one transaction, … */
	SUMMARY_IDS = 4096,   /* … and ids of summaries, while appends wait */
	APART_MOST = 3,       /* segments read out of turn: those that were sealed just before a reboot */
};

/* --- sealed segments ----------------------------------------------------------- */

/* Reads a line's id. *known is false if the line is no record: verify reports that. */
static enum hs_result identify(struct hs_index_catch_up *c, struct hs_slice line, bool *known, struct hs_dedup_key *id,
                               uint32_t *spooled_s)
{
	int64_t ms;
	enum hs_result r = hs_dedup_key_of_line(&c->identifier, &c->json, line, known, id, &ms);

	if (r == HS_E_MEMORY)
		return r;
	*known = *known && r == HS_OK;
	*spooled_s = ms > 0 ? (uint32_t)(ms / 1000) : c->store->wall_s;
	return HS_OK;
}

/*
 * Indexes the lines of one transaction. *more is false at the end of the segment. `apart`: out of turn, the
 * mark stays.
 */
static int index_lines(struct hs_index_catch_up *c, uint64_t number, bool apart, bool *more)
{
	struct hs_index_write w;
	int code = hs_index_write_begin(c->store, &w);

	if (code != 0)
		return code;
	*more = true;
	for (int i = 0; code == 0 && *more && i < CATCH_UP_IDS; i++) {
		struct hs_slice line;
		struct hs_dedup_key id;
		uint32_t spooled_s = 0;
		bool known = false;
		int got = hs_line_reader_next(&c->lines, &line);

		*more = got > 0;
		if (got < 0)
			code = errno == EILSEQ ? 0 : errno; /* verify reports damage */
		else if (*more && identify(c, line, &known, &id, &spooled_s) != HS_OK)
			code = ENOMEM;
		if (code == 0 && known && hs_index_store_keeps(c->store, spooled_s))
			code = hs_index_write_put(&w, &id, spooled_s);
	}
	if (!apart) {
		w.mark.number = *more ? number : number + 1;
		w.mark.offset = *more ? c->lines.at : 0;
		w.mark.after = 0;
	}
	code = hs_index_write_end(c->store, &w, code);
	if (apart && code == 0)
		c->apart.offset = c->lines.at;
	return code;
}

/* Indexes ids of a summary in one transaction. *more is false at its end. */
static int index_ids(struct hs_index_catch_up *c, const struct hs_sealed_run *run, bool *more)
{
	struct hs_index_write w;
	int code = hs_index_write_begin(c->store, &w);
	size_t count = hs_sealed_run_count(run), from, i;

	if (code != 0)
		return code;
	from = w.mark.number == run->number ? hs_sealed_run_from(run, w.mark.after) : 0;
	for (i = from; code == 0 && i < count && i - from < SUMMARY_IDS; i++) {
		struct hs_id_block_entry e = hs_sealed_run_at(run, i);

		w.mark.after = e.high;
		if (e.spooled_s == 0)
			e.spooled_s = c->store->wall_s;
		if (hs_index_store_keeps(c->store, e.spooled_s))
			code = hs_index_write_put_entry(&w, &e);
	}
	*more = i < count;
	w.mark.number = *more ? run->number : run->number + 1;
	w.mark.offset = 0;
	if (!*more)
		w.mark.after = 0;
	return hs_index_write_end(c->store, &w, code);
}

/* Indexes a segment by its summary from the mark on. */
static enum hs_result index_run(struct hs_index_catch_up *c, const struct hs_sealed_run *run)
{
	bool more = true;
	int code = 0;

	do {
		code = index_ids(c, run, &more);
		if (code == MDB_MAP_FULL) { /* the map has grown: put the same ids again */
			more = true;
			code = 0;
		}
	} while (more && code == 0 && hs_io_now_monotonic() < c->stop_ms);
	return code == 0 && more ? HS_E_INDEXING : hs_index_store_result(c->store, code, "take in a summary");
}

/* Opens a segment; *fd is -1 at HS_OK if there is nothing to read, now or later. */
static enum hs_result open_sealed(struct hs_index_catch_up *c, struct hs_sealed *sealed, int *fd, uint64_t *size)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	*fd = hs_sealed_open(c->store->dir->fd, "events", sealed);
	if (*fd >= 0 && hs_io_fstat(*fd, &st) == 0) {
		*size = (uint64_t)st.st_size;
		return HS_OK;
	}
	if (*fd >= 0)
		hs_io_close(*fd);
	else if (errno == ENOENT) /* retention took it */
		return HS_OK;
	*fd = -1;
	hs_sealed_print("events", sealed, name);
	if (errno == HS_IO_NOT_PLAIN || errno == EACCES) { /* a retry does not help */
		hs_log(HS_LOG_ERROR, "index: %s: %s: its events count as new; put the file back, for its owner to read",
		       name, errno == EACCES ? strerror(errno) : "no plain file");
		return HS_OK;
	}
	hs_log_result(HS_E_IO, "index: %s: %s", name, strerror(errno));
	return HS_E_IO;
}

/* Where to read on in a segment. */
static uint64_t offset_in(struct hs_index_catch_up *c, uint64_t number, bool apart)
{
	uint64_t marked = c->store->mark.number == number ? c->store->mark.offset : 0;

	if (!apart)
		return marked;
	if (c->apart.reading != number) /* at a rotation nearly all of it has been read */
		c->apart.offset = marked;
	c->apart.reading = number;
	return c->apart.offset;
}

/* Indexes a segment from the mark on, or `apart`. */
static enum hs_result index_sealed(struct hs_index_catch_up *c, struct hs_sealed *sealed, bool apart)
{
	uint64_t at, size;
	bool more = true, late = false, start = true;
	int fd, code = 0;
	char name[HS_SEALED_NAME];
	enum hs_result r = open_sealed(c, sealed, &fd, &size);

	if (fd < 0)
		return r;
	hs_sealed_print("events", sealed, name);
	while (more && code == 0 && !late) {
		at = offset_in(c, sealed->number, apart);
		if (start && hs_line_reader_start_file(&c->lines, fd, sealed->gzip, at, size) != HS_OK)
			code = ENOMEM;
		if (code == 0)
			code = index_lines(c, sealed->number, apart, &more);
		start = code == MDB_MAP_FULL; /* the map has grown: read the same lines again */
		if (start) {
			more = true;
			code = 0;
		}
		late = hs_io_now_monotonic() >= c->stop_ms; /* after at least one step */
	}
	hs_io_close(fd);
	return code == 0 && more ? HS_E_INDEXING : hs_index_store_result(c->store, code, name);
}

/* False if the segment is before the mark, too old, or there in plain text, too. */
static bool is_wanted(const struct hs_index_catch_up *c, const struct hs_sealed *list, size_t i)
{
	bool again = i > 0 && list[i].number == list[i - 1].number;

	return list[i].number >= c->store->mark.number && !again &&
	       hs_index_store_keeps(c->store, (uint32_t)(list[i].sealed_ms / 1000));
}

/* By its summary if that is open, else line by line. */
static enum hs_result index_segment(struct hs_index_catch_up *c, struct hs_sealed *sealed, bool *stepped)
{
	const struct hs_sealed_run *run = hs_sealed_ids_of(&c->sealed, sealed->number);

	*stepped = true;
	return run != NULL ? index_run(c, run) : index_sealed(c, sealed, false);
}

/* All sealed segments are in the index. */
static void end_at(struct hs_index_catch_up *c, uint64_t open_number)
{
	c->store->mark.number = open_number;
	c->store->mark.offset = c->store->mark.after = 0;
}

/* Ends there, too, and stores the mark, which may be before segments that were read out of turn. */
static enum hs_result store_end(struct hs_index_catch_up *c, uint64_t open_number)
{
	struct hs_index_write w;
	int code;

	do {
		code = hs_index_write_begin(c->store, &w);
		if (code != 0)
			break;
		w.mark.number = open_number;
		w.mark.offset = w.mark.after = 0;
		code = hs_index_write_end(c->store, &w, 0);
	} while (code == MDB_MAP_FULL);
	return hs_index_store_result(c->store, code, "write");
}

enum hs_result hs_index_catch_up(struct hs_index_catch_up *c, uint64_t open_number)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	bool stepped = false;
	enum hs_result r = HS_OK;

	if (c->store->mark.number >= open_number)
		return HS_OK;
	r = hs_sealed_list(c->store->dir->fd, "events", &list, &count);
	for (size_t i = 0; i < count && r == HS_OK && list[i].number < open_number; i++)
		if (is_wanted(c, list, i))
			r = hs_io_now_monotonic() < c->stop_ms || !stepped ? index_segment(c, &list[i], &stepped)
			                                                   : HS_E_INDEXING;
	free(list);
	if (r == HS_OK)
		end_at(c, open_number);
	return r;
}

enum hs_result hs_index_catch_up_last(struct hs_index_catch_up *c, const struct hs_own *last)
{
	struct hs_sealed sealed = { .number = last->number, .sealed_ms = last->sealed_ms };
	enum hs_result r = index_sealed(c, &sealed, false);

	if (r == HS_OK)
		end_at(c, last->number + 1);
	return r;
}

static bool was_read_apart(const struct hs_index_catch_up *c, uint64_t number)
{
	for (size_t i = 0; i < c->apart.count; i++)
		if (c->apart.number[i] == number)
			return true;
	return false;
}

static bool are_many(const struct hs_index_catch_up *c)
{
	size_t unread = 0;

	for (size_t i = 0; i < c->sealed.missing_count; i++)
		unread += !was_read_apart(c, c->sealed.missing[i].number);
	return unread > APART_MOST;
}

enum hs_result hs_index_catch_up_apart(struct hs_index_catch_up *c)
{
	enum hs_result r = are_many(c) ? HS_E_INDEXING : HS_OK;

	for (size_t i = 0; i < c->sealed.missing_count && r == HS_OK; i++) {
		struct hs_sealed *sealed = &c->sealed.missing[i];

		if (was_read_apart(c, sealed->number))
			continue;
		r = HS_ARRAY_ROOM(&c->apart.number, c->apart.count, &c->apart.cap) ? index_sealed(c, sealed, true)
		                                                                   : HS_E_MEMORY;
		if (r == HS_OK)
			c->apart.number[c->apart.count++] = sealed->number;
	}
	return r;
}

void hs_index_catch_up_forget(struct hs_index_catch_up *c)
{
	free(c->apart.number);
	memset(&c->apart, 0, sizeof c->apart);
}

enum hs_result hs_index_catch_up_by_summaries(struct hs_index_catch_up *c, uint64_t open_number)
{
	enum hs_result r = HS_OK;
	bool stepped = false;

	if (c->store->mark.number >= open_number) /* another process has caught up, and more */
		return HS_OK;
	for (size_t i = 0; i < c->sealed.count && r == HS_OK; i++) {
		const struct hs_sealed_run *run = &c->sealed.run[i];

		if (run->number < c->store->mark.number)
			continue;
		r = hs_io_now_monotonic() < c->stop_ms || !stepped ? index_run(c, run) : HS_E_INDEXING;
		stepped = true;
	}
	return r == HS_OK ? store_end(c, open_number) : r;
}

/* --- tombstones ----------------------------------------------------------------- */

struct learning {
	struct hs_index_catch_up *c;
	struct hs_index_write writing;
	int code;
};

static bool learn_one(void *context, const struct hs_tombstone *e)
{
	struct learning *l = context;

	if (hs_index_store_keeps(l->c->store, e->spooled_s))
		l->code = hs_index_write_put(&l->writing, &e->id, e->spooled_s);
	return l->code == 0;
}

/* Learns the tombstones after the first `known` bytes, in one transaction. */
static int learn_once(struct hs_index_catch_up *c, uint64_t known)
{
	struct learning l = { .c = c };
	enum hs_result r;

	l.code = hs_index_write_begin(c->store, &l.writing);
	if (l.code != 0)
		return l.code;
	l.writing.mark.number = c->store->mark.number; /* it has caught up */
	l.writing.mark.offset = c->store->mark.offset;
	l.writing.mark.after = c->store->mark.after;
	r = hs_tombstones_each(c->store->dir->private_dir, &known, learn_one, &l);
	if (r != HS_OK)
		l.code = r == HS_E_MEMORY ? ENOMEM : EIO;
	l.writing.mark.erased = known;
	return hs_index_write_end(c->store, &l.writing, l.code);
}

enum hs_result hs_index_catch_up_erased(struct hs_index_catch_up *c)
{
	uint64_t known = c->store->mark.erased, size;
	enum hs_result r = hs_tombstones_size(c->store->dir->private_dir, &size);
	int code;

	if (r != HS_OK || size == 0 || known == size)
		return r;
	do {
		code = learn_once(c, known > size ? 0 : known);
	} while (code == MDB_MAP_FULL);
	return hs_index_store_result(c->store, code, "take in what was erased");
}
