#include "cgi/server/serve_fcgi.h"
#include "base/io.h"
#include "base/log.h"
#include "cgi/http/router.h"
#include "cgi/server/accept.h"
#include "cgi/server/partial_poller.h"
#include "cgi/server/request_pool.h"
#include "cgi/server/runtime.h"
#include "cgi/server/sd_notify.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 250,       /* how often time limits are looked at */
	MAINTAIN_MS = 10000, /* how often sealed segments are looked after */
	LOOK_MS = 1000,      /* how often the shared state is, by a process that may be idle */
	STACK_BYTES = 256 << 10,
	REST_MS = 2000, /* a thread that has waited so long returns its buffers */
	LONG_MS = 3600000,
	LAST_MS = 1500,       /* for what is still being sent when we are to end: mod_fcgid kills after 3 s */
	LARGE_MOST = 8,       /* large bodies that are judged at once */
	OTHER_FDS = 64,       /* descriptors of all but connections, seats and threads */
	MAP_BYTES = 32 << 20, /* below this malloc keeps what is freed, until we trim it */
};

struct pool;

struct worker {
	struct pool *pool;
	pthread_t thread;
	struct hs_acceptor *acceptor;
	struct hs_scratch *scratch;
	struct hs_store_ops store;
	bool at_door;
};

struct pool {
	pthread_mutex_t lock; /* of `service` */
	struct hs_runtime *service;
	struct hs_request_pool *pool;
	struct hs_partial_poller *arrivals;
	struct hs_hash_budget unverified;
	struct worker *worker;
	int workers, started;
	int listen_fd, stop_fd;
	struct hs_semaphore *large;
	struct hs_semaphore *door;  /* inside: threads that wait for connections, and will soon again */
	struct hs_sd_notify notify; /* of the thread that ticks */
	pthread_t maintainer;
	_Atomic bool stopping;
	_Atomic uint32_t nudge;    /* 1 wakes the maintainer to stop */
	_Atomic uint32_t finished; /* 1: every worker has ended */
};

/* --- settings that can be exchanged ----------------------------------------- */

static struct hs_runtime *use_service(struct pool *p)
{
	struct hs_runtime *s;

	pthread_mutex_lock(&p->lock);
	s = hs_runtime_share(p->service);
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void log_demand(const char *when, const struct hs_settings *settings)
{
	hs_log(HS_LOG_INFO, "%s: a sender must show %s%s", when, hs_settings_demand(settings),
	       hs_settings_batch_demand(settings));
}

static void replace_service(struct pool *p, struct hs_settings *settings)
{
	struct hs_runtime *s = hs_runtime_new(settings), *old;

	if (s == NULL) {
		hs_log(HS_LOG_ERROR, "SIGHUP: out of memory: the old settings stay");
		hs_settings_free(settings);
		return;
	}
	pthread_mutex_lock(&p->lock);
	old = p->service;
	p->service = s;
	pthread_mutex_unlock(&p->lock);
	hs_runtime_drop(old);
	log_demand("SIGHUP: settings read again", settings);
}

/* --- the spool, as the story of a request knows it --------------------------- */

/*
 * Few threads wait for connections: a burst of them, which one could take as they come, would
 * wake as many threads. Who stays near the door must not wait for anything else; so before a
 * thread does, it lets another one come there.
 */
static void leave_door(struct worker *w)
{
	if (w->at_door)
		hs_semaphore_leave(w->pool->door);
	w->at_door = false;
}

static enum hs_result store_append(void *self, const struct hs_append *append)
{
	struct worker *w = self;

	leave_door(w);
	return hs_spool_append(w->store.spool, append);
}

static void store_post(void *self, struct hs_post *post)
{
	struct worker *w = self;
	struct hs_spool *spool = w->store.spool;

	if (!hs_spool_post(spool, post))
		return;
	leave_door(w);
	hs_spool_commit(spool);
}

static enum hs_result store_health(void *self)
{
	struct worker *w = self;

	leave_door(w);
	return hs_spool_health(w->store.spool);
}

/* --- threads ---------------------------------------------------------------- */

/*
 * Buffers of large bodies are used again by the next one: a megabyte that is returned to the
 * system and taken anew costs more than reading JSON from it. But when nothing comes for a
 * while, all is returned. By default glibc does neither: it learns thresholds on the way, and
 * keeps what threads free in arenas of their own.
 */
static void tune_malloc(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * MAP_BYTES);
	mallopt(M_ARENA_MAX, 1);
#endif
}

static void rest(struct worker *w)
{
	hs_scratch_rest(w->scratch);
	hs_request_pool_rest(w->pool->pool);
/* A sanitizer's malloc leaves glibc's as it was at the start, and two threads would set it up at once. */
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__
	malloc_trim(0);
#endif
}

static void serve_request(struct worker *w, struct hs_request_slot *slot, struct hs_transport *g)
{
	/* the seat may be left, and taken again, before we return */
	struct hs_runtime *service = use_service(w->pool);

	hs_request_slot_serve(slot, service);
	w->store.spool = service->spool;
	hs_exchange_from(slot->exchange, g);
	hs_serve(w->scratch, slot->exchange, service->settings);
	hs_runtime_drop(service);
}

/* What has not arrived whole may take time, if only to be judged: not at the door. */
static void serve_arrival(struct worker *w, struct hs_request_slot *slot, struct hs_partial_request *a)
{
	leave_door(w);
	serve_request(w, slot, &a->transport);
}

static void serve_connection(struct worker *w, struct hs_request_slot *slot, int fd)
{
	struct hs_partial_request *a;

	if (hs_transport_fcgi_is_whole(fd)) {
		if (hs_transport_fcgi_open(slot->transport, fd))
			serve_request(w, slot, slot->transport);
		else
			hs_request_slot_leave(slot);
		return;
	}
	leave_door(w);
	a = hs_partial_poller_enter(w->pool->arrivals, fd);
	if (a != NULL)
		serve_arrival(w, slot, a);
	else
		hs_request_slot_leave(slot);
}

/* Buffers are not held for ever by one who waits for ever. */
static void go_to_door(struct worker *w)
{
	int64_t wait_ms = REST_MS;

	while (!w->at_door) {
		w->at_door = hs_semaphore_enter(w->pool->door, hs_io_now_monotonic() + wait_ms);
		if (!w->at_door && wait_ms == REST_MS)
			rest(w);
		wait_ms = LONG_MS;
	}
}

/* Takes one that is ready, or else waits for a connection. Returns what hs_acceptor_next does. */
static int serve_next(struct worker *w, int idle_ms)
{
	struct hs_request_slot *slot = hs_request_pool_take(w->pool->pool);
	struct hs_partial_request *a = hs_partial_poller_next(w->pool->arrivals);
	int fd;

	if (a != NULL) {
		serve_arrival(w, slot, a);
		return HS_ACCEPT_AGAIN;
	}
	fd = hs_acceptor_next(w->acceptor, idle_ms);
	if (fd >= 0)
		serve_connection(w, slot, fd);
	else
		hs_request_slot_leave(slot);
	return fd;
}

/* We are to end: what has begun to arrive is still served, if that does not take long. */
static void serve_last(struct worker *w)
{
	struct hs_partial_request *a;

	while ((a = hs_partial_poller_last(w->pool->arrivals)) != NULL)
		serve_arrival(w, hs_request_pool_take(w->pool->pool), a);
}

static void *serve(void *context)
{
	struct worker *w = context;
	int idle_ms = REST_MS, heard;

	do {
		go_to_door(w);
		heard = serve_next(w, idle_ms);
		if (heard == HS_ACCEPT_IDLE)
			rest(w);
		idle_ms = heard == HS_ACCEPT_IDLE ? 0 : REST_MS;
	} while (heard != HS_ACCEPT_STOP);
	leave_door(w);
	serve_last(w);
	return NULL;
}

static int cores(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 1 ? (int)online : 1;
}

/* For large bodies. One more than there are cores: somebody is always waiting for the append lock. */
static int places(void)
{
	return cores() < LARGE_MOST ? cores() + 1 : LARGE_MOST;
}

/* For threads at the door. The other cores have web servers to serve. */
static int doors(void)
{
	return cores() > 1 ? cores() / 2 : 1;
}

static bool start_worker(struct pool *p, uint64_t seed)
{
	struct worker *w = &p->worker[p->started];
	pthread_attr_t attr;
	bool ok;

	w->pool = p;
	w->store = (struct hs_store_ops){ .self = w,
		                          .append = store_append,
		                          .post = store_post,
		                          .health = store_health,
		                          .count_answer = hs_spool_count_answer,
		                          .now = hs_io_now,
		                          .now_monotonic = hs_io_now_monotonic,
		                          .large = p->large,
		                          .unverified = &p->unverified };
	w->acceptor = hs_acceptor_new(p->listen_fd, p->stop_fd, hs_partial_poller_fd(p->arrivals), &p->stopping);
	w->scratch = hs_scratch_new(&w->store, seed);
	if (w->acceptor == NULL || w->scratch == NULL || pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	ok = pthread_create(&w->thread, &attr, serve, w) == 0;
	pthread_attr_destroy(&attr);
	p->started += ok;
	return ok;
}

static void stop_workers(struct pool *p)
{
	uint64_t one = 1;

	if (write(p->stop_fd, &one, sizeof one) != (ssize_t)sizeof one)
		hs_log(HS_LOG_ERROR, "stop: %s", strerror(errno));
	for (int i = 0; i < p->started; i++)
		pthread_join(p->worker[i].thread, NULL);
}

static void free_all(struct pool *p)
{
	for (int i = 0; p->worker != NULL && i < p->workers; i++) {
		hs_acceptor_free(p->worker[i].acceptor);
		hs_scratch_free(p->worker[i].scratch);
	}
	hs_partial_poller_free(p->arrivals);
	hs_request_pool_free(p->pool);
	free(p->worker);
}

/* --- maintenance ------------------------------------------------------------ */

static bool is_stopping(void *context)
{
	const struct pool *p = context;

	return atomic_load(&p->stopping);
}

/* A thread of its own: compressing a segment takes seconds. */
static void *look_after(void *context)
{
	struct pool *p = context;
	int64_t next_ms = hs_io_now_monotonic() + MAINTAIN_MS;

	while (!is_stopping(p)) {
		struct hs_retention_counts done;
		struct hs_runtime *s;
		int64_t left_ms = next_ms - hs_io_now_monotonic();

		hs_io_wait(&p->nudge, 0, left_ms < LOOK_MS ? left_ms : LOOK_MS);
		if (is_stopping(p))
			continue;
		s = use_service(p);
		hs_spool_look(s->spool);
		if (hs_io_now_monotonic() < next_ms) {
			hs_runtime_drop(s);
			continue;
		}
		hs_spool_maintain(s->spool, is_stopping, p, &done); /* it logs its errors */
		hs_runtime_drop(s);
		next_ms = hs_io_now_monotonic() + MAINTAIN_MS;
	}
	return NULL;
}

/* --- signals ---------------------------------------------------------------- */

static void ignore(int signal)
{
	(void)signal;
}

/*
 * Every thread has them blocked, and the main thread waits for them. libfcgi replaces
 * handlers that are default or ignored (OS_LibInit), so there must be some.
 */
static void block_signals(sigset_t *waited)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	static const int handled[] = { SIGPIPE, SIGUSR1, SIGTERM, SIGINT, SIGHUP };

	sigemptyset(waited);
	for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) {
		sigaction(handled[i], &action, NULL);
		if (handled[i] != SIGPIPE)
			sigaddset(waited, handled[i]);
	}
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), not the end */
	pthread_sigmask(SIG_BLOCK, waited, NULL);
}

static void tick(struct pool *p)
{
	int64_t now = hs_io_now_monotonic();

	hs_request_pool_expire(p->pool, now); /* if it is stuck, the watchdog hears no more */
	hs_sd_notify_alive(&p->notify, now);
	hs_log_flush();
}

static void reload_settings(struct pool *p, hs_reload *reload, void *context)
{
	struct hs_settings *settings;

	hs_sd_notify_reloading(&p->notify);
	settings = reload(context);
	if (settings != NULL)
		replace_service(p, settings);
	hs_sd_notify_ready(&p->notify);
}

static void wait_for_the_end(struct pool *p, const sigset_t *waited, hs_reload *reload, void *context)
{
	const struct timespec pause = { .tv_nsec = TICK_MS * 1000000L };

	for (;;) {
		int signal = sigtimedwait(waited, NULL, &pause);

		if (signal == SIGHUP)
			reload_settings(p, reload, context);
		else if (signal > 0)
			return;
		tick(p);
	}
}

/* Expires what is slow while the workers finish, too, and keeps the watchdog content. */
static void *tick_until_stopped(void *context)
{
	struct pool *p = context;

	while (atomic_load(&p->finished) == 0) {
		hs_io_wait(&p->finished, 0, TICK_MS);
		tick(p);
	}
	return NULL;
}

static void finish(struct pool *p)
{
	pthread_t ticker;
	bool ticking;

	ticking = pthread_create(&ticker, NULL, tick_until_stopped, p) == 0;

	atomic_store(&p->stopping, true);
	hs_partial_poller_stop(p->arrivals, LAST_MS);
	atomic_store(&p->nudge, 1);
	hs_io_wake(&p->nudge, 1);
	stop_workers(p);
	atomic_store(&p->finished, 1);
	hs_io_wake(&p->finished, 1);
	if (ticking)
		pthread_join(ticker, NULL);
	free_all(p); /* not earlier: the ticker looks at them */
}

static struct hs_runtime *service_of(void *context)
{
	return use_service(context);
}

static struct hs_partial_poller *make_arrivals(struct pool *p)
{
	int others = p->workers + hs_request_pool_wanted(p->workers) + OTHER_FDS;

	return hs_partial_poller_new(hs_partial_poller_wanted(others), p->workers, service_of, p);
}

static bool make_pool(struct pool *p, int listen_fd, struct hs_settings *settings)
{
	*p = (struct pool){ .lock = PTHREAD_MUTEX_INITIALIZER,
		            .workers = (int)settings->threads,
		            .listen_fd = listen_fd };
	p->service = hs_runtime_new(settings);
	p->worker = calloc((size_t)p->workers, sizeof *p->worker);
	p->large = hs_semaphore_new(places());
	p->door = hs_semaphore_new(doors());
	p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	if (!hs_transport_fcgi_init())
		return false;
	p->pool = hs_request_pool_new(hs_request_pool_wanted(p->workers));
	p->arrivals = make_arrivals(p);
	return p->service != NULL && p->worker != NULL && p->large != NULL && p->door != NULL && p->stop_fd >= 0 &&
	       p->pool != NULL && p->arrivals != NULL;
}

int hs_serve_fcgi(int listen_fd, struct hs_settings *settings, hs_reload *reload, void *context)
{
	struct pool p;
	uint64_t seed = hs_io_random();
	sigset_t waited;
	bool ok = true, maintained;

	tune_malloc();
	block_signals(&waited);
	if (!make_pool(&p, listen_fd, settings)) {
		hs_log(HS_LOG_ERROR, "start: out of memory or descriptors");
		free_all(&p);
		return EX_OSERR;
	}
	log_demand("start", settings);
	hs_sd_notify_open(&p.notify);
	while (ok && p.started < p.workers)
		ok = start_worker(&p, seed);
	if (!ok)
		hs_log(HS_LOG_ERROR, "start: thread %d of %d: lower threads, or raise the limits", p.started + 1,
		       p.workers);
	maintained = p.started > 0 && pthread_create(&p.maintainer, NULL, look_after, &p) == 0;
	if (p.started > 0) {
		hs_sd_notify_ready(&p.notify);
		wait_for_the_end(&p, &waited, reload, context);
	}
	hs_sd_notify_stopping(&p.notify);
	finish(&p);
	if (maintained)
		pthread_join(p.maintainer, NULL);
	hs_runtime_drop(p.service);
	hs_sd_notify_close(&p.notify);
	hs_semaphore_free(p.large);
	hs_semaphore_free(p.door);
	close(p.stop_fd);
	return ok || p.started > 0 ? 0 : EX_OSERR;
}
