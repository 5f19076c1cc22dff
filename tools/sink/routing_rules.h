/*
 * routing_rules: --on TYPE=COMMAND, --on 'TYPE:NAME=COMMAND', --on '*=COMMAND': which handler a
 * record is for. TYPE is one of the Spec's seven. NAME is the event of a track, or the name of
 * a page or screen; in it \= is an equals sign and \\ a backslash. The most exact rule wins,
 * and of equal ones the first.
 */
#ifndef HS_ROUTING_RULES_H
#define HS_ROUTING_RULES_H

#include "tools/report/record_head.h"

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

/* The rule for a record; -1: none. */
int hs_routing_rules_find(struct hs_routing_rules *r, const struct hs_record_head *m);

#endif
