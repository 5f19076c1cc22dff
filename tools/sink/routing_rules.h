/*
 * routing_rules: chooses a record's handler by --on TYPE=COMMAND, --on 'TYPE:NAME=COMMAND' and
 * --on '*=COMMAND'. TYPE is one of the Spec's seven. NAME is the event of a track, or the name of a
 * page or screen; in it \= is an equals sign and \\ a backslash. The most exact rule wins, and of
 * equally exact ones the first.
 */
#ifndef HS_ROUTING_RULES_H
#define HS_ROUTING_RULES_H

#include "spool/summary/summary_file.h"
#include "tools/report/record_head.h"

enum { HS_ROUTING_RULES_MAX = 64 };

struct hs_routing_rule {
	struct hs_slice on;         /* the argument before the =, for messages */
	struct hs_slice type, name; /* p == NULL: any. The name is without its backslashes */
	const char *command;        /* for sh -c */
};

struct hs_routing_rules {
	struct hs_routing_rule rule[HS_ROUTING_RULES_MAX];
	unsigned count;
	bool no_test;                     /* no rule for events that hookspool send makes up */
	char *name[HS_ROUTING_RULES_MAX]; /* the memory of the rules' names */
	struct hs_buf scratch;
};

/* The argument must outlive the rules. False after a message to standard error. */
bool hs_routing_rules_add(struct hs_routing_rules *r, const char *command, const char *argument);
void hs_routing_rules_free(struct hs_routing_rules *r);

enum { HS_ROUTING_RULES_NONE = -1, HS_ROUTING_RULES_MEMORY = -2 };

/* The index of the rule for a record, or one of these: there is none; out of memory, so that nobody knows. */
int hs_routing_rules_find(struct hs_routing_rules *r, const struct hs_record_head *m);

/* False only if there is no rule for any record of the summary's segment, whose `odd` is 0. */
bool hs_routing_rules_may_find(const struct hs_routing_rules *r, struct hs_summary_reader *summary);

#endif
