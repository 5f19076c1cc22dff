/*
 * Measures how fast lines are compressed, and how small they become; prints a JSON object.
 *
 * gzip here|zlib FILE    by the writer of sealed segments, or by zlib at its default level
 */
#include "spool/file/file_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <zlib.h>

static double processor_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static uint64_t here(struct hs_slice text)
{
	struct hs_file_writer w = { 0 };
	bool good = hs_file_writer_start(&w, memfd_create("gzip", 0), HS_FILE_WRITER_GZIP) == HS_OK;
	uint64_t bytes;

	for (size_t at = 0; good && at < text.n; at += 1 << 17)
		good = hs_file_writer_put(&w, hs_slice(text.p + at, text.n - at < 1 << 17 ? text.n - at : 1 << 17)) ==
		       HS_OK;
	good = good && hs_file_writer_end(&w) == HS_OK;
	bytes = w.bytes;
	hs_file_writer_free(&w);
	return good ? bytes : 0;
}

static uint64_t by_zlib(struct hs_slice text)
{
	z_stream z = { 0 };
	unsigned char *out = malloc(text.n + 1024);
	bool good = out != NULL && deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, 0) == Z_OK;
	uint64_t bytes;

	z.next_in = (unsigned char *)text.p;
	z.avail_in = (unsigned)text.n;
	z.next_out = out;
	z.avail_out = (unsigned)text.n + 1024;
	good = good && deflate(&z, Z_FINISH) == Z_STREAM_END;
	bytes = z.total_out;
	deflateEnd(&z);
	free(out);
	return good ? bytes : 0;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
	char *p = malloc(1 << 28);
	size_t n = file != NULL && p != NULL ? fread(p, 1, 1 << 28, file) : 0;
	double begin = processor_seconds();
	uint64_t bytes = n == 0 ? 0 : strcmp(argv[1], "here") == 0 ? here(hs_slice(p, n)) : by_zlib(hs_slice(p, n));
	double seconds = processor_seconds() - begin;

	if (bytes == 0) {
		fprintf(stderr, "usage: gzip here|zlib FILE\n");
		return 1;
	}
	printf("{\"side\":\"%s\",\"mb_per_second\":%.1f,\"times_smaller\":%.3f}\n", argv[1], (double)n / 1e6 / seconds,
	       (double)n / (double)bytes);
	free(p);
	return 0;
}
