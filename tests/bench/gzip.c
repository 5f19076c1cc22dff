/*
 * Measures how fast lines are compressed, and how small they become; prints a JSON object.
 *
 * gzip here|zlib FILE    by the writer of sealed segments, or by zlib at its default level
 * gzip summary FILE      what a summary adds to the processor time: the median of pairs, in percent. As in
 *                        maintenance, one builder makes all of them.
 */
#include "spool/file/file_writer.h"
#include "spool/summary/summary_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <zlib.h>

enum { CHUNK = 1 << 16, PAIRS = 15 };

static double processor_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Compresses the text, and tells a builder its lines (NULL: none). The size; 0: failed. */
static uint64_t here(struct hs_slice text, struct hs_summary_builder *summary)
{
	struct hs_file_writer w = { 0 };
	bool good = hs_file_writer_start(&w, memfd_create("gzip", 0), HS_FILE_WRITER_GZIP) == HS_OK;
	uint64_t bytes;

	for (size_t at = 0; good && at < text.n; at += CHUNK) {
		struct hs_slice chunk = hs_slice(text.p + at, text.n - at < CHUNK ? text.n - at : CHUNK);

		good = hs_file_writer_put(&w, chunk) == HS_OK;
		hs_summary_builder_text(summary, chunk);
	}
	good = good && hs_file_writer_end(&w) == HS_OK;
	hs_summary_builder_crc(summary, w.text_crc);
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

/* b is NULL: without a summary. */
static double seconds_with(struct hs_slice text, struct hs_summary_builder *b)
{
	double begin = processor_seconds();
	struct hs_slice parts;

	if (b != NULL)
		hs_summary_builder_again(b, false, 1);
	if (here(text, b) == 0 || (b != NULL && hs_summary_builder_end(b, &parts) == NULL))
		exit(1);
	return processor_seconds() - begin;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int summary_cost(struct hs_slice text)
{
	struct hs_summary_builder *b = hs_summary_builder_new("0123456789abcdef0123456789abcdef", false, 1);
	double ratio[PAIRS];

	if (b == NULL)
		return 1;
	for (int i = 0; i < PAIRS; i++) {
		double without = seconds_with(text, NULL);

		ratio[i] = seconds_with(text, b) / without;
	}
	hs_summary_builder_free(b);
	qsort(ratio, PAIRS, sizeof ratio[0], by_size);
	printf("{\"side\":\"summary\",\"percent\":%.1f}\n", 100 * (ratio[PAIRS / 2] - 1));
	return 0;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
	char *p = malloc(1 << 28);
	size_t n = file != NULL && p != NULL ? fread(p, 1, 1 << 28, file) : 0;
	double begin = processor_seconds(), seconds;
	uint64_t bytes;

	if (n > 0 && strcmp(argv[1], "summary") == 0)
		return summary_cost(hs_slice(p, n));
	bytes = n == 0 ? 0 : strcmp(argv[1], "here") == 0 ? here(hs_slice(p, n), NULL) : by_zlib(hs_slice(p, n));
	seconds = processor_seconds() - begin;
	if (bytes == 0) {
		fprintf(stderr, "usage: gzip here|zlib|summary FILE\n");
		return 1;
	}
	printf("{\"side\":\"%s\",\"mb_per_second\":%.1f,\"times_smaller\":%.3f}\n", argv[1], (double)n / 1e6 / seconds,
	       (double)n / (double)bytes);
	free(p);
	return 0;
}
