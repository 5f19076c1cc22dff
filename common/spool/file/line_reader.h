/*
 * line_reader: a file of lines, a line at a time, in memory that does not grow with the file.
 */
#ifndef HS_LINE_READER_H
#define HS_LINE_READER_H

#include "event/json.h"

#include <sys/types.h>

struct hs_line_reader {
	int fd;
	uint64_t at;  /* offset of the next line */
	uint64_t end; /* nothing behind it is looked at */
	uint64_t loaded; /* offset of the next byte to load */
	struct hs_inflater *inflater; /* of a .gz file; NULL: plain */
	bool stream;     /* read as it comes, as from a pipe; false: from `loaded` */
	bool outside;    /* of others: zeros may pad the end of its gzip members */
	size_t longest;  /* bytes of a line; longer ones come in parts. 0: all come whole */
	size_t used;     /* bytes of `buf` that were handed out */
	struct hs_buf buf;
};

/* From `at` to `end`. The descriptor stays the caller's. */
void hs_line_reader_start(struct hs_line_reader *l, int fd, uint64_t at, uint64_t end);

/*
 * All of a gzip file (RFC 1952), from `at` on; offsets count what is inside it. Damage is
 * an error of hs_line_reader_next, EILSEQ. False: out of memory.
 */
bool hs_line_reader_start_gzip(struct hs_line_reader *l, int fd, uint64_t at);
void hs_line_reader_free(struct hs_line_reader *l);

/* One of the two: a plain file to `end`, a gzip file whole. HS_OK or HS_E_MEMORY. */
enum hs_result hs_line_reader_start_file(struct hs_line_reader *l, int fd, bool gzip, uint64_t at, uint64_t end);

/*
 * Opens a plain or gzip file and starts at its first line. The descriptor, which is the caller's
 * to close; or -1 with errno, as hs_io_open_plain, or ENOMEM.
 */
int hs_line_reader_open(struct hs_line_reader *l, int dir, const char *name, bool gzip);

/*
 * A file or pipe from outside, plain or gzip as its first two bytes say, from `at` on;
 * offsets count what is inside it. It need not be the start of a line. False: reading failed (errno).
 */
bool hs_line_reader_start_outside(struct hs_line_reader *l, int fd, bool stream, size_t longest, uint64_t at);

/* Bytes of the file itself that were read so far; for people who wait. */
uint64_t hs_line_reader_read(const struct hs_line_reader *l);

/*
 * 1: *line is the next line, without its '\n'; valid until the next call. 2: the same,
 * but the end came before a '\n'. 3: the first `longest` bytes of a line that is longer; what
 * follows in it comes with the next call. 0: there is none. -1: reading failed (errno).
 */
int hs_line_reader_next(struct hs_line_reader *l, struct hs_slice *line);

/* The last n bytes that were handed out come again with the next call. */
void hs_line_reader_back(struct hs_line_reader *l, size_t n);

/* A plain file and the gzip file beside it. */
struct hs_pair {
	bool both; /* otherwise one of them has gone */
	bool same; /* line by line; not if the second is damaged, cut, or not finished */
	ino_t inode[2];
};

/* HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_line_reader_pair(int dir, const char *plain, const char *gz, struct hs_pair *pair);

/* Is it a record: a JSON object, strictly? HS_OK, a HS_E_JSON_ result, or HS_E_MEMORY. */
enum hs_result hs_line_check(struct hs_json *json, struct hs_slice line);

#endif
