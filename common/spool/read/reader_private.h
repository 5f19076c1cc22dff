/*
 * reader_private: what the parts of the reader share. reader.c reads on from a position;
 * reader_open_segment.c looks at the open segment, reader_last.c finds the last lines, and
 * reader_saved.c checks saved positions against the files.
 */
#ifndef HS_READER_PRIVATE_H
#define HS_READER_PRIVATE_H

#include "base/buf.h"
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
	struct hs_sealed *list; /* sealed segments as last listed, below `below` */
	size_t count;
	uint64_t below;    /* number of the open segment at the last glance; 0: unknown */
	int64_t looked_ns; /* ctime of the directory at the last look for news; 0: look again */

	struct hs_position at;
	enum kind kind;
	int fd;
	uint64_t generation; /* of an OPEN one */
	struct hs_line_reader lines;

	/* see hs_reader_choose */
	bool (*may_match)(void *context, struct hs_summary_reader *summary);
	void *context;
	struct hs_summary_reader summary;
	uint64_t skipped; /* lines of the segment that was passed over last */

	struct hs_digest *digest; /* for the hashes in positions; NULL: they have none */
	struct hs_slice unhashed; /* the last line, while at.before is not its hash yet; p == NULL: it is */
	struct hs_buf kept;       /* that line, once the line reader has gone on */

	enum hs_result result;
	uint64_t gap_first, gap_last;
	int watch;
	bool watched; /* hs_reader_watch was called */
	int64_t soon_ms;
};

/* Closes the current segment; the position stays. */
void hs_reader_let_go(struct hs_reader *reader);

/* Gives the position the hash of the last line, which costs more than reading it; 0 if it cannot be had. */
void hs_reader_settle_hash(struct hs_reader *reader);

/* True if the spool's directory is not the one that was opened. */
bool hs_reader_is_moved(const struct hs_reader *reader);
/* True if the shared state is not the one that was opened. */
bool hs_reader_is_lost(const struct hs_reader *reader);

/* Makes the descriptor of hs_reader_watch report when the shared state is cut or replaced. */
void hs_reader_watch_state(const struct hs_reader *reader);

/*
 * Looks at the open segment and opens it; after HS_OK the caller closes glance->fd. HS_OK, as
 * hs_segment_begin, or as hs_spool_dir_open_state_again.
 */
enum hs_result hs_reader_glance(struct hs_reader *reader, struct hs_glance *glance);
/* Makes the open segment the current one, at the position or, if that is elsewhere, at its start. */
void hs_reader_read_open(struct hs_reader *reader, const struct hs_glance *glance);
/*
 * The offset up to which a generation of the open segment may be read. *ended: it will not grow.
 * *known is false if it ended so long ago that its end is forgotten.
 */
uint64_t hs_reader_limit(const struct hs_reader *reader, uint64_t generation, bool *ended, bool *known);

/* Lists the sealed segments anew. */
enum hs_result hs_reader_list_again(struct hs_reader *reader);
/* The first listed segment of this or a higher number, a plain one before its .gz. NULL: none. */
const struct hs_sealed *hs_reader_find(const struct hs_reader *reader, uint64_t number);
/* The last sealed segment below number `before`, the plain one if there is also a .gz. NULL: none. */
const struct hs_sealed *hs_reader_find_before(const struct hs_reader *reader, uint64_t before);
/*
 * Makes a sealed segment the current one, at the position, which it translates. *there is false if
 * the file is gone. HS_OK, HS_E_MEMORY, or as hs_modes_result or hs_rewrite_log_share.
 */
enum hs_result hs_reader_open_sealed(struct hs_reader *reader, const struct hs_sealed *sealed, bool *there);

/*
 * Moves the reader of lines to the first line of the current segment that begins at `from` or later, or to `end`.
 * HS_OK, HS_E_IO or HS_E_MEMORY. Damage of a gzip file is found when the line is read.
 */
enum hs_result hs_reader_start_line(struct hs_reader *reader, uint64_t from, uint64_t end);

/* True if the sealed segment that is open, at its start, has a summary that says no line is wanted. */
bool hs_reader_may_skip(struct hs_reader *reader);

/* Opens the segment of the position. Returns an enum hs_read; HS_READ_LINE: there may be lines. */
int hs_reader_open_at(struct hs_reader *reader);

/* The result for a failed hs_line_reader_next, by errno. */
enum hs_result hs_reader_why_failed(const struct hs_reader *reader);

#endif
