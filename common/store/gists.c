#include "store/gists.h"

/* An identity is a hash already: its first half says where, and of whom. */
static uint64_t half_of(const struct hs_identity *id)
{
	uint64_t half;

	memcpy(&half, id->bytes, sizeof half);
	return half;
}

void hs_gists_note(struct hs_gists *g, const struct hs_identity *id, uint32_t gist)
{
	uint64_t half = half_of(id);

	g->place[half % HS_GISTS] = (half & UINT64_C(0xffffffff00000000)) | gist;
}

bool hs_gists_conflict(const struct hs_gists *g, const struct hs_identity *id, uint32_t gist)
{
	uint64_t half = half_of(id), there = g->place[half % HS_GISTS];

	return (uint32_t)there != 0 && there >> 32 == half >> 32 && (uint32_t)there != gist;
}
