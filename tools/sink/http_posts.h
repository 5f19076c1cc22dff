/*
 * http_posts: several HTTP posts at once, without waiting, by libcurl's multi interface. With `make CURL=no`
 * hs_http_posts_new returns NULL (http_posts_none.c).
 *
 * A slot has at most one post under way; its connection is kept for the next one. Redirects are not followed:
 * a redirect is an answer like any other.
 */
#ifndef HS_HTTP_POSTS_H
#define HS_HTTP_POSTS_H

#include "tools/probe/http.h"

#include <poll.h>

struct hs_http_posts;

enum { HS_HTTP_POSTS_FDS = 4 /* most entries of poll for each slot */ };

/* The target must outlive it. NULL: out of memory, or built without libcurl. */
struct hs_http_posts *hs_http_posts_new(const struct hs_http_target *target, unsigned slots, int timeout_ms);
void hs_http_posts_free(struct hs_http_posts *p); /* ends what is under way; NULL is fine */

/*
 * Begins a post. `headers`: lines, each followed by a NUL; copied. The body must stay until the post has
 * ended. False: out of memory.
 */
bool hs_http_posts_start(struct hs_http_posts *p, unsigned slot, struct hs_slice headers, struct hs_slice body);

/* Fills what to wait for, at most HS_HTTP_POSTS_FDS for each slot; returns how many. */
size_t hs_http_posts_poll(struct hs_http_posts *p, struct pollfd *fds);

/* Milliseconds until there is something to do without an event; -1: nothing. */
int64_t hs_http_posts_due(struct hs_http_posts *p);

/* Does what can be done now. */
void hs_http_posts_work(struct hs_http_posts *p);

struct hs_http_posted {
	int status;             /* 0: no answer came; 407 is also that of a proxy to which no tunnel was made */
	int64_t retry_after_ms; /* by Retry-After; 0: it has none */
	bool no_authorities;    /* without an answer: the file of trusted authorities cannot be used … */
	bool no_url;            /* … or the URL is none */
	const char *why;        /* without an answer: a line; valid until the slot's next post */
};

/* True if the slot's post has ended since it began; then the slot is free. */
bool hs_http_posts_ended(struct hs_http_posts *p, unsigned slot, struct hs_http_posted *posted);

#endif
