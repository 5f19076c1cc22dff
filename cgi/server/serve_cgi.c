#include "cgi/server/serve_cgi.h"
#include "base/io.h"
#include "cgi/http/router.h"
#include "cgi/http/setup_page.h"
#include "cgi/server/runtime.h"
#include "cgi/server/sandbox.h"
#include "cgi/server/thread.h"

#include <signal.h>
#include <stdatomic.h>
#include <sysexits.h>

enum {
	TICK_MS = 250, /* how often the time limit is checked */
	STACK_BYTES = 128 << 10,
};

struct cgi {
	struct hs_spool *spool;
	struct hs_exchange *exchange;
	const struct hs_sandbox *sandbox;
	pthread_t watch;
	bool watched;
	int64_t begun_ms;      /* when the spool was opened; 0: it was not */
	_Atomic uint32_t over; /* 1: the request has been served */
};

static void send_and_free(struct hs_transport *transport, struct hs_response *response)
{
	struct hs_buf head = { 0 };

	hs_response_print(response, false, &head);
	transport->write(transport, hs_buf_slice(&head), hs_buf_slice(response->body));
	transport->finish(transport);
	hs_buf_free(&head);
	hs_buf_free(response->body);
}

/* A 503 without a look at the request. */
static void answer_failure(struct hs_transport *transport, enum hs_result r)
{
	struct hs_outcome cgi = { .result = r };
	struct hs_buf body = { 0 };
	struct hs_response response = { .body = &body };

	hs_outcome_respond(&cgi, &response);
	send_and_free(transport, &response);
}

/* True if a person is looking: senders never GET the mount or accept text/html. */
static bool is_person(const struct hs_request *r)
{
	return r->method == HS_METHOD_GET && r->route != NULL && (r->route->for_senders || r->wants_page);
}

static void answer_unconfigured(struct hs_transport *transport, const struct hs_settings_error *error)
{
	struct hs_request request;
	struct hs_buf body = { 0 };
	struct hs_response response = { .body = &body };

	hs_request_read(&request, transport->params(transport), 0, 0); /* its result does not matter */
	if (!is_person(&request)) {
		answer_failure(transport, HS_E_CONFIG);
		return;
	}
	hs_setup_page(error, &response);
	send_and_free(transport, &response);
}

/* --- if the disk hangs, another thread answers -------------------------------- */

static void *watch(void *context)
{
	struct cgi *cgi = context;

	while (atomic_load(&cgi->over) == 0) {
		hs_io_wait(&cgi->over, 0, TICK_MS);
		hs_exchange_expire(cgi->exchange, hs_io_now_monotonic());
	}
	return NULL;
}

/*
 * Opens the spool, and starts the watching thread if the disk has been slow lately. A thread costs a
 * twentieth of the whole request, so there is none otherwise: when a disk begins to be slow, the
 * process that writes or syncs for all answers late. So do others if no thread can be started. Once for a request.
 */
static enum hs_result begin(struct cgi *cgi)
{
	int64_t now = hs_io_now_monotonic();
	bool slow;
	enum hs_result result;

	if (cgi->begun_ms != 0)
		return HS_OK;
	result = hs_spool_is_slow(cgi->spool, &slow);
	if (result != HS_OK)
		return result;
	cgi->begun_ms = now;
	cgi->watched = slow && hs_thread_start(&cgi->watch, STACK_BYTES, watch, cgi);
	hs_sandbox_end_threads(cgi->sandbox);
	return HS_OK;
}

static void end(struct cgi *cgi)
{
	hs_spool_note_time(cgi->spool, cgi->begun_ms);
	if (!cgi->watched)
		return;
	atomic_store(&cgi->over, 1);
	hs_io_wake(&cgi->over, 1);
	pthread_join(cgi->watch, NULL);
}

/* --- the spool, as handlers use it ------------------------------------------- */

static enum hs_result store_append(void *self, const struct hs_append *append)
{
	struct cgi *cgi = self;
	enum hs_result result = begin(cgi);

	return result == HS_OK ? hs_spool_append(cgi->spool, append) : result;
}

static enum hs_result store_suppresses(void *self, struct hs_slice record, bool *suppressed)
{
	struct cgi *cgi = self;
	enum hs_result result = begin(cgi);

	return result == HS_OK ? hs_spool_suppresses(cgi->spool, record, suppressed) : result;
}

static void store_post(void *self, struct hs_post *post)
{
	struct cgi *cgi = self;
	enum hs_result result = begin(cgi);

	if (result != HS_OK)
		post->done(post, result);
	else if (hs_spool_post(cgi->spool, post))
		hs_spool_commit(cgi->spool);
}

static enum hs_result store_health(void *self, bool *catching_up)
{
	struct cgi *cgi = self;
	enum hs_result result = begin(cgi);

	return result == HS_OK ? hs_spool_health(cgi->spool, catching_up) : result;
}

static void store_figures(void *self, enum hs_exposition format, struct hs_buf *out)
{
	struct cgi *cgi = self;

	hs_figures_put(hs_spool_settings(cgi->spool), format, out);
}

static struct hs_rates *store_rates(void *self)
{
	struct cgi *cgi = self;

	return hs_spool_rates(cgi->spool, true);
}

static void ignore_end(void *context)
{
	(void)context;
}

static void serve(struct hs_transport *transport, struct hs_settings *settings, const struct hs_sandbox *sandbox)
{
	struct cgi cgi = { .exchange = hs_exchange_new(transport, ignore_end, NULL), .sandbox = sandbox };
	struct hs_store_ops store = { .self = &cgi,
		                      .append = store_append,
		                      .post = store_post,
		                      .suppresses = store_suppresses,
		                      .health = store_health,
		                      .put_figures = store_figures,
		                      .count_answer = hs_spool_count_answer,
		                      .count_refusal = hs_spool_count_refusal,
		                      .now = hs_io_now,
		                      .now_monotonic = hs_io_now_monotonic,
		                      .rates = store_rates };
	struct hs_scratch *scratch = hs_scratch_new(&store, hs_io_random());
	struct hs_runtime *s = hs_runtime_new(settings);

	if (scratch == NULL || cgi.exchange == NULL || s == NULL) {
		answer_failure(transport, HS_E_MEMORY);
	} else {
		cgi.spool = store.spool = s->spool;
		hs_serve(scratch, cgi.exchange, s->settings);
		if (cgi.begun_ms != 0)
			end(&cgi);
	}
	if (s == NULL)
		hs_settings_free(settings);
	hs_runtime_drop(s);
	hs_exchange_free(cgi.exchange);
	hs_scratch_free(scratch);
}

int hs_serve_cgi(struct hs_settings *settings, const struct hs_settings_error *error)
{
	struct hs_transport *transport = hs_transport_cgi_new();
	struct hs_sandbox sandbox;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* the one request is finished first */
	if (transport == NULL) {
		hs_settings_free(settings);
		return EX_OSERR;
	}
	if (settings == NULL) {
		answer_unconfigured(transport, error);
	} else if (hs_sandbox_enter_cgi(settings, &sandbox)) {
		serve(transport, settings, &sandbox);
	} else {
		answer_failure(transport, HS_E_CONFIG);
		hs_settings_free(settings);
	}
	transport->free(transport);
	return 0; /* even after an error: the request was answered, and the server must not answer, too */
}
