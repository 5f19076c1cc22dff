/*
 * Makes a spool grow: fill DIRECTORY SEGMENTS EVENTS-IN-EACH. Appends small records with their own
 * ids, and rotates after every EVENTS of them. Nothing is synced. It waits as long as it
 * takes if the index must be rebuilt.
 */
#include "base/io.h"
#include "base/timestamp.h"
#include "event/dedup_key.h"
#include "spool/spool.h"
#include "tests/bench/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct lot {
	struct hs_dedup_key_maker identifier;
	struct hs_json json;
	struct hs_record *record;
	struct hs_buf lines;
	size_t events;
	uint64_t next;
};

static void make(struct lot *l)
{
	char at[HS_TIMESTAMP_TEXT + 1], line[256];
	int64_t ms;
	bool known;

	hs_timestamp_text(hs_io_now(), at);
	hs_buf_reset(&l->lines);
	for (size_t i = 0; i < l->events; i++) {
		int n = snprintf(line, sizeof line,
		                 "{\"type\":\"track\",\"event\":\"e\",\"user_id\":\"u\","
		                 "\"message_id\":\"m-%016" PRIx64 "\",\"spooled_at\":\"%s\"}\n",
		                 l->next++, at);
		struct hs_record *r = &l->record[i];

		hs_buf_put(&l->lines, line, (size_t)n);
		r->n = (size_t)n;
		if (hs_dedup_key_of_line(&l->identifier, &l->json, hs_slice(line, (size_t)n - 1), &known, &r->id,
		                         &ms) != HS_OK)
			bench_die("fill", "no identity");
	}
}

static void append(struct lot *l, struct hs_spool *spool)
{
	int64_t deadline = hs_io_now_monotonic() + 600000;
	uint64_t duplicate = 0;
	struct hs_append a = { .records = hs_buf_slice(&l->lines),
		               .record = l->record,
		               .count = l->events,
		               .duplicate = &duplicate,
		               .deadline_ms = deadline };
	enum hs_result r = hs_spool_append(spool, &a);

	if (r == HS_OK)
		r = hs_spool_rotate(spool, deadline);
	if (r != HS_OK || duplicate > 0)
		bench_die("fill", hs_result_info(r)->name);
}

int main(int argc, char **argv)
{
	struct lot l = { 0 };
	struct hs_settings *settings;
	struct hs_spool *spool;
	int segments;

	if (argc != 4 || (segments = atoi(argv[2])) <= 0 || atoi(argv[3]) <= 0 ||
	    !hs_dedup_key_maker_init(&l.identifier)) {
		fputs("usage: fill DIRECTORY SEGMENTS EVENTS-IN-EACH\n", stderr);
		return 2;
	}
	l.next = (uint64_t)hs_io_now() << 20; /* no id twice, however often it runs */
	l.events = (size_t)atoi(argv[3]);
	l.record = calloc(l.events, sizeof *l.record);
	settings = bench_settings(argv[1], "durability = none\nrotate_min_gap = 0");
	spool = hs_spool_new(settings);
	if (l.record == NULL || spool == NULL)
		bench_die("memory", "out of it");
	for (int i = 0; i < segments; i++) {
		make(&l);
		append(&l, spool);
	}
	hs_spool_free(spool);
	hs_settings_free(settings);
	hs_dedup_key_maker_free(&l.identifier);
	hs_json_free(&l.json);
	hs_buf_free(&l.lines);
	free(l.record);
	return 0;
}
