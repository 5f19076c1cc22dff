#include "tools/sink/stop_signals.h"
#include "base/io.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A blocked signal is not dropped, though it is ignored: SIGHUP under nohup(1) must stay out of the set. */
static void fill(sigset_t *set)
{
	struct sigaction hangup = { .sa_handler = SIG_DFL };

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGCHLD);
	sigaction(SIGHUP, NULL, &hangup);
	if (hangup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

bool hs_stop_signals_catch(struct hs_stop_signals *s)
{
	sigset_t set;

	fill(&set);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return false;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* a parent may have ignored it: then no child can be waited for */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return true;
}

void hs_stop_signals_let_act(void)
{
	sigset_t set;

	fill(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
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
