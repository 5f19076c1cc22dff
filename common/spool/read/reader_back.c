/* Goes back through the spool, one window after the other. */
#include "base/io.h"
#include "spool/read/reader.h"
#include "spool/read/reader_private.h"

#include <errno.h>

enum { ATTEMPTS = 16 }; /* at a segment that is being compressed, rewritten or sealed */

/* Opens the segment of the position. *there is false if it is gone, and so are all before it. */
static enum hs_result open_it(struct hs_reader *reader, struct hs_position position, bool *there)
{
	enum hs_read what;

	hs_reader_start(reader, position);
	what = (enum hs_read)hs_reader_open_at(reader);
	*there = what == HS_READ_LINE && reader->at.number == position.number;
	return what == HS_READ_FAILED ? reader->result : HS_OK;
}

/* Makes the segment before this number the current one, at its end. *there is false if there is none. */
static enum hs_result open_before(struct hs_reader *reader, uint64_t number, bool *there)
{
	enum hs_result result = HS_OK;

	*there = false;
	for (int i = 0; result == HS_OK && !*there; i++) {
		const struct hs_sealed *sealed;

		hs_reader_let_go(reader);
		if (i == ATTEMPTS) /* it is listed, so that this is not the start of the spool */
			return HS_E_IO;
		if (reader->list == NULL || i > 0) /* what was listed may be compressed by now, or gone */
			result = hs_reader_list_again(reader);
		sealed = result == HS_OK ? hs_reader_find_before(reader, number) : NULL;
		if (sealed == NULL)
			return result;
		reader->at = (struct hs_position){ .number = sealed->number };
		result = hs_reader_open_sealed(reader, sealed, there);
	}
	if (*there && hs_reader_may_skip(reader)) {
		reader->skipped = reader->summary.head.lines;
		reader->at.offset = reader->summary.head.text_bytes;
	} else if (*there && reader->lines.inflater == NULL)
		reader->at.offset = reader->lines.end;
	else if (*there && !hs_line_reader_start_gzip(&reader->lines, reader->fd, UINT64_MAX))
		result = hs_io_result(errno);
	else if (*there)
		reader->at.offset = reader->lines.at;
	return result;
}

enum hs_result hs_reader_start_line(struct hs_reader *reader, uint64_t from, uint64_t end)
{
	bool gzip = reader->lines.inflater != NULL;
	enum hs_result result =
	    hs_line_reader_start_file(&reader->lines, reader->fd, gzip, gzip || from == 0 ? from : from - 1, end);
	struct hs_slice line;

	/* of a plain file: the newline before `from` may be the last byte of the window before */
	if (result == HS_OK && !gzip && from > 0 && hs_line_reader_next(&reader->lines, &line) < 0)
		result = hs_reader_why_failed(reader);
	return result;
}

enum hs_result hs_reader_back(struct hs_reader *reader, struct hs_position *stop, uint64_t most,
                              struct hs_position *start)
{
	enum hs_result result;
	uint64_t from;
	bool there;

	*start = *stop;
	reader->skipped = 0;
	result = open_it(reader, *stop, &there);
	while (result == HS_OK && there && reader->at.offset == 0)
		result = open_before(reader, reader->at.number, &there);
	if (result != HS_OK || !there)
		return result;
	*stop = reader->at;
	if (reader->skipped > 0) {
		*start = *stop;
		start->offset = 0;
		hs_reader_start(reader, *start);
		return HS_OK;
	}
	do {
		from = most < stop->offset ? stop->offset - most : 0;
		result = hs_reader_start_line(reader, from, stop->offset);
		most *= 2;
	} while (result == HS_OK && from > 0 && reader->lines.at >= stop->offset);
	reader->at.offset = reader->lines.at;
	*start = reader->at;
	return result;
}

enum hs_result hs_reader_renew(struct hs_reader *reader, struct hs_position *position)
{
	enum hs_result result = hs_rewrite_log_share(reader->rewrites);

	if (result != HS_OK)
		return result;
	result = hs_rewrite_log_translate(reader->rewrites, position);
	hs_rewrite_log_release(reader->rewrites);
	return result;
}
