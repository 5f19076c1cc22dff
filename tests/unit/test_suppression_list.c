/* suppression_list, erasure_log, tombstones, file_writer: what erase writes is read back. */
#include "base/io.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/salt.h"
#include "spool/admin/suppression_file.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/file_writer.h"
#include "spool/file/line_reader.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static struct hs_shared_state shared;
static struct hs_shared_state_handle handle = { .state = &shared };
static struct hs_spool_dir spool_dir;
static struct hs_subjects people;

FIXTURE(setup)
{
	temp_dir_begin(state);
	spool_dir = (struct hs_spool_dir){
		.fd = temp.fd, .private_dir = temp.fd, .run_dir = -1, .settings = temp.d.settings, .state = &handle
	};
	hs_subjects_init(&people, 7);
	return 0;
}

FIXTURE(teardown)
{
	fail_each_tell();
	hs_subjects_free(&people);
	return temp_dir_end(state);
}

static void add(enum hs_subject_kind kind, const char *id, const char *tenant, bool derived)
{
	struct hs_subject who = { .kind = kind,
		                  .id = (char *)(uintptr_t)id,
		                  .n = strlen(id),
		                  .derived = derived,
		                  .tenant = (char *)(uintptr_t)tenant };

	assert_true(hs_subjects_add(&people, &who, NULL));
}

/* --- suppress ---------------------------------------------------------------------- */

static bool is_suppressed(struct hs_suppression_list *s, const char *record)
{
	bool active, found;

	assert_int_equal(hs_suppression_list_follow(s, &active), HS_OK);
	assert_true(active);
	assert_int_equal(hs_suppression_list_find(s, hs_slice_str(record), &found), HS_OK);
	return found;
}

TEST(who_is_on_the_list)
{
	struct hs_suppression_list *s = hs_suppression_list_new(&spool_dir);
	bool active;

	assert_int_equal(hs_suppression_list_follow(s, &active), HS_OK);
	assert_false(active);
	add(HS_SUBJECT_USER, "anna", NULL, false);
	add(HS_SUBJECT_USER, "7", "acme", false);
	add(HS_SUBJECT_ANONYMOUS, "dev", "", false);
	add(HS_SUBJECT_ANONYMOUS, "shared", "", true);
	assert_int_equal(hs_suppression_list_add(&spool_dir, &people), HS_OK);
	assert_true(is_suppressed(s, "{\"user_id\":\"anna\",\"tenant\":\"acme\"}"));
	assert_true(is_suppressed(s, "{\"user_id\":\"\\u0061nna\"}"));
	assert_true(is_suppressed(s, "{\"user_id\":7,\"tenant\":\"acme\"}"));
	assert_false(is_suppressed(s, "{\"user_id\":7,\"tenant\":\"globex\"}"));
	assert_false(is_suppressed(s, "{\"user_id\":7}"));
	assert_true(is_suppressed(s, "{\"user_id\":\"b\",\"anonymous_id\":\"dev\"}"));
	assert_false(is_suppressed(s, "{\"user_id\":\"dev\",\"anonymous_id\":\"anna\"}"));
	assert_false(is_suppressed(s, "{\"anonymous_id\":\"shared\"}"));
	assert_true(is_suppressed(s, "{\"type\":\"alias\",\"user_id\":\"new\",\"previous_id\":\"anna\"}"));
	assert_true(is_suppressed(s, "{\"user_id\":\"new\",\"previous_id\":\"dev\"}"));
	assert_true(is_suppressed(s, "{\"user_id\":\"new\",\"previous_id\":7,\"tenant\":\"acme\"}"));
	assert_false(is_suppressed(s, "{\"user_id\":\"new\",\"previous_id\":\"7\"}"));
	assert_false(is_suppressed(s, "{\"user_id\":\"new\",\"previous_id\":\"shared\"}"));
	hs_suppression_list_free(s);
}

TEST(the_list_grows)
{
	struct hs_suppression_list *s = hs_suppression_list_new(&spool_dir);
	char text[64];
	off_t size;
	bool active;

	add(HS_SUBJECT_USER, "anna", NULL, false);
	assert_int_equal(hs_suppression_list_add(&spool_dir, &people), HS_OK);
	assert_true(is_suppressed(s, "{\"user_id\":\"anna\"}"));
	size = spooldir_size(&temp.d, "suppressed");
	assert_int_equal(hs_suppression_list_add(&spool_dir, &people), HS_OK); /* the same again */
	assert_int_equal(spooldir_size(&temp.d, "suppressed"), size);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "u-%d", i);
		add(HS_SUBJECT_USER, text, NULL, false);
	}
	assert_int_equal(hs_suppression_list_add(&spool_dir, &people), HS_OK);
	for (int i = 0; i < 1100; i++) {
		snprintf(text, sizeof text, "{\"user_id\":\"u-%d\"}", i);
		assert_int_equal(is_suppressed(s, text), i < 1000);
	}
	assert_true(is_suppressed(s, "{\"user_id\":\"anna\"}"));
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_int_equal(hs_suppression_list_add(&spool_dir, &people), HS_E_SYNC);
	wrap_reset();
	assert_true(is_suppressed(s, "{\"user_id\":\"anna\"}")); /* still the old one */
	hs_suppression_list_free(s);
	spooldir_unlink(&temp.d, "suppressed"); /* removed by hand: it counts for those that open the spool later */
	s = hs_suppression_list_new(&spool_dir);
	assert_int_equal(hs_suppression_list_follow(s, &active), HS_OK);
	assert_false(active);
	hs_suppression_list_free(s);
}

/* The length of an empty list alone does not make one. */
TEST(a_file_that_is_no_list_suppresses_nobody_silently)
{
	struct hs_suppression_list *s = hs_suppression_list_new(&spool_dir);
	bool active;

	spooldir_write(&temp.d, "suppressed", HS_SLICE("NOLIST1\n00000000"));
	assert_int_equal(hs_suppression_list_follow(s, &active), HS_E_SPOOL_VERSION);
	spooldir_unlink(&temp.d, "suppressed");
	assert_int_equal(hs_suppression_list_clear(&spool_dir), HS_OK);
	assert_int_equal(hs_suppression_list_follow(s, &active), HS_OK);
	assert_false(active);
	hs_suppression_list_free(s);
}

static void list_anna(void)
{
	hs_subjects_free(&people);
	hs_subjects_init(&people, 7);
	add(HS_SUBJECT_USER, "anna", NULL, false);
	assert_int_equal(hs_suppression_list_add(&spool_dir, &people), HS_OK);
}

static bool anna_is_found;

static enum hs_result run_find(void)
{
	struct hs_suppression_list *s = hs_suppression_list_new(&spool_dir);
	bool active = false;
	enum hs_result r = s == NULL ? HS_E_MEMORY : hs_suppression_list_follow(s, &active);

	anna_is_found = false;
	if (r == HS_OK)
		r = hs_suppression_list_find(s, HS_SLICE("{\"user_id\":\"\\u0061nna\"}"), &anna_is_found);
	hs_suppression_list_free(s);
	return r;
}

static void is_anna_found(void)
{
	assert_true(anna_is_found);
}

/* An event of hers is refused, or the sender comes again: it is never let in. */
TEST(whatever_fails_nobody_gets_in)
{
	fail_each(&(struct job){ list_anna, run_find, is_anna_found, 0 });
}

TEST(text_that_is_no_record_is_nobodys)
{
	struct hs_suppression_list *s = hs_suppression_list_new(&spool_dir);

	list_anna();
	assert_false(is_suppressed(s, "{\"user_id\":\"anna\""));
	assert_false(is_suppressed(s, ""));
	hs_suppression_list_free(s);
}

/* --- erasure log ------------------------------------------------------------------------ */

TEST(erasure_log_entries)
{
	struct hs_erasure_entry receipt = { "done", "command", false, NULL };
	struct hs_json json = { 0 };
	struct hs_buf text;
	char salt[HS_SALT + 1], again[HS_SALT + 1];
	struct stat st;
	int lines = 0;

	assert_int_equal(hs_salt(&spool_dir, salt), HS_OK);
	assert_int_equal(hs_salt(&spool_dir, again), HS_OK);
	assert_string_equal(salt, again);
	assert_int_equal(fstatat(temp.fd, "salt", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* whoever has it can try ids */
	add(HS_SUBJECT_USER, "a\"b", "acme", false);
	add(HS_SUBJECT_ANONYMOUS, "dev", NULL, false);
	assert_int_equal(hs_erasure_log_put(&spool_dir, &people, &receipt), HS_OK);
	spooldir_add(&temp.d, "erased.jsonl", HS_SLICE("{\"torn"));
	assert_int_equal(hs_erasure_log_put(&spool_dir, &people, &receipt), HS_OK);
	text = spooldir_read(&temp.d, "erased.jsonl");
	for (char *p = text.p, *end; p < text.p + text.n; p = end + 1, lines++) {
		end = memchr(p, '\n', (size_t)(text.p + text.n - p));
		assert_non_null(end);
		assert_int_equal(hs_line_check(&json, hs_slice(p, (size_t)(end - p))), HS_OK);
	}
	assert_int_equal(lines, 4);
	hs_buf_free(&text);
	hs_json_free(&json);
}

static uint64_t unfinished_line, unfinished_lines;

static void note_unfinished(void *context, uint64_t line)
{
	(void)context;
	unfinished_line = line;
	unfinished_lines++;
}

/* A line of somebody else's, one that has no number of events, and a fragment that a kill has left. */
static void torn_log(void)
{
	list_anna();
	spooldir_write(&temp.d, "erased.jsonl", HS_SLICE("{}\n{\"state\":\"begun\",\"kind\":\"user\"}\n{\"torn"));
}

static enum hs_result run_begun(void)
{
	struct hs_erasure_entry begun = { "begun", "command", false, NULL };
	enum hs_result r = hs_erasure_log_put(&spool_dir, &people, &begun);

	unfinished_lines = 0;
	return r == HS_OK ? hs_erasure_log_unfinished(&spool_dir, note_unfinished, NULL) : r;
}

static void is_one_begun(void)
{
	assert_int_equal(unfinished_lines, 1);
	assert_true(unfinished_line >= 3);
}

TEST(each_receipt_is_written_and_read)
{
	fail_each(&(struct job){ torn_log, run_begun, is_one_begun, 0 });
}

/* --- ids ------------------------------------------------------------------------------- */

struct got {
	struct hs_tombstone id[8];
	int count, most;
};

static bool take(void *context, const struct hs_tombstone *id)
{
	struct got *g = context;

	g->id[g->count] = *id;
	return ++g->count < g->most;
}

TEST(ids)
{
	struct hs_tombstone id[3] = { { { { 1 } }, 1 }, { { { 2 } }, 0xFEDCBA98 }, { { { 3 } }, 3 } };
	struct got got = { .most = 8 };
	uint64_t known = 0, size;

	assert_int_equal(hs_tombstones_each(temp.fd, &known, take, &got), HS_OK);
	assert_int_equal(got.count + (int)known, 0);
	assert_int_equal(hs_tombstones_put(temp.fd, id, 2), HS_OK);
	spooldir_add(&temp.d, "erased-ids", HS_SLICE("torn"));
	assert_int_equal(hs_tombstones_size(temp.fd, &size), HS_OK);
	assert_int_equal(size, 2 * HS_TOMBSTONES_ENTRY);
	assert_int_equal(hs_tombstones_put(temp.fd, id + 2, 1), HS_OK);
	assert_int_equal(hs_tombstones_each(temp.fd, &known, take, &got), HS_OK);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.id[1].spooled_s, 0xFEDCBA98);
	assert_memory_equal(&got.id[2].id, &id[2].id, sizeof id[2].id);
	assert_int_equal(known, 3 * HS_TOMBSTONES_ENTRY);
	assert_int_equal(hs_tombstones_put(temp.fd, id, 1), HS_OK);
	assert_int_equal(hs_tombstones_each(temp.fd, &known, take, &got), HS_OK); /* only what is new */
	assert_int_equal(got.count, 4);
}

static void no_ids(void)
{
	if (spooldir_exists(&temp.d, "erased-ids"))
		spooldir_unlink(&temp.d, "erased-ids");
}

static struct got all;

static enum hs_result run_ids(void)
{
	struct hs_tombstone id = { { { 9 } }, 5 };
	uint64_t known = 0;
	enum hs_result r = hs_tombstones_put(temp.fd, &id, 1);

	all = (struct got){ .most = 8 };
	return r == HS_OK ? hs_tombstones_each(temp.fd, &known, take, &all) : r;
}

/* An attempt that failed may have left its id, and a second one writes it again. */
static void are_ids(void)
{
	assert_true(all.count > 0 && all.id[all.count - 1].id.bytes[0] == 9 && all.id[all.count - 1].spooled_s == 5);
}

TEST(an_id_is_kept_or_it_is_an_error)
{
	fail_each(&(struct job){ no_ids, run_ids, are_ids, 0 });
}

TEST(ids_are_read_until_they_are_enough)
{
	struct hs_tombstone id[3] = { { { { 1 } }, 1 }, { { { 2 } }, 2 }, { { { 3 } }, 3 } };
	struct got got = { .most = 2 };
	uint64_t known = 0;

	assert_int_equal(hs_tombstones_put(temp.fd, id, 3), HS_OK);
	assert_int_equal(hs_tombstones_each(temp.fd, &known, take, &got), HS_OK);
	assert_int_equal(got.count, 2);
	assert_int_equal(known, HS_TOMBSTONES_ENTRY); /* the second one is asked for again */
	got.most = 8;
	assert_int_equal(hs_tombstones_each(temp.fd, &known, take, &got), HS_OK);
	assert_int_equal(got.count, 4);
	assert_int_equal(got.id[3].spooled_s, 3);
}

/* --- writer ------------------------------------------------------------------------------ */

TEST(written_is_read)
{
	enum { LINES = 20000 };

	for (int gzip = 0; gzip < 2; gzip++) {
		int file = memfd_create("writer", MFD_CLOEXEC);
		struct hs_line_reader lines = { 0 };
		struct hs_file_writer w;
		struct hs_slice line;
		char text[64];

		assert_int_equal(hs_file_writer_start(&w, file, gzip), HS_OK);
		for (int i = 0; i < LINES; i++) {
			snprintf(text, sizeof text, "line number %d, and so on\n", i);
			assert_int_equal(hs_file_writer_put(&w, hs_slice_str(text)), HS_OK);
		}
		assert_int_equal(hs_file_writer_end(&w), HS_OK);
		hs_file_writer_free(&w);
		assert_true(hs_line_reader_start_outside(&lines, file, false, 0, 0));
		for (int i = 0; i < LINES; i++) {
			snprintf(text, sizeof text, "line number %d, and so on", i);
			assert_int_equal(hs_line_reader_next(&lines, &line), 1);
			assert_slice_equal(line, hs_slice_str(text));
		}
		assert_int_equal(hs_line_reader_next(&lines, &line), 0);
		hs_line_reader_free(&lines);
		close(file);
	}
}

TEST(writing_fails)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		int file = memfd_create("writer", MFD_CLOEXEC);
		struct hs_file_writer w;

		assert_int_equal(hs_file_writer_start(&w, file, gzip), HS_OK);
		assert_int_equal(hs_file_writer_put(&w, HS_SLICE("x\n")), HS_OK);
		wrap_fail(gzip ? WRAP_FDATASYNC : WRAP_PWRITE, 1, 1, gzip ? EIO : ENOSPC);
		assert_int_equal(hs_file_writer_end(&w), gzip ? HS_E_SYNC : HS_E_FULL);
		wrap_reset();
		hs_file_writer_free(&w);
		close(file);
	}
}

/* A device is never suppressed by a link: another person may use it later. Then the list is empty. */
TEST(a_list_of_nobody)
{
	struct hs_buf cut = { 0 }, file;
	char salt[HS_SALT + 1];

	add(HS_SUBJECT_ANONYMOUS, "device", "", true);
	assert_result(hs_suppression_list_add(&spool_dir, &people), HS_OK);
	file = spooldir_read(&temp.d, "suppressed");
	assert_slice_equal(hs_buf_slice(&file), HS_SLICE("HSSUPP2\n00000000"));
	hs_buf_free(&file);
	assert_result(hs_salt(&spool_dir, salt), HS_OK);
	hs_buf_put_slice(&cut, HS_SLICE("short"));
	assert_false(hs_suppression_file_is_intact(&cut, salt));
	hs_buf_free(&cut);
}

TESTS("suppression_list", setup, teardown)
