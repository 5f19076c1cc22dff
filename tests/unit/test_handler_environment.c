/* handler_environment: the variables of a record, and none that only look like one's. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/handler_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct scene {
	struct hs_ack_tracker open;
	struct hs_buf text;
	char **list;
} s;

FIXTURE(finish)
{
	wrap_reset();
	hs_ack_tracker_free(&s.open);
	hs_buf_free(&s.text);
	free(s.list);
	s = (struct scene){ .list = NULL };
	return 0;
}

static const struct hs_item *item_of(const char *line)
{
	const struct hs_item *item =
	    hs_ack_tracker_add(&s.open, hs_slice_str(line), (struct hs_position){ .number = 1 });

	assert_non_null(item);
	return item;
}

/* The value in the list; NULL: there is none. It must not be there twice. */
static const char *value_of(const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; s.list[i] != NULL; i++)
		if (strncmp(s.list[i], name, strlen(name)) == 0 && s.list[i][strlen(name)] == '=') {
			assert_null(value);
			value = s.list[i] + strlen(name) + 1;
		}
	return value;
}

static void make(const struct hs_item *item)
{
	free(s.list);
	s.list = hs_handler_environment(&s.text, item);
	assert_non_null(s.list);
}

/* The person who starts the command may have such variables, in any case. */
TEST(a_record_has_its_own_variables_alone)
{
	setenv("HS_USER_ID", "another", 1);
	setenv("hs_event", "another", 1);
	setenv("HS_EVENTS", "kept", 1);
	setenv("HX_EVENT", "kept, too", 1);
	make(item_of("{\"type\":\"track\",\"event\":\"B\\u00e9\\n\",\"anonymous_id\":\"a=b\"}"));
	assert_string_equal(value_of("HS_TYPE"), "track");
	assert_string_equal(value_of("HS_EVENT"), "B\xC3\xA9\n");
	assert_string_equal(value_of("HS_ANONYMOUS_ID"), "a=b");
	assert_null(value_of("HS_USER_ID"));
	assert_null(value_of("hs_event"));
	assert_string_equal(value_of("HS_EVENTS"), "kept");
	assert_string_equal(value_of("HX_EVENT"), "kept, too");
	make(NULL); /* of a batch */
	assert_null(value_of("HS_TYPE"));
	assert_null(value_of("HS_USER_ID"));
	assert_string_equal(value_of("HS_EVENTS"), "kept");
}

/* Cut short, it could pass for another one's. */
TEST(what_cannot_be_a_variable_is_left_out)
{
	char line[70000];

	make(item_of("{\"type\":\"page\",\"user_id\":\"ann\\u0000\",\"anonymous_id\":\"b\"}"));
	assert_null(value_of("HS_USER_ID"));
	assert_string_equal(value_of("HS_ANONYMOUS_ID"), "b");
	for (int more = 0; more < 2; more++) {
		snprintf(line, sizeof line, "{\"type\":\"page\",\"user_id\":\"%0*d\"}", (1 << 15) + more, 0);
		make(item_of(line));
		assert_int_equal(value_of("HS_USER_ID") != NULL, !more);
	}
}

/* Without its user's id a handler could do anything, for whoever. */
TEST(without_memory_there_is_none)
{
	static const char line[] = "{\"type\":\"page\",\"user_id\":\"ann\",\"anonymous_id\":\"%0*d\"}";
	char text[5000];
	const struct hs_item *item;

	snprintf(text, sizeof text, line, 3000, 0); /* the buffer grows on the way */
	item = item_of(text);
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_handler_environment(&s.text, item));
	wrap_reset();
	for (unsigned nth = 1;; nth++) {
		hs_buf_free(&s.text);
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		s.list = hs_handler_environment(&s.text, item);
		wrap_reset();
		if (s.list != NULL) {
			assert_in_range(nth, 2, 10);
			break;
		}
	}
	assert_string_equal(value_of("HS_USER_ID"), "ann");
}

TESTS("handler_environment", NULL, finish)
