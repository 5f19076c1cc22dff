#include "base/base64.h"
#include "base/timestamp.h"
#include "tools/ship/engine_nats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static const uint64_t NO_REQUEST = UINT64_MAX;

enum { LANES = 128, NO_STREAM = 10059, NO_MESSAGE = 10037, NO_PEERS = 10005 };

/* --- requests and replies ---------------------------------------------------------------------------- */

static int lost(natsStatus status, struct hs_engine_failure *failure)
{
	if (status == NATS_TIMEOUT)
		return hs_engine_fail(failure, EX_TEMPFAIL, "the stream does not answer");
	return hs_engine_fail(failure, EX_TEMPFAIL, "the connection is lost: %s", natsStatus_GetText(status));
}

/*
 * The thread of libnats that reads may have looked up a subscription and not yet locked it when another thread frees
 * it, and crashes then (3.4.1). What was unsubscribed before a round trip is known to no thread after it.
 */
static bool round_trip(struct hs_engine *e, natsConnection *connection)
{
	natsStatus status = natsConnection_FlushTimeout(connection, e->options.ack_wait_ms);

	if (status == NATS_TIMEOUT) /* stuck: another one is made */
		natsConnection_Close(connection);
	if (status != NATS_OK)
		return false;
	natsSubscription_Destroy(e->ended);
	e->ended = NULL;
	return true;
}

int hs_requests_open(struct hs_requests *r, struct hs_engine *e, natsConnection *connection,
                     struct hs_engine_failure *failure)
{
	char subject[HS_NATS_SUBJECT_MAX];
	natsInbox *inbox = NULL;
	natsStatus status;

	*r = (struct hs_requests){ .engine = e, .connection = connection };
	if (connection == NULL)
		return hs_engine_fail(failure, EX_TEMPFAIL, "there is no connection");
	if (!round_trip(e, connection))
		return hs_engine_fail(failure, EX_TEMPFAIL, "the server does not answer");
	status = natsInbox_Create(&inbox);
	if (status != NATS_OK)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	snprintf(r->inbox, sizeof r->inbox, "%s", inbox);
	natsInbox_Destroy(inbox);
	snprintf(subject, sizeof subject, "%s.*", r->inbox);
	status = natsConnection_SubscribeSync(&r->replies, connection, subject);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(r->replies, -1, -1);
	return status == NATS_OK ? 0 : lost(status, failure);
}

void hs_requests_close(struct hs_requests *r)
{
	if (r->replies == NULL)
		return;
	natsSubscription_Unsubscribe(r->replies);
	r->engine->ended = r->replies;
	r->replies = NULL;
}

void hs_requests_reply(const struct hs_requests *r, char reply[static HS_NATS_SUBJECT_MAX])
{
	snprintf(reply, HS_NATS_SUBJECT_MAX, "%s.%" PRIu64, r->inbox, r->count);
}

int hs_requests_send(struct hs_requests *r, const char *subject, struct hs_slice body,
                     struct hs_engine_failure *failure)
{
	char reply[HS_NATS_SUBJECT_MAX];
	natsStatus status;

	hs_requests_reply(r, reply);
	status = natsConnection_PublishRequest(r->connection, subject, reply, body.p, (int)body.n);
	r->count++;
	return status == NATS_OK ? 0 : lost(status, failure);
}

int hs_requests_receive(struct hs_requests *r, natsMsg **msg, uint64_t *number, struct hs_engine_failure *failure)
{
	natsStatus status = natsSubscription_NextMsg(msg, r->replies, r->engine->options.ack_wait_ms);

	/* libnats keeps the message and tells the status: it is taken for the reply to the last request. */
	if (status == NATS_NO_RESPONDERS) {
		*msg = NULL;
		*number = r->count - 1;
		return 0;
	}
	if (status != NATS_OK)
		return lost(status, failure);
	*number = strtoull(natsMsg_GetSubject(*msg) + strlen(r->inbox) + 1, NULL, 10);
	return 0;
}

/* --- JetStream's API ----------------------------------------------------------------------------------- */

void hs_reply_free(struct hs_reply *reply)
{
	hs_json_free(&reply->json);
	natsMsg_Destroy(reply->msg);
	reply->msg = NULL;
}

/* Sorts the reply in reply->msg. */
static int read_reply(struct hs_reply *reply, struct hs_engine_failure *failure)
{
	struct hs_slice body = hs_nats_data(reply->msg);
	uint32_t error;
	int64_t code;
	char words[256];

	reply->error = 0;
	if (hs_nats_status(reply->msg) == 503)
		return hs_engine_fail(failure, EX_TEMPFAIL, "the server has no JetStream, or the stream has no leader");
	if (hs_json_document(&reply->json, body) != HS_OK || reply->json.tok[0].kind != HS_JSON_OBJECT)
		return hs_engine_fail(failure, EX_TEMPFAIL, "a reply that is no JSON object");
	error = hs_member(&reply->json, 0, "error");
	if (error == 0)
		return 0;
	reply->error = (int)hs_member_int(&reply->json, error, "err_code", -1);
	code = hs_member_int(&reply->json, error, "code", 0);
	hs_member_text(&reply->json, error, "description", words, sizeof words);
	if (reply->error == NO_STREAM || reply->error == NO_MESSAGE)
		return hs_engine_fail(failure, EX_NOINPUT, "%s (%d)", words, reply->error);
	/* A cluster that has just begun lacks peers, and a busy server takes no more requests for now. */
	return hs_engine_fail(failure,
	                      code >= 400 && code < 500 && code != HS_TOO_MANY_REQUESTS && reply->error != NO_PEERS
	                          ? EX_CONFIG
	                          : EX_TEMPFAIL,
	                      "%s (%d)", words, reply->error);
}

static void api_subject(const struct hs_requests *r, const char *verb, char subject[static HS_NATS_SUBJECT_MAX])
{
	snprintf(subject, HS_NATS_SUBJECT_MAX, "$JS.API.STREAM.%s.%s", verb, r->engine->options.stream);
}

int hs_requests_call(struct hs_requests *r, const char *verb, struct hs_slice body, struct hs_reply *reply,
                     struct hs_engine_failure *failure)
{
	char subject[HS_NATS_SUBJECT_MAX];
	uint64_t wanted = r->count, number;
	int code;

	*reply = (struct hs_reply){ 0 };
	hs_json_init(&reply->json, 0);
	api_subject(r, verb, subject);
	code = hs_requests_send(r, subject, body, failure);
	while (code == 0) {
		code = hs_requests_receive(r, &reply->msg, &number, failure);
		if (code != 0 || number == wanted)
			break;
		natsMsg_Destroy(reply->msg); /* the late reply to an earlier request */
		reply->msg = NULL;
	}
	return code != 0 ? code : read_reply(reply, failure);
}

/* --- messages of the stream ------------------------------------------------------------------------------ */

/* The value of a header in "NATS/1.0\r\nName: value\r\n…". */
static struct hs_slice header(struct hs_slice headers, struct hs_slice name)
{
	const char *at = headers.p, *end = headers.p + headers.n, *line_end;

	for (; at < end; at = line_end + 2) {
		line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
		if (line_end == NULL)
			break;
		if ((size_t)(line_end - at) > name.n && memcmp(at, name.p, name.n) == 0 && at[name.n] == ':')
			return hs_slice_trim(hs_slice(at + name.n + 1, (size_t)(line_end - at) - name.n - 1));
	}
	return HS_SLICE_NONE;
}

static int read_stored(const struct hs_json *json, struct hs_stored *stored, struct hs_engine_failure *failure)
{
	uint32_t message = hs_member(json, 0, "message");
	struct hs_slice headers = hs_member_raw(json, message, "hdrs");
	struct hs_slice place;

	stored->sequence = message != 0 ? hs_member_uint(json, message, "seq", 0) : 0;
	if (stored->sequence == 0)
		return hs_engine_fail(failure, EX_TEMPFAIL, "a reply without a message");
	if (!hs_timestamp_parse(hs_member_raw(json, message, "time"), &stored->time_ms))
		stored->time_ms = 0;
	hs_buf_reset(&stored->headers);
	if (headers.p != NULL && !hs_base64_decode(headers, &stored->headers))
		return hs_engine_fail(failure, EX_TEMPFAIL, "message %" PRIu64 " has headers that are not base64",
		                      stored->sequence);
	place = header(hs_buf_slice(&stored->headers), HS_SLICE("Hookspool-Pos"));
	stored->id = header(hs_buf_slice(&stored->headers), HS_SLICE("Nats-Msg-Id"));
	stored->ours = hs_places_read(place, &stored->places) && stored->places.own.number > 0;
	return 0;
}

/* The subjects of records: not those of marks, which have a token less. */
static void record_subjects(const struct hs_requests *r, char subjects[static HS_NATS_SUBJECT_MAX])
{
	snprintf(subjects, HS_NATS_SUBJECT_MAX, "hookspool.%s.*.>",
	         r->of == HS_WALK_ALL ? "*" : r->engine->options.receiver);
}

static int get(struct hs_requests *r, struct hs_slice body, struct hs_stored *stored, struct hs_engine_failure *failure)
{
	struct hs_reply reply;
	int code = hs_requests_call(r, "MSG.GET", body, &reply, failure);

	stored->sequence = 0;
	if (code == 0)
		code = read_stored(&reply.json, stored, failure);
	else if (reply.error == NO_MESSAGE)
		code = 0;
	hs_reply_free(&reply);
	return code;
}

static void next_body(const struct hs_requests *r, uint64_t from, char body[static HS_NATS_SUBJECT_MAX * 2])
{
	char subjects[HS_NATS_SUBJECT_MAX];

	record_subjects(r, subjects);
	snprintf(body, HS_NATS_SUBJECT_MAX * 2, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\"%s\"}", from, subjects);
}

/* A server that goes back would be asked for ever. */
static int check_from(const struct hs_stored *stored, uint64_t from, struct hs_engine_failure *failure)
{
	if (stored->sequence >= from)
		return 0;
	return hs_engine_fail(failure, EX_TEMPFAIL,
	                      "the server answers with message %" PRIu64 " when asked for %" PRIu64 " or a later one",
	                      stored->sequence, from);
}

int hs_requests_next(struct hs_requests *r, uint64_t from, struct hs_stored *stored, struct hs_engine_failure *failure)
{
	char body[HS_NATS_SUBJECT_MAX * 2];
	int code;

	next_body(r, from, body);
	code = get(r, hs_slice_str(body), stored, failure);
	return code != 0 || stored->sequence == 0 ? code : check_from(stored, from, failure);
}

/*
 * nats-server 2.9 finds no last message of several subjects if that one was deleted, though others are there: searches
 * by halves.
 */
static int search_last(struct hs_requests *r, struct hs_stored *stored, struct hs_engine_failure *failure)
{
	struct hs_engine_stream stream = { 0 };
	uint64_t low, middle;
	int code = hs_requests_next(r, 1, stored, failure);

	if (code != 0 || stored->sequence == 0)
		return code;
	low = stored->sequence;
	code = hs_requests_info(r, &stream, failure);
	while (code == 0 && low < stream.last) {
		middle = low + (stream.last - low + 1) / 2;
		code = hs_requests_next(r, middle, stored, failure);
		if (stored->sequence > 0)
			low = stored->sequence;
		else
			stream.last = middle - 1;
	}
	return code != 0 ? code : hs_requests_next(r, low, stored, failure);
}

int hs_requests_last(struct hs_requests *r, struct hs_stored *stored, struct hs_engine_failure *failure)
{
	char subjects[HS_NATS_SUBJECT_MAX], body[HS_NATS_SUBJECT_MAX + 64];
	int code;

	record_subjects(r, subjects);
	snprintf(body, sizeof body, "{\"last_by_subj\":\"%s\"}", subjects);
	code = get(r, hs_slice_str(body), stored, failure);
	return code != 0 || stored->sequence > 0 ? code : search_last(r, stored, failure);
}

/* --- many at once -------------------------------------------------------------------------------------------- */

/*
 * A range is cut into lanes of equal length, and each lane walks from one message of this receiver to the next, so
 * that a request is under way in each. A lane ends with the first message beyond it. A reply may come twice: only
 * the first is taken.
 */
struct lane {
	uint64_t next, last; /* both are asked for */
	uint64_t number;     /* of its request; NO_REQUEST: none is under way */
};

struct range {
	struct hs_requests *requests;
	struct lane lane[LANES];
	size_t lanes, open;
	struct hs_stored stored;
	bool (*each)(void *context, const struct hs_stored *stored);
	void *context;
};

static int lane_send(struct range *range, struct lane *lane, struct hs_engine_failure *failure)
{
	char subject[HS_NATS_SUBJECT_MAX], body[HS_NATS_SUBJECT_MAX * 2];

	lane->number = range->requests->count;
	api_subject(range->requests, "MSG.GET", subject);
	next_body(range->requests, lane->next, body);
	return hs_requests_send(range->requests, subject, hs_slice_str(body), failure);
}

static void lane_end(struct range *range, struct lane *lane)
{
	lane->number = NO_REQUEST;
	range->open--;
}

static int lane_take(struct range *range, struct lane *lane, const struct hs_json *json,
                     struct hs_engine_failure *failure)
{
	const struct hs_stored *stored = &range->stored;
	int code = read_stored(json, &range->stored, failure);

	if (code == 0)
		code = check_from(stored, lane->next, failure);
	if (code != 0)
		return code;
	if (stored->sequence <= lane->last && stored->ours && !range->each(range->context, stored))
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	if (stored->sequence < lane->last) {
		lane->next = stored->sequence + 1;
		return lane_send(range, lane, failure);
	}
	lane_end(range, lane);
	return 0;
}

static struct lane *lane_of(struct range *range, uint64_t number)
{
	for (size_t i = 0; i < range->lanes; i++)
		if (range->lane[i].number == number)
			return &range->lane[i];
	return NULL;
}

static int range_receive(struct range *range, struct hs_engine_failure *failure)
{
	struct hs_reply reply = { 0 };
	struct lane *lane;
	uint64_t number;
	int code = hs_requests_receive(range->requests, &reply.msg, &number, failure);

	if (code != 0)
		return code;
	lane = lane_of(range, number);
	hs_json_init(&reply.json, 0);
	code = read_reply(&reply, failure);
	if (reply.error == NO_MESSAGE) {
		if (lane != NULL)
			lane_end(range, lane);
		code = 0;
	} else if (code == 0 && lane != NULL) {
		code = lane_take(range, lane, &reply.json, failure);
	}
	hs_reply_free(&reply);
	return code;
}

static int range_begin(struct range *range, uint64_t from, uint64_t to, struct hs_engine_failure *failure)
{
	uint64_t more = to - from, step = more < LANES ? 1 : more / LANES;
	int code = 0;

	range->lanes = more < LANES ? (size_t)more + 1 : LANES;
	for (size_t i = 0; i < range->lanes && code == 0; i++) {
		range->lane[i].next = from + i * step;
		range->lane[i].last = i + 1 < range->lanes ? range->lane[i].next + (step - 1) : to;
		range->open++;
		code = lane_send(range, &range->lane[i], failure);
	}
	return code;
}

int hs_requests_range(struct hs_requests *r, uint64_t from, uint64_t to,
                      bool (*each)(void *context, const struct hs_stored *stored), void *context,
                      struct hs_engine_failure *failure)
{
	struct range *range;
	int code;

	if (from > to)
		return 0;
	range = calloc(1, sizeof *range);
	if (range == NULL)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	range->requests = r;
	range->each = each;
	range->context = context;
	code = range_begin(range, from, to, failure);
	while (code == 0 && range->open > 0)
		code = range_receive(range, failure);
	hs_buf_free(&range->stored.headers);
	free(range);
	return code;
}
