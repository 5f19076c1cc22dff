/*
 * fcgi_raw: a FastCGI client without a library, for records that no web server sends.
 *
 *	fcgi_raw unix:/path|127.0.0.1:port STEP...
 *
 * Records, all in the order in which they are given (the FastCGI specification, 3.3):
 *	begin             BEGIN_REQUEST, responder; begin=keep with KEEP_CONN
 *	param=NAME=VALUE  one PARAMS record        params-end    its empty record
 *	stdin=TEXT        STDIN record             stdin-end     its empty record
 *	stdin-file=PATH   as many STDIN records as the file needs
 *	drip=N            a byte of STDIN every half a second, N of them or until an answer comes
 *	abort             ABORT_REQUEST            values        GET_VALUES (management)
 *	record=TYPE:TEXT  any other record         hex=BYTES     bytes that are no record
 * What the following records look like:
 *	version=N  id=N  role=N  padding=N
 *	lie=N             the next record claims N bytes of content more (or less)
 * How bytes travel:
 *	hold-back         collect what follows …
 *	split=N           … or send it in pieces of N bytes, each in its own segment
 *	flush             send what was collected, in one write
 *	half-close        no more bytes from here; the answer can still come
 *	connect           hang up and begin anew
 * What comes back:
 *	read              print stdout's bytes, "# stderr: …", and "[end APP PROTOCOL]" or,
 *	                  if the peer closes first, "[closed]"
 *	hold=PATH         wait until the answer begins, print "[begun]", and read nothing of it
 *	                  until the file PATH exists
 *	wait-close        send nothing and wait until the peer closes: "[closed]"
 * Waiting is bounded by FCGI_RAW_MS (default 30000): "[timeout]", exit status 3.
 * Exit status 2: wrong usage or no connection. A write to a closed peer is no error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	BEGIN = 1,
	ABORT = 2,
	END = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	STDERR = 7,
	GET_VALUES = 9,
	HEADER = 8,
	CONTENT_MAX = 65535,
};

struct client {
	const char *address;
	int fd;
	unsigned version, id, role, padding, split;
	int lie;
	bool holding;
	char *held;
	size_t held_n;
};

static void die(const char *what, const char *about)
{
	fprintf(stderr, "fcgi_raw: %s: %s\n", what, about);
	exit(2);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof a.sun_path)
		die("path too long", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? fd : -1;
}

static int connect_loopback(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)atoi(port));
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* for split */
	return fd;
}

static void reconnect(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (strncmp(c->address, "unix:", 5) == 0)
		c->fd = connect_unix(c->address + 5);
	else if (strncmp(c->address, "127.0.0.1:", 10) == 0)
		c->fd = connect_loopback(c->address + 10);
	else
		die("no such address", c->address);
	if (c->fd < 0)
		die(strerror(errno), c->address);
}

static void write_all(struct client *c, const char *p, size_t n)
{
	while (n > 0) {
		size_t piece = c->split > 0 && c->split < n ? c->split : n;
		ssize_t done = write(c->fd, p, piece);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return; /* the peer reads no more, but its answer is still to be read */
		p += done;
		n -= (size_t)done;
	}
}

static void send_bytes(struct client *c, const char *p, size_t n)
{
	if (!c->holding) {
		write_all(c, p, n);
		return;
	}
	c->held = realloc(c->held, c->held_n + n + 1);
	if (c->held == NULL)
		die("out of memory", "hold-back");
	memcpy(c->held + c->held_n, p, n);
	c->held_n += n;
}

static void flush_held(struct client *c)
{
	c->holding = false;
	write_all(c, c->held, c->held_n);
	c->held_n = 0;
}

/* The one place that lays out a record. */
static void send_record(struct client *c, unsigned type, const char *content, size_t n)
{
	static const char zeros[256];
	size_t claimed = (size_t)((long)n + c->lie);
	char header[HEADER] = { (char)c->version,     (char)type,    (char)(c->id >> 8), (char)c->id,
		                (char)(claimed >> 8), (char)claimed, (char)c->padding,   0 };

	c->lie = 0;
	send_bytes(c, header, sizeof header);
	send_bytes(c, content, n);
	send_bytes(c, zeros, c->padding);
}

static void send_begin(struct client *c, bool keep)
{
	char body[8] = { (char)(c->role >> 8), (char)c->role, keep };

	send_record(c, BEGIN, body, sizeof body);
}

/* A length: a byte, or four with the top bit set (the specification, 3.4). */
static size_t put_length(char *to, size_t n)
{
	if (n < 128) {
		to[0] = (char)n;
		return 1;
	}
	to[0] = (char)(n >> 24 | 0x80);
	to[1] = (char)(n >> 16);
	to[2] = (char)(n >> 8);
	to[3] = (char)n;
	return 4;
}

static void send_param(struct client *c, const char *pair)
{
	static char content[CONTENT_MAX];
	const char *equals = strchr(pair, '=');
	size_t name, value, at;

	if (equals == NULL || strlen(pair) + 8 > sizeof content)
		die("not NAME=VALUE", pair);
	name = (size_t)(equals - pair);
	value = strlen(equals + 1);
	at = put_length(content, name);
	at += put_length(content + at, value);
	memcpy(content + at, pair, name);
	memcpy(content + at + name, equals + 1, value);
	send_record(c, PARAMS, content, at + name + value);
}

static void send_stdin_file(struct client *c, const char *path)
{
	static char content[CONTENT_MAX];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		die(strerror(errno), path);
	while ((n = fread(content, 1, sizeof content, f)) > 0)
		send_record(c, STDIN, content, n);
	fclose(f);
}

static void send_hex(struct client *c, const char *hex)
{
	unsigned byte;

	for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
		char one;

		if (sscanf(hex, "%2x", &byte) != 1)
			die("not hex", hex);
		one = (char)byte;
		send_bytes(c, &one, 1);
	}
}

static void send_any(struct client *c, const char *type_and_text)
{
	char *text;
	unsigned long type = strtoul(type_and_text, &text, 10);

	if (*text != ':')
		die("not TYPE:TEXT", type_and_text);
	send_record(c, (unsigned)type, text + 1, strlen(text + 1));
}

/* Reads exactly n bytes. False when the peer closes; ends the program when time is up. */
static bool read_all(struct client *c, char *to, size_t n, int64_t end)
{
	while (n > 0) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		int64_t left = end - now_ms();
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			printf("[timeout]\n");
			exit(3);
		}
		got = read(c->fd, to, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static int64_t deadline(void)
{
	const char *ms = getenv("FCGI_RAW_MS");

	return now_ms() + (ms != NULL ? atoi(ms) : 30000);
}

static void print_record(unsigned type, const unsigned char *content, size_t n)
{
	if (type == STDOUT)
		fwrite(content, 1, n, stdout);
	else if (type == STDERR)
		printf("# stderr: %.*s\n", (int)n, (const char *)content);
	else if (type == END && n >= 8)
		printf("[end %u %u]\n", (unsigned)content[3] | (unsigned)content[2] << 8, content[4]);
	else if (type != END)
		printf("[record %u]\n", type);
}

static void read_answer(struct client *c)
{
	static unsigned char header[HEADER], content[CONTENT_MAX + 256];
	int64_t end = deadline();

	while (read_all(c, (char *)header, sizeof header, end)) {
		size_t n = (size_t)header[4] << 8 | header[5];

		if (!read_all(c, (char *)content, n + header[6], end))
			break;
		print_record(header[1], content, n);
		if (header[1] == END)
			return;
	}
	printf("[closed]\n");
}

static void wait_close(struct client *c)
{
	int64_t end = deadline();
	char byte;

	while (read_all(c, &byte, 1, end))
		;
	printf("[closed]\n");
}

static void hold(struct client *c, const char *path)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int64_t end = deadline();

	poll(&p, 1, (int)(end - now_ms()));
	printf("[begun]\n");
	fflush(stdout);
	while (access(path, F_OK) != 0 && now_ms() < end)
		poll(NULL, 0, 10);
}

/* A step that sets a number for the following records. */
static bool set_number(struct client *c, const char *name, const char *value)
{
	const struct {
		const char *name;
		unsigned *number;
	} numbers[] = { { "version", &c->version },
		        { "id", &c->id },
		        { "role", &c->role },
		        { "padding", &c->padding },
		        { "split", &c->split } };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (strcmp(name, numbers[i].name) == 0) {
			*numbers[i].number = (unsigned)atoi(value);
			return true;
		}
	if (strcmp(name, "lie") != 0)
		return false;
	c->lie = atoi(value);
	return true;
}

static void drip(struct client *c, int n)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	do
		send_record(c, STDIN, "x", 1);
	while (--n > 0 && poll(&p, 1, 500) == 0);
}

static bool step_plain(struct client *c, const char *name)
{
	if (strcmp(name, "begin") == 0)
		send_begin(c, false);
	else if (strcmp(name, "params-end") == 0)
		send_record(c, PARAMS, "", 0);
	else if (strcmp(name, "stdin-end") == 0)
		send_record(c, STDIN, "", 0);
	else if (strcmp(name, "abort") == 0)
		send_record(c, ABORT, "", 0);
	else if (strcmp(name, "values") == 0)
		send_record(c, GET_VALUES, "\017\0FCGI_MPXS_CONNS", 17);
	else if (strcmp(name, "hold-back") == 0)
		c->holding = true;
	else if (strcmp(name, "flush") == 0)
		flush_held(c);
	else if (strcmp(name, "half-close") == 0)
		shutdown(c->fd, SHUT_WR);
	else if (strcmp(name, "connect") == 0)
		reconnect(c);
	else if (strcmp(name, "read") == 0)
		read_answer(c);
	else if (strcmp(name, "wait-close") == 0)
		wait_close(c);
	else
		return false;
	return true;
}

static bool step_with_value(struct client *c, const char *name, const char *value)
{
	if (strcmp(name, "begin") == 0)
		send_begin(c, strcmp(value, "keep") == 0);
	else if (strcmp(name, "param") == 0)
		send_param(c, value);
	else if (strcmp(name, "stdin") == 0)
		send_record(c, STDIN, value, strlen(value));
	else if (strcmp(name, "stdin-file") == 0)
		send_stdin_file(c, value);
	else if (strcmp(name, "drip") == 0)
		drip(c, atoi(value));
	else if (strcmp(name, "hold") == 0)
		hold(c, value);
	else if (strcmp(name, "record") == 0)
		send_any(c, value);
	else if (strcmp(name, "hex") == 0)
		send_hex(c, value);
	else
		return set_number(c, name, value);
	return true;
}

static void step(struct client *c, char *text)
{
	char *equals = strchr(text, '=');
	bool known;

	if (equals == NULL) {
		known = step_plain(c, text);
	} else {
		*equals = '\0';
		known = step_with_value(c, text, equals + 1);
	}
	if (!known)
		die("no such step", text);
}

int main(int argc, char **argv)
{
	struct client c = { .fd = -1, .version = 1, .id = 1, .role = 1 };

	if (argc < 3)
		die("usage", "fcgi_raw unix:/path|127.0.0.1:port STEP...");
	signal(SIGPIPE, SIG_IGN);
	c.address = argv[1];
	reconnect(&c);
	for (int i = 2; i < argc; i++) {
		step(&c, argv[i]);
		fflush(stdout);
	}
	free(c.held);
	return 0;
}
