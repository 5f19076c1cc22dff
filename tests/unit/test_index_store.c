/* index_store: whatever somebody else writes into the index's file is noticed, however soon after a write of ours. */
#include "spool/dedup/index_store.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char folder[64];
	struct hs_spool_dir dir;
	struct hs_index_print print;
	struct hs_index_store store;
};

FIXTURE(make)
{
	struct fixture *f = calloc(1, sizeof *f);

	snprintf(f->folder, sizeof f->folder, "/tmp/hookspool.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->dir.run_dir = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->store = (struct hs_index_store){ .dir = &f->dir, .print = &f->print, .window_s = 86400 };
	snprintf(f->store.path, sizeof f->store.path, "%s/" HS_INDEX_FILE, f->folder);
	assert_result(hs_index_store_open(&f->store), HS_OK);
	*state = f;
	return 0;
}

FIXTURE(clean)
{
	struct fixture *f = *state;

	assert_result(hs_index_store_discard(&f->store), HS_OK);
	close(f->dir.run_dir);
	rmdir(f->folder);
	free(f);
	return 0;
}

/* Writes a byte of the file over with itself, as a program that writes noise would: the size stays. */
static void write_as_another(const struct fixture *f)
{
	int fd = open(f->store.path, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, 5000), 1);
	assert_int_equal(pwrite(fd, &byte, 1, 5000), 1);
	close(fd);
}

static void write_begin(struct fixture *f, struct hs_index_write *w, uint64_t id)
{
	struct hs_dedup_key key = { { 0 } };

	memcpy(&key, &id, sizeof id);
	assert_int_equal(hs_index_write_begin(&f->store, w), 0);
	assert_int_equal(hs_index_write_put(w, &key, 1), 0);
}

TEST(the_file_is_its_owners)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->store.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

TEST(a_write_right_after_a_transaction)
{
	struct fixture *f = *state;
	struct hs_index_write w;

	for (uint64_t i = 0; i < 50; i++) {
		write_begin(f, &w, i);
		assert_int_equal(hs_index_write_end(&f->store, &w, 0), 0);
		assert_true(hs_index_store_is_trusted(&f->store));
		write_as_another(f);
		assert_false(hs_index_store_is_trusted(&f->store));
		f->print.writing = 1; /* as a killed writer leaves it: it is taken as it is */
		assert_result(hs_index_store_ready(&f->store), HS_OK);
	}
}

TEST(a_write_within_a_transaction)
{
	struct fixture *f = *state;
	struct hs_index_write w;

	write_begin(f, &w, 1);
	assert_int_equal(hs_index_write_end(&f->store, &w, 0), 0);
	write_begin(f, &w, 2);
	write_as_another(f);
	assert_int_equal(hs_index_write_end(&f->store, &w, 0), MDB_INVALID);
	assert_false(hs_index_store_is_trusted(&f->store));
}

TEST(a_write_after_a_killed_writer)
{
	struct fixture *f = *state;

	f->print.writing = 1; /* it was killed before it had noted what it wrote: so much may differ */
	write_as_another(f);
	assert_true(hs_index_store_is_trusted(&f->store));
	assert_result(hs_index_store_ready(&f->store), HS_OK);
	write_as_another(f);
	assert_false(hs_index_store_is_trusted(&f->store));
}

/* Another process has made the file anew, and has the print of its own: this one must leave the old one. */
TEST(a_file_that_another_process_has_made_anew)
{
	struct fixture *f = *state;
	struct hs_index_store other = { .dir = &f->dir, .print = &f->print, .window_s = f->store.window_s };
	struct hs_index_write w;
	struct hs_dedup_key key = { { 1 } };

	memcpy(other.path, f->store.path, sizeof other.path);
	assert_int_equal(unlink(f->store.path), 0);
	assert_result(hs_index_store_open(&other), HS_OK);
	assert_int_equal(hs_index_write_begin(&other, &w), 0);
	assert_int_equal(hs_index_write_put(&w, &key, 1), 0);
	assert_int_equal(hs_index_write_end(&other, &w, 0), 0);
	assert_true(hs_index_store_is_trusted(&other));
	assert_false(hs_index_store_is_trusted(&f->store));
	hs_index_store_close(&f->store);
	f->store = other;
}

/* --- another file than it seems ------------------------------------------------------------- */

static void open_again(struct fixture *f)
{
	f->print.writing = 1; /* as a killed writer leaves it: the file is taken as it is */
	hs_index_store_close(&f->store);
	assert_result(hs_index_store_open(&f->store), HS_OK);
}

/* Whatever is left of an index of another version is not believed. */
TEST(a_mark_of_another_version)
{
	struct fixture *f = *state;
	struct hs_index_write w;

	write_begin(f, &w, 1);
	w.mark.number = 9;
	w.mark.format--;
	assert_int_equal(hs_index_write_end(&f->store, &w, 0), 0);
	open_again(f);
	assert_int_equal(f->store.mark.number, 0);
}

TEST(a_mark_of_another_size)
{
	struct fixture *f = *state;
	struct hs_index_write w;
	uint64_t last = UINT64_MAX;
	MDB_val key = { sizeof last, &last }, value = { 8, (void *)(uintptr_t) "old mark" };

	write_begin(f, &w, 1);
	assert_int_equal(hs_index_write_end(&f->store, &w, 0), 0);
	write_begin(f, &w, 2);
	assert_int_equal(mdb_put(w.txn, f->store.records, &key, &value, 0), 0);
	mdb_cursor_close(w.records);
	assert_int_equal(mdb_txn_commit(w.txn), 0);
	free(w.batch);
	open_again(f);
	assert_int_equal(f->store.mark.format, 0);
}

TEST(a_mark_that_is_ahead)
{
	static const struct {
		struct hs_index_mark mark;
		bool ahead;
	} cases[] = {
		{ { .number = 5 }, false },
		{ { .number = 6 }, true },
		{ { .number = 3, .until = 5 }, false },
		{ { .number = 3, .until = 6 }, true },
		{ { .number = 3, .ahead = { { 4, 7 }, { 5, 7 } } }, false },
		{ { .number = 3, .ahead = { { 4, 7 }, { 6, 7 } } }, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(hs_index_mark_is_ahead(&cases[i].mark, 5), cases[i].ahead);
}

/* A window that is longer than the time since 1970 has no beginning. */
TEST(the_beginning_of_a_window)
{
	const struct hs_index_store store = { .window_end_s = 1000 };

	assert_int_equal(hs_index_store_oldest(&store, 400), 600);
	assert_int_equal(hs_index_store_oldest(&store, 2000), 0);
}

/* --- errors -------------------------------------------------------------------------------------- */

/* Only those that tell of damage make the index be made anew. */
TEST(errors_that_tell_of_damage)
{
	static const int damage[] = { MDB_CORRUPTED,        MDB_INVALID, MDB_PAGE_NOTFOUND,
		                      MDB_VERSION_MISMATCH, MDB_BAD_TXN, MDB_PANIC },
			 others[] = { EIO, ENOSPC, ENOMEM, MDB_MAP_FULL, MDB_NOTFOUND };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		hs_index_store_result(&f->store, others[i], "test");
		assert_false(f->store.damaged);
	}
	for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		f->store.damaged = false;
		assert_result(hs_index_store_result(&f->store, damage[i], "test"), HS_E_IO);
		assert_true(f->store.damaged);
	}
	f->store.damaged = false;
}

static void fail_now(void *error)
{
	wrap_fail(WRAP_LMDB, 0, 1, *(int *)error);
}

/* A map that is full is no error if it has grown; one that cannot grow is. */
TEST(a_map_that_cannot_grow)
{
	int error = ENOMEM;
	struct fixture *f = *state;
	struct hs_index_write w;
	MDB_envinfo before, after;

	for (unsigned nth = 1; nth <= 3; nth++) {
		assert_int_equal(mdb_env_info(f->store.env, &before), 0);
		write_begin(f, &w, 1);
		wrap_reset();
		if (nth < 3) /* the functions that ask for its size, and set it */
			wrap_before(WRAP_LMDB, nth, fail_now, &error);
		assert_int_equal(hs_index_write_end(&f->store, &w, MDB_MAP_FULL), nth < 3 ? ENOMEM : MDB_MAP_FULL);
		wrap_reset();
		assert_int_equal(mdb_env_info(f->store.env, &after), 0);
		assert_int_equal(after.me_mapsize, before.me_mapsize * (nth < 3 ? 1 : 4));
	}
}

TEST(a_map_that_cannot_follow)
{
	struct fixture *f = *state;
	struct hs_index_write w;

	wrap_fail(WRAP_LMDB, 1, 2, MDB_MAP_RESIZED);
	assert_int_equal(hs_index_write_begin(&f->store, &w), MDB_MAP_RESIZED);
	wrap_reset();
	wrap_fail(WRAP_LMDB, 1, 1, MDB_MAP_RESIZED);
	write_begin(f, &w, 1);
	wrap_reset();
	assert_int_equal(hs_index_write_end(&f->store, &w, 0), 0);
}

TESTS("index_store", make, clean)
