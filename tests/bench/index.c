/*
 * The cost of the index at N ids: index DIRECTORY [MILLIONS]
 *
 * Fills a spool with batches of 1000 small records, each with an id of its own, and
 * prints, every million: microseconds an event for the whole append (write, no sync), for
 * the same with dedup_window = 0, and the difference: look-up, insert, and the syncs that
 * only the index asks for. Then it removes the index and prints how long
 * rebuilding it takes.
 */
#include "base/io.h"
#include "event/dedup_key.h"
#include "spool/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000, MILLION = 1000000, SAMPLE_BATCHES = 200 };

struct load {
	struct hs_dedup_key_maker identifier;
	struct hs_json json;
	struct hs_record record[BATCH];
	struct hs_buf lines;
	uint64_t next;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *what, enum hs_result r)
{
	fprintf(stderr, "index: %s: %s\n", what, hs_result_info(r)->name);
	exit(1);
}

static struct hs_settings *settings(const char *dir, const char *window)
{
	char text[4096];
	struct hs_settings_error error;
	struct hs_settings *s;
	int n = snprintf(text, sizeof text,
	                 "spool_dir = %s\nauth = none\ndurability = none\ndedup_window = %s\n"
	                 "rotate_size = 256M\n",
	                 dir, window);

	s = hs_settings_new("bench", hs_slice(text, (size_t)n), NULL, &error);
	if (s == NULL) {
		fprintf(stderr, "index: %s\n", error.text);
		exit(2);
	}
	return s;
}

/* Batches of new events; only the appends are timed. */
static int64_t append(struct load *l, struct hs_spool *spool, int batches)
{
	int64_t spent = 0;

	for (int b = 0; b < batches; b++) {
		uint64_t duplicate = 0;
		struct hs_append a = { .record = l->record,
			               .count = BATCH,
			               .duplicate = &duplicate,
			               .deadline_ms = hs_io_now_monotonic() + 600000 };
		enum hs_result r;
		int64_t start;

		hs_buf_reset(&l->lines);
		for (int i = 0; i < BATCH; i++) {
			size_t at = l->lines.n;
			char line[256];
			int64_t ms;
			bool known;
			int n =
			    snprintf(line, sizeof line,
			             "{\"type\":\"track\",\"event\":\"e\",\"user_id\":\"u\",\"message_id\":\"m-%" PRIu64
			             "\",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n",
			             l->next++);

			hs_buf_put(&l->lines, line, (size_t)n);
			l->record[i].n = l->lines.n - at;
			hs_dedup_key_of_line(&l->identifier, &l->json, hs_slice(line, (size_t)n - 1), &known,
			                     &l->record[i].id, &ms);
		}
		a.records = hs_buf_slice(&l->lines);
		start = now_ns();
		r = hs_spool_append(spool, &a);
		spent += now_ns() - start;
		if (r != HS_OK || duplicate != 0)
			die("append", r);
	}
	return spent;
}

static double per_event_us(int64_t ns, int batches)
{
	return (double)ns / 1000 / BATCH / batches;
}

int main(int argc, char **argv)
{
	int millions = argc > 2 ? atoi(argv[2]) : 10;
	char plain_dir[4096], index_path[4096];
	struct load *l = calloc(1, sizeof *l);
	struct hs_settings *with, *without;
	struct hs_spool *spool, *plain;
	int64_t start;

	if (argc < 2 || l == NULL || !hs_dedup_key_maker_init(&l->identifier)) {
		fputs("usage: index DIRECTORY [MILLIONS]\n", stderr);
		return 2;
	}
	snprintf(plain_dir, sizeof plain_dir, "%s-plain", argv[1]);
	with = settings(argv[1], "3650d");
	without = settings(plain_dir, "0");
	spool = hs_spool_new(with);
	plain = hs_spool_new(without);
	puts("    ids  append with index  without  index alone (us an event)");
	for (int m = 1; m <= millions; m++) {
		double a, b;

		append(l, spool, MILLION / BATCH - SAMPLE_BATCHES);
		a = per_event_us(append(l, spool, SAMPLE_BATCHES), SAMPLE_BATCHES);
		b = per_event_us(append(l, plain, SAMPLE_BATCHES), SAMPLE_BATCHES);
		printf("%4d M  %17.2f  %7.2f  %11.2f\n", m, a, b, a - b);
		fflush(stdout);
	}
	hs_spool_free(spool);
	snprintf(index_path, sizeof index_path, "%s/.hookspool/run/index", argv[1]);
	remove(index_path);
	spool = hs_spool_new(with);
	start = now_ns();
	append(l, spool, 1); /* finds no index: rebuilds it from every segment */
	printf("rebuilt %d M ids in %.1f s\n", millions, (double)(now_ns() - start) / 1e9);
	hs_spool_free(spool);
	hs_spool_free(plain);
	return 0;
}
