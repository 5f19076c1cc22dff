/*
 * ingest: the story of one request: who → whole → valid → kept → answered.
 *
 * A thread takes it as far as to what is to be kept. Small requests it then posts, and turns
 * to the next one: who commits them answers them. The spool is handed in as functions, so
 * that the whole story runs in a unit test and in a fuzzer without a disk.
 */
#ifndef HS_INGEST_H
#define HS_INGEST_H

#include "cgi/http/hash_budget.h"
#include "cgi/http/outcome.h"
#include "cgi/http/request.h"
#include "cgi/http/semaphore.h"
#include "cgi/http/transport.h"
#include "event/flatten.h"
#include "spool/spool.h"

struct hs_store_ops {
	void *self;
	enum hs_result (*append)(void *self, const struct hs_append *append);
	void (*post)(void *self, struct hs_post *post); /* see spool.h */
	enum hs_result (*health)(void *self);
	/* Milliseconds: since 1970, and on a clock that never jumps. */
	int64_t (*now)(void);
	int64_t (*now_monotonic)(void);
	struct hs_semaphore *large; /* before a large body is judged; NULL: no limit */
	struct hs_hash_budget *unverified; /* for hashing large bodies that match no secret; NULL: no limit */
};

enum {
	HS_RESPONSE_VERDICT_MS = 4000,     /* Segment's classic sender gives up after 5 s */
	HS_BODY_MS = 10000,      /* for the body to arrive; a larger one gets 1 s for each MiB */
	HS_LARGE_BYTES = 1 << 18, /* a body above this size is large */
	HS_KEEP_BYTES = 1 << 17, /* buffers above this size are returned after use … */
	HS_REST_BYTES = 1 << 14, /* … and above this one when nothing comes for a while */
	HS_BATCH_MAX = 65536,    /* events in one batch; Segment sends at most 4000 */
};

/*
 * A large body may take longer: 1 s for each MiB, of those that came. What is announced costs a
 * sender nothing: by that one who drips could take as long as the largest body has.
 */
static inline int64_t hs_body_deadline(int64_t begun_ms, size_t came)
{
	return begun_ms + HS_BODY_MS + (int64_t)(came >> 20) * 1000;
}

/* Decides what the head alone can decide, before a byte of the body is read. */
struct hs_head {
	struct hs_request request; /* points into the variables */
	struct hs_slice tenant;    /* points into the settings */
	bool needs_signature;      /* the body decides whether the sender is let in */
};

/*
 * HS_OK, or what the request comes to: hs_request_read's results, then hs_auth_head's. `key` is
 * scratch, and wiped.
 */
enum hs_result hs_head_read(struct hs_head *h, const struct hs_settings *settings,
                            char *const *params, struct hs_buf *key);

struct hs_scratch; /* the working memory of one thread */
struct hs_exchange;    /* that of one request, from its arrival to its answer */

/* NULL: out of memory. The keeper is looked at, not owned. */
struct hs_scratch *hs_scratch_new(const struct hs_store_ops *store, uint64_t seed);
void hs_scratch_free(struct hs_scratch *r);

/* NULL: out of memory. The gateway is looked at, not owned. */
struct hs_exchange *hs_exchange_new(struct hs_transport *transport, void (*ended)(void *context), void *context);
void hs_exchange_free(struct hs_exchange *v);

/* The next request comes from this gateway. */
void hs_exchange_from(struct hs_exchange *v, struct hs_transport *transport);

/* Returns memory, while there is nothing to do. */
void hs_scratch_rest(struct hs_scratch *r);
void hs_exchange_rest(struct hs_exchange *v);

/*
 * Serves the request that the visit's gateway has, up to and including its finish(); then
 * ended() is called, once, by this thread or another, perhaps before this returns. Until then
 * visit and settings must stay.
 */
void hs_ingest(struct hs_scratch *r, struct hs_exchange *v, const struct hs_settings *settings);

/*
 * Now and then, from a thread that waits for no disk, as long as the visit is there: if the spool
 * has kept the visit's request for HS_RESPONSE_VERDICT_MS it is answered with HS_E_TIMEOUT, wherever the thread
 * that has it hangs. What that one comes back with is not told any more: if it is success, the
 * sender's next try is a duplicate. Before ended() is called, both are done with the visit.
 */
void hs_exchange_expire(struct hs_exchange *v, int64_t now_ms);

#endif
