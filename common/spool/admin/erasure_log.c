#include "spool/admin/erasure_log.h"
#include "base/array.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "spool/admin/salt.h"
#include "spool/file/line_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char NAME[] = "erased.jsonl";

/* --- receipts ----------------------------------------------------------------------- */

static const char *kind_name(const struct hs_subject *who)
{
	return who->kind == HS_SUBJECT_USER ? "user" : "anonymous";
}

static bool hash_id(const char *salt, const struct hs_subject *who, uint8_t sum[static HS_SHA256_BYTES])
{
	struct hs_buf whole = { 0 };
	bool ok;

	hs_buf_put_slice(&whole, hs_slice_str(salt));
	hs_buf_put_slice(&whole, hs_slice_str(kind_name(who)));
	hs_buf_putc(&whole, ':');
	hs_buf_put(&whole, who->id, who->n);
	ok = hs_buf_ok(&whole) && hs_sha256(hs_buf_slice(&whole), sum);
	hs_buf_free(&whole);
	return ok;
}

static void put_ids(struct hs_json_writer *w, const struct hs_tombstones_sum *ids)
{
	char check[2 * sizeof ids->check + 1];

	snprintf(check, sizeof check, "%08" PRIx32, ids->check);
	hs_json_writer_uint(w, "erased_ids", ids->count);
	hs_json_writer_text(w, "erased_check", hs_slice_str(check));
}

static bool put_receipt(struct hs_buf *out, const char *salt, const struct hs_subject *who,
                        const struct hs_erasure_entry *receipt)
{
	struct hs_json_writer w = { .out = out };
	uint8_t id[HS_SHA256_BYTES];
	char now[HS_TIMESTAMP_TEXT + 1];

	if (!hash_id(salt, who, id))
		return false;
	hs_timestamp_text(hs_io_now(), now);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "erased_at", hs_slice_str(now));
	hs_json_writer_text(&w, "state", hs_slice_str(receipt->state));
	hs_json_writer_text(&w, "kind", hs_slice_str(kind_name(who)));
	hs_json_writer_hex(&w, "id", hs_slice((const char *)id, sizeof id));
	if (who->tenant != NULL && who->tenant[0] != '\0')
		hs_json_writer_text(&w, "tenant", hs_slice_str(who->tenant));
	hs_json_writer_uint(&w, "events", who->events);
	hs_json_writer_uint(&w, "others", who->others);
	hs_json_writer_text(&w, "by", hs_slice_str(receipt->by));
	hs_json_writer_bool(&w, "suppressed", receipt->suppressed);
	if (receipt->ids != NULL)
		put_ids(&w, receipt->ids);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
	return hs_buf_ok(out);
}

/* Sets *end to the end of the last whole line, and cuts off what a kill left of another. */
static enum hs_result find_end(int fd, uint64_t *end)
{
	struct stat st;
	char c = '\n';

	if (hs_io_fstat(fd, &st) < 0)
		return HS_E_IO;
	for (*end = (uint64_t)st.st_size; *end > 0; --*end) {
		if (hs_io_read_at(fd, &c, 1, *end - 1) != 1)
			return HS_E_IO;
		if (c == '\n')
			break;
	}
	return *end < (uint64_t)st.st_size && hs_io_truncate(fd, *end) < 0 ? HS_E_IO : HS_OK;
}

static enum hs_result append(const struct hs_spool_dir *dir, struct hs_slice text)
{
	int fd = hs_io_open_or_make(dir->fd, NAME, 0600);
	enum hs_result r;
	uint64_t end;

	if (fd < 0)
		return hs_io_result(errno);
	r = find_end(fd, &end);
	if (r == HS_OK && hs_io_write_at(fd, text.p, text.n, end) < 0)
		r = hs_io_result(errno);
	if (r == HS_OK && hs_io_sync_data(fd) < 0)
		r = HS_E_SYNC;
	if (r == HS_OK && hs_io_sync_dir(dir->fd) < 0)
		r = HS_E_IO;
	hs_io_close(fd);
	return r;
}

enum hs_result hs_erasure_log_put(const struct hs_spool_dir *dir, const struct hs_subjects *subjects,
                                  const struct hs_erasure_entry *receipt)
{
	struct hs_buf text = { 0 };
	char salt[HS_SALT + 1];
	enum hs_result r = hs_salt(dir, salt);

	for (size_t i = 0; i < subjects->count && r == HS_OK; i++)
		if (!put_receipt(&text, salt, subjects->list[i], receipt))
			r = HS_E_MEMORY;
	if (r == HS_OK) /* even if no event had an id: verify takes a missing file for a loss */
		r = hs_tombstones_make(dir->private_dir);
	if (r == HS_OK && text.n > 0)
		r = append(dir, hs_buf_slice(&text));
	hs_buf_free(&text);
	return r;
}

enum hs_result hs_erasure_log_give_up(const struct hs_spool_dir *dir)
{
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };
	struct hs_tombstones_sum ids;
	char now[HS_TIMESTAMP_TEXT + 1];
	enum hs_result r = hs_tombstones_sum(dir->private_dir, UINT64_MAX, &ids);

	hs_timestamp_text(hs_io_now(), now);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "erased_at", hs_slice_str(now));
	hs_json_writer_text(&w, "state", HS_SLICE("given up"));
	put_ids(&w, &ids);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&text, '\n');
	if (r == HS_OK)
		r = hs_buf_ok(&text) ? append(dir, hs_buf_slice(&text)) : HS_E_MEMORY;
	hs_buf_free(&text);
	return r;
}

/* --- unfinished erasures --------------------------------------------------------- */

/* The part of a receipt that matters here. */
struct receipt {
	uint64_t who; /* hash of kind, id and tenant */
	uint64_t line;
	bool begun;
};

struct receipts {
	struct receipt *list;
	size_t count, cap;
	uint64_t seed;
};

/* The bytes from one label to the next; none if put_receipt did not write the line. */
static struct hs_slice between(struct hs_slice line, struct hs_slice from, struct hs_slice to)
{
	const char *begin = memmem(line.p, line.n, from.p, from.n), *end;

	if (begin == NULL)
		return HS_SLICE_NONE;
	end = memmem(begin, (size_t)(line.p + line.n - begin), to.p, to.n);
	return end == NULL ? HS_SLICE_NONE : hs_slice(begin, (size_t)(end - begin));
}

static bool note_receipt(struct receipts *all, struct hs_slice line, uint64_t number)
{
	struct hs_slice who = between(line, HS_SLICE(",\"kind\":"), HS_SLICE(",\"events\":"));
	static const char begun[] = ",\"state\":\"begun\",";

	if (who.n == 0)
		return true;
	if (!HS_ARRAY_ROOM(&all->list, all->count, &all->cap))
		return false;
	all->list[all->count++] =
	    (struct receipt){ hs_hash(who.p, who.n, all->seed), number,
		              memmem(line.p, (size_t)(who.p - line.p) + 1, begun, sizeof begun - 1) != NULL };
	return true;
}

static int by_who(const void *a, const void *b)
{
	const struct receipt *x = a, *y = b;

	if (x->who != y->who)
		return x->who < y->who ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static enum hs_result read_receipts(struct receipts *all, int fd)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	uint64_t number = 0;
	bool ok = true;
	int more = 0;

	hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
	while (ok && (more = hs_line_reader_next(&lines, &line)) == 1) /* 2: a kill left part of a line */
		ok = note_receipt(all, line, ++number);
	hs_line_reader_free(&lines);
	return !ok ? HS_E_MEMORY : more < 0 ? HS_E_IO : HS_OK;
}

enum hs_result hs_erasure_log_unfinished(const struct hs_spool_dir *dir, void (*report)(void *context, uint64_t line),
                                         void *context)
{
	struct receipts all = { .seed = hs_io_random() };
	int fd = hs_io_open_read(dir->fd, NAME);
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : HS_E_IO;
	r = read_receipts(&all, fd);
	hs_io_close(fd);
	if (r == HS_OK && all.count > 0)
		qsort(all.list, all.count, sizeof *all.list, by_who);
	for (size_t i = 0; i < all.count && r == HS_OK; i++)
		if (all.list[i].begun && (i + 1 == all.count || all.list[i + 1].who != all.list[i].who))
			report(context, all.list[i].line);
	free(all.list);
	return r;
}
