#include "spool/dedup/sealed_merge.h"

#include <stdlib.h>

/* Lets the position at `i` sink to where neither of its two successors is less. */
static void sink(struct hs_sealed_merge *m, size_t i)
{
	struct hs_sealed_position moved = m->heap[i];

	for (size_t next = 2 * i + 1; next < m->count; next = 2 * i + 1) {
		if (next + 1 < m->count && m->heap[next + 1].high < m->heap[next].high)
			next++;
		if (moved.high <= m->heap[next].high)
			break;
		m->heap[i] = m->heap[next];
		i = next;
	}
	m->heap[i] = moved;
}

bool hs_sealed_merge_open(struct hs_sealed_merge *m, const struct hs_sealed_run *runs, size_t n, uint64_t high)
{
	*m = (struct hs_sealed_merge){ .heap = malloc((n > 0 ? n : 1) * sizeof *m->heap) };
	if (m->heap == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		hs_sealed_run_fetch(&runs[i], high);
	for (size_t i = 0; i < n; i++) {
		struct hs_sealed_position p = { &runs[i], hs_sealed_run_from(&runs[i], high), 0 };

		if (p.at < hs_sealed_run_count(p.run)) {
			p.high = hs_sealed_run_high(p.run, p.at);
			m->heap[m->count++] = p;
		}
		m->damaged |= hs_sealed_run_is_damaged(p.run);
	}
	for (size_t i = m->count / 2; i-- > 0;)
		sink(m, i);
	return true;
}

void hs_sealed_merge_close(struct hs_sealed_merge *m)
{
	free(m->heap);
	*m = (struct hs_sealed_merge){ 0 };
}

bool hs_sealed_merge_next(struct hs_sealed_merge *m, struct hs_id_block_entry *e)
{
	struct hs_sealed_position *p = m->heap;

	if (m->count == 0 || m->damaged)
		return false;
	*e = hs_sealed_run_at(p->run, p->at++);
	m->damaged = hs_sealed_run_is_damaged(p->run);
	if (m->damaged)
		return false;
	if (p->at < hs_sealed_run_count(p->run))
		p->high = hs_sealed_run_high(p->run, p->at);
	else
		*p = m->heap[--m->count];
	if (m->count > 0)
		sink(m, 0);
	return true;
}
