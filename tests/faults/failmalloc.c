/*
 * failmalloc: makes the n-th allocation fail, or all from the n-th on (or the n-th write, or talk to a peer).
 *
 *	FAIL_AT=N [FAIL_ON=1] FAIL_COUNT=FILE LD_PRELOAD=failmalloc.so program…
 *
 * FAIL_COUNT gets the number of allocations. As an object (not preloaded) linked with
 * --wrap=malloc and so on it does the same to a program under the address sanitizer.
 *
 *	FAIL_IN=NAME      counts only what the program itself allocates, and libraries whose file's name begins so
 *	FAIL_PATHS=1      counts only the first of those that have the same path of calls: a loop makes no more of them
 *	FAIL_IO=1         not allocations, but send, recv, pwrite, fsync and fdatasync: a peer has gone, or the disk is bad
 *	FAIL_EACH=FOLDER  without FAIL_AT: before each of these allocations forks a child in which it fails, and one
 *	                  in which all from it on fail; waits for them, and goes on. FOLDER/status gets a line
 *	                  "N ON STATUS" for each, FOLDER/N.ON.out and .err what it wrote. For programs
 *	                  with one thread, which only read: they start once, however many allocations there are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef FAIL_WRAP
#define NAME(f) __wrap_##f
#define REAL(f) __real_##f
#else
#define NAME(f) f
#define REAL(f) __libc_##f
#endif

void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void *NAME(malloc)(size_t n);
void *NAME(calloc)(size_t n, size_t size);
void *NAME(realloc)(void *p, size_t n);

static _Atomic long count;

static long setting(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : atol(text);
}

/* --- whose allocations --------------------------------------------------------- */

enum { RANGES = 32, PATIENCE_S = 30 };

static struct range {
	uintptr_t begin, end;
} range[RANGES];
static int ranges = -1; /* -1: those of all */
static bool begun;      /* before, libraries set themselves up */

static int note_code(struct dl_phdr_info *object, size_t size, void *begin_of_name)
{
	const char *slash = strrchr(object->dlpi_name, '/'), *name = slash == NULL ? object->dlpi_name : slash + 1;

	(void)size;
	if (name[0] != '\0' && strncmp(name, begin_of_name, strlen(begin_of_name)) != 0)
		return 0;
	for (int i = 0; i < object->dlpi_phnum && ranges < RANGES; i++)
		if (object->dlpi_phdr[i].p_type == PT_LOAD && (object->dlpi_phdr[i].p_flags & PF_X) != 0) {
			range[ranges].begin = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
			range[ranges].end = range[ranges].begin + object->dlpi_phdr[i].p_memsz;
			ranges++;
		}
	return 0;
}

static bool is_chosen(const void *caller)
{
	if (!begun && getenv("FAIL_IN") != NULL)
		return false;
	for (int i = 0; i < ranges; i++)
		if ((uintptr_t)caller >= range[i].begin && (uintptr_t)caller < range[i].end)
			return true;
	return ranges < 0;
}

/* --- paths of calls ------------------------------------------------------------- */

enum { CALLS = 12, OWN_CALLS = 3, PATHS = 1 << 16 };

static _Atomic uint64_t path_hash[PATHS];
static bool by_path;

static bool is_new_path(void)
{
	void *frame[CALLS];
	int calls = backtrace(frame, CALLS);
	uint64_t hash = 14695981039346656037u;

	for (int i = OWN_CALLS; i < calls; i++)
		hash = (hash ^ (uintptr_t)frame[i]) * 1099511628211u;
	for (size_t at = hash % PATHS, tried = 0; tried < PATHS; at = (at + 1) % PATHS, tried++) {
		uint64_t old = 0;

		if (atomic_compare_exchange_strong(&path_hash[at], &old, hash))
			return true;
		if (old == hash)
			return false;
	}
	return false;
}

/* --- a child for each --------------------------------------------------------- */

static const char *folder; /* FAIL_EACH, unless this is a child */
static int status_fd = -1;
static long child_at, child_on;

static int open_for(long n, long on, const char *what)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%ld.%ld.%s", folder, n, on, what);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* A child goes on with a copy of what was written until now. */
static void become_child(long n, long on)
{
	int out = open_for(n, on, "out"), err = open_for(n, on, "err"), before = open("/proc/self/fd/1", O_RDONLY);
	char bytes[4096];
	ssize_t got;

	while ((got = read(before, bytes, sizeof bytes)) > 0)
		if (write(out, bytes, (size_t)got) != got)
			_exit(125);
	close(before);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(status_fd);
	folder = NULL;
	child_at = n;
	child_on = on;
	alarm(PATIENCE_S);
}

static bool fork_for(long n)
{
	off_t input = lseek(0, 0, SEEK_CUR);
	int error = errno, status = 0;

	for (long on = 0; on < 2; on++) {
		pid_t child = fork();

		if (child == 0) {
			become_child(n, on);
			return true;
		}
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			continue;
		dprintf(status_fd, "%ld %ld %d\n", n, on,
		        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		if (input >= 0)
			lseek(0, input, SEEK_SET);
	}
	errno = error;
	return false;
}

/* --- the calls ---------------------------------------------------------------- */

static bool is_io; /* FAIL_IO */

static bool fails(const void *caller)
{
	long n, at = child_at, on = child_on;

	if (!is_chosen(caller) || (by_path && !is_new_path()))
		return false;
	n = atomic_fetch_add(&count, 1) + 1;
	if (folder != NULL) {
		if (!fork_for(n))
			return false;
	} else {
		if (at == 0) {
			at = setting("FAIL_AT");
			on = setting("FAIL_ON");
		}
		if (at == 0 || n < at || (n > at && on == 0))
			return false;
	}
	errno = ENOMEM;
	return true;
}

static bool lacks_memory(const void *caller)
{
	return !is_io && fails(caller);
}

void *NAME(malloc)(size_t n)
{
	return lacks_memory(__builtin_return_address(0)) ? NULL : REAL(malloc)(n);
}

void *NAME(calloc)(size_t n, size_t size)
{
	return lacks_memory(__builtin_return_address(0)) ? NULL : REAL(calloc)(n, size);
}

void *NAME(realloc)(void *p, size_t n)
{
	return lacks_memory(__builtin_return_address(0)) ? NULL : REAL(realloc)(p, n);
}

/* The C library's own would be its allocations, not the caller's. */
static char *copy_of(const char *text, size_t n, const void *caller)
{
	char *copy = lacks_memory(caller) ? NULL : REAL(malloc)(n + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *NAME(strdup)(const char *text);
char *NAME(strdup)(const char *text)
{
	return copy_of(text, strlen(text), __builtin_return_address(0));
}

#ifndef FAIL_WRAP
char *strndup(const char *text, size_t n)
{
	return copy_of(text, strnlen(text, n), __builtin_return_address(0));
}
#endif

#ifndef FAIL_WRAP
#define CALL(type, name, arguments, given, fault) \
	type name arguments; \
	type name arguments \
	{ \
		type(*real) arguments; \
\
		*(void **)&real = dlsym(RTLD_NEXT, #name); \
		if (is_io && fails(__builtin_return_address(0))) \
			fault; \
		return real given; \
	}
#define GONE shutdown(fd, SHUT_RDWR)
#define BAD return errno = EIO, -1
CALL(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), GONE)
CALL(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags), GONE)
CALL(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), BAD)
CALL(int, fsync, (int fd), (fd), BAD)
CALL(int, fdatasync, (int fd), (fd), BAD)
#endif

/* Opened at the start, because the program's sandbox forbids it later. */
static int count_fd = -1;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAIL_COUNT");
	char *in = getenv("FAIL_IN"), status[4096];
	void *frame[1];

	count_fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in != NULL) {
		ranges = 0;
		dl_iterate_phdr(note_code, in);
	}
	by_path = getenv("FAIL_PATHS") != NULL && backtrace(frame, 1) > 0; /* the first call allocates */
	is_io = getenv("FAIL_IO") != NULL;
	begun = true;
	folder = getenv("FAIL_EACH");
	if (folder != NULL) {
		snprintf(status, sizeof status, "%s/status", folder);
		status_fd = open(status, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	}
}

__attribute__((destructor)) static void tell(void)
{
	if (count_fd >= 0 && child_at == 0) {
		dprintf(count_fd, "%ld\n", atomic_load(&count));
		close(count_fd);
	}
}
