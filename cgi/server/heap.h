/*
 * heap: when the memory that malloc has goes back to the system.
 *
 * The buffers of a large body are reused by the next one: returning a megabyte to the system and getting it again costs
 * more than reading JSON from it. But when no request comes for a while, each thread returns what is free; and what is
 * freed after that, by maintenance or with a body that did not arrive whole, the next maintenance returns. By default
 * glibc does neither: it adapts its thresholds, and keeps memory that threads free in arenas of their own. With another
 * C library both functions do nothing.
 */
#ifndef HS_HEAP_H
#define HS_HEAP_H

/* Call it before there are threads (mallopt(3)). */
void hs_heap_tune(void);

/* Returns free memory to the system; other threads wait for it if they allocate meanwhile (malloc_trim(3)). */
void hs_heap_trim(void);

#endif
