#include "spool/spool.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/admin/rejected_quota.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/index.h"
#include "spool/shared/clock.h"
#include "spool/shared/metrics.h"
#include "spool/shared/modes.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/segment.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEALTH_MS = 1000,
	GAP_POLL_MS = 10,
	KEEP_BYTES = 1 << 20,
	SLOW_MS = 1000,       /* an append that takes so long … */
	SLOW_FOR_MS = 600000, /* … is remembered for so long */
	LOOK = 1000,          /* records looked up in the index at once */
};

/* An open directory. */
struct view {
	struct hs_opened_spool opened;
	char state_path[PATH_MAX];
	uint64_t device, inode; /* of that file */
	struct hs_segment segment[HS_STREAMS];

	/* under the events' append lock */
	struct hs_index *index; /* NULL: dedup_window = 0 */
	struct hs_suppression_list *suppress;
	struct hs_buf fresh; /* the records that are to be written, if some are not */
};

struct hs_spool {
	const struct hs_settings *settings;
	pthread_rwlock_t lock; /* held shared by users of the view, exclusively to replace it */
	struct view *view;     /* NULL: not open */
	_Atomic bool followed; /* the files' modes have followed these settings */
	struct hs_metrics *metrics;
	_Atomic uint64_t noted[HS_CREDENTIALS]; /* of each kind, the use that was noted last: see is_noted */
	struct hs_write_batcher group;          /* of what is posted */
};

/* --- opening ---------------------------------------------------------------- */

static void close_view(struct view *v)
{
	if (v == NULL)
		return;
	hs_index_free(v->index);
	hs_suppression_list_free(v->suppress);
	hs_buf_free(&v->fresh);
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_close(&v->segment[i]);
	hs_spool_dir_close(&v->opened);
	free(v);
}

static enum hs_result open_view(const struct hs_settings *settings, bool make, struct view **view)
{
	struct view *v = calloc(1, sizeof *v);
	struct stat st;
	enum hs_result r;

	if (v == NULL)
		return HS_E_MEMORY;
	r = hs_spool_dir_open(&v->opened, settings, make);
	if (r != HS_OK) {
		free(v);
		return r;
	}
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_init(&v->segment[i], &v->opened.dir, i);
	if (hs_io_fstat(v->opened.state.state_fd, &st) < 0) {
		hs_log_result(HS_E_IO, "open %s", settings->spool_dir);
		close_view(v);
		return HS_E_IO;
	}
	snprintf(v->state_path, sizeof v->state_path, "%s/.hookspool/run/state", settings->spool_dir);
	v->device = (uint64_t)st.st_dev;
	v->inode = (uint64_t)st.st_ino;
	v->suppress = hs_suppression_list_new(&v->opened.dir);
	if (settings->dedup_window > 0)
		v->index = hs_index_new(&v->opened.dir, settings->spool_dir);
	if (v->suppress == NULL || (settings->dedup_window > 0 && v->index == NULL)) {
		close_view(v);
		return HS_E_MEMORY;
	}
	*view = v;
	return HS_OK;
}

/*
 * Does the path still lead to what is open? Judged by the state's file: two processes
 * with different ones would not know of each other. And is that whole?
 */
static bool is_current(const struct hs_spool *spool)
{
	const struct view *v = spool->view;
	struct stat st;

	return v != NULL && hs_io_stat(AT_FDCWD, v->state_path, &st) == 0 && (uint64_t)st.st_dev == v->device &&
	       (uint64_t)st.st_ino == v->inode && st.st_size == (off_t)sizeof(struct hs_shared_state) &&
	       hs_shared_state_is_intact(v->opened.state.state);
}

/* Once for each loss: it is closed after that. */
static void tell_of_loss(const struct view *v)
{
	if (v != NULL)
		hs_log(HS_LOG_WARN, "%s was cut, emptied or replaced by somebody else: it is made anew from the spool",
		       v->state_path);
}

static void follow_metrics(const struct hs_spool *spool, int run_dir)
{
	hs_metrics_follow(spool->metrics, run_dir, (mode_t)spool->settings->spool_mode);
}

/* Shares the view; at HS_OK it must be returned by give_back. */
static enum hs_result borrow(struct hs_spool *spool, struct view **view)
{
	enum hs_result r = HS_OK;

	pthread_rwlock_rdlock(&spool->lock);
	if (!is_current(spool)) {
		pthread_rwlock_unlock(&spool->lock);
		pthread_rwlock_wrlock(&spool->lock);
		if (!is_current(spool)) {
			tell_of_loss(spool->view);
			close_view(spool->view);
			spool->view = NULL;
			r = open_view(spool->settings, true, &spool->view);
			if (r == HS_OK)
				follow_metrics(spool, spool->view->opened.dir.run_dir);
		}
		pthread_rwlock_unlock(&spool->lock);
		pthread_rwlock_rdlock(&spool->lock);
		if (r == HS_OK && spool->view == NULL)
			r = HS_E_SETTING_UP; /* another thread found it gone again */
		if (r != HS_OK)
			pthread_rwlock_unlock(&spool->lock);
	}
	*view = spool->view;
	return r;
}

static void give_back(struct hs_spool *spool)
{
	pthread_rwlock_unlock(&spool->lock);
}

/* Once for these settings: where two processes have different ones the last to begin decides. */
static enum hs_result follow_modes(struct hs_spool *spool, const struct view *v)
{
	return hs_modes_follow(&v->opened.dir, !atomic_exchange(&spool->followed, true));
}

void hs_spool_look(struct hs_spool *spool)
{
	struct view *v;
	bool open, fresh = !atomic_load(&spool->followed);

	pthread_rwlock_rdlock(&spool->lock);
	open = spool->view != NULL;
	pthread_rwlock_unlock(&spool->lock);
	if (!open && !fresh)
		return;
	if (borrow(spool, &v) == HS_OK) {
		follow_metrics(spool, v->opened.dir.run_dir);
		(void)follow_modes(spool, v); /* what cannot be set right check tells, too */
		give_back(spool);
	} else {
		atomic_store(&spool->followed, true); /* that is said once, and again by whoever needs it */
	}
}

/* --- appending -------------------------------------------------------------- */

/* Under the append lock: what was sealed may bring the sum of the rejected above its bound. */
static enum hs_result cap_rejected(struct view *v)
{
	struct hs_segment *s = &v->segment[HS_REJECTED];
	uint64_t deleted = 0;

	if (!s->sealed)
		return HS_OK;
	s->sealed = false;
	return hs_rejected_quota_cap(&v->opened.dir, hs_segment_most(s), (uint64_t)s->dir->settings->rejected_max,
	                             &deleted);
}

static enum hs_result write_rejected(struct view *v, const struct hs_append *append, struct hs_unsynced *pending)
{
	struct hs_segment *s = &v->segment[HS_REJECTED];
	enum hs_result r = hs_segment_begin(s, append->rejected.n, append->deadline_ms);

	if (r != HS_OK)
		return r;
	r = cap_rejected(v);
	if (r == HS_OK)
		r = hs_segment_write(s, append->rejected, pending);
	hs_segment_end(s);
	return r;
}

/* What an append, or several, add to the metrics. */
struct sums {
	struct hs_metrics_sums metrics;
	int64_t arrived_ms;
};

/* What became of the records of an append, or of several. */
struct sorted {
	uint64_t end;                   /* where the next line that is to be written will begin */
	bool copying;                   /* what is to be written is gathered in view.fresh */
	bool wait;                      /* for a duplicate whose first delivery may not be on stable storage yet */
	uint64_t duplicate, suppressed; /* of the append that is being sorted out */
	uint64_t conflicting;           /* of the duplicates */
};

/* Which of these records does the index hold? */
static enum hs_result look(struct view *v, const struct hs_record *record, size_t n, bool kept[LOOK])
{
	const struct hs_dedup_key *id[LOOK];

	memset(kept, false, n * sizeof *kept);
	if (v->index == NULL)
		return HS_OK;
	for (size_t i = 0; i < n; i++)
		id[i] = &record[i].id;
	return hs_index_look(v->index, id, n, kept);
}

/*
 * Is the record to be left out? Otherwise it is noted in the index; its line will end at `end`.
 * `kept`: the index holds it.
 */
static enum hs_result matcher(struct view *v, const struct hs_record *record, struct hs_slice line, bool suppressing,
                              bool kept, uint64_t end, struct sorted *out)
{
	struct hs_fingerprints *fingerprints = &v->opened.state.state->fingerprints;
	enum hs_seen seen;
	enum hs_result r = HS_OK;
	bool suppressed = false;

	if (suppressing)
		r = hs_suppression_list_find(v->suppress, line, &suppressed);
	if (r != HS_OK || suppressed) {
		out->suppressed += suppressed;
		return r;
	}
	if (v->index == NULL)
		return HS_OK;
	seen = hs_index_seen(v->index, &record->id, kept);
	out->duplicate += seen != HS_SEEN_NEVER;
	out->wait |= seen == HS_SEEN_PENDING;
	if (seen == HS_SEEN_NEVER)
		hs_fingerprints_note(fingerprints, &record->id, record->fingerprint);
	else
		out->conflicting += hs_fingerprints_conflict(fingerprints, &record->id, record->fingerprint);
	return seen == HS_SEEN_NEVER ? hs_index_add(v->index, &record->id, end) : HS_OK;
}

/* Is the record at p to be written? What stands before it is copied, if it was not yet. */
static void gather(struct view *v, const struct hs_append *append, const char *p, size_t n, bool left_out,
                   struct sorted *out)
{
	if (left_out && !out->copying)
		hs_buf_put(&v->fresh, append->records.p, (size_t)(p - append->records.p));
	out->copying |= left_out;
	if (left_out)
		return;
	if (out->copying)
		hs_buf_put(&v->fresh, p, n);
	out->end += n;
}

/*
 * Under the lock: which records are new, and not suppressed. They are noted in the index as
 * if they were written already, so that an event that comes twice in one batch is found, too.
 */
static enum hs_result sort_out(struct view *v, const struct hs_append *append, bool suppressing, struct sorted *out)
{
	const char *p = append->records.p;
	enum hs_result r = HS_OK;
	bool kept[LOOK];

	out->duplicate = out->suppressed = out->conflicting = 0;
	for (size_t i = 0; i < append->count && r == HS_OK; p += append->record[i++].n) {
		const struct hs_record *record = &append->record[i];
		uint64_t left_out = out->duplicate + out->suppressed;

		if (i % LOOK == 0)
			r = look(v, record, append->count - i < LOOK ? append->count - i : LOOK, kept);
		if (r == HS_OK)
			r = matcher(v, record, hs_slice(p, record->n - 1), suppressing, kept[i % LOOK],
			            out->end + record->n, out);
		gather(v, append, p, record->n, out->duplicate + out->suppressed > left_out, out);
	}
	*append->duplicate = out->duplicate;
	if (append->suppressed != NULL)
		*append->suppressed = out->suppressed;
	return r;
}

static void add_up(struct sums *sums, const struct hs_append *append, const struct sorted *out)
{
	sums->metrics.of[HS_METRIC_ACCEPTED] += append->count - out->duplicate - out->suppressed;
	sums->metrics.of[HS_METRIC_DUPLICATES] += out->duplicate;
	sums->metrics.of[HS_METRIC_CONFLICTING] += out->conflicting;
	sums->metrics.of[HS_METRIC_SUPPRESSED] += out->suppressed;
	sums->metrics.of[HS_METRIC_UNPARSED_TIMESTAMPS] += append->unparsed;
	sums->arrived_ms = append->arrived_ms;
}

/* The same for all of them; *fresh is what is to be written. */
static enum hs_result sort_out_all(struct view *v, const struct hs_append *const *append, size_t n, bool suppressing,
                                   struct sorted *out, struct hs_slice *fresh, struct sums *sums)
{
	enum hs_result r = HS_OK;

	hs_buf_reset(&v->fresh);
	for (size_t i = 0; i < n && r == HS_OK; i++) {
		r = sort_out(v, append[i], suppressing, out);
		add_up(sums, append[i], out);
	}
	if (v->index != NULL)
		hs_index_rest(v->index);
	*fresh = out->copying ? hs_buf_slice(&v->fresh) : append[0]->records;
	return r == HS_OK && !hs_buf_ok(&v->fresh) ? HS_E_MEMORY : r;
}

/* Under the lock, prepared: all of these appends in one write. */
static enum hs_result write_fresh(struct view *v, const struct hs_append *const *append, size_t n,
                                  struct hs_unsynced *pending, struct sums *sums)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	struct sorted sorted = { .end = atomic_load(&s->stream->written), .copying = n > 1 };
	bool suppressing, look_only = append[0]->look_only;
	struct hs_slice fresh = HS_SLICE_NONE;
	enum hs_result r = hs_suppression_list_follow(v->suppress, &suppressing);

	if (r == HS_OK && v->index != NULL)
		r = hs_index_follow(v->index, s, append[0]->deadline_ms);
	if (r == HS_OK)
		r = sort_out_all(v, append, n, suppressing, &sorted, &fresh, sums);
	sums->metrics.of[HS_METRIC_ACCEPTED_BYTES] = fresh.n;
	if (r == HS_OK && fresh.n > 0 && !look_only)
		r = hs_segment_write(s, fresh, pending);
	else if (r == HS_OK && sorted.wait && !look_only)
		hs_segment_join(s, pending);
	if (v->index != NULL) {
		uint64_t written = atomic_load(&s->stream->written);

		if (r == HS_OK && !look_only)
			hs_index_appended(v->index, written);
		else
			hs_index_undo(v->index, written);
	}
	hs_buf_shrink(&v->fresh, KEEP_BYTES);
	return r;
}

static enum hs_result write_events(struct view *v, const struct hs_append *const *append, size_t n,
                                   struct hs_unsynced *pending, struct sums *sums)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	int64_t deadline_ms = append[0]->deadline_ms; /* of whoever has waited longest */
	uint64_t bytes = 0;
	enum hs_result r;

	for (size_t i = 0; i < n; i++)
		bytes += append[i]->records.n;
	r = hs_segment_begin(s, bytes, deadline_ms);
	if (r != HS_OK)
		return r;
	r = write_fresh(v, append, n, pending, sums);
	if (r == HS_OK && pending->file == NULL && !hs_stream_is_intact(s->stream))
		r = HS_E_SPOOL_STATE; /* "known already" was perhaps read from it */
	hs_segment_end(s);
	return r;
}

static uint64_t count_lines(struct hs_slice text)
{
	uint64_t n = 0;

	for (const char *p = text.p, *end = p + text.n; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL;
	     p++)
		n++;
	return n;
}

/* All written, then all waited for: two streams cost the time of one sync, nearly. */
static enum hs_result append_to(struct view *v, const struct hs_append *append, bool durable, struct sums *sums)
{
	struct hs_unsynced pending[HS_STREAMS] = { 0 };
	enum hs_result r = HS_OK;

	/* the rejected first: twice in that file is better than twice in the events */
	if (append->rejected.n > 0 && !append->look_only) {
		r = write_rejected(v, append, &pending[HS_REJECTED]);
		sums->metrics.of[HS_METRIC_REJECTED] = count_lines(append->rejected);
		sums->metrics.of[HS_METRIC_REJECTED_BYTES] = append->rejected.n;
	}
	if (r == HS_OK && append->records.n > 0)
		r = write_events(v, &append, 1, &pending[HS_EVENTS], sums);
	if (append->written != NULL)
		append->written(append->context);
	for (int i = 0; i < HS_STREAMS; i++) {
		if (pending[i].file == NULL)
			continue;
		if (r == HS_OK && durable)
			r = hs_segment_wait(&v->segment[i], &pending[i], append->deadline_ms);
		else
			hs_segment_forget(&pending[i]);
	}
	return r;
}

static void count(struct hs_spool *spool, const struct sums *sums)
{
	hs_metrics_add(spool->metrics, &sums->metrics, sums->arrived_ms != 0 ? sums->arrived_ms : hs_io_now());
}

static bool is_durable(const struct hs_spool *spool)
{
	return spool->settings->durability == HS_DURABILITY_FSYNC;
}

enum hs_result hs_spool_append(struct hs_spool *spool, const struct hs_append *append)
{
	struct sums sums = { .arrived_ms = append->arrived_ms };
	struct view *v;
	enum hs_result r = borrow(spool, &v);

	if (r != HS_OK)
		return r;
	r = append_to(v, append, is_durable(spool), &sums);
	if (r == HS_OK && !append->look_only)
		count(spool, &sums);
	give_back(spool);
	return r;
}

enum hs_result hs_spool_is_slow(struct hs_spool *spool, bool *slow)
{
	struct view *v;
	int64_t slow_ms;
	enum hs_result r = borrow(spool, &v);

	*slow = false;
	if (r != HS_OK)
		return r;
	slow_ms = atomic_load(&v->opened.state.state->slow_ms);
	*slow = slow_ms != 0 && hs_io_now_monotonic() - slow_ms < SLOW_FOR_MS;
	give_back(spool);
	return HS_OK;
}

void hs_spool_note_time(struct hs_spool *spool, int64_t begun_ms)
{
	int64_t now = hs_io_now_monotonic();
	struct view *v;

	if (now - begun_ms < SLOW_MS || borrow(spool, &v) != HS_OK)
		return;
	atomic_store(&v->opened.state.state->slow_ms, now);
	give_back(spool);
}

/* One lock, one write and one wait for all members. */
static enum hs_result append_together(void *context, struct hs_write_batcher *g, const struct hs_member *first)
{
	const struct hs_append *append[HS_WRITE_BATCHER_MOST] = { first->work };
	struct hs_spool *spool = context;
	struct hs_unsynced pending = { 0 };
	struct sums sums = { 0 };
	struct view *v;
	size_t n = 0;
	int64_t deadline_ms;
	enum hs_result r = borrow(spool, &v);

	if (r != HS_OK)
		return r;
	for (const struct hs_member *m = first; m != NULL; m = m->next)
		append[n++] = m->work;
	deadline_ms = append[0]->deadline_ms;
	r = write_events(v, append, n, &pending, &sums);
	hs_write_batcher_release(g); /* from here on some of them may be gone */
	if (r == HS_OK && pending.file != NULL && is_durable(spool))
		r = hs_segment_wait(&v->segment[HS_EVENTS], &pending, deadline_ms);
	else if (pending.file != NULL)
		hs_segment_forget(&pending);
	if (r == HS_OK)
		count(spool, &sums);
	give_back(spool);
	return r;
}

static void posted(struct hs_member *m, enum hs_result r)
{
	struct hs_post *post = (struct hs_post *)m;

	post->done(post, r);
}

bool hs_spool_post(struct hs_spool *spool, struct hs_post *post)
{
	assert(post->append.rejected.n == 0 && post->append.records.n <= HS_POST_BYTES);
	post->member =
	    (struct hs_member){ .work = &post->append, .deadline_ms = post->append.deadline_ms, .done = posted };
	return hs_write_batcher_join(&spool->group, &post->member);
}

void hs_spool_commit(struct hs_spool *spool)
{
	hs_write_batcher_lead(&spool->group);
}

void hs_spool_expire(struct hs_spool *spool, int64_t now_ms)
{
	hs_write_batcher_expire(&spool->group, now_ms);
}

/* --- metrics ------------------------------------------------------------------ */

/* For a process that refuses its request before it needs the spool. */
static void open_metrics(struct hs_spool *spool)
{
	int run_dir = hs_spool_dir_open_run(spool->settings->spool_dir);

	if (run_dir < 0)
		return;
	follow_metrics(spool, run_dir);
	hs_io_close(run_dir);
}

/* A secret is named by its label or, as '#1', by its place in the settings. */
static struct hs_slice secret_name(const struct hs_settings *settings, unsigned secret, char position[static 3])
{
	struct hs_slice label = hs_slice_str(settings->secret_tenant[secret]);
	size_t n = 0;

	static_assert(HS_SECRETS_MAX < 100, "two digits");
	if (label.n > 0)
		return label;
	position[n++] = '#';
	if (secret + 1 >= 10)
		position[n++] = (char)('0' + (secret + 1) / 10);
	position[n++] = (char)('0' + (secret + 1) % 10);
	return hs_slice(position, n);
}

/*
 * Figures tell seconds, and most requests show the credential of the one before: it is noted
 * once a second (1024 ms). The label's address tells it from the others of these settings.
 */
static bool is_noted(_Atomic uint64_t *noted, const char *label, int64_t at_ms)
{
	uint64_t use = (uint64_t)at_ms >> 10 << 32 | (uint32_t)(uintptr_t)label;

	if (atomic_load_explicit(noted, memory_order_relaxed) == use)
		return true;
	atomic_store_explicit(noted, use, memory_order_relaxed);
	return false;
}

static void note_key(struct hs_spool *spool, struct hs_slice key, int64_t at_ms)
{
	if (!is_noted(&spool->noted[HS_CREDENTIAL_KEY], key.p, at_ms))
		hs_metrics_note_use(spool->metrics, HS_CREDENTIAL_KEY, key, at_ms);
}

static void note_secret(struct hs_spool *spool, unsigned secret, int64_t at_ms)
{
	char position[3];

	if (!is_noted(&spool->noted[HS_CREDENTIAL_SECRET], spool->settings->secret_tenant[secret], at_ms))
		hs_metrics_note_use(spool->metrics, HS_CREDENTIAL_SECRET,
		                    secret_name(spool->settings, secret, position), at_ms);
}

void hs_spool_count_answer(struct hs_spool *spool, const struct hs_answered *answered)
{
	if (!hs_metrics_is_tried(spool->metrics))
		open_metrics(spool);
	hs_metrics_add_response(spool->metrics, answered->status);
	if (answered->key.n > 0)
		note_key(spool, answered->key, answered->arrived_ms);
	if (answered->secret > 0)
		note_secret(spool, answered->secret - 1, answered->arrived_ms);
}

/* --- the whole ---------------------------------------------------------------- */

struct hs_spool *hs_spool_new(const struct hs_settings *settings)
{
	struct hs_spool *spool = calloc(1, sizeof *spool);

	if (spool == NULL || pthread_rwlock_init(&spool->lock, NULL) != 0) {
		free(spool);
		return NULL;
	}
	spool->settings = settings;
	spool->metrics = hs_metrics_new(HS_METRICS_BYTES);
	if (spool->metrics == NULL || !hs_write_batcher_init(&spool->group, append_together, spool)) {
		hs_metrics_free(spool->metrics);
		pthread_rwlock_destroy(&spool->lock);
		free(spool);
		return NULL;
	}
	return spool;
}

void hs_spool_free(struct hs_spool *spool)
{
	if (spool == NULL)
		return;
	close_view(spool->view);
	hs_metrics_free(spool->metrics);
	hs_write_batcher_destroy(&spool->group);
	pthread_rwlock_destroy(&spool->lock);
	free(spool);
}

/* --- other work ----------------------------------------------------------------- */

/* Under each stream's lock in turn: brings the open segment into order, and rotates it. */
static enum hs_result visit(struct view *v, int64_t deadline_ms, bool rotate)
{
	enum hs_result r = HS_OK;

	for (int i = 0; i < HS_STREAMS && r == HS_OK; i++) {
		struct hs_segment *s = &v->segment[i];

		r = hs_segment_begin(s, 0, deadline_ms);
		if (r != HS_OK)
			break;
		if (rotate)
			r = hs_segment_rotate(s, deadline_ms);
		if (r == HS_OK && i == HS_REJECTED)
			r = cap_rejected(v);
		hs_segment_end(s);
	}
	return r;
}

/* Are those whose events must not be kept known? */
static enum hs_result look_at_suppressed(struct view *v, int64_t deadline_ms)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	enum hs_result r = hs_segment_lock(s, deadline_ms);
	bool active;

	if (r != HS_OK)
		return r;
	r = hs_suppression_list_follow(v->suppress, &active);
	hs_segment_unlock(s);
	return r;
}

enum hs_result hs_spool_health(struct hs_spool *spool)
{
	struct view *v;
	enum hs_result r = borrow(spool, &v);

	if (r != HS_OK)
		return r;
	r = visit(v, hs_io_now_monotonic() + HEALTH_MS, false);
	if (r == HS_OK)
		r = look_at_suppressed(v, hs_io_now_monotonic() + HEALTH_MS);
	give_back(spool);
	return r;
}

/* Under the lock, prepared. */
static enum hs_result ask_index(struct view *v, int64_t deadline_ms, struct hs_known *known)
{
	enum hs_result r;

	known->anew = !hs_index_is_trusted(v->index);
	r = hs_index_follow(v->index, &v->segment[HS_EVENTS], deadline_ms);
	return r == HS_OK ? hs_index_count(v->index, &known->ids) : r;
}

enum hs_result hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known)
{
	struct view *v;
	enum hs_result r = borrow(spool, &v);

	memset(known, 0, sizeof *known);
	if (r != HS_OK)
		return r;
	known->off = v->index == NULL;
	if (!known->off) {
		struct hs_segment *s = &v->segment[HS_EVENTS];

		r = hs_segment_begin(s, 0, deadline_ms);
		if (r == HS_OK) {
			r = ask_index(v, deadline_ms, known);
			hs_segment_end(s);
		}
	}
	give_back(spool);
	return r;
}

enum hs_result hs_spool_rotate(struct hs_spool *spool, int64_t deadline_ms)
{
	struct view *v;
	enum hs_result r = borrow(spool, &v);

	if (r != HS_OK)
		return r;
	while (hs_result_is(r = visit(v, deadline_ms, true), HS_CLASS_BUSY) && hs_io_now_monotonic() < deadline_ms)
		hs_io_pause(GAP_POLL_MS);
	give_back(spool);
	return r;
}

enum hs_result hs_spool_maintain(struct hs_spool *spool, bool (*stop)(void *context), void *context,
                                 struct hs_retention_counts *done)
{
	struct view *v; /* of its own: compressing takes long, and requests must not wait for it */
	enum hs_result r = open_view(spool->settings, true, &v);

	memset(done, 0, sizeof *done);
	if (r != HS_OK)
		return r;
	r = visit(v, hs_io_now_monotonic() + HEALTH_MS, false);     /* prepare seals what is due */
	if (r == HS_OK || r == HS_E_FULL || r == HS_E_SPOOL_FILE) { /* deleting may help; the sealed are there */
		enum hs_result visited = r == HS_E_SPOOL_FILE ? r : HS_OK;

		r = hs_retention_run(&v->opened.dir, stop, context, done);
		r = r == HS_OK ? follow_modes(spool, v) : r;
		r = r == HS_OK ? visited : r;
	} else if (r == HS_E_CLOCK) { /* by which nothing may be deleted */
		hs_log_result(r, "maintain");
	}
	close_view(v);
	return r;
}

enum hs_result hs_spool_trust_clock(struct hs_spool *spool)
{
	struct view *v;
	enum hs_result r = borrow(spool, &v);

	if (r != HS_OK)
		return r;
	hs_clock_trust(&v->opened.dir);
	give_back(spool);
	return HS_OK;
}

enum hs_result hs_spool_clock_lag(struct hs_spool *spool, int64_t *lag_ms)
{
	struct view *v;
	enum hs_result r = borrow(spool, &v);

	*lag_ms = 0;
	if (r != HS_OK)
		return r;
	*lag_ms = hs_clock_lag(&v->opened.dir);
	give_back(spool);
	return HS_OK;
}

enum hs_result hs_spool_verify(struct hs_spool *spool, const struct hs_verifier *examiner, struct hs_verified *found)
{
	struct view *v;
	enum hs_result r = open_view(spool->settings, false, &v);

	memset(found, 0, sizeof *found);
	if (r != HS_OK)
		return r;
	r = hs_verify(v->segment, v->index, examiner, found);
	close_view(v);
	return r;
}
