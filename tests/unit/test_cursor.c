/*
 * cursor: a named position, which survives any interruption of its saving, and which one
 * consumer holds at a time.
 */
#include "base/io.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/processes.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct scene {
	struct spooldir d;
	struct hs_opened_spool o;
	struct hs_cursor *cursor;
	bool fresh;
	int64_t holder;
} s;
static const struct hs_position first = { 3, 1000, 2, 7 }, second = { 4, 77, 0, UINT64_MAX };

FIXTURE(make)
{
	wrap_reset();
	spooldir_make(&s.d, "");
	assert_int_equal(hs_spool_dir_open(&s.o, s.d.settings, true), HS_OK);
	s.cursor = NULL;
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_cursor_close(s.cursor);
	hs_spool_dir_close(&s.o);
	spooldir_remove(&s.d);
	return 0;
}

static enum hs_result reopen(const char *name)
{
	hs_cursor_close(s.cursor);
	return hs_cursor_open(&s.o.dir, name, &s.cursor, &s.fresh, &s.holder);
}

static bool stands_at(struct hs_position p)
{
	struct hs_position at = hs_cursor_position(s.cursor);

	return at.number == p.number && at.offset == p.offset && at.edit == p.edit && at.before == p.before;
}

TEST(without_a_folder_no_cursor_is_removed)
{
	assert_result(hs_cursor_remove(&s.o.dir, "mine"), HS_E_IO);
	assert_int_equal(reopen("mine"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	assert_result(hs_cursor_remove(&s.o.dir, "mine"), HS_OK);
	assert_result(hs_cursor_remove(&s.o.dir, "mine"), HS_OK);
}

TEST(a_position_is_remembered)
{
	assert_int_equal(reopen("mine"), HS_OK);
	assert_true(s.fresh);
	assert_true(stands_at((struct hs_position){ 0 }));
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	assert_int_equal(reopen("mine"), HS_OK);
	assert_false(s.fresh);
	assert_true(stands_at(first));
	assert_int_equal(hs_cursor_save(s.cursor, second), HS_OK);
	assert_int_equal(reopen("other"), HS_OK);
	assert_true(s.fresh);
	assert_int_equal(reopen("mine"), HS_OK);
	assert_true(stands_at(second));
}

/* Records done after the position, by a consumer that does not work in order. */
TEST(records_done_ahead_are_remembered)
{
	struct hs_ahead ahead = { .to = { UINT64_MAX, UINT64_MAX, UINT64_MAX, 0 }, .count = HS_CURSOR_HELD };

	for (uint64_t i = 0; i < HS_CURSOR_HELD; i++)
		ahead.held[i] = (struct hs_held_user){ UINT64_MAX - i, { UINT64_MAX - i, UINT64_MAX, UINT64_MAX, 0 } };
	assert_int_equal(reopen("mine"), HS_OK);
	assert_int_equal(hs_cursor_ahead(s.cursor)->to.number, 0);
	assert_int_equal(hs_cursor_save_ahead(s.cursor, first, &ahead), HS_OK);
	assert_int_equal(reopen("mine"), HS_OK);
	assert_true(stands_at(first));
	assert_memory_equal(hs_cursor_ahead(s.cursor), &ahead, sizeof ahead);
	ahead.count = 0;
	assert_int_equal(hs_cursor_save_ahead(s.cursor, first, &ahead), HS_OK);
	assert_int_equal(reopen("mine"), HS_OK);
	assert_true(hs_cursor_ahead(s.cursor)->to.number == UINT64_MAX);
	assert_int_equal(hs_cursor_ahead(s.cursor)->count, 0);
	assert_int_equal(hs_cursor_save(s.cursor, second), HS_OK);
	assert_int_equal(reopen("mine"), HS_OK);
	assert_int_equal(hs_cursor_ahead(s.cursor)->to.number, 0);
}

static bool is_stream(const struct hs_cursor_stream *expected)
{
	return memcmp(hs_cursor_stream(s.cursor), expected, sizeof *expected) == 0;
}

/* The widest that each member can be, beside records done ahead. */
TEST(a_stream_is_remembered)
{
	static const struct hs_cursor_stream none, stream = { .created = "2026-11-29T04:00:00.123456789+12:45:59.",
		                                              .receiver = "kodabuziabcdefg",
		                                              .sequence = UINT64_MAX,
		                                              .own = UINT64_MAX - 1,
		                                              .back = UINT64_MAX - 2,
		                                              .kept = { UINT64_MAX, UINT64_MAX, UINT64_MAX, 0 },
		                                              .next = { UINT64_MAX, UINT64_MAX, UINT64_MAX, 0 },
		                                              .next_ms = 1795514400123 };
	struct hs_ahead ahead = { .to = { 5, 6, 7, 0 }, .count = 1, .held = { { 8, { 9, 10, 11, 0 } } } };

	assert_int_equal(reopen("ship"), HS_OK);
	assert_true(is_stream(&none));
	hs_cursor_set_stream(s.cursor, &stream);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	assert_int_equal(reopen("ship"), HS_OK);
	assert_true(stands_at(first) && is_stream(&stream));
	assert_int_equal(hs_cursor_save_ahead(s.cursor, second, &ahead), HS_OK); /* a later save keeps it */
	assert_int_equal(reopen("ship"), HS_OK);
	assert_true(stands_at(second) && is_stream(&stream));
	assert_memory_equal(hs_cursor_ahead(s.cursor), &ahead, sizeof ahead);
	hs_cursor_set_stream(s.cursor, &none);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	assert_int_equal(reopen("ship"), HS_OK);
	assert_true(is_stream(&none));
}

TEST(a_damaged_stream_is_told)
{
#define AT(time) \
	"{\"number\":3,\"offset\":1000,\"edit\":2,\"before\":\"7\",\"spool\":\"5f\",\"epoch\":1,\"saved_at\":\"" time \
	"\""
#define HEAD AT("2026-11-23T10:15:00.123Z")
#define USER "[\"000000000000000f\",1,2,3]"
#define STREAM ",\"stream\":{\"created\":\"c\",\"receiver\":\"r\",\"sequence\":998,\"own\":990,\"back\":0}"
	static const struct {
		const char *text;
		enum hs_result result;
	} cases[] = {
		{ HEAD "}\n", HS_OK },
		{ HEAD STREAM ",\"kept\":[41,500,0]}\n", HS_OK },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[]" STREAM ",\"kept\":[41,500,0]}\n", HS_OK },
		{ HEAD STREAM ",\"kept\":[41,500,0]}", HS_E_CURSOR },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[[\"000000000000000f\",1,2,3]]}\n", HS_OK },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[[\"000000000000000f\",1,2]]}\n", HS_E_CURSOR },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[", HS_E_CURSOR },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[" USER "," USER "]}\n", HS_OK },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[" USER USER "]}\n", HS_E_CURSOR },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[" USER ",", HS_E_CURSOR },
		{ HEAD ",\"ahead\":[44,0,0],\"held\":[[\"000000000000000f\",1,2,3}]}\n", HS_E_CURSOR },
		{ AT("2026-11-23T10:15:00.123Z+01:00") "}\n", HS_E_CURSOR },
		{ AT("yesterday") "}\n", HS_E_CURSOR },
		{ HEAD ",\"ahead\":[44,0],\"held\":[]}\n", HS_E_CURSOR },
		{ HEAD ",\"ahead\":7}\n", HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500,0]}\n\n", HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500,0],\"next\":[41,900,0,\"2026-11-23T10:01:00.123Z\"]}\n", HS_OK },
		{ HEAD STREAM ",\"kept\":[41,500,0],\"next\":[41,900,0,\"yesterday\"]}\n", HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500,0],\"next\":[41,900,\"2026-11-23T10:01:00.123Z\"]}\n", HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500,0],\"next\":[41,900,0,\"2026-11-23T10:01:00.123Z\"],\"more\":1}\n",
		  HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500]}\n", HS_E_CURSOR },
		{ HEAD
		  ",\"stream\":{\"created\":\"c\",\"receiver\":\"r\",\"sequence\":998,\"own\":990},\"kept\":[1,0,0]}\n",
		  HS_E_CURSOR },
		{ HEAD STREAM "}\n", HS_E_CURSOR },
		{ HEAD ",\"kept\":[41,500,0]}\n", HS_E_CURSOR },
		{ HEAD ",\"stream\":{}}\n", HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500,0],\"more\":1}\n", HS_E_CURSOR },
		{ HEAD STREAM ",\"kept\":[41,500,0],\"ahead\":[44,0,0],\"held\":[]}\n", HS_E_CURSOR },
	};

	spooldir_mkdir(&s.d, ".hookspool/cursors");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		spooldir_write(&s.d, ".hookspool/cursors/ship", hs_slice_str(cases[i].text));
		if (reopen("ship") != cases[i].result)
			fail_msg("%s", cases[i].text);
	}
}

/* A file of more users than are ever held is damaged, and none of them is written beyond the room for them. */
TEST(more_users_than_can_be_held)
{
	spooldir_mkdir(&s.d, ".hookspool/cursors");
	for (int more = 0; more < 2; more++) {
		struct hs_buf text = { 0 };

		hs_buf_put_slice(&text, HS_SLICE(HEAD ",\"ahead\":[44,0,0],\"hash\":2,\"held\":["));
		for (int i = 0; i < HS_CURSOR_HELD + more; i++)
			hs_buf_printf(&text, "%s" USER, i > 0 ? "," : "");
		hs_buf_put_slice(&text, HS_SLICE("]}\n"));
		spooldir_write(&s.d, ".hookspool/cursors/each", hs_buf_slice(&text));
		assert_result(reopen("each"), more ? HS_E_CURSOR : HS_OK);
		hs_buf_free(&text);
	}
}

/* Retention keeps what the cursor has passed a moment ago. */
TEST(the_kept_place_counts_for_retention)
{
	static const struct {
		uint64_t kept, oldest;
	} cases[] = { { 0, 3 }, { 1, 1 }, { 3, 3 }, { 4, 3 } };
	struct hs_cursor_stream stream = { .created = "c", .receiver = "r" };
	uint64_t oldest;

	assert_int_equal(reopen("ship"), HS_OK);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		stream.kept = (struct hs_position){ .number = cases[i].kept };
		hs_cursor_set_stream(s.cursor, &stream);
		assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
		assert_int_equal(hs_cursor_oldest(s.o.dir.private_dir, &oldest), HS_OK);
		assert_int_equal(oldest, cases[i].oldest);
	}
}

/* Hashes of another version match no user: then no record counts as done after the position. */
TEST(users_of_another_hash_are_dropped)
{
#define HELD ",\"held\":[[\"c0ffee0123456789\",3,1200,0]]"
	static const struct {
		const char *text;
		enum hs_result result;
		uint64_t to;
	} cases[] = {
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":2" HELD "}\n", HS_OK, 44 },
		{ HEAD ",\"ahead\":[44,0,0]" HELD "}\n", HS_OK, 0 },
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":1" HELD "}\n", HS_OK, 0 },
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":3" HELD STREAM ",\"kept\":[41,500,0]}\n", HS_OK, 0 },
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":4294967298" HELD "}\n", HS_OK, 0 },
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":" HELD "}\n", HS_E_CURSOR, 0 },
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":2}\n", HS_E_CURSOR, 0 },
		{ HEAD ",\"ahead\":[44,0,0],\"hash\":1,\"held\":[[\"c0\",3]]}\n", HS_E_CURSOR, 0 },
	};

	spooldir_mkdir(&s.d, ".hookspool/cursors");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		spooldir_write(&s.d, ".hookspool/cursors/each", hs_slice_str(cases[i].text));
		if (reopen("each") != cases[i].result)
			fail_msg("%s", cases[i].text);
		if (cases[i].result != HS_OK)
			continue;
		assert_int_equal(hs_cursor_position(s.cursor).number, 3);
		assert_int_equal(hs_cursor_ahead(s.cursor)->to.number, cases[i].to);
		assert_int_equal(hs_cursor_ahead(s.cursor)->count, cases[i].to != 0);
	}
}

TEST(names)
{
	static const char *const bad[] = { "", ".x", "a/b", "a~", "..", "a b", "\xc3\xa9", "a\n" };
	char longest[HS_CURSOR_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(reopen(bad[i]), HS_E_CURSOR);
	memset(longest, 'n', sizeof longest);
	longest[HS_CURSOR_NAME_MAX + 1] = '\0';
	assert_false(hs_cursor_is_name(longest));
	longest[HS_CURSOR_NAME_MAX] = '\0';
	assert_int_equal(reopen(longest), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	assert_int_equal(reopen("A-z_0.9"), HS_OK);
}

static void a_second_later(void *context)
{
	(void)context;
	wrap_clock(0, 2000);
}

TEST(one_consumer_at_a_time)
{
	struct hs_cursor *again;
	int64_t holder;
	bool fresh;

	assert_int_equal(reopen("mine"), HS_OK);
	assert_int_equal(hs_cursor_open(&s.o.dir, "mine", &again, &fresh, &holder), HS_E_CURSOR_HELD);
	assert_int_equal(holder, getpid());
	assert_int_equal(hs_cursor_open(&s.o.dir, "yours", &again, &fresh, &holder), HS_OK);
	hs_cursor_close(again);
	assert_int_equal(reopen("mine"), HS_OK);
}

static int save_second(void *context)
{
	(void)context;
	return hs_cursor_save(s.cursor, second) == HS_OK ? 0 : 1;
}

TEST(a_kill_leaves_one_position_or_the_other)
{
	unsigned nth, moved = 0;
	int status = -1;

	for (nth = 1; status != 0; nth++) {
		assert_int_equal(reopen("mine"), HS_OK);
		assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
		status = child_killed(nth, true, save_second, NULL);
		assert_int_equal(reopen("mine"), HS_OK);
		assert_true(stands_at(first) || stands_at(second));
		moved += stands_at(second);
		finish(state);
		make(state);
	}
	assert_true(nth > 5 && moved > 0);
}

TEST(a_failure_is_reported)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC, WRAP_PWRITE, WRAP_OPENAT, WRAP_RENAMEAT };

	assert_int_equal(reopen("mine"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		wrap_fail(calls[i], 1, 1, EIO);
		assert_int_not_equal(hs_cursor_save(s.cursor, second), HS_OK);
		wrap_reset();
		assert_int_equal(reopen("mine"), HS_OK);
		assert_true(stands_at(first) || calls[i] == WRAP_FSYNC);
		assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	}
}

static bool count_one(void *context, const struct hs_cursor_info *info)
{
	unsigned *count = context;

	count[0]++;
	count[1] += info->damaged;
	count[2] += info->held;
	if (!info->damaged)
		assert_in_range(info->saved_ms, hs_io_now() - 60000, hs_io_now());
	return true;
}

TEST(all_cursors_are_listed)
{
	unsigned count[3] = { 0 };
	uint64_t oldest;

	assert_int_equal(hs_cursor_oldest(s.o.dir.private_dir, &oldest), HS_OK);
	assert_true(oldest == UINT64_MAX);
	assert_int_equal(reopen("a"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, second), HS_OK);
	assert_int_equal(reopen("b"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	assert_int_equal(hs_cursor_oldest(s.o.dir.private_dir, &oldest), HS_OK);
	assert_int_equal(oldest, first.number);
	spooldir_write(&s.d, ".hookspool/cursors/c", HS_SLICE("{\"number\":9,"));
	assert_int_equal(hs_cursor_list(s.o.dir.private_dir, count_one, count), HS_OK);
	assert_int_equal(count[0], 3);
	assert_int_equal(count[1], 1);
	assert_int_equal(count[2], 1);
	assert_int_equal(hs_cursor_oldest(s.o.dir.private_dir, &oldest), HS_OK);
	assert_int_equal(oldest, 0); /* what it needs is unknown */
	assert_int_equal(reopen("c"), HS_E_CURSOR);
}

static bool note_error(void *context, const struct hs_cursor_info *info)
{
	assert_true(info->damaged);
	*(int *)context = info->error;
	return true;
}

/* Reading may succeed the next time: a reset would give a good position away. */
TEST(a_cursor_that_cannot_be_read_is_told_from_a_damaged_one)
{
	int error = -1;

	assert_int_equal(reopen("a"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	wrap_reset();
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_int_equal(hs_cursor_list(s.o.dir.private_dir, note_error, &error), HS_OK);
	wrap_reset();
	assert_int_equal(error, EIO);
	spooldir_write(&s.d, ".hookspool/cursors/a", HS_SLICE("{\"number\":9,"));
	assert_int_equal(hs_cursor_list(s.o.dir.private_dir, note_error, &error), HS_OK);
	assert_int_equal(error, 0);
}

/* Where locks cannot be asked for nobody is known to hold a cursor. */
TEST(an_error_of_a_lock_is_no_holder)
{
	for (int fails = 0; fails < 2; fails++) {
		unsigned count[3] = { 0 };

		assert_int_equal(reopen("a"), HS_OK);
		assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
		wrap_reset();
		if (fails > 0)
			wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, ENOLCK);
		assert_int_equal(hs_cursor_list(s.o.dir.private_dir, count_one, count), HS_OK);
		assert_int_equal(count[2], 1 - fails);
		wrap_reset();
	}
}

/* The holder has not written its process id yet, or it cannot be read. */
TEST(a_holder_that_is_not_known)
{
	struct hs_cursor *again;
	int64_t holder = 7;
	bool fresh;

	assert_int_equal(reopen("mine"), HS_OK);
	spooldir_cut(&s.d, ".hookspool/cursors/.mine", 0);
	wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, EWOULDBLOCK);
	wrap_before(WRAP_FLOCK, 2, a_second_later, NULL);
	assert_int_equal(hs_cursor_open(&s.o.dir, "mine", &again, &fresh, &holder), HS_E_CURSOR_HELD);
	assert_int_equal(holder, 0);
	wrap_reset();
	wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, EWOULDBLOCK);
	wrap_before(WRAP_FLOCK, 2, a_second_later, NULL);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	holder = 7;
	assert_int_equal(hs_cursor_open(&s.o.dir, "mine", &again, &fresh, &holder), HS_E_CURSOR_HELD);
	assert_int_equal(holder, 0);
	wrap_reset();
}

/* The place that is furthest, in a segment as between segments, of cursors of this spool. */
TEST(the_newest_cursor)
{
	static const struct hs_position places[] = {
		{ 2, 80, 0, 0 }, { 3, 10, 0, 0 }, { 3, 30, 0, 0 }, { 3, 20, 0, 0 }, { 2, 90, 0, 0 }
	};
	static const char *const name[] = { "a", "b", "c", "d", "e" };
	struct hs_position at;

	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(reopen(name[i]), HS_OK);
		assert_int_equal(hs_cursor_save(s.cursor, places[i]), HS_OK);
	}
	spooldir_write(&s.d, ".hookspool/cursors/damaged", HS_SLICE("{\"number\":9,"));
	assert_result(hs_cursor_newest(&s.o.dir, &at), HS_OK);
	assert_int_equal(at.number, 3);
	assert_int_equal(at.offset, 30);
}

/* It may be gone already. */
TEST(a_cursor_is_removed)
{
	assert_int_equal(reopen("a"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	wrap_fail(WRAP_FSYNC, 1, 1, EIO);
	assert_result(hs_cursor_remove(&s.o.dir, "a"), HS_E_IO); /* a power cut may bring it back */
	wrap_reset();
	assert_result(hs_cursor_remove(&s.o.dir, "a"), HS_OK);
	assert_false(spooldir_exists(&s.d, ".hookspool/cursors/a"));
}

static void remove_b(void *removed)
{
	if (spooldir_exists(&s.d, ".hookspool/cursors/b"))
		spooldir_unlink(&s.d, ".hookspool/cursors/b");
	*(bool *)removed = true;
}

/* A cursor that goes while they are listed is not a damaged one. */
TEST(a_cursor_that_goes_meanwhile)
{
	bool removed = true;

	assert_int_equal(reopen("a"), HS_OK);
	assert_int_equal(hs_cursor_save(s.cursor, first), HS_OK);
	for (unsigned nth = 1; removed; nth++) {
		int count[3] = { 0 };

		assert_int_equal(reopen("b"), HS_OK);
		assert_int_equal(hs_cursor_save(s.cursor, second), HS_OK);
		assert_int_equal(reopen("a"), HS_OK);
		wrap_reset();
		removed = false;
		wrap_before(WRAP_OPENAT, nth, remove_b, &removed);
		assert_int_equal(hs_cursor_list(s.o.dir.private_dir, count_one, count), HS_OK);
		wrap_reset();
		assert_in_range(count[0], 1, 2);
		assert_int_equal(count[1], 0);
	}
}

TESTS("cursor", make, finish)
