/* rejected_reader: each line comes once, the oldest first, whatever is sealed while it reads. */
#include "base/io.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/rejected_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST "rejected-20260101T000000.000Z-000001.jsonl"
#define SECOND "rejected-20260102T000000.000Z-000002.jsonl"
#define THIRD "rejected-20260103T000000.000Z-000003.jsonl"
#define OPEN "rejected.jsonl"

static struct spooldir d;
static struct hs_spool_dir dir;
static char got[256];  /* the lines: "a b" */
static const char *at; /* the line at which `meanwhile` happens; NULL: none */
static void (*meanwhile)(void *context);

static void set_up(void)
{
	spooldir_make(&d, "");
	dir.fd = spooldir_open(&d);
	spooldir_write(&d, FIRST, HS_SLICE("a\n"));
	spooldir_write(&d, OPEN, HS_SLICE("b\n"));
	at = NULL;
	got[0] = '\0';
}

static bool take(void *context, struct hs_slice line)
{
	size_t n = strlen(got);

	(void)context;
	snprintf(got + n, sizeof got - n, "%s%.*s", n > 0 ? " " : "", (int)line.n, line.p);
	if (at != NULL && hs_slice_eq(line, hs_slice_str(at)))
		meanwhile(NULL);
	return !hs_slice_eq(line, HS_SLICE("stop"));
}

static void walk(void)
{
	assert_result(hs_rejected_reader_walk(&dir, take, NULL), HS_OK);
}

static void tear_down(void)
{
	hs_io_close(dir.fd);
	spooldir_remove(&d);
}

static void assert_walk(const char *lines)
{
	walk();
	assert_string_equal(got, lines);
	tear_down();
}

TEST(all_files)
{
	set_up();
	spooldir_write(&d, FIRST ".gz", HS_SLICE("a copy that is not finished"));
	spooldir_write(&d, SECOND, HS_SLICE("c\n"));
	assert_walk("a c b");
	set_up();
	spooldir_unlink(&d, OPEN);
	assert_walk("a");
	set_up();
	spooldir_write(&d, FIRST, HS_SLICE("stop\nnext\n"));
	assert_walk("stop");
}

static void seal(void *context)
{
	(void)context;
	spooldir_rename(&d, OPEN, SECOND);
	spooldir_write(&d, OPEN, HS_SLICE("c\n"));
}

static void seal_twice(void *context)
{
	seal(context);
	spooldir_rename(&d, OPEN, THIRD);
}

static void seal_and_compress(void *context)
{
	static const char member[] = /* printf 'broken\\n' | gzip -n */
	    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x2a\xca\xcf\x4e\xcd\xe3\x02\x00\x1a"
	    "\x18\x5d\x65\x07\x00\x00\x00";

	seal(context);
	spooldir_unlink(&d, SECOND);
	spooldir_write(&d, SECOND ".gz", hs_slice(member, sizeof member - 1));
}

static void seal_and_delete(void *context)
{
	seal(context);
	spooldir_unlink(&d, SECOND);
}

/* While a sealed file is read, and a slow reader may take long for it. */
TEST(sealed_after_the_listing)
{
	static const struct {
		void (*meanwhile)(void *context);
		const char *lines;
	} cases[] = { { seal, "a b c" },
		      { seal_twice, "a b c" },
		      { seal_and_compress, "a broken c" },
		      { seal_and_delete, "a c" } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		set_up();
		at = "a";
		meanwhile = cases[i].meanwhile;
		assert_walk(cases[i].lines);
	}
}

/* Before any file or folder is opened: what was there comes once, and what came later may. */
TEST(sealed_at_any_step)
{
	bool sealed = true;

	for (unsigned n = 1; sealed; n++) {
		set_up();
		wrap_reset();
		wrap_before(WRAP_OPENAT, n, seal, NULL);
		walk();
		wrap_reset();
		sealed = spooldir_exists(&d, SECOND);
		assert_true(strcmp(got, "a b c") == 0 || strcmp(got, "a b") == 0);
		assert_true(sealed || n > 3);
		tear_down();
	}
}

/* Not the rest without it, as if that were all. */
TEST(a_file_that_cannot_be_read)
{
	size_t before;

	set_up();
	spooldir_write(&d, SECOND, HS_SLICE("c\n"));
	before = unit_descriptors();
	wrap_reset();
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_result(hs_rejected_reader_walk(&dir, take, NULL), HS_E_IO);
	wrap_reset();
	assert_string_equal(got, "");
	assert_int_equal(unit_descriptors(), before);
	tear_down();
}

/* --- which lines ------------------------------------------------------------------------ */

#define AT "\"spooled_at\":\"2026-11-24T00:00:00.000Z\","

static int passes(const char *line, const char *tenant, const char *since, const char *until)
{
	struct hs_filter f = { .since_given = false };
	struct hs_rejected_line r;
	int passed;

	assert_true(tenant == NULL || hs_filter_option(&f, "test", HS_FILTER_OPTION + HS_BY_TENANT, tenant));
	assert_true(since == NULL || hs_filter_option(&f, "test", HS_FILTER_SINCE, since));
	assert_true(until == NULL || hs_filter_option(&f, "test", HS_FILTER_UNTIL, until));
	hs_rejected_line_read(&r, hs_slice_str(line));
	passed = hs_rejected_line_passes(&r, &f);
	hs_filter_free(&f);
	return passed;
}

TEST(by_tenant_and_time)
{
	static const char acme[] = "{" AT "\"tenant\":\"\\u0061cme\",\"message\":\"m\"}";
	static const char none[] = "{" AT "\"message\":\"m\",\"body\":\"\\\"tenant\\\":1\",\"tenant\":\"acme\"}";
	static const struct {
		const char *line, *tenant, *since, *until;
		int passed;
	} cases[] = {
		{ acme, NULL, NULL, NULL, 1 },
		{ acme, "acme", NULL, NULL, 1 },
		{ acme, "other", NULL, NULL, 0 },
		{ acme, "-", NULL, NULL, 0 },
		{ none, "-", NULL, NULL, 1 },
		{ none, "acme", NULL, NULL, 0 }, /* what its body says is not ours */
		{ "{\"mess", "-", NULL, NULL, 0 },
		{ "{\"mess", NULL, NULL, NULL, 1 },
		{ "{\"mess", NULL, "2000-01-01", NULL, 0 },
		{ acme, NULL, "2026-11-24", NULL, 1 },
		{ acme, NULL, "2026-11-25", NULL, 0 },
		{ acme, NULL, NULL, "2026-11-24", 0 },
		{ acme, NULL, NULL, "2026-11-25", 1 },
		{ acme, "acme", "2026-11-01", "2026-12-01", 1 },
		{ "{\"spooled_at\":\"soon\"}", NULL, "2000-01-01", NULL, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (passes(cases[i].line, cases[i].tenant, cases[i].since, cases[i].until) != cases[i].passed)
			fail_msg("case %zu", i);
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_int_equal(passes(acme, "acme", NULL, NULL), -1);
	wrap_reset();
}

TESTS("rejected_reader", NULL, NULL)
