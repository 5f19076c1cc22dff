/*
 * A server's answer to `send` and `forward`, as bytes on the wire. The first byte says which: 'f' is forward's
 * (http_posts.h), anything else send's (http.h). The rest is what the server sends, after which it closes.
 *
 * Whatever it is: the call ends with a result of the header, without a wait; texts end within their arrays, the kept
 * body within its limit; a status is one that the bytes say. Retry-After is never before now, nor beyond four
 * hours, and is kept from no answer that lacks it. For forward each status has one meaning, and only 2xx is done.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/probe/http.h"
#include "tools/sink/http_posts.h"
#include "tools/sink/pump.h"
#include "tools/sink/sink_http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

enum { TIMEOUT_MS = 5000, RETRY_AFTER_MOST_MS = 4 * 3600 * 1000 };

/* --- the server -------------------------------------------------------------------------------------- */

static struct {
	int fd;
	char url[64];
	pthread_mutex_t lock;
	struct hs_slice bytes; /* what it sends */
} server = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

/*
 * Reads to the end of a request without a body. False: there is none, but a try of TLS after an answer that is no
 * HTTP.
 */
static bool read_request(int fd)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof text && (got = recv(fd, text + n, sizeof text - n, 0)) > 0) {
		n += (size_t)got;
		if (text[0] == 0x16) /* RFC 8446, 5.1: a handshake */
			return false;
		if (memmem(text, n, "\r\n\r\n", 4) != NULL)
			return true;
	}
	return false;
}

/*
 * A copy: the client may have left, and its input be freed, while it is sent. Not of malloc, by whose balance
 * libFuzzer decides to look for leaks.
 */
static struct hs_slice take_bytes(void)
{
	static char bytes[1 << 16];
	size_t n;

	pthread_mutex_lock(&server.lock);
	n = server.bytes.n < sizeof bytes ? server.bytes.n : sizeof bytes;
	if (n > 0)
		memcpy(bytes, server.bytes.p, n);
	pthread_mutex_unlock(&server.lock);
	return hs_slice(bytes, n);
}

static void answer_one(int fd, struct hs_slice bytes)
{
	if (read_request(fd))
		for (ssize_t n; bytes.n > 0; bytes = hs_slice(bytes.p + n, bytes.n - (size_t)n))
			if ((n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL)) <= 0)
				break;
	/* The request is read to its end, so this resets nothing; the client may keep its end for another. */
	close(fd);
}

static void *serve(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept(server.fd, NULL, NULL);

		if (fd >= 0)
			answer_one(fd, take_bytes());
	}
	return NULL;
}

static void begin(struct hs_slice bytes)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	pthread_t thread;

	pthread_mutex_lock(&server.lock);
	server.bytes = bytes;
	pthread_mutex_unlock(&server.lock);
	if (server.fd >= 0)
		return;
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(server.fd >= 0 && bind(server.fd, (struct sockaddr *)&at, sizeof at) == 0);
	MUST(listen(server.fd, 64) == 0 && getsockname(server.fd, (struct sockaddr *)&at, &n) == 0);
	snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u/", ntohs(at.sin_port));
	MUST(pthread_create(&thread, NULL, serve, NULL) == 0);
	setenv("no_proxy", "*", 1);
}

void hs_pump_ack(struct hs_pump *pump, const struct hs_ack *ack)
{
	(void)pump;
	(void)ack;
	MUST(!"no sink runs here");
}

/* --- what must hold ------------------------------------------------------------------------------------ */

/* The three digits are behind an HTTP version in the bytes. */
static bool says_status(struct hs_slice bytes, int status)
{
	char digits[4];

	snprintf(digits, sizeof digits, "%03d", status);
	for (size_t i = 0; i + 3 <= bytes.n && status < 1000; i++)
		if (memcmp(bytes.p + i, digits, 3) == 0)
			return true;
	return false;
}

static bool has_word(struct hs_slice bytes, const char *word)
{
	for (size_t i = 0; i + strlen(word) <= bytes.n; i++)
		if (strncasecmp(bytes.p + i, word, strlen(word)) == 0)
			return true;
	return false;
}

static void check_array(const char *text, size_t room)
{
	MUST(memchr(text, '\0', room) != NULL);
}

static void check_send(struct hs_slice bytes)
{
	struct hs_http_target target = { .url = server.url };
	struct hs_http_request request = { .method = "POST", .below = "", .timeout_ms = TIMEOUT_MS };
	struct hs_http_answer answer = { 0 };
	struct hs_http *http = hs_http_new(&target);
	enum hs_http_result result;

	MUST(http != NULL);
	result = hs_http_send(http, &request, &answer);
	MUST(result == HS_HTTP_OK || result == HS_HTTP_CUT || result == HS_HTTP_UNREACHABLE || result == HS_HTTP_TLS);
	if (result == HS_HTTP_OK)
		MUST(says_status(bytes, answer.status) && answer.date_ms >= 0);
	else
		MUST(hs_http_error(http)[0] != '\0' && strchr(hs_http_error(http), '\n') == NULL);
	MUST(answer.body.n <= HS_HTTP_BODY_MAX && answer.body.n <= bytes.n);
	check_array(answer.server, sizeof answer.server);
	check_array(answer.location, sizeof answer.location);
	check_array(answer.allow_origin, sizeof answer.allow_origin);
	check_array(answer.allow_headers, sizeof answer.allow_headers);
	MUST(answer.location[0] == '\0' || has_word(bytes, "location"));
	hs_http_answer_free(&answer);
	hs_http_free(http);
}

/* Each status has an outcome, alone or in a batch. */
static void check_outcome(int status)
{
	enum hs_outcome one = hs_sink_http_outcome(status, false), batch = hs_sink_http_outcome(status, true);

	MUST((one == HS_OUTCOME_DONE) == (status >= 200 && status < 300));
	MUST(one == batch || (one == HS_OUTCOME_REFUSED && batch == HS_OUTCOME_ALONE));
	MUST(!hs_sink_http_stops(status) || one == HS_OUTCOME_REFUSED); /* and then it is not asked */
}

static void check_forward(struct hs_slice bytes)
{
	struct hs_http_target target = { .url = server.url };
	struct hs_http_posts *posts = hs_http_posts_new(&target, 1, TIMEOUT_MS);
	struct hs_http_posted posted;
	struct pollfd fds[HS_HTTP_POSTS_FDS];

	MUST(posts != NULL && hs_http_posts_start(posts, 0, HS_SLICE(""), HS_SLICE("")));
	for (;;) {
		int64_t due;

		hs_http_posts_work(posts);
		if (hs_http_posts_ended(posts, 0, &posted))
			break;
		due = hs_http_posts_due(posts);
		MUST(poll(fds, hs_http_posts_poll(posts, fds), due >= 0 && due < 100 ? (int)due : 100) >= 0);
	}
	MUST(posted.retry_after_ms >= 0 && posted.retry_after_ms <= RETRY_AFTER_MOST_MS);
	MUST(posted.retry_after_ms == 0 || has_word(bytes, "retry-after"));
	MUST(posted.status == 0 ? posted.why[0] != '\0' : says_status(bytes, posted.status));
	check_outcome(posted.status);
	hs_http_posts_free(posts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice bytes;

	if (size == 0)
		return 0;
	bytes = fuzz_copy(data + 1, size - 1);
	begin(bytes);
	if (data[0] == 'f')
		check_forward(bytes);
	else
		check_send(bytes);
	begin(HS_SLICE_NONE);
	free((char *)(uintptr_t)bytes.p);
	return 0;
}
