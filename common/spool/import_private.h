/*
 * import_private: what the parts of import share.
 */
#ifndef HS_IMPORT_PRIVATE_H
#define HS_IMPORT_PRIVATE_H

#include "base/hash.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/admin/import_checkpoint.h"
#include "spool/file/line_reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/rejected.h"

/* A line on its way into the spool that nothing but the checkpoint keeps from coming twice. */
struct trace {
	uint64_t hash;
	size_t at, n, row; /* in the buffer: bytes, and the how manieth */
	bool landed;       /* it is in the spool already */
};

/* Of one stream. */
struct traces {
	const struct hs_buf *lines; /* the buffer */
	struct trace *trace;        /* room for COMMIT_EVENTS */
	size_t count;
};

/* Some thousand events of the archive, on their way into the spool as one append. */
struct commit {
	struct hs_record_maker maker;
	struct hs_buf rejected;
	uint64_t undated, undated_line; /* of left_out */
	uint64_t rejections, left_out, duplicate, suppressed, already;
	uint64_t first_line, read;
	struct hs_spot to;       /* behind its last event */
	uint64_t texts, objects; /* events, or what stands in their place; of these, JSON objects */
	char spooled_at[HS_TIMESTAMP_TEXT + 1];
	struct traces weak, refused;
};

/* Where the reading of the archive is. */
struct reading {
	struct hs_line_reader lines;
	struct hs_json json; /* reads the text at hand: a line, or a part of one that is long */
	uint64_t base;       /* offset of that text */
	bool open;           /* there is one */
	bool cut;            /* and more of its line behind it */
	struct hs_spot spot; /* of what is read next. `event` counts also what is refused */
};

/* A run over one archive. */
struct run {
	struct hs_spool *spool;
	const struct hs_settings *settings;
	const struct hs_importer *how;
	struct hs_imported *done;
	struct hs_slice name; /* as it is written into the rejected file */
	uint64_t seed;
	uint64_t garbage; /* lines and events up to this one that are no JSON objects */
	struct reading in;
	struct hs_buf message;
	struct commit commit[2]; /* one is filled while the other one is appended */

	/* the thread that appends; under the lock */
	pthread_t appender;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct commit *handed_over; /* NULL: it has nothing to do */
	enum hs_result result;      /* of the last append */
	bool ending;

	/* only with a checkpoint */
	bool marked;
	struct hs_import_checkpoint checkpoint;
	struct hs_opened_spool opened;
	uint64_t newest[HS_STREAMS]; /* numbers of the newest sealed segments when this began */
};

/* Makes the commit empty, for other events. */
void hs_import_empty(struct run *x, struct commit *c);

/* Reads events into the commit, up to offset `to` at most. *more: the archive goes on after it. */
enum hs_result hs_import_fill(struct run *x, struct commit *c, uint64_t to, bool *more);

/* Appends the commit to the spool. */
enum hs_result hs_import_append(struct run *x, struct commit *c);

/* Adds the commit's figures to those of the run. */
void hs_import_count(struct run *x, const struct commit *c);

/* The next line, or what follows in one. *more: there is one, and it is at hand. */
enum hs_result hs_import_open_text(struct run *x, bool *more);

/* The next event of the text at hand. */
enum hs_result hs_import_take_piece(struct run *x, struct commit *c, bool *more);

/* Does an earlier run's last commit again, without what had arrived of it. */
enum hs_result hs_import_finish_try(struct run *x, struct commit *c, bool *more);

#endif
