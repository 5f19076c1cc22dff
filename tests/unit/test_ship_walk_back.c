/* walk_back: the last message before a sequence, and the set after what it names; over a stream that the test makes. */
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/ship/walk_back.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { STREAM = 200000 };

struct hs_engine {
	struct {
		uint64_t sequence;
		struct hs_places places;
	} message[STREAM];
	size_t count;
	uint64_t least; /* the lowest sequence that was read */
	unsigned walks, failing;
};

static struct hs_engine *e;
static const struct hs_place passed = { 1, 500, 0 };

int hs_engine_walk(struct hs_engine *engine, enum hs_walk of, uint64_t from, int64_t since_ms,
                   bool (*each)(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id),
                   void *context, struct hs_engine_failure *failure)
{
	assert_int_equal(of, HS_WALK_OWN);
	assert_int_equal(since_ms, 0);
	engine->walks++;
	engine->least = from < engine->least ? from : engine->least;
	if (engine->failing > 0 && engine->failing-- == 1) {
		*failure = (struct hs_engine_failure){ EX_TEMPFAIL, "the leader changed" };
		return EX_TEMPFAIL;
	}
	for (size_t i = 0; i < engine->count; i++)
		if (engine->message[i].sequence >= from &&
		    !each(context, engine->message[i].sequence, &engine->message[i].places, HS_SLICE("id")))
			break;
	return 0;
}

FIXTURE(begin)
{
	e = calloc(1, sizeof *e);
	e->least = UINT64_MAX;
	return e == NULL ? -1 : 0;
}

FIXTURE(finish)
{
	free(e);
	return 0;
}

/* A message of the record `record` that says: all before `done` is stored, up to the sequence stored_at. */
static void store(uint64_t sequence, uint64_t record, uint64_t done, uint64_t stored_at)
{
	e->message[e->count].sequence = sequence;
	e->message[e->count++].places = (struct hs_places){ { 1, record, 0 }, { 1, done, 0 }, stored_at };
}

/* Walks back; the result must have this last sequence (0: none) and a set of this many places. */
static struct hs_engine_asked walk(uint64_t before, uint64_t last, size_t count)
{
	struct hs_engine_asked asked = {
		.any = true, .sequence = 999, .set = calloc(1, sizeof *asked.set), .count = 1
	};
	struct hs_engine_failure failure;

	assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), 0);
	assert_int_equal(asked.any, last > 0);
	for (size_t i = 0; i < e->count; i++)
		if (e->message[i].sequence == last)
			assert_memory_equal(&asked.done, &e->message[i].places, sizeof asked.done);
	assert_int_equal(asked.sequence, 999);
	assert_int_equal(asked.count, count);
	return asked;
}

TEST(a_stream_without_messages)
{
	struct hs_engine_asked asked = walk(1, 0, 0);

	free(asked.set);
	asked = walk(500000, 0, 0);
	free(asked.set);
	assert_int_equal(e->least, 1);
}

/* Records 0 to 5 before the loss, and 2 to 4 again after it, which claim too much. */
TEST(the_last_message_before_the_sequence_counts)
{
	struct hs_engine_asked asked;

	for (uint64_t i = 0; i < 3; i++)
		store(10 + i, i, i, 9 + i);
	store(20, 4, 4, 19);
	store(21, 5, 4, 19);
	asked = walk(20, 12, 3); /* places of 12, 20, 21: all after sequence 11 */
	assert_int_equal(asked.done.own.offset, 2);
	assert_int_equal(asked.done.stored.offset, 2);
	assert_int_equal(asked.set[0].offset, 2);
	assert_int_equal(asked.set[1].offset, 4);
	assert_int_equal(asked.set[2].offset, 5);
	free(asked.set);
}

/* Nothing is left from before the sequence: all that there is, is after it. */
TEST(nothing_before_the_sequence)
{
	struct hs_engine_asked asked;

	store(20, 4, 4, 19);
	store(21, 5, 5, 20);
	asked = walk(20, 0, 2);
	free(asked.set);
}

TEST(the_end_is_read_first_and_more_only_if_needed)
{
	struct hs_engine_asked asked;

	for (uint64_t i = 0; i < STREAM; i++)
		store(1 + i, i, i > 3 ? i - 3 : 0, i > 3 ? i - 3 : 0);
	asked = walk(STREAM, STREAM - 1, 5);
	free(asked.set);
	assert_int_equal(e->walks, 1);
	assert_int_equal(e->least, STREAM - 10000);
	e->message[STREAM - 2].places.stored_at = 50000; /* much was in flight */
	asked = walk(STREAM, STREAM - 1, STREAM - 50000);
	free(asked.set);
	assert_int_equal(e->walks, 1 + 3);
	assert_int_equal(e->least, 1);
}

TEST(a_failure_leaves_what_was_asked)
{
	struct hs_engine_failure failure = { 0 };
	struct hs_place place = { 7, 7, 7 };
	struct hs_engine_asked asked = { .any = true, .sequence = 999, .set = &place, .count = 1 };
	uint64_t before = 20000;

	for (uint64_t i = 0; i < 20000; i++)
		store(1 + i, i, 0, 0);
	for (unsigned nth = 1; nth <= 2; nth++) {
		e->failing = nth;
		assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), EX_TEMPFAIL);
		assert_string_equal(failure.why, "the leader changed");
		assert_ptr_equal(asked.set, &place);
		assert_int_equal(asked.sequence, 999);
	}
}

/* Messages at 1 to 8; the stream went back after the fifth, when the ninth was known, and that was not noticed. */
TEST(it_is_not_known_where_the_stream_went_back)
{
	struct hs_engine_asked asked = { .any = true, .sequence = 8 };
	struct hs_engine_failure failure;
	uint64_t before = 0;

	for (uint64_t i = 1; i <= 5; i++)
		store(i, 100 * (i - 1), 100 * (i - 1), i - 1);
	store(6, 500, 500, 4); /* names no sequence that is too high, but was perhaps sent after the loss */
	store(7, 900, 900, 9);
	store(8, 600, 500, 4);
	assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), 0);
	assert_int_equal(before, 6);
	assert_int_equal(asked.done.own.offset, 400);
	assert_int_equal(asked.count, 4); /* all after the fourth */
	before = 8;                       /* now it is known: the place does not matter */
	assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), 0);
	assert_int_equal(asked.done.own.offset, 500);
	before = 1;
	assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), 0);
	assert_false(asked.any);
	assert_int_equal(asked.count, 8);
	free(asked.set);
}

TEST(it_is_not_known_where_the_stream_went_back_and_nothing_is_trusted)
{
	struct hs_engine_asked asked = { .any = true, .sequence = 8 };
	struct hs_engine_failure failure;
	uint64_t before = 0;

	store(7, 900, 900, 9);
	assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), 0);
	assert_int_equal(before, 1);
	assert_false(asked.any);
	assert_int_equal(asked.count, 1);
	free(asked.set);
}

TEST(no_memory_leaves_what_was_asked)
{
	static const enum wrap_call calls[] = { WRAP_REALLOC, WRAP_CALLOC };
	struct hs_place place = { 7, 7, 7 };

	store(10, 0, 0, 0);
	for (size_t i = 0; i < 2; i++) {
		struct hs_engine_asked asked = { .any = true, .sequence = 999, .set = &place, .count = 1 };
		struct hs_engine_failure failure = { 0 };
		uint64_t before = 20;

		wrap_fail(calls[i], 1, 1, ENOMEM);
		assert_int_equal(hs_walk_back(e, &passed, &before, &asked, &failure), EX_OSERR);
		wrap_reset();
		assert_string_equal(failure.why, "out of memory");
		assert_int_equal(failure.code, EX_OSERR);
		assert_ptr_equal(asked.set, &place);
		assert_int_equal(asked.count, 1);
	}
}

/* Beside a search of the whole stream. */
TEST(random_streams)
{
	struct random_source dice = random_new(random_seed());

	for (int round = 0; round < 300; round++) {
		uint64_t sequence = 0, before = 1 + random_below(&dice, 300), last = 0, stored_at = 0;
		struct hs_engine_asked asked;
		size_t count = 0;

		e->count = 0;
		for (uint64_t i = 0; i < 100; i++) {
			uint64_t back = random_below(&dice, 6);

			sequence += 1 + random_below(&dice, 4);
			store(sequence, i, i, sequence > back ? sequence - 1 - (back < sequence ? back : 0) : 0);
		}
		for (size_t i = 0; i < e->count; i++)
			if (e->message[i].sequence < before) {
				last = e->message[i].sequence;
				stored_at = e->message[i].places.stored_at;
			}
		for (size_t i = 0; i < e->count; i++)
			count += last == 0 || e->message[i].sequence > stored_at;
		asked = walk(before, last, count);
		free(asked.set);
	}
}

TESTS("ship_walk_back", begin, finish)
