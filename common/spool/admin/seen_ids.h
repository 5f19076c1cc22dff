/*
 * seen_ids: the ids that a run of verify has met; which of them are there twice, and which the index does not know.
 *
 * They may exceed memory, so they go to a scratch file, and are compared at the end:
 *
 *	id --first byte--> one of 256 parts --when it has a chunk of ids--> appended to the file
 *	end: part after part is read, sorted and compared, and the index is asked for its ids
 *
 * So the index is read once, from start to end, however large it is. Ids are hashes, so the parts have about the
 * same size. The file is written once, from start to end, and goes to the disk in small steps. Otherwise the kernel
 * would write much of it at once, and a sync of intake, which shares the file system's journal, would have to wait.
 */
#ifndef HS_SEEN_IDS_H
#define HS_SEEN_IDS_H

#include "spool/dedup/id_block.h"
#include "spool/shared/spool_dir.h"

enum {
	HS_SEEN_PARTS = 256,
	HS_SEEN_ASKED = 512, /* ids that the index is asked for at a time, at most */
};

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

/* Why a line's id is at fault. */
enum hs_id_fault {
	HS_ID_TWICE,   /* an earlier line has it, spooled within dedup_window before */
	HS_ID_ERASED,  /* or else an erased one, which has left a tombstone */
	HS_ID_UNKNOWN, /* ask() does not know it */
};

struct hs_seen_check {
	void *context;
	/* Sets known[n] for n ids of lines, HS_SEEN_ASKED at most, which ascend. NULL: all ids are known. */
	enum hs_result (*ask)(void *context, const struct hs_seen_id *id, size_t n, bool *known);
	/* Is called for each fault. Each 65,536 calls in a row are in the order of files and lines. */
	void (*tell)(void *context, enum hs_id_fault fault, uint32_t file, uint64_t line);
};

/* Checks all ids. HS_OK, HS_E_MEMORY, as hs_io_result, or as ask(). */
enum hs_result hs_seen_ids_check(struct hs_seen_ids *s, const struct hs_seen_check *check);

#endif
