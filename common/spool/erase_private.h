/*
 * erase_private: what the parts of erase share.
 */
#ifndef HS_ERASE_PRIVATE_H
#define HS_ERASE_PRIVATE_H

#include "base/array.h"
#include "base/io.h"
#include "base/log.h"
#include "event/subject_match.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_plan.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/retention.h"
#include "spool/admin/suppression_list.h"
#include "spool/admin/verify.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/line_reader.h"
#include "spool/position/cursor.h"
#include "spool/position/rewrite_copy.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"

enum sort { EVENTS, REJECTED, FAILED, PRIVATE };

/* A file to go through. */
struct file {
	enum sort sort;
	bool open;               /* the open segment; only looked at */
	struct hs_sealed sealed; /* of EVENTS and REJECTED */
	char name[HS_SEALED_NAME + 8];
};

struct erase {
	struct hs_spool *spool;
	const struct hs_settings *settings;
	const struct hs_eraser *how;
	struct hs_erasure *done;
	struct hs_subjects *subjects; /* of the plan at hand */
	struct hs_subject_matcher matcher;
	struct hs_links links;
	struct hs_opened_spool opened;
	const struct hs_spool_dir *dir;
	struct hs_rewrite_log *rewrites;
	struct file *file;
	size_t files, cap;
	uint64_t next; /* the first segment of new data */
	uint64_t all_bytes, done_bytes;

	/* the file at hand */
	const struct file *at_hand;
	int fd;
	uint64_t inode;
	struct hs_line_reader lines, prefix;
	struct hs_rewrite_copy copy; /* without the lines that go */
	uint64_t removed;            /* lines of it */
	struct hs_tombstone *ids;    /* of lines on their way out; room for IDS_AT_ONCE */
	size_t id_count;

	struct hs_json json;
	struct hs_buf text;
	struct hs_dedup_key_maker identifier;
	struct hs_mark passed; /* what every cursor has passed */
};

/* A line of the file at hand; `whole`: a newline ends it. */
typedef enum hs_result visit_line(struct erase *x, struct hs_slice line, struct hs_mark at, bool whole);

/* Asks the caller whether to go on; true if it says no. */
bool hs_erase_must_stop(struct erase *x);

/* The stream of a segment's file, and the directory of any file. */
const char *hs_erase_stream_of(enum sort sort);
int hs_erase_dir_of(const struct erase *x, const struct file *f);

/* Lists the files to go through; the events come last, in their order. */
enum hs_result hs_erase_list_files(struct erase *x);

/* Opens the file at hand; fd is -1 if it is gone, or is not to be read. */
enum hs_result hs_erase_open_file(struct erase *x, struct file *f);

void hs_erase_close_file(struct erase *x);

/* Calls visit for each line of the file at hand. At damage *damaged is set, and HS_OK. */
enum hs_result hs_erase_each_line(struct erase *x, visit_line *visit, bool *damaged);

/* Calls visit for each line of the events. */
enum hs_result hs_erase_each_event(struct erase *x, visit_line *visit);

/* Adds the people whom deletes, aliases and links name. */
enum hs_result hs_erase_find_subjects(struct erase *x);

#endif
