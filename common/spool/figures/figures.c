#include "spool/figures/figures.h"
#include "base/array.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/read/reader.h"
#include "spool/shared/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct collection {
	struct hs_figures *figures;
	const struct hs_spool_dir *dir;
	struct hs_sealed *list;
	size_t count;
	struct hs_position end;
	struct stat open; /* events.jsonl; st_size 0: there is none */
};

/* --- files ---------------------------------------------------------------------- */

/* Drops the second entry of a segment that is being compressed. */
static void drop_twins(struct collection *c)
{
	size_t to = 0;

	for (size_t i = 0; i < c->count; i++)
		if (to == 0 || !hs_sealed_same(&c->list[to - 1], &c->list[i]))
			c->list[to++] = c->list[i];
	c->count = to;
}

static void add_segments(struct collection *c)
{
	struct hs_figures *f = c->figures;

	if (hs_io_stat(c->dir->fd, "events.jsonl", &c->open) < 0)
		c->open.st_size = 0;
	f->segments[HS_STATE_OPEN] = 1;
	f->bytes = (uint64_t)c->open.st_size;
	for (size_t i = 0; i < c->count; i++) {
		f->segments[c->list[i].gzip ? HS_STATE_COMPRESSED : HS_STATE_SEALED]++;
		f->bytes += hs_sealed_bytes(c->dir->fd, "events", &c->list[i]);
	}
}

static void add_rejected(struct collection *c)
{
	struct hs_sealed *list;
	size_t count;
	struct stat st;

	if (hs_io_stat(c->dir->fd, "rejected.jsonl", &st) == 0)
		c->figures->rejected_bytes = (uint64_t)st.st_size;
	if (hs_sealed_list(c->dir->fd, "rejected", &list, &count) != HS_OK)
		return;
	for (size_t i = 0; i < count; i++)
		c->figures->rejected_bytes += hs_sealed_bytes(c->dir->fd, "rejected", &list[i]);
	free(list);
}

/* When the segment's first line was spooled. Only the first member of a .gz is inflated. */
static int64_t first_of(const struct collection *c, const struct hs_sealed *sealed)
{
	char name[HS_SEALED_NAME] = "events.jsonl";

	if (sealed != NULL)
		hs_sealed_print("events", sealed, name);
	return hs_clock_of_first(c->dir->fd, name, sealed != NULL && sealed->gzip);
}

/*
 * The time of the last event is in the metrics. Before the first one since the machine was started the
 * files tell: the open one by its last change, a sealed one by its name.
 */
static void add_times(struct collection *c)
{
	struct hs_figures *f = c->figures;

	f->oldest_ms = first_of(c, c->count > 0 ? &c->list[0] : NULL);
	f->last_ms = (int64_t)hs_metrics_value(f->metrics, HS_METRIC_LAST_EVENT, 0);
	if (f->last_ms == 0 && c->open.st_size > 0)
		f->last_ms = (int64_t)c->open.st_mtim.tv_sec * 1000 + c->open.st_mtim.tv_nsec / 1000000;
	else if (f->last_ms == 0 && c->count > 0)
		f->last_ms = c->list[c->count - 1].sealed_ms;
}

static void add_space(struct collection *c)
{
	struct hs_space space;

	c->figures->has_space = hs_io_space(c->dir->fd, &space) == 0;
	if (c->figures->has_space)
		c->figures->free_bytes = space.bytes;
}

/* --- cursors -------------------------------------------------------------------- */

struct listing {
	struct hs_figures *figures;
	size_t room;
	bool no_memory;
};

static bool add_cursor(void *context, const struct hs_cursor_info *info)
{
	struct listing *l = context;
	struct hs_figures *f = l->figures;
	struct hs_cursor_lag c = { .usable = !info->damaged, .at = info->position };

	if (f->cursors == HS_FIGURES_CURSORS)
		return false;
	l->no_memory = !HS_ARRAY_ROOM(&f->cursor, f->cursors, &l->room);
	if (l->no_memory)
		return false;
	snprintf(c.name, sizeof c.name, "%s", info->name);
	f->cursor[f->cursors++] = c;
	return true;
}

/* Moves the positions through rewrites: then they are offsets in the files of now. */
static enum hs_result translate(const struct collection *c)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result result = hs_rewrite_log_open(c->dir, &rewrites);

	if (result != HS_OK)
		return result;
	result = hs_rewrite_log_share(rewrites);
	if (result == HS_OK) {
		for (size_t i = 0; i < c->figures->cursors && result == HS_OK; i++)
			if (c->figures->cursor[i].usable)
				result = hs_rewrite_log_translate(rewrites, &c->figures->cursor[i].at);
		hs_rewrite_log_release(rewrites);
	}
	hs_rewrite_log_close(rewrites);
	return result;
}

static enum hs_result add_cursors(struct collection *c)
{
	struct hs_figures *f = c->figures;
	struct listing l = { .figures = f };
	enum hs_result result = hs_cursor_list(c->dir->private_dir, add_cursor, &l);

	if (result == HS_OK && l.no_memory)
		result = HS_E_MEMORY;
	if (result == HS_OK && f->cursors > 0)
		result = translate(c);
	if (result == HS_OK && f->cursors > 0)
		result = hs_cursor_lag_find(c->dir, c->list, c->count, c->end, f->now_ms, f->cursor, f->cursors);
	return result;
}

/* --- the whole ------------------------------------------------------------------ */

static enum hs_result collect(struct collection *c, struct hs_reader *reader)
{
	enum hs_result result;

	c->dir = hs_reader_dir(reader);
	c->figures->metrics = hs_metrics_read(c->dir->run_dir);
	if (c->figures->metrics == NULL && errno == ENOMEM) /* as if nothing had come */
		return HS_E_MEMORY;
	hs_ship_figures_read(&c->figures->ship, c->dir->private_dir);
	add_space(c);
	result = hs_reader_end(reader, &c->end);
	if (result == HS_OK)
		result = hs_sealed_list(c->dir->fd, "events", &c->list, &c->count);
	if (result != HS_OK)
		return result;
	drop_twins(c);
	add_segments(c);
	add_rejected(c);
	add_times(c);
	return add_cursors(c);
}

/* Figures survive what keeps the spool from being opened. */
static struct hs_metrics_figures *read_metrics(const struct hs_settings *settings)
{
	int run_dir = hs_spool_dir_open_run(settings->spool_dir);
	struct hs_metrics_figures *metrics = run_dir < 0 ? NULL : hs_metrics_read(run_dir);

	if (run_dir >= 0)
		hs_io_close(run_dir);
	return metrics;
}

void hs_figures_collect(const struct hs_settings *settings, struct hs_figures *figures)
{
	struct collection c = { .figures = figures };
	struct hs_reader *reader;

	*figures = (struct hs_figures){ .now_ms = hs_io_now() };
	figures->result = hs_reader_open_quietly(settings, &reader);
	if (figures->result != HS_OK) {
		figures->metrics = read_metrics(settings);
		return;
	}
	figures->result = collect(&c, reader);
	free(c.list);
	hs_reader_close(reader);
}

void hs_figures_free(struct hs_figures *figures)
{
	hs_metrics_figures_free(figures->metrics);
	free(figures->cursor);
	*figures = (struct hs_figures){ .cursor = NULL };
}
