#include "tools/ship/walk_back.h"
#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { FIRST_REACH = 10000, FURTHER = 10 };

struct message {
	uint64_t sequence;
	struct hs_places places;
};

struct walk {
	struct message *message;
	size_t count, room;
	bool no_memory;
};

static bool note(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	struct walk *w = context;

	(void)id;
	w->no_memory = !HS_ARRAY_ROOM(&w->message, w->count, &w->room);
	if (w->no_memory)
		return false;
	w->message[w->count++] = (struct message){ sequence, *places };
	return true;
}

static int walk_from(struct hs_engine *engine, uint64_t from, struct walk *w, struct hs_engine_failure *failure)
{
	int code;

	w->count = 0;
	code = hs_engine_walk(engine, HS_WALK_OWN, from, 0, note, w, failure);
	if (code == 0 && w->no_memory) {
		snprintf(failure->why, sizeof failure->why, "out of memory");
		code = failure->code = EX_OSERR;
	}
	return code;
}

static bool is_trusted(const struct message *m, uint64_t before)
{
	return m->sequence < before && m->places.stored_at < m->sequence;
}

/*
 * The last trusted message before the sequence; NULL: there is none. *sure: it is for a record before `passed`; those
 * are preferred.
 */
static const struct message *find_last(const struct walk *w, const struct hs_place *passed, uint64_t before, bool *sure)
{
	const struct message *last = NULL;

	*sure = false;
	for (size_t i = 0; i < w->count; i++) {
		bool is_passed = hs_place_cmp(&w->message[i].places.own, passed) < 0;

		if (!is_trusted(&w->message[i], before) || (*sure && !is_passed))
			continue;
		*sure = is_passed;
		last = &w->message[i];
	}
	return last;
}

/* Fills in what is after the last message's stored_at. False: out of memory. */
static bool fill(struct hs_engine_asked *asked, const struct walk *w, const struct message *last)
{
	struct hs_place *set = calloc(w->count + 1, sizeof *set);
	size_t count = 0;

	if (set == NULL)
		return false;
	for (size_t i = 0; i < w->count; i++)
		if (last == NULL || w->message[i].sequence > last->places.stored_at)
			set[count++] = w->message[i].places.own;
	free(asked->set);
	asked->set = set;
	asked->count = count;
	asked->any = last != NULL;
	if (last != NULL)
		asked->done = last->places;
	return true;
}

int hs_walk_back(struct hs_engine *engine, const struct hs_place *passed, uint64_t *before,
                 struct hs_engine_asked *asked, struct hs_engine_failure *failure)
{
	const struct hs_place any = { .number = UINT64_MAX };
	const struct message *last = NULL;
	struct walk w = { 0 };
	uint64_t reach = FIRST_REACH, from = 0, end = *before != 0 ? *before : asked->sequence + 1;
	bool sure = false;
	int code = 0;

	while (code == 0 && from != 1 && (!sure || from > last->places.stored_at)) {
		from = end > reach ? end - reach : 1;
		reach *= FURTHER;
		code = walk_from(engine, from, &w, failure);
		last = find_last(&w, *before != 0 ? &any : passed, end, &sure);
	}
	if (code == 0 && !fill(asked, &w, last)) {
		snprintf(failure->why, sizeof failure->why, "out of memory");
		code = failure->code = EX_OSERR;
	}
	if (code == 0 && *before == 0)
		*before = last != NULL ? last->sequence + 1 : 1;
	free(w.message);
	return code;
}
