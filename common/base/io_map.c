/* Mappings, and SIGBUS. */
#include "base/io.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* A signal handler learns an address and nothing else, so these belong to the process. */
enum { MAPPINGS = 64 }; /* more than are ever open; faults in any others would not be caught */
static struct {
	_Atomic uintptr_t at; /* 0: free */
	_Atomic size_t n;     /* 0: not filled in yet */
} mapped[MAPPINGS];
static _Thread_local struct hs_io_guard *guarding;

static bool put_zeros(uintptr_t at, size_t n)
{
	return mmap((void *)at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	       MAP_FAILED;
}

static bool lose_mapping(uintptr_t address)
{
	for (int i = 0; i < MAPPINGS; i++) {
		uintptr_t at = atomic_load(&mapped[i].at);
		size_t n = atomic_load(&mapped[i].n);

		if (at != 0 && address >= at && address - at < n)
			return put_zeros(at, n);
	}
	return false;
}

/* A fault outside our mappings takes its usual course: the instruction runs again and faults. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	struct hs_io_guard *guard = guarding;
	int saved = errno;

	(void)context;
	if (info->si_code > 0 && lose_mapping((uintptr_t)info->si_addr)) {
		errno = saved;
		return;
	}
	if (info->si_code > 0 && guard != NULL)
		siglongjmp(guard->back, 1);
	signal(number, SIG_DFL);
	if (info->si_code <= 0)
		raise(number);
}

/* SA_NODEFER: a jump may leave the handler, and does not unblock the signal. */
static void catch_bus_errors(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

static void note_mapping(uintptr_t at, size_t n)
{
	for (int i = 0; i < MAPPINGS; i++) {
		uintptr_t none = 0;

		if (atomic_compare_exchange_strong(&mapped[i].at, &none, at)) {
			atomic_store(&mapped[i].n, n);
			return;
		}
	}
}

static void forget_mapping(uintptr_t at)
{
	for (int i = 0; i < MAPPINGS; i++)
		if (atomic_load(&mapped[i].at) == at) {
			atomic_store(&mapped[i].n, 0);
			atomic_store(&mapped[i].at, 0);
			return;
		}
}

static void *map(int fd, size_t n, int protection)
{
	void *p = mmap(NULL, n, protection, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return NULL;
	catch_bus_errors();
	note_mapping((uintptr_t)p, n);
	return p;
}

void *hs_io_map(int fd, size_t n)
{
	return map(fd, n, PROT_READ | PROT_WRITE);
}

const void *hs_io_map_read(int fd, size_t n)
{
	return map(fd, n, PROT_READ);
}

const void *hs_io_map_guarded(int fd, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);

	catch_bus_errors();
	if (p == MAP_FAILED)
		return NULL;
	madvise(p, n, MADV_RANDOM);
	return p;
}

void hs_io_map_fetch(const void *p, size_t n)
{
	uintptr_t from = (uintptr_t)p & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);

	madvise((void *)from, (uintptr_t)p + n - from, MADV_WILLNEED);
}

void hs_io_unmap(void *p, size_t n)
{
	forget_mapping((uintptr_t)p);
	munmap(p, n);
}

void hs_io_unmap_lost(void *p, size_t n)
{
	put_zeros((uintptr_t)p, n);
	forget_mapping((uintptr_t)p);
}

void hs_io_guard_begin(struct hs_io_guard *guard)
{
	guard->outer = guarding;
	guarding = guard;
}

void hs_io_guard_end(struct hs_io_guard *guard)
{
	guarding = guard->outer;
}

void hs_io_guard_fail(void)
{
	if (guarding != NULL)
		siglongjmp(guarding->back, 1);
}
