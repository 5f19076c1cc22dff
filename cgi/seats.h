/*
 * seats: a place for each FastCGI request, from its arrival to its answer. There are more of
 * them than threads: a request that waits for the disk has none.
 */
#ifndef HS_SEATS_H
#define HS_SEATS_H

#include "cgi/gateway.h"
#include "cgi/receive.h"
#include "cgi/service.h"

struct hs_seats;

struct hs_seat {
	struct hs_gateway *gateway; /* for a request that has arrived whole; see hs_visit_from */
	struct hs_visit *visit; /* leaves the seat when it has ended */

	/* seats.c's */
	struct hs_seats *seats;
	struct hs_service *service;
	struct hs_seat *next;
};

/* So many for these threads that descriptors do not run out while all wait for the disk. */
int hs_seats_wanted(int threads);

/* NULL: out of memory. */
struct hs_seats *hs_seats_new(int n);
void hs_seats_free(struct hs_seats *s); /* NULL is fine; nobody may sit any more */

/* Waits until one is free. */
struct hs_seat *hs_seats_take(struct hs_seats *s);

/* With which service the request in it is served: a user more, until the seat is left. */
void hs_seat_serve(struct hs_seat *seat, struct hs_service *service);

void hs_seat_leave(struct hs_seat *seat);

/* Returns what memory the free ones hold. */
void hs_seats_rest(struct hs_seats *s);

/* Ends what has reached its time limit: whoever waits for the disk. */
void hs_seats_expire(struct hs_seats *s, int64_t now_ms);

#endif
