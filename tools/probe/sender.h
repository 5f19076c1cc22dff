/*
 * sender: makes requests as each of Segment's four senders does. Pure.
 *
 *	subscription   a partner's Subscription: one event, the API key as Basic user name
 *	webhook        the classic Webhooks destination: one event, X-Signature
 *	actions        Webhook (Actions): one event, or an array of them; X-Signature
 *	extensible     Extensible Webhook: one event, or an array of {"json": event};
 *	               X-Signature, the key as Bearer token
 *
 * Seen on the wire from the sender's published package, and documented in
 * https://segment.com/docs/connections/destinations/catalog/actions-webhook/,
 * …/extensible-webhook/, …/webhooks/ and
 * https://segment.com/docs/partners/subscriptions/build-webhook/.
 */
#ifndef HS_SENDER_H
#define HS_SENDER_H

#include "base/buf.h"
#include "base/digest.h"

enum hs_sender {
	HS_SENDER_SUBSCRIPTION,
	HS_SENDER_WEBHOOK,
	HS_SENDER_ACTIONS,
	HS_SENDER_EXTENSIBLE,
	HS_SENDERS,
};

#define HS_SENDER_NAMES "subscription|webhook|actions|extensible"

struct hs_sender_info {
	const char *name;
	const char *user_agent;
	bool batches;
	int timeout_ms; /* timeout before it tries again */
};

const struct hs_sender_info *hs_sender_info(enum hs_sender sender);

/* HS_SENDERS: unknown name. */
enum hs_sender hs_sender_named(const char *name);

/* A body under construction. A zeroed struct is valid; hs_parcel_free frees its memory. */
struct hs_parcel {
	enum hs_sender sender;
	bool batch; /* an array, also for one event */
	size_t events;
	size_t first, first_end; /* the text of the first event in `body` */
	struct hs_buf body;
};

void hs_parcel_start(struct hs_parcel *p, enum hs_sender sender, bool batch);
/* Without `batch` it takes one event. */
void hs_parcel_add(struct hs_parcel *p, struct hs_slice event);
/* False: out of memory, in this call or an earlier one. */
bool hs_parcel_end(struct hs_parcel *p);
void hs_parcel_free(struct hs_parcel *p);

/* The bytes that the signature covers: the body, or the first event of a batch. */
struct hs_slice hs_parcel_signed(const struct hs_parcel *p);

/*
 * Appends the header lines, each followed by a NUL: X-Signature of `covered` if there is a secret
 * (a Subscription never signs), Authorization if there is a key; NULL: none. False: out of memory.
 * Wipe the buffer after use: it holds the key.
 */
bool hs_sender_headers(enum hs_sender sender, const struct hs_hmac *secret, const char *key, struct hs_slice covered,
                       struct hs_buf *out);

#endif
