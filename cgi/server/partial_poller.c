#include "cgi/server/partial_poller.h"
#include "base/io.h"
#include "base/log.h"
#include "cgi/http/exchange.h"
#include "cgi/server/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	TURN_BYTES = 256 << 10,   /* read from one connection before the next one's turn */
	MOMENT_MS = 1,            /* the thread that accepts waits this long for more, again and again … */
	MOMENTS_MS = 5,           /* … but at most this long in all */
	TICK_MS = 100,            /* how often time limits are checked */
	UNKNOWN_LEAST = 64 << 20, /* bytes that unknown senders may hold; more if the largest bodies need it */
	UNKNOWN_BODIES = 4,       /* namely this many of the largest bodies */
	MOST = 4096,
	STACK_BYTES = 256 << 10,
};

struct hs_partial_poller {
	hs_use_runtime *use;
	void *context;
	int most, threads;
	struct hs_room room;
	int epoll_fd, wake_fd, ready_fd;
	pthread_t thread;

	/* only for the polling thread: the requests that it polls, the oldest first */
	struct hs_partial_request *first, *last;
	int n;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	struct hs_partial_request *entering, **entering_end; /* on their way to the polling thread */
	struct hs_partial_request *ready, **ready_end;
	int open;       /* requests still to be answered or closed: entering, polled or ready */
	int64_t end_ms; /* when all must be ready; 0: no stop was requested */
	bool quit;
	_Atomic int ready_n;
};

/* --- to and from the poller -------------------------------------------------- */

static void signal_fd(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof one); /* it fails only if the counter is full, and then its reader is awake */
}

static void send_to_poller(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	partial->next = NULL;
	pthread_mutex_lock(&poller->lock);
	*poller->entering_end = partial;
	poller->entering_end = &partial->next;
	poller->open += !partial->answered;
	pthread_mutex_unlock(&poller->lock);
	signal_fd(poller->wake_fd);
}

static void leave_rest(void *poller, struct hs_partial_request *partial)
{
	send_to_poller(poller, partial);
}

static void queue(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	partial->next = NULL;
	pthread_mutex_lock(&poller->lock);
	*poller->ready_end = partial;
	poller->ready_end = &partial->next;
	atomic_fetch_add(&poller->ready_n, 1);
	pthread_cond_signal(&poller->changed);
	signal_fd(poller->ready_fd); /* under the lock: the thread that takes it also takes the signal */
	pthread_mutex_unlock(&poller->lock);
}

/* Needs the lock. */
static struct hs_partial_request *take_ready(struct hs_partial_poller *poller)
{
	struct hs_partial_request *partial = poller->ready;
	uint64_t one;

	if (partial == NULL)
		return NULL;
	poller->ready = partial->next;
	if (poller->ready == NULL)
		poller->ready_end = &poller->ready;
	atomic_fetch_sub(&poller->ready_n, 1);
	poller->open--;
	if (poller->open == 0)
		pthread_cond_broadcast(&poller->changed);
	(void)!read(poller->ready_fd, &one, sizeof one);
	return partial;
}

struct hs_partial_request *hs_partial_poller_next(struct hs_partial_poller *poller)
{
	struct hs_partial_request *partial;

	if (atomic_load(&poller->ready_n) == 0)
		return NULL;
	pthread_mutex_lock(&poller->lock);
	partial = take_ready(poller);
	pthread_mutex_unlock(&poller->lock);
	return partial;
}

struct hs_partial_request *hs_partial_poller_last(struct hs_partial_poller *poller)
{
	struct hs_partial_request *partial;

	pthread_mutex_lock(&poller->lock);
	while (poller->ready == NULL && poller->open > 0)
		pthread_cond_wait(&poller->changed, &poller->lock);
	partial = take_ready(poller);
	pthread_mutex_unlock(&poller->lock);
	return partial;
}

int hs_partial_poller_fd(const struct hs_partial_poller *poller)
{
	return poller->ready_fd;
}

/* --- the polling thread ------------------------------------------------------- */

static bool link_in(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	struct epoll_event e = { .events = hs_partial_request_events(partial), .data.ptr = partial };

	if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, partial->fd, &e) < 0)
		return false;
	partial->next = NULL;
	partial->previous = poller->last;
	if (poller->last != NULL)
		poller->last->next = partial;
	else
		poller->first = partial;
	poller->last = partial;
	poller->n++;
	return true;
}

static void link_out(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, partial->fd, NULL);
	if (partial->previous != NULL)
		partial->previous->next = partial->next;
	else
		poller->first = partial->next;
	if (partial->next != NULL)
		partial->next->previous = partial->previous;
	else
		poller->last = partial->previous;
	poller->n--;
}

static void close_it(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	bool answered = partial->answered;

	hs_partial_request_free(partial);
	if (answered)
		return;
	pthread_mutex_lock(&poller->lock);
	poller->open--;
	if (poller->open == 0)
		pthread_cond_broadcast(&poller->changed);
	pthread_mutex_unlock(&poller->lock);
}

/* Moves a request to where its state belongs; `linked`: it is in the list of those polled. */
static void go_on(struct hs_partial_poller *poller, struct hs_partial_request *partial,
                  enum hs_partial_request_state state, bool linked)
{
	if (state == HS_PARTIAL_REQUEST_OPEN)
		return;
	if (linked)
		link_out(poller, partial);
	if (state == HS_PARTIAL_REQUEST_READY)
		queue(poller, partial);
	else
		close_it(poller, partial);
}

static void end_one(struct hs_partial_poller *poller, struct hs_partial_request *partial, enum hs_result verdict)
{
	go_on(poller, partial, partial->answered ? HS_PARTIAL_REQUEST_GONE : hs_partial_request_end(partial, verdict),
	      true);
}

static uint64_t largest_body(const struct hs_settings *settings)
{
	bool direct = settings->sources > 0 && settings->max_sdk_body > settings->max_body;

	return (uint64_t)(direct ? settings->max_sdk_body : settings->max_body);
}

/* Room for four of the largest bodies of unknown senders, and for known ones four more than threads. */
static bool is_room(const struct hs_partial_poller *poller, const struct hs_settings *settings, bool known)
{
	uint64_t body = largest_body(settings), most = UNKNOWN_BODIES * body;

	if (known)
		return atomic_load(&poller->room.known) <= ((uint64_t)poller->threads + UNKNOWN_BODIES) * body;
	return atomic_load(&poller->room.unknown) <= (most > UNKNOWN_LEAST ? most : UNKNOWN_LEAST);
}

static void make_room(struct hs_partial_poller *poller, const struct hs_settings *settings, bool known)
{
	while (!is_room(poller, settings, known)) {
		struct hs_partial_request *largest = NULL;

		for (struct hs_partial_request *partial = poller->first; partial != NULL; partial = partial->next)
			if (!partial->answered && partial->known == known &&
			    (largest == NULL || partial->held > largest->held))
				largest = partial;
		if (largest == NULL || largest->held == 0)
			return; /* requests that are ready hold the room, and will be served */
		end_one(poller, largest, HS_E_CROWDED);
	}
}

/* Once the answer is sent, its socket is always writable. */
static void drop_one(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	uint32_t before = hs_partial_request_events(partial);
	enum hs_partial_request_state state = hs_partial_request_drop(partial);
	struct epoll_event e = { .events = hs_partial_request_events(partial), .data.ptr = partial };

	if (state == HS_PARTIAL_REQUEST_OPEN && e.events != before &&
	    epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, partial->fd, &e) < 0)
		state = HS_PARTIAL_REQUEST_GONE;
	go_on(poller, partial, state, true);
}

static void read_one(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	struct hs_runtime *runtime;
	enum hs_partial_request_state state;
	bool known;

	if (partial->answered) {
		drop_one(poller, partial);
		return;
	}
	runtime = poller->use(poller->context);
	state = hs_partial_request_read(partial, TURN_BYTES, runtime->settings, hs_io_now_monotonic());
	known = partial->known;
	go_on(poller, partial, state, true);
	make_room(poller, runtime->settings, known);
	hs_runtime_drop(runtime);
}

/*
 * Ends a connection whose rest is being dropped, or else the oldest. A newcomer that is already answered
 * ends only one of the former, because it must not cost an open request its place.
 */
static void make_place(struct hs_partial_poller *poller, const struct hs_partial_request *newcomer)
{
	struct hs_partial_request *victim = poller->first;

	while (victim != NULL && !victim->answered)
		victim = victim->next;
	if (victim == NULL && !newcomer->answered)
		victim = poller->first;
	if (victim == NULL)
		return;
	if (victim->params == NULL && !victim->answered)
		hs_log(HS_LOG_WARN, "connection closed: more than %d requests are unfinished", poller->most);
	end_one(poller, victim, HS_E_CROWDED);
}

static void take_in(struct hs_partial_poller *poller)
{
	struct hs_partial_request *partial, *next;
	uint64_t count;

	(void)!read(poller->wake_fd, &count, sizeof count);
	pthread_mutex_lock(&poller->lock);
	partial = poller->entering;
	poller->entering = NULL;
	poller->entering_end = &poller->entering;
	pthread_mutex_unlock(&poller->lock);
	for (; partial != NULL; partial = next) {
		next = partial->next;
		if (poller->n >= poller->most)
			make_place(poller, partial);
		if (partial->answered)
			partial->deadline_ms =
			    hs_io_now_monotonic() + (partial->unsent.n > 0 ? HS_UNSENT_MS : HS_REST_MS);
		if (!link_in(poller, partial))
			go_on(poller, partial, hs_partial_request_end(partial, HS_E_CROWDED), false);
	}
}

static void say_late(const struct hs_partial_request *partial)
{
	if (partial->params == NULL && !partial->answered)
		hs_log(HS_LOG_WARN, "connection closed: no whole request head in %d s", HS_HEAD_MS / 1000);
}

static void end_late(struct hs_partial_poller *poller)
{
	int64_t now = hs_io_now_monotonic(), end_ms;
	struct hs_partial_request *next;

	pthread_mutex_lock(&poller->lock);
	end_ms = poller->end_ms;
	pthread_mutex_unlock(&poller->lock);
	for (struct hs_partial_request *partial = poller->first; partial != NULL; partial = next) {
		next = partial->next;
		if (now <= partial->deadline_ms && (end_ms == 0 || now < end_ms))
			continue;
		say_late(partial);
		end_one(poller, partial, HS_E_SLOW_BODY);
	}
}

static bool is_quit(struct hs_partial_poller *poller)
{
	bool quit;

	pthread_mutex_lock(&poller->lock);
	quit = poller->quit;
	pthread_mutex_unlock(&poller->lock);
	return quit;
}

/* Takes one event at a time: handling it may end another request, whose event would then be stale. */
static void *poll_all(void *context)
{
	struct hs_partial_poller *poller = context;
	int64_t tick_ms = hs_io_now_monotonic() + TICK_MS;

	while (!is_quit(poller)) {
		struct epoll_event e;
		int got = epoll_wait(poller->epoll_fd, &e, 1, poller->n > 0 ? TICK_MS : -1);

		if (got > 0 && e.data.ptr == NULL)
			take_in(poller);
		else if (got > 0)
			read_one(poller, e.data.ptr);
		if (hs_io_now_monotonic() < tick_ms)
			continue;
		end_late(poller);
		tick_ms = hs_io_now_monotonic() + TICK_MS;
	}
	return NULL;
}

/* --- in the thread that accepted the connection ----------------------------------- */

/*
 * Most requests that do not arrive at once are on their way: a web server writes a buffered body as
 * fast as it is read. Handing them to the polling thread and back would cost more than waiting.
 */
static enum hs_partial_request_state read_moments(struct hs_partial_poller *poller, struct hs_partial_request *partial)
{
	struct hs_runtime *runtime = poller->use(poller->context);
	int64_t begun = hs_io_now_monotonic(), now = begun;
	enum hs_partial_request_state state = HS_PARTIAL_REQUEST_OPEN;

	while (state == HS_PARTIAL_REQUEST_OPEN && now - begun < MOMENTS_MS &&
	       is_room(poller, runtime->settings, partial->known)) {
		size_t before = partial->request.head.n + partial->request.body.n;

		state = hs_partial_request_read(partial, TURN_BYTES, runtime->settings, now);
		if (state == HS_PARTIAL_REQUEST_OPEN && before == partial->request.head.n + partial->request.body.n &&
		    now > begun)
			break;
		if (state == HS_PARTIAL_REQUEST_OPEN)
			hs_io_wait_readable(partial->fd, MOMENT_MS);
		now = hs_io_now_monotonic();
	}
	hs_runtime_drop(runtime);
	return state;
}

/* NULL: the connection was closed. */
static struct hs_partial_request *make_request(struct hs_partial_poller *poller, int fd)
{
	struct hs_partial_request *partial = hs_partial_request_new(fd, &poller->room, hs_io_now_monotonic());

	if (partial == NULL) {
		hs_log(HS_LOG_ERROR, "connection dropped: out of memory");
		close(fd);
		return NULL;
	}
	partial->leave_rest = leave_rest;
	partial->context = poller;
	return partial;
}

struct hs_partial_request *hs_partial_poller_enter(struct hs_partial_poller *poller, int fd)
{
	struct hs_partial_request *partial = make_request(poller, fd);
	enum hs_partial_request_state state;

	if (partial == NULL)
		return NULL;
	state = read_moments(poller, partial);
	if (state == HS_PARTIAL_REQUEST_READY)
		return partial;
	if (state == HS_PARTIAL_REQUEST_GONE)
		hs_partial_request_free(partial);
	else
		send_to_poller(poller, partial);
	return NULL;
}

bool hs_partial_poller_send(struct hs_partial_poller *poller, int fd, unsigned number, struct hs_slice head,
                            struct hs_slice body)
{
	struct hs_partial_request *partial = make_request(poller, fd);
	bool written;

	if (partial == NULL)
		return false;
	partial->request.state = HS_FCGI_WHOLE;
	partial->request.number = number;
	written = partial->transport.write(&partial->transport, head, body);
	partial->transport.finish(&partial->transport);
	return written;
}

/* --- setting up, and ending ------------------------------------------------------- */

int hs_partial_poller_wanted(int others)
{
	struct rlimit limit;
	int most = MOST;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)(MOST + others))
		most = (int)limit.rlim_cur - others;
	return most > 16 ? most : 16;
}

static bool begin(struct hs_partial_poller *poller)
{
	struct epoll_event e = { .events = EPOLLIN };

	poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	poller->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (poller->epoll_fd < 0 || poller->wake_fd < 0 || poller->ready_fd < 0 ||
	    epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, poller->wake_fd, &e) < 0)
		return false;
	return hs_thread_start(&poller->thread, STACK_BYTES, poll_all, poller);
}

static void free_all(struct hs_partial_poller *poller)
{
	if (poller->epoll_fd >= 0)
		close(poller->epoll_fd);
	if (poller->wake_fd >= 0)
		close(poller->wake_fd);
	if (poller->ready_fd >= 0)
		close(poller->ready_fd);
	pthread_cond_destroy(&poller->changed);
	pthread_mutex_destroy(&poller->lock);
	free(poller);
}

struct hs_partial_poller *hs_partial_poller_new(int most, int threads, hs_use_runtime *use, void *context)
{
	struct hs_partial_poller *poller = calloc(1, sizeof *poller);

	if (poller == NULL)
		return NULL;
	poller->use = use;
	poller->context = context;
	poller->most = most;
	poller->threads = threads;
	poller->ready_end = &poller->ready;
	poller->entering_end = &poller->entering;
	poller->epoll_fd = poller->wake_fd = poller->ready_fd = -1;
	pthread_mutex_init(&poller->lock, NULL);
	pthread_cond_init(&poller->changed, NULL);
	if (begin(poller))
		return poller;
	free_all(poller);
	return NULL;
}

void hs_partial_poller_stop(struct hs_partial_poller *poller, int64_t ms)
{
	pthread_mutex_lock(&poller->lock);
	poller->end_ms = hs_io_now_monotonic() + ms;
	pthread_mutex_unlock(&poller->lock);
	signal_fd(poller->wake_fd);
}

static void free_list(struct hs_partial_request *partial)
{
	struct hs_partial_request *next;

	for (; partial != NULL; partial = next) {
		next = partial->next;
		hs_partial_request_free(partial);
	}
}

void hs_partial_poller_free(struct hs_partial_poller *poller)
{
	if (poller == NULL)
		return;
	pthread_mutex_lock(&poller->lock);
	poller->quit = true;
	pthread_mutex_unlock(&poller->lock);
	signal_fd(poller->wake_fd);
	pthread_join(poller->thread, NULL);
	free_list(poller->first);
	free_list(poller->entering);
	free_list(poller->ready);
	free_all(poller);
}
