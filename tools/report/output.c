#include "tools/report/output.h"
#include "tools/report/terminal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	ENOUGH = 1 << 17,
	SLICE = 4096, /* PIPE_BUF: so much fits when poll(2) calls a pipe writable */
};

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

bool hs_output_start(struct hs_output *o, bool careful, struct hs_position from)
{
	sigset_t set;

	*o = (struct hs_output){ .careful = careful, .signals = -1, .confirmed = from };
	o->terminal = isatty(STDOUT_FILENO) == 1;
	if (!careful)
		return true;
	ending_signals(&set);
	o->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (o->signals < 0)
		return false;
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return true;
}

void hs_output_free(struct hs_output *o)
{
	if (o->signals >= 0)
		close(o->signals);
	hs_buf_free(&o->buf);
}

bool hs_output_stopped(struct hs_output *o)
{
	struct signalfd_siginfo info;

	if (o->ended_by == 0 && o->signals >= 0 &&
	    read(o->signals, &info, sizeof info) == sizeof info)
		o->ended_by = (int)info.ssi_signo;
	return o->ended_by != 0;
}

/* Until a slice can be written without being held up. */
static bool wait_writable(struct hs_output *o)
{
	struct pollfd p[2] = { { STDOUT_FILENO, POLLOUT, 0 }, { o->signals, POLLIN, 0 } };

	while (!hs_output_stopped(o)) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return false;
		if ((p[0].revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL)) != 0)
			return true;
	}
	return false;
}

/* Returns how much was written; less than n: ended_by or errno tells why. */
static size_t write_out(struct hs_output *o, const char *p, size_t n)
{
	size_t done = 0;

	errno = 0;
	while (done < n) {
		size_t left = n - done;
		ssize_t wrote;

		if (o->careful && !wait_writable(o))
			break;
		wrote = write(STDOUT_FILENO, p + done, o->careful && left > SLICE ? SLICE : left);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0 && errno == EAGAIN) { /* somebody made it so; it is not only ours */
			poll(&(struct pollfd){ STDOUT_FILENO, POLLOUT, 0 }, 1, -1);
			continue;
		}
		if (wrote < 0)
			break;
		done += (size_t)wrote;
	}
	if (done < n && o->ended_by == 0 && errno == EPIPE)
		o->ended_by = SIGPIPE;
	return done;
}

static bool write_all(struct hs_output *o)
{
	size_t n = o->buf.n, wrote;

	if (!hs_buf_ok(&o->buf)) {
		errno = ENOMEM;
		return false;
	}
	wrote = n == 0 ? 0 : write_out(o, o->buf.p, n);
	for (size_t i = 0; i < o->marks && o->mark[i].end <= wrote; i++)
		o->confirmed = o->mark[i].position;
	o->marks = 0;
	o->buf.n = o->cleaned = 0;
	return wrote == n;
}

bool hs_output_line(struct hs_output *o, struct hs_position position)
{
	if (o->terminal) {
		hs_terminal_clean(&o->buf, o->cleaned);
		o->cleaned = o->buf.n;
	}
	if (o->careful) {
		o->mark[o->marks].end = o->buf.n;
		o->mark[o->marks++].position = position;
	}
	return (o->buf.n < ENOUGH && o->marks < HS_OUTPUT_MARKS) || write_all(o);
}

bool hs_output_flush(struct hs_output *o, struct hs_position position)
{
	if (!write_all(o))
		return false;
	o->confirmed = position;
	return true;
}

bool hs_output_wait(struct hs_output *o, int fd, int64_t ms)
{
	struct pollfd p[3] = { { fd, POLLIN, 0 },
			       { o->signals, POLLIN, 0 },
			       { STDOUT_FILENO, 0, 0 } };

	if (hs_output_stopped(o))
		return false;
	poll(p, 3, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
	if ((p[2].revents & POLLERR) != 0)
		o->ended_by = SIGPIPE;
	return !hs_output_stopped(o);
}

void hs_output_die(const struct hs_output *o)
{
	sigset_t set;

	if (o->ended_by == 0)
		return;
	signal(o->ended_by, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, o->ended_by);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(o->ended_by);
}
