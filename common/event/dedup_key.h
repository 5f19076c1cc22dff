/*
 * dedup_key: what makes two events the same event: the tenant, and the id in the record.
 *
 * Segment delivers at least once and re-forms batches between retries, so sameness is
 * per event: the messageId, within a tenant. An event that has none that will do gets one:
 * if it has a timestamp, one that is made of what it says, so that a retry has the same; and
 * otherwise a random one, so that it is never taken for a duplicate.
 *
 * The identity of a record that is read back from the spool is the same as that of the
 * event it came from: that is how the index is rebuilt.
 */
#ifndef HS_DEDUP_KEY_H
#define HS_DEDUP_KEY_H

#include "base/digest.h"
#include "event/event.h"

enum {
	HS_DEDUP_KEY_BYTES = 16, /* of a SHA-256: nobody finds two with the same */
	HS_MADE_ID = 4 + 2 * HS_DEDUP_KEY_BYTES, /* hs-r and 32 digits; made of the event: hs- */
};

struct hs_dedup_key {
	uint8_t bytes[HS_DEDUP_KEY_BYTES];
};

/* Working memory, one a thread. */
struct hs_dedup_key_maker {
	struct hs_digest *digest;
	struct hs_buf text; /* a decoded id, or an event as it counts */
	uint64_t seed;      /* of random ids: nobody else's, and not 0; the owner's to set … */
	uint64_t serial;    /* … and so is this, if ids shall come again: counts them */
	char made[HS_MADE_ID];
};

bool hs_dedup_key_maker_init(struct hs_dedup_key_maker *i); /* false: out of memory */
void hs_dedup_key_maker_free(struct hs_dedup_key_maker *i);

/* The id that an event gets in its record. */
struct hs_made_id {
	struct hs_slice text; /* in the identifier; n == 0: the event's own will do */
	bool random;          /* when it is delivered again, it gets another one */
};

/*
 * Its own will do if it is a number or string that says something: not empty, not of blanks,
 * zeros and hyphens alone, and not what programs write where there is no value (null,
 * undefined, …). `spooled_at` goes into a random id. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_dedup_key_make_id(struct hs_dedup_key_maker *i, const struct hs_event *e,
                                   struct hs_slice spooled_at, struct hs_made_id *made);

/* The identity of an event with the id that it has got. HS_OK or HS_E_MEMORY. */
enum hs_result hs_dedup_key_of_event(struct hs_dedup_key_maker *i, const struct hs_event *e,
                                    const struct hs_made_id *made, struct hs_slice tenant,
                                    struct hs_dedup_key *id);

/*
 * The same of a record that hookspool has written and that is known to be whole, by its left
 * edge alone, and when it was spooled (0 if that cannot be read). *known is false if it has no
 * id: it is no record. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_dedup_key_of_record(struct hs_dedup_key_maker *i, struct hs_slice line, bool *known,
                                     struct hs_dedup_key *id, int64_t *spooled_ms);

/*
 * The same after a strict look at the whole line. `json` is scratch. HS_OK, HS_E_MEMORY, or a
 * HS_E_JSON_ result.
 */
enum hs_result hs_dedup_key_of_line(struct hs_dedup_key_maker *i, struct hs_json *json,
                                   struct hs_slice line, bool *known, struct hs_dedup_key *id,
                                   int64_t *spooled_ms);

#endif
