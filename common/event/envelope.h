/*
 * envelope: the members of a body that Segment's libraries send around their events, found without
 * parsing them. Pure.
 *
 *	{"batch":[EVENT, …], "writeKey":"…", "sentAt":"…", "context":{…}, "integrations":{…}}
 *	{"type":"track", …, "writeKey":"…", "sentAt":"…"}                              one event
 *
 * Members come in any order, the key mostly last. The scan steps over strings and brackets only, so
 * it also succeeds on texts that are no JSON: what it finds counts only once the strict parser has
 * read the whole body.
 */
#ifndef HS_ENVELOPE_H
#define HS_ENVELOPE_H

#include "event/json.h"

/* Raw texts of the values, slices of the body; p == NULL: absent. Of a repeated name the first. */
struct hs_envelope {
	struct hs_slice batch; /* an array; else the body is one event */
	struct hs_slice write_key;
	struct hs_slice sent_at;
	struct hs_slice context, integrations; /* read of a batch alone: an event's are its own */
	bool is_object;                        /* false: nothing else is set */
};

/* Finds the members at the top of the body. Does not look at what follows its object. */
void hs_envelope_find(struct hs_envelope *envelope, struct hs_slice body);

/*
 * The batch from its first event on, in which hs_envelope_find finds the members of that event;
 * p == NULL: there is no batch.
 */
struct hs_slice hs_envelope_first_event(const struct hs_envelope *envelope);

/*
 * The write key as text: `scratch` if it has escapes. False: it is no string, or empty, or longer
 * than HS_WRITE_KEY_MAX, or memory is short (then scratch has failed).
 */
enum { HS_WRITE_KEY_MAX = 256 };
bool hs_envelope_key(const struct hs_envelope *envelope, struct hs_buf *scratch, struct hs_slice *key);

#endif
