#include "tools/sink/stop_signals.h"
#include "base/io.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool hs_stop_signals_catch(struct hs_stop_signals *s)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaddset(&set, signals[i]);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return false;
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return true;
}

void hs_stop_signals_free(struct hs_stop_signals *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void hs_stop_signals_hear(struct hs_stop_signals *s)
{
	struct signalfd_siginfo info;

	while (s->fd >= 0 && read(s->fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		s->now = s->number != 0;
		s->number = (int)info.ssi_signo;
	}
}

void hs_stop_signals_begin(struct hs_stop_signals *s, int64_t ms)
{
	s->deadline_ms = ms < 0 ? -1 : hs_io_now_monotonic() + ms;
}

int64_t hs_stop_signals_left(const struct hs_stop_signals *s)
{
	int64_t left = s->deadline_ms - hs_io_now_monotonic();

	return s->deadline_ms < 0 ? -1 : left > 0 ? left : 0;
}

int64_t hs_stop_signals_ask(struct hs_stop_signals *s)
{
	int64_t left = s->now ? 0 : hs_stop_signals_left(s);

	s->now = false;
	if (left == 0)
		s->deadline_ms = -1;
	return left;
}

void hs_stop_signals_die(int number)
{
	sigset_t set;

	if (number == 0)
		return;
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
}
