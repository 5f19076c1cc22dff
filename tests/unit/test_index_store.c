/* index_store: whatever somebody else writes into the index's file is noticed, however soon after a write of ours. */
#include "spool/dedup/index_store.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
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

TESTS("index_store", make, clean)
