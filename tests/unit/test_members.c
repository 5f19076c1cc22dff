/* members: whatever the order in which names come, they are found, overwritten, and written in the order of their bytes. */
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
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

/* All names, `turn` being their value, in an order of its own; each other one is lent. */
static void set_all(struct hs_members *m, struct random_source *random, const char *turn)
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

		assert_true(i % 2 == 0 ? hs_members_set(m, name, hs_slice_str(turn), NULL)
		                       : hs_members_lend(m, name, hs_slice_str(turn)));
	}
	assert_int_equal(m->count, NAMES);
}

static void expect(struct hs_members *m, const char *turn)
{
	static char sorted[NAMES][16];
	struct hs_buf out = { 0 }, expected = { 0 };
	char text[16];

	for (unsigned i = 0; i < NAMES; i++)
		name_of(i, sorted[i]);
	qsort(sorted, NAMES, sizeof *sorted, as_bytes);
	for (unsigned i = 0; i < NAMES; i++)
		hs_buf_printf(&expected, "%c\"%s\":%s", i == 0 ? '{' : ',', sorted[i], turn);
	hs_buf_putc(&expected, '}');
	hs_members_put(m, &out);
	assert_slice_equal(hs_buf_slice(&out), hs_buf_slice(&expected));
	for (unsigned i = 0; i < NAMES; i++) {
		struct hs_slice name = name_of(i, text);
		const struct hs_member *found = hs_members_find(m, name);

		assert_non_null(found);
		assert_slice_equal(found->name, name);
		assert_slice_equal(found->value, hs_slice_str(turn));
	}
	assert_null(hs_members_find(m, HS_SLICE("a")));
	hs_buf_free(&out);
	hs_buf_free(&expected);
}

TEST(names_in_any_order_are_found_and_written_sorted)
{
	struct hs_members m = { 0 };
	struct random_source random = random_new(random_seed());

	assert_null(hs_members_find(&m, HS_SLICE("a")));
	set_all(&m, &random, "1");
	expect(&m, "1");
	set_all(&m, &random, "22");
	expect(&m, "22");
	hs_members_forget(&m);
	assert_null(hs_members_find(&m, HS_SLICE("1")));
	set_all(&m, &random, "3");
	expect(&m, "3");
	hs_members_free(&m);
}

TESTS("members", NULL, NULL)
