/*
 * event_source: the settings, the reader and the cursor of a command that reads events, and its
 * messages about them.
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
	struct hs_cursor *cursor; /* NULL: none was asked for */
	const char *name;         /* of the cursor */
	bool fresh;               /* the cursor is new */
};

/* --from, a row for a command's table of options (command.h). */
#define HS_EVENT_SOURCE_FROM(letter) \
	{ \
		"from", "WHEN", letter, "where a new cursor begins: oldest, now, 2026-11-23T10:15:00Z, 2h (ago)" \
	}

/* True if it is an argument of --from, or of the option of this name; false after a message to standard error. */
bool hs_event_source_is_from(const char *command, const char *option, const char *from);

/*
 * Opens the spool that the settings name (`config` NULL: the settings that the handler would
 * find), and the cursor of that name (NULL: none). The reader starts at the cursor; at a new one
 * where `from` says (NULL: the oldest event). 0, or an exit code after a message to standard error,
 * and nothing is open. A position of another history is EX_IOERR.
 */
int hs_event_source_open(struct hs_event_source *s, const char *command, const char *config, const char *cursor,
                         const char *from);

/*
 * Says where a new cursor begins, once that is known, if the spool has events that could be missed
 * or come twice. `hint` is the option that would have said where; NULL: it was given. 0 or an exit code.
 */
int hs_event_source_begun(struct hs_event_source *s, const char *hint);

/*
 * For options that change the spool or its cursors: 0 for its owner; EX_IOERR, after a message to
 * standard error that names the owner, for a member of its group, who may only read.
 */
int hs_event_source_owned(const struct hs_event_source *s, const char *option);

/*
 * If `end` is that of a spool without events: one line, to be freed, that says so, and what to do.
 * NULL: there are events, or out of memory.
 */
char *hs_event_source_empty(const struct hs_event_source *s, struct hs_position end);

/* Starts the reader where --from says. HS_OK or a result of reading. */
enum hs_result hs_event_source_from(struct hs_reader *reader, const char *from);

/* Returns the code. A zeroed struct is fine. */
int hs_event_source_close(struct hs_event_source *s, int code);

/* Says what a result means; returns the exit code for it (0 for HS_OK). */
int hs_event_source_result(const struct hs_event_source *s, enum hs_result r);

/*
 * Says what an outcome of reading means that is neither a line nor the end. 0: reading can go on,
 * after a gap; otherwise the exit code.
 */
int hs_event_source_trouble(const struct hs_event_source *s, enum hs_read what);

/*
 * Shows how far the reader is on its way to `end`, or back to the oldest event, after this many bytes, and
 * the time left. Call it once in HS_EVENT_SOURCE_LINES lines.
 */
enum { HS_EVENT_SOURCE_LINES = 4096 };
void hs_event_source_show(const struct hs_event_source *s, struct hs_progress *p, struct hs_position end,
                          uint64_t bytes);

#endif
