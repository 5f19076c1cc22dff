#include "cgi/server/partial_poller.h"
#include "base/io.h"
#include "base/log.h"
#include "cgi/http/exchange.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	TURN_BYTES = 256 << 10,   /* read from one before it is the next one's turn */
	MOMENT_MS = 1,            /* whoever accepts waits so long for more, again and again … */
	MOMENTS_MS = 5,           /* … but not longer than this altogether */
	TICK_MS = 100,            /* how often time limits are looked at */
	UNKNOWN_LEAST = 64 << 20, /* bytes that senders unknown may hold; more if max_body needs it */
	UNKNOWN_BODIES = 4,       /* that many of the largest */
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

	/* the poller's: those it polls, the oldest first */
	struct hs_partial_request *first, *last;
	int n;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct hs_partial_request *entering, **entering_end; /* on their way to the poller */
	struct hs_partial_request *ready, **ready_end;
	int open;       /* that are still to be answered, or closed: entering, polled or ready */
	int64_t end_ms; /* 0: we are not to end */
	bool quit;
	_Atomic int ready_n;
};

/* --- to and from the poller -------------------------------------------------- */

static void signal_fd(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof one); /* it fails only if the other end has much to read already */
}

static void send_to_poller(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	a->next = NULL;
	pthread_mutex_lock(&as->lock);
	*as->entering_end = a;
	as->entering_end = &a->next;
	as->open += !a->answered;
	pthread_mutex_unlock(&as->lock);
	signal_fd(as->wake_fd);
}

static void leave_rest(void *as, struct hs_partial_request *a)
{
	send_to_poller(as, a);
}

static void queue(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	a->next = NULL;
	pthread_mutex_lock(&as->lock);
	*as->ready_end = a;
	as->ready_end = &a->next;
	atomic_fetch_add(&as->ready_n, 1);
	pthread_cond_signal(&as->changed);
	signal_fd(as->ready_fd); /* under the lock: whoever takes it takes the signal, too */
	pthread_mutex_unlock(&as->lock);
}

/* Under the lock. */
static struct hs_partial_request *take_ready(struct hs_partial_poller *as)
{
	struct hs_partial_request *a = as->ready;
	uint64_t one;

	if (a == NULL)
		return NULL;
	as->ready = a->next;
	if (as->ready == NULL)
		as->ready_end = &as->ready;
	atomic_fetch_sub(&as->ready_n, 1);
	as->open--;
	if (as->open == 0)
		pthread_cond_broadcast(&as->changed);
	(void)!read(as->ready_fd, &one, sizeof one);
	return a;
}

struct hs_partial_request *hs_partial_poller_next(struct hs_partial_poller *as)
{
	struct hs_partial_request *a;

	if (atomic_load(&as->ready_n) == 0)
		return NULL;
	pthread_mutex_lock(&as->lock);
	a = take_ready(as);
	pthread_mutex_unlock(&as->lock);
	return a;
}

struct hs_partial_request *hs_partial_poller_last(struct hs_partial_poller *as)
{
	struct hs_partial_request *a;

	pthread_mutex_lock(&as->lock);
	while (as->ready == NULL && as->open > 0)
		pthread_cond_wait(&as->changed, &as->lock);
	a = take_ready(as);
	pthread_mutex_unlock(&as->lock);
	return a;
}

int hs_partial_poller_fd(const struct hs_partial_poller *as)
{
	return as->ready_fd;
}

/* --- the poller --------------------------------------------------------------- */

static bool link_in(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = a };

	if (epoll_ctl(as->epoll_fd, EPOLL_CTL_ADD, a->fd, &e) < 0)
		return false;
	a->next = NULL;
	a->previous = as->last;
	if (as->last != NULL)
		as->last->next = a;
	else
		as->first = a;
	as->last = a;
	as->n++;
	return true;
}

static void link_out(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	epoll_ctl(as->epoll_fd, EPOLL_CTL_DEL, a->fd, NULL);
	if (a->previous != NULL)
		a->previous->next = a->next;
	else
		as->first = a->next;
	if (a->next != NULL)
		a->next->previous = a->previous;
	else
		as->last = a->previous;
	as->n--;
}

static void close_it(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	bool answered = a->answered;

	hs_partial_request_free(a);
	if (answered)
		return;
	pthread_mutex_lock(&as->lock);
	as->open--;
	if (as->open == 0)
		pthread_cond_broadcast(&as->changed);
	pthread_mutex_unlock(&as->lock);
}

/* Puts an arrival where its state says, whether it was in a list or not. */
static void go_on(struct hs_partial_poller *as, struct hs_partial_request *a, enum hs_partial_request_state state,
                  bool linked)
{
	if (state == HS_PARTIAL_REQUEST_OPEN)
		return;
	if (linked)
		link_out(as, a);
	if (state == HS_PARTIAL_REQUEST_READY)
		queue(as, a);
	else
		close_it(as, a);
}

static void end_one(struct hs_partial_poller *as, struct hs_partial_request *a, enum hs_result verdict)
{
	go_on(as, a, a->answered ? HS_PARTIAL_REQUEST_GONE : hs_partial_request_end(a, verdict), true);
}

/* For unknown senders four of the largest bodies; for known ones four more than there are threads. */
static bool is_room(const struct hs_partial_poller *as, const struct hs_settings *settings, bool known)
{
	uint64_t body = (uint64_t)settings->max_body, most = UNKNOWN_BODIES * body;

	if (known)
		return atomic_load(&as->room.known) <= ((uint64_t)as->threads + UNKNOWN_BODIES) * body;
	return atomic_load(&as->room.unknown) <= (most > UNKNOWN_LEAST ? most : UNKNOWN_LEAST);
}

static void make_room(struct hs_partial_poller *as, const struct hs_settings *settings, bool known)
{
	while (!is_room(as, settings, known)) {
		struct hs_partial_request *largest = NULL;

		for (struct hs_partial_request *a = as->first; a != NULL; a = a->next)
			if (!a->answered && a->known == known && (largest == NULL || a->batch > largest->batch))
				largest = a;
		if (largest == NULL || largest->batch == 0)
			return; /* those that are whole hold it, and will be served */
		end_one(as, largest, HS_E_CROWDED);
	}
}

static void read_one(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	struct hs_runtime *service;
	enum hs_partial_request_state state;
	bool known;

	if (a->answered) {
		go_on(as, a, hs_partial_request_drop(a), true);
		return;
	}
	service = as->use(as->context);
	state = hs_partial_request_read(a, TURN_BYTES, service->settings, hs_io_now_monotonic());
	known = a->known;
	go_on(as, a, state, true);
	make_room(as, service->settings, known);
	hs_runtime_drop(service);
}

/*
 * Those who still send what is dropped go first, then the oldest; but not for the sake of one who is
 * answered already, or one that had no place would cost another its own.
 */
static void make_place(struct hs_partial_poller *as, const struct hs_partial_request *newcomer)
{
	struct hs_partial_request *victim = as->first;

	while (victim != NULL && !victim->answered)
		victim = victim->next;
	if (victim == NULL && !newcomer->answered)
		victim = as->first;
	if (victim == NULL)
		return;
	if (victim->params == NULL && !victim->answered)
		hs_log(HS_LOG_WARN, "connection closed: more than %d are unfinished", as->most);
	end_one(as, victim, HS_E_CROWDED);
}

static void take_in(struct hs_partial_poller *as)
{
	struct hs_partial_request *a, *next;
	uint64_t count;

	(void)!read(as->wake_fd, &count, sizeof count);
	pthread_mutex_lock(&as->lock);
	a = as->entering;
	as->entering = NULL;
	as->entering_end = &as->entering;
	pthread_mutex_unlock(&as->lock);
	for (; a != NULL; a = next) {
		next = a->next;
		if (as->n >= as->most)
			make_place(as, a);
		if (a->answered)
			a->deadline_ms = hs_io_now_monotonic() + HS_REST_MS;
		if (!link_in(as, a))
			go_on(as, a, hs_partial_request_end(a, HS_E_CROWDED), false);
	}
}

static void say_late(const struct hs_partial_request *a)
{
	if (a->params == NULL && !a->answered)
		hs_log(HS_LOG_WARN, "connection closed: no whole request head in %d s", HS_HEAD_MS / 1000);
}

static void end_late(struct hs_partial_poller *as)
{
	int64_t now = hs_io_now_monotonic(), end_ms;
	struct hs_partial_request *next;

	pthread_mutex_lock(&as->lock);
	end_ms = as->end_ms;
	pthread_mutex_unlock(&as->lock);
	for (struct hs_partial_request *a = as->first; a != NULL; a = next) {
		next = a->next;
		if (now <= a->deadline_ms && (end_ms == 0 || now < end_ms))
			continue;
		say_late(a);
		end_one(as, a, HS_E_SLOW_BODY);
	}
}

static bool is_quit(struct hs_partial_poller *as)
{
	bool quit;

	pthread_mutex_lock(&as->lock);
	quit = as->quit;
	pthread_mutex_unlock(&as->lock);
	return quit;
}

/* One event at a time: what is done for one may end another, whose event would be a stale one. */
static void *poll_all(void *context)
{
	struct hs_partial_poller *as = context;
	int64_t tick_ms = hs_io_now_monotonic() + TICK_MS;

	while (!is_quit(as)) {
		struct epoll_event e;
		int got = epoll_wait(as->epoll_fd, &e, 1, as->n > 0 ? TICK_MS : -1);

		if (got > 0 && e.data.ptr == NULL)
			take_in(as);
		else if (got > 0)
			read_one(as, e.data.ptr);
		if (hs_io_now_monotonic() < tick_ms)
			continue;
		end_late(as);
		tick_ms = hs_io_now_monotonic() + TICK_MS;
	}
	return NULL;
}

/* --- in the hands of the thread that accepted it --------------------------------- */

/*
 * Much of what does not arrive at once is on its way: a web server writes a body that it has
 * buffered as fast as it is read. To give that away and take it back would cost more.
 */
static enum hs_partial_request_state read_moments(struct hs_partial_poller *as, struct hs_partial_request *a)
{
	struct hs_runtime *service = as->use(as->context);
	int64_t begun = hs_io_now_monotonic(), now = begun;
	enum hs_partial_request_state state = HS_PARTIAL_REQUEST_OPEN;

	while (state == HS_PARTIAL_REQUEST_OPEN && now - begun < MOMENTS_MS &&
	       is_room(as, service->settings, a->known)) {
		size_t before = a->request.head.n + a->request.body.n;

		state = hs_partial_request_read(a, TURN_BYTES, service->settings, now);
		if (state == HS_PARTIAL_REQUEST_OPEN && before == a->request.head.n + a->request.body.n && now > begun)
			break;
		if (state == HS_PARTIAL_REQUEST_OPEN)
			hs_io_wait_readable(a->fd, MOMENT_MS);
		now = hs_io_now_monotonic();
	}
	hs_runtime_drop(service);
	return state;
}

struct hs_partial_request *hs_partial_poller_enter(struct hs_partial_poller *as, int fd)
{
	struct hs_partial_request *a = hs_partial_request_new(fd, &as->room, hs_io_now_monotonic());
	enum hs_partial_request_state state;

	if (a == NULL) {
		hs_log(HS_LOG_ERROR, "connection dropped: out of memory");
		close(fd);
		return NULL;
	}
	a->leave_rest = leave_rest;
	a->context = as;
	state = read_moments(as, a);
	if (state == HS_PARTIAL_REQUEST_READY)
		return a;
	if (state == HS_PARTIAL_REQUEST_GONE)
		hs_partial_request_free(a);
	else
		send_to_poller(as, a);
	return NULL;
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

static bool begin(struct hs_partial_poller *as)
{
	struct epoll_event e = { .events = EPOLLIN };
	pthread_attr_t attr;
	bool ok;

	as->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	as->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	as->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (as->epoll_fd < 0 || as->wake_fd < 0 || as->ready_fd < 0 ||
	    epoll_ctl(as->epoll_fd, EPOLL_CTL_ADD, as->wake_fd, &e) < 0 || pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	ok = pthread_create(&as->thread, &attr, poll_all, as) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

static void free_all(struct hs_partial_poller *as)
{
	if (as->epoll_fd >= 0)
		close(as->epoll_fd);
	if (as->wake_fd >= 0)
		close(as->wake_fd);
	if (as->ready_fd >= 0)
		close(as->ready_fd);
	pthread_cond_destroy(&as->changed);
	pthread_mutex_destroy(&as->lock);
	free(as);
}

struct hs_partial_poller *hs_partial_poller_new(int most, int threads, hs_use_runtime *use, void *context)
{
	struct hs_partial_poller *as = calloc(1, sizeof *as);

	if (as == NULL)
		return NULL;
	as->use = use;
	as->context = context;
	as->most = most;
	as->threads = threads;
	as->ready_end = &as->ready;
	as->entering_end = &as->entering;
	as->epoll_fd = as->wake_fd = as->ready_fd = -1;
	pthread_mutex_init(&as->lock, NULL);
	pthread_cond_init(&as->changed, NULL);
	if (begin(as))
		return as;
	free_all(as);
	return NULL;
}

void hs_partial_poller_stop(struct hs_partial_poller *as, int64_t ms)
{
	pthread_mutex_lock(&as->lock);
	as->end_ms = hs_io_now_monotonic() + ms;
	pthread_mutex_unlock(&as->lock);
	signal_fd(as->wake_fd);
}

static void free_list(struct hs_partial_request *a)
{
	struct hs_partial_request *next;

	for (; a != NULL; a = next) {
		next = a->next;
		hs_partial_request_free(a);
	}
}

void hs_partial_poller_free(struct hs_partial_poller *as)
{
	if (as == NULL)
		return;
	pthread_mutex_lock(&as->lock);
	as->quit = true;
	pthread_mutex_unlock(&as->lock);
	signal_fd(as->wake_fd);
	pthread_join(as->thread, NULL);
	free_list(as->first);
	free_list(as->entering);
	free_list(as->ready);
	free_all(as);
}
