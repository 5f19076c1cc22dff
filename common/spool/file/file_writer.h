/*
 * file_writer: writes a new file from start to end, plain or gzip (gzip.h).
 */
#ifndef HS_FILE_WRITER_H
#define HS_FILE_WRITER_H

#include "base/buf.h"
#include "base/result.h"

enum hs_file_writer_form {
	HS_FILE_WRITER_PLAIN,
	HS_FILE_WRITER_GZIP,
	HS_FILE_WRITER_GZIP_BACKGROUND, /* compresses at the lowest priority */
	HS_FILE_WRITER_GZIP_SHARED,     /* compresses on two threads, the caller's and another */
};

struct hs_file_writer {
	int fd;
	uint64_t bytes;             /* written so far, … */
	uint64_t handed;            /* … and handed to the disk */
	struct hs_buf waiting;      /* not written yet */
	struct hs_gzip_queue *gzip; /* NULL: plain */
	uint32_t text_crc;          /* of gzip: CRC-32 of the text that is written */
};

/*
 * Begins to write an empty file, whose descriptor stays the caller's. HS_OK or HS_E_MEMORY.
 * hs_file_writer_free returns the memory; it must follow in any case, and may be called for a zeroed struct.
 */
enum hs_result hs_file_writer_start(struct hs_file_writer *w, int fd, enum hs_file_writer_form form);
void hs_file_writer_free(struct hs_file_writer *w);

/* Appends bytes, some of which stay in memory. HS_OK, HS_E_MEMORY, HS_E_SYNC, or as hs_io_result. */
enum hs_result hs_file_writer_put(struct hs_file_writer *w, struct hs_slice bytes);

/*
 * For a gzip file that takes members over from another one. cut ends the member that is being filled.
 * hs_file_writer_member: the bytes that were put since the cut are the text of this member; it is
 * written as it is, and they are not compressed again. If its sizes say otherwise, or it is longer than
 * HS_GZIP_MEMBER, they are. Results of put.
 */
enum hs_result hs_file_writer_cut(struct hs_file_writer *w);
enum hs_result hs_file_writer_member(struct hs_file_writer *w, struct hs_slice member);

/* Writes the rest, and syncs. Results of put. */
enum hs_result hs_file_writer_end(struct hs_file_writer *w);

#endif
