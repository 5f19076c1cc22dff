/*
 * segment_view: a process's view of a spool's open segment. The set-up `begin` makes a spool and a view of it, `s`.
 */
#ifndef HS_TEST_SEGMENT_VIEW_H
#define HS_TEST_SEGMENT_VIEW_H

#include "base/io.h"
#include "spool/write/segment.h"
#include "tests/lib/events.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <fcntl.h>
#include <unistd.h>

/* A process's view of a spool, without an index. */
struct view {
	struct hs_shared_state_handle state;
	struct hs_spool_dir dir;
	struct hs_segment segment;
};

static struct scene {
	struct spooldir d;
	struct view view;
} s;

static inline void open_view(struct view *v, const struct spooldir *d, int stream)
{
	mkdir(d->path, 0700);
	v->dir.fd = hs_io_open_dir(AT_FDCWD, d->path);
	hs_io_make_dir(v->dir.fd, ".hookspool", 0700);
	v->dir.private_dir = hs_io_open_dir(v->dir.fd, ".hookspool");
	hs_io_make_dir(v->dir.private_dir, "run", 0700);
	v->dir.run_dir = hs_io_open_dir(v->dir.private_dir, "run");
	v->dir.settings = d->settings;
	v->dir.state = &v->state;
	v->dir.metrics = NULL;
	v->dir.history = (struct hs_history){ "00000000000000000000000000000000", 1, true };
	assert_result(hs_shared_state_open(v->dir.fd, v->dir.run_dir, &v->state), HS_OK);
	hs_segment_init(&v->segment, &v->dir, stream);
}

static inline void close_view(struct view *v)
{
	hs_segment_close(&v->segment);
	hs_shared_state_close(&v->state);
	close(v->dir.run_dir);
	close(v->dir.private_dir);
	close(v->dir.fd);
}

static inline void make(const char *settings)
{
	spooldir_make(&s.d, settings);
	wrap_reset();
	open_view(&s.view, &s.d, HS_EVENTS);
}

FIXTURE(begin)
{
	make("rotate_min_gap = 0\n");
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	close_view(&s.view);
	spooldir_remove(&s.d);
	return 0;
}

/* Starts again with other settings. */
static inline void again(const char *settings)
{
	finish(NULL);
	make(settings);
}

/* --- steps -------------------------------------------------------------------------- */

static inline enum hs_result prepare(struct view *v, uint64_t n)
{
	enum hs_result r = hs_segment_begin(&v->segment, n, soon());

	if (r == HS_OK)
		hs_segment_end(&v->segment);
	return r;
}

/* Writes without waiting for the sync. */
static inline enum hs_result write_events(struct view *v, const struct events *e, struct hs_unsynced *pending)
{
	enum hs_result r = hs_segment_begin(&v->segment, e->lines.n, soon());

	if (r == HS_OK) {
		r = hs_segment_write(&v->segment, hs_buf_slice(&e->lines), 0, pending);
		hs_segment_end(&v->segment);
	}
	return r;
}

static inline enum hs_result write_line(struct view *v, const char *words, struct hs_unsynced *pending)
{
	struct events *e = events_new(words);
	enum hs_result r = write_events(v, e, pending);

	events_free(e);
	return r;
}

static inline enum hs_result put_events(struct view *v, const struct events *e)
{
	struct hs_unsynced pending;
	enum hs_result r = write_events(v, e, &pending);

	return r == HS_OK ? hs_segment_wait(&v->segment, &pending, soon()) : r;
}

static inline enum hs_result put(struct view *v, const char *word)
{
	struct hs_unsynced pending;
	enum hs_result r = write_line(v, word, &pending);

	return r == HS_OK ? hs_segment_wait(&v->segment, &pending, soon()) : r;
}

static inline enum hs_result rotate(struct view *v)
{
	enum hs_result r = hs_segment_begin(&v->segment, 0, soon());

	if (r == HS_OK) {
		r = hs_segment_rotate(&v->segment, soon());
		hs_segment_end(&v->segment);
	}
	return r;
}

static inline size_t sealed(void)
{
	return spooldir_names(&s.d, "", "events-");
}

#endif
