/*
 * The empty responder: the best that any handler could reach under this server. It reads the body
 * and answers 200. It runs HOOKSPOOL_THREADS threads, as
 * the program itself does; sixteen without it.
 */
#include "tests/bench/keep.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static int file;

static void *serve(void *unused)
{
	static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
				     "Content-Length: 42\r\n\r\n"
				     "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n";
	static const char failure[] = "Status: 503 Service Unavailable\r\n\r\n";
	enum { LISTENER = 0 }; /* the descriptor that the server hands over */
	FCGX_Request request;
	char body[65537];

	(void)unused;
	FCGX_InitRequest(&request, LISTENER, 0);
	while (FCGX_Accept_r(&request) == 0) {
		int n = 0, got;

		while ((got = FCGX_GetStr(body, sizeof body - 1, request.in)) > 0)
			n = got;
		if (keep(file, body, (size_t)n))
			FCGX_PutStr(answer, sizeof answer - 1, request.out);
		else
			FCGX_PutStr(failure, sizeof failure - 1, request.out);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int main(void)
{
	const char *wanted = getenv("HOOKSPOOL_THREADS");
	int threads = wanted != NULL ? atoi(wanted) : 16;
	pthread_t thread;

	signal(SIGTERM, SIG_DFL);
	file = keep_open();
	FCGX_Init();
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			return 1;
	serve(NULL);
	return 0;
}
