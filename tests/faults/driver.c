/*
 * driver: many senders that behave as Segment does, and somebody who kills.
 *
 *	driver [OPTION]... TARGET...
 *
 * Targets, each with so many senders (N):
 *	cgi=N:PROGRAM               one process a request; with -k killed at random
 *	listen=N:PROGRAM:SOCKET     started here with --listen; with -k killed, started again
 *	fcgi=N:SOCKET               a FastCGI program that runs already
 *	http=N:PORT:PATH:PROGRAM    a web server; with -k whoever runs PROGRAM is killed
 *
 * Each sender makes events with ids PREFIX-0, PREFIX-1, …, sends them in batches, and
 * sends a batch again until it is answered 200. -d makes some of the events duplicates of
 * any that was made before, which may be on its way just now.
 *
 * Prints figures. Exit 0: everything was acknowledged, with the counts that belong to it.
 */
#include "tests/faults/transport.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TARGETS = 8, SENDERS = 64, BATCH = 500, IDS = 1 << 22, EVENT_BYTES = 256 };

enum kind { CGI, LISTEN, FCGI, HTTP };

struct target {
	enum kind kind;
	int senders, port;
	char *program, *dir; /* socket or URL path */
	_Atomic pid_t pid;   /* of LISTEN */
	pthread_t killer;
};

/* The options. */
static struct {
	long events, kills; /* at least so many, whichever are asked for */
	int batch, duplicates, seconds;
	int64_t mean_ns; /* between two kills of a server, on average */
	const char *prefix, *secret, *ledger;
} want = { .batch = 1, .seconds = 600, .prefix = "id", .secret = "", .mean_ns = 25000000 };

static struct target target[TARGETS];
static int targets;

/* The outcome of a request. */
static _Atomic long made, sent_twice, kills, again, wrong, gave_up;
static _Atomic int64_t usual_ns = 5000000; /* how long a CGI process takes */
static _Atomic bool enough;
static unsigned char acknowledged[IDS];
static int64_t ends_at;

/* --- chance -------------------------------------------------------------------- */

static uint64_t chance(uint64_t *seed) /* splitmix64 */
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static long below(uint64_t *seed, long n)
{
	return n > 0 ? (long)(chance(seed) % (uint64_t)n) : 0;
}

/* --- requests ------------------------------------------------------------------- */

static int put_event(char *to, long id)
{
	return sprintf(to,
	               "{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u-%ld\",\"messageId\":\"%s-%ld\","
	               "\"properties\":{\"n\":%ld}}",
	               id % 1000, want.prefix, id, id);
}

/* X-Signature is over one event, or over the first of a batch. */
static void sign(struct request *r, const char *p, size_t n)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_n = 0;

	HMAC(EVP_sha1(), want.secret, (int)strlen(want.secret), (const unsigned char *)p, n, mac, &mac_n);
	for (unsigned i = 0; i < mac_n && i < 20; i++)
		sprintf(r->signature + 2 * i, "%02x", mac[i]);
}

struct batch {
	struct request request;
	char *text;
	long id[BATCH];
	int n;
};

static bool make_batch(struct batch *b, uint64_t *seed)
{
	size_t at = 0, first = 0;

	b->n = 1 + (int)below(seed, want.batch);
	b->text[at++] = '[';
	for (int i = 0; i < b->n; i++) {
		bool twice = below(seed, 100) < want.duplicates && atomic_load(&made) > 0;

		b->id[i] = twice ? below(seed, atomic_load(&made)) : atomic_fetch_add(&made, 1);
		if (b->id[i] >= IDS)
			return false;
		atomic_fetch_add(&sent_twice, twice);
		if (i > 0)
			b->text[at++] = ',';
		at += (size_t)put_event(b->text + at, b->id[i]);
		if (i == 0)
			first = at - 1;
	}
	b->text[at++] = ']';
	b->request.body = b->text;
	b->request.n = at;
	sign(&b->request, b->text + 1, first);
	return true;
}

static long number_after(const char *text, const char *label)
{
	const char *p = strstr(text, label);

	return p == NULL ? -1 : strtol(p + strlen(label), NULL, 10);
}

/* The target's answer. A CGI process may be killed on the way. */
static void post(struct target *t, const struct request *r, uint64_t *seed, struct answer *a)
{
	int64_t usual = atomic_load(&usual_ns), start = now_ns(), kill_after = -1;

	if (t->kind == LISTEN || t->kind == FCGI) {
		post_fcgi(t->dir, r, a);
	} else if (t->kind == HTTP) {
		post_http(t->port, t->dir, r, a);
	} else {
		if (want.kills > 0 && !atomic_load(&enough) && below(seed, 4) > 0)
			kill_after = below(seed, (long)(usual + usual / 4));
		post_cgi(t->program, r, kill_after, a);
		if (a->killed)
			atomic_fetch_add(&kills, 1);
		else
			atomic_store(&usual_ns, usual + (now_ns() - start - usual) / 16);
	}
}

/* Again and again until it is acknowledged. */
static void deliver(struct target *t, struct batch *b, uint64_t *seed)
{
	struct answer a;
	long sum;

	for (int tries = 0; now_ns() < ends_at; tries++) {
		if (tries > 0) {
			atomic_fetch_add(&again, 1);
			if (!a.killed)
				sleep_ns(1000000L << (tries < 6 ? tries : 6));
		}
		post(t, &b->request, seed, &a);
		if (a.status == 200)
			break;
		if (a.status != 0 && a.status != 500 && a.status != 503 && a.status != 502 && a.status != 504) {
			atomic_fetch_add(&wrong, 1);
			printf("# answered %d: %.300s\n", a.status, a.text);
			return;
		}
	}
	if (now_ns() >= ends_at) {
		atomic_fetch_add(&gave_up, 1);
		printf("# no 200 in time; the last answer: %d %.300s\n", a.status, a.text);
		return;
	}
	sum = number_after(a.text, "\"accepted\":") + number_after(a.text, "\"duplicate\":");
	if (sum != b->n) {
		atomic_fetch_add(&wrong, 1);
		printf("# %d events, but: %.300s\n", b->n, a.text);
	}
	for (int i = 0; i < b->n; i++)
		acknowledged[b->id[i]] = 1;
}

static bool is_enough(void)
{
	return (want.events == 0 || atomic_load(&made) >= want.events) &&
	       (want.kills == 0 || atomic_load(&kills) >= want.kills);
}

static void *sender(void *context)
{
	struct target *t = context;
	uint64_t seed = (uint64_t)now_ns() ^ (uint64_t)(uintptr_t)&seed;
	struct batch *b = calloc(1, sizeof *b);

	b->text = malloc((size_t)want.batch * EVENT_BYTES + 2);
	while (now_ns() < ends_at && !is_enough() && make_batch(b, &seed))
		deliver(t, b, &seed);
	free(b->text);
	free(b);
	return NULL;
}

/* --- servers --------------------------------------------------------------------- */

static void start(struct target *t)
{
	char address[PATH_MAX];
	char *argv[] = { t->program, "--listen", address, NULL };

	snprintf(address, sizeof address, "unix:%s", t->dir);
	t->pid = start_program(argv);
}

static void stop(struct target *t, int signal)
{
	kill(t->pid, signal);
	waitpid(t->pid, NULL, 0);
}

/* Was it started by this path? What file it runs only root may see, for it cannot be traced. */
static bool runs(int pid, const char *program)
{
	char path[64], words[4096] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	words[fread(words, 1, sizeof words - 1, file)] = '\0';
	fclose(file);
	return strcmp(words, program) == 0;
}

/* Kills every process of this program; how many. */
static int kill_all_of(const char *program)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	int n = 0;

	if (proc == NULL)
		return 0;
	while ((entry = readdir(proc)) != NULL) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && runs(pid, program))
			n += kill(pid, SIGKILL) == 0;
	}
	closedir(proc);
	return n;
}

/* From before the program listens to long after. */
static void *killer(void *context)
{
	struct target *t = context;
	uint64_t seed = (uint64_t)now_ns();

	while (!atomic_load(&enough)) {
		sleep_ns(below(&seed, (long)(2 * want.mean_ns)));
		if (is_enough())
			break;
		if (t->kind == LISTEN) {
			stop(t, SIGKILL);
			start(t);
			atomic_fetch_add(&kills, 1);
		} else {
			atomic_fetch_add(&kills, kill_all_of(t->program) > 0);
		}
	}
	return NULL;
}

/* A CGI process is killed by its sender. */
static bool has_killer(const struct target *t)
{
	return want.kills > 0 && (t->kind == LISTEN || t->kind == HTTP);
}

/* --- the whole -------------------------------------------------------------------- */

static bool add_target(char *text)
{
	struct target *t = &target[targets++];
	char *kind = strtok(text, "="), *n = strtok(NULL, ":"), *first = strtok(NULL, ":");
	char *second = strtok(NULL, ":"), *third = strtok(NULL, ":");

	if (kind == NULL || n == NULL || first == NULL)
		return false;
	t->senders = atoi(n);
	t->program = first;
	t->dir = second;
	if (strcmp(kind, "cgi") == 0) {
		t->kind = CGI;
	} else if (strcmp(kind, "listen") == 0 && second != NULL) {
		t->kind = LISTEN;
	} else if (strcmp(kind, "fcgi") == 0) {
		t->kind = FCGI;
		t->dir = first;
	} else if (strcmp(kind, "http") == 0 && third != NULL) {
		t->kind = HTTP;
		t->port = atoi(first);
		t->program = third;
	} else {
		return false;
	}
	return true;
}

static bool read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "e:k:b:d:t:p:s:l:m:")) != -1) {
		switch (option) {
		case 'e': want.events = atol(optarg); break;
		case 'k': want.kills = atol(optarg); break;
		case 'b': want.batch = atoi(optarg); break;
		case 'd': want.duplicates = atoi(optarg); break;
		case 't': want.seconds = atoi(optarg); break;
		case 'p': want.prefix = optarg; break;
		case 's': want.secret = optarg; break;
		case 'l': want.ledger = optarg; break;
		case 'm': want.mean_ns = atol(optarg) * 1000000; break;
		default: return false;
		}
	}
	while (optind < argc && targets < TARGETS)
		if (!add_target(argv[optind++]))
			return false;
	return targets > 0 && want.batch > 0 && want.batch <= BATCH;
}

static long write_ledger(void)
{
	FILE *f = want.ledger == NULL ? NULL : fopen(want.ledger, "w");
	long n = 0;

	for (long i = 0; i < IDS; i++) {
		n += acknowledged[i];
		if (acknowledged[i] && f != NULL)
			fprintf(f, "%s-%ld\n", want.prefix, i);
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static void run(void)
{
	pthread_t thread[SENDERS];
	int n = 0;

	for (int i = 0; i < targets; i++) {
		if (target[i].kind == LISTEN)
			start(&target[i]);
		if (has_killer(&target[i]))
			pthread_create(&target[i].killer, NULL, killer, &target[i]);
		for (int j = 0; j < target[i].senders && n < SENDERS; j++)
			pthread_create(&thread[n++], NULL, sender, &target[i]);
	}
	/*
	 * A sender whose time has come is still delivering, perhaps for a server that is
	 * killed; so the killing ends when the counts are reached, not the last.
	 */
	while (!is_enough() && now_ns() < ends_at)
		sleep_ns(1000000);
	atomic_store(&enough, true);
	for (int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < targets; i++) {
		if (has_killer(&target[i]))
			pthread_join(target[i].killer, NULL);
		if (target[i].kind == LISTEN)
			stop(&target[i], SIGTERM);
	}
}

int main(int argc, char **argv)
{
	int64_t began = now_ns();
	long n;

	if (!read_options(argc, argv)) {
		fputs("usage: driver [-e events] [-k kills] [-b batch] [-d duplicate%] [-t seconds]\n"
		      "              [-m ms between kills] [-p prefix] [-s secret] [-l ledger] TARGET...\n",
		      stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	ends_at = began + want.seconds * INT64_C(1000000000);
	run();
	n = write_ledger();
	printf("events %ld, sent twice on purpose %ld, sent again %ld, kills %ld, acknowledged %ld, "
	       "wrong answers %ld, given up %ld, %.1f s\n",
	       atomic_load(&made), atomic_load(&sent_twice), atomic_load(&again), atomic_load(&kills), n,
	       atomic_load(&wrong), atomic_load(&gave_up), (double)(now_ns() - began) / 1e9);
	return n != atomic_load(&made) || atomic_load(&wrong) + atomic_load(&gave_up) > 0 ||
	       (want.kills > 0 && atomic_load(&kills) < want.kills);
}
