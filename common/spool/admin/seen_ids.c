#include "spool/admin/seen_ids.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/dedup/index_store.h"
#include "spool/dedup/tombstones.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINES, TOMBSTONES, COMMIT_BATCHES = 64 };

static const size_t SEEN_BYTES = /* of address space */
    SIZE_MAX > UINT32_MAX ? (size_t)(UINT64_C(1) << 36) : (size_t)1 << 30;

static enum hs_result scratch_result(int code)
{
	if (code == 0)
		return HS_OK;
	hs_log(HS_LOG_ERROR, "verify: scratch file: %s", mdb_strerror(code));
	return hs_index_result(code);
}

static int open_file(struct hs_seen_ids *s, const struct hs_spool_dir *dir)
{
	const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS;
	char path[PATH_MAX], name[32];
	int code;

	snprintf(name, sizeof name, "verify-%ld", (long)getpid()); /* another verify may be running */
	hs_io_unlink(dir->run_dir, name);
	snprintf(path, sizeof path, "%s/.hookspool/run/%s", dir->settings->spool_dir, name);
	code = mdb_env_create(&s->env);
	if (code == 0)
		code = mdb_env_set_mapsize(s->env, SEEN_BYTES);
	if (code == 0)
		code = mdb_env_set_maxdbs(s->env, 2);
	if (code == 0)
		code = mdb_env_open(s->env, path, flags, 0600);
	hs_io_unlink(dir->run_dir, name); /* it is open; a kill leaves no file */
	if (code == 0)
		code = mdb_txn_begin(s->env, NULL, 0, &s->txn);
	if (code == 0)
		code = mdb_dbi_open(s->txn, "lines", MDB_CREATE | HS_ID_LSM_FLAGS, &s->dbi[LINES]);
	if (code == 0)
		code = mdb_dbi_open(s->txn, "tombstones", MDB_CREATE | HS_ID_LSM_FLAGS, &s->dbi[TOMBSTONES]);
	return code;
}

/* Commits now and then: what a transaction has changed stays in this process's memory. */
static int commit(struct hs_seen_ids *s)
{
	int code;

	if (++s->batches < COMMIT_BATCHES)
		return 0;
	s->batches = 0;
	code = mdb_txn_commit(s->txn);
	s->txn = NULL;
	return code == 0 ? mdb_txn_begin(s->env, NULL, 0, &s->txn) : code;
}

/* Puts sorted ids. */
static int put(struct hs_seen_ids *s, int which, const struct hs_id_block_entry *sorted, size_t n)
{
	MDB_cursor *cursor;
	int code = mdb_cursor_open(s->txn, s->dbi[which], &cursor);

	if (code != 0)
		return code;
	code = hs_id_lsm_put(cursor, &s->levels[which], 0, sorted, n);
	mdb_cursor_close(cursor);
	return code == 0 ? commit(s) : code;
}

/* --- tombstones --------------------------------------------------------------------- */

static int put_tombstones(struct hs_seen_ids *s)
{
	size_t n = s->count;

	s->count = 0;
	hs_id_block_sort(s->batch, n);
	return n > 0 ? put(s, TOMBSTONES, s->batch, n) : 0;
}

static bool note_erased(void *context, const struct hs_tombstone *e)
{
	struct hs_seen_ids *s = context;

	s->batch[s->count++] = hs_id_block_entry(&e->id, e->spooled_s);
	if (s->count == HS_SEEN_IDS_AT_ONCE)
		s->code = put_tombstones(s);
	return s->code == 0;
}

enum hs_result hs_seen_ids_open(struct hs_seen_ids *s, const struct hs_spool_dir *dir)
{
	uint64_t known = 0;
	enum hs_result result = scratch_result(open_file(s, dir));

	s->window_s = dir->settings->dedup_window / 1000;
	if (result == HS_OK)
		result = hs_tombstones_each(dir->private_dir, &known, note_erased, s);
	if (result == HS_OK && s->code == 0)
		s->code = put_tombstones(s);
	return result == HS_OK ? scratch_result(s->code) : result;
}

void hs_seen_ids_close(struct hs_seen_ids *s)
{
	if (s->txn != NULL)
		mdb_txn_abort(s->txn);
	if (s->env != NULL)
		mdb_env_close(s->env);
	*s = (struct hs_seen_ids){ .env = NULL };
}

/* --- lines ---------------------------------------------------------------------------- */

static uint32_t since(const struct hs_seen_ids *s, uint32_t spooled_s)
{
	return (int64_t)spooled_s > s->window_s ? (uint32_t)(spooled_s - s->window_s) : 0;
}

/*
 * Sets before[] of the ids that are found within the window before their own time. The times in
 * `sorted` are indexes of `id`.
 */
static int find(const struct hs_seen_ids *s, int which, const struct hs_id_block_entry *id,
                const struct hs_id_block_entry *sorted, size_t n, enum hs_seen_before *before)
{
	bool found[HS_SEEN_IDS_AT_ONCE];
	uint32_t least = UINT32_MAX;
	MDB_cursor *cursor;
	int code = mdb_cursor_open(s->txn, s->dbi[which], &cursor);

	if (code != 0)
		return code;
	for (size_t i = 0; i < n; i++)
		least = id[i].spooled_s < least ? id[i].spooled_s : least;
	code = hs_id_lsm_find(cursor, sorted, n, since(s, least), found);
	for (size_t i = 0; i < n && code == 0; i++) {
		const struct hs_id_block_entry *e = &id[sorted[i].spooled_s];

		if (found[i] && e->spooled_s > least) /* its own window begins later */
			code = hs_id_lsm_find(cursor, e, 1, since(s, e->spooled_s), &found[i]);
		if (code == 0 && found[i])
			before[sorted[i].spooled_s] = which == LINES ? HS_SEEN_TWICE : HS_SEEN_ERASED;
	}
	mdb_cursor_close(cursor);
	return code;
}

static bool is_same(const struct hs_id_block_entry *a, const struct hs_id_block_entry *b)
{
	return a->high == b->high && a->low == b->low;
}

/* Finds ids that are twice among these, which are side by side once they are sorted. */
static void find_here(const struct hs_seen_ids *s, const struct hs_id_block_entry *id,
                      const struct hs_id_block_entry *sorted, size_t n, enum hs_seen_before *before)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i; k > 0 && is_same(&sorted[k - 1], &sorted[i]); k--) {
			uint32_t a = sorted[k - 1].spooled_s, b = sorted[i].spooled_s; /* indexes */
			uint32_t first = a < b ? a : b, second = a < b ? b : a;

			if (id[first].spooled_s >= since(s, id[second].spooled_s))
				before[second] = HS_SEEN_TWICE;
		}
}

enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_id_block_entry *id, size_t n,
                                enum hs_seen_before *before)
{
	struct hs_id_block_entry sorted[HS_SEEN_IDS_AT_ONCE];
	int code;

	for (size_t i = 0; i < n; i++) {
		before[i] = HS_SEEN_NOT;
		sorted[i] = id[i];
		sorted[i].spooled_s = (uint32_t)i;
	}
	hs_id_block_sort(sorted, n);
	code = find(s, TOMBSTONES, id, sorted, n, before);
	if (code == 0)
		code = find(s, LINES, id, sorted, n, before);
	if (code != 0)
		return scratch_result(code);
	find_here(s, id, sorted, n, before);
	for (size_t i = 0; i < n; i++)
		sorted[i].spooled_s = id[sorted[i].spooled_s].spooled_s;
	return scratch_result(put(s, LINES, sorted, n));
}
