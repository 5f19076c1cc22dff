/*
 * event_source: what the commands that read events share: settings, a reader, perhaps a cursor,
 * and the words in which they say what is wrong.
 */
#ifndef HS_EVENT_SOURCE_H
#define HS_EVENT_SOURCE_H

#include "spool/position/cursor.h"
#include "spool/read/reader.h"
#include "tools/report/progress.h"

struct hs_event_source {
	const char *command; /* for messages */
	struct hs_settings *settings;
	struct hs_reader *reader;
	struct hs_cursor *cursor; /* NULL: none was named */
	const char *name;         /* of the cursor */
	bool fresh;               /* it is new */
};

/* A row for a command's table of options (command.h): where a new cursor begins. */
#define HS_EVENT_SOURCE_FROM(letter) \
	{ "from", "WHEN", letter, "where a new cursor begins: oldest, now, 2026-11-23T10:15:00Z, 2h (ago)" }

/* Is it an argument of --from? False after a message to standard error. */
bool hs_event_source_is_from(const char *command, const char *from);

/*
 * The spool of the settings (`config` NULL: those found), and the cursor of that name
 * (NULL: none); the reader starts where the cursor stands; a new one where `from` says (NULL:
 * the oldest event). 0, or an exit code after a
 * message to standard error, and nothing is open: EX_IOERR, too, for a position of another
 * history.
 */
int hs_event_source_open(struct hs_event_source *s, const char *command, const char *config,
		   const char *cursor, const char *from);

/*
 * Once it is known where a new cursor begins: says so, if there is anything to be missed or
 * to be had twice. 0 or an exit code.
 */
int hs_event_source_begun(struct hs_event_source *s, bool from_given);

/*
 * For what changes the spool, if no more than its cursors: 0 for its owner; for one of its group,
 * who may only read, EX_IOERR after a message to standard error that names the owner.
 */
int hs_event_source_owned(const struct hs_event_source *s, const char *option);

/*
 * Is `end` that of a spool to which no event has come yet? The text, to be freed, says so, where
 * it was looked, and what to do, in one line; NULL: events have come, or out of memory.
 */
char *hs_event_source_empty(const struct hs_event_source *s, struct hs_position end);

/* The reader starts where --from says. HS_OK or a result of reading. */
enum hs_result hs_event_source_from(struct hs_reader *reader, const char *from);

/* Returns the code; a zeroed struct is fine. */
int hs_event_source_close(struct hs_event_source *s, int code);

/* Says what a result means; returns the exit code for it (0 for HS_OK). */
int hs_event_source_result(const struct hs_event_source *s, enum hs_result r);

/*
 * Says what another outcome than a line or the end means. 0: reading can go on (a gap);
 * otherwise the exit code.
 */
int hs_event_source_trouble(const struct hs_event_source *s, enum hs_read what);

/*
 * Shows how far the reader is on its way to `end`, having delivered so many bytes; for the
 * loops that call it once in some thousand lines.
 */
enum { HS_EVENT_SOURCE_LINES = 4096 };
void hs_event_source_show(const struct hs_event_source *s, struct hs_progress *p, struct hs_position end,
		    uint64_t bytes);

#endif
