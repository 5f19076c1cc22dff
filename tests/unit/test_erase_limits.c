/*
 * erase_limits: an erase of damaged lines and files, without room, without a window, beside files that change, and one
 * that is stopped: the lines of the person go, or it says why not, and the next one finishes.
 */
#include "base/io.h"
#include "spool/dedup/tombstones.h"
#include "spool/erase.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hs_subjects people;
static struct hs_erasure done;

static void name_person(const char *id)
{
	struct hs_subject who = {
		.id = (char *)(uintptr_t)id, .n = strlen(id), .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
	};

	hs_subjects_free(&people);
	hs_subjects_init(&people, 1);
	if (id[0] != '\0')
		assert_true(hs_subjects_add(&people, &who, NULL));
}

/* Erases anna, as `how` says. */
static enum hs_result erase_by(const struct hs_eraser *how)
{
	struct hs_eraser eraser = *how;

	name_person(how->from_deletes ? "" : "anna");
	eraser.subjects = &people;
	return hs_erase(s.spool, s.d.settings, &eraser, &done);
}

static enum hs_result erase(void)
{
	return erase_by(&(struct hs_eraser){ .suppress = false });
}

/* A plain sealed segment of these lines, as another program has left it, before the first event of the spool. */
static void make_of(const char *settings, const char *lines)
{
	char text[256];

	snprintf(text, sizeof text, "rotate_min_gap = 0\n%s", settings);
	make(text);
	spooldir_mkdir(&s.d, "");
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_slice_str(lines));
	spooldir_age(&s.d, "events-20261123T101500.123Z-000001.jsonl");
	put("z");
}

static const char *first(void)
{
	return spooldir_name(&s.d, "events-", 0);
}

static bool has(const char *file, const char *text)
{
	struct hs_buf all = spooldir_read(&s.d, file);
	bool found = memmem(all.p, all.n, text, strlen(text)) != NULL;

	hs_buf_free(&all);
	return found;
}

/* --- lines ------------------------------------------------------------------------------------- */

/* Lines of hers that are no records, or have no id or time, go like any other; there is an id to remember, or none. */
TEST(lines_that_are_no_records)
{
	static const char *const lines[] = {
		"{\"type\":\"page\",\"user_id\":\"anna\",\"message_id\":\"m\",\"x\":}\n",
		"{\"type\":\"page\",\"user_id\":\"anna\"}\n",
		"{\"type\":\"page\",\"user_id\":\"anna\",\"message_id\":\"m\"}\n",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		for (int window = 0; window < 2; window++) {
			make_of(window ? "" : "dedup_window = 0\n", lines[i]);
			assert_result(erase(), HS_OK);
			assert_int_equal(done.events, 1);
			assert_false(has(first(), "anna"));
			assert_true(!done.unfinished && done.damaged == 0);
			assert_int_equal(spooldir_size(&s.d, ".hookspool/erased-ids") > 0, window > 0 && i == 2);
		}
}

/* A summary that does not vouch for each line is not asked. */
TEST(a_segment_with_an_odd_line)
{
	make_of("compress = none\n", "{\"user_id\":\"anna\",\"type\":\"page\"}\nnot JSON\n");
	maintain();
	assert_true(spooldir_exists(&s.d, ".hookspool/run/summary/events-1"));
	assert_result(erase(), HS_OK);
	assert_int_equal(done.events, 1);
	assert_true(has(first(), "not JSON"));
}

/* A dry run leaves out the end of the open segment, which is still being written. */
TEST(a_fragment_of_the_open_segment)
{
	make("rotate_min_gap = 0\n");
	put("anna@a");
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"page\",\"user_id\":\"anna\""));
	assert_result(erase_by(&(struct hs_eraser){ .look_only = true }), HS_OK);
	assert_int_equal(done.events, 1);
}

/* --- files --------------------------------------------------------------------------------------- */

/* Originals that repair has kept, a fragment, and dead letters that a person has compressed. */
TEST(files_beside_the_segments)
{
	static const char *const names[] = { ".hookspool/broken-events-20261123T101500.123Z-000001.jsonl",
		                             ".hookspool/torn", "failed-old.jsonl" };
	static const char text[] = "{\"user_id\":\"anna\"}\n{\"user_id\":\"bert\"}\n";
	char command[PATH_MAX + 64];

	make("");
	put("a");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		spooldir_write(&s.d, names[i], HS_SLICE(text));
	spooldir_write(&s.d, ".hookspool/notes", HS_SLICE(text)); /* none of hookspool's */
	snprintf(command, sizeof command, "gzip %s", spooldir_path(&s.d, names[2]));
	assert_int_equal(system(command), 0);
	assert_result(erase(), HS_OK);
	assert_int_equal(done.others, 3);
	assert_false(has(names[0], "anna") || has(names[1], "anna") || has("failed-old.jsonl.gz", "anna"));
	assert_true(has(names[0], "bert") && has(names[1], "bert") && has("failed-old.jsonl.gz", "bert"));
	assert_true(has(".hookspool/notes", "anna"));
}

/* Without room for a copy nothing goes, and the next erase finishes. */
TEST(without_room)
{
	make("rotate_min_gap = 0\n");
	put("anna@a b");
	wrap_space(10);
	assert_result(erase(), HS_E_FULL);
	wrap_space(-1);
	assert_once(&s.d, "a b");
	assert_result(erase_by(&(struct hs_eraser){ .from_deletes = true }), HS_OK);
	assert_int_equal(done.plans, 1);
	assert_all("b");
}

/* No other type of event asks for an erase, however near its name is, nor does a delete event that names nobody. */
TEST(a_type_that_is_nearly_that_of_a_delete)
{
	make_of("", "{\"type\":\"page\",\"user_id\":\"anna\",\"message_id\":\"a\"}\n"
	            "{\"type\":\"deleted\",\"user_id\":\"anna\",\"message_id\":\"b\"}\n"
	            "{\"type\":\"delet\",\"user_id\":\"anna\",\"message_id\":\"c\"}\n"
	            "{\"type\":\"page\",\"event\":\"delete\",\"user_id\":\"anna\",\"message_id\":\"d\"}\n"
	            "{\"type\":\"delete\",\"message_id\":\"e\"}\n");
	assert_result(erase_by(&(struct hs_eraser){ .from_deletes = true }), HS_OK);
	assert_int_equal(done.deletes, 0);
	assert_all("a b c d e z");
}

/* A part of a .gz is damaged: it stays as it is until it is repaired, and so does the plan. */
TEST(a_damaged_segment)
{
	make("rotate_min_gap = 0\n");
	seal("anna@a b c d e f");
	maintain();
	spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 3);
	spooldir_age(&s.d, first());
	put("anna@g");
	assert_result(erase(), HS_OK);
	assert_true(done.damaged == 1 && done.unfinished && done.events == 1);
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-plan-1"), 1);
}

/* A minute passes each time that is asked, while the copy goes on. */
static bool minutes_pass(void *context, uint64_t bytes, uint64_t all)
{
	int64_t *ms = context;

	(void)bytes;
	(void)all;
	spooldir_add(&s.d, first(), HS_SLICE(" "));
	wrap_clock(0, *ms += 61000);
	return true;
}

/* A segment whose copying does not end is left as it is, and the next erase finishes. */
TEST(a_segment_that_is_copied_for_ever)
{
	int64_t ms = 0;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("anna@a b");
	put("anna@c");
	spooldir_add(&s.d, first(), HS_SLICE("{\"type\":\"page\","));
	assert_result(erase_by(&(struct hs_eraser){ .go_on = minutes_pass, .context = &ms }), HS_E_REWRITTEN);
	wrap_reset();
	assert_true(has(first(), "anna") && done.events == 0);
	spooldir_add(&s.d, first(), HS_SLICE("\"user_id\":\"anna\"}\n"));
	assert_result(erase(), HS_OK);
	assert_int_equal(done.plans, 1);
	assert_false(done.unfinished);
	assert_all("b");
}

static char segment[HS_SEALED_NAME];

static void cut_segment(void *context)
{
	if (spooldir_exists(&s.d, segment) && spooldir_size(&s.d, segment) > 300) {
		spooldir_cut(&s.d, segment, 300);
		spooldir_age(&s.d, segment); /* it is not being copied */
	}
	*(bool *)context = true;
}

static void remove_segment(void *context)
{
	if (spooldir_exists(&s.d, segment))
		spooldir_unlink(&s.d, segment);
	*(bool *)context = true;
}

/* Another program cuts the segment, or removes it, before any read: it ends, and anna is gone from what there is. */
TEST(a_segment_that_changes)
{
	for (int removes = 0; removes < 2; removes++) {
		bool changed = true;

		for (unsigned nth = 1; changed; nth++) {
			enum hs_result result;

			make("rotate_min_gap = 0\ncompress = none\n");
			put("b c d e f anna@a g");
			rotate();
			snprintf(segment, sizeof segment, "%s", first());
			changed = false;
			wrap_reset();
			wrap_before(removes ? WRAP_OPENAT : WRAP_PREAD, nth, removes ? remove_segment : cut_segment,
			            &changed);
			result = erase_by(&(struct hs_eraser){ .aliases = true });
			wrap_reset();
			if (result != HS_OK)
				assert_true(result == HS_E_IO || hs_result_is(result, HS_CLASS_BUSY));
			assert_result(erase(), HS_OK);
			for (size_t i = spooldir_names(&s.d, "", "events"); i > 0; i--)
				assert_false(has(spooldir_name(&s.d, "events", i - 1), "anna"));
			assert_in_range(nth, 1, 400);
		}
	}
}

/* --- deletes and links ------------------------------------------------------------------------------- */

#define TAIL ",\"message_id\":\"d\",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n"

/* Delete events that name nobody, and lines that only begin like one, erase nobody, and stay. */
TEST(deletes_of_nobody)
{
	static const char *const lines[] = { "{\"type\":\"delete\",\"user_id\":\"\"" TAIL,
		                             "{\"type\":\"delete\"" TAIL,
		                             "{\"type\":\"delete\",\"user_id\":true" TAIL,
		                             "{\"type\":\"delete\",\"user_id\":\"bert\"\n",
		                             "{\"type\"\n",
		                             "{}\n" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		make_of("", lines[i]);
		assert_result(erase_by(&(struct hs_eraser){ .from_deletes = true }), HS_OK);
		assert_int_equal(people.count, 0);
		assert_int_equal(done.events, 0);
		assert_int_equal(spooldir_size(&s.d, first()), strlen(lines[i]));
	}
	make_of("", "{\"type\":\"delete\",\"user_id\":7" TAIL);
	assert_result(erase_by(&(struct hs_eraser){ .from_deletes = true }), HS_OK);
	assert_int_equal(people.count, 1); /* an id that is a number */
}

#define AT(time) "\"spooled_at\":\"2026-11-23T10:" time ".123Z\"}\n"
#define PAGE(user, id, time) "{\"type\":\"page\",\"user_id\":\"" user "\",\"message_id\":\"" id "\"," AT(time)

/*
 * The clock was set back before a delete came: dead letters up to the last of her events before it go, wherever that
 * is, and those of the events after it stay. Summaries tell which segments may have such an event.
 */
TEST(a_delete_after_the_clock_was_set_back)
{
	static const char *const segments[] = {
		PAGE("anna", "a", "10:00"), PAGE("anna", "b", "20:00"), PAGE("bert", "c", "40:00"),
		"{\"type\":\"delete\",\"user_id\":\"anna\",\"message_id\":\"d\"," AT("15:00"),
		PAGE("anna", "e", "30:00")
	};

	for (int summaries = 0; summaries < 2; summaries++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		spooldir_mkdir(&s.d, "");
		for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
			char name[] = "events-20261123T101500.123Z-000001.jsonl";

			name[strlen("events-20261123T101500.123Z-00000")] = (char)('1' + i);
			spooldir_write(&s.d, name, hs_slice_str(segments[i]));
			spooldir_age(&s.d, name);
		}
		put("z");
		if (summaries)
			maintain();
		assert_int_equal(spooldir_exists(&s.d, ".hookspool/run/summary/events-2"), summaries);
		spooldir_write(&s.d, "failed.jsonl", HS_SLICE(PAGE("anna", "x", "18:00") PAGE("anna", "y", "25:00")));
		assert_result(erase_by(&(struct hs_eraser){ .from_deletes = true }), HS_OK);
		assert_false(has("failed.jsonl", "\"x\""));
		assert_true(has("failed.jsonl", "\"y\""));
		assert_all("c e z");
	}
}

/* A dry run suppresses nobody. */
TEST(a_dry_run_that_would_suppress)
{
	make("");
	put("anna@a");
	assert_result(erase_by(&(struct hs_eraser){ .look_only = true, .suppress = true }), HS_OK);
	assert_int_equal(done.events, 1);
	assert_false(spooldir_exists(&s.d, ".hookspool/suppressed"));
	put("anna@b");
	assert_all("a b");
}

/* More people than one run can have: nothing is begun. */
TEST(too_many_people)
{
	size_t count;
	struct hs_eraser eraser = { .subjects = &people, .aliases = true };

	make("");
	put("anna@a");
	name_person("anna");
	count = people.count;
	people.count = HS_ERASE_SUBJECTS_MAX + 1; /* none of them is looked at */
	assert_result(hs_erase(s.spool, s.d.settings, &eraser, &done), HS_OK);
	people.count = count;
	assert_true(done.too_many && !done.unfinished);
	assert_all("a");
}

/* --- stopped -------------------------------------------------------------------------------------------- */

static bool count_down(void *context, uint64_t bytes, uint64_t all)
{
	unsigned *left = context;

	(void)bytes;
	(void)all;
	return *left > 0 && (*left)--;
}

/* Lines of anna, the first of them with a device of hers, among more of bert. */
static struct hs_buf large_text(void)
{
	struct hs_buf text = { 0 };

	for (int i = 0; i < 17000; i++)
		hs_buf_printf(&text, "{\"type\":\"%s\"}\n",
		              i % 1000 == 0 ? "identify\",\"user_id\":\"anna\",\"anonymous_id\":\"d"
		                            : "page\",\"user_id\":\"bert");
	hs_buf_putc(&text, '\0');
	return text;
}

/* In the middle of a large segment, while plans of earlier runs are finished, or while people are looked for. */
TEST(stopped_in_a_large_segment)
{
	bool stopped = true;
	struct hs_buf text = large_text();

	for (unsigned turns = 0; stopped; turns++) {
		unsigned left = turns;
		struct hs_eraser how = { .aliases = true, .context = &left, .go_on = count_down };

		make_of("compress = none\n", text.p);
		wrap_space(10);
		assert_result(erase(), HS_E_FULL); /* leaves a plan */
		assert_result(erase(), HS_E_FULL);
		wrap_space(-1);
		assert_result(erase_by(&how), HS_OK);
		stopped = done.stopped;
		assert_true(!done.unfinished || stopped);
		assert_result(erase(), HS_OK);
		assert_false(has(first(), "anna"));
		assert_false(done.unfinished);
		assert_in_range(turns, 0, 60);
	}
	hs_buf_free(&text);
}

struct stopping {
	unsigned left, told;
};

static bool count_to_stop(void *context, uint64_t bytes, uint64_t all)
{
	return count_down(&((struct stopping *)context)->left, bytes, all);
}

static void count_link(void *context, const struct hs_link *link)
{
	(void)link;
	((struct stopping *)context)->told++;
}

/* No link is told before all lines were looked at, which is twice: any of them may be of another person. */
TEST(stopped_while_links_are_looked_for)
{
	struct hs_buf text = large_text();
	struct stopping stopping = { 0, 0 };
	unsigned turns;

	make_of("compress = none\n", text.p);
	hs_buf_free(&text);
	for (turns = 0; stopping.told == 0; turns++) {
		stopping.left = turns;
		assert_result(erase_by(&(struct hs_eraser){ .look_only = true,
		                                            .aliases = true,
		                                            .tell_link = count_link,
		                                            .context = &stopping,
		                                            .go_on = count_to_stop }),
		              HS_OK);
		assert_true(done.stopped || stopping.told > 0);
		assert_in_range(turns, 0, 60);
	}
	assert_int_equal(stopping.told, 1);
	assert_in_range(turns, 5, 60); /* it is asked twice each time */
}

/* Stopped in the first of two plans, an erase does not begin the second. */
TEST(stopped_before_the_second_plan)
{
	unsigned left = 0;
	struct hs_eraser how = { .context = &left, .go_on = count_down };
	struct hs_buf plan;

	make_of("compress = none\n", "{\"type\":\"page\",\"user_id\":\"anna\",\"message_id\":\"a\""
	                             ",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n");
	wrap_space(10);
	assert_result(erase(), HS_E_FULL);
	wrap_space(-1);
	plan = spooldir_read(&s.d, ".hookspool/erase-plan-1");
	spooldir_write(&s.d, ".hookspool/erase-plan-2", hs_buf_slice(&plan));
	hs_buf_free(&plan);
	assert_result(erase_by(&how), HS_OK);
	assert_true(done.stopped && done.unfinished && done.plans == 1);
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-plan"), 2);
	assert_result(erase(), HS_OK);
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-plan"), 0);
	assert_all("z");
}

/* --- whatever fails --------------------------------------------------------------------------------------- */

/* Erases the person that was named, without any memory of the test's own. */
static enum hs_result erase_named(const struct hs_eraser *how)
{
	struct hs_eraser eraser = *how;

	eraser.subjects = &people;
	return hs_erase(s.spool, s.d.settings, &eraser, &done);
}

static void prepare_one(void)
{
	make_of("compress = none\n", PAGE("anna", "a", "15:00") PAGE("bert", "b", "15:00"));
	name_person("anna");
}

static enum hs_result run_one(void)
{
	enum hs_result result = erase_named(&(struct hs_eraser){ .suppress = false });

	return result == HS_OK && (done.busy || done.unfinished) ? HS_E_LOCKED : result;
}

static void is_one_gone(void)
{
	assert_all("b z");
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-plan"), 0);
}

/* Among them the copy, before it takes the place of the segment, and the summary of what was there. */
TEST(files_that_cannot_be_looked_at_or_removed)
{
	fail_each_of(FAIL_CALL(WRAP_FSTAT) | FAIL_CALL(WRAP_UNLINKAT),
	             &(struct job){ prepare_one, run_one, is_one_gone, 200 });
}

static uint64_t counted;

static void prepare_look(void)
{
	make("rotate_min_gap = 0\n");
	seal("anna@a b");
	maintain();
	put("anna@c");
	spooldir_write(&s.d, "rejected.jsonl", HS_SLICE("{\"user_id\":\"anna\"}\n"));
	name_person("anna");
}

static enum hs_result run_look(void)
{
	enum hs_result result = erase_named(&(struct hs_eraser){ .look_only = true, .aliases = true });

	counted = done.events;
	return result == HS_OK && (done.busy || done.damaged > 0) ? HS_E_LOCKED : result;
}

static void are_counted(void)
{
	assert_int_equal(counted, 2);
}

/* A dry run that could not see everything says so. */
TEST(a_dry_run)
{
	fail_each(&(struct job){ prepare_look, run_look, are_counted, 0 });
}

/* Links of hers to a device, and of the device to others. */
static void prepare_links(void)
{
	struct hs_buf text = { 0 };

	for (int i = 0; i < 70; i++) /* more than there is room for at first */
		hs_buf_printf(
		    &text,
		    "{\"type\":\"identify\",\"user_id\":\"anna\",\"anonymous_id\":\"d%d\",\"message_id\":\"i%d\","
		    "\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n"
		    "{\"type\":\"page\",\"anonymous_id\":\"d%d\",\"message_id\":\"p%d\","
		    "\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n",
		    i, i, i, i);
	hs_buf_printf(&text, "{\"type\":\"page\",\"user_id\":\"bert\",\"anonymous_id\":\"d0\",\"message_id\":\"b\"");
	for (int i = 0; i < 1000; i++) /* more than there is room for after the links were found */
		hs_buf_printf(&text, ",\"properties_%d\":1", i);
	hs_buf_printf(&text, "," AT("15:00"));
	hs_buf_putc(&text, '\0');
	make_of("", text.p);
	hs_buf_free(&text);
	name_person("anna");
}

static enum hs_result run_links(void)
{
	enum hs_result result = erase_named(&(struct hs_eraser){ .aliases = true });

	return result == HS_OK && (done.busy || done.unfinished) ? HS_E_LOCKED : result;
}

static void are_links_gone(void)
{
	assert_all("p0 b z"); /* bert has that device, too */
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "erase-plan"), 0);
}

TEST(links_without_memory)
{
	fail_each_of(FAIL_CALL(WRAP_REALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_MALLOC),
	             &(struct job){ prepare_links, run_links, are_links_gone, 100 });
}

static struct events *appended;

static void prepare_suppressed(void)
{
	make("");
	put("anna@a b");
	assert_result(erase_by(&(struct hs_eraser){ .suppress = true }), HS_OK);
	restart();
}

static enum hs_result run_suppressed(void)
{
	uint64_t duplicate;
	struct hs_append append = events_batch(appended, &duplicate);

	return hs_spool_append(s.spool, &append);
}

static void is_suppressed(void)
{
	assert_all("b c");
}

/* Without the memory to tell who they are about, events are refused rather than kept. */
TEST(events_of_suppressed_people_without_memory)
{
	appended = events_new("anna@d c");
	fail_each_of(FAIL_CALL(WRAP_REALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_SHA256),
	             &(struct job){ prepare_suppressed, run_suppressed, is_suppressed, 100 });
	events_free(appended);
}

static void prepare_delete(void)
{
	make_of("compress = none\n", "{\"type\":\"page\",\"user_id\":\"anna\",\"message_id\":\"a\",\"spooled_at\":"
	                             "\"2026-11-23T10:15:00.123Z\"}\n"
	                             "{\"type\":\"delete\",\"user_id\":\"anna\"" TAIL);
	save_cursor("mine", position_after(3));
	save_cursor("yours", position_after(2));
}

static enum hs_result run_delete(void)
{
	enum hs_result result = erase_by(&(struct hs_eraser){ .from_deletes = true });

	/* it waits for a cursor that cannot be read */
	return result == HS_OK && (done.busy || done.unfinished || done.waiting > 0) ? HS_E_LOCKED : result;
}

static void is_deleted(void)
{
	assert_all("z");
}

TEST(a_delete)
{
	fail_each_of(FAIL_CALL(WRAP_REALLOC) | FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_FDOPENDIR) |
	                 FAIL_CALL(WRAP_FSTATAT) | FAIL_CALL(WRAP_FSTAT),
	             &(struct job){ prepare_delete, run_delete, is_deleted, 40 });
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	hs_subjects_free(&people);
	return finish(state);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* failures, not power cuts: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("erase_limits", NULL, tell_and_finish);
}
