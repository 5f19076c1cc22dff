#include "tools/source.h"
#include "store/io.h"
#include "tools/suite.h"

#include <errno.h>
#include <stdlib.h>

enum { ARRAY_MAX = 128 << 20, CHUNK = 64 << 10 };

static bool fail(const struct hs_source *s, const char *why)
{
	fprintf(stderr, "hookspool: --file %s: %s\n", s->path, why);
	return false;
}

/* The whole file, because an array may be one line. */
static bool read_array(struct hs_source *s)
{
	size_t got;

	s->text.max = ARRAY_MAX;
	do {
		char *to = hs_buf_reserve(&s->text, CHUNK);

		if (to == NULL)
			return fail(s, "an array over 128 MB: write a line an event");
		got = fread(to, 1, CHUNK, s->file);
		s->text.n += got;
	} while (got == CHUNK);
	if (ferror(s->file))
		return fail(s, strerror(errno));
	hs_json_start(&s->json, hs_buf_slice(&s->text));
	return hs_json_is_array(&s->json);
}

bool hs_source_open(struct hs_source *s, const char *path, const char *run)
{
	int first;

	memset(s, 0, sizeof *s);
	s->path = path;
	snprintf(s->run, sizeof s->run, "%s", run);
	if (path == NULL)
		return true;
	s->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (s->file == NULL)
		return fail(s, strerror(errno));
	do {
		first = getc(s->file);
	} while (first == ' ' || first == '\t' || first == '\r' || first == '\n');
	if (first == EOF)
		return fail(s, ferror(s->file) ? strerror(errno)
		                               : "is empty: expected JSON lines or an array");
	ungetc(first, s->file);
	s->is_array = first == '[';
	return !s->is_array || read_array(s);
}

static int next_of_suite(struct hs_source *s, struct hs_slice *event)
{
	if (s->number == hs_suite_count())
		return 0;
	hs_buf_reset(&s->text);
	hs_suite_put(s->number, s->run, hs_io_now(), &s->text);
	snprintf(s->name, sizeof s->name, "%s", hs_suite_event(s->number)->name);
	s->number++;
	*event = hs_buf_slice(&s->text);
	return 1;
}

static int next_of_array(struct hs_source *s, struct hs_slice *event)
{
	bool more = false;
	enum hs_result r = hs_json_element(&s->json, &more);

	if (r != HS_OK) {
		fprintf(stderr, "hookspool: --file %s: %s, at byte %zu\n", s->path,
		        hs_result_info(r)->message, s->json.pos);
		return -1;
	}
	if (more)
		*event = hs_json_raw(&s->json, 0);
	snprintf(s->name, sizeof s->name, "event %zu", ++s->number);
	return more;
}

/* Empty lines are nothing to send. */
static int next_of_lines(struct hs_source *s, struct hs_slice *event)
{
	ssize_t n;

	do {
		n = getline(&s->line, &s->line_cap, s->file);
		s->number++;
		while (n > 0 && (s->line[n - 1] == '\n' || s->line[n - 1] == '\r'))
			n--;
	} while (n == 0);
	if (n < 0 && (ferror(s->file) || !feof(s->file))) {
		fail(s, strerror(errno));
		return -1;
	}
	*event = hs_slice(s->line, n < 0 ? 0 : (size_t)n);
	snprintf(s->name, sizeof s->name, "line %zu", s->number);
	return n > 0;
}

int hs_source_next(struct hs_source *s, struct hs_slice *event)
{
	return s->path == NULL ? next_of_suite(s, event)
	       : s->is_array   ? next_of_array(s, event)
	                       : next_of_lines(s, event);
}

void hs_source_close(struct hs_source *s)
{
	if (s->file != NULL && s->file != stdin)
		fclose(s->file);
	free(s->line);
	hs_json_free(&s->json);
	hs_buf_free(&s->text);
	memset(s, 0, sizeof *s);
}
