/*
 * reader_private: what the parts of the reader share. reader.c reads on from a position;
 * reader_open_segment.c looks at the open segment, reader_last.c finds the last lines, and
 * reader_saved.c checks saved positions against the files.
 */
#ifndef HS_READER_PRIVATE_H
#define HS_READER_PRIVATE_H

#include "base/digest.h"
#include "spool/file/line_reader.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/spool_dir.h"
#include "spool/summary/summary_file.h"
#include "spool/write/segment.h"

enum kind { NOTHING, SEALED, OPEN };

/* The open segment, as a glance under the append lock shows it. */
struct hs_glance {
	int fd;
	uint64_t number, generation;
};

struct hs_reader {
	struct hs_opened_spool opened;
	struct hs_segment events;
	struct hs_rewrite_log *rewrites;
	struct hs_sealed *list; /* as of the last look at the directory, below `below` */
	size_t count;
	uint64_t below;    /* the open segment's number then; 0: not known */
	int64_t looked_ns; /* the directory's ctime when it was last looked at for news; 0: look */

	struct hs_position at;
	enum kind kind;
	int fd;
	uint64_t generation; /* of an open one */
	struct hs_line_reader lines;

	/* see hs_reader_choose */
	bool (*may_match)(void *context, struct hs_summary_reader *summary);
	void *context;
	struct hs_summary_reader summary;
	uint64_t skipped; /* lines of the segment that was passed over last */

	struct hs_digest *digest; /* positions carry a hash of the line before; NULL: they do not */

	enum hs_result result;
	uint64_t gap_first, gap_last;
	int watch;
	bool watched; /* tried */
	int64_t soon_ms;
};

/* Closes the segment that is read; the position stays. */
void hs_reader_let_go(struct hs_reader *r);

/* True if the spool's directory is not the one that was opened. */
bool hs_reader_is_moved(const struct hs_reader *r);
/* True if the shared state is not the one that was opened. */
bool hs_reader_is_lost(const struct hs_reader *r);

/* Has the descriptor of hs_reader_watch tell when the shared state is replaced. */
void hs_reader_watch_state(const struct hs_reader *r);

/* Looks at the open segment and opens it; the caller closes g->fd. */
enum hs_result hs_reader_glance(struct hs_reader *r, struct hs_glance *g);
/* Reads the open segment from the position on, or from its start. */
void hs_reader_read_open(struct hs_reader *r, const struct hs_glance *g);
/*
 * How much of a generation may be read. *ended: no more will come. *known is false if it ended so
 * long ago that its end is forgotten.
 */
uint64_t hs_reader_limit(const struct hs_reader *r, uint64_t generation, bool *ended, bool *known);

/* Lists the sealed segments anew. */
enum hs_result hs_reader_list_again(struct hs_reader *r);
/* The first listed segment from this number on, of two forms the plain one. NULL: none. */
const struct hs_sealed *hs_reader_find(const struct hs_reader *r, uint64_t number);
/* Opens a sealed segment at the position. *there is false if it is gone. */
enum hs_result hs_reader_open_sealed(struct hs_reader *r, const struct hs_sealed *sealed, bool *there);

/* True if the sealed segment that is open, at its start, has a summary that says no line is wanted. */
bool hs_reader_may_skip(struct hs_reader *r);

/* Opens the segment of the position. An enum hs_read; HS_READ_LINE: there may be lines. */
int hs_reader_open_at(struct hs_reader *r);

/* The result for a failed hs_line_reader_next, by errno. */
enum hs_result hs_reader_why_failed(const struct hs_reader *r);

#endif
