#include "schema/schema.h"
#include "base/io.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	SLICE_MS = 5000,  /* between saves, so that little is read again after a kill */
	LOOK_LINES = 64,  /* between looks at the clock */
	ALONE_MS = 10000, /* how long a command waits for another process that is at it */
	ATTEMPTS = 16,    /* at a file that other processes replace */
};
static const char ALONE[] = "schema-advance.lock";

enum hs_result hs_schema_print(const struct hs_spool_dir *dir, const struct hs_schema_view *view, struct hs_buf *out)
{
	struct hs_schema s = { 0 };
	enum hs_result r = hs_schema_load(&s, dir);

	if (r == HS_OK) {
		hs_schema_table_sort(&s.table);
		hs_schema_put_json(&s, view, out, NULL, NULL);
	}
	hs_schema_free(&s);
	return r == HS_OK && !hs_buf_ok(out) ? HS_E_MEMORY : r;
}

/* --- reading --------------------------------------------------------------------------- */

struct advance {
	struct hs_reader *reader;
	const struct hs_schema_work *work;
	struct hs_schema *s;
	int64_t slice_ms; /* when this slice ends */
	bool changed;     /* the schema has what the file has not */
	bool finished;
};

static bool is_over(const struct advance *a)
{
	const struct hs_schema_work *work = a->work;

	return (work->stop != NULL && work->stop(work->context)) ||
	       (work->until_ms > 0 && hs_io_now_monotonic() >= work->until_ms);
}

/*
 * Takes the lines from *from to `end`, and moves *from. *passed: all were taken. HS_OK, HS_E_MEMORY,
 * HS_E_HISTORY: *from is after the end of the spool; or as hs_reader_result.
 */
static enum hs_result take_lines(struct advance *a, struct hs_position *from, struct hs_position end, bool count,
                                 bool *passed)
{
	enum hs_result r = HS_OK;

	hs_reader_start(a->reader, *from);
	for (unsigned n = 1; r == HS_OK && !(*passed = hs_reader_has_passed(a->reader, end)); n++) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(a->reader, &line);

		if (what == HS_READ_END) {
			*passed = true;
			break;
		}
		if (what == HS_READ_LINE) {
			a->changed = true;
			if (!hs_schema_table_add(&a->s->table, line, hs_reader_position(a->reader).number, count))
				r = HS_E_MEMORY;
		} else if (what == HS_READ_AHEAD || what == HS_READ_FAILED) {
			r = what == HS_READ_AHEAD ? HS_E_HISTORY : hs_reader_result(a->reader);
		}
		if (n % LOOK_LINES == 0 && (hs_io_now_monotonic() >= a->slice_ms || is_over(a)))
			break;
	}
	if (r != HS_E_MEMORY && r != HS_E_HISTORY)
		*from = hs_reader_position(a->reader);
	return r;
}

/* The values of segments that are gone go, too. */
static enum hs_result drop_old(struct advance *a, uint64_t open_number)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(hs_reader_dir(a->reader)->fd, "events", &list, &count);
	uint64_t oldest = count > 0 ? list[0].number : open_number;

	free(list);
	if (r != HS_OK || oldest <= a->s->oldest)
		return r;
	hs_schema_table_drop(&a->s->table, oldest);
	a->s->oldest = oldest;
	a->changed = true;
	return HS_OK;
}

/* Reads for a while: what is not counted, then what erase has left to be gathered. */
static enum hs_result read_slice(struct advance *a)
{
	struct hs_schema *s = a->s;
	struct hs_position end;
	bool passed = false, gathered = false;
	enum hs_result r = hs_reader_end(a->reader, &end);

	a->slice_ms = hs_io_now_monotonic() + SLICE_MS;
	if (r == HS_OK)
		r = drop_old(a, end.number);
	if (r == HS_OK)
		r = take_lines(a, &s->counted, end, true, &passed);
	if (r == HS_OK && passed && s->gathering) {
		r = take_lines(a, &s->gather, s->gather_end, false, &gathered);
		s->gathering = !gathered;
		a->changed = true;
	}
	a->finished = is_over(a) || (passed && !s->gathering);
	return r;
}

/* --- the file -------------------------------------------------------------------------- */

/* Makes the schema empty, in the present history. The file, if there is one, is to be replaced. */
static void begin_anew(struct advance *a)
{
	hs_schema_reset(a->s);
	a->changed = a->s->serial != 0;
}

/* Loads the file, and starts anew if its position is of another history. */
static enum hs_result load(struct advance *a)
{
	const struct hs_spool_dir *dir = hs_reader_dir(a->reader);
	struct hs_schema *s = a->s;
	enum hs_fit fit = HS_FIT;
	enum hs_result r;
	bool same;

	hs_schema_free(s);
	a->changed = false;
	r = hs_schema_load(s, dir);
	if (r == HS_OK)
		r = hs_reader_fit(a->reader, s->counted, &fit);
	if (r != HS_OK)
		return r;
	same = memcmp(s->spool, dir->history.id, sizeof s->spool) == 0;
	if (!same || fit == HS_FIT_NOT || (fit == HS_FIT_UNKNOWN && s->epoch != dir->history.epoch))
		begin_anew(a);
	return HS_OK;
}

/* Saves what was read, also before a failure. */
static enum hs_result save(struct advance *a, enum hs_result reading)
{
	const struct hs_spool_dir *dir = hs_reader_dir(a->reader);
	enum hs_result r = HS_OK;

	if (reading == HS_E_MEMORY)
		return reading;
	if (reading == HS_E_HISTORY) { /* the spool became shorter: begin again */
		begin_anew(a);
		a->finished = false;
		reading = HS_OK;
	}
	memcpy(a->s->spool, dir->history.id, sizeof a->s->spool);
	a->s->epoch = dir->history.epoch;
	a->s->saved_ms = hs_io_now();
	if (a->changed && !dir->read_only)
		r = hs_schema_save(a->s, dir);
	a->changed = a->changed && r != HS_OK;
	return r != HS_OK ? r : reading;
}

enum hs_result hs_schema_advance(struct hs_reader *reader, const struct hs_schema_work *work, struct hs_schema *schema)
{
	struct advance a = { .reader = reader, .work = work, .s = schema };
	enum hs_result r = hs_reader_remember(reader);

	if (r == HS_OK)
		r = load(&a);
	for (int attempt = 0; r == HS_OK && !a.finished;) {
		r = save(&a, read_slice(&a));
		attempt = r == HS_OK ? 0 : attempt + 1;
		if (r == HS_E_REWRITTEN && attempt < ATTEMPTS) {
			a.finished = false;
			r = load(&a);
		}
	}
	return r;
}

/* --- maintenance ------------------------------------------------------------------------ */

/* True if the file was saved in the last gap_ms. */
static bool is_fresh(const struct hs_spool_dir *dir, int64_t gap_ms)
{
	struct stat st;
	int64_t age_ms;

	if (gap_ms == 0 || hs_io_stat(dir->private_dir, HS_SCHEMA_FILE, &st) < 0)
		return false;
	age_ms = hs_io_now() - (int64_t)st.st_mtim.tv_sec * 1000;
	return age_ms >= 0 && age_ms < gap_ms;
}

static enum hs_result maintain(struct hs_reader *reader, const struct hs_schema_work *work)
{
	struct hs_schema s = { 0 };
	enum hs_result r = hs_schema_advance(reader, work, &s);

	hs_schema_free(&s);
	return r;
}

void hs_schema_maintain(const struct hs_settings *settings, const struct hs_schema_work *work, int64_t gap_ms)
{
	struct hs_reader *reader;
	enum hs_result r = hs_reader_open_quietly(settings, &reader);
	int alone;

	if (r != HS_OK)
		return; /* it is logged, or there is no spool */
	alone = hs_io_open_or_make(hs_reader_dir(reader)->run_dir, ALONE, 0600);
	if (alone < 0)
		r = hs_io_result(errno);
	else if (hs_io_lock_within(alone, LOCK_EX, gap_ms == 0 ? ALONE_MS : 0) == 0 &&
	         !is_fresh(hs_reader_dir(reader), gap_ms))
		r = maintain(reader, work);
	if (alone >= 0)
		hs_io_close(alone);
	hs_reader_close(reader);
	if (r != HS_OK)
		hs_log_result(r, "maintain: count for the schema");
}
