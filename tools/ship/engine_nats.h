/*
 * engine_nats: NATS JetStream as the replicated log of engine.h, over libnats, which only these files use.
 *
 *	engine_nats.c          open, close, what the caller is told
 *	engine_nats_options.c  settings into libnats' options
 *	engine_nats_link.c     the worker: makes connections, runs asks
 *	engine_nats_send.c     messages out, answers in
 *	engine_nats_request.c  requests and replies, messages of the stream
 *	engine_nats_ask.c      what the stream has of this receiver
 *	engine_nats_stream.c   look, make, walk
 *	engine_nats_info.c     the version of a server
 *
 * Threads: the caller's; the worker, which alone makes and ends connections, and asks; and those of libnats, which call
 * hs_nats_on_answer and the callbacks of engine_nats_link.c.
 *
 * libnats is told not to reconnect: it would then send what is left in its buffer, which ship may have sent again by
 * that time. So a connection that breaks is closed, and the worker makes another, the next generation.
 *
 * Locks: `use` is held by the caller while it uses the connection, and by the worker while it sets it. `lock` guards
 * the members below it, for moments, and never during a call of libnats. Order: use, lock.
 */
#ifndef HS_ENGINE_NATS_H
#define HS_ENGINE_NATS_H

#include "event/json_members.h"
#include "tools/ship/engine.h"

#include <nats/nats.h>
#include <pthread.h>

enum { HS_NATS_SUBJECT_MAX = 256, HS_NATS_INBOX_MAX = 64, HS_NATS_NAME_MAX = 64 };

struct hs_engine {
	struct hs_engine_options options;
	natsOptions *nats;
	char inbox[HS_NATS_INBOX_MAX]; /* answers to messages: inbox.TAG, in every generation */
	int fd;
	pthread_t worker;

	pthread_mutex_t use;
	natsConnection *connection; /* NULL: none; only the worker sets it */
	natsSubscription *inbound;
	natsSubscription *ended; /* of the last requests, unsubscribed; they, or the worker, free it */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* of what follows */
	bool stopping;
	bool woken;         /* fd is readable */
	bool closed;        /* libnats has closed the connection */
	unsigned callbacks; /* that libnats still owes for the connection: closed, subscription ended */
	struct hs_engine_link link;
	size_t payload_max;
	char server_version[24];
	enum { HS_ASK_NONE, HS_ASK_WANTED, HS_ASK_RUNS, HS_ASK_DONE } ask;
	struct hs_engine_asked asked; /* of HS_ASK_DONE */
	struct hs_answer *answers;    /* answers[taken] … answers[count - 1] are new */
	size_t taken, count, cap;
};

/* --- engine_nats.c -------------------------------------------------------------------------- */

/* Says why, printable; returns the code. */
__attribute__((format(printf, 3, 4))) int hs_engine_fail(struct hs_engine_failure *failure, int code,
                                                         const char *format, ...);

/* Makes fd readable; called with `lock` held. */
void hs_nats_wake(struct hs_engine *engine);

/* --- engine_nats_options.c -------------------------------------------------------------------- */

/*
 * Fills engine->nats from engine->options, callbacks aside. 0, EX_CONFIG or EX_OSERR; what it made is the caller's
 * to free.
 */
int hs_nats_options(struct hs_engine *engine, struct hs_engine_failure *failure);

/* --- engine_nats_link.c ----------------------------------------------------------------------- */

/* Sets the callbacks of engine->nats. */
bool hs_nats_set_callbacks(struct hs_engine *engine);

/* Connects, for at most connect_ms. 0; EX_CONFIG: the server refuses us, or TLS; EX_UNAVAILABLE. */
int hs_nats_connect(struct hs_engine *engine, struct hs_engine_failure *failure);

/* Ends the connection and waits for libnats' last callback. */
void hs_nats_disconnect(struct hs_engine *engine);

/* The worker's thread; the argument is the engine. */
void *hs_nats_work(void *engine);

/* Waits for ms; false: the engine is to stop, or its connection is gone. */
bool hs_nats_pause(struct hs_engine *engine, int64_t ms);

/* --- engine_nats_send.c ----------------------------------------------------------------------- */

/* A message of libnats to one of our subjects. NULL: out of memory. */
natsMsg *hs_nats_message(const struct hs_engine *engine, const struct hs_message *message, const char *reply);

/* Called by libnats for each answer. */
void hs_nats_on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *msg, void *engine);

/* 503 for "no responders", which NULL means, too; else 0. */
int hs_nats_status(natsMsg *msg);

/* The bytes of a message; of NULL, none. */
struct hs_slice hs_nats_data(natsMsg *msg);

/* --- engine_nats_request.c -------------------------------------------------------------------- */

/* Requests over one connection, and their replies; used by one thread. */
struct hs_requests {
	struct hs_engine *engine;
	natsConnection *connection;
	natsSubscription *replies;
	char inbox[HS_NATS_INBOX_MAX];
	uint64_t count;
	enum hs_walk of; /* whose messages the functions below get */
};

/*
 * Each returns 0, or failure->code: EX_TEMPFAIL when no answer comes within ack_wait or the connection is lost.
 * hs_requests_open waits for one round trip, and closes a connection that is stuck. One at a time, of all threads.
 */
int hs_requests_open(struct hs_requests *requests, struct hs_engine *engine, natsConnection *connection,
                     struct hs_engine_failure *failure);
void hs_requests_close(struct hs_requests *requests);

/* Writes the subject of the reply number `count`. */
void hs_requests_reply(const struct hs_requests *requests, char reply[static HS_NATS_SUBJECT_MAX]);

/* Sends a request; its reply has the number that requests->count had. */
int hs_requests_send(struct hs_requests *requests, const char *subject, struct hs_slice body,
                     struct hs_engine_failure *failure);

/* Waits for the next reply, which natsMsg_Destroy frees; NULL: no responders. */
int hs_requests_receive(struct hs_requests *requests, natsMsg **msg, uint64_t *number,
                        struct hs_engine_failure *failure);

/*
 * One request of JetStream's API and its JSON, which hs_json_free and natsMsg_Destroy free, also after a failure.
 * An error in the reply is EX_NOINPUT if it says that there is no such stream or message, EX_CONFIG, or
 * EX_TEMPFAIL.
 */
struct hs_reply {
	natsMsg *msg;
	struct hs_json json;
	int error; /* err_code; 0: none */
};
int hs_requests_call(struct hs_requests *requests, const char *verb, struct hs_slice body, struct hs_reply *reply,
                     struct hs_engine_failure *failure);
void hs_reply_free(struct hs_reply *reply);

/* A message of the stream. */
struct hs_stored {
	uint64_t sequence; /* 0: there is none */
	int64_t time_ms;
	struct hs_places places;
	struct hs_slice id; /* in `headers` */
	bool ours;          /* it has a place of a record */
	struct hs_buf headers;
};

/* Gets the last message, or the first one from a sequence on, of this receiver or of all. */
int hs_requests_last(struct hs_requests *requests, struct hs_stored *stored, struct hs_engine_failure *failure);
int hs_requests_next(struct hs_requests *requests, uint64_t from, struct hs_stored *stored,
                     struct hs_engine_failure *failure);

/*
 * Calls each(context, stored) for those messages from `from` to `to`, many requests at once and in any order;
 * false: out of memory.
 */
int hs_requests_range(struct hs_requests *requests, uint64_t from, uint64_t to,
                      bool (*each)(void *context, const struct hs_stored *stored), void *context,
                      struct hs_engine_failure *failure);

/* --- engine_nats_ask.c ------------------------------------------------------------------------ */

/* Asks; the worker calls it. *asked was zeroed. */
void hs_nats_ask(struct hs_engine *engine, natsConnection *connection, struct hs_engine_asked *asked);

/* --- engine_nats_stream.c --------------------------------------------------------------------- */

int hs_requests_info(struct hs_requests *requests, struct hs_engine_stream *stream, struct hs_engine_failure *failure);

/* --- engine_nats_info.c ----------------------------------------------------------------------- */

/*
 * What a server says in its INFO, over a connection of its own: libnats does not tell. url is nats://HOST:PORT. Waits
 * at most ms. False: nothing; both texts are "".
 */
bool hs_nats_server_info(const char *url, int64_t ms, char name[static HS_NATS_NAME_MAX], char version[static 24]);

/* --- nkey.c ------------------------------------------------------------------------------------- */

/* Derives a user's public key from the text of its seed (SU…). False: that is no seed. */
bool hs_nkey_public(struct hs_slice seed, char public_key[static 57]);

#endif
