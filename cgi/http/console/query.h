/* query: reads values of a query or of a form (application/x-www-form-urlencoded). Pure. */
#ifndef HS_QUERY_H
#define HS_QUERY_H

#include "spool/position/rewrite_log.h"

enum { HS_QUERY_VALUE = 1024 };

/* A value, decoded; n == 0: absent or empty. `text` has its bytes, none of them NUL. */
struct hs_query_value {
	char text[HS_QUERY_VALUE];
	size_t n;
};

/* Reads the first value of this name. False: it is too long, or no UTF-8, or has a wrong escape or a NUL. */
bool hs_query_value(struct hs_slice query, const char *name, struct hs_query_value *value);

/*
 * A position in the spool is NUMBER.OFFSET.EDIT there. Reads one; *given is false if there is none. False: it is
 * no position.
 */
bool hs_query_position(struct hs_slice query, const char *name, struct hs_position *position, bool *given);

/* Prints one. */
enum { HS_QUERY_POSITION = 64 };
void hs_query_print_position(const struct hs_position *position, char out[static HS_QUERY_POSITION]);

#endif
