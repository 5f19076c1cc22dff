#include "spool/admin/verify.h"
#include "base/io.h"
#include "base/log.h"
#include "spool/admin/erase_plan.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/loss.h"
#include "spool/admin/seen_ids.h"
#include "spool/file/line_reader.h"
#include "spool/position/rewrite_copy.h"
#include "spool/shared/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOCK_MS = 60000,   /* a person waits, not a sender */
	IDS_AT_ONCE = 512, /* looked up in the index under one lock */
	PROGRESS_LINES = 4096,
	BROKEN_MOST = 99, /* originals of one segment that are kept, and the last one anew */
};
static const char CLEAN[] = HS_VERIFY_COPY;

/* An event that is being looked at. */
struct entry {
	struct hs_dedup_key id;
	uint64_t line;
	uint32_t spooled_s;
};

struct exam {
	const struct hs_spool_dir *dir;
	const struct hs_verifier *examiner;
	struct hs_verified *found;
	struct hs_segment *segment; /* of the stream at hand */
	struct hs_index *index;
	char name[HS_SEALED_NAME]; /* of the file at hand */
	uint64_t all_bytes, done_bytes;
	bool broken; /* the file at hand has a line that must go */

	struct hs_seen_ids seen; /* so far */
	struct entry entry[IDS_AT_ONCE];
	size_t entries;
	struct hs_dedup_key_maker identifier;
	struct hs_json json;
	struct hs_line_reader lines;
	struct hs_rewrite_copy copy; /* the good lines of the file at hand */
	uint64_t inode;              /* of that file */
};

const char *hs_problem_text(enum hs_problem p)
{
	static const char *const text[HS_PROBLEMS] = {
		[HS_PROBLEM_LINE] = "not a JSON object",
		[HS_PROBLEM_TORN] = "ends in mid-line",
		[HS_PROBLEM_DAMAGED] = "compressed file is damaged",
		[HS_PROBLEM_BESIDE] =
		    ("not the same as the plain segment beside it, which counts: move it out of the spool and "
		     "compare the two, unless gzip is at work"),
		[HS_PROBLEM_NUMBER] = "another segment has its number, and both are needed: run hookspool repair",
		[HS_PROBLEM_TWICE] = "event stands in the spool already",
		[HS_PROBLEM_ERASED] = "event was to be erased: run hookspool erase again",
		[HS_PROBLEM_BEGUN] = "erase was begun and not finished: run it again",
		[HS_PROBLEM_GAP] = "segment before this one is missing",
		[HS_PROBLEM_INDEX] = "event unknown to the index",
		[HS_PROBLEM_LOST] = "lost: restore .hookspool from a backup, or run hookspool adopt",
		[HS_PROBLEM_STRANGE] = "no plain file, passed over: move it out of the spool",
		[HS_PROBLEM_UNREADABLE] = "cannot be read: chown it to the user who runs the handler, mode 0600",
		[HS_PROBLEM_FUTURE] = "stamp is from the future: the next segment's first record tells its age",
	};

	return text[p];
}

bool hs_problem_is_fault(enum hs_problem p)
{
	return p != HS_PROBLEM_FUTURE;
}

static void report(struct exam *x, enum hs_problem p, uint64_t line)
{
	x->found->problem[p]++;
	if (x->examiner->report != NULL)
		x->examiner->report(x->examiner->context, p, x->name, line);
}

/* --- which events were seen ------------------------------------------------------ */

static enum hs_result note_seen(struct exam *x, const struct entry *e)
{
	enum hs_seen_before before;
	enum hs_result r = hs_seen_ids_note(&x->seen, &e->id, e->spooled_s, &before);

	if (r == HS_OK && before != HS_SEEN_NOT)
		report(x, before == HS_SEEN_ERASED ? HS_PROBLEM_ERASED : HS_PROBLEM_TWICE, e->line);
	return r;
}

/* --- the live index ------------------------------------------------------------ */

/* At HS_OK the lock is held; `anew`: from the files alone. */
static enum hs_result lock_and_follow(struct exam *x, struct hs_segment *events, bool anew)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = hs_segment_begin(events, 0, deadline);

	if (r != HS_OK)
		return r;
	if (anew)
		r = hs_index_discard(x->index);
	if (r == HS_OK)
		r = hs_index_follow(x->index, events, INT64_MAX);
	if (r != HS_OK)
		hs_segment_end(events);
	return r;
}

/* Are the collected events known to the index? */
static enum hs_result ask_index(struct exam *x)
{
	int64_t now_s = hs_io_now() / 1000, window_s = x->dir->settings->dedup_window / 1000;
	enum hs_result r = x->entries == 0 ? HS_OK : lock_and_follow(x, x->segment, false);

	if (r != HS_OK || x->entries == 0)
		return r;
	for (size_t i = 0; i < x->entries && r == HS_OK; i++) {
		const struct entry *e = &x->entry[i];
		const struct hs_dedup_key *id = &e->id;
		bool kept;

		r = hs_index_look(x->index, &id, 1, &kept);
		/* a minute of grace: it may just be running out of the window */
		if (r == HS_OK && hs_index_seen(x->index, id, kept) == HS_SEEN_NEVER &&
		    now_s - e->spooled_s < window_s - 60)
			report(x, HS_PROBLEM_INDEX, e->line);
	}
	hs_index_rest(x->index);
	hs_segment_end(x->segment);
	x->entries = 0;
	return r;
}

/* --- lines --------------------------------------------------------------------- */

/* Leaves these bytes out of the copy, if one is made: positions after them will move. */
static enum hs_result leave_out_at(struct exam *x, uint64_t offset, uint64_t bytes)
{
	return x->copy.file.fd < 0 ? HS_OK : hs_rewrite_copy_omit(&x->copy, offset, bytes);
}

/* The line that was read last. */
static enum hs_result leave_out(struct exam *x, uint64_t bytes)
{
	return leave_out_at(x, x->lines.at - bytes, bytes);
}

/* A .gz ends here, before its end: nobody knows how much is lost, but a position may be in there. */
static enum hs_result leave_out_rest(struct exam *x)
{
	x->broken = true;
	report(x, HS_PROBLEM_DAMAGED, 0);
	return leave_out_at(x, x->lines.at, UINT64_MAX - x->lines.at);
}

static enum hs_result look_at_line(struct exam *x, struct hs_slice line, uint64_t number)
{
	struct entry *e = &x->entry[x->entries];
	bool identified = false;
	int64_t ms = 0;
	enum hs_result r;

	if (x->index != NULL)
		r = hs_dedup_key_of_line(&x->identifier, &x->json, line, &identified, &e->id, &ms);
	else
		r = hs_line_check(&x->json, line);
	if (r == HS_E_MEMORY)
		return r;
	if (r != HS_OK) {
		x->broken = true;
		report(x, HS_PROBLEM_LINE, number);
		return leave_out(x, line.n + 1);
	}
	x->found->lines++;
	x->found->bytes += line.n + 1;
	r = x->copy.file.fd < 0 ? HS_OK : hs_rewrite_copy_keep(&x->copy, line, true);
	if (r != HS_OK || !identified)
		return r;
	e->line = number;
	e->spooled_s = (uint32_t)(ms / 1000);
	r = note_seen(x, e);
	if (r == HS_OK && ++x->entries == IDS_AT_ONCE)
		r = ask_index(x);
	return r;
}

static void show_progress(const struct exam *x, uint64_t of_file)
{
	if (x->examiner->progress != NULL)
		x->examiner->progress(x->examiner->context, x->done_bytes + of_file, x->all_bytes);
}

/* Every line that x->lines yields. `sealed`: the file must end with a newline. */
static enum hs_result look_at_lines(struct exam *x, bool sealed)
{
	struct hs_slice line;
	uint64_t number = 0;
	enum hs_result r = HS_OK;
	int more;

	while (r == HS_OK && (more = hs_line_reader_next(&x->lines, &line)) > 0) {
		number++;
		if (more == 2) {
			x->broken = true;
			if (sealed)
				report(x, HS_PROBLEM_TORN, number);
			r = leave_out(x, line.n);
			break;
		}
		r = look_at_line(x, line, number);
		if (number % PROGRESS_LINES == 0)
			show_progress(x, x->lines.inflater == NULL ? x->lines.at : 0);
	}
	if (r == HS_OK && more < 0) {
		if (errno != EILSEQ)
			return errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;
		r = leave_out_rest(x);
	}
	return r == HS_OK && x->index != NULL ? ask_index(x) : r;
}

/* --- mending ------------------------------------------------------------------- */

/* Its nth name in the private folder: broken-NAME, broken-2-NAME …; *taken: by another file. */
static enum hs_result link_original(struct exam *x, unsigned nth, bool *batch)
{
	const struct hs_spool_dir *p = x->dir;
	char broken[HS_SEALED_NAME + 24];
	struct stat st;

	if (nth == 1)
		snprintf(broken, sizeof broken, "broken-%s", x->name);
	else
		snprintf(broken, sizeof broken, "broken-%u-%s", nth, x->name);
	if (nth == BROKEN_MOST && hs_io_unlink(p->private_dir, broken) < 0 && errno != ENOENT)
		return hs_io_result(errno);
	if (hs_io_stat(p->private_dir, broken, &st) == 0) {
		*batch = (uint64_t)st.st_ino != x->inode; /* or a killed run has done it */
		return HS_OK;
	}
	*batch = false;
	return hs_io_link(p->fd, x->name, p->private_dir, broken) < 0 ? hs_io_result(errno) : HS_OK;
}

/* One that was kept before stays, for it may hold what only a person can read. */
static enum hs_result keep_original(struct exam *x)
{
	bool batch = true;
	enum hs_result r = HS_OK;

	for (unsigned nth = 1; r == HS_OK && batch; nth++)
		r = link_original(x, nth, &batch);
	return r == HS_OK && hs_io_sync_dir(x->dir->private_dir) < 0 ? hs_io_result(errno) : r;
}

/* The original gets a second name in the private folder; then the copy takes its place. */
static enum hs_result put_in_place(struct exam *x, const struct hs_sealed *sealed)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result r = hs_file_writer_end(&x->copy.writer);

	if (r == HS_OK)
		r = keep_original(x);
	if (r != HS_OK)
		return r;
	r = hs_rewrite_log_open(x->dir, &rewrites);
	if (r == HS_OK)
		r = hs_rewrite_copy_replace(&x->copy, rewrites, x->segment->name, sealed, x->inode);
	hs_rewrite_log_close(rewrites);
	x->found->mended += r == HS_OK;
	return r;
}

/* --- segments ------------------------------------------------------------------ */

static enum hs_result read_sealed(struct exam *x, const struct hs_sealed *sealed, bool copy)
{
	int fd = hs_io_open_plain(x->dir->fd, x->name);
	enum hs_result r = HS_OK;
	struct stat st = { 0 };

	x->broken = false;
	if (fd < 0 && (errno == HS_IO_NOT_PLAIN || errno == EACCES || errno == EPERM)) {
		report(x, errno == HS_IO_NOT_PLAIN ? HS_PROBLEM_STRANGE : HS_PROBLEM_UNREADABLE, 0);
		return HS_OK;
	}
	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO; /* retention, or compression: it has moved on */
	if (hs_io_fstat(fd, &st) < 0)
		r = HS_E_IO;
	else
		r = hs_line_reader_start_file(&x->lines, fd, sealed->gzip, 0, (uint64_t)st.st_size);
	x->inode = (uint64_t)st.st_ino;
	if (r == HS_OK && copy)
		r = hs_rewrite_copy_begin(&x->copy, x->dir, CLEAN, sealed->gzip);
	if (r == HS_OK)
		r = look_at_lines(x, true);
	if (r == HS_OK && copy && x->broken)
		r = put_in_place(x, sealed);
	hs_rewrite_copy_drop(&x->copy);
	hs_io_close(fd);
	return r;
}

/* Copies the good lines without counting or reporting anything a second time. */
static enum hs_result copy_good_lines(struct exam *x, const struct hs_sealed *sealed)
{
	struct hs_verified again = { 0 };
	struct hs_verifier silent = { .mend = true };
	struct exam y = {
		.dir = x->dir, .examiner = &silent, .found = &again, .segment = x->segment, .copy = HS_REWRITE_COPY_NONE
	};
	enum hs_result r;

	memcpy(y.name, x->name, sizeof y.name);
	r = read_sealed(&y, sealed, true);
	x->found->mended += again.mended;
	hs_json_free(&y.json);
	hs_line_reader_free(&y.lines);
	return r;
}

static enum hs_result look_at_sealed(struct exam *x, const struct hs_sealed *sealed)
{
	enum hs_result r;

	hs_sealed_print(x->segment->name, sealed, x->name);
	x->found->segments++;
	r = read_sealed(x, sealed, false);
	if (r == HS_OK && x->broken && x->examiner->mend)
		r = copy_good_lines(x, sealed);
	return r;
}

/* As far as it is written now; what comes later is for the next time. */
static enum hs_result look_at_open(struct exam *x)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = hs_segment_begin(x->segment, 0, deadline);
	uint64_t end;
	int fd;

	snprintf(x->name, sizeof x->name, "%s.jsonl", x->segment->name);
	if (r == HS_E_SPOOL_FILE) {
		report(x, HS_PROBLEM_STRANGE, 0);
		return HS_OK;
	}
	if (r != HS_OK)
		return r;
	end = atomic_load(&x->segment->stream->written);
	fd = hs_io_open_read(x->dir->fd, x->name);
	hs_segment_end(x->segment);
	if (fd < 0)
		return HS_E_IO;
	hs_line_reader_start(&x->lines, fd, 0, end);
	r = look_at_lines(x, false);
	hs_io_close(fd);
	return r;
}

static void sum_sizes(struct exam *x, const struct hs_sealed *list, size_t count)
{
	struct stat st;

	for (size_t i = 0; i < count; i++) {
		hs_sealed_print(x->segment->name, &list[i], x->name);
		if (hs_io_stat(x->dir->fd, x->name, &st) == 0)
			x->all_bytes += (uint64_t)st.st_size;
	}
}

/* x->name is that of the plain segment. */
static enum hs_result look_beside(struct exam *x, const struct hs_sealed *sealed)
{
	char gz[HS_SEALED_NAME];
	struct hs_pair pair;
	enum hs_result r;

	hs_sealed_print(x->segment->name, sealed, gz);
	r = hs_line_reader_pair(x->dir->fd, x->name, gz, &pair);
	if (r != HS_OK || !pair.both || pair.same)
		return r;
	memcpy(x->name, gz, sizeof gz);
	report(x, HS_PROBLEM_BESIDE, 0);
	return HS_OK;
}

/* What somebody else has put there is taken in before it is looked at. */
static enum hs_result settle_numbers(struct exam *x)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = hs_segment_lock(x->segment, deadline);

	if (r != HS_OK)
		return r;
	r = hs_segment_settle(x->segment, deadline);
	hs_segment_unlock(x->segment);
	return r;
}

static void report_strange(void *context, const char *name)
{
	struct exam *x = context;

	snprintf(x->name, sizeof x->name, "%s", name);
	report(x, HS_PROBLEM_STRANGE, 0);
}

static enum hs_result look_at_stream(struct exam *x)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	int64_t now_ms = hs_io_now();
	enum hs_result r = settle_numbers(x);

	if (r == HS_OK)
		r = hs_sealed_strange(x->dir->fd, x->segment->name, report_strange, x);
	if (r == HS_OK)
		r = hs_sealed_list(x->dir->fd, x->segment->name, &list, &count);
	sum_sizes(x, list, count);
	for (size_t i = 0; i < count && r == HS_OK; i++) {
		bool again = i > 0 && hs_sealed_same(&list[i], &list[i - 1]);
		struct stat st;

		if (again) { /* a .gz beside its plain one, which has been looked at */
			r = look_beside(x, &list[i]);
			continue;
		}
		hs_sealed_print(x->segment->name, &list[i], x->name);
		if (i > 0 && list[i].number == list[i - 1].number)
			report(x, HS_PROBLEM_NUMBER, 0);
		else if (i > 0 && list[i].number != list[i - 1].number + 1)
			report(x, HS_PROBLEM_GAP, 0);
		if (hs_clock_is_ahead(list[i].sealed_ms, now_ms))
			report(x, HS_PROBLEM_FUTURE, 0);
		if (hs_io_stat(x->dir->fd, x->name, &st) < 0)
			st.st_size = 0;
		r = look_at_sealed(x, &list[i]);
		x->done_bytes += (uint64_t)st.st_size;
		show_progress(x, 0);
	}
	free(list);
	return r == HS_OK ? look_at_open(x) : r;
}

static void report_unfinished(void *context, uint64_t line)
{
	struct exam *x = context;

	snprintf(x->name, sizeof x->name, "erased.jsonl");
	report(x, HS_PROBLEM_BEGUN, line);
}

static void report_plan(void *context, const char *name)
{
	struct exam *x = context;

	snprintf(x->name, sizeof x->name, ".hookspool/%s", name);
	report(x, HS_PROBLEM_BEGUN, 0);
}

/* Who erases just now will come to an end: nothing is asked then. `locked`: nobody does. */
static enum hs_result look_at_receipts(struct exam *x, bool locked)
{
	int lock = -1;
	enum hs_result r = locked ? HS_OK : hs_rewriter_lock(x->dir->run_dir, &lock);

	if (r == HS_E_LOCKED)
		return HS_OK;
	if (r == HS_OK)
		r = hs_erase_plan_list(x->dir->private_dir, report_plan, x);
	if (r == HS_OK)
		r = hs_erasure_log_unfinished(x->dir, report_unfinished, x);
	if (lock >= 0)
		hs_io_close(lock);
	return r;
}

static enum hs_result look_for_losses(struct exam *x)
{
	unsigned lost;
	enum hs_result r = hs_loss_find(x->dir, &lost);

	for (unsigned i = 0; i < HS_LOSSES && r == HS_OK; i++)
		if ((lost & 1U << i) != 0) {
			snprintf(x->name, sizeof x->name, "%s", hs_loss_name(1U << i));
			report(x, HS_PROBLEM_LOST, 0);
		}
	return r;
}

static enum hs_result renew_index(struct exam *x, struct hs_segment *events)
{
	enum hs_result r = lock_and_follow(x, events, true);

	if (r == HS_OK)
		hs_segment_end(events);
	return r;
}

/* Keeps erase away, since a copy must not bring back what it removes; drops the copy of a killed run. */
static enum hs_result begin_mending(const struct exam *x, int *lock)
{
	enum hs_result r = hs_rewriter_lock(x->dir->run_dir, lock);

	if (r == HS_OK && hs_io_unlink(x->dir->run_dir, CLEAN) < 0 && errno != ENOENT)
		r = hs_io_result(errno);
	return r;
}

enum hs_result hs_verify(struct hs_segment *segments, struct hs_index *index, const struct hs_verifier *examiner,
                         struct hs_verified *found)
{
	struct exam *x = calloc(1, sizeof *x);
	enum hs_result r = HS_OK;
	int lock = -1;

	memset(found, 0, sizeof *found);
	if (x == NULL || !hs_dedup_key_maker_init(&x->identifier)) {
		free(x);
		return HS_E_MEMORY;
	}
	x->dir = segments[0].dir;
	x->examiner = examiner;
	x->found = found;
	x->copy = (struct hs_rewrite_copy)HS_REWRITE_COPY_NONE;
	if (examiner->mend)
		r = begin_mending(x, &lock);
	for (int i = 0; i < HS_STREAMS && r == HS_OK; i++) {
		x->segment = &segments[i];
		x->index = i == HS_EVENTS ? index : NULL;
		if (x->index != NULL)
			r = hs_seen_ids_open(&x->seen, x->dir);
		if (r == HS_OK && x->index != NULL && examiner->mend)
			r = renew_index(x, x->segment);
		if (r == HS_OK)
			r = look_at_stream(x);
	}
	if (r == HS_OK)
		r = look_at_receipts(x, examiner->mend);
	if (r == HS_OK)
		r = look_for_losses(x);
	if (lock >= 0)
		hs_io_close(lock);
	hs_seen_ids_close(&x->seen);
	hs_dedup_key_maker_free(&x->identifier);
	hs_json_free(&x->json);
	hs_line_reader_free(&x->lines);
	free(x);
	return r;
}
