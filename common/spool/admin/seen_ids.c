#include "spool/admin/seen_ids.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/dedup/index_store.h"
#include "spool/dedup/tombstones.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
		code = mdb_env_open(s->env, path, flags, 0600);
	hs_io_unlink(dir->run_dir, name); /* it is open; a kill leaves no file */
	if (code == 0)
		code = mdb_txn_begin(s->env, NULL, 0, &s->txn);
	if (code == 0)
		code = mdb_dbi_open(s->txn, NULL, 0, &s->dbi);
	return code;
}

/* Notes the id of an erased event: its value is one byte longer. */
static bool note_erased(void *context, const struct hs_tombstone *e)
{
	struct hs_seen_ids *s = context;
	char seen[sizeof e->spooled_s + 1] = { 0 };
	MDB_val key = { sizeof e->id, (void *)(uintptr_t)&e->id }, value = { sizeof seen, seen };

	memcpy(seen, &e->spooled_s, sizeof e->spooled_s);
	s->code = mdb_put(s->txn, s->dbi, &key, &value, 0);
	return s->code == 0;
}

enum hs_result hs_seen_ids_open(struct hs_seen_ids *s, const struct hs_spool_dir *dir)
{
	uint64_t known = 0;
	enum hs_result result = scratch_result(open_file(s, dir));

	s->window_s = dir->settings->dedup_window / 1000;
	if (result == HS_OK)
		result = hs_tombstones_each(dir->private_dir, &known, note_erased, s);
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

enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_dedup_key *id, uint32_t spooled_s,
                                enum hs_seen_before *before)
{
	uint32_t then = 0;
	MDB_val key = { sizeof *id, (void *)(uintptr_t)id }, value;
	int code = mdb_get(s->txn, s->dbi, &key, &value);

	*before = HS_SEEN_NOT;
	if (code == 0) {
		memcpy(&then, value.mv_data, sizeof then);
		if ((int64_t)spooled_s - then <= s->window_s)
			*before = value.mv_size > sizeof then ? HS_SEEN_ERASED : HS_SEEN_TWICE;
	}
	value = (MDB_val){ sizeof spooled_s, &spooled_s };
	if (code == 0 || code == MDB_NOTFOUND)
		code = mdb_put(s->txn, s->dbi, &key, &value, 0);
	return scratch_result(code);
}
