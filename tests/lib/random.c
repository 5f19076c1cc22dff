#include "tests/lib/random.h"

#include <stdlib.h>
#include <time.h>

uint64_t random_seed(void)
{
	const char *given = getenv("HS_SEED");
	struct timespec now;

	if (given != NULL)
		return strtoull(given, NULL, 10);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct random_source random_new(uint64_t seed)
{
	return (struct random_source){ seed };
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" */
uint32_t random_below(struct random_source *r, uint32_t below)
{
	uint64_t z = r->state += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}
