/* heap: memory of large bodies is kept for the next one, and given back when there is nothing to do. */
#include "cgi/server/heap.h"
#include "tests/lib/unit.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MB = 1 << 20 };

/* Skips the test where malloc is not that of the C library. */
static void tune(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	skip();
#endif
	hs_heap_tune();
}

/* True if malloc asks the kernel for this block alone, and gives it back at once. */
static bool is_mapped(size_t bytes)
{
	size_t before = mallinfo2().hblks;
	void *block = malloc(bytes);
	bool mapped = mallinfo2().hblks > before;

	assert_non_null(block);
	free(block);
	return mapped;
}

TEST(freed_memory_is_kept_until_it_is_trimmed)
{
	tune();
	assert_false(is_mapped(31 * MB));
	assert_true(mallinfo2().keepcost >= 31 * MB);
	assert_true(is_mapped(32 * MB));
	hs_heap_trim();
	assert_true(mallinfo2().keepcost < MB);
}

static void *allocate(void *context)
{
	(void)context;
	return malloc(1000);
}

/* Arenas of their own would be mapped, above the end of the data segment. */
TEST(threads_share_an_arena)
{
	pthread_t thread[2];
	void *block;

	tune();
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, allocate, NULL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(thread[i], &block), 0);
		assert_true((char *)block < (char *)sbrk(0));
		free(block);
	}
}

TESTS("heap", NULL, NULL)
