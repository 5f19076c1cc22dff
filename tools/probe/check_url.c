#include "tools/probe/check_url.h"
#include "base/io.h"
#include "tools/probe/check_url_private.h"
#include "tools/probe/sender.h"
#include "tools/report/bar_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	LARGE_MOST = 128 << 20, /* bytes: more than Segment's largest batch */
	CLOCK_MS = 60000,
	SHOWN_BYTES = 1 << 20,
	ADVICE = 1024,
};

/* The credentials of a request. */
struct shown {
	const struct hs_hmac *secret;
	const char *key;
};

static const char COMPARE[] = "let the handler read these settings, or compare them with those that "
			      "HOOKSPOOL_CONF names for it";
static const char REDIRECT[] = "enter the URL that it leads to: Segment does not follow";

/* --- advice -------------------------------------------------------------------- */

/* Replaces each '@' with the mount's path. */
static void put_advice(struct hs_buf *out, const struct hs_probe *p, const char *text)
{
	if (out->n > 0)
		hs_buf_putc(out, '\n');
	for (; *text != '\0'; text++)
		if (*text == '@')
			hs_buf_put_slice(out, hs_slice(p->mount, strcspn(p->mount, "?#")));
		else
			hs_buf_putc(out, *text);
}

void hs_probe_fail(struct hs_probe *p, const char *what, const char *apache, const char *lighttpd, const char *text)
{
	bool is_apache = strncmp(p->answer.server, "Apache", 6) == 0;
	bool is_lighttpd = strncmp(p->answer.server, "lighttpd", 8) == 0;
	struct hs_buf advice = { .max = ADVICE };

	if (!is_lighttpd || apache == lighttpd)
		put_advice(&advice, p, apache);
	if (!is_apache && apache != lighttpd)
		put_advice(&advice, p, lighttpd);
	hs_buf_putc(&advice, '\0');
	hs_findings_fail(p->report, what, hs_buf_ok(&advice) ? advice.p : "", "%s", text);
	hs_buf_free(&advice);
}

/* --- requests ------------------------------------------------------------------ */

/* Ends a request without an answer. */
static bool fail_to_ask(struct hs_probe *p, enum hs_http_result result)
{
	p->result = result;
	p->answer.status = 0;
	p->told = (struct hs_response_verdict){ .colour = HS_RED, .remedy = "" };
	if (result == HS_HTTP_MEMORY)
		p->starved = true;
	return false;
}

bool hs_probe_starve(struct hs_probe *p)
{
	return fail_to_ask(p, HS_HTTP_MEMORY);
}

bool hs_probe_ask(struct hs_probe *p, const struct hs_http_request *request)
{
	p->result = hs_http_send(p->http, request, &p->answer);
	if (p->result != HS_HTTP_OK)
		return fail_to_ask(p, p->result);
	if (!hs_response_verdict_read(&p->told, p->answer.status, hs_buf_slice(&p->answer.body)))
		return hs_probe_starve(p);
	return true;
}

static void show_upload(void *context, uint64_t sent, uint64_t all)
{
	struct hs_probe *p = context;

	if (all >= SHOWN_BYTES)
		hs_progress_part(&p->progress, sent, all, " sent");
}

/* Sends p->body with these credentials. False: no answer. */
static bool post(struct hs_probe *p, struct shown shown, int timeout_ms)
{
	struct hs_http_request request = { .method = "POST",
		                           .below = "",
		                           .timeout_ms = timeout_ms,
		                           .body = hs_buf_slice(&p->body),
		                           .progress = show_upload,
		                           .context = p };
	bool answered;

	hs_buf_reset(&p->headers);
	if (!hs_buf_ok(&p->body) ||
	    !hs_sender_headers(HS_SENDER_ACTIONS, shown.secret, shown.key, request.body, &p->headers))
		return hs_probe_starve(p);
	request.headers = hs_buf_slice(&p->headers);
	hs_progress_begin(&p->progress);
	answered = hs_probe_ask(p, &request);
	hs_progress_clear(&p->progress);
	return answered;
}

static bool post_nothing(struct hs_probe *p, struct shown shown)
{
	hs_buf_reset(&p->body);
	hs_buf_put_slice(&p->body, HS_SLICE("[]"));
	return post(p, shown, HS_PROBE_ANSWER_MS);
}

/* True if the answer is the handler's and has this result. */
static bool is_result(const struct hs_probe *p, enum hs_result r)
{
	return p->result == HS_HTTP_OK && strcmp(p->told.message, hs_result_info(r)->message) == 0;
}

static bool is_refusal(const struct hs_probe *p)
{
	return p->result == HS_HTTP_OK && (p->answer.status == 401 || p->answer.status == 403);
}

static bool is_taken(const struct hs_probe *p)
{
	return p->result == HS_HTTP_OK && p->told.colour == HS_GREEN && p->told.counted;
}

const char *hs_probe_came(const struct hs_probe *p, char text[static HS_PROBE_CAME])
{
	if (p->result == HS_HTTP_MEMORY)
		snprintf(text, HS_PROBE_CAME, "not tried, for want of memory");
	else if (p->result != HS_HTTP_OK)
		snprintf(text, HS_PROBE_CAME, "%s", hs_http_error(p->http));
	else
		snprintf(text, HS_PROBE_CAME, "%d, %s", p->answer.status, p->told.message);
	return text;
}

/* Reports a failure with the remedy of the table of results. */
static void fail_as_told(struct hs_probe *p, const char *what, const char *expected)
{
	char text[768], answer[HS_PROBE_CAME];
	const char *remedy = p->result == HS_HTTP_OK ? p->told.remedy : "";

	snprintf(text, sizeof text, "%s: %s", expected, hs_probe_came(p, answer));
	hs_probe_fail(p, what, remedy, remedy, text);
}

/* --- the mount ----------------------------------------------------------------- */

static void explain_health(struct hs_probe *p)
{
	char text[600], answer[HS_PROBE_CAME];
	int status = p->answer.status;

	snprintf(text, sizeof text, "/health is not answered as it should be: %s", hs_probe_came(p, answer));
	if (is_result(p, HS_E_METHOD)) /* the handler gets requests for the mount itself */
		hs_probe_fail(p, "health", "Apache, mod_proxy_fcgi: SetEnvIf Request_URI ^@ proxy-fcgi-pathinfo=1",
		              "lighttpd: \"check-local\" => \"disable\", in fastcgi.server",
		              "the handler is not told the path below the mount (PATH_INFO)");
	else if (p->told.json)
		hs_probe_fail(p, "health", p->told.remedy, p->told.remedy, text);
	else if (status == 404)
		hs_probe_fail(p, "health", "Apache: ScriptAlias @ " HS_LIBEXECDIR "/hookspool.cgi",
		              "lighttpd: fastcgi.server += ( \"@\" => … ), as in hookspool-fastcgi.conf",
		              "nothing is mounted at this URL: 404");
	else if (status == 403)
		hs_probe_fail(p, "health", "Apache: Require all granted, in <Location @>; chmod 755 the program",
		              "lighttpd: no url.access-deny for @; chmod 755 the program", text);
	else if (status >= 300 && status < 400)
		hs_probe_fail(p, "health", REDIRECT, REDIRECT, "the URL is a redirect");
	else
		hs_probe_fail(p, "health", "Apache: see ErrorLog; as the handler's user: hookspool.fcgi --check",
		              "lighttpd: see server.errorlog and server.breakagelog; as the handler's user: "
		              "hookspool.fcgi --check",
		              text);
}

static void check_clock(struct hs_probe *p)
{
	int64_t ahead = p->answer.date_ms - hs_io_now();

	if (p->answer.date_ms > 0 && (ahead > CLOCK_MS || ahead < -CLOCK_MS))
		hs_findings_warn(p->report, "clock", "timedatectl set-ntp true, on the one that errs",
		                 "the web server's clock is %" PRId64 " s %s this one",
		                 (ahead > 0 ? ahead : -ahead) / 1000, ahead > 0 ? "ahead of" : "behind");
}

static bool is_loopback(const char *url)
{
	return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://localhost", 16) == 0;
}

/* False: there is no answer, so no other test makes sense. */
static bool check_health(struct hs_probe *p)
{
	struct hs_http_request request = { .method = "GET", .below = "/health", .timeout_ms = HS_PROBE_ANSWER_MS };
	char came[HS_PROBE_CAME];

	if (!hs_probe_ask(p, &request)) {
		hs_findings_fail(p->report, "url", "", "%s", hs_probe_came(p, came));
		return false;
	}
	if (strncmp(p->target->url, "http://", 7) == 0 && !is_loopback(p->target->url))
		hs_findings_warn(p->report, "url", "give Segment the https URL",
		                 "over http the secrets and events are in clear");
	check_clock(p);
	if (p->answer.status == 200 && p->told.json) {
		hs_findings_ok(p->report, "health", "an event would be taken");
		return true;
	}
	explain_health(p);
	return p->told.json;
}

/* --- who is let in ------------------------------------------------------------- */

static bool wants_key(const struct hs_settings *s)
{
	return s->auth == HS_AUTH_KEY || s->auth == HS_AUTH_BOTH;
}

/* All the credentials that we have. */
static struct shown credentials(const struct hs_probe *p)
{
	bool secret = hs_settings_demand_signature(p->settings);

	return (struct shown){ secret ? p->settings->secret[0] : NULL, wants_key(p->settings) ? p->key : NULL };
}

static bool can_enter(const struct hs_probe *p)
{
	return !wants_key(p->settings) || p->key != NULL;
}

static void check_refusals(struct hs_probe *p)
{
	struct hs_hmac *wrong = hs_hmac_new(HS_SLICE("not the secret"));
	struct shown shown = credentials(p);

	post_nothing(p, (struct shown){ NULL, NULL });
	if (is_refusal(p))
		hs_findings_ok(p->report, "stranger", "a request without signature and key is refused");
	else if (is_taken(p))
		hs_probe_fail(p, "stranger", COMPARE, COMPARE, "anybody may send: the handler has other settings");
	else
		fail_as_told(p, "stranger", "an unsigned request should be refused");
	if (wrong == NULL) {
		hs_probe_starve(p);
	} else if (shown.secret != NULL) {
		shown.secret = wrong;
		post_nothing(p, shown);
		if (is_refusal(p))
			hs_findings_ok(p->report, "forger", "a wrong signature is refused");
		else
			fail_as_told(p, "forger", "a wrong signature should be refused");
	}
	hs_hmac_free(wrong);
}

static void check_signed(struct hs_probe *p)
{
	if (!can_enter(p)) {
		hs_findings_warn(p->report, "signed", "give --key @FILE",
		                 "not tried: the settings have no API key in clear");
		return;
	}
	post_nothing(p, credentials(p));
	if (is_taken(p))
		hs_findings_ok(p->report, "signed", "an empty batch, as Segment would send it, is accepted");
	else if (is_result(p, HS_E_SIGNATURE))
		hs_probe_fail(p, "signed", COMPARE, COMPARE, "the handler has another secret");
	else if (is_result(p, HS_E_NO_SIGNATURE) || is_result(p, HS_E_NO_CREDENTIALS))
		hs_probe_fail(p, "signed",
		              "Apache: take out RequestHeader unset X-Signature; look for a proxy before it",
		              "lighttpd: look for a proxy before it", "X-Signature does not reach the handler");
	else if (!is_result(p, HS_E_NO_KEY)) /* the next test reports that */
		fail_as_told(p, "signed", "an empty batch should be accepted");
}

/* An unknown key serves as well: if the answer calls it unknown, the header has arrived. */
static void check_key(struct hs_probe *p)
{
	const struct hs_settings *s = p->settings;
	struct shown shown = { s->auth == HS_AUTH_BOTH ? s->secret[0] : NULL,
		               p->key != NULL ? p->key : "a-key-that-nobody-has" };

	post_nothing(p, shown);
	if (is_taken(p))
		hs_findings_ok(p->report, "key", "an API key is accepted");
	else if (is_result(p, HS_E_NO_KEY) || is_result(p, HS_E_NO_CREDENTIALS))
		hs_probe_fail(p, "key",
		              "Apache: CGIPassAuth On, in <Location @>\n"
		              "Apache, in .htaccess: RewriteRule ^ - "
		              "[E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
		              "lighttpd passes Authorization on: look for a proxy before it that does not",
		              "the API key is lost: Authorization does not reach the handler");
	else if (is_result(p, HS_E_KEY) && p->key == NULL)
		hs_findings_ok(p->report, "key", "the API key's header reaches the handler");
	else if (is_result(p, HS_E_KEY))
		hs_probe_fail(p, "key", COMPARE, COMPARE, "the handler does not know the API key");
	else
		fail_as_told(p, "key", "a request with an API key should be accepted");
}

/* --- the largest body ---------------------------------------------------------- */

/* Blanks between brackets: as large as allowed, and nothing to store. */
static bool make_large(struct hs_buf *body, size_t n)
{
	char *to;

	hs_buf_reset(body);
	to = hs_buf_reserve(body, n);
	if (to == NULL)
		return false;
	memset(to, ' ', n);
	to[0] = '[';
	to[n - 1] = ']';
	body->n = n;
	return true;
}

/* mod_fcgid answers 500 to a body that is too long, all others 413. */
static void explain_large(struct hs_probe *p, size_t n)
{
	static const char FCGID[] = "Apache, mod_fcgid: FcgidMaxRequestLen";
	char apache[200], lighttpd[80], text[200], answer[HS_PROBE_CAME], bytes[HS_BAR_TABLE_BYTES];
	size_t limit = n + n / 4;

	if (p->answer.status == 500)
		snprintf(apache, sizeof apache, "%s %zu", FCGID, limit);
	else if (p->answer.status == 413)
		snprintf(apache, sizeof apache, "Apache: LimitRequestBody %zu, in <Location @>", limit);
	else
		snprintf(apache, sizeof apache, "Apache: LimitRequestBody %zu, in <Location @>\n%s %zu", limit, FCGID,
		         limit);
	snprintf(lighttpd, sizeof lighttpd, "lighttpd: server.max-request-size = %zu", limit >> 10);
	hs_bar_table_bytes(n, bytes);
	snprintf(text, sizeof text, "%s, which max_body allows, are not let through: %.80s", bytes,
	         hs_probe_came(p, answer));
	hs_probe_fail(p, "large body", apache, lighttpd, text);
}

static void check_large(struct hs_probe *p)
{
	int64_t most = p->settings->max_body;
	size_t n = most < LARGE_MOST ? (size_t)most : LARGE_MOST;
	char bytes[HS_BAR_TABLE_BYTES];

	hs_bar_table_bytes(n, bytes);
	if (!make_large(&p->body, n)) {
		hs_findings_warn(p->report, "large body", "free some memory, or lower max_body",
		                 "not tried: %s of memory are wanted", bytes);
		return;
	}
	post(p, credentials(p), HS_PROBE_UPLOAD_MS);
	if (is_taken(p) || (!can_enter(p) && is_refusal(p) && p->told.json))
		hs_findings_ok(p->report, "large body", "%s are let through", bytes);
	else if (is_result(p, HS_E_TOO_LARGE))
		hs_probe_fail(p, "large body", COMPARE, COMPARE, "the handler has a smaller max_body");
	else if (p->result == HS_HTTP_TIMEOUT || is_result(p, HS_E_SLOW_BODY) || p->answer.status == 408)
		hs_probe_fail(p, "large body",
		              "Apache: RequestReadTimeout header=10-20,MinRate=500 body=20,MinRate=1000",
		              "lighttpd: server.max-read-idle = 20", "a large body does not arrive in time");
	else if (p->told.json && p->result == HS_HTTP_OK)
		fail_as_told(p, "large body", "an empty batch with many blanks should be accepted");
	else
		explain_large(p, n);
	hs_buf_shrink(&p->body, 0);
}

/* --- the whole ----------------------------------------------------------------- */

static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://"), *path = host == NULL ? NULL : strchr(host + 3, '/');

	return path == NULL || path[1] == '\0' ? "/" : path;
}

static int check_mount(struct hs_probe *p)
{
	if (!check_health(p))
		return p->result == HS_HTTP_NONE  ? EX_UNAVAILABLE
		       : p->result == HS_HTTP_URL ? 2
		       : p->starved               ? EX_OSERR
		                                  : 0;
	if (p->settings->auth != HS_AUTH_NONE)
		check_refusals(p);
	check_signed(p);
	if (p->settings->keys > 0 && p->settings->auth != HS_AUTH_SIGNATURE && p->settings->auth != HS_AUTH_NONE)
		check_key(p);
	check_large(p);
	hs_check_direct(p);
	return p->starved ? EX_OSERR : 0;
}

int hs_check_url(struct hs_findings *report, const struct hs_settings *settings, const struct hs_held *held,
                 const struct hs_http_target *target)
{
	struct hs_probe p = { .report = report,
		              .settings = settings,
		              .key = held->key,
		              .held = held,
		              .target = target,
		              .mount = path_of(target->url),
		              .http = hs_http_new(target) };
	int code = p.http == NULL ? EX_OSERR : check_mount(&p);

	hs_http_free(p.http);
	hs_http_answer_free(&p.answer);
	hs_buf_free(&p.body);
	hs_buf_wipe(&p.headers);
	return code;
}
