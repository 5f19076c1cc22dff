#include "spool/shared/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_MS = 1000 };
#define MS INT64_C(1000)
#define DAY_MS (86400 * MS)

/* --- the rule --------------------------------------------------------------- */

static void jump_ahead(struct hs_clock *c, int64_t drift, int64_t limit)
{
	int64_t before = c->lag_ms > 0 ? c->lag_ms : 0;
	int64_t lag = c->lag_ms + drift;

	c->lag_ms = lag > limit ? lag : 0; /* a negative one: the clock is right again */
	c->steady_ms = c->lag_ms == 0 ? 0 : (int64_t)((double)c->steady_ms * (double)before / (double)c->lag_ms);
}

static void jump_back(struct hs_clock *c, int64_t drift, int64_t limit, bool same_boot)
{
	int64_t lag = c->lag_ms + drift;
	bool was_proved = c->lag_ms <= 0 && c->steady_ms >= MS * HS_CLOCK_STEADY_S;

	c->lag_ms = lag > limit || (lag < -limit && (!same_boot || was_proved)) ? lag : 0;
	if (c->lag_ms <= 0)
		c->steady_ms = 0;
}

/* Notes which times may be too early, under `lock`; `was_behind`: before the move. */
static void note_behind(struct hs_clock *c, bool was_behind)
{
	if (c->lag_ms < 0 && (c->behind_ms == 0 || c->wall_ms < c->behind_ms))
		c->behind_ms = c->wall_ms;
	if (c->lag_ms < 0 || was_behind)
		c->behind_end_ms = c->wall_ms;
}

void hs_clock_move(struct hs_clock *c, int64_t wall_ms, int64_t boot_ms)
{
	bool same_boot = c->boot_ms >= 0 && boot_ms >= c->boot_ms;
	int64_t limit = MS * (same_boot ? HS_CLOCK_DRIFT_S : HS_CLOCK_OFF_S);
	int64_t passed = same_boot ? boot_ms - c->boot_ms : 0;
	int64_t drift = wall_ms - (c->wall_ms + passed);
	bool was_behind = c->lag_ms < 0;

	if (c->steady_ms < MS * HS_CLOCK_STEADY_S)
		c->steady_ms += passed;
	if (drift > limit)
		jump_ahead(c, drift, limit);
	else if (drift < -limit)
		jump_back(c, drift, limit, same_boot);
	if (c->steady_ms >= MS * HS_CLOCK_STEADY_S && c->lag_ms <= MS * HS_CLOCK_LAG_MOST_S)
		c->lag_ms = 0;
	c->wall_ms = wall_ms; /* first: a kill in between must not look like a jump ahead */
	c->boot_ms = boot_ms;
	note_behind(c, was_behind);
}

/* --- the shared state -------------------------------------------------------- */

static int64_t newest_of(const struct hs_spool_dir *dir, const char *stream)
{
	char open[HS_SEALED_NAME];
	struct hs_sealed *list;
	size_t count;
	int64_t newest;

	snprintf(open, sizeof open, "%s.jsonl", stream);
	newest = hs_clock_of_first(dir->fd, open, false);
	if (hs_sealed_list(dir->fd, stream, &list, &count) == HS_OK && count > 0 && list[count - 1].sealed_ms > newest)
		newest = list[count - 1].sealed_ms;
	free(list);
	return newest;
}

/* False at the first look, and in a damaged state: the rule would reckon with numbers that are no times. */
static bool was_looked_at(const struct hs_clock *c)
{
	const int64_t most_ms = 100 * 366 * DAY_MS; /* clocks that are possible do not differ by more */
	bool was_right = c->behind_ms == 0 && c->behind_end_ms == 0;

	if (!was_right && !(hs_timestamp_is_possible(c->behind_ms) && hs_timestamp_is_possible(c->behind_end_ms)))
		return false;
	return hs_timestamp_is_possible(c->wall_ms) && c->boot_ms >= -1 && c->boot_ms <= most_ms && c->steady_ms >= 0 &&
	       c->steady_ms <= most_ms && c->lag_ms >= -most_ms && c->lag_ms <= most_ms;
}

/* Begins with the files' newest time as the last look, unless that is ahead of the clock. */
static void begin(const struct hs_spool_dir *dir, struct hs_clock *c, int64_t wall_ms)
{
	int64_t events = newest_of(dir, "events"), rejected = newest_of(dir, "rejected");
	int64_t newest = events > rejected ? events : rejected;

	c->wall_ms = newest > 0 && newest < wall_ms ? newest : wall_ms;
	c->boot_ms = -1;
	c->lag_ms = c->steady_ms = 0;
	c->behind_ms = c->behind_end_ms = 0;
}

static void tell(int64_t before_ms, int64_t lag_ms)
{
	if (lag_ms > before_ms && lag_ms > 0)
		hs_log(HS_LOG_WARN,
		       "the clock has jumped %" PRId64 " hours ahead: nothing is deleted or forgotten by that; "
		       "set it right, or if it is right: hookspool maintain --trust-clock",
		       lag_ms / (3600 * MS));
	else if (lag_ms <= 0 && before_ms > 0)
		hs_log(HS_LOG_INFO, "the clock is believed again");
}

/* Looks at the clocks. Returns the lag; *wall_ms is the wall clock's time. */
static int64_t look(const struct hs_spool_dir *dir, int64_t *wall_ms)
{
	struct hs_clock *c = &dir->state->state->clock;
	int64_t before, lag;
	bool died;

	*wall_ms = hs_io_now();
	if (!hs_timestamp_is_possible(*wall_ms) ||
	    hs_shared_state_lock(&c->lock, hs_io_now_monotonic() + LOCK_MS, &died) != HS_OK)
		return c->lag_ms;
	*wall_ms = hs_io_now(); /* waiting for the lock must not look like a clock set back */
	if (!was_looked_at(c))
		begin(dir, c, *wall_ms);
	before = c->lag_ms;
	hs_clock_move(c, *wall_ms, hs_io_now_boot());
	lag = c->lag_ms;
	hs_shared_state_unlock(&c->lock);
	tell(before, lag);
	return lag;
}

int64_t hs_clock_now(const struct hs_spool_dir *dir)
{
	int64_t wall_ms, lag = look(dir, &wall_ms);

	return wall_ms - (lag > 0 ? lag : 0);
}

int64_t hs_clock_lag(const struct hs_spool_dir *dir)
{
	int64_t wall_ms, lag = look(dir, &wall_ms);

	return lag > 0 ? lag : 0;
}

/* Records may have got their time a moment before the look that has noted it. */
int64_t hs_clock_window_end(const struct hs_spool_dir *dir, int64_t now_ms, int64_t window_ms)
{
	const struct hs_clock *c = &dir->state->state->clock;
	int64_t behind_ms = atomic_load(&c->behind_ms), end_ms = atomic_load(&c->behind_end_ms);

	if (!hs_timestamp_is_possible(behind_ms) || end_ms < now_ms - window_ms || behind_ms > now_ms)
		return now_ms;
	return behind_ms - MS * HS_CLOCK_DRIFT_S;
}

void hs_clock_trust(const struct hs_spool_dir *dir)
{
	struct hs_clock *c = &dir->state->state->clock;
	int64_t wall_ms;
	bool died;

	look(dir, &wall_ms);
	if (hs_shared_state_lock(&c->lock, hs_io_now_monotonic() + LOCK_MS, &died) != HS_OK)
		return;
	c->lag_ms = c->steady_ms = 0;
	hs_shared_state_unlock(&c->lock);
}

/* --- the age of segments ------------------------------------------------------- */

/* When a line was spooled; 0: not known. */
static int64_t spooled_ms(struct hs_slice line)
{
	static const char label[] = "\"spooled_at\":\"";
	const char *at = memmem(line.p, line.n, label, sizeof label - 1);
	int64_t ms;

	if (at == NULL || (size_t)(line.p + line.n - at) < sizeof label - 1 + HS_TIMESTAMP_TEXT)
		return 0;
	return hs_timestamp_parse(hs_slice(at + sizeof label - 1, HS_TIMESTAMP_TEXT), &ms) ? ms : 0;
}

int64_t hs_clock_of_first(int dir, const char *name, bool gzip)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	int64_t ms = 0;
	int fd = hs_line_reader_open(&lines, dir, name, gzip);

	if (fd < 0)
		return 0;
	if (hs_line_reader_next(&lines, &line) == 1)
		ms = spooled_ms(line);
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return ms;
}

/* When the first record of list[i] was spooled; at `count`, of the open segment. 0: not known. */
static int64_t first_in(int dir, const char *stream, const struct hs_sealed *list, size_t count, size_t i)
{
	char name[HS_SEALED_NAME];

	if (i < count)
		hs_sealed_print(stream, &list[i], name);
	else
		snprintf(name, sizeof name, "%s.jsonl", stream);
	return hs_clock_of_first(dir, name, i < count && list[i].gzip);
}

/* A segment ends where the next one begins, unless the clock was set back or the next one comes from elsewhere. */
static bool is_between(int64_t first_ms, int64_t next_ms, int64_t ms)
{
	return first_ms > 0 && first_ms <= next_ms && next_ms < ms;
}

/* The segment after list[i], which may be listed twice. */
static size_t next_of(const struct hs_sealed *list, size_t count, size_t i)
{
	size_t next = i + 1;

	while (next < count && list[next].number == list[i].number)
		next++;
	return next;
}

bool hs_clock_is_before(int dir, const char *stream, const struct hs_sealed *list, size_t count, size_t i, int64_t ms)
{
	int64_t first;

	if (list[i].sealed_ms >= ms)
		return false;
	first = first_in(dir, stream, list, count, i);
	return first < ms && is_between(first, first_in(dir, stream, list, count, next_of(list, count, i)), ms);
}

enum hs_result hs_ages_init(struct hs_ages *a, const struct hs_spool_dir *dir, const char *stream,
                            const struct hs_sealed *list, size_t count)
{
	*a = (struct hs_ages){ dir, stream, list, count, hs_clock_now(dir), INT64_MIN, NULL };
	a->first = calloc(count + 1, sizeof *a->first);
	return a->first == NULL ? HS_E_MEMORY : HS_OK;
}

void hs_ages_free(struct hs_ages *a)
{
	free(a->first);
	a->first = NULL;
}

/* The time of the first record in list[i]; at `count`, in the open segment. 0: unknown. */
static int64_t first_of(struct hs_ages *a, size_t i)
{
	if (a->first[i] == 0) {
		a->first[i] = first_in(a->dir->fd, a->stream, a->list, a->count, i);
		if (a->first[i] == 0)
			a->first[i] = -1;
	}
	return a->first[i] > 0 ? a->first[i] : 0;
}

/* The time of the first record after this segment that is not from the future; INT64_MAX: none. */
static int64_t from_next(struct hs_ages *a, size_t i)
{
	for (size_t j = i + 1; j <= a->count; j++) {
		int64_t ms = j < a->count && a->list[j].number == a->list[i].number ? 0 : first_of(a, j);

		if (ms > 0 && !hs_clock_is_ahead(ms, a->now_ms))
			return ms;
	}
	return INT64_MAX;
}

/* True if all records of list[i] are older, as hs_clock_is_before. */
static bool is_old(struct hs_ages *a, size_t i, int64_t before_ms)
{
	return is_between(first_of(a, i), first_of(a, next_of(a->list, a->count, i)), before_ms);
}

/* The latest time of a record in list[i] that is not from the future; no line after one of `before_ms` is read. */
static int64_t latest_of(const struct hs_ages *a, size_t i, int64_t before_ms)
{
	struct hs_line_reader lines = { 0 };
	struct hs_sealed sealed = a->list[i];
	struct hs_slice line;
	int64_t latest = 0;
	int fd = hs_sealed_lines(&lines, a->dir->fd, a->stream, &sealed);

	while (fd >= 0 && latest < before_ms && hs_line_reader_next(&lines, &line) == 1) {
		int64_t ms = spooled_ms(line);

		if (ms > latest && !hs_clock_is_ahead(ms, a->now_ms))
			latest = ms;
	}
	hs_line_reader_free(&lines);
	if (fd >= 0)
		hs_io_close(fd);
	return latest;
}

int64_t hs_ages_sealed_ms(struct hs_ages *a, size_t i, int64_t before_ms)
{
	int64_t ms = a->list[i].sealed_ms, latest;

	if (hs_clock_is_ahead(ms, a->now_ms)) {
		ms = from_next(a, i);
	} else if (ms < before_ms && !is_old(a, i, before_ms)) {
		latest = latest_of(a, i, before_ms);
		if (latest > ms)
			ms = latest;
	}
	if (ms < a->floor_ms)
		ms = a->floor_ms;
	a->floor_ms = ms;
	return ms;
}
