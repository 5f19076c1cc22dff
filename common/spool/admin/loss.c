#include "spool/admin/loss.h"
#include "base/io.h"
#include "spool/admin/suppression_file.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char RECEIPTS[] = "erased.jsonl";

const char *hs_loss_name(unsigned loss)
{
	return loss == HS_LOSS_SALT         ? ".hookspool/salt"
	       : loss == HS_LOSS_SUPPRESSED ? ".hookspool/suppressed"
	       : loss == HS_LOSS_ERASED     ? ".hookspool/erased-ids"
	                                    : ".hookspool/" HS_HISTORY_FILE;
}

static enum hs_result look(int dir, const char *name, bool *there, uint64_t *size)
{
	struct stat st;

	*there = hs_io_stat(dir, name, &st) == 0;
	*size = *there ? (uint64_t)st.st_size : 0;
	return *there || errno == ENOENT ? HS_OK : HS_E_IO;
}

/* --- what the receipts say -------------------------------------------------- */

struct told {
	bool any, suppressed, erased, counted;
	struct hs_tombstones_sum ids; /* as the last receipt says that has them; counted: there is one */
	uint64_t end;                 /* offset after the last whole receipt */
};

static bool has(struct hs_slice line, const char *text)
{
	return memmem(line.p, line.n, text, strlen(text)) != NULL;
}

static void read_ids(struct hs_slice line, struct told *told)
{
	static const char label[] = ",\"erased_ids\":";
	const char *at = memmem(line.p, line.n, label, sizeof label - 1);
	struct hs_tombstones_sum ids;
	char text[64];

	if (at == NULL)
		return;
	at += sizeof label - 1;
	snprintf(text, sizeof text, "%.*s", (int)(line.p + line.n - at < 63 ? line.p + line.n - at : 63), at);
	if (sscanf(text, "%" SCNu64 ",\"erased_check\":\"%8" SCNx32 "\"", &ids.count, &ids.check) != 2)
		return;
	told->ids = ids;
	told->counted = true;
}

static enum hs_result read_receipts(const struct hs_spool_dir *dir, uint64_t from, struct told *told)
{
	int fd = hs_io_open_read(dir->fd, RECEIPTS), more;
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	enum hs_result r;

	*told = (struct told){ .end = from };
	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	hs_line_reader_start(&lines, fd, from, UINT64_MAX);
	while ((more = hs_line_reader_next(&lines, &line)) == 1) {
		told->any = true;
		told->suppressed |= has(line, "\"suppressed\":true");
		told->erased |= has(line, "\"events\":") && !has(line, "\"events\":0,");
		read_ids(line, told);
		told->end = lines.at;
	}
	r = more < 0 ? hs_io_result(errno) : HS_OK;
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return r;
}

/* --- what is lost ---------------------------------------------------------------- */

enum hs_result hs_loss_suppressed(const struct hs_spool_dir *dir, bool *lost)
{
	_Atomic uint64_t *seen = &dir->state->state->receipts_seen;
	uint64_t size, from = atomic_load(seen);
	struct told told;
	bool there;
	enum hs_result r = look(dir->fd, RECEIPTS, &there, &size);

	*lost = false;
	if (r != HS_OK || size == from)
		return r;
	r = read_receipts(dir, size > from ? from : 0, &told);
	if (r != HS_OK)
		return r;
	*lost = told.suppressed;
	if (!told.suppressed)
		atomic_store(seen, told.end);
	return HS_OK;
}

enum hs_result hs_loss_needs_salt(const struct hs_spool_dir *dir, bool *needed)
{
	uint64_t receipts, list = 0;
	bool there;
	enum hs_result r = look(dir->fd, RECEIPTS, &there, &receipts);

	if (r == HS_OK)
		r = look(dir->private_dir, HS_SUPPRESSION_LIST_FILE, &there, &list);
	*needed = receipts > 0 || list > HS_SUPPRESSION_LIST_EMPTY;
	return r;
}

static enum hs_result look_at_salt(const struct hs_spool_dir *dir, char salt[static HS_SALT], bool *damaged)
{
	int fd = hs_io_open_read(dir->private_dir, HS_SALT_FILE);
	ssize_t got = 0;

	if (fd < 0 && errno != ENOENT)
		return HS_E_IO;
	if (fd >= 0) {
		got = hs_io_read_at(fd, salt, HS_SALT, 0);
		hs_io_close(fd);
	}
	*damaged = hs_salt_is_damaged(salt, got);
	return got < 0 ? HS_E_IO : HS_OK;
}

/* *lost: the list is not there and was `told` of, or it cannot be used. Damage is the salt's if there is none. */
static enum hs_result look_at_list(const struct hs_spool_dir *dir, bool told, const char *salt, bool *lost)
{
	struct hs_buf file = { 0 };
	bool there;
	enum hs_result r = hs_suppression_file_read(dir->private_dir, &file, &there);

	*lost = there ? r != HS_OK || (salt != NULL && !hs_suppression_file_is_intact(&file, salt)) : told;
	hs_buf_free(&file);
	return r == HS_E_SUPPRESSED || r == HS_E_SPOOL_VERSION ? HS_OK : r;
}

/* *lost: the erased ids are not there and were told of, or they are not those of the receipts, or fewer. */
static enum hs_result look_at_erased(const struct hs_spool_dir *dir, const struct told *told, bool *lost)
{
	struct hs_tombstones_sum now = { 0 };
	uint64_t size;
	bool there;
	enum hs_result r = look(dir->private_dir, HS_TOMBSTONES_FILE, &there, &size);

	if (r == HS_OK && told->counted)
		r = hs_tombstones_sum(dir->private_dir, told->ids.count, &now);
	*lost = (told->erased && !there) ||
	        (told->counted && (now.count != told->ids.count || now.check != told->ids.check));
	return r;
}

enum hs_result hs_loss_find(const struct hs_spool_dir *dir, unsigned *lost)
{
	struct told told;
	char salt[HS_SALT];
	bool needed = false, list = false, ids = false, damaged = false;
	enum hs_result r = read_receipts(dir, 0, &told);

	*lost = 0;
	if (r == HS_OK)
		r = hs_loss_needs_salt(dir, &needed);
	if (r == HS_OK)
		r = look_at_erased(dir, &told, &ids);
	if (r == HS_OK)
		r = look_at_salt(dir, salt, &damaged);
	if (r == HS_OK)
		r = look_at_list(dir, told.suppressed, damaged ? NULL : salt, &list);
	if (r != HS_OK)
		return r;
	if (needed && damaged)
		*lost |= HS_LOSS_SALT;
	if (list)
		*lost |= HS_LOSS_SUPPRESSED;
	if (ids)
		*lost |= HS_LOSS_ERASED;
	if (!dir->history.settled)
		*lost |= HS_LOSS_HISTORY;
	return HS_OK;
}

enum hs_result hs_loss_backup(const struct hs_spool_dir *dir, enum hs_loss_backup *backup)
{
	struct hs_history of;
	enum hs_result r = hs_history_read(dir->private_dir, HS_HISTORY_BACKUP, &of);

	*backup = HS_LOSS_NO_BACKUP;
	if (r != HS_OK && r != HS_E_CURSOR)
		return r == HS_E_IO && errno == ENOENT ? HS_OK : r;
	*backup = r == HS_OK && of.settled ? HS_LOSS_WHOLE_BACKUP : HS_LOSS_PART_OF_BACKUP;
	return HS_OK;
}
