#include "tools/probe/direct_cases.h"
#include "base/base64.h"
#include "base/timestamp.h"
#include "tools/probe/sample_events.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Placeholders of the bodies and paths: the write key, a second one, now, and one or all events. */
#define KEY "@KEY@"
#define OTHER "@OTHER@"
#define NOW "@NOW@"
#define EVENT "@EVENT@"
#define EVENTS "@EVENTS@"

enum {
	BROWSER_KEY = 1 << 0, /* else the server's */
	BASIC = 1 << 1,       /* Authorization has the key */
	GZIP = 1 << 2,
	CHUNKED = 1 << 3,
	CUT = 1 << 4, /* the body lacks its end */
	PREFLIGHT = 1 << 5,
	STRANGER = 1 << 6, /* an origin that no source lists */
	BOTH_KEYS = 1 << 7,
	LARGE = 1 << 8, /* a byte more than max_body, of blanks */
	SETTINGS = 1 << 9,
	BATCH_TYPES = 6, /* the first samples: all types but delete */
};

/* A request: a row of the table. */
struct request_case {
	enum hs_library library;
	const char *name, *method, *path;
	unsigned flags;
	const char *media_type; /* "": the header is absent */
	const char *agent;
	const char *sample;  /* name of the sample that EVENT means; NULL: none */
	const char *ids;     /* suffix of the ids, so that no two cases send the same event */
	const char *members; /* that the library adds to each event */
	const char *body;
	int status;
	const char *code; /* of a refusal; NULL: any */
};

#define JSON_TYPE "application/json"
#define STRANGER_ORIGIN "https://stranger.example"
#define PAGE_AGENT \
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
#define LIBRARY(name, version) "\"context\":{\"library\":{\"name\":\"" name "\",\"version\":\"" version "\"}}"
#define PAGE_MEMBERS \
	LIBRARY("analytics.js", "next-1.84.3") \
	",\"integrations\":{\"Segment.io\":true},\"writeKey\":\"" KEY \
	"\",\"_metadata\":{\"bundled\":[\"Segment.io\"],\"unbundled\":[],\"bundledIds\":[]}"
#define PAGE_SINGLE PAGE_MEMBERS ",\"sentAt\":\"" NOW "\""

/* A browser asks leave for each path before the first POST to it. */
#define PAGE(path, type) \
	{ HS_LIBRARY_BROWSER, \
	  "browser: preflight " path, \
	  "OPTIONS", \
	  path, \
	  BROWSER_KEY | PREFLIGHT, \
	  "", \
	  PAGE_AGENT, \
	  NULL, \
	  "", \
	  "", \
	  "", \
	  204, \
	  NULL }, \
	{ \
		HS_LIBRARY_BROWSER, "browser: " type, "POST", path, BROWSER_KEY | BASIC, "text/plain", PAGE_AGENT, \
		    type, "browser", PAGE_SINGLE, EVENT, 200, NULL \
	}
#define SERVER(library, name, path, flags, type, agent, ids, members, body) \
	{ \
		library, name, "POST", path, flags, type, agent, NULL, ids, members, body, 200, NULL \
	}
#define REFUSAL(name, path, flags, body, code) \
	{ \
		HS_LIBRARY_REFUSALS, "refused: " name, "POST", path, flags, JSON_TYPE, "hookspool", NULL, "", "", \
		    body, 400, code \
	}
#define ONE(members) \
	"{\"batch\":[{\"type\":\"track\",\"userId\":\"" HS_TEST_USER "\",\"event\":\"Refused\"" members \
	"}],\"writeKey\":\"" KEY "\"}"

/* clang-format off */
static const struct request_case cases[] = {
	{ HS_LIBRARY_BROWSER, "browser: settings", "GET", "/v1/projects/" KEY "/settings", BROWSER_KEY | SETTINGS, "",
	  PAGE_AGENT, NULL, "", "", "", 200, NULL },
	PAGE("/v1/i", "identify"),
	PAGE("/v1/t", "track"),
	PAGE("/v1/p", "page"),
	PAGE("/v1/s", "screen"),
	PAGE("/v1/g", "group"),
	PAGE("/v1/a", "alias"),
	{ HS_LIBRARY_BROWSER, "browser: null as userId", "POST", "/v1/t", BROWSER_KEY | BASIC, "text/plain", PAGE_AGENT,
	  "track: anonymousId alone", "browser", "\"userId\":null," PAGE_SINGLE, EVENT, 200, NULL },
	{ HS_LIBRARY_BROWSER, "browser: preflight /v1/b", "OPTIONS", "/v1/b", BROWSER_KEY | PREFLIGHT, "",
	  PAGE_AGENT, NULL, "", "", "", 204, NULL },
	{ HS_LIBRARY_BROWSER, "browser: batch", "POST", "/v1/b", BROWSER_KEY | BASIC, "text/plain", PAGE_AGENT, NULL,
	  "browser-batch", PAGE_MEMBERS, "{\"writeKey\":\"" KEY "\",\"batch\":[" EVENTS "],\"sentAt\":\"" NOW "\"}", 200, NULL },
	{ HS_LIBRARY_BROWSER, "browser: metrics", "POST", "/v1/m", BROWSER_KEY, "text/plain", PAGE_AGENT, NULL, "", "",
	  "{\"series\":[{\"type\":\"Counter\",\"metric\":\"analytics_js.invoke\",\"value\":1,\"tags\":{}}]}", 200, NULL },

	SERVER(HS_LIBRARY_NODE, "node: batch", "/v1/batch", BASIC, JSON_TYPE, "analytics-node-next/latest", "node",
	       LIBRARY("@segment/analytics-node", "3.1.0") ",\"integrations\":{},\"_metadata\":{\"nodeVersion\":\"v20.20.2\"}",
	       "{\"batch\":[" EVENTS "],\"writeKey\":\"" KEY "\",\"sentAt\":\"" NOW "\"}"),
	SERVER(HS_LIBRARY_PYTHON, "python: batch", "/v1/batch", 0, JSON_TYPE, "analytics-python/2.3.4", "python",
	       LIBRARY("analytics-python", "2.3.4") ", \"integrations\": {}",
	       "{\"batch\": [" EVENTS "], \"sentAt\": \"" NOW "\", \"writeKey\": \"" KEY "\"}"),
	SERVER(HS_LIBRARY_PHP, "php: batch", "/v1/batch", BASIC, JSON_TYPE, "analytics-php/3.8.2", "php",
	       LIBRARY("analytics-php", "3.8.2"), "{\"batch\":[" EVENTS "],\"sentAt\":\"" NOW "\"}"),
	SERVER(HS_LIBRARY_RUBY, "ruby: batch", "/v1/import", BASIC, JSON_TYPE, "analytics-ruby/2.5.0", "ruby",
	       LIBRARY("analytics-ruby", "2.5.0"), "{\"sentAt\":\"" NOW "\",\"batch\":[" EVENTS "]}"),
	SERVER(HS_LIBRARY_MOBILE, "Kotlin: gzip, chunked", "/v1/b", GZIP | CHUNKED, "text/plain", "analytics-kotlin/1.24.1",
	       "kotlin", LIBRARY("analytics-kotlin", "1.24.1") ",\"integrations\":{},\"_metadata\":{}",
	       "{\"batch\":[" EVENTS "],\"sentAt\":\"" NOW "\",\"writeKey\":\"" KEY "\"}"),
	SERVER(HS_LIBRARY_MOBILE, "Swift: batch", "/v1/b", 0, "application/json; charset=utf-8", "analytics-ios/1.9.4",
	       "swift", LIBRARY("analytics-swift", "1.9.4"),
	       "{ \"batch\": [\n" EVENTS "\n],\"sentAt\":\"" NOW "\",\"writeKey\":\"" KEY "\"}"),
	SERVER(HS_LIBRARY_MOBILE, "C#: gzip, no Content-Type", "/v1/b", GZIP, "", "analytics-csharp/2.6.0", "csharp",
	       LIBRARY("Analytics-CSharp", "2.6.0"), "{\"batch\":[" EVENTS "],\"sentAt\":\"" NOW "\",\"writeKey\":\"" KEY "\"}"),

	REFUSAL("NaN", "/v1/batch", 0, ONE(",\"properties\":{\"n\":NaN}"), "json_syntax"),
	REFUSAL("gzip that is cut short", "/v1/batch", GZIP | CUT, ONE(""), "gzip"),
	REFUSAL("two keys", "/v1/batch", BASIC | BOTH_KEYS,
	        "{\"batch\":[],\"writeKey\":\"" OTHER "\"}", "two_keys"),
	REFUSAL("delete", "/v1/batch", 0,
	        "{\"batch\":[{\"type\":\"delete\",\"userId\":\"" HS_TEST_USER "\"}],\"writeKey\":\"" KEY "\"}", "delete_direct"),
	REFUSAL("an unknown key", "/v1/batch", 0, "{\"batch\":[],\"writeKey\":\"a key that no source has\"}", "write_key"),
	REFUSAL("a body too large", "/v1/batch", LARGE, "{\"batch\":[],\"writeKey\":\"" KEY "\"", "too_large"),
	REFUSAL("gzip of too much", "/v1/batch", LARGE | GZIP, "{\"batch\":[],\"writeKey\":\"" KEY "\"", "inflated"),
	REFUSAL("an origin not listed", "/v1/b", BROWSER_KEY | STRANGER, "{\"batch\":[],\"writeKey\":\"" KEY "\"}", "origin"),
};
/* clang-format on */

enum hs_library hs_library_named(const char *name)
{
	static const char *const names[] = { "browser", "node", "python", "php", "ruby", "mobile", "refusals" };
	int i = 0;

	while (i < HS_LIBRARIES && strcmp(names[i], name) != 0)
		i++;
	return (enum hs_library)i;
}

size_t hs_direct_cases_count(void)
{
	return sizeof cases / sizeof cases[0];
}

int hs_direct_case_expected(size_t i)
{
	return cases[i].status;
}

static const char *key_of(const struct request_case *c, const struct hs_direct_sender *sender)
{
	return (c->flags & BROWSER_KEY) != 0 ? sender->browser_key : sender->server_key;
}

bool hs_direct_case_fits(size_t i, enum hs_library library, const struct hs_direct_sender *sender)
{
	const struct request_case *c = &cases[i];

	return (library == HS_LIBRARIES || c->library == library) && key_of(c, sender) != NULL &&
	       ((c->flags & BROWSER_KEY) == 0 || sender->origin != NULL) &&
	       ((c->flags & BOTH_KEYS) == 0 || sender->browser_key != NULL) &&
	       ((c->flags & LARGE) == 0 || sender->max_body > 0);
}

/* --- the body ------------------------------------------------------------------ */

/* Appends the text with the key, the other key and the time in place of their names. */
static void put_text(const struct request_case *c, const struct hs_direct_sender *sender, const char *text,
                     struct hs_buf *out)
{
	char now[HS_TIMESTAMP_TEXT + 1];
	const char *at;

	hs_timestamp_text(sender->now_ms, now);
	while ((at = strchr(text, '@')) != NULL) {
		const char *name = KEY, *value = key_of(c, sender);

		if (strncmp(at, OTHER, strlen(OTHER)) == 0) {
			name = OTHER;
			value = sender->browser_key;
		} else if (strncmp(at, NOW, strlen(NOW)) == 0) {
			name = NOW;
			value = now;
		} else if (strncmp(at, KEY, strlen(KEY)) != 0) {
			name = value = "@";
		}
		hs_buf_put(out, text, (size_t)(at - text));
		hs_buf_put_slice(out, hs_slice_str(value));
		text = at + strlen(name);
	}
	hs_buf_put_slice(out, hs_slice_str(text));
}

/* Appends sample i with the members that the library adds. */
static void put_event(const struct request_case *c, const struct hs_direct_sender *sender, size_t i, struct hs_buf *out)
{
	char run[64];

	snprintf(run, sizeof run, "%s%s%.40s", c->ids, sender->run[0] != '\0' ? "-" : "", sender->run);
	hs_sample_events_put(i, run, sender->now_ms, out);
	if (!hs_buf_ok(out))
		return;
	out->n--; /* the brace */
	hs_buf_putc(out, ',');
	put_text(c, sender, c->members, out);
	hs_buf_putc(out, '}');
}

static size_t sample_named(const char *name)
{
	size_t i = 0;

	while (strcmp(hs_sample_events_event(i)->name, name) != 0)
		i++;
	return i;
}

static void put_body(const struct request_case *c, const struct hs_direct_sender *sender,
                     struct hs_direct_request *request)
{
	const char *events = strstr(c->body, EVENTS), *all = c->body;
	struct hs_buf head = { 0 };

	if (c->sample != NULL) {
		put_event(c, sender, sample_named(c->sample), &request->plain);
		request->events = 1;
		return;
	}
	if (events == NULL) {
		put_text(c, sender, all, &request->plain);
		return;
	}
	hs_buf_put(&head, all, (size_t)(events - all));
	hs_buf_putc(&head, '\0');
	if (hs_buf_ok(&head))
		put_text(c, sender, head.p, &request->plain);
	request->plain.failed |= head.failed;
	hs_buf_free(&head);
	for (size_t i = 0; i < BATCH_TYPES; i++) {
		if (i > 0)
			hs_buf_putc(&request->plain, ',');
		put_event(c, sender, i, &request->plain);
	}
	put_text(c, sender, events + strlen(EVENTS), &request->plain);
	request->events = BATCH_TYPES;
}

/* Fills the object with blanks up to a byte more than is let in, and closes it. */
static void put_blanks(size_t max_body, struct hs_buf *plain)
{
	size_t n = plain->n < max_body ? max_body - plain->n : 0; /* a key may be longer than what is let in */
	char *to = hs_buf_reserve(plain, n);

	if (to == NULL)
		return;
	memset(to, ' ', n);
	plain->n += n;
	hs_buf_putc(plain, '}');
}

static void compress_body(struct hs_gzip *gzip, struct hs_direct_request *request)
{
	for (size_t at = 0; hs_buf_ok(&request->plain) && at < request->plain.n;) {
		size_t left = request->plain.n - at, n = left < HS_GZIP_MEMBER ? left : HS_GZIP_MEMBER;

		hs_buf_put_slice(&request->body, hs_gzip_member(gzip, hs_slice(request->plain.p + at, n)));
		at += n;
	}
}

/* --- the head ------------------------------------------------------------------ */

static void put_line(struct hs_buf *out, const char *name, const char *value)
{
	hs_buf_put_slice(out, hs_slice_str(name));
	hs_buf_putc(out, ':');
	if (value[0] != '\0')
		hs_buf_putc(out, ' ');
	hs_buf_put_slice(out, hs_slice_str(value));
	hs_buf_putc(out, '\0');
}

static void put_basic(struct hs_buf *out, const char *key)
{
	struct hs_buf plain = { 0 };

	hs_buf_put_slice(&plain, hs_slice_str(key));
	hs_buf_putc(&plain, ':');
	hs_buf_put_slice(out, HS_SLICE("Authorization: Basic "));
	if (hs_buf_ok(&plain))
		hs_base64_encode(hs_buf_slice(&plain), out);
	hs_buf_putc(out, '\0');
	out->failed |= plain.failed;
	hs_buf_wipe(&plain);
}

static void put_headers(const struct request_case *c, const struct hs_direct_sender *sender, struct hs_buf *out)
{
	put_line(out, "Content-Type", c->media_type);
	put_line(out, "User-Agent", c->agent);
	if ((c->flags & GZIP) != 0)
		put_line(out, "Content-Encoding", "gzip");
	if ((c->flags & BASIC) != 0)
		put_basic(out, key_of(c, sender));
	if ((c->flags & BROWSER_KEY) != 0)
		put_line(out, "Origin", (c->flags & STRANGER) != 0 ? STRANGER_ORIGIN : sender->origin);
	if ((c->flags & PREFLIGHT) != 0) {
		put_line(out, "Access-Control-Request-Method", "POST");
		put_line(out, "Access-Control-Request-Headers", "authorization,x-retry-count");
	}
}

bool hs_direct_case_make(size_t i, const struct hs_direct_sender *sender, struct hs_direct_request *request)
{
	const struct request_case *c = &cases[i];

	hs_buf_reset(&request->below);
	hs_buf_reset(&request->headers);
	hs_buf_reset(&request->body);
	hs_buf_reset(&request->plain);
	request->name = c->name;
	request->method = c->method;
	request->chunked = (c->flags & CHUNKED) != 0;
	request->events = 0;
	put_text(c, sender, c->path, &request->below);
	hs_buf_putc(&request->below, '\0');
	put_headers(c, sender, &request->headers);
	put_body(c, sender, request);
	if ((c->flags & LARGE) != 0)
		put_blanks(sender->max_body, &request->plain);
	if ((c->flags & GZIP) != 0)
		compress_body(sender->gzip, request);
	else
		hs_buf_put_slice(&request->body, hs_buf_slice(&request->plain));
	if ((c->flags & CUT) != 0)
		request->body.n -= request->body.n / 4;
	return hs_buf_ok(&request->below) && hs_buf_ok(&request->headers) && hs_buf_ok(&request->plain) &&
	       hs_buf_ok(&request->body);
}

void hs_direct_request_free(struct hs_direct_request *request)
{
	hs_buf_wipe(&request->below);
	hs_buf_wipe(&request->headers);
	hs_buf_wipe(&request->plain);
	hs_buf_wipe(&request->body);
}

/* --- the answer ---------------------------------------------------------------- */

const char *hs_cors_fault(const struct hs_http_answer *answer, const char *origin, const char **remedy)
{
	*remedy =
	    "list the origin in [sources]: origin=https://shop.example; a web server's own errors get the header by "
	    "a line of the shipped configurations";
	if (answer->allow_origins == 0)
		return "no Access-Control-Allow-Origin: the browser sends the event again, up to ten times";
	if (answer->allow_origins > 1 || strchr(answer->allow_origin, ',') != NULL) {
		*remedy =
		    "let one side alone send it: take the header out of the web server or the proxy, or set it only "
		    "where it is absent";
		return "Access-Control-Allow-Origin comes twice: every browser refuses the answer";
	}
	if (strcmp(answer->allow_origin, origin) != 0 && strcmp(answer->allow_origin, "*") != 0) {
		*remedy = "take the header out of the web server or the proxy: the handler names the origin that asks";
		return "Access-Control-Allow-Origin names another origin: the browser refuses the answer";
	}
	return NULL;
}

static bool lists_header(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',') {
		list += strspn(list, " ");
		if (strncasecmp(list, name, n) == 0 && strchr(" ,", list[n]) != NULL)
			return true;
	}
	return false;
}

/* Says what is wrong with the answer, and sets *remedy; NULL: it is the expected one. */
static const char *fault(const struct request_case *c, const struct hs_direct_sender *sender,
                         const struct hs_http_answer *answer, const struct hs_response_verdict *v, const char **remedy)
{
	const char *cors =
	    (c->flags & (BROWSER_KEY | STRANGER)) == BROWSER_KEY ? hs_cors_fault(answer, sender->origin, remedy) : NULL;
	struct hs_slice body = hs_buf_slice(&answer->body);

	if (answer->status >= 300 && answer->status < 400) {
		*remedy = "enter the URL that it leads to, and let the web server redirect nothing below the mount";
		return "a redirect: the libraries follow it without the body, and the event is gone";
	}
	if (answer->status == c->status && cors != NULL)
		return cors;
	*remedy = v->remedy;
	if (answer->status != c->status)
		return "";
	if (c->status != 204 && !v->json)
		return "no JSON object: Ruby and Python send it again";
	if (c->status == 200 && (c->flags & SETTINGS) == 0 && !v->success)
		return "\"success\":true is missing: something else answers here";
	if (c->status == 400 && (v->code[0] == '\0' || v->message[0] == '\0' || !v->error))
		return "code, message or error is missing: Python sends it again";
	if (c->code != NULL && strcmp(v->code, c->code) != 0)
		return "";
	if ((c->flags & SETTINGS) != 0 && memmem(body.p, body.n, "\"Segment.io\"", 12) == NULL)
		return "no settings of Segment.io: the browser sends elsewhere";
	if ((c->flags & PREFLIGHT) != 0 && (!lists_header(answer->allow_headers, "authorization") ||
	                                    !lists_header(answer->allow_headers, "x-retry-count"))) {
		*remedy = "let OPTIONS reach the handler, and take Access-Control-Allow-Headers out of the web server";
		return "Access-Control-Allow-Headers lacks what was asked for: nothing is sent";
	}
	return NULL;
}

/* Puts it into words; the message has to say what was expected. */
static void tell(const struct request_case *c, const char *wrong, struct hs_response_verdict *v)
{
	char came[sizeof v->code + sizeof v->message + 2];

	snprintf(came, sizeof came, "%s%s%s", v->code, v->code[0] != '\0' ? ": " : "", v->message);
	if (wrong == NULL)
		snprintf(v->message, sizeof v->message, "%.250s", c->status == 400 ? came : "as it should be");
	else if (wrong[0] != '\0')
		snprintf(v->message, sizeof v->message, "%.250s", wrong);
	else
		snprintf(v->message, sizeof v->message, "expected %d%s%s; %.180s", c->status,
		         c->code != NULL ? " " : "", c->code != NULL ? c->code : "", came);
}

bool hs_direct_case_judge(size_t i, const struct hs_direct_sender *sender, const struct hs_http_answer *answer,
                          struct hs_response_verdict *verdict)
{
	const char *remedy = "", *wrong;

	if (!hs_response_verdict_read(verdict, answer->status, hs_buf_slice(&answer->body)))
		return false;
	wrong = fault(&cases[i], sender, answer, verdict, &remedy);
	tell(&cases[i], wrong, verdict);
	verdict->colour = wrong == NULL ? HS_GREEN : HS_RED;
	verdict->remedy = wrong == NULL ? "" : remedy;
	return true;
}
