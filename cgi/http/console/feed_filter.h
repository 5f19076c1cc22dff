/* feed_filter: the records that a console's view asks for. */
#ifndef HS_FEED_FILTER_H
#define HS_FEED_FILTER_H

#include "cgi/http/console/query.h"
#include "spool/summary/summary_file.h"

enum hs_feed_by {
	HS_FEED_TYPE,
	HS_FEED_EVENT,  /* or the name of a page or screen */
	HS_FEED_USER,   /* or the anonymous id */
	HS_FEED_TENANT, /* or the source */
	HS_FEED_BYS
};

/* Zeroed: every record passes. A record passes if it has each value that is given. */
struct hs_feed_filter {
	struct hs_query_value by[HS_FEED_BYS];
	struct hs_query_value text; /* somewhere in the line, or in a value decoded; ASCII letters without case */
	struct hs_buf scratch;      /* hs_buf_free() frees it */
};

/* HS_OK or HS_E_QUERY: reads type=, event=, user=, tenant= and text=. */
enum hs_result hs_feed_filter_read(struct hs_feed_filter *f, struct hs_slice query);

bool hs_feed_filter_passes(struct hs_feed_filter *f, struct hs_slice line);

/* False only if no line of the summary's segment passes; the summary is of the events, and `odd` is 0. */
bool hs_feed_filter_may_pass(const struct hs_feed_filter *f, struct hs_summary_reader *summary);

#endif
