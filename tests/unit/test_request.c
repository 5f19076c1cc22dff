/* request: tests/cases/request.txt. */
#include "cgi/http/params.h"
#include "cgi/http/request.h"
#include "tests/lib/cases.h"

enum { PARAMS_MAX = 16, MAX_BODY = 1000, MAX_SDK_BODY = 2000 };

static const char *const methods[] = { "POST", "PUT", "PATCH", "GET", "HEAD", "OPTIONS", "OTHER" };

static bool has_param(char *const *params, const char *name)
{
	size_t n = strlen(name);

	for (; *params != NULL; params++)
		if (strncmp(*params, name, n) == 0 && ((*params)[n] == '=' || (*params)[n] == '\0'))
			return true;
	return false;
}

static void collect_params(struct test_case *c, char **params)
{
	struct hs_slice value;
	size_t n = 0;

	for (size_t at = 0; case_next(c, "param", &at, &value) && n < PARAMS_MAX - 3;)
		params[n++] = (char *)value.p;
	params[n] = NULL;
	if (!has_param(params, "REQUEST_METHOD"))
		params[n++] = (char *)"REQUEST_METHOD=POST";
	params[n] = NULL;
	if (!has_param(params, "CONTENT_LENGTH"))
		params[n++] = (char *)"CONTENT_LENGTH=2";
	params[n] = NULL;
}

static void check_header(struct test_case *c, const char *name, struct hs_slice got)
{
	struct hs_slice expected, absent;

	if (case_find(c, name, &expected)) {
		if (got.p == NULL)
			case_fail(c, "%s is absent", name);
		case_same(c, name, got, expected);
	}
	for (size_t at = 0; case_next(c, "absent", &at, &absent);)
		if (hs_slice_eq(absent, hs_slice_str(name)) && got.p != NULL)
			case_fail(c, "%s is there: %s", name, unit_show(got));
}

static void check_request(struct test_case *c, const struct hs_request *r)
{
	struct hs_slice value;

	if (case_find(c, "method", &value))
		case_same(c, "the method", hs_slice_str(methods[r->method]), value);
	if (case_find(c, "resource", &value))
		case_same(c, "the resource", hs_slice_str(r->route == NULL ? "none" : r->route->name), value);
	if (case_find(c, "length", &value) && (int64_t)r->content_length != case_number(c, value))
		case_fail(c, "the length is %llu", (unsigned long long)r->content_length);
	if (r->credentials.signature_twice != case_find(c, "twice", &value))
		case_fail(c, "signature_twice is %d", r->credentials.signature_twice);
	if (r->gzip != case_find(c, "gzip", &value))
		case_fail(c, "gzip is %d", r->gzip);
	if (case_find(c, "endless", &value) && r->has_length)
		case_fail(c, "the body has a length");
	if (case_find(c, "page", &value) != r->wants_page)
		case_fail(c, "wants_page is %d", r->wants_page);
	check_header(c, "signature", r->credentials.signature);
	check_header(c, "authorization", r->credentials.authorization);
	check_header(c, "settings", r->settings_header);
	check_header(c, "remote_addr", r->remote_addr);
}

static void run_request_case(struct test_case *c)
{
	char *params[PARAMS_MAX];
	struct hs_request r;

	collect_params(c, params);
	case_result(c, hs_request_read(&r, params, MAX_BODY, MAX_SDK_BODY), case_verdict(c).result);
	check_request(c, &r);
}

TEST(nothing_at_all)
{
	char *none[] = { NULL };
	struct hs_request r;

	assert_result(hs_request_read(&r, none, MAX_BODY, MAX_SDK_BODY), HS_E_METHOD);
	assert_null(r.remote_addr.p);
}

TEST(a_variable)
{
	static char other[] = "NAMES=x", empty[] = "NAME", name[] = "NAME=a=b", again[] = "NAME=c";
	char *const params[] = { other, empty, name, again, NULL };

	assert_slice_equal(hs_param(params, HS_SLICE("NAME")), HS_SLICE("a=b"));
	assert_null(hs_param(params, HS_SLICE("NAM")).p);
	assert_null(hs_param(NULL, HS_SLICE("NAME")).p);
}

TESTS_AND_CASES("request", "request.txt", run_request_case)
