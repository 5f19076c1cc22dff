/*
 * load: signed events over HTTP/1.1, on connections that stay open.
 *
 *	load --port N [--path /hookspool] [--clients 64] [--seconds 3] [--warm-up 1]
 *	     [--batch N] [--rate N] --secret TEXT | --key KEY [--gzip N] EVENT-FILE
 *
 * Each event is the text of the file with a messageId that no other has: its last sixteen
 * characters become a number. A request is one event, or an array of --batch of them, and
 * carries the X-Signature that Segment would send: of the event, or of the first of a batch.
 *
 * With --key requests are those of a library that sends directly, to a path such as
 * /hookspool/v1/t: the key stands in for the signature, and --batch N makes one object around N
 * events. --gzip N compresses N bodies before the run, which ends early once all were sent.
 *
 * Without --rate each client sends its next request when it has the answer to the last.
 * With it requests become due at even intervals, whether answers come or not, and a latency
 * counts from that moment: a stall is seen in every request that it delays.
 *
 * Prints one JSON object. Exit code 1 if an answer was not 200 or did not come.
 * One thread, one send and one receive a request: it must cost less than what it measures.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <netinet/tcp.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ID_DIGITS = 16, MAC_DIGITS = 40, ANSWER_MAX = 8192, HEAD_MAX = 1024, KEY_MAX = 128, DRAIN_S = 20 };

static const int64_t SECOND = 1000000000;

struct options {
	const char *path, *secret, *key, *file;
	int port, clients, batch, gzip;
	double seconds, warm_up, rate;
};

struct request {
	char *text; /* head and body */
	size_t n, body_n;
};

struct client {
	int fd;             /* -1: not connected */
	bool busy, writing; /* a request is under way; epoll was asked for EPOLLOUT */
	int resent;         /* how often this request met a connection that was just closed */
	struct request own; /* numbered anew each time */
	struct request now; /* the one under way */
	size_t sent, got;
	int64_t due; /* when the request should have begun */
	char answer[ANSWER_MAX + 1];
};

struct load {
	struct options o;
	struct sockaddr_in address;
	EVP_MAC_CTX *keyed;
	char *event;
	size_t event_n, id_at;           /* bytes of an event, and the offset of its number */
	size_t head_n, mac_at, first_at; /* in a request: its signature's and first event's offset */
	size_t body_bytes;               /* of the last body sent */
	struct request *made;            /* compressed; o.gzip of them */
	int next_made;
	uint64_t next_id;
	int epoll;
	struct client *client;
	int64_t begin, from, until, next_due; /* requests that end from `from` to `until` are measured */
	uint32_t *latency_us;
	size_t latencies, latency_cap;
	uint64_t acknowledged, bad, reconnects, under_way, late;
	int first_bad; /* its status; 0: no answer */
};

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* --- requests ------------------------------------------------------------------ */

static void put_hex(char *to, uint64_t v, int digits)
{
	for (int i = digits - 1; i >= 0; i--, v >>= 4)
		to[i] = "0123456789abcdef"[v & 15];
}

static EVP_MAC_CTX *keyed_new(const char *secret)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	char digest[] = "SHA1";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		                OSSL_PARAM_construct_end() };

	if (ctx == NULL || !EVP_MAC_init(ctx, (const unsigned char *)secret, strlen(secret), params))
		die("HMAC-SHA1");
	EVP_MAC_free(mac);
	return ctx;
}

static void sign(const struct load *l, const char *text, size_t n, char *to)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(l->keyed);
	unsigned char mac[20];
	size_t size;

	if (ctx == NULL || !EVP_MAC_update(ctx, (const unsigned char *)text, n) ||
	    !EVP_MAC_final(ctx, mac, &size, sizeof mac))
		die("HMAC-SHA1");
	EVP_MAC_CTX_free(ctx);
	for (size_t i = 0; i < sizeof mac; i++)
		put_hex(to + 2 * i, mac[i], 2);
}

static void read_event(struct load *l)
{
	static const char member[] = "\"messageId\":\"";
	FILE *f = fopen(l->o.file, "r");
	size_t cap = 1 << 20;
	char *id, *end;

	l->event = malloc(cap);
	if (f == NULL || l->event == NULL)
		die(l->o.file);
	l->event_n = fread(l->event, 1, cap - 1, f);
	fclose(f);
	while (l->event_n > 0 && l->event[l->event_n - 1] == '\n')
		l->event_n--;
	l->event[l->event_n] = '\0';
	id = strstr(l->event, member);
	end = id == NULL ? NULL : strchr(id + sizeof member - 1, '"');
	if (end == NULL || end - id < (ptrdiff_t)sizeof member - 1 + ID_DIGITS) {
		fprintf(stderr, "load: %s: no messageId of %d characters\n", l->o.file, ID_DIGITS);
		exit(2);
	}
	l->id_at = (size_t)(end - l->event) - ID_DIGITS;
}

static size_t events_in_request(const struct load *l)
{
	return l->o.batch > 0 ? (size_t)l->o.batch : 1;
}

/* Writes the head of a request. Returns its length. */
static size_t head_write(const struct load *l, char *to, size_t body_n)
{
	char by_key[KEY_MAX + 1] = "", basic[4 * KEY_MAX];
	int n = snprintf(to, HEAD_MAX,
	                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
	                 "Content-Length: %zu\r\n",
	                 l->o.path, l->o.port, body_n);

	if (l->o.key == NULL)
		return (size_t)(n + snprintf(to + n, HEAD_MAX - (size_t)n, "X-Signature: %040d\r\n\r\n", 0));
	snprintf(by_key, sizeof by_key, "%s:", l->o.key);
	EVP_EncodeBlock((unsigned char *)basic, (const unsigned char *)by_key, (int)strlen(by_key));
	return (size_t)(n + snprintf(to + n, HEAD_MAX - (size_t)n, "Authorization: Basic %s\r\n%s\r\n", basic,
	                             l->o.gzip > 0 ? "Content-Encoding: gzip\r\n" : ""));
}

/* Writes what is around a batch. */
static void batch_ends(const struct load *l, char open[static HEAD_MAX], char close[static HEAD_MAX])
{
	time_t now = time(NULL);
	struct tm t;
	char text[32];

	open[0] = close[0] = '\0';
	if (l->o.batch == 0)
		return;
	strftime(text, sizeof text, "%FT%T.000Z", gmtime_r(&now, &t));
	snprintf(open, HEAD_MAX, "%s", l->o.key != NULL ? "{\"batch\":[" : "[");
	if (l->o.key == NULL)
		snprintf(close, HEAD_MAX, "]");
	else
		snprintf(close, HEAD_MAX, "],\"sentAt\":\"%s\",\"writeKey\":\"%s\"}", text, l->o.key);
}

/* Writes a client's request, except numbers and signature. */
static struct request request_new(struct load *l)
{
	size_t count = events_in_request(l);
	char open[HEAD_MAX], close[HEAD_MAX], *p;
	struct request r;

	batch_ends(l, open, close);
	r.body_n = strlen(open) + count * (l->event_n + 1) - 1 + strlen(close);
	r.text = malloc(HEAD_MAX + r.body_n + 1);
	if (r.text == NULL)
		die("memory");
	l->head_n = head_write(l, r.text, r.body_n);
	l->mac_at = l->head_n - 4 - MAC_DIGITS;
	l->first_at = l->head_n + strlen(open);
	r.n = l->head_n + r.body_n;
	p = stpcpy(r.text + l->head_n, open);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*p++ = ',';
		memcpy(p, l->event, l->event_n);
		p += l->event_n;
	}
	strcpy(p, close);
	return r;
}

/* Writes new numbers and their signature. */
static void request_renew(struct load *l, char *request)
{
	size_t count = events_in_request(l);
	char *event = request + l->first_at;

	for (size_t i = 0; i < count; i++)
		put_hex(event + i * (l->event_n + 1) + l->id_at, l->next_id++, ID_DIGITS);
	if (l->o.key == NULL)
		sign(l, event, l->event_n, request + l->mac_at);
}

static struct request request_gzip(const struct load *l, struct libdeflate_compressor *gzip,
                                   const struct request *plain)
{
	size_t cap = libdeflate_gzip_compress_bound(gzip, plain->body_n), head_n;
	char *body = malloc(cap);
	struct request r = { .text = malloc(HEAD_MAX + cap) };

	if (body == NULL || r.text == NULL)
		die("memory");
	r.body_n = libdeflate_gzip_compress(gzip, plain->text + l->head_n, plain->body_n, body, cap);
	head_n = head_write(l, r.text, r.body_n);
	memcpy(r.text + head_n, body, r.body_n);
	r.n = head_n + r.body_n;
	free(body);
	r.text = realloc(r.text, r.n);
	return r;
}

static void make_compressed(struct load *l)
{
	struct libdeflate_compressor *gzip = libdeflate_alloc_compressor(6);
	struct request plain = request_new(l);

	l->made = calloc((size_t)l->o.gzip, sizeof *l->made);
	if (gzip == NULL || l->made == NULL)
		die("memory");
	for (int i = 0; i < l->o.gzip; i++) {
		request_renew(l, plain.text);
		l->made[i] = request_gzip(l, gzip, &plain);
	}
	free(plain.text);
	libdeflate_free_compressor(gzip);
}

/* --- clients ------------------------------------------------------------------- */

static void watch(struct load *l, struct client *c, int operation, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (epoll_ctl(l->epoll, operation, c->fd, &e) < 0)
		die("epoll_ctl");
}

static void connect_client(struct load *l, struct client *c)
{
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&l->address, sizeof l->address) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
	c->writing = false;
}

static void disconnect(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void send_more(struct load *l, struct client *c)
{
	bool more;

	while (c->sent < c->now.n) {
		ssize_t n = send(c->fd, c->now.text + c->sent, c->now.n - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			break; /* full, or closed: then receive tells */
		c->sent += (size_t)n;
	}
	more = c->sent < c->now.n;
	if (more != c->writing)
		watch(l, c, EPOLL_CTL_MOD, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
	c->writing = more;
}

static void send_request(struct load *l, struct client *c)
{
	c->sent = c->got = 0;
	if (c->fd < 0)
		connect_client(l, c);
	send_more(l, c);
}

static void begin(struct load *l, struct client *c, int64_t due)
{
	if (l->o.gzip > 0) {
		c->now = l->made[l->next_made++];
		if (l->next_made == l->o.gzip)
			l->until = due < l->until ? due : l->until;
	} else {
		request_renew(l, c->own.text);
		c->now = c->own;
	}
	l->body_bytes = c->now.body_n;
	c->busy = true;
	c->resent = 0;
	c->due = due;
	l->under_way++;
	send_request(l, c);
}

static void keep_latency(struct load *l, int64_t ns)
{
	if (l->latencies == l->latency_cap) {
		l->latency_cap = l->latency_cap == 0 ? 1 << 16 : 2 * l->latency_cap;
		l->latency_us = realloc(l->latency_us, l->latency_cap * sizeof *l->latency_us);
		if (l->latency_us == NULL)
			die("memory");
	}
	l->latency_us[l->latencies++] = (uint32_t)(ns / 1000);
}

/* The request is over. status 0: no answer came. */
static void end(struct load *l, struct client *c, int status)
{
	int64_t now = now_ns();

	c->busy = false;
	l->under_way--;
	if (status == 200) {
		l->acknowledged++;
		if (now >= l->from && now < l->until)
			keep_latency(l, now - c->due);
	} else if (l->bad++ == 0) {
		l->first_bad = status;
		fprintf(stderr, "load: first bad answer: %.*s\n", (int)c->got, c->answer);
	}
}

/* Bytes of the whole answer, 0 until its head is complete, SIZE_MAX if it has no length. */
static size_t answer_length(const struct client *c, bool *close_after)
{
	const char *head_end = strstr(c->answer, "\r\n\r\n"), *p;

	if (head_end == NULL)
		return 0;
	p = strcasestr(c->answer, "\r\nconnection: close");
	*close_after = p != NULL && p < head_end;
	p = strcasestr(c->answer, "\r\ncontent-length:");
	if (p == NULL || p > head_end)
		return SIZE_MAX;
	return (size_t)(head_end + 4 - c->answer) + strtoul(p + sizeof "\r\ncontent-length:" - 1, NULL, 10);
}

/* The connection is closed. Before the first byte of an answer that is no fault: tries again. */
static void lost(struct load *l, struct client *c)
{
	disconnect(c);
	l->reconnects++;
	if (!c->busy)
		return;
	if (c->got == 0 && c->resent++ < 3)
		send_request(l, c);
	else
		end(l, c, 0);
}

static void receive(struct load *l, struct client *c)
{
	bool close_after = false;
	ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got, MSG_DONTWAIT);
	size_t length;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		lost(l, c);
		return;
	}
	c->got += (size_t)n;
	c->answer[c->got] = '\0';
	length = answer_length(c, &close_after);
	if (length == 0 || (length > c->got && length <= ANSWER_MAX))
		return;
	if (close_after || length != c->got || c->sent < c->now.n) {
		disconnect(c);
		l->reconnects++;
	}
	end(l, c, length == c->got ? atoi(c->answer + sizeof "HTTP/1.1" - 1) : 0);
}

/* --- the run ------------------------------------------------------------------- */

/* Requests that are due and clients that are free. */
static void start_due(struct load *l, int64_t now)
{
	for (int i = 0; i < l->o.clients && now < l->until; i++) {
		struct client *c = &l->client[i];

		if (c->busy)
			continue;
		if (l->o.rate == 0) {
			begin(l, c, now);
		} else if (l->next_due <= now) {
			l->late += now - l->next_due > SECOND / 1000;
			begin(l, c, l->next_due);
			l->next_due += (int64_t)((double)SECOND / l->o.rate);
		}
	}
}

static void wait_events(struct load *l, int64_t now)
{
	struct epoll_event e[64];
	int64_t wake = now < l->until ? l->until : now + SECOND;
	struct timespec t;
	int n;

	if (l->o.rate > 0 && now < l->until && l->next_due < wake)
		wake = l->next_due > now ? l->next_due : now + SECOND / 1000; /* all are busy */
	t = (struct timespec){ (wake - now) / SECOND, (wake - now) % SECOND };
	n = epoll_pwait2(l->epoll, e, 64, &t, NULL);
	if (n < 0 && errno != EINTR)
		die("epoll_pwait2");
	for (int i = 0; i < n; i++) {
		struct client *c = e[i].data.ptr;

		if (c->fd >= 0 && e[i].events & EPOLLOUT)
			send_more(l, c);
		if (c->fd >= 0 && e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			receive(l, c);
		if (l->o.rate == 0 && !c->busy && (now = now_ns()) < l->until)
			begin(l, c, now);
	}
}

static void run(struct load *l)
{
	int64_t now = l->begin = l->next_due = now_ns();

	l->from = l->begin + (int64_t)(l->o.warm_up * (double)SECOND);
	l->until = l->from + (int64_t)(l->o.seconds * (double)SECOND);
	for (bool first = true; now < l->until || l->under_way > 0; now = now_ns()) {
		if (now > l->until + DRAIN_S * SECOND) {
			l->bad += l->under_way;
			break;
		}
		if (first || l->o.rate > 0)
			start_due(l, now);
		first = false;
		wait_events(l, now);
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t percentile(const struct load *l, double p)
{
	return l->latencies == 0 ? 0 : l->latency_us[(size_t)(p * (double)(l->latencies - 1))];
}

static void report(struct load *l)
{
	double seconds = l->o.gzip > 0 ? (double)(l->until - l->from) / 1e9 : l->o.seconds;
	double per_second = (double)l->latencies / seconds;
	double events = per_second * (double)events_in_request(l);
	struct rusage u;
	double cpu;

	getrusage(RUSAGE_SELF, &u);
	cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	qsort(l->latency_us, l->latencies, sizeof *l->latency_us, by_size);
	printf("{\"requests_per_second\":%.1f,\"events_per_second\":%.1f,\"mb_per_second\":%.3f,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"requests\":%zu,"
	       "\"acknowledged_events\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"first_bad\":%d,\"late\":%" PRIu64
	       ",\"reconnects\":%" PRIu64 ",\"load_cpu_share\":%.3f,\"body_bytes\":%zu}\n",
	       per_second, events, per_second * (double)l->body_bytes / 1e6, percentile(l, 0.5), percentile(l, 0.99),
	       percentile(l, 1), l->latencies, l->acknowledged * events_in_request(l), l->bad, l->first_bad, l->late,
	       l->reconnects, cpu / ((double)(now_ns() - l->begin) / 1e9), l->body_bytes);
}

static void usage(void)
{
	fputs("usage: load --port N [--path P] [--clients N] [--seconds S] [--warm-up S]\n"
	      "            [--batch N] [--rate N] --secret TEXT | --key KEY [--gzip N] EVENT-FILE\n",
	      stderr);
	exit(2);
}

static struct options options_read(int argc, char **argv)
{
	static const struct option names[] = {
		{ "port", 1, NULL, 'p' },    { "path", 1, NULL, 'P' },    { "clients", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' }, { "warm-up", 1, NULL, 'w' }, { "batch", 1, NULL, 'b' },
		{ "rate", 1, NULL, 'r' },    { "secret", 1, NULL, 'k' },  { "key", 1, NULL, 'K' },
		{ "gzip", 1, NULL, 'z' },    { NULL, 0, NULL, 0 },
	};
	struct options o = { .path = "/hookspool", .clients = 64, .seconds = 3, .warm_up = 1 };

	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 'p': o.port = atoi(optarg); break;
		case 'P': o.path = optarg; break;
		case 'c': o.clients = atoi(optarg); break;
		case 's': o.seconds = atof(optarg); break;
		case 'w': o.warm_up = atof(optarg); break;
		case 'b': o.batch = atoi(optarg); break;
		case 'r': o.rate = atof(optarg); break;
		case 'k': o.secret = optarg; break;
		case 'K': o.key = optarg; break;
		case 'z': o.gzip = atoi(optarg); break;
		default: usage();
		}
	}
	if (optind != argc - 1 || o.port <= 0 || o.clients <= 0 || o.seconds <= 0 ||
	    (o.secret == NULL && o.key == NULL) || (o.gzip != 0 && (o.key == NULL || o.gzip < o.clients)) ||
	    (o.key != NULL && strlen(o.key) >= KEY_MAX) || strlen(o.path) > 128)
		usage();
	o.file = argv[optind];
	return o;
}

int main(int argc, char **argv)
{
	struct load l = { .o = options_read(argc, argv) };

	prctl(PR_SET_TIMERSLACK, 1UL); /* the paced mode wakes up on time */
	read_event(&l);
	if (l.o.key == NULL)
		l.keyed = keyed_new(l.o.secret);
	l.address = (struct sockaddr_in){ .sin_family = AF_INET,
		                          .sin_port = htons((uint16_t)l.o.port),
		                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.client = calloc((size_t)l.o.clients, sizeof *l.client);
	if (l.epoll < 0 || l.client == NULL || getrandom(&l.next_id, sizeof l.next_id, 0) != sizeof l.next_id)
		die("start");
	for (int i = 0; i < l.o.clients; i++) {
		l.client[i].own = request_new(&l);
		connect_client(&l, &l.client[i]);
	}
	if (l.o.gzip > 0)
		make_compressed(&l);
	run(&l);
	report(&l);
	for (int i = 0; i < l.o.clients; i++) {
		disconnect(&l.client[i]);
		free(l.client[i].own.text);
	}
	for (int i = 0; i < l.o.gzip; i++)
		free(l.made[i].text);
	free(l.made);
	free(l.client);
	free(l.latency_us);
	free(l.event);
	EVP_MAC_CTX_free(l.keyed);
	close(l.epoll);
	return l.bad == 0 && l.latencies > 0 ? 0 : 1;
}
