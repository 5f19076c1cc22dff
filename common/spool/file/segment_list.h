/*
 * segment_list: the sealed segments of a stream, by their names alone.
 *
 * events-20261123T101500.123Z-000042.jsonl: the stamp is the time of sealing, the number counts up and
 * never repeats; .gz follows once the segment is compressed. Sorted by name they are in the order of
 * sealing. The stamp is by believed time (clock.h): it may be earlier than the records, which bear the clock's.
 *
 * Another program may put segments into the spool whose numbers are in use. They keep their names, so
 * that a mirror does not bring them again. The number under which such a segment is read is in
 * .hookspool/numbers, one line each, the last of which counts, and its CRC-32 in the next one: under a wrong number
 * a consumer might never get the segment, so it gets another one if they do not fit. See foreign_segments.h.
 *
 *	{"file":"events-20261123T101500.123Z-000042.jsonl","number":57}
 *	{"check":"0c7b4aa0"}
 */
#ifndef HS_SEGMENT_LIST_H
#define HS_SEGMENT_LIST_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { HS_SEALED_NAME = 80 }; /* bytes of the longest file name, its NUL included */

/* Numbers count up, and a name made by hand must not use them up. */
#define HS_SEALED_NUMBER_MOST (UINT64_C(1) << 62)

struct hs_sealed {
	uint64_t number;
	int64_t sealed_ms;
	bool gzip;
	bool moved;     /* its name has another number: */
	uint64_t named; /* this one; otherwise 0 */
};

/* `number` of a segment that is not to be read yet. */
#define HS_SEALED_LATER UINT64_MAX

/* Parses a name of the stream ("events", "rejected"). False if it is not spelled as hs_sealed_print does. */
bool hs_sealed_parse(const char *stream, const char *name, struct hs_sealed *sealed);
void hs_sealed_print(const char *stream, const struct hs_sealed *sealed, char out[static HS_SEALED_NAME]);

/*
 * Lists the segments that are to be read, by number; one that is being compressed may be listed
 * twice, the plain file first. Of one that a person is unpacking only the .gz is listed, since the plain
 * file, which was written to after it, may not be whole. Directories, links and the like are left out. The
 * caller frees the array; it is NULL, and *count 0, if it is empty and at an error. HS_OK, HS_E_IO or
 * HS_E_MEMORY.
 */
enum hs_result hs_sealed_list(int dir, const char *stream, struct hs_sealed **list, size_t *count);

/* Like hs_sealed_list, with the segments that are not to be read yet at the end, as number HS_SEALED_LATER. */
enum hs_result hs_sealed_list_all(int dir, const char *stream, struct hs_sealed **list, size_t *count);

/* True if the two are one segment, plain or compressed. */
bool hs_sealed_same(const struct hs_sealed *a, const struct hs_sealed *b);

/*
 * Opens a segment's file to read; if it has been compressed or unpacked since it was listed, opens its other
 * form and changes sealed->gzip. -1 with errno as hs_io_open_plain; ENOENT: it is gone.
 */
int hs_sealed_open(int dir, const char *stream, struct hs_sealed *sealed);

/* Its file's status, found as by hs_sealed_open, but without opening it. -1 with errno. */
int hs_sealed_stat(int dir, const char *stream, struct hs_sealed *sealed, struct stat *st);

/*
 * True if a segment's file, `now`, is as it was when it was opened to be read: nobody has replaced it, and a program
 * that copies it into the spool has not gone on.
 */
bool hs_sealed_is_unchanged(const struct stat *read, const struct stat *now);

/* Like hs_sealed_open, and starts to read at the first line. -1 with errno as there, or ENOMEM. */
struct hs_line_reader;
int hs_sealed_lines(struct hs_line_reader *reader, int dir, const char *stream, struct hs_sealed *sealed);

/* The size of its file; 0 if it is gone. */
uint64_t hs_sealed_bytes(int dir, const char *stream, const struct hs_sealed *sealed);

/* Deletes its file, which may be gone, and adds one to *deleted. HS_OK, or as hs_io_result. */
enum hs_result hs_sealed_delete(int dir, const char *stream, const struct hs_sealed *sealed, uint64_t *deleted);

/*
 * Deletes the oldest sealed segments of a stream until the rest and `open_bytes` together are at most
 * `most` bytes, but none from number `keep` on. Adds their count to *deleted. Results of
 * hs_sealed_list and hs_sealed_delete.
 */
enum hs_result hs_sealed_cap(int dir, const char *stream, uint64_t open_bytes, uint64_t most, uint64_t keep,
                             uint64_t *deleted);

/*
 * Makes this segment be read under another number than that in its name, durably. `mode` is for
 * .hookspool/numbers, if that is made. HS_OK, HS_E_SYNC, or as hs_io_result. Under the append lock.
 */
enum hs_result hs_sealed_renumber(int private_dir, const char *stream, const struct hs_sealed *sealed, uint64_t number,
                                  mode_t mode);

/*
 * Calls each(context, name) for all that has a segment's name but is not a plain file: a directory, a
 * symbolic link, a FIFO. hs_sealed_list leaves these out. HS_OK or HS_E_IO.
 */
enum hs_result hs_sealed_strange(int dir, const char *stream, void (*each)(void *context, const char *name),
                                 void *context);

#endif
