/* sink_ship_run: takes records, sends them, takes the answers; sink_ship.h has the invariants. */
#include "base/io.h"
#include "base/json_writer.h"
#include "spool/admin/dead_letters.h"
#include "tools/ship/sink_ship_private.h"
#include "tools/ship/subject.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	MINUTE_MS = 60000,
	UNDER_WAY_MS = 1000, /* after an answer with sequence 0 */
	UNDER_WAY_MOST_MS = 30000,
	NOBODY_MS = 250,
	NOBODY_MOST_MS = 5000,
	FULL_MS = 1000,
	FULL_MOST_MS = 30000,
	ONCE_PATIENCE_MS = 60000, /* --once ends if nothing was stored for so long */
};

/* --- messages ---------------------------------------------------------------------------- */

static void print(struct ship *s, const char *format, va_list args)
{
	if (s->sink.progress != NULL)
		hs_progress_clear(s->sink.progress);
	fputs("hookspool ship: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void ship_tell(struct ship *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(s, format, args);
	va_end(args);
}

void ship_say(struct ship *s, enum ship_topic topic, const char *format, ...)
{
	int64_t now = hs_io_now_monotonic();
	va_list args;

	if (s->said_ms[topic] != 0 && now - s->said_ms[topic] < MINUTE_MS)
		return;
	s->said_ms[topic] = now;
	va_start(args, format);
	print(s, format, args);
	va_end(args);
}

int ship_result(struct ship *s, enum hs_result result)
{
	return hs_event_source_result(&hs_pump_reads(s->pump)->source, result);
}

int64_t ship_delay(unsigned tries, int64_t first, int64_t most)
{
	for (; tries > 0 && first < most; tries--)
		first *= 2;
	return first < most ? first : most;
}

/* --- a record that is too long -------------------------------------------------------------- */

static struct hs_position begin_of(const struct hs_in_flight_record *record)
{
	return (struct hs_position){ record->place.number, record->place.offset, record->place.edit, 0 };
}

/* HS_OK, and *erased: it was erased since it was read, and has no dead letter. */
static enum hs_result write_dead_letter(struct ship *s, const struct hs_in_flight_record *record, const char *why,
                                        bool *erased)
{
	const struct hs_spool_dir *dir = hs_reader_dir(hs_pump_reads(s->pump)->source.reader);
	struct hs_record_origin of = { s->rewrites, begin_of(record) };
	struct hs_dead_letters_origin from = { .look = hs_record_origin_look, .context = &of };
	struct hs_json_writer w = { .out = &s->text };
	enum hs_result result = HS_E_MEMORY;

	hs_buf_reset(&s->text);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_time(&w, "failed_at", hs_io_now());
	hs_json_writer_text(&w, "cursor", hs_slice_str(hs_pump_reads(s->pump)->source.name));
	hs_json_writer_text(&w, "on", HS_SLICE("ship"));
	hs_json_writer_uint(&w, "status", 0);
	hs_json_writer_uint(&w, "tries", 1);
	hs_json_writer_text(&w, "message", hs_slice_str(why));
	hs_json_writer_raw(&w, "record", record->line);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&s->text, '\n');
	if (hs_buf_ok(&s->text))
		result =
		    hs_dead_letters_append(dir, hs_buf_slice(&s->text), (uint64_t)dir->settings->failed_max, &from);
	*erased = from.gone;
	return result;
}

static void is_too_long(struct ship *s, struct hs_in_flight_record *record, const char *words)
{
	bool erased = false;
	char why[512];

	snprintf(why, sizeof why,
	         "the record in segment %" PRIu64 " at byte %" PRIu64 " has %zu bytes: more than the server takes%s%s",
	         record->place.number, record->place.offset, record->line.n, words[0] != '\0' ? ": " : "", words);
	if (!s->options.aside) {
		ship_tell(s, "%s. Raise %s, or begin with --oversize aside", why,
		          words[0] == '\0' ? "max_payload of the servers" : "max_msg_size of the stream");
		s->sink.code = EX_CONFIG;
		return;
	}
	s->sink.code = ship_result(s, write_dead_letter(s, record, why, &erased));
	if (s->sink.code != 0)
		return;
	s->options.figures->set_aside += !erased;
	record->state = HS_FLIGHT_ANSWERED;
}

/* --- sending --------------------------------------------------------------------------------- */

static bool may_send(const struct ship *s, int64_t now)
{
	return s->up && !s->asking.needed && !s->asking.under_way && !s->stopping && s->sink.code == 0 &&
	       now >= s->pace.until_ms;
}

/* True if the record was erased while it waited, which answers it, or if sink.code was set. */
static bool is_erased(struct ship *s, struct hs_in_flight_record *record)
{
	bool erased = false;

	s->sink.code = ship_result(s, hs_record_check(&s->check, begin_of(record), &record->seen, &erased));
	if (erased)
		record->state = HS_FLIGHT_ANSWERED;
	return erased || s->sink.code != 0;
}

/* Sends a record for the first time, or again. False: not now. */
static bool send_record(struct ship *s, struct hs_in_flight_record *record, int64_t now)
{
	struct hs_places places = { .own = record->place };
	const struct hs_in_flight_record *first = hs_in_flight_first(s->ring);
	struct hs_message message = { .subject = record->subject, .id = record->id, .data = record->line };

	if (is_erased(s, record))
		return s->sink.code == 0;
	if (!record->has_floor)
		record->floor = s->memory.sequence;
	record->has_floor = true;
	record->known = s->memory.sequence;
	places.stored = first->place;
	places.stored_at = first->floor;
	hs_buf_reset(&s->text);
	hs_places_put(&s->text, &places);
	if (record->sends++ == 0)
		record->first_ms = now;
	message.place = hs_buf_slice(&s->text);
	message.tag = hs_in_flight_tag(s->ring, record);
	message.generation = s->generation; /* after a change the stream must be asked first */
	switch (hs_buf_ok(&s->text) ? hs_engine_send(s->engine, &message) : HS_SEND_DOWN) {
	case HS_SENT:
		record->state = HS_FLIGHT_SENT;
		record->since_ms = now;
		s->unflushed = true;
		return true;
	case HS_SEND_OVERSIZE: is_too_long(s, record, ""); return s->sink.code == 0;
	case HS_SEND_ILLEGAL: /* a defect: subject.c lets no such id through */
	case HS_SEND_DOWN: ship_doubt(s, record, now); break;
	}
	return false;
}

/* Sends what waits, in the order of the spool. */
static void send_waiting(struct ship *s)
{
	int64_t now = hs_io_now_monotonic();

	for (size_t i = 0; i < hs_in_flight_count(s->ring) && may_send(s, now); i++) {
		struct hs_in_flight_record *record = hs_in_flight_at(s->ring, i);

		if ((record->state == HS_FLIGHT_NEW || record->state == HS_FLIGHT_AGAIN) &&
		    !send_record(s, record, now))
			break;
	}
}

static void flush_engine(struct ship *s)
{
	if (s->unflushed)
		hs_engine_flush(s->engine);
	s->unflushed = false;
}

/* --- taking records ---------------------------------------------------------------------------- */

/* HS_OK, and *known: the stream has the record already, or it was erased since it was read. */
static enum hs_result look_up(struct ship *s, const struct hs_place *place, bool *known)
{
	struct hs_place_set *set = &s->found.set;
	struct hs_place present = *place;
	bool erased = false;
	uint64_t edition = 0;
	enum hs_result result = hs_rewrite_log_share(s->rewrites);

	if (result != HS_OK)
		return result;
	result = hs_place_translate(s->rewrites, &present, &erased);
	edition = hs_place_set_edition(set, present.number);
	if (edition == UINT64_MAX)
		edition = hs_rewrite_log_number(s->rewrites, present.number);
	edition = hs_rewrite_log_number(s->rewrites, present.number) - edition;
	hs_rewrite_log_release(s->rewrites);
	if (result == HS_OK && edition != 0)
		result = hs_place_set_make(set, set->place, set->count, s->rewrites);
	*known = erased || hs_place_set_has(set, &present);
	if (!hs_place_set_reaches(set, &present)) /* nor will any record after this one be in it */
		hs_place_set_free(set);
	return result;
}

static struct hs_in_flight_record *add_record(struct ship *s, const struct hs_offered *offered,
                                              const struct hs_place *place)
{
	struct hs_subject_fields fields;
	struct hs_in_flight_record *record;
	size_t n;

	hs_subject_read(offered->line, &fields);
	hs_buf_reset(&s->text);
	hs_subject_put(&s->text, s->options.subject, s->options.receiver, &fields);
	n = s->text.n;
	if (!hs_subject_put_id(&s->text, s->options.receiver, place, &fields))
		return NULL;
	record =
	    hs_in_flight_add(s->ring, hs_slice(s->text.p, n), hs_slice(s->text.p + n, s->text.n - n), offered->line);
	if (record == NULL)
		return NULL;
	record->place = *place;
	record->seen = place->edit;
	record->after = offered->after;
	record->has_floor = s->found.set.count > 0;
	record->floor = s->found.floor;
	return record;
}

static bool offer(struct hs_sink *sink, const struct hs_offered *offered)
{
	struct ship *s = ship_of(sink);
	const struct hs_position *after = &offered->after;
	struct hs_place place = { after->number, after->offset - offered->line.n - 1, after->edit };
	struct hs_in_flight_record *record;
	int64_t now = hs_io_now_monotonic();
	bool known = false, is_next;

	if (sink->code != 0 || !hs_in_flight_has_room(s->ring, offered->line.n))
		return false;
	is_next = hs_in_flight_first(s->ring) == NULL;
	if (s->found.set.count > 0)
		sink->code = ship_result(s, look_up(s, &place, &known));
	if (sink->code != 0)
		return false;
	record = add_record(s, offered, &place);
	if (record == NULL) {
		sink->code = ship_result(s, HS_E_MEMORY);
		return false;
	}
	if (is_next)
		s->pace.good_ms = now;
	if (known) {
		record->state = HS_FLIGHT_ANSWERED;
		s->options.figures->stored++;
	} else if (may_send(s, now)) {
		send_record(s, record, now);
	}
	return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* `latest`: the answer is to the last attempt. */
static void is_stored(struct ship *s, struct hs_in_flight_record *record, const struct hs_answer *answer, bool latest,
                      int64_t now)
{
	if (!answer->duplicate && answer->sequence <= (latest ? record->known : record->floor)) { /* it went back */
		if (s->memory.back == 0 || answer->sequence < s->memory.back)
			s->memory.back = answer->sequence;
		s->sink.code = HS_SHIP_RESTART;
		return;
	}
	record->state = HS_FLIGHT_ANSWERED;
	s->options.figures->stored++;
	ship_note_duplicate(s, answer);
	hs_stream_memory_note(&s->memory, answer->sequence, answer->duplicate);
	s->pace.refusals = 0;
	s->pace.good_ms = now;
}

/* It was not stored; nothing is sent for a while. One pause for all records that were refused at once. */
static void pause_after(struct ship *s, struct hs_in_flight_record *record, int64_t now, int64_t first, int64_t most)
{
	record->state = HS_FLIGHT_AGAIN;
	if (now < s->pace.until_ms)
		return;
	s->pace.until_ms = now + ship_delay(s->pace.refusals++, first, most);
}

static void is_refused(struct ship *s, struct hs_in_flight_record *record, const struct hs_answer *answer, int64_t now)
{
	switch (answer->kind) {
	case HS_ANSWER_UNDER_WAY:
		s->options.figures->sequence_zero++;
		ship_doubt(s, record, now + ship_delay(record->refused++, UNDER_WAY_MS, UNDER_WAY_MOST_MS));
		return;
	case HS_ANSWER_MOMENT:
		ship_doubt(s, record, now + ship_delay(record->refused++, NOBODY_MS, NOBODY_MOST_MS));
		ship_say(s, SHIP_MOMENT, "%s: it asks the stream, and tries again", answer->text);
		return;
	case HS_ANSWER_NOBODY:
		pause_after(s, record, now, NOBODY_MS, NOBODY_MOST_MS);
		s->asking.needed = true; /* the next leader may have forgotten something */
		s->asking.next_ms = s->pace.until_ms;
		if (now - s->pace.good_ms > MINUTE_MS)
			ship_say(s, SHIP_NOBODY, "no stream takes %.*s: it has no leader, or is gone: nats stream info",
			         (int)record->subject.n, record->subject.p);
		return;
	case HS_ANSWER_FULL:
		pause_after(s, record, now, FULL_MS, FULL_MOST_MS);
		ship_say(s, SHIP_FULL, "the stream is full: %s: it waits, and the spool keeps what is not sent",
		         answer->text);
		return;
	case HS_ANSWER_OVERSIZE: is_too_long(s, record, answer->text); return;
	case HS_ANSWER_SETUP:
		ship_tell(s, "%s: correct the stream, its subjects or the rights of this user: hookspool check",
		          answer->text);
		record->state = HS_FLIGHT_AGAIN;
		s->sink.code = EX_CONFIG;
		return;
	case HS_ANSWER_STORED: break;
	}
}

/* An answer to an earlier attempt counts only if it says that the record is stored. */
static void take_answers(struct ship *s)
{
	int64_t now = hs_io_now_monotonic();
	struct hs_answer answer;

	while (s->sink.code != HS_SHIP_RESTART && hs_engine_answer(s->engine, &answer)) {
		bool latest = false;
		struct hs_in_flight_record *record = hs_in_flight_find(s->ring, answer.tag, &latest);

		if (record == NULL || record->state == HS_FLIGHT_ANSWERED)
			continue;
		if (answer.kind == HS_ANSWER_STORED)
			is_stored(s, record, &answer, latest, now);
		else if (latest && record->state == HS_FLIGHT_SENT)
			is_refused(s, record, &answer, now);
	}
}

/* Doubts what has no answer in time. */
static void look_for_timeouts(struct ship *s)
{
	int64_t now = hs_io_now_monotonic();

	for (size_t i = 0; i < hs_in_flight_count(s->ring); i++) {
		struct hs_in_flight_record *record = hs_in_flight_at(s->ring, i);

		if (record->state == HS_FLIGHT_SENT && now - record->since_ms >= s->options.ack_wait_ms) {
			s->options.figures->timeouts++;
			ship_doubt(s, record, now);
		}
	}
}

static void leave(struct ship *s, struct hs_pump *pump)
{
	if (hs_in_flight_leave(s->ring))
		hs_pump_ack_to(pump, hs_in_flight_last(s->ring)->after);
}

/* --once does not wait for ever. */
static void look_for_patience(struct ship *s)
{
	int64_t now = hs_io_now_monotonic();

	if (hs_in_flight_first(s->ring) == NULL)
		s->pace.good_ms = now;
	if (!s->options.once || s->sink.code != 0 || now - s->pace.good_ms < ONCE_PATIENCE_MS)
		return;
	ship_tell(s, "nothing was stored for %d s: try again later; what is sent by then is not sent again",
	          ONCE_PATIENCE_MS / 1000);
	s->sink.code = s->up ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

/* --- figures --------------------------------------------------------------------------------- */

/* Counts what was stored since the last call, and how long ago that was. */
static void count_lately(struct ship *s, int64_t ms)
{
	struct hs_ship_figures *figures = s->options.figures;

	if (s->figures_ms != 0) {
		figures->lately = figures->stored - s->counted;
		figures->lately_ms = (uint64_t)(ms - s->figures_ms);
	}
	s->counted = figures->stored;
	s->figures_ms = ms;
}

/* Says nothing if nothing happens. */
static void tell_figures(struct ship *s)
{
	const struct hs_ship_figures *c = s->options.figures;

	if (s->options.quiet || c->lately_ms == 0 || (c->lately == 0 && c->in_flight == 0))
		return;
	ship_tell(s,
	          "%.1f stored/s, %" PRIu64 " in flight, the oldest for %.1f s; %" PRIu64 " duplicates, %" PRIu64
	          " of sequence 0, %" PRIu64 " timeouts, %" PRIu64 " asks, %" PRIu64 " rewinds; %s, leader %s",
	          1000.0 * (double)c->lately / (double)c->lately_ms, c->in_flight, (double)c->oldest_ms / 1000,
	          c->duplicates, c->sequence_zero, c->timeouts, c->asks, c->rewinds, c->server,
	          c->leader[0] != '\0' ? c->leader : "not known");
}

static void save_figures(struct ship *s, bool at_end)
{
	const struct hs_in_flight_record *first = hs_in_flight_first(s->ring);
	struct hs_ship_figures *figures = s->options.figures;
	int64_t ms = hs_io_now_monotonic();

	if (!at_end && s->figures_ms != 0 && ms - s->figures_ms < MINUTE_MS)
		return;
	figures->in_flight = hs_in_flight_count(s->ring);
	figures->oldest_ms = first != NULL && first->sends > 0 ? (uint64_t)(ms - first->first_ms) : 0;
	if (!at_end) {
		count_lately(s, ms);
		tell_figures(s);
	}
	hs_ship_figures_save(figures, hs_reader_dir(hs_pump_reads(s->pump)->source.reader));
}

/* The cursor rests, but retention may go on. */
static void let_go(struct ship *s)
{
	struct hs_cursor *cursor = hs_pump_reads(s->pump)->source.cursor;

	if (s->sink.code == 0 && hs_kept_place_due(&s->kept, hs_io_now_monotonic()) == 0)
		s->sink.code = ship_result(s, ship_save(&s->sink, hs_cursor_position(cursor), NULL));
}

/* --- the sink --------------------------------------------------------------------------------- */

static void collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct ship *s = ship_of(sink);

	hs_record_check_again(&s->check);
	hs_engine_woken(s->engine);
	ship_look_at_link(s);
	take_answers(s);
	look_for_timeouts(s);
	if (s->sink.code == 0)
		ship_ask(s);
	leave(s, pump);
	send_waiting(s);
	flush_engine(s);
	leave(s, pump);
	look_for_patience(s);
	let_go(s);
	save_figures(s, false);
	hs_record_check_again(&s->check); /* the pump may sleep before it offers */
}

static void flush(struct hs_sink *sink, unsigned partition)
{
	(void)partition;
	flush_engine(ship_of(sink));
}

static size_t poll_engine(const struct hs_sink *sink, struct pollfd *p)
{
	*p = (struct pollfd){ hs_engine_fd(((const struct ship *)sink)->engine), POLLIN, 0 };
	return 1;
}

static int64_t sooner(int64_t ms, int64_t at, int64_t now)
{
	int64_t left = at > now ? at - now : 0;

	return ms < 0 || left < ms ? left : ms;
}

/* Milliseconds until a record in the ring needs attention; -1: none does. */
static int64_t due_for_records(const struct ship *s, int64_t now)
{
	bool any = false, waiting = false;
	int64_t ms = -1;

	for (size_t i = 0; i < hs_in_flight_count(s->ring); i++) {
		const struct hs_in_flight_record *record = hs_in_flight_at(s->ring, i);

		if (record->state == HS_FLIGHT_SENT)
			ms = sooner(ms, record->since_ms + s->options.ack_wait_ms, now);
		else if (record->state == HS_FLIGHT_DOUBT && s->up && !s->asking.under_way)
			ms = sooner(ms, record->since_ms > s->asking.next_ms ? record->since_ms : s->asking.next_ms,
			            now);
		waiting = waiting || record->state == HS_FLIGHT_AGAIN || record->state == HS_FLIGHT_NEW;
		any = any || record->state != HS_FLIGHT_ANSWERED;
	}
	if (waiting && s->up && !s->asking.needed && !s->asking.under_way && !s->stopping)
		ms = sooner(ms, s->pace.until_ms, now);
	if (any && s->options.once)
		ms = sooner(ms, s->pace.good_ms + ONCE_PATIENCE_MS, now);
	return ms;
}

static int64_t due(const struct hs_sink *sink)
{
	const struct ship *s = (const struct ship *)sink;
	int64_t now = hs_io_now_monotonic(), ms = due_for_records(s, now), kept;

	if (s->sink.code != 0)
		return s->stopping ? ms : 0;
	if (s->asking.needed && !s->asking.under_way && (s->up || s->refused))
		ms = sooner(ms, s->asking.next_ms, now);
	ms = sooner(ms, s->figures_ms + MINUTE_MS, now);
	kept = hs_kept_place_due(&s->kept, now);
	return kept < 0 ? ms : sooner(ms, now + kept, now);
}

/* Waits for the answers of what was sent: the next run would have to ask for it. */
static bool drain(struct hs_sink *sink, int64_t ms)
{
	struct ship *s = ship_of(sink);

	s->stopping = true;
	if (ms == 0 || !s->up || sink->code == HS_SHIP_RESTART)
		return true;
	for (size_t i = 0; i < hs_in_flight_count(s->ring); i++)
		if (hs_in_flight_at(s->ring, i)->state == HS_FLIGHT_SENT)
			return false;
	return true;
}

static void close_sink(struct hs_sink *sink)
{
	struct ship *s = ship_of(sink);

	if (s->rewrites != NULL && s->ring != NULL)
		save_figures(s, true);
	hs_in_flight_free(s->ring);
	hs_place_set_free(&s->found.set);
	hs_rewrite_log_close(s->rewrites);
	hs_digest_free(s->digest);
	hs_buf_free(&s->text);
	free(s);
}

void hs_sink_ship_pump(struct hs_sink *sink, struct hs_pump *pump)
{
	ship_of(sink)->pump = pump;
}

struct hs_sink *hs_sink_ship_new(const struct hs_sink_ship_options *options, struct hs_engine *engine)
{
	static const struct hs_sink_ops ops = { .open = ship_open,
		                                .offer = offer,
		                                .flush = flush,
		                                .poll = poll_engine,
		                                .due = due,
		                                .collect = collect,
		                                .save = ship_save,
		                                .drain = drain,
		                                .close = close_sink };
	struct ship *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->sink = (struct hs_sink){
		.ops = &ops, .in_order = true, .wants_positions = true, .hashes = true, .fds = 1, .save_ms = 500
	};
	s->options = *options;
	s->engine = engine;
	s->ring = hs_in_flight_new(options->records, options->bytes);
	s->digest = hs_digest_new();
	if (s->ring != NULL && s->digest != NULL)
		return &s->sink;
	hs_in_flight_free(s->ring);
	hs_digest_free(s->digest);
	free(s);
	return NULL;
}
