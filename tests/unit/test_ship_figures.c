/* ship_figures: what ship writes is what stats and monitors show; no damaged file harms them. */
#include "spool/figures/openmetrics.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/ship_report.h"

#include <errno.h>
#include <stdio.h>

static struct scene {
	struct spooldir d;
	struct hs_opened_spool o;
	struct hs_buf text;
	struct hs_ship_figures read;
} s;

FIXTURE(make)
{
	spooldir_make(&s.d, "");
	return hs_spool_dir_open(&s.o, s.d.settings, true) == HS_OK ? 0 : -1;
}

FIXTURE(finish)
{
	hs_buf_free(&s.text);
	s.text = (struct hs_buf){ 0 };
	hs_spool_dir_close(&s.o);
	spooldir_remove(&s.d);
	return 0;
}

/* Each row has another value. */
static struct hs_ship_figures some(void)
{
	struct hs_ship_figures f = {
		.oldest_ms = 1250, .lately = 123, .lately_ms = 60000, .server = "n1 2.12.3", .leader = "n2"
	};

	for (size_t row = 0; row < HS_SHIP_FIGURES_ROWS; row++) {
		uint64_t value = 1000 + row;

		memcpy((char *)&f + hs_ship_figure_info[row].offset, &value, sizeof value);
	}
	return f;
}

static bool has(const char *part)
{
	return memmem(s.text.p, s.text.n, part, strlen(part)) != NULL;
}

static void read_text(const char *text)
{
	memset(&s.read, 0xFF, sizeof s.read);
	spooldir_write(&s.d, ".hookspool/ship", hs_slice_str(text));
	hs_ship_figures_read(&s.read, s.o.dir.private_dir);
}

TEST(what_is_written_is_read)
{
	struct hs_ship_figures f = some();

	hs_ship_figures_read(&s.read, s.o.dir.private_dir);
	assert_int_equal(s.read.at_ms, 0);
	assert_result(hs_ship_figures_save(&f, &s.o.dir), HS_OK);
	hs_ship_figures_read(&s.read, s.o.dir.private_dir);
	assert_in_range(s.read.at_ms, hs_io_now() - 60000, hs_io_now());
	for (size_t row = 0; row < HS_SHIP_FIGURES_ROWS; row++)
		assert_int_equal(hs_ship_figure(&s.read, row), 1000 + row);
	assert_int_equal(s.read.oldest_ms, 1250);
	assert_int_equal(s.read.lately, 123);
	assert_int_equal(s.read.lately_ms, 60000);
	assert_string_equal(s.read.server, "n1 2.12.3");
	assert_string_equal(s.read.leader, "n2");
}

TEST(a_file_that_is_damaged_or_of_another_build)
{
	static const struct {
		const char *text;
		uint64_t stored;
		const char *server;
	} cases[] = {
		{ "", 0, "" },
		{ "{", 0, "" },
		{ "nonsense", 0, "" },
		{ "{\"stored\":7}\n", 0, "" }, /* without a time */
		{ "{\"at\":\"yesterday\",\"stored\":7}\n", 0, "" },
		{ "{\"at\":5,\"stored\":7}\n", 0, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"stored\":7}\n", 7, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"new\":true,\"stored\":7,\"server\":\"n1\"}\n", 7, "n1" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"stored\":-7,\"server\":null}\n", 0, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"stored\":\"7\",\"server\":8}\n", 0, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"stored\":18446744073709551616}\n", 0, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"stored\":99999999999999999999}\n", 0, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"server\":\"a\\u00e4\\n\"}\n", 0, "a\xc3\xa4\n" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"server\":\"a\\u12\"}\n", 0, "" },
		{ "{\"at\":\"2026-11-29T10:15:00.123Z\",\"stored\":7,\"server\":\"cut o", 7, "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		read_text(cases[i].text);
		if (s.read.stored != cases[i].stored || strcmp(s.read.server, cases[i].server) != 0)
			fail_msg("%s: %d %s", cases[i].text, (int)s.read.stored, s.read.server);
	}
}

/* Without memory nothing is written over what is there, and what is read lacks no more than a name. */
TEST(without_memory_figures_stay)
{
	struct hs_ship_figures f = some();

	assert_result(hs_ship_figures_save(&f, &s.o.dir), HS_OK);
	f.stored = 1;
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_result(hs_ship_figures_save(&f, &s.o.dir), HS_E_MEMORY);
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	hs_ship_figures_read(&s.read, s.o.dir.private_dir);
	wrap_reset();
	assert_true(s.read.stored == some().stored && s.read.lately == 123);
	assert_string_equal(s.read.server, "");
	assert_string_equal(s.read.leader, "n2");
}

TEST(a_name_that_is_too_long_is_cut)
{
	char text[1024];

	snprintf(text, sizeof text, "{\"at\":\"2026-11-29T10:15:00.123Z\",\"server\":\"%0500d\",\"leader\":\"%0200d\"}",
	         1, 2);
	read_text(text);
	assert_int_equal(strlen(s.read.server), sizeof s.read.server - 1);
	assert_int_equal(strlen(s.read.leader), sizeof s.read.leader - 1);
}

/* In characters. */
static size_t widest_line(void)
{
	size_t widest = 0, width = 0;

	for (size_t i = 0; i < s.text.n; i++) {
		width = s.text.p[i] == '\n' ? 0 : width + ((s.text.p[i] & 0xC0) != 0x80);
		widest = width > widest ? width : widest;
	}
	return widest;
}

TEST(as_a_table)
{
	struct hs_ship_figures f = some();

	hs_ship_report_text(&(struct hs_ship_figures){ 0 }, &s.text);
	assert_int_equal(s.text.n, 0);
	f.at_ms = 1000;
	f.rewinds = 0;
	snprintf(f.leader, sizeof f.leader, "\x1b[31m%050d", 5);
	hs_ship_report_text(&f, &s.text);
	assert_true(has("\nship         at 1970-01-01T00:00:01.000Z\n"));
	assert_true(has("\nstored               1000  2.0 a second\n"));
	assert_true(has("\nin_flight            1008  the oldest for 1.2 s\n"));
	assert_true(has("\nserver       n1 2.12.3\n"));
	assert_true(has("\nleader       ?[31m0000"));
	assert_false(has("rewinds"));
	assert_true(widest_line() <= 60);
}

/* Before its first answer it knows no server, and nothing waits. */
TEST(what_is_not_known_yet_is_left_out)
{
	struct hs_ship_figures f = some();

	f.at_ms = 1000;
	f.oldest_ms = 0;
	f.server[0] = f.leader[0] = '\0';
	hs_ship_report_text(&f, &s.text);
	assert_true(has("\nin_flight            1008\n"));
	assert_false(has("server") || has("leader"));
}

TEST(as_json)
{
	struct hs_json_writer w = { .out = &s.text };
	struct hs_ship_figures f = some();

	hs_ship_report_json(&(struct hs_ship_figures){ 0 }, &w);
	assert_int_equal(s.text.n, 0);
	f.at_ms = 1000;
	hs_ship_report_json(&f, &w);
	assert_true(has("\"at\":\"1970-01-01T00:00:01.000Z\",\"stored\":1000,\"duplicates\":1001,"));
	assert_true(has("\"in_flight\":1008,\"stored_a_second\":2.0,\"oldest_ms\":1250,"));
	assert_true(has("\"server\":\"n1 2.12.3\",\"leader\":\"n2\"}"));
}

TEST(for_monitors)
{
	struct hs_figures figures = { .now_ms = 1000 };

	hs_exposition_put(&figures, HS_EXPOSITION_TEXT, &s.text);
	assert_true(has("# TYPE hookspool_ship_stored_total counter\n"));
	assert_false(has("\nhookspool_ship_"));
	hs_buf_reset(&s.text);
	figures.ship = some();
	figures.ship.at_ms = 5000;
	snprintf(figures.ship.leader, sizeof figures.ship.leader, "a\"\n");
	hs_exposition_put(&figures, HS_EXPOSITION_OPENMETRICS, &s.text);
	assert_true(has("# TYPE hookspool_ship_stored counter\nhookspool_ship_stored_total 1000\n"));
	assert_true(has("\nhookspool_ship_sequence_zero_total 1002\n"));
	assert_true(has("# TYPE hookspool_ship_in_flight gauge\nhookspool_ship_in_flight 1008\n"));
	assert_true(has("\nhookspool_ship_oldest_seconds 1.250\n"));
	assert_true(has("\nhookspool_ship_timestamp_seconds 5.000\n"));
	assert_true(has("\nhookspool_ship_info{server=\"n1 2.12.3\",leader=\"a??\"} 1\n"));
}

TESTS("ship_figures", make, finish)
