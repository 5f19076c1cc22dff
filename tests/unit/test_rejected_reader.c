/* rejected_reader: each line comes once, the oldest first, whatever is sealed while it reads. */
#include "base/io.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/rejected_reader.h"

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

TESTS("rejected_reader", NULL, NULL)
