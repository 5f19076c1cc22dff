/*
 * cursor: how far a consumer has come, kept in .hookspool/cursors/NAME.
 *
 *	{"number":42,"offset":1234,"edit":0,"before":"9f86d081884c7d65",
 *	 "spool":"5f0c0f6b…","epoch":2,"saved_at":"2026-11-23T10:15:00.123Z"}
 *
 * Everything before that position of the events is done. "before" is a hash of the line
 * before it (history.h), 0 if it is not known; "spool" and "epoch" say of which history it is.
 * A consumer that does not work in order has done more, behind "saved_at":
 *
 *	"ahead":[44,0,0],"held":[["c0ffee0123456789",43,1200,0],…]
 *
 * is done up to the first position (number, offset, edit) but for these users' records behind theirs;
 * a user is known by a hash.
 *
 * The file is replaced as a whole (temporary file, sync, rename, directory sync), so it is never older than the last save
 * that succeeded, and never half of one. One consumer at a time holds a cursor: flock(2)
 * on .NAME beside it, which holds the consumer's process id. Retention keeps the segments
 * that a cursor has not passed, unless retain_force is set.
 */
#ifndef HS_CURSOR_H
#define HS_CURSOR_H

#include "spool/position/rewrite_log.h"

enum { HS_CURSOR_NAME_MAX = 64, HS_CURSOR_HELD = 512 };

struct hs_held {
	uint64_t user; /* a number that belongs to him */
	struct hs_position from;
};

/* Records after the cursor that are done: all up to `to`, except these users' after `from`. */
struct hs_ahead {
	struct hs_position to; /* its number is 0: nothing is */
	size_t count;
	struct hs_held held[HS_CURSOR_HELD];
};

struct hs_cursor;

/* Letters, digits, '.', '_' and '-', not a dot first, at most HS_CURSOR_NAME_MAX bytes. */
bool hs_cursor_is_name(const char *name);

/*
 * Takes hold of the cursor and reads where it stands; a new one (*fresh) stands at the start
 * of the spool. HS_E_CURSOR_HELD: another process holds it, *holder tells which (0: not known).
 * HS_E_CURSOR: its file is damaged, or the name is not one. HS_E_IO, HS_E_FULL, HS_E_MEMORY.
 */
enum hs_result hs_cursor_open(const struct hs_spool_dir *dir, const char *name, struct hs_cursor **cursor, bool *fresh,
                              int64_t *holder);
/* The same of one that is to be set anew: a damaged file counts as a new cursor. */
enum hs_result hs_cursor_open_anew(const struct hs_spool_dir *dir, const char *name, struct hs_cursor **cursor,
                                   int64_t *holder);
void hs_cursor_close(struct hs_cursor *cursor); /* NULL is fine */

/* As it was read, or last saved; of the file that its number of edits tells. */
struct hs_position hs_cursor_position(const struct hs_cursor *cursor);

/* Was it saved in another history than the spool's: another id, or another epoch? */
bool hs_cursor_is_foreign(const struct hs_cursor *cursor);

/*
 * Moves it, on stable storage. HS_OK, HS_E_IO, HS_E_SYNC or HS_E_FULL: then it may stand
 * where it was, or at the new place.
 */
enum hs_result hs_cursor_save(struct hs_cursor *cursor, struct hs_position position);

/* The same, with what is done behind the position. */
enum hs_result hs_cursor_save_ahead(struct hs_cursor *cursor, struct hs_position position,
                                    const struct hs_ahead *ahead);

/* That, as it was read or last saved. */
const struct hs_ahead *hs_cursor_ahead(const struct hs_cursor *cursor);

/* Removes its file, durably, whatever stands in it. HS_OK or HS_E_IO. */
enum hs_result hs_cursor_remove(const struct hs_spool_dir *dir, const char *name);

/* One of the cursors of a spool. */
struct hs_cursor_info {
	const char *name;
	struct hs_position position;
	int64_t saved_ms;
	bool damaged;              /* nothing but its name is known */
	bool held;                 /* a consumer is at work … */
	int64_t holder;            /* … this process, 0: not known */
	struct hs_history history; /* in which it was saved */
};

/*
 * Calls each(context, info) for all of them, in no order, until it returns false. HS_OK,
 * also if there are none; HS_E_IO.
 */
enum hs_result hs_cursor_list(int private_dir, bool (*each)(void *context, const struct hs_cursor_info *info),
                              void *context);

/*
 * The lowest segment that a cursor still needs: 0 if one is damaged, so that nothing of
 * its past is known; UINT64_MAX if there is none. HS_OK or HS_E_IO.
 */
enum hs_result hs_cursor_oldest(int private_dir, uint64_t *number);

/*
 * How far the first of them has come, of those that are of the spool's history; number 0 if
 * there is none. HS_OK or HS_E_IO.
 */
enum hs_result hs_cursor_newest(const struct hs_spool_dir *dir, struct hs_position *at);

#endif
