#include "spool/admin/unknown_ids.h"
#include "base/array.h"
#include "base/io.h"

#include <stdlib.h>
#include <string.h>

enum {
	EVENTS = 1 << 18,
	LOCKED = 512, /* looked up under one lock */
	GRACE_S = 60, /* the event may just be leaving the window */
};

void hs_unknown_ids_free(struct hs_unknown_ids *u)
{
	free(u->event);
	*u = (struct hs_unknown_ids){ 0 };
}

enum hs_result hs_unknown_ids_add(struct hs_unknown_ids *u, const struct hs_unknown_id *event, bool *full)
{
	if (!HS_ARRAY_ROOM(&u->event, u->count, &u->room))
		return HS_E_MEMORY;
	u->event[u->count++] = *event;
	*full = u->count == EVENTS;
	return HS_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct hs_unknown_id *x = a, *y = b;

	return memcmp(x->id.bytes, y->id.bytes, sizeof x->id.bytes);
}

static int by_line(const void *a, const void *b)
{
	const struct hs_unknown_id *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

/* Looks up some events, and moves those that the index does not know to the array's start: *unknown are there. */
static enum hs_result look(struct hs_unknown_ids *u, struct hs_index *ix, const struct hs_unknown_id *event, size_t n,
                           int64_t since_s, size_t *unknown)
{
	const struct hs_dedup_key *id[LOCKED];
	bool kept[LOCKED];
	enum hs_result r;

	for (size_t i = 0; i < n; i++)
		id[i] = &event[i].id;
	r = hs_index_look(ix, id, n, kept);
	for (size_t i = 0; i < n && r == HS_OK; i++)
		if (hs_index_seen(ix, id[i], kept[i]) == HS_SEEN_NEVER && event[i].spooled_s > since_s)
			u->event[(*unknown)++] = event[i];
	return r;
}

enum hs_result hs_unknown_ids_ask(struct hs_unknown_ids *u, struct hs_index *ix, struct hs_segment *events,
                                  int64_t lock_ms, void (*report)(void *context, uint64_t line), void *context)
{
	int64_t since_s = (hs_io_now() - events->dir->settings->dedup_window) / 1000 + GRACE_S;
	size_t unknown = 0;
	enum hs_result r = HS_OK;

	if (u->count > 0)
		qsort(u->event, u->count, sizeof *u->event, by_id);
	for (size_t at = 0, n; at < u->count && r == HS_OK; at += n) {
		n = u->count - at < LOCKED ? u->count - at : LOCKED;
		r = hs_index_begin(ix, events, lock_ms);
		if (r != HS_OK)
			break;
		r = look(u, ix, &u->event[at], n, since_s, &unknown);
		hs_index_rest(ix);
		hs_segment_end(events);
	}
	if (r == HS_OK && unknown > 0)
		qsort(u->event, unknown, sizeof *u->event, by_line);
	for (size_t i = 0; i < unknown && r == HS_OK; i++)
		report(context, u->event[i].line);
	u->count = 0;
	return r;
}
