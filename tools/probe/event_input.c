#include "tools/probe/event_input.h"
#include "base/io.h"
#include "tools/probe/sample_events.h"

#include <errno.h>
#include <stdlib.h>

enum { ARRAY_MAX = 128 << 20, CHUNK = 64 << 10 };

static bool fail(const struct hs_event_input *o, const char *why)
{
	fprintf(stderr, "hookspool: %s: %s\n", o->path, why);
	return false;
}

/* Reads the whole file, because an array may be one line. */
static bool read_array(struct hs_event_input *o)
{
	size_t got;

	o->text.max = ARRAY_MAX;
	do {
		char *to = hs_buf_reserve(&o->text, CHUNK);

		if (to == NULL)
			return fail(o, o->text.n + CHUNK > ARRAY_MAX ? "an array over 128 MB: write a line an event"
			                                             : "out of memory: write a line an event");
		got = fread(to, 1, CHUNK, o->file);
		o->text.n += got;
	} while (got == CHUNK);
	if (ferror(o->file))
		return fail(o, strerror(errno));
	hs_json_start(&o->json, hs_buf_slice(&o->text));
	return hs_json_is_array(&o->json);
}

bool hs_event_input_open(struct hs_event_input *o, const char *path, const char *run)
{
	int first, fd;

	memset(o, 0, sizeof *o);
	o->path = path;
	snprintf(o->run, sizeof o->run, "%s", run);
	if (path == NULL)
		return true;
	fd = strcmp(path, "-") == 0 ? -1 : hs_io_open_outside(path);
	o->file = strcmp(path, "-") == 0 ? stdin : fd < 0 ? NULL : fdopen(fd, "r");
	if (o->file == NULL)
		return fail(o, strerror(errno));
	do {
		first = getc(o->file);
	} while (first == ' ' || first == '\t' || first == '\r' || first == '\n');
	if (first == EOF)
		return fail(o, ferror(o->file) ? strerror(errno) : "is empty: expected JSON lines or an array");
	ungetc(first, o->file);
	o->is_array = first == '[';
	return !o->is_array || read_array(o);
}

static int next_of_suite(struct hs_event_input *o, struct hs_slice *event)
{
	if (o->number == hs_sample_events_count())
		return 0;
	hs_buf_reset(&o->text);
	hs_sample_events_put(o->number, o->run, hs_io_now(), &o->text);
	if (!hs_buf_ok(&o->text)) /* half an event would be refused, and the receiver blamed */
		return -1;
	snprintf(o->name, sizeof o->name, "%s", hs_sample_events_event(o->number)->name);
	o->number++;
	*event = hs_buf_slice(&o->text);
	return 1;
}

static int next_of_array(struct hs_event_input *o, struct hs_slice *event)
{
	bool more = false;
	enum hs_result r = hs_json_element(&o->json, &more);

	if (r != HS_OK) {
		fprintf(stderr, "hookspool: %s: %s, at byte %zu\n", o->path, hs_result_info(r)->message, o->json.pos);
		return -1;
	}
	if (more)
		*event = hs_json_raw(&o->json, 0);
	snprintf(o->name, sizeof o->name, "event %zu", ++o->number);
	return more;
}

/* Skips empty lines. */
static int next_of_lines(struct hs_event_input *o, struct hs_slice *event)
{
	ssize_t n;

	do {
		n = getline(&o->line, &o->line_cap, o->file);
		o->number++;
		while (n > 0 && (o->line[n - 1] == '\n' || o->line[n - 1] == '\r'))
			n--;
	} while (n == 0);
	if (n < 0 && (ferror(o->file) || !feof(o->file))) {
		fail(o, strerror(errno));
		return -1;
	}
	*event = hs_slice(o->line, n < 0 ? 0 : (size_t)n);
	snprintf(o->name, sizeof o->name, "line %zu", o->number);
	return n > 0;
}

int hs_event_input_next(struct hs_event_input *o, struct hs_slice *event)
{
	return o->path == NULL ? next_of_suite(o, event)
	       : o->is_array   ? next_of_array(o, event)
	                       : next_of_lines(o, event);
}

void hs_event_input_close(struct hs_event_input *o)
{
	if (o->file != NULL && o->file != stdin)
		fclose(o->file);
	free(o->line);
	hs_json_free(&o->json);
	hs_buf_free(&o->text);
	memset(o, 0, sizeof *o);
}
