/*
 * spool: the directory in which events are kept. hookspool-spool(5) is its manual.
 *
 * A `struct hs_spool` is one process's view of it; any number of threads may use it at
 * once, and any number of processes may have the same directory open. HS_OK from
 * hs_spool_append means: every line is on stable storage, whole, with its directory
 * entry (unless durability is none).
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

struct hs_spool;

/* What one request wants kept. All of it stays the caller's. */
struct hs_append {
	struct hs_slice records;        /* whole lines for events.jsonl; may be empty */
	const struct hs_record *record; /* see record_batch.h; of each of the `count` lines */
	size_t count;
	struct hs_slice rejected; /* whole lines for rejected.jsonl; may be empty */
	uint64_t unparsed;        /* events with a time stamp that does not parse: counted */
	int64_t arrived_ms;       /* since 1970: the minute that they are counted in; 0: now */
	uint64_t *duplicate;      /* set to how many of the records were there already */
	uint64_t *suppressed;     /* … and were not kept, see suppression_list.h; NULL: do not tell */
	int64_t deadline_ms;      /* on hs_io_now_monotonic()'s clock: give up with HS_E_TIMEOUT */
	bool look_only;           /* say what is there already, write nothing */
	/* Of large ones: the slices are not looked at any more, waiting for the disk follows. Or NULL. */
	void (*written)(void *context);
	void *context;
};

/*
 * A spool for the directory of the settings, which must outlive it. The directory is
 * opened, and made if it is missing, when it is first needed, and again whenever the
 * path leads to another one; so service returns by itself. NULL: out of memory.
 */
struct hs_spool *hs_spool_new(const struct hs_settings *settings);
void hs_spool_free(struct hs_spool *spool); /* NULL is fine */

/*
 * Appends, each event once, and makes durable: also those that were there already, for
 * their first delivery may still be on its way to the disk. At any result but HS_OK
 * (HS_E_FULL, HS_E_CLOCK, HS_E_SYNC, HS_E_IO, one of class busy, HS_E_MEMORY, one of HS_E_SPOOL_)
 * nothing may be acknowledged; what was written may yet be found in the spool, as whole lines.
 */
enum hs_result hs_spool_append(struct hs_spool *spool, const struct hs_append *append);

/* How a request was answered. All of it stays the caller's. */
struct hs_answered {
	int status;
	struct hs_slice key; /* label of the key that let it in; empty: none did */
	unsigned secret;     /* 1 + index in the settings of the secret that did; 0: none did */
	int64_t arrived_ms;  /* since 1970; unused if neither did */
};

/*
 * Counts an answer, see metrics.h. Costs no system call once the metrics are open; it never makes
 * a spool that is missing.
 */
void hs_spool_count_answer(struct hs_spool *spool, const struct hs_answered *answered);

/*
 * For a process that ends with its request: has an append taken a second or longer in the last ten
 * minutes, in whichever process? Opens the spool for that; results of opening it. note_time tells
 * of an append that began then and has just ended.
 */
enum hs_result hs_spool_is_slow(struct hs_spool *spool, bool *slow);
void hs_spool_note_time(struct hs_spool *spool, int64_t begun_ms);

/* An append that no thread waits for. All of it stays where it is until it is done. */
struct hs_post {
	struct hs_member member; /* first: the two have one address; the spool fills it */
	struct hs_append append; /* no rejected lines, at most HS_POST_BYTES of records, no `written` */
	/* Called once, by any thread, maybe before hs_spool_post returns: a result of append. */
	void (*done)(struct hs_post *post, enum hs_result r);
};

enum { HS_POST_BYTES = 1 << 16 }; /* what is larger has a write and a sync of its own */

/*
 * Appends together with what other threads post at the same time: one lock, one write, one
 * sync. True: nobody is at it, so this thread must call hs_spool_commit.
 */
bool hs_spool_post(struct hs_spool *spool, struct hs_post *post);

/* Does what was posted, also by others in the meantime. */
void hs_spool_commit(struct hs_spool *spool);

/* Now and then, from a thread that posts nothing: ends posts whose deadline has passed. */
void hs_spool_expire(struct hs_spool *spool, int64_t now_ms);

/*
 * Now and then, from a long-lived process that may have nothing else to do: if the shared state
 * was cut or replaced it is closed, for the others wait until nobody holds it, and opened anew.
 * Files follow a change of spool_mode then: see modes.h.
 */
void hs_spool_look(struct hs_spool *spool);

/*
 * HS_OK if an append would be tried: the directory is there, writable and has room, the
 * clock is right to some years, and the list of suppressed people is not lost.
 */
enum hs_result hs_spool_health(struct hs_spool *spool);

/* What the index of event ids holds. */
struct hs_known {
	bool off;  /* dedup_window = 0: there is none */
	bool anew; /* it was not there, of another boot, or not as it was left */
	uint64_t ids;
};

/*
 * Brings the index up to date, as the next append would, and counts. HS_OK, HS_E_INDEXING at
 * the deadline, or the results of append.
 */
enum hs_result hs_spool_known(struct hs_spool *spool, int64_t deadline_ms, struct hs_known *known);

/* Seals the open segments that are not empty. Results of append. */
enum hs_result hs_spool_rotate(struct hs_spool *spool, int64_t deadline_ms);

/*
 * Seals what is due by age, then compresses and deletes sealed segments as the settings
 * ask for; see retention.h.
 */
enum hs_result hs_spool_maintain(struct hs_spool *spool, bool (*stop)(void *context), void *context,
                                 struct hs_retention_counts *done);

/* Vouches for the clock, see clock.h. Results of opening the spool. */
enum hs_result hs_spool_trust_clock(struct hs_spool *spool);

/* How far the clock is ahead of the time that is believed, in milliseconds; 0: not at all. */
enum hs_result hs_spool_clock_lag(struct hs_spool *spool, int64_t *lag_ms);

/* Reads all of it, and mends it if the examiner says so; see verify.h. It must be there. */
enum hs_result hs_spool_verify(struct hs_spool *spool, const struct hs_verifier *examiner, struct hs_verified *found);

#endif
