/* stream_rules: whether a stream's settings let ship keep its promises. Pure. */
#ifndef HS_STREAM_RULES_H
#define HS_STREAM_RULES_H

#include "tools/ship/engine.h"

struct hs_stream_rules {
	int64_t ack_wait_ms;
	bool lossy;      /* a stream may drop its oldest messages at a limit */
	bool old_server; /* for tests: any server, and a window of any length */
};

enum hs_stream_verdict { HS_STREAM_FINE, HS_STREAM_DOUBTFUL, HS_STREAM_REFUSED };

/* A finding: what is wrong, and the remedy; both constants. */
struct hs_stream_finding {
	enum hs_stream_verdict verdict;
	const char *what, *remedy;
};

enum { HS_STREAM_FINDINGS = 16 };

/* Fills in what is not fine, refusals first; returns how many. */
size_t hs_stream_judge(const struct hs_engine_stream *stream, const struct hs_stream_rules *rules,
                       struct hs_stream_finding finding[static HS_STREAM_FINDINGS]);

#endif
