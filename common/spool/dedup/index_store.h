/*
 * index_store: the id index's file: opening it, trusting it, its mark, and its transactions. See
 * index.h. All calls are made under the events' append lock. An int is a code of LMDB or errno.
 */
#ifndef HS_INDEX_STORE_H
#define HS_INDEX_STORE_H

#include "spool/dedup/id_lsm.h"
#include "spool/shared/spool_dir.h"

#include <limits.h>

#define HS_INDEX_FILE "index" /* in .hookspool/run */

enum { HS_INDEX_AHEAD = 16 };
#define HS_INDEX_WHOLE UINT64_MAX

/* A segment that is read out of turn: its lines before `offset` are in the index, or all (HS_INDEX_WHOLE). */
struct hs_index_ahead {
	uint64_t number, offset;
};

/* How far the index has read. Stored as one record beside the ids. */
struct hs_index_mark {
	uint64_t format, number, offset;
	uint64_t erased;                             /* bytes of the tombstones' file */
	struct hs_index_ahead ahead[HS_INDEX_AHEAD]; /* free: of segments before the mark */
	/* Ids of the summaries from `number` to below `until` were read up to this first half. */
	uint64_t after, until;
	struct hs_id_lsm levels;
	uint64_t check; /* CRC-32 of all before it: a mark that says too much would let an event in twice */
};

struct hs_index_store {
	const struct hs_spool_dir *dir;
	struct hs_index_print *print; /* in the shared state */
	char path[PATH_MAX];
	int64_t window_s;
	uint32_t now_s;        /* when the index followed the files last, in believed time … */
	uint32_t wall_s;       /* … and by the clock, as the records say */
	uint32_t window_end_s; /* from where windows are counted back: see clock.h */

	MDB_env *env;     /* NULL: not open */
	MDB_dbi records;  /* blocks and the mark */
	MDB_txn *reader;  /* reset between appends */
	MDB_cursor *find; /* of the reader */
	bool reading;
	bool damaged; /* LMDB has complained of its file: rebuild it */
	struct hs_index_mark mark;
};

/* HS_E_… for a code, as hs_io_result; LMDB's own errors are HS_E_IO, a full map is HS_E_FULL. */
enum hs_result hs_index_result(int code);

/* hs_index_result, after logging an error and noting damage. */
enum hs_result hs_index_store_result(struct hs_index_store *s, int code, const char *what);

/* --- times -------------------------------------------------------------------- */

static inline uint32_t hs_index_store_oldest(const struct hs_index_store *s, int64_t window_s)
{
	int64_t since = (int64_t)s->window_end_s - window_s;

	return since > 0 ? (uint32_t)since : 0;
}

/* The start of this process's window. */
static inline uint32_t hs_index_store_since(const struct hs_index_store *s)
{
	return hs_index_store_oldest(s, s->window_s);
}

/* False if the time is in no process's window: such ids are forgotten. */
static inline bool hs_index_store_keeps(const struct hs_index_store *s, uint32_t spooled_s)
{
	return spooled_s >= hs_index_store_oldest(s, s->print->window_s);
}

/* True if a clock that was set back, or a shorter window, made the index forget what counts now. */
bool hs_index_store_has_forgotten(const struct hs_index_store *s);

/* Takes the time, and once a second the believed time, which has a lock of its own. */
void hs_index_store_take_time(struct hs_index_store *s);

/* --- the file ------------------------------------------------------------------ */

/* Opens or makes it. HS_OK, or as hs_io_result. */
enum hs_result hs_index_store_open(struct hs_index_store *s);
/*
 * Opens it unless it is open, tells the other processes by which window and time this one forgets, and notes what a
 * killed writer has left. HS_OK, or as hs_io_result.
 */
enum hs_result hs_index_store_ready(struct hs_index_store *s);
void hs_index_store_close(struct hs_index_store *s);

/* True if the file is as this boot's processes left it. */
bool hs_index_store_is_trusted(const struct hs_index_store *s);

/* Closes the file and removes it. HS_OK, or as hs_io_result. */
enum hs_result hs_index_store_discard(struct hs_index_store *s);

/* Gives up an open file that is not trusted, and removes it if it still has its name. */
enum hs_result hs_index_store_let_go(struct hs_index_store *s);

/*
 * After SIGBUS or a failed assertion in LMDB: leaves its environment, the descriptor and the map as they are until the
 * process ends, because its state is unknown. HS_E_IO.
 */
enum hs_result hs_index_store_abandon(struct hs_index_store *s);

/* --- the mark -------------------------------------------------------------------- */

/* Up to where a segment from the mark on has been read; HS_INDEX_WHOLE: all of it. */
uint64_t hs_index_mark_read(const struct hs_index_mark *mark, uint64_t number);
/*
 * Notes how far a segment has been read out of turn. If there is no free place, forgets the note of the lowest number:
 * that segment is read again.
 */
void hs_index_mark_note(struct hs_index_mark *mark, uint64_t number, uint64_t offset);
/* Everything before the segment has been read; moves the mark on, past what has been read out of turn. */
void hs_index_mark_turn(struct hs_index_mark *mark, uint64_t number);
/* True if segments after that one have been read: it is not the index of these files. */
bool hs_index_mark_is_ahead(const struct hs_index_mark *mark, uint64_t number);

/* --- reading -------------------------------------------------------------------- */

/* Makes s->find usable until hs_index_store_rest. */
int hs_index_store_read(struct hs_index_store *s);
void hs_index_store_rest(struct hs_index_store *s);

/*
 * The mark as the file has it now; all zero if there is none, or it is of another format. MDB_CORRUPTED: its check
 * sum is wrong.
 */
int hs_index_store_mark(struct hs_index_store *s, struct hs_index_mark *mark);

/* --- writing -------------------------------------------------------------------- */

struct hs_index_write {
	MDB_txn *txn;
	MDB_cursor *records;
	struct hs_index_mark mark; /* to be stored at the end; at first as it is */
	uint32_t since_s;
	struct hs_id_block_entry *batch; /* not put yet */
	size_t n;
	bool many; /* the ids of many summaries in their order: see hs_id_lsm_put_many */
};

/* Begins a transaction; unless it fails, hs_index_write_end must follow. */
int hs_index_write_begin(struct hs_index_store *s, struct hs_index_write *w);
int hs_index_write_put(struct hs_index_write *w, const struct hs_dedup_key *id, uint32_t spooled_s);
/* hs_index_write_put for an id in the form of a block. */
int hs_index_write_put_entry(struct hs_index_write *w, const struct hs_id_block_entry *e);

/*
 * Commits the ids and the mark together, if `code` is 0. MDB_MAP_FULL: nothing was written, and
 * the map is larger now: do all of it again.
 */
int hs_index_write_end(struct hs_index_store *s, struct hs_index_write *w, int code);

#endif
