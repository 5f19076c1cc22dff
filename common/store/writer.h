/*
 * writer: a new file that is written from start to end, plain or gzip (RFC 1952).
 */
#ifndef HS_WRITER_H
#define HS_WRITER_H

#include "core/buf.h"
#include "core/result.h"

struct hs_writer {
	int fd;
	uint64_t bytes;               /* of the file so far */
	struct hs_buf waiting;        /* to be written together */
	struct hs_deflater *deflater; /* NULL: plain */
};

/*
 * Onto an empty file that stays the caller's. HS_OK or HS_E_MEMORY. hs_writer_free returns
 * memory, at any time, and may be called for a zeroed one.
 */
enum hs_result hs_writer_start(struct hs_writer *w, int fd, bool gzip);
void hs_writer_free(struct hs_writer *w);

/* HS_OK, HS_E_FULL, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_writer_put(struct hs_writer *w, struct hs_slice bytes);

/* Writes what is left, and syncs. The same, or HS_E_SYNC. */
enum hs_result hs_writer_end(struct hs_writer *w);

#endif
