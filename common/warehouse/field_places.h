/*
 * field_places: where each field of a record goes: which column it is, and of which tables. Pure.
 *
 * That is decided once for each name and family of records, and kept.
 */
#ifndef HS_FIELD_PLACES_H
#define HS_FIELD_PLACES_H

#include "event/record_fields.h"

/* Records whose fields go to the same places. */
enum hs_family {
	HS_FAMILY_TRACK,
	HS_FAMILY_PAGE, /* and screen */
	HS_FAMILY_IDENTIFY,
	HS_FAMILY_GROUP,
	HS_FAMILY_ALIAS,
	HS_FAMILIES,
};

enum hs_where {
	HS_WHERE_LEFT_OUT, /* but --include may want it, under this name */
	HS_WHERE_COMMON,   /* to every row of the record */
	HS_WHERE_OWN,      /* a property or trait: not to tracks */
};

/* The columns that every row has, or every row of a family; in the order in which rows have them. */
enum hs_common_column {
	HS_COMMON_ID,
	HS_COMMON_RECEIVED_AT,
	HS_COMMON_UUID_TS,
	HS_COMMON_TIMESTAMP,
	HS_COMMON_SENT_AT,
	HS_COMMON_ORIGINAL_TIMESTAMP,
	HS_COMMON_ANONYMOUS_ID,
	HS_COMMON_USER_ID,
	HS_COMMON_TENANT,
	HS_COMMON_EVENT,
	HS_COMMON_EVENT_TEXT,
	HS_COMMON_NAME,
	HS_COMMON_CATEGORY,
	HS_COMMON_GROUP_ID,
	HS_COMMON_PREVIOUS_ID,
	HS_COMMON_REST,
	HS_COMMONS,
};

struct hs_slice hs_common_column_name(enum hs_common_column column);

struct hs_place {
	const char *field; /* as the line has it … */
	uint32_t field_n;
	uint32_t column; /* its name, in `text` of the table … */
	uint32_t path_n; /* … and after it, if that was cut, its whole name */
	uint32_t after;  /* the place that was asked for after this one, the last time */
	uint8_t column_n;
	uint8_t family; /* enum hs_family */
	uint8_t where;  /* enum hs_where */
	int8_t common;  /* COMMON, and OWN with the name of one: an enum hs_common_column; -1: none */
	bool is_kept;   /* else there are too many to keep: it is valid until the next call */
};

/* A zeroed struct is empty. */
struct hs_field_places {
	struct hs_buf text;
	struct hs_place *place;
	size_t count, cap;
	size_t fields;  /* bytes of their `field` */
	uint32_t *slot; /* 1 + index in `place`, by hash; 0: free; `slots` is a power of two */
	size_t slots;
	size_t last;             /* the place that was asked for last */
	bool is_over;            /* a record had more fields than are kept … */
	struct hs_place passing; /* … this is the place of one of them … */
	size_t kept_text;        /* … whose names come after those in `text` that are kept */
	struct hs_buf scratch, decoded;
};

void hs_field_places_free(struct hs_field_places *places);

/* Before each record: forgets what was decided once that is more than a spool of sensible events needs. */
void hs_field_places_bound(struct hs_field_places *places);

/* The place of the field; NULL: out of memory. */
const struct hs_place *hs_field_place(struct hs_field_places *places, enum hs_family family,
                                      const struct hs_record_field *field);

#endif
