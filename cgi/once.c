#include "cgi/once.h"
#include "cgi/receive.h"
#include "cgi/service.h"
#include "store/io.h"

#include <signal.h>
#include <sysexits.h>

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

/* --- the spool, as the story of a request knows it --------------------------- */

static enum hs_result keeper_append(void *spool, const struct hs_append *append)
{
	return hs_spool_append(spool, append);
}

static void keeper_post(void *spool, struct hs_post *post)
{
	if (hs_spool_post(spool, post))
		hs_spool_commit(spool);
}

static enum hs_result keeper_health(void *spool)
{
	return hs_spool_health(spool);
}

static void nothing_follows(void *context)
{
	(void)context;
}

static void serve(struct hs_gateway *g, struct hs_settings *settings)
{
	struct hs_keeper keeper = { .append = keeper_append, .post = keeper_post, .health = keeper_health,
		                    .now = hs_io_now, .now_monotonic = hs_io_now_monotonic };
	struct hs_receiver *receiver = hs_receiver_new(&keeper, hs_io_random());
	struct hs_visit *visit = hs_visit_new(g, nothing_follows, NULL);
	struct hs_service *s = hs_service_new(settings);

	if (receiver == NULL || visit == NULL || s == NULL) {
		answer_failure(g, HS_E_MEMORY);
	} else {
		keeper.self = s->spool;
		hs_receive(receiver, visit, s->settings);
	}
	if (s == NULL)
		hs_settings_free(settings);
	hs_service_drop(s);
	hs_visit_free(visit);
	hs_receiver_free(receiver);
}

int hs_once(struct hs_settings *settings, const struct hs_settings_error *error)
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
		serve(g, settings);
	g->free(g);
	return 0; /* an answer has been given: a server would add one of its own */
}
