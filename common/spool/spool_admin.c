/* Looks after a spool: health, rotation, maintenance, clock, verification. */
#include "base/io.h"
#include "base/log.h"
#include "spool/admin/incoming.h"
#include "spool/shared/clock.h"
#include "spool/spool.h"
#include "spool/spool_private.h"

#include <string.h>

enum {
	HEALTH_MS = 1000,
	GAP_POLL_MS = 10,
};

/* Prepares each stream's open segment, under its lock; also seals it, if `rotate`. */
static enum hs_result prepare_streams(struct spool_view *v, int64_t deadline_ms, bool rotate)
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
			r = hs_spool_cap_rejected(v);
		hs_segment_end(s);
	}
	return r;
}

/* Fails if the list of suppressed people is lost; looks whether the index is behind. */
static enum hs_result check_events(struct spool_view *v, int64_t deadline_ms, bool *catching_up)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	enum hs_result r = hs_segment_lock(s, deadline_ms);
	bool active;

	if (r != HS_OK)
		return r;
	r = hs_suppression_list_follow(v->suppressed, &active);
	if (catching_up != NULL)
		*catching_up = v->index != NULL && v->opened.state.state->index.behind_since_ms != 0;
	hs_segment_unlock(s);
	return r;
}

enum hs_result hs_spool_health(struct hs_spool *spool, bool *catching_up)
{
	struct spool_view *v;
	enum hs_result r = hs_spool_borrow(spool, &v);

	if (r != HS_OK)
		return r;
	r = prepare_streams(v, hs_io_now_monotonic() + HEALTH_MS, false);
	if (r == HS_OK)
		r = check_events(v, hs_io_now_monotonic() + HEALTH_MS, catching_up);
	hs_spool_give_back(spool);
	return r;
}

/* Under the append lock, after prepare. */
static enum hs_result ask_index(struct spool_view *v, int64_t deadline_ms, struct hs_known *known)
{
	const struct hs_index_print *print = &v->opened.state.state->index;
	enum hs_result r;

	known->anew = !hs_index_is_trusted(v->index);
	r = hs_index_follow(v->index, &v->segment[HS_EVENTS], deadline_ms);
	known->behind = hs_index_is_behind(v->index);
	known->permille = print->behind_permille;
	known->took_ms = hs_io_now_monotonic() - print->behind_since_ms;
	return r == HS_OK ? hs_index_count(v->index, &known->ids) : r;
}

/* Sets the number of ids in the metrics, unless another thread or process is at the index. */
static void count_ids(struct hs_spool *spool, struct spool_view *v)
{
	struct hs_segment *s = &v->segment[HS_EVENTS];
	int64_t deadline_ms = hs_io_now_monotonic() + HEALTH_MS;
	struct hs_known known;

	if (v->index == NULL || hs_segment_begin(s, 0, deadline_ms) != HS_OK)
		return;
	if (ask_index(v, deadline_ms, &known) == HS_OK)
		hs_metrics_set(spool->metrics, HS_METRIC_IDS, known.ids);
	hs_segment_end(s);
}

enum hs_result hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known)
{
	struct spool_view *v;
	enum hs_result r = hs_spool_borrow(spool, &v);

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
	hs_spool_give_back(spool);
	return r;
}

enum hs_result hs_spool_rotate(struct hs_spool *spool, int64_t deadline_ms)
{
	struct spool_view *v;
	enum hs_result r = hs_spool_borrow(spool, &v);

	if (r != HS_OK)
		return r;
	while (hs_result_is(r = prepare_streams(v, deadline_ms, true), HS_CLASS_BUSY) &&
	       hs_io_now_monotonic() < deadline_ms)
		hs_io_pause(GAP_POLL_MS);
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_look_around(&v->segment[i]);
	hs_spool_give_back(spool);
	return r;
}

enum hs_result hs_spool_maintain(struct hs_spool *spool, bool (*stop)(void *context), void *context,
                                 struct hs_retention_counts *done)
{
	struct spool_view *v; /* its own: compressing takes long, and a borrowed view cannot be replaced */
	enum hs_result r = hs_spool_view_open(spool->settings, true, &v);

	hs_spool_save_rates(spool);
	memset(done, 0, sizeof *done);
	if (r != HS_OK)
		return r;
	v->opened.dir.metrics = spool->metrics;
	hs_spool_follow_metrics(spool, v->opened.dir.run_dir);
	r = prepare_streams(v, hs_io_now_monotonic() + HEALTH_MS, false); /* seals what is due */
	if (r == HS_OK)
		count_ids(spool, v);
	if (r == HS_OK || r == HS_E_FULL || r == HS_E_SPOOL_FILE) { /* deleting may make room */
		enum hs_result prepared = r == HS_E_SPOOL_FILE ? r : HS_OK;

		r = hs_retention_run(&v->opened.dir, stop, context, spool->seen, done);
		r = r == HS_OK ? hs_spool_follow_modes(spool, v) : r;
		r = r == HS_OK ? prepared : r;
	} else if (r == HS_E_CLOCK) { /* nothing may be deleted by its time */
		hs_log_result(r, "maintain");
	}
	hs_spool_view_close(v);
	return r;
}

enum hs_result hs_spool_trust_clock(struct hs_spool *spool)
{
	struct spool_view *v;
	enum hs_result r = hs_spool_borrow(spool, &v);

	if (r != HS_OK)
		return r;
	hs_clock_trust(&v->opened.dir);
	hs_spool_give_back(spool);
	return HS_OK;
}

enum hs_result hs_spool_clock_lag(struct hs_spool *spool, int64_t *lag_ms)
{
	struct spool_view *v;
	enum hs_result r = hs_spool_borrow(spool, &v);

	*lag_ms = 0;
	if (r != HS_OK)
		return r;
	*lag_ms = hs_clock_lag(&v->opened.dir);
	hs_spool_give_back(spool);
	return HS_OK;
}

enum hs_result hs_spool_verify(struct hs_spool *spool, const struct hs_verifier *verifier, struct hs_verified *found)
{
	struct spool_view *v;
	enum hs_result r = hs_spool_view_open(spool->settings, false, &v);

	memset(found, 0, sizeof *found);
	if (r != HS_OK)
		return r;
	if (verifier->mend)
		r = hs_incoming_await(&v->opened.dir, NULL, NULL);
	if (r == HS_OK)
		r = hs_verify(v->segment, v->index, verifier, found);
	hs_spool_view_close(v);
	return r;
}
