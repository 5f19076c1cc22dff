#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 64 /* elements */ };

/* memcpy: the caller's pointer has another type than void *. */
bool hs_array_grow(void *list, size_t *cap, size_t size)
{
	size_t larger = *cap == 0 ? FIRST : *cap * 2;
	void *p, *grown;

	if (larger < *cap || larger > SIZE_MAX / size)
		return false;
	memcpy(&p, list, sizeof p);
	grown = realloc(p, larger * size);
	if (grown == NULL)
		return false;
	memcpy(list, &grown, sizeof grown);
	*cap = larger;
	/* cppcheck-suppress memleak ; the caller's pointer holds it now */
	return true;
}

size_t hs_array_from(const void *list, size_t count, size_t size, uint64_t number)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t there;

		memcpy(&there, (const char *)list + middle * size, sizeof there);
		if (there < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
