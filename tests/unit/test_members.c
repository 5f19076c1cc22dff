/*
 * members: whatever the order in which names come, they are found, overwritten, and written in the order of their
 * bytes.
 */
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/load/members.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 3000 };

static int as_bytes(const void *a, const void *b)
{
	return strcmp(a, b);
}

static struct hs_slice name_of(unsigned i, char text[static 16])
{
	snprintf(text, 16, i % 3 == 0 ? "a%u" : i % 3 == 1 ? "%u" : "a_%u", i);
	return hs_slice_str(text);
}

/* All names, `turn` being their value, in an order of its own; each other one has the key. */
static void set_all(struct hs_members *m, struct random_source *random, const char *turn, struct hs_row_key *key)
{
	unsigned order[NAMES];
	char text[16];

	for (unsigned i = 0; i < NAMES; i++) {
		unsigned other = random_below(random, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (unsigned i = 0; i < NAMES; i++) {
		struct hs_slice name = name_of(order[i], text);

		assert_true(hs_members_set(m, name, hs_slice_str(turn), order[i] % 2 == 0 ? key : NULL));
	}
	assert_int_equal(m->count, NAMES);
}

static void expect(struct hs_members *m, const char *turn, const struct hs_row_key *key)
{
	static char sorted[NAMES][16];
	char text[16];

	for (unsigned i = 0; i < NAMES; i++)
		name_of(i, sorted[i]);
	qsort(sorted, NAMES, sizeof *sorted, as_bytes);
	hs_members_sort(m);
	hs_members_sort(m); /* which changes nothing */
	for (unsigned i = 0; i < NAMES; i++)
		assert_slice_equal(hs_members_name(m, hs_members_sorted(m, i)), hs_slice_str(sorted[i]));
	for (unsigned i = 0; i < NAMES; i++) {
		struct hs_slice name = name_of(i, text);
		ptrdiff_t found = hs_members_find(m, name);

		assert_true(found >= 0);
		assert_slice_equal(hs_members_name(m, (size_t)found), name);
		assert_slice_equal(hs_members_value(m, (size_t)found), hs_slice_str(turn));
		assert_ptr_equal(hs_members_key(m, (size_t)found), i % 2 == 0 ? key : NULL);
	}
	assert_int_equal(hs_members_find(m, HS_SLICE("a")), -1);
}

TEST(names_in_any_order_are_found_and_written_sorted)
{
	struct hs_members m = { 0 };
	struct random_source random = random_new(random_seed());

	struct hs_row_key *first = hs_row_key_new(HS_SLICE("first")), *second = hs_row_key_new(HS_SLICE("second"));

	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(hs_members_find(&m, HS_SLICE("a")), -1);
	set_all(&m, &random, "1", first);
	expect(&m, "1", first);
	set_all(&m, &random, "22", second);
	expect(&m, "22", second);
	assert_int_equal(first->holders, 1); /* ours: no member has it any more */
	hs_members_forget(&m);
	assert_int_equal(second->holders, 1);
	assert_int_equal(hs_members_find(&m, HS_SLICE("1")), -1);
	set_all(&m, &random, "3", first);
	expect(&m, "3", first);
	hs_members_free(&m);
	hs_row_key_drop(first);
	hs_row_key_drop(second);
}

/* A value that is overwritten for ever takes no more room than a few of it. */
TEST(values_that_were_overwritten_are_not_kept)
{
	static char value[10000];
	struct hs_members m = { 0 };

	memset(value, 'v', sizeof value);
	for (int i = 0; i < 1000; i++) {
		struct hs_row_key *key = hs_row_key_new(HS_SLICE("key"));

		assert_non_null(key);
		assert_true(hs_members_set(&m, HS_SLICE("one"), HS_SLICE("\"1\""), NULL));
		assert_true(hs_members_set(&m, HS_SLICE("long"), hs_slice(value, sizeof value), key));
		hs_row_key_drop(key);
	}
	assert_in_range(m.text.n, sizeof value, 200000);
	assert_int_equal(m.keys, 2);
	assert_slice_equal(hs_members_value(&m, (size_t)hs_members_find(&m, HS_SLICE("one"))), HS_SLICE("\"1\""));
	assert_slice_equal(hs_members_value(&m, (size_t)hs_members_find(&m, HS_SLICE("long"))),
	                   hs_slice(value, sizeof value));
	hs_members_free(&m);
}

TEST(key_of_the_last_member_is_not_mistaken_for_one_that_takes_its_place)
{
	struct hs_members m = { 0 };
	struct hs_row_key *first = hs_row_key_new(HS_SLICE("first")), *second = hs_row_key_new(HS_SLICE("second"));

	hs_members_sort(&m);
	assert_true(hs_members_set(&m, HS_SLICE("a"), HS_SLICE("\"1\""), first));
	assert_true(hs_members_set(&m, HS_SLICE("a"), HS_SLICE("\"2\""), NULL));
	assert_int_equal(first->holders, 1); /* ours */
	assert_null(hs_members_key(&m, 0));
	assert_true(hs_members_set(&m, HS_SLICE("b"), HS_SLICE("\"3\""), second));
	assert_true(hs_members_set(&m, HS_SLICE("c"), HS_SLICE("\"4\""), first));
	assert_ptr_equal(hs_members_key(&m, 1), second);
	assert_ptr_equal(hs_members_key(&m, 2), first);
	hs_members_free(&m);
	assert_int_equal(first->holders + second->holders, 2);
	hs_row_key_drop(first);
	hs_row_key_drop(second);
}

TEST(member_that_there_is_no_memory_for_is_told)
{
	static char value[1000000];
	struct hs_members m = { 0 };

	memset(value, 'v', sizeof value);
	assert_true(hs_members_set(&m, HS_SLICE("a"), HS_SLICE("\"1\""), NULL));
	wrap_memory(sizeof value / 2);
	assert_false(hs_members_set(&m, HS_SLICE("b"), hs_slice(value, sizeof value), NULL));
	wrap_reset();
	hs_members_free(&m);
}

/* Reads all members, as "name=value;", and how it ends. */
static void expect_read(const char *text, const char *expected)
{
	struct hs_rest_reader reader = { text, text + strlen(text), false };
	struct hs_slice name, value;
	struct hs_buf said = { 0 };
	enum hs_rest_read read;

	while ((read = hs_rest_read(&reader, &name, &value)) == HS_REST_MEMBER)
		hs_buf_printf(&said, "%.*s=%.*s;", (int)name.n, name.p, (int)value.n, value.p);
	hs_buf_put_slice(&said, read == HS_REST_END ? HS_SLICE("end") : HS_SLICE("strange"));
	assert_slice_equal(hs_buf_slice(&said), hs_slice_str(expected));
	hs_buf_free(&said);
}

TEST(a_rest_is_read_in_the_forms_that_databases_give_it)
{
	expect_read("{}", "end");
	expect_read("{\"a\":\"1\"}", "a=\"1\";end");
	expect_read(" { \"a\" : \"1\" , \"b\\\"\": \"\\\"x\\\"\" } ", "a=\"1\";b\\\"=\"\\\"x\\\"\";end");
	expect_read("", "strange");
	expect_read("[]", "strange");
	expect_read("{\"a\":1}", "strange");
	expect_read("{\"a\":\"1\",}", "a=\"1\";strange");
	expect_read("{\"a\":\"1\"\"b\":\"2\"}", "a=\"1\";strange");
	expect_read("{\"a\" \"1\"}", "strange");
	expect_read("{\"a\"", "strange");
	expect_read("{a:\"1\"}", "strange");
	expect_read("{\"a\":\"1\"} x", "a=\"1\";strange");
	expect_read("{\"a\":\"\\u00\"}", "strange");
	expect_read("{\"a\":\"\n\"}", "strange");
	expect_read("{\"a\":\"1\\", "strange");
	expect_read("{\"a\":\"1", "strange");
}

TESTS("members", NULL, NULL)
