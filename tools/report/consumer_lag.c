#include "tools/report/consumer_lag.h"
#include "base/array.h"
#include "tools/report/record_head.h"

#include <stdio.h>
#include <stdlib.h>

static int compare(struct hs_position a, struct hs_position b)
{
	if (a.number != b.number)
		return a.number < b.number ? -1 : 1;
	return (a.offset > b.offset) - (a.offset < b.offset);
}

static int by_position(const void *a, const void *b)
{
	const struct hs_consumer_lag_cursor *x = a, *y = b;

	return compare(x->at, y->at);
}

static int by_name(const void *a, const void *b)
{
	const struct hs_consumer_lag_cursor *x = a, *y = b;

	return strcmp(x->name, y->name);
}

struct listing {
	struct hs_consumer_lag *lag;
	bool no_memory;
};

static bool add_cursor(void *context, const struct hs_cursor_info *info)
{
	struct listing *l = context;
	struct hs_consumer_lag_cursor c = { .at = info->position,
		                            .saved_ms = info->saved_ms,
		                            .damaged = info->damaged,
		                            .error = info->error,
		                            .held = info->held,
		                            .holder = info->holder,
		                            .history = info->history };

	l->lag->more = l->lag->count == HS_CONSUMER_LAG_CURSORS;
	l->no_memory = !l->lag->more && !HS_ARRAY_ROOM(&l->lag->cursor, l->lag->count, &l->lag->room);
	if (l->lag->more || l->no_memory)
		return false;
	snprintf(c.name, sizeof c.name, "%s", info->name);
	if (c.damaged) /* no line counts as after it */
		c.at = (struct hs_position){ .number = UINT64_MAX, .offset = UINT64_MAX };
	l->lag->cursor[l->lag->count++] = c;
	return true;
}

/* A segment that is rewritten after this and before it is read only makes the figures inexact. */
static enum hs_result translate(struct hs_consumer_lag *lag, const struct hs_spool_dir *dir)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result r = hs_rewrite_log_open(dir, &rewrites);

	if (r != HS_OK)
		return r;
	r = hs_rewrite_log_share(rewrites);
	if (r == HS_OK) {
		for (size_t i = 0; i < lag->count && r == HS_OK; i++)
			if (!lag->cursor[i].damaged)
				r = hs_rewrite_log_translate(rewrites, &lag->cursor[i].at);
		hs_rewrite_log_release(rewrites);
	}
	hs_rewrite_log_close(rewrites);
	return r;
}

enum hs_result hs_consumer_lag_start(struct hs_consumer_lag *lag, const struct hs_spool_dir *dir)
{
	struct listing l = { lag, false };
	enum hs_result r = hs_cursor_list(dir->private_dir, add_cursor, &l);

	if (r == HS_OK && l.no_memory)
		r = HS_E_MEMORY;
	if (r == HS_OK && lag->count > 0)
		r = translate(lag, dir);
	if (lag->count > 0)
		qsort(lag->cursor, lag->count, sizeof *lag->cursor, by_position);
	return r;
}

static void meet(const struct hs_consumer_lag *lag, struct hs_consumer_lag_cursor *c, struct hs_slice line)
{
	struct hs_record_head m;
	const struct hs_record_field *spooled_at = &m.leaf[HS_HEAD_SPOOLED_AT];

	hs_record_head_read(&m, line);
	c->met = true;
	c->records = lag->records;
	c->bytes = lag->bytes;
	if (spooled_at->name.p != NULL && spooled_at->value.n == HS_TIMESTAMP_TEXT)
		memcpy(c->oldest, spooled_at->value.p, HS_TIMESTAMP_TEXT);
}

void hs_consumer_lag_line(struct hs_consumer_lag *lag, struct hs_position after, struct hs_slice line)
{
	while (lag->passed < lag->count && compare(lag->cursor[lag->passed].at, after) < 0)
		meet(lag, &lag->cursor[lag->passed++], line);
	lag->records++;
	lag->bytes += line.n + 1;
}

bool hs_consumer_lag_segment(struct hs_consumer_lag *lag, uint64_t number, uint64_t lines, uint64_t bytes)
{
	if (lag->passed < lag->count && lag->cursor[lag->passed].at.number <= number)
		return false;
	lag->records += lines;
	lag->bytes += bytes;
	return true;
}

void hs_consumer_lag_end(struct hs_consumer_lag *lag, struct hs_position end)
{
	for (size_t i = 0; i < lag->count; i++) {
		struct hs_consumer_lag_cursor *c = &lag->cursor[i];

		c->ahead = !c->damaged && compare(c->at, end) > 0;
		c->records = c->met ? lag->records - c->records : 0;
		c->bytes = c->met ? lag->bytes - c->bytes : 0;
	}
	if (lag->count > 0)
		qsort(lag->cursor, lag->count, sizeof *lag->cursor, by_name);
}

void hs_consumer_lag_free(struct hs_consumer_lag *lag)
{
	free(lag->cursor);
	*lag = (struct hs_consumer_lag){ .cursor = NULL };
}
