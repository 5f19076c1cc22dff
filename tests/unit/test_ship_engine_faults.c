/* The engine of ship when a call of libnats fails: what is said, and that the next attempt succeeds. */
#include "base/io.h"
#include "tests/lib/nats_server.h"
#include "tools/ship/engine_nats.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

/* --- libnats, some calls of which fail --------------------------------------------------------------------- */

static struct {
	const char *name;
	unsigned nth; /* call from now on; 0: none */
	natsStatus status;
} fault;

static bool fails(const char *name)
{
	return fault.nth > 0 && strcmp(name, fault.name) == 0 && --fault.nth == 0;
}

#define MAY_FAIL(name, parameters, arguments) \
	natsStatus name parameters \
	{ \
		natsStatus(*real) parameters; \
\
		if (fails(#name)) \
			return fault.status; \
		*(void **)&real = dlsym(RTLD_NEXT, #name); \
		return real arguments; \
	}

MAY_FAIL(natsOptions_Create, (natsOptions * *o), (o))
MAY_FAIL(natsOptions_SetServers, (natsOptions * o, const char **servers, int n), (o, servers, n))
MAY_FAIL(natsOptions_SetName, (natsOptions * o, const char *name), (o, name))
MAY_FAIL(natsOptions_SetTimeout, (natsOptions * o, int64_t ms), (o, ms))
MAY_FAIL(natsOptions_SetAllowReconnect, (natsOptions * o, bool is), (o, is))
MAY_FAIL(natsOptions_SetIgnoreDiscoveredServers, (natsOptions * o, bool is), (o, is))
MAY_FAIL(natsOptions_SetPingInterval, (natsOptions * o, int64_t ms), (o, ms))
MAY_FAIL(natsOptions_SetWriteDeadline, (natsOptions * o, int64_t ms), (o, ms))
MAY_FAIL(natsOptions_SetIOBufSize, (natsOptions * o, int n), (o, n))
MAY_FAIL(natsOptions_SetUserInfo, (natsOptions * o, const char *user, const char *password), (o, user, password))
MAY_FAIL(natsOptions_SetClosedCB, (natsOptions * o, natsConnectionHandler f, void *context), (o, f, context))
MAY_FAIL(natsOptions_SetErrorHandler, (natsOptions * o, natsErrHandler f, void *context), (o, f, context))
MAY_FAIL(natsInbox_Create, (natsInbox * *inbox), (inbox))
MAY_FAIL(natsConnection_Subscribe,
         (natsSubscription * *s, natsConnection *c, const char *subject, natsMsgHandler f, void *context),
         (s, c, subject, f, context))
MAY_FAIL(natsConnection_SubscribeSync, (natsSubscription * *s, natsConnection *c, const char *subject), (s, c, subject))
MAY_FAIL(natsSubscription_SetOnCompleteCB, (natsSubscription * s, natsOnCompleteCB f, void *context), (s, f, context))
MAY_FAIL(natsSubscription_SetPendingLimits, (natsSubscription * s, int messages, int bytes), (s, messages, bytes))
MAY_FAIL(natsConnection_GetConnectedUrl, (natsConnection * c, char *url, size_t n), (c, url, n))
MAY_FAIL(natsConnection_PublishMsg, (natsConnection * c, natsMsg *msg), (c, msg))
MAY_FAIL(natsConnection_PublishRequest,
         (natsConnection * c, const char *subject, const char *reply, const void *data, int n),
         (c, subject, reply, data, n))
MAY_FAIL(natsMsg_Create, (natsMsg * *msg, const char *subject, const char *reply, const char *data, int n),
         (msg, subject, reply, data, n))
MAY_FAIL(natsMsgHeader_Set, (natsMsg * msg, const char *name, const char *value), (msg, name, value))

static void set_fault(const char *name, unsigned nth, natsStatus status)
{
	fault.name = name;
	fault.nth = nth;
	fault.status = status;
}

/* --- an engine ------------------------------------------------------------------------------------------------ */

static int open_engine(struct hs_engine **e, struct hs_engine_failure *failure, const char *user)
{
	static char servers[64], password[128];
	struct hs_engine_options options = { .servers = servers,
		                             .stream = "events",
		                             .receiver = "kodabuzi",
		                             .user = user,
		                             .ack_wait_ms = 20000,
		                             .connect_ms = 20000 };

	snprintf(servers, sizeof servers, "nats://127.0.0.1:%d", nats.fake_port);
	if (user != NULL) {
		FILE *file;

		snprintf(password, sizeof password, "%s/password", nats.folder);
		file = fopen(password, "w");
		assert_non_null(file);
		assert_int_equal(fchmod(fileno(file), 0600), 0);
		fclose(file);
		options.password_file = password;
	}
	return hs_engine_open(&options, e, failure);
}

static struct hs_engine *must_open(void)
{
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;

	if (open_engine(&e, &failure, NULL) != 0)
		fail_msg("%d: %s", failure.code, failure.why);
	return e;
}

static struct hs_engine_asked ask(struct hs_engine *e)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine_asked asked;

	hs_engine_ask(e);
	while (!hs_engine_asked(e, &asked)) {
		assert_true(hs_io_now_monotonic() < until_ms);
		hs_io_wait_readable(hs_engine_fd(e), 1000);
		hs_engine_woken(e);
	}
	return asked;
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

/* A service is started again after all of these but EX_CONFIG. */
NATS_FAKE_TEST(calls_that_fail_while_it_connects)
{
	static const struct {
		const char *name;
		natsStatus status;
		int code;
		const char *words;
	} cases[] = {
		{ "natsOptions_Create", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetServers", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetServers", NATS_INVALID_ARG, EX_CONFIG, "servers nats://127.0.0.1:" },
		{ "natsOptions_SetName", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetTimeout", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetAllowReconnect", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetIgnoreDiscoveredServers", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetPingInterval", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetWriteDeadline", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetIOBufSize", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetUserInfo", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsOptions_SetClosedCB", NATS_NO_MEMORY, EX_OSERR, "out of memory or descriptors" },
		{ "natsOptions_SetErrorHandler", NATS_NO_MEMORY, EX_OSERR, "out of memory or descriptors" },
		{ "natsInbox_Create", NATS_NO_MEMORY, EX_OSERR, "out of memory or descriptors" },
		{ "natsConnection_Subscribe", NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsConnection_Subscribe", NATS_CONNECTION_CLOSED, EX_UNAVAILABLE, "no server answers" },
		{ "natsSubscription_SetOnCompleteCB", NATS_INVALID_SUBSCRIPTION, EX_UNAVAILABLE, "no server answers" },
		{ "natsSubscription_SetPendingLimits", NATS_INVALID_SUBSCRIPTION, EX_UNAVAILABLE, "no server answers" },
	};

	nats_fake_start("");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_failure failure;
		struct hs_engine *e;

		set_fault(cases[i].name, 1, cases[i].status);
		if (open_engine(&e, &failure, "ship") != cases[i].code || strstr(failure.why, cases[i].words) == NULL)
			fail_msg("%s: %d %s", cases[i].name, failure.code, failure.why);
		assert_null(e);
		assert_int_equal(fault.nth, 0);
	}
	hs_engine_close(must_open());
}

/* So the server's version is not known, and ship does not look at the stream. */
NATS_FAKE_TEST(a_connection_whose_server_is_not_told)
{
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;
	struct hs_engine *e;

	nats_fake_start("");
	set_fault("natsConnection_GetConnectedUrl", 1, NATS_CONNECTION_CLOSED);
	e = must_open();
	assert_int_equal(hs_engine_look(e, &stream, &failure), EX_TEMPFAIL);
	assert_non_null(strstr(failure.why, "did not say its version"));
	hs_engine_close(e);
}

NATS_FAKE_TEST(calls_that_fail_while_it_asks)
{
	static const struct {
		const char *name;
		unsigned nth;
		natsStatus status;
		int code;
		const char *words;
	} cases[] = {
		{ "natsInbox_Create", 1, NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsConnection_SubscribeSync", 1, NATS_NO_MEMORY, EX_TEMPFAIL, "the connection is lost" },
		{ "natsSubscription_SetPendingLimits", 1, NATS_CONNECTION_CLOSED, EX_TEMPFAIL,
		  "the connection is lost" },
		{ "natsMsg_Create", 1, NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsMsgHeader_Set", 1, NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsMsgHeader_Set", 2, NATS_NO_MEMORY, EX_OSERR, "out of memory" },
		{ "natsConnection_PublishMsg", 1, NATS_CONNECTION_CLOSED, EX_TEMPFAIL, "the connection is lost" },
		{ "natsConnection_PublishRequest", 1, NATS_CONNECTION_CLOSED, EX_TEMPFAIL, "the connection is lost" },
		{ "natsConnection_PublishRequest", 2, NATS_TIMEOUT, EX_TEMPFAIL, "the stream does not answer" },
	};
	struct hs_engine_asked asked;
	struct hs_engine *e;

	nats_fake_start("");
	e = must_open();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		set_fault(cases[i].name, cases[i].nth, cases[i].status);
		asked = ask(e);
		if (!asked.failed || asked.failure.code != cases[i].code ||
		    strstr(asked.failure.why, cases[i].words) == NULL)
			fail_msg("%s: %d %s", cases[i].name, asked.failure.code, asked.failure.why);
		assert_null(asked.set);
	}
	asked = ask(e);
	assert_false(asked.failed);
	hs_engine_asked_free(&asked);
	hs_engine_close(e);
}

NATS_FAKE_TEST(a_message_that_is_not_made_is_not_sent)
{
	struct hs_message message = { .subject = HS_SLICE("hookspool.kodabuzi.acme.track"),
		                      .id = HS_SLICE("acme/1"),
		                      .data = HS_SLICE("{}"),
		                      .place = HS_SLICE("1:5:0 1:5:0@0") };
	struct hs_engine_asked asked;
	struct hs_engine *e;

	nats_fake_start("");
	e = must_open();
	for (unsigned nth = 0; nth <= 3; nth++) {
		set_fault(nth == 0 ? "natsMsg_Create" : "natsMsgHeader_Set", nth == 0 ? 1 : nth, NATS_NO_MEMORY);
		assert_int_equal(hs_engine_send(e, &message), HS_SEND_DOWN);
	}
	asked = ask(e);
	assert_false(asked.failed);
	assert_false(asked.any);
	hs_engine_asked_free(&asked);
	assert_int_equal(hs_engine_send(e, &message), HS_SENT);
	hs_engine_close(e);
}

TESTS("ship_engine_faults", NULL, NULL)
