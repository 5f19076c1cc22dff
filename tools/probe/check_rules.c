#include "tools/probe/check_rules.h"
#include "event/rules.h"

/* An id that is made of the whole event tells of what is masked in it, to those who can try all values. */
static void check_made_ids(struct hs_findings *r, const struct hs_settings *s)
{
	if (s->rules->masks && s->rules->hash_key == NULL)
		hs_findings_warn(r, "rules", "set hash_key to the output of openssl rand -hex 32",
		                 "an event without a messageId gets a hash of all its values for one, masked or not");
}

/* A refused body holds what the rules would have dropped or masked. */
static void check_refused(struct hs_findings *r, const struct hs_settings *s)
{
	const char *why = s->rules->masks && s->rules->drops ? "[fields] masks values, and [events] drops events"
	                  : s->rules->masks                  ? "[fields] masks values"
	                                                     : "[events] drops events";

	if (!s->rules->masks && !s->rules->drops)
		return;
	if (s->rejected_body > 0)
		hs_findings_warn(r, "rules", "set rejected_body = none, or leave it out",
		                 "%s, but what is refused is kept as it came", why);
	else
		hs_findings_ok(r, "rules", "what is refused is not kept in rejected.jsonl, because %s", why);
}

void hs_check_rules(struct hs_findings *r, const struct hs_settings *s)
{
	if (s->rules == NULL)
		return;
	hs_findings_ok(r, "rules", "%u lines in [events], %u in [fields]; hookspool rules tries them", s->rules->events,
	               s->rules->fields);
	check_refused(r, s);
	check_made_ids(r, s);
	for (unsigned i = 0; i < s->rules->events; i++)
		if (hs_rules_drop_deletes(s->rules, i))
			hs_findings_warn(r, "rules", "put keep = type:delete above the line, or name other types in it",
			                 "line %d drops delete events, so erase --from-deletes misses them",
			                 s->rules->event[i].line);
}
