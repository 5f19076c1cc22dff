/*
 * identity: what makes two events the same event.
 *
 * Segment delivers at least once and re-forms batches between retries, so sameness is
 * per event: the messageId, within a tenant. An event without one is identified by its
 * record (without what hookspool adds), if it has a timestamp; without either it is
 * never taken for a duplicate.
 *
 * The identity of a record that is read back from the spool is the same as that of the
 * event it came from: that is how the index is rebuilt.
 */
#ifndef HS_IDENTITY_H
#define HS_IDENTITY_H

#include "core/event.h"
#include "core/hmac.h"

enum { HS_IDENTITY_BYTES = 16 }; /* of a SHA-256: nobody finds two with the same */

struct hs_identity {
	uint8_t bytes[HS_IDENTITY_BYTES];
};

/* Working memory, one a thread. */
struct hs_identifier {
	struct hs_digest *digest;
	struct hs_buf text; /* a decoded id */
};

bool hs_identifier_init(struct hs_identifier *i); /* false: out of memory */
void hs_identifier_free(struct hs_identifier *i);

/*
 * The identity of an event that was just flattened to `line` (its '\n' does not count).
 * *known is false if it has none. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_identity_of_event(struct hs_identifier *i, const struct hs_event *e,
                                    struct hs_slice tenant, struct hs_slice line, bool *known,
                                    struct hs_identity *id);

/*
 * The same from a record of the spool, and when it was spooled (0 if that cannot be
 * read). `json` is scratch. HS_OK, HS_E_MEMORY, or a HS_E_JSON_ result.
 */
enum hs_result hs_identity_of_line(struct hs_identifier *i, struct hs_json *json,
                                   struct hs_slice line, bool *known, struct hs_identity *id,
                                   int64_t *spooled_ms);

/*
 * The same, by the left edge alone, of a record that hookspool has written and that is
 * known to be whole: a messageId without escapes, and when it was spooled. False: look at
 * all of it.
 */
bool hs_identity_of_head(struct hs_identifier *i, struct hs_slice line, struct hs_identity *id,
                         int64_t *spooled_ms);

#endif
