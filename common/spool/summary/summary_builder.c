#include "spool/summary/summary_builder.h"
#include "base/bloom.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "event/dedup_key.h"
#include "event/id_text.h"
#include "event/top_counts.h"
#include "spool/file/gzip.h"
#include "spool/summary/summary_line.h"
#include "spool/summary/summary_sort.h"
#include "spool/write/rejected.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
	DAY = 10 /* bytes of 2026-11-23 */,
	RECENT = 256,
	FIRST = 1 << 12, /* items */
	GROWTH = 8,
	ID_BYTES = 20,
};
#define DAY_MS INT64_C(86400000)

struct hs_summary_builder {
	struct hs_summary head;
	bool failed;
	struct hs_buf carry; /* the beginning of a line whose end is not there yet */
	struct hs_json json;
	struct hs_summary_layout layout;
	struct hs_timestamp_minute spooled_minute, event_minute;
	struct hs_digest *digest;
	struct hs_dedup_key_maker maker;
	struct hs_buf ids;       /* of struct hs_summary_id */
	struct hs_buf names;     /* hashes for BLOOM: of people and groups, which come again and again … */
	struct hs_buf own;       /* … and of message ids, which do not */
	uint64_t recent[RECENT]; /* names that came lately, each at its low bits */
	struct hs_top_counts counts[HS_SUMMARY_KINDS];
	int64_t day;                     /* whose text is `day_text` … */
	uint64_t day_records, day_bytes; /* … and of which these are not counted yet */
	char day_text[HS_TIMESTAMP_TEXT + 1];
	struct hs_buf last; /* the last line */
	struct hs_buf text, sorted, parts;
};

static struct hs_buf emptied(struct hs_buf buf)
{
	hs_buf_reset(&buf);
	return buf;
}

void hs_summary_builder_again(struct hs_summary_builder *b, bool rejected, uint64_t number)
{
	struct hs_summary head = { .rejected = rejected, .number = number };

	memcpy(head.spool, b->head.spool, sizeof head.spool);
	for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++)
		hs_top_counts_free(&b->counts[kind]);
	*b = (struct hs_summary_builder){ .head = head,
		                          .json = b->json,
		                          .digest = b->digest,
		                          .maker = b->maker,
		                          .carry = emptied(b->carry),
		                          .ids = emptied(b->ids),
		                          .names = emptied(b->names),
		                          .own = emptied(b->own),
		                          .last = emptied(b->last),
		                          .text = emptied(b->text),
		                          .sorted = emptied(b->sorted),
		                          .parts = emptied(b->parts) };
	b->failed = b->digest == NULL || b->maker.digest == NULL;
	b->day = INT64_MIN;
	b->recent[0] = 1; /* a zero belongs there and would seem to have come already */
	for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++)
		b->counts[kind].seed = hs_io_random();
}

struct hs_summary_builder *hs_summary_builder_new(const char spool[static HS_HISTORY_ID], bool rejected,
                                                  uint64_t number)
{
	struct hs_summary_builder *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	memcpy(b->head.spool, spool, sizeof b->head.spool);
	hs_json_init(&b->json, hs_io_random());
	b->digest = hs_digest_new();
	hs_dedup_key_maker_init(&b->maker); /* hs_summary_builder_again sees what is not there */
	hs_summary_builder_again(b, rejected, number);
	return b;
}

void hs_summary_builder_free(struct hs_summary_builder *b)
{
	if (b == NULL)
		return;
	hs_json_free(&b->json);
	hs_digest_free(b->digest);
	hs_dedup_key_maker_free(&b->maker);
	for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++)
		hs_top_counts_free(&b->counts[kind]);
	hs_buf_free(&b->carry);
	hs_buf_free(&b->last);
	hs_buf_free(&b->text);
	hs_buf_free(&b->ids);
	hs_buf_free(&b->names);
	hs_buf_free(&b->own);
	hs_buf_free(&b->sorted);
	hs_buf_free(&b->parts);
	free(b);
}

void hs_summary_builder_damage(struct hs_summary_builder *b)
{
	if (b != NULL)
		b->head.odd++;
}

void hs_summary_builder_fail(struct hs_summary_builder *b)
{
	if (b != NULL)
		b->failed = true;
}

/* --- a line of the events --------------------------------------------------------------- */

/* Readers compare an id by its text, with lone surrogates as they are. */
static struct hs_slice id_text(struct hs_summary_builder *b, const struct hs_record_field *field)
{
	if (field->is_string && !field->value_escaped)
		return field->value;
	hs_buf_reset(&b->text);
	if (field->is_string)
		hs_json_unescape(field->value, &b->text);
	else
		hs_id_put_number(&b->text, field->value);
	b->failed |= !hs_buf_ok(&b->text);
	return hs_buf_slice(&b->text);
}

/* Appends an item. Unused room costs nothing, as its pages are never touched, but moving the items does. */
static inline void collect(struct hs_buf *to, const void *item, size_t bytes)
{
	if (to->cap - to->n < bytes)
		hs_buf_reserve(to, (GROWTH - 1) * to->n + FIRST * bytes);
	if (HS_MOSTLY(!to->failed)) {
		memcpy(to->p + to->n, item, bytes);
		to->n += bytes;
	}
}

/* Most repetitions of a name are close together; sorting removes the others. */
static void note_name(struct hs_summary_builder *b, uint64_t hash)
{
	uint64_t *recent = &b->recent[hash % RECENT];

	if (*recent != hash)
		collect(&b->names, &hash, sizeof hash);
	*recent = hash;
}

static void note_names(struct hs_summary_builder *b, const struct hs_summary_line *line)
{
	static const enum hs_field kinds[] = { HS_FIELD_USER_ID, HS_FIELD_ANONYMOUS_ID, HS_FIELD_PREVIOUS_ID,
		                               HS_FIELD_GROUP_ID };
	const struct hs_record_field *own = &line->field[HS_FIELD_MESSAGE_ID];
	uint64_t hash;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const struct hs_record_field *field = &line->field[kinds[i]];

		if (field->name.p != NULL)
			note_name(b, hs_summary_hash(id_text(b, field)));
	}
	if (own->name.p != NULL) {
		hash = hs_summary_hash(id_text(b, own));
		collect(&b->own, &hash, sizeof hash);
	}
}

static uint64_t half(const uint8_t *bytes)
{
	uint64_t n;

	memcpy(&n, bytes, sizeof n);
	return be64toh(n);
}

static void note_id(struct hs_summary_builder *b, const struct hs_summary_line *line, int64_t ms)
{
	struct hs_id_scope scope = { line->tenant.value, line->source.value };
	struct hs_dedup_key key;
	struct hs_summary_id id = { .spooled_s = (uint32_t)(ms > 0 ? ms / 1000 : 0) };
	bool known;

	if (hs_dedup_key_of_field(&b->maker, &line->field[HS_FIELD_MESSAGE_ID], &scope, &known, &key) != HS_OK)
		b->failed = true;
	if (b->failed || !known)
		return;
	id.first = half(key.bytes);
	id.second = half(key.bytes + 8);
	collect(&b->ids, &id, sizeof id);
}

static void count(struct hs_summary_builder *b, enum hs_summary_kind kind, const struct hs_record_field *field,
                  uint64_t bytes)
{
	b->failed |= !hs_top_counts_add_field(&b->counts[kind], field, bytes);
}

/* Counts the lines of the same day that came one after the other. */
static void end_day(struct hs_summary_builder *b)
{
	if (b->day_records > 0)
		b->failed |= !hs_top_counts_add_many(&b->counts[HS_SUMMARY_DAYS], hs_slice(b->day_text, DAY),
		                                     b->day_records, b->day_bytes);
	b->day_records = b->day_bytes = 0;
}

static void count_time(struct hs_summary_builder *b, int64_t ms, uint64_t bytes)
{
	struct hs_summary *s = &b->head;

	if (s->timed++ == 0 || ms < s->first_time)
		s->first_time = ms;
	if (s->timed == 1 || ms > s->last_time)
		s->last_time = ms;
	if (b->day != ms / DAY_MS || ms < 0) {
		end_day(b);
		hs_timestamp_text(ms, b->day_text);
		b->day = ms / DAY_MS;
	}
	b->day_records++;
	b->day_bytes += bytes;
}

/* More events than a summary has room for: only counts go on. */
static void drop_names(struct hs_summary_builder *b)
{
	hs_buf_free(&b->ids);
	hs_buf_free(&b->names);
	hs_buf_free(&b->own);
}

/* Reads the time as filters read it, decoded. */
static bool read_time(struct hs_summary_builder *b, struct hs_timestamp_minute *minute,
                      const struct hs_record_field *field, int64_t *ms)
{
	struct hs_slice text = hs_record_field_text(field, &b->text);

	b->failed |= field->value_escaped && text.p == NULL;
	return hs_timestamp_parse_near(minute, text, ms);
}

static int64_t note_spooled(struct hs_summary_builder *b, const struct hs_summary_line *line)
{
	struct hs_summary *s = &b->head;
	int64_t ms;

	if (!read_time(b, &b->spooled_minute, &line->spooled_at, &ms))
		return 0;
	if (s->first_spooled == 0 || ms < s->first_spooled)
		s->first_spooled = ms;
	if (ms > s->last_spooled)
		s->last_spooled = ms;
	return ms;
}

/* False if the line is not as hookspool writes it. */
static bool take_event(struct hs_summary_builder *b, struct hs_slice text, bool sound)
{
	uint64_t bytes = text.n + 1;
	struct hs_summary_line line;
	int64_t spooled_ms, ms;
	enum hs_result r = hs_summary_line_read(&line, &b->layout, &b->json, text, sound);

	b->failed |= r == HS_E_MEMORY;
	if (r != HS_OK)
		return false;
	count(b, HS_SUMMARY_TYPES, &line.field[HS_FIELD_TYPE], bytes);
	count(b, HS_SUMMARY_EVENTS, &line.field[HS_FIELD_EVENT], bytes);
	count(b, HS_SUMMARY_TENANTS, &line.tenant, bytes);
	spooled_ms = note_spooled(b, &line);
	if (read_time(b, &b->event_minute, &line.field[HS_FIELD_TIMESTAMP], &ms))
		count_time(b, ms, bytes);
	else if (spooled_ms != 0)
		count_time(b, spooled_ms, bytes);
	if (b->head.lines == HS_SUMMARY_EVENTS_MAX)
		drop_names(b);
	if (b->head.lines < HS_SUMMARY_EVENTS_MAX) {
		note_names(b, &line);
		note_id(b, &line, spooled_ms);
	}
	return true;
}

/* --- a rejected line ------------------------------------------------------------------------ */

static bool take_rejected(struct hs_summary_builder *b, struct hs_slice text)
{
	struct hs_record_fields walk = hs_record_fields_of(text);
	struct hs_record_field field;
	uint64_t bytes = text.n + 1;
	int64_t ms;

	while (hs_record_field_next(&walk, &field)) {
		if (hs_slice_eq(field.name, HS_SLICE("tenant")))
			count(b, HS_SUMMARY_TENANTS, &field, bytes);
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at")) && hs_timestamp_parse(field.value, &ms))
			count_time(b, ms, bytes);
		if (!hs_slice_eq(field.name, HS_SLICE("message")))
			continue;
		hs_buf_reset(&b->text);
		hs_record_field_put(&field, &b->text);
		b->failed |=
		    !hs_buf_ok(&b->text) || !hs_top_counts_add(&b->counts[HS_SUMMARY_REASONS],
		                                               hs_rejected_reason(hs_buf_slice(&b->text)), bytes);
	}
	return text.n > 0 && text.p[text.n - 1] == '}';
}

/* --- lines ----------------------------------------------------------------------------------- */

/* A line that ends with a newline; `sound` is what hs_summary_line_end said of it. */
static void take_line(struct hs_summary_builder *b, struct hs_slice text, bool sound)
{
	struct hs_summary *s = &b->head;

	if (!(s->rejected ? take_rejected(b, text) : take_event(b, text, sound)))
		s->odd++;
	s->lines++;
}

static void take_scanned(struct hs_summary_builder *b, struct hs_slice line)
{
	bool sound;

	hs_summary_line_end(line, &sound);
	take_line(b, line, sound);
}

/* The last line has no newline. */
static void take_torn(struct hs_summary_builder *b)
{
	b->head.odd++;
	b->head.lines++;
}

void hs_summary_builder_line(struct hs_summary_builder *b, struct hs_slice line, bool whole)
{
	if (b == NULL || b->failed)
		return;
	b->head.text_crc = hs_crc32((uint32_t)b->head.text_crc, line);
	if (whole)
		b->head.text_crc = hs_crc32((uint32_t)b->head.text_crc, HS_SLICE("\n"));
	b->head.text_bytes += line.n + whole;
	if (!whole) {
		take_torn(b);
		return;
	}
	take_scanned(b, line);
	hs_buf_reset(&b->last);
	hs_buf_put_slice(&b->last, line);
	b->failed |= !hs_buf_ok(&b->last);
}

/* Takes the lines of the text; what is after the last newline is carried to the next call. */
static void take_lines(struct hs_summary_builder *b, struct hs_slice text)
{
	struct hs_slice line = HS_SLICE_NONE;
	const char *newline;
	bool sound;

	while ((newline = hs_summary_line_end(text, &sound)) != NULL) {
		line = hs_slice(text.p, (size_t)(newline - text.p));
		text = hs_slice(newline + 1, text.n - line.n - 1);
		if (b->carry.n > 0) {
			hs_buf_put_slice(&b->carry, line);
			take_scanned(b, line = hs_buf_slice(&b->carry));
			hs_buf_reset(&b->carry); /* its bytes stay until the next put */
		} else {
			take_line(b, line, sound);
		}
	}
	if (line.p != NULL) {
		hs_buf_reset(&b->last);
		hs_buf_put_slice(&b->last, line);
	}
	hs_buf_put_slice(&b->carry, text);
}

void hs_summary_builder_text(struct hs_summary_builder *b, struct hs_slice text)
{
	if (b == NULL || b->failed)
		return;
	b->head.text_bytes += text.n;
	take_lines(b, text);
	b->failed |= !hs_buf_ok(&b->carry) || !hs_buf_ok(&b->last);
}

void hs_summary_builder_crc(struct hs_summary_builder *b, uint32_t crc)
{
	if (b != NULL)
		b->head.text_crc = crc;
}

/* --- parts -------------------------------------------------------------------------------------- */

/* Adds zeros until the next byte is at a multiple of n in the file, whose head will have head_bytes bytes. */
static void pad(struct hs_summary_builder *b, size_t head_bytes, size_t n)
{
	while (hs_buf_ok(&b->parts) && (head_bytes + b->parts.n) % n != 0)
		hs_buf_putc(&b->parts, '\0');
}

/* The part has the bytes from `start` to `end`. */
static void note_part(struct hs_summary_builder *b, enum hs_summary_kind kind, size_t start, size_t end)
{
	struct hs_summary_part *part = &b->head.part[b->head.parts++];
	struct hs_slice bytes = start < end ? hs_slice(b->parts.p + start, end - start) : HS_SLICE_NONE;

	part->kind = kind;
	part->offset = start; /* after the head, whose size is not known yet */
	part->bytes = bytes.n;
	part->crc = hs_crc32(0, bytes);
}

static void end_part(struct hs_summary_builder *b, enum hs_summary_kind kind, size_t start)
{
	note_part(b, kind, start, b->parts.n);
	pad(b, 0, 8);
}

/* Leaves room for SUMS, which are known when IDS are there. Returns their bytes. */
static size_t begin_sums(struct hs_summary_builder *b, size_t ids_bytes)
{
	size_t bytes = (ids_bytes + HS_SUMMARY_CHUNK - 1) / HS_SUMMARY_CHUNK * sizeof(uint32_t);

	for (size_t i = 0; i < bytes; i++)
		hs_buf_putc(&b->parts, '\0');
	pad(b, 0, 8);
	if (ids_bytes > HS_SUMMARY_CHUNK)
		pad(b, hs_summary_head_bytes(HS_SUMMARY_KINDS), HS_SUMMARY_CHUNK); /* a head with all parts */
	return bytes;
}

static void end_sums(struct hs_summary_builder *b, size_t bytes, struct hs_slice ids)
{
	hs_summary_sums(ids, b->parts.p);
	note_part(b, HS_SUMMARY_SUMS, 0, bytes);
}

static void put_ids(struct hs_summary_builder *b)
{
	size_t n, start, sums;
	const struct hs_summary_id *id;
	struct hs_buf parts;
	char *to;

	b->failed |= !hs_summary_sort_ids(&b->ids, &b->sorted, &n);
	id = (const struct hs_summary_id *)(const void *)b->sorted.p;
	parts = b->parts;           /* is empty */
	b->parts = emptied(b->ids); /* whose pages are in memory; new ones would cost more than the copying */
	b->ids = parts;
	sums = begin_sums(b, n * ID_BYTES);
	start = b->parts.n;
	to = hs_buf_reserve(&b->parts, n * ID_BYTES);
	if (to == NULL || b->failed || !hs_buf_ok(&b->parts))
		return;
	for (size_t i = 0; i < n; i++) {
		memcpy(to + 8 * i, &id[i].first, 8);
		memcpy(to + 8 * (n + i), &id[i].second, 8);
		memcpy(to + 16 * n + 4 * i, &id[i].spooled_s, 4);
	}
	b->parts.n += n * ID_BYTES;
	end_part(b, HS_SUMMARY_IDS, start);
	if (hs_buf_ok(&b->parts))
		end_sums(b, sums, hs_slice(b->parts.p + start, n * ID_BYTES));
}

static void put_bloom(struct hs_summary_builder *b)
{
	size_t start = b->parts.n, owns = b->own.n / sizeof(uint64_t), bytes;
	const uint64_t *own = (const uint64_t *)(const void *)b->own.p;
	const uint64_t *name;
	size_t names;
	char *filter;

	b->failed |= !hs_summary_sort_hashes(&b->names, &b->sorted, &names) || !hs_buf_ok(&b->own);
	name = (const uint64_t *)(const void *)b->sorted.p;
	bytes = hs_bloom_bytes(names + owns);
	filter = hs_buf_reserve(&b->parts, bytes);
	if (filter == NULL || b->failed)
		return;
	memset(filter, 0, bytes);
	for (size_t i = 0; i < names; i++)
		hs_bloom_add((uint32_t *)(void *)filter, bytes, name[i]);
	for (size_t i = 0; i < owns; i++)
		hs_bloom_add((uint32_t *)(void *)filter, bytes, own[i]);
	b->parts.n += bytes;
	end_part(b, HS_SUMMARY_BLOOM, start);
}

static void put_counts(struct hs_summary_builder *b, enum hs_summary_kind kind)
{
	const struct hs_top_counts *t = &b->counts[kind];
	size_t start = b->parts.n;

	hs_summary_counts_put(t, &b->parts);
	end_part(b, kind, start);
}

static void put_parts(struct hs_summary_builder *b)
{
	if (!b->head.rejected && b->head.lines <= HS_SUMMARY_EVENTS_MAX) {
		put_ids(b);
		put_bloom(b);
	}
	for (int kind = HS_SUMMARY_TYPES; kind <= HS_SUMMARY_REASONS; kind++)
		put_counts(b, (enum hs_summary_kind)kind);
}

struct hs_summary *hs_summary_builder_end(struct hs_summary_builder *b, struct hs_slice *parts)
{
	if (b == NULL || b->failed)
		return NULL;
	if (b->carry.n > 0)
		take_torn(b);
	end_day(b);
	if (b->last.n > 0 && !hs_history_hash(b->digest, hs_buf_slice(&b->last), &b->head.last_line))
		b->failed = true;
	if (b->head.odd == 0)
		put_parts(b);
	b->failed |= !hs_buf_ok(&b->parts);
	if (b->failed)
		return NULL;
	hs_summary_seal(&b->head); /* for head_bytes */
	for (uint64_t i = 0; i < b->head.parts; i++)
		b->head.part[i].offset += b->head.head_bytes;
	*parts = hs_buf_slice(&b->parts);
	return &b->head;
}
