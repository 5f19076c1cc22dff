/*
 * subject: the subject and the id of a record's message.
 *
 *	hookspool.{receiver}.{tenant}.{type}            hookspool.kodabuzi.acme.track
 *	hookspool.{receiver}.{tenant}.{type}.{event}    hookspool.kodabuzi.acme.track.order_completed
 *
 * NATS checks no subject of a message: a blank or a line end in one is a command of the protocol, and `*` and `>`
 * are stored as they are. So a token has [A-Za-z0-9_=-] alone and is never empty: `_` means none. Other bytes of a
 * tenant, a type or an event are written as `=XX`, in upper-case hexadecimal digits.
 */
#ifndef HS_SUBJECT_H
#define HS_SUBJECT_H

#include "base/buf.h"
#include "base/slice.h"
#include "tools/ship/place.h"

#define HS_SUBJECT_DEFAULT "hookspool.{receiver}.{tenant}.{type}"

enum {
	HS_SUBJECT_EVENT_MAX = 64,   /* bytes of an event's token; the rest is cut off */
	HS_SUBJECT_TENANT_MAX = 192, /* of a tenant's: each of its 64 bytes may become three */
	HS_SUBJECT_ID_MAX = 200,     /* a longer id is hashed */
};

/*
 * True if the text is hookspool.{receiver}. and two or three tokens, each {tenant}, {type}, {event} or plain text,
 * {tenant} once at most. Ship asks the stream for its own messages by such subjects.
 */
bool hs_subject_is_template(const char *text);

/* The fields of a record that make its subject and its id: slices of the line. */
struct hs_subject_fields {
	/* Strings' bytes between the quotes, and those of an id that is a number; n 0: none. */
	struct hs_slice tenant, type, event, message_id;
};

void hs_subject_read(struct hs_slice line, struct hs_subject_fields *fields);

/* Appends the subject of a template that hs_subject_is_template accepts. */
void hs_subject_put(struct hs_buf *out, const char *subject, const char *receiver,
                    const struct hs_subject_fields *fields);

/*
 * Appends the id, which the stream refuses a second time within its window: tenant/message_id, with the bytes of the
 * JSON string; sha256: and the digest of that if it is longer than HS_SUBJECT_ID_MAX or a header cannot hold it; and
 * :receiver/place for a record without a message id. No tenant has a colon, so the forms differ. False: out of memory.
 */
bool hs_subject_put_id(struct hs_buf *out, const char *receiver, const struct hs_place *place,
                       const struct hs_subject_fields *fields);

#endif
