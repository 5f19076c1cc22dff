#include "base/json_writer.h"

static void begin(struct hs_json_writer *w, const char *name)
{
	size_t n;
	char *to;

	if (w->comma)
		hs_buf_putc(w->out, ',');
	if (w->line)
		hs_buf_putc(w->out, '\n');
	w->comma = true;
	w->line = false;
	if (name == NULL)
		return;
	n = strlen(name);
	to = hs_buf_reserve(w->out, n + 3);
	if (to == NULL)
		return;
	to[0] = '"';
	hs_bytes_copy(to + 1, name, n);
	to[n + 1] = '"';
	to[n + 2] = ':';
	w->out->n += n + 3;
}

static void open_bracket(struct hs_json_writer *w, const char *name, char bracket)
{
	begin(w, name);
	hs_buf_putc(w->out, bracket);
	w->comma = false;
}

void hs_json_writer_object(struct hs_json_writer *w, const char *name)
{
	open_bracket(w, name, '{');
}

void hs_json_writer_array(struct hs_json_writer *w, const char *name)
{
	open_bracket(w, name, '[');
}

void hs_json_writer_end(struct hs_json_writer *w, char bracket)
{
	hs_buf_putc(w->out, bracket);
	w->comma = true;
}

void hs_json_writer_text(struct hs_json_writer *w, const char *name, struct hs_slice value)
{
	begin(w, name);
	hs_buf_put_json(w->out, value);
}

void hs_json_writer_uint(struct hs_json_writer *w, const char *name, uint64_t value)
{
	begin(w, name);
	hs_buf_put_uint(w->out, value);
}

void hs_json_writer_raw(struct hs_json_writer *w, const char *name, struct hs_slice value)
{
	begin(w, name);
	hs_buf_put_slice(w->out, value);
}

void hs_json_writer_bool(struct hs_json_writer *w, const char *name, bool value)
{
	hs_json_writer_raw(w, name, value ? HS_SLICE("true") : HS_SLICE("false"));
}

void hs_json_writer_null(struct hs_json_writer *w, const char *name)
{
	hs_json_writer_raw(w, name, HS_SLICE("null"));
}

void hs_json_writer_line(struct hs_json_writer *w)
{
	w->line = true;
}
