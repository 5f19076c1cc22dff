/* keyed_scheduler: a user's records keep their order, and wait for that user's alone, whatever the keys are. */
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/keyed_scheduler.h"

#include <errno.h>

enum { USERS = 500 };

static struct hs_ack_tracker acks;

static struct hs_item *put(struct hs_keyed_scheduler *s, uint64_t user)
{
	static uint64_t offset;
	struct hs_item *item = hs_ack_tracker_add(&acks, HS_SLICE("{}"), (struct hs_position){ 1, ++offset, 0, 0 });

	assert_non_null(item);
	item->user = user;
	assert_true(hs_keyed_scheduler_put(s, item));
	return item;
}

static bool ready_first;

/* The next record of the only partition, given; NULL: there is none. */
static struct hs_item *give(struct hs_keyed_scheduler *s, int64_t now_ms)
{
	struct hs_item *item = hs_keyed_scheduler_next(s, 0, -1, ready_first, now_ms);

	if (item != NULL)
		hs_keyed_scheduler_given(s, item);
	return item;
}

static void settle(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	hs_keyed_scheduler_answered(s, item);
	hs_keyed_scheduler_forget(s, item);
	hs_ack_tracker_done(&acks, item);
}

static void fails(struct hs_keyed_scheduler *s, struct hs_item *item, int64_t retry_ms)
{
	hs_keyed_scheduler_answered(s, item);
	item->tries++;
	item->retry_ms = retry_ms;
	hs_keyed_scheduler_park(s, item);
}

static struct hs_keyed_scheduler *new_scheduler(bool one_per_key)
{
	struct hs_keyed_scheduler *s = hs_keyed_scheduler_new(1, one_per_key);

	assert_non_null(s);
	return s;
}

static void end(struct hs_keyed_scheduler *s)
{
	hs_ack_tracker_free(&acks);
	hs_keyed_scheduler_free(s);
}

/* Their keys may have many bits in common. */
static void wait_for_nobody_else(bool one_per_key, uint64_t distance)
{
	struct hs_keyed_scheduler *s = new_scheduler(one_per_key);
	struct hs_item *failing = put(s, 7), *later = put(s, 7);

	assert_ptr_equal(give(s, 0), failing);
	fails(s, failing, 1000);
	for (uint64_t user = 1; user <= USERS; user++)
		put(s, 7 + user * distance);
	for (uint64_t user = 1; user <= USERS; user++) {
		struct hs_item *item = give(s, 0);

		assert_non_null(item);
		assert_int_equal(item->user, 7 + user * distance);
		assert_false(hs_keyed_scheduler_is_stuck(s));
		settle(s, item);
	}
	assert_null(give(s, 0));
	assert_true(hs_keyed_scheduler_is_stuck(s));
	assert_int_equal(hs_keyed_scheduler_due(s, 0, 400), 600);
	assert_ptr_equal(give(s, 1000), failing);
	assert_false(hs_keyed_scheduler_is_stuck(s));
	settle(s, failing);
	assert_ptr_equal(give(s, 1000), later);
	settle(s, later);
	end(s);
}

TEST(a_record_that_failed_holds_back_its_user_alone)
{
	for (unsigned bit = 0; bit < 48; bit++) {
		wait_for_nobody_else(false, UINT64_C(1) << bit);
		wait_for_nobody_else(true, UINT64_C(1) << bit);
	}
}

TEST(users_that_are_in_hand_hold_back_nobody_else)
{
	struct hs_keyed_scheduler *s = new_scheduler(true);
	struct hs_item *first = put(s, 1), *second = put(s, 1), *other = put(s, 1 + (1 << 14));

	assert_ptr_equal(give(s, 0), first);
	assert_ptr_equal(give(s, 0), other);
	assert_null(give(s, 0));
	settle(s, first);
	assert_ptr_equal(give(s, 0), second);
	settle(s, second);
	settle(s, other);
	assert_true(hs_keyed_scheduler_is_stuck(s));
	end(s);
}

/* Users come and go, fail and are returned at random; each one's records are settled in their order. */
static void play(bool one_per_key)
{
	enum { ROUNDS = 20000, FEW = 12, HANDS = 40 };
	struct random_source dice = random_new(random_seed());
	struct hs_keyed_scheduler *s = new_scheduler(one_per_key);
	struct hs_item *hand[HANDS], *full;
	uint64_t last[FEW] = { 0 };
	unsigned n = 0;

	for (int64_t now = 0; now < ROUNDS; now++) {
		if (now < ROUNDS / 2 && random_below(&dice, 2) == 0)
			put(s, (uint64_t)random_below(&dice, FEW) << 14);
		while (n < (one_per_key ? HANDS : 1) && (hand[n] = give(s, now)) != NULL)
			n++;
		if ((full = hs_keyed_scheduler_next(s, 0, -1, ready_first, now)) != NULL)
			hs_keyed_scheduler_put_back(s, full);
		while (n > 0 && random_below(&dice, 4) > 0) {
			unsigned at = random_below(&dice, n);
			struct hs_item *item = hand[at];

			hand[at] = hand[--n];
			if (random_below(&dice, 3) == 0) {
				fails(s, item, now + random_below(&dice, 10));
				continue;
			}
			assert_true(item->before.offset > last[item->user >> 14]);
			last[item->user >> 14] = item->before.offset;
			settle(s, item);
		}
		if (one_per_key && n > 0 && random_below(&dice, 10) == 0) {
			n--;
			hs_keyed_scheduler_answered(s, hand[n]);
			hs_keyed_scheduler_return(s, hand[n]);
		}
		hs_keyed_scheduler_returned_all(s);
	}
	while (n > 0)
		settle(s, hand[--n]);
	for (int64_t now = ROUNDS + 10; acks.open > 0; now++) {
		struct hs_item *item = give(s, now);

		assert_non_null(item);
		settle(s, item);
	}
	end(s);
}

TEST(each_user_s_records_keep_their_order)
{
	play(false);
	play(true);
}

/* An erase has moved the later one to a smaller offset. */
TEST(those_that_failed_keep_their_order_in_a_segment_that_was_rewritten)
{
	struct hs_keyed_scheduler *s = new_scheduler(false);
	struct hs_item *first = put(s, 1), *later = put(s, 1);

	first->before.offset = 20000;
	later->before = (struct hs_position){ 1, 100, 1, 0 };
	assert_ptr_equal(give(s, 0), first);
	assert_ptr_equal(give(s, 0), later);
	fails(s, first, 10);
	fails(s, later, 10);
	assert_ptr_equal(give(s, 10), first);
	assert_ptr_equal(give(s, 10), later);
	end(s);
}

TEST(those_that_failed_are_last_if_the_sink_says_so)
{
	struct hs_keyed_scheduler *s = new_scheduler(false);
	struct hs_item *failed = put(s, 1), *held, *other;

	assert_ptr_equal(give(s, 0), failed);
	fails(s, failed, 10);
	held = put(s, 1);
	other = put(s, 2);
	ready_first = true;
	assert_ptr_equal(give(s, 10), other);
	assert_ptr_equal(give(s, 10), failed);
	fails(s, failed, 20);
	other = put(s, 3);
	ready_first = false;
	assert_ptr_equal(give(s, 20), failed);
	assert_ptr_equal(give(s, 20), held);
	assert_ptr_equal(give(s, 20), other);
	end(s);
}

/* For a sink that gathers the records of one rule: also among those that failed, of which one must go alone. */
TEST(while_a_rule_is_gathered_no_other_record_is_next)
{
	struct hs_keyed_scheduler *s = new_scheduler(false);
	struct hs_item *alone = put(s, 1), *other = put(s, 2), *same = put(s, 3);

	other->rule = 1;
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, 0, false, 10), alone);
	assert_null(hs_keyed_scheduler_next(s, 0, 0, false, 10)); /* the next one is of another rule */
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, 1, false, 10), other);
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, 0, false, 10), same);
	alone->alone = true;
	for (struct hs_item *i = acks.first; i != NULL; i = i->later) {
		hs_keyed_scheduler_given(s, i);
		fails(s, i, 10);
	}
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, 0, false, 10), same);
	assert_null(hs_keyed_scheduler_next(s, 0, 0, false, 10));
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, -1, false, 10), alone);
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, 1, false, 10), other);
	end(s);
}

/* The sink was full. One that had failed waits for nothing new, and no later one of its user overtakes it. */
TEST(what_is_put_back_is_next_again)
{
	struct hs_keyed_scheduler *s = new_scheduler(false);
	struct hs_item *first = put(s, 1), *later = put(s, 1), *other = put(s, 2);

	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(hs_keyed_scheduler_next(s, 0, -1, false, 10), first);
		hs_keyed_scheduler_put_back(s, first);
		assert_false(hs_keyed_scheduler_is_stuck(s));
	}
	assert_ptr_equal(give(s, 0), first);
	fails(s, first, 10);
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(hs_keyed_scheduler_next(s, 0, -1, false, 10), first);
		hs_keyed_scheduler_put_back(s, first);
		assert_ptr_equal(hs_keyed_scheduler_next(s, 0, -1, true, 10), other);
		hs_keyed_scheduler_put_back(s, other);
	}
	assert_ptr_equal(give(s, 10), first);
	first->tries = 0;
	first->alone = true; /* of a batch that was refused */
	hs_keyed_scheduler_answered(s, first);
	hs_keyed_scheduler_put_back(s, first);
	assert_ptr_equal(hs_keyed_scheduler_next(s, 0, 0, false, 10), other); /* for another batch */
	hs_keyed_scheduler_put_back(s, other);
	assert_ptr_equal(give(s, 10), first);
	settle(s, first);
	assert_ptr_equal(give(s, 10), later);
	hs_keyed_scheduler_answered(s, later);
	hs_keyed_scheduler_return(s, later);
	assert_ptr_equal(give(s, 10), other);
	settle(s, other);
	assert_false(hs_keyed_scheduler_is_stuck(s));
	assert_null(give(s, 10));
	hs_keyed_scheduler_returned_all(s);
	assert_ptr_equal(give(s, 10), later);
	end(s);
}

TEST(a_shortage_of_memory)
{
	struct hs_keyed_scheduler *s = new_scheduler(false);
	struct hs_item *item = put(s, 1), *other;

	other = hs_ack_tracker_add(&acks, HS_SLICE("{}"), (struct hs_position){ 2, 0, 0, 0 });
	other->user = 2;
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_false(hs_keyed_scheduler_put(s, other));
	wrap_reset();
	assert_ptr_equal(give(s, 0), item);
	assert_null(give(s, 0));
	assert_true(hs_keyed_scheduler_put(s, other));
	assert_ptr_equal(give(s, 0), other);
	end(s);
}

TESTS("keyed_scheduler", NULL, NULL)
