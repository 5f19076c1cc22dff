/*
 * seen_ids: the ids that a run of verify has met, and which of them are there twice.
 *
 * They may exceed memory, so they go to a scratch file, and are compared at the end:
 *
 *	id --first byte--> one of 256 parts --when it has a chunk of ids--> appended to the file
 *	end: part after part is read, sorted and compared
 *
 * Ids are hashes, so the parts are of about the same size. The file is written once, from start to
 * end, and handed to the disk in small steps: what the kernel would write out at once later, a sync of
 * intake would have to wait for, since both share the journal of the file system.
 */
#ifndef HS_SEEN_IDS_H
#define HS_SEEN_IDS_H

#include "spool/dedup/id_block.h"
#include "spool/shared/spool_dir.h"

enum { HS_SEEN_PARTS = 256 };

/* A line's id or a tombstone, as it is in memory and in the file. */
struct hs_seen_id {
	uint64_t high, low; /* halves of the id */
	uint64_t line;
	uint32_t file; /* in the order of the spool; 0: a tombstone */
	uint32_t spooled_s;
};

/* Those of one part that are not in the file yet. */
struct hs_seen_part {
	struct hs_seen_id *waiting; /* NULL: there has been none */
	size_t count;
	uint64_t stored; /* in the file */
};

struct hs_seen_ids {
	const struct hs_spool_dir *dir; /* NULL: not open */
	int fd;                         /* -1: all of them fit in memory so far */
	int64_t window_s;
	struct hs_seen_part part[HS_SEEN_PARTS];
	uint8_t *chunk; /* the part of each chunk of the file */
	size_t chunks, chunk_cap;
	enum hs_result result; /* of the last tombstone */
};

/*
 * Opens a zeroed struct, empty but for the tombstones. A kill leaves no file. HS_OK, HS_E_MEMORY, or as
 * hs_io_result. hs_seen_ids_close may be called in any case.
 */
enum hs_result hs_seen_ids_open(struct hs_seen_ids *s, const struct hs_spool_dir *dir);
void hs_seen_ids_close(struct hs_seen_ids *s);

/*
 * Notes the id of a line. Files are numbered from 1 and lines within a file, both in the order of the spool. HS_OK,
 * HS_E_MEMORY, or as hs_io_result.
 */
enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_id_block_entry *id, uint32_t file,
                                uint64_t line);

/*
 * Calls each() for every line whose id was spooled within dedup_window before it (or after it): in an
 * earlier line, or else, `erased`, as a tombstone. In the order of files and lines, unless there are a
 * great many. May be called once. HS_OK, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_seen_ids_each(struct hs_seen_ids *s,
                                void (*each)(void *context, bool erased, uint32_t file, uint64_t line), void *context);

#endif
