/*
 * inputs: the requests that the benchmarks inside one process work on. Everything here
 * ends the program, with a message, if it fails.
 */
#ifndef HS_BENCH_INPUTS_H
#define HS_BENCH_INPUTS_H

#include "base/digest.h"
#include "base/slice.h"

#include <stdint.h>

#define BENCH_SECRET "a shared secret of the benchmarks"
#define BENCH_WRITE_KEY "key"
#define BENCH_WRITE_KEY_BASIC "a2V5Og==" /* "key:" in base64 */

enum { BENCH_MAC_TEXT = 40 };

/* A request's body, with its own ids. */
struct bench_body {
	char *text;
	size_t n;
	struct hs_slice *event; /* the events in it */
	char signature[BENCH_MAC_TEXT];
};

/* Many copies of a request, so that each can be sent once. */
struct bench_input {
	const char *name;
	size_t events; /* in each body */
	bool batch;    /* an array, or a library's object around it, whatever its length */
	bool direct;   /* as a library sends it */
	size_t id_at;  /* the offset in an event of the sixteen characters that are its number */
	struct bench_body *body;
	size_t bodies;
	struct hs_hmac *key;
	uint64_t next_id;
};

/*
 * `bodies` copies of a request with `events` copies of the event (0: one, and no array).
 * A name that begins with "direct" makes bodies such as Segment's libraries send.
 * The event's messageId ends in sixteen characters that may be overwritten.
 */
struct bench_input *bench_input_new(const char *name, struct hs_slice event, size_t events, size_t bodies);
void bench_input_free(struct bench_input *in);

/* Gives all of them new ids and signatures. */
void bench_input_renew(struct bench_input *in);

/* A file's bytes without line ends at the end. The caller frees them. */
struct hs_slice bench_file(const char *path);

/* An event of 32 KB, 2000 leaves and objects sixteen deep. The caller frees it. */
struct hs_slice bench_deep_event(void);

/* Processor time of this thread, without that of others on the machine. */
int64_t bench_cpu_ns(void);

_Noreturn void bench_die(const char *what, const char *why);

#endif
