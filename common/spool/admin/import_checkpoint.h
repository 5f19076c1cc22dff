/*
 * import_checkpoint: how far an archive was imported: .hookspool/imports/KEY, lines for each commit.
 *
 *	{"try":4194211,"line":4000,"event":0,"array":0,"spooled_at":"2026-11-24T…Z","after":41,"rejected_after":2,"name":"612e6a736f6e6c"}
 *	{"at":4194211,"line":4000,"event":0,"array":0,"rejected":0}
 *	{"done":9000123,"line":8711,"event":0,"array":0,"rejected":2}
 *
 * "at"        everything before this byte of the archive's text is in the spool, durably, but for
 *             "rejected" lines and events in all, which every later run reports
 * "event"     the byte is in the middle of its line, after this many events of it
 * "array"     1: these are elements of an array that goes on there
 * "try"       the part up to this byte is about to be appended, all of it with this "spooled_at",
 *             and its rejected texts under this file "name" (in hex)
 * "done"      as "at", and the archive ends there
 *
 * A kill or an error has interrupted a try that no "at" follows. Its lines are then looked for in the
 * spool: in segments with numbers above "after" (events) and "rejected_after".
 */
#ifndef HS_IMPORT_CHECKPOINT_H
#define HS_IMPORT_CHECKPOINT_H

#include "base/result.h"
#include "base/timestamp.h"

enum {
	HS_IMPORT_CHECKPOINT_KEY = 32,   /* hex digits of an archive's key, its file name here */
	HS_IMPORT_CHECKPOINT_NAME = 200, /* bytes of the archive's own name */
};

/* A place between two events of an archive. */
struct hs_spot {
	uint64_t at;    /* offset in its text */
	uint64_t line;  /* lines begun before it */
	uint64_t event; /* values of the last of them, if it has not ended; 0: it has */
	bool array;     /* within an array */
};

struct hs_import_checkpoint {
	int fd;
	uint64_t size; /* of the checkpoint file */
	struct hs_spot spot;
	uint64_t rejected;
	bool done;
	struct hs_try {
		bool open; /* no end is noted */
		struct hs_spot to;
		uint64_t after, rejected_after;
		char spooled_at[HS_TIMESTAMP_TEXT + 1];
		char name[HS_IMPORT_CHECKPOINT_NAME];
		size_t name_n;
	} try;
};

/*
 * Opens or makes a checkpoint, reads it, and locks it until it is closed. HS_OK, HS_E_LOCKED (another
 * process has it), or as hs_io_result: then it is not open.
 */
enum hs_result hs_import_checkpoint_open(int private_dir, const char *key, struct hs_import_checkpoint *checkpoint);
void hs_import_checkpoint_close(struct hs_import_checkpoint *checkpoint);

/* Notes a try, durably. HS_OK, HS_E_SYNC, or as hs_io_result; the next two likewise. */
enum hs_result hs_import_checkpoint_try(struct hs_import_checkpoint *checkpoint, const struct hs_try *try);

/*
 * Notes that everything up to `to` is in the spool, but for `rejected` further lines or events. Ends
 * the try. Synced if `durable`.
 */
enum hs_result hs_import_checkpoint_move(struct hs_import_checkpoint *checkpoint, const struct hs_spot *to,
                                         uint64_t rejected, bool durable);

/* Notes that the archive ends here, durably. */
enum hs_result hs_import_checkpoint_done(struct hs_import_checkpoint *checkpoint, const struct hs_spot *to);

/* Goes back to the start, without a try; the file stays until the next note. */
void hs_import_checkpoint_forget(struct hs_import_checkpoint *checkpoint);

#endif
