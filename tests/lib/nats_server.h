/*
 * nats_server: a nats-server with JetStream and the scripted one of fake_nats.py, each on a port of loopback that the
 * kernel chooses, for one test.
 *
 *	NATS_TEST(name) { nats_start(""); … nats.port … }
 *	NATS_FAKE_TEST(name) { nats_fake_start("seq0 10077"); … nats.fake_port … }
 */
#ifndef HS_TEST_NATS_SERVER_H
#define HS_TEST_NATS_SERVER_H

#include "tests/lib/unit.h"

#include <sys/types.h>

enum { PATIENCE_MS = 120000 };

extern struct nats {
	char folder[64]; /* server.conf, store/; and what the test puts there */
	pid_t server, fake;
	int port, fake_port;
} nats;

/* True if nats-server is installed. */
bool nats_is_here(void);

/*
 * Starts the server with these lines in its configuration; the second time on the same port, and NULL: with the
 * lines that it had.
 */
void nats_start(const char *lines);

/* Ends it as a crash does. */
void nats_kill(void);

/* Starts the scripted server with these arguments, with blanks between. */
void nats_fake_start(const char *arguments);
void nats_fake_end(void);

int nats_begin(void **state);
int nats_end(void **state);

#define NATS_FAKE_TEST(name) TEST_WITH(name, nats_begin, nats_end)
/* A test that is skipped without nats-server. */
#define NATS_TEST(name) \
	static void name##_with_server(void **state); \
	TEST_WITH(name, nats_begin, nats_end) \
	{ \
		if (!nats_is_here()) \
			skip(); \
		name##_with_server(state); \
	} \
	static void name##_with_server(__attribute__((unused)) void **state)

#endif
