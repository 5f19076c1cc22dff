/*
 * writer: a new file that is written from start to end, plain or gzip (see gzip.h).
 */
#ifndef HS_WRITER_H
#define HS_WRITER_H

#include "core/buf.h"
#include "core/result.h"

enum hs_writer_form {
	HS_WRITER_PLAIN,
	HS_WRITER_GZIP,
	HS_WRITER_GZIP_BACKGROUND, /* the compressing yields to everything else */
};

struct hs_writer {
	int fd;
	uint64_t bytes;        /* of the file so far */
	struct hs_buf waiting; /* to be written together */
	struct hs_gzip *gzip;  /* NULL: plain */
};

/*
 * Onto an empty file that stays the caller's. HS_OK or HS_E_MEMORY. hs_writer_free returns
 * memory, at any time, and may be called for a zeroed one.
 */
enum hs_result hs_writer_start(struct hs_writer *w, int fd, enum hs_writer_form form);
void hs_writer_free(struct hs_writer *w);

/* HS_OK, HS_E_FULL, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_writer_put(struct hs_writer *w, struct hs_slice bytes);

/* Writes what is left, and syncs. The same, or HS_E_SYNC. */
enum hs_result hs_writer_end(struct hs_writer *w);

#endif
