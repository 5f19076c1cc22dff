#include "cgi/server/serve_fcgi.h"
#include "base/io.h"
#include "base/log.h"
#include "cgi/http/router.h"
#include "cgi/server/accept.h"
#include "cgi/server/heap.h"
#include "cgi/server/partial_poller.h"
#include "cgi/server/request_pool.h"
#include "cgi/server/runtime.h"
#include "cgi/server/sd_notify.h"
#include "cgi/server/thread.h"
#include "schema/schema.h"

#include <errno.h>
#include <fcntl.h>
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
	TICK_MS = 250,         /* how often time limits are checked */
	MAINTAIN_MS = 10000,   /* how often sealed segments are maintained */
	SCHEMA_GAP_MS = 60000, /* how often the catalogue of events goes on … */
	SCHEMA_MOST_MS = 2000, /* … for this long at most */
	LOOK_MS = 1000,        /* how often an idle process looks at the shared state */
	STACK_BYTES = 256 << 10,
	REST_MS = 2000, /* a thread that has waited this long frees its buffers */
	LONG_MS = 3600000,
	LAST_MS = 1500, /* for requests that are still arriving at the stop: mod_fcgid kills after 3 s */
	LARGE_MOST = 8, /* large bodies that are validated at once */
	OTHER_FDS = 64, /* descriptors for everything but connections, slots and threads */
};

struct server;

struct worker {
	struct server *server;
	pthread_t thread;
	struct hs_acceptor *acceptor;
	struct hs_scratch *scratch;
	struct hs_store_ops store;
	bool at_door;
};

struct server {
	pthread_mutex_t lock; /* of `service` */
	struct hs_runtime *runtime;
	struct hs_request_pool *requests;
	struct hs_partial_poller *poller;
	struct hs_hash_budget unverified;
	struct worker *worker;
	int workers, started;
	int listen_fd, stop_fd;
	struct hs_semaphore *large;
	struct hs_semaphore *door;  /* inside: threads that wait for connections */
	struct hs_sd_notify notify; /* for the thread that ticks */
	struct hs_sandbox sandbox;
	pthread_t maintainer;
	_Atomic bool stopping;
	_Atomic uint32_t nudge;    /* 1 makes the maintainer stop */
	_Atomic uint32_t finished; /* 1: all workers have ended */
};

/* --- settings that can be replaced ------------------------------------------ */

static struct hs_runtime *use_runtime(struct server *server)
{
	struct hs_runtime *runtime;

	pthread_mutex_lock(&server->lock);
	runtime = hs_runtime_share(server->runtime);
	pthread_mutex_unlock(&server->lock);
	return runtime;
}

static void log_demand(const char *when, const struct hs_settings *settings)
{
	hs_log(HS_LOG_INFO, "%s: a sender must show %s%s", when, hs_settings_demand(settings),
	       hs_settings_batch_demand(settings));
}

static void replace_runtime(struct server *server, struct hs_settings *settings)
{
	struct hs_runtime *runtime = hs_runtime_new(settings), *old;

	if (runtime == NULL) {
		hs_log(HS_LOG_ERROR, "SIGHUP: out of memory: the old settings stay");
		hs_settings_free(settings);
		return;
	}
	pthread_mutex_lock(&server->lock);
	old = server->runtime;
	server->runtime = runtime;
	pthread_mutex_unlock(&server->lock);
	hs_runtime_drop(old);
	log_demand("SIGHUP: settings read again", settings);
}

/* --- the spool, as handlers use it ------------------------------------------- */

/*
 * Only a few threads, at the door, wait for connections: otherwise a burst that one thread could
 * serve would wake as many threads as it has connections. A thread at the door must not wait for
 * anything else, so it leaves before it does, and another one takes its place.
 */
static void leave_door(void *self)
{
	struct worker *worker = self;

	if (worker->at_door)
		hs_semaphore_leave(worker->server->door);
	worker->at_door = false;
}

static enum hs_result store_append(void *self, const struct hs_append *append)
{
	struct worker *worker = self;

	leave_door(worker);
	return hs_spool_append(worker->store.spool, append);
}

static enum hs_result store_suppresses(void *self, struct hs_slice record, bool *suppressed)
{
	struct worker *worker = self;

	leave_door(worker);
	return hs_spool_suppresses(worker->store.spool, record, suppressed);
}

static void store_post(void *self, struct hs_post *post)
{
	struct worker *worker = self;
	struct hs_spool *spool = worker->store.spool;

	if (!hs_spool_post(spool, post))
		return;
	leave_door(worker);
	hs_spool_commit(spool);
}

static enum hs_result store_health(void *self, bool *catching_up)
{
	struct worker *worker = self;

	leave_door(worker);
	return hs_spool_health(worker->store.spool, catching_up);
}

static void store_figures(void *self, enum hs_exposition format, struct hs_buf *out)
{
	struct worker *worker = self;

	leave_door(worker);
	hs_figures_put(hs_spool_settings(worker->store.spool), format, out);
}

/* Most often they are open, and nothing waits. */
static struct hs_rates *store_rates(void *self)
{
	struct worker *worker = self;
	struct hs_rates *rates = hs_spool_rates(worker->store.spool, false);

	if (rates != NULL)
		return rates;
	leave_door(worker);
	return hs_spool_rates(worker->store.spool, true);
}

/* --- threads ---------------------------------------------------------------- */

static void rest(struct worker *worker)
{
	hs_scratch_rest(worker->scratch);
	hs_request_pool_rest(worker->server->requests);
	hs_heap_trim();
}

static void serve_request(struct worker *worker, struct hs_request_slot *slot, struct hs_transport *transport)
{
	/* the slot may be left, and taken again, before this function returns */
	struct hs_runtime *runtime = use_runtime(worker->server);

	hs_request_slot_serve(slot, runtime);
	worker->store.spool = runtime->spool;
	hs_exchange_from(slot->exchange, transport);
	hs_serve(worker->scratch, slot->exchange, runtime->settings);
	hs_runtime_drop(runtime);
}

/* A request that did not arrive whole may take long to validate, so not at the door. */
static void serve_partial(struct worker *worker, struct hs_request_slot *slot, struct hs_partial_request *partial)
{
	leave_door(worker);
	serve_request(worker, slot, &partial->transport);
}

static void serve_connection(struct worker *worker, struct hs_request_slot *slot, int fd)
{
	struct hs_partial_request *partial;

	if (hs_transport_fcgi_is_whole(fd)) {
		if (hs_transport_fcgi_open(slot->transport, fd, worker->server->poller))
			serve_request(worker, slot, slot->transport);
		else
			hs_request_slot_leave(slot);
		return;
	}
	leave_door(worker);
	partial = hs_partial_poller_enter(worker->server->poller, fd);
	if (partial != NULL)
		serve_partial(worker, slot, partial);
	else
		hs_request_slot_leave(slot);
}

/* A thread that may wait for ever must not hold buffers meanwhile. */
static void go_to_door(struct worker *worker)
{
	int64_t wait_ms = REST_MS;

	while (!worker->at_door) {
		worker->at_door = hs_semaphore_enter(worker->server->door, hs_io_now_monotonic() + wait_ms);
		if (!worker->at_door && wait_ms == REST_MS)
			rest(worker);
		wait_ms = LONG_MS;
	}
}

/* Serves a partial request that is ready, or else waits for a connection. Returns as hs_acceptor_next. */
static int serve_next(struct worker *worker, int idle_ms)
{
	struct hs_request_slot *slot = hs_request_pool_take(worker->server->requests);
	struct hs_partial_request *partial = hs_partial_poller_next(worker->server->poller);
	int fd;

	if (partial != NULL) {
		serve_partial(worker, slot, partial);
		return HS_ACCEPT_AGAIN;
	}
	fd = hs_acceptor_next(worker->acceptor, idle_ms);
	if (fd >= 0)
		serve_connection(worker, slot, fd);
	else
		hs_request_slot_leave(slot);
	return fd;
}

/* At the stop: serves requests that have begun to arrive, if the rest comes soon. */
static void serve_last(struct worker *worker)
{
	struct hs_partial_request *partial;

	while ((partial = hs_partial_poller_last(worker->server->poller)) != NULL)
		serve_partial(worker, hs_request_pool_take(worker->server->requests), partial);
}

static void *serve(void *context)
{
	struct worker *worker = context;
	int idle_ms = REST_MS, heard;

	do {
		go_to_door(worker);
		heard = serve_next(worker, idle_ms);
		if (heard == HS_ACCEPT_IDLE)
			rest(worker);
		idle_ms = heard == HS_ACCEPT_IDLE ? 0 : REST_MS;
	} while (heard != HS_ACCEPT_STOP);
	leave_door(worker);
	serve_last(worker);
	return NULL;
}

static int cores(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 1 ? (int)online : 1;
}

/* Large bodies at once: one more than cores, because one is always waiting for the append lock. */
static int places(void)
{
	return cores() < LARGE_MOST ? cores() + 1 : LARGE_MOST;
}

/* Threads at the door: the web server needs the other cores. */
static int doors(void)
{
	return cores() > 1 ? cores() / 2 : 1;
}

static bool start_worker(struct server *server, uint64_t seed)
{
	struct worker *worker = &server->worker[server->started];

	worker->server = server;
	worker->store = (struct hs_store_ops){ .self = worker,
		                               .append = store_append,
		                               .post = store_post,
		                               .suppresses = store_suppresses,
		                               .health = store_health,
		                               .put_figures = store_figures,
		                               .step_aside = leave_door,
		                               .count_answer = hs_spool_count_answer,
		                               .count_refusal = hs_spool_count_refusal,
		                               .now = hs_io_now,
		                               .now_monotonic = hs_io_now_monotonic,
		                               .large = server->large,
		                               .unverified = &server->unverified,
		                               .rates = store_rates };
	worker->acceptor = hs_acceptor_new(server->listen_fd, server->stop_fd, hs_partial_poller_fd(server->poller),
	                                   &server->stopping);
	worker->scratch = hs_scratch_new(&worker->store, seed);
	if (worker->acceptor == NULL || worker->scratch == NULL ||
	    !hs_thread_start(&worker->thread, STACK_BYTES, serve, worker))
		return false;
	server->started++;
	return true;
}

static void stop_workers(struct server *server)
{
	uint64_t one = 1;

	if (write(server->stop_fd, &one, sizeof one) != (ssize_t)sizeof one)
		hs_log(HS_LOG_ERROR, "stop: %s", strerror(errno));
	for (int i = 0; i < server->started; i++)
		pthread_join(server->worker[i].thread, NULL);
}

static void free_all(struct server *server)
{
	for (int i = 0; server->worker != NULL && i < server->workers; i++) {
		hs_acceptor_free(server->worker[i].acceptor);
		hs_scratch_free(server->worker[i].scratch);
	}
	hs_partial_poller_free(server->poller);
	hs_request_pool_free(server->requests);
	free(server->worker);
}

/* --- maintenance ------------------------------------------------------------ */

static bool is_stopping(void *context)
{
	const struct server *server = context;

	return atomic_load(&server->stopping);
}

/* Counts what came for the catalogue of events, once a minute. */
static void advance_schema(struct server *server, const struct hs_runtime *runtime, int64_t *next_ms)
{
	int64_t now_ms = hs_io_now_monotonic();
	struct hs_schema_work work = { now_ms + SCHEMA_MOST_MS, is_stopping, server };

	if (now_ms < *next_ms)
		return;
	hs_schema_maintain(runtime->settings, &work, SCHEMA_GAP_MS);
	*next_ms = now_ms + SCHEMA_GAP_MS;
}

/* Runs in a thread of its own, because compressing a segment takes seconds. */
static void *maintain(void *context)
{
	struct server *server = context;
	int64_t next_ms = hs_io_now_monotonic() + MAINTAIN_MS, schema_ms = 0;

	while (!is_stopping(server)) {
		struct hs_retention_counts done;
		struct hs_runtime *runtime;
		int64_t left_ms = next_ms - hs_io_now_monotonic();

		hs_io_wait(&server->nudge, 0, left_ms < LOOK_MS ? left_ms : LOOK_MS);
		if (is_stopping(server))
			continue;
		runtime = use_runtime(server);
		hs_spool_look(runtime->spool);
		if (hs_io_now_monotonic() < next_ms) {
			hs_runtime_drop(runtime);
			continue;
		}
		if (hs_spool_maintain(runtime->spool, is_stopping, server, &done) == HS_OK) /* it logs its errors */
			advance_schema(server, runtime, &schema_ms);
		hs_runtime_drop(runtime);
		hs_heap_trim();
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
 * All threads block these signals, and the main thread waits for them. Handlers must be set,
 * because libfcgi replaces default and ignored ones (OS_LibInit).
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
	signal(SIGXFSZ, SIG_IGN); /* at a file size limit write(2) shall fail, not the process */
	pthread_sigmask(SIG_BLOCK, waited, NULL);
}

static void tick(struct server *server)
{
	int64_t now = hs_io_now_monotonic();

	hs_request_pool_expire(server->requests, now); /* if this hangs, the watchdog gets no more messages */
	hs_sd_notify_alive(&server->notify, now);
	hs_log_flush();
}

static void reload_settings(struct server *server, hs_reload *reload, void *context)
{
	struct hs_settings *settings;

	hs_sd_notify_reloading(&server->notify);
	settings = reload(context);
	if (settings != NULL && !hs_sandbox_admits(&server->sandbox, server->runtime->settings, settings)) {
		hs_settings_free(settings);
		settings = NULL;
	}
	hs_spool_note_reload(server->runtime->spool, settings != NULL); /* this thread alone replaces the runtime */
	if (settings != NULL)
		replace_runtime(server, settings);
	hs_sd_notify_ready(&server->notify);
}

static void wait_for_the_end(struct server *server, const sigset_t *waited, hs_reload *reload, void *context)
{
	const struct timespec pause = { .tv_nsec = TICK_MS * 1000000L };

	for (;;) {
		int signal = sigtimedwait(waited, NULL, &pause);

		if (signal == SIGHUP)
			reload_settings(server, reload, context);
		else if (signal > 0)
			return;
		tick(server);
	}
}

/* Expires slow requests while the workers finish, and feeds the watchdog. */
static void *tick_until_stopped(void *context)
{
	struct server *server = context;

	while (atomic_load(&server->finished) == 0) {
		hs_io_wait(&server->finished, 0, TICK_MS);
		tick(server);
	}
	return NULL;
}

static void finish(struct server *server)
{
	pthread_t ticker;
	bool ticking;

	ticking = pthread_create(&ticker, NULL, tick_until_stopped, server) == 0;

	atomic_store(&server->stopping, true);
	hs_partial_poller_stop(server->poller, LAST_MS);
	atomic_store(&server->nudge, 1);
	hs_io_wake(&server->nudge, 1);
	stop_workers(server);
	atomic_store(&server->finished, 1);
	hs_io_wake(&server->finished, 1);
	if (ticking)
		pthread_join(ticker, NULL);
	free_all(server); /* not earlier, because the ticker uses them */
}

static struct hs_runtime *runtime_of(void *context)
{
	return use_runtime(context);
}

static struct hs_partial_poller *make_poller(struct server *server)
{
	int others = server->workers + hs_request_pool_wanted(server->workers) + OTHER_FDS;

	return hs_partial_poller_new(hs_partial_poller_wanted(others), server->workers, runtime_of, server);
}

/* All but what starts a thread. */
static bool make_server(struct server *server, int listen_fd, struct hs_settings *settings)
{
	*server = (struct server){ .lock = PTHREAD_MUTEX_INITIALIZER,
		                   .workers = (int)settings->threads,
		                   .listen_fd = listen_fd,
		                   .notify = { .fd = -1 } };
	server->runtime = hs_runtime_new(settings);
	server->worker = calloc((size_t)server->workers, sizeof *server->worker);
	server->large = hs_semaphore_new(places());
	server->door = hs_semaphore_new(doors());
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	if (!hs_transport_fcgi_init())
		return false;
	server->requests = hs_request_pool_new(hs_request_pool_wanted(server->workers));
	hs_sd_notify_open(&server->notify); /* no socket can be connected in the sandbox */
	return server->runtime != NULL && server->worker != NULL && server->large != NULL && server->door != NULL &&
	       server->stop_fd >= 0 && server->requests != NULL;
}

static bool start_workers(struct server *server)
{
	uint64_t seed = hs_io_random();

	while (server->started < server->workers)
		if (!start_worker(server, seed)) {
			hs_log(HS_LOG_ERROR,
			       "start: thread %d of %d could not be started: lower threads, or raise the limits",
			       server->started + 1, server->workers);
			break;
		}
	return server->started > 0;
}

static void free_server(struct server *server)
{
	hs_runtime_drop(server->runtime);
	hs_sd_notify_close(&server->notify);
	hs_semaphore_free(server->large);
	hs_semaphore_free(server->door);
	close(server->stop_fd);
}

static int run(struct server *server, const sigset_t *waited, hs_reload *reload, void *context)
{
	bool started = start_workers(server), maintained;

	maintained = started && pthread_create(&server->maintainer, NULL, maintain, server) == 0;
	if (started) {
		hs_sd_notify_ready(&server->notify);
		wait_for_the_end(server, waited, reload, context);
	}
	hs_sd_notify_stopping(&server->notify);
	finish(server);
	if (maintained)
		pthread_join(server->maintainer, NULL);
	free_server(server);
	return started ? 0 : EX_OSERR;
}

int hs_serve_fcgi(int listen_fd, struct hs_settings *settings, const struct hs_sandbox_needs *needs, hs_reload *reload,
                  void *context)
{
	struct server server;
	sigset_t waited;
	bool contained = true;

	hs_heap_tune();
	block_signals(&waited);
	if (make_server(&server, listen_fd, settings)) {
		log_demand("start", settings);
		contained = hs_sandbox_enter_server(settings, needs, &server.sandbox);
		server.poller = contained ? make_poller(&server) : NULL;
	}
	if (server.poller != NULL)
		return run(&server, &waited, reload, context);
	if (contained)
		hs_log(HS_LOG_ERROR, "start: out of memory or descriptors");
	free_all(&server);
	if (server.runtime == NULL)
		hs_settings_free(settings);
	free_server(&server);
	return contained ? EX_OSERR : EX_CONFIG;
}
