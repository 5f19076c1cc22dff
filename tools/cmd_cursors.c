/* hookspool cursors: lists how far each consumer is; resets or removes a cursor. */
#include "base/io.h"
#include "base/json_writer.h"
#include "spool/admin/erase_requests.h"
#include "tools/command.h"
#include "tools/report/bar_table.h"
#include "tools/report/consumer_lag.h"
#include "tools/report/fold.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { OPT_FROM = HS_OPT_OWN, BLOCK_INDENT = 4 /* columns */ };

static const struct hs_option cursors_options[] = {
	{ "from", "WHEN", OPT_FROM, "reset: to oldest, now, 2026-11-23T10:15:00Z or 2h (ago)" },
	HS_OPTION_JSON,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};

struct run {
	struct hs_event_source source;
	struct hs_consumer_lag lag;
	const char *config, *from;
	bool json;
};

/* --- how far they are ------------------------------------------------------- */

/* Begins at the first segment that a cursor has not passed. */
static int walk(struct run *r, struct hs_position end)
{
	struct hs_reader *reader = r->source.reader;
	int code = 0;

	if (r->lag.count == 0 || r->lag.cursor[0].at.number > end.number)
		return 0;
	hs_reader_start(reader, (struct hs_position){ .number = r->lag.cursor[0].at.number });
	while (code == 0 && !hs_reader_has_passed(reader, end)) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(reader, &line);

		if (what == HS_READ_END)
			return 0;
		if (what == HS_READ_LINE)
			hs_consumer_lag_line(&r->lag, hs_reader_position(reader), line);
		else
			code = hs_event_source_trouble(&r->source, what);
	}
	return code;
}

static int find_lag(struct run *r)
{
	struct hs_position end;
	enum hs_result result = hs_consumer_lag_start(&r->lag, hs_reader_dir(r->source.reader));
	int code;

	if (result == HS_OK)
		result = hs_reader_end(r->source.reader, &end);
	if (result != HS_OK)
		return hs_event_source_result(&r->source, result);
	code = walk(r, end);
	hs_consumer_lag_end(&r->lag, end);
	return code;
}

/* --- the list ----------------------------------------------------------------- */

static bool is_of_this_spool(const struct run *r, const struct hs_consumer_lag_cursor *c)
{
	return strcmp(c->history.id, hs_reader_dir(r->source.reader)->history.id) == 0;
}

static const char *state_of(const struct run *r, const struct hs_consumer_lag_cursor *c)
{
	return c->damaged                ? "damaged"
	       : !is_of_this_spool(r, c) ? "of another spool"
	       : c->ahead                ? "after the end of the spool"
	       : c->held                 ? "in use"
	                                 : "";
}

static void put_json_position(struct hs_json_writer *w, const struct hs_consumer_lag_cursor *c)
{
	hs_json_writer_uint(w, "segment", c->at.number);
	hs_json_writer_uint(w, "offset", c->at.offset);
	hs_json_writer_time(w, "saved_at", c->saved_ms);
	hs_json_writer_text(w, "spool", hs_slice_str(c->history.id));
	hs_json_writer_uint(w, "epoch", c->history.epoch);
	hs_json_writer_uint(w, "records", c->records);
	hs_json_writer_uint(w, "bytes", c->bytes);
	hs_json_writer_text_or_null(w, "oldest", c->oldest[0] != '\0' ? hs_slice_str(c->oldest) : HS_SLICE_NONE);
}

static void put_json_row(const struct run *r, const struct hs_consumer_lag_cursor *c, struct hs_json_writer *w)
{
	hs_json_writer_object(w, NULL);
	hs_json_writer_text(w, "name", hs_slice_str(c->name));
	hs_json_writer_bool(w, "usable", !c->damaged && !c->ahead && is_of_this_spool(r, c));
	if (!c->damaged)
		put_json_position(w, c);
	hs_json_writer_bool(w, "in_use", c->held);
	if (c->holder > 0)
		hs_json_writer_uint(w, "process", (uint64_t)c->holder);
	hs_json_writer_end(w, '}');
}

static void put_json(const struct run *r, struct hs_buf *out)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_array(&w, NULL);
	for (size_t i = 0; i < r->lag.count; i++) {
		w.line = i > 0;
		put_json_row(r, &r->lag.cursor[i], &w);
	}
	hs_json_writer_end(&w, ']');
	hs_buf_putc(out, '\n');
}

/* Appends what is wrong with a cursor that tells no position. */
static void put_trouble(const struct hs_consumer_lag_cursor *c, struct hs_buf *out)
{
	if (c->error != 0)
		hs_buf_printf(out, "cannot be read: %s: try again before you reset it\n", strerror(c->error));
	else
		hs_buf_printf(out, "damaged: hookspool cursors reset %s --from oldest|now|TIME\n", c->name);
}

static void put_state(const struct run *r, const struct hs_consumer_lag_cursor *c, struct hs_buf *out)
{
	hs_buf_put_slice(out, hs_slice_str(state_of(r, c)));
	if (c->holder > 0)
		hs_buf_printf(out, " by process %" PRId64, c->holder);
	hs_buf_putc(out, '\n');
}

static void put_row(const struct run *r, const struct hs_consumer_lag_cursor *c, int width, struct hs_buf *out)
{
	char bytes[HS_BAR_TABLE_BYTES], saved[HS_TIMESTAMP_TEXT + 1], at[48];

	hs_buf_printf(out, "%-*s ", width, c->name);
	if (c->damaged) {
		put_trouble(c, out);
		return;
	}
	hs_bar_table_bytes(c->bytes, bytes);
	hs_timestamp_text(c->saved_ms, saved);
	snprintf(at, sizeof at, "%" PRIu64 ":%" PRIu64, c->at.number, c->at.offset);
	hs_buf_printf(out, "%10" PRIu64 " %11s  %-24s  %-24s  %-16s", c->records, bytes,
	              c->oldest[0] != '\0' ? c->oldest : "-", saved, at);
	hs_buf_printf(out, " %5" PRIu64 "  ", c->history.epoch);
	put_state(r, c, out);
}

static void put_rows(const struct run *r, struct hs_buf *out)
{
	int width = (int)strlen("cursor");

	for (size_t i = 0; i < r->lag.count; i++)
		if ((int)strlen(r->lag.cursor[i].name) > width)
			width = (int)strlen(r->lag.cursor[i].name);
	hs_buf_printf(out, "%-*s %10s %11s  %-24s  %-24s  %-16s %5s\n", width, "cursor", "behind", "bytes",
	              "oldest waiting", "saved at", "segment:byte", "epoch");
	for (size_t i = 0; i < r->lag.count; i++)
		put_row(r, &r->lag.cursor[i], width, out);
}

/* Appends a cursor as a block, for a terminal that is narrower than the rows. */
static void put_block(const struct run *r, const struct hs_consumer_lag_cursor *c, size_t columns, struct hs_buf *out)
{
	char bytes[HS_BAR_TABLE_BYTES], saved[HS_TIMESTAMP_TEXT + 1];
	size_t from = out->n;

	hs_buf_printf(out, "%s\n  ", c->name);
	if (c->damaged) {
		put_trouble(c, out);
		hs_fold(out, from, columns, BLOCK_INDENT);
		return;
	}
	hs_bar_table_bytes(c->bytes, bytes);
	hs_timestamp_text(c->saved_ms, saved);
	hs_buf_printf(out, "behind          %" PRIu64 ", %s\n", c->records, bytes);
	if (c->oldest[0] != '\0')
		hs_buf_printf(out, "  oldest waiting  %s\n", c->oldest);
	hs_buf_printf(out, "  saved at        %s\n", saved);
	hs_buf_printf(out, "  segment:byte    %" PRIu64 ":%" PRIu64 "\n", c->at.number, c->at.offset);
	hs_buf_printf(out, "  epoch           %" PRIu64 "\n", c->history.epoch);
	if (state_of(r, c)[0] != '\0') {
		hs_buf_put_slice(out, HS_SLICE("  "));
		put_state(r, c, out);
	}
}

/* The columns of the widest line of the text; rows are in ASCII. */
static size_t widest(const struct hs_buf *text)
{
	size_t most = 0, n = 0;

	for (size_t i = 0; i < text->n; i++) {
		n = text->p[i] == '\n' ? 0 : n + 1;
		most = n > most ? n : most;
	}
	return most;
}

static void put_table(const struct run *r, struct hs_buf *out)
{
	size_t columns = hs_bar_table_columns(STDOUT_FILENO);

	if (r->lag.count == 0) {
		hs_buf_printf(out, "no cursors: tail --cursor NAME and each --cursor NAME make one\n");
		return;
	}
	put_rows(r, out);
	if (columns > 0 && hs_buf_ok(out) && widest(out) > columns) {
		hs_buf_reset(out);
		for (size_t i = 0; i < r->lag.count; i++)
			put_block(r, &r->lag.cursor[i], columns, out);
	}
	if (r->lag.more)
		hs_buf_printf(out, "and more than %d other cursors\n", HS_CONSUMER_LAG_CURSORS);
}

static int list(struct run *r)
{
	struct hs_buf out = { 0 };
	int code = find_lag(r);

	(r->json ? put_json : put_table)(r, &out);
	if (code == 0 && !hs_buf_ok(&out))
		code = hs_event_source_result(&r->source, HS_E_MEMORY);
	if (code == 0)
		hs_terminal_write(stdout, hs_buf_slice(&out));
	hs_buf_free(&out);
	return code;
}

/* --- one of them ---------------------------------------------------------------- */

struct search {
	const char *name;
	bool found;
};

static bool look_at(void *context, const struct hs_cursor_info *info)
{
	struct search *s = context;

	s->found = strcmp(s->name, info->name) == 0;
	return !s->found;
}

/* Takes hold of the cursor, so that no consumer uses it. 0, or the exit code. */
static int hold(struct run *r, const char *name, struct hs_cursor **cursor)
{
	const struct hs_spool_dir *dir = hs_reader_dir(r->source.reader);
	struct search s = { .name = name };
	int64_t holder = 0;
	enum hs_result result = hs_cursor_list(dir->private_dir, look_at, &s);

	if (result == HS_OK && !s.found) {
		hs_terminal_printf(stderr, "hookspool cursors: there is no cursor %s: hookspool cursors lists them\n",
		                   name);
		return 1;
	}
	if (result == HS_OK)
		result = hs_cursor_open_anew(dir, name, cursor, &holder);
	if (result == HS_E_CURSOR_HELD) {
		fprintf(stderr, "hookspool cursors: cursor %s is in use by process %" PRId64 ": stop it first\n", name,
		        holder);
		return EX_TEMPFAIL;
	}
	return hs_event_source_result(&r->source, result);
}

/* Names a consumer that has a place of its own, so that the cursor is for retention alone; NULL: the cursor counts. */
static const char *own_place(const struct hs_spool_dir *dir, const char *name)
{
	struct stat st;

	if (hs_erase_requests_is_marked(dir->private_dir, name))
		return "hookspool load continues where its database is";
	if (strcmp(name, "ship") == 0 && hs_io_stat(dir->private_dir, "receiver", &st) == 0)
		return "hookspool ship continues where the stream is";
	return NULL;
}

static void tell_place(const char *name, struct hs_position at, const char *own)
{
	printf("cursor %s: it %s ", name, own == NULL ? "continues" : "is");
	if (at.number == 0)
		printf("%s the oldest event", own == NULL ? "with" : "at");
	else
		printf("in segment %" PRIu64 " at byte %" PRIu64, at.number, at.offset);
	if (own != NULL)
		printf(", for retention alone: %s", own);
	putchar('\n');
}

static int reset(struct run *r, const char *name)
{
	struct hs_reader *reader = r->source.reader;
	struct hs_position at = { 0 };
	struct hs_cursor *cursor;
	enum hs_result result;
	int code = hold(r, name, &cursor);

	if (code != 0)
		return code;
	result = hs_event_source_from(reader, r->from);
	if (result == HS_OK)
		result = hs_reader_remember(reader);
	at = hs_reader_position(reader);
	if (result == HS_OK)
		result = hs_cursor_save(cursor, at);
	hs_cursor_close(cursor);
	if (result == HS_OK)
		tell_place(name, at, own_place(hs_reader_dir(reader), name));
	return hs_event_source_result(&r->source, result);
}

/* With its cursor a database of `hookspool load` is given up: no erase tells it any more. */
static int remove_one(struct run *r, const char *name)
{
	const struct hs_spool_dir *dir = hs_reader_dir(r->source.reader);
	struct hs_cursor *cursor;
	enum hs_result result;
	size_t dropped = 0;
	int code = hold(r, name, &cursor);

	if (code != 0)
		return code;
	result = hs_erase_requests_forget(dir->private_dir, name, &dropped);
	if (result == HS_OK)
		result = hs_cursor_remove(dir, name);
	hs_cursor_close(cursor);
	if (dropped > 0)
		fprintf(stderr,
		        "hookspool cursors: %s: dropped requests of hookspool erase: %zu: the database still has the "
		        "rows of "
		        "those people\n",
		        name, dropped);
	if (result == HS_OK)
		printf("cursor %s: removed\n", name);
	return hs_event_source_result(&r->source, result);
}

/* --- the command ------------------------------------------------------------------ */

static int act(struct run *r, int words, char **word)
{
	bool is_list = words == 0 || (words == 1 && strcmp(word[0], "list") == 0);
	bool is_reset = words == 2 && strcmp(word[0], "reset") == 0;
	bool is_remove = words == 2 && strcmp(word[0], "remove") == 0;
	int code;

	if (!is_list && !is_reset && !is_remove)
		return hs_usage_why("cursors", "expected list, reset NAME or remove NAME");
	if (r->json && !is_list)
		return hs_usage_why("cursors", "--json is for list");
	if (is_reset != (r->from != NULL)) {
		fputs(is_reset ? "hookspool cursors: reset needs --from oldest, now or a time\n"
		               : "hookspool cursors: --from is for reset\n",
		      stderr);
		return 2;
	}
	if (r->from != NULL && !hs_event_source_is_from("cursors", "from", r->from))
		return 2;
	code = hs_event_source_open(&r->source, "cursors", r->config, NULL, NULL);
	if (code != 0)
		return code;
	if (!is_list)
		code = hs_event_source_owned(&r->source, word[0]);
	if (code != 0)
		return hs_event_source_close(&r->source, code);
	code = is_list ? list(r) : is_reset ? reset(r, word[1]) : remove_one(r, word[1]);
	hs_consumer_lag_free(&r->lag);
	return hs_event_source_close(&r->source, code);
}

static int cmd_cursors(int argc, char **argv)
{
	struct run r = { .json = false };
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		switch (option) {
		case HS_OPT_CONFIG: r.config = optarg; break;
		case HS_OPT_JSON: r.json = true; break;
		case OPT_FROM: r.from = optarg; break;
		default: return hs_usage(argv[0]);
		}
	return act(&r, argc - optind, argv + optind);
}

const struct hs_command hs_command_cursors = {
	.name = "cursors",
	.run = cmd_cursors,
	.options = cursors_options,
	.arguments = "[list | reset NAME --from WHEN | remove NAME]",
	.help = "show how far consumers have read; reset or remove a cursor",
};
