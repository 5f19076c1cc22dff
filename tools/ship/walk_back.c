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

/* The last message before the sequence; NULL: there is none. */
static const struct message *find_last(const struct walk *w, uint64_t before)
{
	const struct message *last = NULL;

	for (size_t i = 0; i < w->count && w->message[i].sequence < before; i++)
		last = &w->message[i];
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
	asked->id[0] = '\0';
	if (last != NULL) {
		asked->done = last->places;
		asked->sequence = last->sequence;
	}
	return true;
}

int hs_walk_back(struct hs_engine *engine, uint64_t before, struct hs_engine_asked *asked,
                 struct hs_engine_failure *failure)
{
	const struct message *last = NULL;
	struct walk w = { 0 };
	uint64_t reach = FIRST_REACH, from = 0;
	int code = 0;

	while (code == 0 && from != 1 && (last == NULL || from > last->places.stored_at)) {
		from = before > reach ? before - reach : 1;
		reach *= FURTHER;
		code = walk_from(engine, from, &w, failure);
		last = find_last(&w, before);
	}
	if (code == 0 && !fill(asked, &w, last)) {
		snprintf(failure->why, sizeof failure->why, "out of memory");
		code = failure->code = EX_OSERR;
	}
	free(w.message);
	return code;
}
