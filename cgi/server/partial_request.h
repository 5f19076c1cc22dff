/*
 * partial_request: a connection whose request does not arrive in one piece. It reads what has
 * arrived, without waiting, and decides what the head alone can decide. When it is ready, it is
 * the transport with which a thread serves the request.
 *
 *	head → body → ready → (answered) → unsent, rest → closed
 *	   └──────┴─ no time or no room left → ready, with a verdict; without a head → closed
 *
 * An answer that the peer's socket does not take at once is sent by the poller, so that a slow peer holds no
 * thread.
 *
 * One thread at a time owns a partial request: the one that accepted the connection, then the poller
 * (partial_poller.h), then the one that serves it, and the poller again if the body was not read to its end
 * or the answer not sent.
 */
#ifndef HS_PARTIAL_REQUEST_H
#define HS_PARTIAL_REQUEST_H

#include "cgi/http/transport.h"
#include "cgi/server/fcgi_records.h"
#include "config/settings.h"

#include <stdatomic.h>

enum {
	HS_HEAD_MS = 5000,          /* for the variables to arrive; for the body see exchange.h */
	HS_REST_MS = 10000,         /* for the rest of a refused body, which the web server is still sending */
	HS_UNSENT_MS = 30000,       /* for the peer to read a large answer */
	HS_UNSENT_BYTES = 16 << 20, /* of all answers that peers have not read yet; one more is not sent */
};

/* Bytes in memory of all partial requests. */
struct hs_room {
	_Atomic size_t unknown; /* of senders that only the whole body can identify … */
	_Atomic size_t known;   /* … and of senders that the head has let in */
	_Atomic size_t unsent;  /* of answers */
};

enum hs_partial_request_state {
	HS_PARTIAL_REQUEST_OPEN,  /* more must arrive */
	HS_PARTIAL_REQUEST_READY, /* to be served: it is whole, or refused already */
	HS_PARTIAL_REQUEST_GONE,  /* to be freed: there is no peer or no head to answer */
};

struct hs_partial_request {
	struct hs_transport transport; /* first: both have one address */
	int fd;
	struct hs_fcgi_request request;
	struct hs_room *room;
	size_t held;          /* bytes that it holds of the room */
	bool known;           /* which share of the room that is */
	bool answered;        /* what arrives now is dropped */
	struct hs_buf unsent; /* records of the answer; the first `sent` bytes have been sent */
	size_t sent;
	uint64_t length;     /* CONTENT_LENGTH, or without it the most that may come, once the head has been read */
	int64_t begun_ms;    /* when head or body began */
	int64_t deadline_ms; /* of head, body, or what follows the answer */
	struct hs_buf text;  /* the variables … */
	char **params;       /* … and where each begins */

	/* the transport's finish() calls it if bytes are still to be read or sent */
	void (*leave_rest)(void *context, struct hs_partial_request *partial);
	void *context;
	struct hs_partial_request *next, *previous; /* for the lists of its owner */
};

/* NULL: out of memory; the descriptor is still the caller's. */
struct hs_partial_request *hs_partial_request_new(int fd, struct hs_room *room, int64_t now_ms);

/* Closes the connection. */
void hs_partial_request_free(struct hs_partial_request *partial);

/* Reads what has arrived, about `most` bytes of it at most, and checks the head by the settings. */
enum hs_partial_request_state hs_partial_request_read(struct hs_partial_request *partial, size_t most,
                                                      const struct hs_settings *settings, int64_t now_ms);

/* Stops reading and frees the body. READY, and `verdict` is the answer unless there is one; GONE without a head. */
enum hs_partial_request_state hs_partial_request_end(struct hs_partial_request *partial, enum hs_result verdict);

/*
 * After the answer: sends what the socket takes, and drops what has arrived. GONE when nothing is left to
 * do, or the peer has closed the connection.
 */
enum hs_partial_request_state hs_partial_request_drop(struct hs_partial_request *partial);

/* The events to poll for (epoll_ctl). */
uint32_t hs_partial_request_events(const struct hs_partial_request *partial);

#endif
