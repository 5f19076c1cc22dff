/* http: what is sent, and what is told of an answer, against a server that answers what a test says. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/probe/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60000 };

static struct scene {
	int listener;
	char url[64];
	struct hs_slice answer; /* what the server sends */
	char asked[4096];       /* what it got */
	struct hs_http_target target;
	struct hs_http *http;
	struct hs_http_answer got;
} s;

FIXTURE(begin)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;

	memset(&s, 0, sizeof s);
	setenv("no_proxy", "*", 1);
	s.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s.listener, (const struct sockaddr *)&at, size) < 0 || listen(s.listener, 8) < 0 ||
	    getsockname(s.listener, (struct sockaddr *)&at, &size) < 0)
		return -1;
	snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d", ntohs(at.sin_port));
	s.target.url = s.url;
	s.http = hs_http_new(&s.target);
	return s.http != NULL ? 0 : -1;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_http_free(s.http);
	hs_http_answer_free(&s.got);
	if (s.listener >= 0)
		close(s.listener);
	return 0;
}

/* Answers one request, and closes. */
static void *serve(void *unused)
{
	int fd = accept(s.listener, NULL, NULL);
	size_t n = 0;
	ssize_t got;

	while (strstr(s.asked, "\r\n\r\n") == NULL && (got = recv(fd, s.asked + n, sizeof s.asked - 1 - n, 0)) > 0) {
		n += (size_t)got;
		s.asked[n] = '\0';
	}
	for (size_t at = 0; at < s.answer.n && (got = send(fd, s.answer.p + at, s.answer.n - at, MSG_NOSIGNAL)) > 0;)
		at += (size_t)got;
	close(fd);
	return unused;
}

static enum hs_http_result ask(const char *method, const char *below, const char *answer)
{
	struct hs_http_request request = { .method = method, .below = below, .timeout_ms = TIMEOUT_MS };
	enum hs_http_result result;
	pthread_t server;

	memset(s.asked, 0, sizeof s.asked);
	s.answer = hs_slice_str(answer);
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	result = hs_http_send(s.http, &request, &s.got);
	assert_int_equal(pthread_join(server, NULL), 0);
	return result;
}

#define OK(headers, body) "HTTP/1.1 200 OK\r\n" headers "Connection: close\r\n\r\n" body

TEST(an_answer_is_told)
{
	assert_int_equal(
	    ask("GET", "/health",
	        OK("Date: Thu, 01 Jan 1970 00:01:00 GMT\r\nserver:  nginx \r\nLocation: /x\r\nServers: no\r\n"
	           "Access-Control-Allow-Origin: a\r\nAccess-Control-Allow-Origin: b\r\n"
	           "Access-Control-Allow-Headers: x\r\n",
	           "{}")),
	    HS_HTTP_OK);
	assert_int_equal(s.got.status, 200);
	assert_int_equal(s.got.date_ms, 60000);
	assert_string_equal(s.got.server, "nginx");
	assert_string_equal(s.got.location, "/x");
	assert_string_equal(s.got.allow_origin, "b");
	assert_int_equal(s.got.allow_origins, 2);
	assert_string_equal(s.got.allow_headers, "x");
	assert_slice_equal(hs_buf_slice(&s.got.body), HS_SLICE("{}"));
	assert_int_equal(ask("GET", "", OK("Date: yesterday\r\n", "")),
	                 HS_HTTP_OK); /* nothing is left of the last one */
	assert_int_equal(s.got.date_ms, 0);
	assert_int_equal(s.got.allow_origins, 0);
	assert_string_equal(s.got.server, "");
	assert_int_equal(s.got.body.n, 0);
}

TEST(requests)
{
	char url[80];

	snprintf(url, sizeof url, "%s/m//", s.url);
	s.target.url = url;
	assert_int_equal(ask("OPTIONS", "/v1/t", OK("", "")), HS_HTTP_OK);
	assert_ptr_equal(strstr(s.asked, "OPTIONS /m/v1/t HTTP/1.1\r\n"), s.asked);
	assert_int_equal(ask("PUT", "", OK("", "")), HS_HTTP_OK);
	assert_ptr_equal(strstr(s.asked, "PUT /m HTTP/1.1\r\n"), s.asked);
	assert_non_null(strstr(s.asked, "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(s.asked, "Expect"));
}

TEST(a_long_answer_is_cut)
{
	struct hs_buf answer = { 0 };

	hs_buf_put_slice(&answer, HS_SLICE(OK("", "")));
	for (int i = 0; i < HS_HTTP_BODY_MAX; i++)
		hs_buf_put_slice(&answer, HS_SLICE("ab"));
	hs_buf_putc(&answer, '\0');
	assert_int_equal(ask("GET", "", answer.p), HS_HTTP_OK);
	assert_int_equal(s.got.body.n, HS_HTTP_BODY_MAX);
	assert_int_equal(memcmp(s.got.body.p, "ababab", 6), 0);
	hs_buf_free(&answer);
}

/* A server would be blamed for an answer that is not JSON. */
TEST(an_answer_that_finds_no_memory_is_none)
{
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_int_equal(ask("GET", "", OK("", "{\"status\":\"ok\"}")), HS_HTTP_MEMORY);
	wrap_reset();
	assert_non_null(strstr(hs_http_error(s.http), "free some memory"));
	assert_int_equal(ask("GET", "", OK("", "{\"status\":\"ok\"}")), HS_HTTP_OK);
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_http_new(&s.target));
}

static void refused(const char *url, enum hs_http_result result, const char *remedy)
{
	struct hs_http_request request = { .method = "GET", .below = "/health", .timeout_ms = TIMEOUT_MS };

	s.target.url = url;
	assert_int_equal(hs_http_send(s.http, &request, &s.got), result);
	assert_non_null(strstr(hs_http_error(s.http), remedy));
	assert_null(strstr(hs_http_error(s.http), "s3cret"));
}

/* No password or token of a URL is printed. */
TEST(what_cannot_be_asked)
{
	char longer[3000];

	snprintf(longer, sizeof longer, "http://127.0.0.1/%02500d", 0);
	refused("ftp://u:s3cret@127.0.0.1/", HS_HTTP_URL, "expected --url http://");
	refused("127.0.0.1/?token=s3cret", HS_HTTP_URL, "expected --url http://");
	refused(longer, HS_HTTP_URL, "expected --url http://");
	close(s.listener);
	s.listener = -1;
	refused(s.url, HS_HTTP_UNREACHABLE, "nothing listens on this port");
}

TESTS("http", begin, finish)
