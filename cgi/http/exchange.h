/*
 * exchange: one request with its answer, and the scratch memory of the thread that serves it.
 *
 * A thread serves a request until its records are ready to be kept. Small requests are then
 * posted: the thread turns to the next request, and the thread that commits them answers them. The
 * store is a table of functions, so that tests and fuzzers serve requests without a disk.
 *
 * Handlers use the members of the structs below; all other code uses the functions.
 */
#ifndef HS_EXCHANGE_H
#define HS_EXCHANGE_H

#include "base/gunzip.h"
#include "base/timestamp.h"
#include "cgi/http/hash_budget.h"
#include "cgi/http/outcome.h"
#include "cgi/http/request.h"
#include "cgi/http/semaphore.h"
#include "cgi/http/sender_address.h"
#include "cgi/http/transport.h"
#include "config/sources.h"
#include "event/dialect.h"
#include "event/flatten.h"
#include "spool/figures/openmetrics.h"
#include "spool/spool.h"

#include <stdatomic.h>

struct hs_store_ops {
	void *self;
	enum hs_result (*append)(void *self, const struct hs_append *append);
	void (*post)(void *self, struct hs_post *post);                                     /* see spool.h */
	enum hs_result (*suppresses)(void *self, struct hs_slice record, bool *suppressed); /* see spool.h */
	enum hs_result (*health)(void *self, bool *catching_up);                            /* see hs_spool_health */
	void (*put_figures)(void *self, enum hs_exposition format, struct hs_buf *out);     /* see hs_figures_put */
	/*
	 * Counts an answer to a sender, before it is sent, from any thread. `spool` is the value that
	 * the next member had when the exchange began. NULL: answers are not counted.
	 */
	void (*count_answer)(struct hs_spool *spool, const struct hs_answered *answered);
	/* Counts an event that is refused, while the others of its body may be kept. NULL as above. */
	void (*count_refusal)(struct hs_spool *spool, enum hs_result reason);
	struct hs_spool *spool;
	/* Milliseconds since 1970, and on a clock that never jumps. */
	int64_t (*now)(void);
	int64_t (*now_monotonic)(void);
	struct hs_semaphore *large;        /* before a large body is parsed; NULL: no limit */
	struct hs_hash_budget *unverified; /* for hashing large bodies that match no secret; NULL: no limit */
	/* The thread will work or wait for long: lets another thread serve new requests. NULL: there is no other. */
	void (*step_aside)(void *self);
	/* The limits of direct intake, which alone asks for them (rates.h). NULL, or it returns NULL: no limits. */
	struct hs_rates *(*rates)(void *self);
};

enum {
	HS_ANSWER_MS = 4000,      /* Segment's classic sender gives up after 5 s */
	HS_BODY_MS = 10000,       /* for the body to arrive; a larger one gets 1 s for each MiB */
	HS_LARGE_BYTES = 1 << 18, /* a body above this size is large */
	HS_KEEP_BYTES = 1 << 17,  /* buffers above this size are freed after use … */
	HS_REST_BYTES = 1 << 14,  /* … and above this size when no request comes for a while */
	HS_BATCH_MAX = 65536,     /* events in one batch; Segment sends at most 4000 */
	HS_PAGE_TAG = 34,         /* characters of a page's ETag, quotes included */
};

/*
 * A large body may take longer: 1 s for each MiB that has arrived. The announced length does not count,
 * because announcing costs a sender nothing.
 */
static inline int64_t hs_body_deadline(int64_t begun_ms, size_t came)
{
	return begun_ms + HS_BODY_MS + (int64_t)(came >> 20) * 1000;
}

/* The working memory of one thread. */
struct hs_scratch {
	const struct hs_store_ops *store;
	struct hs_json json, settings_json;
	struct hs_body_reader events; /* of the body, by `json` */
	struct hs_record_maker maker;
	struct hs_buf body, rejected; /* large: see hs_scratch_shrink */
	struct hs_buf inflated;       /* becomes `body` */
	struct hs_gunzip *gunzip;     /* NULL until a body is gzip */
	struct hs_buf key, settings_text, message;
	struct hs_batch_frame frame; /* direct intake: the members beside a batch … */
	struct hs_direct direct;     /* … and what is known of each event */
	bool inside;                 /* inside the semaphore for large bodies */
};

/* The charge to a source; rates == NULL: none. */
struct hs_charge {
	struct hs_rates *rates;
	uint64_t events, bytes;
	void (*give_back)(struct hs_exchange *exchange); /* NULL: it was given back */
};

/* The memory of one request, from its arrival to its answer. */
struct hs_exchange {
	struct hs_transport *transport;
	void (*ended)(void *context);
	void *context;
	struct hs_buf head, answer;
	struct hs_record_batch batch; /* what is posted */
	struct hs_post post;

	/* the request being served */
	struct hs_scratch *scratch; /* NULL: posted, and no thread works on it */
	const struct hs_settings *settings;
	struct hs_request request;
	struct hs_outcome outcome;
	struct hs_slice tenant;
	struct hs_charge charge;        /* direct intake, once its source is charged */
	struct hs_slice origin;         /* direct intake: the header Origin */
	const struct hs_source *source; /* … and whose write key it is, in the settings; NULL: not known */
	struct hs_response page;        /* an answer with a body of its own, … */
	struct hs_buf page_text;        /* … which is freed once it is sent, … */
	char page_tag[HS_PAGE_TAG];     /* … and its ETag */
	struct hs_slice logged;         /* what the log line shows beside the message; n == 0: nothing */
	struct hs_ip_address sender;    /* valid if has_sender */
	bool has_sender;
	char sender_text[HS_IP_TEXT_MAX];
	struct hs_slice address; /* of the sender, for records; n == 0: not known, or not to be kept */
	void (*count_answer)(struct hs_spool *spool, const struct hs_answered *answered); /* NULL: not counted */
	struct hs_spool *spool;                                                           /* the spool that counts it */
	struct hs_answered answered;
	bool needs_signature; /* the body decides whether the sender is let in */
	bool has_settings;    /* scratch->settings_json holds the header */
	int64_t answer_by;
	bool handed;           /* handed over to the spool, which may hang */
	_Atomic uint64_t turn; /* which thread answers, see exchange.c */
	char spooled_at[HS_TIMESTAMP_TEXT + 1];
};

/* NULL: out of memory. The store is not owned. */
struct hs_scratch *hs_scratch_new(const struct hs_store_ops *store, uint64_t seed);
void hs_scratch_free(struct hs_scratch *scratch);

/*
 * NULL: out of memory. The transport is not owned. ended() is called once for each request that
 * was served, by any thread, perhaps before the call that serves it returns; until then the
 * exchange and the settings must stay valid.
 */
struct hs_exchange *hs_exchange_new(struct hs_transport *transport, void (*ended)(void *context), void *context);
void hs_exchange_free(struct hs_exchange *exchange);

/* Sets the transport of the next request. */
void hs_exchange_from(struct hs_exchange *exchange, struct hs_transport *transport);

/* Free memory while there is nothing to do. */
void hs_scratch_rest(struct hs_scratch *scratch);
void hs_exchange_rest(struct hs_exchange *exchange);

/*
 * Answers with HS_E_TIMEOUT if the spool has held the request for HS_ANSWER_MS, whatever blocks its
 * thread. Call it regularly, from a thread that never waits for the disk. The later result of the
 * spool is dropped; if it is success, the sender's next attempt is a duplicate. By the time
 * ended() is called, both threads are done with the exchange.
 */
void hs_exchange_expire(struct hs_exchange *exchange, int64_t now_ms);

/* --- for handlers ------------------------------------------------------------ */

/* Call it before the spool: from now on hs_exchange_expire may answer, at exchange->answer_by. */
void hs_exchange_hand_over(struct hs_exchange *exchange);

/* The status that a request or an event with this result gets on the exchange's route. */
int hs_exchange_status(const struct hs_exchange *exchange, enum hs_result result);

/* Answers with exchange->outcome and this result, unless hs_exchange_expire has; ends the exchange. */
void hs_exchange_answer(struct hs_exchange *exchange, enum hs_result result);

/* Frees buffers above `keep` bytes. */
void hs_scratch_shrink(struct hs_scratch *scratch, size_t keep);

/* Leaves the semaphore for large bodies, if `context`, the scratch, is inside. */
void hs_scratch_make_way(void *context);

#endif
