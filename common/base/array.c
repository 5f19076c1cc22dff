#include "base/array.h"

#include <stdint.h>
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
