/*
 * line_reader: a file of lines, a line at a time, in memory that does not grow with the file.
 */
#ifndef HS_LINE_READER_H
#define HS_LINE_READER_H

#include "event/json.h"

#include <sys/types.h>

struct hs_line_reader {
	int fd;
	uint64_t at;                  /* offset of the next line */
	uint64_t end;                 /* nothing after it is read */
	uint64_t loaded;              /* offset of the next byte to load */
	struct hs_inflater *inflater; /* NULL: plain */
	bool stream;                  /* read from a pipe; false: from offset `loaded` */
	bool outside;                 /* another program's file: zeros may follow its gzip members */
	size_t longest;               /* bytes of a line; longer ones come in parts; 0: no limit */
	size_t used;                  /* bytes of `buf` that were returned */
	struct hs_buf buf;
};

/* Reads a plain file from `at` to `end`. The descriptor stays the caller's. */
void hs_line_reader_start(struct hs_line_reader *reader, int fd, uint64_t at, uint64_t end);

/*
 * Reads a gzip file (RFC 1952) from `at` on; offsets count the text inside. Damage is an error of
 * hs_line_reader_next, EILSEQ. False: out of memory.
 */
bool hs_line_reader_start_gzip(struct hs_line_reader *reader, int fd, uint64_t at);
void hs_line_reader_free(struct hs_line_reader *reader);

/* Reads a plain file from `at` to `end`, or a gzip file from `at` on. HS_OK or HS_E_MEMORY. */
enum hs_result hs_line_reader_start_file(struct hs_line_reader *reader, int fd, bool gzip, uint64_t at, uint64_t end);

/*
 * Opens a plain or gzip file and starts at its first line. The descriptor, which is the caller's
 * to close; or -1 with errno, as hs_io_open_plain, or ENOMEM.
 */
int hs_line_reader_open(struct hs_line_reader *reader, int dir, const char *name, bool gzip);

/*
 * Reads another program's file or pipe, plain or gzip by its first two bytes, from `at` on, which need
 * not begin a line; offsets count the text inside. False: reading failed (errno).
 */
bool hs_line_reader_start_outside(struct hs_line_reader *reader, int fd, bool stream, size_t longest, uint64_t at);

/* Bytes of the file itself that were read so far, to show progress. */
uint64_t hs_line_reader_read(const struct hs_line_reader *reader);

/*
 * 1: *line is the next line without its '\n', which follows it in memory; valid until the next
 * call. 2: the text ended before a '\n'. 3: the first `longest` bytes of a longer line; the next
 * call goes on in it. 0: the end. -1: reading failed (errno).
 */
int hs_line_reader_next(struct hs_line_reader *reader, struct hs_slice *line);

/* Makes the next call return the last n bytes again. */
void hs_line_reader_back(struct hs_line_reader *reader, size_t n);

/* A plain file and the gzip file beside it. */
struct hs_pair {
	bool both; /* false: one of them has gone */
	bool same; /* line by line; false if the second is damaged or not complete */
	ino_t inode[2];
};

/* HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_line_reader_pair(int dir, const char *plain, const char *gz, struct hs_pair *pair);

/* Checks that the line is a JSON object. HS_OK, an HS_E_JSON_ result, or HS_E_MEMORY. */
enum hs_result hs_line_check(struct hs_json *json, struct hs_slice line);

#endif
