/* figures: sizes and times of what is there, also when the open segment or the counts are lost. */
#include "spool/figures/figures.h"
#include "tests/lib/temp_spool.h"

#include <sys/stat.h>

static struct hs_figures figures;

static void collect(void)
{
	hs_figures_free(&figures);
	hs_figures_collect(s.d.settings, &figures);
	assert_result(figures.result, HS_OK);
}

FIXTURE(end)
{
	hs_figures_free(&figures);
	figures = (struct hs_figures){ 0 };
	return finish(state);
}

static int64_t changed_ms(const char *name)
{
	struct stat st;

	assert_int_equal(stat(spooldir_path(&s.d, name), &st), 0);
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

TEST(bytes_are_those_of_the_files)
{
	uint64_t sealed;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	put("c");
	sealed = (uint64_t)spooldir_size(&s.d, spooldir_name(&s.d, "events-", 0));
	collect();
	assert_int_equal(figures.bytes, sealed + (uint64_t)spooldir_size(&s.d, "events.jsonl"));
	assert_int_equal(figures.segments[HS_STATE_SEALED], 1);
	assert_int_equal(figures.segments[HS_STATE_COMPRESSED], 0);
}

static void remove_open(void *removed)
{
	if (spooldir_exists(&s.d, "events.jsonl"))
		spooldir_unlink(&s.d, "events.jsonl");
	*(bool *)removed = true;
}

/* By somebody else, before any look at a file. */
TEST(an_open_segment_that_goes_has_no_bytes)
{
	bool removed = true;

	for (unsigned nth = 1; removed; nth++) {
		uint64_t sealed, open;

		make("rotate_min_gap = 0\ncompress = none\n");
		seal("a b");
		put("c");
		sealed = (uint64_t)spooldir_size(&s.d, spooldir_name(&s.d, "events-", 0));
		open = (uint64_t)spooldir_size(&s.d, "events.jsonl");
		hs_figures_free(&figures);
		wrap_reset();
		removed = false;
		wrap_before(WRAP_FSTATAT, nth, remove_open, &removed);
		hs_figures_collect(s.d.settings, &figures);
		wrap_reset();
		if (figures.result == HS_OK && figures.bytes != sealed)
			assert_int_equal(figures.bytes, sealed + open);
	}
}

TEST(the_last_event_is_known_without_its_metric)
{
	int64_t sealed_ms;

	make("rotate_min_gap = 0\ncompress = none\n");
	put("a");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/metrics");
	collect();
	assert_int_equal(figures.last_ms, changed_ms("events.jsonl"));
	restart();
	rotate();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/metrics");
	sealed_ms = changed_ms(spooldir_name(&s.d, "events-", 0));
	collect();
	assert_in_range(figures.last_ms, sealed_ms - 60000, sealed_ms + 60000); /* when it was sealed, by its name */
}

TEST(a_spool_without_events_has_no_last_one)
{
	make("");
	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
	collect();
	assert_int_equal(figures.last_ms, 0);
	assert_int_equal(figures.oldest_ms, 0);
	assert_int_equal(figures.bytes, 0);
}

TESTS("figures", NULL, end)
