/* field_places: a field has one place, however many there are and in whatever order records have them. */
#include "tests/lib/unit.h"
#include "warehouse/field_places.h"

#include <stdio.h>

enum { MANY = 5000, STEP = 1237 /* no divisor of MANY */ };

static struct hs_field_places places;

/* Asks for the place of a field, which must be the nth one. */
static void expect_place(size_t nth, enum hs_family family, const char *name)
{
	struct hs_record_field field = { .name = hs_slice_str(name) };
	const struct hs_place *found = hs_field_place(&places, family, &field);

	assert_non_null(found);
	assert_ptr_equal(found, &places.place[nth]);
	assert_slice_equal(hs_slice(found->field, found->field_n), field.name);
}

TEST(every_field_has_one_place)
{
	char name[32];

	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "properties_f%zu", i);
		expect_place(i, HS_FAMILY_TRACK, name);
	}
	for (size_t n = 0, i = 0; n < MANY; n++, i = (i + STEP) % MANY) {
		snprintf(name, sizeof name, "properties_f%zu", i);
		expect_place(i, HS_FAMILY_TRACK, name);
	}
	assert_int_equal(places.count, MANY);
	expect_place(MANY, HS_FAMILY_PAGE, "properties_f1"); /* another family has places of its own */
	hs_field_places_free(&places);
}

TESTS("field_places", NULL, NULL)
