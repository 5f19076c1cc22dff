#include "spool/shared/shared_state.h"
#include "base/io.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

static const char magic[8] = "hookspl";
enum { VERSION = 2, SETUP_MS = 4000, POLL_MS = 1, READ_BYTES = 1 << 14 };

/* A state's first words, in every version. */
struct head {
	char magic[8];
	uint32_t version, layout;
};

/* Processes share these numbers: no lock of the C library's may hide beside them. */
static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2 && _Alignof(_Atomic uint64_t) == 8,
              "lock-free atomics of one layout");

bool hs_stream_is_intact(const struct hs_stream *f)
{
	return atomic_load(&f->first) == HS_INTACT && atomic_load(&f->last) == HS_INTACT;
}

bool hs_shared_state_is_intact(const struct hs_shared_state *s)
{
	bool intact = atomic_load(&s->last) == HS_INTACT;

	for (int i = 0; i < HS_STREAMS; i++)
		intact = intact && hs_stream_is_intact(&s->stream[i]);
	return intact;
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

/* This boot of the machine, if it can be told which it is. */
struct boot {
	char id[37];
	bool known;
};

static enum hs_result make_mutex(pthread_mutex_t *m)
{
	pthread_mutexattr_t attr;
	int error = pthread_mutexattr_init(&attr);

	if (error != 0)
		return HS_E_MEMORY;
	memset(m, 0, sizeof *m); /* nobody uses it: we are alone */
	error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (error == 0)
		error = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (error == 0)
		error = pthread_mutex_init(m, &attr);
	pthread_mutexattr_destroy(&attr);
	return error == 0 ? HS_OK : HS_E_IO;
}

/* Of a state that another boot wrote, or that is not one: keep the numbers, at most. */
static void forget(struct hs_shared_state *s, bool known)
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
	for (int i = 0; i < HS_STREAMS; i++) {
		s->stream[i].number = kept[i].number;
		s->stream[i].sealed_ms = kept[i].sealed_ms;
		memcpy(s->stream[i].own, kept[i].own, sizeof kept[i].own);
	}
}

/*
 * We are alone. Whoever had a sync under way is dead: whether the kernel told it of lost
 * bytes nobody knows, and it tells only once. So that segment is poisoned.
 */
static enum hs_result set_up(struct hs_shared_state *s, const struct boot *boot, uint64_t inode)
{
	bool known =
	    memcmp(s->magic, magic, sizeof magic) == 0 && s->layout == layout() && hs_shared_state_is_intact(s);
	bool same_boot = boot->known && known && strcmp(s->boot_id, boot->id) == 0;
	bool other_boot = boot->known && known && !same_boot && s->boot_id[0] != '\0';

	s->ready = 0;
	if (!same_boot || s->inode != inode) {
		forget(s, known);
		s->life = hs_io_random();
	}
	for (int i = 0; i < HS_STREAMS; i++) {
		struct hs_stream *f = &s->stream[i];
		enum hs_result r = make_mutex(&f->append);

		if (r == HS_OK)
			r = make_mutex(&f->sync);
		if (r != HS_OK)
			return r;
		if (atomic_load(&f->in_flight) != 0)
			atomic_store(&f->poisoned, 1);
		atomic_store(&f->in_flight, 0);
		f->looked_ns = f->look_again_us = 0; /* whoever was here before, look at once */
		f->trusted = other_boot || (same_boot && f->trusted);
		atomic_store(&f->first, HS_INTACT);
		atomic_store(&f->last, HS_INTACT);
	}
	if (make_mutex(&s->clock.lock) != HS_OK)
		return HS_E_MEMORY;
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
		return HS_E_SETTING_UP; /* cut: whoever has it open is about to find out */
	if (memcmp(s->magic, magic, sizeof magic) != 0 || s->version != VERSION || s->layout != layout() ||
	    strcmp(s->boot_id, boot->id) != 0)
		return HS_E_SPOOL_VERSION;
	return s->ready ? HS_OK : HS_E_SETTING_UP;
}

/*
 * Every page is read before one is mapped: what cannot be read would be a SIGBUS there. *head
 * is the beginning, zeros if the file is shorter.
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
			break; /* not ours, and perhaps without end */
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

/* All of the file has blocks: a full disk must not be a SIGBUS. */
static enum hs_result fill(int fd)
{
	char *zeros;
	struct stat st;
	struct head head;
	enum hs_result r = HS_OK;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	if (!S_ISREG(st.st_mode))
		return HS_E_SPOOL_FILE;
	r = read_all(fd, &head);
	if (r != HS_OK)
		return r;
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
		r = hs_io_result(errno);
	free(zeros);
	return r;
}

/* flock or mmap failed: perhaps because the file system has no such thing. */
static enum hs_result call_failed(const char *call)
{
	int error = errno;

	if (error != ENOLCK && error != ENOSYS && error != EOPNOTSUPP && error != EINVAL && error != ENODEV)
		return hs_io_result(error);
	hs_log_result(HS_E_SPOOL_FS, "%s: %s", call, strerror(error));
	return HS_E_SPOOL_FS;
}

/*
 * Shared, and whether we were alone. The step from exclusive to shared is not atomic
 * (flock(2)): another process may set up in between, which does no harm, as we have not
 * looked at anything yet.
 */
static enum hs_result share_one(int fd)
{
	int64_t deadline = hs_io_now_monotonic() + SETUP_MS;

	while (hs_io_lock(fd, LOCK_SH | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return call_failed("flock");
		if (hs_io_now_monotonic() > deadline)
			return HS_E_SETTING_UP;
		hs_io_pause(POLL_MS);
	}
	return HS_OK;
}

static enum hs_result share(const struct hs_shared_state_handle *h)
{
	enum hs_result r = share_one(h->lock_fd);

	return r == HS_OK ? share_one(h->state_fd) : r;
}

/*
 * The lock that counts is the spool directory's: whoever removes all that is in .hookspool/run must
 * not make anybody think that he is alone. The state's own is for those who still have it open.
 */
static bool is_alone(const struct hs_shared_state_handle *h)
{
	return hs_io_lock(h->lock_fd, LOCK_EX | LOCK_NB) == 0 && hs_io_lock(h->state_fd, LOCK_EX | LOCK_NB) == 0;
}

/* Somebody else uses it: is it whole, and of our kind? */
static enum hs_result look_at_shared(int fd)
{
	struct stat st;
	struct head head;
	enum hs_result r = read_all(fd, &head);

	if (r != HS_OK)
		return r;
	if (is_ours(&head) && (head.version != VERSION || head.layout != layout()))
		return HS_E_SPOOL_VERSION;
	return hs_io_fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct hs_shared_state) ? HS_OK
	                                                                                        : HS_E_SETTING_UP;
}

static enum hs_result map(struct hs_shared_state_handle *h, uint64_t *inode)
{
	struct stat st;

	if (hs_io_fstat(h->state_fd, &st) < 0)
		return HS_E_IO;
	*inode = (uint64_t)st.st_ino;
	h->state = hs_io_map(h->state_fd, sizeof *h->state);
	return h->state == NULL ? call_failed("mmap") : HS_OK;
}

/* No lock of it has been taken. */
static void give_up(struct hs_shared_state_handle *h)
{
	if (h->state != NULL)
		hs_io_unmap(h->state, sizeof *h->state);
	if (h->state_fd >= 0)
		hs_io_close(h->state_fd);
	if (h->lock_fd >= 0)
		hs_io_close(h->lock_fd);
	*h = (struct hs_shared_state_handle){ NULL, -1, -1, 0 };
}

static enum hs_result open_once(int spool_dir, int run_dir, struct hs_shared_state_handle *h)
{
	enum hs_result r = HS_OK;
	struct boot boot;
	uint64_t inode = 0;
	bool alone;

	h->state = NULL;
	h->state_fd = -1;
	h->lock_fd = hs_io_open_dir(spool_dir, ".");
	if (h->lock_fd >= 0)
		h->state_fd = hs_io_open_or_make(run_dir, "state", 0600);
	if (h->lock_fd < 0 || h->state_fd < 0) {
		r = errno == ELOOP || errno == EISDIR ? HS_E_SPOOL_FILE : hs_io_result(errno);
		give_up(h);
		return r;
	}
	boot.known = hs_io_boot_id(boot.id);
	alone = is_alone(h);
	if (alone)
		r = fill(h->state_fd);
	else
		r = share(h);
	if (r == HS_OK && !alone)
		r = look_at_shared(h->state_fd);
	if (r == HS_OK)
		r = map(h, &inode);
	if (r == HS_OK && alone)
		r = set_up(h->state, &boot, inode);
	if (r == HS_OK && alone)
		r = share(h);
	if (r == HS_OK)
		r = check_shared(h->state, &boot);
	if (r != HS_OK)
		give_up(h);
	return r;
}

enum hs_result hs_shared_state_open(int spool_dir, int run_dir, struct hs_shared_state_handle *h)
{
	int64_t deadline = hs_io_now_monotonic() + SETUP_MS;
	enum hs_result r;

	/*
	 * busy: it was being set up by one who was killed, or it is cut and those who have it open
	 * are about to find out; perhaps we are alone now
	 */
	while ((r = open_once(spool_dir, run_dir, h)) == HS_E_SETTING_UP && hs_io_now_monotonic() < deadline)
		hs_io_pause(POLL_MS);
	return r;
}

/* --- to read only ----------------------------------------------------------- */

static enum hs_result look_at_file(int fd)
{
	struct stat st;
	struct head head;
	enum hs_result r;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	if (!S_ISREG(st.st_mode))
		return HS_E_SPOOL_FILE;
	r = read_all(fd, &head);
	if (r == HS_OK && is_ours(&head) && (head.version != VERSION || head.layout != layout()))
		r = HS_E_SPOOL_VERSION;
	if (r == HS_OK && (!is_ours(&head) || st.st_size != (off_t)sizeof(struct hs_shared_state)))
		r = HS_E_SPOOL_ASLEEP;
	return r;
}

/* Its marks are good for as long as the machine runs, whether anybody has it open or not. */
static bool is_awake(const struct hs_shared_state *s)
{
	struct boot boot = { .known = false };

	boot.known = hs_io_boot_id(boot.id);
	return boot.known && check_shared(s, &boot) == HS_OK;
}

enum hs_result hs_shared_state_open_to_read(int run_dir, struct hs_shared_state_handle *h)
{
	enum hs_result r;

	*h = (struct hs_shared_state_handle){ NULL, -1, -1, 0 };
	h->state_fd = hs_io_open_read(run_dir, "state");
	if (h->state_fd < 0)
		return errno == ENOENT   ? HS_E_SPOOL_ASLEEP
		       : errno == EACCES ? HS_E_SPOOL_OWNER
		       : errno == ELOOP  ? HS_E_SPOOL_FILE
		                         : hs_io_result(errno);
	r = look_at_file(h->state_fd);
	if (r == HS_OK) {
		h->state = (struct hs_shared_state *)(uintptr_t)hs_io_map_read(h->state_fd, sizeof *h->state);
		r = h->state == NULL ? call_failed("mmap") : HS_OK;
	}
	if (r == HS_OK) {
		h->life = h->state->life;
		r = is_awake(h->state) && h->life == h->state->life ? HS_OK : HS_E_SPOOL_ASLEEP;
	}
	if (r != HS_OK)
		give_up(h);
	return r;
}

void hs_shared_state_close(struct hs_shared_state_handle *h)
{
	/* of a lost one the C library may still hold the address of a lock, in its list of robust ones */
	if (h->state != NULL && !hs_shared_state_is_intact(h->state)) {
		hs_io_unmap_lost(h->state, sizeof *h->state);
		h->state = NULL;
	}
	give_up(h);
}

bool hs_shared_state_is_current(const struct hs_shared_state_handle *h, int run_dir)
{
	struct stat ours, named;

	return hs_shared_state_is_intact(h->state) && (h->lock_fd >= 0 || h->state->life == h->life) &&
	       hs_io_fstat(h->state_fd, &ours) == 0 && hs_io_stat(run_dir, "state", &named) == 0 &&
	       named.st_ino == ours.st_ino && named.st_dev == ours.st_dev && named.st_size == (off_t)sizeof *h->state;
}

enum hs_result hs_shared_state_distrust(int spool_dir, int run_dir)
{
	struct hs_shared_state_handle h = { NULL, -1, -1, 0 };
	char none[sizeof h.state->boot_id] = "";
	enum hs_result r = HS_OK;

	h.lock_fd = hs_io_open_dir(spool_dir, ".");
	if (h.lock_fd >= 0)
		h.state_fd = hs_io_open_or_make(run_dir, "state", 0600);
	if (h.lock_fd < 0 || h.state_fd < 0)
		r = hs_io_result(errno);
	else if (!is_alone(&h))
		r = HS_E_SPOOL_IN_USE;
	else
		r = fill(h.state_fd);
	if (r == HS_OK && hs_io_write_at(h.state_fd, none, sizeof none, offsetof(struct hs_shared_state, boot_id)) < 0)
		r = hs_io_result(errno);
	hs_shared_state_close(&h);
	return r;
}

enum hs_result hs_shared_state_sync(const struct hs_shared_state_handle *h)
{
	return hs_io_sync_data(h->state_fd) < 0 ? HS_E_IO : HS_OK;
}

/* --- locks ------------------------------------------------------------------ */

static enum hs_result batch(pthread_mutex_t *m, int error, bool *died)
{
	*died = error == EOWNERDEAD;
	if (*died)
		error = pthread_mutex_consistent(m);
	return error == 0 ? HS_OK : error == EBUSY || error == ETIMEDOUT ? HS_E_TIMEOUT : HS_E_IO;
}

enum hs_result hs_shared_state_lock(pthread_mutex_t *m, int64_t deadline_ms, bool *died)
{
	struct timespec t;
	int error = pthread_mutex_trylock(m);

	if (error != EBUSY)
		return batch(m, error, died);
#ifdef __GLIBC__
	t = (struct timespec){ .tv_sec = (time_t)(deadline_ms / 1000),
		               .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	error = pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &t);
#else
	{
		int64_t wall = hs_io_now() + deadline_ms - hs_io_now_monotonic();

		t = (struct timespec){ .tv_sec = (time_t)(wall / 1000), .tv_nsec = (long)(wall % 1000) * 1000000 };
		error = pthread_mutex_timedlock(m, &t);
	}
#endif
	return batch(m, error, died);
}

enum hs_result hs_shared_state_try_lock(pthread_mutex_t *m, bool *died)
{
	return batch(m, pthread_mutex_trylock(m), died);
}

void hs_shared_state_unlock(pthread_mutex_t *m)
{
	pthread_mutex_unlock(m); /* fails only if the state is lost */
}

void hs_stream_unlock(const struct hs_stream *f, pthread_mutex_t *m)
{
	if (hs_stream_is_intact(f))
		hs_shared_state_unlock(m);
}
