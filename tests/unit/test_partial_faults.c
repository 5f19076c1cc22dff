/*
 * partial_faults: where memory or descriptors end, or the web server hangs up while it is answered, a connection is
 * closed and nothing of it stays; the next ones are served.
 */
#include "tests/lib/fcgi_peer.h"
#include "tests/lib/said.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <sys/resource.h>

/* --- memory -------------------------------------------------------------------------------- */

TEST(a_connection_without_memory_is_closed_and_the_log_says_so)
{
	static const char why[] = "connection dropped: out of memory";
	struct hs_partial_request *a;
	size_t before = unit_descriptors();
	int fd;

	said_begin(HS_LOG_ERROR);
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	fd = connected(&a, "2", SHAPED);
	wrap_reset();
	assert_non_null(strstr(said_end(), why));
	assert_null(a);
	assert_true(is_closed(fd, SOON_MS));
	close(fd);
	assert_int_equal(unit_descriptors(), before);
	answer(whole(&fd));
	check_answer(fd);
}

/* The connection was the library's, which has not enough memory for a large answer itself. */
TEST(an_answer_without_memory_is_not_sent)
{
	size_t before = unit_descriptors();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	said_begin(HS_LOG_ERROR);
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_false(hs_partial_poller_send(s.arrivals, ends[1], 1, HS_SLICE("head"), hs_slice(large, LARGE)));
	wrap_reset();
	said_end();
	assert_int_equal(heard_bytes(ends[0]), 0);
	assert_int_equal(unit_descriptors(), before);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_true(hs_partial_poller_send(s.arrivals, ends[1], 1, HS_SLICE("head"), hs_slice(large, LARGE)));
	assert_true(heard_bytes(ends[0]) > LARGE);
}

/* A large answer is copied, since its rest may have to wait; without memory for that, the peer sees the end alone. */
TEST(a_large_answer_without_memory_is_not_begun)
{
	size_t before = unit_descriptors();
	int fd;
	struct hs_partial_request *a = whole(&fd);

	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_false(a->transport.write(&a->transport, HS_SLICE("head"), hs_slice(large, LARGE)));
	wrap_reset();
	a->transport.finish(&a->transport);
	assert_int_equal(heard_bytes(fd), 0);
	assert_int_equal(unit_descriptors(), before);
	assert_true(answer_large(&fd));
	assert_true(heard_bytes(fd) > LARGE);
}

/* Wherever in the request memory ends, the peer sees the end of the connection, or an answer that it is our fault. */
TEST(a_request_without_memory_ends)
{
	static const enum wrap_call calls[] = { WRAP_CALLOC, WRAP_REALLOC };
	size_t before = unit_descriptors();
	struct hs_buf request = { 0 };

	put_head(&request, "2", SHAPED);
	put_record(&request, 5, HS_SLICE("{}"));
	put_record(&request, 5, HS_SLICE(""));
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		enum hs_result verdict = HS_E_MEMORY;

		for (unsigned nth = 1; verdict != HS_OK; nth++) {
			struct hs_partial_request *a;
			int ends[2];

			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
			say(ends[0], hs_buf_slice(&request));
			said_begin(HS_LOG_ERROR);
			wrap_fail(calls[i], nth, 1, ENOMEM);
			a = hs_partial_poller_enter(s.arrivals, ends[1]);
			wrap_reset();
			said_end();
			verdict = a == NULL ? HS_E_MEMORY : a->transport.verdict;
			assert_true(verdict == HS_OK || verdict == HS_E_MEMORY);
			if (a != NULL)
				answer(a);
			else
				assert_true(is_closed(ends[0], SOON_MS));
			close(ends[0]);
			assert_in_range(nth, 1, 20);
		}
	}
	hs_buf_free(&request);
	assert_int_equal(unit_descriptors(), before);
}

/* --- descriptors ------------------------------------------------------------------------------ */

TEST(a_poller_without_descriptors_or_memory_is_none)
{
	size_t before = unit_descriptors();
	struct hs_partial_poller *poller = NULL;
	struct rlimit was, few;
	int first = dup(STDIN_FILENO), refused = 0;

	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_partial_poller_new(MOST, 2, use, NULL));
	wrap_reset();
	assert_true(first >= 0);
	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	for (few.rlim_cur = (rlim_t)first; poller == NULL; few.rlim_cur++, refused++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		poller = hs_partial_poller_new(MOST, 2, use, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_true(poller != NULL || unit_descriptors() == before);
	}
	assert_true(refused > 2); /* it has three */
	hs_partial_poller_free(poller);
	assert_int_equal(unit_descriptors(), before);
}

/* The kernel limits what a user may poll (fs.epoll.max_user_watches): what it does not take must not be forgotten. */
TEST(what_cannot_be_polled_is_ended)
{
	size_t before = unit_descriptors();
	struct hs_partial_request *a;
	int fd;

	wrap_fail(WRAP_EPOLL_CTL, 1, 1, ENOSPC);
	assert_null(hs_partial_poller_new(MOST, 2, use, NULL));
	assert_int_equal(unit_descriptors(), before);
	wrap_fail(WRAP_EPOLL_CTL, 1, 1, ENOSPC);
	fd = connected(&a, NULL, NULL); /* without a head there is nobody to answer */
	assert_true(is_closed(fd, SOON_MS));
	close(fd);
	wrap_fail(WRAP_EPOLL_CTL, 1, 1, ENOSPC);
	fd = connected(&a, "10", SHAPED);
	assert_null(a);
	a = next_ready();
	assert_result(a->transport.verdict, HS_E_CROWDED);
	answer(a);
	close(fd);
	wrap_fail(WRAP_EPOLL_CTL, 1, 1, ENOSPC);
	fd = connected(&a, "33000000", NULL);
	assert_non_null(a);
	answer(a); /* the rest of the body is not waited for */
	assert_true(is_closed(fd, SOON_MS));
	close(fd);
	wrap_fail(WRAP_EPOLL_CTL, 2, 1, ENOMEM); /* the second one is when the answer has been sent */
	fd = connected(&a, "33000000", NULL);
	assert_non_null(a);
	assert_true(a->transport.write(&a->transport, HS_SLICE("head"), hs_slice(large, LARGE)));
	a->transport.finish(&a->transport);
	assert_true(heard_bytes(fd) > LARGE);
	wrap_reset();
	fd = connected(&a, "33000000", NULL); /* without a fault */
	assert_non_null(a);
	assert_true(a->transport.write(&a->transport, HS_SLICE("head"), hs_slice(large, LARGE)));
	a->transport.finish(&a->transport);
	say_body(fd, "x");
	assert_true(heard_bytes(fd) > LARGE);
	answer(whole(&fd));
	check_answer(fd);
	while (unit_descriptors() != before) /* the poller closes its ends by and by */
		hs_io_pause(1);
}

TEST(as_many_requests_wait_as_descriptors_allow)
{
	struct rlimit was, few;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(hs_partial_poller_wanted(300), 700);
	assert_int_equal(hs_partial_poller_wanted(990), 16);
	assert_int_equal(hs_partial_poller_wanted(2000), 16);
	few.rlim_cur = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(hs_partial_poller_wanted(300), was.rlim_max < 4396 ? (int)was.rlim_max - 300 : 4096);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

/* --- room ----------------------------------------------------------------------------------------- */

enum { BODY = 1 << 20, PART = 65000 };

/* Says a body, its last bytes and its end at once when all others have been read. False: it was refused. */
static bool say_large_body(int fd)
{
	static const char part[PART] = "";
	struct hs_buf record = { 0 };
	bool said = true;

	for (size_t left = BODY, n; left > 0 && said; left -= n) {
		n = left < PART ? left : PART;
		hs_buf_reset(&record);
		put_record(&record, 5, hs_slice(part, n));
		if (n == left) {
			put_record(&record, 5, HS_SLICE(""));
			taken_in(fd);
		}
		said = send(fd, record.p, record.n, MSG_NOSIGNAL) == (ssize_t)record.n;
	}
	hs_buf_free(&record);
	return said;
}

/* A request that has arrived whole will be served: only one that is still arriving gives way. */
TEST(requests_that_are_ready_keep_their_room)
{
	enum { READY = 6 }; /* with their heads they hold a little more than there is room for */
	struct hs_partial_request *ready[READY], *a;
	struct hs_settings_error error;
	int fd[READY + 1];

	hs_settings_free(s.service.settings);
	s.service.settings =
	    hs_settings_new("test.conf", HS_SLICE("spool_dir = /nowhere\nauth = none\nmax_body = 1M\n"), NULL, &error);
	assert_non_null(s.service.settings);
	for (int i = 0; i < READY; i++) {
		fd[i] = connected(&a, "1048576", NULL);
		assert_null(a);
		assert_true(say_large_body(fd[i]));
		ready[i] = next_ready();
		assert_result(ready[i]->transport.verdict, HS_OK);
	}
	fd[READY] = connected(&a, "1048576", NULL);
	assert_null(a);
	say_body(fd[READY], "{");
	a = next_ready();
	assert_result(a->transport.verdict, HS_E_CROWDED);
	answer(a);
	close(fd[READY]);
	for (int i = 0; i < READY; i++) {
		assert_int_equal(ready[i]->transport.body->n, BODY);
		answer(ready[i]);
		check_answer(fd[i]);
	}
}

/* --- a peer that goes ------------------------------------------------------------------------------- */

/* Answers that nobody can read any more take no room from others. */
TEST(a_large_answer_to_a_peer_that_has_gone)
{
	for (size_t i = 0; i < 2 * HS_UNSENT_BYTES / LARGE; i++) {
		int fd;
		struct hs_partial_request *a = whole(&fd);
		struct hs_transport *g = &a->transport;

		close(fd);
		assert_false(g->write(g, HS_SLICE("Status: 200 OK\r\n\r\n"), hs_slice(large, LARGE)));
		g->finish(g);
	}
	for (size_t i = 0; i < 2 * HS_UNSENT_BYTES / LARGE; i++) {
		int fd;
		bool sent = false;

		/* the poller may not have seen yet that the last one has gone */
		for (int tries = 0; !sent && tries < SOON_MS / 10; tries++) {
			sent = answer_large(&fd);
			close(fd);
			hs_io_pause(sent ? 0 : 10);
		}
		assert_true(sent);
	}
}

TEST(an_answer_of_nothing_is_none)
{
	int fd;
	struct hs_partial_request *a = whole(&fd);

	assert_false(a->transport.write(&a->transport, HS_SLICE(""), HS_SLICE("")));
	a->transport.free(&a->transport);
	assert_int_equal(heard_bytes(fd), 0);
}

/* Waits until the poller has read all that was said, or has closed the connection. */
static void wait_for_poller(int fd)
{
	int left = 1;

	for (int i = 0; i < SOON_MS && left > 0 && !is_closed(fd, 1); i++)
		assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
}

/* It asks for values, and asks again instead of reading them: less at once than would break a rule. */
TEST(a_peer_that_does_not_read_replies_is_not_waited_for)
{
	static const char get_values[] = "\1\11\0\0\0\21\0\0\17\0FCGI_MPXS_CONNS";
	struct hs_buf asked = { 0 };
	int ends[2], least = 1, i, fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
	for (i = 0; i < 100; i++)
		hs_buf_put(&asked, get_values, sizeof get_values - 1);
	said_begin(HS_LOG_INFO);
	assert_null(hs_partial_poller_enter(s.arrivals, ends[1]));
	for (i = 0; i < 1000 && send(ends[0], asked.p, asked.n, MSG_NOSIGNAL) > 0; i++)
		wait_for_poller(ends[0]);
	assert_in_range(i, 1, 999);
	assert_null(strstr(said_end(), "break FastCGI's rules"));
	hs_buf_free(&asked);
	close(ends[0]);
	answer(whole(&fd));
	check_answer(fd);
}

/* It goes without having read a reply, which makes the kernel tell of a reset. */
TEST(a_peer_that_resets_the_connection)
{
	static const char get_values[] = "\1\11\0\0\0\21\0\0\17\0FCGI_MPXS_CONNS";
	size_t before = unit_descriptors();
	struct hs_partial_request *a;
	int fd = connected(&a, NULL, NULL);
	struct pollfd reply = { .fd = fd, .events = POLLIN };

	assert_null(a);
	say(fd, hs_slice(get_values, sizeof get_values - 1));
	assert_int_equal(poll(&reply, 1, SOON_MS), 1);
	close(fd);
	while (unit_descriptors() != before)
		hs_io_pause(1);
	assert_null(hs_partial_poller_next(s.arrivals));
}

TESTS("partial_faults", peer_begin, peer_end)
