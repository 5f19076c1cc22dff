/* http: what is sent, and what is told of an answer, against a server that answers what a test says. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/probe/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60000, HANDSHAKE = 22 };

static struct scene {
	int listener;
	char url[64], https_url[64];
	struct hs_slice answer; /* what the server sends */
	char asked[4096];       /* what it got last */
	_Atomic bool stops;
	unsigned served; /* connections */
	struct hs_http_target target;
	struct hs_http *http;
	struct hs_http_answer got;
} s;

/* Orders to libcurl; a zeroed one changes nothing. */
static struct plan {
	CURLcode performs;    /* of the next request, which is not sent */
	CURLcode initialises; /* likewise */
	unsigned lines;       /* the nth line of a head from now on finds no memory */
	long verified;        /* OpenSSL's code */
	curl_off_t connected; /* when, in microseconds; 0: not yet */
	curl_off_t shaken;    /* likewise the handshake */
} plan;

CURLcode __real_curl_easy_perform(CURL *curl);
CURLcode __real_curl_easy_getinfo(CURL *curl, CURLINFO info, void *out);
CURLcode __real_curl_global_init(long flags);
struct curl_slist *__real_curl_slist_append(struct curl_slist *list, const char *line);
CURLcode __wrap_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...);
CURLcode __wrap_curl_global_init(long flags);
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *line);

CURLcode __wrap_curl_easy_perform(CURL *curl)
{
	CURLcode code = plan.performs;

	plan.performs = CURLE_OK;
	return code != CURLE_OK ? code : __real_curl_easy_perform(curl);
}

CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	void *out;
	va_list args;
	CURLcode code;

	va_start(args, info);
	out = va_arg(args, void *);
	va_end(args);
	code = __real_curl_easy_getinfo(curl, info, out);
	if (info == CURLINFO_SSL_VERIFYRESULT && plan.verified != 0)
		*(long *)out = plan.verified;
	else if (info == CURLINFO_CONNECT_TIME_T && plan.connected != 0)
		*(curl_off_t *)out = plan.connected;
	else if (info == CURLINFO_APPCONNECT_TIME_T && plan.shaken != 0)
		*(curl_off_t *)out = plan.shaken;
	return code;
}

CURLcode __wrap_curl_global_init(long flags)
{
	return plan.initialises != CURLE_OK ? plan.initialises : __real_curl_global_init(flags);
}

struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *line)
{
	return plan.lines > 0 && --plan.lines == 0 ? NULL : __real_curl_slist_append(list, line);
}

FIXTURE(begin)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;

	memset(&s, 0, sizeof s);
	plan = (struct plan){ .performs = CURLE_OK };
	setenv("no_proxy", "*", 1);
	s.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s.listener, (const struct sockaddr *)&at, size) < 0 || listen(s.listener, 8) < 0 ||
	    getsockname(s.listener, (struct sockaddr *)&at, &size) < 0)
		return -1;
	snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d", ntohs(at.sin_port));
	snprintf(s.https_url, sizeof s.https_url, "https://127.0.0.1:%d", ntohs(at.sin_port));
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

/* Answers a request, or a handshake, with the same bytes. */
static void serve_one(int fd)
{
	size_t n = 0;
	ssize_t got;

	memset(s.asked, 0, sizeof s.asked);
	while (strstr(s.asked, "\r\n\r\n") == NULL && s.asked[0] != HANDSHAKE &&
	       (got = recv(fd, s.asked + n, sizeof s.asked - 1 - n, 0)) > 0)
		n += (size_t)got;
	for (size_t at = 0; at < s.answer.n && (got = send(fd, s.answer.p + at, s.answer.n - at, MSG_NOSIGNAL)) > 0;)
		at += (size_t)got;
	s.served++;
}

static void *serve(void *unused)
{
	bool stops = false;

	while (!stops) {
		int fd = accept(s.listener, NULL, NULL);

		stops = atomic_load(&s.stops);
		if (!stops)
			serve_one(fd);
		close(fd);
	}
	return unused;
}

/* Wakes the server with a connection of which it takes no notice. */
static void stop_serving(pthread_t server)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	atomic_store(&s.stops, true);
	assert_int_equal(getsockname(s.listener, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, size), 0);
	assert_int_equal(pthread_join(server, NULL), 0);
	close(fd);
	atomic_store(&s.stops, false);
}

static enum hs_http_result ask(const char *method, const char *below, const char *answer)
{
	struct hs_http_request request = { .method = method, .below = below, .timeout_ms = TIMEOUT_MS };
	enum hs_http_result result;
	pthread_t server;

	s.served = 0;
	s.answer = hs_slice_str(answer);
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	result = hs_http_send(s.http, &request, &s.got);
	stop_serving(server);
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
	assert_int_equal(ask("GET", "", OK("Date: yesterday\r\nServer:\r\n", "")),
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

TEST(what_is_a_status_line)
{
	static const struct {
		const char *line;
		bool accepted;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n", true },
		{ "HTTP/2 204", true },
		{ "http/1.0 404\r\n", false },
		{ "Server: HTTP/x\r\n", true },
		{ "HTTP", true },
		{ "HTTP/1.1 099\r\n", false },
		{ "HTTP/1.1 20", false },
		{ "HTTP/1.1 2000\r\n", false },
		{ "HTTP/x.1 200\r\n", false },
		{ "HTTP/2 20x", false },
		{ "HTTP/\r\n", false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (hs_http_accepts_line(hs_slice_str(rows[i].line)) != rows[i].accepted)
			fail_msg("%s", rows[i].line);
}

/* --- no answer ------------------------------------------------------------------ */

static void says(const char *text)
{
	if (strstr(hs_http_error(s.http), text) == NULL)
		fail_msg("not said: %s: %s", text, hs_http_error(s.http));
}

TEST(what_is_no_answer)
{
	static const struct {
		const char *answer, *why;
	} rows[] = {
		{ "", "see the web server's error log" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP" },
		{ "HTTP/1.1 099 No\r\n\r\n", "the answer is no HTTP" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "see the web server's error log" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(ask("GET", "", rows[i].answer), HS_HTTP_CUT);
		says(rows[i].why);
	}
}

/* Some servers answer 400 to a request without TLS where they want it, so the port is tried with it, once. */
TEST(a_refusal_that_may_be_for_want_of_tls)
{
	static const char empty[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

	assert_int_equal(ask("GET", "", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{}"), HS_HTTP_OK);
	assert_int_equal(s.served, 1); /* the handler's own */
	for (unsigned tries = 2; tries > 0; tries--) {
		assert_int_equal(ask("GET", "", empty), HS_HTTP_OK);
		assert_int_equal(s.got.status, 400);
		assert_int_equal(s.served, tries);
	}
}

TEST(a_handshake_that_fails)
{
	static const struct {
		const char *answer, *why;
	} rows[] = {
		{ OK("", ""), "this port speaks plain HTTP, not TLS: Apache: SSLEngine On" },
		{ "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "this port speaks plain HTTP, not TLS" },
		{ "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThe plain HTTP request was sent to HTTPS port",
		  "see the web server's error log: its certificate and key" },
		{ "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nplain HTTP to an SSL-enabled server port",
		  "see the web server's error log: its certificate and key" },
		{ "", "see the web server's error log: its certificate and key" },
	};

	s.target.url = s.https_url;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(ask("GET", "", rows[i].answer), HS_HTTP_TLS);
		says(rows[i].why);
	}
	plan.performs = CURLE_RECV_ERROR; /* a reset before the answer to the ClientHello was read */
	assert_int_equal(ask("GET", "", OK("", "")), HS_HTTP_TLS);
	says("this port speaks plain HTTP, not TLS");
}

static void refused(const char *url, enum hs_http_result result, const char *remedy)
{
	struct hs_http_request request = { .method = "GET", .below = "/health", .timeout_ms = TIMEOUT_MS };

	s.target.url = url;
	assert_int_equal(hs_http_send(s.http, &request, &s.got), result);
	says(remedy);
	assert_null(strstr(hs_http_error(s.http), "s3cret"));
}

/* No password or token of a URL is printed. */
TEST(what_cannot_be_asked)
{
	char longer[3000], long_below[2046] = "http://127.0.0.1/";

	snprintf(longer, sizeof longer, "http://127.0.0.1/%02500d", 0);
	memset(long_below + strlen(long_below), '0', sizeof long_below - 1 - strlen(long_below));
	refused("//", HS_HTTP_URL, "expected --url http://");
	refused(long_below, HS_HTTP_URL, "expected --url http://");
	refused("ftp://u:s3cret@127.0.0.1/", HS_HTTP_URL, "expected --url http://");
	refused("127.0.0.1/?token=s3cret", HS_HTTP_URL, "expected --url http://");
	refused(longer, HS_HTTP_URL, "expected --url http://");
	close(s.listener);
	s.listener = -1;
	refused(s.url, HS_HTTP_UNREACHABLE, "nothing listens on this port");
}

/* The remedy for each outcome that libcurl has a code for, and no test a server. */
TEST(what_libcurl_says_has_its_remedy)
{
	static const struct {
		CURLcode code;
		struct plan how;
		const char *cacert;
		enum hs_http_result result;
		const char *remedy;
	} rows[] = {
		{ CURLE_OPERATION_TIMEDOUT, { .connected = 1 }, NULL, HS_HTTP_TIMEOUT, "Segment would give up, too" },
		{ CURLE_OPERATION_TIMEDOUT, { 0 }, NULL, HS_HTTP_TIMEOUT, "no firewall drops what is sent" },
		{ CURLE_URL_MALFORMAT, { 0 }, NULL, HS_HTTP_URL, "expected --url http://" },
		{ CURLE_SSL_CACERT_BADFILE, { 0 }, "ca.pem", HS_HTTP_URL, "with --cacert a PEM file" },
		{ CURLE_SSL_CACERT_BADFILE, { 0 }, NULL, HS_HTTP_TLS, "install ca-certificates" },
		{ CURLE_COULDNT_RESOLVE_HOST, { 0 }, NULL, HS_HTTP_UNREACHABLE, "the DNS knows it" },
		{ CURLE_COULDNT_RESOLVE_PROXY, { 0 }, NULL, HS_HTTP_UNREACHABLE, "http_proxy and https_proxy" },
		{ CURLE_INTERFACE_FAILED, { 0 }, NULL, HS_HTTP_UNREACHABLE, "see that the web server runs" },
		{ CURLE_SSL_CIPHER, { 0 }, NULL, HS_HTTP_TLS, "a certificate that is trusted everywhere" },
		{ CURLE_SSL_CERTPROBLEM, { 0 }, NULL, HS_HTTP_TLS, "a certificate that is trusted everywhere" },
		{ CURLE_SEND_ERROR, { .shaken = 1 }, NULL, HS_HTTP_CUT, "see the web server's error log" },
		{ CURLE_HTTP2, { .shaken = 1 }, NULL, HS_HTTP_CUT, "see the web server's error log" },
		{ CURLE_HTTP2_STREAM, { .shaken = 1 }, NULL, HS_HTTP_CUT, "see the web server's error log" },
		{ CURLE_UNSUPPORTED_PROTOCOL, { .shaken = 1 }, NULL, HS_HTTP_CUT, "the answer is no HTTP" },
		{ CURLE_WEIRD_SERVER_REPLY, { .shaken = 1 }, NULL, HS_HTTP_CUT, "the answer is no HTTP" },
#define REFUSED(openssl, remedy) \
	{ CURLE_PEER_FAILED_VERIFICATION, { .verified = (openssl) }, NULL, HS_HTTP_TLS, remedy }
		REFUSED(X509_V_ERR_CERT_HAS_EXPIRED, "renew the certificate"),
		REFUSED(X509_V_ERR_CERT_NOT_YET_VALID, "compare the clocks"),
		REFUSED(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "no self-signed certificate"),
		REFUSED(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "send the whole chain"),
		REFUSED(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "send the whole chain"),
		REFUSED(X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "send the whole chain"),
		REFUSED(X509_V_OK, "use a name that the certificate has"),
		REFUSED(X509_V_ERR_UNSPECIFIED, "use a name that the certificate has"),
		REFUSED(X509_V_ERR_HOSTNAME_MISMATCH, "use a name that the certificate has"),
		REFUSED(X509_V_ERR_IP_ADDRESS_MISMATCH, "use a name that the certificate has"),
		REFUSED(X509_V_ERR_CERT_REVOKED, "a certificate that is trusted everywhere"),
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		plan = rows[i].how;
		plan.performs = rows[i].code;
		s.target.cacert = rows[i].cacert;
		refused("https://127.0.0.1/", rows[i].result, rows[i].remedy);
	}
}

/* A message may not have the password of a proxy. */
TEST(what_libcurl_says_of_a_proxy_is_left_out)
{
	assert_string_equal(hs_http_why(CURLE_COULDNT_CONNECT, "no route"), "no route");
	assert_string_equal(hs_http_why(CURLE_COULDNT_CONNECT, "proxy http://u:s3cret@host"),
	                    curl_easy_strerror(CURLE_COULDNT_CONNECT));
	assert_string_equal(hs_http_why(CURLE_WRITE_ERROR, "Failed writing"), "the answer is no HTTP");
}

/* A request without one of its lines would be refused, and the server blamed. */
TEST(without_memory_nothing_is_sent)
{
	struct hs_http_request request = { .method = "POST",
		                           .below = "",
		                           .headers = HS_SLICE("A: b\0C: d"),
		                           .chunked = true,
		                           .timeout_ms = TIMEOUT_MS };

	for (unsigned line = 1; line <= 4; line++) {
		plan.lines = line;
		assert_int_equal(hs_http_send(s.http, &request, &s.got), HS_HTTP_MEMORY);
		says("free some memory");
	}
	plan.initialises = CURLE_OUT_OF_MEMORY;
	assert_null(hs_http_new(&s.target));
}

TESTS("http", begin, finish)
