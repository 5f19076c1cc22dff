/*
 * random: random tests that can be repeated. The seed comes from HS_SEED or from the clock; a test
 * prints it when it fails.
 */
#ifndef HS_TEST_RANDOM_H
#define HS_TEST_RANDOM_H

#include <stdint.h>

struct random_source {
	uint64_t state;
};

uint64_t random_seed(void);
struct random_source random_new(uint64_t seed);

/* A number from 0 to below - 1. */
uint32_t random_below(struct random_source *r, uint32_t below);

#endif
