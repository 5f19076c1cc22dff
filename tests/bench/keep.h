/*
 * With -DKEEP the empty programs do the least that is needed to answer once
 * the event is on stable storage: they append the body to the spool's file, and sync it.
 */
#ifndef HS_BENCH_KEEP_H
#define HS_BENCH_KEEP_H

#include <stdbool.h>
#include <stddef.h>

#ifdef KEEP

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file, beside the settings as tests/lib/server.sh lays them out; -1: it cannot be opened. */
static inline int keep_open(void)
{
	const char *settings = getenv("HOOKSPOOL_CONF");
	char path[4096];

	if (settings == NULL || strrchr(settings, '/') == NULL)
		return -1;
	snprintf(path, sizeof path, "%.*s/spool/events.jsonl", (int)(strrchr(settings, '/') - settings), settings);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The buffer must have room for one byte more. */
static inline bool keep(int fd, char *body, size_t n)
{
	body[n] = '\n';
	return write(fd, body, n + 1) == (ssize_t)n + 1 && fdatasync(fd) == 0;
}

#else

static inline int keep_open(void)
{
	return 0;
}

static inline bool keep(int fd, char *body, size_t n)
{
	(void)fd, (void)body, (void)n;
	return true;
}

#endif
#endif
