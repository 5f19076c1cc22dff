#include "cgi/server/sd_notify.h"
#include "base/log.h"
#include "base/slice.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { WATCHDOG_MOST_MS = 86400000 }; /* a day; a longer watchdog would watch nothing */

/* Reads a whole number; 0 if it is not one. */
static int64_t number(const char *text)
{
	char *end;
	long long n;

	if (text == NULL || !hs_is_digit(text[0]))
		return 0;
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno != 0 || *end != '\0' ? 0 : n;
}

/* Returns the length of the address; 0: not an address. An abstract name is not terminated (unix(7)). */
static socklen_t address_of(const char *name, struct sockaddr_un *a)
{
	size_t n = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof a->sun_path)
		return 0;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, name, n);
	if (name[0] == '@')
		a->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
}

static int connected(const char *name)
{
	struct sockaddr_un a;
	socklen_t n = address_of(name, &a);
	int fd = -1;

	errno = EINVAL;
	if (n > 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, n) == 0)
		return fd;
	hs_log(HS_LOG_WARN, "NOTIFY_SOCKET: %s: the supervisor will not be notified", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The watchdog may be meant for the process that started us. */
static int64_t watchdog(const char *usec, const char *pid)
{
	int64_t ms = number(usec) / 1000 / 2;

	if (pid != NULL && number(pid) != getpid())
		return 0;
	return ms > WATCHDOG_MOST_MS ? WATCHDOG_MOST_MS : ms;
}

void hs_sd_notify_open(struct hs_sd_notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct hs_sd_notify){ .fd = -1 };
	if (name == NULL || name[0] == '\0')
		return;
	n->fd = connected(name);
	n->watchdog_ms = watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
}

static void tell(const struct hs_sd_notify *n, const char *message)
{
	if (n->fd >= 0)
		(void)!send(n->fd, message, strlen(message), MSG_NOSIGNAL);
}

void hs_sd_notify_ready(const struct hs_sd_notify *n)
{
	tell(n, "READY=1");
}

void hs_sd_notify_stopping(const struct hs_sd_notify *n)
{
	tell(n, "STOPPING=1");
}

/* The time, in microseconds, distinguishes this reload from an earlier one (sd_notify(3)). */
void hs_sd_notify_reloading(const struct hs_sd_notify *n)
{
	struct timespec t;
	char message[64];

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%lld",
	         (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	tell(n, message);
}

void hs_sd_notify_alive(struct hs_sd_notify *n, int64_t now_ms)
{
	if (n->watchdog_ms == 0 || now_ms < n->due_ms)
		return;
	tell(n, "WATCHDOG=1");
	n->due_ms = now_ms + n->watchdog_ms;
}

void hs_sd_notify_close(struct hs_sd_notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}
