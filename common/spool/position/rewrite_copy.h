/*
 * rewrite_copy: a copy of a file of lines that takes the file's place, made in .hookspool/run, and the
 * ranges of the file that it leaves out.
 *
 *	begin, then keep and omit, then hs_file_writer_end, then replace or publish; drop
 */
#ifndef HS_REWRITE_COPY_H
#define HS_REWRITE_COPY_H

#include "base/file_replace.h"
#include "spool/file/file_writer.h"
#include "spool/file/line_reader.h"
#include "spool/position/rewrite_log.h"

struct hs_rewrite_copy {
	struct hs_file_replace file; /* file.fd is -1 if there is no copy */
	struct hs_file_writer writer;
	struct hs_range *removed; /* ascending, not touching one another */
	size_t count, cap;
	uint64_t
	    kept_from; /* start of a member in the original's text: no line after it was omitted; UINT64_MAX: none */
};

/* No copy. */
#define HS_REWRITE_COPY_NONE \
	{ \
		.file.fd = -1, .kept_from = UINT64_MAX \
	}

/*
 * Makes an empty copy of this name, which must stay valid; removes a file that a kill has left.
 * HS_OK, or as hs_io_result. hs_rewrite_copy_drop must follow in any case; it removes the file unless
 * that was published, and may be called for HS_REWRITE_COPY_NONE.
 */
enum hs_result hs_rewrite_copy_begin(struct hs_rewrite_copy *copy, const struct hs_spool_dir *dir, const char *name,
                                     enum hs_file_writer_form form);
void hs_rewrite_copy_drop(struct hs_rewrite_copy *copy);

/* Keeps a line; `whole`: with a newline. Results of hs_file_writer_put. */
enum hs_result hs_rewrite_copy_keep(struct hs_rewrite_copy *copy, struct hs_slice line, bool whole);

/*
 * Keeps the line that `lines`, which reads the original, returned last. Each line must be kept or omitted in
 * turn; a gzip member of which no line is omitted is copied as it is. Results of hs_file_writer_put.
 */
enum hs_result hs_rewrite_copy_keep_from(struct hs_rewrite_copy *copy, const struct hs_line_reader *lines,
                                         struct hs_slice line, bool whole);

/* Notes that these bytes of the original are left out. HS_OK or HS_E_MEMORY. */
enum hs_result hs_rewrite_copy_omit(struct hs_rewrite_copy *copy, uint64_t offset, uint64_t bytes);

/*
 * Puts the copy, which must be synced, in a sealed segment's place; `read` is the
 * segment's file when it was opened to be read. Results of hs_rewrite_log_replace.
 */
enum hs_result hs_rewrite_copy_replace(const struct hs_rewrite_copy *copy, struct hs_rewrite_log *rewrites,
                                       const char *stream, const struct hs_sealed *sealed, const struct stat *read);

/*
 * Gives the copy, which must be synced, this name, durably, for a file that no position is in.
 * Results of hs_file_replace_publish.
 */
enum hs_result hs_rewrite_copy_publish(struct hs_rewrite_copy *copy, int dir, const char *name);

#endif
