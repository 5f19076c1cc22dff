/* partial_poller: requests that come in pieces, and those that never end. */
#include "tests/lib/fcgi_peer.h"
#include "tests/lib/said.h"
#include "tests/lib/wrap.h"

/* --- tests --------------------------------------------------------------------------- */

TEST(in_pieces)
{
	struct hs_partial_request *a;
	int fd = connected(&a, NULL, NULL);
	char *const *p;

	assert_null(a);
	assert_null(hs_partial_poller_next(s.arrivals));
	say_head(fd, "4", SHAPED);
	hs_io_pause(20);
	say_body(fd, "[]");
	hs_io_pause(20);
	assert_null(hs_partial_poller_next(s.arrivals));
	say_body(fd, "  ");
	say_body(fd, "");
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_OK);
	p = a->transport.params(&a->transport);
	assert_string_equal(p[0], "REQUEST_METHOD=POST");
	assert_string_equal(p[1], "CONTENT_LENGTH=4");
	assert_string_equal(p[2], "HTTP_X_SIGNATURE=" SHAPED);
	assert_null(p[3]);
	assert_slice_equal(hs_buf_slice(a->transport.body), HS_SLICE("[]  "));
	answer(a);
	check_answer(fd);
	assert_null(hs_partial_poller_next(s.arrivals));
}

/* If all of it is there, the accepting thread serves it. */
TEST(at_once)
{
	int fd;
	struct hs_partial_request *a = whole(&fd);

	assert_true(a->transport.reads_past_length); /* so a body that goes on after CONTENT_LENGTH is refused */
	answer(a);
	check_answer(fd);
}

/* A late answer: the peer sees its end, while another thread may still read the request's strings. */
TEST(a_closed_answer_keeps_the_strings)
{
	int fd;
	struct hs_partial_request *a = whole(&fd);
	struct hs_transport *g = &a->transport;
	char *const *p = g->params(g);
	struct pollfd end;

	assert_true(g->write(g, HS_SLICE("Status: 200 OK\r\n\r\n"), HS_SLICE("{}")));
	g->close_answer(g);
	end = (struct pollfd){ .fd = fd, .events = POLLRDHUP };
	assert_int_equal(poll(&end, 1, SOON_MS), 1);
	check_answer(fd);
	assert_string_equal(p[0], "REQUEST_METHOD=POST");
	g->finish(g);
}

/* The rest of the body is read and dropped: a web server that cannot write it takes that for a failure. */
TEST(refused_by_the_head)
{
	static const char part[1000] = "";
	struct hs_partial_request *a;
	int fd = connected(&a, "33000000", NULL);

	assert_non_null(a);
	assert_int_equal(a->transport.verdict, HS_E_NO_SIGNATURE);
	answer(a);
	for (int i = 0; i < BIG; i += (int)sizeof part)
		say(fd, hs_slice(part, sizeof part));
	shutdown(fd, SHUT_WR);
	check_answer(fd);
}

/*
 * A peer that goes on sending after the answer is read for a while, then cut off. The poller may be late to take the
 * connection, and counts from then: so the clock goes on until it is closed.
 */
TEST(a_refused_body_without_an_end)
{
	struct hs_partial_request *a;
	int fd = connected(&a, "33000000", NULL);

	assert_non_null(a);
	answer(a);
	hs_io_pause(300); /* by then the poller mostly has it */
	wrap_clock(0, HS_REST_MS / 2);
	for (int i = 0; i < 30; i++) {
		say(fd, HS_SLICE("x"));
		hs_io_pause(10);
	}
	for (int i = 1; i < SOON_MS / 10 && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++) {
		wrap_clock(0, (int64_t)i * (HS_REST_MS + 1000));
		hs_io_pause(10);
	}
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	wrap_reset();
	close(fd);
}

/* The rest of a refused body gets less time than an answer that the peer is slow to read. */
TEST(a_rest_has_its_own_limit)
{
	struct hs_partial_request *a;
	int fd = connected(&a, "33000000", NULL);
	int64_t begun = hs_io_now_monotonic();

	assert_non_null(a);
	answer(a);
	say(fd, HS_SLICE("x"));
	taken_in(fd);
	wrap_clock(0, HS_REST_MS + 1000);
	for (int i = 0; i < SOON_MS / 10 && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++)
		hs_io_pause(10);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_in_range(hs_io_now_monotonic() - begun, HS_REST_MS, HS_UNSENT_MS - 1);
	wrap_reset();
	close(fd);
}

/* The clock goes on until it is closed, as above. */
TEST(a_large_answer_that_is_not_read)
{
	bool closed = false;
	int fd;

	assert_true(answer_large(&fd));
	hs_io_pause(300);                    /* as above */
	wrap_clock(0, HS_UNSENT_MS - 10000); /* a busy machine has ten seconds for this */
	assert_false(is_closed(fd, 300));
	for (int i = 1; i < SOON_MS / 100 && !closed; i++) {
		wrap_clock(0, (int64_t)i * (HS_UNSENT_MS + 1000));
		closed = is_closed(fd, 100);
	}
	wrap_reset();
	assert_true(closed);
	assert_in_range(heard_bytes(fd), 1, LARGE);
}

TEST(more_large_answers_than_may_wait)
{
	int fd[HS_UNSENT_BYTES / LARGE + 1];
	size_t n = 0;

	while (n < HS_UNSENT_BYTES / LARGE && answer_large(&fd[n]))
		n++;
	if (n == HS_UNSENT_BYTES / LARGE)
		assert_false(answer_large(&fd[n]));
	assert_in_range(n, 2, HS_UNSENT_BYTES / LARGE);
	assert_int_equal(heard_bytes(fd[n]), 0); /* it is not sent at all */
	assert_true(heard_bytes(fd[0]) > LARGE);
	assert_true(answer_large(&fd[0]));
	for (size_t i = 0; i < n; i++)
		assert_true(heard_bytes(fd[i]) > LARGE);
}

TEST(a_peer_that_goes)
{
	struct hs_partial_request *a;
	int fd = connected(&a, "10", SHAPED);

	assert_null(a);
	say_body(fd, "[");
	shutdown(fd, SHUT_WR);
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_E_SHORT_BODY);
	answer(a);
	check_answer(fd);
}

TEST(a_peer_that_does_not_speak_fastcgi)
{
	struct hs_partial_request *a;
	struct hs_buf b;
	int fd = connected(&a, NULL, NULL);

	assert_null(a);
	say(fd, HS_SLICE("GET / HTTP/1.0\r\n\r\n"));
	b = heard(fd);
	assert_int_equal(b.n, 0);
	close(fd);
}

/* The oldest goes: it has had the most time. */
TEST(too_many)
{
	struct hs_partial_request *a;
	int fd[MOST + 1];

	for (int i = 0; i <= MOST; i++) {
		fd[i] = connected(&a, "10", SHAPED);
		assert_null(a);
		hs_io_pause(5);
	}
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_E_CROWDED);
	answer(a);
	shutdown(fd[0], SHUT_WR);
	check_answer(fd[0]);
	assert_null(hs_partial_poller_next(s.arrivals));
	say_body(fd[1], "0123456789");
	say_body(fd[1], "");
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_OK);
	answer(a);
	check_answer(fd[1]);
	for (int i = 2; i <= MOST; i++)
		close(fd[i]);
}

/* A request whose rest is being dropped has been answered, so its end costs nobody anything. */
TEST(one_that_is_answered_goes_before_the_oldest)
{
	struct hs_partial_request *a;
	int oldest = connected(&a, "10", SHAPED), answered, fd[MOST - 1];

	said_begin(HS_LOG_WARN);
	answered = connected(&a, "33000000", NULL);
	assert_non_null(a);
	answer(a);
	for (int i = 0; i < MOST - 1; i++)
		fd[i] = connected(&a, NULL, NULL);
	assert_true(is_closed(answered, SOON_MS));
	assert_null(strstr(said_end(), "connection closed: more than"));
	assert_null(hs_partial_poller_next(s.arrivals));
	say_body(oldest, "0123456789");
	say_body(oldest, "");
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_OK);
	answer(a);
	check_answer(oldest);
	close(answered);
	for (int i = 0; i < MOST - 1; i++)
		close(fd[i]);
}

TEST(one_that_is_answered_takes_no_place)
{
	struct hs_partial_request *a;
	int fd[MOST], answered;

	for (int i = 0; i < MOST; i++)
		fd[i] = connected(&a, "10", SHAPED);
	answered = connected(&a, "33000000", NULL);
	assert_non_null(a);
	answer(a);
	say_body(answered, "x");
	taken_in(answered);
	assert_null(hs_partial_poller_next(s.arrivals));
	close(answered);
	for (int i = 0; i < MOST; i++)
		close(fd[i]);
}

enum { BODIES = 8 }; /* there is room for six of a server's */

static void take_settings(const char *text)
{
	struct hs_settings_error error;

	hs_settings_free(s.service.settings);
	s.service.settings = hs_settings_new("test.conf", hs_slice_str(text), NULL, &error);
	assert_non_null(s.service.settings);
}

/* Bodies of a megabyte, of which nearly all has come. */
static void begin_bodies(int fd[static BODIES])
{
	static const char part[64000];
	struct hs_buf record = { 0 };
	struct hs_partial_request *a;

	put_record(&record, 5, hs_slice(part, sizeof part));
	for (int i = 0; i < BODIES; i++) {
		fd[i] = connected(&a, "1048576", NULL);
		assert_null(a);
		for (int j = 0; j < 16; j++)
			say(fd[i], hs_buf_slice(&record));
	}
	hs_buf_free(&record);
}

/* Without sources no browser can send, so what browsers may send is no reason to hold more. */
TEST(the_largest_body_that_can_come_sets_the_room)
{
	struct hs_partial_request *a;
	int fd[BODIES], stranger, refused;

	take_settings("spool_dir = /nowhere\nauth = none\nmax_body = 1M\nmax_sdk_body = 10M\n");
	stranger = connected(&a, NULL, NULL); /* neither of these holds any of it */
	assert_null(a);
	refused = connected(&a, "33000000", NULL);
	assert_non_null(a);
	answer(a);
	begin_bodies(fd);
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_E_CROWDED);
	answer(a);
	assert_false(is_closed(stranger, 0));
	close(stranger);
	close(refused);
	for (int i = 0; i < BODIES; i++)
		close(fd[i]);
}

TEST(with_sources_there_is_room_for_what_browsers_send)
{
	int fd[BODIES];

	take_settings("spool_dir = /nowhere\nauth = none\nmax_body = 1M\nmax_sdk_body = 10M\n[sources]\nshop = KEY\n");
	begin_bodies(fd);
	for (int i = 0; i < BODIES; i++)
		taken_in(fd[i]);
	assert_null(hs_partial_poller_next(s.arrivals));
	for (int i = 0; i < BODIES; i++)
		close(fd[i]);
}

/* Announces a body for a path, and sends its first byte. */
static int body_begun(const char *path, const char *length, struct hs_partial_request **ready)
{
	struct hs_buf b = { 0 }, pairs = { 0 };
	int fd = connected(ready, NULL, NULL);

	put_record(&b, 1, hs_slice("\0\1\0\0\0\0\0", 8));
	put_pair(&pairs, "REQUEST_METHOD", "POST");
	put_pair(&pairs, "PATH_INFO", path);
	put_pair(&pairs, "CONTENT_TYPE", "application/x-www-form-urlencoded");
	put_pair(&pairs, "CONTENT_LENGTH", length);
	put_record(&b, 4, hs_buf_slice(&pairs));
	put_record(&b, 4, HS_SLICE(""));
	put_record(&b, 5, HS_SLICE("p"));
	say(fd, hs_buf_slice(&b));
	hs_buf_free(&pairs);
	hs_buf_free(&b);
	return fd;
}

/* Sends a body of two bytes, of which `last` is the second. */
static void is_of_an_unknown_sender(const char *path, const char *last)
{
	struct hs_partial_request *a;
	int fd = body_begun(path, "2", &a);

	assert_null(a);
	say_body(fd, last);
	say_body(fd, "");
	a = next_ready();
	assert_int_equal(a->transport.verdict, HS_OK);
	assert_false(a->known);
	answer(a);
	check_answer(fd);
}

/* Anybody can send one, so it must not take the room of those whose keys are known, nor be as long as their bodies. */
TEST(a_form_of_the_console_is_of_an_unknown_sender)
{
	static const char settings[] = "spool_dir = /nowhere\nauth = none\nconsole_password = scrypt:15:8:1:"
				       "00112233445566778899aabbccddeeff:00112233445566778899aabbccddeeff"
				       "00112233445566778899aabbccddeeff\n";
	struct hs_settings_error error;
	struct hs_partial_request *a;
	int fd;

	hs_settings_free(s.service.settings);
	s.service.settings = hs_settings_new("test.conf", HS_SLICE(settings), NULL, &error);
	assert_non_null(s.service.settings);
	is_of_an_unknown_sender("/console/login", "=");
	fd = body_begun("/console/login", "8193", &a);
	a = next_ready(); /* long before its end */
	assert_int_equal(a->transport.verdict, HS_E_TOO_LARGE);
	answer(a);
	shutdown(fd, SHUT_WR);
	check_answer(fd);
}

/* The figures that a library sends about itself have no key in their head. */
TEST(figures_of_a_library_are_of_an_unknown_sender)
{
	struct hs_settings_error error;

	hs_settings_free(s.service.settings);
	s.service.settings =
	    hs_settings_new("test.conf", HS_SLICE("spool_dir = /nowhere\n[sources]\nshop = KEY\n"), NULL, &error);
	assert_non_null(s.service.settings);
	is_of_an_unknown_sender("/v1/m", "}");
}

/* Without a head there can be no answer, so the log says why the connection was closed; others get an answer. */
TEST(too_many_without_a_head)
{
	static const char why[] = "connection closed: more than 16 requests are unfinished";
	struct hs_partial_request *a;
	int fd[MOST + 2];

	said_begin(HS_LOG_WARN);
	for (int i = 0; i < MOST + 2; i++) {
		fd[i] = connected(&a, i == 1 ? "10" : NULL, SHAPED);
		assert_null(a);
		hs_io_pause(5);
		if (i == MOST) { /* the first, without a head */
			assert_int_equal(heard_bytes(fd[0]), 0);
			assert_non_null(strstr(said_end(), why));
			said_begin(HS_LOG_WARN);
		}
	}
	a = next_ready(); /* the second */
	assert_int_equal(a->transport.verdict, HS_E_CROWDED);
	answer(a);
	assert_null(strstr(said_end(), why));
	for (int i = 1; i < MOST + 2; i++)
		close(fd[i]);
}

static void *free_poller(void *poller)
{
	hs_partial_poller_free(poller);
	return NULL;
}

/* A web server must not wait for a connection that the poller has not taken yet. */
TEST(the_end_closes_newcomers)
{
	struct hs_partial_request *a;
	int open = connected(&a, "10", SHAPED), newcomer;
	pthread_t freeing;

	assert_null(a);
	hs_io_pause(50);
	atomic_store(&waits, false);
	pthread_mutex_lock(&held);
	say_body(open, "[");
	for (int i = 0; i < SOON_MS / 10 && !atomic_load(&waits); i++)
		hs_io_pause(10);
	assert_true(atomic_load(&waits));
	newcomer = connected(&a, NULL, NULL);
	assert_int_equal(pthread_create(&freeing, NULL, free_poller, s.arrivals), 0);
	hs_io_pause(50); /* mostly enough for it to say that all ends */
	pthread_mutex_unlock(&held);
	pthread_join(freeing, NULL);
	s.arrivals = NULL;
	assert_true(is_closed(open, 0));
	assert_true(is_closed(newcomer, 0));
	close(open);
	close(newcomer);
}

/* On shutdown, open requests get a moment to finish, and an answer. */
TEST(a_shutdown)
{
	struct hs_partial_request *a;
	int fd = connected(&a, "10", SHAPED), silent = connected(&a, NULL, NULL);
	int64_t begun = hs_io_now_monotonic();

	hs_partial_poller_stop(s.arrivals, 300);
	a = hs_partial_poller_last(s.arrivals);
	assert_non_null(a);
	assert_true(hs_io_now_monotonic() - begun >= 300);
	assert_int_equal(a->transport.verdict, HS_E_SLOW_BODY);
	answer(a);
	assert_null(hs_partial_poller_last(s.arrivals));
	check_answer(fd);
	close(silent);
}

TEST(a_body_that_does_not_come)
{
	int64_t begun = hs_io_now_monotonic();
	struct hs_partial_request *a;
	int fd = connected(&a, "10", SHAPED);

	assert_null(a);
	a = next_ready();
	assert_in_range(hs_io_now_monotonic() - begun, HS_BODY_MS - 1000, 3 * HS_BODY_MS);
	assert_int_equal(a->transport.verdict, HS_E_SLOW_BODY);
	answer(a);
	shutdown(fd, SHUT_WR);
	check_answer(fd);
}

TESTS("partial_poller", peer_begin, peer_end)
