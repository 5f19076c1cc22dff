/* listen: which server removes the socket's file. */
#include "cgi/server/listen.h"
#include "tests/lib/processes.h"
#include "tests/lib/said.h"
#include "tests/lib/wrap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char address[100];
static struct stat file;
static const char *const path = address + sizeof "unix:" - 1;

FIXTURE(begin)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(address, sizeof address, "unix:%s/hookspool-listen.%ld", tmp != NULL ? tmp : "/tmp", (long)getpid());
	unlink(path);
	return 0;
}

FIXTURE(end)
{
	unlink(path);
	return 0;
}

TEST(its_file_goes_with_it)
{
	int fd = hs_listen(address, &file);

	assert_true(fd >= 0);
	assert_true(hs_listen_is(fd));
	assert_int_equal(access(path, F_OK), 0);
	hs_listen_end(address, &file);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
}

/* rm, start the new one, stop the old one: a restart without a gap. */
TEST(the_successors_file_stays)
{
	int old = hs_listen(address, &file), new;
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(old >= 0);
	unlink(path);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	new = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(new, (const struct sockaddr *)&a, sizeof a), 0);
	hs_listen_end(address, &file);
	assert_int_equal(access(path, F_OK), 0);
	close(old);
	close(new);
}

/* connect(2) to a socket with a full backlog waits until a connection is accepted. */
TEST(one_that_is_full_is_alive)
{
	int fd = hs_listen(address, &file), peer[2];
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(fd >= 0);
	listen(fd, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	for (int i = 0; i < 2; i++) {
		peer[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(peer[i], (const struct sockaddr *)&a, sizeof a);
	}
	alarm(5);
	assert_int_equal(hs_listen(address, &file), -1);
	alarm(0);
	assert_int_equal(access(path, F_OK), 0);
	for (int i = 0; i < 2; i++)
		close(peer[i]);
	close(fd);
}

/* Nothing is left open, nor is a file left whose server is alive; and it listens when the fault is gone. */
TEST(what_cannot_be_made_is_told)
{
	size_t before = unit_descriptors();
	int first = dup(STDIN_FILENO), fd = -1;
	struct rlimit was, few;

	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)first;
	for (const char *const *at = (const char *const[]){ address, "127.0.0.1:0", NULL }; *at != NULL; at++) {
		said_begin(HS_LOG_ERROR);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		assert_int_equal(hs_listen(*at, &file), -1);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_non_null(strstr(said_end(), "Too many open files"));
	}
	wrap_fail(WRAP_FSTATAT, 2, 1, EIO); /* the second one is of the new socket */
	assert_int_equal(hs_listen(address, &file), -1);
	wrap_reset();
	assert_int_equal(unit_descriptors(), before);
	fd = hs_listen(address, &file);
	assert_true(fd >= 0);
	few.rlim_cur = (rlim_t)first + 2; /* there is none left to ask whether it is alive */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(hs_listen(address, &file), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
}

TEST(one_that_listens_is_alive)
{
	int fd = hs_listen(address, &file);

	assert_true(fd >= 0);
	said_begin(HS_LOG_ERROR);
	assert_int_equal(hs_listen(address, &file), -1);
	assert_non_null(strstr(said_end(), "in use"));
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	fd = hs_listen(address, &file); /* which nobody listens on any more */
	assert_true(fd >= 0);
	close(fd);
}

/* Another program's file is never removed. */
TEST(a_plain_file_stays)
{
	FILE *other = fopen(path, "w");

	assert_non_null(other);
	fclose(other);
	said_begin(HS_LOG_ERROR);
	assert_int_equal(hs_listen(address, &file), -1);
	assert_non_null(strstr(said_end(), "in use: stop the other program, or choose another path"));
	assert_int_equal(access(path, F_OK), 0);
}

TEST(a_port_that_is_taken)
{
	int fd = hs_listen("127.0.0.1:0", &file);
	struct sockaddr_in at;
	socklen_t size = sizeof at;
	char taken[32];

	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	snprintf(taken, sizeof taken, "127.0.0.1:%d", ntohs(at.sin_port));
	said_begin(HS_LOG_ERROR);
	assert_int_equal(hs_listen(taken, &file), -1);
	assert_non_null(strstr(said_end(), "Address already in use"));
	hs_listen_end(taken, &file); /* there is no file to remove */
	close(fd);
}

TEST(an_address_of_ipv6)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool possible = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

	if (fd >= 0)
		close(fd);
	if (!possible)
		skip(); /* this machine has none */
	fd = hs_listen("[::1]:0", &file);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(at.sin6_family, AF_INET6);
	assert_memory_equal(&at.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback);
	close(fd);
}

/* An operator may have removed it, or put another there. */
TEST(an_end_without_its_file)
{
	int fd = hs_listen(address, &file);
	struct stat other = file;

	assert_true(fd >= 0);
	other.st_dev++;
	hs_listen_end(address, &other);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	hs_listen_end(address, &file);
	close(fd);
}

/* --- sockets of systemd ------------------------------------------------------------- */

enum { OURS, ANOTHERS, UNSAID };

struct inherited {
	int pid;           /* whose LISTEN_PID says */
	const char *count; /* LISTEN_FDS; NULL: unset */
	bool listens;      /* descriptor 3 is a listening socket */
	int expected;
};

/* 0: hs_listen_inherited says what is expected. */
static int inherit(void *context)
{
	const struct inherited *in = context;
	int fd = in->listens ? hs_listen("127.0.0.1:0", &file) : open("/dev/null", O_RDONLY);
	char pid[24];

	if (fd < 0 || (fd != 3 && dup2(fd, 3) < 0) || fcntl(3, F_SETFD, 0) < 0)
		return 2;
	snprintf(pid, sizeof pid, "%ld", (long)(in->pid == OURS ? getpid() : getppid()));
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	if (in->pid != UNSAID)
		setenv("LISTEN_PID", pid, 1);
	if (in->count != NULL)
		setenv("LISTEN_FDS", in->count, 1);
	if (hs_listen_inherited() != in->expected)
		return 1;
	return in->expected < 0 || fcntl(3, F_GETFD) == FD_CLOEXEC ? 0 : 3; /* no program that it starts has it */
}

TEST(a_socket_of_systemd)
{
	static const struct inherited cases[] = {
		{ OURS, "1", true, 3 },      { OURS, "1", false, -2 }, { OURS, "2", true, -2 },
		{ OURS, "0", true, -2 },     { OURS, NULL, true, -1 }, { UNSAID, "1", true, -1 },
		{ ANOTHERS, "1", true, -1 },
	};

	said_begin(HS_LOG_ERROR);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(child_run(inherit, (void *)(uintptr_t)&cases[i]), 0);
	assert_non_null(strstr(said_end(), "expected one listening socket"));
}

/* --- addresses ---------------------------------------------------------------------- */

#define TEN "1234567890"

TEST(numeric_addresses)
{
	static const char *const wrong[] = { "127.0.0.1",       ":0",
		                             "127.0.0.1:",      "127.0.0.1:x",
		                             "127.0.0.1:65536", "localhost:0",
		                             "[127.0.0.1",      TEN TEN TEN TEN TEN TEN TEN ":0" };
	struct sockaddr_storage at;
	socklen_t size = sizeof at;
	int fd = hs_listen("127.0.0.1:0", &file);

	assert_true(fd >= 0);
	assert_true(hs_listen_is(fd));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(at.ss_family, AF_INET);
	close(fd);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (hs_listen(wrong[i], &file) >= 0)
			fail_msg("%s is an address", wrong[i]);
}

TEST(no_path_is_no_address)
{
	assert_int_equal(hs_listen("unix:", &file), -1);
}

TESTS("listen", begin, end)
