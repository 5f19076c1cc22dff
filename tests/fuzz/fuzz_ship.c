/*
 * What a NATS server says to `ship`, without a server: the calls of libnats are those of this file. The first
 * byte says how the rest is used.
 *
 *	'a'  as the answer to a message: what we take for stored json-c takes for it, too, with the same sequence
 *	'p'  as the header Hookspool-Pos: what is read is written the same
 *	'i'  as the INFO of a server
 *	'A'  ask, 'W' walk, 'L' look, 'M' make: lines, each a reply of a server that may say anything:
 *	         -             no answer comes
 *	         !             no responders
 *	         @N TEXT       TEXT is the reply to the Nth of the last requests
 *	         +SEQ [HEADER]  the oldest request gets message SEQ, whose Hookspool-Pos that is
 *	         TEXT          the oldest request gets this
 *	'h'  a server that is honest, with a network that is not: the first line is the stream, a letter for each
 *	     message ('.' another's, '_' a gap); each byte after it says which reply comes next, see pick_honest
 *
 * Whatever it says: each call ends, and takes no more replies than there are; a message is reported once, in
 * the range that was asked for, a walk in ascending order; a failure has a code of the header and printable
 * words. What an honest server has is what ask and walk return, whatever the order of its replies, and however
 * often each of them comes.
 */
#include "base/base64.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tools/ship/engine_nats_info.c"

#include <sysexits.h>

enum {
	REQUESTS_MOST = 4096, /* a call that sends more does not end */
	MESSAGES_MOST = 24,
};

/* --- libnats --------------------------------------------------------------------------------- */

struct __natsMsg {
	char subject[HS_NATS_SUBJECT_MAX];
	struct hs_buf data;
	bool no_responders;
};

struct message { /* of the honest stream */
	uint64_t sequence, stored_at;
	bool ours;
};

struct request {
	enum { MARK, INFO, LAST, NEXT, OTHER } verb;
	uint64_t from;
	bool all, answered;
};

static struct server {
	struct hs_slice rest; /* what is left of the input */
	bool honest;
	struct request request[REQUESTS_MOST];
	uint64_t requests;
	struct message message[MESSAGES_MOST];
	size_t messages;
	uint64_t last;
	int alive; /* messages of libnats that are not freed */
} server;

/* The requests are written before they are read. */
static void begin(bool honest, struct hs_slice rest)
{
	server.honest = honest;
	server.rest = rest;
	server.requests = server.last = 0;
	server.messages = 0;
}

static const char inbox[] = "_INBOX.fuzz";

natsStatus natsInbox_Create(char **new)
{
	*new = strdup(inbox);
	return *new != NULL ? NATS_OK : NATS_NO_MEMORY;
}

void natsInbox_Destroy(char *old)
{
	free(old);
}

natsStatus natsConnection_SubscribeSync(natsSubscription **sub, natsConnection *nc, const char *subject)
{
	(void)nc;
	MUST(strcmp(subject, "_INBOX.fuzz.*") == 0);
	*sub = (natsSubscription *)&server;
	return NATS_OK;
}

natsStatus natsSubscription_SetPendingLimits(natsSubscription *sub, int messages, int bytes)
{
	(void)sub;
	(void)messages;
	(void)bytes;
	return NATS_OK;
}

void natsSubscription_Destroy(natsSubscription *sub)
{
	(void)sub;
}

natsStatus natsSubscription_Unsubscribe(natsSubscription *sub)
{
	(void)sub;
	return NATS_OK;
}

natsStatus natsConnection_FlushTimeout(natsConnection *nc, int64_t ms)
{
	(void)nc;
	(void)ms;
	return NATS_OK;
}

void natsConnection_Close(natsConnection *nc)
{
	(void)nc;
}

const char *natsStatus_GetText(natsStatus status)
{
	(void)status;
	return "a status of libnats";
}

natsStatus natsMsg_Create(natsMsg **new, const char *subject, const char *reply, const char *data, int n)
{
	natsMsg *msg = calloc(1, sizeof *msg);

	(void)subject;
	MUST(msg != NULL);
	snprintf(msg->subject, sizeof msg->subject, "%s", reply);
	hs_buf_put(&msg->data, data, (size_t)n);
	server.alive++;
	*new = msg;
	return NATS_OK;
}

natsStatus natsMsgHeader_Set(natsMsg *msg, const char *name, const char *value)
{
	(void)msg;
	MUST(strpbrk(name, "\r\n:") == NULL && strpbrk(value, "\r\n") == NULL);
	return NATS_OK;
}

void natsMsg_Destroy(natsMsg *msg)
{
	if (msg == NULL)
		return;
	hs_buf_free(&msg->data);
	free(msg);
	server.alive--;
}

const char *natsMsg_GetSubject(const natsMsg *msg)
{
	return msg->subject;
}

const char *natsMsg_GetData(const natsMsg *msg)
{
	return msg->data.p;
}

int natsMsg_GetDataLength(const natsMsg *msg)
{
	return (int)msg->data.n;
}

bool natsMsg_IsNoResponders(natsMsg *msg)
{
	return msg->no_responders;
}

/* Each request says which reply is its own. */
static void note_request(const char *reply, struct request request)
{
	char expected[HS_NATS_SUBJECT_MAX];

	MUST(server.requests < REQUESTS_MOST);
	snprintf(expected, sizeof expected, "%s.%llu", inbox, (unsigned long long)server.requests);
	MUST(strcmp(reply, expected) == 0);
	server.request[server.requests++] = request;
}

natsStatus natsConnection_PublishMsg(natsConnection *nc, natsMsg *msg)
{
	(void)nc;
	note_request(msg->subject, (struct request){ .verb = MARK });
	return NATS_OK;
}

natsStatus natsConnection_PublishRequest(natsConnection *nc, const char *subject, const char *reply, const void *data,
                                         int n)
{
	struct request request = { .verb = OTHER };
	struct hs_slice body = hs_slice(data, (size_t)n);
	struct hs_json json = { .seed = 1 };

	(void)nc;
	if (strstr(subject, ".INFO.") != NULL)
		request.verb = INFO;
	if (n > 0) {
		MUST(hs_json_document(&json, body) == HS_OK);
		request.all = memmem(body.p, body.n, "hookspool.*.*.>", 15) != NULL;
		request.from = hs_member_uint(&json, 0, "seq", 0);
		if (hs_member(&json, 0, "last_by_subj") != 0)
			request.verb = LAST;
		else if (hs_member(&json, 0, "next_by_subj") != 0)
			request.verb = NEXT;
		hs_json_free(&json);
	}
	note_request(reply, request);
	return NATS_OK;
}

static natsMsg *reply_to(uint64_t number, struct hs_slice text)
{
	char subject[HS_NATS_SUBJECT_MAX];
	natsMsg *msg;

	snprintf(subject, sizeof subject, "%s.%llu", inbox, (unsigned long long)number);
	natsMsg_Create(&msg, NULL, subject, text.p, (int)text.n);
	if (number < server.requests)
		server.request[number].answered = true;
	return msg;
}

/* The oldest request that has no reply yet; the next number if all have one. */
static uint64_t oldest(void)
{
	uint64_t i = 0;

	while (i < server.requests && server.request[i].answered)
		i++;
	return i;
}

/* --- a server that may say anything ------------------------------------------------------------ */

/* The reply to MSG.GET, with a header that has the place. */
static void put_message(struct hs_buf *out, uint64_t sequence, int64_t minute, struct hs_slice place)
{
	struct hs_buf headers = { 0 };

	hs_buf_put_slice(&headers, HS_SLICE("NATS/1.0\r\nNats-Msg-Id: an id\r\nHookspool-Pos: "));
	hs_buf_put_slice(&headers, place);
	hs_buf_put_slice(&headers, HS_SLICE("\r\n\r\n"));
	hs_buf_printf(out, "{\"message\":{\"seq\":%llu,\"time\":\"2026-11-29T10:%02d:00.5Z\",\"hdrs\":\"",
	              (unsigned long long)sequence, (int)(minute % 60));
	hs_base64_encode(hs_buf_slice(&headers), out);
	hs_buf_put_slice(out, HS_SLICE("\"}}"));
	hs_buf_free(&headers);
}

static natsMsg *reply_of_line(struct hs_slice line)
{
	uint64_t number = oldest(), sequence = 0;
	struct hs_buf text = { 0 };
	natsMsg *msg;
	size_t i = 1;

	if (line.n > 1 && line.p[0] == '@' && hs_is_digit(line.p[1])) {
		uint64_t back = (uint64_t)(line.p[1] - '0');

		number = server.requests > back ? server.requests - 1 - back : 0;
		line = hs_slice_trim(hs_slice(line.p + 2, line.n - 2));
	} else if (line.n > 0 && line.p[0] == '+') {
		for (; i < line.n && hs_is_digit(line.p[i]); i++)
			sequence = sequence * 10 + (uint64_t)(line.p[i] - '0');
		put_message(&text, sequence, 0, hs_slice_trim(hs_slice(line.p + i, line.n - i)));
		line = hs_buf_slice(&text);
	}
	msg = reply_to(number, line);
	hs_buf_free(&text);
	return msg;
}

static natsStatus say_anything(natsMsg **msg)
{
	const char *end = server.rest.n > 0 ? memchr(server.rest.p, '\n', server.rest.n) : NULL;
	struct hs_slice line = hs_slice(server.rest.p, end != NULL ? (size_t)(end - server.rest.p) : server.rest.n);

	if (server.rest.n == 0)
		return NATS_TIMEOUT;
	server.rest = end != NULL ? hs_slice(end + 1, server.rest.n - line.n - 1) : HS_SLICE_NONE;
	if (hs_slice_eq(line, HS_SLICE("-")))
		return NATS_TIMEOUT;
	if (hs_slice_eq(line, HS_SLICE("!")))
		return NATS_NO_RESPONDERS;
	*msg = reply_of_line(line);
	return NATS_OK;
}

/* --- an honest server -------------------------------------------------------------------------- */

static void make_stream(struct hs_slice letters)
{
	uint64_t own = 0;

	for (size_t i = 0; i < letters.n && server.messages < MESSAGES_MOST; i++) {
		bool ours = letters.p[i] != '.';

		server.last++;
		if (letters.p[i] == '_')
			continue;
		/* what was stored when it was sent: some letters look back far */
		server.message[server.messages++] =
		    (struct message){ server.last, own > (uint64_t)(letters.p[i] & 7) ? own - (letters.p[i] & 7) : 0,
			              ours };
		if (ours)
			own = server.last;
	}
}

static const struct message *find_message(const struct request *request)
{
	const struct message *found = NULL;

	for (size_t i = 0; i < server.messages; i++) {
		const struct message *m = &server.message[i];

		if (!m->ours && !request->all)
			continue;
		if (request->verb == LAST)
			found = m;
		else if (m->sequence >= request->from)
			return m;
	}
	return found;
}

/* Another's message has another receiver's place, which is as well formed. */
static void put_found(struct hs_buf *out, const struct message *m)
{
	struct hs_places places = { .own = { m->sequence, 7, 0 }, .stored = { 1, 0, 0 }, .stored_at = m->stored_at };
	struct hs_buf text = { 0 };

	hs_places_put(&text, &places);
	put_message(out, m->sequence, (int64_t)m->sequence, hs_buf_slice(&text));
	hs_buf_free(&text);
}

static void put_honest(struct hs_buf *out, const struct request *request)
{
	const struct message *m;

	switch (request->verb) {
	case MARK: hs_buf_printf(out, "{\"stream\":\"s\",\"seq\":%llu}", (unsigned long long)server.last + 1); return;
	case INFO:
		hs_buf_printf(
		    out,
		    "{\"config\":{\"name\":\"s\"},\"created\":\"x\",\"state\":{\"first_seq\":1,\"last_seq\":%llu}}",
		    (unsigned long long)server.last + 1);
		return;
	case OTHER: hs_buf_put_slice(out, HS_SLICE("{}")); return;
	default: break;
	}
	m = find_message(request);
	if (m != NULL)
		put_found(out, m);
	else
		hs_buf_put_slice(out,
		                 HS_SLICE("{\"error\":{\"code\":404,\"err_code\":10037,\"description\":\"no message "
		                          "found\"}}"));
}

/* 0 to 3: the oldest; 4 to 6: the newest; 7: the one before; 8 to 15: again that of so many requests before. */
static uint64_t pick_honest(unsigned choice)
{
	uint64_t back = choice & 15;

	if (back >= 8)
		return server.requests > back - 8 ? server.requests - 1 - (back - 8) : 0;
	if (back >= 4 && oldest() < server.requests) {
		uint64_t i = server.requests - 1;

		while (server.request[i].answered)
			i--;
		return back == 7 && i > 0 ? i - 1 : i;
	}
	return oldest();
}

static natsStatus say_honestly(natsMsg **msg)
{
	struct hs_buf text = { 0 };
	uint64_t number = oldest();

	if (server.rest.n > 0) {
		number = pick_honest((unsigned char)server.rest.p[0]);
		server.rest = hs_slice(server.rest.p + 1, server.rest.n - 1);
	}
	MUST(number < server.requests); /* it waits for a reply to come */
	put_honest(&text, &server.request[number]);
	*msg = reply_to(number, hs_buf_slice(&text));
	hs_buf_free(&text);
	return NATS_OK;
}

natsStatus natsSubscription_NextMsg(natsMsg **msg, natsSubscription *sub, int64_t ms)
{
	(void)sub;
	(void)ms;
	*msg = NULL;
	return server.honest ? say_honestly(msg) : say_anything(msg);
}

/* --- what is called ----------------------------------------------------------------------------- */

static struct hs_engine *new_engine(void)
{
	struct hs_engine *e = calloc(1, sizeof *e);

	MUST(e != NULL);
	e->options = (struct hs_engine_options){ .stream = "s", .receiver = "r" };
	e->connection = (natsConnection *)&server;
	e->closed = true; /* so that it does not wait before it tries again */
	e->fd = -1;
	pthread_mutex_init(&e->use, NULL);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	return e;
}

static void free_engine(struct hs_engine *e)
{
	MUST(server.alive == 0);
	free(e->answers);
	pthread_mutex_destroy(&e->use);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->changed);
	free(e);
}

static void check_text(const char *text, size_t room)
{
	size_t n = strnlen(text, room), length;

	MUST(n < room);
	for (size_t i = 0; i < n; i += length)
		MUST(!hs_utf8_unprintable(text + i, n - i, &length));
}

static void check_failure(int code, const struct hs_engine_failure *failure)
{
	if (code == 0)
		return;
	MUST(code == EX_TEMPFAIL || code == EX_CONFIG || code == EX_NOINPUT);
	MUST(failure->code == code && failure->why[0] != '\0');
	check_text(failure->why, sizeof failure->why);
}

static void check_stream(const struct hs_engine_stream *stream)
{
	check_text(stream->created, sizeof stream->created);
	check_text(stream->leader, sizeof stream->leader);
	MUST(stream->max_age_ms >= 0 || stream->max_age_ms < INT64_MAX);
}

/* The messages that ask must find: ours after what the last one says was stored, that one's too. */
static size_t count_ours(const struct hs_engine_asked *asked)
{
	size_t n = 0;

	for (size_t i = 0; i < server.messages; i++)
		n += server.message[i].ours && server.message[i].sequence > asked->done.stored_at;
	return n;
}

static void check_honest(const struct hs_engine_asked *asked)
{
	bool any = false;

	for (size_t i = 0; i < server.messages; i++)
		any = any || server.message[i].ours;
	MUST(!asked->failed && asked->any == any);
	MUST(asked->count == (any ? count_ours(asked) : 0));
	for (size_t i = 0; i < asked->count; i++) {
		MUST(asked->set[i].number > asked->done.stored_at && asked->set[i].number <= asked->sequence);
		for (size_t k = 0; k < i; k++)
			MUST(asked->set[k].number != asked->set[i].number);
	}
}

static void ask(struct hs_engine *e)
{
	struct hs_engine_asked asked = { 0 };

	hs_nats_ask(e, e->connection, &asked);
	check_failure(asked.failed ? asked.failure.code : 0, &asked.failure);
	MUST(asked.failed || !asked.any || asked.sequence > 0);
	MUST(!asked.failed || asked.count == 0);
	check_text(asked.stream.created, sizeof asked.stream.created);
	if (server.honest)
		check_honest(&asked);
	free(asked.set);
}

struct walked {
	uint64_t sequence, count;
};

static bool walk_one(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id)
{
	struct walked *w = context;

	MUST(sequence > w->sequence && places->own.number > 0);
	MUST(memchr(id.n > 0 ? id.p : "", '\n', id.n) == NULL);
	w->sequence = sequence;
	w->count++;
	return true;
}

static void walk(struct hs_engine *e, enum hs_walk of, uint64_t from, int64_t since_ms)
{
	struct hs_engine_failure failure = { 0 };
	struct walked walked = { .sequence = from > 0 ? from - 1 : 0 };
	int code = hs_engine_walk(e, of, from, since_ms, walk_one, &walked, &failure);
	uint64_t expected = 0;

	check_failure(code, &failure);
	if (!server.honest)
		return;
	for (size_t i = 0; i < server.messages; i++)
		expected += (server.message[i].ours || of == HS_WALK_ALL) && server.message[i].sequence >= from;
	MUST(code == 0 && (since_ms > 0 ? walked.count <= expected : walked.count == expected));
}

static void talk(uint8_t what)
{
	struct hs_engine *e = new_engine();
	struct hs_engine_failure failure = { 0 };
	struct hs_engine_stream stream;

	switch (what) {
	case 'A': ask(e); break;
	case 'W': walk(e, HS_WALK_OWN, 0, 0); break;
	case 'w': walk(e, HS_WALK_ALL, 3, 1795946700000 /* 10:05 */); break;
	case 'L':
		if (hs_engine_look(e, &stream, &failure) == 0)
			check_stream(&stream);
		else
			check_failure(failure.code, &failure);
		break;
	default:
		check_failure(hs_engine_make(e, &(struct hs_engine_create){ 3, 120000, 0, "hookspool.>" }, &failure),
		              &failure);
	}
	free_engine(e);
}

static void talk_honestly(struct hs_slice text)
{
	const char *end = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
	size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
	static const char calls[] = "AWw";

	for (const char *call = calls; *call != '\0'; call++) {
		begin(true, end != NULL ? hs_slice(end + 1, text.n - n - 1) : HS_SLICE_NONE);
		make_stream(hs_slice(text.p, n));
		talk((uint8_t)*call);
	}
}

/* --- pure parts ---------------------------------------------------------------------------------- */

/* json-c's sequence of an answer without an error, 0: none. False: names may be escaped, and it does not decide. */
static bool expect_sequence(struct hs_slice body, uint64_t *sequence)
{
	struct json_object *tree = fuzz_json_c(body), *seq, *error;

	*sequence = 0;
	if (body.n > 0 && memchr(body.p, '\\', body.n) != NULL) {
		json_object_put(tree);
		return false;
	}
	if (json_object_is_type(tree, json_type_object) &&
	    (!json_object_object_get_ex(tree, "error", &error) || error == NULL) &&
	    json_object_object_get_ex(tree, "seq", &seq) && json_object_is_type(seq, json_type_int) &&
	    json_object_get_int64(seq) >= 0)
		*sequence = json_object_get_uint64(seq);
	json_object_put(tree);
	return true;
}

static void read_answer(struct hs_slice body)
{
	struct hs_answer answer = { .tag = 7, .error = 99, .sequence = 99 };
	uint64_t sequence;

	hs_answer_read(body, 0, &answer);
	MUST(answer.tag == 7 && answer.kind <= HS_ANSWER_SETUP && answer.kind != HS_ANSWER_NOBODY);
	MUST((answer.kind == HS_ANSWER_STORED) == (answer.sequence > 0));
	MUST(answer.kind != HS_ANSWER_STORED || (answer.error == 0 && answer.text[0] == '\0'));
	check_text(answer.text, sizeof answer.text);
	if (answer.kind == HS_ANSWER_STORED && expect_sequence(body, &sequence))
		MUST(answer.sequence == sequence);
}

static void read_places(struct hs_slice text)
{
	struct hs_buf again = { 0 };
	struct hs_places places;

	if (hs_places_read(text, &places)) {
		hs_places_put(&again, &places);
		MUST(hs_slice_eq(hs_buf_slice(&again), text));
	}
	hs_buf_free(&again);
}

static void read_server_info(struct hs_slice text)
{
	char name[HS_NATS_NAME_MAX] = "", version[24] = "";

	if (parse(text, name, version))
		MUST(text.n > 5 && memcmp(text.p, "INFO ", 5) == 0);
	check_text(name, sizeof name);
	check_text(version, sizeof version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice rest;

	if (size == 0)
		return 0;
	rest = fuzz_copy(data + 1, size - 1);
	switch (data[0]) {
	case 'a': read_answer(rest); break;
	case 'p': read_places(rest); break;
	case 'i': read_server_info(rest); break;
	case 'h': talk_honestly(rest); break;
	default: server = (struct server){ .rest = rest }; talk(data[0]);
	}
	free((char *)(uintptr_t)rest.p);
	return 0;
}
