/* bar_table: tables of counts; names that a sender chose cannot control the terminal. */
#include "tests/lib/unit.h"
#include "tools/report/bar_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void expect_name(const char *name, size_t most, size_t width, const char *want)
{
	struct hs_buf out = { 0 };

	hs_bar_table_put_name(hs_slice_str(name), most, width, &out);
	if (!hs_slice_eq(hs_buf_slice(&out), hs_slice_str(want)))
		fail_msg("got \"%.*s\", expected \"%s\"", (int)out.n, out.p, want);
	hs_buf_free(&out);
}

TEST(names)
{
	expect_name("abc", 0, 5, "abc  ");
	expect_name("Caf\xc3\xa9", 0, 5, "Caf\xc3\xa9 ");
	expect_name("Caf\xc3\xa9", 4, 4, "Caf\xc3\xa9");
	expect_name("Caf\xc3\xa9s", 4, 5, "Caf… ");
	expect_name("\033[31m\r\n\177\xc2\x9b"
	            "1m",
	            0, 0, "?[31m????1m");
	expect_name("\xc2\xa0", 0, 0, "\xc2\xa0");
	expect_name("", 0, 2, "  ");
	expect_name("日本語", 0, 8, "日本語  ");
	expect_name("日本語", 5, 5, "日本…");
	expect_name("日本語", 4, 4, "日… ");
	expect_name("e\u0301x", 0, 4, "e\u0301x  ");
	expect_name("\U0001F468\u200D\U0001F469", 0, 5, "\U0001F468\u200D\U0001F469 ");
	expect_name("ﾊﾝｶｸ", 4, 4, "ﾊﾝｶｸ");
}

TEST(bytes)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },       { 1023, "1023 B" },    { 1024, "1.0 KB" },
		{ 1536, "1.5 KB" }, { 1048575, "1.0 MB" }, { UINT64_MAX, "16.0 EB" },
	};
	char text[HS_BAR_TABLE_BYTES];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hs_bar_table_bytes(cases[i].n, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void fill(struct hs_top_counts *t)
{
	for (int i = 0; i < 6; i++)
		assert_true(hs_top_counts_add(t, hs_slice_str(i < 3 ? "track" : i < 5 ? "page" : "alias"), 512));
	hs_top_counts_sort(t, false);
}

static void expect_table(struct hs_bar_table table, size_t top, const char *want)
{
	struct hs_top_counts counts = { .seed = 1 };
	struct hs_buf out = { 0 };

	hs_bar_table_put(&table, "type", &counts, top, &out);
	assert_int_equal(out.n, 0);
	fill(&counts);
	hs_bar_table_put(&table, "type", &counts, top, &out);
	if (!hs_slice_eq(hs_buf_slice(&out), hs_slice_str(want)))
		fail_msg("got:%.*sexpected:%s", (int)out.n, out.p, want);
	hs_buf_free(&out);
	hs_top_counts_free(&counts);
}

TEST(tables)
{
	expect_table((struct hs_bar_table){ 0, false }, 9,
	             "\ntype      records       bytes\n"
	             "track           3      1.5 KB\n"
	             "page            2      1.0 KB\n"
	             "alias           1       512 B\n");
	expect_table((struct hs_bar_table){ 37, false }, 1,
	             "\ntype         records       bytes\n"
	             "track              3      1.5 KB  ███\n"
	             "(others)           3      1.5 KB\n");
	expect_table((struct hs_bar_table){ 20, true }, 1, /* too narrow for bars */
	             "\ntype         records       bytes\n"
	             "track              3      1.5 KB\n"
	             "(others)           3      1.5 KB\n");
}

/* A rare name has no bar, and a long title leaves room for the others. */
TEST(rare_names)
{
	struct hs_top_counts counts = { .seed = 1 };
	struct hs_buf out = { 0 };

	assert_true(hs_top_counts_add_many(&counts, HS_SLICE("track"), 1000, 1000));
	assert_true(hs_top_counts_add_many(&counts, HS_SLICE("page"), 1, 10));
	assert_true(hs_top_counts_add_many(&counts, HS_SLICE("alias"), 1, 10));
	hs_top_counts_sort(&counts, false);
	hs_bar_table_put(&(struct hs_bar_table){ 38, false }, "rejected", &counts, 2, &out);
	assert_slice_equal(hs_buf_slice(&out), HS_SLICE("\nrejected     records       bytes\n"
	                                                "track           1000      1000 B  ████\n"
	                                                "alias              1        10 B\n"
	                                                "(others)           1        10 B\n"));
	hs_buf_free(&out);
	hs_top_counts_free(&counts);
}

/* A terminal that does not know its size, as over a serial line, is taken for one of 80 columns. */
TEST(the_columns_of_a_terminal)
{
	struct winsize size = { .ws_col = 0 };
	int other = posix_openpt(O_RDWR | O_NOCTTY), fd;
	char name[64];

	assert_true(other >= 0 && grantpt(other) == 0 && unlockpt(other) == 0);
	assert_int_equal(ptsname_r(other, name, sizeof name), 0);
	fd = open(name, O_RDWR | O_NOCTTY);
	assert_true(fd >= 0 && ioctl(fd, TIOCSWINSZ, &size) == 0);
	assert_int_equal(hs_bar_table_columns(fd), 80);
	size.ws_col = 132;
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	assert_int_equal(hs_bar_table_columns(fd), 132);
	close(fd);
	fd = open("/dev/null", O_WRONLY);
	assert_int_equal(hs_bar_table_columns(fd), 0);
	close(fd);
	close(other);
}

TESTS("bar_table", NULL, NULL)
