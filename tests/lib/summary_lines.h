/*
 * summary_lines: lines of events with all that a summary tells, what it is to tell of them, and the summary that
 * is made of a text.
 */
#ifndef HS_TEST_SUMMARY_LINES_H
#define HS_TEST_SUMMARY_LINES_H

#include "spool/summary/summary_builder.h"

enum { SAID_LINES = 700, SAID_ROWS = 400 };

struct said_row {
	char name[512];
	uint64_t records, bytes;
};

struct said {
	struct said_row row[HS_SUMMARY_KINDS][SAID_ROWS];
	size_t rows[HS_SUMMARY_KINDS];
	const char *id[64]; /* that some line has */
	char own[5 * SAID_LINES][32];
	size_t ids, owns;
	int64_t first_time, last_time, first_spooled, last_spooled;
	uint64_t timed;
	struct hs_buf text;
};

/* The end of a line's fixed fields. */
#define AT "\"spooled_at\":\"2026-11-23T10:15:00.123Z\""

/* Random lines, SAID_LINES at most, and what they say. */
struct said *said_new(int lines);
void said_free(struct said *s);

extern const char made_spool[]; /* the id of the summaries' spool */

/* A summary as it would be in its file. */
struct made {
	struct hs_summary head;
	struct hs_buf file;
};

/* Ends the builder, frees it, and fills in the segment's files. */
void made_take(struct hs_summary_builder *b, struct made *m);
/* `file` is the caller's to free. */
struct made made_of_text(struct hs_slice text, bool rejected);
struct hs_slice made_part(const struct made *m, enum hs_summary_kind kind);

#endif
