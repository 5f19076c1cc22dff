/*
 * Measures the parts of a request, in one process, and json-c's parse of the same bytes.
 *
 *	core [--rounds N] [--json] EVENT-FILE DIRECTORY    all parts, all inputs
 *	core --only PART --input NAME EVENT-FILE DIRECTORY one figure, as JSON
 *	core --deep                                        prints the deep event
 *
 * Every round measures every part once, so that disturbances affect all alike;
 * the figures are medians of the rounds. Time is the thread's processor time. DIRECTORY is
 * where spools are made, which do not sync here: sync.c tells what that costs.
 */
#include "base/hash.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "tests/bench/path.h"

#include <getopt.h>
#include <json-c/json.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ROUNDS_MAX = 99, INPUTS = 3, BATCH = 1000, COPIES_BYTES = 2 << 20, COPIES_MAX = 256 };

static const int64_t ROUND_NS = 30000000; /* the least time of a part in a round */
static const char AT[] = "2026-11-23T10:15:00.123Z";

/* All that the parts work with. */
struct bench {
	struct bench_input *in;
	struct json_tokener *tokener;
	struct hs_settings *settings, *ruled_settings;
	const struct hs_rules *rules;  /* of the next events; NULL: none */
	struct hs_json json, *scanned; /* scanned: each event of the first body, ready-made */
	struct hs_event *read;
	struct hs_flattener flattener;
	struct hs_dedup_key_maker identifier;
	struct hs_buf key, lines;
	struct lot {            /* what one body becomes in the spool */
		size_t from, n; /* in `lines` */
		struct hs_record *record;
	} * lot;
	struct hs_spool *plain, *indexed;
	struct hs_settings *plain_settings, *indexed_settings;
	struct bench_path *path, *path_spool;
};

/* --- the parts: each goes once through all bodies -------------------------------- */

static void parse_json_c(struct bench *b, int flags)
{
	json_tokener_set_flags(b->tokener, flags);
	for (size_t i = 0; i < b->in->bodies; i++) {
		const struct bench_body *body = &b->in->body[i];
		struct json_object *o = json_tokener_parse_ex(b->tokener, body->text, (int)body->n);

		if (o == NULL)
			bench_die("json-c", "does not parse");
		json_object_put(o);
		json_tokener_reset(b->tokener);
	}
}

static void run_json_c(struct bench *b)
{
	parse_json_c(b, 0);
}

static void run_json_c_strict(struct bench *b)
{
	parse_json_c(b, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
}

static void ok(enum hs_result r)
{
	if (r != HS_OK)
		bench_die("hookspool", hs_result_info(r)->name);
}

/* Reads a body as a request is read, an event at a time. */
static void scan(struct bench *b, struct hs_slice text, void (*each)(struct bench *))
{
	bool more = true;

	if (!b->in->batch) {
		ok(hs_json_document(&b->json, text));
		each(b);
		return;
	}
	hs_json_start(&b->json, text);
	if (!hs_json_is_array(&b->json))
		bench_die("batch", "is no array");
	while (ok(hs_json_element(&b->json, &more)), more)
		each(b);
}

static void scan_all(struct bench *b, void (*each)(struct bench *))
{
	for (size_t i = 0; i < b->in->bodies; i++) {
		hs_buf_reset(&b->lines);
		scan(b, hs_slice(b->in->body[i].text, b->in->body[i].n), each);
	}
}

static void each_nothing(struct bench *b)
{
	(void)b;
}

static void flatten(struct bench *b, const struct hs_event *e)
{
	struct hs_stamp stamp = { .spooled_at = hs_slice_str(AT), .rules = b->rules };

	ok(hs_flatten(&b->flattener, e, &stamp, &b->lines));
}

static void each_flatten(struct bench *b)
{
	struct hs_event e;

	ok(hs_event_read(&e, &b->json, hs_event_unwrap(&b->json), HS_VALIDATE_SPEC));
	flatten(b, &e);
}

static void run_scan(struct bench *b)
{
	scan_all(b, each_nothing);
}

static void run_scan_flatten(struct bench *b)
{
	scan_all(b, each_flatten);
}

static void run_scan_rules(struct bench *b)
{
	b->rules = b->ruled_settings->rules;
	scan_all(b, each_flatten);
	b->rules = NULL;
}

static void run_validate(struct bench *b)
{
	for (size_t i = 0; i < b->in->bodies; i++)
		for (size_t k = 0; k < b->in->events; k++)
			ok(hs_event_read(&b->read[k], &b->scanned[k], 0, HS_VALIDATE_SPEC));
}

static void identify(struct bench *b, const struct hs_event *e, struct hs_dedup_key *id)
{
	static const struct hs_id_scope everywhere;
	struct hs_made_id made;

	ok(hs_dedup_key_make_id(&b->identifier, e, HS_SLICE_NONE, &made));
	ok(hs_dedup_key_of_event(&b->identifier, e, &made, &everywhere, id));
}

static void run_identity(struct bench *b)
{
	struct hs_dedup_key id;

	for (size_t i = 0; i < b->in->bodies; i++)
		for (size_t k = 0; k < b->in->events; k++)
			identify(b, &b->read[k], &id);
}

static void run_signature(struct bench *b)
{
	struct hs_slice tenant;

	for (size_t i = 0; i < b->in->bodies; i++) {
		const struct bench_body *body = &b->in->body[i];
		struct hs_credentials c = { .signature = hs_slice(body->signature, BENCH_MAC_TEXT) };

		ok(hs_auth_check(b->settings, &c, hs_slice(body->text, body->n), &b->json, &b->key, &tenant));
	}
}

/* Lines and identities of all bodies; not timed. */
static void prepare_append(struct bench *b)
{
	bench_input_renew(b->in);
	hs_buf_reset(&b->lines);
	for (size_t i = 0; i < b->in->bodies; i++) {
		struct lot *lot = &b->lot[i];

		lot->from = b->lines.n;
		for (size_t k = 0; k < b->in->events; k++) {
			struct hs_record *record = &lot->record[k];
			size_t start = b->lines.n;
			struct hs_event e;

			ok(hs_json_document(&b->json, b->in->body[i].event[k]));
			ok(hs_event_read(&e, &b->json, 0, HS_VALIDATE_SPEC));
			flatten(b, &e);
			record->n = b->lines.n - start;
			identify(b, &e, &record->id);
		}
		lot->n = b->lines.n - lot->from;
	}
}

static void append_to(struct bench *b, struct hs_spool *spool)
{
	for (size_t i = 0; i < b->in->bodies; i++) {
		const struct lot *lot = &b->lot[i];
		uint64_t duplicate = 0;
		struct hs_append a = { .records = hs_slice(b->lines.p + lot->from, lot->n),
			               .record = lot->record,
			               .count = b->in->events,
			               .duplicate = &duplicate,
			               .deadline_ms = hs_io_now_monotonic() + 60000 };

		ok(hs_spool_append(spool, &a));
		if (duplicate > 0)
			bench_die("append", "duplicates");
	}
}

static void run_append(struct bench *b)
{
	append_to(b, b->plain);
}

static void run_append_index(struct bench *b)
{
	append_to(b, b->indexed);
}

static void prepare_request(struct bench *b)
{
	bench_input_renew(b->in);
}

static void run_request(struct bench *b)
{
	for (size_t i = 0; i < b->in->bodies; i++)
		bench_path_request(b->path, b->in, &b->in->body[i]);
}

static void run_request_spool(struct bench *b)
{
	for (size_t i = 0; i < b->in->bodies; i++)
		bench_path_request(b->path_spool, b->in, &b->in->body[i]);
}

static const struct part {
	const char *name, *what;
	void (*run)(struct bench *);
	void (*prepare)(struct bench *); /* before each run, not timed; or NULL */
} parts[] = {
	{ "json-c", "json-c: parse and free", run_json_c, NULL },
	{ "json-c-strict", "… and refuse what is no JSON, as we do", run_json_c_strict, NULL },
	{ "scan", "one pass, tokens", run_scan, NULL },
	{ "scan+flatten", "… validated, flattened to a record", run_scan_flatten, NULL },
	{ "rules", "… and 50 lines in [fields]: one drops, two look at values", run_scan_rules, NULL },
	{ "signature", "X-Signature: of the first event in a batch", run_signature, NULL },
	{ "validate", "Spec fields found and checked", run_validate, NULL },
	{ "identity", "SHA-256 of the messageId", run_identity, NULL },
	{ "append", "written, not synced, dedup_window = 0", run_append, prepare_append },
	{ "append+index", "… looked up and inserted", run_append_index, prepare_append },
	{ "request", "request to answer, nothing kept", run_request, prepare_request },
	{ "request+spool", "… all kept, not synced", run_request_spool, prepare_request },
};

enum { PARTS = sizeof parts / sizeof *parts, JSON_C = 0 };

/* --- measuring ------------------------------------------------------------------- */

/* Nanoseconds an event. */
static double measure(struct bench *b, const struct part *part)
{
	int64_t spent = 0;
	size_t events = 0;

	while (spent < ROUND_NS) {
		int64_t start;

		if (part->prepare != NULL)
			part->prepare(b);
		start = bench_cpu_ns();
		part->run(b);
		spent += bench_cpu_ns() - start;
		events += b->in->bodies * b->in->events;
	}
	return (double)spent / (double)events;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v, int n)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, v, (size_t)n * sizeof *v);
	qsort(sorted, (size_t)n, sizeof *sorted, by_size);
	return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double mb_per_second(const struct bench *b, double ns_per_event)
{
	return (double)b->in->body[0].n / (double)b->in->events / ns_per_event * 1000;
}

static void print_figure(const struct bench *b, const struct part *part, double ns, double ratio)
{
	printf("{\"side\":\"core\",\"input\":\"%s\",\"part\":\"%s\",\"ns_per_event\":%.1f,"
	       "\"mb_per_second\":%.2f,\"times_json_c\":%.3f}\n",
	       b->in->name, part->name, ns, mb_per_second(b, ns), ratio);
}

static void print_row(const struct bench *b, const struct part *part, double ns, double ratio)
{
	printf("  %-14s %12.0f %10.1f %9.2f  %s\n", part->name, ns, mb_per_second(b, ns), ratio, part->what);
}

static void measure_all(struct bench *b, int rounds, bool json)
{
	static double ns[PARTS][ROUNDS_MAX];
	double ratio[ROUNDS_MAX];

	for (int round = -1; round < rounds; round++) /* the first warms up */
		for (int i = 0; i < PARTS; i++)
			ns[i][round < 0 ? 0 : round] = measure(b, &parts[i]);
	if (!json)
		printf("%s: %zu bytes an event\n  %-14s %12s %10s %9s\n", b->in->name, b->in->body[0].n / b->in->events,
		       "", "ns an event", "MB/s", "x json-c");
	for (int i = 0; i < PARTS; i++) {
		for (int round = 0; round < rounds; round++)
			ratio[round] = ns[JSON_C][round] / ns[i][round];
		(json ? print_figure : print_row)(b, &parts[i], median(ns[i], rounds), median(ratio, rounds));
	}
}

static void measure_one(struct bench *b, const char *name)
{
	for (int i = 0; i < PARTS; i++)
		if (strcmp(parts[i].name, name) == 0) {
			measure(b, &parts[i]);
			print_figure(b, &parts[i], measure(b, &parts[i]), 0);
			return;
		}
	bench_die(name, "no such part");
}

/* --- what is needed --------------------------------------------------------------- */

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		bench_die("memory", "out of it");
	return p;
}

/* 47 names that the event lacks, and three that it has. */
static const char *rules_text(void)
{
	static char text[4096];
	size_t n =
	    (size_t)snprintf(text, sizeof text,
	                     "hash_key = 0123456789abcdef\n[fields]\ncontext_ip = drop\nproperties_coupon = cut 8\n"
	                     "context_page_url = no query\n");

	for (int i = 0; i < 47; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "properties_field_%d = drop\n", i);
	return text;
}

static void bench_open(struct bench *b, struct bench_input *in, const char *dir)
{
	char plain[4096], indexed[4096], path[4096];

	*b = (struct bench){ .in = in, .settings = bench_settings(NULL, "") };
	b->tokener = json_tokener_new_ex(128);
	b->scanned = allocate(in->events, sizeof *b->scanned);
	b->read = allocate(in->events, sizeof *b->read);
	b->lot = allocate(in->bodies, sizeof *b->lot);
	for (size_t i = 0; i < in->bodies; i++)
		b->lot[i].record = allocate(in->events, sizeof *b->lot[i].record);
	hs_json_init(&b->json, 0x5eed);
	hs_flattener_init(&b->flattener, HS_NAMES_WAREHOUSE);
	if (b->tokener == NULL || !hs_dedup_key_maker_init(&b->identifier))
		bench_die("memory", "out of it");
	for (size_t k = 0; k < in->events; k++)
		ok(hs_json_document(&b->scanned[k], in->body[0].event[k]));
	run_validate(b); /* fills b->read for a part that is measured alone */
	snprintf(plain, sizeof plain, "%s/%s-plain", dir, in->name);
	snprintf(indexed, sizeof indexed, "%s/%s-indexed", dir, in->name);
	snprintf(path, sizeof path, "%s/%s-path", dir, in->name);
	b->plain_settings = bench_settings(plain, "durability = none\ndedup_window = 0");
	b->indexed_settings = bench_settings(indexed, "durability = none");
	b->ruled_settings = bench_settings(NULL, rules_text());
	b->plain = hs_spool_new(b->plain_settings);
	b->indexed = hs_spool_new(b->indexed_settings);
	b->path = bench_path_new(NULL, "");
	b->path_spool = bench_path_new(path, "durability = none");
}

static void bench_close(struct bench *b)
{
	bench_path_free(b->path);
	bench_path_free(b->path_spool);
	hs_spool_free(b->plain);
	hs_spool_free(b->indexed);
	hs_settings_free(b->plain_settings);
	hs_settings_free(b->indexed_settings);
	hs_settings_free(b->ruled_settings);
	hs_settings_free(b->settings);
	for (size_t k = 0; k < b->in->events; k++)
		hs_json_free(&b->scanned[k]);
	for (size_t i = 0; i < b->in->bodies; i++)
		free(b->lot[i].record);
	free(b->lot);
	free(b->read);
	free(b->scanned);
	hs_json_free(&b->json);
	hs_flattener_free(&b->flattener);
	hs_dedup_key_maker_free(&b->identifier);
	hs_buf_free(&b->key);
	hs_buf_free(&b->lines);
	json_tokener_free(b->tokener);
}

/* As many bodies as a cache may hold, so that neither memory nor repetition is measured. */
static struct bench_input *input_new(const char *name, struct hs_slice event, size_t events)
{
	size_t n = COPIES_BYTES / (event.n * (events > 0 ? events : 1));

	return bench_input_new(name, event, events, n < 2 ? 2 : n > COPIES_MAX ? COPIES_MAX : n);
}

/* The tree of a whole batch must not pay for memory that is returned to the system each time. */
static void tune_malloc(void)
{
#ifdef __GLIBC__
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
#endif
}

static int usage(void)
{
	fputs("usage: core [--rounds N] [--json] EVENT-FILE DIRECTORY\n"
	      "       core --only PART --input event|batch|deep EVENT-FILE DIRECTORY\n"
	      "       core --deep\n",
	      stderr);
	return 2;
}

struct options {
	int rounds;
	bool json, deep;
	const char *only, *input;
};

static bool options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "rounds", 1, NULL, 'r' }, { "json", 0, NULL, 'j' }, { "only", 1, NULL, 'o' },
		{ "input", 1, NULL, 'i' },  { "deep", 0, NULL, 'd' }, { NULL, 0, NULL, 0 },
	};

	*o = (struct options){ .rounds = 5 };
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 'r': o->rounds = atoi(optarg); break;
		case 'j': o->json = true; break;
		case 'o': o->only = optarg; break;
		case 'i': o->input = optarg; break;
		case 'd': o->deep = true; break;
		default: return false;
		}
	}
	return o->rounds >= 1 && o->rounds <= ROUNDS_MAX && (o->deep || optind + 2 == argc) &&
	       (o->only == NULL) == (o->input == NULL);
}

int main(int argc, char **argv)
{
	struct options o;
	struct hs_slice deep = bench_deep_event(), event;
	struct bench_input *input[INPUTS];

	if (!options_read(&o, argc, argv))
		return usage();
	tune_malloc();
	if (o.deep) {
		printf("%.*s\n", (int)deep.n, deep.p);
		return 0;
	}
	event = bench_file(argv[optind]);
	input[0] = input_new("event", event, 0);
	input[1] = input_new("batch", event, BATCH);
	input[2] = input_new("deep", deep, 0);
	for (int i = 0; i < INPUTS; i++) {
		struct bench b;

		if (o.input != NULL && strcmp(o.input, input[i]->name) != 0)
			continue;
		bench_open(&b, input[i], argv[optind + 1]);
		if (o.only != NULL)
			measure_one(&b, o.only);
		else
			measure_all(&b, o.rounds, o.json);
		bench_close(&b);
	}
	for (int i = 0; i < INPUTS; i++)
		bench_input_free(input[i]);
	free((char *)event.p);
	free((char *)deep.p);
	return 0;
}
