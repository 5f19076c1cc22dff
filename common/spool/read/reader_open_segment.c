/* The open segment: what a glance under the append lock shows of it. */
#include "base/io.h"
#include "base/log.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

enum {
	PEEK_MS = 4000,    /* without a lock, at a writer who is just going on to the next segment */
	LOCK_MS = 10000,   /* for the append lock; a writer holds it for a write */
	SETTLE_MS = 50,    /* after the loss of the state, before it is opened again */
	SOON_FIRST_MS = 1, /* until an acknowledgement that is on its way, doubled … */
};

/* Besides the folder: cutting it is a change that inotify tells of, using it is none. */
void hs_reader_watch_state(const struct hs_reader *r)
{
	char path[PATH_MAX];

	if (r->watch >= 0 && snprintf(path, sizeof path, "%s/.hookspool/run/state", r->opened.dir.settings->spool_dir) <
	                         (int)sizeof path)
		hs_io_watch_file(r->watch, path);
}

/* A follower would wait for ever in a folder that was moved away, or removed. */
bool hs_reader_is_moved(const struct hs_reader *r)
{
	const char *path = r->opened.dir.settings->spool_dir;
	struct stat held, there;

	if (hs_io_fstat(r->opened.dir.fd, &held) < 0 ||
	    (hs_io_stat(AT_FDCWD, path, &there) == 0 && there.st_ino == held.st_ino && there.st_dev == held.st_dev))
		return false;
	hs_log(HS_LOG_ERROR, "%s is no longer the folder that is read here: start anew", path);
	return true;
}

/* Was the state cut, emptied or replaced? Whoever sets it up anew waits until we let it go. */
bool hs_reader_is_lost(const struct hs_reader *r)
{
	return r->opened.state.state == NULL || !hs_shared_state_is_current(&r->opened.state, r->opened.dir.run_dir);
}

/* The same position in the same files, by a new state. */
static enum hs_result open_state_again(struct hs_reader *r)
{
	enum hs_result result;

	hs_io_pause(SETTLE_MS); /* it may be the beginning of "rm -r": then make nothing in its way */
	if (hs_reader_is_moved(r))
		return HS_E_SPOOL_DIR;
	if (r->opened.state.state != NULL && !r->opened.dir.read_only)
		hs_log(HS_LOG_WARN,
		       "the spool's shared state was cut, emptied or replaced by somebody else: it is made anew");
	hs_reader_let_go(r);
	hs_segment_close(&r->events);
	result = hs_spool_dir_open_state_again(&r->opened);
	if (result == HS_OK)
		hs_segment_init(&r->events, &r->opened.dir, HS_EVENTS);
	hs_reader_watch_state(r);
	return result != HS_OK && hs_reader_is_moved(r) ? HS_E_SPOOL_DIR : result;
}

/* Does the state know it, so that its marks count? Otherwise somebody has to set it right. */
static bool is_known(const struct hs_stream *f)
{
	return f->known != 0 && atomic_load(&f->current) == f->generation;
}

static enum hs_result glance_locked(struct hs_reader *r, struct hs_glance *g)
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
static enum hs_result peek(struct hs_reader *r, struct hs_glance *g, bool *again)
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
	*again = *again || atomic_load(&f->current) != generation || hs_reader_is_lost(r);
	if (*again)
		hs_io_close(g->fd);
	if (*again)
		g->fd = -1;
	return HS_OK;
}

static enum hs_result glance_to_read(struct hs_reader *r, struct hs_glance *g)
{
	int64_t deadline = hs_io_now_monotonic() + PEEK_MS;
	enum hs_result result;
	bool again = true;

	do {
		result = hs_reader_is_lost(r) ? open_state_again(r) : HS_OK;
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
enum hs_result hs_reader_glance(struct hs_reader *r, struct hs_glance *g)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result result;
	bool news = false;

	g->fd = -1;
	if (r->opened.dir.read_only)
		return glance_to_read(r, g);
	result = hs_reader_is_lost(r) ? open_state_again(r) : HS_OK;
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
uint64_t hs_reader_limit(const struct hs_reader *r, uint64_t generation, bool *ended, bool *known)
{
	const struct hs_stream *f = r->events.stream;
	bool durable = r->opened.dir.settings->durability == HS_DURABILITY_FSYNC;
	uint64_t limit = 0;

	*ended = false;
	*known = true;
	while (atomic_load(&f->current) == generation) {
		limit = atomic_load(durable ? &f->synced : &f->written);
		if (r->opened.dir.read_only && hs_reader_is_lost(r))
			break; /* set up anew, perhaps with the same number for another file */
		if (atomic_load(&f->current) == generation)
			return limit; /* otherwise it may belong to the next segment */
	}
	*ended = true;
	*known = hs_commit_past(f, generation, &limit) && !(r->opened.dir.read_only && hs_reader_is_lost(r));
	return limit;
}

void hs_reader_read_open(struct hs_reader *r, const struct hs_glance *g)
{
	bool ended, known;
	uint64_t limit = hs_reader_limit(r, g->generation, &ended, &known);

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
