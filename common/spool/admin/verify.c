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
#include "spool/summary/summary_file.h"
#include "spool/write/foreign_segments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOCK_MS = 60000, /* no sender waits for it */
	GRACE_S = 60,    /* an event may just be leaving the window */
	PROGRESS_LINES = 4096,
	BROKEN_MOST = 99, /* originals of one segment; a further one replaces the last */
};
static const char CLEAN[] = HS_VERIFY_COPY;

struct verify {
	const struct hs_spool_dir *dir;
	const struct hs_verifier *verifier;
	struct hs_verified *found;
	struct hs_segment *segment; /* of the current stream */
	struct hs_index *index;     /* NULL: none, or the rejected */
	struct {
		char name[HS_SEALED_NAME];
		struct stat st;
		uint32_t nth; /* in the stream, from 1 */
		bool broken;  /* a line must go */
		bool damaged; /* a part of a .gz cannot be read */
	} current;            /* file */
	struct {
		int fd; /* -1: none */
		uint64_t end, number;
	} open;                   /* segment, as it was before the sealed ones were listed */
	struct hs_sealed *sealed; /* the stream's segments */
	size_t sealed_count;
	struct hs_line_reader lines;
	struct hs_summary_builder *summary; /* of the current sealed segment; NULL: none */
	struct hs_rewrite_copy copy;        /* of the good lines of the current file */
	struct {
		uint64_t done, all; /* bytes */
	} progress;

	struct hs_seen_ids seen; /* so far */
	struct hs_dedup_key_maker key_maker;
	struct hs_json json;
};

static void report(struct verify *x, enum hs_problem p, uint64_t line)
{
	x->found->problem[p]++;
	if (x->verifier->report != NULL)
		x->verifier->report(x->verifier->context, p, x->current.name, line);
}

/* Makes the nth file of the stream the current one: its sealed segments come first, then the open one. */
static void name_file(struct verify *x, size_t nth)
{
	x->current.nth = (uint32_t)nth;
	if (nth <= x->sealed_count)
		hs_sealed_print(x->segment->name, &x->sealed[nth - 1], x->current.name);
	else
		snprintf(x->current.name, sizeof x->current.name, "%s", x->segment->file_name);
}

/* --- the live index ------------------------------------------------------------ */

/* Tells which ids the index knows, or no longer needs to know. */
static enum hs_result ask_index(void *context, const struct hs_seen_id *seen, size_t n, bool *known)
{
	struct verify *x = context;
	int64_t since_s = (hs_io_now() - x->dir->settings->dedup_window) / 1000 + GRACE_S;
	struct hs_dedup_key key[HS_SEEN_ASKED];
	const struct hs_dedup_key *id[HS_SEEN_ASKED];
	enum hs_result r = hs_index_begin(x->index, x->segment, LOCK_MS);

	if (r != HS_OK)
		return r;
	for (size_t i = 0; i < n; i++) {
		key[i] = hs_id_block_key(seen[i].high, seen[i].low);
		id[i] = &key[i];
	}
	r = hs_index_look(x->index, id, n, known);
	for (size_t i = 0; i < n && r == HS_OK; i++)
		known[i] = hs_index_seen(x->index, id[i], known[i]) != HS_SEEN_NEVER || seen[i].spooled_s <= since_s;
	hs_index_rest(x->index);
	hs_segment_end(x->segment);
	return r;
}

static void report_id(void *context, enum hs_id_fault fault, uint32_t file, uint64_t line)
{
	static const enum hs_problem problem[] = {
		[HS_ID_TWICE] = HS_PROBLEM_TWICE,
		[HS_ID_ERASED] = HS_PROBLEM_ERASED,
		[HS_ID_UNKNOWN] = HS_PROBLEM_INDEX,
	};
	struct verify *x = context;

	name_file(x, file);
	report(x, problem[fault], line);
}

/* Compares the ids of all lines with each other, with those that were erased, and with the index. */
static enum hs_result check_ids(struct verify *x)
{
	return hs_seen_ids_check(&x->seen, &(struct hs_seen_check){ x, ask_index, report_id });
}

/* --- lines --------------------------------------------------------------------- */

/* Leaves these bytes out of the copy, if one is made; positions after them move. */
static enum hs_result omit_at(struct verify *x, uint64_t offset, uint64_t bytes)
{
	return x->copy.file.fd < 0 ? HS_OK : hs_rewrite_copy_omit(&x->copy, offset, bytes);
}

/* Leaves the last line out. */
static enum hs_result omit(struct verify *x, uint64_t bytes)
{
	return omit_at(x, x->lines.at - bytes, bytes);
}

/*
 * A member of a .gz is damaged: leaves it out, and all that follows if the next one is not found; how much is lost is
 * unknown then, but a cursor may be in there. *more is set to 0 if nothing more can be read.
 */
static enum hs_result omit_damage(struct verify *x, int *more)
{
	uint64_t from = x->lines.at;
	bool passed = hs_line_reader_pass_damage(&x->lines);

	if (!x->current.damaged) {
		hs_summary_builder_damage(x->summary); /* a summary ends at the first damage */
		report(x, HS_PROBLEM_DAMAGED, 0);
	}
	x->current.broken = true;
	x->current.damaged = true;
	if (!passed)
		*more = 0;
	return omit_at(x, from, passed ? x->lines.at - from : UINT64_MAX - from);
}

static enum hs_result check_line(struct verify *x, struct hs_slice line, uint64_t number)
{
	struct hs_dedup_key key;
	struct hs_id_block_entry id;
	bool identified = false;
	int64_t ms = 0;
	enum hs_result r;

	if (x->index != NULL)
		r = hs_dedup_key_of_line(&x->key_maker, &x->json, line, &identified, &key, &ms);
	else
		r = hs_line_check(&x->json, line);
	if (r == HS_E_MEMORY)
		return r;
	if (r != HS_OK) {
		x->current.broken = true;
		report(x, HS_PROBLEM_LINE, number);
		return omit(x, line.n + 1);
	}
	x->found->lines++;
	x->found->bytes += line.n + 1;
	r = x->copy.file.fd < 0 ? HS_OK : hs_rewrite_copy_keep(&x->copy, line, true);
	if (r != HS_OK || !identified)
		return r;
	id = hs_id_block_entry(&key, (uint32_t)(ms / 1000));
	return hs_seen_ids_note(&x->seen, &id, x->current.nth, number);
}

static void show_progress(const struct verify *x, uint64_t of_file)
{
	if (x->verifier->progress != NULL)
		x->verifier->progress(x->verifier->context, x->progress.done + of_file, x->progress.all);
}

/* Checks every line of the current file. `sealed`: it must end with a newline. */
static enum hs_result check_lines(struct verify *x, bool sealed)
{
	struct hs_slice line;
	uint64_t number = 0;
	enum hs_result r = HS_OK;
	int more = 1;

	x->current.damaged = false;
	while (r == HS_OK && more != 0 && (more = hs_line_reader_next(&x->lines, &line)) != 0) {
		if (more < 0) {
			r = errno == EILSEQ ? omit_damage(x, &more) : hs_io_result(errno);
			continue;
		}
		number++;
		if (!x->current.damaged)
			hs_summary_builder_line(x->summary, line, more == 1);
		if (more == 2) {
			x->current.broken = true;
			if (sealed)
				report(x, HS_PROBLEM_TORN, number);
			r = omit(x, line.n);
			break;
		}
		r = check_line(x, line, number);
		if (number % PROGRESS_LINES == 0)
			show_progress(x, x->lines.inflater == NULL ? x->lines.at : 0);
	}
	return r;
}

/* --- repair ------------------------------------------------------------------- */

/* Links the original as its nth name, broken-NAME, broken-2-NAME …, unless another file has it: *taken. */
static enum hs_result link_original(struct verify *x, unsigned nth, bool *taken)
{
	const struct hs_spool_dir *p = x->dir;
	char broken[HS_SEALED_NAME + 24];
	struct stat st;

	if (nth == 1)
		snprintf(broken, sizeof broken, "broken-%s", x->current.name);
	else
		snprintf(broken, sizeof broken, "broken-%u-%s", nth, x->current.name);
	if (nth == BROKEN_MOST && hs_io_unlink(p->private_dir, broken) < 0 && errno != ENOENT)
		return hs_io_result(errno);
	if (hs_io_stat(p->private_dir, broken, &st) == 0) {
		*taken = st.st_ino != x->current.st.st_ino; /* else a killed run has linked it */
		return HS_OK;
	}
	*taken = false;
	return hs_io_link(p->fd, x->current.name, p->private_dir, broken) < 0 ? hs_io_result(errno) : HS_OK;
}

/* Earlier originals stay, for they may hold lines that only a person can rescue. */
static enum hs_result keep_original(struct verify *x)
{
	bool taken = true;
	enum hs_result r = HS_OK;

	for (unsigned nth = 1; r == HS_OK && taken; nth++)
		r = link_original(x, nth, &taken);
	return r == HS_OK && hs_io_sync_dir(x->dir->private_dir) < 0 ? hs_io_result(errno) : r;
}

/* Gives the original a second name in .hookspool, then puts the copy in its place. */
static enum hs_result put_in_place(struct verify *x, const struct hs_sealed *sealed)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result r = hs_file_writer_end(&x->copy.writer);
	struct stat now;

	if (r == HS_OK && hs_io_stat(x->dir->fd, x->current.name, &now) == 0 &&
	    !hs_sealed_is_unchanged(&x->current.st, &now))
		r = HS_E_REWRITTEN; /* it may still be in the middle of a copy: see hs_rewrite_log_replace */
	if (r == HS_OK)
		r = keep_original(x);
	if (r != HS_OK)
		return r;
	r = hs_rewrite_log_open(x->dir, &rewrites);
	if (r == HS_OK)
		r = hs_rewrite_copy_replace(&x->copy, rewrites, x->segment->name, sealed, &x->current.st);
	hs_rewrite_log_close(rewrites);
	x->found->mended += r == HS_OK;
	return r;
}

/* --- segments ------------------------------------------------------------------ */

static enum hs_result read_sealed(struct verify *x, const struct hs_sealed *sealed, bool copy)
{
	struct hs_sealed now = *sealed; /* may have been compressed since it was listed */
	int fd = hs_sealed_open(x->dir->fd, x->segment->name, &now), error = errno;
	enum hs_result r = HS_OK;

	if (x->sealed != NULL) /* else it is read again, for a copy */
		x->sealed[x->current.nth - 1] = now;
	hs_sealed_print(x->segment->name, &now, x->current.name);
	x->current.broken = false;
	memset(&x->current.st, 0, sizeof x->current.st);
	if (fd < 0 && (error == HS_IO_NOT_PLAIN || error == EACCES || error == EPERM)) {
		report(x, error == HS_IO_NOT_PLAIN ? HS_PROBLEM_STRANGE : HS_PROBLEM_UNREADABLE, 0);
		return HS_OK;
	}
	if (fd < 0)
		return error == ENOENT ? HS_OK : HS_E_IO; /* deleted meanwhile */
	if (hs_io_fstat(fd, &x->current.st) < 0)
		r = HS_E_IO;
	else
		r = hs_line_reader_start_file(&x->lines, fd, now.gzip, 0, (uint64_t)x->current.st.st_size);
	if (r == HS_OK && copy)
		r = hs_rewrite_copy_begin(&x->copy, x->dir, CLEAN, now.gzip);
	if (r == HS_OK)
		r = check_lines(x, true);
	if (r == HS_OK && copy && x->current.broken)
		r = put_in_place(x, &now);
	hs_rewrite_copy_drop(&x->copy);
	hs_io_close(fd);
	return r;
}

/* Reads the file again, to copy its good lines; counts and reports nothing. */
static enum hs_result copy_good_lines(struct verify *x, const struct hs_sealed *sealed)
{
	struct hs_verified again = { 0 };
	struct hs_verifier silent = { .mend = true };
	struct verify y = {
		.dir = x->dir, .verifier = &silent, .found = &again, .segment = x->segment, .copy = HS_REWRITE_COPY_NONE
	};
	enum hs_result r = read_sealed(&y, sealed, true);

	x->found->mended += again.mended;
	hs_json_free(&y.json);
	hs_line_reader_free(&y.lines);
	return r;
}

/* Compares the segment's summary with its lines. A wrong one is removed by repair; maintenance makes it again. */
static enum hs_result check_summary(struct verify *x, const struct hs_sealed *sealed)
{
	bool rejected = strcmp(x->segment->name, "rejected") == 0;

	if (hs_summary_agrees(x->dir, x->summary, rejected, sealed->number, &x->current.st))
		return HS_OK;
	report(x, HS_PROBLEM_SUMMARY, 0);
	return x->verifier->mend ? hs_summary_remove(x->dir, rejected, sealed->number) : HS_OK;
}

static enum hs_result check_sealed(struct verify *x, const struct hs_sealed *sealed)
{
	enum hs_result r = HS_OK;

	x->found->segments++;
	x->summary =
	    hs_summary_builder_new(x->dir->history.id, strcmp(x->segment->name, "rejected") == 0, sealed->number);
	if (x->verifier->mend)
		r = hs_foreign_segments_await(x->dir->fd, x->segment->name, sealed, NULL, NULL);
	if (r == HS_OK)
		r = read_sealed(x, sealed, false);
	if (r == HS_OK)
		r = check_summary(x, sealed);
	hs_summary_builder_free(x->summary);
	x->summary = NULL;
	if (r == HS_OK && x->current.broken && x->verifier->mend)
		r = copy_good_lines(x, sealed);
	return r;
}

static enum hs_result check_open(struct verify *x)
{
	name_file(x, x->sealed_count + 1);
	hs_line_reader_start(&x->lines, x->open.fd, 0, x->open.end);
	return check_lines(x, false);
}

/* Compares a .gz with the plain segment, which is the current file. */
static enum hs_result check_beside(struct verify *x, const struct hs_sealed *sealed)
{
	char gz[HS_SEALED_NAME];
	struct hs_pair pair;
	enum hs_result r;

	hs_sealed_print(x->segment->name, sealed, gz);
	if (strcmp(x->current.name, gz) == 0)
		return HS_OK; /* the plain one was gone, and this one was checked in its place */
	r = hs_line_reader_pair(x->dir->fd, x->current.name, gz, &pair);
	if (r != HS_OK || !pair.both || pair.same)
		return r;
	memcpy(x->current.name, gz, sizeof gz);
	report(x, HS_PROBLEM_BESIDE, 0);
	return HS_OK;
}

/*
 * Takes in segments that were copied into the spool, so that their numbers are final, and opens the open one, up to
 * its present end: it may be sealed while the others are read.
 */
static enum hs_result settle(struct verify *x)
{
	int64_t deadline = hs_io_now_monotonic() + LOCK_MS;
	enum hs_result r = hs_segment_lock(x->segment, deadline);

	if (r != HS_OK)
		return r;
	r = hs_segment_settle(x->segment, deadline);
	if (r == HS_OK) {
		x->open.end = atomic_load(&x->segment->stream->written);
		x->open.number = x->segment->stream->number;
		x->open.fd = hs_io_open_read(x->dir->fd, x->segment->file_name);
		r = x->open.fd < 0 ? HS_E_IO : HS_OK;
	}
	hs_segment_unlock(x->segment);
	return r;
}

static void report_strange(void *context, const char *name)
{
	struct verify *x = context;

	snprintf(x->current.name, sizeof x->current.name, "%s", name);
	report(x, HS_PROBLEM_STRANGE, 0);
}

/* Checks the nth sealed segment, from 1. */
static enum hs_result check_nth(struct verify *x, size_t nth)
{
	const struct hs_sealed *sealed = &x->sealed[nth - 1];
	uint64_t bytes = hs_sealed_bytes(x->dir->fd, x->segment->name, sealed);
	enum hs_result r;

	name_file(x, nth);
	if (nth > 1 && sealed->number == sealed[-1].number)
		report(x, HS_PROBLEM_NUMBER, 0);
	else if (nth > 1 && sealed->number != sealed[-1].number + 1 && strcmp(x->segment->name, "rejected") != 0)
		report(x, HS_PROBLEM_GAP, 0); /* of rejected ones rejected_max takes any */
	if (hs_clock_is_ahead(sealed->sealed_ms, hs_io_now()))
		report(x, HS_PROBLEM_FUTURE, 0);
	r = check_sealed(x, sealed);
	x->progress.done += bytes;
	show_progress(x, 0);
	return r;
}

/* Brings the index up to date with all segments, since they are about to be replaced. */
static enum hs_result complete_index(struct verify *x)
{
	enum hs_result r = hs_index_begin_whole(x->index, x->segment, LOCK_MS);

	if (r == HS_OK)
		hs_segment_end(x->segment);
	return r;
}

/* Rebuilds the index from the files alone, and from no summary that was wrong: lost events may be sent again. */
static enum hs_result renew_index(struct verify *x)
{
	enum hs_result r = hs_segment_begin(x->segment, 0, hs_io_now_monotonic() + LOCK_MS);

	if (r != HS_OK)
		return r;
	r = hs_index_discard(x->index);
	hs_segment_end(x->segment);
	return r == HS_OK ? complete_index(x) : r;
}

/* Lists the sealed segments before the open one: a later one is that, or was sealed or copied in since. */
static enum hs_result list_sealed(struct verify *x)
{
	enum hs_result r = hs_sealed_list(x->dir->fd, x->segment->name, &x->sealed, &x->sealed_count);

	while (x->sealed_count > 0 && x->sealed[x->sealed_count - 1].number >= x->open.number)
		x->sealed_count--;
	for (size_t i = 0; i < x->sealed_count; i++)
		x->progress.all += hs_sealed_bytes(x->dir->fd, x->segment->name, &x->sealed[i]);
	return r;
}

static enum hs_result check_stream(struct verify *x)
{
	enum hs_result r = settle(x);

	if (r == HS_OK)
		r = hs_sealed_strange(x->dir->fd, x->segment->name, report_strange, x);
	if (r == HS_OK)
		r = list_sealed(x);
	for (size_t i = 0; i < x->sealed_count && r == HS_OK; i++)
		if (i > 0 && hs_sealed_same(&x->sealed[i], &x->sealed[i - 1]))
			r = check_beside(x, &x->sealed[i]); /* a .gz beside the plain segment, which was checked */
		else
			r = check_nth(x, i + 1);
	if (r == HS_OK)
		r = check_open(x);
	if (r == HS_OK && x->index != NULL && x->verifier->mend)
		r = renew_index(x);
	if (r == HS_OK && x->index != NULL)
		r = check_ids(x);
	if (x->open.fd >= 0)
		hs_io_close(x->open.fd);
	x->open.fd = -1;
	free(x->sealed);
	x->sealed = NULL;
	x->sealed_count = 0;
	return r;
}

static void report_of(struct verify *x, enum hs_problem p, const char *folder, const char *name, uint64_t line)
{
	snprintf(x->current.name, sizeof x->current.name, "%s%s", folder, name);
	report(x, p, line);
}

static void report_unfinished(void *context, uint64_t line)
{
	report_of(context, HS_PROBLEM_BEGUN, "", "erased.jsonl", line);
}

static void report_plan(void *context, const char *name)
{
	report_of(context, HS_PROBLEM_BEGUN, ".hookspool/", name, 0);
}

/* Reports unfinished erases, unless one is at work now. `locked`: this process holds their lock. */
static enum hs_result check_erasures(struct verify *x, bool locked)
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

static enum hs_result check_losses(struct verify *x)
{
	enum hs_loss_backup backup = HS_LOSS_NO_BACKUP;
	unsigned lost;
	enum hs_result r = hs_loss_find(x->dir, &lost);

	r = r == HS_OK ? hs_loss_backup(x->dir, &backup) : r;
	for (unsigned i = 0; i < HS_LOSSES && r == HS_OK; i++)
		if ((lost & 1U << i) != 0)
			report_of(x, HS_PROBLEM_LOST, "", hs_loss_name(1U << i), 0);
	if (backup == HS_LOSS_PART_OF_BACKUP)
		report_of(x, HS_PROBLEM_PART, ".hookspool/", HS_HISTORY_BACKUP, 0);
	return r;
}

/*
 * A repair rebuilds the index when all segments are whole: it is read up to a damaged member only, and an event after
 * that could be taken twice meanwhile.
 */
static enum hs_result check_with_index(struct verify *x)
{
	bool renew = x->index != NULL && x->verifier->mend;
	enum hs_result r = x->index != NULL ? hs_seen_ids_open(&x->seen, x->dir) : HS_OK;

	if (r == HS_OK && renew)
		r = complete_index(x);
	return r == HS_OK ? check_stream(x) : r;
}

/* Locks erase out, since a copy must not bring back removed lines; drops the copy of a killed run. */
static enum hs_result begin_repair(const struct verify *x, int *lock)
{
	enum hs_result r = hs_rewriter_lock(x->dir->run_dir, lock);

	if (r == HS_OK && hs_io_unlink(x->dir->run_dir, CLEAN) < 0 && errno != ENOENT)
		r = hs_io_result(errno);
	return r;
}

enum hs_result hs_verify(struct hs_segment *segments, struct hs_index *index, const struct hs_verifier *verifier,
                         struct hs_verified *found)
{
	struct verify *x = calloc(1, sizeof *x);
	enum hs_result r = HS_OK;
	int lock = -1;

	memset(found, 0, sizeof *found);
	if (x == NULL || !hs_dedup_key_maker_init(&x->key_maker)) {
		free(x);
		return HS_E_MEMORY;
	}
	x->dir = segments[0].dir;
	x->verifier = verifier;
	x->found = found;
	x->copy = (struct hs_rewrite_copy)HS_REWRITE_COPY_NONE;
	x->open.fd = -1;
	if (verifier->mend)
		r = begin_repair(x, &lock);
	for (int i = 0; i < HS_STREAMS && r == HS_OK; i++) {
		x->segment = &segments[i];
		x->index = i == HS_EVENTS ? index : NULL;
		r = check_with_index(x);
	}
	r = r == HS_OK ? check_erasures(x, verifier->mend) : r;
	r = r == HS_OK ? check_losses(x) : r;
	if (lock >= 0)
		hs_io_close(lock);
	hs_seen_ids_close(&x->seen);
	hs_dedup_key_maker_free(&x->key_maker);
	hs_json_free(&x->json);
	hs_line_reader_free(&x->lines);
	free(x);
	return r;
}
