#include "spool/shared/fingerprints.h"

/* A key is a hash already: the lower bits of its first half choose the slot, the upper bits tell keys apart. */
static uint64_t half_of(const struct hs_dedup_key *id)
{
	uint64_t half;

	memcpy(&half, id->bytes, sizeof half);
	return half;
}

void hs_fingerprints_note(struct hs_fingerprints *table, const struct hs_dedup_key *id, uint32_t fingerprint)
{
	uint64_t half = half_of(id);

	table->slot[half % HS_FINGERPRINTS] = (half & UINT64_C(0xffffffff00000000)) | fingerprint;
}

bool hs_fingerprints_conflict(const struct hs_fingerprints *table, const struct hs_dedup_key *id, uint32_t fingerprint)
{
	uint64_t half = half_of(id), there = table->slot[half % HS_FINGERPRINTS];

	return (uint32_t)there != 0 && there >> 32 == half >> 32 && (uint32_t)there != fingerprint;
}
