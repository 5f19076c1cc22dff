#include "base/array.h"
#include "base/io.h"
#include "tools/ship/engine_nats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { MARK_FIRST_MS = 250, MARK_MOST_MS = 2000 };

/* --- the barrier ---------------------------------------------------------------------------------------- */

static int mark_publish(struct hs_requests *r, struct hs_engine_failure *failure)
{
	char subject[HS_NATS_SUBJECT_MAX], reply[HS_NATS_SUBJECT_MAX];
	struct hs_message mark = { .place = HS_SLICE("0:0:0 0:0:0@0") };
	natsStatus status;
	natsMsg *msg;

	snprintf(subject, sizeof subject, "hookspool.%s.mark", r->engine->options.receiver);
	mark.subject = hs_slice_str(subject);
	hs_requests_reply(r, reply);
	msg = hs_nats_message(r->engine, &mark, reply);
	if (msg == NULL)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	status = natsConnection_PublishMsg(r->connection, msg);
	r->count++;
	natsMsg_Destroy(msg);
	return status == NATS_OK ? 0 : hs_engine_fail(failure, EX_TEMPFAIL, "the connection is lost");
}

/* Sends a mark, without an id, so that it is stored whenever it is answered. */
static int mark_once(struct hs_requests *r, struct hs_answer *answer, struct hs_engine_failure *failure)
{
	uint64_t wanted = r->count, number = 0;
	natsMsg *msg = NULL;
	int code = mark_publish(r, failure);

	while (code == 0) {
		code = hs_requests_receive(r, &msg, &number, failure);
		if (code != 0)
			break;
		if (number == wanted)
			hs_answer_read(hs_nats_data(msg), hs_nats_status(msg), answer);
		natsMsg_Destroy(msg);
		if (number == wanted)
			break;
	}
	return code;
}

static bool is_never_stored(enum hs_answer_kind kind)
{
	return kind == HS_ANSWER_SETUP || kind == HS_ANSWER_OVERSIZE;
}

/* A subject without a stream is answered as a stream without a leader is. */
static int look_for_stream(struct hs_requests *r, struct hs_engine_failure *failure)
{
	struct hs_engine_stream stream;
	int code = hs_requests_info(r, &stream, failure);

	return code == EX_NOINPUT ? code : 0;
}

/* Repeats the mark until it is stored, at most for ack_wait. */
static int mark_store(struct hs_requests *r, uint64_t *sequence, struct hs_engine_failure *failure)
{
	int64_t until_ms = hs_io_now_monotonic() + r->engine->options.ack_wait_ms, wait_ms = MARK_FIRST_MS;
	struct hs_answer answer = { 0 };
	int code;

	for (;;) {
		code = mark_once(r, &answer, failure);
		*sequence = answer.sequence;
		if (code != 0 || answer.kind == HS_ANSWER_STORED)
			return code;
		if (is_never_stored(answer.kind))
			return hs_engine_fail(failure, EX_CONFIG, "the stream takes no mark: %s (%d)", answer.text,
			                      answer.error);
		if (answer.kind == HS_ANSWER_NOBODY && wait_ms == MARK_FIRST_MS)
			code = look_for_stream(r, failure);
		if (code != 0)
			return code;
		if (hs_io_now_monotonic() + wait_ms > until_ms || !hs_nats_pause(r->engine, wait_ms))
			break;
		wait_ms = wait_ms * 2 < MARK_MOST_MS ? wait_ms * 2 : MARK_MOST_MS;
	}
	return hs_engine_fail(failure, EX_TEMPFAIL, "the stream stores no mark: %s (%d)", answer.text, answer.error);
}

/* --- what there is ------------------------------------------------------------------------------------- */

struct places {
	struct hs_engine_asked *asked;
	size_t cap;
};

static bool add_place(void *context, const struct hs_stored *stored)
{
	struct places *places = context;
	struct hs_engine_asked *asked = places->asked;

	if (!HS_ARRAY_ROOM(&asked->set, asked->count, &places->cap))
		return false;
	asked->set[asked->count++] = stored->places.own;
	return true;
}

static int read_last(struct hs_requests *r, struct hs_engine_asked *asked, struct hs_engine_failure *failure)
{
	struct places places = { .asked = asked };
	struct hs_stored last = { 0 };
	int code = hs_requests_last(r, &last, failure);

	if (code == 0 && last.sequence > 0 && !last.ours)
		code = hs_engine_fail(failure, EX_CONFIG,
		                      "message %" PRIu64
		                      " of the stream has this receiver's subject, but not its place: another "
		                      "program writes to hookspool.%s",
		                      last.sequence, r->engine->options.receiver);
	if (code == 0 && last.sequence > 0) {
		asked->any = true;
		asked->done = last.places;
		asked->sequence = last.sequence;
		if (last.id.n < sizeof asked->id)
			snprintf(asked->id, sizeof asked->id, "%.*s", (int)last.id.n, last.id.n > 0 ? last.id.p : "");
		if (last.places.stored_at < last.sequence) /* it may be any number: somebody else can write there */
			code =
			    hs_requests_range(r, last.places.stored_at + 1, last.sequence, add_place, &places, failure);
	}
	hs_buf_free(&last.headers);
	return code;
}

static int ask(struct hs_requests *r, struct hs_engine_asked *asked)
{
	struct hs_engine_failure *failure = &asked->failure;
	uint64_t mark = 0;
	int code = mark_store(r, &mark, failure);

	if (code == 0)
		code = hs_requests_info(r, &asked->stream, failure);
	if (code == 0 && asked->stream.last < mark)
		code =
		    hs_engine_fail(failure, EX_TEMPFAIL, "a former leader answers, which lacks message %" PRIu64, mark);
	return code != 0 ? code : read_last(r, asked, failure);
}

void hs_nats_ask(struct hs_engine *e, natsConnection *connection, struct hs_engine_asked *asked)
{
	struct hs_requests requests;
	int code = hs_requests_open(&requests, e, connection, &asked->failure);

	if (code == 0)
		code = ask(&requests, asked);
	hs_requests_close(&requests);
	if (code == 0)
		return;
	asked->failed = true;
	free(asked->set);
	asked->set = NULL;
	asked->count = 0;
}
