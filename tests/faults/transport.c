#include "tests/faults/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { ANSWER_S = 15 }; /* nobody waits longer for one */

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void sleep_ns(int64_t ns)
{
	nanosleep(&(struct timespec){ ns / 1000000000, ns % 1000000000 }, NULL);
}

/* "Status: 200 OK" of CGI, or "HTTP/1.1 200 OK"; only of a whole answer. */
static void read_status(struct answer *a)
{
	const char *end = strstr(a->text, "\r\n\r\n");
	const char *status = strncmp(a->text, "HTTP/1.", 7) == 0 ? a->text + 9 : strstr(a->text, "Status: ");

	if (status == NULL || end == NULL || status > end || strchr(end + 4, '}') == NULL)
		return;
	a->status = atoi(*status == 'S' ? status + 8 : status);
}

/* True until the bytes are sent, or the other side is gone. */
static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = write(fd, p, n);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* --- CGI ---------------------------------------------------------------------- */

static char **cgi_environment(const struct request *r, char *length, char *signature)
{
	static char *fixed[] = { "GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=POST", "CONTENT_TYPE=application/json",
		                 "SERVER_PROTOCOL=HTTP/1.1", "REMOTE_ADDR=127.0.0.1" };
	size_t n = 0, fixed_n = sizeof fixed / sizeof *fixed;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = calloc(n + fixed_n + 3, sizeof *env);
	if (env == NULL)
		abort();
	memcpy(env, environ, n * sizeof *env);
	memcpy(env + n, fixed, sizeof fixed);
	sprintf(length, "CONTENT_LENGTH=%zu", r->n);
	sprintf(signature, "HTTP_X_SIGNATURE=%s", r->signature);
	env[n + fixed_n] = length;
	env[n + fixed_n + 1] = signature;
	return env;
}

/* Starts a program with these descriptors as 0 and 1; the caller's others are closed. */
static pid_t spawn(char *const argv[], char **env, int in, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (posix_spawn(&pid, argv[0], &actions, &attr, argv, env) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return pid;
}

pid_t start_program(char *const argv[])
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid = spawn(argv, environ, null, -1);

	close(null);
	return pid;
}

/* Sends the body and reads the answer, both at once; kills when it is time to. */
static void talk(pid_t pid, int in, int out, const struct request *r, int64_t kill_at, struct answer *a)
{
	int64_t give_up = now_ns() + ANSWER_S * INT64_C(1000000000);
	size_t sent = 0, got = 0;

	for (;;) {
		struct pollfd p[2] = { { .fd = out, .events = POLLIN },
			               { .fd = sent < r->n ? in : -1, .events = POLLOUT } };
		int64_t now = now_ns(), until = kill_at >= 0 && kill_at < give_up ? kill_at : give_up;
		int64_t left = until > now ? until - now : 0;
		ssize_t n;

		if (ppoll(p, 2, &(struct timespec){ left / 1000000000, left % 1000000000 }, NULL) == 0) {
			kill(pid, SIGKILL);
			kill_at = -1;
			continue;
		}
		if (p[1].revents != 0) {
			n = write(in, r->body + sent, r->n - sent);
			sent = n > 0 ? sent + (size_t)n : r->n;
		}
		if (p[0].revents != 0) {
			n = read(out, a->text + got, sizeof a->text - 1 - got);
			if (n <= 0)
				return;
			got += (size_t)n;
		}
	}
}

void post_cgi(const char *program, const struct request *r, int64_t kill_after_ns, struct answer *a)
{
	char length[64], signature[64];
	char *argv[] = { (char *)(uintptr_t)program, NULL };
	char **env = cgi_environment(r, length, signature);
	int in[2], out[2], status = 0;
	pid_t pid = -1;

	memset(a, 0, sizeof *a);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		abort();
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	pid = spawn(argv, env, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (pid > 0) {
		talk(pid, in[1], out[0], r, kill_after_ns < 0 ? -1 : now_ns() + kill_after_ns, a);
		waitpid(pid, &status, 0);
		a->killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		read_status(a);
	}
	close(in[1]);
	close(out[0]);
	free(env);
}

/* --- sockets -------------------------------------------------------------------- */

static int connected(int stream, const struct sockaddr *address, socklen_t n)
{
	struct timeval limit = { .tv_sec = ANSWER_S };
	int fd = socket(stream, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, address, n) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Reads n bytes, or to the end; how many. */
static size_t receive(int fd, char *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, to + got, n - got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

void post_http(int port, const char *path, const struct request *r, struct answer *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = connected(AF_INET, (struct sockaddr *)&to, sizeof to);
	char head[512];
	int n;

	memset(a, 0, sizeof *a);
	if (fd < 0)
		return;
	n = snprintf(head, sizeof head,
	             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
	             "Content-Type: application/json\r\nContent-Length: %zu\r\nX-Signature: %s\r\n\r\n",
	             path, r->n, r->signature);
	if (send_all(fd, head, (size_t)n) && send_all(fd, r->body, r->n)) {
		receive(fd, a->text, sizeof a->text - 1);
		read_status(a);
	}
	close(fd);
}

/* --- FastCGI (the specification of 1996, chapter 3.3) ----------------------------- */

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, RECORD = 65528 };

static bool send_record(int fd, int type, const char *p, size_t n)
{
	unsigned char head[8] = { 1, (unsigned char)type, 0, 1, (unsigned char)(n >> 8), (unsigned char)n, 0, 0 };

	return send_all(fd, (char *)head, sizeof head) && send_all(fd, p, n);
}

static size_t put_pair(char *to, const char *name, const char *value)
{
	size_t name_n = strlen(name), value_n = strlen(value);

	to[0] = (char)name_n;
	to[1] = (char)value_n;
	memcpy(to + 2, name, name_n);
	memcpy(to + 2 + name_n, value, value_n);
	return 2 + name_n + value_n;
}

static bool send_params(int fd, const struct request *r)
{
	char params[512], length[24];
	size_t n = 0;

	snprintf(length, sizeof length, "%zu", r->n);
	n += put_pair(params + n, "GATEWAY_INTERFACE", "CGI/1.1");
	n += put_pair(params + n, "REQUEST_METHOD", "POST");
	n += put_pair(params + n, "CONTENT_TYPE", "application/json");
	n += put_pair(params + n, "CONTENT_LENGTH", length);
	n += put_pair(params + n, "REMOTE_ADDR", "127.0.0.1");
	n += put_pair(params + n, "HTTP_X_SIGNATURE", r->signature);
	return send_record(fd, PARAMS, params, n) && send_record(fd, PARAMS, NULL, 0);
}

/* A connection killed in mid-answer leaves no END_REQUEST: then there was no answer. */
static void receive_records(int fd, struct answer *a)
{
	static _Thread_local char content[65536 + 256];
	unsigned char head[8];
	size_t got = 0;

	while (receive(fd, (char *)head, sizeof head) == sizeof head) {
		size_t n = (size_t)head[4] << 8 | head[5], all = n + head[6];

		if (receive(fd, content, all) != all)
			return;
		if (head[1] == STDOUT && got + n < sizeof a->text) {
			memcpy(a->text + got, content, n);
			got += n;
		}
		if (head[1] == END_REQUEST) {
			read_status(a);
			return;
		}
	}
}

void post_fcgi(const char *socket_path, const struct request *r, struct answer *a)
{
	static const char begin[8] = { 0, 1 }; /* a responder; close when done */
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t sent = 0, n;
	bool ok;
	int fd;

	memset(a, 0, sizeof *a);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", socket_path);
	fd = connected(AF_UNIX, (struct sockaddr *)&to, sizeof to);
	if (fd < 0)
		return;
	ok = send_record(fd, BEGIN_REQUEST, begin, sizeof begin) && send_params(fd, r);
	while (ok && sent < r->n) {
		n = r->n - sent < RECORD ? r->n - sent : RECORD;
		ok = send_record(fd, STDIN, r->body + sent, n);
		sent += n;
	}
	if (ok && send_record(fd, STDIN, NULL, 0))
		receive_records(fd, a);
	close(fd);
}
