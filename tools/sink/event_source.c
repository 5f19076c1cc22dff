#include "tools/sink/event_source.h"
#include "base/io.h"
#include "spool/admin/erase_requests.h"
#include "spool/shared/spool_dir.h"
#include "tools/command.h"
#include "tools/report/bar_table.h"
#include "tools/report/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

int hs_event_source_result(const struct hs_event_source *s, enum hs_result result)
{
	return hs_command_result(s->command, s->settings->spool_dir, result);
}

/* --- where a cursor begins ------------------------------------------------- */

bool hs_event_source_is_from(const char *command, const char *option, const char *from)
{
	int64_t ms;

	if (strcmp(from, "oldest") == 0 || strcmp(from, "now") == 0 || hs_filter_when(from, hs_io_now(), &ms))
		return true;
	fprintf(stderr,
	        "hookspool %s: --%s %s: expected oldest, now, a time (2026-11-23T10:15:00Z) or how "
	        "long ago (2h, 7d)\n",
	        command, option, from);
	return false;
}

enum hs_result hs_event_source_from(struct hs_reader *reader, const char *from)
{
	struct hs_position at = { 0 };
	enum hs_result result = HS_OK;
	int64_t ms;

	if (strcmp(from, "now") == 0)
		result = hs_reader_end(reader, &at);
	else if (hs_filter_when(from, hs_io_now(), &ms)) /* "oldest" is no time */
		return hs_reader_since(reader, ms);
	if (result == HS_OK)
		hs_reader_start(reader, at);
	return result;
}

int hs_event_source_begun(struct hs_event_source *s, const char *option)
{
	struct hs_position at = hs_reader_position(s->reader), end = { 0 };
	enum hs_result result;

	if (!s->fresh || s->cursor == NULL)
		return 0;
	result = hs_reader_remember(s->reader);
	if (result == HS_OK)
		result = hs_reader_end(s->reader, &end);
	if (result != HS_OK && result != HS_E_FULL)
		return hs_event_source_result(s, result);
	if (end.number <= 1 && end.offset == 0) /* a spool without events */
		return 0;
	if (at.number == 0)
		fprintf(stderr, "hookspool %s: cursor %s is new: it begins at the oldest event%s%s%s\n", s->command,
		        s->name, option == NULL ? "" : " (--", option == NULL ? "" : option,
		        option == NULL ? "" : " now: with what comes next)");
	else if (hs_reader_has_passed(s->reader, end))
		fprintf(stderr, "hookspool %s: cursor %s is new: it begins with what comes next\n", s->command,
		        s->name);
	else
		fprintf(stderr,
		        "hookspool %s: cursor %s is new: it begins in segment %" PRIu64 " at byte %" PRIu64
		        ", the spool ends in segment %" PRIu64 " at byte %" PRIu64 "\n",
		        s->command, s->name, at.number, at.offset, end.number, end.offset);
	return 0;
}

/* Starts at the cursor, unless its position is of another history. */
static enum hs_result go_on(struct hs_event_source *s)
{
	enum hs_fit fit;
	enum hs_result result = hs_reader_fit(s->reader, hs_cursor_position(s->cursor), &fit);

	if (result != HS_OK)
		return result;
	return fit == HS_FIT_NOT || (fit == HS_FIT_UNKNOWN && hs_cursor_is_foreign(s->cursor)) ? HS_E_HISTORY : HS_OK;
}

bool hs_event_source_is_cursor(const char *command, const char *name)
{
	if (hs_cursor_is_name(name))
		return true;
	fprintf(stderr,
	        "hookspool %s: --cursor %s: expected letters, digits, '.', '_' and '-', no dot first, at most "
	        "%d\n",
	        command, name, HS_CURSOR_NAME_MAX);
	return false;
}

static int open_cursor(struct hs_event_source *s, const char *name, const char *from)
{
	int64_t holder;
	enum hs_result result;

	if (!hs_event_source_is_cursor(s->command, name))
		return 2;
	result = hs_cursor_open(hs_reader_dir(s->reader), name, &s->cursor, &s->fresh, &holder);
	if (result == HS_E_CURSOR_HELD) {
		fprintf(stderr, "hookspool %s: cursor %s is in use by process %lld: stop it%s\n", s->command, name,
		        (long long)holder, strcmp(s->command, "ship") == 0 ? "" : ", or use another name");
		return EX_TEMPFAIL;
	}
	s->name = name;
	if (result == HS_OK && !s->fresh)
		result = go_on(s);
	else if (result == HS_OK && from != NULL)
		result = hs_event_source_from(s->reader, from);
	if (result == HS_OK)
		result = hs_reader_remember(s->reader);
	if (result == HS_E_HISTORY)
		fprintf(stderr,
		        "hookspool %s: cursor %s: what it has passed is not what is in %s: run "
		        "hookspool adopt; hookspool adopt --from oldest|now|TIME sets it\n",
		        s->command, name, s->settings->spool_dir);
	return result == HS_E_HISTORY ? hs_command_exit(result) : hs_event_source_result(s, result);
}

int hs_event_source_owned(const struct hs_event_source *s, const char *option)
{
	const struct hs_spool_dir *dir = hs_reader_dir(s->reader);
	char name[HS_SPOOL_DIR_USER];
	struct stat st;

	if (!dir->read_only)
		return 0;
	if (hs_io_fstat(dir->fd, &st) < 0)
		return hs_event_source_result(s, HS_E_IO);
	hs_spool_dir_user(st.st_uid, name);
	fprintf(stderr,
	        "hookspool %s: %s writes to %s, which belongs to %s, and its group may only read: sudo -u %s "
	        "hookspool %s ...\n",
	        s->command, option, s->settings->spool_dir, name, name, s->command);
	return hs_command_exit(HS_E_SPOOL_OWNER);
}

char *hs_event_source_empty(const struct hs_event_source *s, struct hs_position end)
{
	static const char words[] =
	    "no event has come to %s yet: try it with hookspool send --url URL, or see hookspool check";
	size_t n = sizeof words + strlen(s->settings->spool_dir);
	char *text;

	if (end.number > 1 || end.offset > 0)
		return NULL;
	text = malloc(n);
	if (text != NULL)
		snprintf(text, n, words, s->settings->spool_dir);
	return text;
}

/* Before the first event it is no mistake that the folder does not exist. */
static bool is_missing(const struct hs_event_source *s)
{
	struct stat st;

	if (hs_io_stat(AT_FDCWD, s->settings->spool_dir, &st) == 0 || errno != ENOENT)
		return false;
	fprintf(stderr,
	        "hookspool %s: %s is not there: the first event makes it (try hookspool send --url URL), unless "
	        "spool_dir names another place than the handler's settings do (see hookspool check)\n",
	        s->command, s->settings->spool_dir);
	return true;
}

/* A loader's cursor keeps from retention what its database has not got: no other command is to move it. */
static int leave_to_loader(const struct hs_event_source *s, const char *name)
{
	if (strcmp(s->command, "load") == 0 || !hs_cursor_is_name(name) ||
	    !hs_erase_requests_is_marked(hs_reader_dir(s->reader)->private_dir, name))
		return 0;
	fprintf(
	    stderr,
	    "hookspool %s: cursor %s is that of a database of hookspool load, which would miss events if this moved "
	    "it: use another name, or give the database up first: hookspool cursors remove %s\n",
	    s->command, name, name);
	return 2;
}

int hs_event_source_open(struct hs_event_source *s, const char *command, const char *config, const char *cursor,
                         const char *from)
{
	int code;

	*s = (struct hs_event_source){ .command = command };
	s->settings = hs_command_settings(config);
	if (s->settings == NULL)
		return EX_CONFIG;
	code = is_missing(s) ? hs_command_exit(HS_E_SPOOL_DIR)
	                     : hs_event_source_result(s, hs_reader_open(s->settings, &s->reader));
	if (code == 0 && cursor != NULL)
		code = hs_event_source_owned(s, "--cursor");
	if (code == 0 && cursor != NULL)
		code = leave_to_loader(s, cursor);
	if (code == 0 && cursor != NULL)
		code = open_cursor(s, cursor, from);
	return code == 0 ? 0 : hs_event_source_close(s, code);
}

int hs_event_source_close(struct hs_event_source *s, int code)
{
	hs_cursor_close(s->cursor);
	hs_reader_close(s->reader);
	hs_settings_free(s->settings);
	*s = (struct hs_event_source){ .command = s->command };
	return code;
}

int hs_event_source_trouble(const struct hs_event_source *s, enum hs_read what)
{
	uint64_t first, last;

	switch (what) {
	case HS_READ_GAP:
		hs_reader_gap(s->reader, &first, &last);
		fprintf(stderr,
		        "hookspool %s: segments %" PRIu64 " to %" PRIu64
		        " are gone: deleted by retention, or by somebody\n",
		        s->command, first, last);
		return 0;
	case HS_READ_AHEAD: return hs_event_source_result(s, HS_E_CURSOR);
	case HS_READ_FAILED: return hs_event_source_result(s, hs_reader_result(s->reader));
	default: return 0;
	}
}

void hs_event_source_show(const struct hs_event_source *s, struct hs_progress *p, struct hs_position end,
                          uint64_t bytes)
{
	char read[HS_BAR_TABLE_BYTES], rate[HS_BAR_TABLE_BYTES], left[HS_PROGRESS_LEFT];
	uint64_t at = hs_reader_position(s->reader).number;
	int64_t ms;

	if (!p->terminal)
		return;
	ms = hs_io_now_monotonic() - p->begun_ms;
	hs_bar_table_bytes(bytes, read);
	hs_bar_table_bytes(ms > 0 ? bytes * 1000 / (uint64_t)ms : 0, rate);
	if (p->from == 0)
		p->from = at;
	if (at < p->from)
		hs_progress_left(p, p->from - at, p->from, left);
	else
		hs_progress_left(p, at - p->from, end.number - p->from, left);
	hs_progress_show(p, "segment %" PRIu64 " of %" PRIu64 ", %s, %s/s%s", at, at < p->from ? p->from : end.number,
	                 read, rate, left);
}
