/* Appends to a spool: one request, or what many threads post. */
#include "base/io.h"
#include "spool/admin/rejected_quota.h"
#include "spool/spool.h"
#include "spool/spool_private.h"

#include <assert.h>
#include <string.h>

enum {
	KEEP_BYTES = 1 << 20,
	SLOW_MS = 1000,       /* an append that takes as long … */
	SLOW_FOR_MS = 600000, /* … is remembered for this long */
	LOOK = 1000,          /* records looked up in the index at once */
};

enum hs_result hs_spool_cap_rejected(struct spool_view *v)
{
	struct hs_segment *s = &v->segment[HS_REJECTED];
	uint64_t deleted = 0;

	if (!s->sealed)
		return HS_OK;
	s->sealed = false;
	return hs_rejected_quota_cap(&v->opened.dir, hs_segment_most(s), (uint64_t)s->dir->settings->rejected_max,
	                             &deleted);
}

static enum hs_result write_rejected(struct spool_view *v, const struct hs_append *append, struct hs_unsynced *pending)
{
	struct hs_segment *s = &v->segment[HS_REJECTED];
	enum hs_result r = hs_segment_begin(s, append->rejected.n, append->deadline_ms);

	if (r != HS_OK)
		return r;
	r = hs_spool_cap_rejected(v);
	if (r == HS_OK)
		r = hs_segment_write(s, append->rejected, 0, pending);
	hs_segment_end(s);
	return r;
}

/* The metrics of one or several appends. */
struct sums {
	struct hs_metrics_sums metrics;
	int64_t arrived_ms;
};

/* The result of sorting out the records of one or several appends. */
struct sorted {
	uint64_t end;                   /* offset at which the next new line will begin */
	bool copying;                   /* new lines are gathered in view.fresh */
	bool wait;                      /* the first delivery of a duplicate may not be on stable storage yet */
	uint64_t duplicate, suppressed; /* of the current append */
	uint64_t conflicting;           /* duplicates with other contents */
};

/* Sets kept[i] if the index holds record[i]. */
static enum hs_result look_up(struct spool_view *v, const struct hs_record *record, size_t n, bool kept[LOOK])
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
 * Counts the record if it is to be left out; notes it in the index if it is new: its line will end
 * at `end`. `kept`: as look_up has set it.
 */
static enum hs_result sort_record(struct spool_view *v, const struct hs_record *record, struct hs_slice line,
                                  bool suppressing, bool kept, uint64_t end, struct sorted *out)
{
	struct hs_fingerprints *fingerprints = &v->opened.state.state->fingerprints;
	enum hs_seen seen;
	enum hs_result r = HS_OK;
	bool suppressed = false;

	if (suppressing)
		r = hs_suppression_list_find(v->suppressed, line, &suppressed);
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

/*
 * Gathers the line at p, unless it is left out. Until the first one that is, nothing is copied:
 * the lines are written from where they are.
 */
static void gather(struct spool_view *v, const struct hs_append *append, const char *p, size_t n, bool left_out,
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
 * Under the append lock: finds the records that are new and not suppressed. They are noted in the
 * index as if they were written already, so that an event that comes twice in one batch is found.
 */
static enum hs_result sort_out(struct spool_view *v, const struct hs_append *append, bool suppressing,
                               struct sorted *out, struct hs_metrics_sums *sums)
{
	const char *p = append->records.p;
	enum hs_metrics_fate fate;
	enum hs_result r = HS_OK;
	bool kept[LOOK];

	out->duplicate = out->suppressed = out->conflicting = 0;
	for (size_t i = 0; i < append->count && r == HS_OK; p += append->record[i++].n) {
		const struct hs_record *record = &append->record[i];
		uint64_t duplicate = out->duplicate, suppressed = out->suppressed;

		if (i % LOOK == 0)
			r = look_up(v, record, append->count - i < LOOK ? append->count - i : LOOK, kept);
		if (r == HS_OK)
			r = sort_record(v, record, hs_slice(p, record->n - 1), suppressing, kept[i % LOOK],
			                out->end + record->n, out);
		fate = out->duplicate > duplicate     ? HS_FATE_DUPLICATE
		       : out->suppressed > suppressed ? HS_FATE_SUPPRESSED
		                                      : HS_FATE_ACCEPTED;
		hs_metrics_sum(sums, fate, (enum hs_event_type)record->type);
		gather(v, append, p, record->n, fate != HS_FATE_ACCEPTED, out);
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

/* Sorts out n appends. *fresh: the new lines, valid until the next append. */
static enum hs_result sort_out_all(struct spool_view *v, const struct hs_append *const *append, size_t n,
                                   bool suppressing, struct sorted *out, struct hs_slice *fresh, struct sums *sums)
{
	enum hs_result r = HS_OK;

	hs_buf_reset(&v->fresh);
	for (size_t i = 0; i < n && r == HS_OK; i++) {
		r = sort_out(v, append[i], suppressing, out, &sums->metrics);
		add_up(sums, append[i], out);
	}
	if (v->index != NULL)
		hs_index_rest(v->index);
	*fresh = out->copying ? hs_buf_slice(&v->fresh) : append[0]->records;
	return r == HS_OK && !hs_buf_ok(&v->fresh) ? HS_E_MEMORY : r;
}

/* Under the append lock, after prepare: n appends in one write. */
static enum hs_result write_fresh(struct spool_view *v, const struct hs_append *const *append, size_t n,
                                  struct hs_unsynced *pending, struct sums *sums)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	struct sorted sorted = { .end = atomic_load(&s->stream->written), .copying = n > 1 };
	bool suppressing, look_only = append[0]->look_only;
	struct hs_slice fresh = HS_SLICE_NONE;
	enum hs_result r = hs_suppression_list_follow(v->suppressed, &suppressing);

	if (r == HS_OK && v->index != NULL)
		r = hs_index_follow(v->index, s, append[0]->deadline_ms);
	if (r == HS_OK)
		r = sort_out_all(v, append, n, suppressing, &sorted, &fresh, sums);
	sums->metrics.of[HS_METRIC_ACCEPTED_BYTES] = fresh.n;
	if (r == HS_OK && fresh.n > 0 && !look_only)
		r = hs_segment_write(s, fresh, sums->metrics.of[HS_METRIC_ACCEPTED], pending);
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

static enum hs_result write_events(struct spool_view *v, const struct hs_append *const *append, size_t n,
                                   struct hs_unsynced *pending, struct sums *sums)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	int64_t deadline_ms = append[0]->deadline_ms; /* the first has waited longest */
	uint64_t bytes = 0;
	enum hs_result r;

	for (size_t i = 0; i < n; i++)
		bytes += append[i]->records.n;
	r = hs_segment_begin(s, bytes, deadline_ms);
	if (r != HS_OK)
		return r;
	r = write_fresh(v, append, n, pending, sums);
	if (r == HS_OK && pending->file == NULL && !hs_stream_is_intact(s->stream))
		r = HS_E_SPOOL_STATE; /* its damage may have made new events look known */
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

/* Writes both streams before waiting for either, so that their syncs run side by side. */
static enum hs_result append_to(struct spool_view *v, const struct hs_append *append, bool durable, struct sums *sums)
{
	struct hs_unsynced pending[HS_STREAMS] = { 0 };
	enum hs_result r = HS_OK;

	/* rejected lines first: if the events then fail, a retry doubles rejected lines, not events */
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
	struct sums sums;
	struct spool_view *v;
	enum hs_result r = hs_spool_borrow(spool, &v);

	if (r != HS_OK)
		return r;
	hs_metrics_sums_init(&sums.metrics);
	sums.arrived_ms = append->arrived_ms;
	r = append_to(v, append, is_durable(spool), &sums);
	if (r == HS_OK && !append->look_only)
		count(spool, &sums);
	hs_spool_give_back(spool);
	return r;
}

enum hs_result hs_spool_is_slow(struct hs_spool *spool, bool *slow)
{
	struct spool_view *v;
	int64_t slow_ms;
	enum hs_result r = hs_spool_borrow(spool, &v);

	*slow = false;
	if (r != HS_OK)
		return r;
	slow_ms = atomic_load(&v->opened.state.state->slow_ms);
	*slow = slow_ms != 0 && hs_io_now_monotonic() - slow_ms < SLOW_FOR_MS;
	hs_spool_give_back(spool);
	return HS_OK;
}

void hs_spool_note_time(struct hs_spool *spool, int64_t begun_ms)
{
	int64_t now = hs_io_now_monotonic();
	struct spool_view *v;

	if (now - begun_ms < SLOW_MS || hs_spool_borrow(spool, &v) != HS_OK)
		return;
	atomic_store(&v->opened.state.state->slow_ms, now);
	hs_spool_give_back(spool);
}

enum hs_result hs_spool_append_together(void *context, struct hs_write_batcher *batcher, const struct hs_member *first)
{
	const struct hs_append *append[HS_WRITE_BATCHER_MOST] = { first->work };
	struct hs_spool *spool = context;
	struct hs_unsynced pending = { 0 };
	struct sums sums;
	struct spool_view *v;
	size_t n = 0;
	int64_t deadline_ms;
	enum hs_result r = hs_spool_borrow(spool, &v);

	if (r != HS_OK)
		return r;
	for (const struct hs_member *m = first; m != NULL; m = m->next)
		append[n++] = m->work;
	deadline_ms = append[0]->deadline_ms;
	hs_metrics_sums_init(&sums.metrics);
	r = write_events(v, append, n, &pending, &sums);
	if (v->segment[HS_EVENTS].look_due)
		atomic_store(&spool->look_due, true);
	hs_write_batcher_release(batcher); /* from here on members may be gone */
	if (r == HS_OK && pending.file != NULL && is_durable(spool))
		r = hs_segment_wait(&v->segment[HS_EVENTS], &pending, deadline_ms);
	else if (pending.file != NULL)
		hs_segment_forget(&pending);
	if (r == HS_OK)
		count(spool, &sums);
	hs_spool_give_back(spool);
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
	return hs_write_batcher_join(&spool->batcher, &post->member);
}

/* After a rotation, when its events are answered. */
static void look_around(struct hs_spool *spool)
{
	struct spool_view *v;

	if (!atomic_exchange(&spool->look_due, false) || hs_spool_borrow(spool, &v) != HS_OK)
		return;
	hs_segment_look_around(&v->segment[HS_EVENTS]);
	hs_spool_give_back(spool);
}

void hs_spool_commit(struct hs_spool *spool)
{
	hs_write_batcher_lead(&spool->batcher);
	if (atomic_load(&spool->look_due))
		look_around(spool);
}

void hs_spool_expire(struct hs_spool *spool, int64_t now_ms)
{
	hs_write_batcher_expire(&spool->batcher, now_ms);
}
