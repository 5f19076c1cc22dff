/*
 * direct: what is known of an event that one of Segment's libraries sent here directly, beside its own
 * text: a webhook has these fields from Segment.
 */
#ifndef HS_DIRECT_H
#define HS_DIRECT_H

#include "event/json.h"

struct hs_direct {
	struct hs_slice source;                       /* label of its write key */
	struct hs_slice type;                         /* by the path (/v1/track); n == 0: the event's own counts */
	struct hs_slice channel;                      /* by the path: client or server */
	struct hs_slice ip;                           /* address of the sender as text; n == 0: not to be kept */
	struct hs_slice sent_at;                      /* raw JSON text beside `batch`; p == NULL: absent */
	const struct hs_json *context, *integrations; /* objects beside `batch`, tok[0] an object; NULL: absent */
	int64_t received_ms;                          /* since 1970 */
};

#endif
