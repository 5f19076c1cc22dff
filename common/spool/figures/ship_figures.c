#include "spool/figures/ship_figures.h"
#include "base/file_replace.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "event/json.h"
#include "event/record_fields.h"

#include <stdio.h>

enum { FILE_MAX = 4096 };
static const char FILE_NAME[] = "ship";

#define INFO(name, kind, help) { #name, help, HS_##kind, offsetof(struct hs_ship_figures, name) },
const struct hs_ship_figure_info hs_ship_figure_info[HS_SHIP_FIGURES_ROWS] = { HS_SHIP_FIGURES(INFO) };
#undef INFO

/* The file's figures that stats and monitors show in another form. */
static const struct hs_ship_figure_info others[] = {
	{ "oldest_ms", "", HS_GAUGE, offsetof(struct hs_ship_figures, oldest_ms) },
	{ "lately", "", HS_GAUGE, offsetof(struct hs_ship_figures, lately) },
	{ "lately_ms", "", HS_GAUGE, offsetof(struct hs_ship_figures, lately_ms) },
};
enum { OTHERS = sizeof others / sizeof others[0] };

static const struct hs_ship_figure_info *row_of(size_t i)
{
	return i < HS_SHIP_FIGURES_ROWS ? &hs_ship_figure_info[i] : &others[i - HS_SHIP_FIGURES_ROWS];
}

enum hs_result hs_ship_figures_save(const struct hs_ship_figures *f, const struct hs_spool_dir *dir)
{
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };
	enum hs_result result;

	hs_json_writer_object(&w, NULL);
	hs_json_writer_time(&w, "at", hs_io_now());
	for (size_t i = 0; i < HS_SHIP_FIGURES_ROWS + OTHERS; i++) {
		uint64_t value;

		memcpy(&value, (const char *)f + row_of(i)->offset, sizeof value);
		hs_json_writer_uint(&w, row_of(i)->name, value);
	}
	hs_json_writer_text(&w, "server", hs_slice_str(f->server));
	hs_json_writer_text(&w, "leader", hs_slice_str(f->leader));
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&text, '\n');
	result = hs_buf_ok(&text) ? hs_file_replace_text(dir->private_dir, FILE_NAME, "ship~",
	                                                 (mode_t)dir->settings->spool_mode, hs_buf_slice(&text))
	                          : HS_E_MEMORY;
	hs_buf_free(&text);
	return result;
}

/* --- reading -------------------------------------------------------------------- */

static uint64_t number_of(struct hs_slice text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (!hs_is_digit(text.p[i]) || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text.p[i] - '0'), &n))
			return 0;
	return n;
}

static void take_text(char *to, size_t size, const struct hs_record_field *field)
{
	struct hs_buf text = { 0 };

	hs_record_field_put(field, &text);
	if (hs_buf_ok(&text))
		snprintf(to, size, "%.*s", (int)text.n, text.n > 0 ? text.p : "");
	hs_buf_free(&text);
}

static void take(struct hs_ship_figures *f, const struct hs_record_field *field)
{
	for (size_t i = 0; i < HS_SHIP_FIGURES_ROWS + OTHERS && !field->is_string; i++)
		if (hs_slice_eq(field->name, hs_slice_str(row_of(i)->name))) {
			uint64_t value = number_of(field->value);

			memcpy((char *)f + row_of(i)->offset, &value, sizeof value);
		}
	if (!field->is_string)
		return;
	if (hs_slice_eq(field->name, HS_SLICE("server")))
		take_text(f->server, sizeof f->server, field);
	if (hs_slice_eq(field->name, HS_SLICE("leader")))
		take_text(f->leader, sizeof f->leader, field);
	if (hs_slice_eq(field->name, HS_SLICE("at")) && !hs_timestamp_parse(field->value, &f->at_ms))
		f->at_ms = 0;
}

void hs_ship_figures_read(struct hs_ship_figures *f, int private_dir)
{
	int fd = hs_io_open_read(private_dir, FILE_NAME);
	struct hs_record_fields walk;
	struct hs_record_field field;
	char text[FILE_MAX];
	ssize_t got = -1;

	*f = (struct hs_ship_figures){ 0 };
	if (fd >= 0) {
		got = hs_io_read_at(fd, text, sizeof text, 0);
		hs_io_close(fd);
	}
	if (got <= 0)
		return;
	walk = hs_record_fields_of(hs_slice(text, (size_t)got));
	while (hs_record_field_next(&walk, &field))
		take(f, &field);
	if (f->at_ms == 0)
		*f = (struct hs_ship_figures){ 0 };
}
