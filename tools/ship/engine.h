/*
 * engine: a replicated log, as hookspool-ship sees it. NATS JetStream (engine_nats.c) is the one there is.
 *
 *	hs_engine_open                       connect
 *	hs_engine_ask, until hs_engine_asked what has the stream?
 *	hs_engine_send … hs_engine_answer    records out, answers in, in any order
 *	hs_engine_close
 *
 * Exactly once is not the engine's: each message carries its place in the spool and the place before which
 * all is stored, so that ship can ask the stream what it has, behind a barrier, whenever it is in doubt.
 *
 * One thread calls these functions, and none of them waits for the network but those that say so: hs_engine_fd
 * becomes readable when hs_engine_answer, hs_engine_asked or hs_engine_link has something new.
 */
#ifndef HS_ENGINE_H
#define HS_ENGINE_H

#include "base/buf.h"
#include "base/slice.h"
#include "tools/ship/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_engine;

/* The servers and how to connect. Strings outlive the engine; NULL: not given. */
struct hs_engine_options {
	const char *servers;             /* nats://a,b or tls://a,b: separated by commas */
	const char *ca, *cert, *key;     /* PEM files */
	const char *creds, *nkey, *user; /* credentials: files, and a user's name … */
	const char *password_file;       /* … with the file whose first line is its password */
	const char *stream, *receiver;   /* names */
	int64_t ack_wait_ms, connect_ms; /* how long to wait for an answer, and for a connection */
	bool plain_abroad;               /* plain text to other hosts than loopback is allowed */
	bool any_version;                /* of the server, also one that is not known */
};

/* The outcome of a call that waits: an exit code (sysexits.h), and why, with the remedy. */
struct hs_engine_failure {
	int code; /* EX_CONFIG: set up wrongly; EX_UNAVAILABLE: no server; EX_NOINPUT: no stream; EX_TEMPFAIL; EX_OSERR */
	char why[512];
};

/*
 * Waits at most connect_ms, or 250 ms a server if that is longer, and 250 ms for the server's version; the names of
 * hosts may take longer. 0, or failure->code; then *engine is NULL. Never sends in clear what was to be TLS. Signals
 * go to other threads than the engine's, but for those of a thread's own defects.
 */
int hs_engine_open(const struct hs_engine_options *options, struct hs_engine **engine,
                   struct hs_engine_failure *failure);

/* Drops what is not answered. Waits for no answer, but for an attempt to connect that is under way. NULL is fine. */
void hs_engine_close(struct hs_engine *engine);

/* An eventfd(2), never closed before the engine is. */
int hs_engine_fd(const struct hs_engine *engine);

/* Clears the descriptor; call it before the functions that tell what is new. */
void hs_engine_woken(struct hs_engine *engine);

enum hs_link {
	HS_LINK_UP,
	HS_LINK_DOWN,    /* it connects again by itself, with what the files have then */
	HS_LINK_REFUSED, /* credentials or rights are wrong: link->why. Until it connects, or an ask succeeds */
};

struct hs_engine_link {
	enum hs_link state;
	uint64_t generation; /* of the connection: what was sent in an earlier one is in doubt */
	char server[128];    /* its name and version, printable */
	char why[512];       /* of DOWN and REFUSED, of the latter with the remedy */
};

void hs_engine_link(struct hs_engine *engine, struct hs_engine_link *link);

/* --- sending -------------------------------------------------------------------------------- */

struct hs_message {
	uint64_t tag;        /* comes back with the answer */
	uint64_t generation; /* goes over the connection of this generation alone; 0: over any */
	struct hs_slice subject, id, data;
	struct hs_slice place; /* the text of the header Hookspool-Pos (place.h) */
};

/*
 * Hands a message to the connection, which copies it. HS_SENT; HS_SEND_DOWN: there is no connection, it is one of
 * another generation, or it broke meanwhile: then the message may have been sent in part; HS_SEND_OVERSIZE: longer
 * than the server takes (hs_engine_payload_max); HS_SEND_ILLEGAL: the id has a control character, which no header
 * can hold. The last two sent nothing. Waits only if the server reads nothing any more: until the socket has room,
 * at most ack_wait. The subject must have [A-Za-z0-9_=.-] alone.
 */
enum hs_send { HS_SENT, HS_SEND_DOWN, HS_SEND_OVERSIZE, HS_SEND_ILLEGAL };
enum hs_send hs_engine_send(struct hs_engine *engine, const struct hs_message *message);

/* Lets go what hs_engine_send has gathered. */
void hs_engine_flush(struct hs_engine *engine);

/* Bytes, headers included; 0: not known yet. */
size_t hs_engine_payload_max(struct hs_engine *engine);

/* The code of an error, as RFC 6585 has it: others fill the queue of the stream (10167, since 2.11). */
enum { HS_TOO_MANY_REQUESTS = 429 };

enum hs_answer_kind {
	HS_ANSWER_STORED,    /* sequence > 0 */
	HS_ANSWER_UNDER_WAY, /* sequence 0, or "in process": another copy, which may never be stored. Again later */
	HS_ANSWER_NOBODY,    /* no responders: no leader, no stream or no such subject. Again later */
	HS_ANSWER_FULL,      /* again later; nothing is dropped */
	HS_ANSWER_MOMENT,    /* another passing failure: in doubt, as without an answer */
	HS_ANSWER_OVERSIZE,  /* this message never */
	HS_ANSWER_SETUP,     /* set up wrongly: another stream, rights */
};

struct hs_answer {
	uint64_t tag;
	enum hs_answer_kind kind;
	bool duplicate;
	uint64_t sequence; /* of STORED */
	int error;         /* the server's err_code; 0: none */
	char text[256];    /* the server's words, printable; "" */
};

/* The next answer; false: none at present. An answer for a message of an earlier connection comes, too. */
bool hs_engine_answer(struct hs_engine *engine, struct hs_answer *answer);

/* Sorts the JSON text of an answer, or the status of one without a body (503); fills all but tag. Pure. */
void hs_answer_read(struct hs_slice body, int status, struct hs_answer *answer);

/* --- asking --------------------------------------------------------------------------------- */

struct hs_engine_stream {
	char created[40]; /* the stream's stamp: another one is another stream, unless … */
	bool is_older; /* … it has messages from before its stamp, and no cluster: such a server, started again after an
	                     edit of the stream, tells a later stamp than before */
	uint64_t first, last, messages, bytes;
	unsigned replicas;
	int64_t window_ms;                                            /* of duplicates */
	int64_t max_bytes, max_messages, max_per_subject, max_age_ms; /* -1 or 0: no limit */
	bool discard_new, no_ack, limits_retention, file_storage, sealed;
	char server_version[24], leader[64];
};

/* This receiver's part of the stream. */
struct hs_engine_asked {
	bool failed; /* failure says why: EX_TEMPFAIL: ask again; EX_CONFIG, EX_NOINPUT, EX_OSERR */
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;
	bool any;              /* it has messages of this receiver; then: */
	struct hs_places done; /* the last one's header … */
	uint64_t sequence;     /* … and sequence … */
	char id[204];          /* … and id; "": none, or a longer one than ship sends */
	struct hs_place *set;  /* places of this receiver's messages after done.stored_at, that one's too; unsorted */
	size_t count;
};

/*
 * Begins to ask: sends the mark as a barrier and waits for its answer, gets the last message of the receiver from
 * the leader, then the headers of all messages after the sequence that it names, many requests at once. Answers
 * to earlier messages go on arriving. Without a connection it waits for the next one; each request fails after
 * ack_wait, and a connection that answers nothing is given up. Subjects are hookspool.RECEIVER.mark for the mark,
 * and hookspool.RECEIVER.TENANT.TYPE… for records, which have a token more at least. One at a time: a call while it
 * runs does nothing.
 */
void hs_engine_ask(struct hs_engine *engine);

/* True once that is done or has failed; then *asked is the caller's until hs_engine_asked_free. */
bool hs_engine_asked(struct hs_engine *engine, struct hs_engine_asked *asked);
void hs_engine_asked_free(struct hs_engine_asked *asked);

/* --- for commands: these wait ------------------------------------------------------------------ */

/*
 * Looks at the stream. 0; EX_NOINPUT: there is no such stream; or another failure->code: EX_TEMPFAIL if the server's
 * version is not known, unless any will do.
 */
int hs_engine_look(struct hs_engine *engine, struct hs_engine_stream *stream, struct hs_engine_failure *failure);

struct hs_engine_create {
	unsigned replicas;
	int64_t window_ms, max_bytes; /* max_bytes 0: no limit */
	const char *subjects;         /* hookspool.> */
};

/*
 * Makes the stream: files, limits, discard new. 0, also if it was there already (it is not changed); or failure->code:
 * EX_TEMPFAIL while a cluster is not complete.
 */
int hs_engine_make(struct hs_engine *engine, const struct hs_engine_create *create, struct hs_engine_failure *failure);

enum hs_walk { HS_WALK_OWN, HS_WALK_ALL };

/*
 * Calls each(context, sequence, places, id) for the messages of this receiver, or of all receivers, from sequence
 * `from` on, in order, from the leader; without marks, and without those that are older than since_ms (of 1970; 0:
 * all). False ends it. 0 or failure->code: EX_TEMPFAIL when the leader changes meanwhile.
 */
int hs_engine_walk(struct hs_engine *engine, enum hs_walk of, uint64_t from, int64_t since_ms,
                   bool (*each)(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id),
                   void *context, struct hs_engine_failure *failure);

#endif
