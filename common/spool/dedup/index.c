#include "spool/dedup/index.h"
#include "base/defect.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/dedup/id_lsm.h"
#include "spool/dedup/memtable.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/line_reader.h"
#include "spool/shared/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_IDS = 4096,      /* so many synced lines are moved to the index at once, … */
	FLUSH_FIRST = 64,      /* … or so many, by who begins: plain CGI is always new to them */
	READ_BACK = 1 << 15,   /* lines read back at a time */
	PENDING_MOST = 1 << 16, /* above this many lines are synced only to be indexed */
	SYNC_MS = 4000,        /* how long that may wait for a sync that is under way */
	CATCH_UP_IDS = 20000,  /* lines of sealed segments read in one transaction */
	LOOK_IDS = 1000,       /* looked up at once: a batch of Segment's */
	BATCH_IDS = 1 << 14,   /* identities sorted and put at a time */
	MAP_FIRST = 16 << 20,  /* bytes; four times as many when they are full */
	AHEAD_S = 3600,        /* a clock that was further ahead made it forget too much */
	FORMAT = 3,
};

static const char INDEX[] = "index";

/*
 * How far the index has read, and the rest there is to know. Stored under this key, which is
 * the same in every byte order.
 */
static const uint64_t mark_key = UINT64_MAX;

struct mark {
	uint64_t format, number, offset;
	uint64_t erased; /* bytes of the erased ids' file that it has read */
	struct hs_id_lsm levels;
};

static_assert(sizeof(struct mark) == 4 * sizeof(uint64_t) + sizeof(struct hs_id_lsm),
              "stored as it lies in memory, in this machine's byte order: no padding");

struct hs_index {
	const struct hs_spool_dir *dir;
	struct hs_index_print *print; /* in the shared state … */
	struct hs_recent_ids *recent;     /* … as is this */
	uint64_t noted;               /* there, of the append that is under way */
	char path[PATH_MAX];
	int64_t window_s;
	uint32_t now_s; /* when it followed the files last, in believed time … */
	uint32_t wall_s; /* … and by the clock, as the records say */

	MDB_env *env; /* NULL: not open */
	MDB_dbi records; /* the levels' and the mark */
	MDB_txn *reader; /* reset between appends */
	MDB_cursor *find; /* of the reader */
	bool reading;
	bool damaged; /* LMDB has complained of its file: make it anew */
	struct mark mark;

	uint64_t generation; /* of the open segment that the rest is about */
	uint64_t seen;       /* its lines up to here are pending or in the index */
	struct hs_memtable pending;

	int64_t stop_ms; /* when reading sealed segments must be left for the next time */
	struct hs_dedup_key_maker identifier;
	struct hs_json json;
	struct hs_line_reader lines;
};

enum hs_result hs_index_result(int code)
{
	return code == 0 ? HS_OK : code == MDB_MAP_FULL ? HS_E_FULL : code > 0 ? hs_io_result(code) : HS_E_IO;
}

static enum hs_result mdb_result(struct hs_index *ix, int code, const char *what)
{
	if (code == 0)
		return HS_OK;
	ix->damaged |= code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_PAGE_NOTFOUND ||
	               code == MDB_VERSION_MISMATCH || code == MDB_BAD_TXN || code == MDB_PANIC;
	hs_log(HS_LOG_ERROR, "index: %s: %s", what, mdb_strerror(code));
	return hs_index_result(code);
}

/* The oldest time within a window. */
static uint32_t oldest(const struct hs_index *ix, int64_t window_s)
{
	int64_t since = (int64_t)ix->now_s - window_s;

	return since > 0 ? (uint32_t)since : 0;
}

/* Within ours. */
static uint32_t since_s(const struct hs_index *ix)
{
	return oldest(ix, ix->window_s);
}

/* What was spooled before is forgotten: it is in nobody's window. */
static bool is_kept(const struct hs_index *ix, uint32_t spooled_s)
{
	return spooled_s >= oldest(ix, ix->print->window_s);
}

static bool in_window(const struct hs_index *ix, uint32_t spooled_s)
{
	return spooled_s >= since_s(ix);
}

/* --- the file and its print -------------------------------------------------- */

/* The file by its name or, once it is open, by its descriptor; it may have lost its name. */
static bool look_at_file(const struct hs_index *ix, struct stat *st)
{
	int fd;

	if (ix->env == NULL || mdb_env_get_fd(ix->env, &fd) != 0)
		return hs_io_stat(ix->dir->run_dir, INDEX, st) == 0;
	return hs_io_fstat(fd, st) == 0 && st->st_nlink > 0;
}

/* Does the file look as it was left? */
static bool is_as_left(const struct hs_index *ix)
{
	const struct hs_index_print *p = ix->print;
	struct stat st;

	if (p->changed_ns == 0 || !look_at_file(ix, &st))
		return false;
	if (p->writing) /* its writer was killed: LMDB itself is safe against that */
		return (uint64_t)st.st_ino == p->inode;
	return (uint64_t)st.st_ino == p->inode && (uint64_t)st.st_size == p->size &&
	       st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec == p->changed_ns;
}

/* It only ever grows. */
static bool is_cut(const struct hs_index *ix)
{
	struct stat st;

	return ix->print->changed_ns != 0 && look_at_file(ix, &st) && (uint64_t)st.st_size < ix->print->size;
}

/* Killed in it: `writing` stands, and the inode with it. */
static void note_print(struct hs_index *ix)
{
	struct hs_index_print *p = ix->print;
	struct stat st;

	if (look_at_file(ix, &st)) {
		p->inode = (uint64_t)st.st_ino;
		p->size = (uint64_t)st.st_size;
		p->changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	} else {
		p->changed_ns = 0;
	}
	atomic_signal_fence(memory_order_seq_cst); /* this is the last, also for who is killed here */
	p->writing = 0;
}

static void close_reader(struct hs_index *ix)
{
	if (ix->find != NULL)
		mdb_cursor_close(ix->find);
	if (ix->reader != NULL)
		mdb_txn_abort(ix->reader);
	ix->find = NULL;
	ix->reader = NULL;
	ix->reading = false;
}

static void close_env(struct hs_index *ix)
{
	close_reader(ix);
	if (ix->env != NULL)
		mdb_env_close(ix->env);
	ix->env = NULL;
	ix->generation = 0;
	hs_memtable_clear(&ix->pending);
}

enum hs_result hs_index_discard(struct hs_index *ix)
{
	close_env(ix);
	ix->damaged = false;
	ix->print->changed_ns = 0;
	ix->print->latest_s = 0;
	if (hs_io_unlink(ix->dir->run_dir, INDEX) < 0 && errno != ENOENT)
		return hs_io_result(errno);
	return HS_OK;
}

/* --- a file that is cut ---------------------------------------------------------- */

/*
 * SIGBUS while LMDB read its mapping. Where it stood nobody knows: its environment, with the
 * descriptor and the map, is left as it is until the process ends, and the file is made anew.
 */
static enum hs_result abandon(struct hs_index *ix)
{
	ix->env = NULL;
	ix->find = NULL;
	ix->reader = NULL;
	ix->reading = false;
	ix->damaged = true;
	ix->generation = 0;
	hs_memtable_clear(&ix->pending);
	hs_log(HS_LOG_ERROR, "index: its file was cut by somebody else, or cannot be read: it is made anew; "
			     "if this goes on, see the system log for disk errors");
	return HS_E_IO;
}

/* --- transactions ------------------------------------------------------------ */

/* Another process may have grown the file beyond our map. */
static int begin(struct hs_index *ix, unsigned flags, MDB_txn **txn)
{
	int code = mdb_txn_begin(ix->env, NULL, flags, txn);

	if (code == MDB_MAP_RESIZED && mdb_env_set_mapsize(ix->env, 0) == 0)
		code = mdb_txn_begin(ix->env, NULL, flags, txn);
	return code;
}

static int start_reading(struct hs_index *ix)
{
	int code = 0;

	if (ix->reading)
		return 0;
	if (ix->reader != NULL) {
		code = mdb_txn_renew(ix->reader);
		if (code == 0)
			code = mdb_cursor_renew(ix->reader, ix->find);
		if (code != 0)
			close_reader(ix);
	}
	if (code != 0 && code != MDB_MAP_RESIZED)
		return code;
	if (ix->reader == NULL) {
		code = begin(ix, MDB_RDONLY, &ix->reader);
		if (code == 0)
			code = mdb_cursor_open(ix->reader, ix->records, &ix->find);
		if (code != 0)
			close_reader(ix);
	}
	ix->reading = code == 0;
	return code;
}

void hs_index_rest(struct hs_index *ix)
{
	if (ix->reading)
		mdb_txn_reset(ix->reader);
	ix->reading = false;
}

static MDB_val key_of_mark(void)
{
	return (MDB_val){ sizeof mark_key, (void *)(uintptr_t)&mark_key };
}

/* All zero if there is none. */
static int get_mark(struct hs_index *ix, MDB_txn *txn, struct mark *mark)
{
	MDB_val key = key_of_mark(), value;
	int code = mdb_get(txn, ix->records, &key, &value);

	memset(mark, 0, sizeof *mark);
	if (code == 0 && value.mv_size == sizeof *mark)
		memcpy(mark, value.mv_data, sizeof *mark);
	return code == MDB_NOTFOUND ? 0 : code;
}

/* A transaction that writes. */
struct writing {
	MDB_txn *txn;
	MDB_cursor *records;
	struct mark mark; /* as it will be */
	uint32_t since_s;
	struct hs_id_block_entry *batch; /* not put yet */
	size_t n;
};

/* end() ends it. The mark is what it is now, whoever set it. */
static int begin_writing(struct hs_index *ix, struct writing *w)
{
	int code;

	*w = (struct writing){ .since_s = oldest(ix, ix->print->window_s) };
	close_reader(ix); /* none may be open while the map moves */
	w->batch = malloc(BATCH_IDS * sizeof *w->batch);
	code = w->batch == NULL ? ENOMEM : begin(ix, 0, &w->txn);
	if (code == 0)
		code = get_mark(ix, w->txn, &w->mark);
	w->mark.format = FORMAT;
	if (code == 0)
		code = mdb_cursor_open(w->txn, ix->records, &w->records);
	if (code != 0) {
		if (w->txn != NULL)
			mdb_txn_abort(w->txn);
		free(w->batch);
	}
	return code;
}

static int put_batch(struct writing *w)
{
	size_t n = w->n;

	w->n = 0;
	hs_id_block_sort(w->batch, n);
	return hs_id_lsm_put(w->records, &w->mark.levels, w->since_s, w->batch, n);
}

static int put_id(struct writing *w, const struct hs_dedup_key *id, uint32_t spooled_s)
{
	w->batch[w->n++] = hs_id_block_entry(id, spooled_s);
	return w->n < BATCH_IDS ? 0 : put_batch(w);
}

static int commit(struct hs_index *ix, MDB_txn *txn)
{
	int code;

	/* cut since the transaction began: what is written now would fill it up with holes */
	if (is_cut(ix)) {
		mdb_txn_abort(txn);
		return MDB_INVALID;
	}
	ix->print->writing = 1;
	code = mdb_txn_commit(txn);
	note_print(ix);
	return code;
}

/*
 * Ends a transaction that was made of `code` so far. MDB_MAP_FULL: nothing was written,
 * the map is larger now, do it again.
 */
static int end(struct hs_index *ix, struct writing *w, int code)
{
	MDB_val key = key_of_mark(), value = { sizeof w->mark, &w->mark };
	MDB_envinfo info;

	if (code == 0 && w->n > 0)
		code = put_batch(w);
	if (code == 0)
		code = mdb_cursor_put(w->records, &key, &value, 0);
	mdb_cursor_close(w->records);
	free(w->batch);
	if (code == 0)
		code = commit(ix, w->txn);
	else
		mdb_txn_abort(w->txn);
	if (code == 0)
		ix->mark = w->mark;
	if (code == MDB_MAP_FULL && mdb_env_info(ix->env, &info) == 0) {
		int grown = mdb_env_set_mapsize(ix->env, info.me_mapsize * 4);

		return grown == 0 ? MDB_MAP_FULL : grown;
	}
	return code;
}

/* --- flushing ---------------------------------------------------------------- */

/* Moves what is synced from pending to the index. */
static int flush_once(struct hs_index *ix, uint64_t number, uint64_t synced)
{
	struct writing w;
	uint64_t there;
	int code = begin_writing(ix, &w);

	if (code != 0)
		return code;
	there = w.mark.number == number ? w.mark.offset : 0; /* by another process */
	for (size_t i = 0; i < ix->pending.slots && code == 0; i++) {
		const struct hs_unflushed_id *p = &ix->pending.slot[i];

		if (p->end > there && p->end <= synced)
			code = put_id(&w, &p->id, p->spooled_s);
	}
	w.mark.number = number;
	w.mark.offset = synced > there ? synced : there;
	return end(ix, &w, code);
}

static enum hs_result flush(struct hs_index *ix, uint64_t number, uint64_t synced)
{
	int code;

	do {
		code = flush_once(ix, number, synced);
	} while (code == MDB_MAP_FULL);
	if (code == 0) /* should memory be out: too many stay, and are put again */
		hs_memtable_keep(&ix->pending, synced, UINT64_MAX);
	return mdb_result(ix, code, "write");
}

/* --- reading lines back -------------------------------------------------------- */

/* The identity of a line; *known false if it is no record: not ours to say. */
static enum hs_result identify(struct hs_index *ix, struct hs_slice line, bool *known,
                               struct hs_dedup_key *id, uint32_t *spooled_s)
{
	int64_t ms;
	enum hs_result r =
	    hs_dedup_key_of_line(&ix->identifier, &ix->json, line, known, id, &ms);

	if (r == HS_E_MEMORY)
		return r;
	*known = *known && r == HS_OK;
	*spooled_s = ms > 0 ? (uint32_t)(ms / 1000) : ix->wall_s;
	return HS_OK;
}

/* The same for a line of the open segment, which a writer has reported as whole. */
static enum hs_result identify_whole(struct hs_index *ix, struct hs_slice line, bool *known,
                                     struct hs_dedup_key *id, uint32_t *spooled_s)
{
	int64_t ms;
	enum hs_result r = hs_dedup_key_of_record(&ix->identifier, line, known, id, &ms);

	*spooled_s = ms > 0 ? (uint32_t)(ms / 1000) : ix->now_s;
	return r;
}

/* One transaction's worth of a sealed segment. *more: not at its end yet. */
static int index_lines(struct hs_index *ix, uint64_t number, bool *more)
{
	struct writing w;
	int code = begin_writing(ix, &w);

	if (code != 0)
		return code;
	*more = true;
	for (int i = 0; code == 0 && *more && i < CATCH_UP_IDS; i++) {
		struct hs_slice line;
		struct hs_dedup_key id;
		uint32_t spooled_s = 0;
		bool known = false;
		int got = hs_line_reader_next(&ix->lines, &line);

		*more = got > 0;
		if (got < 0)
			code = errno == EILSEQ ? 0 : errno; /* verify will speak of damage */
		else if (*more && identify(ix, line, &known, &id, &spooled_s) != HS_OK)
			code = ENOMEM;
		if (code == 0 && known && is_kept(ix, spooled_s))
			code = put_id(&w, &id, spooled_s);
	}
	w.mark.number = *more ? number : number + 1;
	w.mark.offset = *more ? ix->lines.at : 0;
	return end(ix, &w, code);
}

/* *fd is -1 if there is nothing to read under this name, and never will be. */
static enum hs_result open_sealed(struct hs_index *ix, const char *name, int *fd, uint64_t *size)
{
	struct stat st;
	int error;

	*fd = hs_io_open_read(ix->dir->fd, name);
	error = *fd < 0 || hs_io_fstat(*fd, &st) < 0 ? errno : S_ISREG(st.st_mode) ? 0 : EISDIR;
	if (error == 0) {
		*size = (uint64_t)st.st_size;
		return HS_OK;
	}
	if (*fd >= 0)
		hs_io_close(*fd);
	*fd = -1;
	if (error == ENOENT) /* it has become a .gz just now, or retention took it */
		return HS_OK;
	if (error == ELOOP || error == EACCES || error == EISDIR) { /* a person did that: no retry helps */
		hs_log(HS_LOG_ERROR, "index: %s: %s: its events count as new; put the file back, for its owner to read",
		       name, strerror(error));
		return HS_OK;
	}
	hs_log_result(HS_E_IO, "index: %s: %s", name, strerror(error));
	return HS_E_IO;
}

/* At the mark. */
static int start_lines(struct hs_index *ix, const struct hs_sealed *sealed, int fd, uint64_t size)
{
	uint64_t at = ix->mark.number == sealed->number ? ix->mark.offset : 0;

	if (sealed->gzip)
		return hs_line_reader_start_gzip(&ix->lines, fd, at) ? 0 : ENOMEM;
	hs_line_reader_start(&ix->lines, fd, at, size);
	return 0;
}

static enum hs_result index_sealed(struct hs_index *ix, const char *name, const struct hs_sealed *sealed)
{
	bool more = true, late = false, start = true;
	int fd, code = 0;
	uint64_t size;
	enum hs_result r = open_sealed(ix, name, &fd, &size);

	if (fd < 0 && r == HS_OK && !sealed->gzip) {
		char gz[HS_SEALED_NAME];
		struct hs_sealed compressed = *sealed;

		compressed.gzip = true;
		hs_sealed_print("events", &compressed, gz);
		return index_sealed(ix, gz, &compressed);
	}
	if (fd < 0)
		return r;
	while (more && code == 0 && !late) {
		if (start)
			code = start_lines(ix, sealed, fd, size);
		if (code == 0)
			code = index_lines(ix, sealed->number, &more);
		start = code == MDB_MAP_FULL; /* the map has grown: the same lines again */
		if (start) {
			more = true;
			code = 0;
		}
		late = hs_io_now_monotonic() >= ix->stop_ms; /* but one step further each time */
	}
	hs_io_close(fd);
	return code == 0 && more ? HS_E_INDEXING : mdb_result(ix, code, name);
}

/* --- catching up -------------------------------------------------------------- */

/* Must this one be read? Not what is behind the mark, too old, or there in plain text, too. */
static bool is_wanted(const struct hs_index *ix, const struct hs_sealed *list, size_t i)
{
	bool again = i > 0 && list[i].number == list[i - 1].number;

	return list[i].number >= ix->mark.number && !again &&
	       is_kept(ix, (uint32_t)(list[i].sealed_ms / 1000));
}

/* --- what was erased ------------------------------------------------------------ */

struct learning {
	struct hs_index *ix;
	struct writing writing;
	int code;
};

static bool learn_one(void *context, const struct hs_tombstone *e)
{
	struct learning *l = context;

	if (is_kept(l->ix, e->spooled_s))
		l->code = put_id(&l->writing, &e->id, e->spooled_s);
	return l->code == 0;
}

/* Entries of the file behind the first `known` bytes. */
static int learn_once(struct hs_index *ix, uint64_t known)
{
	struct learning l = { .ix = ix };
	enum hs_result r;

	l.code = begin_writing(ix, &l.writing);
	if (l.code != 0)
		return l.code;
	l.writing.mark.number = ix->mark.number; /* it has caught up */
	l.writing.mark.offset = ix->mark.offset;
	r = hs_tombstones_each(ix->dir->private_dir, &known, learn_one, &l);
	if (r != HS_OK)
		l.code = r == HS_E_MEMORY ? ENOMEM : EIO;
	l.writing.mark.erased = known;
	return end(ix, &l.writing, l.code);
}

/*
 * The ids of erased events, from their file: after the sealed segments, never before. An
 * id is noted there before its line goes, so one of the two is always met.
 */
static enum hs_result learn_erased(struct hs_index *ix)
{
	uint64_t known = ix->mark.erased, size;
	enum hs_result r = hs_tombstones_size(ix->dir->private_dir, &size);
	int code;

	if (r != HS_OK || size == 0 || known == size)
		return r;
	do {
		code = learn_once(ix, known > size ? 0 : known);
	} while (code == MDB_MAP_FULL);
	return mdb_result(ix, code, "take in what was erased");
}

/* Reads every sealed segment behind the mark; then the mark is at the open one. */
static enum hs_result catch_up(struct hs_index *ix, uint64_t open_number)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = HS_OK;

	if (ix->mark.number >= open_number)
		return HS_OK;
	r = hs_sealed_list(ix->dir->fd, "events", &list, &count);
	for (size_t i = 0; i < count && r == HS_OK && list[i].number < open_number; i++) {
		char name[HS_SEALED_NAME];

		if (!is_wanted(ix, list, i))
			continue;
		hs_sealed_print("events", &list[i], name);
		r = index_sealed(ix, name, &list[i]);
	}
	free(list);
	if (r == HS_OK) {
		ix->mark.number = open_number;
		ix->mark.offset = 0;
	}
	return r;
}

static int open_file(struct hs_index *ix)
{
	int code = mdb_env_create(&ix->env);

	if (code == 0)
		code = mdb_env_set_mapsize(ix->env, MAP_FIRST);
	if (code == 0)
		code = mdb_env_open(ix->env, ix->path,
		                    MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0600);
	return code;
}

/* *foreign: the file is of another format. */
static int open_records(struct hs_index *ix, bool *foreign)
{
	MDB_txn *txn;
	MDB_stat st;
	int code = begin(ix, 0, &txn);

	if (code != 0)
		return code;
	code = mdb_dbi_open(txn, NULL, HS_ID_LSM_FLAGS, &ix->records);
	if (code == 0)
		code = mdb_stat(txn, ix->records, &st);
	if (code == 0)
		code = get_mark(ix, txn, &ix->mark);
	*foreign = code == 0 && st.ms_entries > 0 && ix->mark.format != FORMAT;
	if (code != 0 || *foreign) {
		mdb_txn_abort(txn);
		return code;
	}
	return st.ms_entries > 0 ? mdb_txn_commit(txn) : commit(ix, txn);
}

static enum hs_result open_env(struct hs_index *ix)
{
	bool foreign = !is_as_left(ix);
	enum hs_result r = HS_OK;
	int code;

	do {
		if (foreign)
			r = hs_index_discard(ix);
		if (r != HS_OK)
			return r;
		foreign = false;
		code = open_file(ix);
		if (code == 0)
			code = open_records(ix, &foreign);
	} while (foreign);
	if (code != 0) {
		r = mdb_result(ix, code, "open");
		close_env(ix);
	}
	return r;
}

/* What others have noted of the lines that we have not seen. *all: that is all of them. */
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

/* The lines behind `seen`, from the file; at most READ_BACK of them. */
static enum hs_result read_lines(struct hs_index *ix, int fd, uint64_t written)
{
	struct hs_slice line;
	enum hs_result r = HS_OK;
	int more = 1;

	hs_line_reader_start(&ix->lines, fd, ix->seen, written);
	for (int i = 0; r == HS_OK && i < READ_BACK; i++) {
		struct hs_dedup_key id;
		uint32_t spooled_s;
		bool known;

		more = hs_line_reader_next(&ix->lines, &line);
		if (more <= 0)
			break;
		r = identify_whole(ix, line, &known, &id, &spooled_s);
		if (r == HS_OK && known && !hs_memtable_add(&ix->pending, &id, ix->lines.at, spooled_s))
			r = HS_E_MEMORY;
	}
	if (r == HS_OK && more < 0)
		r = HS_E_IO;
	if (r == HS_OK)
		ix->seen = more > 0 ? ix->lines.at : written;
	return r;
}

/* Lines that others appended, or that we have not looked at since the segment changed. */
static enum hs_result read_back(struct hs_index *ix, int fd, uint64_t written)
{
	bool all = true;
	enum hs_result r = HS_OK;

	if (ix->seen < written)
		r = take_recent(ix, written, &all);
	return r == HS_OK && !all ? read_lines(ix, fd, written) : r;
}

/* The open segment is another one than last time (or this is the first time). */
static enum hs_result turn_to(struct hs_index *ix, const struct hs_stream *f)
{
	int code = start_reading(ix);
	enum hs_result r;

	if (code == 0)
		code = get_mark(ix, ix->reader, &ix->mark); /* another process may have read on */
	r = mdb_result(ix, code, "read");
	if (r == HS_OK)
		r = catch_up(ix, f->number);
	if (r == HS_OK)
		r = learn_erased(ix);
	if (r != HS_OK)
		return r;
	hs_memtable_clear(&ix->pending);
	ix->seen = ix->mark.number == f->number ? ix->mark.offset : 0;
	ix->generation = f->generation;
	return HS_OK;
}

/*
 * The file is not as it was left. If it has lost its name, another process has perhaps made it
 * anew: that one is not ours to remove, open_env finds out whether it is believed.
 */
static enum hs_result let_go(struct hs_index *ix)
{
	struct stat st;

	if (ix->env == NULL || look_at_file(ix, &st))
		return hs_index_discard(ix);
	close_env(ix);
	ix->damaged = false;
	return HS_OK;
}

/* Kept by a clock that was set back since, or for a shorter window, it lacks what counts now. */
static bool has_forgotten(const struct hs_index *ix)
{
	return ix->print->latest_s > ix->now_s + AHEAD_S || ix->print->window_s < ix->window_s;
}

/* By what it forgets from now on. */
static void note_window(struct hs_index *ix)
{
	if (ix->print->window_s < ix->window_s)
		ix->print->window_s = (uint32_t)ix->window_s;
	if (ix->print->latest_s < ix->now_s)
		ix->print->latest_s = ix->now_s;
}

/* Opens or makes it; then it knows what stands in the sealed segments. */
static enum hs_result get_ready(struct hs_index *ix, const struct hs_stream *f, uint64_t written)
{
	enum hs_result r = HS_OK;

	if (has_forgotten(ix))
		r = hs_index_discard(ix);
	else if (ix->damaged || (ix->env != NULL && !is_as_left(ix)))
		r = let_go(ix);
	if (r == HS_OK)
		note_window(ix);
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
	return r;
}

/* What another process has moved to the index need not be pending here. */
static enum hs_result drop_moved(struct hs_index *ix, const struct hs_stream *f)
{
	struct mark mark;
	int code = start_reading(ix);

	if (code == 0)
		code = get_mark(ix, ix->reader, &mark);
	if (code == 0 && mark.number == f->number && mark.offset > ix->mark.offset) {
		ix->mark = mark;
		hs_memtable_keep(&ix->pending, mark.offset, UINT64_MAX); /* as in flush */
	}
	return mdb_result(ix, code, "read");
}

/* Moves what is synced to the index, if `most` are pending. */
static enum hs_result settle(struct hs_index *ix, struct hs_segment *events, uint64_t synced,
                             size_t most)
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
	if (r == HS_OK && (ix->mark.number != f->number || synced > ix->mark.offset))
		r = flush(ix, f->number, synced);
	return r;
}

static enum hs_result follow(struct hs_index *ix, struct hs_segment *events)
{
	struct hs_stream *f = events->stream;
	uint64_t written = atomic_load(&f->written), synced = atomic_load(&f->synced);
	bool begins = ix->generation != f->generation;
	enum hs_result r = get_ready(ix, f, written);

	if (HS_DEFECT == HS_DEFECT_INDEX_FIRST)
		synced = written;
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

/* Once for each second of the clock: the believed time is under a lock of its own. */
static void take_time(struct hs_index *ix)
{
	uint32_t wall_s = (uint32_t)(hs_io_now() / 1000);

	if (wall_s == ix->wall_s)
		return;
	ix->wall_s = wall_s;
	ix->now_s = (uint32_t)(hs_clock_now(ix->dir) / 1000);
}

enum hs_result hs_index_follow(struct hs_index *ix, struct hs_segment *events, int64_t deadline_ms)
{
	enum hs_result r;

	ix->stop_ms = deadline_ms;
	take_time(ix);
	r = follow_guarded(ix, events);
	if (r != HS_OK && ix->damaged)
		r = follow_guarded(ix, events); /* once more, from the files */
	if (r != HS_OK && r != HS_E_INDEXING) /* LMDB refuses to go on after a failed write: open it again next time */
		close_env(ix);
	return r;
}

/* --- look-ups ------------------------------------------------------------------ */

/* The same of not too many. */
static int look_at_few(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n,
                       bool *kept)
{
	struct hs_id_block_entry want[LOOK_IDS];
	bool found[LOOK_IDS];
	size_t known = 0;
	int code;

	memset(kept, false, n * sizeof *kept);
	for (size_t i = 0; i < n; i++)
		if (id[i] != NULL) {
			hs_memtable_prefetch(&ix->pending, id[i]);
			want[known++] = hs_id_block_entry(id[i], (uint32_t)i);
		}
	hs_id_block_sort(want, known);
	code = hs_id_lsm_find(ix->find, want, known, since_s(ix), found);
	for (size_t i = 0; i < known && code == 0; i++)
		kept[want[i].spooled_s] = found[i];
	return code;
}

static enum hs_result look(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n, bool *kept)
{
	int code = start_reading(ix);

	for (size_t i = 0; i < n && code == 0; i += LOOK_IDS)
		code = look_at_few(ix, &id[i], n - i < LOOK_IDS ? n - i : LOOK_IDS, &kept[i]);
	return mdb_result(ix, code, "read");
}

enum hs_result hs_index_look(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n,
                             bool *kept)
{
	struct hs_io_guard guard;
	enum hs_result r = HS_IO_GUARDED(&guard) ? look(ix, id, n, kept) : abandon(ix);

	hs_io_guard_end(&guard);
	return r;
}

enum hs_seen hs_index_seen(const struct hs_index *ix, const struct hs_dedup_key *id, bool kept)
{
	const struct hs_unflushed_id *pending = hs_memtable_find(&ix->pending, id);

	if (pending == NULL)
		return kept ? HS_SEEN_KEPT : HS_SEEN_NEVER;
	return in_window(ix, pending->spooled_s) ? HS_SEEN_PENDING : HS_SEEN_NEVER;
}

enum hs_result hs_index_add(struct hs_index *ix, const struct hs_dedup_key *id, uint64_t end_offset)
{
	struct hs_unflushed_id noted = { *id, end_offset, ix->wall_s };

	hs_recent_ids_note(ix->recent, ix->noted++, noted);
	return hs_memtable_add(&ix->pending, id, end_offset, ix->wall_s) ? HS_OK : HS_E_MEMORY;
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
	hs_memtable_clear(&ix->pending); /* what was not written must not count: read all back */
	ix->generation = 0;
}

bool hs_index_is_trusted(const struct hs_index *ix)
{
	return is_as_left(ix);
}

static enum hs_result count_ids(struct hs_index *ix, uint64_t *count)
{
	struct mark mark;
	int code = start_reading(ix);

	if (code == 0)
		code = get_mark(ix, ix->reader, &mark);
	hs_index_rest(ix);
	*count = ix->pending.count;
	for (int i = 0; code == 0 && i < HS_ID_LSM; i++)
		*count += mark.levels.count[i];
	return mdb_result(ix, code, "count");
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

	if (ix == NULL || !hs_dedup_key_maker_init(&ix->identifier)) {
		free(ix);
		return NULL;
	}
	ix->dir = dir;
	ix->print = &dir->state->state->index;
	ix->recent = &dir->state->state->recent;
	ix->window_s = dir->settings->dedup_window / 1000;
	snprintf(ix->path, sizeof ix->path, "%s/.hookspool/run/%s", path, INDEX);
	return ix;
}

void hs_index_free(struct hs_index *ix)
{
	if (ix == NULL)
		return;
	close_env(ix);
	hs_memtable_free(&ix->pending);
	hs_dedup_key_maker_free(&ix->identifier);
	hs_json_free(&ix->json);
	hs_line_reader_free(&ix->lines);
	free(ix);
}
