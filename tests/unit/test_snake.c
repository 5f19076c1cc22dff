/* snake: tests/cases/snake.txt, the bound on growth, and that snake case stays as it is. */
#include "event/snake.h"
#include "tests/lib/cases.h"
#include "tests/lib/random.h"

#include <stdlib.h>

enum { RANDOM_KEYS = 20000 };

static void run_snake_case(struct test_case *c)
{
	struct hs_slice in = case_get(c, "in"), expected = case_get(c, "out");
	char *key = unit_exact_copy(in), *out = malloc(HS_SNAKE_MAX(in.n));
	size_t n = hs_snake(hs_slice(key, in.n), out);

	case_same(c, "the snake", hs_slice(out, n), expected);
	free(key);
	free(out);
}

/* Checks rules that hold for any key. NULL, or the fault. */
static const char *fault(struct hs_slice snake)
{
	if (snake.n == 0)
		return "empty";
	if (hs_slice_eq(snake, HS_SLICE("_")))
		return NULL;
	if (snake.p[0] == '_' || snake.p[snake.n - 1] == '_')
		return "an underscore at an end";
	for (size_t i = 0; i < snake.n; i++) {
		unsigned char c = (unsigned char)snake.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;

		if (!plain && c != '_')
			return "a byte that is neither letter nor digit";
		if (c == '_' && snake.p[i - 1] == '_')
			return "two underscores";
	}
	return NULL;
}

static void keep_plain(struct hs_slice s, char *out, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 'A' && c <= 'Z')
			out[(*n)++] = (char)(c + 32);
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
			out[(*n)++] = (char)c;
	}
}

TEST(random_keys_lose_no_letter)
{
	static const char alphabet[] = "aabzAABZ019__ $.\xC3\xA9";
	uint64_t seed = random_seed();

	for (unsigned i = 0; i < RANDOM_KEYS; i++, seed++) {
		struct random_source r = random_new(seed);
		char key[12], kept[12], kept_again[2 * 12 + 1];
		size_t n = random_below(&r, sizeof key + 1), k, again;
		char *out = malloc(HS_SNAKE_MAX(n));
		struct hs_slice snake;

		for (size_t at = 0; at < n; at++)
			key[at] = alphabet[random_below(&r, sizeof alphabet - 1)];
		snake = hs_slice(out, hs_snake(hs_slice(key, n), out));
		keep_plain(hs_slice(key, n), kept, &k);
		keep_plain(snake, kept_again, &again);
		if (fault(snake) != NULL || !hs_slice_eq(hs_slice(kept, k), hs_slice(kept_again, again)))
			fail_msg("HS_SEED=%llu: %s became %s: %s", (unsigned long long)seed,
			         unit_show(hs_slice(key, n)), unit_show(snake),
			         fault(snake) != NULL ? fault(snake) : "letters differ");
		free(out);
	}
}

TESTS_AND_CASES("snake", "snake.txt", run_snake_case)
