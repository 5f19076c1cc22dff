/*
 * timestamp: points in time as text. Milliseconds since 1970, UTC, no locale.
 */
#ifndef HS_TIMESTAMP_H
#define HS_TIMESTAMP_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HS_TIMESTAMP_TEXT = 24, HS_TIMESTAMP_STAMP = 20 };

/*
 * True if a clock that is right can show this time. Before 2025 there was no hookspool: the clock's
 * battery is flat. From 2100 on retention would delete everything, and seconds would soon no
 * longer fit into the index.
 */
static inline bool hs_timestamp_is_possible(int64_t ms)
{
	return ms >= INT64_C(1735689600000) && ms < INT64_C(4102444800000);
}

/* 2026-11-23T10:15:00.123Z and a NUL. Times outside the years 0 to 9999 become the first or the last of these. */
void hs_timestamp_text(int64_t ms, char out[static HS_TIMESTAMP_TEXT + 1]);

/* 20261123T101500.123Z and a NUL: the form for file names. */
void hs_timestamp_compact(int64_t ms, char out[static HS_TIMESTAMP_STAMP + 1]);

/*
 * Reads what senders write: ISO 8601 dates and date-times (a blank instead of the T,
 * any number of decimals, Z, UTC, GMT, +01:00, +0100 or nothing, which is UTC), and Go's
 * "2020-05-09 23:54:49.209808489 +0000 UTC m=+70366.298768264". False if it is neither.
 * `ms` may be NULL.
 */
bool hs_timestamp_parse(struct hs_slice text, int64_t *ms);

/* The minute that was read last; zeroed: none. */
struct hs_timestamp_minute {
	char text[16]; /* 2026-11-23T10:15 */
	int64_t ms;
};

/* Like hs_timestamp_parse, but faster if the time is in the minute of the call before. */
bool hs_timestamp_parse_near(struct hs_timestamp_minute *minute, struct hs_slice text, int64_t *ms);

/* Reads a duration as people write it on a command line: 90s, 15m, 4h, 2d; at most nine digits. */
bool hs_duration_parse(const char *text, int64_t *ms);

/*
 * Reads a time since 1970: ten digits, with or without decimals, are seconds; thirteen digits are
 * milliseconds (both from 2001 to 2286). False if it is neither.
 */
bool hs_timestamp_parse_epoch(struct hs_slice text, int64_t *ms);

#endif
