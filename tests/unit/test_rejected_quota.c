/*
 * rejected_quota: a tenant that floods the rejected files loses its own lines, not those of others, and
 * the files stay below their limit.
 */
#include "base/io.h"
#include "spool/admin/rejected_quota.h"
#include "spool/file/file_writer.h"
#include "spool/file/segment_list.h"
#include "spool/write/rejected.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/passing.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 256 << 10 };

static uint64_t sum(void)
{
	uint64_t sum = 0;

	for (size_t n = spooldir_names(&s.d, "", "rejected"); n > 0; n--)
		sum += (uint64_t)spooldir_size(&s.d, spooldir_name(&s.d, "rejected", n - 1));
	return sum;
}

/* Appends one rejection of the tenant. Returns the bytes of its line. */
static size_t reject_of(const char *tenant, const char *source, struct hs_slice body)
{
	struct hs_buf line = { 0 };
	uint64_t duplicate, suppressed;
	struct hs_append append = { .duplicate = &duplicate, .suppressed = &suppressed, .deadline_ms = soon() };

	size_t n;

	hs_rejected_put(&line,
	                &(struct hs_rejection){ HS_SLICE("2026-11-23T10:15:00.123Z"), 400, HS_SLICE("type required"),
	                                        hs_slice_str(tenant), hs_slice_str(source), HS_SLICE("192.0.2.1"), body,
	                                        s.d.settings, false });
	append.rejected = hs_buf_slice(&line);
	assert_result(hs_spool_append(s.spool, &append), HS_OK);
	n = line.n;
	hs_buf_free(&line);
	return n;
}

static size_t reject_text(const char *tenant, struct hs_slice body)
{
	return reject_of(tenant, "", body);
}

/* Appends one with a body of n bytes, and checks the sum. */
static void reject(const char *tenant, const char *word, size_t n)
{
	static char body[1 << 20];

	memset(body, 'x', n);
	memcpy(body, word, strlen(word));
	n = reject_text(tenant, hs_slice(body, n));
	assert_true(sum() <= MOST + n);
}

/* The number of lines of the tenant. */
static size_t lines_of(const char *tenant)
{
	size_t found = 0;
	char label[64];

	snprintf(label, sizeof label, "\"tenant\":\"%s\"", tenant);
	for (size_t n = spooldir_names(&s.d, "", "rejected"); n > 0; n--) {
		struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, "rejected", n - 1));

		hs_buf_putc(&text, '\0');
		for (const char *p = text.p; (p = strstr(p, label)) != NULL; p++)
			found++;
		hs_buf_free(&text);
	}
	return found;
}

static bool is_kept(const char *word)
{
	bool found = false;

	for (size_t n = spooldir_names(&s.d, "", "rejected"); n > 0 && !found; n--) {
		struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, "rejected", n - 1));

		hs_buf_putc(&text, '\0');
		found = strstr(text.p, word) != NULL;
		hs_buf_free(&text);
	}
	return found;
}

TEST(a_flood_takes_from_itself)
{
	make("durability = none\nrejected_max = 256K\nrotate_min_gap = 1m\n");
	for (int i = 0; i < 20; i++)
		reject("acme", "a", 500);
	for (int i = 0; i < 3000; i++)
		reject("globex", i == 0 ? "first-of-globex" : "g", 1000);
	reject("globex", "last-of-globex", 1000);
	assert_int_equal(lines_of("acme"), 20);
	assert_true(lines_of("globex") > 50);
	assert_false(is_kept("first-of-globex"));
	assert_true(is_kept("last-of-globex"));
	assert_sound(&s.d);
}

/* A page's key is public: strangers with it must not displace what webhooks without a tenant have sent. */
TEST(a_flood_of_a_source_takes_from_itself)
{
	static char body[1000];

	memset(body, 'x', sizeof body);
	make("durability = none\nrejected_max = 256K\nrotate_min_gap = 0\n");
	reject_text("", HS_SLICE("of a webhook"));
	reject_of("", "orders", HS_SLICE("of another source"));
	for (int i = 0; i < 1000; i++)
		reject_of("", "shop", hs_slice(body, sizeof body));
	assert_true(sum() <= MOST + 2 * sizeof body);
	assert_true(is_kept("of a webhook"));
	assert_true(is_kept("of another source"));
}

TEST(a_flood_of_large_lines)
{
	make("durability = none\nrejected_max = 256K\nrotate_min_gap = 0\n");
	for (int i = 0; i < 20; i++)
		reject("acme", "a", 500);
	for (int i = 0; i < 50; i++)
		reject("globex", "g", 1 << 20);
	assert_int_equal(lines_of("acme"), 20);
}

/* Three tenants that flood keep about as much each; two that do not keep all. */
TEST(shares_are_even)
{
	static const char *const floods[] = { "f1", "f2", "f3" };
	size_t least = SIZE_MAX, most = 0;

	make("durability = none\nrejected_max = 256K\nrotate_min_gap = 0\n");
	for (int i = 0; i < 1500; i++) {
		if (i % 100 == 0)
			reject("quiet", "q", 300);
		if (i == 0)
			reject("", "of-nobody", 300);
		reject(floods[i % 7 == 0 ? 0 : i % 7 == 1 ? 1 : 2], "f", 900);
	}
	for (size_t i = 0; i < 3; i++) {
		size_t n = lines_of(floods[i]);

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	assert_int_equal(lines_of("quiet"), 15);
	assert_true(is_kept("of-nobody"));
	assert_true(least > 20 && most < 4 * least);
}

/* Without room for a copy the limit holds all the same, at maintenance, too. */
TEST(a_copy_that_fails)
{
	make("durability = none\nrejected_max = 256K\nrotate_min_gap = 0\n");
	reject("acme", "a", 500);
	for (int i = 0; i < 1000; i++) {
		wrap_reset();
		wrap_fail(WRAP_RENAMEAT, 2, 1, EIO);
		reject("globex", "g", 1000);
	}
	wrap_reset();
	maintain();
	reject("globex", "g", 1000);
	assert_int_equal(spooldir_names(&s.d, ".hookspool/run", "share"), 0);
}

static void compress_by_hand(const char *name)
{
	struct hs_buf text = spooldir_read(&s.d, name);
	struct hs_file_writer w;
	char gz[HS_SEALED_NAME + 4];
	int fd;

	snprintf(gz, sizeof gz, "%s.gz", name);
	fd = open(spooldir_path(&s.d, gz), O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_result(hs_file_writer_start(&w, fd, true), HS_OK);
	assert_result(hs_file_writer_put(&w, hs_buf_slice(&text)), HS_OK);
	assert_result(hs_file_writer_end(&w), HS_OK);
	hs_file_writer_free(&w);
	close(fd);
	spooldir_unlink(&s.d, name);
	hs_buf_free(&text);
}

/* Lines in a compressed file are those of nobody: these files go whole, and those of others stay. */
TEST(compressed_lines_go_by_the_file)
{
	static char body[1 << 15];
	size_t files;

	make("rejected_max = 1G\nrotate_min_gap = 0\n");
	for (int i = 0; i < 20; i++) /* in the oldest file */
		reject_text("acme", HS_SLICE("word"));
	rotate();
	for (int file = 0; file < 6; file++) {
		for (int i = 0; i < 4; i++) {
			for (size_t n = 0; n + 16 < sizeof body; n += 16)
				snprintf(body + n, 17, "%016" PRIx64, hs_io_random());
			reject_text("globex", hs_slice_str(body));
		}
		rotate();
	}
	files = spooldir_names(&s.d, "", "rejected-");
	for (size_t i = 1; i < files; i++) {
		char name[HS_SEALED_NAME];

		snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "rejected-", i));
		compress_by_hand(name);
	}
	assert_true(sum() > MOST);
	s.d.settings->rejected_max = MOST;
	maintain();
	assert_true(sum() <= MOST);
	assert_int_equal(lines_of("acme"), 20);
	assert_in_range(spooldir_names(&s.d, "", "rejected-"), 1, files - 1);
	assert_sound(&s.d);
}

static void look_at_lock(void *context)
{
	pthread_mutex_t *lock = context;
	int error = pthread_mutex_trylock(lock);

	assert_int_equal(error, EBUSY);
	assert_true(spooldir_exists(&s.d, ".hookspool/run/share-copy"));
}

/* A writer that is at it has the lock: erase must not take its copy away. */
TEST(a_copy_that_was_left_is_removed_under_the_lock)
{
	struct hs_opened_spool opened;
	pthread_mutex_t *lock;

	make("");
	reject("acme", "a", 500);
	assert_result(hs_spool_dir_open(&opened, s.d.settings, false), HS_OK);
	lock = &opened.state.state->stream[HS_REJECTED].append;
	spooldir_write(&s.d, ".hookspool/run/share-copy", HS_SLICE("x"));
	wrap_reset();
	wrap_before(WRAP_UNLINKAT, 1, look_at_lock, lock);
	assert_result(hs_rejected_quota_drop_copy(&opened.dir), HS_OK);
	assert_int_equal(wrap_count(WRAP_UNLINKAT), 1);
	wrap_reset();
	assert_false(spooldir_exists(&s.d, ".hookspool/run/share-copy"));
	assert_int_equal(pthread_mutex_trylock(lock), 0); /* and it is free again */
	assert_int_equal(pthread_mutex_unlock(lock), 0);
	assert_result(hs_rejected_quota_drop_copy(&opened.dir), HS_OK); /* there is none */
	hs_spool_dir_close(&opened);
}

/* --- limits that are reached -------------------------------------------------------------------- */

static struct hs_opened_spool opened = SPOOLDIR_CLOSED;
static int tenants = 7;

/* Three sealed segments, of which the first two are compressed; nobody else has the spool open. */
static void three_segments(void)
{
	hs_spool_dir_close(&opened);
	make("durability = none\nrejected_max = 1G\nrotate_min_gap = 0\n");
	reject("acme", "a", 500);
	for (int i = 1; i <= 3; i++) {
		char name[64];
		struct hs_buf text = { 0 };

		for (int n = 0; n < 20 || n < tenants; n++)
			hs_buf_printf(&text,
			              "{\"spooled_at\":\"t\",\"status\":400,\"tenant\":\"t%d\",\"body\":\"%0*d\"}\n",
			              n % tenants, 500 + n * i, n);
		snprintf(name, sizeof name, "rejected-2026010%dT000000.000Z-00000%d.jsonl", i, i);
		spooldir_write(&s.d, name, hs_buf_slice(&text));
		hs_buf_free(&text);
		if (i < 3)
			compress_by_hand(name);
	}
	assert_result(hs_spool_dir_open(&opened, s.d.settings, false), HS_OK);
}

static uint64_t sealed_sum(void)
{
	return sum() - (uint64_t)spooldir_size(&s.d, "rejected.jsonl");
}

/* The open segment takes all of it, or nearly all: then nothing, or little, is left for the sealed ones. */
TEST(an_open_segment_that_takes_all)
{
	static const uint64_t open_bytes[] = { 5000, 4999, 4800, 100 };
	uint64_t deleted = 0;

	for (size_t i = 0; i < sizeof open_bytes / sizeof *open_bytes; i++) {
		three_segments();
		assert_result(hs_rejected_quota_cap(&opened.dir, open_bytes[i], 5000, &deleted), HS_OK);
		assert_in_range(sealed_sum(), 0, 5000 - open_bytes[i]);
	}
	hs_spool_dir_close(&opened);
}

/* No more of the compressed ones goes than has to. */
TEST(one_of_two_compressed_segments_goes)
{
	uint64_t deleted = 0, before;

	three_segments();
	before = sealed_sum();
	assert_result(hs_rejected_quota_cap(&opened.dir, 0, before - 10, &deleted), HS_OK);
	assert_in_range(sealed_sum(), 1, before - 10);
	assert_true(spooldir_names(&s.d, "", "rejected-") >= 2);
	hs_spool_dir_close(&opened);
}

static enum hs_result run_cap(void)
{
	uint64_t deleted = 0;

	return hs_rejected_quota_cap(&opened.dir, 0, 8000, &deleted);
}

static void is_capped(void)
{
	assert_in_range(sealed_sum(), 0, 8000);
}

/* The limit holds, whoever's lines have to go. */
TEST(a_limit_whatever_fails)
{
	fail_each_of(FAIL_CALL(WRAP_REALLOC) | FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_FSTAT),
	             &(struct job){ three_segments, run_cap, is_capped, 24 });
	hs_spool_dir_close(&opened);
}

/* A compressed segment that could not be counted, and for whose lines there is no memory later: the limit holds. */
TEST(a_segment_that_could_not_be_counted)
{
	tenants = 64; /* as many as there is room for at first */
	for (unsigned nth = 1; nth < 8; nth++)
		for (unsigned memory = 1; memory < 8; memory++) {
			three_segments();
			wrap_reset();
			wrap_fail(WRAP_OPENAT, nth, 2, EIO);
			wrap_fail(WRAP_REALLOC, memory, 1, ENOMEM);
			if (run_cap() == HS_OK)
				is_capped();
			wrap_reset();
			assert_result(run_cap(), HS_OK);
			is_capped();
		}
	tenants = 7;
	hs_spool_dir_close(&opened);
}

static void touch(void *context)
{
	(void)context;
	if (spooldir_exists(&s.d, "rejected-20260103T000000.000Z-000003.jsonl"))
		spooldir_add(&s.d, "rejected-20260103T000000.000Z-000003.jsonl", HS_SLICE("{}\n"));
}

/* Erase, say, has replaced it: it is left for the next time, unless the limit needs all of it. */
TEST(a_segment_that_changes_meanwhile)
{
	for (unsigned nth = 1; nth < 12; nth++) {
		uint64_t deleted = 0;

		three_segments();
		wrap_before(nth % 2 == 0 ? WRAP_FDATASYNC : WRAP_FLOCK, (nth + 1) / 2, touch, NULL);
		assert_result(hs_rejected_quota_cap(&opened.dir, 0, 9000, &deleted), HS_OK);
		wrap_reset();
		assert_in_range(sealed_sum(), 0, 9000);
	}
	hs_spool_dir_close(&opened);
}

TEST(a_copy_that_a_writer_is_making)
{
	pthread_mutex_t *lock;

	three_segments();
	spooldir_write(&s.d, ".hookspool/run/share-copy", HS_SLICE("x"));
	lock = &opened.state.state->stream[HS_REJECTED].append;
	assert_int_equal(pthread_mutex_trylock(lock), 0);
	passing_begin();
	assert_result(hs_rejected_quota_drop_copy(&opened.dir), HS_E_TIMEOUT);
	passing_end();
	assert_int_equal(pthread_mutex_unlock(lock), 0);
	assert_true(spooldir_exists(&s.d, ".hookspool/run/share-copy"));
	hs_spool_dir_close(&opened);
}

static void expect_tenant(const char *line, const char *tenant)
{
	if (!hs_slice_eq(hs_rejected_quota_tenant(hs_slice_str(line)), hs_slice_str(tenant)))
		fail_msg("%s", line);
}

/* The sender chooses message and body: they cannot claim another tenant. */
TEST_WITH(the_tenant_of_a_line, NULL, NULL)
{
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"tenant\":\"acme\",\"message\":\"m\"}", "acme");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"tenant\":\"acme\",\"source\":\"shop\"}", "acme");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"source\":\"shop\",\"message\":\"m\"}", "source\":\"shop");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"source\":\"shop", "");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\",\"tenant\":\"acme\"}", "");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"tenant\":\"acme", "");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":400,\"tenant\":7,\"message\":\"m\"}", "");
	expect_tenant(
	    "{\"spooled_at\":\"t\",\"status\":400,\"tenant\":\"0123456789abcdef0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0\",\"message\":\"m\"}",
	    ""); /* no label is so long */
	/* nothing is looked at after the end */
	assert_int_equal(
	    hs_rejected_quota_tenant(hs_slice("{\"spooled_at\":\"t\",\"status\":400,\"tenant\":\"acme\"}", 29)).n, 0);
	expect_tenant("{\"spooled_by\":\"t\",\"status\":400,\"tenant\":\"acme\",\"message\":\"m\"}", "");
	expect_tenant("{\"spooled_at\":\"t\",\"method\":400,\"tenant\":\"acme\",\"message\":\"m\"}", "");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":x,\"tenant\":\"acme\",\"message\":\"m\"}", "");
	expect_tenant("{\"spooled_at\":\"t\",\"stat", "");
	expect_tenant("{\"spooled_at\":\"t", "");
	expect_tenant("{\"spooled_at\":\"t\",\"status\":4", "");
	expect_tenant("{}", "");
	expect_tenant("", "");
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

TESTS("rejected_quota", NULL, tell_and_finish)
