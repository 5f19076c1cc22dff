/*
 * direct: what is known of an event that one of Segment's libraries sent here directly, beside its own
 * text, and what that makes of its fields: a webhook has these from Segment.
 */
#ifndef HS_DIRECT_H
#define HS_DIRECT_H

#include "base/timestamp.h"
#include "event/event.h"

struct hs_direct {
	struct hs_slice source;                       /* label of its write key */
	struct hs_slice type;                         /* by the path (/v1/track); n == 0: the event's own counts */
	struct hs_slice channel;                      /* by the path: client or server */
	struct hs_slice ip;                           /* address of the sender as text; n == 0: not to be kept */
	bool is_public;                               /* anyone may know the write key */
	struct hs_slice sent_at;                      /* raw JSON text beside `batch`; p == NULL: absent */
	const struct hs_json *context, *integrations; /* objects beside `batch`, tok[0] an object; NULL: absent */
	int64_t received_ms;                          /* since 1970 */
};

/*
 * True if the library that sent the event makes ids that are not unique: analytics-php seeds its
 * generator with 32 bits for each request, so different events may get the same id.
 */
bool hs_direct_has_weak_ids(const struct hs_direct *direct, const struct hs_event *e);

enum { HS_DIRECT_SKIPPED = HS_FIELD_FLAT_COUNT + 4 };

/* The record of an event that was read by hs_event_read_direct, as far as it differs from a webhook's. */
struct hs_direct_record {
	struct hs_direct_value {
		struct hs_slice text; /* p == NULL: absent */
		bool is_json;         /* JSON already; else text that needs quotes but no escapes */
	} field[HS_FIELD_FLAT_COUNT];
	bool decides_ip;                       /* context_ip is `ip`, whatever the event says */
	struct hs_slice ip;                    /* n == 0: none is added */
	uint32_t skipped[HS_DIRECT_SKIPPED];   /* values in the event that are not leaves, ascending; then 0 */
	uint32_t skipped_beside[2];            /* the same of direct->context */
	char timestamp[HS_TIMESTAMP_TEXT + 1]; /* what field[] may point to */
	char received_at[HS_TIMESTAMP_TEXT + 1];
};

/*
 * Fills the record; it points into itself, the event and `direct`.
 *
 *	timestamp           the one sent; corrected by the sender's clock where the difference of sentAt cannot
 *	                    be delay: sentAt is in the future, or the library sets it again for each attempt.
 *	                    The time of arrival if none was sent, it does not parse, or is more than a day
 *	                    in the future
 *	original_timestamp  the one sent
 *	received_at         the time of arrival
 *	sent_at             beside the batch, or else in the event; at most HS_SENT_AT_MAX bytes of JSON
 *	channel             by the path
 *	context_ip          the sender's address if it is a client, or its key is public; else what the event says
 *
 * writeKey and _metadata at the top are skipped.
 */
enum { HS_SENT_AT_MAX = 64 };
void hs_direct_decide(struct hs_direct_record *record, const struct hs_direct *direct, const struct hs_event *e);

#endif
