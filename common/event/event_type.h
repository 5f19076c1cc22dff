/*
 * event_type: the types of the Spec as numbers, for those who count. Pure.
 */
#ifndef HS_EVENT_TYPE_H
#define HS_EVENT_TYPE_H

#include "base/slice.h"

/* Append only: metrics.h keeps figures by these numbers. */
#define HS_EVENT_TYPE_NAMES(X) \
	X(OTHER, "other") /* validate = lenient takes any */ \
	X(TRACK, "track") \
	X(PAGE, "page") \
	X(SCREEN, "screen") \
	X(IDENTIFY, "identify") \
	X(GROUP, "group") \
	X(ALIAS, "alias") \
	X(DELETE, "delete")

enum hs_event_type {
#define HS_EVENT_TYPE_ENUM(NAME, name) HS_EVENT_TYPE_##NAME,
	HS_EVENT_TYPE_NAMES(HS_EVENT_TYPE_ENUM)
#undef HS_EVENT_TYPE_ENUM
	    HS_EVENT_TYPES
};

/* The type whose decoded name this is. */
enum hs_event_type hs_event_type_of(struct hs_slice name);

const char *hs_event_type_name(enum hs_event_type type);

#endif
