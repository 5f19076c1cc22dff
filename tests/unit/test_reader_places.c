/*
 * reader_places: where reading begins, by a time or a saved position, and what a reader says of a spool that is moved,
 * or of a segment that goes, at any step.
 */
#include "base/io.h"
#include "tests/lib/temp_spool.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* While this is set no pause lasts; it is called before each, with its number from 1. */
static void (*at_pause)(unsigned nth);
static unsigned pauses;

int nanosleep(const struct timespec *time, struct timespec *left)
{
	static int (*real)(const struct timespec *, struct timespec *);

	if (at_pause != NULL) {
		at_pause(++pauses);
		return 0;
	}
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "nanosleep");
	return real(time, left);
}

static void hurry(unsigned nth)
{
	(void)nth;
}

static void hurry_with(void (*work)(unsigned nth))
{
	pauses = 0;
	at_pause = work;
}

FIXTURE(calm_down)
{
	at_pause = NULL;
	return finish(state);
}

/* --- a time ----------------------------------------------------------------------------------- */

/* Lines that do not tell when they were spooled are read rather than left out. */
TEST(lines_without_a_time_are_read)
{
	static const char *const lines[] = { "", ",\"spooled_at\":\"2026\"",
		                             ",\"spooled_at\":\"in November of some year\"" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct hs_buf text = { 0 };

		make("rotate_min_gap = 0\ncompress = none\n");
		assert_result(hs_spool_health(s.spool, NULL), HS_OK);
		hs_buf_printf(&text,
		              "{\"message_id\":\"old\",\"spooled_at\":\"2026-11-20T00:00:00.000Z\"}\n"
		              "{\"message_id\":\"x\"%s}\n"
		              "{\"message_id\":\"y\",\"spooled_at\":\"2026-11-20T00:00:00.000Z\"}\n",
		              lines[i]);
		spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_buf_slice(&text));
		hs_buf_free(&text);
		open_reader();
		assert_result(hs_reader_since(s.reader, 1795219200000), HS_OK); /* 2026-11-21 */
		assert_read("x y");
	}
}

/* A gap is passed on the way to the time. */
TEST(a_time_after_a_gap)
{
	int64_t ms;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a");
	seal("b");
	open_reader();
	read_some(1);
	hs_io_pause(2); /* times of events have milliseconds */
	ms = hs_io_now();
	seal("c");
	put("d");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
	assert_result(hs_reader_since(s.reader, ms), HS_OK);
	assert_read("c d");
}

/* --- a saved position ------------------------------------------------------------------------------ */

static enum hs_fit fit_of(struct hs_position p)
{
	enum hs_fit fit;

	open_reader();
	assert_result(hs_reader_fit(s.reader, p, &fit), HS_OK);
	return fit;
}

TEST(positions_that_fit_and_those_that_do_not)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		struct hs_position inside, second, p;

		make(gzip ? "rotate_min_gap = 0\n" : "rotate_min_gap = 0\ncompress = none\n");
		seal("a b");
		seal("c");
		put("d");
		maintain();
		inside = position_after(1);
		second = (struct hs_position){ .number = 2, .before = position_after(2).before };
		assert_int_equal(fit_of((struct hs_position){ 0 }), HS_FIT);
		assert_int_equal(fit_of(inside), HS_FIT);
		assert_int_equal(fit_of(second), HS_FIT);
		p = inside;
		p.before ^= 1;
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = second;
		p.before ^= 1;
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = inside;
		p.offset += 100000; /* beyond the end of the segment */
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = inside;
		p.offset += 5; /* in the middle of a line */
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = inside;
		p.before = 0; /* a cursor of an early build */
		assert_int_equal(fit_of(p), HS_FIT_UNKNOWN);
		p = second;
		p.before = 0;
		assert_int_equal(fit_of(p), HS_FIT_UNKNOWN);
		assert_int_equal(fit_of((struct hs_position){ .number = 9 }), HS_FIT_NOT);
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		assert_int_equal(fit_of(second), HS_FIT_UNKNOWN); /* the line before it is gone */
	}
}

TEST(a_position_is_renewed_after_an_erase)
{
	struct hs_position old, renewed;

	make("rotate_min_gap = 0\n");
	put("a anna@b c");
	old = renewed = position_after(2);
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
	open_reader();
	assert_result(hs_reader_renew(s.reader, &renewed), HS_OK);
	assert_true(renewed.number == old.number && renewed.offset < old.offset && renewed.edit > old.edit);
	hs_reader_start(s.reader, renewed);
	assert_read("c");
	put("anna@d");
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1); /* the journal was not left locked */
}

/* Nothing is before the start of a segment that follows an empty one. */
TEST(a_position_after_an_empty_segment)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	spooldir_mkdir(&s.d, "");
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", HS_SLICE(""));
	put("a");
	assert_int_equal(fit_of((struct hs_position){ .number = 2, .before = 7 }), HS_FIT_UNKNOWN);
}

static char segment[HS_SEALED_NAME];
static bool removed;

static void remove_segment(void *context)
{
	removed = spooldir_exists(&s.d, segment);
	if (!removed)
		return;
	spooldir_unlink(&s.d, segment);
	if (context != NULL)
		wrap_fail(WRAP_FDOPENDIR, 1, 1, EIO);
}

/* The segment with the line before the position goes, or cannot be looked at: nothing wrong is said of the position. */
TEST(a_position_whose_segment_cannot_be_read)
{
	for (int i = 0; i < 2; i++) {
		struct hs_position place[2] = { { 0 } };

		for (unsigned nth = 1; nth < 30; nth++) { /* it looks for news now and then, which adds calls */
			make("rotate_min_gap = 0\ncompress = none\n");
			seal("a b");
			put("c");
			place[0] = position_after(1);
			place[1] = (struct hs_position){ .number = 2, .before = position_after(2).before };
			snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 0));
			open_reader();
			wrap_reset();
			if (i == 0)
				wrap_before(WRAP_OPENAT, nth, remove_segment, NULL);
			else
				wrap_fail(WRAP_FSTAT, nth, 1, EIO);
			for (int k = 0; k < 2; k++) {
				enum hs_fit fit;
				enum hs_result result = hs_reader_fit(s.reader, place[k], &fit);

				assert_true(result == HS_OK || (i == 1 && result == HS_E_IO));
				if (result == HS_OK)
					assert_true(fit == HS_FIT || (i == 0 && fit == HS_FIT_UNKNOWN));
			}
			wrap_reset();
		}
	}
}

/* After a restart of the machine, on a full disk, the open segment cannot be prepared. */
TEST(a_position_on_a_full_disk)
{
	struct hs_position second;
	enum hs_fit fit;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a");
	put("b");
	second = (struct hs_position){ .number = 2, .before = position_after(1).before };
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_reader();
	wrap_inodes(0);
	assert_result(hs_reader_fit(s.reader, second, &fit), HS_OK);
	assert_int_equal(fit, HS_FIT_UNKNOWN);
	wrap_reset();
	assert_result(hs_reader_fit(s.reader, second, &fit), HS_OK);
	assert_int_equal(fit, HS_FIT);
	assert_read("b");
}

/* A position at the start of a segment remembers the last line of the one before, if that is there. */
TEST(the_line_before_a_segment_is_remembered)
{
	for (int gone = 0; gone < 2; gone++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		seal("a");
		seal("b");
		if (gone)
			spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		open_reader();
		hs_reader_start(s.reader, (struct hs_position){ .number = 2 });
		assert_result(hs_reader_remember(s.reader), HS_OK);
		assert_int_equal(hs_reader_position(s.reader).before != 0, !gone);
		assert_read("b");
	}
}

/* --- a spool that is moved --------------------------------------------------------------------------- */

/* Whatever fails first: the folder that is read is no longer the spool. */
TEST(a_spool_that_is_moved_while_it_is_followed)
{
	for (int fails = 0; fails < 3; fails++) {
		char away[PATH_MAX + 8];
		struct hs_slice line;

		make("");
		put("a b");
		open_reader();
		assert_true(hs_reader_watch(s.reader) >= 0);
		if (fails == 0)
			assert_read("a b");
		snprintf(away, sizeof away, "%s.away", s.d.path);
		assert_int_equal(rename(s.d.path, away), 0);
		if (fails > 0)
			wrap_fail(WRAP_PREAD, 1, 1, EIO);
		if (fails == 2) /* another one is there */
			assert_int_equal(mkdir(s.d.path, 0700), 0);
		assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_FAILED);
		wrap_reset();
		assert_result(hs_reader_result(s.reader), HS_E_SPOOL_DIR);
		if (fails == 2)
			assert_int_equal(rmdir(s.d.path), 0);
		assert_int_equal(rename(away, s.d.path), 0);
	}
}

/* Changes on the servers of a network's file system are not reported: it looks again and again. */
TEST(a_spool_on_a_network)
{
	make("");
	put("a");
	open_reader();
	assert_read("a");
	wrap_file_system(0x6969); /* NFS_SUPER_MAGIC */
	assert_int_equal(hs_reader_watch(s.reader), -1);
	for (int i = 0; i < 5; i++)
		assert_read("");
	assert_in_range(hs_reader_patience(s.reader), 1, 10000);
	wrap_clock(-3600000, 0); /* the last change is not that of a moment ago */
	assert_read("");
	assert_in_range(hs_reader_patience(s.reader), 1, 1000);
	put("b");
	assert_read("b");
	wrap_reset();
}

static void mount(void *done)
{
	*(bool *)done = true;
	wrap_device(1);
}

/* Another file system is mounted in its place, whose folder has the same inode; the folder that is held stays. */
TEST(another_file_system_in_its_place)
{
	unsigned moved = 0;
	bool done = true;

	for (unsigned nth = 1; done; nth++) {
		struct hs_slice line;

		make("");
		put("a");
		open_reader();
		assert_true(hs_reader_watch(s.reader) >= 0);
		assert_read("a");
		hurry_with(hurry);
		wrap_reset();
		done = false;
		wrap_before(WRAP_FSTATAT, nth, mount, &done);
		if (hs_reader_next(s.reader, &line) == HS_READ_FAILED)
			moved += hs_reader_result(s.reader) == HS_E_SPOOL_DIR;
		at_pause = NULL;
		wrap_reset();
	}
	assert_true(moved > 0);
}

/* A folder that cannot be looked at is not one that was moved. */
TEST(a_folder_that_cannot_be_looked_at)
{
	bool ended = false;

	make("");
	put("a");
	open_reader();
	assert_true(hs_reader_watch(s.reader) >= 0);
	assert_read("a");
	for (unsigned nth = 1; !ended; nth++) {
		struct hs_slice line;

		hurry_with(hurry);
		wrap_reset();
		wrap_fail(WRAP_FSTAT, nth, 1, EIO);
		if (hs_reader_next(s.reader, &line) == HS_READ_FAILED)
			assert_true(hs_reader_result(s.reader) != HS_E_SPOOL_DIR);
		ended = wrap_count(WRAP_FSTAT) < nth;
		at_pause = NULL;
		wrap_reset();
	}
	put("b");
	assert_read("b");
}

/* --- a state that is lost ------------------------------------------------------------------------------ */

static void lose_state(void)
{
	make("");
	put("a b");
	open_reader();
	read_some(1);
	stop(); /* else its state would be waited for */
	spooldir_unlink(&s.d, ".hookspool/run/state");
}

/* Reads on while a call fails, then without a fault: each line comes, and none twice. */
static bool read_without_state(enum wrap_call call, unsigned nth)
{
	char got[sizeof s.got];
	bool ended;

	lose_state();
	hurry_with(hurry);
	wrap_reset();
	wrap_fail(call, nth, 1, EIO);
	read_some(UINT_MAX);
	snprintf(got, sizeof got, "%.63s", s.got);
	ended = wrap_count(call) < nth;
	wrap_reset();
	if (got[0] == '\0') {
		assert_read("b");
	} else {
		assert_string_equal(got, "b");
		assert_read("");
	}
	at_pause = NULL;
	close_reader(); /* it may know nothing of the machine's start, and others wait for its end then */
	restart();
	put("c");
	assert_all("a b c");
	return ended;
}

TEST(a_state_that_cannot_be_made_anew_at_once)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_FSTATAT };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++)
			ended = read_without_state(calls[i], nth);
	}
}

static char moved_to[PATH_MAX + 8];

static void move_away(void *done)
{
	*(bool *)done = true;
	snprintf(moved_to, sizeof moved_to, "%s.away", s.d.path);
	assert_int_equal(rename(s.d.path, moved_to), 0);
}

/* The spool is moved while its state is made anew: not the state is what is wrong. */
TEST(a_spool_that_is_moved_while_its_state_is_lost)
{
	unsigned moved = 0;
	bool done = true;

	for (unsigned nth = 1; done; nth++) {
		struct hs_slice line;

		lose_state();
		read_some(1); /* then it looks at the open segment */
		hurry_with(hurry);
		wrap_reset();
		done = false;
		wrap_before(WRAP_OPENAT, nth, move_away, &done);
		wrap_fail(WRAP_OPENAT, nth, 1, EIO);
		if (hs_reader_next(s.reader, &line) == HS_READ_FAILED)
			moved += hs_reader_result(s.reader) == HS_E_SPOOL_DIR;
		at_pause = NULL;
		wrap_reset();
		close_reader();
		if (done)
			assert_int_equal(rename(moved_to, s.d.path), 0);
	}
	assert_true(moved > 0);
}

static void make_state_late(unsigned nth)
{
	static const char *const folders[] = { "", ".hookspool", ".hookspool/run" };

	if (nth != 70)
		return;
	at_pause = NULL;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		assert_int_equal(chown(spooldir_path(&s.d, folders[i]), 0, (gid_t)-1), 0);
	restart();
	put("c");
}

/* A reader that may not write waits for another process to make the state, and goes on then. */
TEST(a_state_that_others_make_anew)
{
	static const char *const folders[] = { "", ".hookspool", ".hookspool/run" };

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	make("");
	put("a b");
	open_reader(); /* the owner's, without which there is no lock that others can share */
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		assert_int_equal(chown(spooldir_path(&s.d, folders[i]), 12345, (gid_t)-1), 0);
	open_reader();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	hurry_with(make_state_late);
	assert_read("a b c");
	assert_true(pauses >= 70);
	at_pause = NULL;
}

/* Makes folders below the test's, so that the path of the last one is so long. */
static void make_long_path(char path[static PATH_MAX], size_t length)
{
	size_t n = (size_t)snprintf(path, PATH_MAX, "%s", s.d.above);
	int dir = open(path, O_RDONLY | O_DIRECTORY);

	while (n < length) {
		size_t more = length - n > 2 * NAME_MAX ? NAME_MAX
		              : length - n > NAME_MAX   ? NAME_MAX / 2
		                                        : length - n - 1;
		char name[NAME_MAX + 1];
		int below;

		snprintf(name, sizeof name, "%0*d", (int)more, 0);
		n += (size_t)snprintf(path + n, PATH_MAX - n, "/%s", name);
		assert_int_equal(mkdirat(dir, name, 0700), 0);
		below = openat(dir, name, O_RDONLY | O_DIRECTORY);
		assert_true(below >= 0);
		close(dir);
		dir = below;
	}
	close(dir);
}

/* A spool is moved to where the path of its state is too long to watch that: it can be read and followed. */
TEST(a_spool_with_the_longest_path)
{
	char path[PATH_MAX], text[PATH_MAX + 64];
	struct hs_settings_error error;
	struct hs_settings *settings;
	int n;

	make("");
	put("a");
	stop();
	make_long_path(path, PATH_MAX - 18); /* a line of settings has 4,096 bytes at most */
	assert_int_equal(rename(s.d.path, path), 0);
	n = snprintf(text, sizeof text, "spool_dir = %s\nauth = none\nmin_free = 0\n", path);
	settings = hs_settings_new("test", hs_slice(text, (size_t)n), NULL, &error);
	if (settings == NULL)
		fail_msg("%s", error.text);
	assert_result(hs_reader_open(settings, &s.reader), HS_OK);
	assert_true(hs_reader_watch(s.reader) >= 0);
	assert_read("a");
	assert_read("");
	close_reader();
	hs_settings_free(settings);
}

/* A writer was killed just after it had ended a generation. */
TEST(a_generation_that_has_just_ended)
{
	for (int watched = 0; watched < 2; watched++) {
		struct hs_shared_state *shared;

		make("");
		put("a b");
		open_reader();
		if (watched)
			assert_true(hs_reader_watch(s.reader) >= 0);
		stop();
		shared = spooldir_state(&s.d);
		atomic_store(&shared->stream[HS_EVENTS].current, 0);
		spooldir_state_done(shared);
		assert_read("a b");
		restart();
		put("c");
		assert_read("c");
		assert_once(&s.d, "a b c");
	}
}

/* --- an open segment that others take away -------------------------------------------------------------- */

static void put_back(unsigned nth)
{
	if (nth == 3)
		spooldir_rename(&s.d, "away", "events.jsonl");
}

static void remove_state(unsigned nth)
{
	if (nth == 3)
		spooldir_unlink(&s.d, ".hookspool/run/state");
}

static void look_in_vain(unsigned nth)
{
	if (nth == 3)
		wrap_fail(WRAP_FSTATAT, 2, 1, EIO); /* of the segment; the first one is of the state */
}

/* A follower waits whether all of the spool goes; what comes later is found, whatever happens meanwhile. */
TEST(an_open_segment_that_is_gone_for_a_while)
{
	static void (*const meanwhile[])(unsigned nth) = { hurry, put_back, remove_state, look_in_vain };

	for (size_t i = 0; i < sizeof meanwhile / sizeof *meanwhile; i++) {
		make("");
		put("a");
		open_reader();
		assert_true(hs_reader_watch(s.reader) >= 0);
		assert_read("a");
		stop();
		spooldir_rename(&s.d, "events.jsonl", "away");
		hurry_with(meanwhile[i]);
		assert_read("");
		assert_true(pauses > 2);
		at_pause = NULL;
		restart();
		put("b");
		if (meanwhile[i] == remove_state)
			assert_once(&s.d, "b"); /* with both gone it is another spool */
		else
			assert_read("b");
	}
}

static void bring_segment(void)
{
	struct events *e = events_new("x");

	spooldir_write(&s.d, "events-20200101T000000.000Z-000002.jsonl", hs_buf_slice(&e->lines));
	spooldir_age(&s.d, "events-20200101T000000.000Z-000002.jsonl");
	events_free(e);
}

/* A follower takes in what is copied into the spool, at once or after a fault. */
TEST(segments_that_come_while_it_is_followed)
{
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		make("rotate_min_gap = 0\n");
		put("a");
		open_reader();
		assert_true(hs_reader_watch(s.reader) >= 0);
		assert_read("a");
		bring_segment();
		hurry_with(hurry);
		wrap_reset();
		wrap_fail(WRAP_FDOPENDIR, nth, 1, EIO);
		read_some(UINT_MAX);
		ended = wrap_count(WRAP_FDOPENDIR) < nth;
		wrap_reset();
		at_pause = NULL;
		if (s.got[0] == '\0')
			assert_read("x");
		else
			assert_string_equal(s.got, "x");
	}
}

/* An editor puts another file with the same lines, and one more, in its place: all of them come, and once. */
TEST(an_open_segment_that_is_replaced)
{
	struct events *e = events_new("x");
	struct hs_buf text;

	make("");
	put("a b");
	text = spooldir_read(&s.d, "events.jsonl");
	open_reader();
	hs_buf_put_slice(&text, hs_buf_slice(&e->lines));
	events_free(e);
	spooldir_write(&s.d, "new", hs_buf_slice(&text));
	spooldir_rename(&s.d, "new", "events.jsonl");
	hs_buf_free(&text);
	assert_read("a b x");
	put("c");
	assert_read("c");
	assert_once(&s.d, "a b x c");
}

/* A change that comes later gets an earlier time, but another one: it is found. */
TEST(a_clock_that_was_set_back)
{
	make("");
	put("a");
	open_reader();
	hs_reader_watch(s.reader);
	wrap_clock(-3600000, 0);
	assert_read("a");
	assert_read("");
	assert_true(hs_reader_patience(s.reader) < 0); /* idle: no need to look */
	hs_reader_wait(s.reader, 1);                   /* it returns all the same */
	put("b");
	assert_read("b");
	wrap_reset();
}

/* --- while it is read ------------------------------------------------------------------------------------ */

/* Retention deletes it before any look at a file: it is a gap, or an error of the list, and no line comes twice. */
TEST(a_segment_that_goes_while_it_is_opened)
{
	static int list_fails;
	unsigned gaps = 0, failures = 0;

	for (int i = 0; i < 2; i++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			struct hs_slice line;
			enum hs_read what;
			unsigned lines = 0;

			make("rotate_min_gap = 0\ncompress = none\n");
			seal("a");
			seal("b");
			put("c");
			snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 1));
			open_reader();
			wrap_reset();
			removed = false;
			wrap_before(WRAP_OPENAT, nth, remove_segment, i > 0 ? &list_fails : NULL);
			while ((what = hs_reader_next(s.reader, &line)) == HS_READ_LINE || what == HS_READ_GAP) {
				gaps += what == HS_READ_GAP;
				lines += what == HS_READ_LINE;
			}
			ended = wrap_count(WRAP_OPENAT) < nth;
			failures += what == HS_READ_FAILED;
			wrap_reset();
			while ((what = hs_reader_next(s.reader, &line)) == HS_READ_LINE || what == HS_READ_GAP)
				lines += what == HS_READ_LINE;
			assert_int_equal(what, HS_READ_END);
			assert_true(lines == 3 || (lines == 2 && removed));
		}
	}
	assert_true(gaps > 0 && failures > 0);
}

static void replace_by_folder(void *context)
{
	remove_segment(context);
	if (removed)
		spooldir_mkdir(&s.d, segment);
}

static void cut_open(void *context)
{
	(void)context;
	if (spooldir_exists(&s.d, "events.jsonl") && spooldir_size(&s.d, "events.jsonl") > 5)
		spooldir_cut(&s.d, "events.jsonl", spooldir_size(&s.d, "events.jsonl") - 5);
}

/* A folder is passed over; the whole lines of an open segment that somebody has cut come. */
TEST(files_that_others_change)
{
	for (int i = 0; i < 2; i++)
		for (unsigned nth = 1; nth < 16; nth++) {
			struct hs_slice line;
			enum hs_read what;
			unsigned lines = 0, gaps = 0;

			make("rotate_min_gap = 0\ncompress = none\n");
			seal("a");
			seal("b");
			put("c");
			snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 1));
			open_reader();
			wrap_reset();
			wrap_before(i == 0 ? WRAP_OPENAT : WRAP_PREAD, nth, i == 0 ? replace_by_folder : cut_open,
			            NULL);
			for (int n = 0; n < 20; n++) {
				what = hs_reader_next(s.reader, &line);
				lines += what == HS_READ_LINE;
				gaps += what == HS_READ_GAP;
				if (what == HS_READ_LINE)
					assert_true(line.n > 0 && line.p[line.n - 1] == '}');
			}
			wrap_reset();
			assert_in_range(lines, 2, 3);
			assert_in_range(gaps, 0, 1);
		}
}

/* Without a look at the file it waits as long as for one that is as it was. */
TEST(waiting_without_a_look)
{
	make("");
	put("a");
	open_reader();
	assert_true(hs_reader_watch(s.reader) >= 0);
	assert_in_range(hs_reader_patience(s.reader), 1, 10000); /* nothing is open */
	assert_read("a");
	wrap_fail(WRAP_FSTAT, 1, 1, EIO);
	hs_reader_patience(s.reader);
	wrap_reset();
	put("b");
	hs_reader_wait(s.reader, -1); /* it has come already: there is a notice */
	assert_read("b");
}

static bool none(void *context, struct hs_summary_reader *summary)
{
	(void)context;
	(void)summary;
	return false;
}

/* A segment that is passed over is before the time, too. */
TEST(a_time_after_what_is_passed_over)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	maintain();
	put("c");
	open_reader();
	hs_reader_choose(s.reader, none, NULL);
	assert_result(hs_reader_since(s.reader, 1), HS_OK);
	assert_read("c");
}

/* Nothing is before the start of a spool, and no more lines than there are come last. */
TEST(before_the_first_line)
{
	struct hs_position stop = { 0 }, start = { 9, 9, 9, 9 };

	make("");
	put("a b");
	open_reader();
	assert_result(hs_reader_back(s.reader, &stop, 10, &start), HS_OK);
	assert_true(start.number == stop.number && start.offset == stop.offset);
	assert_result(hs_reader_last(s.reader, 5, NULL, NULL), HS_OK);
	assert_read("a b");
}

/* A person is compressing a segment, so that its .gz is not whole: its lines are those of the plain file. */
TEST(the_last_lines_of_both_forms)
{
	struct hs_buf text;

	make("rotate_min_gap = 0\n");
	seal("a");
	seal("b c");
	snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 1));
	text = spooldir_read_raw(&s.d, segment);
	maintain();
	spooldir_write(&s.d, segment, hs_buf_slice(&text));
	spooldir_age(&s.d, segment);
	spooldir_cut(&s.d, spooldir_name(&s.d, segment, 1), 30);
	hs_buf_free(&text);
	put("d");
	open_reader();
	assert_result(hs_reader_last(s.reader, 9, NULL, NULL), HS_OK);
	assert_read("a b c d");
}

/* A segment that is being copied in is none yet. */
TEST(the_last_lines_beside_a_copy)
{
	make("");
	put("a b");
	spooldir_write(&s.d, "events-20200101T000000.000Z-000005.jsonl", HS_SLICE("{\"type\":"));
	open_reader();
	assert_result(hs_reader_last(s.reader, 9, NULL, NULL), HS_OK);
	assert_read("a b");
}

/* A line that no window of the usual sizes holds is read whole, and so are those before it. */
TEST(the_last_lines_with_one_that_is_huge)
{
	enum { HUGE_LINE = (1 << 26) + 1000 };
	static const char name[] = "events-20200101T000000.000Z-000001.jsonl";
	struct hs_slice line;

	make("");
	spooldir_mkdir(&s.d, "");
	spooldir_write(&s.d, name, HS_SLICE("{\"message_id\":\"first\"}\n"));
	spooldir_cut(&s.d, name, HUGE_LINE); /* zeros, which take no room */
	spooldir_add(&s.d, name, HS_SLICE("\n{\"message_id\":\"last\"}\n"));
	spooldir_age(&s.d, name);
	open_reader();
	assert_result(hs_reader_last(s.reader, 3, NULL, NULL), HS_OK);
	assert_int_equal(read_some(1), HS_READ_LINE);
	assert_string_equal(s.got, "first");
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_LINE);
	assert_in_range(line.n, 1 << 26, HUGE_LINE);
	assert_read("last");
}

static void take_away(void *context)
{
	if (spooldir_exists(&s.d, segment))
		spooldir_rename(&s.d, segment, "away");
	wrap_before(WRAP_FLOCK, 1, take_away, context);
}

static void bring_back(void *context)
{
	if (spooldir_exists(&s.d, "away"))
		spooldir_rename(&s.d, "away", segment);
	wrap_before(WRAP_FDOPENDIR, 1, bring_back, context);
}

/* A segment that is there whenever the folder is listed, and never when it is opened: that is no start of the spool. */
TEST(a_segment_that_comes_and_goes)
{
	struct hs_position stop, start;
	struct hs_slice line;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a");
	put("b");
	snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 0));
	open_reader();
	assert_result(hs_reader_end(s.reader, &stop), HS_OK);
	stop.offset = 0;
	wrap_reset();
	wrap_before(WRAP_FLOCK, 1, take_away, NULL);
	wrap_before(WRAP_FDOPENDIR, 1, bring_back, NULL);
	assert_result(hs_reader_back(s.reader, &stop, 100, &start), HS_E_IO);
	hs_reader_start(s.reader, (struct hs_position){ 0 });
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_FAILED);
	assert_result(hs_reader_result(s.reader), HS_E_IO);
	wrap_reset();
	if (spooldir_exists(&s.d, "away"))
		spooldir_rename(&s.d, "away", segment);
	assert_read("a b");
}

/* A segment is passed over by its summary; if that cannot be looked at it is read. */
TEST(a_segment_that_cannot_be_passed_over)
{
	unsigned skipped = 0;
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_slice line;
		enum hs_read what;
		uint64_t lines = 0;

		make("rotate_min_gap = 0\n");
		seal("a b");
		maintain();
		put("c");
		open_reader();
		hs_reader_choose(s.reader, none, NULL);
		wrap_reset();
		wrap_fail(WRAP_FSTAT, nth, 1, EIO);
		while ((what = hs_reader_next(s.reader, &line)) != HS_READ_END) {
			skipped += what == HS_READ_SKIPPED;
			lines += what == HS_READ_LINE ? 1 : what == HS_READ_SKIPPED ? hs_reader_skipped(s.reader) : 0;
		}
		ended = wrap_count(WRAP_FSTAT) < nth;
		wrap_reset();
		assert_int_equal(lines, 3);
	}
	assert_true(skipped > 1);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* nothing is to outlive a power cut: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("reader_places", NULL, calm_down);
}
