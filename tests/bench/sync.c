/*
 * Measures fdatasync on this disk; prints a JSON object.
 *
 * sync DIRECTORY SECONDS          appends 1 KiB to a file and syncs it, a few hundred times
 *                                 spread over the seconds
 * sync DIRECTORY SECONDS BYTES    appends so many, each time, and syncs them, one after another:
 *                                 how many thousands of lines of a record a thousandth as long
 *                                 the disk takes a second
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 400, BYTES = 1024 };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int make_file(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/sync.%ld", dir, (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
	if (fd < 0)
		return perror(path), -1;
	unlink(path);
	return fd;
}

/* Nanoseconds; -1: it failed. */
static int64_t append(int fd, const char *block, size_t n)
{
	int64_t start = now_ns();

	if (write(fd, block, n) != (ssize_t)n || fdatasync(fd) < 0)
		return perror("append"), -1;
	return now_ns() - start;
}

static int now_and_then(int fd, double seconds)
{
	static const char block[BYTES];
	int64_t ns[COUNT];

	for (int i = 0; i < COUNT; i++) {
		ns[i] = append(fd, block, sizeof block);
		if (ns[i] < 0)
			return 1;
		usleep((useconds_t)(seconds * 1e6 / COUNT));
	}
	qsort(ns, COUNT, sizeof *ns, by_size);
	printf("{\"side\":\"sync\",\"p50_us\":%.1f,\"p99_us\":%.1f}\n", (double)ns[COUNT / 2] / 1000,
	       (double)ns[COUNT * 99 / 100] / 1000);
	return 0;
}

static int one_after_another(int fd, double seconds, size_t bytes)
{
	char *block = malloc(bytes);
	double s = 0;
	int n = 0;

	if (block == NULL)
		return perror("memory"), 1;
	memset(block, 'x', bytes);
	for (; s < seconds; n++) {
		int64_t ns = append(fd, block, bytes);

		if (ns < 0)
			return 1;
		s += (double)ns / 1e9;
	}
	free(block);
	printf("{\"side\":\"disk\",\"events_per_second\":%.0f,\"mb_per_second\":%.1f}\n", n * 1000 / s,
	       n * (double)bytes / 1e6 / s);
	return 0;
}

int main(int argc, char **argv)
{
	double seconds = argc < 3 ? 0 : atof(argv[2]);
	size_t bytes = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	int fd, code;

	if (argc < 3 || argc > 4 || seconds <= 0 || (argc == 4 && bytes == 0))
		return fputs("usage: sync DIRECTORY SECONDS [BYTES]\n", stderr), 2;
	fd = make_file(argv[1]);
	if (fd < 0)
		return 1;
	code = argc == 4 ? one_after_another(fd, seconds, bytes) : now_and_then(fd, seconds);
	close(fd);
	return code;
}
