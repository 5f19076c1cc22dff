#include "spool/position/cursor.h"
#include "base/file_replace.h"
#include "base/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	HEAD_MAX = 768, /* most bytes of all but the users, and of one user */
	TEXT_MAX = HEAD_MAX + HS_CURSOR_HELD * 96,
	FILE_NAME = HS_CURSOR_NAME_MAX + 2, /* its NUL included */
	/*
	 * Another process may hold the lock for a moment, to see whether it is held; and a child that a
	 * killed holder was starting has its descriptors until it executes its program.
	 */
	HOLD_MS = 1000,
};
static const char DIRECTORY[] = "cursors";

bool hs_cursor_is_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(name);

	return n > 0 && n <= HS_CURSOR_NAME_MAX && name[0] != '.' && strspn(name, allowed) == n;
}

/* --- its file ------------------------------------------------------------- */

static void print_ahead(struct hs_buf *out, const struct hs_ahead *a)
{
	char text[HEAD_MAX];

	snprintf(text, sizeof text, ",\"ahead\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "],\"hash\":%d,\"held\":[",
	         a->to.number, a->to.offset, a->to.edit, HS_CURSOR_HASH);
	hs_buf_put_slice(out, hs_slice_str(text));
	for (size_t i = 0; i < a->count; i++) {
		const struct hs_held_user *h = &a->held[i];

		snprintf(text, sizeof text, "%s[\"%016" PRIx64 "\",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
		         i == 0 ? "" : ",", h->user, h->from.number, h->from.offset, h->from.edit);
		hs_buf_put_slice(out, hs_slice_str(text));
	}
	hs_buf_putc(out, ']');
}

static void print_stream(struct hs_buf *out, const struct hs_cursor_stream *s)
{
	char time[HS_TIMESTAMP_TEXT + 1];

	hs_buf_printf(out,
	              ",\"stream\":{\"created\":\"%s\",\"receiver\":\"%s\",\"sequence\":%" PRIu64 ",\"own\":%" PRIu64
	              ",\"back\":%" PRIu64 "}",
	              s->created, s->receiver, s->sequence, s->own, s->back);
	hs_buf_printf(out, ",\"kept\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", s->kept.number, s->kept.offset,
	              s->kept.edit);
	if (s->next.number == 0)
		return;
	hs_timestamp_text(s->next_ms, time);
	hs_buf_printf(out, ",\"next\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",\"%s\"]", s->next.number, s->next.offset,
	              s->next.edit, time);
}

static void print(struct hs_buf *out, struct hs_position p, const struct hs_history *h, const struct hs_ahead *a,
                  const struct hs_cursor_stream *s)
{
	char now[HS_TIMESTAMP_TEXT + 1], text[HEAD_MAX];

	hs_timestamp_text(hs_io_now(), now);
	snprintf(text, sizeof text,
	         "{\"number\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"edit\":%" PRIu64 ",\"before\":\"%016" PRIx64
	         "\",\"spool\":\"%s\",\"epoch\":%" PRIu64 ",\"saved_at\":\"%s\"",
	         p.number, p.offset, p.edit, p.before, h->id, h->epoch, now);
	hs_buf_put_slice(out, hs_slice_str(text));
	if (a != NULL && a->to.number != 0)
		print_ahead(out, a);
	if (s->created[0] != '\0')
		print_stream(out, s);
	hs_buf_put_slice(out, HS_SLICE("}\n"));
}

/* The contents of a cursor's file. */
struct saved {
	struct hs_position position;
	struct hs_history history;
	int64_t ms;
	struct hs_cursor_stream stream;
	struct hs_ahead ahead;
};

/* Returns the text after it; NULL if it is malformed. */
static const char *parse_held(const char *text, struct hs_ahead *a)
{
	for (int end; *text != ']'; text += end) {
		struct hs_held_user h = { 0 };

		end = 0;
		if (a->count > 0 && *text++ != ',')
			return NULL;
		if (a->count == HS_CURSOR_HELD ||
		    sscanf(text, "[\"%16" SCNx64 "\",%" SCNu64 ",%" SCNu64 ",%" SCNu64 "]%n", &h.user, &h.from.number,
		           &h.from.offset, &h.from.edit, &end) != 4 ||
		    end == 0)
			return NULL;
		a->held[a->count++] = h;
	}
	return text + 1;
}

/* As parse_held. Leaves nothing in *a if the users' hashes are of another version. */
static const char *parse_ahead(const char *text, struct hs_ahead *a)
{
	static const char held[] = ",\"held\":[";
	uint64_t hash = 1;
	int end = 0;

	sscanf(text, ",\"ahead\":[%" SCNu64 ",%" SCNu64 ",%" SCNu64 "]%n", &a->to.number, &a->to.offset, &a->to.edit,
	       &end);
	if (end == 0)
		return NULL;
	text += end;
	end = 0;
	sscanf(text, ",\"hash\":%" SCNu64 "%n", &hash, &end);
	text += end;
	if (strncmp(text, held, strlen(held)) != 0)
		return NULL;
	text = parse_held(text + strlen(held), a);
	if (hash != HS_CURSOR_HASH)
		*a = (struct hs_ahead){ .count = 0 };
	return text;
}

/* As parse_held. */
static const char *parse_next(const char *text, struct hs_cursor_stream *s)
{
	char time[HS_TIMESTAMP_TEXT + 1];
	int end = 0;

	sscanf(text, ",\"next\":[%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",\"%24[^\"]\"]%n", &s->next.number, &s->next.offset,
	       &s->next.edit, time, &end);
	return end == 0 || !hs_timestamp_parse(hs_slice_str(time), &s->next_ms) ? NULL : text + end;
}

/* Returns the text after it; NULL if it is malformed. */
static const char *parse_stream(const char *text, struct hs_cursor_stream *s)
{
	int end = 0;

	sscanf(text,
	       ",\"stream\":{\"created\":\"%39[^\"]\",\"receiver\":\"%15[^\"]\",\"sequence\":%" SCNu64
	       ",\"own\":%" SCNu64 ",\"back\":%" SCNu64 "},\"kept\":[%" SCNu64 ",%" SCNu64 ",%" SCNu64 "]%n",
	       s->created, s->receiver, &s->sequence, &s->own, &s->back, &s->kept.number, &s->kept.offset,
	       &s->kept.edit, &end);
	if (end == 0)
		return NULL;
	text += end;
	return *text == ',' ? parse_next(text, s) : text;
}

static bool parse(const char *text, struct saved *s)
{
	struct hs_position *p = &s->position;
	char saved[HS_TIMESTAMP_TEXT + 1];
	int end = 0;

	memset(s, 0, sizeof *s);
	if (sscanf(text,
	           "{\"number\":%" SCNu64 ",\"offset\":%" SCNu64 ",\"edit\":%" SCNu64 ",\"before\":\"%16" SCNx64
	           "\",\"spool\":\"%32[0-9a-f]\",\"epoch\":%" SCNu64 ",\"saved_at\":\"%24[^\"]\"%n",
	           &p->number, &p->offset, &p->edit, &p->before, s->history.id, &s->history.epoch, saved, &end) != 7 ||
	    end == 0 || !hs_timestamp_parse(hs_slice_str(saved), &s->ms))
		return false;
	text += end;
	if (strncmp(text, ",\"ahead\"", 8) == 0)
		text = parse_ahead(text, &s->ahead);
	if (text != NULL && *text == ',')
		text = parse_stream(text, &s->stream);
	return text != NULL && strcmp(text, "}\n") == 0;
}

/* HS_OK; HS_E_CURSOR: it is damaged; HS_E_IO, with errno ENOENT if there is none. */
static enum hs_result load(int dir, const char *name, struct saved *s)
{
	char text[TEXT_MAX];
	int fd = hs_io_open_read(dir, name), saved;
	ssize_t got;

	memset(s, 0, sizeof *s);
	if (fd < 0)
		return HS_E_IO;
	got = hs_io_read_at(fd, text, sizeof text - 1, 0);
	saved = errno;
	hs_io_close(fd);
	errno = saved;
	if (got < 0)
		return HS_E_IO;
	text[got] = '\0';
	return parse(text, s) ? HS_OK : HS_E_CURSOR;
}

/* --- holding it ----------------------------------------------------------- */

struct hs_cursor {
	const struct hs_spool_dir *spool_dir;
	int dir, lock_fd;
	struct saved saved;
	char name[FILE_NAME], copy[FILE_NAME]; /* no cursor's name has a '~' */
};

static enum hs_result open_directory(const struct hs_spool_dir *spool_dir, int *dir)
{
	if (hs_io_make_dir(spool_dir->private_dir, DIRECTORY, hs_spool_dir_mode(spool_dir->settings)) == 0) {
		if (hs_io_sync_dir(spool_dir->private_dir) < 0)
			return HS_E_IO;
	} else if (errno != EEXIST) {
		return hs_io_result(errno);
	}
	*dir = hs_io_open_dir(spool_dir->private_dir, DIRECTORY);
	return *dir < 0 ? hs_io_result(errno) : HS_OK;
}

/* The process id of the holder, to show to people; 0: not known. */
static int64_t read_holder(int fd)
{
	char text[32];
	ssize_t got = hs_io_read_at(fd, text, sizeof text - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	return strtoll(text, NULL, 10);
}

static enum hs_result hold(struct hs_cursor *c, int64_t *holder)
{
	char lock[FILE_NAME + 1], pid[32];

	snprintf(lock, sizeof lock, ".%s", c->name);
	c->lock_fd = hs_io_open_or_make(c->dir, lock, (mode_t)c->spool_dir->settings->spool_mode);
	if (c->lock_fd < 0)
		return hs_io_result(errno);
	if (hs_io_lock_within(c->lock_fd, LOCK_EX, HOLD_MS) < 0) {
		if (errno != EWOULDBLOCK)
			return HS_E_IO;
		*holder = read_holder(c->lock_fd);
		return HS_E_CURSOR_HELD;
	}
	snprintf(pid, sizeof pid, "%-20lld\n", (long long)getpid()); /* of one length: nothing to cut */
	return hs_io_write_at(c->lock_fd, pid, strlen(pid), 0) < 0 ? hs_io_result(errno) : HS_OK;
}

static enum hs_result open_held(const struct hs_spool_dir *spool_dir, const char *name, bool anew,
                                struct hs_cursor **cursor, bool *fresh, int64_t *holder)
{
	struct hs_cursor *c;
	enum hs_result result;

	*cursor = NULL;
	*fresh = false;
	*holder = 0;
	if (!hs_cursor_is_name(name))
		return HS_E_CURSOR;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return HS_E_MEMORY;
	c->spool_dir = spool_dir;
	c->dir = c->lock_fd = -1;
	snprintf(c->name, sizeof c->name, "%s", name);
	snprintf(c->copy, sizeof c->copy, "%s~", name);
	result = open_directory(spool_dir, &c->dir);
	if (result == HS_OK)
		result = hold(c, holder);
	if (result == HS_OK) {
		result = load(c->dir, name, &c->saved);
		*fresh = (result == HS_E_IO && errno == ENOENT) || (anew && result == HS_E_CURSOR);
	}
	if (result != HS_OK && !*fresh) {
		hs_cursor_close(c);
		return result;
	}
	if (*fresh)
		c->saved.history = spool_dir->history;
	*cursor = c;
	return HS_OK;
}

enum hs_result hs_cursor_open(const struct hs_spool_dir *spool_dir, const char *name, struct hs_cursor **cursor,
                              bool *fresh, int64_t *holder)
{
	return open_held(spool_dir, name, false, cursor, fresh, holder);
}

enum hs_result hs_cursor_open_anew(const struct hs_spool_dir *spool_dir, const char *name, struct hs_cursor **cursor,
                                   int64_t *holder)
{
	bool fresh;

	return open_held(spool_dir, name, true, cursor, &fresh, holder);
}

void hs_cursor_close(struct hs_cursor *c)
{
	if (c == NULL)
		return;
	if (c->lock_fd >= 0)
		hs_io_close(c->lock_fd);
	if (c->dir >= 0)
		hs_io_close(c->dir);
	free(c);
}

struct hs_position hs_cursor_position(const struct hs_cursor *c)
{
	return c->saved.position;
}

static bool is_same(const struct hs_history *a, const struct hs_history *b)
{
	return strcmp(a->id, b->id) == 0 && a->epoch == b->epoch;
}

bool hs_cursor_is_foreign(const struct hs_cursor *c)
{
	return !is_same(&c->saved.history, &c->spool_dir->history);
}

const struct hs_ahead *hs_cursor_ahead(const struct hs_cursor *c)
{
	return &c->saved.ahead;
}

const struct hs_cursor_stream *hs_cursor_stream(const struct hs_cursor *c)
{
	return &c->saved.stream;
}

void hs_cursor_set_stream(struct hs_cursor *c, const struct hs_cursor_stream *stream)
{
	c->saved.stream = *stream;
}

enum hs_result hs_cursor_save_ahead(struct hs_cursor *c, struct hs_position position, const struct hs_ahead *ahead)
{
	struct hs_buf text = { 0 };
	enum hs_result result;

	print(&text, position, &c->spool_dir->history, ahead, &c->saved.stream);
	result = hs_buf_ok(&text)
	             ? hs_file_replace_text(c->dir, c->name, c->copy, (mode_t)c->spool_dir->settings->spool_mode,
	                                    hs_buf_slice(&text))
	             : HS_E_MEMORY;
	hs_buf_free(&text);
	if (result == HS_OK) {
		c->saved.position = position;
		c->saved.history = c->spool_dir->history;
		c->saved.ahead = ahead != NULL ? *ahead : (struct hs_ahead){ 0 };
	}
	return result;
}

enum hs_result hs_cursor_save(struct hs_cursor *c, struct hs_position position)
{
	return hs_cursor_save_ahead(c, position, NULL);
}

enum hs_result hs_cursor_remove(const struct hs_spool_dir *spool_dir, const char *name)
{
	int dir = hs_io_open_dir(spool_dir->private_dir, DIRECTORY);
	bool ok = dir >= 0 && (hs_io_unlink(dir, name) == 0 || errno == ENOENT) && hs_io_sync_dir(dir) == 0;

	if (dir >= 0)
		hs_io_close(dir);
	return ok ? HS_OK : HS_E_IO;
}

/* --- all of them ---------------------------------------------------------- */

struct list {
	int dir;
	bool (*each)(void *context, const struct hs_cursor_info *info);
	void *context;
};

static bool is_held(int dir, const char *name, int64_t *holder)
{
	char lock[FILE_NAME + 1];
	bool held;
	int fd;

	snprintf(lock, sizeof lock, ".%s", name);
	fd = hs_io_open_read(dir, lock);
	if (fd < 0)
		return false;
	held = hs_io_lock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK; /* another error tells of no holder */
	*holder = held ? read_holder(fd) : 0;
	hs_io_close(fd);
	return held;
}

static bool list_one(void *context, const char *name)
{
	struct list *l = context;
	struct hs_cursor_info info = { .name = name };
	struct saved saved;
	enum hs_result result;

	if (!hs_cursor_is_name(name))
		return true;
	result = load(l->dir, name, &saved);
	if (result == HS_E_IO && errno == ENOENT) /* removed just now */
		return true;
	info.error = result == HS_E_IO ? errno : 0;
	info.position = saved.position;
	info.kept = saved.position.number;
	if (saved.stream.kept.number > 0 && saved.stream.kept.number < info.kept)
		info.kept = saved.stream.kept.number;
	info.history = saved.history;
	info.saved_ms = saved.ms;
	info.damaged = result != HS_OK;
	info.held = is_held(l->dir, name, &info.holder);
	return l->each(l->context, &info);
}

enum hs_result hs_cursor_list(int private_dir, bool (*each)(void *context, const struct hs_cursor_info *info),
                              void *context)
{
	struct list l = { hs_io_open_dir(private_dir, DIRECTORY), each, context };
	int listed;

	if (l.dir < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	listed = hs_io_list(l.dir, list_one, &l);
	hs_io_close(l.dir);
	return listed < 0 ? HS_E_IO : HS_OK;
}

static bool lowest(void *context, const struct hs_cursor_info *info)
{
	uint64_t *number = context, needs = info->damaged ? 0 : info->kept;

	if (needs < *number)
		*number = needs;
	return true;
}

enum hs_result hs_cursor_oldest(int private_dir, uint64_t *number)
{
	*number = UINT64_MAX;
	return hs_cursor_list(private_dir, lowest, number);
}

struct furthest {
	const struct hs_history *history;
	struct hs_position *at;
};

static bool furthest(void *context, const struct hs_cursor_info *info)
{
	const struct hs_position *p = &info->position;
	const struct furthest *f = context;
	struct hs_position *at = f->at;

	if (!info->damaged && is_same(&info->history, f->history) &&
	    (p->number > at->number || (p->number == at->number && p->offset > at->offset)))
		*at = *p;
	return true;
}

enum hs_result hs_cursor_newest(const struct hs_spool_dir *spool_dir, struct hs_position *at)
{
	struct furthest f = { &spool_dir->history, at };

	*at = (struct hs_position){ 0 };
	return hs_cursor_list(spool_dir->private_dir, furthest, &f);
}
