#include "spool/spool.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/shared/modes.h"
#include "spool/spool_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- an open directory ------------------------------------------------------ */

void hs_spool_view_close(struct spool_view *v)
{
	if (v == NULL)
		return;
	hs_index_free(v->index);
	hs_suppression_list_free(v->suppressed);
	hs_suppression_list_free(v->asked);
	pthread_mutex_destroy(&v->asking);
	hs_buf_free(&v->fresh);
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_close(&v->segment[i]);
	hs_spool_dir_close(&v->opened);
	free(v);
}

enum hs_result hs_spool_view_open(const struct hs_settings *settings, bool make, struct spool_view **view)
{
	struct spool_view *v = calloc(1, sizeof *v);
	struct stat st;
	enum hs_result r;

	if (v == NULL || pthread_mutex_init(&v->asking, NULL) != 0) {
		free(v);
		return HS_E_MEMORY;
	}
	r = hs_spool_dir_open(&v->opened, settings, make);
	if (r != HS_OK) {
		pthread_mutex_destroy(&v->asking);
		free(v);
		return r;
	}
	for (int i = 0; i < HS_STREAMS; i++)
		hs_segment_init(&v->segment[i], &v->opened.dir, i);
	v->segment[HS_EVENTS].is_stored = v->segment[HS_REJECTED].is_stored = hs_summary_is_there;
	if (hs_io_fstat(v->opened.state.state_fd, &st) < 0) {
		hs_log_result(HS_E_IO, "open %s", settings->spool_dir);
		hs_spool_view_close(v);
		return HS_E_IO;
	}
	snprintf(v->state_path, sizeof v->state_path, "%s/.hookspool/run/state", settings->spool_dir);
	v->device = (uint64_t)st.st_dev;
	v->inode = (uint64_t)st.st_ino;
	v->suppressed = hs_suppression_list_new(&v->opened.dir);
	v->asked = hs_suppression_list_new(&v->opened.dir);
	if (settings->dedup_window > 0)
		v->index = hs_index_new(&v->opened.dir, settings->spool_dir);
	if (v->suppressed == NULL || v->asked == NULL || (settings->dedup_window > 0 && v->index == NULL)) {
		hs_spool_view_close(v);
		return HS_E_MEMORY;
	}
	*view = v;
	return HS_OK;
}

/*
 * True if the path still leads to what is open, and the state is whole. The state's file decides:
 * two processes with different ones would not know of each other.
 */
static bool is_current(const struct hs_spool *spool)
{
	const struct spool_view *v = spool->view;
	struct stat st;

	return v != NULL && hs_io_stat(AT_FDCWD, v->state_path, &st) == 0 && (uint64_t)st.st_dev == v->device &&
	       (uint64_t)st.st_ino == v->inode && st.st_size == (off_t)sizeof(struct hs_shared_state) &&
	       hs_shared_state_is_intact(v->opened.state.state);
}

/* Called once for each loss: the view is closed afterwards. */
static void log_loss(const struct spool_view *v)
{
	if (v != NULL)
		hs_log(HS_LOG_WARN, "%s was cut, emptied or replaced by somebody else: it is made anew from the spool",
		       v->state_path);
}

void hs_spool_follow_metrics(const struct hs_spool *spool, int run_dir)
{
	hs_metrics_follow(spool->metrics, run_dir, (mode_t)spool->settings->spool_mode);
}

enum hs_result hs_spool_borrow(struct hs_spool *spool, struct spool_view **view)
{
	enum hs_result r = HS_OK;

	pthread_rwlock_rdlock(&spool->lock);
	if (!is_current(spool)) {
		pthread_rwlock_unlock(&spool->lock);
		pthread_rwlock_wrlock(&spool->lock);
		if (!is_current(spool)) {
			log_loss(spool->view);
			hs_spool_view_close(spool->view);
			spool->view = NULL;
			r = hs_spool_view_open(spool->settings, true, &spool->view);
			if (r == HS_OK) {
				spool->view->opened.dir.metrics = spool->metrics;
				hs_spool_follow_metrics(spool, spool->view->opened.dir.run_dir);
			}
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

void hs_spool_give_back(struct hs_spool *spool)
{
	pthread_rwlock_unlock(&spool->lock);
}

/* Asks for all files once for these settings: of two processes with different ones the last to begin decides. */
enum hs_result hs_spool_follow_modes(struct hs_spool *spool, const struct spool_view *v)
{
	return hs_modes_follow(&v->opened.dir, !atomic_exchange(&spool->followed, true));
}

void hs_spool_look(struct hs_spool *spool)
{
	struct spool_view *v;
	bool open, followed = atomic_load(&spool->followed);

	pthread_rwlock_rdlock(&spool->lock);
	open = spool->view != NULL;
	pthread_rwlock_unlock(&spool->lock);
	if (!open && followed)
		return;
	if (hs_spool_borrow(spool, &v) == HS_OK) {
		hs_spool_follow_metrics(spool, v->opened.dir.run_dir);
		(void)hs_spool_follow_modes(spool, v); /* `hookspool check` reports what is left */
		hs_spool_give_back(spool);
	} else {
		atomic_store(&spool->followed, true); /* the error is logged: do not try again for this alone */
	}
}

/* --- the whole -------------------------------------------------------------- */

struct hs_spool *hs_spool_new(const struct hs_settings *settings)
{
	struct hs_spool *spool = calloc(1, sizeof *spool);

	if (spool == NULL || pthread_rwlock_init(&spool->lock, NULL) != 0) {
		free(spool);
		return NULL;
	}
	spool->settings = settings;
	spool->metrics = hs_metrics_new(HS_METRICS_BYTES);
	if (spool->metrics == NULL || !hs_write_batcher_init(&spool->batcher, hs_spool_append_together, spool)) {
		hs_metrics_free(spool->metrics);
		pthread_rwlock_destroy(&spool->lock);
		free(spool);
		return NULL;
	}
	return spool;
}

const struct hs_settings *hs_spool_settings(const struct hs_spool *spool)
{
	return spool->settings;
}

void hs_spool_free(struct hs_spool *spool)
{
	if (spool == NULL)
		return;
	hs_spool_view_close(spool->view);
	hs_rates_close(spool->rates);
	for (int i = 0; i < HS_STREAMS; i++)
		free(spool->seen[i].pair);
	hs_metrics_free(spool->metrics);
	hs_write_batcher_destroy(&spool->batcher);
	pthread_rwlock_destroy(&spool->lock);
	free(spool);
}
