#include "spool/read/reader.h"
#include "base/digest.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PEEK_MS = 4000,    /* without a lock, at a writer who is just going on to the next segment */
	LOCK_MS = 10000,   /* for the append lock; a writer holds it for a write */
	ATTEMPTS = 16,     /* at a segment that is compressed, edited or sealed just now */
	POLL_MS = 25,      /* without inotify */
	SETTLE_MS = 50,    /* after the loss of the state, before it is opened again */
	NEWS_MS = 20,      /* a directory whose ctime is older gets another one when it changes */
	SOON_FIRST_MS = 1, /* until an acknowledgement that is on its way, doubled … */
	SOON_MOST_MS = 32, /* … up to this, for nobody knows whether it comes */
	WINDOW = 1 << 20,  /* looked at first, of a segment's end, doubled … */
	FIRST_LOOK = 1 << 16, /* the same, for one line */
};

enum kind { NOTHING, SEALED, OPEN };

/* The open segment, as a glance under the append lock shows it. */
struct glance {
	int fd;
	uint64_t number, generation;
};

struct hs_reader {
	struct hs_opened_spool opened;
	struct hs_segment events;
	struct hs_rewrite_log *rewrites;
	struct hs_sealed *list; /* as of the last look at the directory, below `below` */
	size_t count;
	uint64_t below;    /* the open segment's number then; 0: not known */
	int64_t looked_ns; /* the directory's ctime when it was last looked at for news; 0: look */

	struct hs_position at;
	enum kind kind;
	int fd;
	uint64_t generation; /* of an open one */
	struct hs_line_reader lines;

	struct hs_digest *digest; /* positions carry a hash of the line before; NULL: they do not */

	enum hs_result result;
	uint64_t gap_first, gap_last;
	int watch;
	bool watched; /* tried */
	int64_t soon_ms;
};

/* --- opening and closing -------------------------------------------------- */

static void tell_strange(void *context, const char *name)
{
	(void)context;
	hs_log(HS_LOG_WARN, "%s is no plain file and is passed over: move it out of the spool", name);
}

enum hs_result hs_reader_open(const struct hs_settings *settings, struct hs_reader **reader)
{
	struct hs_reader *r = calloc(1, sizeof *r);
	enum hs_result result;

	*reader = NULL;
	if (r == NULL)
		return HS_E_MEMORY;
	r->fd = r->watch = -1;
	result = hs_spool_dir_open_to_read(&r->opened, settings);
	if (result == HS_OK) {
		hs_segment_init(&r->events, &r->opened.dir, HS_EVENTS);
		hs_sealed_strange(r->opened.dir.fd, "events", tell_strange, NULL);
		result = hs_rewrite_log_open(&r->opened.dir, &r->rewrites);
		if (result != HS_OK)
			hs_spool_dir_close(&r->opened);
	}
	if (result != HS_OK) {
		free(r);
		return result;
	}
	*reader = r;
	return HS_OK;
}

static void let_go(struct hs_reader *r)
{
	if (r->fd >= 0)
		hs_io_close(r->fd);
	r->fd = -1;
	r->kind = NOTHING;
}

void hs_reader_close(struct hs_reader *r)
{
	if (r == NULL)
		return;
	let_go(r);
	if (r->watch >= 0)
		hs_io_close(r->watch);
	free(r->list);
	hs_line_reader_free(&r->lines);
	hs_digest_free(r->digest);
	hs_rewrite_log_close(r->rewrites);
	hs_segment_close(&r->events);
	hs_spool_dir_close(&r->opened);
	free(r);
}

const struct hs_spool_dir *hs_reader_place(const struct hs_reader *r)
{
	return &r->opened.dir;
}

void hs_reader_start(struct hs_reader *r, struct hs_position position)
{
	let_go(r);
	r->at = position;
}

struct hs_position hs_reader_position(const struct hs_reader *r)
{
	return r->at;
}

enum hs_result hs_reader_result(const struct hs_reader *r)
{
	return r->result;
}

void hs_reader_gap(const struct hs_reader *r, uint64_t *first, uint64_t *last)
{
	*first = r->gap_first;
	*last = r->gap_last;
}

static bool is_moved(const struct hs_reader *r);

static enum hs_read fail(struct hs_reader *r, enum hs_result result)
{
	r->result = result;
	/* a folder that is being removed fails in many ways, and only in the end in this one */
	if (r->watched && result != HS_E_SPOOL_DIR) {
		hs_io_pause(SETTLE_MS);
		if (is_moved(r))
			r->result = HS_E_SPOOL_DIR;
	}
	return HS_READ_FAILED;
}

/* --- the open segment ----------------------------------------------------- */

/* Besides the folder: cutting it is a change that inotify tells of, using it is none. */
static void watch_state(const struct hs_reader *r)
{
	char path[PATH_MAX];

	if (r->watch >= 0 && snprintf(path, sizeof path, "%s/.hookspool/run/state",
	                              r->opened.dir.settings->spool_dir) < (int)sizeof path)
		hs_io_watch_file(r->watch, path);
}

/* A follower would wait for ever in a folder that was moved away, or removed. */
static bool is_moved(const struct hs_reader *r)
{
	const char *path = r->opened.dir.settings->spool_dir;
	struct stat held, there;

	if (hs_io_fstat(r->opened.dir.fd, &held) < 0 ||
	    (hs_io_stat(AT_FDCWD, path, &there) == 0 && there.st_ino == held.st_ino &&
	     there.st_dev == held.st_dev))
		return false;
	hs_log(HS_LOG_ERROR, "%s is no longer the folder that is read here: start anew", path);
	return true;
}

/* Was the state cut, emptied or replaced? Whoever sets it up anew waits until we let it go. */
static bool is_lost(const struct hs_reader *r)
{
	return r->opened.state.state == NULL ||
	       !hs_shared_state_is_current(&r->opened.state, r->opened.dir.run_dir);
}

/* The same position in the same files, by a new state. */
static enum hs_result open_state_again(struct hs_reader *r)
{
	enum hs_result result;

	hs_io_pause(SETTLE_MS); /* it may be the beginning of "rm -r": then make nothing in its way */
	if (is_moved(r))
		return HS_E_SPOOL_DIR;
	if (r->opened.state.state != NULL && !r->opened.dir.read_only)
		hs_log(HS_LOG_WARN, "the spool's shared state was cut, emptied or replaced by somebody else: it is made anew");
	let_go(r);
	hs_segment_close(&r->events);
	result = hs_spool_dir_open_state_again(&r->opened);
	if (result == HS_OK)
		hs_segment_init(&r->events, &r->opened.dir, HS_EVENTS);
	watch_state(r);
	return result != HS_OK && is_moved(r) ? HS_E_SPOOL_DIR : result;
}

/* Does the state know it, so that its marks count? Otherwise somebody has to set it right. */
static bool is_known(const struct hs_stream *f)
{
	return f->known != 0 && atomic_load(&f->current) == f->generation;
}

static enum hs_result glance_locked(struct hs_reader *r, struct glance *g)
{
	struct hs_stream *f = r->events.stream;
	struct stat st;

	g->fd = hs_io_open_read(r->opened.dir.fd, "events.jsonl");
	if (g->fd < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	g->number = f->number;
	g->generation = f->generation;
	if (hs_io_fstat(g->fd, &st) == 0 && (uint64_t)st.st_ino == f->inode)
		return HS_OK;
	hs_io_close(g->fd); /* somebody moved ours away, or put another in its place */
	g->fd = -1;
	return HS_OK;
}

/*
 * For who may read only: no lock, and nothing can be set right. The number and the inode stand
 * still while `current` is not 0, which the writer makes it before it changes them; *again if
 * it was changing.
 */
static enum hs_result peek(struct hs_reader *r, struct glance *g, bool *again)
{
	const volatile struct hs_stream *f = r->events.stream;
	uint64_t generation = atomic_load(&f->current);
	struct stat st;

	*again = true;
	if (generation == 0)
		return HS_OK;
	g->fd = hs_io_open_read(r->opened.dir.fd, "events.jsonl");
	if (g->fd < 0)
		return errno == ENOENT ? HS_OK : errno == EACCES ? HS_E_SPOOL_OWNER : hs_io_result(errno);
	g->number = f->number;
	g->generation = generation;
	*again = hs_io_fstat(g->fd, &st) < 0 || (uint64_t)st.st_ino != f->inode;
	atomic_thread_fence(memory_order_acquire); /* the number was read before this is */
	*again = *again || atomic_load(&f->current) != generation || is_lost(r);
	if (*again)
		hs_io_close(g->fd);
	if (*again)
		g->fd = -1;
	return HS_OK;
}

static enum hs_result glance_to_read(struct hs_reader *r, struct glance *g)
{
	int64_t deadline = hs_io_now_monotonic() + PEEK_MS;
	enum hs_result result;
	bool again = true;

	do {
		result = is_lost(r) ? open_state_again(r) : HS_OK;
		if (result == HS_OK)
			result = peek(r, g, &again);
		if (result == HS_OK && again)
			hs_io_pause(1);
	} while (again && (result == HS_OK || result == HS_E_SPOOL_ASLEEP) && hs_io_now_monotonic() < deadline);
	if (result == HS_OK && again)
		result = HS_E_SPOOL_ASLEEP; /* a killed writer's, until the next one comes */
	if (result == HS_OK)
		r->below = g->number;
	return result;
}

/* Opens it; the caller closes g->fd. */
static enum hs_result glance(struct hs_reader *r, struct glance *g)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result result;
	bool news = false;

	g->fd = -1;
	if (r->opened.dir.read_only)
		return glance_to_read(r, g);
	result = is_lost(r) ? open_state_again(r) : HS_OK;
	if (result == HS_OK)
		result = hs_segment_lock(&r->events, deadline);
	if (result != HS_OK)
		return result;
	if (is_known(r->events.stream))
		result = hs_segment_has_news(&r->events, &news);
	if (result == HS_OK && !news && is_known(r->events.stream))
		result = glance_locked(r, g);
	if (result == HS_OK && g->fd < 0) {
		result = hs_segment_prepare(&r->events, 0, deadline);
		if (result == HS_OK)
			result = glance_locked(r, g);
		if (result == HS_OK && g->fd < 0)
			result = HS_E_IO;
		hs_segment_close(&r->events); /* we never write: no need to keep it open */
	}
	hs_segment_unlock(&r->events);
	if (result == HS_OK)
		r->below = g->number;
	return result;
}

/*
 * How much of a generation may be read. *ended: no more will come. *known is false if it
 * ended so long ago that nobody remembers how.
 */
static uint64_t limit_of(const struct hs_reader *r, uint64_t generation, bool *ended, bool *known)
{
	const struct hs_stream *f = r->events.stream;
	bool durable = r->opened.dir.settings->durability == HS_DURABILITY_FSYNC;
	uint64_t limit = 0;

	*ended = false;
	*known = true;
	while (atomic_load(&f->current) == generation) {
		limit = atomic_load(durable ? &f->synced : &f->written);
		if (r->opened.dir.read_only && is_lost(r))
			break; /* set up anew, perhaps with the same number for another file */
		if (atomic_load(&f->current) == generation)
			return limit; /* otherwise it may belong to the next segment */
	}
	*ended = true;
	*known = hs_commit_past(f, generation, &limit) && !(r->opened.dir.read_only && is_lost(r));
	return limit;
}

static void read_open(struct hs_reader *r, const struct glance *g)
{
	bool ended, known;
	uint64_t limit = limit_of(r, g->generation, &ended, &known);

	if (r->at.number != g->number)
		r->at = (struct hs_position){ .number = g->number };
	if (known && r->at.offset > limit) { /* without durability a power cut can take lines back */
		r->at.offset = limit;
		r->at.before = 0;
	}
	r->kind = OPEN;
	r->fd = g->fd;
	r->generation = g->generation;
	r->soon_ms = SOON_FIRST_MS;
	hs_line_reader_start(&r->lines, g->fd, r->at.offset, known ? limit : r->at.offset);
}

/* --- sealed segments ------------------------------------------------------ */

/* Segments that came since the last glance may yet get other numbers (foreign_segments.h). */
static enum hs_result list_again(struct hs_reader *r)
{
	enum hs_result result;

	free(r->list);
	r->list = NULL;
	result = hs_sealed_list(r->opened.dir.fd, "events", &r->list, &r->count);
	while (r->below > 0 && r->count > 0 && r->list[r->count - 1].number >= r->below)
		r->count--;
	return result;
}

/* The first one of this number or a higher one, of two forms the plain one. NULL: none. */
static const struct hs_sealed *find(const struct hs_reader *r, uint64_t number)
{
	size_t low = 0, high = r->list == NULL ? 0 : r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->list[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return r->list != NULL && low < r->count ? &r->list[low] : NULL;
}

/* At the position, which is of this segment. *there is false if the name has gone. */
static enum hs_result open_sealed(struct hs_reader *r, const struct hs_sealed *sealed, bool *there)
{
	enum hs_result result = hs_rewrite_log_share(r->rewrites);
	char name[HS_SEALED_NAME];
	struct stat st;

	*there = false;
	if (result != HS_OK)
		return result;
	hs_sealed_print("events", sealed, name);
	r->fd = hs_io_open_plain(r->opened.dir.fd, name);
	if (r->fd < 0) /* not plain any more: it is not in the next list */
		result = errno == ENOENT || errno == HS_IO_NOT_PLAIN ? HS_OK : hs_io_result(errno);
	else
		result = hs_rewrite_log_translate(r->rewrites, &r->at);
	if (r->fd >= 0)
		r->at.edit = hs_rewrite_log_number(r->rewrites, sealed->number);
	hs_rewrite_log_release(r->rewrites);
	if (result != HS_OK || r->fd < 0) {
		let_go(r);
		return result;
	}
	r->kind = SEALED;
	*there = true;
	if (hs_io_fstat(r->fd, &st) < 0)
		return HS_E_IO;
	return hs_line_reader_start_file(&r->lines, r->fd, sealed->gzip, r->at.offset,
	                                 (uint64_t)st.st_size > r->at.offset ? (uint64_t)st.st_size : r->at.offset);
}

/* --- finding the segment of a position ------------------------------------ */

static enum hs_read skip_to(struct hs_reader *r, uint64_t number)
{
	r->gap_first = r->at.number;
	r->gap_last = number - 1;
	r->at = (struct hs_position){ .number = number };
	return HS_READ_GAP;
}

/*
 * Opens what the position is of. HS_READ_LINE: there may be lines. Segments go from open
 * to sealed and from there to nothing; so one that was not listed is looked for among the
 * open first, then in a new list, and is gone only if it is in neither.
 */
static enum hs_read find_segment(struct hs_reader *r, bool *there)
{
	const struct hs_sealed *sealed = find(r, r->at.number);
	struct glance g = { .fd = -1 };
	enum hs_result glanced = HS_OK, result;
	enum hs_read what = HS_READ_LINE;

	*there = true;
	if (sealed == NULL || sealed->number != r->at.number) {
		glanced = glance(r, &g);
		result = list_again(r);
		if (result != HS_OK) {
			if (g.fd >= 0)
				hs_io_close(g.fd);
			return fail(r, result);
		}
		sealed = find(r, r->at.number);
	}
	if (sealed == NULL && glanced == HS_OK && (g.number == r->at.number || r->at.number == 0)) {
		read_open(r, &g);
		return HS_READ_LINE;
	}
	if (sealed == NULL)
		what = glanced != HS_OK          ? fail(r, glanced)
		       : g.number > r->at.number ? skip_to(r, g.number)
						 : HS_READ_AHEAD;
	else if (sealed->number != r->at.number && r->at.number != 0)
		what = skip_to(r, sealed->number);
	else {
		r->at.number = sealed->number;
		result = open_sealed(r, sealed, there);
		if (result != HS_OK)
			what = fail(r, result);
	}
	if (g.fd >= 0)
		hs_io_close(g.fd);
	return what;
}

static enum hs_read open_segment(struct hs_reader *r)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		bool there;
		enum hs_read what = find_segment(r, &there);

		if (what != HS_READ_LINE || there)
			return what;
		if (list_again(r) != HS_OK) /* it has another form by now, or is gone */
			break;
	}
	return fail(r, HS_E_IO);
}

/* --- reading -------------------------------------------------------------- */

/* The segment is read to its end. */
static void step(struct hs_reader *r, uint64_t number)
{
	let_go(r);
	r->at = (struct hs_position){ .number = number, .before = r->at.before };
}

/* What to do at the end of what could be read of the open segment; false: nothing. */
static bool go_on(struct hs_reader *r)
{
	bool ended, known;
	uint64_t limit = limit_of(r, r->generation, &ended, &known);

	if (!known) {
		let_go(r); /* it lies among the sealed by now */
	} else if (limit > r->lines.end) {
		r->lines.end = limit;
		r->soon_ms = SOON_FIRST_MS;
	} else if (ended) {
		/* one of which nothing was kept gives its number to the next */
		step(r, limit > 0 ? r->at.number + 1 : r->at.number);
	} else {
		return false;
	}
	return true;
}

static enum hs_result why_reading_failed(const struct hs_reader *r)
{
	enum hs_result result = errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;

	if (errno == EILSEQ)
		hs_log(HS_LOG_ERROR,
		       "segment %" PRIu64 " is damaged; hookspool repair keeps what is whole of it",
		       r->at.number);
	return result;
}

static enum hs_read reading_failed(struct hs_reader *r)
{
	enum hs_result result = why_reading_failed(r);

	let_go(r);
	return fail(r, result);
}

static enum hs_read at_end(struct hs_reader *r)
{
	return r->watched && is_moved(r) ? fail(r, HS_E_SPOOL_DIR) : HS_READ_END;
}

/* The directory's ctime; 0 if it may change again without another ctime. */
static int64_t settled_ns(const struct hs_reader *r)
{
	struct stat st;
	int64_t age;

	if (hs_io_fstat(r->opened.dir.fd, &st) < 0)
		return 0;
	age = hs_io_now() - ((int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000);
	return age > -NEWS_MS && age < NEWS_MS ? 0 : st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
}

/* At the end of the open segment: has somebody put others there, which come before the next? */
static enum hs_result look_for_news(struct hs_reader *r, bool *news)
{
	int64_t ns = settled_ns(r);
	enum hs_result result;
	struct glance g;

	*news = false;
	if (ns != 0 && ns == r->looked_ns)
		return HS_OK;
	result = glance(r, &g);
	if (result != HS_OK)
		return result;
	hs_io_close(g.fd);
	r->looked_ns = r->events.stream->looked_ns == 0 ? 0 : ns;
	*news = g.generation != r->generation;
	return HS_OK;
}

enum hs_read hs_reader_next(struct hs_reader *r, struct hs_slice *line)
{
	for (;;) {
		bool news;
		int got;

		if (r->kind == NOTHING) {
			enum hs_read what = open_segment(r);

			if (what != HS_READ_LINE)
				return what;
		}
		got = hs_line_reader_next(&r->lines, line);
		if (got == 1) {
			r->at.offset = r->lines.at;
			if (r->digest != NULL && !hs_history_hash(r->digest, *line, &r->at.before))
				return fail(r, HS_E_MEMORY);
			return HS_READ_LINE;
		}
		if (got < 0)
			return reading_failed(r);
		if (got == 2 && r->kind == SEALED)
			hs_log(HS_LOG_WARN,
			       "segment %" PRIu64 " ends in mid-line: see hookspool verify",
			       r->at.number);
		if (r->kind == SEALED)
			step(r, r->at.number + 1);
		else if (is_lost(r))
			let_go(r); /* nothing that it says counts */
		else if (!go_on(r)) {
			enum hs_read what = at_end(r);

			if (what != HS_READ_END)
				return what;
			r->result = look_for_news(r, &news);
			if (r->result != HS_OK || !news)
				return r->result == HS_OK ? what : HS_READ_FAILED;
		}
	}
}

enum hs_result hs_reader_end(struct hs_reader *r, struct hs_position *end)
{
	struct glance g;
	enum hs_result result = glance(r, &g);
	bool ended, known;

	if (result != HS_OK)
		return result;
	*end = (struct hs_position){ .number = g.number };
	end->offset = limit_of(r, g.generation, &ended, &known);
	if (!known) /* it was sealed since; all of it is before the end, which is good enough */
		*end = (struct hs_position){ .number = g.number + 1 };
	hs_io_close(g.fd);
	return HS_OK;
}

bool hs_reader_has_passed(const struct hs_reader *r, struct hs_position end)
{
	return r->at.number > end.number ||
	       (r->at.number == end.number && r->at.offset >= end.offset);
}

/* --- the last lines ------------------------------------------------------- */

struct last {
	bool (*is_wanted)(void *context, struct hs_slice line);
	void *context;
	uint64_t *start; /* a ring of the `n` last wanted lines' offsets */
	size_t n, found;
};

/* All wanted lines of what is open from here on. */
static enum hs_result collect(struct hs_reader *r, struct last *l)
{
	struct hs_slice line;
	uint64_t at = r->lines.at;
	int got;

	l->found = 0;
	while ((got = hs_line_reader_next(&r->lines, &line)) == 1) {
		if (l->is_wanted == NULL || l->is_wanted(l->context, line))
			l->start[l->found++ % l->n] = at;
		at = r->lines.at;
	}
	return got < 0 ? why_reading_failed(r) : HS_OK;
}

/*
 * Of a plain segment of which [0, end) counts: the end first, for that is nearly always
 * enough; twice as much of it each time.
 */
static enum hs_result collect_plain(struct hs_reader *r, struct last *l, size_t want, uint64_t end)
{
	enum hs_result result = HS_OK;
	uint64_t window = WINDOW, from = end;

	while (result == HS_OK && from > 0) {
		struct hs_slice line;

		from = window < end ? end - window : 0;
		hs_line_reader_start(&r->lines, r->fd, from, end);
		if (from > 0 && hs_line_reader_next(&r->lines, &line) < 0) /* the rest of one */
			return HS_E_IO;
		result = collect(r, l);
		if (l->found >= want)
			break;
		window *= 2;
	}
	return result;
}

/* In the segment that is open: *want is what is still missing of it afterwards. */
static enum hs_result look_back(struct hs_reader *r, struct last *l, size_t *want)
{
	enum hs_result result;

	if (r->lines.inflater != NULL)
		result = collect(r, l);
	else
		result = collect_plain(r, l, *want, r->lines.end);
	if (result != HS_OK)
		return result;
	if (l->found < *want) {
		*want -= l->found;
	} else {
		r->at.offset = l->start[(l->found - *want) % l->n];
		*want = 0;
	}
	return HS_OK;
}

/* The sealed segment before number `before`, the plain one if there are two. NULL: none. */
static const struct hs_sealed *find_before(const struct hs_reader *r, uint64_t before)
{
	const struct hs_sealed *best = NULL;

	for (size_t i = 0; r->list != NULL && i < r->count && r->list[i].number < before; i++)
		if (best == NULL || best->number != r->list[i].number)
			best = &r->list[i];
	return best;
}

/* From the open segment back through the sealed ones, until there are enough. */
static enum hs_result walk_back(struct hs_reader *r, struct last *l, size_t want)
{
	const struct hs_sealed *sealed;
	struct hs_position found;
	struct glance g;
	enum hs_result result = glance(r, &g);

	if (result != HS_OK)
		return result;
	let_go(r);
	r->at = (struct hs_position){ .number = g.number };
	read_open(r, &g);
	result = look_back(r, l, &want);
	found = r->at;
	if (result == HS_OK && want > 0)
		result = list_again(r);
	while (result == HS_OK && want > 0 && (sealed = find_before(r, found.number)) != NULL) {
		bool there;

		let_go(r);
		r->at = (struct hs_position){ .number = sealed->number };
		result = open_sealed(r, sealed, &there);
		if (result == HS_OK && !there) {
			result = list_again(r); /* it has another form by now, or is gone */
			continue;
		}
		if (result == HS_OK)
			result = look_back(r, l, &want);
		found = r->at;
	}
	let_go(r);
	r->at = found;
	return result;
}

enum hs_result hs_reader_last(struct hs_reader *r, size_t n,
			      bool (*is_wanted)(void *context, struct hs_slice line), void *context)
{
	struct last l = { .is_wanted = is_wanted, .context = context, .n = n };
	enum hs_result result;

	if (n == 0) {
		result = hs_reader_end(r, &r->at);
		let_go(r);
		return result;
	}
	l.start = calloc(n, sizeof *l.start);
	if (l.start == NULL)
		return HS_E_MEMORY;
	result = walk_back(r, &l, n);
	free(l.start);
	return result;
}

/* --- saved positions ------------------------------------------------------- */

/* The hash of the line that ends at `offset` (UINT64_MAX: of the last one). 0: none does. */
static enum hs_result hash_plain(struct hs_reader *r, uint64_t offset, uint64_t *hash)
{
	uint64_t end = offset, from, window = FIRST_LOOK;
	struct hs_slice line;
	struct stat st;
	int got;

	if (hs_io_fstat(r->fd, &st) < 0)
		return HS_E_IO;
	if (offset == UINT64_MAX)
		end = (uint64_t)st.st_size;
	if (end == 0 || end > (uint64_t)st.st_size)
		return HS_OK;
	do {
		from = window < end ? end - window : 0;
		hs_line_reader_start(&r->lines, r->fd, from, end);
		got = from > 0 ? hs_line_reader_next(&r->lines, &line) : 1; /* the rest of one */
		while (got == 1 && (got = hs_line_reader_next(&r->lines, &line)) == 1 && r->lines.at < end)
			;
		window *= 2;
	} while (got == 0 && from > 0); /* a line is longer than that */
	if (got < 0)
		return why_reading_failed(r);
	return got != 1 || hs_history_hash(r->digest, line, hash) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result hash_gzip(struct hs_reader *r, uint64_t offset, uint64_t *hash)
{
	uint64_t found = 0;
	struct hs_slice line;
	int got = 1;

	if (!hs_line_reader_start_gzip(&r->lines, r->fd, 0))
		return HS_E_MEMORY;
	while (r->lines.at < offset && (got = hs_line_reader_next(&r->lines, &line)) == 1)
		if (r->lines.at >= offset || offset == UINT64_MAX)
			if (!hs_history_hash(r->digest, line, &found))
				return HS_E_MEMORY;
	if (got < 0)
		return why_reading_failed(r);
	if (offset == UINT64_MAX || r->lines.at == offset)
		*hash = found;
	return HS_OK;
}

/*
 * The hash of the last line of a sealed segment: of the line before the start of the next one.
 * 0: it is gone. *edited: once another line may have been the last one.
 */
static enum hs_result hash_of_last(struct hs_reader *r, uint64_t number, uint64_t *hash, bool *edited)
{
	const struct hs_sealed *sealed;
	enum hs_result result = list_again(r);
	bool there;

	*edited = false;
	sealed = result == HS_OK ? find(r, number) : NULL;
	if (sealed == NULL || sealed->number != number)
		return result;
	let_go(r);
	r->at = (struct hs_position){ .number = number };
	result = open_sealed(r, sealed, &there);
	*edited = r->at.edit > 0;
	if (result == HS_OK && there)
		result = sealed->gzip ? hash_gzip(r, UINT64_MAX, hash)
				      : hash_plain(r, UINT64_MAX, hash);
	return result;
}

/* In the segment of the position, which is open here. */
static enum hs_result hash_before(struct hs_reader *r, uint64_t *hash)
{
	return r->lines.inflater != NULL ? hash_gzip(r, r->at.offset, hash)
					 : hash_plain(r, r->at.offset, hash);
}

static bool have_digest(struct hs_reader *r)
{
	if (r->digest == NULL)
		r->digest = hs_digest_new();
	return r->digest != NULL;
}

enum hs_result hs_reader_remember(struct hs_reader *r)
{
	struct hs_position at = r->at;
	enum hs_result result = HS_OK;
	bool edited;

	if (!have_digest(r))
		return HS_E_MEMORY;
	if (at.before != 0 || at.number == 0)
		return HS_OK;
	if (at.offset == 0)
		result = hash_of_last(r, at.number - 1, &at.before, &edited);
	else if (open_segment(r) == HS_READ_LINE && r->at.offset == at.offset)
		result = hash_before(r, &at.before);
	hs_reader_start(r, at);
	return result;
}

/* The position is not at the start of a segment. */
static enum hs_result fit_inside(struct hs_reader *r, struct hs_position p, enum hs_fit *fit)
{
	bool durable = r->opened.dir.settings->durability == HS_DURABILITY_FSYNC;
	enum hs_read what;
	uint64_t hash = 0;
	enum hs_result result;

	hs_reader_start(r, p);
	what = open_segment(r);
	if (what == HS_READ_FAILED)
		return r->result;
	if (what != HS_READ_LINE) {
		*fit = what == HS_READ_AHEAD ? HS_FIT_NOT : HS_FIT_UNKNOWN;
		return HS_OK;
	}
	if (r->kind == OPEN && r->lines.end < p.offset) {
		*fit = durable ? HS_FIT_NOT : HS_FIT_UNKNOWN;
		return HS_OK;
	}
	if (r->at.before == 0) /* not noted, or erased */
		return HS_OK;
	result = hash_before(r, &hash);
	if (result == HS_OK)
		*fit = hash == p.before ? HS_FIT : HS_FIT_NOT;
	return result;
}

enum hs_result hs_reader_fit(struct hs_reader *r, struct hs_position p, enum hs_fit *fit)
{
	enum hs_result result = HS_OK;
	struct hs_position end;
	bool edited = false;
	uint64_t hash = 0;

	*fit = HS_FIT_UNKNOWN;
	if (!have_digest(r))
		return HS_E_MEMORY;
	if (p.number == 0) {
		*fit = HS_FIT; /* nothing is done yet */
	} else if (p.offset > 0) {
		result = fit_inside(r, p, fit);
	} else {
		result = hs_reader_end(r, &end);
		if (result == HS_OK && p.number > end.number)
			*fit = HS_FIT_NOT;
		else if (result == HS_OK && p.before != 0)
			result = hash_of_last(r, p.number - 1, &hash, &edited);
		if (hash != 0 && (hash == p.before || !edited))
			*fit = hash == p.before ? HS_FIT : HS_FIT_NOT;
	}
	hs_reader_start(r, p);
	return result == HS_E_FULL ? HS_OK : result; /* no room to look at the open one */
}

static int64_t spooled_ms(struct hs_slice line)
{
	static const char label[] = "\"spooled_at\":\"";
	const char *at = memmem(line.p, line.n, label, sizeof label - 1);
	int64_t ms = INT64_MAX; /* rather begin too early */

	if (at != NULL && (size_t)(line.p + line.n - at) >= sizeof label - 1 + HS_TIMESTAMP_TEXT)
		hs_timestamp_parse(hs_slice(at + sizeof label - 1, HS_TIMESTAMP_TEXT), &ms);
	return ms;
}

enum hs_result hs_reader_since(struct hs_reader *r, int64_t ms)
{
	struct hs_position before = { 0 };
	enum hs_result result = list_again(r);
	struct hs_slice line;
	enum hs_read what;

	if (result != HS_OK)
		return result;
	for (size_t i = 0; r->list != NULL && i < r->count && r->list[i].sealed_ms < ms; i++)
		before.number = r->list[i].number + 1; /* all of it is older */
	hs_reader_start(r, before);
	while ((what = hs_reader_next(r, &line)) == HS_READ_LINE || what == HS_READ_GAP) {
		if (what == HS_READ_LINE && spooled_ms(line) >= ms)
			break;
		before = r->at;
	}
	result = what == HS_READ_FAILED ? r->result : HS_OK;
	hs_reader_start(r, before);
	return result;
}

/* --- following ------------------------------------------------------------ */

int hs_reader_watch(struct hs_reader *r)
{
	const struct hs_settings *settings = r->opened.dir.settings;

	if (!r->watched && hs_io_is_network(r->opened.dir.fd) == 0)
		r->watch = hs_io_watch(settings->spool_dir);
	if (!r->watched)
		watch_state(r);
	r->watched = true;
	return r->watch;
}

/* Is anything in the open segment's file that is not acknowledged yet? */
static bool is_pending(const struct hs_reader *r)
{
	struct stat st;

	return r->kind == OPEN && hs_io_fstat(r->fd, &st) == 0 &&
	       (uint64_t)st.st_size > r->lines.end;
}

int64_t hs_reader_patience(struct hs_reader *r)
{
	int64_t soon = r->soon_ms;

	if (!r->watched) { /* what came before it is not told */
		hs_reader_watch(r);
		return 0;
	}
	if (!is_pending(r) && r->kind == OPEN)
		return r->looked_ns == 0 ? NEWS_MS : hs_reader_watch(r) < 0 ? POLL_MS : -1;
	r->soon_ms = soon * 2 < SOON_MOST_MS ? soon * 2 : SOON_MOST_MS;
	return soon > 0 ? soon : SOON_MOST_MS;
}

void hs_reader_look(struct hs_reader *r)
{
	if (r->watch >= 0)
		hs_io_drain(r->watch);
}

void hs_reader_wait(struct hs_reader *r, int64_t most_ms)
{
	int64_t ms = hs_reader_patience(r);

	if (ms < 0 || (most_ms >= 0 && most_ms < ms))
		ms = most_ms;
	hs_io_wait_readable(hs_reader_watch(r), ms);
	hs_reader_look(r);
}
