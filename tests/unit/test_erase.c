/*
 * erase: the records of a person go, and no others; after a kill before any call on files each
 * line is there or not, and the next run finishes; positions stay right.
 */
#include "base/io.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/tombstones.h"
#include "spool/erase.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Appends an event for each word "user/id"; returns how many were there already. "user@device/id" is
 * an identify, "@device/id" a page without a user.
 */
static uint64_t put_users(const char *words)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };
	uint64_t duplicate = 0;
	struct hs_record_maker in;
	struct hs_json json = { 0 };
	struct hs_append append;

	assert_true(hs_record_maker_init(&in));
	while (*(words += strspn(words, " ")) != '\0') {
		int user = (int)strcspn(words, "@/"), who = (int)strcspn(words, "/"), all = (int)strcspn(words, " ");
		struct hs_event e;
		char text[200], device[60] = "";

		if (user < who)
			snprintf(device, sizeof device, ",\"anonymousId\":\"%.*s\"", who - user - 1, words + user + 1);
		snprintf(text, sizeof text, "{\"type\":\"%s\",\"userId\":\"%.*s\"%s,\"messageId\":\"%.*s\"}",
		         user > 0 && user < who ? "identify" : "page", user, words, device, all, words);
		assert_int_equal(hs_json_document(&json, hs_slice_str(text)), HS_OK);
		assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
		assert_int_equal(hs_record_maker_put(&in, &e, &stamp, HS_NAMES_WAREHOUSE), HS_OK);
		words += all;
	}
	append = (struct hs_append){ .records = hs_buf_slice(&in.batch.lines),
		                     .record = in.batch.record,
		                     .count = in.batch.count,
		                     .duplicate = &duplicate,
		                     .deadline_ms = soon() };
	assert_int_equal(hs_spool_append(s.spool, &append), HS_OK);
	hs_record_maker_free(&in);
	hs_json_free(&json);
	return duplicate;
}

/* A compressed segment, a plain one and the open one. */
static void fill_three_segments(void)
{
	make("rotate_min_gap = 0\n");
	put_users("a/1 b/2 a/3");
	rotate();
	maintain();
	put_users("b/4");
	rotate();
	put_users("a/5 c/6");
}

static enum hs_result erase_by(const char *id, const struct hs_eraser *how, struct hs_erasure *done)
{
	struct hs_subject who = {
		.id = (char *)(uintptr_t)id, .n = strlen(id), .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
	};
	struct hs_subjects subjects;
	struct hs_eraser eraser = *how;
	enum hs_result r;

	eraser.subjects = &subjects;
	hs_subjects_init(&subjects, 1);
	assert_true(hs_subjects_add(&subjects, &who, NULL));
	r = hs_erase(s.spool, s.d.settings, &eraser, done);
	hs_subjects_free(&subjects);
	return r;
}

static enum hs_result erase(const char *id, bool suppress, struct hs_erasure *done)
{
	return erase_by(id, &(struct hs_eraser){ .suppress = suppress }, done);
}

/* --- summaries ---------------------------------------------------------------------------- */

static const char summary[] = ".hookspool/run/summary/events-1";

static void put_back(void *context)
{
	spooldir_write(&s.d, summary, hs_buf_slice(context));
}

/*
 * Maintenance writes the summary of the old segment, which it has read before, at any moment of the erase until
 * the segments are done. Only the rename of the catalogue of events comes after that.
 */
TEST(no_summary_of_the_old_segment_stays)
{
	unsigned renames = 2;

	for (unsigned nth = 1; nth < renames; nth++) {
		struct hs_erasure done;
		struct hs_buf old, now = { 0 };

		make("rotate_min_gap = 0\ncompress = none\n");
		put_users("a/1 b/2");
		rotate();
		maintain();
		old = spooldir_read(&s.d, summary);
		wrap_reset();
		wrap_before(WRAP_RENAMEAT, nth, put_back, &old);
		assert_int_equal(erase("a", false, &done), HS_OK);
		assert_int_equal(done.events, 1);
		renames = wrap_count(WRAP_RENAMEAT);
		if (spooldir_exists(&s.d, summary))
			now = spooldir_read(&s.d, summary);
		assert_false(hs_slice_eq(hs_buf_slice(&now), hs_buf_slice(&old)));
		hs_buf_free(&old);
		hs_buf_free(&now);
		wrap_reset();
	}
	assert_in_range(renames, 4, 11);
}

/* --- a dry run ------------------------------------------------------------------------------- */

static void seal_and_compress(void *context)
{
	(void)context;
	rotate();
	maintain();
}

/* The open segment is sealed at any moment of it, and compressed at once. */
TEST(a_dry_run_counts_what_is_sealed_meanwhile)
{
	struct hs_eraser how = { .look_only = true };
	unsigned opened = 0;

	for (unsigned nth = 0; nth <= opened; nth++) {
		struct hs_erasure done;

		make("rotate_min_gap = 0\n");
		put_users("a/1 b/2");
		rotate();
		put_users("a/3 b/4 a/5");
		wrap_reset();
		if (nth > 0)
			wrap_before(WRAP_OPENAT, nth, seal_and_compress, NULL);
		assert_int_equal(erase_by("a", &how, &done), HS_OK);
		if (nth == 0)
			opened = wrap_count(WRAP_OPENAT);
		wrap_reset();
		assert_int_equal(done.events, 3);
	}
	assert_in_range(opened, 4, 100);
}

/* Another program has brought a segment whose number is in use, and no writer has noticed yet. */
TEST(a_dry_run_counts_both_segments_of_a_number)
{
	static const char other[] = "events-20251123T101500.123Z-000001.jsonl";
	struct hs_eraser how = { .look_only = true };
	struct hs_erasure done;
	struct hs_buf text;

	make("rotate_min_gap = 0\ncompress = none\n");
	put_users("a/1 b/2");
	rotate();
	put_users("c/3");
	text = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));
	spooldir_write(&s.d, other, hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_int_equal(erase_by("a", &how, &done), HS_OK);
	assert_int_equal(done.events, 2);
	assert_int_equal(done.files, 2);
}

/* --- while a segment is copied into the spool ------------------------------------------------- */

struct copying {
	int fd;
	struct hs_slice rest;
};

/* The copier writes on into the file that it has opened, whatever its name is by now. */
static bool copy_on(void *context, uint64_t bytes, uint64_t all)
{
	struct copying *c = context;

	(void)bytes;
	(void)all;
	if (c->rest.n == 0)
		return true;
	assert_int_equal(write(c->fd, c->rest.p, 1), 1);
	c->rest = hs_slice(c->rest.p + 1, c->rest.n - 1);
	return true;
}

TEST(a_segment_that_is_being_copied_is_waited_for)
{
	struct hs_eraser how = { .go_on = copy_on };
	struct copying c;
	struct hs_erasure done;
	struct hs_buf all;

	make("rotate_min_gap = 0\ncompress = none\n");
	put_users("a/1 b/2");
	rotate();
	put_users("c/3");
	rotate();
	all = spooldir_read_raw(&s.d, spooldir_name(&s.d, "events-", 0));
	spooldir_cut(&s.d, spooldir_name(&s.d, "events-", 0), (off_t)all.n - 12);
	c.rest = hs_slice(all.p + all.n - 12, 12);
	c.fd = open(spooldir_path(&s.d, spooldir_name(&s.d, "events-", 0)), O_WRONLY | O_APPEND);
	assert_true(c.fd >= 0);
	how.context = &c;
	assert_int_equal(erase_by("a", &how, &done), HS_OK);
	assert_int_equal(done.events, 1);
	assert_int_equal(c.rest.n, 0);
	close(c.fd);
	hs_buf_free(&all);
	assert_all("b/2 c/3");
	assert_sound(&s.d);
}

/* It has no number before it is whole, because another segment has the one in its name. */
TEST(a_segment_that_waits_for_its_number_is_waited_for)
{
	static const char other[] = "events-20251123T101500.123Z-000001.jsonl";
	struct hs_eraser how = { .go_on = copy_on };
	struct copying c;
	struct hs_erasure done;
	struct hs_buf all;

	make("rotate_min_gap = 0\ncompress = none\n");
	put_users("a/1 b/1");
	rotate();
	all = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));
	for (char *id = all.p; (id = memmem(id, (size_t)(all.p + all.n - id), "/1", 2)) != NULL;)
		id[1] = '2';
	spooldir_write(&s.d, other, hs_slice(all.p, all.n - 12));
	c.rest = hs_slice(all.p + all.n - 12, 12);
	c.fd = open(spooldir_path(&s.d, other), O_WRONLY | O_APPEND);
	assert_true(c.fd >= 0);
	how.context = &c;
	assert_int_equal(erase_by("a", &how, &done), HS_OK);
	assert_int_equal(done.events, 2);
	assert_int_equal(c.rest.n, 0);
	close(c.fd);
	hs_buf_free(&all);
	assert_all("b/1 b/2");
}

/* --- while a person compresses a segment ------------------------------------------------------- */

struct compressing {
	char plain[NAME_MAX + 1], gz[NAME_MAX + 1];
	struct hs_buf bytes; /* of the .gz */
	unsigned asked;
	bool done;
};

/* The end of gzip(1): the .gz is whole, and what has the name of the plain file goes. */
static void end_gzip(struct compressing *c)
{
	if (c->done)
		return;
	if (spooldir_exists(&s.d, c->gz))
		spooldir_write(&s.d, c->gz, hs_buf_slice(&c->bytes));
	spooldir_unlink(&s.d, c->plain);
	c->done = true;
}

static bool gzip_on(void *context, uint64_t bytes, uint64_t all)
{
	struct compressing *c = context;

	(void)bytes;
	(void)all;
	if (++c->asked == 5)
		end_gzip(c);
	else if (!c->done && spooldir_exists(&s.d, c->gz))
		spooldir_write(&s.d, c->gz, hs_slice(c->bytes.p, 10 + c->asked));
	return true;
}

TEST(a_segment_that_a_person_compresses_is_not_lost)
{
	struct compressing c = { .asked = 0 };
	struct hs_eraser how = { .go_on = gzip_on, .context = &c };
	struct hs_erasure done;
	struct hs_buf text;

	make("rotate_min_gap = 0\n");
	put_users("a/1 b/2");
	rotate();
	snprintf(c.plain, sizeof c.plain, "%s", spooldir_name(&s.d, "events-", 0));
	text = spooldir_read(&s.d, c.plain);
	maintain();
	snprintf(c.gz, sizeof c.gz, "%s", spooldir_name(&s.d, "events-", 0));
	c.bytes = spooldir_read_raw(&s.d, c.gz);
	spooldir_write(&s.d, c.plain, hs_buf_slice(&text));
	spooldir_age(&s.d, c.plain);
	spooldir_cut(&s.d, c.gz, 10);
	assert_int_equal(erase_by("a", &how, &done), HS_OK);
	end_gzip(&c);
	assert_int_equal(done.events, 1);
	assert_all("b/2");
	assert_sound(&s.d);
	hs_buf_free(&text);
	hs_buf_free(&c.bytes);
}

/* --- dead letters -------------------------------------------------------------------------- */

/* A consumer may write a dead letter as long as the event is there. */
static void put_letter(void *context)
{
	static const char words[] = "\"user_id\":\"a\"";
	struct hs_buf events = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));

	(void)context;
	if (memmem(events.p, events.n, words, sizeof words - 1) != NULL)
		spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"record\":{\"user_id\":\"a\"}}\n"));
	hs_buf_free(&events);
}

TEST(no_dead_letter_that_is_written_meanwhile_stays)
{
	unsigned renames = 2;

	for (unsigned nth = 1; nth < renames; nth++) {
		struct hs_erasure done;

		make("rotate_min_gap = 0\ncompress = none\n");
		put_users("a/1 b/2");
		rotate();
		wrap_reset();
		wrap_before(WRAP_RENAMEAT, nth, put_letter, NULL);
		assert_int_equal(erase("a", false, &done), HS_OK);
		renames = wrap_count(WRAP_RENAMEAT);
		assert_false(spooldir_exists(&s.d, "failed.jsonl") && spooldir_size(&s.d, "failed.jsonl") > 0);
		wrap_reset();
	}
	assert_in_range(renames, 4, 11);
}

/* --- what goes, and what stays known --------------------------------------------------- */

TEST(records_of_the_person_go)
{
	struct hs_erasure done;

	fill_three_segments();
	assert_int_equal(erase("a", false, &done), HS_OK);
	assert_int_equal(done.events, 3);
	assert_int_equal(done.files, 2);
	assert_all("b/2 b/4 c/6");
	assert_sound(&s.d);
	assert_int_equal(problems(), 0);
	assert_int_equal(put_users("a/1 a/3 a/5 b/2 a/7"), 4);
	assert_all("b/2 b/4 c/6 a/7");
	assert_int_equal(erase("a", false, &done), HS_OK);
	assert_int_equal(done.events, 1);
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 4); /* an empty segment keeps its number */
	assert_int_equal(problems(), 0);
}

TEST(erased_ids_outlive_the_index)
{
	struct hs_erasure done;

	make("rotate_min_gap = 0\n");
	put_users("a/1 b/2");
	assert_int_equal(erase("a", false, &done), HS_OK);
	put_users("b/3");
	rotate();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	spooldir_add(&s.d, ".hookspool/erased-ids", HS_SLICE("torn"));
	restart();
	assert_int_equal(put_users("a/1 b/2 b/3 a/4"), 3);
	assert_int_equal(erase("a", false, &done), HS_OK);
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	assert_int_equal(put_users("a/1 a/4 b/2"), 3);
}

TEST(an_erased_event_in_the_spool_is_a_problem)
{
	struct hs_tombstone id = { .spooled_s = 1795428900 };
	struct hs_dedup_key_maker identifier;
	struct hs_json json = { 0 };
	struct hs_buf text;
	int64_t ms;
	bool known;
	int dir, private_dir;

	make("");
	put_users("a/1");
	assert_int_equal(problems(), 0);
	text = spooldir_read(&s.d, "events.jsonl");
	assert_true(hs_dedup_key_maker_init(&identifier));
	assert_int_equal(hs_dedup_key_of_line(&identifier, &json, hs_slice(text.p, text.n - 1), &known, &id.id, &ms),
	                 HS_OK);
	dir = hs_io_open_dir(AT_FDCWD, s.d.path);
	private_dir = hs_io_open_dir(dir, ".hookspool");
	assert_int_equal(hs_tombstones_put(private_dir, &id, 1), HS_OK);
	hs_io_close(private_dir);
	hs_io_close(dir);
	assert_int_equal(problems(), 1);
	hs_dedup_key_maker_free(&identifier);
	hs_json_free(&json);
	hs_buf_free(&text);
}

/* Unfinished copies, left by a killed repair, erase, maintenance or writer of rejected lines. */
TEST(leftovers_go)
{
	static const char *const names[] = { ".hookspool/run/clean", ".hookspool/run/gzip", ".hookspool/run/erase-copy",
		                             ".hookspool/run/share-copy" };
	struct hs_erasure done;

	make("");
	put_users("bert/1");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		spooldir_write(&s.d, names[i], HS_SLICE("{\"type\":\"page\",\"user_id\":\"anna\"}\n"));
	assert_result(erase("anna", false, &done), HS_OK);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_false(spooldir_exists(&s.d, names[i]));
}

/* A writer was killed in the middle of the last line, which is kept as it is. */
TEST(a_fragment_of_a_dead_letter)
{
	struct hs_erasure done;
	struct hs_buf left;

	make("");
	put_users("bert/1");
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"user_id\":\"a\"}\n{\"user_id\":\"b\",\"na"));
	assert_result(erase("a", false, &done), HS_OK);
	left = spooldir_read(&s.d, "failed.jsonl");
	assert_slice_equal(hs_buf_slice(&left), HS_SLICE("{\"user_id\":\"b\",\"na"));
	hs_buf_free(&left);
}

/* A person gives a file of them another name, as long as a name can be. */
TEST(dead_letters_of_any_name)
{
	struct hs_erasure done;
	char name[NAME_MAX + 1];
	struct hs_buf left;

	make("");
	memset(name, 'x', NAME_MAX);
	memcpy(name, "failed-", 7);
	snprintf(name + NAME_MAX - 6, 7, ".jsonl");
	put_users("bert/1");
	spooldir_write(&s.d, name, HS_SLICE("{\"user_id\":\"a\"}\n{\"user_id\":\"b\"}\n"));
	assert_result(erase("a", false, &done), HS_OK);
	assert_int_equal(done.others, 1);
	left = spooldir_read(&s.d, name);
	assert_slice_equal(hs_buf_slice(&left), HS_SLICE("{\"user_id\":\"b\"}\n"));
	hs_buf_free(&left);
}

TEST(copy_of_a_running_compression_stays)
{
	static const char copy[] = ".hookspool/run/gzip";
	struct hs_erasure done;
	int fd;

	fill_three_segments();
	spooldir_write(&s.d, copy, HS_SLICE("{\"user_id\":\"a\"}\n"));
	fd = open(spooldir_path(&s.d, ".hookspool/run/maintain"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_result(erase("a", false, &done), HS_OK);
	assert_true(spooldir_exists(&s.d, copy));
	close(fd);
	assert_result(erase("a", false, &done), HS_OK);
	assert_false(spooldir_exists(&s.d, copy));
}

TEST(events_of_suppressed_people_are_dropped)
{
	struct hs_erasure done;

	make("rotate_min_gap = 0\n");
	put_users("a/1 b/2");
	assert_int_equal(erase("a", true, &done), HS_OK);
	assert_int_equal(put_users("b/3 a/4 b/2 a/5 b/6"), 1);
	assert_all("b/2 b/3 b/6");
	assert_int_equal(erase("b", true, &done), HS_OK);
	put_users("a/7 b/8 c/9");
	assert_all("c/9");
}

static void event_comes(void *context, const struct hs_link *link)
{
	(void)context;
	(void)link;
	put_users("a/8 b/9");
}

/* After the open segment was sealed, which may be long before the first line goes. */
TEST(an_event_that_comes_while_people_are_looked_for_is_not_kept)
{
	struct hs_erasure done;

	make("rotate_min_gap = 0\n");
	put_users("a@dev/1 b/2");
	assert_int_equal(
	    erase_by("a", &(struct hs_eraser){ .suppress = true, .aliases = true, .tell_link = event_comes }, &done),
	    HS_OK);
	assert_int_equal(done.events, 1);
	assert_all("b/2 b/9");
}

/* --- positions ------------------------------------------------------------------------- */

/* A thread that asks whether a person is suppressed. */
struct asker {
	pthread_t thread;
	atomic_int id;
	atomic_bool answered;
	bool first; /* it had its answer while the other thread was still reading the list */
	bool suppressed;
};

static void *ask(void *context)
{
	struct asker *a = context;

	atomic_store(&a->id, (int)syscall(SYS_gettid));
	assert_int_equal(hs_spool_suppresses(s.spool, HS_SLICE("{\"user_id\":\"a\"}"), &a->suppressed), HS_OK);
	atomic_store(&a->answered, true);
	return NULL;
}

static bool sleeps(int thread)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
	file = thread == 0 ? NULL : fopen(path, "r");
	if (file == NULL)
		return false;
	assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
	fclose(file);
	return state == 'S';
}

static void another_asks(void *context)
{
	struct asker *a = context;

	assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
	while (!atomic_load(&a->answered) && !sleeps(atomic_load(&a->id)))
		hs_io_pause(1);
	a->first = atomic_load(&a->answered);
}

/* The list has memory of its own for each question, so that a second one waits until the first is answered. */
TEST(one_thread_asks_at_a_time)
{
	struct asker a = { .first = true };
	struct hs_erasure done;
	bool suppressed;

	make("");
	put_users("a/1 b/2");
	assert_int_equal(erase("a", true, &done), HS_OK);
	wrap_reset();
	wrap_before(WRAP_PREAD, 1, another_asks, &a);
	assert_int_equal(hs_spool_suppresses(s.spool, HS_SLICE("{\"user_id\":\"b\"}"), &suppressed), HS_OK);
	assert_false(a.first);
	assert_false(suppressed);
	assert_int_equal(pthread_join(a.thread, NULL), 0);
	assert_true(a.suppressed);
	wrap_reset();
}

TEST(positions_stay_right)
{
	static const char *const rest[] = { "b/2 b/4 c/6", "b/2 b/4 c/6", "b/4 c/6", "b/4 c/6", "c/6", "c/6", "" };
	struct hs_position at[7] = { { 0 } };
	struct hs_erasure done;

	make("rotate_min_gap = 0\ncompress = none\n");
	put_users("a/1 b/2 a/3");
	rotate();
	put_users("b/4");
	put_users("a/5 c/6");
	open_reader();
	for (int i = 1; i < 7; i++) {
		assert_int_equal(read_some(1), HS_READ_LINE);
		at[i] = hs_reader_position(s.reader);
	}
	assert_int_equal(erase("a", false, &done), HS_OK);
	for (int i = 0; i < 7; i++) {
		hs_reader_start(s.reader, at[i]);
		assert_read(rest[i]);
	}
}

/* --- killed ------------------------------------------------------------------------------ */

static int erase_in_child(void *context)
{
	struct hs_erasure done;
	unsigned nth = *(unsigned *)context;

	restart();
	wrap_reset();
	wrap_kill(nth, nth % 2 == 1); /* every second time in the middle of a write, if it is one */
	return s.spool != NULL && erase("a", nth % 5 == 0, &done) == HS_OK ? 0 : 1;
}

/* Expects whole lines after a kill: nothing of others lost, nothing twice. */
static void expect_others(void)
{
	char *word, *rest = NULL;
	char others[64] = "";

	read_all();
	for (word = strtok_r(s.got, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
		if (word[0] != 'a') {
			strcat(others, word);
			strcat(others, " ");
		}
	assert_string_equal(others, "b/2 b/4 c/6 ");
}

TEST(killed_anywhere)
{
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_erasure done;

		fill_three_segments();
		restart();
		ended = child_run(erase_in_child, &nth) == 0;
		expect_others();
		if (nth % 4 == 0) { /* the index is lost, too */
			stop();
			spooldir_unlink(&s.d, ".hookspool/run/index");
			restart();
		}
		assert_int_equal(erase("a", false, &done), HS_OK);
		assert_all("b/2 b/4 c/6");
		assert_int_equal(put_users(nth % 5 == 0 ? "b/2 c/6" : "a/1 b/2 a/3 b/4 a/5 c/6"), nth % 5 == 0 ? 2 : 6);
		assert_sound(&s.d);
		assert_int_equal(problems(), 0);
		assert_true(nth < 2000);
	}
}

static bool is_spooled(const char *id)
{
	read_all();
	return strstr(s.got, id) != NULL;
}

static int erase_linked_in_child(void *context)
{
	struct hs_erasure done;
	unsigned nth = *(unsigned *)context;

	restart();
	wrap_reset();
	wrap_kill(nth, nth % 2 == 1);
	return s.spool != NULL && erase_by("a", &(struct hs_eraser){ .aliases = true }, &done) == HS_OK ? 0 : 1;
}

/* The link goes with the first file; the device's records must go all the same. */
TEST(killed_with_links)
{
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_erasure done;
		bool settled;

		make("rotate_min_gap = 0\n");
		put_users("a@d/1 a@shared/2 b@shared/3");
		rotate();
		put_users("@d/4 @shared/5 c/6");
		restart();
		ended = child_run(erase_linked_in_child, &nth) == 0;
		settled = spooldir_names(&s.d, ".hookspool", "erase-plan-1") > 0;
		assert_true(!settled || problems() > 0);
		settled |= !is_spooled("@d/4"); /* or the erase is done */
		put_users("a/7 @d/8");          /* later events are new data, however late the erase is finished */
		assert_int_equal(erase_by(settled ? "nobody" : "a", &(struct hs_eraser){ .aliases = !settled }, &done),
		                 HS_OK);
		assert_all(settled ? "b@shared/3 @shared/5 c/6 a/7 @d/8" : "b@shared/3 @shared/5 c/6");
		assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-plan"), 0);
		assert_sound(&s.d);
		assert_int_equal(problems(), 0);
		assert_true(nth < 2000);
	}
}

/* Events that come between the plan and the suppression go, too. */
TEST(killed_before_suppression)
{
	bool ended = false;

	for (unsigned nth = 5; !ended; nth += 5) { /* for these erase_in_child suppresses */
		struct hs_erasure done;
		bool settled;

		make("rotate_min_gap = 0\n");
		put_users("a/1 b/2");
		ended = child_run(erase_in_child, &nth) == 0;
		settled = spooldir_names(&s.d, ".hookspool", "erase-plan-1") > 0;
		restart();
		put_users("a/3 b/4");
		assert_int_equal(erase(settled ? "nobody" : "a", !settled, &done), HS_OK);
		assert_all("b/2 b/4");
		put_users("a/5");
		assert_all("b/2 b/4");
		assert_true(nth < 2000);
	}
}

static bool count_down(void *context, uint64_t bytes, uint64_t all)
{
	unsigned *left = context;

	(void)bytes;
	(void)all;
	return *left > 0 && (*left)--;
}

/* Ctrl-C: nothing is settled yet, or the next erase finishes. */
TEST(stopped_anywhere)
{
	bool stopped = true;

	for (unsigned turns = 0; stopped; turns++) {
		unsigned left = turns;
		struct hs_eraser how = { .aliases = true, .context = &left, .go_on = count_down };
		struct hs_erasure done;

		make("rotate_min_gap = 0\n");
		put_users("a@d/1 b/2");
		rotate();
		put_users("@d/3 b/4");
		assert_int_equal(erase_by("a", &how, &done), HS_OK);
		stopped = done.stopped;
		assert_true(done.unfinished == (spooldir_names(&s.d, ".hookspool", "erase-plan") > 0));
		assert_true(!done.unfinished || stopped);
		assert_int_equal(erase("nobody", false, &done), HS_OK);
		assert_int_equal(done.unfinished, 0);
		if (is_spooled("a@d/1"))
			assert_all("a@d/1 b/2 @d/3 b/4");
		else
			assert_all("b/2 b/4");
		assert_int_equal(problems(), 0);
		assert_true(turns < 100);
	}
}

TEST(damaged_plan)
{
	struct hs_erasure done;

	make("");
	put_users("a/1 b/2");
	spooldir_add(&s.d, ".hookspool/erase-plan-1", HS_SLICE("{\"plan\":1,\"people\":2}\n"));
	assert_result(erase("a", false, &done), HS_E_IO);
	assert_all("a/1 b/2");
	/* the check of no lines: the plan has lost its people */
	spooldir_write(&s.d, ".hookspool/erase-plan-1", HS_SLICE("{\"check\":\"0000000000000000\"}\n"));
	assert_result(erase("a", false, &done), HS_E_IO);
	assert_all("a/1 b/2");
	spooldir_unlink(&s.d, ".hookspool/erase-plan-1");
	spooldir_add(&s.d, ".hookspool/erase-plan-new", HS_SLICE("{\"plan"));
	assert_int_equal(problems(), 1);
	assert_result(erase("a", false, &done), HS_OK);
	assert_all("b/2");
	assert_int_equal(problems(), 0);
}

/* --- while the index is behind ------------------------------------------------------------- */

/* Before each read: a minute passes, so that no step has time for more than it must do. */
static void time_passes(void *context)
{
	static int64_t ms;

	(void)context;
	wrap_clock(0, ms += 60000);
	wrap_before(WRAP_PREAD, 1, time_passes, NULL);
}

/* "a/0 b/1 c/2 …", the numbers from `from` to `to` - 1. */
static uint64_t put_numbers(int from, int to)
{
	struct hs_buf words = { 0 };
	char word[20];
	uint64_t known;

	for (int i = from; i < to; i++)
		hs_buf_put(&words, word, (size_t)snprintf(word, sizeof word, "%c/%d ", 'a' + i % 3, i));
	hs_buf_putc(&words, '\0');
	known = put_users(words.p);
	hs_buf_free(&words);
	return known;
}

/*
 * The index has read a segment out of turn to an offset, while it reads the summary of an earlier one. The erase
 * moves the lines after that offset.
 */
TEST(an_index_has_read_half_of_the_segment)
{
	static const char second[] = ".hookspool/run/summary/events-2";
	enum { FIRST = 12000, ALL = FIRST + 21000 };
	struct hs_erasure done;
	struct hs_buf kept;

	make("rotate_min_gap = 0\ncompress = none\n");
	put_numbers(0, FIRST);
	rotate();
	put_numbers(FIRST, ALL);
	rotate();
	maintain();
	stop();
	kept = spooldir_read(&s.d, second);
	spooldir_unlink(&s.d, second);
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	wrap_before(WRAP_PREAD, 1, time_passes, NULL);
	assert_result(append("x"), HS_E_INDEXING);
	wrap_reset();
	spooldir_write(&s.d, second, hs_buf_slice(&kept));
	hs_buf_free(&kept);
	wrap_before(WRAP_PREAD, 1, time_passes, NULL);
	assert_int_equal(erase("a", false, &done), HS_OK);
	wrap_reset();
	assert_int_equal(done.events, ALL / 3);
	spooldir_unlink(&s.d, second);
	restart();
	assert_int_equal(put_numbers(0, ALL), ALL);
}

/* --- failures ------------------------------------------------------------------------------ */

static struct hs_subjects people;

/* Events of a in three segments, a delete event, a dead letter, a refusal, a database and a cursor. */
static void prepare_each(void)
{
	fill_three_segments();
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"user_id\":\"a\"}\n{\"user_id\":\"b\"}\n"));
	save_cursor("load-x", position_after(1));
	if (people.count == 0) {
		struct hs_subject a = {
			.id = (char[]){ "a" }, .n = 1, .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
		};

		hs_subjects_init(&people, 1);
		assert_true(hs_subjects_add(&people, &a, NULL));
	}
}

static enum hs_result run_each(void)
{
	struct hs_eraser eraser = { .subjects = &people, .suppress = true, .aliases = true };
	struct hs_erasure done;
	enum hs_result result = hs_erase(s.spool, s.d.settings, &eraser, &done);

	return result == HS_OK && (done.busy || done.stopped || done.unfinished) ? HS_E_LOCKED : result;
}

static void is_each_done(void)
{
	struct hs_buf letters = spooldir_read(&s.d, "failed.jsonl");

	assert_all("b/2 b/4 c/6");
	assert_slice_equal(hs_buf_slice(&letters), HS_SLICE("{\"user_id\":\"b\"}\n"));
	hs_buf_free(&letters);
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-"), 0);
	assert_no_problems();
	assert_sound(&s.d);
}

TEST(a_call_fails)
{
	fail_each(&(struct job){ prepare_each, run_each, is_each_done, 0 });
	hs_subjects_free(&people);
	put_users("a/1 a/9"); /* a is suppressed */
	assert_all("b/2 b/4 c/6");
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* kills, not power cuts: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("erase", NULL, tell_and_finish);
}
