#include "spool/shared/shared_state.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/file/segment_list.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

static const char magic[8] = "hookspl";
enum { VERSION = 2, SETUP_MS = 4000, POLL_MS = 1, READ_BYTES = 1 << 14 };

static const int64_t STAMP_MOST = INT64_C(253402300799999); /* the end of the year 9999, as a name can say */

/* The first words of a state of every version. */
struct head {
	char magic[8];
	uint32_t version, layout;
};

/* Processes share these numbers, so the C library must not add a lock of its own. */
static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2 && _Alignof(_Atomic uint64_t) == 8,
              "lock-free atomics of one layout");

bool hs_stream_is_intact(const struct hs_stream *stream)
{
	return atomic_load(&stream->first) == HS_INTACT && atomic_load(&stream->last) == HS_INTACT;
}

bool hs_shared_state_is_intact(const struct hs_shared_state *s)
{
	bool intact = atomic_load(&s->last) == HS_INTACT;

	for (int i = 0; i < HS_STREAMS; i++)
		intact = intact && hs_stream_is_intact(&s->stream[i]);
	return intact;
}

/* False: no process has left this. The disk has damaged it, and the names of the files tell more. */
static bool is_possible(const struct hs_stream *s)
{
	return s->number < HS_SEALED_NUMBER_MOST && s->sealed_ms >= 0 && s->sealed_ms <= STAMP_MOST;
}

/* Two builds share a spool only if they see the same struct and the same mutex. */
#ifdef __GLIBC__
enum { LIBRARY = 1 };
#else
enum { LIBRARY = 2 };
#endif

static uint32_t layout(void)
{
	return (uint32_t)sizeof(struct hs_shared_state) << 8 | (uint32_t)sizeof(void *) << 4 | LIBRARY;
}

/* --- setting up ------------------------------------------------------------- */

/* The machine's current boot. */
struct boot {
	char id[37];
	bool known;
};

static enum hs_result make_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int error = pthread_mutexattr_init(&attr); /* in Linux's C libraries these three never fail */

	error |= pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	error |= pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	memset(mutex, 0, sizeof *mutex); /* not in use: this process is alone */
	error |= pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return error == 0 ? HS_OK : hs_io_result(error);
}

/* Resets a state of another boot, or garbage; keeps numbers and clock if `known`. */
static void reset(struct hs_shared_state *s, bool known)
{
	struct {
		uint64_t number;
		int64_t sealed_ms;
		struct hs_own own[HS_OWN];
	} kept[HS_STREAMS] = { 0 };
	struct hs_clock clock = { .boot_ms = -1 };

	if (known) {
		clock.wall_ms = s->clock.wall_ms;
		clock.steady_ms = s->clock.steady_ms;
		clock.lag_ms = atomic_load(&s->clock.lag_ms);
		clock.behind_ms = atomic_load(&s->clock.behind_ms);
		clock.behind_end_ms = atomic_load(&s->clock.behind_end_ms);
	}
	for (int i = 0; i < HS_STREAMS && known; i++) {
		kept[i].number = s->stream[i].number;
		kept[i].sealed_ms = s->stream[i].sealed_ms;
		memcpy(kept[i].own, s->stream[i].own, sizeof kept[i].own);
	}
	memset(s, 0, sizeof *s);
	s->clock.wall_ms = clock.wall_ms;
	s->clock.boot_ms = clock.boot_ms;
	s->clock.steady_ms = clock.steady_ms;
	atomic_store(&s->clock.lag_ms, clock.lag_ms);
	atomic_store(&s->clock.behind_ms, clock.behind_ms);
	atomic_store(&s->clock.behind_end_ms, clock.behind_end_ms);
	for (int i = 0; i < HS_STREAMS; i++) {
		s->stream[i].number = kept[i].number;
		s->stream[i].sealed_ms = kept[i].sealed_ms;
		memcpy(s->stream[i].own, kept[i].own, sizeof kept[i].own);
	}
}

/*
 * Sets the state up, while this process is alone. A process that had a sync under way is dead, and the
 * kernel, which reports lost bytes only once, may have told it of some. So that segment is poisoned.
 */
static enum hs_result set_up(struct hs_shared_state *s, const struct boot *boot, uint64_t inode)
{
	bool known = memcmp(s->magic, magic, sizeof magic) == 0 && s->layout == layout() &&
	             hs_shared_state_is_intact(s) && is_possible(&s->stream[HS_EVENTS]) &&
	             is_possible(&s->stream[HS_REJECTED]);
	bool same_boot = boot->known && known && strcmp(s->boot_id, boot->id) == 0;
	bool other_boot = boot->known && known && !same_boot && s->boot_id[0] != '\0';
	enum hs_result result = HS_OK;

	s->ready = 0;
	if (!same_boot || s->inode != inode) {
		reset(s, known);
		s->life = hs_io_random();
	}
	for (int i = 0; i < HS_STREAMS && result == HS_OK; i++) {
		struct hs_stream *stream = &s->stream[i];

		result = make_mutex(&stream->append);
		if (result == HS_OK)
			result = make_mutex(&stream->sync);
		if (atomic_load(&stream->in_flight) != 0)
			atomic_store(&stream->poisoned, 1);
		atomic_store(&stream->in_flight, 0);
		stream->looked_ns = stream->look_again_us = 0; /* look at once, whatever earlier processes saw */
		stream->trusted = other_boot || (same_boot && stream->trusted);
		atomic_store(&stream->first, HS_INTACT);
		atomic_store(&stream->last, HS_INTACT);
	}
	if (result == HS_OK)
		result = make_mutex(&s->clock.lock);
	if (result != HS_OK)
		return result;
	atomic_store(&s->last, HS_INTACT);
	memcpy(s->magic, magic, sizeof magic);
	s->version = VERSION;
	s->layout = layout();
	memcpy(s->boot_id, boot->id, sizeof boot->id);
	s->inode = inode;
	s->ready = 1;
	return HS_OK;
}

static enum hs_result check_shared(const struct hs_shared_state *s, const struct boot *boot)
{
	if (!hs_shared_state_is_intact(s))
		return HS_E_SETTING_UP; /* cut: the processes that have it open are about to notice */
	if (memcmp(s->magic, magic, sizeof magic) != 0 || s->version != VERSION || s->layout != layout() ||
	    strcmp(s->boot_id, boot->id) != 0)
		return HS_E_SPOOL_VERSION;
	return s->ready ? HS_OK : HS_E_SETTING_UP;
}

/*
 * Reads every page before the file is mapped, where an unreadable one would be a SIGBUS. *head is the
 * beginning, zeros if the file is shorter.
 */
static enum hs_result read_all(int fd, struct head *head)
{
	char page[READ_BYTES];
	uint64_t at = 0;
	ssize_t got;

	memset(head, 0, sizeof *head);
	while ((got = hs_io_read_at(fd, page, sizeof page, at)) > 0) {
		if (at == 0 && (size_t)got >= sizeof *head)
			memcpy(head, page, sizeof *head);
		at += (uint64_t)got;
		if (at > 2 * sizeof(struct hs_shared_state))
			break; /* not a state, and perhaps endless */
	}
	if (got >= 0)
		return HS_OK;
	hs_log_result(HS_E_SPOOL_STATE, "read .hookspool/run/state: %s", strerror(errno));
	return HS_E_SPOOL_STATE;
}

static bool is_ours(const struct head *head)
{
	return memcmp(head->magic, magic, sizeof magic) == 0;
}

/* Gives all of the file blocks: a full disk must not be a SIGBUS. */
static enum hs_result fill(int fd)
{
	char *zeros;
	struct stat st;
	struct head head;
	enum hs_result result = HS_OK;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	if (!S_ISREG(st.st_mode))
		return HS_E_SPOOL_FILE;
	result = read_all(fd, &head);
	if (result != HS_OK)
		return result;
	/* a file of a newer version may have another size; it is not to be overwritten */
	if (is_ours(&head) && head.version > VERSION)
		return HS_E_SPOOL_VERSION;
	if (st.st_size == (off_t)sizeof(struct hs_shared_state))
		return HS_OK;
	if (hs_io_truncate(fd, 0) < 0)
		return HS_E_IO;
	zeros = calloc(1, sizeof(struct hs_shared_state));
	if (zeros == NULL)
		return HS_E_MEMORY;
	if (hs_io_write_at(fd, zeros, sizeof(struct hs_shared_state), 0) < 0)
		result = hs_io_result(errno);
	free(zeros);
	return result;
}

/* The result for a flock or mmap that failed, perhaps because the file system does not support it. */
static enum hs_result call_failed(const char *call)
{
	int error = errno;

	if (error != ENOLCK && error != ENOSYS && error != EOPNOTSUPP && error != EINVAL && error != ENODEV)
		return hs_io_result(error);
	hs_log_result(HS_E_SPOOL_FS, "%s: %s", call, strerror(error));
	return HS_E_SPOOL_FS;
}

/*
 * Takes the lock shared, in place of an exclusive one if that is held. That step is not atomic
 * (flock(2)): another process may set up the state in between, which does no harm, since this one has
 * not read it yet.
 */
static enum hs_result share_one(int fd)
{
	if (hs_io_lock_within(fd, LOCK_SH, SETUP_MS) == 0)
		return HS_OK;
	return errno == EWOULDBLOCK ? HS_E_SETTING_UP : call_failed("flock");
}

static enum hs_result share(const struct hs_shared_state_handle *handle)
{
	enum hs_result result = share_one(handle->lock_fd);

	return result == HS_OK ? share_one(handle->state_fd) : result;
}

/*
 * The spool directory's lock counts: if .hookspool/run is emptied, no process must take itself for
 * alone. The state's own lock is for processes that still have it open.
 */
static bool is_alone(const struct hs_shared_state_handle *handle)
{
	return hs_io_lock(handle->lock_fd, LOCK_EX | LOCK_NB) == 0 &&
	       hs_io_lock(handle->state_fd, LOCK_EX | LOCK_NB) == 0;
}

/* Checks that a state in use is whole, and of this version and layout. */
static enum hs_result look_at_shared(int fd)
{
	struct stat st;
	struct head head;
	enum hs_result result = read_all(fd, &head);

	if (result != HS_OK)
		return result;
	if (is_ours(&head) && (head.version != VERSION || head.layout != layout()))
		return HS_E_SPOOL_VERSION;
	return hs_io_fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct hs_shared_state) ? HS_OK
	                                                                                        : HS_E_SETTING_UP;
}

static enum hs_result map(struct hs_shared_state_handle *handle, uint64_t *inode)
{
	struct stat st;

	if (hs_io_fstat(handle->state_fd, &st) < 0)
		return HS_E_IO;
	*inode = (uint64_t)st.st_ino;
	handle->state = hs_io_map(handle->state_fd, sizeof *handle->state);
	return handle->state == NULL ? call_failed("mmap") : HS_OK;
}

/* Closes all; no lock of the state may be held. */
static void give_up(struct hs_shared_state_handle *handle)
{
	if (handle->state != NULL)
		hs_io_unmap(handle->state, sizeof *handle->state);
	if (handle->state_fd >= 0)
		hs_io_close(handle->state_fd);
	if (handle->lock_fd >= 0)
		hs_io_close(handle->lock_fd);
	*handle = (struct hs_shared_state_handle){ NULL, -1, -1, 0 };
}

static enum hs_result open_once(int spool_dir, int run_dir, struct hs_shared_state_handle *handle)
{
	enum hs_result result = HS_OK;
	struct boot boot = { .known = false };
	uint64_t inode = 0;
	bool alone;

	handle->state = NULL;
	handle->state_fd = -1;
	handle->lock_fd = hs_io_open_dir(spool_dir, ".");
	if (handle->lock_fd >= 0)
		handle->state_fd = hs_io_open_or_make(run_dir, "state", 0600);
	if (handle->lock_fd < 0 || handle->state_fd < 0) {
		result = errno == ELOOP || errno == EISDIR ? HS_E_SPOOL_FILE : hs_io_result(errno);
		give_up(handle);
		return result;
	}
	boot.known = hs_io_boot_id(boot.id);
	alone = is_alone(handle);
	if (alone)
		result = fill(handle->state_fd);
	else
		result = share(handle);
	if (result == HS_OK && !alone)
		result = look_at_shared(handle->state_fd);
	if (result == HS_OK)
		result = map(handle, &inode);
	if (result == HS_OK && alone)
		result = set_up(handle->state, &boot, inode);
	if (result == HS_OK && alone)
		result = share(handle);
	if (result == HS_OK)
		result = check_shared(handle->state, &boot);
	if (result != HS_OK)
		give_up(handle);
	return result;
}

enum hs_result hs_shared_state_open(int spool_dir, int run_dir, struct hs_shared_state_handle *handle)
{
	int64_t deadline = hs_io_now_monotonic() + SETUP_MS;
	enum hs_result result;

	/*
	 * It is being set up, or the process that did so was killed, or it is cut and the processes that
	 * have it open are about to notice: perhaps this one is alone by now.
	 */
	while ((result = open_once(spool_dir, run_dir, handle)) == HS_E_SETTING_UP && hs_io_now_monotonic() < deadline)
		hs_io_pause(POLL_MS);
	return result;
}

/* --- opening to read only ----------------------------------------------------- */

static enum hs_result look_at_file(int fd)
{
	struct stat st;
	struct head head;
	enum hs_result result;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	if (!S_ISREG(st.st_mode))
		return HS_E_SPOOL_FILE;
	result = read_all(fd, &head);
	if (result == HS_OK && is_ours(&head) && (head.version != VERSION || head.layout != layout()))
		result = HS_E_SPOOL_VERSION;
	if (result == HS_OK && (!is_ours(&head) || st.st_size != (off_t)sizeof(struct hs_shared_state)))
		result = HS_E_SPOOL_ASLEEP;
	return result;
}

/* The state's marks are good as long as the machine runs, whether a process has it open or not. */
static bool is_awake(const struct hs_shared_state *s)
{
	struct boot boot = { .known = false };

	boot.known = hs_io_boot_id(boot.id);
	return boot.known && check_shared(s, &boot) == HS_OK;
}

enum hs_result hs_shared_state_open_to_read(int run_dir, struct hs_shared_state_handle *handle)
{
	enum hs_result result;

	*handle = (struct hs_shared_state_handle){ NULL, -1, -1, 0 };
	handle->state_fd = hs_io_open_read(run_dir, "state");
	if (handle->state_fd < 0)
		return errno == ENOENT   ? HS_E_SPOOL_ASLEEP
		       : errno == EACCES ? HS_E_SPOOL_OWNER
		       : errno == ELOOP  ? HS_E_SPOOL_FILE
		                         : hs_io_result(errno);
	result = look_at_file(handle->state_fd);
	if (result == HS_OK) {
		handle->state =
		    (struct hs_shared_state *)(uintptr_t)hs_io_map_read(handle->state_fd, sizeof *handle->state);
		result = handle->state == NULL ? call_failed("mmap") : HS_OK;
	}
	if (result == HS_OK) {
		handle->life = handle->state->life;
		result = is_awake(handle->state) && handle->life == handle->state->life ? HS_OK : HS_E_SPOOL_ASLEEP;
	}
	if (result != HS_OK)
		give_up(handle);
	return result;
}

void hs_shared_state_close(struct hs_shared_state_handle *handle)
{
	/* the C library's list of robust mutexes may still have the address of one in a lost state */
	if (handle->state != NULL && !hs_shared_state_is_intact(handle->state)) {
		hs_io_unmap_lost(handle->state, sizeof *handle->state);
		handle->state = NULL;
	}
	give_up(handle);
}

bool hs_shared_state_is_current(const struct hs_shared_state_handle *handle, int run_dir)
{
	struct stat ours, named;

	return hs_shared_state_is_intact(handle->state) &&
	       (handle->lock_fd >= 0 || handle->state->life == handle->life) &&
	       hs_io_fstat(handle->state_fd, &ours) == 0 && hs_io_stat(run_dir, "state", &named) == 0 &&
	       named.st_ino == ours.st_ino && named.st_dev == ours.st_dev &&
	       named.st_size == (off_t)sizeof *handle->state;
}

enum hs_result hs_shared_state_distrust(int spool_dir, int run_dir)
{
	struct hs_shared_state_handle handle = { NULL, -1, -1, 0 };
	char none[sizeof handle.state->boot_id] = "";
	enum hs_result result = HS_OK;

	handle.lock_fd = hs_io_open_dir(spool_dir, ".");
	if (handle.lock_fd >= 0)
		handle.state_fd = hs_io_open_or_make(run_dir, "state", 0600);
	if (handle.lock_fd < 0 || handle.state_fd < 0)
		result = hs_io_result(errno);
	else if (!is_alone(&handle))
		result = HS_E_SPOOL_IN_USE;
	else
		result = fill(handle.state_fd);
	if (result == HS_OK &&
	    hs_io_write_at(handle.state_fd, none, sizeof none, offsetof(struct hs_shared_state, boot_id)) < 0)
		result = hs_io_result(errno);
	hs_shared_state_close(&handle);
	return result;
}

enum hs_result hs_shared_state_sync(const struct hs_shared_state_handle *handle)
{
	return hs_io_sync_data(handle->state_fd) < 0 ? HS_E_IO : HS_OK;
}

/* --- locks ------------------------------------------------------------------ */

static enum hs_result lock_result(pthread_mutex_t *mutex, int error, bool *died)
{
	*died = error == EOWNERDEAD;
	if (*died)
		error = pthread_mutex_consistent(mutex);
	return error == 0 ? HS_OK : error == EBUSY || error == ETIMEDOUT ? HS_E_TIMEOUT : HS_E_IO;
}

enum hs_result hs_shared_state_lock(pthread_mutex_t *mutex, int64_t deadline_ms, bool *died)
{
	struct timespec t;
	int error = pthread_mutex_trylock(mutex);

	if (error != EBUSY)
		return lock_result(mutex, error, died);
#ifdef __GLIBC__
	t = (struct timespec){ .tv_sec = (time_t)(deadline_ms / 1000),
		               .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	error = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &t);
#else
	{
		int64_t wall = hs_io_now() + deadline_ms - hs_io_now_monotonic();

		t = (struct timespec){ .tv_sec = (time_t)(wall / 1000), .tv_nsec = (long)(wall % 1000) * 1000000 };
		error = pthread_mutex_timedlock(mutex, &t);
	}
#endif
	return lock_result(mutex, error, died);
}

enum hs_result hs_shared_state_try_lock(pthread_mutex_t *mutex, bool *died)
{
	return lock_result(mutex, pthread_mutex_trylock(mutex), died);
}

void hs_shared_state_unlock(pthread_mutex_t *mutex)
{
	pthread_mutex_unlock(mutex); /* fails only if the state is lost */
}

void hs_stream_unlock(const struct hs_stream *stream, pthread_mutex_t *mutex)
{
	if (hs_stream_is_intact(stream))
		hs_shared_state_unlock(mutex);
}
