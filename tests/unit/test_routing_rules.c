/* routing_rules: the most specific handler gets a record; a user always has the same number. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/routing_rules.h"

#include <errno.h>
#include <stdio.h>

static struct hs_routing_rules rules;

static void add(const char *argument)
{
	assert_true(hs_routing_rules_add(&rules, "test", argument));
}

static int find(const char *line)
{
	struct hs_record_head m;

	hs_record_head_read(&m, hs_slice_str(line));
	return hs_routing_rules_find(&rules, &m);
}

FIXTURE(finish)
{
	hs_routing_rules_free(&rules);
	memset(&rules, 0, sizeof rules);
	return 0;
}

TEST(the_most_specific_handler)
{
	add("track=a");
	add("track:Order Completed=b=c");
	add("page:Home=d");
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"x\"}"), 0);
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"Order \\u0043ompleted\"}"), 1);
	assert_string_equal(rules.rule[1].command, "b=c");
	assert_int_equal(find("{\"type\":\"page\",\"name\":\"Home\"}"), 2);
	assert_int_equal(find("{\"type\":\"page\",\"name\":\"home\"}"), -1);
	assert_int_equal(find("{\"type\":\"identify\",\"event\":\"Order Completed\"}"), -1);
	add("*=e");
	add("track=f");
	assert_int_equal(find("{\"type\":\"identify\"}"), 3);
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"x\"}"), 0);
	assert_int_equal(find("no record"), 3);
}

TEST(names_with_an_equals_sign)
{
	add("track:a\\=b=c=d");
	add("track:back\\\\slash=e");
	add("track:x:y=f");
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"a=b\"}"), 0);
	assert_string_equal(rules.rule[0].command, "c=d");
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"back\\\\slash\"}"), 1);
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"x:y\"}"), 2);
	assert_int_equal(find("{\"type\":\"track\",\"event\":\"a\"}"), -1);
}

TEST(invalid_rules)
{
	assert_false(hs_routing_rules_add(&rules, "test", "track"));
	assert_false(hs_routing_rules_add(&rules, "test", "=true"));
	assert_false(hs_routing_rules_add(&rules, "test", "track="));
	assert_false(hs_routing_rules_add(&rules, "test", "trakc=true")); /* it would skip the whole spool */
	assert_false(hs_routing_rules_add(&rules, "test", "Track=true"));
	assert_false(hs_routing_rules_add(&rules, "test", "trakc:Order Completed=true"));
	assert_false(hs_routing_rules_add(&rules, "test", "*:Order Completed=true"));
	assert_false(hs_routing_rules_add(&rules, "test", "track:a\\=true")); /* the name goes on */
	for (int i = 0; i < HS_ROUTING_RULES_MAX; i++)
		add("*=true");
	assert_false(hs_routing_rules_add(&rules, "test", "*=true"));
}

/* It would be passed by, or go to a handler that is for the rest. */
TEST(no_handler_without_memory)
{
	static const char line[] = "{\"type\":\"track\",\"event\":\"a\\u0062\",\"name\":\"\\u0061\"}";

	add("track:ab=a");
	add("track:cd=b");
	add("*=c");
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_int_equal(find(line), HS_ROUTING_RULES_MEMORY);
	wrap_reset();
	assert_int_equal(find(line), 0);
}

static uint64_t user(const char *line)
{
	struct hs_record_head m;
	uint64_t user;

	hs_record_head_read(&m, hs_slice_str(line));
	assert_true(hs_record_head_user(&m, &user));
	return user;
}

TEST(users)
{
	uint64_t u = user("{\"type\":\"track\",\"user_id\":\"u\",\"anonymous_id\":\"a\",\"message_id\":\"1\"}");

	assert_true(u == user("{\"type\":\"page\",\"user_id\":\"u\",\"message_id\":\"2\"}"));
	assert_true(u != user("{\"type\":\"page\",\"user_id\":\"v\",\"message_id\":\"2\"}"));
	assert_true(u == user("{\"type\":\"page\",\"user_id\":\"\\u0075\",\"message_id\":\"3\"}"));
	assert_true(user("{\"type\":\"page\",\"anonymous_id\":\"a\",\"message_id\":\"1\"}") ==
	            user("{\"type\":\"page\",\"user_id\":\"\",\"anonymous_id\":\"a\",\"message_"
	                 "id\":\"2\"}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":null,\"anonymous_id\":\"a\"}") ==
	            user("{\"type\":\"page\",\"anonymous_id\":\"a\"}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":null,\"anonymous_id\":\"b\"}") !=
	            user("{\"type\":\"page\",\"anonymous_id\":\"a\"}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":\"null\",\"anonymous_id\":\"b\"}") ==
	            user("{\"type\":\"page\",\"user_id\":\"null\",\"anonymous_id\":\"c\"}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":\"7\"}") == user("{\"user_id\":7}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":0.7e1}") == user("{\"user_id\":7.0}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":7}") == user("{\"user_id\":7.0}"));
	assert_true(user("{\"type\":\"page\",\"user_id\":\"7.0\"}") != user("{\"user_id\":7.0}"));
	assert_true(user("{\"type\":\"page\"}") == 0);
	assert_true(user("{\"type\":\"page\",\"message_id\":\"1\"}") !=
	            user("{\"type\":\"page\",\"message_id\":\"2\"}"));
}

TEST(no_user_without_memory)
{
	struct hs_record_head m;
	uint64_t user;

	hs_record_head_read(&m, HS_SLICE("{\"user_id\":\"\\u0061\",\"tenant\":\"\\u0062\"}"));
	for (unsigned nth = 1; nth <= 2; nth++) {
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		assert_false(hs_record_head_user(&m, &user));
		wrap_reset();
	}
	assert_true(hs_record_head_user(&m, &user));
}

TEST(a_user_of_another_tenant_is_another_user)
{
	static const char *const ids[] = { "\"user_id\":\"1\"", "\"user_id\":7.0", "\"anonymous_id\":\"\\u0061\"",
		                           "\"message_id\":\"m\"" };
	char line[3][128];

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		snprintf(line[0], sizeof line[0], "{\"type\":\"page\",%s}", ids[i]);
		snprintf(line[1], sizeof line[1], "{\"type\":\"page\",%s,\"tenant\":\"acme\"}", ids[i]);
		snprintf(line[2], sizeof line[2], "{\"type\":\"page\",%s,\"tenant\":\"globex\"}", ids[i]);
		assert_true(user(line[0]) != user(line[1]));
		assert_true(user(line[0]) != user(line[2]));
		assert_true(user(line[1]) != user(line[2]));
	}
	assert_true(user("{\"user_id\":\"7\",\"tenant\":\"acme\"}") ==
	            user("{\"type\":\"page\",\"user_id\":7,\"anonymous_id\":\"a\",\"tenant\":\"\\u0061cme\"}"));
	assert_true(user("{\"user_id\":\"7\",\"tenant\":\"\"}") == user("{\"user_id\":\"7\"}"));
}

TEST(what_is_no_rule)
{
	static const char *const wrong[] = { "track", "=cat", "track=", "tracks=cat", "track:a\\", "track:a\\=cat" };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (hs_routing_rules_add(&rules, "each", wrong[i]))
			fail_msg("%s is a rule", wrong[i]);
	wrap_fail(WRAP_MALLOC, 1, 1, ENOMEM);
	assert_false(hs_routing_rules_add(&rules, "each", "track:a=cat"));
	wrap_reset();
	assert_int_equal(rules.count, 0);
	assert_true(hs_routing_rules_add(&rules, "each", "track:a\\=\\b\\\\=cat"));
	assert_slice_equal(rules.rule[0].name, HS_SLICE("a=b\\"));
	assert_string_equal(rules.rule[0].command, "cat");
}

TESTS("routing_rules", NULL, finish)
