#include "spool/import.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/admin/import_checkpoint.h"
#include "spool/file/line_reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/rejected.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	COMMIT_EVENTS = 4000,
	COMMIT_BYTES = 4 << 20,
	COMMIT_MS = 70000,    /* a person waits, not a sender; more than rotate_min_gap */
	HEAD_BYTES = 1 << 16, /* of an archive's start and end, by which it is known again */
	GARBAGE_MOST = 1000, /* lines and events that are no JSON object, one after another */
	CUT_BYTES = 4,       /* where a text was cut, an error may be found so long before its end */
	BINARY_BYTES = 4096, /* of the first line, where no NUL may be */
};

/* A line on its way into the spool that nothing but the checkpoint keeps from coming twice. */
struct trace {
	uint64_t hash;
	size_t at, n, row; /* in the buffer: bytes, and the how manieth */
	bool landed;       /* it is in the spool already */
};

/* Of one stream. */
struct traces {
	const struct hs_buf *lines; /* the buffer */
	struct trace *trace;        /* room for COMMIT_EVENTS */
	size_t count;
};

/* Some thousand events of the archive, on their way into the spool as one append. */
struct commit {
	struct hs_record_maker maker;
	struct hs_buf rejected;
	uint64_t undated, undated_line; /* of left_out */
	uint64_t rejections, left_out, duplicate, suppressed, already;
	uint64_t first_line, read;
	struct hs_spot to; /* behind its last event */
	uint64_t texts, objects; /* events, or what stands in their place; of these, JSON objects */
	char spooled_at[HS_TIMESTAMP_TEXT + 1];
	struct traces weak, refused;
};

/* Where the reading of the archive is. */
struct reading {
	struct hs_line_reader lines;
	struct hs_json json; /* reads the text at hand: a line, or a part of one that is long */
	uint64_t base;       /* offset of that text */
	bool open;           /* there is one */
	bool cut;            /* and more of its line behind it */
	struct hs_spot spot; /* of what is read next. `event` counts also what is refused */
};

/* A run over one archive. */
struct run {
	struct hs_spool *spool;
	const struct hs_settings *settings;
	const struct hs_importer *how;
	struct hs_imported *done;
	struct hs_slice name; /* as it is written into the rejected file */
	uint64_t seed;
	uint64_t garbage; /* lines and events up to this one that are no JSON objects */
	struct reading in;
	struct hs_buf message;
	struct commit commit[2]; /* one is filled while the other one is appended */

	/* the thread that appends; under the lock */
	pthread_t appender;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct commit *handed_over; /* NULL: it has nothing to do */
	enum hs_result result;      /* of the last append */
	bool ending;

	/* only with a checkpoint */
	bool marked;
	struct hs_import_checkpoint checkpoint;
	struct hs_opened_spool opened;
	uint64_t newest[HS_STREAMS]; /* numbers of the newest sealed segments when this began */
};

/* --- what is no JSON lines -------------------------------------------------------- */

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
	{ 0, MAGIC("\xFD" "7zXZ\0"), "compressed by xz", "xz -dc FILE | hookspool import -" },
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
	{ 0, MAGIC("\x7F" "ELF"), "a program", "give archives of events" },
	{ 0, MAGIC("MZ"), "a program", "give archives of events" },
	{ 0, MAGIC("%PDF-"), "a PDF document", "give archives of events" },
	{ 0, MAGIC("\x89PNG"), "an image", "give archives of events" },
	{ 0, MAGIC("GIF8"), "an image", "give archives of events" },
	{ 0, MAGIC("\xFF\xD8\xFF"), "an image", "give archives of events" },
};

/* By the start of the first line, which may be all of it. */
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

	t->trace[t->count++] = (struct trace){ hs_hash(t->lines->p + at, n, x->seed), at, n, row, false };
}

/* `alone`: there is nothing else in its line. */
static enum hs_result reject(struct run *x, struct commit *c, struct hs_slice text, bool alone,
			     enum hs_result why)
{
	const struct hs_result_info *info = hs_result_info(why);
	struct hs_rejection rejection = {
		.spooled_at = hs_slice_str(c->spooled_at),
		.status = info->status,
		.tenant = hs_slice_str(x->how->tenant),
		.body = text,
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

/* A timestamp as text, or as a number since 1970. */
static bool read_stamp(const struct hs_json *j, uint32_t stamp, int64_t *ms)
{
	if (stamp != 0 && j->tok[stamp].kind == HS_JSON_STRING)
		return hs_timestamp_parse(hs_json_inner(j, stamp), ms) || hs_timestamp_parse_epoch(hs_json_inner(j, stamp), ms);
	return stamp != 0 && j->tok[stamp].kind == HS_JSON_NUMBER && hs_timestamp_parse_epoch(hs_json_raw(j, stamp), ms);
}

/* Asked for, by type and time? Where an invalid event does not tell, it is. */
static bool is_wanted(const struct hs_importer *how, const struct hs_event *e, bool valid, bool *undated)
{
	uint32_t type = e->field[HS_FIELD_TYPE];
	const struct hs_json *j = e->json;
	int64_t ms;

	*undated = false;
	if (type != 0 && j->tok[type].kind == HS_JSON_STRING &&
	    !has_type(how, hs_json_inner(j, type)))
		return false;
	if (!how->since_given && !how->until_given)
		return true;
	if (!read_stamp(j, e->field[HS_FIELD_TIMESTAMP], &ms)) {
		*undated = valid;
		return !valid;
	}
	return !(how->since_given && ms < how->since_ms) &&
	       !(how->until_given && ms >= how->until_ms);
}

static bool is_weak(const struct run *x, const struct hs_record *record)
{
	return record->random || x->settings->dedup_window == 0;
}

/* The event at token `root`. Its offset in the archive is what tells it from others without an id. */
static enum hs_result take_event(struct run *x, struct commit *c, uint32_t root, uint64_t offset,
				 bool alone)
{
	struct hs_stamp stamp = { hs_slice_str(x->how->tenant), NULL, hs_slice_str(c->spooled_at) };
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
	return r == HS_OK || r == HS_E_MEMORY ? r : reject(x, c, hs_json_raw(&x->in.json, root), alone, r);
}

/* --- a line -------------------------------------------------------------------- */

/* Without a byte order mark, which also begins a later line where files were put together. */
static struct hs_slice without_mark(struct hs_slice line)
{
	return line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0 ? hs_slice(line.p + 3, line.n - 3)
								    : line;
}

/* The next line, or what follows in one. *more: there is one, and it is at hand. */
static enum hs_result open_text(struct run *x, bool *more)
{
	struct reading *in = &x->in;
	struct hs_slice text;
	int got = hs_line_reader_next(&in->lines, &text);

	*more = got > 0;
	if (got <= 0) {
		x->done->error = got < 0 ? errno : 0;
		return HS_OK;
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
	return HS_OK;
}

static void end_line(struct reading *in)
{
	in->open = false;
	in->spot = (struct hs_spot){ .at = in->lines.at, .line = in->spot.line };
}

/* Ends the line, with what was not looked at. *more: the archive can be read on. */
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

/* Was as much read of a text that is cut that what is behind it may change the result? */
static bool is_unfinished(const struct reading *in, enum hs_result r)
{
	size_t left = in->json.text.n - in->json.pos;

	return in->cut && r != HS_E_MEMORY && left < (r == HS_OK ? 1 : CUT_BYTES + 1);
}

/* Back to `from`, to read on from there with more behind it. */
static void read_on(struct reading *in, size_t from)
{
	hs_line_reader_back(&in->lines, in->json.text.n - from);
	in->open = false;
	in->spot.at = in->base + from;
}

/*
 * What stands from `from` on cannot be read. It is refused with all that follows in its line: nobody
 * knows where in there an event begins.
 */
static enum hs_result refuse_rest(struct run *x, struct commit *c, size_t from, enum hs_result why,
				  bool *more)
{
	struct reading *in = &x->in;
	struct hs_slice rest = hs_slice(in->json.text.p + from, in->json.text.n - from);
	bool alone = in->spot.event++ == 0;
	enum hs_result r;

	if (why != HS_E_TOO_LARGE) {
		c->texts++;
		x->garbage++;
	}
	r = reject(x, c, in->cut ? HS_SLICE("") : rest, alone, why);
	pass_over(x, more);
	return r;
}

/* A value was read: is it an event? `element`: of an array. */
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

/* The next event of the text at hand. */
static enum hs_result take_piece(struct run *x, struct commit *c, bool *more)
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
		return r == HS_E_MEMORY ? r : refuse_rest(x, c, from, r, more);
	if (found)
		r = take_value(x, c, from, element);
	in->spot.at = in->base + j->pos;
	in->spot.array = j->inside;
	if (j->pos == j->text.n)
		end_line(in);
	return r;
}

/* --- a commit ------------------------------------------------------------------- */

static void empty(struct run *x, struct commit *c)
{
	hs_record_maker_reset(&c->maker, 0);
	hs_buf_reset(&c->rejected);
	c->undated = c->rejections = c->left_out = c->duplicate = c->suppressed = c->already = 0;
	c->texts = c->objects = 0;
	c->weak.count = c->refused.count = 0;
	c->first_line = x->in.spot.line;
}

/* Nothing of an archive is taken whose first lines are none. */
static void decide_commit(struct run *x, struct commit *c, bool *more)
{
	bool first = c->first_line == 0;

	if (first && x->done->foreign == NULL && c->texts > 0 && c->objects == 0) {
		x->done->foreign = "no JSON lines";
		x->done->remedy =
		    "each event must be a JSON object on a line of its own: jq -c . FILE, or "
		    "for an array jq -c '.[]' FILE, makes them: … | hookspool import -";
	}
	if (x->done->foreign != NULL) {
		empty(x, c);
		x->in.spot.line = c->first_line = 0;
		x->done->garbage = false;
	}
	if (x->done->foreign != NULL || x->done->garbage)
		*more = false;
}

/* An event, or a line without one. *more: the archive goes on behind it. */
static enum hs_result step(struct run *x, struct commit *c, bool *more)
{
	enum hs_result r = HS_OK;

	do {
		if (!x->in.open)
			r = open_text(x, more);
		if (r == HS_OK && *more)
			r = take_piece(x, c, more);
	} while (r == HS_OK && *more && !x->in.open && x->in.spot.event > 0);
	return r;
}

/* Reads events into the commit, up to `to` at most. *more: the archive goes on behind it. */
static enum hs_result fill(struct run *x, struct commit *c, uint64_t to, bool *more)
{
	uint64_t from = x->in.spot.at;
	enum hs_result r = HS_OK;

	empty(x, c);
	*more = true;
	for (int n = 0; r == HS_OK && *more && x->in.spot.at < to && n < COMMIT_EVENTS &&
			x->in.spot.at - from < COMMIT_BYTES && !x->done->garbage; n++) {
		r = step(x, c, more);
		x->done->garbage = x->garbage >= GARBAGE_MOST;
	}
	decide_commit(x, c, more);
	c->to = x->in.spot;
	c->read = hs_line_reader_read(&x->in.lines);
	return r;
}

/* Does it hold what only the checkpoint keeps from coming twice? */
static bool needs_try(const struct run *x, const struct commit *c)
{
	return x->marked && c->weak.count + c->refused.count > 0;
}

/* A try that is cut short can be recognised by its lines, if it is known to have begun. */
static enum hs_result announce(struct run *x, const struct commit *c)
{
	struct hs_try try = { .to = c->to,
			      .after = x->newest[HS_EVENTS],
			      .rejected_after = x->newest[HS_REJECTED],
			      .name_n = x->name.n };

	if (!needs_try(x, c))
		return HS_OK;
	memcpy(try.spooled_at, c->spooled_at, sizeof try.spooled_at);
	memcpy(try.name, x->name.p, x->name.n);
	return hs_import_checkpoint_try(&x->checkpoint, &try);
}

static int by_identity(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hs_dedup_key));
}

/* As the spool would say it: is it there, or in this commit already? */
static enum hs_result compare(const struct run *x, struct commit *c)
{
	const struct hs_record_batch *in = &c->maker.batch;
	struct hs_dedup_key *fresh = malloc((in->count + 1) * sizeof *fresh);
	size_t n = 0;

	if (fresh == NULL)
		return HS_E_MEMORY;
	for (size_t i = 0; i < in->count && x->settings->dedup_window > 0; i++) {
		if (hs_inventory_has(x->how->inventory, &in->record[i].id))
			c->duplicate++;
		else
			fresh[n++] = in->record[i].id;
	}
	qsort(fresh, n, sizeof *fresh, by_identity);
	for (size_t i = 1; i < n; i++)
		c->duplicate += by_identity(&fresh[i - 1], &fresh[i]) == 0;
	free(fresh);
	return HS_OK;
}

static enum hs_result append(struct run *x, struct commit *c)
{
	struct hs_append append = {
		.records = hs_buf_slice(&c->maker.batch.lines),
		.record = c->maker.batch.record,
		.count = c->maker.batch.count,
		.rejected = hs_buf_slice(&c->rejected),
		.unparsed = c->maker.batch.unparsed,
		.duplicate = &c->duplicate,
		.suppressed = &c->suppressed,
		.deadline_ms = hs_io_now_monotonic() + COMMIT_MS,
		.look_only = x->how->look_only,
	};
	enum hs_result r = HS_OK;

	if (x->how->look_only && x->how->inventory != NULL)
		r = compare(x, c);
	else if (append.records.n > 0 || append.rejected.n > 0)
		r = hs_spool_append(x->spool, &append);
	if (r == HS_OK && x->marked)
		r = hs_import_checkpoint_move(&x->checkpoint, &c->to, c->rejections, needs_try(x, c));
	return r;
}

static void count(struct run *x, const struct commit *c)
{
	x->done->lines += c->to.line - c->first_line;
	x->done->events += c->texts;
	x->done->accepted += c->maker.batch.count - c->duplicate - c->suppressed;
	x->done->suppressed += c->suppressed;
	x->done->duplicate += c->duplicate + c->already;
	x->done->rejected += c->rejections;
	x->done->left_out += c->left_out;
	if (x->done->undated == 0)
		x->done->undated_line = c->undated_line;
	x->done->undated += c->undated;
	x->done->read = c->read;
}

/* --- the thread that appends, and waits for the disk, while the next lines are read ------ */

static void *append_handed_over(void *context)
{
	struct run *x = context;

	pthread_mutex_lock(&x->lock);
	while (!x->ending || x->handed_over != NULL) {
		enum hs_result r;

		if (x->handed_over == NULL) {
			pthread_cond_wait(&x->changed, &x->lock);
			continue;
		}
		pthread_mutex_unlock(&x->lock);
		r = announce(x, x->handed_over);
		if (r == HS_OK)
			r = append(x, x->handed_over);
		pthread_mutex_lock(&x->lock);
		if (r == HS_OK)
			count(x, x->handed_over);
		x->result = r;
		x->handed_over = NULL;
		pthread_cond_signal(&x->changed);
	}
	pthread_mutex_unlock(&x->lock);
	return NULL;
}

/* Waits until what was handed over is in the spool, and hands over the next; NULL: none. */
static enum hs_result hand_over(struct run *x, struct commit *c)
{
	enum hs_result r;

	pthread_mutex_lock(&x->lock);
	while (x->handed_over != NULL)
		pthread_cond_wait(&x->changed, &x->lock);
	r = x->result;
	if (r == HS_OK)
		x->handed_over = c;
	x->ending = c == NULL;
	pthread_cond_signal(&x->changed);
	pthread_mutex_unlock(&x->lock);
	return r;
}

/* Signals are for the thread that reads. */
static bool start_appender(struct run *x)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(&x->appender, NULL, append_handed_over, x) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

/* --- a try that was cut short: which of its lines are in the spool? --------------- */

static int by_hash(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int by_row(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	return x->row < y->row ? -1 : x->row > y->row;
}

/* A line of the spool, its '\n' included, accounts for one line of the try. */
static void note_landed(const struct run *x, struct traces *t, struct hs_slice line)
{
	uint64_t hash = hs_hash(line.p, line.n, x->seed);
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->trace[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->count && t->trace[low].hash == hash; low++) {
		struct trace *w = &t->trace[low];

		if (!w->landed && hs_slice_eq(hs_slice(t->lines->p + w->at, w->n), line)) {
			w->landed = true;
			return;
		}
	}
}

static enum hs_result look_through(const struct run *x, struct traces *t, struct hs_slice stamp,
				   struct hs_line_reader *lines)
{
	struct hs_slice line;
	int more;

	while ((more = hs_line_reader_next(lines, &line)) == 1)
		if (memmem(line.p, line.n, stamp.p, stamp.n) != NULL)
			note_landed(x, t, hs_slice(line.p, line.n + 1)); /* its '\n' stands behind it */
	return more >= 0 || errno == EILSEQ ? HS_OK : errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;
}

static enum hs_result look_into(const struct run *x, struct traces *t, struct hs_slice stamp,
				const char *stream, struct hs_sealed sealed)
{
	struct hs_line_reader lines = { 0 };
	char name[HS_SEALED_NAME];
	enum hs_result r = HS_OK;
	int fd;

	hs_sealed_print(stream, &sealed, name);
	fd = hs_io_open_read(x->opened.dir.fd, name);
	if (fd < 0 && errno == ENOENT && !sealed.gzip) { /* it has been compressed just now */
		sealed.gzip = true;
		return look_into(x, t, stamp, stream, sealed);
	}
	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (!sealed.gzip)
		hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
	else if (!hs_line_reader_start_gzip(&lines, fd, 0))
		r = HS_E_MEMORY;
	if (r == HS_OK)
		r = look_through(x, t, stamp, &lines);
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return r;
}

/* In the segments sealed behind number `after`. */
static enum hs_result find_landed(const struct run *x, struct traces *t, struct hs_slice stamp,
				  const char *stream, uint64_t after)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = hs_sealed_list(x->opened.dir.fd, stream, &list, &count);

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_hash);
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (list[i].number > after &&
		    !(i > 0 && list[i].number == list[i - 1].number)) /* plain and .gz: once */
			r = look_into(x, t, stamp, stream, list[i]);
	free(list);
	return r;
}

/* Takes the lines that have landed out of the commit. How many. */
static uint64_t drop_landed(struct commit *c)
{
	struct hs_record_batch *in = &c->maker.batch;
	bool landed[COMMIT_EVENTS] = { false };
	size_t to = 0, from = 0, kept = 0, rows = in->count;

	for (size_t i = 0; i < c->weak.count; i++)
		landed[c->weak.trace[i].row] |= c->weak.trace[i].landed;
	for (size_t i = 0; i < rows; i++) {
		struct hs_record record = in->record[i];

		if (!landed[i]) {
			memmove(in->lines.p + to, in->lines.p + from, record.n);
			to += record.n;
			in->record[kept++] = record;
		}
		from += record.n;
	}
	in->lines.n = to;
	in->count = kept;
	return rows - kept;
}

/* The same of what is refused. */
static void drop_refused(struct commit *c)
{
	struct traces *t = &c->refused;
	size_t to = 0;

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_row);
	for (size_t i = 0; i < t->count; i++) {
		if (t->trace[i].landed)
			continue;
		memmove(c->rejected.p + to, c->rejected.p + t->trace[i].at, t->trace[i].n);
		to += t->trace[i].n;
	}
	c->rejected.n = to;
}

/* What an earlier run was about to append, to the letter. */
static enum hs_result fill_again(struct run *x, struct commit *c, bool *more)
{
	const struct hs_try *try = &x->checkpoint.try;
	struct hs_slice name = x->name;
	enum hs_result r;

	memcpy(c->spooled_at, try->spooled_at, sizeof c->spooled_at);
	x->name = hs_slice(try->name, try->name_n);
	r = fill(x, c, try->to.at, more);
	x->name = name;
	return r;
}

/* Does an earlier run's last commit again, without what had arrived of it. */
static enum hs_result finish_try(struct run *x, struct commit *c, bool *more)
{
	struct hs_try try = x->checkpoint.try;
	struct hs_slice stamp = hs_slice_str(try.spooled_at);
	enum hs_result r = fill_again(x, c, more);

	/* seals what is there, mended and synced: then all of it stands in sealed segments */
	if (r == HS_OK)
		r = hs_spool_rotate(x->spool, hs_io_now_monotonic() + COMMIT_MS);
	if (r == HS_OK)
		r = find_landed(x, &c->weak, stamp, "events", try.after);
	if (r == HS_OK)
		r = find_landed(x, &c->refused, stamp, "rejected", try.rejected_after);
	if (r != HS_OK)
		return r;
	c->already = drop_landed(c);
	drop_refused(c);
	r = append(x, c);
	if (r == HS_OK)
		count(x, c);
	return r;
}

/* --- the checkpoint ------------------------------------------------------------------ */

/* What the archive holds, and what of it is wanted: another choice is another import. */
static bool digest_archive(const struct run *x, struct hs_digest *d, int fd, uint64_t size,
			   char *room)
{
	const struct hs_importer *how = x->how;
	int64_t choice[] = { (int64_t)size, how->since_given, how->since_ms, how->until_given,
			     how->until_ms };
	uint64_t ends[] = { 0, size > HEAD_BYTES ? size - HEAD_BYTES : 0 };
	bool ok = hs_digest_start(d) &&
		  hs_digest_add(d, hs_slice((const char *)choice, sizeof choice)) &&
		  hs_digest_add(d, hs_slice(how->tenant, strlen(how->tenant) + 1));

	for (size_t i = 0; i < how->types && ok; i++)
		ok = hs_digest_add(d, hs_slice(how->type[i], strlen(how->type[i]) + 1));
	for (int i = 0; i < 2 && ok; i++) {
		ssize_t got = hs_io_read_at(fd, room, HEAD_BYTES, ends[i]);

		ok = got >= 0 && hs_digest_add(d, hs_slice(room, (size_t)got));
	}
	return ok;
}

static enum hs_result make_key(const struct run *x, int fd, uint64_t size,
			       char key[static HS_IMPORT_CHECKPOINT_KEY + 1])
{
	struct hs_digest *d = hs_digest_new();
	uint8_t whole[HS_SHA256_BYTES];
	char *room = malloc(HEAD_BYTES);
	bool ok = d != NULL && room != NULL && digest_archive(x, d, fd, size, room) &&
		  hs_digest_end(d, whole);

	if (ok) {
		hs_hex_encode(whole, HS_IMPORT_CHECKPOINT_KEY / 2, key);
		key[HS_IMPORT_CHECKPOINT_KEY] = '\0';
	}
	hs_digest_free(d);
	free(room);
	return ok ? HS_OK : HS_E_MEMORY;
}

/*
 * A try that is made again, with its spooled_at, must give the same random ids to the same lines,
 * so the archive's key is their seed; NULL: it has none.
 */
static void seed_ids(struct run *x, const char *key)
{
	uint8_t bytes[sizeof(uint64_t)];
	uint64_t seed = x->seed;

	if (key != NULL && hs_hex_decode(hs_slice(key, 2 * sizeof bytes), bytes, sizeof bytes))
		memcpy(&seed, bytes, sizeof seed);
	for (int i = 0; i < 2; i++)
		hs_record_maker_seed(&x->commit[i].maker, seed);
}

static enum hs_result newest_number(const struct run *x, const char *stream, uint64_t *newest)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = hs_sealed_list(x->opened.dir.fd, stream, &list, &count);

	*newest = count > 0 ? list[count - 1].number : 0;
	free(list);
	return r;
}

static enum hs_result open_checkpoint(struct run *x, int fd, uint64_t size)
{
	char key[HS_IMPORT_CHECKPOINT_KEY + 1];
	enum hs_result r = make_key(x, fd, size, key);

	if (r == HS_OK)
		r = hs_spool_dir_open(&x->opened, x->settings, true);
	if (r != HS_OK)
		return r;
	r = hs_import_checkpoint_open(x->opened.dir.private_dir, key, &x->checkpoint);
	x->done->in_use = r == HS_E_LOCKED;
	x->marked = r == HS_OK;
	if (r != HS_OK) {
		hs_spool_dir_close(&x->opened);
		return x->done->in_use ? HS_OK : r;
	}
	seed_ids(x, key);
	if (x->how->again)
		hs_import_checkpoint_forget(&x->checkpoint);
	x->done->done_before = x->checkpoint.done;
	x->in.spot = x->checkpoint.spot;
	x->done->resumed = x->checkpoint.spot.line;
	x->done->rejected_before = x->checkpoint.rejected;
	r = newest_number(x, "events", &x->newest[HS_EVENTS]);
	return r == HS_OK ? newest_number(x, "rejected", &x->newest[HS_REJECTED]) : r;
}

/* --- the run ------------------------------------------------------------------------ */

static bool go_on(struct run *x)
{
	const struct hs_importer *how = x->how;
	struct hs_imported so_far;

	pthread_mutex_lock(&x->lock);
	so_far = *x->done;
	pthread_mutex_unlock(&x->lock);
	x->done->stopped = how->go_on != NULL && !how->go_on(how->context, &so_far);
	return !x->done->stopped;
}

static enum hs_result commit_all(struct run *x)
{
	enum hs_result r = HS_OK, last;
	bool more = true;

	if (x->marked && x->checkpoint.try.open)
		r = finish_try(x, &x->commit[0], &more);
	if (r == HS_OK && !start_appender(x))
		r = HS_E_MEMORY;
	if (r != HS_OK)
		return r;
	for (int i = 0; r == HS_OK && more && go_on(x); i = !i) {
		hs_timestamp_text(hs_io_now(), x->commit[i].spooled_at);
		r = fill(x, &x->commit[i], UINT64_MAX, &more);
		if (r == HS_OK && x->done->foreign == NULL)
			r = hand_over(x, &x->commit[i]);
	}
	last = hand_over(x, NULL);
	pthread_join(x->appender, NULL);
	r = r == HS_OK ? last : r;
	if (r == HS_OK && x->marked && !more && x->done->error == 0 && x->done->foreign == NULL &&
	    !x->done->garbage)
		r = hs_import_checkpoint_done(&x->checkpoint, &x->in.spot);
	return r;
}

static enum hs_result run(struct run *x, int fd)
{
	struct stat st;
	bool is_file;
	enum hs_result r = HS_OK;

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	is_file = S_ISREG(st.st_mode);
	seed_ids(x, NULL);
	if (is_file && !x->how->look_only)
		r = open_checkpoint(x, fd, (uint64_t)st.st_size);
	if (r != HS_OK || x->done->in_use || x->done->done_before)
		return r;
	if (!hs_line_reader_start_outside(&x->in.lines, fd, !is_file, (size_t)x->settings->max_body,
				    x->in.spot.at)) {
		x->done->error = errno;
		return errno == ENOMEM ? HS_E_MEMORY : HS_OK;
	}
	return commit_all(x);
}

static bool init_commit(struct commit *c)
{
	c->weak.lines = &c->maker.batch.lines;
	c->weak.trace = malloc(COMMIT_EVENTS * sizeof *c->weak.trace);
	c->refused.lines = &c->rejected;
	c->refused.trace = malloc(COMMIT_EVENTS * sizeof *c->refused.trace);
	return hs_record_maker_init(&c->maker) && c->weak.trace != NULL && c->refused.trace != NULL;
}

static void free_commit(struct commit *c)
{
	hs_record_maker_free(&c->maker);
	hs_buf_free(&c->rejected);
	free(c->weak.trace);
	free(c->refused.trace);
}

enum hs_result hs_import(struct hs_spool *spool, const struct hs_settings *settings,
			 const struct hs_importer *importer, int fd, const char *name,
			 struct hs_imported *done)
{
	struct run x = { .spool = spool,
			 .settings = settings,
			 .how = importer,
			 .done = done,
			 .name = hs_slice_str(name),
			 .lock = PTHREAD_MUTEX_INITIALIZER,
			 .changed = PTHREAD_COND_INITIALIZER };
	enum hs_result r = HS_E_MEMORY;

	memset(done, 0, sizeof *done);
	x.seed = hs_io_random();
	if (x.name.n > HS_IMPORT_CHECKPOINT_NAME)
		x.name.n = HS_IMPORT_CHECKPOINT_NAME;
	hs_json_init(&x.in.json, x.seed);
	if (init_commit(&x.commit[0]) && init_commit(&x.commit[1]))
		r = run(&x, fd);
	if (x.marked) {
		hs_import_checkpoint_close(&x.checkpoint);
		hs_spool_dir_close(&x.opened);
	}
	free_commit(&x.commit[0]);
	free_commit(&x.commit[1]);
	hs_json_free(&x.in.json);
	hs_line_reader_free(&x.in.lines);
	hs_buf_free(&x.message);
	return r;
}
