/* accept: what hs_acceptor_next returns to a thread that waits for connections. */
#include "base/io.h"
#include "cgi/server/accept.h"
#include "tests/lib/said.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOON_MS = 20, FOR_EVER = 0 };

static struct scene {
	char path[100];
	int listen_fd, stop_fd, ready_fd;
	_Atomic bool stopping;
	struct hs_acceptor *acceptor;
} s;

static struct sockaddr_un address(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", s.path);
	return a;
}

FIXTURE(begin)
{
	const char *tmp = getenv("TMPDIR");
	struct sockaddr_un a;

	memset(&s, 0, sizeof s);
	snprintf(s.path, sizeof s.path, "%s/hookspool-accept.%ld", tmp != NULL ? tmp : "/tmp", (long)getpid());
	a = address();
	unlink(s.path);
	s.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	s.stop_fd = eventfd(0, EFD_NONBLOCK);
	s.ready_fd = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	if (bind(s.listen_fd, (const struct sockaddr *)&a, sizeof a) < 0 || listen(s.listen_fd, 8) < 0)
		return -1;
	s.acceptor = hs_acceptor_new(s.listen_fd, s.stop_fd, s.ready_fd, &s.stopping);
	return s.acceptor != NULL ? 0 : -1;
}

FIXTURE(end)
{
	hs_acceptor_free(s.acceptor);
	close(s.listen_fd);
	close(s.stop_fd);
	close(s.ready_fd);
	unlink(s.path);
	return 0;
}

static int connect_to(void)
{
	struct sockaddr_un a = address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void stop(void)
{
	uint64_t one = 1;

	atomic_store(&s.stopping, true);
	assert_int_equal(write(s.stop_fd, &one, sizeof one), sizeof one);
}

TEST(nothing_comes)
{
	assert_int_equal(hs_acceptor_next(s.acceptor, SOON_MS), HS_ACCEPT_IDLE);
}

TEST(a_waiting_connection_is_accepted)
{
	int peer[2] = { connect_to(), connect_to() };

	for (int i = 0; i < 2; i++) {
		int fd = hs_acceptor_next(s.acceptor, FOR_EVER);

		assert_true(fd >= 0);
		assert_int_equal(write(peer[i], "x", 1), 1);
		assert_int_equal(close(fd), 0);
		close(peer[i]);
	}
	assert_int_equal(hs_acceptor_next(s.acceptor, SOON_MS), HS_ACCEPT_IDLE);
}

static void *connect_later(void *context)
{
	(void)context;
	hs_io_pause(SOON_MS);
	return (void *)(intptr_t)connect_to();
}

TEST(it_waits_for_a_connection)
{
	pthread_t thread;
	void *peer;
	int fd;

	assert_int_equal(pthread_create(&thread, NULL, connect_later, NULL), 0);
	fd = hs_acceptor_next(s.acceptor, FOR_EVER);
	assert_true(fd >= 0);
	pthread_join(thread, &peer);
	close(fd);
	close((int)(intptr_t)peer);
}

/* A connection made before the stop is still accepted. */
TEST(a_stop_comes_after_the_last_connection)
{
	int peer = connect_to(), fd;

	stop();
	fd = hs_acceptor_next(s.acceptor, FOR_EVER);
	assert_true(fd >= 0);
	assert_int_equal(hs_acceptor_next(s.acceptor, FOR_EVER), HS_ACCEPT_STOP);
	close(fd);
	close(peer);
}

static void *stop_later(void *context)
{
	(void)context;
	hs_io_pause(SOON_MS);
	stop();
	return NULL;
}

TEST(a_stop_wakes_a_waiting_thread)
{
	pthread_t thread;
	int heard;

	assert_int_equal(pthread_create(&thread, NULL, stop_later, NULL), 0);
	do {
		heard = hs_acceptor_next(s.acceptor, FOR_EVER);
	} while (heard == HS_ACCEPT_AGAIN);
	assert_int_equal(heard, HS_ACCEPT_STOP);
	pthread_join(thread, NULL);
}

TEST(a_ready_request_wakes_a_waiting_thread)
{
	uint64_t one = 1;

	assert_int_equal(write(s.ready_fd, &one, sizeof one), sizeof one);
	assert_int_equal(hs_acceptor_next(s.acceptor, FOR_EVER), HS_ACCEPT_AGAIN);
	assert_int_equal(read(s.ready_fd, &one, sizeof one), sizeof one);
	assert_int_equal(hs_acceptor_next(s.acceptor, SOON_MS), HS_ACCEPT_IDLE);
}

/* The web server may go on connecting: a stop comes all the same. */
TEST(a_stop_does_not_wait_for_ever)
{
	int peer[2] = { connect_to(), connect_to() }, fd;

	stop();
	fd = hs_acceptor_next(s.acceptor, FOR_EVER);
	assert_true(fd >= 0);
	wrap_clock(0, 60000);
	assert_int_equal(hs_acceptor_next(s.acceptor, FOR_EVER), HS_ACCEPT_STOP);
	wrap_reset();
	close(fd);
	for (int i = 0; i < 2; i++)
		close(peer[i]);
}

TEST(an_acceptor_that_cannot_wait_for_all_is_none)
{
	size_t before = unit_descriptors();
	const int cases[][3] = { { -1, s.stop_fd, s.ready_fd },
		                 { s.listen_fd, -1, s.ready_fd },
		                 { s.listen_fd, s.stop_fd, 1000 } };
	struct rlimit was, few;
	int first = dup(STDIN_FILENO);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_null(hs_acceptor_new(cases[i][0], cases[i][1], cases[i][2], &s.stopping));
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_acceptor_new(s.listen_fd, s.stop_fd, s.ready_fd, &s.stopping));
	wrap_reset();
	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)first;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_null(hs_acceptor_new(s.listen_fd, s.stop_fd, s.ready_fd, &s.stopping));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(unit_descriptors(), before);
}

/* A connection stays in the queue until there is a descriptor for it. */
TEST(without_a_descriptor_a_connection_waits)
{
	int peer = connect_to(), first = dup(STDIN_FILENO), fd;
	struct rlimit was, few;

	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)first;
	said_begin(HS_LOG_WARN);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fd = hs_acceptor_next(s.acceptor, SOON_MS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_non_null(strstr(said_end(), "raise the limit on open files"));
	assert_int_equal(fd, HS_ACCEPT_AGAIN);
	fd = hs_acceptor_next(s.acceptor, FOR_EVER);
	assert_true(fd >= 0);
	close(fd);
	close(peer);
}

/* A queue or a table of the kernel is full: the log says so, and the connection is taken later. */
TEST(a_kernel_without_room_is_asked_again)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED };

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		int peer = connect_to(), fd;
		const char *said;

		said_begin(HS_LOG_WARN);
		wrap_fail(WRAP_ACCEPT4, 1, 2, errors[i]);
		fd = hs_acceptor_next(s.acceptor, SOON_MS);
		wrap_reset();
		said = said_end();
		assert_int_equal(fd, HS_ACCEPT_AGAIN);
		assert_int_equal(strstr(said, strerror(errors[i])) != NULL, errors[i] != ECONNABORTED);
		fd = hs_acceptor_next(s.acceptor, FOR_EVER);
		assert_true(fd >= 0);
		close(fd);
		close(peer);
	}
}

TESTS("accept", begin, end)
