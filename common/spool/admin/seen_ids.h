/*
 * seen_ids: the ids that a run of verify has met, and which of them are there twice.
 *
 * They may exceed memory, so they go to a scratch file, and are compared at the end:
 *
 *	id --first byte--> one of 256 parts --when it has a chunk of ids--> appended to the file
 *	end: part after part is read, sorted and compared
 *
 * Ids are hashes, so the parts have about the same size. The file is written once, from start to end,
 * and goes to the disk in small steps. Otherwise the kernel would write much of it at once, and a sync
 * of intake, which shares the file system's journal, would have to wait.
 */
#ifndef HS_SEEN_IDS_H
#define HS_SEEN_IDS_H

#include "spool/dedup/id_block.h"
#include "spool/shared/spool_dir.h"

enum { HS_SEEN_PARTS = 256 };

/* The id of a line or of a tombstone, as it is in memory and in the file. */
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
 * Notes the id of a line. Files have numbers from 1 on, in the order of the spool. HS_OK, HS_E_MEMORY, or
 * as hs_io_result.
 */
enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_id_block_entry *id, uint32_t file,
                                uint64_t line);

/*
 * Calls each() for every line whose id was spooled within dedup_window before it: in an earlier line, or
 * else (`erased`) in one that has left a tombstone. The first 65,536 calls are in the order of files and
 * lines, and so are the next ones. HS_OK, HS_E_MEMORY, or as hs_io_result.
 */
enum hs_result hs_seen_ids_each(struct hs_seen_ids *s,
                                void (*each)(void *context, bool erased, uint32_t file, uint64_t line), void *context);

#endif
