/*
 * check_url_private: what the parts of check_url share.
 */
#ifndef HS_CHECK_URL_PRIVATE_H
#define HS_CHECK_URL_PRIVATE_H

#include "config/settings.h"
#include "tools/probe/credentials.h"
#include "tools/probe/http.h"
#include "tools/probe/response_verdict.h"
#include "tools/report/findings.h"
#include "tools/report/progress.h"

enum {
	HS_PROBE_ANSWER_MS = 10000,  /* Segment's limit */
	HS_PROBE_UPLOAD_MS = 300000, /* for a large body over a slow line */
	HS_PROBE_CAME = 512,
};

struct hs_probe {
	struct hs_findings *report;
	const struct hs_settings *settings;
	const char *key;            /* in clear; NULL: unknown */
	const struct hs_held *held; /* write keys */
	const struct hs_http_target *target;
	const char *mount; /* the URL's path */
	struct hs_http *http;
	struct hs_buf body, headers;
	struct hs_http_answer answer;
	struct hs_response_verdict told;
	enum hs_http_result result;
	bool starved; /* a request wanted memory */
	struct hs_progress progress;
};

/*
 * Reports a failure with the remedy for the server that answered, or for both if it is unknown. An '@' in
 * a remedy is the mount's path.
 */
void hs_probe_fail(struct hs_probe *p, const char *what, const char *apache, const char *lighttpd, const char *text);

/*
 * Sends a request and reads the answer into p->answer and p->told. False: none came, see p->result; nothing is left
 * there of an earlier answer.
 */
bool hs_probe_ask(struct hs_probe *p, const struct hs_http_request *request);

/* As hs_probe_ask if it cannot be asked for want of memory. */
bool hs_probe_starve(struct hs_probe *p);

/* Describes the answer that came. */
const char *hs_probe_came(const struct hs_probe *p, char text[static HS_PROBE_CAME]);

/* Tries what Segment's libraries need, if there are sources (check_direct.c). */
void hs_check_direct(struct hs_probe *p);

#endif
