/*
 * schema_table: the names of events and of their fields, in memory: how often each came, with which types,
 * and some values.
 *
 * Memory is bounded, whatever senders choose: at most HS_SCHEMA_EVENTS events, HS_SCHEMA_FIELDS fields an
 * event, and HS_SCHEMA_BYTES in all. What comes beyond that is counted and not named.
 *
 * Up to HS_SCHEMA_VALUES different values of a field are kept; when there are more, or when one is longer
 * than HS_SCHEMA_VALUE bytes, a single one stays, as an example. Each value knows the last segment in
 * which it was seen, so that it can go when its last record goes.
 */
#ifndef HS_SCHEMA_TABLE_H
#define HS_SCHEMA_TABLE_H

#include "event/record_fields.h"

#include <stdint.h>

enum {
	HS_SCHEMA_EVENTS = 10000,
	HS_SCHEMA_FIELDS = 1000,    /* of an event */
	HS_SCHEMA_VALUES = 20,      /* of a field */
	HS_SCHEMA_VALUE = 100,      /* bytes of a value */
	HS_SCHEMA_BYTES = 16 << 20, /* of the whole table */
	HS_SCHEMA_EVENT_NAME = 256, /* bytes of an event's name that count */
};
#define HS_SCHEMA_NONE UINT32_MAX

/* JSON types. */
enum { HS_SCHEMA_STRING = 1, HS_SCHEMA_NUMBER = 2, HS_SCHEMA_BOOLEAN = 4, HS_SCHEMA_NULL = 8, HS_SCHEMA_TYPES = 4 };

struct hs_schema_value {
	char *text; /* n bytes: a string decoded, anything else verbatim */
	uint32_t n;
	uint64_t segment; /* the last one in which it was seen */
};

/* The name of an event or of a field, and its key in the hash table. */
struct hs_schema_name {
	char *p;
	uint32_t n;
	uint32_t owner; /* of a field: index of its event; of an event: HS_SCHEMA_NONE */
	uint64_t hash;
};

struct hs_schema_field {
	struct hs_schema_name name; /* must be first */
	uint32_t next;              /* index of the event's next field, or HS_SCHEMA_NONE */
	uint8_t types;              /* bits */
	uint8_t value_count;
	bool many;            /* there are more values than these */
	uint64_t count, mark; /* records that have it; the last one, to count each once */
	int64_t last_ms;
	struct hs_schema_value *value;
};

struct hs_schema_event {
	struct hs_schema_name name; /* must be first: the type and, if it has a name, a NUL and the name */
	uint32_t first, last;       /* its fields, in the order in which they came; or HS_SCHEMA_NONE */
	uint32_t fields;            /* their number */
	uint64_t count;
	uint64_t other;            /* fields of records beyond the limits */
	int64_t first_ms, last_ms; /* by spooled_at; 0: no record had one */
};

/* Zeroed, with a random seed: empty. */
struct hs_schema_table {
	uint64_t seed;
	struct hs_schema_event *event;
	size_t count, cap;
	struct hs_schema_field *field; /* of all events */
	size_t field_count, field_cap;
	uint32_t *slot; /* hash table: 0: free, else 2 + 2 * index, plus 1 for a field */
	size_t slots;
	uint64_t records, other; /* all, and those of events that are not in the table */
	uint64_t marks;          /* counts calls, for hs_schema_field.mark */
	size_t bytes;            /* see HS_SCHEMA_BYTES */
	bool no_memory;          /* an allocation has failed */
	struct hs_buf scratch, decoded;
};

void hs_schema_table_free(struct hs_schema_table *t); /* it is empty then, with the same seed */

/*
 * Takes a record of that segment; without `count` its values alone, for a record that is counted already.
 * False: out of memory.
 */
bool hs_schema_table_add(struct hs_schema_table *t, struct hs_slice line, uint64_t segment, bool count);

/* Drops the values that no segment from `oldest` on has shown; UINT64_MAX: all, as if none had come. */
void hs_schema_table_drop(struct hs_schema_table *t, uint64_t oldest);

/* Parts of an event's name; the second is HS_SLICE_NONE for a type without names. */
struct hs_slice hs_schema_event_type(const struct hs_schema_event *e);
struct hs_slice hs_schema_event_name(const struct hs_schema_event *e);

/* Finds an event by its name's key, a field by its event's index and its name; HS_SCHEMA_NONE. Before sorting. */
uint32_t hs_schema_table_find(const struct hs_schema_table *t, uint32_t owner, struct hs_slice name);

/* Events with the most records first. Nothing can be added or found after that. */
void hs_schema_table_sort(struct hs_schema_table *t);

/*
 * For readers of a catalogue: append an event; a field to the last event; a value to the last field. NULL or false:
 * it is there already, a limit is reached, or memory is out.
 */
struct hs_schema_event *hs_schema_table_put_event(struct hs_schema_table *t, struct hs_slice name);
struct hs_schema_field *hs_schema_table_put_field(struct hs_schema_table *t, struct hs_slice name);
bool hs_schema_table_put_value(struct hs_schema_table *t, struct hs_slice text, uint64_t segment);

#endif
