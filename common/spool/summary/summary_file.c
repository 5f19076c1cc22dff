#include "spool/summary/summary_file.h"
#include "base/array.h"
#include "base/file_replace.h"
#include "base/log.h"
#include "event/top_counts.h"
#include "spool/file/gzip.h"
#include "spool/file/line_reader.h"
#include "spool/shared/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATH = sizeof HS_SUMMARY_DIR + HS_SUMMARY_NAME,
	ASK_LINES = 1 << 12,
	SETTLED_MS = 2000 /* a file that is younger may change again without a later time of change */
};

static void path_of(bool rejected, uint64_t number, char out[static PATH])
{
	char name[HS_SUMMARY_NAME];

	hs_summary_name(rejected, number, name);
	snprintf(out, PATH, HS_SUMMARY_DIR "/%s", name);
}

static const char *stream_of(bool rejected)
{
	return rejected ? "rejected" : "events";
}

/* --- reading ---------------------------------------------------------------------- */

static void let_go(struct hs_summary_reader *r)
{
	if (r->fd >= 0)
		hs_io_close(r->fd);
	r->fd = -1;
}

void hs_summary_close(struct hs_summary_reader *r)
{
	let_go(r);
	hs_buf_free(&r->part);
}

/* It is of no use to anybody: without it maintenance makes another. */
static void remove_damaged(int run_dir, const char *path, const char *fault)
{
	bool gone = hs_io_unlink(run_dir, path) == 0 || errno == ENOENT;

	hs_log(HS_LOG_WARN, "run/%s is %s: the segment is read instead; %shookspool maintain makes it anew", path,
	       fault, gone ? "" : "delete it, and ");
}

void hs_summary_discard(const struct hs_spool_dir *dir, bool rejected, uint64_t number)
{
	char path[PATH];

	path_of(rejected, number, path);
	remove_damaged(dir->run_dir, path, "damaged");
}

/* Why the summary is of no use; NULL: it may be. */
static const char *fault_of(struct hs_summary_reader *r, const struct hs_spool_dir *dir, bool rejected, uint64_t number)
{
	char head[sizeof r->head];
	struct stat st;
	ssize_t got = hs_io_read_at(r->fd, head, sizeof head, 0);

	if (got < 0 || hs_io_fstat(r->fd, &st) < 0)
		return "damaged, or of another version";
	r->file = hs_summary_file_of(&st);
	if (!hs_summary_decode(hs_slice(head, (size_t)got), (uint64_t)st.st_size, &r->head))
		return "damaged, or of another version";
	if (memcmp(r->head.spool, dir->history.id, sizeof r->head.spool) != 0)
		return "of another spool";
	return r->head.number == number && r->head.rejected == rejected ? NULL : "of another segment";
}

/* True if nobody has asked about the segment yet: tail -n asks twice. */
static bool is_first_asked(struct hs_summary_reader *r, uint64_t number)
{
	bool first = number < r->asked_from || number > r->asked_to;

	if (number < r->asked_from)
		r->asked_from = number;
	if (number > r->asked_to)
		r->asked_to = number;
	return first;
}

bool hs_summary_open(struct hs_summary_reader *r, const struct hs_spool_dir *dir, bool rejected, uint64_t number,
                     const struct stat *segment)
{
	char path[PATH];
	bool first = is_first_asked(r, number);
	const char *fault;

	let_go(r);
	path_of(rejected, number, path);
	r->run_dir = dir->run_dir;
	r->fd = hs_io_open_read(dir->run_dir, path);
	if (r->fd < 0)
		return false;
	fault = fault_of(r, dir, rejected, number);
	if (fault == NULL && hs_summary_fits(&r->head, segment))
		return true;
	if (fault != NULL)
		remove_damaged(dir->run_dir, path, fault);
	else if (first) /* the segment may have been edited just now, and this is its new summary */
		hs_log(HS_LOG_WARN,
		       "run/%s is of another file: the segment is read instead; hookspool maintain makes it anew",
		       path);
	let_go(r);
	return false;
}

bool hs_summary_is_before(struct hs_summary_reader *r, const struct hs_spool_dir *dir, const struct hs_sealed *list,
                          size_t count, size_t i, int64_t ms)
{
	struct hs_sealed sealed = list[i];
	struct stat st;

	if (sealed.sealed_ms >= ms)
		return false;
	if (hs_sealed_stat(dir->fd, "events", &sealed, &st) == 0 &&
	    hs_summary_open(r, dir, false, sealed.number, &st) && r->head.odd == 0)
		return r->head.last_spooled < ms;
	return hs_clock_is_before(dir->fd, "events", list, count, i, ms);
}

bool hs_summary_is_there(const struct hs_spool_dir *dir, bool rejected, uint64_t number, const struct stat *segment)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	char path[PATH];
	struct stat st;
	bool fits;

	path_of(rejected, number, path);
	if (hs_io_stat(dir->run_dir, path, &st) < 0)
		return false;
	r.fd = hs_io_open_read(dir->run_dir, path);
	fits = r.fd >= 0 && fault_of(&r, dir, rejected, number) == NULL && hs_summary_fits(&r.head, segment);
	hs_summary_close(&r);
	return fits;
}

struct hs_slice hs_summary_read(struct hs_summary_reader *r, enum hs_summary_kind kind)
{
	const struct hs_summary_part *part = r->fd < 0 ? NULL : hs_summary_find(&r->head, kind);
	char path[PATH], *to;
	ssize_t got;

	hs_buf_reset(&r->part);
	if (part == NULL)
		return HS_SLICE_NONE;
	to = hs_buf_reserve(&r->part, (size_t)part->bytes);
	if (to == NULL)
		return HS_SLICE_NONE;
	got = hs_io_read_at(r->fd, to, (size_t)part->bytes, part->offset);
	if (got != (ssize_t)part->bytes || hs_crc32(0, hs_slice(to, (size_t)got)) != part->crc) {
		path_of(r->head.rejected != 0, r->head.number, path);
		remove_damaged(r->run_dir, path, "damaged");
		return HS_SLICE_NONE;
	}
	r->part.n = (size_t)got;
	return hs_buf_slice(&r->part);
}

/* Names are counted with U+FFFD for a lone surrogate, but compared as they are. */
static bool has_surrogate(struct hs_slice text)
{
	for (size_t i = 0; i + 1 < text.n; i++)
		if ((unsigned char)text.p[i] == 0xED && (unsigned char)text.p[i + 1] >= 0xA0)
			return true;
	return false;
}

bool hs_summary_may_name(struct hs_summary_reader *r, const struct hs_subjects *people)
{
	struct hs_slice bloom = hs_summary_read(r, HS_SUMMARY_BLOOM);

	if (bloom.p == NULL)
		return true;
	for (size_t i = 0; i < people->count; i++)
		if (hs_summary_bloom_may_have(bloom,
		                              hs_summary_hash(hs_slice(people->list[i]->id, people->list[i]->n))))
			return true;
	return false;
}

bool hs_summary_may_have(struct hs_summary_reader *r, enum hs_summary_kind kind, struct hs_slice name)
{
	struct hs_slice part = hs_summary_read(r, kind), counted;
	struct hs_summary_counts counts;
	uint64_t records, bytes;
	int got;

	if (part.p == NULL || !hs_summary_counts_start(&counts, part) || counts.more_records > 0 || has_surrogate(name))
		return true;
	name = hs_top_counts_name(name);
	while ((got = hs_summary_counts_next(&counts, &counted, &records, &bytes)) > 0)
		if (hs_slice_eq(counted, name))
			return true;
	return got < 0;
}

/* --- writing --------------------------------------------------------------------------- */

/* The folder; -1 with errno. */
static int open_dir(const struct hs_spool_dir *dir)
{
	int fd = hs_io_open_dir(dir->run_dir, HS_SUMMARY_DIR);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (hs_io_make_dir(dir->run_dir, HS_SUMMARY_DIR, dir->settings->spool_mode == 0640 ? 0750 : 0700) < 0 &&
	    errno != EEXIST)
		return -1;
	return hs_io_open_dir(dir->run_dir, HS_SUMMARY_DIR);
}

static enum hs_result write_file(int folder, mode_t mode, const struct hs_summary *head, struct hs_slice parts,
                                 const char *writer)
{
	char name[HS_SUMMARY_NAME];
	struct hs_file_replace file = {
		.dir = folder, .name = name, .temporary_dir = folder, .temporary = writer, .mode = mode
	};
	enum hs_result r;

	hs_summary_name(head->rejected != 0, head->number, name);
	r = hs_file_replace_begin(&file);
	if (r != HS_OK)
		return r;
	if (hs_io_write_at(file.fd, (const char *)head, head->head_bytes, 0) < 0 ||
	    hs_io_write_at(file.fd, parts.p, parts.n, head->head_bytes) < 0)
		r = hs_io_result(errno);
	return hs_file_replace_end(&file, r);
}

enum hs_result hs_summary_write(const struct hs_spool_dir *dir, struct hs_summary_builder *b, const struct stat *file,
                                bool gzip, const struct stat *plain, const char *writer)
{
	struct hs_slice parts;
	struct hs_summary *head = hs_summary_builder_end(b, &parts);
	enum hs_result r;
	int folder;

	if (head == NULL)
		return HS_OK;
	*(gzip ? &head->gzip : &head->plain) = hs_summary_file_of(file);
	if (plain != NULL)
		head->plain = hs_summary_file_of(plain);
	hs_summary_seal(head);
	folder = open_dir(dir);
	if (folder < 0)
		return hs_io_result(errno);
	r = write_file(folder, (mode_t)dir->settings->spool_mode, head, parts, writer);
	hs_io_close(folder);
	return r;
}

/* The check sums cover the bytes, and the same lines give the same bytes. */
static bool has_parts_of(struct hs_summary_reader *r, const struct hs_summary *right)
{
	for (uint64_t i = 0; i < right->parts; i++) {
		enum hs_summary_kind kind = (enum hs_summary_kind)right->part[i].kind;
		const struct hs_summary_part *part = hs_summary_find(&r->head, kind);

		if (part == NULL || part->bytes != right->part[i].bytes || part->crc != right->part[i].crc ||
		    (part->bytes > 0 && hs_summary_read(r, kind).p == NULL))
			return false;
	}
	return r->head.parts == right->parts;
}

bool hs_summary_agrees(const struct hs_spool_dir *dir, struct hs_summary_builder *b, bool rejected, uint64_t number,
                       const struct stat *segment)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	struct hs_slice parts;
	const struct hs_summary *right = hs_summary_builder_end(b, &parts);
	bool agrees = true;

	if (right != NULL && hs_summary_open(&r, dir, rejected, number, segment))
		agrees = r.head.text_bytes == right->text_bytes && r.head.text_crc == right->text_crc &&
		         r.head.lines == right->lines && r.head.odd == right->odd &&
		         r.head.first_spooled == right->first_spooled && r.head.last_spooled == right->last_spooled &&
		         r.head.timed == right->timed && r.head.first_time == right->first_time &&
		         r.head.last_time == right->last_time && r.head.last_line == right->last_line &&
		         has_parts_of(&r, right);
	hs_summary_close(&r);
	return agrees;
}

enum hs_result hs_summary_remove(const struct hs_spool_dir *dir, bool rejected, uint64_t number)
{
	char path[PATH];

	path_of(rejected, number, path);
	return hs_io_unlink(dir->run_dir, path) == 0 || errno == ENOENT ? HS_OK : hs_io_result(errno);
}

/* --- making what is missing --------------------------------------------------------------- */

static bool must_stop(const struct hs_summary_maker *m)
{
	return m->stop != NULL && m->stop(m->context);
}

/* Reads all lines into the builder. False: stopped. */
static bool read_lines(const struct hs_summary_maker *m, struct hs_line_reader *lines, struct hs_summary_builder *b)
{
	struct hs_slice line;
	int got;

	for (unsigned n = 0; (got = hs_line_reader_next(lines, &line)) > 0; n++) {
		hs_summary_builder_line(b, line, got == 1);
		if (n % ASK_LINES == 0 && must_stop(m))
			return false;
	}
	if (got < 0 && errno == EILSEQ)
		hs_summary_builder_damage(b); /* otherwise each maintenance would read it again */
	else if (got < 0)
		hs_summary_builder_fail(b);
	return true;
}

/* True if the segment still has this file. */
static bool is_still(const struct hs_spool_dir *dir, bool rejected, const struct hs_sealed *sealed,
                     const struct stat *st)
{
	struct hs_summary_file now, before = hs_summary_file_of(st);
	char name[HS_SEALED_NAME];
	struct stat now_st;

	hs_sealed_print(stream_of(rejected), sealed, name);
	if (hs_io_stat(dir->fd, name, &now_st) < 0)
		return false;
	now = hs_summary_file_of(&now_st);
	return memcmp(&now, &before, sizeof now) == 0;
}

/* Makes the summary of the segment in `fd`, whose status before reading is `st`. */
static enum hs_result make_one(struct hs_summary_maker *m, bool rejected, const struct hs_sealed *sealed, int fd,
                               const struct stat *st)
{
	struct hs_summary_builder *b = hs_summary_builder_new(m->dir->history.id, rejected, sealed->number);
	struct hs_line_reader lines = { .fd = -1 };
	enum hs_result r = b == NULL ? HS_E_MEMORY : hs_line_reader_start_file(&lines, fd, sealed->gzip, 0, UINT64_MAX);

	if (r == HS_OK && read_lines(m, &lines, b)) {
		r = hs_io_sync_data(fd) < 0 ? HS_E_SYNC : HS_OK; /* see hs_summary_is_there */
		if (r == HS_OK)
			r = hs_summary_write(m->dir, b, st, sealed->gzip, NULL, HS_SUMMARY_BY_MAINTENANCE);
		if (!is_still(m->dir, rejected, sealed, st)) /* edited while it was read: it may name what is gone */
			r = hs_summary_remove(m->dir, rejected, sealed->number);
		else
			*m->made += r == HS_OK;
	}
	hs_line_reader_free(&lines);
	hs_summary_builder_free(b);
	return r;
}

/* --- what need not be opened again ---------------------------------------------------------- */

/* True if the pass before found the pair to fit, and neither file has changed since. */
static bool is_seen(const struct hs_summary_maker *m, bool rejected, const struct hs_summary_seen *before,
                    const struct hs_summary_pair *now)
{
	size_t i = hs_array_from(before->pair, before->count, sizeof *now, now->number);
	struct hs_summary_pair pair = *now;
	struct stat st;
	char path[PATH];

	if (i == before->count || before->pair[i].number != now->number)
		return false;
	path_of(rejected, now->number, path);
	if (hs_io_stat(m->dir->run_dir, path, &st) < 0)
		return false;
	pair.summary = hs_summary_file_of(&st);
	return memcmp(&before->pair[i], &pair, sizeof pair) == 0;
}

static bool is_settled(const struct hs_summary_file *file)
{
	return file->changed_ns / 1000000 < hs_io_now() - SETTLED_MS;
}

/* Without memory for it the next pass opens the files again. */
static void remember(struct hs_summary_seen *seen, const struct hs_summary_pair *pair)
{
	if (is_settled(&pair->segment) && is_settled(&pair->summary) &&
	    HS_ARRAY_ROOM(&seen->pair, seen->count, &seen->room))
		seen->pair[seen->count++] = *pair;
}

/* Takes what the pass before saw out of the maker, and starts anew. */
static struct hs_summary_seen begin_seen(struct hs_summary_maker *m)
{
	const char *spool = m->dir->history.id;
	struct hs_summary_seen before = { 0 };

	if (m->seen == NULL)
		return before;
	before = *m->seen;
	if (memcmp(before.spool, spool, sizeof before.spool) != 0)
		before.count = 0;
	*m->seen = (struct hs_summary_seen){ 0 };
	memcpy(m->seen->spool, spool, sizeof m->seen->spool);
	return before;
}

/* --- a pass over a stream --------------------------------------------------------------------- */

/* Makes a summary for the segment's file as it is now. */
static enum hs_result make_now(struct hs_summary_maker *m, bool rejected, struct hs_sealed *sealed)
{
	int fd = hs_sealed_open(m->dir->fd, stream_of(rejected), sealed);
	enum hs_result r = HS_OK;
	struct stat st;

	if (fd < 0)
		return HS_OK; /* it has gone, or its reader reports it */
	if (hs_io_fstat(fd, &st) == 0)
		r = make_one(m, rejected, sealed, fd, &st);
	hs_io_close(fd);
	return r;
}

static enum hs_result look_at(struct hs_summary_maker *m, bool rejected, struct hs_sealed *sealed,
                              struct hs_summary_reader *reader, const struct hs_summary_seen *before)
{
	struct hs_summary_pair pair = { .number = sealed->number };
	struct stat st;

	if (hs_sealed_stat(m->dir->fd, stream_of(rejected), sealed, &st) < 0)
		return HS_OK; /* as in make_now */
	pair.segment = hs_summary_file_of(&st);
	if (is_seen(m, rejected, before, &pair)) {
		remember(m->seen, &before->pair[hs_array_from(before->pair, before->count, sizeof pair, pair.number)]);
		return HS_OK;
	}
	if (!hs_summary_open(reader, m->dir, rejected, sealed->number, &st))
		return make_now(m, rejected, sealed);
	pair.summary = reader->file;
	if (m->seen != NULL)
		remember(m->seen, &pair);
	return HS_OK;
}

struct sweep {
	const struct hs_sealed *list;
	size_t count;
	bool rejected;
	int folder;
};

static bool is_listed(const struct sweep *s, uint64_t number)
{
	size_t i = hs_array_from(s->list, s->count, sizeof *s->list, number);

	return i < s->count && s->list[i].number == number;
}

static bool sweep_one(void *context, const char *name)
{
	const struct sweep *s = context;
	uint64_t number;
	bool rejected;

	if (hs_summary_name_parse(name, &rejected, &number) && rejected == s->rejected && !is_listed(s, number))
		hs_io_unlink(s->folder, name); /* the next time, if it fails */
	return true;
}

/* Removes the summaries of segments that are gone. */
static void sweep(const struct hs_spool_dir *dir, bool rejected, const struct hs_sealed *list, size_t count)
{
	struct sweep s = { list, count, rejected, hs_io_open_dir(dir->run_dir, HS_SUMMARY_DIR) };

	if (s.folder < 0)
		return;
	hs_io_list(s.folder, sweep_one, &s);
	hs_io_close(s.folder);
}

enum hs_result hs_summary_make_missing(struct hs_summary_maker *m, bool rejected, uint64_t open_number)
{
	struct hs_summary_reader reader = HS_SUMMARY_READER_NONE;
	struct hs_sealed *list;
	struct hs_summary_seen before;
	size_t count;
	enum hs_result r = hs_sealed_list(m->dir->fd, stream_of(rejected), &list, &count);

	if (r != HS_OK)
		return r;
	before = begin_seen(m);
	for (size_t i = 0; i < count && r == HS_OK && list[i].number < open_number && !must_stop(m); i++)
		if ((i == 0 || list[i].number != list[i - 1].number) && list[i].sealed_ms >= m->since_ms)
			r = look_at(m, rejected, &list[i], &reader, &before);
	sweep(m->dir, rejected, list, count);
	hs_summary_close(&reader);
	free(before.pair);
	free(list);
	return r;
}
