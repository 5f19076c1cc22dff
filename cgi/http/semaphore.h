/*
 * semaphore: so many at once, the others wait. Large bodies are judged behind one: more of them
 * at a time than there are cores would take memory and bring no speed.
 */
#ifndef HS_SEMAPHORE_H
#define HS_SEMAPHORE_H

#include <stdbool.h>
#include <stdint.h>

struct hs_semaphore;

/* NULL: out of memory. */
struct hs_semaphore *hs_semaphore_new(int places);
void hs_semaphore_free(struct hs_semaphore *semaphore); /* NULL is fine; nobody may be inside */

/* False: nobody has left by `deadline_ms` (hs_io_now_monotonic's clock). NULL: no limit. */
bool hs_semaphore_enter(struct hs_semaphore *semaphore, int64_t deadline_ms);
void hs_semaphore_leave(struct hs_semaphore *semaphore);

#endif
