#include "schema/schema_file.h"
#include "base/file_replace.h"
#include "base/log.h"
#include "spool/file/gzip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	HEAD = 20, /* bytes up to the check sum */
	FILE_MOST = 2 * HS_SCHEMA_BYTES,
	CHUNK = 1 << 16,
	LOCK_MS = 10000,
};
static const char MAGIC[] = "HSSCHEM1", TEMPORARY[] = "schema-new", LOCK[] = "schema.lock";

void hs_schema_free(struct hs_schema *s)
{
	hs_schema_table_free(&s->table);
	*s = (struct hs_schema){ .serial = s->serial };
}

void hs_schema_reset(struct hs_schema *s)
{
	uint64_t seed = s->table.seed;

	hs_schema_free(s);
	s->table.seed = seed;
}

/* --- writing ------------------------------------------------------------------------- */

static void put(struct hs_buf *out, uint64_t n)
{
	for (; n > 0x7F; n >>= 7)
		hs_buf_putc(out, (char)(n | 0x80));
	hs_buf_putc(out, (char)n);
}

static void put_text(struct hs_buf *out, const char *p, size_t n)
{
	put(out, n);
	hs_buf_put(out, p, n);
}

static void put_position(struct hs_buf *out, const struct hs_position *at)
{
	put(out, at->number);
	put(out, at->offset);
	put(out, at->edit);
	put(out, at->before);
}

static void put_field(struct hs_buf *out, const struct hs_schema_field *f)
{
	put_text(out, f->name.p, f->name.n);
	put(out, f->types);
	put(out, f->many);
	put(out, f->count);
	put(out, (uint64_t)f->last_ms);
	put(out, f->value_count);
	for (unsigned i = 0; i < f->value_count; i++) {
		put_text(out, f->value[i].text, f->value[i].n);
		put(out, f->value[i].segment);
	}
}

static void put_event(struct hs_buf *out, const struct hs_schema_table *t, const struct hs_schema_event *e)
{
	put_text(out, e->name.p, e->name.n);
	put(out, e->count);
	put(out, e->other);
	put(out, (uint64_t)e->first_ms);
	put(out, (uint64_t)e->last_ms);
	put(out, e->fields);
	for (uint32_t i = e->first; i != HS_SCHEMA_NONE; i = t->field[i].next)
		put_field(out, &t->field[i]);
}

void hs_schema_encode(const struct hs_schema *s, struct hs_buf *out)
{
	hs_buf_put(out, s->spool, sizeof s->spool);
	put(out, s->epoch);
	put(out, (uint64_t)s->saved_ms);
	put_position(out, &s->counted);
	put(out, s->gathering);
	put_position(out, &s->gather);
	put_position(out, &s->gather_end);
	put(out, s->oldest);
	put(out, s->table.records);
	put(out, s->table.other);
	put(out, s->table.count);
	for (size_t i = 0; i < s->table.count; i++)
		put_event(out, &s->table, &s->table.event[i]);
}

/* --- reading ------------------------------------------------------------------------- */

/* The bytes that are not read yet. After the end, and after a wrong byte, `ok` is false and numbers are 0. */
struct source {
	struct hs_slice rest;
	bool ok;
};

static uint64_t get(struct source *from)
{
	uint64_t n = 0;

	for (unsigned shift = 0; from->rest.n > 0 && shift < 64; shift += 7) {
		unsigned char c = (unsigned char)*from->rest.p;

		from->rest = hs_slice(from->rest.p + 1, from->rest.n - 1);
		n |= (uint64_t)(c & 0x7F) << shift;
		if (c < 0x80)
			return n;
	}
	from->ok = false;
	return 0;
}

/* A number from 0 to `most`. */
static uint64_t get_up_to(struct source *from, uint64_t most)
{
	uint64_t n = get(from);

	from->ok &= n <= most;
	return from->ok ? n : 0;
}

static int64_t get_time(struct source *from)
{
	return (int64_t)get_up_to(from, INT64_MAX);
}

static struct hs_slice get_bytes(struct source *from, size_t n)
{
	struct hs_slice bytes = hs_slice(from->rest.p, n);

	from->ok &= n <= from->rest.n;
	if (!from->ok)
		return hs_slice("", 0);
	from->rest = hs_slice(from->rest.p + n, from->rest.n - n);
	return bytes;
}

static struct hs_slice get_text(struct source *from)
{
	return get_bytes(from, (size_t)get_up_to(from, FILE_MOST));
}

static struct hs_position get_position(struct source *from)
{
	struct hs_position at = { .number = get(from) };

	at.offset = get(from);
	at.edit = get(from);
	at.before = get(from);
	return at;
}

static void get_field(struct source *from, struct hs_schema_table *t)
{
	struct hs_schema_field *f = hs_schema_table_put_field(t, get_text(from));
	uint64_t values;

	from->ok &= f != NULL;
	if (!from->ok)
		return;
	f->types = (uint8_t)get_up_to(from, (1 << HS_SCHEMA_TYPES) - 1);
	f->many = get_up_to(from, 1) == 1;
	f->count = get(from);
	f->last_ms = get_time(from);
	values = get_up_to(from, f->many ? 1 : HS_SCHEMA_VALUES);
	for (uint64_t i = 0; i < values && from->ok; i++) {
		struct hs_slice text = get_text(from);
		uint64_t segment = get(from);

		from->ok = from->ok && hs_schema_table_put_value(t, text, segment);
	}
}

static void get_event(struct source *from, struct hs_schema_table *t)
{
	struct hs_schema_event *e = hs_schema_table_put_event(t, get_text(from));
	uint64_t fields;

	from->ok &= e != NULL;
	if (!from->ok)
		return;
	e->count = get(from);
	e->other = get(from);
	e->first_ms = get_time(from);
	e->last_ms = get_time(from);
	fields = get_up_to(from, HS_SCHEMA_FIELDS);
	for (uint64_t i = 0; i < fields && from->ok; i++)
		get_field(from, t);
}

enum hs_result hs_schema_decode(struct hs_schema *s, struct hs_slice bytes)
{
	struct source from = { bytes, true };
	struct hs_slice id = get_bytes(&from, sizeof s->spool);
	uint64_t events;

	memcpy(s->spool, id.p, id.n);
	s->epoch = get(&from);
	s->saved_ms = get_time(&from);
	s->counted = get_position(&from);
	s->gathering = get_up_to(&from, 1) == 1;
	s->gather = get_position(&from);
	s->gather_end = get_position(&from);
	s->oldest = get(&from);
	s->table.records = get(&from);
	s->table.other = get(&from);
	events = get_up_to(&from, HS_SCHEMA_EVENTS);
	for (uint64_t i = 0; i < events && from.ok; i++)
		get_event(&from, &s->table);
	return from.ok && from.rest.n == 0 ? HS_OK : s->table.no_memory ? HS_E_MEMORY : HS_E_SPOOL_FILE;
}

/* --- the file ------------------------------------------------------------------------ */

static uint64_t little(const char *p, int n)
{
	uint64_t value = 0;

	for (int i = n; i-- > 0;)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

static void put_little(struct hs_buf *out, uint64_t value, int n)
{
	for (int i = 0; i < n; i++)
		hs_buf_putc(out, (char)(value >> (8 * i)));
}

/* Appends the file's first `most` bytes. HS_OK, also if there is none; HS_E_MEMORY or as hs_io_result. */
static enum hs_result read_file(const struct hs_spool_dir *dir, size_t most, struct hs_buf *to)
{
	int fd = hs_io_open_plain(dir->private_dir, HS_SCHEMA_FILE);
	ssize_t got = 1;
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT || errno == HS_IO_NOT_PLAIN || (errno == EACCES && dir->read_only)
		           ? HS_OK
		           : hs_io_result(errno);
	while (got > 0 && to->n < most) {
		size_t n = most - to->n < CHUNK ? most - to->n : CHUNK;
		char *p = hs_buf_reserve(to, n);

		got = p != NULL ? hs_io_read_at(fd, p, n, to->n) : 0;
		to->n += got > 0 ? (size_t)got : 0;
	}
	r = got < 0 ? hs_io_result(errno) : hs_buf_ok(to) ? HS_OK : HS_E_MEMORY;
	hs_io_close(fd);
	return r;
}

/* The serial number of the file with these bytes; 0: it is none. */
static uint64_t serial_of(struct hs_slice file)
{
	return file.n >= HEAD ? little(file.p + 8, 8) : 0;
}

static bool is_whole(struct hs_slice file)
{
	return file.n >= HEAD && file.n < FILE_MOST && memcmp(file.p, MAGIC, 8) == 0 &&
	       little(file.p + 16, 4) == hs_crc32(0, hs_slice(file.p + HEAD, file.n - HEAD));
}

enum hs_result hs_schema_load(struct hs_schema *s, const struct hs_spool_dir *dir)
{
	struct hs_buf file = { 0 };
	enum hs_result r = read_file(dir, FILE_MOST, &file);

	s->table.seed = hs_io_random();
	s->serial = r == HS_OK ? serial_of(hs_buf_slice(&file)) : 0;
	if (r == HS_OK && file.n > 0)
		r = is_whole(hs_buf_slice(&file)) ? hs_schema_decode(s, hs_slice(file.p + HEAD, file.n - HEAD))
		                                  : HS_E_SPOOL_FILE;
	if (r == HS_E_SPOOL_FILE) {
		hs_log(HS_LOG_WARN,
		       ".hookspool/" HS_SCHEMA_FILE
		       " is damaged, or of another version: it is made anew from the records that are there");
		hs_schema_reset(s);
		r = HS_OK;
	}
	hs_buf_free(&file);
	return r;
}

/* Takes the lock under which the file is replaced. */
static enum hs_result lock_file(const struct hs_spool_dir *dir, int *lock)
{
	enum hs_result r = HS_OK;

	*lock = hs_io_open_or_make(dir->run_dir, LOCK, 0600);
	if (*lock < 0)
		return hs_io_result(errno);
	if (hs_io_lock_within(*lock, LOCK_EX, LOCK_MS) < 0) {
		r = errno == EWOULDBLOCK ? HS_E_LOCKED : hs_io_result(errno);
		hs_io_close(*lock);
	}
	return r;
}

/* Replaces the file, under the lock. */
static enum hs_result replace(struct hs_schema *s, const struct hs_spool_dir *dir)
{
	struct hs_file_replace f = { dir->private_dir, HS_SCHEMA_FILE, dir->run_dir, TEMPORARY, 0600, false, -1 };
	uint64_t serial = hs_io_random() | 1;
	struct hs_buf body = { 0 }, head = { 0 };
	enum hs_result r;

	hs_schema_encode(s, &body);
	hs_buf_put(&head, MAGIC, 8);
	put_little(&head, serial, 8);
	put_little(&head, hs_crc32(0, hs_buf_slice(&body)), 4);
	r = hs_buf_ok(&body) && hs_buf_ok(&head) ? hs_file_replace_begin(&f) : HS_E_MEMORY;
	if (r == HS_OK &&
	    (hs_io_write_at(f.fd, head.p, head.n, 0) < 0 || hs_io_write_at(f.fd, body.p, body.n, HEAD) < 0))
		r = hs_io_result(errno);
	r = hs_file_replace_end(&f, r);
	if (r == HS_OK)
		s->serial = serial;
	hs_buf_free(&body);
	hs_buf_free(&head);
	return r;
}

/* HS_E_REWRITTEN: the file is not the one that was loaded. */
static enum hs_result is_current(const struct hs_schema *s, const struct hs_spool_dir *dir)
{
	struct hs_buf head = { 0 };
	enum hs_result r = read_file(dir, HEAD, &head);

	if (r == HS_OK && serial_of(hs_buf_slice(&head)) != s->serial)
		r = HS_E_REWRITTEN;
	hs_buf_free(&head);
	return r;
}

enum hs_result hs_schema_save(struct hs_schema *s, const struct hs_spool_dir *dir)
{
	int lock;
	enum hs_result r = lock_file(dir, &lock);

	if (r != HS_OK)
		return r;
	r = is_current(s, dir);
	if (r == HS_OK)
		r = replace(s, dir);
	hs_io_close(lock);
	return r;
}

/*
 * Replaces the file by one without values, and what a kill has left of another. A file that cannot be read counts
 * as damaged.
 */
static enum hs_result forget(const struct hs_spool_dir *dir)
{
	struct hs_schema s = { 0 };
	enum hs_result r = hs_schema_load(&s, dir);

	if (r != HS_E_MEMORY) {
		hs_schema_table_drop(&s.table, UINT64_MAX);
		s.gathering = s.counted.number > 0;
		s.gather = (struct hs_position){ 0 };
		s.gather_end = s.counted;
		r = replace(&s, dir);
	}
	hs_schema_free(&s);
	return r;
}

enum hs_result hs_schema_forget(const struct hs_spool_dir *dir)
{
	int lock;
	enum hs_result r = lock_file(dir, &lock);

	if (r != HS_OK)
		return r;
	r = forget(dir);
	hs_io_close(lock);
	return r;
}
