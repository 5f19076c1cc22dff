/*
 * fingerprints: a different event with a used id is told from a plain duplicate, as long as its place
 * in the table was not taken; an unknown id is no conflict.
 */
#include "spool/shared/fingerprints.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

/* An id for that place of the table. */
static struct hs_dedup_key id_at(uint64_t place, uint32_t high)
{
	uint64_t half = place | (uint64_t)high << 32;
	struct hs_dedup_key id = { { 0 } };

	memcpy(id.bytes, &half, sizeof half);
	return id;
}

TEST(another_event_conflicts)
{
	struct hs_fingerprints *g = *state;
	struct hs_dedup_key id = id_at(5, 1);

	hs_fingerprints_note(g, &id, 77);
	assert_false(hs_fingerprints_conflict(g, &id, 77));
	assert_true(hs_fingerprints_conflict(g, &id, 78));
	assert_true(hs_fingerprints_conflict(g, &id, UINT32_MAX));
}

TEST(the_last_one_counts)
{
	struct hs_fingerprints *g = *state;
	struct hs_dedup_key id = id_at(5, 1);

	hs_fingerprints_note(g, &id, 77);
	hs_fingerprints_note(g, &id, 78);
	assert_true(hs_fingerprints_conflict(g, &id, 77));
	assert_false(hs_fingerprints_conflict(g, &id, 78));
}

TEST(an_unknown_id_does_not_conflict)
{
	struct hs_fingerprints *g = *state;
	struct hs_dedup_key id = id_at(5, 1), never = id_at(6, 1), same_place = id_at(5, 2);

	assert_false(hs_fingerprints_conflict(g, &id, 77));
	hs_fingerprints_note(g, &id, 77);
	assert_false(hs_fingerprints_conflict(g, &never, 78));
	assert_false(hs_fingerprints_conflict(g, &same_place, 78)); /* no sender is blamed for another's event */
}

TEST(a_later_id_takes_the_place)
{
	struct hs_fingerprints *g = *state;
	struct hs_dedup_key id = id_at(5, 1), same_place = id_at(5 + HS_FINGERPRINTS, 2);

	hs_fingerprints_note(g, &id, 77);
	hs_fingerprints_note(g, &same_place, 78);
	assert_false(hs_fingerprints_conflict(g, &id, 78));
	assert_true(hs_fingerprints_conflict(g, &same_place, 77));
}

TEST(every_place_is_used)
{
	struct hs_fingerprints *g = *state;

	for (uint64_t i = 0; i < HS_FINGERPRINTS; i++) {
		struct hs_dedup_key id = id_at(i, (uint32_t)i + 1);

		hs_fingerprints_note(g, &id, (uint32_t)i + 1);
	}
	for (uint64_t i = 0; i < HS_FINGERPRINTS; i++) {
		struct hs_dedup_key id = id_at(i, (uint32_t)i + 1);

		assert_false(hs_fingerprints_conflict(g, &id, (uint32_t)i + 1));
		assert_true(hs_fingerprints_conflict(g, &id, (uint32_t)i + 2));
	}
}

FIXTURE(begin)
{
	*state = calloc(1, sizeof(struct hs_fingerprints));
	return *state != NULL ? 0 : -1;
}

FIXTURE(end)
{
	free(*state);
	return 0;
}

TESTS("fingerprints", begin, end)
