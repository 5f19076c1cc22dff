#include "event/event_type.h"

#define ROW(NAME, name) { name, sizeof(name) - 1 },
static const struct hs_slice names[] = { HS_EVENT_TYPE_NAMES(ROW) };
#undef ROW

enum hs_event_type hs_event_type_of(struct hs_slice name)
{
	for (size_t i = 1; i < HS_EVENT_TYPES; i++)
		if (hs_slice_eq(names[i], name))
			return (enum hs_event_type)i;
	return HS_EVENT_TYPE_OTHER;
}

const char *hs_event_type_name(enum hs_event_type type)
{
	return names[type].p;
}
