#include "cgi/server/heap.h"

#include <malloc.h>

enum { MAP_BYTES = 32 << 20 }; /* below this size malloc keeps what is freed, until it is trimmed */

void hs_heap_tune(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * MAP_BYTES);
	mallopt(M_ARENA_MAX, 1);
#endif
}

void hs_heap_trim(void)
{
/* Under a sanitizer glibc's malloc is unused, and two threads would initialize it at once. */
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__
	malloc_trim(0);
#endif
}
