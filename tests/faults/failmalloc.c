/*
 * failmalloc: makes the n-th allocation fail, or all from the n-th on.
 *
 *	FAIL_AT=N [FAIL_ON=1] FAIL_COUNT=FILE LD_PRELOAD=failmalloc.so program…
 *
 * FAIL_COUNT gets the number of allocations. As an object (not preloaded) linked with
 * --wrap=malloc and so on it does the same to a program under the address sanitizer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int fails(void)
{
	long n = atomic_fetch_add(&count, 1) + 1, at = setting("FAIL_AT");

	if (at == 0 || n < at || (n > at && setting("FAIL_ON") == 0))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *NAME(malloc)(size_t n)
{
	return fails() ? NULL : REAL(malloc)(n);
}

void *NAME(calloc)(size_t n, size_t size)
{
	return fails() ? NULL : REAL(calloc)(n, size);
}

void *NAME(realloc)(void *p, size_t n)
{
	return fails() ? NULL : REAL(realloc)(p, n);
}

#ifdef FAIL_WRAP
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = __wrap_malloc(n);

	return copy == NULL ? NULL : memcpy(copy, text, n);
}
#endif

/* Opened at the start, because the program's sandbox forbids it later. */
static int count_fd = -1;

__attribute__((constructor)) static void open_count(void)
{
	const char *path = getenv("FAIL_COUNT");

	count_fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void tell(void)
{
	if (count_fd >= 0) {
		dprintf(count_fd, "%ld\n", atomic_load(&count));
		close(count_fd);
	}
}
