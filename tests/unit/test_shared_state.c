/* shared_state: which earlier state is believed, what is forgotten, and locks whose holders die. */
#include "base/io.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

/* A state with something in it, as if a spool had been used and left. */
static void leave(void (*change)(struct hs_shared_state *state))
{
	struct hs_shared_state_handle h;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	for (int i = 0; i < HS_STREAMS; i++) {
		struct hs_stream *f = &h.state->stream[i];

		f->number = (uint64_t)(7 + i);
		f->sealed_ms = 1000 + i;
		f->generation = 3;
		f->known = 1;
		atomic_store(&f->current, 3);
		atomic_store(&f->written, 500);
		atomic_store(&f->synced, 400);
	}
	h.state->index.changed_ns = 99;
	if (change != NULL)
		change(h.state);
	hs_shared_state_close(&h);
	assert_null(h.state);
}

static void expect_left(const struct hs_shared_state *state, bool trusted, bool numbers)
{
	for (int i = 0; i < HS_STREAMS; i++) {
		const struct hs_stream *f = &state->stream[i];

		assert_int_equal(f->number, numbers ? 7 + i : 0);
		assert_int_equal(f->sealed_ms, numbers ? 1000 + i : 0);
		assert_int_equal(f->known, trusted);
		assert_int_equal(atomic_load(&f->written), trusted ? 500 : 0);
		assert_int_equal(atomic_load(&f->current), trusted ? 3 : 0);
		assert_int_equal(atomic_load(&f->in_flight), 0);
	}
	assert_int_equal(state->index.changed_ns, trusted ? 99 : 0);
}

static void expect_after(void (*change)(struct hs_shared_state *state), bool trusted, bool numbers)
{
	struct hs_shared_state_handle h;

	leave(change);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	expect_left(h.state, trusted, numbers);
	hs_shared_state_close(&h);
}

TEST(the_same_boot_is_believed)
{
	expect_after(NULL, true, true);
}

static void reboot(struct hs_shared_state *state)
{
	state->boot_id[0] = state->boot_id[0] == 'x' ? 'y' : 'x';
}

TEST(another_boot_keeps_the_numbers_alone)
{
	expect_after(reboot, false, true);
}

/* A copied state describes the files of another spool. */
static void another_file(struct hs_shared_state *state)
{
	state->inode++;
}

TEST(a_copy_keeps_the_numbers_alone)
{
	expect_after(another_file, false, true);
}

static void no_magic(struct hs_shared_state *state)
{
	state->magic[0] = '\0';
}

static void another_layout(struct hs_shared_state *state)
{
	state->layout++;
}

static void number_at_its_end(struct hs_shared_state *state)
{
	state->stream[HS_REJECTED].number = UINT64_MAX;
}

static void stamp_at_its_end(struct hs_shared_state *state)
{
	state->stream[HS_EVENTS].sealed_ms = INT64_MAX;
}

static void stamp_before_all(struct hs_shared_state *state)
{
	reboot(state);
	state->stream[HS_EVENTS].sealed_ms = -1;
}

/* The next segment would have no name. */
TEST(numbers_that_no_process_has_left_are_forgotten)
{
	expect_after(number_at_its_end, false, false);
	expect_after(stamp_at_its_end, false, false);
	expect_after(stamp_before_all, false, false);
}

static void torn(struct hs_shared_state *state)
{
	atomic_store(&state->stream[HS_EVENTS].first, 0);
}

TEST(a_file_that_is_not_a_state_is_forgotten)
{
	expect_after(no_magic, false, false);
	expect_after(another_layout, false, false);
	expect_after(torn, false, false);
}

/* Without a boot id nothing left by an earlier process can be believed. */
TEST(an_unknown_boot)
{
	struct hs_shared_state_handle h;

	leave(NULL);
	/* the directory and "state" take a call each; then comes the boot id */
	wrap_fail(WRAP_OPENAT, 3, WRAP_FOREVER, EMFILE);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	expect_left(h.state, false, true);
	hs_shared_state_close(&h);
	wrap_reset();
}

TEST(a_state_of_another_size)
{
	struct hs_shared_state_handle h;

	for (off_t size = 0; size < 40000; size += 9973) {
		leave(NULL);
		spooldir_cut(&temp.d, "state", size);
		if (size == (off_t)sizeof(struct hs_shared_state))
			continue;
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
		expect_left(h.state, false, false);
		hs_shared_state_close(&h);
	}
	spooldir_write(&temp.d, "state", HS_SLICE("this is no state"));
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	hs_shared_state_close(&h);
}

/* The file of a newer program is refused, and not touched. */
TEST(a_newer_version_is_refused)
{
	struct hs_shared_state_handle h;
	struct hs_buf before, after;
	uint32_t version;

	leave(NULL);
	before = spooldir_read(&temp.d, "state");
	memcpy(&version, before.p + 8, sizeof version);
	version++;
	memcpy(before.p + 8, &version, sizeof version);
	hs_buf_put_slice(&before, HS_SLICE("and more"));
	for (int longer = 0; longer < 2; longer++) {
		struct hs_slice text = hs_slice(before.p, before.n - (longer ? 0 : 8));

		spooldir_write(&temp.d, "state", text);
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SPOOL_VERSION);
		after = spooldir_read(&temp.d, "state");
		assert_slice_equal(hs_buf_slice(&after), text);
		hs_buf_free(&after);
	}
	hs_buf_free(&before);
}

/* While a first user works, a second may judge the state, not repair it. */
TEST(a_second_user_repairs_nothing)
{
	struct hs_shared_state_handle first, second;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &first), HS_OK);
	first.state->stream[0].number = 55;
	atomic_store(&first.state->stream[0].in_flight, 10);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_OK);
	assert_int_equal(second.state->stream[0].number, 55);
	assert_int_equal(atomic_load(&second.state->stream[0].in_flight), 10);
	assert_int_equal(atomic_load(&second.state->stream[0].poisoned), 0);
	hs_shared_state_close(&second);
	first.state->layout++;
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_E_SPOOL_VERSION);
	first.state->layout--;
	first.state->version++;
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_E_SPOOL_VERSION);
	first.state->version--;
	first.state->ready = 0; /* its creator was killed half-way */
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_E_SETTING_UP);
	first.state->ready = 1;
	first.state->boot_id[0] ^= 1;
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_E_SPOOL_VERSION);
	hs_shared_state_close(&first);
}

/* The state was removed: the first user is still there, with its own locks. */
TEST(a_removed_state_does_not_hide_its_users)
{
	struct hs_shared_state_handle first, second;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &first), HS_OK);
	spooldir_unlink(&temp.d, "state");
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_E_SETTING_UP);
	assert_false(hs_shared_state_is_current(&first, temp.fd));
	hs_shared_state_close(&first);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &second), HS_OK);
	hs_shared_state_close(&second);
}

static void in_flight(struct hs_shared_state *state)
{
	atomic_store(&state->stream[HS_EVENTS].in_flight, 500);
}

TEST(a_dead_leaders_mark_poisons)
{
	struct hs_shared_state_handle h;

	leave(in_flight);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	assert_int_equal(atomic_load(&h.state->stream[HS_EVENTS].poisoned), 1);
	assert_int_equal(atomic_load(&h.state->stream[HS_EVENTS].in_flight), 0);
	assert_int_equal(atomic_load(&h.state->stream[HS_REJECTED].poisoned), 0);
	assert_int_equal(h.state->stream[HS_EVENTS].known, 1);
	hs_shared_state_close(&h);
}

TEST(a_file_system_without_locks)
{
	static const int errors[] = { ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL, ENODEV };
	struct hs_shared_state_handle h;

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, errors[i]);
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SPOOL_FS);
		wrap_reset();
	}
	wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, EIO);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_IO);
	wrap_reset();
}

/* Locks that a killed last user left are free for the next one. */
TEST(locks_do_not_outlive_the_last_user)
{
	struct hs_shared_state_handle h;
	bool died = true;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	memset(&h.state->stream[0].append, 0xFF, sizeof h.state->stream[0].append);
	memset(&h.state->stream[1].sync, 0xFF, sizeof h.state->stream[1].sync);
	hs_shared_state_close(&h);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	assert_result(hs_shared_state_try_lock(&h.state->stream[0].append, &died), HS_OK);
	assert_false(died);
	hs_shared_state_unlock(&h.state->stream[0].append);
	assert_result(hs_shared_state_try_lock(&h.state->stream[1].sync, &died), HS_OK);
	hs_shared_state_unlock(&h.state->stream[1].sync);
	hs_shared_state_close(&h);
}

static int die_with_the_lock(void *context)
{
	struct hs_shared_state_handle h;
	bool died;

	(void)context;
	if (hs_shared_state_open(temp.fd, temp.fd, &h) != HS_OK ||
	    hs_shared_state_try_lock(&h.state->stream[0].append, &died) != HS_OK)
		return 1;
	raise(SIGKILL);
	return 2;
}

TEST(a_dead_holder_is_noticed_once)
{
	struct hs_shared_state_handle h;
	bool died;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(child_run(die_with_the_lock, NULL), -1);
		if (i == 0)
			assert_result(hs_shared_state_try_lock(&h.state->stream[0].append, &died), HS_OK);
		else
			assert_result(hs_shared_state_lock(&h.state->stream[0].append, soon(), &died), HS_OK);
		assert_true(died);
		hs_shared_state_unlock(&h.state->stream[0].append);
		assert_result(hs_shared_state_try_lock(&h.state->stream[0].append, &died), HS_OK);
		assert_false(died);
		hs_shared_state_unlock(&h.state->stream[0].append);
	}
	hs_shared_state_close(&h);
}

static void *try_to_lock(void *context)
{
	pthread_mutex_t *m = context;
	int64_t start = hs_io_now_monotonic();
	bool died;

	if (hs_shared_state_try_lock(m, &died) != HS_E_TIMEOUT ||
	    hs_shared_state_lock(m, start + 30, &died) != HS_E_TIMEOUT)
		return "taken";
	return hs_io_now_monotonic() - start >= 29 ? NULL : "too soon";
}

TEST(a_lock_that_is_held_is_waited_for)
{
	struct hs_shared_state_handle h;
	pthread_t thread;
	void *wrong;
	bool died;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	assert_result(hs_shared_state_try_lock(&h.state->stream[0].append, &died), HS_OK);
	assert_int_equal(pthread_create(&thread, NULL, try_to_lock, &h.state->stream[0].append), 0);
	pthread_join(thread, &wrong);
	assert_null(wrong);
	hs_shared_state_unlock(&h.state->stream[0].append);
	hs_shared_state_close(&h);
}

/* A set-up that begins, and does not finish. */
TEST(a_setup_that_does_not_end)
{
	struct hs_shared_state_handle h;
	int lock = hs_io_open_dir(temp.fd, ".");

	assert_int_equal(hs_io_lock(lock, LOCK_EX | LOCK_NB), 0);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SETTING_UP);
	close(lock);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	hs_shared_state_close(&h);
}

TEST(an_obstacle_in_the_place_of_the_state)
{
	struct hs_shared_state_handle h;

	unlinkat(temp.fd, "state", 0);
	assert_int_equal(symlinkat("target", temp.fd, "state"), 0);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SPOOL_FILE);
	assert_false(spooldir_exists(&temp.d, "target"));
	spooldir_unlink(&temp.d, "state");
	assert_int_equal(mkdirat(temp.fd, "state", 0700), 0);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SPOOL_FILE);
	assert_int_equal(unlinkat(temp.fd, "state", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(temp.fd, "state", 0600), 0);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SPOOL_FILE);
	spooldir_unlink(&temp.d, "state");
}

static int descriptors(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd; /* the lowest free one */
}

/* Each call fails once: an error, no descriptor left open, and the next try works. */
TEST(every_call_fails)
{
	static const struct {
		enum wrap_call call;
		int error;
		enum hs_result expected;
	} faults[] = {
		{ WRAP_OPENAT, EMFILE, HS_E_IO }, { WRAP_PWRITE, ENOSPC, HS_E_FULL }, { WRAP_FTRUNCATE, EIO, HS_E_IO },
		{ WRAP_FLOCK, ENOLCK, HS_E_IO },  { WRAP_FCHMOD, EPERM, HS_E_IO },
	};
	struct hs_shared_state_handle h;
	int before = descriptors();

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		unlinkat(temp.fd, "state", 0);
		wrap_fail(faults[i].call, 1, 1, faults[i].error);
		if (faults[i].call != WRAP_FLOCK) {
			assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), faults[i].expected);
			assert_int_equal(descriptors(), before);
		}
		wrap_reset();
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
		assert_result(hs_shared_state_sync(&h), HS_OK);
		wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
		assert_result(hs_shared_state_sync(&h), HS_E_IO);
		hs_shared_state_close(&h);
		assert_int_equal(descriptors(), before);
	}
}

/* Without memory for a lock there is no state, and the next process makes a whole one. */
TEST(every_lock_fails)
{
	struct hs_shared_state_handle h;

	for (unsigned nth = 1; nth <= 2 * HS_STREAMS + 1; nth++) {
		wrap_fail(WRAP_LOCK, nth, 1, ENOMEM);
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_MEMORY);
		wrap_reset();
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
		hs_shared_state_close(&h);
	}
}

/* --- changes while it is opened --------------------------------------------------------- */

static struct hs_shared_state_handle user; /* has it open all the time */

static void change_magic(void *unused)
{
	(void)unused;
	user.state->magic[0] ^= 1;
}

static void change_version(void *unused)
{
	(void)unused;
	user.state->version ^= 1;
}

static void change_layout(void *unused)
{
	(void)unused;
	user.state->layout ^= 1;
}

static void change_boot(void *unused)
{
	(void)unused;
	user.state->boot_id[0] ^= 1;
}

static void change_life(void *unused)
{
	(void)unused;
	user.state->life++;
}

static void change_device(void *unused)
{
	(void)unused;
	wrap_device(1);
}

/* The step from a lock alone to a shared one is not atomic: another process may set it up in between. */
TEST(a_state_that_another_process_sets_up_meanwhile)
{
	void (*const change[])(void *unused) = { change_magic, change_version, change_layout, change_boot };
	struct hs_shared_state_handle h;
	unsigned last;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &user), HS_OK);
	wrap_reset();
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	last = wrap_count(WRAP_FSTAT); /* before it is mapped, when its head has been read */
	hs_shared_state_close(&h);
	for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
		wrap_reset();
		wrap_before(WRAP_FSTAT, last, change[i], NULL);
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_E_SPOOL_VERSION);
		change[i](NULL);
		assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
		hs_shared_state_close(&h);
	}
	wrap_reset();
	wrap_before(WRAP_OPENAT, 2, change_life, NULL); /* between two looks of a reader */
	assert_result(hs_shared_state_open_to_read(temp.fd, &h), HS_E_SPOOL_ASLEEP);
	assert_result(hs_shared_state_open_to_read(temp.fd, &h), HS_OK);
	hs_shared_state_close(&h);
	hs_shared_state_close(&user);
}

TEST(a_file_that_is_no_longer_the_open_one)
{
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &user), HS_OK);
	assert_true(hs_shared_state_is_current(&user, temp.fd));
	wrap_reset();
	wrap_before(WRAP_FSTATAT, 1, change_device, NULL);
	assert_false(hs_shared_state_is_current(&user, temp.fd));
	wrap_reset();
	assert_true(hs_shared_state_is_current(&user, temp.fd));
	spooldir_add(&temp.d, "state", HS_SLICE("x"));
	assert_false(hs_shared_state_is_current(&user, temp.fd));
	hs_shared_state_close(&user);
}

/* Somebody gave the lock of a dead holder back without putting it right: nobody gets it in this life of the state. */
TEST(a_lock_that_is_lost)
{
	struct hs_shared_state_handle h;
	pthread_mutex_t *lock;
	bool died;

	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	lock = &h.state->stream[0].append;
	assert_int_equal(child_run(die_with_the_lock, NULL), -1);
	assert_int_equal(pthread_mutex_trylock(lock), EOWNERDEAD);
	pthread_mutex_unlock(lock);
	assert_result(hs_shared_state_try_lock(lock, &died), HS_E_IO);
	hs_shared_state_close(&h);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	assert_result(hs_shared_state_try_lock(&h.state->stream[0].append, &died), HS_OK);
	hs_shared_state_unlock(&h.state->stream[0].append);
	hs_shared_state_close(&h);
}

/* A read-only user does not believe a state of another boot, or a half-made or absent one. */
TEST(a_reader)
{
	struct hs_shared_state_handle owner, reader;

	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_ASLEEP);
	assert_int_equal(faccessat(temp.fd, "state", F_OK, 0), -1);
	leave(NULL);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_OK);
	assert_int_equal(reader.state->stream[HS_EVENTS].number, 7);
	assert_true(hs_shared_state_is_current(&reader, temp.fd));
	/* it holds no lock: the next user is alone, and may start afresh */
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &owner), HS_OK);
	assert_true(hs_shared_state_is_current(&reader, temp.fd));
	memset(owner.state->boot_id, 'x', sizeof owner.state->boot_id - 1);
	hs_shared_state_close(&owner);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &owner), HS_OK);
	assert_false(hs_shared_state_is_current(&reader, temp.fd)); /* though the file is the same */
	owner.state->ready = 0;
	hs_shared_state_close(&reader);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_ASLEEP);
	owner.state->ready = 1;
	memset(owner.state->boot_id, 'x', sizeof owner.state->boot_id - 1);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_ASLEEP);
	hs_shared_state_close(&owner);
	assert_int_equal(unlinkat(temp.fd, "state", 0), 0);
	assert_int_equal(mkfifoat(temp.fd, "state", 0600), 0);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_FILE);
}

/* Left by another version, cut, of no version of ours, and a link: none is read, and no descriptor stays open. */
TEST(states_that_are_not_to_be_read)
{
	struct hs_shared_state_handle reader;
	int before;

	leave(NULL);
	before = descriptors();
	wrap_fail(WRAP_FSTAT, 1, 1, EIO);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_IO);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_STATE);
	wrap_fail(WRAP_OPENAT, 1, 1, EACCES);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_OWNER);
	wrap_fail(WRAP_OPENAT, 1, 1, EMFILE);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_IO);
	wrap_reset();
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_OK);
	hs_shared_state_close(&reader);
	spooldir_cut(&temp.d, "state", sizeof(struct hs_shared_state) - 4096);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_ASLEEP);
	spooldir_write(&temp.d, "state", HS_SLICE("no state"));
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_ASLEEP);
	leave(NULL);
	spooldir_flip(&temp.d, "state", offsetof(struct hs_shared_state, version));
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_VERSION);
	spooldir_flip(&temp.d, "state", offsetof(struct hs_shared_state, version));
	spooldir_flip(&temp.d, "state", offsetof(struct hs_shared_state, layout));
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_VERSION);
	spooldir_rename(&temp.d, "state", "elsewhere");
	assert_int_equal(symlinkat("elsewhere", temp.fd, "state"), 0);
	assert_result(hs_shared_state_open_to_read(temp.fd, &reader), HS_E_SPOOL_FILE);
	assert_int_equal(descriptors(), before);
}

/* A file far larger than a state is not one, and is not read to its end. */
TEST(a_state_that_does_not_end)
{
	struct hs_shared_state_handle h;

	leave(NULL);
	assert_int_equal(truncate(spooldir_path(&temp.d, "state"), (off_t)1 << 40), 0);
	assert_result(hs_shared_state_open_to_read(temp.fd, &h), HS_E_SPOOL_ASLEEP);
	assert_true(wrap_bytes_read() < 4 * sizeof(struct hs_shared_state));
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &h), HS_OK);
	hs_shared_state_close(&h);
	assert_int_equal(spooldir_size(&temp.d, "state"), sizeof(struct hs_shared_state));
}

TESTS("shared_state", temp_dir_begin, temp_dir_end)
