#include "tools/ship/ship_verify.h"
#include "base/io.h"
#include "tools/report/filter.h"
#include "tools/ship/place_set.h"
#include "tools/ship/subject.h"
#include "tools/sink/event_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

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
	struct message *message;
	size_t count, room;
	bool no_memory;
	struct hs_places done; /* of the stream's last message, for those that mend it */
	uint64_t records, lacking, mended, twice, gone;
	struct hs_buf text, header;
};

/* --- the stream ------------------------------------------------------------------------------ */

static bool note_message(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	struct verify *v = context;

	(void)id;
	if (v->count == v->room) {
		size_t room = v->room == 0 ? 1024 : 2 * v->room;
		struct message *larger = reallocarray(v->message, room, sizeof *larger);

		v->no_memory = larger == NULL;
		if (v->no_memory)
			return false;
		v->message = larger;
		v->room = room;
	}
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
	size_t kept = 0;

	if (result != HS_OK)
		return result;
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

static int read_stream(struct verify *v)
{
	struct hs_engine_failure failure = { 0 };
	int64_t since_ms = 0;
	int code;

	if (v->run->since != NULL)
		hs_filter_when(v->run->since, hs_io_now(), &since_ms);
	code = hs_engine_walk(v->engine, 1, since_ms, note_message, v, &failure);
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

/* What the last message says of the stream stays true: what is sent now is no news about what was before. */
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

static int send(struct verify *v, struct hs_slice line, const struct hs_place *place)
{
	struct hs_places places = { *place, v->done.stored, v->done.stored_at };
	struct hs_message message = { .tag = v->lacking, .data = line };
	struct hs_subject_fields fields;
	struct hs_answer answer;
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
	if (hs_engine_send(v->engine, &message) == HS_SENT) {
		hs_engine_flush(v->engine);
		if (wait_for_answer(v, message.tag, &answer) && answer.kind == HS_ANSWER_STORED) {
			v->mended++;
			return 0;
		}
	}
	fputs("hookspool ship: --mend: a record has no answer that says it is stored: run it again, it looks first\n",
	      stderr);
	return EX_TEMPFAIL;
}

/* --- the spool ---------------------------------------------------------------------------------- */

static int compare(struct verify *v, struct hs_slice line)
{
	struct hs_position after = hs_reader_place(v->source.reader);
	struct hs_place place = { after.number, after.offset - line.n - 1, after.edit };
	const struct message *found = v->count == 0 ? NULL
	                                            : bsearch(&place, v->message, v->count, sizeof *v->message, by_place);
	struct hs_subject_fields fields;

	v->records++;
	if (found != NULL)
		return 0;
	v->lacking++;
	hs_subject_read(line, &fields);
	printf("lacking: segment %" PRIu64 " byte %" PRIu64 " %.*s\n", place.number, place.offset, (int)fields.message_id.n,
	       fields.message_id.n > 0 ? fields.message_id.p : "");
	return v->run->mend ? send(v, line, &place) : 0;
}

/* Up to the cursor: what is after it was not sent yet. */
static int read_spool(struct verify *v, struct hs_position end)
{
	struct hs_reader *reader = v->source.reader;
	struct hs_position start = { 0 };
	enum hs_result result = HS_OK;
	int code;

	if (v->run->since != NULL)
		result = hs_event_source_from(reader, v->run->since);
	else
		hs_reader_start(reader, start);
	code = hs_event_source_result(&v->source, result);
	while (code == 0 && !hs_reader_has_passed(reader, end)) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(reader, &line);

		if (what == HS_READ_END)
			break;
		code = what == HS_READ_LINE ? compare(v, line) : hs_event_source_trouble(&v->source, what);
	}
	return code;
}

static int work(struct verify *v)
{
	struct hs_position end = hs_cursor_position(v->source.cursor);
	int code = hs_event_source_result(&v->source, hs_reader_renew(v->source.reader, &end));

	if (code == 0)
		code = hs_event_source_result(
		    &v->source, hs_rewrite_log_open(hs_reader_dir(v->source.reader), &v->rewrites));
	if (code == 0 && v->run->mend)
		code = ask(v);
	if (code == 0)
		code = read_stream(v);
	if (code == 0)
		code = read_spool(v, end);
	printf("%" PRIu64 " records before the cursor, %zu messages: %" PRIu64 " lacking, %" PRIu64 " mended, %" PRIu64
	       " twice, %" PRIu64 " of erased records\n",
	       v->records, v->count, v->lacking, v->mended, v->twice, v->gone);
	return code == 0 && (v->lacking > v->mended || v->twice > 0) ? 1 : code;
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
	hs_buf_free(&v.text);
	hs_buf_free(&v.header);
	return hs_event_source_close(&v.source, code);
}
