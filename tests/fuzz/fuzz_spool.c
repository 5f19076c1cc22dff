/*
 * A damaged disk: files of a spool, through the reader, verify and repair. The input has one section for each
 * file, which begins with a line "=== NAME"; NAME is one of the table below, and any other is ignored.
 *
 * Whatever the files are: a line that the reader returns has no newline; after a repair that succeeded,
 * verify finds no fault in a segment, and a reader comes to the end.
 */
#include "base/log.h"
#include "spool/position/cursor.h"
#include "spool/read/reader.h"
#include "spool/spool.h"
#include "tests/fuzz/temp_folder.h"

#define STAMP "-20261123T101500.123Z-00000"

enum { READS_MOST = 100000 };

static const char *const names[] = {
	"events.jsonl",
	"events" STAMP "1.jsonl",
	"events" STAMP "1.jsonl.gz",
	"events" STAMP "2.jsonl",
	"events" STAMP "2.jsonl.gz",
	"rejected.jsonl",
	"rejected" STAMP "1.jsonl",
	".hookspool/edits",
	".hookspool/numbers",
	".hookspool/cursors/c",
	".hookspool/erased-ids",
	".hookspool/suppressed",
	".hookspool/salt",
	".hookspool/aside-events-2-90-1795428900123",
	".hookspool/aside-rejected-1-1-1795428900123",
	".hookspool/spool",
};

static void put_file(struct hs_slice name, struct hs_slice text)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (hs_slice_eq(name, hs_slice_str(names[i])))
			fuzz_folder_put(names[i], text);
}

/* Takes the next section off the input. */
static bool next_section(struct hs_slice *rest, struct hs_slice *name, struct hs_slice *text)
{
	static const char mark[] = "=== ";
	const char *start = rest->n > 0 ? memmem(rest->p, rest->n, mark, sizeof mark - 1) : NULL, *line, *end;
	const char *stop = rest->p + rest->n;

	if (start == NULL || (line = memchr(start, '\n', (size_t)(stop - start))) == NULL)
		return false;
	start += sizeof mark - 1;
	*name = hs_slice(start, line > start ? (size_t)(line - start) : 0);
	end = memmem(line, (size_t)(stop - line), "\n=== ", 5);
	end = end != NULL ? end + 1 : stop;
	*text = hs_slice(line + 1, end > line ? (size_t)(end - line - 1) : 0);
	*rest = hs_slice(end, (size_t)(stop - end));
	return true;
}

/* --- what is done with it ---------------------------------------------------------- */

static void read_from(struct hs_reader *reader)
{
	struct hs_slice line;

	for (int i = 0; i < READS_MOST; i++) {
		enum hs_read read = hs_reader_next(reader, &line);

		if (read == HS_READ_LINE)
			MUST(memchr(line.p, '\n', line.n) == NULL);
		else if (read != HS_READ_GAP && read != HS_READ_SKIPPED)
			return;
	}
	MUST(!"a reader comes to the end");
}

/* From the start, and from where the cursor is. */
static void read_all(const struct hs_settings *settings)
{
	struct hs_reader *reader;
	struct hs_cursor *cursor;
	int64_t holder;
	enum hs_fit fit;
	bool fresh;

	if (hs_reader_open(settings, &reader) != HS_OK)
		return;
	read_from(reader);
	if (hs_cursor_open(hs_reader_dir(reader), "c", &cursor, &fresh, &holder) == HS_OK) {
		MUST(hs_cursor_ahead(cursor)->count <= HS_CURSOR_HELD);
		if (hs_reader_fit(reader, hs_cursor_position(cursor), &fit) == HS_OK)
			read_from(reader);
		MUST(hs_cursor_save(cursor, hs_reader_position(reader)) == HS_OK);
		hs_cursor_close(cursor);
	}
	hs_reader_close(reader);
}

static void verify(struct hs_spool *spool, const struct hs_settings *settings)
{
	static const enum hs_problem repaired[] = { HS_PROBLEM_LINE, HS_PROBLEM_TORN, HS_PROBLEM_DAMAGED };
	struct hs_verifier verifier = { .mend = false };
	struct hs_verified found;

	if (hs_spool_verify(spool, &verifier, &found) != HS_OK)
		return;
	read_all(settings);
	verifier.mend = true;
	if (hs_spool_verify(spool, &verifier, &found) != HS_OK)
		return;
	read_all(settings);
	verifier.mend = false;
	MUST(hs_spool_verify(spool, &verifier, &found) == HS_OK);
	for (size_t i = 0; i < sizeof repaired / sizeof *repaired; i++)
		MUST(found.problem[repaired[i]] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice rest = fuzz_copy(data, size), name, text;
	char *input = (char *)(uintptr_t)rest.p, settings_text[PATH_MAX + 100];
	struct hs_settings_error error;
	struct hs_settings *settings;
	struct hs_spool *spool;

	hs_log_level(HS_LOG_ERROR);
	fuzz_folder_begin();
	while (next_section(&rest, &name, &text))
		put_file(name, text);
	snprintf(settings_text, sizeof settings_text, "spool_dir = %s\nauth = none\nmin_free = 0\ndedup_window = 0\n",
	         fuzz_folder);
	settings = hs_settings_new("fuzz.conf", hs_slice_str(settings_text), NULL, &error);
	MUST(settings != NULL);
	spool = hs_spool_new(settings);
	MUST(spool != NULL);
	verify(spool, settings);
	hs_spool_free(spool);
	hs_settings_free(settings);
	free(input);
	return 0;
}
