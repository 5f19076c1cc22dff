/* Checks saved positions against the files, and finds the position of a time. */
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/position/line_before.h"
#include "spool/read/reader.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <string.h>

/* Sets *hash to that of the line that ends at `offset` (UINT64_MAX: the last line), if one does. */
static enum hs_result hash_plain(struct hs_reader *reader, uint64_t offset, uint64_t *hash)
{
	uint64_t end = offset;
	struct hs_slice line;
	struct stat st;
	int got;

	if (hs_io_fstat(reader->fd, &st) < 0)
		return HS_E_IO;
	if (offset == UINT64_MAX)
		end = (uint64_t)st.st_size;
	if (end > (uint64_t)st.st_size)
		return HS_OK;
	got = hs_line_before(&reader->lines, reader->fd, end, &line);
	if (got < 0)
		return hs_reader_why_failed(reader);
	return got != 1 || hs_history_hash(reader->digest, line, hash) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result hash_gzip(struct hs_reader *reader, uint64_t offset, uint64_t *hash)
{
	uint64_t found = 0;
	struct hs_slice line;
	int got = 1;

	if (!hs_line_reader_start_gzip(&reader->lines, reader->fd, 0))
		return hs_io_result(errno);
	while (reader->lines.at < offset && (got = hs_line_reader_next(&reader->lines, &line)) == 1)
		if (reader->lines.at >= offset || offset == UINT64_MAX)
			if (!hs_history_hash(reader->digest, line, &found))
				return HS_E_MEMORY;
	if (got < 0)
		return hs_reader_why_failed(reader);
	if (offset == UINT64_MAX || reader->lines.at == offset)
		*hash = found;
	return HS_OK;
}

/*
 * Sets *hash to that of the last line of a sealed segment, which precedes the start of the next one,
 * if the segment is there. *edited: it was rewritten, so another line may have been the last.
 */
static enum hs_result hash_of_last(struct hs_reader *reader, uint64_t number, uint64_t *hash, bool *edited)
{
	const struct hs_sealed *sealed;
	enum hs_result result = hs_reader_list_again(reader);
	bool there;

	*edited = false;
	sealed = result == HS_OK ? hs_reader_find(reader, number) : NULL;
	if (sealed == NULL || sealed->number != number)
		return result;
	hs_reader_let_go(reader);
	reader->at = (struct hs_position){ .number = number };
	result = hs_reader_open_sealed(reader, sealed, &there);
	*edited = reader->at.edit > 0;
	if (result == HS_OK && there)
		result = sealed->gzip ? hash_gzip(reader, UINT64_MAX, hash) : hash_plain(reader, UINT64_MAX, hash);
	return result;
}

/* As hash_plain, in the current segment, for its position. */
static enum hs_result hash_before(struct hs_reader *reader, uint64_t *hash)
{
	return reader->lines.inflater != NULL ? hash_gzip(reader, reader->at.offset, hash)
	                                      : hash_plain(reader, reader->at.offset, hash);
}

static bool have_digest(struct hs_reader *reader)
{
	if (reader->digest == NULL)
		reader->digest = hs_digest_new();
	return reader->digest != NULL;
}

enum hs_result hs_reader_remember(struct hs_reader *reader)
{
	struct hs_position at = hs_reader_position(reader);
	enum hs_result result = HS_OK;
	bool edited;

	if (!have_digest(reader))
		return HS_E_MEMORY;
	if (at.before != 0 || at.number == 0)
		return HS_OK;
	if (at.offset == 0)
		result = hash_of_last(reader, at.number - 1, &at.before, &edited);
	else if (hs_reader_open_at(reader) == HS_READ_LINE && reader->at.offset == at.offset)
		result = hash_before(reader, &at.before);
	hs_reader_start(reader, at);
	return result;
}

/* For a position after the start of a segment. */
static enum hs_result fit_inside(struct hs_reader *reader, struct hs_position position, enum hs_fit *fit)
{
	bool durable = reader->opened.dir.settings->durability == HS_DURABILITY_FSYNC;
	enum hs_read what;
	uint64_t hash = 0;
	enum hs_result result;

	hs_reader_start(reader, position);
	what = (enum hs_read)hs_reader_open_at(reader);
	if (what == HS_READ_FAILED)
		return reader->result;
	if (what != HS_READ_LINE) {
		*fit = what == HS_READ_AHEAD ? HS_FIT_NOT : HS_FIT_UNKNOWN;
		return HS_OK;
	}
	if (reader->kind == OPEN && reader->lines.end < position.offset) {
		*fit = durable ? HS_FIT_NOT : HS_FIT_UNKNOWN;
		return HS_OK;
	}
	if (reader->at.before == 0) /* no hash, or the line was erased */
		return HS_OK;
	result = hash_before(reader, &hash);
	if (result == HS_OK)
		*fit = hash == position.before ? HS_FIT : HS_FIT_NOT;
	return result;
}

enum hs_result hs_reader_fit(struct hs_reader *reader, struct hs_position position, enum hs_fit *fit)
{
	enum hs_result result = HS_OK;
	struct hs_position end;
	bool edited = false;
	uint64_t hash = 0;

	*fit = HS_FIT_UNKNOWN;
	if (!have_digest(reader))
		return HS_E_MEMORY;
	if (position.number == 0) {
		*fit = HS_FIT; /* nothing is done yet */
	} else if (position.offset > 0) {
		result = fit_inside(reader, position, fit);
	} else {
		result = hs_reader_end(reader, &end);
		if (result == HS_OK && position.number > end.number)
			*fit = HS_FIT_NOT;
		else if (result == HS_OK && position.before != 0)
			result = hash_of_last(reader, position.number - 1, &hash, &edited);
		if (hash != 0 && (hash == position.before || !edited))
			*fit = hash == position.before ? HS_FIT : HS_FIT_NOT;
	}
	hs_reader_start(reader, position);
	return result == HS_E_FULL ? HS_OK : result; /* no room to prepare the open segment */
}

static int64_t spooled_ms(struct hs_slice line)
{
	static const char label[] = "\"spooled_at\":\"";
	const char *at = memmem(line.p, line.n, label, sizeof label - 1);
	int64_t ms = INT64_MAX; /* begin too early rather than too late */

	if (at != NULL && (size_t)(line.p + line.n - at) >= sizeof label - 1 + HS_TIMESTAMP_TEXT)
		hs_timestamp_parse(hs_slice(at + sizeof label - 1, HS_TIMESTAMP_TEXT), &ms);
	return ms;
}

enum hs_result hs_reader_since(struct hs_reader *reader, int64_t ms)
{
	const struct hs_spool_dir *dir = &reader->opened.dir;
	struct hs_position before = { 0 };
	enum hs_result result = hs_reader_list_again(reader);
	struct hs_slice line;
	enum hs_read what;
	size_t i = 0;

	if (result != HS_OK)
		return result;
	while (reader->list != NULL && i < reader->count &&
	       hs_summary_is_before(&reader->summary, dir, reader->list, reader->count, i, ms))
		before.number = reader->list[i++].number + 1;
	hs_reader_start(reader, before);
	while ((what = hs_reader_next(reader, &line)) == HS_READ_LINE || what == HS_READ_GAP ||
	       what == HS_READ_SKIPPED) {
		if (what == HS_READ_LINE && spooled_ms(line) >= ms)
			break;
		before = hs_reader_position(reader);
	}
	result = what == HS_READ_FAILED ? reader->result : HS_OK;
	hs_reader_start(reader, before);
	return result;
}
