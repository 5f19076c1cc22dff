/*
 * The least publisher to NATS JetStream: one socket, HPUB in writes of 64 KB, answers counted. What hookspool ship is
 * compared with: the servers do the same work, and this program does none.
 *
 *	publish PORT SUBJECT WINDOW PREFIX <LINES     each line is a message whose id is PREFIX and its number
 *
 * Prints messages per second; 1 if an answer is no acknowledgement.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 64 << 10, LINE_MOST = 1 << 20, READ = 256 << 10 };

static struct {
	int fd;
	char out[WRITE + LINE_MOST + 512], in[READ + 1];
	size_t n_out, n_in;
	unsigned long sent, answered;
} p;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_out(void)
{
	for (size_t done = 0; done < p.n_out;) {
		ssize_t n = write(p.fd, p.out + done, p.n_out - done);

		if (n < 0)
			die("write");
		done += (size_t)n;
	}
	p.n_out = 0;
}

static void put(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	p.n_out += (size_t)vsnprintf(p.out + p.n_out, sizeof p.out - p.n_out, format, args);
	va_end(args);
}

/* Takes a line of the protocol; the body of a MSG is one, too. */
static void take_line(const char *line)
{
	if (line[0] == '{') {
		if (strstr(line, "\"seq\":") == NULL || strstr(line, "\"seq\":0") != NULL ||
		    strstr(line, "\"error\"") != NULL) {
			fprintf(stderr, "%s\n", line);
			exit(1);
		}
		p.answered++;
	} else if (strncmp(line, "PING", 4) == 0) {
		put("PONG\r\n");
	} else if (line[0] == '-') {
		fprintf(stderr, "%s\n", line);
		exit(1);
	}
}

static void take_answers(void)
{
	char *line = p.in, *end;
	ssize_t n = read(p.fd, p.in + p.n_in, READ - p.n_in);

	if (n <= 0)
		die("read");
	p.n_in += (size_t)n;
	p.in[p.n_in] = '\0';
	for (; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
		*end = '\0';
		take_line(line);
	}
	p.n_in -= (size_t)(line - p.in);
	memmove(p.in, line, p.n_in);
}

static void publish(const char *subject, const char *prefix, const char *line, size_t n)
{
	char head[256];
	int h = snprintf(head, sizeof head,
	                 "NATS/1.0\r\nNats-Expected-Stream: limit\r\nNats-Msg-Id: %s-%lu\r\nHookspool-Pos: 42:%lu:0 "
	                 "42:%lu:0@%lu\r\n\r\n",
	                 prefix, p.sent, p.sent, p.sent, p.sent);

	put("HPUB %s _INBOX.p.%lu %d %zu\r\n%s", subject, p.sent, h, (size_t)h + n, head);
	memcpy(p.out + p.n_out, line, n);
	p.n_out += n;
	put("\r\n");
	p.sent++;
	if (p.n_out >= WRITE)
		write_out();
}

static void connect_to(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port)) };
	int one = 1;

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	p.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (p.fd < 0 || connect(p.fd, (struct sockaddr *)&address, sizeof address) != 0)
		die("connect");
	setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	put("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB _INBOX.p.* 1\r\n");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long window;
	double start = now();
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (argc != 5)
		return 2;
	window = strtoul(argv[3], NULL, 10);
	connect_to(argv[1]);
	while ((n = getline(&line, &room, stdin)) > 0 && n < LINE_MOST) {
		if (p.sent - p.answered >= window)
			write_out();
		while (p.sent - p.answered >= window)
			take_answers();
		publish(argv[2], argv[4], line, (size_t)n - 1);
	}
	write_out();
	while (p.answered < p.sent)
		take_answers();
	printf("%.0f\n", (double)p.sent / (now() - start));
	free(line);
	return 0;
}
