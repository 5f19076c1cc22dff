/*
 * segment_file: a process's view of a stream, and the file of the stream's open segment: its name
 * and the descriptor through which this process appends.
 *
 * A waiter uses the descriptor until its wait is over, by which time the segment may be sealed. So
 * descriptors are counted.
 */
#ifndef HS_SEGMENT_FILE_H
#define HS_SEGMENT_FILE_H

#include "base/io.h"
#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* The open segment's descriptor. */
struct hs_file {
	int fd;
	uint64_t generation;
	uint64_t blind; /* the file's length when it was opened; see group_commit.h */
	_Atomic int users;
};

/* A process's view of a stream. */
struct hs_segment {
	const struct hs_spool_dir *dir;
	struct hs_stream *stream; /* in the shared state */
	const char *name;         /* "events", "rejected" */
	const char *file_name;    /* of the open segment */
	struct hs_file *file;     /* under the stream's append lock; may be out of date */
	uint64_t rotate_size;
	bool sealed;           /* this process sealed a segment: the caller may have to limit the stream's sum */
	_Atomic bool look_due; /* this process sealed one without a look at the directory, which is to follow */
	uint64_t end;          /* of the open segment's file, as prepare found it: never read from the state */
	/* True if a sealed segment, whose file this is, is known to be on stable storage. NULL: none is */
	bool (*is_stored)(const struct hs_spool_dir *dir, bool rejected, uint64_t number, const struct stat *file);
};

/* The rejected stream's open segment grows to this many bytes between two rotations, unless one append is more. */
uint64_t hs_segment_most(const struct hs_segment *s);

/* Adds a user of s->file; each user drops it in the end. NULL is fine for drop. */
struct hs_file *hs_segment_file_use(const struct hs_segment *s);
void hs_segment_file_drop(struct hs_file *file);

/*
 * Makes fd, whose file had this size when it was opened, the descriptor of the current generation,
 * in place of the old one. HS_OK; HS_E_MEMORY: fd is closed.
 */
enum hs_result hs_segment_file_hold(struct hs_segment *s, int fd, uint64_t size);

/*
 * Opens the file that has the open segment's name and checks that this process may append to it.
 * HS_OK, with *fd = -1 if there is none; HS_E_SPOOL_FILE, HS_E_SPOOL_OWNER, or as hs_io_result.
 */
enum hs_result hs_segment_file_open(const struct hs_segment *s, int *fd, struct stat *st);

/*
 * Makes that file, empty, with its name on stable storage. HS_OK, results of open for a name that
 * cannot be made, or as hs_io_result: then there is no file, and no descriptor.
 */
enum hs_result hs_segment_file_make(const struct hs_segment *s, int *fd, struct stat *st);

/*
 * Looks at that name. *ours: it is still that of the file which the state describes. *size is that
 * of the file which has the name, unchanged if there is none. HS_OK, or as hs_io_result.
 */
enum hs_result hs_segment_file_look_up(const struct hs_segment *s, bool *ours, uint64_t *size);

/* Looks that name up, and opens the file if it is ours and s->file is not it yet. Results of both, and HS_E_MEMORY. */
enum hs_result hs_segment_file_reopen(struct hs_segment *s, bool *ours, uint64_t *size);

#endif
