/* Looks at the open segment: a glance, under the append lock if the reader may take it. */
#include "base/io.h"
#include "base/log.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

enum {
	PEEK_MS = 4000,        /* wait, without a lock, for a writer that begins a segment */
	LOCK_MS = 10000,       /* wait for the append lock; a writer holds it for a write */
	SETTLE_MS = 50,        /* after the loss of the state, before it is opened again … */
	SETTLE_MOST_MS = 3000, /* … or made: a writer does so at its next event */
	SOON_FIRST_MS = 1,     /* as in reader.c */
};

/* inotify reports that the file is cut, but not that its mapping is written to. */
void hs_reader_watch_state(const struct hs_reader *reader)
{
	char path[PATH_MAX];

	if (reader->watch >= 0 && snprintf(path, sizeof path, "%s/.hookspool/run/state",
	                                   reader->opened.dir.settings->spool_dir) < (int)sizeof path)
		hs_io_watch_file(reader->watch, path);
}

bool hs_reader_is_moved(const struct hs_reader *reader)
{
	const char *path = reader->opened.dir.settings->spool_dir;
	struct stat held, there;

	if (hs_io_fstat(reader->opened.dir.fd, &held) < 0 ||
	    (hs_io_stat(AT_FDCWD, path, &there) == 0 && there.st_ino == held.st_ino && there.st_dev == held.st_dev))
		return false;
	hs_log(HS_LOG_ERROR, "%s is no longer the folder that is read here: start anew", path);
	return true;
}

bool hs_reader_is_lost(const struct hs_reader *reader)
{
	return reader->opened.state.state == NULL ||
	       !hs_shared_state_is_current(&reader->opened.state, reader->opened.dir.run_dir);
}

/*
 * Waits if the file of the state is gone: if that is "rm -r", a file made here would be in its way. False: the spool is
 * gone.
 */
static bool settle(const struct hs_reader *reader)
{
	struct stat st;
	int waited = 0;

	do {
		hs_io_pause(SETTLE_MS);
		if (hs_reader_is_moved(reader))
			return false;
		waited += SETTLE_MS;
	} while (waited < SETTLE_MOST_MS && hs_io_stat(reader->opened.dir.run_dir, "state", &st) < 0 &&
	         errno == ENOENT);
	return true;
}

/* Opens the new state; position and files stay. */
static enum hs_result open_state_again(struct hs_reader *reader)
{
	enum hs_result result;

	if (!settle(reader))
		return HS_E_SPOOL_DIR;
	if (reader->opened.state.state != NULL && !reader->opened.dir.read_only)
		hs_log(HS_LOG_WARN,
		       "the spool's shared state was cut, emptied or replaced by somebody else: it is made anew");
	hs_reader_let_go(reader);
	hs_segment_close(&reader->events);
	result = hs_spool_dir_open_state_again(&reader->opened);
	if (result == HS_OK)
		hs_segment_init(&reader->events, &reader->opened.dir, HS_EVENTS);
	hs_reader_watch_state(reader);
	return result != HS_OK && hs_reader_is_moved(reader) ? HS_E_SPOOL_DIR : result;
}

/* True if the state knows the open segment, so that its marks count. */
static bool is_known(const struct hs_stream *stream)
{
	return stream->known != 0 && atomic_load(&stream->current) == stream->generation;
}

static enum hs_result glance_locked(struct hs_reader *reader, struct hs_glance *glance)
{
	struct hs_stream *stream = reader->events.stream;
	struct stat st;

	glance->fd = hs_io_open_read(reader->opened.dir.fd, "events.jsonl");
	if (glance->fd < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	glance->number = stream->number;
	glance->generation = stream->generation;
	if (hs_io_fstat(glance->fd, &st) == 0 && (uint64_t)st.st_ino == stream->inode)
		return HS_OK;
	hs_io_close(glance->fd); /* another program moved it away or replaced it */
	glance->fd = -1;
	return HS_OK;
}

/*
 * A glance without the lock, for a reader that may not write. A writer sets `current` to 0 before it
 * changes number and inode, so they are consistent if `current` is the same before and after.
 * *again: it was not.
 */
static enum hs_result peek(struct hs_reader *reader, struct hs_glance *glance, bool *again)
{
	const volatile struct hs_stream *stream = reader->events.stream;
	uint64_t generation = atomic_load(&stream->current);
	struct stat st;

	*again = true;
	if (generation == 0)
		return HS_OK;
	glance->fd = hs_io_open_read(reader->opened.dir.fd, "events.jsonl");
	if (glance->fd < 0)
		return errno == ENOENT ? HS_OK : errno == EACCES ? HS_E_SPOOL_OWNER : hs_io_result(errno);
	glance->number = stream->number;
	glance->generation = generation;
	*again = hs_io_fstat(glance->fd, &st) < 0 || (uint64_t)st.st_ino != stream->inode;
	atomic_thread_fence(memory_order_acquire); /* read the number before what follows */
	*again = *again || atomic_load(&stream->current) != generation || hs_reader_is_lost(reader);
	if (*again)
		hs_io_close(glance->fd);
	if (*again)
		glance->fd = -1;
	return HS_OK;
}

static enum hs_result glance_to_read(struct hs_reader *reader, struct hs_glance *glance)
{
	int64_t deadline = hs_io_now_monotonic() + PEEK_MS;
	enum hs_result result;
	bool again = true;

	do {
		result = hs_reader_is_lost(reader) ? open_state_again(reader) : HS_OK;
		if (result == HS_OK)
			result = peek(reader, glance, &again);
		if (result == HS_OK && again)
			hs_io_pause(1);
	} while (again && (result == HS_OK || result == HS_E_SPOOL_ASLEEP) && hs_io_now_monotonic() < deadline);
	if (result == HS_OK && again)
		result = HS_E_SPOOL_ASLEEP; /* a writer was killed here: the next one sets it right */
	if (result == HS_OK)
		reader->below = glance->number;
	return result;
}

/*
 * A glance under the lock; makes the file if it is not there. *gone: not if it was there before, which is for a
 * caller that set it to true: then there is no glance yet.
 */
static enum hs_result glance_to_write(struct hs_reader *reader, struct hs_glance *glance, bool *gone)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result result = hs_reader_is_lost(reader) ? open_state_again(reader) : HS_OK;
	bool news = false;

	if (result == HS_OK)
		result = hs_segment_lock(&reader->events, deadline);
	if (result != HS_OK)
		return result;
	if (is_known(reader->events.stream))
		result = hs_segment_has_news(&reader->events, &news);
	*gone = *gone && result == HS_OK && !news && is_known(reader->events.stream);
	if (result == HS_OK && !news && is_known(reader->events.stream))
		result = glance_locked(reader, glance);
	*gone = *gone && glance->fd < 0;
	if (result == HS_OK && glance->fd < 0 && !*gone) {
		result = hs_segment_prepare(&reader->events, 0, deadline);
		if (result == HS_OK)
			result = glance_locked(reader, glance);
		if (result == HS_OK && glance->fd < 0)
			result = HS_E_IO;
		hs_segment_close(&reader->events); /* a reader never writes */
	}
	hs_segment_unlock(&reader->events);
	return result;
}

/* The open segment's file has gone. If that is "rm -r", the state goes next; if not, a writer may begin a new one. */
static void await_file(const struct hs_reader *reader)
{
	struct stat st;

	for (int waited = 0; waited < SETTLE_MOST_MS && !hs_reader_is_lost(reader) &&
	                     hs_io_stat(reader->opened.dir.fd, "events.jsonl", &st) < 0 && errno == ENOENT;
	     waited += SETTLE_MS)
		hs_io_pause(SETTLE_MS);
}

enum hs_result hs_reader_glance(struct hs_reader *reader, struct hs_glance *glance)
{
	bool gone = reader->watched; /* a follower can wait, and must not be in the way of a removal */
	enum hs_result result;

	glance->fd = -1;
	if (reader->opened.dir.read_only)
		return glance_to_read(reader, glance);
	result = glance_to_write(reader, glance, &gone);
	if (result == HS_OK && gone) {
		await_file(reader);
		gone = false;
		result = glance_to_write(reader, glance, &gone);
	}
	if (result == HS_OK)
		reader->below = glance->number;
	return result;
}

uint64_t hs_reader_limit(const struct hs_reader *reader, uint64_t generation, bool *ended, bool *known)
{
	const struct hs_stream *stream = reader->events.stream;
	bool durable = reader->opened.dir.settings->durability == HS_DURABILITY_FSYNC;
	uint64_t limit = 0;

	*ended = false;
	*known = true;
	while (atomic_load(&stream->current) == generation) {
		limit = atomic_load(durable ? &stream->synced : &stream->written);
		if (reader->opened.dir.read_only && hs_reader_is_lost(reader))
			break; /* the new state may give the number to another file */
		if (atomic_load(&stream->current) == generation)
			return limit; /* else the limit may be that of the next segment */
	}
	*ended = true;
	*known =
	    hs_commit_past(stream, generation, &limit) && !(reader->opened.dir.read_only && hs_reader_is_lost(reader));
	return limit;
}

void hs_reader_read_open(struct hs_reader *reader, const struct hs_glance *glance)
{
	bool ended, known;
	uint64_t limit = hs_reader_limit(reader, glance->generation, &ended, &known);

	if (reader->at.number != glance->number)
		reader->at = (struct hs_position){ .number = glance->number };
	if (known && reader->at.offset > limit) { /* with durability = none a power cut can take lines back */
		reader->at.offset = limit;
		reader->at.before = 0;
	}
	reader->kind = OPEN;
	reader->fd = glance->fd;
	reader->generation = glance->generation;
	reader->soon_ms = SOON_FIRST_MS;
	hs_line_reader_start(&reader->lines, glance->fd, reader->at.offset, known ? limit : reader->at.offset);
}
