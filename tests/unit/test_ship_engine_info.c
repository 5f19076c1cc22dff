/* engine_nats_info: what a server says of itself before anything else, against a socket that says what is wanted. */
#include "base/io.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/ship/engine_nats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 60000 };

#define INFO "INFO {\"server_name\":\"n1\",\"version\":\"2.10.27\",\"headers\":true} \r\n"

/* --- the server --------------------------------------------------------------------------------------- */

enum after { CLOSES, RESETS, WAITS };

static struct server {
	int fd, port;
	struct hs_slice says;
	enum after after;
	pthread_t thread;
} server;

static int listen_at(int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *address = family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t size = family == AF_INET6 ? sizeof v6 : sizeof v4;

	server.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server.fd < 0 || bind(server.fd, address, size) < 0 || listen(server.fd, 8) < 0)
		return -1;
	assert_int_equal(getsockname(server.fd, address, &size), 0);
	server.port = ntohs(family == AF_INET6 ? v6.sin6_port : v4.sin_port);
	return 0;
}

/* Says it in two parts. */
static void *serve(void *unused)
{
	struct linger none = { .l_onoff = 1 };
	size_t half = server.says.n / 2;
	int fd = accept(server.fd, NULL, NULL);
	char end;

	if (fd < 0)
		return unused;
	send(fd, server.says.p, half, MSG_NOSIGNAL);
	hs_io_pause(1);
	send(fd, server.says.p + half, server.says.n - half, MSG_NOSIGNAL);
	if (server.after == RESETS)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	if (server.after == WAITS)
		(void)!recv(fd, &end, 1, 0); /* until the other side closes it */
	close(fd);
	return unused;
}

static void begin(struct hs_slice says, enum after after)
{
	server.says = says;
	server.after = after;
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void finish(void)
{
	assert_int_equal(pthread_join(server.thread, NULL), 0);
}

static char name[HS_NATS_NAME_MAX], version[24];

/* Asks the server at that host, or at that URL if it has no % in it. */
static bool asks(const char *url, int64_t ms)
{
	char text[400];
	const char *port = strchr(url, '%');

	snprintf(text, sizeof text, "%s", url);
	if (port != NULL)
		snprintf(text + (port - url), sizeof text - (size_t)(port - url), "%d", server.port);
	return hs_nats_server_info(text, ms, name, version);
}

FIXTURE(set_up)
{
	return listen_at(AF_INET);
}

FIXTURE(tear_down)
{
	wrap_reset();
	return close(server.fd);
}

/* --- tests ---------------------------------------------------------------------------------------------- */

TEST(name_and_version)
{
	static const char *const urls[] = { "nats://127.0.0.1:%", "tls://127.0.0.1:%", "127.0.0.1:%" };

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		begin(HS_SLICE(INFO "PING\r\n"), WAITS);
		assert_true(asks(urls[i], WAIT_MS));
		assert_string_equal(name, "n1");
		assert_string_equal(version, "2.10.27");
		finish();
	}
}

TEST(an_address_in_brackets)
{
	close(server.fd);
	if (listen_at(AF_INET6) < 0) {
		print_message("there is no IPv6\n");
		return;
	}
	begin(HS_SLICE(INFO), WAITS);
	assert_true(asks("nats://[::1]:%", WAIT_MS));
	assert_string_equal(version, "2.10.27");
	finish();
}

TEST(what_is_no_server)
{
	static const struct {
		const char *says;
		enum after after;
		int64_t ms;
	} cases[] = {
		{ "", CLOSES, WAIT_MS },
		{ "", RESETS, WAIT_MS },
		{ "", WAITS, 30 },
		{ "INFO {\"version\":\"2.10.27\"}", WAITS, 30 },
		{ "INFO {}", CLOSES, WAIT_MS },
		{ "\r\n", WAITS, WAIT_MS },
		{ "INF\r\n", WAITS, WAIT_MS },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", CLOSES, WAIT_MS },
		{ "INFO {\r\n", WAITS, WAIT_MS },
		{ "INFO \r\n", WAITS, WAIT_MS },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t until_ms = hs_io_now_monotonic() + WAIT_MS;

		begin(hs_slice_str(cases[i].says), cases[i].after);
		if (asks("nats://127.0.0.1:%", cases[i].ms))
			fail_msg("%s is taken for a server's", cases[i].says);
		assert_true(hs_io_now_monotonic() < until_ms); /* nobody waits for one that has closed the connection */
		assert_string_equal(name, "");
		assert_string_equal(version, "");
		finish();
	}
}

TEST(a_server_that_tells_no_version)
{
	begin(HS_SLICE("INFO {\"server_name\":\"n1\"}\n"), CLOSES);
	assert_true(asks("nats://127.0.0.1:%", WAIT_MS));
	assert_string_equal(name, "n1");
	assert_string_equal(version, "");
	finish();
}

TEST(a_line_of_hundreds_of_kilobytes_is_given_up)
{
	static char text[256 << 10];

	memset(text, ' ', sizeof text);
	memcpy(text, "INFO {", 6);
	memcpy(text + sizeof text - 3, "}\r\n", 3);
	begin(hs_slice(text, sizeof text), WAITS);
	assert_false(asks("nats://127.0.0.1:%", WAIT_MS));
	finish();
}

/* Nothing here waits for a name server. */
TEST(urls_that_lead_nowhere)
{
	static const char *const urls[] = {
		"nats://127.0.0.1",
		"nats://127.0.0.1:12345678",
		"nats://:4222",
		"nats://[]:4222",
		"nats://[::1:nope",
		"nats://127.0.0.1:nope",
		"nats://255.255.255.255:4222",
	};
	char longest[300] = "nats://";

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		assert_false(asks(urls[i], WAIT_MS));
	memset(longest + 7, 'h', 256);
	memcpy(longest + 7 + 256, ":4222", 6);
	assert_false(asks(longest, WAIT_MS));
	assert_false(asks("nats://127.0.0.1:%", 0)); /* there is no time left */
	close(server.fd);
	assert_false(asks("nats://127.0.0.1:%", WAIT_MS));
	assert_int_equal(listen_at(AF_INET), 0);
}

TEST(no_memory_and_no_descriptors)
{
	struct rlimit before, none;

	begin(HS_SLICE(INFO), WAITS);
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_false(asks("nats://127.0.0.1:%", WAIT_MS));
	finish();
	wrap_reset();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_false(asks("nats://127.0.0.1:%", WAIT_MS));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TESTS("ship_engine_info", set_up, tear_down)
