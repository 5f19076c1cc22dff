#include "tools/load/status.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "event/record_fields.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct status {
	struct hs_event_source source;
	struct hs_target_position at;
	uint64_t records, bytes;            /* behind */
	char oldest[HS_TIMESTAMP_TEXT + 1]; /* spooled_at of the first of them; "": none */
};

static int read_position(struct hs_target *target, struct hs_target_position *at)
{
	enum hs_target_result result;

	target->look_only = true;
	result = target->ops->connect(target);
	if (result == HS_TARGET_OK) {
		result = target->ops->begin(target, at);
		target->ops->rollback(target);
		target->ops->disconnect(target);
	}
	if (result == HS_TARGET_OK)
		return 0;
	hs_terminal_printf(stderr, "hookspool load: %s: %s\n", hs_target_meaning(result), target->message);
	return result == HS_TARGET_AWAY ? EX_UNAVAILABLE : result == HS_TARGET_DENIED ? EX_NOPERM : EX_IOERR;
}

static void note_oldest(struct status *s, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at")))
			snprintf(s->oldest, sizeof s->oldest, "%.*s", (int)field.value.n, field.value.p);
}

/* Counts what is after the position. */
static int measure(struct status *s)
{
	struct hs_reader *reader = s->source.reader;
	struct hs_position end;
	enum hs_result result = hs_reader_end(reader, &end);
	int code = hs_event_source_result(&s->source, result);

	if (code == 0 && s->at.found) {
		struct hs_position position = { s->at.number, s->at.offset, s->at.edit, s->at.before };
		enum hs_fit fit = HS_FIT;

		code = hs_event_source_result(&s->source, hs_reader_fit(reader, position, &fit));
		if (code == 0 && fit == HS_FIT_NOT)
			code = hs_event_source_result(&s->source, HS_E_HISTORY);
	}
	while (code == 0 && !hs_reader_has_passed(reader, end)) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(reader, &line);

		if (what == HS_READ_END)
			break;
		if (what != HS_READ_LINE) {
			code = hs_event_source_trouble(&s->source, what);
			continue;
		}
		if (s->records++ == 0)
			note_oldest(s, line);
		s->bytes += line.n + 1;
	}
	return code;
}

static void print_json(const struct status *s, const char *name)
{
	struct hs_buf out = { 0 };
	struct hs_json_writer w = { .out = &out };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "name", hs_slice_str(name));
	hs_json_writer_bool(&w, "begun", s->at.found);
	hs_json_writer_uint(&w, "segment", s->at.number);
	hs_json_writer_uint(&w, "offset", s->at.offset);
	hs_json_writer_uint(&w, "loaded", s->at.records);
	hs_json_writer_uint(&w, "rest", s->at.rest);
	hs_json_writer_uint(&w, "segments_gone", s->at.gone);
	hs_json_writer_uint(&w, "lines_damaged", s->at.damaged);
	hs_json_writer_uint(&w, "records", s->records);
	hs_json_writer_uint(&w, "bytes", s->bytes);
	hs_json_writer_text_or_null(&w, "oldest", s->oldest[0] != '\0' ? hs_slice_str(s->oldest) : HS_SLICE_NONE);
	hs_json_writer_end(&w, '}');
	hs_terminal_print_json(&out);
}

static void print(const struct status *s, const char *name)
{
	if (s->at.found)
		printf("%s: at segment %" PRIu64 ", offset %" PRIu64 "; %" PRIu64 " records loaded, %" PRIu64
		       " values in _rest\n",
		       name, s->at.number, s->at.offset, s->at.records, s->at.rest);
	else
		printf("%s: nothing is loaded yet\n", name);
	if (s->at.gone > 0 || s->at.damaged > 0)
		printf("not loaded: %" PRIu64 " segments that were gone, %" PRIu64 " damaged lines\n", s->at.gone,
		       s->at.damaged);
	printf("%" PRIu64 " records behind, %" PRIu64 " bytes%s%s\n", s->records, s->bytes,
	       s->oldest[0] != '\0' ? "; the oldest came at " : "", s->oldest);
}

int hs_load_status(struct hs_target *target, const char *config, bool json)
{
	struct status s = { .records = 0 };
	int code = read_position(target, &s.at);

	if (code != 0)
		return code;
	code = hs_event_source_open(&s.source, "load", config, NULL, NULL);
	if (code == 0 && s.at.found && strcmp(s.at.spool, hs_reader_dir(s.source.reader)->history.id) != 0) {
		fputs("hookspool load: the position in the database is of another spool\n", stderr);
		code = EX_DATAERR;
	}
	if (code == 0)
		code = measure(&s);
	if (code == 0 && json)
		print_json(&s, target->name);
	else if (code == 0)
		print(&s, target->name);
	return hs_event_source_close(&s.source, code);
}
