/* Checks saved positions against the files, and finds the position of a time. */
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/read/reader.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <string.h>

enum {
	FIRST_LOOK = 1 << 16, /* the same, for one line */
};

/* The hash of the line that ends at `offset` (UINT64_MAX: of the last one). 0: none does. */
static enum hs_result hash_plain(struct hs_reader *r, uint64_t offset, uint64_t *hash)
{
	uint64_t end = offset, from, window = FIRST_LOOK;
	struct hs_slice line;
	struct stat st;
	int got;

	if (hs_io_fstat(r->fd, &st) < 0)
		return HS_E_IO;
	if (offset == UINT64_MAX)
		end = (uint64_t)st.st_size;
	if (end == 0 || end > (uint64_t)st.st_size)
		return HS_OK;
	do {
		from = window < end ? end - window : 0;
		hs_line_reader_start(&r->lines, r->fd, from, end);
		got = from > 0 ? hs_line_reader_next(&r->lines, &line) : 1; /* the rest of one */
		while (got == 1 && (got = hs_line_reader_next(&r->lines, &line)) == 1 && r->lines.at < end)
			;
		window *= 2;
	} while (got == 0 && from > 0); /* a line is longer than that */
	if (got < 0)
		return hs_reader_why_failed(r);
	return got != 1 || hs_history_hash(r->digest, line, hash) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result hash_gzip(struct hs_reader *r, uint64_t offset, uint64_t *hash)
{
	uint64_t found = 0;
	struct hs_slice line;
	int got = 1;

	if (!hs_line_reader_start_gzip(&r->lines, r->fd, 0))
		return HS_E_MEMORY;
	while (r->lines.at < offset && (got = hs_line_reader_next(&r->lines, &line)) == 1)
		if (r->lines.at >= offset || offset == UINT64_MAX)
			if (!hs_history_hash(r->digest, line, &found))
				return HS_E_MEMORY;
	if (got < 0)
		return hs_reader_why_failed(r);
	if (offset == UINT64_MAX || r->lines.at == offset)
		*hash = found;
	return HS_OK;
}

/*
 * The hash of the last line of a sealed segment: of the line before the start of the next one.
 * 0: it is gone. *edited: once another line may have been the last one.
 */
static enum hs_result hash_of_last(struct hs_reader *r, uint64_t number, uint64_t *hash, bool *edited)
{
	const struct hs_sealed *sealed;
	enum hs_result result = hs_reader_list_again(r);
	bool there;

	*edited = false;
	sealed = result == HS_OK ? hs_reader_find(r, number) : NULL;
	if (sealed == NULL || sealed->number != number)
		return result;
	hs_reader_let_go(r);
	r->at = (struct hs_position){ .number = number };
	result = hs_reader_open_sealed(r, sealed, &there);
	*edited = r->at.edit > 0;
	if (result == HS_OK && there)
		result = sealed->gzip ? hash_gzip(r, UINT64_MAX, hash) : hash_plain(r, UINT64_MAX, hash);
	return result;
}

/* In the segment of the position, which is open here. */
static enum hs_result hash_before(struct hs_reader *r, uint64_t *hash)
{
	return r->lines.inflater != NULL ? hash_gzip(r, r->at.offset, hash) : hash_plain(r, r->at.offset, hash);
}

static bool have_digest(struct hs_reader *r)
{
	if (r->digest == NULL)
		r->digest = hs_digest_new();
	return r->digest != NULL;
}

enum hs_result hs_reader_remember(struct hs_reader *r)
{
	struct hs_position at = r->at;
	enum hs_result result = HS_OK;
	bool edited;

	if (!have_digest(r))
		return HS_E_MEMORY;
	if (at.before != 0 || at.number == 0)
		return HS_OK;
	if (at.offset == 0)
		result = hash_of_last(r, at.number - 1, &at.before, &edited);
	else if (hs_reader_open_at(r) == HS_READ_LINE && r->at.offset == at.offset)
		result = hash_before(r, &at.before);
	hs_reader_start(r, at);
	return result;
}

/* The position is not at the start of a segment. */
static enum hs_result fit_inside(struct hs_reader *r, struct hs_position p, enum hs_fit *fit)
{
	bool durable = r->opened.dir.settings->durability == HS_DURABILITY_FSYNC;
	enum hs_read what;
	uint64_t hash = 0;
	enum hs_result result;

	hs_reader_start(r, p);
	what = (enum hs_read)hs_reader_open_at(r);
	if (what == HS_READ_FAILED)
		return r->result;
	if (what != HS_READ_LINE) {
		*fit = what == HS_READ_AHEAD ? HS_FIT_NOT : HS_FIT_UNKNOWN;
		return HS_OK;
	}
	if (r->kind == OPEN && r->lines.end < p.offset) {
		*fit = durable ? HS_FIT_NOT : HS_FIT_UNKNOWN;
		return HS_OK;
	}
	if (r->at.before == 0) /* not noted, or erased */
		return HS_OK;
	result = hash_before(r, &hash);
	if (result == HS_OK)
		*fit = hash == p.before ? HS_FIT : HS_FIT_NOT;
	return result;
}

enum hs_result hs_reader_fit(struct hs_reader *r, struct hs_position p, enum hs_fit *fit)
{
	enum hs_result result = HS_OK;
	struct hs_position end;
	bool edited = false;
	uint64_t hash = 0;

	*fit = HS_FIT_UNKNOWN;
	if (!have_digest(r))
		return HS_E_MEMORY;
	if (p.number == 0) {
		*fit = HS_FIT; /* nothing is done yet */
	} else if (p.offset > 0) {
		result = fit_inside(r, p, fit);
	} else {
		result = hs_reader_end(r, &end);
		if (result == HS_OK && p.number > end.number)
			*fit = HS_FIT_NOT;
		else if (result == HS_OK && p.before != 0)
			result = hash_of_last(r, p.number - 1, &hash, &edited);
		if (hash != 0 && (hash == p.before || !edited))
			*fit = hash == p.before ? HS_FIT : HS_FIT_NOT;
	}
	hs_reader_start(r, p);
	return result == HS_E_FULL ? HS_OK : result; /* no room to look at the open one */
}

static int64_t spooled_ms(struct hs_slice line)
{
	static const char label[] = "\"spooled_at\":\"";
	const char *at = memmem(line.p, line.n, label, sizeof label - 1);
	int64_t ms = INT64_MAX; /* rather begin too early */

	if (at != NULL && (size_t)(line.p + line.n - at) >= sizeof label - 1 + HS_TIMESTAMP_TEXT)
		hs_timestamp_parse(hs_slice(at + sizeof label - 1, HS_TIMESTAMP_TEXT), &ms);
	return ms;
}

enum hs_result hs_reader_since(struct hs_reader *r, int64_t ms)
{
	struct hs_position before = { 0 };
	enum hs_result result = hs_reader_list_again(r);
	struct hs_slice line;
	enum hs_read what;

	if (result != HS_OK)
		return result;
	for (size_t i = 0; r->list != NULL && i < r->count && r->list[i].sealed_ms < ms; i++)
		before.number = r->list[i].number + 1; /* all of it is older */
	hs_reader_start(r, before);
	while ((what = hs_reader_next(r, &line)) == HS_READ_LINE || what == HS_READ_GAP || what == HS_READ_SKIPPED) {
		if (what == HS_READ_LINE && spooled_ms(line) >= ms)
			break;
		before = r->at;
	}
	result = what == HS_READ_FAILED ? r->result : HS_OK;
	hs_reader_start(r, before);
	return result;
}
