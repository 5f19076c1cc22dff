/*
 * Deliberate defects of ship, for selftest.sh: the linker puts these functions before the real ones (--wrap).
 * SHIP_DEFECT in the environment says which is at work.
 */
#include "tools/ship/engine.h"
#include "tools/ship/in_flight.h"

#include <stdlib.h>
#include <string.h>

bool __real_hs_engine_asked(struct hs_engine *engine, struct hs_engine_asked *asked);
bool __wrap_hs_engine_asked(struct hs_engine *engine, struct hs_engine_asked *asked);
void __real_hs_answer_read(struct hs_slice body, int status, struct hs_answer *answer);
void __wrap_hs_answer_read(struct hs_slice body, int status, struct hs_answer *answer);
bool __real_hs_in_flight_leave(struct hs_in_flight *ring);
bool __wrap_hs_in_flight_leave(struct hs_in_flight *ring);

static bool is_at_work(const char *defect)
{
	const char *given = getenv("SHIP_DEFECT");

	return given != NULL && strcmp(given, defect) == 0;
}

/* Nothing is found in the stream: everything without an answer is sent again. */
bool __wrap_hs_engine_asked(struct hs_engine *engine, struct hs_engine_asked *asked)
{
	if (!__real_hs_engine_asked(engine, asked))
		return false;
	if (!asked->failed && is_at_work("no-asking")) {
		asked->done.stored = (struct hs_place){ 0 };
		asked->count = 0;
	}
	return true;
}

/* An answer with sequence 0 counts, as it does in libraries. */
void __wrap_hs_answer_read(struct hs_slice body, int status, struct hs_answer *answer)
{
	__real_hs_answer_read(body, status, answer);
	if (answer->kind == HS_ANSWER_UNDER_WAY && is_at_work("zero-trusted"))
		answer->kind = HS_ANSWER_STORED;
}

/* The cursor passes a record when it is sent. */
bool __wrap_hs_in_flight_leave(struct hs_in_flight *ring)
{
	for (size_t i = 0; i < hs_in_flight_count(ring) && is_at_work("cursor-first"); i++) {
		struct hs_in_flight_record *record = hs_in_flight_at(ring, i);

		if (record->state == HS_FLIGHT_SENT)
			record->state = HS_FLIGHT_ANSWERED;
	}
	return __real_hs_in_flight_leave(ring);
}
