/*
 * routes: the table of paths, with the methods and bodies that each accepts. Pure.
 *
 * To add a route, write its handler in a file of its own, declare it in handlers.h, and add a
 * row to the table in routes.c.
 */
#ifndef HS_ROUTES_H
#define HS_ROUTES_H

#include "base/slice.h"

enum hs_method { HS_METHOD_POST, HS_METHOD_PUT, HS_METHOD_PATCH, HS_METHOD_GET, HS_METHOD_HEAD, HS_METHOD_OTHER };

struct hs_exchange;

struct hs_route {
	const char *name;
	struct hs_slice path;  /* PATH_INFO below the mount; empty, which is also "/": the mount itself */
	unsigned methods;      /* 1 << enum hs_method, for each */
	struct hs_slice allow; /* the same methods, for the header Allow */
	/* Whether a body of this Content-Type is accepted. NULL: requests have no body. */
	bool (*accepts)(struct hs_slice media_type);
	bool for_senders; /* a request needs credentials; otherwise anyone may ask */
	bool direct;      /* for Segment's libraries: sources and not `auth`, max_sdk_body, gzip, chunked bodies */
	void (*handle)(struct hs_exchange *exchange);
};

/* The route of a PATH_INFO, or NULL. */
const struct hs_route *hs_route_find(struct hs_slice path);

#endif
