#include "spool/admin/adopt.h"
#include "base/array.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/loss.h"
#include "spool/admin/open_copy.h"
#include "spool/admin/salt.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/tombstones.h"
#include "spool/position/cursor.h"
#include "spool/position/rewrite_log.h"
#include "spool/read/reader.h"
#include "spool/shared/spool_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALONE_TRIES = 50, ALONE_MS = 100 };
enum { EVENTS, REJECTED, LETTERS, COPIES };
static const char *const STREAM[COPIES] = { "events", "rejected", "failed" };

struct adopt {
	const struct hs_settings *settings;
	const struct hs_adopter *how;
	struct hs_adoption *done;
	struct hs_opened_spool opened;
	struct hs_spool_dir *dir;
	struct hs_reader *reader;
	struct hs_open_copy copy[COPIES];
	bool trusted; /* a whole backup of this very history: its cursors and checkpoints fit */
};

/* --- the history --------------------------------------------------------------- */

static enum hs_result put_history(struct adopt *a, bool settled)
{
	struct hs_history *h = &a->dir->history;
	enum hs_result r;

	h->settled = settled;
	r = hs_history_put(a->dir->private_dir, a->dir->run_dir, HS_HISTORY_FILE, h);
	if (r == HS_OK)
		a->dir->state->state->spool_epoch = h->epoch;
	a->done->now = *h;
	return r;
}

/*
 * Finds out whether this is a backup, whether it is whole, and whether to trust it. A mark that cannot be
 * read is an error, unless the losses are accepted.
 */
static enum hs_result look_at_backup(struct adopt *a)
{
	struct hs_history of;
	enum hs_result r = hs_history_read(a->dir->private_dir, HS_HISTORY_BACKUP, &of);

	if (r == HS_E_IO && errno != ENOENT && !a->how->accept_loss)
		return HS_E_IO;
	a->done->backup = r == HS_OK || r == HS_E_CURSOR || errno != ENOENT;
	a->done->unfinished = a->done->backup && (r != HS_OK || !of.settled);
	a->trusted = r == HS_OK && of.settled && a->dir->history.settled && strcmp(of.id, a->dir->history.id) == 0 &&
	             of.epoch == a->dir->history.epoch;
	return HS_OK;
}

/* True if nothing is to be done, unless the losses are accepted. */
static bool is_refused(const struct adopt *a)
{
	return (a->done->unfinished || a->done->doubtful > 0 || a->done->stale) && !a->how->accept_loss;
}

static enum hs_result begin_epoch(struct adopt *a)
{
	a->dir->history.epoch++;
	return put_history(a, false);
}

/* Ends the adoption. A later backup must not go on into this directory: it is a spool now. */
static enum hs_result end_epoch(struct adopt *a)
{
	enum hs_result r = put_history(a, true);

	if (r != HS_OK || !a->done->backup)
		return r;
	if (hs_io_unlink(a->dir->private_dir, HS_HISTORY_BACKUP) < 0 && errno != ENOENT)
		return HS_E_IO;
	return hs_io_sync_dir(a->dir->private_dir) < 0 ? HS_E_IO : HS_OK;
}

/* --- the numbers ----------------------------------------------------------------- */

static enum hs_result look_at_segments(struct adopt *a)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(a->dir->fd, "events", &list, &count);

	a->done->segments = count;
	free(list);
	for (size_t i = 0; i < COPIES && r == HS_OK; i++) {
		r = hs_open_copy_look(a->dir, STREAM[i], &a->copy[i]);
		a->done->doubtful += a->copy[i].doubtful;
	}
	if (r == HS_OK)
		r = hs_loss_find(a->dir, &a->done->lost);
	a->done->stale = (a->done->lost & HS_LOSS_ERASED) != 0 && a->copy[EVENTS].gone < a->copy[EVENTS].lines;
	return r;
}

static enum hs_result clean_copies(struct adopt *a)
{
	enum hs_result r = HS_OK;

	for (size_t i = 0; i < COPIES && r == HS_OK; i++) {
		r = hs_open_copy_clean(a->dir, &a->copy[i]);
		if (r == HS_OK && i == LETTERS) {
			a->done->letters = a->copy[i].gone;
		} else if (r == HS_OK) {
			a->done->dropped += a->copy[i].gone > 0 && a->copy[i].gone == a->copy[i].lines;
			a->done->repeated += a->copy[i].gone;
		}
	}
	return r;
}

/* --- cursors ----------------------------------------------------------------------- */

static enum hs_result set(struct adopt *a, struct hs_cursor *c)
{
	struct hs_position p = { 0 };
	enum hs_result r = HS_OK;

	if (a->how->from == HS_ADOPT_NOW)
		r = hs_reader_end(a->reader, &p);
	if (r == HS_OK && a->how->from == HS_ADOPT_SINCE)
		r = hs_reader_since(a->reader, a->how->from_ms);
	else if (r == HS_OK)
		hs_reader_start(a->reader, p);
	if (r == HS_OK)
		r = hs_reader_remember(a->reader);
	return r == HS_OK ? hs_cursor_save(c, hs_reader_position(a->reader)) : r;
}

static void tell(struct adopt *a, const char *name, enum hs_adopted what, struct hs_position p)
{
	a->done->fit += what == HS_ADOPTED_FITS;
	a->done->set += what == HS_ADOPTED_SET;
	a->done->left += what != HS_ADOPTED_FITS && what != HS_ADOPTED_SET;
	if (a->how->cursor != NULL)
		a->how->cursor(a->how->context, name, what, p);
}

/* Settles a cursor that this process holds. */
static enum hs_result settle_opened(struct adopt *a, const char *name, struct hs_cursor *c)
{
	struct hs_position p = hs_cursor_position(c);
	enum hs_fit fit;
	enum hs_result r = hs_reader_fit(a->reader, p, &fit);

	if (r != HS_OK)
		return r;
	if (fit == HS_FIT || (fit == HS_FIT_UNKNOWN && a->trusted)) {
		r = hs_cursor_save(c, p); /* under the new epoch */
		if (r == HS_OK)
			tell(a, name, HS_ADOPTED_FITS, p);
		return r;
	}
	if (a->how->from == HS_ADOPT_LEAVE) {
		tell(a, name, fit == HS_FIT_NOT ? HS_ADOPTED_MISFIT : HS_ADOPTED_UNKNOWN, p);
		return HS_OK;
	}
	r = set(a, c);
	if (r == HS_OK)
		tell(a, name, HS_ADOPTED_SET, hs_cursor_position(c));
	return r;
}

static enum hs_result settle_cursor(struct adopt *a, const char *name)
{
	struct hs_position none = { 0 };
	struct hs_cursor *c;
	int64_t holder;
	bool fresh;
	enum hs_result r = hs_cursor_open(a->dir, name, &c, &fresh, &holder);

	if (r == HS_E_CURSOR_HELD) {
		tell(a, name, HS_ADOPTED_HELD, none);
		return HS_OK;
	}
	if (r == HS_E_CURSOR && a->how->from != HS_ADOPT_LEAVE) {
		r = hs_cursor_remove(a->dir, name);
		if (r == HS_OK)
			r = hs_cursor_open(a->dir, name, &c, &fresh, &holder);
		if (r == HS_OK)
			r = set(a, c);
		if (r == HS_OK)
			tell(a, name, HS_ADOPTED_SET, hs_cursor_position(c));
	} else if (r == HS_E_CURSOR) {
		tell(a, name, HS_ADOPTED_DAMAGED, none);
		r = HS_OK;
	} else if (r == HS_OK) {
		r = settle_opened(a, name, c);
	}
	hs_cursor_close(c);
	return r;
}

struct names {
	char (*list)[HS_CURSOR_NAME_MAX + 1];
	size_t count, cap;
	bool failed;
};

static bool add_cursor(void *context, const struct hs_cursor_info *info)
{
	struct names *n = context;

	n->failed = !HS_ARRAY_ROOM(&n->list, n->count, &n->cap);
	if (!n->failed)
		snprintf(n->list[n->count++], sizeof *n->list, "%s", info->name);
	return !n->failed;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum hs_result settle_cursors(struct adopt *a)
{
	struct names n = { NULL, 0, 0, false };
	enum hs_result r = hs_cursor_list(a->dir->private_dir, add_cursor, &n);

	if (r == HS_OK && n.failed)
		r = HS_E_MEMORY;
	if (n.count > 0)
		qsort(n.list, n.count, sizeof *n.list, by_name);
	for (size_t i = 0; i < n.count && r == HS_OK; i++)
		r = settle_cursor(a, n.list[i]);
	free(n.list);
	return r;
}

/* --- imports ------------------------------------------------------------------------ */

struct imports {
	int dir;
	uint64_t count;
	bool failed;
};

static bool drop_import(void *context, const char *name)
{
	struct imports *i = context;

	i->failed |= hs_io_unlink(i->dir, name) < 0;
	i->count++;
	return true;
}

/*
 * Drops checkpoints of imports: lines that they take to be in the spool may be missing here. Without
 * one an archive is imported from its start, and lines that are here are found to be duplicates.
 */
static enum hs_result settle_imports(struct adopt *a)
{
	struct imports i = { hs_io_open_dir(a->dir->private_dir, "imports"), 0, false };
	enum hs_result r = HS_OK;

	if (i.dir < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (!a->trusted && (hs_io_list(i.dir, drop_import, &i) < 0 || i.failed || hs_io_sync_dir(i.dir) < 0))
		r = HS_E_IO;
	hs_io_close(i.dir);
	a->done->imports = i.count;
	return r;
}

/* --- all of it ------------------------------------------------------------------------ */

/* Replaces lost files by empty ones, durably. */
static enum hs_result accept_loss(const struct hs_spool_dir *dir, unsigned lost)
{
	enum hs_result r = HS_OK;

	/* without its salt the list is of no use */
	if ((lost & (HS_LOSS_SALT | HS_LOSS_SUPPRESSED)) != 0)
		r = hs_suppression_list_clear(dir);
	if (r == HS_OK && (lost & HS_LOSS_SALT) != 0)
		r = hs_salt_renew(dir->private_dir);
	if (r == HS_OK && (lost & HS_LOSS_ERASED) != 0)
		r = hs_tombstones_make(dir->private_dir);
	if (r == HS_OK && (lost & HS_LOSS_ERASED) != 0)
		r = hs_erasure_log_give_up(dir);
	return r;
}

static enum hs_result settle_losses(struct adopt *a)
{
	enum hs_result r = hs_loss_find(a->dir, &a->done->lost);

	a->done->lost &= ~(unsigned)HS_LOSS_HISTORY; /* adopting settles this one */
	if (r == HS_OK && a->how->accept_loss)
		r = accept_loss(a->dir, a->done->lost);
	return r;
}

/* Finds out what is there, and changes nothing. */
static enum hs_result look(struct adopt *a)
{
	enum hs_result r;

	a->done->before = a->done->now = a->dir->history;
	r = look_at_backup(a);
	return r == HS_OK && !is_refused(a) ? look_at_segments(a) : r;
}

static enum hs_result settle(struct adopt *a)
{
	enum hs_result r = look(a);

	if (r != HS_OK || is_refused(a))
		return r;
	r = begin_epoch(a);
	if (r == HS_OK)
		r = clean_copies(a);
	if (r == HS_OK)
		r = hs_reader_open(a->settings, &a->reader);
	if (r == HS_OK)
		r = hs_reader_end(a->reader, &a->done->end); /* finds the numbers */
	if (r == HS_OK)
		r = settle_losses(a);
	if (r == HS_OK)
		r = settle_cursors(a);
	if (r == HS_OK)
		r = settle_imports(a);
	hs_reader_close(a->reader);
	return r == HS_OK ? end_epoch(a) : r;
}

/* Waits for CGI processes to end; a process that stays must be stopped first: done->busy. */
static enum hs_result wait_until_alone(struct adopt *a)
{
	enum hs_result r = HS_E_SPOOL_IN_USE;

	for (int i = 0; i < ALONE_TRIES && r == HS_E_SPOOL_IN_USE; i++) {
		if (i > 0)
			hs_io_pause(ALONE_MS);
		r = hs_spool_dir_distrust(a->settings);
	}
	a->done->busy = r == HS_E_SPOOL_IN_USE;
	return a->done->busy ? HS_OK : r;
}

enum hs_result hs_adopt(const struct hs_settings *settings, const struct hs_adopter *adopter, struct hs_adoption *done)
{
	struct adopt a = { .settings = settings, .how = adopter, .done = done };
	enum hs_result r;
	int lock;

	memset(done, 0, sizeof *done);
	r = wait_until_alone(&a);
	if (r != HS_OK || done->busy)
		return r;
	r = hs_spool_dir_open(&a.opened, settings, false);
	if (r != HS_OK)
		return r;
	a.dir = &a.opened.dir;
	r = hs_rewriter_lock(a.dir->run_dir, &lock);
	done->busy = r == HS_E_LOCKED;
	if (r == HS_OK) {
		r = settle(&a);
		for (size_t i = 0; i < COPIES; i++)
			hs_open_copy_free(&a.copy[i]);
		hs_io_close(lock);
	}
	hs_spool_dir_close(&a.opened);
	return done->busy ? HS_OK : r;
}
