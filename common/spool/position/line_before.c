#include "spool/position/line_before.h"

enum { WINDOW = 1 << 16 /* bytes before the offset that are read first; then doubled */ };

int hs_line_before(struct hs_line_reader *lines, int fd, uint64_t end, struct hs_slice *line)
{
	uint64_t from, window = WINDOW;
	int got;

	if (end == 0)
		return 0;
	do {
		from = window < end ? end - window : 0;
		hs_line_reader_start(lines, fd, from, end);
		got = from > 0 ? hs_line_reader_next(lines, line) : 1; /* part of a line */
		while (got == 1 && (got = hs_line_reader_next(lines, line)) == 1 && lines->at < end)
			;
		window *= 2;
	} while (got == 0 && from > 0); /* the line is longer */
	return got < 0 ? -1 : got == 1;
}
