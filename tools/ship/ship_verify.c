#include "tools/ship/ship_verify.h"
#include "base/array.h"
#include "base/io.h"
#include "event/json_members.h"
#include "tools/report/filter.h"
#include "tools/ship/lacking.h"
#include "tools/ship/place_set.h"
#include "tools/ship/subject.h"
#include "tools/sink/event_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	DAY_MS = 24 * 3600 * 1000, /* a delivery may be repeated at another receiver for hours */
	LOOK_MS = 30000,           /* much less than a duplicate window */
};

/* A message of the stream. */
struct message {
	struct hs_place place; /* first: what by_place compares */
	uint64_t sequence;
};

struct verify {
	const struct hs_ship_run *run;
	const char *receiver;
	struct hs_engine *engine;
	struct hs_event_source source;
	struct hs_rewrite_log *rewrites;
	enum hs_result result; /* of translating places */
	struct message *message;
	size_t count, room;
	bool no_memory;
	struct hs_places done; /* of the stream's last message, for those that mend it */
	bool limited;          /* the stream deletes what is old … */
	struct hs_place kept;  /* … such as the messages of records before this place */
	struct hs_lacking lacking;
	uint64_t looked_up; /* messages of all receivers were looked at up to this sequence … */
	int64_t looked_ms;  /* … at this time of the monotonic clock */
	uint64_t records, mended, elsewhere, too_long, twice, gone, old, tags;
	struct hs_buf text, header;
};

/* --- the stream ------------------------------------------------------------------------------ */

static bool note_message(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	struct verify *v = context;

	(void)id;
	v->no_memory = !HS_ARRAY_ROOM(&v->message, v->count, &v->room);
	if (v->no_memory)
		return false;
	v->message[v->count++] = (struct message){ .place = places->own, .sequence = sequence };
	return true;
}

static int by_place(const void *a, const void *b)
{
	return hs_place_cmp(a, b);
}

/* Translates the places; a message whose record is gone is printed, for nats stream rmm. */
static enum hs_result translate(struct verify *v)
{
	enum hs_result result = hs_rewrite_log_share(v->rewrites);
	bool kept_erased;
	size_t kept = 0;

	if (result != HS_OK)
		return result;
	if (v->limited)
		result = hs_place_translate(v->rewrites, &v->kept, &kept_erased);
	for (size_t i = 0; i < v->count && result == HS_OK; i++) {
		struct message *m = &v->message[i];
		bool erased = false;

		result = hs_place_translate(v->rewrites, &m->place, &erased);
		if (result == HS_OK && erased) {
			printf("erased: message %" PRIu64 "\n", m->sequence);
			v->gone++;
		} else if (result == HS_OK) {
			v->message[kept++] = *m;
		}
	}
	hs_rewrite_log_release(v->rewrites);
	v->count = kept;
	return result;
}

static bool note_oldest(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	struct verify *v = context;

	(void)sequence;
	(void)id;
	v->kept = hs_place_cmp(&places->own, &places->stored) > 0 ? places->own : places->stored;
	return false;
}

/* Limits delete from the front: records before that of the oldest message that is left were in the stream once. */
static int read_oldest(struct verify *v, struct hs_engine_failure *failure)
{
	struct hs_engine_stream stream;
	int code = hs_engine_look(v->engine, &stream, failure);

	if (code != 0)
		return code;
	v->limited = stream.first > 1 && (stream.max_age_ms > 0 ||
	                                  (!stream.discard_new && (stream.max_bytes > 0 || stream.max_messages > 0)));
	v->kept = (struct hs_place){ .number = UINT64_MAX };
	return v->limited ? hs_engine_walk(v->engine, HS_WALK_OWN, stream.first, 0, note_oldest, v, failure) : 0;
}

static int read_stream(struct verify *v)
{
	struct hs_engine_failure failure = { 0 };
	int64_t since_ms = 0;
	int code = read_oldest(v, &failure);

	if (v->run->since != NULL)
		hs_filter_when(v->run->since, hs_io_now(), &since_ms);
	if (code == 0)
		code = hs_engine_walk(v->engine, HS_WALK_OWN, 1, since_ms, note_message, v, &failure);
	if (code != 0) {
		fprintf(stderr, "hookspool ship: %s\n", failure.why);
		return code;
	}
	if (v->no_memory)
		return hs_event_source_result(&v->source, HS_E_MEMORY);
	code = hs_event_source_result(&v->source, translate(v));
	if (v->count > 0)
		qsort(v->message, v->count, sizeof *v->message, by_place);
	for (size_t i = 1; i < v->count; i++)
		if (hs_place_cmp(&v->message[i - 1].place, &v->message[i].place) == 0) {
			printf("twice: messages %" PRIu64 " and %" PRIu64 "\n", v->message[i - 1].sequence,
			       v->message[i].sequence);
			v->twice++;
		}
	return code;
}

/* --- mending ---------------------------------------------------------------------------------- */

/* Keeps the claim of the last message: what is sent now is no news about what was before. */
static int ask(struct verify *v)
{
	struct hs_engine_asked asked;
	int code = 0;

	hs_engine_ask(v->engine);
	while (!hs_engine_asked(v->engine, &asked)) {
		hs_io_wait_readable(hs_engine_fd(v->engine), 1000);
		hs_engine_woken(v->engine);
	}
	if (asked.failed) {
		fprintf(stderr, "hookspool ship: %s\n", asked.failure.why);
		code = asked.failure.code;
	} else if (asked.any) {
		v->done = asked.done;
	}
	hs_engine_asked_free(&asked);
	return code;
}

static bool wait_for_answer(struct verify *v, uint64_t tag, struct hs_answer *answer)
{
	int64_t until = hs_io_now_monotonic() + v->run->given.ack_wait;

	for (;;) {
		int64_t left = until - hs_io_now_monotonic();

		while (hs_engine_answer(v->engine, answer))
			if (answer->tag == tag)
				return true;
		if (left <= 0)
			return false;
		hs_io_wait_readable(hs_engine_fd(v->engine), left);
		hs_engine_woken(v->engine);
	}
}

/* 0, and the answer says that the record is stored, a duplicate, or too long; or an exit code after a message. */
static int send(struct verify *v, struct hs_slice line, const struct hs_place *place, struct hs_answer *answer)
{
	struct hs_places places = { *place, v->done.stored, v->done.stored_at };
	struct hs_message message = { .tag = ++v->tags, .data = line };
	struct hs_subject_fields fields;
	size_t n;

	hs_subject_read(line, &fields);
	hs_buf_reset(&v->text);
	hs_subject_put(&v->text, v->run->given.subject, v->receiver, &fields);
	n = v->text.n;
	hs_buf_reset(&v->header);
	hs_places_put(&v->header, &places);
	if (!hs_subject_put_id(&v->text, v->receiver, place, &fields) || !hs_buf_ok(&v->header))
		return hs_event_source_result(&v->source, HS_E_MEMORY);
	message.subject = hs_slice(v->text.p, n);
	message.id = hs_slice(v->text.p + n, v->text.n - n);
	message.place = hs_buf_slice(&v->header);
	*answer = (struct hs_answer){ .kind = HS_ANSWER_OVERSIZE };
	switch (hs_engine_send(v->engine, &message)) {
	case HS_SEND_OVERSIZE: return 0;
	case HS_SENT:
		hs_engine_flush(v->engine);
		if (wait_for_answer(v, message.tag, answer) &&
		    (answer->kind == HS_ANSWER_STORED || answer->kind == HS_ANSWER_OVERSIZE))
			return 0;
		break;
	case HS_SEND_DOWN:
	case HS_SEND_ILLEGAL: break;
	}
	fputs("hookspool ship: --mend: a record has no answer that says it is stored: run it again, it looks first\n",
	      stderr);
	return EX_TEMPFAIL;
}

/* --- the spool ---------------------------------------------------------------------------------- */

static bool has_message(const struct verify *v, const struct hs_place *place)
{
	return v->count > 0 && bsearch(place, v->message, v->count, sizeof *v->message, by_place) != NULL;
}

static int compare(struct verify *v, struct hs_slice line, const struct hs_place *place)
{
	struct hs_subject_fields fields;

	v->records++;
	if (has_message(v, place))
		return 0;
	hs_subject_read(line, &fields);
	hs_buf_reset(&v->text);
	if (fields.message_id.n > 0 && !hs_subject_put_id(&v->text, v->receiver, place, &fields))
		return hs_event_source_result(&v->source, HS_E_MEMORY);
	if (!hs_lacking_add(&v->lacking, place, hs_buf_slice(&v->text)))
		return hs_event_source_result(&v->source, HS_E_MEMORY);
	return 0;
}

/* Calls each(v, line, place) for the records up to the cursor: what is after it was not sent yet. */
static int read_spool(struct verify *v, struct hs_position end,
                      int (*each)(struct verify *v, struct hs_slice line, const struct hs_place *place))
{
	struct hs_reader *reader = v->source.reader;
	struct hs_position start = { 0 };
	enum hs_result result = hs_reader_renew(reader, &end);
	int code;

	if (result == HS_OK && v->run->since != NULL)
		result = hs_event_source_from(reader, v->run->since);
	else
		hs_reader_start(reader, start);
	code = hs_event_source_result(&v->source, result);
	while (code == 0 && !hs_reader_has_passed(reader, end)) {
		struct hs_position after;
		struct hs_slice line;
		enum hs_read what = hs_reader_next(reader, &line);

		if (what == HS_READ_END)
			break;
		after = hs_reader_place(reader);
		code = what != HS_READ_LINE
		           ? hs_event_source_trouble(&v->source, what)
		           : each(v, line, &(struct hs_place){ after.number, after.offset - line.n - 1, after.edit });
	}
	return code;
}

/* --- what the stream lacks ------------------------------------------------------------------------ */

/* An erase may have moved records since the stream was read: those that are found now are not lacking. */
static bool is_lacking(void *context, struct hs_place *place)
{
	struct verify *v = context;
	bool erased = false;

	if (v->result == HS_OK)
		v->result = hs_place_translate(v->rewrites, place, &erased);
	if (v->result != HS_OK || erased || has_message(v, place))
		return false;
	if (!v->limited || hs_place_cmp(place, &v->kept) >= 0)
		return true;
	v->old++;
	return false;
}

static int settle(struct verify *v)
{
	int code = hs_event_source_result(&v->source, translate(v));
	bool ok;

	if (code == 0)
		code = hs_event_source_result(&v->source, hs_rewrite_log_share(v->rewrites));
	if (code != 0)
		return code;
	ok = hs_lacking_settle(&v->lacking, is_lacking, v);
	hs_rewrite_log_release(v->rewrites);
	return hs_event_source_result(&v->source, !ok ? HS_E_MEMORY : v->result);
}

static bool note_id(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	struct verify *v = context;

	(void)places;
	hs_lacking_note(&v->lacking, id, sequence);
	v->looked_up = sequence;
	return true;
}

/* Looks for messages of all receivers with the ids of the lacking records, after those that were looked at before. */
static int look_elsewhere(struct verify *v)
{
	struct hs_engine_failure failure = { 0 };
	struct hs_engine_stream stream;
	int64_t since_ms = 0;
	int code = v->lacking.named == 0 ? 0 : hs_engine_look(v->engine, &stream, &failure);

	if (v->lacking.named == 0)
		return 0;
	if (code == 0 && v->run->since != NULL && v->looked_up == 0) {
		hs_filter_when(v->run->since, hs_io_now(), &since_ms);
		since_ms -= stream.window_ms > DAY_MS ? stream.window_ms : DAY_MS;
	}
	v->looked_ms = hs_io_now_monotonic();
	if (code == 0)
		code = hs_engine_walk(v->engine, HS_WALK_ALL, v->looked_up + 1, since_ms, note_id, v, &failure);
	if (code != 0)
		fprintf(stderr, "hookspool ship: %s\n", failure.why);
	return code;
}

/* Prints place and id, without characters that might harm a terminal. */
static void print_place(const char *what, const struct hs_lacking_record *record)
{
	char id[HS_SUBJECT_ID_MAX + 1];

	hs_printable_copy(id, sizeof id, record->id);
	printf("%s: segment %" PRIu64 " byte %" PRIu64 " %s", what, record->place.number, record->place.offset, id);
}

static void report(struct verify *v)
{
	for (size_t i = 0; i < v->lacking.count; i++) {
		const struct hs_lacking_record *record = &v->lacking.record[i];

		print_place(record->elsewhere > 0 ? "elsewhere" : "lacking", record);
		if (record->elsewhere > 0)
			printf(": message %" PRIu64, record->elsewhere);
		putchar('\n');
		v->elsewhere += record->elsewhere > 0;
	}
}

/* The stream has refused the id: another receiver sent it a moment ago, or its message was deleted. */
static int is_duplicate(struct verify *v, const struct hs_lacking_record *record, uint64_t sequence)
{
	int code = look_elsewhere(v);

	if (code == 0 && record->elsewhere > 0)
		v->elsewhere++;
	else if (code == 0)
		fprintf(stderr,
		        "hookspool ship: --mend: segment %" PRIu64 " byte %" PRIu64
		        ": the stream refuses it as a duplicate of message %" PRIu64
		        ", which is gone: run it again after the duplicate window\n",
		        record->place.number, record->place.offset, sequence);
	return code;
}

/* Within the duplicate window the stream itself refuses what another receiver has sent meanwhile. */
static int mend(struct verify *v, struct hs_slice line, const struct hs_place *place)
{
	const struct hs_lacking_record *record = hs_lacking_find(&v->lacking, place);
	struct hs_answer answer;
	int code = 0;

	if (record == NULL || record->elsewhere > 0)
		return 0;
	if (hs_io_now_monotonic() - v->looked_ms >= LOOK_MS)
		code = look_elsewhere(v);
	if (code != 0 || record->elsewhere > 0) {
		v->elsewhere += record->elsewhere > 0;
		return code;
	}
	code = send(v, line, place, &answer);
	if (code == 0 && answer.kind == HS_ANSWER_OVERSIZE) {
		print_place("too long", record);
		putchar('\n');
		v->too_long++;
		return 0;
	}
	if (code == 0 && answer.duplicate)
		return is_duplicate(v, record, answer.sequence);
	v->mended += code == 0;
	return code;
}

static int work(struct verify *v)
{
	struct hs_position end = hs_cursor_position(v->source.cursor);
	uint64_t lacking;
	int code =
	    hs_event_source_result(&v->source, hs_rewrite_log_open(hs_reader_dir(v->source.reader), &v->rewrites));

	if (code == 0 && v->run->mend)
		code = ask(v);
	if (code == 0)
		code = read_stream(v);
	if (code == 0)
		code = read_spool(v, end, compare);
	if (code == 0)
		code = settle(v);
	if (code == 0)
		code = look_elsewhere(v);
	if (code == 0)
		report(v);
	if (code == 0 && v->run->mend && v->lacking.count > v->elsewhere)
		code = read_spool(v, end, mend);
	lacking = v->lacking.count - v->elsewhere;
	printf("%" PRIu64 " records before the cursor, %zu messages: %" PRIu64 " lacking, %" PRIu64 " mended, %" PRIu64
	       " elsewhere, %" PRIu64 " twice, %" PRIu64 " too long, %" PRIu64 " of erased records, %" PRIu64
	       " deleted by limits\n",
	       v->records, v->count, lacking, v->mended, v->elsewhere, v->twice, v->too_long, v->gone, v->old);
	/* what is too long has been set aside, if that is wanted */
	return code == 0 && (lacking > v->mended + (v->run->given.aside ? v->too_long : 0) || v->twice > 0) ? 1 : code;
}

int hs_ship_verify(const struct hs_ship_run *run, const char *receiver, struct hs_engine *engine)
{
	struct verify v = { .run = run, .receiver = receiver, .engine = engine };
	int code = hs_event_source_open(&v.source, "ship", run->config, "ship", NULL);

	if (code != 0)
		return code;
	code = work(&v);
	hs_rewrite_log_close(v.rewrites);
	free(v.message);
	hs_lacking_free(&v.lacking);
	hs_buf_free(&v.text);
	hs_buf_free(&v.header);
	return hs_event_source_close(&v.source, code);
}
