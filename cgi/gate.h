/*
 * gate: so many at once, the others wait. Large bodies are judged behind one: more of them
 * at a time than there are cores would take memory and bring no speed.
 */
#ifndef HS_GATE_H
#define HS_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct hs_gate;

/* NULL: out of memory. */
struct hs_gate *hs_gate_new(int places);
void hs_gate_free(struct hs_gate *g); /* NULL is fine; nobody may be inside */

/* False: nobody has left by `deadline_ms` (hs_io_now_monotonic's clock). NULL: no limit. */
bool hs_gate_enter(struct hs_gate *g, int64_t deadline_ms);
void hs_gate_leave(struct hs_gate *g);

#endif
