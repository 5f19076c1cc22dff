#include "spool/admin/erase_plan.h"
#include "base/array.h"
#include "base/file_replace.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char NEW[] = HS_ERASE_PLAN_PREFIX "-new";
enum { PLANS_MAX = 1000000, CHECK_TEXT = 32 };
#define CHECK "{\"check\":\"%016" PRIx64 "\"}"

/* --- names -------------------------------------------------------------------- */

static void print_name(unsigned number, char name[static HS_ERASE_PLAN_NAME])
{
	snprintf(name, HS_ERASE_PLAN_NAME, HS_ERASE_PLAN_PREFIX "-%u", number);
}

/* The number in a plan's name; PLANS_MAX for an unfinished one; 0: not a plan. */
static unsigned number_of(const char *name)
{
	char spelling[HS_ERASE_PLAN_NAME];
	unsigned number = 0;

	if (strcmp(name, NEW) == 0)
		return PLANS_MAX;
	if (sscanf(name, HS_ERASE_PLAN_PREFIX "-%6u", &number) != 1)
		return 0;
	print_name(number, spelling);
	return strcmp(name, spelling) == 0 ? number : 0;
}

struct numbers {
	unsigned *list;
	size_t count, cap;
	bool failed;
};

static bool note_number(void *context, const char *name)
{
	struct numbers *all = context;
	unsigned number = number_of(name);

	if (number == 0)
		return true;
	all->failed = !HS_ARRAY_ROOM(&all->list, all->count, &all->cap);
	if (!all->failed)
		all->list[all->count++] = number;
	return !all->failed;
}

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

static enum hs_result find_numbers(int private_dir, struct numbers *all)
{
	if (hs_io_list(private_dir, note_number, all) < 0)
		return HS_E_IO;
	if (all->count > 0)
		qsort(all->list, all->count, sizeof *all->list, compare);
	return all->failed ? HS_E_MEMORY : HS_OK;
}

enum hs_result hs_erase_plan_list(int private_dir, void (*each)(void *context, const char *name), void *context)
{
	struct numbers all = { 0 };
	enum hs_result r = find_numbers(private_dir, &all);

	for (size_t i = 0; i < all.count && r == HS_OK; i++) {
		char name[HS_ERASE_PLAN_NAME];

		print_name(all.list[i], name);
		each(context, all.list[i] == PLANS_MAX ? NEW : name);
	}
	free(all.list);
	return r;
}

/* The name after the last plan. */
static enum hs_result find_name(int private_dir, char name[static HS_ERASE_PLAN_NAME])
{
	struct numbers all = { 0 };
	enum hs_result r = find_numbers(private_dir, &all);
	unsigned last = 0;

	for (size_t i = 0; i < all.count; i++)
		if (all.list[i] < PLANS_MAX)
			last = all.list[i];
	free(all.list);
	print_name(last + 1, name);
	return r;
}

/* --- writing ------------------------------------------------------------------------ */

static void put_head(struct hs_buf *out, const struct hs_erase_plan *plan, int64_t now)
{
	struct hs_json_writer w = { .out = out };
	char text[HS_TIMESTAMP_TEXT + 1];

	hs_timestamp_text(now, text);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_uint(&w, "plan", 1);
	hs_json_writer_text(&w, "name", hs_slice_str(plan->id));
	hs_json_writer_text(&w, "spool", hs_slice_str(plan->spool));
	hs_json_writer_text(&w, "by", plan->from_deletes ? HS_SLICE("delete") : HS_SLICE("command"));
	hs_json_writer_bool(&w, "suppress", plan->suppress);
	hs_json_writer_text(&w, "planned_at", hs_slice_str(text));
	hs_json_writer_uint(&w, "next", plan->next);
	hs_json_writer_uint(&w, "sealed_ms", (uint64_t)plan->sealed_ms);
	hs_json_writer_uint(&w, "people", plan->people->count);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
}

static void put_person(struct hs_buf *out, const struct hs_subject *who, struct hs_position before, int64_t until_ms)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "kind", who->kind == HS_SUBJECT_USER ? HS_SLICE("user") : HS_SLICE("anonymous"));
	hs_json_writer_hex(&w, "id", hs_slice(who->id, who->n));
	if (who->tenant != NULL)
		hs_json_writer_text(&w, "tenant", hs_slice_str(who->tenant));
	hs_json_writer_bool(&w, "derived", who->derived);
	hs_json_writer_bool(&w, "deleted", who->deleted);
	hs_json_writer_uint(&w, "segment", before.number);
	hs_json_writer_uint(&w, "offset", before.offset);
	hs_json_writer_uint(&w, "edit", before.edit);
	hs_json_writer_uint(&w, "until_ms", until_ms > 0 ? (uint64_t)until_ms : 0);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
}

/*
 * Under the lock of the rewrite log, so that "edit" fits the files as they are. Suppressed people have
 * no limits, for some of their events may come before suppression takes effect.
 */
static void put_people(struct hs_buf *out, struct hs_rewrite_log *rewrites, int64_t now,
                       const struct hs_erase_plan *plan)
{
	for (size_t i = 0; i < plan->people->count; i++) {
		const struct hs_subject *who = plan->people->list[i];
		struct hs_position before = { .number = who->before.number, .offset = who->before.offset };
		int64_t until_ms = who->until_ms;
		bool is_limited = !plan->suppress || who->derived;

		if (before.number >= plan->next && is_limited)
			before = (struct hs_position){ .number = plan->next };
		if (until_ms == INT64_MAX && is_limited)
			until_ms = now;
		before.edit = hs_rewrite_log_number(rewrites, before.number);
		put_person(out, who, before, until_ms);
	}
}

/* The hash after one more line. */
static uint64_t add_to_check(uint64_t check, struct hs_slice line)
{
	return hs_hash(line.p, line.n, check);
}

static void put_check(struct hs_buf *out)
{
	uint64_t check = 0;

	for (size_t at = 0; at < out->n && hs_buf_ok(out);) {
		const char *line = out->p + at, *end = memchr(line, '\n', out->n - at);

		check = add_to_check(check, hs_slice(line, (size_t)(end - line)));
		at = (size_t)(end + 1 - out->p);
	}
	hs_buf_printf(out, CHECK "\n", check);
}

/* Removes the plan again if its name cannot be synced: no line has gone yet. */
static enum hs_result publish(int private_dir, struct hs_slice text, char name[static HS_ERASE_PLAN_NAME])
{
	char new_name[HS_ERASE_PLAN_NAME];
	enum hs_result r = find_name(private_dir, new_name);

	if (r != HS_OK)
		return r;
	r = hs_file_replace_text(private_dir, new_name, NEW, 0600, text);
	if (r != HS_OK) {
		hs_io_unlink(private_dir, new_name);
		hs_io_sync_dir(private_dir);
		return r;
	}
	memcpy(name, new_name, sizeof new_name);
	return HS_OK;
}

static void make_id(struct hs_erase_plan *plan)
{
	snprintf(plan->id, sizeof plan->id, "%016" PRIx64, hs_io_random());
}

enum hs_result hs_erase_plan_write(const struct hs_spool_dir *dir, struct hs_rewrite_log *rewrites,
                                   struct hs_erase_plan *plan)
{
	struct hs_buf text = { 0 };
	int64_t now = hs_io_now();
	enum hs_result r = hs_rewrite_log_share(rewrites);

	if (r != HS_OK)
		return r;
	make_id(plan);
	snprintf(plan->spool, sizeof plan->spool, "%s", dir->history.id);
	put_head(&text, plan, now);
	put_people(&text, rewrites, now, plan);
	hs_rewrite_log_release(rewrites);
	put_check(&text);
	r = hs_buf_ok(&text) ? publish(dir->private_dir, hs_buf_slice(&text), plan->name) : HS_E_MEMORY;
	hs_buf_free(&text);
	return r;
}

bool hs_erase_plan_is_late(const struct hs_erase_plan *plan, const struct hs_subject *who)
{
	bool is_limited = !plan->suppress || who->derived || who->until_ms != INT64_MAX;
	bool by_event = who->deleted && !who->derived; /* the loader goes by the delete itself */

	return is_limited && !by_event && (who->newest_ms > plan->sealed_ms || who->newest_ms > who->until_ms);
}

bool hs_erase_plan_put_late(const struct hs_erase_plan *plan, struct hs_erase_plan *late, struct hs_buf *out)
{
	struct hs_subjects people = { .count = 0 };
	struct hs_erase_plan head;

	*late = *plan;
	make_id(late);
	for (size_t i = 0; i < plan->people->count; i++) {
		const struct hs_subject *who = plan->people->list[i];

		if (!hs_erase_plan_is_late(plan, who))
			continue;
		people.count++;
		late->sealed_ms = who->newest_ms > late->sealed_ms ? who->newest_ms : late->sealed_ms;
	}
	head = *late;
	head.people = &people;
	put_head(out, &head, hs_io_now());
	for (size_t i = 0; i < plan->people->count; i++)
		if (hs_erase_plan_is_late(plan, plan->people->list[i]))
			put_person(out, plan->people->list[i], (struct hs_position){ .number = plan->next },
			           plan->people->list[i]->newest_ms);
	put_check(out);
	return hs_buf_ok(out);
}

/* --- reading --------------------------------------------------------------------------- */

struct reading {
	struct hs_rewrite_log *rewrites; /* NULL: positions stay as they are */
	struct hs_json json;
	struct hs_buf id, tenant;
	struct hs_erase_plan *plan;
	uint64_t people; /* as the head says */
	size_t read;
	uint64_t check; /* of the lines so far */
	bool has_head, is_whole, is_damaged;
};

/* The token of a member; 0: none. */
static uint32_t member(const struct hs_json *json, struct hs_slice name)
{
	if (json->tok[0].kind != HS_JSON_OBJECT)
		return 0;
	for (uint32_t key = 1; key < json->n; key = json->tok[key + 1].next)
		if (hs_slice_eq(hs_json_inner(json, key), name))
			return key + 1;
	return 0;
}

static bool is_word(const struct hs_json *json, struct hs_slice name, struct hs_slice value)
{
	uint32_t token = member(json, name);

	return token != 0 && hs_slice_eq(hs_json_raw(json, token), value);
}

/* Not HS_E_IO alone: that may also be an error that passes. */
static enum hs_result damaged(struct reading *x)
{
	x->is_damaged = true;
	return HS_E_IO;
}

static bool get_number(const struct hs_json *json, struct hs_slice name, uint64_t *value)
{
	uint32_t token = member(json, name);
	struct hs_slice text;
	char digits[24], *end;

	if (token == 0 || json->tok[token].kind != HS_JSON_NUMBER)
		return false;
	text = hs_json_raw(json, token);
	if (text.n >= sizeof digits)
		return false;
	memcpy(digits, text.p, text.n);
	digits[text.n] = '\0';
	errno = 0;
	*value = strtoull(digits, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool get_id(struct reading *x)
{
	uint32_t token = member(&x->json, HS_SLICE("id"));
	struct hs_slice text;
	char *to;

	hs_buf_reset(&x->id);
	if (token == 0 || x->json.tok[token].kind != HS_JSON_STRING)
		return false;
	text = hs_json_inner(&x->json, token);
	to = hs_buf_reserve(&x->id, text.n / 2 + 1);
	if (to == NULL || !hs_hex_decode(text, (uint8_t *)to, text.n / 2))
		return false;
	x->id.n = text.n / 2;
	return true;
}

static char *get_tenant(struct reading *x)
{
	uint32_t token = member(&x->json, HS_SLICE("tenant"));

	hs_buf_reset(&x->tenant);
	if (token == 0)
		return NULL;
	hs_json_unescape(hs_json_inner(&x->json, token), &x->tenant);
	hs_buf_putc(&x->tenant, '\0');
	return x->tenant.p;
}

/* Copies a string of at most `most` bytes. */
static bool get_word(const struct hs_json *json, struct hs_slice name, size_t most, char *to)
{
	uint32_t token = member(json, name);
	struct hs_slice text;

	if (token == 0 || json->tok[token].kind != HS_JSON_STRING)
		return false;
	text = hs_json_inner(json, token);
	if (text.n > most)
		return false;
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return true;
}

static bool read_head(struct reading *x)
{
	uint64_t version, sealed;

	if (!get_number(&x->json, HS_SLICE("plan"), &version) || version != 1 ||
	    !get_word(&x->json, HS_SLICE("name"), sizeof x->plan->id - 1, x->plan->id) ||
	    strspn(x->plan->id, "0123456789abcdef") != HS_ERASE_PLAN_ID ||
	    !get_word(&x->json, HS_SLICE("spool"), sizeof x->plan->spool - 1, x->plan->spool) ||
	    !get_number(&x->json, HS_SLICE("next"), &x->plan->next) ||
	    !get_number(&x->json, HS_SLICE("sealed_ms"), &sealed) ||
	    !get_number(&x->json, HS_SLICE("people"), &x->people))
		return false;
	x->plan->sealed_ms = (int64_t)sealed;
	x->plan->from_deletes = is_word(&x->json, HS_SLICE("by"), HS_SLICE("\"delete\""));
	x->plan->suppress = is_word(&x->json, HS_SLICE("suppress"), HS_SLICE("true"));
	return true;
}

/* HS_OK, HS_E_MEMORY, HS_E_IO (the line is damaged), or as hs_rewrite_log_translate. */
static enum hs_result read_person(struct reading *x)
{
	bool is_user = is_word(&x->json, HS_SLICE("kind"), HS_SLICE("\"user\""));
	struct hs_position before = { 0 };
	struct hs_subject who = { .kind = is_user ? HS_SUBJECT_USER : HS_SUBJECT_ANONYMOUS };
	uint64_t until;
	enum hs_result r;

	if (!get_id(x) || !get_number(&x->json, HS_SLICE("segment"), &before.number) ||
	    !get_number(&x->json, HS_SLICE("offset"), &before.offset) ||
	    !get_number(&x->json, HS_SLICE("edit"), &before.edit) ||
	    !get_number(&x->json, HS_SLICE("until_ms"), &until))
		return hs_buf_ok(&x->id) ? damaged(x) : HS_E_MEMORY; /* such a plan is given up */
	r = x->rewrites == NULL ? HS_OK : hs_rewrite_log_translate(x->rewrites, &before);
	if (r != HS_OK)
		return r;
	who.id = x->id.p;
	who.n = x->id.n;
	who.tenant = get_tenant(x);
	who.derived = is_word(&x->json, HS_SLICE("derived"), HS_SLICE("true"));
	who.deleted = is_word(&x->json, HS_SLICE("deleted"), HS_SLICE("true"));
	who.before = (struct hs_mark){ before.number, before.offset };
	who.until_ms = (int64_t)until;
	if (!hs_buf_ok(&x->id) || !hs_buf_ok(&x->tenant) || !hs_subjects_add(x->plan->people, &who, NULL))
		return HS_E_MEMORY;
	x->read++;
	return HS_OK;
}

/* Takes a line; nothing may follow the one with the check. */
static enum hs_result read_line(struct reading *x, struct hs_slice line)
{
	char check[CHECK_TEXT];
	enum hs_result r;

	if (x->is_whole)
		return damaged(x);
	snprintf(check, sizeof check, CHECK, x->check);
	x->is_whole = hs_slice_eq(line, hs_slice_str(check));
	x->check = add_to_check(x->check, line);
	if (x->is_whole)
		return HS_OK;
	r = hs_json_document(&x->json, line);
	if (r != HS_OK)
		return r == HS_E_MEMORY ? r : damaged(x);
	if (x->has_head)
		return read_person(x);
	x->has_head = true;
	return read_head(x) ? HS_OK : damaged(x);
}

static enum hs_result read_lines(struct reading *x, struct hs_line_reader *lines)
{
	enum hs_result r = HS_OK;
	struct hs_slice line;
	int more = 0;

	while (r == HS_OK && (more = hs_line_reader_next(lines, &line)) == 1)
		r = read_line(x, line);
	if (r == HS_OK && more < 0)
		return errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;
	return r == HS_OK && (more != 0 || !x->has_head || !x->is_whole || x->read != x->people) ? damaged(x) : r;
}

static enum hs_result read_file(int folder, const char *name, struct reading *x)
{
	struct hs_line_reader lines = { 0 };
	int fd = hs_io_open_read(folder, name), error = errno;
	enum hs_result r = HS_E_IO;

	if (fd >= 0) {
		hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
		r = read_lines(x, &lines);
		error = errno;
		hs_io_close(fd);
	}
	hs_line_reader_free(&lines);
	hs_json_free(&x->json);
	hs_buf_free(&x->id);
	hs_buf_free(&x->tenant);
	errno = error;
	return r;
}

/* Only a damaged plan is to be removed: its people would not be erased. */
static void tell_unread(const struct reading *x, const char *name, const char *why)
{
	static const char what[] = "the plan of an interrupted erase";

	if (x->is_damaged)
		hs_log(HS_LOG_ERROR,
		       "erase: .hookspool/%s, %s, is damaged: remove it, and erase its people by their ids again", name,
		       what);
	else
		hs_log(HS_LOG_ERROR, "erase: .hookspool/%s, %s, could not be read: %s: keep it, and run erase again",
		       name, what, why);
}

enum hs_result hs_erase_plan_read(const struct hs_spool_dir *dir, struct hs_rewrite_log *rewrites, const char *name,
                                  struct hs_erase_plan *plan)
{
	struct reading x = { .rewrites = rewrites, .plan = plan };
	enum hs_result r = hs_rewrite_log_share(rewrites);
	int error;

	error = errno;
	if (r == HS_OK) {
		r = read_file(dir->private_dir, name, &x);
		error = errno;
		hs_rewrite_log_release(rewrites);
	}
	if (r == HS_E_IO)
		tell_unread(&x, name, strerror(error));
	snprintf(plan->name, sizeof plan->name, "%s", name);
	return r;
}

enum hs_result hs_erase_plan_read_copy(int folder, const char *name, struct hs_erase_plan *plan)
{
	struct reading x = { .plan = plan };
	enum hs_result r = read_file(folder, name, &x);

	if (x.is_damaged)
		errno = EILSEQ;
	return r;
}

/* --- removing ------------------------------------------------------------------------------ */

enum hs_result hs_erase_plan_remove(int private_dir, const char *name)
{
	if (hs_io_unlink(private_dir, name) < 0 && errno != ENOENT)
		return HS_E_IO;
	return hs_io_sync_dir(private_dir) < 0 ? HS_E_IO : HS_OK;
}

enum hs_result hs_erase_plan_drop_unwritten(int private_dir)
{
	struct stat st;

	if (hs_io_stat(private_dir, NEW, &st) < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	return hs_erase_plan_remove(private_dir, NEW);
}
