#include "spool/write/foreign_segments.h"
#include "base/log.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	SETTLED_MS = 20,   /* a ctime at least this old differs after the next change */
	GROWING_MS = 2000, /* a copy without a write for this long counts as complete */
	AWAIT_MS = 60000,  /* how long a copy is waited for … */
	POLL_MS = 50,      /* … and how often it is looked at */
	SHARE = 10,        /* looks take a tenth of the time … */
	AGAIN_US = 10000,  /* … but are never further apart than this */
	LATER_MS = 250,    /* … except after a rotation, to be done without the lock */
};

/* A name with a higher number would leave too few, or none, for what is sealed after it. */
#define NAMED_MOST (HS_SEALED_NUMBER_MOST / 2)

static int64_t ctime_ns(const struct stat *st)
{
	return st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;
}

static int64_t changed_ns(const struct hs_segment *s)
{
	struct stat st;

	return hs_io_fstat(s->dir->fd, &st) < 0 ? -1 : ctime_ns(&st);
}

bool hs_foreign_segments_may_differ(const struct hs_segment *s, bool urgent)
{
	int64_t now_us = hs_io_now_us();

	if (!urgent && now_us < s->stream->look_again_us)
		return false;
	if (changed_ns(s) != s->stream->looked_ns)
		return true;
	s->stream->look_again_us = now_us + AGAIN_US; /* a busy spool asks the kernel a hundred times a second */
	return false;
}

/* --- one segment ------------------------------------------------------------ */

static int open_sealed(int dir, const char *name, struct stat *st)
{
	int fd;

	if (hs_io_stat(dir, name, st) < 0 || !S_ISREG(st->st_mode))
		return -1;
	fd = hs_io_open_read(dir, name);
	if (fd >= 0 && hs_io_fstat(fd, st) == 0)
		return fd;
	if (fd >= 0)
		hs_io_close(fd);
	return -1;
}

/* Or cannot be read. */
static bool ends_whole(int fd, bool gzip, uint64_t size)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	char last = 0;
	int more;

	if (!gzip)
		return size > 0 && (hs_io_read_at(fd, &last, 1, size - 1) < 0 || last == '\n');
	if (!hs_line_reader_start_gzip(&lines, fd, 0))
		return false;
	while ((more = hs_line_reader_next(&lines, &line)) == 1)
		;
	hs_line_reader_free(&lines);
	return more == 0;
}

static bool is_recent(const struct timespec *at)
{
	int64_t age_ms = hs_io_now() - ((int64_t)at->tv_sec * 1000 + at->tv_nsec / 1000000);

	return age_ms > -GROWING_MS && age_ms < GROWING_MS;
}

static bool is_new(const struct stat *st)
{
	return is_recent(&st->st_mtim);
}

/* Opens only new ones, for after the loss of the shared state all segments are looked at. */
bool hs_foreign_segments_is_growing(int dir, const char *stream, const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];
	struct stat st;
	bool growing;
	int fd;

	hs_sealed_print(stream, sealed, name);
	if (hs_io_stat(dir, name, &st) < 0 || !is_new(&st))
		return false;
	fd = open_sealed(dir, name, &st);
	if (fd < 0)
		return false;
	growing = is_new(&st) && !ends_whole(fd, sealed->gzip, (uint64_t)st.st_size);
	hs_io_close(fd);
	return growing;
}

static bool is_empty(int dir, const char *name)
{
	struct stat st;

	return hs_io_stat(dir, name, &st) == 0 && st.st_size == 0;
}

/*
 * True if a person is compressing or unpacking the segment, which ends with the removal of the file that it has now:
 * its other form is beside it, and has just changed, or is the plain one. `name` is that one's.
 */
static bool is_turned(int dir, const char *stream, const struct hs_sealed *sealed, char name[static HS_SEALED_NAME])
{
	struct hs_sealed other = *sealed;
	struct stat st;

	hs_sealed_print(stream, sealed, name);
	if (hs_io_stat(dir, name, &st) < 0)
		return false;
	other.gzip = !other.gzip;
	hs_sealed_print(stream, &other, name);
	return hs_io_stat(dir, name, &st) == 0 && (sealed->gzip || is_recent(&st.st_ctim));
}

/* Logs why a segment cannot be replaced. */
static enum hs_result give_up(int dir, const char *stream, const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];

	if (is_turned(dir, stream, sealed, name)) {
		hs_log(HS_LOG_WARN,
		       "%s is beside %s, as if somebody were still %s it: run this again when that is done, or "
		       "remove %s",
		       name, sealed->gzip ? "its .gz" : "its plain file", sealed->gzip ? "unpacking" : "compressing",
		       name);
	} else {
		hs_sealed_print(stream, sealed, name);
		hs_log(HS_LOG_WARN, "%s is still being copied into the spool: run this again when it is there", name);
	}
	return HS_E_REWRITTEN;
}

enum hs_result hs_foreign_segments_await(int dir, const char *stream, const struct hs_sealed *sealed,
                                         bool (*must_stop)(void *context), void *context)
{
	int64_t deadline = hs_io_now_monotonic() + AWAIT_MS;
	char name[HS_SEALED_NAME], other[HS_SEALED_NAME];

	hs_sealed_print(stream, sealed, name);
	while ((is_turned(dir, stream, sealed, other) ||
	        (!is_empty(dir, name) && hs_foreign_segments_is_growing(dir, stream, sealed))) &&
	       (must_stop == NULL || !must_stop(context))) {
		if (hs_io_now_monotonic() > deadline)
			return give_up(dir, stream, sealed);
		hs_io_pause(POLL_MS);
	}
	return HS_OK;
}

static bool is_growing(const struct hs_segment *s, const struct hs_sealed *sealed)
{
	return hs_foreign_segments_is_growing(s->dir->fd, s->name, sealed);
}

/* A line must be on stable storage before another counts as its duplicate. */
static enum hs_result sync_sealed(const struct hs_segment *s, const struct hs_sealed *sealed)
{
	enum hs_result result = HS_OK;
	char name[HS_SEALED_NAME];
	struct stat st;
	int fd;

	hs_sealed_print(s->name, sealed, name);
	if (s->is_stored != NULL && hs_io_stat(s->dir->fd, name, &st) == 0 &&
	    s->is_stored(s->dir, s->stream != s->dir->state->state->stream, sealed->number, &st))
		return HS_OK;
	fd = open_sealed(s->dir->fd, name, &st);
	if (fd < 0) /* gone, or not readable: its reader reports that */
		return HS_OK;
	if (hs_io_sync_data(fd) < 0)
		result = HS_E_SYNC;
	hs_io_close(fd);
	return result;
}

/* --- numbers ---------------------------------------------------------------- */

void hs_foreign_segments_note(struct hs_stream *stream, uint64_t number, int64_t sealed_ms)
{
	stream->own[number % HS_OWN] = (struct hs_own){ number, sealed_ms };
}

static bool is_own(const struct hs_stream *stream, const struct hs_sealed *sealed)
{
	const struct hs_own *own = &stream->own[sealed->number % HS_OWN];

	return !sealed->moved && own->number == sealed->number && own->sealed_ms == sealed->sealed_ms;
}

static int64_t arrived_ns(const struct hs_segment *s, const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME];
	struct stat st;

	hs_sealed_print(s->name, sealed, name);
	return hs_io_stat(s->dir->fd, name, &st) < 0 ? INT64_MAX : ctime_ns(&st);
}

/* --- the listed segments ------------------------------------------------------ */

/* Segments of one number: list[from] to list[to - 1]. */
struct group {
	size_t from, to;
	bool collides; /* they are not the plain and the compressed form of one segment */
};

/* A stream's sealed segments. */
struct listing {
	const struct hs_segment *s;
	struct hs_sealed *list;
	size_t count;
	uint64_t highest; /* number; while they are taken in */
};

/* True if segments of this number get another one, lest it be the open segment's. */
static bool is_too_high(const struct listing *l, uint64_t number)
{
	return number > NAMED_MOST && number != HS_SEALED_LATER && l->s->stream->number <= NAMED_MOST;
}

static enum hs_result list_all(struct listing *l)
{
	return hs_sealed_list_all(l->s->dir->fd, l->s->name, &l->list, &l->count);
}

static struct group group_at(const struct listing *l, size_t from)
{
	const struct hs_sealed *first = &l->list[from];
	struct group g = { from, from + 1, false };

	for (; g.to < l->count && l->list[g.to].number == first->number; g.to++)
		g.collides |= !hs_sealed_same(&l->list[g.to], first);
	return g;
}

/* Chooses the segment of the group that keeps its number. */
static size_t keeper_of(const struct listing *l, const struct group *g)
{
	int64_t oldest = INT64_MAX;
	size_t best = g->from;

	for (size_t i = g->from; i < g->to; i++) {
		const struct hs_sealed *sealed = &l->list[i];
		int64_t ns = is_own(l->s->stream, sealed) ? INT64_MIN : arrived_ns(l->s, sealed);

		if (ns < oldest) {
			oldest = ns;
			best = i;
		}
	}
	return best;
}

struct news {
	bool any;
	bool now;     /* something can be taken in at once */
	bool growing; /* a segment at or above the open one's number is being copied: the rest waits for it */
};

static struct news find_news(const struct listing *l)
{
	uint64_t open = l->s->stream->number;
	bool whole = false, collision = false;
	struct news news = { 0 };
	struct group g;

	for (size_t i = 0; i < l->count; i = g.to) {
		bool is_above = l->list[i].number >= open;

		g = group_at(l, i);
		if (!g.collides && !is_above)
			continue;
		news.any = true;
		collision |= !is_above; /* settled at once; if it grows it gets its number later */
		for (size_t k = g.from; k < g.to && is_above; k++) {
			bool growing = is_growing(l->s, &l->list[k]);

			whole |= !growing;
			news.growing |= growing && l->list[i].number != HS_SEALED_LATER;
		}
	}
	news.now = collision || (whole && !news.growing);
	return news;
}

/*
 * Notes a look at the directory, which is not read again before its ctime changes; `again`: the look
 * has found something to do. A ctime that is too new does not count.
 */
static void note_look(struct hs_stream *stream, int64_t ns, int64_t began_us, bool again)
{
	int64_t now_us = hs_io_now_us(), age_ms = hs_io_now() - ns / 1000000;
	int64_t pause_us = (now_us - began_us) * SHARE;

	stream->looked_ns = again || (age_ms > -SETTLED_MS && age_ms < SETTLED_MS) ? 0 : ns;
	stream->look_again_us = now_us + (pause_us < AGAIN_US ? pause_us : AGAIN_US);
}

enum hs_result hs_foreign_segments_look(const struct hs_segment *s, bool *news)
{
	int64_t began_us = hs_io_now_us(), ns = changed_ns(s);
	struct listing l = { .s = s };
	struct news found;
	enum hs_result result = list_all(&l);

	*news = false;
	if (result != HS_OK)
		return result;
	found = find_news(&l);
	free(l.list);
	note_look(s->stream, ns, began_us, found.any);
	*news = found.now;
	return HS_OK;
}

void hs_foreign_segments_look_later(struct hs_segment *s)
{
	s->stream->look_again_us = hs_io_now_us() + LATER_MS * 1000;
	atomic_store(&s->look_due, true);
}

bool hs_foreign_segments_list(struct hs_segment *s, struct hs_unlocked_look *look)
{
	struct listing l = { .s = s };

	*look = (struct hs_unlocked_look){ 0 };
	if (!atomic_load(&s->look_due) || !atomic_exchange(&s->look_due, false))
		return false;
	hs_io_pause(SETTLED_MS);
	look->ns = changed_ns(s);
	if (list_all(&l) != HS_OK)
		return false;
	look->list = l.list;
	look->count = l.count;
	return true;
}

void hs_foreign_segments_note_list(struct hs_segment *s, const struct hs_unlocked_look *look)
{
	struct listing l = { .s = s, .list = look->list, .count = look->count };
	struct hs_stream *stream = s->stream;
	bool any;

	if (stream->known == 0 || changed_ns(s) != look->ns)
		return;
	any = find_news(&l).any;
	note_look(stream, look->ns, hs_io_now_us(), any);
	if (any) /* the next append takes it in */
		stream->look_again_us = 0;
}

/* --- taking in -------------------------------------------------------------- */

/* Makes list[i] be read under a free number from now on, or later, if it is growing. */
static enum hs_result renumber(struct listing *l, size_t i)
{
	const struct hs_spool_dir *dir = l->s->dir;
	struct hs_sealed *sealed = &l->list[i];
	bool growing = is_growing(l->s, sealed);
	bool too_high = is_too_high(l, sealed->moved ? sealed->named : sealed->number);
	uint64_t number = growing ? HS_SEALED_LATER : l->highest + 1;
	char name[HS_SEALED_NAME];
	enum hs_result result = HS_OK;

	if (sealed->number == number)
		return HS_OK;
	hs_sealed_print(l->s->name, sealed, name);
	if (!growing)
		result = sync_sealed(l->s, sealed);
	if (result == HS_OK)
		result =
		    hs_sealed_renumber(dir->private_dir, l->s->name, sealed, number, (mode_t)dir->settings->spool_mode);
	if (result != HS_OK || growing)
		return result;
	l->highest = number;
	hs_log(HS_LOG_WARN, "%s: %s: it is read as number %" PRIu64, name,
	       too_high ? "its number is too high" : "another segment has its number", number);
	return HS_OK;
}

/* Renumbers the group's segments: all of them, or all but the one that keeps the number, in both its forms. */
static enum hs_result part(struct listing *l, const struct group *g, bool all)
{
	size_t keeper = all ? g->to : keeper_of(l, g);
	enum hs_result result = HS_OK;

	for (size_t i = g->from; i < g->to && result == HS_OK; i++) {
		bool other_form = i > g->from && hs_sealed_same(&l->list[i], &l->list[i - 1]);

		if (!other_form && (all || !hs_sealed_same(&l->list[i], &l->list[keeper])))
			result = renumber(l, i);
	}
	return result;
}

static enum hs_result settle_group(struct listing *l, const struct group *g, bool keep)
{
	uint64_t number = l->list[g->from].number, open = l->s->stream->number;
	bool all = is_too_high(l, number) || number == HS_SEALED_LATER || (keep && number == open);
	enum hs_result result = HS_OK;

	if (all || g->collides)
		result = part(l, g, all);
	for (size_t i = g->from; i < g->to && result == HS_OK && number >= open && !all; i++)
		result = sync_sealed(l->s, &l->list[i]);
	return result;
}

static enum hs_result settle_all(struct listing *l, bool keep)
{
	uint64_t open = l->s->stream->number;
	struct news news = find_news(l);
	enum hs_result result = HS_OK;
	struct group g;

	for (size_t i = 0; i < l->count && l->list[i].number != HS_SEALED_LATER && !is_too_high(l, l->list[i].number);
	     i++)
		l->highest = l->list[i].number;
	if (l->highest < open)
		l->highest = open - !keep;
	for (size_t i = 0; i < l->count && result == HS_OK && news.any; i = g.to) {
		g = group_at(l, i);
		result = settle_group(l, &g, keep);
	}
	if (result == HS_OK && news.any && hs_io_sync_dir(l->s->dir->fd) < 0)
		result = HS_E_IO;
	if (news.growing && !keep && open != 0) /* segments above it wait until it is whole */
		l->highest = open - 1;
	return result;
}

enum hs_result hs_foreign_segments_take_in(const struct hs_segment *s, bool keep, uint64_t *highest)
{
	struct listing l = { .s = s };
	enum hs_result result = list_all(&l);

	if (result == HS_OK)
		result = settle_all(&l, keep);
	free(l.list);
	*highest = l.highest;
	s->stream->looked_ns = 0; /* look once more when all is done */
	s->stream->look_again_us = 0;
	return result;
}
