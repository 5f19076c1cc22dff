/*
 * path: the whole path of a request, from its bytes to its answer, without a web server: a
 * transport in memory, and a spool on the disk or none.
 */
#ifndef HS_BENCH_PATH_H
#define HS_BENCH_PATH_H

#include "cgi/http/router.h"
#include "tests/bench/inputs.h"

struct bench_path;

/*
 * `dir`: the spool's place, with `more` lines of settings; NULL: what would be kept is
 * dropped. Ends the program if it fails.
 */
struct bench_path *bench_path_new(const char *dir, const char *more);
void bench_path_free(struct bench_path *p);

/* Ends the program unless the answer is 200 or 202, with every event accepted. */
void bench_path_request(struct bench_path *p, const struct bench_input *in, const struct bench_body *body);

/* Settings with the benchmarks' secret; NULL as `dir`: one that is never opened. */
struct hs_settings *bench_settings(const char *dir, const char *more);

#endif
