#include "tools/ship/counts.h"
#include "base/file_replace.h"
#include "base/json_writer.h"

enum hs_result hs_ship_counts_save(const struct hs_ship_counts *c, const struct hs_spool_dir *dir)
{
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };
	enum hs_result result;

	hs_json_writer_object(&w, NULL);
	hs_json_writer_time(&w, "at", hs_io_now());
	hs_json_writer_uint(&w, "stored", c->stored);
	hs_json_writer_uint(&w, "duplicates", c->duplicates);
	hs_json_writer_uint(&w, "sequence_zero", c->zero);
	hs_json_writer_uint(&w, "timeouts", c->timeouts);
	hs_json_writer_uint(&w, "doubts", c->doubts);
	hs_json_writer_uint(&w, "asks", c->asks);
	hs_json_writer_uint(&w, "rewinds", c->rewinds);
	hs_json_writer_uint(&w, "set_aside", c->set_aside);
	hs_json_writer_uint(&w, "in_flight", c->in_flight);
	hs_json_writer_uint(&w, "oldest_ms", c->oldest_ms);
	hs_json_writer_text(&w, "server", hs_slice_str(c->server));
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&text, '\n');
	result = hs_buf_ok(&text) ? hs_file_replace_text(dir->private_dir, "ship", "ship~",
	                                                 (mode_t)dir->settings->spool_mode, hs_buf_slice(&text))
	                          : HS_E_MEMORY;
	hs_buf_free(&text);
	return result;
}
