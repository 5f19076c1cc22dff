/* spool_private: what the parts of spool share. */
#ifndef HS_SPOOL_PRIVATE_H
#define HS_SPOOL_PRIVATE_H

#include "config/settings.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/index.h"
#include "spool/shared/metrics.h"
#include "spool/shared/rates.h"
#include "spool/shared/spool_dir.h"
#include "spool/summary/summary_file.h"
#include "spool/write/segment.h"
#include "spool/write/write_batcher.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* An open directory. */
struct spool_view {
	struct hs_opened_spool opened;
	char state_path[PATH_MAX];
	uint64_t device, inode; /* of the file at state_path */
	struct hs_segment segment[HS_STREAMS];

	/* under the append lock of HS_EVENTS */
	struct hs_index *index; /* NULL: dedup_window = 0 */
	struct hs_suppression_list *suppressed;
	struct hs_buf fresh; /* the new lines, if an append also has others */

	pthread_mutex_t asking; /* of hs_spool_suppresses */
	struct hs_suppression_list *asked;
};

struct hs_spool {
	const struct hs_settings *settings;
	pthread_rwlock_t lock;   /* shared by users of the view, exclusive to replace it */
	struct spool_view *view; /* NULL: not open */
	_Atomic bool followed;   /* the files' modes have followed these settings */
	_Atomic bool look_due;   /* the view's events were rotated: see hs_segment_look_around */
	struct hs_metrics *metrics;
	_Atomic uint64_t noted[HS_CREDENTIALS];  /* last use noted, by kind of credential: see is_noted */
	struct hs_write_batcher batcher;         /* of posts */
	_Atomic(struct hs_rates *) rates;        /* NULL: not open … */
	_Atomic bool no_rates;                   /* … and could not be: maintenance tries again */
	int64_t rates_saved_ms;                  /* for the thread that maintains */
	struct hs_summary_seen seen[HS_STREAMS]; /* under the lock of maintenance */
};

/* Opens the directory, and makes it if `make`. Results of hs_spool_dir_open, HS_E_IO, HS_E_MEMORY. */
enum hs_result hs_spool_view_open(const struct hs_settings *settings, bool make, struct spool_view **view);
void hs_spool_view_close(struct spool_view *view); /* NULL is fine */

/*
 * Shares the spool's view, which is opened anew if its path leads elsewhere. After HS_OK, and only
 * then, the caller calls hs_spool_give_back. Results of hs_spool_view_open, or HS_E_SETTING_UP.
 */
enum hs_result hs_spool_borrow(struct hs_spool *spool, struct spool_view **view);
void hs_spool_give_back(struct hs_spool *spool);

/* Sets the modes of the spool's files; of all of them the first time that these settings do it. */
enum hs_result hs_spool_follow_modes(struct hs_spool *spool, const struct spool_view *view);

/* Opens the metrics in the run directory, anew if they were replaced. */
void hs_spool_follow_metrics(const struct hs_spool *spool, int run_dir);

/* Under the append lock of HS_REJECTED: deletes its oldest segments beyond rejected_max, if one was sealed. */
enum hs_result hs_spool_cap_rejected(struct spool_view *view);

/* Writes the limits of senders back, if they are open and a minute has passed; opens them if that has failed. */
void hs_spool_save_rates(struct hs_spool *spool);

/* Writes the posts of one cycle together; the context is the spool. */
hs_write_batcher_run hs_spool_append_together;

#endif
