/* settings_limits: as many as a limit allows are taken; one more is refused with its line and a remedy. */
#include "base/buf.h"
#include "config/loads.h"
#include "config/sources.h"
#include "event/rules.h"
#include "tests/lib/unit.h"

#include <string.h>

static struct hs_settings_error error;

/* The settings are begun with `start`; `each` has one %u, the number of the piece; then comes `end`. */
struct limited {
	const char *start, *each, *end;
	unsigned most;
	const char *said;
};

static void make_text(struct hs_buf *text, const struct limited *what, unsigned count)
{
	const char *number = strchr(what->each, '%');

	hs_buf_reset(text);
	hs_buf_printf(text, "%s", what->start);
	for (unsigned i = 0; i < count; i++)
		hs_buf_printf(text, "%.*s%u%s", (int)(number - what->each), what->each, i, number + 2);
	hs_buf_printf(text, "%s", what->end);
	assert_true(hs_buf_ok(text));
}

static bool are_taken(struct hs_slice text)
{
	struct hs_settings *s = hs_settings_new("test.conf", text, NULL, &error);

	hs_settings_free(s);
	return s != NULL;
}

TEST(one_more_than_the_limit_is_refused)
{
	static const struct limited all[] = {
		{ "spool_dir = /s\nsecret = x\n[load]\n", "b%u = sqlite:/b\n", "", HS_LOADS_MAX,
		  "test.conf:68: [load]: there are more than 64: remove some" },
		{ "spool_dir = /s\nsecret = x\n[fields]\n", "f%u = drop\n", "", HS_RULES_LINES_MAX,
		  "test.conf:260: [fields]: there are more than 256 lines: join some with *" },
		{ "spool_dir = /s\nsecret = x\n[events]\n", "drop = event:e%u\n", "", HS_RULES_LINES_MAX,
		  "test.conf:260: [events]: there are more than 256 lines: join some with *" },
		{ "spool_dir = /s\nsecret = x\n[events]\ndrop =", " f%u:x", "\n", HS_RULES_CONDITIONS_MAX,
		  "there are more than 512 conditions: join some with *" },
		{ "spool_dir = /s\nsecret = x\n[sources]\na = k browser", " origin=https://h%u.example", "\n",
		  HS_ORIGINS_MAX, "there are more than 64: remove some, or divide the source" },
		{ "spool_dir = /s\nsecret = x\ntrusted_proxies =", " ::%u", "\n", HS_PROXIES_MAX,
		  "test.conf:3: trusted_proxies: there are more than 256: join some as ranges" },
	};
	struct hs_buf text = { 0 };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		make_text(&text, &all[i], all[i].most);
		if (!are_taken(hs_buf_slice(&text)))
			fail_msg("at the limit: %s", error.text);
		make_text(&text, &all[i], all[i].most + 1);
		if (are_taken(hs_buf_slice(&text)))
			fail_msg("taken: one more than %u", all[i].most);
		if (strstr(error.text, all[i].said) == NULL)
			fail_msg("expected: %s; got: %s", all[i].said, error.text);
	}
	hs_buf_free(&text);
}

TESTS("settings_limits", NULL, NULL)
