/*
 * What one fdatasync costs on this disk: sync DIRECTORY SECONDS. Appends 1 KiB to a file and
 * syncs it, a few hundred times spread over the seconds; prints a JSON object.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
	static const char block[BYTES];
	int64_t ns[COUNT];
	char path[4096];
	int fd;

	if (argc != 3 || atof(argv[2]) <= 0)
		return fputs("usage: sync DIRECTORY SECONDS\n", stderr), 2;
	snprintf(path, sizeof path, "%s/sync.%ld", argv[1], (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
	if (fd < 0)
		return perror(path), 1;
	unlink(path);
	for (int i = 0; i < COUNT; i++) {
		int64_t start = now_ns();

		if (write(fd, block, BYTES) != BYTES || fdatasync(fd) < 0)
			return perror(path), 1;
		ns[i] = now_ns() - start;
		usleep((useconds_t)(atof(argv[2]) * 1e6 / COUNT));
	}
	close(fd);
	qsort(ns, COUNT, sizeof *ns, by_size);
	printf("{\"side\":\"sync\",\"p50_us\":%.1f,\"p99_us\":%.1f}\n", (double)ns[COUNT / 2] / 1000,
	       (double)ns[COUNT * 99 / 100] / 1000);
	return 0;
}
