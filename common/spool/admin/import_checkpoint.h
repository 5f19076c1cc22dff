/*
 * checkpoint: how far an archive was imported: .hookspool/imports/KEY, a line a commit.
 *
 *	{"try":4194211,"line":4000,"event":0,"array":0,"spooled_at":"2026-11-24T…Z","after":41,"rejected_after":2,"name":"612e6a736f6e6c"}
 *	{"at":4194211,"line":4000,"event":0,"array":0,"rejected":0}
 *	{"done":9000123,"line":8711,"event":0,"array":0,"rejected":2}
 *
 * "at": what stands before this byte of the archive's text is in the spool, durably;
 * "rejected" of its lines and events were refused, so that every further run can say so.
 * "event": this byte is in the middle of the line, behind so many events of it; "array": and these
 * are elements of an array that goes on there.
 * "try": the part up to this byte is about to be appended, all of it with this spooled_at, and
 * what is refused of it as of a file of this name (in hex).
 * A try that no "at" follows was cut short by a kill or an error: whether it arrived is
 * found out from the spool itself, in the segments sealed behind the numbers `after`, of the
 * events, and `rejected_after`.
 */
#ifndef HS_IMPORT_CHECKPOINT_H
#define HS_IMPORT_CHECKPOINT_H

#include "base/result.h"
#include "base/timestamp.h"

enum {
	HS_IMPORT_CHECKPOINT_KEY = 32,   /* hex digits of an archive's name here */
	HS_IMPORT_CHECKPOINT_NAME = 200, /* bytes of its file's name */
};

/* A place between two events of an archive. */
struct hs_spot {
	uint64_t at;    /* byte of its text */
	uint64_t line;  /* lines up to there, one that is not over included */
	uint64_t event; /* events of that one; 0: it is over */
	bool array;     /* within an array */
};

struct hs_import_checkpoint {
	int fd;
	uint64_t size; /* of the checkpoint's own file */
	struct hs_spot spot;
	uint64_t rejected;
	bool done;
	struct hs_try {
		bool open; /* begun, and its end unknown */
		struct hs_spot to;
		uint64_t after, rejected_after;
		char spooled_at[HS_TIMESTAMP_TEXT + 1];
		char name[HS_IMPORT_CHECKPOINT_NAME];
		size_t name_n;
	} try;
};

/*
 * Opens or makes one and reads it; it is held until it is closed. HS_OK, HS_E_LOCKED
 * (another process has it), HS_E_FULL, HS_E_MEMORY or HS_E_IO; then it is not open.
 */
enum hs_result hs_import_checkpoint_open(int private_dir, const char *key, struct hs_import_checkpoint *b);
void hs_import_checkpoint_close(struct hs_import_checkpoint *b);

/* Notes a try, durably. HS_OK, HS_E_FULL, HS_E_SYNC or HS_E_IO; so, too, the next two. */
enum hs_result hs_import_checkpoint_try(struct hs_import_checkpoint *b, const struct hs_try *try);

/*
 * The try is over, everything up to here is in the spool, but `rejected` lines or events more. Not
 * synced unless `durable`.
 */
enum hs_result hs_import_checkpoint_move(struct hs_import_checkpoint *b, const struct hs_spot *to, uint64_t rejected,
                                         bool durable);

/* The archive has ended here. Durable. */
enum hs_result hs_import_checkpoint_done(struct hs_import_checkpoint *b, const struct hs_spot *to);

/* Back to the start, and no try; not yet on the disk. */
void hs_import_checkpoint_forget(struct hs_import_checkpoint *b);

#endif
