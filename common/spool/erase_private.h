/* erase_private: what the parts of erase share. */
#ifndef HS_ERASE_PRIVATE_H
#define HS_ERASE_PRIVATE_H

#include "base/array.h"
#include "base/io.h"
#include "base/log.h"
#include "event/subject_match.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_requests.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/incoming.h"
#include "spool/admin/loss.h"
#include "spool/admin/rejected_quota.h"
#include "spool/admin/retention.h"
#include "spool/admin/suppression_list.h"
#include "spool/admin/verify.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/line_reader.h"
#include "spool/position/cursor.h"
#include "spool/position/rewrite_copy.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "spool/summary/summary_file.h"
#include "spool/write/foreign_segments.h"

#include <limits.h>

enum sort { EVENTS, REJECTED, FAILED, PRIVATE };

/* A file to read, and to replace if lines of it go. */
struct file {
	enum sort sort;
	bool open;               /* the open segment; with look_only, just counted … */
	int held;                /* … by this descriptor, for it may be sealed meanwhile; -1: none */
	struct hs_sealed sealed; /* of EVENTS and REJECTED; `gzip` of all */
	char name[NAME_MAX + 1]; /* a person may have named dead letters anew */
};

/* The people to erase: of this run, or of the plan that it finishes. */
struct people {
	struct hs_subjects *subjects;     /* the eraser's, or the plan's */
	const struct hs_erase_plan *plan; /* which has them; NULL: not written yet */
	struct hs_subject_matcher matcher;
	struct hs_links links;
	struct hs_mark passed; /* every cursor has passed it */
};

/* All files to read; the events come in their order, and then the dead letters. */
struct files {
	struct file *list;
	size_t count, cap;
	size_t letters; /* where the dead letters begin */
	uint64_t next;  /* number of the first segment of new data */
};

/* The file that is being read. */
struct current {
	const struct file *file;
	int fd;         /* -1: none */
	struct stat st; /* when it was opened */
	struct hs_line_reader lines;
	struct hs_summary_reader summary;
};

/* The current file's copy without the lines that go. */
struct clean {
	struct hs_rewrite_copy copy;
	struct hs_line_reader prefix;       /* the lines before the first one that goes */
	struct hs_summary_builder *summary; /* of the copy; NULL: none */
	uint64_t removed;                   /* lines */
	struct hs_tombstone *ids;           /* of removed events, not stored yet; room for IDS_AT_ONCE */
	size_t id_count;
};

/* Bytes of files, for go_on. */
struct progress {
	uint64_t done, all;
};

struct erase {
	struct hs_spool *spool;
	const struct hs_settings *settings;
	const struct hs_eraser *how;
	struct hs_erasure *done;
	struct hs_opened_spool opened;
	const struct hs_spool_dir *dir; /* &opened.dir */
	struct hs_rewrite_log *rewrites;

	struct people people;
	struct files files;
	struct current current;
	struct clean clean;
	struct progress progress;

	/* scratch */
	struct hs_json json;
	struct hs_buf text;
	struct hs_dedup_key_maker key_maker;
};

/* Takes a line of the current file; `whole`: it ends with a newline. */
typedef enum hs_result visit_line(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole);

/* Asks go_on; true if it says no, now or earlier. */
bool hs_erase_must_stop(struct erase *x);

/* The stream of EVENTS or REJECTED, and the directory of any file. */
const char *hs_erase_stream_of(enum sort sort);
int hs_erase_dir_of(const struct erase *x, const struct file *f);

/* Fills x->files, and progress.all with their sizes. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_erase_list_files(struct erase *x);

/* Lists the dead letters anew, as they are by now. Results as above. */
enum hs_result hs_erase_list_letters(struct erase *x);

/*
 * Makes f the current file and opens it; current.fd is -1 if it is gone or is no plain file. HS_OK,
 * HS_E_MEMORY, or as hs_modes_result.
 */
enum hs_result hs_erase_open_file(struct erase *x, struct file *f);

void hs_erase_close_file(struct erase *x);

/* Frees x->files. */
void hs_erase_close_files(struct erase *x);

/*
 * Calls visit for each line of the current file, until go_on stops it. *damaged: the file could not
 * be read to its end, which is HS_OK. HS_OK, HS_E_IO, HS_E_MEMORY or a result of visit.
 */
enum hs_result hs_erase_each_line(struct erase *x, visit_line *visit, bool *damaged);

/*
 * True if a line of the current file may be about one of the people. False only for a sealed segment
 * whose summary says so.
 */
bool hs_erase_may_name(struct erase *x, const struct hs_subjects *people);
/* True if a line of the current segment may be about one of the people, and spooled after this time. */
bool hs_erase_may_be_later(struct erase *x, const struct hs_subjects *people, int64_t than_ms);
/* True if the current segment may have delete events. */
bool hs_erase_may_delete(struct erase *x);

/* Asks about the current segment whether visit has to see its lines. */
typedef bool ask_segment(struct erase *x);

/* Calls visit for each line of the event files that may matter. Results as above. */
enum hs_result hs_erase_each_event(struct erase *x, ask_segment *may_matter, visit_line *visit);

/* Adds to people.subjects those whom delete events and links name, as the eraser asks for. */
enum hs_result hs_erase_find_subjects(struct erase *x);

#endif
