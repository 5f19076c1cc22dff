#include "base/json_writer.h"
#include "base/hex.h"
#include "base/timestamp.h"

static void begin(struct hs_json_writer *w, const char *name)
{
	size_t n = name == NULL ? 0 : strlen(name);
	char *to = hs_buf_reserve(w->out, n + sizeof ",\n\"\":");

	if (to == NULL)
		return;
	if (w->comma)
		*to++ = ',';
	if (w->line)
		*to++ = '\n';
	w->comma = true;
	w->line = false;
	if (name != NULL) {
		*to++ = '"';
		hs_bytes_copy(to, name, n);
		to += n;
		*to++ = '"';
		*to++ = ':';
	}
	w->out->n = (size_t)(to - w->out->p);
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

bool hs_json_writer_text(struct hs_json_writer *w, const char *name, struct hs_slice value)
{
	begin(w, name);
	return hs_buf_put_json(w->out, value);
}

void hs_json_writer_hex(struct hs_json_writer *w, const char *name, struct hs_slice value)
{
	char *to;

	begin(w, name);
	to = hs_buf_reserve(w->out, 2 * value.n + 2);
	if (to == NULL)
		return;
	*to = '"';
	hs_hex_encode((const uint8_t *)value.p, value.n, to + 1);
	to[2 * value.n + 1] = '"';
	w->out->n += 2 * value.n + 2;
}

void hs_json_writer_text_or_null(struct hs_json_writer *w, const char *name, struct hs_slice value)
{
	if (value.p != NULL)
		hs_json_writer_text(w, name, value);
	else
		hs_json_writer_null(w, name);
}

void hs_json_writer_time(struct hs_json_writer *w, const char *name, int64_t ms)
{
	char text[HS_TIMESTAMP_TEXT + 1];

	hs_timestamp_text(ms, text);
	hs_json_writer_text(w, name, hs_slice_str(text));
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
