/*
 * http_posts: what is sent, and what is told of answers, against a server that answers what a test says; and when
 * libcurl has no memory, or says what it seldom says.
 */
#include "base/io.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/http_posts.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60000, SLOTS = 2 };

#define HEADERS "Content-Type: application/json\0X-One: 1"

/* --- libcurl, which may be told to fail ----------------------------------------------- */

static struct {
	unsigned allocations, fails; /* the allocation of that number fails; 0: none */
	bool no_init, no_add, no_timeout;
	int descriptors;       /* that many of the lowest are told by curl_multi_fdset; 0: the true ones */
	const CURLMsg *before; /* is told before the true messages */
} curl;

static bool has_memory(void)
{
	return ++curl.allocations != curl.fails;
}

static void *curl_malloc(size_t n)
{
	return has_memory() ? malloc(n) : NULL;
}

static void *curl_realloc(void *p, size_t n)
{
	return has_memory() ? realloc(p, n) : NULL;
}

static char *curl_strdup(const char *text)
{
	return has_memory() ? strdup(text) : NULL;
}

static void *curl_calloc(size_t count, size_t n)
{
	return has_memory() ? calloc(count, n) : NULL;
}

CURLcode __real_curl_global_init(long flags);
CURLcode __wrap_curl_global_init(long flags);
CURLcode __wrap_curl_global_init(long flags)
{
	return curl.no_init ? CURLE_FAILED_INIT : __real_curl_global_init(flags);
}

CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *handle);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *handle);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *handle)
{
	return curl.no_add ? CURLM_OUT_OF_MEMORY : __real_curl_multi_add_handle(multi, handle);
}

CURLMcode __real_curl_multi_timeout(CURLM *multi, long *ms);
CURLMcode __wrap_curl_multi_timeout(CURLM *multi, long *ms);
CURLMcode __wrap_curl_multi_timeout(CURLM *multi, long *ms)
{
	CURLMcode code = __real_curl_multi_timeout(multi, ms);

	if (curl.no_timeout)
		*ms = -1;
	return code;
}

CURLMcode __real_curl_multi_fdset(CURLM *multi, fd_set *in, fd_set *out, fd_set *except, int *last);
CURLMcode __wrap_curl_multi_fdset(CURLM *multi, fd_set *in, fd_set *out, fd_set *except, int *last);
CURLMcode __wrap_curl_multi_fdset(CURLM *multi, fd_set *in, fd_set *out, fd_set *except, int *last)
{
	if (curl.descriptors == 0)
		return __real_curl_multi_fdset(multi, in, out, except, last);
	for (*last = 0; *last < curl.descriptors; (*last)++)
		FD_SET(*last, in);
	return CURLM_OK;
}

CURLMsg *__real_curl_multi_info_read(CURLM *multi, int *left);
CURLMsg *__wrap_curl_multi_info_read(CURLM *multi, int *left);
CURLMsg *__wrap_curl_multi_info_read(CURLM *multi, int *left)
{
	const CURLMsg *before = curl.before;

	curl.before = NULL;
	return before != NULL ? (CURLMsg *)(uintptr_t)before : __real_curl_multi_info_read(multi, left);
}

/* --- the server ----------------------------------------------------------------------- */

static struct scene {
	int listener;
	char url[64];
	const char *answer;
	char asked[4096]; /* by the last request */
	struct hs_http_target target;
	struct hs_http_posts *posts;
	struct hs_http_posted posted;
} s;

FIXTURE(begin)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;

	memset(&s, 0, sizeof s);
	setenv("no_proxy", "*", 1);
	s.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s.listener, (const struct sockaddr *)&at, size) < 0 ||
	    getsockname(s.listener, (struct sockaddr *)&at, &size) < 0)
		return -1;
	snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d/in", ntohs(at.sin_port));
	s.target.url = s.url;
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup, curl_calloc);
}

FIXTURE(finish)
{
	wrap_reset();
	memset(&curl, 0, sizeof curl);
	hs_http_posts_free(s.posts);
	curl_global_cleanup();
	close(s.listener);
	return 0;
}

/* Answers one request with a body of two bytes, and closes. */
static void *serve(void *unused)
{
	int fd = accept(s.listener, NULL, NULL);
	size_t n = 0;
	ssize_t got;

	memset(s.asked, 0, sizeof s.asked);
	while (strstr(s.asked, "\r\n\r\n{}") == NULL && (got = recv(fd, s.asked + n, sizeof s.asked - 1 - n, 0)) > 0)
		n += (size_t)got;
	for (size_t at = 0;
	     at < strlen(s.answer) && (got = send(fd, s.answer + at, strlen(s.answer) - at, MSG_NOSIGNAL)) > 0;)
		at += (size_t)got;
	close(fd);
	return unused;
}

static bool start(unsigned slot)
{
	return hs_http_posts_start(s.posts, slot, hs_slice(HEADERS, sizeof HEADERS), HS_SLICE("{}"));
}

/* Waits as the pump does until the slot's post has ended. */
static void await(unsigned slot)
{
	struct pollfd fds[SLOTS * HS_HTTP_POSTS_FDS];

	for (hs_http_posts_work(s.posts); !hs_http_posts_ended(s.posts, slot, &s.posted); hs_http_posts_work(s.posts)) {
		size_t n = hs_http_posts_poll(s.posts, fds);
		int64_t ms = hs_http_posts_due(s.posts);

		assert_true(ms >= 0);
		poll(fds, n, (int)ms);
	}
}

static void ask(const char *answer)
{
	pthread_t server;

	s.answer = answer;
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	assert_true(start(0));
	await(0);
	assert_int_equal(pthread_join(server, NULL), 0);
}

static void open_posts(void)
{
	s.posts = hs_http_posts_new(&s.target, SLOTS, TIMEOUT_MS);
	assert_non_null(s.posts);
}

static void open_server(void)
{
	assert_int_equal(listen(s.listener, 8), 0);
	open_posts();
}

/* --- posts and answers ------------------------------------------------------------------ */

#define ANSWER(status, headers) "HTTP/1.1 " status "\r\n" headers "Content-Length: 2\r\nConnection: close\r\n\r\n{}"

TEST(a_post_is_sent_and_its_answer_told_once)
{
	open_server();
	assert_int_equal(hs_http_posts_due(s.posts), -1);
	ask(ANSWER("201 Created", ""));
	assert_int_equal(s.posted.status, 201);
	assert_string_equal(s.posted.why, "");
	assert_ptr_equal(strstr(s.asked, "POST /in HTTP/1.1\r\n"), s.asked);
	assert_non_null(strstr(s.asked, "\r\nContent-Type: application/json\r\nX-One: 1\r\n"));
	assert_non_null(strstr(s.asked, "\r\n\r\n{}"));
	assert_null(strstr(s.asked, "Expect"));
	assert_false(hs_http_posts_ended(s.posts, 0, &s.posted));
	assert_int_equal(hs_http_posts_due(s.posts), -1);
	ask(ANSWER("302 Found", "Location: /other\r\n"));
	assert_int_equal(s.posted.status, 302);
}

TEST(a_server_may_ask_for_a_pause)
{
	static const struct {
		const char *answer;
		int64_t ms;
	} cases[] = {
		{ ANSWER("503 Later", "Retry-After: 120\r\n"), 120000 },
		{ ANSWER("503 Later", "Retry-After: 14400\r\n"), 4 * 3600 * 1000 },
		{ ANSWER("503 Later", "Retry-After: 14401\r\n"), 4 * 3600 * 1000 },
		{ ANSWER("503 Later", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 0 },
		{ ANSWER("503 Later", "Retry-After: soon\r\n"), 0 },
		{ ANSWER("503 Later", ""), 0 },
	};

	open_server();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ask(cases[i].answer);
		assert_int_equal(s.posted.status, 503);
		assert_int_equal(s.posted.retry_after_ms, cases[i].ms);
	}
}

/* No server listens. The first of two posts ends while the second is under way. */
TEST(a_post_without_an_answer_says_why)
{
	open_posts();
	assert_true(start(0) && start(1));
	await(1);
	assert_int_equal(s.posted.status, 0);
	assert_non_null(strstr(s.posted.why, "connect"));
	assert_false(s.posted.no_url || s.posted.no_authorities);
}

TEST(an_address_that_is_none_is_told)
{
	s.target.url = "http://a b/";
	open_posts();
	assert_true(start(0));
	await(0);
	assert_true(s.posted.no_url);
}

/* The server has not accepted the connection. */
TEST(what_is_under_way_can_be_given_up)
{
	open_server();
	assert_true(start(0) && start(1));
	hs_http_posts_work(s.posts);
	assert_false(hs_http_posts_ended(s.posts, 0, &s.posted));
	assert_in_range(hs_http_posts_due(s.posts), 0, TIMEOUT_MS);
	hs_http_posts_free(s.posts);
	s.posts = NULL;
	hs_http_posts_free(NULL);
}

/* --- what libcurl seldom says ------------------------------------------------------------ */

TEST(without_a_time_it_looks_again_within_a_second)
{
	open_posts();
	assert_true(start(0));
	curl.no_timeout = true;
	assert_int_equal(hs_http_posts_due(s.posts), 1000);
}

TEST(no_more_descriptors_are_told_than_there_is_room_for)
{
	struct pollfd fds[SLOTS * HS_HTTP_POSTS_FDS + 1] = { [SLOTS * HS_HTTP_POSTS_FDS] = { .fd = -7 } };

	open_posts();
	curl.descriptors = 100;
	assert_int_equal(hs_http_posts_poll(s.posts, fds), SLOTS * HS_HTTP_POSTS_FDS);
	assert_int_equal(fds[SLOTS * HS_HTTP_POSTS_FDS - 1].fd, SLOTS * HS_HTTP_POSTS_FDS - 1);
	assert_int_equal(fds[SLOTS * HS_HTTP_POSTS_FDS].fd, -7);
}

/* A later version may have other messages than that of an end. */
TEST(a_message_that_is_no_end_ends_nothing)
{
	static const CURLMsg other = { .msg = CURLMSG_NONE };

	open_posts();
	assert_true(start(0));
	curl.before = &other;
	await(0);
	assert_null(curl.before);
	assert_int_equal(s.posted.status, 0);
}

/* --- a shortage of memory ------------------------------------------------------------------ */

/* A post to nobody. False: it was refused. */
static bool try_once(void)
{
	bool started;

	s.posts = hs_http_posts_new(&s.target, SLOTS, TIMEOUT_MS);
	started = s.posts != NULL && start(0);
	if (started)
		await(0);
	hs_http_posts_free(s.posts);
	s.posts = NULL;
	return started;
}

/* Each allocation fails once: the post is refused, or ends without an answer, and it is not called the URL's fault. */
TEST(without_memory_no_post_is_taken_for_answered)
{
	unsigned refused = 0, nth;

	for (nth = 1; curl.allocations + 1 >= nth; nth++) {
		curl.allocations = 0;
		curl.fails = nth;
		refused += !try_once();
		assert_int_equal(s.posted.status, 0);
		assert_false(s.posted.no_url || s.posted.no_authorities);
	}
	assert_in_range(refused, 8, nth - 8);
}

TEST(what_libcurl_does_not_take_is_refused)
{
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_false(try_once());
	wrap_reset();
	curl.no_init = true;
	assert_false(try_once());
	curl.no_init = false;
	curl.no_add = true;
	assert_false(try_once());
	curl.no_add = false;
	assert_true(try_once());
}

TESTS("http_posts", begin, finish)
