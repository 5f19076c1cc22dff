/*
 * ship: the section [ship] of the settings: the replicated log that `hookspool ship` sends to.
 *
 *	to = nats://n1,n2,n3        servers; tls:// demands TLS
 *	stream = events             and subject, ca, cert, key, creds, nkey, user, password, plain,
 *	ack_wait = 5s               in_flight, ship_hold, oversize
 *
 * `password` is @FILE: the password is in a file of its own.
 */
#ifndef HS_SHIP_H
#define HS_SHIP_H

#include <stdbool.h>
#include <stdint.h>

/* NULL, or 0: not given. */
struct hs_ship {
	char *to, *stream, *subject;
	char *ca, *cert, *key;       /* files */
	char *creds, *nkey, *user;   /* creds and nkey: files */
	char *password;              /* a file */
	int64_t in_flight;           /* records */
	int64_t ack_wait, ship_hold; /* milliseconds */
	bool plain, aside;
};

/* The number of a name among those of the section, below 32; -1: it is none of them. */
int hs_ship_number(const char *name);

/* Reads a value as the section has it. NULL, or what was expected. The caller frees what it replaces. */
const char *hs_ship_set(struct hs_ship *ship, const char *name, const char *value);

/* Frees the texts. */
void hs_ship_clear(struct hs_ship *ship);

#endif
