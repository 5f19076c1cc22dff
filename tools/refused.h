/*
 * refused: the lines of the rejected files, the oldest first: sealed ones, plain and .gz,
 * then the open one. For a glance: what is written or deleted meanwhile may be seen or not.
 */
#ifndef HS_REFUSED_H
#define HS_REFUSED_H

#include "core/leaves.h"
#include "store/segment.h"
#include "tools/filter.h"

/*
 * The same of another family of files of lines: "rejected" or "failed".
 */
enum hs_result hs_refused_walk_family(const struct hs_place *place, const char *family,
				      bool (*take)(void *context, struct hs_slice line), void *context);

/*
 * Calls take(context, line) for each whole line, without its '\n', until it returns false.
 * HS_OK, also if there are none; HS_E_IO (a damaged .gz, too) or HS_E_MEMORY.
 */
enum hs_result hs_refused_walk(const struct hs_place *place,
			       bool (*take)(void *context, struct hs_slice line), void *context);

/* What such a line says of itself; name.p == NULL: it does not. */
struct hs_refusal {
	struct hs_leaf spooled_at, message, tenant;
};

void hs_refusal_read(struct hs_refusal *r, struct hs_slice line);

/* Is it of a filter's tenants and in its time? There is no more to know of it. */
bool hs_refusal_passes(const struct hs_refusal *r, struct hs_filter *f);

#endif
