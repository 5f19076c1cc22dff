/*
 * A damaged disk: any bytes as one file of the private folder, opened by the code that reads it. The first byte
 * says which file (see the table at the end); where a file has a check sum, the letter in capitals puts one there
 * that holds, as somebody might who writes there.
 *
 * What holds for each stands at its function. In short: what is read is within the file and the header's limits;
 * what is read and saved again reads the same; a position is translated to no later byte, and the reader that
 * starts at it returns lines that are there; what a check sum refuses is not used.
 */
#include "base/hash.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "cgi/http/console/session_file.h"
#include "schema/schema_file.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_requests.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/import_checkpoint.h"
#include "spool/admin/loss.h"
#include "spool/admin/salt.h"
#include "spool/admin/suppression_file.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/id_block.h"
#include "spool/dedup/tombstones.h"
#include "spool/figures/ship_figures.h"
#include "spool/file/gzip.h"
#include "spool/position/cursor.h"
#include "spool/read/reader.h"
#include "spool/shared/metrics.h"
#include "spool/shared/rates.h"
#include "spool/summary/summary_file.h"
#include "tests/fuzz/temp_folder.h"

#include <inttypes.h>
#include <zlib.h>

enum { LINES = 6, SEALED_LINES = 3, ROOM = 1 << 16 /* of a file */ };

/* The spool has a sealed segment, number 1, and an open one with the rest of the lines. */
static const char *const lines[LINES] = {
	"{\"message_id\":\"m-1\",\"type\":\"track\",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}",
	"{\"message_id\":\"m-2\",\"type\":\"identify\",\"spooled_at\":\"2026-11-23T10:15:00.124Z\",\"user_id\":\"u-"
	"1\"}",
	"{\"message_id\":\"m-3\",\"type\":\"page\",\"spooled_at\":\"2026-11-23T10:15:00.125Z\"}",
	"{\"message_id\":\"m-4\",\"type\":\"track\",\"spooled_at\":\"2026-11-23T10:15:00.126Z\",\"anonymous_id\":"
	"\"a\"}",
	"{\"message_id\":\"m-5\",\"type\":\"group\",\"spooled_at\":\"2026-11-23T10:15:00.127Z\"}",
	"{\"message_id\":\"m-6\",\"type\":\"track\",\"spooled_at\":\"2026-11-23T10:15:00.128Z\"}",
};
static const char sealed_name[] = "events-20261123T101500.125Z-000001.jsonl";

static struct hs_settings *settings;
static struct hs_opened_spool spool;

static void put_lines(const char *name, size_t from, size_t to)
{
	struct hs_buf text = { 0 };

	for (size_t i = from; i < to; i++)
		hs_buf_printf(&text, "%s\n", lines[i]);
	fuzz_folder_put(name, hs_buf_slice(&text));
	hs_buf_free(&text);
}

static void close_spool(void)
{
	hs_spool_dir_close(&spool);
	hs_settings_free(settings);
}

/* Once. A run leaves the two segments as they are. */
static void open_spool(void)
{
	char text[PATH_MAX + 100];
	struct hs_settings_error error;

	if (settings != NULL)
		return;
	fuzz_folder_begin();
	fuzz_folder_make_dir(".hookspool/imports");
	fuzz_folder_make_dir(".hookspool/loads");
	put_lines(sealed_name, 0, SEALED_LINES);
	put_lines("events.jsonl", SEALED_LINES, LINES);
	snprintf(text, sizeof text, "spool_dir = %s\nauth = none\nmin_free = 0\ndedup_window = 0\n", fuzz_folder);
	settings = hs_settings_new("fuzz.conf", hs_slice_str(text), NULL, &error);
	MUST(settings != NULL && hs_spool_dir_open(&spool, settings, false) == HS_OK);
	fuzz_folder_make_dir(".hookspool/run/summary");
	atexit(close_spool);
}

static void unlink_below(const char *below)
{
	char path[2 * PATH_MAX];

	fuzz_folder_path(path, below);
	unlink(path);
}

/* --- cursors ---------------------------------------------------------------------------------- */

static bool is_same_position(struct hs_position a, struct hs_position b)
{
	return a.number == b.number && a.offset == b.offset && a.edit == b.edit;
}

static void check_same_cursor(const struct hs_cursor *a, const struct hs_cursor *b)
{
	const struct hs_ahead *x = hs_cursor_ahead(a), *y = hs_cursor_ahead(b);
	const struct hs_cursor_stream *s = hs_cursor_stream(a), *t = hs_cursor_stream(b);

	MUST(is_same_position(hs_cursor_position(a), hs_cursor_position(b)));
	MUST(hs_cursor_position(a).before == hs_cursor_position(b).before);
	MUST(x->to.number == y->to.number && (x->to.number == 0 || x->count == y->count));
	for (size_t i = 0; i < y->count; i++)
		MUST(x->held[i].user == y->held[i].user && is_same_position(x->held[i].from, y->held[i].from));
	MUST(strcmp(s->created, t->created) == 0);
	if (s->created[0] != '\0')
		MUST(strcmp(s->receiver, t->receiver) == 0 && s->sequence == t->sequence && s->own == t->own &&
		     s->back == t->back && is_same_position(s->kept, t->kept) && is_same_position(s->next, t->next) &&
		     (s->next.number == 0 || s->next_ms == t->next_ms));
}

/* A position that a file says, however wrong, leads to whole lines of the spool, or to none. */
static void read_from(struct hs_position position)
{
	struct hs_reader *reader;
	struct hs_slice line;
	enum hs_fit fit;
	enum hs_read read;
	int reads = 0;

	if (hs_reader_open_quietly(settings, &reader) != HS_OK)
		return;
	if (hs_reader_fit(reader, position, &fit) == HS_OK)
		while ((read = hs_reader_next(reader, &line)) == HS_READ_LINE || read == HS_READ_GAP) {
			bool there = read == HS_READ_GAP;

			for (size_t i = 0; i < LINES; i++)
				there = there || hs_slice_eq(line, hs_slice_str(lines[i]));
			MUST(++reads <= LINES + 2);
			/* a hash that does not fit says so, and the caller stops there */
			MUST(there || fit != HS_FIT);
		}
	hs_reader_close(reader);
}

static bool note_cursor(void *context, const struct hs_cursor_info *info)
{
	struct hs_cursor_info *found = context;

	MUST(hs_cursor_is_name(info->name));
	*found = *info;
	return true;
}

static void rename_cursor(void)
{
	char from[2 * PATH_MAX], to[2 * PATH_MAX];

	fuzz_folder_path(from, ".hookspool/cursors/c");
	fuzz_folder_path(to, ".hookspool/cursors/d");
	MUST(rename(from, to) == 0);
}

/* A cursor that opens reads the same after a save, and the list knows of it what it has. */
static void read_cursor(struct hs_slice text)
{
	struct hs_cursor *cursor, *again;
	struct hs_cursor_info info = { .damaged = true };
	uint64_t oldest;
	bool fresh;
	int64_t holder;
	enum hs_result result;

	(void)text;
	MUST(hs_cursor_list(spool.dir.private_dir, note_cursor, &info) == HS_OK);
	MUST(hs_cursor_oldest(spool.dir.private_dir, &oldest) == HS_OK);
	result = hs_cursor_open(&spool.dir, "c", &cursor, &fresh, &holder);
	MUST(result == HS_OK || result == HS_E_CURSOR);
	MUST(info.damaged == (result != HS_OK) && (!info.damaged || oldest == 0));
	if (result != HS_OK)
		return;
	MUST(!fresh && hs_cursor_ahead(cursor)->count <= HS_CURSOR_HELD);
	MUST(is_same_position(info.position, hs_cursor_position(cursor)) && oldest <= info.position.number);
	read_from(hs_cursor_position(cursor));
	MUST(hs_cursor_save_ahead(cursor, hs_cursor_position(cursor), hs_cursor_ahead(cursor)) == HS_OK);
	rename_cursor();
	MUST(hs_cursor_open(&spool.dir, "d", &again, &fresh, &holder) == HS_OK && !fresh);
	check_same_cursor(cursor, again);
	hs_cursor_close(again);
	hs_cursor_close(cursor);
	unlink_below(".hookspool/cursors/d");
}

/* --- rewrites: a position goes to an earlier byte or stays ------------------------------------------- */

/* Dropping the entries of segments that are gone loses none of those that are there. */
static void trim_edits(struct hs_rewrite_log *rewrites)
{
	uint64_t edits = hs_rewrite_log_number(rewrites, 1);

	if (hs_rewrite_log_trim(rewrites, 0) != HS_OK || hs_rewrite_log_share(rewrites) != HS_OK)
		return;
	MUST(hs_rewrite_log_number(rewrites, 1) == edits);
	hs_rewrite_log_release(rewrites);
}

static void read_edits(struct hs_slice text)
{
	struct hs_rewrite_log *rewrites;

	(void)text;
	MUST(hs_rewrite_log_open(&spool.dir, &rewrites) == HS_OK);
	if (hs_rewrite_log_share(rewrites) == HS_OK) {
		for (uint64_t offset = 0; offset < 700; offset += offset < 4 ? 1 : 83) {
			struct hs_position p = { .number = 1, .offset = offset, .before = 7 };

			if (hs_rewrite_log_translate(rewrites, &p) != HS_OK)
				continue;
			MUST(p.number == 1 && p.offset <= offset && (p.before == 7 || p.before == 0));
		}
		hs_rewrite_log_release(rewrites);
	}
	if (hs_rewrite_log_claim(rewrites) == HS_OK) {
		hs_rewrite_log_release(rewrites);
		trim_edits(rewrites);
	}
	hs_rewrite_log_close(rewrites);
}

/* Each @ is the inode of the segment's file. */
static struct hs_buf seal_edits(struct hs_slice rest)
{
	struct stat st = fuzz_folder_stat(sealed_name);
	struct hs_buf file = { 0 };

	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] == '@')
			hs_buf_put_uint(&file, (uint64_t)st.st_ino);
		else
			hs_buf_putc(&file, rest.p[i]);
	return file;
}

/* --- the spool's id ------------------------------------------------------------------------------- */

static void read_history(struct hs_slice text)
{
	struct hs_history h, again;

	(void)text;
	if (hs_history_read(spool.dir.private_dir, HS_HISTORY_BACKUP, &h) != HS_OK)
		return;
	MUST(strlen(h.id) == HS_HISTORY_ID && strspn(h.id, "0123456789abcdef") == HS_HISTORY_ID && h.epoch > 0);
	MUST(hs_history_put(spool.dir.private_dir, spool.dir.run_dir, HS_HISTORY_BACKUP, &h) == HS_OK);
	MUST(hs_history_read(spool.dir.private_dir, HS_HISTORY_BACKUP, &again) == HS_OK);
	MUST(strcmp(h.id, again.id) == 0 && h.epoch == again.epoch && h.settled == again.settled);
}

/* --- imports ---------------------------------------------------------------------------------------- */

static bool is_same_spot(struct hs_spot a, struct hs_spot b)
{
	return a.at == b.at && a.line == b.line && a.event == b.event && a.array == b.array;
}

/* Each note that follows any file is what the next run reads. */
static void read_import(struct hs_slice text)
{
	static const char key[] = "0123456789abcdef0123456789abcdef";
	struct hs_import_checkpoint first, again;

	(void)text;
	MUST(hs_import_checkpoint_open(spool.dir.private_dir, key, &first) == HS_OK);
	MUST(first.try.name_n <= HS_IMPORT_CHECKPOINT_NAME && (!first.done || !first.try.open));
	if (first.try.open)
		MUST(hs_import_checkpoint_try(&first, &first.try) == HS_OK);
	else
		MUST(hs_import_checkpoint_move(&first, &first.spot, 0, true) == HS_OK);
	hs_import_checkpoint_close(&first);
	MUST(hs_import_checkpoint_open(spool.dir.private_dir, key, &again) == HS_OK);
	MUST(is_same_spot(first.spot, again.spot) && first.rejected == again.rejected);
	MUST(first.try.open == again.try.open && again.size >= first.size);
	if (first.try.open)
		MUST(is_same_spot(first.try.to, again.try.to) && first.try.name_n == again.try.name_n &&
		     memcmp(first.try.name, again.try.name, first.try.name_n) == 0 &&
		     strcmp(first.try.spooled_at, again.try.spooled_at) == 0);
	hs_import_checkpoint_close(&again);
}

/* --- erased people ------------------------------------------------------------------------------------ */

static bool count_one(void *context, const struct hs_tombstone *id)
{
	(void)id;
	++*(uint64_t *)context;
	return true;
}

static void read_tombstones(struct hs_slice text)
{
	uint64_t known = 0, size, count = 0;

	MUST(hs_tombstones_size(spool.dir.private_dir, &size) == HS_OK);
	MUST(hs_tombstones_each(spool.dir.private_dir, &known, count_one, &count) == HS_OK);
	MUST(count == text.n / HS_TOMBSTONES_ENTRY && size == count * HS_TOMBSTONES_ENTRY && known == size);
}

/* Hashes in any order, with a check sum that fits. */
static void use_hashes(struct hs_slice hashes)
{
	struct hs_suppression_list *list = hs_suppression_list_new(&spool.dir);
	char salt[HS_SALT + 1];
	bool active, found;

	MUST(list != NULL && hs_salt_renew(spool.dir.private_dir) == HS_OK && hs_salt(&spool.dir, salt) == HS_OK);
	hashes.n -= hashes.n % HS_SUPPRESSION_LIST_HASH;
	MUST(hs_suppression_file_replace(spool.dir.private_dir, salt, hashes) == HS_OK);
	MUST(hs_suppression_list_follow(list, &active) == HS_OK && active == (hashes.n > 0));
	for (int i = 0; i < LINES && active; i++)
		MUST(hs_suppression_list_find(list, hs_slice_str(lines[i]), &found) == HS_OK);
	hs_suppression_list_free(list);
}

/* A list that is cut is not used: the people that it lacks would be kept again. */
static void read_suppressed(struct hs_slice text)
{
	struct hs_suppression_list *list = hs_suppression_list_new(&spool.dir);
	bool active, found;

	MUST(list != NULL);
	if (hs_suppression_list_follow(list, &active) == HS_OK) {
		MUST(text.n >= HS_SUPPRESSION_LIST_EMPTY);
		MUST(memcmp(text.p, "HSSUPP2\n", 8) == 0);
		MUST((text.n - HS_SUPPRESSION_LIST_EMPTY) % HS_SUPPRESSION_LIST_HASH == 0);
		MUST(active == (text.n > HS_SUPPRESSION_LIST_EMPTY));
		for (int i = 0; i < LINES && active; i++)
			MUST(hs_suppression_list_find(list, hs_slice_str(lines[i]), &found) == HS_OK);
	}
	hs_suppression_list_free(list);
	if (text.n > HS_SUPPRESSION_LIST_EMPTY)
		use_hashes(hs_slice(text.p + HS_SUPPRESSION_LIST_EMPTY, text.n - HS_SUPPRESSION_LIST_EMPTY));
}

/* With a receipt of an erasure beside it, no other salt may take its place. */
static void read_salt(struct hs_slice text)
{
	char salt[HS_SALT + 1];
	enum hs_result result;

	fuzz_folder_put("erased.jsonl", HS_SLICE("{\"erased_at\":\"x\"}\n"));
	result = hs_salt(&spool.dir, salt);
	unlink_below("erased.jsonl");
	MUST(result == HS_OK || result == HS_E_SALT);
	if (result != HS_OK)
		return;
	MUST(strlen(salt) == HS_SALT && strspn(salt, "0123456789abcdef") == HS_SALT);
	MUST(text.n >= HS_SALT && memcmp(salt, text.p, HS_SALT) == 0);
}

static void note_receipt(void *context, uint64_t line)
{
	struct hs_slice *text = context;
	uint64_t all = 0;

	for (size_t i = 0; i < text->n; i++)
		all += text->p[i] == '\n';
	MUST(line > 0 && line <= all);
}

static void read_receipts(struct hs_slice text)
{
	bool lost;
	unsigned losses;

	MUST(hs_erasure_log_unfinished(&spool.dir, note_receipt, &text) == HS_OK);
	MUST(hs_loss_suppressed(&spool.dir, &lost) == HS_OK);
	MUST(hs_loss_find(&spool.dir, &losses) == HS_OK);
}

/* The check sum of a plan's lines but the last one, as the header says; false: the last one is none. */
static bool has_plan_check(struct hs_slice text)
{
	uint64_t check = 0;
	char last[64];

	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;

		snprintf(last, sizeof last, "{\"check\":\"%016" PRIx64 "\"}", check);
		if (hs_slice_eq(hs_slice(text.p, n), hs_slice_str(last)))
			return true;
		check = hs_hash(text.p, n, check);
		text = end != NULL ? hs_slice(end + 1, text.n - n - 1) : HS_SLICE_NONE;
	}
	return false;
}

/* A request that is damaged would delete another person. */
static void read_request(struct hs_slice text)
{
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	struct hs_erase_request *list;
	size_t count;

	hs_subjects_init(&people, 1);
	MUST(hs_erase_requests_list(spool.dir.private_dir, &list, &count) == HS_OK && count <= 1);
	if (count == 1)
		MUST(strcmp(list[0].database, "db") == 0);
	free(list);
	if (hs_erase_requests_read(spool.dir.private_dir, "db@erase-0123456789abcdef", &plan) == HS_OK) {
		MUST(has_plan_check(text));
		MUST(strspn(plan.id, "0123456789abcdef") == HS_ERASE_PLAN_ID && plan.id[HS_ERASE_PLAN_ID] == '\0');
		for (size_t i = 0; i < plan.people->count; i++)
			MUST(plan.people->list[i]->n <= text.n);
	}
	hs_subjects_free(&people);
}

static void remove_plan(void *context, const char *name)
{
	unsigned *count = context;

	++*count;
	MUST(hs_erase_plan_remove(spool.dir.private_dir, name) == HS_OK);
}

/* A plan that is written again names the same people. */
static void write_plan_again(struct hs_rewrite_log *rewrites, struct hs_erase_plan *plan)
{
	struct hs_subjects people;
	struct hs_erase_plan again = { .people = &people };
	unsigned count = 0;

	hs_subjects_init(&people, 1);
	MUST(hs_erase_plan_write(&spool.dir, rewrites, plan) == HS_OK);
	MUST(hs_erase_plan_read(&spool.dir, rewrites, plan->name, &again) == HS_OK);
	MUST(people.count == plan->people->count && again.next == plan->next && again.suppress == plan->suppress);
	for (size_t i = 0; i < people.count; i++)
		MUST(people.list[i]->n == plan->people->list[i]->n &&
		     memcmp(people.list[i]->id, plan->people->list[i]->id, people.list[i]->n) == 0);
	MUST(hs_erase_plan_list(spool.dir.private_dir, remove_plan, &count) == HS_OK && count == 2);
	hs_subjects_free(&people);
}

static void read_plan(struct hs_slice text)
{
	struct hs_subjects people;
	struct hs_erase_plan plan = { .people = &people };
	struct hs_rewrite_log *rewrites;

	hs_subjects_init(&people, 1);
	MUST(hs_rewrite_log_open(&spool.dir, &rewrites) == HS_OK);
	if (hs_erase_plan_read(&spool.dir, rewrites, "erase-plan-1", &plan) == HS_OK) {
		MUST(has_plan_check(text));
		write_plan_again(rewrites, &plan);
	}
	hs_rewrite_log_close(rewrites);
	hs_subjects_free(&people);
}

/* --- dead letters: what is dropped is gone, and nothing else ----------------------------------------- */

static void read_failed(struct hs_slice text)
{
	struct hs_slice first = text, record;
	struct hs_dead_letters_size size;
	struct hs_dead_letters_line line = { 0 };
	const char *end = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
	bool ends = text.n > 0 && text.p[text.n - 1] == '\n'; /* else a line end is added */
	uint64_t gone;

	MUST(hs_dead_letters_look(spool.dir.fd, 1795428900123, &size) == HS_OK && size.bytes == text.n);
	MUST(hs_dead_letters_expire(&spool.dir, 1795428900123, 1795428900123, &gone) == HS_OK);
	if (end == NULL || gone > 0)
		return;
	first.n = (size_t)(end - text.p);
	record = hs_dead_letters_record(first);
	MUST(record.n == 0 || (record.p >= first.p && record.p + record.n <= first.p + first.n));
	line.hash = hs_dead_letters_hash(first, 1);
	MUST(hs_dead_letters_drop(&spool.dir, &line, 1, 1) == HS_OK && line.gone);
	MUST(hs_dead_letters_look(spool.dir.fd, 1795428900123, &size) == HS_OK &&
	     size.bytes <= text.n - first.n - 1 + !ends);
}

/* --- figures ------------------------------------------------------------------------------------------ */

static void read_ship(struct hs_slice text)
{
	struct hs_ship_figures first, again;

	(void)text;
	hs_ship_figures_read(&first, spool.dir.private_dir);
	MUST(memchr(first.server, '\0', sizeof first.server) && memchr(first.leader, '\0', sizeof first.leader));
	MUST(hs_ship_figures_save(&first, &spool.dir) == HS_OK);
	hs_ship_figures_read(&again, spool.dir.private_dir);
	MUST(again.at_ms > 0 && again.oldest_ms == first.oldest_ms && again.lately == first.lately);
	for (size_t i = 0; i < HS_SHIP_FIGURES_ROWS; i++)
		MUST(hs_ship_figure(&first, i) == hs_ship_figure(&again, i));
}

/* The catalogue: what its check sum refuses is not used. */
static void read_schema(struct hs_slice text)
{
	struct hs_schema s = { .table.seed = 1 };
	uint32_t said = 0;

	MUST(hs_schema_load(&s, &spool.dir) == HS_OK);
	if (s.saved_ms != 0) {
		MUST(text.n > 20);
		for (int i = 0; i < 4; i++)
			said |= (uint32_t)(unsigned char)text.p[16 + i] << (8 * i);
		MUST(said == crc32(0, (const Bytef *)text.p + 20, (uInt)(text.n - 20)));
	}
	hs_schema_reset(&s);
	hs_schema_free(&s);
}

static struct hs_buf seal_schema(struct hs_slice rest)
{
	uint32_t check = (uint32_t)crc32(0, (const Bytef *)rest.p, (uInt)rest.n);
	struct hs_buf file = { 0 };

	hs_buf_put_slice(&file, HS_SLICE("HSSCHEM1\1\2\3\4\5\6\7\10"));
	for (int i = 0; i < 4; i++)
		hs_buf_putc(&file, (char)(check >> (8 * i)));
	hs_buf_put_slice(&file, rest);
	return file;
}

/* --- summaries: no part that its check sum refuses ------------------------------------------------------ */

/* A summary that does not open is made anew. */
static void make_summary(const struct stat *st)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	struct hs_summary_builder *b = hs_summary_builder_new(spool.dir.history.id, false, 1);
	uint64_t made = 0;
	struct hs_summary_maker maker = { .dir = &spool.dir, .made = &made };

	MUST(b != NULL && hs_summary_make_missing(&maker, false, 2) == HS_OK);
	MUST(made == 1 && hs_summary_is_there(&spool.dir, false, 1, st) &&
	     hs_summary_open(&r, &spool.dir, false, 1, st));
	MUST(hs_summary_may_have(&r, HS_SUMMARY_TYPES, HS_SLICE("track")));
	for (size_t i = 0; i < SEALED_LINES; i++)
		hs_summary_builder_line(b, hs_slice_str(lines[i]), true);
	MUST(hs_summary_agrees(&spool.dir, b, false, 1, st));
	hs_summary_builder_free(b);
	hs_summary_close(&r);
}

static void ask_about_people(struct hs_summary_reader *r)
{
	struct hs_subject who = { .kind = HS_SUBJECT_USER, .id = "u-1", .n = 3 };
	struct hs_subjects people;

	hs_subjects_init(&people, 1);
	MUST(hs_subjects_add(&people, &who, NULL));
	hs_summary_may_name(r, &people);
	hs_subjects_free(&people);
}

/* True if a part of counts has this name as a whole: a longer one may hold the word. */
static bool has_name(struct hs_slice part, struct hs_slice name)
{
	struct hs_summary_counts counts;
	struct hs_slice counted;
	uint64_t records, bytes;
	bool found = false;

	if (!hs_summary_counts_start(&counts, part))
		return false;
	while (hs_summary_counts_next(&counts, &counted, &records, &bytes) > 0)
		found = found || hs_slice_eq(counted, name);
	return found;
}

static void read_summary(struct hs_slice text)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	struct stat st = fuzz_folder_stat(sealed_name);

	if (hs_summary_open(&r, &spool.dir, false, 1, &st)) {
		for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++) {
			const struct hs_summary_part *part = hs_summary_find(&r.head, (enum hs_summary_kind)kind);
			struct hs_slice bytes = hs_summary_read(&r, (enum hs_summary_kind)kind);

			if (bytes.p == NULL)
				continue;
			MUST(part != NULL && part->offset <= text.n && part->bytes <= text.n - part->offset);
			MUST(bytes.n == part->bytes && memcmp(bytes.p, text.p + part->offset, bytes.n) == 0);
			MUST(kind == HS_SUMMARY_IDS || crc32(0, (const Bytef *)bytes.p, (uInt)bytes.n) == part->crc);
			if (!hs_summary_may_have(&r, (enum hs_summary_kind)kind, HS_SLICE("track")))
				MUST(!has_name(bytes, HS_SLICE("track")));
		}
		ask_about_people(&r);
	} else {
		make_summary(&st);
	}
	hs_summary_close(&r);
}

/* A head of this spool and this segment, with what the input says of lines and parts. */
static struct hs_buf seal_summary(struct hs_slice rest)
{
	struct stat st = fuzz_folder_stat(sealed_name);
	struct hs_summary s = { 0 };
	struct hs_buf file = { 0 };
	struct hs_slice text;

	memcpy(&s, rest.p, rest.n < sizeof s ? rest.n : sizeof s);
	s.magic = HS_SUMMARY_MAGIC;
	s.number = 1;
	s.rejected = 0;
	s.plain = hs_summary_file_of(&st);
	memcpy(s.spool, spool.dir.history.id, sizeof s.spool);
	s.parts %= HS_SUMMARY_PARTS_MAX + 1;
	s.head_bytes = (uint32_t)hs_summary_head_bytes(s.parts);
	text = rest.n > s.head_bytes ? hs_slice(rest.p + s.head_bytes, rest.n - s.head_bytes) : HS_SLICE("");
	for (uint64_t i = 0; i < s.parts; i++) { /* within the file, and each other part with a check sum that holds */
		struct hs_summary_part *part = &s.part[i];
		uint64_t at = part->offset % (text.n + 1) & ~UINT64_C(7);

		part->kind %= HS_SUMMARY_KINDS;
		part->offset = s.head_bytes + at;
		part->bytes %= text.n - at + 1;
		if (i % 2 == 0)
			part->crc = hs_crc32(0, hs_slice(text.p + at, part->bytes));
	}
	hs_summary_seal(&s);
	hs_buf_put(&file, (const char *)&s, s.head_bytes);
	hs_buf_put_slice(&file, text);
	return file;
}

/* --- the console: its key, and how often a password may be tried ----------------------------------------- */

enum { CONSOLE_KEY = 8, CONSOLE_CHECK = 40, CONSOLE_TRIES = 72 };

static void read_console(struct hs_slice text)
{
	static const uint8_t id[HS_SESSION_ID] = { 1, 2, 3 };
	enum hs_result result;
	struct hs_session_file *file = hs_session_file_open(fuzz_folder, &result);
	uint8_t key[HS_SHA256_BYTES], check[HS_SHA256_BYTES];
	int64_t now = 1795428900123;
	unsigned seconds = 0;

	MUST(file != NULL && result == HS_OK);
	memcpy(key, hs_session_file_key(file).p, sizeof key);
	if (text.n >= CONSOLE_TRIES && memcmp(key, text.p + CONSOLE_KEY, sizeof key) == 0)
		MUST(hs_sha256(hs_slice((const char *)key, sizeof key), check) &&
		     memcmp(check, text.p + CONSOLE_CHECK, sizeof check) == 0);
	for (int i = 0; i <= HS_SESSION_TRIES; i++) {
		MUST(hs_session_file_try(file, HS_SLICE("192.0.2.7"), now, &seconds) == HS_OK);
		MUST(seconds <= HS_SESSION_TRIES_MS / 1000 + 1);
	}
	MUST(seconds > 0);
	MUST(hs_session_file_try(file, HS_SLICE("192.0.2.7"), now + HS_SESSION_TRIES_MS + 1, &seconds) == HS_OK);
	MUST(seconds == 0 && hs_session_file_forgive(file, HS_SLICE("192.0.2.7")) == HS_OK);
	MUST(hs_session_file_end(file, id, now + 1000, now) == HS_OK);
	MUST(hs_session_file_has_ended(file, id) ||
	     memcmp(key, hs_session_file_key(file).p, sizeof key) != 0); /* no room: all sessions end */
	hs_session_file_close(file);
}

/* A whole file, as long as it is; the input fills the first entry, which is the address's, and the rest. */
static struct hs_buf seal_console(struct hs_slice rest)
{
	enum { WHOLE = CONSOLE_TRIES + 2 * 512 * 24 };
	uint8_t key[HS_SHA256_BYTES] = { 0 }, check[HS_SHA256_BYTES];
	uint64_t address = hs_hash("192.0.2.7", 9, 0);
	struct hs_buf file = { 0 };

	MUST(hs_sha256(hs_slice((const char *)key, sizeof key), check));
	hs_buf_put_slice(&file, HS_SLICE("KHSCONS1"));
	hs_buf_put(&file, (const char *)key, sizeof key);
	hs_buf_put(&file, (const char *)check, sizeof check);
	hs_buf_put(&file, (const char *)&address, sizeof address);
	hs_buf_put_slice(&file, hs_slice(rest.p, rest.n < WHOLE - file.n ? rest.n : WHOLE - file.n));
	while (file.n < WHOLE)
		hs_buf_putc(&file, '\0');
	return file;
}

/* --- rates: nobody waits longer than libraries obey ------------------------------------------------------- */

enum { RATES_HEAD = 64, RATES_ENTRY = 32 };

static void read_rates(struct hs_slice text)
{
	enum hs_result result;
	struct hs_rates *rates = hs_rates_open(spool.dir.private_dir, 0600, &result);
	struct hs_rate rate = { .name = HS_SLICE("web"), .rate = 50000, .daily = 1 << 20 };
	int64_t now = 1795428900123;

	(void)text;
	MUST(rates != NULL);
	for (int i = 0; i < 4; i++) {
		MUST(hs_rates_wait(rates, &rate, now) <= HS_RATES_WAIT_MAX);
		hs_rates_charge(rates, &rate, UINT64_C(1) << (20 * i), UINT64_C(1) << (20 * i), now);
		now += 1000;
	}
	MUST(hs_rates_wait(rates, &rate, now) > 0); /* by then it has sent too much */
	hs_rates_close(rates);
}

/* The source's entry; the file is sparse. */
static void put_rates(const char *below, struct hs_slice rest)
{
	enum { SET = 64 };
	uint64_t key = hs_hash("web", 3, 0), magic = UINT64_C(0x3153455441525348);
	off_t at = RATES_HEAD + (off_t)(HS_RATES_ADDRESSES + key % (HS_RATES_SOURCES / SET) * SET) * RATES_ENTRY;
	char path[2 * PATH_MAX], entry[RATES_ENTRY] = "";
	int fd;

	memcpy(entry, &key, sizeof key);
	memcpy(entry + sizeof key, rest.p, rest.n < sizeof entry - sizeof key ? rest.n : sizeof entry - sizeof key);
	fuzz_folder_path(path, below);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	MUST(fd >= 0 && pwrite(fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic);
	MUST(pwrite(fd, entry, sizeof entry, at) == (ssize_t)sizeof entry);
	MUST(ftruncate(fd, RATES_HEAD + (off_t)(HS_RATES_ADDRESSES + HS_RATES_SOURCES) * RATES_ENTRY) == 0);
	close(fd);
}

/* --- metrics: figures that are read, or a file made anew that counts on -------------------------------------- */

static void read_uses(const struct hs_metrics_figures *f)
{
	struct hs_metrics_use use;

	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		if (hs_metrics_use(f, i, &use)) {
			MUST(memchr(use.name, '\0', sizeof use.name) != NULL && use.kind < HS_CREDENTIALS);
			hs_metrics_is_quiet(&use, 1795428900123);
		}
}

static uint64_t read_figures(void)
{
	struct hs_metrics_figures *f = hs_metrics_read(spool.dir.run_dir);
	struct hs_metrics_minute minute;
	enum hs_result why;
	uint64_t unparsed;
	int64_t at_ms;

	for (int row = 0; row < HS_METRIC_COUNT; row++)
		for (size_t i = 0; i < hs_metric_info((enum hs_metric)row)->cells; i++)
			hs_metrics_value(f, (enum hs_metric)row, i);
	for (int i = 0; i < HS_RESULT_COUNT; i++)
		hs_metrics_refused(f, (enum hs_result)i);
	for (int row = HS_METRIC_LAST_FAILURE; row <= HS_METRIC_LAST_REFUSAL; row++)
		if (hs_metrics_last(f, (enum hs_metric)row, &why, &at_ms))
			MUST(why > HS_OK && why < HS_RESULT_COUNT);
	for (int64_t i = 0; i < HS_METRICS_MINUTES; i += 97)
		hs_metrics_minute(f, 1795428900123 / 60000 - i, &minute);
	read_uses(f);
	unparsed = hs_metrics_value(f, HS_METRIC_UNPARSED_TIMESTAMPS, 0);
	hs_metrics_figures_free(f);
	return unparsed;
}

/* A file of a newer version is left alone. */
static void read_metrics(struct hs_slice text)
{
	struct hs_metrics *m = hs_metrics_new(HS_METRICS_BYTES);
	uint64_t before = read_figures(), now;

	MUST(m != NULL);
	if (hs_metrics_follow(m, spool.dir.run_dir, 0600)) {
		hs_metrics_add_one(m, HS_METRIC_UNPARSED_TIMESTAMPS);
		now = read_figures();
		MUST(now == before + 1 || now == 1);
	} else {
		MUST(text.n > 8);
	}
	hs_metrics_free(m);
}

/* The file as it is made, but for what the input has: four bytes say where, and eight follow. */
static void put_metrics(const char *below, struct hs_slice rest)
{
	enum { PIECE = 12 };
	struct hs_metrics *m = hs_metrics_new(HS_METRICS_BYTES);
	char path[2 * PATH_MAX];
	int fd;

	MUST(m != NULL && hs_metrics_follow(m, spool.dir.run_dir, 0600));
	hs_metrics_free(m);
	fuzz_folder_path(path, below);
	fd = open(path, O_RDWR);
	MUST(fd >= 0);
	for (; rest.n >= PIECE; rest = hs_slice(rest.p + PIECE, rest.n - PIECE)) {
		off_t size = fuzz_folder_stat(below).st_size;
		uint32_t at;

		memcpy(&at, rest.p, sizeof at);
		MUST(pwrite(fd, rest.p + sizeof at, PIECE - sizeof at, (off_t)at % (size - PIECE)) > 0);
	}
	close(fd);
}

/* --- blocks of the index: found is what a search from the start finds ------------------------------------ */

/* Each id once, ascending, with the latest of its times. */
static void check_merged(const struct hs_id_block *b, const struct hs_id_block_entry *entry, size_t n)
{
	MUST(b->n <= n);
	for (size_t i = 1; i < b->n; i++)
		MUST(b->high[i - 1] < b->high[i] || (b->high[i - 1] == b->high[i] && b->low[i - 1] < b->low[i]));
	for (size_t k = 0; k < n; k++) {
		size_t i = 0;

		while (i < b->n && (b->high[i] != entry[k].high || b->low[i] != entry[k].low))
			i++;
		MUST(i < b->n && b->spooled_s[i] >= entry[k].spooled_s);
	}
}

static void read_block(struct hs_slice text)
{
	size_t n = text.n / HS_ID_BLOCK_ENTRY;
	struct hs_slice packed = fuzz_copy(text.p, n * HS_ID_BLOCK_ENTRY);
	static struct hs_id_block_entry entry[HS_ID_BLOCK_ENTRIES];
	static struct hs_id_block merged;
	uint32_t spooled_s;

	for (size_t i = 0; i < n; i++) {
		struct hs_id_block_entry want = hs_id_block_at(packed, i);
		size_t near = hs_id_block_guess(packed, 0, UINT64_MAX, want.high);

		MUST(near < n);
		if (hs_id_block_find(packed, near, &want, &spooled_s)) {
			bool there = false;

			for (size_t k = 0; k < n; k++) {
				struct hs_id_block_entry e = hs_id_block_at(packed, k);

				there = there || (e.high == want.high && e.low == want.low && e.spooled_s == spooled_s);
			}
			MUST(there);
		}
	}
	if (n <= HS_ID_BLOCK_ENTRIES) {
		MUST(hs_id_block_unpack(packed, entry) == n);
		hs_id_block_sort(entry, n);
		hs_id_block_merge(&merged, HS_SLICE_NONE, 0, entry, n < HS_ID_BLOCK_ADDED ? n : HS_ID_BLOCK_ADDED);
		check_merged(&merged, entry, n < HS_ID_BLOCK_ADDED ? n : HS_ID_BLOCK_ADDED);
	}
	free((char *)(uintptr_t)packed.p);
}

/* --- which file ----------------------------------------------------------------------------------------------- */

static struct hs_buf seal_plan(struct hs_slice rest)
{
	struct hs_buf file = { 0 };
	uint64_t check = 0;

	hs_buf_put_slice(&file, rest);
	if (rest.n > 0 && rest.p[rest.n - 1] != '\n')
		hs_buf_putc(&file, '\n');
	for (size_t at = 0, n; at < file.n; at += n + 1) {
		n = (size_t)((const char *)memchr(file.p + at, '\n', file.n - at) - file.p) - at;
		check = hs_hash(file.p + at, n, check);
	}
	hs_buf_printf(&file, "{\"check\":\"%016" PRIx64 "\"}\n", check);
	return file;
}

static const struct kind {
	char letter; /* in capitals: sealed */
	const char *below;
	void (*read)(struct hs_slice text);
	struct hs_buf (*seal)(struct hs_slice rest); /* NULL: it has no check sum */
} kinds[] = {
	{ 'c', ".hookspool/cursors/c", read_cursor, NULL },
	{ 'e', ".hookspool/edits", read_edits, seal_edits },
	{ 'h', ".hookspool/backup", read_history, NULL },
	{ 'i', ".hookspool/imports/0123456789abcdef0123456789abcdef", read_import, NULL },
	{ 't', ".hookspool/erased-ids", read_tombstones, NULL },
	{ 'u', ".hookspool/suppressed", read_suppressed, NULL },
	{ 's', ".hookspool/salt", read_salt, NULL },
	{ 'r', "erased.jsonl", read_receipts, NULL },
	{ 'l', ".hookspool/loads/db@erase-0123456789abcdef", read_request, seal_plan },
	{ 'p', ".hookspool/erase-plan-1", read_plan, seal_plan },
	{ 'f', "failed.jsonl", read_failed, NULL },
	{ 'g', ".hookspool/ship", read_ship, NULL },
	{ 'k', ".hookspool/schema", read_schema, seal_schema },
	{ 'm', ".hookspool/run/summary/events-1", read_summary, seal_summary },
	{ 'x', ".hookspool/run/console", read_console, seal_console },
	{ 'a', ".hookspool/rates", read_rates, NULL },
	{ 'n', ".hookspool/run/metrics", read_metrics, NULL },
};

static void read_kind(const struct kind *kind, bool sealed, struct hs_slice rest)
{
	struct hs_buf file = { 0 };

	open_spool();
	if (sealed && kind->seal != NULL)
		file = kind->seal(rest);
	else
		hs_buf_put_slice(&file, rest);
	MUST(hs_buf_ok(&file));
	if (sealed && kind->read == read_rates)
		put_rates(kind->below, rest);
	else if (sealed && kind->read == read_metrics)
		put_metrics(kind->below, rest);
	else
		fuzz_folder_put(kind->below, hs_buf_slice(&file));
	kind->read(hs_buf_slice(&file));
	unlink_below(kind->below);
	hs_buf_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice rest = size > 0 ? fuzz_copy(data + 1, size - 1) : HS_SLICE_NONE;

	hs_log_level((enum hs_level) - 1); /* not even errors: each run has some */
	if (size == 0 || size > ROOM)
		goto end;
	if (data[0] == 'd')
		read_block(rest);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (hs_lower((char)data[0]) == kinds[i].letter)
			read_kind(&kinds[i], data[0] != (uint8_t)kinds[i].letter, rest);
end:
	free((char *)(uintptr_t)rest.p);
	return 0;
}
