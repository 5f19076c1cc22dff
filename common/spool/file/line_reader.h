/*
 * line_reader: reads a file line by line, in memory that does not grow with the file.
 */
#ifndef HS_LINE_READER_H
#define HS_LINE_READER_H

#include "event/json.h"

#include <sys/types.h>

/*
 * The gzip member that the last line came from, and where its text begins and ends. `bytes` is valid until
 * the next call. It is HS_SLICE_NONE unless the member is as in gzip.h, sound, and begins and ends with
 * whole lines.
 */
struct hs_line_member {
	struct hs_slice bytes;
	uint64_t from, to;
};

struct hs_line_reader {
	int fd;
	uint64_t at;                  /* offset of the next line */
	uint64_t end;                 /* nothing after it is read */
	uint64_t loaded;              /* offset of the next byte to load */
	struct hs_inflater *inflater; /* NULL: plain */
	struct hs_line_member member;
	bool stream;    /* a pipe, which has no offsets */
	bool outside;   /* another program's file: zeros may follow its gzip members */
	size_t longest; /* most bytes of a line; a longer one comes in parts; 0: no limit */
	size_t used;    /* bytes at the start of `buf` that were returned */
	struct hs_buf buf;
};

/*
 * Begins to read a plain file, from offset `at` to `end`. The descriptor stays the caller's. The
 * struct is zeroed before its first use, may be used again, and hs_line_reader_free returns its memory.
 */
void hs_line_reader_start(struct hs_line_reader *reader, int fd, uint64_t at, uint64_t end);

/*
 * Begins to read a gzip file (RFC 1952), from `at` to its end; offsets count the text inside.
 * hs_line_reader_next reports damage, as EILSEQ. A member as in gzip.h is checked before any of its text is returned;
 * one of another program, or the last one of a file that is cut, only at its end. False: memory is out, or reading
 * failed (errno).
 */
bool hs_line_reader_start_gzip(struct hs_line_reader *reader, int fd, uint64_t at);
void hs_line_reader_free(struct hs_line_reader *reader);

/*
 * Sets *bytes to the size of the text in a gzip file, from the heads of its members; inflates nothing. The reader is
 * at the file's end then. False: a member is not as in gzip.h, or the file cannot be read, or memory is out.
 */
bool hs_line_reader_gzip_size(struct hs_line_reader *reader, int fd, uint64_t *bytes);

/* Begins to read a plain or gzip file; `end` counts for a plain one only. HS_OK, or hs_io_result. */
enum hs_result hs_line_reader_start_file(struct hs_line_reader *reader, int fd, bool gzip, uint64_t at, uint64_t end);

/*
 * Opens a plain or gzip file and starts at its first line. Returns the descriptor, which the caller
 * closes; -1 with errno as hs_io_open_plain, or of the first read.
 */
int hs_line_reader_open(struct hs_line_reader *reader, int dir, const char *name, bool gzip);

/*
 * Begins to read another program's file or pipe, plain or gzip by its first two bytes, from `at` on,
 * which need not begin a line; offsets count the text inside. False: reading failed (errno).
 */
bool hs_line_reader_start_outside(struct hs_line_reader *reader, int fd, bool stream, size_t longest, uint64_t at);

/*
 * After EILSEQ: passes over the damaged member, and the part of a line before it that was not returned; offsets go on
 * by what its head says. False: no whole member is found behind it, and the next call fails again.
 */
bool hs_line_reader_pass_damage(struct hs_line_reader *reader);

/* How many bytes of the file itself were read so far, to show progress. */
uint64_t hs_line_reader_read(const struct hs_line_reader *reader);

/*
 * 1: *line is the next line without its '\n', which follows it in memory; valid until the next
 * call. 2: the text ended before a '\n'. 3: the first `longest` bytes of a longer line; the next
 * call goes on in it. 0: the end. -1: reading failed (errno).
 */
int hs_line_reader_next(struct hs_line_reader *reader, struct hs_slice *line);

/* Makes the next call return the last n bytes again, which the last call returned. */
void hs_line_reader_back(struct hs_line_reader *reader, size_t n);

/* A plain file and the gzip file beside it. */
struct hs_pair {
	bool both;      /* false: one of them is gone, and the rest is not set */
	bool same;      /* they have the same lines; false also if the gzip file is damaged or cut */
	ino_t inode[2]; /* of the plain file, of the gzip file */
};

/* Compares the two. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_line_reader_pair(int dir, const char *plain, const char *gz, struct hs_pair *pair);

/* Checks that the line is a JSON object. HS_OK, an HS_E_JSON_ result, or HS_E_MEMORY. */
enum hs_result hs_line_check(struct hs_json *json, struct hs_slice line);

#endif
