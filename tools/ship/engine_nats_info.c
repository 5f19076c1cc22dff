#include "base/io.h"
#include "tools/ship/engine_nats.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INFO_MAX = 64 << 10 };

/* Cuts nats://HOST:PORT into its parts; a host in brackets is an IPv6 address. */
static bool split(const char *url, char host[static 256], char port[static 8])
{
	const char *begin = strstr(url, "://"), *colon, *end;

	begin = begin != NULL ? begin + 3 : url;
	colon = strrchr(begin, ':');
	if (colon == NULL || strlen(colon + 1) >= 8)
		return false;
	end = colon;
	if (begin[0] == '[' && end[-1] == ']') {
		begin++;
		end--;
	}
	if (end <= begin || end - begin >= 256)
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	snprintf(port, 8, "%s", colon + 1);
	return true;
}

static int connect_within(const struct addrinfo *address, int64_t until_ms)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t size = sizeof error;

	if (fd < 0)
		return -1;
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		hs_io_wait_writable(fd, until_ms - hs_io_now_monotonic());
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
			return fd;
	}
	close(fd);
	return -1;
}

static int dial(const char *host, const char *port, int64_t until_ms)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *at = list; at != NULL && fd < 0 && hs_io_now_monotonic() < until_ms; at = at->ai_next)
		fd = connect_within(at, until_ms);
	freeaddrinfo(list);
	return fd;
}

/* Appends what comes up to the first line end. False: it does not come in time. */
static bool read_line(int fd, int64_t until_ms, struct hs_buf *line)
{
	while (hs_io_now_monotonic() < until_ms && line->n < INFO_MAX) {
		char *to = hs_buf_reserve(line, 4096);
		ssize_t n;

		if (to == NULL)
			return false;
		hs_io_wait_readable(fd, until_ms - hs_io_now_monotonic());
		n = recv(fd, to, 4096, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		line->n += n > 0 ? (size_t)n : 0;
		if (n > 0 && memchr(line->p, '\n', line->n) != NULL)
			return true;
	}
	return false;
}

static bool parse(struct hs_slice text, char *name, char *version)
{
	const char *end = memchr(text.p, '\n', text.n);
	struct hs_json json;
	bool ok;

	if (end == NULL || text.n < 5 || memcmp(text.p, "INFO ", 5) != 0)
		return false;
	hs_json_init(&json, 0);
	ok = hs_json_document(&json, hs_slice_trim(hs_slice(text.p + 5, (size_t)(end - text.p) - 5))) == HS_OK;
	if (ok) {
		hs_member_text(&json, 0, "server_name", name, HS_NATS_NAME_MAX);
		hs_member_text(&json, 0, "version", version, 24);
	}
	hs_json_free(&json);
	return ok;
}

bool hs_nats_server_info(const char *url, int64_t ms, char name[static HS_NATS_NAME_MAX], char version[static 24])
{
	int64_t until_ms = hs_io_now_monotonic() + ms;
	struct hs_buf line = { 0 };
	char host[256], port[8];
	bool ok = false;
	int fd;

	name[0] = version[0] = '\0';
	fd = split(url, host, port) ? dial(host, port, until_ms) : -1;
	if (fd >= 0) {
		ok = read_line(fd, until_ms, &line) && parse(hs_buf_slice(&line), name, version);
		close(fd);
	}
	hs_buf_free(&line);
	return ok;
}
