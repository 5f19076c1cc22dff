#include "tools/source.h"
#include "store/io.h"
#include "tools/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

int hs_source_result(const struct hs_source *s, enum hs_result r)
{
	if (r != HS_OK)
		fprintf(stderr, "hookspool %s: %s: %s\n", s->command, s->settings->spool_dir,
			hs_result_info(r)->remedy);
	return hs_command_exit(r);
}

static int open_cursor(struct hs_source *s, const char *name)
{
	int64_t holder;
	enum hs_result r;

	if (!hs_cursor_is_name(name)) {
		fprintf(stderr,
			"hookspool %s: --cursor %s: expected letters, digits, '.', '_' and '-', no "
			"dot first, at "
			"most %d\n",
			s->command, name, HS_CURSOR_NAME_MAX);
		return 2;
	}
	r = hs_cursor_open(hs_reader_place(s->reader), name, &s->cursor, &s->fresh, &holder);
	if (r == HS_E_BUSY) {
		fprintf(stderr,
			"hookspool %s: cursor %s is in use by process %lld: stop it, or use "
			"another name\n",
			s->command, name, (long long)holder);
		return EX_TEMPFAIL;
	}
	if (r == HS_OK)
		hs_reader_start(s->reader, hs_cursor_position(s->cursor));
	return hs_source_result(s, r);
}

int hs_source_open(struct hs_source *s, const char *command, const char *config, const char *cursor)
{
	int code;

	*s = (struct hs_source){ .command = command };
	s->settings = hs_command_settings(config);
	if (s->settings == NULL)
		return EX_CONFIG;
	code = hs_source_result(s, hs_reader_open(s->settings, &s->reader));
	if (code == 0 && cursor != NULL)
		code = open_cursor(s, cursor);
	return code == 0 ? 0 : hs_source_close(s, code);
}

int hs_source_close(struct hs_source *s, int code)
{
	hs_cursor_close(s->cursor);
	hs_reader_close(s->reader);
	hs_settings_free(s->settings);
	*s = (struct hs_source){ .command = s->command };
	return code;
}

int hs_source_trouble(const struct hs_source *s, enum hs_read what)
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
	case HS_READ_AHEAD: return hs_source_result(s, HS_E_CURSOR);
	case HS_READ_FAILED: return hs_source_result(s, hs_reader_result(s->reader));
	default: return 0;
	}
}

void hs_source_show(const struct hs_source *s, struct hs_progress *p, struct hs_position end,
		    uint64_t bytes)
{
	int64_t ms;

	if (!p->terminal)
		return;
	ms = hs_io_now_monotonic() - p->begun_ms;
	hs_progress_show(p, "segment %" PRIu64 " of %" PRIu64 ", %" PRIu64 " MB, %" PRIu64 " MB/s",
			 hs_reader_position(s->reader).number, end.number, bytes >> 20,
			 ms > 0 ? (bytes / (uint64_t)ms * 1000) >> 20 : 0);
}
