/*
 * spool: the directory in which events are kept. hookspool-spool(5) is its manual.
 *
 *	open           hs_spool_new, hs_spool_free, hs_spool_look
 *	append         hs_spool_append; hs_spool_is_slow, hs_spool_note_time
 *	post           hs_spool_post, hs_spool_commit, hs_spool_expire
 *	count          hs_spool_count_answer
 *	limit          hs_spool_rates
 *	look after     hs_spool_health, hs_spool_known, hs_spool_rotate, hs_spool_maintain,
 *	               hs_spool_verify, hs_spool_trust_clock, hs_spool_clock_lag
 *
 * A `struct hs_spool` is one process's view of the spool. Any number of threads may use it at
 * once, except to free it; any number of processes may have the same directory open.
 */
#ifndef HS_SPOOL_H
#define HS_SPOOL_H

#include "base/result.h"
#include "config/settings.h"
#include "event/record_batch.h"
#include "spool/admin/retention.h"
#include "spool/admin/verify.h"
#include "spool/write/write_batcher.h"

#include <stdint.h>

/* --- open ------------------------------------------------------------------- */

struct hs_spool;

/*
 * Makes a spool for the directory of the settings, which must outlive it. The first function below
 * that needs the directory opens it, and makes it if it is missing; a later one opens it again if
 * its path leads elsewhere by then. NULL: out of memory.
 */
struct hs_spool *hs_spool_new(const struct hs_settings *settings);
void hs_spool_free(struct hs_spool *spool); /* NULL is fine */

/* Those that it was made with. */
const struct hs_settings *hs_spool_settings(const struct hs_spool *spool);

/*
 * For a long-lived process that may have nothing else to do, to call now and then. If the shared
 * state was cut or replaced, closes it, because other processes wait until no process holds it, and
 * opens the new one. Also sets the modes of files after a change of spool_mode: see modes.h.
 */
void hs_spool_look(struct hs_spool *spool);

/* --- append ----------------------------------------------------------------- */

/* The lines of one request. All of it stays the caller's. */
struct hs_append {
	struct hs_slice records;        /* whole lines for events.jsonl; may be empty */
	const struct hs_record *record; /* one for each line of `records`; see record_batch.h */
	size_t count;                   /* of records */
	struct hs_slice rejected;       /* whole lines for rejected.jsonl; may be empty */
	uint64_t unparsed;              /* events whose timestamp cannot be read; for the metrics */
	int64_t arrived_ms;             /* since 1970: the minute in which the metrics count; 0: now */
	uint64_t *duplicate;            /* set to the number of records that were in the spool already */
	uint64_t *suppressed;           /* set to the number that suppression_list.h keeps out; may be NULL */
	int64_t deadline_ms;            /* on hs_io_now_monotonic()'s clock: give up with HS_E_TIMEOUT */
	bool look_only;                 /* set `duplicate` and `suppressed`, write nothing */
	/* Called when the slices are not needed any more, before the wait for the disk. NULL: not called. */
	void (*written)(void *context);
	void *context;
};

/*
 * Appends each event once. HS_OK means: every line is on stable storage, whole, with its directory
 * entry (unless durability is none). That includes duplicates, since their first delivery may
 * still be on its way to the disk. At any other result nothing may be acknowledged, and the spool
 * may have some of the lines, each of them whole: HS_E_FULL, HS_E_CLOCK, HS_E_SYNC, HS_E_IO, one of
 * class busy, HS_E_READ_ONLY, HS_E_MEMORY, one of HS_E_SPOOL_, HS_E_SUPPRESSED.
 */
enum hs_result hs_spool_append(struct hs_spool *spool, const struct hs_append *append);

/*
 * For a process that ends with its request. Sets *slow if an append of any process took a second or
 * longer in the last ten minutes. Opens the spool for that; HS_OK or the results of opening it.
 * hs_spool_note_time reports an append that began at begun_ms and has just ended.
 */
enum hs_result hs_spool_is_slow(struct hs_spool *spool, bool *slow);
void hs_spool_note_time(struct hs_spool *spool, int64_t begun_ms);

/*
 * Sets *suppressed if an append would leave the record out as one of a suppressed person; record.n == 0: if anybody is
 * suppressed. Waits for no other process.
 * Results of opening the spool, or of hs_suppression_list_follow.
 */
enum hs_result hs_spool_suppresses(struct hs_spool *spool, struct hs_slice record, bool *suppressed);

/* --- post ------------------------------------------------------------------- */

/* An append that no thread waits for. All of it must stay in place until done() is called. */
struct hs_post {
	struct hs_member member; /* the spool's; must be first, since both have one address */
	struct hs_append append; /* no rejected lines, at most HS_POST_BYTES of records, no `written` */
	/* Called once, by any thread, maybe before hs_spool_post returns. Results of hs_spool_append. */
	void (*done)(struct hs_post *post, enum hs_result r);
};

enum { HS_POST_BYTES = 1 << 16 }; /* larger requests have a write and a sync of their own */

/*
 * Appends together with posts of other threads: one lock, one write, one sync. True: no thread is
 * at work, so this one must call hs_spool_commit.
 */
bool hs_spool_post(struct hs_spool *spool, struct hs_post *post);

/* Appends what was posted, and what other threads post meanwhile. */
void hs_spool_commit(struct hs_spool *spool);

/* Ends posts whose deadline has passed. A thread that posts nothing calls this now and then. */
void hs_spool_expire(struct hs_spool *spool, int64_t now_ms);

/* --- count ------------------------------------------------------------------ */

/* How a request was answered. All of it stays the caller's. */
struct hs_answered {
	int status;
	enum hs_result reason;  /* why it was refused as a whole; HS_OK: it was not */
	uint64_t accepted;      /* events */
	int64_t begun_ms;       /* when it had arrived, on hs_io_now_monotonic()'s clock; 0: not known */
	struct hs_slice key;    /* label of the key that let it in; empty: none did */
	struct hs_slice source; /* label of the source whose write key let it in; empty: none did */
	unsigned secret;        /* 1 + index in the settings of the secret that let it in; 0: none did */
	int64_t arrived_ms;     /* since 1970; unused without key, source and secret */
	uint64_t dropped;       /* events that the rules did not keep */
};

/*
 * Counts an answer, see metrics.h. Makes no system call once the metrics are open, and never makes
 * a missing spool.
 */
void hs_spool_count_answer(struct hs_spool *spool, const struct hs_answered *answered);

/* Counts an event of a batch that was refused, or a batch's only one. */
void hs_spool_count_refusal(struct hs_spool *spool, enum hs_result reason);

/* Notes whether the settings were good when they were last reread. */
void hs_spool_note_reload(struct hs_spool *spool, bool good);

/* --- limit ------------------------------------------------------------------ */

struct hs_rates;

/*
 * Returns the limits of senders in the spool's directory (rates.h), which are valid until hs_spool_free.
 * With `open`, opens them if no thread has; without, never waits for the disk. NULL: they are not open;
 * a failure is logged once, and only hs_spool_maintain tries again, which also writes them back.
 */
struct hs_rates *hs_spool_rates(struct hs_spool *spool, bool open);

/* --- look after ------------------------------------------------------------- */

/*
 * HS_OK if an append would be tried: the directory is there, writable and has room, the clock is
 * not years off, and the list of suppressed people is not lost. Results of hs_spool_append.
 * *catching_up, at HS_OK: the index is being rebuilt; this does not read on. NULL is fine.
 */
enum hs_result hs_spool_health(struct hs_spool *spool, bool *catching_up);

/* The state of the index of event ids. */
struct hs_known {
	bool off;    /* dedup_window = 0: there is no index */
	bool anew;   /* it was missing, of another boot, or changed by another program */
	bool behind; /* it is being rebuilt, and summaries answer for what it does not have yet */
	uint64_t ids;
	unsigned permille; /* of the rebuilding is done, if `behind` */
	int64_t took_ms;   /* so far */
};

/*
 * Brings the index up to date, as the next append would, and counts its ids. HS_OK, HS_E_INDEXING
 * at the deadline, or the results of hs_spool_append.
 */
enum hs_result hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known);

/*
 * Seals the open segments that are not empty. Retries results of class busy, such as
 * HS_E_ROTATE_GAP, until the deadline. Results of hs_spool_append.
 */
enum hs_result hs_spool_rotate(struct hs_spool *spool, int64_t deadline_ms);

/*
 * Seals segments that are old enough, then compresses and deletes sealed ones as the settings
 * say; see retention.h, also for `stop`. Results of hs_spool_append.
 */
enum hs_result hs_spool_maintain(struct hs_spool *spool, bool (*stop)(void *context), void *context,
                                 struct hs_retention_counts *done);

/* Verifies the whole spool, which must exist, and repairs it if the verifier says so; see verify.h. */
enum hs_result hs_spool_verify(struct hs_spool *spool, const struct hs_verifier *verifier, struct hs_verified *found);

/* Declares the clock to be right, see clock.h. Results of opening the spool. */
enum hs_result hs_spool_trust_clock(struct hs_spool *spool);

/* Sets *lag_ms to how far the clock is ahead of the believed time; 0: not at all. Results as above. */
enum hs_result hs_spool_clock_lag(struct hs_spool *spool, int64_t *lag_ms);

#endif
