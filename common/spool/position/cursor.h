/*
 * cursor: a consumer's position in the events, kept in .hookspool/cursors/NAME.
 *
 *	{"number":42,"offset":1234,"edit":0,"before":"9f86d081884c7d65",
 *	 "spool":"5f0c0f6b…","epoch":2,"saved_at":"2026-11-23T10:15:00.123Z"}
 *
 * Every event before that position is done. "before" is a hash of the line before it (history.h), 0 if
 * that is not known; "spool" and "epoch" name the history that the position belongs to. If a consumer
 * that works out of order has done more, this follows "saved_at":
 *
 *	"ahead":[44,0,0],"hash":2,"held":[["c0ffee0123456789",43,1200,0],…]
 *
 * Every event before the position "ahead" (number, offset, edit) is done, except those of each user in
 * "held" from the user's position on. A user's tenant and id are hashed; "hash" is the version of that, 1 if it is
 * absent. Hashes of another version would match nobody, and events that are not done count as done; so then
 * nothing counts as done after the position. A consumer that sends into a replicated log adds
 *
 *	"stream":{"created":"2026-11-29T04:00:00Z","receiver":"kodabuzi","sequence":998,"own":990,"back":0},
 *	"kept":[41,500,0],"next":[41,900,0,"2026-11-23T10:01:00.123Z"]
 *
 * so that it notices a log that was recreated, or that lost its end. Retention keeps the segments from "kept"
 * on, where the cursor was some time ago, so that they can be sent again. "next" is kept instead once that time is
 * long enough ago, also if the consumer does not run meanwhile; it is absent if there is none.
 *
 * The file is replaced as a whole (file_replace.h), so it is never older than the last save that
 * succeeded, and never half of one. One consumer at a time holds a cursor, by flock(2) on .NAME beside
 * it, which contains the consumer's process id. Retention keeps the segments that a cursor has not
 * passed, unless retain_force is set.
 */
#ifndef HS_CURSOR_H
#define HS_CURSOR_H

#include "spool/position/rewrite_log.h"

enum {
	HS_CURSOR_NAME_MAX = 64,
	HS_CURSOR_HELD = 512,
	HS_CURSOR_HASH = 2, /* the version of the users' hashes */
};

struct hs_held_user {
	uint64_t user; /* a hash of the tenant and the id */
	struct hs_position from;
};

/* Records after the cursor that are done: all before `to`, except each held user's from `from` on. */
struct hs_ahead {
	struct hs_position to; /* number 0: none are done */
	size_t count;
	struct hs_held_user held[HS_CURSOR_HELD];
};

/* A consumer's knowledge of the log that it sends to. */
struct hs_cursor_stream {
	char created[40];        /* the log's stamp, without quotes; "": no log is known */
	char receiver[16];       /* this spool's name in the log, letters */
	uint64_t sequence, own;  /* the highest numbers that the log gave to any entry, and to one of this spool */
	uint64_t back;           /* the log had lost entries when it gave this number to one of this spool; 0: none */
	struct hs_position kept; /* where the cursor was some time ago; number 0: it keeps nothing */
	struct hs_position next; /* where it was later, … */
	int64_t next_ms;         /* … in milliseconds since 1970; number 0: not known */
};

struct hs_cursor;

/* True for 1 to HS_CURSOR_NAME_MAX letters, digits, '.', '_' and '-', the first not a dot. */
bool hs_cursor_is_name(const char *name);

/*
 * Holds the cursor and reads its position; a new one (*fresh) is at the start of the spool. The
 * spool's directory must outlive it. HS_OK; HS_E_CURSOR_HELD: the process *holder holds it (0: not
 * known); HS_E_CURSOR: its file is damaged, or the name is not valid; or as hs_io_result.
 */
enum hs_result hs_cursor_open(const struct hs_spool_dir *dir, const char *name, struct hs_cursor **cursor, bool *fresh,
                              int64_t *holder);
/* Like hs_cursor_open, for a cursor that is about to be set: a damaged file counts as a new cursor. */
enum hs_result hs_cursor_open_anew(const struct hs_spool_dir *dir, const char *name, struct hs_cursor **cursor,
                                   int64_t *holder);
void hs_cursor_close(struct hs_cursor *cursor); /* NULL is fine */

/* The position as it was read or last saved, untranslated (rewrite_log.h). */
struct hs_position hs_cursor_position(const struct hs_cursor *cursor);

/* True if it was saved in another history than the spool's: another id, or another epoch. */
bool hs_cursor_is_foreign(const struct hs_cursor *cursor);

/*
 * Moves the cursor, on stable storage. HS_OK; HS_E_SYNC, or as hs_io_result: then the file has the
 * old position or the new one.
 */
enum hs_result hs_cursor_save(struct hs_cursor *cursor, struct hs_position position);

/* Like hs_cursor_save, with the records after the position that are done; NULL: none. */
enum hs_result hs_cursor_save_ahead(struct hs_cursor *cursor, struct hs_position position,
                                    const struct hs_ahead *ahead);

/* These, as they were read or last saved; none if they were saved with hashes of another version. */
const struct hs_ahead *hs_cursor_ahead(const struct hs_cursor *cursor);

/* The file's knowledge of a log; hs_cursor_set_stream changes what each later save writes. */
const struct hs_cursor_stream *hs_cursor_stream(const struct hs_cursor *cursor);
void hs_cursor_set_stream(struct hs_cursor *cursor, const struct hs_cursor_stream *stream);

/* Removes the cursor's file, durably, also a damaged one. HS_OK, also if there is none; HS_E_IO. */
enum hs_result hs_cursor_remove(const struct hs_spool_dir *dir, const char *name);

/* A cursor of a spool, as hs_cursor_list finds it. */
struct hs_cursor_info {
	const char *name;
	struct hs_position position;
	uint64_t kept; /* the first segment that it needs, no later than that of the position */
	int64_t saved_ms;
	bool damaged;              /* only its name is known … */
	int error;                 /* … since reading it failed with this errno; 0: its text is damaged */
	bool held;                 /* a consumer holds it … */
	int64_t holder;            /* … the process with this id; 0: not known */
	struct hs_history history; /* in which it was saved; `settled` is not set */
};

/*
 * Calls each(context, info) for every cursor, in no order, until it returns false. HS_OK, also if
 * there are none; HS_E_IO.
 */
enum hs_result hs_cursor_list(int private_dir, bool (*each)(void *context, const struct hs_cursor_info *info),
                              void *context);

/*
 * Finds the lowest number of a segment that a cursor still needs: 0 if one is damaged, since it may
 * need any; UINT64_MAX if there are no cursors. HS_OK or HS_E_IO.
 */
enum hs_result hs_cursor_oldest(int private_dir, uint64_t *number);

/*
 * Finds the furthest position among the cursors of the spool's history; number 0: there are none.
 * HS_OK or HS_E_IO.
 */
enum hs_result hs_cursor_newest(const struct hs_spool_dir *dir, struct hs_position *at);

#endif
