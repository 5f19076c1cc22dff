#include "spool/admin/erase_requests.h"
#include "base/array.h"
#include "base/file_replace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char INFIX[] = "@erase-";
static const char ERASE_NEW[] = ".@erase"; /* no loader has this name */
enum { PLAN_MOST = 1 << 30 };

/* Opens the folder. -1: there is none, or errno tells. */
static int open_folder(int private_dir)
{
	return hs_io_open_dir(private_dir, HS_LOADS_FOLDER);
}

/* --- the list ----------------------------------------------------------------- */

struct listing {
	int folder;
	struct hs_erase_request *list; /* of requests; NULL with `markers` */
	size_t count, cap;
	bool markers;
	enum hs_result result;
};

/* Divides a request's name. False: it is none. */
static bool read_name(const char *name, struct hs_erase_request *request)
{
	const char *infix = strstr(name, INFIX);
	size_t n = infix == NULL ? 0 : (size_t)(infix - name);

	if (n == 0 || n > HS_CURSOR_NAME_MAX || strlen(name) >= sizeof request->name)
		return false;
	snprintf(request->name, sizeof request->name, "%s", name);
	snprintf(request->database, sizeof request->database, "%.*s", (int)n, name);
	return hs_cursor_is_name(request->database);
}

static bool note(void *context, const char *name)
{
	struct listing *l = context;
	struct hs_erase_request request = { .since_ms = 0 };
	struct stat st;

	if (l->markers && hs_cursor_is_name(name))
		snprintf(request.database, sizeof request.database, "%s", name);
	else if (l->markers || !read_name(name, &request))
		return true;
	else if (hs_io_stat(l->folder, name, &st) == 0)
		request.since_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	else if (errno == ENOENT) /* carried out just now */
		return true;
	else
		l->result = HS_E_IO;
	if (l->result == HS_OK && !HS_ARRAY_ROOM(&l->list, l->count, &l->cap))
		l->result = HS_E_MEMORY;
	if (l->result == HS_OK)
		l->list[l->count++] = request;
	return l->result == HS_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct hs_erase_request *x = a, *y = b;
	int order = strcmp(x->database, y->database);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static enum hs_result list(int private_dir, bool markers, struct hs_erase_request **found, size_t *count)
{
	struct listing l = { .folder = open_folder(private_dir), .markers = markers };

	*found = NULL;
	*count = 0;
	if (l.folder < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	if (hs_io_list(l.folder, note, &l) < 0)
		l.result = HS_E_IO;
	hs_io_close(l.folder);
	if (l.result != HS_OK) {
		free(l.list);
		return l.result;
	}
	if (l.count > 0)
		qsort(l.list, l.count, sizeof *l.list, by_name);
	*found = l.list;
	*count = l.count;
	return HS_OK;
}

enum hs_result hs_erase_requests_list(int private_dir, struct hs_erase_request **found, size_t *count)
{
	return list(private_dir, false, found, count);
}

/* --- writing -------------------------------------------------------------------- */

/* A plan's text. HS_OK, HS_E_IO (errno is ENOENT if it is gone) or HS_E_MEMORY. */
static enum hs_result read_text(int private_dir, const char *plan, struct hs_buf *text)
{
	int fd = hs_io_open_read(private_dir, plan);
	struct stat st;
	enum hs_result r = HS_E_IO;
	char *to;

	if (fd < 0)
		return r;
	hs_buf_reset(text);
	if (hs_io_fstat(fd, &st) == 0 && st.st_size <= PLAN_MOST) {
		to = hs_buf_reserve(text, (size_t)st.st_size);
		if (to == NULL)
			r = HS_E_MEMORY;
		else if (hs_io_read_at(fd, to, (size_t)st.st_size, 0) == st.st_size)
			r = HS_OK;
		text->n = r == HS_OK ? (size_t)st.st_size : 0;
	}
	hs_io_close(fd);
	return r;
}

static enum hs_result put(int folder, const char *database, const char *id, const char *temporary, struct hs_slice text)
{
	char name[HS_ERASE_REQUEST_NAME];

	snprintf(name, sizeof name, "%s%s%s", database, INFIX, id);
	return hs_file_replace_text(folder, name, temporary, 0600, text);
}

/* Whether the plan is about people whom loaders do not know from delete events. */
static bool is_news(const struct hs_subjects *people)
{
	for (size_t i = 0; i < people->count; i++)
		if (!people->list[i]->deleted || people->list[i]->derived)
			return true;
	return false;
}

/* Writes the text for each marker; `told` may be NULL. */
static enum hs_result put_all(int private_dir, const struct hs_erase_request *marker, size_t count, const char *id,
                              struct hs_slice text, void (*told)(void *context, const char *database), void *context)
{
	int folder = open_folder(private_dir);
	enum hs_result r = folder < 0 ? HS_E_IO : HS_OK;

	for (size_t i = 0; i < count && r == HS_OK; i++) {
		r = put(folder, marker[i].database, id, ERASE_NEW, text);
		if (r == HS_OK && told != NULL)
			told(context, marker[i].database);
	}
	if (folder >= 0)
		hs_io_close(folder);
	return r;
}

enum hs_result hs_erase_requests_put(const struct hs_spool_dir *dir, const struct hs_erase_plan *plan,
                                     void (*told)(void *context, const char *database), void *context)
{
	struct hs_buf text = { 0 };
	struct hs_erase_request *marker;
	size_t count;
	enum hs_result r = list(dir->private_dir, true, &marker, &count);

	if (r == HS_OK && count > 0 && is_news(plan->people)) {
		r = read_text(dir->private_dir, plan->name, &text);
		if (r == HS_OK)
			r = put_all(dir->private_dir, marker, count, plan->id, hs_buf_slice(&text), told, context);
	}
	hs_buf_free(&text);
	free(marker);
	return r;
}

enum hs_result hs_erase_requests_put_late(const struct hs_spool_dir *dir, const struct hs_erase_plan *plan)
{
	struct hs_buf text = { 0 };
	struct hs_erase_plan late;
	struct hs_erase_request *marker;
	size_t count;
	enum hs_result r = list(dir->private_dir, true, &marker, &count);

	if (r == HS_OK && count > 0)
		r = !hs_erase_plan_put_late(plan, &late, &text)
		        ? HS_E_MEMORY
		        : put_all(dir->private_dir, marker, count, late.id, hs_buf_slice(&text), NULL, NULL);
	hs_buf_free(&text);
	free(marker);
	return r;
}

/* --- the marker ------------------------------------------------------------------ */

struct marking {
	int private_dir, folder;
	const char *database, *temporary;
	struct hs_buf text; /* of a file */
	enum hs_result result;
};

#define LOADED "loaded"  /* and a space and the place, which a marker of an earlier build lacks */
#define TENANT "tenant " /* and the label, in the second line */

/* The first line of a text, which it takes away. */
static struct hs_slice next_line(struct hs_slice *text)
{
	const char *end = text->n == 0 ? NULL : memchr(text->p, '\n', text->n);
	size_t n = end == NULL ? text->n : (size_t)(end - text->p);
	struct hs_slice line = hs_slice(text->p, n);

	*text = end == NULL ? HS_SLICE_NONE : hs_slice(end + 1, text->n - n - 1);
	return line;
}

/* The part of a line after the word; n == 0: it has not that word. */
static struct hs_slice after_word(struct hs_slice line, struct hs_slice word)
{
	return line.n > word.n && memcmp(line.p, word.p, word.n) == 0 ? hs_slice(line.p + word.n, line.n - word.n)
	                                                              : HS_SLICE_NONE;
}

/* The label as a marker has it. */
static struct hs_slice label_of(const char *tenant)
{
	return tenant[0] == '\0' ? HS_SLICE("-") : hs_slice_str(tenant);
}

/* Makes the marker, unless it is there and tells the same. */
static enum hs_result put_marker(struct marking *m, const struct hs_erase_marker *marker, struct hs_buf *before)
{
	struct hs_buf mark = { 0 };
	struct hs_slice there, place;
	enum hs_result r = read_text(m->folder, m->database, &m->text);

	there = r == HS_OK ? hs_buf_slice(&m->text) : HS_SLICE_NONE;
	hs_buf_printf(&mark, LOADED " %.*s\n", (int)marker->place.n, marker->place.p);
	if (marker->tenant != NULL)
		hs_buf_printf(&mark, TENANT "%.*s\n", (int)label_of(marker->tenant).n, label_of(marker->tenant).p);
	if (r == HS_E_MEMORY || !hs_buf_ok(&mark)) {
		r = HS_E_MEMORY;
	} else if (hs_slice_eq(there, hs_buf_slice(&mark))) {
		r = HS_OK;
	} else {
		place = after_word(next_line(&there), HS_SLICE(LOADED " "));
		if (!hs_slice_eq(place, marker->place))
			hs_buf_put_slice(before, place);
		r = hs_file_replace_text(m->folder, m->database, m->temporary, 0600, hs_buf_slice(&mark));
	}
	hs_buf_free(&mark);
	return r;
}

/* Reads the marker of this name; one that has gone meanwhile is no other. HS_OK, HS_E_IO or HS_E_MEMORY. */
static enum hs_result compare(int folder, const char *database, const struct hs_erase_marker *marker, bool *is_other)
{
	struct hs_buf text = { 0 };
	enum hs_result r = read_text(folder, database, &text);
	struct hs_slice there = r == HS_OK ? hs_buf_slice(&text) : HS_SLICE_NONE;
	struct hs_slice place = after_word(next_line(&there), HS_SLICE(LOADED " "));
	struct hs_slice tenant = after_word(next_line(&there), HS_SLICE(TENANT));

	*is_other = tenant.n > 0 && hs_slice_eq(place, marker->place) && !hs_slice_eq(tenant, label_of(marker->tenant));
	hs_buf_free(&text);
	return r == HS_E_IO && errno == ENOENT ? HS_OK : r;
}

enum hs_result hs_erase_requests_find_other(int private_dir, const struct hs_erase_marker *marker, struct hs_buf *other)
{
	struct hs_erase_request *there;
	size_t count;
	enum hs_result r;
	int folder;

	if (marker->tenant == NULL)
		return HS_OK;
	r = list(private_dir, true, &there, &count);
	if (r != HS_OK || count == 0)
		return r;
	folder = open_folder(private_dir);
	r = folder < 0 ? HS_E_IO : HS_OK;
	for (size_t i = 0; i < count && r == HS_OK && other->n == 0; i++) {
		bool is_other;

		r = compare(folder, there[i].database, marker, &is_other);
		if (r == HS_OK && is_other)
			hs_buf_put_slice(other, hs_slice_str(there[i].database));
	}
	if (folder >= 0)
		hs_io_close(folder);
	free(there);
	return r == HS_OK && !hs_buf_ok(other) ? HS_E_MEMORY : r;
}

/* A plan that is damaged is left to the next erase, which says so; one that is gone was carried out. */
static void take_plan(void *context, const char *plan)
{
	struct marking *m = context;
	struct hs_subjects people;
	struct hs_erase_plan read = { .people = &people };

	if (m->result != HS_OK)
		return;
	hs_subjects_init(&people, 0);
	m->result = hs_erase_plan_read_copy(m->private_dir, plan, &read);
	if (m->result == HS_OK && is_news(&people))
		m->result = read_text(m->private_dir, plan, &m->text);
	if (m->result == HS_OK && is_news(&people))
		m->result = put(m->folder, m->database, read.id, m->temporary, hs_buf_slice(&m->text));
	else if (m->result == HS_E_IO && (errno == EILSEQ || errno == ENOENT))
		m->result = HS_OK;
	hs_subjects_free(&people);
}

static enum hs_result make_folder(int private_dir)
{
	if (hs_io_make_dir(private_dir, HS_LOADS_FOLDER, 0700) < 0)
		return errno == EEXIST ? HS_OK : hs_io_result(errno);
	return hs_io_sync_dir(private_dir) < 0 ? HS_E_SYNC : HS_OK;
}

bool hs_erase_requests_is_marked(int private_dir, const char *database)
{
	char path[sizeof HS_LOADS_FOLDER + 1 + HS_CURSOR_NAME_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", HS_LOADS_FOLDER, database);
	return hs_io_stat(private_dir, path, &st) == 0;
}

enum hs_result hs_erase_requests_mark(const struct hs_spool_dir *dir, const struct hs_erase_marker *marker,
                                      struct hs_buf *before)
{
	const char *database = marker->database;
	char temporary[HS_CURSOR_NAME_MAX + 2];
	struct marking m = { .private_dir = dir->private_dir, .database = database, .temporary = temporary };

	snprintf(temporary, sizeof temporary, ".%s", database);
	m.result = make_folder(dir->private_dir);
	if (m.result != HS_OK)
		return m.result;
	m.folder = open_folder(dir->private_dir);
	if (m.folder < 0)
		return HS_E_IO;
	m.result = put_marker(&m, marker, before);
	if (m.result == HS_OK) {
		enum hs_result r = hs_erase_plan_list(dir->private_dir, take_plan, &m);

		m.result = m.result == HS_OK ? r : m.result;
	}
	hs_buf_free(&m.text);
	hs_io_close(m.folder);
	return m.result;
}

/* --- carried out ------------------------------------------------------------------- */

enum hs_result hs_erase_requests_read(int private_dir, const char *name, struct hs_erase_plan *plan)
{
	int folder = open_folder(private_dir);
	enum hs_result r;

	if (folder < 0)
		return HS_E_IO;
	r = hs_erase_plan_read_copy(folder, name, plan);
	hs_io_close(folder);
	return r;
}

static enum hs_result remove_file(int private_dir, const char *name)
{
	int folder = open_folder(private_dir);
	bool gone;

	if (folder < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	gone = (hs_io_unlink(folder, name) == 0 || errno == ENOENT) && hs_io_sync_dir(folder) == 0;
	hs_io_close(folder);
	return gone ? HS_OK : HS_E_IO;
}

enum hs_result hs_erase_requests_remove(int private_dir, const char *name)
{
	return remove_file(private_dir, name);
}

enum hs_result hs_erase_requests_forget(int private_dir, const char *database, size_t *dropped)
{
	struct hs_erase_request *request;
	size_t count;
	enum hs_result r = remove_file(private_dir, database); /* first, so that no request is written any more */

	*dropped = 0;
	if (r == HS_OK)
		r = hs_erase_requests_list(private_dir, &request, &count);
	if (r != HS_OK)
		return r;
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (strcmp(request[i].database, database) == 0) {
			r = remove_file(private_dir, request[i].name);
			*dropped += r == HS_OK;
		}
	free(request);
	return r;
}
