#include "base/io.h"
#include "tools/ship/engine_nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

enum { RETRY_FIRST_MS = 100, RETRY_MOST_MS = 1000, REFUSED_MOST_MS = 10000, SIGNED_TRIES = 4 };
enum { INFO_LEAST_MS = 250, INFO_MOST_MS = 2000 };
#define REMEDY "correct the credentials, or the rights of this user: hookspool check"

/* --- called by libnats ------------------------------------------------------------------------- */

static void callback_done(struct hs_engine *e)
{
	e->callbacks--;
	pthread_cond_broadcast(&e->changed);
}

static void on_closed(natsConnection *connection, void *context)
{
	struct hs_engine *e = context;
	const char *words = NULL;
	natsStatus status = natsConnection_GetLastError(connection, &words);

	pthread_mutex_lock(&e->lock);
	e->closed = true;
	if (e->link.state != HS_LINK_REFUSED) {
		e->link.state = HS_LINK_DOWN;
		hs_printable_copy(e->link.why, sizeof e->link.why,
		                  hs_slice_str(words != NULL && words[0] != '\0' ? words
		                               : status != NATS_OK               ? natsStatus_GetText(status)
		                                                                 : "the server closed the connection"));
	}
	callback_done(e);
	hs_nats_wake(e);
	pthread_mutex_unlock(&e->lock);
}

static void on_inbound_ended(void *context)
{
	struct hs_engine *e = context;

	pthread_mutex_lock(&e->lock);
	callback_done(e);
	pthread_mutex_unlock(&e->lock);
}

/* The server refuses a publish or a subscription, but keeps the connection. Other errors end it, or need no action. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *context)
{
	struct hs_engine *e = context;
	const char *words = NULL;
	char text[400];

	(void)subscription;
	if (status != NATS_NOT_PERMITTED)
		return;
	natsConnection_GetLastError(connection, &words);
	pthread_mutex_lock(&e->lock);
	e->link.state = HS_LINK_REFUSED;
	hs_printable_copy(text, sizeof text, hs_slice_str(words != NULL ? words : "not permitted"));
	snprintf(e->link.why, sizeof e->link.why, "%s: " REMEDY, text);
	hs_nats_wake(e);
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

bool hs_nats_set_callbacks(struct hs_engine *e)
{
	return natsOptions_SetClosedCB(e->nats, on_closed, e) == NATS_OK &&
	       natsOptions_SetErrorHandler(e->nats, on_error, e) == NATS_OK;
}

/* --- one connection ------------------------------------------------------------------------------ */

static int refused(natsStatus status, struct hs_engine_failure *failure)
{
	const char *words = nats_GetLastError(NULL);
	char text[400];

	/* "(conn.c:1234): the words" */
	if (words != NULL && words[0] == '(' && strstr(words, "): ") != NULL)
		words = strstr(words, "): ") + 3;
	snprintf(text, sizeof text, "%s", words != NULL && words[0] != '\0' ? words : natsStatus_GetText(status));
	switch (status) {
	case NATS_CONNECTION_AUTH_FAILED:
		return hs_engine_fail(failure, EX_CONFIG, "the server refuses these credentials (%s): " REMEDY, text);
	case NATS_SECURE_CONNECTION_WANTED:
		return hs_engine_fail(failure, EX_CONFIG, "tls:// was asked for, and the server has no TLS");
	case NATS_SSL_ERROR:
		return hs_engine_fail(failure, EX_CONFIG, "no trust in the server's TLS (ca, its name, the clock): %s",
		                      text);
	case NATS_INVALID_ARG: return hs_engine_fail(failure, EX_CONFIG, "servers: %s", text);
	case NATS_NO_MEMORY: return hs_engine_fail(failure, EX_OSERR, "out of memory");
	default: return hs_engine_fail(failure, EX_UNAVAILABLE, "no server answers: %s", text);
	}
}

static natsStatus subscribe(struct hs_engine *e, natsConnection *connection, natsSubscription **inbound)
{
	char subject[HS_NATS_SUBJECT_MAX];
	natsStatus status;

	snprintf(subject, sizeof subject, "%s.*", e->inbox);
	status = natsConnection_Subscribe(inbound, connection, subject, hs_nats_on_answer, e);
	if (status != NATS_OK)
		return status;
	status = natsSubscription_SetOnCompleteCB(*inbound, on_inbound_ended, e);
	if (status == NATS_OK) {
		pthread_mutex_lock(&e->lock);
		e->callbacks++;
		pthread_mutex_unlock(&e->lock);
	}
	return status == NATS_OK ? natsSubscription_SetPendingLimits(*inbound, -1, -1) : status;
}

/* Makes the new connection known to the caller, with what its server says of itself. */
static void link_up(struct hs_engine *e, int64_t until_ms)
{
	char url[256], name[HS_NATS_NAME_MAX] = "", version[24] = "";
	int64_t left = until_ms - hs_io_now_monotonic();

	left = left < INFO_LEAST_MS ? INFO_LEAST_MS : left < INFO_MOST_MS ? left : INFO_MOST_MS;
	if (natsConnection_GetConnectedUrl(e->connection, url, sizeof url) == NATS_OK)
		hs_nats_server_info(url, left, name, version);
	pthread_mutex_lock(&e->lock);
	snprintf(e->server_version, sizeof e->server_version, "%s", version);
	snprintf(e->link.server, sizeof e->link.server, "%s %s", name, version);
	e->payload_max = (size_t)natsConnection_GetMaxPayload(e->connection);
	if (!e->closed && e->link.state != HS_LINK_REFUSED) {
		e->link.state = HS_LINK_UP;
		e->link.why[0] = '\0';
	}
	hs_nats_wake(e);
	pthread_mutex_unlock(&e->lock);
}

/*
 * libnats takes a signature that begins with a zero byte, one in 256, for none (seen with 3.4.1), and the server
 * refuses the connection. The next one has another nonce to sign.
 */
static natsStatus connect_signed(struct hs_engine *e, natsConnection **connection, int64_t until_ms)
{
	int tries = e->options.creds != NULL || e->options.nkey != NULL ? SIGNED_TRIES : 1;
	natsStatus status;

	do
		status = natsConnection_Connect(connection, e->nats);
	while (status == NATS_CONNECTION_AUTH_FAILED && --tries > 0 && hs_io_now_monotonic() < until_ms);
	return status;
}

int hs_nats_connect(struct hs_engine *e, struct hs_engine_failure *failure)
{
	int64_t until_ms = hs_io_now_monotonic() + e->options.connect_ms;
	natsConnection *connection = NULL;
	natsSubscription *inbound = NULL;
	natsStatus status;

	pthread_mutex_lock(&e->lock);
	e->closed = false;
	e->callbacks = 1;
	pthread_mutex_unlock(&e->lock);
	status = connect_signed(e, &connection, until_ms);
	if (status != NATS_OK)
		return refused(status, failure);
	status = subscribe(e, connection, &inbound);
	pthread_mutex_lock(&e->use);
	e->connection = connection;
	e->inbound = inbound;
	pthread_mutex_lock(
	    &e->lock); /* with the connection: what is meant for the last one must not go over this one */
	e->link.generation++;
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&e->use);
	if (status != NATS_OK) {
		hs_nats_disconnect(e);
		return refused(status, failure);
	}
	pthread_mutex_lock(&e->lock);
	e->link.state = HS_LINK_DOWN;
	pthread_mutex_unlock(&e->lock);
	link_up(e, until_ms);
	return 0;
}

void hs_nats_disconnect(struct hs_engine *e)
{
	natsConnection *connection = e->connection;
	natsSubscription *inbound = e->inbound;

	if (connection == NULL)
		return;
	pthread_mutex_lock(&e->use);
	e->connection = NULL;
	e->inbound = NULL;
	pthread_mutex_unlock(&e->use);
	natsConnection_Close(connection);
	pthread_mutex_lock(&e->lock);
	while (e->callbacks > 0)
		pthread_cond_wait(&e->changed, &e->lock);
	pthread_mutex_unlock(&e->lock);
	/* Another thread may have closed it: only now nothing is read any more. */
	natsSubscription_Destroy(inbound);
	natsSubscription_Destroy(e->ended);
	e->ended = NULL;
	natsConnection_Destroy(connection);
}

/* --- the worker ------------------------------------------------------------------------------------ */

static struct timespec after(int64_t ms)
{
	struct timespec at;
	int64_t until = hs_io_now_monotonic() + ms;

	at.tv_sec = (time_t)(until / 1000);
	at.tv_nsec = (long)(until % 1000) * 1000000;
	return at;
}

bool hs_nats_pause(struct hs_engine *e, int64_t ms)
{
	struct timespec until = after(ms);
	int error = 0;
	bool on;

	pthread_mutex_lock(&e->lock);
	while (!e->stopping && !e->closed && error == 0)
		error = pthread_cond_timedwait(&e->changed, &e->lock, &until);
	on = !e->stopping && !e->closed;
	pthread_mutex_unlock(&e->lock);
	return on;
}

/* Waits before the next attempt to connect; false: the engine is to stop. */
static bool pause_disconnected(struct hs_engine *e, int64_t ms)
{
	struct timespec until = after(ms);
	int error = 0;
	bool on;

	pthread_mutex_lock(&e->lock);
	while (!e->stopping && error == 0)
		error = pthread_cond_timedwait(&e->changed, &e->lock, &until);
	on = !e->stopping;
	pthread_mutex_unlock(&e->lock);
	return on;
}

/*
 * Reads the files again: a password, a certificate or the authority behind it may have been replaced. What cannot be
 * read leaves the options as they are: the server says whether they still do.
 */
static void renew_options(struct hs_engine *e)
{
	struct hs_engine_failure failure;
	natsOptions *before = e->nats;

	e->nats = NULL;
	if (hs_nats_options(e, &failure) == 0 && hs_nats_set_callbacks(e)) {
		natsOptions_Destroy(before);
		return;
	}
	natsOptions_Destroy(e->nats);
	e->nats = before;
}

/* Connects again and again; false: the engine is to stop. */
static bool connect_again(struct hs_engine *e)
{
	struct hs_engine_failure failure;
	int64_t wait_ms = RETRY_FIRST_MS;

	while (pause_disconnected(e, wait_ms)) {
		int code;

		renew_options(e);
		code = hs_nats_connect(e, &failure);
		if (code == 0)
			return true;
		pthread_mutex_lock(&e->lock);
		e->link.state = code == EX_CONFIG ? HS_LINK_REFUSED : HS_LINK_DOWN;
		snprintf(e->link.why, sizeof e->link.why, "%.*s", (int)sizeof e->link.why - 1, failure.why);
		hs_nats_wake(e);
		pthread_mutex_unlock(&e->lock);
		wait_ms = wait_ms * 2;
		if (wait_ms > (code == EX_CONFIG ? REFUSED_MOST_MS : RETRY_MOST_MS))
			wait_ms = code == EX_CONFIG ? REFUSED_MOST_MS : RETRY_MOST_MS;
	}
	return false;
}

static void run_ask(struct hs_engine *e)
{
	struct hs_engine_asked asked = { 0 };

	pthread_mutex_lock(&e->lock);
	e->ask = HS_ASK_RUNS;
	pthread_mutex_unlock(&e->lock);
	hs_nats_ask(e, e->connection, &asked);
	pthread_mutex_lock(&e->lock);
	if (asked.failed && e->link.state == HS_LINK_REFUSED)
		hs_engine_fail(&asked.failure, EX_CONFIG, "%s", e->link.why);
	/* The right is there by now; if not, the next message is refused again. */
	if (!asked.failed && e->link.state == HS_LINK_REFUSED && !e->closed)
		e->link.state = HS_LINK_UP;
	e->asked = asked;
	e->ask = HS_ASK_DONE;
	hs_nats_wake(e);
	pthread_mutex_unlock(&e->lock);
}

void *hs_nats_work(void *engine)
{
	struct hs_engine *e = engine;

	for (;;) {
		bool stopping, closed;

		pthread_mutex_lock(&e->lock);
		while (!e->stopping && !e->closed && e->ask != HS_ASK_WANTED)
			pthread_cond_wait(&e->changed, &e->lock);
		stopping = e->stopping;
		closed = e->closed;
		pthread_mutex_unlock(&e->lock);
		if (stopping)
			break;
		if (!closed) {
			run_ask(e);
			continue;
		}
		hs_nats_disconnect(e);
		if (!connect_again(e))
			break;
	}
	hs_nats_disconnect(e);
	return NULL;
}
