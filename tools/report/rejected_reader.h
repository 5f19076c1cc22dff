/*
 * rejected_reader: reads the lines of the rejected files, oldest first: the sealed ones, plain and
 * .gz, then the open one. Each line that is there at the beginning comes once, also if its file is sealed or
 * compressed meanwhile; lines written or deleted meanwhile may be missing.
 */
#ifndef HS_REJECTED_READER_H
#define HS_REJECTED_READER_H

#include "event/record_fields.h"
#include "spool/shared/spool_dir.h"
#include "tools/report/filter.h"

/* Reads the files of a stream by name: "rejected" or "failed". */
enum hs_result hs_rejected_reader_walk_stream(const struct hs_spool_dir *dir, const char *stream,
                                              bool (*take)(void *context, struct hs_slice line), void *context);

/*
 * Calls take(context, line) for each whole line, without its '\n', until it returns false.
 * HS_OK, also if there are none; HS_E_IO (a damaged .gz, too), HS_E_MEMORY, or as hs_modes_result.
 */
enum hs_result hs_rejected_reader_walk(const struct hs_spool_dir *dir,
                                       bool (*take)(void *context, struct hs_slice line), void *context);

/* The fields of such a line; name.p == NULL: absent. */
struct hs_rejected_line {
	struct hs_record_field spooled_at, message, tenant;
};

void hs_rejected_line_read(struct hs_rejected_line *r, struct hs_slice line);

/* By tenant and time, the only fields that it can be filtered by; as hs_filter_passes. */
int hs_rejected_line_passes(const struct hs_rejected_line *r, struct hs_filter *f);

#endif
