/* cors: which origin may read which answer. */
#include "cgi/http/cors.h"
#include "tests/lib/unit.h"

#define SHOP "https://shop.example"
static const char conf[] = "spool_dir = /nowhere\n[sources]\n"
			   "api = SERVER-KEY-1\n"
			   "shop = BROWSER-KEY-1 browser origin=" SHOP "\n"
			   "blog = BROWSER-KEY-2 browser origin=https://blog.example\n"
			   "old = revoked:BROWSER-KEY-3 browser origin=https://old.example\n";
static const char any[] = "spool_dir = /nowhere\n[sources]\nshop = BROWSER-KEY-1 browser origin=" SHOP "\n"
			  "widget = BROWSER-KEY-4 browser origin=*\n";

#define TEN "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define NONE "Vary: Origin\n"
#define READ(origin) NONE "Access-Control-Allow-Origin: " origin "\n"
#define LISTED(origin) READ(origin) "Access-Control-Allow-Credentials: true\n"

static const struct {
	const char *conf;
	int source; /* -1: its key is not known */
	const char *origin;
	int status;
	const char *headers;
} cases[] = {
	{ conf, 1, SHOP, 200, LISTED(SHOP) },
	{ conf, 1, SHOP, 503, LISTED(SHOP) },
	{ conf, 1, SHOP, 429, LISTED(SHOP) "Access-Control-Expose-Headers: Retry-After\n" },
	{ conf, 1, "", 200, NONE },
	{ conf, 1, "https://blog.example", 200, NONE }, /* another source's */
	{ conf, 1, "https://evil.example", 200, NONE },
	{ conf, 1, "http://shop.example", 200, NONE },
	{ conf, 1, SHOP ".evil.example", 200, NONE },
	{ conf, 1, "null", 200, NONE },
	{ conf, 0, SHOP, 200, NONE }, /* a server's key */
	{ conf, -1, SHOP, 400, LISTED(SHOP) },
	{ conf, -1, "https://blog.example", 400, LISTED("https://blog.example") },
	{ conf, -1, "https://old.example", 400, NONE }, /* revoked */
	{ conf, -1, "https://evil.example", 400, NONE },
	{ any, 1, "https://evil.example", 200, READ("https://evil.example") },
	{ any, 1, "null", 200, READ("null") },
	{ any, 0, "https://evil.example", 200, NONE },
	{ any, -1, "https://evil.example", 400, READ("https://evil.example") },
	{ any, -1, SHOP, 400, LISTED(SHOP) },
	{ any, 1, "https://a.example\r\nX: y", 200, NONE },
	{ any, 1, "https://a.example b", 200, NONE },
	{ any, 1, "https://\xC3\xA9.example", 200, NONE },
	{ any, 1, "https://a\x7F.example", 200, NONE },
	{ any, 1, "https://" TEN TEN TEN TEN TEN TEN ".example", 200, NONE }, /* longer than any */
};

static void print(const struct hs_response *response, struct hs_buf *text)
{
	for (unsigned i = 0; i < response->headers; i++) {
		hs_buf_put_slice(text, response->header[i].name);
		hs_buf_put_slice(text, HS_SLICE(": "));
		hs_buf_put_slice(text, response->header[i].value);
		hs_buf_putc(text, '\n');
	}
}

static struct hs_settings *settings_of(const char *text)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("test.conf", hs_slice_str(text), NULL, &error);

	if (s == NULL)
		fail_msg("%s", error.text);
	return s;
}

TEST(answers)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_settings *s = settings_of(cases[i].conf);
		struct hs_response response = { .status = cases[i].status };
		struct hs_buf text = { 0 };

		hs_cors_add(s, cases[i].source < 0 ? NULL : &s->source[cases[i].source], hs_slice_str(cases[i].origin),
		            &response);
		print(&response, &text);
		assert_slice_equal(hs_buf_slice(&text), hs_slice_str(cases[i].headers));
		hs_buf_free(&text);
		hs_settings_free(s);
	}
}

static void check_preflight(struct hs_settings *s, const char *origin, struct hs_slice asked, const char *allowed)
{
	struct hs_response response = { .status = 204 };
	struct hs_buf text = { 0 }, expected = { 0 };

	hs_cors_add_preflight(s, hs_slice_str(origin), asked, &response);
	print(&response, &text);
	if (allowed != NULL)
		hs_buf_printf(&expected,
		              "%sAccess-Control-Allow-Methods: POST, GET, OPTIONS\n"
		              "Access-Control-Allow-Headers: %s\nAccess-Control-Max-Age: 86400\n",
		              LISTED(SHOP), allowed);
	else
		hs_buf_put_slice(&expected, HS_SLICE(NONE));
	assert_slice_equal(hs_buf_slice(&text), hs_buf_slice(&expected));
	hs_buf_free(&text);
	hs_buf_free(&expected);
}

TEST(preflights)
{
	static const char fixed[] = "authorization, content-type, x-retry-count";
	struct hs_settings *s = settings_of(conf);
	char text[514], longer[513];

	memset(text, 'x', sizeof text);
	memset(longer, 'x', sizeof longer);
	text[512] = '\0';
	check_preflight(s, SHOP, HS_SLICE("authorization,x-retry-count"), "authorization,x-retry-count");
	check_preflight(s, SHOP, HS_SLICE("authorization, baggage, traceparent"),
	                "authorization, baggage, traceparent");
	check_preflight(s, SHOP, HS_SLICE_NONE, fixed);
	check_preflight(s, SHOP, HS_SLICE("*\r\nX-Bad: 1"), fixed);
	check_preflight(s, SHOP, HS_SLICE("a: b"), fixed);
	check_preflight(s, SHOP, HS_SLICE(":a"), fixed);
	check_preflight(s, SHOP, HS_SLICE("a{b"), fixed);
	check_preflight(s, SHOP, HS_SLICE("x-1,A|z"), "x-1,A|z");
	check_preflight(s, SHOP, HS_SLICE("a\0b"), fixed);
	check_preflight(s, SHOP, hs_slice(text, 512), text);
	check_preflight(s, SHOP, hs_slice(longer, 513), fixed);
	check_preflight(s, "https://evil.example", HS_SLICE("authorization"), NULL);
	check_preflight(s, "", HS_SLICE("authorization"), NULL);
	hs_settings_free(s);
}

TESTS("cors", NULL, NULL)
