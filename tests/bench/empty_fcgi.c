/*
 * The empty responder: what any handler behind this server could reach. It reads the body
 * and answers 200. HOOKSPOOL_THREADS threads, as the program itself; sixteen without it.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static void *serve(void *unused)
{
	static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
				     "Content-Length: 42\r\n\r\n"
				     "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n";
	enum { LISTENER = 0 }; /* the descriptor that the server hands over */
	FCGX_Request request;
	char body[65536];

	(void)unused;
	FCGX_InitRequest(&request, LISTENER, 0);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, sizeof body, request.in) > 0)
			;
		FCGX_PutStr(answer, sizeof answer - 1, request.out);
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
	FCGX_Init();
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			return 1;
	serve(NULL);
	return 0;
}
