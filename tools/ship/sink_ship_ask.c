/* sink_ship_ask: while ship runs: notices what is in doubt, and asks the stream for it. */
#include "base/io.h"
#include "tools/ship/sink_ship_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

enum {
	ASK_GAP_MS = 250, /* records come into doubt one after the other: one ask is for many */
	ASK_GAP_MOST_MS = 5000,
	REFUSED_GAP_MOST_MS = 30000,
};

void ship_doubt(struct ship *s, struct hs_in_flight_record *record, int64_t ms)
{
	if (record->state != HS_FLIGHT_DOUBT)
		s->options.figures->doubts++;
	record->state = HS_FLIGHT_DOUBT;
	record->since_ms = ms;
}

/* --- the link ---------------------------------------------------------------------------- */

/* Another connection: whatever has no answer is in doubt, and the stream may have changed meanwhile. */
static void is_another(struct ship *s, uint64_t generation)
{
	int64_t now = hs_io_now_monotonic();

	s->generation = generation;
	s->asking.needed = true;
	for (size_t i = 0; i < hs_in_flight_count(s->ring); i++) {
		struct hs_in_flight_record *record = hs_in_flight_at(s->ring, i);

		if (record->state == HS_FLIGHT_SENT)
			ship_doubt(s, record, now);
	}
}

/* Rights may come back on the same connection: an ask that succeeds shows it. */
static void is_refused(struct ship *s, const char *why)
{
	if (s->options.figures->stored == 0) {
		ship_tell(s, "%s", why);
		s->sink.code = EX_CONFIG;
		return;
	}
	ship_say(s, SHIP_LINK, "%s: it waits, and the spool keeps what is not sent", why);
	if (!s->refused) {
		s->asking.needed = true;
		s->asking.next_ms =
		    hs_io_now_monotonic() + ship_delay(s->pace.refusals++, ASK_GAP_MS, REFUSED_GAP_MOST_MS);
	}
	s->refused = true;
}

void ship_look_at_link(struct ship *s)
{
	struct hs_engine_link link;
	bool was_up = s->up;

	hs_engine_link(s->engine, &link);
	s->up = link.state == HS_LINK_UP;
	s->refused = s->refused && link.state == HS_LINK_REFUSED;
	if (link.generation != s->generation)
		is_another(s, link.generation);
	if (s->up) {
		snprintf(s->options.figures->server, sizeof s->options.figures->server, "%s", link.server);
		if (!was_up && s->said_ms[SHIP_LINK] != 0 && !s->options.quiet)
			ship_tell(s, "connected to %s again", link.server);
		s->said_ms[SHIP_LINK] = was_up ? s->said_ms[SHIP_LINK] : 0;
	} else if (link.state == HS_LINK_REFUSED) {
		is_refused(s, link.why);
	} else {
		ship_say(s, SHIP_LINK, "no connection: %s: it waits, and the spool keeps what is not sent", link.why);
	}
}

/* --- asking ---------------------------------------------------------------------------------- */

/* True if the ask is for something. */
static bool is_needed(const struct ship *s, int64_t now)
{
	if (s->asking.needed)
		return true;
	for (size_t i = 0; i < hs_in_flight_count(s->ring); i++) {
		const struct hs_in_flight_record *record = hs_in_flight_at(s->ring, i);

		if (record->state == HS_FLIGHT_DOUBT && record->since_ms <= now)
			return true;
	}
	return false;
}

static void begin(struct ship *s, int64_t now)
{
	s->asking.under_way = true;
	s->asking.begun_ms = now;
	s->asking.next_ms = now + ASK_GAP_MS;
	s->asking.generation = s->generation;
	s->options.figures->asks++;
	hs_engine_ask(s->engine);
}

/* Settles one record that was in doubt when the ask began. */
static enum hs_result settle(struct ship *s, struct hs_in_flight_record *record, const struct hs_place_set *set,
                             const struct hs_place *done)
{
	struct hs_place present = record->place;
	bool erased = false;
	enum hs_result result = hs_place_translate(s->rewrites, &present, &erased);

	if (result != HS_OK)
		return result;
	record->state = HS_FLIGHT_AGAIN;
	if (!erased && !hs_place_set_has(set, &present) && hs_place_cmp(&present, done) >= 0)
		return HS_OK;
	record->state = HS_FLIGHT_ANSWERED;
	s->options.figures->stored++;
	s->pace.good_ms = hs_io_now_monotonic();
	return HS_OK;
}

static enum hs_result settle_all(struct ship *s, const struct hs_place_set *set, struct hs_place done)
{
	bool erased;
	enum hs_result result = hs_rewrite_log_share(s->rewrites);

	if (result != HS_OK)
		return result;
	if (done.number > 0)
		result = hs_place_translate(s->rewrites, &done, &erased);
	for (size_t i = 0; i < hs_in_flight_count(s->ring) && result == HS_OK; i++) {
		struct hs_in_flight_record *record = hs_in_flight_at(s->ring, i);

		if (record->state == HS_FLIGHT_DOUBT && record->since_ms <= s->asking.begun_ms)
			result = settle(s, record, set, &done);
	}
	hs_rewrite_log_release(s->rewrites);
	return result;
}

void ship_note_stream(struct ship *s, const struct hs_engine_asked *asked)
{
	s->first = asked->stream.first;
	snprintf(s->options.figures->leader, sizeof s->options.figures->leader, "%s", asked->stream.leader);
}

/* An emptied stream knows its ids until the window is over; what limits deleted was there for its consumers. */
void ship_note_duplicate(struct ship *s, const struct hs_answer *answer)
{
	s->options.figures->duplicates += answer->duplicate;
	if (answer->duplicate && answer->sequence < s->first)
		ship_say(s, SHIP_GONE,
		         "the stream refuses records as duplicates of messages that it had, such as %" PRIu64
		         ", and has no more: they count as sent. If it is to have them again, run hookspool ship "
		         "--verify --mend after its duplicate window",
		         answer->sequence);
}

static void take(struct ship *s, struct hs_engine_asked *asked)
{
	struct hs_place none = { 0 };
	struct hs_place_set set = { 0 };
	enum hs_result result;

	ship_note_stream(s, asked);
	if (hs_stream_memory_judge(&s->memory, asked) != HS_STREAM_SAME) {
		s->sink.code = HS_SHIP_RESTART;
		return;
	}
	result = hs_place_set_make(&set, asked->set, asked->count, s->rewrites);
	asked->set = NULL;
	if (result == HS_OK)
		result = settle_all(s, &set, asked->any ? asked->done.stored : none);
	hs_place_set_free(&set);
	if (result != HS_OK) {
		s->sink.code = ship_result(s, result);
		return;
	}
	hs_stream_memory_note(&s->memory, asked->stream.last, true);
	if (asked->any)
		hs_stream_memory_note(&s->memory, asked->sequence, false);
	s->asking.failures = 0;
	s->asking.needed = false;
}

static void has_failed(struct ship *s, const struct hs_engine_failure *failure)
{
	s->asking.next_ms = hs_io_now_monotonic() + ship_delay(s->asking.failures++, ASK_GAP_MS, ASK_GAP_MOST_MS);
	s->asking.needed = true;
	if (failure->code == EX_CONFIG && !s->refused) {
		ship_tell(s, "%s", failure->why);
		s->sink.code = EX_CONFIG;
	} else if (s->asking.failures > 1) {
		ship_say(s, SHIP_ASK, "the stream does not say what it has: %s: it tries again", failure->why);
	}
}

void ship_ask(struct ship *s)
{
	struct hs_engine_asked asked;
	int64_t now = hs_io_now_monotonic();

	if (!s->asking.under_way && (s->up || s->refused) && !s->stopping && now >= s->asking.next_ms &&
	    is_needed(s, now))
		begin(s, now);
	if (!s->asking.under_way || !hs_engine_asked(s->engine, &asked))
		return;
	s->asking.under_way = false;
	if (asked.failed)
		has_failed(s, &asked.failure);
	else if (s->asking.generation != s->generation)
		s->asking.needed = true;
	else
		take(s, &asked);
	hs_engine_asked_free(&asked);
}
