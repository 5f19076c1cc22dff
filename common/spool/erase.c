#include "spool/erase.h"
#include "schema/schema_file.h"
#include "spool/erase_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	WAIT_MS = 70000, /* longer than rotate_min_gap; no sender waits for it */
	ATTEMPTS = 20,   /* at a file that other processes replace */
	IDS_AT_ONCE = 4096,
};
static const char COPY[] = "erase-copy";

/* --- progress ---------------- */

bool hs_erase_must_stop(struct erase *x)
{
	const struct hs_eraser *how = x->how;

	if (how->go_on != NULL && !how->go_on(how->context, x->progress.done, x->progress.all))
		x->done->stopped = true;
	return x->done->stopped;
}

/* --- the clean copy ---------------------------------------------------------------------- */

static enum hs_result check_space(const struct erase *x)
{
	struct hs_space space;
	struct stat st;

	if (hs_io_fstat(x->current.fd, &st) < 0 || hs_io_space(x->dir->fd, &space) < 0)
		return HS_E_IO;
	return space.bytes < (uint64_t)st.st_size + (uint64_t)x->settings->min_free ? HS_E_FULL : HS_OK;
}

/* Keeps the line that the reader returned last in the copy and in its summary. */
static enum hs_result keep(struct erase *x, const struct hs_line_reader *lines, struct hs_slice line, bool whole)
{
	hs_summary_builder_line(x->clean.summary, line, whole);
	return hs_rewrite_copy_keep_from(&x->clean.copy, lines, line, whole);
}

static bool is_segment(const struct file *f)
{
	return f->sort <= REJECTED;
}

/* Begins a copy with the lines before offset `until`. */
static enum hs_result begin_copy(struct erase *x, uint64_t until)
{
	enum hs_result r = check_space(x);
	struct hs_slice line;
	int more = 1;

	if (r != HS_OK)
		return r;
	if (is_segment(x->current.file))
		x->clean.summary = hs_summary_builder_new(x->dir->history.id, x->current.file->sort == REJECTED,
		                                          x->current.file->sealed.number);
	r = hs_rewrite_copy_begin(&x->clean.copy, x->dir, COPY,
	                          x->current.file->sealed.gzip ? HS_FILE_WRITER_GZIP_SHARED : HS_FILE_WRITER_PLAIN);
	if (r == HS_OK)
		r = hs_line_reader_start_file(&x->clean.prefix, x->current.fd, x->current.file->sealed.gzip, 0,
		                              UINT64_MAX);
	while (r == HS_OK && x->clean.prefix.at < until && (more = hs_line_reader_next(&x->clean.prefix, &line)) == 1)
		r = keep(x, &x->clean.prefix, line, true);
	return r == HS_OK && more != 1 ? HS_E_IO : r;
}

static enum hs_result put_ids(struct erase *x)
{
	enum hs_result r = hs_tombstones_put(x->dir->private_dir, x->clean.ids, x->clean.id_count);

	x->clean.id_count = 0;
	return r;
}

/*
 * Notes the id of an event that goes, so that a second delivery stays a duplicate. The tombstone may
 * be stored before the event is gone: the id is known either way.
 */
static enum hs_result note_id(struct erase *x, struct hs_slice line)
{
	struct hs_tombstone *id = &x->clean.ids[x->clean.id_count];
	bool known;
	int64_t ms;
	enum hs_result r;

	if (x->current.file->sort != EVENTS || x->settings->dedup_window == 0)
		return HS_OK;
	r = hs_dedup_key_of_line(&x->key_maker, &x->json, line, &known, &id->id, &ms);
	if (r == HS_E_MEMORY)
		return r;
	if (r != HS_OK || !known)
		return HS_OK;
	id->spooled_s = (uint32_t)((ms > 0 ? ms : hs_io_now()) / 1000);
	return ++x->clean.id_count == IDS_AT_ONCE ? put_ids(x) : HS_OK;
}

static enum hs_result clean_line(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole)
{
	int found = x->current.file->sort == EVENTS ? hs_subject_match_event(&x->people.matcher, line, &at)
	                                            : hs_subject_match_other(&x->people.matcher, line);
	enum hs_result r = HS_OK;

	if (found < 0)
		return HS_E_MEMORY;
	x->clean.removed += found > 0;
	if (x->how->look_only)
		return HS_OK;
	if (found == 0)
		return x->clean.copy.file.fd < 0 ? HS_OK : keep(x, &x->current.lines, line, whole);
	if (x->clean.copy.file.fd < 0)
		r = begin_copy(x, at.offset);
	if (r == HS_OK)
		r = hs_rewrite_copy_omit(&x->clean.copy, at.offset, line.n + whole);
	return r == HS_OK ? note_id(x, line) : r;
}

/*
 * Writes the copy's summary over the segment's, which names people who go. If that fails the summary is
 * removed: maintenance makes one.
 */
static enum hs_result replace_summary(struct erase *x)
{
	const struct file *f = x->current.file;
	struct stat st;
	enum hs_result r = hs_summary_remove(x->dir, f->sort == REJECTED, f->sealed.number);

	if (r == HS_OK && x->clean.summary != NULL && hs_io_fstat(x->clean.copy.file.fd, &st) == 0 &&
	    hs_summary_write(x->dir, x->clean.summary, &st, f->sealed.gzip, NULL, HS_SUMMARY_BY_REWRITER) != HS_OK)
		r = hs_summary_remove(x->dir, f->sort == REJECTED, f->sealed.number);
	return r;
}

/* Maintenance may have written one of the old file meanwhile, which names people who are gone. */
static enum hs_result drop_stale_summary(struct erase *x, const struct stat *now)
{
	const struct file *f = x->current.file;

	return hs_summary_open(&x->current.summary, x->dir, f->sort == REJECTED, f->sealed.number, now)
	           ? HS_OK
	           : hs_summary_remove(x->dir, f->sort == REJECTED, f->sealed.number);
}

/*
 * The rows of databases go up to the time of the plan. An event of this file may be later, if a clock was ahead: its
 * person's rows go up to that.
 */
static enum hs_result tell_late(const struct erase *x)
{
	const struct hs_erase_plan *plan = x->people.plan;

	for (size_t i = 0; i < plan->people->count; i++)
		if (hs_erase_plan_is_late(plan, plan->people->list[i]))
			return hs_erase_requests_put_late(x->dir, plan);
	return HS_OK;
}

static enum hs_result replace(struct erase *x)
{
	const struct file *f = x->current.file;
	struct stat copy;
	enum hs_result r = hs_file_writer_end(&x->clean.copy.writer);

	if (r == HS_OK)
		r = put_ids(x);
	if (r == HS_OK && f->sort == EVENTS)
		r = tell_late(x);
	if (r != HS_OK)
		return r;
	if (f->sort > REJECTED) /* cursors have no position in these, and their writers are locked out */
		return hs_rewrite_copy_publish(&x->clean.copy, hs_erase_dir_of(x, f), f->name);
	r = replace_summary(x);
	if (r == HS_OK && hs_io_fstat(x->clean.copy.file.fd, &copy) < 0)
		r = HS_E_IO;
	if (r == HS_OK)
		r = hs_rewrite_copy_replace(&x->clean.copy, x->rewrites, hs_erase_stream_of(f->sort), &f->sealed,
		                            &x->current.st);
	return r == HS_OK ? drop_stale_summary(x, &copy) : r;
}

/* --- all files, one after another ----------------------------------------------------------- */

/* Counts the removed lines of the current file if they are gone; forgets them otherwise. */
static void settle_counts(struct erase *x, bool gone)
{
	bool is_event = x->current.file->sort == EVENTS;

	for (size_t i = 0; i < x->people.subjects->count; i++) {
		struct hs_subject *who = x->people.subjects->list[i];

		if (gone)
			*(is_event ? &who->events : &who->others) += who->pending;
		who->pending = 0;
		who->newest_ms = 0;
	}
	if (gone) {
		*(is_event                            ? &x->done->events
		  : x->current.file->sort == REJECTED ? &x->done->rejected
		                                      : &x->done->others) += x->clean.removed;
		x->done->files++;
	}
}

/* Locks dead letters if the file has some. *lock is -1 if there is no need, and on failure. */
static enum hs_result lock_out_writers(const struct erase *x, const struct file *f, int *lock)
{
	*lock = -1;
	if (f->sort != FAILED || x->how->look_only)
		return HS_OK;
	return hs_dead_letters_lock(x->dir, lock);
}

static enum hs_result clean_opened(struct erase *x, const struct file *f)
{
	bool damaged = false, gone;
	enum hs_result r = hs_erase_each_line(x, clean_line, &damaged);

	if (damaged) {
		x->done->damaged++;
		hs_log(HS_LOG_ERROR, "erase: %s%s is damaged and stays as it is: %s",
		       f->sort == PRIVATE ? ".hookspool/" : "", f->name,
		       f->sort == PRIVATE ? "delete it when you have looked at it" : "run hookspool repair first");
	}
	gone = r == HS_OK && !damaged && !x->done->stopped && x->clean.removed > 0;
	if (gone && !x->how->look_only)
		r = replace(x);
	if (x->clean.removed > 0)
		settle_counts(x, gone && r == HS_OK);
	hs_rewrite_copy_drop(&x->clean.copy);
	hs_summary_builder_free(x->clean.summary);
	x->clean.summary = NULL;
	return r;
}

static enum hs_result clean_once(struct erase *x, struct file *f)
{
	int lock;
	enum hs_result r = lock_out_writers(x, f, &lock);

	x->clean.removed = x->clean.id_count = 0;
	if (r == HS_OK)
		r = hs_erase_open_file(x, f);
	if (r == HS_OK && x->current.fd >= 0 && hs_erase_may_name(x, x->people.subjects))
		r = clean_opened(x, f);
	hs_erase_close_file(x);
	if (lock >= 0)
		hs_io_close(lock);
	return r;
}

static bool must_stop(void *context)
{
	return hs_erase_must_stop(context);
}

/* A dry run replaces nothing, so it waits for no copy. */
static enum hs_result clean_file(struct erase *x, struct file *f)
{
	enum hs_result r = HS_E_REWRITTEN;

	for (int attempt = 0; attempt < ATTEMPTS && hs_result_is(r, HS_CLASS_BUSY); attempt++) {
		r = HS_OK;
		if (is_segment(f) && !x->how->look_only)
			r = hs_foreign_segments_await(x->dir->fd, hs_erase_stream_of(f->sort), &f->sealed, must_stop,
			                              x);
		if (r != HS_OK)
			return r;
		r = clean_once(x, f);
	}
	return r;
}

static enum hs_result clean_files(struct erase *x, size_t from, size_t to)
{
	enum hs_result r = HS_OK;

	for (size_t i = from; i < to && r == HS_OK && !hs_erase_must_stop(x); i++) {
		struct stat st;

		if (hs_io_stat(hs_erase_dir_of(x, &x->files.list[i]), x->files.list[i].name, &st) < 0)
			st.st_size = 0;
		r = clean_file(x, &x->files.list[i]);
		x->progress.done += (uint64_t)st.st_size;
	}
	return r;
}

/*
 * Consumers hold records that they have read, and write a dead letter of one as long as its event is there. So the
 * dead letters come after the events, and are listed then.
 */
static enum hs_result clean_all(struct erase *x)
{
	enum hs_result r = clean_files(x, 0, x->files.letters);

	if (r == HS_OK)
		r = hs_erase_list_letters(x);
	return r == HS_OK ? clean_files(x, x->files.letters, x->files.count) : r;
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Brings all sealed segments into the index, so that it need not read them once lines are gone. */
static enum hs_result catch_up(struct erase *x)
{
	struct hs_index *index = hs_index_new(x->dir, x->settings->spool_dir);
	struct hs_segment events;
	enum hs_result r;

	if (index == NULL)
		return HS_E_MEMORY;
	hs_segment_init(&events, x->dir, HS_EVENTS);
	r = hs_index_begin_whole(index, &events, WAIT_MS);
	if (r == HS_OK)
		hs_segment_end(&events);
	hs_index_free(index);
	hs_segment_close(&events);
	return r;
}

/* Segments that are still being copied into the spool get a number first, by which they are listed. */
static enum hs_result seal(struct erase *x)
{
	enum hs_result r = hs_incoming_await(x->dir, must_stop, x);

	if (r == HS_OK)
		r = hs_spool_rotate(x->spool, hs_io_now_monotonic() + WAIT_MS);
	return r == HS_OK && x->settings->dedup_window > 0 ? catch_up(x) : r;
}

static enum hs_result put_receipts(struct erase *x, const struct hs_erase_plan *plan, const char *state)
{
	struct hs_erasure_entry receipt = { state, plan->from_deletes ? "delete" : "command", plan->suppress, NULL };
	struct hs_tombstones_sum ids;
	unsigned lost = HS_LOSS_ERASED;
	enum hs_result r = strcmp(state, "done") == 0 ? hs_loss_find(x->dir, &lost) : HS_OK;

	if (r == HS_OK && (lost & HS_LOSS_ERASED) == 0) { /* else the loss must stay known */
		r = hs_tombstones_sum(x->dir->private_dir, UINT64_MAX, &ids);
		receipt.ids = &ids;
	}
	return r == HS_OK ? hs_erasure_log_put(x->dir, plan->people, &receipt) : r;
}

static void tell_database(void *context, const char *database)
{
	const struct erase *x = context;

	if (x->how->tell_database != NULL)
		x->how->tell_database(x->how->context, database);
}

/* Steps 3 to 5 of erase.h for a written plan. `again`: an earlier run has begun them. */
static enum hs_result carry_out(struct erase *x, const struct hs_erase_plan *plan, bool again)
{
	enum hs_result r = HS_OK;

	x->people.subjects = x->people.matcher.subjects = plan->people;
	x->people.plan = plan;
	x->progress.done = x->done->damaged = 0;
	x->done->unfinished = true;
	if (plan->suppress)
		r = hs_suppression_list_add(x->dir, plan->people);
	if (r == HS_OK && !again)
		r = put_receipts(x, plan, "begun");
	if (r == HS_OK)
		r = hs_erase_requests_put(x->dir, plan, tell_database, x);
	if (r == HS_OK)
		r = clean_all(x);
	if (r == HS_OK)
		r = hs_schema_forget(x->dir);
	if (r != HS_OK || x->done->stopped || x->done->damaged > 0)
		return r;
	r = put_receipts(x, plan, "done");
	if (r == HS_OK)
		r = hs_erase_plan_remove(x->dir->private_dir, plan->name);
	x->done->unfinished = r != HS_OK;
	return r;
}

/* --- plans of interrupted runs ---------------------------------------------------------- */

static enum hs_result finish_plan(struct erase *x, const char *name)
{
	struct hs_erasure *done = x->done;
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	enum hs_result r;

	hs_subjects_init(&people, hs_io_random());
	r = hs_erase_plan_read(x->dir, x->rewrites, name, &plan);
	if (r == HS_OK)
		r = carry_out(x, &plan, true);
	done->plans_people += people.count;
	done->plans_lines += done->events + done->rejected + done->others;
	done->events = done->rejected = done->others = done->files = 0;
	x->people.subjects = x->people.matcher.subjects = x->how->subjects;
	hs_subjects_free(&people);
	return r;
}

struct unfinished {
	struct erase *x;
	bool any; /* still unfinished */
	enum hs_result result;
};

static void take_plan(void *context, const char *name)
{
	struct unfinished *u = context;

	if (u->result != HS_OK || u->x->done->stopped)
		return;
	u->x->done->plans++;
	u->x->done->unfinished = true;
	if (!u->x->how->look_only)
		u->result = finish_plan(u->x, name);
	u->any |= u->x->done->unfinished;
}

static enum hs_result finish_plans(struct erase *x, bool *any_left)
{
	struct unfinished u = { x, false, HS_OK };
	enum hs_result r = hs_erase_plan_list(x->dir->private_dir, take_plan, &u);

	*any_left = x->done->unfinished = u.any;
	return r == HS_OK ? u.result : r;
}

/*
 * Those who are given by name are suppressed before the seal: what comes after it is not erased, and may be a long time
 * before the plan is there.
 */
static enum hs_result suppress_named(const struct erase *x)
{
	bool any = x->how->suppress && !x->how->look_only && x->people.subjects->count > 0;

	return any ? hs_suppression_list_add(x->dir, x->people.subjects) : HS_OK;
}

static enum hs_result work(struct erase *x)
{
	struct hs_erase_plan plan = { .from_deletes = x->how->from_deletes,
		                      .suppress = x->how->suppress,
		                      .people = x->people.subjects };
	bool any_left = false;
	enum hs_result r = suppress_named(x);

	if (r == HS_OK && !x->how->look_only)
		r = seal(x);
	plan.sealed_ms = hs_io_now();
	if (r == HS_OK)
		r = hs_erase_list_files(x);
	if (r == HS_OK)
		r = finish_plans(x, &any_left);
	if (r == HS_OK && !x->done->stopped)
		r = hs_erase_find_subjects(x);
	if (r != HS_OK || x->done->too_many || x->done->stopped || x->people.subjects->count == 0)
		return r;
	if (x->how->look_only)
		return clean_all(x);
	plan.next = x->files.next;
	r = hs_erase_plan_write(x->dir, x->rewrites, &plan);
	if (r == HS_OK)
		r = carry_out(x, &plan, false);
	x->done->unfinished |= any_left;
	return r;
}

static bool is_gone(int dir, const char *name)
{
	return hs_io_unlink(dir, name) == 0 || errno == ENOENT;
}

/*
 * Removes temporary files that killed processes left, for they may hold lines of erased people. A
 * repair needs the lock that we hold. Compression has a lock of its own: if that is held the copy
 * is in use, and compression drops it once the segment is replaced. One of rejected_max has the lock of appends.
 */
static enum hs_result drop_leftovers(const struct erase *x)
{
	int dir = x->dir->run_dir, lock;
	bool gone;

	if (x->how->look_only)
		return HS_OK;
	lock = hs_io_open_or_make(dir, HS_RETENTION_LOCK, 0600);
	if (lock < 0)
		return hs_io_result(errno);
	gone = hs_erase_plan_drop_unwritten(x->dir->private_dir) == HS_OK && is_gone(dir, COPY) &&
	       is_gone(dir, HS_VERIFY_COPY) &&
	       (hs_io_lock(lock, LOCK_EX | LOCK_NB) < 0 || is_gone(dir, HS_RETENTION_COPY));
	hs_io_close(lock);
	return gone ? hs_rejected_quota_drop_copy(x->dir) : HS_E_IO;
}

static enum hs_result work_alone(struct erase *x)
{
	int lock;
	enum hs_result r = hs_rewriter_lock(x->dir->run_dir, &lock);

	x->done->busy = r == HS_E_LOCKED;
	if (r != HS_OK)
		return x->done->busy ? HS_OK : r;
	r = drop_leftovers(x);
	if (r == HS_OK)
		r = hs_rewrite_log_open(x->dir, &x->rewrites);
	if (r == HS_OK)
		r = work(x);
	hs_rewrite_log_close(x->rewrites);
	hs_io_close(lock);
	return r;
}

static void free_all(struct erase *x)
{
	hs_links_free(&x->people.links);
	hs_erase_close_files(x);
	free(x->clean.ids);
	hs_line_reader_free(&x->current.lines);
	hs_summary_close(&x->current.summary);
	hs_line_reader_free(&x->clean.prefix);
	hs_json_free(&x->json);
	hs_subject_matcher_free(&x->people.matcher);
	hs_buf_free(&x->text);
	hs_dedup_key_maker_free(&x->key_maker);
}

enum hs_result hs_erase(struct hs_spool *spool, const struct hs_settings *settings, const struct hs_eraser *eraser,
                        struct hs_erasure *done)
{
	struct erase x = { .spool = spool,
		           .settings = settings,
		           .how = eraser,
		           .done = done,
		           .people = { .subjects = eraser->subjects, .matcher.subjects = eraser->subjects },
		           .current.fd = -1,
		           .current.summary = HS_SUMMARY_READER_NONE,
		           .clean.copy = HS_REWRITE_COPY_NONE };
	enum hs_result r;

	memset(done, 0, sizeof *done);
	hs_links_init(&x.people.links, eraser->subjects, hs_io_random());
	x.clean.ids = malloc(IDS_AT_ONCE * sizeof *x.clean.ids);
	r = hs_dedup_key_maker_init(&x.key_maker) && x.clean.ids != NULL ? HS_OK : HS_E_MEMORY;
	if (r == HS_OK)
		r = hs_spool_dir_open(&x.opened, settings, !eraser->look_only);
	if (r == HS_OK) {
		x.dir = &x.opened.dir;
		r = work_alone(&x);
		hs_spool_dir_close(&x.opened);
	}
	free_all(&x);
	return r;
}
