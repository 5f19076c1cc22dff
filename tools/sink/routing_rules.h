/*
 * routing_rules: --on TYPE=COMMAND, --on 'TYPE:NAME=COMMAND', --on '*=COMMAND': which handler a
 * record is for. TYPE is one of the Spec's seven. NAME is the event of a track, or the name of
 * a page or screen; in it \= is an equals sign and \\ a backslash. The most exact rule wins,
 * and of equal ones the first.
 */
#ifndef HS_ROUTING_RULES_H
#define HS_ROUTING_RULES_H

#include "event/record_fields.h"

enum { HS_ROUTING_RULES_MAX = 64 };

struct hs_routing_rule {
	struct hs_slice on;         /* as it was given, for people: slices of the argument */
	struct hs_slice type, name; /* p == NULL: any. The name is without its backslashes */
	const char *command;        /* for sh -c */
};

struct hs_routing_rules {
	struct hs_routing_rule rule[HS_ROUTING_RULES_MAX];
	unsigned count;
	bool no_test;             /* none for what hookspool send has made up */
	char *name[HS_ROUTING_RULES_MAX]; /* what the rules' names are slices of; for free() */
	struct hs_buf scratch;
};

/* The argument must outlive the rules. False after a message to standard error. */
bool hs_routing_rules_add(struct hs_routing_rules *r, const char *command, const char *argument);
void hs_routing_rules_free(struct hs_routing_rules *r);

/* What of a record decides where it goes, and what handlers find in the environment. */
enum hs_main_field {
	HS_MAIN_TYPE,
	HS_MAIN_EVENT,
	HS_MAIN_TIMESTAMP,
	HS_MAIN_USER_ID,
	HS_MAIN_ANONYMOUS_ID,
	HS_MAIN_MESSAGE_ID,
	HS_MAIN_GROUP_ID,
	HS_MAIN_NAME,
	HS_MAIN_TENANT,
	HS_MAIN_SPOOLED_AT,
	HS_MAIN_FIELDS
};

struct hs_main {
	struct hs_record_field leaf[HS_MAIN_FIELDS]; /* name.p == NULL: the record has none */
};

void hs_main_read(struct hs_main *m, struct hs_slice line);
/* The field's name in a record: "user_id". */
const char *hs_main_name(enum hs_main_field field);

/*
 * Is it one of the events that `hookspool send` makes up: of the user, or the anonymous visitor,
 * HS_SAMPLE_EVENTS_USER (sample_events.h)? Anybody can send that: so it is for who asks to leave them out, and
 * nothing else is decided by it.
 */
bool hs_main_is_test(const struct hs_main *m, struct hs_buf *scratch);

/* The rule for a record; -1: none. */
int hs_routing_rules_find(struct hs_routing_rules *r, const struct hs_main *m);

/* Hashes the user_id, else the anonymous_id, else the message_id; null is none. A user has one number. */
uint64_t hs_main_user(const struct hs_main *m);

#endif
