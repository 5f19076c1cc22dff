/*
 * array: a growing array. The array, its count and its capacity are three members of the owner's
 * struct; free(3) frees the array.
 */
#ifndef HS_ARRAY_H
#define HS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Doubles the capacity. `list` is the address of the pointer, `size` the bytes of an element. False: out
 * of memory; the array is as it was.
 */
bool hs_array_grow(void *list, size_t *cap, size_t size);

static inline bool hs_array_room(void *list, size_t count, size_t *cap, size_t size)
{
	return count < *cap || hs_array_grow(list, cap, size);
}

/*
 * The index of the first element whose number is at least `number`; `count`: none. `size` is the bytes of an
 * element, which begins with its number, a uint64_t; the elements ascend by it.
 */
size_t hs_array_from(const void *list, size_t count, size_t size, uint64_t number);

/* HS_ARRAY_ROOM(&x->list, x->count, &x->cap): true if there is room for one more element. */
#define HS_ARRAY_ROOM(list, count, cap) hs_array_room((list), (count), (cap), sizeof **(list))

#endif
