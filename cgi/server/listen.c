#include "cgi/server/listen.h"
#include "base/io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	INHERITED = 3, /* SD_LISTEN_FDS_START */
};

static int fail(int fd, const char *address, const char *why)
{
	fprintf(stderr, "hookspool.fcgi: --listen %s: %s\n", address, why);
	if (fd >= 0)
		close(fd);
	return -1;
}

const char *hs_listen_path(const char *address)
{
	return address != NULL && strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

/* True for a socket that no process listens on any more. One whose queue is full (EAGAIN) is alive. */
static int is_dead(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, dead;

	if (hs_io_stat(AT_FDCWD, a->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	dead = connect(fd, (const struct sockaddr *)a, sizeof *a) < 0 && errno == ECONNREFUSED;
	close(fd);
	return dead;
}

static int listen_unix(const char *address, const char *path, struct stat *file)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, bound;

	if (path[0] == '\0') /* bind(2) would choose the abstract name space, which has no permissions (unix(7)) */
		return fail(-1, address, "expected unix:/path");
	if (strlen(path) >= sizeof a.sun_path)
		return fail(-1, address, "the path is too long for a socket: choose one under 108 bytes");
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(fd, address, strerror(errno));
	if (is_dead(&a))
		hs_io_unlink(AT_FDCWD, path);
	mask = umask(0117); /* for the owner and the group, to which the web server belongs */
	bound = bind(fd, (const struct sockaddr *)&a, sizeof a);
	umask(mask);
	if (bound < 0)
		return fail(fd, address,
		            errno == EADDRINUSE ? "in use: stop the other program, or choose another path"
		                                : strerror(errno));
	if (hs_io_stat(AT_FDCWD, path, file) < 0 || listen(fd, BACKLOG) < 0)
		return fail(fd, address, strerror(errno));
	return fd;
}

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/*
 * Reads 127.0.0.1:9000 or [::1]:9000: numbers only, without getaddrinfo(3), for which glibc
 * loads libraries of its own version; a static program has none.
 */
static bool read_endpoint(const char *address, union endpoint *e, socklen_t *size)
{
	const char *colon = strrchr(address, ':');
	char host[64] = "", *end;
	size_t n = colon == NULL ? 0 : (size_t)(colon - address);
	unsigned long port;

	if (n == 0 || n >= sizeof host || !hs_is_digit(colon[1]))
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port > 65535)
		return false;
	memset(e, 0, sizeof *e);
	if (address[0] == '[' && address[n - 1] == ']')
		memcpy(host, address + 1, n - 2);
	else
		memcpy(host, address, n);
	if (inet_pton(AF_INET, host, &e->v4.sin_addr) == 1) {
		e->v4.sin_family = AF_INET;
		e->v4.sin_port = htons((uint16_t)port);
		*size = sizeof e->v4;
		return true;
	}
	e->v6.sin6_family = AF_INET6;
	e->v6.sin6_port = htons((uint16_t)port);
	*size = sizeof e->v6;
	return inet_pton(AF_INET6, host, &e->v6.sin6_addr) == 1;
}

static int listen_tcp(const char *address)
{
	union endpoint e;
	socklen_t size;
	int fd, on = 1;

	if (!read_endpoint(address, &e, &size))
		return fail(-1, address, "expected unix:/path or a numeric HOST:PORT, such as 127.0.0.1:9000");
	fd = socket(e.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, &e.any, size) < 0 || listen(fd, BACKLOG) < 0)
		fd = fail(fd, address, strerror(errno));
	return fd;
}

int hs_listen(const char *address, struct stat *file)
{
	const char *path = hs_listen_path(address);

	return path != NULL ? listen_unix(address, path, file) : listen_tcp(address);
}

/* A child inherits the variables; LISTEN_PID tells it that they are not its own. */
int hs_listen_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	char own[24];

	snprintf(own, sizeof own, "%ld", (long)getpid());
	if (pid == NULL || count == NULL || strcmp(pid, own) != 0)
		return -1;
	if (strcmp(count, "1") != 0 || !hs_listen_is(INHERITED)) {
		fprintf(stderr,
		        "hookspool.fcgi: LISTEN_FDS=%s: expected one listening socket: "
		        "one ListenStream= in the socket unit, and Accept=no\n",
		        count);
		return -2;
	}
	fcntl(INHERITED, F_SETFD, FD_CLOEXEC);
	return INHERITED;
}

void hs_listen_end(const char *address, const struct stat *file)
{
	const char *path = hs_listen_path(address);
	struct stat st;

	if (path != NULL && hs_io_stat(AT_FDCWD, path, &st) == 0 && st.st_dev == file->st_dev &&
	    st.st_ino == file->st_ino)
		hs_io_unlink(AT_FDCWD, path);
}

int hs_listen_is(int fd)
{
	socklen_t n = sizeof(int);
	int on = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}
