/* Reads the lines of an archive and puts their events into a commit. */
#include "spool/import.h"
#include "spool/import_private.h"

#include <errno.h>
#include <string.h>

enum {
	CUT_BYTES = 4,       /* an error this close to the end of a cut text may be due to the cut */
	BINARY_BYTES = 4096, /* of the first line; a NUL there means a binary file */
};

/* --- archives that are not JSON lines -------------------------------------------------------- */

struct kind {
	size_t at, n;
	const char *magic, *what, *remedy;
};

#define MAGIC(bytes) sizeof(bytes) - 1, (bytes)
static const char UNPACK[] = "unpack it first, and pipe what is in it: … | hookspool import -",
		  CONVERT[] = "export it as JSON lines: one event, a JSON object, a line";

static const struct kind kinds[] = {
	{ 0, MAGIC("PK\x03\x04"), "a zip archive", "unzip -p FILE | hookspool import -" },
	{ 0, MAGIC("PK\x05\x06"), "an empty zip archive", "there is nothing in it" },
	{ 0, MAGIC("\x28\xB5\x2F\xFD"), "compressed by zstd", "zstd -dc FILE | hookspool import -" },
	{ 0,
	  MAGIC("\xFD"
	        "7zXZ\0"),
	  "compressed by xz", "xz -dc FILE | hookspool import -" },
	{ 0, MAGIC("BZh"), "compressed by bzip2", "bzip2 -dc FILE | hookspool import -" },
	{ 0, MAGIC("\x04\x22\x4D\x18"), "compressed by lz4", "lz4 -dc FILE | hookspool import -" },
	{ 0, MAGIC("\x1F\x8B"), "compressed by gzip twice", "gzip -dc FILE | hookspool import -" },
	{ 0, MAGIC("7z\xBC\xAF\x27\x1C"), "a 7z archive", "7z x -so FILE | hookspool import -" },
	{ 0, MAGIC("Rar!\x1A\x07"), "a rar archive", UNPACK },
	{ 257, MAGIC("ustar"), "a tar archive", "tar -xOf FILE | hookspool import -" },
	{ 0, MAGIC("PAR1"), "a Parquet file", CONVERT },
	{ 0, MAGIC("Obj\x01"), "an Avro file", CONVERT },
	{ 0, MAGIC("ORC"), "an ORC file", CONVERT },
	{ 0, MAGIC("SQLite format 3"), "an SQLite database", CONVERT },
	{ 0, MAGIC("\xFF\xFE"), "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE | hookspool import -" },
	{ 0, MAGIC("\xFE\xFF"), "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE | hookspool import -" },
	{ 0,
	  MAGIC("\x7F"
	        "ELF"),
	  "a program", "give archives of events" },
	{ 0, MAGIC("MZ"), "a program", "give archives of events" },
	{ 0, MAGIC("%PDF-"), "a PDF document", "give archives of events" },
	{ 0, MAGIC("\x89PNG"), "an image", "give archives of events" },
	{ 0, MAGIC("GIF8"), "an image", "give archives of events" },
	{ 0, MAGIC("\xFF\xD8\xFF"), "an image", "give archives of events" },
};

/* Recognises other kinds of files by the first line. */
static bool is_foreign(struct run *x, struct hs_slice line)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *k = &kinds[i];

		if (line.n < k->at + k->n || memcmp(line.p + k->at, k->magic, k->n) != 0)
			continue;
		x->done->foreign = k->what;
		x->done->remedy = k->remedy;
		return true;
	}
	if (line.n > 0 && memchr(line.p, '\0', line.n < BINARY_BYTES ? line.n : BINARY_BYTES) != NULL) {
		x->done->foreign = "binary";
		x->done->remedy = CONVERT;
	}
	return x->done->foreign != NULL;
}

/* --- one event ----------------------------------------------------------------- */

static void note_trace(const struct run *x, struct traces *t, size_t at, size_t row)
{
	size_t n = t->lines->n - at;

	t->trace[t->count++] = (struct trace){ hs_hash(t->lines->p + at, n, x->seed), at, n, row, 0, false, false };
}

/* Rejects a text; `alone`: it is all of its line. */
static enum hs_result reject(struct run *x, struct commit *c, struct hs_slice text, bool alone, enum hs_result why,
                             bool keeps_no_body)
{
	const struct hs_result_info *info = hs_result_info(why);
	struct hs_rejection rejection = {
		.spooled_at = hs_slice_str(c->spooled_at),
		.status = info->status,
		.tenant = hs_slice_str(x->how->tenant),
		.body = text,
		.keeps_no_body = keeps_no_body,
		.settings = x->settings,
	};
	size_t at = c->rejected.n;

	hs_buf_reset(&x->message);
	hs_buf_put_slice(&x->message, HS_SLICE("import "));
	hs_buf_put_slice(&x->message, x->name);
	hs_buf_put_slice(&x->message, HS_SLICE(", line "));
	hs_buf_put_uint(&x->message, x->in.spot.line);
	if (!alone) {
		hs_buf_put_slice(&x->message, HS_SLICE(", event "));
		hs_buf_put_uint(&x->message, x->in.spot.event);
	}
	hs_buf_put_slice(&x->message, HS_SLICE(": "));
	hs_buf_put_slice(&x->message, hs_slice_str(info->message));
	rejection.message = hs_buf_slice(&x->message);
	hs_rejected_put(&c->rejected, &rejection);
	c->rejections++;
	if (!hs_buf_ok(&x->message) || !hs_buf_ok(&c->rejected))
		return HS_E_MEMORY;
	if (c->rejected.n > at)
		note_trace(x, &c->refused, at, c->refused.count);
	return HS_OK;
}

static bool has_type(const struct hs_importer *how, struct hs_slice type)
{
	for (size_t i = 0; i < how->types; i++)
		if (hs_slice_eq(hs_slice_str(how->type[i]), type))
			return true;
	return how->types == 0;
}

/* Reads a timestamp: text, or a number since 1970. */
static bool read_stamp(const struct hs_json *j, uint32_t stamp, int64_t *ms)
{
	char room[HS_EVENT_TIME];

	if (stamp != 0 && j->tok[stamp].kind == HS_JSON_STRING) {
		struct hs_slice text = hs_event_time_text(hs_json_inner(j, stamp), room);

		return hs_timestamp_parse(text, ms) || hs_timestamp_parse_epoch(text, ms);
	}
	return stamp != 0 && j->tok[stamp].kind == HS_JSON_NUMBER &&
	       hs_timestamp_parse_epoch(hs_json_raw(j, stamp), ms);
}

/* True if type and time were asked for; an invalid event is wanted if it does not show them. */
static bool is_wanted(const struct hs_importer *how, const struct hs_event *e, bool valid, bool *undated)
{
	uint32_t type = e->field[HS_FIELD_TYPE];
	const struct hs_json *j = e->json;
	int64_t ms;

	*undated = false;
	if (type != 0 && j->tok[type].kind == HS_JSON_STRING && !has_type(how, hs_json_inner(j, type)))
		return false;
	if (!how->since_given && !how->until_given)
		return true;
	if (!read_stamp(j, e->field[HS_FIELD_TIMESTAMP], &ms)) {
		*undated = valid;
		return !valid;
	}
	return !(how->since_given && ms < how->since_ms) && !(how->until_given && ms >= how->until_ms);
}

static bool is_weak(const struct run *x, const struct hs_record *record)
{
	return record->random || x->settings->dedup_window == 0;
}

/* While anybody is suppressed, a text is not kept that does not tell whose it is: it may be theirs. */
static bool keeps_no_text(const struct run *x)
{
	bool suppressed = false;

	if (x->how->look_only || x->settings->rejected_body == 0)
		return false;
	return hs_spool_suppresses(x->spool, HS_SLICE_NONE, &suppressed) != HS_OK ||
	       suppressed; /* an append will tell */
}

/* Rejects an event, and notes whom it names for hs_import_drop_suppressed. */
static enum hs_result reject_event(struct run *x, struct commit *c, uint32_t root, bool alone, enum hs_result why)
{
	size_t lines = c->refused.count, start = c->people.n;
	bool may_be = !hs_named_tells_whose(&x->in.json, root) && keeps_no_text(x); /* of a suppressed person */
	enum hs_result r = reject(x, c, hs_json_raw(&x->in.json, root), alone, why, may_be);

	if (r != HS_OK || c->refused.count == lines || x->settings->rejected_body == 0)
		return r;
	if (hs_named_put_record(&x->in.json, root, hs_slice_str(x->how->tenant), &c->people))
		c->refused.trace[lines].people = c->people.n - start;
	else
		c->people.n = start;
	return hs_buf_ok(&c->people) ? HS_OK : HS_E_MEMORY;
}

/* Takes the event at token `root`. Its offset distinguishes it from equal events without an id. */
static enum hs_result take_event(struct run *x, struct commit *c, uint32_t root, uint64_t offset, bool alone)
{
	struct hs_stamp stamp = { .tenant = hs_slice_str(x->how->tenant),
		                  .spooled_at = hs_slice_str(c->spooled_at),
		                  .rules = x->settings->rules };
	struct hs_record_batch *batch = &c->maker.batch;
	size_t at = batch->lines.n;
	struct hs_event e;
	bool undated;
	enum hs_result r = hs_event_read(&e, &x->in.json, root, (enum hs_validate)x->settings->validate);

	if (r != HS_E_MEMORY && r != HS_E_NOT_AN_EVENT && !is_wanted(x->how, &e, r == HS_OK, &undated)) {
		c->left_out++;
		if (undated && c->undated++ == 0)
			c->undated_line = x->in.spot.line;
		return HS_OK;
	}
	c->maker.identifier.serial = offset;
	if (r == HS_OK)
		r = hs_record_maker_put(&c->maker, &e, &stamp, (enum hs_names)x->settings->names);
	if (r == HS_OK && is_weak(x, &batch->record[batch->count - 1]))
		note_trace(x, &c->weak, at, batch->count - 1);
	if (r == HS_E_DROPPED) {
		c->dropped++;
		return HS_OK;
	}
	return r == HS_OK || r == HS_E_MEMORY ? r : reject_event(x, c, root, alone, r);
}

/* --- a line -------------------------------------------------------------------- */

/* Drops a byte order mark; later lines may have one, too, where files were joined. */
static struct hs_slice without_mark(struct hs_slice line)
{
	return line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0 ? hs_slice(line.p + 3, line.n - 3) : line;
}

void hs_import_open_text(struct run *x, bool *more)
{
	struct reading *in = &x->in;
	struct hs_slice text;
	int got = hs_line_reader_next(&in->lines, &text);

	*more = got > 0;
	if (got <= 0) {
		x->done->error = got < 0 ? errno : 0;
		return;
	}
	if (in->spot.event == 0) {
		text = without_mark(text);
		*more = ++in->spot.line > 1 || !is_foreign(x, text);
	}
	hs_json_start(&in->json, text);
	in->json.inside = in->spot.array;
	in->cut = got == 3;
	in->base = in->lines.at - text.n - (got == 1);
	in->open = *more;
}

static void end_line(struct reading *in)
{
	in->open = false;
	in->spot = (struct hs_spot){ .at = in->lines.at, .line = in->spot.line };
}

/* Skips the rest of the line. *more: the archive can be read on. */
static void pass_over(struct run *x, bool *more)
{
	struct hs_slice text;
	int got = x->in.cut ? 3 : 1;

	while (got == 3)
		got = hs_line_reader_next(&x->in.lines, &text);
	*more = got >= 0;
	x->done->error = got < 0 ? errno : 0;
	end_line(&x->in);
}

/* True if the rest of a cut text may change the result. */
static bool is_unfinished(const struct reading *in, enum hs_result r)
{
	size_t left = in->json.text.n - in->json.pos;

	return in->cut && r != HS_E_MEMORY && left < (r == HS_OK ? 1 : CUT_BYTES + 1);
}

/* Goes back to `from`, to read on from there with more text. */
static void read_on(struct reading *in, size_t from)
{
	hs_line_reader_back(&in->lines, in->json.text.n - from);
	in->open = false;
	in->spot.at = in->base + from;
}

/*
 * Rejects a text that cannot be read with the rest of its line, since where the next event begins is
 * unknown.
 */
static enum hs_result reject_rest(struct run *x, struct commit *c, size_t from, enum hs_result why, bool *more)
{
	struct reading *in = &x->in;
	struct hs_slice rest = hs_slice(in->json.text.p + from, in->json.text.n - from);
	bool alone = in->spot.event++ == 0;
	enum hs_result r;

	if (why != HS_E_TOO_LARGE) {
		c->texts++;
		x->garbage++;
	}
	r = reject(x, c, in->cut ? HS_SLICE("") : rest, alone, why, keeps_no_text(x));
	pass_over(x, more);
	return r;
}

/* Takes a value that was read. `element`: of an array. */
static enum hs_result take_value(struct run *x, struct commit *c, size_t from, bool element)
{
	struct hs_json *j = &x->in.json;
	bool is_object = j->tok[0].kind == HS_JSON_OBJECT;
	bool alone = x->in.spot.event++ == 0 && !element && j->pos == j->text.n;

	c->texts++;
	c->objects += is_object;
	x->garbage = is_object ? 0 : x->garbage + 1;
	return take_event(x, c, element ? hs_event_unwrap(j) : 0, x->in.base + from, alone);
}

enum hs_result hs_import_take_piece(struct run *x, struct commit *c, bool *more)
{
	struct reading *in = &x->in;
	struct hs_json *j = &in->json;
	size_t from = j->pos;
	bool element = j->inside || hs_json_is_array(j), found;
	enum hs_result r;

	j->pos = from;
	r = hs_json_piece(j, &found);
	if (is_unfinished(in, r) && from > 0) {
		read_on(in, from);
		return HS_OK;
	}
	if (is_unfinished(in, r))
		r = HS_E_TOO_LARGE;
	if (r != HS_OK)
		return r == HS_E_MEMORY ? r : reject_rest(x, c, from, r, more);
	if (found)
		r = take_value(x, c, from, element);
	in->spot.at = in->base + j->pos;
	in->spot.array = j->inside;
	if (j->pos == j->text.n)
		end_line(in);
	return r;
}
