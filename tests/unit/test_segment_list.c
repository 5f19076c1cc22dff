/* segment_list: the names of sealed segments. */
#include "base/io.h"
#include "spool/file/segment_list.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t when = INT64_C(1795428900123); /* 2026-11-23T10:15:00.123Z */

static void expect_name(const char *stream, uint64_t number, bool gzip, const char *expected)
{
	char name[HS_SEALED_NAME];
	struct hs_sealed back;

	hs_sealed_print(stream, &(struct hs_sealed){ .number = number, .sealed_ms = when, .gzip = gzip }, name);
	assert_string_equal(name, expected);
	assert_true(hs_sealed_parse(stream, name, &back));
	assert_int_equal(back.number, number);
	assert_int_equal(back.sealed_ms, when);
	assert_int_equal(back.gzip, gzip);
}

TEST(names_are_printed_and_parsed)
{
	expect_name("events", 42, false, "events-20261123T101500.123Z-000042.jsonl");
	expect_name("events", 42, true, "events-20261123T101500.123Z-000042.jsonl.gz");
	expect_name("rejected", 1234567, false, "rejected-20261123T101500.123Z-1234567.jsonl");
	expect_name("events", UINT64_C(1) << 62, true, "events-20261123T101500.123Z-4611686018427387904.jsonl.gz");
}

TEST(other_names_are_not_ours)
{
	static const char *const others[] = {
		"",
		"e",
		"events",
		"events-",
		"events.jsonl",
		"events-.jsonl",
		"events-20261123T101500.123Z",
		"events-20261123T101500.123Z-",
		"events-20261123T101500.123Z-.jsonl",
		"events-20261123T101500.123Z-42.jsonl", /* not the canonical spelling */
		"events-20261123T101500.123Z-0000042.jsonl",
		"events-20261123T101500.123Z-+00042.jsonl",
		"events-20261123T101500.123Z- 00042.jsonl",
		"events-20261123T101500.123Z--00042.jsonl",
		"events-20261123T101500.123Z-000042.json",
		"events-20261123T101500.123Z-000042.jsonl.gz.gz",
		"events-20261123T101500.123Z-000042.jsonl~",
		"events-20261123T101500.123Z-000042.jsonl.bz2",
		"events-20261323T101500.123Z-000042.jsonl", /* month 13 */
		"events-20261123T251500.123Z-000042.jsonl",
		"events-20261123t101500.123z-000042.jsonl",
		"events-20261123T101500.123Z-18446744073709551616.jsonl",
		"events-20261123T101500.123Z-18446744073709551615.jsonl", /* no higher number would be left */
		"events-20261123T101500.123Z-4611686018427387905.jsonl",
		"Events-20261123T101500.123Z-000042.jsonl",
		"rejected-20261123T101500.123Z-000042.jsonl",
		".events-20261123T101500.123Z-000042.jsonl",
	};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct hs_sealed sealed;
		char *exact = unit_exact_copy(hs_slice(others[i], strlen(others[i]) + 1));

		if (hs_sealed_parse("events", exact, &sealed))
			fail_msg("'%s' is taken for a sealed segment", others[i]);
		free(exact);
	}
}

TEST(the_list_is_in_order_and_has_no_others)
{
	struct hs_sealed *list;
	size_t count;

	assert_result(hs_sealed_list(temp.fd, "events", &list, &count), HS_OK);
	assert_int_equal(count, 0);
	assert_null(list);
	for (uint64_t i = 200; i > 0; i--) {
		char name[HS_SEALED_NAME];

		hs_sealed_print("events", &(struct hs_sealed){ i, when + (int64_t)i, i % 2 == 0, false, 0 }, name);
		spooldir_write(&temp.d, name, HS_SLICE(""));
	}
	spooldir_write(&temp.d, "events-20261123T101500.223Z-000100.jsonl", HS_SLICE("")); /* the plain form of a .gz */
	spooldir_age(&temp.d, "events-20261123T101500.223Z-000100.jsonl");
	spooldir_write(&temp.d, "events.jsonl", HS_SLICE(""));
	spooldir_write(&temp.d, "notes.txt", HS_SLICE(""));
	spooldir_write(&temp.d, "rejected-20261123T101500.123Z-000300.jsonl", HS_SLICE(""));
	assert_result(hs_sealed_list(temp.fd, "events", &list, &count), HS_OK);
	assert_int_equal(count, 201);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list[i].number, i < 100 ? i + 1 : i);
	assert_false(list[99].gzip);
	assert_true(list[100].gzip);
	free(list);
	assert_result(hs_sealed_list(-1, "events", &list, &count), HS_E_IO);
	assert_null(list);
}

static void compress_it(void *context)
{
	(void)context;
	spooldir_write(&temp.d, "events-20261123T101500.123Z-000042.jsonl.gz", HS_SLICE(""));
}

/*
 * readdir(3) need not show names made or removed since it began, so it may show neither form
 * of a segment that is compressed meanwhile. Only a second look finds it.
 */
TEST(a_segment_compressed_meanwhile_is_listed)
{
	struct hs_sealed *list;
	size_t count;

	wrap_before(WRAP_OPENAT, 3, compress_it, NULL); /* the first is for .hookspool/numbers */
	assert_result(hs_sealed_list(temp.fd, "events", &list, &count), HS_OK);
	wrap_reset();
	assert_int_equal(count, 1);
	assert_true(list[0].gzip);
	free(list);
}

/* --- a person who compresses or unpacks a segment ----------------------------------------- */

static const char plain[] = "events-20261123T101500.123Z-000042.jsonl",
		  gz[] = "events-20261123T101500.123Z-000042.jsonl.gz";

/* Lists the segment; returns how many files of it are listed, and whether the first is the .gz. */
static size_t forms(bool *first_gz)
{
	struct hs_sealed *list;
	size_t count;

	assert_result(hs_sealed_list(temp.fd, "events", &list, &count), HS_OK);
	*first_gz = count > 0 && list[0].gzip;
	free(list);
	return count;
}

/* gunzip writes the plain file, gives it the time of the .gz, and removes that. */
TEST(a_segment_that_is_being_unpacked_is_its_gz)
{
	bool first_gz;

	spooldir_write(&temp.d, gz, HS_SLICE("whole"));
	spooldir_age(&temp.d, gz);
	spooldir_write(&temp.d, plain, HS_SLICE("{}\n"));
	assert_int_equal(forms(&first_gz), 1);
	assert_true(first_gz);
	spooldir_age(&temp.d, plain);
	assert_int_equal(forms(&first_gz), 2);
	assert_false(first_gz);
	spooldir_write(&temp.d, gz, HS_SLICE("in the making"));
	assert_int_equal(forms(&first_gz), 2);
	assert_false(first_gz);
}

TEST(a_segment_is_found_in_its_other_form)
{
	struct hs_sealed sealed = { .number = 42, .sealed_ms = when, .gzip = true };
	struct stat st;
	int fd;

	spooldir_write(&temp.d, plain, HS_SLICE("{}\n"));
	assert_int_equal(hs_sealed_stat(temp.fd, "events", &sealed, &st), 0);
	assert_true(!sealed.gzip && st.st_size == 3);
	sealed.gzip = true;
	fd = hs_sealed_open(temp.fd, "events", &sealed);
	assert_true(fd >= 0 && !sealed.gzip);
	close(fd);
	spooldir_rename(&temp.d, plain, gz);
	fd = hs_sealed_open(temp.fd, "events", &sealed);
	assert_true(fd >= 0 && sealed.gzip);
	close(fd);
}

/* --- a number that is not in the name --------------------------------------------------- */

static struct hs_sealed foreign = { .number = 42, .sealed_ms = INT64_C(1795428900123) };
static int private_dir = -1;

/* Two segments have a number of their own: one of it is said twice, and a kill has left a fragment. */
static void two_of_elsewhere(void)
{
	temp_dir_end(NULL);
	temp_dir_begin(NULL);
	spooldir_mkdir(&temp.d, ".hookspool");
	if (private_dir >= 0)
		close(private_dir);
	private_dir = hs_io_open_dir(temp.fd, ".hookspool");
	spooldir_write(&temp.d, "events-20261123T101500.123Z-000042.jsonl", HS_SLICE("{}\n"));
	spooldir_write(&temp.d, "events-20261123T101500.124Z-000042.jsonl", HS_SLICE("{}\n"));
	spooldir_write(
	    &temp.d, ".hookspool/numbers",
	    HS_SLICE("{\"file\":\"events-20261123T101500.124Z-000042.jsonl\",\"number\":9}\n"
	             "{\"file\":\"rejected-20261123T101500.124Z-000042.jsonl\",\"number\":1}\n{\"file\":\"ev"));
}

static struct hs_sealed *listed;
static size_t listed_count;

static enum hs_result run_renumber(void)
{
	struct hs_sealed sealed = foreign;
	enum hs_result result = hs_sealed_renumber(private_dir, "events", &sealed, 7, 0600);

	free(listed);
	listed = NULL;
	listed_count = 0;
	return result == HS_OK ? hs_sealed_list(temp.fd, "events", &listed, &listed_count) : result;
}

static void are_renumbered(void)
{
	assert_int_equal(listed_count, 2);
	assert_true(listed[0].number == 7 && listed[0].moved && listed[0].named == 42);
	assert_true(listed[1].number == 9 && listed[1].moved && listed[1].named == 42);
}

/* A list without a number that was given would put the segment elsewhere in the order. */
TEST(each_call_may_fail)
{
	fail_each(&(struct job){ two_of_elsewhere, run_renumber, are_renumbered, 0 });
	free(listed);
	listed = NULL;
}

TEST(segments_that_wait_are_not_listed)
{
	struct hs_sealed sealed = foreign, *all;
	size_t count;

	two_of_elsewhere();
	assert_result(hs_sealed_renumber(private_dir, "events", &sealed, HS_SEALED_LATER, 0600), HS_OK);
	assert_result(hs_sealed_list(temp.fd, "events", &all, &count), HS_OK);
	assert_int_equal(count, 1);
	assert_int_equal(all[0].number, 9);
	free(all);
	assert_result(hs_sealed_list_all(temp.fd, "events", &all, &count), HS_OK);
	assert_int_equal(count, 2);
	free(all);
}

/* Under a wrong number a consumer might never get the segment. */
TEST(a_number_that_a_disk_has_changed_does_not_count)
{
	static const char file[] = ".hookspool/numbers";
	struct hs_sealed sealed = foreign;
	struct hs_buf text;
	size_t digit;

	two_of_elsewhere();
	spooldir_unlink(&temp.d, file);
	assert_result(hs_sealed_renumber(private_dir, "events", &sealed, 5, 0600), HS_OK);
	sealed.sealed_ms++;
	assert_result(hs_sealed_renumber(private_dir, "events", &sealed, 7, 0600), HS_OK);
	text = spooldir_read(&temp.d, file);
	digit = (size_t)(strstr(text.p, ":7}") + 1 - text.p);
	hs_buf_free(&text);
	assert_result(hs_sealed_list(temp.fd, "events", &listed, &listed_count), HS_OK);
	assert_true(listed_count == 2 && listed[0].number == 5 && listed[1].number == 7);
	free(listed);
	spooldir_flip(&temp.d, file, digit);
	assert_result(hs_sealed_list_all(temp.fd, "events", &listed, &listed_count), HS_OK);
	assert_true(listed_count == 2 && listed[0].number == 5 && listed[1].number == HS_SEALED_LATER);
	free(listed);
	listed = NULL;
}

/* Segments that got the same number stay two, whatever their own numbers were; so does one whose own it is. */
TEST(segments_with_one_number_stay_several)
{
	struct hs_sealed own[] = { { .sealed_ms = when }, { .sealed_ms = when, .number = 3 } };
	char name[HS_SEALED_NAME];

	spooldir_mkdir(&temp.d, ".hookspool");
	private_dir = hs_io_open_dir(temp.fd, ".hookspool");
	for (size_t i = 0; i < 2; i++) {
		hs_sealed_print("events", &own[i], name);
		spooldir_write(&temp.d, name, HS_SLICE(""));
		assert_result(hs_sealed_renumber(private_dir, "events", &own[i], 5, 0600), HS_OK);
	}
	hs_sealed_print("events", &(struct hs_sealed){ .sealed_ms = when, .number = 5 }, name);
	spooldir_write(&temp.d, name, HS_SLICE(""));
	assert_result(hs_sealed_list(temp.fd, "events", &listed, &listed_count), HS_OK);
	assert_int_equal(listed_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(listed[i].number, 5);
		assert_true(i == 0 || !hs_sealed_same(&listed[i - 1], &listed[i]));
	}
	free(listed);
	listed = NULL;
}

/* A line that a kill has cut off, and one that gives a segment the number of its name, change nothing. */
TEST(lines_that_give_no_other_number)
{
	static const char *const lines[] = {
		"\n{\"file\":\"events-20261123T101500.123Z-000003.jsonl\",\"number\":7",
		"\n{\"file\":\"events-20261123T101500.123Z-000003.jsonl\",\"number\":7]\n",
		"\n{\"file\":\"events-20261123T101500.123Z-000003.jsonl\",\"number\":3}\n",
		"\n{\"check\":\"0123abcd\"\n",
	};

	spooldir_mkdir(&temp.d, ".hookspool");
	spooldir_write(&temp.d, "events-20261123T101500.123Z-000003.jsonl", HS_SLICE(""));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		spooldir_write(&temp.d, ".hookspool/numbers", hs_slice_str(lines[i]));
		assert_result(hs_sealed_list(temp.fd, "events", &listed, &listed_count), HS_OK);
		assert_true(listed_count == 1 && listed[0].number == 3 && !listed[0].moved);
		free(listed);
		listed = NULL;
	}
}

/* Each of these tells that a file was written to, or is another one. */
TEST(a_file_that_has_changed)
{
	const struct stat read = { .st_ino = 1, .st_size = 2, .st_mtim = { 3, 4 } };
	struct stat now[] = { read, read, read, read };

	now[0].st_ino++;
	now[1].st_size++;
	now[2].st_mtim.tv_sec++;
	now[3].st_mtim.tv_nsec++;
	assert_true(hs_sealed_is_unchanged(&read, &read));
	for (size_t i = 0; i < sizeof now / sizeof *now; i++)
		assert_false(hs_sealed_is_unchanged(&read, &now[i]));
}

/* It deletes what is above the limit; one that is gone already counts, and a failure ends it. */
TEST(the_oldest_are_deleted)
{
	struct hs_sealed sealed = { .sealed_ms = when };
	char name[HS_SEALED_NAME];
	uint64_t deleted = 0;

	for (sealed.number = 1; sealed.number <= 3; sealed.number++) {
		hs_sealed_print("events", &sealed, name);
		spooldir_write(&temp.d, name, HS_SLICE("0123456789"));
	}
	wrap_fail(WRAP_UNLINKAT, 1, 1, EIO);
	assert_result(hs_sealed_cap(temp.fd, "events", 0, 10, UINT64_MAX, &deleted), HS_E_IO);
	assert_true(deleted == 0 && spooldir_names(&temp.d, "", "events-") == 3);
	wrap_fail(WRAP_UNLINKAT, 1, 1, ENOENT);
	assert_result(hs_sealed_cap(temp.fd, "events", 0, 10, UINT64_MAX, &deleted), HS_OK);
	wrap_reset();
	assert_true(deleted == 2 && spooldir_names(&temp.d, "", "events-") == 2);
}

TEST(what_has_the_name_is_looked_at)
{
	struct hs_sealed sealed = foreign;
	struct stat st;
	char name[HS_SEALED_NAME];
	uint64_t deleted = 0;

	assert_int_equal(hs_sealed_stat(temp.fd, "events", &sealed, &st), -1);
	assert_int_equal(errno, ENOENT);
	sealed = foreign;
	sealed.gzip = true;
	hs_sealed_print("events", &sealed, name);
	spooldir_write(&temp.d, name, HS_SLICE("xyz"));
	sealed.gzip = false; /* it was compressed since it was listed */
	assert_int_equal(hs_sealed_stat(temp.fd, "events", &sealed, &st), 0);
	assert_true(sealed.gzip && st.st_size == 3);
	wrap_fail(WRAP_UNLINKAT, 1, 1, EROFS);
	assert_result(hs_sealed_delete(temp.fd, "events", &sealed, &deleted), HS_E_READ_ONLY);
	assert_int_equal(deleted, 0);
	assert_result(hs_sealed_delete(temp.fd, "events", &sealed, &deleted), HS_OK);
	assert_int_equal(deleted, 1);
	spooldir_mkdir(&temp.d, name);
	assert_int_equal(hs_sealed_stat(temp.fd, "events", &sealed, &st), -1);
	assert_int_equal(errno, HS_IO_NOT_PLAIN);
}

FIXTURE(tell_and_end)
{
	fail_each_tell();
	if (private_dir >= 0)
		close(private_dir);
	private_dir = -1;
	return temp_dir_end(state);
}

TESTS("segment_list", temp_dir_begin, tell_and_end)
