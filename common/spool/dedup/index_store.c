#include "spool/dedup/index_store.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/file/gzip.h"
#include "spool/shared/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH_IDS = 1 << 14,  /* ids sorted and put at a time */
	MAP_FIRST = 16 << 20, /* bytes; four times as many when they are full */
	AHEAD_S = 3600,       /* a clock that was further ahead made the index forget too much */
	FORMAT = 7,
};

static const char INDEX[] = HS_INDEX_FILE;

/* The mark's key is the same in every byte order. */
static const uint64_t mark_key = UINT64_MAX;

static_assert(sizeof(struct hs_index_mark) == (7 + 2 * HS_INDEX_AHEAD) * sizeof(uint64_t) + sizeof(struct hs_id_lsm),
              "stored as it lies in memory, in this machine's byte order: no padding");

/* --- the mark -------------------------------------------------------------- */

/* The note about a segment read out of turn, or NULL. Notes of segments before the mark may be left over. */
static struct hs_index_ahead *find_ahead(struct hs_index_mark *mark, uint64_t number)
{
	for (int i = 0; i < HS_INDEX_AHEAD; i++)
		if (mark->ahead[i].offset > 0 && mark->ahead[i].number == number)
			return &mark->ahead[i];
	return NULL;
}

uint64_t hs_index_mark_read(const struct hs_index_mark *mark, uint64_t number)
{
	const struct hs_index_ahead *a = find_ahead((struct hs_index_mark *)(uintptr_t)mark, number);

	if (number < mark->number)
		return HS_INDEX_WHOLE;
	return number == mark->number && mark->offset > 0 ? mark->offset : a != NULL ? a->offset : 0;
}

void hs_index_mark_note(struct hs_index_mark *mark, uint64_t number, uint64_t offset)
{
	struct hs_index_ahead *a = find_ahead(mark, number), *oldest = &mark->ahead[0];

	for (int i = 1; i < HS_INDEX_AHEAD; i++)
		if (mark->ahead[i].number < oldest->number)
			oldest = &mark->ahead[i];
	*(a != NULL ? a : oldest) = (struct hs_index_ahead){ number, offset };
}

void hs_index_mark_turn(struct hs_index_mark *mark, uint64_t number)
{
	const struct hs_index_ahead *a;

	while ((a = find_ahead(mark, number)) != NULL && a->offset == HS_INDEX_WHOLE)
		number++;
	mark->number = number;
	mark->offset = a != NULL ? a->offset : 0;
	mark->after = mark->until = 0;
}

bool hs_index_mark_is_ahead(const struct hs_index_mark *mark, uint64_t number)
{
	bool ahead = mark->number > number || mark->until > number;

	for (int i = 0; i < HS_INDEX_AHEAD; i++)
		ahead |= mark->ahead[i].number > number;
	return ahead;
}

/* --- results ------------------------------------------------------------------ */

enum hs_result hs_index_result(int code)
{
	return code == 0 ? HS_OK : code == MDB_MAP_FULL ? HS_E_FULL : code > 0 ? hs_io_result(code) : HS_E_IO;
}

enum hs_result hs_index_store_result(struct hs_index_store *s, int code, const char *what)
{
	if (code == 0)
		return HS_OK;
	s->damaged |= code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_PAGE_NOTFOUND ||
	              code == MDB_VERSION_MISMATCH || code == MDB_BAD_TXN || code == MDB_PANIC;
	hs_log(HS_LOG_ERROR, "index: %s: %s", what, mdb_strerror(code));
	return hs_index_result(code);
}

/* --- the file and its print -------------------------------------------------- */

/* Looks at the file by its descriptor if it is open, otherwise by its name. False: it has no name. */
static bool look_at_file(const struct hs_index_store *s, struct stat *st)
{
	int fd;

	if (s->env == NULL || mdb_env_get_fd(s->env, &fd) != 0)
		return hs_io_stat(s->dir->run_dir, INDEX, st) == 0;
	return hs_io_fstat(fd, st) == 0 && st->st_nlink > 0;
}

bool hs_index_store_is_trusted(const struct hs_index_store *s)
{
	const struct hs_index_print *p = s->print;
	struct stat st;

	if (p->changed_ns == 0 || !look_at_file(s, &st))
		return false;
	if (p->writing) /* its writer was killed: LMDB itself is safe against that */
		return (uint64_t)st.st_ino == p->inode;
	return (uint64_t)st.st_ino == p->inode && (uint64_t)st.st_size == p->size &&
	       st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec == p->changed_ns;
}

/*
 * Sets the file's time a second back. The kernel's own times are ticks of some milliseconds: without this, somebody
 * else's write in the tick of ours would not change it. It fails if the file is another user's: then the ticks count.
 */
static void set_back(const struct hs_index_store *s, struct stat *st)
{
	int fd;

	st->st_mtim.tv_sec--;
	if (mdb_env_get_fd(s->env, &fd) == 0)
		(void)hs_io_set_changed(fd, st);
}

/* After a kill in here, or in a transaction, `writing` is set, and the inode alone counts until the next process. */
static void note_print(struct hs_index_store *s)
{
	struct hs_index_print *p = s->print;
	struct stat st;

	if (look_at_file(s, &st))
		set_back(s, &st);
	if (look_at_file(s, &st)) {
		p->inode = (uint64_t)st.st_ino;
		p->size = (uint64_t)st.st_size;
		p->changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	} else {
		p->changed_ns = 0;
	}
	atomic_signal_fence(memory_order_seq_cst); /* stored last, also if a kill comes in between */
	p->writing = 0;
}

static void close_reader(struct hs_index_store *s)
{
	if (s->find != NULL)
		mdb_cursor_close(s->find);
	if (s->reader != NULL)
		mdb_txn_abort(s->reader);
	s->find = NULL;
	s->reader = NULL;
	s->reading = false;
}

void hs_index_store_close(struct hs_index_store *s)
{
	close_reader(s);
	if (s->env != NULL)
		mdb_env_close(s->env);
	s->env = NULL;
}

enum hs_result hs_index_store_discard(struct hs_index_store *s)
{
	hs_index_store_close(s);
	s->damaged = false;
	s->print->changed_ns = 0;
	s->print->latest_s = 0;
	if (hs_io_unlink(s->dir->run_dir, INDEX) < 0 && errno != ENOENT)
		return hs_io_result(errno);
	return HS_OK;
}

enum hs_result hs_index_store_abandon(struct hs_index_store *s)
{
	s->env = NULL;
	s->find = NULL;
	s->reader = NULL;
	s->reading = false;
	s->damaged = true;
	hs_log(HS_LOG_ERROR, "index: its file was cut by somebody else, or cannot be read: it is made anew; "
	                     "if this goes on, see the system log for disk errors");
	return HS_E_IO;
}

/* If it has lost its name, another process may have made a new file: that one is not removed. */
enum hs_result hs_index_store_let_go(struct hs_index_store *s)
{
	struct stat st;

	if (s->env == NULL || look_at_file(s, &st))
		return hs_index_store_discard(s);
	hs_index_store_close(s);
	s->damaged = false;
	return HS_OK;
}

bool hs_index_store_has_forgotten(const struct hs_index_store *s)
{
	return s->print->latest_s > s->now_s + AHEAD_S || s->print->window_s < s->window_s;
}

void hs_index_store_take_time(struct hs_index_store *s)
{
	uint32_t wall_s = (uint32_t)(hs_io_now() / 1000);
	int64_t longest_s = s->print->window_s, now_ms;

	if (wall_s == s->wall_s)
		return;
	if (longest_s < s->window_s)
		longest_s = s->window_s;
	now_ms = hs_clock_now(s->dir);
	s->wall_s = wall_s;
	s->now_s = (uint32_t)(now_ms / 1000);
	s->window_end_s = (uint32_t)(hs_clock_window_end(s->dir, now_ms, longest_s * 1000) / 1000);
}

static void note_window(struct hs_index_store *s)
{
	if (s->print->window_s < s->window_s)
		s->print->window_s = (uint32_t)s->window_s;
	if (s->print->latest_s < s->now_s)
		s->print->latest_s = s->now_s;
}

/* --- transactions ------------------------------------------------------------ */

/* Begins a transaction, also if another process has grown the file beyond our map. */
static int begin(struct hs_index_store *s, unsigned flags, MDB_txn **txn)
{
	int code = mdb_txn_begin(s->env, NULL, flags, txn);

	if (code == MDB_MAP_RESIZED && mdb_env_set_mapsize(s->env, 0) == 0)
		code = mdb_txn_begin(s->env, NULL, flags, txn);
	return code;
}

int hs_index_store_read(struct hs_index_store *s)
{
	int code = 0;

	if (s->reading)
		return 0;
	if (s->reader != NULL) {
		code = mdb_txn_renew(s->reader);
		if (code == 0)
			code = mdb_cursor_renew(s->reader, s->find);
		if (code != 0)
			close_reader(s);
	}
	if (code != 0 && code != MDB_MAP_RESIZED)
		return code;
	if (s->reader == NULL) {
		code = begin(s, MDB_RDONLY, &s->reader);
		if (code == 0)
			code = mdb_cursor_open(s->reader, s->records, &s->find);
		if (code != 0)
			close_reader(s);
	}
	s->reading = code == 0;
	return code;
}

void hs_index_store_rest(struct hs_index_store *s)
{
	if (s->reading)
		mdb_txn_reset(s->reader);
	s->reading = false;
}

static MDB_val key_of_mark(void)
{
	return (MDB_val){ sizeof mark_key, (void *)(uintptr_t)&mark_key };
}

static uint64_t check_of(const struct hs_index_mark *mark)
{
	return hs_crc32(0, hs_slice((const char *)mark, offsetof(struct hs_index_mark, check)));
}

/* *mark is all zero if there is none. */
static int get_mark(struct hs_index_store *s, MDB_txn *txn, struct hs_index_mark *mark)
{
	MDB_val key = key_of_mark(), value;
	int code = mdb_get(txn, s->records, &key, &value);

	memset(mark, 0, sizeof *mark);
	if (code != 0)
		return code == MDB_NOTFOUND ? 0 : code;
	if (value.mv_size != sizeof *mark) /* of another format */
		return 0;
	memcpy(mark, value.mv_data, sizeof *mark);
	return mark->check == check_of(mark) ? 0 : MDB_CORRUPTED;
}

int hs_index_store_mark(struct hs_index_store *s, struct hs_index_mark *mark)
{
	int code = hs_index_store_read(s);

	return code == 0 ? get_mark(s, s->reader, mark) : code;
}

int hs_index_write_begin(struct hs_index_store *s, struct hs_index_write *w)
{
	int code;

	*w = (struct hs_index_write){ .since_s = hs_index_store_oldest(s, s->print->window_s) };
	close_reader(s); /* no reader may be open while the map moves */
	w->batch = malloc(BATCH_IDS * sizeof *w->batch);
	code = w->batch == NULL ? ENOMEM : begin(s, 0, &w->txn);
	if (code == 0)
		code = get_mark(s, w->txn, &w->mark);
	w->mark.format = FORMAT;
	if (code == 0)
		code = mdb_cursor_open(w->txn, s->records, &w->records);
	if (code != 0) {
		if (w->txn != NULL)
			mdb_txn_abort(w->txn);
		free(w->batch);
	}
	return code;
}

static int put_batch(struct hs_index_write *w)
{
	size_t n = w->n;

	w->n = 0;
	hs_id_block_sort(w->batch, n);
	return w->many ? hs_id_lsm_put_many(w->records, &w->mark.levels, w->since_s, w->batch, n)
	               : hs_id_lsm_put(w->records, &w->mark.levels, w->since_s, w->batch, n);
}

int hs_index_write_put_entry(struct hs_index_write *w, const struct hs_id_block_entry *e)
{
	w->batch[w->n++] = *e;
	return w->n < BATCH_IDS ? 0 : put_batch(w);
}

int hs_index_write_put(struct hs_index_write *w, const struct hs_dedup_key *id, uint32_t spooled_s)
{
	struct hs_id_block_entry e = hs_id_block_entry(id, spooled_s);

	return hs_index_write_put_entry(w, &e);
}

static int commit(struct hs_index_store *s, MDB_txn *txn)
{
	int code;

	/* changed by somebody else since the transaction began: to note the print then would be to trust it */
	if (s->print->changed_ns != 0 && !hs_index_store_is_trusted(s)) {
		mdb_txn_abort(txn);
		return MDB_INVALID;
	}
	s->print->writing = 1;
	code = mdb_txn_commit(txn);
	note_print(s);
	return code;
}

int hs_index_write_end(struct hs_index_store *s, struct hs_index_write *w, int code)
{
	MDB_val key = key_of_mark(), value = { sizeof w->mark, &w->mark };
	MDB_envinfo info;
	int grown;

	if (code == 0 && w->n > 0)
		code = put_batch(w);
	w->mark.check = check_of(&w->mark);
	if (code == 0)
		code = mdb_cursor_put(w->records, &key, &value, 0);
	mdb_cursor_close(w->records);
	free(w->batch);
	if (code == 0)
		code = commit(s, w->txn);
	else
		mdb_txn_abort(w->txn);
	if (code == 0)
		s->mark = w->mark;
	if (code != MDB_MAP_FULL)
		return code;
	grown = mdb_env_info(s->env, &info);
	if (grown == 0)
		grown = mdb_env_set_mapsize(s->env, info.me_mapsize * 4);
	return grown == 0 ? MDB_MAP_FULL : grown;
}

/* --- opening ----------------------------------------------------------------- */

/* How LMDB's first two pages begin, in files of version 1 of its format (mdb.c: MDB_page, MDB_meta). */
struct lmdb_head {
	size_t page;
	uint16_t pad, flags, lower, upper;
	uint32_t magic, version;
	void *address;
	size_t map_size;
	uint32_t page_size;
};
enum { LMDB_VERSION = 1, LMDB_PAGE_LEAST = 512, LMDB_PAGE_MOST = 1 << 16 };

/* LMDB divides by the page size as the file has it. It checks the other fields, or says so by its assertions. */
static bool has_page_size(const struct hs_index_store *s)
{
	struct lmdb_head head[2];
	int fd = hs_io_open_read(s->dir->run_dir, INDEX);
	uint32_t size;
	bool is_whole, good;

	if (fd < 0) /* there is none yet: LMDB makes one, or says why not */
		return true;
	is_whole = hs_io_read_at(fd, (char *)&head[0], sizeof *head, 0) == (ssize_t)sizeof *head;
	size = is_whole ? head[0].page_size : 0;
	good = size >= LMDB_PAGE_LEAST && size <= LMDB_PAGE_MOST &&
	       hs_io_read_at(fd, (char *)&head[1], sizeof *head, size) == (ssize_t)sizeof *head &&
	       head[1].page_size == size;
	hs_io_close(fd);
	if (!is_whole || head[0].version != LMDB_VERSION) /* LMDB refuses it */
		return true;
	if (!good)
		hs_log(HS_LOG_ERROR, "index: its header is damaged: it is made anew; if this goes on, "
		                     "see the system log for disk errors");
	return good;
}

/* LMDB would abort next: its file is damaged. */
static void on_assertion(MDB_env *env, const char *what)
{
	(void)env;
	hs_log(HS_LOG_ERROR, "index: %s", what);
	hs_io_guard_fail();
}

static int open_file(struct hs_index_store *s)
{
	int code = mdb_env_create(&s->env);

	if (code == 0)
		code = mdb_env_set_assert(s->env, on_assertion);
	if (code == 0)
		code = mdb_env_set_mapsize(s->env, MAP_FIRST);
	if (code == 0)
		code = mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0600);
	return code;
}

/* *foreign is set if the file has another format, or LMDB would take it for another kind of database. */
static int open_records(struct hs_index_store *s, bool *foreign)
{
	MDB_txn *txn;
	MDB_stat st;
	unsigned flags = 0;
	int code = begin(s, 0, &txn);

	if (code != 0)
		return code;
	code = mdb_dbi_open(txn, NULL, HS_ID_LSM_FLAGS, &s->records);
	if (code == 0)
		code = mdb_dbi_flags(txn, s->records, &flags);
	if (code == 0 && flags != HS_ID_LSM_FLAGS) { /* they say how records are searched: none is */
		*foreign = true;
		mdb_txn_abort(txn);
		return 0;
	}
	if (code == 0)
		code = mdb_stat(txn, s->records, &st);
	if (code == 0)
		code = get_mark(s, txn, &s->mark);
	*foreign = code == 0 && st.ms_entries > 0 && s->mark.format != FORMAT;
	if (code != 0 || *foreign) {
		mdb_txn_abort(txn);
		return code;
	}
	return st.ms_entries > 0 ? mdb_txn_commit(txn) : commit(s, txn);
}

enum hs_result hs_index_store_open(struct hs_index_store *s)
{
	bool foreign = !hs_index_store_is_trusted(s) || !has_page_size(s);
	enum hs_result r = HS_OK;
	int code;

	do {
		if (foreign)
			r = hs_index_store_discard(s);
		if (r != HS_OK)
			return r;
		foreign = false;
		code = open_file(s);
		if (code == 0)
			code = open_records(s, &foreign);
	} while (foreign);
	if (code != 0) {
		r = hs_index_store_result(s, code, "open");
		hs_index_store_close(s);
	}
	return r;
}

enum hs_result hs_index_store_ready(struct hs_index_store *s)
{
	enum hs_result r = HS_OK;

	note_window(s);
	if (s->env == NULL)
		r = hs_index_store_open(s);
	if (r == HS_OK && s->print->writing)
		note_print(s);
	return r;
}
