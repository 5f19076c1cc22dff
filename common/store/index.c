#include "store/index.h"
#include "store/defect.h"
#include "store/io.h"
#include "store/lines.h"
#include "store/log.h"
#include "store/pending.h"

#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_IDS = 64,        /* so many synced lines are moved to the index at once */
	PENDING_MOST = 1 << 16, /* above this many lines are synced only to be indexed */
	SYNC_MS = 4000,        /* how long that may wait for a sync that is under way */
	CATCH_UP_IDS = 20000,  /* lines of sealed segments read in one transaction */
	SWEEP = 2,             /* entries looked at for each one put: expiry without a pause */
	MAP_FIRST = 64 << 20,  /* bytes; doubled when they are full */
	FORMAT = 1,
};

static const char INDEX[] = "index";

/* How far the index has read. Stored under the key "mark". */
struct mark {
	uint64_t format, number, offset;
};

struct hs_index {
	const struct hs_place *place;
	struct hs_index_print *print; /* in the shared state */
	char path[PATH_MAX];
	int64_t window_s;

	MDB_env *env; /* NULL: not open */
	MDB_dbi ids, meta;
	MDB_txn *reader; /* reset between appends */
	bool reading;
	bool damaged; /* LMDB has complained of its file: make it anew */
	struct mark mark;
	struct hs_identity sweep_at;

	uint64_t generation; /* of the open segment that the rest is about */
	uint64_t seen;       /* its lines up to here are pending or in the index */
	struct hs_pending_ids pending;

	struct hs_identifier identifier;
	struct hs_json json;
	struct hs_lines lines;
};

static enum hs_result mdb_result(struct hs_index *ix, int code, const char *what)
{
	if (code == 0)
		return HS_OK;
	ix->damaged |= code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_PAGE_NOTFOUND ||
	               code == MDB_VERSION_MISMATCH || code == MDB_BAD_TXN || code == MDB_PANIC;
	hs_log(HS_LOG_ERROR, "index: %s: %s", what, mdb_strerror(code));
	return code == ENOMEM ? HS_E_MEMORY : code == ENOSPC ? HS_E_FULL : HS_E_IO;
}

static uint32_t now_s(void)
{
	return (uint32_t)(hs_io_now() / 1000);
}

static bool in_window(const struct hs_index *ix, uint32_t spooled_s, uint32_t now)
{
	return (int64_t)now - (int64_t)spooled_s <= ix->window_s;
}

/* --- the file and its print -------------------------------------------------- */

/* Does the file look as it was left? */
static bool is_as_left(const struct hs_index *ix)
{
	const struct hs_index_print *p = ix->print;
	struct stat st;

	if (p->changed_ns == 0 || hs_io_stat(ix->place->private_dir, INDEX, &st) < 0)
		return false;
	if (p->writing) /* its writer was killed: LMDB itself is safe against that */
		return (uint64_t)st.st_ino == p->inode;
	return (uint64_t)st.st_ino == p->inode && (uint64_t)st.st_size == p->size &&
	       st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec == p->changed_ns;
}

static void note_print(struct hs_index *ix)
{
	struct hs_index_print *p = ix->print;
	struct stat st;

	p->changed_ns = 0;
	if (hs_io_stat(ix->place->private_dir, INDEX, &st) == 0) {
		p->inode = (uint64_t)st.st_ino;
		p->size = (uint64_t)st.st_size;
		p->changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	}
	p->writing = 0;
}

static void close_env(struct hs_index *ix)
{
	if (ix->reader != NULL)
		mdb_txn_abort(ix->reader);
	if (ix->env != NULL)
		mdb_env_close(ix->env);
	ix->reader = NULL;
	ix->env = NULL;
	ix->reading = false;
	ix->generation = 0;
	hs_pending_clear(&ix->pending);
}

enum hs_result hs_index_discard(struct hs_index *ix)
{
	close_env(ix);
	ix->damaged = false;
	ix->print->changed_ns = 0;
	if (hs_io_unlink(ix->place->private_dir, INDEX) < 0 && errno != ENOENT)
		return HS_E_IO;
	return HS_OK;
}

/* --- transactions ------------------------------------------------------------ */

/* Another process may have grown the file beyond our map. */
static int begin(struct hs_index *ix, MDB_txn *parent, unsigned flags, MDB_txn **txn)
{
	int code = mdb_txn_begin(ix->env, parent, flags, txn);

	if (code == MDB_MAP_RESIZED && mdb_env_set_mapsize(ix->env, 0) == 0)
		code = mdb_txn_begin(ix->env, parent, flags, txn);
	return code;
}

static int start_reading(struct hs_index *ix)
{
	int code;

	if (ix->reading)
		return 0;
	if (ix->reader == NULL) {
		code = begin(ix, NULL, MDB_RDONLY, &ix->reader);
	} else {
		code = mdb_txn_renew(ix->reader);
		if (code == MDB_MAP_RESIZED) {
			mdb_txn_abort(ix->reader);
			code = begin(ix, NULL, MDB_RDONLY, &ix->reader);
		}
	}
	ix->reading = code == 0;
	if (code != 0)
		ix->reader = NULL;
	return code;
}

void hs_index_rest(struct hs_index *ix)
{
	if (ix->reading)
		mdb_txn_reset(ix->reader);
	ix->reading = false;
}

static int put_mark(struct hs_index *ix, MDB_txn *txn, const struct mark *mark)
{
	MDB_val key = { 4, "mark" }, value = { sizeof *mark, (void *)(uintptr_t)mark };

	return mdb_put(txn, ix->meta, &key, &value, 0);
}

static int get_mark(struct hs_index *ix, MDB_txn *txn)
{
	MDB_val key = { 4, "mark" }, value;
	int code = mdb_get(txn, ix->meta, &key, &value);

	memset(&ix->mark, 0, sizeof ix->mark);
	if (code == 0 && value.mv_size == sizeof ix->mark)
		memcpy(&ix->mark, value.mv_data, sizeof ix->mark);
	return code == MDB_NOTFOUND ? 0 : code;
}

static int put_id(struct hs_index *ix, MDB_txn *txn, const struct hs_identity *id, uint32_t spooled_s)
{
	MDB_val key = { sizeof *id, (void *)(uintptr_t)id }, value = { sizeof spooled_s, &spooled_s };

	return mdb_put(txn, ix->ids, &key, &value, 0);
}

/* Walks on through the index, a few entries a time, and drops what is too old. */
static int sweep(struct hs_index *ix, MDB_txn *txn, size_t entries)
{
	MDB_val key = { sizeof ix->sweep_at, &ix->sweep_at }, value;
	MDB_cursor *cursor;
	uint32_t now = now_s();
	int code = mdb_cursor_open(txn, ix->ids, &cursor);

	if (code != 0)
		return code;
	code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	for (; code == 0 && entries > 0; entries--) {
		uint32_t spooled_s;

		memcpy(&spooled_s, value.mv_data, sizeof spooled_s);
		memcpy(&ix->sweep_at, key.mv_data, sizeof ix->sweep_at);
		if (!in_window(ix, spooled_s, now))
			code = mdb_cursor_del(cursor, 0);
		if (code == 0)
			code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	if (code == MDB_NOTFOUND) /* at the end: begin again */
		memset(&ix->sweep_at, 0, sizeof ix->sweep_at);
	mdb_cursor_close(cursor);
	return code == MDB_NOTFOUND ? 0 : code;
}

/*
 * Ends a transaction that was made of `code` so far. MDB_MAP_FULL: nothing was written,
 * the map is larger now, do it again.
 */
static int end(struct hs_index *ix, MDB_txn *txn, int code, const struct mark *mark)
{
	MDB_envinfo info;

	if (code == 0)
		code = put_mark(ix, txn, mark);
	if (code != 0) {
		mdb_txn_abort(txn);
	} else {
		ix->print->writing = 1;
		code = mdb_txn_commit(txn);
		note_print(ix);
	}
	if (code == 0)
		ix->mark = *mark;
	if (code == MDB_MAP_FULL && mdb_env_info(ix->env, &info) == 0) {
		int grown = mdb_env_set_mapsize(ix->env, info.me_mapsize * 2);

		return grown == 0 ? MDB_MAP_FULL : grown;
	}
	return code;
}

static int begin_writing(struct hs_index *ix, MDB_txn **txn)
{
	if (ix->reader != NULL) /* a reader must not be open while the map moves */
		mdb_txn_abort(ix->reader);
	ix->reader = NULL;
	ix->reading = false;
	return begin(ix, NULL, 0, txn);
}

/* --- flushing ---------------------------------------------------------------- */

/* Moves what is synced from pending to the index. */
static int flush_once(struct hs_index *ix, uint64_t number, uint64_t synced)
{
	struct mark mark = { FORMAT, number, synced };
	MDB_txn *txn;
	size_t put = 0;
	int code = begin_writing(ix, &txn);

	if (code != 0)
		return code;
	for (size_t i = 0; i < ix->pending.slots && code == 0; i++) {
		const struct hs_pending_id *p = &ix->pending.slot[i];

		if (p->used && p->end <= synced) {
			code = put_id(ix, txn, &p->id, p->spooled_s);
			put++;
		}
	}
	if (code == 0)
		code = sweep(ix, txn, SWEEP * put);
	return end(ix, txn, code, &mark);
}

static enum hs_result flush(struct hs_index *ix, uint64_t number, uint64_t synced)
{
	int code;

	do {
		code = flush_once(ix, number, synced);
	} while (code == MDB_MAP_FULL);
	if (code == 0) /* should memory be out: too many stay, and are put again */
		hs_pending_keep(&ix->pending, synced, UINT64_MAX);
	return mdb_result(ix, code, "write");
}

/* --- reading lines back -------------------------------------------------------- */

/* The identity of a line; *known false if it has none (or is no record: not ours to say). */
static enum hs_result identify(struct hs_index *ix, struct hs_slice line, bool *known,
                               struct hs_identity *id, uint32_t *spooled_s)
{
	int64_t ms;
	enum hs_result r =
	    hs_identity_of_line(&ix->identifier, &ix->json, line, known, id, &ms);

	if (r == HS_E_MEMORY)
		return r;
	*known = *known && r == HS_OK;
	*spooled_s = ms > 0 ? (uint32_t)(ms / 1000) : now_s();
	return HS_OK;
}

/* One transaction's worth of a sealed segment. *more: not at its end yet. */
static int index_lines(struct hs_index *ix, uint64_t number, bool *more)
{
	uint32_t now = now_s();
	MDB_txn *txn;
	struct mark mark;
	int code = begin_writing(ix, &txn);

	*more = true;
	for (int i = 0; code == 0 && *more && i < CATCH_UP_IDS; i++) {
		struct hs_slice line;
		struct hs_identity id;
		uint32_t spooled_s = 0;
		bool known = false;
		int got = hs_lines_next(&ix->lines, &line);

		*more = got > 0;
		if (got < 0)
			code = errno == EILSEQ ? 0 : errno; /* verify will speak of damage */
		else if (*more && identify(ix, line, &known, &id, &spooled_s) != HS_OK)
			code = ENOMEM;
		if (code == 0 && known && in_window(ix, spooled_s, now))
			code = put_id(ix, txn, &id, spooled_s);
	}
	mark = *more ? (struct mark){ FORMAT, number, ix->lines.at } : (struct mark){ FORMAT, number + 1, 0 };
	return end(ix, txn, code, &mark);
}

static enum hs_result index_sealed(struct hs_index *ix, const char *name, const struct hs_sealed *sealed)
{
	int fd = hs_io_open_read(ix->place->dir, name), code = 0;
	struct stat st;
	bool more = true;

	if (fd < 0 && errno == ENOENT && !sealed->gzip) { /* it has become a .gz just now */
		char gz[HS_SEALED_NAME];
		struct hs_sealed compressed = { sealed->number, sealed->sealed_ms, true };

		hs_sealed_print("events", &compressed, gz);
		return index_sealed(ix, gz, &compressed);
	}
	if (fd < 0 && errno == ENOENT)
		return HS_OK; /* retention took it */
	if (fd < 0 || hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	while (more && code == 0) {
		uint64_t at = ix->mark.number == sealed->number ? ix->mark.offset : 0;

		if (!sealed->gzip)
			hs_lines_start(&ix->lines, fd, at, (uint64_t)st.st_size);
		else if (!hs_lines_start_gzip(&ix->lines, fd, at))
			code = ENOMEM;
		if (code == 0)
			code = index_lines(ix, sealed->number, &more);
		if (code == MDB_MAP_FULL) { /* the map has grown: the same lines again */
			more = true;
			code = 0;
		}
	}
	hs_io_close(fd);
	return mdb_result(ix, code, name);
}

/* --- catching up -------------------------------------------------------------- */

/* Must this one be read? Not what is behind the mark, too old, or there in plain text, too. */
static bool is_wanted(const struct hs_index *ix, const struct hs_sealed *list, size_t i)
{
	bool again = i > 0 && list[i].number == list[i - 1].number;

	return list[i].number >= ix->mark.number && !again &&
	       in_window(ix, (uint32_t)(list[i].sealed_ms / 1000), now_s());
}

/* Reads every sealed segment behind the mark; then the mark is at the open one. */
static enum hs_result catch_up(struct hs_index *ix, uint64_t open_number)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = HS_OK;

	if (ix->mark.number >= open_number)
		return HS_OK;
	r = hs_sealed_list(ix->place->dir, "events", &list, &count);
	for (size_t i = 0; i < count && r == HS_OK; i++) {
		char name[HS_SEALED_NAME];

		if (!is_wanted(ix, list, i))
			continue;
		hs_sealed_print("events", &list[i], name);
		r = index_sealed(ix, name, &list[i]);
	}
	free(list);
	if (r == HS_OK)
		ix->mark = (struct mark){ FORMAT, open_number, 0 };
	return r;
}

static enum hs_result open_env(struct hs_index *ix)
{
	MDB_txn *txn = NULL;
	int code;

	if (!is_as_left(ix)) {
		enum hs_result r = hs_index_discard(ix);

		if (r != HS_OK)
			return r;
	}
	code = mdb_env_create(&ix->env);
	if (code == 0)
		code = mdb_env_set_maxdbs(ix->env, 2);
	if (code == 0)
		code = mdb_env_set_mapsize(ix->env, MAP_FIRST);
	if (code == 0)
		code = mdb_env_open(ix->env, ix->path,
		                    MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0600);
	if (code == 0)
		code = begin(ix, NULL, 0, &txn);
	if (code == 0)
		code = mdb_dbi_open(txn, "ids", MDB_CREATE, &ix->ids);
	if (code == 0)
		code = mdb_dbi_open(txn, "meta", MDB_CREATE, &ix->meta);
	if (code == 0)
		code = get_mark(ix, txn);
	if (code == 0 && ix->mark.format == FORMAT) {
		code = mdb_txn_commit(txn); /* keeps the handles; nothing is new, nothing is written */
	} else if (txn != NULL) {
		struct mark none = { FORMAT, 0, 0 };

		code = end(ix, txn, code, &none);
	}
	if (code != 0) {
		enum hs_result r = mdb_result(ix, code, "open");

		close_env(ix);
		return r;
	}
	return HS_OK;
}

/* Lines that others appended, or that we have not looked at since the segment changed. */
static enum hs_result read_back(struct hs_index *ix, int fd, uint64_t written)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 1;

	if (ix->seen == written)
		return HS_OK;
	hs_lines_start(&ix->lines, fd, ix->seen, written);
	while (r == HS_OK && (more = hs_lines_next(&ix->lines, &line)) > 0) {
		struct hs_identity id;
		uint32_t spooled_s;
		bool known;

		r = identify(ix, line, &known, &id, &spooled_s);
		if (r == HS_OK && known && !hs_pending_add(&ix->pending, &id, ix->lines.at, spooled_s))
			r = HS_E_MEMORY;
	}
	if (r == HS_OK && more < 0)
		r = HS_E_IO;
	if (r == HS_OK)
		ix->seen = written;
	return r;
}

/* The open segment is another one than last time (or this is the first time). */
static enum hs_result turn_to(struct hs_index *ix, const struct hs_family *f)
{
	enum hs_result r = catch_up(ix, f->number);

	if (r != HS_OK)
		return r;
	hs_pending_clear(&ix->pending);
	ix->seen = ix->mark.number == f->number ? ix->mark.offset : 0;
	ix->generation = f->generation;
	return HS_OK;
}

static enum hs_result follow(struct hs_index *ix, struct hs_segment *events)
{
	struct hs_family *f = events->family;
	uint64_t written = atomic_load(&f->written), synced = atomic_load(&f->synced);
	enum hs_result r = HS_OK;

	if (HS_DEFECT == HS_DEFECT_INDEX_FIRST)
		synced = written;
	if (ix->damaged || (ix->env != NULL && !is_as_left(ix)))
		r = hs_index_discard(ix);
	if (r == HS_OK && ix->env == NULL)
		r = open_env(ix);
	if (r == HS_OK && ix->generation != f->generation)
		r = turn_to(ix, f);
	if (r == HS_OK && (ix->seen > written || ix->mark.number > f->number)) {
		/* ahead of the files: they are not the ones it has read */
		r = hs_index_discard(ix);
		if (r == HS_OK)
			r = open_env(ix);
		if (r == HS_OK)
			r = turn_to(ix, f);
	}
	if (r == HS_OK)
		r = read_back(ix, hs_segment_fd(events), written);
	if (r == HS_OK && ix->pending.count >= PENDING_MOST) { /* durability = none: nobody syncs */
		r = hs_segment_sync(events, hs_io_now_monotonic() + SYNC_MS);
		synced = atomic_load(&f->synced);
	}
	if (r == HS_OK && ix->pending.count >= FLUSH_IDS &&
	    (ix->mark.number != f->number || synced > ix->mark.offset))
		r = flush(ix, f->number, synced);
	return r;
}

enum hs_result hs_index_follow(struct hs_index *ix, struct hs_segment *events)
{
	enum hs_result r = follow(ix, events);

	if (r != HS_OK && ix->damaged)
		r = follow(ix, events); /* once more, from the files */
	if (r != HS_OK) /* LMDB refuses to go on after a failed write: open it again next time */
		close_env(ix);
	return r;
}

/* --- look-ups ------------------------------------------------------------------ */

enum hs_result hs_index_find(struct hs_index *ix, const struct hs_identity *id, enum hs_seen *seen)
{
	MDB_val key = { sizeof *id, (void *)(uintptr_t)id }, value;
	const struct hs_pending_id *pending;
	uint32_t spooled_s;
	int code;

	pending = hs_pending_find(&ix->pending, id);
	*seen = pending != NULL && in_window(ix, pending->spooled_s, now_s()) ? HS_SEEN_PENDING : HS_SEEN_NEVER;
	if (pending != NULL)
		return HS_OK;
	code = start_reading(ix);
	if (code == 0)
		code = mdb_get(ix->reader, ix->ids, &key, &value);
	if (code == MDB_NOTFOUND)
		return HS_OK;
	if (code != 0)
		return mdb_result(ix, code, "read");
	memcpy(&spooled_s, value.mv_data, sizeof spooled_s);
	if (in_window(ix, spooled_s, now_s()))
		*seen = HS_SEEN_KEPT;
	return HS_OK;
}

enum hs_result hs_index_add(struct hs_index *ix, const struct hs_identity *id, uint64_t end_offset)
{
	return hs_pending_add(&ix->pending, id, end_offset, now_s()) ? HS_OK : HS_E_MEMORY;
}

void hs_index_appended(struct hs_index *ix, uint64_t end_offset)
{
	ix->seen = end_offset;
}

void hs_index_undo(struct hs_index *ix, uint64_t end_offset)
{
	if (hs_pending_keep(&ix->pending, 0, end_offset))
		return;
	hs_pending_clear(&ix->pending); /* what was not written must not count: read all back */
	ix->generation = 0;
}

enum hs_result hs_index_count(struct hs_index *ix, uint64_t *count)
{
	MDB_stat st;
	int code = start_reading(ix);

	if (code == 0)
		code = mdb_stat(ix->reader, ix->ids, &st);
	hs_index_rest(ix);
	*count = code == 0 ? st.ms_entries + ix->pending.count : 0;
	return mdb_result(ix, code, "count");
}

/* --- the object ---------------------------------------------------------------- */

struct hs_index *hs_index_new(const struct hs_place *place, const char *path)
{
	struct hs_index *ix = calloc(1, sizeof *ix);

	if (ix == NULL || !hs_identifier_init(&ix->identifier)) {
		free(ix);
		return NULL;
	}
	ix->place = place;
	ix->print = &place->state->state->index;
	ix->window_s = place->settings->dedup_window / 1000;
	snprintf(ix->path, sizeof ix->path, "%s/.hookspool/%s", path, INDEX);
	return ix;
}

void hs_index_free(struct hs_index *ix)
{
	if (ix == NULL)
		return;
	close_env(ix);
	hs_pending_free(&ix->pending);
	hs_identifier_free(&ix->identifier);
	hs_json_free(&ix->json);
	hs_lines_free(&ix->lines);
	free(ix);
}
