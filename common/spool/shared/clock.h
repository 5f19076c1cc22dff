/*
 * clock: the time by which segments are named, sealed and deleted and ids are forgotten.
 *
 * A wall clock can be wrong by years: a flat battery, a bad time server, a virtual machine
 * resumed from an old snapshot. Records bear what it shows, for nothing is lost by that. But
 * whatever names, deletes or forgets goes by the *believed* time, which is
 *
 *	wall clock - lag
 *
 * where the lag is what the clock has jumped ahead and not yet proved. The shared state pairs
 * the wall clock with the time since boot (which no correction moves, and which counts sleep):
 *
 *	drift = wall now - (wall at the last look + time since boot that has passed since)
 *
 * - A drift of at most an hour within a boot, or a day across one, is believed at once.
 * - A larger one ahead adds to the lag: believed time goes on as if nothing had happened.
 * - One back takes from the lag. It makes it negative, so that the way ahead again is believed,
 *   across a boot, for a board without a battery starts in the past; and within a boot if the
 *   clock had been right for 7 days of uptime. Otherwise it was wrong before, and ends at 0.
 * - A lag of at most 400 days ends when the clock has run steadily for 7 days of uptime: the
 *   machine was off, or was a snapshot. So does a negative one. A jump during that time sets
 *   the count back, in the proportion in which it adds to the lag.
 * - A longer one ends only when somebody vouches for the clock: `hookspool maintain
 *   --trust-clock`. That ends any lag at once.
 *
 * A state that is new compares the clock with the newest sealed segment's stamp and the open
 * one's first record, as across a boot. Retention works meanwhile, by believed time, so that
 * an idle spool or a machine that was off keeps its old segments for so much longer, at most.
 */
#ifndef HS_CLOCK_H
#define HS_CLOCK_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

enum {
	HS_CLOCK_DRIFT_S = 3600,          /* believed at once, within a boot … */
	HS_CLOCK_OFF_S = 86400,           /* … and across one */
	HS_CLOCK_STEADY_S = 7 * 86400,    /* of uptime, after which a lag ends … */
	HS_CLOCK_LAG_MOST_S = 400 * 86400 /* … unless it is longer */
};

/* The believed time in milliseconds since 1970; looks at the clocks. */
int64_t hs_clock_now(const struct hs_spool_dir *dir);

/* How far the clock is ahead of it, in milliseconds; 0: it is believed. */
int64_t hs_clock_lag(const struct hs_spool_dir *dir);

/* Somebody vouches for the clock: believed time is what it shows. */
void hs_clock_trust(const struct hs_spool_dir *dir);

/*
 * The rule by itself: the clocks show `wall_ms` and `boot_ms`. c->wall_ms must not be 0, and
 * c->boot_ms is -1 if the last look was in another boot.
 */
void hs_clock_move(struct hs_clock *c, int64_t wall_ms, int64_t boot_ms);

/* When the first line of a segment was spooled, as it says; 0: it does not. */
int64_t hs_clock_of_first(int dir, const char *name, bool gzip);

/*
 * When each of the stream's sealed segments was sealed, at the earliest: `list` has `count`
 * of them, in order; sealed_at(list, i) may be asked for i = 0, 1, …, in that order.
 *
 * That is its stamp. One from the future, of a clock that was ahead, tells nothing; then the
 * next segment counts, which was begun when this one was sealed: its first record's time, or
 * the first later one's that is not from the future, too. A stamp of a clock that was not
 * believed may be too early; the segment's own first record then tells a later time.
 */
struct hs_ages {
	const struct hs_spool_dir *dir;
	const char *stream;
	const struct hs_sealed *list;
	size_t count;
	int64_t now_ms;   /* believed */
	int64_t floor_ms; /* of the one before: no later one was sealed earlier */
	int64_t *first;   /* of each, if it was read; 0: not yet, -1: it does not tell */
};

/* HS_OK or HS_E_MEMORY. The list must stay; hs_ages_free frees the rest. */
enum hs_result hs_ages_init(struct hs_ages *a, const struct hs_spool_dir *dir, const char *stream,
                            const struct hs_sealed *list, size_t count);
void hs_ages_free(struct hs_ages *a);

/*
 * When list[i] was sealed, at the earliest; INT64_MAX: nothing tells, so it is as new as can be.
 * The caller compares with `before_ms`: a segment whose stamp is later need not be read.
 */
int64_t hs_ages_sealed_ms(struct hs_ages *a, size_t i, int64_t before_ms);

/* Is this stamp from the future, by more than clocks differ? */
static inline bool hs_clock_is_ahead(int64_t stamp_ms, int64_t now_ms)
{
	return stamp_ms > now_ms + INT64_C(1000) * HS_CLOCK_DRIFT_S;
}

#endif
