#include "spool/erase.h"
#include "base/io.h"
#include "base/log.h"
#include "event/subject_match.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_plan.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/retention.h"
#include "spool/admin/suppression_list.h"
#include "spool/admin/verify.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/file_writer.h"
#include "spool/file/line_reader.h"
#include "spool/position/cursor.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	WAIT_MS = 70000, /* a person waits, not a sender; more than rotate_min_gap */
	ATTEMPTS = 20,   /* at a file that somebody replaces meanwhile */
	GO_ON_LINES = 8192,
	IDS_AT_ONCE = 4096,
};
static const char COPY[] = "erase-copy";

enum sort { EVENTS, REJECTED, FAILED, PRIVATE };

/* A file to go through. */
struct file {
	enum sort sort;
	bool open;               /* the open segment; only looked at */
	struct hs_sealed sealed; /* of EVENTS and REJECTED */
	char name[HS_SEALED_NAME + 8];
};

/* The clean copy in the making. */
struct copy {
	int fd; /* -1: none */
	struct hs_file_writer writer;
	struct hs_range *removed;
	size_t count, cap;
	uint64_t kept; /* lines */
};

struct erase {
	struct hs_spool *spool;
	const struct hs_settings *settings;
	const struct hs_eraser *how;
	struct hs_erasure *done;
	struct hs_subjects *subjects; /* of the plan at hand */
	struct hs_subject_matcher matcher;
	struct hs_links links;
	struct hs_opened_spool opened;
	const struct hs_spool_dir *dir;
	struct hs_rewrite_log *rewrites;
	struct file *file;
	size_t files, cap;
	uint64_t next; /* the first segment of new data */
	uint64_t all_bytes, done_bytes;

	/* the file at hand */
	const struct file *at_hand;
	int fd;
	uint64_t inode;
	struct hs_line_reader lines, prefix;
	struct copy copy;
	uint64_t removed;         /* lines of it */
	struct hs_tombstone *ids; /* of lines on their way out; room for IDS_AT_ONCE */
	size_t id_count;

	struct hs_json json;
	struct hs_buf text;
	struct hs_dedup_key_maker identifier;
	struct hs_mark passed; /* what every cursor has passed */
};

static bool must_stop(struct erase *x)
{
	const struct hs_eraser *how = x->how;

	if (how->go_on != NULL && !how->go_on(how->context, x->done_bytes, x->all_bytes))
		x->done->stopped = true;
	return x->done->stopped;
}

/* --- the files, in the order in which they are gone through ----------------------- */

static enum hs_result add_file(struct erase *x, const struct file *f)
{
	size_t cap = x->cap == 0 ? 64 : x->cap * 2;

	if (x->files == x->cap) {
		struct file *file = realloc(x->file, cap * sizeof *file);

		if (file == NULL)
			return HS_E_MEMORY;
		x->file = file;
		x->cap = cap;
	}
	x->file[x->files++] = *f;
	return HS_OK;
}

static const char *stream_of(enum sort sort)
{
	return sort == REJECTED ? "rejected" : "events";
}

static enum hs_result add_stream(struct erase *x, enum sort sort)
{
	struct hs_sealed *list;
	size_t count;
	uint64_t newest = 0;
	struct file open = { .sort = sort, .open = true };
	enum hs_result r = hs_sealed_list(x->dir->fd, stream_of(sort), &list, &count);

	for (size_t i = 0; i < count && r == HS_OK; i++) {
		struct file f = { .sort = sort, .sealed = list[i] };

		newest = list[i].number;
		if (i > 0 && list[i].number == list[i - 1].number)
			continue; /* a .gz beside its plain one, which counts */
		hs_sealed_print(stream_of(sort), &list[i], f.name);
		r = add_file(x, &f);
	}
	free(list);
	if (sort == EVENTS)
		x->next = newest + 1;
	if (r != HS_OK || !x->how->look_only)
		return r;
	open.sealed.number = newest + 1;
	snprintf(open.name, sizeof open.name, "%s.jsonl", stream_of(sort));
	return add_file(x, &open);
}

struct listing {
	struct erase *x;
	enum sort sort;
	enum hs_result result;
};

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), m = strlen(with);

	return n >= m && strcmp(name + n - m, with) == 0;
}

static bool add_named(void *context, const char *name)
{
	struct listing *l = context;
	struct file f = { .sort = l->sort };
	bool ours = l->sort == FAILED ? begins(name, "failed") &&
					    (ends(name, ".jsonl") || ends(name, ".jsonl.gz"))
				      : begins(name, "broken-") || strcmp(name, "torn") == 0;

	if (!ours || strlen(name) >= sizeof f.name)
		return true;
	memcpy(f.name, name, strlen(name) + 1);
	f.sealed.gzip = ends(name, ".gz");
	l->result = add_file(l->x, &f);
	return l->result == HS_OK;
}

static int dir_of(const struct erase *x, const struct file *f)
{
	return f->sort == PRIVATE ? x->dir->private_dir : x->dir->fd;
}

/* The events last, and in their order: see the header. */
static enum hs_result list_files(struct erase *x)
{
	struct listing failed = { x, FAILED, HS_OK }, broken = { x, PRIVATE, HS_OK };
	enum hs_result r = add_stream(x, REJECTED);
	struct stat st;

	if (r == HS_OK && (hs_io_list(x->dir->fd, add_named, &failed) < 0 ||
			   hs_io_list(x->dir->private_dir, add_named, &broken) < 0))
		r = HS_E_IO;
	if (r == HS_OK)
		r = failed.result != HS_OK ? failed.result : broken.result;
	if (r == HS_OK)
		r = add_stream(x, EVENTS);
	for (size_t i = 0; i < x->files; i++)
		if (hs_io_stat(dir_of(x, &x->file[i]), x->file[i].name, &st) == 0)
			x->all_bytes += (uint64_t)st.st_size;
	return r;
}

/* --- going through a file ----------------------------------------------------------- */

static bool start_lines(struct hs_line_reader *lines, int fd, bool gzip)
{
	if (gzip)
		return hs_line_reader_start_gzip(lines, fd, 0);
	hs_line_reader_start(lines, fd, 0, UINT64_MAX);
	return true;
}

/* Opens the file at hand; it may have become a .gz meanwhile. fd is -1 if it is gone. */
static enum hs_result open_file(struct erase *x, struct file *f)
{
	struct stat st;

	x->at_hand = f;
	x->fd = hs_io_open_plain(dir_of(x, f), f->name);
	if (x->fd < 0 && errno == HS_IO_NOT_PLAIN) {
		hs_log(HS_LOG_WARN, "%s is no plain file and is passed over: move it out of the spool", f->name);
		return HS_OK;
	}
	if (x->fd < 0 && errno == ENOENT && f->sort <= REJECTED && !f->open && !f->sealed.gzip) {
		f->sealed.gzip = true;
		hs_sealed_print(stream_of(f->sort), &f->sealed, f->name);
		return open_file(x, f);
	}
	if (x->fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (hs_io_fstat(x->fd, &st) < 0)
		return HS_E_IO;
	x->inode = (uint64_t)st.st_ino;
	return start_lines(&x->lines, x->fd, f->sealed.gzip) ? HS_OK : HS_E_MEMORY;
}

static void close_file(struct erase *x)
{
	if (x->fd >= 0)
		hs_io_close(x->fd);
	x->fd = -1;
}

/* A line of the file at hand; `whole`: a newline ends it. */
typedef enum hs_result visit_line(struct erase *x, struct hs_slice line, struct hs_mark at,
				  bool whole);

/* HS_OK also at damage; then *damaged. */
static enum hs_result each_line(struct erase *x, visit_line *visit, bool *damaged)
{
	uint64_t before = x->done_bytes, count = 0;
	enum hs_result r = HS_OK;
	int more = 0;

	while (r == HS_OK && !x->done->stopped) {
		struct hs_mark at = { x->at_hand->sealed.number, x->lines.at };
		struct hs_slice line;

		more = hs_line_reader_next(&x->lines, &line);
		if (more <= 0 || (more == 2 && x->at_hand->open)) /* just being written */
			break;
		r = visit(x, line, at, more == 1);
		if (++count % GO_ON_LINES == 0) {
			x->done_bytes = before + hs_line_reader_read(&x->lines);
			must_stop(x);
		}
	}
	x->done_bytes = before;
	*damaged = r == HS_OK && more < 0 && errno == EILSEQ;
	return r == HS_OK && more < 0 && errno != EILSEQ ? errno == ENOMEM ? HS_E_MEMORY : HS_E_IO
							 : r;
}

/* Every line of the events. */
static enum hs_result each_event(struct erase *x, visit_line *visit)
{
	enum hs_result r = HS_OK;
	bool damaged;

	for (size_t i = 0; i < x->files && r == HS_OK && !x->done->stopped; i++) {
		if (x->file[i].sort != EVENTS)
			continue;
		r = open_file(x, &x->file[i]);
		if (r == HS_OK && x->fd >= 0)
			r = each_line(x, visit, &damaged);
		close_file(x);
	}
	return r;
}

/* --- whom? --------------------------------------------------------------------------- */

struct least {
	struct erase *x;
	struct hs_mark mark;
	enum hs_result result;
};

static bool take_least(void *context, const struct hs_cursor_info *info)
{
	struct least *l = context;
	struct hs_position p = info->position;

	if (info->damaged)
		memset(&p, 0, sizeof p);
	else
		l->result = hs_rewrite_log_translate(l->x->rewrites, &p);
	if (p.number < l->mark.number || (p.number == l->mark.number && p.offset < l->mark.offset))
		l->mark = (struct hs_mark){ p.number, p.offset };
	return l->result == HS_OK;
}

/* Whoever carries deletes on, to a warehouse say, must have seen them before they go. */
static enum hs_result find_passed(struct erase *x)
{
	struct least l = { x, { UINT64_MAX, UINT64_MAX }, HS_OK };
	enum hs_result r = hs_rewrite_log_share(x->rewrites);

	if (r != HS_OK)
		return r;
	r = hs_cursor_list(x->dir->private_dir, take_least, &l);
	hs_rewrite_log_release(x->rewrites);
	x->passed = l.mark;
	return r == HS_OK ? l.result : r;
}

static bool is_of_wanted_tenant(const struct erase *x, const struct hs_named *named)
{
	return x->how->tenant == NULL || hs_slice_eq(hs_slice_str(x->how->tenant), named->tenant);
}

static enum hs_result add_deleted(struct erase *x, const struct hs_named *named,
				  struct hs_mark behind)
{
	struct hs_subject who = { .kind = HS_SUBJECT_USER,
				  .before = behind,
				  .until_ms = named->spooled_ms };
	struct hs_buf tenant = { 0 };
	bool ok;

	hs_buf_reset(&x->text);
	hs_buf_put_slice(&tenant, named->tenant);
	hs_buf_putc(&tenant, '\0');
	ok = hs_subject_text(named->json, named->user, &x->text) && hs_buf_ok(&tenant);
	who.id = x->text.p;
	who.n = x->text.n;
	who.tenant = tenant.p;
	if (ok && hs_is_placeholder(hs_buf_slice(&x->text))) {
		x->done->placeholders++; /* one customer's bug is not everybody's wish */
	} else if (ok && who.n > 0) {
		ok = hs_subjects_add(x->subjects, &who, NULL);
		x->done->deletes++;
	}
	hs_buf_free(&tenant);
	return ok || (hs_buf_ok(&x->text) && who.n == 0) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result look_for_delete(struct erase *x, struct hs_slice line, struct hs_mark at,
				      bool whole)
{
	/* type comes first, its bytes as they were sent */
	static const char begin[] = "{\"type\":\"delete\"";
	struct hs_mark behind = { at.number, at.offset + line.n + whole };
	struct hs_named named;
	enum hs_result r;

	if (line.n < sizeof begin || memcmp(line.p, begin, sizeof begin - 1) != 0)
		return HS_OK;
	r = hs_json_document(&x->json, line);
	if (r != HS_OK)
		return r == HS_E_MEMORY ? r : HS_OK;
	hs_named_in_record(&named, &x->json, 0);
	if (!is_of_wanted_tenant(x, &named))
		return HS_OK;
	if (behind.number > x->passed.number ||
	    (behind.number == x->passed.number && behind.offset > x->passed.offset)) {
		x->done->waiting++;
		return HS_OK;
	}
	return add_deleted(x, &named, behind);
}

static enum hs_result look_for_link(struct erase *x, struct hs_slice line, struct hs_mark at,
				    bool whole)
{
	(void)whole;
	x->done->too_many |= x->links.ids.count > HS_ERASE_SUBJECTS_MAX;
	if (x->done->too_many)
		return HS_OK;
	return hs_links_find(&x->links, line, at) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result check_links(struct erase *x, struct hs_slice line, struct hs_mark at,
				  bool whole)
{
	(void)at;
	(void)whole;
	return hs_links_check(&x->links, line) ? HS_OK : HS_E_MEMORY;
}

static enum hs_result follow_links(struct erase *x)
{
	enum hs_result r = each_event(x, look_for_link);

	if (r == HS_OK && x->links.ids.count > 0 && !x->done->stopped && !x->done->too_many)
		r = each_event(x, check_links);
	if (r != HS_OK || x->done->stopped || x->done->too_many)
		return r;
	if (!hs_links_settle(&x->links))
		return HS_E_MEMORY;
	for (size_t i = 0; i < x->links.ids.count && x->how->tell_link != NULL; i++)
		x->how->tell_link(x->how->context, &x->links.list[i]);
	return HS_OK;
}

static enum hs_result find_subjects(struct erase *x)
{
	enum hs_result r = HS_OK;

	if (x->how->from_deletes)
		r = find_passed(x);
	if (r == HS_OK && x->how->from_deletes)
		r = each_event(x, look_for_delete);
	if (r == HS_OK && x->how->aliases && x->subjects->count <= HS_ERASE_SUBJECTS_MAX)
		r = follow_links(x);
	x->done->too_many |= x->subjects->count > HS_ERASE_SUBJECTS_MAX;
	return r;
}

/* --- the clean copy ---------------------------------------------------------------------- */

static enum hs_result check_space(const struct erase *x)
{
	struct hs_space space;
	struct stat st;

	if (hs_io_fstat(x->fd, &st) < 0 || hs_io_space(x->dir->fd, &space) < 0)
		return HS_E_IO;
	return space.bytes < (uint64_t)st.st_size + (uint64_t)x->settings->min_free ? HS_E_FULL
										    : HS_OK;
}

static enum hs_result put_line(struct erase *x, struct hs_slice line, bool whole)
{
	x->copy.kept++;
	/* its '\n' stands behind it */
	return hs_file_writer_put(&x->copy.writer, hs_slice(line.p, line.n + whole));
}

/* A new copy, with what stands before `until`. */
static enum hs_result begin_copy(struct erase *x, uint64_t until)
{
	enum hs_result r = check_space(x);
	struct hs_slice line;
	int more = 1;

	if (r != HS_OK)
		return r;
	hs_io_unlink(x->dir->run_dir, COPY);
	x->copy.fd = hs_io_make(x->dir->run_dir, COPY, (mode_t)x->settings->spool_mode);
	if (x->copy.fd < 0)
		return hs_io_result(errno);
	r = hs_file_writer_start(&x->copy.writer, x->copy.fd, x->at_hand->sealed.gzip);
	if (r == HS_OK && !start_lines(&x->prefix, x->fd, x->at_hand->sealed.gzip))
		r = HS_E_MEMORY;
	while (r == HS_OK && x->prefix.at < until && (more = hs_line_reader_next(&x->prefix, &line)) == 1)
		r = put_line(x, line, true);
	return r == HS_OK && more != 1 ? HS_E_IO : r;
}

static void drop_copy(struct erase *x)
{
	if (x->copy.fd >= 0) {
		hs_io_close(x->copy.fd);
		hs_io_unlink(x->dir->run_dir, COPY);
	}
	hs_file_writer_free(&x->copy.writer);
	free(x->copy.removed);
	memset(&x->copy, 0, sizeof x->copy);
	x->copy.fd = -1;
}

static enum hs_result add_range(struct copy *c, uint64_t offset, uint64_t bytes)
{
	struct hs_range *last = c->count == 0 ? NULL : &c->removed[c->count - 1];
	size_t cap = c->cap == 0 ? 16 : c->cap * 2;

	if (last != NULL && last->offset + last->bytes == offset) {
		last->bytes += bytes;
		return HS_OK;
	}
	if (c->count == c->cap) {
		struct hs_range *removed = realloc(c->removed, cap * sizeof *removed);

		if (removed == NULL)
			return HS_E_MEMORY;
		c->removed = removed;
		c->cap = cap;
	}
	c->removed[c->count++] = (struct hs_range){ offset, bytes };
	return HS_OK;
}

static enum hs_result put_ids(struct erase *x)
{
	enum hs_result r = hs_tombstones_put(x->dir->private_dir, x->ids, x->id_count);

	x->id_count = 0;
	return r;
}

/* The event's id is to be known for ever; early is no harm, it is known now anyway. */
static enum hs_result note_id(struct erase *x, struct hs_slice line)
{
	struct hs_tombstone *id = &x->ids[x->id_count];
	bool known;
	int64_t ms;
	enum hs_result r;

	if (x->at_hand->sort != EVENTS || x->settings->dedup_window == 0)
		return HS_OK;
	r = hs_dedup_key_of_line(&x->identifier, &x->json, line, &known, &id->id, &ms);
	if (r == HS_E_MEMORY)
		return r;
	if (r != HS_OK || !known)
		return HS_OK;
	id->spooled_s = (uint32_t)((ms > 0 ? ms : hs_io_now()) / 1000);
	return ++x->id_count == IDS_AT_ONCE ? put_ids(x) : HS_OK;
}

static enum hs_result clean_line(struct erase *x, struct hs_slice line, struct hs_mark at,
				 bool whole)
{
	int found = x->at_hand->sort == EVENTS ? hs_subject_match_event(&x->matcher, line, &at)
					       : hs_subject_match_other(&x->matcher, line);
	enum hs_result r = HS_OK;

	if (found < 0)
		return HS_E_MEMORY;
	x->removed += found > 0;
	if (x->how->look_only)
		return HS_OK;
	if (found == 0)
		return x->copy.fd < 0 ? HS_OK : put_line(x, line, whole);
	if (x->copy.fd < 0)
		r = begin_copy(x, at.offset);
	if (r == HS_OK)
		r = add_range(&x->copy, at.offset, line.n + whole);
	return r == HS_OK ? note_id(x, line) : r;
}

/* Of a file that has no positions; nobody writes to it now. */
static enum hs_result replace_plainly(struct erase *x)
{
	int dir = dir_of(x, x->at_hand);

	if (hs_io_rename(x->dir->run_dir, COPY, dir, x->at_hand->name) < 0 ||
	    hs_io_sync_dir(dir) < 0)
		return HS_E_IO;
	return HS_OK;
}

static enum hs_result replace(struct erase *x)
{
	struct hs_rewrite edit = {
		.stream = stream_of(x->at_hand->sort),
		.sealed = x->at_hand->sealed,
		.inode = x->inode,
		.copy = COPY,
		.removed = x->copy.removed,
		.count = x->copy.count,
	};
	enum hs_result r = hs_file_writer_end(&x->copy.writer);

	if (r == HS_OK)
		r = put_ids(x);
	if (r != HS_OK)
		return r;
	return x->at_hand->sort <= REJECTED ? hs_rewrite_log_replace(x->rewrites, &edit)
					    : replace_plainly(x);
}

/* --- one file after the other ----------------------------------------------------------- */

/* What was found in a file counts once it is gone from it. */
static void settle_counts(struct erase *x, bool gone)
{
	bool is_event = x->at_hand->sort == EVENTS;

	for (size_t i = 0; i < x->subjects->count; i++) {
		struct hs_subject *who = x->subjects->list[i];

		if (gone)
			*(is_event ? &who->events : &who->others) += who->pending;
		who->pending = 0;
	}
	if (gone) {
		*(is_event                       ? &x->done->events
		  : x->at_hand->sort == REJECTED ? &x->done->rejected
						 : &x->done->others) += x->removed;
		x->done->files++;
	}
}

/* Takes the lock of failed.jsonl. *lock is -1 if the file at hand needs none, and at failure. */
static enum hs_result keep_writers_out(const struct erase *x, const struct file *f, int *lock)
{
	*lock = -1;
	if (f->sort != FAILED || x->how->look_only)
		return HS_OK;
	return hs_dead_letters_lock(x->dir, lock);
}

static enum hs_result clean_opened(struct erase *x, const struct file *f)
{
	bool damaged = false, gone;
	enum hs_result r = each_line(x, clean_line, &damaged);

	if (damaged) {
		x->done->damaged++;
		hs_log(HS_LOG_ERROR, "erase: %s%s is damaged and stays as it is: %s",
		       f->sort == PRIVATE ? ".hookspool/" : "", f->name,
		       f->sort == PRIVATE ? "delete it when you have looked at it"
					  : "run hookspool repair first");
	}
	gone = r == HS_OK && !damaged && !x->done->stopped && x->removed > 0;
	if (gone && !x->how->look_only)
		r = replace(x);
	if (x->removed > 0)
		settle_counts(x, gone && r == HS_OK);
	drop_copy(x);
	return r;
}

static enum hs_result clean_once(struct erase *x, struct file *f)
{
	int lock;
	enum hs_result r = keep_writers_out(x, f, &lock);

	x->removed = x->id_count = 0;
	if (r == HS_OK)
		r = open_file(x, f);
	if (r == HS_OK && x->fd >= 0)
		r = clean_opened(x, f);
	close_file(x);
	if (lock >= 0)
		hs_io_close(lock);
	return r;
}

static enum hs_result clean_all(struct erase *x)
{
	enum hs_result r = HS_OK;

	for (size_t i = 0; i < x->files && r == HS_OK && !must_stop(x); i++) {
		struct stat st;

		if (hs_io_stat(dir_of(x, &x->file[i]), x->file[i].name, &st) < 0)
			st.st_size = 0;
		for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
			r = clean_once(x, &x->file[i]);
			if (!hs_result_is(r, HS_CLASS_BUSY))
				break;
		}
		x->done_bytes += (uint64_t)st.st_size;
	}
	return r;
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Whatever is sealed is in the index: from now on it need not be read for its ids. */
static enum hs_result catch_up(struct erase *x)
{
	struct hs_index *index = hs_index_new(x->dir, x->settings->spool_dir);
	int64_t deadline = hs_io_now_monotonic() + WAIT_MS;
	struct hs_segment events;
	enum hs_result r;

	if (index == NULL)
		return HS_E_MEMORY;
	hs_segment_init(&events, x->dir, HS_EVENTS);
	r = hs_segment_lock(&events, deadline);
	if (r == HS_OK) {
		r = hs_segment_prepare(&events, 0, deadline);
		if (r == HS_OK)
			r = hs_index_follow(index, &events, INT64_MAX);
		hs_segment_unlock(&events);
	}
	hs_index_free(index);
	hs_segment_close(&events);
	return r;
}

static enum hs_result seal(struct erase *x)
{
	enum hs_result r = hs_spool_rotate(x->spool, hs_io_now_monotonic() + WAIT_MS);

	return r == HS_OK && x->settings->dedup_window > 0 ? catch_up(x) : r;
}

static enum hs_result put_receipts(struct erase *x, const struct hs_erase_plan *plan, const char *state)
{
	struct hs_erasure_entry receipt = { state, plan->from_deletes ? "delete" : "command",
				      plan->suppress };

	return hs_erasure_log_put(x->dir, plan->people, &receipt);
}

/* Steps 3 to 5 of the header, of a plan that is written; `again`: a run has begun with it. */
static enum hs_result carry_out(struct erase *x, const struct hs_erase_plan *plan, bool again)
{
	enum hs_result r = HS_OK;

	x->subjects = x->matcher.subjects = plan->people;
	x->done_bytes = x->done->damaged = 0;
	x->done->unfinished = true;
	if (plan->suppress)
		r = hs_suppression_list_add(x->dir, plan->people);
	if (r == HS_OK && !again)
		r = put_receipts(x, plan, "begun");
	if (r == HS_OK)
		r = clean_all(x);
	if (r != HS_OK || x->done->stopped || x->done->damaged > 0)
		return r;
	r = put_receipts(x, plan, "done");
	if (r == HS_OK)
		r = hs_erase_plan_remove(x->dir->private_dir, plan->name);
	x->done->unfinished = r != HS_OK;
	return r;
}

/* --- what earlier runs have left ---------------------------------------------------------- */

static enum hs_result finish_plan(struct erase *x, const char *name)
{
	struct hs_erasure *done = x->done;
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	enum hs_result r;

	hs_subjects_init(&people, hs_io_random());
	r = hs_erase_plan_read(x->dir, x->rewrites, name, &plan);
	if (r == HS_OK)
		r = carry_out(x, &plan, true);
	done->plans_people += people.count;
	done->plans_lines += done->events + done->rejected + done->others;
	done->events = done->rejected = done->others = done->files = 0;
	x->subjects = x->matcher.subjects = x->how->subjects;
	hs_subjects_free(&people);
	return r;
}

struct unfinished {
	struct erase *x;
	bool any; /* stays so */
	enum hs_result result;
};

static void take_plan(void *context, const char *name)
{
	struct unfinished *u = context;

	if (u->result != HS_OK || u->x->done->stopped)
		return;
	u->x->done->plans++;
	u->x->done->unfinished = true;
	if (!u->x->how->look_only)
		u->result = finish_plan(u->x, name);
	u->any |= u->x->done->unfinished;
}

static enum hs_result finish_plans(struct erase *x, bool *any_left)
{
	struct unfinished u = { x, false, HS_OK };
	enum hs_result r = hs_erase_plan_list(x->dir->private_dir, take_plan, &u);

	*any_left = x->done->unfinished = u.any;
	return r == HS_OK ? u.result : r;
}

static enum hs_result work(struct erase *x)
{
	struct hs_erase_plan plan = { .from_deletes = x->how->from_deletes,
				.suppress = x->how->suppress,
				.people = x->subjects };
	bool any_left = false;
	enum hs_result r = x->how->look_only ? HS_OK : seal(x);

	if (r == HS_OK)
		r = list_files(x);
	if (r == HS_OK)
		r = finish_plans(x, &any_left);
	if (r == HS_OK && !x->done->stopped)
		r = find_subjects(x);
	if (r != HS_OK || x->done->too_many || x->done->stopped || x->subjects->count == 0)
		return r;
	if (x->how->look_only)
		return clean_all(x);
	r = hs_erase_plan_write(x->dir, x->rewrites, x->next, &plan);
	if (r == HS_OK)
		r = carry_out(x, &plan, false);
	x->done->unfinished |= any_left;
	return r;
}

static bool is_gone(int dir, const char *name)
{
	return hs_io_unlink(dir, name) == 0 || errno == ENOENT;
}

/*
 * What a kill left of the work of others: copies of lines, in no list. Who repairs has the
 * lock that we hold; who compresses has one of its own, and its copy is void after ours.
 */
static enum hs_result drop_leftovers(const struct erase *x)
{
	int dir = x->dir->run_dir, lock;
	bool gone;

	if (x->how->look_only)
		return HS_OK;
	lock = hs_io_open_or_make(dir, HS_RETENTION_LOCK, 0600);
	if (lock < 0)
		return hs_io_result(errno);
	gone = hs_erase_plan_drop_unwritten(x->dir->private_dir) == HS_OK && is_gone(dir, COPY) &&
	       is_gone(dir, HS_VERIFY_COPY) &&
	       (hs_io_lock(lock, LOCK_EX | LOCK_NB) < 0 || is_gone(dir, HS_RETENTION_COPY));
	hs_io_close(lock);
	return gone ? HS_OK : HS_E_IO;
}

static enum hs_result work_alone(struct erase *x)
{
	int lock;
	enum hs_result r = hs_rewriter_lock(x->dir->run_dir, &lock);

	x->done->busy = r == HS_E_LOCKED;
	if (r != HS_OK)
		return x->done->busy ? HS_OK : r;
	r = drop_leftovers(x);
	if (r == HS_OK)
		r = hs_rewrite_log_open(x->dir, &x->rewrites);
	if (r == HS_OK)
		r = work(x);
	hs_rewrite_log_close(x->rewrites);
	hs_io_close(lock);
	return r;
}

static void free_all(struct erase *x)
{
	hs_links_free(&x->links);
	free(x->file);
	free(x->ids);
	hs_line_reader_free(&x->lines);
	hs_line_reader_free(&x->prefix);
	hs_json_free(&x->json);
	hs_subject_matcher_free(&x->matcher);
	hs_buf_free(&x->text);
	hs_dedup_key_maker_free(&x->identifier);
}

enum hs_result hs_erase(struct hs_spool *spool, const struct hs_settings *settings,
			const struct hs_eraser *eraser, struct hs_erasure *done)
{
	struct erase x = { .spool = spool,
			   .settings = settings,
			   .how = eraser,
			   .done = done,
			   .subjects = eraser->subjects,
			   .matcher.subjects = eraser->subjects,
			   .fd = -1,
			   .copy.fd = -1 };
	enum hs_result r;

	memset(done, 0, sizeof *done);
	hs_links_init(&x.links, eraser->subjects, hs_io_random());
	x.ids = malloc(IDS_AT_ONCE * sizeof *x.ids);
	r = hs_dedup_key_maker_init(&x.identifier) && x.ids != NULL ? HS_OK : HS_E_MEMORY;
	if (r == HS_OK)
		r = hs_spool_dir_open(&x.opened, settings, !eraser->look_only);
	if (r == HS_OK) {
		x.dir = &x.opened.dir;
		r = work_alone(&x);
		hs_spool_dir_close(&x.opened);
	}
	free_all(&x);
	return r;
}
