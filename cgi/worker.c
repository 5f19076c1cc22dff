#include "cgi/worker.h"
#include "cgi/notify.h"
#include "cgi/receive.h"
#include "store/io.h"
#include "store/log.h"

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
	TICK_MS = 500,          /* how often time limits are looked at */
	MAINTAIN_MS = 10000,    /* how often sealed segments are looked after */
	STACK_BYTES = 256 << 10,
	REST_MS = 2000,         /* a thread that has waited so long returns its buffers */
	LARGE_MOST = 8,         /* large bodies that are judged at once */
	MAP_BYTES = 32 << 20,   /* below this malloc keeps what is freed, until we trim it */
};

/* Settings with the spool they describe; replaced as a whole at SIGHUP. */
struct service {
	struct hs_settings *settings;
	struct hs_spool *spool;
	_Atomic int users;
};

struct pool {
	pthread_mutex_t lock; /* of `service` */
	struct service *service;
	struct worker {
		struct pool *pool;
		pthread_t thread;
		struct hs_gateway *gateway;
		struct hs_receiver *receiver;
		struct hs_keeper keeper;
	} *worker;
	int workers, started;
	int stop_fd;
	struct hs_gate *large;
	struct hs_notify notify; /* of the thread that ticks */
	pthread_t maintainer;
	_Atomic bool stopping;
	_Atomic uint32_t nudge;    /* 1 wakes the maintainer to stop */
	_Atomic uint32_t finished; /* 1: every worker has ended */
};

/* --- settings that can be exchanged ----------------------------------------- */

static struct service *new_service(struct hs_settings *settings)
{
	struct service *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->spool = hs_spool_new(settings);
	if (s == NULL || s->spool == NULL) {
		free(s);
		return NULL;
	}
	s->settings = settings;
	s->users = 1;
	hs_log_level((enum hs_level)settings->log_level);
	return s;
}

static void drop_service(struct service *s)
{
	if (atomic_fetch_sub(&s->users, 1) != 1)
		return;
	hs_spool_free(s->spool);
	hs_settings_free(s->settings);
	free(s);
}

static struct service *use_service(struct pool *p)
{
	struct service *s;

	pthread_mutex_lock(&p->lock);
	s = p->service;
	atomic_fetch_add(&s->users, 1);
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void replace_service(struct pool *p, struct hs_settings *settings)
{
	struct service *s = new_service(settings), *old;

	if (s == NULL) {
		hs_log(HS_LOG_ERROR, "SIGHUP: out of memory: the old settings stay");
		hs_settings_free(settings);
		return;
	}
	pthread_mutex_lock(&p->lock);
	old = p->service;
	p->service = s;
	pthread_mutex_unlock(&p->lock);
	drop_service(old);
	hs_log(HS_LOG_INFO, "SIGHUP: settings read again");
}

/* --- the spool, as the story of a request knows it --------------------------- */

static enum hs_result keeper_append(void *spool, const struct hs_append *append)
{
	return hs_spool_append(spool, append);
}

static enum hs_result keeper_health(void *spool)
{
	return hs_spool_health(spool);
}

static void init_keeper(struct hs_keeper *k)
{
	*k = (struct hs_keeper){ .append = keeper_append, .health = keeper_health,
		                 .now = hs_io_now, .now_monotonic = hs_io_now_monotonic };
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
	hs_receiver_rest(w->receiver);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static void *serve(void *context)
{
	struct worker *w = context;
	int next;

	while ((next = w->gateway->next(w->gateway)) != 0) {
		struct service *s;

		if (next < 0) {
			rest(w);
			w->gateway->idle_ms = 0;
			continue;
		}
		w->gateway->idle_ms = REST_MS;
		s = use_service(w->pool);
		w->keeper.self = s->spool;
		hs_receive(w->receiver, s->settings, w->gateway);
		drop_service(s);
	}
	return NULL;
}

/* One more than there are cores: somebody is always waiting for the append lock. */
static int places(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores > 0 && cores < LARGE_MOST ? (int)cores + 1 : LARGE_MOST;
}

static bool start_worker(struct pool *p, int listen_fd, uint64_t seed)
{
	struct worker *w = &p->worker[p->started];
	pthread_attr_t attr;
	bool ok;

	w->pool = p;
	init_keeper(&w->keeper);
	w->keeper.large = p->large;
	w->gateway = hs_gw_fcgi_new(listen_fd, p->stop_fd);
	w->receiver = hs_receiver_new(&w->keeper, seed);
	if (w->gateway == NULL || w->receiver == NULL || pthread_attr_init(&attr) != 0)
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

static void free_workers(struct pool *p)
{
	for (int i = 0; i < p->workers; i++) {
		if (p->worker[i].gateway != NULL)
			p->worker[i].gateway->free(p->worker[i].gateway);
		hs_receiver_free(p->worker[i].receiver);
	}
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
		struct hs_maintained done;
		struct service *s;

		hs_io_wait(&p->nudge, 0, next_ms - hs_io_now_monotonic());
		if (is_stopping(p) || hs_io_now_monotonic() < next_ms)
			continue;
		s = use_service(p);
		hs_spool_maintain(s->spool, is_stopping, p, &done); /* it logs its errors */
		drop_service(s);
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

/* It passes every gateway's lock: if one of them is stuck, the watchdog hears no more. */
static void tick(struct pool *p)
{
	int64_t now = hs_io_now_monotonic();

	for (int i = 0; i < p->started; i++)
		p->worker[i].gateway->expire(p->worker[i].gateway, now);
	hs_notify_alive(&p->notify, now);
}

static void reload_settings(struct pool *p, hs_reload *reload, void *context)
{
	struct hs_settings *settings;

	hs_notify_reloading(&p->notify);
	settings = reload(context);
	if (settings != NULL)
		replace_service(p, settings);
	hs_notify_ready(&p->notify);
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
	bool ticking = pthread_create(&ticker, NULL, tick_until_stopped, p) == 0;

	atomic_store(&p->stopping, true);
	atomic_store(&p->nudge, 1);
	hs_io_wake(&p->nudge, 1);
	stop_workers(p);
	atomic_store(&p->finished, 1);
	hs_io_wake(&p->finished, 1);
	if (ticking)
		pthread_join(ticker, NULL);
	free_workers(p); /* not earlier: the ticker looks at them */
}

int hs_worker_fcgi(int listen_fd, struct hs_settings *settings, hs_reload *reload, void *context)
{
	struct pool p = { .lock = PTHREAD_MUTEX_INITIALIZER, .workers = (int)settings->threads };
	uint64_t seed = hs_io_random();
	sigset_t waited;
	bool ok = true, maintained;

	tune_malloc();
	block_signals(&waited);
	hs_notify_open(&p.notify);
	p.service = new_service(settings);
	p.worker = calloc((size_t)p.workers, sizeof *p.worker);
	p.large = hs_gate_new(places());
	p.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	if (p.service == NULL || p.worker == NULL || p.large == NULL || p.stop_fd < 0 || !hs_gw_fcgi_init()) {
		hs_log(HS_LOG_ERROR, "start: out of memory or descriptors");
		free(p.worker);
		return EX_OSERR;
	}
	while (ok && p.started < p.workers)
		ok = start_worker(&p, listen_fd, seed);
	if (!ok)
		hs_log(HS_LOG_ERROR, "start: thread %d of %d: lower threads, or raise the limits",
		       p.started + 1, p.workers);
	maintained = p.started > 0 && pthread_create(&p.maintainer, NULL, look_after, &p) == 0;
	if (p.started > 0) {
		hs_notify_ready(&p.notify);
		wait_for_the_end(&p, &waited, reload, context);
	}
	hs_notify_stopping(&p.notify);
	finish(&p);
	if (maintained)
		pthread_join(p.maintainer, NULL);
	drop_service(p.service);
	hs_notify_close(&p.notify);
	hs_gate_free(p.large);
	close(p.stop_fd);
	return ok || p.started > 0 ? 0 : EX_OSERR;
}

/* --- plain CGI -------------------------------------------------------------- */

static void send_and_free(struct hs_gateway *g, struct hs_buf *head, struct hs_buf *body)
{
	g->write(g, hs_buf_slice(head), hs_buf_slice(body));
	g->finish(g);
	hs_buf_free(head);
	hs_buf_free(body);
}

/* A 503 without a look at the request. */
static void answer_failure(struct hs_gateway *g, enum hs_result r)
{
	struct hs_outcome o = { .result = r };
	struct hs_buf head = { 0 }, body = { 0 };

	hs_respond(&o, false, &head, &body);
	send_and_free(g, &head, &body);
}

/* Of whom a page is for: who opens the mount, which no sender does, or asks for a page. */
static bool is_person(const struct hs_request *r)
{
	if (r->method != HS_METHOD_GET)
		return false;
	return r->resource == HS_RESOURCE_INTAKE ||
	       (r->resource == HS_RESOURCE_HEALTH && r->wants_page);
}

static void answer_unconfigured(struct hs_gateway *g, const struct hs_settings_error *error)
{
	struct hs_request request;
	struct hs_buf head = { 0 }, body = { 0 };

	hs_request_read(&request, g->params(g), 0); /* that it is refused is no matter */
	if (!is_person(&request)) {
		answer_failure(g, HS_E_CONFIG);
		return;
	}
	hs_respond_unconfigured(error, &head, &body);
	send_and_free(g, &head, &body);
}

static void serve_cgi(struct hs_gateway *g, struct hs_settings *settings)
{
	struct hs_keeper keeper;
	struct hs_receiver *receiver = hs_receiver_new(&keeper, hs_io_random());
	struct service *s = new_service(settings);

	init_keeper(&keeper);
	if (receiver == NULL || s == NULL) {
		answer_failure(g, HS_E_MEMORY);
	} else {
		keeper.self = s->spool;
		while (g->next(g) > 0)
			hs_receive(receiver, s->settings, g);
	}
	if (s != NULL)
		drop_service(s);
	else
		hs_settings_free(settings);
	hs_receiver_free(receiver);
}

int hs_worker_cgi(struct hs_settings *settings, const struct hs_settings_error *error)
{
	struct hs_gateway *g = hs_gw_cgi_new();

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* what is in hand is finished; there is nothing else */
	if (g == NULL) {
		hs_settings_free(settings);
		return EX_OSERR;
	}
	if (settings == NULL)
		answer_unconfigured(g, error);
	else
		serve_cgi(g, settings);
	g->free(g);
	return 0; /* an answer has been given: a server would add one of its own */
}
