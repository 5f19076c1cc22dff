#include "base/array.h"
#include "tools/ship/engine_nats.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- out ------------------------------------------------------------------------------------------- */

/* A line end in a header would begin another one. */
static bool header_can_hold(struct hs_slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_subject(struct hs_slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!hs_is_digit(text.p[i]) && !(hs_lower(text.p[i]) >= 'a' && hs_lower(text.p[i]) <= 'z') &&
		    strchr("_=-.", text.p[i]) == NULL)
			return false;
	return text.n > 0 && text.n < HS_NATS_SUBJECT_MAX * 2;
}

static natsStatus set_header(natsMsg *msg, const char *name, struct hs_slice value)
{
	char small[512], *text = value.n < sizeof small ? small : malloc(value.n + 1);
	natsStatus status;

	if (text == NULL)
		return NATS_NO_MEMORY;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	status = natsMsgHeader_Set(msg, name, text);
	if (text != small)
		free(text);
	return status;
}

natsMsg *hs_nats_message(const struct hs_engine *e, const struct hs_message *message, const char *reply)
{
	char subject[HS_NATS_SUBJECT_MAX * 2];
	natsMsg *msg = NULL;
	natsStatus status;

	assert(is_subject(message->subject));
	memcpy(subject, message->subject.p, message->subject.n);
	subject[message->subject.n] = '\0';
	status = natsMsg_Create(&msg, subject, reply, message->data.p, (int)message->data.n);
	if (status != NATS_OK)
		return NULL;
	/*
	 * libnats orders headers by their hashes: Nats-Expected-Stream comes before the id, which might contain its
	 * name.
	 */
	status = natsMsgHeader_Set(msg, "Nats-Expected-Stream", e->options.stream);
	if (status == NATS_OK)
		status = set_header(msg, "Hookspool-Pos", message->place);
	if (status == NATS_OK && message->id.n > 0)
		status = set_header(msg, "Nats-Msg-Id", message->id);
	if (status == NATS_OK)
		return msg;
	natsMsg_Destroy(msg);
	return NULL;
}

/* Under `use`, with which the connection changes. */
static bool is_of(struct hs_engine *e, uint64_t generation)
{
	bool same;

	pthread_mutex_lock(&e->lock);
	same = generation == 0 || generation == e->link.generation;
	pthread_mutex_unlock(&e->lock);
	return same;
}

static enum hs_send publish(struct hs_engine *e, natsMsg *msg, uint64_t generation)
{
	natsStatus status = NATS_CONNECTION_CLOSED;

	pthread_mutex_lock(&e->use);
	if (e->connection != NULL && is_of(e, generation))
		status = natsConnection_PublishMsg(e->connection, msg);
	pthread_mutex_unlock(&e->use);
	return status == NATS_OK ? HS_SENT : status == NATS_MAX_PAYLOAD ? HS_SEND_OVERSIZE : HS_SEND_DOWN;
}

enum hs_send hs_engine_send(struct hs_engine *e, const struct hs_message *message)
{
	char reply[HS_NATS_SUBJECT_MAX];
	enum hs_send sent;
	natsMsg *msg;

	if (!header_can_hold(message->id))
		return HS_SEND_ILLEGAL;
	if (message->data.n > INT32_MAX / 2)
		return HS_SEND_OVERSIZE;
	snprintf(reply, sizeof reply, "%s.%" PRIu64, e->inbox, message->tag);
	msg = hs_nats_message(e, message, reply);
	if (msg == NULL)
		return HS_SEND_DOWN;
	sent = publish(e, msg, message->generation);
	natsMsg_Destroy(msg);
	return sent;
}

void hs_engine_flush(struct hs_engine *e)
{
	(void)e; /* A thread of libnats writes a millisecond after the first message, or when its buffer is full. */
}

/* --- in ---------------------------------------------------------------------------------------------- */

int hs_nats_status(natsMsg *msg)
{
	return msg == NULL || natsMsg_IsNoResponders(msg) ? 503 : 0;
}

struct hs_slice hs_nats_data(natsMsg *msg)
{
	return msg != NULL ? hs_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)) : HS_SLICE_NONE;
}

/* The number after the inbox. */
static bool read_tag(const char *subject, size_t inbox, uint64_t *tag)
{
	char *end;

	if (strlen(subject) < inbox + 2 || !hs_is_digit(subject[inbox + 1]))
		return false;
	*tag = strtoull(subject + inbox + 1, &end, 10);
	return *end == '\0';
}

/* Out of memory: the answer is dropped, and the message is in doubt. */
static void keep(struct hs_engine *e, const struct hs_answer *answer)
{
	if (e->taken == e->count)
		e->taken = e->count = 0;
	if (!HS_ARRAY_ROOM(&e->answers, e->count, &e->cap))
		return;
	e->answers[e->count++] = *answer;
	hs_nats_wake(e);
}

void hs_nats_on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *engine)
{
	struct hs_engine *e = engine;
	struct hs_answer answer = { 0 };

	(void)connection;
	(void)subscription;
	if (read_tag(natsMsg_GetSubject(msg), strlen(e->inbox), &answer.tag)) {
		hs_answer_read(hs_nats_data(msg), hs_nats_status(msg), &answer);
		pthread_mutex_lock(&e->lock);
		keep(e, &answer);
		pthread_mutex_unlock(&e->lock);
	}
	natsMsg_Destroy(msg);
}

bool hs_engine_answer(struct hs_engine *e, struct hs_answer *answer)
{
	bool some;

	pthread_mutex_lock(&e->lock);
	some = e->taken < e->count;
	if (some)
		*answer = e->answers[e->taken++];
	pthread_mutex_unlock(&e->lock);
	return some;
}
