/* sink_ship_start: where a run begins: asks the stream, and compares what it says with the cursor and the spool. */
#include "base/io.h"
#include "event/json_members.h"
#include "tools/ship/sink_ship_private.h"
#include "tools/ship/subject.h"
#include "tools/ship/walk_back.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { WAIT_MS = 1000, AGAIN_MS = 250, AGAIN_MOST_MS = 5000 };

static struct hs_reader *reader_of(const struct ship *s)
{
	return hs_pump_reads(s->pump)->source.reader;
}

static struct hs_cursor *cursor_of(const struct ship *s)
{
	return hs_pump_reads(s->pump)->source.cursor;
}

/* --- asking -------------------------------------------------------------------------------- */

/* Signals act by themselves meanwhile: nothing is under way. */
static void ask(struct ship *s, struct hs_engine_asked *asked)
{
	struct hs_engine_link link;

	hs_engine_woken(s->engine);
	hs_engine_link(s->engine, &link);
	s->generation = link.generation;
	s->up = link.state == HS_LINK_UP;
	snprintf(s->options.figures->server, sizeof s->options.figures->server, "%s", link.server);
	s->options.figures->asks++;
	hs_engine_ask(s->engine);
	while (!hs_engine_asked(s->engine, asked)) {
		hs_io_wait_readable(hs_engine_fd(s->engine), WAIT_MS);
		hs_engine_woken(s->engine);
	}
	hs_engine_link(s->engine, &link);
	if (link.state == HS_LINK_REFUSED) {
		asked->failed = true;
		asked->failure.code = EX_CONFIG;
		snprintf(asked->failure.why, sizeof asked->failure.why, "%s", link.why);
	}
	if (!asked->failed && link.generation != s->generation) {
		asked->failed = true;
		asked->failure = (struct hs_engine_failure){ EX_TEMPFAIL, "the connection was lost" };
	}
}

/* 0 or an exit code, after a message. */
static int ask_until_answered(struct ship *s, struct hs_engine_asked *asked)
{
	for (unsigned tries = 0;; tries++) {
		int code;

		ask(s, asked);
		if (!asked->failed)
			return 0;
		code = asked->failure.code;
		if (s->options.once || code == EX_CONFIG || code == EX_NOINPUT) {
			ship_tell(s, "%s", asked->failure.why);
			hs_engine_asked_free(asked);
			return code == EX_NOINPUT ? EX_CONFIG : code;
		}
		ship_say(s, SHIP_ASK, "the stream does not say what it has: %s: it tries again", asked->failure.why);
		hs_engine_asked_free(asked);
		hs_io_pause(ship_delay(tries, AGAIN_MS, AGAIN_MOST_MS));
	}
}

/* Replaces what the last message says by what is true. */
static int walk_back(struct ship *s, const struct hs_position *cursor, struct hs_engine_asked *asked)
{
	const struct hs_place passed = { cursor->number, cursor->offset, cursor->edit };
	struct hs_engine_failure failure;
	int code = hs_walk_back(s->engine, &passed, &s->memory.back, asked, &failure);

	if (code != 0)
		ship_tell(s, "%s", failure.why);
	return code;
}

/* --- deciding ------------------------------------------------------------------------------ */

/* The places that a start is about, in the present editions. */
struct places {
	struct hs_position cursor, done, end; /* done.number 0: the stream has no message of this receiver */
	uint64_t oldest;                      /* the first segment of the spool */
};

static bool is_before(const struct hs_position *a, const struct hs_position *b)
{
	return a->number < b->number || (a->number == b->number && a->offset < b->offset);
}

static enum hs_result find_oldest(struct hs_reader *reader, uint64_t *oldest)
{
	struct hs_position back = hs_reader_position(reader);
	struct hs_slice line;
	enum hs_read what;

	hs_reader_start(reader, (struct hs_position){ 0 });
	do {
		what = hs_reader_next(reader, &line);
	} while (what == HS_READ_SKIPPED || what == HS_READ_GAP);
	*oldest = hs_reader_place(reader).number;
	hs_reader_start(reader, back);
	return what == HS_READ_FAILED ? hs_reader_result(reader) : HS_OK;
}

static enum hs_result find_places(struct ship *s, const struct hs_engine_asked *asked, struct places *at)
{
	struct hs_reader *reader = reader_of(s);
	enum hs_result result = find_oldest(reader, &at->oldest);

	at->cursor = hs_reader_position(reader);
	at->done = (struct hs_position){ 0 };
	if (asked->any) {
		at->done.number = asked->done.stored.number;
		at->done.offset = asked->done.stored.offset;
		at->done.edit = asked->done.stored.edit;
	}
	if (result == HS_OK)
		result = hs_reader_end(reader, &at->end);
	if (result == HS_OK)
		result = hs_reader_renew(reader, &at->cursor);
	if (result == HS_OK && asked->any)
		result = hs_reader_renew(reader, &at->done);
	return result;
}

static void go_to(struct hs_sink_start *start, struct hs_position position)
{
	start->given = true;
	start->position = position;
}

static int refuse_beyond(struct ship *s, const struct hs_position *beyond, const struct hs_position *end)
{
	ship_tell(s,
	          "the stream has records of receiver %s up to segment %" PRIu64 " byte %" PRIu64
	          ", after the end of this spool (%" PRIu64 ", %" PRIu64
	          "): it was restored or is a copy. hookspool ship --new-receiver gives it a name of its own",
	          s->options.receiver, beyond->number, beyond->offset, end->number, end->offset);
	return EX_CONFIG;
}

static int refuse_other(struct ship *s, const struct hs_engine_asked *asked)
{
	char id[sizeof asked->id];

	hs_printable_copy(id, sizeof id, hs_slice_str(asked->id));
	ship_tell(s,
	          "message %" PRIu64 " of the stream is %s, from segment %" PRIu64 " byte %" PRIu64
	          ", where this spool has another record: it was restored or is a copy. hookspool ship --new-receiver "
	          "gives it a name of its own",
	          asked->sequence, id, asked->done.own.number, asked->done.own.offset);
	return EX_CONFIG;
}

/*
 * Sets *other if the record at the place of the receiver's last message is not the one that was sent. A spool that was
 * restored and has grown since has others there, which would be taken for sent. *other is false if it cannot be told:
 * the record has no message id, was erased, or its segment is gone.
 */
static enum hs_result compare_last(struct ship *s, const struct hs_engine_asked *asked, uint64_t oldest, bool *other)
{
	struct hs_place place = asked->done.own;
	struct hs_reader *reader = reader_of(s);
	struct hs_position back = hs_reader_position(reader);
	struct hs_subject_fields fields;
	struct hs_slice line;
	bool erased = false;
	enum hs_result result;

	*other = false;
	if (!asked->any || asked->id[0] == '\0' || asked->id[0] == ':')
		return HS_OK;
	result = hs_rewrite_log_share(s->rewrites);
	if (result != HS_OK)
		return result;
	result = hs_place_translate(s->rewrites, &place, &erased);
	hs_rewrite_log_release(s->rewrites);
	if (result != HS_OK || erased || place.number < oldest)
		return result;
	hs_reader_start(reader,
	                (struct hs_position){ .number = place.number, .offset = place.offset, .edit = place.edit });
	if (hs_reader_next(reader, &line) == HS_READ_LINE) {
		hs_subject_read(line, &fields);
		hs_buf_reset(&s->text);
		if (!hs_subject_put_id(&s->text, s->options.receiver, &place, &fields))
			result = HS_E_MEMORY;
		*other = !hs_slice_eq(hs_buf_slice(&s->text), hs_slice_str(asked->id));
	}
	hs_reader_start(reader, back);
	return result;
}

/* `back` is 0 if others have filled the stream and none of this receiver's messages is left. */
static void tell_what_is_forgotten(struct ship *s, const struct hs_engine_asked *asked)
{
	uint64_t before = hs_cursor_stream(cursor_of(s))->sequence;

	if (asked->stream.last < before)
		ship_tell(s,
		          "the stream forgot what it had acknowledged: its last message is %" PRIu64 ", and %" PRIu64
		          " was stored",
		          asked->stream.last, before);
	else if (s->memory.back != 0)
		ship_tell(s, "the stream forgot what it had acknowledged, from message %" PRIu64 " on", s->memory.back);
	else
		ship_tell(s, "the stream forgot what it had acknowledged");
}

/* The stream went back: to where it says, if the spool still has that. */
static int go_back(struct ship *s, const struct hs_engine_asked *asked, const struct places *at,
                   struct hs_sink_start *start)
{
	s->options.figures->rewinds++;
	tell_what_is_forgotten(s, asked);
	if (s->options.from_start)
		go_to(start, (struct hs_position){ 0 });
	if (s->options.from_start || s->options.from_now)
		return 0;
	if (at->done.number == 0) {
		ship_tell(
		    s,
		    "it has nothing of receiver %s left: --from-start sends the whole spool again, --from-now goes on "
		    "at the cursor",
		    s->options.receiver);
		return EX_CONFIG;
	}
	if (at->done.number < at->oldest) {
		ship_tell(s,
		          "what is missing begins in segment %" PRIu64 ", and the spool begins with %" PRIu64
		          ": segments %" PRIu64 " to %" PRIu64 " cannot be sent again. --from-start sends what is "
		          "left, --from-now goes on at the cursor; a longer "
		          "ship_hold keeps more",
		          at->done.number, at->oldest, at->done.number, at->oldest - 1);
		return EX_CONFIG;
	}
	ship_tell(s, "it sends again what is missing, from segment %" PRIu64 " byte %" PRIu64 " on", at->done.number,
	          at->done.offset);
	go_to(start, at->done);
	return 0;
}

static int go_on_anew(struct ship *s, const struct hs_engine_asked *asked, const struct places *at,
                      struct hs_sink_start *start)
{
	if (!s->options.from_start && !s->options.from_now) {
		ship_tell(s,
		          "the stream was deleted and made anew at %s, so it lacks what was sent before: --from-start "
		          "sends the "
		          "whole spool, --from-now goes on at the cursor",
		          asked->stream.created);
		return EX_CONFIG;
	}
	if (at->done.number > 0 && (s->options.from_start || is_before(&at->cursor, &at->done)))
		go_to(start, at->done);
	else if (s->options.from_start)
		go_to(start, (struct hs_position){ 0 });
	return 0;
}

/* The stream's limits may have deleted the message that tells where ship was. */
static void tell_of_limits(struct ship *s, const struct hs_engine_asked *asked)
{
	if (!s->options.quiet && !asked->any && s->memory.own > 0 && asked->stream.first > s->memory.own)
		ship_tell(s,
		          "the limits of the stream have deleted the last message of receiver %s, %" PRIu64
		          ": only its duplicate window tells now what was in flight at a kill",
		          s->options.receiver, s->memory.own);
}

/* Most often the cursor is right, or was saved a moment before the last records were stored. */
static int decide(struct ship *s, const struct hs_engine_asked *asked, enum hs_stream_change change,
                  struct hs_sink_start *start)
{
	const struct hs_place_set *set = &s->found.set;
	struct places at;
	bool other;
	int code = ship_result(s, find_places(s, asked, &at));

	if (code != 0)
		return code;
	if (at.done.number > 0 && is_before(&at.end, &at.done))
		return refuse_beyond(s, &at.done, &at.end);
	if (hs_place_set_reaches(set, &(struct hs_place){ at.end.number, at.end.offset, at.end.edit }))
		return refuse_beyond(s,
		                     &(struct hs_position){ .number = set->place[set->count - 1].number,
		                                            .offset = set->place[set->count - 1].offset },
		                     &at.end);
	code = ship_result(s, compare_last(s, asked, at.oldest, &other));
	if (code != 0 || other)
		return code != 0 ? code : refuse_other(s, asked);
	switch (change) {
	case HS_STREAM_ANOTHER: return go_on_anew(s, asked, &at, start);
	case HS_STREAM_FORGOT: return go_back(s, asked, &at, start);
	case HS_STREAM_SAME: break;
	}
	tell_of_limits(s, asked);
	if (s->options.from_start && !asked->any && !hs_pump_reads(s->pump)->source.fresh) /* it was emptied */
		go_to(start, (struct hs_position){ 0 });
	else if (at.done.number > 0 && is_before(&at.cursor, &at.done))
		go_to(start, at.done);
	return 0;
}

/* --- the cursor ------------------------------------------------------------------------------ */

/* Adds the hash of the line before the position, if that is the last record that has left the ring. */
static struct hs_position with_hash(struct ship *s, struct hs_position position)
{
	const struct hs_in_flight_record *last = hs_in_flight_last(s->ring);

	if (position.before == 0 && last->line.n > 0 && position.number == last->after.number &&
	    position.offset == last->after.offset && position.edit == last->after.edit &&
	    !hs_history_hash(s->digest, last->line, &position.before))
		position.before = 0;
	return position;
}

enum hs_result ship_save(struct hs_sink *sink, struct hs_position position, const struct hs_ahead *ahead)
{
	struct ship *s = ship_of(sink);
	struct hs_cursor_stream stream = { .sequence = s->memory.sequence,
		                           .own = s->memory.own,
		                           .back = s->memory.back };
	bool went_back = sink->code == HS_SHIP_RESTART; /* the answers of this run are worth nothing then */

	(void)ahead;
	if (!went_back)
		hs_kept_place_note(&s->kept, position, hs_io_now_monotonic());
	snprintf(stream.created, sizeof stream.created, "%s", s->memory.created);
	snprintf(stream.receiver, sizeof stream.receiver, "%s", s->options.receiver);
	stream.kept = s->kept.kept;
	if (s->kept.count > 0) {
		stream.next = s->kept.seen[0].position;
		stream.next_ms = hs_io_now() - (hs_io_now_monotonic() - s->kept.seen[0].ms);
	}
	hs_cursor_set_stream(cursor_of(s), &stream);
	return hs_cursor_save(cursor_of(s), went_back ? hs_cursor_position(cursor_of(s)) : with_hash(s, position));
}

/* Saved before anything is sent: a kill would make the stream look as if it had never forgotten anything. */
static int save_start(struct ship *s, const struct hs_sink_start *start)
{
	struct hs_position position = start->given ? start->position : hs_reader_position(reader_of(s));
	const struct hs_cursor_stream *stream = hs_cursor_stream(cursor_of(s));
	int64_t now = hs_io_now_monotonic();

	hs_kept_place_begin(&s->kept, s->options.hold_ms, stream->kept, position, now);
	hs_kept_place_recall(&s->kept, stream->next, now - (hs_io_now() - stream->next_ms));
	return ship_result(s, ship_save(&s->sink, position, NULL));
}

/* --- the start -------------------------------------------------------------------------------- */

static void recall(struct ship *s)
{
	const struct hs_cursor_stream *stream = hs_cursor_stream(cursor_of(s));

	if (strcmp(stream->receiver, s->options.receiver) != 0)
		return;
	snprintf(s->memory.created, sizeof s->memory.created, "%s", stream->created);
	s->memory.sequence = stream->sequence;
	s->memory.own = stream->own;
	s->memory.back = stream->back;
}

/* Answers to an earlier run's messages: their tags name other records now. The ask was behind those messages. */
static void drop_answers(struct hs_engine *engine)
{
	struct hs_answer answer;

	while (hs_engine_answer(engine, &answer))
		continue;
}

/* Compares what the stream has with what is known of it, and decides where to begin. */
static int compare(struct ship *s, struct hs_engine_asked *asked, struct hs_sink_start *start)
{
	enum hs_stream_change change = hs_stream_memory_judge(&s->memory, asked);
	struct hs_position cursor = hs_reader_position(reader_of(s));
	int code = 0;

	if (asked->any && (change == HS_STREAM_FORGOT || hs_stream_says_too_much(asked))) {
		code = ship_result(s, hs_reader_renew(reader_of(s), &cursor));
		if (code == 0)
			code = walk_back(s, &cursor, asked);
	}
	if (code == 0) {
		code = ship_result(s, hs_place_set_make(&s->found.set, asked->set, asked->count, s->rewrites));
		asked->set = NULL;
	}
	return code == 0 ? decide(s, asked, change, start) : code;
}

int ship_open(struct hs_sink *sink, struct hs_sink_start *start)
{
	struct ship *s = ship_of(sink);
	struct hs_engine_asked asked;
	int code = ask_until_answered(s, &asked);

	if (code != 0)
		return code;
	ship_note_stream(s, &asked);
	drop_answers(s->engine);
	recall(s);
	s->pace.good_ms = hs_io_now_monotonic();
	code = ship_result(s, hs_rewrite_log_open(hs_reader_dir(reader_of(s)), &s->rewrites));
	s->check.rewrites = s->rewrites;
	if (code == 0)
		code = compare(s, &asked, start);
	if (code == 0) {
		s->found.floor = asked.any ? asked.done.stored_at : asked.count > 0 ? 0 : asked.stream.last;
		hs_stream_memory_take(&s->memory, &asked);
	}
	hs_engine_asked_free(&asked);
	return code == 0 ? save_start(s, start) : code;
}
