/* sd_notify: the messages that a supervisor gets, on a socket of the test. */
#include "base/io.h"
#include "cgi/server/sd_notify.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct supervisor {
	int fd;
	char heard[256];
};

/* Listens on a name of the abstract namespace, which leaves no file, and puts it into the
   environment. */
static void start(struct supervisor *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char name[sizeof a.sun_path];
	int n = snprintf(name, sizeof name, "@hookspool-test-%ld", (long)getpid());

	memcpy(a.sun_path + 1, name + 1, (size_t)n - 1);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(
	    bind(s->fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* The next message; "" if there is none. */
static const char *hear(struct supervisor *s)
{
	ssize_t n = recv(s->fd, s->heard, sizeof s->heard - 1, 0);

	s->heard[n > 0 ? n : 0] = '\0';
	return s->heard;
}

TEST(the_life_of_a_process)
{
	struct supervisor s;
	struct hs_sd_notify n;
	long long then, now = hs_io_now_monotonic();

	start(&s);
	hs_sd_notify_open(&n);
	assert_string_equal(hear(&s), "");
	hs_sd_notify_ready(&n);
	assert_string_equal(hear(&s), "READY=1");
	hs_sd_notify_reloading(&n);
	assert_int_equal(sscanf(hear(&s), "RELOADING=1\nMONOTONIC_USEC=%lld", &then), 1);
	assert_true(then / 1000 >= now && then / 1000 <= hs_io_now_monotonic());
	hs_sd_notify_stopping(&n);
	assert_string_equal(hear(&s), "STOPPING=1");
	hs_sd_notify_close(&n);
	hs_sd_notify_ready(&n); /* no supervisor */
	assert_string_equal(hear(&s), "");
	close(s.fd);
}

/* As systemd does it: /run/systemd/notify is a file. */
TEST(a_socket_that_is_a_file)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct hs_sd_notify n;
	struct supervisor s;

	snprintf(a.sun_path, sizeof a.sun_path, "/tmp/hookspool-test-%ld.socket", (long)getpid());
	s.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(s.fd >= 0);
	assert_int_equal(bind(s.fd, (struct sockaddr *)&a, sizeof a), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	unsetenv("WATCHDOG_USEC");
	hs_sd_notify_open(&n);
	hs_sd_notify_ready(&n);
	unlink(a.sun_path);
	assert_string_equal(hear(&s), "READY=1");
	hs_sd_notify_close(&n);
	close(s.fd);
}

TEST(the_watchdog_hears_at_half_its_time)
{
	struct supervisor s;
	struct hs_sd_notify n;

	start(&s);
	setenv("WATCHDOG_USEC", "30000000", 1);
	hs_sd_notify_open(&n);
	hs_sd_notify_alive(&n, 1000);
	assert_string_equal(hear(&s), "WATCHDOG=1");
	hs_sd_notify_alive(&n, 15999);
	assert_string_equal(hear(&s), "");
	hs_sd_notify_alive(&n, 16000);
	assert_string_equal(hear(&s), "WATCHDOG=1");
	hs_sd_notify_close(&n);
	close(s.fd);
}

/* True if a message comes with this watchdog in the environment. */
static bool watches(struct supervisor *s, const char *usec, const char *pid)
{
	struct hs_sd_notify n;
	bool heard;

	setenv("WATCHDOG_USEC", usec, 1);
	if (pid == NULL)
		unsetenv("WATCHDOG_PID");
	else
		setenv("WATCHDOG_PID", pid, 1);
	hs_sd_notify_open(&n);
	hs_sd_notify_alive(&n, 1000);
	heard = hear(s)[0] != '\0';
	hs_sd_notify_close(&n);
	return heard;
}

TEST(an_invalid_watchdog)
{
	struct supervisor s;
	char own[24];

	start(&s);
	snprintf(own, sizeof own, "%ld", (long)getpid());
	assert_true(watches(&s, "2000000", own));
	assert_false(watches(&s, "2000000", "1")); /* meant for another process */
	assert_false(watches(&s, "2000000", "x"));
	assert_false(watches(&s, "", NULL));
	assert_false(watches(&s, "0", NULL));
	assert_false(watches(&s, "-1", NULL));
	assert_false(watches(&s, "2000000x", NULL));
	assert_false(watches(&s, "99999999999999999999", NULL));
	assert_true(watches(&s, "9223372036854775807", NULL));
	close(s.fd);
}

TEST(no_supervisor)
{
	static const char *const names[] = { "", "@", "relative", "/nowhere/at/all", "vsock:2:1" };
	char longest[200];
	struct hs_sd_notify n;

	unsetenv("NOTIFY_SOCKET");
	hs_sd_notify_open(&n);
	assert_int_equal(n.fd, -1);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		hs_sd_notify_open(&n);
		assert_int_equal(n.fd, -1);
		hs_sd_notify_ready(&n);
		hs_sd_notify_close(&n);
	}
	memset(longest, 'x', sizeof longest - 1);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	hs_sd_notify_open(&n);
	assert_int_equal(n.fd, -1);
}

/* A supervisor that does not read, or has gone, delays nothing. */
TEST(a_deaf_supervisor)
{
	struct supervisor s;
	struct hs_sd_notify n;

	start(&s);
	hs_sd_notify_open(&n);
	for (int i = 0; i < 10000; i++)
		hs_sd_notify_ready(&n);
	close(s.fd);
	hs_sd_notify_stopping(&n);
	hs_sd_notify_close(&n);
}

TESTS("sd_notify", NULL, NULL)
