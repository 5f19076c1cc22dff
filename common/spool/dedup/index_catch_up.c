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
	GROUP_MOST = 256,     /* summaries whose ids are put together */
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
	if (r != HS_OK)
		*known = false;
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
	if (apart) {
		hs_index_mark_note(&w.mark, number, *more ? c->lines.at : HS_INDEX_WHOLE);
	} else {
		hs_index_mark_turn(&w.mark, *more ? number : number + 1);
		if (*more)
			w.mark.offset = c->lines.at;
	}
	return hs_index_write_end(c->store, &w, code);
}

/*
 * Indexes ids of several summaries in one transaction; the mark has them as its group. *more is false at their
 * end.
 */
static int index_ids(struct hs_index_catch_up *c, struct hs_sealed_merge *ids, const struct hs_index_mark *group,
                     bool *more)
{
	struct hs_index_write w;
	struct hs_id_block_entry e;
	int code = hs_index_write_begin(c->store, &w);

	if (code != 0)
		return code;
	w.many = true;
	w.mark.number = group->number;
	w.mark.until = group->until;
	for (int i = 0; code == 0 && i < SUMMARY_IDS && (*more = hs_sealed_merge_next(ids, &e)); i++) {
		w.mark.after = e.high;
		if (e.spooled_s == 0)
			e.spooled_s = c->store->wall_s;
		if (hs_index_store_keeps(c->store, e.spooled_s))
			code = hs_index_write_put_entry(&w, &e);
	}
	if (ids->damaged)
		code = HS_SEALED_DAMAGED;
	w.mark.offset = 0;
	if (!*more)
		hs_index_mark_turn(&w.mark, group->until);
	return hs_index_write_end(c->store, &w, code);
}

/* Puts the ids of a group from its mark on, until they end or the time is up. */
static int index_group(struct hs_index_catch_up *c, const struct hs_sealed_run *run, size_t n,
                       const struct hs_index_mark *group, bool *more)
{
	struct hs_sealed_merge ids;
	int code = hs_sealed_merge_open(&ids, run, n, group->after) ? 0 : ENOMEM;

	*more = true;
	while (code == 0 && *more) {
		code = index_ids(c, &ids, group, more);
		if (hs_io_now_monotonic() >= c->stop_ms)
			break;
	}
	hs_sealed_merge_close(&ids);
	return code;
}

/*
 * Indexes runs[n], which have the numbers from the mark's to below `until`: in the order of ids, so that neighbours
 * come together and each block of the index is written once.
 */
static enum hs_result index_runs(struct hs_index_catch_up *c, const struct hs_sealed_run *runs, size_t n,
                                 uint64_t until)
{
	bool more = true;
	int code;

	do {
		const struct hs_index_mark *mark = &c->store->mark;
		struct hs_index_mark group = { .number = mark->number, .until = until, .after = mark->after };

		code = index_group(c, runs, n, &group, &more);
		if (code == MDB_MAP_FULL) { /* the map has grown: put the same ids again */
			more = true;
			code = 0;
		}
	} while (more && code == 0 && hs_io_now_monotonic() < c->stop_ms);
	if (code == HS_SEALED_DAMAGED || (code == 0 && more)) /* the caller drops a damaged summary and goes on */
		return HS_E_INDEXING;
	return hs_index_store_result(c->store, code, "take in summaries");
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
		at = hs_index_mark_read(&c->store->mark, sealed->number);
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

/* False if the segment has been read, is too old, or is there in plain text, too. */
static bool is_wanted(const struct hs_index_catch_up *c, const struct hs_sealed *list, size_t i)
{
	bool again = i > 0 && list[i].number == list[i - 1].number;

	return hs_index_mark_read(&c->store->mark, list[i].number) != HS_INDEX_WHOLE && !again &&
	       hs_sealed_ids_has(&c->sealed, list[i].number);
}

/* Passes what is missing before a segment. */
static void turn_to(struct hs_index_catch_up *c, uint64_t number)
{
	struct hs_index_mark *mark = &c->store->mark;

	if (mark->number >= number)
		return;
	mark->number = number;
	mark->offset = mark->after = mark->until = 0;
}

/* By its summary if that is open, else line by line. */
static enum hs_result index_segment(struct hs_index_catch_up *c, struct hs_sealed *sealed, bool *stepped)
{
	const struct hs_sealed_run *run = hs_sealed_ids_of(&c->sealed, sealed->number);

	*stepped = true;
	if (run == NULL)
		return index_sealed(c, sealed, false);
	turn_to(c, sealed->number);
	return index_runs(c, run, 1, sealed->number + 1);
}

/* All sealed segments are in the index. */
static void end_at(struct hs_index_catch_up *c, uint64_t open_number)
{
	hs_index_mark_turn(&c->store->mark, open_number);
}

static int store_end_once(struct hs_index_catch_up *c, uint64_t open_number)
{
	struct hs_index_write w;
	int code = hs_index_write_begin(c->store, &w);

	if (code != 0)
		return code;
	hs_index_mark_turn(&w.mark, open_number);
	return hs_index_write_end(c->store, &w, 0);
}

/* Ends there, too, and stores the mark, which may be before segments that were read out of turn. */
static enum hs_result store_end(struct hs_index_catch_up *c, uint64_t open_number)
{
	int code;

	do {
		code = store_end_once(c, open_number);
	} while (code == MDB_MAP_FULL);
	return hs_index_store_result(c->store, code, "write");
}

enum hs_result hs_index_catch_up(struct hs_index_catch_up *c, uint64_t open_number)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	bool stepped = false;
	enum hs_result r = hs_sealed_list(c->store->dir->fd, "events", &list, &count);

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

static bool was_read(const struct hs_index_catch_up *c, uint64_t number)
{
	return hs_index_mark_read(&c->store->mark, number) == HS_INDEX_WHOLE;
}

static bool are_many(const struct hs_index_catch_up *c)
{
	size_t unread = 0;

	for (size_t i = 0; i < c->sealed.missing_count; i++)
		unread += !was_read(c, c->sealed.missing[i].number);
	return unread > APART_MOST;
}

enum hs_result hs_index_catch_up_apart(struct hs_index_catch_up *c)
{
	enum hs_result r = are_many(c) ? HS_E_INDEXING : HS_OK;

	for (size_t i = 0; i < c->sealed.missing_count && r == HS_OK; i++)
		if (!was_read(c, c->sealed.missing[i].number))
			r = index_sealed(c, &c->sealed.missing[i], true);
	return r;
}

/*
 * Finds the runs that are indexed together, from the mark on, and the number that ends them: those of the mark's
 * group, or of a new one, to whose start the mark moves. NULL: there is none.
 */
static const struct hs_sealed_run *next_group(struct hs_index_catch_up *c, size_t *n, uint64_t *until)
{
	const struct hs_sealed_ids *s = &c->sealed;
	const struct hs_index_mark *mark = &c->store->mark;
	size_t first = hs_array_from(s->run, s->count, sizeof *s->run, mark->number), end;

	*until = mark->until;
	if (mark->until <= mark->number && first < s->count) {
		end = s->count - first > GROUP_MOST ? first + GROUP_MOST : s->count;
		*until = s->run[end - 1].number + 1;
		turn_to(c, s->run[first].number);
	} else {
		end = hs_array_from(s->run, s->count, sizeof *s->run, mark->until);
	}
	*n = end > first ? end - first : 0;
	return *n > 0 ? &s->run[first] : NULL;
}

enum hs_result hs_index_catch_up_by_summaries(struct hs_index_catch_up *c, uint64_t open_number)
{
	enum hs_result r = HS_OK;
	bool stepped = false;

	while (r == HS_OK && c->store->mark.number < open_number) {
		uint64_t until;
		size_t n;
		const struct hs_sealed_run *runs = next_group(c, &n, &until);

		if (runs == NULL && (until <= c->store->mark.number || until >= open_number)) /* none is left */
			return store_end(c, open_number);
		if (runs == NULL) /* the group's segments have gone */
			turn_to(c, until);
		else
			r = hs_io_now_monotonic() < c->stop_ms || !stepped ? index_runs(c, runs, n, until)
			                                                   : HS_E_INDEXING;
		stepped = true;
	}
	return r;
}

/* --- progress ---------------------------------------------------------------------- */

/* The number of the first segment that is to be read. */
static uint64_t first_unread(const struct hs_index_catch_up *c, uint64_t number)
{
	const struct hs_sealed_ids *sealed = &c->sealed;

	if (sealed->count > 0)
		number = sealed->run[0].number;
	if (sealed->missing_count > 0 && sealed->missing[0].number < number)
		number = sealed->missing[0].number;
	return number;
}

void hs_index_catch_up_note(const struct hs_index_catch_up *c, uint64_t number, bool behind)
{
	const struct hs_index_mark *mark = &c->store->mark;
	struct hs_index_print *print = c->store->print;
	uint64_t until = mark->until > mark->number ? mark->until : mark->number + 1;
	double done;

	if (!behind) {
		print->behind_since_ms = 0;
		return;
	}
	if (print->behind_since_ms == 0) {
		print->behind_since_ms = hs_io_now_monotonic();
		print->behind_from = first_unread(c, number);
	}
	/* ids of summaries are read in their order, and are evenly spread */
	done = (double)mark->number - (double)print->behind_from +
	       (double)(until - mark->number) * ((double)mark->after / 0x1p64);
	print->behind_permille = done > 0 ? (uint32_t)(1000 * done / ((double)number - (double)print->behind_from)) : 0;
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
	l.writing.mark.until = c->store->mark.until;
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
