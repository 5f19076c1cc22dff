/*
 * semaphore: lets a fixed number of threads in at once; the others wait. One bounds the large bodies
 * that are validated at once: more than there are cores would cost memory and gain no speed.
 */
#ifndef HS_SEMAPHORE_H
#define HS_SEMAPHORE_H

#include <stdbool.h>
#include <stdint.h>

struct hs_semaphore;

/* Returns a semaphore for this many threads. NULL: out of memory. */
struct hs_semaphore *hs_semaphore_new(int places);
void hs_semaphore_free(struct hs_semaphore *semaphore); /* NULL is fine; no thread may be inside */

/* False: no place was free by `deadline_ms` (hs_io_now_monotonic's clock). NULL: there is no limit. */
bool hs_semaphore_enter(struct hs_semaphore *semaphore, int64_t deadline_ms);
void hs_semaphore_leave(struct hs_semaphore *semaphore);

#endif
