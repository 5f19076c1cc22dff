/*
 * openmetrics: what is printed of a spool that cannot be read, of hostile names, and of many senders.
 */
#include "spool/figures/openmetrics.h"
#include "tests/lib/temp_dir.h"

#include <stdio.h>

static struct hs_buf text;

FIXTURE(begin)
{
	text = (struct hs_buf){ 0 };
	return temp_dir_begin(state);
}

FIXTURE(finish)
{
	hs_buf_free(&text);
	return temp_dir_end(state);
}

static bool has(const char *line)
{
	return memmem(text.p, text.n, line, strlen(line)) != NULL;
}

TEST(a_spool_that_cannot_be_read)
{
	struct hs_figures figures = { .result = HS_E_SPOOL_DIR, .now_ms = 1000 };

	hs_exposition_put(&figures, HS_EXPOSITION_OPENMETRICS, &text);
	assert_true(hs_buf_ok(&text));
	assert_true(has("hookspool_spool_usable 0\n"));
	for (int type = 0; type < HS_EVENT_TYPES; type++) {
		char line[100];

		snprintf(line, sizeof line, "hookspool_events_total{result=\"accepted\",type=\"%s\"} 0\n",
		         hs_event_type_name((enum hs_event_type)type));
		assert_true(has(line));
	}
	assert_false(has("\nhookspool_spool_bytes "));
	assert_false(has("\nhookspool_last_event_timestamp_seconds "));
	assert_true(has("# TYPE hookspool_requests counter\n"));
	assert_memory_equal(text.p + text.n - 6, "# EOF\n", 6);
}

TEST(the_last_event_of_a_spool_that_cannot_be_read_is_known_by_the_metrics)
{
	struct hs_metrics *m = hs_metrics_new(HS_METRICS_BYTES);
	struct hs_figures figures = { .result = HS_E_SPOOL_DIR, .now_ms = 9000 };

	assert_true(hs_metrics_follow(m, temp.fd, 0600));
	hs_metrics_add(m, &(struct hs_metrics_sums){ .of[HS_METRIC_ACCEPTED] = 1 }, 5000);
	hs_metrics_free(m);
	figures.metrics = hs_metrics_read(temp.fd);
	hs_exposition_put(&figures, HS_EXPOSITION_TEXT, &text);
	assert_true(has("\nhookspool_last_event_timestamp_seconds 5.000\n"));
	figures.last_ms = 7000;
	hs_exposition_put(&figures, HS_EXPOSITION_TEXT, &text);
	assert_true(has("\nhookspool_last_event_timestamp_seconds 7.000\n"));
	hs_metrics_figures_free(figures.metrics);
}

TEST(no_name_breaks_out_of_its_label)
{
	struct hs_cursor_lag cursor = { .name = "a\"} 1\nx\\\xff\x7f", .usable = true, .records = 7, .age_ms = 61005 };
	struct hs_figures figures = { .now_ms = 1000, .cursor = &cursor, .cursors = 1 };

	hs_exposition_put(&figures, HS_EXPOSITION_TEXT, &text);
	assert_true(has("\nhookspool_cursor_lag_records{cursor=\"a?} 1?x???\"} 7\n"));
	assert_true(has("\nhookspool_cursor_lag_seconds{cursor=\"a?} 1?x???\"} 61.005\n"));
	assert_true(has("# TYPE hookspool_requests_total counter\n"));
	assert_false(has("# EOF"));
}

/* Prints the figures of this many senders. */
static void print_senders(int senders)
{
	struct hs_metrics *m = hs_metrics_new(HS_METRICS_BYTES);
	struct hs_figures figures = { .now_ms = 1000 };
	char name[16];

	assert_true(hs_metrics_follow(m, temp.fd, 0600));
	for (int i = 0; i < senders; i++) {
		int n = snprintf(name, sizeof name, "s%d", i);

		hs_metrics_note_use(m, HS_CREDENTIAL_KEY, hs_slice(name, (size_t)n), 5000);
	}
	hs_metrics_free(m);
	figures.metrics = hs_metrics_read(temp.fd);
	hs_buf_reset(&text);
	hs_exposition_put(&figures, HS_EXPOSITION_TEXT, &text);
	hs_metrics_figures_free(figures.metrics);
}

TEST(more_than_a_hundred_senders_are_only_counted)
{
	print_senders(HS_EXPOSITION_SENDERS);
	assert_true(has("\nhookspool_sender_last_timestamp_seconds{kind=\"key\",sender=\"s99\"} 5.000\n"));
	print_senders(HS_EXPOSITION_SENDERS + 1);
	assert_true(has("\nhookspool_senders 101\n"));
	assert_false(has("sender=\""));
}

TESTS("openmetrics", begin, finish)
