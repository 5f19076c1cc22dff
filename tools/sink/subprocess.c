#include "tools/sink/subprocess.h"
#include "tools/report/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

/* --- starting ------------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Opens a pipe; *ours is the end for this process, which does not block. */
static bool make_pipe(int *ours, int *theirs, bool we_write)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return false;
	*ours = fd[we_write];
	*theirs = fd[!we_write];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return true;
}

/* Default signals, and a process group of its own. */
static int set_attributes(posix_spawnattr_t *a)
{
	sigset_t none, pipe;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_setsigmask(a, &none);
	posix_spawnattr_setsigdefault(a, &pipe);
	posix_spawnattr_setpgroup(a, 0);
	return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(pid_t *pid, const char *command, char **environment, const int theirs[3])
{
	char *const argv[] = { "sh", "-c", (char *)(uintptr_t)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&files);

	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0) {
		error = set_attributes(&attributes);
		for (int i = 0; i < 3 && error == 0; i++)
			if (theirs[i] >= 0)
				error = posix_spawn_file_actions_adddup2(&files, theirs[i], i);
		if (error == 0)
			error = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return error;
}

bool hs_subprocess_start(struct hs_subprocess *w, const char *command, char **environment, bool answers)
{
	int theirs[3] = { -1, -1, -1 }, error = 0;

	w->in = w->out = w->err = -1;
	w->written = w->taken = w->noise_n = 0;
	w->last = false;
	w->cut = 0;
	hs_buf_reset(&w->to_write);
	hs_buf_reset(&w->answers);
	if (!make_pipe(&w->in, &theirs[0], true) || !make_pipe(&w->err, &theirs[2], false) ||
	    (answers && !make_pipe(&w->out, &theirs[1], false)))
		error = errno;
	if (error == 0)
		error = spawn(&w->pid, command, environment, theirs);
	for (int i = 0; i < 3; i++)
		close_fd(&theirs[i]);
	if (error != 0) {
		close_fd(&w->in);
		close_fd(&w->out);
		close_fd(&w->err);
		w->pid = 0;
		errno = error;
	}
	return error == 0;
}

/* --- its input ------------------------------------------------------------ */

/* Kills it before its input ends: it would take a part for all of it. */
static void cut_off(struct hs_subprocess *w, int error)
{
	w->cut = error;
	hs_subprocess_kill(w, SIGKILL);
	close_fd(&w->in);
}

void hs_subprocess_give(struct hs_subprocess *w, struct hs_slice line)
{
	hs_buf_put_slice(&w->to_write, line);
}

void hs_subprocess_give_last(struct hs_subprocess *w)
{
	w->last = true;
}

void hs_subprocess_write(struct hs_subprocess *w)
{
	if (w->in >= 0 && !hs_buf_ok(&w->to_write))
		cut_off(w, ENOMEM);
	while (w->in >= 0 && w->written < w->to_write.n) {
		ssize_t n = write(w->in, w->to_write.p + w->written, w->to_write.n - w->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EPIPE)
			cut_off(w, errno);
		else if (n < 0) /* it reads no further; its exit code says what that means */
			close_fd(&w->in);
		else
			w->written += (size_t)n;
	}
	w->written = 0;
	hs_buf_reset(&w->to_write);
	if (w->last)
		close_fd(&w->in);
}

/* --- its output --------------------------------------------------- */

/* On a terminal without control characters: a handler may repeat what a sender sent. */
static void show_noise(const char *text, size_t n)
{
	size_t at = 0;

	if (isatty(STDERR_FILENO) == 1) {
		hs_terminal_write(stderr, hs_slice(text, n));
		return;
	}
	while (at < n) {
		ssize_t wrote = write(STDERR_FILENO, text + at, n - at);

		if (wrote < 0)
			return; /* nobody reads it */
		at += (size_t)wrote;
	}
}

/* Shows its standard error at once, and keeps the last of it. */
static void read_noise(struct hs_subprocess *w)
{
	char text[CHUNK];
	ssize_t n;

	while (w->err >= 0 && (n = read(w->err, text, sizeof text)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		show_noise(text, (size_t)n);
		for (ssize_t i = n > HS_SUBPROCESS_NOISE ? n - HS_SUBPROCESS_NOISE : 0; i < n; i++)
			w->noise[(w->noise_n + (size_t)i) % HS_SUBPROCESS_NOISE] = text[i];
		w->noise_n += (size_t)n;
	}
	close_fd(&w->err);
}

void hs_subprocess_put_noise(const struct hs_subprocess *w, struct hs_buf *out)
{
	size_t n = w->noise_n < HS_SUBPROCESS_NOISE ? w->noise_n : HS_SUBPROCESS_NOISE;

	for (size_t i = w->noise_n - n; i < w->noise_n; i++)
		hs_buf_putc(out, w->noise[i % HS_SUBPROCESS_NOISE]);
}

void hs_subprocess_forget_noise(struct hs_subprocess *w)
{
	w->noise_n = 0;
}

/* Reads no more than a chunk ahead; all: the process has ended, read what the pipe still holds. */
static void read_answers(struct hs_subprocess *w, bool all)
{
	if (w->taken > 0) {
		w->answers.n -= w->taken;
		memmove(w->answers.p, w->answers.p + w->taken, w->answers.n);
		w->taken = 0;
	}
	while (w->out >= 0 && (all || w->answers.n < CHUNK)) {
		char *to = hs_buf_reserve(&w->answers, CHUNK);
		ssize_t n = to == NULL ? 0 : read(w->out, to, CHUNK);

		if (to == NULL)
			cut_off(w, ENOMEM);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (n == 0)
			close_fd(&w->out);
		else
			w->answers.n += (size_t)n;
	}
}

void hs_subprocess_pump(struct hs_subprocess *w)
{
	hs_subprocess_write(w);
	read_answers(w, false);
	read_noise(w);
}

bool hs_subprocess_answer(struct hs_subprocess *w, struct hs_slice *line)
{
	const char *p = w->answers.p + w->taken;
	size_t n = w->answers.n - w->taken;
	const char *newline = n == 0 ? NULL : memchr(p, '\n', n);
	size_t kept = n < HS_SUBPROCESS_ANSWER ? n : HS_SUBPROCESS_ANSWER;

	if (newline == NULL) { /* what is cut off goes at once, so that there is room for the end of the line */
		w->answers.n = w->taken + kept;
		return false;
	}
	n = (size_t)(newline - p);
	*line = hs_slice(p, n < kept ? n : kept);
	w->taken += n + 1;
	return true;
}

bool hs_subprocess_has_said_more(const struct hs_subprocess *w)
{
	return w->answers.n > w->taken;
}

/* --- its end -------------------------------------------------------------- */

bool hs_subprocess_ended(struct hs_subprocess *w, int *status)
{
	if (w->pid == 0 || waitpid(w->pid, status, WNOHANG) != w->pid)
		return false;
	w->pid = 0; /* which may be another process's by now */
	read_answers(w, true);
	read_noise(w);
	close_fd(&w->in);
	close_fd(&w->out);
	close_fd(&w->err);
	return true;
}

void hs_subprocess_poll(const struct hs_subprocess *w, struct pollfd p[static HS_SUBPROCESS_FDS])
{
	bool writes = w->pid != 0 && w->written < w->to_write.n;

	p[0] = (struct pollfd){ writes ? w->in : -1, POLLOUT, 0 };
	p[1] = (struct pollfd){ w->pid != 0 ? w->out : -1, POLLIN, 0 };
	p[2] = (struct pollfd){ w->pid != 0 ? w->err : -1, POLLIN, 0 };
}

void hs_subprocess_kill(const struct hs_subprocess *w, int signal)
{
	if (w->pid != 0)
		kill(-w->pid, signal);
}

void hs_subprocess_free(struct hs_subprocess *w)
{
	if (w->pid != 0) {
		close_fd(&w->in);
		close_fd(&w->out);
		close_fd(&w->err);
	}
	hs_buf_free(&w->to_write);
	hs_buf_free(&w->answers);
}
