#include "spool/summary/summary_builder.h"
#include "base/array.h"
#include "base/bloom.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "event/dedup_key.h"
#include "event/id_text.h"
#include "event/top_counts.h"
#include "spool/file/gzip.h"
#include "spool/summary/summary_ids.h"
#include "spool/summary/summary_line.h"
#include "spool/write/rejected.h"

#include <stdlib.h>
#include <string.h>

enum {
	DAY = 10 /* bytes of 2026-11-23 */,
	PENDING = 16,
	SET_FIRST = 1 << 12,
	ID_BYTES = 20,
};
#define DAY_MS INT64_C(86400000)

/*
 * Different hashes: an open-addressing table, 0 for a free slot. The factor is random and odd, so that
 * no sender can choose ids that all begin at one slot.
 */
struct set {
	uint64_t *slot;
	size_t slots, count;
	uint64_t factor;
	uint64_t pending[PENDING]; /* on their way: their slots are being fetched; 0: none */
	unsigned at;
};

struct hs_summary_builder {
	struct hs_summary head;
	bool failed;
	struct hs_buf carry; /* the beginning of a line whose end is not there yet */
	struct hs_json json;
	struct hs_summary_layout layout;
	struct hs_timestamp_minute spooled_minute, event_minute;
	struct hs_digest *digest;
	struct hs_dedup_key_maker maker;
	struct hs_summary_id *id;
	size_t ids, id_room;
	struct set names; /* hashes for BLOOM: of people and groups, which come again and again … */
	uint64_t *own;    /* … and of message ids, which do not */
	size_t owns, own_room;
	struct hs_top_counts counts[HS_SUMMARY_KINDS];
	int64_t day; /* whose text is `day_text` */
	char day_text[HS_TIMESTAMP_TEXT + 1];
	struct hs_buf last; /* the last line */
	struct hs_buf text, parts;
};

struct hs_summary_builder *hs_summary_builder_new(const char spool[static HS_HISTORY_ID], bool rejected,
                                                  uint64_t number)
{
	struct hs_summary_builder *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	memcpy(b->head.spool, spool, sizeof b->head.spool);
	b->head.rejected = rejected;
	b->head.number = number;
	b->day = INT64_MIN;
	hs_json_init(&b->json, hs_io_random());
	b->names.factor = hs_io_random() | 1;
	for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++)
		b->counts[kind].seed = hs_io_random();
	b->digest = hs_digest_new();
	b->failed = !hs_dedup_key_maker_init(&b->maker) || b->digest == NULL;
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
	hs_buf_free(&b->parts);
	free(b->names.slot);
	free(b->own);
	free(b->id);
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

/* --- the set ------------------------------------------------------------------------ */

static size_t first_slot(const struct set *s, uint64_t hash)
{
	return (size_t)(hash * s->factor >> 32) & (s->slots - 1);
}

/* The slot that has the hash, or the free one for it. */
static uint64_t *find_slot(const struct set *s, uint64_t hash)
{
	size_t i = first_slot(s, hash);

	while (s->slot[i] != 0 && s->slot[i] != hash)
		i = (i + 1) & (s->slots - 1);
	return &s->slot[i];
}

static bool grow(struct set *s)
{
	struct set larger = *s;

	larger.slots = s->slots > 0 ? 2 * s->slots : SET_FIRST;
	larger.slot = calloc(larger.slots, sizeof *larger.slot);
	if (larger.slot == NULL)
		return false;
	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i] != 0)
			*find_slot(&larger, s->slot[i]) = s->slot[i];
	free(s->slot);
	*s = larger;
	return true;
}

/* Inserts a hash; 0: none. False: out of memory. */
static bool insert(struct set *s, uint64_t hash)
{
	uint64_t *slot;

	if (hash == 0)
		return true;
	if (2 * s->count >= s->slots && !grow(s))
		return false;
	slot = find_slot(s, hash);
	s->count += *slot == 0;
	*slot = hash;
	return true;
}

/* Like insert, but later, when the slot is in the processor's cache. */
static bool set_add(struct set *s, uint64_t hash)
{
	uint64_t *pending = &s->pending[s->at++ % PENDING], before = *pending;

	*pending = hash + (hash == 0);
	if (s->slots > 0)
		__builtin_prefetch(&s->slot[first_slot(s, *pending)], 1);
	return insert(s, before);
}

static bool set_end(struct set *s)
{
	bool ok = true;

	for (int i = 0; i < PENDING; i++)
		ok = insert(s, s->pending[i]) && ok;
	return ok;
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

static void note_names(struct hs_summary_builder *b, const struct hs_summary_line *line)
{
	static const enum hs_field kinds[] = { HS_FIELD_USER_ID, HS_FIELD_ANONYMOUS_ID, HS_FIELD_PREVIOUS_ID,
		                               HS_FIELD_GROUP_ID };
	const struct hs_record_field *own = &line->field[HS_FIELD_MESSAGE_ID];

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const struct hs_record_field *field = &line->field[kinds[i]];

		if (field->name.p != NULL && !set_add(&b->names, hs_summary_hash(id_text(b, field))))
			b->failed = true;
	}
	if (own->name.p != NULL && HS_ARRAY_ROOM(&b->own, b->owns, &b->own_room))
		b->own[b->owns++] = hs_summary_hash(id_text(b, own));
	else if (own->name.p != NULL)
		b->failed = true;
}

static uint64_t half(const uint8_t *bytes)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

static void note_id(struct hs_summary_builder *b, const struct hs_summary_line *line, int64_t ms)
{
	struct hs_id_scope scope = { line->tenant.value, line->source.value };
	struct hs_dedup_key key;
	bool known;

	if (hs_dedup_key_of_field(&b->maker, &line->field[HS_FIELD_MESSAGE_ID], scope, &known, &key) != HS_OK)
		b->failed = true;
	else if (known && !HS_ARRAY_ROOM(&b->id, b->ids, &b->id_room))
		b->failed = true;
	if (b->failed || !known)
		return;
	b->id[b->ids++] =
	    (struct hs_summary_id){ half(key.bytes), half(key.bytes + 8), (uint32_t)(ms > 0 ? ms / 1000 : 0) };
}

static void count(struct hs_summary_builder *b, enum hs_summary_kind kind, const struct hs_record_field *field,
                  uint64_t bytes)
{
	b->failed |= !hs_top_counts_add_field(&b->counts[kind], field, bytes);
}

static void count_time(struct hs_summary_builder *b, int64_t ms, uint64_t bytes)
{
	struct hs_summary *s = &b->head;

	if (s->timed++ == 0 || ms < s->first_time)
		s->first_time = ms;
	if (s->timed == 1 || ms > s->last_time)
		s->last_time = ms;
	if (b->day != ms / DAY_MS || ms < 0) {
		hs_timestamp_text(ms, b->day_text);
		b->day = ms / DAY_MS;
	}
	b->failed |= !hs_top_counts_add(&b->counts[HS_SUMMARY_DAYS], hs_slice(b->day_text, DAY), bytes);
}

/* More events than a summary has room for: only counts go on. */
static void drop_names(struct hs_summary_builder *b)
{
	free(b->names.slot);
	free(b->own);
	free(b->id);
	b->names = (struct set){ 0 };
	b->own = NULL;
	b->id = NULL;
	b->owns = b->own_room = b->ids = b->id_room = 0;
}

static int64_t note_spooled(struct hs_summary_builder *b, const struct hs_summary_line *line)
{
	struct hs_summary *s = &b->head;
	int64_t ms;

	if (!hs_timestamp_parse_near(&b->spooled_minute, line->spooled_at.value, &ms))
		return 0;
	if (s->first_spooled == 0 || ms < s->first_spooled)
		s->first_spooled = ms;
	if (ms > s->last_spooled)
		s->last_spooled = ms;
	return ms;
}

/* False if the line is not as hookspool writes it. */
static bool take_event(struct hs_summary_builder *b, struct hs_slice text)
{
	uint64_t bytes = text.n + 1;
	struct hs_summary_line line;
	int64_t spooled_ms, ms;
	enum hs_result r = hs_summary_line_read(&line, &b->layout, &b->json, text);

	b->failed |= r == HS_E_MEMORY;
	if (r != HS_OK)
		return false;
	count(b, HS_SUMMARY_TYPES, &line.field[HS_FIELD_TYPE], bytes);
	count(b, HS_SUMMARY_EVENTS, &line.field[HS_FIELD_EVENT], bytes);
	count(b, HS_SUMMARY_TENANTS, &line.tenant, bytes);
	spooled_ms = note_spooled(b, &line);
	if (hs_timestamp_parse_near(&b->event_minute, line.field[HS_FIELD_TIMESTAMP].value, &ms))
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

static void take_line(struct hs_summary_builder *b, struct hs_slice text, bool whole)
{
	struct hs_summary *s = &b->head;

	if (!whole || !(s->rejected ? take_rejected(b, text) : take_event(b, text)))
		s->odd++;
	s->lines++;
}

void hs_summary_builder_line(struct hs_summary_builder *b, struct hs_slice line, bool whole)
{
	if (b == NULL || b->failed)
		return;
	b->head.text_crc = hs_crc32((uint32_t)b->head.text_crc, line);
	if (whole)
		b->head.text_crc = hs_crc32((uint32_t)b->head.text_crc, HS_SLICE("\n"));
	b->head.text_bytes += line.n + whole;
	take_line(b, line, whole);
	if (!whole)
		return;
	hs_buf_reset(&b->last);
	hs_buf_put_slice(&b->last, line);
	b->failed |= !hs_buf_ok(&b->last);
}

/* Takes the lines of the text; what is after the last newline is carried to the next call. */
static void take_lines(struct hs_summary_builder *b, struct hs_slice text)
{
	const char *p = text.p, *end = text.p + text.n, *newline;
	struct hs_slice line = HS_SLICE_NONE;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		line = hs_slice(p, (size_t)(newline - p));
		if (b->carry.n > 0) {
			hs_buf_put_slice(&b->carry, line);
			line = hs_buf_slice(&b->carry);
		}
		take_line(b, line, true);
		hs_buf_reset(&b->carry); /* its bytes stay until the next put */
		p = newline + 1;
	}
	if (line.p != NULL) {
		hs_buf_reset(&b->last);
		hs_buf_put_slice(&b->last, line);
	}
	hs_buf_put(&b->carry, p, (size_t)(end - p));
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

static void put_number(struct hs_buf *out, uint64_t n)
{
	hs_buf_put(out, (const char *)&n, sizeof n);
}

/* Adds zeros until the next byte is at a multiple of n in the file, whose head will have so many bytes. */
static void pad(struct hs_summary_builder *b, size_t head_bytes, size_t n)
{
	while (hs_buf_ok(&b->parts) && (head_bytes + b->parts.n) % n != 0)
		hs_buf_putc(&b->parts, '\0');
}

/* The part has the next bytes from `start` to `end`. */
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
static size_t begin_sums(struct hs_summary_builder *b)
{
	size_t bytes = (b->ids * ID_BYTES + HS_SUMMARY_CHUNK - 1) / HS_SUMMARY_CHUNK * sizeof(uint32_t);

	for (size_t i = 0; i < bytes; i++)
		hs_buf_putc(&b->parts, '\0');
	pad(b, 0, 8);
	return bytes;
}

static void end_sums(struct hs_summary_builder *b, size_t start, size_t bytes, size_t ids_start)
{
	struct hs_slice ids;

	if (!hs_buf_ok(&b->parts))
		return;
	ids = hs_slice(b->parts.p + ids_start, b->ids * ID_BYTES);
	for (size_t i = 0; i < bytes / sizeof(uint32_t); i++) {
		size_t at = i * HS_SUMMARY_CHUNK, left = ids.n - at;
		uint32_t crc = hs_crc32(0, hs_slice(ids.p + at, left < HS_SUMMARY_CHUNK ? left : HS_SUMMARY_CHUNK));

		memcpy(b->parts.p + start + i * sizeof crc, &crc, sizeof crc);
	}
	note_part(b, HS_SUMMARY_SUMS, start, start + bytes);
}

static void put_ids(struct hs_summary_builder *b)
{
	size_t start = b->parts.n;
	char *to = hs_buf_reserve(&b->parts, b->ids * ID_BYTES);

	if (to == NULL)
		return;
	for (size_t i = 0; i < b->ids; i++, to += sizeof b->id->first)
		memcpy(to, &b->id[i].first, sizeof b->id->first);
	for (size_t i = 0; i < b->ids; i++, to += sizeof b->id->second)
		memcpy(to, &b->id[i].second, sizeof b->id->second);
	for (size_t i = 0; i < b->ids; i++, to += sizeof b->id->spooled_s)
		memcpy(to, &b->id[i].spooled_s, sizeof b->id->spooled_s);
	b->parts.n += b->ids * ID_BYTES;
	end_part(b, HS_SUMMARY_IDS, start);
}

static void put_bloom(struct hs_summary_builder *b)
{
	size_t start = b->parts.n, bytes;
	char *filter;

	b->failed |= !set_end(&b->names);
	bytes = hs_bloom_bytes(b->names.count + b->owns);
	filter = hs_buf_reserve(&b->parts, bytes);
	if (filter == NULL)
		return;
	memset(filter, 0, bytes);
	for (size_t i = 0; i < b->names.slots; i++)
		if (b->names.slot[i] != 0)
			hs_bloom_add((uint32_t *)(void *)filter, bytes, b->names.slot[i]);
	for (size_t i = 0; i < b->owns; i++)
		hs_bloom_add((uint32_t *)(void *)filter, bytes, b->own[i]);
	b->parts.n += bytes;
	end_part(b, HS_SUMMARY_BLOOM, start);
}

static void put_counts(struct hs_summary_builder *b, enum hs_summary_kind kind)
{
	const struct hs_top_counts *t = &b->counts[kind];
	size_t start = b->parts.n;

	put_number(&b->parts, t->others.records);
	put_number(&b->parts, t->others.bytes);
	for (size_t i = 0; i < t->count; i++) {
		put_number(&b->parts, t->row[i].records);
		put_number(&b->parts, t->row[i].bytes);
		put_number(&b->parts, t->row[i].n);
		hs_buf_put(&b->parts, t->row[i].name, t->row[i].n);
	}
	end_part(b, kind, start);
}

static void put_parts(struct hs_summary_builder *b)
{
	bool named = !b->head.rejected && b->head.lines <= HS_SUMMARY_EVENTS_MAX;
	size_t bytes = 0, ids_start;

	if (named) {
		b->failed |= !hs_summary_ids_sort(&b->id, &b->ids, &b->id_room);
		bytes = begin_sums(b);
		put_bloom(b);
	}
	for (int kind = HS_SUMMARY_TYPES; kind <= HS_SUMMARY_REASONS; kind++)
		put_counts(b, (enum hs_summary_kind)kind);
	if (!named)
		return;
	if (b->ids * ID_BYTES > HS_SUMMARY_CHUNK)
		pad(b, hs_summary_head_bytes(b->head.parts + 2), HS_SUMMARY_CHUNK);
	ids_start = b->parts.n;
	put_ids(b);
	end_sums(b, 0, bytes, ids_start);
}

struct hs_summary *hs_summary_builder_end(struct hs_summary_builder *b, struct hs_slice *parts)
{
	if (b == NULL || b->failed)
		return NULL;
	if (b->carry.n > 0)
		take_line(b, hs_buf_slice(&b->carry), false);
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
