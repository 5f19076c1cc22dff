/* stream_memory: a stream that was made anew, forgot its end, or lost its beginning to its limits. */
#include "tests/lib/unit.h"
#include "tools/ship/stream_memory.h"

#include <stdio.h>

TEST(changes)
{
	static const struct {
		const char *name;
		struct hs_stream_memory memory;
		const char *created;
		uint64_t first, last, own; /* own 0: no message of this receiver */
		enum hs_stream_change change;
	} cases[] = {
		{ "nothing is known", { "", 0, 0, 0 }, "new", 1, 0, 0, HS_STREAM_SAME },
		{ "nothing happened", { "a", 9, 7, 0 }, "a", 1, 9, 7, HS_STREAM_SAME },
		{ "it grew", { "a", 9, 7, 0 }, "a", 1, 20, 18, HS_STREAM_SAME },
		{ "made anew", { "a", 9, 7, 0 }, "b", 1, 20, 18, HS_STREAM_ANOTHER },
		{ "made anew, and empty", { "a", 9, 7, 0 }, "b", 1, 0, 0, HS_STREAM_ANOTHER },
		{ "its end is gone", { "a", 9, 7, 0 }, "a", 1, 8, 7, HS_STREAM_FORGOT },
		{ "all is gone", { "a", 9, 7, 0 }, "a", 1, 0, 0, HS_STREAM_FORGOT },
		{ "others have filled the end", { "a", 9, 7, 0 }, "a", 1, 20, 5, HS_STREAM_FORGOT },
		{ "others have filled all of it", { "a", 9, 7, 0 }, "a", 1, 20, 0, HS_STREAM_FORGOT },
		{ "limits have deleted our last one", { "a", 9, 7, 0 }, "a", 8, 20, 0, HS_STREAM_SAME },
		{ "limits have deleted up to our last one", { "a", 9, 7, 0 }, "a", 7, 20, 0, HS_STREAM_FORGOT },
		{ "limits have deleted all", { "a", 9, 7, 0 }, "a", 10, 9, 0, HS_STREAM_SAME },
		{ "it had none of ours", { "a", 9, 0, 0 }, "a", 1, 9, 0, HS_STREAM_SAME },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_asked asked = { .stream = { .first = cases[i].first, .last = cases[i].last },
			                         .any = cases[i].own > 0,
			                         .sequence = cases[i].own > 0 ? cases[i].own : 99 };

		snprintf(asked.stream.created, sizeof asked.stream.created, "%s", cases[i].created);
		if (hs_stream_memory_judge(&cases[i].memory, &asked) != cases[i].change)
			fail_msg("%s", cases[i].name);
	}
}

TEST(answers_raise_what_is_known)
{
	struct hs_stream_memory m = { "a", 9, 7, 0 };
	struct hs_engine_asked asked = { .stream = { .created = "b", .last = 3 }, .sequence = 99 };

	hs_stream_memory_note(&m, 12, true); /* perhaps another receiver's */
	assert_true(m.sequence == 12 && m.own == 7);
	hs_stream_memory_note(&m, 11, false);
	assert_true(m.sequence == 12 && m.own == 11);
	hs_stream_memory_note(&m, 5, false);
	assert_true(m.sequence == 12 && m.own == 11);
	hs_stream_memory_take(&m, &asked);
	assert_string_equal(m.created, "b");
	assert_true(m.sequence == 3 && m.own == 0);
}

TEST(a_stamp_that_is_younger_than_a_message_is_of_the_same_stream)
{
	struct hs_stream_memory m = { "a", 9, 7, 0 };
	struct hs_engine_asked asked = { .stream = { .created = "b", .first = 1, .last = 9, .is_older = true },
		                         .any = true,
		                         .sequence = 7 };

	assert_int_equal(hs_stream_memory_judge(&m, &asked), HS_STREAM_SAME);
	asked.stream.last = 8;
	assert_int_equal(hs_stream_memory_judge(&m, &asked), HS_STREAM_FORGOT);
	asked.stream.is_older = false;
	assert_int_equal(hs_stream_memory_judge(&m, &asked), HS_STREAM_ANOTHER);
}

TEST(where_a_stream_went_back_is_known_until_it_is_another_one)
{
	struct hs_stream_memory m = { "a", 9, 7, 5 };
	struct hs_engine_asked asked = { .stream = { .created = "b", .last = 3, .is_older = true } };

	hs_stream_memory_take(&m, &asked);
	assert_string_equal(m.created, "b");
	assert_int_equal(m.back, 5);
	asked.stream.is_older = false;
	snprintf(asked.stream.created, sizeof asked.stream.created, "c");
	hs_stream_memory_take(&m, &asked);
	assert_int_equal(m.back, 0);
}

TESTS("ship_stream_memory", NULL, NULL)
