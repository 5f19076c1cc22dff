/* in_flight: answers in any order; records leave at the front alone; tags name a record and an attempt. */
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/ship/in_flight.h"

#include <errno.h>
#include <stdio.h>

static struct hs_in_flight_record *add(struct hs_in_flight *ring, uint64_t number)
{
	char line[32];
	int n = snprintf(line, sizeof line, "record %d", (int)number);
	struct hs_in_flight_record *record =
	    hs_in_flight_add(ring, HS_SLICE("subject"), HS_SLICE("id"), hs_slice(line, (size_t)n));

	if (record != NULL)
		record->place.offset = number;
	return record;
}

TEST(an_empty_ring)
{
	struct hs_in_flight *ring = hs_in_flight_new(2, 10);
	bool latest;

	assert_true(hs_in_flight_has_room(ring, 1000)); /* any record fits */
	assert_null(hs_in_flight_first(ring));
	assert_false(hs_in_flight_leave(ring));
	assert_null(hs_in_flight_find(ring, 0, &latest));
	assert_null(hs_in_flight_find(ring, UINT64_MAX, &latest));
	assert_int_equal(hs_in_flight_last(ring)->line.n, 0);
	wrap_fail(WRAP_MALLOC, 1, 1, ENOMEM);
	assert_null(add(ring, 1));
	wrap_reset();
	assert_slice_equal(hs_in_flight_add(ring, HS_SLICE("subject"), HS_SLICE_NONE, HS_SLICE_NONE)->subject,
	                   HS_SLICE("subject"));
	hs_in_flight_free(ring);
	hs_in_flight_free(NULL);
	for (unsigned nth = 1; nth <= 2; nth++) {
		wrap_fail(WRAP_CALLOC, nth, 1, ENOMEM);
		assert_null(hs_in_flight_new(2, 10));
		wrap_reset();
	}
}

TEST(room)
{
	struct hs_in_flight *ring = hs_in_flight_new(3, 60);

	add(ring, 1); /* 17 bytes */
	assert_true(hs_in_flight_has_room(ring, 43));
	assert_false(hs_in_flight_has_room(ring, 44));
	add(ring, 2);
	add(ring, 3);
	assert_false(hs_in_flight_has_room(ring, 0));
	assert_null(add(ring, 4));
	wrap_fail(WRAP_MALLOC, 1, 1, ENOMEM);
	assert_null(add(ring, 4));
	wrap_reset();
	hs_in_flight_at(ring, 0)->state = HS_FLIGHT_ANSWERED;
	assert_true(hs_in_flight_leave(ring));
	assert_true(hs_in_flight_has_room(ring, 60 - 2 * 17));
	assert_int_equal(hs_in_flight_last(ring)->place.offset, 1);
	assert_slice_equal(hs_in_flight_last(ring)->line, HS_SLICE("record 1"));
	hs_in_flight_free(ring);
}

TEST(a_tag_is_of_one_attempt)
{
	struct hs_in_flight *ring = hs_in_flight_new(2, 1000);
	struct hs_in_flight_record *record = add(ring, 1);
	uint64_t first, second;
	bool latest;

	record->sends = 1;
	first = hs_in_flight_tag(ring, record);
	assert_ptr_equal(hs_in_flight_find(ring, first, &latest), record);
	assert_true(latest);
	record->sends = 2;
	second = hs_in_flight_tag(ring, record);
	assert_ptr_equal(hs_in_flight_find(ring, first, &latest), record);
	assert_false(latest);
	assert_ptr_equal(hs_in_flight_find(ring, second, &latest), record);
	assert_true(latest);
	record->state = HS_FLIGHT_ANSWERED;
	hs_in_flight_leave(ring);
	add(ring, 2); /* in another slot */
	add(ring, 3); /* in the same one */
	assert_null(hs_in_flight_find(ring, first, &latest));
	assert_null(hs_in_flight_find(ring, second, &latest));
	assert_null(hs_in_flight_find(ring, second + (UINT64_C(3) << 8), &latest)); /* not sent yet */
	hs_in_flight_free(ring);
}

/* The records that have left are a gapless beginning, whatever the order of the answers. */
TEST(any_order_of_answers)
{
	enum { RECORDS = 20000, ROOM = 32 };
	struct random_source dice = random_new(random_seed());
	struct hs_in_flight *ring = hs_in_flight_new(ROOM, 1 << 20);
	static bool answered[RECORDS + 1];
	uint64_t added = 0, left = 0;

	while (left < RECORDS) {
		bool latest;

		while (added < RECORDS && hs_in_flight_has_room(ring, 20) && random_below(&dice, 3) > 0)
			add(ring, ++added);
		for (unsigned n = random_below(&dice, 4); n > 0 && hs_in_flight_count(ring) > 0; n--) {
			size_t i = random_below(&dice, (uint32_t)hs_in_flight_count(ring));
			struct hs_in_flight_record *record = hs_in_flight_at(ring, i);

			assert_ptr_equal(hs_in_flight_find(ring, hs_in_flight_tag(ring, record), &latest), record);
			if (record->state != HS_FLIGHT_ANSWERED)
				record->state = (enum hs_flight)random_below(&dice, HS_FLIGHT_ANSWERED + 1);
			answered[record->place.offset] = record->state == HS_FLIGHT_ANSWERED;
		}
		assert_true(hs_in_flight_leave(ring) == (left < RECORDS && answered[left + 1]));
		for (; left < RECORDS && answered[left + 1]; left++)
			continue;
		if (left > 0)
			assert_int_equal(hs_in_flight_last(ring)->place.offset, left);
		assert_int_equal(hs_in_flight_count(ring), added - left);
		if (hs_in_flight_first(ring) != NULL)
			assert_int_equal(hs_in_flight_first(ring)->place.offset, left + 1);
	}
	assert_int_equal(hs_in_flight_count(ring), 0);
	hs_in_flight_free(ring);
}

TESTS("ship_in_flight", NULL, NULL)
