/*
 * gzip_queue: compresses members one after another, on a thread of its own if asked for, and returns
 * them in their order.
 *
 *	put or put_member; then next, as long as the queue is full
 *	at the end: next, until the queue is empty
 *
 * One thread uses a queue. The queue's own thread only compresses, which cannot fail.
 */
#ifndef HS_GZIP_QUEUE_H
#define HS_GZIP_QUEUE_H

#include "spool/file/gzip.h"

struct hs_gzip_queue;

enum hs_gzip_queue_form {
	HS_GZIP_QUEUE_HERE,       /* compresses in `next`; holds one member */
	HS_GZIP_QUEUE_BACKGROUND, /* compresses on a thread of the lowest priority; holds one member */
	HS_GZIP_QUEUE_SHARED,     /* compresses on a thread and in `next`; holds a few members, 2 MB each */
};

/*
 * NULL: out of memory, or BACKGROUND cannot have its thread. The caller of BACKGROUND keeps its
 * priority, so that a busy machine does not stop the holder of a lock. SHARED does without a thread
 * if it must.
 */
struct hs_gzip_queue *hs_gzip_queue_new(enum hs_gzip_queue_form form);
void hs_gzip_queue_free(struct hs_gzip_queue *queue); /* NULL is fine */

bool hs_gzip_queue_is_empty(const struct hs_gzip_queue *queue);
/* True if `next` must be called before anything is put. */
bool hs_gzip_queue_is_full(const struct hs_gzip_queue *queue);

/* Puts a text of at most HS_GZIP_MEMBER bytes, which is copied. */
void hs_gzip_queue_put(struct hs_gzip_queue *queue, struct hs_slice plain);

/* Puts a member of `plain` bytes of text, at most HS_GZIP_MEMBER bytes itself; it is copied. */
void hs_gzip_queue_put_member(struct hs_gzip_queue *queue, struct hs_slice member, size_t plain);

/*
 * Waits for the oldest member and takes it from the queue, which must not be empty; it has *plain bytes
 * of text and is valid until the next put.
 */
struct hs_slice hs_gzip_queue_next(struct hs_gzip_queue *queue, size_t *plain);

#endif
