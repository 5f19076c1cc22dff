#include "tools/ship/engine_nats.h"
#include "base/io.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

int hs_engine_fail(struct hs_engine_failure *failure, int code, const char *format, ...)
{
	char text[sizeof failure->why];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	failure->code = code;
	hs_printable_copy(failure->why, sizeof failure->why, hs_slice_str(text));
	return code;
}

void hs_nats_wake(struct hs_engine *e)
{
	if (e->woken)
		return;
	e->woken = true;
	eventfd_write(e->fd, 1);
}

static void free_all(struct hs_engine *e)
{
	natsOptions_Destroy(e->nats);
	hs_engine_asked_free(&e->asked);
	free(e->answers);
	if (e->fd >= 0)
		close(e->fd);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->use);
	free(e);
}

static struct hs_engine *make(const struct hs_engine_options *options)
{
	struct hs_engine *e = calloc(1, sizeof *e);
	pthread_condattr_t attributes;

	if (e == NULL)
		return NULL;
	e->options = *options;
	pthread_mutex_init(&e->use, NULL);
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&e->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return e;
}

static bool make_inbox(struct hs_engine *e)
{
	natsInbox *inbox = NULL;

	if (natsInbox_Create(&inbox) != NATS_OK)
		return false;
	snprintf(e->inbox, sizeof e->inbox, "%s", inbox);
	natsInbox_Destroy(inbox);
	return true;
}

static int begin(struct hs_engine *e, struct hs_engine_failure *failure)
{
	int code = hs_nats_options(e, failure);

	if (code != 0)
		return code;
	if (e->fd < 0 || !hs_nats_set_callbacks(e) || !make_inbox(e))
		return hs_engine_fail(failure, EX_OSERR, "out of memory or descriptors");
	code = hs_nats_connect(e, failure);
	if (code != 0)
		return code;
	if (pthread_create(&e->worker, NULL, hs_nats_work, e) == 0)
		return 0;
	hs_nats_disconnect(e);
	return hs_engine_fail(failure, EX_OSERR, "a thread cannot be started");
}

int hs_engine_open(const struct hs_engine_options *options, struct hs_engine **engine,
                   struct hs_engine_failure *failure)
{
	static const int defects[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct hs_engine *e = make(options);
	sigset_t all, before;
	int code;

	*engine = NULL;
	*failure = (struct hs_engine_failure){ 0 };
	if (e == NULL)
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	/* Signals are for the caller's thread; those of libnats inherit the mask. A defect is the thread's own. */
	sigfillset(&all);
	for (size_t i = 0; i < sizeof defects / sizeof *defects; i++)
		sigdelset(&all, defects[i]);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	code = begin(e, failure);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code == 0)
		*engine = e;
	else
		free_all(e);
	return code;
}

void hs_engine_close(struct hs_engine *e)
{
	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->stopping = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	/* Ends what the worker waits for. It may wait for a new connection, at most connect_ms. */
	pthread_mutex_lock(&e->use);
	if (e->connection != NULL)
		natsConnection_Close(e->connection);
	pthread_mutex_unlock(&e->use);
	pthread_join(e->worker, NULL);
	free_all(e);
}

int hs_engine_fd(const struct hs_engine *e)
{
	return e->fd;
}

void hs_engine_woken(struct hs_engine *e)
{
	eventfd_t count;

	pthread_mutex_lock(&e->lock);
	eventfd_read(e->fd, &count);
	e->woken = false;
	pthread_mutex_unlock(&e->lock);
}

void hs_engine_link(struct hs_engine *e, struct hs_engine_link *link)
{
	pthread_mutex_lock(&e->lock);
	*link = e->link;
	pthread_mutex_unlock(&e->lock);
}

size_t hs_engine_payload_max(struct hs_engine *e)
{
	size_t most;

	pthread_mutex_lock(&e->lock);
	most = e->payload_max;
	pthread_mutex_unlock(&e->lock);
	return most;
}

void hs_engine_ask(struct hs_engine *e)
{
	pthread_mutex_lock(&e->lock);
	if (e->ask == HS_ASK_NONE) {
		e->ask = HS_ASK_WANTED;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
}

bool hs_engine_asked(struct hs_engine *e, struct hs_engine_asked *asked)
{
	bool done;

	pthread_mutex_lock(&e->lock);
	done = e->ask == HS_ASK_DONE;
	if (done) {
		*asked = e->asked;
		e->asked = (struct hs_engine_asked){ 0 };
		e->ask = HS_ASK_NONE;
	}
	pthread_mutex_unlock(&e->lock);
	return done;
}

void hs_engine_asked_free(struct hs_engine_asked *asked)
{
	free(asked->set);
	*asked = (struct hs_engine_asked){ 0 };
}
