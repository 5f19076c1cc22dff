#include "spool/dedup/index.h"
#include "base/defect.h"
#include "base/io.h"
#include "spool/dedup/index_catch_up.h"
#include "spool/dedup/memtable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_IDS = 4096,       /* synced lines that are moved to the index at once, … */
	FLUSH_FIRST = 64,       /* … or by a process that begins: a plain CGI always does */
	READ_BACK = 1 << 15,    /* lines read back at a time */
	PENDING_MOST = 1 << 16, /* above this many, lines are synced only to be indexed */
	SYNC_MS = 4000,         /* how long that may wait for a sync that is under way */
	LOOK_IDS = 1000,        /* looked up at once: a batch of Segment's */
	STEP_MS = 5,            /* of an append go to catching up, while summaries answer for the index */
	GAP_MS = 2,             /* after each STEP_MS, for appends that wait while a command works with the index */
};

struct hs_index {
	struct hs_index_store store;
	struct hs_index_catch_up catch_up;

	bool behind;         /* the index is not caught up; look-ups ask the summaries, too */
	uint64_t generation; /* of the open segment that `seen` and `pending` are about; 0: none */
	uint64_t seen;       /* its lines up to here are pending or in the index */
	struct hs_memtable pending;
	struct hs_recent_ids *recent; /* in the shared state */
	int64_t gap_ms;               /* when hs_index_begin last left the lock to others */
	uint64_t noted;               /* in `recent`, by the append that is under way */
	struct hs_segment *events;    /* followed last, … */
	int64_t deadline_ms;          /* … until then */
};

/* --- closing -------------------------------------------------------------------- */

/* Forgets the pending ids: the next follow reads them back. */
static void forget_pending(struct hs_index *ix)
{
	ix->generation = 0;
	ix->behind = false;
	hs_memtable_clear(&ix->pending);
}

static void close_store(struct hs_index *ix)
{
	hs_index_store_close(&ix->store);
	forget_pending(ix);
}

/* Forgets the open summaries, too: a repair may have taken lines out of their segments. */
static void forget_all(struct hs_index *ix)
{
	forget_pending(ix);
	hs_sealed_ids_close(&ix->catch_up.sealed);
}

static enum hs_result let_go(struct hs_index *ix)
{
	forget_all(ix);
	return hs_index_store_let_go(&ix->store);
}

/*
 * After a SIGBUS, or an assertion of LMDB's that failed. It may have been a summary that was cut: they are opened
 * again, and checked.
 */
static enum hs_result abandon(struct hs_index *ix)
{
	forget_all(ix);
	return hs_index_store_abandon(&ix->store);
}

/* True if there was a damaged summary: the caller then follows again, which reads its segment. */
static bool drop_damaged(struct hs_index *ix)
{
	bool dropped = hs_sealed_ids_drop_damaged(&ix->catch_up.sealed, ix->store.dir);

	if (dropped)
		forget_pending(ix);
	return dropped;
}

enum hs_result hs_index_discard(struct hs_index *ix)
{
	forget_all(ix);
	return hs_index_store_discard(&ix->store);
}

void hs_index_rest(struct hs_index *ix)
{
	hs_index_store_rest(&ix->store);
}

/* --- flushing ---------------------------------------------------------------- */

/* Moves synced ids from pending to the index. */
static int flush_once(struct hs_index *ix, uint64_t number, uint64_t synced)
{
	struct hs_index_write w;
	uint64_t there;
	int code = hs_index_write_begin(&ix->store, &w);

	if (code != 0)
		return code;
	there = hs_index_mark_read(&w.mark, number); /* by another process */
	for (size_t i = 0; i < ix->pending.slots && code == 0; i++) {
		const struct hs_unflushed_id *p = &ix->pending.slot[i];

		if (p->end > there && p->end <= synced)
			code = hs_index_write_put(&w, &p->id, p->spooled_s);
	}
	hs_index_mark_note(&w.mark, number, synced > there ? synced : there);
	if (!ix->behind) /* a group that is not done is of segments that have gone since */
		hs_index_mark_turn(&w.mark, number);
	return hs_index_write_end(&ix->store, &w, code);
}

static enum hs_result flush(struct hs_index *ix, uint64_t number, uint64_t synced)
{
	int code;

	do {
		code = flush_once(ix, number, synced);
	} while (code == MDB_MAP_FULL);
	if (code == 0) /* if memory is out, too many stay and are put again */
		hs_memtable_keep(&ix->pending, synced, UINT64_MAX);
	return hs_index_store_result(&ix->store, code, "write");
}

/* Reads the id of a line of the open segment, which its writer has reported as whole. */
static enum hs_result identify_whole(struct hs_index *ix, struct hs_slice line, bool *known, struct hs_dedup_key *id,
                                     uint32_t *spooled_s)
{
	int64_t ms;
	enum hs_result r = hs_dedup_key_of_record(&ix->catch_up.identifier, line, known, id, &ms);

	*spooled_s = ms > 0 ? (uint32_t)(ms / 1000) : ix->store.now_s;
	return r;
}

/* Takes what others have noted of lines after `seen`. *all is false if that is not all of them. */
static enum hs_result take_recent(struct hs_index *ix, uint64_t written, bool *all)
{
	uint64_t at, next;

	*all = hs_recent_ids_between(ix->recent, ix->generation, ix->seen, written, &at, &next);
	if (!*all)
		return HS_OK;
	for (; at < next; at++) {
		const struct hs_unflushed_id *id = hs_recent_ids_at(ix->recent, at);

		if (!hs_memtable_add(&ix->pending, &id->id, id->end, id->spooled_s))
			return HS_E_MEMORY;
	}
	ix->seen = written;
	return HS_OK;
}

/* Reads lines after `seen` from the file, at most READ_BACK. */
static enum hs_result read_lines(struct hs_index *ix, int fd, uint64_t written)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 1;

	hs_line_reader_start(&ix->catch_up.lines, fd, ix->seen, written);
	for (int i = 0; r == HS_OK && i < READ_BACK; i++) {
		struct hs_dedup_key id;
		uint32_t spooled_s;
		bool known;

		more = hs_line_reader_next(&ix->catch_up.lines, &line);
		if (more <= 0)
			break;
		r = identify_whole(ix, line, &known, &id, &spooled_s);
		if (r == HS_OK && known && !hs_memtable_add(&ix->pending, &id, ix->catch_up.lines.at, spooled_s))
			r = HS_E_MEMORY;
	}
	if (r == HS_OK && more < 0)
		r = HS_E_IO;
	if (r == HS_OK)
		ix->seen = more > 0 ? ix->catch_up.lines.at : written;
	return r;
}

/* Takes in lines that others appended, or that were not read since the segment changed. */
static enum hs_result read_back(struct hs_index *ix, int fd, uint64_t written)
{
	bool all = true;
	enum hs_result r = HS_OK;

	if (ix->seen < written)
		r = take_recent(ix, written, &all);
	return r == HS_OK && !all ? read_lines(ix, fd, written) : r;
}

/* Reads on in what the open summaries have, for a little while. */
static enum hs_result step(struct hs_index *ix, uint64_t number)
{
	int64_t soon = hs_io_now_monotonic() + STEP_MS;
	enum hs_result r;

	if (soon < ix->catch_up.stop_ms)
		ix->catch_up.stop_ms = soon;
	r = hs_index_catch_up_by_summaries(&ix->catch_up, number);
	ix->behind = r == HS_E_INDEXING;
	if (!ix->behind)
		hs_sealed_ids_close(&ix->catch_up.sealed);
	return ix->behind ? HS_OK : r;
}

/* The segment that is left to read if only this one is, and its stamp is known: at a rotation. NULL: list them. */
static const struct hs_own *only_unread(const struct hs_index *ix, const struct hs_stream *f)
{
	const struct hs_index_mark *mark = &ix->store.mark;
	const struct hs_own *own = &f->own[mark->number % HS_OWN];
	bool followed = mark->offset > 0 || (ix->generation != 0 && !ix->behind); /* the mark moves late */

	return followed && mark->after == 0 && own->number == mark->number && own->number + 1 == f->number ? own : NULL;
}

/*
 * Catches up with the sealed segments. If nearly all that are left have summaries, those answer until
 * the index has caught up, so no append waits for it.
 */
static enum hs_result catch_up(struct hs_index *ix, const struct hs_stream *f)
{
	struct hs_index_store *s = &ix->store;
	const struct hs_own *only = only_unread(ix, f);
	uint64_t number = f->number;
	enum hs_result r;

	ix->behind = false;
	if (s->mark.number >= number) { /* another process has read all, and no look-up asks a summary */
		hs_sealed_ids_close(&ix->catch_up.sealed);
		return HS_OK;
	}
	if (only != NULL) {
		hs_sealed_ids_close(&ix->catch_up.sealed);
		return hs_index_catch_up_last(&ix->catch_up, only);
	}
	r = hs_sealed_ids_open(&ix->catch_up.sealed, s->dir, s->mark.number, number,
	                       hs_index_store_oldest(s, s->print->window_s));
	if (r == HS_OK)
		r = hs_index_catch_up_apart(&ix->catch_up);
	if (r == HS_OK)
		return step(ix, number);
	if (r == HS_E_INDEXING) /* in turn at least one step is done, and the mark moves */
		r = hs_index_catch_up(&ix->catch_up, number);
	if (r == HS_OK)
		hs_sealed_ids_close(&ix->catch_up.sealed);
	return r;
}

/* `r`: the result of catching up. */
static void note_progress(struct hs_index *ix, uint64_t number, enum hs_result r)
{
	hs_index_catch_up_note(&ix->catch_up, number, r == HS_E_INDEXING || ix->behind);
}

/* Catches up when the open segment is not the one of last time, or at the first time. */
static enum hs_result turn_to(struct hs_index *ix, const struct hs_stream *f)
{
	int code = hs_index_store_mark(&ix->store, &ix->store.mark); /* another process may have read on */
	enum hs_result r;

	r = hs_index_store_result(&ix->store, code, "read");
	if (r == HS_OK)
		r = catch_up(ix, f);
	note_progress(ix, f->number, r);
	if (r == HS_OK)
		r = hs_index_catch_up_erased(&ix->catch_up);
	if (r != HS_OK)
		return r;
	hs_memtable_clear(&ix->pending);
	ix->seen = hs_index_mark_read(&ix->store.mark, f->number);
	ix->generation = f->generation;
	return HS_OK;
}

/* Another process may have caught up meanwhile. */
static enum hs_result catch_up_on(struct hs_index *ix, uint64_t number)
{
	int code = hs_index_store_mark(&ix->store, &ix->store.mark);
	enum hs_result r = hs_index_store_result(&ix->store, code, "read");

	if (r == HS_OK)
		r = step(ix, number);
	note_progress(ix, number, r);
	return r;
}

/* Opens or makes the index; at HS_OK it has read the sealed segments, or their summaries answer for it. */
static enum hs_result get_ready(struct hs_index *ix, const struct hs_stream *f, uint64_t written)
{
	enum hs_result r = HS_OK;

	if (hs_index_store_has_forgotten(&ix->store))
		r = hs_index_discard(ix);
	else if (ix->store.damaged || (ix->store.env != NULL && !hs_index_store_is_trusted(&ix->store)))
		r = let_go(ix);
	if (r == HS_OK)
		r = hs_index_store_ready(&ix->store);
	if (r == HS_OK && ix->generation != f->generation)
		r = turn_to(ix, f);
	else if (r == HS_OK && ix->behind)
		r = catch_up_on(ix, f->number);
	if (r == HS_OK && (ix->seen > written || hs_index_mark_is_ahead(&ix->store.mark, f->number))) {
		/* ahead of the files: it has read other files */
		r = hs_index_discard(ix);
		if (r == HS_OK)
			r = hs_index_store_open(&ix->store);
		if (r == HS_OK)
			r = turn_to(ix, f);
	}
	return r;
}

/* Drops from pending what another process has moved to the index. */
static enum hs_result drop_moved(struct hs_index *ix, const struct hs_stream *f)
{
	struct hs_index_mark mark;
	int code = hs_index_store_mark(&ix->store, &mark);

	if (code == 0 && (mark.number == f->number || ix->behind) &&
	    hs_index_mark_read(&mark, f->number) > hs_index_mark_read(&ix->store.mark, f->number)) {
		ix->store.mark = mark;
		hs_memtable_keep(&ix->pending, hs_index_mark_read(&mark, f->number), UINT64_MAX); /* as in flush */
	}
	return hs_index_store_result(&ix->store, code, "read");
}

/* Moves synced ids to the index if `most` are pending. */
static enum hs_result settle(struct hs_index *ix, struct hs_segment *events, uint64_t synced, size_t most)
{
	struct hs_stream *f = events->stream;
	enum hs_result r = HS_OK;

	if (ix->pending.count >= most)
		r = drop_moved(ix, f);
	if (r != HS_OK || ix->pending.count < most)
		return r;
	if (ix->pending.count >= PENDING_MOST) { /* durability = none: nobody syncs */
		r = hs_segment_sync(events, hs_io_now_monotonic() + SYNC_MS);
		synced = atomic_load(&f->synced);
	}
	if (synced > ix->seen) /* not all of the segment has been read yet */
		synced = ix->seen;
	if (r == HS_OK && ((!ix->behind && ix->store.mark.number != f->number) ||
	                   synced > hs_index_mark_read(&ix->store.mark, f->number)))
		r = flush(ix, f->number, synced);
	return r;
}

static enum hs_result follow(struct hs_index *ix, struct hs_segment *events)
{
	struct hs_stream *f = events->stream;
	uint64_t written = atomic_load(&f->written);
	uint64_t synced = HS_DEFECT == HS_DEFECT_INDEX_FIRST ? written : atomic_load(&f->synced);
	bool begins = ix->generation != f->generation;
	enum hs_result r = get_ready(ix, f, written);

	if (r != HS_OK)
		return r;
	do {
		r = read_back(ix, hs_segment_fd(events), written);
		if (r == HS_OK)
			r = settle(ix, events, synced, begins ? FLUSH_FIRST : FLUSH_IDS);
	} while (r == HS_OK && ix->seen < written);
	if (r == HS_OK)
		hs_recent_ids_begin(ix->recent, f->generation, written);
	ix->noted = 0;
	return r;
}

static enum hs_result follow_guarded(struct hs_index *ix, struct hs_segment *events)
{
	struct hs_io_guard guard;
	enum hs_result r = HS_IO_GUARDED(&guard) ? follow(ix, events) : abandon(ix);

	hs_io_guard_end(&guard);
	return r;
}

enum hs_result hs_index_follow(struct hs_index *ix, struct hs_segment *events, int64_t deadline_ms)
{
	enum hs_result r;

	ix->events = events;
	ix->deadline_ms = deadline_ms;
	hs_index_store_take_time(&ix->store);
	do {
		ix->catch_up.stop_ms = deadline_ms;
		r = follow_guarded(ix, events);
	} while (drop_damaged(ix));
	if (r != HS_OK && ix->store.damaged)
		r = follow_guarded(ix, events); /* rebuild it, from the files */
	if (r != HS_OK && r != HS_E_INDEXING) /* LMDB refuses to go on after a failed write: open it again next time */
		close_store(ix);
	return r;
}

/*
 * Leaves the append lock to others for a moment, if that was long ago. It is not fair: a process that takes it again
 * at once gets it before one that has to be woken, and appends would wait until the command is done.
 */
static void leave_gap(struct hs_index *ix)
{
	if (hs_io_now_monotonic() - ix->gap_ms < STEP_MS)
		return;
	hs_io_pause(GAP_MS);
	ix->gap_ms = hs_io_now_monotonic();
}

enum hs_result hs_index_begin(struct hs_index *ix, struct hs_segment *events, int64_t lock_ms)
{
	enum hs_result r;

	do {
		leave_gap(ix);
		r = hs_segment_begin(events, 0, hs_io_now_monotonic() + lock_ms);
		if (r != HS_OK)
			return r;
		r = hs_index_follow(ix, events, hs_io_now_monotonic() + STEP_MS);
		if (r != HS_OK)
			hs_segment_end(events);
	} while (r == HS_E_INDEXING);
	return r;
}

enum hs_result hs_index_begin_whole(struct hs_index *ix, struct hs_segment *events, int64_t lock_ms)
{
	enum hs_result r = hs_index_begin(ix, events, lock_ms);

	while (r == HS_OK && ix->behind) {
		hs_segment_end(events);
		r = hs_index_begin(ix, events, lock_ms);
	}
	return r;
}

/* --- look-ups ------------------------------------------------------------------ */

/* Looks up at most LOOK_IDS. */
static int look_at_few(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n, bool *kept)
{
	struct hs_id_block_entry want[LOOK_IDS];
	bool found[LOOK_IDS];
	int code;

	for (size_t i = 0; i < n; i++) {
		hs_memtable_prefetch(&ix->pending, id[i]);
		want[i] = hs_id_block_entry(id[i], (uint32_t)i);
	}
	hs_id_block_sort(want, n);
	code = hs_id_lsm_find(ix->store.find, want, n, hs_index_store_since(&ix->store), found);
	if (ix->behind && code == 0 &&
	    !hs_sealed_ids_find(&ix->catch_up.sealed, want, n, hs_index_store_since(&ix->store), found))
		return HS_SEALED_DAMAGED;
	for (size_t i = 0; i < n && code == 0; i++)
		kept[want[i].spooled_s] = found[i];
	return code;
}

static enum hs_result look(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n, bool *kept)
{
	int code = hs_index_store_read(&ix->store);

	for (size_t i = 0; i < n && code == 0; i += LOOK_IDS)
		code = look_at_few(ix, &id[i], n - i < LOOK_IDS ? n - i : LOOK_IDS, &kept[i]);
	if (code == 0 && !hs_index_store_is_trusted(&ix->store)) /* somebody has written into what was read */
		code = MDB_INVALID;
	return code == HS_SEALED_DAMAGED ? HS_E_INDEXING : hs_index_store_result(&ix->store, code, "read");
}

static enum hs_result look_guarded(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n, bool *kept)
{
	struct hs_io_guard guard;
	enum hs_result r = HS_IO_GUARDED(&guard) ? look(ix, id, n, kept) : abandon(ix);

	hs_io_guard_end(&guard);
	return r;
}

enum hs_result hs_index_look(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n, bool *kept)
{
	enum hs_result r = look_guarded(ix, id, n, kept);

	while (drop_damaged(ix)) {
		if (ix->noted > 0) /* ids of this append are pending: its sender comes again */
			return HS_E_INDEXING;
		r = hs_index_follow(ix, ix->events, ix->deadline_ms);
		if (r == HS_OK)
			r = look_guarded(ix, id, n, kept);
	}
	return r;
}

enum hs_seen hs_index_seen(const struct hs_index *ix, const struct hs_dedup_key *id, bool kept)
{
	const struct hs_unflushed_id *pending = hs_memtable_find(&ix->pending, id);

	if (pending == NULL)
		return kept ? HS_SEEN_KEPT : HS_SEEN_NEVER;
	return pending->spooled_s >= hs_index_store_since(&ix->store) ? HS_SEEN_PENDING : HS_SEEN_NEVER;
}

enum hs_result hs_index_add(struct hs_index *ix, const struct hs_dedup_key *id, uint64_t end_offset)
{
	struct hs_unflushed_id noted = { *id, end_offset, ix->store.wall_s };

	hs_recent_ids_note(ix->recent, ix->noted++, noted);
	return hs_memtable_add(&ix->pending, id, end_offset, ix->store.wall_s) ? HS_OK : HS_E_MEMORY;
}

void hs_index_appended(struct hs_index *ix, uint64_t end_offset)
{
	ix->seen = end_offset;
	hs_recent_ids_end(ix->recent, ix->noted, end_offset);
}

void hs_index_undo(struct hs_index *ix, uint64_t end_offset)
{
	if (hs_memtable_keep(&ix->pending, 0, end_offset))
		return;
	forget_pending(ix); /* lines that were not written must not count */
}

bool hs_index_is_behind(const struct hs_index *ix)
{
	return ix->behind;
}

bool hs_index_is_trusted(const struct hs_index *ix)
{
	return hs_index_store_is_trusted(&ix->store);
}

static enum hs_result count_ids(struct hs_index *ix, uint64_t *count)
{
	struct hs_index_mark mark;
	int code = hs_index_store_mark(&ix->store, &mark);

	hs_index_rest(ix);
	*count = ix->pending.count;
	for (int i = 0; code == 0 && i < HS_ID_LSM; i++)
		*count += mark.levels.count[i];
	return hs_index_store_result(&ix->store, code, "count");
}

enum hs_result hs_index_count(struct hs_index *ix, uint64_t *count)
{
	struct hs_io_guard guard;
	enum hs_result r = HS_IO_GUARDED(&guard) ? count_ids(ix, count) : abandon(ix);

	hs_io_guard_end(&guard);
	return r;
}

/* --- the object ---------------------------------------------------------------- */

struct hs_index *hs_index_new(const struct hs_spool_dir *dir, const char *path)
{
	struct hs_index *ix = calloc(1, sizeof *ix);

	if (ix == NULL || !hs_dedup_key_maker_init(&ix->catch_up.identifier)) {
		free(ix);
		return NULL;
	}
	ix->store.dir = dir;
	ix->catch_up.store = &ix->store;
	ix->store.print = &dir->state->state->index;
	ix->recent = &dir->state->state->recent;
	ix->store.window_s = dir->settings->dedup_window / 1000;
	snprintf(ix->store.path, sizeof ix->store.path, "%s/.hookspool/run/%s", path, HS_INDEX_FILE);
	return ix;
}

void hs_index_free(struct hs_index *ix)
{
	if (ix == NULL)
		return;
	close_store(ix);
	hs_memtable_free(&ix->pending);
	hs_dedup_key_maker_free(&ix->catch_up.identifier);
	hs_json_free(&ix->catch_up.json);
	hs_line_reader_free(&ix->catch_up.lines);
	hs_sealed_ids_close(&ix->catch_up.sealed);
	free(ix);
}
