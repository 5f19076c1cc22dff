#include "schema/schema_table.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/timestamp.h"
#include "event/top_counts.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };
static const struct hs_slice CUT = { "…", sizeof "…" - 1 };

/* --- names -------------------------------------------------------------------------- */

static struct hs_schema_name *name_of(const struct hs_schema_table *t, uint32_t slot)
{
	size_t i = (slot - 2) / 2;

	return slot % 2 == 1 ? &t->field[i].name : &t->event[i].name;
}

static uint64_t hash_of(const struct hs_schema_table *t, uint32_t owner, struct hs_slice name)
{
	return hs_hash(name.p, name.n, t->seed ^ owner);
}

/* The slot of the name, or the free one for it. There are slots. */
static uint32_t *find_slot(const struct hs_schema_table *t, uint32_t owner, struct hs_slice name, uint64_t hash)
{
	for (size_t i = (size_t)hash & (t->slots - 1);; i = (i + 1) & (t->slots - 1)) {
		const struct hs_schema_name *at = t->slot[i] > 0 ? name_of(t, t->slot[i]) : NULL;

		if (at == NULL || (at->hash == hash && at->owner == owner && hs_slice_eq(hs_slice(at->p, at->n), name)))
			return &t->slot[i];
	}
}

uint32_t hs_schema_table_find(const struct hs_schema_table *t, uint32_t owner, struct hs_slice name)
{
	uint32_t slot = t->slots > 0 ? *find_slot(t, owner, name, hash_of(t, owner, name)) : 0;

	return slot == 0 ? HS_SCHEMA_NONE : (slot - 2) / 2;
}

/* Makes the slots of all names anew, `slots` of them. */
static bool place_all(struct hs_schema_table *t, size_t slots)
{
	uint32_t *slot = calloc(slots, sizeof *slot);

	if (slot == NULL)
		return false;
	free(t->slot);
	t->slot = slot;
	t->slots = slots;
	for (uint32_t i = 0; i < t->count + t->field_count; i++) {
		uint32_t value = i < t->count ? 2 + 2 * i : 3 + 2 * (i - (uint32_t)t->count);
		const struct hs_schema_name *name = name_of(t, value);

		*find_slot(t, name->owner, hs_slice(name->p, name->n), name->hash) = value;
	}
	return true;
}

/* Room for one more name: at least half of the slots stay free. */
static bool have_slots(struct hs_schema_table *t)
{
	return 2 * (t->count + t->field_count + 1) <= t->slots ||
	       place_all(t, t->slots > 0 ? 2 * t->slots : FIRST_SLOTS);
}

/* Reserves bytes of the table's bound. */
static bool have_bytes(struct hs_schema_table *t, size_t n)
{
	if (n > HS_SCHEMA_BYTES - t->bytes)
		return false;
	t->bytes += n;
	return true;
}

static char *copy(struct hs_slice s)
{
	char *p = malloc(s.n + 1);

	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

static bool make_name(struct hs_schema_table *t, struct hs_schema_name *name, uint32_t owner, struct hs_slice text)
{
	*name = (struct hs_schema_name){ copy(text), (uint32_t)text.n, owner, hash_of(t, owner, text) };
	t->no_memory |= name->p == NULL;
	return !t->no_memory;
}

/* --- events and fields -------------------------------------------------------------- */

/* The name is not there yet, and `bytes` are reserved. NULL: out of memory. */
static struct hs_schema_event *add_event(struct hs_schema_table *t, struct hs_slice name)
{
	struct hs_schema_event *e;

	t->no_memory |= !have_slots(t) || !HS_ARRAY_ROOM(&t->event, t->count, &t->cap);
	if (t->no_memory)
		return NULL;
	e = &t->event[t->count];
	*e = (struct hs_schema_event){ .first = HS_SCHEMA_NONE, .last = HS_SCHEMA_NONE };
	if (!make_name(t, &e->name, HS_SCHEMA_NONE, name))
		return NULL;
	*find_slot(t, HS_SCHEMA_NONE, name, e->name.hash) = 2 + 2 * (uint32_t)t->count++;
	return e;
}

static struct hs_schema_field *add_field(struct hs_schema_table *t, uint32_t event, struct hs_slice name)
{
	struct hs_schema_event *e = &t->event[event];
	uint32_t i = (uint32_t)t->field_count;
	struct hs_schema_field *f;

	t->no_memory |= !have_slots(t) || !HS_ARRAY_ROOM(&t->field, t->field_count, &t->field_cap);
	if (t->no_memory)
		return NULL;
	f = &t->field[i];
	*f = (struct hs_schema_field){ .next = HS_SCHEMA_NONE };
	if (!make_name(t, &f->name, event, name))
		return NULL;
	*find_slot(t, event, name, f->name.hash) = 3 + 2 * i;
	t->field_count++;
	*(e->first == HS_SCHEMA_NONE ? &e->first : &t->field[e->last].next) = i;
	e->last = i;
	e->fields++;
	return f;
}

static bool may_add_event(struct hs_schema_table *t, struct hs_slice name)
{
	return t->count < HS_SCHEMA_EVENTS && have_bytes(t, sizeof *t->event + name.n);
}

static bool may_add_field(struct hs_schema_table *t, uint32_t event, struct hs_slice name)
{
	return t->event[event].fields < HS_SCHEMA_FIELDS && have_bytes(t, sizeof *t->field + name.n);
}

struct hs_schema_event *hs_schema_table_put_event(struct hs_schema_table *t, struct hs_slice name)
{
	return hs_schema_table_find(t, HS_SCHEMA_NONE, name) == HS_SCHEMA_NONE && may_add_event(t, name)
	           ? add_event(t, name)
	           : NULL;
}

struct hs_schema_field *hs_schema_table_put_field(struct hs_schema_table *t, struct hs_slice name)
{
	uint32_t event = (uint32_t)t->count - 1;

	return t->count > 0 && hs_schema_table_find(t, event, name) == HS_SCHEMA_NONE && may_add_field(t, event, name)
	           ? add_field(t, event, name)
	           : NULL;
}

struct hs_slice hs_schema_event_type(const struct hs_schema_event *e)
{
	const char *end = memchr(e->name.p, '\0', e->name.n);

	return hs_slice(e->name.p, end == NULL ? e->name.n : (size_t)(end - e->name.p));
}

struct hs_slice hs_schema_event_name(const struct hs_schema_event *e)
{
	size_t type = hs_schema_event_type(e).n;

	return type == e->name.n ? HS_SLICE_NONE : hs_slice(e->name.p + type + 1, e->name.n - type - 1);
}

/* --- values ------------------------------------------------------------------------- */

static void drop_value(struct hs_schema_table *t, struct hs_schema_field *f, unsigned i)
{
	t->bytes -= sizeof *f->value + f->value[i].n;
	free(f->value[i].text);
	f->value[i] = f->value[--f->value_count];
}

/* There are more values than are kept; one stays, as an example. */
static void keep_one_value(struct hs_schema_table *t, struct hs_schema_field *f)
{
	f->many = true;
	while (f->value_count > 1)
		drop_value(t, f, f->value_count - 1u);
}

/* Appends a value. Without room for it, it counts as one too many. False: out of memory. */
static bool add_value(struct hs_schema_table *t, struct hs_schema_field *f, struct hs_slice text, uint64_t segment)
{
	struct hs_schema_value *value = f->value;
	char *p;

	if (!have_bytes(t, sizeof *value + text.n)) {
		keep_one_value(t, f);
		return true;
	}
	p = copy(text);
	if ((f->value_count & (f->value_count - 1)) == 0) /* it is full at 0, 1, 2, 4 … */
		value = realloc(f->value, (f->value_count == 0 ? 1 : 2 * (size_t)f->value_count) * sizeof *value);
	if (value != NULL)
		f->value = value;
	if (p == NULL || value == NULL) {
		free(p);
		t->bytes -= sizeof *value + text.n;
		t->no_memory = true;
		return false;
	}
	value[f->value_count++] = (struct hs_schema_value){ p, (uint32_t)text.n, segment };
	return true;
}

bool hs_schema_table_put_value(struct hs_schema_table *t, struct hs_slice text, uint64_t segment)
{
	struct hs_schema_field *f = &t->field[t->field_count - 1];
	uint8_t before = f->value_count;

	return before < HS_SCHEMA_VALUES && text.n <= HS_SCHEMA_VALUE + CUT.n && add_value(t, f, text, segment) &&
	       f->value_count > before;
}

/* From now on one value stays as an example: this one, unless a later segment showed the other. */
static bool set_example(struct hs_schema_table *t, struct hs_schema_field *f, struct hs_slice text, uint64_t segment)
{
	struct hs_slice start = text;

	keep_one_value(t, f);
	if (f->value_count == 1 && f->value[0].segment >= segment)
		return true;
	if (f->value_count == 1)
		drop_value(t, f, 0);
	if (text.n <= HS_SCHEMA_VALUE)
		return add_value(t, f, text, segment);
	start.n = HS_SCHEMA_VALUE;
	while (start.n > 0 && ((unsigned char)text.p[start.n] & 0xC0) == 0x80)
		start.n--;
	hs_buf_reset(&t->decoded);
	hs_buf_put_slice(&t->decoded, start);
	hs_buf_put_slice(&t->decoded, CUT);
	return hs_buf_ok(&t->decoded) && add_value(t, f, hs_buf_slice(&t->decoded), segment);
}

static bool note_text(struct hs_schema_table *t, struct hs_schema_field *f, struct hs_slice text, uint64_t segment)
{
	for (unsigned i = 0; i < f->value_count && !f->many; i++) {
		struct hs_schema_value *value = &f->value[i];

		if (hs_slice_eq(hs_slice(value->text, value->n), text)) {
			value->segment = value->segment < segment ? segment : value->segment;
			return true;
		}
	}
	if (f->many || f->value_count == HS_SCHEMA_VALUES || text.n > HS_SCHEMA_VALUE)
		return set_example(t, f, text, segment);
	return add_value(t, f, text, segment);
}

/* False: out of memory. */
static bool note_value(struct hs_schema_table *t, struct hs_schema_field *f, const struct hs_record_field *from,
                       uint64_t segment)
{
	if (f->many && f->value_count == 1 && f->value[0].segment >= segment) /* most fields, most of the time */
		return true;
	if (!from->is_string && from->value.p[0] == 'n')
		return true;
	if (!from->value_escaped)
		return note_text(t, f, from->value, segment);
	hs_buf_reset(&t->scratch);
	hs_record_field_put(from, &t->scratch);
	return hs_buf_ok(&t->scratch) && note_text(t, f, hs_buf_slice(&t->scratch), segment);
}

static void drop_values(struct hs_schema_table *t, struct hs_schema_field *f, uint64_t oldest)
{
	for (unsigned i = f->value_count; i-- > 0;)
		if (f->value[i].segment < oldest)
			drop_value(t, f, i);
	if (oldest == UINT64_MAX)
		f->many = false;
}

void hs_schema_table_drop(struct hs_schema_table *t, uint64_t oldest)
{
	for (size_t i = 0; i < t->field_count; i++)
		drop_values(t, &t->field[i], oldest);
}

/* --- records ------------------------------------------------------------------------- */

static uint8_t type_of(const struct hs_record_field *field)
{
	if (field->is_string)
		return HS_SCHEMA_STRING;
	switch (field->value.p[0]) {
	case 't':
	case 'f': return HS_SCHEMA_BOOLEAN;
	case 'n': return HS_SCHEMA_NULL;
	default: return HS_SCHEMA_NUMBER;
	}
}

/* Reads the event's key from the start of a record into t->scratch. False: it is none, or no memory. */
static bool read_key(struct hs_schema_table *t, struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	hs_buf_reset(&t->scratch);
	if (!hs_record_field_next(&walk, &field) || !hs_slice_eq(field.name, HS_SLICE("type")) || !field.is_string)
		return false;
	hs_record_field_put(&field, &t->scratch);
	if (t->scratch.n > 0 && memchr(t->scratch.p, '\0', t->scratch.n) != NULL)
		return false;
	if (hs_record_field_next(&walk, &field) && hs_slice_eq(field.name, HS_SLICE("event")) && field.is_string) {
		hs_buf_putc(&t->scratch, '\0');
		hs_buf_reset(&t->decoded);
		hs_record_field_put(&field, &t->decoded);
		hs_buf_put_slice(&t->scratch, hs_top_counts_name(hs_buf_slice(&t->decoded)));
	}
	return hs_buf_ok(&t->scratch) && hs_buf_ok(&t->decoded);
}

/*
 * Finds or makes the record's event; HS_SCHEMA_NONE: it is not in the table. False: out of memory.
 */
static bool find_event(struct hs_schema_table *t, struct hs_slice line, bool make, uint32_t *event)
{
	bool is_record = read_key(t, line);
	struct hs_slice key = hs_buf_slice(&t->scratch);

	*event = HS_SCHEMA_NONE;
	if (!is_record)
		return hs_buf_ok(&t->scratch) && hs_buf_ok(&t->decoded);
	*event = hs_schema_table_find(t, HS_SCHEMA_NONE, key);
	if (*event != HS_SCHEMA_NONE || !make || !may_add_event(t, key))
		return true;
	*event = (uint32_t)t->count;
	return add_event(t, key) != NULL;
}

/*
 * Finds or makes the field of a record; `after` is the index of the field before it in this record, which
 * mostly was the one before it in earlier ones, too. *f is NULL if it is not in the table. False: out of
 * memory.
 */
static bool find_field(struct hs_schema_table *t, uint32_t event, const struct hs_record_field *from, uint32_t after,
                       bool make, struct hs_schema_field **f)
{
	uint32_t guess = after == HS_SCHEMA_NONE ? t->event[event].first : t->field[after].next;
	struct hs_slice name = from->name;

	if (from->name_escaped) {
		struct hs_record_field text = { .value = from->name, .is_string = true, .value_escaped = true };

		hs_buf_reset(&t->decoded);
		hs_record_field_put(&text, &t->decoded);
		if (!hs_buf_ok(&t->decoded))
			return false;
		name = hs_buf_slice(&t->decoded);
	}
	if (guess == HS_SCHEMA_NONE || !hs_slice_eq(hs_slice(t->field[guess].name.p, t->field[guess].name.n), name))
		guess = hs_schema_table_find(t, event, name);
	*f = guess != HS_SCHEMA_NONE ? &t->field[guess] : NULL;
	if (*f != NULL || !make || !may_add_field(t, event, name))
		return true;
	*f = add_field(t, event, name);
	return *f != NULL;
}

static void count_field(struct hs_schema_table *t, struct hs_schema_field *f, const struct hs_record_field *from)
{
	f->types |= type_of(from);
	f->count += f->mark != t->marks;
	f->mark = t->marks;
}

/* Takes the fields of a record. `ms` is when it was spooled. False: out of memory. */
static bool add_fields(struct hs_schema_table *t, uint32_t event, struct hs_slice line, uint64_t segment, bool count,
                       int64_t ms)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field from;
	struct hs_schema_field *f;
	uint32_t after = HS_SCHEMA_NONE;

	while (hs_record_field_next(&walk, &from)) {
		if (!find_field(t, event, &from, after, count, &f))
			return false;
		if (f == NULL) {
			t->event[event].other += count;
			continue;
		}
		after = (uint32_t)(f - t->field);
		if (count)
			count_field(t, f, &from);
		if (count && ms > f->last_ms)
			f->last_ms = ms;
		if (!note_value(t, f, &from, segment))
			return false;
	}
	return true;
}

/* When the record was spooled; 0: not known. No string has this label, since its quotes would be escaped. */
static int64_t spooled_ms(struct hs_slice line)
{
	static const char label[] = "\"spooled_at\":\"";
	const char *at = line.n > 0 ? memmem(line.p, line.n, label, sizeof label - 1) : NULL;
	int64_t ms = 0;

	if (at != NULL && (size_t)(line.p + line.n - at) >= sizeof label - 1 + HS_TIMESTAMP_TEXT)
		hs_timestamp_parse(hs_slice(at + sizeof label - 1, HS_TIMESTAMP_TEXT), &ms);
	return ms > 0 ? ms : 0;
}

bool hs_schema_table_add(struct hs_schema_table *t, struct hs_slice line, uint64_t segment, bool count)
{
	int64_t ms = spooled_ms(line);
	struct hs_schema_event *e;
	uint32_t event;

	if (!find_event(t, line, count, &event))
		return false;
	t->marks++;
	t->records += count;
	if (event == HS_SCHEMA_NONE) {
		t->other += count;
		return true;
	}
	e = &t->event[event];
	if (count) {
		e->count++;
		if (ms > 0 && (e->first_ms == 0 || ms < e->first_ms))
			e->first_ms = ms;
		if (ms > e->last_ms)
			e->last_ms = ms;
	}
	return add_fields(t, event, line, segment, count, ms);
}

/* --- the whole ----------------------------------------------------------------------- */

static int most_first(const void *a, const void *b)
{
	const struct hs_schema_event *x = a, *y = b;
	uint32_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	int order = (x->count < y->count) - (x->count > y->count);

	order = order != 0 ? order : memcmp(x->name.p, y->name.p, n);
	return order != 0 ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

void hs_schema_table_sort(struct hs_schema_table *t)
{
	if (t->count > 0)
		qsort(t->event, t->count, sizeof *t->event, most_first);
}

void hs_schema_table_free(struct hs_schema_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->event[i].name.p);
	for (size_t i = 0; i < t->field_count; i++) {
		while (t->field[i].value_count > 0)
			drop_value(t, &t->field[i], 0);
		free(t->field[i].value);
		free(t->field[i].name.p);
	}
	free(t->event);
	free(t->field);
	free(t->slot);
	hs_buf_free(&t->scratch);
	hs_buf_free(&t->decoded);
	*t = (struct hs_schema_table){ .seed = t->seed };
}
