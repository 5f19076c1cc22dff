/*
 * history: a spool has one id, the same for all processes; its loss is reported; and a saved
 * position of another history is told from one of this.
 */
#include "base/io.h"
#include "spool/shared/history.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/temp_spool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct hs_history history(void)
{
	struct hs_opened_spool o;
	struct hs_history h;

	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	h = o.dir.history;
	hs_spool_dir_close(&o);
	return h;
}

/* --- its file --------------------------------------------------------------- */

TEST(a_history_is_made_once)
{
	struct hs_history first, again;

	make("");
	put("a");
	first = history();
	assert_int_equal(strlen(first.id), HS_HISTORY_ID);
	assert_true(first.epoch == 1 && first.settled);
	again = history();
	assert_string_equal(first.id, again.id);
	make("");
	assert_string_not_equal(first.id, history().id);
}

static int open_and_keep(void *context)
{
	struct hs_opened_spool o;
	FILE *file;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/id%d", s.d.above, *(int *)context);
	if (hs_spool_dir_open(&o, s.d.settings, true) != HS_OK)
		return 1;
	file = fopen(path, "w");
	fputs(o.dir.history.id, file);
	fclose(file);
	hs_spool_dir_close(&o);
	return 0;
}

TEST(processes_that_start_at_once_agree)
{
	enum { CHILDREN = 6 };

	make("");
	children_run(CHILDREN, open_and_keep);
	for (int i = 0; i < CHILDREN; i++) {
		char path[PATH_MAX + 32], id[HS_HISTORY_ID + 1] = "";
		FILE *file;

		snprintf(path, sizeof path, "%s/id%d", s.d.above, i);
		file = fopen(path, "r");
		assert_int_equal(fread(id, 1, HS_HISTORY_ID, file), HS_HISTORY_ID);
		fclose(file);
		assert_string_equal(id, history().id);
	}
	assert_true(history().settled);
}

TEST(the_state_restores_a_lost_file)
{
	struct hs_history first;

	make("");
	put("a");
	first = history();
	spooldir_unlink(&s.d, ".hookspool/" HS_HISTORY_FILE);
	assert_string_equal(history().id, first.id);
	assert_true(history().settled);
}

/* Service goes on; the loss is known until it is settled. */
TEST(a_complete_loss_is_reported)
{
	static const char *const damage[] = { NULL, "", "{\"id\":\"12\"}\n" };

	for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		struct hs_history first, second;

		make("");
		put("a");
		first = history();
		close_reader();
		restart();
		spooldir_unlink(&s.d, ".hookspool/run/state");
		if (damage[i] == NULL)
			spooldir_rename(&s.d, ".hookspool", "lost");
		else
			spooldir_write(&s.d, ".hookspool/" HS_HISTORY_FILE, hs_slice_str(damage[i]));
		put("b");
		second = history();
		assert_string_not_equal(first.id, second.id);
		assert_false(second.settled);
		assert_once(&s.d, "a b");
	}
}

#define ID "0123456789abcdef0123456789abcdef"
#define BEGUN ",\"begun_at\":\"2026-11-23T10:15:00.123Z\""

TEST(what_is_no_history)
{
	static const struct {
		const char *text;
		enum hs_result result;
	} cases[] = {
		{ "{\"id\":\"" ID "\",\"epoch\":7,\"settled\":false" BEGUN "}\n", HS_OK },
		{ "{\"id\":\"" ID "\",\"epoch\":7,\"settled\":maybe" BEGUN "}\n", HS_E_CURSOR },
		{ "{\"id\":\"" ID "\",\"epoch\":0,\"settled\":true" BEGUN "}\n", HS_E_CURSOR },
		{ "{\"id\":\"0123\",\"epoch\":7,\"settled\":true" BEGUN "}\n", HS_E_CURSOR },
		{ "{\"id\":\"" ID "\",\"epoch\":7,\"settled\":true" BEGUN "}\nx", HS_E_CURSOR },
		{ "{\"id\":\"" ID "\",\"epoch\":7,\"settled\":true" BEGUN, HS_E_CURSOR },
		{ "{\"id\":\"" ID "\",\"epoch\":7}\n", HS_E_CURSOR },
	};
	struct hs_history h;
	int dir;

	make("");
	dir = spooldir_open(&s.d);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		spooldir_write(&s.d, HS_HISTORY_FILE, hs_slice_str(cases[i].text));
		assert_result(hs_history_read(dir, HS_HISTORY_FILE, &h), cases[i].result);
		if (cases[i].result == HS_OK)
			assert_true(strcmp(h.id, ID) == 0 && h.epoch == 7 && !h.settled);
	}
	close(dir);
}

/* A single sealed segment is enough to show that there was a history. */
TEST(a_loss_in_a_spool_without_an_open_segment)
{
	static const char *const names[] = { "events-20261123T101500.123Z-000001.jsonl",
		                             "rejected-20261123T101500.123Z-000001.jsonl" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		make("");
		spooldir_mkdir(&s.d, "");
		spooldir_write(&s.d, names[i], HS_SLICE("{}\n"));
		assert_false(history().settled);
	}
}

/* A damaged file shows it, too, even if no event is left. */
TEST(a_damaged_history_without_events)
{
	make("");
	spooldir_mkdir(&s.d, "");
	spooldir_mkdir(&s.d, ".hookspool");
	spooldir_write(&s.d, ".hookspool/" HS_HISTORY_FILE, HS_SLICE("?"));
	assert_false(history().settled);
}

static void set_epoch(uint64_t epoch)
{
	struct hs_shared_state *state = spooldir_state(&s.d);

	state->spool_epoch = epoch;
	spooldir_state_done(state);
}

static uint64_t epoch_of_state(void)
{
	struct hs_shared_state *state = spooldir_state(&s.d);
	uint64_t epoch = state->spool_epoch;

	spooldir_state_done(state);
	return epoch;
}

/* Readers of another user have it from the state alone. */
TEST(the_file_corrects_the_state)
{
	struct hs_history first;

	make("");
	put("a");
	first = history();
	set_epoch(9);
	assert_int_equal(history().epoch, first.epoch);
	assert_int_equal(epoch_of_state(), first.epoch);
	set_epoch(0); /* a damaged state restores nothing */
	spooldir_unlink(&s.d, ".hookspool/" HS_HISTORY_FILE);
	assert_string_not_equal(history().id, first.id);
}

static void remove_history(void *unused)
{
	(void)unused;
	assert_int_equal(unlink(spooldir_path(&s.d, ".hookspool/" HS_HISTORY_FILE)), 0);
}

TEST(another_process_removes_a_damaged_history)
{
	make("");
	put("a");
	stop();
	spooldir_write(&s.d, ".hookspool/" HS_HISTORY_FILE, HS_SLICE("?"));
	wrap_reset();
	wrap_before(WRAP_UNLINKAT, 1, remove_history, NULL);
	assert_int_equal(strlen(history().id), HS_HISTORY_ID);
	assert_int_equal(wrap_count(WRAP_UNLINKAT) > 0, true);
}

/* A damaged one goes, or service waits. */
TEST(a_damaged_history_that_cannot_be_removed)
{
	unsigned refused = 0;

	for (unsigned nth = 1; nth <= 4; nth++) {
		make("");
		put("a");
		restart();
		spooldir_unlink(&s.d, ".hookspool/run/state");
		spooldir_write(&s.d, ".hookspool/" HS_HISTORY_FILE, HS_SLICE("{\"id\":\"12\"}\n"));
		wrap_reset();
		wrap_fail(WRAP_UNLINKAT, nth, 1, EIO);
		refused += append("b") != HS_OK;
		wrap_reset();
		if (spooldir_count(&s.d, "b") == 0)
			put("b");
		assert_false(history().settled);
		assert_once(&s.d, "a b");
	}
	assert_true(refused > 0);
}

static int put_a(void *context)
{
	struct hs_spool *spool = hs_spool_new(s.d.settings);

	(void)context;
	return events_append(spool, "a", NULL) == HS_OK ? 0 : 1;
}

/* Whatever is interrupted, a spool with events has a settled id. */
TEST(a_kill_leaves_no_events_without_a_history)
{
	int status = -1;

	for (unsigned nth = 1; status != 0; nth++) {
		make("");
		status = child_killed(nth, true, put_a, NULL);
		put("b");
		assert_true(history().settled);
	}
}

/* --- positions --------------------------------------------------------------- */

static enum hs_fit fit(struct hs_position p)
{
	enum hs_fit fit;

	open_reader();
	assert_int_equal(hs_reader_remember(s.reader), HS_OK);
	assert_int_equal(hs_reader_fit(s.reader, p, &fit), HS_OK);
	return fit;
}

/* At every line, whatever the form of its segment, and at the start of a segment. */
TEST(a_position_of_this_history_fits)
{
	struct hs_position p[8], start;

	make("rotate_min_gap = 0\ncompress = gzip\n");
	seal("a b");
	seal("c");
	maintain();
	seal("d e");
	put("f g");
	for (unsigned i = 0; i < 8; i++)
		p[i] = position_after(i);
	assert_true(spooldir_names(&s.d, "", "events-") == 3);
	for (int again = 0; again < 2; again++) {
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(fit(p[i]), HS_FIT);
			start = (struct hs_position){ p[i].number + 1, 0, 0, p[i].before };
			if (i == 2 || i == 3 || i == 5) /* the last of its segment */
				assert_int_equal(fit(start), HS_FIT);
		}
		rotate();
		maintain();
	}
}

/* The hash is made when it is asked for, of the last line, whatever became of its segment since. */
TEST(a_hash_that_is_asked_for_late_is_that_of_the_last_line)
{
	struct hs_position expected[4], late;
	struct hs_slice line;

	make("rotate_min_gap = 0\n");
	seal("a b");
	put("c");
	for (unsigned i = 1; i < 4; i++)
		expected[i] = position_after(i);
	for (unsigned n = 1; n < 4; n++) {
		open_reader();
		assert_int_equal(hs_reader_remember(s.reader), HS_OK);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_LINE);
		late = hs_reader_place(s.reader);
		assert_true(late.offset == expected[n].offset && late.before == 0);
		if (n == 3) /* the line is overwritten, or its segment is left */
			assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_END);
		late = hs_reader_position(s.reader);
		assert_true(late.number == expected[n].number && late.before == expected[n].before);
		assert_int_equal(fit(late), HS_FIT);
	}
}

/* A number used again: an older copy came back, and went on. */
static void an_older_copy_does_not_fit(void)
{
	struct hs_position p;
	struct hs_buf text;

	make("rotate_min_gap = 0\n");
	put("a");
	text = spooldir_read(&s.d, "events.jsonl");
	put("b c");
	p = position_after(3);
	close_reader();
	restart();
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&text));
	spooldir_unlink(&s.d, ".hookspool/run/state");
	put("x y z");
	assert_int_equal(fit(p), HS_FIT_NOT);
	hs_buf_free(&text);
}

TEST(a_position_after_another_line_does_not_fit)
{
	struct hs_position sealed, open, start, beyond;

	for (int gzip = 0; gzip < 2; gzip++) {
		make("rotate_min_gap = 0\ncompress = gzip\n");
		put("a b c");
		sealed = position_after(2);
		start = (struct hs_position){ 2, 0, 0, position_after(3).before };
		rotate();
		put("d e");
		open = position_after(5);
		sealed.before++;
		start.before++;
		assert_int_equal(fit(sealed), HS_FIT_NOT);
		assert_int_equal(fit(start), HS_FIT_NOT);
		open.before++;
		assert_int_equal(fit(open), HS_FIT_NOT);
		if (gzip)
			maintain();
		assert_int_equal(fit(sealed), HS_FIT_NOT);
		assert_int_equal(fit(start), HS_FIT_NOT);
		sealed.before--;
		sealed.offset--; /* in the middle of a line */
		assert_int_equal(fit(sealed), HS_FIT_NOT);
		beyond = open;
		beyond.offset += 1000;
		assert_int_equal(fit(beyond), HS_FIT_NOT);
		beyond = (struct hs_position){ 9, 0, 0, open.before };
		assert_int_equal(fit(beyond), HS_FIT_NOT);
		beyond = (struct hs_position){ 9, 44, 0, open.before };
		assert_int_equal(fit(beyond), HS_FIT_NOT);
	}
	an_older_copy_does_not_fit();
}

/* Lines that are gone, or were not noted, do not prove another history. */
TEST(an_unprovable_position_is_unknown)
{
	struct hs_position p, start;

	make("rotate_min_gap = 0\n");
	put("a b");
	p = position_after(2);
	start = (struct hs_position){ 2, 0, 0, p.before };
	rotate();
	put("c");
	assert_int_equal(fit((struct hs_position){ 1, p.offset, 0, 0 }), HS_FIT_UNKNOWN);
	assert_int_equal(fit((struct hs_position){ 2, 0, 0, 0 }), HS_FIT_UNKNOWN);
	assert_int_equal(fit((struct hs_position){ 0, 0, 0, 0 }), HS_FIT);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0)); /* retention */
	assert_int_equal(fit(start), HS_FIT_UNKNOWN);
	assert_int_equal(fit(p), HS_FIT_UNKNOWN);
	make("durability = none\n"); /* a power cut may take lines back */
	put("a");
	p = position_after(1);
	p.offset += 1000;
	assert_int_equal(fit(p), HS_FIT_UNKNOWN);
}

/* A line so long that the first read does not reach its start. */
TEST(a_long_line)
{
	struct hs_position p;
	struct hs_buf text = { 0 };

	make("");
	put("a");
	close_reader();
	restart();
	hs_buf_put_slice(&text, HS_SLICE("{\"message_id\":\"long\",\"x\":\""));
	for (int i = 0; i < 300000; i++)
		hs_buf_putc(&text, 'x');
	hs_buf_put_slice(&text, HS_SLICE("\"}\n"));
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&text));
	put("b");
	p = position_after(2);
	assert_int_equal(fit(p), HS_FIT);
	p.before++;
	assert_int_equal(fit(p), HS_FIT_NOT);
	assert_int_equal(fit(position_after(3)), HS_FIT);
	hs_buf_free(&text);
}

TESTS("history", NULL, finish)
