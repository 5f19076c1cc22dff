#include "cgi/server/thread.h"

bool hs_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *context), void *context)
{
	pthread_attr_t attr;
	bool started;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, stack_bytes);
	started = pthread_create(thread, &attr, run, context) == 0;
	pthread_attr_destroy(&attr);
	return started;
}
