/*
 * index_rebuild: an index that is lost, damaged, replaced or of another file is rebuilt from the
 * segments, and gives the same answers.
 */
#include "base/io.h"
#include "spool/dedup/id_lsm.h"
#include "spool/dedup/index_store.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/random.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* --- an index that is lost, cut, damaged, put back ---------------------------------------- */

static void lose_index(void)
{
	spooldir_unlink(&s.d, ".hookspool/run/index");
}

static void cut_index(void)
{
	spooldir_cut(&s.d, ".hookspool/run/index", spooldir_size(&s.d, ".hookspool/run/index") / 2);
}

static void empty_index(void)
{
	spooldir_cut(&s.d, ".hookspool/run/index", 0);
}

static void put_noise(void)
{
	struct random_source r = random_new(11);
	size_t n = (size_t)spooldir_size(&s.d, ".hookspool/run/index");
	struct hs_buf noise = { 0 };

	while (noise.n < n)
		hs_buf_putc(&noise, (char)random_below(&r, 256));
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&noise));
	hs_buf_free(&noise);
}

/* The first pages are good, the others are not. */
static void put_noise_after_the_head(void)
{
	struct hs_buf text = spooldir_read(&s.d, ".hookspool/run/index");

	for (size_t i = 8192; i < text.n; i++)
		text.p[i] = (char)(i * 2654435761U >> 7);
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&text));
	hs_buf_free(&text);
}

static void put_another(void)
{
	spooldir_write(&s.d, ".hookspool/new", HS_SLICE("this is no index"));
	spooldir_rename(&s.d, ".hookspool/new", ".hookspool/run/index");
}

/* A word of LMDB's header, in both of its pages; the file's time stays, as when a disk changes it. */
static void damage_header(off_t word, uint64_t value)
{
	int fd = open(spooldir_path(&s.d, ".hookspool/run/index"), O_RDWR);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	for (int page = 0; page < 2; page++) {
		off_t at = page * (off_t)sysconf(_SC_PAGESIZE) + word * (off_t)sizeof value;

		assert_int_equal(pwrite(fd, &value, sizeof value, at), sizeof value);
	}
	assert_int_equal(futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }), 0);
	close(fd);
}

enum { VERSION_WORD = 2, PAGE_SIZE_WORD = 5, KIND_WORD = 11, ROOT_WORD = 16 }; /* where size_t has 64 bits */

static void lose_page_size(void)
{
	damage_header(PAGE_SIZE_WORD, 0);
}

static void put_odd_page_size(void)
{
	damage_header(PAGE_SIZE_WORD, 4097);
}

static void put_another_kind(void)
{
	damage_header(KIND_WORD, INT64_MAX);
}

static void put_large_page_size(void)
{
	damage_header(PAGE_SIZE_WORD, 1 << 20);
}

/* A version of LMDB's format that does not exist. */
static void put_another_version(void)
{
	damage_header(VERSION_WORD, UINT64_C(7) << 32 | 0xBEEFC0DE);
}

/* A killed writer was noted, so the size is not compared; the second page of the header is not whole. */
static void cut_in_the_header(void)
{
	struct hs_shared_state *shared = spooldir_state(&s.d);

	shared->index.writing = 1;
	spooldir_state_done(shared);
	spooldir_cut(&s.d, ".hookspool/run/index", sysconf(_SC_PAGESIZE) + 20);
}

static void lose_root(void)
{
	damage_header(ROOT_WORD, 0);
}

static void put_another_root(void)
{
	damage_header(ROOT_WORD, 2);
}

static void lose_state(void)
{
	spooldir_unlink(&s.d, ".hookspool/run/state");
}

static void boot(void)
{
	struct hs_shared_state *state = spooldir_state(&s.d);

	state->boot_id[0] = state->boot_id[0] == 'x' ? 'y' : 'x';
	spooldir_state_done(state);
	put_noise(); /* what a power cut may leave of a file that is never synced */
}

enum { MARK_FORMAT = 0, MARK_OFFSET = 2 }; /* its words: struct hs_index_mark */

/* Adds to a word of the mark, as LMDB would store it; `drop` removes all ids. The state finds its file unchanged. */
static void change_mark(int word, int64_t add, bool drop)
{
	const char *path = spooldir_path(&s.d, ".hookspool/run/index");
	uint64_t last = UINT64_MAX, mark[64] = { 0 };
	MDB_val key = { sizeof last, &last }, value;
	struct hs_shared_state *shared;
	struct stat st;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi records;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, HS_ID_LSM_FLAGS, &records), 0);
	assert_int_equal(mdb_get(txn, records, &key, &value), 0);
	assert_true(value.mv_size <= sizeof mark);
	memcpy(mark, value.mv_data, value.mv_size);
	mark[word] += (uint64_t)add;
	value.mv_data = mark;
	if (drop)
		assert_int_equal(mdb_drop(txn, records, 0), 0);
	assert_int_equal(mdb_put(txn, records, &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(stat(path, &st), 0);
	shared = spooldir_state(&s.d);
	shared->index.size = (uint64_t)st.st_size;
	shared->index.changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	spooldir_state_done(shared);
}

/* A disk that changes a bit of the mark: the index seems to have read lines that it has not. */
static void advance_mark(void)
{
	change_mark(MARK_OFFSET, 1 << 12, false);
}

/* A disk changes what is read next, so the header is damaged only while no process has mapped it. */
enum { HARMS_IN_USE = 8 };
static void (*const harms[])(void) = {
	lose_index,       cut_index,    empty_index,         put_noise,           put_noise_after_the_head, put_another,
	lose_state,       boot,         lose_page_size,      put_odd_page_size,   put_another_kind,         lose_root,
	put_another_root, advance_mark, put_large_page_size, put_another_version, cut_in_the_header,
};

static void fill_three_segments(void)
{
	for (int i = 0; i < 3; i++) {
		put(many("m", 300 * i, 300 * i + 300));
		if (i < 2)
			rotate();
	}
}

/* LMDB abandons its work when it finds the damage: see hs_index_store_abandon. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:liblmdb\nleak:hs_index_write_begin\n";
}

TEST(a_damaged_header_is_told)
{
	put("a");
	stop();
	lose_page_size();
	said_begin(HS_LOG_ERROR);
	restart();
	put_known("a", 1);
	assert_non_null(strstr(said_end(), "index: its header is damaged: it is made anew"));
}

TEST(an_index_damaged_while_it_is_closed)
{
	unit_leaves_descriptors(); /* of what LMDB abandons */
	for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
		make("rotate_min_gap = 0\n");
		fill_three_segments();
		stop();
		harms[i]();
		restart();
		for (int j = 0; j < 3; j++)
			put_known(many("m", 300 * j, 300 * j + 300), 300);
		put("new");
		put_known("new", 1);
		assert_int_equal(spooldir_lines(&s.d), 901);
	}
}

/*
 * Another version left its index, which claims to have read everything. Its ids are not
 * to be believed.
 */
TEST(an_index_of_another_format)
{
	fill_three_segments();
	put("x");
	stop();
	change_mark(MARK_FORMAT, -1, true);
	restart();
	for (int j = 0; j < 3; j++)
		put_known(many("m", 300 * j, 300 * j + 300), 300);
	put_known("x y", 1);
}

/* And while a process has it open. */
static int use_harmed(void *context)
{
	uint64_t duplicate;

	(void)context;
	for (size_t i = 0; i < HARMS_IN_USE; i++) {
		if (harms[i] == boot || harms[i] == lose_state) /* never while it is in use */
			continue;
		file_time_passes();
		harms[i]();
		for (int j = 0; j < 3; j++)
			if (events_append(s.spool, many("m", 300 * j, 300 * j + 300), &duplicate) != HS_OK ||
			    duplicate != 300)
				return 10 + (int)i;
		if (events_append(s.spool, many("n", 300 * (int)i, 300 * (int)i + 300), &duplicate) != HS_OK ||
		    duplicate != 0)
			return 20 + (int)i;
	}
	return 0;
}

static int fill_and_use(void *context)
{
	(void)context;
	for (int i = 0; i < 3; i++)
		if (append(many("m", 300 * i, 300 * i + 300)) != HS_OK)
			return 1;
	return use_harmed(NULL);
}

TEST(an_index_damaged_while_it_is_open)
{
	/* in a child, since LMDB may die of what it reads */
	assert_int_equal(child_run(fill_and_use, NULL), 0);
}

/* Several have it open when it is lost: it is rebuilt once, not once for each. */
TEST(a_lost_index_is_rebuilt_once)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	ino_t anew;

	put(many("m", 0, 300));
	put_in(other, many("m", 0, 300), 300);
	lose_index();
	put_known(many("m", 0, 300), 300);
	anew = spooldir_inode(&s.d, ".hookspool/run/index");
	put_in(other, many("m", 0, 300), 300);
	assert_int_equal(spooldir_inode(&s.d, ".hookspool/run/index"), anew);
	put_known(many("m", 0, 300), 300);
	put_in(other, many("m", 0, 301), 300);
	put_known(many("m", 0, 302), 301);
	assert_int_equal(spooldir_inode(&s.d, ".hookspool/run/index"), anew);
	hs_spool_free(other);
}

/* The clock is a year ahead for a while: afterwards all ids are still known. */
TEST(the_clock_is_ahead_for_a_while)
{
	put(many("a", 0, 200));
	put(many("b", 0, 200));
	wrap_clock(INT64_C(365) * 86400000, 0);
	put(many("c", 0, 200));
	restart();
	put(many("d", 0, 200));
	wrap_clock(0, 0);
	put_known(many("c", 0, 200), 200);
	put_known(many("d", 0, 200), 200);
	put_known(many("a", 0, 200), 200);
	put_known(many("b", 0, 200), 200);
}

/* Another process has a shorter window: the others still know the ids. */
TEST(another_process_has_a_shorter_window)
{
	struct hs_settings shorter = *s.d.settings;
	struct hs_spool *other;

	shorter.dedup_window = 3600000;
	other = hs_spool_new(&shorter);
	put(many("a", 0, 200));
	wrap_clock(7200000, 7200000);
	put_in(other, many("b", 0, 200), 0);
	put_in(other, many("b", 0, 200), 200);
	hs_spool_free(other);
	other = hs_spool_new(&shorter);
	put_in(other, "b0 c", 1);
	put_known(many("a", 0, 200), 200);
	restart();
	put_known(many("a", 0, 200), 200);
	hs_spool_free(other);
}

/* A longer window than before: ids in the files are known again. */
TEST(the_window_is_made_longer)
{
	struct hs_settings longer;

	make("dedup_window = 1h\nrotate_min_gap = 0\n");
	put(many("a", 0, 200));
	wrap_clock(7200000, 7200000);
	put(many("b", 0, 200));
	restart();
	put_known("b0 c", 1);
	longer = *s.d.settings;
	longer.dedup_window = INT64_C(28) * 86400000;
	stop();
	s.spool = hs_spool_new(&longer);
	put_known(many("a", 0, 200), 200);
	put_known(many("b", 0, 200), 200);
	restart();
}

/* An older copy is put back: the lines that it lacks are read again. */
TEST(an_older_index_is_put_back)
{
	struct hs_buf old;

	put(many("m", 0, 300));
	put("x");
	stop();
	old = spooldir_read(&s.d, ".hookspool/run/index");
	restart();
	put(many("m", 300, 600));
	put("y");
	stop();
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&old));
	restart();
	put_known(many("m", 0, 600), 600);
	put_known("x y", 2);
	hs_buf_free(&old);
}

/* An index that has read beyond the end of the file belongs to another file. */
TEST(an_index_ahead_of_the_file)
{
	struct hs_buf text;
	struct hs_shared_state *shared;

	put(many("m", 0, 300));
	text = spooldir_read(&s.d, "events.jsonl");
	put(many("m", 300, 600));
	restart();
	put("x"); /* by a process that begins: it moves the others to the index */
	stop();
	/* the file of an hour ago, and a state that knows only the numbers */
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&text));
	shared = spooldir_state(&s.d);
	for (int i = 0; i < HS_STREAMS; i++)
		shared->stream[i].known = 0;
	spooldir_state_done(shared);
	restart();
	put_known(many("m", 0, 300), 300);
	put(many("m", 300, 600));
	put("x");
	assert_int_equal(spooldir_lines(&s.d), 601);
	hs_buf_free(&text);
}

TEST(a_file_that_was_moved_away)
{
	put(many("m", 0, 300));
	put("x");
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	/* ids in the index still count; the others must be accepted again */
	put(many("n", 0, 300));
	put_known(many("n", 0, 300), 300);
	put("y");
	put_known("y", 1);
	restart();
	put_known(many("n", 0, 300), 300);
	put_known("y z", 1);
	assert_once(&s.d, "y z n0 n299");
}

/* The index has read the old file, and nothing of the new one, however long that is. */
TEST(a_file_that_was_replaced)
{
	struct events *e = events_new(many("r", 0, 600));

	put(many("m", 0, 300));
	put("x");
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	put_known(many("r", 0, 600), 600);
	restart();
	put_known(many("r", 0, 600), 600);
	put("y");
	assert_int_equal(spooldir_lines(&s.d), 601);
	events_free(e);
}

static void gzip_in_place(const char *name)
{
	struct hs_buf text = spooldir_read(&s.d, name);
	char gz[HS_SEALED_NAME + 4];
	gzFile file;

	snprintf(gz, sizeof gz, "%s.gz", name);
	file = gzopen(spooldir_path(&s.d, gz), "wb");
	assert_non_null(file);
	assert_int_equal(gzwrite(file, text.p, (unsigned)text.n), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	hs_buf_free(&text);
	spooldir_unlink(&s.d, name);
}

TEST(compressed_segments_are_read)
{
	fill_three_segments();
	gzip_in_place(spooldir_name(&s.d, "events-", 0));
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	for (int j = 0; j < 3; j++)
		put_known(many("m", 300 * j, 300 * j + 300), 300);
	assert_int_equal(spooldir_lines(&s.d), 900);
}

/* Lines before the damage count; those after it cannot be known. */
TEST(a_damaged_gzip_does_not_stop_it)
{
	const char *name;

	fill_three_segments();
	gzip_in_place(spooldir_name(&s.d, "events-", 0));
	name = spooldir_name(&s.d, "events-", 0);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 8);
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	put_known(many("m", 300, 600), 300);
	put_known(many("m", 600, 900), 300);
}

/* A segment replaced by a link, by a folder, or owned by another user: service goes on. */
TEST(a_false_segment_does_not_stop_it)
{
	const char *path;
	const char *name;

	for (int i = 0; i < 3; i++) {
		make("rotate_min_gap = 0\n");
		fill_three_segments();
		name = spooldir_name(&s.d, "events-", 0);
		path = spooldir_path(&s.d, name);
		if (i < 2)
			spooldir_unlink(&s.d, name);
		if (i == 0)
			assert_int_equal(symlink("/archive/of/old", path), 0);
		else if (i == 1)
			assert_int_equal(mkdir(path, 0700), 0);
		else
			assert_int_equal(chmod(path, 0), 0);
		restart();
		lose_index();
		put_known(many("m", 300, 600), 300);
		put_known(many("m", 600, 900), 300);
	}
}

/* Its events count as new only if it may not be read, which is told; otherwise the senders wait. */
static unsigned read_with(enum wrap_call call, int error)
{
	struct events *again = events_new("a c d");
	unsigned told = 0;
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		uint64_t duplicate = 0;
		struct hs_append batch = events_batch(again, &duplicate);
		enum hs_result result;

		make("rotate_min_gap = 0\n");
		seal("a b");
		maintain();
		seal("c");
		put("d");
		stop();
		lose_index();
		spooldir_unlink(&s.d, ".hookspool/run/summary/events-1");
		restart();
		wrap_reset();
		said_begin(HS_LOG_ERROR);
		wrap_fail(call, nth, 1, error);
		result = hs_spool_append(s.spool, &batch);
		ended = wrap_count(call) < nth;
		wrap_reset();
		if (strstr(said_end(), "its events count as new; put the file back") != NULL)
			told++;
		else if (result == HS_OK)
			assert_int_equal(duplicate, 3);
	}
	events_free(again);
	return told;
}

TEST(a_segment_that_cannot_be_read)
{
	assert_true(read_with(WRAP_OPENAT, EACCES) > 0);
	assert_int_equal(read_with(WRAP_FSTAT, EIO), 0);
	assert_int_equal(read_with(WRAP_CALLOC, ENOMEM), 0);
	assert_int_equal(read_with(WRAP_REALLOC, ENOMEM), 0);
}

/* A sealed segment goes before the index has read it. */
TEST(retention_deletes_a_segment)
{
	fill_three_segments();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	restart();
	put_known(many("m", 300, 600), 300);
	put(many("m", 0, 300));
}

/* Another process adds whole segments while this one sleeps. */
TEST(catching_up)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);

	put("a");
	for (int i = 0; i < 4; i++) {
		put_in(other, many("m", 300 * i, 300 * i + 300), 0);
		assert_result(hs_spool_rotate(other, soon()), HS_OK);
	}
	put_in(other, many("m", 1200, 1230), 0);
	for (int i = 0; i < 4; i++)
		put_known(many("m", 300 * i, 300 * i + 300), 300);
	put_known(many("m", 1200, 1230), 30);
	put_known("a", 1);
	hs_spool_free(other);
}

/* Two put ids in turn: each continues from the other's, and no id is lost. */
TEST(in_turns)
{
	enum { TURNS = 60, EACH = 900 };
	struct hs_spool *other = hs_spool_new(s.d.settings);

	for (int i = 0; i < TURNS; i++)
		put_in(i % 2 == 0 ? s.spool : other, many("t", EACH * i, EACH * i + EACH), 0);
	for (int i = 0; i < TURNS; i += 7)
		put_in(i % 2 == 0 ? other : s.spool, many("t", EACH * i, EACH * i + EACH), EACH);
	assert_true(ids_known() >= TURNS * EACH);
	hs_spool_free(other);
}

TESTS("index_rebuild", begin, finish)
