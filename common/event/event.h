/*
 * event: finds the Spec fields of one event and validates them.
 *
 * https://segment.com/docs/connections/spec/common/. Field names match in any casing:
 * userId, user_id, UserID, "User ID", USERID and userid are one field. Matching is by
 * the snake case of the key, with or without its underscores.
 */
#ifndef HS_EVENT_H
#define HS_EVENT_H

#include "event/event_type.h"
#include "event/json.h"

/*
 * The fixed names of a record, in record order, each with the spelling of Segment's own
 * libraries …
 */
#define HS_FIELDS(X) \
	X(TYPE, "type", "type") \
	X(EVENT, "event", "event") \
	X(TIMESTAMP, "timestamp", "timestamp") \
	X(USER_ID, "user_id", "userId") \
	X(ANONYMOUS_ID, "anonymous_id", "anonymousId") \
	X(MESSAGE_ID, "message_id", "messageId") \
	X(GROUP_ID, "group_id", "groupId") \
	X(PREVIOUS_ID, "previous_id", "previousId") \
	X(NAME, "name", "name") \
	X(CATEGORY, "category", "category") \
	X(RECEIVED_AT, "received_at", "receivedAt") \
	X(SENT_AT, "sent_at", "sentAt") \
	X(ORIGINAL_TIMESTAMP, "original_timestamp", "originalTimestamp") \
	X(VERSION, "version", "version") \
	X(CHANNEL, "channel", "channel") \
	X(PROJECT_ID, "project_id", "projectId") \
	/* … and the Spec fields that hold objects. */ \
	X(CONTEXT, "context", "context") \
	X(PROPERTIES, "properties", "properties") \
	X(TRAITS, "traits", "traits") \
	X(INTEGRATIONS, "integrations", "integrations")

enum hs_field {
#define HS_FIELD_ENUM(name, text, camel) HS_FIELD_##name,
	HS_FIELDS(HS_FIELD_ENUM)
#undef HS_FIELD_ENUM
	    HS_FIELD_COUNT,
	HS_FIELD_FLAT_COUNT = HS_FIELD_CONTEXT /* the fields before this one are flat */
};

struct hs_event {
	const struct hs_json *json;
	uint32_t root;                          /* the event's object */
	uint32_t field[HS_FIELD_COUNT];         /* token of the value; 0: absent (0 is never a value) */
	uint32_t flat[HS_FIELD_FLAT_COUNT + 1]; /* tokens of the flat fields, in the event's order; then 0 */
	enum hs_event_type type;                /* for the metrics */
	struct hs_slice path_type;              /* type by the path of an event that has none; n == 0: its own counts */
	bool timestamps_parse;                  /* false: at least one is stored as sent, and counted */
};

enum hs_validate { HS_VALIDATE_SPEC, HS_VALIDATE_LENIENT };

/*
 * Reads the event at token `root` of json. HS_OK, or HS_E_NOT_AN_EVENT and the results
 * that follow it in the table. Lenient accepts any object with a string `type`; nested or
 * repeated Spec fields are then ordinary properties.
 */
enum hs_result hs_event_read(struct hs_event *e, const struct hs_json *json, uint32_t root, enum hs_validate validate);

/*
 * Like hs_event_read, for direct intake: Spec fields that are null are absent, the type may come
 * from the path (n == 0: it does not). Also HS_E_TYPE_PATH, HS_E_DELETE_DIRECT.
 */
enum hs_result hs_event_read_direct(struct hs_event *e, const struct hs_json *json, uint32_t root,
                                    enum hs_validate validate, struct hs_slice path_type);

/*
 * Extensible Webhooks wrap each event of a batch: [{"json":{…}},{"json":{…}}]. Returns the token
 * of the event in the batch element tok[0]: the value of its only member if that is named json,
 * else the element itself.
 */
uint32_t hs_event_unwrap(const struct hs_json *json);

/*
 * A time between a string's quotes, with escapes decoded: JSON writers of .NET write a plus as \u002B. Decodes into
 * `room`; returns `inner` if there is nothing to decode, or it is too long for a time. `inner` must come from a token.
 */
enum { HS_EVENT_TIME = 128 };
struct hs_slice hs_event_time_text(struct hs_slice inner, char room[static HS_EVENT_TIME]);

/* Reads such a time as hs_timestamp_parse does. */
bool hs_event_parse_time(struct hs_slice inner, int64_t *ms);

/* The Spec field that a key names, in any casing; HS_FIELD_COUNT: none. */
enum hs_field hs_event_field_of_key(const struct hs_json *json, uint32_t key);

/* True if the key, in any casing, is an address of the sender: ip or request_ip. */
bool hs_event_is_address(const struct hs_json *json, uint32_t key);

/* The name of the field in a record. */
struct hs_slice hs_field_name(enum hs_field f);

/*
 * The flat field that a flattened name belongs to; HS_FIELD_COUNT: none. Matches exact names only:
 * "user_id", never "userid".
 */
enum hs_field hs_field_named(struct hs_slice name);

#endif
