/*
 * supervise: the part of systemd that a service with a socket sees, for tests.
 *
 *	supervise SOCKET RUNS PROGRAM [ARGUMENT]...
 *
 * Listens on SOCKET and runs the program RUNS times, one after the other,
 * with the socket as descriptor 3 (sd_listen_fds(3)) and a watchdog of a second. What the
 * program notifies (sd_notify(3)) is printed, a line a message; "start PID" and "end STATUS"
 * are printed around it. FDS in the environment sets a number of sockets other than 1, and WRONG_PID
 * lets LISTEN_PID be another process.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOCKET_FD = 3 };

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int bound(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die(path);
	return fd;
}

static pid_t start(char **program, const char *notify, int wrong_pid)
{
	pid_t pid = fork();
	char own[24];

	if (pid != 0)
		return pid;
	snprintf(own, sizeof own, "%ld", (long)getpid() + wrong_pid);
	setenv("LISTEN_PID", own, 1);
	setenv("LISTEN_FDS", getenv("FDS") != NULL ? getenv("FDS") : "1", 1);
	setenv("NOTIFY_SOCKET", notify, 1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	execv(program[0], program);
	die(program[0]);
	return -1;
}

/* Prints messages until the program has ended and all are read; returns its status. */
static int listen_to(pid_t pid, int notify)
{
	struct pollfd waited = { .fd = notify, .events = POLLIN };
	char message[512];
	int status = -1;
	pid_t ended = 0;

	while (ended == 0) {
		ssize_t n;

		ended = waitpid(pid, &status, WNOHANG);
		poll(&waited, 1, ended == 0 ? 20 : 0);
		while ((n = recv(notify, message, sizeof message, MSG_DONTWAIT)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				message[i] = message[i] == '\n' ? ' ' : message[i];
			printf("%.*s\n", (int)n, message);
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int wrong_pid = getenv("WRONG_PID") != NULL, notify, fd;
	char notify_path[108];

	if (argc < 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(notify_path, sizeof notify_path, "%s.notify", argv[1]);
	notify = bound(notify_path, SOCK_DGRAM);
	fd = bound(argv[1], SOCK_STREAM);
	if (notify == SOCKET_FD) { /* make room */
		notify = dup(notify);
		close(SOCKET_FD);
	}
	if (listen(fd, 64) < 0 || dup2(fd, SOCKET_FD) < 0)
		die("listen");
	for (int runs = atoi(argv[2]); runs > 0; runs--) {
		pid_t pid = start(argv + 3, notify_path, wrong_pid);

		printf("start %ld\n", (long)pid);
		printf("end %d\n", listen_to(pid, notify));
	}
	return 0;
}
