/*
 * direct_cases: requests as Segment's own libraries send them, to the routes below /v1/, and requests
 * that must be refused there; with the answer that each must get. Pure.
 *
 *	browser   text/plain, one event a request and a batch, each after a preflight; settings, metrics
 *	node      key as Basic user name and in the body, after the batch
 *	python    key in the body alone, after the batch; blanks in the JSON
 *	php       key as Basic user name alone; ids that are not unique; numbers as userId
 *	ruby      key as Basic user name alone, /v1/import, sentAt before the batch
 *	mobile    Kotlin (gzip, chunked, text/plain), Swift (lines in the batch), C# (gzip, no Content-Type)
 *	refusals  what must be answered 400
 */
#ifndef HS_DIRECT_CASES_H
#define HS_DIRECT_CASES_H

#include "spool/file/gzip.h"
#include "tools/probe/http.h"
#include "tools/probe/response_verdict.h"

enum hs_library {
	HS_LIBRARY_BROWSER,
	HS_LIBRARY_NODE,
	HS_LIBRARY_PYTHON,
	HS_LIBRARY_PHP,
	HS_LIBRARY_RUBY,
	HS_LIBRARY_MOBILE,
	HS_LIBRARY_REFUSALS,
	HS_LIBRARIES, /* all of them */
};

#define HS_LIBRARY_NAMES "browser|node|python|php|ruby|mobile|refusals"

/* HS_LIBRARIES: unknown name. */
enum hs_library hs_library_named(const char *name);

/* The keys and values that the requests are made of. */
struct hs_direct_sender {
	const char *browser_key, *server_key; /* in clear; NULL: none */
	const char *origin;                   /* that the browser's source lists; NULL: none */
	const char *run;                      /* appended to the ids, as in sample_events.h */
	int64_t now_ms;                       /* since 1970 */
	size_t max_body;                      /* max_sdk_body of the receiver; 0: unknown */
	struct hs_gzip *gzip;
};

/* A request under construction. A zeroed struct is valid; hs_direct_request_free frees its memory. */
struct hs_direct_request {
	const char *name, *method;
	bool chunked;
	size_t events;
	struct hs_buf below; /* path below the mount, with a final NUL */
	struct hs_buf headers, body;
	struct hs_buf plain; /* the body before it is compressed */
};

size_t hs_direct_cases_count(void);

/* Whether case i belongs to the library, and the sender has what it needs. */
bool hs_direct_case_fits(size_t i, enum hs_library library, const struct hs_direct_sender *sender);

/* Makes the request of a case that fits. False: out of memory. */
bool hs_direct_case_make(size_t i, const struct hs_direct_sender *sender, struct hs_direct_request *request);
void hs_direct_request_free(struct hs_direct_request *request); /* wipes the keys */

/* The status that case i must get. */
int hs_direct_case_expected(size_t i);

/*
 * Judges the answer to case i as a library or a browser does: green if it is the expected one, otherwise
 * red, with what differs in `message` and the remedy. False: out of memory.
 */
bool hs_direct_case_judge(size_t i, const struct hs_direct_sender *sender, const struct hs_http_answer *answer,
                          struct hs_response_verdict *verdict);

/* Finds what makes a browser keep the answer from the page: one line with the remedy. NULL: nothing does. */
const char *hs_cors_fault(const struct hs_http_answer *answer, const char *origin, const char **remedy);

#endif
