/* hash_budget: how many bytes a second strangers can make us hash. */
#include "cgi/http/hash_budget.h"
#include "tests/lib/unit.h"

enum { NOW = 1000000, SECOND = 1000 };

TEST(nothing_is_owed)
{
	struct hs_hash_budget b = { .hint = 0 };

	assert_true(hs_hash_budget_allows(&b, NOW));
	hs_hash_budget_charge(&b, 0, NOW);
	assert_true(hs_hash_budget_allows(&b, NOW));
}

TEST(a_debt_is_paid_by_time)
{
	struct hs_hash_budget b = { .hint = 0 };

	hs_hash_budget_charge(&b, (uint64_t)10 * HS_HASH_BUDGET_RATE, NOW);
	assert_false(hs_hash_budget_allows(&b, NOW));
	assert_false(hs_hash_budget_allows(&b, NOW + 8 * SECOND));
	assert_true(hs_hash_budget_allows(&b, NOW + 10 * SECOND));
}

/* A tenth of the rate, all the time, is always allowed. */
TEST(less_than_the_rate_is_always_allowed)
{
	struct hs_hash_budget b = { .hint = 0 };

	for (int i = 0; i < 1000; i++) {
		assert_true(hs_hash_budget_allows(&b, NOW + i * 100));
		hs_hash_budget_charge(&b, HS_HASH_BUDGET_RATE / 100, NOW + i * 100);
	}
}

/* However many the tries, no more is spent than the rate times the time, and one body. */
TEST(the_sum_is_bounded)
{
	struct hs_hash_budget b = { .hint = 0 };
	const uint64_t body = (uint64_t)3 * HS_HASH_BUDGET_RATE;
	uint64_t spent = 0;

	for (int ms = 0; ms < 100 * SECOND; ms++) {
		if (!hs_hash_budget_allows(&b, NOW + ms))
			continue;
		hs_hash_budget_charge(&b, body, NOW + ms);
		spent += body;
	}
	assert_in_range(spent, (uint64_t)99 * HS_HASH_BUDGET_RATE, (uint64_t)100 * HS_HASH_BUDGET_RATE + 2 * body);
}

TEST(no_budget_is_no_limit)
{
	hs_hash_budget_charge(NULL, UINT64_MAX, NOW);
	assert_true(hs_hash_budget_allows(NULL, NOW));
	hs_hash_budget_set_hint(NULL, 3);
	assert_int_equal(hs_hash_budget_hint(NULL), 0);
}

TESTS("hash_budget", NULL, NULL)
