/*
 * clock: the time by which segments are named, sealed and deleted and ids are forgotten.
 *
 * A wall clock can be wrong by years: a flat battery, a bad time server, a virtual machine resumed
 * from an old snapshot. Records get the time that it shows, since that loses nothing. But names,
 * retention and forgetting go by the *believed* time, which is
 *
 *	wall clock - lag
 *
 * where the lag is how far the clock has jumped ahead without being proved right. The shared state
 * pairs the wall clock with the time since boot (which no correction moves, and which counts sleep):
 *
 *	drift = wall now - (wall at the last look + time since boot that has passed since)
 *
 * - A drift of at most an hour within a boot, or a day across one, is believed at once.
 * - A larger drift ahead adds to the lag: believed time goes on as if nothing had happened.
 * - A drift back is taken from the lag. The lag may become negative, so that the way ahead again is
 *   believed: across a boot, since a board without a battery starts in the past, and within a boot
 *   if the clock had been right for 7 days of uptime. Otherwise the clock was wrong before, and the
 *   lag ends at 0.
 * - A lag of at most 400 days ends when the clock has run steadily for 7 days of uptime: the machine
 *   was off, or was a snapshot. So does a negative one. A jump during that time reduces the count, in
 *   the proportion in which it adds to the lag.
 * - A longer lag ends only when a person vouches for the clock: `hookspool maintain --trust-clock`.
 *   That ends any lag at once.
 *
 * While the lag is negative, events get times that are too early. Their ids would be forgotten as soon as the clock is
 * set right. So windows begin at the earliest of these times, until all of them have ended by the right time.
 *
 * A new state compares the clock with the newest sealed segment's stamp and the open segment's first
 * record, as across a boot. Retention goes on by believed time, so that an idle spool, or a machine
 * that was off, keeps its old segments longer, at most by the lag.
 */
#ifndef HS_CLOCK_H
#define HS_CLOCK_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

enum {
	HS_CLOCK_DRIFT_S = 3600,          /* believed at once, within a boot … */
	HS_CLOCK_OFF_S = 86400,           /* … and across one */
	HS_CLOCK_STEADY_S = 7 * 86400,    /* of uptime, after which a lag ends … */
	HS_CLOCK_LAG_MOST_S = 400 * 86400 /* … unless it is longer than this */
};

/* Looks at the clocks and returns the believed time, in milliseconds since 1970. */
int64_t hs_clock_now(const struct hs_spool_dir *dir);

/* Looks at the clocks and returns how far the wall clock is ahead, in milliseconds; 0: it is believed. */
int64_t hs_clock_lag(const struct hs_spool_dir *dir);

/*
 * The time from which a window is counted back whose start is `window_ms` before now: the believed time, or an earlier
 * one if the clock was behind within the window. `now_ms` is what hs_clock_now has returned.
 */
int64_t hs_clock_window_end(const struct hs_spool_dir *dir, int64_t now_ms, int64_t window_ms);

/* Ends the lag, since a person vouches for the clock: believed time is what the clock shows. */
void hs_clock_trust(const struct hs_spool_dir *dir);

/*
 * Applies the rule, without looking: the clocks show `wall_ms` and `boot_ms`. c->wall_ms must not be
 * 0; c->boot_ms is -1 if the last look was in another boot.
 */
void hs_clock_move(struct hs_clock *c, int64_t wall_ms, int64_t boot_ms);

/* When the first line of a segment was spooled, by its spooled_at; 0: not known. */
int64_t hs_clock_of_first(int dir, const char *name, bool gzip);

/*
 * True if every record of the sealed segment list[i] was spooled before `ms`. Its stamp alone does not tell: under a
 * clock that was not believed it is earlier than the records. So its first record must be before that, too, and the
 * first one of the next segment, or of the open one, not earlier than its own but before `ms`. False also if that is
 * not known: read the segment.
 */
bool hs_clock_is_before(int dir, const char *stream, const struct hs_sealed *list, size_t count, size_t i, int64_t ms);

/*
 * The earliest times at which a stream's sealed segments may have been sealed: `list` has `count` of
 * them, by number; hs_ages_sealed_ms is to be called for i = 0, 1, … in that order.
 *
 * A segment's time is its stamp. A stamp from the future, of a clock that was ahead, tells nothing;
 * then the first later record that is not from the future counts, since the next segment was begun
 * when this one was sealed. A stamp of a clock that was not believed may be too early; then the
 * segment's own records may tell a later time, for it was not sealed before the last of them.
 */
struct hs_ages {
	const struct hs_spool_dir *dir;
	const char *stream;
	const struct hs_sealed *list;
	size_t count;
	int64_t now_ms;   /* believed */
	int64_t floor_ms; /* the time of the segment before: this one was not sealed earlier */
	int64_t *first;   /* each segment's first record's time; 0: not read yet, -1: not known */
};

/* HS_OK or HS_E_MEMORY. The list must outlive it; hs_ages_free frees the rest. */
enum hs_result hs_ages_init(struct hs_ages *a, const struct hs_spool_dir *dir, const char *stream,
                            const struct hs_sealed *list, size_t count);
void hs_ages_free(struct hs_ages *a);

/*
 * When list[i] was sealed, at the earliest; INT64_MAX: not known, so it counts as new. The caller
 * compares the time with `before_ms`: a segment whose stamp is not earlier is not read, and another only up to a record
 * that is not.
 */
int64_t hs_ages_sealed_ms(struct hs_ages *a, size_t i, int64_t before_ms);

/* True if the stamp is further in the future than clocks differ. */
static inline bool hs_clock_is_ahead(int64_t stamp_ms, int64_t now_ms)
{
	return stamp_ms > now_ms + INT64_C(1000) * HS_CLOCK_DRIFT_S;
}

#endif
