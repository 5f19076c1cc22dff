/*
 * routes: the table of paths, with the methods and bodies that each accepts. Pure.
 *
 * To add a route, write its handler in a file of its own, declare it in handlers.h, and add a
 * row to the table in routes.c.
 */
#ifndef HS_ROUTES_H
#define HS_ROUTES_H

#include "base/slice.h"

enum hs_method {
	HS_METHOD_POST,
	HS_METHOD_PUT,
	HS_METHOD_PATCH,
	HS_METHOD_GET,
	HS_METHOD_HEAD,
	HS_METHOD_OPTIONS,
	HS_METHOD_OTHER
};

struct hs_exchange;

/* A path of direct intake, and how it describes the events sent there. */
struct hs_direct_path {
	struct hs_slice type;    /* of an event that has none; n == 0: it must have one */
	struct hs_slice channel; /* client or server */
};

struct hs_route {
	const char *name;
	/*
	 * PATH_INFO below the mount; empty, which is also "/": the mount itself. One of its segments may be
	 * "*", for a write key.
	 */
	struct hs_slice path;
	unsigned methods;      /* 1 << enum hs_method, for each */
	struct hs_slice allow; /* the same methods, for the header Allow */
	/* Whether a body of this Content-Type is accepted. NULL: requests have no body. */
	bool (*accepts)(struct hs_slice media_type);
	bool for_senders; /* a request needs credentials; otherwise anyone may ask */
	/*
	 * For Segment's libraries: sources and not `auth`, max_sdk_body, gzip, chunked bodies, answers and CORS headers
	 * as they expect them, and OPTIONS. NULL: not for them.
	 */
	const struct hs_direct_path *direct;
	bool console; /* only with console_password; its answers have the headers of page_headers.h */
	void (*handle)(struct hs_exchange *exchange);
};

/*
 * The route of a PATH_INFO, or NULL. Below /v1/ and /projects/ there is always one, which may answer that
 * there is no such path. There the path may also end with a slash, and repeat "v1" or its last part: libraries
 * append to addresses that have it already (/v1/b/b, /v1/v1/b, /v1/batch/v1/batch).
 */
const struct hs_route *hs_route_find(struct hs_slice path);

/* The segment of the path that is the route's "*"; p == NULL: it has none. */
struct hs_slice hs_route_key(const struct hs_route *route, struct hs_slice path);

/* The route of OPTIONS on any path of direct intake. */
const struct hs_route *hs_route_preflight(void);

#endif
