/* ack_tracker: after a kill at any time the next run handles what was not done, and nothing else. */
#include "tests/lib/unit.h"
#include "tools/sink/ack_tracker.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS = 2000, RUNS = 6, ROUNDS = 60 };

static struct hs_position at(unsigned n)
{
	return (struct hs_position){ .number = 1 + n / 100, .offset = n % 100 };
}

static unsigned number_of(struct hs_position p)
{
	return (unsigned)(p.number - 1) * 100 + (unsigned)p.offset;
}

/* A spool of records 1 to RECORDS, record n between at(n - 1) and at(n). */
struct model {
	unsigned users;
	uint64_t user[RECORDS + 1];
	unsigned done[RECORDS + 1]; /* how often */
};

/* A run; it starts from what the last one left. */
struct run {
	struct hs_ack_tracker acks;
	struct hs_ahead before;
	struct hs_item *item[RECORDS + 1];
	unsigned read;
};

static void read_one(struct run *r, const struct model *m)
{
	unsigned n = ++r->read;

	if (hs_ahead_has_done(&r->before, at(n), m->user[n]))
		return;
	r->item[n] = hs_ack_tracker_add(&r->acks, HS_SLICE("a line"), at(n - 1));
	assert_non_null(r->item[n]);
	assert_slice_equal(hs_slice(r->item[n]->line, r->item[n]->n), HS_SLICE("a line\n"));
	r->item[n]->user = m->user[n];
}

/* Returns the first record of some user that is not done, as handlers do them. A third of the users are stuck. */
static void finish_one(struct run *r, struct model *m)
{
	uint64_t user = m->user[1 + rand() % (int)r->read];
	struct hs_item *i = r->acks.first;

	while (i != NULL && i->user != user)
		i = i->later;
	if (i == NULL || user % 3 == 0)
		return;
	m->done[number_of(i->before) + 1]++;
	r->item[number_of(i->before) + 1] = NULL;
	hs_ack_tracker_done(&r->acks, i);
}

/* Reads and finishes for a while; then returns what the cursor's file would hold. */
static struct hs_position run(struct model *m, struct hs_position from, const struct hs_ahead *before,
                              struct hs_ahead *after)
{
	struct run *r = calloc(1, sizeof *r);
	unsigned until = number_of(from) + (unsigned)rand() % RECORDS;
	struct hs_position position;

	assert_non_null(r);
	r->before = *before;
	hs_ahead_sort(&r->before);
	r->read = number_of(from);
	while (r->read < until && r->read < RECORDS) {
		read_one(r, m);
		finish_one(r, m);
	}
	memset(after, 0xFF, sizeof *after);
	hs_ack_tracker_ahead(&r->acks, at(r->read), &r->before, after);
	position = hs_ack_tracker_position(&r->acks, at(r->read));
	hs_ack_tracker_free(&r->acks);
	assert_int_equal(r->acks.open, 0);
	assert_int_equal(r->acks.bytes, 0);
	free(r);
	return position;
}

static void play(unsigned users)
{
	struct model *m = calloc(1, sizeof *m);
	struct hs_position position = at(0);
	struct hs_ahead ahead[2] = { 0 };
	unsigned twice = 0;

	assert_non_null(m);
	for (unsigned n = 1; n <= RECORDS; n++)
		m->user[n] = (uint64_t)(rand() % (int)users) * UINT64_C(0x9E3779B97F4A7C15);
	for (int i = 0; i < RUNS; i++) {
		position = run(m, position, &ahead[i % 2], &ahead[1 - i % 2]);
		hs_ahead_sort(&ahead[1 - i % 2]);
		for (unsigned n = 1; n <= RECORDS; n++) {
			bool passed =
			    n <= number_of(position) || hs_ahead_has_done(&ahead[1 - i % 2], at(n), m->user[n]);

			assert_true(!passed || m->done[n] > 0); /* no record is lost */
			assert_true(passed || m->done[n] == 0 || users > HS_CURSOR_HELD);
		}
	}
	for (unsigned n = 1; n <= RECORDS; n++)
		twice += m->done[n] > 1;
	assert_true(twice == 0 || users > HS_CURSOR_HELD);
	free(m);
}

TEST(killed_at_any_time)
{
	static const unsigned users[] = { 1, 2, 7, 100, 500, 5000 };

	srand(7);
	for (int round = 0; round < ROUNDS; round++)
		play(users[round % 6]);
}

/* An erase has replaced the segment since, so nothing in it counts as done. */
TEST(positions_of_another_edit)
{
	struct hs_ahead ahead = { .to = { 3, 100, 1, 0 }, .count = 1, .held = { { 5, { 2, 50, 1, 0 } } } };

	assert_true(hs_ahead_has_done(&ahead, (struct hs_position){ 3, 50, 1, 0 }, 1));
	assert_false(hs_ahead_has_done(&ahead, (struct hs_position){ 3, 50, 2, 0 }, 1));
	assert_true(hs_ahead_has_done(&ahead, (struct hs_position){ 2, 50, 1, 0 }, 5));
	assert_false(hs_ahead_has_done(&ahead, (struct hs_position){ 2, 51, 1, 0 }, 5));
	assert_false(hs_ahead_has_done(&ahead, (struct hs_position){ 2, 20, 0, 0 }, 5));
	assert_true(hs_ahead_has_done(&ahead, (struct hs_position){ 1, 900, 0, 0 }, 5));
	assert_false(hs_ahead_has_done(&ahead, (struct hs_position){ 4, 0, 0, 0 }, 1));
	assert_false(hs_ahead_has_done(&(struct hs_ahead){ 0 }, (struct hs_position){ 1, 1, 0, 0 }, 1));
}

/* The last run was ahead of this one. What this one has in hand comes first; there is room for so many users. */
TEST(what_the_last_run_has_done_is_kept_as_far_as_there_is_room)
{
	struct hs_ahead *unread = calloc(2, sizeof *unread), *ahead = unread + 1;
	struct hs_ack_tracker acks = { .open = 0 };
	struct hs_item *item;

	assert_non_null(unread);
	unread->to = at(900);
	for (unsigned i = 0; i < HS_CURSOR_HELD; i++)
		unread->held[unread->count++] = (struct hs_held_user){ i, at(i % 2 == 0 ? 5 : 25) };
	hs_ack_tracker_ahead(&acks, at(10), unread, ahead);
	assert_int_equal(number_of(ahead->to), 900);
	assert_int_equal(ahead->count, HS_CURSOR_HELD);
	assert_int_equal(number_of(ahead->held[0].from), 10); /* as far as this run has read */
	assert_int_equal(number_of(ahead->held[1].from), 25);
	item = hs_ack_tracker_add(&acks, HS_SLICE("a line"), at(7));
	assert_non_null(item);
	item->user = 1 << 20;
	hs_ack_tracker_ahead(&acks, at(10), unread, ahead);
	assert_int_equal(number_of(ahead->to), 10);
	assert_int_equal(ahead->count, HS_CURSOR_HELD);
	assert_int_equal(ahead->held[0].user, 1 << 20);
	hs_ack_tracker_done(&acks, item);
	hs_ack_tracker_ahead(&acks, at(901), unread, ahead);
	assert_int_equal(ahead->to.number, 0);
	free(unread);
}

TESTS("ack_tracker", NULL, NULL)
