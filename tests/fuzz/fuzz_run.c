/*
 * A damaged disk: .hookspool/run/state and .hookspool/run/index, which say where the next line goes and whether an
 * event is known. The files are those that the program itself has made of a spool with a sealed and an open segment;
 * the first byte says what is changed in them:
 *
 *	'b'  the state, as another boot left it: 10 bytes a change, the number of a word and its value
 *	's'  the state of this boot, the same way
 *	'i'  the index is these bytes
 *	'h'  LMDB's two headers, the same way
 *	'm'  the mark, the same way
 *	'M'  the mark, with a check sum that holds
 *	'k'  further records in the index: key, length, value
 *
 * Size and time of the index are noted in the state, as if the program had written it, except for 'i'.
 *
 * Then two processes, one after the other, append what is there and one event more, and seal the segment. In every
 * case all lines that were acknowledged are read back. Where the damage is known (b, i, m) an event is not stored
 * twice, either, and the append succeeds.
 */
#include "base/io.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "event/dedup_key.h"
#include "spool/dedup/index_store.h"
#include "spool/file/gzip.h"
#include "spool/read/reader.h"
#include "spool/spool.h"
#include "tests/fuzz/temp_folder.h"

#include <glob.h>
#include <stddef.h>

enum { KEPT = 3 /* lines that are there */, LINES, FILES = 5, DEADLINE_MS = 8000 };
/* LMDB's two first pages begin with what it knows of the file. */
enum { PAGE = 4096, HEADER = 160 };
enum { WHERE = 2, WORD = 8 }; /* of a change */
enum { EVENTS_SEALED, EVENTS_OPEN, HISTORY, STATE, INDEX };

void __lsan_disable(void) __attribute__((weak)); /* sanitizer/lsan_interface.h */
void __lsan_enable(void) __attribute__((weak));

/* The spool as it was made, in this process's first run. */
static struct base {
	char sealed[PATH_MAX]; /* the segment's name */
	const char *below[FILES];
	struct hs_buf file[FILES];
	struct hs_buf line[LINES];
	struct hs_record record[LINES];
} base = { .below = { base.sealed, "events.jsonl", ".hookspool/spool", ".hookspool/run/state",
	              ".hookspool/run/index" } };

static struct hs_settings *make_settings(void)
{
	struct hs_settings_error error;
	char text[PATH_MAX + 100];
	struct hs_settings *settings;

	snprintf(text, sizeof text,
	         "spool_dir = %s\nauth = none\nmin_free = 0\ndedup_window = 7d\nrotate_min_gap = 0\n", fuzz_folder);
	settings = hs_settings_new("fuzz.conf", hs_slice_str(text), NULL, &error);
	MUST(settings != NULL);
	return settings;
}

/* --- making it ------------------------------------------------------------------------------------ */

static void make_lines(void)
{
	struct hs_dedup_key_maker maker = { 0 };
	char now[HS_TIMESTAMP_TEXT + 1];

	MUST(hs_dedup_key_maker_init(&maker));
	hs_timestamp_text(hs_io_now(), now);
	for (int i = 0; i < LINES; i++) {
		bool known;
		int64_t ms;
		struct hs_slice line;

		hs_buf_printf(&base.line[i], "{\"message_id\":\"m-%d\",\"type\":\"track\",\"spooled_at\":\"%s\"}\n", i,
		              now);
		line = hs_slice(base.line[i].p, base.line[i].n - 1);
		base.record[i] = (struct hs_record){ .n = base.line[i].n, .fingerprint = 1 };
		MUST(hs_dedup_key_of_record(&maker, line, &known, &base.record[i].id, &ms) == HS_OK && known);
	}
	hs_dedup_key_maker_free(&maker);
}

static enum hs_result append(struct hs_spool *spool, int from, int to, uint64_t *duplicate)
{
	struct hs_buf lines = { 0 };
	struct hs_append a = { .record = &base.record[from],
		               .count = (size_t)(to - from),
		               .duplicate = duplicate,
		               .deadline_ms = hs_io_now_monotonic() + DEADLINE_MS };
	enum hs_result result;

	*duplicate = 0;
	for (int i = from; i < to; i++)
		hs_buf_put_slice(&lines, hs_buf_slice(&base.line[i]));
	a.records = hs_buf_slice(&lines);
	result = hs_spool_append(spool, &a);
	hs_buf_free(&lines);
	return result;
}

static void read_whole(const char *below, struct hs_buf *to)
{
	char path[2 * PATH_MAX], *room;
	struct stat st;
	int fd;

	fuzz_folder_path(path, below);
	fd = open(path, O_RDONLY);
	MUST(fd >= 0 && fstat(fd, &st) == 0);
	room = hs_buf_reserve(to, (size_t)st.st_size + 1);
	MUST(room != NULL && read(fd, room, (size_t)st.st_size) == (ssize_t)st.st_size);
	to->n = (size_t)st.st_size;
	close(fd);
}

static void find_sealed(void)
{
	char pattern[2 * PATH_MAX];
	glob_t found;

	fuzz_folder_path(pattern, "events-*.jsonl");
	MUST(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
	snprintf(base.sealed, sizeof base.sealed, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
}

static void free_base(void)
{
	for (int i = 0; i < FILES; i++)
		hs_buf_free(&base.file[i]);
	for (int i = 0; i < LINES; i++)
		hs_buf_free(&base.line[i]);
}

/*
 * Two lines in the sealed segment and one in the open one; the last process of three leaves all of them in the
 * index.
 */
static void make_base(void)
{
	struct hs_settings *settings;
	uint64_t duplicate;

	if (base.line[0].n > 0)
		return;
	fuzz_folder_begin();
	settings = make_settings();
	make_lines();
	for (int i = 0; i < 3; i++) {
		struct hs_spool *spool = hs_spool_new(settings);

		MUST(append(spool, i == 0 ? 0 : 2, i == 0 ? 2 : KEPT, &duplicate) == HS_OK);
		MUST(i > 0 || hs_spool_rotate(spool, hs_io_now_monotonic() + DEADLINE_MS) == HS_OK);
		hs_spool_free(spool);
	}
	hs_settings_free(settings);
	find_sealed();
	for (int i = 0; i < FILES; i++)
		read_whole(base.below[i], &base.file[i]);
	MUST(base.file[STATE].n == sizeof(struct hs_shared_state));
	atexit(free_base);
}

/* --- damage ------------------------------------------------------------------------------------------ */

/* Takes the next change off: the number of a word, of `words`, and its value. False: there is none. */
static bool next_change(struct hs_slice *changes, size_t words, size_t *word, uint64_t *value)
{
	if (changes->n < WHERE + WORD)
		return false;
	*word = ((unsigned char)changes->p[0] | (size_t)(unsigned char)changes->p[1] << 8) % words;
	memcpy(value, changes->p + WHERE, WORD);
	*changes = hs_slice(changes->p + WHERE + WORD, changes->n - WHERE - WORD);
	return true;
}

static void change(char *bytes, size_t size, struct hs_slice changes)
{
	uint64_t value;
	size_t word;

	while (next_change(&changes, size / WORD, &word, &value))
		memcpy(bytes + word * WORD, &value, WORD);
}

static void change_header(char *bytes, struct hs_slice changes)
{
	uint64_t value;
	size_t word;

	while (next_change(&changes, 2 * HEADER / WORD, &word, &value))
		memcpy(bytes + (word < HEADER / WORD ? word : word - HEADER / WORD + PAGE / WORD) * WORD, &value, WORD);
}

struct lmdb {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi records;
};

static struct lmdb open_index(void)
{
	char path[2 * PATH_MAX];
	struct lmdb l;

	fuzz_folder_path(path, base.below[INDEX]);
	MUST(mdb_env_create(&l.env) == 0 && mdb_env_set_mapsize(l.env, 16 << 20) == 0);
	MUST(mdb_env_open(l.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0600) == 0);
	MUST(mdb_txn_begin(l.env, NULL, 0, &l.txn) == 0);
	MUST(mdb_dbi_open(l.txn, NULL, HS_ID_LSM_FLAGS, &l.records) == 0);
	return l;
}

static void close_index(struct lmdb *l)
{
	MUST(mdb_txn_commit(l->txn) == 0);
	mdb_env_close(l->env);
}

static void put_records(struct hs_slice records)
{
	enum { HEAD = 9 };
	struct lmdb l = open_index();

	while (records.n >= HEAD) {
		size_t n = (size_t)(unsigned char)records.p[8] * HS_ID_BLOCK_ENTRY / 2;
		uint64_t number;
		MDB_val key = { sizeof number, &number }, value;

		memcpy(&number, records.p, sizeof number);
		n = n < records.n - HEAD ? n : records.n - HEAD;
		value = (MDB_val){ n, (void *)(uintptr_t)(records.p + HEAD) };
		MUST(mdb_put(l.txn, l.records, &key, &value, 0) == 0);
		records = hs_slice(records.p + HEAD + n, records.n - HEAD - n);
	}
	close_index(&l);
}

static void change_mark(struct hs_slice changes, bool sum_holds)
{
	uint64_t key = UINT64_MAX; /* index.h */
	struct hs_index_mark mark;
	struct lmdb l = open_index();
	MDB_val k = { sizeof key, &key }, value;

	MUST(mdb_get(l.txn, l.records, &k, &value) == 0 && value.mv_size == sizeof mark);
	memcpy(&mark, value.mv_data, sizeof mark);
	change((char *)&mark, sizeof mark, changes);
	if (sum_holds)
		mark.check = hs_crc32(0, hs_slice((const char *)&mark, offsetof(struct hs_index_mark, check)));
	value = (MDB_val){ sizeof mark, &mark };
	MUST(mdb_put(l.txn, l.records, &k, &value, 0) == 0);
	close_index(&l);
}

/* Writes the state last: it knows the other files, and itself, by inode. */
static void put_state(char kind, struct hs_slice changes)
{
	struct hs_shared_state *s = malloc(sizeof *s);
	struct stat open = fuzz_folder_stat(base.below[EVENTS_OPEN]), index = fuzz_folder_stat(base.below[INDEX]), own;

	MUST(s != NULL);
	memcpy(s, base.file[STATE].p, sizeof *s);
	fuzz_folder_put(base.below[STATE], HS_SLICE(""));
	own = fuzz_folder_stat(base.below[STATE]);
	s->inode = (uint64_t)own.st_ino;
	s->stream[HS_EVENTS].inode = (uint64_t)open.st_ino;
	s->index.inode = (uint64_t)index.st_ino;
	if (kind != 'i') {
		s->index.size = (uint64_t)index.st_size;
		s->index.changed_ns = index.st_mtim.tv_sec * INT64_C(1000000000) + index.st_mtim.tv_nsec;
	}
	if (kind == 'b' || kind == 's') /* most of it is rings, which come last */
		change((char *)s, changes.n % 2 == 0 ? offsetof(struct hs_shared_state, recent.id) : sizeof *s,
		       changes);
	s->version = ((const struct hs_shared_state *)(const void *)base.file[STATE].p)
	                 ->version; /* others are refused, as they must be */
	if (kind == 'b')
		memset(s->boot_id, '0', 36);
	fuzz_folder_put(base.below[STATE], hs_slice((const char *)s, sizeof *s));
	free(s);
}

static void put_files(char kind, struct hs_slice changes)
{
	struct hs_slice index = hs_buf_slice(&base.file[INDEX]), damaged;

	fuzz_folder_begin();
	fuzz_folder_make_dir(".hookspool/run");
	for (int i = 0; i < STATE; i++)
		fuzz_folder_put(base.below[i], hs_buf_slice(&base.file[i]));
	damaged = fuzz_copy(index.p, index.n);
	if (kind == 'h')
		change_header((char *)(uintptr_t)damaged.p, changes);
	fuzz_folder_put(base.below[INDEX], kind == 'i' ? changes : damaged);
	free((char *)(uintptr_t)damaged.p);
	if (kind == 'm' || kind == 'M')
		change_mark(changes, kind == 'M');
	if (kind == 'k')
		put_records(changes);
	put_state(kind, changes);
}

/* --- what must hold ------------------------------------------------------------------------------------ */

/* How often each line is read. */
static void count_lines(const struct hs_settings *settings, unsigned count[static LINES])
{
	struct hs_reader *reader;
	struct hs_slice line;
	enum hs_read read;
	int reads = 0;

	memset(count, 0, LINES * sizeof *count);
	MUST(hs_reader_open_quietly(settings, &reader) == HS_OK);
	while ((read = hs_reader_next(reader, &line)) == HS_READ_LINE || read == HS_READ_GAP) {
		MUST(++reads < 4 * LINES);
		for (int i = 0; i < LINES && read == HS_READ_LINE; i++)
			count[i] += hs_slice_eq(line, hs_slice(base.line[i].p, base.line[i].n - 1));
	}
	hs_reader_close(reader);
}

static bool append_all(const struct hs_settings *settings, bool is_known, uint64_t want)
{
	struct hs_spool *spool = hs_spool_new(settings);
	uint64_t duplicate;
	enum hs_result result = append(spool, 0, LINES, &duplicate), rotated;

	rotated = hs_spool_rotate(spool, hs_io_now_monotonic() + DEADLINE_MS);
	hs_spool_free(spool);
	if (is_known)
		MUST(result == HS_OK && duplicate == want && rotated == HS_OK);
	return result == HS_OK;
}

static void check(char kind)
{
	struct hs_settings *settings = make_settings();
	bool is_known = kind == 'b' || kind == 'i' || kind == 'm', done;
	unsigned count[LINES];

	done = append_all(settings, is_known, KEPT);
	done = append_all(settings, is_known, LINES) || done;
	count_lines(settings, count);
	for (int i = 0; i < LINES; i++) {
		/* an id that the records claim to have counts as known */
		MUST(count[i] > 0 || (i == KEPT && (!done || kind == 'k')));
		MUST(count[i] == 1 || !is_known);
	}
	hs_settings_free(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice rest = size > 0 ? hs_slice((const char *)data + 1, size - 1) : HS_SLICE_NONE;

	hs_log_level((enum hs_level) - 1);
	make_base();
	if (size == 0 || memchr("bsihmMk", data[0], 7) == NULL)
		return -1;
	if (__lsan_disable != NULL)
		__lsan_disable(); /* what LMDB had under way is abandoned */
	put_files((char)data[0], rest);
	check((char)data[0]);
	if (__lsan_enable != NULL)
		__lsan_enable();
	return 0;
}
