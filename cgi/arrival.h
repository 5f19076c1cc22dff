/*
 * arrival: a connection whose request does not arrive in one piece, from there to its end. It
 * reads what has come, never waiting, and decides what the head alone can decide; when it is
 * ready it is a gateway, with which a thread serves the request.
 *
 *	head → body → ready → (answered) → rest → closed
 *	   └──────┴─ out of time, or of room → ready, with a verdict; without a head → closed
 *
 * One thread at a time has an arrival in hand: who accepted it, then the poller (arrivals.h), then
 * who serves it, and if its body was not read to the end, the poller again.
 */
#ifndef HS_ARRIVAL_H
#define HS_ARRIVAL_H

#include "cgi/fcgi_records.h"
#include "cgi/gateway.h"
#include "core/settings.h"

#include <stdatomic.h>

enum {
	HS_HEAD_MS = 5000, /* for the request's variables to arrive; for the body see receive.h */
	HS_REST_MS = 10000, /* for the rest of a body that was refused: the web server is still sending it */
};

/* Bytes in memory of all arrivals, and how many may be. */
struct hs_room {
	_Atomic size_t unknown; /* of senders of whom nothing is known before the body is whole … */
	_Atomic size_t known;   /* … and of those whose key has been checked, or where none is asked for */
};

enum hs_arrival_state {
	HS_ARRIVAL_OPEN,  /* more is to come */
	HS_ARRIVAL_READY, /* to be served: all is there, or the verdict is clear */
	HS_ARRIVAL_GONE,  /* nobody to answer: to be freed */
};

struct hs_arrival {
	struct hs_gateway gateway; /* first: the two have one address */
	int fd;
	struct hs_fcgi_request request;
	struct hs_room *room;
	size_t taken;        /* of the room */
	bool known;          /* whose share that is */
	bool answered;       /* what comes now is dropped */
	uint64_t length;     /* CONTENT_LENGTH, once the head is there */
	int64_t begun_ms;    /* of head, body or rest, whatever it is in */
	int64_t deadline_ms; /* of that */
	struct hs_buf text;  /* the variables … */
	char **params;       /* … and where each begins */

	/* called by the gateway's finish(), when bytes of the body are still to be read */
	void (*leave_rest)(void *context, struct hs_arrival *a);
	void *context;
	struct hs_arrival *next, *previous; /* of whoever has it in hand */
};

/* NULL: out of memory; the descriptor is still the caller's. */
struct hs_arrival *hs_arrival_new(int fd, struct hs_room *room, int64_t now_ms);

/* Closes the connection. */
void hs_arrival_free(struct hs_arrival *a);

/* Reads what is there, up to so many bytes, and says what the settings make of it. */
enum hs_arrival_state hs_arrival_read(struct hs_arrival *a, size_t most,
                                      const struct hs_settings *settings, int64_t now_ms);

/* Time is up, or room is: `verdict` is the answer, if there is a head to answer. */
enum hs_arrival_state hs_arrival_end(struct hs_arrival *a, enum hs_result verdict);

/* After the answer: drops what comes. GONE when the peer has hung up. */
enum hs_arrival_state hs_arrival_drop(struct hs_arrival *a);

#endif
