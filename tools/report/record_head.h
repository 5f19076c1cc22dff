/*
 * record_head: the fields that say what a record is about and whose it is.
 */
#ifndef HS_RECORD_HEAD_H
#define HS_RECORD_HEAD_H

#include "event/record_fields.h"

/*
 * All that `hookspool send` makes up is of this user, or else of this anonymous visitor: by that
 * mark --no-test leaves it out, and `erase --test` removes it.
 */
#define HS_TEST_USER "hookspool-suite"

/* The fields that routing decides by and that handlers get in their environment. */
enum hs_head_field {
	HS_HEAD_TYPE,
	HS_HEAD_EVENT,
	HS_HEAD_TIMESTAMP,
	HS_HEAD_USER_ID,
	HS_HEAD_ANONYMOUS_ID,
	HS_HEAD_MESSAGE_ID,
	HS_HEAD_GROUP_ID,
	HS_HEAD_NAME,
	HS_HEAD_TENANT,
	HS_HEAD_SPOOLED_AT,
	HS_HEAD_FIELDS
};

struct hs_record_head {
	struct hs_record_field leaf[HS_HEAD_FIELDS]; /* name.p == NULL: the record has none */
};

void hs_record_head_read(struct hs_record_head *m, struct hs_slice line);
/* The field's name in a record: "user_id". */
const char *hs_record_head_name(enum hs_head_field field);

/*
 * True for an event of the user or anonymous visitor HS_TEST_USER. Any sender can claim to be that
 * user, so nothing else depends on it than what --no-test leaves out. False also if memory is out: then scratch has
 * failed.
 */
bool hs_record_head_is_test(const struct hs_record_head *m, struct hs_buf *scratch);

/*
 * *user: a hash of the tenant, and of the user_id, else the anonymous_id, else the message_id; null is none. Cursors
 * keep it: whoever changes it raises HS_CURSOR_HASH. False: out of memory.
 */
bool hs_record_head_user(const struct hs_record_head *m, uint64_t *user);

#endif
