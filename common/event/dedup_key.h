/*
 * dedup_key: the idempotency key of an event: a hash of its scope and the message id.
 *
 * Segment delivers at least once and regroups batches between retries, so each event carries its
 * own key: the messageId, within a tenant; in direct intake within a source, because anyone can
 * send with the key of a page and so use up the ids of a server. An event without a usable messageId gets one. With a
 * timestamp, the id is a hash of the event, so a retry gets the same id; without, it is random, so
 * the event is never mistaken for a duplicate. Since the id stays where rules drop or mask a value, the hash has their
 * key: whoever has the record cannot try values until the id fits.
 *
 * A record read back from the spool has the key of the event it was made from. The index is
 * rebuilt that way.
 */
#ifndef HS_DEDUP_KEY_H
#define HS_DEDUP_KEY_H

#include "base/digest.h"
#include "event/event.h"

enum {
	HS_DEDUP_KEY_BYTES = 16,                 /* of a SHA-256: no one can find a collision */
	HS_MADE_ID = 4 + 2 * HS_DEDUP_KEY_BYTES, /* hs-r and 32 digits; for a hash of the event hs- */
	HS_MADE_ID_MAX = HS_MADE_ID + 3,         /* hs-php- */
};

/* Where ids count. Labels of settings, so without zero bytes and the like. */
struct hs_id_scope {
	struct hs_slice tenant;
	struct hs_slice source; /* if it has one, the tenant does not matter */
};

struct hs_dedup_key {
	uint8_t bytes[HS_DEDUP_KEY_BYTES];
};

/* Working memory, one per thread. */
struct hs_dedup_key_maker {
	struct hs_digest *digest;
	struct hs_buf text;           /* a decoded id, or the event in its canonical form */
	uint64_t seed;                /* for random ids: unique to this maker, not 0; set by the owner … */
	uint64_t serial;              /* … like this counter, if the same ids must be made again */
	const struct hs_hmac256 *key; /* for hashes of events; NULL: none */
	char made[HS_MADE_ID_MAX];
};

bool hs_dedup_key_maker_init(struct hs_dedup_key_maker *maker); /* false: out of memory */
void hs_dedup_key_maker_free(struct hs_dedup_key_maker *maker);

/* The id that an event gets in its record. */
struct hs_made_id {
	struct hs_slice text; /* in the maker's memory; n == 0: the event's own id is usable */
	bool random;          /* a second delivery gets another id */
	bool derived;         /* the event has an own id, which stays beside it in the record */
};

/*
 * Decides whether the event's own id is usable: a number or a string that is not empty, not just
 * blanks, zeros and hyphens, and not a word that programs write for "no value" (null, undefined,
 * …). If not, makes one; `spooled_at` goes into a random id. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_dedup_key_make_id(struct hs_dedup_key_maker *maker, const struct hs_event *e,
                                    struct hs_slice spooled_at, struct hs_made_id *made);

/*
 * For a library whose ids are not unique: if the event's own id is to be used, makes one of it, the
 * timestamp and the type. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_dedup_key_derive_id(struct hs_dedup_key_maker *maker, const struct hs_event *e,
                                      struct hs_made_id *made);

/* The key of an event, with its own id or the one made for it. HS_OK or HS_E_MEMORY. */
enum hs_result hs_dedup_key_of_event(struct hs_dedup_key_maker *maker, const struct hs_event *e,
                                     const struct hs_made_id *made, const struct hs_id_scope *scope,
                                     struct hs_dedup_key *id);

/*
 * The key of a record with this message_id. *known is false if that is no id: absent (name.p is NULL),
 * null, true, false or "". HS_OK or HS_E_MEMORY.
 */
struct hs_record_field;
enum hs_result hs_dedup_key_of_field(struct hs_dedup_key_maker *maker, const struct hs_record_field *message_id,
                                     const struct hs_id_scope *scope, bool *known, struct hs_dedup_key *id);

/*
 * The key of a record that hookspool wrote and that is known to be complete; reads only the start
 * of the line. Also the time of spooling (0: unreadable). *known is false if the line has no id
 * and so is no record. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_dedup_key_of_record(struct hs_dedup_key_maker *maker, struct hs_slice line, bool *known,
                                      struct hs_dedup_key *id, int64_t *spooled_ms);

/*
 * Like hs_dedup_key_of_record, after parsing the whole line strictly. `json` is scratch. HS_OK,
 * HS_E_MEMORY, or an HS_E_JSON_ result.
 */
enum hs_result hs_dedup_key_of_line(struct hs_dedup_key_maker *maker, struct hs_json *json, struct hs_slice line,
                                    bool *known, struct hs_dedup_key *id, int64_t *spooled_ms);

#endif
