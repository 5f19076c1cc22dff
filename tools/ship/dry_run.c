#include "tools/ship/dry_run.h"
#include "tools/ship/subject.h"
#include "tools/sink/event_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SUBJECTS = 32 };

struct subject {
	char text[HS_SUBJECT_TENANT_MAX + 4 * HS_SUBJECT_EVENT_MAX];
	uint64_t records;
};

struct dry {
	struct hs_event_source source;
	const char *subject, *receiver;
	struct hs_position from;
	bool has_cursor, damaged;
	uint64_t records, bytes, others;
	struct subject subjects[SUBJECTS];
	size_t count;
	struct hs_buf text;
};

static bool find_cursor(void *context, const struct hs_cursor_info *info)
{
	struct dry *d = context;

	if (strcmp(info->name, "ship") != 0)
		return true;
	d->from = info->position;
	d->damaged = info->damaged;
	d->has_cursor = true;
	return false;
}

/* False: out of memory. */
static bool count_subject(struct dry *d, struct hs_slice line)
{
	struct hs_subject_fields fields;
	size_t i = 0;

	hs_subject_read(line, &fields);
	hs_buf_reset(&d->text);
	hs_subject_put(&d->text, d->subject, d->receiver, &fields);
	hs_buf_putc(&d->text, '\0');
	if (!hs_buf_ok(&d->text))
		return false;
	while (i < d->count && strcmp(d->subjects[i].text, d->text.p) != 0)
		i++;
	if (i == SUBJECTS) {
		d->others++;
		return true;
	}
	if (i == d->count)
		snprintf(d->subjects[d->count++].text, sizeof d->subjects->text, "%s", d->text.p);
	d->subjects[i].records++;
	return true;
}

static int count_records(struct dry *d)
{
	struct hs_reader *reader = d->source.reader;
	struct hs_position end;
	int code = hs_event_source_result(&d->source, hs_reader_end(reader, &end));

	while (code == 0 && !hs_reader_has_passed(reader, end)) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(reader, &line);

		if (what == HS_READ_END)
			break;
		if (what != HS_READ_LINE) {
			code = hs_event_source_trouble(&d->source, what);
			continue;
		}
		d->records++;
		d->bytes += line.n + 1;
		if (!count_subject(d, line))
			code = hs_event_source_result(&d->source, HS_E_MEMORY);
	}
	return code;
}

static void print(const struct dry *d, const struct hs_ship_run *run, const struct hs_engine_stream *stream)
{
	printf("stream %s of %s, nats-server %s: %u replicas, %" PRIu64 " messages, %" PRIu64 " bytes, window %" PRId64
	       " ms\n",
	       run->given.stream, run->given.to, stream->server_version, stream->replicas, stream->messages,
	       stream->bytes, stream->window_ms);
	if (d->has_cursor)
		printf("cursor ship: segment %" PRIu64 ", byte %" PRIu64 "\n", d->from.number, d->from.offset);
	else
		printf("cursor ship is new: it begins at %s\n", run->since != NULL ? run->since : "the oldest event");
	printf("%" PRIu64 " records, %" PRIu64 " bytes to send\n", d->records, d->bytes);
	for (size_t i = 0; i < d->count; i++)
		printf("%10" PRIu64 "  %s\n", d->subjects[i].records, d->subjects[i].text);
	if (d->others > 0)
		printf("%10" PRIu64 "  other subjects\n", d->others);
}

static int begin(struct dry *d, const struct hs_ship_run *run)
{
	enum hs_result result = hs_cursor_list(hs_reader_dir(d->source.reader)->private_dir, find_cursor, d);

	if (result == HS_OK && d->damaged)
		result = HS_E_CURSOR;
	else if (result == HS_OK && d->has_cursor)
		hs_reader_start(d->source.reader, d->from);
	else if (result == HS_OK && run->since != NULL)
		result = hs_event_source_from(d->source.reader, run->since);
	return hs_event_source_result(&d->source, result);
}

int hs_ship_dry_run(const struct hs_ship_run *run, const char *receiver, struct hs_engine *engine,
                    const struct hs_engine_stream *stream)
{
	struct dry d = { .subject = run->given.subject, .receiver = receiver };
	int code = hs_event_source_open(&d.source, "ship", run->config, NULL, NULL);

	(void)engine;
	if (code != 0)
		return code;
	code = begin(&d, run);
	if (code == 0)
		code = count_records(&d);
	if (code == 0)
		print(&d, run, stream);
	hs_buf_free(&d.text);
	return hs_event_source_close(&d.source, code);
}
