/*
 * partial_request: a connection whose request does not arrive in one piece, from there to its end. It
 * reads what has come, never waiting, and decides what the head alone can decide; when it is
 * ready it is a transport, with which a thread serves the request.
 *
 *	head → body → ready → (answered) → rest → closed
 *	   └──────┴─ out of time, or of room → ready, with a verdict; without a head → closed
 *
 * One thread at a time has an arrival in hand: who accepted it, then the poller (partial_poller.h), then
 * who serves it, and if its body was not read to the end, the poller again.
 */
#ifndef HS_PARTIAL_REQUEST_H
#define HS_PARTIAL_REQUEST_H

#include "cgi/http/transport.h"
#include "cgi/server/fcgi_records.h"
#include "config/settings.h"

#include <stdatomic.h>

enum {
	HS_HEAD_MS = 5000,  /* for the request's variables to arrive; for the body see exchange.h */
	HS_REST_MS = 10000, /* for the rest of a body that was refused: the web server is still sending it */
};

/* Bytes in memory of all arrivals, and how many may be. */
struct hs_room {
	_Atomic size_t unknown; /* of senders of whom nothing is known before the body is whole … */
	_Atomic size_t known;   /* … and of those whose key has been checked, or where none is asked for */
};

enum hs_partial_request_state {
	HS_PARTIAL_REQUEST_OPEN,  /* more is to come */
	HS_PARTIAL_REQUEST_READY, /* to be served: all is there, or the verdict is clear */
	HS_PARTIAL_REQUEST_GONE,  /* nobody to answer: to be freed */
};

struct hs_partial_request {
	struct hs_transport transport; /* first: the two have one address */
	int fd;
	struct hs_fcgi_request request;
	struct hs_room *room;
	size_t held;         /* of the room */
	bool known;          /* whose share that is */
	bool answered;       /* what comes now is dropped */
	uint64_t length;     /* CONTENT_LENGTH, once the head is there */
	int64_t begun_ms;    /* of head, body or rest, whatever it is in */
	int64_t deadline_ms; /* of that */
	struct hs_buf text;  /* the variables … */
	char **params;       /* … and where each begins */

	/* called by the transport's finish(), when bytes of the body are still to be read */
	void (*leave_rest)(void *context, struct hs_partial_request *partial);
	void *context;
	struct hs_partial_request *next, *previous; /* of whoever has it in hand */
};

/* NULL: out of memory; the descriptor is still the caller's. */
struct hs_partial_request *hs_partial_request_new(int fd, struct hs_room *room, int64_t now_ms);

/* Closes the connection. */
void hs_partial_request_free(struct hs_partial_request *partial);

/* Reads what is there, up to so many bytes, and says what the settings make of it. */
enum hs_partial_request_state hs_partial_request_read(struct hs_partial_request *partial, size_t most,
                                                      const struct hs_settings *settings, int64_t now_ms);

/* Time is up, or room is: `verdict` is the answer, if there is a head to answer. */
enum hs_partial_request_state hs_partial_request_end(struct hs_partial_request *partial, enum hs_result verdict);

/* After the answer: drops what comes. GONE when the peer has hung up. */
enum hs_partial_request_state hs_partial_request_drop(struct hs_partial_request *partial);

#endif
