/* check_direct: the part of check_url about the routes below /v1/, which Segment's libraries use. */
#include "spool/file/gzip.h"
#include "tools/probe/check_url_private.h"
#include "tools/probe/direct_cases.h"
#include "tools/report/bar_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HUGE_MS = 5000 };

/* How a body is sent. */
struct form {
	const char *what, *encoding; /* a header line, or NULL */
	bool chunked;
};

static const char ONE_SIDE[] =
    "Apache: Header always setifempty, not set or add, for Access-Control-Allow-Origin\n"
    "nginx: no add_header Access-Control-Allow-Origin for @/v1/: it doubles the handler's; for "
    "nginx's own errors see hookspool.conf";
static const char ONE_SIDE_LIGHTTPD[] = "lighttpd: setenv.set-response-header, not add-response-header, for "
					"Access-Control-Allow-Origin below @/v1/";

/* True, after a failure is reported, if the answer is a redirect. */
static bool is_redirect(struct hs_probe *p, const char *what)
{
	static const char MEND[] =
	    "let the web server redirect nothing below @, and enter the URL that it leads to: the "
	    "libraries follow without the body, and the events are gone";
	char text[400];

	if (p->result != HS_HTTP_OK || p->answer.status < 300 || p->answer.status >= 400)
		return false;
	snprintf(text, sizeof text, "%d: redirected to %.200s", p->answer.status, p->answer.location);
	hs_probe_fail(p, what, MEND, MEND, text);
	return true;
}

/* Reports what keeps a browser from the answer. True: nothing does. */
static bool browser_may_read(struct hs_probe *p, const char *what)
{
	const char *remedy, *fault = hs_cors_fault(&p->answer, p->held->origin, &remedy);

	if (fault == NULL)
		return true;
	if (p->answer.allow_origins > 1 || strchr(p->answer.allow_origin, ',') != NULL)
		hs_probe_fail(p, what, ONE_SIDE, ONE_SIDE_LIGHTTPD, fault);
	else
		hs_probe_fail(p, what, remedy, remedy, fault);
	return false;
}

static void put_line(struct hs_buf *out, const char *name, const char *value)
{
	hs_buf_put_slice(out, hs_slice_str(name));
	hs_buf_put_slice(out, HS_SLICE(": "));
	hs_buf_put_slice(out, hs_slice_str(value));
	hs_buf_putc(out, '\0');
}

static void other_answer(struct hs_probe *p, const char *what, const char *expected, const char *remedy)
{
	char text[768], answer[HS_PROBE_CAME];

	if (p->result == HS_HTTP_OK && p->told.json && p->told.remedy[0] != '\0')
		remedy = p->told.remedy;
	snprintf(text, sizeof text, "%s: %s", expected, hs_probe_came(p, answer));
	hs_probe_fail(p, what, remedy, remedy, text);
}

static bool ask_with(struct hs_probe *p, struct hs_http_request *request)
{
	if (!hs_buf_ok(&p->headers) || !hs_buf_ok(&p->body))
		return hs_probe_starve(p);
	request->headers = hs_buf_slice(&p->headers);
	request->body = hs_buf_slice(&p->body);
	return hs_probe_ask(p, request);
}

static void begin(struct hs_probe *p)
{
	hs_buf_reset(&p->headers);
	hs_buf_reset(&p->body);
	if (p->held->browser_key != NULL)
		put_line(&p->headers, "Origin", p->held->origin);
}

static void check_preflight(struct hs_probe *p)
{
	struct hs_http_request request = { .method = "OPTIONS", .below = "/v1/t", .timeout_ms = HS_PROBE_ANSWER_MS };

	begin(p);
	put_line(&p->headers, "Access-Control-Request-Method", "POST");
	put_line(&p->headers, "Access-Control-Request-Headers", "authorization,x-retry-count");
	ask_with(p, &request);
	if (is_redirect(p, "preflight"))
		return;
	if (p->answer.status != 204 && p->answer.status != 200)
		other_answer(p, "preflight", "OPTIONS should be answered 204",
		             "let OPTIONS below @/v1/ reach the handler: no <Limit>, no limit_except, no answer of the "
		             "web server's own");
	else if (browser_may_read(p, "preflight"))
		hs_findings_ok(p->report, "preflight", "a page of %s may send", p->held->origin);
}

static void check_settings_route(struct hs_probe *p)
{
	struct hs_http_request request = { .method = "GET", .timeout_ms = HS_PROBE_ANSWER_MS };
	struct hs_slice body;
	char below[512];

	begin(p);
	snprintf(below, sizeof below, "/v1/projects/%s/settings", p->held->browser_key);
	request.below = below;
	if (ask_with(p, &request) && is_redirect(p, "sdk settings"))
		return;
	body = hs_buf_slice(&p->answer.body);
	if (p->answer.status != 200 || memmem(body.p, body.n, "\"Segment.io\"", 12) == NULL)
		other_answer(p, "sdk settings", "pages send nothing without their settings",
		             "pass all paths below @ to the handler, and set public_url");
	else if (browser_may_read(p, "sdk settings"))
		hs_findings_ok(p->report, "sdk settings", "pages get them from /v1/projects/KEY/settings");
}

/* An empty batch with the key in the body: nothing is stored. */
static bool post_batch(struct hs_probe *p, const struct form *form, size_t size)
{
	const char *key = p->held->server_key != NULL ? p->held->server_key : p->held->browser_key;
	struct hs_http_request request = { .method = "POST",
		                           .below = "/v1/b",
		                           .chunked = form->chunked,
		                           .timeout_ms = size > 0 ? HS_PROBE_UPLOAD_MS : HS_PROBE_ANSWER_MS };
	struct hs_gzip *gzip = form->encoding == NULL ? NULL : hs_gzip_new();
	char *blanks;

	if (form->encoding != NULL && gzip == NULL) /* the body as it is would be taken, and say nothing of gzip */
		return hs_probe_starve(p);
	begin(p);
	put_line(&p->headers, "Content-Type", "text/plain");
	hs_buf_put_slice(&p->body, HS_SLICE("{\"batch\":[],\"writeKey\":\""));
	hs_buf_put_slice(&p->body, hs_slice_str(key));
	hs_buf_putc(&p->body, '"');
	if (size > p->body.n + 1 && (blanks = hs_buf_reserve(&p->body, size - p->body.n - 1)) != NULL) {
		memset(blanks, ' ', size - p->body.n - 1);
		p->body.n = size - 1;
	}
	hs_buf_putc(&p->body, '}');
	if (gzip != NULL && hs_buf_ok(&p->body)) {
		struct hs_slice member = hs_gzip_member(gzip, hs_buf_slice(&p->body));

		put_line(&p->headers, "Content-Encoding", form->encoding);
		hs_buf_reset(&p->body);
		hs_buf_put_slice(&p->body, member);
	}
	hs_gzip_free(gzip);
	return ask_with(p, &request);
}

static void check_forms(struct hs_probe *p)
{
	static const struct form forms[] = { { "sdk batch", NULL, false },
		                             { "gzip", "gzip", false },
		                             { "chunked", NULL, true } };
	static const char *const mend[] = {
		"see the web server's error log",
		"let the web server neither inflate nor refuse bodies: no Content-Encoding rule of a proxy or of "
		"mod_security, no mod_deflate's "
		"SetInputFilter DEFLATE for @",
		"Apache's plain CGI has no length for such bodies, so Kotlin and Android cannot send there: take "
		"mod_fcgid or "
		"mod_proxy_fcgi with SetEnv proxy-sendcl 1; nginx: fastcgi_request_buffering on; lighttpd: "
		"server.stream-request-body = 0",
	};

	for (size_t i = 0; i < 3; i++) {
		post_batch(p, &forms[i], 0);
		if (is_redirect(p, forms[i].what))
			continue;
		if (forms[i].chunked && strcmp(p->told.code, "no_length") == 0)
			hs_findings_warn(p->report, forms[i].what, mend[i], "chunked bodies do not get through");
		else if (p->answer.status != 200 || !p->told.success)
			other_answer(p, forms[i].what, "an empty batch should be accepted", mend[i]);
		else if (p->held->server_key != NULL || browser_may_read(p, forms[i].what))
			hs_findings_ok(p->report, forms[i].what, "an empty batch is accepted");
	}
}

static void check_sdk_body(struct hs_probe *p)
{
	size_t n = (size_t)p->settings->max_sdk_body;
	char apache[240], lighttpd[80], text[200], answer[HS_PROBE_CAME], bytes[HS_BAR_TABLE_BYTES];
	const struct form plain = { 0 };

	hs_bar_table_bytes(n, bytes);
	post_batch(p, &plain, n);
	if (p->result == HS_HTTP_OK && p->answer.status == 200 && p->told.success) {
		hs_findings_ok(p->report, "sdk body", "%s are let through", bytes);
	} else if (p->result == HS_HTTP_OK && p->told.json) {
		other_answer(p, "sdk body", "a body as large as max_sdk_body should be accepted", "");
	} else {
		snprintf(apache, sizeof apache,
		         "Apache: LimitRequestBody %zu, in <Location @>; mod_fcgid: FcgidMaxRequestLen %zu\n"
		         "nginx: client_max_body_size %zuk",
		         n + n / 4, n + n / 4, (n + n / 4) >> 10);
		snprintf(lighttpd, sizeof lighttpd, "lighttpd: server.max-request-size = %zu", (n + n / 4) >> 10);
		snprintf(text, sizeof text, "%s, which max_sdk_body allows, are not let through: %.80s", bytes,
		         hs_probe_came(p, answer));
		hs_probe_fail(p, "sdk body", apache, lighttpd, text);
	}
}

/* Provokes an error of the web server's own: a body of a terabyte is announced, and does not come. */
static void check_own_error(struct hs_probe *p)
{
	struct hs_http_request request = { .method = "POST", .below = "/v1/b", .timeout_ms = HUGE_MS };
	static const char MEND[] = "Apache: Define HS_ORIGINS, as in the shipped configuration\n"
				   "nginx: set $hookspool_origin, as in the shipped hookspool.conf";
	char text[200];

	begin(p);
	put_line(&p->headers, "Content-Type", "text/plain");
	put_line(&p->headers, "Content-Length", "1099511627776");
	if (!ask_with(p, &request) || p->answer.status < 400 || p->told.json ||
	    strncmp(p->answer.server, "lighttpd", 8) == 0) /* its 413 never has the header */
		return;
	snprintf(text, sizeof text, "the web server's own errors (%d) have %s Access-Control-Allow-Origin",
	         p->answer.status, p->answer.allow_origins == 0 ? "no" : "more than one");
	if (p->answer.allow_origins == 1)
		hs_findings_ok(p->report, "own errors", "pages may read the web server's own errors");
	else
		hs_findings_warn(p->report, "own errors", MEND, "%s", text);
}

void hs_check_direct(struct hs_probe *p)
{
	bool browser = p->held->browser_key != NULL;

	assert(!browser || p->held->origin != NULL);
	if (p->settings->sources == 0)
		return;
	if (browser) {
		check_preflight(p);
		check_settings_route(p);
	}
	if (p->held->browser_key == NULL && p->held->server_key == NULL) {
		hs_findings_warn(p->report, "sdk batch", "put a write key in clear into [sources] for the try",
		                 "not tried: the settings have no write key in clear");
		return;
	}
	check_forms(p);
	check_sdk_body(p);
	if (browser)
		check_own_error(p);
}
